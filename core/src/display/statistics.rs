//! Summary statistics of a layer.

use ndarray::ArrayView2;

/// Summary statistics of a layer's features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerStatistics {
    /// Number of rows.
    pub n_rows: usize,
    /// Number of dimensions.
    pub n_dims: usize,
    /// Mean of all finite values.
    pub mean: f64,
    /// Population standard deviation of all finite values.
    pub sd: f64,
    /// Smallest finite value; 0 if there is none.
    pub min: f32,
    /// Largest finite value; 0 if there is none.
    pub max: f32,
    /// Mean Euclidean norm of the rows.
    pub mean_norm: f64,
    /// Number of values that are NaN or infinite.
    pub n_not_finite: usize,
    /// Number of dimensions whose standard deviation is below a thousandth of the layer's.
    pub n_still_dims: usize,
}

impl LayerStatistics {
    /// Computes the statistics of features `(n_rows, n_dims)` in double precision.
    #[must_use]
    pub fn of(features: ArrayView2<f32>) -> Self {
        let (n_rows, n_dims) = features.dim();
        let (mut n, mut sum, mut squares) = (0_usize, 0.0_f64, 0.0_f64);
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let mut by_dim = vec![(0_usize, 0.0_f64, 0.0_f64); n_dims];
        let mut norms = 0.0;
        for row in features.rows() {
            let mut row_squares = 0.0;
            for (value, (dim_n, dim_sum, dim_squares)) in row.iter().zip(&mut by_dim) {
                if !value.is_finite() {
                    continue;
                }
                let exact = f64::from(*value);
                (min, max) = (min.min(*value), max.max(*value));
                row_squares += exact * exact;
                sum += exact;
                n += 1;
                *dim_n += 1;
                *dim_sum += exact;
                *dim_squares += exact * exact;
            }
            squares += row_squares;
            norms += row_squares.sqrt();
        }
        let sd_of = |n: usize, sum: f64, squares: f64| {
            let n = n.max(1) as f64;
            (squares / n - (sum / n).powi(2)).max(0.0).sqrt()
        };
        let sd = sd_of(n, sum, squares);
        let is_still =
            |(n, sum, squares): &&(usize, f64, f64)| sd_of(*n, *sum, *squares) < sd * 1e-3;
        Self {
            n_rows,
            n_dims,
            mean: sum / n.max(1) as f64,
            sd,
            min: if n > 0 { min } else { 0.0 },
            max: if n > 0 { max } else { 0.0 },
            mean_norm: norms / n_rows.max(1) as f64,
            n_not_finite: n_rows * n_dims - n,
            n_still_dims: by_dim.iter().filter(is_still).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn statistics_are_those_of_the_definition() {
        // By hand: mean 14/6; squares 1+4+9+16+16+0 = 46; variance 46/6 − (14/6)² = 2.2222.
        let features = array![[1.0_f32, 2.0, 3.0], [4.0, 4.0, 0.0]];
        let found = LayerStatistics::of(features.view());
        assert!(
            (found.mean - 14.0 / 6.0).abs() < 1e-12
                && (found.sd - 2.222_222_222_f64.sqrt()).abs() < 1e-9
        );
        assert_eq!(
            (found.min, found.max, found.n_not_finite, found.n_still_dims),
            (0.0, 4.0, 0, 0)
        );
        assert!((found.mean_norm - f64::midpoint(14.0_f64.sqrt(), 32.0_f64.sqrt())).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_finite_and_what_is_still_is_counted() {
        let features = array![
            [1.0_f32, f32::NAN, 5.0],
            [2.0, f32::INFINITY, 5.0],
            [9.0, 1.0, 5.0]
        ];
        let found = LayerStatistics::of(features.view());
        assert_eq!((found.n_not_finite, found.n_still_dims), (2, 2));
        assert_eq!((found.min, found.max), (1.0, 9.0));
        let nothing = LayerStatistics::of(ndarray::Array2::zeros((0, 4)).view());
        assert_eq!((nothing.n_rows, nothing.min, nothing.max), (0, 0.0, 0.0));
    }
}
