//! Closed forms and properties. `tests/encoding_parity.rs` and `tests/second_sources.rs` compare with other
//! implementations.

use ndarray::{Array1, Array2, Array3, Axis, s};

use super::*;
use crate::linear::split::{TestFeatures, TrainingFeatures};
use crate::maths::matrix::{Real, eigen, gram, product};
use crate::maths::random::PythonRandom;

fn noise(n_rows: usize, n_columns: usize, seed: u64) -> Array2<f64> {
    let mut random = PythonRandom::new(seed);
    Array2::from_shape_simple_fn((n_rows, n_columns), || random.normal())
}

fn settings(alphas: &[f64]) -> RidgeSettings {
    RidgeSettings {
        alphas: alphas.to_vec(),
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::Correlation,
    }
}

/// `(XᵀX + α²)⁻¹ XᵀY` computed independently: the inverse through its eigenvectors, in the primal form whatever the shape.
fn weights_by_hand(x: &Array2<f64>, y: &Array2<f64>, alpha: f64) -> Array2<f64> {
    let basis = eigen(gram(x.view()).view()).unwrap();
    let inverse = basis
        .values
        .mapv(|value| 1.0 / (value.max(0.0) + alpha * alpha));
    let scaled = &basis.vectors * &inverse;
    scaled.dot(&basis.vectors.t()).dot(&x.t().dot(y))
}

fn fit(x: &Array2<f64>, y: &Array2<f64>, alpha: f64) -> Fitted<f64> {
    let (training, test) = (TrainingFeatures(x.clone()), TestFeatures(x.clone()));
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RefitPlan::new(&problem, &test, &settings(&[alpha])).unwrap();
    plan.fit(y.view(), &vec![0; y.ncols()], Weights::Formed)
}

fn furthest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b)
        .iter()
        .fold(0.0, |most, apart| most.max(apart.abs()))
}

#[test]
fn both_forms_solve_the_same_equation() {
    for (n_scans, n_features, form) in [(50, 20, BasisForm::Primal), (20, 50, BasisForm::Kernel)] {
        assert_eq!(BasisForm::of_shape(n_scans, n_features), form);
        let (x, y) = (noise(n_scans, n_features, 1), noise(n_scans, 3, 2));
        let fitted = fit(&x, &y, 3.0);
        let weights = fitted.weights.unwrap();
        assert!(furthest(&weights, &weights_by_hand(&x, &y, 3.0)) < 1e-11);
        assert!(furthest(&fitted.predictions, &x.dot(&weights)) < 1e-11);
    }
}

#[test]
fn without_a_penalty_it_is_least_squares_and_with_a_vast_one_it_is_nothing() {
    let (mut x, y) = (noise(50, 20, 3), noise(50, 3, 4));
    // A duplicated feature: the equation has many solutions; the fit must return the one of minimum norm.
    let copy = x.column(0).to_owned();
    x.column_mut(1).assign(&copy);
    let fitted = fit(&x, &y, 0.0);
    let residual = &y - &fitted.predictions;
    assert!(x.t().dot(&residual).iter().all(|value| value.abs() < 1e-9));
    let weights = fitted.weights.unwrap();
    assert!(
        (&weights.row(0) - &weights.row(1))
            .iter()
            .all(|apart| apart.abs() < 1e-9)
    );
    let vast = fit(&x, &y, 1e9).weights.unwrap();
    assert!(vast.iter().all(|weight| weight.abs() < 1e-15));
}

/// Scores of each round and α, from a fit on the training rows alone.
fn scores_by_hand(
    (x, y): (&Array2<f64>, &Array2<f64>),
    rounds: &[Vec<usize>],
    alphas: &[f64],
) -> Array3<f64> {
    let mut scores = Array3::zeros((rounds.len(), alphas.len(), y.ncols()));
    for (round, held) in rounds.iter().enumerate() {
        let kept: Vec<usize> = (0..x.nrows()).filter(|row| !held.contains(row)).collect();
        let of = |array: &Array2<f64>, rows: &[usize]| array.select(Axis(0), rows);
        for (index, alpha) in alphas.iter().enumerate() {
            let weights = weights_by_hand(&of(x, &kept), &of(y, &kept), *alpha);
            let predicted = of(x, held).dot(&weights);
            let r = crate::stats::score::correlation(predicted.view(), of(y, held).view());
            scores.slice_mut(s![round, index, ..]).assign(&r);
        }
    }
    scores
}

#[test]
fn rounds_score_what_a_fit_on_the_kept_rows_predicts() {
    // Few held-out rows are downdated; many held-out rows, or a small α, take a decomposition.
    let few = vec![vec![5, 6, 7, 20], vec![0, 1, 2, 3]];
    // With more held-out rows than features, only second moments are stored.
    let many: Vec<Vec<usize>> = vec![(0..15).collect(), (10..25).collect()];
    // Enough features for form 1 of `left_out.rs` to be cheaper as well.
    for (n_scans, n_features) in [(60, 30), (30, 50), (60, 12), (200, 120), (120, 200)] {
        let (x, y) = (noise(n_scans, n_features, 5), noise(n_scans, 3, 6) + 0.7);
        let training = TrainingFeatures(x.clone());
        let problem = Problem::<f64>::new(&training).unwrap();
        // Without an appreciable penalty, more features than scans have no unique solution to compare with.
        let smallest = if n_scans > n_features { 1e-4 } else { 1e-1 };
        for (rounds, alphas) in [
            (&few, [1.0, 10.0]),
            (&many, [1.0, 10.0]),
            (&few, [smallest, 1.0]),
        ] {
            let plan = RoundsPlan::new(&problem, rounds, &settings(&alphas)).unwrap();
            let expected = scores_by_hand((&x, &y), rounds, &alphas);
            let apart = &plan.scores(y.view()) - &expected;
            assert!(apart.iter().all(|apart| apart.abs() < 1e-9), "{apart}");
        }
    }
}

/// With a constant-zero feature, a duplicated one and responses far from zero mean, all four scores from moments equal
/// those from predictions.
#[test]
fn moments_of_held_out_rows_score_as_their_predictions_do() {
    let mut x = noise(400, 30, 21);
    x.column_mut(3).fill(0.0);
    let copy = x.column(4).to_owned();
    x.column_mut(5).assign(&copy);
    let mut y = noise(400, 4, 22) + 5.0;
    y.column_mut(0).scaled_add(1.0, &x.column(4));
    y[(50, 3)] = f64::NAN;
    let held: Vec<usize> = (20..100).collect();
    let training = TrainingFeatures(x.clone());
    let problem = Problem::<f64>::new(&training).unwrap();
    for round_score in [
        RoundScore::Correlation,
        RoundScore::SignedRootR2,
        RoundScore::ClippedR2,
        RoundScore::R2,
    ] {
        let settings = RidgeSettings {
            round_score,
            ..settings(&[0.1, 10.0])
        };
        let plan = RoundsPlan::new(&problem, std::slice::from_ref(&held), &settings).unwrap();
        let scores = plan.scores(y.view());
        let kept: Vec<usize> = (0..400).filter(|row| !held.contains(row)).collect();
        let of = |array: &Array2<f64>, rows: &[usize]| array.select(Axis(0), rows);
        for (index, alpha) in settings.alphas.iter().enumerate() {
            let weights = weights_by_hand(&of(&x, &kept), &of(&y, &kept), *alpha);
            let predicted = of(&x, &held).dot(&weights);
            let expected = crate::stats::score::Centred::new(of(&y, &held).view())
                .score(predicted.view(), round_score);
            let apart = &scores.slice(s![0, index, ..]) - &expected;
            assert!(apart.iter().all(|apart| apart.abs() < 1e-9), "{apart}");
        }
    }
}

/// Scores at many penalties, computed from few products, equal those of each penalty on its own.
#[test]
fn many_penalties_score_as_each_alone() {
    /// Largest difference between the scores of many penalties and of each on its own.
    fn apart<T: Real>(x: &Array2<f64>, y: &Array2<f64>, alphas: &[f64], n_held: usize) -> f64 {
        let training = TrainingFeatures(x.clone());
        let y = y.mapv(T::nearest);
        let held: Vec<usize> = (100..100 + n_held).collect();
        let problem = Problem::<T>::new(&training).unwrap();
        let scores = |alphas: &[f64]| {
            let rounds = std::slice::from_ref(&held);
            let plan = RoundsPlan::new(&problem, rounds, &settings(alphas)).unwrap();
            plan.scores(y.view())
        };
        let together = scores(alphas);
        assert!(together.iter().all(|score| *score != 0.0));
        let of_one = |(index, alpha): (usize, &f64)| {
            let apart =
                &together.slice(s![.., index, ..]) - &scores(&[*alpha]).slice(s![.., 0, ..]);
            apart.fold(0.0, |most: f64, apart| most.max(apart.abs()))
        };
        alphas.iter().enumerate().map(of_one).fold(0.0, f64::max)
    }

    let (n_scans, n_features) = (1000, 220);
    // Singular values spanning three decades.
    let scale = Array1::from_shape_fn(n_features, |i| 10_f64.powf(-3.0 * i as f64 / 219.0));
    let x = noise(n_scans, n_features, 41) * &scale;
    let y = product(x.view(), noise(n_features, 100, 42).view()) + noise(n_scans, 100, 43);
    let alphas: Vec<f64> = (0..24)
        .map(|i| 10_f64.powf(-1.0 + f64::from(i) / 8.0))
        .collect();
    // More held-out rows than features; fewer, which are downdated with one penalty but not with many; and so few that they
    // are downdated in both cases.
    for n_held in [400, 150, 20] {
        let double = apart::<f64>(&x, &y, &alphas, n_held);
        assert!(double < 1e-10, "{double}");
        let single = apart::<f32>(&x, &y, &alphas, n_held);
        assert!(single < 1e-4, "{single}");
    }
}

/// Predictions that the penalty shrinks to almost nothing score as well as others, in single precision, too.
#[test]
fn rows_left_out_score_in_single_precision_as_in_double() {
    let (n_scans, n_features) = (900, 200);
    let scale = Array1::from_shape_fn(n_features, |i| 1.0 / (1.0 + i as f64));
    let x = noise(n_scans, n_features, 51) * &scale;
    let y = product(x.view(), noise(n_features, 200, 52).view()) + noise(n_scans, 200, 53);
    let rounds: [Vec<usize>; 2] = [(10..60).collect(), (40..90).collect()];
    let training = TrainingFeatures(x);
    // Their squares span 1e-6 to 1e4 times the largest eigenvalue, about 900.
    let alphas: Vec<f64> = (0..11)
        .map(|i| 0.03 * 10_f64.powf(f64::from(i) / 2.0))
        .collect();
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RoundsPlan::new(&problem, &rounds, &settings(&alphas)).unwrap();
    let double = plan.scores(y.view());
    let problem = Problem::<f32>::new(&training).unwrap();
    let plan = RoundsPlan::new(&problem, &rounds, &settings(&alphas)).unwrap();
    let apart = &plan.scores(y.mapv(f32::nearest).view()) - &double;
    let furthest = apart.fold(0.0, |most: f64, apart| most.max(apart.abs()));
    assert!(furthest < 2e-5, "{furthest}");
}

fn with_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build();
    pool.unwrap().install(work)
}

fn everything<T: Real>(n_threads: usize, y: &Array2<T>) -> (Vec<f64>, Array2<T>) {
    let x = noise(200, 100, 7);
    with_threads(n_threads, || {
        let training = TrainingFeatures(x.clone());
        let rounds = [(0..20).collect(), (60..90).collect(), (150..170).collect()];
        let problem = Problem::<T>::new(&training).unwrap();
        let plan = RoundsPlan::new(&problem, &rounds, &settings(&[1.0, 9.0])).unwrap();
        let scores = plan.scores(y.view());
        let best = best_alpha_per_voxel(mean_over_rounds(scores.view()).view());
        let test = TestFeatures(x.slice(s![..30, ..]).to_owned());
        let plan = RefitPlan::new(&problem, &test, &settings(&[1.0, 9.0])).unwrap();
        let fitted = plan.fit(y.view(), &best, Weights::Left);
        (scores.into_raw_vec_and_offset().0, fitted.predictions)
    })
}

/// Products shared between rounds and refit leave the results bitwise unchanged.
#[test]
fn what_steps_share_does_not_move_a_bit() {
    let few = vec![vec![5, 6, 7, 20], vec![0, 1, 2, 3]];
    let many: Vec<Vec<usize>> = vec![(0..15).collect(), (10..25).collect()];
    let mixed = vec![few[0].clone(), many[0].clone()];
    // So many that only few held-out rows are downdated.
    let alphas: Vec<f64> = (1..=20).map(f64::from).collect();
    for (n_scans, n_features) in [(60, 30), (30, 50)] {
        let x = noise(n_scans, n_features, 31);
        let mut y = noise(n_scans, 300, 32);
        // In the second tile.
        y[(2, 140)] = f64::NAN;
        let training = TrainingFeatures(x.clone());
        let problem = Problem::<f64>::new(&training).unwrap();
        let test = TestFeatures(x.slice(s![..7, ..]).to_owned());
        let plans = [&few, &many, &mixed]
            .map(|rounds| RoundsPlan::new(&problem, rounds, &settings(&alphas)).unwrap());
        let kinds = plans.each_ref().map(|plan| plan.shared(y.view()));
        let is_left_out = |kind: &SharedAlpha<f64>| matches!(kind, SharedAlpha::Coordinates(_));
        assert_eq!(kinds.each_ref().map(is_left_out), [true, false, true]);
        let refit = RefitPlan::new(&problem, &test, &settings(&alphas)).unwrap();
        let best: Vec<usize> = (0..300).map(|voxel| voxel % 20).collect();
        let alone = refit.fit(y.view(), &best, Weights::Formed);
        assert!(alone.predictions.iter().all(|value| value.is_finite()));
        for shared in &kinds {
            for plan in &plans {
                let scores = plan.scores_sharing(y.view(), shared);
                assert_eq!(scores, plan.scores(y.view()));
                assert!(
                    scores
                        .slice(s![.., .., 140])
                        .iter()
                        .all(|score| *score == 0.0)
                );
            }
            let fitted = refit.fit_sharing(y.view(), shared, &best, Weights::Formed);
            assert_eq!(fitted, alone);
        }
    }
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    let y = noise(200, 300, 8);
    assert_eq!(everything(1, &y), everything(2, &y));
    let y = y.mapv(f32::nearest);
    assert_eq!(everything(1, &y), everything(2, &y));
}

#[test]
fn a_voxels_bits_do_not_depend_on_the_tiles_before_it() {
    let y = noise(200, 2 * TILE_VOXELS, 9);
    let whole = everything(2, &y).1;
    let late = everything(2, &y.slice(s![.., TILE_VOXELS..]).to_owned()).1;
    assert_eq!(whole.slice(s![.., TILE_VOXELS..]), late);
}

#[test]
fn voxels_that_are_no_numbers_score_0_and_leave_their_neighbours_alone() {
    let mut y = noise(200, 3, 10);
    let clean = everything(1, &y);
    y[(17, 1)] = f64::NAN;
    let (scores, predictions) = everything(1, &y);
    for (at, (score, clean)) in scores.iter().zip(&clean.0).enumerate() {
        let expected = if at % 3 == 1 { 0.0 } else { *clean };
        assert_eq!(score.to_bits(), expected.to_bits());
    }
    assert_eq!(predictions.column(0), clean.1.column(0));
    assert!(predictions.column(1).iter().all(|value| value.is_finite()));
}

#[test]
fn shared_alphas_are_the_best_on_average() {
    let scores = ndarray::array![[0.5, 0.1, 0.0], [0.4, 0.4, 0.0], [0.1, 0.2, 0.0]];
    assert_eq!(best_alpha_per_voxel(scores.view()), [0, 1, 0]);
    assert_eq!(best_alphas(scores.view(), &[0, 0, 0]), [1, 1, 1]);
    assert_eq!(best_alphas(scores.view(), &[1, 0, 1]), [0, 1, 0]);
}

#[test]
fn normalpha_is_a_multiple_of_the_largest_singular_value() {
    let (x, y) = (noise(50, 20, 11), noise(50, 3, 12));
    let largest = eigen(gram(x.view()).view()).unwrap().values[19].sqrt();
    let (training, test) = (TrainingFeatures(x.clone()), TestFeatures(x.clone()));
    let scaled = RidgeSettings {
        alpha_unit: AlphaUnit::LargestSingularValue,
        ..settings(&[0.5])
    };
    let problem = Problem::<f64>::new(&training).unwrap();
    let plan = RefitPlan::new(&problem, &test, &scaled).unwrap();
    let weights = plan
        .fit(y.view(), &[0; 3], Weights::Formed)
        .weights
        .unwrap();
    assert!(furthest(&weights, &weights_by_hand(&x, &y, 0.5 * largest)) < 1e-11);
}

#[test]
fn bad_input_is_refused_with_a_sentence() {
    let refused = |x: Array2<f64>, test_columns, alphas: &[f64]| {
        let test = TestFeatures(Array2::zeros((3, test_columns)));
        let training = TrainingFeatures(x);
        let problem = match Problem::<f32>::new(&training) {
            Ok(problem) => problem,
            Err(error) => return error.to_string(),
        };
        let plan = RefitPlan::new(&problem, &test, &settings(alphas));
        plan.err().unwrap().to_string()
    };
    let mut broken = noise(10, 3, 1);
    broken[(4, 2)] = f64::INFINITY;
    assert!(refused(broken, 3, &[1.0]).contains("first in scan 4, feature 2"));
    assert!(refused(noise(10, 3, 1), 4, &[1.0]).contains("4 columns and the training features 3"));
    assert!(refused(noise(10, 3, 1), 3, &[]).contains("no α to try"));
    assert!(refused(noise(10, 3, 1), 3, &[f64::NAN]).contains("An α is NaN"));
    assert!(refused(noise(0, 3, 1), 3, &[1.0]).contains("0 training scans"));
}

#[test]
fn single_precision_predicts_as_double_precision_does() {
    let x = noise(300, 60, 13);
    let y = product(x.view(), noise(60, 20, 14).view()) + noise(300, 20, 15) * 5.0;
    let double = fit(&x, &y, 5.0).predictions;
    let (training, test) = (TrainingFeatures(x.clone()), TestFeatures(x));
    let problem = Problem::<f32>::new(&training).unwrap();
    let plan = RefitPlan::new(&problem, &test, &settings(&[5.0])).unwrap();
    let single = plan
        .fit(y.mapv(f32::nearest).view(), &[0; 20], Weights::Left)
        .predictions;
    let r: Array1<f64> =
        crate::stats::score::correlation(single.mapv(f64::from).view(), double.view());
    assert!(r.iter().all(|r| *r > 0.99999), "{r}");
}

#[test]
fn either_precision_takes_over_what_the_other_decomposed() {
    let mut settings = settings(&[1.0, 10.0]);
    // `normalpha` rules out downdating: each round is decomposed.
    settings.alpha_unit = AlphaUnit::LargestSingularValue;
    for (n_scans, n_features, n_held) in [(60, 20, 10), (60, 20, 30), (20, 60, 5)] {
        let training = TrainingFeatures(noise(n_scans, n_features, 20));
        let y = noise(n_scans, 7, 21);
        let rounds = [(0..n_held).collect(), (n_held / 2..n_held + 3).collect()];
        let scores_in_double = |problem: &Problem<f64>| {
            let plan = RoundsPlan::new(problem, &rounds, &settings).unwrap();
            plan.scores(y.view())
        };
        let alone = scores_in_double(&Problem::new(&training).unwrap());
        let single = Problem::<f32>::new(&training).unwrap();
        // The second of these rounds is the cached one; the first is not.
        for rounds in [&rounds[..1], &rounds[1..]] {
            RoundsPlan::new(&single, rounds, &settings).unwrap();
            assert_eq!(scores_in_double(&single.in_double()), alone);
        }
        single.forget_round();
        assert_eq!(scores_in_double(&single.in_double()), alone);
    }
}
