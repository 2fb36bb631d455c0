//! Opening images, compressed or not.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::compressed::{Allowance, compression_of, unpacked};
use crate::files::responses::ResponsesError;

/// Opens a file, unpacking it if it is compressed.
pub(super) fn plain(path: &Path, scratch: &Path) -> Result<File, ResponsesError> {
    let unreadable = |error: io::Error| said(path, &format!("The file cannot be read: {error}"));
    let mut file = File::open(path).map_err(unreadable)?;
    let n_packed = file.metadata().map_err(unreadable)?.len();
    match compression_of(&mut file).map_err(unreadable)? {
        None => Ok(file),
        Some(compression) => {
            let reader = compression.reader(file).map_err(unreadable)?;
            unpacked(reader, &mut Allowance::of_file(n_packed), scratch)
                .map_err(|error| said(path, &format!("The file cannot be unpacked: {error}")))
        }
    }
}

/// Reads up to `n` bytes from the beginning of a file.
pub(super) fn head(file: &mut File, n: usize, path: &Path) -> Result<Vec<u8>, ResponsesError> {
    let mut head = Vec::new();
    let read = file.seek(SeekFrom::Start(0));
    let read = read.and_then(|_| file.take(n as u64).read_to_end(&mut head));
    read.map_err(|error| said(path, &format!("The file cannot be read: {error}")))?;
    Ok(head)
}

/// A stored value times the slope, plus the intercept. Without both it stays as it is: 0 added to −0 would be +0.
pub(super) fn scaled(value: f64, (slope, intercept): (f64, f64)) -> f64 {
    if intercept == 0.0 {
        value * slope
    } else {
        value * slope + intercept
    }
}

/// A sentence without its full stop, followed by the file it is about.
pub(super) fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", path.display()))
}
