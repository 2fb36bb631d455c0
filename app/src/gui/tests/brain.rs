//! Scores on the cortex.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use heschl_core::brain::Subject;
use heschl_core::run::encoding::{Column, ScoreTable, VoxelScores};
use heschl_core::scene::NamedView;

use super::Stage;
use crate::gui::actions::{Action, PathPurpose};
use crate::gui::figure::{ExportFormat, ExportSize};
use crate::gui::state::Page;

/// Scores of every vertex of fsaverage5: high in the left transverse temporal gyrus, low elsewhere. Also scores of few voxels.
fn scores(folder: &Path) -> [PathBuf; 2] {
    let of_few = super::fit::two_fits(folder);
    let few = ScoreTable::read(&of_few.join("scores.npz")).unwrap();
    let subject = Subject::fsaverage5();
    let regions = subject.parcellation("aparc").unwrap();
    let heschl = regions.region("transversetemporal").unwrap();
    let n_left = subject.hemispheres[0].n_vertices();
    let voxels: Vec<VoxelScores> = (0..subject.n_vertices())
        .map(|vertex| {
            let mut voxel = few.voxels[vertex % few.voxels.len()];
            let is_planted = vertex < n_left && regions.of_vertex[0][vertex] == Some(heschl);
            voxel.set(Column::R, if is_planted { 0.5 } else { 0.05 });
            voxel.set(Column::Q, if is_planted { 0.001 } else { 0.9 });
            voxel
        })
        .collect();
    let few_of_each: Vec<usize> = (0..voxels.len()).map(|at| at % few.voxels.len()).collect();
    let many = ScoreTable {
        voxels,
        round_scores: few.round_scores.select(ndarray::Axis(1), &few_of_each),
        ..few
    };
    let folder = folder.join("cortex");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("scores.npz"), many.to_npz().unwrap()).unwrap();
    [folder, of_few]
}

fn stage() -> (Stage, PathBuf) {
    let mut stage = Stage::new();
    let [scores, of_few] = scores(stage.folder.path());
    stage.go(Page::Brain);
    stage.must_see("Choose a folder of scores, or fit a model first");
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    assert_eq!(stage.state().page(), Page::Brain, "the page stays");
    drawn(&mut stage);
    (stage, of_few)
}

/// Waits until the picture is the one that the settings ask for.
fn drawn(stage: &mut Stage) {
    stage.until("the cortex is drawn", |window| {
        let picture = window.info.brain.ready();
        picture.is_some_and(|picture| {
            picture.request.settings == window.state.brain && !picture.request.is_moving
        })
    });
}

/// Regions of the values that are shown, by side.
fn shown(stage: &Stage) -> [usize; 2] {
    let picture = stage.info().brain.ready().unwrap();
    [0, 1].map(|side| {
        let values = &picture.values[side];
        values.iter().filter(|value| !value.is_nan()).count()
    })
}

#[test]
fn scores_are_seen_where_they_were_measured() {
    let (mut stage, _) = stage();
    stage.must_have(Role::Image, "Cortex");
    stage.must_have(Role::Image, "Colours: r");
    stage.must_see("L transversetemporal");
    let best = &stage.info().brain.ready().unwrap().regions[0];
    assert_eq!(best.region, "transversetemporal");
    assert!((best.mean - 0.5).abs() < 1e-6, "{}", best.mean);
    assert_eq!(best.significant_share, Some(1.0));
    assert_eq!(shown(&stage), [10_242, 10_242]);
    stage.click(Role::CheckBox, "Significant voxels only");
    drawn(&mut stage);
    let [left, right] = shown(&stage);
    assert!(left > 30 && right == 0, "{left}, {right}");
    // From the left, in whose picture the pointer finds the region; the other side is not there.
    stage.click(Role::RadioButton, "Left lateral");
    drawn(&mut stage);
    let picture = stage.info().brain.ready().unwrap();
    let mut found = std::collections::BTreeSet::new();
    for row in 0..100 {
        for column in 0..100 {
            let share = [column as f32 / 100.0, row as f32 / 100.0];
            let Some(hit) = picture.hit(share) else {
                continue;
            };
            assert_eq!(hit.side, heschl_core::brain::Side::Left);
            if !picture.values[0][hit.nearest_vertex()].is_nan() {
                found.insert(picture.region(&hit).unwrap().to_owned());
            }
        }
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["transversetemporal"]
    );
}

#[test]
fn views_turn_and_unfold_and_come_back() {
    let (mut stage, of_few) = stage();
    for view in ["Medial", "Flat", "Dorsal", "Right medial", "Lateral"] {
        stage.click(Role::RadioButton, view);
        drawn(&mut stage);
        let picture = stage.info().brain.ready().unwrap();
        let n_drawn = picture
            .picture
            .rgba
            .chunks_exact(4)
            .filter(|pixel| pixel[3] > 0);
        assert!(n_drawn.count() > 5000, "{view}");
    }
    assert_eq!(stage.state().brain.named, NamedView::BothLateral);
    // Scores of other voxels than the subject's are refused in a sentence.
    stage.ask(Action::Use(PathPurpose::Scores, of_few));
    stage.until("it is told", |window| window.info.brain.failure().is_some());
    stage.must_see("has 20484 vertices");
}

#[test]
fn the_cortex_is_saved_in_every_format() {
    let (mut stage, _) = stage();
    let folder = stage.state().scores.clone().unwrap();
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 150,
    }));
    for (format, _) in ExportFormat::ALL {
        stage.ask(Action::Export(format));
        let path = folder.join(format!("figures/cortex-r.{}", format.suffix()));
        stage.until("the figure is there", |_| path.is_file());
        let bytes = std::fs::read(&path).unwrap();
        match format {
            ExportFormat::Png => {
                let read = image::load_from_memory(&bytes).unwrap();
                // 85 mm at 150 pixels per inch.
                assert_eq!(read.width(), 502);
            }
            ExportFormat::Csv => {
                let text = String::from_utf8(bytes).unwrap();
                let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
                assert_eq!(rows.len(), 1 + 20_484);
                assert_eq!(rows[0], "voxel,hemisphere,vertex,region,r");
                assert!(rows[10_243].starts_with("10242,right,0,"));
            }
            ExportFormat::Svg => {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.contains(">r</text>") && text.contains("data:image/png;base64,"));
            }
            ExportFormat::Pdf => assert!(bytes.starts_with(b"%PDF")),
        }
    }
}
