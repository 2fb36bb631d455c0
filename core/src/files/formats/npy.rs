//! NumPy's `.npy` format: an array, read in blocks of rows and columns.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use ndarray::Array2;

use super::npz_arrays::MemoryOrder;
use super::places::read_at;
use crate::maths::matrix::Real;

/// Maximum size of a header, bytes.
const MOST_HEADER_BYTES: usize = 1 << 20;

/// Errors of reading an array.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum NpyError {
    #[error("The file cannot be read: {source}\nFile: {}", path.display())]
    Unreadable { source: io::Error, path: PathBuf },
    #[error("This is no NumPy array, or a damaged one: {reason}. Save it again with numpy.save.\nFile: {}", path.display())]
    Damaged { reason: String, path: PathBuf },
    #[error(
        "The array holds values of the kind \"{kind}\"; numbers are expected. Convert it with .astype(\"float32\").\nFile: {}",
        path.display()
    )]
    ElementKind { kind: String, path: PathBuf },
    #[error(
        "The array has the shape {shape:?}; expected are two dimensions, scans and voxels (or one, for a list with a value per \
         voxel).\nFile: {}", path.display()
    )]
    Dimensions { shape: Vec<usize>, path: PathBuf },
    #[error("The array has the shape {shape:?}: there are no values in it.\nFile: {}", path.display())]
    Empty { shape: Vec<usize>, path: PathBuf },
}

/// Number format of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementKind {
    letter: u8,
    /// Bytes per value.
    pub value_bytes: usize,
    is_big_endian: bool,
}

impl ElementKind {
    /// Parses NumPy's type string, such as `<f4`; returns `None` if it is not a number type.
    #[must_use]
    pub fn parse(descr: &str) -> Option<Self> {
        let (order, rest) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'=', rest),
        };
        let (letter, digits) = rest.split_first()?;
        let value_bytes: usize = str::from_utf8(digits).ok()?.parse().ok()?;
        let is_known = match letter {
            b'f' => matches!(value_bytes, 2 | 4 | 8),
            b'i' | b'u' => matches!(value_bytes, 1 | 2 | 4 | 8),
            b'b' => value_bytes == 1,
            _ => false,
        };
        is_known.then_some(Self {
            letter: *letter,
            value_bytes,
            is_big_endian: order == b'>',
        })
    }

    /// Whether it is a floating-point type.
    #[must_use]
    pub fn is_real(self) -> bool {
        self.letter == b'f'
    }

    /// Decodes one value of [`ElementKind::value_bytes`] bytes.
    #[must_use]
    pub fn value(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        let n = self.value_bytes.min(bytes.len());
        word[..n].copy_from_slice(&bytes[..n]);
        if self.is_big_endian {
            word[..n].reverse();
        }
        let unsigned = u64::from_le_bytes(word);
        match (self.letter, self.value_bytes) {
            (b'f', 2) => f16::from_bits(unsigned as u16).to_f64(),
            (b'f', 4) => f64::from(f32::from_bits(unsigned as u32)),
            (b'f', _) => f64::from_bits(unsigned),
            (b'i', n) => {
                let unused = 64 - 8 * n as u32;
                ((unsigned << unused) as i64 >> unused) as f64
            }
            (b'b', _) => f64::from(u8::from(unsigned != 0)),
            _ => unsigned as f64,
        }
    }
}

/// Contents of an array's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyHeader {
    /// Number format.
    pub kind: ElementKind,
    /// Memory order.
    pub order: MemoryOrder,
    /// Shape.
    pub shape: Vec<usize>,
    /// Offset of the data.
    pub n_header_bytes: u64,
}

impl NpyHeader {
    /// Returns the number of values; `None` on overflow.
    #[must_use]
    pub fn n_values(&self) -> Option<usize> {
        let sizes = self.shape.iter();
        sizes.copied().try_fold(1_usize, usize::checked_mul)
    }
}

/// Why a header is rejected.
enum HeaderError {
    Damaged(String),
    ElementKind(String),
    Io(io::Error),
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Damaged("it ends within its header".into());
        }
        Self::Io(error)
    }
}

/// Parses the header at the beginning of `source`.
///
/// # Errors
/// Returns an [`NpyError`] for `path` if it is not a valid header.
pub fn header_of(source: &mut impl Read, path: &Path) -> Result<NpyHeader, NpyError> {
    let path = path.to_path_buf();
    read_header(source).map_err(|error| match error {
        HeaderError::Damaged(reason) => NpyError::Damaged { reason, path },
        HeaderError::ElementKind(kind) => NpyError::ElementKind { kind, path },
        HeaderError::Io(source) => NpyError::Unreadable { source, path },
    })
}

fn read_header(source: &mut impl Read) -> Result<NpyHeader, HeaderError> {
    let damaged = |reason: &str| HeaderError::Damaged(reason.to_string());
    let mut start = [0; 8];
    source.read_exact(&mut start)?;
    let Some([major, _minor]) = start.strip_prefix(b"\x93NUMPY") else {
        return Err(damaged("it does not begin as one"));
    };
    let (n_length_bytes, n_text_bytes) = match major {
        1 => {
            let mut length = [0; 2];
            source.read_exact(&mut length)?;
            (2, usize::from(u16::from_le_bytes(length)))
        }
        2 | 3 => {
            let mut length = [0; 4];
            source.read_exact(&mut length)?;
            (4, u32::from_le_bytes(length) as usize)
        }
        _ => return Err(damaged("its version is not known")),
    };
    if n_text_bytes > MOST_HEADER_BYTES {
        return Err(damaged("its header is far too long"));
    }
    let mut text = vec![0; n_text_bytes];
    source.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let descr = entry(&text, "descr").ok_or_else(|| damaged("its header has no \"descr\""))?;
    let kind = quoted(descr).and_then(ElementKind::parse);
    let kind = kind.ok_or_else(|| HeaderError::ElementKind(short(descr)))?;
    let fortran = entry(&text, "fortran_order");
    let order = match fortran.map(|value| value.starts_with("True")) {
        Some(true) => MemoryOrder::Fortran,
        Some(false) => MemoryOrder::C,
        None => return Err(damaged("its header has no \"fortran_order\"")),
    };
    let shape = entry(&text, "shape").and_then(shape_of);
    Ok(NpyHeader {
        kind,
        order,
        shape: shape.ok_or_else(|| damaged("its header has no \"shape\""))?,
        n_header_bytes: (8 + n_length_bytes + n_text_bytes) as u64,
    })
}

/// The text after a key in the header's dictionary.
fn entry<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    let after = quoted
        .iter()
        .find_map(|name| text.split_once(name.as_str()))?
        .1;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    value[1..].split_once(quote).map(|(text, _)| text)
}

/// Short form of an unknown type: the quoted text, or the beginning of a list of fields.
fn short(value: &str) -> String {
    let text = quoted(value).unwrap_or(value);
    let text = text.chars().take_while(|c| *c != '}').take(40);
    text.collect::<String>().escape_debug().to_string()
}

fn shape_of(value: &str) -> Option<Vec<usize>> {
    let sizes = value.strip_prefix('(')?.split_once(')')?.0;
    let sizes = sizes
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    sizes
        .map(|size| size.trim_end_matches('L').parse().ok())
        .collect()
}

/// Checksum of a range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Offset of the range.
    pub begin: u64,
    /// Its length.
    pub n_bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// A contiguous matrix of numbers in a file, read in blocks.
#[derive(Debug)]
pub struct StoredMatrix {
    file: Arc<File>,
    path: PathBuf,
    header: NpyHeader,
    proof: Option<Proof>,
}

impl StoredMatrix {
    /// Reads the header and verifies the file's length. Allocates no memory for the values.
    ///
    /// # Errors
    /// Returns an [`NpyError`] if the file cannot be read, is damaged, or does not hold a matrix of numbers.
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        Self::open_shaped(path, |shape| (shape.len() == 2).then(|| shape.to_vec()))
    }

    /// As [`StoredMatrix::open`], for a one-dimensional array, which is read as one row.
    ///
    /// # Errors
    /// Returns an [`NpyError`] if the file cannot be read, is damaged, or does not hold a one-dimensional array of numbers.
    pub fn open_row(path: &Path) -> Result<Self, NpyError> {
        Self::open_shaped(path, |shape| match shape {
            [n] => Some(vec![1, *n]),
            _ => None,
        })
    }

    /// Opens a `.npy` file and parses its header.
    ///
    /// # Errors
    /// Returns the errors of [`StoredMatrix::open`].
    pub(super) fn open_file(path: &Path) -> Result<(File, NpyHeader), NpyError> {
        let mut file = File::open(path).map_err(|source| NpyError::Unreadable {
            source,
            path: path.to_path_buf(),
        })?;
        let header = header_of(&mut file, path)?;
        Ok((file, header))
    }

    fn open_shaped(
        path: &Path,
        as_matrix: impl Fn(&[usize]) -> Option<Vec<usize>>,
    ) -> Result<Self, NpyError> {
        let (file, mut header) = Self::open_file(path)?;
        header.shape = as_matrix(&header.shape).ok_or_else(|| NpyError::Dimensions {
            shape: header.shape.clone(),
            path: path.to_path_buf(),
        })?;
        Self::new(file, path, header)
    }

    /// Creates a matrix view of `file` as described by `header`; `path` is for error messages.
    ///
    /// # Errors
    /// Returns [`NpyError::Damaged`] if the file is shorter than the shape requires, [`NpyError::Empty`] if there are no
    /// values.
    ///
    /// # Panics
    /// Panics if the shape is not two-dimensional, which is a bug in the caller.
    pub fn new(
        file: impl Into<Arc<File>>,
        path: &Path,
        header: NpyHeader,
    ) -> Result<Self, NpyError> {
        assert_eq!(header.shape.len(), 2);
        let (file, path) = (file.into(), path.to_path_buf());
        if header.shape.contains(&0) {
            return Err(NpyError::Empty {
                shape: header.shape,
                path,
            });
        }
        let n_bytes = header
            .n_values()
            .and_then(|n| n.checked_mul(header.kind.value_bytes));
        let n_there = file.metadata().map_err(|source| NpyError::Unreadable {
            source,
            path: path.clone(),
        })?;
        let n_there = n_there.len();
        let n_claimed = n_bytes.and_then(|n| header.n_header_bytes.checked_add(n as u64));
        if n_claimed.is_none_or(|claimed| claimed > n_there) {
            return Err(NpyError::Damaged {
                reason: format!(
                    "its shape {:?} needs more than the {n_there} bytes that are there",
                    header.shape
                ),
                path,
            });
        }
        Ok(Self {
            file,
            path,
            header,
            proof: None,
        })
    }

    /// Returns the numbers of rows and columns.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.header.shape[0], self.header.shape[1])
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the memory order.
    #[must_use]
    pub fn order(&self) -> MemoryOrder {
        self.header.order
    }

    /// Returns the size of the values in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        let (n_rows, n_columns) = self.dim();
        n_rows as u64 * n_columns as u64 * self.header.kind.value_bytes as u64
    }

    /// Returns the number of bytes in the file after the values.
    #[must_use]
    pub fn n_bytes_behind(&self) -> u64 {
        let end = self.header.n_header_bytes + self.n_bytes();
        let n_there = self.file.metadata().map_or(end, |metadata| metadata.len());
        n_there.saturating_sub(end)
    }

    /// Attaches the checksum of the range that contains the matrix.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Verifies the checksum, if there is one, by reading the whole range.
    ///
    /// # Errors
    /// Returns an [`NpyError`] if the data are corrupted or cannot be read.
    pub fn verify(&self) -> Result<(), NpyError> {
        let Some(proof) = self.proof else {
            return Ok(());
        };
        let found = self.crc32(&proof).map_err(|source| NpyError::Unreadable {
            source,
            path: self.path.clone(),
        })?;
        if found == proof.crc32 {
            return Ok(());
        }
        Err(NpyError::Damaged {
            reason: "it is not as it was written, its checksum is wrong".into(),
            path: self.path.clone(),
        })
    }

    fn crc32(&self, proof: &Proof) -> io::Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let mut done = 0;
        while done < proof.n_bytes {
            let n = (proof.n_bytes - done).min(buffer.len() as u64) as usize;
            read_at(&self.file, &mut buffer[..n], proof.begin + done)?;
            hasher.update(&buffer[..n]);
            done += n as u64;
        }
        Ok(hasher.finalize())
    }

    /// Reads a range of rows and columns.
    ///
    /// # Errors
    /// Returns an [`NpyError`] if the file cannot be read, or the range is out of bounds.
    pub fn read<T: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Array2<T>, NpyError> {
        let (n_rows, n_columns) = self.dim();
        if rows.end > n_rows || columns.end > n_columns {
            return Err(NpyError::Damaged {
                reason: format!(
                    "it has {n_rows} rows and {n_columns} columns, and more are wanted"
                ),
                path: self.path.clone(),
            });
        }
        match self.header.order {
            MemoryOrder::C => self.lines(rows, columns, n_columns),
            MemoryOrder::Fortran => Ok(self.lines(columns, rows, n_rows)?.reversed_axes()),
        }
    }

    /// Reads a range of each of some contiguous lines of the file.
    fn lines<T: Real>(
        &self,
        lines: Range<usize>,
        stretch: Range<usize>,
        line_values: usize,
    ) -> Result<Array2<T>, NpyError> {
        let size = self.header.kind.value_bytes;
        let mut bytes = vec![0; stretch.len() * size];
        let mut block = Array2::zeros((lines.len(), stretch.len()));
        for (line, mut values) in lines.zip(block.rows_mut()) {
            let at = (line * line_values + stretch.start) * size;
            let read = read_at(
                &self.file,
                &mut bytes,
                self.header.n_header_bytes + at as u64,
            );
            read.map_err(|source| NpyError::Unreadable {
                source,
                path: self.path.clone(),
            })?;
            for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(size)) {
                *value = T::nearest(self.header.kind.value(bytes));
            }
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::formats::npz_arrays::header;

    fn written(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn file(kind: &str, order: MemoryOrder, values: &[u8]) -> Vec<u8> {
        let mut bytes = header(kind, order, &[2, 3]);
        bytes.extend(values);
        bytes
    }

    #[test]
    fn blocks_of_all_kinds_and_orders_are_read() {
        let values = [1_i16, 2, 3, 4, 5, -6];
        let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let single: Vec<u8> = values
            .iter()
            .flat_map(|v| f32::from(*v).to_le_bytes())
            .collect();
        let half: Vec<u8> = values
            .iter()
            .flat_map(|v| f16::from_f32(f32::from(*v)).to_le_bytes())
            .collect();
        for (kind, bytes) in [(">i2", big), ("<f4", single), ("<f2", half)] {
            let (_folder, path) = written(&file(kind, MemoryOrder::C, &bytes));
            let matrix = StoredMatrix::open(&path).unwrap();
            let block = matrix.read::<f64>(0..2, 1..3).unwrap();
            assert_eq!(block, ndarray::array![[2.0, 3.0], [5.0, -6.0]], "{kind}");
            let (_folder, path) = written(&file(kind, MemoryOrder::Fortran, &bytes));
            let block = StoredMatrix::open(&path)
                .unwrap()
                .read::<f32>(1..2, 0..3)
                .unwrap();
            assert_eq!(block, ndarray::array![[2.0_f32, 4.0, -6.0]], "{kind}");
        }
        let mut list = header("<i4", MemoryOrder::C, &[2]);
        list.extend([7_i32, -1].map(i32::to_le_bytes).concat());
        let (_folder, path) = written(&list);
        let row = StoredMatrix::open_row(&path)
            .unwrap()
            .read::<f64>(0..1, 0..2)
            .unwrap();
        assert_eq!(row, ndarray::array![[7.0, -1.0]]);
        let (_folder, path) = written(&file("|b1", MemoryOrder::C, &[1, 0, 2, 0, 0, 1]));
        let block = StoredMatrix::open(&path)
            .unwrap()
            .read::<f32>(0..1, 0..3)
            .unwrap();
        assert_eq!(block, ndarray::array![[1.0_f32, 0.0, 1.0]]);
    }

    #[test]
    fn what_claims_too_much_or_is_no_matrix_is_refused_with_a_sentence() {
        let vast = header("<f4", MemoryOrder::C, &[1 << 40, 1 << 40]);
        let long = header("<f4", MemoryOrder::C, &[1 << 20, 1 << 18]);
        for (content, sentence) in [
            (vast, "more than the"),
            (long, "more than the"),
            (header("<f4", MemoryOrder::C, &[7]), "two dimensions"),
            (header("<c8", MemoryOrder::C, &[1, 1]), "kind \"<c8\""),
            (header("|O", MemoryOrder::C, &[1, 1]), "kind \"|O\""),
            (b"PK\x03\x04 not one".to_vec(), "does not begin as one"),
            (
                b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
                "ends within its header",
            ),
            (
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
                "far too long",
            ),
            (
                b"\x93NUMPY\x09\x00\x01\x00{".to_vec(),
                "version is not known",
            ),
            (b"\x93NUMPY\x01\x00\x02\x00{}".to_vec(), "no \"descr\""),
        ] {
            let (_folder, path) = written(&content);
            let error = StoredMatrix::open(&path).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
        let (_folder, path) = written(&file("<f4", MemoryOrder::C, &[0; 24]));
        assert!(
            StoredMatrix::open(&path)
                .unwrap()
                .read::<f32>(0..3, 0..1)
                .is_err()
        );
    }
}
