//! Locks, checksums and free space.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use heschl_core::files::disk::{self, DiskFile};
use sha2::{Digest, Sha256};

/// Bytes copied at a time.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Acquires the lock file `path` for the lifetime of the returned file; returns `None` if it is held by another process.
pub(crate) fn lock(path: &Path) -> io::Result<Option<DiskFile>> {
    if let Some(folder) = path.parent() {
        disk::create_folders(folder)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = DiskFile::open(&options, path)?;
    match file.as_file().try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        // Some network file systems do not support locks; work without one there.
        Err(fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(Some(file))
        }
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// `path` with `suffix` appended to its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Length in bytes and SHA-256, in 64 lowercase hexadecimal digits, of a reader's data.
pub(crate) fn sha256(mut reader: impl Read) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(hasher))),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A finished hash in lowercase hexadecimal.
pub(crate) fn hex(hasher: Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a text is a SHA-256 in hexadecimal.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns the free bytes on the file system of `folder`, which need not exist yet; `None` if unknown.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let existing = folder
        .ancestors()
        .find_map(|above| above.canonicalize().ok())?;
    free_at(&existing)
}

/// Queries the file system of the folder itself: network shares, RAM disks and bind mounts are not in the list of disks.
#[cfg(unix)]
fn free_at(existing: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(existing).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_at(existing: &Path) -> Option<u64> {
    let storage = sysinfo::DiskRefreshKind::nothing().with_storage();
    let disks = sysinfo::Disks::new_with_refreshed_list_specifics(storage).ok()?;
    disks
        .iter()
        .filter(|disk| existing.starts_with(disk.mount_point()) && disk.total_space() > 0)
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_standard_s_example() {
        let (bytes, hash) = sha256(&b"abc"[..]).unwrap();
        let published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((bytes, hash.as_str()), (3, published));
        assert!(is_sha256(published) && !is_sha256(&published[1..]));
    }

    /// The free space reported by `df` for a folder's file system.
    #[cfg(target_os = "linux")]
    fn as_df_says(folder: &Path) -> u64 {
        let output = std::process::Command::new("df")
            .args(["--output=avail", "-B1"])
            .arg(folder)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn free_space_is_that_of_the_folder_s_own_file_system() {
        let temporary = tempfile::tempdir().unwrap();
        for folder in [Path::new("/dev/shm"), temporary.path()] {
            let found = free_bytes(&folder.join("not/there/yet")).unwrap();
            // Other processes may write meanwhile.
            let apart = found.abs_diff(as_df_says(folder));
            assert!(apart < 1 << 30, "{}: {apart} bytes apart", folder.display());
        }
    }
}
