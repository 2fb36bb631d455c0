//! Finds chained streams in Ogg files, as when recordings were concatenated.

use std::io::{self, BufRead, Read, Seek};

/// Bytes of a page header before its segment table.
const HEADER_BYTES: usize = 27;
/// Header flag of a page that begins a stream.
const BEGINS: u8 = 2;

/// Returns the offsets at which streams, or groups of multiplexed streams, begin: one for a plain file. Stops at the first
/// byte that is not a page; the rest is attributed to the last stream.
pub(super) fn starts<R: Read + Seek>(file: &mut io::BufReader<R>) -> io::Result<Vec<u64>> {
    file.rewind()?;
    let (mut at, mut starts, mut beginning) = (0, vec![0], true);
    while let Some((flags, len)) = next_page(file)? {
        let begins = flags & BEGINS != 0;
        if begins && !beginning {
            starts.push(at);
        }
        beginning = begins;
        at += len;
    }
    Ok(starts)
}

/// Reads the flags and length of the page at the current position and moves to its end; `None` if there is no page.
fn next_page<R: Read + Seek>(file: &mut io::BufReader<R>) -> io::Result<Option<(u8, u64)>> {
    if file.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut head = Vec::new();
    file.take(HEADER_BYTES as u64).read_to_end(&mut head)?;
    let Some(&[b'O', b'g', b'g', b'S', _, flags, .., n_segments]) =
        head.first_chunk::<HEADER_BYTES>()
    else {
        return Ok(None);
    };
    let mut segments = Vec::new();
    file.take(n_segments.into()).read_to_end(&mut segments)?;
    let content: u64 = segments.iter().map(|&len| u64::from(len)).sum();
    file.seek_relative(content as i64)?;
    Ok(Some((
        flags,
        HEADER_BYTES as u64 + u64::from(n_segments) + content,
    )))
}
