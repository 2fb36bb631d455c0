//! What was measured: responses of one subject, read in blocks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array2, s};

use crate::matrix::Real;

/// Why responses cannot be read: a sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ResponsesError(pub String);

/// Responses of one subject: story → `(n_scans, n_voxels)`.
pub trait ResponseSource: Sync {
    /// The stories, sorted.
    fn stories(&self) -> Vec<String>;

    /// Scans and voxels of a story; `None` if there is no such story.
    fn shape(&self, story: &str) -> Option<(usize, usize)>;

    /// Some scans and voxels of a story, as they were measured: what is no number stays none.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read or has no such rows.
    fn read(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError>;

    /// The same in double precision, if the file has it.
    ///
    /// # Errors
    /// As [`ResponseSource::read`].
    fn read_f64(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f64>, ResponsesError> {
        Ok(self.read(story, scans, voxels)?.mapv(f64::from))
    }

    /// The files that a run over `stories` depends on.
    fn files(&self, stories: &[String]) -> Vec<PathBuf>;
}

/// A number format that responses can be read in.
pub trait Readable: Real {
    /// Reads in this format.
    ///
    /// # Errors
    /// As [`ResponseSource::read`].
    fn read(
        source: &dyn ResponseSource,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<Self>, ResponsesError>;
}

impl Readable for f32 {
    fn read(
        source: &dyn ResponseSource,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<Self>, ResponsesError> {
        source.read(story, scans, voxels)
    }
}

impl Readable for f64 {
    fn read(
        source: &dyn ResponseSource,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<Self>, ResponsesError> {
        source.read_f64(story, scans, voxels)
    }
}

/// Responses that are in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResponsesInMemory(pub BTreeMap<String, Array2<f64>>);

impl ResponseSource for ResponsesInMemory {
    fn stories(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.0.get(story).map(Array2::dim)
    }

    fn read(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError> {
        Ok(self.read_f64(story, scans, voxels)?.mapv(f32::nearest))
    }

    fn read_f64(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f64>, ResponsesError> {
        let responses = self.0.get(story);
        let responses = responses
            .filter(|responses| scans.end <= responses.nrows() && voxels.end <= responses.ncols());
        let responses = responses.ok_or_else(|| {
            ResponsesError(format!(
                "The story \"{story}\" has no such scans or voxels."
            ))
        })?;
        Ok(responses.slice(s![scans, voxels]).to_owned())
    }

    fn files(&self, _stories: &[String]) -> Vec<PathBuf> {
        Vec::new()
    }
}
