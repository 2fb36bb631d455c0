//! Every change to files and folders goes through here, so that tests can make any of them fail (see [`faults`]).
//!
//! Anonymous scratch files, which disappear with the process, are the only exception.
#![expect(clippy::disallowed_methods, reason = "the place that may call them")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

#[doc(hidden)]
pub mod faults;

/// An open file that may be changed.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
}

impl DiskFile {
    /// Opens a file with the given options.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened.
    pub fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        let is_new = !path.exists();
        faults::change(&[path], || options.open(path)).map(|file| {
            if is_new {
                faults::begun(path);
            }
            Self {
                file,
                path: path.to_path_buf(),
            }
        })
    }

    /// Creates an empty file, or empties an existing one.
    ///
    /// # Errors
    /// Returns an error if it cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::open(
            OpenOptions::new().write(true).create(true).truncate(true),
            path,
        )
    }

    /// Creates a new file. An existing file of this name is removed first; if it is a link, its target is not touched.
    ///
    /// # Errors
    /// Returns an error if the existing file cannot be removed or the new one cannot be created.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        let create = || Self::open(OpenOptions::new().write(true).create_new(true), path);
        match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_file(path)?;
                create()
            }
            outcome => outcome,
        }
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file for reading and locking.
    #[must_use]
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Returns the file for another process to write to.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// Returns length, kind and times.
    ///
    /// # Errors
    /// Returns an error if they cannot be read.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Writes content and metadata from memory to the disk.
    ///
    /// # Errors
    /// Returns an error if the disk fails.
    pub fn sync_all(&self) -> io::Result<()> {
        faults::change(&[&self.path], || self.file.sync_all())?;
        faults::synced(&self.path);
        Ok(())
    }

    /// Writes the content from memory to the disk, and its length.
    ///
    /// # Errors
    /// Returns an error if the disk fails.
    pub fn sync_data(&self) -> io::Result<()> {
        faults::change(&[&self.path], || self.file.sync_data())?;
        faults::synced(&self.path);
        Ok(())
    }

    /// Truncates the file to `n_bytes`, or extends it by zeros.
    ///
    /// # Errors
    /// Returns an error if the file cannot be changed.
    pub fn set_len(&self, n_bytes: u64) -> io::Result<()> {
        faults::change(&[&self.path], || {
            faults::changing(&self.path, n_bytes);
            self.file.set_len(n_bytes)
        })
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { file, path } = self;
        faults::write(path, bytes, |bytes| {
            faults::changing(path, u64::MAX);
            file.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Creates a folder and its missing parents.
///
/// # Errors
/// Returns an error if one cannot be created.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    faults::change(&[folder], || fs::create_dir_all(folder))
}

/// Renames a file or folder, replacing any existing file. See also [`rename_durably`].
///
/// # Errors
/// Returns an error if it cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::change(&[from, to], || fs::rename(from, to))?;
    faults::renamed(from, to);
    Ok(())
}

/// Renames a synced file or a folder of synced files so that it survives a power failure, replacing any existing file.
///
/// # Errors
/// Returns an error if it cannot be renamed or the disk fails.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    rename(from, to)?;
    sync_folder_of(to)
}

/// Removes a file; if it is a link, its target is not touched.
///
/// # Errors
/// Returns an error if it cannot be removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    faults::change(&[path], || fs::remove_file(path))?;
    faults::synced(path);
    Ok(())
}

/// Removes an empty folder.
///
/// # Errors
/// Returns an error if it cannot be removed, for example because it contains something.
pub fn remove_empty_folder(folder: &Path) -> io::Result<()> {
    faults::change(&[folder], || fs::remove_dir(folder))
}

/// Removes a folder and everything in it.
///
/// # Errors
/// Returns an error if something in it cannot be removed.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    faults::change(&[folder], || fs::remove_dir_all(folder))
}

/// Gives a file a second name on the same file system.
///
/// # Errors
/// Returns an error if the file system cannot do so.
pub fn hard_link(original: &Path, link: &Path) -> io::Result<()> {
    faults::change(&[link], || fs::hard_link(original, link))
}

/// Copies a file and syncs the copy.
///
/// # Errors
/// Returns an error if the file cannot be read or written.
pub fn copy(original: &Path, copy: &Path) -> io::Result<()> {
    let mut source = File::open(original)?;
    let mut target = DiskFile::create(copy)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Makes names in the folder of `path` survive a power failure. On Windows this is implicit, and folders cannot be opened.
///
/// # Errors
/// Returns an error if the disk fails.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        faults::change(&[path], || File::open(folder)?.sync_all())?;
    }
    Ok(())
}

/// Writes a whole file: under a temporary name, synced, then renamed. Of several concurrent writers, the last one wins.
///
/// # Errors
/// Returns an error if the file cannot be written; an existing file is then unchanged.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    static N_WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (process, n) = (
        std::process::id(),
        N_WRITTEN.fetch_add(1, Ordering::Relaxed),
    );
    let temporary = path.with_file_name(format!(".{name}.{process}-{n}.partial"));
    let mut file = DiskFile::create_new(&temporary)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| rename_durably(&temporary, path));
    if written.is_err() {
        // Best effort: the error is returned, and leftovers are found by their name.
        let _ = remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::faults::{Fault, inject};
    use super::*;

    #[test]
    fn an_atomic_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"long content").unwrap();
        write_atomically(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn whatever_fails_the_file_is_the_old_one_or_the_new_one() {
        for fault in Fault::ALL {
            let mut n_kept = 0;
            for n in 1.. {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("a.json");
                fs::write(&path, "old").unwrap();
                let injected = inject(folder.path(), fault, n);
                let written = write_atomically(&path, b"new and longer");
                let content = fs::read(&path).unwrap();
                if !injected.has_struck() {
                    assert!(written.is_ok());
                    assert_eq!(content, b"new and longer");
                    break;
                }
                let is_old = content == b"old";
                assert!(
                    is_old || content == b"new and longer",
                    "{fault:?} at {n}: {content:?}"
                );
                assert!(
                    written.is_err(),
                    "{fault:?} at {n}: an error that nobody was told"
                );
                n_kept += usize::from(is_old);
            }
            // Creating, writing, syncing and renaming come before the new content is in place.
            assert_eq!(n_kept, 4, "{fault:?}");
        }
    }
}
