//! The principal directions of the training features, and rows seen in them.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::products::Products;
use super::spread::Spread;
use crate::matrix::{Eigen, EigenError, Real, product, transposed};
use crate::split::TrainingFeatures;

/// Singular values up to this one are dropped, as in the published rounds.
const SINGULAR_CUTOFF: f64 = 1e-10;

/// Why a ridge model cannot be fitted.
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum RidgeError {
    #[error("There are no α to try. Give a list or a range, such as 10 to 1000 in 10 steps.")]
    NoAlphas,
    #[error("An α is {0}. Each must be a number of at least 0.")]
    BadAlpha(f64),
    #[error(
        "There are {n_scans} training scans and {n_features} features; both must be at least 1."
    )]
    Empty { n_scans: usize, n_features: usize },
    #[error(
        "The training features hold values that are not finite, the first in scan {scan}, feature {feature}. Look at them on the \
         page Features, or leave the story out."
    )]
    NotFinite { scan: usize, feature: usize },
    #[error(
        "The test features have {test} columns and the training features {training}: they come from different models or delays."
    )]
    Columns { test: usize, training: usize },
    #[error(transparent)]
    Eigen(#[from] EigenError),
}

/// Which products a model is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasisForm {
    /// Features times features.
    Primal,
    /// Scans times scans: less work if there are fewer scans than features.
    Kernel,
}

impl BasisForm {
    /// The one with the smaller matrix.
    #[must_use]
    pub fn of_shape(n_scans: usize, n_features: usize) -> Self {
        if n_scans < n_features {
            Self::Kernel
        } else {
            Self::Primal
        }
    }
}

/// The training features and their products: what all steps of a fit share.
///
/// All that is decomposed is decomposed in double precision; `T` is that of the products with voxels.
pub struct Problem<'a, T> {
    products: Arc<Products<'a>>,
    /// `(n_features, n_scans)`: the features in the fit's precision, one feature per row.
    pub(super) transposed: Array2<T>,
}

impl<'a, T: Real> Problem<'a, T> {
    /// Multiplies the training features with themselves, in double precision.
    ///
    /// # Errors
    /// [`RidgeError`] if there are none, or one is no number.
    pub fn new(training: &'a TrainingFeatures) -> Result<Self, RidgeError> {
        Products::new(&training.0).map(|products| Self::of(Arc::new(products)))
    }

    fn of(products: Arc<Products<'a>>) -> Self {
        Self {
            transposed: transposed(products.features.view()),
            products,
        }
    }

    /// The same in double precision; what either decomposes, the other need not.
    pub(crate) fn in_double(&self) -> Problem<'a, f64> {
        Problem::of(self.products.clone())
    }

    /// Lets go of what the round looked at last was decomposed into.
    pub(crate) fn forget_round(&self) {
        self.products.forget_round();
    }

    pub(super) fn features(&self) -> &'a Array2<f64> {
        self.products.features
    }

    pub(super) fn form(&self) -> BasisForm {
        self.products.form
    }

    /// The basis of all rows, and `others` `(n, n_features)` seen in it.
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

    /// Some of the rows, seen in the basis of all: `(n_rows, k)`, times its singular values in the primal form.
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

    /// The directions of all rows, `(k, n_features)` or `(k, n_scans)`.
    pub(super) fn directions(&self) -> Result<Array2<T>, RidgeError> {
        Ok(transposed(self.products.eigen()?.vectors.view()))
    }

    /// Squared singular values of all rows, as they were computed: those that are 0 may be a little less.
    pub(super) fn values(&self) -> Result<&Array1<f64>, RidgeError> {
        Ok(&self.products.eigen()?.values)
    }

    /// The basis of the rows that are kept, and the held-out ones seen in it.
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

/// Held-out rows in the basis of the others: what their scores are computed from.
#[derive(Debug, Clone)]
pub(super) enum Held<T> {
    /// `(n_held, k)`: the rows, so that predictions can be formed.
    Rows(Array2<T>),
    /// Their second moments, if there are many.
    Spread(Spread<T>),
}

impl Held<f64> {
    /// The same in the precision of a fit.
    fn nearest<T: Real>(&self) -> Held<T> {
        match self {
            Held::Rows(rows) => Held::Rows(rows.mapv(T::nearest)),
            Held::Spread(spread) => Held::Spread(spread.nearest()),
        }
    }
}

/// Directions of the rows of a fit.
pub(super) struct Basis<T> {
    /// `(k,)`: squared singular values, at least 0.
    values: Array1<f64>,
    /// `(k, n_features)` (primal) or `(k, n_retained)` (kernel): one direction per row.
    pub(super) directions: Array2<T>,
}

impl<T: Real> Basis<T> {
    fn new(values: &Array1<f64>, vectors: &Array2<f64>) -> Self {
        Self {
            values: values.mapv(|value| value.max(0.0)),
            directions: transposed(vectors.view()),
        }
    }

    /// Largest singular value of the kept rows.
    pub(super) fn largest_singular_value(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max).sqrt()
    }

    /// What each direction is multiplied by at a penalty: `1 / (λ + α²)`. Directions that hold nothing but rounding are
    /// dropped.
    pub(super) fn shrinkage(&self, penalty: f64) -> Array1<f64> {
        let largest = self.largest_singular_value().powi(2);
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
