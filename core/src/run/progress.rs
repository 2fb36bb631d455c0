//! Progress reporting of long-running work: cancellation, events, warnings. Independent of threads and user interfaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::remedy::Remedy;
use crate::run::warning::Warning;

/// A cancellation flag for long-running work, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Requests cancellation.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether cancellation was requested.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A progress event: one line of JSON with `--events json`. The contract is `docs/events.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A process of a job has started; events before this one belong to an earlier process.
    Begun,
    /// A download is under way.
    Downloading {
        /// What is downloaded.
        what: String,
        /// Bytes received.
        n_bytes: u64,
        /// Total number of bytes, if known.
        n_bytes_total: Option<u64>,
    },
    /// The command failed.
    Failed {
        /// Error message with advice.
        message: String,
        /// What the user can do, best first.
        #[serde(default)]
        remedies: Vec<Remedy>,
    },
    /// What an extraction would take, of a dry run.
    Forecast(ExtractionForecast),
    /// What a fit would take, of a dry run.
    EncodeForecast(EncodingForecast),
    /// The encoder runs on the CPU, and why it does not run on a GPU.
    OnCpu {
        /// Why no GPU is used, with advice.
        reason: String,
    },
    /// An extraction has started.
    Started {
        /// Stories to process, without completed ones.
        n_stories: usize,
        /// Windows to compute, estimated from file headers.
        n_windows: usize,
        /// Compute device.
        device: String,
        /// Output folder.
        folder: String,
    },
    /// A story was started or resumed.
    StoryStarted {
        /// The story.
        story: String,
        /// Total number of its windows.
        n_windows: usize,
        /// Number of windows completed by an earlier run.
        n_done: usize,
    },
    /// More windows were completed.
    Progress {
        /// The story.
        story: String,
        /// Number of completed windows.
        n_done: usize,
        /// Total number of windows.
        n_windows: usize,
    },
    /// All files of a story were written.
    StoryFinished {
        /// The story.
        story: String,
        /// Number of its rows.
        n_rows: usize,
        /// Time spent in each stage.
        times: StageTimes,
    },
    /// A story was already complete.
    StorySkipped {
        /// The story.
        story: String,
    },
    /// A story failed; the others continue.
    StoryFailed {
        /// The story.
        story: String,
        /// Error message with advice.
        message: String,
        /// What the user can do, best first.
        #[serde(default)]
        remedies: Vec<Remedy>,
    },
    /// The fit of an encoding model has started.
    EncodeStarted {
        /// Number of voxels in this run.
        n_voxels: usize,
        /// Columns of the design matrix: features times delays.
        n_columns: usize,
        /// Number of training scans.
        n_training_scans: usize,
        /// Number of test scans.
        n_test_scans: usize,
        /// Output folder.
        folder: String,
    },
    /// A stage of the fit was started or resumed.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// Total number of its voxels.
        n_voxels: usize,
        /// Number of voxels completed by an earlier run.
        n_done: usize,
    },
    /// More voxels were completed.
    VoxelProgress {
        /// The stage.
        stage: Stage,
        /// Number of completed voxels.
        n_done: usize,
        /// Total number of voxels.
        n_voxels: usize,
    },
    /// The fit has ended.
    EncodeFinished {
        /// Number of scored voxels.
        n_voxels: usize,
        /// Mean r over the voxels where it is defined; `None` if the run was cancelled.
        mean_r: Option<f64>,
        /// Lower and upper bound of its 95 % confidence interval; `None` without a bootstrap.
        mean_r_interval: Option<[f64; 2]>,
        /// Number of significant voxels; `None` if not tested.
        n_significant: Option<usize>,
    },
    /// Existing scores of another recipe were moved aside.
    SetAside {
        /// Their new folder.
        folder: String,
    },
    /// A warning for the user.
    Warning(Warning),
    /// The extraction has ended.
    Finished {
        /// Number of stories completed in this run.
        n_done: usize,
        /// Number of stories completed before.
        n_skipped: usize,
        /// Number of stories that failed.
        n_failed: usize,
        /// Whether the run was cancelled before all stories were done.
        stopped: bool,
    },
}

/// What an extraction would take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractionForecast {
    /// Windows of all stories.
    pub n_windows: usize,
    /// Windows per second; `None` if the encoder was not benchmarked.
    pub windows_per_sec: Option<f64>,
    /// Memory in use with the model loaded, in bytes.
    pub memory_bytes: u64,
    /// Size of the finished files, in bytes.
    pub disk_bytes: u64,
    /// Size of the largest journal, in bytes.
    pub journal_bytes: u64,
    /// Free space in the output folder, in bytes.
    pub free_bytes: Option<u64>,
    /// Output folder.
    pub folder: String,
    /// Each story.
    pub stories: Vec<StoryOutlook>,
}

/// What one story would take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryOutlook {
    /// The story.
    pub story: String,
    /// Its windows; `None` if it cannot be extracted.
    pub n_windows: Option<usize>,
    /// Why it cannot be extracted.
    pub message: Option<String>,
    /// What the user can do about it, best first.
    #[serde(default)]
    pub remedies: Vec<Remedy>,
    /// What is odd about its header, and how it is read.
    pub notes: Vec<String>,
}

/// What the fit of an encoding model would take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncodingForecast {
    /// Number of voxels.
    pub n_voxels: usize,
    /// Columns of the design matrix: features times delays.
    pub n_columns: usize,
    /// Number of training scans.
    pub n_training_scans: usize,
    /// Number of test scans.
    pub n_test_scans: usize,
    /// Time in seconds.
    pub secs: f64,
    /// Peak memory in bytes.
    pub memory_bytes: u64,
    /// Size of the results in bytes.
    pub disk_bytes: u64,
    /// Free space in the output folder, in bytes.
    pub free_bytes: Option<u64>,
    /// Warnings with advice.
    pub warnings: Vec<String>,
    /// Output folder.
    pub folder: String,
}

/// A stage of an encoding model's fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// α is selected on held-out training scans.
    ChooseAlpha,
    /// The model is fitted on all training scans and predicts the test scans.
    FitAndScore,
    /// Sanity checks are run on a sample of the voxels.
    Control,
    /// Existing weights predict the test scans.
    Predict,
}

impl Stage {
    /// Returns the display name of the stage.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ChooseAlpha => "choosing α",
            Self::FitAndScore => "fitting and scoring",
            Self::Control => "running sanity checks",
            Self::Predict => "predicting",
        }
    }
}

/// Seconds spent in each stage of an extraction.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct StageTimes {
    /// Reading, decoding and resampling audio.
    pub audio_secs: f64,
    /// The front end: log-mel spectrograms.
    pub front_end_secs: f64,
    /// The encoder.
    pub encoder_secs: f64,
    /// Journal and feature files.
    pub store_secs: f64,
}

impl StageTimes {
    /// Returns the total over all stages.
    #[must_use]
    pub fn total_secs(&self) -> f64 {
        self.audio_secs + self.front_end_secs + self.encoder_secs + self.store_secs
    }

    /// Returns the stage-wise sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            audio_secs: self.audio_secs + other.audio_secs,
            front_end_secs: self.front_end_secs + other.front_end_secs,
            encoder_secs: self.encoder_secs + other.encoder_secs,
            store_secs: self.store_secs + other.store_secs,
        }
    }
}

/// Accumulates the time spent in each stage.
#[derive(Default)]
pub(crate) struct Clock(pub(crate) StageTimes);

impl Clock {
    pub(crate) fn audio<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.0.audio_secs, work)
    }

    pub(crate) fn front_end<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.0.front_end_secs, work)
    }

    pub(crate) fn encoder<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.0.encoder_secs, work)
    }

    pub(crate) fn store<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.0.store_secs, work)
    }
}

fn timed<T>(secs: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *secs += begun.elapsed().as_secs_f64();
    result
}
