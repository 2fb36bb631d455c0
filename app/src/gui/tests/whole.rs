//! What holds for the window as a whole.

use super::{Stage, recordings};
use crate::gui::actions::{Action, PathPurpose, StudyAction};
use crate::gui::state::{Page, Preferences, ThemeChoice};

/// Names that pages must not know: whatever touches a disk, a thread or a process belongs to `workers` and `jobs`.
const FORBIDDEN: [&str; 8] = [
    "std::fs",
    "std::thread",
    "std::process",
    "std::time::Instant",
    "std::net",
    "File::",
    "mpsc",
    "thread::",
];

#[test]
fn pages_touch_no_disk_no_thread_and_no_process() {
    let gui = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gui");
    let mut sources = vec![];
    let mut folders = vec![gui.join("pages"), gui.join("widgets")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap() != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rs")
                && path.file_stem().unwrap() != "tests"
            {
                sources.push(path);
            }
        }
    }
    assert!(sources.len() > 10, "the pages were not found: {sources:?}");
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for name in FORBIDDEN {
            assert!(!code.contains(name), "{} names {name}", source.display());
        }
    }
}

#[test]
fn every_page_fits_the_smallest_window() {
    for (size, pixels_per_point) in [
        ([800.0, 560.0], 1.0),
        ([1024.0, 700.0], 1.0),
        ([1024.0, 700.0], 2.0),
        ([3840.0, 2160.0], 1.0),
    ] {
        let mut stage = Stage::with(Preferences::default(), size, pixels_per_point);
        let recordings = recordings(stage.folder.path());
        stage.ask(Action::Use(PathPurpose::Stimuli, recordings));
        stage.until("the headers are read", |window| {
            let stories = window.info.stories();
            !stories.is_empty() && stories.iter().all(|story| story.header.is_some())
        });
        let features = super::features::features(stage.folder.path(), 0.02);
        stage.ask(Action::Use(PathPurpose::Features, features));
        stage.until("the layer and the story are here", |window| {
            window.info.features.picture.is_some() && window.info.sound.ready().is_some()
        });
        for page in Page::ALL {
            stage.go(page);
            for (label, place) in stage.canvases() {
                // The other pages scroll.
                let fills_page = matches!(page, Page::Stimuli | Page::Features);
                let is_above = !fills_page || place.bottom() <= size[1] - 30.0;
                assert!(
                    is_above && place.right() <= size[0] - 8.0,
                    "{page:?} at {size:?}: {label} is cut off: {place:?}"
                );
            }
            for control in stage.controls() {
                assert!(
                    control.1.left() >= -0.5 && control.1.right() <= size[0] + 0.5,
                    "{page:?} at {size:?}: {} is cut off at the side: {:?}",
                    control.0,
                    control.1
                );
            }
        }
    }
}

#[test]
fn both_themes_show_every_page() {
    for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
        let mut preferences = Preferences::default();
        preferences.settings.theme = theme;
        let mut stage = Stage::with(preferences, [1280.0, 800.0], 1.0);
        for page in Page::ALL {
            stage.go(page);
            assert!(
                stage.controls().len() >= 10,
                "{page:?} has hardly a control"
            );
        }
    }
}

#[test]
fn what_is_changed_is_there_after_a_restart() {
    let mut stage = Stage::new();
    let recordings = recordings(stage.folder.path());
    stage.ask(Action::Use(PathPurpose::Stimuli, recordings.clone()));
    stage.until("a study is made", |window| window.state.open.is_some());
    stage.go(Page::Extract);
    let data = stage.folder.path().join("data");
    let study = stage.state().open.as_ref().unwrap().folder.clone();
    // A second later, without being asked.
    stage.until("it is kept", |_| {
        let kept = std::fs::read_to_string(study.join("study.toml"))
            .is_ok_and(|text| text.contains("recordings"));
        kept && std::fs::read_to_string(data.join("window.toml"))
            .is_ok_and(|text| text.contains("extract"))
    });
    let (preferences, error_message) = crate::gui::preferences::read(&data);
    assert_eq!(error_message, None);
    assert_eq!(
        (preferences.page, preferences.last_study),
        (Page::Extract, Some(study.clone()))
    );
    assert_eq!(
        crate::gui::study::read(&study).unwrap().stimuli,
        Some(recordings)
    );
}

#[test]
fn a_study_that_cannot_be_written_is_shown_and_says_so() {
    let mut stage = Stage::new();
    let study = stage.folder.path().join("study");
    // Where the lock would be is a folder, as if the disk took no file.
    std::fs::create_dir_all(study.join(".heschl-window.lock")).unwrap();
    std::fs::write(study.join("study.toml"), "version = 1\nname = \"Old\"\n").unwrap();
    stage.ask(Action::Study(StudyAction::Open(study.clone())));
    stage.until("it is open", |window| window.state.open.is_some());
    stage.must_see("Not saved");
    stage.go(Page::Extract);
    stage.must_see(
        "The study's folder cannot be written to. Choose another folder for the features.",
    );
    stage.write("Context", "4000");
    stage.harness.run_steps(8);
    let kept = std::fs::read_to_string(study.join("study.toml")).unwrap();
    assert_eq!(kept, "version = 1\nname = \"Old\"\n");
}

#[test]
fn a_study_that_was_moved_is_told_and_opened_from_where_it_is() {
    let mut stage = Stage::new();
    let (before, after) = (
        stage.folder.path().join("before"),
        stage.folder.path().join("after"),
    );
    std::fs::create_dir_all(&before).unwrap();
    std::fs::write(before.join("study.toml"), "version = 1\nname = \"Moved\"\n").unwrap();
    stage.ask(Action::Study(StudyAction::Open(before.clone())));
    stage.until("it is open", |window| window.state.open.is_some());
    std::fs::rename(&before, &after).unwrap();
    let study = crate::gui::state::Study {
        name: "Elsewhere".into(),
        ..stage.study().clone()
    };
    stage.ask(Action::Study(StudyAction::Edit(Box::new(study))));
    stage.until("it is noticed", |window| {
        window.info.save_status != crate::gui::info::SaveStatus::Saved
    });
    stage.must_see("Not saved");
    assert!(
        !before.join("study.toml").exists(),
        "a second study was made where the first one was"
    );
    stage.ask(Action::Drop(vec![after.clone()]));
    stage.until("it is open from there", |window| {
        window
            .state
            .open
            .as_ref()
            .is_some_and(|open| open.folder == after)
    });
    assert_eq!(stage.study().name, "Moved");
}

#[test]
fn settings_that_make_no_sense_are_kept_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("window.toml"), "[settings\ntheme = 3").unwrap();
    let (preferences, error_message) = crate::gui::preferences::read(folder.path());
    assert_eq!(preferences, Preferences::default());
    let mut stage = Stage::new();
    stage
        .harness
        .state_mut()
        .notify(crate::gui::toasts::Tone::Amber, error_message.unwrap());
    stage.settle();
    stage.must_see("The preferences file is invalid, so the defaults are used.");
    assert!(folder.path().join("window.broken-1.toml").is_file());
    stage.harness.key_press(eframe::egui::Key::Escape);
    stage.settle();
    assert!(
        !stage.sees("The settings file made no sense"),
        "Esc does not leave the note"
    );
}

#[test]
fn a_window_that_only_looks_takes_over_when_the_other_one_is_closed() {
    use crate::gui::info::SaveStatus;
    use crate::gui::study::StudyLock;
    let mut stage = Stage::new();
    let study = stage.folder.path().join("study");
    std::fs::create_dir_all(&study).unwrap();
    let text = |name: &str| format!("version = 1\nname = \"{name}\"\n");
    std::fs::write(study.join("study.toml"), text("First")).unwrap();
    let other = StudyLock::take(&study);
    assert!(matches!(other, StudyLock::Ours(_)));
    stage.ask(Action::Study(StudyAction::Open(study.clone())));
    stage.until("it is open", |window| window.state.open.is_some());
    stage.must_see("Another window has this study open.");
    stage.press("Try again");
    assert!(matches!(stage.info().save_status, SaveStatus::Elsewhere(_)));
    // The other window changes something and is closed.
    std::fs::write(study.join("study.toml"), text("Second")).unwrap();
    drop(other);
    stage.until("it takes over", |window| {
        window.info.save_status == SaveStatus::Saved
    });
    assert_eq!(stage.study().name, "Second");
    assert!(!stage.sees("Try again"), "the banner is still there");
    let changed = crate::gui::state::Study {
        name: "Third".into(),
        ..stage.study().clone()
    };
    stage.ask(Action::Study(StudyAction::Edit(Box::new(changed))));
    stage.until("it is kept", |_| {
        std::fs::read_to_string(study.join("study.toml")).is_ok_and(|text| text.contains("Third"))
    });
}

#[test]
fn the_keyboard_begins_on_the_page() {
    use eframe::egui::Key;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};
    let mut stage = Stage::new();
    for (page, first) in [
        (Page::Home, "Try the sample"),
        (Page::Models, "Search models"),
    ] {
        stage.go(page);
        stage.harness.key_press(Key::Tab);
        stage.settle();
        let focused = stage
            .harness
            .query_all_by(|node| node.is_focused() && node.label().is_some());
        let labels: Vec<String> = focused
            .filter_map(|node| node.accesskit_node().label())
            .collect();
        assert!(
            labels.iter().any(|label| label == first),
            "{page:?}: {labels:?}"
        );
    }
}

/// The paper is called by its authors; "study" is the user's own.
#[test]
fn the_paper_is_called_by_its_name() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src/gui"), root.join("../docs/manual")];
    let mut texts = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && path.file_name().unwrap() != "tests" {
                folders.push(path);
            } else if ["rs", "md"].contains(&ending.as_str()) {
                texts.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(texts.len() > 40);
    for (path, text) in texts {
        for words in [
            "As in the paper",
            "as in the paper",
            "The study:",
            "The study took",
            "The study left",
            "the study's Python",
            "the study's code",
            "as in the study:",
            "encoders of the study (",
        ] {
            assert!(!text.contains(words), "{}: {words}", path.display());
        }
    }
}
