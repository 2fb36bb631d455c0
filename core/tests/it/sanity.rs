//! Leaks planted in simulated studies: how many the controls catch, and how often they cry wolf.

use heschl_core::fmri::simulate::{SimulatedBrain, SimulationSettings};
use heschl_core::fmri::zscore::zscore;
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::sanity::{
    Check, Verdict, in_order_of_time, injected_signal_is_found, moved_is_null,
    neighbours_in_training, normalised_apart, shuffled_is_null, test_in_training,
};
use ndarray::{Array2, Axis, concatenate, s};

const N_STUDIES: u64 = 100;
const N_VOXELS: usize = 128;
const N_TEST: usize = 80;

/// Responses to three stories and a test that was heard twice, each z-scored by itself, as laboratories keep them.
struct Study {
    training: Vec<Array2<f64>>,
    test: Array2<f64>,
    test_again: Array2<f64>,
}

fn study(seed: u64) -> Study {
    let mut random = PythonRandom::new(seed);
    let settings = SimulationSettings {
        n_voxels: N_VOXELS,
        seed,
        ..SimulationSettings::default()
    };
    let brain = SimulatedBrain::new(settings, 10, 2.0).unwrap();
    let mut story = |n_scans: usize, presentations: &[u64]| {
        let features = Array2::from_shape_simple_fn((n_scans, 10), || random.normal());
        let signal = brain.signal(&features);
        let measured = presentations.iter().map(|presentation| {
            let mut measured = brain.present(&signal, *presentation);
            zscore(measured.view_mut());
            measured
        });
        measured.collect::<Vec<_>>()
    };
    let training = [(110, 1), (95, 2), (120, 3)]
        .iter()
        .flat_map(|(n_scans, presentation)| story(*n_scans, &[*presentation]))
        .collect();
    let mut tests = story(N_TEST, &[8, 9]);
    Study {
        training,
        test_again: tests.pop().unwrap(),
        test: tests.pop().unwrap(),
    }
}

fn stacked(stories: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<_> = stories.iter().map(|story| story.view()).collect();
    concatenate(Axis(0), &views).unwrap()
}

fn checks(training: &Array2<f64>, test: &Array2<f64>) -> Vec<Check> {
    let stories = [
        ("training".to_string(), training.clone()),
        ("test".to_string(), test.clone()),
    ];
    vec![
        test_in_training(training.view(), test.view()),
        neighbours_in_training(training.view(), test.view()),
        in_order_of_time(&stories),
        normalised_apart(training.view(), test.view()),
    ]
}

fn any_fails(checks: &[Check]) -> bool {
    assert!(checks.iter().all(|check| check.verdict != Verdict::Skipped));
    checks.iter().any(|check| check.verdict == Verdict::Failed)
}

/// In how many of the studies a control fails.
fn n_alarms(plant: impl Fn(Study, &mut PythonRandom) -> (Array2<f64>, Array2<f64>)) -> u64 {
    let alarm = |seed: &u64| {
        let (training, test) = plant(study(*seed), &mut PythonRandom::new(seed + 7000));
        any_fails(&checks(&training, &test))
    };
    (0..N_STUDIES).filter(alarm).count() as u64
}

fn rows(all: &Array2<f64>, chosen: &[usize]) -> Array2<f64> {
    all.select(Axis(0), chosen)
}

#[test]
fn sound_studies_raise_no_alarm() {
    let n = n_alarms(|study, _| (stacked(&study.training), study.test));
    assert!(n <= 1, "{n} of {N_STUDIES}");
}

#[test]
fn test_scans_in_the_training_are_caught() {
    let n = n_alarms(|study, random| {
        let mut training = stacked(&study.training);
        // A tenth of the test scans, anywhere.
        for row in 0..N_TEST / 10 {
            let at = random.below(training.nrows());
            training.row_mut(at).assign(&study.test.row(row * 7));
        }
        (training, study.test)
    });
    assert!(n >= 99, "{n} of {N_STUDIES}");
}

#[test]
fn the_test_story_heard_once_more_in_the_training_is_caught() {
    let n = n_alarms(|study, _| {
        let mut training = study.training;
        training.insert(1, study.test_again);
        (stacked(&training), study.test)
    });
    assert!(n >= 99, "{n} of {N_STUDIES}");
}

#[test]
fn a_shuffled_split_is_caught() {
    for keeps_order in [false, true] {
        let n = n_alarms(|study, random| {
            let mut all = study.training;
            all.push(study.test);
            let all = stacked(&all);
            let mut scans: Vec<usize> = (0..all.nrows()).collect();
            random.shuffle(&mut scans);
            let (test, training) = scans.split_at_mut(N_TEST);
            if keeps_order {
                test.sort_unstable();
                training.sort_unstable();
            }
            (rows(&all, training), rows(&all, test))
        });
        assert!(n >= 99, "{n} of {N_STUDIES}, in order: {keeps_order}");
    }
}

#[test]
fn normalising_over_training_and_test_together_is_caught() {
    let n = n_alarms(|study, _| {
        let mut all = study.training;
        all.push(study.test);
        // As measured: each story with a level of its own.
        for (number, story) in all.iter_mut().enumerate() {
            *story += 0.2 * number as f64;
        }
        let mut all = stacked(&all);
        zscore(all.view_mut());
        let border = all.nrows() - N_TEST;
        (
            all.slice(s![..border, ..]).to_owned(),
            all.slice(s![border.., ..]).to_owned(),
        )
    });
    assert!(n >= 99, "{n} of {N_STUDIES}");
}

#[test]
fn controls_of_the_fit_judge_by_their_figures() {
    let verdict = |check: Check| check.verdict;
    let null = [
        0.01, -0.012, 0.004, -0.003, 0.002, -0.006, 0.011, -0.001, 0.0, -0.004,
    ];
    assert_eq!(verdict(shuffled_is_null(&null)), Verdict::Passed);
    let biased = null.map(|median| median + 0.03);
    let check = shuffled_is_null(&biased);
    assert_eq!(check.verdict, Verdict::Failed);
    assert!(check.finding.contains("0.0301 ±"), "{}", check.finding);
    assert_eq!(verdict(shuffled_is_null(&[0.1])), Verdict::Skipped);
    assert_eq!(verdict(moved_is_null(0.4, 0.02)), Verdict::Passed);
    assert_eq!(verdict(moved_is_null(0.4, 0.3)), Verdict::Failed);
    assert_eq!(verdict(moved_is_null(0.04, 0.3)), Verdict::Skipped);
    assert_eq!(verdict(injected_signal_is_found(0.4, 0.7)), Verdict::Passed);
    assert_eq!(
        verdict(injected_signal_is_found(0.04, 0.7)),
        Verdict::Failed
    );
}

#[test]
fn little_material_is_said_and_not_judged() {
    let few = Array2::zeros((10, 5));
    for check in [
        test_in_training(few.view(), few.view()),
        neighbours_in_training(few.view(), few.view()),
        in_order_of_time(&[("a".into(), few.clone())]),
        normalised_apart(few.view(), few.view()),
    ] {
        assert_eq!(check.verdict, Verdict::Skipped, "{check:?}");
    }
}
