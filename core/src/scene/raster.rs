//! Which triangle is seen in each pixel: the part of drawing that depends on geometry alone. Surfaces are seen from outside.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::camera::Projection;
use super::plane::Plane;
use super::pose::PosedBrain;
use crate::brain::Side;

/// What is nearer than this to the camera is not drawn, mm.
const NEAR_MM: f64 = 1.0;
/// Rows of a band, which one thread draws.
const BAND_ROWS: usize = 16;
/// No triangle.
const NOTHING: u32 = u32::MAX;

/// A point of a surface that is seen in a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its hemisphere.
    pub side: Side,
    /// The vertices of its triangle.
    pub vertices: [u32; 3],
    /// Their shares, which add up to 1.
    pub weights: [f32; 3],
}

impl Hit {
    /// The point of a surface with these vertices.
    #[must_use]
    pub fn point(&self, points: &[[f32; 3]]) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for (vertex, weight) in self.vertices.into_iter().zip(self.weights) {
            if let Some(point) = points.get(vertex as usize) {
                sum = std::array::from_fn(|axis| sum[axis] + weight * point[axis]);
            }
        }
        sum
    }

    /// The mean of a value of the vertices, by their shares; NaN where a vertex has none.
    #[must_use]
    pub fn mean(&self, values: &[f32]) -> f32 {
        let value = |vertex: u32| values.get(vertex as usize).copied().unwrap_or(f32::NAN);
        let terms = self.vertices.into_iter().zip(self.weights);
        terms.map(|(vertex, weight)| weight * value(vertex)).sum()
    }

    /// The vertex with the largest share.
    #[must_use]
    pub fn nearest_vertex(&self) -> usize {
        let [a, b, c] = self.weights;
        let at = if a >= b && a >= c {
            0
        } else if b >= c {
            1
        } else {
            2
        };
        self.vertices[at] as usize
    }
}

#[derive(Debug, Clone, Copy)]
struct Fragment {
    /// Index among the triangles of all hemispheres.
    triangle: u32,
    /// Shares of the first and the second vertex.
    weights: [f32; 2],
    /// 1 / distance, 1/mm; the larger, the nearer.
    nearness: f32,
}

const EMPTY: Fragment = Fragment {
    triangle: NOTHING,
    weights: [0.0; 2],
    nearness: 0.0,
};

/// A piece of surface in a picture.
pub(super) struct Piece {
    /// Column and row of each vertex in pixels, and its distance, mm.
    pub(super) places: Vec<[f64; 3]>,
    /// Which triangles of the picture are its own.
    pub(super) triangles: Range<usize>,
    pub(super) faces: Faces,
    /// How far each vertex lies beyond a plane; what lies beyond is not drawn. Empty if nothing is cut away.
    pub(super) beyond: Vec<f64>,
}

/// The vertices of a triangle, and its hemisphere.
pub(super) type Face = (Side, [u32; 3]);

/// Which side of triangles is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faces {
    /// That from which their vertices run counter-clockwise.
    Front,
    /// The other one.
    Back,
    Both,
}

/// What is seen in each pixel of a picture.
#[derive(Debug, Clone)]
pub struct Visibility {
    size: [usize; 2],
    fragments: Vec<Fragment>,
    triangles: Arc<[Face]>,
}

impl Visibility {
    /// Finds what is seen of a brain in a picture of `size`, (width, height) in pixels. The result does not depend on the
    /// number of threads.
    #[must_use]
    pub fn of(brain: &PosedBrain, projection: &Projection, size: [usize; 2]) -> Self {
        Self::of_cut(brain, projection, size, None)
    }

    /// As [`Visibility::of`], without what lies beyond a plane. Then surfaces are seen from inside, too.
    #[must_use]
    pub fn of_cut(
        brain: &PosedBrain,
        projection: &Projection,
        size: [usize; 2],
        cut: Option<&Plane>,
    ) -> Self {
        let pieces = brain.hemispheres.iter().map(|hemisphere| Piece {
            places: hemisphere
                .points
                .par_iter()
                .map(|point| projection.project(*point))
                .collect(),
            triangles: hemisphere.triangles.clone(),
            faces: match (cut, hemisphere.is_inside_out) {
                (Some(_), _) => Faces::Both,
                (None, true) => Faces::Back,
                (None, false) => Faces::Front,
            },
            beyond: cut.map_or_else(Vec::new, |plane| {
                let points = hemisphere.points.par_iter();
                points
                    .map(|point| plane.beyond(point.map(f64::from)))
                    .collect()
            }),
        });
        Self::of_pieces(&pieces.collect::<Vec<_>>(), brain.triangles.clone(), size)
    }

    /// Finds what is seen of pieces of surface whose vertices have places in the picture.
    pub(super) fn of_pieces(pieces: &[Piece], triangles: Arc<[Face]>, size: [usize; 2]) -> Self {
        let blocks = blocks(pieces);
        let lists: Vec<Vec<Vec<u32>>> = blocks
            .par_iter()
            .map(|block| block.bands(&triangles, size))
            .collect();
        let mut fragments = vec![EMPTY; size[0] * size[1]];
        fragments
            .par_chunks_mut(BAND_ROWS * size[0].max(1))
            .enumerate()
            .for_each(|(band, pixels)| {
                for (block, lists) in blocks.iter().zip(&lists) {
                    for index in &lists[band] {
                        let (_, vertices) = triangles[*index as usize];
                        if let Some(triangle) = block.projected(vertices, size) {
                            triangle.draw(*index, band * BAND_ROWS, size[0], pixels);
                        }
                    }
                }
            });
        Self {
            size,
            fragments,
            triangles,
        }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// What is seen in a pixel; `None` if nothing.
    #[must_use]
    pub fn hit(&self, column: usize, row: usize) -> Option<Hit> {
        if column >= self.size[0] {
            return None;
        }
        let fragment = self.fragments.get(row * self.size[0] + column)?;
        let (side, vertices) = *self.triangles.get(fragment.triangle as usize)?;
        let [a, b] = fragment.weights;
        Some(Hit {
            side,
            vertices,
            weights: [a, b, 1.0 - a - b],
        })
    }
}

impl Visibility {
    /// How far the point in a pixel is from the camera along the view, mm; `None` if nothing is seen.
    #[must_use]
    pub fn distance(&self, column: usize, row: usize) -> Option<f32> {
        let fragment = self.fragments.get(row * self.size[0] + column)?;
        (fragment.triangle != NOTHING).then(|| 1.0 / fragment.nearness)
    }
}

/// Triangles of a piece that are looked through by one thread.
struct Block<'a> {
    piece: &'a Piece,
    triangles: Range<usize>,
}

/// Triangles of a block at most.
const BLOCK_TRIANGLES: usize = 8192;

/// Divides pieces into blocks, in their order.
fn blocks(pieces: &[Piece]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for piece in pieces {
        for begin in piece.triangles.clone().step_by(BLOCK_TRIANGLES) {
            let end = piece.triangles.end.min(begin + BLOCK_TRIANGLES);
            blocks.push(Block {
                piece,
                triangles: begin..end,
            });
        }
    }
    blocks
}

impl Block<'_> {
    fn projected(&self, vertices: [u32; 3], size: [usize; 2]) -> Option<Projected> {
        let places = vertices.map(|vertex| self.piece.places[vertex as usize]);
        let of_vertex = |vertex: u32| self.piece.beyond.get(vertex as usize).copied();
        let beyond = vertices.map(|vertex| of_vertex(vertex).unwrap_or(f64::NEG_INFINITY));
        if beyond.iter().all(|beyond| *beyond > 0.0) {
            return None;
        }
        let is_cut = beyond.iter().any(|beyond| *beyond > 0.0);
        let mut projected = Projected::new(places, self.piece.faces, size)?;
        projected.beyond = is_cut.then_some(beyond);
        Some(projected)
    }

    /// Lists the triangles of each band of rows, in their order.
    fn bands(&self, triangles: &[Face], size: [usize; 2]) -> Vec<Vec<u32>> {
        let mut bands = vec![Vec::new(); size[1].div_ceil(BAND_ROWS)];
        for (index, (_, vertices)) in self
            .triangles
            .clone()
            .zip(&triangles[self.triangles.clone()])
        {
            if let Some(triangle) = self.projected(*vertices, size) {
                let [first, last] = triangle.rows;
                for band in &mut bands[first / BAND_ROWS..=last / BAND_ROWS] {
                    band.push(index as u32);
                }
            }
        }
        bands
    }
}

/// A triangle in the picture.
#[derive(Debug, Clone, Copy)]
struct Projected {
    /// Column and row of the vertices, pixels, and 1 / distance.
    corners: [[f64; 3]; 3],
    /// First and last row and column whose pixel centres may lie inside.
    rows: [usize; 2],
    columns: [usize; 2],
    doubled_area: f64,
    /// How far its corners lie beyond a plane that cuts it.
    beyond: Option<[f64; 3]>,
}

impl Projected {
    /// `None` if nothing of it is in the picture.
    fn new(corners: [[f64; 3]; 3], faces: Faces, size: [usize; 2]) -> Option<Self> {
        if corners.iter().any(|corner| corner[2] < NEAR_MM) {
            return None;
        }
        let doubled_area = edge(corners[0], corners[1], corners[2]);
        // Rows run down, so what is counter-clockwise in space has a negative area here.
        let is_seen = match faces {
            Faces::Front => doubled_area < 0.0,
            Faces::Back => doubled_area > 0.0,
            Faces::Both => doubled_area != 0.0,
        };
        if !doubled_area.is_finite() || !is_seen {
            return None;
        }
        let range = |axis: usize| {
            let values = corners.map(|corner| corner[axis]);
            let least = values.into_iter().fold(f64::INFINITY, f64::min);
            let most = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
            // Pixel centres lie at halves.
            let first = (least - 0.5).ceil().max(0.0);
            let last = (most - 0.5).floor().min(size[axis] as f64 - 1.0);
            (first <= last).then_some([first as usize, last as usize])
        };
        Some(Self {
            rows: range(1)?,
            columns: range(0)?,
            corners: corners.map(|[x, y, distance]| [x, y, 1.0 / distance]),
            doubled_area,
            beyond: None,
        })
    }

    /// Draws its part of a band that begins at `first_row`.
    fn draw(&self, index: u32, first_row: usize, width: usize, band: &mut [Fragment]) {
        let n_rows = band.len() / width;
        let rows = self.rows[0].max(first_row)..(self.rows[1] + 1).min(first_row + n_rows);
        let [a, b, c] = self.corners;
        let sign = self.doubled_area.signum();
        for row in rows {
            let pixels = &mut band[(row - first_row) * width..][..width];
            let columns = self.columns[0]..=self.columns[1];
            for (column, pixel) in columns.clone().zip(&mut pixels[columns]) {
                let centre = [column as f64 + 0.5, row as f64 + 0.5, 0.0];
                let opposite = [edge(b, c, centre), edge(c, a, centre), edge(a, b, centre)];
                if !is_inside(opposite, [[b, c], [c, a], [a, b]], sign) {
                    continue;
                }
                // Shares in the picture, then in space.
                let near: [f64; 3] = std::array::from_fn(|corner| {
                    opposite[corner] / self.doubled_area * self.corners[corner][2]
                });
                let nearness = near[0] + near[1] + near[2];
                let is_beyond = self
                    .beyond
                    .is_some_and(|[a, b, c]| near[0] * a + near[1] * b + near[2] * c > 0.0);
                if nearness as f32 > pixel.nearness && !is_beyond {
                    *pixel = Fragment {
                        triangle: index,
                        weights: [(near[0] / nearness) as f32, (near[1] / nearness) as f32],
                        nearness: nearness as f32,
                    };
                }
            }
        }
    }
}

/// Twice the area of a triangle in the picture, positive if it is clockwise in pixels. The same for neighbours that share an
/// edge but for the sign, to the last bit, so that no pixel between them is missed.
fn edge(a: [f64; 3], b: [f64; 3], point: [f64; 3]) -> f64 {
    let (from, to, sign) = if (a[0], a[1]) <= (b[0], b[1]) {
        (a, b, 1.0)
    } else {
        (b, a, -1.0)
    };
    sign * ((to[0] - from[0]) * (point[1] - from[1]) - (to[1] - from[1]) * (point[0] - from[0]))
}

/// Whether a pixel's centre is inside. On an edge it belongs to the triangle of which the edge is a left or an upper one.
fn is_inside(opposite: [f64; 3], edges: [[[f64; 3]; 2]; 3], sign: f64) -> bool {
    opposite.into_iter().zip(edges).all(|(value, [from, to])| {
        let value = value * sign;
        if value != 0.0 {
            return value > 0.0;
        }
        let (dx, dy) = ((to[0] - from[0]) * sign, (to[1] - from[1]) * sign);
        dy < 0.0 || (dy == 0.0 && dx > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::camera::Camera;
    use crate::scene::pose::PosedHemisphere;

    const SIZE: [usize; 2] = [160, 120];

    fn camera() -> Camera {
        Camera {
            azimuth: 110.0,
            altitude: 70.0,
            radius: 300.0,
            target: [0.0; 3],
        }
    }

    /// A sphere of radius 60 mm, in many triangles.
    fn sphere() -> (Vec<[f32; 3]>, Vec<[u32; 3]>) {
        const N: u32 = 40;
        let mut points = Vec::new();
        for i in 0..=N {
            for j in 0..N {
                let (up, around) = (
                    std::f32::consts::PI * i as f32 / N as f32,
                    std::f32::consts::TAU * j as f32 / N as f32,
                );
                points.push([
                    60.0 * up.sin() * around.cos(),
                    60.0 * up.sin() * around.sin(),
                    60.0 * up.cos(),
                ]);
            }
        }
        let mut triangles = Vec::new();
        for i in 0..N {
            for j in 0..N {
                let at = |i: u32, j: u32| i * N + j % N;
                triangles.push([at(i, j), at(i + 1, j), at(i + 1, j + 1)]);
                triangles.push([at(i, j), at(i + 1, j + 1), at(i, j + 1)]);
            }
        }
        (points, triangles)
    }

    fn visibility(points: &[[f32; 3]], triangles: &[[u32; 3]]) -> Visibility {
        let brain = PosedBrain {
            hemispheres: vec![PosedHemisphere {
                side: Side::Left,
                points: points.to_vec(),
                normals: vec![],
                triangles: 0..triangles.len(),
                is_inside_out: false,
            }],
            triangles: triangles
                .iter()
                .map(|vertices| (Side::Left, *vertices))
                .collect(),
            flatness: 0.0,
        };
        Visibility::of(&brain, &camera().projection(SIZE), SIZE)
    }

    /// Distance along a ray to a triangle; the classical test of Möller and Trumbore (1997).
    fn ray_test(eye: [f64; 3], ray: [f64; 3], corners: [[f64; 3]; 3]) -> Option<f64> {
        use crate::scene::camera::{cross, dot};
        let minus = |a: [f64; 3], b: [f64; 3]| std::array::from_fn(|i| a[i] - b[i]);
        let [a, b, c] = corners;
        let (ab, ac): ([f64; 3], [f64; 3]) = (minus(b, a), minus(c, a));
        let p = cross(ray, ac);
        let det = dot(ab, p);
        let from: [f64; 3] = minus(eye, a);
        let u = dot(from, p) / det;
        let q = cross(from, ab);
        let v = dot(ray, q) / det;
        let along = dot(ac, q) / det;
        (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && along > 0.0).then_some(along)
    }

    #[test]
    fn each_pixel_shows_the_triangle_that_a_ray_meets_first() {
        let (points, triangles) = sphere();
        let seen = visibility(&points, &triangles);
        let projection = camera().projection(SIZE);
        let mut n_hits = 0;
        for row in 0..SIZE[1] {
            for column in 0..SIZE[0] {
                let ray = projection.ray([column as f64 + 0.5, row as f64 + 0.5]);
                let distance = |vertices: [u32; 3]| {
                    let corners = vertices.map(|vertex| points[vertex as usize].map(f64::from));
                    ray_test(projection.eye, ray, corners)
                };
                let nearest = triangles
                    .iter()
                    .filter_map(|triangle| Some((distance(*triangle)?, triangle)))
                    .min_by(|a, b| a.0.total_cmp(&b.0));
                let hit = seen.hit(column, row);
                assert_eq!(
                    hit.map(|hit| hit.vertices),
                    nearest.map(|(_, triangle)| *triangle),
                    "{column}, {row}"
                );
                n_hits += usize::from(hit.is_some());
            }
        }
        assert!(n_hits > 2500, "{n_hits}");
    }

    #[test]
    fn shares_lead_to_the_point_under_the_pixel() {
        let (points, triangles) = sphere();
        let seen = visibility(&points, &triangles);
        let projection = camera().projection(SIZE);
        for (column, row) in [(80, 60), (70, 40), (95, 75)] {
            let hit = seen.hit(column, row).unwrap();
            let mut point = [0.0; 3];
            for (vertex, weight) in hit.vertices.into_iter().zip(hit.weights) {
                let corner = points[vertex as usize];
                point = std::array::from_fn(|axis| point[axis] + weight * corner[axis]);
            }
            let [x, y, _] = projection.project(point);
            assert!((x - column as f64 - 0.5).abs() < 1e-3, "{x}");
            assert!((y - row as f64 - 0.5).abs() < 1e-3, "{y}");
        }
    }

    #[test]
    fn one_and_two_threads_see_the_same() {
        let (points, triangles) = sphere();
        let seen = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
            let pool = pool.build().unwrap();
            pool.install(|| format!("{:?}", visibility(&points, &triangles).fragments))
        };
        assert_eq!(seen(1), seen(2));
    }
}
