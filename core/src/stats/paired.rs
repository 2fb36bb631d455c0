//! Whether one model predicts better than another: paired block permutation test of the difference of their correlations.

use std::ops::Range;

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};

use super::significance::standardised;
use crate::maths::matrix::Real;
use crate::maths::random::PythonRandom;

/// Voxels per tile, the unit of work of one thread.
const TILE_VOXELS: usize = 128;
/// Differences that are equal but for rounding count as equal.
const ROUNDING: f64 = 1e-12;

/// Swaps of two models' predictions, block by block of test time. If both models predict equally well, either prediction of
/// a block could have come from either model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSwaps {
    block_scans: usize,
    n_scans: usize,
    /// For each permutation, whether each block is swapped.
    swaps: Vec<Vec<bool>>,
}

/// Differences of correlations, `(n_voxels,)` each; NaN where a correlation is undefined.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDifferences {
    /// r of the first model minus r of the second.
    pub difference: Array1<f64>,
    /// Two-sided p value.
    pub p: Array1<f64>,
}

impl BlockSwaps {
    /// Draws `n_permutations` swaps of the blocks of `block_scans` out of `n_scans` scans, each with probability ½; the last
    /// block may be shorter. Deterministic for a given seed.
    #[must_use]
    pub fn new(n_scans: usize, block_scans: usize, n_permutations: usize, seed: u64) -> Self {
        let block_scans = block_scans.max(1);
        let n_blocks = n_scans.div_ceil(block_scans);
        let mut random = PythonRandom::new(seed);
        let mut swap = |_| (0..n_blocks).map(|_| random.unit() < 0.5).collect();
        Self {
            block_scans,
            n_scans,
            swaps: (0..n_permutations).map(&mut swap).collect(),
        }
    }

    /// Returns the numbers of blocks and of absolute differences that their swaps can give if these are fewer than the
    /// permutations: p values cannot be as small as the number of permutations suggests. Swapping all other blocks instead
    /// changes only the sign.
    #[must_use]
    pub fn too_few(&self) -> Option<(usize, usize)> {
        let n_blocks = self.n_scans.div_ceil(self.block_scans);
        let n_kinds = u32::try_from(n_blocks.saturating_sub(1)).ok();
        let n_kinds = n_kinds.and_then(|n| 1_usize.checked_shl(n))?;
        (n_kinds < self.swaps.len()).then_some((n_blocks, n_kinds))
    }

    /// Tests the difference of two models' correlations with the responses, voxel by voxel.
    ///
    /// Both predictions are standardised first, so that a model whose predictions vary more has no advantage. p is (1 + number
    /// of permutations with at least the observed absolute difference) / (1 + number of permutations).
    ///
    /// * `first`, `second`: predictions `(n_scans, n_voxels)`.
    /// * `responses`: `(n_scans, n_voxels)`.
    ///
    /// # Panics
    /// Panics if the shapes differ, which is a bug in the caller.
    #[must_use]
    pub fn differences<T: Real>(
        &self,
        [first, second]: [ArrayView2<T>; 2],
        responses: ArrayView2<T>,
    ) -> PairedDifferences {
        let mut found = PairedDifferences {
            difference: Array1::zeros(responses.ncols()),
            p: Array1::zeros(responses.ncols()),
        };
        let PairedDifferences { difference, p } = &mut found;
        difference
            .axis_chunks_iter_mut(Axis(0), TILE_VOXELS)
            .into_par_iter()
            .zip(p.axis_chunks_iter_mut(Axis(0), TILE_VOXELS))
            .zip(first.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .zip(second.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .for_each(|((((mut difference, mut p), first), second), responses)| {
                let tile = [first, second, responses].map(standardised);
                let blocks = Blocks::of(tile, self);
                difference.assign(&blocks.observed());
                p.assign(&blocks.p_values(&self.swaps));
            });
        found
    }

    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = (0..self.n_scans).step_by(self.block_scans);
        starts.map(|from| from..self.n_scans.min(from + self.block_scans))
    }
}

/// Sums of a model's predictions over some scans, `(n_voxels,)` each.
#[derive(Clone)]
struct Sums {
    /// Of the predictions.
    values: Array1<f64>,
    /// Of their squares.
    squares: Array1<f64>,
    /// Of their products with the responses.
    products: Array1<f64>,
}

impl Sums {
    fn of(predictions: ArrayView2<f64>, responses: ArrayView2<f64>) -> Self {
        Self {
            values: predictions.sum_axis(Axis(0)),
            squares: (&predictions * &predictions).sum_axis(Axis(0)),
            products: (&predictions * &responses).sum_axis(Axis(0)),
        }
    }

    fn add(&mut self, other: &Self) {
        self.values += &other.values;
        self.squares += &other.squares;
        self.products += &other.products;
    }

    fn minus(&self, other: &Self) -> Self {
        Self {
            values: &self.values - &other.values,
            squares: &self.squares - &other.squares,
            products: &self.products - &other.products,
        }
    }

    fn zeros(n_voxels: usize) -> Self {
        Self {
            values: Array1::zeros(n_voxels),
            squares: Array1::zeros(n_voxels),
            products: Array1::zeros(n_voxels),
        }
    }

    /// r of the predictions, of responses with mean 0 and sum of squares 1.
    fn correlations(&self, n_scans: usize) -> Array1<f64> {
        Zip::from(&self.values)
            .and(&self.squares)
            .and(&self.products)
            .map_collect(|value, square, product| {
                product / (square - value * value / n_scans as f64).sqrt()
            })
    }
}

/// What the test needs of a tile of voxels: any swap of blocks changes only these sums.
struct Blocks {
    n_scans: usize,
    /// Of all scans, of each model.
    whole: [Sums; 2],
    /// Of each block: the second model's sums minus the first's.
    exchanges: Vec<Sums>,
}

impl Blocks {
    /// All arguments are standardised.
    fn of([first, second, responses]: [Array2<f64>; 3], swaps: &BlockSwaps) -> Self {
        let mut whole = [Sums::zeros(first.ncols()), Sums::zeros(first.ncols())];
        let mut exchanges = Vec::new();
        for scans in swaps.blocks() {
            let rows = s![scans, ..];
            let measured = responses.slice(&rows);
            let [of_first, of_second] =
                [&first, &second].map(|model| Sums::of(model.slice(&rows), measured));
            exchanges.push(of_second.minus(&of_first));
            whole[0].add(&of_first);
            whole[1].add(&of_second);
        }
        Self {
            n_scans: swaps.n_scans,
            whole,
            exchanges,
        }
    }

    fn observed(&self) -> Array1<f64> {
        let [first, second] = &self.whole;
        first.correlations(self.n_scans) - second.correlations(self.n_scans)
    }

    fn swapped(&self, swap: &[bool]) -> Array1<f64> {
        let mut exchanged = Sums::zeros(self.whole[0].values.len());
        for (exchange, _) in self.exchanges.iter().zip(swap).filter(|(_, swap)| **swap) {
            exchanged.add(exchange);
        }
        let [first, second] = &self.whole;
        let mut to_first = first.clone();
        to_first.add(&exchanged);
        to_first.correlations(self.n_scans) - second.minus(&exchanged).correlations(self.n_scans)
    }

    fn p_values(&self, swaps: &[Vec<bool>]) -> Array1<f64> {
        let observed = self.observed();
        let mut n_as_large = Array1::<f64>::zeros(observed.len());
        for swap in swaps {
            Zip::from(&mut n_as_large)
                .and(&self.swapped(swap))
                .and(&observed)
                .for_each(|n, swapped, observed| {
                    // A swap that leaves a model's predictions constant counts, too.
                    let is_smaller = swapped.abs() < observed.abs() - ROUNDING;
                    *n += f64::from(u8::from(!is_smaller));
                });
        }
        let n_swaps = swaps.len() as f64;
        Zip::from(&n_as_large)
            .and(&observed)
            .map_collect(|n, observed| {
                if observed.is_finite() {
                    (1.0 + n) / (1.0 + n_swaps)
                } else {
                    f64::NAN
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::score::correlation;
    use crate::stats::significance::q_values;

    fn noise(n_scans: usize, n_voxels: usize, seed: u64) -> Array2<f64> {
        let mut random = PythonRandom::new(seed);
        Array2::from_shape_simple_fn((n_scans, n_voxels), || random.normal())
    }

    /// Moving averages over 6 scans.
    fn smooth(n_scans: usize, n_voxels: usize, seed: u64) -> Array2<f64> {
        let noise = noise(n_scans + 5, n_voxels, seed);
        Array2::from_shape_fn((n_scans, n_voxels), |(scan, voxel)| {
            (0..6).map(|lag| noise[(scan + lag, voxel)]).sum::<f64>()
        })
    }

    #[test]
    fn the_difference_is_that_of_the_correlations_and_scale_does_not_matter() {
        let [first, second, responses] = [1, 2, 3].map(|seed| noise(83, 5, seed));
        let swaps = BlockSwaps::new(83, 10, 199, 1);
        let found = swaps.differences([first.view(), second.view()], responses.view());
        let expected = correlation(first.view(), responses.view())
            - correlation(second.view(), responses.view());
        for (ours, expected) in found.difference.iter().zip(&expected) {
            assert!((ours - expected).abs() < 1e-13);
        }
        let scaled = first.mapv(|value| 100.0 * value - 7.0);
        let again = swaps.differences([scaled.view(), second.view()], responses.view());
        assert_eq!(again.p, found.p);
        // The other way round: the same p, the other sign.
        let turned = swaps.differences([second.view(), first.view()], responses.view());
        assert_eq!(turned.p, found.p);
        assert!((turned.difference[0] + found.difference[0]).abs() < 1e-13);
    }

    #[test]
    fn of_equally_good_models_p_is_uniform_also_where_time_is_smooth() {
        // Both models hold the same signal and noise of their own.
        let signal = smooth(300, 600, 4);
        let with = |share: f64, seed| &signal + &(smooth(300, 600, seed) * share);
        let (first, second) = (with(1.5, 5), with(1.5, 6));
        let responses = with(1.0, 7);
        let swaps = BlockSwaps::new(300, 20, 199, 8);
        let found = swaps.differences([first.view(), second.view()], responses.view());
        for level in [0.05, 0.2, 0.5, 0.8] {
            let share = found.p.iter().filter(|p| **p <= level).count() as f64 / 600.0;
            let error = (level * (1.0 - level) / 600.0_f64).sqrt();
            assert!((share - level).abs() < 4.0 * error, "{share} of {level}");
        }
    }

    #[test]
    fn planted_differences_are_found_with_their_signs_and_few_others() {
        let signal = smooth(300, 400, 9);
        let with = |share: &dyn Fn(usize) -> f64, seed| {
            let mut noise = smooth(300, 400, seed);
            for (voxel, mut column) in noise.columns_mut().into_iter().enumerate() {
                let share = share(voxel);
                column *= share;
            }
            &signal + &noise
        };
        // The first model is better in the first 40 voxels, the second in the next 40.
        let first = with(&|voxel| if voxel < 40 { 0.3 } else { 1.5 }, 10);
        let second = with(
            &|voxel| if (40..80).contains(&voxel) { 0.3 } else { 1.5 },
            11,
        );
        let responses = with(&|_| 0.7, 12);
        let swaps = BlockSwaps::new(300, 10, 999, 13);
        let found = swaps.differences([first.view(), second.view()], responses.view());
        let q = q_values(&found.p.to_vec());
        let n_found = |voxels: Range<usize>, sign: f64| {
            let is_found =
                |voxel: &usize| q[*voxel] <= 0.05 && sign * found.difference[*voxel] > 0.0;
            voxels.filter(is_found).count()
        };
        assert!(n_found(0..40, 1.0) >= 36, "{}", n_found(0..40, 1.0));
        assert!(n_found(40..80, -1.0) >= 36, "{}", n_found(40..80, -1.0));
        let n_false = n_found(80..400, 1.0) + n_found(80..400, -1.0);
        assert!(n_false <= 12, "{n_false}");
    }

    #[test]
    fn flat_voxels_have_no_p_and_few_blocks_are_told() {
        let [mut first, second, responses] = [14, 15, 16].map(|seed| noise(60, 3, seed));
        first.column_mut(1).fill(2.0);
        let swaps = BlockSwaps::new(60, 20, 99, 17);
        let found = swaps.differences([first.view(), second.view()], responses.view());
        assert!(found.p[1].is_nan() && found.difference[1].is_nan() && found.p[0].is_finite());
        assert_eq!(swaps.too_few(), Some((3, 4)));
        assert_eq!(BlockSwaps::new(300, 10, 1000, 1).too_few(), None);
        // Identical models do not differ.
        let same = swaps.differences([second.view(), second.view()], responses.view());
        assert!(same.p.iter().all(|p| (p - 1.0).abs() < 1e-15), "{}", same.p);
    }
}
