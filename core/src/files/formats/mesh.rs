//! Plain arrays of surfaces, maps and regions as files hold them, and reading their files into memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::compressed::{Allowance, Compression, compression_of, unpacked};

/// What a file may unpack to beyond its length, bytes; its values may be as much again.
const MOST_MORE_BYTES: u64 = 30 << 20;

/// Error of reading a surface, a map or regions, with a message for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GeometryError(pub String);

impl GeometryError {
    /// A sentence without its full stop, followed by the file it is about.
    #[must_use]
    pub fn of_file(sentence: &str, path: &Path) -> Self {
        Self(format!("{sentence}.\nFile: {}", path.display()))
    }
}

/// A triangle mesh as a file holds it; indices are not yet checked against the number of points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mesh {
    /// Coordinates of the vertices, mm.
    pub points: Vec<[f32; 3]>,
    /// Vertex indices of each triangle, from 0.
    pub triangles: Vec<[u32; 3]>,
    /// Where the centre of FreeSurfer's volume lies in the scanner's space, mm, if the file says so (`c_ras`). Add it to the
    /// coordinates before they are mapped to an image by its own affine.
    pub centre_ras: Option<[f64; 3]>,
    /// Notes on the file for the user.
    pub notes: Vec<String>,
}

/// A value per vertex as a file holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct VertexMap {
    /// Its name in the file; empty if it has none.
    pub name: String,
    /// `(n_vertices,)`, any unit.
    pub values: Vec<f32>,
}

/// An entry of a table of regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    /// The number of the region in the file.
    pub key: i32,
    /// Its name.
    pub name: String,
    /// Red, green, blue, and how opaque it is: 255 is opaque.
    pub colour: Option<[u8; 4]>,
}

/// Regions of one hemisphere as a file holds them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabelledVertices {
    /// The regions, in the order of the file.
    pub table: Vec<TableEntry>,
    /// `(n_vertices,)`: the index in `table` of each vertex's region.
    pub of_vertex: Vec<Option<u16>>,
    /// Notes on the file for the user.
    pub notes: Vec<String>,
}

/// How much memory the values of a file may take. Twice of it is used: by the values and the text they come from, later by the
/// values and the surface made of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryBudget(u64);

impl MemoryBudget {
    pub(super) fn of_file(n_bytes: u64) -> Self {
        Self(n_bytes.saturating_add(MOST_MORE_BYTES))
    }

    /// Deducts bytes before they are allocated.
    ///
    /// # Errors
    /// Returns a clause if they exceed what is left.
    pub(super) fn take(&mut self, n_bytes: u64) -> Result<(), String> {
        let left = self.0.checked_sub(n_bytes);
        self.0 = left.ok_or(
            "it would take far more memory than its length. If that is right, save it without compression",
        )?;
        Ok(())
    }
}

/// Reads a whole file into memory, unpacking it if it is compressed. Returns its bytes, and the length of the file.
///
/// # Errors
/// Returns an error if the file cannot be read, or unpacks to far more than its length.
pub fn contents(path: &Path) -> Result<(Vec<u8>, u64), GeometryError> {
    let unreadable = |error: io::Error| {
        GeometryError::of_file(&format!("The file cannot be read: {error}"), path)
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let n_bytes = file.metadata().map_err(unreadable)?.len();
    let compression = compression_of(&mut file).map_err(unreadable)?;
    if let Some(compression) = compression {
        let most = most_unpacked(n_bytes);
        let reader = compression.reader(file).map_err(unreadable)?;
        // Through a file, since memory would have to grow again and again.
        let folder = std::env::temp_dir();
        let mut allowance = Allowance::of_file(most);
        file = unpacked(reader.take(most + 1), &mut allowance, &folder).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.len() > most {
            return Err(unreadable(too_large()));
        }
    }
    let n_plain = file.metadata().map_err(unreadable)?.len();
    let mut bytes = Vec::new();
    bytes.reserve_exact(n_plain as usize);
    let read = file.take(n_plain).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    Ok((bytes, n_bytes))
}

/// Unpacks bytes in memory if they are compressed.
///
/// # Errors
/// Returns a clause if they are damaged, or unpack to far more than their length.
pub fn plain(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let Some(compression) = Compression::of_beginning(bytes) else {
        return Ok(bytes.to_vec());
    };
    let unpack = || -> io::Result<Vec<u8>> {
        let most = most_unpacked(bytes.len() as u64);
        let mut plain = Vec::new();
        let reader = compression.reader(bytes)?;
        reader.take(most + 1).read_to_end(&mut plain)?;
        if plain.len() as u64 > most {
            return Err(too_large());
        }
        Ok(plain)
    };
    unpack().map_err(|error| error.to_string())
}

fn most_unpacked(n_packed: u64) -> u64 {
    n_packed.saturating_add(MOST_MORE_BYTES)
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "it unpacks to far more than its length. If that is right, unpack it first, with gunzip",
    )
}

/// Reads big-endian numbers, one after another.
pub(super) struct BigEndian<'a> {
    bytes: &'a [u8],
}

impl<'a> BigEndian<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(n)
            .ok_or("it ends before its last value")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn i32(&mut self) -> Result<i32, String> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, String> {
        self.array().map(i64::from_be_bytes)
    }

    /// A number of three bytes.
    pub(super) fn u24(&mut self) -> Result<u32, String> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// A number that counts something.
    pub(super) fn count(&mut self, what: &str) -> Result<usize, String> {
        let n = self.i32()?;
        usize::try_from(n).map_err(|_| format!("it says that it has {n} {what}"))
    }

    /// Coordinates of points.
    pub(super) fn points(&mut self, n: usize) -> Result<Vec<[f32; 3]>, String> {
        let n_bytes = n.checked_mul(12).ok_or("it has too many vertices")?;
        let (words, _) = self.take(n_bytes)?.as_chunks();
        let points = words.as_chunks().0.iter();
        Ok(points.map(|point| point.map(f32::from_be_bytes)).collect())
    }

    pub(super) fn f32s(&mut self, n: usize) -> Result<Vec<f32>, String> {
        let n_bytes = n.checked_mul(4).ok_or("it has too many values")?;
        let (words, _) = self.take(n_bytes)?.as_chunks();
        Ok(words.iter().map(|word| f32::from_be_bytes(*word)).collect())
    }

    /// Numbers in hundredths, of two bytes each.
    pub(super) fn hundredths(&mut self, n: usize) -> Result<impl Iterator<Item = f32>, String> {
        let n_bytes = n.checked_mul(2).ok_or("it has too many values")?;
        let (words, _) = self.take(n_bytes)?.as_chunks();
        let value = |word: &[u8; 2]| f32::from(i16::from_be_bytes(*word)) / 100.0;
        Ok(words.iter().map(value))
    }
}
