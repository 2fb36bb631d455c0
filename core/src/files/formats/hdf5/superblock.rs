//! The length of an HDF5 file according to its superblock.
//!
//! Source: the HDF5 File Format Specification 3.0, II.A.

use std::fs::File;
use std::path::Path;

use crate::files::formats::places::read_at;

const MARK: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Largest offset of a superblock. Offsets are powers of two; a user block precedes it.
const MOST_USER_BLOCK: u64 = 1 << 30;

/// Returns the stated and the actual length of a file, if it is truncated.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub(super) fn shortage(path: &Path) -> std::io::Result<Option<(u64, u64)>> {
    let file = File::open(path)?;
    let n_there = file.metadata()?.len();
    let mut begin = 0;
    while begin + 64 <= n_there && begin <= MOST_USER_BLOCK {
        let mut block = [0; 64];
        read_at(&file, &mut block, begin)?;
        if block.starts_with(MARK) {
            let claimed = end_of_file(&block);
            return Ok(claimed
                .filter(|end| *end > n_there)
                .map(|end| (end, n_there)));
        }
        begin = if begin == 0 { 512 } else { 2 * begin };
    }
    Ok(None)
}

/// The end-of-file address, for offsets of four or eight bytes.
fn end_of_file(block: &[u8; 64]) -> Option<u64> {
    // Versions 0 and 1: base address, free space and end of file follow after 24 or 28 bytes. Versions 2 and 3: base
    // address, extension and end of file follow after 12 bytes.
    let (first, size) = match block[8] {
        0 => (24, block[13]),
        1 => (28, block[13]),
        2 | 3 => (12, block[9]),
        _ => return None,
    };
    let size = usize::from(size);
    if !matches!(size, 4 | 8) {
        return None;
    }
    let mut word = [0; 8];
    word[..size].copy_from_slice(block.get(first + 2 * size..first + 3 * size)?);
    let end = u64::from_le_bytes(word);
    let undefined = if size == 8 {
        u64::MAX
    } else {
        u64::from(u32::MAX)
    };
    (end != undefined).then_some(end)
}
