//! A named thread that answers requests of one kind, always the newest one.

use crate::gui::waker::Waker;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use heschl_core::run::progress::CancelToken;

use crate::gui::loading::Loading;

/// A thread that answers questions of type `Q` with any number of answers of type `A`.
///
/// A new question cancels the one before it: nobody waits for what is no longer asked, and an answer to it that comes
/// late is dropped. The thread ends with the worker.
pub(crate) struct Worker<Q, A> {
    /// `None` once no more is asked.
    requests: Option<Sender<(Q, CancelToken)>>,
    replies: Receiver<(A, CancelToken)>,
    current: CancelToken,
    thread: Option<JoinHandle<()>>,
}

/// Where the one who answers puts the answers.
pub(crate) struct Replies<A> {
    to: Sender<(A, CancelToken)>,
    /// Of the question that is being answered.
    token: CancelToken,
    waker: Waker,
}

impl<A> Replies<A> {
    /// Gives one answer and wakes the window.
    pub(crate) fn give(&self, reply: A) {
        // The window may have closed meanwhile.
        let _ = self.to.send((reply, self.token.clone()));
        (self.waker)();
    }
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread that answers requests with `reply`.
    pub(crate) fn open(
        name: &str,
        waker: &Waker,
        mut reply: impl FnMut(Q, &CancelToken, &Replies<A>) + Send + 'static,
    ) -> Self {
        let (requests, last_request) = mpsc::channel::<(Q, CancelToken)>();
        let (to, replies) = mpsc::channel();
        let waker = waker.clone();
        let workers = move || {
            for (request, token) in last_request {
                if !token.is_cancelled() {
                    let out = Replies {
                        to: to.clone(),
                        token: token.clone(),
                        waker: waker.clone(),
                    };
                    reply(request, &token, &out);
                }
            }
        };
        // Without a thread nothing is answered, and the page goes on saying that it waits.
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(workers)
            .ok();
        Self {
            requests: Some(requests),
            replies,
            current: CancelToken::default(),
            thread,
        }
    }

    /// Asks, in place of whatever was asked before.
    pub(crate) fn ask(&mut self, request: Q) {
        self.ask_or_withdraw(Some(request));
    }

    /// Asks in place of whatever was asked before, or only takes that back.
    pub(crate) fn ask_or_withdraw(&mut self, request: Option<Q>) {
        self.current.cancel();
        self.current = CancelToken::default();
        if let Some(request) = request {
            self.ask_also(request);
        }
    }

    /// Asks besides what was asked before.
    pub(crate) fn ask_also(&mut self, request: Q) {
        if let Some(requests) = &self.requests {
            let _ = requests.send((request, self.current.clone()));
        }
    }

    /// Waits until everything that was asked is answered; nothing can be asked after.
    pub(crate) fn finish(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// The answers that have come since the last look, but for those to questions that were taken back.
    pub(crate) fn replies(&self) -> impl Iterator<Item = A> {
        let wanted = |(reply, token): (A, CancelToken)| (!token.is_cancelled()).then_some(reply);
        self.replies.try_iter().filter_map(wanted)
    }
}

/// A worker with its latest request: a reply counts only for the request that it answers.
pub(crate) struct LatestRequest<Q, A> {
    worker: Worker<Q, A>,
    last_request: Option<Q>,
    /// What is known may have changed since.
    is_stale: bool,
}

impl<Q: Clone + PartialEq + Send + 'static, A: Send + 'static> LatestRequest<Q, A> {
    /// A worker without a request yet.
    pub(crate) fn of(worker: Worker<Q, A>) -> Self {
        Self {
            worker,
            last_request: None,
            is_stale: false,
        }
    }

    /// Asks, unless the answer is known or on its way. The answer to another question is forgotten at once; one that may
    /// have changed stays until the new one comes.
    pub(crate) fn want<T>(&mut self, request: Option<Q>, known: &mut Loading<T>) {
        if request != self.last_request || request.is_none() && self.is_stale {
            *known = Loading::of(request.is_some());
        } else if !self.is_stale {
            return;
        }
        self.ask(request);
    }

    /// Asks as [`LatestRequest::want`] does; what is shown stays until the answer comes.
    pub(crate) fn want_beside<T>(&mut self, request: Option<Q>, known: &mut Loading<T>) {
        if request.is_none() || known.ready().is_none() {
            return self.want(request, known);
        }
        if request != self.last_request || self.is_stale {
            self.ask(request);
        }
    }

    fn ask(&mut self, request: Option<Q>) {
        self.is_stale = false;
        self.last_request.clone_from(&request);
        self.worker.ask_or_withdraw(request);
    }

    /// Forgets the answer to any other question than this one, and asks nothing.
    pub(crate) fn discard_others<T>(&mut self, request: Option<&Q>, known: &mut Loading<T>) {
        if self.last_request.is_some() && self.last_request.as_ref() != request {
            *known = Loading::Nothing;
            self.ask(None);
        }
    }

    /// Has it asked again when it is wanted next: the answer may have changed.
    pub(crate) fn refresh(&mut self) {
        self.is_stale = true;
    }

    /// The question that is known or on its way.
    pub(crate) fn last(&self) -> Option<&Q> {
        self.last_request.as_ref()
    }

    /// The answers that have come since the last look.
    pub(crate) fn replies(&self) -> impl Iterator<Item = A> {
        self.worker.replies()
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        self.current.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use std::time::{Duration, Instant};

    /// Answers with the question; the first only once it is taken back.
    fn worker() -> Worker<u32, u32> {
        let waker: Waker = Arc::new(|| ());
        let reply = |request: u32, token: &CancelToken, out: &Replies<u32>| {
            let begun = Instant::now();
            while request == 1 && !token.is_cancelled() && begun.elapsed().as_secs() < 5 {
                std::thread::sleep(Duration::from_millis(1));
            }
            out.give(request);
        };
        Worker::open("test", &waker, reply)
    }

    #[test]
    fn only_the_last_question_is_answered() {
        let mut worker = worker();
        for request in [1, 2, 3] {
            worker.ask(request);
            if request == 1 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        worker.finish();
        assert_eq!(worker.replies().collect::<Vec<_>>(), [3]);
    }

    /// Waits for an answer and takes it.
    fn take(asking: &LatestRequest<u32, u32>, known: &mut Loading<u32>) {
        let begun = Instant::now();
        while begun.elapsed().as_secs() < 5 {
            if let Some(reply) = asking.replies().last() {
                *known = Loading::Ready(reply);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no answer came");
    }

    #[test]
    fn what_is_known_is_never_the_answer_to_another_question() {
        let (mut asking, mut known) = (LatestRequest::of(worker()), Loading::Nothing);
        asking.want(Some(2), &mut known);
        assert_eq!(known, Loading::Waiting);
        take(&asking, &mut known);
        assert_eq!(known, Loading::Ready(2));
        asking.want(Some(3), &mut known);
        assert_eq!(known, Loading::Waiting);
        take(&asking, &mut known);
        // It may have changed: what is known stays until the new answer comes.
        asking.refresh();
        asking.want(Some(3), &mut known);
        assert_eq!(known, Loading::Ready(3));
        take(&asking, &mut known);
        // Nothing is asked any more, whether or not it may have changed.
        for is_stale in [false, true] {
            asking.want(Some(2), &mut known);
            take(&asking, &mut known);
            if is_stale {
                asking.refresh();
            }
            asking.want(None, &mut known);
            assert_eq!(known, Loading::Nothing);
        }
        asking.want(Some(2), &mut known);
        take(&asking, &mut known);
        asking.discard_others(Some(&2), &mut known);
        assert_eq!(known, Loading::Ready(2));
        asking.discard_others(Some(&3), &mut known);
        assert_eq!(known, Loading::Nothing);
        // A reply to a withdrawn request is dropped when it arrives.
        asking.want(Some(1), &mut known);
        asking.want(Some(2), &mut known);
        take(&asking, &mut known);
        assert_eq!(known, Loading::Ready(2));
    }

    #[test]
    fn what_was_taken_back_is_not_answered() {
        let mut worker = worker();
        worker.ask(1);
        std::thread::sleep(Duration::from_millis(20));
        worker.ask_or_withdraw(None);
        worker.finish();
        assert_eq!(worker.replies().count(), 0);
    }

    #[test]
    fn what_is_asked_besides_is_answered_too() {
        let mut worker = worker();
        worker.ask(2);
        worker.ask_also(3);
        worker.finish();
        assert_eq!(worker.replies().collect::<Vec<_>>(), [2, 3]);
    }
}
