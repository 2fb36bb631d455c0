//! Features: each view, each empty state, and what is saved.

use std::path::{Path, PathBuf};

use eframe::egui::Key;
use eframe::egui::accesskit::Role;
use heschl_core::files::formats::npz::RowsWriter;

use super::Stage;
use crate::gui::actions::{Action, PathPurpose, StudyAction, ViewAction};
use crate::gui::features::Analysis;
use crate::gui::state::Page;

const N_ROWS: usize = 200;
const N_DIMS: usize = 12;

pub(super) fn write(
    path: &Path,
    name: &str,
    n_columns: usize,
    value: impl Fn(usize, usize) -> f32,
) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = RowsWriter::new(
        std::fs::File::create(path).unwrap(),
        name,
        N_ROWS,
        n_columns,
    )
    .unwrap();
    let values: Vec<f32> = (0..N_ROWS)
        .flat_map(|row| (0..n_columns).map(move |column| (row, column)))
        .map(|(row, column)| value(row, column))
        .collect();
    writer.write(&values).unwrap();
    writer.finish().unwrap();
}

/// Three layers and the final output of a story of 20 s; the last layer is `noise` away from the middle one.
pub(super) fn features(folder: &Path, noise: f32) -> PathBuf {
    let model = folder.join("features_cnk0.1_ctx16.0/whisper-tiny.en");
    let wave =
        |row: usize, dim: usize| (row as f32 * 0.1 * (dim + 1) as f32).sin() + dim as f32 * 0.1;
    for (layer, shift) in [
        ("encoder.0", 0.3),
        ("encoder.1", 0.0),
        ("encoder.2", noise),
        ("", noise),
    ] {
        let value = move |row: usize, dim: usize| {
            wave(row, dim) + shift * ((row * 31 + dim * 17) % 13) as f32
        };
        write(
            &model.join(layer).join("alpha.npz"),
            "features",
            N_DIMS,
            value,
        );
    }
    write(&model.join("alpha_times.npz"), "times", 2, |row, column| {
        (row + column) as f32 * 0.1
    });
    model
}

fn stage() -> (Stage, PathBuf) {
    let mut stage = Stage::new();
    let model = features(&stage.folder.path().join("a"), 0.0);
    stage.ask(Action::Use(PathPurpose::Features, model.clone()));
    stage.until("the layer is read and drawn", |window| {
        window.info.features.picture.is_some()
    });
    (stage, model)
}

fn has_analysis(stage: &mut Stage, what: &str, is_it: impl Fn(&Analysis) -> bool) {
    stage.until(what, |window| {
        window
            .info
            .features
            .analysis
            .ready()
            .is_some_and(|found| is_it(found))
    });
}

#[test]
fn without_features_the_page_says_what_to_do() {
    let mut stage = Stage::new();
    stage.go(Page::Features);
    stage.must_see("Choose a folder of features from Heschl or from the Python code");
    assert!(!stage.is_greyed("Choose features"));
    let nothing = stage.folder.path().join("nothing");
    stage.write("Folder of features", &nothing.display().to_string());
    stage.until("it was looked for", |window| {
        window.info.features.library.failure().is_some()
    });
    stage.must_see("The folder of features is not there.");
}

#[test]
fn a_layer_is_shown_in_numbers_and_steps_with_brackets() {
    let (mut stage, _) = stage();
    stage.must_see("Layer 1");
    stage.must_see("200 rows × 12");
    stage.must_see("every 0.100 s, to 20.0 s");
    stage.harness.key_press(Key::CloseBracket);
    stage.settle();
    stage.until("the layer is read", |window| {
        window.info.features.layer.ready().is_some()
    });
    stage.must_see("Layer 2");
    stage.press("The layer before");
    stage.press("The layer before");
    stage.press("The layer before");
    stage.until("the layer is read", |window| {
        window.info.features.layer.ready().is_some()
    });
    stage.must_see("Layer 0");
    stage.click(Role::RadioButton, "z-scores");
    stage.click(Role::RadioButton, "Layer final");
}

#[test]
fn the_arrows_move_the_cursor_and_the_value_beside_it() {
    let (mut stage, _) = stage();
    stage.harness.key_press(Key::ArrowRight);
    stage.settle();
    assert!((stage.state().cursor_secs - 1.0).abs() < 1e-9);
    // Row 10 is that of the window's end at 1.1 s; at 1.0 s the chunk of row 10 begins. sin(1.0) = 0.8415.
    stage.must_see("0.8415");
    stage.harness.key_press(Key::End);
    stage.settle();
    stage.must_see("no row");
}

#[test]
fn layers_instants_and_components_are_computed() {
    let (mut stage, _) = stage();
    stage.click(Role::RadioButton, "Layers");
    has_analysis(
        &mut stage,
        "the layers are compared",
        |found| matches!(found, Analysis::Layers { layers, cka, .. } if layers.len() == 3 && (cka[0] - 1.0).abs() < 1e-9),
    );
    // Without noise the last layer is the middle one.
    let Some(Analysis::Layers { cka, .. }) =
        stage.info().features.analysis.ready().map(|found| &**found)
    else {
        panic!("no layers");
    };
    assert!((cka[5] - 1.0).abs() < 1e-9 && cka[1] < 0.999, "{cka:?}");
    stage.must_see("Linear CKA between layers, from 200");
    stage.must_have(Role::Image, "Colours: linear CKA");
    stage.click(Role::RadioButton, "Over time");
    has_analysis(
        &mut stage,
        "the instants are compared",
        |found| matches!(found, Analysis::OverTime { rows, .. } if rows.len() == 200),
    );
    stage.click(Role::RadioButton, "PCA");
    has_analysis(&mut stage, "the components are found", |found| {
        matches!(found, Analysis::Plane { .. })
    });
    stage.must_see("First two principal components of 200");
    stage.must_describe("Principal components", "time in the story (s)");
}

#[test]
fn what_lies_under_the_pointer_is_said_in_words() {
    let (mut stage, _) = stage();
    let at = |stage: &Stage, canvas: &str, share: [f32; 2]| {
        let canvases = stage.canvases();
        let (_, rect) = canvases.iter().find(|(label, _)| label == canvas).unwrap();
        rect.min + rect.size() * eframe::egui::Vec2::from(share)
    };
    let point = |stage: &mut Stage, place| {
        stage.harness.hover_at(place);
        stage.harness.run_steps(30);
    };
    let heat = "Heat map, time to the right, dimensions downwards";
    let place = at(&stage, heat, [0.5, 0.3]);
    point(&mut stage, place);
    stage.must_see("dimension 5 at ");
    for (view, canvas, share, words) in [
        (
            "Layers",
            "Similarity between layers",
            [0.9, 0.05],
            "Layers 0 and 2: linear CKA 0.",
        ),
        (
            "Over time",
            "Similarity over time",
            [0.6, 0.4],
            "Hidden states at",
        ),
    ] {
        stage.click(Role::RadioButton, view);
        stage.until("it is computed", |window| {
            window.info.features.analysis.ready().is_some()
        });
        let place = at(&stage, canvas, share);
        point(&mut stage, place);
        stage.must_see(words);
    }
}

#[test]
fn two_folders_are_compared_layer_by_layer() {
    let (mut stage, _) = stage();
    let other = features(&stage.folder.path().join("b"), 0.01);
    std::fs::remove_dir_all(other.join("encoder.0")).unwrap();
    stage.click(Role::RadioButton, "Compare");
    stage.write("Folder to compare with", &other.display().to_string());
    has_analysis(
        &mut stage,
        "they are compared",
        |found| matches!(found, Analysis::Compare { beside } if beside.len() == 4),
    );
    stage.must_see("The other folder does not have this layer.");
    // The same middle layer; the last one is at most 12 × 0.01 away.
    stage.must_see("0.000e0");
    stage.must_see("1.200e-1");
}

#[test]
fn what_is_shown_is_saved_with_the_recipe() {
    let mut stage = Stage::new();
    let model = features(&stage.folder.path().join("a"), 0.0);
    std::fs::write(model.join("recipe.toml"), RECIPE).unwrap();
    stage.ask(Action::Use(PathPurpose::Features, model.clone()));
    stage.until("it is drawn", |window| {
        window.info.features.picture.is_some()
    });
    let views = [
        ("Heat map", "layer-1-heat-map"),
        ("Layers", "layers"),
        ("Over time", "layer-1-over-time"),
        ("PCA", "layer-1-components"),
    ];
    for (view, stem) in views {
        stage.click(Role::RadioButton, view);
        if view != "Heat map" {
            stage.until("it is computed", |window| {
                window.info.features.analysis.ready().is_some()
            });
        }
        for (label, suffix) in [
            ("Export figure as PNG", "png"),
            ("Export figure as SVG", "svg"),
            ("Export figure as PDF", "pdf"),
            ("Export numbers as CSV", "csv"),
        ] {
            stage.press("Export");
            stage.press(label);
            let path = model.join(format!("figures/alpha-{stem}.{suffix}"));
            stage.until("it is saved", |_| path.is_file());
            let bytes = std::fs::read(&path).unwrap();
            // A PDF keeps text with line ends as the digits of its UTF-16.
            let plain = b"whisper-tiny.en".to_vec();
            let digits = plain
                .iter()
                .map(|byte| format!("00{byte:02X}"))
                .collect::<Vec<_>>()
                .concat();
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            assert!(
                holds(&plain) || holds(digits.as_bytes()),
                "no recipe in {}",
                path.display()
            );
        }
    }
    let table = std::fs::read_to_string(model.join("figures/alpha-layer-1-heat-map.csv")).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(rows.len(), 201);
    assert!(rows[1].starts_with("0.100000,0,0.1,"), "{}", rows[1]);
}

const RECIPE: &str = r#"
[extract.stimuli]
folder = "/stories"
recursive = false
resampling = "refuse"
stories = []

[extract.model]
model = "whisper-tiny.en"
layers = "all"
use_featext = false
precision = "f32"
device = "auto"

[extract.window]
chunk_ms = 100.0
context_ms = 16000.0
coverage = "ramp_in"

[extract.output]
folder = "/out"
overwrite = false
"#;

#[test]
fn a_story_is_one_selection_on_all_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&super::recordings(folder.path()));
    let model = features(&stage.folder.path().join("a"), 0.0);
    std::fs::copy(
        model.join("encoder.0/alpha.npz"),
        model.join("encoder.0/beta.npz"),
    )
    .unwrap();
    std::fs::copy(
        model.join("encoder.0/alpha.npz"),
        model.join("encoder.0/elsewhere.npz"),
    )
    .unwrap();
    stage.ask(Action::View(ViewAction::Story("beta".into())));
    stage.ask(Action::Use(PathPurpose::Features, model));
    let looked_at = |stage: &Stage| {
        let selection = stage
            .state()
            .selection
            .as_ref()
            .and_then(|selection| selection.story.clone());
        (selection, stage.state().story.clone())
    };
    stage.until("the folder is listed", |window| {
        window.info.features.library.ready().is_some()
    });
    let both = |story: &str| (Some(story.to_owned()), Some(story.to_owned()));
    assert_eq!(looked_at(&stage), both("beta"));
    stage.ask(Action::View(ViewAction::Story("alpha".into())));
    assert_eq!(looked_at(&stage), both("alpha"));
    // One that the study does not have leaves the recording as it is.
    stage.ask(Action::View(ViewAction::Story("elsewhere".into())));
    assert_eq!(
        looked_at(&stage),
        (Some("elsewhere".into()), Some("alpha".into()))
    );
}

#[test]
fn another_folder_is_never_shown_with_the_story_of_the_one_before() {
    let (mut stage, model) = stage();
    assert_eq!(
        stage.state().selection.as_ref().unwrap().story.as_deref(),
        Some("alpha")
    );
    let other = stage
        .folder
        .path()
        .join("b/features_cnk0.1_ctx16.0/whisper-tiny.en");
    let renamed = features(&stage.folder.path().join("b"), 0.0);
    assert_eq!(renamed, other);
    for layer in ["", "encoder.0", "encoder.1", "encoder.2"] {
        let layer = other.join(layer);
        std::fs::rename(layer.join("alpha.npz"), layer.join("omega.npz")).unwrap();
    }
    std::fs::rename(other.join("alpha_times.npz"), other.join("omega_times.npz")).unwrap();
    // From another page, as a finished job leads there.
    stage.go(crate::gui::state::Page::Jobs);
    stage.ask(Action::Use(PathPurpose::Features, other));
    assert_ne!(
        stage.state().selection.as_ref().unwrap().story.as_deref(),
        Some("alpha")
    );
    stage.until("the layer is read and drawn", |window| {
        window.info.features.picture.is_some()
    });
    assert_eq!(
        stage.state().selection.as_ref().unwrap().story.as_deref(),
        Some("omega")
    );
    // Without a folder nothing of it is left.
    stage.ask(Action::Study(StudyAction::Close));
    assert!(stage.info().features.library.ready().is_none());
    drop(model);
}
