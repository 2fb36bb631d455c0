//! Reads recordings as a stream of 16 kHz mono samples.

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

use chain::Chain;

/// The sampling rate that every speech encoder here was trained on.
pub const ENCODER_RATE_HZ: u32 = 16_000;
/// Highest rate that a header may state; the fastest converters sold run at this.
const MAX_RATE_HZ: u32 = 768_000;
/// Most channels that a header may state.
const MAX_CHANNELS: usize = 64;

/// What to do with audio that is not 16 kHz mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampling {
    /// Refuse it with [`AudioError::NeedsResampling`].
    #[default]
    Refuse,
    /// Take the mean over channels, then convert to [`ENCODER_RATE_HZ`].
    ToEncoderRate,
}

/// What a recording's header says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingInfo {
    /// Sampling rate in the file, Hz.
    pub rate_hz: u32,
    /// Channels in the file.
    pub channels: u16,
    /// How the sound is coded, in words: `FLAC`, `PCM 16-bit`.
    pub codec: String,
    /// Length in seconds, if the header tells. An estimate for MP3 files without a length tag;
    /// [`count_samples`] gives the exact one.
    pub duration_secs: Option<f64>,
    /// What was decided where the header contradicts the file: sentences that begin with "it".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl RecordingInfo {
    /// Whether an encoder can take the recording as it is.
    #[must_use]
    pub fn is_encoder_ready(&self) -> bool {
        self.rate_hz == ENCODER_RATE_HZ && self.channels == 1
    }
}

/// Reads a recording's header, no sound.
///
/// # Errors
/// Any [`AudioError`] that the first bytes and the header give away: missing, empty, no audio,
/// Opus, a WAV file shorter than it claims.
pub fn probe(path: &Path) -> Result<RecordingInfo, AudioError> {
    Chain::open(path).map(|decoder| decoder.info().clone())
}

/// A recording opened for reading as a stream of 16 kHz mono samples.
///
/// Samples are in -1…1, integers scaled by the power of two of their width (16-bit by 32768); floats
/// come as they are. Memory does not grow with the recording's length.
///
/// ```no_run
/// use heschl_core::audio::{Recording, Resampling};
///
/// let mut recording = Recording::open("story.flac".as_ref(), Resampling::ToEncoderRate)?;
/// while let Some(samples) = recording.next_block()? {
///     println!("{} samples at 16 kHz", samples.len());
/// }
/// # Ok::<(), heschl_core::audio::AudioError>(())
/// ```
pub struct Recording {
    decoder: Chain,
    /// `None` when the file has 16 kHz, and after the last block.
    resampler: Option<SincResampler>,
    resampled: Vec<f32>,
}

impl Recording {
    /// Opens a recording and checks its header.
    ///
    /// # Errors
    /// Those of [`probe`]; [`AudioError::NeedsResampling`] if it is not 16 kHz mono and `resampling`
    /// says [`Resampling::Refuse`]; [`AudioError::CannotResample`] if its rate is too odd.
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

    /// What the file's header says.
    #[must_use]
    pub fn info(&self) -> &RecordingInfo {
        self.decoder.info()
    }

    /// The next samples, `(n_samples,)` at 16 kHz mono, never none of them; `None` at the end.
    ///
    /// # Errors
    /// [`AudioError::Truncated`] if the file ends before its header's promise,
    /// [`AudioError::Damaged`] if part of it does not decode, [`AudioError::NotFinite`],
    /// [`AudioError::NoSamples`].
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

/// Decodes the whole recording once, checks it, and returns its exact length in 16 kHz samples.
///
/// # Errors
/// Those of [`Recording::open`] and [`Recording::next_block`].
pub fn count_samples(path: &Path, resampling: Resampling) -> Result<u64, AudioError> {
    let mut recording = Recording::open(path, resampling)?;
    let mut n_samples = 0;
    while let Some(samples) = recording.next_block()? {
        n_samples += samples.len() as u64;
    }
    Ok(n_samples)
}

/// Refuses a header that no recording has, before anything is multiplied by its numbers.
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
