//! Errors of user-supplied ONNX files.

use std::io;
use std::path::PathBuf;

use crate::added::AddError;
use crate::folders::NoDataFolder;
use heschl_core::remedy::Remedy;

/// Errors of adding or opening a user-supplied ONNX file.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum OwnOnnxError {
    #[error("The ONNX file cannot be read or its copy not written ({source}). Check the folder's permissions and the disk's free space.\nFile: {}", path.display())]
    File { source: io::Error, path: PathBuf },
    #[error(
        "This is no ONNX file, or a damaged one: {reason}. Export or copy it again.\nFile: {}",
        path.display()
    )]
    Damaged { reason: String, path: PathBuf },
    #[error(
        "The ONNX file is larger than an encoder's can be: {reason}. Export the encoder alone, weights above 2 GB as \
         external data.\nFile: {}", path.display()
    )]
    TooLarge { reason: String, path: PathBuf },
    #[error(
        "The array {array} lies outside of the model's folder, in \"{location}\". Put that file beside the ONNX file \
         and export again with external data in the same folder.\nFile: {}", path.display()
    )]
    Outside {
        array: String,
        location: String,
        path: PathBuf,
    },
    #[error(
        "The file with the array {array} is missing. Copy it beside the ONNX file; both belong together.\nFile: {}",
        path.display()
    )]
    DataMissing { array: String, path: PathBuf },
    #[error(
        "The graph asks for the input \"{input}\" ({kind}), which Heschl cannot give: it gives samples (batch, samples) \
         or Whisper's log-mel spectrogram (batch, mels, 3000), and an attention mask of ones. Export the encoder alone.\n\
         File: {}", path.display()
    )]
    UnknownInput {
        input: String,
        kind: String,
        path: PathBuf,
    },
    #[error(
        "The graph has no input of sound: neither samples (batch, samples) nor Whisper's log-mel spectrogram (batch, \
         mels, 3000). It is not a speech encoder, or only a part of one.\nFile: {}", path.display()
    )]
    NoSound { path: PathBuf },
    #[error(
        "The graph was exported for a {axis} of exactly {size}. Windows differ, so export it again with that axis left \
         free: dynamic_axes or dynamic_shapes of torch.onnx.export, or Optimum.\nFile: {}", path.display()
    )]
    FixedAxis {
        axis: &'static str,
        size: i64,
        path: PathBuf,
    },
    #[error(
        "The graph uses edition {found} of ONNX's operators; Heschl needs 12 or newer. Export it again with \
         opset_version=17.\nFile: {}", path.display()
    )]
    OldOperators { found: i64, path: PathBuf },
    #[error(
        "The transformer layers were not found: {reason}. Looked for pairs of sums that add attention and then a \
         feed-forward network to the value that ran into them, and for a layer norm behind the last.{}\nName the hidden \
         states yourself, in order, layer 0 first.\nFile: {}",
        listed(candidates), path.display()
    )]
    NoLayers {
        reason: String,
        candidates: Vec<String>,
        path: PathBuf,
    },
    #[error(
        "The graph has no value called \"{name}\".{} Netron or \"onnx\" in Python show all names.\nFile: {}",
        did_you_mean(nearest), path.display()
    )]
    UnknownOutput {
        name: String,
        nearest: Vec<String>,
        path: PathBuf,
    },
    #[error(
        "The value \"{name}\" cannot be a hidden state: {reason}. A hidden state has the axes (batch, frames, features).\n\
         File: {}", path.display()
    )]
    NoHiddenState {
        name: String,
        reason: String,
        path: PathBuf,
    },
    #[error(
        "An added ONNX file is computed in the number format that it was exported in; half precision cannot be asked \
         for. Choose single precision, or add a file that was exported in half precision.\nFolder: {}",
        folder.display()
    )]
    Precision { folder: PathBuf },
    #[error(
        "The description of the added ONNX file cannot be used ({reason}). Remove the model and add the ONNX file \
         again.\nFile: {}", path.display()
    )]
    Description { reason: String, path: PathBuf },
    /// The preprocessing files next to the model are not supported.
    #[error(transparent)]
    Preprocessor(Box<crate::ModelError>),
    #[error(transparent)]
    Name(#[from] AddError),
    #[error(transparent)]
    NoDataFolder(#[from] NoDataFolder),
}

impl OwnOnnxError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NoLayers { .. } => vec![Remedy::NameHiddenStates],
            Self::Precision { .. } => vec![Remedy::FilePrecision],
            Self::Preprocessor(error) => error.remedies(),
            Self::Name(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

fn listed(candidates: &[String]) -> String {
    if candidates.is_empty() {
        return String::new();
    }
    format!(" Candidates: {}.", candidates.join(", "))
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    format!(" Did you mean {}?", nearest.join(", "))
}
