//! Confidence intervals of correlations, by a block bootstrap over test time.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, s};

use crate::maths::matrix::{Real, product_by_one_thread};
use crate::maths::random::PythonRandom;

/// Voxels per tile, the unit of work of one thread.
const TILE_VOXELS: usize = 128;
/// Confidence level of the intervals of scores.
pub const CONFIDENCE: f64 = 0.95;
/// With fewer blocks than this, percentile intervals are much too narrow.
const FEWEST_BLOCKS: usize = 20;

/// Block bootstrap of test time: blocks are drawn with replacement, as many as there are. Scans are autocorrelated, so
/// resampling single scans would make intervals too narrow.
///
/// All voxels share the same draws, which preserves their correlations; the interval of a mean over voxels accounts for
/// them. The intervals describe variation over test time of the same subject and story, not over subjects.
///
/// Source: Efron (1979), Ann. Stat. 7, 1; non-overlapping variant of the block bootstrap of Künsch (1989), Ann. Stat. 17,
/// 1217.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockBootstrap {
    n_scans: usize,
    block_scans: usize,
    /// `(n_draws, n_blocks)`: number of times each block was drawn.
    counts: Array2<f64>,
}

impl BlockBootstrap {
    /// Draws `n_draws` resamples of `n_scans` scans in blocks of `block_scans`; the last block may be shorter.
    /// Deterministic for a given seed.
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
            n_scans,
            block_scans,
            counts,
        }
    }

    /// Returns a warning if there are too few blocks for intervals to reach their nominal coverage.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let n_blocks = self.counts.ncols();
        (n_blocks < FEWEST_BLOCKS).then(|| {
            format!(
                "The test scans make {n_blocks} blocks; with fewer than {FEWEST_BLOCKS}, intervals are too short. Test on more \
                 scans, or use shorter blocks."
            )
        })
    }

    /// Returns the correlation of each voxel in each draw, `(n_draws, n_voxels)`; NaN where undefined. Pass voxels in
    /// blocks to bound the memory.
    ///
    /// `predictions` and `responses`: `(n_scans, n_voxels)`.
    ///
    /// # Panics
    /// Panics if the number of scans differs from that of the draws, which is a bug in the caller.
    #[must_use]
    pub fn correlations<T: Real>(
        &self,
        predictions: ArrayView2<T>,
        responses: ArrayView2<T>,
    ) -> Array2<f64> {
        assert_eq!(responses.nrows(), self.n_scans, "scans");
        let mut r = Array2::zeros((self.counts.nrows(), responses.ncols()));
        r.axis_chunks_iter_mut(Axis(1), TILE_VOXELS)
            .into_par_iter()
            .zip(predictions.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
            .for_each(|((mut r, predictions), responses)| {
                r.assign(&self.tile(&scaled(predictions), &scaled(responses)));
            });
        r
    }

    /// Sums over a draw are sums over its blocks, weighted by their counts.
    fn tile(&self, predictions: &Array2<f64>, responses: &Array2<f64>) -> Array2<f64> {
        let drawn = |sums: Array2<f64>| product_by_one_thread(self.counts.view(), sums.view());
        let n_scans = self.counts.dot(&self.block_lengths());
        let one = Array2::ones((self.n_scans, predictions.ncols()));
        let x = drawn(self.block_sums(predictions, &one));
        let y = drawn(self.block_sums(responses, &one));
        let x_squared = drawn(self.block_sums(predictions, predictions));
        let y_squared = drawn(self.block_sums(responses, responses));
        let mut r = drawn(self.block_sums(predictions, responses));
        for (draw, n) in n_scans.iter().enumerate() {
            Zip::from(r.row_mut(draw))
                .and(x.row(draw))
                .and(y.row(draw))
                .and(x_squared.row(draw))
                .and(y_squared.row(draw))
                .for_each(|r, x, y, x_squared, y_squared| {
                    let spread = (x_squared - x * x / n) * (y_squared - y * y / n);
                    // The variance of a constant resample is not exactly 0 after rounding. Columns have mean square 1, so
                    // the threshold is relative.
                    *r = if spread > 1e-20 * n * n {
                        ((*r - x * y / n) / spread.sqrt()).clamp(-1.0, 1.0)
                    } else {
                        f64::NAN
                    };
                });
        }
        r
    }

    fn block_lengths(&self) -> Array1<f64> {
        let length = |block: usize| {
            let first = block * self.block_scans;
            (self.n_scans.min(first + self.block_scans) - first) as f64
        };
        (0..self.counts.ncols()).map(length).collect()
    }

    /// Sums of products within each block, `(n_blocks, n_voxels)`.
    fn block_sums(&self, left: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
        let mut sums = Array2::zeros((self.counts.ncols(), left.ncols()));
        for (scan, (left, right)) in left.rows().into_iter().zip(right.rows()).enumerate() {
            Zip::from(sums.row_mut(scan / self.block_scans))
                .and(left)
                .and(right)
                .for_each(|sum, left, right| *sum += left * right);
        }
        sums
    }
}

/// Columns with mean 0 and mean square 1, which avoids cancellation in the sums of squares; a constant column becomes 0.
fn scaled<T: Real>(columns: ArrayView2<T>) -> Array2<f64> {
    let mut columns = columns.mapv(T::double);
    for mut column in columns.columns_mut() {
        let mean = column.sum() / column.len() as f64;
        column -= mean;
        let spread = (column.dot(&column) / column.len() as f64).sqrt();
        // The spread of a constant column is not exactly 0 after rounding.
        if spread <= 1e-12 * mean.abs() {
            column.fill(0.0);
        } else {
            column /= spread;
        }
    }
    columns
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

impl Interval {
    /// Returns the central interval with the fraction `confidence` of `values`, such as 0.95, by percentiles with linear
    /// interpolation as in `numpy.percentile`. NaN if there are no values, or if one of them is NaN.
    #[must_use]
    pub fn of(values: ArrayView1<f64>, confidence: f64) -> Self {
        if values.iter().any(|value| value.is_nan()) {
            return Self {
                lower: f64::NAN,
                upper: f64::NAN,
            };
        }
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - confidence) / 2.0;
        Self {
            lower: percentile(&values, tail),
            upper: percentile(&values, 1.0 - tail),
        }
    }

    /// Returns the lower and upper bound.
    #[must_use]
    pub fn ends(self) -> [f64; 2] {
        [self.lower, self.upper]
    }

    /// Whether `value` lies within the interval.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}

/// Linearly interpolated quantile. `sorted`: ascending; `share`: 0 to 1.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Returns the interval of each voxel. `correlations`: `(n_draws, n_voxels)`, see [`BlockBootstrap::correlations`].
#[must_use]
pub fn voxel_intervals(correlations: ArrayView2<f64>, confidence: f64) -> Vec<Interval> {
    (0..correlations.ncols())
        .into_par_iter()
        .map(|voxel| Interval::of(correlations.slice(s![.., voxel]), confidence))
        .collect()
}

/// Bootstrap distribution of the mean over voxels, accumulated over blocks of voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanOfDraws {
    /// `(n_draws,)`.
    sums: Array1<f64>,
    /// `(n_draws,)`: number of voxels with a defined value.
    n_voxels: Array1<f64>,
}

impl MeanOfDraws {
    /// Creates an accumulator without voxels.
    #[must_use]
    pub fn new(n_draws: usize) -> Self {
        Self {
            sums: Array1::zeros(n_draws),
            n_voxels: Array1::zeros(n_draws),
        }
    }

    /// Adds voxels, `(n_draws, n_voxels)`: their r, or a function of it such as |r|·r. NaN values are skipped.
    pub fn add(&mut self, values: ArrayView2<f64>) {
        for (draw, values) in values.rows().into_iter().enumerate() {
            for value in values.iter().filter(|value| !value.is_nan()) {
                self.sums[draw] += value;
                self.n_voxels[draw] += 1.0;
            }
        }
    }

    /// Adds other voxels of the same draws. For bitwise reproducible sums, add blocks in the same order.
    ///
    /// # Panics
    /// Panics if the number of draws differs, which is a bug in the caller.
    pub fn join(&mut self, others: &Self) {
        self.sums += &others.sums;
        self.n_voxels += &others.n_voxels;
    }

    /// Returns the number of draws.
    #[must_use]
    pub fn n_draws(&self) -> usize {
        self.sums.len()
    }

    /// Returns the sum over voxels in each draw and the number of voxels summed, for serialisation.
    #[must_use]
    pub fn parts(&self) -> [ArrayView1<'_, f64>; 2] {
        [self.sums.view(), self.n_voxels.view()]
    }

    /// Rebuilds the accumulator from what [`MeanOfDraws::parts`] returned.
    ///
    /// # Panics
    /// Panics if the arrays differ in length, which is a bug in the caller.
    #[must_use]
    pub fn of_parts([sums, n_voxels]: [ArrayView1<f64>; 2]) -> Self {
        assert_eq!(sums.len(), n_voxels.len(), "draws");
        Self {
            sums: sums.to_owned(),
            n_voxels: n_voxels.to_owned(),
        }
    }

    /// Returns the confidence interval of the mean over all voxels added.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Interval {
        Interval::of((&self.sums / &self.n_voxels).view(), confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::score::correlation;

    /// White-noise predictions, and responses with the correlation `r` to them.
    fn pair(n_scans: usize, n_voxels: usize, r: f64, seed: u64) -> (Array2<f64>, Array2<f64>) {
        let mut random = PythonRandom::new(seed);
        let mut noise = || Array2::from_shape_simple_fn((n_scans, n_voxels), || random.normal());
        let (predictions, rest) = (noise(), noise());
        let responses = &predictions * r + &rest * (1.0 - r * r).sqrt();
        (predictions, responses)
    }

    #[test]
    fn a_percentile_is_that_of_numpy() {
        // numpy.percentile([0.3, -1.2, 2.5, 0.9, 4.0, -0.4], [2.5, 97.5, 10, 90])
        let values = ndarray::array![0.3, -1.2, 2.5, 0.9, 4.0, -0.4];
        let wide = Interval::of(values.view(), 0.95);
        assert!((wide.lower - -1.1).abs() < 1e-12, "{wide:?}");
        assert!((wide.upper - 3.8125).abs() < 1e-12, "{wide:?}");
        let narrow = Interval::of(values.view(), 0.8);
        assert!((narrow.lower - -0.8).abs() < 1e-12, "{narrow:?}");
        assert!((narrow.upper - 3.25).abs() < 1e-12, "{narrow:?}");
        assert!(
            Interval::of(ndarray::array![1.0, f64::NAN].view(), 0.9)
                .lower
                .is_nan()
        );
    }

    #[test]
    fn a_draw_is_the_correlation_of_its_scans_put_together() {
        // 53 scans in blocks of 10: the last has 3.
        let (predictions, responses) = pair(53, 130, 0.5, 1);
        let bootstrap = BlockBootstrap::new(53, 10, 40, 2);
        // Large means, where sums of squares lose precision.
        let (low, high) = (&responses - 500.0, &predictions * 0.01 + 1000.0);
        let r = bootstrap.correlations(high.view(), low.view());
        for (draw, counts) in bootstrap.counts.rows().into_iter().enumerate() {
            assert!((counts.sum() - 6.0).abs() < 1e-12);
            let block = |(block, n): (usize, &f64)| {
                let scans: Vec<usize> = (block * 10..53.min(block * 10 + 10)).collect();
                scans.repeat(*n as usize)
            };
            let scans: Vec<usize> = counts.iter().enumerate().flat_map(block).collect();
            let of = |columns: &Array2<f64>| columns.select(Axis(0), &scans);
            let expected = correlation(of(&predictions).view(), of(&responses).view());
            let furthest = Zip::from(r.row(draw))
                .and(&expected)
                .fold(0.0_f64, |most, a, b| most.max((a - b).abs()));
            assert!(furthest < 1e-9, "{furthest}");
        }
    }

    #[test]
    fn an_interval_of_95_percent_holds_the_truth_95_times_in_100() {
        let (predictions, responses) = pair(600, 2000, 0.4, 3);
        let bootstrap = BlockBootstrap::new(600, 10, 400, 4);
        assert_eq!(bootstrap.warning(), None);
        let r = bootstrap.correlations(predictions.view(), responses.view());
        let intervals = voxel_intervals(r.view(), 0.95);
        let n_held = intervals
            .iter()
            .filter(|interval| interval.holds(0.4))
            .count();
        let share = n_held as f64 / 2000.0;
        // With 60 blocks, a percentile interval is slightly too narrow. Four standard errors are 0.02.
        assert!((0.91..0.97).contains(&share), "{share}");
        // Its width is that of Fisher's interval: 2 · 1.96 · (1 − r²) / √n.
        let length = intervals.iter().map(|i| i.upper - i.lower).sum::<f64>() / 2000.0;
        let fisher = 2.0 * 1.96 * (1.0 - 0.16) / 600_f64.sqrt();
        assert!(
            (length / fisher - 1.0).abs() < 0.05,
            "{length} beside {fisher}"
        );
    }

    #[test]
    fn the_interval_of_the_mean_knows_that_voxels_share_their_noise() {
        // 200 copies of one voxel are as informative as one; the mean of 200 independent voxels is 14 times more precise.
        let length = |responses: &Array2<f64>, predictions: &Array2<f64>| {
            let bootstrap = BlockBootstrap::new(400, 10, 500, 5);
            let mut mean = MeanOfDraws::new(500);
            for voxels in [s![.., ..70], s![.., 70..]] {
                let r = bootstrap.correlations(predictions.slice(voxels), responses.slice(voxels));
                let mut block = MeanOfDraws::new(500);
                block.add(r.view());
                mean.join(&MeanOfDraws::of_parts(block.parts()));
            }
            let interval = mean.interval(0.95);
            interval.upper - interval.lower
        };
        let (predictions, responses) = pair(400, 200, 0.3, 6);
        let apart = length(&responses, &predictions);
        let copies = |columns: &Array2<f64>| columns.select(Axis(1), &[0; 200]);
        let together = length(&copies(&responses), &copies(&predictions));
        let ratio = together / apart;
        assert!((10.0..20.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn threads_change_nothing_and_flat_voxels_have_no_interval() {
        let (predictions, mut responses) = pair(100, 300, 0.2, 7);
        responses.column_mut(5).fill(0.1);
        responses[(3, 6)] = f64::NAN;
        let bootstrap = BlockBootstrap::new(100, 10, 50, 8);
        let with_threads = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n_threads)
                .build()
                .unwrap();
            pool.install(|| bootstrap.correlations(predictions.view(), responses.view()))
        };
        let (alone, three) = (with_threads(1), with_threads(3));
        let bits = |r: &Array2<f64>| r.mapv(f64::to_bits);
        assert_eq!(bits(&alone), bits(&three));
        for voxel in [5, 6] {
            assert!(alone.column(voxel).iter().all(|r| r.is_nan()));
            assert!(voxel_intervals(alone.view(), 0.9)[voxel].upper.is_nan());
        }
        // Other voxels are unaffected.
        let rest = s![.., 200..];
        let apart = bootstrap.correlations(predictions.slice(rest), responses.slice(rest));
        let furthest = Zip::from(&apart)
            .and(alone.slice(rest))
            .fold(0.0_f64, |most, a, b| most.max((a - b).abs()));
        assert!(furthest < 1e-13, "{furthest}");
        assert!(bootstrap.warning().unwrap().contains("make 10 blocks"));
    }
}
