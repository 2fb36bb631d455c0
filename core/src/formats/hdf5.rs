//! HDF5, as PyTables and h5py write it: matrices, read in blocks.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ndarray::Array2;
use rust_hdf5::{H5Dataset, H5File, Hdf5Error};

use crate::matrix::Real;
use crate::responses::ResponsesError;

/// What PyTables calls a story's responses in the deep-fMRI dataset.
const USUAL_NAME: &str = "data";

/// Values of the largest chunk that is unpacked: a whole story of the largest subject in one chunk.
const MOST_CHUNK_VALUES: usize = 64 << 20;

/// A matrix in an HDF5 file.
pub struct Hdf5Matrix {
    dataset: Mutex<H5Dataset>,
    path: PathBuf,
    dim: (usize, usize),
}

/// The matrices of a file by their names: `data` alone, if there is one.
///
/// # Errors
/// A sentence, if the file is no HDF5, is damaged, or holds no matrix.
pub fn matrices(path: &Path) -> Result<Vec<(String, Hdf5Matrix)>, ResponsesError> {
    let file = guarded(path, || H5File::open(path))?;
    let names = guarded(path, || Ok(file.dataset_names()))?;
    let mut found = Vec::new();
    let mut others = Vec::new();
    for name in names {
        let dataset = guarded(path, || file.dataset(&name))?;
        refuse_vast_chunks(path, &name, guarded(path, || Ok(dataset.chunk_dims()))?)?;
        match guarded(path, || Ok(dataset.shape()))?[..] {
            [n_rows, n_columns] => {
                let matrix = Hdf5Matrix {
                    dataset: Mutex::new(dataset),
                    path: path.to_path_buf(),
                    dim: (n_rows, n_columns),
                };
                found.push((name.trim_start_matches('/').to_string(), matrix));
            }
            ref shape => others.push(format!("{name} {shape:?}")),
        }
    }
    if found.is_empty() {
        let others = if others.is_empty() {
            "nothing".into()
        } else {
            others.join(", ")
        };
        return Err(said(
            path,
            &format!("The file holds no matrix (scans, voxels); it holds {others}"),
        ));
    }
    if let Some(index) = found.iter().position(|(name, _)| name == USUAL_NAME) {
        return Ok(vec![found.swap_remove(index)]);
    }
    Ok(found)
}

/// A chunk is unpacked as a whole, so its claimed size must make sense before any of it is read.
fn refuse_vast_chunks(
    path: &Path,
    name: &str,
    chunk: Option<Vec<usize>>,
) -> Result<(), ResponsesError> {
    let Some(chunk) = chunk else { return Ok(()) };
    let n_values = chunk
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size));
    if n_values.is_some_and(|n| n <= MOST_CHUNK_VALUES) {
        return Ok(());
    }
    Err(said(
        path,
        &format!(
            "The dataset {} is kept in chunks of {chunk:?} values, more than can be unpacked at once. Write it again in smaller chunks",
            name.escape_debug()
        ),
    ))
}

impl Hdf5Matrix {
    /// Rows and columns.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        self.dim
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads some rows and columns.
    ///
    /// # Errors
    /// A sentence, if the file is damaged or its values are no numbers.
    pub fn read<T: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let (n_rows, n_columns) = (rows.len(), columns.len());
        let dataset = self.dataset.lock().unwrap_or_else(PoisonError::into_inner);
        let values = guarded(&self.path, || {
            dataset.read_numeric_slice_as::<f64>(&[rows.start, columns.start], &[n_rows, n_columns])
        })?;
        let values = values.into_iter().map(T::nearest).collect();
        Array2::from_shape_vec((n_rows, n_columns), values).map_err(|_| {
            said(
                &self.path,
                "The HDF5 file is damaged: a block of it has another size than it says",
            )
        })
    }
}

/// Does something with the file. A panic of the reader, which damaged files might cause, becomes a sentence.
fn guarded<R>(
    path: &Path,
    work: impl FnOnce() -> Result<R, Hdf5Error>,
) -> Result<R, ResponsesError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(said(
            path,
            &format!("The HDF5 file cannot be read: {error}"),
        )),
        Err(_) => Err(said(path, "The HDF5 file is damaged")),
    }
}

fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", path.display()))
}
