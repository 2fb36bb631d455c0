//! A large `.npy` file of weights or predictions, appended to voxel by voxel.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, s};

use crate::files::disk::DiskFile;
use crate::files::formats::npz_arrays::{MemoryOrder, header};
use crate::maths::matrix::Real;
use crate::run::store::{StoreError, atomic};

/// A single-precision array `(n_rows, n_voxels)`, written in blocks of columns under a temporary name. Stored in Fortran
/// order, so that reading one voxel is one contiguous read.
#[derive(Debug)]
pub struct ColumnsFile {
    file: DiskFile,
    path: PathBuf,
    temporary: PathBuf,
    n_header_bytes: u64,
    n_rows: usize,
    n_voxels: usize,
}

impl ColumnsFile {
    /// Resumes the partial file of an earlier run, or starts a new one, for the final path `path`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if a file cannot be opened or written.
    pub fn open(path: &Path, n_rows: usize, n_voxels: usize) -> Result<Self, StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.partial"));
        let header = header("<f4", MemoryOrder::Fortran, &[n_rows, n_voxels]);
        let mut file = atomic::open_own(&temporary)?;
        file.write_all(&header)
            .map_err(|source| StoreError::write(source, path))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            temporary,
            n_header_bytes: header.len() as u64,
            n_rows,
            n_voxels,
        })
    }

    /// Whether the first `n_voxels` voxels have been written.
    #[must_use]
    pub fn holds(&self, n_voxels: usize) -> bool {
        let length = self.file.metadata().map_or(0, |info| info.len());
        length >= self.n_header_bytes + self.bytes(n_voxels)
    }

    fn bytes(&self, n_voxels: usize) -> u64 {
        (self.n_rows * n_voxels * size_of::<f32>()) as u64
    }

    /// Writes columns from `first_voxel` on and syncs them to disk, before the journal records them.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written.
    pub fn write<T: Real>(
        &mut self,
        first_voxel: usize,
        columns: ArrayView2<T>,
    ) -> Result<(), StoreError> {
        let values = columns.t();
        let values = values.iter().map(|value| value.double() as f32);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        let at = self.n_header_bytes + self.bytes(first_voxel);
        let written = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.sync_data());
        written.map_err(|source| StoreError::write(source, &self.path))
    }

    /// Makes room for all voxels, so that they can be written in any order; returns whether there was room before, as an
    /// earlier run leaves it.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be extended.
    pub fn make_room(&mut self) -> Result<bool, StoreError> {
        if self.holds(self.n_voxels) {
            return Ok(true);
        }
        let length = self.n_header_bytes + self.bytes(self.n_voxels);
        let extended = self.file.set_len(length);
        extended.map_err(|source| StoreError::write(source, &self.path))?;
        Ok(false)
    }

    /// Writes the columns of some voxels and syncs them to disk, before the journal records them.
    ///
    /// * `voxels`: their indices, ascending, one for each column.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written.
    pub fn write_some<T: Real>(
        &mut self,
        voxels: &[usize],
        columns: ArrayView2<T>,
    ) -> Result<(), StoreError> {
        let mut first = 0;
        for run in voxels.chunk_by(|a, b| a + 1 == *b) {
            let end = first + run.len();
            self.write(run[0], columns.slice(s![.., first..end]))?;
            first = end;
        }
        Ok(())
    }

    /// Renames the file to its final name.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be written or renamed.
    pub fn commit(self) -> Result<(), StoreError> {
        let length = self.n_header_bytes + self.bytes(self.n_voxels);
        let failed = |source| StoreError::write(source, &self.path);
        self.file.set_len(length).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        atomic::rename(&self.temporary, &self.path)
    }

    /// Removes the files of an earlier run with other settings.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if a file cannot be removed.
    pub fn remove(path: &Path) -> Result<(), StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        atomic::remove(&path.with_file_name(format!(".{name}.partial")))?;
        atomic::remove(path)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::files::formats::npy::StoredMatrix;

    #[test]
    fn columns_written_in_two_runs_are_one_array() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npy");
        let mut first = ColumnsFile::open(&path, 2, 3).unwrap();
        first
            .write(0, array![[1.0, 2.0], [10.0, 20.0]].view())
            .unwrap();
        assert!(first.holds(2) && !first.holds(3));
        drop(first);
        let mut second = ColumnsFile::open(&path, 2, 3).unwrap();
        assert!(second.holds(2));
        second.write(2, array![[3.0_f32], [30.0]].view()).unwrap();
        assert!(!path.exists());
        second.commit().unwrap();
        let all: Array2<f64> = StoredMatrix::open(&path).unwrap().read(0..2, 0..3).unwrap();
        assert_eq!(all, array![[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]);
        ColumnsFile::remove(&path).unwrap();
        // In any order, and in two runs.
        let mut first = ColumnsFile::open(&path, 1, 4).unwrap();
        assert!(!first.make_room().unwrap());
        first
            .write_some(&[1, 3], array![[2.0, 4.0]].view())
            .unwrap();
        drop(first);
        let mut second = ColumnsFile::open(&path, 1, 4).unwrap();
        assert!(second.make_room().unwrap());
        second
            .write_some(&[0, 2], array![[1.0, 3.0]].view())
            .unwrap();
        second.commit().unwrap();
        let all: Array2<f64> = StoredMatrix::open(&path).unwrap().read(0..1, 0..4).unwrap();
        assert_eq!(all, array![[1.0, 2.0, 3.0, 4.0]]);
        ColumnsFile::remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
