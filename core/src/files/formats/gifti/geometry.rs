//! Surfaces, maps and labels in GIFTI files, read into memory.

use std::io::{self, Write};
use std::path::Path;

use quick_xml::events::BytesStart;

use super::{GiftiFault, Header, Visitor, of_bytes, walk};
use crate::files::formats::mesh::{
    GeometryError, LabelledVertices, MemoryBudget, Mesh, TableEntry, VertexMap, contents, plain,
};
use crate::files::formats::npy::ElementKind;
use crate::files::formats::npz_arrays::MemoryOrder;

/// Arrays, labels and entries of metadata that a file may have altogether.
const MOST_ENTRIES: usize = 1 << 16;

/// The name of a label that stands for none, by convention of Connectome Workbench.
const NO_LABEL: &str = "???";

/// The values of an array, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum GiftiValues {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision, and all ASCII numbers.
    F64(Vec<f64>),
    /// Whole numbers of any declared type.
    I32(Vec<i32>),
}

/// An array of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct GiftiArray {
    /// What it holds, such as `NIFTI_INTENT_POINTSET`.
    pub intent: String,
    /// Names and values of its metadata.
    pub metadata: Vec<(String, String)>,
    /// `(n_vertices, n_columns)` in row-major order, whatever the file's order.
    pub values: GiftiValues,
    /// Number of rows: vertices or triangles.
    pub n_rows: usize,
    /// Number of columns.
    pub n_columns: usize,
    /// The transform to another space that a pointset declares, as the 16 numbers in the file. It is not applied.
    pub transform: Option<[f64; 16]>,
}

/// Contents of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GiftiFile {
    /// The arrays, in the order of the file.
    pub arrays: Vec<GiftiArray>,
    /// Names and values of the file's metadata.
    pub metadata: Vec<(String, String)>,
    /// The table of labels.
    pub labels: Vec<TableEntry>,
}

impl GiftiFile {
    /// Reads a file, compressed or not.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged, is encoded in an unknown way, or takes more memory than
    /// 64 MiB and twice its length.
    pub fn read(path: &Path) -> Result<Self, GeometryError> {
        let (bytes, n_file_bytes) = contents(path)?;
        Self::of_plain(bytes, n_file_bytes)
            .map_err(|sentence| GeometryError::of_file(&sentence, path))
    }

    /// As [`GiftiFile::read`], from the bytes of a file.
    ///
    /// # Errors
    /// As [`GiftiFile::read`], as a sentence without a full stop.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let n_file_bytes = bytes.len() as u64;
        let bytes =
            plain(bytes).map_err(|error| format!("The GIFTI file cannot be unpacked: {error}"))?;
        Self::of_plain(bytes, n_file_bytes)
    }

    fn of_plain(bytes: Vec<u8>, n_file_bytes: u64) -> Result<Self, String> {
        let text = of_bytes(bytes);
        let mut collector = Collector {
            file: Self::default(),
            array: Partial::default(),
            label: None,
            md_name: String::new(),
            is_in_array: false,
            n_entries: 0,
            budget: MemoryBudget::of_file(n_file_bytes),
        };
        walk(&text, &mut collector).map_err(|fault| match fault {
            GiftiFault::Damaged(reason) => {
                format!("This is no GIFTI file, or a damaged one: {reason}")
            }
            GiftiFault::Unusable(reason) => format!("The GIFTI file is not read: {reason}"),
        })?;
        Ok(collector.file)
    }

    /// The arrays of an intent, by its last word.
    fn of_intent(&self, last: &str) -> Vec<&GiftiArray> {
        let arrays = self.arrays.iter();
        arrays
            .filter(|array| array.intent.ends_with(last))
            .collect()
    }

    /// The surface in the file. A transform other than the identity is noted, not applied.
    ///
    /// # Errors
    /// Returns a sentence without a full stop if there is not one array of points and one of triangles.
    pub fn mesh(&self) -> Result<Mesh, String> {
        let points = self.only("POINTSET", "points")?;
        let triangles = self.only("TRIANGLE", "triangles")?;
        let mut notes = Vec::new();
        if let Some(matrix) = points.transform.filter(|matrix| !is_identity(matrix)) {
            let numbers: Vec<String> = matrix.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "The surface declares a transform to another space ({}), which is not applied.",
                numbers.join(" ")
            ));
        }
        let place = |row: usize| std::array::from_fn(|axis| points.values.real(3 * row + axis));
        Ok(Mesh {
            points: (0..points.n_rows).map(place).collect(),
            triangles: corners_of(triangles)?,
            centre_ras: points.centre_ras(),
            notes,
        })
    }

    fn only(&self, intent: &str, what: &str) -> Result<&GiftiArray, String> {
        let found = self.of_intent(intent);
        let [array] = found[..] else {
            return Err(format!(
                "The GIFTI file has {} arrays of {what} where a surface has one",
                found.len()
            ));
        };
        if array.n_columns == 3 {
            Ok(array)
        } else {
            Err(format!(
                "The GIFTI file's array of {what} has {} columns where 3 belong",
                array.n_columns
            ))
        }
    }

    /// All arrays that are neither points nor triangles, a map per column, with the names in their metadata.
    ///
    /// # Errors
    /// Returns a sentence without a full stop if there are none, or they have different numbers of vertices.
    pub fn maps(&self) -> Result<Vec<VertexMap>, String> {
        let is_map = |array: &&GiftiArray| {
            !array.intent.ends_with("POINTSET") && !array.intent.ends_with("TRIANGLE")
        };
        let arrays: Vec<&GiftiArray> = self.arrays.iter().filter(is_map).collect();
        let Some(first) = arrays.first() else {
            return Err("The GIFTI file holds a surface and no map".into());
        };
        if let Some(other) = arrays.iter().find(|array| array.n_rows != first.n_rows) {
            return Err(format!(
                "The GIFTI file's maps have {} and {} vertices",
                first.n_rows, other.n_rows
            ));
        }
        let columns = arrays
            .iter()
            .flat_map(|array| (0..array.n_columns).map(|column| array.column(column)));
        Ok(columns.collect())
    }

    /// The regions of the file's first array of labels. The label "???" stands for no region.
    ///
    /// # Errors
    /// Returns a sentence without a full stop if there are no labels, or a vertex has one that is not in the table.
    pub fn labelled(&self) -> Result<LabelledVertices, String> {
        let arrays = self.of_intent("LABEL");
        let Some(array) = arrays.first() else {
            return Err("The GIFTI file holds no labels".into());
        };
        if self.labels.is_empty() {
            return Err("The GIFTI file's table of labels is empty".into());
        }
        let index = |key: i32| {
            let found = self.labels.iter().position(|entry| entry.key == key);
            let index = found.and_then(|index| u16::try_from(index).ok());
            index.ok_or_else(|| format!("A vertex has the label {key}, which is not in the table"))
        };
        let mut known = std::collections::BTreeMap::new();
        let mut of_vertex = Vec::with_capacity(array.n_rows);
        for row in 0..array.n_rows {
            let key = array.values.whole(row * array.n_columns)?;
            let entry = match known.get(&key) {
                Some(entry) => *entry,
                None => *known.entry(key).or_insert(index(key)?),
            };
            let is_none = self.labels[usize::from(entry)].name == NO_LABEL;
            of_vertex.push((!is_none).then_some(entry));
        }
        let n_others = arrays.len() - 1;
        let notes = (n_others > 0).then(|| {
            format!("The file has {n_others} more arrays of labels; the first one is read.")
        });
        Ok(LabelledVertices {
            table: self.labels.clone(),
            of_vertex,
            notes: notes.into_iter().collect(),
        })
    }
}

fn is_identity(matrix: &[f64; 16]) -> bool {
    let is_expected = |(index, value): (usize, &f64)| {
        let expected = f64::from(u8::from(index % 5 == 0));
        (value - expected).abs() < f64::EPSILON
    };
    matrix.iter().enumerate().all(is_expected)
}

fn corners_of(array: &GiftiArray) -> Result<Vec<[u32; 3]>, String> {
    let corner = |index: usize| -> Result<u32, String> {
        let vertex = array.values.whole(index)?;
        u32::try_from(vertex).map_err(|_| format!("A triangle has vertex {vertex}"))
    };
    let triangle = |row: usize| Ok([corner(3 * row)?, corner(3 * row + 1)?, corner(3 * row + 2)?]);
    (0..array.n_rows).map(triangle).collect()
}

impl GiftiArray {
    /// A value of the metadata.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn column(&self, column: usize) -> VertexMap {
        let value = |row: usize| self.values.real(row * self.n_columns + column);
        VertexMap {
            name: self.meta("Name").unwrap_or_default().to_string(),
            values: (0..self.n_rows).map(value).collect(),
        }
    }

    /// FreeSurfer's `c_ras`, as `mris_convert` writes it. Absent and zero are the same.
    fn centre_ras(&self) -> Option<[f64; 3]> {
        let value = |name: &str| self.meta(name)?.trim().parse::<f64>().ok();
        let centre = [
            value("VolGeomC_R")?,
            value("VolGeomC_A")?,
            value("VolGeomC_S")?,
        ];
        centre
            .iter()
            .all(|value| value.is_finite())
            .then_some(centre)
    }
}

impl GiftiValues {
    fn real(&self, index: usize) -> f32 {
        match self {
            Self::F32(values) => values[index],
            Self::F64(values) => values[index] as f32,
            Self::I32(values) => values[index] as f32,
        }
    }

    /// A value that must be a whole number.
    fn whole(&self, index: usize) -> Result<i32, String> {
        let real = match self {
            Self::I32(values) => return Ok(values[index]),
            Self::F32(values) => f64::from(values[index]),
            Self::F64(values) => values[index],
        };
        whole(real).ok_or_else(|| format!("{real} stands where a whole number belongs"))
    }
}

fn whole(real: f64) -> Option<i32> {
    let is_whole =
        real.fract() == 0.0 && real >= f64::from(i32::MIN) && real <= f64::from(i32::MAX);
    is_whole.then_some(real as i32)
}

/// What is known of an array before its end.
#[derive(Default)]
struct Partial {
    metadata: Vec<(String, String)>,
    transform: Option<[f64; 16]>,
    values: Option<(String, GiftiValues, [usize; 2])>,
}

/// Collects the contents of a file.
struct Collector {
    file: GiftiFile,
    array: Partial,
    /// The entry of the table whose name is next.
    label: Option<(i32, Option<[u8; 4]>)>,
    md_name: String,
    is_in_array: bool,
    n_entries: usize,
    budget: MemoryBudget,
}

impl Visitor for Collector {
    fn values(&mut self, header: &Header, text: &str) -> Result<(), GiftiFault> {
        if self.array.values.is_some() {
            return Err("an array has values twice".into());
        }
        let n_bytes = header.n_bytes()?;
        let n_values = header.n_vertices * header.n_columns;
        // Values of one or two bytes are kept in four.
        let n_kept = n_bytes.max(4_u64.saturating_mul(n_values as u64));
        let n_taken = if header.is_row_major() {
            n_kept
        } else {
            // It is copied into the other order.
            n_kept.saturating_mul(2)
        };
        self.budget.take(n_taken).map_err(GiftiFault::Unusable)?;
        let mut sink = Sink::new(header, n_values);
        header.unpack_all(text, n_bytes, &mut sink)?;
        let shape = [header.n_vertices, header.n_columns];
        let values = if header.is_row_major() {
            sink.values
        } else {
            sink.values.transposed(shape)
        };
        self.array.values = Some((header.intent.clone(), values, shape));
        Ok(())
    }

    fn begin(&mut self, start: &BytesStart) -> Result<(), GiftiFault> {
        match start.name().as_ref() {
            "DataArray" => {
                self.array = Partial::default();
                self.is_in_array = true;
            }
            "Label" => self.label = Some(label(start)?),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, text: &str) -> Result<(), GiftiFault> {
        match name {
            "Name" => self.md_name = text.to_string(),
            "Value" => {
                let pair = (std::mem::take(&mut self.md_name), text.to_string());
                self.count_entry()?;
                if self.is_in_array {
                    self.array.metadata.push(pair);
                } else {
                    self.file.metadata.push(pair);
                }
            }
            "MatrixData" if self.array.transform.is_none() => {
                self.array.transform = Some(matrix(text)?);
            }
            "Label" => {
                if let Some((key, colour)) = self.label.take() {
                    self.count_entry()?;
                    let name = text.to_string();
                    self.file.labels.push(TableEntry { key, name, colour });
                }
            }
            "DataArray" => self.finish_array()?,
            _ => {}
        }
        Ok(())
    }
}

impl Collector {
    fn count_entry(&mut self) -> Result<(), GiftiFault> {
        self.n_entries += 1;
        if self.n_entries <= MOST_ENTRIES {
            return Ok(());
        }
        Err(GiftiFault::Unusable(format!(
            "it has more than {MOST_ENTRIES} arrays, labels and entries of metadata"
        )))
    }

    fn finish_array(&mut self) -> Result<(), GiftiFault> {
        self.is_in_array = false;
        let array = std::mem::take(&mut self.array);
        let (intent, values, [n_rows, n_columns]) = array.values.ok_or("an array has no values")?;
        self.count_entry()?;
        self.file.arrays.push(GiftiArray {
            intent,
            metadata: array.metadata,
            values,
            n_rows,
            n_columns,
            transform: array.transform,
        });
        Ok(())
    }
}

fn matrix(text: &str) -> Result<[f64; 16], GiftiFault> {
    let numbers = text.split_ascii_whitespace().map(str::parse);
    let numbers: Result<Vec<f64>, _> = numbers.collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| "a transform does not have 16 numbers".into())
}

/// Number and colour of a label. Colours are shares of 1.
fn label(start: &BytesStart) -> Result<(i32, Option<[u8; 4]>), GiftiFault> {
    let attribute = |name: &str| {
        let found = start.attributes().flatten();
        let mut found = found.filter(|attribute| attribute.key.as_ref() == name);
        found.next().map(|attribute| attribute.value.to_string())
    };
    let key = attribute("Key").or_else(|| attribute("Index"));
    let key = key.and_then(|key| key.trim().parse().ok());
    let key = key.ok_or("a label has no number (entry Key)")?;
    let part = |name: &str| {
        let share = attribute(name)?.trim().parse::<f64>().ok()?;
        Some((share.clamp(0.0, 1.0) * 255.0).round() as u8)
    };
    let colour = || {
        let alpha = part("Alpha").unwrap_or(255);
        Some([part("Red")?, part("Green")?, part("Blue")?, alpha])
    };
    Ok((key, colour()))
}

/// Turns bytes into values.
struct Sink {
    kind: ElementKind,
    values: GiftiValues,
    /// Bytes of a value that is not complete.
    rest: Vec<u8>,
}

impl Sink {
    fn new(header: &Header, n_values: usize) -> Self {
        let kind = header.kind;
        let values = match (kind.is_real(), kind.value_bytes) {
            (true, 8) => GiftiValues::F64(Vec::with_capacity(n_values)),
            (true, _) => GiftiValues::F32(Vec::with_capacity(n_values)),
            (false, _) => GiftiValues::I32(Vec::with_capacity(n_values)),
        };
        Self {
            kind,
            values,
            rest: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let value = self.kind.value(bytes);
        match &mut self.values {
            GiftiValues::F32(values) => values.push(value as f32),
            GiftiValues::F64(values) => values.push(value),
            GiftiValues::I32(values) => values.push(whole(value).ok_or_else(|| {
                let text = format!("the whole number {value} is larger than any vertex or label");
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?),
        }
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.kind.value_bytes;
        let mut bytes_left = bytes;
        if !self.rest.is_empty() {
            let n = (size - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..n]);
            bytes_left = &bytes[n..];
            if self.rest.len() == size {
                let whole = std::mem::take(&mut self.rest);
                self.push(&whole)?;
            }
        }
        let values = bytes_left.chunks_exact(size);
        self.rest.extend_from_slice(values.remainder());
        for value in values {
            self.push(value)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Header {
    /// As a matrix with a row per column of the array, Fortran order is the array's row-major order.
    fn is_row_major(&self) -> bool {
        matches!(self.order, MemoryOrder::Fortran) || self.n_columns < 2
    }
}

impl GiftiValues {
    /// From column-major to row-major order.
    fn transposed(self, [n_rows, n_columns]: [usize; 2]) -> Self {
        match self {
            Self::F32(values) => Self::F32(transposed(&values, n_rows, n_columns)),
            Self::F64(values) => Self::F64(transposed(&values, n_rows, n_columns)),
            Self::I32(values) => Self::I32(transposed(&values, n_rows, n_columns)),
        }
    }
}

fn transposed<T: Copy>(values: &[T], n_rows: usize, n_columns: usize) -> Vec<T> {
    let rows =
        (0..n_rows).flat_map(|row| (0..n_columns).map(move |column| values[column * n_rows + row]));
    rows.collect()
}
