//! The process of a job: started, found again, and stopped.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

use heschl_core::files::disk::DiskFile;

use super::data::Task;
use super::folder::{self, ENDED, EVENTS, JobFile, LOG, Process, RECIPE};
use crate::failure::ENDED_FILE;
use crate::own_program;

/// A process that runs a job: started by this window, or by one before it.
#[derive(Debug)]
pub(super) struct Runner {
    child: Option<Child>,
    process: Process,
    folder: PathBuf,
    /// When it was asked to stop.
    asked_to_stop: Option<Instant>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    /// With an exit code.
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
    /// Nobody saw it.
    Unseen,
}

/// Who does not stop in so long a time is ended, which costs the batch in hand and no more.
const PATIENCE: Duration = Duration::from_secs(5);

impl Runner {
    /// Starts a job's process, apart from the window. It leaves the stories of `not_again` alone.
    ///
    /// # Errors
    /// A sentence if it cannot be started.
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        file: &JobFile,
        not_again: &[String],
    ) -> Result<Self, String> {
        let cannot = |error: std::io::Error| {
            format!(
                "The job cannot be started ({error}).\nFolder: {}",
                folder.display()
            )
        };
        folder::begin(folder).map_err(cannot)?;
        // A job that goes on writes after what it said before.
        let append = |name| {
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            DiskFile::open(&options, &folder.join(name)).map(DiskFile::into_file)
        };
        let mut command = own_program::command_of(program).map_err(cannot)?;
        arguments(&mut command, folder, file);
        for story in not_again {
            command.arg(format!("--except={story}"));
        }
        let emits_events = matches!(
            file.task,
            Task::Extract { .. }
                | Task::Encode { .. }
                | Task::Sample { .. }
                | Task::Fetch { .. }
                | Task::Runtime
        );
        let out = if emits_events { EVENTS } else { LOG };
        command
            .stdin(Stdio::null())
            .stdout(append(out).map_err(cannot)?)
            .stderr(append(LOG).map_err(cannot)?)
            .env(ENDED_FILE, folder.join(ENDED));
        apart(&mut command);
        let child = command.spawn().map_err(cannot)?;
        let pid = child.id();
        go_first_if_memory_runs_out(pid);
        let began = lives::began(pid).unwrap_or_default();
        Ok(Self {
            child: Some(child),
            process: Process { pid, began },
            folder: folder.to_path_buf(),
            asked_to_stop: None,
        })
    }

    /// Finds a process again that an earlier window started; `None` if it runs no more.
    pub(super) fn find(process: &Process, folder: &Path) -> Option<Self> {
        lives::is_running(process).then(|| Self {
            child: None,
            process: process.clone(),
            folder: folder.to_path_buf(),
            asked_to_stop: None,
        })
    }

    /// The process.
    pub(super) fn process(&self) -> Process {
        self.process.clone()
    }

    /// Whether it was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.asked_to_stop.is_some()
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ProcessEnd> {
        let ended = match &mut self.child {
            Some(child) => child.try_wait().ok().flatten().map(how),
            None => (!lives::is_running(&self.process)).then(|| ProcessEnd::unseen(&self.folder)),
        };
        if ended.is_none()
            && self
                .asked_to_stop
                .is_some_and(|actions| actions.elapsed() > PATIENCE)
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
        // One that ended meanwhile has left its number to others.
        if !lives::is_running(&self.process) {
            return false;
        }
        let Some(system) = process_info(self.process.pid) else {
            return false;
        };
        let process = system.process(Pid::from_u32(self.process.pid));
        process.and_then(|process| process.kill_with(signal)) == Some(true)
    }
}

impl ProcessEnd {
    /// How a process ended that this window did not start: with the code that it left, or nobody knows.
    pub(super) fn unseen(folder: &Path) -> Self {
        folder::exit_code(folder).map_or(Self::Unseen, Self::Code)
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
        Task::Encode { .. } => {
            command.arg("encode").arg(folder.join(RECIPE)).args([
                "--set-aside",
                "--events",
                "json",
            ]);
            // It needs no library that computes.
            return;
        }
        Task::Sample { study, .. } => {
            command
                .args(["demo", "--study", "--headless", "--events", "json", "--out"])
                .arg(study);
        }
        Task::Fetch { model } => {
            command.args(["models", "fetch", model, "--events", "json"]);
        }
        Task::Runtime => {
            command.args(["devices", "--fetch", "--events", "json"]);
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
pub(super) fn apart(command: &mut Command) {
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

/// Has the system end the job, which can go on, rather than the window or another program of the user.
fn go_first_if_memory_runs_out(pid: u32) {
    if cfg!(target_os = "linux") {
        // From -1000, never, to 1000, first of all; a job may ask for more than others. Source: proc(5). Where it cannot be
        // set, the system chooses as it does without.
        #[expect(clippy::disallowed_methods, reason = "not a file on a disk")]
        let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "600");
    }
}

fn how(status: ExitStatus) -> ProcessEnd {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return ProcessEnd::Signal(signal);
        }
    }
    status.code().map_or(ProcessEnd::Unseen, ProcessEnd::Code)
}

fn process_info(pid: u32) -> Option<System> {
    let mut system = System::new().ok()?;
    let pids = [Pid::from_u32(pid)];
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&pids),
        true,
        ProcessRefreshKind::nothing(),
    );
    Some(system)
}

/// Who a process is: Linux counts ticks since the machine was switched on, which no clock that is set can change.
#[cfg(target_os = "linux")]
mod lives {
    use super::Process;

    /// When a process began, in words that no other process of this number shares.
    pub(super) fn began(pid: u32) -> Option<String> {
        let (_, ticks) = stat(pid)?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(format!("{ticks} ticks after boot {}", boot.trim()))
    }

    /// Whether a process runs, and is not another one that has its number by now.
    pub(super) fn is_running(process: &Process) -> bool {
        let is_over = stat(process.pid).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'));
        !is_over && began(process.pid).as_deref() == Some(&process.began)
    }

    /// State and beginning of a process. Source: proc(5), fields 3 and 22 of `/proc/<pid>/stat`.
    fn stat(pid: u32) -> Option<(char, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, and may itself hold spaces and brackets.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some((state, fields.nth(18)?.parse().ok()?))
    }
}

#[cfg(not(target_os = "linux"))]
mod lives {
    use sysinfo::{Pid, ProcessStatus};

    use super::data::{Process, process_info};

    /// Seconds by which two looks at one process may differ.
    const SLACK_SECS: u64 = 2;

    /// When a process began, in seconds since 1970.
    pub(super) fn began(pid: u32) -> Option<String> {
        let system = process_info(pid)?;
        let secs = system.process(Pid::from_u32(pid))?.start_time();
        Some(secs.to_string())
    }

    /// Whether a process runs, and is not another one that has its number by now.
    pub(super) fn is_running(process: &Process) -> bool {
        let (Some(system), Ok(began_secs)) =
            (process_info(process.pid), process.began.parse::<u64>())
        else {
            return false;
        };
        let found = system.process(Pid::from_u32(process.pid));
        found.is_some_and(|found| {
            let is_over = matches!(found.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
            !is_over && found.start_time().abs_diff(began_secs) <= SLACK_SECS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_one_of_its_number() {
        let pid = std::process::id();
        let began = lives::began(pid).unwrap();
        let ours = Process { pid, began };
        assert!(lives::is_running(&ours));
        let older = Process {
            pid,
            began: "1".into(),
        };
        assert!(!lives::is_running(&older));
    }
}
