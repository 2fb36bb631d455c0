//! Delayed copies of the features: the model's finite impulse response (FIR) for the haemodynamic delay.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use serde::{Deserialize, Serialize};

/// Whether delays extend across story boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayBorders {
    /// Rows are shifted across stories: the first rows of a story hold the end of the previous one. As published.
    #[default]
    AcrossStories,
    /// Rows are shifted within each story, with zeros before its start.
    WithinStories,
}

/// Concatenates delayed copies of the features.
///
/// * `features`: `(n_scans, n_features)`, stories concatenated.
/// * `delays`: in scans; negative ones look ahead.
/// * `story_scans`: the number of scans of each story, whose sum is `n_scans`.
///
/// Returns `(n_scans, delays.len() · n_features)`: all features at the first delay, then all at the second. Rows shifted in
/// from outside are 0.
#[must_use]
pub fn delayed(
    features: ArrayView2<f64>,
    delays: &[i32],
    story_scans: &[usize],
    borders: DelayBorders,
) -> Array2<f64> {
    let (n_scans, n_features) = features.dim();
    let mut result = Array2::zeros((n_scans, delays.len() * n_features));
    let whole = [n_scans];
    let pieces = match borders {
        DelayBorders::AcrossStories => &whole[..],
        DelayBorders::WithinStories => story_scans,
    };
    let mut first = 0;
    for n_piece in pieces {
        let rows = first..(first + n_piece).min(n_scans);
        let from = features.slice(s![rows.clone(), ..]);
        for (copy, delay) in delays.iter().enumerate() {
            let columns = copy * n_features..(copy + 1) * n_features;
            shift(from, result.slice_mut(s![rows.clone(), columns]), *delay);
        }
        first = rows.end;
    }
    result
}

/// Writes `from` into `to`, shifted down by `delay` rows. `to` is initially 0.
fn shift(from: ArrayView2<f64>, mut to: ArrayViewMut2<f64>, delay: i32) {
    let n_rows = from.nrows();
    let n_shift = (delay.unsigned_abs() as usize).min(n_rows);
    let (early, late) = (0..n_rows - n_shift, n_shift..n_rows);
    let (source, target) = if delay >= 0 {
        (early, late)
    } else {
        (late, early)
    };
    to.slice_mut(s![target, ..])
        .assign(&from.slice(s![source, ..]));
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn copies_stand_side_by_side_and_start_with_zeros() {
        let features = array![[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]];
        let result = delayed(
            features.view(),
            &[1, 2, -1, 0, 9],
            &[3],
            DelayBorders::default(),
        );
        assert_eq!(
            result,
            array![
                [0.0, 0.0, 0.0, 0.0, 2.0, 20.0, 1.0, 10.0, 0.0, 0.0],
                [1.0, 10.0, 0.0, 0.0, 3.0, 30.0, 2.0, 20.0, 0.0, 0.0],
                [2.0, 20.0, 1.0, 10.0, 0.0, 0.0, 3.0, 30.0, 0.0, 0.0],
            ]
        );
    }

    #[test]
    fn within_stories_nothing_crosses_the_border() {
        let features = array![[1.0], [2.0], [3.0], [4.0]];
        let of = |borders| delayed(features.view(), &[1], &[2, 2], borders);
        assert_eq!(
            of(DelayBorders::AcrossStories),
            array![[0.0], [1.0], [2.0], [3.0]]
        );
        assert_eq!(
            of(DelayBorders::WithinStories),
            array![[0.0], [1.0], [0.0], [3.0]]
        );
    }
}
