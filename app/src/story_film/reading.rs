//! Reads what was measured and predicted in the test stories, when, and what was said.

use std::path::{Path, PathBuf};

use heschl_core::files::formats::npy::{NpyError, StoredMatrix};
use heschl_core::files::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::design::{Alignment, AlignmentQuestion};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe, FeatureKind, RecipeFile};
use heschl_core::speech::stimuli::{self, Depth};
use ndarray::Array2;

use super::{Film, TestStory};
use crate::test_responses::measured;

/// Bytes of a film at most.
const MOST_FILM_BYTES: u64 = 4_000_000_000;

/// Where a film comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorySource {
    /// The folder of the scores.
    pub(crate) scores: PathBuf,
    /// A folder of `TextGrid`s.
    pub(crate) words: Option<PathBuf>,
    /// The folder of the recordings.
    pub(crate) recordings: Option<PathBuf>,
}

impl StorySource {
    /// The folders that the recipe beside the scores names, or that its features were extracted from.
    pub(crate) fn of(scores: &Path) -> Self {
        let recipe = recipe(scores).ok();
        let recordings = recipe.as_ref().and_then(recordings);
        let words = recipe.and_then(|recipe| recipe.controls.textgrids);
        Self {
            scores: scores.to_path_buf(),
            words: words.or_else(|| recordings.clone()),
            recordings,
        }
    }

    /// The recording of a story, if there is one.
    pub(crate) fn recording(&self, story: &str) -> Option<PathBuf> {
        let folder = self.recordings.as_ref()?;
        let found = stimuli::find_stimuli(folder, Depth::Recursive).ok()?;
        let found = found.into_iter().find(|stimulus| stimulus.story == story);
        found.map(|stimulus| stimulus.path)
    }
}

fn recipe(scores: &Path) -> Result<EncodeRecipe, String> {
    let file = EncodeFile::read(&scores.join("recipe.toml")).map_err(|error| error.to_string())?;
    Ok(file.encode.rooted(scores))
}

/// The folder of the recordings: that of the recipe, or the one that the features were extracted from.
fn recordings(recipe: &EncodeRecipe) -> Option<PathBuf> {
    if let Some(folder) = &recipe.controls.recordings {
        return Some(folder.clone());
    }
    let mut folders = recipe.features.iter().filter_map(|set| {
        let file = RecipeFile::read(&set.folder.join("recipe.toml")).ok()?;
        Some(set.folder.join(file.extract.stimuli.recordings_folder()))
    });
    folders.find(|folder| folder.is_dir())
}

/// Reads what all voxels did in the test stories and were predicted to do.
///
/// # Errors
/// A sentence if the fit kept no predictions, or they do not fit the responses.
pub(crate) fn read(
    from: &StorySource,
    n_voxels: usize,
    cancel: &CancelToken,
) -> Result<Film, String> {
    let folder = &from.scores;
    let file = folder.join("predictions.npy");
    if !file.is_file() {
        return Err(
            "The predictions of this fit were not saved. Turn on \"Save predictions\" under Fit, then fit again."
                .into(),
        );
    }
    let say = |error: NpyError| error.to_string();
    let predictions = StoredMatrix::open(&file).map_err(say)?;
    let (n_scans, n_predicted) = predictions.dim();
    if n_predicted != n_voxels {
        return Err(format!(
            "The predictions are of {n_predicted} voxels, but there are scores of {n_voxels}: one of the files is of another fit."
        ));
    }
    let n_bytes = 2 * 4 * n_scans as u64 * n_voxels as u64;
    if n_bytes > MOST_FILM_BYTES {
        return Err(format!(
            "{n_scans} scans of {n_voxels} voxels are too many to be shown as a film."
        ));
    }
    let recipe = recipe(folder)?;
    let measured = measured(&recipe, std::slice::from_ref(&(0..n_voxels)), cancel)?;
    if measured.nrows() != n_scans {
        return Err(format!(
            "The responses now have {} test scans, but {n_scans} were predicted: they have changed since the fit.",
            measured.nrows()
        ));
    }
    let measured = measured.mapv(|value| value as f32);
    let predicted: Array2<f32> = predictions.read(0..n_scans, 0..n_voxels).map_err(say)?;
    let stories = test_stories(from, 0, cancel).unwrap_or_default();
    Film::new(measured, predicted, stories).ok_or_else(|| "There are no test scans.".into())
}

/// When the scans of each test story were taken; `None` where that is not known: features may lie at scan times.
///
/// * `voxel`: one that the responses have.
pub(crate) fn test_stories(
    from: &StorySource,
    voxel: usize,
    cancel: &CancelToken,
) -> Option<Vec<TestStory>> {
    let recipe = recipe(&from.scores).ok()?;
    let options = ResponseOptions {
        mask: recipe.responses.mask.clone(),
        ..ResponseOptions::default()
    };
    let source = open_responses(&recipe.responses.path, &options).ok()?;
    let mut stories: Vec<TestStory> = vec![];
    for story in &recipe.stories.test {
        if cancel.is_cancelled() {
            return None;
        }
        let first_row = stories.last().map_or(0, |story| story.rows.end);
        let words = from.words.as_deref();
        let found = on_clock(&recipe, (story, first_row), (words, voxel), source.as_ref())?;
        stories.push(found);
    }
    Some(stories)
}

fn on_clock(
    recipe: &EncodeRecipe,
    (story, first_row): (&String, usize),
    (words, voxel): (Option<&Path>, usize),
    source: &dyn ResponseSource,
) -> Option<TestStory> {
    let sets = &recipe.features;
    let model = sets.iter().find(|set| set.kind == FeatureKind::Features);
    let names = recipe.responses.presentations(story);
    let question = AlignmentQuestion {
        story: story.clone(),
        features: model.map(|set| set.folder.clone()),
        words: words.map(Path::to_path_buf),
        scans: recipe.scans.clone(),
        trim: recipe.design.trim_test,
        trim_responses: recipe.design.trim_responses_test,
        presentation: names.first().cloned(),
        voxel,
    };
    // Words that cannot be read are no reason not to know when scans were taken.
    let without_words = || {
        let question = AlignmentQuestion {
            words: None,
            ..question.clone()
        };
        Alignment::of(&question, Some(source))
    };
    let found = Alignment::of(&question, Some(source)).or_else(|_| without_words());
    let found = found.ok()?;
    let is_timed = model.is_none() || !found.frame_secs.is_empty();
    let centres = found.scans.filter(|_| is_timed)?.centre_secs;
    let kept = centres.get(found.kept)?;
    Some(TestStory {
        story: story.clone(),
        rows: first_row..first_row + kept.len(),
        centre_secs: kept.to_vec(),
        words: found.words,
    })
}
