//! How much a fit is to compute.

use super::FitSizes;
use crate::recipe::EncodeRecipe;
use crate::ridge::{AlphaUnit, Form, is_spread, leaves_out};

/// Floating-point operations of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitWork {
    /// Sum of the cubes of the sizes of all matrices that are decomposed.
    pub eigen_cubes: f64,
    /// Of products that do not depend on voxels, in double precision.
    pub shared_flops: f64,
    /// Of products for each voxel, in the fit's precision.
    pub voxel_flops: f64,
}

impl FitWork {
    /// Of a recipe at given sizes.
    #[must_use]
    pub fn of(sizes: &FitSizes, recipe: &EncodeRecipe) -> Self {
        let n_alphas = recipe.ridge.alphas.values().len();
        let form = Form::of_shape(sizes.n_training_scans, sizes.n_columns);
        let lengths = Lengths::of(sizes, n_alphas, form);
        let Lengths {
            n,
            p,
            k,
            test,
            rounds,
            ..
        } = lengths;
        // XᵀX or XXᵀ, half of it by symmetry, and the test rows in the basis.
        let square = n * p * k;
        let (test_rows, coordinates) = match form {
            Form::Primal => (2.0 * test * p * k, n * p + p * p),
            Form::Kernel => (2.0 * test * (p * k + k * k), n * n),
        };
        if let Some(banded) = &recipe.ridge.banded {
            let n_mixtures = banded.n_mixtures + recipe.features.len() + 1;
            return lengths.banded(form, n_mixtures as f64, square, coordinates);
        }
        let round = if recipe.ridge.alpha_unit == AlphaUnit::Plain
            && leaves_out(sizes.n_held_scans, k as usize, n_alphas)
        {
            lengths.left_out(coordinates)
        } else {
            let is_spread = form == Form::Primal && is_spread(sizes.n_held_scans, sizes.n_columns);
            lengths.decomposed(form, is_spread)
        };
        let weights = if recipe.output.weights { k * p } else { 0.0 };
        Self {
            eigen_cubes: k.powi(3) + rounds * round.cubes,
            shared_flops: square + test_rows + rounds * round.shared,
            voxel_flops: 2.0
                * (round.common + rounds * round.voxel + coordinates + test * k + weights),
        }
    }
}

/// What one round takes, and what is done once for all of them. Voxel work is in multiplications.
struct RoundWork {
    cubes: f64,
    shared: f64,
    voxel: f64,
    /// Once per voxel for all rounds.
    common: f64,
}

/// Sizes of a fit as numbers to multiply: training scans `n`, columns `p`, the smaller of both `k`, rows held out and kept.
struct Lengths {
    n: f64,
    p: f64,
    k: f64,
    held: f64,
    /// The side of what is decomposed without the held-out rows.
    kept: f64,
    test: f64,
    rounds: f64,
    alphas: f64,
}

impl Lengths {
    fn of(sizes: &FitSizes, n_alphas: usize, form: Form) -> Self {
        let [n, p, held, test, rounds, alphas] = [
            sizes.n_training_scans,
            sizes.n_columns,
            sizes.n_held_scans,
            sizes.n_test_scans,
            sizes.n_rounds,
            n_alphas,
        ]
        .map(|size| size as f64);
        Self {
            n,
            p,
            k: n.min(p),
            held,
            kept: match form {
                Form::Primal => p,
                Form::Kernel => n - held,
            },
            test,
            rounds,
            alphas,
        }
    }

    fn left_out(&self, coordinates: f64) -> RoundWork {
        let Self {
            p, k, held, alphas, ..
        } = self;
        let solve =
            alphas * (2.0 * held * held * k + 2.0 * held.powi(3) / 3.0 + 2.0 * held * held * k);
        RoundWork {
            cubes: 0.0,
            shared: 2.0 * held * p * k + solve,
            voxel: held * k + alphas * held * k,
            common: coordinates,
        }
    }

    fn decomposed(&self, form: Form, is_spread: bool) -> RoundWork {
        let Self {
            n,
            p,
            k,
            held,
            kept,
            alphas,
            ..
        } = self;
        let (without, common) = match form {
            Form::Primal => (held * p + p * p, n * p),
            Form::Kernel => (kept * kept, 0.0),
        };
        let (moments, of_held) = if is_spread {
            (held * p * p + p.powi(3) / 3.0, p * p + alphas * p * p / 2.0)
        } else {
            (0.0, alphas * held * kept)
        };
        RoundWork {
            cubes: kept.powi(3),
            shared: 2.0 * held * kept * k + moments,
            voxel: without + of_held,
            common,
        }
    }

    /// Each mixture is decomposed in each round, and once more if a voxel chooses it.
    fn banded(&self, form: Form, mixtures: f64, square: f64, coordinates: f64) -> FitWork {
        let Self {
            n,
            p,
            k,
            held,
            kept,
            test,
            rounds,
            alphas,
        } = self;
        let round_voxel = match form {
            Form::Primal => n * p + p * p,
            Form::Kernel => kept * kept,
        };
        FitWork {
            eigen_cubes: mixtures * (rounds * kept.powi(3) + k.powi(3)),
            shared_flops: square + mixtures * rounds * 2.0 * held * kept * kept,
            voxel_flops: 2.0
                * (mixtures * rounds * (round_voxel + alphas * held * kept)
                    + coordinates
                    + test * k),
        }
    }
}
