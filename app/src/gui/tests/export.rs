//! Everything that is plotted can be saved in every format.

use std::path::Path;

use eframe::egui::accesskit::Role;

use super::Stage;
use crate::gui::actions::{Action, ExportFormat, PathPurpose};
use crate::gui::figure::ExportSize;

/// Saves the figure of the page in every format and looks into the files.
fn save_all(stage: &mut Stage, folder: &Path, name: &str, column: &str) {
    for (format, _) in ExportFormat::ALL {
        let path = folder.join(format!("figures/{name}.{}", format.suffix()));
        stage.ask(Action::Export(format));
        stage.until("the figure is saved", |_| path.is_file());
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        match format {
            ExportFormat::Png => {
                let picture = image::load_from_memory(&bytes).unwrap();
                // 85 mm at 600 dpi; the width is a whole number of points.
                assert!(
                    (2000..2016).contains(&picture.width()),
                    "{}",
                    picture.width()
                );
                keep_to_look_at(&path);
            }
            ExportFormat::Svg => {
                // Text is text, and the recipe or the study is inside.
                assert!(text.contains("<text"));
                assert!(text.contains("[encode") || text.contains("version ="));
            }
            ExportFormat::Pdf => assert!(text.starts_with("%PDF-")),
            ExportFormat::Csv => {
                let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
                assert!(rows[0].split(',').any(|name| name == column), "{}", rows[0]);
                let n_cells = rows[0].split(',').count();
                assert!(rows.len() > 1 && rows.iter().all(|row| row.split(',').count() == n_cells));
            }
        }
    }
}

/// Copies a picture to `HESCHL_PICTURES`, where that is set.
fn keep_to_look_at(path: &Path) {
    if let Some(folder) = std::env::var_os("HESCHL_PICTURES") {
        let to = Path::new(&folder).join(path.file_name().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(path, to).unwrap();
    }
}

#[test]
fn every_plot_of_scores_is_saved_in_every_format() {
    let mut stage = Stage::new();
    let folder = stage.folder.path().to_path_buf();
    let scores = super::fit::two_fits(&folder);
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 600,
    }));
    stage.ask(Action::Use(PathPurpose::Scores, scores.clone()));
    stage.ask(Action::Use(
        PathPurpose::OtherScores,
        scores.with_file_name("encoder.1"),
    ));
    stage.until("the scores are read", |window| {
        let fit = &window.info.fit;
        fit.scores
            .ready()
            .is_some_and(|scores| !scores.null.r.is_empty())
            && fit.others.ready().is_some()
            && fit.time_course.ready().is_some()
    });
    let voxel = stage.state().voxel;
    for (view, name, column) in [
        ("Scores", "voxels-by-r".into(), "voxels"),
        ("Choice of α", "voxels-by-alpha".into(), "alpha"),
        ("Profile", "profile".into(), "mean_r"),
        ("Voxels", format!("voxel-{voxel}-time-course"), "measured"),
        ("Compare", "compared".into(), "r_of_other"),
    ] {
        stage.click(Role::RadioButton, view);
        save_all(&mut stage, &scores, &name, column);
    }
}

#[test]
fn a_story_on_the_time_axis_is_saved_in_every_format() {
    let (_folder, mut stage) = super::align::stage();
    let study = stage.state().open.as_ref().unwrap().folder.clone();
    let story = stage.info().fit.alignment.ready().unwrap().story.clone();
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 600,
    }));
    save_all(
        &mut stage,
        &study,
        &format!("{story}-alignment"),
        "centre_secs",
    );
}

#[test]
fn every_plot_of_features_is_saved_in_every_format() {
    let mut stage = Stage::new();
    let features = super::features::features(stage.folder.path(), 0.02);
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 600,
    }));
    stage.ask(Action::Use(PathPurpose::Features, features.clone()));
    stage.until("the layer is drawn", |window| {
        window.info.features.picture.is_some()
    });
    for view in ["Heat map", "Layers", "Over time", "PCA"] {
        stage.click(Role::RadioButton, view);
        stage.until("it is computed", |window| {
            view == "Heat map" || window.info.features.analysis.ready().is_some()
        });
        let before = figures(&features);
        for (format, _) in ExportFormat::ALL {
            stage.ask(Action::Export(format));
            let n = figures(&features).len();
            assert!(n <= before.len() + ExportFormat::ALL.len());
        }
        let n_all = before.len() + ExportFormat::ALL.len();
        stage.until("the figures are saved", |_| {
            figures(&features).len() == n_all
        });
        for path in figures(&features) {
            if !before.contains(&path) && path.extension().is_some_and(|it| it == "png") {
                image::open(&path).unwrap();
                keep_to_look_at(&path);
            }
        }
    }
}

/// The files of a folder's figures.
fn figures(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.join("figures"))
        .into_iter()
        .flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_page_without_a_figure_says_so() {
    let mut stage = Stage::new();
    stage.ask(Action::Export(ExportFormat::Png));
    stage.must_see("There is no figure on this page.");
}
