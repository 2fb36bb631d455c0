//! How a command ends, and the sentence when it cannot.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use heschl_core::remedy::Remedy;
use heschl_core::run::store::atomic;

use crate::remedies::{of_error, with_words};

/// Exit code when all was done.
pub(crate) const DONE: u8 = 0;
/// Exit code when something failed. Wrong arguments give 2.
pub(crate) const FAILED: u8 = 1;
/// Exit code when the user asked for a stop; the same command goes on from there.
pub(crate) const STOPPED: u8 = 3;

/// Names the file into which a process of a job writes its exit code, for a window that was not there to see it end.
pub(crate) const ENDED_FILE: &str = "HESCHL_ENDED_FILE";

/// The error message of this process, if it failed.
static MESSAGE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the error message for [`leave_word`].
pub(crate) fn keep_message(failure: &Failure) {
    if let Ok(mut message) = MESSAGE.lock() {
        *message = Some(failure.message.clone());
    }
}

/// Writes the exit code where [`ENDED_FILE`] says, and below it the error message if there is one.
pub(crate) fn leave_word(code: u8) {
    if let Some(path) = std::env::var_os(ENDED_FILE) {
        let message = MESSAGE.lock().ok().and_then(|message| message.clone());
        let text = message.map_or(code.to_string(), |message| format!("{code}\n{message}"));
        // Without the word, the window says that the job was broken off and can go on, which holds, too.
        let _ = atomic::write(Path::new(&path), text.as_bytes());
    }
}

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Done,
    /// Some of it failed, and it was said what.
    SomeFailed,
    /// The user asked for a stop.
    Stopped,
}

/// Why a command could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A sentence for the user.
    pub(crate) message: String,
    /// What the user can do, best first.
    pub(crate) remedies: Vec<Remedy>,
}

impl Failure {
    /// A failure of which the message says all.
    pub(crate) fn new(message: String) -> Self {
        Self {
            message,
            remedies: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_words(&self.message, &self.remedies))
    }
}

/// Every error of the libraries is a sentence already.
impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            message: error.to_string(),
            remedies: of_error(&error),
        }
    }
}

/// What a command gives.
pub(crate) type CommandResult = Result<Outcome, Failure>;

static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Notes panics instead of printing them: those of a decoder are caught and told as what they mean for the recording.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = Some(panic.to_string());
        }
    }));
}

/// The sentence for an error in the program itself.
pub(crate) fn of_our_own() -> Failure {
    let details = LAST_PANIC
        .lock()
        .ok()
        .and_then(|mut last| last.take())
        .unwrap_or_default();
    Failure::new(format!(
        "This is an error in Heschl, not in what you did. What is done so far is kept; run the same command again to go \
         on. Please report it with these words:\n{details}"
    ))
}
