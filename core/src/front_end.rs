//! From a window's samples to what the encoder takes.

use ndarray::{Array1, Array2, ArrayD};

use crate::card::FrontEnd;
use crate::mel::{self, MelCache};

/// Added to a window's variance before it divides, so that silence stays silence.
///
/// Source: the feature extractor of wav2vec 2.0.
const VARIANCE_FLOOR: f64 = 1e-7;

/// A front end at work on one story: it keeps what neighbouring windows share.
pub enum Listening {
    /// Whisper's log-mel frames.
    LogMel {
        /// Frames computed so far.
        cache: Box<MelCache>,
        /// Mel bands.
        n_mels: usize,
        /// Frames given to the encoder for each window.
        n_frames: usize,
    },
    /// The samples as they are.
    Raw,
    /// The samples of each window with mean 0 and variance 1.
    Normalised,
}

impl Listening {
    /// Begins a story whose windows have at most `window_samples`.
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
        }
    }

    /// One window's input: `(n_mels, n_frames)` log-mel frames, or `(n_samples,)`.
    ///
    /// * `samples`: what the window hears, 16 kHz.
    /// * `start`: where that begins in the story, in samples; never less than in the call before.
    pub fn hear(&mut self, samples: &[f32], start: u64) -> ArrayD<f32> {
        match self {
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
        }
    }
}

/// (x − mean)/√(variance + 1e-7), the variance being the mean square.
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

    #[test]
    fn a_normalised_window_has_mean_0_and_variance_1_and_silence_stays_silent() {
        let samples: Vec<f32> = (0..1000).map(|i| 0.3 + (i as f32).sin() * 0.01).collect();
        let mut listening = Listening::new(FrontEnd::Waveform { normalise: true }, 1000);
        let heard = listening.hear(&samples, 0).mapv(f64::from);
        let mean = heard.sum() / 1000.0;
        let variance = heard.mapv(|x| x * x).sum() / 1000.0 - mean * mean;
        // The variance of a sine of height 0.01 is 5e-5, of which the floor takes 0.2 %.
        assert!(
            mean.abs() < 1e-6 && (variance - 0.998).abs() < 1e-3,
            "{mean} {variance}"
        );
        assert!(listening.hear(&[0.0; 400], 0).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn without_the_feature_extractor_samples_stay_as_they_are() {
        let front_end = FrontEnd::Waveform { normalise: true }.with_feature_extractor(false);
        let heard = Listening::new(front_end, 3).hear(&[0.5, -0.25, 0.125], 0);
        assert_eq!(heard.as_slice(), Some(&[0.5, -0.25, 0.125][..]));
    }
}
