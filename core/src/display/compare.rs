//! Comparison of two feature arrays: largest difference, its position, and correlation.

use ndarray::ArrayView2;

/// Differences between two arrays of the same shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The largest absolute difference.
    pub largest: f64,
    /// Row and dimension of the largest difference.
    pub at: [usize; 2],
    /// The largest absolute value of the first array.
    pub largest_value: f64,
    /// Pearson correlation over all values; NaN if either array is constant.
    pub correlation: f64,
    /// Number of values that are not finite in either array.
    pub n_not_finite: usize,
}

impl Difference {
    /// Compares two arrays, `(n_rows, n_dims)`, in double precision; returns `None` if their shapes differ.
    #[must_use]
    pub fn between(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Option<Self> {
        if a.dim() != b.dim() {
            return None;
        }
        let mut found = Self {
            largest: 0.0,
            at: [0, 0],
            largest_value: 0.0,
            correlation: f64::NAN,
            n_not_finite: 0,
        };
        // Sums relative to a first pair of values, which avoids cancellation with large means.
        let origin = a
            .iter()
            .zip(b)
            .find(|(x, y)| x.is_finite() && y.is_finite());
        let (x0, y0) = origin.map_or((0.0, 0.0), |(x, y)| (f64::from(*x), f64::from(*y)));
        let [mut n, mut sx, mut sy, mut sxx, mut syy, mut sxy] = [0.0_f64; 6];
        for ((row, dim), x) in a.indexed_iter() {
            let y = b[[row, dim]];
            if !x.is_finite() || !y.is_finite() {
                found.n_not_finite += 1;
                continue;
            }
            let (x, y) = (f64::from(*x), f64::from(y));
            found.largest_value = found.largest_value.max(x.abs());
            if (x - y).abs() > found.largest {
                found.largest = (x - y).abs();
                found.at = [row, dim];
            }
            let (x, y) = (x - x0, y - y0);
            n += 1.0;
            sx += x;
            sy += y;
            sxx += x * x;
            syy += y * y;
            sxy += x * y;
        }
        let covariance = sxy - sx * sy / n;
        let variances = (sxx - sx * sx / n) * (syy - sy * sy / n);
        found.correlation = covariance / variances.sqrt();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_largest_difference_and_the_correlation_are_found() {
        let a = array![[1.0_f32, 2.0], [3.0, 4.0]];
        let b = array![[1.0_f32, 2.5], [3.0, 3.0]];
        let found = Difference::between(a.view(), b.view());
        // numpy.corrcoef([1, 2, 3, 4], [1, 2.5, 3, 3])[0, 1]
        let expected = Difference {
            largest: 1.0,
            at: [1, 1],
            largest_value: 4.0,
            correlation: 0.886_592_641_311,
            n_not_finite: 0,
        };
        let Some(found) = found else {
            panic!("the shapes are the same")
        };
        assert!(
            (found.correlation - expected.correlation).abs() < 1e-9,
            "{}",
            found.correlation
        );
        assert_eq!(
            Difference {
                correlation: 0.0,
                ..found
            },
            Difference {
                correlation: 0.0,
                ..expected
            }
        );
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        let a = ndarray::Array2::from_shape_fn((100, 10), |(row, dim)| {
            10_000.0 + (row * 10 + dim) as f32 / 64.0
        });
        let found = Difference::between(a.view(), a.view());
        assert!(
            found.is_some_and(
                |found| (found.correlation - 1.0).abs() < 1e-12 && found.largest == 0.0
            )
        );
    }

    #[test]
    fn shapes_that_differ_are_not_compared() {
        assert_eq!(
            Difference::between(array![[1.0_f32]].view(), array![[1.0_f32, 2.0]].view()),
            None
        );
        let found = Difference::between(
            array![[1.0_f32, f32::NAN]].view(),
            array![[1.0_f32, 2.0]].view(),
        );
        assert_eq!(found.map(|found| found.n_not_finite), Some(1));
    }
}
