//! The principal directions of the training features, and rows seen in them.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::matrix::{Eigen, EigenError, Real, eigen, gram, product};

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

/// The training features and their products, in double precision.
pub(super) struct Products<'a> {
    pub(super) features: ArrayView2<'a, f64>,
    pub(super) form: Form,
    square: Array2<f64>,
}

impl<'a> Products<'a> {
    pub(super) fn new(features: ArrayView2<'a, f64>) -> Result<Self, RidgeError> {
        let (n_scans, n_features) = features.dim();
        if n_scans == 0 || n_features == 0 {
            return Err(RidgeError::Empty {
                n_scans,
                n_features,
            });
        }
        let bad = features
            .indexed_iter()
            .find(|(_, value)| !value.is_finite());
        if let Some(((scan, feature), _)) = bad {
            return Err(RidgeError::NotFinite { scan, feature });
        }
        let form = Form::of_shape(n_scans, n_features);
        let square = match form {
            Form::Primal => gram(features),
            Form::Kernel => gram(features.t()),
        };
        Ok(Self {
            features,
            form,
            square,
        })
    }

    /// The basis of all rows, and `others` `(n, n_features)` seen in it.
    pub(super) fn whole<T: Real>(&self, others: ArrayView2<f64>) -> Result<Basis<T>, RidgeError> {
        let Eigen { values, vectors } = eigen(self.square.view())?;
        let seen = match self.form {
            Form::Primal => product(others, vectors.view()),
            Form::Kernel => {
                let kernel = product(others, self.features.t());
                product(kernel.view(), vectors.view())
            }
        };
        Ok(Basis::new(values, &vectors, &seen))
    }

    /// The basis of the rows that are kept, and the held-out ones seen in it.
    pub(super) fn without<T: Real>(
        &self,
        held_rows: &[usize],
        kept_rows: &[usize],
    ) -> Result<Basis<T>, RidgeError> {
        let (square, held) = match self.form {
            Form::Primal => {
                let held = self.features.select(Axis(0), held_rows);
                (&self.square - &gram(held.view()), held)
            }
            Form::Kernel => {
                let of = |rows: &[usize]| {
                    let rows = self.square.select(Axis(0), rows);
                    rows.select(Axis(1), kept_rows)
                };
                (of(kept_rows), of(held_rows))
            }
        };
        let Eigen { values, vectors } = eigen(square.view())?;
        let seen = product(held.view(), vectors.view());
        Ok(Basis::new(values, &vectors, &seen))
    }
}

/// Directions of the kept rows, and other rows seen in them.
pub(super) struct Basis<T> {
    /// `(k,)`: squared singular values, at least 0.
    values: Array1<f64>,
    /// `(k, n_features)` (primal) or `(k, n_kept)` (kernel): one direction per row.
    pub(super) directions: Array2<T>,
    /// `(n_rows, k)`: the rows to predict.
    pub(super) seen: Array2<T>,
}

impl<T: Real> Basis<T> {
    fn new(values: Array1<f64>, vectors: &Array2<f64>, seen: &Array2<f64>) -> Self {
        Self {
            values: values.mapv(|value| value.max(0.0)),
            directions: vectors
                .t()
                .mapv(T::nearest)
                .as_standard_layout()
                .into_owned(),
            seen: seen.mapv(T::nearest),
        }
    }

    /// Largest singular value of the kept rows.
    pub(super) fn largest_singular_value(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max).sqrt()
    }

    /// What each direction is multiplied by at a penalty: `1 / (λ + α²)`. Directions that hold nothing but rounding are
    /// dropped.
    pub(super) fn shrinkage(&self, penalty: f64) -> Array1<T> {
        let largest = self.largest_singular_value().powi(2);
        let rounding = largest * f64::EPSILON * self.values.len() as f64;
        self.values.mapv(|value| {
            let is_dropped = value.sqrt() <= SINGULAR_CUTOFF || value + penalty <= rounding;
            T::nearest(if is_dropped {
                0.0
            } else {
                1.0 / (value + penalty)
            })
        })
    }
}
