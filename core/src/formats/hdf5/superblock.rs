//! What an HDF5 file says of its own length.
//!
//! Source: the HDF5 File Format Specification 3.0, II.A.

use std::fs::File;
use std::path::Path;

use crate::formats::places::read_at;

const MARK: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Places at which a superblock can begin, each twice the last: a user block lies before it.
const MOST_USER_BLOCK: u64 = 1 << 30;

/// The length that a file claims and the one that it has, if it is shorter.
///
/// # Errors
/// What the system says if it cannot be read.
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

/// The address of the end of the file, where offsets have four or eight bytes.
fn end_of_file(block: &[u8; 64]) -> Option<u64> {
    // Version 0 and 1: after 24 or 28 bytes base address, free space, end of file. Version 2 and 3: after 12 bytes base address,
    // extension, end of file.
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
