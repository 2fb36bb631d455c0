//! What a fit needs of a linear model: its hyperparameters, its scores, and its predictions.

use ndarray::{Array2, ArrayView2};

use super::EncodeError;
use super::run::Run;
use crate::files::responses::Readable;
use crate::run::design::Design;
use crate::run::pipeline::scorer::Scored;
use crate::run::progress::Event;
use crate::run::store::StoreError;

/// Responses to fit, and the hyperparameters to fit them with.
pub(super) struct Request<'a, T, C> {
    /// `(n_training_scans, n_columns)`.
    pub(super) training: ArrayView2<'a, T>,
    /// One for each column.
    pub(super) choices: Vec<C>,
}

/// A kind of ridge regression, in the steps of a fit. `T` is the precision of products with voxels.
pub(super) trait Solver<T: Readable> {
    /// The hyperparameters of a voxel.
    type Choice: Copy + Ord;

    /// Step 2: chooses the hyperparameters of each voxel on held-out training scans. Returns the validation scores of each
    /// α, `(n_alphas, n_voxels)`, NaN where none was computed; `None` if cancelled.
    fn choose(&mut self, report: &mut dyn FnMut(Event))
    -> Result<Option<Array2<f64>>, EncodeError>;

    /// The hyperparameters of the voxels of the run, once they are chosen.
    fn choices(&self) -> &[Self::Choice];

    /// The index of the α of a choice.
    fn alpha(choice: Self::Choice) -> usize;

    /// Steps 3 and 4: refits each voxel on all training scans, writes weights and predictions if they are wanted, and scores
    /// the predictions; `None` if cancelled.
    fn fit_and_score(
        &mut self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Scored>, EncodeError>;

    /// Fits other responses to the same features and predicts the test scans, `(n_test_scans, n_columns)` for each request.
    fn predict(&self, requests: &[Request<T, Self::Choice>])
    -> Result<Vec<Array2<T>>, EncodeError>;

    /// Fits responses `(n_training_scans, n_columns)` to other features in the same way, hyperparameters included, and
    /// predicts the test scans.
    fn predict_by(
        run: &Run,
        design: &Design,
        training: ArrayView2<T>,
    ) -> Result<Array2<T>, EncodeError>;

    /// Removes the journals, once the scores are written.
    fn forget(&self) -> Result<(), StoreError>;
}
