//! Surfaces, maps and regions from files of any known format.

use std::path::Path;

use super::surface::Surface;
use crate::files::formats::freesurfer::{annot, label, morph, surface};
use crate::files::formats::gifti::geometry::GiftiFile;
use crate::files::formats::mesh::{GeometryError, LabelledVertices, Mesh, VertexMap, contents};
use crate::files::formats::volumes::Volumes;

/// A surface and what its file says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedSurface {
    /// The surface.
    pub surface: Surface,
    /// What must be added to its coordinates for the scanner's space, mm, if the file says so (FreeSurfer's `c_ras`).
    pub centre_ras: Option<[f64; 3]>,
    /// Notes on the file for the user.
    pub notes: Vec<String>,
}

impl LoadedSurface {
    /// Checks a mesh.
    ///
    /// # Errors
    /// Returns a sentence without a full stop if the mesh is no surface.
    pub(super) fn of_mesh(mesh: Mesh) -> Result<Self, String> {
        let surface = Surface::new(mesh.points, mesh.triangles)
            .map_err(|clause| format!("The surface is invalid: {clause}"))?;
        Ok(Self {
            surface,
            centre_ras: mesh.centre_ras,
            notes: mesh.notes,
        })
    }
}

/// Reads a surface in GIFTI, or in FreeSurfer's format. Coordinates are as in the file, mm.
///
/// # Errors
/// Returns an error if the file cannot be read, is damaged, or holds no valid surface.
pub fn read_surface(path: &Path) -> Result<LoadedSurface, GeometryError> {
    let loaded = if is_gifti(path) {
        GiftiFile::read(path)?.mesh()
    } else {
        let (bytes, _) = contents(path)?;
        surface::parse(&bytes)
            .map(|surface| surface.mesh)
            .map_err(of_freesurfer)
    };
    loaded
        .and_then(LoadedSurface::of_mesh)
        .map_err(|sentence| GeometryError::of_file(&sentence, path))
}

/// Reads one or several maps, a value per vertex each, in GIFTI, or FreeSurfer's formats for surfaces and images. Maps without
/// a name have the file's.
///
/// # Errors
/// Returns an error if the file cannot be read, is damaged, or holds no maps.
pub fn read_maps(path: &Path) -> Result<Vec<VertexMap>, GeometryError> {
    let name = file_name(path);
    if has_ending(path, &[".mgh", ".mgz", ".mgh.gz"]) {
        return maps_of_image(path);
    }
    let maps = if is_gifti(path) {
        GiftiFile::read(path)?.maps()
    } else {
        let (bytes, _) = contents(path)?;
        let values = morph::parse(&bytes).map_err(of_freesurfer);
        values.map(|values| {
            vec![VertexMap {
                name: String::new(),
                values,
            }]
        })
    };
    let mut maps = maps.map_err(|sentence| GeometryError::of_file(&sentence, path))?;
    for map in maps.iter_mut().filter(|map| map.name.is_empty()) {
        map.name.clone_from(&name);
    }
    Ok(maps)
}

/// An image of one axis, a frame per map.
fn maps_of_image(path: &Path) -> Result<Vec<VertexMap>, GeometryError> {
    let failed = |error: crate::files::responses::ResponsesError| GeometryError(error.0);
    let image = Volumes::open(path, &std::env::temp_dir()).map_err(failed)?;
    let [n_vertices, y, z] = image.size();
    if (y, z) != (1, 1) {
        return Err(GeometryError::of_file(
            &format!(
                "The image is a volume of {n_vertices} × {y} × {z} voxels, not a map of a surface"
            ),
            path,
        ));
    }
    let name = file_name(path);
    let map = |frame: usize| {
        let values = image
            .read::<f32>(frame..frame + 1, 0..n_vertices)
            .map_err(failed)?;
        Ok(VertexMap {
            name: name.clone(),
            values: values.iter().copied().collect(),
        })
    };
    (0..image.dim().0).map(map).collect()
}

/// Reads regions: FreeSurfer's parcellations, or GIFTI labels.
///
/// # Errors
/// Returns an error if the file cannot be read, is damaged, or holds no regions.
pub fn read_regions(path: &Path) -> Result<LabelledVertices, GeometryError> {
    let regions = if is_gifti(path) {
        GiftiFile::read(path)?.labelled()
    } else {
        let (bytes, _) = contents(path)?;
        annot::parse(&bytes).map_err(of_freesurfer)
    };
    regions.map_err(|sentence| GeometryError::of_file(&sentence, path))
}

/// Reads the vertices of FreeSurfer's label, from 0.
///
/// # Errors
/// Returns an error if the file cannot be read, or is no label.
pub fn read_label(path: &Path) -> Result<Vec<u32>, GeometryError> {
    let (bytes, _) = contents(path)?;
    let label = label::parse(&bytes).map_err(of_freesurfer);
    let label = label.map_err(|sentence| GeometryError::of_file(&sentence, path))?;
    Ok(label.vertices)
}

pub(super) fn of_freesurfer(clause: String) -> String {
    format!("The FreeSurfer file is not read: {clause}")
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// GIFTI files are named so by every program; FreeSurfer's formats have no common ending.
pub(super) fn is_gifti(path: &Path) -> bool {
    has_ending(path, &[".gii", ".gii.gz"])
}

pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let name = file_name(path).to_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}
