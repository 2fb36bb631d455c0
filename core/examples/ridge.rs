//! Fits a ridge model to arrays: chooses α for each voxel on held-out scans, refits, and predicts unseen scans.
//!
//! `cargo run --release --example ridge`

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    mean_over_rounds,
};
use heschl_core::linear::split::{TestFeatures, TrainingFeatures};
use heschl_core::maths::random::PythonRandom;
use heschl_core::stats::score::{RoundScore, correlation};
use ndarray::{Array2, s};

const N_TRAINING_SCANS: usize = 300;
const N_TEST_SCANS: usize = 100;
const N_FEATURES: usize = 40;
const N_VOXELS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Voxels with more and more noise on the same kind of signal.
    let mut random = PythonRandom::new(1);
    let n_scans = N_TRAINING_SCANS + N_TEST_SCANS;
    let features = Array2::from_shape_fn((n_scans, N_FEATURES), |_| random.normal());
    let true_weights = Array2::from_shape_fn((N_FEATURES, N_VOXELS), |_| random.normal());
    let noise = Array2::from_shape_fn((n_scans, N_VOXELS), |(_, voxel)| {
        4.0 * voxel as f64 * random.normal()
    });
    let responses = features.dot(&true_weights) + noise;

    let training = TrainingFeatures(features.slice(s![..N_TRAINING_SCANS, ..]).to_owned());
    let test = TestFeatures(features.slice(s![N_TRAINING_SCANS.., ..]).to_owned());
    let training_responses = responses.slice(s![..N_TRAINING_SCANS, ..]);

    let settings = RidgeSettings {
        alphas: vec![1.0, 3.0, 10.0, 30.0, 100.0],
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::Correlation,
    };
    // Three rounds; each holds out another hundred consecutive scans.
    let rounds: Vec<Vec<usize>> = (0..3)
        .map(|round| (100 * round..100 * (round + 1)).collect())
        .collect();

    let problem = Problem::<f64>::new(&training)?;
    let scores = RoundsPlan::new(&problem, &rounds, &settings)?.scores(training_responses);
    let best = best_alpha_per_voxel(mean_over_rounds(scores.view()).view());
    let refit = RefitPlan::new(&problem, &test, &settings)?;
    let fitted = refit.fit(training_responses, &best, Weights::Formed);

    let test_responses = responses.slice(s![N_TRAINING_SCANS.., ..]);
    let r = correlation(fitted.predictions.view(), test_responses);
    println!("voxel      α  test r");
    for (voxel, r) in r.iter().enumerate() {
        println!("{voxel:5}  {:5}  {r:6.3}", settings.alphas[best[voxel]]);
    }
    Ok(())
}
