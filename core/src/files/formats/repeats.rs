//! Three-dimensional arrays: repeated presentations of one story.

use std::ops::Range;

use ndarray::{Array2, s};

use super::hdf5::Hdf5Array;
use super::npy::{NpyError, Proof, StoredMatrix};
use super::npz_arrays::MemoryOrder;
use crate::files::responses::ResponsesError;
use crate::maths::matrix::Real;

/// Repeated presentations of a story; reads their mean or a single one.
pub struct Repeats {
    flat: Flat,
    /// Number of presentations.
    n: usize,
    n_scans: usize,
}

/// The presentations as one matrix.
enum Flat {
    Stored(StoredMatrix),
    Hdf5(Box<Hdf5Array>),
}

impl Repeats {
    /// Wraps presentations in a NumPy file; `flat` has the rows of all of them.
    ///
    /// In C order presentations are consecutive; in Fortran order their rows are interleaved.
    #[must_use]
    pub fn stored(flat: StoredMatrix, n_repeats: usize) -> Self {
        let n_scans = flat.dim().0 / n_repeats.max(1);
        Self {
            flat: Flat::Stored(flat),
            n: n_repeats,
            n_scans,
        }
    }

    /// Wraps presentations in an HDF5 file.
    #[must_use]
    pub fn hdf5(array: Hdf5Array, n_repeats: usize) -> Self {
        Self {
            n_scans: array.dim().0 / n_repeats.max(1),
            flat: Flat::Hdf5(Box::new(array)),
            n: n_repeats,
        }
    }

    /// As [`StoredMatrix::with_proof`].
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        if let Flat::Stored(matrix) = self.flat {
            self.flat = Flat::Stored(matrix.with_proof(proof));
        }
        self
    }

    /// As [`StoredMatrix::verify`].
    ///
    /// # Errors
    /// Returns an error if the values are corrupted.
    pub fn verify(&self) -> Result<(), ResponsesError> {
        match &self.flat {
            Flat::Stored(matrix) => matrix
                .verify()
                .map_err(|error| ResponsesError(error.to_string())),
            Flat::Hdf5(_) => Ok(()),
        }
    }

    /// Returns the number of presentations.
    #[must_use]
    pub fn n_repeats(&self) -> usize {
        self.n
    }

    /// Returns the numbers of scans and voxels of a presentation.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        let n_voxels = match &self.flat {
            Flat::Stored(matrix) => matrix.dim().1,
            Flat::Hdf5(array) => array.dim().1,
        };
        (self.n_scans, n_voxels)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        match &self.flat {
            Flat::Stored(matrix) => matrix.path(),
            Flat::Hdf5(array) => array.path(),
        }
    }

    /// Reads a range of scans and voxels of one presentation, which must exist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn read<T: Real>(
        &self,
        repeat: usize,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let failed = |error: NpyError| ResponsesError(error.to_string());
        let following = scans.start + repeat * self.n_scans..scans.end + repeat * self.n_scans;
        match &self.flat {
            Flat::Hdf5(array) => array.read(following, voxels),
            Flat::Stored(matrix) if matrix.order() == MemoryOrder::C => {
                matrix.read(following, voxels).map_err(failed)
            }
            Flat::Stored(_) if scans.is_empty() => Ok(Array2::zeros((0, voxels.len()))),
            Flat::Stored(matrix) => {
                let alternating = scans.start * self.n..scans.end * self.n;
                let all = matrix.read::<T>(alternating, voxels).map_err(failed)?;
                Ok(all.slice(s![repeat..; self.n, ..]).to_owned())
            }
        }
    }

    /// Reads the mean over presentations of a range of scans and voxels, which must exist.
    ///
    /// # Errors
    /// Returns the errors of [`Repeats::read`].
    pub fn mean<T: Real>(
        &self,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let mut sum = Array2::<f64>::zeros((scans.len(), voxels.len()));
        for repeat in 0..self.n {
            sum += &self.read::<f64>(repeat, scans.clone(), voxels.clone())?;
        }
        let n = self.n as f64;
        Ok(sum.mapv(|value| T::nearest(value / n)))
    }
}
