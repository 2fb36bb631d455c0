//! Finds the arrays in a NumPy archive that can be responses.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use zip::CompressionMethod;
use zip::result::ZipError;

use super::compressed::{Allowance, unpacked};
use super::found::{Found, odd_shape};
use super::npy::{NpyError, Proof, header_of};
use super::npz::{NpzError, n_value_bytes, open, unreadable_member};
use super::stored_array::{StoredArray, stored_array};

/// Returns the named arrays of an archive that can be responses. Uncompressed members are read in place; others are
/// unpacked into `scratch` once.
///
/// # Errors
/// Returns an [`NpzError`] if the file cannot be read, is not an archive, or is corrupted.
pub fn arrays(path: &Path, scratch: &Path) -> Result<Found<StoredArray>, NpzError> {
    let damaged = |reason: String| NpzError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let unreadable = |source| NpzError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut archive = open(path)?;
    let shared = Arc::new(File::open(path).map_err(unreadable)?);
    let mut allowance = Allowance::of_file(shared.metadata().map_err(unreadable)?.len());
    let mut found = Found::default();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| match error {
            ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
                NpzError::Packed {
                    path: path.to_path_buf(),
                }
            }
            other => damaged(other.to_string()),
        })?;
        let name = member
            .name()
            .map_err(|error| damaged(error.to_string()))?
            .to_string();
        let Some(name) = name.strip_suffix(".npy").map(String::from) else {
            found.leave_out(&name, "no array");
            continue;
        };
        let sizes = (member.compressed_size(), member.size());
        let stored = member
            .data_start()
            .filter(|_| member.compression() == CompressionMethod::Stored);
        let crc32 = member.crc32();
        let mut header = match header_of(&mut member, path) {
            Err(NpyError::ElementKind { kind, .. }) => {
                found.leave_out(&name, what_kind(&kind));
                continue;
            }
            header => header?,
        };
        if let Some(why) = odd_shape(&header.shape) {
            found.leave_out(&name, why);
            continue;
        }
        let n_bytes = n_value_bytes(&header, sizes).ok_or_else(|| {
            damaged(format!(
                "the array \"{name}\" has another size than its header says"
            ))
        })?;
        let array = if let Some(begin) = stored {
            header.n_header_bytes += begin;
            stored_array(Arc::clone(&shared), path, header)?.with_proof(Proof {
                begin,
                n_bytes: sizes.1,
                crc32,
            })
        } else {
            header.n_header_bytes = 0;
            allowance
                .take(n_bytes)
                .map_err(|error| damaged(error.to_string()))?;
            // The compressed bytes have been counted already.
            let mut own = Allowance::of_file(n_bytes);
            let file = unpacked(&mut member, &mut own, scratch)
                .map_err(|error| damaged(unreadable_member(&name, &error)))?;
            stored_array(file, path, header)?
        };
        found.arrays.push((Some(name), array));
    }
    Ok(found)
}

/// Describes a NumPy type that is not a number.
pub(super) fn what_kind(kind: &str) -> &'static str {
    match kind
        .trim_start_matches(['<', '>', '|', '='])
        .as_bytes()
        .first()
    {
        Some(b'U' | b'S' | b'a') => "text",
        Some(b'O') => "Python objects",
        Some(b'c') => "complex numbers",
        Some(b'M' | b'm') => "times",
        Some(b'[') => "a table",
        _ => "no numbers",
    }
}
