//! What the window knows: plain data, written by workers and only read by pages.

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::display::sound::Sound;
use heschl_core::speech::card::Card;

use super::brain::BrainInfo;
use super::features::FeatureInfo;
use super::fitting::FitInfo;
use super::jobs::data::QueueInfo;
use super::loading::Loading;
use super::path_purpose::PathPurpose;
use super::state::Study;

pub(crate) use super::story::StoryInfo;
pub(crate) use super::study::StudyContents;

/// What is known of the study's model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelInfo {
    /// The name it was asked for by.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) card: Card,
    /// Where it lies.
    pub(crate) folder: PathBuf,
}

/// Where a model of the list comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelSource {
    /// An encoder of the study, or the starter model.
    Study,
    /// Another one of the catalogue.
    More,
    /// Another repository of the Hub.
    Hub,
    /// The user's own disk.
    Added,
}

/// One model of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelEntry {
    /// Its name.
    pub(crate) name: String,
    /// Repository, or folder.
    pub(crate) origin: String,
    /// Where it comes from.
    pub(crate) source: ModelSource,
    /// What it was trained on, in a sentence.
    pub(crate) about: Option<&'static str>,
    /// Hidden states.
    pub(crate) n_layers: usize,
    /// Features of each.
    pub(crate) dim: usize,
    /// Licence of the weights, if known.
    pub(crate) licence: Option<String>,
    /// Bytes to fetch.
    pub(crate) download_bytes: Option<u64>,
    /// Memory that a job takes, about.
    pub(crate) needed_bytes: u64,
    /// Whether this machine has so much memory.
    pub(crate) fits: bool,
    /// Where it lies, if it is here.
    pub(crate) folder: Option<PathBuf>,
    /// Whether it was installed together with Heschl, and so cannot be deleted alone.
    pub(crate) is_shipped: bool,
    /// Why it cannot be used: a sentence.
    pub(crate) problem: Option<String>,
}

/// What a trial of the encoder gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    /// Full windows computed in a second.
    pub(crate) windows_per_sec: f64,
    /// Memory that the job takes.
    pub(crate) memory_bytes: u64,
    /// Bytes free where the features go.
    pub(crate) free_bytes: Option<u64>,
}

/// What can be computed on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct MachineInfo {
    /// Threads of the processor.
    pub(crate) n_threads: usize,
    /// ONNX Runtime's library, or the sentence that says how to get it.
    pub(crate) runtime: Option<Result<PathBuf, String>>,
    /// Why no NVIDIA GPU is used; `None` if nothing stands against one.
    pub(crate) gpu_blocker: Option<String>,
    /// All memory.
    pub(crate) memory_bytes: u64,
    /// Memory that is free.
    pub(crate) free_memory_bytes: u64,
}

/// How a study is saved.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum SaveStatus {
    /// Saved.
    #[default]
    Saved,
    /// It cannot be saved: a sentence. What was changed stays in the window.
    Unsaved(String),
    /// Another window has it open: a sentence. This one only looks.
    Elsewhere(String),
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogLine {
    /// Seconds since the window opened.
    pub(crate) secs: f64,
    /// What happened.
    pub(crate) text: String,
}

/// Everything that is known.
#[derive(Default)]
pub(crate) struct Info {
    /// Whether the folder's recordings all lie in its subfolders, which are not included.
    pub(crate) is_only_in_subfolders: bool,
    /// The stories of the study's folder.
    pub(crate) stories: Loading<Vec<StoryInfo>>,
    /// The sound of the story that is looked at.
    pub(crate) sound: Loading<Arc<Sound>>,
    /// Whether it is played.
    pub(crate) is_playing: bool,
    /// The study's model.
    pub(crate) model: Loading<ModelInfo>,
    /// All models.
    pub(crate) models: Loading<Vec<ModelEntry>>,
    /// The study's recipe as a job would have it now, if it can run.
    pub(crate) recipe_of_now: Option<String>,
    /// The recipe of its fit, if it can be fitted.
    pub(crate) fit_of_now: Option<String>,
    /// What the study has by now.
    pub(crate) study_contents: Loading<StudyContents>,
    /// The features that are looked at.
    pub(crate) features: FeatureInfo,
    /// What is known of fits and scores.
    pub(crate) fit: FitInfo,
    /// The picture of the cortex.
    pub(crate) brain: BrainInfo,
    /// The jobs.
    pub(crate) queue: QueueInfo,
    /// How fast the study's model runs here.
    pub(crate) trial: Loading<Trial>,
    /// What can be computed on.
    pub(crate) machine: Option<MachineInfo>,
    /// How the study is saved.
    pub(crate) save_status: SaveStatus,
    /// Recent studies that are not where they were.
    pub(crate) missing_studies: Vec<PathBuf>,
    /// The dialog that is open.
    pub(crate) picking: Option<PathPurpose>,
    /// What happened so far.
    pub(crate) log: Vec<LogLine>,
    /// The user's home folder, to shorten paths by.
    pub(crate) home: Option<PathBuf>,
    /// Whether something can be undone, and done again.
    pub(crate) undo: UndoInfo,
}

/// Whether something can be undone, and done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UndoInfo {
    /// Steps back.
    pub(crate) n_back: usize,
    /// Steps forward.
    pub(crate) n_forward: usize,
}

impl Info {
    /// The study's folders of features.
    #[must_use]
    pub(crate) fn own_features(&self) -> &[PathBuf] {
        self.study_contents
            .ready()
            .map_or(&[], |found| &found.all_features)
    }

    /// The study's folders of scores.
    #[must_use]
    pub(crate) fn own_scores(&self) -> &[PathBuf] {
        self.study_contents
            .ready()
            .map_or(&[], |found| &found.all_scores)
    }

    /// The stories that were found.
    #[must_use]
    pub(crate) fn stories(&self) -> &[StoryInfo] {
        self.stories.ready().map_or(&[], Vec::as_slice)
    }

    /// Those that a run would find.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &StoryInfo> {
        self.stories().iter().filter(|story| story.is_listed)
    }

    /// Those that a study extracts.
    pub(crate) fn wanted<'a>(&'a self, study: &'a Study) -> impl Iterator<Item = &'a StoryInfo> {
        self.stories().iter().filter(|story| story.is_wanted(study))
    }
}
