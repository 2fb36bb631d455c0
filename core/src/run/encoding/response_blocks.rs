//! Responses at the scans of a design, in blocks of voxels.

use std::ops::Range;

use ndarray::{Array2, Array3, Axis, s};

use crate::files::responses::{Readable, ResponseSource, ResponsesError};
use crate::run::design::{Design, StoryScans};
use crate::run::recipe::EncodeRecipe;

/// Errors of reading the responses of a design.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ResponseBlocksError {
    #[error(transparent)]
    Responses(#[from] ResponsesError),
    #[error(
        "The story \"{story}\" has {found} voxels and \"{first}\" has {expected}. Responses of one subject have the same voxels \
         in every story."
    )]
    Voxels {
        story: String,
        found: usize,
        first: String,
        expected: usize,
    },
    #[error(
        "The presentations of \"{story}\" have {found} and {expected} scans. They must have the same number to be averaged."
    )]
    Presentations {
        story: String,
        found: usize,
        expected: usize,
    },
    #[error("There are no responses to \"{0}\".")]
    Missing(String),
}

/// The responses of a recipe at the scans of its design.
pub struct ResponseBlocks<'a> {
    recipe: &'a EncodeRecipe,
    source: &'a dyn ResponseSource,
    training: &'a [StoryScans],
    test: &'a [StoryScans],
    n_voxels: usize,
}

/// Returns the names under which the presentations of a story are stored: those of the recipe, else those of the files.
#[must_use]
pub fn presentations(
    recipe: &EncodeRecipe,
    source: &dyn ResponseSource,
    story: &str,
) -> Vec<String> {
    let repeats = recipe.responses.presentations(story);
    if !repeats.is_empty() {
        return repeats.to_vec();
    }
    let own = source.presentations(story);
    if own.is_empty() {
        vec![story.to_string()]
    } else {
        own
    }
}

impl<'a> ResponseBlocks<'a> {
    /// Opens the responses and checks that all stories have the same voxels.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if a story is missing or has another number of voxels.
    pub fn new(
        recipe: &'a EncodeRecipe,
        source: &'a dyn ResponseSource,
        design: &'a Design,
    ) -> Result<Self, ResponseBlocksError> {
        Self::of_stories(
            recipe,
            source,
            [&design.training_stories, &design.test_stories],
        )
    }

    /// As [`ResponseBlocks::new`], of the test stories alone.
    ///
    /// # Errors
    /// As [`ResponseBlocks::new`].
    pub fn of_test(
        recipe: &'a EncodeRecipe,
        source: &'a dyn ResponseSource,
        test: &'a [StoryScans],
    ) -> Result<Self, ResponseBlocksError> {
        Self::of_stories(recipe, source, [&[], test])
    }

    fn of_stories(
        recipe: &'a EncodeRecipe,
        source: &'a dyn ResponseSource,
        [training, test]: [&'a [StoryScans]; 2],
    ) -> Result<Self, ResponseBlocksError> {
        let mut measured = Self {
            recipe,
            source,
            training,
            test,
            n_voxels: 0,
        };
        let mut first: Option<(String, usize)> = None;
        for scans in measured.training.iter().chain(measured.test) {
            let presentations = measured.presentations(&scans.story);
            let mut n_scans = None;
            for name in presentations {
                let shape = source.shape(&name);
                let (n, found) = shape.ok_or_else(|| ResponseBlocksError::Missing(name.clone()))?;
                let expected = *n_scans.get_or_insert(n);
                if n != expected {
                    let story = scans.story.clone();
                    return Err(ResponseBlocksError::Presentations {
                        story,
                        found: n,
                        expected,
                    });
                }
                let (first, expected) = first.get_or_insert((name.clone(), found));
                if found != *expected {
                    let (first, expected) = (first.clone(), *expected);
                    return Err(ResponseBlocksError::Voxels {
                        story: name,
                        found,
                        first,
                        expected,
                    });
                }
            }
        }
        measured.n_voxels = first.map_or(0, |(_, n_voxels)| n_voxels);
        Ok(measured)
    }

    /// Returns the number of voxels of the subject.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.n_voxels
    }

    fn presentations(&self, story: &str) -> Vec<String> {
        presentations(self.recipe, self.source, story)
    }

    /// Returns notes on the response files for the user, one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.source.notes(&self.names())
    }

    /// Verifies the checksums that the file formats provide.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if a file is corrupted.
    pub fn verify(&self) -> Result<(), ResponseBlocksError> {
        Ok(self.source.verify(&self.names())?)
    }

    /// Names under which responses are read, one per presentation.
    fn names(&self) -> Vec<String> {
        let stories = self.training.iter().chain(self.test);
        stories
            .flat_map(|scans| self.presentations(&scans.story))
            .collect()
    }

    /// Returns the name under which the first presentation of a story is stored.
    #[must_use]
    pub fn first_presentation(&self, story: &str) -> String {
        self.presentations(story).swap_remove(0)
    }

    /// Returns the paths of all files that are read.
    #[must_use]
    pub fn files(&self) -> Vec<std::path::PathBuf> {
        self.source.files(&self.names())
    }

    /// Reads training responses of some voxels, `(n_training_scans, n_voxels)`, averaged over presentations.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if a file cannot be read.
    pub fn training<T: Readable>(
        &self,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponseBlocksError> {
        self.stacked(self.training, voxels)
    }

    /// Reads test responses of some voxels, `(n_test_scans, n_voxels)`, averaged over presentations.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if a file cannot be read.
    pub fn test<T: Readable>(
        &self,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponseBlocksError> {
        self.stacked(self.test, voxels)
    }

    /// Returns how often the test stories were presented: the number common to all of them, else 1.
    #[must_use]
    pub fn n_presentations(&self) -> usize {
        let counts = self
            .test
            .iter()
            .map(|scans| self.presentations(&scans.story).len());
        counts.min().unwrap_or(1)
    }

    /// Reads each presentation of the test stories, `(n_presentations, n_test_scans, n_voxels)`.
    ///
    /// # Errors
    /// Returns a [`ResponseBlocksError`] if a file cannot be read.
    pub fn test_presentations<T: Readable>(
        &self,
        voxels: Range<usize>,
    ) -> Result<Array3<f64>, ResponseBlocksError> {
        let n_scans = self.test.iter().map(StoryScans::n_scans).sum();
        let mut all = Array3::zeros((self.n_presentations(), n_scans, voxels.len()));
        for (index, mut presentation) in all.outer_iter_mut().enumerate() {
            let mut first = 0;
            for scans in self.test {
                let name = &self.presentations(&scans.story)[index];
                let read = T::read(
                    self.source,
                    name,
                    scans.response_rows.clone(),
                    voxels.clone(),
                )?;
                let rows = first..first + read.nrows();
                presentation
                    .slice_mut(s![rows.clone(), ..])
                    .assign(&read.mapv(T::double));
                first = rows.end;
            }
        }
        Ok(all)
    }

    fn stacked<T: Readable>(
        &self,
        stories: &[StoryScans],
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponseBlocksError> {
        let n_scans = stories.iter().map(StoryScans::n_scans).sum();
        let mut all = Array2::zeros((n_scans, voxels.len()));
        let mut rest = all.view_mut();
        for scans in stories {
            let (mut rows, others) = rest.split_at(Axis(0), scans.n_scans());
            let presentations = self.presentations(&scans.story);
            for name in &presentations {
                rows += &T::read(
                    self.source,
                    name,
                    scans.response_rows.clone(),
                    voxels.clone(),
                )?;
            }
            if presentations.len() > 1 {
                rows /= T::nearest(presentations.len() as f64);
            }
            rest = others;
        }
        Ok(all)
    }
}
