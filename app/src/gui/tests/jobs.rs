//! Jobs and models: cards, what can be done with each, and the question when the window is closed.

use std::path::PathBuf;

use eframe::egui::accesskit::Role;
use heschl_models::catalogue;

use super::{Stage, recordings};
use crate::gui::actions::Action;
use crate::gui::close_request::CloseRequest;
use crate::gui::info::{ModelEntry, ModelSource};
use crate::gui::jobs::data::{Counted, JobInfo, JobState, Progress, QueueInfo, Task, Times};
use crate::gui::loading::Loading;
use crate::gui::state::Page;

pub(super) fn job(id: &str, state: JobState) -> JobInfo {
    JobInfo {
        id: id.into(),
        title: format!("Job {id}"),
        subtitle: "window 16.1 s".into(),
        task: Task::Extract {
            study: None,
            features: PathBuf::from("/nowhere/features"),
        },
        recipe: None,
        state,
        is_stopping: false,
        progress: Progress {
            done: Some((25, 100)),
            per_sec: Some(5.0),
            ..Progress::default()
        },
        times: Times::default(),
        last_lines: vec!["Computing on the CPU.".into()],
    }
}

/// A window that is told of these jobs, whatever its queue says.
fn stage(jobs: Vec<JobInfo>) -> Stage {
    let mut stage = Stage::new();
    stage.until("the queue has told of itself", |window| {
        window.work_is_quiet()
    });
    stage.go(Page::Jobs);
    stage.harness.state_mut().info.queue = QueueInfo {
        is_known: true,
        jobs,
        ..QueueInfo::default()
    };
    stage.settle();
    stage
}

#[test]
fn without_jobs_the_page_leads_on() {
    let mut stage = stage(vec![]);
    stage.must_see("No jobs. Open a study or try the sample first.");
    stage.press("Go to Home");
    assert_eq!(stage.state().page(), Page::Home);
    let folder = recordings(stage.folder.path());
    stage.ask(Action::Use(
        crate::gui::actions::PathPurpose::Stimuli,
        folder,
    ));
    stage.until("a study is open", |window| window.state.open.is_some());
    stage.go(Page::Jobs);
    stage.press("Go to Extract");
}

#[test]
fn each_state_has_its_buttons_and_its_sentence() {
    let failed = JobState::Failed {
        message: "The disk is full.".into(),
    };
    let broken = JobState::Broken {
        message: "Its process was killed from outside.".into(),
    };
    let partly = JobState::Partly {
        message: "1 story could not be done; 3 stories are done.".into(),
    };
    let states = [
        partly,
        JobState::Running,
        JobState::Waiting,
        JobState::Paused,
        JobState::Done,
        failed,
        broken,
        JobState::Cancelled,
    ];
    let buttons: [&[&str]; 8] = [
        &[
            "Retry",
            "Show the features",
            "Show the folder",
            "What to do?",
            "Remove",
        ],
        &["Pause", "Cancel"],
        &["Cancel", "Up", "Down", "Remove"],
        &["Resume", "Remove"],
        &["Show the features", "Show the folder", "Remove"],
        &["Retry", "What to do?", "Remove"],
        &["Go on", "What to do?", "Remove"],
        &["Begin again", "Remove"],
    ];
    for (state, wanted) in states.into_iter().zip(buttons) {
        let others = [
            job("before", JobState::Waiting),
            job("it", state),
            job("after", JobState::Waiting),
        ];
        let stage = stage(others.into());
        let labels: Vec<String> = stage
            .controls()
            .into_iter()
            .map(|(label, _)| label)
            .collect();
        let mut of_it: Vec<&str> = labels
            .iter()
            .filter_map(|label| label.strip_suffix(": Job it"))
            .collect();
        of_it.retain(|label| *label != "Show the log");
        assert_eq!(of_it, wanted);
    }
}

#[test]
fn a_card_says_how_far_how_fast_and_for_how_long() {
    let mut stage = stage(vec![job("it", JobState::Running)]);
    // 25 of 100 windows at 5 a second: 75 windows are 15 seconds.
    stage.must_see("25 % · 25 of 100 windows · 5.0 windows/s · 15 s left");
    stage.press("Show the log: Job it");
    stage.must_see("Computing on the CPU.");
    stage.press("Hide the log: Job it");
    assert!(!stage.sees("Computing on the CPU."));
    stage.go(Page::Home);
    // The bar below leads back.
    stage.click(Role::Link, "Job it 25 %  5.0 windows/s  15 s left");
    assert_eq!(stage.state().page(), Page::Jobs);
    // Of a fit, voxels are counted.
    let queue = &mut stage.harness.state_mut().info.queue;
    queue.jobs[0].progress = Progress {
        done: Some((2_048, 20_484)),
        counted: Counted::Voxels,
        per_sec: Some(6213.8),
        ..Progress::default()
    };
    stage.settle();
    stage.must_see("10 % · 2,048 of 20,484 voxels · 6,214 voxels/s · 3 s left");
    stage.harness.state_mut().info.queue.is_run_elsewhere = true;
    stage.settle();
    stage.must_see("Another window runs the queue");
    assert!(stage.is_greyed("Pause: Job it"));
}

#[test]
fn a_finished_job_leads_to_its_features() {
    let mut stage = stage(vec![job("it", JobState::Done)]);
    stage.press("Show the features: Job it");
    assert_eq!(stage.state().page(), Page::Features);
    assert_eq!(
        stage.state().selection.as_ref().unwrap().folder,
        PathBuf::from("/nowhere/features")
    );
}

/// Asks the window to close, as the window manager does.
fn close(stage: &mut Stage) {
    let viewport = eframe::egui::ViewportId::ROOT;
    let events = |stage: &mut Stage, events| {
        let viewports = &mut stage.harness.input_mut().viewports;
        viewports.entry(viewport).or_default().events = events;
    };
    events(stage, vec![eframe::egui::ViewportEvent::Close]);
    stage.harness.step();
    events(stage, Vec::new());
    stage.settle();
}

#[test]
fn closing_asks_while_something_runs() {
    let mut stage = stage(vec![
        job("it", JobState::Running),
        job("other", JobState::Waiting),
    ]);
    close(&mut stage);
    stage.must_see("1 job is running and can continue in the background");
    stage.must_see("1 job waits in the queue and will run in the background.");
    stage.press("Stay");
    assert!(!stage.sees("Close the window?"));
    close(&mut stage);
    stage.press("Continue in the background");
    assert_eq!(stage.harness.state().close_request, CloseRequest::Settled);
}

#[test]
fn the_window_closes_when_the_last_job_ends_while_it_asks() {
    let mut stage = stage(vec![job("it", JobState::Running)]);
    close(&mut stage);
    stage.must_see("Close the window?");
    stage.harness.state_mut().info.queue.jobs[0].state = JobState::Done;
    stage.settle();
    assert!(!stage.sees("Close the window?"));
    assert_eq!(stage.harness.state().close_request, CloseRequest::Settled);
}

fn models(stage: &mut Stage, change: impl Fn(&mut ModelEntry)) {
    stage.until("the queue has told of itself", |window| {
        window.work_is_quiet()
    });
    stage.go(Page::Models);
    stage.until("the models are listed", |window| {
        window.info.models.ready().is_some()
    });
    let Loading::Ready(models) = &mut stage.harness.state_mut().info.models else {
        panic!("no models");
    };
    for model in models.iter_mut() {
        model.folder = None;
    }
    change(&mut models[0]);
    stage.settle();
}

#[test]
fn every_model_of_the_catalogue_has_a_card() {
    let mut stage = Stage::with(
        crate::gui::state::Preferences::default(),
        [1280.0, 4000.0],
        1.0,
    );
    models(&mut stage, |_| ());
    for entry in catalogue::ENTRIES {
        stage.must_see(entry.name);
        assert!(!stage.is_greyed(&format!("Fetch {}", entry.name)));
    }
    stage.write("Search models", "wavlm base");
    assert!(stage.sees("Fetch wavlm-base-plus") && !stage.sees("Fetch whisper-tiny"));
    stage.write("Search models", "nothing of the kind");
    stage.must_see("No matching models.");
}

#[test]
fn a_model_says_whether_it_fits_and_why_not() {
    let mut stage = Stage::new();
    models(&mut stage, |model| {
        (model.fits, model.needed_bytes) = (false, 64_000_000_000);
    });
    stage.must_see("too large for this machine: needs about 64.0 GB of memory");
}

#[test]
fn a_model_that_is_here_is_used_checked_and_deleted_after_a_question() {
    let mut stage = Stage::new();
    let folder = recordings(stage.folder.path());
    stage.ask(Action::Use(
        crate::gui::actions::PathPurpose::Stimuli,
        folder,
    ));
    stage.until("a study is open", |window| window.state.open.is_some());
    models(&mut stage, |model| {
        (model.name, model.folder) = ("mine".into(), Some("/nowhere".into()));
    });
    stage.press("Use mine");
    assert_eq!(stage.study().model, "mine");
    stage.must_see("in use");
    stage.press("Delete mine");
    stage.must_see("Delete it? You would have to download it again.");
    stage.press("Keep it mine");
    assert!(!stage.sees("Delete it?"));
    stage.press("Delete mine");
    stage.press("Delete it mine");
    stage.until("it was tried", |window| {
        window
            .info
            .log
            .iter()
            .any(|line| line.text.contains("mine is no longer installed"))
    });
}

#[test]
fn a_model_is_added_by_folder_file_or_repository() {
    let mut stage = Stage::new();
    models(&mut stage, |model| model.source = ModelSource::Added);
    stage.press("Add a model");
    for label in ["Browse: Folder of a checkpoint", "Browse: ONNX file"] {
        assert!(!stage.is_greyed(label));
    }
    stage.write("Repository", "no repository");
    assert!(stage.is_greyed("Download the repository"));
    stage.write("Repository", "facebook/hubert-large-ls960-ft");
    assert!(!stage.is_greyed("Download the repository"));
}

#[test]
fn a_fetch_is_shown_on_its_card() {
    let mut stage = Stage::new();
    models(&mut stage, |_| ());
    let progress = Progress {
        done: Some((10_000_000, 151_000_000)),
        counted: Counted::Bytes,
        per_sec: Some(2_000_000.0),
        ..Progress::default()
    };
    let fetch = JobInfo {
        task: Task::Fetch {
            model: "whisper-tiny".into(),
        },
        progress,
        ..job("it", JobState::Running)
    };
    stage.harness.state_mut().info.queue.jobs = vec![fetch];
    stage.settle();
    stage.must_see("7 % · 10 MB of 151 MB · 2 MB/s");
    assert!(!stage.is_greyed("Pause whisper-tiny") && !stage.is_greyed("Cancel whisper-tiny"));
    stage.harness.state_mut().info.queue.jobs[0].state = JobState::Failed {
        message: "The Hub cannot be reached.".into(),
    };
    stage.settle();
    stage.must_see("The Hub cannot be reached.");
    assert!(!stage.is_greyed("Resume whisper-tiny"));
}
