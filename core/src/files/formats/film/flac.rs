//! Sound without loss, as FLAC frames of 16-bit mono.
//!
//! Source: RFC 9639.

use super::Sound;

/// Samples of a frame; the last may be shorter.
pub(super) const BLOCK: usize = 4096;
/// Parts of a whole block that have a Rice parameter each, as a power of two.
const PARTITION_ORDER: u32 = 4;
/// The largest Rice parameter of four bits; 15 is an escape.
const MOST_RICE: u32 = 14;

/// The block of information on the stream: 34 bytes.
pub(super) fn stream_info(sound: Sound) -> [u8; 34] {
    let mut bits = Bits::default();
    bits.push(BLOCK as u64, 16);
    bits.push(BLOCK as u64, 16);
    // The lengths of frames are not told.
    bits.push(0, 48);
    bits.push(u64::from(sound.rate_hz), 20);
    // One channel, 16 bits.
    bits.push(0, 3);
    bits.push(15, 5);
    bits.push(sound.samples.len() as u64, 36);
    let mut info = [0; 34];
    info[..bits.bytes.len()].copy_from_slice(&bits.bytes);
    info
}

/// The frames of a recording.
pub(super) fn frames(sound: Sound) -> Vec<Vec<u8>> {
    let blocks = sound.samples.chunks(BLOCK).enumerate();
    blocks.map(|(number, block)| frame(number, block)).collect()
}

fn frame(number: usize, block: &[i16]) -> Vec<u8> {
    let mut bits = Bits::default();
    // Sync code; all blocks have one length.
    bits.push(0xfff8, 16);
    let is_whole = block.len() == BLOCK;
    // 4096 samples, or their number less one in 16 bits behind; the rate is that of the stream.
    bits.push(if is_whole { 0b1100 } else { 0b0111 }, 4);
    bits.push(0b0000, 4);
    // Mono, 16 bits, reserved.
    bits.push(0b0000_1000, 8);
    let mut text = [0; 4];
    // Numbers are coded as UTF-8 codes letters; films are shorter than surrogates begin (55,296 frames are 4 hours).
    let letter = char::from_u32(number as u32).unwrap_or(char::MAX);
    for byte in letter.encode_utf8(&mut text).bytes() {
        bits.push(u64::from(byte), 8);
    }
    if !is_whole {
        bits.push(block.len() as u64 - 1, 16);
    }
    let check = crc8(&bits.bytes);
    bits.push(u64::from(check), 8);
    subframe(block, &mut bits);
    bits.align();
    let check = crc16(&bits.bytes);
    bits.push(u64::from(check), 16);
    bits.bytes
}

/// A block by the fixed predictor of second order, or as it is if it is too short.
fn subframe(block: &[i16], bits: &mut Bits) {
    let sample = |value: i16| u64::from(value as u16);
    if block.len() <= 2 {
        bits.push(0b0000_0010, 8);
        for value in block {
            bits.push(sample(*value), 16);
        }
        return;
    }
    bits.push(0b0001_0100, 8);
    for value in &block[..2] {
        bits.push(sample(*value), 16);
    }
    let residuals = block.windows(3).map(|three| {
        let [before, last, now] = [three[0], three[1], three[2]].map(i32::from);
        let error = now - 2 * last + before;
        // Signs in the lowest bit.
        ((error << 1) ^ (error >> 31)) as u32
    });
    let residuals: Vec<u32> = residuals.collect();
    let order = if block.len() == BLOCK {
        PARTITION_ORDER
    } else {
        0
    };
    bits.push(0, 2);
    bits.push(u64::from(order), 4);
    let length = block.len() >> order;
    let mut begin = 0;
    for partition in 1..=1_usize << order {
        // The first partition lacks the samples that nothing predicts.
        let end = partition * length - 2;
        let own = &residuals[begin..end];
        let cost = |rice: u32| -> u64 {
            own.iter()
                .map(|value| u64::from(value >> rice) + 1 + u64::from(rice))
                .sum()
        };
        let rice = (0..=MOST_RICE).min_by_key(|rice| cost(*rice)).unwrap_or(0);
        bits.push(u64::from(rice), 4);
        for value in own {
            bits.zeros(value >> rice);
            bits.push(1, 1);
            bits.push(u64::from(value & ((1 << rice) - 1)), rice);
        }
        begin = end;
    }
}

/// Bits, the highest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are used; 0 if it is full.
    used: u32,
}

impl Bits {
    /// Adds the lowest `n` bits of a value.
    fn push(&mut self, value: u64, n: u32) {
        for at in (0..n).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> at & 1) as u8) << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    fn zeros(&mut self, n: u32) {
        for _ in 0..n {
            self.push(0, 1);
        }
    }

    fn align(&mut self) {
        self.used = 0;
    }
}

/// Polynomial x⁸ + x² + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| (crc << 1) ^ (0x07 * (crc >> 7)))
    })
}

/// Polynomial x¹⁶ + x¹⁵ + x² + 1.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc: u16, _| {
            (crc << 1) ^ (0x8005 * (crc >> 15))
        })
    })
}
