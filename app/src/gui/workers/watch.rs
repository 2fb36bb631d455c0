//! Whether files have changed on disk, checked every few seconds, and how much memory is free.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::forecast;

/// What is known from a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watched {
    /// The recordings.
    Stories,
    /// The features that are looked at.
    Features,
    /// The features of the fit.
    FitFeatures,
    /// The responses.
    Responses,
    /// Scan times and words.
    Alignment,
    /// The scores that are looked at.
    Scores,
}

/// What is watched.
pub(super) type Request = Vec<(Watched, PathBuf)>;

/// What was found.
pub(super) struct Reply {
    found: Vec<((Watched, PathBuf), u64)>,
    /// Bytes of memory in all, and free.
    memory: (u64, u64),
    took: Duration,
}

/// Looks follow each other at this distance, and further apart where they take long.
const EVERY: Duration = Duration::from_millis(1500);
/// The share of the time that looking may take.
const SHARE: u32 = 20;
/// More entries of a folder would take longer than they are worth.
const MOST_ENTRIES: usize = 20_000;

/// Looks, and remembers what was seen.
pub(super) struct FileWatcher {
    worker: Worker<Request, Reply>,
    seen: BTreeMap<(Watched, PathBuf), u64>,
    next: Instant,
    /// Looks that are on their way.
    n_polls: usize,
    /// What was looked at last.
    last_request: Request,
}

impl FileWatcher {
    pub(super) fn open(waker: &Waker) -> Self {
        let worker = Worker::open(
            "watch",
            waker,
            |request: Request, _: &CancelToken, out: &Replies<Reply>| {
                let begun = Instant::now();
                let print = |watched: (Watched, PathBuf)| {
                    let print = fingerprint(&watched.1);
                    (watched, print)
                };
                out.give(Reply {
                    found: request.into_iter().map(print).collect(),
                    memory: forecast::memory_of_machine(),
                    took: begun.elapsed(),
                });
            },
        );
        Self {
            worker,
            seen: BTreeMap::new(),
            next: Instant::now(),
            n_polls: 0,
            last_request: vec![],
        }
    }

    /// Looks again, if it is time to; at once at what is new, which is being read at this moment.
    pub(super) fn poll(&mut self, request: Request) {
        let is_new = request != self.last_request;
        if is_new || self.n_polls == 0 && Instant::now() >= self.next {
            self.n_polls += 1;
            self.last_request.clone_from(&request);
            // Nothing takes back a look that is on its way: what it sees was there when the files were read.
            self.worker.ask_also(request);
        }
    }

    /// What has changed since it was seen last, and the memory.
    pub(super) fn changes(&mut self) -> Option<(Vec<Watched>, (u64, u64))> {
        let replies: Vec<Reply> = self.worker.replies().collect();
        let last = replies.last()?;
        let memory = last.memory;
        self.next = Instant::now() + EVERY.max(last.took * SHARE);
        self.n_polls -= replies.len().min(self.n_polls);
        let mut changed = vec![];
        for (watched, print) in replies.into_iter().flat_map(|reply| reply.found) {
            let before = self.seen.insert(watched.clone(), print);
            if before.is_some_and(|before| before != print) {
                changed.push(watched.0);
            }
        }
        // Files that are no longer shown may change unnoticed.
        self.seen
            .retain(|watched, _| self.last_request.contains(watched));
        Some((changed, memory))
    }
}

/// What tells a path from the same path after a change: of a file its length and time, of a folder those of its entries.
fn fingerprint(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    note(path, &mut hasher);
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries
        .take(MOST_ENTRIES)
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for entry in entries {
        entry.hash(&mut hasher);
        note(&entry, &mut hasher);
    }
    hasher.finish()
}

fn note(path: &Path, hasher: &mut DefaultHasher) {
    if let Ok(metadata) = path.metadata() {
        metadata.len().hash(hasher);
        metadata.modified().ok().hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_has_changed_has_another_print() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recordings");
        let mut prints = vec![fingerprint(&path)];
        std::fs::create_dir(&path).unwrap();
        prints.push(fingerprint(&path));
        std::fs::write(path.join("a.wav"), "one").unwrap();
        prints.push(fingerprint(&path));
        std::fs::write(path.join("a.wav"), "three").unwrap();
        prints.push(fingerprint(&path));
        std::fs::rename(path.join("a.wav"), path.join("b.wav")).unwrap();
        prints.push(fingerprint(&path));
        assert_eq!(fingerprint(&path), prints[4], "nothing has changed");
        let different: std::collections::BTreeSet<u64> = prints.iter().copied().collect();
        assert_eq!(different.len(), prints.len());
    }

    #[test]
    fn what_changes_between_two_looks_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let waker: Waker = std::sync::Arc::new(|| ());
        let mut watch = FileWatcher::open(&waker);
        let request = vec![(Watched::Stories, folder.path().to_path_buf())];
        let mut poll = || {
            watch.next = Instant::now();
            watch.poll(request.clone());
            let begun = Instant::now();
            loop {
                if let Some((changed, (all, _))) = watch.changes() {
                    assert!(all > 0);
                    return changed;
                }
                assert!(begun.elapsed().as_secs() < 10, "nobody looks");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        assert_eq!(poll(), []);
        std::fs::write(folder.path().join("new.wav"), "").unwrap();
        assert_eq!(poll(), [Watched::Stories]);
        assert_eq!(poll(), []);
    }
}
