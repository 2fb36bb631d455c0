//! How predictions of many held-out rows vary, without forming them.
//!
//! A prediction of `h` held-out rows is `P s`, where `P` `(h, k)` are the rows in the basis and `s` the coordinates of the fit. Scores ask
//! of it only its mean, its variance and its covariance with what was measured. With `P` centred and `PᵀP = RᵀR`, `R` upper
//! triangular `(k, k)`, the variance is `|R s|² / h` and the covariance `s · Pᵀy / h`. For every α that takes `k²` operations in place of
//! `2 h k`, whatever the number of held-out rows.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, s};

use crate::matrix::{Real, cholesky, gram, product_by_one_thread as product, transposed};
use crate::score::Moments;

/// Rows of the triangle that are multiplied at once; what is left of its diagonal is skipped.
const PANEL_ROWS: usize = 256;

/// The second moments of held-out rows in a basis.
#[derive(Debug, Clone)]
pub(super) struct Spread<T> {
    /// `(k, k)`, upper triangular.
    triangle: Array2<T>,
    /// `(k,)`: mean over the rows.
    mean: Array1<f64>,
    n_rows: usize,
}

impl Spread<f64> {
    /// Of rows `(h, k)` seen in a basis; `None` if there are too few for it to be less work.
    pub(super) fn of(seen: ArrayView2<f64>) -> Option<Self> {
        let (n_rows, k) = seen.dim();
        if !is_less_work(n_rows, k) {
            return None;
        }
        let mean = seen.mean_axis(Axis(0))?;
        let mut square = gram((&seen - &mean).view());
        // Directions that hold nothing, or nothing but rounding, must not stop the factorisation.
        square
            .diag_mut()
            .mapv_inplace(|value| value * (1.0 + 1e-14) + f64::MIN_POSITIVE);
        let lower = cholesky(square)?;
        Some(Self {
            triangle: transposed(lower.view()),
            mean,
            n_rows,
        })
    }

    /// The same in the precision of a fit.
    pub(super) fn nearest<T: Real>(&self) -> Spread<T> {
        Spread {
            triangle: self.triangle.mapv(T::nearest),
            mean: self.mean.clone(),
            n_rows: self.n_rows,
        }
    }
}

impl<T: Real> Spread<T> {
    /// `(k, n_voxels)`: the rows, centred, times centred responses. `crossed`: the rows times responses as they are, whose means
    /// are `means`.
    pub(super) fn centre(&self, mut crossed: Array2<T>, means: ArrayView1<f64>) -> Array2<T> {
        for (mut row, direction) in crossed.rows_mut().into_iter().zip(&self.mean) {
            let sum = direction * self.n_rows as f64;
            Zip::from(&mut row)
                .and(means)
                .for_each(|value, mean| *value = T::nearest(value.double() - sum * mean));
        }
        crossed
    }

    /// The moments of predictions with coordinates `shrunk` `(k, n_voxels)`, beside responses of which [`Self::centre`] gave `crossed`.
    pub(super) fn moments(&self, shrunk: ArrayView2<T>, crossed: ArrayView2<T>) -> Moments {
        let n_voxels = shrunk.ncols();
        let [mut mean, mut covariance, mut squares] =
            [(); 3].map(|()| Array1::<f64>::zeros(n_voxels));
        let rows = shrunk.rows().into_iter().zip(crossed.rows());
        for ((shrunk, crossed), direction) in rows.zip(&self.mean) {
            Zip::from(&mut mean)
                .and(&mut covariance)
                .and(shrunk)
                .and(crossed)
                .for_each(|mean, covariance, shrunk, crossed| {
                    *mean += direction * shrunk.double();
                    *covariance += shrunk.double() * crossed.double();
                });
        }
        for first in (0..shrunk.nrows()).step_by(PANEL_ROWS) {
            let end = shrunk.nrows().min(first + PANEL_ROWS);
            let panel = self.triangle.slice(s![first..end, first..]);
            for row in product(panel, shrunk.slice(s![first.., ..])).rows() {
                Zip::from(&mut squares)
                    .and(row)
                    .for_each(|sum, value| *sum += value.double() * value.double());
            }
        }
        let n_rows = self.n_rows as f64;
        Moments {
            mean,
            variance: squares / n_rows,
            covariance: covariance / n_rows,
        }
    }
}

/// Whether moments out of `k` directions are less work than predictions of `n_held` rows.
pub(crate) fn is_less_work(n_held: usize, k: usize) -> bool {
    n_held > k
}
