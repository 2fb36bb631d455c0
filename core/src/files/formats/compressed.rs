//! Compressed files, unpacked once into an anonymous temporary file.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use crate::files::disk;

/// Maximum expansion of a file; more is treated as a decompression bomb.
const MOST_GROWTH: u64 = 100;
/// Expanded size that is always allowed, bytes: a mask on a fine grid compresses to a few kilobytes.
const ALWAYS_ALLOWED: u64 = 512 << 20;

/// Memory limit of dictionaries: the highest level of xz uses 64 MiB.
const MOST_DICTIONARY_KIB: u32 = 66 << 10;

/// Remaining bytes to which a file and everything in it may expand.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    most: u64,
    left: u64,
}

impl Allowance {
    /// Returns the allowance for a file of `n_packed_bytes`.
    #[must_use]
    pub fn of_file(n_packed_bytes: u64) -> Self {
        let most = n_packed_bytes
            .saturating_mul(MOST_GROWTH)
            .max(ALWAYS_ALLOWED);
        Self { most, left: most }
    }

    /// Deducts bytes before they are unpacked.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::FileTooLarge`] if they exceed the remaining allowance.
    pub fn take(&mut self, n_bytes: u64) -> io::Result<()> {
        let left = self.left.checked_sub(n_bytes);
        self.left = left.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "it would unpack to more than {} MiB, far more than such a file should. If that is right, save it without \
                     compression",
                    self.most >> 20
                ),
            )
        })?;
        Ok(())
    }
}

/// Compression format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// zlib, as joblib's default.
    Zlib,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// The legacy format of xz.
    Lzma,
    /// LZ4.
    Lz4,
}

impl Compression {
    /// Detects the format from a file's first bytes; returns `None` if it is not compressed.
    #[must_use]
    pub fn of_beginning(head: &[u8]) -> Option<Self> {
        let marks: [(&[u8], Self); 8] = [
            (b"\x1f\x8b", Self::Gzip),
            (b"BZh", Self::Bzip2),
            (b"\xfd7zXZ\x00", Self::Xz),
            (b"\x5d\x00\x00", Self::Lzma),
            (b"\x04\x22\x4d\x18", Self::Lz4),
            (b"\x78\x01", Self::Zlib),
            (b"\x78\x9c", Self::Zlib),
            (b"\x78\xda", Self::Zlib),
        ];
        // The intermediate levels.
        let others: [(&[u8], Self); 1] = [(b"\x78\x5e", Self::Zlib)];
        let found = marks.into_iter().chain(others);
        let mut found = found.filter(|(mark, _)| head.starts_with(mark));
        found.next().map(|(_, compression)| compression)
    }

    /// Returns a reader of the uncompressed data of `source`.
    ///
    /// # Errors
    /// Returns the decompressor's error if the beginning is invalid.
    pub fn reader<'a>(self, source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        let source = BufReader::new(source);
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Self::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(source)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
                source,
                true,
                MOST_DICTIONARY_KIB,
            )),
            Self::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(
                source,
                MOST_DICTIONARY_KIB,
                None,
            )?),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
        })
    }
}

/// Detects the compression of a file and rewinds it.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn compression_of(file: &mut File) -> io::Result<Option<Compression>> {
    let mut head = Vec::new();
    file.take(8).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Compression::of_beginning(&head))
}

/// Unpacks `source` into an anonymous file in `folder`, which is deleted automatically when closed.
///
/// # Errors
/// Returns an I/O or decompression error, or [`io::ErrorKind::FileTooLarge`] if the allowance is exceeded.
pub fn unpacked(source: impl Read, allowance: &mut Allowance, folder: &Path) -> io::Result<File> {
    disk::create_folders(folder)?;
    let mut file = tempfile::tempfile_in(folder)?;
    let n_bytes = io::copy(
        &mut source.take(allowance.left.saturating_add(1)),
        &mut file,
    )?;
    allowance.take(n_bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Bytes compressed with gzip, the same each time.
///
/// # Errors
/// Returns an error if the compressor fails.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&content).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&content).unwrap();
        for packed in [gzip.finish().unwrap(), zlib.finish().unwrap()] {
            let compression = Compression::of_beginning(&packed).unwrap();
            let reader = compression.reader(&packed[..]).unwrap();
            let mut allowance = Allowance::of_file(packed.len() as u64);
            let mut file = unpacked(reader, &mut allowance, folder.path()).unwrap();
            let mut found = Vec::new();
            file.read_to_end(&mut found).unwrap();
            assert!(found == content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(Compression::of_beginning(b"\x80\x04"), None);
    }

    #[test]
    fn what_grows_beyond_measure_is_refused_also_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let mut allowance = Allowance {
            most: 100,
            left: 100,
        };
        unpacked(io::repeat(0).take(60), &mut allowance, folder.path()).unwrap();
        let error = unpacked(io::repeat(0).take(41), &mut allowance, folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        unpacked(io::repeat(0).take(40), &mut allowance, folder.path()).unwrap();
        assert_eq!(Allowance::of_file(10).most, 512 << 20);
        assert_eq!(Allowance::of_file(1 << 30).most, 100 << 30);
    }
}
