//! Places on the flattened cortex.

use super::side::Side;
use super::subject::{Subject, SurfaceKind};
use super::surface::Surface;

/// Where both hemispheres lie on one flat map, as pycortex lays them: they meet at x = 0, the left one at the left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlatMap {
    /// Least x, largest x, least y and largest y of all vertices, mm of the flattened surface.
    pub extents: [f64; 4],
    /// By how much the left and the right hemisphere are moved in x, mm.
    pub shifts: [f64; 2],
}

impl FlatMap {
    /// The flat map of a subject.
    ///
    /// # Errors
    /// Returns the side of a hemisphere that is not flattened.
    pub fn of(subject: &Subject) -> Result<Self, Side> {
        let infinite = f64::INFINITY;
        let mut extents = [infinite, -infinite, infinite, -infinite];
        let mut shifts = [0.0; 2];
        for side in Side::BOTH {
            let flat = subject.hemisphere(side).surface(SurfaceKind::Flat);
            let [least, most] = flat.ok_or(side)?.bounds().map(|it| it.map(f64::from));
            let shift = match side {
                Side::Left => -most[0],
                Side::Right => -least[0],
            };
            shifts[side.index()] = shift;
            extents = [
                extents[0].min(least[0] + shift),
                extents[1].max(most[0] + shift),
                extents[2].min(least[1]),
                extents[3].max(most[1]),
            ];
        }
        Ok(Self { extents, shifts })
    }

    /// The place on the map of a point of a flattened hemisphere, mm.
    #[must_use]
    pub fn place(&self, side: Side, [x, y]: [f64; 2]) -> [f64; 2] {
        [x + self.shifts[side.index()], y]
    }

    /// The point of a flattened hemisphere at a place of the map, mm.
    #[must_use]
    pub fn point(&self, side: Side, [x, y]: [f64; 2]) -> [f64; 2] {
        [x - self.shifts[side.index()], y]
    }
}

/// How long the cortex is for each mm of the flat map: the 10th, 50th and 90th percentile over the edges of the map's triangles, at
/// half of the cortical depth. None if a surface is missing.
#[must_use]
pub fn flat_stretch(subject: &Subject) -> Option<[f64; 3]> {
    let mut ratios = Vec::new();
    for hemisphere in &subject.hemispheres {
        let flat = hemisphere.surface(SurfaceKind::Flat)?;
        let folded = hemisphere.middle_points()?;
        for [a, b, c] in flat.triangles().iter().copied() {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                let length = |points: &[[f32; 3]]| {
                    let (p, q) = (points.get(from as usize)?, points.get(to as usize)?);
                    let squares = (0..3).map(|axis| f64::from(p[axis] - q[axis]).powi(2));
                    Some(squares.sum::<f64>().sqrt())
                };
                let ratio = length(&folded)? / length(flat.points())?;
                ratios.push(ratio);
            }
        }
    }
    ratios.retain(|ratio| ratio.is_finite());
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios.get((share * ratios.len() as f64) as usize).copied();
    Some([at(0.1)?, at(0.5)?, at(0.9)?])
}

/// A point of a surface, whatever its shape: a triangle, and the shares of its vertices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfacePoint {
    /// The vertices of the triangle.
    pub vertices: [u32; 3],
    /// Their shares, which add up to 1.
    pub weights: [f32; 3],
}

impl SurfacePoint {
    /// The point of a surface with these vertices.
    #[must_use]
    pub fn on(&self, points: &[[f32; 3]]) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for (vertex, weight) in self.vertices.into_iter().zip(self.weights) {
            if let Some(point) = points.get(vertex as usize) {
                sum = std::array::from_fn(|axis| sum[axis] + weight * point[axis]);
            }
        }
        sum
    }
}

/// A line on a hemisphere.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceLine {
    /// The hemisphere.
    pub side: Side,
    /// Its points, close to one another.
    pub points: Vec<SurfacePoint>,
}

/// Finds the triangles of a flattened hemisphere that hold places.
pub struct FlatLocator<'a> {
    flat: &'a Surface,
    corner: [f64; 2],
    /// Side of a cell, mm.
    cell: f64,
    n_columns: usize,
    n_rows: usize,
    /// Where the triangles of each cell begin, and the end.
    begins: Vec<u32>,
    /// Indices of triangles.
    triangles: Vec<u32>,
}

impl<'a> FlatLocator<'a> {
    /// Sorts the triangles of a flattened hemisphere into cells.
    #[must_use]
    pub fn new(flat: &'a Surface) -> Self {
        let [least, most] = used_bounds(flat);
        let spans = [most[0] - least[0], most[1] - least[1]];
        let n_triangles = flat.triangles().len();
        let mut cell = (spans[0] * spans[1] / n_triangles as f64).sqrt();
        if !(cell.is_finite() && cell > 0.0) {
            cell = spans[0].max(spans[1]).max(1.0);
        }
        loop {
            let mut locator = Self {
                flat,
                corner: least,
                cell,
                n_columns: (spans[0] / cell) as usize + 1,
                n_rows: (spans[1] / cell) as usize + 1,
                begins: Vec::new(),
                triangles: Vec::new(),
            };
            // Some triangles may be huge; then cells are made larger, until they hold few more triangles than there are.
            let is_sparse = locator.n_columns * locator.n_rows > 4 * n_triangles + 16;
            if !is_sparse && locator.fill(16 * n_triangles) {
                return locator;
            }
            cell *= 2.0;
        }
    }

    /// Sorts the triangles; false if that makes more than `most` entries.
    fn fill(&mut self, most: usize) -> bool {
        let n_cells = self.n_columns * self.n_rows;
        let mut counts = vec![0_u32; n_cells + 1];
        let mut n_entries = 0;
        for corners in self.flat.triangles() {
            let [columns, rows] = self.range(*corners);
            n_entries += columns.clone().count() * rows.clone().count();
            if n_entries > most && n_cells > 1 {
                return false;
            }
            for row in rows {
                for column in columns.clone() {
                    counts[row * self.n_columns + column + 1] += 1;
                }
            }
        }
        for at in 1..counts.len() {
            counts[at] += counts[at - 1];
        }
        self.begins.clone_from(&counts);
        self.triangles = vec![0; n_entries];
        for (index, corners) in (0_u32..).zip(self.flat.triangles()) {
            let [columns, rows] = self.range(*corners);
            for row in rows {
                for column in columns.clone() {
                    let next = &mut counts[row * self.n_columns + column];
                    self.triangles[*next as usize] = index;
                    *next += 1;
                }
            }
        }
        true
    }

    /// The columns and rows of cells that a triangle may touch.
    fn range(&self, corners: [u32; 3]) -> [std::ops::Range<usize>; 2] {
        let places = corners.map(|corner| self.flat.points()[corner as usize]);
        let sides = [self.n_columns, self.n_rows];
        std::array::from_fn(|axis| {
            let values = places.map(|place| f64::from(place[axis]));
            let least = values.into_iter().fold(f64::INFINITY, f64::min);
            let most = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
            let index = |value: f64| {
                let at = ((value - self.corner[axis]) / self.cell).max(0.0) as usize;
                at.min(sides[axis] - 1)
            };
            index(least)..index(most) + 1
        })
    }

    /// The point of the surface at a place of the flattened hemisphere, mm; none outside of it.
    #[must_use]
    pub fn locate(&self, place: [f64; 2]) -> Option<SurfacePoint> {
        let [x, y]: [f64; 2] =
            std::array::from_fn(|axis| (place[axis] - self.corner[axis]) / self.cell);
        if !(x >= 0.0 && y >= 0.0 && x < self.n_columns as f64 && y < self.n_rows as f64) {
            return None;
        }
        let cell = y as usize * self.n_columns + x as usize;
        let own = self.begins[cell] as usize..self.begins[cell + 1] as usize;
        self.triangles[own]
            .iter()
            .find_map(|triangle| self.within(self.flat.triangles()[*triangle as usize], place))
    }

    fn within(&self, vertices: [u32; 3], place: [f64; 2]) -> Option<SurfacePoint> {
        // A place on an edge belongs to both triangles rather than to none.
        const TOLERANCE: f64 = -1e-9;
        let [a, b, c] = vertices.map(|vertex| {
            let [x, y, _] = self.flat.points()[vertex as usize];
            [f64::from(x), f64::from(y)]
        });
        let cross = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
            (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        };
        let area = cross(a, b, c);
        let shares = [cross(b, c, place), cross(c, a, place), cross(a, b, place)];
        let shares = shares.map(|own| own / area);
        let is_inside = shares.iter().all(|share| *share >= TOLERANCE);
        is_inside.then(|| SurfacePoint {
            vertices,
            weights: shares.map(|share| share as f32),
        })
    }
}

/// The least and the largest x and y of vertices that triangles use.
fn used_bounds(flat: &Surface) -> [[f64; 2]; 2] {
    let mut bounds = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
    for corner in flat.triangles().iter().flatten() {
        let point = flat.points()[*corner as usize];
        for axis in 0..2 {
            let value = f64::from(point[axis]);
            bounds[0][axis] = bounds[0][axis].min(value);
            bounds[1][axis] = bounds[1][axis].max(value);
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_of_the_flat_map_is_found_in_a_triangle_that_holds_it() {
        let subject = Subject::fsaverage5();
        for side in Side::BOTH {
            let flat = subject.hemisphere(side).surface(SurfaceKind::Flat).unwrap();
            let locator = FlatLocator::new(flat);
            for corners in flat.triangles().iter().step_by(7) {
                let places = corners.map(|corner| flat.points()[corner as usize]);
                let middle: [f64; 2] = std::array::from_fn(|axis| {
                    places.iter().map(|p| f64::from(p[axis])).sum::<f64>() / 3.0
                });
                let found = locator.locate(middle).unwrap();
                let [x, y, _] = found.on(flat.points());
                assert!((f64::from(x) - middle[0]).hypot(f64::from(y) - middle[1]) < 1e-4);
            }
            assert_eq!(locator.locate([1e6, 0.0]), None);
            assert_eq!(locator.locate([f64::NAN, 0.0]), None);
        }
    }

    #[test]
    fn huge_triangles_do_not_fill_memory() {
        let mut points = vec![[0.0, 0.0, 0.0], [1000.0, 0.0, 0.0], [0.0, 1000.0, 0.0]];
        points.extend([[1.0, 1.0, 0.0], [1.001, 1.0, 0.0], [1.0, 1.001, 0.0]]);
        let triangles = [vec![[0, 1, 2]; 3000], vec![[3, 4, 5]; 3000]].concat();
        let flat = Surface::new(points, triangles).unwrap();
        let locator = FlatLocator::new(&flat);
        assert!(locator.triangles.len() <= 16 * 6000);
        assert!(locator.locate([300.0, 300.0]).is_some());
    }
}
