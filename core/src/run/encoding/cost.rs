//! Floating-point operations of a fit.

use super::FitSizes;
use crate::linear::ridge::{
    AlphaUnit, BasisForm, Shape, expected_work, is_spread, leaves_out, row_work,
};
use crate::run::recipe::{EncodeRecipe, FitPrecision};

/// Maximum number of voxels in the sample that the sanity checks use.
pub const CONTROLLED_VOXELS: usize = 320;

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

impl FitCost {
    /// Returns the cost of a recipe at given sizes.
    #[must_use]
    pub fn of(sizes: &FitSizes, recipe: &EncodeRecipe, reuse: Reuse) -> Self {
        let n_alphas = recipe.ridge.alphas.values().len();
        let precision = recipe.ridge.precision;
        if let Some(banded) = &recipe.ridge.banded {
            let n_mixtures = banded.n_mixtures + recipe.features.len() + 1;
            return FoldLengths::of(sizes, n_alphas, precision).banded(n_mixtures as f64);
        }
        let forms_weights = recipe.output.weights;
        let unit = recipe.ridge.alpha_unit;
        let alphas = (n_alphas, unit);
        let work = Self::of_ridge(sizes, alphas, precision, forms_weights, reuse);
        if precision == FitPrecision::F64 {
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
        let lengths = FoldLengths::of(sizes, 1, FitPrecision::F32);
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
        let lengths = FoldLengths::of(sizes, n_alphas, recipe.ridge.precision);
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
        let lengths = FoldLengths::of(sizes, n_alphas, recipe.ridge.precision);
        let round = lengths.round(sizes, n_alphas, recipe.ridge.alpha_unit);
        if round.fits > 0.0 && recipe.ridge.banded.is_none() {
            n_alphas * sizes.n_ever_held_scans
        } else {
            0
        }
    }

    /// Returns the cost of ridge fits with one penalty for all features.
    #[must_use]
    pub fn of_ridge(
        sizes: &FitSizes,
        (n_alphas, unit): (usize, AlphaUnit),
        precision: FitPrecision,
        forms_weights: bool,
        reuse: Reuse,
    ) -> Self {
        let lengths = FoldLengths::of(sizes, n_alphas, precision);
        let round = lengths.round(sizes, n_alphas, unit);
        let FoldLengths {
            p, k, test, rounds, ..
        } = lengths;
        let test_rows = match lengths.form {
            BasisForm::Primal => 2.0 * test * p * k,
            BasisForm::Kernel => 2.0 * test * (p * k + k * k),
        };
        let weights = if forms_weights { k * p } else { 0.0 };
        // Uncached products are recomputed for each group of rounds, and for the refit.
        let again = (reuse.n_groups as f64 - 1.0) * (1.0 - reuse.kept);
        let coordinates = lengths.coordinates() - reuse.kept * round.common;
        Self {
            eigen_cubes: k.powi(3) + rounds * round.cubes,
            shared_flops: lengths.square() + test_rows + rounds * round.shared,
            solved_flops: rounds * round.solved,
            voxel_flops: 2.0
                * (round.common * (1.0 + again)
                    + round.fits * reuse.n_groups as f64
                    + rounds * round.voxel
                    + coordinates
                    + test * k
                    + weights),
        }
    }
}

/// Cost of one round, and of what all rounds share. Voxel work is counted in multiplications.
struct RoundCost {
    cubes: f64,
    /// Products in double precision.
    shared: f64,
    /// Systems solved in the fit's precision.
    solved: f64,
    voxel: f64,
    /// Once per voxel for all rounds planned together.
    fits: f64,
    /// Once per voxel for all rounds and the refit.
    common: f64,
}

/// Dimensions of a fit as floats: training scans `n`, columns `p`, the smaller of the two `k`, rows held out and trained
/// on.
struct FoldLengths {
    form: BasisForm,
    n: f64,
    p: f64,
    k: f64,
    held: f64,
    /// Scans held out in at least one round.
    ever_held: f64,
    /// Size of the eigendecomposition without the held-out rows.
    kept: f64,
    test: f64,
    rounds: f64,
    alphas: f64,
    /// Multiplications per held-out row, or per row of the triangular factor in its place, given the number of α and of
    /// directions.
    row: fn(usize, usize, Shape) -> usize,
}

impl FoldLengths {
    fn of(sizes: &FitSizes, n_alphas: usize, precision: FitPrecision) -> Self {
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
                FitPrecision::F32 => expected_work::<f32>,
                FitPrecision::F64 => expected_work::<f64>,
            },
        }
    }

    /// Cost of one round, computed as the fit would.
    fn round(&self, sizes: &FitSizes, n_alphas: usize, unit: AlphaUnit) -> RoundCost {
        let is_plain = unit == AlphaUnit::Plain;
        if is_plain && leaves_out(sizes.n_held_scans, self.k as usize, n_alphas) {
            return self.left_out();
        }
        let few_columns = is_spread(sizes.n_held_scans, sizes.n_columns);
        self.decomposed(self.form == BasisForm::Primal && few_columns)
    }

    /// Cost of `XᵀX` or `XXᵀ`, halved by symmetry.
    fn square(&self) -> f64 {
        self.n * self.p * self.k
    }

    /// Multiplications that project a voxel's responses onto the eigenbasis of all rows.
    fn coordinates(&self) -> f64 {
        match self.form {
            BasisForm::Primal => self.n * self.p + self.p * self.p,
            BasisForm::Kernel => self.n * self.n,
        }
    }

    fn left_out(&self) -> RoundCost {
        let Self {
            p,
            k,
            held,
            ever_held,
            rounds,
            alphas,
            row,
            ..
        } = self;
        let [n_held, n_directions, n_alphas] = [*held, *k, *alphas].map(|size| size as usize);
        let fitted = row(n_alphas, n_directions, Shape::Rows);
        let (fitted, own) = row_work(fitted, n_held, n_directions, n_alphas);
        // Number of right-hand sides: the columns of `H`, or the directions of the basis.
        let solved = if fitted > 0 { held } else { k };
        RoundCost {
            cubes: 0.0,
            shared: 2.0 * ever_held * p * k / rounds.max(1.0),
            solved: alphas
                * (2.0 * held * held * k + 2.0 * held.powi(3) / 3.0 + 2.0 * held * held * solved),
            voxel: held * own as f64,
            fits: ever_held * fitted as f64,
            common: self.coordinates(),
        }
    }

    fn decomposed(&self, is_spread: bool) -> RoundCost {
        let Self {
            n,
            p,
            k,
            held,
            kept,
            alphas,
            row,
            ..
        } = self;
        let row = |n: &f64, shape| row(*alphas as usize, *n as usize, shape) as f64;
        let (without, common) = match self.form {
            BasisForm::Primal => (held * p + p * p, n * p),
            BasisForm::Kernel => (kept * kept, 0.0),
        };
        // Gram matrix of the held-out rows, subtracted from that of all rows; halved by symmetry.
        let taken_away = match self.form {
            BasisForm::Primal => held * p * p,
            BasisForm::Kernel => 0.0,
        };
        let (moments, of_held) = if is_spread {
            (
                held * p * p + p.powi(3) / 3.0,
                p * p + p * row(p, Shape::UpperTriangle),
            )
        } else {
            (0.0, held * row(kept, Shape::Rows))
        };
        RoundCost {
            cubes: kept.powi(3),
            shared: taken_away + 2.0 * held * kept * k + moments,
            solved: 0.0,
            voxel: without + of_held,
            fits: 0.0,
            common,
        }
    }

    /// Each mixture is decomposed in every round, and once more if a voxel chooses it.
    fn banded(&self, mixtures: f64) -> FitCost {
        let Self {
            form,
            n,
            p,
            k,
            held,
            kept,
            test,
            rounds,
            alphas,
            ..
        } = self;
        let round_voxel = match form {
            BasisForm::Primal => n * p + p * p,
            BasisForm::Kernel => kept * kept,
        };
        FitCost {
            eigen_cubes: mixtures * (rounds * kept.powi(3) + k.powi(3)),
            shared_flops: self.square() + mixtures * rounds * 2.0 * held * kept * kept,
            solved_flops: 0.0,
            voxel_flops: 2.0
                * (mixtures * rounds * (round_voxel + alphas * held * kept)
                    + self.coordinates()
                    + test * k),
        }
    }
}
