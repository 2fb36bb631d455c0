//! Blocks of voxels, the unit of journaling, reading and cluster shares.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::linear::ridge::TILE_VOXELS;

/// Voxels per block, the most that an interrupted run loses. A multiple of [`TILE_VOXELS`], so that the result of a voxel
/// does not depend, to the bit, on the block.
pub const BLOCK_VOXELS: usize = 16 * TILE_VOXELS;

/// One share of the voxels for a cluster job, written `2/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoxelShare {
    /// Index of the share, from 1.
    pub index: usize,
    /// Number of shares.
    pub count: usize,
}

impl VoxelShare {
    /// The single share of all voxels.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Whether this is the only share.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Returns the share's voxels out of `n_voxels`, in whole blocks; may be empty.
    #[must_use]
    pub fn voxels(self, n_voxels: usize) -> Range<usize> {
        let n_blocks = n_voxels.div_ceil(BLOCK_VOXELS);
        let border = |share: usize| (share * n_blocks / self.count * BLOCK_VOXELS).min(n_voxels);
        border(self.index - 1)..border(self.index)
    }
}

impl fmt::Display for VoxelShare {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl FromStr for VoxelShare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse().ok()?, count.trim().parse().ok()?))
        });
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err(format!(
                "\"{text}\" is no share of the voxels. Write for instance 2/8 for the second of eight"
            )),
        }
    }
}

/// Returns the number of voxels read at a time: as many whole blocks as fit into `bytes`, at least one.
///
/// `n_scans`: training and test scans together; `value_bytes`: size of one value.
#[must_use]
pub fn reading_voxels(n_scans: usize, value_bytes: usize, bytes: u64) -> usize {
    // Counted twice: as read from the file, and in the fit's memory order.
    let per_voxel = (2 * n_scans * value_bytes).max(1) as u64;
    let n_voxels = (bytes / per_voxel) as usize;
    (n_voxels / BLOCK_VOXELS * BLOCK_VOXELS).max(BLOCK_VOXELS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_all_voxels_once_in_whole_blocks() {
        for (n_voxels, count) in [(95_556, 8), (100, 3), (BLOCK_VOXELS, 1), (20_484, 7)] {
            let mut next = 0;
            for index in 1..=count {
                let voxels = VoxelShare { index, count }.voxels(n_voxels);
                assert_eq!(voxels.start, next);
                assert!(voxels.start.is_multiple_of(BLOCK_VOXELS) || voxels.start == n_voxels);
                next = voxels.end;
            }
            assert_eq!(next, n_voxels);
        }
    }

    #[test]
    fn a_share_is_read_from_its_text() {
        assert_eq!("2/8".parse(), Ok(VoxelShare { index: 2, count: 8 }));
        for text in ["0/8", "9/8", "2", "2/0", "a/b", ""] {
            assert!(
                text.parse::<VoxelShare>().unwrap_err().contains("no share"),
                "{text}"
            );
        }
    }

    #[test]
    fn readings_are_whole_blocks_that_fit() {
        assert_eq!(
            reading_voxels(33_000, 4, 3 << 30),
            12_201 / BLOCK_VOXELS * BLOCK_VOXELS
        );
        assert_eq!(reading_voxels(33_000, 8, 0), BLOCK_VOXELS);
    }
}
