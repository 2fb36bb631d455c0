//! Speech encoders: windows in, one row per wanted layer out.

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

use crate::card::Card;

/// Input for some windows at once.
#[derive(Default)]
pub struct Batch {
    /// One per window, as the front end shapes it. Windows of a waveform may differ in length.
    pub inputs: Vec<ArrayD<f32>>,
    /// The output frame that stands for each window.
    pub wanted_frames: Vec<i64>,
}

impl Batch {
    /// Adds a window of `n_samples`, whose input is `input`.
    pub fn push(&mut self, card: &Card, n_samples: usize, input: ArrayD<f32>) {
        self.inputs.push(input);
        let wanted = card.frame_rule.wanted_frame(n_samples);
        self.wanted_frames.push(wanted as i64);
    }
}

/// Turns windows into features.
pub trait Encoder {
    /// What the model says of itself.
    fn card(&self) -> &Card;

    /// The layers that come out, ascending; indices below `card().n_layers`.
    fn layers(&self) -> &[usize];

    /// Windows to compute at once where nobody says otherwise.
    fn usual_batch(&self) -> usize;

    /// Computes `(frames, dim)`: what the convolutions of a model that shares them make of the samples that each frame
    /// hears, `(frames, samples)`.
    ///
    /// # Errors
    /// [`EncoderError`] as [`Encoder::encode`], or if the model has no such part.
    fn stem(&mut self, heard: &Array2<f32>) -> Result<Array2<f32>, EncoderError> {
        let _ = heard;
        Err(EncoderError::Run("it has no convolutions to share.".into()))
    }

    /// Computes `(batch, outputs, dim)`: the layers, and after them the final output where that is no layer
    /// ([`Card::n_outputs`]).
    ///
    /// # Errors
    /// [`EncoderError`] if the machine runs out of memory or the runtime fails in another way.
    fn encode(&mut self, batch: &Batch) -> Result<Array3<f32>, EncoderError>;
}

/// Why an encoder stopped.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The runtime refused or failed.
    #[error(
        "The encoder stopped while computing: {0}\nIf memory ran out, try a smaller batch (--batchsz 1) or another \
         device. What is done so far is kept."
    )]
    Run(String),
    /// What came out is not what the card says.
    #[error(
        "The encoder gave {found:?} values (batch, vectors, features) where {expected:?} were expected. The model's folder may be damaged."
    )]
    Shape {
        /// Shape that came out.
        found: Vec<usize>,
        /// Shape that the card promises.
        expected: Vec<usize>,
    },
}

/// A model ready to be loaded: its graph in memory, its weights where they lie on disk.
#[derive(Debug, Clone)]
pub struct Model {
    /// What the model says of itself.
    pub card: Card,
    /// The layers that the graph gives, ascending.
    pub layers: Vec<usize>,
    /// Number format that the graph computes in.
    pub precision: Precision,
    /// An ONNX model whose large initializers are the [`Model::weights`], by name.
    pub graph: Vec<u8>,
    /// Where each weight lies.
    pub weights: Vec<Weight>,
    /// The part that is computed once for all windows, for [`FrontEnd::SharedFrames`](crate::card::FrontEnd).
    pub stem: Option<Stem>,
    /// The folder that it was read from.
    pub folder: PathBuf,
    /// The files that decide its numbers.
    pub files: Vec<PathBuf>,
}

/// The part of a model that makes frames of samples.
#[derive(Debug, Clone)]
pub struct Stem {
    /// An ONNX model that makes `(frames, dim)` of `(frames, samples)`.
    pub graph: Vec<u8>,
    /// Where each of its weights lies.
    pub weights: Vec<Weight>,
}

/// One tensor on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Name of the graph's initializer.
    pub name: String,
    /// Number format on disk.
    pub format: NumberFormat,
    /// Number format that the graph takes, [`NumberFormat::F32`] or [`NumberFormat::F16`]. Numbers are converted on
    /// loading, once, where it is another.
    pub wanted: NumberFormat,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The file that holds it.
    pub file: PathBuf,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
}

impl Weight {
    /// Its length on disk in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.format.n_bytes()
    }
}

/// Number format that an encoder computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision: the published numbers.
    #[default]
    F32,
    /// Half precision for matrix products; norms and sums stay in single precision. Faster on GPUs only.
    F16,
}
