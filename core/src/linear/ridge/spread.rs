//! Second moments of the predictions of many held-out rows, without forming the predictions.
//!
//! The prediction of `h` held-out rows is `P s`, where `P` `(h, k)` holds the rows in the eigenbasis and `s` the shrunk
//! coordinates of the fit. Scores need only its mean, its variance and its covariance with the responses. With `P` centred
//! and `PᵀP = RᵀR`, `R` upper triangular `(k, k)`, the variance is `|R s|² / h` and the covariance `s · Pᵀy / h`. This
//! takes `k²` operations per α instead of `2 h k`, whatever the number of held-out rows; and `R s` at many α is a
//! combination of fewer terms (`blend.rs`).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::blend::Blend;
use crate::maths::matrix::{Real, cholesky, gram, transposed};
use crate::stats::score::Moments;

/// Second moments of held-out rows in an eigenbasis.
#[derive(Debug, Clone)]
pub(super) struct Spread<T> {
    /// `(k, k)`, upper triangular.
    triangle: Array2<T>,
    /// `(k,)`: mean over the rows.
    mean: Array1<f64>,
    n_rows: usize,
}

impl Spread<f64> {
    /// Of rows `(h, k)` in an eigenbasis; `None` if there are too few for this to be cheaper.
    pub(super) fn of(seen: ArrayView2<f64>) -> Option<Self> {
        let (n_rows, k) = seen.dim();
        if !is_less_work(n_rows, k) {
            return None;
        }
        let mean = seen.mean_axis(Axis(0))?;
        let mut square = gram((&seen - &mean).view());
        // Jitter, so that null directions, or ones that are nothing but rounding error, do not stop the Cholesky
        // factorisation.
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

    /// Rounds to the precision of a fit.
    pub(super) fn nearest<T: Real>(&self) -> Spread<T> {
        Spread {
            triangle: self.triangle.mapv(T::nearest),
            mean: self.mean.clone(),
            n_rows: self.n_rows,
        }
    }
}

impl<T: Real> Spread<T> {
    /// Returns centred rows times centred responses, `(k, n_voxels)`. `crossed`: uncentred rows times uncentred responses;
    /// `means`: the means of the responses.
    pub(super) fn centre(&self, mut crossed: Array2<T>, means: ArrayView1<f64>) -> Array2<T> {
        for (mut row, direction) in crossed.rows_mut().into_iter().zip(&self.mean) {
            let sum = direction * self.n_rows as f64;
            Zip::from(&mut row)
                .and(means)
                .for_each(|value, mean| *value = T::nearest(value.double() - sum * mean));
        }
        crossed
    }

    /// Returns the moments of predictions at each penalty, for the responses of which [`Self::centre`] gave `crossed`.
    ///
    /// * `coordinates`: `(k, n_voxels)`, before shrinkage.
    /// * `factors`: `(n_alphas, k)`, shrinkage factors; `blend`: the same in low-rank form.
    pub(super) fn moments(
        &self,
        coordinates: ArrayView2<T>,
        crossed: ArrayView2<T>,
        factors: &[Array1<T>],
        blend: &Blend<T>,
    ) -> Vec<Moments> {
        let mut squares = Array2::<f64>::zeros((factors.len(), coordinates.ncols()));
        blend.for_each_row(self.triangle.view(), coordinates, |_, row| {
            Zip::from(&mut squares)
                .and(row)
                .for_each(|sum, value| *sum += value.double() * value.double());
        });
        let n_rows = self.n_rows as f64;
        let moments = |(factors, squares): (&Array1<T>, ArrayView1<f64>)| {
            let n_voxels = coordinates.ncols();
            let [mut mean, mut covariance] = [(); 2].map(|()| Array1::<f64>::zeros(n_voxels));
            let rows = coordinates.rows().into_iter().zip(crossed.rows());
            for ((row, crossed), (factor, direction)) in rows.zip(factors.iter().zip(&self.mean)) {
                Zip::from(&mut mean)
                    .and(&mut covariance)
                    .and(row)
                    .and(crossed)
                    .for_each(|mean, covariance, value, crossed| {
                        let shrunk = factor.double() * value.double();
                        *mean += direction * shrunk;
                        *covariance += shrunk * crossed.double();
                    });
            }
            Moments {
                mean,
                variance: &squares / n_rows,
                covariance: covariance / n_rows,
            }
        };
        factors.iter().zip(squares.rows()).map(moments).collect()
    }
}

/// Whether moments over `k` directions are cheaper than predictions of `n_held` rows.
pub(crate) fn is_less_work(n_held: usize, k: usize) -> bool {
    n_held > k
}
