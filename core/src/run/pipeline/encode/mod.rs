//! Fitting of an encoding model, from features to voxel scores, step by step.

mod banded;
mod block_cache;
mod controls;
mod files;
mod info;
mod inputs;
mod run;
mod warnings;

use std::cell::RefCell;
use std::path::PathBuf;

use ndarray::Array2;

use crate::files::responses::{Readable, ResponseSource};
use crate::linear::banded::BandedError;
use crate::linear::ridge::{
    AlphaSharing, Problem, RefitPlan, RidgeError, RoundsPlan, Weights, best_alpha_per_voxel,
    best_alphas,
};
use crate::linear::split::SplitError;
use crate::remedy::Remedy;
use crate::run::design::{Design, DesignError};
use crate::run::encoding::{
    Column, ExampleSeries, FitSizes, ResponseBlocks, ResponseBlocksError, ScoreTable, VoxelScores,
    VoxelShare, example_voxels,
};
use crate::run::pipeline::OutputError;
use crate::run::progress::{CancelToken, Event, Stage};
use crate::run::recipe::{EncodeInfo, EncodeRecipe, FitPrecision};
use crate::run::sanity::{Check, Verdict};
use crate::run::store::{Found, Journal, StoreError, atomic};
use crate::run::warning::Warning;
use crate::stats::intervals::Interval;
use banded::Banded;
use block_cache::BlockCache;
use files::Files;
use run::{FIT, Run, draws_of, rounds_name, values_of};

use super::now;
use super::scorer::Scored;

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
        "With a penalty per set, weights and predictions are not written. Set both to false in [encode.output], or take \
         [encode.ridge.banded] away."
    )]
    BandedFiles,
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
    /// For [`AlphaSharing::PerGroup`]: the group index of each voxel.
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
        let banded = Banded::new(&run, banded)?;
        let Some(table) = banded.fit_and_score(report)? else {
            return Ok(EncodeSummary::Stopped);
        };
        let checks = if recipe.scores.controls {
            controls::of_recordings::<T>(&run)?
        } else {
            Vec::new()
        };
        report_failures(&checks, report);
        warnings::refuse_no_scores(&run, &table)?;
        for warning in warnings::of_scores(&table) {
            report(Event::Warning(warning));
        }
        let info = info::gather(&run, inputs, started, (warnings.take(), checks));
        let summary = finish(&run, table, None, info, report)?;
        banded.forget()?;
        return Ok(summary);
    }
    let problem = Problem::<T>::new(&design.training)?;
    warnings::check_precision(&run, &problem, report)?;
    let mut cache = BlockCache::new(run.cached_bytes());
    let Some(round_scores) = choose_alphas(&run, &problem, &mut cache, report)? else {
        return Ok(EncodeSummary::Stopped);
    };
    let alphas = best(&run, &round_scores)?;
    let plan = RefitPlan::new(&problem, &design.test, &recipe.ridge.settings())?;
    let Some(scores) = fit_and_score(&run, &plan, &alphas, cache, report)? else {
        return Ok(EncodeSummary::Stopped);
    };
    let table = run.table(round_scores, &alphas, scores);
    warnings::refuse_no_scores(&run, &table)?;
    let checks = control(&run, &plan, &alphas, &table, report)?;

    for warning in warnings::of_scores(&table) {
        report(Event::Warning(warning));
    }
    let series = series(&run, &plan, &alphas, &table)?;
    let info = info::gather(&run, inputs, started, (warnings.take(), checks));
    finish(&run, table, Some(&series), info, report)
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

/// Step 2: the mean validation score of each α, `(n_alphas, n_voxels)`; `None` if cancelled.
fn choose_alphas<T: Readable>(
    run: &Run,
    problem: &Problem<T>,
    cache: &mut BlockCache<T>,
    report: &mut dyn FnMut(Event),
) -> Result<Option<Array2<f64>>, EncodeError> {
    let settings = run.work.recipe.ridge.settings();
    let n_alphas = settings.alphas.len();
    let mut sum = Array2::zeros((n_alphas, run.voxels.len()));
    for (first, end) in run.round_groups() {
        let n_values = (end - first) * n_alphas;
        let (mut journal, found) = run.journal(&rounds_name(first, end), n_values)?;
        run.begin(Stage::ChooseAlpha, found, report);
        if !journal.is_complete() {
            let rounds = &run.rounds[first..end];
            let plan = RoundsPlan::new(problem, rounds, &settings)?;
            problem.forget_round();
            let finished =
                run.for_blocks(&mut journal, Stage::ChooseAlpha, report, |voxels, block| {
                    let shared = cache.get_or(voxels.start, || plan.shared(block));
                    // Journal order: voxel, round, α.
                    let scores = plan.scores_sharing(block, &shared).permuted_axes([2, 0, 1]);
                    Ok(scores.iter().copied().collect())
                })?;
            if !finished {
                return Ok(None);
            }
        }
        add_rounds(&mut journal, &mut sum)?;
    }
    problem.forget_round();
    Ok(Some(sum / run.rounds.len() as f64))
}

/// Adds the rounds of a journal to the sum, in order.
fn add_rounds(journal: &mut Journal<f64>, sum: &mut Array2<f64>) -> Result<(), StoreError> {
    let n_alphas = sum.nrows();
    let n_values = journal.n_values();
    let mut first = 0;
    journal.for_each_batch(|values, _| {
        for voxel in values.chunks_exact(n_values) {
            for round in voxel.chunks_exact(n_alphas) {
                for (alpha, score) in round.iter().enumerate() {
                    sum[(alpha, first)] += score;
                }
            }
            first += 1;
        }
        Ok(())
    })
}

/// The index of each voxel's α.
fn best(run: &Run, round_scores: &Array2<f64>) -> Result<Vec<usize>, EncodeError> {
    let n_voxels = run.voxels.len();
    Ok(match run.work.recipe.ridge.sharing {
        AlphaSharing::PerVoxel => best_alpha_per_voxel(round_scores.view()),
        AlphaSharing::One => best_alphas(round_scores.view(), &vec![0; n_voxels]),
        AlphaSharing::PerGroup => {
            let groups = run.work.groups.as_ref().ok_or(EncodeError::Groups {
                found: 0,
                expected: n_voxels,
            })?;
            best_alphas(round_scores.view(), groups)
        }
    })
}

/// Steps 3 and 4: the scores of each voxel; `None` if cancelled.
fn fit_and_score<T: Readable>(
    run: &Run,
    plan: &RefitPlan<T>,
    alphas: &[usize],
    mut cache: BlockCache<T>,
    report: &mut dyn FnMut(Event),
) -> Result<Option<Scored>, EncodeError> {
    let (mut journal, found) = run.journal_of_scores(FIT, Column::ALL.len())?;
    let (mut files, found) = Files::open(run, &mut journal, found)?;
    run.begin(Stage::FitAndScore, found, report);
    if !journal.is_complete() {
        let scorer = run.scorer(report);
        let finished =
            run.for_blocks(&mut journal, Stage::FitAndScore, report, |voxels, block| {
                let first = voxels.start - run.voxels.start;
                let alphas = &alphas[first..first + block.ncols()];
                let shared = cache.take(voxels.start);
                let fitted = plan.fit_sharing(block, &shared, alphas, files.weights());
                files.write(first, &fitted)?;
                let scored = scorer.scores(&fitted.predictions, block, voxels)?;
                let scores = scored.voxels.iter().flat_map(VoxelScores::values);
                let mut values: Vec<f64> = scores.copied().collect();
                values.extend(values_of(&scored.draws));
                Ok(values)
            })?;
        if !finished {
            return Ok(None);
        }
    }
    files.commit()?;
    let mut voxels = Vec::with_capacity(run.voxels.len());
    let mut draws = Vec::new();
    journal.for_each_batch(|values, of_block| {
        let rows = values.chunks_exact(Column::ALL.len());
        voxels.extend(rows.map(VoxelScores::of_values));
        draws.push(draws_of(of_block));
        Ok(())
    })?;
    Ok(Some(Scored { voxels, draws }))
}

/// Step 5: runs the sanity checks and reports those that fail.
fn control<T: Readable>(
    run: &Run,
    plan: &RefitPlan<T>,
    alphas: &[usize],
    table: &ScoreTable,
    report: &mut dyn FnMut(Event),
) -> Result<Vec<Check>, EncodeError> {
    if !run.work.recipe.scores.controls {
        return Ok(Vec::new());
    }
    run.begin(Stage::Control, Found::Nothing, report);
    let checks = controls::run(run, plan, alphas, &table.voxels)?;
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
fn series<T: Readable>(
    run: &Run,
    plan: &RefitPlan<T>,
    alphas: &[usize],
    table: &ScoreTable,
) -> Result<ExampleSeries, EncodeError> {
    let voxels = example_voxels(table);
    let n_scans = run.design.test.0.nrows();
    let mut predicted = Array2::zeros((n_scans, voxels.len()));
    let mut measured = Array2::zeros((n_scans, voxels.len()));
    for (index, voxel) in voxels.iter().enumerate() {
        let training = run.measured.training::<T>(*voxel..voxel + 1)?;
        let alpha = [alphas[voxel - run.voxels.start]];
        let fitted = plan.fit(training.view(), &alpha, Weights::Left);
        let test = run.measured.test::<T>(*voxel..voxel + 1)?;
        predicted
            .column_mut(index)
            .assign(&fitted.predictions.column(0).mapv(T::double));
        measured
            .column_mut(index)
            .assign(&test.column(0).mapv(T::double));
    }
    Ok(ExampleSeries {
        voxels,
        predicted,
        measured,
    })
}
