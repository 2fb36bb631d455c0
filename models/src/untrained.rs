//! Untrained networks of the same architecture, as a baseline for trained ones.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use heschl_core::maths::random::PythonRandom;
use serde::{Deserialize, Serialize};

use crate::added::{self, AddError, Added};
use crate::catalogue::{CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE};
use crate::checkpoint::Checkpoint;
use crate::folders::{NoDataFolder, Surroundings};
use crate::written::{UNTRAINED_FILE, is_untrained};
use crate::{Architecture, ModelError, OpenModel};
use heschl_core::files::disk::{self, DiskFile, rename_durably, write_atomically};
use heschl_core::remedy::Remedy;

/// Suffix of the model's name.
const SUFFIX: &str = "-untrained";
const WEIGHTS: &str = "model.safetensors";

/// Errors of [`add`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum UntrainedError {
    #[error(
        "The shape of an exported ONNX file cannot be filled with other weights. Take a checkpoint of the same model: a folder with \
         config.json and its weights."
    )]
    NoCheckpoint,
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Added(#[from] AddError),
    #[error(transparent)]
    NoDataFolder(#[from] NoDataFolder),
    #[error("The untrained network cannot be written: {source}\nFile: {}", path.display())]
    Unwritable { source: io::Error, path: PathBuf },
}

impl UntrainedError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Model(error) => error.remedies(),
            Self::Added(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Mark {
    version: u32,
    of: String,
    seed: u64,
}

/// Returns the name of a model's untrained counterpart.
#[must_use]
pub fn name_beside(model: &str) -> String {
    format!("{model}{SUFFIX}")
}

/// Creates an untrained network with the architecture of `model` and adds it as `<name>-untrained`; an existing one with
/// the same seed is kept.
///
/// # Errors
/// Returns an [`UntrainedError`] if the model is an exported file, the name is taken, or files cannot be written.
pub fn add(around: &Surroundings, model: &OpenModel, seed: u64) -> Result<Added, UntrainedError> {
    let folders = around.folders()?;
    let name = name_beside(&model.card().name);
    let target = folders.model(&name);
    if is_the_same(&target, &model.card().name, seed) {
        return Ok(added::add(around, &target, Some(&name))?);
    }
    if !is_untrained(&target) {
        added::check_name_is_free(around, &name, &target)?;
    }
    let partial = folders.partial_model(&name);
    clear(&partial)?;
    write(&partial, model, seed)?;
    clear(&target)?;
    rename_durably(&partial, &target).map_err(unwritable(&target))?;
    Ok(added::add(around, &target, Some(&name))?)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> UntrainedError + use<> {
    let path = path.to_path_buf();
    move |source| UntrainedError::Unwritable {
        source,
        path: path.clone(),
    }
}

/// Removes the leftovers of an interrupted attempt, or of another seed.
fn clear(folder: &Path) -> Result<(), UntrainedError> {
    if folder.exists() {
        disk::remove_folder(folder).map_err(unwritable(folder))?;
    }
    Ok(())
}

fn is_the_same(target: &Path, of: &str, seed: u64) -> bool {
    let text = fs::read(target.join(UNTRAINED_FILE)).unwrap_or_default();
    let mark = serde_json::from_slice::<Mark>(&text);
    mark.is_ok_and(|mark| mark.version == 1 && mark.of == of && mark.seed == seed)
}

fn write(target: &Path, model: &OpenModel, seed: u64) -> Result<(), UntrainedError> {
    disk::create_folders(target).map_err(unwritable(target))?;
    let config = target.join(CONFIG_FILE);
    let (text, checkpoint) = description(model, &config)?;
    write_atomically(&config, &text).map_err(unwritable(&config))?;
    for name in [PREPROCESSOR_FILE, PROCESSOR_FILE] {
        let preprocessor = model.folder.join(name);
        if preprocessor.is_file() {
            let copy = target.join(name);
            disk::copy(&preprocessor, &copy).map_err(unwritable(&copy))?;
        }
    }
    let weights = target.join(WEIGHTS);
    write_weights(&weights, checkpoint, seed).map_err(unwritable(&weights))?;
    let mark = Mark {
        version: 1,
        of: model.card().name.clone(),
        seed,
    };
    let path = target.join(UNTRAINED_FILE);
    let text = serde_json::to_vec_pretty(&mark).map_err(io::Error::other);
    text.and_then(|text| write_atomically(&path, &text))
        .map_err(unwritable(&path))
}

/// The text of the untrained network's `config.json`, and the checkpoint that provides its shapes.
fn description<'a>(
    model: &'a OpenModel,
    target: &Path,
) -> Result<(Vec<u8>, &'a Checkpoint), UntrainedError> {
    let copied = || {
        let path = model.folder.join(CONFIG_FILE);
        fs::read(&path).map_err(|source| UntrainedError::Unwritable { source, path })
    };
    match &model.architecture {
        Architecture::OwnOnnx(_) => Err(UntrainedError::NoCheckpoint),
        Architecture::Wav2Vec2(_, _, checkpoint) => Ok((copied()?, checkpoint)),
        // For other formats of Whisper folders, `config.json` lacks what was inferred from the weights.
        Architecture::Whisper(config, checkpoint) => {
            let text = config.to_json().map_err(|error| ModelError::Config {
                reason: error.to_string(),
                path: target.to_path_buf(),
            })?;
            Ok((text, checkpoint))
        }
    }
}

fn write_weights(path: &Path, checkpoint: &Checkpoint, seed: u64) -> io::Result<()> {
    let tensors = checkpoint.tensors().iter();
    // Decoders are not used.
    let tensors: Vec<(&String, &[usize])> = tensors
        .filter(|(name, _)| !name.contains("decoder.") && !name.starts_with("proj_out"))
        .map(|(name, tensor)| (name, tensor.shape.as_slice()))
        .collect();
    let mut file = BufWriter::new(DiskFile::create(path)?);
    let header = header(&tensors)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut random = PythonRandom::new(seed);
    for (name, shape) in tensors {
        for value in values(name, shape, &mut random) {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// Header of a safetensors file of consecutive single-precision tensors.
fn header(tensors: &[(&String, &[usize])]) -> io::Result<Vec<u8>> {
    let mut entries = serde_json::Map::new();
    let mut begin = 0;
    for (name, shape) in tensors {
        let end = begin + 4 * shape.iter().product::<usize>();
        let entry =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, end] });
        entries.insert((*name).clone(), entry);
        begin = end;
    }
    let mut text = serde_json::to_vec(&entries).map_err(io::Error::other)?;
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok(text)
}

/// Initial values of a tensor: normal weights that preserve the variance of activations (standard deviation 1/√inputs),
/// norms with weight 1, zero biases, and Whisper's fixed sinusoidal positions.
fn values(name: &str, shape: &[usize], random: &mut PythonRandom) -> Vec<f32> {
    let n: usize = shape.iter().product();
    if let ([_, dim], true) = (shape, name.ends_with("embed_positions.weight")) {
        return (0..n)
            .map(|at| sinusoid(at / dim, at % dim, *dim))
            .collect();
    }
    // Norm of each tap of a weight-normalised kernel: with 128 taps over 768 channels, about half of the signal passes.
    if name.ends_with("weight_g") || name.ends_with("weight.original0") {
        return vec![1.0; n];
    }
    if shape.len() < 2 || shape[1..].iter().product::<usize>() == 1 {
        return vec![if name.ends_with("bias") { 0.0 } else { 1.0 }; n];
    }
    let n_inputs: usize = shape[1..].iter().product();
    let deviation = 1.0 / (n_inputs as f64).sqrt();
    (0..n)
        .map(|_| (random.normal() * deviation) as f32)
        .collect()
}

/// Source: Vaswani et al. (2017), in the layout of Radford et al. (2022): sines first, then cosines.
fn sinusoid(position: usize, feature: usize, dim: usize) -> f32 {
    let half = dim / 2;
    let step = 10_000_f64.ln() / (half.max(2) - 1) as f64;
    let angle = position as f64 * (-step * (feature % half.max(1)) as f64).exp();
    (if feature < half {
        angle.sin()
    } else {
        angle.cos()
    }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint;

    fn around(root: &Path) -> Surroundings {
        Surroundings {
            data_folder: Some(root.join("data")),
            ..Surroundings::default()
        }
    }

    fn model(name: &str) -> OpenModel {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
        OpenModel::open(&data.join(name), name).unwrap()
    }

    /// All values of an untrained network, by tensor.
    fn numbers(folder: &Path) -> Vec<(String, Vec<f32>)> {
        let checkpoint = checkpoint::open(folder).unwrap().unwrap();
        let bytes = fs::read(folder.join(WEIGHTS)).unwrap();
        let of = |(name, tensor): (&String, &checkpoint::Tensor)| {
            let begin = tensor.offset as usize;
            let n: usize = tensor.shape.iter().product();
            let values = bytes[begin..begin + 4 * n].chunks_exact(4);
            let values = values.map(|value| f32::from_le_bytes(value.try_into().unwrap()));
            (name.clone(), values.collect())
        };
        checkpoint.tensors().iter().map(of).collect()
    }

    #[test]
    fn each_architecture_has_an_untrained_twin_of_the_same_shape() {
        let root = tempfile::tempdir().unwrap();
        let around = around(root.path());
        for name in ["whisper-like", "hubert-base-like", "wavlm-large-like"] {
            let trained = model(name);
            let added = add(&around, &trained, 3).unwrap();
            assert_eq!(added.name, format!("{name}-untrained"));
            let twin = OpenModel::open(&added.folder, &added.name).unwrap();
            assert_eq!(twin.card().n_layers, trained.card().n_layers);
            assert_eq!(twin.card().dim, trained.card().dim);
            let layers: Vec<usize> = (0..twin.card().n_layers).collect();
            let precision = heschl_core::speech::encoder::Precision::F32;
            twin.build(&layers, precision).unwrap();
            for (name, values) in numbers(&added.folder) {
                assert!(values.iter().all(|value| value.is_finite()), "{name}");
            }
            assert!(added::remove(&around, &added.name).unwrap());
            assert!(!added.folder.exists(), "what Heschl wrote, it takes away");
        }
    }

    #[test]
    fn weights_have_the_size_that_keeps_what_passes_them() {
        let root = tempfile::tempdir().unwrap();
        let around = around(root.path());
        let added = add(&around, &model("whisper-like"), 0).unwrap();
        let all = numbers(&added.folder);
        let of = |end: &str| {
            let found = all.iter().find(|(name, _)| name.ends_with(end));
            &found.unwrap_or_else(|| panic!("{end}")).1
        };
        let weights = of("layers.0.fc1.weight");
        let n_inputs = weights.len() / of("layers.0.fc1.bias").len();
        let square = weights.iter().map(|value| value * value).sum::<f32>() / weights.len() as f32;
        let error = (2.0 / weights.len() as f32).sqrt();
        assert!(
            (square * n_inputs as f32 - 1.0).abs() < 4.0 * error,
            "{square}"
        );
        assert!(of("layers.0.fc1.bias").iter().all(|value| *value == 0.0));
        assert!(
            of("self_attn_layer_norm.weight")
                .iter()
                .all(|value| (*value - 1.0).abs() < 1e-9)
        );
        // Positions start with sin 0 and cos 0.
        let positions = of("embed_positions.weight");
        assert!(positions[0].abs() < 1e-9);
        assert!((positions[n_inputs / 2] - 1.0).abs() < 1e-9);
        assert!((positions[n_inputs] - 1_f32.sin()).abs() < 1e-6);
        // The same seed gives the same network, another seed a different one.
        assert_eq!(
            numbers(&add(&around, &model("whisper-like"), 0).unwrap().folder),
            all
        );
        assert_ne!(
            numbers(&add(&around, &model("whisper-like"), 1).unwrap().folder),
            all
        );
    }

    #[test]
    fn a_broken_off_attempt_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let around = around(root.path());
        let partial = around
            .folders()
            .unwrap()
            .partial_model("whisper-like-untrained");
        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join(WEIGHTS), "half").unwrap();
        add(&around, &model("whisper-like"), 0).unwrap();
        assert!(!partial.exists());
    }
}
