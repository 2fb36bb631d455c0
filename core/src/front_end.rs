//! From a window's samples to what the encoder takes.

use crate::card::FrontEnd;
use crate::mel::{self, MelCache};

/// A front end at work on one story: it keeps what neighbouring windows share.
#[expect(clippy::large_enum_variant, reason = "there is one of them per story")]
pub enum Listening {
    /// Whisper's log-mel frames.
    LogMel {
        /// Frames computed so far.
        cache: MelCache,
        /// Mel bands.
        n_mels: usize,
        /// Frames given to the encoder for each window.
        n_frames: usize,
    },
    /// The samples themselves.
    Waveform {
        /// Whether each window is brought to mean 0 and variance 1 first.
        normalise: bool,
        /// Samples of the longest window.
        n_samples: usize,
    },
}

/// Added to the variance before its root is taken.
const VARIANCE_FLOOR: f64 = 1e-7;

impl Listening {
    /// Begins a story whose windows have at most `window_samples`.
    #[must_use]
    pub fn new(front_end: FrontEnd, window_samples: usize) -> Self {
        match front_end {
            FrontEnd::LogMel { n_mels } => Self::LogMel {
                cache: MelCache::new(n_mels),
                n_mels,
                n_frames: mel::frames_for(window_samples),
            },
            FrontEnd::Waveform { normalise } => Self::Waveform {
                normalise,
                n_samples: window_samples,
            },
        }
    }

    /// Shape of one window's input, without the batch: `(n_mels, n_frames)`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::LogMel {
                n_mels, n_frames, ..
            } => [*n_mels, *n_frames],
            Self::Waveform { n_samples, .. } => [1, *n_samples],
        }
    }

    /// Writes one window's input.
    ///
    /// * `samples`: what the window hears, 16 kHz.
    /// * `start`: where that begins in the story, in samples; never less than in the call before.
    /// * `input`: as many values as [`Listening::shape`] multiplies to.
    pub fn hear(&mut self, samples: &[f32], start: u64, input: &mut [f32]) {
        match self {
            Self::LogMel { cache, .. } => cache.window(samples, start, input),
            Self::Waveform { normalise, .. } => {
                let (mean, scale) = if *normalise {
                    mean_and_scale(samples)
                } else {
                    (0.0, 1.0)
                };
                for (input, sample) in input.iter_mut().zip(samples) {
                    *input = ((f64::from(*sample) - mean) * scale) as f32;
                }
            }
        }
    }
}

/// The mean, and what brings the variance to 1.
fn mean_and_scale(samples: &[f32]) -> (f64, f64) {
    let n = samples.len().max(1) as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let squares: f64 = samples.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    (mean, 1.0 / (squares / n + VARIANCE_FLOOR).sqrt())
}
