//! Which vertices belong together: within a distance along the cortex, around a border, above a threshold.

use std::collections::VecDeque;

use super::contour::{Contour, Place};
use crate::brain::flat_map::{SurfaceLine, SurfacePoint};
use crate::brain::geodesic::Geodesics;
use crate::brain::patch::{Lists, PatchMesh, neighbours};
use crate::brain::side::Side;
use crate::brain::smoothing::smoothed;
use crate::brain::subject::{Hemisphere, SurfaceKind};
use crate::brain::surface::Surface;

/// By how much a region grows or shrinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// Vertices within so many edges of the border.
    Rings(u32),
    /// Vertices within so many millimetres along the surface.
    Mm(f64),
}

/// The mesh of a hemisphere on which regions are drawn. Distances run along the surface, not through space.
#[derive(Debug, Clone)]
pub struct RegionMesh {
    surface: Surface,
    patch: PatchMesh,
    neighbours: Lists<u32>,
    areas: Vec<f32>,
}

impl RegionMesh {
    /// The mesh of a surface.
    #[must_use]
    pub fn new(surface: Surface) -> Self {
        let points = surface.points().iter();
        let points: Vec<[f64; 3]> = points.map(|point| point.map(f64::from)).collect();
        let patch = PatchMesh::new(points, surface.triangles().to_vec());
        let neighbours = neighbours(patch.n_vertices(), &patch.edges());
        Self {
            areas: surface.areas(),
            patch,
            neighbours,
            surface,
        }
    }

    /// The mesh of a hemisphere halfway between white and pial surface, or of the folded surface that there is; none without one.
    #[must_use]
    pub fn of(hemisphere: &Hemisphere) -> Option<Self> {
        let kinds = [SurfaceKind::White, SurfaceKind::Middle, SurfaceKind::Pial];
        let folded = kinds.iter().find_map(|kind| hemisphere.surface(*kind))?;
        let middle = hemisphere.middle_points();
        let middle =
            middle.and_then(|points| Surface::new(points, folded.triangles().to_vec()).ok());
        Some(Self::new(middle.unwrap_or_else(|| folded.clone())))
    }

    /// Number of vertices.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.areas.len()
    }

    /// Area of vertices, mm²: a third of each of their triangles.
    #[must_use]
    pub fn area_mm2(&self, vertices: &[u32]) -> f64 {
        let of_vertex = |vertex: &u32| self.areas.get(*vertex as usize).copied().unwrap_or(0.0);
        vertices.iter().map(of_vertex).map(f64::from).sum()
    }

    /// The vertices within a distance of any of the centres along the surface, the centres among them, ascending.
    #[must_use]
    pub fn brushed(&self, centres: &[u32], radius_mm: f64) -> Vec<u32> {
        let mut nearest = vec![f64::INFINITY; self.n_vertices()];
        let mut geodesics = Geodesics::new(&self.patch);
        for centre in centres {
            if (*centre as usize) < nearest.len() {
                geodesics.nearer(*centre, radius_mm, &mut nearest);
            }
        }
        let all = (0_u32..).zip(nearest);
        all.filter(|(_, distance)| *distance <= radius_mm)
            .map(|(vertex, _)| vertex)
            .collect()
    }

    /// A region with the vertices around its border.
    #[must_use]
    pub fn grown(&self, region: &[u32], by: Extent) -> Vec<u32> {
        let mut is_inside = self.mask(region);
        match by {
            Extent::Rings(n) => self.spread(&mut is_inside, n),
            Extent::Mm(mm) => {
                let border = self.border(region, &is_inside);
                for vertex in self.brushed(&border, mm) {
                    is_inside[vertex as usize] = true;
                }
            }
        }
        listed(&is_inside)
    }

    /// A region without the vertices along its border. Where the mesh ends there is no border.
    #[must_use]
    pub fn shrunk(&self, region: &[u32], by: Extent) -> Vec<u32> {
        let is_inside = self.mask(region);
        let mut is_outside: Vec<bool> = is_inside.iter().map(|is_inside| !is_inside).collect();
        match by {
            Extent::Rings(n) => self.spread(&mut is_outside, n),
            Extent::Mm(mm) => {
                let outer = self.border(&listed(&is_outside), &is_outside);
                for vertex in self.brushed(&outer, mm) {
                    is_outside[vertex as usize] = true;
                }
            }
        }
        let left = is_outside.into_iter().map(|is_outside| !is_outside);
        listed(&left.collect::<Vec<_>>())
    }

    /// A region of the same area with a smoother border: the region is blurred, and the vertices with most of it are kept.
    ///
    /// * `reach_mm`: about as far as the border moves.
    #[must_use]
    pub fn smoothed(&self, region: &[u32], reach_mm: f64) -> Vec<u32> {
        let is_inside = self.mask(region);
        let before = self.area_mm2(region);
        let whole: Vec<f32> = is_inside
            .iter()
            .map(|own| f32::from(u8::from(*own)))
            .collect();
        let blurred = smoothed(&self.surface, &whole, reach_mm * reach_mm);
        let mut order: Vec<u32> = (0..self.n_vertices() as u32)
            .filter(|vertex| blurred[*vertex as usize] > 0.0)
            .collect();
        order.sort_by(|a, b| blurred[*b as usize].total_cmp(&blurred[*a as usize]));
        let mut kept = Vec::new();
        let mut area = 0.0;
        for vertex in order {
            let own = f64::from(self.areas[vertex as usize]);
            if area + own / 2.0 > before {
                break;
            }
            area += own;
            kept.push(vertex);
        }
        kept.sort_unstable();
        kept
    }

    /// A region with what it encloses: all pieces of the rest beside it but the largest. Pieces in which the mesh ends are not
    /// enclosed.
    #[must_use]
    pub fn filled(&self, region: &[u32]) -> Vec<u32> {
        let mut is_inside = self.mask(region);
        let mut is_known = is_inside.clone();
        let ends = self.ends();
        let mut pieces: Vec<(f64, bool, Vec<u32>)> = Vec::new();
        for start in self.around(region, &is_inside) {
            if is_known[start as usize] {
                continue;
            }
            let piece = self.piece(start, &mut is_known, |_| true);
            let is_open = piece.iter().any(|vertex| ends[*vertex as usize]);
            pieces.push((self.area_mm2(&piece), is_open, piece));
        }
        let largest = pieces.iter().map(|(area, _, _)| *area);
        let largest = largest.fold(0.0, f64::max);
        for (area, is_open, piece) in pieces {
            if !is_open && area < largest {
                for vertex in piece {
                    is_inside[vertex as usize] = true;
                }
            }
        }
        listed(&is_inside)
    }

    /// The vertices whose values are at least a threshold and that are connected with one of them by edges between such vertices,
    /// ascending; none if its own value is lower or no number.
    ///
    /// * `values`: `(n_vertices,)`, any unit. What is not a number is below any threshold.
    #[must_use]
    pub fn cluster(&self, start: u32, values: &[f32], threshold: f32) -> Vec<u32> {
        let is_above = |vertex: u32| {
            let value = values.get(vertex as usize);
            value.is_some_and(|value| *value >= threshold)
        };
        if start as usize >= self.n_vertices() || !is_above(start) {
            return Vec::new();
        }
        let mut is_known = vec![false; self.n_vertices()];
        let mut cluster = self.piece(start, &mut is_known, is_above);
        cluster.sort_unstable();
        cluster
    }

    /// The lines around a region, for any view. They are closed: the first point of each is its last one, too.
    #[must_use]
    pub fn outline(&self, side: Side, region: &[u32]) -> Vec<SurfaceLine> {
        let is_inside = self.mask(region);
        let known = region
            .iter()
            .filter(|vertex| (**vertex as usize) < is_inside.len());
        let corners = known.flat_map(|vertex| self.patch.corners(*vertex as usize));
        let mut around: Vec<u32> = corners.map(|corner| corner.triangle).collect();
        around.sort_unstable();
        around.dedup();
        let triangles = around
            .iter()
            .map(|index| self.patch.triangles[*index as usize]);
        let contour = Contour::new(triangles, |vertex| is_inside[vertex as usize]);
        let point = |place: &Place| match place {
            Place::Middle(a, b) => SurfacePoint {
                vertices: [*a, *b, *b],
                weights: [0.5, 0.5, 0.0],
            },
            Place::Vertex(vertex) => SurfacePoint {
                vertices: [*vertex; 3],
                weights: [1.0, 0.0, 0.0],
            },
        };
        let line = |places: &Vec<Place>| SurfaceLine {
            side,
            points: places.iter().chain(places.first()).map(point).collect(),
        };
        contour.lines.iter().map(line).collect()
    }

    fn mask(&self, region: &[u32]) -> Vec<bool> {
        let mut mask = vec![false; self.n_vertices()];
        for vertex in region {
            if let Some(own) = mask.get_mut(*vertex as usize) {
                *own = true;
            }
        }
        mask
    }

    /// The vertices of a region with neighbours outside of it.
    fn border(&self, region: &[u32], is_inside: &[bool]) -> Vec<u32> {
        let is_border = |vertex: &&u32| {
            let mut around = self.neighbours.of(**vertex as usize).iter();
            around.any(|other| !is_inside[*other as usize])
        };
        let known = region
            .iter()
            .filter(|vertex| (**vertex as usize) < is_inside.len());
        known.filter(is_border).copied().collect()
    }

    /// The vertices beside a region.
    fn around(&self, region: &[u32], is_inside: &[bool]) -> Vec<u32> {
        let border = self.border(region, is_inside);
        let beside = border
            .iter()
            .flat_map(|vertex| self.neighbours.of(*vertex as usize));
        let outside = beside.filter(|vertex| !is_inside[**vertex as usize]);
        outside.copied().collect()
    }

    /// Adds so many rings of neighbours.
    fn spread(&self, is_inside: &mut [bool], n_rings: u32) {
        let mut ring = listed(is_inside);
        for _ in 0..n_rings {
            let mut next = Vec::new();
            for vertex in ring {
                for other in self.neighbours.of(vertex as usize) {
                    if !std::mem::replace(&mut is_inside[*other as usize], true) {
                        next.push(*other);
                    }
                }
            }
            ring = next;
        }
    }

    /// The vertices that are connected with one of them and that are not known yet; they are known then.
    fn piece(&self, start: u32, is_known: &mut [bool], belongs: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut piece = Vec::new();
        let mut queue = VecDeque::from([start]);
        is_known[start as usize] = true;
        while let Some(vertex) = queue.pop_front() {
            piece.push(vertex);
            for other in self.neighbours.of(vertex as usize) {
                if !is_known[*other as usize] && belongs(*other) {
                    is_known[*other as usize] = true;
                    queue.push_back(*other);
                }
            }
        }
        piece
    }

    /// Whether the mesh ends at each vertex: one of its edges belongs to one triangle alone.
    fn ends(&self) -> Vec<bool> {
        let sides = |[a, b, c]: &[u32; 3]| {
            [[*a, *b], [*b, *c], [*c, *a]].map(|[a, b]| [a.min(b), a.max(b)])
        };
        let mut edges: Vec<[u32; 2]> = self.patch.triangles.iter().flat_map(sides).collect();
        edges.sort_unstable();
        let mut ends = vec![false; self.n_vertices()];
        for same in edges.chunk_by(|a, b| a == b) {
            if let [[a, b]] = same {
                ends[*a as usize] = true;
                ends[*b as usize] = true;
            }
        }
        ends
    }
}

fn listed(mask: &[bool]) -> Vec<u32> {
    let all = (0_u32..).zip(mask);
    all.filter(|(_, is_inside)| **is_inside)
        .map(|(vertex, _)| vertex)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::Subject;

    /// A plane of equilateral triangles whose sides are 1 mm long.
    fn plane(n: usize) -> RegionMesh {
        let height = 3.0_f32.sqrt() / 2.0;
        let point = |at: usize| {
            let (column, row) = (at % n, at / n);
            let x = column as f32 + 0.5 * (row % 2) as f32;
            [x, height * row as f32, 0.0]
        };
        let mut triangles = Vec::new();
        for row in 0..n - 1 {
            for column in 0..n - 1 {
                let at = |r: usize, c: usize| (r * n + c) as u32;
                let corners = [
                    at(row, column),
                    at(row, column + 1),
                    at(row + 1, column),
                    at(row + 1, column + 1),
                ];
                let [a, b, c, d] = corners;
                if row % 2 == 0 {
                    triangles.extend([[a, b, c], [b, d, c]]);
                } else {
                    triangles.extend([[a, b, d], [a, d, c]]);
                }
            }
        }
        let points = (0..n * n).map(point).collect();
        RegionMesh::new(Surface::new(points, triangles).unwrap())
    }

    fn apart(mesh: &RegionMesh, a: u32, b: u32) -> f64 {
        mesh.patch.chord(a, b)
    }

    #[test]
    fn a_brush_on_a_plane_reaches_as_far_as_its_radius() {
        let mesh = plane(41);
        for (centre, radius) in [(20 * 41 + 20, 7.3), (20 * 41 + 20, 3.0001), (5, 6.0001)] {
            let found = mesh.brushed(&[centre], radius);
            let all = 0..mesh.n_vertices() as u32;
            let expected: Vec<u32> = all
                .filter(|vertex| apart(&mesh, centre, *vertex) <= radius)
                .collect();
            assert_eq!(found, expected, "{centre} {radius}");
        }
        // Several at once, as one after another.
        let centres = [300, 301, 345, 900];
        let mut expected: Vec<u32> = centres
            .iter()
            .flat_map(|centre| mesh.brushed(&[*centre], 4.2))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(mesh.brushed(&centres, 4.2), expected);
        assert_eq!(mesh.brushed(&[99_999], 4.2), [0; 0]);
    }

    #[test]
    fn a_brush_on_a_sphere_follows_great_circles() {
        let hemisphere = &Subject::fsaverage5().hemispheres[0];
        let sphere = hemisphere.surface(SurfaceKind::Sphere).unwrap();
        let mesh = RegionMesh::new(sphere.clone());
        let radius = f64::from(sphere.points()[0].map(|x| x * x).iter().sum::<f32>().sqrt());
        let mut n_compared = 0;
        for centre in [0_u32, 77, 5000, 10_000] {
            let mut geodesics = Geodesics::new(&mesh.patch);
            let mut found = Vec::new();
            geodesics.within(centre, 40.0, &mut found);
            for (vertex, distance) in &found {
                let chord = apart(&mesh, centre, *vertex);
                let exact = 2.0 * radius * (chord / 2.0 / radius).asin();
                let apart = (distance / exact - 1.0).abs();
                assert!(apart < 0.012, "{centre} {vertex}: {distance} {exact}");
                n_compared += 1;
            }
            // All vertices clearly within, none clearly outside.
            let brushed = mesh.brushed(&[centre], 20.0);
            for vertex in 0..mesh.n_vertices() as u32 {
                let exact = 2.0 * radius * (apart(&mesh, centre, vertex) / 2.0 / radius).asin();
                if (exact - 20.0).abs() > 0.2 {
                    let is_inside = brushed.binary_search(&vertex).is_ok();
                    assert_eq!(is_inside, exact < 20.0, "{centre} {vertex} {exact}");
                }
            }
        }
        assert!(n_compared > 1000, "{n_compared}");
    }

    #[test]
    fn a_convex_region_that_grows_and_shrinks_is_the_same() {
        let mesh = plane(41);
        let region = mesh.brushed(&[20 * 41 + 20], 5.0);
        for n in [1, 2, 4] {
            let grown = mesh.grown(&region, Extent::Rings(n));
            assert!(grown.len() > region.len() + 20);
            assert_eq!(mesh.shrunk(&grown, Extent::Rings(n)), region, "{n} rings");
        }
        let grown = mesh.grown(&region, Extent::Mm(3.0));
        let all = 0..mesh.n_vertices() as u32;
        let is_near = |vertex: &u32| region.iter().any(|own| apart(&mesh, *own, *vertex) <= 3.0);
        let expected: Vec<u32> = all.filter(is_near).collect();
        assert_eq!(grown, expected);
        let back = mesh.shrunk(&grown, Extent::Mm(3.0));
        assert!(region.iter().all(|own| back.binary_search(own).is_ok()));
        assert!(
            back.len() < region.len() * 6 / 5,
            "{} {}",
            back.len(),
            region.len()
        );
        // Nothing grows out of nothing, and what is all shrinks nowhere.
        assert_eq!(mesh.grown(&[], Extent::Mm(3.0)), [0; 0]);
        let all: Vec<u32> = (0..mesh.n_vertices() as u32).collect();
        assert_eq!(mesh.shrunk(&all, Extent::Rings(3)), all);
    }

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        let mesh = plane(41);
        let centre = 20 * 41 + 20;
        let disc = mesh.brushed(&[centre], 8.0);
        let hole = mesh.brushed(&[centre], 3.0);
        let is_in_hole = |vertex: &u32| hole.binary_search(vertex).is_ok();
        let ring: Vec<u32> = disc.iter().copied().filter(|v| !is_in_hole(v)).collect();
        assert_eq!(mesh.filled(&ring), disc);
        assert_eq!(mesh.filled(&disc), disc);
        // A cut through the ring opens it.
        let bay: Vec<u32> = ring.iter().copied().filter(|v| v / 41 != 20).collect();
        assert_eq!(mesh.filled(&bay), bay);
        // On a closed surface, the larger part is outside.
        let subject = Subject::fsaverage5();
        let mesh = RegionMesh::of(&subject.hemispheres[0]).unwrap();
        let disc = mesh.brushed(&[1234], 20.0);
        let inner = mesh.brushed(&[1234], 12.0);
        let ring: Vec<u32> = disc
            .iter()
            .copied()
            .filter(|v| inner.binary_search(v).is_err())
            .collect();
        let filled = mesh.filled(&ring);
        assert!(inner.iter().all(|v| filled.binary_search(v).is_ok()));
        assert!(filled.len() < mesh.n_vertices() / 4);
    }

    #[test]
    fn a_smoothed_border_keeps_the_area_and_gets_shorter() {
        let mesh = plane(61);
        let is_ragged = |vertex: &u32| {
            let (column, row) = (vertex % 61, vertex / 61);
            let tooth = if row % 6 < 3 { 8 } else { 0 };
            (15..45).contains(&row) && (15..36 + tooth).contains(&column)
        };
        let all = 0..mesh.n_vertices() as u32;
        let region: Vec<u32> = all.filter(is_ragged).collect();
        let smooth = mesh.smoothed(&region, 4.0);
        let (before, after) = (mesh.area_mm2(&region), mesh.area_mm2(&smooth));
        assert!((after / before - 1.0).abs() < 0.002, "{before} {after}");
        let border = |region: &[u32]| mesh.border(region, &mesh.mask(region)).len();
        let (ragged, even) = (border(&region), border(&smooth));
        assert!(even * 4 < ragged * 3, "{ragged} {even}");
    }

    /// Sizes and sums of the vertex numbers of connected components of the curvature of fsaverage5 above 0.12, from
    /// `scipy.sparse.csgraph.connected_components` (scipy 1.17.1) over the edges of the white surface.
    #[test]
    fn clusters_are_those_of_scipy() {
        let hemisphere = Subject::fsaverage5().hemisphere(Side::Left);
        let mesh = RegionMesh::of(hemisphere).unwrap();
        let curvature = hemisphere.curvature.as_ref().unwrap();
        for (start, n_vertices, sum) in CLUSTERS {
            let cluster = mesh.cluster(start, curvature, 0.12);
            let found: u64 = cluster.iter().map(|vertex| u64::from(*vertex)).sum();
            assert_eq!((cluster.len(), found), (n_vertices, sum), "{start}");
        }
        let low = curvature.iter().position(|value| *value < 0.12).unwrap();
        assert_eq!(mesh.cluster(low as u32, curvature, 0.12), [0; 0]);
        assert_eq!(mesh.cluster(u32::MAX, curvature, 0.12), [0; 0]);
    }

    const CLUSTERS: [(u32, usize, u64); 6] = [
        (0, 1067, 5_149_234),
        (1, 1032, 5_528_220),
        (31, 114, 596_992),
        (352, 34, 193_520),
        (109, 19, 94_287),
        (680, 10, 57_755),
    ];

    #[test]
    fn the_area_is_the_sum_of_thirds_of_triangles() {
        let hemisphere = Subject::fsaverage5().hemisphere(Side::Right);
        let mesh = RegionMesh::of(hemisphere).unwrap();
        let region = mesh.brushed(&[4321], 15.0);
        let points = hemisphere.middle_points().unwrap();
        let mut expected = 0.0;
        for corners in hemisphere.surface(SurfaceKind::White).unwrap().triangles() {
            let [a, b, c] = corners.map(|corner| points[corner as usize].map(f64::from));
            let side = |p: [f64; 3], q: [f64; 3]| -> f64 {
                (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt()
            };
            // Heron's formula.
            let (x, y, z) = (side(a, b), side(b, c), side(c, a));
            let half = (x + y + z) / 2.0;
            let area = (half * (half - x) * (half - y) * (half - z)).sqrt();
            let n_inside = corners.iter().filter(|v| region.binary_search(v).is_ok());
            expected += area / 3.0 * n_inside.count() as f64;
        }
        let found = mesh.area_mm2(&region);
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    }
}
