//! Faults for tests: the n-th change below a folder fails, or the process "dies" there.
//!
//! As in the test file systems of databases, a dead process is one whose later changes never reach the disk.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happens at the n-th change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed; a write gets half its bytes onto the disk.
    Killed,
    /// The computer loses power: as [`Fault::Killed`], and whatever was appended to a file since its last sync is lost.
    PowerLost,
    /// That change fails; a write gets half its bytes onto the disk.
    Once(DiskError),
    /// That change and all after it fail.
    FromThenOn(DiskError),
}

impl Fault {
    /// One of each kind.
    pub const ALL: [Self; 8] = [
        Self::Killed,
        Self::PowerLost,
        Self::Once(DiskError::Full),
        Self::FromThenOn(DiskError::Full),
        Self::Once(DiskError::Broken),
        Self::Once(DiskError::OverQuota),
        Self::FromThenOn(DiskError::ReadOnly),
        Self::Once(DiskError::Denied),
    ];

    /// Whether the process lives on and can report an error.
    #[must_use]
    pub fn leaves_process_alive(self) -> bool {
        !matches!(self, Self::Killed | Self::PowerLost)
    }

    fn error(self) -> io::Error {
        match self {
            Self::Killed | Self::PowerLost => io::Error::other("the process is dead"),
            Self::Once(error) | Self::FromThenOn(error) => error.into(),
        }
    }
}

/// Errors of disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskError {
    /// No space left (`ENOSPC`).
    Full,
    /// The device fails (`EIO`).
    Broken,
    /// The user's quota is used up (`EDQUOT`).
    OverQuota,
    /// The file system was mounted again for reading only (`EROFS`), as Linux does after faults.
    ReadOnly,
    /// Permission was withdrawn (`EACCES`), as network shares do.
    Denied,
}

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Full => io::ErrorKind::StorageFull.into(),
            // It has no kind of its own.
            DiskError::Broken => Self::from_raw_os_error(if cfg!(windows) { 1117 } else { 5 }),
            DiskError::OverQuota => io::ErrorKind::QuotaExceeded.into(),
            DiskError::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            DiskError::Denied => io::ErrorKind::PermissionDenied.into(),
        }
    }
}

/// A fault below a folder, until dropped.
#[derive(Debug)]
pub struct Injection {
    folder: PathBuf,
}

struct State {
    fault: Fault,
    at: usize,
    n_changes: usize,
    /// Lengths at their last sync, bytes, of files changed since.
    unsynced: BTreeMap<PathBuf, u64>,
}

static N_INJECTIONS: AtomicUsize = AtomicUsize::new(0);
static INJECTIONS: Mutex<BTreeMap<PathBuf, State>> = Mutex::new(BTreeMap::new());

fn injections() -> MutexGuard<'static, BTreeMap<PathBuf, State>> {
    INJECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the `n`-th change below `folder` fail, counted from 1.
#[must_use]
pub fn inject(folder: &Path, fault: Fault, n: usize) -> Injection {
    let state = State {
        fault,
        at: n,
        n_changes: 0,
        unsynced: BTreeMap::new(),
    };
    N_INJECTIONS.fetch_add(1, Ordering::SeqCst);
    injections().insert(folder.to_path_buf(), state);
    Injection {
        folder: folder.to_path_buf(),
    }
}

impl Injection {
    /// Whether the n-th change was reached.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        injections()
            .get(&self.folder)
            .is_some_and(|state| state.n_changes >= state.at)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        injections().remove(&self.folder);
        N_INJECTIONS.fetch_sub(1, Ordering::SeqCst);
    }
}

enum Verdict {
    Proceed,
    /// Half a write reaches the disk, then the error is returned.
    FailNow(Fault),
    Fail(Fault),
}

/// Calls `act` with the state of the injection that covers one of the paths, if there is one.
fn with_state<T>(paths: &[&Path], act: impl FnOnce(&mut State) -> T) -> Option<T> {
    if N_INJECTIONS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut all = injections();
    let covers = |folder: &Path| paths.iter().any(|path| path.starts_with(folder));
    let state = all
        .iter_mut()
        .find_map(|(folder, state)| covers(folder).then_some(state));
    state.map(act)
}

fn verdict(paths: &[&Path]) -> Verdict {
    let judged = with_state(paths, |state| {
        state.n_changes += 1;
        let is_after = state.n_changes > state.at;
        let lasts = !matches!(state.fault, Fault::Once(_));
        if state.n_changes == state.at {
            if state.fault == Fault::PowerLost {
                lose_unsynced(&state.unsynced);
            }
            Verdict::FailNow(state.fault)
        } else if is_after && lasts {
            Verdict::Fail(state.fault)
        } else {
            Verdict::Proceed
        }
    });
    judged.unwrap_or(Verdict::Proceed)
}

#[expect(clippy::disallowed_methods, reason = "the fault itself")]
fn lose_unsynced(files: &BTreeMap<PathBuf, u64>) {
    for (path, n_bytes) in files {
        if let Ok(file) = OpenOptions::new().write(true).open(path) {
            // A file that was meanwhile removed has nothing to lose.
            let _ = file.set_len(*n_bytes);
        }
    }
}

pub(super) fn change<T>(paths: &[&Path], act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match verdict(paths) {
        Verdict::Proceed => act(),
        Verdict::FailNow(fault) | Verdict::Fail(fault) => Err(fault.error()),
    }
}

pub(super) fn write(
    path: &Path,
    bytes: &[u8],
    act: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    match verdict(&[path]) {
        Verdict::Proceed => act(bytes),
        Verdict::FailNow(fault @ Fault::PowerLost) | Verdict::Fail(fault) => Err(fault.error()),
        Verdict::FailNow(fault) => {
            act(&bytes[..bytes.len() / 2])?;
            Err(fault.error())
        }
    }
}

/// Notes that a file was created: it has nothing on the disk.
pub(super) fn begun(path: &Path) {
    with_state(&[path], |state| {
        state.unsynced.insert(path.to_path_buf(), 0)
    });
}

/// Notes that a file is about to be changed, to at most `n_bytes`.
pub(super) fn changing(path: &Path, n_bytes: u64) {
    with_state(&[path], |state| {
        let length = fs::metadata(path).map_or(0, |info| info.len());
        let synced = state.unsynced.entry(path.to_path_buf()).or_insert(length);
        *synced = n_bytes.min(*synced);
    });
}

/// Notes that a file is on the disk, or gone.
pub(super) fn synced(path: &Path) {
    with_state(&[path], |state| state.unsynced.remove(path));
}

/// Notes the new name of a file, or of a folder of files.
pub(super) fn renamed(from: &Path, to: &Path) {
    with_state(&[from, to], |state| {
        let unsynced = std::mem::take(&mut state.unsynced);
        state.unsynced = unsynced
            .into_iter()
            .filter(|(path, _)| !path.starts_with(to))
            .map(|(path, n_bytes)| match path.strip_prefix(from) {
                Ok(rest) if rest.as_os_str().is_empty() => (to.to_path_buf(), n_bytes),
                Ok(rest) => (to.join(rest), n_bytes),
                Err(_) => (path, n_bytes),
            })
            .collect();
    });
}
