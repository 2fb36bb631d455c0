//! How far a voxel's r might lie from what was found, had other stretches of the test been heard.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array2, ArrayView2, Axis, Zip};

use crate::matrix::{Real, product_by_one_thread};
use crate::random::PythonRandom;

/// Voxels that one thread looks at together.
const TILE_VOXELS: usize = 128;
/// Sums that a correlation is made of: x, y, xy, x², y².
const N_SUMS: usize = 5;

/// Blocks of test time drawn again and again, with replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockBootstrap {
    /// How often each block is drawn, `(n_draws, n_blocks)`.
    counts: Array2<f64>,
    block_scans: usize,
}

impl BlockBootstrap {
    /// `n_draws` draws of `n_scans` scans in blocks of `block_scans`; a last block may be shorter. The same for the same seed.
    #[must_use]
    pub fn new(n_scans: usize, block_scans: usize, n_draws: usize, seed: u64) -> Self {
        let block_scans = block_scans.max(1);
        let n_blocks = n_scans.div_ceil(block_scans);
        let mut random = PythonRandom::new(seed);
        let mut counts = Array2::zeros((n_draws, n_blocks));
        for mut draw in counts.rows_mut() {
            for _ in 0..n_blocks {
                draw[random.below(n_blocks)] += 1.0;
            }
        }
        Self {
            counts,
            block_scans,
        }
    }

    /// The interval of each voxel's r that holds 95 of 100 draws: `(2, n_voxels)`, lower and upper end; NaN where r is not
    /// defined in a draw.
    ///
    /// `predictions` and `responses`: `(n_scans, n_voxels)`.
    ///
    /// # Panics
    /// If the sizes do not fit each other: a fault of the caller.
    #[must_use]
    pub fn intervals<T: Real>(
        &self,
        predictions: ArrayView2<T>,
        responses: ArrayView2<T>,
    ) -> Array2<f64> {
        let mut ends = Array2::zeros((2, responses.ncols()));
        ends.axis_chunks_iter_mut(Axis(1), TILE_VOXELS)
            .into_par_iter()
            .zip(predictions.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .for_each(|((mut ends, predictions), responses)| {
                ends.assign(&self.tile(predictions, responses));
            });
        ends
    }

    /// The same for the voxels of one tile.
    fn tile<T: Real>(&self, predictions: ArrayView2<T>, responses: ArrayView2<T>) -> Array2<f64> {
        let n_voxels = responses.ncols();
        let (n_draws, n_blocks) = self.counts.dim();
        let sums = self.block_sums(predictions, responses, n_blocks);
        let drawn: Vec<Array2<f64>> = sums
            .iter()
            .map(|sums| product_by_one_thread(self.counts.view(), sums.view()))
            .collect();
        let lengths = self.lengths(predictions.nrows(), n_blocks);
        let n_scans: Vec<f64> = self
            .counts
            .rows()
            .into_iter()
            .map(|counts| counts.dot(&lengths))
            .collect();
        let mut ends = Array2::from_elem((2, n_voxels), f64::NAN);
        let mut all = vec![0.0; n_draws];
        for voxel in 0..n_voxels {
            for (draw, r) in all.iter_mut().enumerate() {
                let [x, y, xy, xx, yy] = std::array::from_fn(|sum| drawn[sum][(draw, voxel)]);
                let n = n_scans[draw];
                let variances = (xx - x * x / n) * (yy - y * y / n);
                *r = (xy - x * y / n) / variances.sqrt();
            }
            if n_draws > 0 && all.iter().all(|r| r.is_finite()) {
                all.sort_by(f64::total_cmp);
                ends[(0, voxel)] = percentile(&all, 0.025);
                ends[(1, voxel)] = percentile(&all, 0.975);
            }
        }
        ends
    }

    /// Sums of each block, `(n_blocks, n_voxels)` each. Columns are centred first, which changes no r and keeps figures.
    fn block_sums<T: Real>(
        &self,
        predictions: ArrayView2<T>,
        responses: ArrayView2<T>,
        n_blocks: usize,
    ) -> [Array2<f64>; N_SUMS] {
        let centred = |columns: ArrayView2<T>| {
            let columns = columns.mapv(T::double);
            let mean = columns.mean_axis(Axis(0)).unwrap_or_default();
            columns - mean
        };
        let (predictions, responses) = (centred(predictions), centred(responses));
        let mut sums: [Array2<f64>; N_SUMS] =
            std::array::from_fn(|_| Array2::zeros((n_blocks, responses.ncols())));
        for (scan, (predicted, measured)) in predictions
            .rows()
            .into_iter()
            .zip(responses.rows())
            .enumerate()
        {
            let block = scan / self.block_scans;
            let terms: [fn(f64, f64) -> f64; N_SUMS] =
                [|x, _| x, |_, y| y, |x, y| x * y, |x, _| x * x, |_, y| y * y];
            for (sums, term) in sums.iter_mut().zip(terms) {
                Zip::from(sums.row_mut(block))
                    .and(predicted)
                    .and(measured)
                    .for_each(|sum, x, y| *sum += term(*x, *y));
            }
        }
        sums
    }

    /// Scans of each block.
    fn lengths(&self, n_scans: usize, n_blocks: usize) -> ndarray::Array1<f64> {
        let length =
            |block: usize| (n_scans - block * self.block_scans).min(self.block_scans) as f64;
        (0..n_blocks).map(length).collect()
    }
}

/// The value below which a share of the sorted values lies, between neighbours by a straight line, as NumPy has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::correlation;

    #[test]
    fn draws_are_correlations_of_the_blocks_drawn() {
        let mut random = PythonRandom::new(1);
        let responses = Array2::from_shape_simple_fn((37, 3), || random.normal());
        let predictions = &responses + &Array2::from_shape_simple_fn((37, 3), || random.normal());
        // One draw: both ends are its r.
        for seed in 0..5 {
            let bootstrap = BlockBootstrap::new(37, 10, 1, seed);
            let ends = bootstrap.intervals(predictions.view(), responses.view());
            let mut rows = Vec::new();
            for (block, count) in bootstrap.counts.row(0).iter().enumerate() {
                for _ in 0..*count as usize {
                    rows.extend(block * 10..37.min((block + 1) * 10));
                }
            }
            let (drawn, measured) = (
                predictions.select(Axis(0), &rows),
                responses.select(Axis(0), &rows),
            );
            let expected = correlation(drawn.view(), measured.view());
            for voxel in 0..3 {
                assert!((ends[(0, voxel)] - expected[voxel]).abs() < 1e-12);
                assert!((ends[(1, voxel)] - expected[voxel]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn intervals_hold_the_true_r_about_as_often_as_they_say() {
        let mut random = PythonRandom::new(7);
        let true_r = 0.5_f64;
        let (n_scans, n_voxels) = (300, 400);
        let predictions = Array2::from_shape_simple_fn((n_scans, n_voxels), || random.normal());
        let noise = Array2::from_shape_simple_fn((n_scans, n_voxels), || random.normal());
        let responses = &predictions * true_r + &(noise * (1.0 - true_r * true_r).sqrt());
        let bootstrap = BlockBootstrap::new(n_scans, 10, 500, 3);
        let ends = bootstrap.intervals(predictions.view(), responses.view());
        let holds = |voxel: &usize| ends[(0, *voxel)] <= true_r && true_r <= ends[(1, *voxel)];
        let share = (0..n_voxels).filter(holds).count() as f64 / n_voxels as f64;
        // Percentile intervals of 30 blocks are known to be a little short.
        assert!((0.90..=0.98).contains(&share), "{share}");
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([1, 2, 4, 8], [2.5, 97.5])
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 0.025) - 1.075).abs() < 1e-12);
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 0.975) - 7.7).abs() < 1e-12);
        assert_eq!(percentile(&[3.0], 0.5).to_bits(), 3.0_f64.to_bits());
    }
}
