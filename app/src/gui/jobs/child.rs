//! The process of a job: started, found again, and stopped.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

use super::Task;
use super::folder::{EVENTS, JobFile, LOG, Process, RECIPE};

/// A process that runs a job: started by this window, or by one before it.
#[derive(Debug)]
pub(super) struct Runner {
    child: Option<Child>,
    process: Process,
    /// When it was asked to stop.
    asked_to_stop: Option<Instant>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an exit code.
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
    /// Nobody saw it.
    Unseen,
}

/// Who does not stop in so long a time is ended.
const PATIENCE: Duration = Duration::from_mins(1);

impl Runner {
    /// Starts a job's process, apart from the window.
    ///
    /// # Errors
    /// A sentence if it cannot be started.
    pub(super) fn start(program: &Path, folder: &Path, file: &JobFile) -> Result<Self, String> {
        let cannot = |error: std::io::Error| {
            format!(
                "The job cannot be started ({error}).\nFolder: {}",
                folder.display()
            )
        };
        // A job that goes on writes after what it said before.
        let append = |name| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join(name))
        };
        let mut command = Command::new(program);
        arguments(&mut command, folder, file);
        let is_told_in_events = matches!(file.task, Task::Extract { .. } | Task::Fetch { .. });
        let out = if is_told_in_events { EVENTS } else { LOG };
        command
            .stdin(Stdio::null())
            .stdout(append(out).map_err(cannot)?)
            .stderr(append(LOG).map_err(cannot)?);
        apart(&mut command);
        let child = command.spawn().map_err(cannot)?;
        let pid = child.id();
        let process = Process {
            pid,
            began_secs: began_secs(pid).unwrap_or(0),
        };
        Ok(Self {
            child: Some(child),
            process,
            asked_to_stop: None,
        })
    }

    /// Finds a process again that an earlier window started; `None` if it runs no more.
    pub(super) fn find(process: Process) -> Option<Self> {
        is_running(process).then_some(Self {
            child: None,
            process,
            asked_to_stop: None,
        })
    }

    /// The process.
    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// Whether it was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.asked_to_stop.is_some()
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<Ended> {
        let ended = match &mut self.child {
            Some(child) => child.try_wait().ok().flatten().map(how),
            None => (!is_running(self.process)).then_some(Ended::Unseen),
        };
        if ended.is_none()
            && self
                .asked_to_stop
                .is_some_and(|asked| asked.elapsed() > PATIENCE)
        {
            self.signal(Signal::Kill);
        }
        ended
    }

    /// Asks it to stop after what it has in hand.
    pub(super) fn stop(&mut self) {
        self.asked_to_stop.get_or_insert_with(Instant::now);
        // Where no such request is known, the journal makes an end at any moment safe.
        if !self.signal(Signal::Term) {
            self.signal(Signal::Kill);
        }
    }

    fn signal(&self, signal: Signal) -> bool {
        let Some(system) = look(self.process.pid) else {
            return false;
        };
        let process = system.process(Pid::from_u32(self.process.pid));
        process.and_then(|process| process.kill_with(signal)) == Some(true)
    }
}

fn arguments(command: &mut Command, folder: &Path, file: &JobFile) {
    match &file.task {
        Task::Extract { .. } => {
            command
                .arg("run")
                .arg(folder.join(RECIPE))
                .args(["--fetch", "--events", "json"]);
        }
        Task::Fetch { model } => {
            command.args(["models", "fetch", model, "--events", "json"]);
        }
        Task::Add { path } => {
            command.args(["models", "add"]).arg(path);
        }
        Task::Check { model } => {
            command.args(["models", "check", model]);
        }
    }
    if let (Some(runtime), true) = (&file.runtime, file.task.computes()) {
        command.arg("--runtime").arg(runtime);
    }
}

/// Keeps what is meant for the window, such as Ctrl+C in its terminal, from the job.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
}

fn how(status: ExitStatus) -> Ended {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return Ended::Signal(signal);
        }
    }
    status.code().map_or(Ended::Unseen, Ended::Code)
}

fn look(pid: u32) -> Option<System> {
    let mut system = System::new().ok()?;
    let pids = [Pid::from_u32(pid)];
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&pids),
        true,
        ProcessRefreshKind::nothing(),
    );
    Some(system)
}

fn began_secs(pid: u32) -> Option<u64> {
    let system = look(pid)?;
    Some(system.process(Pid::from_u32(pid))?.start_time())
}

/// Whether a process runs, and is not another one that has its number by now.
fn is_running(process: Process) -> bool {
    let Some(system) = look(process.pid) else {
        return false;
    };
    system
        .process(Pid::from_u32(process.pid))
        .is_some_and(|found| {
            let is_over = matches!(
                found.status(),
                sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead
            );
            !is_over && found.start_time().abs_diff(process.began_secs) <= 2
        })
}
