//! Floating-point operations of a fit. Those of each solver stand beside it, in `ridge/cost.rs` and `banded/cost.rs`.

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
