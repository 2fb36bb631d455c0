//! What does not depend on voxels is worked out once; then voxels pass in tiles.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut2, Axis, Zip};

use super::basis::{Basis, Form, Products, RidgeError};
use super::{AlphaUnit, RidgeSettings, RoundScore, penalty};
use crate::matrix::{Real, product_by_one_thread as product};
use crate::score::Centred;
use crate::split::{TestFeatures, TrainingFeatures};

/// Voxels that one thread computes at a time. Blocks of responses should begin at a multiple of it: then a voxel's bits do not
/// depend on which others are computed with it.
pub const TILE_VOXELS: usize = 128;

/// The rounds that choose α.
pub struct RoundsPlan<T> {
    form: Form,
    /// `(n_features, n_scans)`: the training features; empty in the kernel form.
    features: Array2<T>,
    rounds: Vec<Round<T>>,
    score: RoundScore,
}

struct Round<T> {
    held_rows: Vec<usize>,
    kept_rows: Vec<usize>,
    basis: Basis<T>,
    shrinkages: Vec<Array1<T>>,
}

impl<T: Real> RoundsPlan<T> {
    /// Works out the rounds: one eigen-decomposition each, several at once.
    ///
    /// `rounds`: the rows held out in each.
    ///
    /// # Errors
    /// [`RidgeError`] if the features or an α are no numbers, or memory does not suffice.
    pub fn new(
        training: &TrainingFeatures,
        rounds: &[Vec<usize>],
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        check_alphas(&settings.alphas)?;
        let products = Products::new(training.0.view())?;
        let rounds: Result<Vec<_>, _> = rounds
            .into_par_iter()
            .map(|held_rows| Round::new(&products, held_rows, settings))
            .collect();
        Ok(Self {
            form: products.form,
            features: transposed(&products),
            rounds: rounds?,
            score: settings.round_score,
        })
    }

    /// Bytes that a plan of so many rounds holds on to, and takes while it is worked out.
    #[must_use]
    pub fn bytes(n_scans: usize, n_features: usize, n_held: usize, n_rounds: usize) -> u64 {
        let (n, p, held) = (n_scans as u64, n_features as u64, n_held as u64);
        let size = size_of::<T>() as u64;
        let k = n.min(p);
        let round = (k * k + held * k) * size;
        let working = (4 * k * k + 2 * held * k) * 8 * (n_rounds as u64).min(2);
        n * p * (8 + size) + k * k * 8 + round * n_rounds as u64 + working
    }

    /// The score of each α in each round: `(n_rounds, n_alphas, n_voxels)`.
    ///
    /// `responses`: `(n_scans, n_voxels)`, the training responses of some voxels. A voxel with a value that is not finite
    /// scores 0, as in the published code.
    ///
    /// # Panics
    /// If `responses` has another number of scans than the features: a fault of the caller.
    #[must_use]
    pub fn scores(&self, responses: ArrayView2<T>) -> Array3<f64> {
        let n_alphas = self
            .rounds
            .first()
            .map_or(0, |round| round.shrinkages.len());
        let mut scores = Array3::zeros((self.rounds.len(), n_alphas, responses.ncols()));
        scores
            .axis_chunks_iter_mut(Axis(2), TILE_VOXELS)
            .into_par_iter()
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .for_each(|(mut scores, tile)| {
                let sums = match self.form {
                    Form::Primal => product(self.features.view(), tile),
                    Form::Kernel => Array2::zeros((0, 0)),
                };
                for (round, scores) in self.rounds.iter().zip(scores.outer_iter_mut()) {
                    round.score(self, sums.view(), tile, scores);
                }
            });
        scores
    }
}

impl<T: Real> Round<T> {
    fn new(
        products: &Products,
        held_rows: &[usize],
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        let mut is_kept = vec![true; products.features.nrows()];
        for row in held_rows {
            is_kept[*row] = false;
        }
        let kept_rows: Vec<usize> = (0..is_kept.len()).filter(|row| is_kept[*row]).collect();
        let basis = products.without(held_rows, &kept_rows)?;
        Ok(Self {
            held_rows: held_rows.to_vec(),
            kept_rows,
            shrinkages: shrinkages(&basis, settings),
            basis,
        })
    }

    /// Scores of the voxels of one tile, `(n_alphas, n_voxels)`. `sums`: `XᵀY` of all rows.
    fn score(
        &self,
        plan: &RoundsPlan<T>,
        sums: ArrayView2<T>,
        tile: ArrayView2<T>,
        mut scores: ArrayViewMut2<f64>,
    ) {
        let held = tile.select(Axis(0), &self.held_rows);
        let coordinates = match plan.form {
            Form::Primal => {
                let features = plan.features.select(Axis(1), &self.held_rows);
                let kept = &sums - &product(features.view(), held.view());
                product(self.basis.directions.view(), kept.view())
            }
            Form::Kernel => {
                let kept = tile.select(Axis(0), &self.kept_rows);
                product(self.basis.directions.view(), kept.view())
            }
        };
        let measured = Centred::new(held.view());
        for (shrinkage, mut scores) in self.shrinkages.iter().zip(scores.rows_mut()) {
            let shrunk = &coordinates * &shrinkage.view().insert_axis(Axis(1));
            let predicted = product(self.basis.seen.view(), shrunk.view());
            scores.assign(&measured.score(predicted.view(), plan.score));
        }
    }
}

/// The fit on all training scans.
pub struct RefitPlan<T> {
    form: Form,
    /// `(n_features, n_scans)`: the training features.
    features: Array2<T>,
    basis: Basis<T>,
    shrinkages: Vec<Array1<T>>,
}

/// What a fit gives for some voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted<T> {
    /// `(n_test_scans, n_voxels)`.
    pub predictions: Array2<T>,
    /// `(n_features, n_voxels)`, if they were asked for.
    pub weights: Option<Array2<T>>,
}

/// Whether weights are formed: they take as much time again, and are large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// They are.
    Formed,
    /// They are not.
    Left,
}

impl<T: Real> RefitPlan<T> {
    /// Works out the fit on all training scans, and how it predicts the test scans.
    ///
    /// # Errors
    /// [`RidgeError`] if the features or an α are no numbers, or memory does not suffice.
    pub fn new(
        training: &TrainingFeatures,
        test: &TestFeatures,
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        check_alphas(&settings.alphas)?;
        if test.0.ncols() != training.0.ncols() {
            return Err(RidgeError::Columns {
                test: test.0.ncols(),
                training: training.0.ncols(),
            });
        }
        let products = Products::new(training.0.view())?;
        let basis = products.whole(test.0.view())?;
        Ok(Self {
            form: products.form,
            features: products
                .features
                .t()
                .mapv(T::nearest)
                .as_standard_layout()
                .into_owned(),
            shrinkages: shrinkages(&basis, settings),
            basis,
        })
    }

    /// Largest singular value of the training features.
    #[must_use]
    pub fn largest_singular_value(&self) -> f64 {
        self.basis.largest_singular_value()
    }

    /// Fits voxels, each with its α.
    ///
    /// * `responses`: `(n_scans, n_voxels)`, training scans. Values that are not finite count as 0, as in the published code.
    /// * `alphas`: for each voxel the number of its α.
    ///
    /// # Panics
    /// If the sizes do not fit each other: a fault of the caller.
    #[must_use]
    pub fn fit(&self, responses: ArrayView2<T>, alphas: &[usize], weights: Weights) -> Fitted<T> {
        let n_voxels = responses.ncols();
        let mut predictions = Array2::zeros((self.basis.seen.nrows(), n_voxels));
        let n_weights = if weights == Weights::Formed {
            self.features.nrows()
        } else {
            0
        };
        let mut formed = Array2::zeros((n_weights, n_voxels));
        predictions
            .axis_chunks_iter_mut(Axis(1), TILE_VOXELS)
            .into_par_iter()
            .zip(formed.axis_chunks_iter_mut(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .enumerate()
            .for_each(|(index, ((mut predictions, mut formed), tile))| {
                let first = index * TILE_VOXELS;
                let shrunk = self.shrunk(tile, &alphas[first..first + tile.ncols()]);
                predictions.assign(&product(self.basis.seen.view(), shrunk.view()));
                if weights == Weights::Formed {
                    formed.assign(&self.weights(shrunk.view()));
                }
            });
        Fitted {
            predictions,
            weights: (weights == Weights::Formed).then_some(formed),
        }
    }

    /// Coordinates of the fit in the basis, `(k, n_voxels)`.
    fn shrunk(&self, tile: ArrayView2<T>, alphas: &[usize]) -> Array2<T> {
        let finite = tile.mapv(|value| if value.is_finite() { value } else { T::zero() });
        let mut coordinates = match self.form {
            Form::Primal => {
                let sums = product(self.features.view(), finite.view());
                product(self.basis.directions.view(), sums.view())
            }
            Form::Kernel => product(self.basis.directions.view(), finite.view()),
        };
        for (mut column, alpha) in coordinates.columns_mut().into_iter().zip(alphas) {
            Zip::from(&mut column)
                .and(&self.shrinkages[*alpha])
                .for_each(|value, shrinkage| *value *= *shrinkage);
        }
        coordinates
    }

    fn weights(&self, shrunk: ArrayView2<T>) -> Array2<T> {
        let back = product(self.basis.directions.t(), shrunk);
        match self.form {
            Form::Primal => back,
            Form::Kernel => product(self.features.view(), back.view()),
        }
    }
}

fn check_alphas(alphas: &[f64]) -> Result<(), RidgeError> {
    if alphas.is_empty() {
        return Err(RidgeError::NoAlphas);
    }
    match alphas
        .iter()
        .find(|alpha| !(**alpha >= 0.0 && alpha.is_finite()))
    {
        Some(alpha) => Err(RidgeError::BadAlpha(*alpha)),
        None => Ok(()),
    }
}

fn shrinkages<T: Real>(basis: &Basis<T>, settings: &RidgeSettings) -> Vec<Array1<T>> {
    let unit = match settings.alpha_unit {
        AlphaUnit::Plain => 1.0,
        AlphaUnit::LargestSingularValue => basis.largest_singular_value(),
    };
    let alphas = settings.alphas.iter();
    alphas
        .map(|alpha| basis.shrinkage(penalty(alpha * unit)))
        .collect()
}

/// The features in the fit's precision, one feature per row; nothing in the kernel form, which does not need them.
fn transposed<T: Real>(products: &Products) -> Array2<T> {
    match products.form {
        Form::Primal => {
            let features = products.features.t().mapv(T::nearest);
            features.as_standard_layout().into_owned()
        }
        Form::Kernel => Array2::zeros((0, 0)),
    }
}
