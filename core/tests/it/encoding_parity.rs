//! Scan times, downsampling and ridge beside the numbers of the study's Python code (`tests/data/README.md`).

use crate::common::fixture;
use heschl_core::fmri::delay::{DelayBorders, delayed};
use heschl_core::fmri::downsample::{Downsampling, downsample};
use heschl_core::fmri::scans::{ScanTimes, TrReport, TriggerRepair};
use heschl_core::fmri::textgrid::TextGrid;
use heschl_core::fmri::zscore::zscore;
use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    best_alphas, mean_over_rounds,
};
use heschl_core::linear::split::{CrossValidation, HeldChunks, TestFeatures, TrainingFeatures};
use heschl_core::maths::matrix::Real;
use heschl_core::stats::score::RoundScore;
use heschl_core::stats::score::{Centred, correlation};
use ndarray::{Array, Array1, Array2, Array3, Dimension};

fn furthest<'a>(
    ours: impl IntoIterator<Item = &'a f64>,
    theirs: impl IntoIterator<Item = &'a f64>,
) -> f64 {
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (ours.into_iter().collect(), theirs.into_iter().collect());
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.into_iter().zip(theirs);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn story(extension: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/data/story.{extension}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(path).unwrap()
}

fn expected_times(name: &str) -> Vec<f64> {
    let all: serde_json::Value = serde_json::from_slice(&story("expected.json")).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

#[test]
fn scans_of_a_report_with_lost_triggers_are_those_of_the_study() {
    let text = String::from_utf8(story("report")).unwrap();
    let report = TrReport::parse(&text, TriggerRepair::Published).unwrap();
    assert_eq!(report.n_repaired, 2);
    let close = |ours: &[f64], name| furthest(ours, &expected_times(name)) <= 1e-9;
    assert!(close(&report.trigger_secs, "trtimes"));
    assert!(close(&report.relative_trigger_secs(), "reltrigger"));
    assert!(close(&report.scan_times().centre_secs, "tr_times"));
    let expected: serde_json::Value = serde_json::from_slice(&story("expected.json")).unwrap();
    let number = |name: &str| expected[name].as_f64().unwrap();
    assert!((report.repetition_secs() - number("avgtr")).abs() <= 1e-9);
    assert!((report.sound_start_secs - number("soundstart")).abs() <= 1e-9);
    assert!((report.sound_stop_secs.unwrap() - number("soundstop")).abs() <= 1e-9);
    assert_eq!(
        report.notes,
        [(9.077_795, "note something odd".to_string())]
    );
    // The corrected option has the same scans, in their order.
    let in_order = TrReport::parse(&text, TriggerRepair::InOrder).unwrap();
    assert!(in_order.trigger_secs.is_sorted() && !report.trigger_secs.is_sorted());
    assert!((in_order.repetition_secs() - report.repetition_secs()).abs() < 1e-9);
}

#[test]
fn words_and_their_times_are_those_of_the_study() {
    let words = TextGrid::parse(&story("TextGrid"))
        .unwrap()
        .words()
        .unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&story("expected.json")).unwrap();
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(serde_json::json!(texts), expected["words"]);
    let times: Vec<f64> = words
        .iter()
        .map(heschl_core::fmri::textgrid::Interval::midpoint_secs)
        .collect();
    assert!(furthest(&times, &expected_times("word_times")) <= 1e-9);
}

/// Scan times as they stand in a fixture.
fn scans(name: &str) -> ScanTimes {
    ScanTimes::of_centres(fixture::<f64, ndarray::Ix1>("lanczos.npz", name).to_vec()).unwrap()
}

#[test]
fn lanczos_is_that_of_the_study() {
    let data: Array2<f64> = fixture("lanczos.npz", "data");
    let single = data.mapv(|value| value as f32);
    let frames: Array1<f64> = fixture("lanczos.npz", "oldtime");
    for (window, cutoff_mult, rectify) in [
        (3.0, 1.0, false),
        (1.0, 1.0, false),
        (3.0, 0.5, false),
        (5.0, 2.0, false),
        (3.0, 1.0, true),
    ] {
        let name = format!("w{window}_c{cutoff_mult:.1}_r{}", i32::from(rectify));
        let expected: Array2<f64> = fixture("lanczos.npz", &name);
        let method = Downsampling::Lanczos {
            window,
            cutoff_mult,
            rectify,
        };
        let frames = frames.as_slice().unwrap();
        let ours = downsample(data.view(), frames, &scans("newtime"), method).unwrap();
        assert!(furthest(&ours.features, &expected) <= 1e-9, "{name}");
        let ours = downsample(single.view(), frames, &scans("newtime"), method).unwrap();
        let largest = expected.iter().copied().fold(0.0, f64::max);
        assert!(
            furthest(&ours.features, &expected) <= 1e-5 * largest,
            "{name} in f32"
        );
    }
    let grid: Array2<f64> = fixture("lanczos.npz", "grid_data");
    let frames: Array1<f64> = fixture("lanczos.npz", "grid_old");
    let expected: Array2<f64> = fixture("lanczos.npz", "grid_out");
    let method = Downsampling::default();
    let ours = downsample(
        grid.view(),
        frames.as_slice().unwrap(),
        &scans("grid_new"),
        method,
    );
    assert!(furthest(&ours.unwrap().features, &expected) <= 1e-9);
}

fn ridge_fixture<D: Dimension>(name: &str) -> Array<f64, D> {
    fixture("ridge.npz", name)
}

#[test]
fn z_scores_and_delays_are_those_of_the_study() {
    let mut features: Array2<f64> = ridge_fixture("features");
    zscore(features.view_mut());
    let ours = delayed(
        features.view(),
        &[1, 2, 3, 4],
        &[360],
        DelayBorders::AcrossStories,
    );
    assert!(furthest(&ours, &ridge_fixture::<ndarray::Ix2>("delayed")) <= 1e-12);
}

/// The rounds of the fixture: 5, with 3 chunks of 20 held out.
fn rounds() -> Vec<Vec<usize>> {
    let seed: ndarray::Array0<i64> = fixture("ridge.npz", "seed");
    let method = CrossValidation::ChunkBootstrap {
        n_rounds: 5,
        chunk_scans: 20,
        chunks: HeldChunks::Count(3),
    };
    method.rounds(&[300], seed.into_scalar() as u64).unwrap()
}

#[test]
fn held_out_rows_are_those_of_a_seeded_python_run() {
    let expected: Array2<i64> = fixture("ridge.npz", "valinds");
    for (ours, theirs) in rounds().iter().zip(expected.rows()) {
        assert!(ours.iter().zip(theirs).all(|(a, b)| *a as i64 == *b));
    }
    assert_eq!(rounds().len(), expected.nrows());
}

/// One published run: settings, and the names under which the fixture keeps its results.
struct Run {
    settings: RidgeSettings,
    suffix: &'static str,
    one_alpha: bool,
}

fn published_runs() -> [Run; 2] {
    let settings = |alpha_unit, round_score| RidgeSettings {
        alphas: ridge_fixture::<ndarray::Ix1>("alphas").to_vec(),
        alpha_unit,
        round_score,
    };
    [
        Run {
            settings: settings(AlphaUnit::Plain, RoundScore::Correlation),
            suffix: "",
            one_alpha: false,
        },
        Run {
            settings: settings(AlphaUnit::LargestSingularValue, RoundScore::SignedRootR2),
            suffix: "_single",
            one_alpha: true,
        },
    ]
}

/// What our code makes of the fixture's inputs: scores in the rounds, number of the chosen α, weights, test scores.
fn ours<T: Real>(run: &Run) -> (Array3<f64>, Vec<usize>, Array2<f64>, Array1<f64>) {
    let training = TrainingFeatures(ridge_fixture("Rstim"));
    let test = TestFeatures(ridge_fixture("Pstim"));
    let of = |name| ridge_fixture::<ndarray::Ix2>(name).mapv(T::nearest);
    let (responses, measured) = (of("Rresp"), of("Presp"));
    let problem = Problem::<T>::new(&training).unwrap();
    let plan = RoundsPlan::new(&problem, &rounds(), &run.settings).unwrap();
    let scores = plan.scores(responses.view());
    let mean = mean_over_rounds(scores.view());
    let alphas = if run.one_alpha {
        best_alphas(mean.view(), &[0; 40])
    } else {
        best_alpha_per_voxel(mean.view())
    };
    let plan = RefitPlan::new(&problem, &test, &run.settings).unwrap();
    let fitted = plan.fit(responses.view(), &alphas, Weights::Formed);
    // The original scores the test scans as it scores the rounds.
    let r = match run.settings.round_score {
        RoundScore::Correlation => correlation(fitted.predictions.view(), measured.view()),
        other => Centred::new(measured.view()).score(fitted.predictions.view(), other),
    };
    (scores, alphas, fitted.weights.unwrap().mapv(T::double), r)
}

#[test]
fn ridge_in_double_precision_is_that_of_the_study() {
    for run in published_runs() {
        let named = |name: &str| format!("{name}{}", run.suffix);
        let (scores, alphas, weights, r) = ours::<f64>(&run);
        // (n_rounds, n_alphas, n_voxels) beside (n_alphas, n_voxels, n_rounds).
        let expected: Array3<f64> = ridge_fixture(&named("bootcorrs"));
        let expected = expected.permuted_axes([2, 0, 1]);
        assert!(furthest(&scores, &expected) <= 1e-8, "{}", run.suffix);
        let chosen: Vec<f64> = alphas
            .iter()
            .map(|alpha| run.settings.alphas[*alpha])
            .collect();
        // The fixture's alphas hold normalpha's factor or not, as the original returned them.
        let expected: Array1<f64> = ridge_fixture(&named("valphas"));
        assert!(furthest(&chosen, &expected) <= 1e-9, "{}", run.suffix);
        assert!(furthest(&weights, &ridge_fixture::<ndarray::Ix2>(&named("wt"))) <= 1e-8);
        assert!(furthest(&r, &ridge_fixture::<ndarray::Ix1>(&named("corrs"))) <= 1e-8);
    }
}

#[test]
fn ridge_in_single_precision_is_within_a_thousandth_of_the_study() {
    for run in published_runs() {
        let named = |name: &str| format!("{name}{}", run.suffix);
        let (_, alphas, _, r) = ours::<f32>(&run);
        let expected: Array1<f64> = ridge_fixture(&named("valphas"));
        let n_equal = alphas
            .iter()
            .zip(&expected)
            .filter(|(ours, theirs)| (run.settings.alphas[**ours] - **theirs).abs() < 1e-9)
            .count();
        // 99.5 % of 40 voxels are all of them.
        assert_eq!(n_equal, 40);
        assert!(furthest(&r, &ridge_fixture::<ndarray::Ix1>(&named("corrs"))) <= 1e-3);
    }
}
