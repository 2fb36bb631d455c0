//! Checks on a sample of voxels whether single precision is accurate enough for a data set.

use ndarray::{Array3, ArrayView2};

use crate::linear::ridge::{Problem, RidgeError, RidgeSettings, RoundsPlan};
use crate::maths::matrix::Real;
use crate::run::warning::Warning;

/// Number of voxels fitted in both precisions.
pub const CHECKED_VOXELS: usize = 64;
/// Tolerated difference of the validation scores.
const TOLERANCE: f64 = 1e-3;

/// Fits one round of some voxels in single precision (that of the problem) and in double, and returns a warning if their
/// scores differ by more than 0.001.
///
/// `responses`: `(n_training_scans, n_voxels)`; [`CHECKED_VOXELS`] voxels are enough.
///
/// # Errors
/// Returns a [`RidgeError`] if an α is not a valid number or memory does not suffice.
pub fn precision_warning<T: Real>(
    problem: &Problem<T>,
    rounds: &[Vec<usize>],
    settings: &RidgeSettings,
    responses: ArrayView2<f64>,
) -> Result<Option<Warning>, RidgeError> {
    let rounds = &rounds[..1.min(rounds.len())];
    let double = scores(&problem.in_double(), rounds, settings, responses)?;
    let single = scores(problem, rounds, settings, responses)?;
    let furthest = (&single - &double)
        .iter()
        .fold(0.0_f64, |most, apart| most.max(apart.abs()));
    Ok((furthest > TOLERANCE).then(|| Warning::SinglePrecision {
        largest_change: furthest,
        n_voxels: responses.ncols(),
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
