//! A run that is killed, or whose disk refuses, at every single write, loses nothing and leaves nothing half-done.
//!
//! `strace` ends the program, or makes the system call fail, at the n-th call that changes a file; n goes from 1 until
//! a run gets through untouched.
#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heschl_tests::{data, feature_files, heschl, noise, write_wav};

/// Every call that changes a file or a folder.
const CALLS: &str = "write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,mkdir";
/// More calls than the miniature job makes; reached only if the sweep does not end.
const MOST_CALLS: usize = 2000;
const BATCH: usize = 2;

struct Job {
    scratch: tempfile::TempDir,
}

impl Job {
    /// One story of nine windows, two layers: as little as still has several batches and files.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let stories = scratch.path().join("stories");
        std::fs::create_dir(&stories).unwrap();
        write_wav(&stories.join("one.wav"), &noise(1600 * 5, 1));
        write_wav(&stories.join("two.wav"), &noise(1600 * 4, 2));
        Self { scratch }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn arguments(&self, out: &Path) -> Vec<String> {
        let stories = self.scratch.path().join("stories");
        let model = data("whisper-like");
        let mut arguments = vec!["extract".to_string()];
        for (flag, value) in [
            ("--stimulus_dir", stories.display().to_string()),
            ("--model", model.display().to_string()),
            ("--out", out.display().to_string()),
            ("--contextsz", "200".into()),
            ("--batchsz", BATCH.to_string()),
            ("--device", "cpu".into()),
            ("--events", "json".into()),
        ] {
            arguments.extend([flag.to_string(), value]);
        }
        arguments.extend(["--layers".into(), "1".into(), "3".into()]);
        arguments
    }

    fn run(&self, out: &Path) -> Output {
        heschl().args(self.arguments(out)).output().unwrap()
    }

    fn run_with(&self, injection: &str, out: &Path) -> Output {
        let plain = heschl();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={CALLS}"));
        strace
            .arg("-e")
            .arg(format!("inject={CALLS}:{injection}"))
            .arg(plain.get_program());
        for (key, value) in plain.get_envs() {
            if let Some(value) = value {
                strace.env(key, value);
            }
        }
        strace.args(self.arguments(out)).output().unwrap()
    }
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "strace is needed where CI is set"
    );
    if !found {
        eprintln!("strace is not installed: the sweep is left out");
    }
    found
}

/// Rows that the events of a run, on standard output, say are done: by story.
fn rows_done(output: &Output, event: &str) -> BTreeMap<String, u64> {
    let text = String::from_utf8_lossy(&output.stdout);
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_kind = events.filter(|value| value["event"] == event);
    of_kind
        .map(|value| {
            (
                value["story"].as_str().unwrap().to_string(),
                value["n_done"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// Injects at every call in turn; after each run the folder must be sound, and a second run must end the work.
fn sweep(injection: impl Fn(usize) -> String, killed: bool) {
    if !has_strace() {
        return;
    }
    let job = Job::new();
    let reference = job.out("reference");
    assert!(job.run(&reference).status.success());
    let expected = feature_files(&reference);
    assert_eq!(expected.len(), 2 * 4, "{:?}", expected.keys());
    let mut n_hit = 0;
    for n in 1..=MOST_CALLS {
        let out = job.out(&format!("out{n}"));
        let first = job.run_with(&injection(n), &out);
        let stderr = String::from_utf8_lossy(&first.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "call {n}: {stderr}");
        let hit = !first.status.success();
        n_hit += usize::from(hit);
        if hit && !killed {
            assert!(
                stderr.contains("Error: "),
                "call {n}: no sentence: {stderr}"
            );
        }
        check_nothing_is_half_done(&out, &expected, n);
        let second = job.run(&out);
        let stderr = String::from_utf8_lossy(&second.stderr);
        assert!(
            second.status.success(),
            "call {n}: the second run failed: {stderr}"
        );
        assert_eq!(
            feature_files(&out),
            expected,
            "call {n}: other files than one run makes"
        );
        check_little_is_repeated(&first, &second, n);
        std::fs::remove_dir_all(&out).unwrap();
        if !hit && n_hit > 0 && was_untouched(&first) {
            eprintln!("{n_hit} of {n} calls hit");
            assert!(n_hit > 40, "the job makes more calls than {n_hit}");
            return;
        }
    }
    panic!("the sweep did not end");
}

/// A run that an injection passed by ends with a summary without failures.
fn was_untouched(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    last.contains("\"event\":\"finished\"")
        && last.contains("\"n_failed\":0")
        && last.contains("\"n_done\":2")
}

/// Whatever has a final name is whole, and a story that is marked as done is done.
fn check_nothing_is_half_done(out: &Path, expected: &BTreeMap<String, Vec<u8>>, n: usize) {
    if !out.exists() {
        return;
    }
    let files = files_below(out);
    let finished: Vec<&String> = files.keys().filter(|name| name.ends_with(".npz")).collect();
    for name in &finished {
        assert_eq!(
            files[*name], expected[*name],
            "call {n}: {name} is half-written"
        );
    }
    for story in ["one", "two"] {
        let of_story = |name: &str| {
            name.contains(&format!("/{story}.npz")) || name.contains(&format!("/{story}_"))
        };
        if finished
            .iter()
            .any(|name| name.ends_with(&format!("{story}_times.npz")))
        {
            let n_there = finished.iter().filter(|name| of_story(name)).count();
            assert_eq!(n_there, 4, "call {n}: {story} is marked as done and is not");
        }
    }
}

/// Every batch that the first run had reported is still there in the second.
fn check_little_is_repeated(first: &Output, second: &Output, n: usize) {
    let done_before = rows_done(first, "progress");
    for (story, kept) in rows_done(second, "story_started") {
        let done = done_before.get(&story).copied().unwrap_or(0);
        assert!(
            kept >= done,
            "call {n}: of {done} rows of {story} only {kept} were kept"
        );
    }
}

#[test]
fn killed_at_every_call_it_goes_on_where_it_was() {
    sweep(|n| format!("signal=KILL:when={n}"), true);
}

#[test]
fn a_full_disk_at_every_call_is_a_sentence_and_nothing_is_lost() {
    sweep(|n| format!("error=ENOSPC:when={n}"), false);
}

#[test]
fn a_disk_that_stays_full_is_a_sentence_and_nothing_is_lost() {
    sweep(|n| format!("error=ENOSPC:when={n}+"), false);
}

#[test]
fn a_failing_disk_at_every_call_is_a_sentence_and_nothing_is_lost() {
    sweep(|n| format!("error=EIO:when={n}"), false);
}
