//! Banded ridge regression: one penalty per set of features, found for each voxel by random search.
//!
//! The sets' kernels are summed with weights γ (non-negative, sum 1), and a ridge with one penalty is fitted on the
//! mixture: equivalent to a penalty `penalty / γ` for each set. Penalties here are those of himalaya and scikit-learn; the
//! study's α is their square root, see [`crate::linear::ridge::penalty`]. Features and responses must be centred: there is no
//! intercept.
//!
//! Whatever does not depend on voxels is computed once per mixture, in a plan. The outer loop is therefore over mixtures,
//! the inner one over blocks of voxels, and [`BandedChoice`] tracks the best mixture of each voxel; those that some voxel
//! chose are then refitted on all rows. [`BandedProblem::fit`] does both for voxels that fit into memory.
//!
//! With fewer features than training scans, the Gram matrix of all sets' concatenated features takes the place of the
//! kernels.
//!
//! Source: Dupré la Tour et al. (2022), `NeuroImage` 264, 119728; himalaya's "random search" solver.

mod cost;
mod mixtures;
mod refit;

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::linear::ridge::BasisForm;
use crate::maths::matrix::{Eigen, EigenError, eigen, gram, hstack, product};
use crate::remedy::Remedy;
use crate::stats::score::r_squared;

pub use mixtures::candidates;
use mixtures::{check_penalties, check_weights};
pub use refit::{BandedRefitPlan, BandedSolution};

/// Errors of fitting a banded ridge model.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum BandedError {
    #[error("There are no mixtures to try. Ask for at least the equal one.")]
    NoCandidates,
    #[error(
        "A mixture has {n_weights} weights, but there are {n_sets} sets of features. Give one weight for each set."
    )]
    Weights { n_weights: usize, n_sets: usize },
    #[error("A mixture has the weight {0}. Weights must be at least 0.")]
    BadWeight(f64),
    #[error("There are no penalties to try. Give a list or a range.")]
    NoPenalties,
    #[error("A penalty is {0}. Each must be a number above 0.")]
    BadPenalty(f64),
    #[error("There are no rounds. At least one must hold rows out, and leave some.")]
    NoRounds,
    #[error(transparent)]
    Eigen(#[from] EigenError),
}

impl BandedError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Eigen(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// The kernels or Gram matrix of the feature sets that a banded ridge is fitted on.
#[derive(Debug, Clone)]
pub struct BandedProblem {
    n_sets: usize,
    n_training: usize,
    products: BandedProducts,
}

#[derive(Debug, Clone)]
enum BandedProducts {
    Kernel {
        /// Kernel of each set, `(n_training_scans, n_training_scans)`.
        training: Vec<Array2<f64>>,
        /// Kernel of each set, `(n_test_scans, n_training_scans)`.
        test: Vec<Array2<f64>>,
    },
    Primal {
        /// All sets concatenated, `(n_training_scans, n_features)`.
        training: Array2<f64>,
        /// `(n_test_scans, n_features)`.
        test: Array2<f64>,
        /// The columns of each set.
        columns: Vec<Range<usize>>,
        /// `(n_features, n_features)`.
        gram: Array2<f64>,
    },
}

/// Hyperparameters of a banded ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct BandedSettings {
    /// Candidate mixtures, each with a weight per set.
    pub candidates: Vec<Vec<f64>>,
    /// Candidate penalties for each mixture, above 0.
    pub penalties: Vec<f64>,
    /// Rows held out in each validation round.
    pub rounds: Vec<Vec<usize>>,
}

/// The result of a fit for some voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct BandedFit {
    /// For each voxel the index of its mixture.
    pub candidate: Vec<usize>,
    /// For each voxel the index of its penalty.
    pub penalty: Vec<usize>,
    /// For each voxel the mean validation R² of its mixture and penalty; −∞ where undefined.
    pub round_score: Array1<f64>,
    /// Each set's part of the prediction, `(n_test_scans, n_voxels)`; they sum to the prediction.
    pub parts: Vec<Array2<f64>>,
}

impl BandedFit {
    /// Returns the prediction, `(n_test_scans, n_voxels)`.
    #[must_use]
    pub fn predictions(&self) -> Array2<f64> {
        let mut parts = self.parts.iter();
        let first = parts.next().cloned().unwrap_or_default();
        parts.fold(first, |sum, part| sum + part)
    }
}

/// Returns the contribution of each set to R², `(n_sets, n_voxels)`: Σ(2·y·part − part·prediction) / Σy², with `y` the
/// centred responses. Summed over the sets, this is the R² of the whole prediction ("product measure"). NaN where the
/// responses are constant.
///
/// * `parts`: per set `(n_scans, n_voxels)`, see [`BandedFit::parts`].
/// * `responses`: `(n_scans, n_voxels)`.
///
/// Source: Dupré la Tour et al. (2022); himalaya's `r2_score_split`.
#[must_use]
pub fn r_squared_of_parts(parts: &[ArrayView2<f64>], responses: ArrayView2<f64>) -> Array2<f64> {
    let mean = responses.mean_axis(Axis(0)).unwrap_or_default();
    let measured = &responses - &mean;
    let whole = parts
        .iter()
        .fold(Array2::<f64>::zeros(responses.dim()), |sum, part| {
            sum + part
        });
    let power = (&measured * &measured).sum_axis(Axis(0));
    let mut shares = Array2::zeros((parts.len(), responses.ncols()));
    for (mut share, part) in shares.rows_mut().into_iter().zip(parts) {
        let explained = (&measured * 2.0 - &whole) * part;
        let share_of_part = explained.sum_axis(Axis(0)) / &power;
        share.assign(&share_of_part.mapv(|share| if share.is_finite() { share } else { f64::NAN }));
    }
    shares
}

impl BandedProblem {
    /// Computes the kernels of the sets, or their Gram matrix, whichever is smaller.
    ///
    /// `sets`: per set the training features `(n_training_scans, n_features)` and test features
    /// `(n_test_scans, n_features)`.
    #[must_use]
    pub fn new(sets: &[(ArrayView2<f64>, ArrayView2<f64>)]) -> Self {
        let n_training = sets.first().map_or(0, |(training, _)| training.nrows());
        let n_features: usize = sets.iter().map(|(training, _)| training.ncols()).sum();
        let form = if n_features < n_training {
            BasisForm::Primal
        } else {
            BasisForm::Kernel
        };
        Self::in_form(form, sets)
    }

    /// As [`Self::new`], in a form chosen by the caller; the fit is the same up to rounding.
    ///
    /// # Panics
    /// Panics if the sets differ in their number of scans, which is a bug in the caller.
    #[must_use]
    pub fn in_form(form: BasisForm, sets: &[(ArrayView2<f64>, ArrayView2<f64>)]) -> Self {
        let training: Vec<_> = sets.iter().map(|(training, _)| *training).collect();
        let test: Vec<_> = sets.iter().map(|(_, test)| *test).collect();
        let kernels = |rows: &[ArrayView2<f64>]| -> Vec<Array2<f64>> {
            let pairs = rows.iter().zip(&training);
            pairs
                .map(|(rows, columns)| product(*rows, columns.t()))
                .collect()
        };
        let products = match form {
            BasisForm::Kernel => BandedProducts::Kernel {
                training: kernels(&training),
                test: kernels(&test),
            },
            BasisForm::Primal => {
                let together = hstack(&training);
                BandedProducts::Primal {
                    gram: gram(together.view()),
                    training: together,
                    test: hstack(&test),
                    columns: columns_of(&training),
                }
            }
        };
        Self {
            n_sets: sets.len(),
            n_training: training.first().map_or(0, ArrayView2::nrows),
            products,
        }
    }

    /// Fits voxels whose responses fit into memory.
    ///
    /// `responses`: `(n_training_scans, n_voxels)`.
    ///
    /// # Errors
    /// Returns a [`BandedError`] if a setting is invalid or a feature is not finite.
    pub fn fit(
        &self,
        responses: ArrayView2<f64>,
        settings: &BandedSettings,
    ) -> Result<BandedFit, BandedError> {
        if settings.candidates.is_empty() {
            return Err(BandedError::NoCandidates);
        }
        let mut choice = BandedChoice::new(responses.ncols());
        for candidate in 0..settings.candidates.len() {
            let plan = self.search_plan(candidate, settings)?;
            choice.take(candidate, &plan.scores(responses));
        }
        let n_test = self.n_test();
        let mut parts = vec![Array2::zeros((n_test, responses.ncols())); self.n_sets];
        for candidate in 0..settings.candidates.len() {
            let voxels = choice.voxels_of(candidate);
            if voxels.is_empty() {
                continue;
            }
            let plan = self.refit_plan(&settings.candidates[candidate])?;
            let penalties: Vec<f64> = voxels
                .iter()
                .map(|voxel| settings.penalties[choice.penalty[*voxel]])
                .collect();
            let responses = responses.select(Axis(1), &voxels);
            let fitted = plan.solve(responses.view(), &penalties).parts();
            for (part, fitted) in parts.iter_mut().zip(fitted) {
                for (voxel, column) in voxels.iter().zip(fitted.columns()) {
                    part.column_mut(*voxel).assign(&column);
                }
            }
        }
        Ok(BandedFit {
            candidate: choice.candidate,
            penalty: choice.penalty,
            round_score: choice.score,
            parts,
        })
    }

    /// Plans one mixture in all validation rounds. The plan holds the eigenvectors of every round's training rows, so keep
    /// only one at a time.
    ///
    /// # Errors
    /// Returns a [`BandedError`] if a setting is invalid or a feature is not finite.
    pub fn search_plan<'a>(
        &'a self,
        candidate: usize,
        settings: &'a BandedSettings,
    ) -> Result<SearchPlan<'a>, BandedError> {
        let weights = settings
            .candidates
            .get(candidate)
            .ok_or(BandedError::NoCandidates)?;
        check_penalties(&settings.penalties)?;
        let is_round = |held: &Vec<usize>| !held.is_empty() && held.len() < self.n_training;
        if settings.rounds.is_empty() || !settings.rounds.iter().all(is_round) {
            return Err(BandedError::NoRounds);
        }
        let rounds = settings.rounds.iter().map(|held| self.round(weights, held));
        Ok(SearchPlan {
            problem: self,
            penalties: &settings.penalties,
            rounds: rounds.collect::<Result<_, _>>()?,
        })
    }

    /// Plans the fit of one mixture on all training rows.
    ///
    /// # Errors
    /// Returns a [`BandedError`] if a weight is invalid or a feature is not finite.
    pub fn refit_plan(&self, weights: &[f64]) -> Result<BandedRefitPlan<'_>, BandedError> {
        Ok(BandedRefitPlan {
            problem: self,
            directions: self.directions(weights, &[])?,
            weights: weights.to_vec(),
        })
    }

    fn n_test(&self) -> usize {
        match &self.products {
            BandedProducts::Kernel { test, .. } => test.first().map_or(0, Array2::nrows),
            BandedProducts::Primal { test, .. } => test.nrows(),
        }
    }

    fn round(&self, weights: &[f64], held: &[usize]) -> Result<BandedRound, BandedError> {
        let directions = self.directions(weights, held)?;
        let rows = match &self.products {
            BandedProducts::Kernel { training, .. } => {
                mixed(training, weights, held, &directions.kept)
            }
            BandedProducts::Primal { training, .. } => {
                training.select(Axis(0), held) * &directions.scales
            }
        };
        Ok(BandedRound {
            seen: product(rows.view(), directions.vectors.view()),
            held: held.to_vec(),
            directions,
        })
    }

    /// Eigenbasis of the mixture over the rows that are not held out.
    fn directions(&self, weights: &[f64], held: &[usize]) -> Result<Directions, BandedError> {
        check_weights(weights, self.n_sets)?;
        let mut is_retained = vec![true; self.n_training];
        for row in held {
            is_retained[*row] = false;
        }
        let kept: Vec<usize> = (0..self.n_training)
            .filter(|row| is_retained[*row])
            .collect();
        let (matrix, scales) = match &self.products {
            BandedProducts::Kernel { training, .. } => {
                (mixed(training, weights, &kept, &kept), Array1::default(0))
            }
            BandedProducts::Primal {
                training,
                columns,
                gram: whole,
                ..
            } => {
                let scales = scales(weights, columns);
                let without = whole - &gram(training.select(Axis(0), held).view());
                let scaled = without * &scales * scales.view().insert_axis(Axis(1));
                (scaled, scales)
            }
        };
        let Eigen { values, vectors } = eigen(matrix.view())?;
        Ok(Directions {
            // Rounding may leave zero eigenvalues slightly negative.
            values: values.mapv(|value| value.max(0.0)),
            vectors,
            kept,
            scales,
        })
    }

    /// Coordinates of the training rows' responses in the eigenbasis, `(k, n_voxels)`.
    fn coordinates(&self, directions: &Directions, responses: ArrayView2<f64>) -> Array2<f64> {
        let kept = responses.select(Axis(0), &directions.kept);
        let sums = match &self.products {
            BandedProducts::Kernel { .. } => kept,
            BandedProducts::Primal { training, .. } => {
                // Zero rows contribute nothing, which saves a copy of the features.
                let mut rows = Array2::zeros(responses.dim());
                for (row, kept) in directions.kept.iter().zip(kept.rows()) {
                    rows.row_mut(*row).assign(&kept);
                }
                let sums = product(training.t(), rows.view());
                sums * directions.scales.view().insert_axis(Axis(1))
            }
        };
        product(directions.vectors.t(), sums.view())
    }
}

/// Eigenvectors of a mixture over the training rows.
struct Directions {
    /// `(k,)`.
    values: Array1<f64>,
    /// `(k, k)`, one eigenvector per column.
    vectors: Array2<f64>,
    kept: Vec<usize>,
    /// `(n_features,)`: for each column the square root of its set's weight, in the primal form; else empty.
    scales: Array1<f64>,
}

struct BandedRound {
    held: Vec<usize>,
    directions: Directions,
    /// The held-out rows in the eigenbasis, `(n_held, k)`.
    seen: Array2<f64>,
}

/// One mixture, planned in all rounds; shared by all voxels.
pub struct SearchPlan<'a> {
    problem: &'a BandedProblem,
    penalties: &'a [f64],
    rounds: Vec<BandedRound>,
}

impl SearchPlan<'_> {
    /// Returns the mean R² over the rounds at each penalty, `(n_penalties, n_voxels)`; NaN where the responses are constant
    /// in a round.
    ///
    /// `responses`: `(n_training_scans, n_voxels)`, of any block of voxels.
    ///
    /// # Panics
    /// Panics if `responses` has another number of scans than the features, which is a bug in the caller.
    #[must_use]
    pub fn scores(&self, responses: ArrayView2<f64>) -> Array2<f64> {
        assert_eq!(responses.nrows(), self.problem.n_training, "scans");
        let mut sum = Array2::zeros((self.penalties.len(), responses.ncols()));
        for round in &self.rounds {
            let coordinates = self.problem.coordinates(&round.directions, responses);
            let measured = responses.select(Axis(0), &round.held);
            for (penalty, mut sum) in self.penalties.iter().zip(sum.rows_mut()) {
                let factors = round
                    .directions
                    .values
                    .mapv(|value| 1.0 / (value + penalty));
                let shrunk = &coordinates * &factors.insert_axis(Axis(1));
                let predicted = product(round.seen.view(), shrunk.view());
                sum += &r_squared(predicted.view(), measured.view());
            }
        }
        sum / self.rounds.len() as f64
    }
}

/// The best mixture and penalty of each voxel found so far.
#[derive(Debug, Clone, PartialEq)]
pub struct BandedChoice {
    /// `(n_voxels,)`: mean R² over the rounds; −∞ where it was never defined.
    pub score: Array1<f64>,
    /// Index of the mixture.
    pub candidate: Vec<usize>,
    /// Index of the penalty.
    pub penalty: Vec<usize>,
}

impl BandedChoice {
    /// Starts a search in which no voxel has a choice yet.
    #[must_use]
    pub fn new(n_voxels: usize) -> Self {
        Self {
            score: Array1::from_elem(n_voxels, f64::NEG_INFINITY),
            candidate: vec![0; n_voxels],
            penalty: vec![0; n_voxels],
        }
    }

    /// Updates the choice with the scores of one more mixture, `(n_penalties, n_voxels)`; ties keep the earlier one.
    pub fn take(&mut self, candidate: usize, scores: &Array2<f64>) {
        for (voxel, scores) in scores.columns().into_iter().enumerate() {
            for (penalty, score) in scores.iter().enumerate() {
                self.offer(voxel, (candidate, penalty), *score);
            }
        }
    }

    /// Updates the choice of one voxel with a mixture and a penalty; ties keep the earlier one.
    pub fn offer(&mut self, voxel: usize, (candidate, penalty): (usize, usize), score: f64) {
        if score > self.score[voxel] {
            self.score[voxel] = score;
            self.candidate[voxel] = candidate;
            self.penalty[voxel] = penalty;
        }
    }

    /// Returns the voxels that chose a mixture, in ascending order.
    #[must_use]
    pub fn voxels_of(&self, candidate: usize) -> Vec<usize> {
        let numbers = 0..self.candidate.len();
        numbers
            .filter(|voxel| self.candidate[*voxel] == candidate)
            .collect()
    }
}

/// Weighted sum of the kernels, at some rows and columns.
fn mixed(
    kernels: &[Array2<f64>],
    weights: &[f64],
    rows: &[usize],
    columns: &[usize],
) -> Array2<f64> {
    let mut sum = Array2::zeros((rows.len(), columns.len()));
    for (kernel, weight) in kernels.iter().zip(weights) {
        for (mut sum, row) in sum.rows_mut().into_iter().zip(rows) {
            let kernel = kernel.row(*row);
            for (sum, column) in sum.iter_mut().zip(columns) {
                *sum += weight * kernel[*column];
            }
        }
    }
    sum
}

fn columns_of(sets: &[ArrayView2<f64>]) -> Vec<Range<usize>> {
    let mut end = 0;
    let next = |set: &ArrayView2<f64>| {
        let first = end;
        end += set.ncols();
        first..end
    };
    sets.iter().map(next).collect()
}

/// For each column the square root of its set's weight.
fn scales(weights: &[f64], columns: &[Range<usize>]) -> Array1<f64> {
    let of_set = |(weight, columns): (&f64, &Range<usize>)| vec![weight.sqrt(); columns.len()];
    weights.iter().zip(columns).flat_map(of_set).collect()
}
