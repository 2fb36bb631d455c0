//! Floating-point operations of a fit. Those of each solver stand beside it, in `ridge/cost.rs` and `banded/cost.rs`.

use super::ridge::{BasisForm, Shape, expected_work};

/// The sizes of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FitSizes {
    /// Training scans.
    pub n_training_scans: usize,
    /// Test scans.
    pub n_test_scans: usize,
    /// Columns of the design matrix.
    pub n_columns: usize,
    /// Voxels.
    pub n_voxels: usize,
    /// Validation rounds that choose α.
    pub n_rounds: usize,
    /// Scans held out in the largest round.
    pub n_held_scans: usize,
    /// Scans held out in at least one round.
    pub n_ever_held_scans: usize,
}

/// Floating-point operations of a fit, by kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitCost {
    /// Sum of the cubed sizes of all eigendecompositions.
    pub eigen_cubes: f64,
    /// Products that do not depend on voxels, in double precision.
    pub shared_flops: f64,
    /// Linear systems solved once per round, in the fit's precision.
    pub solved_flops: f64,
    /// Products with the voxels' responses, in the fit's precision.
    pub voxel_flops: f64,
}

/// How many passes over the voxels a fit makes, and how much is cached between steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reuse {
    /// Groups of rounds planned at a time: each group is one pass over the voxels.
    pub n_groups: usize,
    /// Fraction of the voxels whose shared products are cached between rounds and refit.
    pub kept: f64,
}

/// Number format of products with the voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductPrecision {
    /// Single precision.
    Single,
    /// Double precision.
    Double,
}

/// Dimensions of a fit as floats: training scans `n`, columns `p`, the smaller of the two `k`, rows held out and trained
/// on.
pub(crate) struct FoldLengths {
    pub(crate) form: BasisForm,
    pub(crate) n: f64,
    pub(crate) p: f64,
    pub(crate) k: f64,
    pub(crate) held: f64,
    /// Scans held out in at least one round.
    pub(crate) ever_held: f64,
    /// Size of the eigendecomposition without the held-out rows.
    pub(crate) kept: f64,
    pub(crate) test: f64,
    pub(crate) rounds: f64,
    pub(crate) alphas: f64,
    /// Multiplications per held-out row, or per row of the triangular factor in its place, given the number of α and of
    /// directions.
    pub(crate) row: fn(usize, usize, Shape) -> usize,
}

impl FoldLengths {
    /// Those of a fit.
    pub(crate) fn of(sizes: &FitSizes, n_alphas: usize, precision: ProductPrecision) -> Self {
        let form = BasisForm::of_shape(sizes.n_training_scans, sizes.n_columns);
        let [n, p, held, ever_held, test, rounds, alphas] = [
            sizes.n_training_scans,
            sizes.n_columns,
            sizes.n_held_scans,
            sizes.n_ever_held_scans,
            sizes.n_test_scans,
            sizes.n_rounds,
            n_alphas,
        ]
        .map(|size| size as f64);
        Self {
            form,
            n,
            p,
            k: n.min(p),
            held,
            ever_held,
            kept: match form {
                BasisForm::Primal => p,
                BasisForm::Kernel => n - held,
            },
            test,
            rounds,
            alphas,
            row: match precision {
                ProductPrecision::Single => expected_work::<f32>,
                ProductPrecision::Double => expected_work::<f64>,
            },
        }
    }

    /// Cost of `XᵀX` or `XXᵀ`, halved by symmetry.
    pub(super) fn square(&self) -> f64 {
        self.n * self.p * self.k
    }

    /// Multiplications that project a voxel's responses onto the eigenbasis of all rows.
    pub(crate) fn coordinates(&self) -> f64 {
        match self.form {
            BasisForm::Primal => self.n * self.p + self.p * self.p,
            BasisForm::Kernel => self.n * self.n,
        }
    }
}
