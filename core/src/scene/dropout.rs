//! Hatching where the scanner had no signal.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use super::canvas::Canvas;
use super::data::{DataMap, DataReader};
use crate::brain::Subject;

/// The exponent of pycortex.
pub const DROPOUT_POWER: i32 = 20;
/// Distance between lines of the hatching along rows and columns, pixels.
const STEP: usize = 8;
/// Their width, pixels.
const WIDTH: usize = 2;

/// Hatching over a picture.
#[derive(Debug, Clone, Copy)]
pub struct Dropout<'a> {
    /// How opaque the hatching is, from 0 to 1; none where it is not a number.
    pub data: DataMap<'a>,
}

/// How much of the signal is lost in each voxel, from 0 to 1: (1 − normalised signal) to the power of 20.
///
/// * `signal`: `(z, y, x)`, the mean of functional images. Voxels of 0 count as the mean of the others.
///
/// Source: `with_dropout` of pycortex 1.4.
#[must_use]
pub fn dropout(signal: ArrayView3<f32>) -> Array3<f32> {
    let is_known = |value: &f64| *value != 0.0 && value.is_finite();
    let values = signal.mapv(f64::from);
    let n_known = values.iter().filter(|value| is_known(value)).count();
    let sum: f64 = values.iter().filter(|value| is_known(value)).sum();
    let mean = sum / n_known as f64;
    let filled = values.mapv(|value| if is_known(&value) { value } else { mean });
    let least = filled.iter().copied().fold(f64::INFINITY, f64::min);
    let most = filled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    filled.mapv(|value| {
        let share = (value - least) / (most - least);
        (1.0 - share).powi(DROPOUT_POWER) as f32
    })
}

impl<'a> Dropout<'a> {
    /// Draws crossed lines over a picture.
    pub(super) fn draw(&self, subject: &'a Subject, canvas: &Canvas, rgba: &mut [u8]) {
        let reader = DataReader::new(self.data, subject);
        let width = canvas.size[0];
        let middle = canvas.n_samples / 2;
        rgba.par_chunks_mut(4).enumerate().for_each(|(at, pixel)| {
            let (column, row) = (at % width, at / width);
            if !is_hatched(column, row, width) {
                return;
            }
            let [x, y] = [column, row].map(|place| place * canvas.n_samples + middle);
            let share = canvas.seen.hit(x, y).map(|hit| reader.value(&hit));
            if let Some(share) = share.filter(|share| !share.is_nan()) {
                let left = 1.0 - share.clamp(0.0, 1.0);
                for channel in &mut pixel[..3] {
                    *channel = (f32::from(*channel) * left).round() as u8;
                }
            }
        });
    }
}

/// Whether a pixel belongs to one of the lines, which run in both diagonals, as in pycortex.
fn is_hatched(column: usize, row: usize, width: usize) -> bool {
    (column + row) % STEP < WIDTH || (width - 1 - column + row) % STEP < WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_voxel_is_lost_and_the_strongest_is_not() {
        let signal = Array3::from_shape_vec((1, 1, 5), vec![10.0, 0.0, 110.0, 60.0, 20.0]).unwrap();
        let lost = dropout(signal.view());
        // The mean of the others is 50.
        let expected = [
            1.0,
            0.6_f64.powi(20),
            0.0,
            0.5_f64.powi(20),
            0.9_f64.powi(20),
        ];
        for (found, expected) in lost.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{lost:?}");
        }
    }

    #[test]
    fn lines_are_two_of_eight_pixels_wide_in_both_diagonals() {
        let n = (0..64)
            .flat_map(|row| (0..64).map(move |column| (column, row)))
            .filter(|(column, row)| is_hatched(*column, *row, 64))
            .count();
        // One minus the share of pixels that neither line has, (6 / 8)².
        assert_eq!(n, 64 * 64 * 7 / 16);
    }
}
