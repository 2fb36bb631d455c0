//! Z-scoring of columns.

use ndarray::{Array1, ArrayView2, ArrayViewMut2, Axis};

/// Mean and standard deviation of each column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStatistics {
    /// `(n_columns,)`.
    pub mean: Array1<f64>,
    /// `(n_columns,)`, with divisor `n`, not `n − 1`; 1 for a constant column, which is therefore only centred.
    pub deviation: Array1<f64>,
}

impl ColumnStatistics {
    /// Computes the statistics of `columns` `(n_rows, n_columns)`.
    #[must_use]
    pub fn of(columns: ArrayView2<f64>) -> Self {
        let mean = columns
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(columns.ncols()));
        let mut deviation = Array1::zeros(columns.ncols());
        for row in columns.rows() {
            let apart = &row - &mean;
            deviation += &(&apart * &apart);
        }
        let n_rows = columns.nrows().max(1) as f64;
        deviation.mapv_inplace(|sum: f64| (sum / n_rows).sqrt());
        // The mean of equal values is rounded, so that their standard deviation may not be exactly 0.
        let first = columns.rows().into_iter().next();
        for (column, deviation) in deviation.iter_mut().enumerate() {
            let constant = first.is_some_and(|row| {
                columns
                    .column(column)
                    .iter()
                    .all(|value| value.to_bits() == row[column].to_bits())
            });
            if constant || *deviation == 0.0 {
                *deviation = 1.0;
            }
        }
        Self { mean, deviation }
    }

    /// Subtracts the mean and divides by the standard deviation.
    pub fn apply(&self, mut columns: ArrayViewMut2<f64>) {
        for mut row in columns.rows_mut() {
            row -= &self.mean;
            row /= &self.deviation;
        }
    }
}

/// Z-scores each column over its rows. Constant columns are only centred.
pub fn zscore(mut columns: ArrayViewMut2<f64>) {
    ColumnStatistics::of(columns.view()).apply(columns.view_mut());
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn columns_get_mean_0_and_variance_1_and_constants_become_0() {
        // The mean of three times 0.1 is not exactly 0.1.
        let mut columns = array![[1.0, 0.1], [2.0, 0.1], [6.0, 0.1]];
        zscore(columns.view_mut());
        let deviation = (14.0_f64 / 3.0).sqrt();
        for (value, expected) in columns.column(0).iter().zip([-2.0, -1.0, 3.0]) {
            assert!((value - expected / deviation).abs() < 1e-15);
        }
        assert!(columns.column(1).iter().all(|value| value.abs() < 1e-15));
    }

    #[test]
    fn statistics_of_the_training_set_serve_the_test_set() {
        let statistics = ColumnStatistics::of(array![[0.0], [4.0]].view());
        let mut test = array![[2.0], [8.0]];
        statistics.apply(test.view_mut());
        assert_eq!(test, array![[0.0], [3.0]]);
        assert_eq!(
            ColumnStatistics::of(Array2::zeros((0, 2)).view())
                .mean
                .len(),
            2
        );
    }

    use ndarray::Array2;
}
