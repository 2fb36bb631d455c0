//! Models: the catalogue, what it says of each model, and what can be done with it.

use super::Stage;
use crate::gui::info::{MachineInfo, ModelSource};
use crate::gui::jobs::data::Task;
use crate::gui::loading::Loading;
use crate::gui::state::Page;

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.go(Page::Models);
    stage.until("the catalogue is read", |window| {
        window.info.models.ready().is_some()
    });
    stage
}

/// The page with two models of which one is here, and one of the user's own that cannot be used.
fn three_models() -> Stage {
    let mut stage = stage();
    let Loading::Ready(models) = &mut stage.harness.state_mut().info.models else {
        unreachable!("the stage waited for them");
    };
    models.truncate(2);
    models[0].folder = Some("/models/whisper-tiny.en".into());
    models[1].folder = None;
    models[1].fits = false;
    let mut own = models[0].clone();
    own.name = "mine".into();
    own.source = ModelSource::Added;
    own.problem = Some("The folder has no config.json.".into());
    models.push(own);
    stage.settle();
    stage
}

#[test]
fn a_card_says_what_a_model_is() {
    let mut stage = stage();
    // Whisper tiny has four blocks, so five hidden states, of 384. Source: its config.json on the Hub.
    for words in ["whisper-tiny.en", "5 layers × 384", "151 MB", "Apache-2.0"] {
        stage.must_see(words);
    }
    stage.write("Search models", "wavlm plus");
    stage.must_see("wavlm-base-plus");
    assert!(!stage.sees("whisper-base"));
    stage.write("Search models", "no such");
    stage.must_see("No matching models.");
}

#[test]
fn a_model_is_deleted_only_after_a_question() {
    let mut stage = three_models();
    stage.press("Delete whisper-tiny.en");
    stage.must_see("Delete it?");
    stage.press("Keep it whisper-tiny.en");
    assert!(!stage.sees("Delete it?"));
    stage.press("Forget mine");
    stage.must_see("Unregister it? Your files are kept.");
}

/// Says how much it has, and goes on until it is ended.
#[cfg(unix)]
const FETCHER: &str = r#"#!/bin/bash
echo '{"event":"downloading","what":"whisper-base","n_bytes":29040394,"n_bytes_total":290403936}'
exec sleep 60
"#;

#[cfg(unix)]
#[test]
fn a_fetch_shows_how_far_it_is_and_can_be_paused() {
    let mut stage = Stage::with_script(tempfile::tempdir().unwrap(), FETCHER);
    stage.go(Page::Models);
    stage.until("the catalogue is read", |window| {
        window.info.models.ready().is_some()
    });
    stage.write("Search models", "whisper-base");
    stage.press("Fetch whisper-base");
    stage.until("something has come", |window| {
        let job = window.info.queue.fetching("whisper-base");
        job.is_some_and(|job| job.progress.done.is_some())
    });
    stage.must_see("10 % · 29 MB of 290 MB");
    stage.press("Pause whisper-base");
    stage.until("it is paused", |window| {
        let job = window.info.queue.fetching("whisper-base");
        job.is_some_and(|job| !job.state.is_alive())
    });
    stage.must_see("paused");
    stage.press("Resume whisper-base");
    stage.press("Cancel whisper-base");
    stage.until("it is cancelled", |window| {
        window.info.queue.fetching("whisper-base").is_none()
    });
    assert!(!stage.is_greyed("Fetch whisper-base"));
}

#[cfg(unix)]
#[test]
fn a_missing_onnx_runtime_can_be_had_by_a_click() {
    let mut stage = Stage::with_script(tempfile::tempdir().unwrap(), "#!/bin/bash\nsleep 1\n");
    stage.until("the machine is known", |window| {
        window.info.machine.is_some()
    });
    stage.harness.state_mut().info.machine = Some(MachineInfo {
        runtime: Some(Err("ONNX Runtime is not installed yet.".into())),
        ..MachineInfo::default()
    });
    stage.go(Page::Settings);
    stage.must_see("ONNX Runtime is not installed yet.");
    stage.press("Get ONNX Runtime");
    stage.until("a job gets it", |window| {
        let jobs = &window.info.queue.jobs;
        jobs.iter().any(|job| job.task == Task::Runtime)
    });
    stage.must_see("downloading ONNX Runtime");
    stage.until("it is told that it is here", |window| {
        let log = &window.info.log;
        log.iter()
            .any(|line| line.text == "ONNX Runtime is installed.")
    });
}
