//! Sample formats of WAV files.

use std::io::{self, Read};
use std::path::Path;

use super::super::error::AudioError;
use super::super::ima;

const PCM: u16 = 1;
const MS_ADPCM: u16 = 2;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const IMA_ADPCM: u16 = 0x11;
const EXTENSIBLE: u16 = 0xfffe;
/// Remainder of the GUID after the format number in an extensible header.
const GUID_REST: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// The same for Ambisonic formats.
const AMBISONIC_REST: [u8; 14] = [
    0, 0, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0, 0, 0,
];
/// Codecs in WAV files that are not supported. Source: Microsoft's mmreg.h.
const FOREIGN: [(u16, &str); 16] = [
    (0x14, "ITU G.723"),
    (0x31, "GSM 6.10"),
    (0x40, "ITU G.721"),
    (0x50, "MPEG layer 1 or 2"),
    (0x55, "MP3"),
    (0x64, "ITU G.726"),
    (0x65, "ITU G.722"),
    (0xff, "AAC"),
    (0x161, "Windows Media Audio"),
    (0x162, "Windows Media Audio Professional"),
    (0x28f, "ITU G.722"),
    (0x2000, "AC-3"),
    (0x674f, "Vorbis"),
    (0x6771, "Vorbis"),
    (0x704f, "Opus"),
    (0xf1ac, "FLAC"),
];
/// Maximum number of channels that the decoder supports.
const MOST_CHANNELS: u16 = 26;
/// Maximum number of channels of IMA ADPCM whose interleaving other programs agree on.
const MOST_IMA_CHANNELS: u16 = 2;
/// Number of bytes read of the chunk: a full extensible header, and the ADPCM coefficients.
pub(super) const READ_BYTES: u64 = 256;

/// Contents of a `fmt ` chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WavFormat {
    /// Format tag; for an extensible header, the one in its GUID.
    tag: u16,
    pub(super) channels: u16,
    pub(super) rate_hz: u32,
    pub(super) bytes_per_sec: u32,
    pub(super) block_align: u16,
    bits: u16,
    /// Extension bytes, without their length field.
    extension: Vec<u8>,
    is_ambisonic: bool,
}

impl WavFormat {
    /// Reads a chunk of `len` bytes.
    pub(super) fn read(file: &mut impl Read, len: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(len.min(READ_BYTES)).read_to_end(&mut bytes)?;
        let u16_at = |at: usize| {
            let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
        };
        let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
        let extension = bytes.get(18..).unwrap_or_default();
        let extension = extension[..extension.len().min(usize::from(u16_at(16)))].to_vec();
        let mut format = Self {
            tag: u16_at(0),
            channels: u16_at(2),
            rate_hz: u32_at(4),
            bytes_per_sec: u32_at(8),
            block_align: u16_at(12),
            bits: u16_at(14),
            is_ambisonic: false,
            extension,
        };
        // Valid bits, channel mask, then the GUID.
        if format.tag == EXTENSIBLE
            && let Some(guid) = format.extension.get(6..22)
        {
            format.is_ambisonic = guid[2..] == AMBISONIC_REST;
            if guid[2..] == GUID_REST {
                format.tag = u16::from_le_bytes([guid[0], guid[1]]);
            }
        }
        Ok(format)
    }

    /// Whether samples are coded in blocks.
    pub(super) fn is_blockwise(&self) -> bool {
        matches!(self.tag, MS_ADPCM | IMA_ADPCM)
    }

    /// Rejects formats that are unsupported or inconsistent.
    pub(super) fn checked(self, path: &Path) -> Result<Self, AudioError> {
        let unsupported = |kind: String| AudioError::Unsupported {
            path: path.into(),
            kind,
        };
        let is_read = match self.tag {
            PCM => matches!(self.bits, 8 | 16 | 24 | 32),
            FLOAT => matches!(self.bits, 32 | 64),
            A_LAW | MU_LAW => self.bits == 8,
            MS_ADPCM | IMA_ADPCM => self.bits == 4,
            _ => false,
        };
        if self.is_ambisonic {
            return Err(unsupported(
                "Ambisonic sound, whose channels are no loudspeakers,".into(),
            ));
        }
        if self.channels > MOST_CHANNELS {
            return Err(unsupported(format!(
                "a WAV file of {} channels",
                self.channels
            )));
        }
        if !is_read {
            return Err(unsupported(self.described()));
        }
        self.check_blocks(path)?;
        let align = u32::from(self.channels) * u32::from(self.bits / 8);
        if !self.is_blockwise() && self.block_align != 0 && u32::from(self.block_align) != align {
            return Err(AudioError::Contradiction {
                path: path.into(),
                what: format!(
                    "{} bits per sample and {} channels make {align} bytes per instant, but it says {}",
                    self.bits, self.channels, self.block_align
                ),
            });
        }
        Ok(Self {
            block_align: if self.is_blockwise() {
                self.block_align
            } else {
                align as u16
            },
            ..self
        })
    }

    /// Rejects impossible blocks, and blocks whose number of samples contradicts the header.
    fn check_blocks(&self, path: &Path) -> Result<(), AudioError> {
        if self.tag == IMA_ADPCM && self.channels > MOST_IMA_CHANNELS {
            return Err(AudioError::Unsupported {
                path: path.into(),
                kind: format!("IMA ADPCM of {} channels", self.channels),
            });
        }
        let Some(frames) = self.frames_per_block() else {
            return Ok(());
        };
        let stated = self.extension.first_chunk().copied();
        let stated = stated.map_or(0, |bytes| u64::from(u16::from_le_bytes(bytes)));
        if frames > 0 && (stated == 0 || stated == frames) {
            return Ok(());
        }
        let stated = if stated == 0 { frames } else { stated };
        Err(AudioError::Contradiction {
            path: path.into(),
            what: format!(
                "blocks of {} bytes hold {frames} samples, but it says {stated}",
                self.block_align
            ),
        })
    }

    /// Returns the samples per channel of a block, for block codings.
    pub(super) fn frames_per_block(&self) -> Option<u64> {
        let channels = u64::from(self.channels);
        let behind = |header: u64| u64::from(self.block_align).checked_sub(header * channels);
        match self.tag {
            // Each channel's block header holds two samples.
            MS_ADPCM => Some(behind(7).map_or(0, |coded| coded * 2 / channels + 2)),
            IMA_ADPCM => Some(self.ima().map_or(0, ima::ImaLayout::frames_per_block)),
            _ => None,
        }
    }

    /// Returns the block layout, if the format is IMA ADPCM.
    pub(super) fn ima(&self) -> Option<ima::ImaLayout> {
        let layout = ima::ImaLayout {
            channels: self.channels,
            block_bytes: self.block_align,
        };
        (self.tag == IMA_ADPCM && layout.frames_per_block() > 0).then_some(layout)
    }

    /// Returns the format of the same sound as 16-bit samples.
    pub(super) fn as_pcm16(&self) -> Self {
        Self::pcm(self.channels, self.rate_hz, 16)
    }

    /// Returns the format of integer PCM with `bits` bits.
    pub(super) fn pcm(channels: u16, rate_hz: u32, bits: u16) -> Self {
        let block_align = channels * (bits / 8);
        Self {
            tag: PCM,
            channels,
            rate_hz,
            bytes_per_sec: rate_hz.saturating_mul(block_align.into()),
            block_align,
            bits,
            extension: Vec::new(),
            is_ambisonic: false,
        }
    }

    /// Description of the format, completing "This recording is …".
    fn described(&self) -> String {
        let bits = self.bits;
        match self.tag {
            PCM => format!("{bits}-bit PCM in a WAV file"),
            FLOAT => format!("{bits}-bit floating point in a WAV file"),
            A_LAW => format!("{bits}-bit A-law in a WAV file"),
            MU_LAW => format!("{bits}-bit μ-law in a WAV file"),
            MS_ADPCM | IMA_ADPCM => format!("{bits}-bit ADPCM in a WAV file"),
            tag => match FOREIGN.iter().find(|(known, _)| *known == tag) {
                Some((_, name)) => format!("{name} inside a WAV file"),
                None => format!("a WAV file with the coding number 0x{tag:04x}"),
            },
        }
    }

    /// Serialises the chunk for the decoder, with the length fields it expects.
    pub(super) fn chunk(&self) -> Vec<u8> {
        let extension: &[u8] = if self.is_blockwise() {
            &self.extension
        } else {
            &[]
        };
        let mut bytes = Vec::new();
        bytes.extend(self.tag.to_le_bytes());
        bytes.extend(self.channels.to_le_bytes());
        bytes.extend(self.rate_hz.to_le_bytes());
        bytes.extend(self.bytes_per_sec.to_le_bytes());
        bytes.extend(self.block_align.to_le_bytes());
        bytes.extend(self.bits.to_le_bytes());
        bytes.extend((extension.len() as u16).to_le_bytes());
        bytes.extend(extension);
        bytes
    }
}
