//! Encoders of the waveform: wav2vec 2.0, `HuBERT`, `WavLM` and data2vec audio. What a checkpoint says of itself, and
//! its ONNX graph.

mod adapter;
mod convolutions;
mod graph;
mod limits;

use std::path::Path;

use heschl_core::card::{Card, FinalOutput, FrameRule, FrontEnd, LastLayer};
use serde::Deserialize;

pub use graph::{graph, graph_of_frames, stem_graph};
pub(crate) use graph::{prefix, tensors_used};

use crate::transformer::Activation;
use crate::{InputMode, ModelError, parse_json, read_config};

/// The entries of `config.json` that decide what the encoder gives, or repeat what others say.
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

/// What `config.json` says of an encoder of the waveform. What is left out has the value of the published base models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the entries are those of the file"
)]
pub struct Wav2Vec2Config {
    /// Which of the family it is.
    pub model_type: Family,
    /// Features per frame.
    #[serde(default = "n::<768>")]
    pub hidden_size: usize,
    /// Transformer blocks.
    #[serde(default = "n::<12>")]
    pub num_hidden_layers: usize,
    /// Attention heads of each block.
    #[serde(default = "n::<12>")]
    pub num_attention_heads: usize,
    /// Width of each block's hidden layer.
    #[serde(default = "n::<3072>")]
    pub intermediate_size: usize,
    /// Channels that each convolution of the stem gives.
    #[serde(default = "conv_dim")]
    pub conv_dim: Vec<usize>,
    /// Samples or frames that each hears.
    #[serde(default = "conv_kernel")]
    pub conv_kernel: Vec<usize>,
    /// Samples or frames from one output of each to its next.
    #[serde(default = "conv_stride")]
    pub conv_stride: Vec<usize>,
    /// Whether they have a bias.
    #[serde(default)]
    pub conv_bias: bool,
    /// The norms between them.
    #[serde(default = "group")]
    pub feat_extract_norm: ConvolutionNorm,
    /// Activation between them.
    #[serde(default = "gelu")]
    pub feat_extract_activation: String,
    /// Whether their output passes a norm.
    #[serde(default = "yes")]
    pub feat_proj_layer_norm: bool,
    /// Whether norms are before attention and feed-forward ("large"), not after ("base").
    #[serde(default)]
    pub do_stable_layer_norm: bool,
    /// Activation between a block's two linear maps.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Added to the variance in norms.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// Frames that the positional convolution hears; in data2vec audio the number of those convolutions.
    #[serde(default = "n::<128>")]
    pub num_conv_pos_embeddings: usize,
    /// Groups of channels of the positional convolution.
    #[serde(default = "n::<16>")]
    pub num_conv_pos_embedding_groups: usize,
    /// Frames that data2vec audio's positional convolutions hear.
    #[serde(default = "n::<19>")]
    pub conv_pos_kernel_size: usize,
    /// Whether the positional convolution has a batch norm in place of the weight norm.
    #[serde(default)]
    pub conv_pos_batch_norm: bool,
    /// Buckets of `WavLM`'s relative positions.
    #[serde(default = "n::<320>")]
    pub num_buckets: usize,
    /// Distance from which on they are one bucket.
    #[serde(default = "n::<800>")]
    pub max_bucket_distance: usize,
    /// Width of the adapter behind each block ("attention adapter"); `None` where there is none.
    #[serde(default)]
    pub adapter_attn_dim: Option<usize>,
    /// Whether convolutions follow the encoder ("adapter").
    #[serde(default)]
    pub add_adapter: bool,
    /// How many.
    #[serde(default = "n::<3>")]
    pub num_adapter_layers: usize,
    /// Frames that each hears.
    #[serde(default = "n::<3>")]
    pub adapter_kernel_size: usize,
    /// Frames from one output of each to its next.
    #[serde(default = "n::<2>")]
    pub adapter_stride: usize,
    /// Features that they give; as many as the encoder where nothing is said.
    #[serde(default)]
    pub output_hidden_size: Option<usize>,
    /// How many convolutions the stem has, where the file says it twice.
    #[serde(default)]
    pub num_feat_extract_layers: Option<usize>,
    /// What the last layer is where there is a choice; no entry of the file.
    #[serde(skip)]
    pub last_layer: LastLayer,
}

/// The encoders of this family.
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
    /// Its name as `config.json` has it.
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

/// The norms between the stem's convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConvolutionNorm {
    /// One, after the first: over each channel's whole window.
    Group,
    /// One after each: over the channels of each frame.
    Layer,
}

/// Convolutions one after the other, seen as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    /// Numbers that one output hears.
    first: usize,
    /// Numbers from one output to the next.
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
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// [`ModelError`] if it cannot be read, or describes what no model of this family is.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&read_config(path)?, path)
    }

    /// Reads and checks the text of a `config.json`.
    ///
    /// # Errors
    /// As [`Wav2Vec2Config::read`].
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, ModelError> {
        let mut config: Self = parse_json(text, path)?;
        config.leave_what_its_code_leaves();
        match config.problem(path) {
            Some(problem) => Err(problem),
            None => Ok(config),
        }
    }

    /// Entries that the code of a family does not read say nothing.
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

    /// Between the convolutions of the stem, and behind those of the positions.
    fn stem_activation(&self) -> Activation {
        Activation::named(&self.feat_extract_activation).unwrap_or(Activation::Gelu)
    }

    /// Between a block's two linear maps.
    fn block_activation(&self) -> Activation {
        Activation::named(&self.hidden_act).unwrap_or(Activation::Gelu)
    }

    /// Width of the adapter behind each block. Only the blocks whose norms come before have one in any code.
    fn attention_adapter_dim(&self) -> Option<usize> {
        self.adapter_attn_dim.filter(|_| self.do_stable_layer_norm)
    }

    /// What the model says of itself, under the name `name`.
    ///
    /// * `normalise`: what its feature extractor does.
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

    /// Whether a tensor, by its name behind the encoder's prefix, changes nothing that the encoder gives.
    pub(crate) fn is_harmless(&self, name: &str) -> bool {
        // The norm behind the first convolution takes away what is added to all of a channel.
        let is_centred = self.feat_extract_norm == ConvolutionNorm::Group
            && name == "feature_extractor.conv_layers.0.conv.bias";
        // The last block is computed for one query, to all of whose scores a key's bias adds the same.
        let is_of_all_keys =
            name.starts_with("encoder.layers.") && name.ends_with(".attention.k_proj.bias");
        // What stands in the place of frames that training hides; how often a norm was trained.
        let is_of_training = name == "masked_spec_embed" || name.ends_with(".num_batches_tracked");
        is_centred || is_of_all_keys || is_of_training
    }

    /// Whether the stem's convolutions make each frame of its own samples alone, without a norm over the window.
    #[must_use]
    pub fn hears_frames_alone(&self) -> bool {
        self.feat_extract_norm == ConvolutionNorm::Layer
    }

    /// The front end where windows share the stem's frames.
    #[must_use]
    pub fn shared_front_end(&self) -> FrontEnd {
        FrontEnd::SharedFrames {
            first_samples: self.first_samples(),
            stride_samples: self.stride_samples(),
        }
    }

    /// Samples from one output frame to the next: 320 in every published model.
    fn stride_samples(&self) -> usize {
        self.steps_from(0).stride
    }

    /// Samples that the first output frame hears: 400 in every published model.
    fn first_samples(&self) -> usize {
        self.steps_from(0).first
    }

    /// Whether the norm behind the blocks does not count to the last layer.
    fn last_is_before_norm(&self) -> bool {
        self.do_stable_layer_norm && self.last_layer == LastLayer::BeforeNorm
    }

    /// Samples of which one frame of the final output can be made.
    fn shortest_samples(&self) -> usize {
        self.first_samples() + (self.adapter_frames() - 1) * self.stride_samples()
    }

    /// What the convolutions from number `index` on are together.
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

    /// Output frames of each of the stem's convolutions.
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

    /// Floating-point operations in the matrix products and convolutions of one window of `window_samples`, a product
    /// and a sum counted as two, when the last wanted layer is `last_layer`.
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
        // By hand, from the last one back: 2, 4, 9, 19, 39, 79 of the first one's outputs, 64 apart.
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
        // Two for each weight and output: convolutions, projection, positions of 48 channels and 128 frames, eleven
        // blocks of all frames, and the last one for one frame.
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
