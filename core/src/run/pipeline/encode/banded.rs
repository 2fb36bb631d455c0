//! Steps 2 to 4 of a fit with a penalty for each feature set (banded ridge).

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};

use super::EncodeError;
use super::run::{Run, draws_of, values_of};
use crate::files::formats::npz_arrays::ArraysWriter;
use crate::linear::banded::{
    BandedChoice, BandedProblem, BandedRefitPlan, BandedSettings, candidates, r_squared_of_parts,
};
use crate::linear::ridge::{AlphaSharing, AlphaUnit, penalty};
use crate::run::design::SetColumns;
use crate::run::encoding::{BLOCK_VOXELS, Column, ScoreTable, VoxelScores};
use crate::run::pipeline::scorer::{Scored, Scorer};
use crate::run::progress::{Event, Stage};
use crate::run::recipe::{BandedRecipe, EncodeRecipe};
use crate::run::store::{StoreError, atomic};
use crate::stats::intervals::MeanOfDraws;

/// Values per voxel in a journal of the search: the score and the index of the penalty.
const N_CHOICE: usize = 2;
/// File name of the mixture weights and the sets' contributions to R².
const FILE: &str = "banded.npz";

/// A banded fit, in the steps of an ordinary one.
pub(super) struct Banded<'a> {
    run: &'a Run<'a>,
    problem: BandedProblem,
    settings: BandedSettings,
    n_sets: usize,
}

/// Scores of each voxel.
struct Selected {
    scored: Scored,
    /// `(n_sets, n_voxels)`.
    set_r_squared: Array2<f64>,
}

impl<'a> Banded<'a> {
    /// Computes the kernels of the feature sets.
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if the recipe has settings that exclude a penalty per set.
    pub(super) fn new(run: &'a Run<'a>, banded: &BandedRecipe) -> Result<Self, EncodeError> {
        let recipe = run.work.recipe;
        refuse_what_does_not_fit(recipe)?;
        let design = run.design;
        let n_delays = recipe.design.delays.len();
        let sets: Vec<(Array2<f64>, Array2<f64>)> = columns_of_sets(&design.sets, n_delays)
            .iter()
            .map(|columns| {
                let of = |features: &Array2<f64>| features.select(Axis(1), columns);
                (of(&design.training.0), of(&design.test.0))
            })
            .collect();
        let views: Vec<(ArrayView2<f64>, ArrayView2<f64>)> = sets
            .iter()
            .map(|(training, test)| (training.view(), test.view()))
            .collect();
        let alphas = recipe.ridge.alphas.values();
        Ok(Self {
            run,
            problem: BandedProblem::new(&views),
            settings: BandedSettings {
                candidates: candidates(sets.len(), banded.n_mixtures, recipe.ridge.seed),
                penalties: alphas.into_iter().map(penalty).collect(),
                rounds: run.rounds.clone(),
            },
            n_sets: sets.len(),
        })
    }

    /// Selects hyperparameters, fits and scores; returns `None` if cancelled.
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if a file cannot be read or written.
    pub(super) fn fit_and_score(
        &self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<ScoreTable>, EncodeError> {
        let Some(choice) = self.choose(report)? else {
            return Ok(None);
        };
        let Some(found) = self.fit(&choice, report)? else {
            return Ok(None);
        };
        self.write(&choice, &found)?;
        let n_alphas = self.settings.penalties.len();
        let mut round_scores = Array2::from_elem((n_alphas, found.scored.voxels.len()), f64::NAN);
        for (voxel, (alpha, score)) in choice.penalty.iter().zip(&choice.score).enumerate() {
            round_scores[(*alpha, voxel)] = *score;
        }
        Ok(Some(self.run.table(
            round_scores,
            &choice.penalty,
            found.scored,
        )))
    }

    /// Removes the journals, once the scores are written.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if a file cannot be removed.
    pub(super) fn forget(&self) -> Result<(), StoreError> {
        for candidate in 0..self.settings.candidates.len() {
            self.run.forget(&search_name(candidate))?;
            self.run.forget(&fit_name(candidate))?;
        }
        Ok(())
    }

    /// Step 2: evaluates one mixture after another, each with its own journal.
    fn choose(&self, report: &mut dyn FnMut(Event)) -> Result<Option<BandedChoice>, EncodeError> {
        let run = self.run;
        let mut choice = BandedChoice::new(run.voxels.len());
        for candidate in 0..self.settings.candidates.len() {
            let (mut journal, found) = run.journal(&search_name(candidate), N_CHOICE)?;
            run.begin(Stage::ChooseAlpha, found, report);
            if !journal.is_complete() {
                let plan = self.problem.search_plan(candidate, &self.settings)?;
                let finished =
                    run.for_blocks::<f64>(&mut journal, Stage::ChooseAlpha, report, |_, block| {
                        let mut best = BandedChoice::new(block.ncols());
                        best.take(candidate, &plan.scores(finite(block).view()));
                        let pairs = best.score.iter().zip(&best.penalty);
                        Ok(pairs
                            .flat_map(|(score, penalty)| [*score, *penalty as f64])
                            .collect())
                    })?;
                if !finished {
                    return Ok(None);
                }
            }
            let mut voxel = 0;
            journal.for_each_batch(|values, _| {
                for pair in values.chunks_exact(N_CHOICE) {
                    choice.offer(voxel, (candidate, pair[1] as usize), pair[0]);
                    voxel += 1;
                }
                Ok(())
            })?;
        }
        Ok(Some(choice))
    }

    /// Steps 3 and 4: refits the mixtures that some voxel chose, as many at a time as fit into memory.
    fn fit(
        &self,
        choice: &BandedChoice,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Selected>, EncodeError> {
        let run = self.run;
        let used: BTreeSet<usize> = choice.candidate.iter().copied().collect();
        let used: Vec<usize> = used.into_iter().collect();
        let n_columns = Column::ALL.len();
        let n_blocks = run.voxels.len().div_ceil(BLOCK_VOXELS);
        let no_draws = MeanOfDraws::new(run.work.recipe.scores.n_draws);
        let mut all = Selected {
            scored: Scored {
                voxels: vec![VoxelScores::default(); run.voxels.len()],
                draws: vec![no_draws; n_blocks],
            },
            set_r_squared: Array2::from_elem((self.n_sets, run.voxels.len()), f64::NAN),
        };
        let scorer = run.scorer(report);
        for group in used.chunks(self.plans_at_once()) {
            let (mut journal, found) =
                run.journal_of_scores(&fit_name(group[0]), n_columns + self.n_sets)?;
            run.begin(Stage::FitAndScore, found, report);
            if !journal.is_complete() {
                let plans = group
                    .iter()
                    .map(|candidate| {
                        let plan = self
                            .problem
                            .refit_plan(&self.settings.candidates[*candidate])?;
                        Ok((*candidate, plan))
                    })
                    .collect::<Result<Vec<_>, EncodeError>>()?;
                let finished = run.for_blocks::<f64>(
                    &mut journal,
                    Stage::FitAndScore,
                    report,
                    |voxels, block| self.scored(&scorer, (&plans, choice), voxels, block),
                )?;
                if !finished {
                    return Ok(None);
                }
            }
            let mut voxel = 0;
            journal.for_each_batch(|values, of_block| {
                all.scored.draws[voxel / BLOCK_VOXELS].join(&draws_of(of_block));
                for row in values.chunks_exact(n_columns + self.n_sets) {
                    if group.contains(&choice.candidate[voxel]) {
                        all.scored.voxels[voxel] = VoxelScores::of_values(&row[..n_columns]);
                        let mut shares = all.set_r_squared.column_mut(voxel);
                        shares
                            .iter_mut()
                            .zip(&row[n_columns..])
                            .for_each(|(to, from)| *to = *from);
                    }
                    voxel += 1;
                }
                Ok(())
            })?;
        }
        Ok(Some(all))
    }

    /// Journal values of a block: each voxel's scores and its R² per set, followed by the bootstrap draws.
    fn scored(
        &self,
        scorer: &Scorer,
        (plans, choice): (&[(usize, BandedRefitPlan)], &BandedChoice),
        voxels: Range<usize>,
        block: ArrayView2<f64>,
    ) -> Result<Vec<f64>, EncodeError> {
        let first = voxels.start - self.run.voxels.start;
        let parts = self.parts(plans, choice, first, block);
        let predictions = sum(&parts, block.ncols());
        // Voxels of other mixtures get a constant prediction and do not enter the draws.
        let scored = scorer.scores(&predictions, block, voxels.clone())?;
        let test = self.run.measured.test::<f64>(voxels)?;
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let shares = r_squared_of_parts(&views, test.view());
        let rows = scored.voxels.iter().zip(shares.columns());
        let mut values: Vec<f64> = rows
            .flat_map(|(scores, shares)| scores.values().iter().copied().chain(shares.to_vec()))
            .collect();
        values.extend(values_of(&scored.draws));
        Ok(values)
    }

    /// Each set's part of the predictions of a block of voxels; 0 for voxels that chose none of these mixtures.
    fn parts(
        &self,
        plans: &[(usize, BandedRefitPlan)],
        choice: &BandedChoice,
        first: usize,
        block: ArrayView2<f64>,
    ) -> Vec<Array2<f64>> {
        let n_test = self.run.design.test.0.nrows();
        let mut all = vec![Array2::zeros((n_test, block.ncols())); self.n_sets];
        for (candidate, plan) in plans {
            let voxels: Vec<usize> = (0..block.ncols())
                .filter(|voxel| choice.candidate[first + voxel] == *candidate)
                .collect();
            if voxels.is_empty() {
                continue;
            }
            let penalties: Vec<f64> = voxels
                .iter()
                .map(|voxel| self.settings.penalties[choice.penalty[first + voxel]])
                .collect();
            let responses = finite(block.select(Axis(1), &voxels).view());
            for (all, part) in all.iter_mut().zip(plan.parts(responses.view(), &penalties)) {
                for (voxel, column) in voxels.iter().zip(part.columns()) {
                    all.column_mut(*voxel).assign(&column);
                }
            }
        }
        all
    }

    fn plans_at_once(&self) -> usize {
        let design = &self.run.design.training.0;
        let k = design.nrows().min(design.ncols()) as u64;
        let budget = self.run.work.recipe.output.memory_gib * f64::from(1 << 30) / 3.0;
        ((budget / (8 * k * k).max(1) as f64) as usize).max(1)
    }

    /// Writes the mixture of each voxel and the sets' contributions to its R².
    fn write(&self, choice: &BandedChoice, found: &Selected) -> Result<(), EncodeError> {
        let n_voxels = found.scored.voxels.len();
        let path = self.run.folder.join(FILE);
        let archive = || {
            let mut archive = ArraysWriter::default();
            let names: Vec<&str> = self
                .run
                .design
                .sets
                .iter()
                .map(|set| set.name.as_str())
                .collect();
            archive.texts("sets", &names)?;
            let mixtures = choice
                .candidate
                .iter()
                .flat_map(|c| self.settings.candidates[*c].iter());
            archive.numbers("mixture", &[n_voxels, self.n_sets], mixtures.copied())?;
            let shares = found.set_r_squared.t();
            archive.numbers(
                "r2_of_sets",
                &[n_voxels, self.n_sets],
                shares.iter().copied(),
            )?;
            archive.finish()
        };
        let bytes = archive().map_err(|source| StoreError::Write {
            source,
            path: path.clone(),
        })?;
        Ok(atomic::write(&path, &bytes)?)
    }
}

fn search_name(candidate: usize) -> String {
    format!("mixture-{candidate}")
}

fn fit_name(candidate: usize) -> String {
    format!("banded-{candidate}")
}

fn refuse_what_does_not_fit(recipe: &EncodeRecipe) -> Result<(), EncodeError> {
    if recipe.features.len() < 2 {
        return Err(EncodeError::OneSet);
    }
    if recipe.ridge.alpha_unit != AlphaUnit::Plain || recipe.ridge.sharing != AlphaSharing::PerVoxel
    {
        return Err(EncodeError::BandedAlphas);
    }
    if recipe.output.weights || recipe.output.predictions {
        return Err(EncodeError::BandedFiles);
    }
    Ok(())
}

/// Column indices of each set in the delayed design, which holds all sets at the first delay, then all at the second.
fn columns_of_sets(sets: &[SetColumns], n_delays: usize) -> Vec<Vec<usize>> {
    let n_together: usize = sets.iter().map(|set| set.n_features).sum();
    let mut first = 0;
    let of = |set: &SetColumns| {
        let n = set.n_features;
        let columns = (0..n_delays)
            .flat_map(|delay| (0..n).map(move |column| (delay, column)))
            .map(|(delay, column)| delay * n_together + first + column)
            .collect();
        first += n;
        columns
    };
    sets.iter().map(of).collect()
}

/// Replaces non-finite values by 0, as in the ordinary fit.
fn finite(responses: ArrayView2<f64>) -> Array2<f64> {
    responses.mapv(|value| if value.is_finite() { value } else { 0.0 })
}

fn sum(parts: &[Array2<f64>], n_voxels: usize) -> Array2<f64> {
    let n_scans = parts.first().map_or(0, Array2::nrows);
    parts
        .iter()
        .fold(Array2::zeros((n_scans, n_voxels)), |sum, part| sum + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sets_columns_lie_apart_at_each_delay() {
        let set = |name: &str, n_features| SetColumns {
            name: name.into(),
            n_features,
            at_scan_times: false,
        };
        let sets = [set("a", 2), set("b", 1)];
        assert_eq!(columns_of_sets(&sets, 2), [vec![0, 1, 3, 4], vec![2, 5]]);
    }
}
