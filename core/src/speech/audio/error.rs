//! Errors of recordings, with advice for the user.

use std::io;
use std::path::{Path, PathBuf};

use super::resample::ResampleError;
use crate::remedy::Remedy;

/// Errors of reading a recording. Each message ends with the file's path on its own line.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// There is no such file.
    #[error("There is no such recording. Check the path, or whether its disk is mounted.\nFile: {}", path.display())]
    NotFound {
        /// The recording.
        path: PathBuf,
    },
    /// A git-annex or Git LFS placeholder in place of the recording.
    #[error(
        "Only a placeholder of this recording is here, not its sound. Fetch it with \
         \"datalad get\" or \"git annex get\" (for Git LFS: \"git lfs pull\").\nFile: {}",
        path.display()
    )]
    Placeholder {
        /// The recording.
        path: PathBuf,
    },
    /// A folder, a device or a pipe was given.
    #[error("This is not a file. Choose a recording, not a folder or device.\nFile: {}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused to read the file.
    #[error("The recording cannot be read ({source}). Check its permissions and its disk.\nFile: {}", path.display())]
    Unreadable {
        /// The recording.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file has 0 bytes.
    #[error("The file is empty (0 bytes). Copy it again from its source.\nFile: {}", path.display())]
    EmptyFile {
        /// The recording.
        path: PathBuf,
    },
    /// The file has a valid header but no samples.
    #[error("The recording holds no sound: its length is 0 samples. Export it again from where it was made.\nFile: {}", path.display())]
    NoSamples {
        /// The recording.
        path: PathBuf,
    },
    /// The content is not audio in a supported format.
    #[error(
        "This is not audio that can be read here, whatever its name says. Readable are WAV, AIFF, FLAC, \
         MP3, OGG Vorbis and M4A (AAC, ALAC).\nFile: {}",
        path.display()
    )]
    NotAudio {
        /// The file.
        path: PathBuf,
    },
    /// Opus, in Ogg or otherwise.
    #[error(
        "This recording is coded as Opus, which cannot be read. Convert it to FLAC or WAV, for \
         instance: ffmpeg -i recording.opus recording.flac\nFile: {}",
        path.display()
    )]
    Opus {
        /// The recording.
        path: PathBuf,
    },
    /// A known container or codec that is not supported.
    #[error("This recording is {kind}, which cannot be read. Convert it to FLAC or WAV.\nFile: {}", path.display())]
    Unsupported {
        /// The recording.
        path: PathBuf,
        /// Description of the format, completing "This recording is …".
        kind: String,
    },
    /// A container without an audio track.
    #[error("The file has no audio track. Choose the file that holds the sound.\nFile: {}", path.display())]
    NoAudioTrack {
        /// The file.
        path: PathBuf,
    },
    /// The header states an implausible rate or number of channels.
    #[error(
        "The recording's header is not credible: it says {rate_hz} Hz and {channels} channels. \
         Export it again from where it was made.\nFile: {}",
        path.display()
    )]
    AbsurdHeader {
        /// The recording.
        path: PathBuf,
        /// Sampling rate as stated, Hz.
        rate_hz: u32,
        /// Channels as stated.
        channels: usize,
    },
    /// The header contradicts itself.
    #[error(
        "The recording's header contradicts itself: {what}. Which is true cannot be told from the file. Export it again \
         from where it was made, as 16-bit or 24-bit WAV or as FLAC.\nFile: {}",
        path.display()
    )]
    Contradiction {
        /// The recording.
        path: PathBuf,
        /// The contradiction, completing "contradicts itself: …".
        what: String,
    },
    /// The header promises more than a file of this size can hold.
    #[error(
        "The recording's header is not credible: it promises {:.0} hours of sound, and the file has {file_len} bytes. Copy it \
         again from its source.\nFile: {}",
        promised_secs / 3600.0,
        path.display()
    )]
    AbsurdLength {
        /// The recording.
        path: PathBuf,
        /// Length as stated, seconds.
        promised_secs: f64,
        /// Length of the file, bytes.
        file_len: u64,
    },
    /// The file is shorter than its header states.
    #[error(
        "The recording is cut short: its header promises {} s, but only {} s are there. Copy it again from its \
         source.\nFile: {}",
        apart(*promised_secs, *found_secs)[0],
        apart(*promised_secs, *found_secs)[1],
        path.display()
    )]
    Truncated {
        /// The recording.
        path: PathBuf,
        /// Length as stated, seconds.
        promised_secs: f64,
        /// Length as found, seconds.
        found_secs: f64,
    },
    /// The file is longer than its header states, for example because MP3 files were concatenated.
    #[error(
        "The recording holds {found_secs:.3} s of sound, more than the {promised_secs:.3} s that its \
         header says; perhaps several files were joined. Convert it to FLAC or WAV and check its \
         length.\nFile: {}",
        path.display()
    )]
    LongerThanHeader {
        /// The recording.
        path: PathBuf,
        /// Length as stated, seconds.
        promised_secs: f64,
        /// Length as found, seconds.
        found_secs: f64,
    },
    /// Part of the file cannot be decoded.
    #[error(
        "The recording is damaged after {at_secs:.3} s ({reason}). Copy it again from its \
         source.\nFile: {}",
        path.display()
    )]
    Damaged {
        /// The recording.
        path: PathBuf,
        /// Position of the damage, seconds from the start.
        at_secs: f64,
        /// Description of the damage.
        reason: String,
    },
    /// A floating-point recording contains NaN or infinity.
    #[error(
        "The recording has a sample that is not a number (NaN or infinite) at {at_secs:.3} s. \
         Export it again as 16-bit or 24-bit WAV.\nFile: {}",
        path.display()
    )]
    NotFinite {
        /// The recording.
        path: PathBuf,
        /// Time of the first such sample, seconds.
        at_secs: f64,
    },
    /// Not 16 kHz mono, and resampling was not requested.
    #[error(
        "The recording has {rate_hz} Hz and {channels} {}; the encoder needs 16000 Hz mono. \
         Allow resampling.\nFile: {}",
        if *channels == 1 { "channel" } else { "channels" },
        path.display()
    )]
    NeedsResampling {
        /// The recording.
        path: PathBuf,
        /// Its sampling rate, Hz.
        rate_hz: u32,
        /// Its channels.
        channels: u16,
    },
    /// The rate cannot be converted to 16 kHz.
    #[error("{source}\nFile: {}", path.display())]
    CannotResample {
        /// The recording.
        path: PathBuf,
        /// The reason.
        source: ResampleError,
    },
    /// The decoder failed in an unexpected way.
    #[error(
        "Decoding this recording failed: it is damaged, or coded in an unusual way. Convert it to WAV \
         with another program, or copy it again from its source.\nFile: {}",
        path.display()
    )]
    DecoderFailed {
        /// The recording.
        path: PathBuf,
    },
}

/// Formats two lengths with as many decimals as needed to tell them apart, at least three.
fn apart(promised_secs: f64, found_secs: f64) -> [String; 2] {
    let with = |n: usize| [promised_secs, found_secs].map(|secs| format!("{secs:.n$}"));
    let enough = (3..=9)
        .map(with)
        .find(|[promised, found]| promised != found);
    enough.unwrap_or_else(|| with(9))
}

impl AudioError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NeedsResampling { .. } => vec![Remedy::Resample],
            _ => Vec::new(),
        }
    }

    /// Shifts the error's position, for a stream that begins `secs` seconds into the recording.
    pub(super) fn later_by(mut self, secs: f64) -> Self {
        match &mut self {
            Self::Damaged { at_secs, .. } | Self::NotFinite { at_secs, .. } => *at_secs += secs,
            Self::Truncated {
                promised_secs,
                found_secs,
                ..
            }
            | Self::LongerThanHeader {
                promised_secs,
                found_secs,
                ..
            } => {
                *promised_secs += secs;
                *found_secs += secs;
            }
            _ => {}
        }
        self
    }

    /// Converts an I/O error that occurred while `path` was opened or read.
    pub(super) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            return Self::NotFound { path };
        }
        Self::Unreadable { path, source }
    }
}
