//! Significance of voxel scores: block permutation test and false discovery rate.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::maths::matrix::Real;
use crate::maths::random::PythonRandom;

/// Voxels per tile, the unit of work of one thread.
const TILE_VOXELS: usize = 128;

/// Permutations of test time: scans are cut into blocks, and the blocks are shuffled. Scans are autocorrelated, so
/// permuting single scans would produce false positives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockPermutations {
    orders: Vec<Vec<usize>>,
    n_blocks: usize,
}

impl BlockPermutations {
    /// Draws `n_permutations` orders of `n_scans` scans in blocks of `block_scans`; the last block may be shorter.
    /// Deterministic for a given seed.
    #[must_use]
    pub fn new(n_scans: usize, block_scans: usize, n_permutations: usize, seed: u64) -> Self {
        let block_scans = block_scans.max(1);
        let n_blocks = n_scans.div_ceil(block_scans);
        let mut random = PythonRandom::new(seed);
        let order = |_| {
            let mut blocks: Vec<usize> = (0..n_blocks).collect();
            random.shuffle(&mut blocks);
            let scans = |block: usize| block * block_scans..n_scans.min((block + 1) * block_scans);
            blocks.into_iter().flat_map(scans).collect()
        };
        Self {
            orders: (0..n_permutations).map(order).collect(),
            n_blocks,
        }
    }

    /// Returns the orders, each a permutation of all scan indices.
    #[must_use]
    pub fn orders(&self) -> &[Vec<usize>] {
        &self.orders
    }

    /// Returns the numbers of blocks and of their orders if these are fewer than the permutations: p values cannot be as small
    /// as the number of permutations suggests.
    #[must_use]
    pub fn too_few_orders(&self) -> Option<(usize, usize)> {
        let n_orders = (1..=self.n_blocks).try_fold(1, usize::checked_mul);
        let n_orders = n_orders.filter(|n| *n < self.orders.len())?;
        Some((self.n_blocks, n_orders))
    }

    /// Returns the p value of each voxel's correlation under permutations of the predictions: (1 + number of permutations
    /// with at least the observed r) / (1 + number of permutations), one-sided. NaN where the correlation is undefined.
    ///
    /// `predictions` and `responses`: `(n_scans, n_voxels)`.
    #[must_use]
    pub fn p_values<T: Real>(
        &self,
        predictions: ArrayView2<T>,
        responses: ArrayView2<T>,
    ) -> Array1<f64> {
        let mut p = Array1::zeros(responses.ncols());
        p.axis_chunks_iter_mut(Axis(0), TILE_VOXELS)
            .into_par_iter()
            .zip(predictions.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .for_each(|((mut p, predictions), responses)| {
                p.assign(&self.tile(&standardised(predictions), &standardised(responses)));
            });
        p
    }

    /// Both arguments are standardised, so that sums of products are correlations.
    fn tile(&self, predictions: &Array2<f64>, responses: &Array2<f64>) -> Array1<f64> {
        let in_order: Vec<usize> = (0..responses.nrows()).collect();
        let observed = sums_of_products(predictions, responses, &in_order);
        let mut n_as_large = Array1::<f64>::zeros(responses.ncols());
        for order in &self.orders {
            let permuted = sums_of_products(predictions, responses, order);
            Zip::from(&mut n_as_large)
                .and(&permuted)
                .and(&observed)
                // Tolerance for rounding: summed in another order, the identity permutation must count.
                .for_each(|n, permuted, observed| {
                    *n += f64::from(u8::from(*permuted >= observed - 1e-12));
                });
        }
        let n_orders = self.orders.len() as f64;
        Zip::from(&n_as_large)
            .and(&observed)
            .map_collect(|n, observed| {
                if observed.is_finite() {
                    (1.0 + n) / (1.0 + n_orders)
                } else {
                    f64::NAN
                }
            })
    }
}

fn sums_of_products(
    predictions: &Array2<f64>,
    responses: &Array2<f64>,
    order: &[usize],
) -> Array1<f64> {
    let mut sums = Array1::zeros(responses.ncols());
    for (measured, scan) in responses.rows().into_iter().zip(order) {
        Zip::from(&mut sums)
            .and(predictions.row(*scan))
            .and(measured)
            .for_each(|sum, predicted, measured| *sum += predicted * measured);
    }
    sums
}

/// Columns with mean 0 and sum of squares 1; NaN for a constant column.
pub(super) fn standardised<T: Real>(columns: ArrayView2<T>) -> Array2<f64> {
    let mut columns = columns.mapv(T::double);
    for mut column in columns.columns_mut() {
        let mean = column.sum() / column.len() as f64;
        column -= mean;
        let length = column.dot(&column).sqrt();
        // The variance of a constant column is not exactly 0 after rounding.
        let is_flat = length <= 1e-12 * mean.abs() * (column.len() as f64).sqrt();
        column /= if is_flat { f64::NAN } else { length };
    }
    columns
}

/// Returns q values: for each p, the smallest false discovery rate at which the voxel is significant (Benjamini–Hochberg).
/// NaN stays NaN and does not count as a test.
///
/// Source: Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289.
#[must_use]
pub fn q_values(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|voxel| p[*voxel].is_finite()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let n = order.len() as f64;
    let mut q = vec![f64::NAN; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, voxel) in order.iter().enumerate().rev() {
        smallest = smallest.min(p[*voxel] * n / (rank + 1) as f64);
        q[*voxel] = smallest;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n_scans: usize, n_voxels: usize, seed: u64) -> Array2<f64> {
        let mut random = PythonRandom::new(seed);
        Array2::from_shape_simple_fn((n_scans, n_voxels), || random.normal())
    }

    #[test]
    fn q_is_that_of_scipy() {
        // scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.005, 0.5, 0.55])
        let q = q_values(&[0.01, 0.04, 0.03, f64::NAN, 0.005, 0.5, 0.55]);
        let expected = [0.03, 0.06, 0.06, f64::NAN, 0.03, 0.55, 0.55];
        for (ours, theirs) in q.iter().zip(expected) {
            assert!(
                (ours - theirs).abs() < 1e-15 || (ours.is_nan() && theirs.is_nan()),
                "{q:?}"
            );
        }
    }

    #[test]
    fn p_is_the_share_of_all_orders_of_three_blocks() {
        // Six orders of three blocks of one scan; predictions 1, 2, 3 and responses 1, 3, 2: r = 0.5.
        let predictions = ndarray::array![[1.0], [2.0], [3.0]];
        let responses = ndarray::array![[1.0], [3.0], [2.0]];
        let permutations = BlockPermutations::new(3, 1, 6000, 1);
        let p = permutations.p_values(predictions.view(), responses.view());
        // Of the six orders of predictions, three give r ≥ 0.5: 1 (once) and 0.5 (twice).
        assert!((p[0] - 0.5).abs() < 3.0 * (0.25_f64 / 6000.0).sqrt(), "{p}");
        assert_eq!(permutations.too_few_orders(), Some((3, 6)));
        let enough = BlockPermutations::new(790, 10, 1000, 1);
        assert_eq!(enough.too_few_orders(), None);
    }

    #[test]
    fn without_a_relation_p_is_uniform_and_with_one_it_is_small() {
        let (predictions, mut responses) = (noise(200, 400, 1), noise(200, 400, 2));
        for voxel in 0..20 {
            let injected = predictions.column(voxel).mapv(|value| 0.6 * value);
            let mut response = responses.column_mut(voxel);
            response += &injected;
        }
        let permutations = BlockPermutations::new(200, 10, 199, 3);
        let p = permutations.p_values(predictions.view(), responses.view());
        assert!(p.iter().take(20).all(|p| *p <= 0.01));
        let empty: Vec<f64> = p.iter().skip(20).copied().collect();
        for level in [0.05, 0.2, 0.5] {
            let share = empty.iter().filter(|p| **p <= level).count() as f64 / 380.0;
            // Within four standard errors.
            let error = (level * (1.0 - level) / 380.0_f64).sqrt();
            assert!((share - level).abs() < 4.0 * error, "{share} of {level}");
        }
    }

    #[test]
    fn smooth_noise_is_not_taken_for_a_relation() {
        // Both are moving averages over 8 scans: with single scans permuted, a third of them would appear significant.
        let smooth = |seed| {
            let noise = noise(308, 300, seed);
            Array2::from_shape_fn((300, 300), |(scan, voxel)| {
                (0..8).map(|lag| noise[(scan + lag, voxel)]).sum::<f64>()
            })
        };
        let (predictions, responses) = (smooth(4), smooth(5));
        let share = |block_scans| {
            let permutations = BlockPermutations::new(300, block_scans, 199, 6);
            let p = permutations.p_values(predictions.view(), responses.view());
            p.iter().filter(|p| **p <= 0.05).count() as f64 / 300.0
        };
        assert!(share(30) < 0.11, "{}", share(30));
        assert!(share(1) > 0.2, "{}", share(1));
    }

    #[test]
    fn flat_voxels_have_no_p_and_neighbours_do_not_matter() {
        let (predictions, mut responses) = (noise(50, 3, 7), noise(50, 3, 8));
        responses.column_mut(1).fill(0.1);
        let permutations = BlockPermutations::new(50, 10, 99, 9);
        let p = permutations.p_values(predictions.view(), responses.view());
        assert!(p[1].is_nan() && p[0].is_finite());
        let last = ndarray::s![.., 2..];
        let alone = permutations.p_values(predictions.slice(last), responses.slice(last));
        assert_eq!(alone[0].to_bits(), p[2].to_bits());
    }
}
