//! Time series in GIFTI files. Values are unpacked into an anonymous temporary file and read in blocks.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, s};

use super::{GiftiFault, Header, Visitor, of_bytes, walk};
use crate::files::disk;
use crate::files::formats::compressed::{Allowance, compression_of, unpacked};
use crate::files::formats::npy::{ElementKind, NpyError, NpyHeader, StoredMatrix};
use crate::files::formats::npz_arrays::MemoryOrder;
use crate::files::responses::ResponsesError;
use crate::maths::matrix::Real;

/// Maximum size of the text beyond twice the file, for compressed files, bytes.
const MOST_TEXT_BYTES: u64 = 60 << 20;

/// A time series on a surface: a row per scan, a column per vertex.
pub struct GiftiSeries {
    /// Consecutive arrays, each with a row per scan.
    arrays: Vec<StoredMatrix>,
    path: PathBuf,
    n_scans: usize,
    n_vertices: usize,
    /// Notes on the file for the user.
    pub notes: Vec<String>,
}

impl GiftiSeries {
    /// Opens a file; values are unpacked into the folder `scratch`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged, stores its values in another file, or holds no time series.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let said = |text: String| ResponsesError(format!("{text}.\nFile: {}", path.display()));
        let unreadable = |error: io::Error| said(format!("The GIFTI file cannot be read: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        let text = text(file, n_bytes, scratch).map_err(unreadable)?;
        let damaged = |fault: GiftiFault| match fault {
            GiftiFault::Damaged(reason) => {
                said(format!("This is no GIFTI file, or a damaged one: {reason}"))
            }
            GiftiFault::Unusable(reason) => said(format!("The GIFTI file is not read: {reason}")),
        };
        let unpacking = Unpacking::new(n_bytes, scratch).map_err(unreadable)?;
        let (file, arrays) = unpacking.arrays(&text).map_err(damaged)?;
        Self::of_arrays(path, file, arrays)
            .map_err(|reason| said(format!("The GIFTI file holds no responses: {reason}")))
    }

    /// Scans are either arrays of one column, or the columns of one array.
    fn of_arrays(path: &Path, file: File, arrays: Vec<LaidArray>) -> Result<Self, String> {
        let mut notes = Vec::new();
        let arrays = recording(arrays, &mut notes)?;
        let file = Arc::new(file);
        let mut series = Self {
            arrays: Vec::with_capacity(arrays.len()),
            path: path.to_path_buf(),
            n_scans: 0,
            n_vertices: arrays.first().map_or(0, |array| array.n_vertices),
            notes,
        };
        for array in arrays {
            if array.n_vertices != series.n_vertices {
                return Err("its arrays have different numbers of vertices".into());
            }
            let header = NpyHeader {
                kind: array.kind,
                order: array.order,
                shape: vec![array.n_columns, array.n_vertices],
                n_header_bytes: array.begin,
            };
            let matrix = StoredMatrix::new(Arc::clone(&file), path, header);
            series.arrays.push(matrix.map_err(|error| match error {
                NpyError::Empty { .. } => "an array has no values".to_string(),
                _ => "an array is cut off".to_string(),
            })?);
            series.n_scans += array.n_columns;
        }
        Ok(series)
    }

    /// Returns the numbers of scans and vertices.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.n_scans, self.n_vertices)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a range of scans and vertices, which must exist.
    ///
    /// # Errors
    /// Returns an error if the unpacked values cannot be read.
    pub fn read<T: Real>(
        &self,
        scans: Range<usize>,
        vertices: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let mut block = Array2::zeros((scans.len(), vertices.len()));
        let mut first = 0;
        for array in &self.arrays {
            let own = first..first + array.dim().0;
            first = own.end;
            let wanted = own.start.max(scans.start)..own.end.min(scans.end);
            if wanted.is_empty() {
                continue;
            }
            let rows = wanted.start - own.start..wanted.end - own.start;
            let read = array
                .read::<T>(rows, vertices.clone())
                .map_err(|error| ResponsesError(error.to_string()))?;
            block
                .slice_mut(s![wanted.start - scans.start..wanted.end - scans.start, ..])
                .assign(&read);
        }
        Ok(block)
    }
}

/// The arrays of the time series: those with that intent, if any; else all that are not surfaces.
fn recording(arrays: Vec<LaidArray>, notes: &mut Vec<String>) -> Result<Vec<LaidArray>, String> {
    let is_surface = |array: &LaidArray| {
        array.intent.ends_with("POINTSET") || array.intent.ends_with("TRIANGLE")
    };
    let arrays: Vec<LaidArray> = arrays
        .into_iter()
        .filter(|array| !is_surface(array))
        .collect();
    if arrays.is_empty() {
        return Err("it holds a surface and no recording".into());
    }
    let is_time = |array: &LaidArray| array.intent.ends_with("TIME_SERIES");
    let n_all = arrays.len();
    if !arrays.iter().any(is_time) {
        return Ok(arrays);
    }
    let others = arrays.iter().find(|array| !is_time(array));
    if let Some(other) = others.map(|array| array.intent.escape_debug().to_string()) {
        let n_others = n_all - arrays.iter().filter(|array| is_time(array)).count();
        notes.push(format!(
            "{n_others} of {n_all} arrays of the GIFTI file are no time series ({other}); they are left out."
        ));
    }
    Ok(arrays.into_iter().filter(is_time).collect())
}

/// The text of a file.
fn text(mut file: File, n_bytes: u64, scratch: &Path) -> io::Result<String> {
    if let Some(compression) = compression_of(&mut file)? {
        let most = n_bytes.saturating_mul(2).saturating_add(MOST_TEXT_BYTES);
        let packed = compression.reader(file)?;
        file = unpacked(
            packed.take(most + 1),
            &mut Allowance::of_file(most),
            scratch,
        )?;
        if file.metadata()?.len() > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it unpacks to far more than its length. If that is right, unpack it first, with gunzip",
            ));
        }
    }
    let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
    file.read_to_end(&mut bytes)?;
    Ok(of_bytes(bytes))
}

/// An array whose values are unpacked in a file.
struct LaidArray {
    intent: String,
    kind: ElementKind,
    /// Memory order as a matrix with a row per column of the array.
    order: MemoryOrder,
    n_vertices: usize,
    n_columns: usize,
    begin: u64,
}

/// Unpacks the values of arrays, one after another.
struct Unpacking {
    file: BufWriter<File>,
    at: u64,
    allowance: Allowance,
    arrays: Vec<LaidArray>,
}

impl Unpacking {
    fn new(n_file_bytes: u64, scratch: &Path) -> io::Result<Self> {
        disk::create_folders(scratch)?;
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(scratch)?),
            at: 0,
            allowance: Allowance::of_file(n_file_bytes),
            arrays: Vec::new(),
        })
    }

    /// Returns all arrays in a file's text.
    fn arrays(mut self, text: &str) -> Result<(File, Vec<LaidArray>), GiftiFault> {
        walk(text, &mut self)?;
        let file = self.file.into_inner().map_err(|error| error.to_string())?;
        Ok((file, self.arrays))
    }
}

impl Visitor for Unpacking {
    /// Unpacks the values of one array.
    fn values(&mut self, header: &Header, text: &str) -> Result<(), GiftiFault> {
        let n_bytes = header.n_bytes()?;
        self.allowance
            .take(n_bytes)
            .map_err(|error| GiftiFault::Unusable(error.to_string()))?;
        header.unpack_all(text, n_bytes, &mut self.file)?;
        self.arrays.push(LaidArray {
            intent: header.intent.clone(),
            kind: header.kind,
            order: header.order,
            n_vertices: header.n_vertices,
            n_columns: header.n_columns,
            begin: self.at,
        });
        self.at += n_bytes;
        Ok(())
    }
}
