//! Whether single precision is enough for a study, found out on some of its voxels.

use ndarray::{Array3, ArrayView2};

use crate::matrix::Real;
use crate::ridge::{Problem, RidgeError, RidgeSettings, RoundsPlan};

/// Voxels that are fitted in both precisions.
pub const CHECKED_VOXELS: usize = 64;
/// Scores in a round may differ by this.
const TOLERANCE: f64 = 1e-3;

/// Fits one round of some voxels in single precision, which is the problem's, and in double: a sentence, if their scores differ by
/// more than a thousandth.
///
/// `responses`: `(n_training_scans, n_voxels)`; at most [`CHECKED_VOXELS`] are enough.
///
/// # Errors
/// [`RidgeError`] if an α is no number or memory does not suffice.
pub fn precision_warning<T: Real>(
    problem: &Problem<T>,
    rounds: &[Vec<usize>],
    settings: &RidgeSettings,
    responses: ArrayView2<f64>,
) -> Result<Option<String>, RidgeError> {
    let rounds = &rounds[..1.min(rounds.len())];
    let double = scores(&problem.in_double(), rounds, settings, responses)?;
    let single = scores(problem, rounds, settings, responses)?;
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

fn scores<T: Real>(
    problem: &Problem<T>,
    rounds: &[Vec<usize>],
    settings: &RidgeSettings,
    responses: ArrayView2<f64>,
) -> Result<Array3<f64>, RidgeError> {
    let plan = RoundsPlan::new(problem, rounds, settings)?;
    Ok(plan.scores(responses.mapv(T::nearest).view()))
}
