//! Encoders of the waveform: what windows share, what a row may hear, and what is computed.

use std::path::Path;

use crate::common::{
    array, compare, data, encoder, extract, feature_files, load, noise, recipe, run_info, write_wav,
};
use heschl_core::remedy::Remedy;
use heschl_core::run::pipeline::{self, Extraction};
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{ExtractRecipe, LayerChoice};
use heschl_core::run::store::FeaturesFolder;
use heschl_core::speech::encoder::{Encoder, Precision};
use heschl_core::speech::stimuli::Stimulus;
use heschl_core::speech::window::WindowSettings;
use heschl_models::{InputMode, OpenModel};

/// The wiring whose windows share frames, and one whose windows do not.
const MODELS: [(&str, InputMode); 4] = [
    ("hubert-large-like", InputMode::SharedFrames),
    ("wavlm-large-like", InputMode::SharedFrames),
    ("wavlm-base-like", InputMode::EachWindow),
    ("hubert-base-like", InputMode::EachWindow),
];

/// Windows of 0.5 s, a step of 0.1 s, raw samples.
fn raw(layers: LayerChoice, out: &Path) -> ExtractRecipe {
    let window = WindowSettings {
        chunk_ms: 100.0,
        context_ms: 400.0,
        ..WindowSettings::default()
    };
    let mut recipe = recipe(window, 3, layers, out);
    recipe.model.use_featext = false;
    recipe
}

/// Runs one story, and stops after `n_batches`.
fn run(
    recipe: &ExtractRecipe,
    encoder: &mut dyn Encoder,
    recording: &Path,
    n_batches: usize,
) -> FeaturesFolder {
    let folder = FeaturesFolder::create(&recipe.features_folder("model")).unwrap();
    let cancel = CancelToken::default();
    let stories = [Stimulus {
        story: "story".into(),
        path: recording.to_path_buf(),
    }];
    let work = Extraction {
        recipe,
        stories: &stories,
        folder: &folder,
        run: &run_info(),
        cancel: &cancel,
    };
    let mut n_done = 0;
    pipeline::extract(&work, encoder, &mut |event| {
        n_done += usize::from(matches!(event, Event::Progress { .. }));
        if n_done == n_batches {
            cancel.cancel();
        }
    })
    .unwrap();
    folder
}

#[test]
fn windows_share_frames_where_the_models_norms_allow_it() {
    for (name, input_mode) in MODELS {
        let opened = OpenModel::open(&data(name), name).unwrap();
        assert_eq!(opened.input_mode(false, 1600), input_mode, "{name}");
        assert_eq!(
            opened.input_mode(false, 1601),
            InputMode::EachWindow,
            "{name}"
        );
    }
    // Its feature extractor brings each window to a mean and variance of its own.
    let opened = OpenModel::open(&data("hubert-large-like"), "model").unwrap();
    assert_eq!(opened.input_mode(true, 1600), InputMode::EachWindow);
}

#[test]
fn shared_frames_give_the_rows_that_each_window_gives_by_itself() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["hubert-large-like", "wavlm-large-like"] {
        let opened = OpenModel::open(&data(name), name).unwrap();
        let [shared, alone] = [InputMode::SharedFrames, InputMode::EachWindow].map(|input_mode| {
            let out = scratch.path().join(format!("{name} {input_mode:?}"));
            let recipe = raw(LayerChoice::All, &out);
            let mut encoder = load(&opened, &recipe, input_mode);
            run(&recipe, &mut encoder, &data("clip.wav"), usize::MAX)
        });
        for layer in ["layer.0", "layer.2", "layer.3"] {
            let rows =
                |folder: &FeaturesFolder| array(&folder.layer_path(layer, "story"), "features");
            let (largest, _) = compare(&rows(&shared), &rows(&alone));
            assert!(largest <= 1e-5, "{layer} of {name}: {largest}");
        }
        let rows = |folder: &FeaturesFolder| array(&folder.features_path("story"), "features");
        let (largest, _) = compare(&rows(&shared), &rows(&alone));
        assert!(largest <= 1e-5, "final output of {name}: {largest}");
    }
}

#[test]
fn noise_after_a_windows_end_leaves_its_row_unchanged_to_the_last_bit() {
    let original = noise(16_000, 1);
    for (name, _) in MODELS {
        let scratch = tempfile::tempdir().unwrap();
        let features = |samples: &[f32], out: &str| {
            let path = scratch.path().join("a.wav");
            write_wav(&path, samples);
            let recipe = raw(LayerChoice::All, &scratch.path().join(out));
            let (folder, _) = extract(&recipe, &data(name), &path);
            ["layer.0", "layer.1", "layer.3"]
                .map(|layer| array(&folder.layer_path(layer, "story"), "features"))
        };
        let before = features(&original, "before");
        for row in [0, 4, 8] {
            let end = (row + 1) * 1600;
            let mut changed = original.clone();
            changed[end..].copy_from_slice(&noise(16_000 - end, 2));
            let after = features(&changed, &format!("after {row}"));
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(before.nrows(), 10);
                assert_eq!(before.row(row), after.row(row), "row {row} of {name}");
                let next = row + 1;
                assert_ne!(before.row(next), after.row(next), "row {next} of {name}");
            }
        }
    }
}

#[test]
fn stopped_after_any_batch_and_run_again_it_gives_the_same_files() {
    let scratch = tempfile::tempdir().unwrap();
    let clip = data("clip.wav");
    for (name, _) in MODELS {
        let recipe_for = |out: &str| raw(LayerChoice::All, &scratch.path().join(name).join(out));
        // A new encoder for each run, as a new process has.
        let whole = recipe_for("whole");
        let whole = run(&whole, &mut encoder(&whole, &data(name)), &clip, usize::MAX);
        for n_done in [1, 2, 5, 13] {
            let recipe = recipe_for(&format!("stopped {n_done}"));
            let part = run(&recipe, &mut encoder(&recipe, &data(name)), &clip, n_done);
            assert!(feature_files(part.root()).is_empty());
            let folder = run(
                &recipe,
                &mut encoder(&recipe, &data(name)),
                &clip,
                usize::MAX,
            );
            assert_eq!(
                feature_files(folder.root()),
                feature_files(whole.root()),
                "{name}"
            );
        }
    }
}

#[test]
fn only_the_layers_asked_for_are_there_and_they_are_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let clip = data("clip.wav");
    for (name, _) in MODELS {
        let recipe_for = |layers| raw(layers, &tempfile::tempdir_in(&scratch).unwrap().keep());
        let (all, _) = extract(&recipe_for(LayerChoice::All), &data(name), &clip);
        for layers in [vec![0], vec![2], vec![3], vec![1, 3]] {
            let choice = LayerChoice::Some(layers.clone());
            let (some, _) = extract(&recipe_for(choice), &data(name), &clip);
            let mut paths: Vec<_> = (0..4)
                .map(|layer| (layer, some.layer_path(&format!("layer.{layer}"), "story")))
                .collect();
            // The final output is always there.
            paths.push((usize::MAX, some.features_path("story")));
            for (layer, path) in paths {
                let is_wanted = layer == usize::MAX || layers.contains(&layer);
                assert_eq!(path.exists(), is_wanted, "{name}: {layers:?}");
                if path.exists() {
                    let below = path.strip_prefix(some.root()).unwrap();
                    let expected = array(&all.root().join(below), "features");
                    let (largest, _) = compare(&array(&path, "features"), &expected);
                    assert!(largest <= 1e-5, "{name}, {}: {largest}", below.display());
                }
            }
        }
    }
}

#[test]
fn a_story_done_with_samples_prepared_in_another_way_is_left_alone_and_it_is_said() {
    // The feature extractor of wavlm-base-like leaves samples as they are: asking for it changes nothing.
    for (name, is_said) in [("hubert-large-like", true), ("wavlm-base-like", false)] {
        let scratch = tempfile::tempdir().unwrap();
        let plain = raw(LayerChoice::All, scratch.path());
        let mut prepared = plain.clone();
        prepared.model.use_featext = true;
        run(
            &plain,
            &mut encoder(&plain, &data(name)),
            &data("clip.wav"),
            usize::MAX,
        );
        let mut warnings = vec![];
        let folder = FeaturesFolder::create(&prepared.features_folder("model")).unwrap();
        let work = Extraction {
            recipe: &prepared,
            stories: &[Stimulus {
                story: "story".into(),
                path: data("clip.wav"),
            }],
            folder: &folder,
            run: &run_info(),
            cancel: &CancelToken::default(),
        };
        let mut encoder = encoder(&prepared, &data(name));
        let summary = pipeline::extract(&work, &mut encoder, &mut |event| {
            if let Event::Warning(warning) = event {
                warnings.push(warning);
            }
        });
        assert_eq!(summary.unwrap().skipped.len(), 1, "{name}");
        let said = warnings
            .iter()
            .any(|warning| warning.remedies().contains(&Remedy::SameFeatureExtractor));
        assert_eq!(said, is_said, "{name}: {warnings:?}");
    }
}

#[test]
fn half_precision_gives_nearly_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, _) in MODELS {
        let features = |precision: Precision| {
            let out = scratch.path().join(format!("{name} {precision:?}"));
            let mut recipe = raw(LayerChoice::All, &out);
            recipe.model.precision = precision;
            let (folder, _) = extract(&recipe, &data(name), &data("clip.wav"));
            array(&folder.features_path("story"), "features")
        };
        let (largest, correlation) = compare(&features(Precision::F16), &features(Precision::F32));
        assert!(largest > 0.0, "half precision is not what was computed in");
        assert!(correlation > 0.9999, "{name}: {largest}, {correlation}");
    }
}
