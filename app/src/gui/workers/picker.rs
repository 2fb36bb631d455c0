//! The system's dialogs for files and folders, each in a process of its own: one that hangs or dies takes nothing along.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::failure;
use crate::gui::path_purpose::PathPurpose;
use crate::own_program;

/// What is picked, and where the dialog begins.
pub(super) struct Request {
    pub(super) purpose: PathPurpose,
    pub(super) start: Option<PathBuf>,
}

/// What came of it: a path, nothing, or the sentence that says why there was no dialog.
pub(super) struct Reply {
    pub(super) purpose: PathPurpose,
    pub(super) picked: Result<Option<PathBuf>, String>,
}

const LOOK_EVERY: Duration = Duration::from_millis(40);

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open(
        "picker",
        waker,
        |request: Request, cancel: &CancelToken, out: &Replies<Reply>| {
            if request.purpose != PathPurpose::Nothing {
                out.give(Reply {
                    purpose: request.purpose,
                    picked: pick(&request, cancel),
                });
            }
        },
    )
}

fn pick(request: &Request, cancel: &CancelToken) -> Result<Option<PathBuf>, String> {
    let no_dialog = |error: std::io::Error| {
        format!(
            "The file dialog cannot be opened ({error}). Type the path instead, or drop the folder on the window."
        )
    };
    let mut command = own_program::command().map_err(no_dialog)?;
    command.args([
        "pick",
        if request.purpose.is_file() {
            "--file"
        } else {
            "--folder"
        },
    ]);
    command.args(["--title", request.purpose.title()]);
    if let Some(start) = &request.start {
        command.arg("--start").arg(start);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(no_dialog)?;
    let Some(status) = wait(&mut child, cancel).map_err(no_dialog)? else {
        return Ok(None);
    };
    let mut text = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut text).map_err(no_dialog)?;
    }
    let path = text.trim_end_matches(['\n', '\r']);
    if status.success() && !path.is_empty() {
        return Ok(Some(PathBuf::from(path)));
    }
    if status.code() == Some(i32::from(failure::STOPPED)) {
        return Ok(None);
    }
    Err("The file dialog closed unexpectedly. Type the path instead, or drop the folder on the window.".into())
}

/// Waits for the dialog's end; `None` if nobody waits for it any more.
fn wait(
    child: &mut Child,
    cancel: &CancelToken,
) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if cancel.is_cancelled() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
