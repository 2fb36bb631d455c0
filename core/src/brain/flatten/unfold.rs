//! Unfolding a disc: a first map without flips, then smaller and smaller distortion.

use std::ops::ControlFlow;

use rayon::prelude::*;

use super::descent::{Descent, Preconditioner};
use super::energy::{Energy, Pair};
use super::geodesic::Geodesics;
use super::mesh::{Lists, PatchMesh};
use super::solver::elimination_order;
use super::tutte::into_circle;
use super::vectors::Plane;
use super::{FlattenStage, Watch};

/// Distances to vertices within this distance are relaxed, mm.
const PAIRS_MM: f64 = 6.0;
/// Distances relaxed from each vertex.
const N_PAIRS: usize = 8;
/// Vertices that one thread takes at a time.
const BLOCK: usize = 512;
/// Weight of the triangles' shape beside the distances.
const TRIANGLES_WEIGHT: f64 = 0.003;
/// Relative deviation of distances that counts half by its square.
const SOFTNESS: f64 = 0.1;
/// Steps of the first stage.
const N_SHAPE_STEPS: usize = 60;
/// Steps of the second stage, at most.
const N_DISTANCE_STEPS: usize = 1000;
/// The second stage ends when so many steps together lower the energy by less than [`LEAST_GAIN`] of it.
const N_LOOKED_BACK: usize = 25;
const LEAST_GAIN: f64 = 2e-3;

/// Unfolds a disc to the plane, mm. No triangle is flipped. None if the watch asks for a stop.
///
/// * `places`: the vertices in any coordinates in which they are spread out, such as the sphere.
/// * `border`: the vertices of the border, counter-clockwise.
pub(super) fn unfold(
    mesh: &PatchMesh,
    places: &[[f64; 3]],
    border: &[u32],
    watch: &Watch<'_>,
) -> Option<Plane> {
    let order = elimination_order(places, &mesh.edges());
    let mut number_of = vec![0_u32; order.len()];
    for (number, vertex) in order.iter().enumerate() {
        number_of[*vertex as usize] = number as u32;
    }
    let points = order.iter().map(|vertex| mesh.points[*vertex as usize]);
    let renumbered = |corners: &[u32; 3]| corners.map(|vertex| number_of[vertex as usize]);
    let mut triangles: Vec<[u32; 3]> = mesh.triangles.iter().map(renumbered).collect();
    triangles.sort_unstable();
    let ordered = PatchMesh::new(points.collect(), triangles);
    let border: Vec<u32> = border
        .iter()
        .map(|vertex| number_of[*vertex as usize])
        .collect();
    let map = unfold_ordered(&ordered, &border, watch)?;
    Some(
        number_of
            .iter()
            .map(|number| map[*number as usize])
            .collect(),
    )
}

fn unfold_ordered(mesh: &PatchMesh, border: &[u32], watch: &Watch<'_>) -> Option<Plane> {
    let edges = mesh.edges();
    watch.tell(FlattenStage::Distances, 0.0)?;
    let pairs = pairs(mesh);
    watch.tell(FlattenStage::Unfolding, 0.0)?;
    let map = into_circle(mesh, &edges, border, mesh.area());
    let energy = Energy::of_triangles(mesh);
    let preconditioner = Preconditioner::new(&energy, &edges);
    let mut descent = Descent::new(&energy, &preconditioner, map);
    for step in 0..N_SHAPE_STEPS {
        watch.tell(FlattenStage::Unfolding, step as f64 / N_SHAPE_STEPS as f64)?;
        if descent.step() <= 1e-9 {
            break;
        }
    }
    let map = descent.map;
    let energy = energy.with_pairs(&pairs, SOFTNESS, TRIANGLES_WEIGHT);
    let preconditioner = Preconditioner::new(&energy, &edges);
    let mut descent = Descent::new(&energy, &preconditioner, map);
    let mut energies = vec![descent.slope.energy];
    for step in 0..N_DISTANCE_STEPS {
        watch.tell(
            FlattenStage::Relaxing,
            step as f64 / N_DISTANCE_STEPS as f64,
        )?;
        if descent.step() <= 0.0 {
            break;
        }
        energies.push(descent.slope.energy);
        let before = energies.len().checked_sub(1 + N_LOOKED_BACK);
        if before.is_some_and(|at| energies[at] - descent.slope.energy < LEAST_GAIN * energies[at])
        {
            break;
        }
    }
    Some(descent.map)
}

/// Vertices around each vertex and their distances along the surface: so many, spread evenly over those in reach by rank.
fn pairs(mesh: &PatchMesh) -> Lists<Pair> {
    let vertices: Vec<u32> = (0..mesh.n_vertices() as u32).collect();
    let of_block = |block: &[u32]| -> Vec<(u32, u32, f32)> {
        let mut geodesics = Geodesics::new(mesh);
        let (mut near, mut found) = (Vec::new(), Vec::new());
        for vertex in block {
            geodesics.within(*vertex, PAIRS_MM, &mut near);
            let n_taken = N_PAIRS.min(near.len());
            // Another beginning at each vertex, so that all ranks are taken somewhere.
            let shift = f64::from(vertex.wrapping_mul(2_654_435_761) >> 8) / f64::from(1_u32 << 24);
            for taken in 0..n_taken {
                let rank = (taken as f64 + shift) / n_taken as f64 * near.len() as f64;
                let (other, distance) = near[(rank as usize).min(near.len() - 1)];
                if distance > 0.0 {
                    found.push((*vertex, other, distance as f32));
                }
            }
        }
        found
    };
    let found: Vec<(u32, u32, f32)> = vertices.par_chunks(BLOCK).flat_map_iter(of_block).collect();
    let both = found.iter().flat_map(|(a, b, distance)| {
        let pair = |other: u32| Pair {
            other,
            distance: *distance,
        };
        [(*a, pair(*b)), (*b, pair(*a))]
    });
    Lists::new(mesh.n_vertices(), both)
}

impl Watch<'_> {
    /// Tells how far a stage is; none if the work is to stop.
    fn tell(&self, stage: FlattenStage, share: f64) -> Option<()> {
        match (self.0)(stage, share) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    }
}
