//! Products of voxels with all training rows, the most expensive step of a fit, shared by the rounds and the refit.

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::TILE_VOXELS;
use crate::maths::matrix::Real;

/// Products of some voxels with all training rows, computed once and passed from step to step.
#[derive(Debug, Clone)]
pub enum SharedAlpha<T> {
    /// No shared products: each round decomposes the kernel of its own rows.
    Nothing,
    /// `XᵀY`, `(n_features, n_voxels)`.
    Sums(Array2<T>),
    /// Coordinates in the eigenbasis of all rows, `(k, n_voxels)`.
    Coordinates(Array2<T>),
}

impl<T: Real> SharedAlpha<T> {
    /// Returns its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Sums(products) | Self::Coordinates(products) => {
                (products.len() * size_of::<T>()) as u64
            }
        }
    }

    /// The part that belongs to one tile of voxels, starting at voxel `first`.
    pub(super) fn tile(&self, first: usize, n_voxels: usize) -> SharedTile<'_, T> {
        let columns = ndarray::s![.., first..first + n_voxels];
        match self {
            Self::Nothing => SharedTile::Nothing,
            Self::Sums(sums) => SharedTile::Sums(sums.slice(columns)),
            Self::Coordinates(all) => SharedTile::Coordinates(all.slice(columns)),
        }
    }
}

/// [`SharedAlpha`] of one tile of voxels.
#[derive(Debug, Clone, Copy)]
pub(super) enum SharedTile<'a, T> {
    Nothing,
    Sums(ArrayView2<'a, T>),
    Coordinates(ArrayView2<'a, T>),
}

/// Products of `n_rows` rows with all voxels, `(n_rows, n_voxels)`; `products` writes those of one tile.
pub(super) fn by_tiles<T: Real>(
    n_rows: usize,
    responses: ArrayView2<T>,
    products: impl Fn(ArrayView2<T>, ArrayViewMut2<T>) + Sync,
) -> Array2<T> {
    let mut all = Array2::zeros((n_rows, responses.ncols()));
    all.axis_chunks_iter_mut(Axis(1), TILE_VOXELS)
        .into_par_iter()
        .zip(responses.axis_chunks_iter(Axis(1), TILE_VOXELS))
        .for_each(|(part, tile)| products(tile, part));
    all
}
