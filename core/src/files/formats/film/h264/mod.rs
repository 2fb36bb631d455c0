//! A small encoder of H.264 (Constrained Baseline): key frames every two seconds, motion of whole blocks between, one quality.
//!
//! A decoder's part of the standard is followed to the letter, or the picture would drift: prediction, transform, quantisation and
//! entropy code. Of what an encoder may choose, little is used: blocks of 16 × 16 alone, motion by whole pixels, one picture to
//! refer to, no loop filter. That is enough for rendered films, most of which stands still.
//!
//! Source: ITU-T H.264 (08/2021).

mod bits;
mod cavlc;
mod macroblock;
mod motion;
mod parameters;
mod picture;
mod residual;
mod within;

use super::{FilmError, FilmShape, Frame};
use bits::Bits;
use macroblock::SliceEncoder;
use picture::Planes;

/// Quality of all blocks: the quantiser's step is 4.5 grey levels, so that plain grounds stay plain.
pub(super) const QP: u8 = 17;
/// Seconds from one key frame to the next at most.
const KEY_SECS: f64 = 2.0;
/// Bits of the number of a frame.
pub(super) const FRAME_NUMBER_BITS: u32 = 8;

/// A film's video.
pub(super) struct Video {
    /// The sequence parameter set.
    pub(super) sps: Vec<u8>,
    /// The picture parameter set.
    pub(super) pps: Vec<u8>,
    pub(super) samples: Vec<Sample>,
}

/// A frame.
pub(super) struct Sample {
    /// Units of the network abstraction layer, each with its length in front.
    pub(super) bytes: Vec<u8>,
    /// Whether decoding can begin here.
    pub(super) is_key: bool,
}

/// Encodes frames of even width and height.
pub(super) fn encode<E: From<FilmError>>(
    shape: &FilmShape,
    frames: impl Iterator<Item = Result<Frame, E>>,
) -> Result<Video, E> {
    let key_frames = (KEY_SECS * shape.fps).round().clamp(1.0, 250.0) as usize;
    let mut samples = Vec::new();
    let mut before: Option<Planes> = None;
    for (at, frame) in frames.enumerate() {
        let frame = frame?;
        frame.check(shape)?;
        let wanted = Planes::of_rgb(&frame);
        let since_key = at % key_frames;
        let is_key = since_key == 0;
        let mut bits = Bits::default();
        parameters::slice_header(&mut bits, since_key, at / key_frames);
        let reference = before.as_ref().filter(|_| !is_key);
        let encoder = SliceEncoder::new(&wanted, reference, bits);
        let (bits, decoded) = encoder.encode();
        // Kind 5 is a key frame, 1 another; both are referred to.
        let unit = unit(if is_key { 0x65 } else { 0x41 }, &bits.finish());
        let mut bytes = (unit.len() as u32).to_be_bytes().to_vec();
        bytes.extend(unit);
        samples.push(Sample { bytes, is_key });
        before = Some(decoded);
    }
    Ok(Video {
        sps: unit(0x67, &parameters::sequence(shape).finish()),
        pps: unit(0x68, &parameters::picture().finish()),
        samples,
    })
}

/// A unit with its header. Three bytes that look like the beginning of a unit are kept apart by a fourth (7.4.1.1).
fn unit(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![header];
    let mut n_zeros = 0;
    for byte in payload {
        if n_zeros >= 2 && *byte <= 3 {
            bytes.push(3);
            n_zeros = 0;
        }
        n_zeros = if *byte == 0 { n_zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}
