//! A bounded cache of the products that rounds and refit share, per block of voxels.

use std::collections::HashMap;
use std::sync::Arc;

use crate::linear::ridge::SharedAlpha;
use crate::maths::matrix::Real;

/// Shared products, keyed by the first voxel of their block.
pub(super) struct BlockCache<T> {
    blocks: HashMap<usize, Arc<SharedAlpha<T>>>,
    bytes_left: u64,
}

impl<T: Real> BlockCache<T> {
    /// Creates an empty cache of at most `bytes` bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            blocks: HashMap::new(),
            bytes_left: bytes,
        }
    }

    /// Returns the entry of the block that begins with this voxel, or computes it and caches it if there is room.
    pub(super) fn get_or(
        &mut self,
        first_voxel: usize,
        make: impl FnOnce() -> SharedAlpha<T>,
    ) -> Arc<SharedAlpha<T>> {
        if let Some(shared) = self.blocks.get(&first_voxel) {
            return shared.clone();
        }
        let shared = Arc::new(make());
        if let Some(left) = self.bytes_left.checked_sub(shared.bytes()) {
            self.bytes_left = left;
            self.blocks.insert(first_voxel, shared.clone());
        }
        shared
    }

    /// Removes and returns the entry of the block that begins with this voxel.
    pub(super) fn take(&mut self, first_voxel: usize) -> Arc<SharedAlpha<T>> {
        self.blocks
            .remove(&first_voxel)
            .unwrap_or_else(|| Arc::new(SharedAlpha::Nothing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_the_rest_is_made_again() {
        let made = |value: f32| SharedAlpha::Sums(ndarray::Array2::from_elem((2, 3), value));
        let value = |shared: &SharedAlpha<f32>| match shared {
            SharedAlpha::Sums(sums) => Some(sums[(0, 0)]),
            SharedAlpha::Nothing | SharedAlpha::Coordinates(_) => None,
        };
        // There is room for one entry of 24 bytes, not for two.
        let mut cache = BlockCache::new(40);
        assert_eq!(value(&cache.get_or(0, || made(1.0))), Some(1.0));
        assert_eq!(value(&cache.get_or(2048, || made(2.0))), Some(2.0));
        assert_eq!(value(&cache.get_or(0, || made(3.0))), Some(1.0));
        assert_eq!(value(&cache.get_or(2048, || made(4.0))), Some(4.0));
        assert_eq!(value(&cache.take(0)), Some(1.0));
        assert_eq!(value(&cache.take(0)), None);
        assert_eq!(value(&cache.take(2048)), None);
    }
}
