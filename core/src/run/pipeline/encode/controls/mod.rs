//! Sanity checks of a fit: a sample of its voxels goes through the same steps with the stimulus–response relation
//! destroyed, with an injected signal, or with competing features.

mod rivals;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::EncodeError;
use super::run::Run;
use crate::files::responses::Readable;
use crate::fmri::simulate::{InjectedSignal, plant};
use crate::linear::ridge::{RefitPlan, Weights};
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
pub(super) fn run<T: Readable>(
    run: &Run,
    plan: &RefitPlan<T>,
    alphas: &[usize],
    voxels: &[VoxelScores],
) -> Result<Vec<Check>, EncodeError> {
    let sample = Sample::<T>::new(run, alphas, voxels)?;
    let mut checks = leaks(run, &sample.runs, [&sample.training, &sample.test])?;
    let shuffled = shuffled_medians(run, plan, &sample);
    let predictions = plan
        .fit(sample.training.view(), &sample.alphas, Weights::Left)
        .predictions;
    checks.extend([
        sanity::shuffled_is_null(&shuffled),
        moved(run, &sample, &predictions),
        injected(run, plan, &sample),
    ]);
    checks.extend(rivals::run(run, &sample, &predictions));
    Ok(checks)
}

/// Runs the checks that depend on the responses alone, not on the model.
pub(super) fn of_recordings<T: Readable>(run: &Run) -> Result<Vec<Check>, EncodeError> {
    let runs: Vec<Range<usize>> = spread(run.voxels.len())
        .into_iter()
        .map(|within| absolute(run, &within))
        .collect();
    let (training, test) = measured::<T>(run, &runs)?;
    leaks(run, &runs, [&training, &test])
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

/// A sample of the voxels, with their responses and α.
struct Sample<T> {
    /// Indices of the voxels in the files.
    runs: Vec<Range<usize>>,
    training: Array2<T>,
    test: Array2<T>,
    alphas: Vec<usize>,
    scores: Vec<VoxelScores>,
    /// The most frequent α among the voxels with the best validation scores.
    usual_alpha: usize,
}

impl<T: Readable> Sample<T> {
    fn new(run: &Run, alphas: &[usize], voxels: &[VoxelScores]) -> Result<Self, EncodeError> {
        let mut within = spread(run.voxels.len());
        within.extend(best_run(voxels, &within));
        let runs: Vec<Range<usize>> = within.iter().map(|within| absolute(run, within)).collect();
        let (training, test) = measured(run, &runs)?;
        let all = || within.iter().flat_map(Clone::clone);
        Ok(Self {
            runs,
            training,
            test,
            alphas: all().map(|voxel| alphas[voxel]).collect(),
            scores: all().map(|voxel| voxels[voxel]).collect(),
            usual_alpha: usual_alpha(alphas, voxels),
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
    Ok((side_by_side(&training), side_by_side(&test)))
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

/// The most frequent α among the tenth of the voxels with the best validation scores.
fn usual_alpha(alphas: &[usize], voxels: &[VoxelScores]) -> usize {
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
    let best = &order[..order.len().div_ceil(10)];
    let mut counts = vec![0_usize; alphas.iter().max().map_or(1, |last| last + 1)];
    for voxel in best {
        counts[alphas[*voxel]] += 1;
    }
    (0..counts.len())
        .max_by_key(|alpha| counts[*alpha])
        .unwrap_or(0)
}

fn side_by_side<T: Readable>(parts: &[Array2<T>]) -> Array2<T> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    // All have the same scans.
    concatenate(Axis(1), &views).unwrap_or_else(|_| Array2::zeros((0, 0)))
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
        Ok(side_by_side(&parts.map_err(
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
    let stacked = |stories: &[(String, Array2<f64>)]| {
        let views: Vec<_> = stories.iter().map(|(_, story)| story.view()).collect();
        concatenate(Axis(0), &views).unwrap_or_default()
    };
    let apart = sanity::normalised_apart(stacked(&training).view(), stacked(&test).view());
    training.extend(test);
    Ok((sanity::in_order_of_time(&training), apart))
}

/// Median r of the sample for each block shuffle of the training responses.
fn shuffled_medians<T: Readable>(run: &Run, plan: &RefitPlan<T>, sample: &Sample<T>) -> Vec<f64> {
    let n_scans = sample.training.nrows();
    let seed = run.work.recipe.ridge.seed ^ 0x5a17;
    let orders = BlockPermutations::new(n_scans, BLOCK_SCANS, N_SHUFFLES, seed);
    let median_of = |order: &Vec<usize>| {
        let shuffled = sample.training.select(Axis(0), order);
        median_r(plan, &shuffled, &sample.alphas, sample.test.view())
    };
    orders.orders().iter().map(median_of).collect()
}

fn median_r<T: Readable>(
    plan: &RefitPlan<T>,
    training: &Array2<T>,
    alphas: &[usize],
    test: ArrayView2<T>,
) -> f64 {
    let fitted = plan.fit(training.view(), alphas, Weights::Left);
    median(correlation(fitted.predictions.view(), test).into_iter())
}

/// Compares r of the best quarter of the sample with r under circular shifts of its predictions.
fn moved<T: Readable>(run: &Run, sample: &Sample<T>, predictions: &Array2<T>) -> Check {
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

/// Checks that the fit recovers a signal injected into simulated responses.
fn injected<T: Readable>(run: &Run, plan: &RefitPlan<T>, sample: &Sample<T>) -> Check {
    let mut random = PythonRandom::new(run.work.recipe.ridge.seed ^ 0x91a7);
    let InjectedSignal { training, test } = plant(
        (run.design.training.0.view(), run.design.test.0.view()),
        PLANTED_VOXELS,
        PLANTED_SHARE,
        &mut random,
    );
    let alphas = vec![sample.usual_alpha; PLANTED_VOXELS];
    let (training, test) = (training.mapv(T::nearest), test.mapv(T::nearest));
    let found = median_r(plan, &training, &alphas, test.view());
    sanity::injected_signal_is_found(found, PLANTED_SHARE.sqrt())
}
