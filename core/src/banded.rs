//! Banded ridge: a penalty for each set of features, found for each voxel by random search.
//!
//! The kernels of the sets are mixed with weights γ (not negative, sum 1), and a ridge with one penalty is fitted on the mixture:
//! the same as a penalty `penalty / γ` for each set. Penalties here are those of himalaya and scikit-learn; the study's α is
//! their root, see [`crate::ridge::penalty`].
//!
//! Source: Dupré la Tour et al. (2022), `NeuroImage` 264, 119728; the solver "random search" of himalaya.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::matrix::{Eigen, EigenError, eigen, product};
use crate::random::PythonRandom;
use crate::score::r_squared;

/// Kernels of the sets: what a banded ridge is fitted on.
#[derive(Debug, Clone)]
pub struct BandedProblem {
    /// For each set `(n_training_scans, n_training_scans)`.
    training: Vec<Array2<f64>>,
    /// For each set `(n_test_scans, n_training_scans)`.
    test: Vec<Array2<f64>>,
}

/// What decides a banded ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct BandedSettings {
    /// Mixtures to try, each a weight per set.
    pub candidates: Vec<Vec<f64>>,
    /// Penalties to try with each, above 0.
    pub penalties: Vec<f64>,
    /// Rows held out in each round.
    pub rounds: Vec<Vec<usize>>,
}

/// A fit of some voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct BandedFit {
    /// For each voxel the number of its mixture.
    pub candidate: Vec<usize>,
    /// For each voxel the number of its penalty.
    pub penalty: Vec<usize>,
    /// For each voxel the mean R² over the rounds that they were chosen by.
    pub round_score: Array1<f64>,
    /// For each set its part of the prediction, `(n_test_scans, n_voxels)`; their sum is the prediction.
    pub parts: Vec<Array2<f64>>,
}

impl BandedFit {
    /// The prediction, `(n_test_scans, n_voxels)`.
    #[must_use]
    pub fn predictions(&self) -> Array2<f64> {
        let mut parts = self.parts.iter();
        let first = parts.next().cloned().unwrap_or_default();
        parts.fold(first, |sum, part| sum + part)
    }
}

/// Mixtures to try: all sets equal, each alone, then `n_random` drawn from Dirichlet distributions, by turns evenly over all
/// mixtures and near to few sets.
#[must_use]
pub fn candidates(n_sets: usize, n_random: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = PythonRandom::new(seed);
    let mut all = vec![vec![1.0 / n_sets as f64; n_sets]];
    for set in 0..n_sets {
        let mut alone = vec![0.0; n_sets];
        alone[set] = 1.0;
        all.push(alone);
    }
    for index in 0..n_random {
        let concentration = if index % 2 == 0 { 1.0 } else { 0.1 };
        let drawn: Vec<f64> = (0..n_sets)
            .map(|_| gamma(concentration, &mut random))
            .collect();
        let sum: f64 = drawn.iter().sum();
        all.push(drawn.iter().map(|value| value / sum).collect());
    }
    all
}

/// A number of the gamma distribution with scale 1. Source: Marsaglia and Tsang (2000), with their step for shapes below 1.
fn gamma(shape: f64, random: &mut PythonRandom) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - random.unit()).powf(1.0 / shape);
        return (gamma(shape + 1.0, random) * boost).max(f64::MIN_POSITIVE);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = random.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - random.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

impl BandedProblem {
    /// Multiplies each set's features with themselves.
    ///
    /// `sets`: training `(n_training_scans, n_features)` and test features `(n_test_scans, n_features)` of each.
    #[must_use]
    pub fn new(sets: &[(ArrayView2<f64>, ArrayView2<f64>)]) -> Self {
        let kernel =
            |rows: &ArrayView2<f64>, columns: &ArrayView2<f64>| product(*rows, columns.t());
        Self {
            training: sets
                .iter()
                .map(|(training, _)| kernel(training, training))
                .collect(),
            test: sets
                .iter()
                .map(|(training, test)| kernel(test, training))
                .collect(),
        }
    }

    /// Fits voxels.
    ///
    /// `responses`: `(n_training_scans, n_voxels)`.
    ///
    /// # Errors
    /// [`EigenError`] if a kernel holds what is no number.
    pub fn fit(
        &self,
        responses: ArrayView2<f64>,
        settings: &BandedSettings,
    ) -> Result<BandedFit, EigenError> {
        let n_voxels = responses.ncols();
        let mut best = Best {
            score: Array1::from_elem(n_voxels, f64::NEG_INFINITY),
            candidate: vec![0; n_voxels],
            penalty: vec![0; n_voxels],
        };
        for (candidate, weights) in settings.candidates.iter().enumerate() {
            let scores = self.round_scores(weights, responses, settings)?;
            best.take(candidate, &scores);
        }
        let parts = self.refit(responses, settings, &best)?;
        Ok(BandedFit {
            candidate: best.candidate,
            penalty: best.penalty,
            round_score: best.score,
            parts,
        })
    }

    /// Mean R² over the rounds of each penalty, `(n_penalties, n_voxels)`.
    fn round_scores(
        &self,
        weights: &[f64],
        responses: ArrayView2<f64>,
        settings: &BandedSettings,
    ) -> Result<Array2<f64>, EigenError> {
        let kernel = mixed(&self.training, weights);
        let mut sum = Array2::zeros((settings.penalties.len(), responses.ncols()));
        for held in &settings.rounds {
            let kept: Vec<usize> = (0..kernel.nrows())
                .filter(|row| !held.contains(row))
                .collect();
            let of = |rows: &[usize]| kernel.select(Axis(0), rows).select(Axis(1), &kept);
            let Eigen { values, vectors } = eigen(of(&kept).view())?;
            let seen = product(of(held).view(), vectors.view());
            let coordinates = product(vectors.t(), responses.select(Axis(0), &kept).view());
            let measured = responses.select(Axis(0), held);
            for (penalty, mut sum) in settings.penalties.iter().zip(sum.rows_mut()) {
                let shrunk = shrunk(&coordinates, &values, *penalty);
                let predicted = product(seen.view(), shrunk.view());
                sum += &r_squared(predicted.view(), measured.view());
            }
        }
        Ok(sum / settings.rounds.len() as f64)
    }

    /// Each set's part of the predictions, with each voxel's own mixture and penalty.
    fn refit(
        &self,
        responses: ArrayView2<f64>,
        settings: &BandedSettings,
        best: &Best,
    ) -> Result<Vec<Array2<f64>>, EigenError> {
        let n_test = self.test.first().map_or(0, Array2::nrows);
        let mut parts = vec![Array2::zeros((n_test, responses.ncols())); self.test.len()];
        for (candidate, weights) in settings.candidates.iter().enumerate() {
            let chosen: Vec<usize> = (0..best.candidate.len())
                .filter(|voxel| best.candidate[*voxel] == candidate)
                .collect();
            if chosen.is_empty() {
                continue;
            }
            let Eigen { values, vectors } = eigen(mixed(&self.training, weights).view())?;
            let mut coordinates = product(vectors.t(), responses.select(Axis(1), &chosen).view());
            for (mut column, voxel) in coordinates.columns_mut().into_iter().zip(&chosen) {
                let penalty = settings.penalties[best.penalty[*voxel]];
                Zip::from(&mut column)
                    .and(&values)
                    .for_each(|value, eigenvalue| *value /= eigenvalue + penalty);
            }
            let dual = product(vectors.view(), coordinates.view());
            for ((part, kernel), weight) in parts.iter_mut().zip(&self.test).zip(weights) {
                let predicted = product(kernel.view(), dual.view());
                for (column, voxel) in predicted.columns().into_iter().zip(&chosen) {
                    part.column_mut(*voxel).assign(&(&column * *weight));
                }
            }
        }
        Ok(parts)
    }
}

/// The best mixture and penalty of each voxel so far.
struct Best {
    score: Array1<f64>,
    candidate: Vec<usize>,
    penalty: Vec<usize>,
}

impl Best {
    /// Compares with the scores of one more mixture, `(n_penalties, n_voxels)`; the first of equals stays.
    fn take(&mut self, candidate: usize, scores: &Array2<f64>) {
        for (voxel, scores) in scores.columns().into_iter().enumerate() {
            for (penalty, score) in scores.iter().enumerate() {
                if *score > self.score[voxel] {
                    self.score[voxel] = *score;
                    self.candidate[voxel] = candidate;
                    self.penalty[voxel] = penalty;
                }
            }
        }
    }
}

fn mixed(kernels: &[Array2<f64>], weights: &[f64]) -> Array2<f64> {
    let mut sum = Array2::zeros(kernels[0].dim());
    for (kernel, weight) in kernels.iter().zip(weights) {
        sum.scaled_add(*weight, kernel);
    }
    sum
}

fn shrunk(coordinates: &Array2<f64>, values: &Array1<f64>, penalty: f64) -> Array2<f64> {
    let factors = values.mapv(|value| 1.0 / (value + penalty));
    coordinates * &factors.insert_axis(Axis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_mixtures() {
        let all = candidates(3, 200, 1);
        assert_eq!(all.len(), 204);
        assert_eq!(all[2], [0.0, 1.0, 0.0]);
        for mixture in &all {
            assert!((mixture.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(mixture.iter().all(|weight| *weight >= 0.0));
        }
        // The mean of a Dirichlet distribution with equal parameters is the equal mixture.
        let mean: f64 = all[4..].iter().map(|mixture| mixture[0]).sum::<f64>() / 200.0;
        assert!((mean - 1.0 / 3.0).abs() < 0.07, "{mean}");
    }
}
