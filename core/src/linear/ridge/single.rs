//! Fits of single voxels, for looking at a voxel after all of them were fitted.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::basis::{Basis, Problem};
use super::plan::factors;
use super::{BasisForm, RidgeError, RidgeSettings};
use crate::linear::split::{TestFeatures, TrainingFeatures};
use crate::maths::matrix::product;

/// A ridge model of one feature matrix that fits one voxel at a time, each in two products of a matrix and a vector.
///
/// It keeps nothing of the training features but what these need.
pub struct SingleFit {
    /// `(n_features, n_scans)` in the primal form.
    transposed: Option<Array2<f64>>,
    basis: Basis<f64>,
    /// `(n_test_scans, k)`: the test scans in the eigenbasis.
    seen: Array2<f64>,
}

impl SingleFit {
    /// Decomposes the training features and projects the test scans onto them.
    ///
    /// # Errors
    /// Returns a [`RidgeError`] if a feature is not a number, if the matrices differ in their columns, or if memory does not
    /// suffice.
    pub fn new(training: &TrainingFeatures, test: &TestFeatures) -> Result<Self, RidgeError> {
        let problem = Problem::<f64>::new(training)?;
        if test.0.ncols() != training.0.ncols() {
            return Err(RidgeError::Columns {
                test: test.0.ncols(),
                training: training.0.ncols(),
            });
        }
        let (basis, seen) = problem.whole(test.0.view())?;
        let is_primal = problem.form() == BasisForm::Primal;
        Ok(Self {
            transposed: is_primal.then_some(problem.transposed),
            basis,
            seen,
        })
    }

    /// Fits a voxel and predicts the test scans, `(n_test_scans,)`.
    ///
    /// * `response`: `(n_scans,)`, training scans. Non-finite values count as 0, as in a fit of all voxels.
    /// * `settings`: whose first α is used.
    ///
    /// # Panics
    /// Panics if the shapes do not match or there is no α, which is a bug in the caller.
    #[must_use]
    pub fn predict(&self, response: ArrayView1<f64>, settings: &RidgeSettings) -> Array1<f64> {
        let finite = response.mapv(|value| if value.is_finite() { value } else { 0.0 });
        let column = finite.insert_axis(Axis(1));
        let sums = match &self.transposed {
            Some(transposed) => product(transposed.view(), column.view()),
            None => column,
        };
        let mut coordinates = product(self.basis.directions.view(), sums.view());
        let factors = factors(&self.basis, settings);
        let mut first = coordinates.column_mut(0);
        first *= &factors.row(0);
        product(self.seen.view(), coordinates.view()).remove_axis(Axis(1))
    }
}
