//! Flat maps of a folded cortex: cut along the medial wall and five lines, unfolded to the plane, its distances relaxed.

mod cuts;
mod descent;
mod disc;
mod distortion;
mod energy;
mod orient;
mod paths;
mod solver;
mod tutte;
mod unfold;
mod vectors;

use std::ops::{ControlFlow, RangeInclusive};

use cuts::Template;
use disc::Disc;

use super::patch::{self, PatchMesh};
use super::side::Side;
use super::subject::{Hemisphere, SurfaceKind};
use super::surface::Surface;
use crate::files::formats::freesurfer::patch::Patch;

pub use distortion::NEIGHBOURS_MM;

/// Shares of the vertices on the medial wall that a registered sphere may have.
const WALL_SHARE: RangeInclusive<f64> = 0.02..=0.2;

/// A step of flattening a hemisphere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlattenStage {
    /// The medial wall and the cuts are carried over.
    Cutting,
    /// Distances along the surface are measured.
    Distances,
    /// The patch is unfolded without flipping a triangle.
    Unfolding,
    /// Distances on the map approach those along the surface.
    Relaxing,
    /// The distortion of the result is measured.
    Measuring,
}

/// Told the stage and which share of it is done; says whether to go on. It is called from several threads if several hemispheres
/// are flattened at once.
pub struct Watch<'a>(pub &'a (dyn Fn(FlattenStage, f64) -> ControlFlow<()> + Sync));

impl Watch<'_> {
    /// Tells how far a stage is; none if the work is to stop.
    fn tell(&self, stage: FlattenStage, share: f64) -> Option<()> {
        match (self.0)(stage, share) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    }
}

/// Why a hemisphere cannot be flattened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FlattenError {
    /// A surface that is needed is missing.
    #[error(
        "The {side} hemisphere has no {surface} surface, which flattening needs. FreeSurfer's recon-all writes it as surf/{name}"
    )]
    Missing {
        /// The hemisphere.
        side: Side,
        /// The surface.
        surface: SurfaceKind,
        /// Its usual file.
        name: String,
    },
    /// The surface and the sphere are of different meshes.
    #[error("The surface and the sphere have {} and {} vertices. They must be of the same mesh", .0[0], .0[1])]
    OtherSphere([usize; 2]),
    /// A vertex of the sphere lies at its centre.
    #[error("Vertex {vertex} of the sphere lies at its centre, so that it has no place on it")]
    AtCentre {
        /// The vertex.
        vertex: usize,
    },
    /// The surface has a hole.
    #[error(
        "The surface has a hole: {n_edges} of its edges belong to one triangle only. Only closed surfaces can be cut and flattened"
    )]
    Hole {
        /// Edges of one triangle.
        n_edges: usize,
    },
    /// Triangles meet as they cannot on a surface.
    #[error(
        "At {n_edges} edges of the surface more than two triangles meet, or two that face opposite ways. Only surfaces without such \
         edges can be flattened"
    )]
    Crowded {
        /// Such edges.
        n_edges: usize,
    },
    /// The surface has several pieces.
    #[error(
        "The surface has {n_pieces} separate pieces. Only surfaces of one piece can be flattened"
    )]
    Pieces {
        /// Number of pieces.
        n_pieces: usize,
    },
    /// The surface has handles, like a cup.
    #[error(
        "The surface has {n_handles} handles, like that of a cup, so that it cannot be flattened. FreeSurfer's mris_fix_topology removes \
         them"
    )]
    Handles {
        /// Number of handles.
        n_handles: i64,
    },
    /// The medial wall is far too small or too large.
    #[error(
        "{n_wall} of {n_vertices} vertices lie on the medial wall of fsaverage, where about 7 % are expected: the sphere is not registered \
         to fsaverage, or of the other hemisphere"
    )]
    NotRegistered {
        /// Vertices on the wall.
        n_wall: usize,
        /// All vertices.
        n_vertices: usize,
    },
    /// Nothing is left between the cuts.
    #[error(
        "Nothing is left of the surface once the medial wall and the cuts are removed: its sphere is not registered to fsaverage"
    )]
    NothingLeft,
    /// The cut surface is no disc.
    #[error(
        "The cut surface is not a disc: its Euler characteristic is {euler} rather than 1, and it has {n_borders} borders rather than 1. \
         Its sphere is probably not registered to fsaverage"
    )]
    NoDisc {
        /// Vertices − edges + triangles.
        euler: i64,
        /// Closed lines of edges with one triangle.
        n_borders: usize,
    },
    /// Triangles are flipped in spite of all care.
    #[error(
        "{n_flipped} triangles of the flat map are flipped: the surface has triangles too thin to be computed with"
    )]
    Flipped {
        /// Number of such triangles.
        n_flipped: usize,
    },
    /// The program's own cuts cannot be read.
    #[error("The cuts of fsaverage in the program are damaged. Install it again")]
    Damaged,
}

/// A flat map of one hemisphere.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatMap {
    /// All vertices of the hemisphere, with the triangles of the patch alone, counter-clockwise. Used vertices lie at z = 0, mm;
    /// left: frontal at −x, dorsal at +y; right: frontal at +x. Others keep their place on the folded surface, turned as pycortex
    /// turns it, and have z ≠ 0.
    pub surface: Surface,
    /// The vertices of the border, once around.
    pub border: Vec<u32>,
    /// Metric distortion of each vertex (see [`metric_distortion`]), NaN outside the patch, `(n_vertices,)`.
    pub distortion: Vec<f32>,
    /// Mean of `distortion` over the patch.
    pub mean_distortion: f64,
    /// Vertices between cuts that are left out, besides those of the medial wall and the cuts.
    pub n_left_out: usize,
}

impl FlatMap {
    /// The map as FreeSurfer's patch. Its axes are those of FreeSurfer's own flat patches, a quarter turn from those of
    /// `surface`: pycortex turns them back when it imports a patch.
    #[must_use]
    pub fn patch(&self) -> Patch {
        let used = self.surface.used();
        let mut on_border = vec![false; used.len()];
        for vertex in &self.border {
            on_border[*vertex as usize] = true;
        }
        let mut patch = Patch::default();
        for (vertex, point) in self.surface.points().iter().enumerate() {
            if used[vertex] {
                patch.vertices.push(vertex as u32);
                patch.points.push([-point[1], point[0], 0.0]);
                patch.is_border.push(on_border[vertex]);
            }
        }
        patch
    }
}

/// Flattens a hemisphere. The same input gives the same map, whatever the number of threads. None if the watch asks for a stop.
///
/// * `kind`: the folded surface whose distances are kept: white, pial or middle.
///
/// # Errors
/// Returns a [`FlattenError`] if the surface or the sphere of registration is missing, or the surface is not closed and in one piece.
///
/// Sources: Fischl et al. (1999), `NeuroImage` 9, 195 (what is minimised); autoflatten (where it is cut).
pub fn flatten(
    hemisphere: &Hemisphere,
    side: Side,
    kind: SurfaceKind,
    watch: &Watch<'_>,
) -> Result<Option<FlatMap>, FlattenError> {
    let folded = folded(hemisphere, side, kind)?;
    let sphere = sphere(hemisphere, side, folded.n_vertices())?;
    if watch.tell(FlattenStage::Cutting, 0.0).is_none() {
        return Ok(None);
    }
    disc::check_closed(folded.triangles())?;
    let is_removed = removed(&folded, sphere, side)?;
    let disc = disc::disc(folded.triangles(), &is_removed)?;
    flat_map(&folded, disc, sphere, Some(side), watch)
}

/// Flattens a surface that is a disc already, such as a patch that was cut by hand. Nothing is cut, and how the map lies is not
/// determined; otherwise as [`flatten`].
///
/// # Errors
/// Returns a [`FlattenError`] if the surface is not a disc.
pub fn flatten_disc(folded: &Surface, watch: &Watch<'_>) -> Result<Option<FlatMap>, FlattenError> {
    let disc = disc::disc(folded.triangles(), &vec![false; folded.n_vertices()])?;
    flat_map(folded, disc, folded, None, watch)
}

/// Unfolds a disc of a surface and measures the result.
///
/// * `spread`: a surface of the same mesh whose vertices are far apart where they are on the mesh.
fn flat_map(
    folded: &Surface,
    disc: Disc,
    spread: &Surface,
    side: Option<Side>,
    watch: &Watch<'_>,
) -> Result<Option<FlatMap>, FlattenError> {
    let patch = NumberedPatch::new(folded, &disc.triangles);
    let place = |vertex: &u32| spread.points()[*vertex as usize].map(f64::from);
    let places: Vec<[f64; 3]> = patch.vertices.iter().map(place).collect();
    let number = |vertex: &u32| patch.number_of[*vertex as usize];
    let border: Vec<u32> = disc.border.iter().map(number).collect();
    let Some(mut map) = unfold::unfold(&patch.mesh, &places, &border, watch) else {
        return Ok(None);
    };
    if let Some(side) = side {
        orient::orient(&mut map, &patch.mesh.points, side);
    }
    // As in the files, in single precision.
    let single = |place: &[f64; 2]| place.map(|value| value as f32);
    let places: Vec<[f32; 2]> = map.iter().map(single).collect();
    let map: Vec<[f64; 2]> = places.iter().map(|place| place.map(f64::from)).collect();
    let n_flipped = n_flipped(&patch.mesh.triangles, &map);
    if n_flipped > 0 {
        return Err(FlattenError::Flipped { n_flipped });
    }
    let tell = |share: f64| watch.tell(FlattenStage::Measuring, share);
    let Some(of_patch) = distortion::distortion(&patch.mesh, &map, &tell) else {
        return Ok(None);
    };
    let mut distortion = vec![f32::NAN; folded.n_vertices()];
    for (vertex, value) in patch.vertices.iter().zip(&of_patch) {
        distortion[*vertex as usize] = *value as f32;
    }
    let points = flat_points(folded, &patch.vertices, &places);
    let surface = Surface::new(points, disc.triangles).map_err(|_| FlattenError::NothingLeft)?;
    Ok(Some(FlatMap {
        surface,
        border: disc.border,
        mean_distortion: distortion::mean(&of_patch),
        distortion,
        n_left_out: disc.n_left_out,
    }))
}

/// The metric distortion of each vertex of a flat map: the mean over the vertices within [`NEIGHBOURS_MM`] along the surface of
/// |distance on the map − distance along the surface| / distance along the surface. 0 is perfect, 0.1 is 10 %.
///
/// Distances along the surface stay within the triangles of the map. The map's scale counts, as in FreeSurfer's `mris_flatten`.
///
/// Returns `(n_vertices,)`, NaN outside the map.
///
/// # Errors
/// Returns [`FlattenError::OtherSphere`] if the two surfaces have different numbers of vertices.
pub fn metric_distortion(folded: &Surface, flat: &Surface) -> Result<Vec<f32>, FlattenError> {
    let n_vertices = folded.n_vertices();
    if flat.n_vertices() != n_vertices {
        return Err(FlattenError::OtherSphere([n_vertices, flat.n_vertices()]));
    }
    let patch = NumberedPatch::new(folded, flat.triangles());
    let place = |vertex: &u32| {
        let [x, y, _] = flat.points()[*vertex as usize].map(f64::from);
        [x, y]
    };
    let map: Vec<[f64; 2]> = patch.vertices.iter().map(place).collect();
    let of_patch = distortion::distortion(&patch.mesh, &map, &|_| Some(())).unwrap_or_default();
    let mut distortion = vec![f32::NAN; n_vertices];
    for (vertex, value) in patch.vertices.iter().zip(of_patch) {
        distortion[*vertex as usize] = value as f32;
    }
    Ok(distortion)
}

fn folded(hemisphere: &Hemisphere, side: Side, kind: SurfaceKind) -> Result<Surface, FlattenError> {
    let missing = || FlattenError::Missing {
        side,
        surface: kind,
        name: file_name(side, kind),
    };
    if kind != SurfaceKind::Middle {
        return hemisphere.surface(kind).cloned().ok_or_else(missing);
    }
    let points = hemisphere.middle_points().ok_or_else(missing)?;
    let known = [SurfaceKind::Middle, SurfaceKind::White].map(|kind| hemisphere.surface(kind));
    let of_mesh = known.into_iter().flatten().next().ok_or_else(missing)?;
    Surface::new(points, of_mesh.triangles().to_vec()).map_err(|_| missing())
}

fn sphere(
    hemisphere: &Hemisphere,
    side: Side,
    n_vertices: usize,
) -> Result<&Surface, FlattenError> {
    let sphere = hemisphere
        .surface(SurfaceKind::Sphere)
        .ok_or_else(|| FlattenError::Missing {
            side,
            surface: SurfaceKind::Sphere,
            name: file_name(side, SurfaceKind::Sphere),
        })?;
    if sphere.n_vertices() != n_vertices {
        return Err(FlattenError::OtherSphere([n_vertices, sphere.n_vertices()]));
    }
    let is_at_centre = |point: &[f32; 3]| {
        let square: f32 = point.iter().map(|value| value * value).sum();
        square.is_nan() || square <= 0.0
    };
    match sphere.points().iter().position(is_at_centre) {
        Some(vertex) => Err(FlattenError::AtCentre { vertex }),
        None => Ok(sphere),
    }
}

fn file_name(side: Side, kind: SurfaceKind) -> String {
    let prefix = match side {
        Side::Left => "lh",
        Side::Right => "rh",
    };
    let name = match kind {
        SurfaceKind::Pial => "pial",
        SurfaceKind::Middle => "midthickness",
        SurfaceKind::Sphere => "sphere.reg",
        SurfaceKind::White | SurfaceKind::Inflated | SurfaceKind::Flat => "white",
    };
    format!("{prefix}.{name}")
}

/// The vertices of the medial wall and the cuts.
fn removed(folded: &Surface, sphere: &Surface, side: Side) -> Result<Vec<bool>, FlattenError> {
    let template = Template::of_side(side).ok_or(FlattenError::Damaged)?;
    let whole = PatchMesh::new(
        folded
            .points()
            .iter()
            .map(|point| point.map(f64::from))
            .collect(),
        folded.triangles().to_vec(),
    );
    let neighbours = patch::neighbours(whole.n_vertices(), &whole.edges());
    let length = |a: u32, b: u32| whole.chord(a, b);
    let wall = template.wall(sphere.points(), &neighbours);
    let n_vertices = whole.n_vertices();
    let n_wall = wall.iter().filter(|is_wall| **is_wall).count();
    if !WALL_SHARE.contains(&(n_wall as f64 / n_vertices as f64)) {
        return Err(FlattenError::NotRegistered { n_wall, n_vertices });
    }
    Ok(template.cut(wall, sphere.points(), &neighbours, &length))
}

/// The vertices that triangles use, numbered anew.
struct NumberedPatch {
    mesh: PatchMesh,
    /// The vertex of the hemisphere for each of the patch.
    vertices: Vec<u32>,
    /// The vertex of the patch for each of the hemisphere that is in it.
    number_of: Vec<u32>,
}

impl NumberedPatch {
    fn new(folded: &Surface, triangles: &[[u32; 3]]) -> Self {
        let mut vertices: Vec<u32> = triangles.iter().flatten().copied().collect();
        vertices.sort_unstable();
        vertices.dedup();
        let mut number_of = vec![u32::MAX; folded.n_vertices()];
        for (number, vertex) in vertices.iter().enumerate() {
            number_of[*vertex as usize] = number as u32;
        }
        let points = vertices
            .iter()
            .map(|vertex| folded.points()[*vertex as usize].map(f64::from));
        let numbered = triangles
            .iter()
            .map(|corners| corners.map(|vertex| number_of[vertex as usize]));
        Self {
            mesh: PatchMesh::new(points.collect(), numbered.collect()),
            vertices,
            number_of,
        }
    }
}

fn n_flipped(triangles: &[[u32; 3]], map: &[[f64; 2]]) -> usize {
    let is_flipped = |corners: &&[u32; 3]| {
        let [a, b, c] = corners.map(|vertex| map[vertex as usize]);
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0.0
    };
    triangles.iter().filter(is_flipped).count()
}

/// Used vertices on the plane; the others where they are folded, by a quarter turn, off the plane.
fn flat_points(folded: &Surface, vertices: &[u32], places: &[[f32; 2]]) -> Vec<[f32; 3]> {
    let turned = |[x, y, z]: &[f32; 3]| [*y, -x, if *z == 0.0 { f32::EPSILON } else { *z }];
    let mut points: Vec<[f32; 3]> = folded.points().iter().map(turned).collect();
    for (vertex, [x, y]) in vertices.iter().zip(places) {
        points[*vertex as usize] = [*x, *y, 0.0];
    }
    points
}
