//! How far distances on a flat map differ from those along the surface.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::brain::geodesic::Geodesics;
use crate::brain::patch::PatchMesh;

/// Neighbours within this distance along the surface count, mm.
pub const NEIGHBOURS_MM: f64 = 5.0;
/// Vertices that one thread takes at a time.
const BLOCK: usize = 512;

/// Metric distortion of each vertex of a flat map: the mean over the vertices within [`NEIGHBOURS_MM`] of
/// |distance on the map − distance along the surface| / distance along the surface. 0 is perfect, 0.1 is 10 %.
///
/// Both distances are as in the files: the scale of the map matters, as in FreeSurfer's `mris_flatten`. NaN for a vertex without
/// neighbours so near.
///
/// * `tell`: told the share that is done; none ends the work.
pub(super) fn distortion(
    mesh: &PatchMesh,
    flat: &[[f64; 2]],
    tell: &(dyn Fn(f64) -> Option<()> + Sync),
) -> Option<Vec<f64>> {
    for_blocks(mesh, tell, |block| {
        let mut geodesics = Geodesics::new(mesh);
        let mut near = Vec::new();
        let of_vertex = |vertex: u32| {
            geodesics.within(vertex, NEIGHBOURS_MM, &mut near);
            let place = flat[vertex as usize];
            let deviation = |(other, distance): &(u32, f64)| {
                let other = flat[*other as usize];
                let on_map = (place[0] - other[0]).hypot(place[1] - other[1]);
                (on_map - distance).abs() / distance
            };
            near.iter().map(deviation).sum::<f64>() / near.len() as f64
        };
        block.map(of_vertex).collect()
    })
}

/// Does something for blocks of vertices in parallel, and joins the results in order.
pub(super) fn for_blocks<T: Send>(
    mesh: &PatchMesh,
    tell: &(dyn Fn(f64) -> Option<()> + Sync),
    of_block: impl Fn(Range<u32>) -> Vec<T> + Sync,
) -> Option<Vec<T>> {
    let n_vertices = mesh.n_vertices();
    let n_done = AtomicUsize::new(0);
    let blocks = (0..n_vertices.div_ceil(BLOCK)).into_par_iter();
    let results: Option<Vec<Vec<T>>> = blocks
        .map(|block| {
            tell(n_done.load(Ordering::Relaxed) as f64 / n_vertices as f64)?;
            let vertices = block * BLOCK..((block + 1) * BLOCK).min(n_vertices);
            n_done.fetch_add(vertices.len(), Ordering::Relaxed);
            Some(of_block(vertices.start as u32..vertices.end as u32))
        })
        .collect();
    Some(results?.into_iter().flatten().collect())
}

/// Mean over the vertices that have a distortion.
pub(super) fn mean(distortion: &[f64]) -> f64 {
    let known = distortion.iter().filter(|value| value.is_finite());
    let (sum, n) = known.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}
