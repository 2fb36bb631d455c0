//! Whether single precision is enough for a study, found out on some of its voxels.

use ndarray::ArrayView2;

use crate::matrix::Real;
use crate::ridge::{RidgeError, RidgeSettings, RoundsPlan};
use crate::split::TrainingFeatures;

/// Voxels that are fitted in both precisions.
pub const CHECKED_VOXELS: usize = 64;
/// Scores in a round may differ by this.
const TOLERANCE: f64 = 1e-3;

/// Fits one round of some voxels in both precisions: a sentence, if their scores differ by more than a thousandth.
///
/// `responses`: `(n_training_scans, n_voxels)`; at most [`CHECKED_VOXELS`] are enough.
///
/// # Errors
/// [`RidgeError`] if the features are no numbers or memory does not suffice.
pub fn precision_warning(
    training: &TrainingFeatures,
    rounds: &[Vec<usize>],
    settings: &RidgeSettings,
    responses: ArrayView2<f64>,
) -> Result<Option<String>, RidgeError> {
    let rounds = &rounds[..1.min(rounds.len())];
    let single = RoundsPlan::<f32>::new(training, rounds, settings)?;
    let double = RoundsPlan::<f64>::new(training, rounds, settings)?;
    let single = single.scores(responses.mapv(f32::nearest).view());
    let double = double.scores(responses);
    let furthest = (&single - &double)
        .iter()
        .fold(0.0_f64, |most, apart| most.max(apart.abs()));
    Ok((furthest > TOLERANCE).then(|| {
        format!(
            "Single precision moves scores by up to {furthest:.1e} on {} voxels that were also fitted in double precision. Choose \
             double precision (precision = \"f64\").",
            responses.ncols()
        )
    }))
}
