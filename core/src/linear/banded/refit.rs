//! The fit of one mixture on all training rows.

use ndarray::{Array2, ArrayView2, Zip, s};

use super::{BandedProblem, BandedProducts, Directions};
use crate::maths::matrix::product;

/// One mixture, planned on all training rows.
pub struct BandedRefitPlan<'a> {
    pub(super) problem: &'a BandedProblem,
    pub(super) directions: Directions,
    /// Weight of each set's kernel.
    pub(super) weights: Vec<f64>,
}

/// The fit of some voxels, from which predictions and weights follow.
pub struct BandedSolution<'a> {
    plan: &'a BandedRefitPlan<'a>,
    /// Coefficients of the training rows, `(n_training_scans, n_voxels)`, in the kernel form; those of the scaled features,
    /// `(n_features, n_voxels)`, in the primal form.
    solution: Array2<f64>,
}

impl BandedRefitPlan<'_> {
    /// Fits voxels that chose this mixture.
    ///
    /// * `responses`: `(n_training_scans, n_voxels)`.
    /// * `penalties`: for each voxel its penalty, above 0.
    ///
    /// # Panics
    /// Panics if the shapes do not match, which is a bug in the caller.
    #[must_use]
    pub fn solve(&self, responses: ArrayView2<f64>, penalties: &[f64]) -> BandedSolution<'_> {
        assert_eq!(responses.ncols(), penalties.len(), "voxels");
        let mut coordinates = self.problem.coordinates(&self.directions, responses);
        for (mut column, penalty) in coordinates.columns_mut().into_iter().zip(penalties) {
            Zip::from(&mut column)
                .and(&self.directions.values)
                .for_each(|value, eigenvalue| *value /= eigenvalue + penalty);
        }
        BandedSolution {
            plan: self,
            solution: product(self.directions.vectors.view(), coordinates.view()),
        }
    }
}

impl BandedSolution<'_> {
    /// Returns each set's part of the prediction, `(n_test_scans, n_voxels)` each; they sum to the prediction.
    #[must_use]
    pub fn parts(&self) -> Vec<Array2<f64>> {
        let weights = self.plan.weights.iter();
        match &self.plan.problem.products {
            BandedProducts::Kernel { test, .. } => {
                let parts = test.iter().zip(weights);
                parts
                    .map(|(kernel, weight)| product(kernel.view(), self.solution.view()) * *weight)
                    .collect()
            }
            BandedProducts::Primal { test, columns, .. } => {
                let parts = columns.iter().zip(weights);
                parts
                    .map(|(columns, weight)| {
                        let features = test.slice(s![.., columns.clone()]);
                        let solution = self.solution.slice(s![columns.clone(), ..]);
                        product(features, solution) * weight.sqrt()
                    })
                    .collect()
            }
        }
    }

    /// Returns the weights of each set's features, `(n_features, n_voxels)` each.
    ///
    /// `training`: the training features of each set, `(n_training_scans, n_features)`, as [`BandedProblem::new`] got them.
    ///
    /// # Panics
    /// Panics if the features are not those of the problem, which is a bug in the caller.
    #[must_use]
    pub fn weights(&self, training: &[ArrayView2<f64>]) -> Vec<Array2<f64>> {
        assert_eq!(training.len(), self.plan.weights.len(), "sets");
        let sets = training.iter().zip(&self.plan.weights);
        match &self.plan.problem.products {
            BandedProducts::Kernel { .. } => sets
                .map(|(features, weight)| product(features.t(), self.solution.view()) * *weight)
                .collect(),
            BandedProducts::Primal { columns, .. } => {
                let sets = columns.iter().zip(&self.plan.weights);
                sets.map(|(columns, weight)| {
                    self.solution.slice(s![columns.clone(), ..]).to_owned() * weight.sqrt()
                })
                .collect()
            }
        }
    }
}
