//! The queue: starts jobs in their order, reads what they say, and keeps what is known of them.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use heschl_core::files::disk::{self, DiskFile};
use heschl_core::run::recipe::{ExtractRecipe, RecipeFile};
use heschl_core::run::store::atomic;

use super::child::{ProcessEnd, Runner};
use super::data::{JobCommand, JobInfo, JobState, NewJob, QueueInfo, Times};
use super::folder::{self, EVENTS, Growing, JobFile};
use super::progress::ProgressReader;
use crate::failure::STOPPED;
use crate::gui::text::{count, thousands};
use crate::gui::waker::Waker;

/// What the window tells the queue.
pub(super) enum QueueMessage {
    Add(Box<NewJob>),
    JobCommand(String, JobCommand),
    PauseAll,
}

/// A job with what its process says.
struct Job {
    id: String,
    file: JobFile,
    recipe: Option<String>,
    /// What the recipe's file says.
    extraction: Option<ExtractRecipe>,
    runner: Option<Runner>,
    events: Growing,
    progress_reader: ProgressReader,
    last_lines: Vec<String>,
    is_removed: bool,
}

/// The queue of one data folder.
pub(super) struct Queue {
    folder: PathBuf,
    program: PathBuf,
    jobs: Vec<Job>,
    /// Held by the window that leads.
    lock: Option<DiskFile>,
    problem: Option<String>,
    waiting: Waiting,
    /// Whether it leads without a window.
    is_alone: bool,
}

/// What becomes of jobs that wait where none runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// They are paused: nothing begins by itself because a window is opened.
    Paused,
    /// They go on, one after the other: a window was closed and left them to it.
    GoOn,
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A window that only looks reads the folders so often.
const LOOK_ON_EVERY: Duration = Duration::from_millis(700);
const LOCK: &str = ".lock";
/// A window that wants to lead asks one that has none to let go by this file.
const WANTED: &str = ".wanted";
/// Signals. Source: signal(7).
const ABORT: i32 = 6;
const KILL: i32 = 9;

impl Queue {
    /// Takes the lead of a folder of jobs, if no other window has it, and finds what earlier windows left.
    pub(super) fn open(folder: PathBuf, program: PathBuf, waiting: Waiting) -> Self {
        let mut queue = Self {
            is_alone: waiting == Waiting::GoOn,
            waiting,
            folder,
            program,
            jobs: vec![],
            lock: None,
            problem: None,
        };
        if let Err(error) = disk::create_folders(&queue.folder) {
            queue.problem = Some(format!(
                "Jobs cannot be saved ({error}). Set HESCHL_HOME to a writable folder.\nFolder: {}",
                queue.folder.display()
            ));
        }
        queue.take_queue_lock();
        queue.load();
        queue
    }

    /// Leads without a window until nothing waits and nothing runs, or a window wants to lead.
    pub(super) fn run_headless(mut self) {
        let wanted = self.folder.join(WANTED);
        if self.lock.is_none() {
            return;
        }
        let is_alive = |job: &Job| job.file.state.is_alive();
        while self.jobs.iter().any(is_alive) && !wanted.exists() {
            self.listen();
            self.find_new();
            self.start_next();
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Leads until the window lets go.
    pub(super) fn run(
        mut self,
        orders: &Receiver<QueueMessage>,
        to: &Sender<QueueInfo>,
        waker: &Waker,
    ) {
        let mut told = None;
        let mut polled_at = Instant::now();
        loop {
            match orders.recv_timeout(LOOK_EVERY) {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.lock.is_none() && polled_at.elapsed() >= LOOK_ON_EVERY {
                polled_at = Instant::now();
                self.take_queue_lock();
                self.load();
            }
            self.listen();
            if self.lock.is_some() {
                self.find_new();
                self.start_next();
            }
            let info = self.info();
            if told.as_ref() != Some(&info) {
                told = Some(info.clone());
                let _ = to.send(info);
                waker();
            }
        }
    }

    fn take_queue_lock(&mut self) {
        let Ok(file) = atomic::open_own(&self.folder.join(LOCK)) else {
            return;
        };
        let wanted = self.folder.join(WANTED);
        if file.as_file().try_lock().is_ok() {
            self.lock = Some(file);
            // What cannot be removed ends the next one that leads without a window; its jobs then wait for a window.
            let _ = disk::remove_file(&wanted);
        } else if !self.is_alone {
            // Who hands over has been doing what waits: it goes on.
            self.waiting = Waiting::GoOn;
            let _ = atomic::open_own(&wanted);
        }
    }

    /// Reads all jobs anew. One that leads finds processes again and settles what was broken off.
    fn load(&mut self) {
        let kept = folder::read_all(&self.folder);
        self.jobs = kept
            .iter()
            .map(|(id, file)| self.find_job(id.clone(), file.clone()))
            .collect();
        if self.lock.is_none() {
            return;
        }
        let goes_on = self.jobs.iter().any(|job| job.runner.is_some());
        for (at, (_, before)) in kept.iter().enumerate() {
            let file = &mut self.jobs[at].file;
            if file.state == JobState::Waiting && !goes_on && self.waiting == Waiting::Paused {
                file.state = JobState::Paused;
            }
            if file != before {
                self.keep(at);
            }
        }
    }

    fn find_job(&self, id: String, file: JobFile) -> Job {
        let folder = self.folder.join(&id);
        let recipe = fs::read_to_string(folder.join(folder::RECIPE)).ok();
        let mut job = Job {
            runner: file
                .process
                .as_ref()
                .filter(|_| file.state == JobState::Running)
                .and_then(|process| Runner::find(process, &folder)),
            extraction: recipe.as_deref().and_then(extraction),
            recipe,
            id,
            progress_reader: ProgressReader::of(&file.task),
            file,
            events: Growing::default(),
            last_lines: vec![],
            is_removed: false,
        };
        job.listen(&self.folder);
        if self.lock.is_some() && job.file.state == JobState::Running && job.runner.is_none() {
            job.end(&self.folder, ProcessEnd::unseen(&folder));
        }
        job
    }

    /// Jobs that another window has put here.
    fn find_new(&mut self) {
        if fs::read_dir(&self.folder).is_ok_and(|entries| entries.count() <= self.jobs.len() + 2) {
            return;
        }
        for (id, file) in folder::read_all(&self.folder) {
            if !self.jobs.iter().any(|job| job.id == id) {
                let job = self.find_job(id, file);
                self.jobs.push(job);
            }
        }
    }

    fn handle(&mut self, message: QueueMessage) {
        match message {
            QueueMessage::Add(job) => {
                if let Err(sentence) = self.add(*job) {
                    self.problem = Some(sentence);
                }
            }
            // A window that only looks changes nothing.
            _ if self.lock.is_none() => {}
            QueueMessage::PauseAll => {
                let ids: Vec<String> = self.jobs.iter().map(|job| job.id.clone()).collect();
                for id in ids {
                    self.order(&id, JobCommand::Pause);
                }
            }
            QueueMessage::JobCommand(id, order) => self.order(&id, order),
        }
    }

    fn add(&mut self, new: NewJob) -> Result<(), String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let place = self
            .jobs
            .iter()
            .map(|job| job.file.place + 1)
            .max()
            .unwrap_or(0);
        let id = format!("{}-{place}", now.as_millis());
        let folder = self.folder.join(&id);
        if let Some(recipe) = &new.recipe {
            atomic::write(&folder.join(folder::RECIPE), recipe.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        let file = JobFile {
            version: folder::VERSION,
            title: new.title,
            subtitle: new.subtitle,
            task: new.task,
            place,
            runtime: new.runtime,
            state: JobState::Waiting,
            process: None,
            stop_as: None,
            times: Times::default(),
        };
        folder::write(&folder, &file)?;
        let job = self.find_job(id, file);
        self.jobs.push(job);
        Ok(())
    }

    fn order(&mut self, id: &str, order: JobCommand) {
        let Some(at) = self.jobs.iter().position(|job| job.id == id) else {
            return;
        };
        match order {
            // Among those that wait: the others have no turn to come.
            JobCommand::Up => {
                if let Some(before) = (0..at).rev().find(|other| self.waits(*other)) {
                    self.swap(before, at);
                }
            }
            JobCommand::Down => {
                if let Some(after) = (at + 1..self.jobs.len()).find(|other| self.waits(*other)) {
                    self.swap(at, after);
                }
            }
            JobCommand::Pause => self.stop(at, JobState::Paused),
            JobCommand::Cancel => self.stop(at, JobState::Cancelled),
            JobCommand::GoOn if !self.jobs[at].file.state.is_alive() => {
                self.jobs[at].progress_reader.begin();
                self.set(at, JobState::Waiting);
            }
            JobCommand::GoOn => {}
            JobCommand::Remove => {
                self.jobs[at].is_removed = true;
                self.stop(at, JobState::Cancelled);
                self.sweep();
            }
        }
    }

    fn waits(&self, at: usize) -> bool {
        self.jobs[at].file.state == JobState::Waiting
    }

    fn swap(&mut self, a: usize, b: usize) {
        let places = (self.jobs[a].file.place, self.jobs[b].file.place);
        (self.jobs[b].file.place, self.jobs[a].file.place) = places;
        self.jobs.swap(a, b);
        self.keep(a);
        self.keep(b);
    }

    /// Stops a job that runs or waits, to become something else.
    fn stop(&mut self, at: usize, becomes: JobState) {
        let job = &mut self.jobs[at];
        if let Some(runner) = &mut job.runner {
            runner.stop();
            // Saved, so that a window opened later knows why it stopped.
            job.file.stop_as = Some(becomes);
            self.keep(at);
        } else if job.file.state == JobState::Waiting
            || becomes == JobState::Cancelled && can_go_on(&job.file.state)
        {
            self.set(at, becomes);
        }
    }

    fn set(&mut self, at: usize, state: JobState) {
        self.jobs[at].file.state = state;
        self.keep(at);
    }

    fn keep(&mut self, at: usize) {
        let job = &self.jobs[at];
        if let Err(sentence) = folder::write(&self.folder.join(&job.id), &job.file) {
            self.problem = Some(sentence);
        }
    }

    /// Reads what the processes say, and notes who has ended.
    fn listen(&mut self) {
        for at in 0..self.jobs.len() {
            let job = &mut self.jobs[at];
            if job.file.state != JobState::Running {
                continue;
            }
            let ended = job.runner.as_mut().and_then(Runner::ended);
            job.listen(&self.folder);
            if let (Some(ended), true) = (ended, self.lock.is_some()) {
                job.end(&self.folder, ended);
                self.keep(at);
            }
        }
        self.sweep();
    }

    /// Takes those off the list that the user wants no more and whose process has ended.
    fn sweep(&mut self) {
        let folder = self.folder.clone();
        self.jobs.retain(|job| {
            let goes = job.is_removed && job.runner.is_none();
            if goes {
                // What cannot be removed is shown again by the next window.
                let _ = disk::remove_folder(&folder.join(&job.id));
            }
            !goes
        });
    }

    /// Starts the first that waits of each kind of which none runs.
    fn start_next(&mut self) {
        for computes in [true, false] {
            let is_of_kind = |job: &&Job| job.file.task.computes() == computes;
            let is_running = |job: &Job| job.file.state == JobState::Running;
            if self.jobs.iter().filter(is_of_kind).any(is_running) {
                continue;
            }
            let next = self.jobs.iter().position(|job| {
                job.file.state == JobState::Waiting
                    && job.file.task.computes() == computes
                    && !self.is_being_fetched(job.model())
            });
            if let Some(at) = next {
                self.start(at);
            }
        }
    }

    /// Whether another job brings this model: two at once would be in each other's way.
    fn is_being_fetched(&self, model: Option<&str>) -> bool {
        let brings =
            |job: &Job| job.file.state.is_alive() && job.file.task.fetched_model() == model;
        model.is_some() && self.jobs.iter().any(brings)
    }

    fn start(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        let folder = self.folder.join(&job.id);
        match Runner::start(&self.program, &folder, &job.file, job.not_again()) {
            Ok(runner) => {
                job.file.process = Some(runner.process());
                job.file.stop_as = None;
                job.file.times = Times {
                    began_secs: Some(Times::now_secs()),
                    ended_secs: None,
                };
                job.runner = Some(runner);
                job.file.state = JobState::Running;
                job.progress_reader.progress.stage = "Starting".into();
            }
            Err(message) => job.file.state = JobState::Failed { message },
        }
        self.keep(at);
    }

    fn info(&self) -> QueueInfo {
        QueueInfo {
            is_known: true,
            jobs: self.jobs.iter().map(Job::info).collect(),
            is_run_elsewhere: self.lock.is_none() && self.problem.is_none(),
            problem: self.problem.clone(),
        }
    }
}

/// What a recipe's file says.
fn extraction(recipe: &str) -> Option<ExtractRecipe> {
    let file: RecipeFile = toml::from_str(recipe).ok()?;
    Some(file.extract)
}

fn can_go_on(state: &JobState) -> bool {
    matches!(
        state,
        JobState::Paused
            | JobState::Failed { .. }
            | JobState::Partly { .. }
            | JobState::Broken { .. }
    )
}

impl Job {
    fn model(&self) -> Option<&str> {
        Some(&self.extraction.as_ref()?.model.model)
    }

    /// Stories that are done and would be done anew by a recipe that leaves nothing alone.
    fn not_again(&self) -> &[String] {
        let is_anew = |recipe: &ExtractRecipe| recipe.output.overwrite;
        if self.extraction.as_ref().is_some_and(is_anew) {
            &self.progress_reader.finished_stories
        } else {
            &[]
        }
    }

    fn listen(&mut self, folder: &std::path::Path) {
        let folder = folder.join(&self.id);
        let now = Instant::now();
        for line in self.events.lines(&folder.join(EVENTS)) {
            self.progress_reader.take(&line, now);
        }
        self.last_lines = folder::last_lines(&folder);
    }

    /// Notes how the process ended, by its own last words where it said some.
    fn end(&mut self, folder: &std::path::Path, ended: ProcessEnd) {
        self.runner = None;
        self.file.process = None;
        // A process that ended while no window was open left the time with its exit code; one that was killed then left nothing.
        let seen = || (ended != ProcessEnd::Unseen).then(Times::now_secs);
        self.file.times.ended_secs = folder::ended_secs(&folder.join(&self.id)).or_else(seen);
        self.listen(folder);
        let stop_as = self.file.stop_as.take();
        let finished = self.progress_reader.progress.finished;
        self.file.state = match (finished, ended, stop_as) {
            _ if self.progress_reader.error_message.is_some() => JobState::Failed {
                message: self.error_message(folder),
            },
            (Some((n_done, n_before, _, false)), ..) => {
                of_summary(&self.progress_reader.progress.failed, n_done + n_before)
            }
            (_, ProcessEnd::Code(0), _) => JobState::Done,
            (_, _, Some(stop_as)) => stop_as,
            (_, ProcessEnd::Code(code), None) if code == i32::from(STOPPED) => JobState::Paused,
            (Some((.., true)), ..) => JobState::Paused,
            (None, ProcessEnd::Code(_), None) => JobState::Failed {
                message: self.error_message(folder),
            },
            (None, ProcessEnd::Signal(KILL), None) => broken(
                "The process was killed. If memory ran out, use a smaller batch size or model. Finished work is kept, and the job can be resumed.",
            ),
            (None, ProcessEnd::Signal(ABORT), None) => broken(
                "The process aborted, most likely because memory ran out; its log says more. Use a smaller batch size or model. Finished work is kept, and the job can be resumed.",
            ),
            (None, ProcessEnd::Signal(signal), None) => broken(&format!(
                "The process ended with signal {signal}. Finished work is kept, and the job can be resumed."
            )),
            (None, ProcessEnd::Unseen, None) => broken(
                "The job was interrupted: the machine was switched off, or the process was killed. Finished work is kept, and the job can be resumed.",
            ),
        };
    }

    /// The error message of the process: from its events, from what it left, or its last line.
    fn error_message(&self, folder: &std::path::Path) -> String {
        let of_events = self.progress_reader.error_message.clone();
        let left = || folder::error_message(&folder.join(&self.id));
        let last_line = || self.last_lines.last().cloned();
        let message = of_events.or_else(left).or_else(last_line);
        message.unwrap_or_else(|| "It failed without an error message. Try again.".into())
    }

    fn info(&self) -> JobInfo {
        JobInfo {
            id: self.id.clone(),
            title: self.file.title.clone(),
            subtitle: self.file.subtitle.clone(),
            task: self.file.task.clone(),
            recipe: self.recipe.clone(),
            state: self.file.state.clone(),
            is_stopping: self.runner.as_ref().is_some_and(Runner::is_stopping),
            progress: self.progress_reader.progress.clone(),
            times: self.file.times,
            last_lines: [&self.progress_reader.lines[..], &self.last_lines[..]].concat(),
        }
    }
}

fn broken(message: &str) -> JobState {
    JobState::Broken {
        message: message.into(),
    }
}

/// What a summary says of stories that failed; of `n_done` others there is something to look at.
fn of_summary(failed: &[(String, String)], n_done: usize) -> JobState {
    let [(story, sentence), rest @ ..] = failed else {
        return JobState::Done;
    };
    let n_failed = rest.len() + 1;
    let message = match (n_done, rest) {
        (0, []) => format!("{story}: {sentence}"),
        (0, _) => format!(
            "{} stories failed. {story}: {sentence}",
            thousands(n_failed)
        ),
        _ => format!(
            "{} failed; {} done. {story}: {sentence}",
            count(n_failed, "story", "stories"),
            count(n_done, "story is", "stories are")
        ),
    };
    if n_done == 0 {
        JobState::Failed { message }
    } else {
        JobState::Partly { message }
    }
}

#[cfg(test)]
mod summaries {
    use super::*;

    #[test]
    fn a_job_of_which_some_stories_are_done_has_not_failed() {
        let failed = |n: usize| -> Vec<(String, String)> {
            (0..n)
                .map(|n| (format!("s{n}"), "It is damaged.".into()))
                .collect()
        };
        assert_eq!(of_summary(&failed(0), 3), JobState::Done);
        assert_eq!(
            of_summary(&failed(1), 3),
            JobState::Partly {
                message: "1 story failed; 3 stories are done. s0: It is damaged.".into()
            }
        );
        assert_eq!(
            of_summary(&failed(1), 0),
            JobState::Failed {
                message: "s0: It is damaged.".into()
            }
        );
        assert!(!of_summary(&failed(2), 0).has_results());
        assert!(of_summary(&failed(2), 1).has_results());
    }
}
