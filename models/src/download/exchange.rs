//! One HTTP request, run on its own thread so that waiting can always be interrupted.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};

use super::address::origin;
use super::{Limits, Watch};
use crate::files::CHUNK_BYTES;

/// Chunks queued for writing; bounds memory if the disk is slower than the network.
const WAITING_CHUNKS: usize = 16;
/// Interval at which a waiting caller checks for cancellation.
const POLL: Duration = Duration::from_millis(50);

/// Response headers that describe the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) etag: Option<String>,
    /// The Hub's identifier of the stored file, its SHA-256 for large files, without quotes.
    pub(super) linked_etag: Option<String>,
    pub(super) linked_bytes: Option<u64>,
    pub(super) commit: Option<String>,
    /// Length of the whole file.
    pub(super) file_bytes: Option<u64>,
    /// Start of a partial response.
    pub(super) range_start: Option<u64>,
}

/// Parts of a response, in order: header, data, end.
pub(super) enum Piece {
    Head(Head),
    Bytes(Vec<u8>),
    End,
}

/// Why a response ended early.
pub(super) enum Trouble {
    Cancelled,
    Unreachable(String),
    Cut(String),
}

/// A request in progress. Dropping it cancels the response.
pub(super) struct Exchange {
    pieces: Receiver<Result<Piece, Trouble>>,
}

impl Exchange {
    pub(super) fn start(
        url: &str,
        token: Option<&str>,
        mut headers: Vec<(&'static str, String)>,
        limits: &Limits,
    ) -> Self {
        let (sender, pieces) = sync_channel(WAITING_CHUNKS);
        if let Some(token) = token {
            headers.push(("Authorization", format!("Bearer {token}")));
        }
        let agent = agent(url, limits);
        let url = url.to_owned();
        let thread = std::thread::Builder::new().name("download".to_owned());
        let on_thread = sender.clone();
        let spawned = thread.spawn(move || ask(&agent, &url, &headers, &on_thread));
        if let Err(error) = spawned {
            let _ = sender.try_send(Err(Trouble::Cut(error.to_string())));
        }
        Self { pieces }
    }

    /// Waits for the next part, up to the stall timeout.
    pub(super) fn next(&mut self, limits: &Limits, watch: &Watch) -> Result<Piece, Trouble> {
        // Name resolution and connection precede the header, each with its own timeout.
        let longest = limits.stall + 2 * limits.connect;
        let start = Instant::now();
        loop {
            match self.pieces.recv_timeout(POLL) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Cut("the connection ended".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) if (watch.cancelled)() => {
                    return Err(Trouble::Cancelled);
                }
                Err(RecvTimeoutError::Timeout) if start.elapsed() > longest => {
                    return Err(Trouble::Cut("the server fell silent".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn agent(url: &str, limits: &Limits) -> Agent {
    // Institutions add their own certificates to the system's.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // A compressed response has another length and cannot be resumed.
        .accept_encoding("identity")
        .user_agent(concat!("heschl/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.stall))
        .timeout_per_read(Some(limits.stall));
    let config = if is_this_machine(url) {
        config.proxy(None)
    } else {
        config
    };
    config.build().new_agent()
}

/// A remote proxy could not reach a server on this machine.
fn is_this_machine(url: &str) -> bool {
    let origin = origin(url);
    let host = origin.split("://").nth(1).unwrap_or_default();
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

fn ask(
    agent: &Agent,
    url: &str,
    headers: &[(&'static str, String)],
    sender: &SyncSender<Result<Piece, Trouble>>,
) {
    let mut question = agent.get(url);
    for (name, value) in headers {
        question = question.header(*name, value);
    }
    match question.call() {
        Err(error) => {
            let _ = sender.send(Err(before_the_head(&error)));
        }
        Ok(answer) => send_answer(answer, sender),
    }
}

fn send_answer(answer: Response<Body>, sender: &SyncSender<Result<Piece, Trouble>>) {
    let head = Head::read(answer.status().as_u16(), answer.headers());
    let has_body = matches!(head.status, 200 | 206);
    if sender.send(Ok(Piece::Head(head))).is_err() || !has_body {
        return;
    }
    let mut reader = answer.into_body().into_reader();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let piece = match reader.read(&mut chunk) {
            Ok(0) => Ok(Piece::End),
            Ok(n) => {
                chunk.truncate(n);
                Ok(Piece::Bytes(chunk))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(Trouble::Cut(error.to_string())),
        };
        let goes_on = matches!(piece, Ok(Piece::Bytes(_)));
        if sender.send(piece).is_err() || !goes_on {
            return;
        }
    }
}

/// An error before the header means that the server is unreachable, unless it closed the connection.
fn before_the_head(error: &Error) -> Trouble {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock,
    };
    use ureq::Timeout::{Connect, Resolve};
    let reason = error.to_string();
    let is_cut = match error {
        Error::Io(error) => matches!(
            error.kind(),
            UnexpectedEof
                | ConnectionReset
                | ConnectionAborted
                | BrokenPipe
                | TimedOut
                | WouldBlock
        ),
        Error::Timeout(timeout) => !matches!(timeout, Resolve | Connect),
        Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::BodyStalled => true,
        _ => false,
    };
    if is_cut {
        Trouble::Cut(reason)
    } else {
        Trouble::Unreachable(reason)
    }
}

impl Head {
    fn read(status: u16, headers: &HeaderMap) -> Self {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
        let number = |name: &str| text(name)?.parse::<u64>().ok();
        let (range_start, range_total) = content_range(text("content-range").as_deref());
        Self {
            status,
            location: text("location"),
            retry_after: number("retry-after").map(Duration::from_secs),
            etag: text("etag"),
            linked_etag: text("x-linked-etag").map(|etag| unquoted(&etag)),
            linked_bytes: number("x-linked-size"),
            commit: text("x-repo-commit"),
            file_bytes: if matches!(status, 206 | 416) {
                range_total
            } else {
                number("content-length")
            },
            range_start,
        }
    }
}

/// An etag without quotes and weakness marker.
fn unquoted(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Start and total of `bytes 5-9/10`.
fn content_range(text: Option<&str>) -> (Option<u64>, Option<u64>) {
    let range = text.and_then(|text| text.strip_prefix("bytes "));
    let Some((span, total)) = range.and_then(|range| range.split_once('/')) else {
        return (None, None);
    };
    let start = span.split('-').next().and_then(|start| start.parse().ok());
    (start, total.parse().ok())
}
