//! Files that are locked and never written to.

use std::fs::{File, OpenOptions};
use std::path::Path;

/// Opens a lock file, or makes it. What is there is left as it is, and no link is followed: whoever puts one there would have
/// another file opened in its place.
///
/// # Errors
/// If it cannot be made, or is a link.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_empties_nothing_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (precious, link) = (folder.path().join("thesis"), folder.path().join(".lock"));
        std::fs::write(&precious, "years of work").unwrap();
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        assert!(open(&link).is_err());
        assert!(open(&precious).is_ok());
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "years of work");
        let nowhere = folder.path().join("nowhere");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&nowhere, &link).unwrap();
        assert!(open(&link).is_err() && !nowhere.exists());
    }
}
