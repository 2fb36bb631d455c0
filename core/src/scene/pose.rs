//! How the cortex stands: unfolded, opened like a book, and moved apart.
//!
//! The geometry is that of pycortex 1.4, measured from its pictures, so that a saved view looks the same in both programs.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::brain::{Hemisphere, Side, Subject, Surface, SurfaceKind};

/// Size of the flat map beside the folded surfaces: as in pycortex, so that both fit into one view.
const FLAT_SCALE: f32 = 0.3;
/// Opening of the hemispheres of a flat map, degrees.
const FLAT_PIVOT_DEGREES: f32 = 180.0;

/// How the hemispheres stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// From 0, folded, over inflated to 1, flat; linear between neighbouring surfaces.
    pub unfold: f32,
    /// Depth of the folded surface: 0 is pial, 1 white.
    pub depth: f32,
    /// Angle between the hemispheres, which open like a book, degrees; negative opens them at the front. `None` follows
    /// the unfolding: 180 where flat.
    pub pivot: Option<f32>,
    /// Distance by which each hemisphere moves away from the middle, mm.
    pub gap: f32,
    /// Whether the left and the right hemisphere are shown.
    pub shown: [bool; 2],
}

impl Default for Pose {
    fn default() -> Self {
        Self {
            unfold: 0.0,
            depth: 0.5,
            pivot: None,
            gap: 0.0,
            shown: [true; 2],
        }
    }
}

/// One hemisphere as it stands.
#[derive(Debug, Clone)]
pub struct PosedHemisphere {
    /// Which one.
    pub side: Side,
    /// Coordinates of the vertices, mm.
    pub points: Vec<[f32; 3]>,
    /// Unit normals of the vertices.
    pub normals: Vec<[f32; 3]>,
    /// Which of the triangles of [`PosedBrain::triangles`] are its own.
    pub triangles: Range<usize>,
    /// Whether their vertices run clockwise from outside.
    pub is_inside_out: bool,
}

/// A subject as it stands. Pictures of it from any side need the subject no more.
#[derive(Debug, Clone)]
pub struct PosedBrain {
    /// The hemispheres that are shown.
    pub hemispheres: Vec<PosedHemisphere>,
    /// The vertices of each triangle that is drawn, with its hemisphere.
    pub triangles: Arc<[(Side, [u32; 3])]>,
    /// From 0 to 1, how flat it is: light fades with it, and turning becomes moving.
    pub flatness: f32,
}

/// Why a subject cannot be posed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoseError {
    /// There is no folded surface.
    NoSurface(Side),
    /// There is no flat surface.
    NoFlatSurface(Side),
}

impl fmt::Display for PoseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSurface(side) => {
                write!(
                    f,
                    "The {side} hemisphere has no pial, white or midthickness surface."
                )
            }
            Self::NoFlatSurface(side) => write!(
                f,
                "The {side} hemisphere has no flat surface. Choose a folded or an inflated view."
            ),
        }
    }
}

impl std::error::Error for PoseError {}

impl Pose {
    /// The subject in this pose.
    ///
    /// # Errors
    /// Returns a [`PoseError`] if a surface is missing that the pose needs.
    pub fn apply(&self, subject: &Subject) -> Result<PosedBrain, PoseError> {
        let shown = Side::BOTH
            .into_iter()
            .filter(|side| self.shown[side.index()]);
        let shown: Vec<Side> = shown.collect();
        let hinge = hinge(subject);
        let flatness = self.flatness(subject);
        let pose = |side: &Side| self.hemisphere(subject.hemisphere(*side), *side, hinge);
        let posed = shown.par_iter().map(pose);
        let posed: Vec<(PosedHemisphere, &[[u32; 3]])> = posed.collect::<Result<_, _>>()?;
        let (mut hemispheres, mut triangles) = (Vec::new(), Vec::new());
        for (mut hemisphere, own) in posed {
            let first = triangles.len();
            triangles.extend(own.iter().map(|vertices| (hemisphere.side, *vertices)));
            hemisphere.triangles = first..triangles.len();
            hemispheres.push(hemisphere);
        }
        Ok(PosedBrain {
            hemispheres,
            triangles: triangles.into(),
            flatness,
        })
    }

    /// How flat the subject is in this pose, from 0 to 1.
    #[must_use]
    pub fn flatness(&self, subject: &Subject) -> f32 {
        let flattest = |hemisphere: &Hemisphere| weights(hemisphere, self.unfold)[2];
        let shown = Side::BOTH
            .into_iter()
            .filter(|side| self.shown[side.index()]);
        shown
            .map(|side| flattest(subject.hemisphere(side)))
            .fold(0.0, f32::max)
    }

    fn hemisphere<'a>(
        &self,
        hemisphere: &'a Hemisphere,
        side: Side,
        hinge: Hinge,
    ) -> Result<(PosedHemisphere, &'a [[u32; 3]]), PoseError> {
        let folded = Folded::of(hemisphere, side)?;
        let [of_folded, of_inflated, of_flat] = weights(hemisphere, self.unfold);
        let mut mix = Mix::new(hemisphere.n_vertices());
        if of_folded > 0.0 {
            let (points, normals) = folded.at(self.depth);
            mix.add(of_folded, &points, &normals);
        }
        if let Some(inflated) = hemisphere.surface(SurfaceKind::Inflated)
            && of_inflated > 0.0
        {
            let points = stretched(inflated, folded.outer.bounds());
            mix.add(of_inflated, &points, &inflated.normals());
        }
        let mut triangles = folded.outer.triangles();
        if let Some(flat) = hemisphere.surface(SurfaceKind::Flat)
            && of_flat > 0.0
        {
            let (points, normals) = standing(flat, side, hinge.posterior);
            mix.add(of_flat, &points, &normals);
            triangles = flat.triangles();
        }
        let mut posed = PosedHemisphere {
            side,
            points: mix.points,
            normals: mix.normals,
            triangles: 0..0,
            is_inside_out: folded.outer.is_inside_out(),
        };
        self.turn(&mut posed, hinge, of_flat);
        Ok((posed, triangles))
    }

    /// Opens the hemispheres, lays them down as they flatten, and moves them apart.
    fn turn(&self, posed: &mut PosedHemisphere, hinge: Hinge, flatness: f32) {
        let pivot = self.pivot.unwrap_or(FLAT_PIVOT_DEGREES * flatness);
        let outwards = match posed.side {
            Side::Left => 1.0,
            Side::Right => -1.0,
        };
        let (sin, cos) = (outwards * pivot / 2.0).to_radians().sin_cos();
        let (tilt_sin, tilt_cos) = (-90.0 * flatness).to_radians().sin_cos();
        let behind = hinge.posterior;
        let hinge_y = if pivot >= 0.0 {
            behind
        } else {
            behind + hinge.lengths[posed.side.index()]
        };
        let shift = -outwards * self.gap;
        let turn = |[x, y, z]: [f32; 3], y0: f32, tilt_y: f32| {
            let (x, y) = (x * cos - (y - y0) * sin, x * sin + (y - y0) * cos + y0);
            let (dy, z) = (
                (y - tilt_y) * tilt_cos - z * tilt_sin,
                (y - tilt_y) * tilt_sin + z * tilt_cos,
            );
            [x, dy + tilt_y, z]
        };
        posed.points.par_iter_mut().for_each(|point| {
            let [x, y, z] = turn(*point, hinge_y, behind);
            *point = [x + shift, y, z];
        });
        posed.normals.par_iter_mut().for_each(|normal| {
            *normal = turn(*normal, 0.0, 0.0);
        });
    }
}

/// Where hemispheres turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hinge {
    /// The least y of both pial surfaces, mm.
    pub(super) posterior: f32,
    /// Length of each hemisphere from behind to the front, mm.
    pub(super) lengths: [f32; 2],
}

pub(super) fn hinge(subject: &Subject) -> Hinge {
    let bounds = Side::BOTH.map(|side| {
        let hemisphere = subject.hemisphere(side);
        outer(hemisphere).map_or([[0.0; 3]; 2], Surface::bounds)
    });
    Hinge {
        posterior: bounds[0][0][1].min(bounds[1][0][1]),
        lengths: bounds.map(|[least, most]| most[1] - least[1]),
    }
}

/// The outermost folded surface.
fn outer(hemisphere: &Hemisphere) -> Option<&Surface> {
    [SurfaceKind::Pial, SurfaceKind::Middle, SurfaceKind::White]
        .into_iter()
        .find_map(|kind| hemisphere.surface(kind))
}

/// The folded surface at any depth that the files allow.
pub(super) struct Folded<'a> {
    pub(super) outer: &'a Surface,
    inner: Option<&'a Surface>,
}

impl<'a> Folded<'a> {
    pub(super) fn of(hemisphere: &'a Hemisphere, side: Side) -> Result<Self, PoseError> {
        let outer = outer(hemisphere).ok_or(PoseError::NoSurface(side))?;
        let pial = hemisphere.surface(SurfaceKind::Pial);
        let inner = hemisphere
            .surface(SurfaceKind::White)
            .filter(|white| pial.is_some() && white.n_vertices() == outer.n_vertices());
        Ok(Self { outer, inner })
    }

    pub(super) fn at(&self, depth: f32) -> (Vec<[f32; 3]>, Vec<[f32; 3]>) {
        let mixed = self
            .inner
            .filter(|_| depth > 0.0)
            .and_then(|inner| self.outer.between(inner, depth).ok());
        let surface = mixed.as_ref().unwrap_or(self.outer);
        (surface.points().to_vec(), surface.normals())
    }
}

/// The shares of the folded, inflated and flat surface. Surfaces that are missing leave their part to their neighbours.
fn weights(hemisphere: &Hemisphere, unfold: f32) -> [f32; 3] {
    let has = |kind| hemisphere.surface(kind).is_some();
    let mut places = vec![0];
    if has(SurfaceKind::Inflated) {
        places.push(1);
    }
    if has(SurfaceKind::Flat) {
        places.push(2);
    }
    let at = unfold.clamp(0.0, 1.0) * (places.len() - 1) as f32;
    let mut weights = [0.0; 3];
    for (k, place) in places.into_iter().enumerate() {
        weights[place] = (1.0 - (at - k as f32).abs()).max(0.0);
    }
    weights
}

/// A weighted sum of surfaces.
struct Mix {
    points: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
}

impl Mix {
    fn new(n_vertices: usize) -> Self {
        Self {
            points: vec![[0.0; 3]; n_vertices],
            normals: vec![[0.0; 3]; n_vertices],
        }
    }

    fn add(&mut self, weight: f32, points: &[[f32; 3]], normals: &[[f32; 3]]) {
        let add = |sums: &mut Vec<[f32; 3]>, values: &[[f32; 3]]| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = std::array::from_fn(|axis| sum[axis] + weight * value[axis]);
            }
        };
        add(&mut self.points, points);
        add(&mut self.normals, normals);
    }
}

/// The inflated surface, stretched axis by axis to the bounds of the folded one.
pub(super) fn stretched(inflated: &Surface, to: [[f32; 3]; 2]) -> Vec<[f32; 3]> {
    let from = inflated.bounds();
    let scale: [f32; 3] =
        std::array::from_fn(|axis| (to[1][axis] - to[0][axis]) / (from[1][axis] - from[0][axis]));
    let stretch = |point: &[f32; 3]| {
        std::array::from_fn(|axis| to[0][axis] + (point[axis] - from[0][axis]) * scale[axis])
    };
    inflated.points().iter().map(stretch).collect()
}

/// The flat map, standing upright in the plane between the hemispheres with its inner border at the hinge, and its normals.
pub(super) fn standing(
    flat: &Surface,
    side: Side,
    posterior: f32,
) -> (Vec<[f32; 3]>, Vec<[f32; 3]>) {
    let [least, most] = flat.bounds();
    let (inner, outwards) = match side {
        Side::Left => (most[0], -1.0),
        Side::Right => (least[0], 1.0),
    };
    let stand = |point: &[f32; 3]| {
        let from_border = (point[0] - inner).abs();
        [
            0.0,
            posterior + FLAT_SCALE * from_border,
            FLAT_SCALE * point[1],
        ]
    };
    let points = flat.points().iter().map(stand).collect();
    (points, vec![[outwards, 0.0, 0.0]; flat.n_vertices()])
}
