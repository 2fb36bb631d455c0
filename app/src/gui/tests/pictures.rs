//! Pictures of every page, for a visual check:
//! `cargo test -p heschl pictures_of_every_page -- --ignored` writes them to `target/pictures` (or `HESCHL_PICTURES`).

use std::path::PathBuf;

use eframe::egui::accesskit::Role;

use super::{Stage, recordings};
use crate::gui::actions::{Action, PathPurpose, ViewAction};
use crate::gui::state::{Page, Preferences, ThemeChoice};

/// Sizes in points, and pixels to a point.
const SIZES: [([f32; 2], f32); 6] = [
    ([1280.0, 800.0], 1.0),
    ([800.0, 560.0], 1.0),
    ([1024.0, 700.0], 1.0),
    ([1024.0, 700.0], 2.0),
    ([3840.0, 2160.0], 1.0),
    ([1920.0, 1080.0], 2.0),
];

#[test]
#[ignore = "draws some hundred pictures; run it by name"]
fn pictures_of_every_page() {
    let folder = std::env::var_os("HESCHL_PICTURES")
        .map_or_else(|| PathBuf::from("../target/pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
        for (size, pixels_per_point) in SIZES {
            let mut preferences = Preferences::default();
            preferences.settings.theme = theme;
            let mut stage = Stage::with(preferences, size, pixels_per_point);
            let recordings = recordings(stage.folder.path());
            #[cfg(unix)]
            leave_jobs(stage.folder.path());
            for page in Page::ALL {
                if page == Page::Stimuli {
                    stage.ask(Action::Use(PathPurpose::Stimuli, recordings.clone()));
                    stage.until("the headers are read", |window| {
                        let stories = window.info.stories();
                        !stories.is_empty() && stories.iter().all(|story| story.header.is_some())
                    });
                }
                stage.go(page);
                if page == Page::Models {
                    stage.until("the catalogue is read", |window| {
                        window.info.models.ready().is_some()
                    });
                }
                if page == Page::Features {
                    let features = super::features::features(stage.folder.path(), 0.02);
                    stage.ask(Action::Use(PathPurpose::Features, features));
                    stage.until("the layer is drawn", |window| {
                        window.info.features.picture.is_some()
                    });
                }
                if page == Page::Align {
                    super::align::fill_in(&mut stage);
                    stage.ask(Action::View(ViewAction::Cursor(14.0)));
                }
                if page == Page::Scores {
                    let scores = super::fit::two_fits(stage.folder.path());
                    stage.ask(Action::Use(PathPurpose::Scores, scores));
                    stage.until("the scores are read", |window| {
                        window.info.fit.scores.ready().is_some()
                    });
                }
                stage.until("the story is heard", |window| {
                    window.info.sound.ready().is_some() || window.info.stories().is_empty()
                });
                let name = format!(
                    "{}-{}-{}x{}@{pixels_per_point}.png",
                    page.title().to_lowercase(),
                    if theme == ThemeChoice::Dark {
                        "dark"
                    } else {
                        "light"
                    },
                    size[0],
                    size[1],
                );
                stage
                    .harness
                    .render()
                    .unwrap()
                    .save(folder.join(name))
                    .unwrap();
            }
        }
    }
}

#[test]
#[ignore = "draws pictures; run it by name"]
fn pictures_of_every_view() {
    let folder = std::env::var_os("HESCHL_PICTURES")
        .map_or_else(|| PathBuf::from("../target/pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for (theme, size) in [
        (ThemeChoice::Dark, [1280.0, 800.0]),
        (ThemeChoice::Light, [800.0, 560.0]),
    ] {
        let mut preferences = Preferences::default();
        preferences.settings.theme = theme;
        let mut stage = Stage::with(preferences, size, 1.0);
        let keep = |stage: &mut Stage, page: &str, view: &str| {
            let name = format!("view-{page}-{view}-{}x{}.png", size[0], size[1]);
            let picture = stage.harness.render().unwrap();
            picture.save(folder.join(name)).unwrap();
        };
        let features = super::features::features(stage.folder.path(), 0.02);
        stage.ask(Action::Use(PathPurpose::Features, features));
        stage.until("the layer is drawn", |window| {
            window.info.features.picture.is_some()
        });
        keep(&mut stage, "features", "heat");
        for view in ["Layers", "Over time", "PCA"] {
            stage.click(Role::RadioButton, view);
            stage.until("it is computed", |window| {
                window.info.features.analysis.ready().is_some()
            });
            keep(&mut stage, "features", view);
        }
        let recordings = recordings(stage.folder.path());
        std::fs::write(recordings.join("gamma.TextGrid"), super::align::words()).unwrap();
        stage.ask(Action::Use(PathPurpose::Stimuli, recordings));
        super::voxels::fit_with_predictions(stage.folder.path(), "encoder.1", 1);
        let scores = super::voxels::fit_with_predictions(stage.folder.path(), "encoder.0", 2);
        let other = scores.with_file_name("encoder.1");
        stage.go(Page::Scores);
        stage.ask(Action::Use(PathPurpose::Scores, scores));
        stage.ask(Action::Use(PathPurpose::OtherScores, other));
        stage.until("the scores are read", |window| {
            window.info.fit.scores.ready().is_some() && window.info.fit.others.ready().is_some()
        });
        for view in ["Scores", "Choice of α", "Profile", "Voxels", "Compare"] {
            stage.click(Role::RadioButton, view);
            stage.until("the voxel is read", |window| {
                window.info.fit.time_course.ready().is_some()
            });
            keep(&mut stage, "scores", view);
        }
    }
}

/// A job in each state that needs no process.
#[cfg(unix)]
fn leave_jobs(folder: &std::path::Path) {
    let states = [
        ("12 stories with whisper-small", r#"state = "done""#),
        (
            "3 stories with hubert-base",
            r#"state = "failed", message = "The disk is full: 61 MB more are needed. Free some space, then retry.""#,
        ),
        (
            "84 stories with whisper-large-v3",
            r#"state = "broken", message = "Its process was killed from outside. What is done is kept; it can go on.""#,
        ),
        ("2 stories with whisper-tiny.en", r#"state = "paused""#),
        ("1 story with wavlm-base", r#"state = "cancelled""#),
    ];
    for (place, (title, state)) in (0..).zip(states) {
        super::running::leave(folder, place, title, state);
    }
}
