//! Estimates of a fit's run time, memory and disk space.

use std::time::Instant;

use ndarray::Array2;

use super::{BLOCK_VOXELS, CONTROLLED_VOXELS, Column, reading_voxels};
use crate::linear::cost::{FitCost, FitSizes, Reuse};
use crate::linear::ridge::{RoundsPlan, TILE_VOXELS};
use crate::maths::matrix::{Real, eigen, gram, product_peak_flops};
use crate::maths::random::PythonRandom;
use crate::run::recipe::{EncodeRecipe, FitPrecision};
use crate::stats::significance::BlockPermutations;

/// Columns of the matrix whose products and decomposition are timed: as many as the fit's, within these bounds. Beyond
/// them, time is extrapolated with the cube of the size.
const TRIAL_COLUMNS: std::ops::RangeInclusive<usize> = 256..=2048;
/// Maximum number of timings; the median counts.
const TRIALS: usize = 3;
/// No further timing starts once this much time has been spent.
const TRIAL_SECS: f64 = 0.5;
/// Fraction of the machine's peak product throughput that tiles of voxels reach, as measured with `heschl bench ridge`.
const SHARE_OF_PEAK: f64 = 0.8;

/// Measured speed of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineSpeed {
    /// Floating-point operations per second of matrix products, in the fit's precision.
    pub product_flops: f64,
    /// The same of Gram matrices of the features, always in double precision.
    pub gram_flops: f64,
    /// Seconds of an eigendecomposition, divided by the cube of its size.
    pub eigen_secs: f64,
    /// Seconds per permutation, scan and voxel.
    pub permutation_secs: f64,
}

impl MachineSpeed {
    /// Benchmarks the machine for fits of these sizes; takes one to five seconds.
    #[must_use]
    pub fn measure(precision: FitPrecision, sizes: &FitSizes) -> Self {
        let n_columns = sizes.n_columns.min(sizes.n_training_scans);
        let n_columns = n_columns.clamp(*TRIAL_COLUMNS.start(), *TRIAL_COLUMNS.end());
        // Taller than wide, as features are: otherwise the tiles on the diagonal, half of which are discarded, would weigh
        // too much.
        let columns = noise(2 * n_columns, n_columns);
        let square = gram(columns.view());
        let cube = (n_columns as f64).powi(3);
        Self {
            product_flops: match precision {
                FitPrecision::F32 => product_peak_flops::<f32>(),
                FitPrecision::F64 => product_peak_flops::<f64>(),
            },
            gram_flops: 2.0 * cube / median_secs(|| gram(columns.view())),
            eigen_secs: median_secs(|| eigen(square.view())) / cube,
            permutation_secs: permutation_secs(),
        }
    }

    /// Returns the seconds that the decompositions and products of a fit take.
    #[must_use]
    pub fn secs(&self, work: &FitCost, n_voxels: usize) -> f64 {
        work.eigen_cubes * self.eigen_secs
            + work.shared_flops / self.gram_flops
            + (work.solved_flops + n_voxels as f64 * work.voxel_flops)
                / (self.product_flops * SHARE_OF_PEAK)
    }
}

fn median_secs<R>(work: impl Fn() -> R) -> f64 {
    let mut secs = Vec::new();
    while secs.len() < TRIALS && secs.iter().sum::<f64>() < TRIAL_SECS {
        let begun = Instant::now();
        std::hint::black_box(work());
        secs.push(begun.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    secs[secs.len() / 2]
}

fn permutation_secs() -> f64 {
    const SCANS: usize = 200;
    const VOXELS: usize = 1024;
    const PERMUTATIONS: usize = 100;
    let (predictions, responses) = (noise(SCANS, VOXELS), noise(SCANS, VOXELS));
    let orders = BlockPermutations::new(SCANS, 10, PERMUTATIONS, 0);
    let begun = Instant::now();
    std::hint::black_box(orders.p_values(predictions.view(), responses.view()));
    begun.elapsed().as_secs_f64() / (SCANS * VOXELS * PERMUTATIONS) as f64
}

fn noise(n_rows: usize, n_columns: usize) -> Array2<f64> {
    let mut random = PythonRandom::new(0);
    Array2::from_shape_simple_fn((n_rows, n_columns), || random.unit() - 0.5)
}

/// Estimated run time, memory and disk space of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitForecast {
    /// Seconds, excluding the reading of features.
    pub secs: f64,
    /// Peak memory, bytes.
    pub memory_bytes: u64,
    /// Size of the results, bytes.
    pub disk_bytes: u64,
}

impl FitForecast {
    /// Estimates the fit of a recipe at given sizes on a machine of given speed.
    #[must_use]
    pub fn new(sizes: &FitSizes, recipe: &EncodeRecipe, speed: &MachineSpeed) -> Self {
        match recipe.ridge.precision {
            FitPrecision::F32 => Self::of::<f32>(sizes, recipe, speed),
            FitPrecision::F64 => Self::of::<f64>(sizes, recipe, speed),
        }
    }

    fn of<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe, speed: &MachineSpeed) -> Self {
        let work = FitCost::of(sizes, recipe, reuse::<T>(sizes, recipe));
        let permutations = sizes.n_voxels * recipe.scores.n_permutations * sizes.n_test_scans;
        let controls = if recipe.scores.controls {
            speed.secs(
                &FitCost::of_controls(sizes),
                CONTROLLED_VOXELS.min(sizes.n_voxels),
            )
        } else {
            0.0
        };
        Self {
            secs: speed.secs(&work, sizes.n_voxels)
                + permutations as f64 * speed.permutation_secs
                + controls,
            memory_bytes: memory_bytes::<T>(sizes, recipe),
            disk_bytes: disk_bytes(sizes, recipe),
        }
    }
}

fn memory_bytes<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> u64 {
    necessary_bytes::<T>(sizes, recipe) + cached_bytes::<T>(sizes, recipe)
}

/// Peak memory of a fit that caches nothing between steps.
fn necessary_bytes<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> u64 {
    let n_scans = sizes.n_training_scans + sizes.n_test_scans;
    let budget = memory_budget(recipe);
    let n_alphas = recipe.ridge.alphas.values().len();
    let shape = (sizes.n_training_scans, sizes.n_columns);
    let (first, end) = round_groups::<T>(sizes, n_alphas, budget)[0];
    let plan = RoundsPlan::<T>::bytes(shape, sizes.n_held_scans, end - first, n_alphas);
    let n_at_once = reading_voxels(n_scans, size_of::<T>(), budget / 3).min(sizes.n_voxels.max(1));
    let reading = 2 * n_scans * n_at_once * size_of::<T>();
    let test = sizes.n_test_scans * sizes.n_columns * 8;
    let scores = sizes.n_voxels * (2 * n_alphas + Column::ALL.len()) * 8;
    let tiles = TILE_VOXELS * rayon::current_num_threads();
    let fits = FitCost::fits_values(sizes, recipe) * tiles * size_of::<T>();
    plan + (reading + test + scores + fits) as u64 + (64 << 20)
}

/// Bytes of shared products cached between steps, limited by the memory budget.
pub(crate) fn cached_bytes<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> u64 {
    let left = memory_budget(recipe).saturating_sub(necessary_bytes::<T>(sizes, recipe));
    let wanted = FitCost::shared_values(sizes, recipe) * size_of::<T>();
    left.min((wanted * sizes.n_voxels) as u64)
}

/// Passes over the voxels, and the fraction cached in between.
fn reuse<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> Reuse {
    let n_alphas = recipe.ridge.alphas.values().len();
    let wanted = FitCost::shared_values(sizes, recipe) * size_of::<T>() * sizes.n_voxels;
    Reuse {
        n_groups: round_groups::<T>(sizes, n_alphas, memory_budget(recipe)).len(),
        kept: cached_bytes::<T>(sizes, recipe) as f64 / wanted.max(1) as f64,
    }
}

/// Memory budget of a recipe, bytes.
pub(crate) fn memory_budget(recipe: &EncodeRecipe) -> u64 {
    (recipe.output.memory_gib.max(0.25) * f64::from(1 << 30)) as u64
}

/// Splits the rounds into groups whose plans fit into memory; returns the first and the end index of each group.
pub(crate) fn round_groups<T: Real>(
    sizes: &FitSizes,
    n_alphas: usize,
    budget: u64,
) -> Vec<(usize, usize)> {
    let shape = (sizes.n_training_scans, sizes.n_columns);
    let n_rounds = sizes.n_rounds;
    let fits = |n: &usize| {
        RoundsPlan::<T>::bytes(shape, sizes.n_held_scans, *n, n_alphas) <= budget * 2 / 3
    };
    let n_at_once = (1..=n_rounds).rev().find(fits).unwrap_or(1);
    let groups = (0..n_rounds).step_by(n_at_once);
    groups
        .map(|first| (first, n_rounds.min(first + n_at_once)))
        .collect()
}

fn disk_bytes(sizes: &FitSizes, recipe: &EncodeRecipe) -> u64 {
    /// Bytes per voxel in `scores.csv`, and of a report page without its figures.
    const CSV_BYTES: usize = 190;
    let n_alphas = recipe.ridge.alphas.values().len();
    let scores = sizes.n_voxels * (8 * (Column::ALL.len() + n_alphas) + CSV_BYTES);
    let of_files =
        |is_wanted: bool, n_rows: usize| usize::from(is_wanted) * n_rows * sizes.n_voxels * 4;
    let files = of_files(recipe.output.weights, sizes.n_columns)
        + of_files(recipe.output.predictions, sizes.n_test_scans);
    // The journals exist in addition while the fit runs.
    let journals = sizes.n_voxels * 8 * (sizes.n_rounds * n_alphas + Column::ALL.len());
    // Stored twice: in the journal and in the scores.
    let draws = 2 * sizes.n_voxels.div_ceil(BLOCK_VOXELS) * 16 * recipe.scores.n_draws;
    (scores + files + journals + draws + BLOCK_VOXELS) as u64
}
