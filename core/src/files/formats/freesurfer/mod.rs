//! FreeSurfer's own formats: surfaces, maps, regions and cut patches. Images are read as [`super::volumes`].
//!
//! Sources: FreeSurfer's wiki pages on the formats. Readers take a file's bytes and return a clause on what is wrong with
//! it; [`read`] adds the file.

use std::path::Path;

use super::mesh::{GeometryError, contents};

pub mod annot;
pub mod label;
pub mod morph;
pub mod patch;
pub mod surface;

/// Reads a whole file with one of the readers.
///
/// # Errors
/// Returns an error if the file cannot be read, or the reader refuses it.
pub fn read<T>(
    path: &Path,
    reader: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, GeometryError> {
    let (bytes, _) = contents(path)?;
    reader(&bytes).map_err(|clause| {
        GeometryError::of_file(&format!("The FreeSurfer file is not read: {clause}"), path)
    })
}
