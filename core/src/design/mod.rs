//! The design matrix: features on the scanner's clock, trimmed, z-scored, stacked and delayed.

mod alignment;
mod frames;
mod lengths;

use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

pub use alignment::{Alignment, AlignmentError, AlignmentQuestion, Course};
pub use frames::{FrameReader, Frames};
pub use lengths::fitting_trims;
use lengths::{far_apart, trimmed};

use crate::audio::AudioError;
use crate::delay::delayed;
use crate::downsample::{DownsampleError, Downsampled, downsample};
use crate::formats::npz::NpzError;
use crate::recipe::{EncodeRecipe, Normalisation, ScansRecipe, Trim};
use crate::responses::ResponseSource;
use crate::scans::{ScanTimes, ScansError, TrReport, sound_onset};
use crate::split::{TestFeatures, TrainingFeatures};
use crate::stimuli::StimuliError;
use crate::textgrid::TextGridError;
use crate::zscore::{ColumnStatistics, zscore};

/// Why no design matrix can be made.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum DesignError {
    #[error("There are no features for the story \"{story}\". Extract them first, or leave the story out.\nFile: {}", path.display())]
    NoFeatures { story: String, path: PathBuf },
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
    #[error("There are no sets of features. Add one.")]
    NoFeatureSets,
    #[error("There are no {0} stories.")]
    NoStories(&'static str),
    #[error(
        "The story \"{0}\" is both for training and for the test. The score would be that of a model that knows the answer."
    )]
    InBoth(String),
}

/// A story with the scans that are fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryScans {
    /// Its name.
    pub story: String,
    /// Its scans that are used, as rows of its responses.
    pub response_rows: Range<usize>,
}

impl StoryScans {
    /// How many scans are used.
    #[must_use]
    pub fn n_scans(&self) -> usize {
        self.response_rows.len()
    }
}

/// Number of scans of each story.
#[must_use]
pub fn scans_of(stories: &[StoryScans]) -> Vec<usize> {
    stories.iter().map(StoryScans::n_scans).collect()
}

/// The features of all stories as a model sees them.
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
    /// Each set's name and its number of features before delays.
    pub sets: Vec<(String, usize)>,
    /// The furthest that any row looks ahead of its scan, seconds.
    pub look_ahead_secs: f64,
    /// Mean interval between the scans of the first story, seconds.
    pub repetition_secs: f64,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Training and test stories of a recipe. Without a list, all that have responses and are not tested are trained with.
///
/// # Errors
/// [`DesignError`] if a story is in both lists, has no responses, or a list is empty.
pub fn split_stories(
    recipe: &EncodeRecipe,
    responses: &dyn ResponseSource,
) -> Result<(Vec<String>, Vec<String>), DesignError> {
    let test = recipe.stories.test.clone();
    let repeats: Vec<&String> = recipe.responses.repeats.values().flatten().collect();
    let train: Vec<String> = if recipe.stories.train.is_empty() {
        let others = responses.stories().into_iter();
        others
            .filter(|story| !test.contains(story) && !repeats.contains(&story))
            .collect()
    } else {
        recipe.stories.train.clone()
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

impl Design {
    /// Makes the design matrix.
    ///
    /// # Errors
    /// [`DesignError`] if a file is missing or broken, or features and responses have different lengths.
    pub fn build(
        recipe: &EncodeRecipe,
        responses: &dyn ResponseSource,
    ) -> Result<Self, DesignError> {
        if recipe.features.is_empty() {
            return Err(DesignError::NoFeatureSets);
        }
        let (train, test) = split_stories(recipe, responses)?;
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
            warnings: Vec::new(),
        };
        let design = &recipe.design;
        let training = builder.stories(&train, design.trim_train, design.trim_responses_train)?;
        let tested = builder.stories(&test, design.trim_test, design.trim_responses_test)?;
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
            warnings: builder.warnings,
        })
    }
}

/// Z-scores stories and stacks them; what is no number becomes 0.
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
    let (mut training, mut test) = (stacked(&training), stacked(&test));
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

fn stacked(stories: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<ArrayView2<f64>> = stories.iter().map(|story| story.view()).collect();
    // All have as many columns: the builder has made sure of it.
    concatenate(Axis(0), &views).unwrap_or_default()
}

struct Builder<'a> {
    recipe: &'a EncodeRecipe,
    responses: &'a dyn ResponseSource,
    readers: Vec<FrameReader<'a>>,
    sets: Vec<(String, usize)>,
    look_ahead_secs: f64,
    repetition_secs: Option<f64>,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
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

    /// One story's features at its scans, all sets side by side.
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
        let (scans, file) = scan_times(&self.recipe.scans, story, n_expected, header_secs)?;
        self.files.extend(file);
        self.warnings
            .extend(other_repetition(story, &scans, header_secs));
        self.repetition_secs.get_or_insert(scans.repetition_secs);
        let mut all = Array2::zeros((response_rows.len(), 0));
        for set in 0..self.readers.len() {
            let features = self.set(set, story, &scans)?;
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
            // Both have as many rows.
            all = concatenate(Axis(1), &[all.view(), rows]).unwrap_or(all);
        }
        let scans = StoryScans {
            story: story.to_string(),
            response_rows,
        };
        Ok((scans, all))
    }

    /// One set's features at the scans of a story.
    fn set(
        &mut self,
        index: usize,
        story: &str,
        scans: &ScanTimes,
    ) -> Result<Array2<f64>, DesignError> {
        let name = &self.recipe.features[index].name;
        self.files.extend(self.readers[index].files(story));
        let frames = self.readers[index].read(story, scans.centre_secs.len())?;
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
                self.warnings
                    .extend(far_apart(story, name, frame_secs, scans));
                let Downsampled { features, .. } = at_scans;
                features
            }
        };
        match self.sets.get(index) {
            None => self.sets.push((name.clone(), features.ncols())),
            Some((_, expected)) if *expected != features.ncols() => {
                return Err(DesignError::Columns {
                    set: name.clone(),
                    story: story.to_string(),
                    found: features.ncols(),
                    expected: *expected,
                });
            }
            Some(_) => {}
        }
        Ok(features)
    }
}

/// The name under which a story's responses lie, or those of its first presentation.
fn response_name<'a>(recipe: &'a EncodeRecipe, story: &'a str) -> &'a str {
    let repeats = recipe.responses.repeats.get(story);
    repeats
        .and_then(|names| names.first())
        .map_or(story, String::as_str)
}

/// The repetition time that the header of a story's responses has.
fn header_secs(recipe: &EncodeRecipe, responses: &dyn ResponseSource, story: &str) -> Option<f64> {
    responses.repetition_secs(response_name(recipe, story))
}

/// A sentence, if scan times and header are of different scanners.
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

/// Scans of a story's responses, or of its presentations where it has several.
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

/// When the volumes of a story were taken, and the file that says so.
///
/// * `n_scans`: how many there are, if nothing else says so.
/// * `header_secs`: from one volume to the next as the responses' header has it, seconds.
///
/// # Errors
/// [`DesignError`] if the file is missing or makes no sense.
pub fn scan_times(
    recipe: &ScansRecipe,
    story: &str,
    n_scans: usize,
    header_secs: Option<f64>,
) -> Result<(ScanTimes, Option<PathBuf>), DesignError> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|source| DesignError::Unreadable {
            source,
            path: path.clone(),
        })
    };
    let (times, path) = match recipe {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => (
            ScanTimes::simulated(n_scans, *repetition_secs, *sound_start_secs),
            None,
        ),
        ScansRecipe::Reports { folder, repair } => {
            let path = folder.join(format!("{story}.report"));
            let report = TrReport::parse(&read(&path)?, *repair);
            (report.map(|report| report.scan_times()), Some(path))
        }
        ScansRecipe::Events {
            folder,
            repetition_secs,
        } => {
            let named = |end: &str| folder.join(format!("{story}{end}"));
            let there = ["_events.tsv", ".tsv"]
                .map(named)
                .into_iter()
                .find(|path| path.is_file());
            let path = there.unwrap_or_else(|| named("_events.tsv"));
            let repetition_secs = repetition_secs
                .or(header_secs)
                .ok_or_else(|| DesignError::NoRepetition(story.to_string()))?;
            let onset = sound_onset(&read(&path)?, story);
            let times =
                onset.and_then(|onset| ScanTimes::simulated(n_scans, repetition_secs, onset));
            (times, Some(path))
        }
        ScansRecipe::Lists { folder } => {
            let named = |extension| folder.join(format!("{story}.{extension}"));
            let there = ["txt", "csv", "json"]
                .map(named)
                .into_iter()
                .find(|path| path.is_file());
            let path = there.unwrap_or_else(|| named("txt"));
            (ScanTimes::parse_list(&read(&path)?), Some(path))
        }
    };
    let times = times.map_err(|source| match path.clone() {
        Some(path) => DesignError::Scans { source, path },
        None => DesignError::EvenScans(source),
    })?;
    Ok((times, path))
}

#[cfg(test)]
mod tests;
