//! NumPy's `.npz` format: a zip archive of arrays. Rows are written as a stream, so that an array never has to fit into
//! memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ndarray::{Array, ArrayD, IxDyn, ShapeBuilder as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::npy::{NpyError, NpyHeader, header_of};
use super::npz_arrays::MemoryOrder;
use crate::maths::matrix::Real;

/// Deflate level: feature values hardly compress, so higher levels only take longer.
const DEFLATE_LEVEL: i64 = 1;
/// Archives whose content may exceed this use zip64.
const MOST_32_BIT_BYTES: u64 = u32::MAX as u64 - (1 << 20);

/// Number of values read at a time.
const BUFFER_VALUES: usize = 1 << 13;
/// Maximum expansion of deflate.
const MOST_DEFLATE_GROWTH: u64 = 1032;
/// Limits of an array read into memory: a size always allowed, and the maximum expansion of its file.
const ALWAYS_KEPT_BYTES: u64 = 64 << 20;
const MOST_KEPT_GROWTH: u64 = 100;
/// Maximum size of a dimension of an empty array.
const MOST_OF_NOTHING: usize = 1 << 24;

/// Errors of reading an archive.
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
    #[error(
        "The archive is compressed in another way than NumPy's or is encrypted, which is not read. Save it again with \
         numpy.savez_compressed.\nFile: {}",
        path.display()
    )]
    Packed { path: PathBuf },
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
    failure: NpzFailure,
    n_values_left: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> RowsWriter<W> {
    /// Starts an archive with the single array `name`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn new(file: W, name: &str, n_rows: usize, n_columns: usize) -> io::Result<Self> {
        let n_values = n_rows as u64 * n_columns as u64;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(DEFLATE_LEVEL))
            .last_modified_time(DateTime::default())
            .large_file(n_values * 4 > MOST_32_BIT_BYTES);
        let failure = NpzFailure::default();
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
    /// Returns an error if the file cannot be written, or [`io::ErrorKind::InvalidInput`] for more values than the shape
    /// has.
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

    /// Finishes the archive and returns the file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or [`io::ErrorKind::InvalidInput`] if values are missing.
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

/// The first error of a file, kept where the zip writer cannot lose it.
#[derive(Clone, Default)]
struct NpzFailure(Rc<Cell<Option<io::Error>>>);

impl NpzFailure {
    fn check(&self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), Err)
    }
}

/// A writer that records its first error and silently ignores all later operations.
///
/// The zip writer finishes the archive when dropped, and on a file that has failed by then, it would print to standard
/// error or panic.
struct FailsOnce<W> {
    file: W,
    failure: NpzFailure,
    has_failed: bool,
    position: u64,
}

impl<W: Write + Seek> FailsOnce<W> {
    fn new(file: W, failure: &NpzFailure) -> Self {
        Self {
            file,
            failure: failure.clone(),
            has_failed: false,
            position: 0,
        }
    }

    /// Returns the result of `work`, or `instead` if it fails or an earlier operation has failed.
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
            // Interrupted writes are retried by `write_all`.
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

/// Reads the single-precision array `name` with the number of dimensions of `D`.
///
/// # Errors
/// Returns an [`NpzError`] if the file cannot be read, is not an archive, or has no such array.
pub fn read<D: ndarray::Dimension>(path: &Path, name: &str) -> Result<Array<f32, D>, NpzError> {
    read_as(path, name)
}

/// Reads the array `name` of any number format, with the number of dimensions of `D`.
///
/// # Errors
/// Returns an [`NpzError`] if the file cannot be read, is not an archive, is corrupted, or has no such array of numbers.
pub fn read_as<A: Real, D: ndarray::Dimension>(
    path: &Path,
    name: &str,
) -> Result<Array<A, D>, NpzError> {
    let damaged = |reason: String| NpzError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let mut values = Vec::<A>::new();
    let n_packed = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let header = stream(path, name, &mut |header, bytes| {
        if values.is_empty() {
            refuse_vast(header, n_packed)?;
            values
                .try_reserve_exact(header.n_values().unwrap_or(0))
                .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        }
        let read = bytes.chunks_exact(header.kind.value_bytes);
        values.extend(read.map(|bytes| A::nearest(header.kind.value(bytes))));
        Ok(())
    })?;
    let array = match header.order {
        MemoryOrder::C => ArrayD::from_shape_vec(IxDyn(&header.shape), values),
        MemoryOrder::Fortran => ArrayD::from_shape_vec(IxDyn(&header.shape).f(), values),
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

/// Rejects arrays that are implausibly large for their file before they are read into memory.
fn refuse_vast(header: &NpyHeader, n_packed: u64) -> io::Result<()> {
    let n_bytes = (header.n_values().unwrap_or(usize::MAX) as u64)
        .saturating_mul(header.kind.value_bytes as u64);
    let most = n_packed
        .saturating_mul(MOST_KEPT_GROWTH)
        .saturating_add(ALWAYS_KEPT_BYTES);
    if n_bytes <= most {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("{} MiB out of a file of {n_packed} bytes", n_bytes >> 20),
    ))
}

/// Calls `with` for every value of the array `name` with its index, in file order, without allocating the array.
///
/// # Errors
/// Returns the errors of [`read_as`].
pub fn each_value(
    path: &Path,
    name: &str,
    with: &mut dyn FnMut(usize, f64),
) -> Result<NpyHeader, NpzError> {
    let mut index = 0;
    stream(path, name, &mut |header, bytes| {
        for value in bytes.chunks_exact(header.kind.value_bytes) {
            with(index, header.kind.value(value));
            index += 1;
        }
        Ok(())
    })
}

/// Passes the bytes of the array `name` to `take`, in whole values, up to the end of its member, where the checksum is
/// verified.
fn stream(
    path: &Path,
    name: &str,
    take: &mut dyn FnMut(&NpyHeader, &[u8]) -> io::Result<()>,
) -> Result<NpyHeader, NpzError> {
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
    let (n_packed, n_claimed) = (file.compressed_size(), file.size());
    let header = header_of(&mut file, path)?;
    let n_bytes = n_value_bytes(&header, (n_packed, n_claimed)).ok_or_else(|| {
        damaged(format!(
            "the array \"{name}\" has another size than its header says"
        ))
    })?;
    let mut buffer = vec![0; BUFFER_VALUES * header.kind.value_bytes];
    let mut n_left = n_bytes;
    while n_left > 0 {
        let n = n_left.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..n])
            .and_then(|()| take(&header, &buffer[..n]))
            .map_err(|error| damaged(unreadable_member(name, &error)))?;
        n_left -= n as u64;
    }
    // Read to the end, where the checksum is verified.
    match file.read(&mut [0]) {
        Ok(0) => Ok(header),
        Ok(_) => Err(damaged(format!(
            "the array \"{name}\" continues past its end"
        ))),
        Err(error) => Err(damaged(unreadable_member(name, &error))),
    }
}

/// Size of an array's values; `None` if it is inconsistent with the member's compressed and uncompressed sizes.
pub(super) fn n_value_bytes(header: &NpyHeader, (n_packed, n_claimed): (u64, u64)) -> Option<u64> {
    // No values, yet an implausibly large dimension.
    if header.n_values() == Some(0) && header.shape.iter().any(|size| *size > MOST_OF_NOTHING) {
        return None;
    }
    let n_bytes = header.n_values()?.checked_mul(header.kind.value_bytes)? as u64;
    let n_member = header.n_header_bytes.checked_add(n_bytes)?;
    let most = n_packed
        .saturating_mul(MOST_DEFLATE_GROWTH)
        .saturating_add(1 << 10);
    (n_member == n_claimed && n_member <= most).then_some(n_bytes)
}

pub(super) fn unreadable_member(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the array \"{name}\" is cut off"),
        io::ErrorKind::FileTooLarge => {
            format!("the array \"{name}\" unpacks to {error}, far more than values of features do")
        }
        io::ErrorKind::OutOfMemory => format!("the array \"{name}\" does not fit into memory"),
        _ => format!("the array \"{name}\" is not as it was written ({error})"),
    }
}

pub(super) fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, NpzError> {
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
    fn a_flipped_bit_is_found_in_compressed_and_stored_members() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let values: Vec<f32> = (0..2000).map(|n| (n as f32).sin()).collect();
        let whole = written(1000, &values).unwrap();
        let mut n_found = 0;
        for at in (100..whole.len() - 100).step_by(61) {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let read = read::<Ix2>(&path, "features");
            assert!(read.is_err(), "byte {at}");
            n_found += 1;
        }
        assert!(n_found > 50);
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

    /// A file that accepts a number of writes and then fails once.
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
