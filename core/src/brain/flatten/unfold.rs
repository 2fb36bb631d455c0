//! Unfolding a disc: a first map without flips, then smaller and smaller distortion.

use super::descent::{Descent, Preconditioner};
use super::distortion::for_blocks;
use super::energy::{Energy, Pair};
use super::solver::elimination_order;
use super::tutte::into_circle;
use super::vectors::Plane;
use super::{FlattenStage, Watch};
use crate::brain::geodesic::Geodesics;
use crate::brain::patch::{Lists, PatchMesh};

/// Distances to vertices within this distance are relaxed, mm.
const PAIRS_MM: f64 = 6.0;
/// On coarse meshes, within so many lengths of an edge.
const PAIRS_EDGES: f64 = 2.0;
/// Distances relaxed from each vertex.
const N_PAIRS: usize = 8;
/// Weight of the triangles' shape beside the distances.
const TRIANGLES_WEIGHT: f64 = 0.003;
/// Stages of relaxing distances: the relative deviation up to which a distance counts by its square, beyond by its size, and the
/// most steps. Squares unfold faster; sizes end with smaller deviations in the mean.
const STAGES: [(f64, usize); 2] = [(0.5, 600), (0.1, 350)];
/// Steps that bring the triangles into shape before.
const N_SHAPE_STEPS: usize = 30;
/// A stage ends when so many steps together lower the energy by less than [`LEAST_GAIN`] of it.
const N_LOOKED_BACK: usize = 20;
const LEAST_GAIN: f64 = 5e-3;

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
    let pairs = pairs(mesh, &edges, watch)?;
    watch.tell(FlattenStage::Unfolding, 0.0)?;
    let map = into_circle(mesh, &edges, border, mesh.area());
    let mut energy = Energy::of_triangles(mesh);
    let shape = |step: usize| {
        let share = step as f64 / N_SHAPE_STEPS as f64;
        watch.tell(FlattenStage::Unfolding, share)
    };
    let mut map = minimised(&energy, &edges, map, N_SHAPE_STEPS, &shape)?;
    let n_all: usize = STAGES.iter().map(|(_, n_steps)| n_steps).sum();
    let mut n_before = 0;
    for (softness, n_steps) in STAGES {
        energy = energy.with_pairs(&pairs, softness, TRIANGLES_WEIGHT);
        let relax = |step: usize| {
            let share = (n_before + step) as f64 / n_all as f64;
            watch.tell(FlattenStage::Relaxing, share)
        };
        map = minimised(&energy, &edges, map, n_steps, &relax)?;
        n_before += n_steps;
    }
    Some(map)
}

/// Goes downhill until little is gained. None if `tell`, called before each step, gives none.
fn minimised(
    energy: &Energy<'_>,
    edges: &[[u32; 2]],
    map: Plane,
    n_steps: usize,
    tell: &dyn Fn(usize) -> Option<()>,
) -> Option<Plane> {
    tell(0)?;
    let preconditioner = Preconditioner::new(energy, edges);
    let mut descent = Descent::new(energy, &preconditioner, map);
    let mut energies = vec![descent.slope.energy];
    for step in 0..n_steps {
        tell(step)?;
        if descent.step() <= 0.0 {
            break;
        }
        let now = descent.slope.energy;
        let before = energies
            .len()
            .checked_sub(N_LOOKED_BACK)
            .map(|at| energies[at]);
        if before.is_some_and(|before| before - now < LEAST_GAIN * before) {
            break;
        }
        energies.push(now);
    }
    tracing::debug!(
        n_steps = energies.len() - 1,
        energy = descent.slope.energy,
        "minimised"
    );
    Some(descent.map)
}

/// Vertices around each vertex and their distances along the surface: so many, spread evenly over those in reach by rank.
fn pairs(mesh: &PatchMesh, edges: &[[u32; 2]], watch: &Watch<'_>) -> Option<Lists<Pair>> {
    let tell = |share: f64| watch.tell(FlattenStage::Distances, share);
    let lengths = edges.iter().map(|[a, b]| mesh.chord(*a, *b));
    let mean_edge = lengths.sum::<f64>() / edges.len() as f64;
    let reach_mm = PAIRS_MM.max(PAIRS_EDGES * mean_edge);
    let found = for_blocks(mesh, &tell, |block| {
        let mut geodesics = Geodesics::new(mesh);
        let (mut near, mut found) = (Vec::new(), Vec::new());
        for vertex in block {
            geodesics.within(vertex, reach_mm, &mut near);
            let n_taken = N_PAIRS.min(near.len());
            // Another beginning at each vertex, so that all ranks are taken somewhere.
            let shift = f64::from(vertex.wrapping_mul(2_654_435_761) >> 8) / f64::from(1_u32 << 24);
            for taken in 0..n_taken {
                let rank = (taken as f64 + shift) / n_taken as f64 * near.len() as f64;
                let (other, distance) = near[(rank as usize).min(near.len() - 1)];
                if distance > 0.0 {
                    found.push((vertex, other, distance as f32));
                }
            }
        }
        found
    })?;
    let both = found.iter().flat_map(|(a, b, distance)| {
        let pair = |other: u32| Pair {
            other,
            distance: *distance,
        };
        [(*a, pair(*b)), (*b, pair(*a))]
    });
    Some(Lists::new(mesh.n_vertices(), both))
}
