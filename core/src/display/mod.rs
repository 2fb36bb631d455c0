//! What is looked at: a story's sound, and its features as pictures and as numbers.
//!
//! Everything here is for eyes, and nothing of it enters a result. Pictures are decimated to what a screen shows; long
//! stories are looked at through evenly spaced instants, and each function says so.

pub mod compare;
pub mod heat_map;
pub mod library;
pub mod similarity;
pub mod sound;
pub mod statistics;

/// At most `n_most` rows of `n_rows`, evenly spaced, the first one among them.
#[must_use]
pub fn evenly(n_rows: usize, n_most: usize) -> Vec<usize> {
    let n = n_rows.min(n_most);
    (0..n).map(|i| i * n_rows / n).collect()
}
