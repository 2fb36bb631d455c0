//! Prediction with existing weights: a fitted model applied to the features of test stories.

use ndarray::Array2;

use crate::files::responses::{ResponseSource, ResponsesError};
use crate::maths::matrix::product;
use crate::remedy::Remedy;
use crate::run::design::{Design, DesignError};
use crate::run::encoding::{
    BLOCK_VOXELS, Column, ColumnsFile, ResponseBlocks, ResponseBlocksError, ScoreTable,
};
use crate::run::pipeline::OutputError;
use crate::run::pipeline::scorer::Scorer;
use crate::run::pipeline::write_results;
use crate::run::progress::{CancelToken, Event, Stage};
use crate::run::recipe::{EncodeFile, EncodeRecipe};
use crate::run::store::{StoreError, atomic};
use crate::run::warning::Warning;
use crate::stats::intervals::{Interval, MeanOfDraws};

/// Errors of [`predict`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum PredictError {
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    ResponseBlocks(#[from] ResponseBlocksError),
    #[error(transparent)]
    Responses(#[from] ResponsesError),
    #[error(
        "The weights' file holds several arrays ({}). Give a file with the weights alone, or name their array \"weights\".", names.join(", ")
    )]
    SeveralArrays { names: Vec<String> },
    #[error(
        "The weights have {n_rows} rows, but the recipe makes {n_columns} regressors ({n_features} features × {n_delays} delays). \
         Weights are (delays × features, voxels), one delay after the other: check the features, the layer and the delays."
    )]
    Rows {
        n_rows: usize,
        n_columns: usize,
        n_features: usize,
        n_delays: usize,
    },
    #[error(
        "The weights are of {weights} voxels and the responses of {responses}. Both must be of one subject, with the same mask."
    )]
    Voxels { weights: usize, responses: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl PredictError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Design(error) => error.remedies(),
            Self::Store(error) => error.remedies(),
            Self::Output(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// A prediction of the test stories of a recipe.
pub struct Prediction<'a> {
    /// The recipe, of which features, test stories, scans, design, scores and output folder are used.
    pub recipe: &'a EncodeRecipe,
    /// Measured responses.
    pub responses: &'a dyn ResponseSource,
    /// Weights, `(n_delays · n_features, n_voxels)`, in the layout of a fit and of the study's code.
    pub weights: &'a dyn ResponseSource,
    /// Cancels the prediction.
    pub cancel: &'a CancelToken,
}

/// Predicts the test scans with existing weights, scores the predictions, and writes `predictions.npy`
/// `(n_test_scans, n_voxels)` and the scores. Returns `None` if cancelled.
///
/// # Errors
/// Returns a [`PredictError`] if weights, features and responses do not match in shape, or if a file cannot be read or
/// written.
pub fn predict(
    work: &Prediction,
    report: &mut dyn FnMut(Event),
) -> Result<Option<ScoreTable>, PredictError> {
    let recipe = work.recipe;
    let design = Design::for_test(recipe, work.responses)?;
    let measured = ResponseBlocks::new(recipe, work.responses, &design)?;
    let (n_test_scans, n_columns) = design.test.0.dim();
    let (name, n_voxels) = weights_name(work, &design, measured.n_voxels())?;
    for text in design.warnings.iter().cloned() {
        report(Event::Warning(Warning::Stories { text }));
    }
    let scorer = Scorer::new(recipe, &measured, n_test_scans, report);
    let folder = &recipe.output.folder;
    let predictions_path = folder.join("predictions.npy");
    ColumnsFile::remove(&predictions_path)?;
    atomic::create_folder(folder)?;
    report(Event::StageStarted {
        stage: Stage::Predict,
        n_voxels,
        n_done: 0,
    });
    let mut file = ColumnsFile::open(&predictions_path, n_test_scans, n_voxels)?;
    let mut table = ScoreTable {
        first_voxel: 0,
        voxels: Vec::with_capacity(n_voxels),
        alphas: Vec::new(),
        round_scores: Array2::zeros((0, n_voxels)),
        draws: Vec::<MeanOfDraws>::new(),
        fdr_level: recipe.scores.fdr_level,
    };
    for first in (0..n_voxels).step_by(BLOCK_VOXELS) {
        if work.cancel.is_cancelled() {
            return Ok(None);
        }
        let voxels = first..n_voxels.min(first + BLOCK_VOXELS);
        let weights = work.weights.read_f64(&name, 0..n_columns, voxels.clone())?;
        let predictions = product(design.test.0.view(), weights.view());
        file.write(first, predictions.view())?;
        let no_training = Array2::zeros((0, voxels.len()));
        let scores = scorer.scores(&predictions, no_training.view(), voxels.clone())?;
        table.voxels.extend(scores.voxels);
        table.draws.push(scores.draws);
        report(Event::VoxelProgress {
            stage: Stage::Predict,
            n_done: voxels.end,
            n_voxels,
        });
    }
    table.correct_for_number();
    file.commit()?;
    let file = EncodeFile {
        encode: recipe.clone(),
        run: None,
    };
    write_results(folder, &file, &table, None)?;
    report(Event::EncodeFinished {
        n_voxels,
        mean_r: Some(table.mean(Column::R)),
        mean_r_interval: table.mean_interval().map(Interval::ends),
        n_significant: table.n_significant(),
    });
    Ok(Some(table))
}

/// The name of the array that holds the weights, and its number of voxels.
fn weights_name(
    work: &Prediction,
    design: &Design,
    n_measured: usize,
) -> Result<(String, usize), PredictError> {
    let names = work.weights.stories();
    let name = match &names[..] {
        [only] => only,
        several => several
            .iter()
            .find(|name| ["weights", "wt"].contains(&name.as_str()))
            .ok_or_else(|| PredictError::SeveralArrays {
                names: names.clone(),
            })?,
    };
    let (n_rows, n_voxels) = work.weights.shape(name).unwrap_or_default();
    let n_columns = design.test.0.ncols();
    if n_rows != n_columns {
        let n_delays = work.recipe.design.delays.len();
        return Err(PredictError::Rows {
            n_rows,
            n_columns,
            n_features: n_columns / n_delays.max(1),
            n_delays,
        });
    }
    if n_voxels != n_measured {
        return Err(PredictError::Voxels {
            weights: n_voxels,
            responses: n_measured,
        });
    }
    Ok((name.clone(), n_voxels))
}
