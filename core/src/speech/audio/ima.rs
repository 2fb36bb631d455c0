//! Decoder of 4-bit IMA/DVI ADPCM in WAV files.
//!
//! A difference is the sum of the eighth, quarter, half and whole of the step selected by its bits, each rounded down, as
//! in the IMA recommendation and other decoders. Multiplying first and rounding once gives different samples.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Header bytes per channel of a block: the first sample, the index into [`STEPS`], and a reserved byte.
const HEADER_BYTES: usize = 4;
/// Bytes of one channel before the next channel in the interleaving.
const TURN_BYTES: usize = 4;
/// Bytes per decoded sample.
const SAMPLE_BYTES: usize = 2;
/// Step sizes of the IMA recommendation.
const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449,
    494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272,
    2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493,
    10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
/// Change of the index into [`STEPS`], by the three magnitude bits of a difference.
const MOVES: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

/// Block layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImaLayout {
    /// One or two.
    pub(super) channels: u16,
    /// Bytes per block, more than its channels' headers.
    pub(super) block_bytes: u16,
}

impl ImaLayout {
    /// Returns the samples per channel of a complete block.
    pub(super) fn frames_per_block(self) -> u64 {
        self.frames_in(usize::from(self.block_bytes)) as u64
    }

    /// Returns the samples per channel in `n_bytes` bytes of blocks, the last of which may be short.
    pub(super) fn frames(self, n_bytes: u64) -> u64 {
        let block = u64::from(self.block_bytes);
        n_bytes / block * self.frames_per_block()
            + self.frames_in((n_bytes % block) as usize) as u64
    }

    /// Returns the decoded size of `n_frames` frames, in bytes.
    pub(super) fn decoded_bytes(self, n_frames: u64) -> u64 {
        n_frames * u64::from(self.channels) * SAMPLE_BYTES as u64
    }

    /// Samples per channel of a block of `n_bytes`.
    fn frames_in(self, n_bytes: usize) -> usize {
        let channels = usize::from(self.channels);
        let Some(coded) = n_bytes.checked_sub(HEADER_BYTES * channels) else {
            return 0;
        };
        // With several channels only complete interleaving units count.
        match channels {
            1 => 1 + coded * 2,
            _ => 1 + coded / (TURN_BYTES * channels) * TURN_BYTES * 2,
        }
    }
}

/// Decoder state of a channel.
struct ImaState {
    sample: i32,
    place: usize,
}

impl ImaState {
    fn read(header: &[u8]) -> io::Result<Self> {
        let place = usize::from(header[2]);
        if place >= STEPS.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a block of its ADPCM begins with a step size that does not exist",
            ));
        }
        Ok(Self {
            sample: i32::from(i16::from_le_bytes([header[0], header[1]])),
            place,
        })
    }

    fn next(&mut self, code: u8) -> i16 {
        let step = STEPS[self.place];
        let mut difference = step >> 3;
        for (bit, shift) in [(1, 2), (2, 1), (4, 0)] {
            if code & bit != 0 {
                difference += step >> shift;
            }
        }
        let difference = if code & 8 != 0 {
            -difference
        } else {
            difference
        };
        self.sample = (self.sample + difference).clamp(i16::MIN.into(), i16::MAX.into());
        let place = self.place as i32 + MOVES[usize::from(code & 7)];
        self.place = place.clamp(0, STEPS.len() as i32 - 1) as usize;
        self.sample as i16
    }
}

/// Decodes one block, possibly a short last one, into interleaved little-endian 16-bit samples.
fn decode_block(layout: ImaLayout, block: &[u8], pcm: &mut Vec<u8>) -> io::Result<()> {
    let channels = usize::from(layout.channels);
    let frames = layout.frames_in(block.len());
    pcm.clear();
    pcm.resize(frames * channels * SAMPLE_BYTES, 0);
    if frames == 0 {
        return Ok(());
    }
    let (headers, coded) = block.split_at(HEADER_BYTES * channels);
    for (channel, header) in headers.chunks_exact(HEADER_BYTES).enumerate() {
        let mut state = ImaState::read(header)?;
        let mut put = |frame: usize, sample: i16| {
            let at = (frame * channels + channel) * SAMPLE_BYTES;
            if let Some(place) = pcm.get_mut(at..at + SAMPLE_BYTES) {
                place.copy_from_slice(&sample.to_le_bytes());
            }
        };
        put(0, state.sample as i16);
        let turns = coded.chunks(TURN_BYTES).skip(channel).step_by(channels);
        for (i, byte) in turns.flatten().enumerate() {
            put(1 + 2 * i, state.next(byte & 0xf));
            put(2 + 2 * i, state.next(byte >> 4));
        }
    }
    Ok(())
}

/// Reads the blocks of a file as decoded 16-bit samples.
pub(super) struct ImaBlocks {
    file: File,
    layout: ImaLayout,
    start: u64,
    len: u64,
    /// Index of the block decoded in `pcm`.
    current: Option<u64>,
    coded: Vec<u8>,
    pcm: Vec<u8>,
}

impl ImaBlocks {
    /// * `start` and `len`: the byte range of the blocks in the file.
    pub(super) fn new(file: File, layout: ImaLayout, start: u64, len: u64) -> Self {
        Self {
            file,
            layout,
            start,
            len,
            current: None,
            coded: Vec::new(),
            pcm: Vec::new(),
        }
    }

    /// Reads decoded bytes from offset `at` on.
    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let per_block = self.layout.decoded_bytes(self.layout.frames_per_block());
        let index = at / per_block;
        if self.current != Some(index) {
            self.load(index)?;
        }
        let rest = self.pcm.get((at % per_block) as usize..).unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn load(&mut self, index: u64) -> io::Result<()> {
        let block = u64::from(self.layout.block_bytes);
        let from = index * block;
        self.coded.clear();
        self.file.seek(SeekFrom::Start(self.start + from))?;
        (&mut self.file)
            .take(block.min(self.len.saturating_sub(from)))
            .read_to_end(&mut self.coded)?;
        self.current = None;
        decode_block(self.layout, &self.coded, &mut self.pcm)?;
        self.current = Some(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_difference_is_rounded_by_itself() {
        let layout = ImaLayout {
            channels: 1,
            block_bytes: 6,
        };
        // By hand: step 7 gives 0+1+3+7 for 7; then index 8, step 16: -(2+4) for 9; then index 7, step 14: 1+7 for 2.
        let block = [100, 0, 0, 0, 0x97, 0x02];
        let mut pcm = Vec::new();
        decode_block(layout, &block, &mut pcm).unwrap();
        let samples: Vec<i16> = pcm
            .chunks_exact(2)
            .map(|x| i16::from_le_bytes([x[0], x[1]]))
            .collect();
        assert_eq!(samples, [100, 111, 105, 113, 114]);
    }

    #[test]
    fn a_step_that_does_not_exist_is_no_panic() {
        let layout = ImaLayout {
            channels: 1,
            block_bytes: 6,
        };
        assert!(decode_block(layout, &[0, 0, 89, 0, 0, 0], &mut Vec::new()).is_err());
        // Shorter than its header: decodes to nothing.
        decode_block(layout, &[0, 0, 3], &mut Vec::new()).unwrap();
    }
}
