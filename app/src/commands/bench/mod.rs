//! `heschl bench`: speed beside the machine's peak, in one run.

mod brain;
mod ridge;

use std::path::PathBuf;

use heschl_core::run::pipeline::{self, Extraction};
use heschl_core::run::progress::{CancelToken, StageTimes};
use heschl_core::run::recipe::{
    ExtractRecipe, LayerChoice, ModelRecipe, OutputRecipe, StimuliRecipe, bounds,
};
use heschl_core::run::store::{FeaturesFolder, atomic};
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Encoder as _, OnnxRuntime, Precision};
use heschl_core::speech::stimuli::Stimulus;
use heschl_core::speech::window::{Coverage, WindowSettings};
use heschl_models::{catalogue, matrix_product_peak};

use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::fetching::fetch_model_if_missing;
use crate::setup::{self, ExtractionSetup};

/// Measure extraction speed relative to the machine's peak matrix-multiply rate
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// Speech encoder: a name from "heschl models list", or a model folder
    #[arg(long, value_name = "NAME|FOLDER", default_value = catalogue::STARTER)]
    model: String,

    /// Batch size [default: chosen for the device]
    #[arg(long, value_name = "N", value_parser = super::extract::batch_size)]
    batchsz: Option<usize>,

    /// Apply the model's feature extractor to the samples (always on for Whisper)
    #[arg(long = "use-featext", alias = "use_featext")]
    use_featext: bool,

    /// Repetitions; the median is reported
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = super::numbers::whole(bounds::N_ROUNDS))]
    rounds: usize,

    /// ONNX Runtime library to use instead of the one found automatically
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,
}

/// What else than an encoder is measured.
#[derive(clap::Subcommand)]
enum What {
    Ridge(ridge::Args),
    Brain(brain::Args),
}

/// One round: the mean of the peaks just before and after it, and what the extraction took.
struct BenchRound {
    peak_flops: f64,
    n_windows: usize,
    times: StageTimes,
}

/// Measures and prints.
///
/// # Errors
/// A sentence if the model or the runtime cannot be had.
pub(crate) fn run(args: Args) -> CommandResult {
    match &args.what {
        Some(What::Ridge(args)) => return ridge::run(args),
        Some(What::Brain(args)) => return brain::run(args),
        None => {}
    }
    fetch_model_if_missing(&args.model)?;
    let scratch = tempfile::tempdir()?;
    let recording = scratch.path().join("bench.wav");
    atomic::write(&recording, crate::RECORDING)?;
    let recipe = recipe(&args, scratch.path().to_path_buf());
    let mut setup = ExtractionSetup::open(&recipe, args.runtime.as_deref())?;
    let layers = setup.encoder.layers().to_vec();
    let lengths = recipe.window.lengths()?;
    let flops = setup.opened.matrix_flops(
        setup.input_mode,
        layers.last().copied().unwrap_or(0),
        lengths.window_samples as usize,
    );
    let stories = [Stimulus {
        story: "bench".into(),
        path: recording,
    }];
    let mut rounds = Vec::new();
    for _ in 0..args.rounds.max(1) {
        rounds.push(measure(&recipe, &stories, &mut setup)?);
    }
    let seconds = lengths.window_samples as f64 / 16_000.0;
    say(format_args!(
        "model            {} ({} layers)",
        setup.encoder.card().name,
        layers.len()
    ));
    say(format_args!(
        "device           {}, ONNX Runtime {}",
        setup.encoder.device(),
        setup.runtime.version()
    ));
    let work = flops.map_or(String::new(), |flops| {
        format!(
            ", {:.2} GFLOP in matrix products and convolutions",
            flops / 1e9
        )
    });
    say(format_args!("window           {seconds} s{work}"));
    print(&rounds, flops);
    Ok(Outcome::Done)
}

fn print(rounds: &[BenchRound], flops: Option<f64>) {
    let share_of_time = |secs: fn(&StageTimes) -> f64| {
        median(
            rounds
                .iter()
                .map(|round| 100.0 * secs(&round.times) / round.times.total_secs()),
        )
    };
    let peak = median(rounds.iter().map(|round| round.peak_flops));
    say(format_args!(
        "peak             {:.0} GFLOP/s (f32 matrix product of 2048 × 2048, best before and after each round)",
        peak / 1e9
    ));
    say(format_args!(
        "windows/s        {:.2} from audio to finished files",
        median(rounds.iter().map(rate))
    ));
    if let Some(flops) = flops {
        print_share(rounds, flops);
    }
    say(format_args!(
        "time             encoder {:.1} %, front end {:.1} %, disk {:.1} %, audio {:.1} %",
        share_of_time(|times| times.encoder_secs),
        share_of_time(|times| times.front_end_secs),
        share_of_time(|times| times.store_secs),
        share_of_time(|times| times.audio_secs),
    ));
}

fn rate(round: &BenchRound) -> f64 {
    round.n_windows as f64 / round.times.total_secs()
}

/// Prints how near the rounds came to the peak, where the operations of a window are known.
fn print_share(rounds: &[BenchRound], flops: f64) {
    let at_peak = median(rounds.iter().map(|round| round.peak_flops / flops));
    let share = median(
        rounds
            .iter()
            .map(|round| rate(round) * flops / round.peak_flops),
    );
    say(format_args!("at the peak      {at_peak:.2} windows/s"));
    say(format_args!(
        "share of peak    {share:.3} (median of {} rounds)",
        rounds.len()
    ));
}

fn measure(
    recipe: &ExtractRecipe,
    stories: &[Stimulus],
    setup: &mut ExtractionSetup,
) -> Result<BenchRound, Failure> {
    let peak = |runtime: &OnnxRuntime| matrix_product_peak(runtime, setup::n_threads());
    let before = peak(&setup.runtime)?;
    let folder = FeaturesFolder::create(&recipe.features_folder("bench"))?;
    let run = setup.run_info()?;
    let work = Extraction {
        recipe,
        stories,
        folder: &folder,
        run: &run,
        cancel: &CancelToken::default(),
    };
    let summary = pipeline::extract(&work, &mut setup.encoder, &mut |_| {})?;
    let peak_flops = f64::midpoint(before, peak(&setup.runtime)?);
    match summary.failed.first() {
        Some((_, message)) => Err(Failure::new(message.clone())),
        None => Ok(BenchRound {
            peak_flops,
            n_windows: summary.n_rows,
            times: summary.times,
        }),
    }
}

fn recipe(args: &Args, out: PathBuf) -> ExtractRecipe {
    ExtractRecipe {
        stimuli: StimuliRecipe {
            folder: out.clone(),
            recursive: false,
            resampling: Resampling::Refuse,
            stories: vec![],
            custom_stimuli: None,
        },
        model: ModelRecipe {
            model: args.model.clone(),
            layers: LayerChoice::All,
            last_layer: LastLayer::default(),
            use_featext: args.use_featext,
            precision: Precision::F32,
            device: DeviceChoice::Cpu,
            batch: args.batchsz.filter(|n| *n > 0),
        },
        window: WindowSettings {
            coverage: Coverage::FullContext,
            ..WindowSettings::default()
        },
        output: OutputRecipe {
            folder: out,
            overwrite: true,
        },
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
