//! Compressed chunks of an HDF5 dataset, unpacked once into a file, one whole chunk at a time.

use std::path::Path;

use rust_hdf5::format::messages::filter::{
    FILTER_BLOSC, FILTER_BLOSC2, FILTER_BSHUF, FILTER_BZIP2, FILTER_DEFLATE, FILTER_FLETCHER32,
    FILTER_LZ4, FILTER_LZF, FILTER_NBIT, FILTER_SCALEOFFSET, FILTER_SHUFFLE, FILTER_SZIP,
    FILTER_ZSTD, reverse_filters_masked_bounded,
};
use rust_hdf5::{DatatypeMessage, Filter, FilterPipeline, H5Dataset, Hdf5Error};

use super::blosc2;
use crate::files::disk;
use crate::files::formats::compressed::Allowance;
use crate::files::formats::npy::{ElementKind, NpyHeader, StoredMatrix};
use crate::files::formats::npz_arrays::MemoryOrder;
use crate::files::formats::places::write_at;

/// Number of values unpacked at a time if chunks are smaller.
const TILE_VALUES: usize = 2 << 20;
/// Maximum size of a chunk, which is unpacked as a whole: a size always allowed, and a multiple of the file's size.
const ALWAYS_CHUNK_BYTES: u64 = 32 << 20;
const MOST_CHUNK_GROWTH: u64 = 8;
/// Bytes by which a filter's output may exceed its chunk.
const FILTER_OVERHEAD: usize = 4096;

const KNOWN: [u16; 13] = [
    FILTER_DEFLATE,
    FILTER_SHUFFLE,
    FILTER_FLETCHER32,
    FILTER_SZIP,
    FILTER_NBIT,
    FILTER_SCALEOFFSET,
    FILTER_BZIP2,
    FILTER_LZF,
    FILTER_BLOSC,
    FILTER_LZ4,
    FILTER_BSHUF,
    FILTER_ZSTD,
    FILTER_BLOSC2,
];

/// Filters and chunk layout of a dataset.
pub(super) struct Packing {
    filters: Vec<Filter>,
    chunk: Vec<usize>,
    kind: ElementKind,
    n_file_bytes: u64,
}

impl Packing {
    /// Determines how a dataset is packed; returns `None` if it is not.
    ///
    /// # Errors
    /// Returns a message without final punctuation if a filter is unknown, or chunks are too large.
    pub(super) fn of(
        dataset: &H5Dataset,
        kind: ElementKind,
        n_file_bytes: u64,
    ) -> Result<Option<Self>, String> {
        let clause = |error: Hdf5Error| format!("The HDF5 file cannot be read: {error}");
        let filters = dataset.filters().map_err(clause)?;
        let (Some(chunk), false) = (dataset.chunk_dims(), filters.is_empty()) else {
            return Ok(None);
        };
        if let Some(unknown) = filters.iter().find(|filter| !KNOWN.contains(&filter.id)) {
            return Err(format!(
                "The values are compressed with {}, which is not read. Write the dataset with gzip, for instance with h5repack -f \
                 GZIP=4",
                named(unknown.id)
            ));
        }
        let size = kind.value_bytes as u64;
        let n_bytes = chunk
            .iter()
            .try_fold(size, |n, size| n.checked_mul(*size as u64));
        let most = n_file_bytes
            .saturating_mul(MOST_CHUNK_GROWTH)
            .max(ALWAYS_CHUNK_BYTES);
        if n_bytes.is_none_or(|n| n == 0 || n > most) {
            return Err(format!(
                "The values are compressed in chunks of {chunk:?}, more than can be unpacked at once. Write the dataset in smaller \
                 chunks, for instance with h5repack -l CHUNK=100x1000"
            ));
        }
        Ok(Some(Self {
            filters,
            chunk,
            kind,
            n_file_bytes,
        }))
    }

    /// Unpacks all values into an anonymous file in `scratch`. `dims`: the dataset's axes, all but the last of which become
    /// rows.
    ///
    /// # Errors
    /// Returns a message without final punctuation if a chunk is damaged, or space does not suffice.
    pub(super) fn unpack(
        &self,
        dataset: &H5Dataset,
        (path, dims): (&Path, &[usize]),
        scratch: &Path,
    ) -> Result<StoredMatrix, String> {
        let failed = |error: std::io::Error| format!("The HDF5 file cannot be unpacked: {error}");
        let stored = self.unpacked_kind()?;
        let shape = match dims {
            [first @ .., last] => vec![first.iter().product(), *last],
            [] => return Err("The HDF5 file is damaged".into()),
        };
        let n_bytes = shape
            .iter()
            .try_fold(stored.value_bytes as u64, |n, size: &usize| {
                n.checked_mul(*size as u64)
            });
        let n_bytes = n_bytes.ok_or("The HDF5 file is damaged: an array in it has no end")?;
        Allowance::of_file(self.n_file_bytes)
            .take(n_bytes)
            .map_err(failed)?;
        disk::create_folders(scratch).map_err(failed)?;
        let file = tempfile::tempfile_in(scratch).map_err(failed)?;
        #[expect(clippy::disallowed_methods, reason = "an anonymous scratch file")]
        file.set_len(n_bytes).map_err(failed)?;
        for tile in Tiles::new(dims, &self.tile(dims)) {
            let values = self.values(dataset, &tile)?;
            tile.lines(dims, |at, line| {
                let bytes = bytes_of(&values[line], stored);
                write_at(&file, &bytes, (at * stored.value_bytes) as u64)
            })
            .map_err(failed)?;
        }
        let header = NpyHeader {
            kind: stored,
            order: MemoryOrder::C,
            shape,
            n_header_bytes: 0,
        };
        StoredMatrix::new(file, path, header).map_err(|_| "The HDF5 file is damaged".into())
    }

    /// Single precision if it represents the values exactly, else double.
    fn unpacked_kind(&self) -> Result<ElementKind, String> {
        let kind = if self.kind.is_real() && self.kind.value_bytes <= 4 {
            "<f4"
        } else {
            "<f8"
        };
        ElementKind::parse(kind).ok_or_else(|| "The HDF5 file is damaged".into())
    }

    /// Whether chunks are decoded here, because of filters that the library does not verify or support.
    fn is_unpacked_here(&self) -> bool {
        let is_own = |filter: &Filter| matches!(filter.id, FILTER_FLETCHER32 | FILTER_BLOSC2);
        self.filters.iter().any(is_own)
    }

    /// Size of a tile, in whole chunks.
    fn tile(&self, dims: &[usize]) -> Vec<usize> {
        let mut tile = self.chunk.clone();
        if self.is_unpacked_here() {
            return tile;
        }
        for axis in (0..tile.len()).rev() {
            let others: usize = tile.iter().product::<usize>() / tile[axis];
            let n_chunks = (TILE_VALUES / (others * tile[axis])).max(1);
            tile[axis] *= n_chunks.min(dims[axis].div_ceil(tile[axis]).max(1));
        }
        tile
    }

    /// The values of a tile.
    fn values(&self, dataset: &H5Dataset, tile: &ChunkTile) -> Result<Vec<f64>, String> {
        let clause = |error: Hdf5Error| format!("The HDF5 file cannot be unpacked: {error}");
        if self.is_unpacked_here() {
            let index: Vec<usize> = tile
                .starts
                .iter()
                .zip(&self.chunk)
                .map(|(at, size)| at / size)
                .collect();
            // A chunk that was never written holds the fill value, which the library provides.
            if let Ok((bytes, mask)) = dataset.read_chunk_raw_at(&index) {
                return self.chunk_values(bytes, mask, tile);
            }
        }
        numbers(dataset, &tile.starts, &tile.counts).map_err(clause)
    }

    /// The values of a chunk within the dataset, from its compressed bytes.
    fn chunk_values(
        &self,
        mut bytes: Vec<u8>,
        mask: u32,
        tile: &ChunkTile,
    ) -> Result<Vec<f64>, String> {
        let n_bytes = self.chunk.iter().product::<usize>() * self.kind.value_bytes;
        for (index, filter) in self.filters.iter().enumerate().rev() {
            if index < 32 && mask >> index & 1 == 1 {
                continue;
            }
            bytes = match filter.id {
                FILTER_FLETCHER32 => checked(bytes)?,
                FILTER_BLOSC2 => blosc2::unpack(&bytes, n_bytes).map_err(|reason| {
                    format!("The HDF5 file is damaged: a chunk compressed with Blosc2 {reason}")
                })?,
                _ => {
                    let pipeline = FilterPipeline {
                        filters: vec![filter.clone()],
                    };
                    reverse_filters_masked_bounded(&pipeline, &bytes, 0, n_bytes + FILTER_OVERHEAD)
                        .map_err(|error| format!("The HDF5 file cannot be unpacked: {error}"))?
                }
            };
        }
        if bytes.len() != n_bytes {
            return Err(format!(
                "The HDF5 file is damaged: a chunk of {n_bytes} bytes unpacks to {}",
                bytes.len()
            ));
        }
        Ok(self.inside(&bytes, tile))
    }

    /// The values of a decoded chunk within the dataset: chunks at its edge extend beyond it.
    fn inside(&self, bytes: &[u8], tile: &ChunkTile) -> Vec<f64> {
        let size = self.kind.value_bytes;
        let mut values = Vec::with_capacity(tile.counts.iter().product());
        let whole = ChunkTile {
            starts: vec![0; self.chunk.len()],
            counts: tile.counts.clone(),
        };
        let _ = whole.lines(&self.chunk, |at, line| -> Result<(), ()> {
            let line = &bytes[at * size..(at + line.len()) * size];
            values.extend(line.chunks_exact(size).map(|value| self.kind.value(value)));
            Ok(())
        });
        values
    }
}

/// Reads the values of part of a dataset with the library.
///
/// # Errors
/// Returns the library's error.
pub(super) fn numbers(
    dataset: &H5Dataset,
    starts: &[usize],
    counts: &[usize],
) -> Result<Vec<f64>, Hdf5Error> {
    Ok(match dataset.datatype()? {
        DatatypeMessage::FixedPoint { signed: true, .. } => {
            let values = dataset.read_numeric_slice_as::<i64>(starts, counts)?;
            values.into_iter().map(|value| value as f64).collect()
        }
        DatatypeMessage::FixedPoint { .. } => {
            let values = dataset.read_numeric_slice_as::<u64>(starts, counts)?;
            values.into_iter().map(|value| value as f64).collect()
        }
        _ => dataset.read_numeric_slice_as::<f64>(starts, counts)?,
    })
}

fn bytes_of(values: &[f64], kind: ElementKind) -> Vec<u8> {
    if kind.value_bytes == 4 {
        values
            .iter()
            .flat_map(|value| (*value as f32).to_le_bytes())
            .collect()
    } else {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }
}

/// Name of a compression filter.
fn named(id: u16) -> String {
    let name = match id {
        32013 => "ZFP",
        32017 => "SZ",
        32024 => "SZ3",
        32019 => "JPEG",
        32012 => "APAX",
        32022 => "bit grooming",
        32023 => "bit rounding",
        32018 => "FCIDECOMP",
        32028 => "FFMPEG",
        _ => return format!("the HDF5 filter {id}"),
    };
    format!("{name} (HDF5 filter {id})")
}

/// Verifies and strips the trailing checksum.
fn checked(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some((content, stored)) = bytes.split_last_chunk::<4>() else {
        return Err("The HDF5 file is damaged: a chunk has no checksum".into());
    };
    let found = fletcher32(content);
    let stored = u32::from_le_bytes(*stored);
    // Versions of the library before 1.6.3 wrote it with the bytes of each half swapped.
    let exchanged = (found & 0x00ff_00ff) << 8 | (found & 0xff00_ff00) >> 8;
    if stored != found && stored != exchanged {
        return Err(
            "The HDF5 file is damaged: the checksum of a chunk is wrong. Copy or fetch it again"
                .into(),
        );
    }
    bytes.truncate(bytes.len() - 4);
    Ok(bytes)
}

/// Checksum of HDF5's filter `fletcher32`: two sums of big-endian words, modulo 65,535.
///
/// Source: Fletcher (1982), IEEE Transactions on Communications 30, 247.
fn fletcher32(bytes: &[u8]) -> u32 {
    let fold = |sum: u64| -> u64 { (sum & 0xffff) + (sum >> 16) };
    let (mut first, mut second) = (0_u64, 0_u64);
    for block in bytes.chunks(720) {
        for word in block.chunks(2) {
            first += u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0));
            second += first;
        }
        (first, second) = (fold(first), fold(second));
    }
    (first, second) = (fold(first), fold(second));
    (second as u32) << 16 | first as u32
}

/// A tile of a dataset.
pub(super) struct ChunkTile {
    starts: Vec<usize>,
    counts: Vec<usize>,
}

impl ChunkTile {
    /// Calls `with` for each line of the tile along the last axis, with its offset in the whole array and its position in
    /// the tile.
    fn lines<E>(
        &self,
        dims: &[usize],
        mut with: impl FnMut(usize, std::ops::Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((length, outer)) = self.counts.split_last() else {
            return Ok(());
        };
        for line in 0..outer.iter().product() {
            let (mut rest, mut at, mut step) = (line, 0, dims[outer.len()]);
            for axis in (0..outer.len()).rev() {
                at += (self.starts[axis] + rest % outer[axis]) * step;
                rest /= outer[axis];
                step *= dims[axis];
            }
            at += self.starts[outer.len()];
            with(at, line * length..(line + 1) * length)?;
        }
        Ok(())
    }
}

/// All tiles of a dataset.
struct Tiles {
    dims: Vec<usize>,
    tile: Vec<usize>,
    next: usize,
}

impl Tiles {
    fn new(dims: &[usize], tile: &[usize]) -> Self {
        Self {
            dims: dims.to_vec(),
            tile: tile.to_vec(),
            next: 0,
        }
    }
}

impl Iterator for Tiles {
    type Item = ChunkTile;

    fn next(&mut self) -> Option<ChunkTile> {
        let grid = self
            .dims
            .iter()
            .zip(&self.tile)
            .map(|(size, tile)| size.div_ceil(*tile));
        let grid: Vec<usize> = grid.collect();
        let n_tiles = grid
            .iter()
            .try_fold(1_usize, |n, size| n.checked_mul(*size))?;
        if self.next >= n_tiles {
            return None;
        }
        let mut rest = self.next;
        self.next += 1;
        let mut starts = vec![0; grid.len()];
        for axis in (0..grid.len()).rev() {
            starts[axis] = rest % grid[axis] * self.tile[axis];
            rest /= grid[axis];
        }
        let counts = starts.iter().zip(self.dims.iter().zip(&self.tile));
        let counts = counts
            .map(|(start, (size, tile))| (*tile).min(size - start))
            .collect();
        Some(ChunkTile { starts, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_an_array_once() {
        let dims = [3, 5, 7];
        let mut seen = [0_u8; 3 * 5 * 7];
        for tile in Tiles::new(&dims, &[2, 2, 3]) {
            let mut n_values = 0;
            tile.lines(&dims, |at, line| -> Result<(), ()> {
                n_values += line.len();
                seen[at..at + line.len()].iter_mut().for_each(|n| *n += 1);
                Ok(())
            })
            .unwrap();
            assert_eq!(n_values, tile.counts.iter().product::<usize>());
        }
        assert!(seen.iter().all(|n| *n == 1));
    }

    #[test]
    fn the_checksum_is_fletchers() {
        // The words of "abcdef", a common test vector, here computed by hand for big-endian words.
        let words = [0x6162_u64, 0x6364, 0x6566];
        let first = words.iter().sum::<u64>() % 65_535;
        let second = (3 * words[0] + 2 * words[1] + words[2]) % 65_535;
        assert_eq!(u64::from(fletcher32(b"abcdef")), second << 16 | first);
        let mut bytes = b"abcdef".to_vec();
        bytes.extend(fletcher32(b"abcdef").to_le_bytes());
        assert_eq!(checked(bytes.clone()).unwrap(), b"abcdef");
        bytes[2] ^= 1;
        assert!(checked(bytes).unwrap_err().contains("checksum"));
    }
}
