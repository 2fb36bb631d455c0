//! Responses in whatever form a laboratory keeps them, as one source.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::npy::NpyMatrix;
use crate::matrix::Real;
use crate::responses::{ResponseSource, ResponsesError};

/// Opens a folder with one file per story, or a single file of one story, whose name is the file's without suffix.
///
/// # Errors
/// A sentence, if nothing there can be read.
pub fn open(path: &Path) -> Result<Box<dyn ResponseSource>, ResponsesError> {
    let said = |text: &str| ResponsesError(format!("{text}\nFile: {}", path.display()));
    let files = if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| said(&error.to_string()))?;
        entries.flatten().map(|entry| entry.path()).collect()
    } else if path.exists() {
        vec![path.to_path_buf()]
    } else {
        return Err(said("There are no responses here. Look at the path."));
    };
    let mut stories = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "npy"))
    {
        let story = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !story.starts_with('.') {
            let matrix =
                NpyMatrix::open(file).map_err(|error| ResponsesError(error.to_string()))?;
            stories.insert(story, matrix);
        }
    }
    if stories.is_empty() {
        return Err(said(
            "There are no responses that can be read. Expected is a folder with one array per story, such as story.npy.",
        ));
    }
    Ok(Box::new(Matrices(stories)))
}

/// One matrix file per story.
struct Matrices(BTreeMap<String, NpyMatrix>);

impl Matrices {
    fn block<T: Real>(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let matrix = self.0.get(story);
        let matrix = matrix
            .ok_or_else(|| ResponsesError(format!("There are no responses to \"{story}\".")))?;
        let block = matrix.read(scans, voxels);
        block.map_err(|error| ResponsesError(error.to_string()))
    }
}

impl ResponseSource for Matrices {
    fn stories(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.0.get(story).map(NpyMatrix::dim)
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

    fn files(&self, stories: &[String]) -> Vec<PathBuf> {
        let matrices = stories.iter().filter_map(|story| self.0.get(story));
        matrices.map(|matrix| matrix.path().to_path_buf()).collect()
    }
}
