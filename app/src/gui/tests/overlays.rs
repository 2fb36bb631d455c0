//! What lies over the map: regions and sulci of pycortex's drawing, names, and hatching where there is no signal.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use heschl_core::files::formats::nifti::write::NiftiImage;

use super::Stage;
use super::brain::{data, drawn, scores_of, stage};
use crate::gui::actions::{Action, PathPurpose};
use crate::gui::figure::ExportFormat;

/// The small store of pycortex with a drawing: a large region of the left hemisphere, and a sulcus.
fn store(folder: &Path) -> PathBuf {
    let store = folder.join("S1mini");
    for below in ["surfaces", "surface-info", "transforms/fullhead"] {
        let (from, to) = (data("S1mini").join(below), store.join(below));
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let drawing = "<svg width=\"511\" height=\"256\"><g inkscape:label=\"rois\"><g inkscape:label=\"shapes\">\
        <g inkscape:label=\"AC\"><path d=\"m 40,60 h 180 v 130 h -180 z\"/></g></g></g><g inkscape:label=\"sulci\">\
        <g inkscape:label=\"shapes\"><g inkscape:label=\"CS\"><path d=\"m 300,60 h 150\"/></g></g></g></svg>";
    std::fs::write(store.join("overlays.svg"), drawing).unwrap();
    // Signal at one side of the head alone.
    let values: Vec<f32> = (0..100 * 100 * 31)
        .map(|at| if at % 100 < 50 { 1000.0 } else { 1.0 })
        .collect();
    let image = NiftiImage {
        size: [100, 100, 31],
        affine: Some([
            [-2.24, 0.0, 0.0, 112.0],
            [0.0, -2.24, 0.0, 139.313_26],
            [0.0, 0.0, 4.13, -24.137_955],
        ]),
        volumes: vec![("", &values)],
    };
    let reference = store.join("transforms/fullhead/reference.nii.gz");
    std::fs::write(reference, image.encode_gzip().unwrap()).unwrap();
    store
}

fn pixels(stage: &Stage) -> Vec<[u8; 4]> {
    let picture = stage.info().brain.picture.ready().unwrap();
    let (pixels, _) = picture.picture.rgba.as_chunks();
    pixels.to_vec()
}

/// How many pixels a box changes.
fn n_changed_by(stage: &mut Stage, label: &str) -> usize {
    let before = pixels(stage);
    stage.click(Role::CheckBox, label);
    drawn(stage);
    let after = pixels(stage);
    let changed = before.iter().zip(&after).filter(|(a, b)| a != b);
    changed.count()
}

fn names(stage: &Stage) -> Vec<String> {
    let picture = stage.info().brain.picture.ready().unwrap();
    let (labels, _) = picture.marks.names();
    labels.iter().map(|label| label.name.clone()).collect()
}

#[test]
fn what_is_drawn_in_pycortex_is_seen_and_can_be_left_out() {
    let (mut stage, of_few) = stage();
    let folder = stage.folder.path().to_path_buf();
    let of_voxel = |at: usize| [f64::from(at as u32) / 6000.0, 0.001];
    let scores = scores_of([&folder, &of_few], "voxels", &of_voxel, 5559);
    assert!(!stage.sees("Regions drawn in pycortex"));
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    stage.ask(Action::Use(PathPurpose::Subject, store(&folder)));
    stage.click(Role::RadioButton, "Flat");
    drawn(&mut stage);
    let n_pixels = pixels(&stage).len();
    for (label, most) in [
        ("Regions drawn in pycortex", n_pixels / 20),
        ("Sulci", n_pixels / 20),
        ("Hatch where there is no signal", n_pixels),
    ] {
        let off = n_changed_by(&mut stage, label);
        let on = n_changed_by(&mut stage, label);
        assert!(
            (20..most).contains(&off) && on == off,
            "{label}: {off} {on}"
        );
    }
    assert_eq!(names(&stage), [""; 0]);
    stage.click(Role::CheckBox, "Names of outlined regions");
    drawn(&mut stage);
    assert_eq!(names(&stage), ["AC"]);
    // A figure has the names, too.
    stage.ask(Action::Export(ExportFormat::Svg));
    let path = stage.state().scores.clone().unwrap();
    let path = path.join("figures/cortex-r.svg");
    stage.until("the figure is there", |_| path.is_file());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(">AC</text>"));
    // What is not outlined is not named.
    stage.click(Role::CheckBox, "Regions drawn in pycortex");
    drawn(&mut stage);
    assert_eq!(names(&stage), [""; 0]);
}
