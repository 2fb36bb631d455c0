//! The partial file next to a destination, with the identity of the file it belongs to.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use heschl_core::files::disk::{self, DiskFile};

use super::DownloadError;
use crate::files;

/// Version of the note next to a partial file; partial files with another version are not resumed.
const NOTE_VERSION: u32 = 1;

/// Identifiers by which a server recognises a version of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Identifier from the first host; for the Hub, the file's SHA-256.
    pub(super) linked_etag: Option<String>,
    /// Identifier from the host that sent the data.
    pub(super) etag: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    identity: Identity,
}

/// A partial file.
pub(super) struct Part {
    path: PathBuf,
    note_path: PathBuf,
    file: DiskFile,
    bytes: u64,
    identity: Identity,
    resumed: bool,
}

impl Part {
    /// Opens the partial file of an earlier attempt, or creates one.
    pub(super) fn open(destination: &Path) -> Result<Self, DownloadError> {
        let path = files::with_suffix(destination, ".part");
        let note_path = files::with_suffix(destination, ".part.json");
        let identity = read_note(&note_path);
        let file = DiskFile::open(
            OpenOptions::new().read(true).append(true).create(true),
            &path,
        )
        .map_err(DownloadError::file(&path))?;
        let bytes = file.metadata().map_err(DownloadError::file(&path))?.len();
        let mut part = Self {
            path,
            note_path,
            file,
            bytes,
            identity: identity.clone().unwrap_or_default(),
            resumed: bytes > 0,
        };
        if identity.is_none() && bytes > 0 {
            part.restart(Identity::default())?;
        }
        Ok(part)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it contains bytes from an earlier connection.
    pub(super) fn was_resumed(&self) -> bool {
        self.resumed
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Returns the request headers for the remainder; empty if the file could not be identified.
    pub(super) fn resume_headers(&mut self) -> Vec<(&'static str, String)> {
        self.resumed = self.bytes > 0;
        if self.bytes == 0 || !self.is_recognisable() {
            return Vec::new();
        }
        let mut headers = vec![("Range", format!("bytes={}-", self.bytes))];
        if let Some(etag) = strong(self.identity.etag.as_deref()) {
            headers.push(("If-Range", etag.to_owned()));
        }
        headers
    }

    fn is_recognisable(&self) -> bool {
        let linked = self.identity.linked_etag.as_deref();
        linked.is_some_and(files::is_sha256) || strong(self.identity.etag.as_deref()).is_some()
    }

    /// Whether a response's etag is compatible with that of the partial file.
    pub(super) fn is_same_file(&self, etag: Option<&str>) -> bool {
        match (self.identity.etag.as_deref(), etag) {
            (Some(known), Some(told)) => known == told,
            _ => true,
        }
    }

    /// Empties the partial file if the first host has replaced the file since.
    pub(super) fn forget_if_other(&mut self, linked: Option<&str>) -> Result<(), DownloadError> {
        let is_other = linked.is_some() && self.identity.linked_etag.as_deref() != linked;
        if is_other && self.bytes > 0 {
            return self.restart(Identity::default());
        }
        Ok(())
    }

    /// Starts over with a file of the given identity.
    pub(super) fn restart(&mut self, identity: Identity) -> Result<(), DownloadError> {
        self.file
            .set_len(0)
            .map_err(DownloadError::file(&self.path))?;
        self.bytes = 0;
        self.resumed = false;
        let note = Note {
            version: NOTE_VERSION,
            identity,
        };
        let text = serde_json::to_vec(&note).unwrap_or_default();
        disk::write_atomically(&self.note_path, &text)
            .map_err(DownloadError::file(&self.note_path))?;
        self.identity = note.identity;
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file
            .write_all(bytes)
            .map_err(DownloadError::file(&self.path))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), DownloadError> {
        self.file
            .sync_all()
            .map_err(DownloadError::file(&self.path))
    }

    /// Returns length and SHA-256 of the data on disk.
    pub(super) fn hash(&self) -> Result<(u64, String), DownloadError> {
        File::open(&self.path)
            .and_then(files::sha256)
            .map_err(DownloadError::file(&self.path))
    }

    /// Discards the data.
    pub(super) fn discard(&mut self) -> Result<(), DownloadError> {
        self.restart(Identity::default())
    }

    /// Renames the verified file to its final name.
    pub(super) fn finish(&mut self, destination: &Path) -> Result<(), DownloadError> {
        disk::rename_durably(&self.path, destination).map_err(DownloadError::file(destination))?;
        // A note without a partial file is harmless, so this error is ignored.
        let _ = disk::remove_file(&self.note_path);
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // An empty partial file is useless. After `finish` neither file exists.
        if self.bytes == 0 {
            let _ = disk::remove_file(&self.path);
            let _ = disk::remove_file(&self.note_path);
        }
    }
}

/// A weak etag does not guarantee identical bytes.
fn strong(etag: Option<&str>) -> Option<&str> {
    etag.filter(|etag| !etag.starts_with("W/") && !etag.is_empty())
}

fn read_note(path: &Path) -> Option<Identity> {
    let note: Note = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (note.version == NOTE_VERSION).then_some(note.identity)
}
