//! Extract: each field's bad values and the sentence that is shown.

use eframe::egui::accesskit::Role;

use super::{Stage, recordings};
use crate::gui::info::{Info, ModelInfo};
use crate::gui::loading::Loading;
use crate::gui::state::Page;
use heschl_core::run::recipe::LayerChoice;
use heschl_core::speech::card::{Card, FinalOutput, FrameRule, FrontEnd};
use heschl_core::speech::window::{Coverage, WindowSettings};

/// The page with stories and a model of five layers.
fn stage() -> (tempfile::TempDir, Stage) {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&recordings(folder.path()));
    stage.go(Page::Extract);
    stage.until("the model was looked at", |window| {
        !matches!(window.info.model, Loading::Waiting)
    });
    with_model(&mut stage.harness.state_mut().info);
    stage.settle();
    (folder, stage)
}

/// Puts Whisper tiny's card where the model would be.
fn with_model(info: &mut Info) {
    let card = Card {
        name: "whisper-tiny.en".into(),
        architecture: "whisper".into(),
        front_end: FrontEnd::LogMel { n_mels: 80 },
        frame_rule: FrameRule::LastReachedByStem,
        stride_samples: 320,
        shortest_samples: 400,
        longest_samples: Some(480_000),
        n_layers: 5,
        final_output: FinalOutput::LastLayer,
        last_layer: None,
        dim: 384,
        layer_prefix: "encoder".into(),
    };
    info.model = Loading::Ready(ModelInfo {
        name: card.name.clone(),
        card,
        folder: "models".into(),
    });
}

#[test]
fn without_a_study_the_page_leads_home() {
    let mut stage = Stage::new();
    stage.go(Page::Extract);
    stage.must_see("There is no study open.");
    stage.press("Go to Home");
    assert_eq!(stage.state().page(), Page::Home);
}

#[test]
fn a_bad_value_shows_its_sentence_and_greys_run() {
    let (_folder, mut stage) = stage();
    assert!(!stage.is_greyed("Run"));
    for (field, bad, words, good) in [
        ("Chunk", "abc", "\"abc\" is not a number", "100"),
        ("Chunk", "0", "chunk", "100"),
        ("Chunk", "-5", "chunk", "100"),
        ("Context", "150", "multiple", "16000"),
        ("Context", "", "is not a number", "16000"),
        ("Context", "40000", "30", "16000"),
    ] {
        stage.write(field, bad);
        stage.must_see(words);
        assert!(stage.is_greyed("Run"), "{field} {bad}");
        assert!(stage.is_greyed("Copy as command"), "{field} {bad}");
        stage.write(field, good);
        assert!(!stage.is_greyed("Run"), "{field} {good}");
    }
    stage.click(Role::CheckBox, "Use a different step");
    stage.write("Stride", "0");
    assert!(stage.is_greyed("Run"));
    stage.press("Reset stride to 0.1 s");
    assert!(!stage.is_greyed("Run"));
}

#[test]
fn layers_are_typed_as_people_write_them() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Some");
    assert_eq!(stage.value("Layers to keep"), "0-4");
    stage.write("Layers to keep", "0, 2-3");
    assert_eq!(stage.study().layers, LayerChoice::Some(vec![0, 2, 3]));
    stage.write("Layers to keep", "7");
    stage.must_see("There is no layer 7: this model has the layers 0 to 4.");
    assert!(stage.is_greyed("Run"));
    stage.write("Layers to keep", "four");
    stage.must_see("Write layers such as 0, 2-4.");
    stage.click(Role::RadioButton, "All");
    assert!(!stage.is_greyed("Run"));
}

#[test]
fn presets_and_resets_bring_the_papers_settings_back() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Quick look");
    assert_eq!(stage.value("Chunk"), "1,000");
    stage.write("Chunk", "500");
    stage.must_see("Own settings");
    stage.press("Reset chunk to 100 ms");
    stage.press("Reset context to 16,000 ms");
    assert_eq!(stage.study().window, WindowSettings::default());
    stage.click(Role::RadioButton, "Full only");
    assert_eq!(stage.study().window.coverage, Coverage::FullContext);
    stage.click(Role::RadioButton, "Antonello et al. 2023");
    assert_eq!(stage.study().window, WindowSettings::default());
}

#[test]
fn where_features_go_and_under_which_name() {
    let (_folder, mut stage) = stage();
    let recordings = stage.study().stimuli.clone().unwrap();
    std::fs::create_dir(recordings.join("tones")).unwrap();
    let knock = recordings.join("tones/knock.wav");
    std::fs::copy(recordings.join("alpha.wav"), knock).unwrap();
    stage.click(Role::CheckBox, "Custom stimuli");
    assert!(stage.is_greyed("Run"), "custom stimuli without a name");
    stage.write("Name of the custom stimuli", "../up");
    stage.must_see("enter the name of a subfolder");
    stage.write("Name of the custom stimuli", "tones");
    stage.until("the recordings of the folder are read", |window| {
        let stories = window.info.stories();
        stories.len() == 1 && stories[0].story == "knock" && stories[0].header.is_some()
    });
    assert!(!stage.is_greyed("Run"));
    let elsewhere = stage.folder.path().join("elsewhere");
    stage.write("Folder for the features", &elsewhere.display().to_string());
    assert_eq!(stage.study().output.as_ref(), Some(&elsewhere));
    stage.press("Back to the study's folder");
    assert_eq!(stage.study().output, None);
    stage.click(Role::CheckBox, "Recompute finished stories");
    assert!(stage.study().overwrite);
}

#[test]
fn a_greyed_run_says_why() {
    let (_folder, mut stage) = stage();
    // The third one cannot be read, and is not ticked.
    let names: Vec<String> = ["alpha", "beta"].map(String::from).into();
    for story in &names {
        stage.go(Page::Stimuli);
        stage.click(Role::CheckBox, &format!("Use {story}"));
    }
    stage.go(Page::Extract);
    stage.must_see("No story is selected. Select at least one under Stimuli.");
    assert!(stage.is_greyed("Run"));
    // What the sentence says has its button.
    stage.press("Select all stories");
    assert!(!stage.is_greyed("Run"));
    stage.harness.state_mut().info.stories = Loading::Nothing;
    stage.settle();
    stage.must_see("Choose a folder of recordings first, under Stimuli.");
}

#[test]
fn the_forecast_counts_rows_and_bytes() {
    let (_folder, stage) = stage();
    // 12 s and 20 s give a row every 0.1 s: 120 + 200.
    stage.must_see("320");
    // 320 rows of 5 layers and the final output, each 384 values of 4 bytes, and two times: 2.95 MB, of which 93 % are left.
    stage.must_see("3 MB");
    stage.must_see("2 of 3 stories: 1 not readable");
}

#[test]
fn what_cannot_be_read_is_not_run() {
    let (_folder, stage) = stage();
    let recipe = stage.harness.state().recipe().unwrap();
    assert_eq!(recipe.stimuli.stories, ["alpha", "beta"]);
}

#[test]
fn a_sentence_beside_a_field_moves_nothing() {
    let (_folder, mut stage) = stage();
    let places = |stage: &Stage| -> Vec<(String, eframe::egui::Rect)> {
        let mut places = stage.controls();
        places.retain(|(label, _)| {
            ["Context", "Ramp-in", "Custom stimuli"].contains(&label.as_str())
        });
        places
    };
    let before = places(&stage);
    assert_eq!(before.len(), 3);
    stage.write("Chunk", "abc");
    stage.must_see("\"abc\" is not a number");
    assert_eq!(places(&stage), before);
}

#[test]
fn numbers_are_understood_as_the_window_writes_them() {
    let (_folder, mut stage) = stage();
    for (text, ms) in [("4,000", 4000.0), ("8 000", 8000.0), ("12.000,0", 12_000.0)] {
        stage.write("Context", text);
        assert!(
            (stage.study().window.context_ms - ms).abs() < 1e-9,
            "{text}"
        );
        assert_eq!(stage.value("Context"), crate::gui::widgets::plain(ms));
    }
    // While it is typed, what was understood is shown.
    stage.type_into("Context", "4 000");
    stage.must_see("= 4,000 ms");
}

#[test]
fn esc_gives_a_field_back_what_it_had() {
    use eframe::egui::Key;
    let (_folder, mut stage) = stage();
    let study = stage.state().open.as_ref().unwrap().folder.clone();
    for (field, typed) in [
        ("Context", "4000"),
        ("Folder for the features", "/somewhere/else"),
    ] {
        let before = (stage.value(field), stage.study().clone());
        stage.type_into(field, typed);
        stage.harness.key_press(Key::Escape);
        stage.settle();
        assert_eq!(
            (stage.value(field), stage.study().clone()),
            before,
            "{field}"
        );
    }
    // A path that is no whole path would lead to nobody knows where.
    stage.write("Folder for the features", "features/here");
    stage.must_see("Enter an absolute path");
    assert_eq!(stage.study().output, None);
    assert_eq!(
        stage.value("Folder for the features"),
        study.display().to_string()
    );
}

#[test]
fn every_sentence_that_asks_for_something_has_its_button() {
    use crate::gui::pages::{why_not_fit, why_not_run};
    let (_folder, mut stage) = stage();
    let check = |stage: &Stage, part: &str| {
        let window = stage.harness.state();
        let found = window
            .state
            .study()
            .and_then(|study| why_not_run(study, &window.info));
        let found = found.unwrap();
        assert!(found.sentence.contains(part), "{}", found.sentence);
        assert!(!found.remedies.is_empty(), "{}", found.sentence);
    };
    stage.write("Context", "150");
    check(&stage, "multiple");
    stage.press("Reset to defaults");
    assert!(!stage.is_greyed("Run"));
    stage.harness.state_mut().info.stories = Loading::Failed("Nothing there.".into());
    check(&stage, "cannot be read");
    stage.harness.state_mut().info.stories = Loading::Nothing;
    check(&stage, "Choose a folder of recordings");
    let window = stage.harness.state();
    let fit = why_not_fit(&window.state, &window.info).unwrap();
    assert!(!fit.remedies.is_empty(), "{}", fit.sentence);
}

#[test]
fn the_command_and_the_recipe_can_be_taken_along() {
    let (_folder, mut stage) = stage();
    stage.press("Copy as command");
    stage.must_see("Command copied.");
    stage.press("Save recipe");
    stage.until("the recipe is written", |window| {
        window
            .info
            .log
            .iter()
            .any(|line| line.text.contains("Recipe saved"))
    });
    let folder = stage.state().open.as_ref().unwrap().folder.clone();
    let written = heschl_core::run::recipe::RecipeFile::read(&folder.join("recipe.toml")).unwrap();
    assert_eq!(written.extract.window, WindowSettings::default());
    stage.write("Context", "4000");
    stage.ask(crate::gui::actions::Action::Use(
        crate::gui::actions::PathPurpose::Recipe,
        folder.join("recipe.toml"),
    ));
    stage.until("it is taken over", |window| {
        window
            .state
            .study()
            .is_some_and(|study| study.window == WindowSettings::default())
    });
}

#[test]
fn beside_a_job_nothing_is_tried_and_the_forecast_says_so() {
    let (_folder, mut stage) = stage();
    stage.go(Page::Home);
    stage.until("nothing is tried", |window| {
        window.info.trial == Loading::Nothing
    });
    // The queue's own first news would take the place of the job below.
    stage.until("the queue is known", |window| window.info.queue.is_known);
    let running = super::jobs::job("it", crate::gui::jobs::data::JobState::Running);
    stage.harness.state_mut().info.queue.jobs = vec![running];
    stage.go(Page::Extract);
    stage.must_see("time and memory: measured once the running job is done");
    assert_eq!(stage.info().trial, Loading::Nothing);
    stage.harness.state_mut().info.queue.jobs.clear();
    stage.until("it is tried now", |window| {
        window.info.trial != Loading::Nothing
    });
}
