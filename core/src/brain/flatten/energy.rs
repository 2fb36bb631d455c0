//! What is minimised: how far triangles and distances on the map differ from those on the surface.

use rayon::prelude::*;

use super::vectors::{BLOCK, Plane};
use crate::brain::patch::{Lists, PatchMesh};

/// Triangles that are thinner are treated as this thin: height over the longest edge.
const LEAST_HEIGHT: f64 = 0.1;

/// A triangle laid in the plane without changing its shape.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Inverse of the matrix whose columns are its first two edges.
    inverse: [[f64; 2]; 2],
    /// Share of the area of the whole patch.
    share: f64,
}

/// The distance that a pair of vertices should have; each pair is listed at both.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    pub(super) other: u32,
    pub(super) distance: f32,
}

/// The energy of a map of a patch.
pub(super) struct Energy<'a> {
    mesh: &'a PatchMesh,
    rests: Vec<Rest>,
    /// Weight of the triangles' energy.
    triangles_weight: f64,
    pairs: Option<&'a Lists<Pair>>,
    /// Deviations smaller than this count by their square, larger ones by their size.
    softness: f64,
}

/// Value and gradient at a map.
pub(super) struct Slope {
    pub(super) energy: f64,
    pub(super) gradient: Plane,
}

impl<'a> Energy<'a> {
    /// The symmetric Dirichlet energy of the triangles, 0 where all keep their shape, infinite where one is flipped:
    /// the mean over the area of (|J|² + |J⁻¹|²) − 4, J the derivative of the map.
    ///
    /// Source: Smith and Schaefer (2015), ACM Trans. Graph. 34, 70.
    pub(super) fn of_triangles(mesh: &'a PatchMesh) -> Self {
        let mut rests: Vec<Rest> = mesh
            .triangles
            .par_iter()
            .map(|corners| rest(mesh, *corners))
            .collect();
        let total: f64 = rests.iter().map(|rest| rest.share).sum();
        for rest in &mut rests {
            rest.share /= total;
        }
        Self {
            mesh,
            rests,
            triangles_weight: 1.0,
            pairs: None,
            softness: 0.0,
        }
    }

    /// Adds the mean over pairs of the relative deviation of their distance, its square where it is small, and weighs the
    /// triangles.
    pub(super) fn with_pairs(
        mut self,
        pairs: &'a Lists<Pair>,
        softness: f64,
        triangles_weight: f64,
    ) -> Self {
        self.pairs = Some(pairs);
        self.softness = softness;
        self.triangles_weight = triangles_weight;
        self
    }

    /// Value and gradient at a map; infinite where a triangle is flipped.
    pub(super) fn at(&self, map: &[[f64; 2]]) -> Slope {
        let triangles = &self.mesh.triangles;
        let mut pulls = vec![[[0.0; 2]; 3]; triangles.len()];
        let blocks = pulls.par_chunks_mut(BLOCK).enumerate();
        let of_block = |(block, pulls): (usize, &mut [[[f64; 2]; 3]])| {
            let mut energy = 0.0;
            for (index, pull) in pulls.iter_mut().enumerate() {
                let index = block * BLOCK + index;
                energy += self.rests[index].energy(corners_of(map, triangles[index]), pull);
            }
            energy
        };
        let energies: Vec<f64> = blocks.map(of_block).collect();
        let mut energy = self.triangles_weight * energies.iter().sum::<f64>();
        let mut gradient = vec![[0.0; 2]; map.len()];
        let blocks = gradient.par_chunks_mut(BLOCK).enumerate();
        let of_block = |(block, gradient): (usize, &mut [[f64; 2]])| {
            let mut energy = 0.0;
            for (index, sum) in gradient.iter_mut().enumerate() {
                let vertex = block * BLOCK + index;
                for corner in self.mesh.corners(vertex) {
                    let pull = pulls[corner.triangle as usize][corner.place as usize];
                    sum[0] += self.triangles_weight * pull[0];
                    sum[1] += self.triangles_weight * pull[1];
                }
                if let Some(pairs) = self.pairs {
                    let (part, pull) = self.of_pairs(map, vertex, pairs);
                    energy += part;
                    sum[0] += pull[0];
                    sum[1] += pull[1];
                }
            }
            energy
        };
        let energies: Vec<f64> = blocks.map(of_block).collect();
        energy += energies.iter().sum::<f64>();
        Slope { energy, gradient }
    }

    /// Half the energy of a vertex's pairs, and the gradient at the vertex.
    fn of_pairs(&self, map: &[[f64; 2]], vertex: usize, pairs: &Lists<Pair>) -> (f64, [f64; 2]) {
        let each = 1.0 / pairs.n_items() as f64;
        let place = map[vertex];
        let (mut energy, mut pull) = (0.0, [0.0; 2]);
        for pair in pairs.of(vertex) {
            let other = map[pair.other as usize];
            let away = [place[0] - other[0], place[1] - other[1]];
            let length = (away[0] * away[0] + away[1] * away[1]).sqrt();
            let wanted = f64::from(pair.distance);
            let deviation = (length - wanted) / wanted;
            let soft = (deviation * deviation + self.softness * self.softness).sqrt();
            energy += soft - self.softness;
            let slope = 2.0 * each * deviation / soft / (wanted * length.max(f64::MIN_POSITIVE));
            pull[0] += slope * away[0];
            pull[1] += slope * away[1];
        }
        (each * energy, pull)
    }

    /// The stiffness of the map along each edge and at each vertex, for a preconditioner: matrices that resemble the second
    /// derivative for slow and for fast changes along the surface.
    pub(super) fn stiffness(&self, edges: &[[u32; 2]]) -> Stiffness {
        let mut weights = vec![0.0; edges.len()];
        for (rest, corners) in self.rests.iter().zip(&self.mesh.triangles) {
            for place in 0..3 {
                let [a, b] = [corners[(place + 1) % 3], corners[(place + 2) % 3]];
                let edge = edges.binary_search(&[a.min(b), a.max(b)]);
                let weight =
                    2.0 * self.triangles_weight * rest.share / rest.area() * rest.cotangent(place);
                if let Ok(edge) = edge {
                    weights[edge] += weight;
                }
            }
        }
        let mut diagonal = vec![0.0; self.mesh.n_vertices()];
        for ([a, b], weight) in edges.iter().zip(&weights) {
            diagonal[*a as usize] += weight;
            diagonal[*b as usize] += weight;
        }
        if let Some(pairs) = self.pairs {
            self.add_pairs(pairs, edges, &mut weights, &mut diagonal);
        }
        Stiffness { weights, diagonal }
    }

    /// For slow changes, the pairs of a vertex act as its edges would with this weight; for fast ones, each pair acts alone.
    fn add_pairs(
        &self,
        pairs: &Lists<Pair>,
        edges: &[[u32; 2]],
        weights: &mut [f64],
        diagonal: &mut [f64],
    ) {
        let each = 1.0 / pairs.n_items() as f64;
        let stiff = 1.0 / self.softness;
        let mut n_edges = vec![0_usize; diagonal.len()];
        for vertex in edges.iter().flatten() {
            n_edges[*vertex as usize] += 1;
        }
        for ([a, b], weight) in edges.iter().zip(weights.iter_mut()) {
            let length = self.mesh.chord(*a, *b).max(1e-3);
            let of_end = |vertex: u32| {
                let vertex = vertex as usize;
                pairs.of(vertex).len() as f64 / n_edges[vertex] as f64
            };
            *weight += each * stiff * 0.5 * (of_end(*a) + of_end(*b)) / (length * length) * 0.5;
        }
        for (vertex, sum) in diagonal.iter_mut().enumerate() {
            for pair in pairs.of(vertex) {
                *sum += each * stiff / f64::from(pair.distance).powi(2);
            }
        }
    }

    /// The longest step along a direction that flips no triangle.
    pub(super) fn longest_step(&self, map: &[[f64; 2]], direction: &[[f64; 2]]) -> f64 {
        let blocks = self.mesh.triangles.par_chunks(BLOCK);
        let of_block = |triangles: &[[u32; 3]]| {
            let steps = triangles.iter().map(|corners| {
                step_to_flip(corners_of(map, *corners), corners_of(direction, *corners))
            });
            steps.fold(f64::INFINITY, f64::min)
        };
        blocks.map(of_block).reduce(|| f64::INFINITY, f64::min)
    }
}

/// See [`Energy::stiffness`].
pub(super) struct Stiffness {
    pub(super) weights: Vec<f64>,
    pub(super) diagonal: Vec<f64>,
}

fn corners_of(map: &[[f64; 2]], corners: [u32; 3]) -> [[f64; 2]; 3] {
    corners.map(|corner| map[corner as usize])
}

/// The triangle in the plane: its first edge along x.
fn rest(mesh: &PatchMesh, [a, b, c]: [u32; 3]) -> Rest {
    let (ab, bc, ca) = (mesh.chord(a, b), mesh.chord(b, c), mesh.chord(c, a));
    let longest = ab.max(bc).max(ca).max(1e-6);
    let ab = ab.max(LEAST_HEIGHT * longest);
    let x = (ab * ab + ca * ca - bc * bc) / (2.0 * ab);
    let y = (ca * ca - x * x)
        .max(0.0)
        .sqrt()
        .max(LEAST_HEIGHT * longest);
    Rest {
        inverse: [[1.0 / ab, -x / (ab * y)], [0.0, 1.0 / y]],
        share: 0.5 * ab * y,
    }
}

impl Rest {
    /// Area, mm².
    fn area(&self) -> f64 {
        let [[p, _], [_, s]] = self.inverse;
        0.5 / (p * s)
    }

    /// The energy of the triangle with these corners, and its gradient at each.
    fn energy(&self, [a, b, c]: [[f64; 2]; 3], pull: &mut [[f64; 2]; 3]) -> f64 {
        let edges = [[b[0] - a[0], c[0] - a[0]], [b[1] - a[1], c[1] - a[1]]];
        let j = product(edges, self.inverse);
        let det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
        if det <= 0.0 {
            return f64::INFINITY;
        }
        let square = j[0][0] * j[0][0] + j[0][1] * j[0][1] + j[1][0] * j[1][0] + j[1][1] * j[1][1];
        let (grow, shrink) = (
            2.0 * (1.0 + 1.0 / (det * det)),
            2.0 * square / (det * det * det),
        );
        let slope = [
            [
                grow * j[0][0] - shrink * j[1][1],
                grow * j[0][1] + shrink * j[1][0],
            ],
            [
                grow * j[1][0] + shrink * j[0][1],
                grow * j[1][1] - shrink * j[0][0],
            ],
        ];
        let [[p, q], [r, s]] = self.inverse;
        for axis in 0..2 {
            let to_b = self.share * (slope[axis][0] * p + slope[axis][1] * q);
            let to_c = self.share * (slope[axis][0] * r + slope[axis][1] * s);
            pull[0][axis] = -to_b - to_c;
            pull[1][axis] = to_b;
            pull[2][axis] = to_c;
        }
        self.share * (square * (1.0 + 1.0 / (det * det)) - 4.0)
    }

    /// Cotangent of the angle at a corner, kept away from 0 so that an edge never pushes.
    fn cotangent(&self, place: usize) -> f64 {
        let [[p, q], [_, s]] = self.inverse;
        let (ab, y) = (1.0 / p, 1.0 / s);
        let x = -q * ab * y;
        let value = match place {
            0 => x / y,
            1 => (ab - x) / y,
            _ => (y * y - x * (ab - x)) / (ab * y),
        };
        value.clamp(0.05, 10.0)
    }
}

fn product(a: [[f64; 2]; 2], b: [[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let entry = |row: usize, column: usize| a[row][0] * b[0][column] + a[row][1] * b[1][column];
    [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
}

/// The smallest positive step at which the area of a triangle becomes 0.
fn step_to_flip([a, b, c]: [[f64; 2]; 3], [da, db, dc]: [[f64; 2]; 3]) -> f64 {
    let minus = |a: [f64; 2], b: [f64; 2]| [a[0] - b[0], a[1] - b[1]];
    let cross = |a: [f64; 2], b: [f64; 2]| a[0] * b[1] - a[1] * b[0];
    let (e, f, de, df) = (minus(b, a), minus(c, a), minus(db, da), minus(dc, da));
    // area(step) = square · step² + linear · step + now.
    let (square, linear, now) = (cross(de, df), cross(e, df) + cross(de, f), cross(e, f));
    let discriminant = linear * linear - 4.0 * square * now;
    if discriminant < 0.0 {
        return f64::INFINITY;
    }
    // The form without cancellation.
    let half = -0.5 * (linear + discriminant.sqrt().copysign(linear));
    let positive = |root: f64| if root > 0.0 { root } else { f64::INFINITY };
    positive(half / square).min(positive(now / half))
}
