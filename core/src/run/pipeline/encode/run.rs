//! State shared by the steps of a fit: its voxels, rounds, folder and journals.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use super::{EncodeError, Encoding};
use crate::files::responses::Readable;
use crate::linear::cost::FitSizes;
use crate::linear::ridge::AlphaSharing;
use crate::run::NUMERICS;
use crate::run::design::{Design, scans_of};
use crate::run::encoding::{
    BLOCK_VOXELS, Column, ExampleSeries, ResponseBlocks, ScoreTable, VoxelShare, cached_bytes,
    memory_budget, reading_voxels, round_groups,
};
use crate::run::pipeline::scorer::{Scored, Scorer};
use crate::run::pipeline::write_results;
use crate::run::progress::{Event, Stage};
use crate::run::recipe::FileChecksum;
use crate::run::recipe::{EncodeFile, EncodeInfo, EncodeOutput, EncodeRecipe, FitPrecision};
use crate::run::store::{Found, Journal, JournalHeader, OutputFolderGuard, StoreError, atomic};
use crate::run::warning::Warning;
use crate::stats::intervals::MeanOfDraws;

/// State shared by the steps of a fit.
pub(super) struct Run<'a> {
    pub(super) work: &'a Encoding<'a>,
    pub(super) design: &'a Design,
    pub(super) measured: &'a ResponseBlocks<'a>,
    pub(super) rounds: Vec<Vec<usize>>,
    /// The voxels of this run.
    pub(super) voxels: Range<usize>,
    pub(super) folder: PathBuf,
    /// Identity of the folder, taken when the run first writes there.
    held: OnceCell<OutputFolderGuard>,
    /// Settings and inputs that must match for a journal to be resumed.
    fingerprint: String,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        work: &'a Encoding<'a>,
        design: &'a Design,
        measured: &'a ResponseBlocks<'a>,
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
        tracing::debug!(?voxels, n_voxels, "voxels of this run");
        let training_scans = scans_of(&design.training_stories);
        let method = recipe.ridge.cross_validation;
        Ok(Self {
            work,
            design,
            measured,
            rounds: method.rounds(&training_scans, recipe.ridge.seed)?,
            voxels,
            folder: folder(&recipe.output.folder, work.share),
            held: OnceCell::new(),
            fingerprint: fingerprint(recipe, work, inputs),
        })
    }

    /// Creates the folder and records its identity.
    pub(super) fn guard_folder(&self) -> Result<(), StoreError> {
        atomic::create_folder(&self.folder)?;
        let _ = self.held.set(OutputFolderGuard::open(&self.folder)?);
        Ok(())
    }

    /// Checks that the folder is still the one in which this run began.
    pub(super) fn verify_folder(&self) -> Result<(), StoreError> {
        self.held.get().map_or(Ok(()), OutputFolderGuard::verify)
    }

    /// Returns the scorer of predictions against the test responses.
    pub(super) fn scorer(&self, report: &mut dyn FnMut(Event)) -> Scorer<'_> {
        let n_scans = self.design.test.0.nrows();
        Scorer::new(self.work.recipe, self.measured, n_scans, report)
    }

    /// Whether the folder holds the scores of the same run.
    pub(super) fn is_done(&self, inputs: &[FileChecksum]) -> Result<bool, EncodeError> {
        if !self.folder.join("scores.npz").exists() {
            return Ok(false);
        }
        let other = || EncodeError::OtherScores(self.folder.clone());
        let file = EncodeFile::read(&self.folder.join("recipe.toml")).map_err(|_| other())?;
        let run = file.run.ok_or_else(other)?;
        let then = fingerprint(&file.encode, self.work, &run.inputs);
        let now = fingerprint(self.work.recipe, self.work, inputs);
        if then == now && run.numerics == NUMERICS {
            return Ok(true);
        }
        Err(other())
    }

    /// Renames the folder to `<name>-before-1`, or the next free number, to make room for this run.
    pub(super) fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let name = self.folder.file_name().unwrap_or_default();
        let numbered = |number: usize| {
            let mut name = name.to_owned();
            name.push(format!("-before-{number}"));
            self.folder.with_file_name(name)
        };
        let mut number = 1;
        while numbered(number).exists() {
            number += 1;
        }
        let aside = numbered(number);
        atomic::rename(&self.folder, &aside)?;
        Ok(aside)
    }

    /// Opens the journal of a step, with one row per voxel of the run.
    pub(super) fn journal(
        &self,
        name: &str,
        n_values: usize,
    ) -> Result<(Journal<f64>, Found), StoreError> {
        self.open_journal(name, n_values, 0)
    }

    /// Opens the journal of scores: besides its voxels, each block holds its bootstrap draws, serialised by [`values_of`].
    pub(super) fn journal_of_scores(
        &self,
        name: &str,
        n_values: usize,
    ) -> Result<(Journal<f64>, Found), StoreError> {
        self.open_journal(name, n_values, 2 * self.work.recipe.scores.n_draws)
    }

    fn open_journal(
        &self,
        name: &str,
        n_values: usize,
        n_batch_values: usize,
    ) -> Result<(Journal<f64>, Found), StoreError> {
        let header = JournalHeader {
            story: name.to_string(),
            n_rows: self.voxels.len(),
            n_values,
            n_batch_rows: BLOCK_VOXELS,
            n_batch_values,
            fingerprint: self.fingerprint.clone(),
        };
        Journal::open(&self.journal_path(name), header)
    }

    fn journal_path(&self, name: &str) -> PathBuf {
        self.folder.join(".heschl").join(format!("{name}.journal"))
    }

    /// Calls a function for each block missing from a journal, with its training responses; returns false if cancelled.
    pub(super) fn for_blocks<T: Readable>(
        &self,
        journal: &mut Journal<f64>,
        stage: Stage,
        report: &mut dyn FnMut(Event),
        mut work: impl FnMut(Range<usize>, ndarray::ArrayView2<T>) -> Result<Vec<f64>, EncodeError>,
    ) -> Result<bool, EncodeError> {
        let n_voxels = self.voxels.len();
        let n_scans = self.design.training.0.nrows() + self.design.test.0.nrows();
        let n_at_once =
            reading_voxels(n_scans, size_of::<T>(), memory_budget(self.work.recipe) / 3);
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
                let started = std::time::Instant::now();
                let values = work(first..first + block.ncols(), block)?;
                tracing::debug!(
                    ?stage,
                    first,
                    secs = started.elapsed().as_secs_f64(),
                    "block done"
                );
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

    pub(super) fn begin(&self, stage: Stage, found: Found, report: &mut dyn FnMut(Event)) {
        if found == Found::Foreign {
            report(Event::Warning(Warning::UnfinishedVoxels {}));
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

    pub(super) fn table(
        &self,
        round_scores: Array2<f64>,
        alphas: &[usize],
        Scored { mut voxels, draws }: Scored,
    ) -> ScoreTable {
        let tried = self.work.recipe.ridge.alphas.values();
        for (index, (voxel, alpha)) in voxels.iter_mut().zip(alphas).enumerate() {
            voxel.set(Column::Alpha, tried[*alpha]);
            voxel.set(Column::RoundScore, round_scores[(*alpha, index)]);
        }
        let mut table = ScoreTable {
            first_voxel: self.voxels.start,
            voxels,
            alphas: tried,
            round_scores,
            draws,
            fdr_level: self.work.recipe.scores.fdr_level,
        };
        table.correct_for_number();
        table
    }

    /// Writes the results, the scores last.
    pub(super) fn write(
        &self,
        table: &ScoreTable,
        series: Option<&ExampleSeries>,
        info: EncodeInfo,
    ) -> Result<(), EncodeError> {
        let file = EncodeFile {
            encode: self.work.recipe.clone(),
            run: Some(info),
        };
        write_results(&self.folder, &file, table, series)?;
        Ok(())
    }

    /// Removes the journal of a step.
    pub(super) fn forget(&self, name: &str) -> Result<(), StoreError> {
        atomic::remove(&self.journal_path(name))
    }

    /// Groups of rounds planned at a time: first and end index of each.
    pub(super) fn round_groups(&self) -> Vec<(usize, usize)> {
        let recipe = self.work.recipe;
        let (sizes, budget) = (self.sizes(), memory_budget(recipe));
        let n_alphas = recipe.ridge.alphas.values().len();
        match recipe.ridge.precision {
            FitPrecision::F32 => round_groups::<f32>(&sizes, n_alphas, budget),
            FitPrecision::F64 => round_groups::<f64>(&sizes, n_alphas, budget),
        }
    }

    /// Bytes available for caching products between steps.
    pub(super) fn cached_bytes(&self) -> u64 {
        let (sizes, recipe) = (self.sizes(), self.work.recipe);
        match recipe.ridge.precision {
            FitPrecision::F32 => cached_bytes::<f32>(&sizes, recipe),
            FitPrecision::F64 => cached_bytes::<f64>(&sizes, recipe),
        }
    }

    pub(super) fn sizes(&self) -> FitSizes {
        FitSizes {
            n_training_scans: self.design.training.0.nrows(),
            n_test_scans: self.design.test.0.nrows(),
            n_columns: self.design.training.0.ncols(),
            n_voxels: self.voxels.len(),
            n_rounds: self.rounds.len(),
            n_held_scans: self.rounds.iter().map(Vec::len).max().unwrap_or(0),
            n_ever_held_scans: self.rounds.iter().flatten().collect::<HashSet<_>>().len(),
        }
    }
}

/// Serialises a block's bootstrap draws for the journal of scores.
pub(super) fn values_of(draws: &MeanOfDraws) -> Vec<f64> {
    draws.parts().iter().flatten().copied().collect()
}

/// Reads the draws that [`values_of`] serialised.
pub(super) fn draws_of(values: &[f64]) -> MeanOfDraws {
    let (sums, n_voxels) = values.split_at(values.len() / 2);
    MeanOfDraws::of_parts([sums.into(), n_voxels.into()])
}

pub(super) const FIT: &str = "fit";

pub(super) fn rounds_name(first: usize, end: usize) -> String {
    format!("rounds-{first}-{end}")
}

/// The folder of the results: the output folder itself for all voxels, a subfolder for a share.
fn folder(output: &Path, share: VoxelShare) -> PathBuf {
    if share.is_whole() {
        return output.to_path_buf();
    }
    let name = format!("{:04}-of-{:04}", share.index, share.count);
    output.join("shares").join(name)
}

/// All settings and inputs that affect the values in a journal.
fn fingerprint(recipe: &EncodeRecipe, work: &Encoding, inputs: &[FileChecksum]) -> String {
    let decisive = EncodeRecipe {
        output: EncodeOutput {
            folder: PathBuf::new(),
            memory_gib: 0.0,
            ..recipe.output.clone()
        },
        ..recipe.clone()
    };
    let inputs: Vec<&str> = inputs.iter().map(|file| file.sha256.as_str()).collect();
    crate::run::fingerprint(&(decisive, inputs, &work.groups, work.share.to_string()))
}
