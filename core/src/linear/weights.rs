//! Weights of finite impulse response models over delays.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, s};

/// Returns the length (Euclidean norm) of the weights at each delay, `(n_delays, n_voxels)`.
///
/// * `weights`: `(n_delays · n_features, n_voxels)`, one delay after the other.
/// * `features`: the features that count.
///
/// # Panics
/// Panics if there are not as many weights as delays times features, which is a bug in the caller.
#[must_use]
pub fn profile(weights: ArrayView2<f64>, n_delays: usize, features: Range<usize>) -> Array2<f64> {
    let n_features = weights.nrows() / n_delays.max(1);
    let mut profile = Array2::zeros((n_delays, weights.ncols()));
    for (delay, mut lengths) in profile.rows_mut().into_iter().enumerate() {
        let first = delay * n_features;
        let of_delay = weights.slice(s![first + features.start..first + features.end, ..]);
        for row in of_delay.rows() {
            lengths.zip_mut_with(&row, |length, weight| *length += weight * weight);
        }
        lengths.mapv_inplace(f64::sqrt);
    }
    profile
}

/// Returns the delay at which each voxel's weights are longest, `(n_voxels,)`: of equal ones the first; NaN where all weights
/// are 0 or one is not finite.
///
/// * `profile`: `(n_delays, n_voxels)`, as of [`profile`].
/// * `delays`: `(n_delays,)`, in any unit.
#[must_use]
pub fn longest(profile: ArrayView2<f64>, delays: &[f64]) -> Array1<f64> {
    over_voxels(profile, |lengths| {
        let mut best = 0;
        for (at, length) in lengths.iter().enumerate() {
            if *length > lengths[best] {
                best = at;
            }
        }
        delays[best]
    })
}

/// Returns the centre of mass of each voxel's weights over delays, `(n_voxels,)`: Σ delay · length / Σ length; NaN where all
/// weights are 0 or one is not finite.
///
/// Arguments as for [`longest`].
#[must_use]
pub fn centre_of_mass(profile: ArrayView2<f64>, delays: &[f64]) -> Array1<f64> {
    over_voxels(profile, |lengths| {
        let moments = lengths.iter().zip(delays);
        let moment: f64 = moments.map(|(length, delay)| length * delay).sum();
        moment / lengths.iter().sum::<f64>()
    })
}

fn over_voxels(profile: ArrayView2<f64>, of_voxel: impl Fn(&[f64]) -> f64) -> Array1<f64> {
    let columns = profile.columns().into_iter();
    columns
        .map(|column| {
            let lengths = column.to_vec();
            let sum: f64 = lengths.iter().sum();
            if sum.is_finite() && sum > 0.0 {
                of_voxel(&lengths)
            } else {
                f64::NAN
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn profiles_over_delays_are_those_of_closed_form() {
        // Two features, three delays; voxels: 3-4-5 triangles at the second delay, all at the last, nothing, equal ones.
        let weights = array![
            [0.0, 0.0, 0.0, 1.0],
            [1.0, 0.0, 0.0, 0.0],
            [3.0, 0.0, 0.0, -1.0],
            [4.0, 0.0, 0.0, 0.0],
            [0.0, -2.0, 0.0, 0.0],
            [2.0, 0.0, 0.0, 1.0],
        ];
        let lengths = profile(weights.view(), 3, 0..2);
        assert_eq!(lengths.column(0).to_vec(), [1.0, 5.0, 2.0]);
        let delays = [1.0, 2.0, 4.0];
        let longest = longest(lengths.view(), &delays);
        assert_eq!(longest.to_vec()[..2], [2.0, 4.0]);
        assert!(longest[2].is_nan());
        assert!((longest[3] - 1.0).abs() < 1e-15);
        let centre = centre_of_mass(lengths.view(), &delays);
        // (1 + 2 · 5 + 4 · 2) / 8 and (1 + 2 + 4) / 3
        assert!((centre[0] - 2.375).abs() < 1e-15 && (centre[1] - 4.0).abs() < 1e-15);
        assert!(centre[2].is_nan() && (centre[3] - 7.0 / 3.0).abs() < 1e-15);
        // The second feature alone.
        assert_eq!(
            profile(weights.view(), 3, 1..2).column(0).to_vec(),
            [1.0, 4.0, 2.0]
        );
    }
}
