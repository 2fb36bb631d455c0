//! Jobs of earlier windows and jobs that run: real folders, real processes.
#![cfg(unix)]

use std::path::Path;

use eframe::egui::accesskit::Role;
use eframe::egui::{ViewportEvent, ViewportId};

use super::Stage;
use crate::gui::jobs::data::{JobState, Task};
use crate::gui::state::Page;

/// Puts a job below the folder, as an earlier window would have left it.
pub(super) fn leave(data: &Path, place: u32, title: &str, state: &str) {
    let folder = data.join("data/jobs").join(format!("job-{place}"));
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "version = 1\ntitle = \"{title}\"\nsubtitle = \"Night · window 16.1 s\"\nplace = {place}\n\
         state = {{ {state} }}\ntask = {{ kind = \"extract\", features = \"/features/of/{place}\" }}\n"
    );
    std::fs::write(folder.join("job.toml"), text).unwrap();
    std::fs::write(
        folder.join("log.txt"),
        "Getting ready\nError: The disk is full.\n",
    )
    .unwrap();
    let events = [
        r#"{"event":"begun"}"#,
        r#"{"event":"started","n_stories":1,"n_windows":200,"device":"CPU","folder":"f"}"#,
        r#"{"event":"story_started","story":"alpha","n_windows":200,"n_done":0}"#,
        r#"{"event":"progress","story":"alpha","n_done":50,"n_windows":200}"#,
    ];
    std::fs::write(folder.join("events.jsonl"), events.join("\n") + "\n").unwrap();
}

/// Says that it has done 82 of 200 windows, and works until it is told to stop.
const WORKER: &str = r#"#!/bin/bash
trap 'echo "{\"event\":\"finished\",\"n_done\":0,\"n_skipped\":0,\"n_failed\":0,\"stopped\":true}"; exit 3' TERM
echo '{"event":"started","n_stories":1,"n_windows":200,"device":"CPU (2 threads)","folder":"f"}'
echo '{"event":"story_started","story":"alpha","n_windows":200,"n_done":0}'
sleep 0.7
echo '{"event":"progress","story":"alpha","n_done":82,"n_windows":200}'
for _ in {1..600}; do sleep 0.05; done
"#;

fn stage(jobs: &[(&str, &str)]) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    for (place, (title, state)) in (0..).zip(jobs) {
        leave(folder.path(), place, title, state);
    }
    let mut stage = Stage::with_script(folder, WORKER);
    let n_jobs = jobs.len();
    stage.until("the jobs are found", |window| {
        window.info.queue.jobs.len() == n_jobs
    });
    stage.go(Page::Jobs);
    stage
}

#[test]
fn what_earlier_windows_left_is_found_and_can_be_cleared() {
    let mut stage = stage(&[
        ("First", r#"state = "done""#),
        (
            "Second",
            r#"state = "failed", message = "The disk is full. Free some space.""#,
        ),
        (
            "Third",
            r#"state = "broken", message = "It was broken off; it can go on.""#,
        ),
        ("Fourth", r#"state = "paused""#),
        ("Fifth", r#"state = "cancelled""#),
    ]);
    for words in [
        "The disk is full. Free some space.",
        "It was broken off; it can go on.",
        "25 % · 50 of 200 windows",
    ] {
        stage.must_see(words);
    }
    for button in [
        "Show the features: First",
        "Retry: Second",
        "Go on: Third",
        "Resume: Fourth",
        "Begin again: Fifth",
    ] {
        assert!(!stage.is_greyed(button), "{button}");
    }
    assert!(!stage.sees("Error: The disk is full."));
    stage.press("Show the log: Second");
    stage.must_see("Error: The disk is full.");
    stage.press("Hide the log: Second");
    assert!(!stage.sees("Error: The disk is full."));
    stage.press("Remove: Second");
    stage.until("it is gone", |window| window.info.queue.jobs.len() == 4);
    assert!(!stage.sees("Retry: Second"));
    stage.must_see("Finished");
    stage.press("Show the features: First");
    assert_eq!(stage.state().page(), Page::Features);
    assert_eq!(
        stage.state().preferences.recent_features,
        [Path::new("/features/of/0")]
    );
    stage.go(Page::Jobs);
    stage.click(Role::Link, "Clear the list");
    stage.until("what is over is gone", |window| {
        window.info.queue.jobs.len() == 2
    });
    assert!(stage.sees("Go on: Third") && stage.sees("Resume: Fourth"));
}

#[test]
fn a_job_is_followed_paused_resumed_and_cancelled() {
    let mut stage = stage(&[
        ("First", r#"state = "paused""#),
        ("Second", r#"state = "paused""#),
        ("Third", r#"state = "paused""#),
    ]);
    for title in ["First", "Second", "Third"] {
        stage.press(&format!("Resume: {title}"));
    }
    stage.until("the first has begun", |window| {
        window.info.queue.jobs[0].progress.done == Some((82, 200))
    });
    stage.must_see("41 % · 82 of 200 windows");
    stage.must_see("windows/s");
    // The status bar leads here from everywhere.
    stage.go(Page::Help);
    let running = stage.info().queue.running().unwrap().progress.clone();
    assert_eq!(running.story.as_deref(), Some("alpha"));
    stage.press_containing(Role::Link, "alpha 41 %");
    assert_eq!(stage.state().page(), Page::Jobs);
    stage.press("Up: Third");
    stage.until("it has moved", |window| {
        window.info.queue.jobs[1].title == "Third"
    });
    stage.press("Pause: First");
    stage.until("the next one runs", |window| {
        let jobs = &window.info.queue.jobs;
        jobs[0].state == JobState::Paused && jobs[1].state == JobState::Running
    });
    stage.press("Cancel: Third");
    stage.press("Cancel: Second");
    stage.until("both are cancelled", |window| {
        let jobs = &window.info.queue.jobs;
        jobs[1..].iter().all(|job| job.state == JobState::Cancelled)
    });
}

#[test]
fn the_window_asks_before_it_closes_while_a_job_runs() {
    let mut stage = stage(&[("First", r#"state = "paused""#)]);
    let close = |stage: &mut Stage| {
        let viewports = &mut stage.harness.input_mut().viewports;
        let root = viewports.entry(ViewportId::ROOT).or_default();
        root.events.push(ViewportEvent::Close);
        stage.settle();
    };
    // Nothing runs, so nothing is asked.
    close(&mut stage);
    assert!(!stage.sees("Close the window?"));
    stage.press("Resume: First");
    stage.until("it runs", |window| {
        window.info.queue.jobs[0].progress.done.is_some()
            && window.info.queue.jobs[0].state == JobState::Running
    });
    close(&mut stage);
    stage.must_see("Close the window?");
    stage.must_see("1 job is running and");
    stage.press("Stay");
    assert!(!stage.sees("Close the window?"));
    close(&mut stage);
    stage.press("Pause it");
    stage.until("it is paused", |window| {
        window.info.queue.jobs[0].state == JobState::Paused
    });
}

#[test]
fn what_can_be_done_about_a_failed_job_has_its_button() {
    const FAILS: &str = r#"#!/bin/bash
echo '{"event":"failed","message":"The model whisper-base is not installed.","remedies":[{"kind":"fetch_model","name":"whisper-base"},{"kind":"list_models"},{"kind":"resample"}]}'
exit 1
"#;
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path(), 0, "Fails", "state = \"paused\"");
    let mut stage = Stage::with_script(folder, FAILS);
    stage.until("it is found", |window| !window.info.queue.jobs.is_empty());
    stage.go(Page::Jobs);
    stage.press("Resume: Fails");
    stage.until("it has failed", |window| {
        let jobs = &window.info.queue.jobs;
        matches!(jobs.first(), Some(job) if matches!(job.state, JobState::Failed { .. }))
    });
    stage.must_see("The model whisper-base is not installed.");
    // It is no job of an open study, so nothing offers to change one.
    assert!(!stage.sees("Resample"));
    stage.must_have(Role::Button, "Go to Models");
    stage.click(Role::Button, "Download whisper-base");
    stage.until("the download is queued", |window| {
        let jobs = &window.info.queue.jobs;
        jobs.iter()
            .any(|job| matches!(&job.task, Task::Fetch { model, .. } if model == "whisper-base"))
    });
}
