//! GIFTI: arrays on the vertices of a surface, in XML. Values are unpacked into an anonymous temporary file and read in
//! blocks.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use ndarray::{Array2, s};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::compressed::{Allowance, compression_of, unpacked};
use super::npy::{ElementKind, NpyError, NpyHeader, StoredMatrix};
use super::npz_arrays::MemoryOrder;
use crate::files::disk;
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

/// The text of a file. Invalid UTF-8 is read as Latin-1: values are encoded in ASCII, which both share.
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
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| of_latin1(error.as_bytes())))
}

fn of_latin1(bytes: &[u8]) -> String {
    let n_long = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let mut text = String::with_capacity(bytes.len() + n_long);
    text.extend(bytes.iter().map(|byte| char::from(*byte)));
    text
}

/// Why arrays cannot be unpacked, as a clause.
enum GiftiFault {
    Damaged(String),
    /// Not supported, though the file may be intact.
    Unusable(String),
}

impl From<String> for GiftiFault {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

impl From<&str> for GiftiFault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.into())
    }
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
}

impl Unpacking {
    fn new(n_file_bytes: u64, scratch: &Path) -> io::Result<Self> {
        disk::create_folders(scratch)?;
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(scratch)?),
            at: 0,
            allowance: Allowance::of_file(n_file_bytes),
        })
    }

    /// Returns all arrays in a file's text.
    fn arrays(mut self, text: &str) -> Result<(File, Vec<LaidArray>), GiftiFault> {
        let mut reader = Reader::from_str(text);
        let mut arrays = Vec::new();
        let mut header: Option<Header> = None;
        let mut has_values = false;
        let mut is_data = false;
        let mut is_gifti = false;
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => match start.name().as_ref() {
                    "GIFTI" => is_gifti = true,
                    "DataArray" => {
                        header = Some(Header::read(&start)?);
                        has_values = false;
                    }
                    "Data" => is_data = true,
                    _ => {}
                },
                Event::Text(part) if is_data => {
                    has_values |= self.values(header.as_ref(), part.as_ref(), &mut arrays)?;
                }
                Event::CData(part) if is_data => {
                    has_values |= self.values(header.as_ref(), part.as_ref(), &mut arrays)?;
                }
                Event::End(end) if end.name().as_ref() == "Data" => is_data = false,
                Event::End(end) if end.name().as_ref() == "DataArray" && !has_values => {
                    return Err("an array has no values".into());
                }
                Event::Eof if is_gifti => break,
                Event::Eof => return Err("it has no element GIFTI".into()),
                _ => {}
            }
        }
        let file = self.file.into_inner().map_err(|error| error.to_string())?;
        Ok((file, arrays))
    }

    /// Unpacks the values of one array, ignoring surrounding white space.
    fn values(
        &mut self,
        header: Option<&Header>,
        text: &str,
        arrays: &mut Vec<LaidArray>,
    ) -> Result<bool, GiftiFault> {
        if text.trim_ascii().is_empty() {
            return Ok(false);
        }
        let header = header.ok_or("values stand outside of an array")?;
        let n_values = header.n_vertices.checked_mul(header.n_columns);
        let n_bytes = n_values.and_then(|n| (n as u64).checked_mul(header.kind.value_bytes as u64));
        let n_bytes = n_bytes.ok_or("an array claims more values than a surface has")?;
        self.allowance
            .take(n_bytes)
            .map_err(|error| GiftiFault::Unusable(error.to_string()))?;
        let n_found = header.unpack(text, n_bytes, &mut self.file)?;
        if n_found != n_bytes {
            let size = header.kind.value_bytes as u64;
            let more = if n_found > n_bytes { "more" } else { "fewer" };
            return Err(format!(
                "an array of {} values holds {more} ({n_found} bytes where {n_bytes} belong)",
                n_bytes / size
            )
            .into());
        }
        arrays.push(LaidArray {
            intent: header.intent.clone(),
            kind: header.kind,
            order: header.order,
            n_vertices: header.n_vertices,
            n_columns: header.n_columns,
            begin: self.at,
        });
        self.at += n_bytes;
        Ok(true)
    }
}

struct Header {
    intent: String,
    kind: ElementKind,
    encoding: String,
    order: MemoryOrder,
    n_vertices: usize,
    n_columns: usize,
}

impl Header {
    fn read(start: &BytesStart) -> Result<Self, GiftiFault> {
        let attribute = |name: &str| -> Result<String, String> {
            let found = start
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.as_ref() == name);
            let found = found.ok_or_else(|| format!("an array has no {name}"))?;
            Ok(found.value.to_string())
        };
        let size = |name: &str| -> Result<usize, String> {
            attribute(name)?
                .trim()
                .parse()
                .map_err(|_| format!("an array's {name} is not a number"))
        };
        let n_columns = match size("Dimensionality")? {
            1 => 1,
            2 => size("Dim1")?,
            rank => {
                return Err(GiftiFault::Unusable(format!(
                    "an array has {rank} dimensions; one or two are expected"
                )));
            }
        };
        let encoding = attribute("Encoding")?;
        let is_big_endian = attribute("Endian").is_ok_and(|endian| endian == "BigEndian");
        let is_column_major =
            attribute("ArrayIndexingOrder").is_ok_and(|order| order == "ColumnMajorOrder");
        let kind = kind(&attribute("DataType")?, &encoding, is_big_endian)?;
        Ok(Self {
            intent: attribute("Intent")?,
            kind,
            encoding,
            // Rows of the matrix are columns of the array.
            order: if is_column_major {
                MemoryOrder::C
            } else {
                MemoryOrder::Fortran
            },
            n_vertices: size("Dim0")?,
            n_columns,
        })
    }

    /// Writes the values of a text, at most one byte more than expected; returns the number of bytes.
    fn unpack(&self, text: &str, n_bytes: u64, to: &mut impl Write) -> Result<u64, GiftiFault> {
        let clause = |error: io::Error| GiftiFault::Damaged(error.to_string());
        let binary = || DecoderReader::new(WithoutBlanks(text.as_bytes()), &STANDARD);
        match self.encoding.as_str() {
            "ASCII" => {
                let mut n_written = 0;
                for number in text.split_ascii_whitespace() {
                    let number: f64 = number.parse().map_err(|_| {
                        let shown: String = number.chars().take(20).collect();
                        format!("\"{}\" is not a number", shown.escape_debug())
                    })?;
                    to.write_all(&number.to_le_bytes()).map_err(clause)?;
                    n_written += 8;
                }
                Ok(n_written)
            }
            "Base64Binary" => {
                io::copy(&mut binary().take(n_bytes.saturating_add(1)), to).map_err(clause)
            }
            "GZipBase64Binary" => {
                // Read past the values, since the checksum is verified at the end of the stream.
                let unpacked = flate2::read::ZlibDecoder::new(binary());
                io::copy(&mut unpacked.take(n_bytes.saturating_add(1)), to).map_err(clause)
            }
            "ExternalFileBinary" => Err(GiftiFault::Unusable(
                "its values lie in another file. Convert it to one file, for instance with nibabel"
                    .into(),
            )),
            other => Err(GiftiFault::Unusable(format!(
                "its values are encoded as {}, which is not known",
                other.escape_debug()
            ))),
        }
    }
}

/// The type of the unpacked values: the declared one, or double precision for ASCII numbers.
fn kind(data_type: &str, encoding: &str, is_big_endian: bool) -> Result<ElementKind, GiftiFault> {
    let letter = match data_type {
        "NIFTI_TYPE_FLOAT32" => "f4",
        "NIFTI_TYPE_FLOAT64" => "f8",
        "NIFTI_TYPE_INT8" => "i1",
        "NIFTI_TYPE_UINT8" => "u1",
        "NIFTI_TYPE_INT16" => "i2",
        "NIFTI_TYPE_UINT16" => "u2",
        "NIFTI_TYPE_INT32" => "i4",
        "NIFTI_TYPE_UINT32" => "u4",
        "NIFTI_TYPE_INT64" => "i8",
        "NIFTI_TYPE_UINT64" => "u8",
        other => {
            return Err(GiftiFault::Unusable(format!(
                "an array holds values of type {}",
                other.escape_debug()
            )));
        }
    };
    let kind = match (encoding, is_big_endian) {
        ("ASCII", _) => ElementKind::parse("<f8"),
        (_, true) => ElementKind::parse(&format!(">{letter}")),
        (_, false) => ElementKind::parse(&format!("<{letter}")),
    };
    kind.ok_or_else(|| "its number format is not known".into())
}

/// Bytes without white space.
struct WithoutBlanks<'a>(&'a [u8]);

impl Read for WithoutBlanks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n < buffer.len() {
            let Some((byte, rest)) = self.0.split_first() else {
                break;
            };
            self.0 = rest;
            if !byte.is_ascii_whitespace() {
                buffer[n] = *byte;
                n += 1;
            }
        }
        Ok(n)
    }
}
