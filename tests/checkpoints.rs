//! Options of checkpoints that published base models do not use: computed as the study's code does, or refused by name.
//!
//! The numbers are those of `data/make_variants.py`: transformers 4.30.2, and 5.24 where that is said.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{array, compare, data, encoder, extract, recipe, run_info};
use heschl_core::files::formats::npz;
use heschl_core::remedy::Remedy;
use heschl_core::run::pipeline::{self, Extraction};
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{ExtractRecipe, LayerChoice};
use heschl_core::run::store::{self, FeaturesFolder};
use heschl_core::run::warning::Warning;
use heschl_core::speech::card::{FinalOutput, LastLayer};
use heschl_core::speech::encoder::Precision;
use heschl_core::speech::stimuli::Stimulus;
use heschl_core::speech::window::{Coverage, WindowSettings};
use heschl_models::OpenModel;
use ndarray::{Array3, Axis};

/// Largest difference from the numbers of Python, in single precision.
const TOLERANCE: f64 = 1e-4;

fn raw(out: &Path) -> ExtractRecipe {
    let window = WindowSettings {
        chunk_ms: 200.0,
        context_ms: 800.0,
        ..WindowSettings::default()
    };
    let mut recipe = recipe(window, 2, LayerChoice::All, out);
    recipe.model.use_featext = false;
    recipe
}

/// The layers of the story, in order, and the final output.
fn vectors(folder: &FeaturesFolder, n_layers: usize) -> Vec<PathBuf> {
    let layers = (0..n_layers).map(|layer| folder.layer_path(&format!("layer.{layer}"), "story"));
    layers.chain([folder.features_path("story")]).collect()
}

/// Compares the first windows of clip.wav with `expected`, `(windows, vectors, features)`.
fn check(model: &Path, last_layer: LastLayer, expected: &Array3<f32>, name: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let mut recipe = raw(scratch.path());
    recipe.model.last_layer = last_layer;
    let (folder, _) = extract(&recipe, model, &data("clip.wav"));
    let (n_windows, n_vectors, _) = expected.dim();
    for (vector, path) in vectors(&folder, n_vectors - 1).iter().enumerate() {
        let found = array(path, "features");
        let found = found.slice(ndarray::s![..n_windows, ..]).to_owned();
        let (largest, _) = compare(&found, &expected.index_axis(Axis(1), vector).to_owned());
        assert!(largest <= TOLERANCE, "{name}, vector {vector}: {largest}");
    }
}

fn variant(name: &str) -> PathBuf {
    data("variants").join(name)
}

fn expected(name: &str) -> Array3<f32> {
    npz::read(&variant("expected.npz"), name).unwrap()
}

#[test]
fn adapters_in_and_behind_the_encoder_are_computed() {
    for name in [
        "plain",
        "attention-adapter",
        "attention-adapter-hubert",
        "adapter",
        "adapter-large",
    ] {
        check(
            &variant(name),
            LastLayer::AsPublished,
            &expected(name),
            name,
        );
    }
}

#[test]
fn each_activation_function_of_transformers_is_computed() {
    let scratch = tempfile::tempdir().unwrap();
    let plain = variant("plain");
    let weights = "model.safetensors";
    fs::copy(plain.join(weights), scratch.path().join(weights)).unwrap();
    let config = fs::read_to_string(plain.join("config.json")).unwrap();
    for name in [
        "gelu",
        "gelu_10",
        "gelu_fast",
        "gelu_new",
        "gelu_python",
        "gelu_pytorch_tanh",
        "gelu_accurate",
        "laplace",
        "linear",
        "mish",
        "quick_gelu",
        "relu",
        "relu2",
        "relu6",
        "sigmoid",
        "silu",
        "swish",
        "tanh",
        "leaky_relu",
        "hardswish",
        "sqrtsoftplus",
        "gelu_python_tanh",
    ] {
        let text = if name == "relu2" {
            // The stem's seven in a row would leave single precision.
            config.replace("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu2\"")
        } else {
            config.replace("\"gelu\"", &format!("\"{name}\""))
        };
        fs::write(scratch.path().join("config.json"), text).unwrap();
        let expected: Array3<f32> = npz::read(&variant("activations.npz"), name).unwrap();
        check(scratch.path(), LastLayer::AsPublished, &expected, name);
    }
}

#[test]
fn a_positional_convolution_behind_a_batch_norm_is_that_of_transformers_5() {
    let scratch = tempfile::tempdir().unwrap();
    let mut recipe = raw(scratch.path());
    recipe.window = WindowSettings {
        chunk_ms: 200.0,
        context_ms: 1000.0,
        coverage: Coverage::FullContext,
        ..WindowSettings::default()
    };
    let model = variant("batch-normed");
    let (folder, _) = extract(&recipe, &model, &variant("clip.wav"));
    for (layer, path) in vectors(&folder, 4).iter().enumerate() {
        let name = if layer == 4 {
            "final".into()
        } else {
            format!("layer.{layer}")
        };
        let expected = array(&model.join("expected.npz"), &name);
        let (largest, _) = compare(&array(path, "features"), &expected);
        assert!(largest <= TOLERANCE, "{name}: {largest}");
    }
}

#[test]
fn the_last_layer_is_the_final_output_or_what_the_last_block_gives() {
    let open = |which| {
        let opened = OpenModel::open(&variant("attention-adapter"), "model").unwrap();
        opened.with_last_layer(which).unwrap()
    };
    let [published, before] = [LastLayer::AsPublished, LastLayer::BeforeNorm].map(open);
    assert_eq!(published.card().final_output, FinalOutput::LastLayer);
    assert_eq!(before.card().final_output, FinalOutput::AfterLastLayer);
    // Python's, whose last layer is the final output.
    let both = expected("attention-adapter");
    assert_eq!(both.index_axis(Axis(1), 2), both.index_axis(Axis(1), 3));
    // Nothing to choose where no norm follows.
    let plain = OpenModel::open(&variant("plain"), "plain").unwrap();
    let refusal = plain.with_last_layer(LastLayer::BeforeNorm).unwrap_err();
    assert!(refusal.to_string().contains("leave that choice"));
}

/// What `heschl check` and a run that continues a folder say of last layers of another kind, recorded or not.
#[test]
fn a_folder_whose_last_layers_are_of_another_kind_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let mut recipe = raw(scratch.path());
    recipe.model.last_layer = LastLayer::BeforeNorm;
    let model = variant("attention-adapter");
    let (folder, _) = extract(&recipe, &model, &data("clip.wav"));
    let record = folder.record_path("story");
    let text = fs::read_to_string(&record).unwrap();
    assert_eq!(text.matches("last_layer = \"before_norm\"").count(), 2);
    let notes = || store::check(folder.root()).unwrap().notes;
    assert!(notes()[0].contains("before the model's final norm"));

    // As versions wrote it that knew no choice.
    let old = text.replace("last_layer = \"before_norm\"\n", "");
    fs::write(&record, old).unwrap();
    assert!(notes()[0].contains("before the model's final norm"));

    let warnings = |which| {
        let mut recipe = raw(scratch.path());
        recipe.model.last_layer = which;
        let mut encoder = encoder(&recipe, &model);
        let told = |story: &str| {
            let stories = [Stimulus {
                story: story.into(),
                path: data("clip.wav"),
            }];
            let work = Extraction {
                recipe: &recipe,
                stories: &stories,
                folder: &folder,
                run: &run_info(),
                cancel: &CancelToken::default(),
            };
            let mut told = vec![];
            pipeline::extract(&work, &mut encoder, &mut |event| {
                if let Event::Warning(warning) = event {
                    told.push(warning);
                }
            })
            .unwrap();
            told
        };
        ["story", "other"].map(told)
    };
    let [same, beside] = warnings(LastLayer::AsPublished);
    assert_eq!(same[0].remedies()[0], Remedy::SameLastLayer, "{same:?}");
    assert!(
        beside[0].to_string().contains("such as story"),
        "{beside:?}"
    );
    // Now the folder has both.
    let faults = store::check(folder.root()).unwrap().faults;
    assert!(
        faults[0].message.contains("cannot be fitted together"),
        "{faults:?}"
    );
    let [same, _] = warnings(LastLayer::BeforeNorm);
    assert!(
        same.iter()
            .all(|told| !matches!(told, Warning::MadeOtherwise { .. })),
        "{same:?}"
    );
}

/// A copy of a checkpoint, and its path.
fn copy_of(name: &str) -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("model");
    fs::create_dir(&folder).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(variant(name).join(file), folder.join(file)).unwrap();
    }
    (scratch, folder)
}

/// Fails unless the folder is refused with all of `words`, and without advice to fetch what is whole.
fn check_refused(folder: &Path, words: &[&str]) {
    let refusal = OpenModel::open(folder, "model").unwrap_err().to_string();
    for word in words {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    assert!(!refusal.contains("etch"), "{refusal}");
}

/// Changes `config.json`.
fn with_config(folder: &Path, from: &str, to: &str) {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

/// Gives a tensor of `model.safetensors` another name of the same length.
fn rename_tensor(folder: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = folder.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|part| part == from.as_bytes())
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(&path, bytes).unwrap();
}

#[test]
fn tensors_that_the_description_does_not_account_for_are_refused_by_name() {
    let (_scratch, folder) = copy_of("attention-adapter");
    with_config(
        &folder,
        "\"adapter_attn_dim\": 4",
        "\"adapter_attn_dim\": null",
    );
    check_refused(&folder, &["adapter_layer", "12 tensors"]);

    let (_scratch, folder) = copy_of("adapter");
    with_config(&folder, "\"add_adapter\": true", "\"add_adapter\": false");
    check_refused(&folder, &["adapter.layers.0.conv"]);

    let (_scratch, folder) = copy_of("plain");
    with_config(
        &folder,
        "\"num_hidden_layers\": 2",
        "\"num_hidden_layers\": 1",
    );
    check_refused(&folder, &["encoder.layers.1."]);
}

#[test]
fn adapters_that_are_not_merged_are_refused_with_what_to_do() {
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        let (_scratch, folder) = copy_of("plain");
        fs::write(folder.join(file), "{}").unwrap();
        check_refused(&folder, &["adapter", file, "merge_and_unload"]);
        // Without the model it is no model, for the same reason.
        fs::remove_file(folder.join("config.json")).unwrap();
        check_refused(&folder, &["adapter", file, "without the model"]);
    }
    let (_scratch, folder) = copy_of("plain");
    rename_tensor(
        &folder,
        "encoder.layers.0.attention.out_proj.weight",
        "encoder.layers.0.attention.out.lora_A.wght",
    );
    check_refused(&folder, &["lora_A", "merge_and_unload"]);
}

#[test]
fn words_of_training_programs_before_the_names_are_no_obstacle_and_two_encoders_are() {
    let plain = variant("plain").join("model.safetensors");
    let bytes = fs::read(&plain).unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let write = |folder: &Path, prefixes: &[&str]| {
        let body = &bytes[8 + n..];
        let mut renamed = serde_json::Map::new();
        for (number, prefix) in prefixes.iter().enumerate() {
            for (name, place) in header.iter().filter(|(name, _)| *name != "__metadata__") {
                let mut place = place.clone();
                for at in place["data_offsets"].as_array_mut().unwrap() {
                    *at = (at.as_u64().unwrap() + (number * body.len()) as u64).into();
                }
                renamed.insert(format!("{prefix}{name}"), place);
            }
        }
        let header = serde_json::to_vec(&renamed).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        let whole = [&length[..], &header, &body.repeat(prefixes.len())].concat();
        fs::write(folder.join("model.safetensors"), whole).unwrap();
    };
    for prefix in ["module.wav2vec2.", "_orig_mod.", "model.encoder."] {
        let (_scratch, folder) = copy_of("plain");
        write(&folder, &[prefix]);
        let opened = OpenModel::open(&folder, "model").unwrap();
        opened.build(&[0, 1, 2], Precision::F32).unwrap();
    }
    let (_scratch, folder) = copy_of("plain");
    write(&folder, &["student.", "teacher."]);
    check_refused(&folder, &["\"student.\"", "\"teacher.\""]);
}

#[test]
fn entries_that_are_not_computed_are_refused_and_unknown_ones_told() {
    for (from, to, words) in [
        (
            "\"hidden_act\": \"gelu\"",
            "\"hidden_act\": \"xielu\"",
            &["hidden_act", "xielu"][..],
        ),
        (
            "\"vocab_size\": 8",
            "\"vocab_size\": 8, \"quantization_config\": {\"quant_method\": \"gptq\"}",
            &["quantization_config", "quantised"],
        ),
        (
            "\"num_feat_extract_layers\": 7",
            "\"num_feat_extract_layers\": 6",
            &["num_feat_extract_layers is 6", "7 entries"],
        ),
        (
            "\"add_adapter\": false",
            "\"add_adapter\": true, \"output_hidden_size\": 8, \"was\": 0",
            &["output_hidden_size"],
        ),
    ] {
        let (_scratch, folder) = copy_of("plain");
        if to.contains("output_hidden_size") {
            with_config(&folder, "\"output_hidden_size\": 16", "\"x\": 16");
        }
        with_config(&folder, from, to);
        check_refused(&folder, words);
    }
    let (_scratch, folder) = copy_of("plain");
    with_config(
        &folder,
        "\"vocab_size\": 8",
        "\"vocab_size\": 8, \"odd\": 1",
    );
    let opened = OpenModel::open(&folder, "model").unwrap();
    assert_eq!(opened.unknown_entries(), ["odd"]);
}

#[test]
fn another_sampling_rate_than_16_khz_is_refused_with_both() {
    for (file, text) in [
        ("preprocessor_config.json", r#"{"sampling_rate": 8000}"#),
        (
            "processor_config.json",
            r#"{"feature_extractor": {"sampling_rate": 8000}}"#,
        ),
    ] {
        let (_scratch, folder) = copy_of("plain");
        fs::write(folder.join(file), text).unwrap();
        check_refused(&folder, &["8000 Hz", "16000 Hz"]);
    }
}

#[test]
fn published_small_models_have_no_entry_and_no_tensor_that_is_not_known() {
    for name in [
        "hubert-base-like",
        "hubert-large-like",
        "wav2vec2-base-like",
        "wavlm-base-like",
        "wavlm-large-like",
        "whisper-like",
        "whisper-large-v3-like",
    ] {
        let opened = OpenModel::open(&data(name), name).unwrap();
        assert!(opened.unknown_entries().is_empty(), "{name}");
    }
}
