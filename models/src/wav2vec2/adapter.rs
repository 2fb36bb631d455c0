//! Convolutional adapter of some checkpoints, after the encoder (`add_adapter`).
//!
//! Source: `Wav2Vec2Adapter` of transformers 4.30.2 and 5.24, with reference values in `tests/data/adapters.json`; the
//! gated linear unit of Dauphin et al. (2017), arXiv 1612.08083.

use super::Wav2Vec2Config;
use crate::onnx::{Attribute, Value};
use crate::transformer::{Blocks, Built, Frames};

/// Zero padding on either side of the convolutions' input, in frames, whatever their kernel size.
const PADDING: usize = 1;

impl Wav2Vec2Config {
    /// Smallest number of input frames from which the adapter computes an output frame.
    pub(super) fn adapter_frames(&self) -> usize {
        if !self.add_adapter {
            return 1;
        }
        (0..self.num_adapter_layers).fold(1, |n_out: usize, _| {
            let n_padded = (n_out - 1) * self.adapter_stride + self.adapter_kernel_size;
            n_padded.saturating_sub(2 * PADDING).max(1)
        })
    }
}

/// Last output frame of the adapter for each window, `(batch, dim)`.
///
/// * `rows`: `(batch · frames, dim)`, the output of the encoder.
pub(super) fn adapted(
    blocks: &mut Blocks,
    config: &Wav2Vec2Config,
    rows: &Value,
    frames: &Frames,
) -> Built {
    let dim = config.hidden_size;
    let signal = blocks.graph.op("Reshape", &[rows, &frames.shape], &[]);
    let mut signal = blocks.graph.transpose(&signal, &[0, 2, 1]);
    for index in 0..config.num_adapter_layers {
        let name = |part: &str| format!("adapter.layers.{index}.conv.{part}");
        let n_heard = config.adapter_kernel_size;
        let kernel = blocks.matrix(&name("weight"), &[2 * dim, dim, n_heard])?;
        let bias = blocks.matrix(&name("bias"), &[2 * dim])?;
        let padding = PADDING as i64;
        let attributes = [
            Attribute::Ints("kernel_shape", &[n_heard as i64]),
            Attribute::Ints("strides", &[config.adapter_stride as i64]),
            Attribute::Ints("pads", &[padding, padding]),
        ];
        let taken = blocks.as_matrix(&signal);
        let wide = blocks
            .graph
            .op("Conv", &[&taken, &kernel, &bias], &attributes);
        let wide = blocks.single_precision(&wide);
        let graph = &mut blocks.graph;
        let halves = graph.integers(&[dim as i64; 2]);
        let halves = graph.split(&wide, 1, &halves, 2);
        let gate = graph.op("Sigmoid", &[&halves[1]], &[]);
        signal = graph.op("Mul", &[&halves[0], &gate], &[]);
    }
    let graph = &mut blocks.graph;
    let last = graph.slice(&signal, 2, -1, i64::MAX);
    Ok(graph.reshape(&last, &[-1, dim as i64]))
}
