//! Chained streams: reads a recording of several consecutive streams as one.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::RecordingInfo;
use super::decode::Decoder;
use super::error::AudioError;
use super::excerpt::Excerpt;
use super::inspect::{Inspection, inspect};

/// A recording of chained streams, being decoded.
pub(super) struct Chain {
    path: PathBuf,
    now: Decoder,
    /// Inspection of the file without information on single streams.
    whole: Inspection,
    later: VecDeque<Excerpt>,
    info: RecordingInfo,
    /// Samples of the preceding streams.
    before: u64,
}

impl Chain {
    /// Opens a recording and reads the headers of all its streams.
    ///
    /// # Errors
    /// Returns the errors of [`Decoder::of`], and [`AudioError::Unsupported`] if streams differ in rate or channels.
    pub(super) fn open(path: &Path) -> Result<Self, AudioError> {
        let mut inspection = inspect(path)?;
        let streams = std::mem::take(&mut inspection.streams);
        let whole = inspection.clone();
        let Some((first, later)) = streams.split_first() else {
            let now = Decoder::of(path, inspection)?;
            return Ok(Self {
                path: path.into(),
                info: now.info().clone(),
                now,
                whole,
                later: VecDeque::new(),
                before: 0,
            });
        };
        let now = Decoder::of(path, whole.with(first.clone()))?;
        let mut info = now.info().clone();
        for stream in later {
            let next = Decoder::of(path, whole.with(stream.clone()))
                .map_err(|error| error.later_by(info.duration_secs.unwrap_or(0.0)))?;
            check_alike(path, &info, next.info())?;
            let secs = info.duration_secs.zip(next.info().duration_secs);
            info.duration_secs = secs.map(|(so_far, more)| so_far + more);
        }
        info.notes.push(format!(
            "it holds {} Ogg streams one behind the other, as joined recordings do; they are read as one",
            streams.len()
        ));
        Ok(Self {
            path: path.into(),
            later: later.iter().cloned().collect(),
            now,
            whole,
            info,
            before: 0,
        })
    }

    pub(super) fn info(&self) -> &RecordingInfo {
        &self.info
    }

    /// Returns the next samples at the file's rate, averaged over channels; never an empty block.
    pub(super) fn next_mono(&mut self) -> Result<Option<&[f32]>, AudioError> {
        while !self.fill()? {
            let Some(stream) = self.later.pop_front() else {
                return Ok(None);
            };
            self.before += self.now.given();
            self.now = Decoder::of(&self.path, self.whole.with(stream))?;
        }
        Ok(Some(self.now.mono()))
    }

    fn fill(&mut self) -> Result<bool, AudioError> {
        match self.now.fill() {
            // Individual streams may be empty.
            Err(AudioError::NoSamples { .. }) if self.before > 0 || !self.later.is_empty() => {
                Ok(false)
            }
            Err(error) => {
                self.later.clear();
                let secs = self.before as f64 / f64::from(self.info.rate_hz);
                Err(error.later_by(secs))
            }
            filled => filled,
        }
    }
}

/// Rejects streams that cannot belong to one recording.
fn check_alike(path: &Path, first: &RecordingInfo, next: &RecordingInfo) -> Result<(), AudioError> {
    let sound = |info: &RecordingInfo| (info.rate_hz, info.channels);
    if sound(first) == sound(next) {
        return Ok(());
    }
    let named = |info: &RecordingInfo| {
        let plural = if info.channels == 1 { "" } else { "s" };
        format!("{} Hz and {} channel{plural}", info.rate_hz, info.channels)
    };
    Err(AudioError::Unsupported {
        path: path.into(),
        kind: format!(
            "several recordings joined into one file, one of {}, another of {},",
            named(first),
            named(next)
        ),
    })
}
