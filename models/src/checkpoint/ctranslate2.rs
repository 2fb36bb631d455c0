//! CTranslate2's `model.bin`, as in faster-whisper folders, read as a Whisper checkpoint.
//!
//! The file is a list of variables: name, rank, dimensions, type, length, data. Names are mapped to those of Hugging Face
//! checkpoints; packed query, key and value projections are split by rows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use heschl_core::speech::encoder::NumberFormat;

use super::{Checkpoint, CheckpointError, Dtype, Tensor};

const NEWEST_VERSION: u32 = 6;
const MOST_RANK: u8 = 8;
/// Variables of at most this many bytes are settings, and their values are kept.
const MOST_SETTING_BYTES: u32 = 8;

/// A CTranslate2 model file: the encoder's tensors, and information on the architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CTranslate2 {
    /// The encoder's tensors under their Hugging Face names, all beginning with `encoder.`.
    pub checkpoint: Checkpoint,
    /// Number of attention heads per block, if stated.
    pub n_heads: Option<usize>,
}

/// Locates the tensors of a CTranslate2 file.
///
/// # Errors
/// Returns a [`CheckpointError`] if the file cannot be read, is not a CTranslate2 model, or is truncated.
pub fn read(path: &Path) -> Result<CTranslate2, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let n_bytes = file.metadata().map_err(unreadable)?.len();
    parse(BufReader::new(file), n_bytes, path)
}

/// Parses a CTranslate2 model of `n_bytes` from any source.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn parse(
    source: impl Read + Seek,
    n_bytes: u64,
    path: &Path,
) -> Result<CTranslate2, CheckpointError> {
    let mut reader = CTranslateReader {
        source,
        position: 0,
        n_bytes,
        path,
    };
    let version = reader.u32()?;
    if version == 0 || version > NEWEST_VERSION {
        return Err(reader.damaged(format!(
            "it is no CTranslate2 model of version 1 to {NEWEST_VERSION}"
        )));
    }
    let kind = reader.text()?;
    if kind != "WhisperSpec" {
        return Err(reader.damaged(format!(
            "it holds a model of the kind \"{kind}\", not a Whisper model"
        )));
    }
    let _revision = reader.u32()?;
    let n_variables = reader.u32()?;
    let mut tensors = BTreeMap::new();
    let mut n_heads = None;
    for _ in 0..n_variables {
        let (name, tensor, setting) = reader.variable()?;
        if name == "encoder/num_heads" {
            n_heads = setting;
        }
        for (name, part) in hugging_face_names(&name, tensor) {
            tensors.insert(name, part);
        }
    }
    Ok(CTranslate2 {
        checkpoint: Checkpoint::new(path, tensors),
        n_heads,
    })
}

struct CTranslateReader<'a, R> {
    source: R,
    position: u64,
    n_bytes: u64,
    path: &'a Path,
}

impl<R: Read + Seek> CTranslateReader<'_, R> {
    fn damaged(&self, reason: String) -> CheckpointError {
        CheckpointError::Damaged {
            reason,
            path: self.path.to_path_buf(),
        }
    }

    /// Checks that `n` more bytes are available.
    fn need(&self, n: u64) -> Result<(), CheckpointError> {
        match self.position.checked_add(n) {
            Some(end) if end <= self.n_bytes => Ok(()),
            end => Err(CheckpointError::Truncated {
                promised: end.unwrap_or(u64::MAX),
                found: self.n_bytes,
                path: self.path.to_path_buf(),
            }),
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CheckpointError> {
        self.need(bytes.len() as u64)?;
        self.position += bytes.len() as u64;
        self.source
            .read_exact(bytes)
            .map_err(|source| CheckpointError::Unreadable {
                source,
                path: self.path.to_path_buf(),
            })
    }

    fn skip(&mut self, n: u64) -> Result<(), CheckpointError> {
        self.need(n)?;
        self.position += n;
        let moved = self.source.seek(SeekFrom::Start(self.position));
        moved
            .map(drop)
            .map_err(|source| CheckpointError::Unreadable {
                source,
                path: self.path.to_path_buf(),
            })
    }

    fn u32(&mut self) -> Result<u32, CheckpointError> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// A length-prefixed, zero-terminated string.
    fn text(&mut self) -> Result<String, CheckpointError> {
        let length = u16::from_le_bytes(self.bytes()?);
        let mut bytes = vec![0; usize::from(length)];
        self.fill(&mut bytes)?;
        bytes.pop();
        String::from_utf8(bytes).map_err(|_| self.damaged("a name in it is not text".into()))
    }

    /// A variable: its name, its location, and its value if it is a small integer.
    fn variable(&mut self) -> Result<(String, Tensor, Option<usize>), CheckpointError> {
        let name = self.text()?;
        let [rank] = self.bytes()?;
        if rank > MOST_RANK {
            return Err(self.damaged(format!("{name} has {rank} dimensions")));
        }
        let mut shape = Vec::with_capacity(usize::from(rank));
        for _ in 0..rank {
            shape.push(self.u32()? as usize);
        }
        let [code] = self.bytes()?;
        let dtype = dtype(code);
        let n_bytes = self.u32()?;
        let offset = self.position;
        if let Dtype::Supported(format) = dtype {
            let expected = shape
                .iter()
                .try_fold(format.n_bytes(), |product, n| product.checked_mul(*n));
            if expected != Some(n_bytes as usize) {
                return Err(self.damaged(format!(
                    "{name} has {n_bytes} bytes, which its shape {shape:?} denies"
                )));
            }
        }
        let setting = self.setting(n_bytes)?;
        Ok((
            name,
            Tensor {
                dtype,
                shape,
                file: 0,
                offset,
            },
            setting,
        ))
    }

    fn setting(&mut self, n_bytes: u32) -> Result<Option<usize>, CheckpointError> {
        if n_bytes > MOST_SETTING_BYTES {
            self.skip(u64::from(n_bytes))?;
            return Ok(None);
        }
        let mut bytes = [0; MOST_SETTING_BYTES as usize];
        self.fill(&mut bytes[..n_bytes as usize])?;
        Ok(usize::try_from(u64::from_le_bytes(bytes)).ok())
    }
}

/// CTranslate2's type codes.
fn dtype(code: u8) -> Dtype {
    match code {
        0 => Dtype::Supported(NumberFormat::F32),
        4 => Dtype::Supported(NumberFormat::F16),
        1 => Dtype::Other("8-bit integers".into()),
        2 => Dtype::Other("16-bit integers".into()),
        3 => Dtype::Other("32-bit integers".into()),
        5 => Dtype::Supported(NumberFormat::Bf16),
        other => Dtype::Other(format!("type {other}")),
    }
}

/// The Hugging Face tensors that correspond to a CTranslate2 variable; none if it is not the encoder's.
fn hugging_face_names(name: &str, tensor: Tensor) -> Vec<(String, Tensor)> {
    let Some(name) = name.strip_prefix("encoder/") else {
        return vec![];
    };
    if name == "position_encodings/encodings" {
        return vec![("encoder.embed_positions.weight".into(), tensor)];
    }
    let numbered = name
        .strip_prefix("layer_")
        .and_then(|rest| rest.split_once('/'));
    let Some((index, part)) = numbered.filter(|(index, _)| index.parse::<usize>().is_ok()) else {
        return vec![(format!("encoder.{}", parameter_name(name)), tensor)];
    };
    let prefix = format!("encoder.layers.{index}");
    if let Some(parameter) = part.strip_prefix("self_attention/linear_0/") {
        return ["q_proj", "k_proj", "v_proj"]
            .iter()
            .enumerate()
            .filter_map(|(i, projection)| {
                Some((
                    format!("{prefix}.self_attn.{projection}.{parameter}"),
                    third_of_rows(&tensor, i)?,
                ))
            })
            .collect();
    }
    let renamed = [
        ("self_attention/layer_norm", "self_attn_layer_norm"),
        ("self_attention/linear_1", "self_attn.out_proj"),
        ("ffn/layer_norm", "final_layer_norm"),
        ("ffn/linear_0", "fc1"),
        ("ffn/linear_1", "fc2"),
    ];
    renamed
        .iter()
        .filter_map(|(from, to)| {
            let parameter = part.strip_prefix(from)?.strip_prefix('/')?;
            Some((
                format!("{prefix}.{to}.{}", parameter_name(parameter)),
                tensor.clone(),
            ))
        })
        .collect()
}

/// `layer_norm/gamma` → `layer_norm.weight`, `conv1/bias` → `conv1.bias`.
fn parameter_name(name: &str) -> String {
    let name = name.replace('/', ".");
    match name.strip_suffix("gamma") {
        Some(stem) => format!("{stem}weight"),
        None => match name.strip_suffix("beta") {
            Some(stem) => format!("{stem}bias"),
            None => name,
        },
    }
}

/// The `index`th third of a tensor's rows; `None` if they are not divisible.
fn third_of_rows(tensor: &Tensor, index: usize) -> Option<Tensor> {
    let Dtype::Supported(format) = tensor.dtype else {
        return Some(tensor.clone());
    };
    let (n_rows, rest) = tensor.shape.split_first()?;
    if !n_rows.is_multiple_of(3) {
        return None;
    }
    let mut shape = vec![n_rows / 3];
    shape.extend_from_slice(rest);
    let n_bytes = shape.iter().product::<usize>() * format.n_bytes();
    Some(Tensor {
        dtype: tensor.dtype.clone(),
        shape,
        file: tensor.file,
        offset: tensor.offset + (index * n_bytes) as u64,
    })
}
