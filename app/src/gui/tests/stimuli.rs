//! Stimuli: the table of stories and what is said of each.

use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{Stage, recordings, write_tone};
use crate::gui::actions::{Action, PathPurpose, StudyAction};
use crate::gui::loading::Loading;
use crate::gui::state::Page;
use heschl_core::speech::audio::Resampling;

/// Stories in the order of the table.
fn order(stage: &Stage) -> Vec<String> {
    let rows = stage.harness.query_all_by_role(Role::Row);
    let mut rows: Vec<(f32, String)> = rows
        .filter_map(|row| Some((row.rect().top(), row.accesskit_node().label()?)))
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.into_iter()
        .map(|(_, label)| label.replace("Story ", ""))
        .collect()
}

#[test]
fn without_a_study_the_page_says_what_to_do() {
    let mut stage = Stage::new();
    stage.go(Page::Stimuli);
    stage.must_see("Open a study first, or drop a folder of recordings on this window");
    assert!(!stage.is_greyed("Choose recordings"));
    assert!(!stage.is_greyed("Browse: Folder of recordings"));
}

#[test]
fn each_recording_has_its_length_its_sound_and_its_problem() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&recordings(folder.path()));
    stage.must_see("0:12");
    stage.must_see("16 kHz mono");
    stage.must_see("44.1 kHz stereo: will be resampled to 16 kHz mono");
    let Some(Err(sentence)) = stage.info().stories()[2].header.clone() else {
        panic!("a file that is no recording was taken for one");
    };
    stage.must_see(sentence.lines().next().unwrap());
    stage.must_see("2 of 3 stories: 1 not readable · 0:32");
    stage.click(Role::CheckBox, "Resample");
    assert_eq!(stage.study().resampling, Resampling::Refuse);
    stage.must_see("turn on \"Resample\" above");
}

#[test]
fn stories_are_chosen_searched_and_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&recordings(folder.path()));
    assert_eq!(order(&stage), ["alpha", "beta", "gamma"]);
    stage.click(Role::ColumnHeader, "Sort by length");
    assert_eq!(order(&stage), ["gamma", "alpha", "beta"]);
    stage.click(Role::ColumnHeader, "Sort by length");
    assert_eq!(order(&stage), ["beta", "alpha", "gamma"]);
    stage.click(Role::ColumnHeader, "Sort by remarks");
    assert_eq!(order(&stage)[0], "gamma");
    stage.click(Role::CheckBox, "Use beta");
    assert_eq!(stage.study().left_out.iter().collect::<Vec<_>>(), ["beta"]);
    stage.must_see("1 of 3 stories");
    stage.press("None");
    stage.must_see("0 of 3 stories: 1 not readable · 0:00");
    // What follows within a moment is one step.
    stage.harness.run_steps(8);
    stage.press("All");
    assert!(stage.study().left_out.is_empty());
    stage
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!(!stage.study().left_out.is_empty(), "undo has done nothing");
    stage.press("All");
    stage.write("Search stories", "ALP");
    assert_eq!(order(&stage), ["alpha"]);
    // Of those that are not shown nothing is changed.
    stage.press("None");
    assert_eq!(stage.study().left_out.iter().collect::<Vec<_>>(), ["alpha"]);
    stage.press("All");
    assert!(stage.study().left_out.is_empty());
    stage.write("Search stories", "");
    stage.click(Role::Row, "Story beta");
    assert_eq!(stage.state().story.as_deref(), Some("beta"));
}

#[test]
fn a_folder_that_cannot_be_used_is_told_with_its_remedies() {
    let mut stage = Stage::new();
    let empty = stage.folder.path().join("empty");
    write_tone(&empty.join("below/one.wav"), 1.0, 16_000, 1);
    stage.ask(Action::Use(PathPurpose::Stimuli, empty.clone()));
    stage.until("it was looked at", |window| {
        matches!(window.info.stories, Loading::Failed(_))
    });
    stage.go(Page::Stimuli);
    stage.press("Include subfolders");
    stage.until("the story below is found", |window| {
        window.info.stories().len() == 1
    });
    stage.write(
        "Folder of recordings",
        &empty.join("nowhere").display().to_string(),
    );
    stage.until("it was looked at", |window| {
        matches!(window.info.stories, Loading::Failed(_))
    });
    assert!(!stage.is_greyed("Choose another folder"));
    std::fs::create_dir_all(empty.join("nowhere")).unwrap();
    write_tone(&empty.join("nowhere/two.wav"), 1.0, 16_000, 1);
    stage.press("Look again");
    stage.until("it is there now", |window| window.info.stories().len() == 1);
    assert_eq!(stage.state().preferences.recent_stimuli.len(), 2);
}

#[test]
fn a_dialog_that_never_answers_can_be_left() {
    let mut stage = Stage::new();
    stage.go(Page::Stimuli);
    stage.harness.state_mut().info.picking = Some(PathPurpose::Stimuli);
    stage.settle();
    stage.press("Stop waiting");
    assert_eq!(stage.info().picking, None);
}

#[test]
fn recordings_that_come_and_go_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = recordings(folder.path());
    let mut stage = Stage::with_recordings(&recordings);
    std::fs::write(recordings.join("delta.opus"), "OggS").unwrap();
    write_tone(&recordings.join("epsilon.wav"), 3.0, 16_000, 1);
    stage.until("they are listed", |window| {
        let stories = window.info.stories();
        stories.len() == 5 && stories.iter().all(|story| story.header.is_some())
    });
    stage.must_see("3 of 5 stories: 2 not readable");
    stage.must_see("Not read: Opus.");
    std::fs::remove_file(recordings.join("epsilon.wav")).unwrap();
    stage.until("it is gone", |window| window.info.stories().len() == 4);
}

#[test]
fn a_study_without_recordings_shows_none_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&recordings(folder.path()));
    assert_eq!(stage.info().stories().len(), 3);
    let parent = stage.folder.path().join("home");
    stage.ask(Action::Study(StudyAction::New {
        parent,
        name: "Another".into(),
    }));
    stage.until("it is open", |window| {
        window
            .state
            .study()
            .is_some_and(|study| study.name == "Another")
    });
    assert_eq!(stage.info().stories, Loading::Nothing);
    stage.go(Page::Stimuli);
    stage.must_see("Choose a folder of recordings (wav");
    stage.go(Page::Extract);
    assert!(stage.is_greyed("Run"));
    assert!(stage.harness.state().recipe().is_err());
}

#[test]
fn a_dialog_that_is_open_elsewhere_keeps_no_other_from_being_opened() {
    let mut stage = Stage::new();
    stage.go(Page::Stimuli);
    stage.harness.state_mut().info.picking = Some(PathPurpose::Mask);
    stage.settle();
    assert!(!stage.is_greyed("Browse: Folder of recordings"));
}
