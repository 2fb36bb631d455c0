//! A fit with one α for all features of a voxel.

use ndarray::{Array2, ArrayView2, Axis};

use super::EncodeError;
use super::block_cache::BlockCache;
use super::files::Files;
use super::run::{FIT, Run, draws_of, rounds_name, values_of};
use super::solver::{Request, Solver};
use crate::files::responses::Readable;
use crate::linear::ridge::{
    AlphaSharing, Problem, RefitPlan, RoundsPlan, Weights, best_alpha_per_voxel, best_alphas,
};
use crate::run::design::Design;
use crate::run::encoding::{Column, VoxelScores};
use crate::run::pipeline::scorer::Scored;
use crate::run::progress::{Event, Stage};
use crate::run::store::{Journal, StoreError};

/// An ordinary ridge regression.
pub(super) struct Ridge<'a, T> {
    run: &'a Run<'a>,
    problem: &'a Problem<'a, T>,
    /// The refit, once the hyperparameters are chosen: the plans of the rounds need the memory before.
    plan: Option<RefitPlan<'a, T>>,
    cache: BlockCache<T>,
    /// For each voxel the index of its α.
    alphas: Vec<usize>,
}

impl<'a, T: Readable> Ridge<'a, T> {
    pub(super) fn new(run: &'a Run<'a>, problem: &'a Problem<'a, T>) -> Self {
        Self {
            run,
            problem,
            plan: None,
            cache: BlockCache::new(run.cached_bytes()),
            alphas: Vec::new(),
        }
    }

    /// The index of each voxel's α.
    fn best(&self, round_scores: &Array2<f64>) -> Result<Vec<usize>, EncodeError> {
        let n_voxels = self.run.voxels.len();
        Ok(match self.run.work.recipe.ridge.sharing {
            AlphaSharing::PerVoxel => best_alpha_per_voxel(round_scores.view()),
            AlphaSharing::One => best_alphas(round_scores.view(), &vec![0; n_voxels]),
            AlphaSharing::PerGroup => {
                let groups = self.run.work.groups.as_ref().ok_or(EncodeError::Groups {
                    found: 0,
                    expected: n_voxels,
                })?;
                best_alphas(round_scores.view(), groups)
            }
        })
    }

    fn plan(&self) -> Result<&RefitPlan<'a, T>, EncodeError> {
        self.plan.as_ref().ok_or(EncodeError::NotChosen)
    }
}

impl<T: Readable> Solver<T> for Ridge<'_, T> {
    type Choice = usize;

    fn choose(
        &mut self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Array2<f64>>, EncodeError> {
        let (run, problem) = (self.run, self.problem);
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
                let cache = &mut self.cache;
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
        let round_scores = sum / run.rounds.len() as f64;
        self.alphas = self.best(&round_scores)?;
        self.plan = Some(RefitPlan::new(problem, &run.design.test, &settings)?);
        Ok(Some(round_scores))
    }

    fn choices(&self) -> &[usize] {
        &self.alphas
    }

    fn alpha(choice: usize) -> usize {
        choice
    }

    fn fit_and_score(
        &mut self,
        report: &mut dyn FnMut(Event),
    ) -> Result<Option<Scored>, EncodeError> {
        let run = self.run;
        let (mut journal, found) = run.journal_of_scores(FIT, Column::ALL.len())?;
        let (mut files, found) = Files::open(run, &mut journal, found)?;
        run.begin(Stage::FitAndScore, found, report);
        if !journal.is_complete() {
            let scorer = run.scorer(report);
            let plan = self.plan.as_ref().ok_or(EncodeError::NotChosen)?;
            let (cache, alphas) = (&mut self.cache, &self.alphas);
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

    fn predict(&self, requests: &[Request<T, usize>]) -> Result<Vec<Array2<T>>, EncodeError> {
        let plan = self.plan()?;
        let predictions = requests.iter().map(|request| {
            let fitted = plan.fit(request.training, &request.choices, Weights::Left);
            fitted.predictions
        });
        Ok(predictions.collect())
    }

    fn predict_by(
        run: &Run,
        design: &Design,
        training: ArrayView2<T>,
    ) -> Result<Array2<T>, EncodeError> {
        let settings = run.work.recipe.ridge.settings();
        let problem = Problem::<T>::new(&design.training)?;
        let mut sum = Array2::zeros((settings.alphas.len(), training.ncols()));
        for (first, end) in run.round_groups() {
            let plan = RoundsPlan::new(&problem, &run.rounds[first..end], &settings)?;
            sum += &plan.scores(training).sum_axis(Axis(0));
        }
        let alphas = best_alpha_per_voxel(sum.view());
        let plan = RefitPlan::new(&problem, &design.test, &settings)?;
        Ok(plan.fit(training, &alphas, Weights::Left).predictions)
    }

    fn forget(&self) -> Result<(), StoreError> {
        for (first, end) in self.run.round_groups() {
            self.run.forget(&rounds_name(first, end))?;
        }
        self.run.forget(FIT)
    }
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
