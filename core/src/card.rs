//! What a model says of itself: which sound it takes, which output frame a window ends at, and its layers.

use serde::{Deserialize, Serialize};

use crate::mel;
use crate::window::EncoderReach;

/// The facts about a speech encoder that the rest of the program needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The name that its features' folder gets, such as `whisper-tiny`.
    pub name: String,
    /// Family of the architecture, such as `whisper`.
    pub architecture: String,
    /// How samples become the encoder's input.
    pub front_end: FrontEnd,
    /// Which output frame stands for a window.
    pub frame_rule: FrameRule,
    /// Samples from one output frame to the next.
    pub stride_samples: usize,
    /// Windows shorter than this are dropped, in samples.
    pub shortest_samples: u64,
    /// Windows longer than this are refused, in samples; `None` if there is no limit.
    pub longest_samples: Option<u64>,
    /// Hidden states: transformer blocks + 1. Layer 0 enters the first block.
    pub n_layers: usize,
    /// What the final output is, beside the last layer.
    pub final_output: FinalOutput,
    /// What the last layer is, where the encoder ends with a norm that may count to it or not; `None` where there is no
    /// such choice.
    pub last_layer: Option<LastLayer>,
    /// Features per layer.
    pub dim: usize,
    /// The word before the number in a layer's name: `encoder` or `layer`.
    pub layer_prefix: String,
}

/// How samples become the encoder's input. Each front end is a file of its own in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEnd {
    /// Whisper's log-mel spectrogram of a window padded to 30 s: [`crate::mel`].
    LogMel {
        /// Mel bands, 80 or 128.
        n_mels: usize,
    },
    /// The samples themselves, as `HuBERT`, wav2vec 2.0 and `WavLM` hear them.
    Waveform {
        /// Whether the model's own feature extractor brings each window to mean 0 and variance 1.
        normalise: bool,
    },
    /// What the model's own convolutions make of the samples, each frame computed once for all windows that hear it:
    /// for models whose convolutions hear no more of a window than their frame.
    SharedFrames {
        /// Samples that a frame hears.
        first_samples: usize,
        /// Samples from one frame to the next.
        stride_samples: usize,
    },
}

impl FrontEnd {
    /// The front end where the model's own feature extractor is used or not. Whisper cannot do without.
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
    /// Whether the model's own feature extractor is at work where it is asked for or not: always in Whisper, never where
    /// it would leave the samples as they are.
    #[must_use]
    pub fn uses_feature_extractor(&self, is_asked_for: bool) -> bool {
        match self.front_end {
            FrontEnd::LogMel { .. } => true,
            FrontEnd::Waveform { normalise } => normalise && is_asked_for,
            FrontEnd::SharedFrames { .. } => false,
        }
    }
}

/// What the final output is, which is written under the story's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalOutput {
    /// The last layer.
    LastLayer,
    /// A vector of its own, after the last layer: what an adapter makes of it, or the norm behind it where that does not
    /// count to the layer ([`LastLayer::BeforeNorm`]).
    AfterLastLayer,
}

/// What the last layer is in the "large" models of `HuBERT`, wav2vec 2.0 and `WavLM`, which pass what their last block
/// gives through a norm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastLayer {
    /// After the norm, which makes it the final output: `hidden_states[-1]` of transformers 4, with which the study's
    /// features were made.
    #[default]
    AsPublished,
    /// Before the norm: `hidden_states[-1]` of transformers 5.
    BeforeNorm,
}

/// Which output frame stands for a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameRule {
    /// The last output that any real sample reaches through Whisper's two stem convolutions.
    LastReachedByStem,
    /// The last output that there is.
    Last {
        /// Samples that the first output hears.
        first_samples: usize,
        /// Samples from one output to the next.
        stride_samples: usize,
    },
}

impl FrameRule {
    /// Index of the output frame that stands for a window of `n_samples`.
    ///
    /// With n = ⌈samples/160⌉ mel frames it is min(1499, ⌊(n + 1)/2⌋) for Whisper, whose stem has kernels of 3 and
    /// strides of 1 and 2; ⌊(samples − first)/stride⌋ for encoders of the waveform.
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
    /// The name of layer `index`, such as `encoder.0`.
    #[must_use]
    pub fn layer_name(&self, index: usize) -> String {
        format!("{}.{index}", self.layer_prefix)
    }

    /// Vectors that the encoder gives for `layers` (ascending): one a layer, and the final output where that is a
    /// vector of its own and the last layer is wanted.
    #[must_use]
    pub fn n_outputs(&self, layers: &[usize]) -> usize {
        layers.len() + usize::from(self.has_own_final(layers))
    }

    /// Whether the vectors that the encoder gives for `layers` end with a final output that is no layer.
    #[must_use]
    pub fn has_own_final(&self, layers: &[usize]) -> bool {
        self.final_output == FinalOutput::AfterLastLayer && self.has_final(layers)
    }

    /// Whether the final output can be had from `layers`.
    #[must_use]
    pub fn has_final(&self, layers: &[usize]) -> bool {
        layers.last() == Some(&(self.n_layers - 1))
    }

    /// The lengths of window that the encoder accepts.
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
        // Seconds, as the study states them, and both ends by hand: 400 samples are 3 mel frames, so frame 2; 30 s are
        // 3000, so 1500, which is past the last.
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
