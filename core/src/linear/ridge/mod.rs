//! Ridge regression of many voxels on one feature matrix, with the penalty chosen per voxel.
//!
//! The convention is the study's: the weights use `S / (S² + α²)`, so **α is squared**. scikit-learn and himalaya use
//! `S / (S² + α)`: their α is ours squared, see [`penalty`].
//!
//! Whatever does not depend on the voxels is computed once, in a plan; the voxels are then processed in tiles. The
//! validation rounds never form the weights: with the eigenvectors `Q` and eigenvalues `λ` of `XᵀX` of a round's training
//! rows, the prediction of its held-out rows is `(X_held Q) · diag(1 / (λ + α²)) · (Qᵀ Xᵀ Y)`. `XᵀX` and `XᵀY` of the
//! training rows are those of all rows minus those of the held-out rows. With more features than scans, `XXᵀ` takes the
//! place of `XᵀX` (kernel form). Where few rows are held out, the fit on all rows is downdated (`left_out.rs`); where many
//! are, scores come from second moments (`spread.rs`). Predictions at many α are linear combinations of a few products
//! (`blend.rs`).
//!
//! Every voxel is computed within a tile whose borders do not depend on the machine: scores are bitwise identical on any
//! number of threads.

mod basis;
mod blend;
mod cost;
mod error;
mod left_out;
mod plan;
mod products;
mod shared;
mod single;
mod spread;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use basis::Problem;
use blend::{Shape, expected_work};
pub(crate) use cost::FoldLengths;
pub use error::RidgeError;
use left_out::{leaves_out, row_work};
pub use plan::{Fitted, RefitPlan, RoundsPlan, TILE_VOXELS, Weights};
pub use products::BasisForm;
pub use shared::SharedAlpha;
pub use single::SingleFit;
use spread::is_less_work as is_spread;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use crate::stats::score::RoundScore;

/// The unit in which α is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlphaUnit {
    /// None: α is used as given.
    #[default]
    Plain,
    /// The largest singular value of the training features (`normalpha`).
    LargestSingularValue,
}

/// The set of voxels that share one α.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlphaSharing {
    /// Each voxel has its own α.
    #[default]
    PerVoxel,
    /// All voxels share the α with the best mean score.
    One,
    /// The voxels of a group, such as a region of interest, share one α.
    PerGroup,
}

/// Returns the ridge penalty α² of the study's α: `alpha` in scikit-learn and himalaya.
#[must_use]
pub fn penalty(alpha: f64) -> f64 {
    alpha * alpha
}

/// Hyperparameters of a ridge model, besides the features and the validation rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeSettings {
    /// Candidate α, each at least 0.
    pub alphas: Vec<f64>,
    /// The unit of the candidates.
    pub alpha_unit: AlphaUnit,
    /// The score by which α is chosen.
    pub round_score: RoundScore,
}

/// Returns the mean over rounds of scores `(n_rounds, n_alphas, n_voxels)`, as `(n_alphas, n_voxels)`; rounds are summed in
/// order.
#[must_use]
pub fn mean_over_rounds(scores: ArrayView3<f64>) -> Array2<f64> {
    let mut sum = Array2::zeros((scores.len_of(Axis(1)), scores.len_of(Axis(2))));
    for round in scores.outer_iter() {
        sum += &round;
    }
    sum / scores.len_of(Axis(0)).max(1) as f64
}

/// Returns the index of the best α of each voxel; ties go to the first.
///
/// * `scores`: `(n_alphas, n_voxels)`.
/// * `groups`: the group index of each voxel; voxels of one group share one α, the best by their summed scores.
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

/// Returns the index of the best α of each voxel on its own; ties go to the first.
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
