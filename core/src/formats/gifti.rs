//! GIFTI: arrays on the vertices of a surface, in XML.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ndarray::{Array2, ArrayView2};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::npy::Kind;
use crate::responses::ResponsesError;

/// A surface with its data is far smaller than this.
const MOST_FILE_BYTES: u64 = 4 << 30;
/// Values of one array.
const MOST_VALUES: usize = 1 << 30;

/// One array of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct GiftiArray {
    /// What it is, such as `NIFTI_INTENT_TIME_SERIES`, `…_POINTSET`, `…_TRIANGLE`.
    pub intent: String,
    /// `(n_vertices, n_columns)`.
    pub values: Array2<f64>,
}

/// Reads all arrays of a file.
///
/// # Errors
/// A sentence, if the file cannot be read, is damaged, or keeps its values in another file.
pub fn read(path: &Path) -> Result<Vec<GiftiArray>, ResponsesError> {
    let failed = |reason: String| {
        ResponsesError(format!(
            "This is no GIFTI file, or a damaged one: {reason}.\nFile: {}",
            path.display()
        ))
    };
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(MOST_FILE_BYTES).read_to_string(&mut text);
    read.map_err(|error| failed(error.to_string()))?;
    parse(&text).map_err(failed)
}

/// Reads all arrays from a file's text.
///
/// # Errors
/// What makes no sense, as a clause.
pub fn parse(text: &str) -> Result<Vec<GiftiArray>, String> {
    let mut reader = Reader::from_str(text);
    let mut arrays = Vec::new();
    let mut header: Option<Header> = None;
    let mut data: Option<String> = None;
    let mut is_gifti = false;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => match start.name().as_ref() {
                "GIFTI" => is_gifti = true,
                "DataArray" => header = Some(Header::read(&start)?),
                "Data" => data = Some(String::new()),
                _ => {}
            },
            Event::Text(part) => {
                if let Some(data) = &mut data {
                    data.push_str(part.as_ref());
                }
            }
            Event::CData(part) => {
                if let Some(data) = &mut data {
                    data.push_str(part.as_ref());
                }
            }
            Event::End(end) if end.name().as_ref() == "DataArray" => {
                let header = header.take().ok_or("an array ends that did not begin")?;
                let data = data.take().ok_or("an array has no values")?;
                arrays.push(header.array(&data)?);
            }
            Event::Eof if is_gifti => return Ok(arrays),
            Event::Eof => return Err("it has no element GIFTI".into()),
            _ => {}
        }
    }
}

/// Rows are the time points of a recording: one array of several columns, or one array for each.
///
/// # Errors
/// A clause, if the arrays do not fit each other.
pub fn time_series(arrays: &[GiftiArray]) -> Result<Array2<f64>, String> {
    let is_shape = |array: &&GiftiArray| {
        !array.intent.ends_with("POINTSET") && !array.intent.ends_with("TRIANGLE")
    };
    let columns: Vec<ArrayView2<f64>> = arrays
        .iter()
        .filter(is_shape)
        .map(|array| array.values.t())
        .collect();
    if columns.is_empty() {
        return Err("it holds a surface and no recording".into());
    }
    ndarray::concatenate(ndarray::Axis(0), &columns)
        .map_err(|_| "its arrays have different numbers of vertices".into())
}

struct Header {
    intent: String,
    kind: &'static str,
    encoding: String,
    is_big_endian: bool,
    is_column_major: bool,
    n_rows: usize,
    n_columns: usize,
}

impl Header {
    fn read(start: &BytesStart) -> Result<Self, String> {
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
                .map_err(|_| format!("an array's {name} is no number"))
        };
        let rank = size("Dimensionality")?;
        let n_columns = match rank {
            1 => 1,
            2 => size("Dim1")?,
            _ => {
                return Err(format!(
                    "an array has {rank} dimensions; one or two are expected"
                ));
            }
        };
        let n_rows = size("Dim0")?;
        let n_values = n_rows.checked_mul(n_columns).filter(|n| *n <= MOST_VALUES);
        n_values.ok_or("an array claims more values than a surface has")?;
        let kind = match attribute("DataType")?.as_str() {
            "NIFTI_TYPE_FLOAT32" => "f4",
            "NIFTI_TYPE_FLOAT64" => "f8",
            "NIFTI_TYPE_INT32" => "i4",
            "NIFTI_TYPE_UINT8" => "u1",
            other => return Err(format!("an array holds values of type {other}")),
        };
        Ok(Self {
            intent: attribute("Intent")?,
            kind,
            encoding: attribute("Encoding")?,
            is_big_endian: attribute("Endian").is_ok_and(|endian| endian == "BigEndian"),
            is_column_major: attribute("ArrayIndexingOrder")
                .is_ok_and(|order| order == "ColumnMajorOrder"),
            n_rows,
            n_columns,
        })
    }

    fn array(&self, data: &str) -> Result<GiftiArray, String> {
        let n_values = self.n_rows * self.n_columns;
        let values = match self.encoding.as_str() {
            "ASCII" => {
                let numbers = data
                    .split_ascii_whitespace()
                    .take(n_values + 1)
                    .map(str::parse);
                numbers
                    .collect::<Result<Vec<f64>, _>>()
                    .map_err(|error| error.to_string())?
            }
            "Base64Binary" => self.numbers(&decoded(data)?)?,
            "GZipBase64Binary" => {
                let packed = decoded(data)?;
                let n_bytes = (n_values * self.kind()?.value_bytes) as u64;
                let mut bytes = Vec::new();
                let unpacked = flate2::read::ZlibDecoder::new(&packed[..])
                    .take(n_bytes)
                    .read_to_end(&mut bytes);
                unpacked.map_err(|error| error.to_string())?;
                self.numbers(&bytes)?
            }
            "ExternalFileBinary" => {
                return Err("its values lie in another file. Convert it to one file, for instance with nibabel".into());
            }
            other => {
                return Err(format!(
                    "its values are encoded as {other}, which is not known"
                ));
            }
        };
        let n_found = values.len();
        let shaped = if self.is_column_major {
            Array2::from_shape_vec((self.n_columns, self.n_rows), values).map(Array2::reversed_axes)
        } else {
            Array2::from_shape_vec((self.n_rows, self.n_columns), values)
        };
        Ok(GiftiArray {
            intent: self.intent.clone(),
            values: shaped.map_err(|_| format!("an array of {n_values} values holds {n_found}"))?,
        })
    }

    fn kind(&self) -> Result<Kind, String> {
        let order = if self.is_big_endian { '>' } else { '<' };
        Kind::parse(&format!("{order}{}", self.kind))
            .ok_or_else(|| "its number format is not known".into())
    }

    fn numbers(&self, bytes: &[u8]) -> Result<Vec<f64>, String> {
        let kind = self.kind()?;
        Ok(bytes
            .chunks_exact(kind.value_bytes)
            .map(|bytes| kind.value(bytes))
            .collect())
    }
}

fn decoded(data: &str) -> Result<Vec<u8>, String> {
    let compact: String = data.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map_err(|error| error.to_string())
}
