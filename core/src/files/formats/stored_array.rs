//! A NumPy array by its shape: scans of one story, or several presentations of it.

use super::found::{odd_shape, repeats_of};
use super::npy::{NpyError, NpyHeader, Proof, StoredMatrix};
use super::repeats::Repeats;

/// A NumPy array that can hold responses.
pub enum StoredArray {
    /// Scans × voxels.
    Matrix(StoredMatrix),
    /// Presentations × scans × voxels.
    Repeats(Repeats),
}

impl StoredArray {
    /// Opens a `.npy` file.
    ///
    /// # Errors
    /// Returns an [`NpyError`] if the file cannot be read, is damaged, or has an unsuitable shape.
    pub fn open(path: &std::path::Path) -> Result<Self, NpyError> {
        let (file, header) = StoredMatrix::open_file(path)?;
        match (odd_shape(&header.shape), header.shape.contains(&0)) {
            (None, _) | (_, true) => stored_array(file, path, header),
            (Some(_), false) => Err(NpyError::Dimensions {
                shape: header.shape,
                path: path.to_path_buf(),
            }),
        }
    }

    /// As [`StoredMatrix::with_proof`].
    #[must_use]
    pub fn with_proof(self, proof: Proof) -> Self {
        match self {
            Self::Matrix(matrix) => Self::Matrix(matrix.with_proof(proof)),
            Self::Repeats(repeats) => Self::Repeats(repeats.with_proof(proof)),
        }
    }
}

/// Interprets an array by its header: a matrix, presentations, or a clause that says why it is neither.
///
/// # Errors
/// Returns an [`NpyError`] as [`StoredMatrix::new`] does.
pub fn stored_array(
    file: impl Into<std::sync::Arc<std::fs::File>>,
    path: &std::path::Path,
    mut header: NpyHeader,
) -> Result<StoredArray, NpyError> {
    if header.shape.contains(&0) {
        return Err(NpyError::Empty {
            shape: header.shape,
            path: path.to_path_buf(),
        });
    }
    let n_repeats = match repeats_of(&header.shape) {
        Ok([n_repeats, n_scans, n_voxels]) => {
            header.shape = vec![n_repeats * n_scans, n_voxels];
            Some(n_repeats)
        }
        Err(_) => None,
    };
    let matrix = StoredMatrix::new(file, path, header)?;
    Ok(match n_repeats {
        Some(n_repeats) => StoredArray::Repeats(Repeats::stored(matrix, n_repeats)),
        None => StoredArray::Matrix(matrix),
    })
}
