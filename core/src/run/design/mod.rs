//! The design matrix: features resampled to the scans, trimmed, z-scored, concatenated and delayed.

mod alignment;
mod frames;
mod lengths;
mod notes;
mod scan_times;
mod test_scans;

use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array2, ArrayView1, ArrayView2, s};

pub use alignment::{Alignment, AlignmentError, AlignmentQuestion, TimeCourse};
pub use frames::{FrameReader, Frames};
pub use lengths::fitting_trims;
use lengths::{far_apart, trimmed};
use notes::Notes;
pub use scan_times::{FoundScans, scan_times};
pub use test_scans::test_scans;

use crate::files::formats::npz::NpzError;
use crate::files::names;
use crate::files::responses::{ResponseSource, ResponsesError};
use crate::fmri::delay::delayed;
use crate::fmri::downsample::{DownsampleError, Downsampled, downsample};
use crate::fmri::scans::{ScanTimes, ScansError};
use crate::fmri::textgrid::TextGridError;
use crate::fmri::zscore::{ColumnStatistics, zscore};
use crate::linear::split::{TestFeatures, TrainingFeatures};
use crate::maths::matrix::{Real, hstack, vstack};
use crate::remedy::Remedy;
use crate::run::recipe::{EncodeRecipe, Normalisation, Trim};
use crate::speech::audio::AudioError;
use crate::speech::stimuli::StimuliError;

/// Errors that prevent a design matrix from being built.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum DesignError {
    #[error("There are no features for the story \"{story}\". Extract them first, or leave the story out.\nFile: {}", path.display())]
    NoFeatures { story: String, path: PathBuf },
    #[error(
        "The features come from one file for all stories, which has no layer \"{layer}\". Leave the layer out, or give a folder.\nFile: {}",
        path.display()
    )]
    LayerOfFile { layer: String, path: PathBuf },
    #[error(transparent)]
    Responses(#[from] ResponsesError),
    #[error("There is no recording of the story \"{story}\" to compute sound features from.")]
    NoRecording { story: String },
    #[error(
        "There are no responses to the story \"{0}\". Leave it out, or look whether it has another name there."
    )]
    NoResponses(String),
    #[error("The file cannot be read: {source}\nFile: {}", path.display())]
    Unreadable {
        source: std::io::Error,
        path: PathBuf,
    },
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error(transparent)]
    Audio(#[from] AudioError),
    #[error(transparent)]
    Stimuli(#[from] StimuliError),
    #[error("{source}\nFile: {}", path.display())]
    TextGrid {
        source: TextGridError,
        path: PathBuf,
    },
    #[error("{source}\nFile: {}", path.display())]
    Scans { source: ScansError, path: PathBuf },
    #[error(transparent)]
    EvenScans(ScansError),
    #[error(
        "The recipe gives no repetition time, and the header of the responses to \"{0}\" has none either. Add it to [encode.scans]: \
         repetition_secs = 2.0, for instance."
    )]
    NoRepetition(String),
    #[error("Story \"{story}\": {source}")]
    Downsample {
        story: String,
        source: DownsampleError,
    },
    #[error(
        "Story \"{story}\" has {n_features} scans of features after the trim of [{}, {}] and {n_responses} scans of responses after \
         the trim of [{}, {}]. {advice}",
        trim.start_scans, trim.end_scans, trim_responses.start_scans, trim_responses.end_scans
    )]
    Lengths {
        story: String,
        n_features: usize,
        n_responses: usize,
        trim: Trim,
        trim_responses: Trim,
        advice: String,
    },
    #[error(
        "Story \"{story}\" has {n_scans} scans, of which the trim of [{}, {}] leaves none. Trim less, or leave the story out.",
        trim.start_scans, trim.end_scans
    )]
    NothingLeft {
        story: String,
        n_scans: usize,
        trim: Trim,
    },
    #[error(
        "The set \"{set}\" has {found} features for \"{story}\" and {expected} for the stories before it. Its folder mixes models."
    )]
    Columns {
        set: String,
        story: String,
        found: usize,
        expected: usize,
    },
    #[error(
        "Row {row} (counted from 0) of the features \"{set}\" of the story \"{story}\" holds a value that is not a number (NaN or infinite). With it, \
         all features of the story would count as 0. Extract the story again, or leave it out.\nFile: {}", path.display()
    )]
    NotFinite {
        set: String,
        story: String,
        row: usize,
        path: PathBuf,
    },
    #[error(
        "Row {row} (counted from 0) of the times of the story \"{story}\" is not a number (NaN or infinite). Extract the story again, or leave it \
         out.\nFile: {}", path.display()
    )]
    TimeNotFinite {
        story: String,
        row: usize,
        path: PathBuf,
    },
    #[error("There are no sets of features. Add one.")]
    NoFeatureSets,
    #[error("There are no {0} stories.")]
    NoStories(&'static str),
    #[error(
        "The story \"{0}\" is both for training and for the test. The score would be that of a model that knows the answer."
    )]
    InBoth(String),
}

impl DesignError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Audio(error) => error.remedies(),
            Self::Stimuli(error) => error.remedies(),
            Self::NotFinite { .. } | Self::TimeNotFinite { .. } => vec![Remedy::ExtractAgain],
            _ => Vec::new(),
        }
    }
}

/// A story and the range of its scans that enter the fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryScans {
    /// Its name.
    pub story: String,
    /// Range of its scans, as rows of its responses.
    pub response_rows: Range<usize>,
}

impl StoryScans {
    /// Returns the number of scans used.
    #[must_use]
    pub fn n_scans(&self) -> usize {
        self.response_rows.len()
    }
}

/// Returns the number of scans of each story.
#[must_use]
pub fn scans_of(stories: &[StoryScans]) -> Vec<usize> {
    stories.iter().map(StoryScans::n_scans).collect()
}

/// The design matrix of all stories.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// `(n_training_scans, n_delays · n_features)`.
    pub training: TrainingFeatures,
    /// `(n_test_scans, n_delays · n_features)`.
    pub test: TestFeatures,
    /// Training stories, in the order of the rows.
    pub training_stories: Vec<StoryScans>,
    /// Test stories, in the order of the rows.
    pub test_stories: Vec<StoryScans>,
    /// Summary of each feature set.
    pub sets: Vec<SetColumns>,
    /// Furthest that a row looks ahead of its scan, seconds.
    pub look_ahead_secs: f64,
    /// Repetition time: mean interval between the scans of the first story, seconds.
    pub repetition_secs: f64,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Summary of a feature set in the design matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetColumns {
    /// Its name.
    pub name: String,
    /// Number of features, before delays.
    pub n_features: usize,
    /// Whether its rows were sampled at the scans in every story, so that nothing was resampled.
    pub at_scan_times: bool,
}

/// Returns the training and test stories of a recipe. Without a list of training stories, all stories with responses that
/// are not test stories are used.
///
/// # Errors
/// Returns a [`DesignError`] if a story is in both lists, has no responses, or a list is empty.
pub fn split_stories(
    recipe: &EncodeRecipe,
    responses: &dyn ResponseSource,
) -> Result<(Vec<String>, Vec<String>), DesignError> {
    let test = under_measured_names(&recipe.stories.test, responses);
    let train: Vec<String> = if recipe.stories.train.is_empty() {
        let others = responses.stories().into_iter();
        others
            .filter(|story| !test.contains(story) && !recipe.responses.is_presentation(story))
            .collect()
    } else {
        under_measured_names(&recipe.stories.train, responses)
    };
    if train.is_empty() || test.is_empty() {
        let which = if train.is_empty() { "training" } else { "test" };
        return Err(DesignError::NoStories(which));
    }
    if let Some(both) = train.iter().find(|story| test.contains(story)) {
        return Err(DesignError::InBoth(both.clone()));
    }
    Ok((train, test))
}

/// Replaces story names by those of the responses, which may differ in Unicode normalisation.
fn under_measured_names(stories: &[String], responses: &dyn ResponseSource) -> Vec<String> {
    let measured = responses.stories();
    let name = |story: &String| {
        let wanted = names::composed(story);
        let alike = || measured.iter().find(|name| names::composed(name) == wanted);
        let found = measured.iter().find(|name| *name == story).or_else(alike);
        found.unwrap_or(story).clone()
    };
    stories.iter().map(name).collect()
}

impl Design {
    /// Builds the design matrix.
    ///
    /// # Errors
    /// Returns a [`DesignError`] if a file is missing or broken, or if features and responses have different lengths.
    pub fn build(
        recipe: &EncodeRecipe,
        responses: &dyn ResponseSource,
    ) -> Result<Self, DesignError> {
        let (train, test) = split_stories(recipe, responses)?;
        Self::of_stories(recipe, responses, [&train, &test])
    }

    /// As [`Self::build`], for existing weights: training stories are read only if the test stories are z-scored with their
    /// statistics.
    ///
    /// # Errors
    /// As [`Design::build`].
    pub fn for_test(
        recipe: &EncodeRecipe,
        responses: &dyn ResponseSource,
    ) -> Result<Self, DesignError> {
        if recipe.design.normalisation == Normalisation::TrainingStatistics {
            return Self::build(recipe, responses);
        }
        if recipe.stories.test.is_empty() {
            return Err(DesignError::NoStories("test"));
        }
        Self::of_stories(recipe, responses, [&[], &recipe.stories.test])
    }

    fn of_stories(
        recipe: &EncodeRecipe,
        responses: &dyn ResponseSource,
        [train, test]: [&[String]; 2],
    ) -> Result<Self, DesignError> {
        if recipe.features.is_empty() {
            return Err(DesignError::NoFeatureSets);
        }
        let mut builder = Builder {
            recipe,
            responses,
            readers: recipe
                .features
                .iter()
                .map(FrameReader::new)
                .collect::<Result<_, _>>()?,
            sets: Vec::new(),
            look_ahead_secs: 0.0,
            repetition_secs: None,
            files: Vec::new(),
            notes: Notes::default(),
        };
        let design = &recipe.design;
        let training = builder.stories(train, design.trim_train, design.trim_responses_train)?;
        let tested = builder.stories(test, design.trim_test, design.trim_responses_test)?;
        let (training_features, test_features) = normalised(training.1, tested.1, recipe);
        let delay = |features: Array2<f64>, stories: &[StoryScans]| {
            let scans = scans_of(stories);
            delayed(
                features.view(),
                &design.delays,
                &scans,
                design.delay_borders,
            )
        };
        Ok(Self {
            training: TrainingFeatures(delay(training_features, &training.0)),
            test: TestFeatures(delay(test_features, &tested.0)),
            training_stories: training.0,
            test_stories: tested.0,
            sets: builder.sets,
            look_ahead_secs: builder.look_ahead_secs,
            repetition_secs: builder.repetition_secs.unwrap_or(f64::NAN),
            files: builder.files,
            warnings: builder.notes.sentences(),
        })
    }
}

/// Z-scores and concatenates stories; non-finite values become 0.
fn normalised(
    mut training: Vec<Array2<f64>>,
    mut test: Vec<Array2<f64>>,
    recipe: &EncodeRecipe,
) -> (Array2<f64>, Array2<f64>) {
    if recipe.design.normalisation == Normalisation::PerStory {
        for story in training.iter_mut().chain(&mut test) {
            zscore(story.view_mut());
        }
    }
    let (mut training, mut test) = (all_of(&training), all_of(&test));
    if recipe.design.normalisation == Normalisation::TrainingStatistics {
        let statistics = ColumnStatistics::of(training.view());
        statistics.apply(training.view_mut());
        statistics.apply(test.view_mut());
    }
    for features in [&mut training, &mut test] {
        features.mapv_inplace(|value| if value.is_nan() { 0.0 } else { value });
    }
    (training, test)
}

fn all_of(stories: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<ArrayView2<f64>> = stories.iter().map(|story| story.view()).collect();
    vstack(&views)
}

struct Builder<'a> {
    recipe: &'a EncodeRecipe,
    responses: &'a dyn ResponseSource,
    readers: Vec<FrameReader<'a>>,
    sets: Vec<SetColumns>,
    look_ahead_secs: f64,
    repetition_secs: Option<f64>,
    files: Vec<PathBuf>,
    notes: Notes,
}

type Stories = (Vec<StoryScans>, Vec<Array2<f64>>);

impl Builder<'_> {
    fn stories(
        &mut self,
        stories: &[String],
        trim: Trim,
        trim_responses: Trim,
    ) -> Result<Stories, DesignError> {
        let mut result = Stories::default();
        for story in stories {
            let (scans, features) = self.story(story, trim, trim_responses)?;
            result.0.push(scans);
            result.1.push(features);
        }
        Ok(result)
    }

    /// One story's features at its scans, all sets concatenated.
    fn story(
        &mut self,
        story: &str,
        trim: Trim,
        trim_responses: Trim,
    ) -> Result<(StoryScans, Array2<f64>), DesignError> {
        let n_measured = n_scans(self.recipe, self.responses, story)?;
        let response_rows = trimmed(story, n_measured, trim_responses)?;
        let n_expected = response_rows.len() + trim.total();
        let header_secs = header_secs(self.recipe, self.responses, story);
        let found = scan_times(&self.recipe.scans, story, n_expected, header_secs)?;
        self.files.extend(found.file);
        self.notes
            .found_scans(story, found.onset.as_ref(), found.warnings);
        let scans = found.times;
        self.notes
            .whole(other_repetition(story, &scans, header_secs));
        self.repetition_secs.get_or_insert(scans.repetition_secs);
        let mut all = Array2::zeros((response_rows.len(), 0));
        for set in 0..self.readers.len() {
            let (features, odd_row) = self.set(set, story, &scans)?;
            let rows = trimmed(story, features.nrows(), trim)?;
            if rows.len() != response_rows.len() {
                let n_responses = response_rows.len();
                return Err(lengths::mismatch(
                    story,
                    [rows.len(), n_responses],
                    [trim, trim_responses],
                ));
            }
            let rows = features.slice(s![rows, ..]);
            self.report_not_finite(set, story, rows, odd_row)?;
            // Both have the same number of rows.
            all = hstack(&[all.view(), rows]);
        }
        let scans = StoryScans {
            story: story.to_string(),
            response_rows,
        };
        Ok((scans, all))
    }

    /// One set's features at the scans of a story, and the first input row with a non-finite value.
    fn set(
        &mut self,
        index: usize,
        story: &str,
        scans: &ScanTimes,
    ) -> Result<(Array2<f64>, Option<usize>), DesignError> {
        let name = &self.recipe.features[index].name;
        self.files.extend(self.readers[index].files(story));
        let frames = self.readers[index].read(story, scans.centre_secs.len())?;
        let path = || self.readers[index].files(story).swap_remove(0);
        let odd_time = frames
            .frame_secs
            .iter()
            .flatten()
            .position(|secs| !secs.is_finite());
        if let Some(row) = odd_time {
            let story = story.to_string();
            return Err(DesignError::TimeNotFinite {
                story,
                row,
                path: path(),
            });
        }
        for note in &frames.notes {
            self.notes.of(story, note.clone());
        }
        let odd_row = first_odd_row(frames.features.view());
        let features = match &frames.frame_secs {
            None => frames.features.mapv(f64::from),
            Some(frame_secs) => {
                let method = self.recipe.downsampling;
                let at_scans = downsample(frames.features.view(), frame_secs, scans, method);
                let at_scans = at_scans.map_err(|source| DesignError::Downsample {
                    story: story.to_string(),
                    source,
                })?;
                self.look_ahead_secs = self.look_ahead_secs.max(at_scans.longest_look_ahead_secs());
                self.notes.whole(far_apart(story, name, frame_secs, scans));
                let Downsampled { features, .. } = at_scans;
                features
            }
        };
        let at_scan_times = frames.frame_secs.is_none();
        match self.sets.get_mut(index) {
            None => self.sets.push(SetColumns {
                name: name.clone(),
                n_features: features.ncols(),
                at_scan_times,
            }),
            Some(set) if set.n_features != features.ncols() => {
                return Err(DesignError::Columns {
                    set: name.clone(),
                    story: story.to_string(),
                    found: features.ncols(),
                    expected: set.n_features,
                });
            }
            Some(set) => set.at_scan_times &= at_scan_times,
        }
        Ok((features, odd_row))
    }

    /// Returns an error if non-finite values would zero a whole set in a story, and warns if they would zero some of its
    /// features.
    fn report_not_finite(
        &mut self,
        index: usize,
        story: &str,
        at_scans: ArrayView2<f64>,
        odd_row: Option<usize>,
    ) -> Result<(), DesignError> {
        let is_odd = |column: ArrayView1<f64>| column.iter().any(|value| !value.is_finite());
        let n_odd = at_scans
            .columns()
            .into_iter()
            .filter(|column| is_odd(*column))
            .count();
        if n_odd == 0 {
            return Ok(());
        }
        let set = self.recipe.features[index].name.clone();
        let row = odd_row
            .or_else(|| first_odd_row(at_scans))
            .unwrap_or_default();
        if n_odd == at_scans.ncols() {
            return Err(DesignError::NotFinite {
                set,
                story: story.to_string(),
                row,
                path: self.readers[index]
                    .files(story)
                    .into_iter()
                    .next()
                    .unwrap_or_default(),
            });
        }
        let what = format!(
            "row {row} (counted from 0) of the features \"{set}\" holds a value that is not a number; {n_odd} of {} features so count \
             as 0 in the whole story, as in the published code. Better extract it again",
            at_scans.ncols()
        );
        self.notes.of(story, what);
        Ok(())
    }
}

/// The first row with a non-finite value.
fn first_odd_row<T: Real>(rows: ArrayView2<T>) -> Option<usize> {
    let is_odd = |row: &ArrayView1<T>| row.iter().any(|value| !value.is_finite());
    rows.rows().into_iter().position(|row| is_odd(&row))
}

/// The name of a story's responses, or of their first presentation.
fn response_name<'a>(recipe: &'a EncodeRecipe, story: &'a str) -> &'a str {
    let names = recipe.responses.presentations(story);
    names.first().map_or(story, String::as_str)
}

/// The repetition time in the header of a story's responses.
fn header_secs(recipe: &EncodeRecipe, responses: &dyn ResponseSource, story: &str) -> Option<f64> {
    responses.repetition_secs(response_name(recipe, story))
}

/// Returns a warning if the scan times and the header disagree on the repetition time.
fn other_repetition(story: &str, scans: &ScanTimes, header_secs: Option<f64>) -> Option<String> {
    let header_secs = header_secs?;
    let is_other = (scans.repetition_secs / header_secs - 1.0).abs() > 0.01;
    is_other.then(|| {
        format!(
            "Story \"{story}\": scans are taken to be {:.4} s apart, but the header of the responses says {header_secs:.4} s. One of \
             the two is wrong.",
            scans.repetition_secs
        )
    })
}

/// Number of scans of a story's responses, or of its presentations if there are several.
fn n_scans(
    recipe: &EncodeRecipe,
    responses: &dyn ResponseSource,
    story: &str,
) -> Result<usize, DesignError> {
    let name = response_name(recipe, story);
    let shape = responses.shape(name);
    let (n_scans, _) = shape.ok_or_else(|| DesignError::NoResponses(name.to_string()))?;
    Ok(n_scans)
}

#[cfg(test)]
mod tests;
