//! Compression codecs and filters of Blosc2 blocks.

use std::io::Read as _;

use rust_hdf5::format::messages::filter::{FILTER_ZSTD, reverse_filters_masked_bounded};
use rust_hdf5::{Filter, FilterPipeline};

/// Distances in `BloscLZ` that exceed 13 bits start here.
const FAR: usize = 8191;

/// Decompresses a stream that must fill `to`.
///
/// # Errors
/// Returns a clause on what is wrong with it.
pub(super) fn decompress(code: u8, packed: &[u8], to: &mut [u8]) -> Result<(), String> {
    let n = match code {
        0 => blosclz(packed, to).ok_or("is damaged")?,
        1 => lz4_flex::block::decompress_into(packed, to)
            .map_err(|error| format!("is damaged ({error})"))?,
        3 => {
            let mut zlib = flate2::read::ZlibDecoder::new(packed);
            zlib.read_exact(to)
                .map_err(|error| format!("is damaged ({error})"))?;
            to.len()
        }
        4 => {
            let unpacked = zstd(packed, to.len())?;
            let n = unpacked.len().min(to.len());
            to[..n].copy_from_slice(&unpacked[..n]);
            unpacked.len()
        }
        other => {
            return Err(format!(
                "is compressed with codec {other}, which is not known"
            ));
        }
    };
    if n == to.len() {
        Ok(())
    } else {
        Err("is damaged".into())
    }
}

/// Uses the HDF5 library's own filter.
fn zstd(packed: &[u8], n_bytes: usize) -> Result<Vec<u8>, String> {
    let pipeline = FilterPipeline {
        filters: vec![Filter {
            id: FILTER_ZSTD,
            flags: 0,
            cd_values: vec![],
        }],
    };
    reverse_filters_masked_bounded(&pipeline, packed, 0, n_bytes)
        .map_err(|error| format!("is damaged ({error})"))
}

/// Decompresses `BloscLZ`, a relative of `FastLZ`: literal runs and back-references. Returns the number of bytes written.
fn blosclz(packed: &[u8], to: &mut [u8]) -> Option<usize> {
    let mut bytes = packed.iter().copied().map(usize::from);
    let mut n = 0;
    let mut control = bytes.next()? & 31;
    loop {
        if control < 32 {
            for _ in 0..=control {
                *to.get_mut(n)? = bytes.next()? as u8;
                n += 1;
            }
        } else {
            let (mut length, high) = ((control >> 5) - 1, (control & 31) << 8);
            if length == 6 {
                loop {
                    let more = bytes.next()?;
                    length += more;
                    if more < 255 {
                        break;
                    }
                }
            }
            let low = bytes.next()?;
            let mut distance = high + low;
            if low == 255 && high == 31 << 8 {
                distance = FAR + (bytes.next()? << 8) + bytes.next()?;
            }
            for _ in 0..length + 3 {
                let byte = *to.get(n.checked_sub(distance + 1)?)?;
                *to.get_mut(n)? = byte;
                n += 1;
            }
        }
        match bytes.next() {
            Some(next) => control = next,
            None => return Some(n),
        }
    }
}

/// Reverses byte shuffling, which groups the first bytes of all values, then the second, and so on.
pub(super) fn unshuffled(block: &[u8], size: usize) -> Vec<u8> {
    let n = block.len() / size.max(1);
    let mut values = block.to_vec();
    for byte in 0..size {
        for value in 0..n {
            values[value * size + byte] = block[byte * n + value];
        }
    }
    values
}

/// Reverses bit shuffling, which groups the first bits of all values, then the second, and so on. A remainder of fewer than
/// eight values is unchanged.
pub(super) fn bit_unshuffled(block: &[u8], size: usize) -> Vec<u8> {
    let n = block.len() / size.max(1) / 8 * 8;
    let mut values = block.to_vec();
    values[..n * size].fill(0);
    for row in 0..size * 8 {
        for value in 0..n {
            let bit = block[row * (n / 8) + value / 8] >> (value % 8) & 1;
            values[value * size + row / 8] |= bit << (row % 8);
        }
    }
    values
}
