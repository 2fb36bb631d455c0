//! Any voxel of a fit with saved predictions: the chance level, its time course below the words, its profile over layers.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
use heschl_core::run::pipeline::{EncodeSummary, Encoding, Existing, encode};
use ndarray::Array2;

use super::Stage;
use crate::gui::actions::{Action, PathPurpose};
use crate::gui::state::Page;

const REPETITION_SECS: f32 = 2.0;

/// A fit with predictions, whose features have times and whose responses are files.
pub(super) fn fit_with_predictions(folder: &Path, name: &str, seed: u64) -> PathBuf {
    let features = folder.join("timed");
    let mut brain = super::fit_study::Study::new(&features, seed);
    let responses = folder.join("measured");
    std::fs::create_dir_all(&responses).unwrap();
    for (story, measured) in &brain.responses.0 {
        let (n_scans, n_voxels) = measured.dim();
        let mut bytes = header("<f8", MemoryOrder::C, &[n_scans, n_voxels]);
        bytes.extend(measured.iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(responses.join(format!("{story}.npy")), bytes).unwrap();
        times(&features.join(format!("{story}_times.npz")), n_scans + 15);
    }
    let mut recipe = super::fit_study::recipe(&features, &folder.join("kept").join(name));
    recipe.responses.path = responses;
    recipe.output.predictions = true;
    let cancel = heschl_core::run::progress::CancelToken::default();
    let workers = Encoding {
        recipe: &recipe,
        responses: &std::mem::take(&mut brain.responses),
        groups: None,
        share: heschl_core::run::encoding::VoxelShare::WHOLE,
        existing: Existing::Keep,
        heschl: "test",
        cancel: &cancel,
    };
    let done = encode(&workers, &mut |_| ()).unwrap();
    assert!(matches!(done, EncodeSummary::Finished(_)));
    recipe.output.folder
}

/// A row for each scan.
fn times(path: &Path, n_rows: usize) {
    let rows = Array2::from_shape_fn((n_rows, 2), |(row, end)| {
        (row + end) as f32 * REPETITION_SECS
    });
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        heschl_core::files::formats::npz::RowsWriter::new(file, "times", n_rows, 2).unwrap();
    writer.write(rows.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
}

#[test]
fn any_voxel_is_shown_in_seconds_below_the_words_with_its_layers() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = super::recordings(folder.path());
    std::fs::write(recordings.join("gamma.TextGrid"), super::align::words()).unwrap();
    let mut stage = Stage::with_recordings(&recordings);
    fit_with_predictions(folder.path(), "encoder.1", 4);
    let fit = fit_with_predictions(folder.path(), "encoder.0", 3);
    stage.go(Page::Scores);
    stage.ask(Action::Use(PathPurpose::Scores, fit));
    // The chance level comes from all voxels, not from the few whose time course is saved.
    stage.until("voxels spread over all are permuted", |window| {
        let scores = window.info.fit.scores.ready();
        scores.is_some_and(|scores| scores.null.n_voxels == 60)
    });
    let legend = "null distribution (permutations of 60 voxels)";
    stage.must_describe("Voxels by r", legend);
    let null = stage.info().fit.scores.ready().unwrap().null.r.clone();
    let mean = null.iter().sum::<f64>() / null.len() as f64;
    assert!(
        null.len() == 60 * 99 && mean.abs() < 0.05,
        "{} {mean}",
        null.len()
    );

    stage.click(Role::RadioButton, "Voxels");
    let kept = {
        let scores = stage.info().fit.scores.ready().unwrap();
        scores.series.as_ref().unwrap().voxels.clone()
    };
    let voxel = (0..60).find(|voxel| !kept.contains(voxel)).unwrap();
    stage.write("Voxel", &voxel.to_string());
    stage.until("its course is read", |window| {
        let time_course = window.info.fit.time_course.ready();
        let of_it = |series: &heschl_core::run::encoding::ExampleSeries| series.voxels == [voxel];
        time_course.is_some_and(|time_course| time_course.series.as_ref().is_ok_and(of_it))
    });
    let time_course = stage.info().fit.time_course.ready().unwrap().clone();
    let [story] = &time_course.stories[..] else {
        panic!("{:?}", time_course.stories);
    };
    assert_eq!(
        (story.story.as_str(), story.rows.clone()),
        ("gamma", 0..120)
    );
    let apart = |pair: &[f64]| (pair[1] - pair[0] - f64::from(REPETITION_SECS)).abs() < 1e-9;
    assert!(story.centre_secs.windows(2).all(apart));
    assert_eq!(story.words.len(), 3);
    stage.must_have(Role::Canvas, "Measured and predicted time course");
    stage.must_see(&format!("Voxel {voxel} over layers"));
    stage.must_have(Role::Canvas, "The voxel over layers");
    let canvases = stage.canvases();
    let drawn = |(label, _): &&(String, _)| label == "Measured and predicted time course";
    let rect = canvases.iter().find(drawn).unwrap().1;
    stage.harness.hover_at(rect.center());
    stage.harness.run_steps(30);
    stage.must_see("Scan at ");
}
