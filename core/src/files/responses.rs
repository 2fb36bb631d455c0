//! Responses of one subject, read in blocks of voxels.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array2, s};

use crate::maths::matrix::Real;

/// Error of reading responses, with a message for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ResponsesError(pub String);

/// Responses of one subject: story → `(n_scans, n_voxels)`.
pub trait ResponseSource: Sync {
    /// Returns the names of the stories, sorted.
    fn stories(&self) -> Vec<String>;

    /// Returns the number of scans and voxels of a story; `None` if there is no such story.
    fn shape(&self, story: &str) -> Option<(usize, usize)>;

    /// Reads some scans and voxels of a story as measured, including non-finite values.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has no such rows.
    fn read(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError>;

    /// As [`ResponseSource::read`], in double precision if the file provides it.
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

    /// Returns the repetition time in the file's header, if there is one, seconds.
    fn repetition_secs(&self, _story: &str) -> Option<f64> {
        None
    }

    /// Returns the names of a story's presentations if the file has several; the story's own name then stands for their
    /// mean.
    fn presentations(&self, _story: &str) -> Vec<String> {
        Vec::new()
    }

    /// Returns notes for the user on the files of these stories: unusual headers, data skipped, choices made.
    fn notes(&self, _stories: &[String]) -> Vec<String> {
        Vec::new()
    }

    /// Verifies checksums in the files of these stories that were not verified on opening.
    ///
    /// # Errors
    /// Returns an error if a file is corrupted.
    fn verify(&self, _stories: &[String]) -> Result<(), ResponsesError> {
        Ok(())
    }

    /// Returns the files that a run over `stories` depends on.
    fn files(&self, stories: &[String]) -> Vec<PathBuf>;
}

/// A floating-point type in which responses can be read.
pub trait Readable: Real {
    /// Reads responses in this type.
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

/// Responses held in memory.
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

/// In-memory cache of another source's responses in single precision, for repeated fits of the same voxels.
pub struct KeptResponses<'a> {
    source: &'a dyn ResponseSource,
    kept: BTreeMap<String, Array2<f32>>,
}

impl<'a> KeptResponses<'a> {
    /// Reads all stories of `source` if they fit into `memory_bytes`; else reads pass through to the files.
    ///
    /// # Errors
    /// As [`ResponseSource::read`].
    pub fn new(source: &'a dyn ResponseSource, memory_bytes: u64) -> Result<Self, ResponsesError> {
        let mut kept = BTreeMap::new();
        let stories = source.stories();
        let shapes = stories.iter().filter_map(|story| source.shape(story));
        let n_values = shapes.fold(0_usize, |n, (n_scans, n_voxels)| {
            n.saturating_add(n_scans.saturating_mul(n_voxels))
        });
        if n_values.saturating_mul(size_of::<f32>()) as u64 <= memory_bytes {
            for story in stories {
                let (n_scans, n_voxels) = source.shape(&story).unwrap_or_default();
                let read = source.read(&story, 0..n_scans, 0..n_voxels)?;
                kept.insert(story, read);
            }
        }
        Ok(Self { source, kept })
    }
}

impl ResponseSource for KeptResponses<'_> {
    fn stories(&self) -> Vec<String> {
        self.source.stories()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.source.shape(story)
    }

    fn read(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError> {
        match self.kept.get(story) {
            Some(kept) if scans.end <= kept.nrows() && voxels.end <= kept.ncols() => {
                Ok(kept.slice(s![scans, voxels]).to_owned())
            }
            _ => self.source.read(story, scans, voxels),
        }
    }

    /// Reads the file: the cache is in single precision.
    fn read_f64(
        &self,
        story: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f64>, ResponsesError> {
        self.source.read_f64(story, scans, voxels)
    }

    fn repetition_secs(&self, story: &str) -> Option<f64> {
        self.source.repetition_secs(story)
    }

    fn presentations(&self, story: &str) -> Vec<String> {
        self.source.presentations(story)
    }

    fn notes(&self, stories: &[String]) -> Vec<String> {
        self.source.notes(stories)
    }

    fn verify(&self, stories: &[String]) -> Result<(), ResponsesError> {
        self.source.verify(stories)
    }

    fn files(&self, stories: &[String]) -> Vec<PathBuf> {
        self.source.files(stories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_the_source_has() {
        let story = Array2::from_shape_fn((7, 5), |(scan, voxel)| scan as f64 + 0.1 * voxel as f64);
        let source = ResponsesInMemory(BTreeMap::from([("a".to_string(), story)]));
        for memory_bytes in [7 * 5 * 4, 7 * 5 * 4 - 1] {
            let kept = KeptResponses::new(&source, memory_bytes).unwrap();
            assert_eq!(kept.kept.len(), usize::from(memory_bytes == 140));
            assert_eq!(
                kept.read("a", 2..6, 1..4).unwrap(),
                source.read("a", 2..6, 1..4).unwrap()
            );
            assert_eq!(
                kept.read_f64("a", 2..6, 1..4).unwrap(),
                source.read_f64("a", 2..6, 1..4).unwrap()
            );
            assert!(kept.read("a", 0..8, 0..1).is_err());
            assert!(kept.read("b", 0..1, 0..1).is_err());
        }
    }
}
