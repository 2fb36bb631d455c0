//! Append-only journal of a story's rows during computation, with a checksum per batch.
//!
//! An interrupted run leaves complete batches and at most one partial one, which is truncated when the journal is reopened.

use std::fs::{File, TryLockError};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic};
use crate::files::disk::DiskFile;

const MAGIC: &[u8; 8] = b"heschlj1";
/// Bytes before the header's text: magic number, length and checksum of the text.
const PREFIX_BYTES: usize = 16;
/// Bytes per batch besides its values: number of rows, and checksum.
const FRAME_BYTES: u64 = 8;
const MOST_HEADER_BYTES: u32 = 1 << 20;
/// Rows are written immediately and synced at least this often, the most that a power failure can lose.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// Everything that must match for a journal to be resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The story.
    pub story: String,
    /// Total number of rows.
    pub n_rows: usize,
    /// Values per row: layers × features.
    pub n_values: usize,
    /// Rows per batch; only the last batch may have fewer.
    pub n_batch_rows: usize,
    /// Additional values per batch, which concern all its rows.
    #[serde(default)]
    pub n_batch_values: usize,
    /// Hash of everything else that affects the values: settings, checksums, versions.
    pub fingerprint: String,
}

impl JournalHeader {
    /// Whether rows written under this header can be resumed under another: everything but the batch size must match.
    fn goes_with(&self, other: &Self) -> bool {
        let same_batches = Self {
            n_batch_rows: self.n_batch_rows,
            ..other.clone()
        };
        *self == same_batches && self.n_batch_rows > 0 && self.n_values > 0
    }

    /// Number of rows in a batch of `n_batch` values.
    fn n_rows_of(&self, n_batch: usize) -> usize {
        n_batch.saturating_sub(self.n_batch_values) / self.n_values
    }
}

/// A number type that can be journaled.
pub trait JournalValue: Copy {
    /// Size in the file, bytes.
    const BYTES: usize;
    /// Appends its little-endian bytes.
    fn append_to(self, bytes: &mut Vec<u8>);
    /// Decodes it from little-endian bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! journal_value {
    ($number:ty) => {
        impl JournalValue for $number {
            const BYTES: usize = size_of::<Self>();
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn from_bytes(bytes: &[u8]) -> Self {
                bytes
                    .as_array()
                    .map_or(0.0, |bytes| Self::from_le_bytes(*bytes))
            }
        }
    };
}
journal_value!(f32);
journal_value!(f64);

/// A journal of rows of numbers, locked by this process.
#[derive(Debug)]
pub struct Journal<V = f32> {
    file: DiskFile,
    path: PathBuf,
    header: JournalHeader,
    n_header_bytes: u64,
    n_rows_done: usize,
    synced: Instant,
    values: PhantomData<V>,
}

/// The contents of a journal when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It was new.
    Nothing,
    /// Matching rows, which are kept.
    Rows(usize),
    /// Rows with other settings, audio or model, which were dropped.
    Foreign,
}

impl<V: JournalValue> Journal<V> {
    /// Opens the journal at `path`, or creates it, and drops contents that do not match `header`.
    ///
    /// # Errors
    /// Returns [`StoreError::InUse`] if another process is writing to it, and other [`StoreError`]s if it cannot be read or
    /// written.
    pub fn open(path: &Path, header: JournalHeader) -> Result<(Self, Found), StoreError> {
        let failed = |source| StoreError::write(source, path);
        if let Some(folder) = path.parent() {
            atomic::create_folder(folder)?;
            refuse_linked_folder(folder)?;
        }
        let mut file = atomic::open_own(path)?;
        lock(file.as_file(), path)?;
        let existing = read_header(&mut file).map_err(failed)?;
        let mut journal = Self {
            file,
            path: path.to_path_buf(),
            header,
            n_header_bytes: 0,
            n_rows_done: 0,
            synced: Instant::now(),
            values: PhantomData,
        };
        match existing {
            Some((existing, n_bytes)) if existing.goes_with(&journal.header) => {
                journal.header = existing;
                journal.n_header_bytes = n_bytes;
                journal.keep_whole_batches()?;
                let n_rows = journal.n_rows_done;
                Ok((journal, Found::Rows(n_rows)))
            }
            existing => {
                journal.begin()?;
                let found = existing.map_or(Found::Nothing, |_| Found::Foreign);
                Ok((journal, found))
            }
        }
    }

    /// Returns the rows per batch. A resumed journal keeps its original batch size, so that sums are identical.
    #[must_use]
    pub fn n_batch_rows(&self) -> usize {
        self.header.n_batch_rows
    }

    /// Drops all rows.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.n_rows_done = 0;
        self.begin()
    }

    /// Returns the values per row.
    #[must_use]
    pub fn n_values(&self) -> usize {
        self.header.n_values
    }

    /// Returns the number of completed rows.
    #[must_use]
    pub fn n_rows_done(&self) -> usize {
        self.n_rows_done
    }

    /// Whether all rows are complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.n_rows_done == self.header.n_rows
    }

    /// Appends one batch, `(rows, layers × features)` in C order, followed by its additional values.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written; earlier batches stay valid.
    pub fn append(&mut self, values: &[V]) -> Result<(), StoreError> {
        let n_rows = self.header.n_rows_of(values.len());
        let mut frame = Vec::with_capacity(values.len() * V::BYTES + FRAME_BYTES as usize);
        frame.extend((n_rows as u32).to_le_bytes());
        for value in values {
            value.append_to(&mut frame);
        }
        frame.extend(crc32fast::hash(&frame).to_le_bytes());
        self.file
            .write_all(&frame)
            .map_err(|source| self.failed(source))?;
        self.n_rows_done += n_rows;
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Syncs appended batches to disk.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the disk fails.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.file
            .sync_data()
            .map_err(|source| self.failed(source))?;
        self.synced = Instant::now();
        Ok(())
    }

    /// Passes every batch to `take`, in order: its rows, and its additional values.
    ///
    /// # Errors
    /// Returns the error of `take`, or a [`StoreError`] if the journal cannot be read.
    pub fn for_each_batch(
        &mut self,
        mut take: impl FnMut(&[V], &[V]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::read(source, &path);
        self.file
            .seek(SeekFrom::Start(self.n_header_bytes))
            .map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 20, self.file.as_file());
        let mut batch = BatchReader::<V>::new(&self.header);
        let mut n_rows = 0;
        while n_rows < self.n_rows_done {
            let Some(values) = batch.next(&mut reader, n_rows).map_err(failed)? else {
                return Err(failed(ErrorKind::UnexpectedEof.into()));
            };
            n_rows += self.header.n_rows_of(values.len());
            let (rows, of_all) = values.split_at(values.len() - self.header.n_batch_values);
            take(rows, of_all)?;
        }
        Ok(())
    }

    /// Removes the journal after use.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be removed.
    pub fn remove(self) -> Result<(), StoreError> {
        if cfg!(windows) {
            // Windows cannot remove an open file.
            drop(self.file);
            return atomic::remove(&self.path);
        }
        atomic::remove(&self.path)
    }

    fn failed(&self, source: std::io::Error) -> StoreError {
        StoreError::write(source, &self.path)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&self.header).map_err(|error| self.failed(error.into()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&text).to_le_bytes());
        bytes.extend(text);
        self.n_header_bytes = bytes.len() as u64;
        let begun = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(&bytes));
        begun.map_err(|source| self.failed(source))?;
        self.sync()?;
        atomic::sync_folder_of(&self.path)
    }

    /// Counts the valid batches and truncates what follows.
    fn keep_whole_batches(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::read(source, &path);
        let mut reader = BufReader::with_capacity(1 << 20, self.file.as_file());
        let mut batch = BatchReader::<V>::new(&self.header);
        let mut n_bytes = self.n_header_bytes;
        while let Some(values) = batch.next(&mut reader, self.n_rows_done).map_err(failed)? {
            self.n_rows_done += self.header.n_rows_of(values.len());
            n_bytes += (values.len() * V::BYTES) as u64 + FRAME_BYTES;
        }
        let cut = self
            .file
            .set_len(n_bytes)
            .and_then(|()| self.file.seek(SeekFrom::Start(n_bytes)));
        cut.map(drop).map_err(|source| self.failed(source))
    }
}

/// Rejects a `.heschl` folder that is a symbolic link, through which files elsewhere would be written.
pub(super) fn refuse_linked_folder(folder: &Path) -> Result<(), StoreError> {
    let is_own = folder.file_name().is_some_and(|name| name == ".heschl");
    let is_link = std::fs::symlink_metadata(folder).is_ok_and(|info| info.is_symlink());
    if is_own && is_link {
        return Err(StoreError::Link(folder.to_path_buf()));
    }
    Ok(())
}

/// Removes the journal at `path`, if there is one and no process is writing to it.
///
/// # Errors
/// Returns a [`StoreError`] if the file cannot be removed.
pub(crate) fn clear_journal(path: &Path) -> Result<(), StoreError> {
    if !std::fs::symlink_metadata(path).is_ok_and(|info| info.is_file()) {
        return Ok(());
    }
    let Ok(file) = File::open(path) else {
        return Ok(());
    };
    match lock(&file, path) {
        Err(StoreError::InUse(_)) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => atomic::remove(path),
    }
}

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    match file.try_lock() {
        // Some network file systems do not support locks; there, avoiding concurrent runs is up to the user.
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(source)) => Err(StoreError::write(source, path)),
    }
}

/// The header and its length in bytes; `None` if missing or incomplete.
fn read_header(file: &mut DiskFile) -> std::io::Result<Option<(JournalHeader, u64)>> {
    let mut prefix = [0; PREFIX_BYTES];
    if !fill(file, &mut prefix)? || prefix[..8] != *MAGIC {
        return Ok(None);
    }
    let number = |at: usize| {
        u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]])
    };
    if number(8) > MOST_HEADER_BYTES {
        return Ok(None);
    }
    let mut text = vec![0; number(8) as usize];
    if !fill(file, &mut text)? || crc32fast::hash(&text) != number(12) {
        return Ok(None);
    }
    let header = serde_json::from_slice(&text).ok();
    Ok(header.map(|header| (header, (PREFIX_BYTES + text.len()) as u64)))
}

/// Reads consecutive batches into one buffer.
struct BatchReader<V> {
    n_rows: usize,
    n_values: usize,
    n_batch_rows: usize,
    n_batch_values: usize,
    bytes: Vec<u8>,
    values: Vec<V>,
}

impl<V: JournalValue> BatchReader<V> {
    fn new(header: &JournalHeader) -> Self {
        Self {
            n_rows: header.n_rows,
            n_values: header.n_values,
            n_batch_rows: header.n_batch_rows,
            n_batch_values: header.n_batch_values,
            bytes: Vec::new(),
            values: Vec::new(),
        }
    }

    /// The batch that begins at row `first_row`; `None` if missing or incomplete.
    fn next(&mut self, source: &mut impl Read, first_row: usize) -> std::io::Result<Option<&[V]>> {
        let n_rows = self.n_batch_rows.min(self.n_rows - first_row);
        if n_rows == 0 {
            return Ok(None);
        }
        let n_values = n_rows * self.n_values + self.n_batch_values;
        self.bytes
            .resize(n_values * V::BYTES + FRAME_BYTES as usize, 0);
        if !fill(source, &mut self.bytes)? {
            return Ok(None);
        }
        let (content, checksum) = self.bytes.split_at(self.bytes.len() - 4);
        let (count, values) = content.split_at(4);
        if count != (n_rows as u32).to_le_bytes()
            || checksum != crc32fast::hash(content).to_le_bytes()
        {
            return Ok(None);
        }
        self.values.clear();
        self.values
            .extend(values.chunks_exact(V::BYTES).map(V::from_bytes));
        Ok(Some(&self.values))
    }
}

/// Fills the buffer; returns false if the source ends early.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match source.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fingerprint: &str) -> JournalHeader {
        JournalHeader {
            story: "wheretheressmoke".into(),
            n_rows: 5,
            n_values: 3,
            n_batch_rows: 2,
            n_batch_values: 0,
            fingerprint: fingerprint.into(),
        }
    }

    fn batch(first: usize, n_rows: usize) -> Vec<f32> {
        (0..n_rows * 3).map(|i| (first * 3 + i) as f32).collect()
    }

    fn everything(journal: &mut Journal) -> Vec<f32> {
        let mut all = Vec::new();
        journal
            .for_each_batch(|rows, of_all| {
                all.extend_from_slice(rows);
                all.extend_from_slice(of_all);
                Ok(())
            })
            .unwrap();
        all
    }

    /// Writes three batches, truncates the file at every length, reopens, completes, and compares.
    #[test]
    fn cut_anywhere_it_keeps_whole_batches_and_can_be_completed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let (mut journal, found) = Journal::<f32>::open(&path, header("a")).unwrap();
        assert_eq!(found, Found::Nothing);
        for (first, n_rows) in [(0, 2), (2, 2), (4, 1)] {
            journal.append(&batch(first, n_rows)).unwrap();
        }
        assert!(journal.is_complete());
        let whole = everything(&mut journal);
        assert_eq!(whole, batch(0, 5));
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        for n_bytes in 0..bytes.len() {
            std::fs::write(&path, &bytes[..n_bytes]).unwrap();
            let (mut journal, _) = Journal::<f32>::open(&path, header("a")).unwrap();
            assert!(!journal.is_complete(), "cut to {n_bytes} bytes");
            while !journal.is_complete() {
                let first = journal.n_rows_done();
                journal.append(&batch(first, 2.min(5 - first))).unwrap();
            }
            assert_eq!(everything(&mut journal), whole, "cut to {n_bytes} bytes");
        }
    }

    #[test]
    fn what_a_batch_has_beside_its_rows_is_kept_and_torn_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        // More additional values than a row has.
        let header = || JournalHeader {
            n_batch_values: 4,
            ..header("a")
        };
        let (mut journal, _) = Journal::<f32>::open(&path, header()).unwrap();
        for (first, n_rows) in [(0, 2), (2, 2), (4, 1)] {
            let of_all = [first as f32 + 0.5; 4];
            let values = [batch(first, n_rows), of_all.to_vec()].concat();
            journal.append(&values).unwrap();
        }
        assert!(journal.is_complete());
        let mut found = Vec::new();
        let take = |rows: &[f32], of_all: &[f32]| {
            found.push((rows.to_vec(), of_all.to_vec()));
            Ok(())
        };
        journal.for_each_batch(take).unwrap();
        assert_eq!(found[1], (batch(2, 2), vec![2.5; 4]));
        assert_eq!(found[2], (batch(4, 1), vec![4.5; 4]));
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let reopened = Journal::<f32>::open(&path, header()).unwrap().1;
        assert_eq!(reopened, Found::Rows(4));
        // Journals from versions without additional values can be resumed.
        let old = serde_json::json!({
            "story": "a", "n_rows": 5, "n_values": 3, "n_batch_rows": 2, "fingerprint": "a"
        });
        let old: JournalHeader = serde_json::from_value(old).unwrap();
        assert_eq!(old.n_batch_values, 0);
    }

    #[test]
    fn a_changed_byte_ends_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let (mut journal, _) = Journal::<f32>::open(&path, header("a")).unwrap();
        journal.append(&batch(0, 2)).unwrap();
        journal.append(&batch(2, 2)).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        let in_second_batch = bytes.len() - 10;
        bytes[in_second_batch] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(
            Journal::<f32>::open(&path, header("a")).unwrap().1,
            Found::Rows(2)
        );
    }

    #[test]
    fn rows_of_other_settings_are_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let (mut journal, _) = Journal::<f32>::open(&path, header("a")).unwrap();
        journal.append(&batch(0, 2)).unwrap();
        drop(journal);
        let (journal, found) = Journal::<f32>::open(&path, header("b")).unwrap();
        assert_eq!((journal.n_rows_done(), found), (0, Found::Foreign));
    }

    #[test]
    fn two_processes_cannot_write_one_story() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let _first = Journal::<f32>::open(&path, header("a")).unwrap();
        let error = Journal::<f32>::open(&path, header("a")).unwrap_err();
        assert!(matches!(error, StoreError::InUse(_)), "{error}");
    }
}
