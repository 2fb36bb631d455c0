//! A sliding buffer over the recording for successive windows.

use std::path::Path;

use super::{AudioError, Recording, Resampling};
use crate::speech::window::{Window, Windows};

/// The part of a recording covered by the current window; earlier samples are dropped.
pub struct SlidingAudio {
    recording: Recording,
    samples: Vec<f32>,
    /// Position of the first sample in the story.
    start: u64,
}

impl SlidingAudio {
    /// Opens a recording, preceded by the silence that the windows require.
    ///
    /// # Errors
    /// Returns the errors of [`Recording::open`].
    pub fn open(
        path: &Path,
        resampling: Resampling,
        windows: &Windows,
    ) -> Result<Self, AudioError> {
        Ok(Self {
            recording: Recording::open(path, resampling)?,
            samples: vec![0.0; windows.silence_samples() as usize],
            start: 0,
        })
    }

    /// Returns the samples of a window, `(n_samples,)` at 16 kHz, and none after its end. Windows must not begin before the
    /// previous one.
    ///
    /// # Errors
    /// Returns the errors of [`Recording::next_block`].
    pub fn read(&mut self, window: Window) -> Result<&[f32], AudioError> {
        self.forget_before(window.start);
        while self.start + (self.samples.len() as u64) < window.end {
            let Some(block) = self.recording.next_block()? else {
                break;
            };
            self.samples.extend_from_slice(block);
            self.forget_before(window.start);
        }
        let first = (window.start - self.start) as usize;
        let last = ((window.end - self.start) as usize).min(self.samples.len());
        Ok(&self.samples[first.min(last)..last])
    }

    fn forget_before(&mut self, start: u64) {
        let n_past = (start.saturating_sub(self.start) as usize).min(self.samples.len());
        // Moving the remaining samples is costly, so many are dropped at once.
        if n_past > self.samples.len() / 2 {
            self.samples.drain(..n_past);
            self.start += n_past as u64;
        }
    }
}
