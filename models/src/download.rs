//! Fetches one file over HTTP: resumed where it stopped, verified, under its final name only when whole.

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

/// What is wanted, and how it will be recognised.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Address, `https` or `http`.
    pub url: &'a str,
    /// Access token, sent to the address's own host and to no other.
    pub token: Option<&'a str>,
    /// Final path; its folder exists. The file grows beside it with `.part` after its name.
    pub destination: &'a Path,
    /// Length in bytes, if known beforehand.
    pub bytes: Option<u64>,
    /// SHA-256 in hex digits, if known beforehand.
    pub sha256: Option<&'a str>,
}

/// How long to wait and how often to try.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest wait for name look-up and for the connection, each.
    pub connect: Duration,
    /// Longest silence; one byte ends a silence.
    pub stall: Duration,
    /// Tries in a row that may bring nothing new.
    pub attempts: u32,
    /// Pause after the first failed try; doubled after each further one.
    pub first_pause: Duration,
    /// Longest pause, also where the server asks for more.
    pub longest_pause: Duration,
    /// Redirects that are followed for one request.
    pub redirects: u32,
    /// Bytes that stay free on the disk.
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

/// How a caller follows work that takes long, and stops it.
pub struct Watch<'a> {
    /// Called with the bytes done and, if known, the bytes in all.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
    /// Asked several times a second; `true` ends the work.
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

/// A file that has arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lowercase hex digits.
    pub sha256: String,
    /// The repository's commit, if the server told it.
    pub commit: Option<String>,
}

/// Fetches a file, resuming a part that an earlier try left.
///
/// The final name appears only after the length and, if the caller or the server told it, the
/// SHA-256 were found right. A part is only resumed if the server vouches for it being the
/// same file.
///
/// # Errors
/// See [`DownloadError`]; [`DownloadError::Unreachable`] comes within about twice
/// [`Limits::connect`], without further tries.
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
                // A server that asks for patience beyond ours is not pestered before.
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

/// How a try failed: for good, or so that another try may help.
enum Setback {
    Final(DownloadError),
    Passing {
        reason: String,
        /// What the server asked for.
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
    /// Only bytes beyond all earlier ones count as progress, or a server that always cuts a file
    /// it cannot resume would be asked for ever.
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

/// One try: ask, follow redirects, take the body, verify.
fn attempt(
    request: &Request,
    limits: &Limits,
    part: &mut Part,
    watch: &mut Watch,
) -> Result<Arrived, Setback> {
    let mut answer = follow(request, limits, part, watch)?;
    match answer.head.status {
        // Nothing is left to send: an earlier run was ended between the last byte and the rename.
        416 if part.bytes() > 0 && answer.head.file_bytes == Some(part.bytes()) => {
            let expected = answer.expected_bytes(request)?;
            return verify(&answer, request, part, expected);
        }
        200 => part.restart(answer.identity())?,
        206 if answer.resumes(part) => {}
        206 | 416 => {
            part.restart(part::Identity::default())?;
            return Err(answer.passing("the server could not go on where it stopped", None));
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

/// The answer at the end of all redirects.
struct Answer {
    url: String,
    head: Head,
    exchange: Exchange,
    /// What the first host said of the file, which for the Hub is the host to be trusted.
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
        // The first host names the file; a part of another file must not be resumed elsewhere.
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

    /// Whether the answer goes on exactly behind the bytes that are there.
    fn resumes(&self, part: &Part) -> bool {
        let starts_right = self.head.range_start == Some(part.bytes());
        starts_right && part.is_same_file(self.head.etag.as_deref())
    }

    /// The whole file's length as far as anybody told it; all who do must agree.
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

/// In the body the server has been reached, so no trouble there means that it cannot be.
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
            // The older part may be the damaged one, so a whole new file gets its chance.
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
