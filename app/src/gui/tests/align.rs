//! Align: a story on one clock, what the cursor says, and the trims that make features and responses fit.

use eframe::egui::accesskit::Role;
use heschl_core::run::recipe::{ScansRecipe, Trim};

use super::Stage;
use crate::gui::actions::{Action, PathPurpose, ViewAction};
use crate::gui::state::Page;

/// A study of three stories with features, words and responses, on Align.
pub(super) fn stage() -> (tempfile::TempDir, Stage) {
    let folder = tempfile::tempdir().unwrap();
    let recordings = super::recordings(folder.path());
    let mut stage = Stage::with_recordings(&recordings);
    fill_in(&mut stage);
    (folder, stage)
}

/// Fills in the fit of an open study, and lays its first story on one clock.
pub(super) fn fill_in(stage: &mut Stage) {
    super::fit::fill_in(stage);
    let recordings = stage.study().stimuli.clone().unwrap();
    std::fs::write(recordings.join("alpha.TextGrid"), words()).unwrap();
    stage.ask(Action::View(ViewAction::Story("alpha".into())));
    stage.go(Page::Align);
    stage.until("the story is laid on one clock", |window| {
        let alignment = window.info.fit.alignment.ready();
        alignment.is_some_and(|alignment| alignment.time_course.is_some())
    });
}

pub(super) fn words() -> String {
    let interval = |start: f64, end: f64, text: &str| format!("{start}\n{end}\n\"{text}\"\n");
    let tier = |name: &str| {
        let intervals =
            interval(0.0, 4.0, "once") + &interval(4.0, 8.0, "upon") + &interval(8.0, 12.0, "a");
        format!("\"IntervalTier\"\n\"{name}\"\n0\n12\n3\n{intervals}")
    };
    format!(
        "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n12\n<exists>\n2\n{}{}",
        tier("phone"),
        tier("word")
    )
}

#[test]
fn without_a_study_the_page_says_what_to_do() {
    let mut stage = Stage::new();
    stage.go(Page::Align);
    stage.must_see("There is no study open.");
    stage.press("Go to Home");
    assert_eq!(stage.state().page(), Page::Home);
}

#[test]
fn a_story_is_drawn_and_the_cursor_says_what_its_scan_is_made_of() {
    let (_folder, mut stage) = stage();
    stage.must_have(Role::Canvas, "The story on one clock");
    let alignment = stage.info().fit.alignment.ready().unwrap().clone();
    assert_eq!(alignment.words.len(), 3);
    // 40 responses, and what the preset trims of the features.
    let [trim, _] = stage.study().fit.trims().of_story(false);
    assert_eq!(alignment.kept.len(), 40);
    assert_eq!(alignment.kept.start, trim.start_scans);
    stage.ask(Action::View(ViewAction::Cursor(-9.0)));
    stage.must_see("Scan 1: centre at -9.00 s");
    stage.must_see("trimmed");
    let secs = alignment.scans.as_ref().unwrap().centre_secs[trim.start_scans + 2];
    stage.ask(Action::View(ViewAction::Cursor(secs)));
    stage.must_see("voxel 0 measured");
    stage.write("Voxel", "7");
    stage.until("another voxel is read", |window| {
        let alignment = window.info.fit.alignment.ready();
        alignment.is_some_and(|alignment| alignment.time_course.as_ref().unwrap().voxel == 7)
    });
    stage.must_see("voxel 7 measured");
    stage.write("Voxel", "300");
    stage.must_see("The voxels are numbered from 0 to 299.");
}

#[test]
fn lengths_that_differ_are_explained_and_a_trim_mends_them() {
    let (folder, mut stage) = stage();
    let lists = folder.path().join("lists");
    std::fs::create_dir(&lists).unwrap();
    let list: Vec<String> = (0..60).map(|scan| (scan * 2).to_string()).collect();
    std::fs::write(lists.join("alpha.txt"), list.join("\n")).unwrap();
    stage.click(Role::RadioButton, "Lists");
    stage.must_see("Choose a folder of scan times, or switch to regular intervals.");
    stage.ask(Action::Use(PathPurpose::Reports, lists.clone()));
    assert_eq!(
        stage.study().fit.scans,
        ScansRecipe::Lists { folder: lists }
    );
    stage.until("the lengths differ", |window| {
        let alignment = window.info.fit.alignment.ready();
        alignment.is_some_and(|alignment| alignment.mismatch.is_some())
    });
    let [trim, _] = stage.study().fit.trims().of_story(false);
    let n_features = 60 - trim.total();
    stage.must_see(&format!("{n_features} scans of features"));
    let mended = Trim::from([trim.start_scans, trim.end_scans + n_features - 40]);
    stage.press(&format!(
        "Trim [{}, {}]",
        mended.start_scans, mended.end_scans
    ));
    stage.until("they fit", |window| {
        let alignment = window.info.fit.alignment.ready();
        alignment.is_some_and(|alignment| alignment.mismatch.is_none())
    });
    assert_eq!(stage.study().fit.trims().train, mended);
    assert!(stage.study().fit.trims().test != mended);
    stage.ask(Action::Undo);
    let fit = &stage.study().fit;
    assert_eq!(fit.design, fit.preset.design());
}
