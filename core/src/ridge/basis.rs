//! The principal directions of the training features, and rows seen in them.

use std::sync::Arc;

use ndarray::parallel::prelude::{IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::products::Products;
use super::spread::Spread;
use crate::matrix::{
    Eigen, EigenError, Real, lower_product_by_one_thread, product, solve_by_one_thread, transposed,
};
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
pub enum Form {
    /// Features times features.
    Primal,
    /// Scans times scans: less work if there are fewer scans than features.
    Kernel,
}

impl Form {
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

    pub(super) fn form(&self) -> Form {
        self.products.form
    }

    /// The basis of all rows, and `others` `(n, n_features)` seen in it.
    pub(super) fn whole(
        &self,
        others: ArrayView2<f64>,
    ) -> Result<(Basis<T>, Array2<T>), RidgeError> {
        let Eigen { values, vectors } = self.products.eigen()?;
        let seen = match self.form() {
            Form::Primal => product(others, vectors.view()),
            Form::Kernel => {
                let kernel = product(others, self.features().t());
                product(kernel.view(), vectors.view())
            }
        };
        Ok((Basis::new(values, vectors), seen.mapv(T::nearest)))
    }

    /// How held-out rows are predicted from all the others, out of the basis of all rows; `None` if a penalty is too small for
    /// that to be exact.
    ///
    /// With `P` the held-out rows in the basis, `d` what each direction is multiplied by, and `H = P d Pᵀ`, a fit without them
    /// predicts `(I − H)⁻¹ P d (c − Pᵀ y)`, where `c` are the coordinates of all responses and `y` the held-out ones.
    /// Source: the identity of Sherman, Morrison and Woodbury.
    pub(super) fn leaving_out(
        &self,
        held_rows: &[usize],
        penalties: &[f64],
    ) -> Result<Option<LeftOut<T>>, RidgeError> {
        let Eigen { values, vectors } = self.products.eigen()?;
        let form = self.form();
        let seen = match form {
            Form::Primal => {
                let held = self.features().select(Axis(0), held_rows);
                product(held.view(), vectors.view())
            }
            Form::Kernel => vectors.select(Axis(0), held_rows),
        };
        let largest = self.largest_value()?;
        let single = seen.mapv(T::nearest);
        let predictor = |penalty: &f64| {
            let factors = values.mapv(|value| {
                let value = value.max(0.0);
                match form {
                    Form::Primal => 1.0 / (value + penalty),
                    Form::Kernel => value / (value + penalty),
                }
            });
            if penalty / (largest + penalty) >= WELL_CONDITIONED {
                return without_held(&single, &factors.mapv(T::nearest));
            }
            without_held(&seen, &factors).map(|predictor| predictor.mapv(T::nearest))
        };
        let predictors: Option<Vec<_>> = penalties.into_par_iter().map(predictor).collect();
        Ok(predictors.map(|predictors| LeftOut {
            seen: transposed(seen.view()),
            predictors,
        }))
    }

    /// The directions of all rows, `(k, n_features)` or `(k, n_scans)`.
    pub(super) fn directions(&self) -> Result<Array2<T>, RidgeError> {
        Ok(transposed(self.products.eigen()?.vectors.view()))
    }

    /// The largest squared singular value of all rows.
    pub(super) fn largest_value(&self) -> Result<f64, RidgeError> {
        let values = &self.products.eigen()?.values;
        Ok(values.iter().copied().fold(0.0, f64::max))
    }

    /// The basis of the rows that are kept, and the held-out ones seen in it.
    pub(super) fn without(
        &self,
        held_rows: &[usize],
        kept_rows: &[usize],
    ) -> Result<(Basis<T>, Held<T>), RidgeError> {
        let round = self.products.round(held_rows, kept_rows)?;
        let Eigen { values, vectors } = &round.kept;
        Ok((Basis::new(values, vectors), round.held.nearest()))
    }
}

/// The smallest eigenvalue of `I − H` from which on the fit's own precision solves it: what single precision loses, some 1e-7 over
/// this, is then no more than what its products lose.
const WELL_CONDITIONED: f64 = 0.01;

/// `(I − P d Pᵀ)⁻¹ P d`, for `P` `(n_held, k)`; `None` if the matrix is not positive definite.
fn without_held<R: Real>(seen: &Array2<R>, factors: &Array1<R>) -> Option<Array2<R>> {
    let shrunk = seen * factors;
    let mut rest = -lower_product_by_one_thread(shrunk.view(), seen.t());
    rest.diag_mut().mapv_inplace(|value| value + R::one());
    solve_by_one_thread(rest, shrunk.view())
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

/// Held-out rows in the basis of all rows, and what predicts them from the others.
pub(super) struct LeftOut<T> {
    /// `(k, n_held)`.
    pub(super) seen: Array2<T>,
    /// For each penalty `(n_held, k)`.
    pub(super) predictors: Vec<Array2<T>>,
}

/// Directions of the rows of a fit.
pub(super) struct Basis<T> {
    /// `(k,)`: squared singular values, at least 0.
    values: Array1<f64>,
    /// `(k, n_features)` (primal) or `(k, n_kept)` (kernel): one direction per row.
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
