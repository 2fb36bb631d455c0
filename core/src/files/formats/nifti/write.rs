//! NIfTI-1 images in single precision, as one file.

use crate::files::formats::compressed::gzip;
use crate::files::formats::encode_error::{EncodeError, check_lengths};

/// Size of the header, and where its extensions begin.
const HEADER_BYTES: usize = 348;
const EXTENSIONS_AT: usize = 352;
/// Type of the values: single precision.
const FLOAT32: i16 = 16;
/// Extension code of a comment, as plain text.
const COMMENT: i32 = 6;
/// Code of an affine to the space of a scanner.
const SCANNER: i16 = 1;
/// Code of lengths in mm.
const MILLIMETRES: u8 = 2;

/// Volumes of one size and space.
#[derive(Debug, Clone, PartialEq)]
pub struct NiftiImage<'a> {
    /// Voxels along the axes x, y, z.
    pub size: [usize; 3],
    /// From voxel indices x, y, z to space, mm: the first three rows of the matrix. It is kept in single precision. None if it
    /// is not known.
    pub affine: Option<[[f64; 4]; 3]>,
    /// Name and values of each volume; values are `(z, y, x)` in C order, so that x varies fastest.
    pub volumes: Vec<(&'a str, &'a [f32])>,
}

impl NiftiImage<'_> {
    /// The bytes of the file. Several volumes lie along the fourth axis; their names are kept as a comment, a line each.
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if there are no volumes, their lengths differ from the size, or an axis is too long.
    ///
    /// Source: nifti1.h of the NIfTI Data Format Working Group.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        check_lengths(self.volumes.iter().copied(), self.size.iter().product())?;
        let comment = self.comment();
        let begin = EXTENSIONS_AT + comment.len();
        let mut bytes = self.header(begin)?;
        bytes.extend([u8::from(!comment.is_empty()), 0, 0, 0]);
        bytes.extend(comment);
        for (_, values) in &self.volumes {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        Ok(bytes)
    }

    /// The same, compressed with gzip. The bytes do not depend on the time.
    ///
    /// # Errors
    /// As [`NiftiImage::encode`].
    pub fn encode_gzip(&self) -> Result<Vec<u8>, EncodeError> {
        gzip(&self.encode()?).map_err(|error| EncodeError::Failed(error.to_string()))
    }

    fn header(&self, begin: usize) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &(HEADER_BYTES as i32).to_le_bytes());
        put(38, b"r");
        for (index, size) in self.dims()?.into_iter().enumerate() {
            put(40 + 2 * index, &size.to_le_bytes());
        }
        put(70, &FLOAT32.to_le_bytes());
        put(72, &32_i16.to_le_bytes());
        let [x, y, z] = self.steps();
        for (index, step) in [1.0, x, y, z, 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
            put(76 + 4 * index, &step.to_le_bytes());
        }
        put(108, &(begin as f32).to_le_bytes());
        put(112, &1_f32.to_le_bytes());
        put(123, &[MILLIMETRES]);
        put(148, b"Heschl");
        if let Some(rows) = self.affine {
            put(254, &SCANNER.to_le_bytes());
            for (index, value) in rows.as_flattened().iter().enumerate() {
                put(280 + 4 * index, &(*value as f32).to_le_bytes());
            }
        }
        put(344, b"n+1\0");
        Ok(bytes)
    }

    /// Number and sizes of the axes: three, or four with several volumes.
    fn dims(&self) -> Result<[i16; 8], EncodeError> {
        let [x, y, z] = self.size;
        let n_volumes = self.volumes.len();
        let n_axes = if n_volumes > 1 { 4 } else { 3 };
        let mut dims = [n_axes, 1, 1, 1, 1, 1, 1, 1];
        for (dim, (size, what)) in dims[1..].iter_mut().zip([
            (x, "voxels along the first axis"),
            (y, "voxels along the second axis"),
            (z, "voxels along the third axis"),
            (n_volumes, "volumes"),
        ]) {
            *dim = i16::try_from(size).map_err(|_| EncodeError::TooMany {
                what: format!("{size} {what}"),
                format: "NIfTI-1",
                most: i16::MAX as usize,
            })?;
        }
        Ok(dims)
    }

    /// Voxel sizes, mm.
    fn steps(&self) -> [f32; 3] {
        let Some(rows) = self.affine else {
            return [1.0; 3];
        };
        let square = |axis: usize| rows.iter().map(|row| row[axis].powi(2)).sum::<f64>();
        [0, 1, 2].map(|axis| square(axis).sqrt() as f32)
    }

    /// An extension with the names of the volumes; nothing if they have none.
    fn comment(&self) -> Vec<u8> {
        let names: Vec<&str> = self.volumes.iter().map(|(name, _)| *name).collect();
        if names.iter().all(|name| name.is_empty()) {
            return Vec::new();
        }
        extension(COMMENT, names.join("\n").as_bytes())
    }
}

/// An extension of a header: its size, a multiple of 16, its code and its content, padded with zeros.
pub(in crate::files::formats) fn extension(code: i32, content: &[u8]) -> Vec<u8> {
    let n_bytes = (8 + content.len()).next_multiple_of(16);
    let mut bytes = Vec::with_capacity(n_bytes);
    bytes.extend((n_bytes as i32).to_le_bytes());
    bytes.extend(code.to_le_bytes());
    bytes.extend(content);
    bytes.resize(n_bytes, 0);
    bytes
}
