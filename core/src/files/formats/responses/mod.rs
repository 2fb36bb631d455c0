//! Responses in any supported file format, as one source.

mod bids;
mod names;
mod story;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::found::Found;
use super::joblib::{PickledFile, is_usual};
use super::{hdf5, npz_found, placeholder};
use crate::files::names::composed;
use crate::files::responses::{ResponseSource, ResponsesError};
use crate::maths::matrix::Real;
use story::{Mask, StoryFormat, StoryMatrix};

/// Options for reading responses.
#[derive(Debug, Clone)]
pub struct ResponseOptions {
    /// For volumes: mask image whose non-zero voxels are the columns.
    pub mask: Option<PathBuf>,
    /// Folder for unpacked files, which are anonymous and deleted when closed.
    pub scratch: PathBuf,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self {
            mask: None,
            scratch: std::env::temp_dir(),
        }
    }
}

/// Opens a folder with one file per story, or a file with one story or all of them.
///
/// * Folder: `.npy`, `.npz`, `.hf5`, `.h5`, `.hdf5`, `.mat`, `.nii`, `.nii.gz`, `.dtseries.nii`, `.hdr` with `.img`,
///   `.mgh`, `.mgz`, `.gii`, `.gii.gz`, `.jbl`, `.joblib`, `.pkl`, `.pickle`; the story is the file name, or the task of a
///   BIDS name.
/// * joblib or pickle file: a dictionary from story to array. `.npz` and HDF5: an array per story.
/// * A three-dimensional array is a story with several presentations: presentations × scans × voxels.
///
/// Only metadata are read; values are read in blocks on demand.
///
/// # Errors
/// Returns an error if nothing can be read, or a file is a placeholder.
pub fn open(
    path: &Path,
    options: &ResponseOptions,
) -> Result<Box<dyn ResponseSource>, ResponsesError> {
    let mask = options
        .mask
        .as_deref()
        .map(|mask| Mask::open(mask, &options.scratch))
        .transpose()?;
    let mut stories = if path.is_dir() {
        in_folder(path, mask.as_ref(), options)?
    } else {
        in_file(path, mask.as_ref(), options)?
    };
    if stories.by_story.is_empty() {
        return Err(said(
            path,
            "There are no responses that can be read. Expected is a folder with one file per story (.npy, .npz, .hf5, .h5, .nii.gz, \
             .mgz, .gii), or one file with all stories (.jbl, .npz, .h5)",
        ));
    }
    let is_masked = |story: &StoryMatrix| matches!(story, StoryMatrix::Volumes(_));
    if mask.is_some() && !stories.by_story.values().all(is_masked) {
        stories.notes.push(
            "The mask is for volumes; files of other forms hold no space, and are read whole."
                .into(),
        );
    }
    stories.note_lengths();
    Ok(Box::new(stories))
}

fn in_folder(
    path: &Path,
    mask: Option<&Mask>,
    options: &ResponseOptions,
) -> Result<StoryMatrices, ResponsesError> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| said(path, &format!("The folder cannot be read: {error}")))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let known = files
        .iter()
        .filter_map(|file| Some((file, StoryFormat::of_name(file)?)));
    let known: Vec<(&PathBuf, (String, StoryFormat))> = known.collect();
    let stems: Vec<&str> = known.iter().map(|(_, (stem, _))| stem.as_str()).collect();
    let named = bids::stories(&stems).map_err(|reason| said(path, &reason))?;
    let mut stories = StoryMatrices {
        notes: named.notes,
        ..StoryMatrices::default()
    };
    for ((file, (stem, form)), story) in known.iter().zip(named.names) {
        let Some(story) = story else { continue };
        let matrix = one_matrix(file, *form, (mask, options), &mut stories.notes)?;
        if story != *stem {
            stories.aliases.insert(stem.clone(), story.clone());
        }
        if let Some(other) = stories.by_story.insert(story.clone(), matrix) {
            return Err(said(
                file,
                &format!(
                    "There are two files for the story \"{story}\"; the other is {}. Keep one of them",
                    other.path().display()
                ),
            ));
        }
    }
    Ok(stories)
}

fn in_file(
    path: &Path,
    mask: Option<&Mask>,
    options: &ResponseOptions,
) -> Result<StoryMatrices, ResponsesError> {
    let mut stories = StoryMatrices::default();
    let Some((story, form)) = StoryFormat::of_name(path) else {
        if !path.exists() && std::fs::read_link(path).is_err() {
            return Err(said(path, "There are no responses here. Look at the path"));
        }
        return Ok(stories);
    };
    if !matches!(
        form,
        StoryFormat::Pickle | StoryFormat::Npz | StoryFormat::Hdf5
    ) {
        let matrix = one_matrix(path, form, (mask, options), &mut stories.notes)?;
        stories.by_story.insert(story, matrix);
        return Ok(stories);
    }
    let mut all = several_matrices(path, form, options)?;
    keep_usual_of_hdf5(form, &mut all);
    stories.notes.append(&mut all.notes);
    if let Some(left_out) = all.left_out_in_words() {
        stories.notes.push(format!(
            "Left out, because they are no responses: {left_out}."
        ));
    }
    let names: Vec<String> = all
        .arrays
        .iter()
        .map(|(name, _)| name.clone().unwrap_or_default())
        .collect();
    let (mut names, note) = names::stories(&names);
    stories.notes.extend(note);
    if let [only] = &mut names[..]
        && (only.is_empty() || is_usual(only))
    {
        *only = story;
    }
    for (name, (_, matrix)) in names.into_iter().zip(all.arrays) {
        stories.by_story.insert(name, matrix);
    }
    Ok(stories)
}

/// PyTables files have a conventional name for the data array.
fn keep_usual_of_hdf5(form: StoryFormat, all: &mut Found<StoryMatrix>) {
    let is_data = |(name, _): &(Option<String>, StoryMatrix)| name.as_deref() == Some("data");
    if form != StoryFormat::Hdf5 || all.arrays.len() < 2 {
        return;
    }
    if let Some(index) = all.arrays.iter().position(is_data) {
        let data = all.arrays.swap_remove(index);
        for (name, matrix) in std::mem::take(&mut all.arrays) {
            let (n_scans, n_voxels) = matrix.dim();
            all.leave_out(
                &name.unwrap_or_default(),
                format!("beside \"data\", {n_scans} × {n_voxels}"),
            );
        }
        all.arrays.push(data);
    }
}

/// The named arrays of a file that may contain several.
///
/// # Errors
/// Returns an error if none can be responses, or the file cannot be read.
fn several_matrices(
    path: &Path,
    form: StoryFormat,
    options: &ResponseOptions,
) -> Result<Found<StoryMatrix>, ResponsesError> {
    refuse_placeholder(path)?;
    let all = match form {
        StoryFormat::Pickle => PickledFile::open(path, &options.scratch)?
            .arrays(path)?
            .into_other(),
        StoryFormat::Npz => npz_found::arrays(path, &options.scratch)
            .map_err(|error| ResponsesError(error.to_string()))?
            .into_other(),
        _ => hdf5::arrays(path, &options.scratch)?.into_other(),
    };
    if all.arrays.is_empty() {
        let there = all.left_out_in_words();
        return Err(said(
            path,
            &format!(
                "The file holds no responses, an array of scans and voxels; it holds {}",
                there.unwrap_or_else(|| "nothing".into())
            ),
        ));
    }
    Ok(all)
}

/// The array of a file with one story.
fn one_matrix(
    path: &Path,
    form: StoryFormat,
    (mask, options): (Option<&Mask>, &ResponseOptions),
    notes: &mut Vec<String>,
) -> Result<StoryMatrix, ResponsesError> {
    if !matches!(
        form,
        StoryFormat::Pickle | StoryFormat::Npz | StoryFormat::Hdf5
    ) {
        refuse_placeholder(path)?;
        return StoryMatrix::open(path, form, mask, &options.scratch);
    }
    let mut all = several_matrices(path, form, options)?;
    let is_named =
        |(name, _): &(Option<String>, StoryMatrix)| name.as_deref().is_some_and(is_usual);
    let index = match (all.arrays.iter().position(is_named), all.arrays.len()) {
        (Some(index), _) => index,
        (None, 1) => 0,
        (None, _) => {
            let names = all.arrays.iter().filter_map(|(name, _)| name.clone());
            let names: Vec<String> = names.collect();
            return Err(said(
                path,
                &format!(
                    "The file holds several matrices ({}), and none is called \"data\". Keep the responses alone, or give the file \
                     itself instead of its folder",
                    names.join(", ")
                ),
            ));
        }
    };
    let (_, matrix) = all.arrays.swap_remove(index);
    for (name, other) in std::mem::take(&mut all.arrays) {
        let (n_scans, n_voxels) = other.dim();
        all.leave_out(&name.unwrap_or_default(), format!("{n_scans} × {n_voxels}"));
    }
    let file = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    notes.extend(all.notes.iter().map(|note| format!("{file}: {note}")));
    if let Some(left_out) = all.left_out_in_words() {
        notes.push(format!("{file}: left out is {left_out}."));
    }
    Ok(matrix)
}

fn refuse_placeholder(path: &Path) -> Result<(), ResponsesError> {
    match placeholder::instead_of(path) {
        Ok(None) => Ok(()),
        Ok(Some(found)) => Err(said(
            path,
            &format!("This is {}. {}", found.what, found.remedy),
        )),
        Err(error) => Err(said(path, &format!("The file cannot be read: {error}"))),
    }
}

fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", path.display()))
}

/// One matrix per story.
#[derive(Default)]
struct StoryMatrices {
    by_story: BTreeMap<String, StoryMatrix>,
    /// Stories by file name, where that differs.
    aliases: BTreeMap<String, String>,
    /// Notes for the user.
    notes: Vec<String>,
}

impl StoryMatrices {
    /// Finds a story by its name, its file's name, or with the number of a presentation after a slash. Unicode
    /// normalisation is ignored.
    fn find(&self, story: &str) -> Option<(&StoryMatrix, Option<usize>)> {
        if let Some(matrix) = self.named(story) {
            return Some((matrix, None));
        }
        let (name, number) = story.rsplit_once('/')?;
        let matrix = self.named(name)?;
        let number: usize = number.parse().ok()?;
        let repeat = (1..=matrix.n_repeats()?)
            .contains(&number)
            .then(|| number - 1)?;
        Some((matrix, Some(repeat)))
    }

    fn named(&self, name: &str) -> Option<&StoryMatrix> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.by_story.get(name).or_else(|| {
            let wanted = composed(name);
            let mut stories = self.by_story.iter();
            let found = stories.find(|(story, _)| composed(story) == wanted);
            found.map(|(_, matrix)| matrix)
        })
    }

    /// Notes if stories differ in their number of voxels.
    fn note_lengths(&mut self) {
        let mut by_length: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (story, matrix) in &self.by_story {
            by_length.entry(matrix.dim().1).or_default().push(story);
        }
        if by_length.len() > 1 {
            let most = by_length.values().map(Vec::len).max().unwrap_or(0);
            let odd = by_length
                .iter()
                .filter(|(_, stories)| stories.len() < most || by_length.len() == 2);
            let shown: Vec<String> = odd
                .take(3)
                .map(|(n, stories)| format!("{n} in \"{}\"", stories[0]))
                .collect();
            self.notes.push(format!(
                "The stories have different numbers of voxels: {}. Responses of one subject have the same in every story.",
                shown.join(", ")
            ));
        }
    }

    fn block<T: Real>(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let found = self.find(story);
        let (matrix, repeat) = found
            .ok_or_else(|| ResponsesError(format!("There are no responses to \"{story}\".")))?;
        matrix.read(repeat, scans, voxels)
    }
}

impl ResponseSource for StoryMatrices {
    fn stories(&self) -> Vec<String> {
        self.by_story.keys().cloned().collect()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.find(story).map(|(matrix, _)| matrix.dim())
    }

    fn read(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError> {
        self.block(story, scans, voxels)
    }

    fn read_f64(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f64>, ResponsesError> {
        self.block(story, scans, voxels)
    }

    fn repetition_secs(&self, story: &str) -> Option<f64> {
        self.find(story)
            .and_then(|(matrix, _)| matrix.repetition_secs())
    }

    fn presentations(&self, story: &str) -> Vec<String> {
        match self.find(story) {
            Some((matrix, None)) => {
                let n_repeats = matrix.n_repeats().unwrap_or(0);
                (1..=n_repeats)
                    .map(|number| format!("{story}/{number}"))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn notes(&self, stories: &[String]) -> Vec<String> {
        let mut notes = self.notes.clone();
        for story in stories {
            if let Some((matrix, None)) = self.find(story) {
                notes.extend(
                    matrix
                        .notes()
                        .into_iter()
                        .map(|note| format!("Story \"{story}\": {note}")),
                );
            }
        }
        notes
    }

    fn verify(&self, stories: &[String]) -> Result<(), ResponsesError> {
        let mut seen = Vec::new();
        for story in stories {
            let Some((matrix, _)) = self.find(story) else {
                continue;
            };
            if !seen.iter().any(|other| std::ptr::eq(*other, matrix)) {
                matrix.verify()?;
                seen.push(matrix);
            }
        }
        Ok(())
    }

    fn files(&self, stories: &[String]) -> Vec<PathBuf> {
        let matrices = stories.iter().filter_map(|story| self.find(story));
        let mut files: Vec<PathBuf> = matrices.flat_map(|(matrix, _)| matrix.files()).collect();
        files.sort();
        files.dedup();
        files
    }
}
