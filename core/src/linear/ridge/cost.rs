//! Cost of ridge regression with one penalty for all features.

use super::{AlphaUnit, BasisForm, Shape, is_spread, leaves_out, row_work};
use crate::linear::cost::{FitCost, FitSizes, FoldLengths, ProductPrecision, Reuse};

/// Cost of one round, and of what all rounds share. Voxel work is counted in multiplications.
pub(crate) struct RoundCost {
    pub(crate) cubes: f64,
    /// Products in double precision.
    pub(crate) shared: f64,
    /// Systems solved in the fit's precision.
    pub(crate) solved: f64,
    pub(crate) voxel: f64,
    /// Once per voxel for all rounds planned together.
    pub(crate) fits: f64,
    /// Once per voxel for all rounds and the refit.
    pub(crate) common: f64,
}

impl FitCost {
    /// Returns the cost of ridge fits with one penalty for all features.
    #[must_use]
    pub fn of_ridge(
        sizes: &FitSizes,
        (n_alphas, unit): (usize, AlphaUnit),
        precision: ProductPrecision,
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

impl FoldLengths {
    /// Cost of one round, computed as the fit would.
    pub(crate) fn round(&self, sizes: &FitSizes, n_alphas: usize, unit: AlphaUnit) -> RoundCost {
        let is_plain = unit == AlphaUnit::Plain;
        if is_plain && leaves_out(sizes.n_held_scans, self.k as usize, n_alphas) {
            return self.left_out();
        }
        let few_columns = is_spread(sizes.n_held_scans, sizes.n_columns);
        self.decomposed(self.form == BasisForm::Primal && few_columns)
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
}
