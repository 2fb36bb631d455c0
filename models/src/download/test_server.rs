//! A small local HTTP server that misbehaves on request. It answers a limited number of requests and stops with its owner.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const MOST_REQUESTS: usize = 500;

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// Returns the first byte of the requested range.
    pub(crate) fn start(&self) -> usize {
        let range = self
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="));
        range
            .and_then(|range| range.strip_suffix('-')?.parse().ok())
            .unwrap_or(0)
    }
}

/// The length announced in a response.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Announced {
    #[default]
    Truth,
    Bytes(usize),
    Nothing,
}

/// A response, possibly faulty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) announced: Announced,
    /// Bytes of the body after which the connection is cut.
    pub(crate) cut_after: Option<usize>,
    /// Delay before the cut.
    pub(crate) silence: Duration,
    /// Delay after each byte.
    pub(crate) drip: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A correct response with an etag that supports ranges.
    pub(crate) fn file(asked: &Asked, content: &[u8]) -> Self {
        let start = asked.start();
        let (status, range) = match start {
            0 => (200, None),
            _ if start >= content.len() => (416, Some(format!("bytes */{}", content.len()))),
            _ => (
                206,
                Some(format!(
                    "bytes {start}-{}/{}",
                    content.len() - 1,
                    content.len()
                )),
            ),
        };
        let mut reply = Self::status(status).with("ETag", "\"v1\"");
        if let Some(range) = range {
            reply = reply.with("Content-Range", range);
        }
        reply.body = content.get(start..).unwrap_or_default().to_vec();
        reply
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers requests with `reply`, which gets the request and the number of earlier ones.
    pub(crate) fn start(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, ended) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().take(MOST_REQUESTS) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that disconnects is part of some tests.
                let _ = stream.and_then(|stream| answer(stream, &log, &reply));
            }
        });
        Self {
            address,
            asked,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    reply: &dyn Fn(&Asked, usize) -> Reply,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let asked = read_request(&stream)?;
    let before = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let reply = reply(&asked, before);
    write!(
        stream,
        "HTTP/1.1 {} X\r\nConnection: close\r\n",
        reply.status
    )?;
    let announced = match reply.announced {
        Announced::Truth => Some(reply.body.len()),
        Announced::Bytes(bytes) => Some(bytes),
        Announced::Nothing => None,
    };
    if let Some(length) = announced {
        write!(stream, "Content-Length: {length}\r\n")?;
    }
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    let body = &reply.body[..reply
        .cut_after
        .unwrap_or(reply.body.len())
        .min(reply.body.len())];
    if reply.drip.is_zero() {
        stream.write_all(body)?;
    } else {
        for byte in body {
            stream.write_all(&[*byte])?;
            std::thread::sleep(reply.drip);
        }
    }
    stream.flush()?;
    if !reply.silence.is_zero() {
        // Ends early if the client disconnects.
        stream.set_read_timeout(Some(reply.silence))?;
        let _ = stream.read(&mut [0]);
    }
    Ok(())
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(stream.take(16 * 1024)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Asked { path, headers })
}
