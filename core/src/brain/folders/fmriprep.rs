//! Subjects of fMRIPrep: `sub-01/anat/sub-01_hemi-L_pial.surf.gii`, with or without sessions.

use std::path::{Path, PathBuf};

use super::found::{FolderKind, LoadedSubject, Part};
use super::loader::{Loader, folder_name, names_in};
use crate::brain::reading::is_gifti;
use crate::brain::side::Side;
use crate::brain::subject::SurfaceKind;
use crate::files::formats::mesh::GeometryError;

/// Folders below the chosen one that are looked into: derivatives / subject / session / anat.
const MOST_DEPTH: usize = 3;

/// Ends of names, the preferred one first.
const SURFACES: [(SurfaceKind, &[&str]); 5] = [
    (SurfaceKind::Pial, &["pial.surf.gii"]),
    (SurfaceKind::White, &["white.surf.gii", "smoothwm.surf.gii"]),
    (SurfaceKind::Middle, &["midthickness.surf.gii"]),
    (SurfaceKind::Inflated, &["inflated.surf.gii"]),
    (SurfaceKind::Sphere, &["desc-reg_sphere.surf.gii"]),
];
const MAPS: [(Part, &[&str]); 3] = [
    (Part::Curvature, &["curv.shape.gii"]),
    (Part::SulcalDepth, &["sulc.shape.gii"]),
    (Part::Thickness, &["thickness.shape.gii"]),
];

/// A file with the entities of its name.
struct Named {
    path: PathBuf,
    name: String,
}

impl Named {
    fn entity(&self, key: &str) -> Option<&str> {
        let parts = self.name.split('_').filter_map(|part| part.split_once('-'));
        let mut parts = parts.filter(|(found, _)| *found == key);
        parts.next().map(|(_, value)| value)
    }

    fn side(&self) -> Option<Side> {
        match self.entity("hemi")? {
            "L" => Some(Side::Left),
            "R" => Some(Side::Right),
            _ => None,
        }
    }

    /// Whether it is on the subject's own surface: files of other spaces have other vertices.
    fn is_native(&self) -> bool {
        self.entity("space").is_none_or(|space| space == "fsnative")
    }

    /// Whether the name ends so, with an optional `.gz`, after an underscore and no further entities than its side and
    /// space.
    fn is(&self, side: Side, ending: &str) -> bool {
        let name = self.name.strip_suffix(".gz").unwrap_or(&self.name);
        let Some(begin) = name.strip_suffix(ending) else {
            return false;
        };
        let has_desc = begin.contains("_desc-");
        self.side() == Some(side) && self.is_native() && begin.ends_with('_') && !has_desc
    }
}

/// GIFTI files of hemispheres in a folder and those below it.
fn files(folder: &Path) -> Vec<Named> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for name in names_in(&folder) {
            let path = folder.join(&name);
            let is_deeper = depth < MOST_DEPTH
                && (name == "anat" || name.starts_with("sub-") || name.starts_with("ses-"));
            if is_deeper && path.is_dir() {
                folders.push((path, depth + 1));
            } else if name.contains("_hemi-") && is_gifti(&path) {
                found.push(Named { path, name });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

pub(super) fn is_subject(folder: &Path) -> bool {
    let is_surface = |file: &Named| {
        Side::BOTH.iter().any(|side| {
            ["pial.surf.gii", "white.surf.gii", "smoothwm.surf.gii"]
                .iter()
                .any(|ending| file.is(*side, ending))
        })
    };
    files(folder).iter().any(is_surface)
}

pub(super) fn load(folder: &Path) -> Result<LoadedSubject, GeometryError> {
    let files = files(folder);
    let name = only_subject(&files, folder)?;
    let mut loader = Loader::new(FolderKind::FmriPrep, &name);
    let candidates = |side: Side, endings: &[&str]| -> Vec<PathBuf> {
        let of_ending = |ending: &&str| {
            let named = files.iter().filter(move |file| file.is(side, ending));
            named.map(|file| file.path.clone()).collect::<Vec<_>>()
        };
        endings.iter().flat_map(of_ending).collect()
    };
    let mut surfaces = Vec::new();
    for (kind, endings) in SURFACES {
        for side in Side::BOTH {
            let paths = candidates(side, endings);
            if let Some(path) = loader.choose(Part::Surface(kind), Some(side), paths) {
                surfaces.push((kind, side, path));
            }
        }
    }
    loader.surfaces(surfaces)?;
    for side in Side::BOTH {
        let maps =
            MAPS.map(|(part, endings)| loader.choose(part, Some(side), candidates(side, endings)));
        loader.maps(side, maps)?;
        loader.list(Part::Surface(SurfaceKind::Flat), Some(side), None);
    }
    Ok(loader.loaded)
}

/// The only subject of the files. fMRIPrep writes its subjects side by side.
fn only_subject(files: &[Named], folder: &Path) -> Result<String, GeometryError> {
    let subjects = files.iter().filter_map(|file| file.entity("sub"));
    let mut subjects: Vec<&str> = subjects.collect();
    subjects.sort_unstable();
    subjects.dedup();
    match subjects[..] {
        [] => Ok(folder_name(folder)),
        [subject] => Ok(format!("sub-{subject}")),
        [first, second, ..] => Err(GeometryError(format!(
            "The folder holds {} subjects, sub-{first} and sub-{second} among them. Choose the folder of one.\nFolder: {}",
            subjects.len(),
            folder.display()
        ))),
    }
}
