//! Writer for archives of several small named arrays, such as scores.

use std::io::{self, Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Writes an archive in memory, deterministically.
#[derive(Debug)]
pub struct ArraysWriter {
    zip: ZipWriter<Cursor<Vec<u8>>>,
}

impl Default for ArraysWriter {
    fn default() -> Self {
        Self {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
        }
    }
}

impl ArraysWriter {
    /// Adds a double-precision array.
    ///
    /// # Errors
    /// Returns an error if the number of values does not match the shape.
    pub fn numbers(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = f64>,
    ) -> io::Result<()> {
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        self.add(name, "<f8", 8, shape, &bytes)
    }

    /// Adds a one-dimensional boolean array.
    ///
    /// # Errors
    /// Returns the errors of [`ArraysWriter::numbers`].
    pub fn flags(&mut self, name: &str, values: impl IntoIterator<Item = bool>) -> io::Result<()> {
        let bytes: Vec<u8> = values.into_iter().map(u8::from).collect();
        self.add(name, "|b1", 1, &[bytes.len()], &bytes)
    }

    /// Adds a one-dimensional array of strings, stored as in NumPy with four bytes per character.
    ///
    /// # Errors
    /// Returns the errors of [`ArraysWriter::numbers`].
    pub fn texts(&mut self, name: &str, texts: &[&str]) -> io::Result<()> {
        let longest = texts.iter().map(|text| text.chars().count()).max();
        let width = longest.unwrap_or(0).max(1);
        let mut bytes = Vec::new();
        for text in texts {
            let codes = text.chars().map(u32::from);
            let padded = codes.chain(std::iter::repeat(0)).take(width);
            bytes.extend(padded.flat_map(u32::to_le_bytes));
        }
        self.add(
            name,
            &format!("<U{width}"),
            4 * width,
            &[texts.len()],
            &bytes,
        )
    }

    /// Finishes the archive and returns its bytes.
    ///
    /// # Errors
    /// Returns an error if it exceeds the maximum size of an archive.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        Ok(self.zip.finish()?.into_inner())
    }

    fn add(
        &mut self,
        name: &str,
        kind: &str,
        value_bytes: usize,
        shape: &[usize],
        bytes: &[u8],
    ) -> io::Result<()> {
        if bytes.len() != shape.iter().product::<usize>() * value_bytes {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("\"{name}\" has not as many values as its shape"),
            ));
        }
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .large_file(bytes.len() as u64 > u64::from(u32::MAX) / 2);
        self.zip.start_file(format!("{name}.npy"), options)?;
        self.zip.write_all(&header(kind, MemoryOrder::C, shape))?;
        self.zip.write_all(bytes)
    }
}

/// Memory order of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOrder {
    /// Row-major: the last index varies fastest.
    C,
    /// Column-major: the first index varies fastest.
    Fortran,
}

/// Returns the header of a `.npy` file, version 1.0, padded to a multiple of 64 bytes.
#[must_use]
pub fn header(kind: &str, order: MemoryOrder, shape: &[usize]) -> Vec<u8> {
    const FIXED_BYTES: usize = 10;
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let fortran = if order == MemoryOrder::Fortran {
        "True"
    } else {
        "False"
    };
    let mut text = format!(
        "{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({}{comma}), }}",
        sizes.join(", ")
    );
    let n_bytes = (FIXED_BYTES + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(
        ' ',
        n_bytes - FIXED_BYTES - text.len() - 1,
    ));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use ndarray::ArrayViewD;
    use ndarray_npy::ViewNpyExt as _;

    use super::*;

    fn member(archive: &[u8], name: &str) -> Vec<u8> {
        let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut bytes = Vec::new();
        archive
            .by_name(name)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    #[test]
    fn arrays_are_read_again_by_another_reader() {
        let mut writer = ArraysWriter::default();
        writer
            .numbers("r", &[2, 3], [1.0, 2.0, f64::NAN, 4.0, 5.0, -6.5])
            .unwrap();
        writer.flags("usable", [true, false]).unwrap();
        writer.texts("names", &["α", "longer"]).unwrap();
        assert!(writer.numbers("bad", &[2], [1.0]).is_err());
        let archive = writer.finish().unwrap();
        let bytes = member(&archive, "r.npy");
        let r = ArrayViewD::<f64>::view_npy(&bytes).unwrap();
        assert_eq!(r.shape(), [2, 3]);
        assert!(r[[0, 2]].is_nan() && (r[[1, 2]] + 6.5).abs() < 1e-15);
        let bytes = member(&archive, "usable.npy");
        let flags = ArrayViewD::<bool>::view_npy(&bytes).unwrap();
        assert_eq!(flags.iter().copied().collect::<Vec<_>>(), [true, false]);
        let names = member(&archive, "names.npy");
        assert!(names.windows(4).any(|part| part == b"'<U6"));
        assert_eq!(&names[names.len() - 48..][..8], [0xb1, 3, 0, 0, 0, 0, 0, 0]);
    }
}
