//! Saves films of the cortex, on a thread of its own.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::film_file::FilmStep;
use crate::gui::figure::FilmExport;

/// The window is told this often.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// What the thread tells.
pub(super) enum Reply {
    /// So many frames of all are done.
    Progress([usize; 2]),
    /// The film is saved, or was stopped; and what else there is to say.
    Ended(Option<PathBuf>, Option<String>),
    /// It cannot be saved.
    Failed(String),
}

/// The thread.
pub(super) struct FilmWorker {
    worker: Worker<(FilmExport, CancelToken), Reply>,
    /// Stops the film that is being saved. A token of its own: the worker's would swallow the reply.
    stop: CancelToken,
}

impl FilmWorker {
    pub(super) fn open(waker: &Waker) -> Self {
        Self {
            worker: open(waker),
            stop: CancelToken::default(),
        }
    }

    /// Saves a film.
    pub(super) fn save(&mut self, film: FilmExport) {
        self.stop = CancelToken::default();
        self.worker.ask_also((film, self.stop.clone()));
    }

    /// Stops the film that is being saved.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn replies(&self) -> impl Iterator<Item = Reply> {
        self.worker.replies()
    }
}

fn open(waker: &Waker) -> Worker<(FilmExport, CancelToken), Reply> {
    let save = |(film, stop): (FilmExport, CancelToken), _: &CancelToken, out: &Replies<Reply>| {
        let told = Mutex::new(None::<Instant>);
        let n_frames = AtomicUsize::new(0);
        let tell = |step: FilmStep| {
            let (FilmStep::Drawn(n) | FilmStep::Written(n)) = step;
            let Ok(mut told) = told.lock() else {
                return;
            };
            if told.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
                *told = Some(Instant::now());
                out.give(Reply::Progress([n, n_frames.load(Ordering::Relaxed)]));
            }
        };
        let know = |n: usize| n_frames.store(n, Ordering::Relaxed);
        out.give(match film.save(&tell, &know, &stop) {
            Ok((path, notice)) => Reply::Ended(path, notice),
            Err(failure) => Reply::Failed(failure.message),
        });
    };
    Worker::open("film", waker, save)
}
