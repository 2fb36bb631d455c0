//! Subjects in a store of pycortex: `surfaces/pia_lh.gii`, `transforms/fullhead/matrices.xfm`.

use std::path::{Path, PathBuf};

use ndarray::Ix1;
use serde::Deserialize;

use super::found::{FolderKind, LoadedSubject, NamedTransform, Part};
use super::loader::{CurvatureSign, Loader, folder_name, names_in, shown};
use crate::brain::overlays::Overlays;
use crate::brain::sampling::{Mask, Transform};
use crate::brain::side::Side;
use crate::brain::subject::{Hemisphere, SurfaceKind};
use crate::files::formats::mesh::{GeometryError, contents};
use crate::files::formats::npz;
use crate::files::formats::volumes::Volumes;
use crate::files::responses::ResponsesError;

const SURFACES: [(SurfaceKind, &str); 5] = [
    (SurfaceKind::Pial, "pia"),
    (SurfaceKind::White, "wm"),
    (SurfaceKind::Middle, "fiducial"),
    (SurfaceKind::Inflated, "inflated"),
    (SurfaceKind::Flat, "flat"),
];

/// The matrices of a transform: rows of mm to voxels.
#[derive(Deserialize)]
struct Matrices {
    coord: [[f64; 4]; 4],
}

pub(super) fn is_subject(folder: &Path) -> bool {
    let surfaces = folder.join("surfaces");
    [
        "pia_lh",
        "pia_rh",
        "wm_lh",
        "wm_rh",
        "fiducial_lh",
        "fiducial_rh",
    ]
    .iter()
    .any(|name| surfaces.join(format!("{name}.gii")).is_file())
}

fn suffix(side: Side) -> &'static str {
    match side {
        Side::Left => "lh",
        Side::Right => "rh",
    }
}

pub(super) fn load(folder: &Path) -> Result<LoadedSubject, GeometryError> {
    let mut loader = Loader::new(FolderKind::Pycortex, &folder_name(folder));
    let mut surfaces = Vec::new();
    for (kind, name) in SURFACES {
        for side in Side::BOTH {
            let name = format!("{name}_{}.gii", suffix(side));
            // pycortex itself does not find compressed files, but a reduced store may have them.
            let paths = [name.clone(), format!("{name}.gz")];
            let paths = paths
                .map(|name| folder.join("surfaces").join(name))
                .to_vec();
            if let Some(path) = loader.choose(Part::Surface(kind), Some(side), paths) {
                surfaces.push((kind, side, path));
            }
        }
    }
    loader.surfaces(surfaces)?;
    maps(&mut loader, &folder.join("surface-info"))?;
    transforms(&mut loader, &folder.join("transforms"))?;
    let overlays = Some(folder.join("overlays.svg")).filter(|path| path.is_file());
    loader.list(Part::Overlays, None, overlays.clone());
    if let Some(path) = &overlays {
        drawn(&mut loader, path);
    }
    loader.loaded.overlays = overlays;
    for name in names_in(&folder.join("views")) {
        if let Some(stem) = name.strip_suffix(".json") {
            let path = folder.join("views").join(&name);
            loader.list(Part::View(stem.to_string()), None, Some(path.clone()));
            loader.loaded.views.push(path);
        }
    }
    Ok(loader.loaded)
}

/// Reads what is drawn on the flat map. A drawing that cannot be read is reported; everything else can be done without it.
fn drawn(loader: &mut Loader, path: &Path) {
    match Overlays::read(path, &loader.loaded.subject) {
        Err(error) => loader.note(error.to_string()),
        Ok(overlays) => {
            for note in &overlays.notes {
                loader.note(format!("{note}\nFile: {}", path.display()));
            }
            let n_vertices = loader.loaded.subject.hemispheres.each_ref();
            let n_vertices = n_vertices.map(Hemisphere::n_vertices);
            let regions = overlays.parcellation(n_vertices);
            if !regions.regions.is_empty() {
                loader.loaded.subject.parcellations.push(regions);
            }
            loader.loaded.drawn = Some(overlays);
        }
    }
}

/// Maps in archives with an array for each hemisphere. Curvature is positive in gyri.
fn maps(loader: &mut Loader, folder: &Path) -> Result<(), GeometryError> {
    let parts = [
        (Part::Curvature, "curvature.npz"),
        (Part::SulcalDepth, "sulcaldepth.npz"),
        (Part::Thickness, "thickness.npz"),
    ];
    for (part, name) in parts {
        let Some(path) = loader.choose(part.clone(), None, vec![folder.join(name)]) else {
            continue;
        };
        for (side, array) in Side::BOTH.into_iter().zip(["left", "right"]) {
            let values = npz::read_as::<f32, Ix1>(&path, array);
            let values = values.map_err(|error| GeometryError(error.to_string()))?;
            let values = values.to_vec();
            loader.same_vertices(side, &path, values.len())?;
            let hemisphere = &mut loader.loaded.subject.hemispheres[side.index()];
            match part {
                Part::SulcalDepth => hemisphere.sulcal_depth = Some(values),
                Part::Thickness => hemisphere.thickness = Some(values),
                _ => loader.curvature(side, values, CurvatureSign::GyriPositive),
            }
        }
    }
    Ok(())
}

fn transforms(loader: &mut Loader, folder: &Path) -> Result<(), GeometryError> {
    for name in names_in(folder) {
        let own = folder.join(&name);
        let path = own.join("matrices.xfm");
        if !path.is_file() {
            continue;
        }
        let reference = ["reference.nii.gz", "reference.nii"].map(|name| own.join(name));
        let Some(reference) = reference.into_iter().find(|path| path.is_file()) else {
            loader.list(Part::Transform(name.clone()), None, None);
            loader.note(format!(
                "The transform \"{name}\" cannot be used: its image reference.nii.gz, which gives the number of voxels, is missing."
            ));
            continue;
        };
        loader.list(Part::Transform(name.clone()), None, Some(path.clone()));
        let (shape_zyx, _) = volume(&reference, Wanted::Shape)?;
        let transform = Transform {
            coord: matrix(&path)?,
            shape_zyx,
        };
        let masks = masks(loader, &own, &name, shape_zyx)?;
        loader.loaded.transforms.push(NamedTransform {
            name,
            transform,
            reference,
            masks,
        });
    }
    if loader.loaded.transforms.is_empty() {
        loader.list(Part::Transform(String::new()), None, None);
    }
    Ok(())
}

fn matrix(path: &Path) -> Result<[[f64; 4]; 4], GeometryError> {
    let (bytes, _) = contents(path)?;
    let matrices: Matrices = serde_json::from_slice(&bytes).map_err(|error| {
        GeometryError::of_file(
            &format!("The transform is no 4 × 4 matrix named \"coord\" in JSON: {error}"),
            path,
        )
    })?;
    let is_finite = matrices
        .coord
        .as_flattened()
        .iter()
        .all(|value| value.is_finite());
    let last = matrices.coord[3].iter().zip([0.0, 0.0, 0.0, 1.0]);
    let is_affine = is_finite
        && last
            .map(|(value, expected)| (value - expected).abs())
            .sum::<f64>()
            < 1e-9;
    if is_affine {
        Ok(matrices.coord)
    } else {
        Err(GeometryError::of_file(
            "The transform's matrix \"coord\" is not affine: its last row must be 0, 0, 0, 1",
            path,
        ))
    }
}

fn masks(
    loader: &mut Loader,
    folder: &Path,
    transform: &str,
    shape_zyx: [usize; 3],
) -> Result<Vec<Mask>, GeometryError> {
    let mut masks = Vec::new();
    for file in names_in(folder) {
        let stem = file
            .strip_suffix(".nii.gz")
            .or_else(|| file.strip_suffix(".nii"));
        let Some(name) = stem.and_then(|stem| stem.strip_prefix("mask_")) else {
            continue;
        };
        let path: PathBuf = folder.join(&file);
        let (shape, values) = volume(&path, Wanted::Values)?;
        if shape != shape_zyx {
            return Err(GeometryError::of_file(
                &format!(
                    "The mask has {shape:?} voxels (z, y, x) and the image of the transform \"{transform}\" has {shape_zyx:?}: {} \
                     is of another image",
                    shown(&path)
                ),
                &path,
            ));
        }
        masks.push(Mask::of_volume(name, shape, &values));
        let part = Part::Mask {
            transform: transform.to_string(),
            mask: name.to_string(),
        };
        loader.list(part, None, Some(path));
    }
    Ok(masks)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Shape,
    Values,
}

/// The shape (z, y, x) of an image and its first volume in C order.
fn volume(path: &Path, wanted: Wanted) -> Result<([usize; 3], Vec<f32>), GeometryError> {
    let failed = |error: ResponsesError| GeometryError(error.0);
    let image = Volumes::open(path, &std::env::temp_dir()).map_err(failed)?;
    let [x, y, z] = image.size();
    let values = if wanted == Wanted::Values {
        let volume = image.read::<f32>(0..1, 0..image.dim().1).map_err(failed)?;
        volume.iter().copied().collect()
    } else {
        Vec::new()
    };
    Ok(([z, y, x], values))
}
