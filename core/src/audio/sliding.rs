//! The part of a recording that a window hears, moving on with it.

use std::path::Path;

use super::{AudioError, Recording, Resampling};
use crate::window::{Window, Windows};

/// The stretch of a recording that the current window hears; what lies behind it is forgotten.
pub struct SlidingAudio {
    recording: Recording,
    samples: Vec<f32>,
    /// Where the first of them lies in the story.
    start: u64,
}

impl SlidingAudio {
    /// Opens a recording, with the silence that the windows ask for put before it.
    ///
    /// # Errors
    /// Those of [`Recording::open`].
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

    /// The samples of a window, `(n_samples,)` at 16 kHz. It must not begin before the last one did. Nothing after
    /// the window's end is in them.
    ///
    /// # Errors
    /// Those of [`Recording::next_block`].
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
        // Moving what is left costs time, so a good deal is forgotten at once.
        if n_past > self.samples.len() / 2 {
            self.samples.drain(..n_past);
            self.start += n_past as u64;
        }
    }
}
