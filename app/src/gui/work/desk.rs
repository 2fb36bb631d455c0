//! A named thread that answers questions of one kind, the newest first of all.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use heschl_core::progress::CancelToken;

use crate::gui::loading::Loading;

/// Wakes the window, so that an answer is seen at once.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// A thread that answers questions of type `Q` with any number of answers of type `A`.
///
/// A new question cancels the one before it: nobody waits for what is no longer asked, and an answer to it that comes
/// late is not heard. The thread ends with the desk.
pub(crate) struct Desk<Q, A> {
    /// `None` once no more is asked.
    questions: Option<Sender<(Q, CancelToken)>>,
    answers: Receiver<(A, CancelToken)>,
    current: CancelToken,
    thread: Option<JoinHandle<()>>,
}

/// Where the one who answers puts the answers.
pub(crate) struct Answers<A> {
    to: Sender<(A, CancelToken)>,
    /// Of the question that is being answered.
    token: CancelToken,
    waker: Waker,
}

impl<A> Answers<A> {
    /// Gives one answer and wakes the window.
    pub(crate) fn give(&self, answer: A) {
        // The window may have closed meanwhile.
        let _ = self.to.send((answer, self.token.clone()));
        (self.waker)();
    }
}

impl<Q: Send + 'static, A: Send + 'static> Desk<Q, A> {
    /// Opens a desk at which `answer` sits.
    pub(crate) fn open(
        name: &str,
        waker: &Waker,
        mut answer: impl FnMut(Q, &CancelToken, &Answers<A>) + Send + 'static,
    ) -> Self {
        let (questions, asked) = mpsc::channel::<(Q, CancelToken)>();
        let (to, answers) = mpsc::channel();
        let waker = waker.clone();
        let work = move || {
            for (question, token) in asked {
                if !token.is_cancelled() {
                    let out = Answers {
                        to: to.clone(),
                        token: token.clone(),
                        waker: waker.clone(),
                    };
                    answer(question, &token, &out);
                }
            }
        };
        // Without a thread nothing is answered, and the page goes on saying that it waits.
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(work)
            .ok();
        Self {
            questions: Some(questions),
            answers,
            current: CancelToken::default(),
            thread,
        }
    }

    /// Asks, in place of whatever was asked before.
    pub(crate) fn ask(&mut self, question: Q) {
        self.ask_or_withdraw(Some(question));
    }

    /// Asks in place of whatever was asked before, or only takes that back.
    pub(crate) fn ask_or_withdraw(&mut self, question: Option<Q>) {
        self.current.cancel();
        self.current = CancelToken::default();
        if let Some(question) = question {
            self.ask_also(question);
        }
    }

    /// Asks besides what was asked before.
    pub(crate) fn ask_also(&mut self, question: Q) {
        if let Some(questions) = &self.questions {
            let _ = questions.send((question, self.current.clone()));
        }
    }

    /// Waits until everything that was asked is answered; nothing can be asked after.
    pub(crate) fn finish(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// The answers that have come since the last look, but for those to questions that were taken back.
    pub(crate) fn answers(&self) -> impl Iterator<Item = A> {
        let wanted = |(answer, token): (A, CancelToken)| (!token.is_cancelled()).then_some(answer);
        self.answers.try_iter().filter_map(wanted)
    }
}

/// A desk with what was asked of it last: what is known is the answer to that question and to no other.
pub(crate) struct Asking<Q, A> {
    desk: Desk<Q, A>,
    asked: Option<Q>,
    /// What is known may have changed since.
    is_stale: bool,
}

impl<Q: Clone + PartialEq + Send + 'static, A: Send + 'static> Asking<Q, A> {
    /// A desk of which nothing was asked yet.
    pub(crate) fn of(desk: Desk<Q, A>) -> Self {
        Self {
            desk,
            asked: None,
            is_stale: false,
        }
    }

    /// Asks, unless the answer is known or on its way. The answer to another question is forgotten at once; one that may
    /// have changed stays until the new one comes.
    pub(crate) fn want<T>(&mut self, question: Option<Q>, known: &mut Loading<T>) {
        if question != self.asked || question.is_none() && self.is_stale {
            *known = Loading::of(question.is_some());
        } else if !self.is_stale {
            return;
        }
        self.ask(question);
    }

    /// Asks as [`Asking::want`] does; what is shown stays until the answer comes.
    pub(crate) fn want_beside<T>(&mut self, question: Option<Q>, known: &mut Loading<T>) {
        if question.is_none() || known.ready().is_none() {
            return self.want(question, known);
        }
        if question != self.asked || self.is_stale {
            self.ask(question);
        }
    }

    fn ask(&mut self, question: Option<Q>) {
        self.is_stale = false;
        self.asked.clone_from(&question);
        self.desk.ask_or_withdraw(question);
    }

    /// Forgets the answer to any other question than this one, and asks nothing.
    pub(crate) fn keep_to<T>(&mut self, question: Option<&Q>, known: &mut Loading<T>) {
        if self.asked.is_some() && self.asked.as_ref() != question {
            *known = Loading::Nothing;
            self.ask(None);
        }
    }

    /// Has it asked again when it is wanted next: the answer may have changed.
    pub(crate) fn look_again(&mut self) {
        self.is_stale = true;
    }

    /// The question that is known or on its way.
    pub(crate) fn asked(&self) -> Option<&Q> {
        self.asked.as_ref()
    }

    /// The answers that have come since the last look.
    pub(crate) fn answers(&self) -> impl Iterator<Item = A> {
        self.desk.answers()
    }
}

impl<Q, A> Drop for Desk<Q, A> {
    fn drop(&mut self) {
        self.current.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Answers with the question; the first only once it is taken back.
    fn desk() -> Desk<u32, u32> {
        let waker: Waker = Arc::new(|| ());
        let answer = |question: u32, token: &CancelToken, out: &Answers<u32>| {
            let begun = Instant::now();
            while question == 1 && !token.is_cancelled() && begun.elapsed().as_secs() < 5 {
                std::thread::sleep(Duration::from_millis(1));
            }
            out.give(question);
        };
        Desk::open("test", &waker, answer)
    }

    #[test]
    fn only_the_last_question_is_answered() {
        let mut desk = desk();
        for question in [1, 2, 3] {
            desk.ask(question);
            if question == 1 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        desk.finish();
        assert_eq!(desk.answers().collect::<Vec<_>>(), [3]);
    }

    /// Waits for an answer and takes it.
    fn take(asking: &Asking<u32, u32>, known: &mut Loading<u32>) {
        let begun = Instant::now();
        while begun.elapsed().as_secs() < 5 {
            if let Some(answer) = asking.answers().last() {
                *known = Loading::Ready(answer);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no answer came");
    }

    #[test]
    fn what_is_known_is_never_the_answer_to_another_question() {
        let (mut asking, mut known) = (Asking::of(desk()), Loading::Nothing);
        asking.want(Some(2), &mut known);
        assert_eq!(known, Loading::Waiting);
        take(&asking, &mut known);
        assert_eq!(known, Loading::Ready(2));
        asking.want(Some(3), &mut known);
        assert_eq!(known, Loading::Waiting);
        take(&asking, &mut known);
        // It may have changed: what is known stays until the new answer comes.
        asking.look_again();
        asking.want(Some(3), &mut known);
        assert_eq!(known, Loading::Ready(3));
        take(&asking, &mut known);
        // Nothing is asked any more, whether or not it may have changed.
        for is_stale in [false, true] {
            asking.want(Some(2), &mut known);
            take(&asking, &mut known);
            if is_stale {
                asking.look_again();
            }
            asking.want(None, &mut known);
            assert_eq!(known, Loading::Nothing);
        }
        asking.want(Some(2), &mut known);
        take(&asking, &mut known);
        asking.keep_to(Some(&2), &mut known);
        assert_eq!(known, Loading::Ready(2));
        asking.keep_to(Some(&3), &mut known);
        assert_eq!(known, Loading::Nothing);
        // An answer that is on its way is not heard when it comes.
        asking.want(Some(1), &mut known);
        asking.want(Some(2), &mut known);
        take(&asking, &mut known);
        assert_eq!(known, Loading::Ready(2));
    }

    #[test]
    fn what_was_taken_back_is_not_answered() {
        let mut desk = desk();
        desk.ask(1);
        std::thread::sleep(Duration::from_millis(20));
        desk.ask_or_withdraw(None);
        desk.finish();
        assert_eq!(desk.answers().count(), 0);
    }

    #[test]
    fn what_is_asked_besides_is_answered_too() {
        let mut desk = desk();
        desk.ask(2);
        desk.ask_also(3);
        desk.finish();
        assert_eq!(desk.answers().collect::<Vec<_>>(), [2, 3]);
    }
}
