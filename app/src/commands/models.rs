//! `heschl models`: which encoders there are, and how they get here.

mod add;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use heschl_core::audio::{Recording, Resampling};
use heschl_core::encoder::{Batch, DeviceChoice, Encoder, OnnxEncoder, OnnxOptions, Precision};
use heschl_core::front_end::Listening;
use heschl_core::store::atomic;
use heschl_models::catalogue::Architecture;
use heschl_models::folders::Surroundings;
use heschl_models::{added, catalogue, fetch};
use ndarray::{Array3, ArrayD, Axis, IxDyn};

use crate::console::{self, note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::forecast::memory_in_use;
use crate::{supply, workshop};

/// Window that a model is checked with: 16.1 s, as the study has it.
const CHECK_SAMPLES: usize = 257_600;
/// Batches that are timed, after one that is not.
const CHECK_BATCHES: usize = 4;

/// List, add, fetch and check speech encoders
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The encoders that Heschl knows, and where they are
    List,
    /// Use a checkpoint or an ONNX file that is on this machine; it stays as it is
    Add(add::Args),
    /// Forget a model that was added; its files stay, but for Heschl's copy of an ONNX file
    Remove {
        /// The name it was added under
        name: String,
    },
    /// Get an encoder of the list
    Fetch {
        /// Its name
        name: String,
    },
    /// Run an encoder on a recording and print what comes out
    Check {
        /// A name of the list, or a folder
        model: String,
        /// ONNX Runtime library to use instead of the one that is found
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
}

/// Does what was asked.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::List => list(),
        Command::Add(args) => add::run(args),
        Command::Remove { name } => remove(&name),
        Command::Fetch { name } => supply::fetch_model(&name).map(|()| Outcome::Done),
        Command::Check { model, runtime } => check(&model, runtime.as_deref()),
    }
}

fn list() -> CommandResult {
    let around = Surroundings::of_this_process();
    for entry in &catalogue::ENTRIES {
        let state = match entry.architecture {
            Architecture::Whisper if fetch::installed(&around, entry.name).is_some() => "here",
            Architecture::Whisper => "",
            Architecture::Hubert | Architecture::Wavlm => "later",
        };
        say(format_args!(
            "{:<17} {:>2} layers × {:<5} {:>5} MB  {:<13} {:<5} {}",
            entry.name,
            entry.layers + 1,
            entry.dimension,
            entry.download_megabytes,
            entry.licence.unwrap_or("licence?"),
            state,
            entry.repository
        ));
    }
    note("Those marked \"later\" cannot be run yet.");
    for own in added::added(&around)? {
        say(format_args!(
            "{:<17} added: {}",
            own.name,
            own.folder.display()
        ));
    }
    Ok(Outcome::Done)
}

fn remove(name: &str) -> CommandResult {
    if added::remove(&Surroundings::of_this_process(), name)? {
        return Ok(Outcome::Done);
    }
    Err(Failure(format!(
        "No model was added under the name \"{name}\". See: heschl models list"
    )))
}

/// Runs the encoder on a few full windows of the bundled recording and prints each layer's statistics.
fn check(model: &str, runtime: Option<&Path>) -> CommandResult {
    let opened = workshop::open_model(model)?;
    let card = opened.card().clone();
    let layers: Vec<usize> = (0..card.n_layers).collect();
    let built = opened.build(&layers, Precision::F32)?;
    let runtime = workshop::open_runtime(runtime)?;
    let options = OnnxOptions {
        device: DeviceChoice::Auto,
        n_threads: workshop::n_threads(),
    };
    let begun = Instant::now();
    let mut encoder = OnnxEncoder::load(&runtime, &built, options)?;
    let load_secs = begun.elapsed().as_secs_f64();
    let batches = check_batches(&encoder)?;
    let first = encoder.encode(&batches[0])?;
    let mut rows = vec![first];
    let begun = Instant::now();
    for batch in &batches[1..] {
        rows.push(encoder.encode(batch)?);
    }
    let n_timed = (batches.len() - 1) * encoder.usual_batch();
    let per_sec = n_timed as f64 / begun.elapsed().as_secs_f64();
    say(format_args!(
        "{} ({}, {} layers × {})",
        card.name, card.architecture, card.n_layers, card.dim
    ));
    let is_finite = print_layers(&rows, |layer| card.layer_name(layer));
    say(format_args!("device   {}", encoder.device()));
    say(format_args!("loading  {load_secs:.2} s"));
    say(format_args!(
        "speed    {per_sec:.1} windows of 16.1 s per second"
    ));
    say(format_args!("memory   {}", console::bytes(memory_in_use())));
    if is_finite {
        say("All numbers are finite.");
        return Ok(Outcome::Done);
    }
    Err(Failure(format!(
        "The encoder gives numbers that are not finite. Fetch the model again.\nFolder: {}",
        built.folder.display()
    )))
}

/// Windows of the bundled recording, as many to a batch as an extraction takes.
fn check_batches(encoder: &OnnxEncoder) -> Result<Vec<Batch>, Failure> {
    let samples = bundled_samples()?;
    let card = encoder.card();
    let mut listening = Listening::new(card.front_end, CHECK_SAMPLES);
    let [height, width] = listening.shape();
    let n_batch = encoder.usual_batch();
    let step = (samples.len() - CHECK_SAMPLES) / ((CHECK_BATCHES + 1) * n_batch);
    let batch = |index: usize| {
        let mut inputs = ArrayD::zeros(IxDyn(&[n_batch, height, width]));
        for (row, mut input) in inputs.outer_iter_mut().enumerate() {
            let start = (index * n_batch + row) * step;
            if let Some(input) = input.as_slice_mut() {
                listening.hear(&samples[start..start + CHECK_SAMPLES], start as u64, input);
            }
        }
        Batch {
            inputs,
            wanted_frames: vec![card.frame_rule.wanted_frame(CHECK_SAMPLES) as i64; n_batch],
        }
    };
    Ok((0..=CHECK_BATCHES).map(batch).collect())
}

fn bundled_samples() -> Result<Vec<f32>, Failure> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("bundled.wav");
    atomic::write(&path, crate::RECORDING)?;
    let mut recording = Recording::open(&path, Resampling::Refuse)?;
    let mut samples = Vec::new();
    while let Some(block) = recording.next_block()? {
        samples.extend_from_slice(block);
    }
    Ok(samples)
}

/// Prints mean, deviation and range of each layer; false if a number is not finite.
fn print_layers(rows: &[Array3<f32>], name: impl Fn(usize) -> String) -> bool {
    let n_layers = rows.first().map_or(0, |row| row.len_of(Axis(1)));
    let mut all_finite = true;
    for layer in 0..n_layers {
        let values: Vec<f32> = rows
            .iter()
            .flat_map(|row| {
                row.index_axis(Axis(1), layer)
                    .iter()
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect();
        let n_finite = values.iter().filter(|value| value.is_finite()).count();
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let deviation = (values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f32>()
            / n)
            .sqrt();
        let (least, most) = values
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| {
                (a.min(*v), b.max(*v))
            });
        all_finite &= n_finite == values.len();
        say(format_args!(
            "  {:<12} mean {mean:>8.3}  deviation {deviation:>7.3}  from {least:>8.2} to {most:>8.2}  {n_finite} of {} finite",
            name(layer),
            values.len()
        ));
    }
    all_finite
}
