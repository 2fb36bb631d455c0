//! Front ends: from a window's samples to the encoder's input.

use std::collections::VecDeque;

use ndarray::{Array1, Array2, ArrayD, Axis};

use crate::speech::card::FrontEnd;
use crate::speech::encoder::{Encoder, EncoderError};
use crate::speech::mel::{self, MelCache};

/// Added to the variance in normalisation, so that silence is not amplified.
///
/// Source: the feature extractor of wav2vec 2.0.
const VARIANCE_FLOOR: f64 = 1e-7;
/// Frames per call of the stem, which bounds the memory of a story's first window.
const FRAMES_AT_ONCE: usize = 64;

/// Input preparation of one story, with a cache of what overlapping windows share.
pub enum InputPreparation {
    /// Whisper's log-mel spectrogram.
    LogMel {
        /// Cached frames.
        cache: Box<MelCache>,
        /// Mel bands.
        n_mels: usize,
        /// Frames passed to the encoder per window.
        n_frames: usize,
    },
    /// The raw samples.
    Raw,
    /// The samples of each window, normalised to mean 0 and variance 1.
    Normalised,
    /// Frames of the encoder's convolutional stem, shared by overlapping windows.
    SharedFrames(SharedFrames),
}

impl InputPreparation {
    /// Starts a story whose windows have at most `window_samples`.
    #[must_use]
    pub fn new(front_end: FrontEnd, window_samples: usize) -> Self {
        match front_end {
            FrontEnd::LogMel { n_mels } => Self::LogMel {
                cache: Box::new(MelCache::new(n_mels)),
                n_mels,
                n_frames: mel::frames_for(window_samples),
            },
            FrontEnd::Waveform { normalise: false } => Self::Raw,
            FrontEnd::Waveform { normalise: true } => Self::Normalised,
            FrontEnd::SharedFrames {
                first_samples,
                stride_samples,
            } => Self::SharedFrames(SharedFrames::new(first_samples, stride_samples)),
        }
    }

    /// Returns one window's input: log-mel frames `(n_mels, n_frames)`, samples `(n_samples,)`, or stem frames
    /// `(n_frames, dim)`.
    ///
    /// * `stem`: computes frames `(n, dim)` from `(n, samples)`; used only by front ends with shared frames.
    /// * `samples`: the window's samples at 16 kHz.
    /// * `start`: position of the first sample in the story; must not decrease between calls.
    ///
    /// # Errors
    /// Returns the errors of the stem.
    pub fn prepare(
        &mut self,
        stem: &mut dyn Encoder,
        samples: &[f32],
        start: u64,
    ) -> Result<ArrayD<f32>, EncoderError> {
        Ok(match self {
            Self::LogMel {
                cache,
                n_mels,
                n_frames,
            } => {
                let mut frames = Array2::zeros((*n_mels, *n_frames));
                if let Some(frames) = frames.as_slice_mut() {
                    cache.window(samples, start, frames);
                }
                frames.into_dyn()
            }
            Self::Raw => Array1::from(samples.to_vec()).into_dyn(),
            Self::Normalised => Array1::from(normalised(samples)).into_dyn(),
            Self::SharedFrames(shared) => shared.prepare(stem, samples, start)?.into_dyn(),
        })
    }
}

/// Cached stem frames of the last window.
///
/// A frame depends only on the samples of its receptive field, so it is bitwise independent of previous windows and of
/// where a run started.
pub struct SharedFrames {
    first_samples: usize,
    stride_samples: usize,
    /// Position of the first cached frame, in samples.
    start: u64,
    frames: VecDeque<Array1<f32>>,
}

impl SharedFrames {
    fn new(first_samples: usize, stride_samples: usize) -> Self {
        Self {
            first_samples,
            stride_samples,
            start: 0,
            frames: VecDeque::new(),
        }
    }

    /// Returns the frames `(n_frames, dim)` of a window.
    fn prepare(
        &mut self,
        stem: &mut dyn Encoder,
        samples: &[f32],
        start: u64,
    ) -> Result<Array2<f32>, EncoderError> {
        self.forget_before(start);
        let n_frames = match samples.len().checked_sub(self.first_samples) {
            Some(rest) => rest / self.stride_samples + 1,
            None => 0,
        };
        self.frames.truncate(n_frames);
        while self.frames.len() < n_frames {
            let first = self.frames.len();
            let n_new = (n_frames - first).min(FRAMES_AT_ONCE);
            let heard = Array2::from_shape_fn((n_new, self.first_samples), |(frame, sample)| {
                samples[(first + frame) * self.stride_samples + sample]
            });
            let frames = stem.stem(&heard)?;
            self.frames
                .extend(frames.outer_iter().map(|frame| frame.to_owned()));
        }
        let views: Vec<_> = self.frames.iter().map(|frame| frame.view()).collect();
        ndarray::stack(Axis(0), &views).map_err(|error| EncoderError::Run(error.to_string()))
    }

    /// Drops the frames before `start`, or all frames if none begins there.
    fn forget_before(&mut self, start: u64) {
        let stride = self.stride_samples as u64;
        match start.checked_sub(self.start) {
            Some(gone) if gone.is_multiple_of(stride) => {
                let n_gone = usize::try_from(gone / stride).unwrap_or(usize::MAX);
                self.frames.drain(..n_gone.min(self.frames.len()));
            }
            _ => self.frames.clear(),
        }
        self.start = start;
    }
}

/// (x − mean)/√(variance + 1e-7), with the biased variance.
fn normalised(samples: &[f32]) -> Vec<f32> {
    let n = samples.len().max(1) as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let squares: f64 = samples.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let scale = (squares / n + VARIANCE_FLOOR).sqrt().recip();
    let normalise = |x: &f32| ((f64::from(*x) - mean) * scale) as f32;
    samples.iter().map(normalise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::encoder::FakeEncoder;

    #[test]
    fn a_normalised_window_has_mean_0_and_variance_1_and_silence_stays_silent() {
        let samples: Vec<f32> = (0..1000).map(|i| 0.3 + (i as f32).sin() * 0.01).collect();
        let mut preparation = InputPreparation::new(FrontEnd::Waveform { normalise: true }, 1000);
        let mut stem = FakeEncoder::new(1, 1);
        let heard = preparation
            .prepare(&mut stem, &samples, 0)
            .unwrap()
            .mapv(f64::from);
        let mean = heard.sum() / 1000.0;
        let variance = heard.mapv(|x| x * x).sum() / 1000.0 - mean * mean;
        // The variance of a sine of amplitude 0.01 is 5e-5, which the floor reduces by 0.2 %.
        assert!(
            mean.abs() < 1e-6 && (variance - 0.998).abs() < 1e-3,
            "{mean} {variance}"
        );
        let silence = preparation.prepare(&mut stem, &[0.0; 400], 0).unwrap();
        assert!(silence.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn without_the_feature_extractor_samples_stay_as_they_are() {
        let front_end = FrontEnd::Waveform { normalise: true }.with_feature_extractor(false);
        let mut preparation = InputPreparation::new(front_end, 3);
        let heard = preparation
            .prepare(&mut FakeEncoder::new(1, 1), &[0.5, -0.25, 0.125], 0)
            .unwrap();
        assert_eq!(heard.as_slice(), Some(&[0.5, -0.25, 0.125][..]));
    }

    #[test]
    fn shared_frames_are_those_of_each_window_by_itself_and_are_computed_once() {
        let front_end = FrontEnd::SharedFrames {
            first_samples: 400,
            stride_samples: 320,
        };
        let story: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut stem = FakeEncoder::new(1, 3);
        let mut preparation = InputPreparation::new(front_end, 8000);
        let mut n_frames_heard = 0;
        // Growing windows, then sliding ones, then a jump to a start that is not on the previous frame grid.
        let windows = [
            (0, 1600),
            (0, 3200),
            (1600, 9600),
            (3200, 11_200),
            (3300, 11_300),
        ];
        for (start, end) in windows {
            let samples = &story[start..end];
            let shared = preparation
                .prepare(&mut stem, samples, start as u64)
                .unwrap();
            let mut alone = InputPreparation::new(front_end, 8000);
            let mut other_stem = FakeEncoder::new(1, 3);
            let expected = alone
                .prepare(&mut other_stem, samples, start as u64)
                .unwrap();
            assert_eq!(shared, expected, "{start}..{end}");
            n_frames_heard += other_stem.n_stem_frames;
        }
        // By hand: frames 0 to 3, to 8, to 28 and to 33, then all 24 of the last window.
        assert_eq!(
            (stem.n_stem_frames, n_frames_heard),
            (34 + 24, 4 + 9 + 24 * 3)
        );
    }
}
