//! Guard against an output folder being replaced during a run.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;

/// An output folder, kept open so that its identity cannot be reused.
#[derive(Debug, Clone)]
pub struct OutputFolderGuard {
    path: PathBuf,
    /// `None` on platforms where folders cannot be opened.
    file: Option<Arc<File>>,
}

impl OutputFolderGuard {
    /// Opens an existing folder.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = cfg!(unix)
            .then(|| File::open(path))
            .transpose()
            .map_err(|source| StoreError::read(source, path))?;
        Ok(Self {
            path: path.to_path_buf(),
            file: file.map(Arc::new),
        })
    }

    /// Checks that the path still refers to the folder that was opened.
    ///
    /// # Errors
    /// Returns [`StoreError::Vanished`] if it does not.
    pub fn verify(&self) -> Result<(), StoreError> {
        let is_same = match &self.file {
            Some(file) => is_same(file, &self.path),
            None => self.path.is_dir(),
        };
        if is_same {
            Ok(())
        } else {
            Err(StoreError::Vanished(self.path.clone()))
        }
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(held), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_same(_file: &File, path: &Path) -> bool {
    path.is_dir()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_taken_away_is_not_the_one_that_took_its_place() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let held = OutputFolderGuard::open(&path).unwrap();
        held.verify().unwrap();
        std::fs::remove_dir(&path).unwrap();
        assert!(matches!(held.verify(), Err(StoreError::Vanished(_))));
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(held.verify(), Err(StoreError::Vanished(_))));
        let link = around.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        OutputFolderGuard::open(&link).unwrap().verify().unwrap();
    }
}
