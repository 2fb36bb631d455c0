//! The cost of the fit that a recipe describes.

use crate::linear::cost::{FitCost, FitSizes, FoldLengths, ProductPrecision, Reuse};
use crate::run::recipe::{EncodeRecipe, FitPrecision};

/// Maximum number of voxels in the sample that the sanity checks use.
pub const CONTROLLED_VOXELS: usize = 320;

impl FitCost {
    /// Returns the cost of a recipe at given sizes.
    #[must_use]
    pub fn of(sizes: &FitSizes, recipe: &EncodeRecipe, reuse: Reuse) -> Self {
        let n_alphas = recipe.ridge.alphas.values().len();
        let precision = product_precision(recipe);
        if let Some(banded) = &recipe.ridge.banded {
            let n_mixtures = banded.n_mixtures + recipe.features.len() + 1;
            return FoldLengths::of(sizes, n_alphas, precision).banded(n_mixtures as f64);
        }
        let forms_weights = recipe.output.weights;
        let unit = recipe.ridge.alpha_unit;
        let alphas = (n_alphas, unit);
        let work = Self::of_ridge(sizes, alphas, precision, forms_weights, reuse);
        if precision == ProductPrecision::Double {
            return work;
        }
        // The precision check downdates the first round in either precision. Any decomposition it needs is shared with the
        // fit, and its voxels are few.
        let round = FoldLengths::of(sizes, n_alphas, precision).round(sizes, n_alphas, unit);
        if round.cubes > 0.0 {
            return work;
        }
        Self {
            shared_flops: work.shared_flops + 2.0 * round.shared + round.solved,
            solved_flops: work.solved_flops + round.solved,
            ..work
        }
    }

    /// Returns the cost of the sanity checks on a sample of [`CONTROLLED_VOXELS`]: a fit per shuffle and one more, an
    /// injected signal, and correlations of each scan with the others.
    #[must_use]
    pub fn of_controls(sizes: &FitSizes) -> Self {
        const N_FITS: f64 = 12.0;
        let lengths = FoldLengths::of(sizes, 1, ProductPrecision::Single);
        let FoldLengths { n, p, k, test, .. } = lengths;
        let n_voxels = CONTROLLED_VOXELS as f64;
        let injected = 2.0 * (n + test) * p * n_voxels / 2.0;
        let beside = 2.0 * (n * n / 4.0 + 2.0 * test * n) * n_voxels;
        Self {
            eigen_cubes: 0.0,
            shared_flops: injected + beside,
            solved_flops: 0.0,
            voxel_flops: 2.0 * N_FITS * (lengths.coordinates() + test * k),
        }
    }

    /// Number of values per voxel that rounds and refit share.
    pub(super) fn shared_values(sizes: &FitSizes, recipe: &EncodeRecipe) -> usize {
        if recipe.ridge.banded.is_some() {
            return 0;
        }
        let n_alphas = recipe.ridge.alphas.values().len();
        let lengths = FoldLengths::of(sizes, n_alphas, product_precision(recipe));
        let round = lengths.round(sizes, n_alphas, recipe.ridge.alpha_unit);
        if round.common > 0.0 {
            lengths.k as usize
        } else {
            0
        }
    }

    /// Number of values per voxel that rounds share while the voxel is computed.
    pub(super) fn fits_values(sizes: &FitSizes, recipe: &EncodeRecipe) -> usize {
        let n_alphas = recipe.ridge.alphas.values().len();
        let lengths = FoldLengths::of(sizes, n_alphas, product_precision(recipe));
        let round = lengths.round(sizes, n_alphas, recipe.ridge.alpha_unit);
        if round.fits > 0.0 && recipe.ridge.banded.is_none() {
            n_alphas * sizes.n_ever_held_scans
        } else {
            0
        }
    }
}

/// Number format of a fit's products with the voxels.
fn product_precision(recipe: &EncodeRecipe) -> ProductPrecision {
    match recipe.ridge.precision {
        FitPrecision::F32 => ProductPrecision::Single,
        FitPrecision::F64 => ProductPrecision::Double,
    }
}
