//! Scores of predictions against measured responses, voxel by voxel.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::files::responses::Readable;
use crate::run::encoding::{Column, ResponseBlocks, ResponseBlocksError, VoxelScores};
use crate::run::progress::Event;
use crate::run::recipe::EncodeRecipe;
use crate::run::warning::Warning;
use crate::stats::ceiling::{NoiseCeiling, SHOWN_ABOVE};
use crate::stats::intervals::{BlockBootstrap, CONFIDENCE, MeanOfDraws, voxel_intervals};
use crate::stats::score::{Variances, correlation, r_squared, signed_square};
use crate::stats::significance::BlockPermutations;

/// Scores predictions of the test scans against the measured responses.
pub(super) struct Scorer<'a> {
    recipe: &'a EncodeRecipe,
    measured: &'a ResponseBlocks<'a>,
    permutations: Option<BlockPermutations>,
    bootstrap: Option<BlockBootstrap>,
}

/// The scores of a run's voxels, and the bootstrap draws of each block.
pub(super) struct Scored {
    pub(super) voxels: Vec<VoxelScores>,
    pub(super) draws: Vec<MeanOfDraws>,
}

/// The scores of a block of voxels.
pub(super) struct BlockScores {
    pub(super) voxels: Vec<VoxelScores>,
    /// Bootstrap draws of their r over test time.
    pub(super) draws: MeanOfDraws,
}

impl<'a> Scorer<'a> {
    /// Creates a scorer for predictions of `n_scans` test scans.
    pub(super) fn new(
        recipe: &'a EncodeRecipe,
        measured: &'a ResponseBlocks<'a>,
        n_scans: usize,
        report: &mut dyn FnMut(Event),
    ) -> Self {
        let (settings, seed) = (&recipe.scores, recipe.ridge.seed);
        let permutations = (settings.n_permutations > 0).then(|| {
            BlockPermutations::new(n_scans, settings.block_scans, settings.n_permutations, seed)
        });
        let few = permutations
            .as_ref()
            .and_then(BlockPermutations::too_few_orders);
        if let Some((n_blocks, n_orders)) = few {
            report(Event::Warning(Warning::FewPermutations {
                n_blocks,
                n_orders,
            }));
        }
        let bootstrap = (settings.n_draws > 0)
            .then(|| BlockBootstrap::new(n_scans, settings.block_scans, settings.n_draws, seed));
        Self {
            recipe,
            measured,
            permutations,
            bootstrap,
        }
    }

    /// Scores a block of voxels.
    ///
    /// * `predictions`: `(n_test_scans, n_voxels)`.
    /// * `training`: `(n_training_scans, n_voxels)`, as measured; their non-finite values are counted.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if the test responses cannot be read.
    pub(super) fn scores<T: Readable>(
        &self,
        predictions: &Array2<T>,
        training: ArrayView2<T>,
        voxels: Range<usize>,
    ) -> Result<BlockScores, ResponseBlocksError> {
        let measured = self.measured.test::<T>(voxels.clone())?;
        let r = correlation(predictions.view(), measured.view());
        let r2 = r_squared(predictions.view(), measured.view());
        let p = self.permutations.as_ref();
        let p = p.map(|orders| orders.p_values(predictions.view(), measured.view()));
        let drawn = self.bootstrap.as_ref();
        let drawn = drawn.map(|draws| draws.correlations(predictions.view(), measured.view()));
        let mut draws = MeanOfDraws::new(drawn.as_ref().map_or(0, Array2::nrows));
        let intervals = drawn.map(|r| {
            draws.add(r.view());
            voxel_intervals(r.view(), CONFIDENCE)
        });
        let ceiling = self.ceiling::<T>(voxels)?;
        let variances = Variances::of(predictions.view(), measured.view());
        let signed_root = variances.signed_root();
        let power_explained = ceiling
            .as_ref()
            .map(|ceiling| ceiling.power_explained(&variances.measured, &variances.residual));
        let voxel = |index: usize| {
            let mut scores = VoxelScores::default();
            scores.set(Column::R, r[index]);
            scores.set(Column::SignedSquare, signed_square(r[index]));
            scores.set(Column::R2, r2[index]);
            scores.set(Column::SignedRootR2, signed_root[index]);
            if let Some(p) = &p {
                scores.set(Column::P, p[index]);
            }
            if let Some(intervals) = &intervals {
                scores.set(Column::RLow, intervals[index].lower);
                scores.set(Column::RHigh, intervals[index].upper);
            }
            if let Some(ceiling) = &ceiling {
                let largest = ceiling.largest_r[index];
                scores.set(Column::NoiseCeiling, largest);
                scores.set(
                    Column::ExplainableVariance,
                    ceiling.explainable_variance[index],
                );
                if let Some(explained) = &power_explained {
                    scores.set(Column::SignalPowerExplained, explained[index]);
                }
                let is_shown = largest > SHOWN_ABOVE;
                scores.set(
                    Column::NormalisedR,
                    if is_shown {
                        r[index] / largest
                    } else {
                        f64::NAN
                    },
                );
            }
            let missing = training.column(index);
            let n_missing = missing.iter().filter(|value| !value.is_finite()).count();
            scores.set(Column::NMissing, n_missing as f64);
            scores
        };
        Ok(BlockScores {
            voxels: (0..measured.ncols()).map(voxel).collect(),
            draws,
        })
    }

    fn ceiling<T: Readable>(
        &self,
        voxels: Range<usize>,
    ) -> Result<Option<NoiseCeiling>, ResponseBlocksError> {
        if self.measured.n_presentations() < 2 {
            return Ok(None);
        }
        let presentations = self.measured.test_presentations::<T>(voxels)?;
        Ok(NoiseCeiling::of(
            presentations.view(),
            self.recipe.scores.total_power,
        ))
    }
}
