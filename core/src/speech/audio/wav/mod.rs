//! WAV headers: validates them against the file, and passes a consistent header to the decoder.
//!
//! Programs that write to a pipe cannot fill in lengths afterwards, and some write wrong ones. The location of the sound is
//! decided here, once, and the decision is reported in a note.

mod format;

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::check_credible;
use super::error::AudioError;
use super::excerpt::Excerpt;
use format::{READ_BYTES, WavFormat};

/// Placeholder lengths of programs that cannot fill in the true one are at most this far below 2^31 or 2^32 (ffmpeg, `SoX`,
/// arecord, `GStreamer`).
const PLACEHOLDER_SPAN: u32 = 0x1_0000;
/// A length too long by at most this much includes a header by mistake (`CubicSDR`: 16, others the 36 bytes before the
/// sound).
const MOST_HEADER_BYTES: u64 = 64;
/// Data length that refers to the true one in a `ds64` chunk.
const IN_DS64: u32 = u32::MAX;
const CHUNK_HEADER: u64 = 8;

/// The end of a file's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SoundEnd {
    /// As stated by the header.
    Stated,
    /// At the end of the file: the header's length fields are too small for the sound.
    EndOfBytes,
}

/// Parsed header of a WAV file, and the location of its sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wav {
    pub(super) channels: u16,
    pub(super) excerpt: Excerpt,
    /// End of the sound in what the decoder sees.
    pub(super) end: SoundEnd,
    /// Notes on how contradictions between header and file were resolved.
    pub(super) notes: Vec<String>,
    /// Samples per channel, if the last block holds more than the sound.
    pub(super) frames: Option<u64>,
    /// Description of the coding, if it differs from what the decoder sees.
    pub(super) codec: Option<&'static str>,
}

/// Bounds of the chunks in a file.
struct Chunks {
    /// End of the `RIFF` chunk's content, if its length is not a placeholder.
    riff_end: Option<u64>,
    file_len: u64,
}

/// The chunks before the sound.
#[derive(Default)]
struct ChunksBefore {
    format: Option<WavFormat>,
    /// Length of the sound in a file that may exceed 4 GiB.
    ds64_data: Option<u64>,
    /// Samples per channel according to a `fact` chunk.
    fact: Option<u32>,
}

/// Whether a file starts like a supported WAV file.
pub(super) fn is_wav(head: &[u8]) -> bool {
    let is_riff = [b"RIFF", b"RF64", b"BW64"]
        .iter()
        .any(|mark| head.starts_with(*mark));
    is_riff && head.get(8..12) == Some(b"WAVE")
}

/// Parses the chunks up to the sound.
pub(super) fn check(
    path: &Path,
    file: &mut (impl Read + Seek),
    file_len: u64,
) -> Result<Wav, AudioError> {
    let io = |source| AudioError::from_io(path, source);
    file.seek(SeekFrom::Start(4)).map_err(io)?;
    let riff_len = read_u32(file).map_err(io)?;
    let chunks = Chunks {
        riff_end: (riff_len > 0 && !is_placeholder(riff_len))
            .then(|| CHUNK_HEADER + u64::from(riff_len)),
        file_len,
    };
    let mut before = ChunksBefore::default();
    let mut at = 12;
    while at + CHUNK_HEADER <= file_len {
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let (tag, len) = read_chunk_header(file).map_err(io)?;
        at += CHUNK_HEADER;
        if tag == *b"data" {
            let format = before.format.ok_or_else(|| {
                damaged(path, "its sound comes before the description of its sound")
            })?;
            let mut data = DataChunk {
                path,
                chunks: &chunks,
                start: at,
                fact: before
                    .fact
                    .filter(|&frames| frames > 0 && !is_placeholder(frames)),
                notes: Vec::new(),
            };
            let len = data.len(file, len, before.ds64_data, &format)?;
            return data.wav(format, len);
        }
        let n = u64::from(len).min(file_len - at);
        match &tag {
            b"fmt " => {
                let format = WavFormat::read(file, n).map_err(io)?;
                check_credible(path, format.rate_hz, usize::from(format.channels))?;
                before.format = Some(format.checked(path)?);
            }
            b"fact" if n >= 4 => before.fact = Some(read_u32(file).map_err(io)?),
            b"ds64" if n >= 16 => before.ds64_data = Some(read_ds64(file).map_err(io)?),
            _ => {}
        }
        at += u64::from(len) + u64::from(len % 2);
    }
    Err(damaged(path, "it ends before its sound begins"))
}

/// Whether a length means "unknown".
fn is_placeholder(len: u32) -> bool {
    const HALF: u32 = 1 << 31;
    len >= u32::MAX - PLACEHOLDER_SPAN || (HALF - PLACEHOLDER_SPAN..=HALF).contains(&len)
}

/// The data chunk, being validated against its file.
struct DataChunk<'a> {
    path: &'a Path,
    chunks: &'a Chunks,
    start: u64,
    fact: Option<u32>,
    notes: Vec<String>,
}

impl DataChunk<'_> {
    /// Returns the length of the sound in bytes.
    fn len(
        &mut self,
        file: &mut (impl Read + Seek),
        stated: u32,
        ds64: Option<u64>,
        format: &WavFormat,
    ) -> Result<u64, AudioError> {
        let present = self.chunks.file_len - self.start;
        let len = match ds64 {
            Some(len) if stated == IN_DS64 => len,
            _ => u64::from(stated),
        };
        if stated == 0 && present > 0 && !self.is_chain(file, self.start)? {
            self.note("its header gives a length of 0, as written by a program that could not go back; read to the end of the file");
            return Ok(present);
        }
        if len <= present {
            self.look_behind(file, len, format)?;
            return Ok(len);
        }
        if is_placeholder(stated) {
            self.note(
                "its header does not know its length, as written to a pipe; read to the end of the file",
            );
            return Ok(present);
        }
        let is_whole = self.chunks.riff_end.is_some_and(|end| {
            // The padding byte of an odd chunk is often omitted.
            end.abs_diff(self.chunks.file_len) <= 1
        });
        let too_long = len - present;
        if is_whole && too_long <= MOST_HEADER_BYTES {
            self.note(&format!(
                "its header counts {too_long} bytes more of sound than the file holds, while the file has the length that the header \
                 gives for all of it; read to the end of the file"
            ));
            return Ok(present);
        }
        let secs = |bytes: u64| bytes as f64 / f64::from(format.bytes_per_sec.max(1));
        Err(AudioError::Truncated {
            path: self.path.into(),
            promised_secs: secs(len),
            found_secs: secs(present),
        })
    }

    /// Notes data after the sound that are not read.
    fn look_behind(
        &mut self,
        file: &mut (impl Read + Seek),
        len: u64,
        format: &WavFormat,
    ) -> Result<(), AudioError> {
        let io = |source| AudioError::from_io(self.path, source);
        let end = self.start + len;
        let mut at = end + len % 2;
        let behind = self.chunks.file_len.saturating_sub(end);
        if behind < u64::from(format.block_align.max(1)) + CHUNK_HEADER {
            return Ok(());
        }
        while at + CHUNK_HEADER <= self.chunks.file_len {
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            let (tag, len) = read_chunk_header(file).map_err(io)?;
            if tag == *b"data" {
                let more = u64::from(len).min(self.chunks.file_len - at - CHUNK_HEADER);
                self.note(&format!(
                    "it holds a second stretch of sound of {more} bytes behind the first, which is not read"
                ));
                return Ok(());
            }
            if !is_tag(tag) {
                break;
            }
            at += CHUNK_HEADER + u64::from(len) + u64::from(len % 2);
        }
        if at < self.chunks.file_len {
            self.note(&format!(
                "{} bytes behind the sound are not read: its header does not count them as sound",
                self.chunks.file_len - at
            ));
        }
        Ok(())
    }

    /// Whether a sequence of chunks begins here that ends with the file.
    fn is_chain(&self, file: &mut (impl Read + Seek), mut at: u64) -> Result<bool, AudioError> {
        let io = |source| AudioError::from_io(self.path, source);
        while at + CHUNK_HEADER <= self.chunks.file_len {
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            let (tag, len) = read_chunk_header(file).map_err(io)?;
            if !is_tag(tag) {
                return Ok(false);
            }
            at += CHUNK_HEADER + u64::from(len) + u64::from(len % 2);
        }
        Ok(at.abs_diff(self.chunks.file_len) <= 1)
    }

    fn note(&mut self, what: &str) {
        self.notes.push(what.to_string());
    }

    /// Samples per channel of blocks, with the last one according to a `fact` chunk.
    fn frames(&mut self, format: &WavFormat, len: u64) -> Option<u64> {
        let per_block = format.frames_per_block()?;
        let whole_blocks = len / u64::from(format.block_align.max(1));
        let held = match format.ima() {
            Some(layout) => layout.frames(len),
            None => whole_blocks * per_block,
        };
        if format.ima().is_none() && !len.is_multiple_of(u64::from(format.block_align.max(1))) {
            self.note("its sound ends in the middle of a block, which is left out");
        }
        let stated = u64::from(self.fact?);
        if stated <= held && stated + per_block > held {
            return Some(stated);
        }
        self.note(&format!(
            "its header counts {stated} samples, and its blocks hold {held}; read to the end of its blocks"
        ));
        None
    }

    fn wav(mut self, format: WavFormat, len: u64) -> Result<Wav, AudioError> {
        let block = u64::from(format.block_align.max(1));
        let frames = self.frames(&format, len);
        let len = if format.is_blockwise() {
            len
        } else {
            if !len.is_multiple_of(block) {
                self.note("its sound ends in the middle of a sample, which is left out");
            }
            len - len % block
        };
        let layout = format.ima();
        let (shown, shown_len) = match layout {
            Some(layout) => (format.as_pcm16(), layout.decoded_bytes(layout.frames(len))),
            None => (format, len),
        };
        if shown_len == 0 {
            let path = self.path.into();
            return Err(AudioError::NoSamples { path });
        }
        let excerpt = Excerpt::new(plain_header(&shown, shown_len), self.start, len);
        Ok(Wav {
            channels: shown.channels,
            end: if fits_header(shown_len) {
                SoundEnd::Stated
            } else {
                SoundEnd::EndOfBytes
            },
            excerpt: match layout {
                Some(layout) => excerpt.decoding(layout),
                None => excerpt,
            },
            notes: self.notes,
            frames,
            codec: layout.map(|_| "IMA ADPCM"),
        })
    }
}

/// The header passed to the decoder. Lengths that do not fit are left open.
fn plain_header(format: &WavFormat, len: u64) -> Vec<u8> {
    let chunk = format.chunk();
    let all = 4 + CHUNK_HEADER + chunk.len() as u64 + CHUNK_HEADER + len;
    let fits = fits_header(len);
    let length = |len: u64| if fits { len as u32 } else { u32::MAX }.to_le_bytes();
    let mut header = b"RIFF".to_vec();
    header.extend(length(all));
    header.extend(b"WAVEfmt ");
    header.extend((chunk.len() as u32).to_le_bytes());
    header.extend(chunk);
    header.extend(b"data");
    header.extend(length(len));
    header
}

/// Header of integer PCM with `bits` bits and `len` bytes; `None` if `len` exceeds its length fields.
pub(super) fn pcm_header(channels: u16, rate_hz: u32, bits: u16, len: u64) -> Option<Vec<u8>> {
    fits_header(len).then(|| plain_header(&WavFormat::pcm(channels, rate_hz, bits), len))
}

/// Whether a plain header can express a sound of this length.
fn fits_header(len: u64) -> bool {
    u32::try_from(len.saturating_add(MOST_HEADER_BYTES + READ_BYTES)).is_ok()
}

fn is_tag(tag: [u8; 4]) -> bool {
    tag.iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn damaged(path: &Path, reason: &str) -> AudioError {
    AudioError::Damaged {
        path: path.into(),
        at_secs: 0.0,
        reason: reason.into(),
    }
}

fn read_chunk_header(file: &mut impl Read) -> io::Result<([u8; 4], u32)> {
    let mut tag = [0; 4];
    file.read_exact(&mut tag)?;
    Ok((tag, read_u32(file)?))
}

/// Reads the length of the sound from a `ds64` chunk, after that of the whole file.
fn read_ds64(file: &mut impl Read) -> io::Result<u64> {
    let mut lengths = [0; 16];
    file.read_exact(&mut lengths)?;
    let [_, _, _, _, _, _, _, _, data @ ..] = lengths;
    Ok(u64::from_le_bytes(data))
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
