//! Banded ridge beside himalaya's random search (`tests/data/banded.py`).

use crate::common::fixture;
use heschl_core::linear::banded::{
    BandedChoice, BandedProblem, BandedSettings, r_squared_of_parts,
};
use heschl_core::linear::ridge::{
    AlphaUnit, BasisForm, Problem, RefitPlan, RidgeSettings, Weights,
};
use heschl_core::linear::split::{CrossValidation, TestFeatures, TrainingFeatures};
use heschl_core::stats::score::RoundScore;
use heschl_core::stats::score::r_squared;
use ndarray::{Array1, Array2, Axis, Ix1, Ix2, s};

const N_TRAINING: usize = 48;

fn array(name: &str) -> Array2<f64> {
    fixture::<f64, Ix2>("banded.npz", name)
}

fn problem(form: BasisForm) -> BandedProblem {
    let (first, second) = (array("first"), array("second"));
    let of = |set: &Array2<f64>| {
        (
            set.slice(s![..N_TRAINING, ..]).to_owned(),
            set.slice(s![N_TRAINING.., ..]).to_owned(),
        )
    };
    let sets = [of(&first), of(&second)];
    let views: Vec<_> = sets
        .iter()
        .map(|(training, test)| (training.view(), test.view()))
        .collect();
    BandedProblem::in_form(form, &views)
}

fn settings() -> BandedSettings {
    BandedSettings {
        candidates: array("candidates")
            .rows()
            .into_iter()
            .map(|row| row.to_vec())
            .collect(),
        penalties: fixture::<f64, Ix1>("banded.npz", "penalties").to_vec(),
        rounds: CrossValidation::KFold { n_folds: 4 }
            .rounds(&[N_TRAINING], 0)
            .unwrap(),
    }
}

fn assert_near(ours: &Array2<f64>, theirs: &Array2<f64>) {
    assert_eq!(ours.dim(), theirs.dim());
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-8, "{a} {b}");
    }
}

#[test]
fn mixtures_penalties_scores_and_parts_are_those_of_himalaya() {
    for form in [BasisForm::Kernel, BasisForm::Primal] {
        assert_himalayas(&problem(form));
    }
}

fn assert_himalayas(problem: &BandedProblem) {
    let responses = array("Y").slice(s![..N_TRAINING, ..]).to_owned();
    let settings = settings();
    let fit = problem.fit(responses.view(), &settings).unwrap();
    let deltas = array("deltas");
    for voxel in 0..responses.ncols() {
        let mixture = &settings.candidates[fit.candidate[voxel]];
        let penalty = settings.penalties[fit.penalty[voxel]];
        for (set, weight) in mixture.iter().enumerate() {
            let (ours, theirs) = ((weight / penalty).ln(), deltas[(set, voxel)]);
            // A weight of 0 is minus infinity here, and a very small number there.
            assert!(
                (ours - theirs).abs() < 1e-8 || (*weight == 0.0 && theirs < -20.0),
                "{voxel}: {ours} {theirs}"
            );
        }
    }
    assert!(
        fit.candidate
            .iter()
            .any(|candidate| *candidate != fit.candidate[0])
    );
    let parts = [array("first_part"), array("second_part")];
    assert_near(&fit.parts[0], &parts[0]);
    assert_near(&fit.parts[1], &parts[1]);
    assert_near(&fit.predictions(), &(&parts[0] + &parts[1]));
    let expected: Array1<f64> = fixture::<f64, Ix1>("banded.npz", "best_scores");
    for (a, b) in fit.round_score.iter().zip(expected) {
        assert!((a - b).abs() < 1e-8, "{a} {b}");
    }
    let measured = array("Y").slice(s![N_TRAINING.., ..]).to_owned();
    let views: Vec<_> = fit.parts.iter().map(|part| part.view()).collect();
    let shares = r_squared_of_parts(&views, measured.view());
    assert_near(&shares, &array("split_scores"));
    let mean = measured.mean_axis(Axis(0)).unwrap();
    let whole = r_squared(fit.predictions().view(), (measured - mean).view());
    for (sum, whole) in shares.sum_axis(Axis(0)).iter().zip(&whole) {
        assert!((sum - whole).abs() < 1e-12);
    }
}

#[test]
fn voxels_can_pass_block_by_block() {
    let responses = array("Y").slice(s![..N_TRAINING, ..]).to_owned();
    let settings = settings();
    for form in [BasisForm::Kernel, BasisForm::Primal] {
        let problem = problem(form);
        let whole = problem.fit(responses.view(), &settings).unwrap();
        let blocks = [s![.., ..4], s![.., 4..]];
        let mut choices = [
            BandedChoice::new(4),
            BandedChoice::new(responses.ncols() - 4),
        ];
        for candidate in 0..settings.candidates.len() {
            let plan = problem.search_plan(candidate, &settings).unwrap();
            for (choice, block) in choices.iter_mut().zip(blocks) {
                choice.take(candidate, &plan.scores(responses.slice(block)));
            }
        }
        let [first, second] = choices;
        assert_eq!(
            [first.candidate, second.candidate].concat(),
            whole.candidate
        );
        assert_eq!([first.penalty, second.penalty].concat(), whole.penalty);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_with_a_sentence() {
    let responses = array("Y").slice(s![..N_TRAINING, ..]).to_owned();
    let refused = |change: fn(&mut BandedSettings)| {
        let mut settings = settings();
        change(&mut settings);
        let fit = problem(BasisForm::Kernel).fit(responses.view(), &settings);
        fit.unwrap_err().to_string()
    };
    assert!(refused(|settings| settings.candidates.clear()).contains("no mixtures"));
    assert!(refused(|settings| settings.candidates[0].push(0.1)).contains("3 weights"));
    assert!(refused(|settings| settings.candidates[0][1] = -0.5).contains("weight -0.5"));
    assert!(refused(|settings| settings.penalties.clear()).contains("no penalties"));
    assert!(refused(|settings| settings.penalties[2] = 0.0).contains("A penalty is 0"));
    assert!(refused(|settings| settings.rounds.clear()).contains("no rounds"));
    assert!(
        refused(|settings| settings.rounds[0] = (0..N_TRAINING).collect()).contains("no rounds")
    );
}

#[test]
fn one_set_alone_is_the_ordinary_ridge() {
    let (first, y) = (array("first"), array("Y"));
    let training = first.slice(s![..N_TRAINING, ..]);
    let test = first.slice(s![N_TRAINING.., ..]);
    let responses = y.slice(s![..N_TRAINING, ..]);
    let banded = BandedProblem::new(&[(training, test)]);
    let settings = BandedSettings {
        candidates: vec![vec![1.0]],
        penalties: vec![9.0],
        rounds: settings().rounds,
    };
    let fit = banded.fit(responses, &settings).unwrap();
    let (training, test) = (
        TrainingFeatures(training.to_owned()),
        TestFeatures(test.to_owned()),
    );
    let problem = Problem::<f64>::new(&training).unwrap();
    let ridge = RidgeSettings {
        // A penalty of 9 is an α of 3.
        alphas: vec![3.0],
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::R2,
    };
    let plan = RefitPlan::new(&problem, &test, &ridge).unwrap();
    let fitted = plan.fit(responses, &vec![0; y.ncols()], Weights::Left);
    assert_near(&fit.predictions(), &fitted.predictions);
}
