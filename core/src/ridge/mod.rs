//! Ridge regression of many voxels on one set of features, with the penalty chosen per voxel.
//!
//! The convention is the study's: weights use `S / (S² + α²)`, so **α is squared**. scikit-learn and himalaya use
//! `S / (S² + α)`: their α is ours squared, see [`penalty`].
//!
//! What does not depend on voxels is worked out once, in a plan; then voxels pass in tiles, and no weight is formed in the
//! rounds: with the eigenvectors `Q` and eigenvalues `λ` of `XᵀX` of the kept rows, the prediction of the held-out rows is
//! `(X_held Q) · diag(1 / (λ + α²)) · (Qᵀ Xᵀ Y)`. `XᵀX` and `XᵀY` of the kept rows are those of all rows minus those of the
//! held-out ones. With more features than scans, `XXᵀ` takes the place of `XᵀX`. Where few rows are held out, they are left out of
//! the fit of all (`left_out.rs`); where they are many, their scores come from second moments (`spread.rs`). Predictions at many α are mixed from few products
//! (`blend.rs`).
//!
//! Every voxel is computed within a tile whose borders do not depend on the machine: scores have the same bits on any number
//! of threads.

mod basis;
mod blend;
mod left_out;
mod plan;
mod products;
mod shared;
mod spread;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use basis::{BasisForm, Problem, RidgeError};
pub(crate) use blend::{Shape, expected_work};
pub(crate) use left_out::{leaves_out, row_work};
pub use plan::{Fitted, RefitPlan, RoundsPlan, TILE_VOXELS, Weights};
pub use shared::SharedAlpha;
pub(crate) use spread::is_less_work as is_spread;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

/// How well held-out scans are predicted, in the rounds that choose α.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundScore {
    /// Pearson's r.
    Correlation,
    /// The root of |R²| with the sign of R², where R² = 1 − var(residual) / ((1 + var(y)) / 2).
    #[default]
    SignedRootR2,
    /// R² = 1 − var(residual) / var(y), clipped to 0…1.
    ClippedR2,
    /// R² = 1 − mean squared error / var(y), as scikit-learn and himalaya have it.
    R2,
}

/// What α is a multiple of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlphaUnit {
    /// Of nothing: α as it is.
    #[default]
    Plain,
    /// Of the largest singular value of the training features (`normalpha`).
    LargestSingularValue,
}

/// Which voxels share an α.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlphaSharing {
    /// None: each has its own.
    #[default]
    PerVoxel,
    /// All of them: the α with the best mean score.
    One,
    /// Those of one group, such as a region.
    PerGroup,
}

/// The penalty on the squared weights that an α of the study stands for: scikit-learn's and himalaya's `alpha`.
#[must_use]
pub fn penalty(alpha: f64) -> f64 {
    alpha * alpha
}

/// What decides a ridge model, besides the features and the rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeSettings {
    /// The α to try, each at least 0.
    pub alphas: Vec<f64>,
    /// What they are multiples of.
    pub alpha_unit: AlphaUnit,
    /// What chooses among them.
    pub round_score: RoundScore,
}

/// Mean over rounds of scores `(n_rounds, n_alphas, n_voxels)`: `(n_alphas, n_voxels)`, summed in the order of the rounds.
#[must_use]
pub fn mean_over_rounds(scores: ArrayView3<f64>) -> Array2<f64> {
    let mut sum = Array2::zeros((scores.len_of(Axis(1)), scores.len_of(Axis(2))));
    for round in scores.outer_iter() {
        sum += &round;
    }
    sum / scores.len_of(Axis(0)).max(1) as f64
}

/// The number of the best α of each voxel; the first of equals.
///
/// * `scores`: `(n_alphas, n_voxels)`.
/// * `groups`: the group of each voxel; all in one group share one α.
#[must_use]
pub fn best_alphas(scores: ArrayView2<f64>, groups: &[usize]) -> Vec<usize> {
    let (n_alphas, n_voxels) = scores.dim();
    let n_groups = groups.iter().max().map_or(0, |last| last + 1);
    let mut sums = Array2::<f64>::zeros((n_alphas, n_groups));
    for voxel in 0..n_voxels {
        for alpha in 0..n_alphas {
            sums[(alpha, groups[voxel])] += scores[(alpha, voxel)];
        }
    }
    let best: Vec<usize> = sums.columns().into_iter().map(first_largest).collect();
    groups.iter().map(|group| best[*group]).collect()
}

/// The number of the best α of each voxel by itself; the first of equals.
#[must_use]
pub fn best_alpha_per_voxel(scores: ArrayView2<f64>) -> Vec<usize> {
    scores.columns().into_iter().map(first_largest).collect()
}

fn first_largest(scores: ndarray::ArrayView1<f64>) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}
