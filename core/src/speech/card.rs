//! Model card: the input an encoder expects, the output frame that represents a window, and its layers.

use serde::{Deserialize, Serialize};

use crate::speech::mel;
use crate::speech::window::EncoderReach;

/// Properties of a speech encoder that the rest of the program needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Name of its feature folder, such as `whisper-tiny`.
    pub name: String,
    /// Family of the architecture, such as `whisper`.
    pub architecture: String,
    /// Front end that turns samples into the encoder's input.
    pub front_end: FrontEnd,
    /// Which output frame represents a window.
    pub frame_rule: FrameRule,
    /// Stride between output frames, in samples.
    pub stride_samples: usize,
    /// Windows shorter than this are dropped, in samples.
    pub shortest_samples: u64,
    /// Windows longer than this are an error, in samples; `None` if there is no limit.
    pub longest_samples: Option<u64>,
    /// Number of hidden states: transformer blocks + 1. Layer 0 is the input of the first block.
    pub n_layers: usize,
    /// What the final output is, besides the last layer.
    pub final_output: FinalOutput,
    /// Whether the last layer is taken before or after the encoder's final norm; `None` if the encoder has no such norm.
    pub last_layer: Option<LastLayer>,
    /// Hidden size.
    pub dim: usize,
    /// Prefix of layer names: `encoder` or `layer`.
    pub layer_prefix: String,
}

/// How samples become the encoder's input. Each front end is implemented in a file of its own in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEnd {
    /// Whisper's log-mel spectrogram of a window padded to 30 s: [`crate::speech::mel`].
    LogMel {
        /// Mel bands, 80 or 128.
        n_mels: usize,
    },
    /// The samples themselves, for `HuBERT`, wav2vec 2.0 and `WavLM`.
    Waveform {
        /// Whether the model's feature extractor normalises each window to mean 0 and variance 1.
        normalise: bool,
    },
    /// Frames of the model's own convolutional feature encoder, each computed once for all windows that contain it: for
    /// models whose convolutions depend only on the samples in the frame's receptive field.
    SharedFrames {
        /// Receptive field of a frame, in samples.
        first_samples: usize,
        /// Stride between frames, in samples.
        stride_samples: usize,
    },
}

impl FrontEnd {
    /// Returns the front end with or without the model's feature extractor, which is mandatory for Whisper.
    #[must_use]
    pub fn with_feature_extractor(self, is_used: bool) -> Self {
        match self {
            Self::LogMel { .. } | Self::SharedFrames { .. } => self,
            Self::Waveform { normalise } => Self::Waveform {
                normalise: normalise && is_used,
            },
        }
    }
}

impl Card {
    /// Whether the model's feature extractor is in effect, given whether it was requested: always for Whisper, never where
    /// it would leave the samples unchanged.
    #[must_use]
    pub fn uses_feature_extractor(&self, is_asked_for: bool) -> bool {
        match self.front_end {
            FrontEnd::LogMel { .. } => true,
            FrontEnd::Waveform { normalise } => normalise && is_asked_for,
            FrontEnd::SharedFrames { .. } => false,
        }
    }
}

/// The final output, which is written under the story's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalOutput {
    /// The last layer.
    LastLayer,
    /// A separate vector after the last layer: the output of an adapter, or of the final norm if the last layer is taken
    /// before it ([`LastLayer::BeforeNorm`]).
    AfterLastLayer,
}

/// The last layer of the "large" models of `HuBERT`, wav2vec 2.0 and `WavLM`, in which a norm follows the last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastLayer {
    /// After the norm, equal to the final output: `hidden_states[-1]` of transformers 4, with which the study's features
    /// were extracted.
    #[default]
    AsPublished,
    /// Before the norm: `hidden_states[-1]` of transformers 5.
    BeforeNorm,
}

/// The output frame that represents a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameRule {
    /// The last output frame whose receptive field through Whisper's two stem convolutions contains real samples.
    LastReachedByStem,
    /// The last output frame.
    Last {
        /// Receptive field of the first output frame, in samples.
        first_samples: usize,
        /// Stride between output frames, in samples.
        stride_samples: usize,
    },
}

impl FrameRule {
    /// Returns the index of the output frame that represents a window of `n_samples`.
    ///
    /// With n = ⌈samples/160⌉ mel frames it is min(1499, ⌊(n + 1)/2⌋) for Whisper, whose stem has kernels of 3 and strides
    /// of 1 and 2; ⌊(samples − first)/stride⌋ for waveform encoders.
    #[must_use]
    pub fn wanted_frame(self, n_samples: usize) -> usize {
        match self {
            Self::LastReachedByStem => {
                let n_mel_frames = n_samples.div_ceil(mel::HOP_SAMPLES);
                n_mel_frames.div_ceil(2).min(mel::N_FRAMES / 2 - 1)
            }
            Self::Last {
                first_samples,
                stride_samples,
            } => n_samples.saturating_sub(first_samples) / stride_samples.max(1),
        }
    }
}

impl Card {
    /// Returns the name of layer `index`, such as `encoder.0`.
    #[must_use]
    pub fn layer_name(&self, index: usize) -> String {
        format!("{}.{index}", self.layer_prefix)
    }

    /// Returns the number of vectors that the encoder outputs for `layers` (ascending): one per layer, plus the final
    /// output if that is a separate vector and the last layer is among them.
    #[must_use]
    pub fn n_outputs(&self, layers: &[usize]) -> usize {
        layers.len() + usize::from(self.has_own_final(layers))
    }

    /// Whether the encoder's outputs for `layers` end with a final output that is not a layer.
    #[must_use]
    pub fn has_own_final(&self, layers: &[usize]) -> bool {
        self.final_output == FinalOutput::AfterLastLayer && self.has_final(layers)
    }

    /// Whether the final output is available from `layers`.
    #[must_use]
    pub fn has_final(&self, layers: &[usize]) -> bool {
        layers.last() == Some(&(self.n_layers - 1))
    }

    /// Returns the range of window lengths that the encoder accepts.
    #[must_use]
    pub fn reach(&self) -> EncoderReach {
        EncoderReach {
            shortest_samples: self.shortest_samples,
            longest_samples: self.longest_samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whispers_wanted_frame_follows_the_samples() {
        // Durations as stated by the study, and both extremes by hand: 400 samples are 3 mel frames, so frame 2; 30 s are
        // 3000, so 1500, clipped to the last frame.
        for (n_samples, frame) in [
            (400, 2),
            (1600, 5),
            (16_000, 50),
            (257_600, 805),
            (160, 1),
            (161, 1),
            (321, 2),
            (479_680, 1499),
            (480_000, 1499),
        ] {
            let found = FrameRule::LastReachedByStem.wanted_frame(n_samples);
            assert_eq!(found, frame, "{n_samples} samples");
        }
    }

    #[test]
    fn the_waveform_encoders_wanted_frame_is_their_last() {
        // By hand through the seven convolutions: kernels 10, 3, 3, 3, 3, 2, 2, strides 5, 2, 2, 2, 2, 2, 2.
        let rule = FrameRule::Last {
            first_samples: 400,
            stride_samples: 320,
        };
        for n_samples in [400, 719, 720, 1600, 16_000, 257_600] {
            let lengths = [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)]
                .iter()
                .fold(n_samples, |n, (kernel, stride)| (n - kernel) / stride + 1);
            assert_eq!(rule.wanted_frame(n_samples), lengths - 1, "{n_samples}");
        }
        assert_eq!(rule.wanted_frame(257_600), 803);
    }
}
