//! Statistics beside the truth of simulated studies: what is planted is found, what is empty is not.

use heschl_core::fmri::delay::{DelayBorders, delayed};
use heschl_core::fmri::simulate::{SimulatedBrain, SimulationSettings};
use heschl_core::fmri::zscore::zscore;
use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    mean_over_rounds,
};
use heschl_core::linear::split::{CrossValidation, HeldChunks, TestFeatures, TrainingFeatures};
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::recipe::Alphas;
use heschl_core::stats::ceiling::{NoiseCeiling, TotalPower};
use heschl_core::stats::score::RoundScore;
use heschl_core::stats::score::correlation;
use heschl_core::stats::significance::{BlockPermutations, q_values};
use ndarray::{Array2, ArrayView2, Axis, stack};

const N_TRAINING: usize = 160;
const N_TEST: usize = 100;
const N_FEATURES: usize = 4;
const FDR_LEVEL: f64 = 0.05;

/// What a whole fit says of a simulated study's voxels.
struct Outcome {
    r: Vec<f64>,
    p: Vec<f64>,
    signal_shares: Vec<f64>,
}

fn design(features: ArrayView2<f64>) -> Array2<f64> {
    let n_scans = features.nrows();
    let mut features = features.to_owned();
    zscore(features.view_mut());
    delayed(
        features.view(),
        &[1, 2, 3, 4],
        &[n_scans],
        DelayBorders::WithinStories,
    )
}

/// Simulates a study and fits it: α by chunks of the training scans, p by permutation of blocks of the test scans.
fn study(seed: u64, n_voxels: usize, empty_share: f64, n_permutations: usize) -> Outcome {
    let settings = SimulationSettings {
        n_voxels,
        empty_share,
        seed,
        ..SimulationSettings::default()
    };
    let brain = SimulatedBrain::new(settings, N_FEATURES, 2.0).unwrap();
    let mut random = PythonRandom::new(seed + 1_000_000);
    let mut story = |n_scans: usize, presentation: u64| {
        let features = Array2::from_shape_simple_fn((n_scans, N_FEATURES), || random.normal());
        let mut measured = brain.present(&brain.signal(&features), presentation);
        zscore(measured.view_mut());
        (design(features.view()), measured)
    };
    let (training, responses) = story(N_TRAINING, 1);
    let (test, measured) = story(N_TEST, 2);
    let (training, test) = (TrainingFeatures(training), TestFeatures(test));
    let ridge = RidgeSettings {
        alphas: Alphas::LogSpace {
            logspace: (0.0, 3.0, 7),
        }
        .values(),
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::Correlation,
    };
    let rounds = CrossValidation::ChunkBootstrap {
        n_rounds: 2,
        chunk_scans: 10,
        chunks: HeldChunks::Quarter,
    };
    let rounds = rounds.rounds(&[N_TRAINING], seed).unwrap();
    let problem = Problem::<f64>::new(&training).unwrap();
    let scores = RoundsPlan::new(&problem, &rounds, &ridge)
        .unwrap()
        .scores(responses.view());
    let alphas = best_alpha_per_voxel(mean_over_rounds(scores.view()).view());
    let plan = RefitPlan::new(&problem, &test, &ridge).unwrap();
    let fitted = plan.fit(responses.view(), &alphas, Weights::Left);
    let orders = BlockPermutations::new(N_TEST, 5, n_permutations, seed);
    Outcome {
        r: correlation(fitted.predictions.view(), measured.view()).to_vec(),
        p: orders
            .p_values(fitted.predictions.view(), measured.view())
            .to_vec(),
        signal_shares: brain.signal_shares().to_vec(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn over_200_studies_the_planted_are_found_the_empty_centre_on_0_and_false_discoveries_keep_their_level()
 {
    let mut empty_r = Vec::new();
    let mut false_shares = Vec::new();
    let (mut n_strong, mut n_found) = (0, 0);
    for seed in 0..200 {
        let outcome = study(seed, 60, 0.5, 499);
        let q = q_values(&outcome.p);
        let (mut n_discoveries, mut n_false) = (0, 0);
        for (voxel, share) in outcome.signal_shares.iter().enumerate() {
            let is_empty = *share == 0.0;
            let is_discovery = q[voxel] <= FDR_LEVEL;
            n_discoveries += usize::from(is_discovery);
            n_false += usize::from(is_discovery && is_empty);
            if is_empty {
                empty_r.push(outcome.r[voxel]);
            } else if *share > 0.35 {
                n_strong += 1;
                n_found += usize::from(is_discovery);
            }
        }
        false_shares.push(if n_discoveries > 0 {
            n_false as f64 / n_discoveries as f64
        } else {
            0.0
        });
    }
    let centre = mean(&empty_r);
    assert!(
        centre.abs() < 3.0 / ((empty_r.len() * N_TEST) as f64).sqrt() * 2.0,
        "{centre}"
    );
    let found = n_found as f64 / f64::from(n_strong);
    assert!(
        found > 0.95,
        "of {n_strong} voxels with much signal {found} were found"
    );
    let fdr = mean(&false_shares);
    eprintln!("false discoveries {fdr:.4}, found {found:.4}, r of empty voxels {centre:.5}");
    // Half of the voxels are empty, so that the procedure holds half of its level; 0.01 is four standard errors.
    assert!((fdr - FDR_LEVEL / 2.0).abs() <= 0.01, "{fdr}");
}

#[test]
fn over_1000_studies_without_a_signal_p_is_what_it_says() {
    // Few voxels and many permutations: the smallest p, 0.002, is a discovery among 15 voxels, so that there can be false ones.
    let (n_voxels, n_permutations) = (15, 499);
    let mut n_below = [0_usize; 3];
    let levels = [0.01, 0.05, 0.1];
    let mut n_studies_with_discoveries = 0;
    for seed in 0..1000 {
        let outcome = study(10_000 + seed, n_voxels, 1.0, n_permutations);
        for (n, level) in n_below.iter_mut().zip(levels) {
            *n += outcome.p.iter().filter(|p| **p <= level).count();
        }
        let q = q_values(&outcome.p);
        n_studies_with_discoveries += usize::from(q.iter().any(|q| *q <= FDR_LEVEL));
    }
    let n = 1000.0 * n_voxels as f64;
    for (n_below, level) in n_below.iter().zip(levels) {
        let share = *n_below as f64 / n;
        eprintln!("p at most {level}: {share:.4}");
        // Four standard errors, and a tenth of the level: blocks of 5 scans do not hold all of the noise's correlation.
        let allowed = 4.0 * (level * (1.0 - level) / n).sqrt() + 0.1 * level;
        assert!((share - level).abs() <= allowed, "{share} of {level}");
    }
    // Without a signal every discovery is false: the share of studies with one is the level, or less where p comes in steps.
    let family = n_studies_with_discoveries as f64 / 1000.0;
    eprintln!("studies with a discovery {family:.3}");
    assert!((0.02..=FDR_LEVEL + 0.02).contains(&family), "{family}");
}

#[test]
fn the_noise_ceiling_and_the_explainable_variance_are_unbiased() {
    let settings = SimulationSettings {
        n_voxels: 4000,
        largest_signal_share: 0.6,
        ..SimulationSettings::default()
    };
    let brain = SimulatedBrain::new(settings, N_FEATURES, 2.0).unwrap();
    let mut random = PythonRandom::new(3);
    let features = Array2::from_shape_simple_fn((200, N_FEATURES), || random.normal());
    let signal = brain.signal(&features);
    let all: Vec<Array2<f64>> = (0..5)
        .map(|presentation| brain.present(&signal, presentation))
        .collect();
    let views: Vec<_> = all.iter().map(|one| one.view()).collect();
    let ceiling =
        NoiseCeiling::of(stack(Axis(0), &views).unwrap().view(), TotalPower::Measured).unwrap();
    let shares = brain.signal_shares();
    let apart: Vec<f64> = ceiling
        .explainable_variance
        .iter()
        .zip(shares)
        .map(|(found, share)| found - share)
        .collect();
    assert!(mean(&apart).abs() < 0.005, "{}", mean(&apart));
    // A perfect model's correlation with the mean of the presentations, beside the ceiling.
    let average = stack(Axis(0), &views).unwrap().mean_axis(Axis(0)).unwrap();
    let reached = correlation(signal.view(), average.view());
    let strong = (0..shares.len()).filter(|voxel| shares[*voxel] > 0.1);
    let apart: Vec<f64> = strong
        .map(|voxel| reached[voxel] - ceiling.largest_r[voxel])
        .collect();
    assert!(mean(&apart).abs() < 0.005, "{}", mean(&apart));
}
