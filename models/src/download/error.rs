//! Why a file did not arrive, in sentences.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The caller asked to stop. What has arrived is kept for the next try.
    #[error("The download was stopped. Start it again to go on where it stopped.")]
    Cancelled,
    /// No connection at all: another source may help.
    #[error(
        "The server cannot be reached ({reason}). \
         Check the network connection and the proxy settings.\nAddress: {url}"
    )]
    Unreachable {
        /// The address asked for.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// Network use is switched off.
    #[error(
        "The file is not on this machine, and HF_HUB_OFFLINE forbids the network. \
         Unset HF_HUB_OFFLINE and try again.\nAddress: {url}"
    )]
    Offline {
        /// The address that was not asked.
        url: String,
    },
    /// The server wants (another) access token.
    #[error(
        "The server refused access (HTTP status {status}). If the model is private or gated, \
         accept its conditions on its page and set HF_TOKEN to your access token.\nAddress: {url}"
    )]
    Denied {
        /// 401 or 403.
        status: u16,
        /// The address asked for.
        url: String,
    },
    /// The server has no such file.
    #[error("The server has no such file. Check the model's name and revision.\nAddress: {url}")]
    Missing {
        /// The address asked for.
        url: String,
    },
    /// The server answered with a status that says neither yes nor no.
    #[error("The server answered with HTTP status {status}. Try again later.\nAddress: {url}")]
    Status {
        /// The status.
        status: u16,
        /// The address asked for.
        url: String,
    },
    /// Redirects in a circle, too many, or to a place that is not followed.
    #[error("The server's redirects lead nowhere ({reason}). Try again later.\nAddress: {url}")]
    Redirects {
        /// What is wrong with them.
        reason: String,
        /// The address of the last one.
        url: String,
    },
    /// The connection broke or fell silent, or the server was busy, again and again.
    #[error(
        "The download failed {attempts} times in a row ({reason}). What has arrived is kept: \
         wait a while and start it again to go on there.\nAddress: {url}"
    )]
    Broken {
        /// Tries without anything new.
        attempts: u32,
        /// What happened the last time.
        reason: String,
        /// The address asked for.
        url: String,
    },
    /// Another length than announced.
    #[error(
        "The file has {found} bytes where {expected} were announced, so it was not kept. \
         Try again later; if it stays so, the server's file has changed.\nAddress: {url}"
    )]
    WrongLength {
        /// Bytes announced.
        expected: u64,
        /// Bytes offered.
        found: u64,
        /// The address asked for.
        url: String,
    },
    /// Other bytes than announced.
    #[error(
        "The file is damaged or not the one expected, so it was not kept (SHA-256 {found}, \
         expected {expected}). Try again; if it stays so, do not trust this source.\nAddress: {url}"
    )]
    WrongHash {
        /// SHA-256 expected.
        expected: String,
        /// SHA-256 of what arrived.
        found: String,
        /// The address asked for.
        url: String,
    },
    /// Neither length nor hash is known, so a cut could not be told from the end.
    #[error(
        "The server tells neither the file's length nor its checksum, so it could not be \
         verified and was not kept.\nAddress: {url}"
    )]
    Unverifiable {
        /// The address asked for.
        url: String,
    },
    /// Not enough room.
    #[error(
        "The disk has {free_bytes} bytes free; {needed_bytes} are needed. Free some space, or set \
         HESCHL_HOME to a folder on another disk.\nFolder: {}", folder.display()
    )]
    DiskFull {
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes free.
        free_bytes: u64,
        /// The folder written to.
        folder: PathBuf,
    },
    /// A file could not be read or written.
    #[error("The file could not be written ({source}). Check the folder's permissions and the \
             disk's free space.\nFile: {}", path.display())]
    File {
        /// What the system said.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl DownloadError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File {
            source,
            path: path.to_owned(),
        }
    }
}
