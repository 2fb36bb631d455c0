//! One voxel fitted again after a fit of all of them: its measured and predicted responses to the test stories.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Axis, Ix2};

use crate::files::formats::npz::{self, NpzError};
use crate::files::responses::ResponseSource;
use crate::linear::ridge::{AlphaUnit, RidgeError, RidgeSettings, SingleFit};
use crate::linear::split::{TestFeatures, TrainingFeatures};
use crate::run::design::{Design, DesignError};
use crate::run::encoding::{
    Column, ExampleSeries, ResponseBlocks, ResponseBlocksError, ScoreTable,
};
use crate::run::recipe::EncodeRecipe;
use crate::stats::score::correlation;

/// By how much a score may differ from that of the fit, whose products are in single precision.
const MOST_DIFFERENCE: f64 = 2e-3;

/// Errors of [`Refit`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum RefitError {
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    ResponseBlocks(#[from] ResponseBlocksError),
    #[error(transparent)]
    Ridge(#[from] RidgeError),
    #[error(transparent)]
    Mixtures(#[from] NpzError),
    #[error("There are scores of {n_scores} voxels; there is no voxel {voxel}.")]
    NoVoxel { voxel: usize, n_scores: usize },
    #[error(
        "Voxel {voxel} had r = {before:.3} when the model was fitted, and has r = {now:.3} now: features or responses have \
         changed since. Fit again."
    )]
    Changed { voxel: usize, before: f64, now: f64 },
}

/// A fit whose voxels can be fitted again one by one.
///
/// The first voxel takes as long as reading the features and decomposing them once; each further one takes milliseconds, as
/// long as its mixture of feature sets stays the same.
pub struct Refit {
    recipe: EncodeRecipe,
    design: Design,
    /// For a penalty per set: the weight of each set for each voxel, `(n_voxels, n_sets)`.
    mixtures: Option<Array2<f64>>,
    /// The decomposition, and the weights of the sets that it holds for.
    fit: Option<(Vec<f64>, SingleFit)>,
}

impl Refit {
    /// Reads the features of a fit.
    ///
    /// * `folder`: where its scores lie.
    ///
    /// # Errors
    /// Returns a [`RefitError`] if features or responses cannot be read.
    pub fn open(
        folder: &Path,
        recipe: EncodeRecipe,
        responses: &dyn ResponseSource,
    ) -> Result<Self, RefitError> {
        let design = Design::build(&recipe, responses)?;
        let mixtures = match recipe.ridge.banded {
            Some(_) => Some(npz::read_as::<f64, Ix2>(
                &folder.join("banded.npz"),
                "mixture",
            )?),
            None => None,
        };
        Ok(Self {
            recipe,
            design,
            mixtures,
            fit: None,
        })
    }

    /// Fits a voxel with the α that was chosen for it.
    ///
    /// * `voxel`: its number among all voxels of the responses.
    ///
    /// # Errors
    /// Returns a [`RefitError`] if the responses cannot be read, or if its score is not that of the fit.
    pub fn series(
        &mut self,
        responses: &dyn ResponseSource,
        table: &ScoreTable,
        voxel: usize,
    ) -> Result<ExampleSeries, RefitError> {
        let row = voxel.checked_sub(table.first_voxel);
        let scores = row.and_then(|row| table.voxels.get(row));
        let (Some(row), Some(scores)) = (row, scores) else {
            return Err(RefitError::NoVoxel {
                voxel,
                n_scores: table.voxels.len(),
            });
        };
        let weights = match &self.mixtures {
            Some(mixtures) if row < mixtures.nrows() => mixtures.row(row).to_vec(),
            _ => Vec::new(),
        };
        let settings = RidgeSettings {
            alphas: vec![scores.get(Column::Alpha)],
            alpha_unit: match self.mixtures {
                Some(_) => AlphaUnit::Plain,
                None => self.recipe.ridge.alpha_unit,
            },
            ..self.recipe.ridge.settings()
        };
        self.prepare(weights)?;
        let blocks = ResponseBlocks::new(&self.recipe, responses, &self.design)?;
        let of_voxel: Range<usize> = voxel..voxel + 1;
        let training: Array2<f64> = blocks.training(of_voxel.clone())?;
        let measured: Array2<f64> = blocks.test(of_voxel)?;
        let Some((_, fit)) = &self.fit else {
            return Err(RidgeError::NoAlphas.into());
        };
        let predicted = fit.predict(training.column(0), &settings);
        let predicted = predicted.insert_axis(Axis(1));
        let now = correlation(predicted.view(), measured.view())[0];
        let before = scores.get(Column::R);
        // NaN is not the same.
        let is_same = (now - before).abs() <= MOST_DIFFERENCE;
        if before.is_finite() && !is_same {
            return Err(RefitError::Changed { voxel, before, now });
        }
        Ok(ExampleSeries {
            voxels: vec![voxel],
            predicted,
            measured,
        })
    }

    /// Decomposes the features, each set scaled by the root of its weight; without weights as they are.
    fn prepare(&mut self, weights: Vec<f64>) -> Result<(), RefitError> {
        if self.fit.as_ref().is_some_and(|(of, _)| *of == weights) {
            return Ok(());
        }
        self.fit = None;
        let Design { training, test, .. } = &self.design;
        let fit = if weights.is_empty() {
            SingleFit::new(training, test)?
        } else {
            let scales = self.scales(&weights);
            let scaled = |features: &Array2<f64>| {
                let mut scaled = features.clone();
                for (mut column, scale) in scaled.columns_mut().into_iter().zip(&scales) {
                    column *= *scale;
                }
                scaled
            };
            let training = TrainingFeatures(scaled(&training.0));
            SingleFit::new(&training, &TestFeatures(scaled(&test.0)))?
        };
        self.fit = Some((weights, fit));
        Ok(())
    }

    /// The scale of each column of the design: one delay after the other, each with the sets side by side.
    fn scales(&self, weights: &[f64]) -> Vec<f64> {
        let of_sets = self.design.sets.iter().zip(weights);
        let of_features: Vec<f64> = of_sets
            .flat_map(|(set, weight)| std::iter::repeat_n(weight.sqrt(), set.n_features))
            .collect();
        of_features.repeat(self.recipe.design.delays.len())
    }
}
