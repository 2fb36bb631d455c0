//! What each of two sets of features explains alone, and what both share.

use ndarray::{Array1, ArrayView1, Zip};

/// The parts of what two models together explain, `(n_voxels,)` each. Estimates on test scans can be negative, and stay so:
/// cutting them at 0 would make their means too large.
#[derive(Debug, Clone, PartialEq)]
pub struct VariancePartition {
    /// Only the first set explains it: both together, less the second alone.
    pub unique_first: Array1<f64>,
    /// Only the second set explains it.
    pub unique_second: Array1<f64>,
    /// Either set explains it.
    pub shared: Array1<f64>,
}

/// Divides what is explained, from the scores (R², or |r|·r) of the first set's model, the second's, and the one of both side by
/// side.
///
/// # Panics
/// If the numbers of voxels differ: a fault of the caller.
#[must_use]
pub fn partition(
    first: ArrayView1<f64>,
    second: ArrayView1<f64>,
    both: ArrayView1<f64>,
) -> VariancePartition {
    VariancePartition {
        unique_first: &both - &second,
        unique_second: &both - &first,
        shared: Zip::from(&first)
            .and(&second)
            .and(&both)
            .map_collect(|first, second, both| first + second - both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn parts_add_up_to_what_each_model_explains() {
        let (first, second, both) = (
            array![0.3, 0.1, -0.05],
            array![0.2, 0.0, 0.1],
            array![0.4, 0.12, 0.02],
        );
        let parts = partition(first.view(), second.view(), both.view());
        let sums = [
            (&parts.unique_first + &parts.shared, first),
            (&parts.unique_second + &parts.shared, second),
            (
                &parts.unique_first + &parts.unique_second + &parts.shared,
                both,
            ),
        ];
        for (sum, expected) in sums {
            for (a, b) in sum.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-15);
            }
        }
        assert!((parts.unique_first[0] - 0.2).abs() < 1e-15);
        assert!((parts.shared[0] - 0.1).abs() < 1e-15);
    }
}
