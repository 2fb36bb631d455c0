//! Jobs: processes of this program's own command line, which outlive the window.
//!
//! ```text
//! window ──orders──► queue (a thread) ──starts──► heschl run recipe.toml --events json
//!        ◄──facts───                  ◄──reads─── <data>/jobs/<id>/{events.jsonl, log.txt}
//! ```
//!
//! Everything about a job lies in its folder, so that a window that is opened later finds it as it is: running, finished
//! meanwhile, or broken off. One window at a time leads the queue; others look on.

mod child;
pub(crate) mod data;
mod folder;
mod progress;
mod queue;
#[cfg(all(test, unix))]
mod tests;

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::work::Waker;
use data::{NewJob, Order, QueueFacts};
use queue::Queue;

/// The jobs, as the window holds them.
pub(crate) struct Jobs {
    orders: Option<Sender<queue::Message>>,
    facts: Receiver<QueueFacts>,
    thread: Option<JoinHandle<()>>,
}

impl Jobs {
    /// Opens the queue below a data folder; `program` is what runs the jobs.
    pub(crate) fn open(data: &std::path::Path, program: PathBuf, waker: &Waker) -> Self {
        let (orders, asked) = mpsc::channel();
        let (to, facts) = mpsc::channel();
        let (folder, waker) = (data.join("jobs"), waker.clone());
        let work = move || Queue::open(folder, program).lead(&asked, &to, &waker);
        // Without a thread no job runs, and each says that it waits.
        let thread = std::thread::Builder::new()
            .name("jobs".into())
            .spawn(work)
            .ok();
        Self {
            orders: Some(orders),
            facts,
            thread,
        }
    }

    /// Has a job done after those that wait.
    pub(crate) fn add(&self, job: NewJob) {
        self.send(queue::Message::Add(Box::new(job)));
    }

    /// Orders something of a job.
    pub(crate) fn order(&self, id: &str, order: Order) {
        self.send(queue::Message::Order(id.to_owned(), order));
    }

    /// Stops all jobs so that they can go on later.
    pub(crate) fn pause_all(&self) {
        self.send(queue::Message::PauseAll);
    }

    fn send(&self, message: queue::Message) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(message);
        }
    }

    /// What has changed since the last look.
    pub(crate) fn news(&self) -> Option<QueueFacts> {
        self.facts.try_iter().last()
    }

    /// Lets go of the queue; processes that run go on.
    pub(crate) fn close(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
