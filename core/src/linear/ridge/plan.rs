//! Plans of the validation rounds and of the refit: what does not depend on voxels is computed once, then voxels pass in
//! tiles.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut2, Axis, CowArray, Ix2, Zip};

use super::basis::{Basis, Problem};
use super::blend::{Blend, Shape};
use super::error::RidgeError;
use super::left_out::{Fits, Leaving, LeftOut, leaves_out};
use super::products::{BasisForm, Held};
use super::shared::{SharedAlpha, SharedTile, by_tiles};
use super::spread;
use super::{AlphaUnit, RidgeSettings, penalty};
use crate::linear::split::TestFeatures;
use crate::maths::matrix::{Real, product_by_one_thread as product, product_into, transposed};
use crate::stats::score::{Centred, RoundScore, RunningMoments};

/// Voxels per tile, the unit of work of one thread. Blocks of responses should begin at a multiple of it: then a voxel's
/// result does not depend, to the bit, on which other voxels are computed with it.
///
/// A multiple of the 24 and 48 columns of the matrix product's micro-kernels (faer 0.24, with AVX2 and AVX-512), and small
/// enough for a tile's coordinates to stay in cache: 128 is about 10 % slower.
pub const TILE_VOXELS: usize = 96;

/// The planned validation rounds that choose α.
pub struct RoundsPlan<'a, T> {
    problem: &'a Problem<'a, T>,
    rounds: Vec<Round<T>>,
    /// Eigenvectors of all rows, if some round is computed by downdating; else `None`.
    directions: Option<Array2<T>>,
    /// Fitted values at the held-out rows, from the fit on all rows, if some round needs them.
    fits: Option<Fits<T>>,
    n_alphas: usize,
    score: RoundScore,
}

/// One validation round: its held-out rows, and how they are predicted from the others.
struct Round<T> {
    held_rows: Vec<usize>,
    way: Way<T>,
}

enum Way<T> {
    /// By an eigendecomposition of the training rows.
    Decomposed(Box<Decomposed<T>>),
    /// By downdating the fit on all rows: cheaper if few rows are held out.
    LeftOut(LeftOut<T>),
}

struct Decomposed<T> {
    training_rows: Vec<usize>,
    basis: Basis<T>,
    shrinkages: Vec<Array1<T>>,
    /// Low-rank form of the shrinkage factors.
    blend: Blend<T>,
    held: Held<T>,
    /// `(n_features, n_held)`; no rows in the kernel form.
    held_features: Array2<T>,
}

impl<'a, T: Real> RoundsPlan<'a, T> {
    /// Plans the rounds.
    ///
    /// `rounds`: the indices of the rows held out in each round.
    ///
    /// # Errors
    /// Returns a [`RidgeError`] if a feature or an α is not a valid number, or if memory does not suffice.
    pub fn new(
        problem: &'a Problem<'a, T>,
        rounds: &[Vec<usize>],
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        check_alphas(&settings.alphas)?;
        let leaving = Leaving::new(problem, rounds, settings)?;
        let rounds = rounds.iter();
        let rounds: Result<Vec<_>, _> = rounds
            .map(|held_rows| Round::new(problem, leaving.as_ref(), held_rows, settings))
            .collect();
        let rounds = rounds?;
        let left_out = || rounds.iter().filter_map(Round::left_out);
        let any_left_out = left_out().next().is_some();
        Ok(Self {
            fits: leaving.and_then(|leaving| leaving.fits(left_out())),
            directions: any_left_out.then(|| problem.directions()).transpose()?,
            rounds,
            problem,
            n_alphas: settings.alphas.len(),
            score: settings.round_score,
        })
    }

    /// Returns the bytes that a plan of `n_rounds` rounds and its problem occupy, including the working memory of planning.
    #[must_use]
    pub fn bytes(shape: (usize, usize), n_held: usize, n_rounds: usize, n_alphas: usize) -> u64 {
        let (n, p, held) = (shape.0 as u64, shape.1 as u64, n_held as u64);
        let size = size_of::<T>() as u64;
        let k = n.min(p);
        let (round, shared) = if leaves_out(n_held, k as usize, n_alphas) {
            // Rows that several rounds hold out are stored once.
            let rows = n.min(held * n_rounds as u64);
            (
                (1 + n_alphas as u64) * held * k * size,
                k * p * size + k * k * 8 + rows * k * (8 + size),
            )
        } else {
            let held_features = if n < p { 0 } else { held * p };
            // Held-out rows in the eigenbasis, or the triangular factor of their second moments.
            let seen = if n >= p && spread::is_less_work(n_held, k as usize) {
                k * k
            } else {
                held * k
            };
            ((k * k + seen + held_features) * size, 0)
        };
        let working = (4 * k * k + 2 * held * k) * 8;
        n * p * (8 + size) + k * k * 8 + shared + round * n_rounds as u64 + working
    }

    /// Returns the products with these voxels that the rounds and a refit have in common.
    ///
    /// `responses`: `(n_scans, n_voxels)`, training responses of some voxels.
    ///
    /// # Panics
    /// Panics if `responses` has another number of scans than the features, which is a bug in the caller.
    #[must_use]
    pub fn shared(&self, responses: ArrayView2<T>) -> SharedAlpha<T> {
        let transposed = self.problem.transposed.view();
        match (&self.directions, self.problem.form()) {
            (Some(directions), form) => {
                let coordinates = |tile: ArrayView2<T>, part: ArrayViewMut2<T>| match form {
                    BasisForm::Primal => {
                        let sums = product(transposed, tile);
                        product_into(part, directions.view(), sums.view());
                    }
                    BasisForm::Kernel => product_into(part, directions.view(), tile),
                };
                SharedAlpha::Coordinates(by_tiles(directions.nrows(), responses, coordinates))
            }
            (None, BasisForm::Primal) => {
                let sums = |tile: ArrayView2<T>, part: ArrayViewMut2<T>| {
                    product_into(part, transposed, tile);
                };
                SharedAlpha::Sums(by_tiles(transposed.nrows(), responses, sums))
            }
            (None, BasisForm::Kernel) => SharedAlpha::Nothing,
        }
    }

    /// Returns the score of each α in each round, `(n_rounds, n_alphas, n_voxels)`.
    ///
    /// `responses`: `(n_scans, n_voxels)`, training responses of some voxels. A voxel with a non-finite value scores 0, as
    /// in the published code.
    ///
    /// # Panics
    /// Panics if `responses` has another number of scans than the features, which is a bug in the caller.
    #[must_use]
    pub fn scores(&self, responses: ArrayView2<T>) -> Array3<f64> {
        self.scores_sharing(responses, &self.shared(responses))
    }

    /// As [`Self::scores`], with the result of [`Self::shared`] already at hand; bitwise the same.
    ///
    /// # Panics
    /// Panics if the shapes do not match, which is a bug in the caller.
    #[must_use]
    pub fn scores_sharing(&self, responses: ArrayView2<T>, shared: &SharedAlpha<T>) -> Array3<f64> {
        let mut scores = Array3::zeros((self.rounds.len(), self.n_alphas, responses.ncols()));
        scores
            .axis_chunks_iter_mut(Axis(2), TILE_VOXELS)
            .into_par_iter()
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .enumerate()
            .for_each(|(index, (mut scores, tile))| {
                let shared = shared.tile(index * TILE_VOXELS, tile.ncols());
                let tile = VoxelTile::new(self, tile, shared);
                for (round, scores) in self.rounds.iter().zip(scores.outer_iter_mut()) {
                    round.score(self, &tile, scores);
                }
            });
        scores
    }
}

/// Responses of one tile of voxels, with the products that all rounds use.
struct VoxelTile<'a, T> {
    responses: ArrayView2<'a, T>,
    /// `XᵀY` of all rows; empty in the kernel form, and if every round is downdated.
    sums: CowArray<'a, T, Ix2>,
    /// Coordinates of all rows in their eigenbasis; empty if no round is downdated.
    coordinates: CowArray<'a, T, Ix2>,
    /// [`Fits`] of these voxels; empty if there are none.
    fits: Array3<T>,
}

impl<'a, T: Real> VoxelTile<'a, T> {
    fn new(plan: &RoundsPlan<T>, responses: ArrayView2<'a, T>, shared: SharedTile<'a, T>) -> Self {
        let form = plan.problem.form();
        let is_decomposed = |round: &Round<T>| matches!(round.way, Way::Decomposed(_));
        let sum = || product(plan.problem.transposed.view(), responses);
        let sums: CowArray<'a, T, Ix2> = match shared {
            SharedTile::Sums(sums) => sums.into(),
            _ if form == BasisForm::Primal && plan.rounds.iter().any(is_decomposed) => sum().into(),
            _ => Array2::zeros((0, 0)).into(),
        };
        let coordinates: CowArray<'a, T, Ix2> = match (&plan.directions, shared) {
            (None, _) => Array2::zeros((0, 0)).into(),
            (Some(_), SharedTile::Coordinates(coordinates)) => coordinates.into(),
            (Some(directions), _) => match form {
                BasisForm::Primal if sums.is_empty() => product(directions.view(), sum().view()),
                BasisForm::Primal => product(directions.view(), sums.view()),
                BasisForm::Kernel => product(directions.view(), responses),
            }
            .into(),
        };
        let fits = plan.fits.as_ref();
        Self {
            responses,
            sums,
            fits: fits.map_or_else(
                || Array3::zeros((0, 0, 0)),
                |fits| fits.of(coordinates.view()),
            ),
            coordinates,
        }
    }
}

impl<T: Real> Round<T> {
    fn new(
        problem: &Problem<T>,
        leaving: Option<&Leaving<T>>,
        held_rows: &[usize],
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        let way = match leaving.and_then(|leaving| leaving.round(held_rows)) {
            Some(left_out) => Way::LeftOut(left_out),
            None => Self::decomposed(problem, held_rows, settings)?,
        };
        Ok(Self {
            held_rows: held_rows.to_vec(),
            way,
        })
    }

    fn left_out(&self) -> Option<&LeftOut<T>> {
        match &self.way {
            Way::LeftOut(left_out) => Some(left_out),
            Way::Decomposed(_) => None,
        }
    }

    fn decomposed(
        problem: &Problem<T>,
        held_rows: &[usize],
        settings: &RidgeSettings,
    ) -> Result<Way<T>, RidgeError> {
        let mut is_retained = vec![true; problem.features().nrows()];
        for row in held_rows {
            is_retained[*row] = false;
        }
        let training_rows: Vec<usize> = (0..is_retained.len())
            .filter(|row| is_retained[*row])
            .collect();
        let (basis, held) = problem.without(held_rows, &training_rows)?;
        let held_features = match problem.form() {
            BasisForm::Primal => problem.transposed.select(Axis(1), held_rows),
            BasisForm::Kernel => Array2::zeros((0, held_rows.len())),
        };
        let factors = factors(&basis, settings);
        let shape = match &held {
            Held::Rows(_) => Shape::Rows,
            Held::Spread(_) => Shape::UpperTriangle,
        };
        Ok(Way::Decomposed(Box::new(Decomposed {
            shrinkages: nearest(&factors),
            blend: Blend::of(factors.view(), shape),
            training_rows,
            basis,
            held,
            held_features,
        })))
    }

    /// Scores of the voxels of one tile, `(n_alphas, n_voxels)`.
    fn score(&self, plan: &RoundsPlan<'_, T>, tile: &VoxelTile<T>, scores: ArrayViewMut2<f64>) {
        let held = tile.responses.select(Axis(0), &self.held_rows);
        let measured = Centred::new(held.view());
        match &self.way {
            Way::LeftOut(left_out) => {
                let of_all = (tile.coordinates.view(), tile.fits.view());
                left_out.score(of_all, (&held, &measured), plan.score, scores);
            }
            Way::Decomposed(way) => way.score(tile, &held, &measured, plan.score, scores),
        }
    }
}

impl<T: Real> Decomposed<T> {
    fn score(
        &self,
        tile: &VoxelTile<T>,
        held: &Array2<T>,
        measured: &Centred<T>,
        score: RoundScore,
        mut scores: ArrayViewMut2<f64>,
    ) {
        let directions = self.basis.directions.view();
        // XᵀY of the held-out rows; empty in the kernel form.
        let held_sums = product(self.held_features.view(), held.view());
        let kept = if tile.sums.is_empty() {
            tile.responses.select(Axis(0), &self.training_rows)
        } else {
            &tile.sums - &held_sums
        };
        let coordinates = product(directions, kept.view());
        let moments = match &self.held {
            Held::Rows(seen) => {
                let mut moments = RunningMoments::new(measured, self.shrinkages.len());
                let add = |scan, predicted: ArrayView2<T>| moments.add(scan, predicted);
                self.blend
                    .for_each_row(seen.view(), coordinates.view(), add);
                moments.finish()
            }
            Held::Spread(spread) => {
                let crossed = product(directions, held_sums.view());
                let crossed = spread.centre(crossed, measured.means());
                let (coordinates, crossed) = (coordinates.view(), crossed.view());
                spread.moments(coordinates, crossed, &self.shrinkages, &self.blend)
            }
        };
        for (moments, mut scores) in moments.iter().zip(scores.rows_mut()) {
            scores.assign(&measured.score_of(moments, score));
        }
    }
}

/// The fit on all training scans.
pub struct RefitPlan<'a, T> {
    problem: &'a Problem<'a, T>,
    basis: Basis<T>,
    /// `(n_test_scans, k)`: the test scans in the eigenbasis.
    seen: Array2<T>,
    shrinkages: Vec<Array1<T>>,
}

/// The result of a fit for some voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted<T> {
    /// Predicted responses, `(n_test_scans, n_voxels)`.
    pub predictions: Array2<T>,
    /// Weights, `(n_features, n_voxels)`, if requested.
    pub weights: Option<Array2<T>>,
}

/// Whether a fit returns the weights, which doubles its time and takes much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The weights are computed.
    Formed,
    /// Only predictions are computed.
    Left,
}

impl<'a, T: Real> RefitPlan<'a, T> {
    /// Plans the fit on all training scans and the prediction of the test scans.
    ///
    /// # Errors
    /// Returns a [`RidgeError`] if a feature or an α is not a valid number, or if memory does not suffice.
    pub fn new(
        problem: &'a Problem<'a, T>,
        test: &TestFeatures,
        settings: &RidgeSettings,
    ) -> Result<Self, RidgeError> {
        check_alphas(&settings.alphas)?;
        if test.0.ncols() != problem.features().ncols() {
            return Err(RidgeError::Columns {
                test: test.0.ncols(),
                training: problem.features().ncols(),
            });
        }
        let (basis, seen) = problem.whole(test.0.view())?;
        Ok(Self {
            problem,
            shrinkages: nearest(&factors(&basis, settings)),
            basis,
            seen,
        })
    }

    /// Returns the largest singular value of the training features.
    #[must_use]
    pub fn largest_singular_value(&self) -> f64 {
        self.basis.largest_singular_value()
    }

    /// Fits voxels, each with its own α.
    ///
    /// * `responses`: `(n_scans, n_voxels)`, training scans. Non-finite values count as 0, as in the published code.
    /// * `alphas`: for each voxel the index of its α.
    ///
    /// # Panics
    /// Panics if the shapes do not match, which is a bug in the caller.
    #[must_use]
    pub fn fit(&self, responses: ArrayView2<T>, alphas: &[usize], weights: Weights) -> Fitted<T> {
        self.fit_sharing(responses, &SharedAlpha::Nothing, alphas, weights)
    }

    /// As [`Self::fit`], with the result of [`RoundsPlan::shared`] already at hand; bitwise the same.
    ///
    /// # Panics
    /// Panics if the shapes do not match, which is a bug in the caller.
    #[must_use]
    pub fn fit_sharing(
        &self,
        responses: ArrayView2<T>,
        shared: &SharedAlpha<T>,
        alphas: &[usize],
        weights: Weights,
    ) -> Fitted<T> {
        let n_voxels = responses.ncols();
        let mut predictions = Array2::zeros((self.seen.nrows(), n_voxels));
        let n_weights = if weights == Weights::Formed {
            self.problem.features().ncols()
        } else {
            0
        };
        let mut formed = Array2::zeros((n_weights, n_voxels));
        // Row-major, as the products want their left factor.
        let back =
            (weights == Weights::Formed).then(|| transposed::<T, T>(self.basis.directions.view()));
        predictions
            .axis_chunks_iter_mut(Axis(1), TILE_VOXELS)
            .into_par_iter()
            .zip(formed.axis_chunks_iter_mut(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .enumerate()
            .for_each(|(index, ((predictions, formed), tile))| {
                let first = index * TILE_VOXELS;
                let shared = shared.tile(first, tile.ncols());
                let shrunk = self.shrunk(tile, shared, &alphas[first..first + tile.ncols()]);
                product_into(predictions, self.seen.view(), shrunk.view());
                if let Some(back) = &back {
                    self.form_weights(formed, back.view(), shrunk.view());
                }
            });
        Fitted {
            predictions,
            weights: (weights == Weights::Formed).then_some(formed),
        }
    }

    /// Shrunk coordinates of the fit in the eigenbasis, `(k, n_voxels)`.
    fn shrunk(
        &self,
        tile: ArrayView2<T>,
        shared: SharedTile<'_, T>,
        alphas: &[usize],
    ) -> Array2<T> {
        let mut coordinates = self.coordinates(tile, shared);
        for (mut column, alpha) in coordinates.columns_mut().into_iter().zip(alphas) {
            Zip::from(&mut column)
                .and(&self.shrinkages[*alpha])
                .for_each(|value, shrinkage| *value *= *shrinkage);
        }
        coordinates
    }

    fn coordinates(&self, tile: ArrayView2<T>, shared: SharedTile<'_, T>) -> Array2<T> {
        let directions = self.basis.directions.view();
        // Non-finite responses count as 0 here, but entered the shared products as they are.
        let is_finite = tile.iter().all(|value| value.is_finite());
        match shared {
            SharedTile::Coordinates(coordinates) if is_finite => return coordinates.to_owned(),
            SharedTile::Sums(sums) if is_finite => return product(directions, sums),
            _ => {}
        }
        let finite = tile.mapv(|value| if value.is_finite() { value } else { T::zero() });
        match self.problem.form() {
            BasisForm::Primal => {
                let sums = product(self.problem.transposed.view(), finite.view());
                product(directions, sums.view())
            }
            BasisForm::Kernel => product(directions, finite.view()),
        }
    }

    /// `back`: the eigenvectors, one per column.
    fn form_weights(&self, formed: ArrayViewMut2<T>, back: ArrayView2<T>, shrunk: ArrayView2<T>) {
        match self.problem.form() {
            BasisForm::Primal => product_into(formed, back, shrunk),
            BasisForm::Kernel => {
                let of_scans = product(back, shrunk);
                product_into(formed, self.problem.transposed.view(), of_scans.view());
            }
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

/// Shrinkage factor of each direction at each α, `(n_alphas, k)`.
pub(super) fn factors<T: Real>(basis: &Basis<T>, settings: &RidgeSettings) -> Array2<f64> {
    let unit = match settings.alpha_unit {
        AlphaUnit::Plain => 1.0,
        AlphaUnit::LargestSingularValue => basis.largest_singular_value(),
    };
    let mut factors = Array2::zeros((settings.alphas.len(), basis.directions.nrows()));
    for (alpha, mut row) in settings.alphas.iter().zip(factors.rows_mut()) {
        row.assign(&basis.shrinkage(penalty(alpha * unit)));
    }
    factors
}

/// The factors rounded to the fit's precision, one array per α.
fn nearest<T: Real>(factors: &Array2<f64>) -> Vec<Array1<T>> {
    let rows = factors.rows().into_iter();
    rows.map(|row| row.mapv(T::nearest)).collect()
}
