//! Tensors by name out of checkpoint files: where they lie and how, never their numbers.

pub mod ctranslate2;
mod numbers;
pub mod safetensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heschl_core::encoder::{NumberFormat, Weight};

/// Largest header of a checkpoint file that is read into memory.
const MOST_HEADER_BYTES: u64 = 100 << 20;

/// Where one tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// How its numbers are written.
    pub dtype: Dtype,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
}

/// How a tensor's numbers are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dtype {
    /// A format that a graph can use.
    Supported(NumberFormat),
    /// Another one, by its name in the file.
    Other(String),
}

/// The tensors of a checkpoint, by the names they have in Hugging Face checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    file: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

/// Why a checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum CheckpointError {
    #[error("The checkpoint cannot be read: {source}\nFile: {}", path.display())]
    Unreadable {
        source: std::io::Error,
        path: PathBuf,
    },
    #[error(
        "The checkpoint is cut short: it names {promised} bytes, but the file has {found}. Fetch or copy it again.\n\
         File: {}", path.display()
    )]
    Truncated {
        promised: u64,
        found: u64,
        path: PathBuf,
    },
    #[error(
        "The checkpoint's header claims {claimed} bytes, more than the file has ({found}) or a header can be. This is \
         no checkpoint, or a damaged one. Fetch or copy it again.\nFile: {}", path.display()
    )]
    Header {
        claimed: u64,
        found: u64,
        path: PathBuf,
    },
    #[error("The checkpoint is damaged: {reason}. Fetch or copy it again.\nFile: {}", path.display())]
    Damaged { reason: String, path: PathBuf },
    #[error(
        "The checkpoint has no tensor named {name}. Is it a checkpoint of another architecture, or of a part of the \
         model?\nFile: {}", path.display()
    )]
    Missing { name: String, path: PathBuf },
    #[error(
        "The tensor {name} has the shape {found:?}, where config.json asks for {expected:?}. The two files do not \
         belong together.\nFile: {}", path.display()
    )]
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
        path: PathBuf,
    },
    #[error(
        "The tensor {name} is written as {dtype}, which Heschl does not read. Use a checkpoint in float32 or float16.\n\
         File: {}", path.display()
    )]
    Dtype {
        name: String,
        dtype: String,
        path: PathBuf,
    },
}

impl Checkpoint {
    /// Puts tensors together that were found in `file`.
    #[must_use]
    pub fn new(file: &Path, tensors: BTreeMap<String, Tensor>) -> Self {
        Self {
            file: file.to_path_buf(),
            tensors,
        }
    }

    /// The file that holds the numbers.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Names and places of all tensors.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// The longest of `prefixes` with which `name` is there; the last one where it is nowhere.
    #[must_use]
    pub fn prefix_of<'a>(&self, name: &str, prefixes: &[&'a str]) -> &'a str {
        let found = prefixes
            .iter()
            .find(|prefix| self.tensors.contains_key(&format!("{prefix}{name}")));
        found.or(prefixes.last()).copied().unwrap_or_default()
    }

    /// The tensor `name`, which must have the dimensions `expected`, in the number format that it is stored in.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`], [`CheckpointError::Shape`] or [`CheckpointError::Dtype`].
    pub fn weight(&self, name: &str, expected: &[usize]) -> Result<Weight, CheckpointError> {
        let path = || self.file.clone();
        let name = name.to_string();
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(CheckpointError::Missing { name, path: path() });
        };
        if tensor.shape != expected {
            return Err(CheckpointError::Shape {
                name,
                found: tensor.shape.clone(),
                expected: expected.to_vec(),
                path: path(),
            });
        }
        match &tensor.dtype {
            Dtype::Supported(format) => Ok(Weight {
                name,
                format: *format,
                wanted: *format,
                shape: tensor.shape.clone(),
                file: path(),
                offset: tensor.offset,
            }),
            Dtype::Other(dtype) => Err(CheckpointError::Dtype {
                name,
                dtype: dtype.clone(),
                path: path(),
            }),
        }
    }
}
