//! What was found in a subject's folder.

use std::fmt;
use std::path::PathBuf;

use crate::brain::overlays::Overlays;
use crate::brain::sampling::{Mask, Transform};
use crate::brain::side::Side;
use crate::brain::subject::{Subject, SurfaceKind};

/// The program that wrote a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderKind {
    /// A subject of FreeSurfer.
    FreeSurfer,
    /// A subject of fMRIPrep or sMRIPrep.
    FmriPrep,
    /// A subject in a store of pycortex.
    Pycortex,
}

/// What a file of a subject is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A surface.
    Surface(SurfaceKind),
    /// Curvature.
    Curvature,
    /// Sulcal depth.
    SulcalDepth,
    /// Cortical thickness.
    Thickness,
    /// Regions of this name.
    Regions(String),
    /// A transform of this name from surface to image.
    Transform(String),
    /// A mask of a transform.
    Mask {
        /// Name of the transform.
        transform: String,
        /// Name of the mask.
        mask: String,
    },
    /// Regions drawn on the flat surface.
    Overlays,
    /// A saved view of this name.
    View(String),
}

/// What a file is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Mapping voxels to vertices, which needs pial and white surface.
    VoxelsToVertices,
    /// Showing sulci and gyri on one inflated surface.
    InflatedView,
    /// Flat maps.
    FlatMaps,
    /// Comparing subjects, through the sphere of registration.
    Registration,
    /// The grey pattern of sulci and gyri under the scores.
    Sulci,
    /// Mapping masked vectors of pycortex, and scores in its images, to vertices.
    TransformedImages,
    /// Names and outlines of regions.
    Regions,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VoxelsToVertices => "mapping voxels to the surface",
            Self::InflatedView => "the inflated view",
            Self::FlatMaps => "flat maps",
            Self::Registration => "mapping to another subject's surface",
            Self::Sulci => "the pattern of sulci and gyri",
            Self::TransformedImages => "mapping images to the surface by the store's transforms",
            Self::Regions => "names and outlines of regions",
        })
    }
}

impl Part {
    /// What cannot be done without the file; none if others replace it, or nothing needs it.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Surface(SurfaceKind::Pial | SurfaceKind::White) => {
                Some(Purpose::VoxelsToVertices)
            }
            Self::Surface(SurfaceKind::Inflated) => Some(Purpose::InflatedView),
            Self::Surface(SurfaceKind::Flat) => Some(Purpose::FlatMaps),
            Self::Surface(SurfaceKind::Sphere) => Some(Purpose::Registration),
            Self::Curvature => Some(Purpose::Sulci),
            Self::Transform(_) => Some(Purpose::TransformedImages),
            Self::Regions(_) | Self::Overlays => Some(Purpose::Regions),
            _ => None,
        }
    }
}

/// A file of a subject, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// What it is.
    pub part: Part,
    /// The hemisphere; none if it is of both.
    pub side: Option<Side>,
    /// The file; none if it is missing. Then [`Part::purpose`] says what cannot be done.
    pub path: Option<PathBuf>,
}

/// A transform from a subject's surfaces to an image, with the masks of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTransform {
    /// Its name, such as "fullhead".
    pub name: String,
    /// The transform. It applies to coordinates as in the files.
    pub transform: Transform,
    /// The image that it leads to.
    pub reference: PathBuf,
    /// Masks of the image.
    pub masks: Vec<Mask>,
}

/// A subject and what its folder holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedSubject {
    /// The program that wrote the folder.
    pub kind: FolderKind,
    /// The subject.
    pub subject: Subject,
    /// The files that were looked for.
    pub files: Vec<FoundFile>,
    /// Transforms to images, by name.
    pub transforms: Vec<NamedTransform>,
    /// Regions drawn on the flat surface (`overlays.svg`).
    pub overlays: Option<PathBuf>,
    /// What is drawn there, if it can be read; its regions are one of the subject's sets, [`OVERLAYS`](crate::brain::OVERLAYS).
    pub drawn: Option<Overlays>,
    /// Saved views, by name.
    pub views: Vec<PathBuf>,
    /// Notes on the files for the user: choices made, contradictions, what was not read.
    pub notes: Vec<String>,
}

impl LoadedSubject {
    /// The files that are missing and needed for something.
    pub fn missing(&self) -> impl Iterator<Item = (&FoundFile, Purpose)> {
        let missing = self.files.iter().filter(|file| file.path.is_none());
        missing.filter_map(|file| Some((file, file.part.purpose()?)))
    }
}
