//! Errors of downloads, with advice for the user.

use std::io;
use std::path::{Path, PathBuf};

/// Errors of downloading a file.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Cancelled by the caller. The partial download is kept for the next attempt.
    #[error("The download was stopped. Start it again to resume.")]
    Cancelled,
    /// No connection could be made; another source may help.
    #[error(
        "The server cannot be reached ({reason}). \
         Check the network connection and the proxy settings.\nAddress: {url}"
    )]
    Unreachable {
        /// The requested URL.
        url: String,
        /// The network error.
        reason: String,
    },
    /// Network access is disabled.
    #[error(
        "The file is not on this machine, and HF_HUB_OFFLINE forbids the network. \
         Unset HF_HUB_OFFLINE and try again.\nAddress: {url}"
    )]
    Offline {
        /// The URL that was not requested.
        url: String,
    },
    /// The server requires an access token, or another one.
    #[error(
        "The server refused access (HTTP status {status}). If the model is private or gated, \
         accept its conditions on its page and set HF_TOKEN to your access token.\nAddress: {url}"
    )]
    Denied {
        /// 401 or 403.
        status: u16,
        /// The requested URL.
        url: String,
    },
    /// The server has no such file.
    #[error("The server has no such file. Check the model's name and revision.\nAddress: {url}")]
    Missing {
        /// The requested URL.
        url: String,
    },
    /// The server answered with an unexpected status.
    #[error("The server answered with HTTP status {status}. Try again later.\nAddress: {url}")]
    Status {
        /// The status.
        status: u16,
        /// The requested URL.
        url: String,
    },
    /// Too many or circular redirects, or an unsupported target.
    #[error("The server's redirects lead nowhere ({reason}). Try again later.\nAddress: {url}")]
    Redirects {
        /// The reason.
        reason: String,
        /// The URL of the last redirect.
        url: String,
    },
    /// The connection repeatedly failed or stalled, or the server was busy.
    #[error(
        "The download failed {attempts} times in a row ({reason}). What has arrived is kept: \
         wait a while and start it again to resume.\nAddress: {url}"
    )]
    Broken {
        /// Number of attempts without progress.
        attempts: u32,
        /// The last error.
        reason: String,
        /// The requested URL.
        url: String,
    },
    /// The length differs from the expected one.
    #[error(
        "The file has {found} bytes where {expected} were announced, so it was not kept. \
         Try again later; if it stays so, the server's file has changed.\nAddress: {url}"
    )]
    WrongLength {
        /// Expected bytes.
        expected: u64,
        /// Bytes found.
        found: u64,
        /// The requested URL.
        url: String,
    },
    /// The checksum differs from the expected one.
    #[error(
        "The file is damaged or not the one expected, so it was not kept (SHA-256 {found}, \
         expected {expected}). Try again; if it stays so, do not trust this source.\nAddress: {url}"
    )]
    WrongHash {
        /// Expected SHA-256.
        expected: String,
        /// SHA-256 of the downloaded file.
        found: String,
        /// The requested URL.
        url: String,
    },
    /// Neither length nor hash is known, so a truncated file could not be detected.
    #[error(
        "The server tells neither the file's length nor its checksum, so it could not be \
         verified and was not kept.\nAddress: {url}"
    )]
    Unverifiable {
        /// The requested URL.
        url: String,
    },
    /// There is not enough disk space.
    #[error(
        "The disk has {free_bytes} bytes free; {needed_bytes} are needed. Free some space, or set \
         HESCHL_HOME to a folder on another disk.\nFolder: {}", folder.display()
    )]
    DiskFull {
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes free.
        free_bytes: u64,
        /// The destination folder.
        folder: PathBuf,
    },
    /// A file could not be read or written.
    #[error("The file could not be written ({source}). Check the folder's permissions and the \
             disk's free space.\nFile: {}", path.display())]
    File {
        /// The error of the operating system.
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
