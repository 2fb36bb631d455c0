//! What a fit will take: time, memory and disk.

use std::time::Instant;

use ndarray::Array2;

use super::{BLOCK_VOXELS, CONTROLLED_VOXELS, Column, FitCost, Reuse, reading_voxels};
use crate::matrix::{Real, eigen, gram, product_peak_flops};
use crate::random::PythonRandom;
use crate::recipe::{EncodeRecipe, FitPrecision};
use crate::ridge::{RoundsPlan, TILE_VOXELS};
use crate::significance::BlockPermutations;

/// Columns of the matrix whose products and decomposition are timed: as many as the fit's, within these bounds. Beyond them the time
/// grows with the cube.
const TRIAL_COLUMNS: std::ops::RangeInclusive<usize> = 256..=2048;
/// How often they are timed at most; the median counts.
const TRIALS: usize = 3;
/// They are not timed again once they took as long as this.
const TRIAL_SECS: f64 = 0.5;
/// Tiles of voxels reach this share of the machine's peak of products, as measured with `heschl bench ridge`.
const SHARE_OF_PEAK: f64 = 0.8;

/// The sizes of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FitSizes {
    /// Scans that are learned from.
    pub n_training_scans: usize,
    /// Scans that are predicted.
    pub n_test_scans: usize,
    /// Columns of the design matrix.
    pub n_columns: usize,
    /// Voxels.
    pub n_voxels: usize,
    /// Rounds that choose α.
    pub n_rounds: usize,
    /// Scans held out in the largest of them.
    pub n_held_scans: usize,
    /// Scans held out in any of them.
    pub n_ever_held_scans: usize,
}

/// How fast this machine computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineSpeed {
    /// Floating-point operations per second of products, in the fit's precision.
    pub product_flops: f64,
    /// The same of the features' own products, which are taken in double precision, as they are measured.
    pub gram_flops: f64,
    /// Seconds of a decomposition, divided by the cube of its size.
    pub eigen_secs: f64,
    /// Seconds of one permutation of one scan of one voxel.
    pub permutation_secs: f64,
}

impl MachineSpeed {
    /// Measures it, for fits of these sizes: one second to five.
    #[must_use]
    pub fn measure(precision: FitPrecision, sizes: &FitSizes) -> Self {
        let n_columns = sizes.n_columns.min(sizes.n_training_scans);
        let n_columns = n_columns.clamp(*TRIAL_COLUMNS.start(), *TRIAL_COLUMNS.end());
        // Taller than wide, as features are: the tiles on the diagonal, half of which are thrown away, count less.
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

    /// Seconds that the bases and the products of a fit take.
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

/// What a fit will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitForecast {
    /// Seconds, once the features are read.
    pub secs: f64,
    /// Bytes of memory at the most.
    pub memory_bytes: u64,
    /// Bytes of the results.
    pub disk_bytes: u64,
}

impl FitForecast {
    /// Of a recipe at given sizes, on a machine of given speed.
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

/// What a fit takes if nothing of its voxels is kept from step to step.
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

/// Bytes of what steps share of the voxels, as far as it is kept from one to the next: what the budget leaves.
pub(crate) fn cached_bytes<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> u64 {
    let left = memory_budget(recipe).saturating_sub(necessary_bytes::<T>(sizes, recipe));
    let wanted = FitCost::shared_values(sizes, recipe) * size_of::<T>();
    left.min((wanted * sizes.n_voxels) as u64)
}

/// How often voxels pass, and what is kept of them in between.
fn reuse<T: Real>(sizes: &FitSizes, recipe: &EncodeRecipe) -> Reuse {
    let n_alphas = recipe.ridge.alphas.values().len();
    let wanted = FitCost::shared_values(sizes, recipe) * size_of::<T>() * sizes.n_voxels;
    Reuse {
        n_groups: round_groups::<T>(sizes, n_alphas, memory_budget(recipe)).len(),
        kept: cached_bytes::<T>(sizes, recipe) as f64 / wanted.max(1) as f64,
    }
}

/// What a recipe lets a fit take, bytes.
pub(crate) fn memory_budget(recipe: &EncodeRecipe) -> u64 {
    (recipe.output.memory_gib.max(0.25) * f64::from(1 << 30)) as u64
}

/// Rounds that are worked out at once, so that their bases fit into memory: first and end of each group.
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
    /// Of a voxel's row in `scores.csv`, and of a page without its figures.
    const CSV_BYTES: usize = 190;
    let n_alphas = recipe.ridge.alphas.values().len();
    let scores = sizes.n_voxels * (8 * (Column::ALL.len() + n_alphas) + CSV_BYTES);
    let of_files =
        |is_wanted: bool, n_rows: usize| usize::from(is_wanted) * n_rows * sizes.n_voxels * 4;
    let files = of_files(recipe.output.weights, sizes.n_columns)
        + of_files(recipe.output.predictions, sizes.n_test_scans);
    // While it runs the journals are there, too.
    let journals = sizes.n_voxels * 8 * (sizes.n_rounds * n_alphas + Column::ALL.len());
    // In the journal and in the scores.
    let draws = 2 * sizes.n_voxels.div_ceil(BLOCK_VOXELS) * 16 * recipe.scores.n_draws;
    (scores + files + journals + draws + BLOCK_VOXELS) as u64
}
