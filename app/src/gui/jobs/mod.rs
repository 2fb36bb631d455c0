//! Jobs: processes of this program's own command line, which outlive the window.
//!
//! ```text
//! window ──orders──► queue (a thread) ──starts──► heschl run recipe.toml --events json
//!        ◄──info────                  ◄──reads─── <data>/jobs/<id>/{events.jsonl, log.txt}
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
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use heschl_models::folders::Surroundings;

use super::waker::Waker;
use crate::failure::{CommandResult, Outcome};
use crate::own_program;
use data::{JobCommand, NewJob, QueueInfo};
use queue::{Queue, Waiting};

/// Has the jobs that wait done one after the other without a window, until a window wants to lead.
///
/// # Errors
/// A sentence if the folder of jobs is not known.
pub(crate) fn go_on() -> CommandResult {
    let around = Surroundings::of_this_process();
    let folder = around.folders()?.root().join(FOLDER);
    Queue::open(folder, std::env::current_exe()?, Waiting::GoOn).run_headless();
    Ok(Outcome::Done)
}

/// Starts this program anew to do what waits after the window is closed.
fn go_on_without_window(program: &std::path::Path) {
    // Where it cannot be started, what waits is found by the next window.
    let Ok(mut command) = own_program::command_of(program) else {
        return;
    };
    command
        .arg("go-on")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    child::apart(&mut command);
    let _ = command.spawn();
}

/// Where jobs are kept, below Heschl's data folder.
const FOLDER: &str = "jobs";

/// The jobs, as the window holds them.
pub(crate) struct Jobs {
    orders: Option<Sender<queue::QueueMessage>>,
    info: Receiver<QueueInfo>,
    thread: Option<JoinHandle<()>>,
}

impl Jobs {
    /// Opens the queue below a data folder; `program` is what runs the jobs.
    pub(crate) fn open(data: &std::path::Path, program: PathBuf, waker: &Waker) -> Self {
        let (orders, actions) = mpsc::channel();
        let (to, info) = mpsc::channel();
        let (folder, waker) = (data.join(FOLDER), waker.clone());
        let work = move || Queue::open(folder, program, Waiting::Paused).run(&actions, &to, &waker);
        // Without a thread no job runs, and each says that it waits.
        let thread = std::thread::Builder::new()
            .name("jobs".into())
            .spawn(work)
            .ok();
        Self {
            orders: Some(orders),
            info,
            thread,
        }
    }

    /// Has a job done after those that wait.
    pub(crate) fn add(&self, job: NewJob) {
        self.send(queue::QueueMessage::Add(Box::new(job)));
    }

    /// Orders something of a job.
    pub(crate) fn order(&self, id: &str, order: JobCommand) {
        self.send(queue::QueueMessage::JobCommand(id.to_owned(), order));
    }

    /// Stops all jobs so that they can go on later.
    pub(crate) fn pause_all(&self) {
        self.send(queue::QueueMessage::PauseAll);
    }

    fn send(&self, message: queue::QueueMessage) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(message);
        }
    }

    /// What has changed since the last look.
    pub(crate) fn news(&self) -> Option<QueueInfo> {
        self.info.try_iter().last()
    }

    /// Lets go of the queue; processes that run go on. Where jobs wait, `waits` is the program that does them without a window.
    pub(crate) fn close(&mut self, waits: Option<&std::path::Path>) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(program) = waits {
            go_on_without_window(program);
        }
    }
}
