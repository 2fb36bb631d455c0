//! Cost of banded ridge regression.

use crate::linear::cost::{FitCost, FoldLengths};
use crate::linear::ridge::BasisForm;

impl FoldLengths {
    /// Each mixture is decomposed in every round, and once more if a voxel chooses it.
    pub(crate) fn banded(&self, mixtures: f64) -> FitCost {
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
