//! How predictions of many held-out rows vary, without forming them.
//!
//! A prediction of `h` held-out rows is `P s`, where `P` `(h, k)` are the rows in the basis and `s` the coordinates of the fit. Scores ask
//! of it only its mean, its variance and its covariance with what was measured. With `P` centred and `PᵀP = RᵀR`, `R` upper
//! triangular `(k, k)`, the variance is `|R s|² / h` and the covariance `s · Pᵀy / h`. For every α that takes `k²` operations in place of
//! `2 h k`, whatever the number of held-out rows; and `R s` of many α is mixed from that of fewer terms (`blend.rs`).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::blend::Blend;
use crate::matrix::{Real, cholesky, gram, transposed};
use crate::score::Moments;

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

    /// The moments of predictions at each penalty, for what was measured of which [`Self::centre`] gave `crossed`.
    ///
    /// * `coordinates`: `(k, n_voxels)`, before the penalties.
    /// * `factors`: `(n_alphas, k)`, what each direction is multiplied by at each; `blend`: the same in few terms.
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

/// Whether moments out of `k` directions are less work than predictions of `n_held` rows.
pub(crate) fn is_less_work(n_held: usize, k: usize) -> bool {
    n_held > k
}
