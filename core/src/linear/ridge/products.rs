//! Gram matrices of the training features and their eigendecompositions, in double precision whatever the precision of the
//! fit.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ndarray::{Array2, Axis};

use super::error::RidgeError;
use super::spread::Spread;
use crate::maths::matrix::{Eigen, Real, eigen, gram, product};

/// The Gram matrix that a model is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasisForm {
    /// `XᵀX`, features by features.
    Primal,
    /// `XXᵀ`, scans by scans: cheaper with fewer scans than features.
    Kernel,
}

impl BasisForm {
    /// Returns the form with the smaller matrix.
    #[must_use]
    pub fn of_shape(n_scans: usize, n_features: usize) -> Self {
        if n_scans < n_features {
            Self::Kernel
        } else {
            Self::Primal
        }
    }
}

/// Held-out rows in the eigenbasis of the training rows, from which their scores are computed.
#[derive(Debug, Clone)]
pub(super) enum Held<T> {
    /// `(n_held, k)`: the rows themselves, from which predictions are formed.
    Rows(Array2<T>),
    /// Their second moments, if there are many rows.
    Spread(Spread<T>),
}

impl Held<f64> {
    /// Rounds to the precision of a fit.
    pub(super) fn nearest<T: Real>(&self) -> Held<T> {
        match self {
            Held::Rows(rows) => Held::Rows(rows.mapv(T::nearest)),
            Held::Spread(spread) => Held::Spread(spread.nearest()),
        }
    }
}

/// The Gram matrix of the training features.
pub(super) struct Products<'a> {
    pub(super) features: &'a Array2<f64>,
    pub(super) form: BasisForm,
    /// `XᵀX` or `XXᵀ`.
    square: Array2<f64>,
    whole: OnceLock<Eigen>,
    /// Cache of the last round: its decomposition is expensive, and is requested once for each precision.
    round: Mutex<Option<Arc<DecomposedRound>>>,
}

/// The eigendecomposition of a round.
pub(super) struct DecomposedRound {
    held_rows: Vec<usize>,
    /// Of the training rows.
    pub(super) kept: Eigen,
    /// The held-out rows in the eigenbasis of the training rows.
    pub(super) held: Held<f64>,
}

impl<'a> Products<'a> {
    /// `features`: `(n_scans, n_features)`.
    pub(super) fn new(features: &'a Array2<f64>) -> Result<Self, RidgeError> {
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
        let form = BasisForm::of_shape(n_scans, n_features);
        Ok(Self {
            features,
            form,
            square: match form {
                BasisForm::Primal => gram(features.view()),
                BasisForm::Kernel => gram(features.t()),
            },
            whole: OnceLock::new(),
            round: Mutex::new(None),
        })
    }

    /// Eigenvectors of all rows, computed once.
    pub(super) fn eigen(&self) -> Result<&Eigen, RidgeError> {
        if let Some(eigen) = self.whole.get() {
            return Ok(eigen);
        }
        let decomposed = eigen(self.square.view())?;
        Ok(self.whole.get_or_init(|| decomposed))
    }

    /// Returns a round's decomposition, from the cache if it was the last one requested.
    pub(super) fn round(
        &self,
        held_rows: &[usize],
        training_rows: &[usize],
    ) -> Result<Arc<DecomposedRound>, RidgeError> {
        let mut last = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = last.as_ref().filter(|round| round.held_rows == held_rows) {
            return Ok(round.clone());
        }
        // Freed before the next one is computed: both are large.
        *last = None;
        let round = Arc::new(self.decompose(held_rows, training_rows)?);
        *last = Some(round.clone());
        Ok(round)
    }

    /// Drops the cached round.
    pub(super) fn forget_round(&self) {
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn decompose(
        &self,
        held_rows: &[usize],
        training_rows: &[usize],
    ) -> Result<DecomposedRound, RidgeError> {
        let (square, held) = match self.form {
            BasisForm::Primal => {
                let held = self.features.select(Axis(0), held_rows);
                (&self.square - &gram(held.view()), held)
            }
            BasisForm::Kernel => {
                let of = |rows: &[usize]| {
                    let rows = self.square.select(Axis(0), rows);
                    rows.select(Axis(1), training_rows)
                };
                (of(training_rows), of(held_rows))
            }
        };
        let kept = eigen(square.view())?;
        drop(square);
        let seen = product(held.view(), kept.vectors.view());
        let held = match (self.form, Spread::of(seen.view())) {
            (BasisForm::Primal, Some(spread)) => Held::Spread(spread),
            _ => Held::Rows(seen),
        };
        Ok(DecomposedRound {
            held_rows: held_rows.to_vec(),
            kept,
            held,
        })
    }
}
