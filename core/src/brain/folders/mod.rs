//! Subjects in folders of FreeSurfer, fMRIPrep and pycortex.

mod check;
mod fmriprep;
mod found;
mod freesurfer;
mod loader;
mod pycortex;

use std::path::Path;

pub use found::{FolderKind, FoundFile, LoadedSubject, NamedTransform, Part, Purpose};

use crate::files::formats::mesh::GeometryError;

/// Recognises the folder of a subject; none if it is of no known program.
#[must_use]
pub fn recognise(folder: &Path) -> Option<FolderKind> {
    if pycortex::is_subject(folder) {
        Some(FolderKind::Pycortex)
    } else if freesurfer::is_subject(folder) {
        Some(FolderKind::FreeSurfer)
    } else if fmriprep::is_subject(folder) {
        Some(FolderKind::FmriPrep)
    } else {
        None
    }
}

/// Loads a subject with everything in its folder that is known.
///
/// # Errors
/// Returns an error if the folder is not recognised, has no surface of the cortex, a file cannot be read, or files of one
/// hemisphere have different numbers of vertices.
pub fn load(folder: &Path) -> Result<LoadedSubject, GeometryError> {
    let loaded = match recognise(folder) {
        Some(FolderKind::Pycortex) => pycortex::load(folder)?,
        Some(FolderKind::FreeSurfer) => freesurfer::load(folder)?,
        Some(FolderKind::FmriPrep) => fmriprep::load(folder)?,
        None => {
            return Err(GeometryError(format!(
                "The folder holds no subject that is known. Choose the folder of a subject of FreeSurfer (with surf/lh.pial), of \
                 fMRIPrep (with anat/*_hemi-L_pial.surf.gii) or of a store of pycortex (with surfaces/pia_lh.gii).\nFolder: {}",
                folder.display()
            )));
        }
    };
    if loaded.subject.n_vertices() == 0 {
        return Err(GeometryError(format!(
            "The folder holds no surfaces that can be read.\nFolder: {}",
            folder.display()
        )));
    }
    Ok(loaded)
}
