//! Whisper's encoder: configuration and ONNX graph.

mod graph;

use std::path::Path;

use heschl_core::speech::card::{Card, FinalOutput, FrameRule, FrontEnd};
use heschl_core::speech::mel;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::transformer::{Activation, check_activation};
use crate::{ModelError, parse_json, read_config};
pub use graph::graph;
pub(crate) use graph::{prefix, tensors_used};

/// Output frames of the encoder: 30 s at 50 Hz.
const N_FRAMES: usize = mel::N_FRAMES / 2;
/// Windows shorter than 25 ms are dropped, as in the study for every encoder.
const SHORTEST_SAMPLES: u64 = 400;
const STRIDE_SAMPLES: usize = mel::HOP_SAMPLES * 2;
/// Upper bounds of sizes; larger ones indicate a damaged config.json.
const MOST_LAYERS: usize = 1000;
const MOST_DIM: usize = 1 << 16;

/// Entries of `config.json` that affect the encoder's outputs, or duplicate others that do.
pub(crate) const COMPUTED: [&str; 9] = [
    "activation_function",
    "d_model",
    "encoder_attention_heads",
    "encoder_ffn_dim",
    "encoder_layers",
    "max_source_positions",
    "num_hidden_layers",
    "num_mel_bins",
    "scale_embedding",
];

/// Whether a tensor, by its name without prefix, does not affect the encoder's outputs.
pub(crate) fn is_harmless(name: &str) -> bool {
    // CTranslate2 packs the query, key and value projections, and adds a zero key bias; a key bias would shift all scores
    // of a query equally, which the softmax ignores. Its number of heads is read as a setting.
    let is_of_all_keys = name.starts_with("layers.") && name.ends_with(".self_attn.k_proj.bias");
    is_of_all_keys || name == "num_heads"
}

/// Configuration of a Whisper checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhisperConfig {
    /// Hidden size.
    pub d_model: usize,
    /// Number of encoder blocks.
    pub encoder_layers: usize,
    /// Number of attention heads per block.
    pub encoder_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub encoder_ffn_dim: usize,
    /// Number of mel bands of the input.
    #[serde(default = "default_mel_bins")]
    pub num_mel_bins: usize,
    /// Number of output frames; 1500 in every published model.
    #[serde(default = "default_positions")]
    pub max_source_positions: usize,
    /// Activation of the feed-forward layer.
    #[serde(default = "default_activation")]
    pub activation_function: String,
    /// Whether embeddings are scaled. Those of the encoder are not: in all versions of transformers its code computes the
    /// factor but does not use it.
    #[serde(default)]
    pub scale_embedding: bool,
}

fn default_mel_bins() -> usize {
    80
}

fn default_positions() -> usize {
    N_FRAMES
}

fn default_activation() -> String {
    "gelu".into()
}

impl WhisperConfig {
    /// Reads and validates a `config.json`.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if it cannot be read, lacks an entry, or is not a valid Whisper configuration.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&read_config(path)?, path)
    }

    /// Parses and validates the text of a `config.json`.
    ///
    /// # Errors
    /// Returns the errors of [`WhisperConfig::read`].
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, ModelError> {
        let config: Self = parse_json(text, path)?;
        if let Some(reason) = config.problem() {
            return Err(ModelError::Config {
                reason,
                path: path.to_path_buf(),
            });
        }
        let known = check_activation("activation_function", &config.activation_function);
        match known {
            Some(reason) => Err(ModelError::NotComputed {
                reason,
                path: path.to_path_buf(),
            }),
            None => Ok(config),
        }
    }

    /// Serialises the configuration as a `config.json`.
    ///
    /// # Errors
    /// Returns an error if it cannot be serialised as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut config = serde_json::to_value(self)?;
        config["model_type"] = "whisper".into();
        serde_json::to_vec_pretty(&config)
    }

    /// Infers the configuration from a CTranslate2 file, whose `config.json` does not contain it.
    ///
    /// # Errors
    /// Returns [`ModelError::Config`] if the tensors' shapes are not those of Whisper.
    pub fn from_tensors(
        checkpoint: &Checkpoint,
        n_heads: Option<usize>,
    ) -> Result<Self, ModelError> {
        let refuse = |reason: &str| ModelError::Config {
            reason: reason.to_string(),
            path: checkpoint.path().to_path_buf(),
        };
        let shape = |name: &str| {
            checkpoint
                .tensors()
                .get(name)
                .map(|tensor| tensor.shape.as_slice())
        };
        let (Some(&[d_model, num_mel_bins, _]), Some(&[encoder_ffn_dim, _])) = (
            shape("encoder.conv1.weight"),
            shape("encoder.layers.0.fc1.weight"),
        ) else {
            return Err(refuse(
                "its first convolution or its first block is missing",
            ));
        };
        let has_layer =
            |layer: &usize| shape(&format!("encoder.layers.{layer}.fc1.weight")).is_some();
        let config = Self {
            d_model,
            encoder_layers: (0..MOST_LAYERS).take_while(has_layer).count(),
            encoder_attention_heads: n_heads
                .ok_or_else(|| refuse("it does not say how many heads there are"))?,
            encoder_ffn_dim,
            num_mel_bins,
            max_source_positions: N_FRAMES,
            activation_function: default_activation(),
            scale_embedding: false,
        };
        match config.problem() {
            Some(reason) => Err(refuse(&reason)),
            None => Ok(config),
        }
    }

    fn problem(&self) -> Option<String> {
        let heads = self.encoder_attention_heads;
        if self.d_model == 0
            || self.d_model > MOST_DIM
            || self.encoder_ffn_dim == 0
            || self.encoder_ffn_dim > MOST_DIM
        {
            return Some(format!(
                "d_model is {} and encoder_ffn_dim {}",
                self.d_model, self.encoder_ffn_dim
            ));
        }
        if self.encoder_layers == 0 || self.encoder_layers > MOST_LAYERS {
            return Some(format!("encoder_layers is {}", self.encoder_layers));
        }
        if heads == 0 || !self.d_model.is_multiple_of(heads) {
            return Some(format!(
                "{heads} attention heads cannot share {} features",
                self.d_model
            ));
        }
        if self.num_mel_bins == 0 || self.num_mel_bins > mel::N_FREQUENCIES {
            return Some(format!("num_mel_bins is {}", self.num_mel_bins));
        }
        if self.max_source_positions != N_FRAMES {
            return Some(format!(
                "max_source_positions is {}, not {N_FRAMES}",
                self.max_source_positions
            ));
        }
        None
    }

    /// Activation of the feed-forward layer; the convolutions always use GELU.
    pub(crate) fn activation(&self) -> Activation {
        Activation::named(&self.activation_function).unwrap_or(Activation::Gelu)
    }

    /// Returns the model card, with the name `name`.
    #[must_use]
    pub fn card(&self, name: &str) -> Card {
        Card {
            name: name.to_string(),
            architecture: "whisper".into(),
            front_end: FrontEnd::LogMel {
                n_mels: self.num_mel_bins,
            },
            frame_rule: FrameRule::LastReachedByStem,
            stride_samples: STRIDE_SAMPLES,
            shortest_samples: SHORTEST_SAMPLES,
            longest_samples: Some(mel::PADDED_SAMPLES as u64),
            n_layers: self.encoder_layers + 1,
            final_output: FinalOutput::LastLayer,
            last_layer: None,
            dim: self.d_model,
            layer_prefix: "encoder".into(),
        }
    }

    /// Returns the floating-point operations of matrix products and convolutions for one window of `window_samples`,
    /// counting a multiplication and an addition as two, up to `last_layer`.
    #[must_use]
    pub fn matrix_flops(&self, last_layer: usize, window_samples: usize) -> f64 {
        let [d, ffn, mels, positions] = [
            self.d_model,
            self.encoder_ffn_dim,
            self.num_mel_bins,
            N_FRAMES,
        ]
        .map(|n| n as f64);
        let n_mel_frames = mel::frames_for(window_samples) as f64;
        let stem = 2.0 * n_mel_frames * mels * 3.0 * d + 2.0 * n_mel_frames / 2.0 * d * 3.0 * d;
        let projections = 4.0 * 2.0 * d * d;
        let feed_forward = 2.0 * 2.0 * d * ffn;
        let attention_of_one = 2.0 * 2.0 * positions * d;
        let block = positions * (projections + feed_forward + attention_of_one);
        let heads = self.encoder_attention_heads as f64;
        let last_block = projections + feed_forward + attention_of_one * heads;
        stem + match last_layer {
            0 => 0.0,
            n => (n - 1) as f64 * block + last_block,
        }
    }
}
