//! Checks a WAV file's chunks against the file's size before it is decoded.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::check_credible;
use super::error::AudioError;

/// Data lengths that programs write when they cannot go back to fill in the true one (ffmpeg, `SoX`).
const STREAMED_LENGTHS: [u32; 2] = [u32::MAX, 0x7fff_f000];

/// What a WAV file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wav {
    pub(super) channels: u16,
    pub(super) length: DataLength,
}

/// Whether the header knows how long the recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataLength {
    Stated,
    /// Written to a pipe: the recording ends where the file ends.
    UntilEndOfFile,
}

/// The part of a `fmt ` chunk that is the same for all encodings.
struct Format {
    channels: u16,
    rate_hz: u32,
    bytes_per_sec: u32,
}

/// Walks the chunks up to the sound.
///
/// Returns `None` if the chunks do not make sense; the decoder then says what is wrong.
pub(super) fn check(
    path: &Path,
    file: &mut (impl Read + Seek),
    file_len: u64,
) -> Result<Option<Wav>, AudioError> {
    let io = |source| AudioError::from_io(path, source);
    let mut format = None;
    let mut at = 12;
    while at + 8 <= file_len {
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let (tag, len) = read_chunk_header(file).map_err(io)?;
        at += 8;
        match &tag {
            b"fmt " if len >= 16 && at + 16 <= file_len => {
                format = Some(credible_format(path, read_format(file).map_err(io)?)?);
            }
            b"data" => {
                return format
                    .map(|format| check_data(path, &format, len, file_len - at))
                    .transpose();
            }
            _ => {}
        }
        at += u64::from(len) + u64::from(len % 2);
    }
    Ok(None)
}

fn check_data(path: &Path, format: &Format, len: u32, present: u64) -> Result<Wav, AudioError> {
    let wav = |length| Wav {
        channels: format.channels,
        length,
    };
    if STREAMED_LENGTHS.contains(&len) && u64::from(len) > present {
        return Ok(wav(DataLength::UntilEndOfFile));
    }
    if u64::from(len) > present {
        let secs = |bytes: f64| bytes / f64::from(format.bytes_per_sec.max(1));
        return Err(AudioError::Truncated {
            path: path.into(),
            promised_secs: secs(f64::from(len)),
            found_secs: secs(present as f64),
        });
    }
    if len == 0 {
        return Err(AudioError::NoSamples { path: path.into() });
    }
    Ok(wav(DataLength::Stated))
}

/// The decoder multiplies these numbers without looking, so they are judged first.
fn credible_format(path: &Path, format: Format) -> Result<Format, AudioError> {
    check_credible(path, format.rate_hz, usize::from(format.channels))?;
    Ok(format)
}

fn read_chunk_header(file: &mut impl Read) -> io::Result<([u8; 4], u32)> {
    let mut tag = [0; 4];
    file.read_exact(&mut tag)?;
    Ok((tag, read_u32(file)?))
}

fn read_format(file: &mut impl Read) -> io::Result<Format> {
    let mut start = [0; 4];
    file.read_exact(&mut start)?;
    Ok(Format {
        channels: u16::from_le_bytes([start[2], start[3]]),
        rate_hz: read_u32(file)?,
        bytes_per_sec: read_u32(file)?,
    })
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
