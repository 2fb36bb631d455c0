//! Data for display: a story's sound, and its features as images and statistics.
//!
//! For visualisation only; no result depends on it. Images are decimated to screen resolution, and long stories are
//! subsampled at evenly spaced rows, as documented for each function.

pub mod compare;
pub mod heat_map;
pub mod library;
pub mod similarity;
pub mod sound;
pub mod statistics;

/// Returns at most `n_most` evenly spaced rows of `n_rows`, including the first.
#[must_use]
pub fn evenly(n_rows: usize, n_most: usize) -> Vec<usize> {
    let n = n_rows.min(n_most);
    (0..n).map(|i| i * n_rows / n).collect()
}
