//! A fake encoder without a model, whose outputs depend on every value of their window, for tests that do not need a real
//! one.

use ndarray::{Array2, Array3};

use super::{Batch, Encoder, EncoderError};
use crate::speech::card::{Card, FinalOutput, FrameRule, FrontEnd};
use crate::speech::mel;

/// A deterministic fake encoder with Whisper's front end.
#[derive(Debug, Clone)]
pub struct FakeEncoder {
    card: Card,
    layers: Vec<usize>,
    /// Batches computed so far.
    pub n_batches: usize,
    /// Frames passed through the stem so far.
    pub n_stem_frames: usize,
}

impl FakeEncoder {
    /// Creates an encoder of `n_layers` layers with `dim` features each.
    #[must_use]
    pub fn new(n_layers: usize, dim: usize) -> Self {
        Self {
            card: Card {
                name: "fake".into(),
                architecture: "fake".into(),
                front_end: FrontEnd::LogMel { n_mels: 8 },
                frame_rule: FrameRule::LastReachedByStem,
                stride_samples: 320,
                shortest_samples: 400,
                longest_samples: Some(mel::PADDED_SAMPLES as u64),
                n_layers,
                final_output: FinalOutput::LastLayer,
                last_layer: None,
                dim,
                layer_prefix: "encoder".into(),
            },
            layers: (0..n_layers).collect(),
            n_batches: 0,
            n_stem_frames: 0,
        }
    }
}

impl Encoder for FakeEncoder {
    fn card(&self) -> &Card {
        &self.card
    }

    fn layers(&self) -> &[usize] {
        &self.layers
    }

    fn usual_batch(&self) -> usize {
        1
    }

    fn stem(&mut self, heard: &Array2<f32>) -> Result<Array2<f32>, EncoderError> {
        self.n_stem_frames += heard.nrows();
        let shape = (heard.nrows(), self.card.dim);
        Ok(Array2::from_shape_fn(shape, |(frame, feature)| {
            heard.row(frame).iter().skip(feature).step_by(7).sum()
        }))
    }

    fn encode(&mut self, batch: &Batch) -> Result<Array3<f32>, EncoderError> {
        self.n_batches += 1;
        let sums: Vec<f64> = batch
            .inputs
            .iter()
            .map(|input| {
                input
                    .iter()
                    .enumerate()
                    .map(|(i, value)| f64::from(*value) * (i as f64).sin())
                    .sum()
            })
            .collect();
        let shape = (
            batch.wanted_frames.len(),
            self.card.n_outputs(&self.layers),
            self.card.dim,
        );
        Ok(Array3::from_shape_fn(shape, |(row, layer, feature)| {
            let frame = batch.wanted_frames[row] as f64;
            (sums[row] * (layer + 1) as f64 + frame + feature as f64) as f32
        }))
    }
}
