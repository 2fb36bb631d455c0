//! Responses in whatever form a laboratory keeps them, as one source.

mod story;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::joblib::PickledFile;
use super::{hdf5, npz, placeholder};
use crate::matrix::Real;
use crate::responses::{ResponseSource, ResponsesError};
use story::{Form, Mask, StoryMatrix};

/// What is needed beside the responses themselves.
#[derive(Debug, Clone)]
pub struct ResponseOptions {
    /// For volumes: the image whose voxels other than 0 are the columns.
    pub mask: Option<PathBuf>,
    /// A folder for what compressed files unpack to; the files in it have no name and are gone when they are closed.
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

/// Opens a folder with one file per story, or a file that holds one story or all.
///
/// * A folder: `.npy`, `.npz`, `.hf5`, `.h5`, `.hdf5`, `.nii`, `.nii.gz`, `.mgh`, `.mgz`, `.gii`, `.jbl`, `.joblib`, `.pkl`,
///   `.pickle`; the story is the file's name.
/// * A file of joblib or pickle: a dictionary from story to array. `.npz` and HDF5: an array per story.
///
/// Only what says where values lie is read; blocks of values are read when they are asked for.
///
/// # Errors
/// A sentence, if nothing there can be read, or a placeholder lies in the place of a file.
pub fn open(
    path: &Path,
    options: &ResponseOptions,
) -> Result<Box<dyn ResponseSource>, ResponsesError> {
    let mask = options
        .mask
        .as_deref()
        .map(|mask| Mask::open(mask, &options.scratch))
        .transpose()?;
    let stories = if path.is_dir() {
        in_folder(path, mask.as_ref(), options)?
    } else {
        in_file(path, mask.as_ref(), options)?
    };
    if stories.is_empty() {
        return Err(said(
            path,
            "There are no responses that can be read. Expected is a folder with one file per story (.npy, .npz, .hf5, .h5, .nii.gz, \
             .mgz, .gii), or one file with all stories (.jbl, .npz, .h5)",
        ));
    }
    Ok(Box::new(Stories(stories)))
}

type ByStory = BTreeMap<String, StoryMatrix>;

fn in_folder(
    path: &Path,
    mask: Option<&Mask>,
    options: &ResponseOptions,
) -> Result<ByStory, ResponsesError> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| said(path, &format!("The folder cannot be read: {error}")))?;
    let mut stories = ByStory::new();
    for file in entries.flatten().map(|entry| entry.path()) {
        let Some((story, form)) = Form::of_name(&file) else {
            continue;
        };
        let matrix = one_matrix(&file, form, mask, options)?;
        if let Some(other) = stories.insert(story.clone(), matrix) {
            return Err(said(
                &file,
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
) -> Result<ByStory, ResponsesError> {
    let Some((story, form)) = Form::of_name(path) else {
        if !path.exists() && std::fs::read_link(path).is_err() {
            return Err(said(path, "There are no responses here. Look at the path"));
        }
        return Ok(ByStory::new());
    };
    Ok(match form {
        Form::Pickle | Form::Npz | Form::Hdf5 => {
            let all = several_matrices(path, form, options)?;
            let is_one = all.len() == 1;
            let named = all.into_iter().map(|(name, matrix)| match name {
                Some(name) if !(is_one && is_usual(&name)) => (name, matrix),
                _ => (story.clone(), matrix),
            });
            named.collect()
        }
        _ => BTreeMap::from([(story, one_matrix(path, form, mask, options)?)]),
    })
}

/// Names that say nothing of the story.
fn is_usual(name: &str) -> bool {
    matches!(name, "data" | "arr_0" | "responses" | "features")
}

/// The matrices of a file that may hold several, by their names.
fn several_matrices(
    path: &Path,
    form: Form,
    options: &ResponseOptions,
) -> Result<Vec<(Option<String>, StoryMatrix)>, ResponsesError> {
    refuse_placeholder(path)?;
    Ok(match form {
        Form::Pickle => {
            let file = PickledFile::open(path, &options.scratch)?;
            let all = file.matrices(path)?;
            all.into_iter()
                .map(|(name, matrix)| (name, StoryMatrix::Stored(matrix)))
                .collect()
        }
        Form::Npz => {
            let all = npz::matrices(path, &options.scratch)
                .map_err(|error| ResponsesError(error.to_string()))?;
            all.into_iter()
                .map(|(name, matrix)| (Some(name), StoryMatrix::Stored(matrix)))
                .collect()
        }
        _ => {
            let all = hdf5::matrices(path)?;
            all.into_iter()
                .map(|(name, matrix)| (Some(name), StoryMatrix::Hdf5(Box::new(matrix))))
                .collect()
        }
    })
}

/// The matrix of a file of one story.
fn one_matrix(
    path: &Path,
    form: Form,
    mask: Option<&Mask>,
    options: &ResponseOptions,
) -> Result<StoryMatrix, ResponsesError> {
    match form {
        Form::Pickle | Form::Npz | Form::Hdf5 => {
            let mut all = several_matrices(path, form, options)?;
            let usual = all
                .iter()
                .position(|(name, _)| name.as_deref().is_some_and(is_usual));
            if let Some(index) = usual {
                return Ok(all.swap_remove(index).1);
            }
            match (all.pop(), all.len()) {
                (Some((_, matrix)), 0) => Ok(matrix),
                (last, _) => {
                    let names = all.iter().chain(&last).filter_map(|(name, _)| name.clone());
                    let names: Vec<String> = names.collect();
                    Err(said(
                        path,
                        &format!(
                            "The file holds several matrices ({}), and none is called \"data\". Keep the responses alone, or give the \
                             file itself instead of its folder",
                            names.join(", ")
                        ),
                    ))
                }
            }
        }
        _ => {
            refuse_placeholder(path)?;
            StoryMatrix::open(path, form, mask, &options.scratch)
        }
    }
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
struct Stories(ByStory);

impl Stories {
    fn block<T: Real>(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let matrix = self.0.get(story);
        let matrix = matrix
            .ok_or_else(|| ResponsesError(format!("There are no responses to \"{story}\".")))?;
        matrix.read(scans, voxels)
    }
}

impl ResponseSource for Stories {
    fn stories(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.0.get(story).map(StoryMatrix::dim)
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
        self.0.get(story).and_then(StoryMatrix::repetition_secs)
    }

    fn files(&self, stories: &[String]) -> Vec<PathBuf> {
        let matrices = stories.iter().filter_map(|story| self.0.get(story));
        let mut files: Vec<PathBuf> = matrices.map(|matrix| matrix.path().to_path_buf()).collect();
        files.sort();
        files.dedup();
        files
    }
}
