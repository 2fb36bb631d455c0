//! `heschl models check`: what a person needs to know of a model before a night-long run.

use std::path::Path;
use std::time::Instant;

use heschl_core::run::store::atomic;
use heschl_core::speech::audio::{Recording, Resampling};
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{
    Batch, DeviceChoice, Encoder, OnnxEncoder, OnnxOptions, Precision,
};
use heschl_core::speech::front_end::InputPreparation;
use ndarray::{Array3, Axis};

use crate::console::{self, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::forecast::memory_in_use;
use crate::setup;

/// Window that a model is checked with: 16.1 s, as the study has it.
const CHECK_SAMPLES: usize = 257_600;
/// Batches that are timed, after one that is not.
const CHECK_BATCHES: usize = 4;

/// Runs the encoder on a few full windows of the bundled recording and prints each layer's statistics.
pub(super) fn check(model: &str, last_layer: LastLayer, runtime: Option<&Path>) -> CommandResult {
    let opened = setup::open_model(model)?.with_last_layer(last_layer)?;
    if let Some(notice) = setup::unknown_entries_notice(&opened) {
        console::note(notice);
    }
    let card = opened.card().clone();
    let layers: Vec<usize> = (0..card.n_layers).collect();
    let begun = Instant::now();
    let built = opened.build(&layers, Precision::F32)?;
    let build_secs = begun.elapsed().as_secs_f64();
    let runtime = setup::open_runtime(runtime)?;
    let options = OnnxOptions {
        device: DeviceChoice::Auto,
        n_threads: setup::n_threads(),
    };
    let begun = Instant::now();
    let mut encoder = OnnxEncoder::load(&runtime, &built, options)?;
    let load_secs = begun.elapsed().as_secs_f64();
    let batches = check_batches(&mut encoder)?;
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
    let is_finite = print_layers(&rows, |at| match layers.get(at) {
        Some(layer) => card.layer_name(*layer),
        None => "final".into(),
    });
    say(format_args!("device   {}", encoder.device()));
    say(format_args!(
        "graph    {build_secs:.2} s, {} in memory; the weights stay where they are",
        console::bytes(built.graph.len() as u64)
    ));
    say(format_args!("loading  {load_secs:.2} s"));
    say(format_args!(
        "speed    {per_sec:.1} windows of 16.1 s per second"
    ));
    say(format_args!("memory   {}", console::bytes(memory_in_use())));
    if is_finite {
        say("All numbers are finite.");
        return Ok(Outcome::Done);
    }
    Err(Failure::new(format!(
        "The encoder gives numbers that are not finite: its weights are damaged, or were saved from a training that failed. \
         If the model was downloaded, fetch it again.\nFolder: {}",
        built.folder.display()
    )))
}

/// Windows of the bundled recording, as many to a batch as an extraction takes.
fn check_batches(encoder: &mut OnnxEncoder) -> Result<Vec<Batch>, Failure> {
    let samples = bundled_samples()?;
    let card = encoder.card().clone();
    let mut preparation = InputPreparation::new(card.front_end, CHECK_SAMPLES);
    let n_batch = encoder.usual_batch();
    let step = (samples.len() - CHECK_SAMPLES) / ((CHECK_BATCHES + 1) * n_batch);
    let batch = |index: usize| {
        let mut batch = Batch::default();
        for row in 0..n_batch {
            let start = (index * n_batch + row) * step;
            let window = &samples[start..start + CHECK_SAMPLES];
            let input = preparation.prepare(encoder, window, start as u64)?;
            batch.push(&card, CHECK_SAMPLES, input);
        }
        Ok(batch)
    };
    (0..=CHECK_BATCHES).map(batch).collect()
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
