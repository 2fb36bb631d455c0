//! Subjects of FreeSurfer: `surf/lh.pial`, `label/lh.aparc.annot`.

use std::path::{Path, PathBuf};

use super::found::{FolderKind, LoadedSubject, Part};
use super::loader::{Loader, folder_name, names_in, shown};
use crate::brain::reading::{LoadedSurface, of_freesurfer};
use crate::brain::side::Side;
use crate::brain::subject::SurfaceKind;
use crate::files::formats::freesurfer::patch::{self, Patch};
use crate::files::formats::mesh::{GeometryError, contents};

/// A flat patch with a smaller share of the vertices is one of a region, not a flat map.
const LEAST_FLAT_SHARE: f64 = 0.5;

/// Names of surfaces after the hemisphere, the usual one first.
const SURFACES: [(SurfaceKind, &[&str]); 5] = [
    (SurfaceKind::Pial, &["pial", "pial.T1"]),
    (SurfaceKind::White, &["white"]),
    (SurfaceKind::Middle, &["midthickness", "graymid"]),
    (SurfaceKind::Inflated, &["inflated"]),
    (SurfaceKind::Sphere, &["sphere.reg"]),
];

pub(super) fn is_subject(folder: &Path) -> bool {
    let surf = folder.join("surf");
    ["lh.pial", "rh.pial", "lh.white", "rh.white"]
        .iter()
        .any(|name| surf.join(name).is_file())
}

fn prefix(side: Side) -> &'static str {
    match side {
        Side::Left => "lh",
        Side::Right => "rh",
    }
}

pub(super) fn load(folder: &Path) -> Result<LoadedSubject, GeometryError> {
    let mut loader = Loader::new(FolderKind::FreeSurfer, &folder_name(folder));
    let surf = folder.join("surf");
    let mut surfaces = Vec::new();
    for (kind, names) in SURFACES {
        for side in Side::BOTH {
            let candidates = names
                .iter()
                .map(|name| surf.join(format!("{}.{name}", prefix(side))));
            let candidates = distinct(candidates);
            if let Some(path) = loader.choose(Part::Surface(kind), Some(side), candidates) {
                surfaces.push((kind, side, path));
            }
        }
    }
    loader.surfaces(surfaces)?;
    for side in Side::BOTH {
        let mut file = |part: Part, name: &str| {
            let path = surf.join(format!("{}.{name}", prefix(side)));
            loader.choose(part, Some(side), vec![path])
        };
        let files = [
            file(Part::Curvature, "curv"),
            file(Part::SulcalDepth, "sulc"),
            file(Part::Thickness, "thickness"),
        ];
        loader.maps(side, files)?;
        flat(&mut loader, &surf, side)?;
    }
    annotations(&mut loader, &folder.join("label"))?;
    Ok(loader.loaded)
}

/// `lh.pial` is a link to `lh.pial.T1` in recent versions: the same file is no choice.
fn distinct(candidates: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut known = Vec::new();
    let mut paths = Vec::new();
    for path in candidates {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if !known.contains(&real) {
            known.push(real);
            paths.push(path);
        }
    }
    paths
}

/// The flat patch with the most vertices; its triangles are those of the white or pial surface.
fn flat(loader: &mut Loader, surf: &Path, side: Side) -> Result<(), GeometryError> {
    let part = Part::Surface(SurfaceKind::Flat);
    let begin = format!("{}.", prefix(side));
    let is_flat =
        |name: &String| name.starts_with(&begin) && name.contains("flat") && name.contains("patch");
    let mut patches: Vec<(PathBuf, Patch)> = Vec::new();
    for name in names_in(surf).into_iter().filter(is_flat) {
        let path = surf.join(name);
        let (bytes, _) = contents(&path)?;
        match patch::parse(&bytes) {
            Ok(patch) => patches.push((path, patch)),
            Err(clause) => loader.note(format!("{} is not read: {clause}.", shown(&path))),
        }
    }
    patches.sort_by_key(|(path, patch)| (std::cmp::Reverse(patch.vertices.len()), path.clone()));
    let hemisphere = loader.loaded.subject.hemisphere(side);
    let parent = hemisphere.surface(SurfaceKind::White);
    let parent = parent.or_else(|| hemisphere.surface(SurfaceKind::Pial));
    let (Some(parent), Some((path, largest))) = (parent, patches.first()) else {
        loader.list(part, Some(side), None);
        return Ok(());
    };
    let n_vertices = parent.n_vertices();
    let flat = (largest.vertices.len() as f64 >= LEAST_FLAT_SHARE * n_vertices as f64).then(|| {
        let mesh = upright(largest).mesh(parent.points(), parent.triangles());
        mesh.map_err(of_freesurfer)
            .and_then(LoadedSurface::of_mesh)
            .map_err(|sentence| GeometryError::of_file(&sentence, path))
    });
    let n_used = usize::from(flat.is_some());
    for (other, patch) in &patches[n_used..] {
        loader.note(format!(
            "{} is not used as the flat surface: it has {} of {n_vertices} vertices.",
            shown(other),
            patch.vertices.len()
        ));
    }
    loader.list(part, Some(side), flat.is_some().then(|| path.clone()));
    match flat {
        Some(surface) => loader.surface(SurfaceKind::Flat, side, path, surface?),
        None => Ok(()),
    }
}

/// A flat patch with dorsal up. FreeSurfer's lie on their side; pycortex turns them in the same way when it imports them.
fn upright(patch: &Patch) -> Patch {
    Patch {
        points: patch.points.iter().map(|[x, y, z]| [*y, -x, *z]).collect(),
        ..patch.clone()
    }
}

/// All parcellations, with both hemispheres' files of one name together.
fn annotations(loader: &mut Loader, folder: &Path) -> Result<(), GeometryError> {
    let names = names_in(folder);
    let stems = names
        .iter()
        .filter_map(|name| name.strip_suffix(".annot"))
        .filter_map(|name| {
            name.strip_prefix("lh.")
                .or_else(|| name.strip_prefix("rh."))
        });
    let mut stems: Vec<&str> = stems.collect();
    stems.sort_unstable();
    stems.dedup();
    for stem in stems {
        let path = |side: Side| folder.join(format!("{}.{stem}.annot", prefix(side)));
        let paths = Side::BOTH.map(|side| Some(path(side)).filter(|path| path.is_file()));
        loader.regions(stem, paths)?;
    }
    Ok(())
}
