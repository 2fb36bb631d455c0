//! The numbers of single tensors, for the few that are needed before a graph runs.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use half::f16;
use heschl_core::encoder::NumberFormat;

use super::{Checkpoint, CheckpointError};

impl Checkpoint {
    /// The numbers of the tensor `name`, which must have the dimensions `shape`.
    ///
    /// # Errors
    /// As [`Checkpoint::weight`], and [`CheckpointError::Unreadable`] if the file cannot be read.
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let weight = self.weight(name, shape)?;
        let unreadable = |source| CheckpointError::Unreadable {
            source,
            path: weight.file.clone(),
        };
        let mut file = File::open(&weight.file).map_err(unreadable)?;
        file.seek(SeekFrom::Start(weight.offset))
            .map_err(unreadable)?;
        let mut bytes = Vec::new();
        let n_bytes = weight.n_bytes() as u64;
        file.take(n_bytes)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 != n_bytes {
            return Err(unreadable(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(match weight.format {
            NumberFormat::F32 => {
                let numbers = bytes.as_chunks().0.iter();
                numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            NumberFormat::F16 => {
                let numbers = bytes.as_chunks().0.iter();
                numbers
                    .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                    .collect()
            }
        })
    }
}
