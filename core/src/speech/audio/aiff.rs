//! AIFF and AIFF-C headers: validates them against the file, and passes a consistent header to the decoder.
//!
//! Source: Apple, "Audio Interchange File Format AIFF-C", draft of 26 August 1991.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::AudioError;
use super::excerpt::Excerpt;
use super::{check_credible, wav};

const CHUNK_HEADER: u64 = 8;
/// Maximum number of channels that the decoder supports in every coding.
const MOST_CHANNELS: u16 = 26;
/// Size of the file's magic number, length and type.
const FIRST_CHUNK_AT: u64 = 12;

/// Parsed header of an AIFF file, and the location of its sound.
pub(super) struct Aiff {
    pub(super) excerpt: Excerpt,
    /// Notes on how contradictions between header and file were resolved.
    pub(super) notes: Vec<String>,
    /// Description of the coding.
    pub(super) codec: String,
}

/// Contents of the `COMM` chunk.
struct Common {
    channels: u16,
    frames: u32,
    bits: u16,
    rate_hz: u32,
    /// `NONE` for uncompressed AIFF files.
    coding: [u8; 4],
}

/// Sample encoding.
enum Stored {
    /// An encoding that the decoder supports under this name.
    Named([u8; 4]),
    /// Little-endian, as in WAV files.
    LowFirst,
}

/// Whether a file starts like an AIFF or AIFF-C file.
pub(super) fn is_aiff(head: &[u8]) -> bool {
    let kind = head.get(8..12);
    head.starts_with(b"FORM") && (kind == Some(b"AIFF") || kind == Some(b"AIFC"))
}

/// Parses the chunks and validates them against the file.
pub(super) fn check(
    path: &Path,
    file: &mut (impl Read + Seek),
    file_len: u64,
) -> Result<Aiff, AudioError> {
    let io = |source| AudioError::from_io(path, source);
    let (mut common, mut sound) = (None, None);
    let mut at = FIRST_CHUNK_AT;
    while at + CHUNK_HEADER <= file_len {
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let tag = read::<4>(file).map_err(io)?;
        let len = u64::from(u32::from_be_bytes(read(file).map_err(io)?));
        at += CHUNK_HEADER;
        if tag == *b"COMM" && at + len.min(18) <= file_len {
            common = Some(read_common(path, file, len)?);
        }
        if tag == *b"SSND" && sound.is_none() && at + 8 <= file_len {
            let offset = u64::from(u32::from_be_bytes(read(file).map_err(io)?));
            sound = Some((at + 8 + offset, len.saturating_sub(8 + offset)));
        }
        at += len + len % 2;
    }
    let common = common.ok_or_else(|| damaged(path, "the description of its sound is missing"))?;
    let no_samples = || AudioError::NoSamples { path: path.into() };
    let (start, len) = sound.ok_or_else(no_samples)?;
    let (stored, bytes, codec) = stored(path, &common)?;
    let align = u64::from(bytes) * u64::from(common.channels);
    let mut notes = vec![];
    let present = file_len.saturating_sub(start);
    let len = sound_len(path, &common, align, [len, present], &mut notes)?;
    if len == 0 {
        return Err(no_samples());
    }
    let header = match stored {
        Stored::LowFirst => wav::pcm_header(common.channels, common.rate_hz, bytes * 8, len),
        Stored::Named(coding) => header(&common, coding, bytes * 8, len),
    };
    let header =
        header.ok_or_else(|| unsupported(path, "an AIFF file of more than 4 GiB".into()))?;
    Ok(Aiff {
        excerpt: Excerpt::new(header, start, len),
        notes,
        codec,
    })
}

/// Length of the sound in bytes, reconciling its number of samples, the length of its chunk and the file's size.
fn sound_len(
    path: &Path,
    common: &Common,
    align: u64,
    [stated, present]: [u64; 2],
    notes: &mut Vec<String>,
) -> Result<u64, AudioError> {
    let counted = u64::from(common.frames) * align;
    let secs = |bytes: u64| (bytes / align) as f64 / f64::from(common.rate_hz);
    if counted == 0 && present > 0 && (stated == 0 || stated > present) {
        notes.push(
            "its header gives a length of 0, as written by a program that could not go back; read to the end of the file".into(),
        );
        return Ok(present - present % align);
    }
    if counted > present {
        return Err(AudioError::Truncated {
            path: path.into(),
            promised_secs: secs(counted),
            found_secs: secs(present),
        });
    }
    // The chunk may end with a padding byte.
    if counted > stated || stated - counted >= align.max(2) {
        return Err(AudioError::Contradiction {
            path: path.into(),
            what: format!(
                "it counts {} samples, and its sound is as long as {}",
                common.frames,
                stated / align
            ),
        });
    }
    Ok(counted)
}

fn read_common(path: &Path, file: &mut impl Read, len: u64) -> Result<Common, AudioError> {
    let io = |source| AudioError::from_io(path, source);
    if len < 18 {
        return Err(damaged(path, "the description of its sound is cut short"));
    }
    let channels = u16::from_be_bytes(read(file).map_err(io)?);
    let frames = u32::from_be_bytes(read(file).map_err(io)?);
    let bits = u16::from_be_bytes(read(file).map_err(io)?);
    let rate = from_extended(read(file).map_err(io)?);
    let coding = if len >= 22 {
        read(file).map_err(io)?
    } else {
        *b"NONE"
    };
    if rate.fract() != 0.0 {
        return Err(unsupported(
            path,
            format!("an AIFF file of {rate:.3} Hz, which is no whole number,"),
        ));
    }
    // The cast saturates, and an out-of-range rate is rejected below.
    let rate_hz = rate as u32;
    check_credible(path, rate_hz, channels.into())?;
    if channels > MOST_CHANNELS {
        return Err(unsupported(
            path,
            format!("an AIFF file of {channels} channels"),
        ));
    }
    Ok(Common {
        channels,
        frames,
        bits,
        rate_hz,
        coding,
    })
}

/// Sample encoding, bytes per sample, and a description.
fn stored(path: &Path, common: &Common) -> Result<(Stored, u16, String), AudioError> {
    let bits = common.bits;
    let plain = || format!("PCM {bits}-bit");
    let coding = common.coding.to_ascii_lowercase();
    // Widths that are not whole bytes are zero-padded at the low end.
    let bytes = bits.div_ceil(8);
    let is_pcm = (1..=32).contains(&bits);
    Ok(match coding.as_slice() {
        b"none" | b"twos" if is_pcm => (Stored::Named(*b"NONE"), bytes, plain()),
        b"sowt" if is_pcm && bytes == 1 => (Stored::Named(*b"NONE"), bytes, plain()),
        b"sowt" if is_pcm => (Stored::LowFirst, bytes, plain()),
        b"in24" => (Stored::Named(*b"NONE"), 3, "PCM 24-bit".into()),
        b"in32" => (Stored::Named(*b"NONE"), 4, "PCM 32-bit".into()),
        // The second is libsndfile's spelling.
        b"42ni" | b"42n1" => (Stored::LowFirst, 3, "PCM 24-bit".into()),
        b"23ni" => (Stored::LowFirst, 4, "PCM 32-bit".into()),
        b"raw " if bits == 8 => (Stored::Named(*b"raw "), 1, plain()),
        b"fl32" => (Stored::Named(*b"fl32"), 4, "PCM 32-bit float".into()),
        b"fl64" => (Stored::Named(*b"fl64"), 8, "PCM 64-bit float".into()),
        b"alaw" => (Stored::Named(*b"alaw"), 1, "A-law".into()),
        b"ulaw" => (Stored::Named(*b"ulaw"), 1, "μ-law".into()),
        b"none" | b"twos" | b"sowt" | b"raw " => {
            return Err(unsupported(
                path,
                format!("an AIFF file of {bits} bits per sample"),
            ));
        }
        _ => {
            let name = String::from_utf8_lossy(&common.coding)
                .escape_debug()
                .to_string();
            return Err(unsupported(
                path,
                format!("an AIFF-C file coded as \"{name}\""),
            ));
        }
    })
}

/// The header passed to the decoder; `None` if its length fields would overflow.
fn header(common: &Common, coding: [u8; 4], bits: u16, len: u64) -> Option<Vec<u8>> {
    // The name of the coding is an empty Pascal string and a padding byte.
    const COMMON_BYTES: u32 = 18 + 4 + 2;
    let sound = u32::try_from(len).ok()?.checked_add(8)?;
    let all = sound.checked_add(4 + 8 + COMMON_BYTES + 8)?;
    let frames = u32::try_from(len / (u64::from(bits / 8) * u64::from(common.channels))).ok()?;
    let mut header = b"FORM".to_vec();
    header.extend(all.to_be_bytes());
    header.extend(b"AIFCCOMM");
    header.extend(COMMON_BYTES.to_be_bytes());
    header.extend(common.channels.to_be_bytes());
    header.extend(frames.to_be_bytes());
    header.extend(bits.to_be_bytes());
    header.extend(to_extended(common.rate_hz));
    header.extend(coding);
    header.extend([0, 0]);
    header.extend(b"SSND");
    header.extend(sound.to_be_bytes());
    header.extend([0; 8]);
    Some(header)
}

/// Decodes an 80-bit extended float: sign and exponent, then a 64-bit mantissa with explicit integer bit.
fn from_extended(bytes: [u8; 10]) -> f64 {
    let [a, b, fraction @ ..] = bytes;
    let exponent = i32::from(u16::from_be_bytes([a & 0x7f, b])) - 16_383;
    let value = u64::from_be_bytes(fraction) as f64 * 2_f64.powi(exponent - 63);
    if a & 0x80 == 0 { value } else { -value }
}

fn to_extended(number: u32) -> [u8; 10] {
    let shift = u64::from(number).leading_zeros();
    let exponent = (16_383 + 63 - shift.min(63)) as u16;
    let fraction = u64::from(number) << shift.min(63);
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&exponent.to_be_bytes());
    bytes[2..].copy_from_slice(&fraction.to_be_bytes());
    bytes
}

fn damaged(path: &Path, reason: &str) -> AudioError {
    AudioError::Damaged {
        path: path.into(),
        at_secs: 0.0,
        reason: reason.into(),
    }
}

fn unsupported(path: &Path, kind: String) -> AudioError {
    AudioError::Unsupported {
        path: path.into(),
        kind,
    }
}

fn read<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_survive_80_bits() {
        // 44100 Hz as in the specification and in files of every writer.
        let bytes = [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
        assert_eq!(to_extended(44_100), bytes);
        for rate in [1_u32, 8_000, 16_000, 44_100, 48_000, 768_000] {
            let back = from_extended(to_extended(rate));
            assert_eq!(back.to_bits(), f64::from(rate).to_bits());
        }
    }
}
