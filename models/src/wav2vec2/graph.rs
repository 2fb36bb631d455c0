//! The ONNX graph of waveform encoders.
//!
//! Sources: Baevski et al. (2020), arXiv 2006.11477; Hsu et al. (2021), arXiv 2106.07447; Chen et al. (2022), arXiv
//! 2110.13900; Baevski et al. (2022), arXiv 2202.03555. Tensor names are those of Hugging Face checkpoints.

use std::collections::BTreeSet;

use heschl_core::speech::encoder::{Precision, Stem, Weight};

use super::adapter::adapted;
use super::convolutions::{Extent, placed, stem};
use super::{Family, Wav2Vec2Config};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::onnx::{Dim, Value};
use crate::transformer::{
    Bias, BlockNames, BlockShape, Blocks, Buckets, Built, Hidden, LastBlock, NormPlace, Purpose,
    RelativePositions,
};

/// Prefixes of the encoder's tensor names in published checkpoints.
const PREFIXES: [&str; 5] = ["hubert.", "wavlm.", "wav2vec2.", "data2vec_audio.", ""];
/// A tensor that identifies an encoder, without prefix.
const MARKERS: [&str; 1] = ["feature_projection.projection.weight"];

const NAMES: BlockNames = BlockNames {
    blocks: "encoder.layers",
    query: "attention.q_proj",
    key: "attention.k_proj",
    value: "attention.v_proj",
    attention_out: "attention.out_proj",
    attention_norm: "layer_norm",
    widen: "feed_forward.intermediate_dense",
    narrow: "feed_forward.output_dense",
    feed_forward_norm: "final_layer_norm",
};

/// Builds the graph that computes `layers` (ascending, not empty) at the requested frame.
///
/// Inputs: `input` `(batch, n_samples)` at 16 kHz; `wanted_frames` `(batch,)`. Output: `(batch, vectors, hidden_size)`, the
/// layers, followed by the final output if it is not one of them.
///
/// # Errors
/// Returns a [`CheckpointError`] if a tensor is missing, has another shape than the configuration implies, or an
/// unsupported number format.
pub fn graph(
    config: &Wav2Vec2Config,
    checkpoint: &Checkpoint,
    layers: &[usize],
    precision: Precision,
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
    let samples = [Dim::Named("batch"), Dim::Named("samples")];
    let mut encoder = blocks(config, checkpoint, (precision, Purpose::Run))?;
    let input = encoder.graph.input_floats("input", &samples);
    let projected = projected(&mut encoder, config, &input, Extent::Window)?;
    finished(encoder, config, &projected, layers)
}

/// As [`graph`], with the output of [`stem_graph`] as input: `input` is `(batch, frames, hidden_size)`.
///
/// # Errors
/// Returns the errors of [`graph`].
pub fn graph_of_frames(
    config: &Wav2Vec2Config,
    checkpoint: &Checkpoint,
    layers: &[usize],
    precision: Precision,
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
    let frames = [
        Dim::Named("batch"),
        Dim::Named("frames"),
        Dim::Fixed(config.hidden_size),
    ];
    let mut encoder = blocks(config, checkpoint, (precision, Purpose::Run))?;
    let input = encoder.graph.input_floats("input", &frames);
    finished(encoder, config, &input, layers)
}

/// Builds the graph from the samples of each frame's receptive field, `(frames, samples)`, to the input frames of the
/// encoder, `(frames, hidden_size)`.
///
/// # Errors
/// Returns the errors of [`graph`].
pub fn stem_graph(
    config: &Wav2Vec2Config,
    checkpoint: &Checkpoint,
    precision: Precision,
) -> Result<Stem, CheckpointError> {
    let samples = [Dim::Named("frames"), Dim::Named("samples")];
    let mut encoder = blocks(config, checkpoint, (precision, Purpose::Run))?;
    let input = encoder.graph.input_floats("input", &samples);
    let projected = projected(&mut encoder, config, &input, Extent::Frame)?;
    let width = config.hidden_size;
    let frames = encoder.graph.reshape(&projected, &[-1, width as i64]);
    let shape = [Dim::Named("frames"), Dim::Fixed(width)];
    encoder.graph.output_floats(&frames, &shape);
    let (graph, weights) = encoder.graph.finish("stem");
    Ok(Stem { graph, weights })
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
    config: &Wav2Vec2Config,
    checkpoint: &Checkpoint,
) -> Result<BTreeSet<String>, CheckpointError> {
    let mut encoder = blocks(config, checkpoint, (Precision::F32, Purpose::Rehearsal))?;
    let samples = [Dim::Named("batch"), Dim::Named("samples")];
    let input = encoder.graph.input_floats("input", &samples);
    let projected = projected(&mut encoder, config, &input, Extent::Window)?;
    let layers: Vec<usize> = (0..=config.num_hidden_layers).collect();
    hidden_states(&mut encoder, config, &projected, &layers)?;
    Ok(encoder.into_asked())
}

fn blocks<'a>(
    config: &Wav2Vec2Config,
    checkpoint: &'a Checkpoint,
    how: (Precision, Purpose),
) -> Result<Blocks<'a>, CheckpointError> {
    let shape = BlockShape {
        dim: config.hidden_size,
        n_heads: config.num_attention_heads,
        hidden_dim: config.intermediate_size,
        norm_epsilon: config.layer_norm_eps,
        norm_place: if config.do_stable_layer_norm {
            NormPlace::Before
        } else {
            NormPlace::After
        },
        activation: config.block_activation(),
        adapter_dim: config.attention_adapter_dim(),
        key_bias: Bias::Present,
        names: NAMES,
    };
    Ok(Blocks::new(checkpoint, prefix(checkpoint)?, how, shape))
}

/// From samples to the input frames of the encoder: `(batch, samples)` → `(batch, frames, hidden_size)`.
fn projected(
    encoder: &mut Blocks,
    config: &Wav2Vec2Config,
    samples: &Value,
    extent: Extent,
) -> Built {
    let mut heard = stem(encoder, config, samples, extent)?;
    let n_channels = config.conv_dim[config.conv_dim.len() - 1];
    if config.feat_proj_layer_norm {
        heard = encoder.norm_over("feature_projection.layer_norm", &heard, n_channels)?;
    }
    let rows = encoder.graph.reshape(&heard, &[-1, n_channels as i64]);
    let rows = encoder.as_matrix(&rows);
    let projection = "feature_projection.projection";
    let shape = [config.hidden_size, n_channels];
    let rows = encoder.linear_of(projection, &rows, shape)?;
    let rows = encoder.single_precision(&rows);
    let shape = encoder.graph.op("Shape", &[&heard], &[]);
    let batch_and_frames = encoder.graph.slice(&shape, 0, 0, 2);
    let width = encoder.graph.integers(&[config.hidden_size as i64]);
    let shape = encoder.graph.concat(&[batch_and_frames, width], 0);
    Ok(encoder.graph.op("Reshape", &[&rows, &shape], &[]))
}

/// The graph from the encoder's input frames on.
fn finished(
    mut encoder: Blocks,
    config: &Wav2Vec2Config,
    projected: &Value,
    layers: &[usize],
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
    let hidden = hidden_states(&mut encoder, config, projected, layers)?;
    let shape = [
        Dim::Named("batch"),
        Dim::Named("vectors"),
        Dim::Fixed(config.hidden_size),
    ];
    encoder.graph.output_floats(&hidden, &shape);
    Ok(encoder.graph.finish(config.model_type.name()))
}

/// `(batch, vectors, hidden_size)`: each requested layer at the requested frame, and the final output.
///
/// * `projected`: `(batch, frames, hidden_size)`.
fn hidden_states(
    encoder: &mut Blocks,
    config: &Wav2Vec2Config,
    projected: &Value,
    layers: &[usize],
) -> Built {
    let wanted_frames = encoder
        .graph
        .input_integers("wanted_frames", &[Dim::Named("batch")]);
    let frames = encoder.frames(&wanted_frames, projected);
    let placed = placed(encoder, config, projected)?;
    let mut rows = encoder
        .graph
        .reshape(&placed, &[-1, config.hidden_size as i64]);
    if !config.do_stable_layer_norm {
        rows = encoder.norm("encoder.layer_norm", &rows)?;
    }
    if config.model_type == Family::WavLm {
        let buckets = Buckets {
            n_buckets: config.num_buckets,
            most_distance: config.max_bucket_distance,
        };
        encoder.positions = Some(RelativePositions::new(encoder, buckets, &frames)?);
    }
    let has_last = layers.last() == Some(&config.num_hidden_layers);
    let is_adapted = has_last && config.add_adapter;
    let last_block = if is_adapted {
        LastBlock::AtAll
    } else {
        LastBlock::AtWanted
    };
    let Hidden {
        at_wanted: mut hidden,
        mut rows,
    } = encoder.hidden_states(rows, &frames, layers, last_block)?;
    if has_last && config.do_stable_layer_norm {
        if is_adapted {
            rows = encoder.norm("encoder.layer_norm", &rows)?;
        }
        finish_last_layer(encoder, config, &mut hidden)?;
    }
    if is_adapted {
        hidden.push(adapted(encoder, config, &rows, &frames)?);
    }
    Ok(encoder.stacked(&hidden))
}

/// Derives the last layer from the output of the last block, and the final output if that is a separate vector not computed
/// by an adapter.
fn finish_last_layer(
    encoder: &mut Blocks,
    config: &Wav2Vec2Config,
    hidden: &mut Vec<Value>,
) -> Result<(), CheckpointError> {
    let Some(before_norm) = hidden.pop() else {
        return Ok(());
    };
    let is_retained = config.last_is_before_norm();
    if is_retained {
        hidden.push(before_norm.clone());
    }
    if !is_retained || !config.add_adapter {
        hidden.push(encoder.norm("encoder.layer_norm", &before_norm)?);
    }
    Ok(())
}
