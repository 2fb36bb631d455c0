//! How far distances on a flat map differ from those along the surface.

use rayon::prelude::*;

use super::geodesic::Geodesics;
use super::mesh::PatchMesh;

/// Neighbours within this distance along the surface count, mm.
pub const NEIGHBOURS_MM: f64 = 5.0;
/// Vertices that one thread takes at a time.
const BLOCK: usize = 512;

/// Metric distortion of each vertex of a flat map: the mean over the vertices within [`NEIGHBOURS_MM`] of
/// |distance on the map − distance along the surface| / distance along the surface. 0 is perfect, 0.1 is 10 %.
///
/// Both distances are as in the files: the scale of the map matters, as in FreeSurfer's `mris_flatten`. NaN for a vertex without
/// neighbours so near.
pub(super) fn distortion(mesh: &PatchMesh, flat: &[[f64; 2]]) -> Vec<f64> {
    let vertices: Vec<u32> = (0..mesh.n_vertices() as u32).collect();
    let of_block = |block: &[u32]| -> Vec<f64> {
        let mut geodesics = Geodesics::new(mesh);
        let mut near = Vec::new();
        let mut of_vertex = |vertex: &u32| {
            geodesics.within(*vertex, NEIGHBOURS_MM, &mut near);
            let place = flat[*vertex as usize];
            let deviation = |(other, distance): &(u32, f64)| {
                let other = flat[*other as usize];
                let on_map = (place[0] - other[0]).hypot(place[1] - other[1]);
                (on_map - distance).abs() / distance
            };
            near.iter().map(deviation).sum::<f64>() / near.len() as f64
        };
        block.iter().map(&mut of_vertex).collect()
    };
    vertices.par_chunks(BLOCK).flat_map_iter(of_block).collect()
}

/// Mean over the vertices that have a distortion.
pub(super) fn mean(distortion: &[f64]) -> f64 {
    let known = distortion.iter().filter(|value| value.is_finite());
    let (sum, n) = known.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}
