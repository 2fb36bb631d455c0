//! Downloads a file over HTTP: resumable, verified, and renamed to its final name only when complete.

mod address;
mod error;
mod exchange;
mod part;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::files;
use address::{origin, redirected};
use exchange::{Exchange, Head, Piece, Trouble};
use part::Part;

pub use error::DownloadError;

/// A file to download, and its expected properties.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// URL, `https` or `http`.
    pub url: &'a str,
    /// Access token, sent only to the URL's own host.
    pub token: Option<&'a str>,
    /// Final path, in an existing folder. The partial file has the suffix `.part`.
    pub destination: &'a Path,
    /// Expected size in bytes, if known.
    pub bytes: Option<u64>,
    /// Expected SHA-256 in hexadecimal, if known.
    pub sha256: Option<&'a str>,
}

/// Timeouts and retry limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Timeout of name resolution and of connecting, each.
    pub connect: Duration,
    /// Longest time without any data.
    pub stall: Duration,
    /// Maximum number of consecutive attempts without progress.
    pub attempts: u32,
    /// Pause after the first failed attempt, doubled after each further one.
    pub first_pause: Duration,
    /// Longest pause, even if the server asks for more.
    pub longest_pause: Duration,
    /// Maximum number of redirects per request.
    pub redirects: u32,
    /// Disk space to keep free, bytes.
    pub spare_disk_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            attempts: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            redirects: 8,
            spare_disk_bytes: 64 << 20,
        }
    }
}

/// Progress callback and cancellation check of long-running work.
pub struct Watch<'a> {
    /// Called with the bytes done and the total, if known.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
    /// Polled several times a second; returning `true` cancels the work.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    pub(crate) fn go_on(&self) -> Result<(), DownloadError> {
        if (self.cancelled)() {
            return Err(DownloadError::Cancelled);
        }
        Ok(())
    }
}

/// A completely downloaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lowercase hexadecimal digits.
    pub sha256: String,
    /// The repository's commit, if reported by the server.
    pub commit: Option<String>,
}

/// Downloads a file, resuming an earlier partial download.
///
/// The file gets its final name only after its length and, if known to the caller or the server, its SHA-256 have been
/// verified. A partial download is resumed only if the server confirms that it belongs to the same file.
///
/// # Errors
/// Returns a [`DownloadError`]; [`DownloadError::Unreachable`] is returned within about twice [`Limits::connect`], without
/// retries.
pub fn download(
    request: &Request,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<Arrived, DownloadError> {
    let mut part = Part::open(request.destination)?;
    let mut failures = Failures::default();
    loop {
        watch.go_on()?;
        match attempt(request, limits, &mut part, watch) {
            Ok(arrived) => return Ok(arrived),
            Err(Setback::Final(error)) => return Err(error),
            Err(Setback::Passing { reason, pause, url }) => {
                failures.count(part.bytes());
                let longest = limits.longest_pause;
                // If the server asks for a longer pause than allowed, it is not contacted earlier.
                if failures.in_a_row >= limits.attempts || pause.is_some_and(|p| p > longest) {
                    return Err(DownloadError::Broken {
                        attempts: failures.in_a_row,
                        reason,
                        url,
                    });
                }
                let doubled = limits.first_pause * (1 << (failures.in_a_row - 1).min(16));
                wait(pause.unwrap_or(doubled).min(longest), watch)?;
            }
        }
    }
}

/// A failed attempt: permanent, or worth retrying.
enum Setback {
    Final(DownloadError),
    Passing {
        reason: String,
        /// Pause requested by the server.
        pause: Option<Duration>,
        url: String,
    },
}

impl From<DownloadError> for Setback {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    most_bytes: u64,
}

impl Failures {
    /// Only bytes beyond the furthest point reached so far count as progress; otherwise a server that always cuts a
    /// non-resumable file would be retried for ever.
    fn count(&mut self, bytes: u64) {
        if bytes > self.most_bytes {
            self.in_a_row = 0;
            self.most_bytes = bytes;
        }
        self.in_a_row += 1;
    }
}

fn wait(pause: Duration, watch: &Watch) -> Result<(), DownloadError> {
    let end = Instant::now() + pause;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        watch.go_on()?;
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    watch.go_on()
}

/// One attempt: send the request, follow redirects, receive the body, verify.
fn attempt(
    request: &Request,
    limits: &Limits,
    part: &mut Part,
    watch: &mut Watch,
) -> Result<Arrived, Setback> {
    let mut answer = follow(request, limits, part, watch)?;
    match answer.head.status {
        // The partial file is complete: an earlier run was interrupted between the last byte and the rename.
        416 if part.bytes() > 0 && answer.head.file_bytes == Some(part.bytes()) => {
            let expected = answer.expected_bytes(request)?;
            return verify(&answer, request, part, expected);
        }
        200 => part.restart(answer.identity())?,
        206 if answer.resumes(part) => {}
        206 | 416 => {
            part.restart(part::Identity::default())?;
            return Err(answer.passing("the server could not resume it", None));
        }
        _ => return Err(answer.refusal()),
    }
    let expected = answer.expected_bytes(request)?;
    if expected.is_none() && answer.sha256(request).is_none() {
        return Err(DownloadError::Unverifiable { url: answer.url }.into());
    }
    check_room(part, expected, limits)?;
    take_body(&mut answer, part, expected, limits, watch)?;
    verify(&answer, request, part, expected)
}

/// The response after all redirects.
struct Answer {
    url: String,
    head: Head,
    exchange: Exchange,
    /// Response headers of the first host, which for the Hub is the trusted one.
    first: Head,
}

fn follow(
    request: &Request,
    limits: &Limits,
    part: &mut Part,
    watch: &mut Watch,
) -> Result<Answer, Setback> {
    let home = origin(request.url);
    let mut visited: Vec<String> = Vec::new();
    let mut url = request.url.to_owned();
    let mut first: Option<Head> = None;
    loop {
        let token = request.token.filter(|_| origin(&url) == home);
        let mut exchange = Exchange::start(&url, token, part.resume_headers(), limits);
        let head = match exchange.next(limits, watch) {
            Ok(Piece::Head(head)) => head,
            Ok(_) => return Err(passing("the answer has no head", &url)),
            Err(problem) => return Err(setback(problem, &url)),
        };
        let first_head = first.get_or_insert_with(|| head.clone());
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            let first = first_head.clone();
            return Ok(Answer {
                url,
                head,
                exchange,
                first,
            });
        }
        // The first host identifies the file; a partial download of another file must not be resumed elsewhere.
        part.forget_if_other(head.linked_etag.as_deref())?;
        let next = redirected(&url, head.location.as_deref());
        visited.push(std::mem::take(&mut url));
        url = next.map_err(|reason| nowhere(reason, &visited))?;
        if visited.contains(&url) {
            return Err(nowhere("they run in a circle", &visited));
        }
        if visited.len() as u32 > limits.redirects {
            return Err(nowhere("there are too many", &visited));
        }
    }
}

fn nowhere(reason: &str, visited: &[String]) -> Setback {
    Setback::Final(DownloadError::Redirects {
        reason: reason.to_owned(),
        url: visited.last().cloned().unwrap_or_default(),
    })
}

fn passing(reason: &str, url: &str) -> Setback {
    Setback::Passing {
        reason: reason.to_owned(),
        pause: None,
        url: url.to_owned(),
    }
}

fn setback(problem: Trouble, url: &str) -> Setback {
    match problem {
        Trouble::Cancelled => Setback::Final(DownloadError::Cancelled),
        Trouble::Cut(reason) => passing(&reason, url),
        Trouble::Unreachable(reason) => Setback::Final(DownloadError::Unreachable {
            url: url.to_owned(),
            reason,
        }),
    }
}

impl Answer {
    fn passing(&self, reason: &str, pause: Option<Duration>) -> Setback {
        Setback::Passing {
            reason: reason.to_owned(),
            pause,
            url: self.url.clone(),
        }
    }

    fn refusal(&self) -> Setback {
        let url = self.url.clone();
        Setback::Final(match self.head.status {
            401 | 403 => DownloadError::Denied {
                status: self.head.status,
                url,
            },
            404 | 410 => DownloadError::Missing { url },
            status @ (408 | 429 | 500..=599) => {
                let reason = format!("the server is busy, HTTP status {status}");
                return self.passing(&reason, self.head.retry_after);
            }
            status => DownloadError::Status { status, url },
        })
    }

    fn identity(&self) -> part::Identity {
        part::Identity {
            linked_etag: self.first.linked_etag.clone(),
            etag: self.head.etag.clone(),
        }
    }

    /// Whether the response continues exactly after the existing bytes.
    fn resumes(&self, part: &Part) -> bool {
        let starts_right = self.head.range_start == Some(part.bytes());
        starts_right && part.is_same_file(self.head.etag.as_deref())
    }

    /// The total length, if any source states it; all sources must agree.
    fn expected_bytes(&self, request: &Request) -> Result<Option<u64>, DownloadError> {
        let told = [request.bytes, self.first.linked_bytes, self.head.file_bytes];
        let mut told = told.into_iter().flatten();
        let Some(expected) = told.next() else {
            return Ok(None);
        };
        match told.find(|&other| other != expected) {
            None => Ok(Some(expected)),
            Some(found) => {
                let url = self.url.clone();
                Err(DownloadError::WrongLength {
                    expected,
                    found,
                    url,
                })
            }
        }
    }

    fn sha256(&self, request: &Request) -> Option<String> {
        let linked = self.first.linked_etag.as_deref();
        let told = request
            .sha256
            .or(linked.filter(|text| files::is_sha256(text)));
        told.map(str::to_ascii_lowercase)
    }
}

fn check_room(part: &Part, expected: Option<u64>, limits: &Limits) -> Result<(), DownloadError> {
    let folder = part.folder();
    let (Some(expected), Some(free_bytes)) = (expected, files::free_bytes(folder)) else {
        return Ok(());
    };
    let missing = expected.saturating_sub(part.bytes());
    let needed_bytes = missing.saturating_add(limits.spare_disk_bytes);
    if free_bytes < needed_bytes {
        let folder = folder.to_owned();
        return Err(DownloadError::DiskFull {
            needed_bytes,
            free_bytes,
            folder,
        });
    }
    Ok(())
}

fn take_body(
    answer: &mut Answer,
    part: &mut Part,
    expected: Option<u64>,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<(), Setback> {
    (watch.progress)(part.bytes(), expected);
    loop {
        match answer.exchange.next(limits, watch) {
            Ok(Piece::Bytes(bytes)) => part.append(&bytes)?,
            Ok(Piece::End) => return Ok(()),
            Ok(Piece::Head(_)) => return Err(answer.passing("a second answer came", None)),
            Err(problem) => {
                part.sync()?;
                return Err(setback_in_body(problem, &answer.url));
            }
        }
        if let Some(expected) = expected.filter(|&expected| part.bytes() > expected) {
            let found = part.bytes();
            part.discard()?;
            let url = answer.url.clone();
            return Err(DownloadError::WrongLength {
                expected,
                found,
                url,
            }
            .into());
        }
        (watch.progress)(part.bytes(), expected);
    }
}

/// During the body the server has been reached, so no error means that it is unreachable.
fn setback_in_body(problem: Trouble, url: &str) -> Setback {
    match problem {
        Trouble::Unreachable(reason) => passing(&reason, url),
        other => setback(other, url),
    }
}

fn verify(
    answer: &Answer,
    request: &Request,
    part: &mut Part,
    expected: Option<u64>,
) -> Result<Arrived, Setback> {
    part.sync()?;
    if expected.is_some_and(|expected| part.bytes() < expected) {
        return Err(answer.passing("the connection ended early", None));
    }
    let (bytes, found) = part.hash()?;
    if let Some(expected) = answer.sha256(request).filter(|expected| *expected != found) {
        let was_resumed = part.was_resumed();
        part.discard()?;
        if was_resumed {
            // The earlier part may be the damaged one: retry the whole file.
            return Err(answer.passing("the resumed file was damaged", None));
        }
        let url = answer.url.clone();
        return Err(DownloadError::WrongHash {
            expected,
            found,
            url,
        }
        .into());
    }
    part.finish(request.destination)?;
    Ok(Arrived {
        bytes,
        sha256: found,
        commit: answer.first.commit.clone(),
    })
}
