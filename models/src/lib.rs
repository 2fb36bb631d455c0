//! Speech models: checkpoints and their ONNX graphs, the catalogue, and downloads.
//!
//! To add an architecture, add a file next to `whisper` and an arm in each `match` of this file.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests prepare their files directly"
    )
)]

mod adapters;
pub mod added;
pub mod catalogue;
pub mod checkpoint;
pub mod cuda;
pub mod download;
mod entries;
pub mod fetch;
mod files;
pub mod folders;
pub mod hub;
mod onnx;
pub mod own_onnx;
pub mod package;
mod peak;
mod preprocessor;
pub mod resolve;
pub mod runtime;
mod transformer;
pub mod untrained;
mod unused;
pub mod wav2vec2;
pub mod whisper;
mod written;

use std::path::{Path, PathBuf};

use heschl_core::remedy::Remedy;
use heschl_core::speech::card::{Card, LastLayer};
use heschl_core::speech::encoder::{Model, Precision};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use files::free_bytes;
pub use peak::matrix_product_peak;

use checkpoint::{Checkpoint, CheckpointError, ctranslate2};
use own_onnx::{OwnModel, OwnOnnxError};
use preprocessor::Preprocessor;
use wav2vec2::Wav2Vec2Config;
use whisper::WhisperConfig;

/// Maximum size of a `config.json`, bytes.
const MOST_CONFIG_BYTES: u64 = 4 << 20;

/// Errors of opening a model folder or building its graph.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ModelError {
    #[error("This is not a model folder. Give the folder that contains config.json and the weights.\nFolder: {}", .0.display())]
    NoFolder(PathBuf),
    #[error(
        "This folder has no config.json, so it is not a model folder. Give the folder that holds config.json and \
         model.safetensors or pytorch_model.bin (Hugging Face) or model.bin (CTranslate2).\nFolder: {}", .0.display()
    )]
    NoConfig(PathBuf),
    #[error(
        "This folder has a config.json but no weights that Heschl reads: model.safetensors or pytorch_model.bin, or \
         either in several files with its .index.json, or a CTranslate2 model.bin. Put the weights beside it.\nFolder: {}", .0.display()
    )]
    NoWeights(PathBuf),
    #[error("The model's description cannot be read: {source}\nFile: {}", path.display())]
    Unreadable {
        source: std::io::Error,
        path: PathBuf,
    },
    #[error("The model's description is invalid: {reason}.\nFile: {}", path.display())]
    Config { reason: String, path: PathBuf },
    #[error("Heschl does not compute this model: {reason}.\nFile: {}", path.display())]
    NotComputed { reason: String, path: PathBuf },
    #[error(
        "This folder holds an adapter ({file}) beside the model that it changes. Merge it first: in Python, load both \
         with peft, call merge_and_unload() and save_pretrained(), and use the folder that this writes. To use the model \
         without the adapter, move the adapter's files out of the folder.\nFolder: {}", folder.display()
    )]
    AdapterBeside { file: String, folder: PathBuf },
    #[error(
        "This folder holds an adapter ({file}) without the model that it changes. Merge it first: in Python, load both \
         with peft, call merge_and_unload() and save_pretrained(), and use the folder that this writes.\nFolder: {}",
        folder.display()
    )]
    AdapterAlone { file: String, folder: PathBuf },
    #[error(
        "This is a model of the kind \"{kind}\", which Heschl does not run. It runs Whisper, wav2vec 2.0, HuBERT, \
         WavLM and data2vec audio. Another encoder can be added as an ONNX file.\nFile: {}",
        path.display()
    )]
    Architecture { kind: String, path: PathBuf },
    #[error(
        "{model} has the layers 0 to {last}; there is no layer {layer}. Layer {last} is its final output."
    )]
    NoSuchLayer {
        model: String,
        layer: usize,
        last: usize,
    },
    #[error(
        "{model} has no last layer before a norm: only the large models of HuBERT, wav2vec 2.0 and WavLM leave that choice. \
         Take the last layer as published (recipe: last_layer)."
    )]
    NoLayerBeforeNorm { model: String },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    OwnOnnx(#[from] OwnOnnxError),
}

impl ModelError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Architecture { .. } => vec![Remedy::AddOnnxFile],
            Self::NoLayerBeforeNorm { .. } => vec![Remedy::PublishedLastLayer],
            Self::OwnOnnx(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// A model folder that was opened and validated.
#[derive(Debug, Clone)]
pub struct OpenModel {
    card: Card,
    architecture: Architecture,
    folder: PathBuf,
    files: Vec<PathBuf>,
    unknown_entries: Vec<String>,
}

#[derive(Debug, Clone)]
enum Architecture {
    Whisper(WhisperConfig, Checkpoint),
    /// With whether its feature extractor normalises.
    Wav2Vec2(Wav2Vec2Config, bool, Checkpoint),
    OwnOnnx(OwnModel),
}

/// Input of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputMode {
    /// Each window is processed separately.
    EachWindow,
    /// Frames of the convolutional stem, computed once and shared by all windows.
    SharedFrames,
}

/// The entry of `config.json` that identifies the architecture.
#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

impl OpenModel {
    /// Opens a model folder: a Hugging Face checkpoint (`config.json` and the weights that [`checkpoint::open`] finds), a
    /// CTranslate2 one (`config.json`, `model.bin`), or an added ONNX file (`heschl.json`, `model.onnx`). `name` becomes
    /// the name of the feature folder.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if it is not a model folder, or of an unsupported architecture.
    pub fn open(folder: &Path, name: &str) -> Result<Self, ModelError> {
        if !folder.is_dir() {
            return Err(ModelError::NoFolder(folder.to_path_buf()));
        }
        let Opened {
            architecture,
            files,
            unknown_entries,
        } = if written::is_own_onnx(folder) {
            let own = OwnModel::open(folder)?;
            let files = own.files();
            Opened {
                architecture: Architecture::OwnOnnx(own),
                files,
                unknown_entries: vec![],
            }
        } else {
            open_checkpoint(folder)?
        };
        Ok(Self {
            card: card(&architecture, name),
            architecture,
            folder: folder.to_path_buf(),
            files,
            unknown_entries,
        })
    }

    /// Returns the same model with another kind of last layer.
    ///
    /// # Errors
    /// Returns [`ModelError::NoLayerBeforeNorm`] if the model has no layer before a final norm.
    pub fn with_last_layer(mut self, last_layer: LastLayer) -> Result<Self, ModelError> {
        if let Architecture::Wav2Vec2(config, ..) = &mut self.architecture {
            config.last_layer = last_layer;
            self.card = card(&self.architecture, &self.card.name);
        }
        match (self.card.last_layer, last_layer) {
            (None, LastLayer::BeforeNorm) => Err(ModelError::NoLayerBeforeNorm {
                model: self.card.name,
            }),
            _ => Ok(self),
        }
    }

    /// Returns the entries of `config.json` that are unknown to both Heschl and transformers, and do not affect the
    /// outputs.
    #[must_use]
    pub fn unknown_entries(&self) -> &[String] {
        &self.unknown_entries
    }

    /// Returns the model card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Returns the files that determine the model's outputs.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns whether windows `step_samples` apart can share the frames of the convolutional stem.
    #[must_use]
    pub fn input_mode(&self, use_featext: bool, step_samples: u64) -> InputMode {
        let Architecture::Wav2Vec2(config, normalises, _) = &self.architecture else {
            return InputMode::EachWindow;
        };
        let is_on_grid = step_samples.is_multiple_of(self.card.stride_samples as u64);
        if config.hears_frames_alone() && is_on_grid && !(*normalises && use_featext) {
            InputMode::SharedFrames
        } else {
            InputMode::EachWindow
        }
    }

    /// Builds the graph that computes `layers`, ascending, from each window's samples. Weights are referenced, not copied.
    ///
    /// # Errors
    /// Returns the errors of [`OpenModel::build_for`].
    pub fn build(&self, layers: &[usize], precision: Precision) -> Result<Model, ModelError> {
        self.build_for(InputMode::EachWindow, layers, precision)
    }

    /// Builds the graph that computes `layers`, ascending, from the input given by [`OpenModel::input_mode`].
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchLayer`], or [`ModelError::Checkpoint`] if the weights do not match the configuration.
    pub fn build_for(
        &self,
        input_mode: InputMode,
        layers: &[usize],
        precision: Precision,
    ) -> Result<Model, ModelError> {
        let last = self.card.n_layers - 1;
        if let Some(&layer) = layers.iter().find(|layer| **layer > last) {
            return Err(ModelError::NoSuchLayer {
                model: self.card.name.clone(),
                layer,
                last,
            });
        }
        let mut card = self.card.clone();
        let mut stem = None;
        let (graph, weights) = match (&self.architecture, input_mode) {
            (Architecture::Whisper(config, checkpoint), _) => {
                whisper::graph(config, checkpoint, layers, precision)?
            }
            (Architecture::Wav2Vec2(config, _, checkpoint), InputMode::EachWindow) => {
                wav2vec2::graph(config, checkpoint, layers, precision)?
            }
            (Architecture::Wav2Vec2(config, _, checkpoint), InputMode::SharedFrames) => {
                card.front_end = config.shared_front_end();
                stem = Some(wav2vec2::stem_graph(config, checkpoint, precision)?);
                wav2vec2::graph_of_frames(config, checkpoint, layers, precision)?
            }
            (Architecture::OwnOnnx(own), _) => own.build(layers, precision)?,
        };
        Ok(Model {
            card,
            stem,
            layers: layers.to_vec(),
            precision,
            graph,
            weights,
            folder: self.folder.clone(),
            files: self.files.clone(),
        })
    }

    /// Returns the floating-point operations of the matrix products for one window of `window_samples`, up to `last_layer`.
    /// Shared frames are not counted: each window adds only a few. `None` if unknown, for added ONNX files.
    #[must_use]
    pub fn matrix_flops(
        &self,
        input_mode: InputMode,
        last_layer: usize,
        window_samples: usize,
    ) -> Option<f64> {
        match &self.architecture {
            Architecture::Whisper(config, _) => {
                Some(config.matrix_flops(last_layer, window_samples))
            }
            Architecture::Wav2Vec2(config, ..) => {
                Some(config.matrix_flops(input_mode, last_layer, window_samples))
            }
            Architecture::OwnOnnx(_) => None,
        }
    }
}

fn card(architecture: &Architecture, name: &str) -> Card {
    match architecture {
        Architecture::Whisper(whisper, _) => whisper.card(name),
        Architecture::Wav2Vec2(waveform, normalises, _) => waveform.card(name, *normalises),
        Architecture::OwnOnnx(own) => own.card(name),
    }
}

/// Configuration and weights of a checkpoint folder, and the files they were read from.
fn open_checkpoint(folder: &Path) -> Result<Opened, ModelError> {
    let config = folder.join("config.json");
    if !config.is_file() {
        adapters::refuse_alone(folder)?;
        return Err(ModelError::NoConfig(folder.to_path_buf()));
    }
    adapters::refuse_beside(folder)?;
    let text = read_config(&config)?;
    let kind: Kind = parse_json(&text, &config)?;
    let weights =
        || checkpoint::open(folder)?.ok_or_else(|| ModelError::NoWeights(folder.to_path_buf()));
    let ctranslate2_weights = folder.join("model.bin");
    let mut files = vec![config.clone()];
    let mut unknown_entries = vec![];
    let architecture = match kind.model_type.as_deref() {
        Some("whisper") => {
            unknown_entries = entries::check(&text, &config, &whisper::COMPUTED)?;
            let whisper = WhisperConfig::parse(&text, &config)?;
            // These files do not affect the outputs if all settings are as published.
            Preprocessor::read(folder)?.check_log_mel(whisper.num_mel_bins)?;
            Architecture::Whisper(whisper, weights()?)
        }
        Some("wav2vec2" | "hubert" | "wavlm" | "data2vec-audio") => {
            unknown_entries = entries::check(&text, &config, &wav2vec2::COMPUTED)?;
            let waveform = Wav2Vec2Config::parse(&text, &config)?;
            let preprocessor = Preprocessor::read(folder)?;
            let normalises = preprocessor.normalises()?;
            files.extend(preprocessor.files);
            Architecture::Wav2Vec2(waveform, normalises, weights()?)
        }
        None if ctranslate2_weights.is_file() => {
            let model = ctranslate2::read(&ctranslate2_weights)?;
            let whisper = WhisperConfig::from_tensors(&model.checkpoint, model.n_heads)?;
            Architecture::Whisper(whisper, model.checkpoint)
        }
        None => return Err(ModelError::NoWeights(folder.to_path_buf())),
        Some(other) => {
            return Err(ModelError::Architecture {
                kind: other.to_string(),
                path: config,
            });
        }
    };
    if let Architecture::Whisper(_, checkpoint) | Architecture::Wav2Vec2(_, _, checkpoint) =
        &architecture
    {
        files.extend_from_slice(checkpoint.files());
    }
    refuse_left_out(&architecture)?;
    Ok(Opened {
        architecture,
        files,
        unknown_entries,
    })
}

/// Contents of a checkpoint folder.
struct Opened {
    architecture: Architecture,
    files: Vec<PathBuf>,
    unknown_entries: Vec<String>,
}

/// Rejects a checkpoint with encoder tensors that the graph does not use.
fn refuse_left_out(architecture: &Architecture) -> Result<(), ModelError> {
    match architecture {
        Architecture::Whisper(config, checkpoint) => {
            unused::refuse_adapters(checkpoint)?;
            let used = whisper::tensors_used(config, checkpoint)?;
            let prefix = whisper::prefix(checkpoint)?;
            unused::refuse_unused(checkpoint, &prefix, &used, whisper::is_harmless)?;
        }
        Architecture::Wav2Vec2(config, _, checkpoint) => {
            unused::refuse_adapters(checkpoint)?;
            let used = wav2vec2::tensors_used(config, checkpoint)?;
            let prefix = wav2vec2::prefix(checkpoint)?;
            unused::refuse_unused(checkpoint, &prefix, &used, |name| config.is_harmless(name))?;
        }
        Architecture::OwnOnnx(_) => {}
    }
    Ok(())
}

/// Checks that a `config.json` is that of a supported model.
///
/// # Errors
/// Returns a [`ModelError`] as [`OpenModel::open`] does.
fn check_kind(config: &Path) -> Result<(), ModelError> {
    let text = read_config(config)?;
    let kind: Kind = parse_json(&text, config)?;
    match kind.model_type.as_deref() {
        Some("whisper") => {
            entries::check(&text, config, &whisper::COMPUTED)?;
            WhisperConfig::parse(&text, config).map(drop)
        }
        Some("wav2vec2" | "hubert" | "wavlm" | "data2vec-audio") => {
            entries::check(&text, config, &wav2vec2::COMPUTED)?;
            Wav2Vec2Config::parse(&text, config).map(drop)
        }
        other => Err(ModelError::Architecture {
            kind: other.unwrap_or("unknown").to_string(),
            path: config.to_path_buf(),
        }),
    }
}

/// Reads a `config.json` of limited size.
fn read_config(path: &Path) -> Result<Vec<u8>, ModelError> {
    let unreadable = |source| ModelError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MOST_CONFIG_BYTES {
        return Err(ModelError::Config {
            reason: "it is longer than 4 MB".into(),
            path: path.to_path_buf(),
        });
    }
    std::fs::read(path).map_err(unreadable)
}

fn parse_json<T: DeserializeOwned>(text: &[u8], path: &Path) -> Result<T, ModelError> {
    serde_json::from_slice(text).map_err(|error| ModelError::Config {
        reason: error.to_string(),
        path: path.to_path_buf(),
    })
}
