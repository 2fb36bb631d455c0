//! The bundled subject: FreeSurfer's fsaverage5.
//!
//! Source: FreeSurfer 7.3.2, converted to GIFTI by nilearn (`assets/fsaverage5`, with the licence).

use std::sync::OnceLock;

use rayon::prelude::*;

use super::reading::LoadedSurface;
use super::regions::Parcellation;
use super::side::Side;
use super::subject::{Hemisphere, Subject, SurfaceKind};
use super::surface::Surface;
use crate::files::formats::freesurfer::{annot, label};
use crate::files::formats::gifti::geometry::GiftiFile;

/// A file of the left and of the right hemisphere.
macro_rules! both {
    ($left:literal, $right:literal) => {
        [
            include_bytes!(concat!("../../assets/fsaverage5/", $left)).as_slice(),
            include_bytes!(concat!("../../assets/fsaverage5/", $right)).as_slice(),
        ]
    };
}

const SURFACES: [(SurfaceKind, [&[u8]; 2]); 5] = [
    (
        SurfaceKind::Pial,
        both!("pial_left.gii.gz", "pial_right.gii.gz"),
    ),
    (
        SurfaceKind::White,
        both!("white_left.gii.gz", "white_right.gii.gz"),
    ),
    (
        SurfaceKind::Inflated,
        both!("infl_left.gii.gz", "infl_right.gii.gz"),
    ),
    (
        SurfaceKind::Flat,
        both!("flat_left.gii.gz", "flat_right.gii.gz"),
    ),
    (
        SurfaceKind::Sphere,
        both!("sphere_left.gii.gz", "sphere_right.gii.gz"),
    ),
];
const CURVATURE: [&[u8]; 2] = both!("curv_left.gii.gz", "curv_right.gii.gz");
const SULCAL_DEPTH: [&[u8]; 2] = both!("sulc_left.gii.gz", "sulc_right.gii.gz");
const PARCELLATIONS: [(&str, [&[u8]; 2]); 2] = [
    ("aparc", both!("lh.aparc.annot", "rh.aparc.annot")),
    (
        "aparc.a2009s",
        both!("lh.aparc.a2009s.annot", "rh.aparc.a2009s.annot"),
    ),
];
const MEDIAL_WALL: [&[u8]; 2] = both!("lh.Medial_wall.label", "rh.Medial_wall.label");

impl Subject {
    /// FreeSurfer's average subject with 10242 vertices and 20480 triangles per hemisphere: pial, white, inflated, flat and
    /// spherical surfaces, curvature, sulcal depth, and the regions "aparc", "`aparc.a2009s`" and "`Medial_wall`".
    ///
    /// It is read from the program itself, once.
    pub fn fsaverage5() -> &'static Self {
        static SUBJECT: OnceLock<Subject> = OnceLock::new();
        SUBJECT.get_or_init(|| {
            load().unwrap_or_else(|error| {
                // A test reads these files; they cannot change afterwards.
                tracing::error!(error, "the bundled subject is damaged");
                Subject::new("fsaverage5")
            })
        })
    }
}

fn load() -> Result<Subject, String> {
    let jobs: Vec<(SurfaceKind, Side)> = SURFACES
        .iter()
        .flat_map(|(kind, _)| Side::BOTH.map(|side| (*kind, side)))
        .collect();
    let read = || -> Result<Vec<Surface>, String> {
        let jobs = jobs.par_iter().enumerate();
        jobs.map(|(index, (_, side))| surface(SURFACES[index / 2].1[side.index()]))
            .collect()
    };
    let (surfaces, maps) = rayon::join(read, || {
        rayon::join(
            || Side::BOTH.map(|side| map(CURVATURE[side.index()])),
            || Side::BOTH.map(|side| map(SULCAL_DEPTH[side.index()])),
        )
    });
    let mut subject = Subject::new("fsaverage5");
    for ((kind, side), surface) in jobs.into_iter().zip(surfaces?) {
        let hemisphere: &mut Hemisphere = &mut subject.hemispheres[side.index()];
        hemisphere.surfaces.insert(kind, surface);
    }
    let (curvature, sulcal_depth) = maps;
    for (hemisphere, values) in subject.hemispheres.iter_mut().zip(curvature) {
        // FreeSurfer's curvature is positive in sulci.
        hemisphere.curvature = Some(values?.into_iter().map(|value| -value).collect());
    }
    for (hemisphere, values) in subject.hemispheres.iter_mut().zip(sulcal_depth) {
        hemisphere.sulcal_depth = Some(values?);
    }
    subject.parcellations = parcellations(&subject)?;
    Ok(subject)
}

fn surface(bytes: &[u8]) -> Result<Surface, String> {
    let mesh = GiftiFile::parse(bytes)?.mesh()?;
    Ok(LoadedSurface::of_mesh(mesh)?.surface)
}

fn map(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let maps = GiftiFile::parse(bytes)?.maps()?;
    let first = maps.into_iter().next();
    Ok(first.ok_or("there is no map")?.values)
}

fn parcellations(subject: &Subject) -> Result<Vec<Parcellation>, String> {
    let n_vertices = Side::BOTH.map(|side| subject.hemisphere(side).n_vertices());
    let mut found = Vec::new();
    for (name, [left, right]) in PARCELLATIONS {
        let (left, right) = (annot::parse(left)?, annot::parse(right)?);
        let joined = Parcellation::new(name, [Some(&left), Some(&right)], n_vertices);
        found.push(joined.map_err(|error| error.to_string())?);
    }
    let [left, right] = MEDIAL_WALL.map(|bytes| label::parse(bytes).map(|label| label.vertices));
    let medial = Parcellation::of_label("Medial_wall", [&left?, &right?], n_vertices);
    found.push(medial.map_err(|error| error.to_string())?);
    Ok(found)
}
