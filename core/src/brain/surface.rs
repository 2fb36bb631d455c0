//! Triangle meshes of a cortex.

use std::fmt;

/// A mesh: vertices and the triangles between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    points: Vec<[f32; 3]>,
    triangles: Vec<[u32; 3]>,
}

/// Why arrays are no surface.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SurfaceError {
    /// There are no triangles.
    #[error("it has no triangles")]
    Empty,
    /// A triangle has a vertex that does not exist.
    #[error("triangle {triangle} has vertex {vertex}, but there are {n_vertices} vertices")]
    NoSuchVertex {
        /// Index of the triangle.
        triangle: usize,
        /// Index of the vertex.
        vertex: u32,
        /// Number of vertices.
        n_vertices: usize,
    },
    /// A vertex of a triangle has no finite coordinates.
    #[error("vertex {vertex} has a coordinate that is not a finite number")]
    NotFinite {
        /// Index of the vertex.
        vertex: usize,
    },
}

impl Surface {
    /// A surface of vertices in millimetres, and of triangles as indices of vertices. Vertices that no triangle uses may have
    /// any coordinates.
    ///
    /// # Errors
    /// Returns a [`SurfaceError`] if there are no triangles, or one has a vertex that does not exist or is not finite.
    pub fn new(points: Vec<[f32; 3]>, triangles: Vec<[u32; 3]>) -> Result<Self, SurfaceError> {
        if triangles.is_empty() {
            return Err(SurfaceError::Empty);
        }
        for (triangle, corners) in triangles.iter().enumerate() {
            for &vertex in corners {
                let Some(point) = points.get(vertex as usize) else {
                    return Err(SurfaceError::NoSuchVertex {
                        triangle,
                        vertex,
                        n_vertices: points.len(),
                    });
                };
                if !point.iter().all(|value| value.is_finite()) {
                    return Err(SurfaceError::NotFinite {
                        vertex: vertex as usize,
                    });
                }
            }
        }
        Ok(Self { points, triangles })
    }

    /// Coordinates of the vertices: right, anterior and superior, in millimetres.
    #[must_use]
    pub fn points(&self) -> &[[f32; 3]] {
        &self.points
    }

    /// Vertex indices of each triangle, counter-clockwise from outside.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// Number of vertices.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.points.len()
    }

    /// Whether each vertex belongs to a triangle. Flat maps keep the vertices of the medial wall without triangles.
    #[must_use]
    pub fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.points.len()];
        for corner in self.triangles.iter().flatten() {
            used[*corner as usize] = true;
        }
        used
    }

    /// The smallest and the largest coordinates of all vertices.
    #[must_use]
    pub fn bounds(&self) -> [[f32; 3]; 2] {
        let mut bounds = [[f32::INFINITY; 3], [f32::NEG_INFINITY; 3]];
        for point in &self.points {
            for axis in 0..3 {
                bounds[0][axis] = bounds[0][axis].min(point[axis]);
                bounds[1][axis] = bounds[1][axis].max(point[axis]);
            }
        }
        bounds
    }

    /// Unit normals of the vertices, from those of their triangles weighted by area; zero for vertices without triangles.
    #[must_use]
    pub fn normals(&self) -> Vec<[f32; 3]> {
        let mut sums = vec![[0.0_f64; 3]; self.points.len()];
        for corners in &self.triangles {
            let normal = self.doubled_area(*corners);
            for corner in corners {
                let sum = &mut sums[*corner as usize];
                *sum = std::array::from_fn(|axis| sum[axis] + normal[axis]);
            }
        }
        let unit = |sum: [f64; 3]| {
            let length = dot(sum, sum).sqrt();
            if length > 0.0 {
                sum.map(|value| (value / length) as f32)
            } else {
                [0.0; 3]
            }
        };
        sums.into_iter().map(unit).collect()
    }

    /// Area of each vertex in mm²: a third of its triangles'.
    #[must_use]
    pub fn areas(&self) -> Vec<f32> {
        let mut areas = vec![0.0_f64; self.points.len()];
        for corners in &self.triangles {
            let normal = self.doubled_area(*corners);
            let share = dot(normal, normal).sqrt() / 6.0;
            for corner in corners {
                areas[*corner as usize] += share;
            }
        }
        areas.into_iter().map(|area| area as f32).collect()
    }

    /// Whether a closed surface has its triangles clockwise from outside, as some programs write them. Surfaces with holes are
    /// taken to be as they should.
    #[must_use]
    pub fn is_inside_out(&self) -> bool {
        // Euler's formula for a sphere, where each edge belongs to two triangles.
        let is_closed = self.triangles.len() + 4 == 2 * self.points.len();
        let volume = |corners: &[u32; 3]| {
            let [a, b, c] = corners.map(|corner| self.points[corner as usize].map(f64::from));
            dot(a, cross(b, c))
        };
        is_closed && self.triangles.iter().map(volume).sum::<f64>() < 0.0
    }

    /// The normal of a triangle, as long as twice its area.
    fn doubled_area(&self, corners: [u32; 3]) -> [f64; 3] {
        let [a, b, c] = corners.map(|corner| self.points[corner as usize].map(f64::from));
        cross(minus(b, a), minus(c, a))
    }

    /// The vertices between this surface and another of the same mesh: 0 is this one, 1 the other.
    ///
    /// # Errors
    /// Returns a [`SurfaceMismatch`] if they have different numbers of vertices.
    pub fn between(&self, other: &Self, share: f32) -> Result<Self, SurfaceMismatch> {
        if self.points.len() != other.points.len() {
            return Err(SurfaceMismatch([self.points.len(), other.points.len()]));
        }
        let mix = |(a, b): (&[f32; 3], &[f32; 3])| {
            std::array::from_fn(|axis| a[axis] + share * (b[axis] - a[axis]))
        };
        Ok(Self {
            points: self.points.iter().zip(&other.points).map(mix).collect(),
            triangles: self.triangles.clone(),
        })
    }
}

/// Two surfaces of one hemisphere have different numbers of vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurfaceMismatch(pub [usize; 2]);

impl fmt::Display for SurfaceMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.0;
        write!(
            f,
            "two surfaces of one hemisphere have {a} and {b} vertices"
        )
    }
}

impl std::error::Error for SurfaceMismatch {}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The unit octahedron.
    fn octahedron() -> Surface {
        let points = vec![
            [1.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, -1.0, 0.0],
            [0.0, 0.0, 1.0],
            [0.0, 0.0, -1.0],
            [f32::NAN; 3],
        ];
        let mut triangles = Vec::new();
        for x in [0, 1] {
            for y in [2, 3] {
                for z in [4, 5] {
                    let is_mirrored = (x + y + z) % 2 == 1;
                    triangles.push(if is_mirrored { [x, z, y] } else { [x, y, z] });
                }
            }
        }
        Surface::new(points, triangles).unwrap()
    }

    #[test]
    fn normals_point_outwards_and_areas_add_up() {
        let surface = octahedron();
        for (point, normal) in surface.points().iter().zip(surface.normals()).take(6) {
            let apart = (0..3).map(|axis| (point[axis] - normal[axis]).abs());
            assert!(apart.sum::<f32>() < 1e-6);
        }
        let total: f32 = surface.areas().iter().sum();
        assert!((total - 4.0 * 3.0_f32.sqrt()).abs() < 1e-5, "{total}");
        assert_eq!(surface.used(), [true, true, true, true, true, true, false]);
        assert!(surface.normals()[6].iter().all(|value| *value == 0.0));
    }

    #[test]
    fn what_is_no_surface_is_refused() {
        let points = vec![[0.0; 3], [1.0; 3], [f32::NAN; 3]];
        assert_eq!(
            Surface::new(points.clone(), vec![]),
            Err(SurfaceError::Empty)
        );
        assert_eq!(
            Surface::new(points.clone(), vec![[0, 1, 3]]),
            Err(SurfaceError::NoSuchVertex {
                triangle: 0,
                vertex: 3,
                n_vertices: 3
            })
        );
        assert_eq!(
            Surface::new(points, vec![[0, 1, 2]]),
            Err(SurfaceError::NotFinite { vertex: 2 })
        );
    }
}
