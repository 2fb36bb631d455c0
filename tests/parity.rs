//! The features are those of the study's Python code.

use std::path::Path;

use crate::common::{array, austen, compare, data, extract, recipe, starter_model};
use heschl_core::files::formats::npz;
use heschl_core::run::recipe::LayerChoice;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::window::{Coverage, WindowSettings};
use heschl_models::OpenModel;
use ndarray::{Array3, Axis};

struct Bar {
    largest_difference: f64,
    least_correlation: f64,
}

const SMALL: Bar = Bar {
    largest_difference: 1e-4,
    least_correlation: 0.999_99,
};
const REAL: Bar = Bar {
    largest_difference: 2e-3,
    least_correlation: 0.999_99,
};

fn ramp(chunk_ms: f64, context_ms: f64) -> WindowSettings {
    WindowSettings {
        chunk_ms,
        context_ms,
        ..WindowSettings::default()
    }
}

/// Extracts `recording` and compares every array with the study's.
fn check(model: &Path, recording: &Path, window: WindowSettings, expected: &Path, bar: &Bar) {
    let out = tempfile::tempdir().unwrap();
    let mut recipe = recipe(window, 4, LayerChoice::All, out.path());
    recipe.model.last_layer = as_in_transformers_5(model);
    let (folder, _) = extract(&recipe, model, recording);
    let times = array(&folder.times_path("story"), "times");
    assert_eq!(
        times,
        array(expected, "times"),
        "times of {}",
        expected.display()
    );
    let prefix = OpenModel::open(model, "model")
        .unwrap()
        .card()
        .layer_prefix
        .clone();
    let mut n_compared = 0;
    for layer in 0..100 {
        let name = format!("{prefix}.{layer}");
        let path = folder.layer_path(&name, "story");
        if !path.exists() {
            break;
        }
        compare_one(&path, expected, &name, bar);
        n_compared += 1;
    }
    compare_one(&folder.features_path("story"), expected, "final", bar);
    assert!(
        n_compared >= 3,
        "only {n_compared} layers in {}",
        folder.root().display()
    );
}

/// The numbers of the large models' files were made with transformers 5.
fn as_in_transformers_5(model: &Path) -> LastLayer {
    let opened = OpenModel::open(model, "model").unwrap();
    match opened.card().last_layer {
        Some(_) => LastLayer::BeforeNorm,
        None => LastLayer::default(),
    }
}

fn compare_one(path: &Path, expected: &Path, name: &str, bar: &Bar) {
    let (largest, correlation) = compare(&array(path, "features"), &array(expected, name));
    eprintln!(
        "{} {name}: largest difference {largest:.1e}, correlation {correlation:.9}",
        expected.display()
    );
    assert!(largest <= bar.largest_difference, "{name}: {largest}");
    assert!(
        correlation >= bar.least_correlation,
        "{name}: {correlation}"
    );
}

fn check_small(name: &str) {
    let model = data(name);
    let clip = data("clip.wav");
    check(
        &model,
        &clip,
        ramp(100.0, 2000.0),
        &model.join("expected_ramp.npz"),
        &SMALL,
    );
    let full = WindowSettings {
        coverage: Coverage::FullContext,
        ..ramp(200.0, 1000.0)
    };
    check(
        &model,
        &clip,
        full,
        &model.join("expected_full.npz"),
        &SMALL,
    );
}

#[test]
fn whisper_like() {
    check_small("whisper-like");
}

#[test]
fn whisper_large_v3_like_with_128_mel_bands() {
    check_small("whisper-large-v3-like");
}

#[test]
fn hubert_base_like_from_a_pytorch_file() {
    check_small("hubert-base-like");
}

#[test]
fn wavlm_base_like_from_a_pytorch_file() {
    check_small("wavlm-base-like");
}

#[test]
fn hubert_large_like() {
    check_small("hubert-large-like");
}

#[test]
fn wav2vec2_base_like() {
    check_small("wav2vec2-base-like");
}

#[test]
fn wavlm_large_like() {
    check_small("wavlm-large-like");
}

/// Sounds that are hard on norms: no variance, an offset a thousand times the sound, the last bit alone.
const HARD_SOUNDS: [&str; 7] = [
    "noise", "silence", "offset", "clipped", "faint", "tone", "sudden",
];

#[test]
fn waveform_encoders_on_sounds_that_are_hard_on_norms() {
    for model in [
        "hubert-base-like",
        "wavlm-base-like",
        "hubert-large-like",
        "wavlm-large-like",
    ] {
        let expected = data("corners").join(format!("{model}.npz"));
        for sound in HARD_SOUNDS {
            let out = tempfile::tempdir().unwrap();
            let mut recipe = recipe(ramp(100.0, 200.0), 2, LayerChoice::All, out.path());
            recipe.model.use_featext = false;
            recipe.model.last_layer = as_in_transformers_5(&data(model));
            let recording = data("corners").join(format!("{sound}.wav"));
            let (folder, _) = extract(&recipe, &data(model), &recording);
            let expected: Array3<f32> = npz::read(&expected, sound).unwrap();
            assert_eq!(expected.dim(), (5, 5, 32));
            let mut paths: Vec<_> = (0..4)
                .map(|layer| folder.layer_path(&format!("layer.{layer}"), "story"))
                .collect();
            paths.push(folder.features_path("story"));
            for (vector, path) in paths.iter().enumerate() {
                let expected = expected.index_axis(Axis(1), vector).to_owned();
                let (largest, _) = compare(&array(path, "features"), &expected);
                assert!(largest <= 1e-4, "{model}, {sound}, {vector}: {largest}");
            }
        }
    }
}

#[test]
fn whisper_tiny_en_with_its_real_weights() {
    let expected = data("whisper-tiny.en/expected_ramp.npz");
    check(
        &starter_model(),
        &austen(),
        WindowSettings::default(),
        &expected,
        &REAL,
    );
}
