//! Stale temporary files of killed runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::check::files_below;
use super::{StoreError, atomic};

/// Age after which an unmodified temporary file is considered abandoned.
pub const STALE_AFTER: Duration = Duration::from_hours(24);
/// Files written block by block, which a fit resumes as long as its journal exists.
const GROWING: [&str; 2] = [".weights.npy.partial", ".predictions.npy.partial"];

/// A stale file of a killed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Finds temporary files at or below `folder` that have not been written to for `stale_after`. Journals are excluded, since
/// runs resume from them.
///
/// # Errors
/// Returns a [`StoreError`] if a folder cannot be listed.
pub fn find_litter(folder: &Path, stale_after: Duration) -> Result<Vec<Leftovers>, StoreError> {
    if !folder.is_dir() {
        return Err(StoreError::NoFolder(folder.to_path_buf()));
    }
    let now = SystemTime::now();
    let leftovers = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let is_temporary = name.starts_with('.') && name.ends_with(".partial");
        if !is_temporary || (GROWING.contains(&name) && has_journal(path.parent()?)) {
            return None;
        }
        let info = std::fs::symlink_metadata(&path).ok()?;
        let age = now.duration_since(info.modified().ok()?).ok()?;
        (info.is_file() && age >= stale_after).then_some(Leftovers {
            bytes: info.len(),
            path,
        })
    };
    Ok(files_below(folder)?
        .into_iter()
        .filter_map(leftovers)
        .collect())
}

/// Removes the files found by [`find_litter`].
///
/// # Errors
/// Returns a [`StoreError`] if a file cannot be removed.
pub fn remove_litter(leftovers: &[Leftovers]) -> Result<(), StoreError> {
    leftovers
        .iter()
        .try_for_each(|file| atomic::remove(&file.path))
}

/// Whether there is an unfinished fit in this folder.
fn has_journal(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder.join(".heschl"));
    let is_journal = |entry: std::fs::DirEntry| {
        let path = entry.path();
        path.extension().is_some_and(|ending| ending == "journal")
    };
    entries.into_iter().flatten().flatten().any(is_journal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_goes_on_with_is_litter() {
        let folder = tempfile::tempdir().unwrap();
        let day = Duration::from_hours(24);
        let old = SystemTime::now() - 2 * day;
        let write = |name: &str, is_old: bool| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "12345").unwrap();
            if is_old {
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(old).unwrap();
            }
            path
        };
        let stale = [
            write("encoder.0/.tale.npz.partial", true),
            write("fit/.weights.npy.partial", true),
            write(".recipe.toml.4711.partial", true),
        ];
        for kept in [".new.npz.partial", "tale.npz", "mine.partial"] {
            write(kept, kept != ".new.npz.partial");
        }
        write(".heschl/tale.journal", true);
        write("goes-on/.weights.npy.partial", true);
        write("goes-on/.heschl/fit.journal", true);
        let found = find_litter(folder.path(), day).unwrap();
        let mut paths: Vec<&Path> = found
            .iter()
            .map(|leftovers| leftovers.path.as_path())
            .collect();
        paths.sort();
        let mut expected: Vec<&Path> = stale.iter().map(PathBuf::as_path).collect();
        expected.sort();
        assert_eq!(paths, expected);
        assert!(found.iter().all(|leftovers| leftovers.bytes == 5));
        remove_litter(&found).unwrap();
        assert_eq!(find_litter(folder.path(), day).unwrap(), []);
        assert!(folder.path().join("goes-on/.weights.npy.partial").exists());
    }
}
