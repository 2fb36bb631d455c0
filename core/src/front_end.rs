//! From a window's samples to what the encoder takes.

use crate::card::FrontEnd;
use crate::mel::{self, MelCache};

/// A front end at work on one story: it keeps what neighbouring windows share.
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
}

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
        }
    }

    /// Shape of one window's input, without the batch: `(n_mels, n_frames)`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::LogMel {
                n_mels, n_frames, ..
            } => [*n_mels, *n_frames],
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
        }
    }
}
