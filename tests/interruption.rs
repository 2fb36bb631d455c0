//! The real program, killed or with a failing disk at every single write, loses nothing and leaves nothing half-done.
//!
//! `strace` kills the program, or makes the system call fail, at the n-th call that changes a file; n goes from 1 until
//! a run gets through untouched. This takes minutes and is ignored by default; the same sweeps within the process run
//! always (`core/tests/it/*/disk_faults.rs`, `disk_faults.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::faults::{CALLS, Fault, MOST_CALLS, Strace};
use crate::common::{data, feature_files, heschl, noise, write_wav};
use heschl_core::run::store;

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

    fn strace(&self) -> Strace {
        Strace::new(self.scratch.path().join("trace"))
    }

    fn run(&self, out: &Path) -> Output {
        heschl().args(self.arguments(out)).output().unwrap()
    }
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

/// Lets the fault strike at every call in turn; after each run the folder must be sound, and a second run must end the
/// work.
fn sweep(fault: Fault) {
    let job = Job::new();
    let reference = job.out("reference");
    assert!(job.run(&reference).status.success());
    let expected = feature_files(&reference);
    assert_eq!(expected.len(), 2 * 4, "{:?}", expected.keys());
    let n_struck: usize = CALLS
        .iter()
        .map(|call| sweep_one(&job, call, fault, &expected))
        .sum();
    eprintln!("struck at {n_struck} calls");
    assert!(n_struck > 100, "the job makes more calls than {n_struck}");
}

/// The same for one kind of call; gives the number of calls that were struck.
fn sweep_one(job: &Job, call: &str, fault: Fault, expected: &BTreeMap<String, Vec<u8>>) -> usize {
    for n in 1..=MOST_CALLS {
        let place = format!("{call} {n}");
        let out = job.out("out");
        let (first, struck) = job
            .strace()
            .run(&job.arguments(&out), call, &fault.injection(n));
        let stderr = String::from_utf8_lossy(&first.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{place}: {stderr}");
        let failed = !first.status.success();
        assert!(
            struck || !failed,
            "{place}: failed without a fault: {stderr}"
        );
        if failed && fault.leaves_a_voice(call) {
            assert!(
                stderr.contains("Error: ") || told_as_event(&first),
                "{place}: no sentence: {stderr}"
            );
        }
        check_nothing_is_half_done(&out, expected, &place);
        let second = job.run(&out);
        let stderr = String::from_utf8_lossy(&second.stderr);
        assert!(
            second.status.success(),
            "{place}: the second run failed: {stderr}"
        );
        assert_eq!(
            &feature_files(&out),
            expected,
            "{place}: other files than one run makes"
        );
        let report = store::check(&out).unwrap();
        assert!(
            report.faults.is_empty() && report.unfinished.is_empty(),
            "{place}: {report:?}"
        );
        check_little_is_repeated(&first, &second, &place);
        std::fs::remove_dir_all(&out).unwrap();
        if !struck {
            return n - 1;
        }
    }
    unreachable!("the sweep over {call} did not end")
}

/// Whether a story's failure was told among the events.
fn told_as_event(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("\"event\":\"story_failed\"")
}

/// Whatever has a final name is whole, and a story that is marked as done is done.
fn check_nothing_is_half_done(out: &Path, expected: &BTreeMap<String, Vec<u8>>, place: &str) {
    if !out.exists() {
        return;
    }
    let files = feature_files(out);
    let finished: Vec<&String> = files.keys().collect();
    for name in &finished {
        assert_eq!(
            files[*name], expected[*name],
            "{place}: {name} is half-written"
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
            assert_eq!(n_there, 4, "{place}: {story} is marked as done and is not");
        }
    }
}

/// Every batch that the first run had reported is still there in the second.
fn check_little_is_repeated(first: &Output, second: &Output, place: &str) {
    let done_before = rows_done(first, "progress");
    for (story, kept) in rows_done(second, "story_started") {
        let done = done_before.get(&story).copied().unwrap_or(0);
        assert!(
            kept >= done,
            "{place}: of {done} rows of {story} only {kept} were kept"
        );
    }
}

#[test]
#[ignore = "takes minutes; the sweeps within the process run always"]
fn killed_at_every_call_it_goes_on_where_it_was() {
    sweep(Fault::Killed);
}

#[test]
#[ignore = "takes minutes; the sweeps within the process run always"]
fn a_full_disk_at_every_call_is_a_sentence_and_nothing_is_lost() {
    sweep(Fault::Once("ENOSPC"));
}

#[test]
#[ignore = "takes minutes; the sweeps within the process run always"]
fn a_disk_that_stays_full_is_a_sentence_and_nothing_is_lost() {
    sweep(Fault::FromThenOn("ENOSPC"));
}

#[test]
#[ignore = "takes minutes; the sweeps within the process run always"]
fn a_failing_disk_at_every_call_is_a_sentence_and_nothing_is_lost() {
    sweep(Fault::Once("EIO"));
}
