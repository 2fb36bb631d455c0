//! The safetensors format: a length, a JSON header, the numbers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use heschl_core::encoder::NumberFormat;
use safetensors::Dtype as FileDtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{Checkpoint, CheckpointError, Dtype, MOST_HEADER_BYTES, Tensor};

const LENGTH_BYTES: u64 = 8;

/// Reads where the tensors of a safetensors file lie.
///
/// # Errors
/// [`CheckpointError`] if the file cannot be read, its header is damaged or claims more than there is, or the file ends
/// before its last tensor.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let n_file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; LENGTH_BYTES as usize];
    if n_file_bytes < LENGTH_BYTES {
        return Err(CheckpointError::Truncated {
            promised: LENGTH_BYTES,
            found: n_file_bytes,
            path: path.to_path_buf(),
        });
    }
    file.read_exact(&mut length).map_err(unreadable)?;
    let claimed = u64::from_le_bytes(length);
    if claimed > MOST_HEADER_BYTES || claimed > n_file_bytes - LENGTH_BYTES {
        return Err(CheckpointError::Header {
            claimed,
            found: n_file_bytes,
            path: path.to_path_buf(),
        });
    }
    let mut json = Vec::new();
    file.take(claimed)
        .read_to_end(&mut json)
        .map_err(unreadable)?;
    parse(&json, n_file_bytes, path)
}

/// Reads the JSON header of a file of `n_file_bytes`.
///
/// # Errors
/// As [`read`].
pub fn parse(json: &[u8], n_file_bytes: u64, path: &Path) -> Result<Checkpoint, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let metadata: Metadata = serde_json::from_slice(json)
        .map_err(|error| damaged(format!("its header makes no sense ({error})")))?;
    let first_byte = LENGTH_BYTES + json.len() as u64;
    let mut tensors = BTreeMap::new();
    for (name, info) in BTreeMap::from_iter(metadata.tensors()) {
        let (begin, end) = info.data_offsets;
        let n_bits = info
            .shape
            .iter()
            .try_fold(info.dtype.bitsize(), |product, n| product.checked_mul(*n));
        if end < begin || n_bits != (end - begin).checked_mul(8) {
            return Err(damaged(format!(
                "the tensor {name} has not the length that its shape asks for"
            )));
        }
        let promised = first_byte.checked_add(end as u64);
        if promised.is_none_or(|promised| promised > n_file_bytes) {
            return Err(CheckpointError::Truncated {
                promised: promised.unwrap_or(u64::MAX),
                found: n_file_bytes,
                path: path.to_path_buf(),
            });
        }
        tensors.insert(name, place(info, first_byte));
    }
    Ok(Checkpoint::new(path, tensors))
}

fn place(info: &TensorInfo, first_byte: u64) -> Tensor {
    Tensor {
        dtype: match info.dtype {
            FileDtype::F32 => Dtype::Supported(NumberFormat::F32),
            FileDtype::F16 => Dtype::Supported(NumberFormat::F16),
            FileDtype::BF16 => Dtype::Supported(NumberFormat::Bf16),
            FileDtype::F64 => Dtype::Supported(NumberFormat::F64),
            other => Dtype::Other(format!("{other:?}")),
        },
        shape: info.shape.clone(),
        file: 0,
        offset: first_byte + info.data_offsets.0 as u64,
    }
}
