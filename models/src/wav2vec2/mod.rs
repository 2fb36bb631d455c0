//! Waveform encoders: wav2vec 2.0, `HuBERT`, `WavLM` and data2vec audio. Configuration and ONNX graph.

mod adapter;
mod convolutions;
mod graph;
mod limits;

use std::path::Path;

use heschl_core::speech::card::{Card, FinalOutput, FrameRule, FrontEnd, LastLayer};
use serde::Deserialize;

pub use graph::{graph, graph_of_frames, stem_graph};
pub(crate) use graph::{prefix, tensors_used};

use crate::transformer::Activation;
use crate::{InputMode, ModelError, parse_json, read_config};

/// Entries of `config.json` that affect the encoder's outputs, or duplicate others that do.
pub(crate) const COMPUTED: [&str; 27] = [
    "adapter_attn_dim",
    "adapter_kernel_size",
    "adapter_stride",
    "add_adapter",
    "conv_bias",
    "conv_dim",
    "conv_kernel",
    "conv_pos_batch_norm",
    "conv_pos_kernel_size",
    "conv_stride",
    "do_stable_layer_norm",
    "feat_extract_activation",
    "feat_extract_norm",
    "feat_proj_layer_norm",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_bucket_distance",
    "num_adapter_layers",
    "num_attention_heads",
    "num_buckets",
    "num_conv_pos_embedding_groups",
    "num_conv_pos_embeddings",
    "num_feat_extract_layers",
    "num_hidden_layers",
    "output_hidden_size",
];

/// Configuration of a waveform encoder. Missing entries have the values of the published base models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the entries are those of the file"
)]
pub struct Wav2Vec2Config {
    /// Model family.
    pub model_type: Family,
    /// Hidden size.
    #[serde(default = "n::<768>")]
    pub hidden_size: usize,
    /// Number of transformer blocks.
    #[serde(default = "n::<12>")]
    pub num_hidden_layers: usize,
    /// Number of attention heads per block.
    #[serde(default = "n::<12>")]
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    #[serde(default = "n::<3072>")]
    pub intermediate_size: usize,
    /// Output channels of each convolution of the feature encoder.
    #[serde(default = "conv_dim")]
    pub conv_dim: Vec<usize>,
    /// Kernel size of each.
    #[serde(default = "conv_kernel")]
    pub conv_kernel: Vec<usize>,
    /// Stride of each.
    #[serde(default = "conv_stride")]
    pub conv_stride: Vec<usize>,
    /// Whether these convolutions have a bias.
    #[serde(default)]
    pub conv_bias: bool,
    /// Norms between these convolutions.
    #[serde(default = "group")]
    pub feat_extract_norm: ConvolutionNorm,
    /// Activation between these convolutions.
    #[serde(default = "gelu")]
    pub feat_extract_activation: String,
    /// Whether a layer norm precedes the feature projection.
    #[serde(default = "yes")]
    pub feat_proj_layer_norm: bool,
    /// Pre-norm ("large") instead of post-norm blocks ("base").
    #[serde(default)]
    pub do_stable_layer_norm: bool,
    /// Activation of the feed-forward layer.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Epsilon added to the variance in layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// Kernel size of the positional convolution, in frames; for data2vec audio the number of positional convolutions.
    #[serde(default = "n::<128>")]
    pub num_conv_pos_embeddings: usize,
    /// Number of groups of the positional convolution.
    #[serde(default = "n::<16>")]
    pub num_conv_pos_embedding_groups: usize,
    /// Kernel size of data2vec audio's positional convolutions, in frames.
    #[serde(default = "n::<19>")]
    pub conv_pos_kernel_size: usize,
    /// Whether the positional convolution has a batch norm instead of weight normalisation.
    #[serde(default)]
    pub conv_pos_batch_norm: bool,
    /// Number of buckets of `WavLM`'s relative position bias.
    #[serde(default = "n::<320>")]
    pub num_buckets: usize,
    /// Distance from which on all positions share a bucket.
    #[serde(default = "n::<800>")]
    pub max_bucket_distance: usize,
    /// Width of the attention adapter after each block; `None` if there is none.
    #[serde(default)]
    pub adapter_attn_dim: Option<usize>,
    /// Whether a convolutional adapter follows the encoder.
    #[serde(default)]
    pub add_adapter: bool,
    /// Number of its convolutions.
    #[serde(default = "n::<3>")]
    pub num_adapter_layers: usize,
    /// Kernel size of each, in frames.
    #[serde(default = "n::<3>")]
    pub adapter_kernel_size: usize,
    /// Stride of each, in frames.
    #[serde(default = "n::<2>")]
    pub adapter_stride: usize,
    /// Output size of the adapter; the hidden size if omitted.
    #[serde(default)]
    pub output_hidden_size: Option<usize>,
    /// Number of convolutions of the feature encoder, if stated redundantly.
    #[serde(default)]
    pub num_feat_extract_layers: Option<usize>,
    /// Kind of last layer, for models with a choice; not an entry of the file.
    #[serde(skip)]
    pub last_layer: LastLayer,
}

/// Families of waveform encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// Baevski et al. (2020), arXiv 2006.11477.
    #[serde(rename = "wav2vec2")]
    Wav2Vec2,
    /// Hsu et al. (2021), arXiv 2106.07447.
    #[serde(rename = "hubert")]
    Hubert,
    /// Chen et al. (2022), arXiv 2110.13900.
    #[serde(rename = "wavlm")]
    WavLm,
    /// Baevski et al. (2022), arXiv 2202.03555.
    #[serde(rename = "data2vec-audio")]
    Data2VecAudio,
}

impl Family {
    /// Returns the name used in `config.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav2Vec2 => "wav2vec2",
            Self::Hubert => "hubert",
            Self::WavLm => "wavlm",
            Self::Data2VecAudio => "data2vec-audio",
        }
    }
}

/// Norms between the convolutions of the feature encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConvolutionNorm {
    /// A group norm after the first one: per channel, over the whole window.
    Group,
    /// A layer norm after each: over the channels of each frame.
    Layer,
}

/// Receptive field and stride of a stack of convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    /// Receptive field of an output.
    first: usize,
    /// Stride between outputs.
    stride: usize,
}

fn n<const N: usize>() -> usize {
    N
}

fn conv_dim() -> Vec<usize> {
    vec![512; 7]
}

fn conv_kernel() -> Vec<usize> {
    vec![10, 3, 3, 3, 3, 2, 2]
}

fn conv_stride() -> Vec<usize> {
    vec![5, 2, 2, 2, 2, 2, 2]
}

fn group() -> ConvolutionNorm {
    ConvolutionNorm::Group
}

fn gelu() -> String {
    "gelu".into()
}

fn epsilon() -> f32 {
    1e-5
}

fn yes() -> bool {
    true
}

impl Wav2Vec2Config {
    /// Reads and validates a `config.json`.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if it cannot be read, or is not a valid configuration of this family.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&read_config(path)?, path)
    }

    /// Parses and validates the text of a `config.json`.
    ///
    /// # Errors
    /// Returns the errors of [`Wav2Vec2Config::read`].
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, ModelError> {
        let mut config: Self = parse_json(text, path)?;
        config.leave_what_its_code_leaves();
        match config.problem(path) {
            Some(problem) => Err(problem),
            None => Ok(config),
        }
    }

    /// Resets entries that the code of the model's family ignores.
    fn leave_what_its_code_leaves(&mut self) {
        let family = self.model_type;
        if family == Family::Data2VecAudio {
            self.feat_extract_norm = ConvolutionNorm::Layer;
            self.do_stable_layer_norm = false;
        }
        if family == Family::Hubert {
            self.add_adapter = false;
        } else {
            self.feat_proj_layer_norm = true;
            self.conv_pos_batch_norm = false;
        }
        if !matches!(family, Family::Wav2Vec2 | Family::Hubert) {
            self.adapter_attn_dim = None;
        }
    }

    /// Activation between the convolutions of the feature encoder, and after the positional ones.
    fn stem_activation(&self) -> Activation {
        Activation::named(&self.feat_extract_activation).unwrap_or(Activation::Gelu)
    }

    /// Activation of the feed-forward layer.
    fn block_activation(&self) -> Activation {
        Activation::named(&self.hidden_act).unwrap_or(Activation::Gelu)
    }

    /// Width of the attention adapter. In the reference code only pre-norm blocks have one.
    fn attention_adapter_dim(&self) -> Option<usize> {
        self.adapter_attn_dim.filter(|_| self.do_stable_layer_norm)
    }

    /// Returns the model card, with the name `name`.
    ///
    /// * `normalise`: whether its feature extractor normalises windows.
    #[must_use]
    pub fn card(&self, name: &str, normalise: bool) -> Card {
        Card {
            name: name.to_string(),
            architecture: self.model_type.name().into(),
            front_end: FrontEnd::Waveform { normalise },
            frame_rule: FrameRule::Last {
                first_samples: self.first_samples(),
                stride_samples: self.stride_samples(),
            },
            stride_samples: self.stride_samples(),
            shortest_samples: self.shortest_samples() as u64,
            longest_samples: None,
            n_layers: self.num_hidden_layers + 1,
            final_output: if self.add_adapter || self.last_is_before_norm() {
                FinalOutput::AfterLastLayer
            } else {
                FinalOutput::LastLayer
            },
            last_layer: self.do_stable_layer_norm.then_some(self.last_layer),
            dim: self.hidden_size,
            layer_prefix: "layer".into(),
        }
    }

    /// Whether a tensor, by its name without prefix, does not affect the encoder's outputs.
    pub(crate) fn is_harmless(&self, name: &str) -> bool {
        // The norm after the first convolution removes any constant offset of a channel.
        let is_centred = self.feat_extract_norm == ConvolutionNorm::Group
            && name == "feature_extractor.conv_layers.0.conv.bias";
        // The last block is computed for a single query, and a key bias shifts all its scores equally, which the softmax
        // ignores.
        let is_of_all_keys =
            name.starts_with("encoder.layers.") && name.ends_with(".attention.k_proj.bias");
        // The embedding of masked frames, and a batch counter: used only in training.
        let is_of_training = name == "masked_spec_embed" || name.ends_with(".num_batches_tracked");
        is_centred || is_of_all_keys || is_of_training
    }

    /// Whether each frame of the feature encoder depends only on its own receptive field, without a norm over the window.
    #[must_use]
    pub fn hears_frames_alone(&self) -> bool {
        self.feat_extract_norm == ConvolutionNorm::Layer
    }

    /// Returns the front end for windows that share the frames of the feature encoder.
    #[must_use]
    pub fn shared_front_end(&self) -> FrontEnd {
        FrontEnd::SharedFrames {
            first_samples: self.first_samples(),
            stride_samples: self.stride_samples(),
        }
    }

    /// Stride between output frames, in samples: 320 in every published model.
    fn stride_samples(&self) -> usize {
        self.steps_from(0).stride
    }

    /// Receptive field of the first output frame, in samples: 400 in every published model.
    fn first_samples(&self) -> usize {
        self.steps_from(0).first
    }

    /// Whether the last layer is taken before the final norm.
    fn last_is_before_norm(&self) -> bool {
        self.do_stable_layer_norm && self.last_layer == LastLayer::BeforeNorm
    }

    /// Smallest number of samples that give a frame of the final output.
    fn shortest_samples(&self) -> usize {
        self.first_samples() + (self.adapter_frames() - 1) * self.stride_samples()
    }

    /// Combined receptive field and stride of the convolutions from `index` on.
    fn steps_from(&self, index: usize) -> Steps {
        let steps = self.conv_kernel.iter().zip(&self.conv_stride);
        let mut all = Steps {
            first: 1,
            stride: 1,
        };
        for (kernel, stride) in steps.skip(index).rev() {
            all.first = (all.first - 1) * stride + kernel;
            all.stride *= stride;
        }
        all
    }

    /// Output lengths of each convolution of the feature encoder.
    fn conv_frames(&self, n_samples: usize) -> Vec<usize> {
        let mut n = n_samples;
        let steps = self.conv_kernel.iter().zip(&self.conv_stride);
        steps
            .map(|(kernel, stride)| {
                n = n.checked_sub(*kernel).map_or(0, |rest| rest / stride + 1);
                n
            })
            .collect()
    }

    /// Returns the floating-point operations of matrix products and convolutions for one window of `window_samples`,
    /// counting a multiplication and an addition as two, up to `last_layer`.
    #[must_use]
    pub fn matrix_flops(
        &self,
        input_mode: InputMode,
        last_layer: usize,
        window_samples: usize,
    ) -> f64 {
        let frames = self.conv_frames(window_samples);
        let mut n_in = 1.0;
        let mut stem = 0.0;
        for ((n_frames, n_out), kernel) in frames.iter().zip(&self.conv_dim).zip(&self.conv_kernel)
        {
            stem += 2.0 * *n_frames as f64 * n_in * *n_out as f64 * *kernel as f64;
            n_in = *n_out as f64;
        }
        let positions = frames.last().copied().unwrap_or(0) as f64;
        let [d, hidden, heads] = [
            self.hidden_size,
            self.intermediate_size,
            self.num_attention_heads,
        ]
        .map(|n| n as f64);
        let per_group = d / self.num_conv_pos_embedding_groups as f64;
        let n_heard = match self.model_type {
            Family::Data2VecAudio => self.num_conv_pos_embeddings * self.conv_pos_kernel_size,
            _ => self.num_conv_pos_embeddings,
        };
        let placing = 2.0 * positions * d * per_group * n_heard as f64;
        let projection = 2.0 * positions * n_in * d;
        let linear = 4.0 * 2.0 * d * d + 2.0 * 2.0 * d * hidden;
        let attention_of_one = 2.0 * 2.0 * positions * d;
        let blocks = match last_layer {
            0 => 0.0,
            n => {
                (n - 1) as f64 * positions * (linear + attention_of_one)
                    + linear
                    + attention_of_one * heads
            }
        };
        match input_mode {
            InputMode::EachWindow => stem + projection + placing + blocks,
            InputMode::SharedFrames => placing + blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_convolutions_hear_400_samples_every_320() {
        let config = Wav2Vec2Config::parse(br#"{"model_type": "hubert"}"#, Path::new("c")).unwrap();
        assert_eq!(
            (config.first_samples(), config.stride_samples()),
            (400, 320)
        );
        // By hand, from the last one back: 2, 4, 9, 19, 39, 79 outputs of the first one, with stride 64.
        let later = Steps {
            first: 79,
            stride: 64,
        };
        assert_eq!(config.steps_from(1), later);
        assert_eq!(
            config.conv_frames(257_600),
            [51_519, 25_759, 12_879, 6439, 3219, 1609, 804]
        );
    }

    #[test]
    fn the_products_of_hubert_base_are_those_of_its_shapes() {
        let config = Wav2Vec2Config::parse(br#"{"model_type": "hubert"}"#, Path::new("c")).unwrap();
        // Two per weight and output: convolutions, projection, positional convolution of 48 channels per group and 128
        // frames, eleven blocks for all frames, and the last one for one frame.
        let convolutions = 51_519.0 * 10.0 * 512.0
            + (25_759.0 + 12_879.0 + 6439.0 + 3219.0) * 3.0 * 512.0 * 512.0
            + (1609.0 + 804.0) * 2.0 * 512.0 * 512.0;
        let entering = 804.0 * 512.0 * 768.0 + 804.0 * 768.0 * 48.0 * 128.0;
        let maps = 4.0 * 768.0 * 768.0 + 2.0 * 768.0 * 3072.0;
        let blocks = 11.0 * 804.0 * (maps + 2.0 * 804.0 * 768.0);
        let last = maps + 2.0 * 804.0 * 768.0 * 12.0;
        let expected = 2.0 * (convolutions + entering + blocks + last);
        let found = config.matrix_flops(InputMode::EachWindow, 12, 257_600);
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
}
