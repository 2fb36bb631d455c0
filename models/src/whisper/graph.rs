//! The graph itself.
//!
//! The graph computes what is asked for and no more. It ends at the last wanted layer, and that layer's block is
//! computed for the wanted frame alone, keys and values included: with one query q, the scores qᵀ(W x) are (Wᵀq)ᵀx, and
//! the sum Σ p (W x) is W Σ p x, so neither projection is ever applied to all 1500 frames. A window's silence up to 30 s
//! comes out of the stem as one and the same column, which is computed once and repeated.
//!
//! Source: Radford et al. (2022), arXiv 2212.04356; the names of the tensors are those of Hugging Face checkpoints.

use heschl_core::encoder::{NumberFormat, Precision, Weight};

use super::{N_FRAMES, WhisperConfig};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::onnx::{Attribute, Dim, GraphBuilder, MICROSOFT, Number, Value};

const N_FRAMES_DIM: i64 = N_FRAMES as i64;
const NORM_EPSILON: f32 = 1e-5;
/// Rows pass the feed-forward in so many parts, so that the wide activations of one stay in a core's cache: 188 rows of
/// 1536 features are 1.2 MB, all 1500 are 9.2 MB. Each row is computed alone, so its numbers do not change.
const FEED_FORWARD_PARTS: usize = 8;

/// Builds the graph that gives `layers` (ascending, not empty) at the wanted frame.
///
/// Inputs: `input` `(batch, n_mels, n_frames)` log-mel frames, the last six of them silence; `wanted_frames`
/// `(batch,)`. Output: `(batch, layers, d_model)`.
///
/// # Errors
/// [`CheckpointError`] if a tensor is missing, has another shape than the config says, or is in a format that is not
/// read.
pub fn graph(
    config: &WhisperConfig,
    checkpoint: &Checkpoint,
    layers: &[usize],
    precision: Precision,
) -> Result<(Vec<u8>, Vec<Weight>), CheckpointError> {
    let prefix = checkpoint.prefix_of("conv1.weight", &["model.encoder.", "encoder.", ""]);
    let mut encoder = EncoderGraph {
        graph: GraphBuilder::default(),
        config,
        checkpoint,
        prefix,
        precision,
    };
    let hidden = encoder.hidden_states(layers)?;
    let shape = [
        Dim::Named("batch"),
        Dim::Fixed(layers.len()),
        Dim::Fixed(config.d_model),
    ];
    encoder.graph.output_floats(&hidden, &shape);
    Ok(encoder.graph.finish("whisper encoder"))
}

struct EncoderGraph<'a> {
    graph: GraphBuilder,
    config: &'a WhisperConfig,
    checkpoint: &'a Checkpoint,
    prefix: &'a str,
    precision: Precision,
}

type Built = Result<Value, CheckpointError>;

impl EncoderGraph<'_> {
    /// `(batch, layers, d_model)`: each wanted layer at the wanted frame.
    fn hidden_states(&mut self, layers: &[usize]) -> Built {
        let mels = [
            Dim::Named("batch"),
            Dim::Fixed(self.config.num_mel_bins),
            Dim::Named("frames"),
        ];
        let input = self.graph.input_floats("input", &mels);
        let wanted_frames = self
            .graph
            .input_integers("wanted_frames", &[Dim::Named("batch")]);
        let wanted_rows = self.rows_of_frames(&wanted_frames);
        let mut rows = self.stem(&input)?;
        let last_layer = layers.last().copied().unwrap_or(0);
        let mut hidden = Vec::with_capacity(layers.len());
        for layer in 0..=last_layer {
            let at_wanted = if layer == 0 {
                self.pick(&rows, &wanted_rows)
            } else if layer < last_layer {
                rows = self.block(layer - 1, &rows)?;
                self.pick(&rows, &wanted_rows)
            } else {
                self.block_at_wanted(layer - 1, &rows, &wanted_rows)?
            };
            if layers.contains(&layer) {
                hidden.push(self.finished(layer, at_wanted)?);
            }
        }
        Ok(self.stacked(&hidden))
    }

    /// The last layer of all passes a norm of its own.
    fn finished(&mut self, layer: usize, at_wanted: Value) -> Built {
        if layer == self.config.encoder_layers {
            self.norm("layer_norm", &at_wanted)
        } else {
            Ok(at_wanted)
        }
    }

    fn stacked(&mut self, hidden: &[Value]) -> Value {
        let axis = self.graph.integers(&[1]);
        let unsqueezed: Vec<Value> = hidden
            .iter()
            .map(|value| self.graph.op("Unsqueeze", &[value, &axis], &[]))
            .collect();
        self.graph.op(
            "Concat",
            &unsqueezed.iter().collect::<Vec<_>>(),
            &[Attribute::Int("axis", 1)],
        )
    }

    /// Row numbers in `(batch · 1500, d_model)` of each window's wanted frame.
    fn rows_of_frames(&mut self, wanted_frames: &Value) -> Value {
        let graph = &mut self.graph;
        let shape = graph.op("Shape", &[wanted_frames], &[]);
        let zero = graph.integer(0);
        let one = graph.integer(1);
        let n_frames = graph.integer(N_FRAMES_DIM);
        let batch = graph.op("Gather", &[&shape, &zero], &[Attribute::Int("axis", 0)]);
        let windows = graph.op("Range", &[&zero, &batch, &one], &[]);
        let first_rows = graph.op("Mul", &[&windows, &n_frames], &[]);
        graph.op("Add", &[&first_rows, wanted_frames], &[])
    }

    fn pick(&mut self, rows: &Value, wanted_rows: &Value) -> Value {
        self.graph
            .op("Gather", &[rows, wanted_rows], &[Attribute::Int("axis", 0)])
    }

    /// Two convolutions and the positions: `(batch, n_mels, n_frames)` → `(batch · 1500, d_model)`.
    fn stem(&mut self, mel: &Value) -> Built {
        let [d, mels] = [self.config.d_model, self.config.num_mel_bins];
        let once = self.convolution("conv1", mel, [d, mels, 3], 1)?;
        let twice = self.convolution("conv2", &once, [d, d, 3], 2)?;
        let columns = self.graph.op(
            "Transpose",
            &[&twice],
            &[Attribute::Ints("perm", &[0, 2, 1])],
        );
        let columns = self.repeat_silence(&columns);
        let positions = self.weight("embed_positions.weight", &[N_FRAMES, d], NumberFormat::F32)?;
        let placed = self.graph.op("Add", &[&columns, &positions], &[]);
        Ok(self.graph.reshape(&placed, &[-1, d as i64]))
    }

    fn convolution(&mut self, name: &str, input: &Value, shape: [usize; 3], stride: i64) -> Built {
        let kernel = self.matrix(&format!("{name}.weight"), &shape)?;
        let bias = self.matrix(&format!("{name}.bias"), &shape[..1])?;
        let input = self.as_matrix(input);
        let attributes = [
            Attribute::Ints("kernel_shape", &[3]),
            Attribute::Ints("pads", &[1, 1]),
            Attribute::Ints("strides", &[stride]),
        ];
        let output = self
            .graph
            .op("Conv", &[&input, &kernel, &bias], &attributes);
        let output = self.gelu(&output);
        Ok(self.single_precision(&output))
    }

    /// Lengthens the stem's output to 1500 columns. Its last column but one heard silence alone, so it stands for all
    /// that are left out; its very last one also saw the end of the 30 s, and stays the last.
    fn repeat_silence(&mut self, columns: &Value) -> Value {
        let all_but_last = self.graph.slice(columns, 1, 0, -1);
        let last = self.graph.slice(columns, 1, -1, i64::MAX);
        let graph = &mut self.graph;
        let shape = graph.op("Shape", &[columns], &[]);
        let n_columns = graph.slice(&shape, 0, 1, 2);
        let n_frames = graph.integers(&[N_FRAMES_DIM]);
        let n_missing = graph.op("Sub", &[&n_frames, &n_columns], &[]);
        let [before, batch_and_features] = [graph.integers(&[0, 0, 0, 0]), graph.integers(&[0])];
        let pads = [&before, &n_missing, &batch_and_features];
        let pads = graph.op("Concat", &pads, &[Attribute::Int("axis", 0)]);
        let repeated = graph.op(
            "Pad",
            &[&all_but_last, &pads],
            &[Attribute::Text("mode", "edge")],
        );
        graph.op("Concat", &[&repeated, &last], &[Attribute::Int("axis", 1)])
    }

    /// One transformer block over all frames: `(batch · 1500, d_model)` in and out.
    fn block(&mut self, index: usize, rows: &Value) -> Built {
        let d = self.config.d_model as i64;
        let name = |part: &str| format!("layers.{index}.{part}");
        let normed = self.norm(&name("self_attn_layer_norm"), rows)?;
        let normed = self.as_matrix(&normed);
        let mut split = |name: &str, bias| -> Built {
            let rows = self.linear(name, &normed, bias)?;
            Ok(self.graph.reshape(&rows, &[-1, N_FRAMES_DIM, d]))
        };
        let query = split(&name("self_attn.q_proj"), Bias::Present)?;
        let key = split(&name("self_attn.k_proj"), Bias::Absent)?;
        let value = split(&name("self_attn.v_proj"), Bias::Present)?;
        let heads = [Attribute::Int(
            "num_heads",
            self.config.encoder_attention_heads as i64,
        )];
        let attended = self.graph.op_of(
            MICROSOFT,
            "MultiHeadAttention",
            &[&query, &key, &value],
            &heads,
        );
        let attended = self.graph.reshape(&attended, &[-1, d]);
        let parts = self.graph.split(rows, FEED_FORWARD_PARTS);
        let attended_parts = self.graph.split(&attended, FEED_FORWARD_PARTS);
        let mut done = Vec::with_capacity(FEED_FORWARD_PARTS);
        for (rows, attended) in parts.iter().zip(&attended_parts) {
            done.push(self.after_attention(index, rows, attended)?);
        }
        Ok(self.graph.op(
            "Concat",
            &done.iter().collect::<Vec<_>>(),
            &[Attribute::Int("axis", 0)],
        ))
    }

    /// The block's second half: projection, residual, feed-forward.
    fn after_attention(&mut self, index: usize, rows: &Value, attended: &Value) -> Built {
        let name = |part: &str| format!("layers.{index}.{part}");
        let projected = self.linear(&name("self_attn.out_proj"), attended, Bias::Present)?;
        let rows = self.add_residual(rows, &projected);
        let normed = self.norm(&name("final_layer_norm"), &rows)?;
        let normed = self.as_matrix(&normed);
        let wide = self.feed_forward(
            &name("fc1"),
            &normed,
            self.config.encoder_ffn_dim,
            self.config.d_model,
        )?;
        let wide = self.gelu(&wide);
        let narrow = self.feed_forward(
            &name("fc2"),
            &wide,
            self.config.d_model,
            self.config.encoder_ffn_dim,
        )?;
        Ok(self.add_residual(&rows, &narrow))
    }

    /// One transformer block for the wanted frames alone: `(batch · 1500, d_model)` → `(batch, d_model)`.
    fn block_at_wanted(&mut self, index: usize, rows: &Value, wanted_rows: &Value) -> Built {
        let [d, heads] =
            [self.config.d_model, self.config.encoder_attention_heads].map(|n| n as i64);
        let per_head = d / heads;
        let name = |part: &str| format!("layers.{index}.{part}");
        let normed = self.norm(&name("self_attn_layer_norm"), rows)?;
        let normed = self.as_matrix(&normed);
        let asking = self.pick(&normed, wanted_rows);
        let query = self.linear(&name("self_attn.q_proj"), &asking, Bias::Present)?;
        let query = self.graph.reshape(&query, &[-1, heads, 1, per_head]);
        let shape = [self.config.d_model; 2];
        let key_map = self.matrix(&name("self_attn.k_proj.weight"), &shape)?;
        let key_map = self.graph.reshape(&key_map, &[1, heads, per_head, d]);
        let query = self.graph.op("MatMul", &[&query, &key_map], &[]);
        let query = self.graph.reshape(&query, &[-1, heads, d]);
        let frames = self.graph.reshape(&normed, &[-1, N_FRAMES_DIM, d]);
        let columns = self.graph.op(
            "Transpose",
            &[&frames],
            &[Attribute::Ints("perm", &[0, 2, 1])],
        );
        let scores = self.graph.op("MatMul", &[&query, &columns], &[]);
        let scores = self.single_precision(&scores);
        let scale = self.graph.float((per_head as f32).sqrt().recip());
        let scores = self.graph.op("Mul", &[&scores, &scale], &[]);
        let shares = self
            .graph
            .op("Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
        let shares = self.as_matrix(&shares);
        let mixed = self.graph.op("MatMul", &[&shares, &frames], &[]);
        let mixed = self.graph.reshape(&mixed, &[-1, heads, 1, d]);
        let value_map = self.matrix(&name("self_attn.v_proj.weight"), &shape)?;
        let value_map = self.graph.reshape(&value_map, &[1, heads, per_head, d]);
        let value_map = self.graph.op(
            "Transpose",
            &[&value_map],
            &[Attribute::Ints("perm", &[0, 1, 3, 2])],
        );
        let attended = self.graph.op("MatMul", &[&mixed, &value_map], &[]);
        let attended = self.graph.reshape(&attended, &[-1, d]);
        let value_bias = self.matrix(&name("self_attn.v_proj.bias"), &shape[..1])?;
        let attended = self.graph.op("Add", &[&attended, &value_bias], &[]);
        let rows = self.pick(rows, wanted_rows);
        self.after_attention(index, &rows, &attended)
    }

    fn norm(&mut self, name: &str, rows: &Value) -> Built {
        let shape = [self.config.d_model];
        let scale = self.weight(&format!("{name}.weight"), &shape, NumberFormat::F32)?;
        let shift = self.weight(&format!("{name}.bias"), &shape, NumberFormat::F32)?;
        let epsilon = [Attribute::Float("epsilon", NORM_EPSILON)];
        Ok(self
            .graph
            .op("LayerNormalization", &[rows, &scale, &shift], &epsilon))
    }

    /// A linear map of `d_model` to `d_model`.
    fn linear(&mut self, name: &str, rows: &Value, bias: Bias) -> Built {
        let d = self.config.d_model;
        match bias {
            Bias::Present => self.feed_forward(name, rows, d, d),
            Bias::Absent => {
                let matrix = self.matrix(&format!("{name}.weight"), &[d, d])?;
                Ok(self
                    .graph
                    .op("Gemm", &[rows, &matrix], &[Attribute::Int("transB", 1)]))
            }
        }
    }

    /// A linear map with a bias, of `n_in` to `n_out`.
    fn feed_forward(&mut self, name: &str, rows: &Value, n_out: usize, n_in: usize) -> Built {
        let matrix = self.matrix(&format!("{name}.weight"), &[n_out, n_in])?;
        let bias = self.matrix(&format!("{name}.bias"), &[n_out])?;
        Ok(self.graph.op(
            "Gemm",
            &[rows, &matrix, &bias],
            &[Attribute::Int("transB", 1)],
        ))
    }

    fn gelu(&mut self, value: &Value) -> Value {
        self.graph.op_of(MICROSOFT, "Gelu", &[value], &[])
    }

    fn add_residual(&mut self, rows: &Value, change: &Value) -> Value {
        let change = self.single_precision(change);
        self.graph.op("Add", &[rows, &change], &[])
    }

    /// A weight in the number format that the graph takes.
    fn weight(&mut self, name: &str, shape: &[usize], wanted: NumberFormat) -> Built {
        let name = format!("{}{name}", self.prefix);
        let stored = self.checkpoint.weight(&name, shape)?;
        Ok(self.graph.weight(Weight { wanted, ..stored }))
    }

    /// A weight of a matrix product, in the precision that products are computed in.
    fn matrix(&mut self, name: &str, shape: &[usize]) -> Built {
        let wanted = match self.precision {
            Precision::F32 => NumberFormat::F32,
            Precision::F16 => NumberFormat::F16,
        };
        self.weight(name, shape, wanted)
    }

    /// The value as matrix products take it.
    fn as_matrix(&mut self, value: &Value) -> Value {
        match self.precision {
            Precision::F32 => value.clone(),
            Precision::F16 => self.graph.cast(value, Number::Float16),
        }
    }

    /// What matrix products gave, in single precision.
    fn single_precision(&mut self, value: &Value) -> Value {
        match self.precision {
            Precision::F32 => value.clone(),
            Precision::F16 => self.graph.cast(value, Number::Float),
        }
    }
}

/// Whether a linear map has a bias.
#[derive(Clone, Copy)]
enum Bias {
    Present,
    Absent,
}
