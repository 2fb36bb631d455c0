//! Collects a subject from files, and refuses those that contradict one another.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::check;
use super::found::{FolderKind, FoundFile, LoadedSubject, Part};
use crate::brain::reading::{LoadedSurface, read_maps, read_regions, read_surface};
use crate::brain::regions::Parcellation;
use crate::brain::side::Side;
use crate::brain::subject::{Subject, SurfaceKind};
use crate::files::formats::mesh::{GeometryError, VertexMap};

/// Loads a subject step by step.
pub(super) struct Loader {
    pub(super) loaded: LoadedSubject,
    /// The first file of each hemisphere and its number of vertices.
    first: [Option<(PathBuf, usize)>; 2],
}

/// Sign of curvature in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CurvatureSign {
    /// Positive in gyri, as in pycortex.
    GyriPositive,
    /// Positive in sulci, as in FreeSurfer.
    SulciPositive,
}

impl Loader {
    pub(super) fn new(kind: FolderKind, name: &str) -> Self {
        Self {
            loaded: LoadedSubject {
                kind,
                subject: Subject::new(name),
                files: Vec::new(),
                transforms: Vec::new(),
                overlays: None,
                drawn: None,
                views: Vec::new(),
                notes: Vec::new(),
            },
            first: [None, None],
        }
    }

    pub(super) fn note(&mut self, note: String) {
        self.loaded.notes.push(note);
    }

    /// Enters a file in the table, there or not.
    pub(super) fn list(&mut self, part: Part, side: Option<Side>, path: Option<PathBuf>) {
        self.loaded.files.push(FoundFile { part, side, path });
    }

    /// Takes the first of several files that may be the same thing, and tells which were left out.
    pub(super) fn choose(
        &mut self,
        part: Part,
        side: Option<Side>,
        candidates: Vec<PathBuf>,
    ) -> Option<PathBuf> {
        let mut there = candidates.into_iter().filter(|path| path.is_file());
        let chosen = there.next();
        if let Some(chosen) = &chosen {
            for other in there {
                self.note(format!(
                    "{} is read and not {}, which may be the same.",
                    shown(chosen),
                    shown(&other)
                ));
            }
        }
        self.list(part, side, chosen.clone());
        chosen
    }

    /// Reads surfaces in parallel and adds them.
    pub(super) fn surfaces(
        &mut self,
        files: Vec<(SurfaceKind, Side, PathBuf)>,
    ) -> Result<(), GeometryError> {
        let read: Result<Vec<LoadedSurface>, GeometryError> = files
            .par_iter()
            .map(|(_, _, path)| read_surface(path))
            .collect();
        for ((kind, side, path), loaded) in files.into_iter().zip(read?) {
            self.surface(kind, side, &path, loaded)?;
        }
        Ok(())
    }

    pub(super) fn surface(
        &mut self,
        kind: SurfaceKind,
        side: Side,
        path: &Path,
        loaded: LoadedSurface,
    ) -> Result<(), GeometryError> {
        self.same_vertices(side, path, loaded.surface.n_vertices())?;
        for note in loaded.notes {
            self.note(format!("{note}\nFile: {}", path.display()));
        }
        let is_wall = matches!(kind, SurfaceKind::Pial | SurfaceKind::White);
        if is_wall && let Some(centre) = loaded.centre_ras {
            self.centre(side, path, centre);
        }
        let hemisphere = &mut self.loaded.subject.hemispheres[side.index()];
        hemisphere.surfaces.insert(kind, loaded.surface);
        Ok(())
    }

    /// Keeps the offset to the scanner's space; pial and white surface should agree.
    fn centre(&mut self, side: Side, path: &Path, centre: [f64; 3]) {
        let hemisphere = &mut self.loaded.subject.hemispheres[side.index()];
        let is_other =
            |known: [f64; 3]| known.iter().zip(centre).any(|(a, b)| (a - b).abs() > 1e-3);
        match hemisphere.centre_ras {
            None => hemisphere.centre_ras = Some(centre),
            Some(known) if is_other(known) => self.note(format!(
                "{} has the centre {centre:?} in the scanner's space and another surface of the {side} hemisphere {known:?}, which is \
                 taken.",
                shown(path)
            )),
            Some(_) => {}
        }
    }

    /// Refuses a file with another number of vertices than the others of its hemisphere.
    pub(super) fn same_vertices(
        &mut self,
        side: Side,
        path: &Path,
        n_vertices: usize,
    ) -> Result<(), GeometryError> {
        match &self.first[side.index()] {
            None => self.first[side.index()] = Some((path.to_path_buf(), n_vertices)),
            Some((first, n_first)) if *n_first != n_vertices => {
                return Err(GeometryError(format!(
                    "Files of the {side} hemisphere contradict each other: {} has {n_first} vertices and {} has {n_vertices}. They \
                     are of different subjects or resolutions; remove one of them.\nFolder: {}",
                    shown(first),
                    shown(path),
                    path.parent().unwrap_or(path).display()
                )));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Reads a map of one value per vertex.
    pub(super) fn map(&mut self, side: Side, path: &Path) -> Result<Vec<f32>, GeometryError> {
        let mut maps = read_maps(path)?.into_iter();
        let VertexMap { values, .. } = maps
            .next()
            .ok_or_else(|| GeometryError::of_file("The file holds no map", path))?;
        if maps.next().is_some() {
            self.note(format!(
                "{} has several maps; the first is read.",
                shown(path)
            ));
        }
        self.same_vertices(side, path, values.len())?;
        Ok(values)
    }

    /// Reads curvature, depth and thickness from the files of a hemisphere.
    pub(super) fn maps(
        &mut self,
        side: Side,
        [curvature, sulcal_depth, thickness]: [Option<PathBuf>; 3],
    ) -> Result<(), GeometryError> {
        let mut read = |path: Option<PathBuf>| path.map(|path| self.map(side, &path)).transpose();
        let (curvature, sulcal_depth) = (read(curvature)?, read(sulcal_depth)?);
        let thickness = read(thickness)?;
        let hemisphere = &mut self.loaded.subject.hemispheres[side.index()];
        hemisphere.sulcal_depth = sulcal_depth;
        hemisphere.thickness = thickness;
        if let Some(values) = curvature {
            self.curvature(side, values, CurvatureSign::SulciPositive);
        }
        Ok(())
    }

    /// Keeps the curvature with gyri positive, and compares its sign with the surfaces.
    pub(super) fn curvature(&mut self, side: Side, mut values: Vec<f32>, sign: CurvatureSign) {
        if sign == CurvatureSign::SulciPositive {
            for value in &mut values {
                *value = -*value;
            }
        }
        let hemisphere = &mut self.loaded.subject.hemispheres[side.index()];
        let agreement = check::gyri_agreement(hemisphere, &values);
        hemisphere.curvature = Some(values);
        if let Some(agreement) = agreement.filter(|agreement| *agreement < 0.0) {
            self.note(format!(
                "The curvature of the {side} hemisphere seems to have the wrong sign: it is larger where the pial surface is smaller \
                 than the white one (r = {agreement:.2}), which is so in sulci. Sulci may be drawn as gyri."
            ));
        }
    }

    /// Reads regions of both hemispheres; regions of another surface are left out and told.
    pub(super) fn regions(
        &mut self,
        name: &str,
        paths: [Option<PathBuf>; 2],
    ) -> Result<(), GeometryError> {
        let mut files = [None, None];
        for side in Side::BOTH {
            let Some(path) = &paths[side.index()] else {
                continue;
            };
            let read = read_regions(path)?;
            for note in &read.notes {
                self.note(format!("{note}\nFile: {}", path.display()));
            }
            files[side.index()] = Some(read);
        }
        let n_vertices = Side::BOTH.map(|side| self.loaded.subject.hemisphere(side).n_vertices());
        let [left, right] = &files;
        match Parcellation::new(name, [left.as_ref(), right.as_ref()], n_vertices) {
            Ok(parcellation) => self.loaded.subject.parcellations.push(parcellation),
            Err(clause) => self.note(format!("The regions \"{name}\" are not read: {clause}.")),
        }
        for (side, path) in Side::BOTH.into_iter().zip(paths) {
            self.list(Part::Regions(name.to_string()), Some(side), path);
        }
        Ok(())
    }
}

/// The name of a file for a sentence.
pub(super) fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The files of a folder by name, sorted; none if there is no such folder.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The last component of a folder's path, also of ".".
pub(super) fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize();
    shown(full.as_deref().unwrap_or(folder))
}
