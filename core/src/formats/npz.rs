//! NumPy's `.npz`: a zip archive of arrays. Rows are streamed in, so that an array never has to fit into memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ndarray::{Array, ArrayD, IxDyn, ShapeBuilder as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::compressed::{most_unpacked, unpacked};
use super::npy::{NpyError, StoredMatrix, header_of};
use super::npz_arrays::Order;
use crate::matrix::Real;

/// Level of deflate: feature values hardly compress, so higher levels only take longer.
const DEFLATE_LEVEL: i64 = 1;
/// Archives whose content may pass this get the 64-bit form of zip.
const MOST_32_BIT_BYTES: u64 = u32::MAX as u64 - (1 << 20);

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum NpzError {
    #[error(transparent)]
    Array(#[from] NpyError),
    #[error("The file cannot be read: {source}\nFile: {}", path.display())]
    Unreadable { source: io::Error, path: PathBuf },
    #[error("This is no NumPy archive, or a damaged one: {reason}. Make it again.\nFile: {}", path.display())]
    Damaged { reason: String, path: PathBuf },
    #[error("The archive has no array \"{name}\"; it has {found}.\nFile: {}", path.display())]
    Missing {
        name: String,
        found: String,
        path: PathBuf,
    },
    #[error("The array \"{name}\" has {found} dimensions where {expected} are expected.\nFile: {}", path.display())]
    Dimensions {
        name: String,
        found: usize,
        expected: usize,
        path: PathBuf,
    },
}

/// Writes one single-precision array `(n_rows, n_columns)` into an archive, row by row.
pub struct RowsWriter<W: Write + Seek> {
    zip: ZipWriter<FailsOnce<W>>,
    failure: Failure,
    n_values_left: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> RowsWriter<W> {
    /// Begins an archive that holds the array `name` alone.
    ///
    /// # Errors
    /// What the system says if the file cannot be written.
    pub fn new(file: W, name: &str, n_rows: usize, n_columns: usize) -> io::Result<Self> {
        let n_values = n_rows as u64 * n_columns as u64;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(DEFLATE_LEVEL))
            .last_modified_time(DateTime::default())
            .large_file(n_values * 4 > MOST_32_BIT_BYTES);
        let failure = Failure::default();
        let mut zip = ZipWriter::new(FailsOnce::new(file, &failure));
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(&npy_header(n_rows, n_columns))?;
        failure.check()?;
        Ok(Self {
            zip,
            failure,
            n_values_left: n_values,
            bytes: Vec::new(),
        })
    }

    /// Appends values in C order.
    ///
    /// # Errors
    /// What the system says if the file cannot be written, or [`io::ErrorKind::InvalidInput`] for more values than the
    /// shape has.
    pub fn write(&mut self, values: &[f32]) -> io::Result<()> {
        self.n_values_left = self
            .n_values_left
            .checked_sub(values.len() as u64)
            .ok_or_else(|| invalid("more values than the array holds"))?;
        self.bytes.clear();
        self.bytes
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.zip.write_all(&self.bytes)?;
        self.failure.check()
    }

    /// Ends the archive and gives the file back.
    ///
    /// # Errors
    /// What the system says if the file cannot be written, or [`io::ErrorKind::InvalidInput`] if values are missing.
    pub fn finish(self) -> io::Result<W> {
        if self.n_values_left > 0 {
            return Err(invalid("fewer values than the array holds"));
        }
        let file = self.zip.finish()?;
        self.failure.check()?;
        Ok(file.file)
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// The first error of a file, kept where the archive's writer cannot lose it.
#[derive(Clone, Default)]
struct Failure(Rc<Cell<Option<io::Error>>>);

impl Failure {
    fn check(&self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), Err)
    }
}

/// A file that keeps its first error to itself and takes everything after it without doing anything.
///
/// The archive's writer ends an archive when it is dropped, and is not made for a file that has failed by then: it would
/// complain on standard error, or panic.
struct FailsOnce<W> {
    file: W,
    failure: Failure,
    has_failed: bool,
    position: u64,
}

impl<W: Write + Seek> FailsOnce<W> {
    fn new(file: W, failure: &Failure) -> Self {
        Self {
            file,
            failure: failure.clone(),
            has_failed: false,
            position: 0,
        }
    }

    /// What `work` gives; `instead` if it fails or the file has failed before.
    fn attempt<T>(&mut self, instead: T, work: impl FnOnce(&mut W) -> io::Result<T>) -> T {
        if self.has_failed {
            return instead;
        }
        work(&mut self.file).unwrap_or_else(|error| {
            self.has_failed = true;
            self.failure.0.set(Some(error));
            instead
        })
    }
}

impl<W: Write + Seek> Write for FailsOnce<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.attempt(bytes.len(), |file| match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        });
        if n_written == 0 && !bytes.is_empty() {
            // Interrupted, as `write_all` wants to hear it.
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.position += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), W::flush);
        Ok(())
    }
}

impl<W: Write + Seek> Seek for FailsOnce<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let pretended = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(_) | SeekFrom::End(_) => self.position,
        };
        self.position = self.attempt(pretended, |file| file.seek(to));
        Ok(self.position)
    }
}

/// The header of a `.npy` file, version 1.0, padded to a multiple of 64 bytes.
fn npy_header(n_rows: usize, n_columns: usize) -> Vec<u8> {
    const FIXED_BYTES: usize = 10;
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}");
    let n_bytes = (FIXED_BYTES + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(
        ' ',
        n_bytes - FIXED_BYTES - text.len() - 1,
    ));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

/// Reads the single-precision array `name` with as many dimensions as `D`.
///
/// # Errors
/// [`NpzError`] if the file cannot be read, is no archive, or has no such array.
pub fn read<D: ndarray::Dimension>(path: &Path, name: &str) -> Result<Array<f32, D>, NpzError> {
    read_as(path, name)
}

/// Reads the array `name`, whatever kind of numbers it holds, with as many dimensions as `D`.
///
/// # Errors
/// [`NpzError`] if the file cannot be read, is no archive, or has no such array of numbers.
pub fn read_as<A: Real, D: ndarray::Dimension>(
    path: &Path,
    name: &str,
) -> Result<Array<A, D>, NpzError> {
    let damaged = |reason: String| NpzError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let mut archive = open(path)?;
    let member = format!("{name}.npy");
    let found: Vec<String> = archive
        .file_names()
        .flatten()
        .map(|name| name.trim_end_matches(".npy").to_string())
        .collect();
    let Ok(mut file) = archive.by_name(&member) else {
        return Err(NpzError::Missing {
            name: name.to_string(),
            found: found.join(", "),
            path: path.to_path_buf(),
        });
    };
    let most = most_unpacked(file.compressed_size());
    let header = header_of(&mut file, path)?;
    // The bytes first and the array over them: a header that claims more than there is takes no memory.
    let n_values = header.n_values().filter(|n| {
        n.checked_mul(header.kind.value_bytes)
            .is_some_and(|n| n as u64 <= most)
    });
    let n_values = n_values
        .ok_or_else(|| damaged("an array in it claims more values than it can hold".into()))?;
    let n_bytes = n_values * header.kind.value_bytes;
    let mut bytes = Vec::new();
    BufReader::new(file.take(n_bytes as u64))
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(error.to_string()))?;
    if bytes.len() < n_bytes {
        return Err(damaged(format!("the array \"{name}\" is cut off")));
    }
    let values = bytes.chunks_exact(header.kind.value_bytes);
    let values: Vec<A> = values
        .map(|bytes| A::nearest(header.kind.value(bytes)))
        .collect();
    let array = match header.order {
        Order::C => ArrayD::from_shape_vec(IxDyn(&header.shape), values),
        Order::Fortran => ArrayD::from_shape_vec(IxDyn(&header.shape).f(), values),
    };
    let array = array.map_err(|error| damaged(error.to_string()))?;
    let found = array.ndim();
    array
        .into_dimensionality::<D>()
        .map_err(|_| NpzError::Dimensions {
            name: name.to_string(),
            found,
            expected: D::NDIM.unwrap_or(found),
            path: path.to_path_buf(),
        })
}

/// The matrices of an archive by their names. Those that are not compressed are read where they lie; others are unpacked into
/// `scratch` once. Arrays of other dimensions are left out.
///
/// # Errors
/// [`NpzError`] if the file cannot be read, or is no archive of numbers.
pub fn matrices(path: &Path, scratch: &Path) -> Result<Vec<(String, StoredMatrix)>, NpzError> {
    let damaged = |reason: String| NpzError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let unreadable = |source| NpzError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut archive = open(path)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive
            .by_index(index)
            .map_err(|error| damaged(error.to_string()))?;
        let name = member
            .name()
            .map_err(|error| damaged(error.to_string()))?
            .to_string();
        let Some(name) = name.strip_suffix(".npy").map(String::from) else {
            continue;
        };
        let begin = (member.compression() == CompressionMethod::Stored)
            .then(|| member.data_start())
            .flatten();
        let mut header = header_of(&mut member, path)?;
        if header.shape.len() != 2 {
            continue;
        }
        let file = if let Some(begin) = begin {
            header.n_header_bytes += begin;
            File::open(path).map_err(unreadable)?
        } else {
            let n_packed = member.compressed_size();
            header.n_header_bytes = 0;
            unpacked(member, n_packed, scratch).map_err(|error| damaged(error.to_string()))?
        };
        found.push((name, StoredMatrix::new(file, path, header)?));
    }
    Ok(found)
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, NpzError> {
    let file = File::open(path).map_err(|source| NpzError::Unreadable {
        source,
        path: path.to_path_buf(),
    })?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| NpzError::Damaged {
        reason: error.to_string(),
        path: path.to_path_buf(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::{Array2, Ix1, Ix2};

    use super::*;

    fn written(n_rows: usize, values: &[f32]) -> io::Result<Vec<u8>> {
        let mut writer = RowsWriter::new(Cursor::new(Vec::new()), "features", n_rows, 2)?;
        for row in values.chunks(2) {
            writer.write(row)?;
        }
        writer.finish().map(Cursor::into_inner)
    }

    #[test]
    fn rows_written_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        std::fs::write(
            &path,
            written(3, &[1.0, -2.0, f32::MIN_POSITIVE, 4.0, 5.5, 1e30]).unwrap(),
        )
        .unwrap();
        let expected =
            Array2::from_shape_vec((3, 2), vec![1.0, -2.0, f32::MIN_POSITIVE, 4.0, 5.5, 1e30]);
        assert_eq!(read::<Ix2>(&path, "features").unwrap(), expected.unwrap());
        let missing = read::<Ix2>(&path, "times").unwrap_err().to_string();
        assert!(
            missing.contains("no array \"times\"; it has features"),
            "{missing}"
        );
        let flat = read::<Ix1>(&path, "features").unwrap_err().to_string();
        assert!(flat.contains("2 dimensions where 1"), "{flat}");
    }

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        assert_eq!(
            written(1, &[1.0, 2.0]).unwrap(),
            written(1, &[1.0, 2.0]).unwrap()
        );
    }

    #[test]
    fn rows_that_do_not_fit_the_shape_are_refused() {
        assert!(written(1, &[1.0, 2.0, 3.0, 4.0]).is_err());
        assert!(written(3, &[1.0, 2.0]).is_err());
    }

    /// A file that takes so many writes and then fails once.
    struct Fragile {
        content: Cursor<Vec<u8>>,
        n_writes_left: usize,
    }

    impl Write for Fragile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.n_writes_left = self.n_writes_left.wrapping_sub(1);
            if self.n_writes_left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Fragile {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.content.seek(to)
        }
    }

    #[test]
    fn a_file_that_fails_at_any_write_fails_the_archive_with_its_own_error() {
        let attempt = |n_writes_left| -> io::Result<()> {
            let file = Fragile {
                content: Cursor::new(Vec::new()),
                n_writes_left,
            };
            let mut writer = RowsWriter::new(file, "features", 1, 2)?;
            writer.write(&[1.0, 2.0])?;
            writer.finish().map(drop)
        };
        let n_writes = (1..1000).find(|n| attempt(*n).is_ok()).unwrap();
        assert!(n_writes > 3, "an archive takes more than {n_writes} writes");
        for n in 1..n_writes {
            assert_eq!(
                attempt(n).unwrap_err().kind(),
                io::ErrorKind::StorageFull,
                "write {n}"
            );
        }
    }

    #[test]
    fn what_is_no_archive_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        std::fs::write(&path, b"not a zip archive").unwrap();
        let error = read::<Ix2>(&path, "features").unwrap_err().to_string();
        assert!(error.starts_with("This is no NumPy archive"), "{error}");
    }
}
