//! Faults at every single call that changes a file: `strace` kills the program, or makes the system call fail, at the n-th.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::heschl;

/// Every call that changes a file or a folder. strace counts each of them by itself.
pub(crate) const CALLS: [&str; 13] = [
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "mkdir",
    "mkdirat",
];
/// More calls than the miniature job makes; reached only if the sweep does not end.
pub(crate) const MOST_CALLS: usize = 2000;

/// What happens at the n-th call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The program is killed.
    Killed,
    /// That call fails, with this error.
    Once(&'static str),
    /// That call and all after it fail, with this error.
    FromThenOn(&'static str),
}

impl Fault {
    /// What strace is to do at the n-th call.
    pub(crate) fn injection(self, n: usize) -> String {
        match self {
            Self::Killed => format!("signal=KILL:when={n}"),
            Self::Once(error) => format!("error={error}:when={n}"),
            Self::FromThenOn(error) => format!("error={error}:when={n}+"),
        }
    }

    /// Whether the program can still say what is wrong: not if it is dead, nor if it cannot write at all.
    pub(crate) fn leaves_a_voice(self, call: &str) -> bool {
        match self {
            Self::Killed => false,
            Self::Once(_) => true,
            Self::FromThenOn(_) => call != "write",
        }
    }
}

/// The program under strace.
pub(crate) struct Strace {
    trace: PathBuf,
}

impl Strace {
    /// `trace`: a file for what strace sees.
    pub(crate) fn new(trace: PathBuf) -> Self {
        Self { trace }
    }

    /// Runs the program; also tells whether the fault struck.
    pub(crate) fn run(&self, arguments: &[String], call: &str, injection: &str) -> (Output, bool) {
        let plain = heschl();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-o"])
            .arg(&self.trace)
            .arg("-e")
            .arg(format!("trace={call}"));
        strace
            .arg("-e")
            .arg(format!("inject={call}:{injection}"))
            .arg(plain.get_program());
        for (key, value) in plain.get_envs() {
            if let Some(value) = value {
                strace.env(key, value);
            }
        }
        let output = strace.args(arguments).output().expect("strace can be run");
        let seen = std::fs::read_to_string(&self.trace).expect("strace writes what it saw");
        let struck = seen.contains("(INJECTED)") || seen.contains("killed by SIGKILL");
        (output, struck)
    }
}
