//! `WavLM`'s gated relative position bias of attention.
//!
//! A table in the first block gives each head a value for each bucket of distances. Every block scales it per frame and
//! head by a gate computed from the frame.
//!
//! Source: Chen et al. (2022), arXiv 2110.13900, after Raffel et al. (2020), arXiv 1910.10683, for the buckets.

use heschl_core::speech::encoder::NumberFormat;

use super::{ASKING_PARTS, Blocks, Built, Frames, name};
use crate::checkpoint::CheckpointError;
use crate::onnx::{Attribute, Value};

/// Number of terms that are summed for one gate.
const GATE_PARTS: usize = 4;

/// The part of the bias that all blocks share.
pub(crate) struct RelativePositions {
    /// `(heads, queries, keys)`, both over all frames.
    by_frames: Value,
    /// The same per head and part of the queries, `(1, queries, keys)` each.
    by_parts: Vec<Vec<Value>>,
}

/// Bucketing of distances between frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    /// Total number of buckets, for preceding and following frames together.
    pub(crate) n_buckets: usize,
    /// Distance from which on all frames share a bucket.
    pub(crate) most_distance: usize,
}

impl Buckets {
    /// The bucket of a key that is `distance` frames after its query.
    pub(crate) fn of(self, distance: i64) -> i64 {
        let n_each = (self.n_buckets / 2) as i64;
        let n_exact = n_each / 2;
        let later = if distance > 0 { n_each } else { 0 };
        let away = distance.abs();
        if away < n_exact {
            return later + away;
        }
        let octaves =
            (away as f32 / n_exact as f32).ln() / (self.most_distance as f32 / n_exact as f32).ln();
        let bucket = n_exact + (octaves * (n_each - n_exact) as f32) as i64;
        later + bucket.min(n_each - 1)
    }
}

impl RelativePositions {
    /// Adds the bias of all pairs of frames to the graph.
    pub(crate) fn new(
        blocks: &mut Blocks,
        buckets: Buckets,
        frames: &Frames,
    ) -> Result<Self, CheckpointError> {
        let heads = blocks.shape.n_heads;
        let table = format!(
            "{}.0.attention.rel_attn_embed.weight",
            blocks.shape.names.blocks
        );
        let table = blocks.weight(&table, &[buckets.n_buckets, heads], NumberFormat::F32)?;
        let graph = &mut blocks.graph;
        let most = buckets.most_distance as i64;
        let of_distance: Vec<i64> = (-most..=most)
            .map(|distance| buckets.of(distance))
            .collect();
        let of_distance = graph.integers(&of_distance);
        let rows_axis = [Attribute::Int("axis", 0)];
        let by_distance = graph.op("Gather", &[&table, &of_distance], &rows_axis);
        let by_distance = graph.transpose(&by_distance, &[1, 0]);

        // A cyclic sequence of distances: 0, 1 … frames − 1, frames (which no pair has), −(frames − 1) … −1. Repeated once
        // per query and reshaped to rows one element shorter, each row starts one distance earlier than the previous one.
        let [one, two, zero, far] = [1, 2, 0, most].map(|n| graph.integer(n));
        let n_frames = graph.op("Gather", &[&frames.shape, &one], &rows_axis);
        let turn = graph.op("Mul", &[&n_frames, &two], &[]);
        let places = graph.op("Range", &[&zero, &turn, &one], &[]);
        let is_later = graph.op("Less", &[&places, &n_frames], &[]);
        let before = graph.op("Sub", &[&places, &turn], &[]);
        let distance = graph.op("Where", &[&is_later, &places, &before], &[]);
        let nearest = graph.integer(-most);
        let distance = graph.op("Clip", &[&distance, &nearest, &far], &[]);
        let place = graph.op("Add", &[&distance, &far], &[]);
        let of_turn = graph.op(
            "Gather",
            &[&by_distance, &place],
            &[Attribute::Int("axis", 1)],
        );

        let n_heads = graph.integers(&[heads as i64]);
        let all = graph.integers(&[-1]);
        let as_list = graph.integers(&[1]);
        let [frames_list, turn_list] =
            [&n_frames, &turn].map(|n| graph.op("Reshape", &[n, &as_list], &[]));
        let one_list = graph.integers(&[1]);
        let shorter = graph.op("Sub", &[&turn_list, &one_list], &[]);
        let turns = graph.reshape(&of_turn, &[heads as i64, 1, -1]);
        let expanded = graph.concat(&[n_heads.clone(), frames_list.clone(), turn_list], 0);
        let turns = graph.op("Expand", &[&turns, &expanded], &[]);
        let turns = graph.reshape(&turns, &[heads as i64, -1]);
        let n_retained = graph.op("Mul", &[&frames_list, &shorter], &[]);
        let axis = graph.integers(&[1]);
        let begin = graph.integers(&[0]);
        let turns = graph.op("Slice", &[&turns, &begin, &n_retained, &axis], &[]);
        let skewed = graph.concat(&[n_heads, all, shorter], 0);
        let skewed = graph.op("Reshape", &[&turns, &skewed], &[]);
        let last_axis = graph.integers(&[2]);
        let by_frames = graph.op("Slice", &[&skewed, &begin, &frames_list, &last_axis], &[]);
        let by_parts = blocks.by_head_and_part(&by_frames, frames, 0);
        Ok(Self {
            by_frames,
            by_parts,
        })
    }
}

impl Blocks<'_> {
    /// The gates of block `index`, if it has any, `(batch, heads, frames, 1)`.
    ///
    /// * `heard`: `(batch · frames, dim)`, the input of its attention.
    pub(super) fn attention_gate(
        &mut self,
        index: usize,
        heard: &Value,
        frames: &Frames,
    ) -> Result<Option<Value>, CheckpointError> {
        if self.positions.is_none() {
            return Ok(None);
        }
        let gate = self.gate(index, heard)?;
        let graph = &mut self.graph;
        let batch_and_frames = graph.slice(&frames.shape, 0, 0, 2);
        let heads = graph.integers(&[self.shape.n_heads as i64, 1]);
        let shape = graph.concat(&[batch_and_frames, heads], 0);
        let gate = graph.op("Reshape", &[&gate, &shape], &[]);
        Ok(Some(graph.transpose(&gate, &[0, 2, 1, 3])))
    }

    /// Attention with the gated bias, per head and part of the queries, so that the scores of one part fit into a core's
    /// cache. Query, key, value and output are `(batch, frames, dim)`.
    pub(super) fn gated_attention(
        &mut self,
        [query, key, value]: [&Value; 3],
        gate: &Value,
        frames: &Frames,
    ) -> Value {
        let heads = self.shape.n_heads as i64;
        let per_head = self.shape.dim as i64 / heads;
        let scale = self.graph.float((per_head as f32).sqrt().recip());
        let scale = self.as_matrix(&scale);
        let query = self.graph.op("Mul", &[query, &scale], &[]);
        let shape = [0, 0, heads, per_head];
        let [query, key, value] = [&query, key, value].map(|rows| self.graph.reshape(rows, &shape));
        let query = self.graph.transpose(&query, &[0, 2, 1, 3]);
        let query = self.by_head_and_part(&query, frames, 1);
        let key = self.graph.transpose(&key, &[0, 2, 3, 1]);
        let key = self.by_head(&key, 1);
        let value = self.graph.transpose(&value, &[0, 2, 1, 3]);
        let value = self.by_head(&value, 1);
        let gate = self.by_head_and_part(gate, frames, 1);
        let by_parts = match &self.positions {
            Some(positions) => positions.by_parts.clone(),
            None => vec![],
        };
        let mut attended = Vec::with_capacity(self.shape.n_heads);
        for (head, by_parts) in by_parts.iter().enumerate() {
            let mut parts = Vec::with_capacity(ASKING_PARTS);
            for (part, by_distance) in by_parts.iter().enumerate() {
                let scores = self
                    .graph
                    .op("MatMul", &[&query[head][part], &key[head]], &[]);
                let scores = self.single_precision(&scores);
                let bias = self.graph.op("Mul", &[&gate[head][part], by_distance], &[]);
                let scores = self.graph.op("Add", &[&scores, &bias], &[]);
                let last = [Attribute::Int("axis", -1)];
                let shares = self.graph.op("Softmax", &[&scores], &last);
                let shares = self.as_matrix(&shares);
                parts.push(self.graph.op("MatMul", &[&shares, &value[head]], &[]));
            }
            attended.push(self.graph.concat(&parts, 1));
        }
        // (batch, frames, per_head) of each head, concatenated.
        self.graph.concat(&attended, 2)
    }

    /// Splits a value along its axis `axis` of heads, and removes that axis.
    fn by_head(&mut self, value: &Value, axis: i64) -> Vec<Value> {
        let n_heads = self.shape.n_heads;
        let shares = self.graph.integers(&vec![1; n_heads]);
        let heads = self.graph.split(value, axis, &shares, n_heads);
        let axes = self.graph.integers(&[axis]);
        let alone = |head| self.graph.op("Squeeze", &[head, &axes], &[]);
        heads.iter().map(alone).collect()
    }

    /// Splits a value along its axis `axis` of heads, and each head along the following axis of frames:
    /// `(batch, frames of the part, …)` each. If there is no batch axis, one of size 1 is added.
    fn by_head_and_part(&mut self, value: &Value, frames: &Frames, axis: i64) -> Vec<Vec<Value>> {
        let heads = if axis == 0 {
            let shares = self.graph.integers(&vec![1; self.shape.n_heads]);
            self.graph.split(value, 0, &shares, self.shape.n_heads)
        } else {
            self.by_head(value, axis)
        };
        let mut in_parts = |head| {
            self.graph
                .split(head, 1, &frames.asking_shares, ASKING_PARTS)
        };
        heads.iter().map(&mut in_parts).collect()
    }

    /// The bias that block `index` adds to the scores of the requested frames, `(batch, heads, frames)`.
    ///
    /// * `asking`: `(batch, dim)`, the attention input of the requested frames.
    pub(super) fn attention_bias_at_wanted(
        &mut self,
        index: usize,
        asking: &Value,
        frames: &Frames,
    ) -> Result<Option<Value>, CheckpointError> {
        let Some(positions) = &self.positions else {
            return Ok(None);
        };
        let by_frames = positions.by_frames.clone();
        let gate = self.gate(index, asking)?;
        let graph = &mut self.graph;
        let queries = [Attribute::Int("axis", 1)];
        let wanted = graph.op("Gather", &[&by_frames, &frames.wanted], &queries);
        let wanted = graph.transpose(&wanted, &[1, 0, 2]);
        let axis = graph.integers(&[2]);
        let gate = graph.op("Unsqueeze", &[&gate, &axis], &[]);
        Ok(Some(graph.op("Mul", &[&gate, &wanted], &[])))
    }

    /// The gates of block `index`, `(rows, heads)`: a (b c − 1) + 2, where a and b are sigmoids of sums of linear maps of a
    /// head's features, and c is a learned constant of the head.
    fn gate(&mut self, index: usize, rows: &Value) -> Built {
        let names = self.shape.names;
        let n_heads = self.shape.n_heads;
        let per_head = self.shape.dim / n_heads;
        let part = |part: &str| name(names, index, &format!("attention.{part}"));
        let n_numbers = 2 * GATE_PARTS;
        let map = part("gru_rel_pos_linear.weight");
        let map = self.weight(&map, &[n_numbers, per_head], NumberFormat::F32)?;
        let shift = part("gru_rel_pos_linear.bias");
        let shift = self.weight(&shift, &[n_numbers], NumberFormat::F32)?;
        let constant = part("gru_rel_pos_const");
        let constant = self.weight(&constant, &[1, n_heads, 1, 1], NumberFormat::F32)?;
        let graph = &mut self.graph;
        let map = graph.reshape(&map, &[2, GATE_PARTS as i64, per_head as i64]);
        let map = graph.sum(&map, 1);
        let shift = graph.reshape(&shift, &[2, GATE_PARTS as i64]);
        let shift = graph.sum(&shift, 1);
        let rows = graph.reshape(rows, &[-1, per_head as i64]);
        let transposed = [Attribute::Int("transB", 1)];
        let both = graph.op("Gemm", &[&rows, &map, &shift], &transposed);
        let both = graph.op("Sigmoid", &[&both], &[]);
        let both = graph.reshape(&both, &[-1, n_heads as i64, 2]);
        let [a, b] = [0, 1].map(|at| {
            let at = graph.integer(at);
            graph.op("Gather", &[&both, &at], &[Attribute::Int("axis", 2)])
        });
        let constant = graph.reshape(&constant, &[1, n_heads as i64]);
        let [one, two] = [1.0, 2.0].map(|n| graph.float(n));
        let scaled = graph.op("Mul", &[&b, &constant], &[]);
        let less_one = graph.op("Sub", &[&scaled, &one], &[]);
        let gated = graph.op("Mul", &[&a, &less_one], &[]);
        Ok(graph.op("Add", &[&gated, &two], &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_fall_into_buckets() {
        let buckets = Buckets {
            n_buckets: 320,
            most_distance: 800,
        };
        // 80 exact buckets on either side; beyond, 80 more, logarithmically spaced up to a distance of 800: 80 ·
        // ln(100/80)/ln(10) = 7.75, 80 · ln(799/80)/ln(10) = 79.96.
        for (distance, bucket) in [
            (0, 0),
            (-1, 1),
            (1, 161),
            (-79, 79),
            (79, 239),
            (-80, 80),
            (-100, 87),
            (100, 247),
            (-799, 159),
            (-800, 159),
            (-5000, 159),
            (5000, 319),
        ] {
            assert_eq!(buckets.of(distance), bucket, "{distance}");
        }
    }
}
