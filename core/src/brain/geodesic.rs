//! Distances along a surface, from a vertex to those within a few millimetres.
//!
//! Vertices are finished in the order of their distance, as in Dijkstra's algorithm. Across a triangle, the distances of two
//! finished vertices place the source in the triangle's plane, and the third vertex is as far as the straight line is long if
//! the line crosses the edge between the two; otherwise the way is along an edge. On a surface that unfolds without
//! stretching, this is exact as long as the straight line stays inside.
//!
//! Sources: Kimmel and Sethian (1998), PNAS 95, 8431; Novotni and Klein (2002), WSCG (the source in the plane).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::patch::PatchMesh;

/// Finds distances again and again with the same memory.
pub(super) struct Geodesics<'a> {
    mesh: &'a PatchMesh,
    distances: Vec<f64>,
    is_finished: Vec<bool>,
    touched: Vec<u32>,
    queue: BinaryHeap<Step>,
}

/// A vertex waiting to be finished.
#[derive(PartialEq)]
struct Step {
    distance: f64,
    vertex: u32,
}

impl Eq for Step {}

impl Ord for Step {
    /// The nearest is the greatest, the smaller number first among equals.
    fn cmp(&self, other: &Self) -> Ordering {
        let nearer = other.distance.total_cmp(&self.distance);
        nearer.then(other.vertex.cmp(&self.vertex))
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Geodesics<'a> {
    pub(super) fn new(mesh: &'a PatchMesh) -> Self {
        Self {
            mesh,
            distances: vec![f64::INFINITY; mesh.n_vertices()],
            is_finished: vec![false; mesh.n_vertices()],
            touched: Vec::new(),
            queue: BinaryHeap::new(),
        }
    }

    /// Writes the other vertices within `radius_mm` and their distances along the surface, nearest first.
    pub(super) fn within(&mut self, source: u32, radius_mm: f64, found: &mut Vec<(u32, f64)>) {
        found.clear();
        self.walk(source, radius_mm, |vertex, distance| {
            if vertex != source {
                found.push((vertex, distance));
            }
            true
        });
    }

    /// Writes the distances along the surface of the vertices within `radius_mm` of a source, as far as they are smaller than
    /// those in `nearest`, `(n_vertices,)`. After all sources, each vertex has the distance from the nearest one.
    pub(super) fn nearer(&mut self, source: u32, radius_mm: f64, nearest: &mut [f64]) {
        self.walk(source, radius_mm, |vertex, distance| {
            let known = &mut nearest[vertex as usize];
            // Whatever lies behind a vertex that is nearer to another source is so, too.
            let is_nearer = distance < *known;
            if is_nearer {
                *known = distance;
            }
            is_nearer
        });
    }

    /// Visits the vertices within `radius_mm`, nearest first. Ways go on only through vertices for which `visit` says so.
    fn walk(&mut self, source: u32, radius_mm: f64, mut visit: impl FnMut(u32, f64) -> bool) {
        self.reach(source, 0.0);
        while let Some(Step { distance, vertex }) = self.queue.pop() {
            if self.is_finished[vertex as usize] {
                continue;
            }
            if distance > radius_mm {
                break;
            }
            self.is_finished[vertex as usize] = true;
            if visit(vertex, distance) {
                self.spread(vertex, distance);
            }
        }
        self.queue.clear();
        for vertex in self.touched.drain(..) {
            self.distances[vertex as usize] = f64::INFINITY;
            self.is_finished[vertex as usize] = false;
        }
    }

    /// Updates the vertices of the triangles around a finished vertex.
    fn spread(&mut self, vertex: u32, distance: f64) {
        let mesh = self.mesh;
        for corner in mesh.corners(vertex as usize) {
            let [a, b] = mesh.others(*corner);
            let sides = [mesh.chord(vertex, a), mesh.chord(vertex, b)];
            self.reach(a, distance + sides[0]);
            self.reach(b, distance + sides[1]);
            let across = mesh.chord(a, b);
            for (near, far, [to_near, to_far]) in [(a, b, sides), (b, a, [sides[1], sides[0]])] {
                if self.is_finished[near as usize] && !self.is_finished[far as usize] {
                    let known = [distance, self.distances[near as usize]];
                    if let Some(found) = straight(known, to_near, [to_far, across]) {
                        self.reach(far, found);
                    }
                }
            }
        }
    }

    fn reach(&mut self, vertex: u32, distance: f64) {
        let known = &mut self.distances[vertex as usize];
        if distance < *known {
            if known.is_infinite() {
                self.touched.push(vertex);
            }
            *known = distance;
            self.queue.push(Step { distance, vertex });
        }
    }
}

/// Length of the straight line from the source to the third vertex of a triangle, if it crosses the edge between the first two.
///
/// * `known`: distances of the first two vertices from the source.
/// * `edge`: length of the edge between them.
/// * `to_third`: from each of them to the third vertex.
fn straight(known: [f64; 2], edge: f64, to_third: [f64; 2]) -> Option<f64> {
    // The first vertex lies at 0, the second on the x axis, the third above it, the source below.
    let x_of =
        |[first, second]: [f64; 2]| (first * first - second * second + edge * edge) / (2.0 * edge);
    let (source_x, third_x) = (x_of(known), x_of(to_third));
    let depth = (known[0] * known[0] - source_x * source_x).sqrt();
    let height = (to_third[0] * to_third[0] - third_x * third_x)
        .max(0.0)
        .sqrt();
    let crossing = source_x + (third_x - source_x) * depth / (depth + height);
    // Not so for NaN: then the two distances fit no source.
    (crossing >= 0.0 && crossing <= edge).then(|| (third_x - source_x).hypot(depth + height))
}
