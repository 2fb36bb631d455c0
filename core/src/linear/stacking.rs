//! Stacking weights: for each voxel, the convex combination of several models' predictions with the smallest error on
//! held-out scans.
//!
//! Weights are non-negative and sum to 1, so the combination of the residuals is the residual of the combination: its
//! squared error is `wᵀ Q w`, where `Q` holds the inner products of the models' residuals. The best weights give the point
//! nearest to 0 in the convex hull of the residuals, which Wolfe's minimum-norm-point algorithm finds exactly in a few
//! steps.
//!
//! Sources: Wolfe (1976), Math. Program. 11, 128; Breiman (1996), Mach. Learn. 24, 49; Lin et al. (2023), "Stacked regressions
//! and structured variance partitioning for interpretable brain maps".

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut3, Axis, Slice, Zip, s};

use crate::maths::matrix::{Real, product_by_one_thread};

/// Voxels per tile: few, since the residuals of all models are held at once.
const TILE_VOXELS: usize = 16;

/// Returns the stacking weights with the smallest squared error per voxel, `(n_models, n_voxels)`: non-negative, with sum
/// 1; equal weights where a value is not finite.
///
/// * `predictions`: per model `(n_scans, n_voxels)`, for scans that the models were not fitted on.
/// * `responses`: `(n_scans, n_voxels)`.
///
/// # Panics
/// Panics if the shapes do not match, which is a bug in the caller.
#[must_use]
pub fn stacking_weights<T: Real>(
    predictions: &[ArrayView2<T>],
    responses: ArrayView2<T>,
) -> Array2<f64> {
    let mut products = ResidualProducts::new(predictions.len(), responses.ncols());
    products.add(predictions, responses);
    products.weights()
}

/// Inner products of the models' residuals for each voxel, accumulated over folds of held-out scans.
#[derive(Debug, Clone, PartialEq)]
pub struct ResidualProducts {
    /// `(n_voxels, n_models, n_models)`.
    sums: Array3<f64>,
}

impl ResidualProducts {
    /// Creates an accumulator without scans.
    #[must_use]
    pub fn new(n_models: usize, n_voxels: usize) -> Self {
        Self {
            sums: Array3::zeros((n_voxels, n_models, n_models)),
        }
    }

    /// Adds scans on which no model was fitted: predictions of training scans would favour models that overfit.
    ///
    /// * `predictions`: per model `(n_scans, n_voxels)`.
    /// * `responses`: `(n_scans, n_voxels)`.
    ///
    /// Needs additional memory only for a few voxels' residuals.
    ///
    /// # Panics
    /// Panics if the shapes do not match, which is a bug in the caller.
    pub fn add<T: Real>(&mut self, predictions: &[ArrayView2<T>], responses: ArrayView2<T>) {
        assert_eq!(self.sums.dim().1, predictions.len(), "models");
        assert_eq!(self.sums.dim().0, responses.ncols(), "voxels");
        self.sums
            .axis_chunks_iter_mut(Axis(0), TILE_VOXELS)
            .into_par_iter()
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .enumerate()
            .for_each(|(tile, (sums, responses))| {
                add_tile(sums, predictions, responses, tile * TILE_VOXELS);
            });
    }

    /// Returns the best weights, `(n_models, n_voxels)`: non-negative, with sum 1; equal for voxels with non-finite
    /// residuals.
    #[must_use]
    pub fn weights(&self) -> Array2<f64> {
        let models: Vec<usize> = (0..self.sums.len_of(Axis(1))).collect();
        self.per_voxel(|_, products| best_weights(products, &models))
    }

    /// Returns sparse weights, `(n_models, n_voxels)`, by forward selection: models are added in order of their own error,
    /// as long as the combination's error on the held-out scans of `validation` decreases.
    ///
    /// # Panics
    /// Panics if `validation` has other models or voxels, which is a bug in the caller.
    #[must_use]
    pub fn weights_while_better(&self, validation: &Self) -> Array2<f64> {
        assert_eq!(self.sums.dim(), validation.sums.dim(), "models and voxels");
        self.per_voxel(|voxel, products| {
            weights_while_better(products, validation.sums.index_axis(Axis(0), voxel))
        })
    }

    fn per_voxel(
        &self,
        weigh: impl Fn(usize, ArrayView2<f64>) -> Array1<f64> + Sync,
    ) -> Array2<f64> {
        let (n_voxels, n_models, _) = self.sums.dim();
        let mut weights = Array2::zeros((n_models, n_voxels));
        weights
            .axis_iter_mut(Axis(1))
            .into_par_iter()
            .zip(self.sums.outer_iter())
            .enumerate()
            .for_each(|(voxel, (mut weights, products))| {
                if products.iter().all(|product| product.is_finite()) {
                    weights.assign(&weigh(voxel, products));
                } else {
                    weights.fill(1.0 / n_models as f64);
                }
            });
        weights
    }
}

/// `first_voxel`: index of the tile's first voxel in the predictions.
fn add_tile<T: Real>(
    mut sums: ArrayViewMut3<f64>,
    predictions: &[ArrayView2<T>],
    responses: ArrayView2<T>,
    first_voxel: usize,
) {
    let (n_scans, n_voxels) = responses.dim();
    let voxels = Slice::from(first_voxel..first_voxel + n_voxels);
    let mut residuals = Array3::zeros((n_voxels, predictions.len(), n_scans));
    for (model, predictions) in predictions.iter().enumerate() {
        Zip::from(residuals.slice_mut(s![.., model, ..]).reversed_axes())
            .and(predictions.slice_axis(Axis(1), voxels))
            .and(responses)
            .for_each(|residual, predicted, measured| {
                *residual = measured.double() - predicted.double();
            });
    }
    for (mut sums, residuals) in sums.outer_iter_mut().zip(residuals.outer_iter()) {
        sums += &product_by_one_thread(residuals, residuals.t());
    }
}

/// Returns predictions `(n_scans, n_voxels)` combined with weights `(n_models, n_voxels)`.
///
/// # Panics
/// Panics if the shapes do not match or there are no predictions, which is a bug in the caller.
#[must_use]
pub fn stacked<T: Real>(predictions: &[ArrayView2<T>], weights: ArrayView2<f64>) -> Array2<f64> {
    let mut mixture = Array2::zeros(predictions[0].dim());
    for (predictions, weights) in predictions.iter().zip(weights.rows()) {
        Zip::from(&mut mixture)
            .and(predictions)
            .and_broadcast(&weights)
            .for_each(|sum, predicted, weight| *sum += predicted.double() * weight);
    }
    mixture
}

fn weights_while_better(products: ArrayView2<f64>, validation: ArrayView2<f64>) -> Array1<f64> {
    let mut order: Vec<usize> = (0..products.nrows()).collect();
    order.sort_by(|a, b| validation[(*a, *a)].total_cmp(&validation[(*b, *b)]));
    let mut best = Array1::zeros(products.nrows());
    let mut smallest = f64::INFINITY;
    for n_taken in 1..=order.len() {
        let weights = best_weights(products, &order[..n_taken]);
        let error = weights.dot(&validation.dot(&weights));
        if error >= smallest || error.is_nan() {
            break;
        }
        (best, smallest) = (weights, error);
    }
    best
}

/// Weights of `models` that minimise `wᵀ Q w`; those of other models are 0.
fn best_weights(products: ArrayView2<f64>, models: &[usize]) -> Array1<f64> {
    let mut weights = Array1::<f64>::zeros(products.nrows());
    let smallest = |values: &dyn Fn(usize) -> f64| {
        models
            .iter()
            .copied()
            .min_by(|a, b| values(*a).total_cmp(&values(*b)))
    };
    let Some(first) = smallest(&|model| products[(model, model)]) else {
        return weights;
    };
    weights[first] = 1.0;
    let mut taken = vec![first];
    let largest = models
        .iter()
        .map(|model| products[(*model, *model)])
        .fold(0.0, f64::max);
    // Each step lowers the error, so no active set recurs; the bound guards against rounding errors.
    for _ in 0..10 * models.len() {
        let slopes = products.dot(&weights);
        let error = weights.dot(&slopes);
        let Some(next) = smallest(&|model| slopes[model]) else {
            break;
        };
        if slopes[next] >= error - 1e-12 * largest || taken.contains(&next) {
            break;
        }
        taken.push(next);
        if !move_within(products, &mut taken, &mut weights) {
            break;
        }
    }
    weights
}

/// Moves to the optimum over the active models, dropping those whose weights would become negative. Returns false if
/// rounding errors allow no step.
fn move_within(
    products: ArrayView2<f64>,
    taken: &mut Vec<usize>,
    weights: &mut Array1<f64>,
) -> bool {
    while !taken.is_empty() {
        let Some(target) = flat_weights(products, taken) else {
            return false;
        };
        // Largest step towards the target that stays within the convex hull.
        let step = taken
            .iter()
            .zip(&target)
            .filter(|(_, target)| **target <= 0.0)
            .map(|(model, target)| weights[*model] / (weights[*model] - target))
            .fold(1.0, f64::min);
        for (model, target) in taken.iter().zip(&target) {
            weights[*model] += step * (target - weights[*model]);
        }
        let all_above = target.iter().all(|target| *target > 0.0);
        if all_above {
            return true;
        }
        // Drops the model at the boundary; 1e-15 allows for rounding.
        taken.retain(|model| {
            let stays = weights[*model] > 1e-15;
            if !stays {
                weights[*model] = 0.0;
            }
            stays
        });
        let sum = weights.sum();
        *weights /= sum;
    }
    false
}

/// Unconstrained-sign weights with sum 1 that minimise `wᵀ Q w` over the active models: the solution of
/// `(Q + c 1 1ᵀ) u = 1`, normalised by its sum. `None` if the residuals are linearly dependent.
fn flat_weights(products: ArrayView2<f64>, taken: &[usize]) -> Option<Vec<f64>> {
    let n = taken.len();
    // Keeps the matrix positive definite even if a combination has no error at all.
    let lift = taken
        .iter()
        .map(|model| products[(*model, *model)])
        .fold(0.0, f64::max);
    let mut factor = Array2::<f64>::zeros((n, n));
    for row in 0..n {
        for column in 0..=row {
            let before = factor
                .slice(s![row, ..column])
                .dot(&factor.slice(s![column, ..column]));
            let rest = products[(taken[row], taken[column])] + lift - before;
            factor[(row, column)] = if row > column {
                rest / factor[(column, column)]
            } else if rest > 1e-14 * lift {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    let mut solution = vec![1.0; n];
    for row in 0..n {
        let before: f64 = (0..row).map(|k| factor[(row, k)] * solution[k]).sum();
        solution[row] = (solution[row] - before) / factor[(row, row)];
    }
    for row in (0..n).rev() {
        let after: f64 = (row + 1..n).map(|k| factor[(k, row)] * solution[k]).sum();
        solution[row] = (solution[row] - after) / factor[(row, row)];
    }
    let sum: f64 = solution.iter().sum();
    Some(solution.into_iter().map(|value| value / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maths::random::PythonRandom;

    fn noise(random: &mut PythonRandom, shape: (usize, usize, usize)) -> Array3<f64> {
        Array3::from_shape_simple_fn(shape, || random.normal())
    }

    /// Models that capture parts of a signal, the last one none: `(n_models, n_scans, n_voxels)` and responses.
    fn models(
        n_models: usize,
        n_scans: usize,
        n_voxels: usize,
        seed: u64,
    ) -> (Array3<f64>, Array2<f64>) {
        let mut random = PythonRandom::new(seed);
        let signal = noise(&mut random, (1, n_scans, n_voxels));
        let mut predictions = noise(&mut random, (n_models, n_scans, n_voxels));
        for (model, mut predictions) in predictions.outer_iter_mut().enumerate() {
            if model + 1 < n_models {
                predictions *= 0.3 + 0.1 * model as f64;
                predictions += &signal.index_axis(Axis(0), 0);
            }
        }
        let rest = noise(&mut random, (1, n_scans, n_voxels));
        (predictions, (signal + rest).index_axis_move(Axis(0), 0))
    }

    fn views<T>(predictions: ndarray::ArrayView3<'_, T>) -> Vec<ArrayView2<'_, T>> {
        let of = |model| predictions.index_axis_move(Axis(0), model);
        (0..predictions.len_of(Axis(0))).map(of).collect()
    }

    fn products(predictions: &Array3<f64>, responses: &Array2<f64>) -> ResidualProducts {
        let (n_models, _, n_voxels) = predictions.dim();
        let mut sums = ResidualProducts::new(n_models, n_voxels);
        sums.add(&views(predictions.view()), responses.view());
        sums
    }

    /// Optimality conditions: no model's slope is below that of the active models.
    fn assert_smallest(sums: &ResidualProducts, weights: &Array2<f64>) {
        for (products, weights) in sums.sums.outer_iter().zip(weights.columns()) {
            assert!((weights.sum() - 1.0).abs() < 1e-12, "{weights}");
            assert!(weights.iter().all(|weight| *weight >= 0.0), "{weights}");
            let slopes = products.dot(&weights);
            let error = weights.dot(&slopes);
            let scale = products.diag().iter().copied().fold(0.0, f64::max);
            for (slope, weight) in slopes.iter().zip(&weights) {
                assert!(*slope >= error - 1e-9 * scale, "{slopes} {weights}");
                assert!(
                    *weight == 0.0 || (slope - error).abs() <= 1e-9 * scale,
                    "{slopes} {weights}"
                );
            }
        }
    }

    #[test]
    fn the_error_is_smallest_for_any_number_of_models() {
        for (n_models, n_scans) in [(1, 30), (2, 30), (5, 60), (20, 100), (50, 200), (50, 20)] {
            let (predictions, responses) = models(n_models, n_scans, 40, n_models as u64);
            let sums = products(&predictions, &responses);
            assert_smallest(&sums, &sums.weights());
        }
    }

    #[test]
    fn two_models_have_the_weights_of_the_closed_form() {
        let (predictions, responses) = models(2, 50, 100, 1);
        let sums = products(&predictions, &responses);
        for (q, weights) in sums.sums.outer_iter().zip(sums.weights().columns()) {
            let (a, b, ab) = (q[(0, 0)], q[(1, 1)], q[(0, 1)]);
            let expected = ((b - ab) / (a + b - 2.0 * ab)).clamp(0.0, 1.0);
            assert!((weights[0] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_models_and_perfect_ones_make_no_trouble() {
        let (mut predictions, responses) = models(6, 40, 30, 2);
        let copy = predictions.index_axis(Axis(0), 0).to_owned();
        predictions.index_axis_mut(Axis(0), 3).assign(&copy);
        predictions
            .slice_mut(s![4, .., ..15])
            .assign(&responses.slice(s![.., ..15]));
        let sums = products(&predictions, &responses);
        let weights = sums.weights();
        assert_smallest(&sums, &weights);
        for voxel in 0..15 {
            assert!(
                (weights[(4, voxel)] - 1.0).abs() < 1e-12,
                "{}",
                weights.column(voxel)
            );
        }
        let nothing = ResidualProducts::new(3, 2);
        assert_smallest(&nothing, &nothing.weights());
    }

    #[test]
    fn a_mixture_predicts_other_scans_better_than_its_models() {
        let (predictions, responses) = models(5, 400, 60, 3);
        let (here, there) = (s![.., ..200, ..], s![.., 200.., ..]);
        let mut sums = ResidualProducts::new(5, 60);
        sums.add(
            &views(predictions.slice(here)),
            responses.slice(s![..200, ..]),
        );
        let mixture = stacked(&views(predictions.slice(there)), sums.weights().view());
        let measured = responses.slice(s![200.., ..]);
        let mean_r2 = |predicted: ArrayView2<f64>| {
            crate::stats::score::r_squared(predicted, measured)
                .mean()
                .unwrap()
        };
        let of_mixture = mean_r2(mixture.view());
        for model in predictions.slice(there).outer_iter() {
            // The models' noise has variances 0.09, 0.16, 0.25 and 0.36; that of the best combination 0.04: a gain of (0.09
            // − 0.04) / 2 in R², less the loss from estimating weights on 200 scans.
            assert!(of_mixture > mean_r2(model) + 0.01);
        }
        // The model without signal gets almost no weight.
        assert!(sums.weights().row(4).mean().unwrap() < 0.05);
    }

    #[test]
    fn scans_can_come_in_stretches_and_in_single_precision() {
        let (predictions, responses) = models(4, 90, 20, 4);
        let whole = products(&predictions, &responses);
        let mut parts = ResidualProducts::new(4, 20);
        for (first, end) in [(0, 33), (33, 90)] {
            parts.add(
                &views(predictions.slice(s![.., first..end, ..])),
                responses.slice(s![first..end, ..]),
            );
        }
        let apart = (whole.weights() - parts.weights()).mapv(f64::abs);
        assert!(apart.iter().all(|apart| *apart < 1e-10));
        let mut single = ResidualProducts::new(4, 20);
        single.add(
            &views(predictions.mapv(|value| value as f32).view()),
            responses.mapv(|value| value as f32).view(),
        );
        let apart = (whole.weights() - single.weights()).mapv(f64::abs);
        assert!(apart.iter().all(|apart| *apart < 1e-5));
    }

    #[test]
    fn a_model_is_taken_only_while_other_scans_gain_by_it() {
        let (predictions, responses) = models(6, 200, 50, 5);
        let (other, measured) = models(6, 200, 50, 6);
        let (sums, validation) = (
            products(&predictions, &responses),
            products(&other, &measured),
        );
        let weights = sums.weights_while_better(&validation);
        let error = |weights: ndarray::ArrayView1<f64>, voxel: usize| {
            let q = validation.sums.index_axis(Axis(0), voxel);
            weights.dot(&q.dot(&weights))
        };
        for voxel in 0..50 {
            let q = validation.sums.index_axis(Axis(0), voxel);
            let best_alone = q.diag().iter().copied().fold(f64::INFINITY, f64::min);
            assert!(error(weights.column(voxel), voxel) <= best_alone + 1e-9);
            assert!((weights.column(voxel).sum() - 1.0).abs() < 1e-12);
        }
        let n_used = weights.iter().filter(|weight| **weight > 0.0).count();
        assert!((100..300).contains(&n_used), "{n_used}");
    }

    #[test]
    fn a_voxel_without_numbers_has_equal_weights_and_the_others_do_not_notice() {
        let (predictions, mut responses) = models(3, 40, 20, 7);
        let whole = products(&predictions, &responses).weights();
        responses[(3, 2)] = f64::NAN;
        let weights = products(&predictions, &responses).weights();
        assert!(
            weights
                .column(2)
                .iter()
                .all(|weight| (weight - 1.0 / 3.0).abs() < 1e-15)
        );
        assert_eq!(weights.column(3), whole.column(3));
    }
}
