//! What holds for the window as a whole.

use super::{Stage, recordings};
use crate::gui::actions::{Action, Purpose};
use crate::gui::state::{Page, Remembered, ThemeChoice};

/// Names that pages must not know: whatever touches a disk, a thread or a process belongs to `work` and `jobs`.
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
        ([1024.0, 700.0], 1.0),
        ([1024.0, 700.0], 2.0),
        ([3840.0, 2160.0], 1.0),
    ] {
        let mut stage = Stage::with(Remembered::default(), size, pixels_per_point);
        let recordings = recordings(stage.folder.path());
        stage.ask(Action::Use(Purpose::Stimuli, recordings));
        stage.until("the headers are read", |window| {
            let stories = window.facts.stories();
            !stories.is_empty() && stories.iter().all(|story| story.header.is_some())
        });
        for page in Page::ALL {
            stage.go(page);
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
        let mut lasting = Remembered::default();
        lasting.settings.theme = theme;
        let mut stage = Stage::with(lasting, [1280.0, 800.0], 1.0);
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
    stage.ask(Action::Use(Purpose::Stimuli, recordings.clone()));
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
    let (lasting, complaint) = crate::gui::lasting::read(&data);
    assert_eq!(complaint, None);
    assert_eq!(
        (lasting.page, lasting.last_study),
        (Page::Extract, Some(study.clone()))
    );
    assert_eq!(
        crate::gui::study::read(&study).unwrap().stimuli,
        Some(recordings)
    );
}
