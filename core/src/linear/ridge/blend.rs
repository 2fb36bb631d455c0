//! Shrinkage at many penalties from few products.
//!
//! At a penalty `α²`, a direction with eigenvalue `λ` is multiplied by `1 / (λ + α²)`. Among directions of similar `λ`,
//! these factors are, at all penalties and to working precision, linear combinations of the same few functions of `λ`: the
//! matrix of factors has low numerical rank. Whatever is linear in the directions is therefore computed for these few terms
//! and combined: three or four products instead of fifteen for fifteen penalties, whatever the spectrum.
//!
//! The terms are found by adaptive cross approximation (Bebendorf, Numerische Mathematik 86, 2000), and the error is
//! checked for every direction and penalty.

use std::ops::Range;

use ndarray::parallel::prelude::{IntoParallelIterator, ParallelIterator};
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::maths::matrix::{Real, hstack, product_into};

/// Directions sampled to estimate how far a block can extend: the factors are smooth functions of the direction.
const SAMPLED: usize = 48;
/// Cost of writing and rereading a term, in multiplications, as measured alongside the products of a fit with 96 voxels per
/// tile.
const TERM_COST: usize = 12;

/// Rows multiplied at a time.
const PANEL_ROWS: usize = 128;

/// The shape of the matrix that multiplies the coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A general rectangular matrix.
    Rows,
    /// A square upper triangular matrix.
    UpperTriangle,
}

impl Shape {
    /// Average multiplications of a row with one term of all `n` directions.
    fn work(self, n: usize) -> usize {
        match self {
            Self::Rows => n,
            Self::UpperTriangle => n / 2,
        }
    }
}

/// Shrinkage factors at all penalties as linear combinations of terms (blockwise low rank).
#[derive(Debug, Clone)]
pub(super) struct Blend<T> {
    /// Blocks of neighbouring directions, each with its own terms; in order, they cover all directions.
    blocks: Vec<Block<T>>,
    /// `(n_alphas, n_terms)`: coefficient of each term, block after block, at each penalty.
    weights: Array2<T>,
    shape: Shape,
}

/// Neighbouring directions, thus of similar singular values.
#[derive(Debug, Clone)]
struct Block<T> {
    directions: Range<usize>,
    /// `(n_terms, n_directions)`: factor of each direction in each term.
    terms: Array2<T>,
}

/// A block in double precision, with its coefficients `(n_alphas, n_terms)`.
struct BlockCut {
    directions: Range<usize>,
    terms: Array2<f64>,
    weights: Array2<f64>,
}

impl<T: Real> Blend<T> {
    /// Approximates `factors` `(n_alphas, n_directions)`, all at least 0, with the number of terms per block that minimises
    /// the work for matrices of that shape.
    pub(super) fn of(factors: ArrayView2<f64>, shape: Shape) -> Self {
        let tolerance = tolerance::<T>(factors.ncols());
        let most_terms = (2..factors.nrows()).into_par_iter();
        let all: Vec<_> = most_terms
            .map(|most_terms| cut(factors, most_terms, tolerance))
            .collect();
        let mut best = vec![plain(factors)];
        for cuts in all {
            if work(&cuts, shape) < work(&best, shape) {
                best = cuts;
            }
        }
        let weights: Vec<_> = best.iter().map(|cut| cut.weights.view()).collect();
        let weights = hstack(&weights);
        let block = |cut: BlockCut| Block {
            directions: cut.directions,
            terms: cut.terms.mapv(T::nearest),
        };
        Self {
            // Row-major, as the products want their left factor.
            weights: weights.mapv(T::nearest).as_standard_layout().into_owned(),
            blocks: best.into_iter().map(block).collect(),
            shape,
        }
    }

    /// Multiplications per row and voxel.
    pub(super) fn work_of_row(&self) -> usize {
        let n_alphas = self.weights.nrows();
        let of = |block: &Block<T>| work_of_block(block.terms.dim(), n_alphas, self.shape);
        self.blocks.iter().map(of).sum()
    }

    /// Multiplies `rows` with the shrunk coordinates and passes each row's products to `visit`.
    ///
    /// * `rows`: `(n_rows, n_directions)`; `coordinates`: `(n_directions, n_voxels)`, before shrinkage.
    /// * `visit`: receives the index of a row and its products at each penalty, `(n_alphas, n_voxels)`.
    pub(super) fn for_each_row(
        &self,
        rows: ArrayView2<T>,
        coordinates: ArrayView2<T>,
        mut visit: impl FnMut(usize, ArrayView2<T>),
    ) {
        let n_voxels = coordinates.ncols();
        let (n_alphas, n_terms) = self.weights.dim();
        let scaled: Vec<_> = self
            .blocks
            .iter()
            .map(|block| block.scaled(coordinates))
            .collect();
        // All terms of a row, side by side.
        let mut terms = Array2::zeros((PANEL_ROWS, n_terms * n_voxels));
        let mut mixed = Array2::zeros((n_alphas, n_voxels));
        for (index, panel) in rows.axis_chunks_iter(Axis(0), PANEL_ROWS).enumerate() {
            let first_row = index * PANEL_ROWS;
            let zeros = match self.shape {
                Shape::Rows => 0,
                Shape::UpperTriangle => first_row,
            };
            let (mut first_term, mut term) = (0, 0);
            for (block, scaled) in self.blocks.iter().zip(&scaled) {
                let Range { start, end } = block.directions;
                let end_term = term + block.terms.nrows();
                if end > zeros {
                    let from = start.max(zeros);
                    let columns = term * n_voxels..end_term * n_voxels;
                    product_into(
                        terms.slice_mut(s![..panel.nrows(), columns]),
                        panel.slice(s![.., from..end]),
                        scaled.slice(s![from - start.., ..]),
                    );
                } else {
                    first_term = end_term;
                }
                term = end_term;
            }
            let weights = self.weights.slice(s![.., first_term..]);
            for row in 0..panel.nrows() {
                let of_row = terms.slice(s![row, first_term * n_voxels..]);
                let shape = (n_terms - first_term, n_voxels);
                match of_row.into_shape_with_order(shape) {
                    Ok(of_row) => product_into(mixed.view_mut(), weights, of_row),
                    Err(error) => unreachable!("a row is contiguous in memory: {error}"),
                }
                visit(first_row + row, mixed.view());
            }
        }
    }
}

impl<T: Real> Block<T> {
    /// `coordinates` `(k, n_voxels)` scaled by each term, side by side: `(n_directions, n_terms · n_voxels)`.
    fn scaled(&self, coordinates: ArrayView2<T>) -> Array2<T> {
        let n_voxels = coordinates.ncols();
        let mut scaled = Array2::zeros((self.directions.len(), self.terms.nrows() * n_voxels));
        let of_terms = scaled.axis_chunks_iter_mut(Axis(1), n_voxels.max(1));
        for (mut scaled, term) in of_terms.zip(self.terms.rows()) {
            let coordinates = coordinates.slice(s![self.directions.clone(), ..]);
            scaled.assign(&coordinates);
            scaled *= &term.insert_axis(Axis(1));
        }
        scaled
    }
}

/// Tolerated relative error of a factor: that of rounding in sums over so many directions.
fn tolerance<T: Real>(n_directions: usize) -> f64 {
    let terms = (n_directions as f64).sqrt().max(8.0);
    (terms * T::epsilon().double()).max(1e-13)
}

/// Expected multiplications per row over `k` directions, before the spectrum is known: counted for 1,500 to 5,000
/// directions with a spectrum that falls as `1/i`; one that falls as `1/i²`, and noise, take about as many.
pub(crate) fn expected_work<T: Real>(n_alphas: usize, k: usize, shape: Shape) -> usize {
    let (n_terms, n_blocks) = if tolerance::<T>(k) > 1e-10 {
        (3, 35)
    } else {
        (8, 14)
    };
    let mixing = n_blocks * n_terms * (n_alphas + TERM_COST);
    let plain = shape.work(n_alphas * k);
    plain.min(shape.work(n_terms * k) + mixing)
}

/// A single block in which each penalty is its own term (no compression).
fn plain(factors: ArrayView2<f64>) -> BlockCut {
    BlockCut {
        directions: 0..factors.ncols(),
        terms: factors.to_owned(),
        weights: Array2::eye(factors.nrows()),
    }
}

/// Multiplications per row.
fn work(cuts: &[BlockCut], shape: Shape) -> usize {
    let of = |cut: &BlockCut| work_of_block(cut.terms.dim(), cut.weights.nrows(), shape);
    cuts.iter().map(of).sum()
}

/// Multiplications per row for a block of terms `(n_terms, n_directions)`.
fn work_of_block((n_terms, n_directions): (usize, usize), n_alphas: usize, shape: Shape) -> usize {
    shape.work(n_terms * n_directions) + n_terms * (n_alphas + TERM_COST)
}

/// Cuts the directions greedily into the longest blocks that `most_terms` terms can represent.
fn cut(factors: ArrayView2<f64>, most_terms: usize, tolerance: f64) -> Vec<BlockCut> {
    let n_directions = factors.ncols();
    let mut cuts = Vec::new();
    let mut first = 0;
    while first < n_directions {
        let suffices = |end: usize| {
            let n = end - first;
            let steps = SAMPLED.min(n);
            let at = |step: usize| first + step * (n - 1) / (steps - 1).max(1);
            let sampled: Vec<usize> = (0..steps).map(at).collect();
            let sampled = factors.select(Axis(1), &sampled);
            approximated(sampled.view(), most_terms, tolerance).is_some()
        };
        // Binary search; a single direction always needs only one term.
        let (mut enough, mut too_many) = (first + 1, n_directions + 1);
        while too_many - enough > 1 {
            let middle = usize::midpoint(enough, too_many);
            if suffices(middle) {
                enough = middle;
            } else {
                too_many = middle;
            }
        }
        let found = loop {
            let all = factors.slice(s![.., first..enough]);
            match approximated(all, most_terms, tolerance) {
                Some(found) => break found,
                // The sampled directions were too optimistic: halve the block.
                None => enough = first + (enough - first).div_ceil(2),
            }
        };
        let (terms, weights) = found;
        cuts.push(BlockCut {
            directions: first..enough,
            terms,
            weights,
        });
        first = enough;
    }
    cuts
}

/// Adaptive cross approximation of `factors` `(n_alphas, n)` as `weights` `(n_alphas, n_terms)` times `terms`
/// `(n_terms, n)`; `None` if the relative error of some factor exceeds `tolerance` with `most_terms` terms.
fn approximated(
    factors: ArrayView2<f64>,
    most_terms: usize,
    tolerance: f64,
) -> Option<(Array2<f64>, Array2<f64>)> {
    let largest = factors.fold_axis(Axis(1), 0.0, |a, b| f64::max(*a, *b));
    let mut rest = factors.to_owned();
    let (mut terms, mut weights) = (Vec::new(), Vec::new());
    loop {
        let (mut furthest, mut pivot) = (0.0, (0, 0));
        for ((at, rest), factor) in rest.indexed_iter().zip(&factors) {
            // A direction dropped at this penalty has factor 0: the error is then relative to the penalty's largest factor.
            let size = if *factor > 0.0 {
                *factor
            } else {
                largest[at.0]
            };
            if rest.abs() > furthest * size {
                (furthest, pivot) = (rest.abs() / size, at);
            }
        }
        if furthest <= tolerance {
            break;
        }
        if terms.len() == most_terms {
            return None;
        }
        let term = rest.row(pivot.0).to_owned();
        let weight = rest.column(pivot.1).to_owned() / rest[pivot];
        for (mut row, weight) in rest.rows_mut().into_iter().zip(&weight) {
            row.scaled_add(-weight, &term);
        }
        terms.push(term);
        weights.push(weight);
    }
    let rows = |rows: &[ndarray::Array1<f64>], n: usize| {
        let mut all = Array2::zeros((rows.len(), n));
        for (mut to, row) in all.rows_mut().into_iter().zip(rows) {
            to.assign(row);
        }
        all
    };
    let weights = rows(&weights, factors.nrows());
    Some((rows(&terms, factors.ncols()), weights.reversed_axes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(values: impl Iterator<Item = f64>, alphas: &[f64]) -> Array2<f64> {
        let values: Vec<f64> = values.collect();
        let factor =
            |(alpha, direction): (usize, usize)| 1.0 / (values[direction] + alphas[alpha].powi(2));
        Array2::from_shape_fn((alphas.len(), values.len()), factor)
    }

    fn mixed<T: Real>(blend: &Blend<T>, n_directions: usize) -> Array2<f64> {
        let mut mixed = Array2::zeros((blend.weights.nrows(), n_directions));
        let mut first = 0;
        for block in &blend.blocks {
            let end = first + block.terms.nrows();
            let weights = blend.weights.slice(s![.., first..end]).mapv(T::double);
            let part = weights.dot(&block.terms.mapv(T::double));
            mixed
                .slice_mut(s![.., block.directions.clone()])
                .assign(&part);
            first = end;
        }
        assert_eq!(first, blend.weights.ncols());
        mixed
    }

    fn furthest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        let apart = a.iter().zip(b).map(|(a, b)| (a / b - 1.0).abs());
        apart.fold(0.0, f64::max)
    }

    #[test]
    fn penalties_are_mixed_from_fewer_terms_whatever_the_spectrum() {
        let n = 3000;
        let decades = |from: f64, to: f64, n: usize| -> Vec<f64> {
            let step = (to - from) / (n - 1) as f64;
            (0..n)
                .map(|i| 10_f64.powf(from + step * i as f64))
                .collect()
        };
        let spectra: [fn(f64) -> f64; 4] = [
            |i| 3e7 / i,
            |i| 3e7 / i.powi(2),
            |i| 1e4 + i,
            |i| if i < 1500.0 { 1e6 } else { 0.0 },
        ];
        for spectrum in spectra {
            for alphas in [decades(1.0, 3.0, 10), decades(1.0, 4.0, 15)] {
                let values = (1..=n).rev().map(|i| spectrum(f64::from(i)));
                let factors = factors(values, &alphas);
                let single = Blend::<f32>::of(factors.view(), Shape::UpperTriangle);
                assert!(furthest(&mixed(&single, n as usize), &factors) < 7e-6);
                let n_products: usize = single.blocks.iter().map(|block| block.terms.len()).sum();
                assert!(n_products < 7 * n as usize, "{n_products}");
                let double = Blend::<f64>::of(factors.view(), Shape::Rows);
                assert!(furthest(&mixed(&double, n as usize), &factors) < 1e-12);
            }
        }
    }

    #[test]
    fn few_penalties_or_directions_stay_as_they_are() {
        let one = factors([4.0, 9.0].into_iter(), &[2.0]);
        let few = factors((1..30).map(f64::from), &[1.0, 2.0, 5.0]);
        for factors in [one, few] {
            let blend = Blend::<f64>::of(factors.view(), Shape::Rows);
            assert_eq!(blend.blocks.len(), 1);
            assert_eq!(mixed(&blend, factors.ncols()), factors);
        }
    }

    #[test]
    fn dropped_directions_stay_dropped() {
        let alphas: Vec<f64> = (0..12).map(|i| 2_f64.powi(i)).collect();
        let mut factors = factors((0..2000).map(|i| f64::from(i).powi(2)), &alphas);
        factors.slice_mut(s![..3, ..40]).fill(0.0);
        let blend = Blend::<f32>::of(factors.view(), Shape::UpperTriangle);
        let mixed = mixed(&blend, 2000);
        let largest = factors.fold_axis(Axis(1), 0.0, |a, b| f64::max(*a, *b));
        for ((at, mixed), factor) in mixed.indexed_iter().zip(&factors) {
            assert!((mixed - factor).abs() <= 6e-6 * largest[at.0], "{at:?}");
        }
    }
}
