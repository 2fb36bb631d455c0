//! Arrays found in a file that may contain several.

use super::npy::{NpyError, NpyHeader, Proof, StoredMatrix};
use super::repeats::{Repeats, repeats_of};

/// The arrays of a file that can be responses, and a summary of its other contents.
pub struct Found<A> {
    /// Arrays by name; a single array may be unnamed.
    pub arrays: Vec<(Option<String>, A)>,
    /// Skipped contents, with the reason: `"subject" (text)`, for instance.
    pub left_out: Vec<String>,
    /// Further notes for the user.
    pub notes: Vec<String>,
}

impl<A> Default for Found<A> {
    fn default() -> Self {
        Self {
            arrays: Vec::new(),
            left_out: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl<A> Found<A> {
    /// Records that something was skipped.
    pub fn leave_out(&mut self, name: &str, why: impl std::fmt::Display) {
        let shown: String = name.chars().take(100).collect();
        self.left_out
            .push(format!("\"{}\" ({why})", shown.escape_debug()));
    }

    /// Converts the arrays to another type.
    #[must_use]
    pub fn into_other<B: From<A>>(self) -> Found<B> {
        let arrays = self.arrays.into_iter();
        Found {
            arrays: arrays.map(|(name, array)| (name, B::from(array))).collect(),
            left_out: self.left_out,
            notes: self.notes,
        }
    }

    /// Describes the first few skipped items; returns `None` if there are none.
    #[must_use]
    pub fn left_out_in_words(&self) -> Option<String> {
        const MOST_SHOWN: usize = 6;
        let (first, n_more) = match self.left_out.len() {
            0 => return None,
            n if n > MOST_SHOWN => (&self.left_out[..MOST_SHOWN], n - MOST_SHOWN),
            _ => (&self.left_out[..], 0),
        };
        let more = if n_more > 0 {
            format!(" and {n_more} more")
        } else {
            String::new()
        };
        Some(format!("{}{more}", first.join(", ")))
    }
}

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

/// Returns a clause on why an array of this shape cannot hold responses; `None` if it can.
#[must_use]
pub fn odd_shape(shape: &[usize]) -> Option<String> {
    if shape.contains(&0) {
        return Some(format!("the shape {shape:?}, no values"));
    }
    match shape.len() {
        0 => Some("a number".into()),
        2 => None,
        _ => repeats_of(shape).err(),
    }
}
