//! How much a fit is to compute.

use super::FitSizes;
use crate::recipe::EncodeRecipe;
use crate::ridge::{AlphaUnit, Form, leaves_out};

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
        let (n, p) = (sizes.n_training_scans, sizes.n_columns);
        let form = Form::of_shape(n, p);
        let is_left_out = recipe.ridge.alpha_unit == AlphaUnit::Plain
            && leaves_out(sizes.n_held_scans, n.min(p), n_alphas);
        let as_number = |size: usize| size as f64;
        let [n, p, held, test, rounds, alphas] = [
            n,
            p,
            sizes.n_held_scans,
            sizes.n_test_scans,
            sizes.n_rounds,
            n_alphas,
        ]
        .map(as_number);
        let k = n.min(p);
        let kept = match form {
            Form::Primal => p,
            Form::Kernel => n - held,
        };
        // XᵀX or XXᵀ, half of it by symmetry, and the test rows in the basis.
        let square = n * p * k;
        let test_rows = match form {
            Form::Primal => 2.0 * test * p * k,
            Form::Kernel => 2.0 * test * (p * k + k * k),
        };
        let coordinates = match form {
            Form::Primal => n * p + p * p,
            Form::Kernel => n * n,
        };
        let (round_cubes, round_shared, round_voxel, common) = if is_left_out {
            let solve =
                alphas * (2.0 * held * held * k + 2.0 * held.powi(3) / 3.0 + 2.0 * held * held * k);
            (
                0.0,
                2.0 * held * p * k + solve,
                held * k + alphas * held * k,
                coordinates,
            )
        } else {
            let without = match form {
                Form::Primal => held * p + p * p,
                Form::Kernel => kept * kept,
            };
            let sums = match form {
                Form::Primal => n * p,
                Form::Kernel => 0.0,
            };
            (
                kept.powi(3),
                2.0 * held * kept * k,
                without + alphas * held * kept,
                sums,
            )
        };
        let weights = if recipe.output.weights { k * p } else { 0.0 };
        if let Some(banded) = &recipe.ridge.banded {
            // Each mixture is decomposed in each round, and once more if a voxel chooses it.
            let mixtures = (banded.n_mixtures + recipe.features.len() + 1) as f64;
            let rows = match form {
                Form::Primal => p,
                Form::Kernel => n - held,
            };
            let round_voxel = match form {
                Form::Primal => n * p + p * p,
                Form::Kernel => rows * rows,
            };
            return Self {
                eigen_cubes: mixtures * (rounds * rows.powi(3) + k.powi(3)),
                shared_flops: square + mixtures * rounds * 2.0 * held * rows * rows,
                voxel_flops: 2.0
                    * (mixtures * rounds * (round_voxel + alphas * held * rows)
                        + coordinates
                        + test * k),
            };
        }
        Self {
            eigen_cubes: k.powi(3) + rounds * round_cubes,
            shared_flops: square + test_rows + rounds * round_shared,
            voxel_flops: 2.0 * (common + rounds * round_voxel + coordinates + test * k + weights),
        }
    }
}
