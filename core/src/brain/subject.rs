//! The surfaces and maps of one subject.

use std::collections::BTreeMap;
use std::fmt;

use super::surface::Surface;

/// A side of the brain, left first as in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The left hemisphere.
    Left,
    /// The right hemisphere.
    Right,
}

impl Side {
    /// Both sides, in the order of files.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// 0 for left, 1 for right.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
        })
    }
}

/// A kind of surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SurfaceKind {
    /// The border of grey matter and cerebrospinal fluid.
    Pial,
    /// The border of white and grey matter.
    White,
    /// Halfway between the two ("fiducial", "midthickness").
    Middle,
    /// Inflated, so that sulci are visible.
    Inflated,
    /// Cut and flattened; triangles of the medial wall and the cuts are missing.
    Flat,
    /// The sphere of spherical registration.
    Sphere,
}

/// One hemisphere. Surfaces and maps have the same vertices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hemisphere {
    /// The surfaces that there are.
    pub surfaces: BTreeMap<SurfaceKind, Surface>,
    /// Mean curvature of each vertex; positive in gyri, as in pycortex (FreeSurfer's files have the opposite sign).
    pub curvature: Option<Vec<f32>>,
    /// Sulcal depth of each vertex; positive in sulci, as in FreeSurfer's files.
    pub sulcal_depth: Option<Vec<f32>>,
    /// Cortical thickness of each vertex, mm.
    pub thickness: Option<Vec<f32>>,
}

impl Hemisphere {
    /// Number of vertices; 0 without surfaces.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.surfaces.values().next().map_or(0, Surface::n_vertices)
    }

    /// A surface, if it is there.
    #[must_use]
    pub fn surface(&self, kind: SurfaceKind) -> Option<&Surface> {
        self.surfaces.get(&kind)
    }
}

/// One subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its name, such as "fsaverage5" or "S1".
    pub name: String,
    /// The left and the right hemisphere.
    pub hemispheres: [Hemisphere; 2],
}

impl Subject {
    /// A hemisphere.
    #[must_use]
    pub fn hemisphere(&self, side: Side) -> &Hemisphere {
        &self.hemispheres[side.index()]
    }

    /// Number of vertices of both hemispheres.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.hemispheres.iter().map(Hemisphere::n_vertices).sum()
    }
}
