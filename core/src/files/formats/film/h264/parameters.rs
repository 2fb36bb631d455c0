//! What a decoder must know before the first frame, and before each.

use super::bits::Bits;
use super::{FRAME_NUMBER_BITS, FilmShape, QP};

/// Units of time that a frame takes, twice.
const TICKS: u32 = 1000;
/// Numbers of key frames are told apart by their last digits.
const KEY_NUMBERS: usize = 1 << 15;

/// Levels with the macroblocks of a frame and of a second that they allow (Table A-1), in tens.
const LEVELS: [(u8, usize, f64); 7] = [
    (30, 1620, 40_500.0),
    (31, 3600, 108_000.0),
    (32, 5120, 216_000.0),
    (40, 8192, 245_760.0),
    (42, 8704, 522_240.0),
    (50, 22_080, 589_824.0),
    (52, 36_864, 2_073_600.0),
];

/// The lowest level that allows such frames.
fn level(shape: &FilmShape) -> u8 {
    let [columns, rows] = shape.size.map(|side| side.div_ceil(16));
    let n_blocks = columns * rows;
    let per_sec = n_blocks as f64 * shape.fps;
    let fits =
        |(_, of_frame, of_sec): &&(u8, usize, f64)| n_blocks <= *of_frame && per_sec <= *of_sec;
    LEVELS.iter().find(fits).map_or(52, |(level, ..)| *level)
}

/// The sequence parameter set (7.3.2.1.1).
pub(super) fn sequence(shape: &FilmShape) -> Bits {
    let mut bits = Bits::default();
    // Baseline, also constrained.
    bits.put(66, 8);
    bits.put(0xc0, 8);
    bits.put(u32::from(level(shape)), 8);
    bits.unsigned(0);
    bits.unsigned(FRAME_NUMBER_BITS - 4);
    // Frames are shown in the order in which they come.
    bits.unsigned(2);
    // One frame is referred to, and none is missing.
    bits.unsigned(1);
    bits.flag(false);
    let blocks = shape.size.map(|side| side.div_ceil(16));
    bits.unsigned(blocks[0] as u32 - 1);
    bits.unsigned(blocks[1] as u32 - 1);
    // Whole frames; direct motion of 8 × 8, which is not used.
    bits.flag(true);
    bits.flag(true);
    let beyond = [0, 1].map(|axis| (16 * blocks[axis] - shape.size[axis]) as u32 / 2);
    bits.flag(beyond != [0, 0]);
    if beyond != [0, 0] {
        for beyond in [0, beyond[0], 0, beyond[1]] {
            bits.unsigned(beyond);
        }
    }
    bits.flag(true);
    usability(&mut bits, shape.fps);
    bits
}

/// Shape of pixels, colours and time (E.1.1).
fn usability(bits: &mut Bits, fps: f64) {
    // Square pixels; nothing said of the rim.
    bits.flag(true);
    bits.put(1, 8);
    bits.flag(false);
    // Unspecified kind of video, not the full range; primaries, transfer and matrix of BT.709.
    bits.flag(true);
    bits.put(5, 3);
    bits.flag(false);
    bits.flag(true);
    for _ in 0..3 {
        bits.put(1, 8);
    }
    bits.flag(false);
    bits.flag(true);
    bits.put(TICKS, 32);
    bits.put((2.0 * f64::from(TICKS) * fps).round() as u32, 32);
    bits.flag(true);
    // Neither buffers, nor structure, nor restrictions are told.
    for _ in 0..4 {
        bits.flag(false);
    }
}

/// The picture parameter set (7.3.2.2).
pub(super) fn picture() -> Bits {
    let mut bits = Bits::default();
    bits.unsigned(0);
    bits.unsigned(0);
    // Codes of variable length; one group of blocks, one frame in each list.
    bits.flag(false);
    bits.flag(false);
    bits.unsigned(0);
    bits.unsigned(0);
    bits.unsigned(0);
    // No weights.
    bits.flag(false);
    bits.put(0, 2);
    bits.signed(i32::from(QP) - 26);
    bits.signed(0);
    bits.signed(0);
    // Slices say whether there is a loop filter; no restrictions.
    bits.flag(true);
    bits.flag(false);
    bits.flag(false);
    bits
}

/// The header of a frame's only slice (7.3.3).
///
/// * `since_key`: frames since the last key frame; 0 for a key frame.
/// * `key_number`: of that key frame.
pub(super) fn slice_header(bits: &mut Bits, since_key: usize, key_number: usize) {
    let is_key = since_key == 0;
    bits.unsigned(0);
    // All slices of the frame are of this kind: 7 is I, 5 is P.
    bits.unsigned(if is_key { 7 } else { 5 });
    bits.unsigned(0);
    bits.put(since_key as u32, FRAME_NUMBER_BITS);
    if is_key {
        bits.unsigned((key_number % KEY_NUMBERS) as u32);
        // It is shown, and not kept for long.
        bits.flag(false);
        bits.flag(false);
    } else {
        // The usual list of frames, in its usual order; the oldest is forgotten.
        for _ in 0..3 {
            bits.flag(false);
        }
    }
    bits.signed(0);
    // No loop filter.
    bits.unsigned(1);
}
