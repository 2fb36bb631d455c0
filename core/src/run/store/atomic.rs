//! Atomic file writes: a file appears under its final name complete, or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files::disk::{self, DiskFile};

/// A file under construction, stored under a temporary name next to its destination until [`AtomicFile::commit`].
///
/// Removed if dropped without a commit.
#[derive(Debug)]
pub struct AtomicFile {
    file: DiskFile,
    temporary: PathBuf,
    path: PathBuf,
    committed: bool,
}

impl AtomicFile {
    /// Creates the temporary file for `path`, and missing parent folders. Only one process may do so at a time; leftovers
    /// of a killed process are overwritten.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the folder or the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        create_folder_of(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.partial"));
        let file =
            DiskFile::create_new(&temporary).map_err(|source| StoreError::write(source, path))?;
        Ok(Self {
            file,
            temporary,
            path: path.to_path_buf(),
            committed: false,
        })
    }

    /// Returns the final path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the temporary path.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the content to disk, under the temporary name.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file
            .sync_all()
            .map_err(|source| StoreError::write(source, &self.path))
    }

    /// Renames the file to its final name, replacing any existing file. Call [`AtomicFile::sync`] first.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be renamed.
    pub fn commit(mut self) -> Result<(), StoreError> {
        rename(&self.temporary, &self.path)?;
        self.committed = true;
        Ok(())
    }
}

fn create_folder_of(path: &Path) -> Result<(), StoreError> {
    create_folder(path.parent().unwrap_or_else(|| Path::new(".")))
}

/// Creates a folder and its missing parents.
///
/// # Errors
/// Returns a [`StoreError`] if one cannot be created.
pub fn create_folder(folder: &Path) -> Result<(), StoreError> {
    disk::create_folders(folder).map_err(|source| StoreError::write(source, folder))
}

/// Opens one of Heschl's own files for reading and writing, or creates it; existing content is kept.
///
/// # Errors
/// Returns [`StoreError::Link`] if it is a symbolic link or has several hard links, since the file may belong to something
/// else, and other [`StoreError`]s if it cannot be opened.
pub fn open_own(path: &Path) -> Result<DiskFile, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let link = || StoreError::Link(path.to_path_buf());
    let is_link = || fs::symlink_metadata(path).is_ok_and(|info| info.is_symlink());
    if cfg!(not(unix)) && is_link() {
        return Err(link());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits() as i32);
    }
    let file = DiskFile::open(&options, path).map_err(|source| {
        if is_link() {
            link()
        } else {
            StoreError::write(source, path)
        }
    })?;
    let info = file
        .metadata()
        .map_err(|source| StoreError::write(source, path))?;
    #[cfg(unix)]
    let has_other_name = std::os::unix::fs::MetadataExt::nlink(&info) > 1;
    #[cfg(not(unix))]
    let has_other_name = false;
    if !info.is_file() || has_other_name {
        return Err(link());
    }
    Ok(file)
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the next attempt truncates a file of this name anyway.
            let _ = disk::remove_file(&self.temporary);
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writes a whole file atomically: under a temporary name, synced to disk, then renamed. Of several concurrent writers, the
/// last one wins.
///
/// # Errors
/// Returns a [`StoreError`] if the file cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    create_folder_of(path)?;
    disk::write_atomically(path, content).map_err(|source| StoreError::write(source, path))
}

/// Durably renames a synced file, replacing any existing file.
///
/// # Errors
/// Returns a [`StoreError`] if the file cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    disk::rename_durably(from, to).map_err(|source| StoreError::write(source, to))
}

/// Durably removes a file, if it exists.
///
/// # Errors
/// Returns a [`StoreError`] if the file cannot be removed.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match disk::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StoreError::write(source, path)),
    }
}

/// Makes a new file, a rename or a removal survive a power failure.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    disk::sync_folder_of(path).map_err(|source| StoreError::write(source, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn no_link_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::write(&outside, "precious").unwrap();
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        for kind in ["symbolic", "hard"] {
            let link = |name: &str| {
                let path = inside.join(name);
                if kind == "symbolic" {
                    std::os::unix::fs::symlink(&outside, &path).unwrap();
                } else {
                    fs::hard_link(&outside, &path).unwrap();
                }
                path
            };
            let own = link("journal");
            assert!(matches!(open_own(&own), Err(StoreError::Link(_))), "{kind}");
            fs::remove_file(own).unwrap();
            link(".story.npz.partial");
            let mut file = AtomicFile::create(&inside.join("story.npz")).unwrap();
            file.write_all(b"features").unwrap();
            file.sync().unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read(inside.join("story.npz")).unwrap(), b"features");
            link("record");
            write(&inside.join("record"), b"new").unwrap();
            assert_eq!(fs::read(inside.join("record")).unwrap(), b"new");
            assert_eq!(fs::read(&outside).unwrap(), b"precious", "{kind}");
            fs::remove_dir_all(&inside).unwrap();
            fs::create_dir(&inside).unwrap();
        }
        let dangling = inside.join("dangling");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
        assert!(matches!(open_own(&dangling), Err(StoreError::Link(_))));
        assert!(!folder.path().join("nowhere").exists());
        let own = inside.join("own");
        open_own(&own).unwrap().write_all(b"kept").unwrap();
        open_own(&own).unwrap();
        assert_eq!(fs::read(own).unwrap(), b"kept");
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a.txt");
        write(&path, b"first").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"second, which is never finished").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        drop(file);
        assert_eq!(
            fs::read_dir(folder.path().join("below")).unwrap().count(),
            1
        );
        write(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
