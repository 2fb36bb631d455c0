//! Reads recordings as streams of 16 kHz mono samples.

use std::path::Path;

use serde::{Deserialize, Serialize};

mod aiff;
mod chain;
mod decode;
mod error;
mod excerpt;
mod ima;
mod inspect;
mod mix;
mod mp3;
mod mp4;
mod ogg;
mod promise;
mod resample;
mod sliding;
mod tail;
mod wav;

pub use error::AudioError;
pub use resample::{ResampleError, SincResampler};
pub use sliding::SlidingAudio;

use crate::speech::ENCODER_RATE_HZ;
use chain::Chain;

/// Maximum sampling rate accepted from a header, that of the fastest converters on the market.
const MAX_RATE_HZ: u32 = 768_000;
/// Maximum number of channels accepted from a header.
const MAX_CHANNELS: usize = 64;

/// How to treat audio that is not 16 kHz mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampling {
    /// Reject it with [`AudioError::NeedsResampling`].
    #[default]
    Refuse,
    /// Average over channels, then resample to [`ENCODER_RATE_HZ`].
    ToEncoderRate,
}

/// Properties of a recording according to its header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingInfo {
    /// Sampling rate in the file, Hz.
    pub rate_hz: u32,
    /// Channels in the file.
    pub channels: u16,
    /// Description of the coding: `FLAC`, `PCM 16-bit`.
    pub codec: String,
    /// Duration in seconds, if the header states it. An estimate for MP3 files without a length tag; [`count_samples`]
    /// returns the exact one.
    pub duration_secs: Option<f64>,
    /// Notes on how contradictions between header and file were resolved, as sentences that begin with "it".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl RecordingInfo {
    /// Whether the recording needs no conversion for an encoder.
    #[must_use]
    pub fn is_encoder_ready(&self) -> bool {
        self.rate_hz == ENCODER_RATE_HZ && self.channels == 1
    }
}

/// Reads a recording's header without decoding the sound.
///
/// # Errors
/// Returns any [`AudioError`] that the first bytes and the header reveal: missing, empty, no audio, Opus, a WAV file
/// shorter than it claims.
pub fn probe(path: &Path) -> Result<RecordingInfo, AudioError> {
    Chain::open(path).map(|decoder| decoder.info().clone())
}

/// A recording opened for reading as a stream of 16 kHz mono samples.
///
/// Samples are in -1…1, integers scaled by their full-scale power of two (16-bit by 32768); floats are unchanged. Memory
/// use is independent of the recording's length.
///
/// ```no_run
/// use heschl_core::speech::audio::{Recording, Resampling};
///
/// let mut recording = Recording::open("story.flac".as_ref(), Resampling::ToEncoderRate)?;
/// while let Some(samples) = recording.next_block()? {
///     println!("{} samples at 16 kHz", samples.len());
/// }
/// # Ok::<(), heschl_core::speech::audio::AudioError>(())
/// ```
pub struct Recording {
    decoder: Chain,
    /// `None` if the file has 16 kHz, and after the last block.
    resampler: Option<SincResampler>,
    resampled: Vec<f32>,
}

impl Recording {
    /// Opens a recording and checks its header.
    ///
    /// # Errors
    /// Returns the errors of [`probe`]; [`AudioError::NeedsResampling`] if it is not 16 kHz mono and `resampling` is
    /// [`Resampling::Refuse`]; [`AudioError::CannotResample`] if its rate cannot be converted.
    pub fn open(path: &Path, resampling: Resampling) -> Result<Self, AudioError> {
        let decoder = Chain::open(path)?;
        let info = decoder.info();
        if resampling == Resampling::Refuse && !info.is_encoder_ready() {
            return Err(AudioError::NeedsResampling {
                path: path.into(),
                rate_hz: info.rate_hz,
                channels: info.channels,
            });
        }
        let resampler = (info.rate_hz != ENCODER_RATE_HZ)
            .then(|| SincResampler::new(info.rate_hz, ENCODER_RATE_HZ))
            .transpose()
            .map_err(|source| AudioError::CannotResample {
                path: path.into(),
                source,
            })?;
        Ok(Self {
            decoder,
            resampler,
            resampled: Vec::new(),
        })
    }

    /// Returns the properties in the file's header.
    #[must_use]
    pub fn info(&self) -> &RecordingInfo {
        self.decoder.info()
    }

    /// Returns the next samples, `(n_samples,)` at 16 kHz mono, never an empty block; `None` at the end.
    ///
    /// # Errors
    /// Returns [`AudioError::Truncated`] if the file is shorter than its header states, [`AudioError::Damaged`] if part of
    /// it cannot be decoded, [`AudioError::NotFinite`], or [`AudioError::NoSamples`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        if self.decoder.info().rate_hz == ENCODER_RATE_HZ {
            return self.decoder.next_mono();
        }
        self.resampled.clear();
        while self.resampled.is_empty() {
            let Some(resampler) = self.resampler.as_mut() else {
                return Ok(None);
            };
            if let Some(samples) = self.decoder.next_mono()? {
                resampler.push(samples, &mut self.resampled);
            } else if let Some(resampler) = self.resampler.take() {
                resampler.finish(&mut self.resampled);
            }
        }
        Ok(Some(&self.resampled))
    }
}

/// Decodes and checks the whole recording, and returns its exact length in 16 kHz samples.
///
/// # Errors
/// Returns the errors of [`Recording::open`] and [`Recording::next_block`].
pub fn count_samples(path: &Path, resampling: Resampling) -> Result<u64, AudioError> {
    let mut recording = Recording::open(path, resampling)?;
    let mut n_samples = 0;
    while let Some(samples) = recording.next_block()? {
        n_samples += samples.len() as u64;
    }
    Ok(n_samples)
}

/// Rejects an implausible header before its values are used in calculations.
fn check_credible(path: &Path, rate_hz: u32, channels: usize) -> Result<(), AudioError> {
    if (1..=MAX_RATE_HZ).contains(&rate_hz) && (1..=MAX_CHANNELS).contains(&channels) {
        return Ok(());
    }
    Err(AudioError::AbsurdHeader {
        path: path.into(),
        rate_hz,
        channels,
    })
}
