//! Ridge beside scikit-learn and himalaya (`tests/data/second_sources.py`).

use crate::common::fixture;
use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    mean_over_rounds, penalty,
};
use heschl_core::linear::split::{CrossValidation, TestFeatures, TrainingFeatures};
use heschl_core::stats::paired::BlockSwaps;
use heschl_core::stats::score::RoundScore;
use ndarray::{Array1, Array2, Ix1, Ix2, s};

fn array(name: &str) -> Array2<f64> {
    fixture::<f64, Ix2>("second_sources.npz", name)
}

fn settings(alphas: Vec<f64>) -> RidgeSettings {
    RidgeSettings {
        alphas,
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::R2,
    }
}

fn assert_near(ours: &Array2<f64>, theirs: &Array2<f64>) {
    assert_eq!(ours.dim(), theirs.dim());
    let furthest = (ours - theirs)
        .iter()
        .fold(0.0_f64, |most, d| most.max(d.abs()));
    assert!(furthest < 1e-10, "{furthest}");
}

/// The first 60 scans for training, the last 20 for the test.
fn split() -> (TrainingFeatures, TestFeatures, Array2<f64>) {
    let x = array("X");
    let of = |rows| x.slice(s![rows, ..]).to_owned();
    let y = array("Y").slice(s![..60, ..]).to_owned();
    (
        TrainingFeatures(of(ndarray::Slice::from(..60))),
        TestFeatures(of(ndarray::Slice::from(60..))),
        y,
    )
}

#[test]
fn weights_are_those_of_scikit_learn_at_its_penalty() {
    // Its alpha is 4², ours is 4.
    assert!((penalty(4.0) - 16.0).abs() < 1e-15);
    let (training, test, y) = split();
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RefitPlan::new(&problem, &test, &settings(vec![4.0])).unwrap();
    let fitted = plan.fit(y.view(), &[0; 6], Weights::Formed);
    assert_near(&fitted.weights.unwrap(), &array("sklearn_weights"));
    assert_near(&fitted.predictions, &array("sklearn_predictions"));
}

#[test]
fn the_kernel_form_is_himalayas() {
    let wide = array("wide");
    let test = TestFeatures(wide.slice(s![..7, ..]).to_owned() * 0.5);
    let training = TrainingFeatures(wide);
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RefitPlan::new(&problem, &test, &settings(vec![4.0])).unwrap();
    let y = array("Y").slice(s![..30, ..]).to_owned();
    let fitted = plan.fit(y.view(), &[0; 6], Weights::Left);
    assert_near(&fitted.predictions, &array("kernel_predictions"));
}

#[test]
fn folds_choose_the_penalties_that_himalaya_chooses() {
    let (training, test, y) = split();
    let alphas: Array1<f64> = fixture::<f64, Ix1>("second_sources.npz", "alphas");
    let settings = settings(alphas.to_vec());
    let rounds = CrossValidation::KFold { n_folds: 5 }
        .rounds(&[60], 0)
        .unwrap();
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RoundsPlan::new(&problem, &rounds, &settings).unwrap();
    let best = best_alpha_per_voxel(mean_over_rounds(plan.scores(y.view()).view()).view());
    let chosen: Vec<f64> = best.iter().map(|alpha| penalty(alphas[*alpha])).collect();
    let expected: Array1<f64> = fixture::<f64, Ix1>("second_sources.npz", "himalaya_best");
    // It went through a square and a root.
    let pairs = chosen.iter().zip(&expected);
    assert!(
        pairs
            .into_iter()
            .all(|(ours, theirs)| (ours - theirs).abs() < 1e-9),
        "{chosen:?}"
    );
    let plan = RefitPlan::new(&problem, &test, &settings).unwrap();
    let fitted = plan.fit(y.view(), &best, Weights::Left);
    assert_near(&fitted.predictions, &array("himalaya_predictions"));
}

#[test]
fn the_paired_test_is_that_of_numpy_with_the_same_swaps() {
    let of = |name: &str| fixture::<f64, Ix2>("paired.npz", name);
    let (first, second, responses) = (of("first"), of("second"), of("responses"));
    let swaps = BlockSwaps::new(87, 8, 300, 11);
    let found = swaps.differences([first.view(), second.view()], responses.view());
    let expected = |name: &str| fixture::<f64, Ix1>("paired.npz", name);
    for (ours, theirs) in found.difference.iter().zip(&expected("difference")) {
        assert!((ours - theirs).abs() < 1e-12);
    }
    for (ours, theirs) in found.p.iter().zip(&expected("p")) {
        assert!((ours - theirs).abs() < 1e-15, "{}", found.p);
    }
}
