//! Transformer blocks of speech encoders in ONNX operators.
//!
//! A graph computes only what is requested. It ends at the last requested layer, and the block of that layer is computed
//! for the requested frame alone, including keys and values: with a single query q, the scores qᵀ(W x) are (Wᵀq)ᵀx, and the
//! weighted sum Σ p (W x) is W Σ p x, so that neither projection is applied to all frames. A key bias shifts all scores of
//! a query equally, which the softmax ignores, and is omitted there.
//!
//! Source: Vaswani et al. (2017), arXiv 1706.03762; tensor names are those of Hugging Face checkpoints.

mod activation;
mod relative_position;

use std::collections::BTreeSet;

use heschl_core::speech::encoder::{NumberFormat, Precision, Weight};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::onnx::{Attribute, GraphBuilder, MICROSOFT, Number, Value};
pub(crate) use activation::{Activation, check_activation};
pub(crate) use relative_position::{Buckets, RelativePositions};

pub(crate) type Built = Result<Value, CheckpointError>;

/// Number of parts in which rows pass the feed-forward layer, so that the hidden activations of one part fit into a core's
/// cache: of Whisper's 1500 frames, 188 rows of 1536 features are 1.2 MB, all are 9.2 MB. Rows are independent, so that the
/// results do not change.
const FEED_FORWARD_PARTS: usize = 8;
/// Number of parts of the queries in attention with a bias, per head: of 804 frames, the scores of 134 are 0.4 MB, those of
/// all frames and 12 heads 31 MB.
const ASKING_PARTS: usize = 6;

/// Epsilon of norms whose reference code uses PyTorch's default, whatever `layer_norm_eps` says.
pub(crate) const TORCH_EPSILON: f32 = 1e-5;

/// Hyperparameters common to all blocks of an encoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockShape {
    /// Hidden size.
    pub(crate) dim: usize,
    /// Number of attention heads.
    pub(crate) n_heads: usize,
    /// Width of the feed-forward layer.
    pub(crate) hidden_dim: usize,
    /// Epsilon added to the variance in norms.
    pub(crate) norm_epsilon: f32,
    /// Position of the norms.
    pub(crate) norm_place: NormPlace,
    /// Activation of the feed-forward layer.
    pub(crate) activation: Activation,
    /// Width of the adapter after each pre-norm block; `None` if there is none.
    pub(crate) adapter_dim: Option<usize>,
    /// Whether the key projection has a bias.
    pub(crate) key_bias: Bias,
    /// Names of the tensors.
    pub(crate) names: BlockNames,
}

/// Position of a block's norms: before attention and feed-forward (pre-norm), or after the residual sums (post-norm).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NormPlace {
    Before,
    After,
}

/// Whether a linear map has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bias {
    Present,
    Absent,
}

/// Names of a block's tensors, without prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockNames {
    /// Prefix of a block's index.
    pub(crate) blocks: &'static str,
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) attention_out: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) widen: &'static str,
    pub(crate) narrow: &'static str,
    pub(crate) feed_forward_norm: &'static str,
}

/// The frames of a batch of windows, as rows of one matrix.
pub(crate) struct Frames {
    /// `(3,)`: number of windows, frames per window, features.
    pub(crate) shape: Value,
    /// `(batch,)`: requested frame of each window.
    pub(crate) wanted: Value,
    /// `(batch,)`: the same as row indices of the matrix.
    pub(crate) wanted_rows: Value,
    /// Number of rows in each part of the feed-forward layer.
    pub(crate) row_shares: Value,
    /// Number of queries in each part of attention computed in parts.
    pub(crate) asking_shares: Value,
}

/// A graph of transformer blocks under construction.
pub(crate) struct Blocks<'a> {
    pub(crate) graph: GraphBuilder,
    pub(crate) checkpoint: &'a Checkpoint,
    /// Prefix of all tensor names.
    pub(crate) prefix: String,
    pub(crate) precision: Precision,
    pub(crate) shape: BlockShape,
    /// Relative position bias of attention.
    pub(crate) positions: Option<RelativePositions>,
    purpose: Purpose,
    asked: BTreeSet<String>,
}

/// Purpose of building a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The graph is to be run.
    Run,
    /// Only the names of its tensors are needed; their values are not read.
    Rehearsal,
}

/// Frames for which the last requested block is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastBlock {
    /// Only the requested ones.
    AtWanted,
    /// All, since they are needed by a subsequent step.
    AtAll,
}

/// Output of the blocks.
pub(crate) struct Hidden {
    /// Requested hidden states at the requested frames, `(batch, dim)` each.
    pub(crate) at_wanted: Vec<Value>,
    /// Output of the last block that was computed for all frames, `(batch · frames, dim)`.
    pub(crate) rows: Value,
}

impl<'a> Blocks<'a> {
    /// Starts an empty graph.
    ///
    /// * `prefix`: prefix of all tensor names.
    pub(crate) fn new(
        checkpoint: &'a Checkpoint,
        prefix: String,
        (precision, purpose): (Precision, Purpose),
        shape: BlockShape,
    ) -> Self {
        Self {
            graph: GraphBuilder::default(),
            checkpoint,
            prefix,
            precision,
            shape,
            positions: None,
            purpose,
            asked: BTreeSet::new(),
        }
    }
}

impl Blocks<'_> {
    /// Returns the names of all tensors used.
    pub(crate) fn into_asked(self) -> BTreeSet<String> {
        self.asked
    }

    /// Adds the number of frames and each window's requested frame to the graph.
    ///
    /// * `batch_of_frames`: the batch as `(batch, n_frames, …)`.
    pub(crate) fn frames(&mut self, wanted_frames: &Value, batch_of_frames: &Value) -> Frames {
        let dim = self.shape.dim as i64;
        let graph = &mut self.graph;
        let shape = graph.op("Shape", &[batch_of_frames], &[]);
        let [zero, one] = [0, 1].map(|n| graph.integer(n));
        let first = [Attribute::Int("axis", 0)];
        let batch = graph.op("Gather", &[&shape, &zero], &first);
        let n_frames = graph.op("Gather", &[&shape, &one], &first);
        let windows = graph.op("Range", &[&zero, &batch, &one], &[]);
        let first_rows = graph.op("Mul", &[&windows, &n_frames], &[]);
        let wanted_rows = graph.op("Add", &[&first_rows, wanted_frames], &[]);
        let batch_and_frames = graph.slice(&shape, 0, 0, 2);
        let as_list = graph.integers(&[1]);
        let [batch, n_frames] =
            [batch, n_frames].map(|n| graph.op("Reshape", &[&n, &as_list], &[]));
        let n_rows = graph.op("Mul", &[&batch, &n_frames], &[]);
        let row_shares = graph.even_shares(&n_rows, FEED_FORWARD_PARTS);
        let asking_shares = graph.even_shares(&n_frames, ASKING_PARTS);
        let dim = graph.integers(&[dim]);
        let shape = graph.concat(&[batch_and_frames, dim], 0);
        Frames {
            shape,
            wanted: wanted_frames.clone(),
            wanted_rows,
            row_shares,
            asking_shares,
        }
    }

    /// The requested hidden states, `(batch, dim)` each, of blocks with input `rows`: layer 0 is `rows`, layer n the output
    /// of block n − 1. `layers` are ascending and not empty.
    pub(crate) fn hidden_states(
        &mut self,
        rows: Value,
        frames: &Frames,
        layers: &[usize],
        last_block: LastBlock,
    ) -> Result<Hidden, CheckpointError> {
        let last_layer = layers.last().copied().unwrap_or(0);
        let mut rows = rows;
        let mut hidden = Vec::with_capacity(layers.len() + 1);
        for layer in 0..=last_layer {
            let at_wanted = if layer == 0 {
                self.pick(&rows, &frames.wanted_rows)
            } else if layer < last_layer || last_block == LastBlock::AtAll {
                rows = self.block(layer - 1, &rows, frames)?;
                self.pick(&rows, &frames.wanted_rows)
            } else {
                self.block_at_wanted(layer - 1, &rows, frames)?
            };
            if layers.contains(&layer) {
                hidden.push(at_wanted);
            }
        }
        Ok(Hidden {
            at_wanted: hidden,
            rows,
        })
    }

    /// Stacks vectors of `(batch, dim)` to `(batch, vectors, dim)`.
    pub(crate) fn stacked(&mut self, vectors: &[Value]) -> Value {
        let axis = self.graph.integers(&[1]);
        let unsqueezed: Vec<Value> = vectors
            .iter()
            .map(|value| self.graph.op("Unsqueeze", &[value, &axis], &[]))
            .collect();
        self.graph.concat(&unsqueezed, 1)
    }

    /// Selects rows of a matrix.
    pub(crate) fn pick(&mut self, rows: &Value, wanted_rows: &Value) -> Value {
        self.graph
            .op("Gather", &[rows, wanted_rows], &[Attribute::Int("axis", 0)])
    }

    /// One block for all frames: `(batch · frames, dim)` in and out.
    fn block(&mut self, index: usize, rows: &Value, frames: &Frames) -> Built {
        let names = self.shape.names;
        let heard = self.attention_input(index, rows)?;
        let as_product = self.as_matrix(&heard);
        let key_bias = self.shape.key_bias;
        let mut project = |part: &str, bias| -> Built {
            let projected = self.linear(&name(names, index, part), &as_product, bias)?;
            Ok(self.graph.op("Reshape", &[&projected, &frames.shape], &[]))
        };
        let query = project(names.query, Bias::Present)?;
        let key = project(names.key, key_bias)?;
        let value = project(names.value, Bias::Present)?;
        let attended = match self.attention_gate(index, &heard, frames)? {
            Some(gate) => self.gated_attention([&query, &key, &value], &gate, frames),
            None => self.attention([&query, &key, &value]),
        };
        let attended = self.graph.reshape(&attended, &[-1, self.shape.dim as i64]);
        let parts = [rows, &attended].map(|rows| {
            self.graph
                .split(rows, 0, &frames.row_shares, FEED_FORWARD_PARTS)
        });
        let mut done = Vec::with_capacity(FEED_FORWARD_PARTS);
        for (rows, attended) in parts[0].iter().zip(&parts[1]) {
            done.push(self.after_attention(index, rows, attended)?);
        }
        Ok(self.graph.concat(&done, 0))
    }

    /// Attention between all frames: query, key, value and output are `(batch, frames, dim)`.
    fn attention(&mut self, queries_keys_values: [&Value; 3]) -> Value {
        let heads = [Attribute::Int("num_heads", self.shape.n_heads as i64)];
        let attention = "MultiHeadAttention";
        self.graph
            .op_of(MICROSOFT, attention, &queries_keys_values, &heads)
    }

    /// The input of a block's attention: the rows, normalised in pre-norm blocks.
    fn attention_input(&mut self, index: usize, rows: &Value) -> Built {
        let norm = name(self.shape.names, index, self.shape.names.attention_norm);
        match self.shape.norm_place {
            NormPlace::Before => self.norm(&norm, rows),
            NormPlace::After => Ok(rows.clone()),
        }
    }

    /// The second half of a block: output projection, residual, feed-forward layer.
    fn after_attention(&mut self, index: usize, rows: &Value, attended: &Value) -> Built {
        let names = self.shape.names;
        let [attention_norm, feed_forward_norm] =
            [names.attention_norm, names.feed_forward_norm].map(|part| name(names, index, part));
        let projection = name(names, index, names.attention_out);
        let projected = self.linear(&projection, attended, Bias::Present)?;
        let rows = self.add_residual(rows, &projected);
        match self.shape.norm_place {
            NormPlace::Before => {
                let normed = self.norm(&feed_forward_norm, &rows)?;
                let change = self.feed_forward(index, &normed)?;
                let rows = self.add_residual(&rows, &change);
                self.after_adapter(index, rows)
            }
            NormPlace::After => {
                let rows = self.norm(&attention_norm, &rows)?;
                let change = self.feed_forward(index, &rows)?;
                let rows = self.add_residual(&rows, &change);
                self.norm(&feed_forward_norm, &rows)
            }
        }
    }

    fn feed_forward(&mut self, index: usize, rows: &Value) -> Built {
        let names = self.shape.names;
        let BlockShape {
            dim, hidden_dim, ..
        } = self.shape;
        let rows = self.as_matrix(rows);
        let widen = name(names, index, names.widen);
        let wide = self.linear_of(&widen, &rows, [hidden_dim, dim])?;
        let wide = self.activated(&wide, self.shape.activation);
        let narrow = name(names, index, names.narrow);
        self.linear_of(&narrow, &wide, [dim, hidden_dim])
    }

    /// Adds the adapter after a block, if there is one: a norm, and down- and up-projection with a `ReLU` in between.
    ///
    /// Source: the attention adapters of Pratap et al. (2023), arXiv 2305.13516.
    fn after_adapter(&mut self, index: usize, rows: Value) -> Built {
        let Some(width) = self.shape.adapter_dim else {
            return Ok(rows);
        };
        let dim = self.shape.dim;
        let part = |part: &str| name(self.shape.names, index, &format!("adapter_layer.{part}"));
        let [norm, widen, narrow] = ["norm", "linear_1", "linear_2"].map(part);
        let normed = self.norm_with(&norm, &rows, dim, TORCH_EPSILON)?;
        let normed = self.as_matrix(&normed);
        let between = self.linear_of(&widen, &normed, [width, dim])?;
        let between = self.activated(&between, Activation::Relu);
        let change = self.linear_of(&narrow, &between, [dim, width])?;
        Ok(self.add_residual(&rows, &change))
    }

    /// One block for the requested frames alone: `(batch · frames, dim)` → `(batch, dim)`.
    fn block_at_wanted(&mut self, index: usize, rows: &Value, frames: &Frames) -> Built {
        let names = self.shape.names;
        let [dim, heads] = [self.shape.dim, self.shape.n_heads].map(|n| n as i64);
        let per_head = dim / heads;
        let heard = self.attention_input(index, rows)?;
        let asking = self.pick(&heard, &frames.wanted_rows);
        let bias = self.attention_bias_at_wanted(index, &asking, frames)?;
        let [heard, asking] = [heard, asking].map(|value| self.as_matrix(&value));
        let query = self.linear(&name(names, index, names.query), &asking, Bias::Present)?;
        let query = self.graph.reshape(&query, &[-1, heads, 1, per_head]);
        let square = [self.shape.dim; 2];
        let weight_of = |part: &str| format!("{}.weight", name(names, index, part));
        let key_map = self.matrix(&weight_of(names.key), &square)?;
        let key_map = self.graph.reshape(&key_map, &[1, heads, per_head, dim]);
        let query = self.graph.op("MatMul", &[&query, &key_map], &[]);
        let query = self.graph.reshape(&query, &[-1, heads, dim]);
        let heard = self.graph.op("Reshape", &[&heard, &frames.shape], &[]);
        let columns = self.graph.transpose(&heard, &[0, 2, 1]);
        let scores = self.graph.op("MatMul", &[&query, &columns], &[]);
        let scores = self.single_precision(&scores);
        let scale = self.graph.float((per_head as f32).sqrt().recip());
        let mut scores = self.graph.op("Mul", &[&scores, &scale], &[]);
        if let Some(bias) = bias {
            scores = self.graph.op("Add", &[&scores, &bias], &[]);
        }
        let shares = self
            .graph
            .op("Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
        let shares = self.as_matrix(&shares);
        let mixed = self.graph.op("MatMul", &[&shares, &heard], &[]);
        let mixed = self.graph.reshape(&mixed, &[-1, heads, 1, dim]);
        let value_map = self.matrix(&weight_of(names.value), &square)?;
        let value_map = self.graph.reshape(&value_map, &[1, heads, per_head, dim]);
        let value_map = self.graph.transpose(&value_map, &[0, 1, 3, 2]);
        let attended = self.graph.op("MatMul", &[&mixed, &value_map], &[]);
        let attended = self.graph.reshape(&attended, &[-1, dim]);
        let value_bias = format!("{}.bias", name(names, index, names.value));
        let value_bias = self.matrix(&value_bias, &square[..1])?;
        let attended = self.graph.op("Add", &[&attended, &value_bias], &[]);
        let rows = self.pick(rows, &frames.wanted_rows);
        self.after_attention(index, &rows, &attended)
    }

    /// A layer norm over the features of each row.
    pub(crate) fn norm(&mut self, name: &str, rows: &Value) -> Built {
        self.norm_over(name, rows, self.shape.dim)
    }

    /// A layer norm over the last `n` values.
    pub(crate) fn norm_over(&mut self, name: &str, rows: &Value, n: usize) -> Built {
        self.norm_with(name, rows, n, self.shape.norm_epsilon)
    }

    /// A layer norm over the last `n` values, with a given epsilon.
    pub(crate) fn norm_with(&mut self, name: &str, rows: &Value, n: usize, epsilon: f32) -> Built {
        let [scale, shift] = [format!("{name}.weight"), format!("{name}.bias")];
        let scale = self.weight(&scale, &[n], NumberFormat::F32)?;
        let shift = self.weight(&shift, &[n], NumberFormat::F32)?;
        let epsilon = [Attribute::Float("epsilon", epsilon)];
        Ok(self
            .graph
            .op("LayerNormalization", &[rows, &scale, &shift], &epsilon))
    }

    /// A linear map from `dim` to `dim`.
    fn linear(&mut self, name: &str, rows: &Value, bias: Bias) -> Built {
        let square = [self.shape.dim; 2];
        match bias {
            Bias::Present => self.linear_of(name, rows, square),
            Bias::Absent => {
                let matrix = self.matrix(&format!("{name}.weight"), &square)?;
                let transposed = [Attribute::Int("transB", 1)];
                Ok(self.graph.op("Gemm", &[rows, &matrix], &transposed))
            }
        }
    }

    /// A linear map with bias; `shape` is `(out, in)`.
    pub(crate) fn linear_of(&mut self, name: &str, rows: &Value, shape: [usize; 2]) -> Built {
        let matrix = self.matrix(&format!("{name}.weight"), &shape)?;
        let bias = self.matrix(&format!("{name}.bias"), &shape[..1])?;
        let transposed = [Attribute::Int("transB", 1)];
        Ok(self.graph.op("Gemm", &[rows, &matrix, &bias], &transposed))
    }

    pub(crate) fn add_residual(&mut self, rows: &Value, change: &Value) -> Value {
        let change = self.single_precision(change);
        self.graph.op("Add", &[rows, &change], &[])
    }

    /// A weight in the requested number format.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize], wanted: NumberFormat) -> Built {
        let name = format!("{}{name}", self.prefix);
        let stored = self.checkpoint.weight(&name, shape)?;
        self.asked.insert(name);
        Ok(self.graph.weight(Weight { wanted, ..stored }))
    }

    /// Whether the checkpoint has a tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        let name = format!("{}{name}", self.prefix);
        self.checkpoint.tensors().contains_key(&name)
    }

    /// The values of a tensor, for weights that are computed when the graph is built.
    pub(crate) fn numbers(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>, CheckpointError> {
        let name = format!("{}{name}", self.prefix);
        let numbers = match self.purpose {
            Purpose::Run => self.checkpoint.numbers(&name, shape)?,
            Purpose::Rehearsal => {
                let weight = self.checkpoint.weight(&name, shape)?;
                vec![0.0; weight.shape.iter().product()]
            }
        };
        self.asked.insert(name);
        Ok(numbers)
    }

    /// A weight of a matrix product, in the precision of the products.
    pub(crate) fn matrix(&mut self, name: &str, shape: &[usize]) -> Built {
        let wanted = match self.precision {
            Precision::F32 => NumberFormat::F32,
            Precision::F16 => NumberFormat::F16,
        };
        self.weight(name, shape, wanted)
    }

    /// Casts a value to the precision of matrix products.
    pub(crate) fn as_matrix(&mut self, value: &Value) -> Value {
        match self.precision {
            Precision::F32 => value.clone(),
            Precision::F16 => self.graph.cast(value, Number::Float16),
        }
    }

    /// Casts the result of matrix products to single precision.
    pub(crate) fn single_precision(&mut self, value: &Value) -> Value {
        match self.precision {
            Precision::F32 => value.clone(),
            Precision::F16 => self.graph.cast(value, Number::Float),
        }
    }
}

/// Name of a part of block `index`.
fn name(names: BlockNames, index: usize, part: &str) -> String {
    format!("{}.{index}.{part}", names.blocks)
}
