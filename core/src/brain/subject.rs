//! The surfaces and maps of one subject.

use std::collections::BTreeMap;
use std::fmt;

use super::regions::Parcellation;
use super::side::Side;
use super::surface::Surface;

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

impl fmt::Display for SurfaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pial => "pial",
            Self::White => "white",
            Self::Middle => "middle",
            Self::Inflated => "inflated",
            Self::Flat => "flat",
            Self::Sphere => "spherical",
        })
    }
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
    /// What must be added to coordinates of the pial and white surfaces for the scanner's space, mm (FreeSurfer's `c_ras`);
    /// none if they are in it, or if it is not known.
    pub centre_ras: Option<[f64; 3]>,
}

impl Hemisphere {
    /// Number of vertices; 0 without surfaces.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.surfaces.values().next().map_or(0, Surface::n_vertices)
    }

    /// Vertices halfway between white and pial surface, mm: those of the middle surface if there is one, else their mean in
    /// single precision, as in pycortex. None if surfaces are missing.
    #[must_use]
    pub fn middle_points(&self) -> Option<Vec<[f32; 3]>> {
        if let Some(middle) = self.surface(SurfaceKind::Middle) {
            return Some(middle.points().to_vec());
        }
        let white = self.surface(SurfaceKind::White)?.points();
        let pial = self.surface(SurfaceKind::Pial)?.points();
        let mean = |(a, b): (&[f32; 3], &[f32; 3])| {
            std::array::from_fn(|axis| f32::midpoint(a[axis], b[axis]))
        };
        Some(white.iter().zip(pial).map(mean).collect())
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
    /// Regions, in sets that do not overlap.
    pub parcellations: Vec<Parcellation>,
}

impl Subject {
    /// A subject without surfaces.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            hemispheres: Default::default(),
            parcellations: Vec::new(),
        }
    }

    /// A set of regions.
    #[must_use]
    pub fn parcellation(&self, name: &str) -> Option<&Parcellation> {
        self.parcellations.iter().find(|found| found.name == name)
    }

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
