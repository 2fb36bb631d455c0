//! The graph itself.
//!
//! Sources: Baevski et al. (2020), arXiv 2006.11477; Hsu et al. (2021), arXiv 2106.07447; Chen et al. (2022), arXiv
//! 2110.13900; Baevski et al. (2022), arXiv 2202.03555. The names of the tensors are those of Hugging Face checkpoints.

use heschl_core::encoder::{Precision, Weight};

use super::convolutions::{placed, stem};
use super::{Family, Wav2Vec2Config};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::onnx::{Dim, GraphBuilder};
use crate::transformer::{
    Bias, BlockNames, BlockShape, Blocks, Buckets, Built, NormPlace, RelativePositions,
};

const PREFIXES: [&str; 5] = ["hubert.", "wavlm.", "wav2vec2.", "data2vec_audio.", ""];

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

/// Builds the graph that gives `layers` (ascending, not empty) at the wanted frame.
///
/// Inputs: `input` `(batch, n_samples)` at 16 kHz; `wanted_frames` `(batch,)`. Output: `(batch, vectors, hidden_size)`,
/// the layers, and after them the final output where that is none of them.
///
/// # Errors
/// [`CheckpointError`] if a tensor is missing, has another shape than the config says, or is in a format that is not
/// read.
pub fn graph(
    config: &Wav2Vec2Config,
    checkpoint: &Checkpoint,
    layers: &[usize],
    precision: Precision,
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
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
        key_bias: Bias::Present,
        names: NAMES,
    };
    let mut encoder = Blocks {
        graph: GraphBuilder::default(),
        checkpoint,
        prefix: checkpoint.prefix_of("feature_projection.projection.weight", &PREFIXES),
        precision,
        shape,
        positions: None,
    };
    let hidden = hidden_states(&mut encoder, config, layers)?;
    let shape = [
        Dim::Named("batch"),
        Dim::Named("vectors"),
        Dim::Fixed(config.hidden_size),
    ];
    encoder.graph.output_floats(&hidden, &shape);
    Ok(encoder.graph.finish(config.model_type.name()))
}

/// `(batch, vectors, hidden_size)`: each wanted layer at the wanted frame, and the final output.
fn hidden_states(encoder: &mut Blocks, config: &Wav2Vec2Config, layers: &[usize]) -> Built {
    let samples = [Dim::Named("batch"), Dim::Named("samples")];
    let input = encoder.graph.input_floats("input", &samples);
    let wanted_frames = encoder
        .graph
        .input_integers("wanted_frames", &[Dim::Named("batch")]);
    let mut heard = stem(encoder, config, &input)?;
    let n_channels = config.conv_dim[config.conv_dim.len() - 1];
    if config.feat_proj_layer_norm {
        heard = encoder.norm_over("feature_projection.layer_norm", &heard, n_channels)?;
    }
    let frames = encoder.frames(&wanted_frames, &heard);
    let rows = encoder.graph.reshape(&heard, &[-1, n_channels as i64]);
    let rows = encoder.as_matrix(&rows);
    let projection = "feature_projection.projection";
    let shape = [config.hidden_size, n_channels];
    let rows = encoder.linear_of(projection, &rows, shape)?;
    let rows = encoder.single_precision(&rows);
    let projected = encoder.graph.op("Reshape", &[&rows, &frames.shape], &[]);
    let placed = placed(encoder, config, &projected)?;
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
    let mut hidden = encoder.hidden_states(rows, &frames, layers)?;
    let has_last = layers.last() == Some(&config.num_hidden_layers);
    if config.do_stable_layer_norm
        && has_last
        && let Some(last) = hidden.last()
    {
        hidden.push(encoder.norm("encoder.layer_norm", &last.clone())?);
    }
    Ok(encoder.stacked(&hidden))
}
