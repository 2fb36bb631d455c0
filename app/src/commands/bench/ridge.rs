//! `heschl bench ridge`: the fit of an encoding model beside the machine's peak, in one run.

use std::collections::HashSet;
use std::time::Instant;

use clap::ValueEnum;
use heschl_core::linear::cost::{FitCost, FitSizes, ProductPrecision, Reuse};
use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    mean_over_rounds,
};
use heschl_core::linear::split::{CrossValidation, HeldChunks, TestFeatures, TrainingFeatures};
use heschl_core::maths::matrix::{Real, product_peak_flops};
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::encoding::{BLOCK_VOXELS, MachineSpeed};
use heschl_core::run::recipe::bounds;
use heschl_core::run::recipe::{Alphas, FitPrecision};
use heschl_core::stats::score::RoundScore;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::commands::numbers::whole;
use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};

/// Measure the speed of a ridge fit relative to the machine's peak matrix-multiply rate
#[derive(clap::Args)]
pub(super) struct Args {
    /// Training scans
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = whole(bounds::N_SCANS))]
    scans: usize,

    /// Test scans
    #[arg(long = "test-scans", value_name = "N", default_value_t = 300, value_parser = whole(bounds::N_SCANS))]
    test_scans: usize,

    /// Columns of the design matrix (features × delays)
    #[arg(long, value_name = "N", default_value_t = 1536, value_parser = whole(bounds::N_COLUMNS))]
    columns: usize,

    /// Number of voxels
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = whole(bounds::N_VOXELS))]
    voxels: usize,

    /// Number of α values, from 10 to 1000
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = whole(bounds::N_ALPHAS))]
    alphas: usize,

    /// Cross-validation rounds for α
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole(bounds::N_ROUNDS))]
    rounds: usize,

    /// Scans per chunk
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = whole(bounds::CHUNK_SCANS))]
    chunk: usize,

    /// Chunks held out in each round
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = whole(bounds::N_CHUNKS))]
    held: usize,

    /// Number format
    #[arg(long, value_enum, default_value_t = BenchPrecision::F32)]
    precision: BenchPrecision,

    /// Repetitions; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole(bounds::N_ROUNDS))]
    repeats: usize,

    /// Voxels of a full study, to extrapolate its run time
    #[arg(long = "forecast-voxels", value_name = "N", value_parser = whole(bounds::N_VOXELS))]
    forecast_voxels: Option<usize>,

    /// Also compute the weights
    #[arg(long)]
    weights: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BenchPrecision {
    F32,
    F64,
}

impl BenchPrecision {
    fn of_a_fit(self) -> FitPrecision {
        match self {
            BenchPrecision::F32 => FitPrecision::F32,
            BenchPrecision::F64 => FitPrecision::F64,
        }
    }
}

/// Seconds of each part of a fit.
#[derive(Debug, Clone, Copy)]
struct FitTimes {
    plan_rounds: f64,
    rounds: f64,
    plan_refit: f64,
    refit: f64,
}

impl FitTimes {
    fn total(&self) -> f64 {
        self.plan_rounds + self.rounds + self.plan_refit + self.refit
    }

    /// What grows with the number of voxels.
    fn of_voxels(&self) -> f64 {
        self.rounds + self.refit
    }
}

/// Measures and prints.
///
/// # Errors
/// A sentence if nothing would be left to learn from, or memory does not suffice.
pub(super) fn run(args: &Args) -> CommandResult {
    match args.precision {
        BenchPrecision::F32 => measure::<f32>(args),
        BenchPrecision::F64 => measure::<f64>(args),
    }
}

fn measure<T: Real>(args: &Args) -> CommandResult {
    let settings = RidgeSettings {
        alphas: Alphas::LogSpace {
            logspace: (1.0, 3.0, args.alphas),
        }
        .values(),
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::Correlation,
    };
    let method = CrossValidation::ChunkBootstrap {
        n_rounds: args.rounds,
        chunk_scans: args.chunk,
        chunks: HeldChunks::Count(args.held),
    };
    let rounds = method.rounds(&[args.scans], 0).map_err(Failure::from)?;
    let features = noise(args.scans + args.test_scans, args.columns, 1);
    let training = TrainingFeatures(features.slice(s![..args.scans, ..]).to_owned());
    let test = TestFeatures(features.slice(s![args.scans.., ..]).to_owned());
    drop(features);
    let responses = noise(args.scans, args.voxels, 2).mapv(T::nearest);
    let sizes = sizes(args, &rounds);
    let work = work(args, &sizes);
    let mut all = Vec::new();
    let mut peaks = Vec::new();
    let mut forecasts = Vec::new();
    for _ in 0..args.repeats.max(1) {
        peaks.push(product_peak_flops::<f32>());
        let speed = MachineSpeed::measure(args.precision.of_a_fit(), &sizes);
        forecasts.push(speed.secs(&work, args.voxels));
        let inputs = (&training, &test, responses.view());
        let times = fit(args, inputs, &rounds, &settings);
        all.push(times.map_err(Failure::from)?);
    }
    all.sort_by(|a, b| a.total().total_cmp(&b.total()));
    let middle = &all[all.len() / 2];
    print(args, &work, middle, median(peaks));
    print_forecast(args, middle, median(forecasts));
    Ok(Outcome::Done)
}

fn fit<T: Real>(
    args: &Args,
    (training, test, responses): (&TrainingFeatures, &TestFeatures, ArrayView2<T>),
    rounds: &[Vec<usize>],
    settings: &RidgeSettings,
) -> Result<FitTimes, heschl_core::linear::ridge::RidgeError> {
    let mut clock = Instant::now();
    let mut lap = || {
        std::mem::replace(&mut clock, Instant::now())
            .elapsed()
            .as_secs_f64()
    };
    let problem = Problem::<T>::new(training)?;
    let plan = RoundsPlan::new(&problem, rounds, settings)?;
    let plan_rounds = lap();
    let blocks = || responses.axis_chunks_iter(Axis(1), BLOCK_VOXELS);
    let mut kept = Vec::new();
    for block in blocks() {
        let shared = plan.shared(block);
        let scores = plan.scores_sharing(block, &shared);
        let best = best_alpha_per_voxel(mean_over_rounds(scores.view()).view());
        kept.push((shared, best));
    }
    drop(plan);
    let rounds = lap();
    let plan = RefitPlan::new(&problem, test, settings)?;
    let plan_refit = lap();
    let weights = if args.weights {
        Weights::Formed
    } else {
        Weights::Left
    };
    for (block, (shared, best)) in blocks().zip(kept) {
        std::hint::black_box(plan.fit_sharing(block, &shared, &best, weights));
    }
    Ok(FitTimes {
        plan_rounds,
        rounds,
        plan_refit,
        refit: lap(),
    })
}

fn print(args: &Args, work: &FitCost, times: &FitTimes, peak_flops: f64) {
    let voxel_flops = work.voxel_flops * args.voxels as f64;
    say(format_args!(
        "fit              {} × {} training, {} test, {} voxels, {} α, {} rounds of {} held out, {:?}",
        args.scans,
        args.columns,
        args.test_scans,
        args.voxels,
        args.alphas,
        args.rounds,
        args.chunk * args.held,
        args.precision
    ));
    say(format_args!(
        "peak             {:.0} GFLOP/s (f32 matrix product of 2048 × 2048, best before each fit)",
        peak_flops / 1e9
    ));
    say(format_args!("seconds          {:.2}", times.total()));
    say(format_args!(
        "parts            bases of the rounds {:.2}, rounds {:.2}, basis of the refit {:.2}, refit {:.2}",
        times.plan_rounds, times.rounds, times.plan_refit, times.refit
    ));
    say(format_args!(
        "share of peak    {:.3} (matrix products of all voxels, {:.0} GFLOP; with the bases {:.3})",
        voxel_flops / times.of_voxels() / peak_flops,
        voxel_flops / 1e9,
        voxel_flops / times.total() / peak_flops,
    ));
}

fn print_forecast(args: &Args, times: &FitTimes, forecast_secs: f64) {
    say(format_args!(
        "forecast         {forecast_secs:.2} s before the fit, {:.2} of what it took",
        forecast_secs / times.total()
    ));
    if let Some(n_voxels) = args.forecast_voxels {
        let per_voxel = times.of_voxels() / args.voxels as f64;
        let secs = times.total() - times.of_voxels() + per_voxel * n_voxels as f64;
        say(format_args!(
            "whole study      {} for {n_voxels} voxels",
            crate::console::duration(secs)
        ));
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What the fit computes, as the forecast of a recipe counts it.
fn sizes(args: &Args, rounds: &[Vec<usize>]) -> FitSizes {
    FitSizes {
        n_training_scans: args.scans,
        n_test_scans: args.test_scans,
        n_columns: args.columns,
        n_voxels: args.voxels,
        n_rounds: args.rounds,
        n_held_scans: args.chunk * args.held,
        n_ever_held_scans: rounds.iter().flatten().collect::<HashSet<_>>().len(),
    }
}

fn work(args: &Args, sizes: &FitSizes) -> FitCost {
    let reuse = Reuse {
        n_groups: 1,
        kept: 1.0,
    };
    FitCost::of_ridge(
        sizes,
        (args.alphas, AlphaUnit::Plain),
        match args.precision.of_a_fit() {
            FitPrecision::F32 => ProductPrecision::Single,
            FitPrecision::F64 => ProductPrecision::Double,
        },
        args.weights,
        reuse,
    )
}

fn noise(n_rows: usize, n_columns: usize, seed: u64) -> Array2<f64> {
    let mut random = PythonRandom::new(seed);
    Array2::from_shape_simple_fn((n_rows, n_columns), || {
        // Variance 1, without the tails that nobody needs here.
        (random.unit() - 0.5) * 12_f64.sqrt()
    })
}
