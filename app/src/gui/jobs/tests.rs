//! The queue with real processes: a script stands for the program and says what the program would.
#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heschl_core::run::recipe::RecipeFile;

use super::Jobs;
use super::data::{JobCommand, JobState, NewJob, QueueInfo, Task};
use super::queue::{Queue, Waiting};
use crate::gui::state::Study;

/// Ten windows, a tenth of a second each; it goes on at the one that its journal has, and stops when asked. The recipe's
/// text says how it ends.
const PROGRAM: &str = r##"#!/bin/bash
if [ "$1" = models ]; then
    sleep 0.6; echo 0 > "$HESCHL_ENDED_FILE"; exit 0
fi
recipe="$2"; journal="${recipe%recipe.toml}journal"; how="$(tail -n 1 "$recipe")"
done=$(cat "$journal" 2>/dev/null || echo 0)
trap 'echo "{\"event\":\"finished\",\"n_done\":0,\"n_skipped\":0,\"n_failed\":0,\"stopped\":true}"; exit 3' TERM
echo '{"event":"started","n_stories":1,"n_windows":10,"device":"CPU","folder":"f"}'
echo "{\"event\":\"story_started\",\"story\":\"one\",\"n_windows\":10,\"n_done\":$done}"
echo "$@" >> "${recipe%recipe.toml}arguments"
if [ "$how" = "#two" ]; then
    echo '{"event":"story_finished","story":"one","n_rows":10,"times":{"audio_secs":0,"front_end_secs":0,"encoder_secs":0,"store_secs":0}}'
    for _ in {1..600}; do sleep 0.05; done
fi
if [ "$how" = fail ]; then echo "Error: The disk is full. Free some space." >&2; printf '1\nThe disk is full. Free some space.' > "$HESCHL_ENDED_FILE"; exit 1; fi
while [ "$done" -lt 10 ]; do
    sleep 0.1; done=$((done + 1)); echo $done > "$journal"
    echo "{\"event\":\"progress\",\"story\":\"one\",\"n_done\":$done,\"n_windows\":10}"
done
echo '{"event":"story_finished","story":"one","n_rows":10,"times":{"audio_secs":0,"front_end_secs":0,"encoder_secs":0,"store_secs":0}}'
echo '{"event":"finished","n_done":1,"n_skipped":0,"n_failed":0,"stopped":false}'
"##;

struct Stage {
    folder: tempfile::TempDir,
    jobs: Jobs,
    info: QueueInfo,
}

fn open(folder: &Path) -> Jobs {
    let program = folder.join("program");
    Jobs::open(
        folder,
        program,
        &(Arc::new(|| ()) as crate::gui::waker::Waker),
    )
}

fn job(title: &str, how: &str) -> NewJob {
    NewJob {
        title: title.into(),
        subtitle: String::new(),
        task: Task::Extract {
            study: None,
            features: PathBuf::from("features"),
        },
        recipe: Some(how.into()),
        runtime: None,
    }
}

/// A recipe that overwrites, for a model; the script reads the last line.
fn recipe(model: &str, how: &str) -> String {
    let study = Study {
        model: model.into(),
        overwrite: true,
        ..Study::default()
    };
    let file = RecipeFile {
        extract: study.recipe(Path::new("/study"), &[]),
        run: None,
    };
    format!("{}\n#{how}", file.to_toml().unwrap())
}

fn kill(pid: &str) {
    signal("-9", pid);
}

fn signal(signal: &str, pid: &str) {
    let status = std::process::Command::new("kill")
        .args([signal, pid])
        .status();
    assert!(status.unwrap().success());
}

fn fetch(model: &str) -> NewJob {
    NewJob {
        task: Task::Fetch {
            model: model.into(),
        },
        recipe: None,
        ..job("fetch", "")
    }
}

impl Stage {
    /// Closes the window, lets something happen, and opens another one.
    fn reopen_after(&mut self, meanwhile: impl FnOnce()) {
        self.jobs.close(None);
        meanwhile();
        self.jobs = open(self.folder.path());
        self.info = QueueInfo::default();
        self.until("the jobs are found", |info| !info.jobs.is_empty());
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let jobs = open(folder.path());
        Self {
            folder,
            jobs,
            info: QueueInfo::default(),
        }
    }

    fn until(&mut self, what: &str, holds: impl Fn(&QueueInfo) -> bool) {
        let begun = Instant::now();
        while !holds(&self.info) {
            assert!(
                begun.elapsed().as_secs() < 30,
                "waited in vain until {what}: {:#?}",
                self.info
            );
            std::thread::sleep(Duration::from_millis(10));
            self.info = self.jobs.news().unwrap_or(std::mem::take(&mut self.info));
        }
    }

    fn until_state(&mut self, at: usize, state: &JobState) {
        self.until(&format!("job {at} is {state:?}"), |info| {
            info.jobs.get(at).is_some_and(|job| job.state == *state)
        });
    }

    fn until_begun(&mut self) {
        self.until("a window is done", |info| {
            info.jobs[0].progress.done.is_some_and(|(done, _)| done > 0)
        });
    }

    fn order(&self, at: usize, order: JobCommand) {
        self.jobs.order(&self.info.jobs[at].id, order);
    }

    fn titles(&self) -> Vec<&str> {
        self.info
            .jobs
            .iter()
            .map(|job| job.title.as_str())
            .collect()
    }

    fn pid(&self) -> u32 {
        let (_, file) = super::folder::read_all(&self.folder.path().join("jobs")).remove(0);
        file.process.unwrap().pid
    }

    /// How often the process of the first job began.
    fn n_starts(&self) -> usize {
        let folder = self.folder.path().join("jobs").join(&self.info.jobs[0].id);
        std::fs::read_to_string(folder.join("events.jsonl"))
            .unwrap()
            .matches("\"started\"")
            .count()
    }
}

#[test]
fn jobs_run_one_after_the_other_in_their_order() {
    let mut stage = Stage::new();
    for title in ["one", "two", "three"] {
        stage.jobs.add(job(title, "well"));
    }
    stage.until("all are there", |info| info.jobs.len() == 3);
    stage.order(2, JobCommand::Up);
    stage.until("the third is the second", |info| {
        info.jobs[1].title == "three"
    });
    assert_eq!(stage.titles(), ["one", "three", "two"]);
    stage.until_begun();
    assert_eq!(stage.info.jobs[1].state, JobState::Waiting);
    assert_eq!(stage.info.running().unwrap().title, "one");
    stage.until_state(1, &JobState::Running);
    assert_eq!(stage.info.jobs[0].state, JobState::Done);
    stage.until_state(2, &JobState::Done);
    assert_eq!(stage.info.jobs[2].progress.done, Some((10, 10)));
}

#[test]
fn a_paused_job_goes_on_where_it_was() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.until("it is there", |info| !info.jobs.is_empty());
    stage.until_begun();
    stage.order(0, JobCommand::Pause);
    stage.until_state(0, &JobState::Paused);
    let (done, _) = stage.info.jobs[0].progress.done.unwrap();
    assert!((1..10).contains(&done), "{done}");
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Running);
    stage.until_state(0, &JobState::Done);
    assert_eq!(stage.n_starts(), 2);
}

#[test]
fn a_job_that_is_killed_says_so_and_can_go_on() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.until("it is there", |info| !info.jobs.is_empty());
    stage.until_begun();
    kill(&stage.pid().to_string());
    stage.until("it is noticed", |info| matches!(&info.jobs[0].state, JobState::Broken { message } if message.contains("killed")));
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Done);
    assert_eq!(stage.info.jobs[0].progress.done, Some((10, 10)));
}

#[test]
fn a_job_that_aborts_says_that_memory_may_have_run_out() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.until("it is there", |info| !info.jobs.is_empty());
    stage.until_begun();
    if cfg!(target_os = "linux") {
        let stop_as =
            std::fs::read_to_string(format!("/proc/{}/oom_score_adj", stage.pid())).unwrap();
        assert_eq!(stop_as.trim(), "600");
    }
    signal("-ABRT", &stage.pid().to_string());
    stage.until("it is noticed", |info| {
        matches!(&info.jobs[0].state, JobState::Broken { message } if message.contains("memory ran out"))
    });
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Done);
}

#[test]
fn a_job_that_fails_says_why_and_can_be_tried_again() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "fail"));
    let failed = JobState::Failed {
        message: "The disk is full. Free some space.".into(),
    };
    stage.until_state(0, &failed);
    assert_eq!(
        stage.info.jobs[0].last_lines,
        [
            "Extracting about 10 windows on CPU",
            "one: 10 windows",
            "Error: The disk is full. Free some space."
        ]
    );
    let recipe = stage
        .folder
        .path()
        .join("jobs")
        .join(&stage.info.jobs[0].id)
        .join("recipe.toml");
    std::fs::write(recipe, "well").unwrap();
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Done);
}

#[test]
fn a_cancelled_job_stops_and_a_removed_one_is_gone() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.jobs.add(job("two", "well"));
    stage.until("both are there", |info| info.jobs.len() == 2);
    stage.until_begun();
    stage.order(1, JobCommand::Cancel);
    stage.order(0, JobCommand::Cancel);
    stage.until_state(1, &JobState::Cancelled);
    stage.until_state(0, &JobState::Cancelled);
    stage.order(0, JobCommand::Remove);
    stage.until("it is gone", |info| info.jobs.len() == 1);
    assert_eq!(
        super::folder::read_all(&stage.folder.path().join("jobs")).len(),
        1
    );
}

#[test]
fn a_job_outlives_the_window_and_the_next_one_finds_it() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.jobs.add(job("two", "well"));
    stage.until("both are there", |info| info.jobs.len() == 2);
    stage.until_begun();
    let pid = stage.pid();
    stage.reopen_after(|| ());
    assert_eq!(
        (stage.pid(), &stage.info.jobs[0].state),
        (pid, &JobState::Running)
    );
    stage.until_state(0, &JobState::Done);
    assert_eq!(stage.n_starts(), 1);
    // The queue goes on, too.
    stage.until_state(1, &JobState::Done);
}

#[test]
fn what_was_broken_off_while_no_window_was_open_is_offered_again() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.jobs.add(job("two", "well"));
    stage.until("both are there", |info| info.jobs.len() == 2);
    stage.until_begun();
    let pid = stage.pid().to_string();
    stage.reopen_after(|| {
        kill(&pid);
        std::thread::sleep(Duration::from_millis(300));
    });
    assert!(
        matches!(&stage.info.jobs[0].state, JobState::Broken { message } if message.contains("can be resumed")),
        "{:?}",
        stage.info
    );
    // Nothing begins by itself because a window is opened.
    assert_eq!(stage.info.jobs[1].state, JobState::Paused);
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Done);
}

#[test]
fn a_job_that_ended_well_while_no_window_was_open_is_done() {
    let mut stage = Stage::new();
    stage.jobs.add(fetch("whisper-tiny"));
    stage.until_state(0, &JobState::Running);
    stage.reopen_after(|| std::thread::sleep(Duration::from_millis(1500)));
    stage.until_state(0, &JobState::Done);
    let (_, kept) = super::folder::read_all(&stage.folder.path().join("jobs")).remove(0);
    assert_eq!((kept.state, kept.process), (JobState::Done, None));
}

#[test]
fn jobs_that_are_paused_as_the_window_closes_are_found_paused() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.jobs.add(fetch("whisper-tiny"));
    stage.until_state(1, &JobState::Running);
    stage.until_begun();
    stage.jobs.pause_all();
    stage.reopen_after(|| std::thread::sleep(Duration::from_millis(1500)));
    // A download that is ended reports nothing, so that it was paused is known from the window's own state.
    stage.until_state(0, &JobState::Paused);
    stage.until_state(1, &JobState::Paused);
    stage.order(0, JobCommand::GoOn);
    stage.until_state(0, &JobState::Done);
}

#[test]
fn an_extraction_waits_for_the_model_that_another_job_fetches() {
    let mut stage = Stage::new();
    stage.jobs.add(fetch("whisper-tiny"));
    stage.until_state(0, &JobState::Running);
    stage
        .jobs
        .add(job("needs it", &recipe("whisper-tiny", "well")));
    stage
        .jobs
        .add(job("needs another", &recipe("whisper-base", "well")));
    stage.until_state(2, &JobState::Running);
    assert_eq!(
        [&stage.info.jobs[0].state, &stage.info.jobs[1].state],
        [&JobState::Running, &JobState::Waiting]
    );
    stage.until_state(1, &JobState::Done);
    assert_eq!(stage.info.jobs[0].state, JobState::Done);
}

#[test]
fn a_job_that_overwrites_does_not_do_its_stories_twice() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", &recipe("whisper-tiny", "two")));
    let has_finished_one = |info: &QueueInfo| {
        info.jobs.first().is_some_and(|job| {
            job.state == JobState::Running && job.last_lines.contains(&"one: done, 10 rows".into())
        })
    };
    stage.until("one story is done", has_finished_one);
    stage.order(0, JobCommand::Pause);
    stage.until_state(0, &JobState::Paused);
    // Another window knows it, too.
    stage.reopen_after(|| ());
    stage.order(0, JobCommand::GoOn);
    stage.until("it runs again", has_finished_one);
    let folder = stage
        .folder
        .path()
        .join("jobs")
        .join(&stage.info.jobs[0].id);
    let arguments = std::fs::read_to_string(folder.join("arguments")).unwrap();
    let starts: Vec<bool> = arguments
        .lines()
        .map(|line| line.ends_with("--except=one"))
        .collect();
    assert_eq!(starts, [false, true], "{arguments}");
    stage.order(0, JobCommand::Cancel);
    stage.until_state(0, &JobState::Cancelled);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told_in_a_sentence() {
    let mut stage = Stage::new();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("jobs"), "no folder").unwrap();
    stage.jobs = open(other.path());
    stage.until("it is told", |info| info.problem.is_some());
    let sentence = stage.info.problem.clone().unwrap();
    assert!(sentence.contains("Set HESCHL_HOME"), "{sentence}");
}

#[test]
fn a_second_window_looks_on_and_takes_over() {
    let mut stage = Stage::new();
    stage.jobs.add(job("one", "well"));
    stage.until("it is there", |info| !info.jobs.is_empty());
    stage.until_begun();
    let second = open(stage.folder.path());
    let first = std::mem::replace(&mut stage.jobs, second);
    stage.info = QueueInfo::default();
    stage.until("it is seen", |info| {
        info.is_run_elsewhere && !info.jobs.is_empty()
    });
    // Its orders change nothing, but a new job is taken into the queue.
    stage.order(0, JobCommand::Cancel);
    stage.jobs.add(job("two", "well"));
    stage.until_state(0, &JobState::Done);
    stage.until("the new job runs", |info| {
        info.jobs
            .get(1)
            .is_some_and(|job| job.state == JobState::Running)
    });
    assert!(stage.info.is_run_elsewhere);
    let mut first = first;
    first.close(None);
    stage.until("the second leads", |info| !info.is_run_elsewhere);
    stage.until_state(1, &JobState::Done);
}

/// Leads the queue of a folder without a window, on a thread of its own.
fn run_headless(folder: &Path) -> std::thread::JoinHandle<()> {
    let (jobs, program) = (folder.join("jobs"), folder.join("program"));
    std::thread::spawn(move || Queue::open(jobs, program, Waiting::GoOn).run_headless())
}

#[test]
fn what_waits_is_done_when_the_window_is_closed() {
    let mut stage = Stage::new();
    for title in ["one", "two", "three"] {
        stage.jobs.add(job(title, "well"));
    }
    stage.until("they are there", |info| info.jobs.len() == 3);
    stage.until_begun();
    let folder = stage.folder.path().to_path_buf();
    stage.reopen_after(|| run_headless(&folder).join().unwrap());
    for at in 0..3 {
        stage.until_state(at, &JobState::Done);
    }
}

#[test]
fn a_window_takes_over_from_what_goes_on_without_one() {
    let mut stage = Stage::new();
    for title in ["one", "two"] {
        stage.jobs.add(job(title, "well"));
    }
    stage.until("they are there", |info| info.jobs.len() == 2);
    stage.until_begun();
    let folder = stage.folder.path().to_path_buf();
    let mut alone = None;
    stage.reopen_after(|| {
        alone = Some(run_headless(&folder));
        std::thread::sleep(Duration::from_millis(300));
    });
    stage.until("the window leads", |info| !info.is_run_elsewhere);
    alone.unwrap().join().unwrap();
    stage.until_state(1, &JobState::Done);
}
