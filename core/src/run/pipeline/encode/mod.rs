//! Fitting of an encoding model, from features to voxel scores, step by step.

mod banded;
mod block_cache;
mod controls;
mod files;
mod info;
mod inputs;
mod ridge;
mod run;
mod solver;
mod warnings;

use std::cell::RefCell;
use std::path::PathBuf;

use ndarray::Array2;

use crate::files::responses::{Readable, ResponseSource};
use crate::linear::banded::BandedError;
use crate::linear::cost::FitSizes;
use crate::linear::ridge::{Problem, RidgeError};
use crate::linear::split::SplitError;
use crate::remedy::Remedy;
use crate::run::design::{Design, DesignError};
use crate::run::encoding::{
    Column, ExampleSeries, ResponseBlocks, ResponseBlocksError, ScoreTable, VoxelShare,
    example_voxels,
};
use crate::run::pipeline::OutputError;
use crate::run::progress::{CancelToken, Event, Stage};
use crate::run::recipe::{EncodeInfo, EncodeRecipe, FileChecksum, FitPrecision};
use crate::run::sanity::{Check, Verdict};
use crate::run::store::{Found, StoreError, atomic};
use crate::run::warning::Warning;
use crate::stats::intervals::Interval;
use banded::Banded;
use ridge::Ridge;
use run::Run;
use solver::{Request, Solver};

use super::now;

/// Errors of fitting an encoding model.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum EncodeError {
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    ResponseBlocks(#[from] ResponseBlocksError),
    #[error(transparent)]
    Split(#[from] SplitError),
    #[error(transparent)]
    Ridge(#[from] RidgeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "A share of the voxels cannot know the α that suits all of them best. Choose an α per voxel (sharing = \"per_voxel\"), or \
         fit all voxels in one run."
    )]
    SharedAlpha,
    #[error(
        "This share holds no voxels: there are {n_blocks} blocks of voxels. Use at most {n_blocks} shares."
    )]
    EmptyShare { n_blocks: usize },
    #[error(
        "The training story \"{training}\" and the test story \"{test}\" have the very same features: they are the same \
         recording. Leave one of them out."
    )]
    SameRecording { training: String, test: String },
    #[error(
        "The features of the story \"{story}\" are not as they were written: their checksum is not that of their record. Extract the \
         story again, or leave it out.\nFile: {}", path.display()
    )]
    FeaturesChanged { story: String, path: PathBuf },
    #[error(
        "No voxel has a score: {0}. Look at the responses of the test stories, and whether features and responses belong together."
    )]
    NoScores(&'static str),
    #[error("The groups are given for {found} voxels; the responses have {expected}.")]
    Groups { found: usize, expected: usize },
    #[error(
        "Scores of another recipe lie in this folder. Choose another one (folder in [encode.output]), set these scores \
         aside under another name, or write over them.\nFolder: {}", .0.display()
    )]
    OtherScores(PathBuf),
    #[error(
        "A penalty per set needs at least two sets of features; the recipe has one. Add a set, or take [encode.ridge.banded] away."
    )]
    OneSet,
    #[error(
        "With a penalty per set, each voxel has its own α, as it stands. Leave alpha_unit and sharing out, or take \
         [encode.ridge.banded] away."
    )]
    BandedAlphas,
    #[error(
        "The voxels were fitted before their α were chosen. This is a fault of Heschl: report it."
    )]
    NotChosen,
    #[error(transparent)]
    Banded(#[from] BandedError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl EncodeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Design(error) => error.remedies(),
            Self::Ridge(error) => error.remedies(),
            Self::Banded(error) => error.remedies(),
            Self::Store(error) => error.remedies(),
            Self::Output(error) => error.remedies(),
            Self::SharedAlpha => vec![Remedy::WholeFit],
            Self::FeaturesChanged { .. } => vec![Remedy::ExtractAgain],
            Self::OtherScores(_) => vec![
                Remedy::OtherOutputFolder,
                Remedy::SetAside,
                Remedy::Overwrite,
            ],
            _ => Vec::new(),
        }
    }
}

/// A fit of all voxels, or of a share of them.
pub struct Encoding<'a> {
    /// The recipe.
    pub recipe: &'a EncodeRecipe,
    /// Measured responses.
    pub responses: &'a dyn ResponseSource,
    /// For [`AlphaSharing::PerGroup`](crate::linear::ridge::AlphaSharing::PerGroup): the group index of each voxel.
    pub groups: Option<Vec<usize>>,
    /// The share of the voxels to fit.
    pub share: VoxelShare,
    /// How to treat existing scores in the output folder.
    pub existing: Existing,
    /// Version of Heschl, for the provenance record.
    pub heschl: &'a str,
    /// Cancels the fit after the current block.
    pub cancel: &'a CancelToken,
}

/// The treatment of existing scores in the output folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep them if recipe and input files are the same; else fail.
    Keep,
    /// Keep them if recipe and input files are the same; else rename their folder.
    SetAside,
    /// Overwrite them.
    Overwrite,
}

/// The outcome of a fit.
#[derive(Debug, Clone, PartialEq)]
pub enum EncodeSummary {
    /// The folder already held the scores of the same recipe and files.
    DoneBefore,
    /// The scores were computed and written.
    Finished(Box<ScoreTable>),
    /// The fit was cancelled; finished blocks are in the journals.
    Stopped,
}

/// Fits an encoding model and writes the scores of its voxels.
///
/// 1. Features are resampled to the scans, trimmed, z-scored, concatenated and delayed.
/// 2. Each voxel's α is selected on held-out chunks of the training scans.
/// 3. The model is refitted with that α on all training scans and predicts the test scans.
/// 4. Predictions are scored against the measured responses.
/// 5. Sanity checks look for spurious scores.
///
/// Each block of voxels is journaled, so that an interrupted run resumes where it stopped.
///
/// # Errors
/// Returns an [`EncodeError`]; blocks finished before it remain in the journals.
pub fn encode(
    work: &Encoding,
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    match work.recipe.ridge.precision {
        FitPrecision::F32 => encode_in::<f32>(work, report),
        FitPrecision::F64 => encode_in::<f64>(work, report),
    }
}

/// Returns the sizes of a fit and its warnings without fitting anything; all inputs are checked as for the fit itself.
///
/// # Errors
/// As [`encode`].
pub fn encode_sizes(work: &Encoding) -> Result<(FitSizes, Vec<String>), EncodeError> {
    let design = Design::build(work.recipe, work.responses)?;
    let measured = ResponseBlocks::new(work.recipe, work.responses, &design)?;
    inputs::refuse_changed_features(work.recipe, &design, &[])?;
    let run = Run::new(work, &design, &measured, &[])?;
    let mut warnings = Vec::new();
    let report = &mut |event| {
        if let Event::Warning(warning) = event {
            warnings.push(warning.to_string());
        }
    };
    warnings::announce(&run, report);
    warnings::check_power(&run, report)?;
    Ok((run.sizes(), warnings))
}

fn encode_in<T: Readable>(
    work: &Encoding,
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    let recipe = work.recipe;
    let started = now();
    let warnings = RefCell::new(Vec::new());
    let report = &mut |event: Event| {
        if let Event::Warning(warning) = &event {
            warnings.borrow_mut().push(warning.to_string());
        }
        report(event);
    };
    let design = Design::build(recipe, work.responses)?;
    let measured = ResponseBlocks::new(recipe, work.responses, &design)?;
    measured.verify()?;
    let inputs = inputs::checksums(&design, &measured)?;
    inputs::refuse_changed_features(recipe, &design, &inputs)?;
    inputs::refuse_known_test(recipe, &design, &inputs)?;
    let run = Run::new(work, &design, &measured, &inputs)?;
    match (work.existing, run.is_done(&inputs)) {
        (Existing::Overwrite, _) | (_, Ok(false)) => {}
        (_, Ok(true)) => return Ok(EncodeSummary::DoneBefore),
        (Existing::SetAside, Err(EncodeError::OtherScores(_))) => {
            let folder = run.set_aside()?.display().to_string();
            report(Event::SetAside { folder });
        }
        (_, Err(error)) => return Err(error),
    }
    warnings::announce(&run, report);
    warnings::check_power(&run, report)?;

    // `scores.npz` marks a finished folder: it is removed first and written last.
    run.guard_folder()?;
    atomic::remove(&run.folder.join("scores.npz"))?;
    if let Some(banded) = &recipe.ridge.banded {
        let solver = Banded::new(&run, banded)?;
        return solve::<f64, _>(&run, solver, (inputs, started, &warnings), report);
    }
    let problem = Problem::<T>::new(&design.training)?;
    warnings::check_precision(&run, &problem, report)?;
    let solver = Ridge::new(&run, &problem);
    solve(&run, solver, (inputs, started, &warnings), report)
}

/// Steps 2 to 5, whatever the solver.
fn solve<T: Readable, S: Solver<T>>(
    run: &Run,
    mut solver: S,
    (inputs, started, warnings): (Vec<FileChecksum>, String, &RefCell<Vec<String>>),
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    let Some(round_scores) = solver.choose(report)? else {
        return Ok(EncodeSummary::Stopped);
    };
    let Some(scores) = solver.fit_and_score(report)? else {
        return Ok(EncodeSummary::Stopped);
    };
    let choices = solver.choices().iter();
    let alphas: Vec<usize> = choices.map(|choice| S::alpha(*choice)).collect();
    let table = run.table(round_scores, &alphas, scores);
    warnings::refuse_no_scores(run, &table)?;
    let checks = control(run, &solver, &table, report)?;
    for warning in warnings::of_scores(&table) {
        report(Event::Warning(warning));
    }
    let series = series(run, &solver, &table)?;
    let info = info::gather(run, inputs, started, (warnings.take(), checks));
    let summary = finish(run, table, Some(&series), info, report)?;
    solver.forget()?;
    Ok(summary)
}

/// Writes the results and reports them.
fn finish(
    run: &Run,
    table: ScoreTable,
    series: Option<&ExampleSeries>,
    info: EncodeInfo,
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    run.verify_folder()?;
    run.write(&table, series, info)?;
    run.verify_folder()?;
    report(Event::EncodeFinished {
        n_voxels: table.voxels.len(),
        mean_r: Some(table.mean(Column::R)),
        mean_r_interval: table.mean_interval().map(Interval::ends),
        n_significant: table.n_significant(),
    });
    Ok(EncodeSummary::Finished(Box::new(table)))
}

/// Step 5: runs the sanity checks and reports those that fail.
fn control<T: Readable, S: Solver<T>>(
    run: &Run,
    solver: &S,
    table: &ScoreTable,
    report: &mut dyn FnMut(Event),
) -> Result<Vec<Check>, EncodeError> {
    if !run.work.recipe.scores.controls {
        return Ok(Vec::new());
    }
    run.begin(Stage::Control, Found::Nothing, report);
    let checks = controls::run(run, solver, &table.voxels)?;
    report_failures(&checks, report);
    Ok(checks)
}

fn report_failures(checks: &[Check], report: &mut dyn FnMut(Event)) {
    let is_failed = |check: &&Check| check.verdict == Verdict::Failed;
    for check in checks.iter().filter(is_failed) {
        report(Event::Warning(Warning::FailedCheck {
            check: check.name.clone(),
            finding: check.finding.clone(),
        }));
    }
}

/// The time courses of the best, median and worst voxels.
fn series<T: Readable, S: Solver<T>>(
    run: &Run,
    solver: &S,
    table: &ScoreTable,
) -> Result<ExampleSeries, EncodeError> {
    let voxels = example_voxels(table);
    let mut measured = Array2::zeros((run.design.test.0.nrows(), voxels.len()));
    let mut training = Vec::new();
    for (index, voxel) in voxels.iter().enumerate() {
        training.push(run.measured.training::<T>(*voxel..voxel + 1)?);
        let test = run.measured.test::<T>(*voxel..voxel + 1)?;
        measured
            .column_mut(index)
            .assign(&test.column(0).mapv(T::double));
    }
    let choices = solver.choices();
    let requests: Vec<_> = voxels
        .iter()
        .zip(&training)
        .map(|(voxel, training)| Request {
            training: training.view(),
            choices: vec![choices[voxel - run.voxels.start]],
        })
        .collect();
    let mut predicted = Array2::zeros(measured.dim());
    let found = solver.predict(&requests)?;
    for (mut column, found) in predicted.columns_mut().into_iter().zip(found) {
        column.assign(&found.column(0).mapv(T::double));
    }
    Ok(ExampleSeries {
        voxels,
        predicted,
        measured,
    })
}
