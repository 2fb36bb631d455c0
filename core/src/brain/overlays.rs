//! Regions and sulci that were drawn on a flat map: `overlays.svg` of a store of pycortex.

use std::path::Path;

use rayon::prelude::*;

use super::flat_map::{FlatLocator, FlatMap, SurfaceLine, SurfacePoint};
use super::polygon::{around, is_inside};
use super::regions::{Parcellation, Region};
use super::side::Side;
use super::subject::{Hemisphere, Subject, SurfaceKind};
use super::surface::Surface;
use crate::files::formats::drawing::{Drawing, DrawnLayer, Subpath};
use crate::files::formats::mesh::GeometryError;

/// Name of the set of regions that are drawn on a flat map.
pub const OVERLAYS: &str = "overlays";
/// Distance between the points of a line, mm of the flat map.
const STEP_MM: f64 = 0.5;
/// Points of a straight piece at most.
const MOST_STEPS: f64 = 2000.0;
/// By how much the shape of a drawing may differ from that of the flat map, as a share.
const MOST_STRETCH: f64 = 0.005;

/// Shapes that were drawn on a subject's flat map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlays {
    /// Regions of interest.
    pub regions: Vec<OverlayShape>,
    /// Sulci.
    pub sulci: Vec<OverlayShape>,
    /// Parts of the map to be shown alone.
    pub cutouts: Vec<OverlayShape>,
    /// Notes on the drawing for the user.
    pub notes: Vec<String>,
}

/// A shape on the cortex.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayShape {
    /// Its name.
    pub name: String,
    /// Its lines as far as they lie on the flattened cortex, for any view.
    pub lines: Vec<SurfaceLine>,
    /// The vertices inside of the left and the right hemisphere, and those beside them that were cut out of the flat map; ascending.
    /// Sulci have none.
    pub vertices: [Vec<u32>; 2],
}

impl Overlays {
    /// Reads a drawing and lays it on a subject's flat map.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is damaged, or the subject is not flattened.
    pub fn read(path: &Path, subject: &Subject) -> Result<Self, GeometryError> {
        let drawing = Drawing::read(path)?;
        Self::of_drawing(&drawing, subject)
            .map_err(|sentence| GeometryError::of_file(&sentence, path))
    }

    /// Lays a drawing on a subject's flat map. The drawing spans exactly the map.
    ///
    /// # Errors
    /// Returns a sentence without a full stop if the subject is not flattened.
    pub fn of_drawing(drawing: &Drawing, subject: &Subject) -> Result<Self, String> {
        let map = FlatMap::of(subject).map_err(|side| {
            format!("The drawing cannot be laid on the cortex, since the {side} hemisphere is not flattened")
        })?;
        let canvas = Canvas::new(drawing.size, map, subject);
        let mut overlays = Self {
            notes: drawing.notes.clone(),
            ..Self::default()
        };
        overlays.notes.extend(canvas.stretch_note(drawing.size));
        for layer in &drawing.layers {
            let shapes = match layer.name.as_str() {
                "rois" => &mut overlays.regions,
                "sulci" => &mut overlays.sulci,
                "cutouts" => &mut overlays.cutouts,
                // Images, and what pycortex shows at the moment.
                "data" | "display" => continue,
                other => {
                    if !layer.shapes.is_empty() {
                        overlays.notes.push(format!(
                            "The layer \"{}\" of the drawing is not shown. Layers that are: rois, sulci, cutouts.",
                            other.escape_debug()
                        ));
                    }
                    continue;
                }
            };
            *shapes = canvas.shapes(layer, layer.name != "sulci");
        }
        Ok(overlays)
    }

    /// The regions as a set without overlap. A vertex in several regions belongs to the smallest of them.
    #[must_use]
    pub fn parcellation(&self, n_vertices: [usize; 2]) -> Parcellation {
        let n_own = |shape: &OverlayShape| shape.vertices.iter().map(Vec::len).sum::<usize>();
        let drawn = self.regions.iter().filter(|shape| n_own(shape) > 0);
        let mut drawn: Vec<&OverlayShape> = drawn.take(usize::from(u16::MAX)).collect();
        drawn.sort_by_key(|shape| std::cmp::Reverse(n_own(shape)));
        let mut of_vertex = n_vertices.map(|n| vec![None; n]);
        for (index, shape) in (0_u16..).zip(&drawn) {
            for side in Side::BOTH {
                for vertex in &shape.vertices[side.index()] {
                    if let Some(own) = of_vertex[side.index()].get_mut(*vertex as usize) {
                        *own = Some(index);
                    }
                }
            }
        }
        let region = |shape: &&OverlayShape| Region {
            name: shape.name.clone(),
            colour: None,
        };
        Parcellation {
            name: OVERLAYS.into(),
            regions: drawn.iter().map(region).collect(),
            of_vertex,
        }
    }
}

/// A drawing's place on the flat map.
struct Canvas<'a> {
    size: [f64; 2],
    map: FlatMap,
    /// Places on the map of each vertex that the flattened surface uses, with its side, mm.
    vertices: Vec<(Side, u32, [f64; 2])>,
    locators: Vec<(Side, FlatLocator<'a>)>,
    /// Triangles of the folded surfaces across the cuts, and for each corner whether the flattened surface uses it.
    cuts: [Vec<[(u32, bool); 3]>; 2],
}

impl<'a> Canvas<'a> {
    fn new(size: [f64; 2], map: FlatMap, subject: &'a Subject) -> Self {
        let flat = |side: Side| subject.hemisphere(side).surface(SurfaceKind::Flat);
        let surfaces = Side::BOTH
            .into_iter()
            .filter_map(|side| Some((side, flat(side)?)));
        let surfaces: Vec<(Side, &Surface)> = surfaces.collect();
        let mut vertices = Vec::new();
        for (side, surface) in &surfaces {
            for ((vertex, point), is_used) in (0_u32..).zip(surface.points()).zip(surface.used()) {
                if is_used {
                    let place = [f64::from(point[0]), f64::from(point[1])];
                    vertices.push((*side, vertex, map.place(*side, place)));
                }
            }
        }
        let locators = surfaces
            .into_iter()
            .map(|(side, flat)| (side, FlatLocator::new(flat)));
        Self {
            size,
            map,
            vertices,
            locators: locators.collect(),
            cuts: Side::BOTH.map(|side| cuts(subject.hemisphere(side))),
        }
    }

    fn stretch_note(&self, size: [f64; 2]) -> Option<String> {
        let [left, right, below, above] = self.map.extents;
        let ratio = size[0] / size[1] * (above - below) / (right - left);
        ((ratio - 1.0).abs() > MOST_STRETCH).then(|| {
            format!(
                "The drawing has {:.0} × {:.0} units, the flat map {:.1} × {:.1} mm: their shapes differ by {:.1} %. The drawing may \
                 be of another flat map; check that its regions lie where they should.",
                size[0],
                size[1],
                right - left,
                above - below,
                100.0 * (ratio - 1.0).abs()
            )
        })
    }

    /// The place on the map of a point of the drawing, mm.
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, right, below, above] = self.map.extents;
        [
            left + x / self.size[0] * (right - left),
            above - y / self.size[1] * (above - below),
        ]
    }

    fn shapes(&self, layer: &DrawnLayer, have_inside: bool) -> Vec<OverlayShape> {
        let shape = |drawn: &crate::files::formats::drawing::DrawnShape| {
            let mut shape = OverlayShape {
                name: drawn.name.clone(),
                lines: Vec::new(),
                vertices: [Vec::new(), Vec::new()],
            };
            for path in &drawn.paths {
                let path: Vec<Subpath> = path.iter().map(|own| self.on_map(own)).collect();
                for own in &path {
                    self.add_lines(own, &mut shape.lines);
                }
                if have_inside {
                    for index in self.inside(&path) {
                        let (side, vertex, _) = self.vertices[index];
                        shape.vertices[side.index()].push(vertex);
                    }
                }
            }
            for (vertices, cuts) in shape.vertices.iter_mut().zip(&self.cuts) {
                vertices.sort_unstable();
                vertices.dedup();
                let added = across(vertices, cuts);
                vertices.extend(added);
                vertices.sort_unstable();
                vertices.dedup();
            }
            shape
        };
        layer.shapes.par_iter().map(shape).collect()
    }

    fn on_map(&self, own: &Subpath) -> Subpath {
        Subpath {
            points: own.points.iter().map(|point| self.place(*point)).collect(),
            is_closed: own.is_closed,
        }
    }

    /// The vertices inside of a path, as indices of `vertices`: those from which a ray crosses it an odd number of times.
    fn inside(&self, path: &[Subpath]) -> Vec<usize> {
        let points = path.iter().flat_map(|own| &own.points);
        let mut bounds = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
        for point in points {
            for axis in 0..2 {
                bounds[0][axis] = bounds[0][axis].min(point[axis]);
                bounds[1][axis] = bounds[1][axis].max(point[axis]);
            }
        }
        let [least, most] = bounds;
        let is_near =
            |at: [f64; 2]| (0..2).all(|axis| at[axis] >= least[axis] && at[axis] <= most[axis]);
        let is_inside = |at: [f64; 2]| is_inside(at, path.iter().flat_map(border));
        let all = self.vertices.iter().enumerate();
        let inside = all.filter(|(_, (_, _, at))| is_near(*at) && is_inside(*at));
        inside.map(|(index, _)| index).collect()
    }

    /// Adds the parts of a line that lie on the flattened cortex.
    fn add_lines(&self, own: &Subpath, lines: &mut Vec<SurfaceLine>) {
        let mut open: Option<SurfaceLine> = None;
        let mut add = |at: [f64; 2]| {
            let found = self.locate(at);
            let continues = |line: &SurfaceLine| found.is_some_and(|(side, _)| side == line.side);
            if open.as_ref().is_some_and(|line| !continues(line)) {
                lines.extend(open.take());
            }
            if let Some((side, point)) = found {
                let line = open.get_or_insert_with(|| SurfaceLine {
                    side,
                    points: Vec::new(),
                });
                line.points.push(point);
            }
        };
        if let Some(first) = own.points.first() {
            add(*first);
        }
        for [from, to] in edges(own) {
            if self.is_far(from) && self.is_far(to) {
                add(to);
                continue;
            }
            let length = (to[0] - from[0]).hypot(to[1] - from[1]);
            let n = (length / STEP_MM).ceil().clamp(1.0, MOST_STEPS);
            for k in 1..=n as u32 {
                let share = f64::from(k) / n;
                add(std::array::from_fn(|axis| {
                    from[axis] + share * (to[axis] - from[axis])
                }));
            }
        }
        lines.extend(open);
    }

    /// Whether a place is outside of the map.
    fn is_far(&self, [x, y]: [f64; 2]) -> bool {
        let [left, right, below, above] = self.map.extents;
        x < left || x > right || y < below || y > above
    }

    fn locate(&self, place: [f64; 2]) -> Option<(Side, SurfacePoint)> {
        self.locators.iter().find_map(|(side, locator)| {
            let point = locator.locate(self.map.point(*side, place))?;
            Some((*side, point))
        })
    }
}

/// The triangles of a folded surface that have corners on the flat map and corners that were cut out of it.
fn cuts(hemisphere: &Hemisphere) -> Vec<[(u32, bool); 3]> {
    let folded = [SurfaceKind::Pial, SurfaceKind::White, SurfaceKind::Middle];
    let folded = folded.into_iter().find_map(|kind| hemisphere.surface(kind));
    let (Some(folded), Some(flat)) = (folded, hemisphere.surface(SurfaceKind::Flat)) else {
        return Vec::new();
    };
    let used = flat.used();
    let is_used = |corner: u32| used.get(corner as usize).copied().unwrap_or(false);
    let marked = folded.triangles().iter();
    let marked = marked.map(|corners| corners.map(|corner| (corner, is_used(corner))));
    marked
        .filter(|corners| corners.iter().any(|own| own.1) && corners.iter().any(|own| !own.1))
        .collect()
}

/// The vertices that were cut out of the flat map beside a region's, which are sorted. As in pycortex, they belong to it.
fn across(vertices: &[u32], cuts: &[[(u32, bool); 3]]) -> Vec<u32> {
    let is_own = |corner: &(u32, bool)| corner.1 && vertices.binary_search(&corner.0).is_ok();
    let beside = cuts.iter().filter(|corners| corners.iter().any(is_own));
    let out = beside.flatten().filter(|corner| !corner.1);
    out.map(|corner| corner.0).collect()
}

/// The straight pieces of a line; the last one of a closed line leads back.
fn edges(own: &Subpath) -> impl Iterator<Item = [[f64; 2]; 2]> {
    border(own).take((own.points.len() + usize::from(own.is_closed)).saturating_sub(1))
}

/// The straight pieces around an area. As in SVG, a line that is open is closed for that.
fn border(own: &Subpath) -> impl Iterator<Item = [[f64; 2]; 2]> {
    around(&own.points)
}
