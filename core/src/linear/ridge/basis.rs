//! Eigenbasis of the training features, and the projection of other rows onto it.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::error::RidgeError;
use super::products::{BasisForm, Held, Products};
use crate::linear::split::TrainingFeatures;
use crate::maths::matrix::{Eigen, Real, product, transposed};

/// Singular values up to this one are dropped, as in the published validation rounds.
const SINGULAR_CUTOFF: f64 = 1e-10;

/// The training features and their Gram matrix, shared by all steps of a fit.
///
/// Eigendecompositions are always in double precision; `T` is the precision of products with voxels.
pub struct Problem<'a, T> {
    products: Arc<Products<'a>>,
    /// `(n_features, n_scans)`: the features in the fit's precision, one feature per row.
    pub(super) transposed: Array2<T>,
}

impl<'a, T: Real> Problem<'a, T> {
    /// Computes the Gram matrix of the training features in double precision.
    ///
    /// # Errors
    /// Returns a [`RidgeError`] if the matrix is empty or has a non-finite value.
    pub fn new(training: &'a TrainingFeatures) -> Result<Self, RidgeError> {
        Products::new(&training.0).map(|products| Self::of(Arc::new(products)))
    }

    fn of(products: Arc<Products<'a>>) -> Self {
        Self {
            transposed: transposed(products.features.view()),
            products,
        }
    }

    /// Returns the same problem in double precision; the two share their eigendecompositions.
    pub(crate) fn in_double(&self) -> Problem<'a, f64> {
        Problem::of(self.products.clone())
    }

    /// Drops the cached decomposition of the last round.
    pub(crate) fn forget_round(&self) {
        self.products.forget_round();
    }

    pub(super) fn features(&self) -> &'a Array2<f64> {
        self.products.features
    }

    pub(super) fn form(&self) -> BasisForm {
        self.products.form
    }

    /// Returns the eigenbasis of all rows, and `others` `(n, n_features)` projected onto it.
    pub(super) fn whole(
        &self,
        others: ArrayView2<f64>,
    ) -> Result<(Basis<T>, Array2<T>), RidgeError> {
        let Eigen { values, vectors } = self.products.eigen()?;
        let seen = match self.form() {
            BasisForm::Primal => product(others, vectors.view()),
            BasisForm::Kernel => {
                let kernel = product(others, self.features().t());
                product(kernel.view(), vectors.view())
            }
        };
        Ok((Basis::new(values, vectors), seen.mapv(T::nearest)))
    }

    /// Returns some of the rows in the eigenbasis of all: `(n_rows, k)`, scaled by the singular values in the primal form.
    pub(super) fn seen_in_whole(&self, rows: &[usize]) -> Result<Array2<f64>, RidgeError> {
        let vectors = &self.products.eigen()?.vectors;
        Ok(match self.form() {
            BasisForm::Primal => {
                let rows = self.features().select(Axis(0), rows);
                product(rows.view(), vectors.view())
            }
            BasisForm::Kernel => vectors.select(Axis(0), rows),
        })
    }

    /// Eigenvectors of all rows, `(k, n_features)` or `(k, n_scans)`.
    pub(super) fn directions(&self) -> Result<Array2<T>, RidgeError> {
        Ok(transposed(self.products.eigen()?.vectors.view()))
    }

    /// Squared singular values of all rows as computed: zeros may come out slightly negative.
    pub(super) fn values(&self) -> Result<&Array1<f64>, RidgeError> {
        Ok(&self.products.eigen()?.values)
    }

    /// Returns the eigenbasis of a round's training rows, and its held-out rows projected onto it.
    pub(super) fn without(
        &self,
        held_rows: &[usize],
        training_rows: &[usize],
    ) -> Result<(Basis<T>, Held<T>), RidgeError> {
        let round = self.products.round(held_rows, training_rows)?;
        let Eigen { values, vectors } = &round.kept;
        Ok((Basis::new(values, vectors), round.held.nearest()))
    }
}

/// Eigenvalues and eigenvectors of the rows of a fit.
pub(super) struct Basis<T> {
    /// `(k,)`: squared singular values, at least 0.
    values: Array1<f64>,
    /// `(k, n_features)` (primal) or `(k, n_training)` (kernel): one eigenvector per row.
    pub(super) directions: Array2<T>,
}

impl<T: Real> Basis<T> {
    fn new(values: &Array1<f64>, vectors: &Array2<f64>) -> Self {
        Self {
            values: values.mapv(|value| value.max(0.0)),
            directions: transposed(vectors.view()),
        }
    }

    /// Largest singular value of the training rows.
    pub(super) fn largest_singular_value(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max).sqrt()
    }

    /// Shrinkage factor of each direction at a penalty: `1 / (λ + α²)`, or 0 for directions that are nothing but rounding
    /// error.
    pub(super) fn shrinkage(&self, penalty: f64) -> Array1<f64> {
        let largest = self.largest_singular_value().powi(2);
        // Rounding error of a computed eigenvalue: about `k · ε · λ_max`.
        let rounding = largest * f64::EPSILON * self.values.len() as f64;
        self.values.mapv(|value| {
            let is_dropped = value.sqrt() <= SINGULAR_CUTOFF || value + penalty <= rounding;
            if is_dropped {
                0.0
            } else {
                1.0 / (value + penalty)
            }
        })
    }
}
