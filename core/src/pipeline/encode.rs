//! From features to voxel scores: the method, step by step.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use crate::ceiling::{NoiseCeiling, SHOWN_ABOVE};

use crate::design::{Design, DesignError, scans_of};
use crate::encoding::{
    BLOCK_VOXELS, CHECKED_VOXELS, Column, ColumnsFile, Measured, MeasuredError, ScoreTable,
    VoxelScores, VoxelShare, precision_warning, reading_voxels,
};
use crate::progress::{CancelToken, Event, Stage};
use crate::recipe::{EncodeFacts, EncodeFile, EncodeRecipe, FitPrecision};
use crate::responses::{Readable, ResponseSource};
use crate::ridge::{
    AlphaSharing, Fitted, Problem, RefitPlan, RidgeError, RoundsPlan, Weights,
    best_alpha_per_voxel, best_alphas,
};
use crate::score::{correlation, r_squared, signed_square};
use crate::significance::{BlockPermutations, q_values};
use crate::split::SplitError;
use crate::store::{
    FileChecksum, Found, Journal, JournalHeader, StoreError, atomic, sha256_of_file, sha256_of_text,
};

use super::now;

/// Why voxels could not be scored.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum EncodeError {
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    Measured(#[from] MeasuredError),
    #[error(transparent)]
    Split(#[from] SplitError),
    #[error(transparent)]
    Ridge(#[from] RidgeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "A share of the voxels cannot know the α that suits all of them best. Choose an α per voxel (sharing = \"per_voxel\"), or \
         run without --blocks."
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
    #[error("The groups are given for {found} voxels; the responses have {expected}.")]
    Groups { found: usize, expected: usize },
    #[error(
        "Scores of another recipe lie in this folder. Choose another one (folder in [encode.output], or --out), or add \
         --overwrite.\nFolder: {}", .0.display()
    )]
    OtherScores(PathBuf),
    #[error("The recipe cannot be written: {0}")]
    Recipe(String),
}

/// One run over the voxels, or a share of them.
pub struct Encoding<'a> {
    /// What to do.
    pub recipe: &'a EncodeRecipe,
    /// What was measured.
    pub responses: &'a dyn ResponseSource,
    /// For [`AlphaSharing::PerGroup`]: the group of each voxel.
    pub groups: Option<Vec<usize>>,
    /// Which voxels.
    pub share: VoxelShare,
    /// What becomes of scores that lie in the folder already.
    pub existing: Existing,
    /// Version of Heschl, for the records.
    pub heschl: &'a str,
    /// Asks for a stop after the block in hand.
    pub cancel: &'a CancelToken,
}

/// What becomes of scores that lie in the folder already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Those of the same recipe and the same files stay; others are refused.
    Kept,
    /// They are written over.
    Overwritten,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum EncodeSummary {
    /// The same scores lay in the folder already.
    DoneBefore,
    /// The scores lie in the folder.
    Finished(Box<ScoreTable>),
    /// A stop was asked for before all was done; what is done is kept.
    Stopped,
}

/// Fits an encoding model and writes the scores of its voxels.
///
/// 1. Features come to the scanner's clock, are trimmed, z-scored, stacked and delayed.
/// 2. On held-out chunks of the training scans, each voxel's best α is found.
/// 3. With it the model is fitted on all training scans and predicts the test scans.
/// 4. Predictions are compared with what was measured.
///
/// Each block of voxels is journaled, so that a killed run goes on where it was.
///
/// # Errors
/// [`EncodeError`] with a sentence. What was done before is kept.
pub fn encode(
    work: &Encoding,
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    match work.recipe.ridge.precision {
        FitPrecision::F32 => encode_in::<f32>(work, report),
        FitPrecision::F64 => encode_in::<f64>(work, report),
    }
}

fn encode_in<T: Readable>(
    work: &Encoding,
    report: &mut dyn FnMut(Event),
) -> Result<EncodeSummary, EncodeError> {
    let recipe = work.recipe;
    let started = now();
    let design = Design::build(recipe, work.responses)?;
    let measured = Measured::new(recipe, work.responses, &design)?;
    let inputs = checksums(&design, &measured)?;
    refuse_known_test(&design, &inputs)?;
    let run = Run::new(work, &design, &measured, &inputs)?;
    if work.existing == Existing::Kept && run.is_done(&inputs)? {
        return Ok(EncodeSummary::DoneBefore);
    }
    announce(&run, report);
    if run.recipe_precision_is_single() {
        check_precision(&run, report)?;
    }

    let problem = Problem::<T>::new(&design.training)?;
    // A folder without scores is not done: they are taken away first, and come last.
    atomic::remove(&run.folder.join("scores.npz"))?;
    let Some(round_scores) = choose_alphas(&run, &problem, report)? else {
        return Ok(EncodeSummary::Stopped);
    };
    let alphas = best(&run, &round_scores)?;
    let Some(voxels) = fit_and_score(&run, &problem, &alphas, report)? else {
        return Ok(EncodeSummary::Stopped);
    };

    let table = run.table(round_scores, &alphas, voxels);
    for message in table_warnings(&table) {
        report(Event::Warning { message });
    }
    let facts = EncodeFacts {
        heschl: work.heschl.to_string(),
        started,
        finished: now(),
        inputs,
    };
    run.write(&table, facts)?;
    report(Event::EncodeFinished {
        n_voxels: table.voxels.len(),
        mean_r: Some(table.mean(Column::R)),
        n_significant: table.n_significant(),
    });
    Ok(EncodeSummary::Finished(Box::new(table)))
}

/// What the steps share.
struct Run<'a> {
    work: &'a Encoding<'a>,
    design: &'a Design,
    measured: &'a Measured<'a>,
    rounds: Vec<Vec<usize>>,
    /// The voxels of this run.
    voxels: Range<usize>,
    folder: PathBuf,
    /// What must be the same for a journal to go on.
    fingerprint: String,
}

impl<'a> Run<'a> {
    fn new(
        work: &'a Encoding<'a>,
        design: &'a Design,
        measured: &'a Measured<'a>,
        inputs: &[FileChecksum],
    ) -> Result<Self, EncodeError> {
        let recipe = work.recipe;
        if !work.share.is_whole() && recipe.ridge.sharing != AlphaSharing::PerVoxel {
            return Err(EncodeError::SharedAlpha);
        }
        let n_voxels = measured.n_voxels();
        if let Some(groups) = &work.groups
            && groups.len() != n_voxels
        {
            return Err(EncodeError::Groups {
                found: groups.len(),
                expected: n_voxels,
            });
        }
        let voxels = work.share.voxels(n_voxels);
        if voxels.is_empty() {
            let n_blocks = n_voxels.div_ceil(BLOCK_VOXELS);
            return Err(EncodeError::EmptyShare { n_blocks });
        }
        let training_scans = scans_of(&design.training_stories);
        let method = recipe.ridge.cross_validation;
        Ok(Self {
            work,
            design,
            measured,
            rounds: method.rounds(&training_scans, recipe.ridge.seed)?,
            voxels,
            folder: folder(&recipe.output.folder, work.share),
            fingerprint: fingerprint(recipe, work, inputs),
        })
    }

    /// Whether the scores of this very run lie in the folder.
    fn is_done(&self, inputs: &[FileChecksum]) -> Result<bool, EncodeError> {
        if !self.folder.join("scores.npz").exists() {
            return Ok(false);
        }
        let other = || EncodeError::OtherScores(self.folder.clone());
        let file = EncodeFile::read(&self.folder.join("recipe.toml")).map_err(|_| other())?;
        let run = file.run.ok_or_else(other)?;
        let then = fingerprint(&file.encode, self.work, &run.inputs);
        if then == fingerprint(self.work.recipe, self.work, inputs)
            && run.heschl == self.work.heschl
        {
            return Ok(true);
        }
        Err(other())
    }

    fn recipe_precision_is_single(&self) -> bool {
        self.work.recipe.ridge.precision == FitPrecision::F32
    }

    fn memory_bytes(&self) -> u64 {
        (self.work.recipe.output.memory_gib.max(0.25) * f64::from(1 << 30)) as u64
    }

    /// Opens the journal of one step, whose rows are the run's voxels.
    fn journal(&self, name: &str, n_values: usize) -> Result<(Journal<f64>, Found), StoreError> {
        let header = JournalHeader {
            story: name.to_string(),
            n_rows: self.voxels.len(),
            n_values,
            n_batch_rows: BLOCK_VOXELS,
            fingerprint: self.fingerprint.clone(),
        };
        Journal::open(&self.journal_path(name), header)
    }

    fn journal_path(&self, name: &str) -> PathBuf {
        self.folder.join(".heschl").join(format!("{name}.journal"))
    }

    /// Visits what a journal still lacks, block by block, with the training responses. False if a stop was asked for.
    fn for_blocks<T: Readable>(
        &self,
        journal: &mut Journal<f64>,
        stage: Stage,
        report: &mut dyn FnMut(Event),
        mut work: impl FnMut(Range<usize>, ndarray::ArrayView2<T>) -> Result<Vec<f64>, EncodeError>,
    ) -> Result<bool, EncodeError> {
        let n_voxels = self.voxels.len();
        let n_scans = self.design.training.0.nrows() + self.design.test.0.nrows();
        let n_at_once = reading_voxels(n_scans, size_of::<T>(), self.memory_bytes() / 3);
        while !journal.is_complete() {
            let first = journal.n_rows_done();
            let read = first..n_voxels.min(first + n_at_once);
            let absolute = self.voxels.start + read.start..self.voxels.start + read.end;
            let responses = self.measured.training::<T>(absolute)?;
            for block in responses.axis_chunks_iter(Axis(1), BLOCK_VOXELS) {
                if self.work.cancel.is_cancelled() {
                    journal.sync()?;
                    return Ok(false);
                }
                let first = self.voxels.start + journal.n_rows_done();
                let values = work(first..first + block.ncols(), block)?;
                journal.append(&values)?;
                report(Event::VoxelProgress {
                    stage,
                    n_done: journal.n_rows_done(),
                    n_voxels,
                });
            }
        }
        Ok(true)
    }

    fn begin(&self, stage: Stage, found: Found, report: &mut dyn FnMut(Event)) {
        if found == Found::Foreign {
            report(Event::Warning {
                message: "The unfinished voxels in this folder were fitted with another recipe, other files or another version. \
                          They cannot be continued, so the fit begins anew."
                    .into(),
            });
        }
        report(Event::StageStarted {
            stage,
            n_voxels: self.voxels.len(),
            n_done: match found {
                Found::Rows(n_rows) => n_rows,
                Found::Nothing | Found::Foreign => 0,
            },
        });
    }

    fn table(
        &self,
        round_scores: Array2<f64>,
        alphas: &[usize],
        mut voxels: Vec<VoxelScores>,
    ) -> ScoreTable {
        let tried = self.work.recipe.ridge.alphas.values();
        for (index, (voxel, alpha)) in voxels.iter_mut().zip(alphas).enumerate() {
            voxel.set(Column::Alpha, tried[*alpha]);
            voxel.set(Column::RoundScore, round_scores[(*alpha, index)]);
        }
        let p: Vec<f64> = voxels.iter().map(|voxel| voxel.get(Column::P)).collect();
        for (voxel, q) in voxels.iter_mut().zip(q_values(&p)) {
            voxel.set(Column::Q, q);
        }
        ScoreTable {
            first_voxel: self.voxels.start,
            voxels,
            alphas: tried,
            round_scores,
            fdr_level: self.work.recipe.scores.fdr_level,
        }
    }

    /// Writes the results, the scores last, and removes the journals.
    fn write(&self, table: &ScoreTable, run: EncodeFacts) -> Result<(), EncodeError> {
        let failed = |source: std::io::Error, path: &Path| {
            EncodeError::Store(StoreError::Write {
                source,
                path: path.to_path_buf(),
            })
        };
        let file = EncodeFile {
            encode: self.work.recipe.clone(),
            run: Some(run),
        };
        let text = file.to_toml().map_err(EncodeError::Recipe)?;
        let scores = self.folder.join("scores.npz");
        let archive = table.to_npz().map_err(|source| failed(source, &scores))?;
        atomic::write(&self.folder.join("recipe.toml"), text.as_bytes())?;
        atomic::write(&self.folder.join("scores.csv"), table.to_csv().as_bytes())?;
        atomic::write(&scores, &archive)?;
        for (first, end) in self.round_groups() {
            atomic::remove(&self.journal_path(&rounds_name(first, end)))?;
        }
        atomic::remove(&self.journal_path(FIT))?;
        Ok(())
    }

    /// Rounds that are worked out at once, so that their bases fit into memory: first and end of each group.
    fn round_groups(&self) -> Vec<(usize, usize)> {
        let shape = self.design.training.0.dim();
        let n_alphas = self.work.recipe.ridge.alphas.values().len();
        let n_held = self.rounds.iter().map(Vec::len).max().unwrap_or(0);
        let bytes = |n| match self.work.recipe.ridge.precision {
            FitPrecision::F32 => RoundsPlan::<f32>::bytes(shape, n_held, n, n_alphas),
            FitPrecision::F64 => RoundsPlan::<f64>::bytes(shape, n_held, n, n_alphas),
        };
        let n_rounds = self.rounds.len();
        let fits = |n: &usize| bytes(*n) <= self.memory_bytes() * 2 / 3;
        let n_at_once = (1..=n_rounds).rev().find(fits).unwrap_or(1);
        let groups = (0..n_rounds).step_by(n_at_once);
        groups
            .map(|first| (first, n_rounds.min(first + n_at_once)))
            .collect()
    }
}

const FIT: &str = "fit";

fn rounds_name(first: usize, end: usize) -> String {
    format!("rounds-{first}-{end}")
}

/// Where a share's results go: all voxels straight into the folder, a share into one of its own.
fn folder(output: &Path, share: VoxelShare) -> PathBuf {
    if share.is_whole() {
        return output.to_path_buf();
    }
    let name = format!("{:04}-of-{:04}", share.index, share.count);
    output.join("shares").join(name)
}

/// Everything that decides the numbers of a journal.
fn fingerprint(recipe: &EncodeRecipe, work: &Encoding, inputs: &[FileChecksum]) -> String {
    let decisive = EncodeRecipe {
        output: crate::recipe::EncodeOutput {
            folder: PathBuf::new(),
            memory_gib: 0.0,
            ..recipe.output.clone()
        },
        ..recipe.clone()
    };
    let inputs: Vec<&str> = inputs.iter().map(|file| file.sha256.as_str()).collect();
    let (groups, share, heschl) = (&work.groups, work.share, work.heschl);
    sha256_of_text(&format!(
        "{decisive:?} {inputs:?} {groups:?} {share} {heschl}"
    ))
}

fn checksums(design: &Design, measured: &Measured) -> Result<Vec<FileChecksum>, StoreError> {
    let mut files = design.files.clone();
    files.extend(measured.files());
    files.sort();
    files.dedup();
    let checksum = |path: &PathBuf| {
        let sha256 = sha256_of_file(path)?;
        Ok(FileChecksum::new(path.display().to_string(), sha256))
    };
    files.iter().map(checksum).collect()
}

/// A test story whose features are those of a training story is known to the model.
fn refuse_known_test(design: &Design, inputs: &[FileChecksum]) -> Result<(), EncodeError> {
    let of = |story: &str| {
        let name = |file: &str| {
            Path::new(file)
                .file_stem()
                .is_some_and(|stem| stem == story)
        };
        let features = inputs.iter().filter(move |input| {
            name(&input.file)
                && Path::new(&input.file)
                    .extension()
                    .is_some_and(|end| end == "npz")
        });
        features
            .map(|input| input.sha256.as_str())
            .collect::<Vec<_>>()
    };
    for test in &design.test_stories {
        for training in &design.training_stories {
            let (test_files, training_files) = (of(&test.story), of(&training.story));
            if training_files
                .iter()
                .any(|sha256| test_files.contains(sha256))
            {
                return Err(EncodeError::SameRecording {
                    training: training.story.clone(),
                    test: test.story.clone(),
                });
            }
        }
    }
    Ok(())
}

fn announce(run: &Run, report: &mut dyn FnMut(Event)) {
    let (n_training_scans, n_columns) = run.design.training.0.dim();
    report(Event::EncodeStarted {
        n_voxels: run.voxels.len(),
        n_columns,
        n_training_scans,
        n_test_scans: run.design.test.0.nrows(),
        folder: run.folder.display().to_string(),
    });
    let few = (n_training_scans < 300).then(|| {
        format!(
            "There are {n_training_scans} training scans. Fewer than 300, about ten minutes, seldom carry a model of speech: \
             add stories."
        )
    });
    let method = run.work.recipe.ridge.cross_validation.warning();
    let warnings = run.design.warnings.iter().cloned();
    for message in warnings.chain(few).chain(method) {
        report(Event::Warning { message });
    }
}

fn check_precision(run: &Run, report: &mut dyn FnMut(Event)) -> Result<(), EncodeError> {
    let first = run.voxels.start;
    let end = run.voxels.end.min(first + CHECKED_VOXELS);
    let responses = run.measured.training::<f64>(first..end)?;
    let settings = run.work.recipe.ridge.settings();
    let training = &run.design.training;
    let warning = precision_warning(training, &run.rounds, &settings, responses.view())?;
    if let Some(message) = warning {
        report(Event::Warning { message });
    }
    Ok(())
}

/// Step 2: the mean score of each α over the rounds, `(n_alphas, n_voxels)`; `None` if a stop was asked for.
fn choose_alphas<T: Readable>(
    run: &Run,
    problem: &Problem<T>,
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
            let finished =
                run.for_blocks(&mut journal, Stage::ChooseAlpha, report, |_, block| {
                    // One voxel after the other: its rounds, and in each its α.
                    let scores = plan.scores(block).permuted_axes([2, 0, 1]);
                    Ok(scores.iter().copied().collect())
                })?;
            if !finished {
                return Ok(None);
            }
        }
        add_rounds(&mut journal, &mut sum)?;
    }
    Ok(Some(sum / run.rounds.len() as f64))
}

/// Adds up the rounds of a journal, in their order.
fn add_rounds(journal: &mut Journal<f64>, sum: &mut Array2<f64>) -> Result<(), StoreError> {
    let n_alphas = sum.nrows();
    let n_values = journal.n_values();
    let mut first = 0;
    journal.for_each_batch(|values| {
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

/// The number of each voxel's α.
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

/// Steps 3 and 4: the scores of each voxel; `None` if a stop was asked for.
fn fit_and_score<T: Readable>(
    run: &Run,
    problem: &Problem<T>,
    alphas: &[usize],
    report: &mut dyn FnMut(Event),
) -> Result<Option<Vec<VoxelScores>>, EncodeError> {
    let (mut journal, found) = run.journal(FIT, Column::ALL.len())?;
    let (mut files, found) = Files::open(run, &mut journal, found)?;
    run.begin(Stage::FitAndScore, found, report);
    if !journal.is_complete() {
        let settings = run.work.recipe.ridge.settings();
        let plan = RefitPlan::new(problem, &run.design.test, &settings)?;
        let judge = Judge::new(run, report);
        let finished =
            run.for_blocks(&mut journal, Stage::FitAndScore, report, |voxels, block| {
                let first = voxels.start - run.voxels.start;
                let alphas = &alphas[first..first + block.ncols()];
                let fitted = plan.fit(block, alphas, files.weights());
                files.write(first, &fitted)?;
                let scores = judge.scores(&fitted.predictions, block, voxels)?;
                Ok(scores
                    .iter()
                    .flat_map(|voxel| voxel.values().to_vec())
                    .collect())
            })?;
        if !finished {
            return Ok(None);
        }
    }
    files.commit()?;
    let mut voxels = Vec::with_capacity(run.voxels.len());
    journal.for_each_batch(|values| {
        let rows = values.chunks_exact(Column::ALL.len());
        voxels.extend(rows.map(VoxelScores::of_values));
        Ok(())
    })?;
    Ok(Some(voxels))
}

/// The large files that grow along with the fit.
struct Files {
    weights: Option<ColumnsFile>,
    predictions: Option<ColumnsFile>,
}

impl Files {
    /// Opens those that are wanted. If they do not hold what the journal says, the journal begins anew.
    fn open(
        run: &Run,
        journal: &mut Journal<f64>,
        found: Found,
    ) -> Result<(Self, Found), EncodeError> {
        let open = |is_wanted: bool, name: &str, n_rows: usize| {
            let path = run.folder.join(name);
            is_wanted
                .then(|| ColumnsFile::open(&path, n_rows, run.voxels.len()))
                .transpose()
        };
        let output = &run.work.recipe.output;
        let files = Self {
            weights: open(output.weights, "weights.npy", run.design.training.0.ncols())?,
            predictions: open(
                output.predictions,
                "predictions.npy",
                run.design.test.0.nrows(),
            )?,
        };
        let done = journal.n_rows_done();
        let all = [&files.weights, &files.predictions];
        if all.into_iter().flatten().all(|file| file.holds(done)) {
            return Ok((files, found));
        }
        journal.restart()?;
        Ok((files, Found::Nothing))
    }

    fn weights(&self) -> Weights {
        if self.weights.is_some() {
            Weights::Formed
        } else {
            Weights::Left
        }
    }

    fn write<T: Readable>(&mut self, first: usize, fitted: &Fitted<T>) -> Result<(), StoreError> {
        if let (Some(file), Some(weights)) = (&mut self.weights, &fitted.weights) {
            file.write(first, weights.view())?;
        }
        match &mut self.predictions {
            Some(file) => file.write(first, fitted.predictions.view()),
            None => Ok(()),
        }
    }

    fn commit(self) -> Result<(), StoreError> {
        let files = [self.weights, self.predictions].into_iter();
        files.flatten().try_for_each(ColumnsFile::commit)
    }
}

/// Compares predictions with what was measured, voxel by voxel.
struct Judge<'a> {
    run: &'a Run<'a>,
    permutations: Option<BlockPermutations>,
}

impl<'a> Judge<'a> {
    fn new(run: &'a Run<'a>, report: &mut dyn FnMut(Event)) -> Self {
        let (settings, seed) = (&run.work.recipe.scores, run.work.recipe.ridge.seed);
        let n_scans = run.design.test.0.nrows();
        let permutations = (settings.n_permutations > 0).then(|| {
            BlockPermutations::new(n_scans, settings.block_scans, settings.n_permutations, seed)
        });
        let warning = permutations.as_ref().and_then(BlockPermutations::warning);
        if let Some(message) = warning {
            report(Event::Warning { message });
        }
        Self { run, permutations }
    }

    fn scores<T: Readable>(
        &self,
        predictions: &Array2<T>,
        training: ndarray::ArrayView2<T>,
        voxels: Range<usize>,
    ) -> Result<Vec<VoxelScores>, EncodeError> {
        let measured = self.run.measured.test::<T>(voxels.clone())?;
        let r = correlation(predictions.view(), measured.view());
        let r2 = r_squared(predictions.view(), measured.view());
        let p = self.permutations.as_ref();
        let p = p.map(|orders| orders.p_values(predictions.view(), measured.view()));
        let ceiling = self.ceiling::<T>(voxels)?;
        let voxel = |index: usize| {
            let mut scores = VoxelScores::default();
            scores.set(Column::R, r[index]);
            scores.set(Column::SignedSquare, signed_square(r[index]));
            scores.set(Column::R2, r2[index]);
            if let Some(p) = &p {
                scores.set(Column::P, p[index]);
            }
            if let Some(ceiling) = &ceiling {
                let largest = ceiling.largest_r[index];
                scores.set(Column::NoiseCeiling, largest);
                scores.set(
                    Column::ExplainableVariance,
                    ceiling.explainable_variance[index],
                );
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
        Ok((0..measured.ncols()).map(voxel).collect())
    }

    fn ceiling<T: Readable>(
        &self,
        voxels: Range<usize>,
    ) -> Result<Option<NoiseCeiling>, EncodeError> {
        if self.run.measured.n_presentations() < 2 {
            return Ok(None);
        }
        let presentations = self.run.measured.test_presentations::<T>(voxels)?;
        Ok(NoiseCeiling::of(presentations.view()))
    }
}

/// What a user should know of the scores.
fn table_warnings(table: &ScoreTable) -> Vec<String> {
    let mut warnings = Vec::new();
    let n_flat = table.column(Column::R).filter(|r| r.is_nan()).count();
    if n_flat > 0 {
        warnings.push(format!(
            "For {n_flat} of {} voxels r is not defined: their test responses do not vary, or hold values that are no numbers. \
             They have no score.",
            table.voxels.len()
        ));
    }
    let n_missing = table.column(Column::NMissing).filter(|n| *n > 0.0).count();
    if n_missing > 0 {
        warnings.push(format!(
            "{n_missing} voxels hold values that are no numbers in the training responses. They count as 0 there, as in the \
             published code; better leave these voxels out."
        ));
    }
    warnings.extend(edge_warnings(table));
    warnings
}

/// α at the edge of its range, among the voxels that are predicted at all.
fn edge_warnings(table: &ScoreTable) -> Vec<String> {
    let sorted = {
        let mut sorted = table.alphas.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (Some(smallest), Some(largest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    if smallest >= largest {
        return Vec::new();
    }
    let predicted: Vec<f64> = table
        .voxels
        .iter()
        .filter(|voxel| voxel.get(Column::R) > 0.1)
        .map(|voxel| voxel.get(Column::Alpha))
        .collect();
    let edges = [("smallest", *smallest), ("largest", *largest)];
    let at_edge = edges.into_iter().filter_map(|(name, edge)| {
        let n = predicted.iter().filter(|alpha| (**alpha - edge).abs() <= edge * 1e-12).count();
        (n * 20 > predicted.len()).then(|| {
            format!(
                "For {n} of the {} voxels with r above 0.1 the best α is the {name} one tried ({edge}). Widen the range and fit \
                 again.",
                predicted.len()
            )
        })
    });
    at_edge.collect()
}
