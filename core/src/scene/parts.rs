//! What a pose mixes, for programs that pose and draw a subject themselves.

use super::pose::{Folded, PoseError, hinge, standing, stretched};
use crate::brain::{Side, Subject, Surface, SurfaceKind};

/// Coordinates of vertices, mm, and their unit normals.
pub type PointsAndNormals = (Vec<[f32; 3]>, Vec<[f32; 3]>);

/// One hemisphere before it is posed.
#[derive(Debug, Clone)]
pub struct PoseParts<'a> {
    /// The folded surface.
    pub folded: PointsAndNormals,
    /// The inflated surface, stretched to the bounds of the folded one.
    pub inflated: Option<PointsAndNormals>,
    /// The flat surface, upright in the plane between the hemispheres.
    pub flat: Option<Vec<[f32; 3]>>,
    /// Triangles of the folded and the inflated surface.
    pub triangles: &'a [[u32; 3]],
    /// Triangles of the flat surface.
    pub flat_triangles: Option<&'a [[u32; 3]]>,
    /// Whether vertices of triangles run clockwise from outside.
    pub is_inside_out: bool,
    /// The least y of both hemispheres, mm: the hinge lies there.
    pub posterior: f32,
    /// Length of the hemisphere from behind to the front, mm.
    pub length: f32,
}

impl<'a> PoseParts<'a> {
    /// The parts of a hemisphere.
    ///
    /// * `depth`: of the folded surface: 0 is pial, 1 white.
    ///
    /// # Errors
    /// Returns [`PoseError::NoSurface`] if there is no folded surface.
    pub fn of(subject: &'a Subject, side: Side, depth: f32) -> Result<Self, PoseError> {
        let hemisphere = subject.hemisphere(side);
        let folded = Folded::of(hemisphere, side)?;
        let hinge = hinge(subject);
        let inflated = hemisphere.surface(SurfaceKind::Inflated);
        let flat = hemisphere.surface(SurfaceKind::Flat);
        Ok(Self {
            folded: folded.at(depth),
            inflated: inflated.map(|inflated| {
                let points = stretched(inflated, folded.outer.bounds());
                (points, inflated.normals())
            }),
            flat: flat.map(|flat| standing(flat, side, hinge.posterior).0),
            triangles: folded.outer.triangles(),
            flat_triangles: flat.map(Surface::triangles),
            is_inside_out: folded.outer.is_inside_out(),
            posterior: hinge.posterior,
            length: hinge.lengths[side.index()],
        })
    }
}
