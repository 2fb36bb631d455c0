//! This program, started anew for jobs, dialogs and trials, also where its file was replaced or removed meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file of this program.
///
/// # Errors
/// A sentence if it is not where it was when it was started.
pub(crate) fn path() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            "Heschl was moved, updated or removed while it ran: close it and open it again",
        ))
    }
}

/// A command that starts this program.
///
/// # Errors
/// As [`path`], on systems where a file that is gone cannot be started.
pub(crate) fn command() -> io::Result<Command> {
    match path() {
        Ok(path) => Ok(Command::new(path)),
        Err(_) if has_running_file() => Ok(Command::new(RUNNING_FILE)),
        Err(error) => Err(error),
    }
}

/// A command that starts `program`, or this program where that is gone.
///
/// # Errors
/// As [`command`].
pub(crate) fn command_of(program: &Path) -> io::Result<Command> {
    if program.is_file() {
        Ok(Command::new(program))
    } else {
        command()
    }
}

/// The file that a process runs, which is there as long as the process. Source: proc(5).
const RUNNING_FILE: &str = "/proc/self/exe";

fn has_running_file() -> bool {
    cfg!(target_os = "linux") && Path::new(RUNNING_FILE).exists()
}
