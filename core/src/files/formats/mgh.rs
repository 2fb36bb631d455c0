//! FreeSurfer's MGH images: their headers, and writing maps of a surface.
//!
//! Source: the format's page in FreeSurfer's wiki.

use super::affine::Affine;
use super::encode_error::{EncodeError, check_lengths};
use super::npy::ElementKind;

/// Size of the header, followed by the values.
pub(super) const HEADER_BYTES: usize = 284;
/// Type of values in single precision.
const SINGLE: i32 = 3;

/// Contents of a header.
pub(super) struct MghHeader {
    pub(super) kind: ElementKind,
    pub(super) sizes: [usize; 4],
    /// Voxel-to-space transform, if the header defines one.
    pub(super) affine: Option<Affine>,
}

impl MghHeader {
    /// Parses a header from the first bytes of a file.
    ///
    /// # Errors
    /// Returns a clause on what is wrong with it.
    pub(super) fn parse(head: &[u8]) -> Result<Self, String> {
        if head.len() < HEADER_BYTES {
            return Err("it ends within its header".into());
        }
        let word = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&head[at..at + 4]);
            bytes
        };
        let whole = |index: usize| i32::from_be_bytes(word(4 * index));
        if whole(0) != 1 {
            return Err("its version is not 1".into());
        }
        let mut sizes = [0_usize; 4];
        for (index, size) in sizes.iter_mut().enumerate() {
            *size = usize::try_from(whole(index + 1)).map_err(|_| "an axis has no size")?;
        }
        let kind = match whole(5) {
            0 => ">u1",
            1 => ">i4",
            SINGLE => ">f4",
            4 => ">i2",
            10 => ">u2",
            other => return Err(format!("its values are of type {other}")),
        };
        let real = |index: usize| f64::from(f32::from_be_bytes(word(30 + 4 * index)));
        let has_space = head[28..30] != [0, 0];
        Ok(Self {
            kind: ElementKind::parse(kind).ok_or("its values are of no known type")?,
            sizes,
            affine: has_space.then(|| affine(sizes, real)).flatten(),
        })
    }
}

/// Builds the transform from voxel sizes, direction cosines and the position of the image's centre.
fn affine(sizes: [usize; 4], real: impl Fn(usize) -> f64) -> Option<Affine> {
    let steps: [f64; 3] = std::array::from_fn(&real);
    let turn: [[f64; 3]; 3] =
        std::array::from_fn(|row| std::array::from_fn(|axis| real(3 + 3 * axis + row)));
    let middle: [f64; 3] = std::array::from_fn(|row| {
        let half = |axis: usize| turn[row][axis] * steps[axis] * sizes[axis] as f64 / 2.0;
        real(12 + row) - half(0) - half(1) - half(2)
    });
    Affine::of_axes(turn, steps, middle)
}

/// The bytes of an image of maps of one hemisphere, in single precision: the vertices lie along the first axis, each map is a
/// frame. The format keeps no names, and nothing is said of where the vertices lie.
///
/// * `maps`: name and values of each map, `(n_vertices,)`, any unit.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no maps, or they have different numbers of vertices.
pub fn encode(maps: &[(&str, &[f32])]) -> Result<Vec<u8>, EncodeError> {
    let n_vertices = maps.first().map_or(0, |(_, values)| values.len());
    check_lengths(maps.iter().copied(), n_vertices)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 4 * n_vertices * maps.len());
    for number in [1, count(n_vertices)?, 1, 1, count(maps.len())?, SINGLE, 0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.resize(HEADER_BYTES, 0);
    for (_, values) in maps {
        bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    }
    Ok(bytes)
}

fn count(n: usize) -> Result<i32, EncodeError> {
    i32::try_from(n).map_err(|_| EncodeError::TooMany {
        what: format!("{n} values"),
        format: "MGH",
        most: i32::MAX as usize,
    })
}
