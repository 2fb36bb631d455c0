//! What the tests share.

#[cfg(target_os = "linux")]
pub(crate) mod desktop;
#[cfg(target_os = "linux")]
pub(crate) mod faults;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use heschl_core::files::formats::npz;
use heschl_core::run::pipeline::{self, Extraction, Summary};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{
    ExtractRecipe, LayerChoice, ModelRecipe, OutputRecipe, RunInfo, StimuliRecipe,
};
use heschl_core::run::store::FeaturesFolder;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{
    DeviceChoice, OnnxEncoder, OnnxOptions, OnnxRuntime, Precision,
};
use heschl_core::speech::stimuli::Stimulus;
use heschl_core::speech::window::WindowSettings;
use heschl_models::download::{Limits, Watch};
use heschl_models::folders::Surroundings;
use heschl_models::{InputMode, OpenModel, catalogue, fetch, runtime};
use ndarray::Array2;

/// A file or folder of the tests' data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data")
        .join(name)
}

/// The recording that comes with the program.
pub(crate) fn austen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/austen.wav")
}

/// ONNX Runtime, found or fetched as the program does it. One for the whole process.
pub(crate) fn onnx_runtime() -> &'static OnnxRuntime {
    static RUNTIME: OnceLock<OnnxRuntime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        OnnxRuntime::load(onnx_runtime_library()).expect("ONNX Runtime can be loaded")
    })
}

/// Where ONNX Runtime lies.
pub(crate) fn onnx_runtime_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let around = Surroundings::of_this_process();
        let found = runtime::find_runtime(&around, None).expect("the search makes sense");
        let library = found.unwrap_or_else(|| {
            let fetched = quietly(|watch| runtime::fetch_runtime(&around, watch));
            fetched.expect("ONNX Runtime can be had").0
        });
        library.path
    })
}

/// The folder of the starter model, found or fetched as the program does it, once for the whole process.
pub(crate) fn starter_model() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let around = Surroundings::of_this_process();
        let entry =
            catalogue::find(catalogue::STARTER).expect("the starter model is in the catalogue");
        let fetched =
            quietly(|watch| fetch::fetch_model(&around, entry, &Limits::default(), watch));
        fetched.expect("the starter model can be had").folder
    });
    folder.clone()
}

fn quietly<T>(work: impl FnOnce(&mut Watch) -> T) -> T {
    work(&mut Watch {
        progress: &mut |_, _| {},
        cancelled: &|| false,
    })
}

/// A recipe for one model and one window, with everything else as the study has it.
pub(crate) fn recipe(
    window: WindowSettings,
    batch: usize,
    layers: LayerChoice,
    out: &Path,
) -> ExtractRecipe {
    ExtractRecipe {
        stimuli: StimuliRecipe {
            folder: data(""),
            recursive: false,
            resampling: heschl_core::speech::audio::Resampling::default(),
            stories: vec![],
            custom_stimuli: None,
        },
        model: ModelRecipe {
            model: "test".into(),
            layers,
            last_layer: LastLayer::default(),
            use_featext: true,
            precision: Precision::F32,
            device: DeviceChoice::Cpu,
            batch: Some(batch),
        },
        window,
        output: OutputRecipe {
            folder: out.to_path_buf(),
            overwrite: false,
        },
    }
}

/// Extracts one recording with one model folder; gives the features folder and how it went.
pub(crate) fn extract(
    recipe: &ExtractRecipe,
    model: &Path,
    recording: &Path,
) -> (FeaturesFolder, Summary) {
    let mut encoder = encoder(recipe, model);
    let folder =
        FeaturesFolder::create(&recipe.features_folder("model")).expect("the folder can be made");
    let stories = [Stimulus {
        story: "story".into(),
        path: recording.to_path_buf(),
    }];
    let work = Extraction {
        recipe,
        stories: &stories,
        folder: &folder,
        run: &run_info(),
        cancel: &CancelToken::default(),
    };
    let summary =
        pipeline::extract(&work, &mut encoder, &mut |_| {}).expect("the extraction ends well");
    (folder, summary)
}

/// The encoder of a model folder, as the program loads it for a recipe.
pub(crate) fn encoder(recipe: &ExtractRecipe, model: &Path) -> OnnxEncoder {
    let opened = OpenModel::open(model, "model")
        .and_then(|opened| opened.with_last_layer(recipe.model.last_layer))
        .expect("the model folder is good");
    let lengths = recipe.window.lengths().expect("the windows make sense");
    let input_mode = opened.input_mode(recipe.model.use_featext, lengths.step_samples);
    load(&opened, recipe, input_mode)
}

/// The encoder of a model, loaded for a recipe.
pub(crate) fn load(
    opened: &OpenModel,
    recipe: &ExtractRecipe,
    input_mode: InputMode,
) -> OnnxEncoder {
    let layers = recipe.model.layers.computed(opened.card().n_layers);
    let built = opened
        .build_for(input_mode, &layers, recipe.model.precision)
        .expect("the graph can be built");
    let options = OnnxOptions {
        device: recipe.model.device,
        n_threads: 2,
    };
    OnnxEncoder::load(onnx_runtime(), &built, options).expect("the model can be loaded")
}

/// One array of an archive.
pub(crate) fn array(path: &Path, name: &str) -> Array2<f32> {
    npz::read(path, name).expect("the archive holds the array")
}

/// Largest absolute difference and Pearson's correlation over all values.
pub(crate) fn compare(found: &Array2<f32>, expected: &Array2<f32>) -> (f64, f64) {
    assert_eq!(found.dim(), expected.dim(), "shapes");
    let pairs = || {
        found
            .iter()
            .zip(expected)
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
    };
    let n = found.len() as f64;
    let (sum_a, sum_b) = pairs().fold((0.0, 0.0), |(sa, sb), (a, b)| (sa + a, sb + b));
    let (mean_a, mean_b) = (sum_a / n, sum_b / n);
    let (mut largest, mut covariance, mut variance_a, mut variance_b) = (0.0_f64, 0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        largest = largest.max((a - b).abs());
        covariance += (a - mean_a) * (b - mean_b);
        variance_a += (a - mean_a).powi(2);
        variance_b += (b - mean_b).powi(2);
    }
    (largest, covariance / (variance_a * variance_b).sqrt())
}

/// What the records of a test's run say.
pub(crate) fn run_info() -> RunInfo {
    RunInfo {
        heschl: "test".into(),
        onnxruntime: "test".into(),
        device: "test".into(),
        started: pipeline::now(),
        model_files: vec![],
        recordings: vec![],
    }
}

/// White noise between −0.1 and 0.1, always the same for one seed.
pub(crate) fn noise(n_samples: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n_samples).map(|_| next() * 0.1).collect()
}

/// Writes 16 kHz mono samples as a WAV file of 16 bits.
pub(crate) fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the file can be made");
    for sample in samples {
        writer
            .write_sample((sample * 32_767.0) as i16)
            .expect("the file can be written");
    }
    writer.finalize().expect("the file can be written");
}

/// Every file below a folder: its path from there, and its content.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .expect("it lies below")
                    .to_string_lossy()
                    .into_owned();
                files.insert(name, std::fs::read(&path).expect("the file can be read"));
            }
        }
    }
    files
}

/// The program, with the tests' ONNX Runtime.
pub(crate) fn heschl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heschl"));
    command.env("ORT_DYLIB_PATH", onnx_runtime_library());
    command
}

/// Every finished feature file below a folder: its path from there, and its content.
pub(crate) fn feature_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let is_feature_file = |name: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|suffix| suffix == "npz")
    };
    files_below(folder)
        .into_iter()
        .filter(|(name, _)| is_feature_file(name))
        .collect()
}
