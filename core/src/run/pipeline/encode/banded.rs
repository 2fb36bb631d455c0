//! Steps 2 to 4 of a fit with a penalty for each feature set (banded ridge).

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};

use super::EncodeError;
use super::files::Files;
use super::run::{Run, draws_of, values_of};
use super::solver::{Request, Solver};
use crate::files::formats::npz_arrays::ArraysWriter;
use crate::linear::banded::{
    BandedChoice, BandedProblem, BandedRefitPlan, BandedSettings, candidates, r_squared_of_parts,
};
use crate::linear::ridge::{AlphaSharing, AlphaUnit, Fitted, Weights, penalty};
use crate::run::design::{Design, SetColumns};
use crate::run::encoding::{BLOCK_VOXELS, Column, VoxelScores};
use crate::run::pipeline::scorer::{Scored, Scorer};
use crate::run::progress::{Event, Stage};
use crate::run::recipe::{BandedRecipe, EncodeRecipe};
use crate::run::store::{StoreError, atomic};
use crate::stats::intervals::MeanOfDraws;

/// Values per voxel in a journal of the search: the score and the index of the penalty.
const N_CHOICE: usize = 2;
/// File name of the mixture weights and the sets' contributions to R².
const FILE: &str = "banded.npz";

/// A banded ridge regression.
pub(super) struct Banded<'a> {
    run: &'a Run<'a>,
    problem: BandedProblem,
    settings: BandedSettings,
    /// Columns of each set in the design.
    columns: Vec<Vec<usize>>,
    choice: BandedChoice,
    /// For each voxel the indices of its mixture and penalty.
    choices: Vec<(usize, usize)>,
}

/// Scores of each voxel.
struct Selected {
    scored: Scored,
    /// `(n_sets, n_voxels)`.
    set_r_squared: Array2<f64>,
}

/// Some mixtures, planned on all training rows.
struct Plans<'p> {
    /// Index and plan of each mixture.
    mixtures: Vec<(usize, BandedRefitPlan<'p>)>,
    /// The training features of each set, if weights are wanted.
    sets: Option<Vec<Array2<f64>>>,
}

/// The fit of a block of voxels, as far as they chose some of the mixtures at hand; 0 elsewhere.
struct BlockFit {
    /// Each set's part of the prediction, `(n_test_scans, n_voxels)`.
    parts: Vec<Array2<f64>>,
    /// Which voxels of the block were fitted, ascending.
    voxels: Vec<usize>,
    /// Predictions and weights of these.
    fitted: Fitted<f64>,
}

impl<'a> Banded<'a> {
    /// Computes the kernels of the feature sets.
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if the recipe has settings that exclude a penalty per set.
    pub(super) fn new(run: &'a Run<'a>, banded: &BandedRecipe) -> Result<Self, EncodeError> {
        let recipe = run.work.recipe;
        refuse_what_does_not_fit(recipe)?;
        let columns = columns_of_sets(&run.design.sets, recipe.design.delays.len());
        let (problem, settings) = problem(run, run.design, &columns, banded.n_mixtures);
        Ok(Self {
            run,
            problem,
            settings,
            columns,
            choice: BandedChoice::new(run.voxels.len()),
            choices: Vec::new(),
        })
    }

    /// Step 2: evaluates one mixture after another, each with its own journal; returns false if cancelled.
    fn search(&mut self, report: &mut dyn FnMut(Event)) -> Result<bool, EncodeError> {
        let run = self.run;
        let choice = &mut self.choice;
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
                    return Ok(false);
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
        Ok(true)
    }

    /// Steps 3 and 4: refits the mixtures that some voxel chose, as many at a time as fit into memory.
    fn fit(&self, report: &mut dyn FnMut(Event)) -> Result<Option<Selected>, EncodeError> {
        let run = self.run;
        let used: BTreeSet<usize> = self.choice.candidate.iter().copied().collect();
        let used: Vec<usize> = used.into_iter().collect();
        let n_columns = Column::ALL.len();
        let mut all = self.nothing_selected();
        let scorer = run.scorer(report);
        let (mut files, had_room) = Files::open_with_room(run)?;
        for group in used.chunks(self.plans_at_once()) {
            if !had_room {
                // The files are new, or were lost: what the journals record is no longer in them.
                run.forget(&fit_name(group[0]))?;
            }
            let (mut journal, found) =
                run.journal_of_scores(&fit_name(group[0]), n_columns + self.columns.len())?;
            run.begin(Stage::FitAndScore, found, report);
            if !journal.is_complete() {
                let plans = self.plans(group, files.weights())?;
                let finished = run.for_blocks::<f64>(
                    &mut journal,
                    Stage::FitAndScore,
                    report,
                    |voxels, block| {
                        let first = voxels.start - run.voxels.start;
                        let fitted = self.fitted(&plans, first, block);
                        let within: Vec<usize> =
                            fitted.voxels.iter().map(|voxel| first + voxel).collect();
                        files.write_some(&within, &fitted.fitted)?;
                        self.scored(&scorer, &fitted.parts, voxels, block)
                    },
                )?;
                if !finished {
                    return Ok(None);
                }
            }
            let mut voxel = 0;
            journal.for_each_batch(|values, of_block| {
                all.scored.draws[voxel / BLOCK_VOXELS].join(&draws_of(of_block));
                for row in values.chunks_exact(n_columns + self.columns.len()) {
                    if group.contains(&self.choice.candidate[voxel]) {
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
        files.commit()?;
        Ok(Some(all))
    }

    fn nothing_selected(&self) -> Selected {
        let n_voxels = self.run.voxels.len();
        let no_draws = MeanOfDraws::new(self.run.work.recipe.scores.n_draws);
        Selected {
            scored: Scored {
                voxels: vec![VoxelScores::default(); n_voxels],
                draws: vec![no_draws; n_voxels.div_ceil(BLOCK_VOXELS)],
            },
            set_r_squared: Array2::from_elem((self.columns.len(), n_voxels), f64::NAN),
        }
    }

    fn plans(&self, group: &[usize], weights: Weights) -> Result<Plans<'_>, EncodeError> {
        let mixtures = group.iter().map(|candidate| {
            let weights = &self.settings.candidates[*candidate];
            Ok((*candidate, self.problem.refit_plan(weights)?))
        });
        let training = &self.run.design.training.0;
        let of_set = |columns: &Vec<usize>| training.select(Axis(1), columns);
        Ok(Plans {
            mixtures: mixtures.collect::<Result<_, EncodeError>>()?,
            sets: (weights == Weights::Formed).then(|| self.columns.iter().map(of_set).collect()),
        })
    }

    /// Fits the voxels of a block that chose one of the planned mixtures.
    fn fitted(&self, plans: &Plans, first: usize, block: ArrayView2<f64>) -> BlockFit {
        let design = self.run.design;
        let n_test = design.test.0.nrows();
        let mut parts = vec![Array2::zeros((n_test, block.ncols())); self.columns.len()];
        let mut weights = plans
            .sets
            .as_ref()
            .map(|_| Array2::zeros((design.training.0.ncols(), block.ncols())));
        let mut fitted = Vec::new();
        for (candidate, plan) in &plans.mixtures {
            let voxels: Vec<usize> = (0..block.ncols())
                .filter(|voxel| self.choice.candidate[first + voxel] == *candidate)
                .collect();
            if voxels.is_empty() {
                continue;
            }
            let penalties: Vec<f64> = voxels
                .iter()
                .map(|voxel| self.settings.penalties[self.choice.penalty[first + voxel]])
                .collect();
            let responses = finite(block.select(Axis(1), &voxels).view());
            let solution = plan.solve(responses.view(), &penalties);
            for (all, part) in parts.iter_mut().zip(solution.parts()) {
                put_columns(all, &voxels, &part);
            }
            if let (Some(weights), Some(sets)) = (&mut weights, &plans.sets) {
                let views: Vec<_> = sets.iter().map(|one| one.view()).collect();
                let of_sets = solution.weights(&views);
                for (columns, of_set) in self.columns.iter().zip(of_sets) {
                    for (column, row) in columns.iter().zip(of_set.rows()) {
                        for (voxel, weight) in voxels.iter().zip(row) {
                            weights[(*column, *voxel)] = *weight;
                        }
                    }
                }
            }
            fitted.extend(voxels);
        }
        fitted.sort_unstable();
        let predictions = sum(&parts, block.ncols());
        BlockFit {
            fitted: Fitted {
                predictions: predictions.select(Axis(1), &fitted),
                weights: weights.map(|weights| weights.select(Axis(1), &fitted)),
            },
            parts,
            voxels: fitted,
        }
    }

    /// Journal values of a block: each voxel's scores and its R² per set, followed by the bootstrap draws.
    fn scored(
        &self,
        scorer: &Scorer,
        parts: &[Array2<f64>],
        voxels: Range<usize>,
        block: ArrayView2<f64>,
    ) -> Result<Vec<f64>, EncodeError> {
        // Voxels of other mixtures get a constant prediction and do not enter the draws.
        let predictions = sum(parts, block.ncols());
        let scored = scorer.scores(&predictions, block, voxels.clone())?;
        let test = self.run.measured.test::<f64>(voxels)?;
        let views: Vec<_> = parts.iter().map(|one| one.view()).collect();
        let shares = r_squared_of_parts(&views, test.view());
        let rows = scored.voxels.iter().zip(shares.columns());
        let mut values: Vec<f64> = rows
            .flat_map(|(scores, shares)| scores.values().iter().copied().chain(shares.to_vec()))
            .collect();
        values.extend(values_of(&scored.draws));
        Ok(values)
    }

    fn plans_at_once(&self) -> usize {
        let design = &self.run.design.training.0;
        let k = design.nrows().min(design.ncols()) as u64;
        let budget = self.run.work.recipe.output.memory_gib * f64::from(1 << 30) / 3.0;
        ((budget / (8 * k * k).max(1) as f64) as usize).max(1)
    }

    /// Writes the mixture of each voxel and the sets' contributions to its R².
    fn write(&self, found: &Selected) -> Result<(), EncodeError> {
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
            let mixtures = self
                .choice
                .candidate
                .iter()
                .flat_map(|c| self.settings.candidates[*c].iter());
            archive.numbers(
                "mixture",
                &[n_voxels, self.columns.len()],
                mixtures.copied(),
            )?;
            let shares = found.set_r_squared.t();
            archive.numbers(
                "r2_of_sets",
                &[n_voxels, self.columns.len()],
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

impl Solver<f64> for Banded<'_> {
    type Choice = (usize, usize);

    fn choose(
        &mut self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Array2<f64>>, EncodeError> {
        if !self.search(report)? {
            return Ok(None);
        }
        let choice = &self.choice;
        let pairs = choice
            .candidate
            .iter()
            .copied()
            .zip(choice.penalty.iter().copied());
        self.choices = pairs.collect();
        let n_alphas = self.settings.penalties.len();
        let mut round_scores = Array2::from_elem((n_alphas, self.run.voxels.len()), f64::NAN);
        for (voxel, (alpha, score)) in choice.penalty.iter().zip(&choice.score).enumerate() {
            round_scores[(*alpha, voxel)] = *score;
        }
        Ok(Some(round_scores))
    }

    fn choices(&self) -> &[(usize, usize)] {
        &self.choices
    }

    fn alpha((_, penalty): (usize, usize)) -> usize {
        penalty
    }

    fn fit_and_score(
        &mut self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Scored>, EncodeError> {
        let Some(found) = self.fit(report)? else {
            return Ok(None);
        };
        self.write(&found)?;
        Ok(Some(found.scored))
    }

    /// One mixture after another: its decomposition is what takes time and memory.
    fn predict(
        &self,
        requests: &[Request<f64, (usize, usize)>],
    ) -> Result<Vec<Array2<f64>>, EncodeError> {
        let n_test = self.run.design.test.0.nrows();
        let mut predictions: Vec<Array2<f64>> = requests
            .iter()
            .map(|request| Array2::zeros((n_test, request.choices.len())))
            .collect();
        let all = requests.iter().flat_map(|request| &request.choices);
        let used: BTreeSet<usize> = all.map(|(candidate, _)| *candidate).collect();
        for candidate in used {
            let plan = self
                .problem
                .refit_plan(&self.settings.candidates[candidate])?;
            for (request, predictions) in requests.iter().zip(&mut predictions) {
                let columns: Vec<usize> = (0..request.choices.len())
                    .filter(|column| request.choices[*column].0 == candidate)
                    .collect();
                let penalties: Vec<f64> = columns
                    .iter()
                    .map(|column| self.settings.penalties[request.choices[*column].1])
                    .collect();
                let responses = finite(request.training.select(Axis(1), &columns).view());
                let parts = plan.solve(responses.view(), &penalties).parts();
                put_columns(predictions, &columns, &sum(&parts, columns.len()));
            }
        }
        Ok(predictions)
    }

    fn predict_by(
        run: &Run,
        design: &Design,
        training: ArrayView2<f64>,
    ) -> Result<Array2<f64>, EncodeError> {
        let recipe = run.work.recipe;
        let columns = columns_of_sets(&design.sets, recipe.design.delays.len());
        let n_mixtures = recipe
            .ridge
            .banded
            .as_ref()
            .map_or(0, |banded| banded.n_mixtures);
        let (problem, settings) = problem(run, design, &columns, n_mixtures);
        let fit = problem.fit(finite(training).view(), &settings)?;
        Ok(fit.predictions())
    }

    fn forget(&self) -> Result<(), StoreError> {
        for candidate in 0..self.settings.candidates.len() {
            self.run.forget(&search_name(candidate))?;
            self.run.forget(&fit_name(candidate))?;
        }
        Ok(())
    }
}

/// The kernels of a design's sets, and the hyperparameters to try. A single set has one mixture.
fn problem(
    run: &Run,
    design: &Design,
    columns: &[Vec<usize>],
    n_mixtures: usize,
) -> (BandedProblem, BandedSettings) {
    let of = |features: &Array2<f64>, columns: &Vec<usize>| features.select(Axis(1), columns);
    let sets: Vec<(Array2<f64>, Array2<f64>)> = columns
        .iter()
        .map(|columns| (of(&design.training.0, columns), of(&design.test.0, columns)))
        .collect();
    let views: Vec<_> = sets
        .iter()
        .map(|(training, test)| (training.view(), test.view()))
        .collect();
    let ridge = &run.work.recipe.ridge;
    let candidates = match sets.len() {
        1 => vec![vec![1.0]],
        n_sets => candidates(n_sets, n_mixtures, ridge.seed),
    };
    let settings = BandedSettings {
        candidates,
        penalties: ridge.alphas.values().into_iter().map(penalty).collect(),
        rounds: run.rounds.clone(),
    };
    (BandedProblem::new(&views), settings)
}

/// Puts the columns of `from` where `columns` says.
fn put_columns(all: &mut Array2<f64>, columns: &[usize], from: &Array2<f64>) {
    for (column, values) in columns.iter().zip(from.columns()) {
        all.column_mut(*column).assign(&values);
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
