//! One prediction out of several models', mixed by weights of each voxel's own.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::matrix::{Real, solve_by_one_thread};

/// A weight below this is none.
const SMALLEST_WEIGHT: f64 = 1e-12;
/// Steps after which the search ends whatever it has found; each takes a model in or out.
const MOST_STEPS: usize = 1000;

/// The weights with which several models' predictions explain each voxel best: not negative, with sum 1.
///
/// * `predictions`: of each model `(n_scans, n_voxels)`, of scans that the models were not fitted on.
/// * `responses`: `(n_scans, n_voxels)`.
///
/// Returns `(n_models, n_voxels)`; equal weights where a value is no number.
///
/// Source: Lin et al. (2023), stacked regressions (Breiman 1996) for voxelwise models.
///
/// # Panics
/// If there are no models or the sizes do not fit each other: a fault of the caller.
#[must_use]
pub fn stacking_weights<T: Real>(
    predictions: &[ArrayView2<T>],
    responses: ArrayView2<T>,
) -> Array2<f64> {
    let n_models = predictions.len();
    let mut weights = Array2::zeros((n_models, responses.ncols()));
    weights
        .axis_iter_mut(Axis(1))
        .into_par_iter()
        .enumerate()
        .for_each(|(voxel, mut weights)| {
            let errors = error_products(predictions, responses, voxel);
            weights.assign(&simplex_minimum(errors.view()));
        });
    weights
}

/// The mixture of predictions `(n_scans, n_voxels)` by weights `(n_models, n_voxels)`.
///
/// # Panics
/// If the sizes do not fit each other: a fault of the caller.
#[must_use]
pub fn stacked<T: Real>(predictions: &[ArrayView2<T>], weights: ArrayView2<f64>) -> Array2<f64> {
    let mut sum = Array2::zeros(predictions[0].dim());
    for (prediction, weights) in predictions.iter().zip(weights.rows()) {
        Zip::from(&mut sum)
            .and(prediction)
            .and_broadcast(&weights)
            .for_each(|sum, predicted, weight| *sum += predicted.double() * weight);
    }
    sum
}

/// Products of the models' errors in one voxel, `(n_models, n_models)`.
fn error_products<T: Real>(
    predictions: &[ArrayView2<T>],
    responses: ArrayView2<T>,
    voxel: usize,
) -> Array2<f64> {
    let measured = responses.column(voxel);
    let errors: Vec<Array1<f64>> = predictions
        .iter()
        .map(|prediction| {
            Zip::from(&measured)
                .and(prediction.column(voxel))
                .map_collect(|measured, predicted| measured.double() - predicted.double())
        })
        .collect();
    Array2::from_shape_fn((errors.len(), errors.len()), |(i, j)| {
        errors[i].dot(&errors[j])
    })
}

/// The point `w` of the simplex with the smallest `wᵀ G w`, by an active set: models are taken in while that helps, and left out
/// where their weight would fall below 0.
fn simplex_minimum(gram: ArrayView2<f64>) -> Array1<f64> {
    let n = gram.nrows();
    let equal = Array1::from_elem(n, 1.0 / n as f64);
    let scale = gram.diag().iter().copied().fold(0.0, f64::max);
    if !gram.iter().all(|value| value.is_finite()) || scale == 0.0 {
        return equal;
    }
    let single = |model: &usize| gram[(*model, *model)];
    let best = (0..n)
        .min_by(|a, b| single(a).total_cmp(&single(b)))
        .unwrap_or(0);
    let mut weights = Array1::zeros(n);
    weights[best] = 1.0;
    let mut support = vec![best];
    for _ in 0..MOST_STEPS {
        let slope = gram.dot(&weights);
        let level = weights.dot(&slope);
        let outside = (0..n).filter(|model| !support.contains(model));
        let steepest = outside.min_by(|a, b| slope[*a].total_cmp(&slope[*b]));
        let Some(next) = steepest.filter(|model| slope[*model] < level - 1e-12 * scale) else {
            break;
        };
        support.push(next);
        descend(gram, &mut weights, &mut support);
    }
    weights
}

/// Moves the weights of the support to their minimum, leaving out what would fall below 0.
fn descend(gram: ArrayView2<f64>, weights: &mut Array1<f64>, support: &mut Vec<usize>) {
    while !support.is_empty() {
        let Some(target) = affine_minimum(gram, support) else {
            return;
        };
        let reach = |(place, model): (usize, &usize)| {
            let (from, to) = (weights[*model], target[place]);
            (to < SMALLEST_WEIGHT).then(|| (from / (from - to).max(f64::MIN_POSITIVE), *model))
        };
        let nearest = support.iter().enumerate().filter_map(reach);
        let nearest = nearest.min_by(|a, b| a.0.total_cmp(&b.0));
        let step = nearest.map_or(1.0, |(step, _)| step.min(1.0));
        for (place, model) in support.iter().enumerate() {
            weights[*model] += step * (target[place] - weights[*model]);
        }
        let Some((_, left_out)) = nearest else { return };
        weights[left_out] = 0.0;
        support.retain(|model| *model != left_out);
        let sum = weights.sum();
        *weights /= sum;
    }
}

/// The minimum over the weights of the support that have sum 1, whatever their signs.
fn affine_minimum(gram: ArrayView2<f64>, support: &[usize]) -> Option<Array1<f64>> {
    let k = support.len();
    let mut part = Array2::from_shape_fn((k, k), |(i, j)| gram[(support[i], support[j])]);
    // Two models that say the same make the products singular.
    let ridge = 1e-12 * part.diag().iter().copied().fold(0.0, f64::max);
    part.diag_mut().mapv_inplace(|value| value + ridge);
    let ones = Array2::ones((k, 1));
    let solution = solve_by_one_thread(part, ones.view())?.column(0).to_owned();
    let sum = solution.sum();
    (sum > 0.0 && sum.is_finite()).then(|| solution / sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::PythonRandom;

    fn noise(random: &mut PythonRandom, shape: (usize, usize)) -> Array2<f64> {
        Array2::from_shape_simple_fn(shape, || random.normal())
    }

    #[test]
    fn two_models_mix_as_the_closed_form_says() {
        let mut random = PythonRandom::new(4);
        let responses = noise(&mut random, (200, 6));
        let a = &responses + &(noise(&mut random, (200, 6)) * 0.5);
        let b = &responses + &noise(&mut random, (200, 6));
        let weights = stacking_weights(&[a.view(), b.view()], responses.view());
        for voxel in 0..6 {
            let (e, f) = (
                &responses.column(voxel) - &a.column(voxel),
                &responses.column(voxel) - &b.column(voxel),
            );
            let apart = &e - &f;
            let expected = (-f.dot(&apart) / apart.dot(&apart)).clamp(0.0, 1.0);
            assert!((weights[(0, voxel)] - expected).abs() < 1e-9, "{weights}");
            assert!((weights.column(voxel).sum() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn no_other_mixture_is_better() {
        let mut random = PythonRandom::new(9);
        for n_models in [3, 8, 20] {
            let responses = noise(&mut random, (60, 4));
            let common = noise(&mut random, (60, 4));
            let models: Vec<Array2<f64>> = (0..n_models)
                .map(|_| {
                    &responses * random.unit()
                        + &common * random.unit()
                        + noise(&mut random, (60, 4)) * 0.7
                })
                .collect();
            let views: Vec<_> = models.iter().map(|model| model.view()).collect();
            let weights = stacking_weights(&views, responses.view());
            assert!(weights.iter().all(|weight| *weight >= 0.0));
            for voxel in 0..4 {
                let gram = error_products(&views, responses.view(), voxel);
                let best = weights.column(voxel);
                let slope = gram.dot(&best);
                let level = best.dot(&slope);
                // The conditions of a minimum: no model outside has a smaller slope, all inside have the same.
                for (slope, weight) in slope.iter().zip(best) {
                    assert!(*slope >= level - 1e-7 * level);
                    assert!(*weight == 0.0 || (slope - level).abs() <= 1e-7 * level);
                }
            }
            let mixed = stacked(&views, weights.view());
            let error = |prediction: &Array2<f64>| (&responses - prediction).mapv(|e| e * e).sum();
            for model in &models {
                assert!(error(&mixed) <= error(model) * (1.0 + 1e-12));
            }
        }
    }

    #[test]
    fn the_same_model_twice_and_values_that_are_no_numbers_do_no_harm() {
        let mut random = PythonRandom::new(2);
        let responses = noise(&mut random, (50, 2));
        let model = &responses + &noise(&mut random, (50, 2));
        let weights = stacking_weights(&[model.view(), model.view()], responses.view());
        assert!(
            weights
                .iter()
                .all(|weight| (0.0..=1.0 + 1e-12).contains(weight))
        );
        let mut broken = responses.clone();
        broken[(0, 0)] = f64::NAN;
        let weights = stacking_weights(&[model.view(), model.view()], broken.view());
        assert!(
            weights
                .column(0)
                .iter()
                .all(|weight| (weight - 0.5).abs() < 1e-12)
        );
    }
}
