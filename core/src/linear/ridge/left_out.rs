//! Validation rounds computed by downdating the fit on all rows.
//!
//! Let `P` be the held-out rows in the eigenbasis of all rows, `d` the shrinkage factors at a penalty, `H = P d Pᵀ` the hat
//! matrix of the held-out rows, `c` the coordinates of all responses and `y` the held-out responses. A fit without these
//! rows predicts
//!
//! 1. `f − (I − H)⁻¹ H (y − f)`, with `f = P d c` the fit of all rows at them, or equivalently
//! 2. `(I − H)⁻¹ P d (c − Pᵀ y)`.
//!
//! Source: the Sherman–Morrison–Woodbury identity. Form 1 takes few products: `f` at all penalties is a combination of
//! fewer terms (`blend.rs`), rounds that hold out the same row share it, and the remaining matrices are only
//! `(n_held, n_held)`. But it amplifies rounding errors by `(I − H)⁻¹`: at a penalty where that is large, form 2 is used.

use std::cell::LazyCell;

use ndarray::parallel::prelude::{IntoParallelRefIterator, ParallelIterator};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, Axis, Zip};

use super::basis::Problem;
use super::blend::{Blend, Shape};
use super::error::RidgeError;
use super::products::BasisForm;
use super::{AlphaUnit, RidgeSettings, penalty};
use crate::maths::matrix::{
    Real, lower_product_by_one_thread, mirror, product_into, solve_by_one_thread,
    subtract_product_by_one_thread, transposed,
};
use crate::stats::score::{Centred, RoundScore};

/// Whether downdating is cheaper than decomposing the training rows; `k` is the smaller side of the feature matrix. The
/// factor is the measured cost of an eigendecomposition relative to a product.
pub(crate) fn leaves_out(n_held: usize, k: usize, n_alphas: usize) -> bool {
    const DECOMPOSITION_FLOPS: usize = 12;
    4 * n_alphas * n_held * n_held < DECOMPOSITION_FLOPS * k * k
}

/// Multiplications per held-out row and voxel: those shared with other rounds that hold out the row, and the round's own.
pub(crate) fn row_work(fitted: usize, n_held: usize, k: usize, n_alphas: usize) -> (usize, usize) {
    let by_coordinates = (n_alphas + 1) * k;
    if fitted + n_alphas * n_held < by_coordinates {
        (fitted, n_alphas * n_held)
    } else {
        (0, by_coordinates)
    }
}

/// Penalties below this fraction of the largest eigenvalue are left to a decomposition, which drops directions that are
/// nothing but rounding error.
const SMALLEST_SHARE: f64 = 1e-9;

/// The largest acceptable amplification of rounding errors, as a root mean square over the held-out rows.
const MOST_MAGNIFIED: f64 = 10.0;

/// The smallest eigenvalue of `I − H` at which the system is solved in the fit's own precision: the single-precision error,
/// about 1e-7 divided by this, is then no larger than that of the products.
const WELL_CONDITIONED: f64 = 0.01;

/// The rows that some round downdates, in the eigenbasis of all rows, from which the rounds are planned.
pub(super) struct Leaving<T> {
    /// Sorted, without duplicates.
    rows: Vec<usize>,
    /// `(n_rows, k)`.
    seen: Array2<f64>,
    single: Array2<T>,
    penalties: Vec<f64>,
    /// `(n_alphas, k)`: shrinkage factor of each direction at each penalty.
    factors: Array2<f64>,
    blend: Blend<T>,
    largest_value: f64,
}

/// Fitted values at the held-out rows, from the fit on all rows.
pub(super) struct Fits<T> {
    /// `(n_rows, k)`.
    seen: Array2<T>,
    blend: Blend<T>,
    n_alphas: usize,
}

/// A round's held-out rows, and the matrices that predict them from the others.
pub(super) struct LeftOut<T> {
    /// Index of each among the rows of [`Fits`].
    places: Vec<usize>,
    /// `(k, n_held)`: the rows in the eigenbasis; empty if no penalty uses form 2.
    seen: Array2<T>,
    /// One per penalty.
    predictors: Vec<Predictor<T>>,
}

enum Predictor<T> {
    /// `(I − H)⁻¹ H`, `(n_held, n_held)`.
    OfResiduals(Array2<T>),
    /// `(I − H)⁻¹ P d`, `(n_held, k)`.
    OfCoordinates(Array2<T>),
}

impl<T: Real> Leaving<T> {
    /// Plans the rounds for which downdating is cheaper; `None` if there are none, or if a penalty is too small for it.
    pub(super) fn new(
        problem: &Problem<T>,
        rounds: &[Vec<usize>],
        settings: &RidgeSettings,
    ) -> Result<Option<Self>, RidgeError> {
        let (n_scans, n_features) = problem.features().dim();
        let (k, n_alphas) = (n_scans.min(n_features), settings.alphas.len());
        let is_less_work = |held: &&Vec<usize>| leaves_out(held.len(), k, n_alphas);
        let mut rows: Vec<usize> = rounds
            .iter()
            .filter(is_less_work)
            .flatten()
            .copied()
            .collect();
        // `normalpha` needs the largest singular value of the training rows, which only a decomposition gives.
        if rows.is_empty() || settings.alpha_unit != AlphaUnit::Plain {
            return Ok(None);
        }
        let values = problem.values()?.mapv(|value| value.max(0.0));
        let largest_value = values.iter().copied().fold(0.0, f64::max);
        let penalties: Vec<f64> = settings.alphas.iter().copied().map(penalty).collect();
        if penalties
            .iter()
            .any(|penalty| *penalty <= SMALLEST_SHARE * largest_value)
        {
            return Ok(None);
        }
        rows.sort_unstable();
        rows.dedup();
        let factor = |(alpha, direction): (usize, usize)| {
            let value: f64 = values[direction];
            let of_one = match problem.form() {
                BasisForm::Primal => 1.0,
                BasisForm::Kernel => value,
            };
            of_one / (value + penalties[alpha])
        };
        let factors = Array2::from_shape_fn((n_alphas, k), factor);
        let seen = problem.seen_in_whole(&rows)?;
        Ok(Some(Self {
            single: seen.mapv(T::nearest),
            blend: Blend::of(factors.view(), Shape::Rows),
            rows,
            seen,
            penalties,
            factors,
            largest_value,
        }))
    }

    /// Plans one round; `None` if downdating it is not cheaper, or would lose precision.
    pub(super) fn round(&self, held_rows: &[usize]) -> Option<LeftOut<T>> {
        let (n_alphas, k) = self.factors.dim();
        if !leaves_out(held_rows.len(), k, n_alphas) {
            return None;
        }
        let place = |row: &usize| self.rows.binary_search(row).ok();
        let places: Vec<usize> = held_rows.iter().map(place).collect::<Option<_>>()?;
        let (shared, _) = row_work(self.blend.work_of_row(), held_rows.len(), k, n_alphas);
        let seen = self.seen.select(Axis(0), &places);
        let single = self.single.select(Axis(0), &places);
        let predictor = |(factors, penalty): &(ArrayView1<f64>, f64)| {
            let single_factors = factors.mapv(T::nearest);
            if shared > 0 {
                let of_residuals = of_residuals(&single, single_factors.view());
                if let Some(matrix) =
                    of_residuals.filter(|matrix| magnified(matrix) <= MOST_MAGNIFIED)
                {
                    return Some(Predictor::OfResiduals(matrix));
                }
            }
            // Eigenvalues of `H` are at most `λ_max / (λ_max + α²)`; those of `I − H` are therefore at least this ratio.
            let matrix = if penalty / (self.largest_value + penalty) >= WELL_CONDITIONED {
                of_coordinates(&single, single_factors.view())
            } else {
                let matrix = of_coordinates(&seen, factors.view());
                matrix.map(|matrix| matrix.mapv(T::nearest))
            };
            matrix.map(Predictor::OfCoordinates)
        };
        let penalties = self
            .factors
            .rows()
            .into_iter()
            .zip(self.penalties.iter().copied());
        let penalties: Vec<_> = penalties.collect();
        let predictors: Vec<_> = penalties.par_iter().map(predictor).collect::<Option<_>>()?;
        let wants_seen = predictors.iter().any(Predictor::is_of_coordinates);
        Some(LeftOut {
            seen: if wants_seen {
                transposed(seen.view())
            } else {
                Array2::zeros((0, 0))
            },
            places,
            predictors,
        })
    }

    /// The quantities that the planned rounds share; `None` if none of them needs any.
    pub(super) fn fits<'a>(
        self,
        mut rounds: impl Iterator<Item = &'a LeftOut<T>>,
    ) -> Option<Fits<T>>
    where
        T: 'a,
    {
        let of_residuals =
            |round: &LeftOut<T>| !round.predictors.iter().all(Predictor::is_of_coordinates);
        rounds.any(of_residuals).then_some(Fits {
            n_alphas: self.penalties.len(),
            seen: self.single,
            blend: self.blend,
        })
    }
}

impl<T: Real> Fits<T> {
    /// Returns the fits `(n_rows, n_alphas, n_voxels)`, given the coordinates `(k, n_voxels)` of all rows.
    pub(super) fn of(&self, coordinates: ArrayView2<T>) -> Array3<T> {
        let n_voxels = coordinates.ncols();
        let mut fits = Array3::zeros((self.seen.nrows(), self.n_alphas, n_voxels));
        self.blend
            .for_each_row(self.seen.view(), coordinates, |row, of_row| {
                fits.index_axis_mut(Axis(0), row).assign(&of_row);
            });
        fits
    }
}

impl<T: Real> LeftOut<T> {
    /// Scores some voxels, `(n_alphas, n_voxels)`.
    ///
    /// * `coordinates`: of all rows, `(k, n_voxels)`; `fits`: of [`Fits`], if there are any.
    /// * `held`: held-out responses, `(n_held, n_voxels)`; `measured`: the same, centred.
    pub(super) fn score(
        &self,
        (coordinates, fits): (ArrayView2<T>, ArrayView3<T>),
        (held, measured): (&Array2<T>, &Centred<T>),
        score: RoundScore,
        mut scores: ArrayViewMut2<f64>,
    ) {
        // Coordinates of the training rows.
        let others = LazyCell::new(|| {
            let mut others = coordinates.to_owned();
            subtract_product_by_one_thread(others.view_mut(), self.seen.view(), held.view());
            others
        });
        // Buffers reused for all α.
        let mut predicted = Array2::zeros(held.dim());
        let mut residuals = Array2::zeros(held.dim());
        for (alpha, predictor) in self.predictors.iter().enumerate() {
            match predictor {
                Predictor::OfResiduals(matrix) => {
                    for (row, place) in self.places.iter().enumerate() {
                        let fit = fits.index_axis(Axis(0), *place);
                        Zip::from(predicted.row_mut(row))
                            .and(residuals.row_mut(row))
                            .and(fit.row(alpha))
                            .and(held.row(row))
                            .for_each(|predicted, residual, fit, held| {
                                *predicted = *fit;
                                *residual = *held - *fit;
                            });
                    }
                    let (predicted, residuals) = (predicted.view_mut(), residuals.view());
                    subtract_product_by_one_thread(predicted, matrix.view(), residuals);
                }
                Predictor::OfCoordinates(matrix) => {
                    product_into(predicted.view_mut(), matrix.view(), others.view());
                }
            }
            let of_alpha = measured.score(predicted.view(), score);
            scores.row_mut(alpha).assign(&of_alpha);
        }
    }
}

impl<T> Predictor<T> {
    fn is_of_coordinates(&self) -> bool {
        matches!(self, Self::OfCoordinates(_))
    }
}

/// `(I − P d Pᵀ)⁻¹ P d Pᵀ`, for `P` `(n_held, k)`; `None` if the matrix is not positive definite.
fn of_residuals<R: Real>(seen: &Array2<R>, factors: ArrayView1<R>) -> Option<Array2<R>> {
    let mut own = own_part((seen * &factors).view(), seen);
    let rest = rest(&own);
    mirror(&mut own);
    solve_by_one_thread(rest, own.view())
}

/// `(I − P d Pᵀ)⁻¹ P d`, for `P` `(n_held, k)`; `None` if the matrix is not positive definite.
fn of_coordinates<R: Real>(seen: &Array2<R>, factors: ArrayView1<R>) -> Option<Array2<R>> {
    let shrunk = seen * &factors;
    let rest = rest(&own_part(shrunk.view(), seen));
    solve_by_one_thread(rest, shrunk.view())
}

/// Lower triangle of the hat matrix `H`.
fn own_part<R: Real>(shrunk: ArrayView2<R>, seen: &Array2<R>) -> Array2<R> {
    lower_product_by_one_thread(shrunk, seen.t())
}

/// `I − H`.
fn rest<R: Real>(own: &Array2<R>) -> Array2<R> {
    let mut rest = -own;
    rest.diag_mut().mapv_inplace(|value| value + R::one());
    rest
}

/// Root-mean-square error amplification of `I + matrix` over its rows.
fn magnified<R: Real>(matrix: &Array2<R>) -> f64 {
    let mut sum = 0.0;
    for ((row, column), value) in matrix.indexed_iter() {
        let own = if row == column { 1.0 } else { 0.0 };
        sum += (value.double() + own).powi(2);
    }
    (sum / matrix.nrows().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::split::TrainingFeatures;
    use crate::maths::random::PythonRandom;

    #[test]
    fn penalties_that_would_magnify_rounding_are_predicted_from_coordinates() {
        let mut random = PythonRandom::new(1);
        // So many columns that the unpenalised fit of all rows interpolates them almost exactly.
        let features = Array2::from_shape_simple_fn((200, 300), || random.normal());
        let training = TrainingFeatures(features);
        let problem = Problem::<f64>::new(&training).unwrap();
        let settings = RidgeSettings {
            alphas: vec![0.1, 10.0, 100.0],
            alpha_unit: AlphaUnit::Plain,
            round_score: RoundScore::Correlation,
        };
        let held = vec![3, 4, 5, 17];
        let leaving = Leaving::new(&problem, std::slice::from_ref(&held), &settings);
        let leaving = leaving.unwrap().unwrap();
        let round = leaving.round(&held).unwrap();
        let of_coordinates = round.predictors.iter().map(Predictor::is_of_coordinates);
        assert!(of_coordinates.eq([true, false, false]));
        assert_eq!(round.seen.dim(), (200, 4));
        assert_eq!(leaving.rows, held);
        assert!(leaving.fits(std::iter::once(&round)).is_some());
    }
}
