//! Values of single tensors that are needed to build a graph.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::{Checkpoint, CheckpointError};

impl Checkpoint {
    /// Reads the values of the tensor `name`, which must have the shape `shape`.
    ///
    /// # Errors
    /// Returns the errors of [`Checkpoint::weight`], and [`CheckpointError::Unreadable`] if the file cannot be read.
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
        Ok(weight.format.singles(&bytes))
    }
}
