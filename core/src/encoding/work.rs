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
        if let Some(banded) = &recipe.ridge.banded {
            let n_mixtures = banded.n_mixtures + recipe.features.len() + 1;
            return Lengths::of(sizes, n_alphas).banded(n_mixtures as f64);
        }
        let forms_weights = recipe.output.weights;
        Self::of_ridge(sizes, n_alphas, recipe.ridge.alpha_unit, forms_weights)
    }

    /// Of ridge fits with one penalty for all columns.
    #[must_use]
    pub fn of_ridge(
        sizes: &FitSizes,
        n_alphas: usize,
        unit: AlphaUnit,
        forms_weights: bool,
    ) -> Self {
        let lengths = Lengths::of(sizes, n_alphas);
        let Lengths {
            p, k, test, rounds, ..
        } = lengths;
        let round =
            if unit == AlphaUnit::Plain && leaves_out(sizes.n_held_scans, k as usize, n_alphas) {
                lengths.left_out()
            } else {
                let few_columns = is_spread(sizes.n_held_scans, sizes.n_columns);
                lengths.decomposed(lengths.form == Form::Primal && few_columns)
            };
        let test_rows = match lengths.form {
            Form::Primal => 2.0 * test * p * k,
            Form::Kernel => 2.0 * test * (p * k + k * k),
        };
        let weights = if forms_weights { k * p } else { 0.0 };
        Self {
            eigen_cubes: k.powi(3) + rounds * round.cubes,
            shared_flops: lengths.square() + test_rows + rounds * round.shared,
            voxel_flops: 2.0
                * (round.common
                    + rounds * round.voxel
                    + lengths.coordinates()
                    + test * k
                    + weights),
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
    form: Form,
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
    fn of(sizes: &FitSizes, n_alphas: usize) -> Self {
        let form = Form::of_shape(sizes.n_training_scans, sizes.n_columns);
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
            form,
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

    /// `XᵀX` or `XXᵀ`, half of it by symmetry.
    fn square(&self) -> f64 {
        self.n * self.p * self.k
    }

    /// Multiplications that bring a voxel's responses to the basis of all rows.
    fn coordinates(&self) -> f64 {
        match self.form {
            Form::Primal => self.n * self.p + self.p * self.p,
            Form::Kernel => self.n * self.n,
        }
    }

    fn left_out(&self) -> RoundWork {
        let Self {
            p, k, held, alphas, ..
        } = self;
        let solve =
            alphas * (2.0 * held * held * k + 2.0 * held.powi(3) / 3.0 + 2.0 * held * held * k);
        RoundWork {
            cubes: 0.0,
            shared: 2.0 * held * p * k + solve,
            voxel: held * k + alphas * held * k,
            common: self.coordinates(),
        }
    }

    fn decomposed(&self, is_spread: bool) -> RoundWork {
        let Self {
            n,
            p,
            k,
            held,
            kept,
            alphas,
            ..
        } = self;
        let (without, common) = match self.form {
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
    fn banded(&self, mixtures: f64) -> FitWork {
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
        } = self;
        let round_voxel = match form {
            Form::Primal => n * p + p * p,
            Form::Kernel => kept * kept,
        };
        FitWork {
            eigen_cubes: mixtures * (rounds * kept.powi(3) + k.powi(3)),
            shared_flops: self.square() + mixtures * rounds * 2.0 * held * kept * kept,
            voxel_flops: 2.0
                * (mixtures * rounds * (round_voxel + alphas * held * kept)
                    + self.coordinates()
                    + test * k),
        }
    }
}
