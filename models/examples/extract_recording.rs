//! Extracts causal features from one recording: the hidden state at the end of each window, for every layer.
//!
//! `cargo run --release --example extract_recording -- RECORDING MODEL_FOLDER`

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::path::Path;

use heschl_core::speech::audio::{Resampling, SlidingAudio, count_samples};
use heschl_core::speech::encoder::{
    Batch, DeviceChoice, Encoder, OnnxEncoder, OnnxOptions, OnnxRuntime, Precision,
};
use heschl_core::speech::front_end::InputPreparation;
use heschl_core::speech::window::{WindowSettings, Windows};
use heschl_models::OpenModel;
use heschl_models::folders::Surroundings;
use heschl_models::runtime::find_runtime;
use ndarray::Axis;

const BATCH_WINDOWS: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recording, model] = &arguments[..] else {
        return Err("Give a recording and a model folder.".into());
    };
    let recording = Path::new(recording);

    let opened = OpenModel::open(Path::new(model), "model")?;
    let layers: Vec<usize> = (0..opened.card().n_layers).collect();
    let model = opened.build(&layers, Precision::F32)?;
    let options = OnnxOptions {
        device: DeviceChoice::Auto,
        n_threads: std::thread::available_parallelism()?.get(),
    };
    // Heschl's own ONNX Runtime, Python's, or the one that ORT_DYLIB_PATH names.
    let library = find_runtime(&Surroundings::of_this_process(), None)?
        .ok_or("There is no ONNX Runtime here: pip install onnxruntime")?;
    let mut encoder = OnnxEncoder::load(&OnnxRuntime::load(&library.path)?, &model, options)?;

    // Every second, the hidden state of the last frame after at most five seconds of sound.
    let settings = WindowSettings {
        chunk_ms: 1000.0,
        context_ms: 4000.0,
        ..WindowSettings::default()
    };
    let n_samples = count_samples(recording, Resampling::ToEncoderRate)?;
    let card = encoder.card().clone();
    let windows = Windows::new(&settings, card.reach(), n_samples)?;
    let mut audio = SlidingAudio::open(recording, Resampling::ToEncoderRate, &windows)?;
    let mut preparation = InputPreparation::new(card.front_end, windows.window_samples() as usize);

    for first in (0..windows.len()).step_by(BATCH_WINDOWS) {
        let rows = first..windows.len().min(first + BATCH_WINDOWS);
        let mut batch = Batch::default();
        for window in windows.range(rows.clone()) {
            let samples = audio.read(window)?;
            let input = preparation.prepare(&mut encoder, samples, window.start)?;
            batch.push(&card, samples.len(), input);
        }
        // (windows, layers, features)
        let features = encoder.encode(&batch)?;
        for (row, layers) in rows.zip(features.axis_iter(Axis(0))) {
            let [_, end] = windows.times(row);
            let sizes: Vec<String> = layers
                .outer_iter()
                .map(|layer| format!("{:.2}", layer.dot(&layer).sqrt()))
                .collect();
            println!("{end:6.1} s  norm of each layer: {}", sizes.join(" "));
        }
    }
    Ok(())
}
