//! Errors of ridge regression.

use crate::maths::matrix::EigenError;
use crate::remedy::Remedy;

/// Errors of fitting a ridge model.
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
        "The training features hold values that are not finite, the first in scan {scan}, feature {feature}. Look \
         for such values in the features, or leave the story out."
    )]
    NotFinite { scan: usize, feature: usize },
    #[error(
        "The test features have {test} columns and the training features {training}: they come from different models or delays."
    )]
    Columns { test: usize, training: usize },
    #[error(transparent)]
    Eigen(#[from] EigenError),
}

impl RidgeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NotFinite { .. } => vec![Remedy::LookAtFeatures],
            Self::Eigen(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}
