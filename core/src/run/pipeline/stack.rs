//! Stacked regression: for each voxel, a convex combination of the predictions of several fitted models.
//!
//! Each model predicts folds of training scans after a refit on the others; the weights that minimise the combination's
//! squared error there combine the predictions of the test scans.
//!
//! Source: Lin, R., et al. (2023), "A stacked regressions approach to improving encoding models", after Breiman (1996), Machine
//! Learning 24, 49.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::files::responses::ResponseSource;
use crate::linear::ridge::{Problem, RefitPlan, RidgeError, Weights};
use crate::linear::split::{CrossValidation, SplitError, TestFeatures, TrainingFeatures};
use crate::linear::stacking::{ResidualProducts, stacked};
use crate::remedy::Remedy;
use crate::run::design::{Design, DesignError, scans_of};
use crate::run::encoding::{ResponseBlocks, ResponseBlocksError, ScoreTable};
use crate::run::progress::CancelToken;
use crate::run::recipe::EncodeRecipe;
use crate::stats::score::correlation;

/// Folds of the training scans that are held out in turn.
const N_FOLDS: usize = 5;

/// Errors of [`stack`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum StackError {
    #[error("Stacking needs the scores of at least two models.")]
    TooFew,
    #[error(
        "\"{0}\" was fitted to other stories, scans or voxels than the first model. Stack models that were fitted alike."
    )]
    FittedOtherwise(String),
    #[error("\"{0}\" has a penalty per set; models to be stacked have one α per voxel.")]
    Banded(String),
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    ResponseBlocks(#[from] ResponseBlocksError),
    #[error(transparent)]
    Split(#[from] SplitError),
    #[error(transparent)]
    Ridge(#[from] RidgeError),
}

impl StackError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Design(error) => error.remedies(),
            Self::Ridge(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// A fitted model.
#[derive(Debug, Clone)]
pub struct StackMember {
    /// The model's name.
    pub name: String,
    /// Its recipe, with absolute paths.
    pub recipe: EncodeRecipe,
    /// Its scores of all voxels, including each voxel's α.
    pub table: ScoreTable,
}

/// The result of stacking.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// `(n_models, n_voxels)`: weights, at least 0, with sum 1 per voxel.
    pub weights: Array2<f64>,
    /// `(n_voxels,)`: r between the combined prediction and the test responses.
    pub r: Array1<f64>,
    /// `(n_models, n_voxels)`: r of each model on its own.
    pub model_r: Array2<f64>,
}

/// Stacks models; returns `None` if cancelled. `report` receives the number of voxels done and their total.
///
/// As many voxels as fit into `memory_bytes` are processed at a time; each further batch repeats the decompositions of the
/// models' features.
///
/// # Errors
/// Returns a [`StackError`] if the models were fitted to different data, or a file cannot be read.
pub fn stack(
    members: &[StackMember],
    responses: &dyn ResponseSource,
    memory_bytes: u64,
    (cancel, report): (&CancelToken, &mut dyn FnMut(usize, usize)),
) -> Result<Option<Stack>, StackError> {
    let [first, _, ..] = members else {
        return Err(StackError::TooFew);
    };
    let designs = members
        .iter()
        .map(|member| Design::build(&member.recipe, responses))
        .collect::<Result<Vec<_>, _>>()?;
    let measured = ResponseBlocks::new(&first.recipe, responses, &designs[0])?;
    measured.verify()?;
    let n_voxels = measured.n_voxels();
    for (member, design) in members.iter().zip(&designs) {
        refuse_other(member, design, &designs[0], n_voxels)?;
    }
    let n_training = designs[0].training.0.nrows();
    let folds = CrossValidation::KFold { n_folds: N_FOLDS };
    let folds = folds.rounds(&scans_of(&designs[0].training_stories), 0)?;
    let n_test = designs[0].test.0.nrows();
    let mut all = Stack {
        weights: Array2::zeros((members.len(), n_voxels)),
        r: Array1::zeros(n_voxels),
        model_r: Array2::zeros((members.len(), n_voxels)),
    };
    let bytes_of_voxel = 8 * (members.len() + 2) * (n_training + n_test);
    let n_at_once = ((memory_bytes as usize) / bytes_of_voxel).max(64);
    for from in (0..n_voxels).step_by(n_at_once) {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let voxels = from..n_voxels.min(from + n_at_once);
        let training = finite(measured.training::<f64>(voxels.clone())?);
        let mut products = ResidualProducts::new(members.len(), voxels.len());
        for held in &folds {
            let predictions = members
                .iter()
                .zip(&designs)
                .map(|(member, design)| held_out(member, design, held, (&training, &voxels)))
                .collect::<Result<Vec<_>, _>>()?;
            let views: Vec<ArrayView2<f64>> = predictions.iter().map(|part| part.view()).collect();
            products.add(&views, training.select(Axis(0), held).view());
        }
        let weights = products.weights();
        let predictions = members
            .iter()
            .zip(&designs)
            .map(|(member, design)| {
                let sets = (&design.training, &design.test);
                fitted(member, sets, (training.view(), &voxels))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let views: Vec<ArrayView2<f64>> = predictions.iter().map(|part| part.view()).collect();
        let test = measured.test::<f64>(voxels.clone())?;
        let mixed = stacked(&views, weights.view());
        all.r
            .slice_mut(s![voxels.clone()])
            .assign(&correlation(mixed.view(), test.view()));
        for (view, mut row) in views.iter().zip(all.model_r.rows_mut()) {
            row.slice_mut(s![voxels.clone()])
                .assign(&correlation(*view, test.view()));
        }
        all.weights
            .slice_mut(s![.., voxels.clone()])
            .assign(&weights);
        report(voxels.end, n_voxels);
    }
    Ok(Some(all))
}

fn refuse_other(
    member: &StackMember,
    design: &Design,
    first: &Design,
    n_voxels: usize,
) -> Result<(), StackError> {
    if member.recipe.ridge.banded.is_some() {
        return Err(StackError::Banded(member.name.clone()));
    }
    let is_alike = design.training_stories == first.training_stories
        && design.test_stories == first.test_stories
        && member.table.first_voxel == 0
        && member.table.voxels.len() == n_voxels;
    if is_alike {
        Ok(())
    } else {
        Err(StackError::FittedOtherwise(member.name.clone()))
    }
}

/// A model's predictions of held-out training scans, after a fit on the others.
fn held_out(
    member: &StackMember,
    design: &Design,
    held: &[usize],
    (training, voxels): (&Array2<f64>, &Range<usize>),
) -> Result<Array2<f64>, StackError> {
    let mut is_retained = vec![true; training.nrows()];
    for row in held {
        is_retained[*row] = false;
    }
    let kept: Vec<usize> = (0..is_retained.len())
        .filter(|row| is_retained[*row])
        .collect();
    let of = |rows: &[usize]| design.training.0.select(Axis(0), rows);
    let sets = (TrainingFeatures(of(&kept)), TestFeatures(of(held)));
    let responses = training.select(Axis(0), &kept);
    fitted(member, (&sets.0, &sets.1), (responses.view(), voxels))
}

/// A model's predictions, with the α of each voxel.
fn fitted(
    member: &StackMember,
    (training, test): (&TrainingFeatures, &TestFeatures),
    (responses, voxels): (ArrayView2<f64>, &Range<usize>),
) -> Result<Array2<f64>, StackError> {
    let problem = Problem::<f64>::new(training)?;
    let plan = RefitPlan::new(&problem, test, &member.recipe.ridge.settings())?;
    let alphas = member.table.chosen_alphas(voxels.clone());
    Ok(plan.fit(responses, &alphas, Weights::Left).predictions)
}

/// Replaces non-finite values by 0, as in the fit.
fn finite(responses: Array2<f64>) -> Array2<f64> {
    responses.mapv_into(|value| if value.is_finite() { value } else { 0.0 })
}
