//! Sums over the coordinates of all vertices, the same with any number of threads.

use rayon::prelude::*;

/// Numbers that one thread adds up at a time.
pub(super) const BLOCK: usize = 4096;

/// Coordinates in the plane, or their changes.
pub(super) type Plane = Vec<[f64; 2]>;

pub(super) fn dot(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    let of_block = |(a, b): (&[[f64; 2]], &[[f64; 2]])| {
        let products = a.iter().zip(b).map(|(a, b)| a[0] * b[0] + a[1] * b[1]);
        products.sum::<f64>()
    };
    let blocks = a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK));
    let sums: Vec<f64> = blocks.map(of_block).collect();
    sums.iter().sum()
}

/// Adds `factor` times `b` to `a`.
pub(super) fn add(a: &mut [[f64; 2]], factor: f64, b: &[[f64; 2]]) {
    let blocks = a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK));
    blocks.for_each(|(a, b)| {
        for (a, b) in a.iter_mut().zip(b) {
            a[0] += factor * b[0];
            a[1] += factor * b[1];
        }
    });
}

/// `a + factor · b`.
pub(super) fn sum(a: &[[f64; 2]], factor: f64, b: &[[f64; 2]]) -> Plane {
    let mut sum = a.to_vec();
    add(&mut sum, factor, b);
    sum
}
