//! Checkpoint files: locations and formats of tensors by name, without reading their values.

pub mod ctranslate2;
mod numbers;
mod placeholder;
pub mod pytorch;
pub mod safetensors;
pub(crate) mod sharded;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heschl_core::speech::encoder::{NumberFormat, Weight};

/// Maximum size of a header that is read into memory.
const MOST_HEADER_BYTES: u64 = 100 << 20;

/// Location of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Number format.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Index of the file among [`Checkpoint::files`].
    pub file: usize,
    /// Offset in that file, in bytes.
    pub offset: u64,
}

/// Number format of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dtype {
    /// A supported format.
    Supported(NumberFormat),
    /// A non-contiguous view, such as a transposed matrix.
    Scattered,
    /// Another format, by its name in the file.
    Other(String),
}

/// The tensors of a checkpoint, by their names in Hugging Face checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<PathBuf>,
    tensors: BTreeMap<String, Tensor>,
}

/// Errors of reading a checkpoint.
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
        "The checkpoint asks to call \"{name}\" while it is read. Heschl runs nothing out of a file, and refuses it. If \
         you trust the source, save the model's state_dict() alone, or get the checkpoint in safetensors.\nFile: {}",
        path.display()
    )]
    Call { name: String, path: PathBuf },
    #[error("The checkpoint cannot be used: {reason}, or get it in safetensors.\nFile: {}", path.display())]
    Unsuited { reason: String, path: PathBuf },
    #[error("This file is {what}. {remedy}.\nFile: {}", path.display())]
    Placeholder {
        what: &'static str,
        remedy: &'static str,
        path: PathBuf,
    },
    #[error(
        "The checkpoint is in several files, and {shard} is not there. Fetch the model again, or copy all of its \
         files.\nFile that names it: {}", path.display()
    )]
    NoShard { shard: String, path: PathBuf },
    #[error(
        "The checkpoint's index says that the tensor {name} lies in this file, which has none of that name. Fetch \
         the model again.\nFile: {}", path.display()
    )]
    NotInShard { name: String, path: PathBuf },
    #[error(
        "The checkpoint has no tensor named {name}. Is it a checkpoint of another architecture, or of a part of the \
         model?\nFile: {}", path.display()
    )]
    Missing { name: String, path: PathBuf },
    #[error(
        "The checkpoint holds several encoders, whose tensors' names begin with {}, and does not say which of them is \
         meant. Save the one that you want by itself, with its save_pretrained().\nFile: {}", prefixes.join(", "), path.display()
    )]
    SeveralEncoders {
        prefixes: Vec<String>,
        path: PathBuf,
    },
    #[error(
        "The checkpoint holds {n_tensors} tensors of its encoder that are no part of what config.json describes, such as \
         {example}. Heschl leaves nothing out in silence. If they belong to an adapter, merge it into the model first; \
         otherwise take the config.json that was saved with these weights.\nFile: {}", path.display()
    )]
    Unused {
        n_tensors: usize,
        example: String,
        path: PathBuf,
    },
    #[error(
        "The checkpoint holds an adapter beside the weights that it changes ({example}). Merge it first: in Python, load \
         the model with peft, call merge_and_unload() and save_pretrained(), and use the folder that this writes.\n\
         File: {}", path.display()
    )]
    UnmergedAdapter { example: String, path: PathBuf },
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
        "The numbers of the tensor {name} do not lie in a row: it was saved as a view of another tensor. Save the \
         checkpoint again with every tensor made contiguous, or use one in safetensors.\nFile: {}", path.display()
    )]
    Scattered { name: String, path: PathBuf },
    #[error(
        "The tensor {name} is written as {dtype}, which Heschl does not read. Use a checkpoint in float32, \
         float16 or bfloat16.\nFile: {}", path.display()
    )]
    Dtype {
        name: String,
        dtype: String,
        path: PathBuf,
    },
}

/// Reads a weight file, or an index of several.
type Reader = fn(&Path) -> Result<Checkpoint, CheckpointError>;

/// Weight files of Hugging Face folders, in order of preference, with their readers.
const SOURCES: [(&str, Reader); 4] = [
    ("model.safetensors", safetensors::read),
    ("model.safetensors.index.json", |index| {
        sharded::read(index, safetensors::read)
    }),
    ("pytorch_model.bin", pytorch::read),
    ("pytorch_model.bin.index.json", |index| {
        sharded::read(index, pytorch::read)
    }),
];

/// Finds the weights of a Hugging Face folder and locates its tensors; returns `None` if there are none.
///
/// # Errors
/// Returns a [`CheckpointError`] if the preferred existing file cannot be read.
pub fn open(folder: &Path) -> Result<Option<Checkpoint>, CheckpointError> {
    let there = SOURCES
        .iter()
        .map(|(file, read)| (folder.join(file), read))
        .find(|(path, _)| path.is_file());
    let read_weights = |(path, read): (PathBuf, &Reader)| {
        placeholder::refuse_placeholder(&path)?;
        read(&path)
    };
    there.map(read_weights).transpose()
}

impl Checkpoint {
    /// Creates a checkpoint from tensors in one file.
    #[must_use]
    pub fn new(file: &Path, tensors: BTreeMap<String, Tensor>) -> Self {
        Self::of_files(file, vec![file.to_path_buf()], tensors)
    }

    /// Creates a checkpoint from tensors in `files`, as described by `path`.
    fn of_files(path: &Path, files: Vec<PathBuf>, tensors: BTreeMap<String, Tensor>) -> Self {
        Self {
            path: path.to_path_buf(),
            files,
            tensors,
        }
    }

    /// Returns the file that was opened: the weight file, or the index of several.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the files that hold the values.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns names and locations of all tensors.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Returns the prefix of the encoder's tensor names: the one with which all `markers` exist. Training programs add
    /// prefixes such as `module.` or `_orig_mod.` to the published names.
    ///
    /// * `published`: prefixes in published checkpoints; the last one is the default.
    ///
    /// # Errors
    /// Returns [`CheckpointError::SeveralEncoders`] if there are several.
    pub fn encoder_prefix(
        &self,
        markers: &[&str],
        published: &[&str],
    ) -> Result<String, CheckpointError> {
        let [first, others @ ..] = markers else {
            return Ok(String::new());
        };
        let prefixes = self.tensors.keys().filter_map(|name| {
            let prefix = name.strip_suffix(first)?;
            (prefix.is_empty() || prefix.ends_with('.')).then_some(prefix)
        });
        let has_others = |prefix: &&str| {
            let there = |name: &&str| self.tensors.contains_key(&format!("{prefix}{name}"));
            others.iter().all(there)
        };
        let found: Vec<&str> = prefixes.filter(has_others).collect();
        match found.as_slice() {
            [] => Ok(published.last().copied().unwrap_or_default().into()),
            [one] => Ok((*one).into()),
            several => Err(CheckpointError::SeveralEncoders {
                prefixes: several
                    .iter()
                    .map(|prefix| format!("\"{prefix}\""))
                    .collect(),
                path: self.path.clone(),
            }),
        }
    }

    /// Returns the tensor `name`, which must have the shape `expected`, in its stored number format if graphs can compute
    /// in it, else in single precision.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Missing`], [`CheckpointError::Shape`], [`CheckpointError::Scattered`] or
    /// [`CheckpointError::Dtype`].
    pub fn weight(&self, name: &str, expected: &[usize]) -> Result<Weight, CheckpointError> {
        let name = name.to_string();
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(CheckpointError::Missing {
                name,
                path: self.path.clone(),
            });
        };
        let path = self.files.get(tensor.file).unwrap_or(&self.path).clone();
        if tensor.shape != expected {
            return Err(CheckpointError::Shape {
                name,
                found: tensor.shape.clone(),
                expected: expected.to_vec(),
                path,
            });
        }
        match &tensor.dtype {
            Dtype::Supported(format) => Ok(Weight {
                name,
                format: *format,
                wanted: format.usual_in_graph(),
                shape: tensor.shape.clone(),
                file: path,
                offset: tensor.offset,
            }),
            Dtype::Scattered => Err(CheckpointError::Scattered { name, path }),
            Dtype::Other(dtype) => Err(CheckpointError::Dtype {
                name,
                dtype: dtype.clone(),
                path,
            }),
        }
    }
}
