//! Speech encoders: from windows to one hidden state per requested layer.

mod device;
mod fake;
mod number_format;
mod onnx;

use std::path::PathBuf;

use ndarray::{Array2, Array3, ArrayD};
use serde::{Deserialize, Serialize};

pub use device::{Device, DeviceChoice};
pub use fake::FakeEncoder;
pub use number_format::NumberFormat;
pub use onnx::{Interrupter, OnnxEncoder, OnnxOptions, OnnxRuntime, RuntimeError};

use crate::remedy::Remedy;
use crate::speech::card::Card;

/// Inputs of a batch of windows.
#[derive(Default)]
pub struct Batch {
    /// One per window, in the shape of the front end. Waveform windows may differ in length.
    pub inputs: Vec<ArrayD<f32>>,
    /// The output frame that represents each window.
    pub wanted_frames: Vec<i64>,
}

impl Batch {
    /// Adds a window of `n_samples` with its prepared input.
    pub fn push(&mut self, card: &Card, n_samples: usize, input: ArrayD<f32>) {
        self.inputs.push(input);
        let wanted = card.frame_rule.wanted_frame(n_samples);
        self.wanted_frames.push(wanted as i64);
    }
}

/// Computes features from windows.
pub trait Encoder {
    /// Returns the model card.
    fn card(&self) -> &Card;

    /// Returns the layers in the output, ascending; indices below `card().n_layers`.
    fn layers(&self) -> &[usize];

    /// Returns the default batch size, in windows.
    fn usual_batch(&self) -> usize;

    /// Computes the frames `(frames, dim)` of a shared convolutional stem from the samples in each frame's receptive field,
    /// `(frames, samples)`.
    ///
    /// # Errors
    /// Returns an [`EncoderError`] as [`Encoder::encode`] does, or if the model has no such stem.
    fn stem(&mut self, heard: &Array2<f32>) -> Result<Array2<f32>, EncoderError> {
        let _ = heard;
        Err(EncoderError::Run("it has no convolutions to share.".into()))
    }

    /// Computes `(batch, outputs, dim)`: the layers, followed by the final output if it is not a layer
    /// ([`Card::n_outputs`]).
    ///
    /// # Errors
    /// Returns an [`EncoderError`] if memory does not suffice or the runtime fails otherwise.
    fn encode(&mut self, batch: &Batch) -> Result<Array3<f32>, EncoderError>;
}

/// Errors of running an encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The runtime failed.
    #[error(
        "The encoder stopped while computing: {0}\nIf memory ran out, try a smaller batch or another device. What is done so far is kept."
    )]
    Run(String),
    /// The output has another shape than the card states.
    #[error(
        "The encoder gave {found:?} values (batch, vectors, features) where {expected:?} were expected. The model's folder may be damaged."
    )]
    Shape {
        /// Shape of the output.
        found: Vec<usize>,
        /// Expected shape.
        expected: Vec<usize>,
    },
}

impl EncoderError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Run(_) => vec![Remedy::SmallerBatch],
            Self::Shape { .. } => Vec::new(),
        }
    }
}

/// A model ready to be loaded: its graph in memory, its weights on disk.
#[derive(Debug, Clone)]
pub struct Model {
    /// The model card.
    pub card: Card,
    /// The layers that the graph outputs, ascending.
    pub layers: Vec<usize>,
    /// Number format of the computation.
    pub precision: Precision,
    /// ONNX graph, whose large initializers are the [`Model::weights`], by name.
    pub graph: Vec<u8>,
    /// Location of each weight.
    pub weights: Vec<Weight>,
    /// The shared convolutional stem, for [`FrontEnd::SharedFrames`](crate::speech::card::FrontEnd).
    pub stem: Option<Stem>,
    /// The folder of the model.
    pub folder: PathBuf,
    /// The files that determine its outputs.
    pub files: Vec<PathBuf>,
}

/// The convolutional stem of a model, which computes frames from samples.
#[derive(Debug, Clone)]
pub struct Stem {
    /// ONNX graph that maps `(frames, samples)` to `(frames, dim)`.
    pub graph: Vec<u8>,
    /// Location of each weight.
    pub weights: Vec<Weight>,
}

/// A tensor on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Name of the graph's initializer.
    pub name: String,
    /// Number format in the file.
    pub format: NumberFormat,
    /// Number format that the graph takes, [`NumberFormat::F32`] or [`NumberFormat::F16`]. Other formats are converted once
    /// on loading.
    pub wanted: NumberFormat,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The file.
    pub file: PathBuf,
    /// Offset in the file, in bytes.
    pub offset: u64,
}

impl Weight {
    /// Returns its size on disk in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.format.n_bytes()
    }
}

/// Number format of an encoder's computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision, as published.
    #[default]
    F32,
    /// Half precision for matrix products, single precision for norms and sums. Faster on GPUs only.
    F16,
}
