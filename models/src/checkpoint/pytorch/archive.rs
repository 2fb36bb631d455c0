//! Zip archives of PyTorch checkpoints: `name/data.pkl`, and each storage as `name/data/key`.

use std::io::{Read, Seek};
use std::ops::Range;
use std::path::Path;

use zip::read::ZipReadOptions;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::Storages;
use crate::checkpoint::{CheckpointError, MOST_HEADER_BYTES};

const PICKLE: &str = "data.pkl";
const STORAGES: &str = "data/";
const BYTE_ORDER: &str = "byteorder";
const MOST_BYTE_ORDER_BYTES: u64 = 16;
/// Maximum uncompressed size of a pickle. PyTorch does not compress it, and a small file can expand to any size.
const MOST_UNPACKED_BYTES: u64 = 1 << 20;
/// Maximum number of entries; there is one per tensor, and a few more.
const MOST_ENTRIES: usize = 100_000;

/// Reads the pickle of an archive of `n_bytes`, and locates the storages.
///
/// # Errors
/// Returns a [`CheckpointError`] if the archive is damaged, compressed, big-endian, or holds no pickle.
pub(super) fn read(
    source: impl Read + Seek,
    n_bytes: u64,
    path: &Path,
) -> Result<(Vec<u8>, Storages), CheckpointError> {
    let zip = ZipArchive::new(source).map_err(|error| refused(&error, path))?;
    let mut archive = Archive { zip, n_bytes, path };
    let entries = archive.entries()?;
    let (at, prefix) = archive.pickle(&entries)?;
    archive.check_byte_order(&entries, &prefix)?;
    let most = if entries[at].is_plain {
        MOST_HEADER_BYTES
    } else {
        MOST_UNPACKED_BYTES
    };
    let pickle = archive.content(at, &entries[at], most)?;
    let storages = archive.storages(entries, &prefix)?;
    Ok((pickle, storages))
}

struct Archive<'a, R> {
    zip: ZipArchive<R>,
    n_bytes: u64,
    path: &'a Path,
}

struct ArchiveEntry {
    name: String,
    /// Byte range of the stored data in the file.
    place: Range<u64>,
    n_unpacked_bytes: u64,
    /// Whether it is stored without compression and encryption.
    is_plain: bool,
}

impl<R: Read + Seek> Archive<'_, R> {
    fn damaged(&self, reason: String) -> CheckpointError {
        CheckpointError::Damaged {
            reason,
            path: self.path.to_path_buf(),
        }
    }

    fn unsuited(&self, reason: &str) -> CheckpointError {
        CheckpointError::Unsuited {
            reason: reason.into(),
            path: self.path.to_path_buf(),
        }
    }

    /// All entries, each checked to lie within the file.
    fn entries(&mut self) -> Result<Vec<ArchiveEntry>, CheckpointError> {
        if self.zip.has_duplicate_names() {
            return Err(self.damaged("its zip archive has two entries of one name".into()));
        }
        let n_entries = self.zip.len();
        if n_entries > MOST_ENTRIES {
            return Err(self.damaged(format!("its zip archive has {n_entries} entries")));
        }
        (0..n_entries).map(|index| self.entry(index)).collect()
    }

    fn entry(&mut self, index: usize) -> Result<ArchiveEntry, CheckpointError> {
        let path = self.path;
        let entry = self.zip.by_index_raw(index);
        let entry = entry.map_err(|error| refused(&error, path))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let (n_bytes, n_unpacked_bytes) = (entry.compressed_size(), entry.size());
        let is_stored = entry.compression() == CompressionMethod::Stored;
        let is_plain = is_stored && !entry.encrypted();
        let start = entry.data_start();
        drop(entry);
        let end = start.and_then(|start| start.checked_add(n_bytes));
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= self.n_bytes)) else {
            return Err(CheckpointError::Truncated {
                promised: end.unwrap_or(u64::MAX),
                found: self.n_bytes,
                path: self.path.to_path_buf(),
            });
        };
        if is_plain && n_bytes != n_unpacked_bytes {
            let name = name.escape_debug();
            return Err(self.damaged(format!("its zip archive gives {name} two lengths")));
        }
        Ok(ArchiveEntry {
            name,
            place: start..end,
            n_unpacked_bytes,
            is_plain,
        })
    }

    /// Index of the pickle's entry, and the prefix common to all names.
    fn pickle(&self, entries: &[ArchiveEntry]) -> Result<(usize, String), CheckpointError> {
        let prefix_of = |entry: &ArchiveEntry| {
            let prefix = entry.name.strip_suffix(PICKLE)?;
            (prefix.is_empty() || prefix.ends_with('/')).then(|| prefix.to_string())
        };
        let found = entries.iter().enumerate();
        let found = found.filter_map(|(at, entry)| Some((at, prefix_of(entry)?)));
        found
            .min_by_key(|(_, prefix)| prefix.len())
            .ok_or_else(|| self.damaged("it is a zip archive without a data.pkl".into()))
    }

    fn check_byte_order(
        &mut self,
        entries: &[ArchiveEntry],
        prefix: &str,
    ) -> Result<(), CheckpointError> {
        let name = format!("{prefix}{BYTE_ORDER}");
        // Older versions of PyTorch did not write it, on machines that were all little-endian.
        let Some(at) = entries.iter().position(|entry| entry.name == name) else {
            return Ok(());
        };
        let order = self.content(at, &entries[at], MOST_BYTE_ORDER_BYTES)?;
        if order.trim_ascii() == b"little" {
            return Ok(());
        }
        Err(self.unsuited(
            "its numbers are not written in the little-endian order of bytes. Save it again on a usual computer",
        ))
    }

    /// The uncompressed content of an entry, of at most `most` bytes.
    fn content(
        &mut self,
        at: usize,
        entry: &ArchiveEntry,
        most: u64,
    ) -> Result<Vec<u8>, CheckpointError> {
        let too_long = |claimed| CheckpointError::Header {
            claimed,
            found: self.n_bytes,
            path: self.path.to_path_buf(),
        };
        if entry.n_unpacked_bytes > most {
            return Err(too_long(entry.n_unpacked_bytes));
        }
        // A fuzzer cannot guess checksums.
        let options = ZipReadOptions::new().ignore_crc32(cfg!(fuzzing));
        let path = self.path;
        let refused = |error| refused(&error, path);
        let content = self.zip.by_index_with_options(at, options);
        let mut content = content.map_err(refused)?.take(most + 1);
        let mut bytes = vec![];
        let read = content.read_to_end(&mut bytes);
        drop(content);
        read.map_err(|error| refused(ZipError::Io(error)))?;
        if bytes.len() as u64 > most {
            return Err(too_long(bytes.len() as u64));
        }
        Ok(bytes)
    }

    fn storages(
        &self,
        entries: Vec<ArchiveEntry>,
        prefix: &str,
    ) -> Result<Storages, CheckpointError> {
        let prefix = format!("{prefix}{STORAGES}");
        let mut storages = Storages::new();
        for entry in entries {
            let Some(key) = entry.name.strip_prefix(&prefix) else {
                continue;
            };
            if !entry.is_plain {
                return Err(self.unsuited(
                    "its zip archive is compressed or encrypted, and Heschl reads numbers where they lie. Save it \
                     again with torch.save",
                ));
            }
            storages.insert(key.to_string(), entry.place);
        }
        Ok(storages)
    }
}

fn refused(error: &ZipError, path: &Path) -> CheckpointError {
    CheckpointError::Damaged {
        reason: format!("its zip archive is invalid ({error})"),
        path: path.to_path_buf(),
    }
}
