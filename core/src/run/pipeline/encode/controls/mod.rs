//! Sanity checks of a fit: a sample of its voxels goes through the same steps with the stimulus–response relation
//! destroyed, with an injected signal, or with competing features.

mod rivals;

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};

use super::EncodeError;
use super::run::Run;
use super::solver::{Request, Solver};
use crate::files::responses::Readable;
use crate::fmri::simulate::{InjectedSignal, plant};
use crate::maths::matrix::{hstack, vstack};
use crate::maths::random::PythonRandom;
use crate::run::encoding::{CONTROLLED_VOXELS, Column, VoxelScores};
use crate::run::sanity::{self, Check, median};
use crate::stats::score::correlation;
use crate::stats::significance::BlockPermutations;

/// The sample: contiguous runs of voxels, besides the one with the best scores, and voxels per run.
const N_RUNS: usize = 4;
const RUN_VOXELS: usize = CONTROLLED_VOXELS / (N_RUNS + 1);
/// Number of block shuffles of the training responses.
const N_SHUFFLES: usize = 10;
/// Scans per block of a shuffle.
const BLOCK_SCANS: usize = 10;
/// Minimum circular shift of the predictions, seconds.
const MOVED_SECS: f64 = 30.0;
/// Number of simulated voxels with an injected signal, and the fraction of their variance that it explains.
const PLANTED_VOXELS: usize = 128;
const PLANTED_SHARE: f64 = 0.5;

/// Runs all sanity checks on a sample of the voxels, given the scores of all.
pub(super) fn run<T: Readable, S: Solver<T>>(
    run: &Run,
    solver: &S,
    voxels: &[VoxelScores],
) -> Result<Vec<Check>, EncodeError> {
    let sample = Sample::<T, S::Choice>::new(run, solver.choices(), voxels)?;
    let mut checks = leaks(run, &sample.runs, [&sample.training, &sample.test])?;
    let shuffles = shuffles(run, &sample.training);
    let injected = injected::<T>(run);
    // All in one request: what a solver decomposes for one serves the others.
    let responses = shuffles.iter().chain([&sample.training]);
    let mut requests: Vec<_> = responses
        .map(|training| Request {
            training: training.view(),
            choices: sample.choices.clone(),
        })
        .collect();
    requests.push(Request {
        training: injected.training.view(),
        choices: vec![sample.usual; PLANTED_VOXELS],
    });
    let mut predictions = solver.predict(&requests)?;
    let of_injected = predictions.pop().ok_or(EncodeError::NotChosen)?;
    let of_sample = predictions.pop().ok_or(EncodeError::NotChosen)?;
    let shuffled: Vec<f64> = predictions
        .iter()
        .map(|predictions| median_r(predictions, sample.test.view()))
        .collect();
    let found = median_r(&of_injected, injected.test.view());
    checks.extend([
        sanity::shuffled_is_null(&shuffled),
        moved(run, &sample, &of_sample),
        sanity::injected_signal_is_found(found, PLANTED_SHARE.sqrt()),
    ]);
    checks.extend(rivals::run::<T, S>(run, &sample, &of_sample));
    Ok(checks)
}

/// Checks for leakage from training to test data.
fn leaks<T: Readable>(
    run: &Run,
    runs: &[Range<usize>],
    responses: [&Array2<T>; 2],
) -> Result<Vec<Check>, EncodeError> {
    let [training, test] = responses.map(|responses| responses.mapv(T::double));
    let (in_time, apart) = recordings(run, runs)?;
    Ok(vec![
        sanity::test_in_training(training.view(), test.view()),
        sanity::neighbours_in_training(training.view(), test.view()),
        in_time,
        apart,
    ])
}

/// A sample of the voxels, with their responses and hyperparameters.
struct Sample<T, C> {
    /// Indices of the voxels in the files.
    runs: Vec<Range<usize>>,
    training: Array2<T>,
    test: Array2<T>,
    choices: Vec<C>,
    scores: Vec<VoxelScores>,
    /// The most frequent hyperparameters among the voxels with the best validation scores.
    usual: C,
}

impl<T: Readable, C: Copy + Ord> Sample<T, C> {
    fn new(run: &Run, choices: &[C], voxels: &[VoxelScores]) -> Result<Self, EncodeError> {
        let mut within = spread(run.voxels.len());
        within.extend(best_run(voxels, &within));
        let runs: Vec<Range<usize>> = within.iter().map(|within| absolute(run, within)).collect();
        let (training, test) = measured(run, &runs)?;
        let all = || within.iter().flat_map(Clone::clone);
        Ok(Self {
            runs,
            training,
            test,
            choices: all().map(|voxel| choices[voxel]).collect(),
            scores: all().map(|voxel| voxels[voxel]).collect(),
            usual: usual(choices, voxels).ok_or(EncodeError::NotChosen)?,
        })
    }
}

/// Converts voxel indices within a share to indices in the files.
fn absolute(run: &Run, within: &Range<usize>) -> Range<usize> {
    run.voxels.start + within.start..run.voxels.start + within.end
}

/// Training and test responses of runs of voxels.
fn measured<T: Readable>(
    run: &Run,
    runs: &[Range<usize>],
) -> Result<(Array2<T>, Array2<T>), EncodeError> {
    let mut training = Vec::new();
    let mut test = Vec::new();
    for voxels in runs {
        training.push(run.measured.training::<T>(voxels.clone())?);
        test.push(run.measured.test::<T>(voxels.clone())?);
    }
    Ok((together(&training), together(&test)))
}

/// Runs of voxels spaced evenly over `n_voxels`.
fn spread(n_voxels: usize) -> Vec<Range<usize>> {
    let step = n_voxels / N_RUNS;
    let (n_runs, length) = if step >= RUN_VOXELS {
        (N_RUNS, RUN_VOXELS)
    } else {
        (1, n_voxels)
    };
    (0..n_runs)
        .map(|index| {
            let first = index * step + step.saturating_sub(length) / 2;
            first..first + length
        })
        .collect()
}

/// The best run of neighbouring voxels by validation score, outside the others: an evenly spaced sample of cortex would
/// seldom include auditory voxels.
fn best_run(voxels: &[VoxelScores], others: &[Range<usize>]) -> Option<Range<usize>> {
    let is_apart = |run: &Range<usize>| {
        let overlaps = |other: &Range<usize>| run.start < other.end && other.start < run.end;
        !others.iter().any(overlaps)
    };
    let mean = |run: &Range<usize>| {
        let scores = voxels[run.clone()].iter();
        let scores = scores.map(|voxel| voxel.get(Column::RoundScore));
        scores.filter(|score| score.is_finite()).sum::<f64>()
    };
    let starts = (0..voxels.len() / RUN_VOXELS).map(|index| index * RUN_VOXELS);
    starts
        .map(|start| start..start + RUN_VOXELS)
        .filter(is_apart)
        .max_by(|a, b| mean(a).total_cmp(&mean(b)))
}

/// The most frequent hyperparameters among the tenth of the voxels with the best validation scores.
fn usual<C: Copy + Ord>(choices: &[C], voxels: &[VoxelScores]) -> Option<C> {
    let mut order: Vec<usize> = (0..voxels.len()).collect();
    let score = |voxel: usize| {
        let score = voxels[voxel].get(Column::RoundScore);
        if score.is_finite() {
            score
        } else {
            f64::NEG_INFINITY
        }
    };
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    let mut counts: BTreeMap<C, usize> = BTreeMap::new();
    for voxel in &order[..order.len().div_ceil(10)] {
        *counts.entry(choices[*voxel]).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(choice, _)| choice)
}

fn together<T: Readable>(parts: &[Array2<T>]) -> Array2<T> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    hstack(&views)
}

/// Checks of the complete recordings as stored in the files, before trimming.
fn recordings(run: &Run, runs: &[Range<usize>]) -> Result<(Check, Check), EncodeError> {
    let whole = |story: &str| -> Result<Array2<f64>, EncodeError> {
        let name = run.measured.first_presentation(story);
        let n_scans = run.work.responses.shape(&name).map_or(0, |shape| shape.0);
        let parts: Result<Vec<_>, _> = runs
            .iter()
            .map(|voxels| {
                run.work
                    .responses
                    .read_f64(&name, 0..n_scans, voxels.clone())
            })
            .collect();
        Ok(together(&parts.map_err(
            crate::run::encoding::ResponseBlocksError::from,
        )?))
    };
    let named = |stories: &[crate::run::design::StoryScans]| {
        let named = stories
            .iter()
            .map(|scans| Ok((scans.story.clone(), whole(&scans.story)?)));
        named.collect::<Result<Vec<_>, EncodeError>>()
    };
    let mut training = named(&run.design.training_stories)?;
    let test = named(&run.design.test_stories)?;
    let all_of = |stories: &[(String, Array2<f64>)]| {
        let views: Vec<_> = stories.iter().map(|(_, story)| story.view()).collect();
        vstack(&views)
    };
    let apart = sanity::normalised_apart(all_of(&training).view(), all_of(&test).view());
    training.extend(test);
    Ok((sanity::in_order_of_time(&training), apart))
}

/// Block shuffles of the training responses.
fn shuffles<T: Readable>(run: &Run, training: &Array2<T>) -> Vec<Array2<T>> {
    let seed = run.work.recipe.ridge.seed ^ 0x5a17;
    let orders = BlockPermutations::new(training.nrows(), BLOCK_SCANS, N_SHUFFLES, seed);
    let orders = orders.orders().iter();
    orders
        .map(|order| training.select(Axis(0), order))
        .collect()
}

fn median_r<T: Readable>(predictions: &Array2<T>, test: ArrayView2<T>) -> f64 {
    median(correlation(predictions.view(), test).into_iter())
}

/// Compares r of the best quarter of the sample with r under circular shifts of its predictions.
fn moved<T: Readable, C>(run: &Run, sample: &Sample<T, C>, predictions: &Array2<T>) -> Check {
    let r = correlation(predictions.view(), sample.test.view());
    let mut order: Vec<usize> = (0..r.len()).filter(|voxel| r[*voxel].is_finite()).collect();
    order.sort_by(|a, b| r[*b].total_cmp(&r[*a]));
    let best = &order[..order.len().div_ceil(4)];
    let predictions = predictions.select(Axis(1), best);
    let test = sample.test.select(Axis(1), best);
    let moved = moved_medians(run, &predictions, &test);
    let at_zero = median(best.iter().map(|voxel| r[*voxel]));
    sanity::moved_is_null(at_zero, median(moved.into_iter()))
}

/// Median r over voxels for each of many circular shifts of the predictions, by at least [`MOVED_SECS`].
fn moved_medians<T: Readable>(run: &Run, predictions: &Array2<T>, test: &Array2<T>) -> Vec<f64> {
    let n_scans = test.nrows();
    let least = (MOVED_SECS / run.design.repetition_secs).ceil() as usize;
    let moves = (least..n_scans.saturating_sub(least)).step_by(3);
    let r_moved = moves.map(|by| {
        let rows: Vec<usize> = (0..n_scans).map(|scan| (scan + by) % n_scans).collect();
        let moved = predictions.select(Axis(0), &rows);
        median(correlation(moved.view(), test.view()).into_iter())
    });
    r_moved.collect()
}

/// Simulated responses with an injected signal, which the fit must recover.
struct Injected<T> {
    training: Array2<T>,
    test: Array2<T>,
}

fn injected<T: Readable>(run: &Run) -> Injected<T> {
    let mut random = PythonRandom::new(run.work.recipe.ridge.seed ^ 0x91a7);
    let InjectedSignal { training, test } = plant(
        (run.design.training.0.view(), run.design.test.0.view()),
        PLANTED_VOXELS,
        PLANTED_SHARE,
        &mut random,
    );
    Injected {
        training: training.mapv(T::nearest),
        test: test.mapv(T::nearest),
    }
}
