//! What is known of jobs: plain data.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use heschl_core::remedy::Remedy;
use serde::{Deserialize, Serialize};

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Task {
    /// Features of stories, as the recipe beside the job says.
    Extract {
        /// The study's folder.
        study: Option<PathBuf>,
        /// Where the features go: the model's folder.
        features: PathBuf,
    },
    /// Scores of voxels, as the recipe beside the job says.
    Encode {
        /// The study's folder.
        study: Option<PathBuf>,
        /// Where the scores go.
        scores: PathBuf,
    },
    /// The whole sample: features, responses and scores.
    Sample {
        /// The study's folder.
        study: PathBuf,
        /// Where the scores go.
        scores: PathBuf,
    },
    /// A model from the Hub.
    Fetch {
        /// Its name.
        model: String,
    },
    /// ONNX Runtime, which computes.
    Runtime,
    /// A model from the disk.
    Add {
        /// Its folder, or its ONNX file.
        path: PathBuf,
    },
    /// A model is tried on a recording.
    Check {
        /// Its name.
        model: String,
    },
}

impl Task {
    /// Whether it computes, so that only one runs at a time.
    #[must_use]
    pub(crate) fn computes(&self) -> bool {
        matches!(
            self,
            Self::Extract { .. } | Self::Encode { .. } | Self::Sample { .. } | Self::Check { .. }
        )
    }

    /// Whether it extracts for the study of a folder.
    #[must_use]
    pub(crate) fn is_of_study(&self, folder: &Path) -> bool {
        matches!(self, Self::Extract { study: Some(study), .. } if study == folder)
    }

    /// Whether it fits.
    #[must_use]
    pub(crate) fn is_fit(&self) -> bool {
        matches!(self, Self::Encode { .. } | Self::Sample { .. })
    }

    /// Whether it fits for the study of a folder.
    #[must_use]
    pub(crate) fn is_fit_of_study(&self, folder: &Path) -> bool {
        match self {
            Self::Encode { study, .. } => study.as_deref() == Some(folder),
            Self::Sample { study, .. } => study == folder,
            _ => false,
        }
    }

    /// The model that it fetches.
    #[must_use]
    pub(crate) fn fetched_model(&self) -> Option<&str> {
        match self {
            Self::Fetch { model } => Some(model),
            _ => None,
        }
    }
}

/// A job that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewJob {
    /// What the card is called.
    pub(crate) title: String,
    /// What it does it with, in a line.
    pub(crate) subtitle: String,
    /// What it does.
    pub(crate) task: Task,
    /// The recipe, as its file has it.
    pub(crate) recipe: Option<String>,
    /// ONNX Runtime's library, where the user set one.
    pub(crate) runtime: Option<PathBuf>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum JobState {
    /// Its turn has not come.
    Waiting,
    /// Its process runs.
    Running,
    /// It was stopped and can go on.
    Paused,
    /// All is done.
    Done,
    /// Some stories are done and the others cannot be: a sentence.
    Partly {
        /// Which, what is wrong and what to do.
        message: String,
    },
    /// It failed: a sentence.
    Failed {
        /// What is wrong and what to do.
        message: String,
    },
    /// Its process was ended from outside, or the machine was switched off; it can go on.
    Broken {
        /// What is known of it.
        message: String,
    },
    /// The user wants it no more.
    Cancelled,
}

impl JobState {
    /// Whether it runs or will run.
    #[must_use]
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }

    /// Whether nothing more is to come of it.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Partly { .. } | Self::Cancelled)
    }

    /// Whether there is something to look at.
    #[must_use]
    pub(crate) fn has_results(&self) -> bool {
        matches!(self, Self::Done | Self::Partly { .. })
    }
}

/// When a job's last process began and ended, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Times {
    /// When it began, if it has.
    pub(crate) began_secs: Option<u64>,
    /// When it ended, if it has.
    pub(crate) ended_secs: Option<u64>,
}

impl Times {
    /// The time of now.
    #[must_use]
    pub(crate) fn now_secs() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    }
}

/// What can be done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobCommand {
    /// Stop it; what it has is kept.
    Pause,
    /// Let it go on, or begin again.
    GoOn,
    /// Stop it for good; what is finished stays.
    Cancel,
    /// Before the one before it.
    Up,
    /// After the one after it.
    Down,
    /// Take it off the list.
    Remove,
}

/// What a job's progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Counted {
    /// Windows of sound.
    #[default]
    Windows,
    /// Voxels.
    Voxels,
    /// What is fetched.
    Bytes,
}

/// How much is done.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Progress {
    /// What is being done now, in words.
    pub(crate) stage: String,
    /// The story in hand.
    pub(crate) story: Option<String>,
    /// Where this stage lies in the whole job, from 0 to 1, and which of how many it is; `None` where the job has one stage.
    pub(crate) part: Option<StagePart>,
    /// Things done and things in all.
    pub(crate) done: Option<(u64, u64)>,
    /// What they are.
    pub(crate) counted: Counted,
    /// Things a second.
    pub(crate) per_sec: Option<f64>,
    /// Stories that could not be done, each with its sentence.
    pub(crate) failed: Vec<(String, String)>,
    /// What the user can do about what failed, best first.
    pub(crate) remedies: Vec<Remedy>,
    /// What the user should know, in sentences.
    pub(crate) warnings: Vec<String>,
    /// What it is computed on.
    pub(crate) device: Option<String>,
    /// How it ended, if it said so: stories done, done before, failed, and whether a stop was asked for.
    pub(crate) finished: Option<(usize, usize, usize, bool)>,
    /// What came of it, in a few words.
    pub(crate) outcome: Option<String>,
}

/// A stage of a job that has several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StagePart {
    /// Which, from 1, and of how many.
    pub(crate) number: [usize; 2],
    /// The shares of the whole job at which it begins and ends.
    pub(crate) span: [f32; 2],
}

impl Progress {
    /// The share of the job that is done, 0 to 1.
    #[must_use]
    pub(crate) fn share(&self) -> Option<f32> {
        let of_stage = self
            .done
            .filter(|(_, all)| *all > 0)
            .map(|(done, all)| (done as f32 / all as f32).clamp(0.0, 1.0));
        match self.part {
            Some(StagePart {
                span: [begin, end], ..
            }) => Some(begin + (end - begin) * of_stage.unwrap_or(0.0)),
            None => of_stage,
        }
    }

    /// Seconds until it is done, at the speed of now.
    #[must_use]
    pub(crate) fn secs_left(&self) -> Option<f64> {
        let (done, all) = self.done?;
        let per_sec = self.per_sec.filter(|per_sec| *per_sec > 0.0)?;
        Some(all.saturating_sub(done) as f64 / per_sec)
    }
}

/// A job as the window sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobInfo {
    /// Its name among jobs.
    pub(crate) id: String,
    /// What its card is called.
    pub(crate) title: String,
    /// What it does it with.
    pub(crate) subtitle: String,
    /// What it does.
    pub(crate) task: Task,
    /// Its recipe, as its file has it.
    pub(crate) recipe: Option<String>,
    /// How far it is.
    pub(crate) state: JobState,
    /// Whether it was told to stop and has not yet.
    pub(crate) is_stopping: bool,
    /// How much is done.
    pub(crate) progress: Progress,
    /// When it ran.
    pub(crate) times: Times,
    /// Its last words.
    pub(crate) last_lines: Vec<String>,
}

/// What the queue tells the window.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct QueueInfo {
    /// Whether the folder of jobs was looked at.
    pub(crate) is_known: bool,
    /// The jobs, in their order.
    pub(crate) jobs: Vec<JobInfo>,
    /// Another window leads the queue: this one only looks.
    pub(crate) is_run_elsewhere: bool,
    /// Why jobs cannot be kept: a sentence.
    pub(crate) problem: Option<String>,
}

impl QueueInfo {
    /// The job that computes now.
    #[must_use]
    pub(crate) fn running(&self) -> Option<&JobInfo> {
        let mut running = self
            .jobs
            .iter()
            .filter(|job| job.state == JobState::Running);
        running
            .clone()
            .find(|job| job.task.computes())
            .or_else(|| running.next())
    }

    /// Jobs that run or will run.
    #[must_use]
    pub(crate) fn n_alive(&self) -> usize {
        self.jobs.iter().filter(|job| job.state.is_alive()).count()
    }

    /// The job that fetches a model, unless it is done.
    #[must_use]
    pub(crate) fn fetching(&self, model: &str) -> Option<&JobInfo> {
        self.not_over(|task| task.fetched_model() == Some(model))
    }

    /// The job that gets ONNX Runtime, unless it is done.
    #[must_use]
    pub(crate) fn fetching_runtime(&self) -> Option<&JobInfo> {
        self.not_over(|task| *task == Task::Runtime)
    }

    fn not_over(&self, is_asked: impl Fn(&Task) -> bool) -> Option<&JobInfo> {
        let mut jobs = self.jobs.iter().rev().filter(|job| is_asked(&job.task));
        jobs.find(|job| !job.state.is_over())
    }
}
