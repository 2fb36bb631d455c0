//! The ONNX graph of Whisper's encoder.
//!
//! The silence that pads a window to 30 s gives identical columns after the stem, which are computed once and repeated.
//!
//! Source: Radford et al. (2022), arXiv 2212.04356; tensor names are those of Hugging Face checkpoints.

use std::collections::BTreeSet;

use heschl_core::speech::encoder::{NumberFormat, Precision, Weight};

use super::{N_FRAMES, WhisperConfig};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::onnx::{Attribute, Dim, GraphBuilder, Value};
use crate::transformer::{
    Activation, Bias, BlockNames, BlockShape, Blocks, Built, LastBlock, NormPlace, Purpose,
    TORCH_EPSILON,
};

const N_FRAMES_DIM: i64 = N_FRAMES as i64;

const NAMES: BlockNames = BlockNames {
    blocks: "layers",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    attention_out: "self_attn.out_proj",
    attention_norm: "self_attn_layer_norm",
    widen: "fc1",
    narrow: "fc2",
    feed_forward_norm: "final_layer_norm",
};

/// Prefixes of the encoder's tensor names in published checkpoints.
const PREFIXES: [&str; 3] = ["model.encoder.", "encoder.", ""];
/// Tensors that identify an encoder, without prefix.
const MARKERS: [&str; 2] = ["conv1.weight", "embed_positions.weight"];

/// Builds the graph that computes `layers` (ascending, not empty) at the requested frame.
///
/// Inputs: `input` `(batch, n_mels, n_frames)` log-mel frames, the last six of them silence; `wanted_frames` `(batch,)`.
/// Output: `(batch, layers, d_model)`.
///
/// # Errors
/// Returns a [`CheckpointError`] if a tensor is missing, has another shape than the configuration implies, or an
/// unsupported number format.
pub fn graph(
    config: &WhisperConfig,
    checkpoint: &Checkpoint,
    layers: &[usize],
    precision: Precision,
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
    let mut encoder = blocks(config, checkpoint, (precision, Purpose::Run))?;
    let hidden = hidden_states(&mut encoder, config, layers)?;
    let shape = [
        Dim::Named("batch"),
        Dim::Fixed(layers.len()),
        Dim::Fixed(config.d_model),
    ];
    encoder.graph.output_floats(&hidden, &shape);
    Ok(encoder.graph.finish("whisper encoder"))
}

/// Returns the prefix of the encoder's tensor names.
///
/// # Errors
/// Returns [`CheckpointError::SeveralEncoders`].
pub(crate) fn prefix(checkpoint: &Checkpoint) -> Result<String, CheckpointError> {
    checkpoint.encoder_prefix(&MARKERS, &PREFIXES)
}

/// Returns the names of the tensors used by the graph of all layers.
///
/// # Errors
/// Returns the errors of [`graph`].
pub(crate) fn tensors_used(
    config: &WhisperConfig,
    checkpoint: &Checkpoint,
) -> Result<BTreeSet<String>, CheckpointError> {
    let mut encoder = blocks(config, checkpoint, (Precision::F32, Purpose::Rehearsal))?;
    let layers: Vec<usize> = (0..=config.encoder_layers).collect();
    hidden_states(&mut encoder, config, &layers)?;
    Ok(encoder.into_asked())
}

fn blocks<'a>(
    config: &WhisperConfig,
    checkpoint: &'a Checkpoint,
    how: (Precision, Purpose),
) -> Result<Blocks<'a>, CheckpointError> {
    let shape = BlockShape {
        dim: config.d_model,
        n_heads: config.encoder_attention_heads,
        hidden_dim: config.encoder_ffn_dim,
        norm_epsilon: TORCH_EPSILON,
        norm_place: NormPlace::Before,
        activation: config.activation(),
        adapter_dim: None,
        key_bias: Bias::Absent,
        names: NAMES,
    };
    let prefix = prefix(checkpoint)?;
    Ok(Blocks::new(checkpoint, prefix, how, shape))
}

/// `(batch, layers, d_model)`: each requested layer at the requested frame.
fn hidden_states(encoder: &mut Blocks, config: &WhisperConfig, layers: &[usize]) -> Built {
    let mels = [
        Dim::Named("batch"),
        Dim::Fixed(config.num_mel_bins),
        Dim::Named("frames"),
    ];
    let input = encoder.graph.input_floats("input", &mels);
    let wanted_frames = encoder
        .graph
        .input_integers("wanted_frames", &[Dim::Named("batch")]);
    let placed = stem(encoder, config, &input)?;
    let frames = encoder.frames(&wanted_frames, &placed);
    let rows = encoder.graph.reshape(&placed, &[-1, config.d_model as i64]);
    let blocks = encoder.hidden_states(rows, &frames, layers, LastBlock::AtWanted)?;
    let mut hidden = blocks.at_wanted;
    if layers.last() == Some(&config.encoder_layers)
        && let Some(last) = hidden.pop()
    {
        // The last layer includes the final layer norm.
        hidden.push(encoder.norm("layer_norm", &last)?);
    }
    Ok(encoder.stacked(&hidden))
}

/// Two convolutions and the positional embedding: `(batch, n_mels, n_frames)` → `(batch, 1500, d_model)`.
fn stem(encoder: &mut Blocks, config: &WhisperConfig, mel: &Value) -> Built {
    let [d, mels] = [config.d_model, config.num_mel_bins];
    let once = convolution(encoder, "conv1", mel, [d, mels, 3], 1)?;
    let twice = convolution(encoder, "conv2", &once, [d, d, 3], 2)?;
    let columns = encoder.graph.transpose(&twice, &[0, 2, 1]);
    let columns = repeat_silence(&mut encoder.graph, &columns);
    let positions = encoder.weight("embed_positions.weight", &[N_FRAMES, d], NumberFormat::F32)?;
    Ok(encoder.graph.op("Add", &[&columns, &positions], &[]))
}

fn convolution(
    encoder: &mut Blocks,
    name: &str,
    input: &Value,
    shape: [usize; 3],
    stride: i64,
) -> Built {
    let kernel = encoder.matrix(&format!("{name}.weight"), &shape)?;
    let bias = encoder.matrix(&format!("{name}.bias"), &shape[..1])?;
    let input = encoder.as_matrix(input);
    let attributes = [
        Attribute::Ints("kernel_shape", &[3]),
        Attribute::Ints("pads", &[1, 1]),
        Attribute::Ints("strides", &[stride]),
    ];
    let output = encoder
        .graph
        .op("Conv", &[&input, &kernel, &bias], &attributes);
    let output = encoder.activated(&output, Activation::Gelu);
    Ok(encoder.single_precision(&output))
}

/// Extends the stem's output to 1500 columns. The last column but one depends on silence alone, and stands for all omitted
/// ones; the very last one also depends on the padding at the end of the 30 s, and stays last.
fn repeat_silence(graph: &mut GraphBuilder, columns: &Value) -> Value {
    let all_but_last = graph.slice(columns, 1, 0, -1);
    let last = graph.slice(columns, 1, -1, i64::MAX);
    let shape = graph.op("Shape", &[columns], &[]);
    let n_columns = graph.slice(&shape, 0, 1, 2);
    let n_frames = graph.integers(&[N_FRAMES_DIM]);
    let n_missing = graph.op("Sub", &[&n_frames, &n_columns], &[]);
    let [before, batch_and_features] = [graph.integers(&[0, 0, 0, 0]), graph.integers(&[0])];
    let pads = graph.concat(&[before, n_missing, batch_and_features], 0);
    let edge = [Attribute::Text("mode", "edge")];
    let repeated = graph.op("Pad", &[&all_but_last, &pads], &edge);
    graph.concat(&[repeated, last], 1)
}
