//! HDF5 as written by PyTables, h5py and MATLAB: matrices, read in blocks.

mod blosc2;
mod chunks;
pub mod pycortex;
mod superblock;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ndarray::Array2;
use rust_hdf5::{
    ByteOrder, DatatypeMessage, H5Dataset, H5File, Hdf5Error, LinkClass, StorageLayout,
};

use super::found::{Found, odd_shape, repeats_of};
use super::npy::{ElementKind, StoredMatrix};
use crate::files::responses::ResponsesError;
use crate::maths::matrix::Real;
use chunks::Packing;

/// Attribute that marks MATLAB's arrays.
const MATLAB_CLASS: &str = "MATLAB_class";

/// An array in an HDF5 file: scans × voxels, or the concatenated scans of several presentations.
pub struct Hdf5Array {
    dataset: Mutex<H5Dataset>,
    path: PathBuf,
    /// Sizes of the dataset's one to three axes.
    dims: Vec<usize>,
    /// Whether rows are voxels: MATLAB stores matrices in column-major order.
    is_transposed: bool,
    /// Compression of the values, if any.
    packing: Option<Packing>,
    /// Compressed values, unpacked on first use.
    unpacked: OnceLock<StoredMatrix>,
    /// Folder for unpacked values.
    scratch: PathBuf,
}

/// Returns the named arrays of a file that can be responses.
///
/// # Errors
/// Returns an error if the file is not HDF5, is damaged, or is truncated.
pub fn arrays(path: &Path, scratch: &Path) -> Result<Found<Hdf5Array>, ResponsesError> {
    let shortage = superblock::shortage(path);
    let shortage =
        shortage.map_err(|error| said(path, &format!("The file cannot be read: {error}")))?;
    if let Some((claimed, there)) = shortage {
        return Err(said(
            path,
            &format!(
                "The HDF5 file is cut off: it says that it has {claimed} bytes, and {there} are there. Copy or fetch it again"
            ),
        ));
    }
    if is_old_matlab(path) {
        return Err(said(
            path,
            "This is a MATLAB file of a version before 7.3, which is not read. Save it with save(..., \"-v7.3\"), or as .npz in Python",
        ));
    }
    let file = guarded(path, || H5File::open(path))?;
    let names = guarded(path, || Ok(file.dataset_names()))?;
    let mut found = Found::default();
    for name in names {
        let dataset = match guarded(path, || file.dataset(&name)) {
            Ok(dataset) => dataset,
            Err(error) => {
                found.leave_out(&name, first_line(&error));
                continue;
            }
        };
        match Hdf5Array::new(path, dataset, scratch)? {
            Ok(array) => {
                if array.is_transposed {
                    found.notes.push(format!(
                        "\"{}\" was written by MATLAB, whose matrices lie transposed in the file: it is read as {} scans of {} voxels.",
                        name.escape_debug(),
                        array.dim().0,
                        array.dim().1
                    ));
                }
                found
                    .arrays
                    .push((Some(name.trim_start_matches('/').to_string()), array));
            }
            Err(why) => found.leave_out(&name, why),
        }
    }
    leave_out_links(path, &file, &mut found);
    Ok(found)
}

/// Whether it is in MATLAB's format before version 7.3, which is not HDF5.
fn is_old_matlab(path: &Path) -> bool {
    let mut head = [0; 10];
    let read = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && head.starts_with(b"MATLAB 5.0")
}

/// External links are not followed: only the given file is read.
fn leave_out_links(path: &Path, file: &H5File, found: &mut Found<Hdf5Array>) {
    let root = file.root_group();
    let names = guarded(path, || root.link_names()).unwrap_or_default();
    for name in names {
        if let Ok(LinkClass::External { file, .. }) = guarded(path, || root.link_class(&name)) {
            found.leave_out(
                &name,
                format!("a link into the file {}", file.escape_debug()),
            );
        }
    }
}

/// The message of an error without its path.
fn first_line(error: &ResponsesError) -> String {
    error
        .0
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_string()
}

impl Hdf5Array {
    /// Checks whether a dataset can hold responses; returns a clause if it cannot.
    fn new(
        path: &Path,
        dataset: H5Dataset,
        scratch: &Path,
    ) -> Result<Result<Self, String>, ResponsesError> {
        Self::of_shape(path, dataset, scratch, odd_shape)
    }

    /// The same for arrays of other shapes.
    ///
    /// * `odd`: a clause if a shape will not do.
    fn of_shape(
        path: &Path,
        dataset: H5Dataset,
        scratch: &Path,
        odd: impl Fn(&[usize]) -> Option<String>,
    ) -> Result<Result<Self, String>, ResponsesError> {
        let dims = guarded(path, || Ok(dataset.shape()))?;
        let kind = guarded(path, || dataset.datatype())?;
        let kind = match kind_of(&kind) {
            Ok(kind) => kind,
            Err(what) => return Ok(Err(what)),
        };
        let class = guarded(path, || dataset.attr(MATLAB_CLASS)?.read_string()).ok();
        if matches!(class.as_deref(), Some("char" | "cell")) {
            return Ok(Err("text".into()));
        }
        if let Some(why) = odd(&dims) {
            return Ok(Err(why));
        }
        if let Some(why) = guarded(path, || elsewhere(&dataset))? {
            return Err(said(path, &why));
        }
        let n_file_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let packing = guarded(path, || Ok(Packing::of(&dataset, kind, n_file_bytes)))?;
        let packing = packing.map_err(|reason| said(path, &reason))?;
        let is_transposed = class.is_some();
        if is_transposed && dims.len() != 2 {
            return Ok(Err(format!("MATLAB's, the shape {dims:?}")));
        }
        Ok(Ok(Self {
            dataset: Mutex::new(dataset),
            path: path.to_path_buf(),
            dims,
            is_transposed,
            packing,
            unpacked: OnceLock::new(),
            scratch: scratch.to_path_buf(),
        }))
    }

    /// Returns the numbers of rows and columns; for several presentations, rows of all of them.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        let (n_rows, n_columns) = self.stored_dim();
        if self.is_transposed {
            (n_columns, n_rows)
        } else {
            (n_rows, n_columns)
        }
    }

    /// Returns the number of presentations, if the array has three axes.
    #[must_use]
    pub fn n_repeats(&self) -> Option<usize> {
        repeats_of(&self.dims)
            .ok()
            .map(|[n_repeats, _, _]| n_repeats)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a range of rows and columns; for several presentations, of one of them.
    ///
    /// # Errors
    /// Returns an error if the file is damaged or its values are not numbers.
    pub fn read<T: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        if self.is_transposed {
            return Ok(self.read_stored(columns, rows)?.reversed_axes());
        }
        self.read_stored(rows, columns)
    }

    /// Rows and columns as stored, with all axes but the last combined.
    fn stored_dim(&self) -> (usize, usize) {
        match self.dims[..] {
            [ref first @ .., last] => (first.iter().product(), last),
            [] => (0, 0),
        }
    }

    fn read_stored<T: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        if self.packing.is_some() {
            let matrix = self.unpacked()?;
            let read = matrix.read(rows, columns);
            return read.map_err(|error| ResponsesError(error.to_string()));
        }
        let (n_rows, n_columns) = (rows.len(), columns.len());
        let mut starts = vec![rows.start, columns.start];
        let mut counts = vec![n_rows, n_columns];
        if let [_, n_scans, _] = self.dims[..] {
            starts = vec![rows.start / n_scans, rows.start % n_scans, columns.start];
            counts = vec![1, n_rows, n_columns];
        } else if self.dims.len() == 1 {
            (starts, counts) = (vec![columns.start], vec![n_columns]);
        }
        let dataset = self.dataset.lock().unwrap_or_else(PoisonError::into_inner);
        let values = guarded(&self.path, || chunks::numbers(&dataset, &starts, &counts))?;
        let values = values.into_iter().map(T::nearest).collect();
        Array2::from_shape_vec((n_rows, n_columns), values).map_err(|_| {
            said(
                &self.path,
                "The HDF5 file is damaged: a block of it has another size than it says",
            )
        })
    }

    /// The unpacked values, which the first caller unpacks.
    fn unpacked(&self) -> Result<&StoredMatrix, ResponsesError> {
        if let Some(matrix) = self.unpacked.get() {
            return Ok(matrix);
        }
        let dataset = self.dataset.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(packing), None) = (&self.packing, self.unpacked.get()) else {
            return self.unpacked_by_another();
        };
        let matrix = catch_unwind(AssertUnwindSafe(|| {
            packing.unpack(&dataset, (&self.path, &self.dims), &self.scratch)
        }));
        let matrix = matrix
            .unwrap_or_else(|_| Err("The HDF5 file is damaged".into()))
            .map_err(|reason| said(&self.path, &reason))?;
        Ok(self.unpacked.get_or_init(|| matrix))
    }

    fn unpacked_by_another(&self) -> Result<&StoredMatrix, ResponsesError> {
        let matrix = self.unpacked.get();
        matrix.ok_or_else(|| said(&self.path, "The HDF5 file cannot be unpacked"))
    }
}

/// The number format of a dataset, or a description of its values if they are not numbers.
fn kind_of(kind: &DatatypeMessage) -> Result<ElementKind, String> {
    let order = |order: &ByteOrder| {
        if *order == ByteOrder::BigEndian {
            '>'
        } else {
            '<'
        }
    };
    let odd = "numbers of an unusual kind";
    let named = match kind {
        DatatypeMessage::FixedPoint {
            size,
            byte_order,
            signed,
            bit_offset: 0,
            bit_precision,
        } if u32::from(*bit_precision) == 8 * size => {
            let letter = if *signed { 'i' } else { 'u' };
            format!("{}{letter}{size}", order(byte_order))
        }
        DatatypeMessage::FloatingPoint {
            size,
            byte_order,
            exponent_size,
            mantissa_size,
            ..
        } if matches!(
            (size, exponent_size, mantissa_size),
            (2, 5, 10) | (4, 8, 23) | (8, 11, 52)
        ) =>
        {
            format!("{}f{size}", order(byte_order))
        }
        DatatypeMessage::FixedPoint { .. } | DatatypeMessage::FloatingPoint { .. } => odd.into(),
        DatatypeMessage::FixedString { .. } | DatatypeMessage::VarLenString { .. } => {
            return Err("text".into());
        }
        DatatypeMessage::Compound { .. } => return Err("a table, or complex numbers".into()),
        DatatypeMessage::Enum { .. } => return Err("yes and no, or names".into()),
        _ => return Err("no numbers".into()),
    };
    ElementKind::parse(&named).ok_or_else(|| odd.into())
}

/// Why the values of a dataset are stored elsewhere, as a message without final punctuation; `None` if they are not.
fn elsewhere(dataset: &H5Dataset) -> Result<Option<String>, Hdf5Error> {
    if let Some(segment) = dataset.external_files()?.first() {
        return Ok(Some(format!(
            "The values lie in another file, \"{}\" (HDF5 external storage), which is not read. Copy the dataset into one file, for \
             instance with h5repack",
            segment.name.escape_debug()
        )));
    }
    if dataset.storage_layout()? == StorageLayout::Virtual {
        let mappings = dataset.virtual_mappings()?;
        let source = mappings
            .first()
            .map(|mapping| mapping.source_file_name.escape_debug().to_string());
        return Ok(Some(format!(
            "The dataset is virtual: its values lie in other files{}, which are not read. Copy it into one file, for instance with \
             h5py: file[\"data\"] = virtual[\"data\"][:]",
            source.map_or(String::new(), |file| format!(" (\"{file}\")"))
        )));
    }
    Ok(None)
}

/// Runs an operation on the file, turning panics of the reader on damaged files into errors.
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
