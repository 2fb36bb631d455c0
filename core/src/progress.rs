//! What long work reports with: cancellation, events, warnings. It knows neither threads nor windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Asks long work to stop at its next good moment. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks for a stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One thing that long work has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The work begins.
    Started {
        /// Stories to do, without those that are done already.
        n_stories: usize,
        /// Windows to compute, as far as the files' headers tell.
        n_windows: usize,
        /// What is computed on.
        device: String,
        /// Where the features go.
        folder: String,
    },
    /// A story begins, or goes on.
    StoryStarted {
        /// Its name.
        story: String,
        /// Its windows.
        n_windows: usize,
        /// Those that an earlier run has done.
        n_done: usize,
    },
    /// Some windows more are done.
    Progress {
        /// The story.
        story: String,
        /// Its windows that are done.
        n_done: usize,
        /// Its windows.
        n_windows: usize,
    },
    /// A story's files are all there.
    StoryFinished {
        /// Its name.
        story: String,
        /// Its rows.
        n_rows: usize,
        /// Where its time went.
        times: StageTimes,
    },
    /// A story was done before.
    StorySkipped {
        /// Its name.
        story: String,
    },
    /// A story could not be done; the others go on.
    StoryFailed {
        /// Its name.
        story: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The fit of an encoding model begins.
    EncodeStarted {
        /// Voxels of this run.
        n_voxels: usize,
        /// Columns of the design matrix: features times delays.
        n_columns: usize,
        /// Scans that are learned from.
        n_training_scans: usize,
        /// Scans that are predicted.
        n_test_scans: usize,
        /// Where the scores go.
        folder: String,
    },
    /// A stage of the fit begins, or goes on.
    StageStarted {
        /// Which.
        stage: Stage,
        /// Its voxels.
        n_voxels: usize,
        /// Those that an earlier run has done.
        n_done: usize,
    },
    /// Some voxels more are done.
    VoxelProgress {
        /// In this stage.
        stage: Stage,
        /// Its voxels that are done.
        n_done: usize,
        /// Its voxels.
        n_voxels: usize,
    },
    /// The fit ended.
    EncodeFinished {
        /// Voxels that have scores.
        n_voxels: usize,
        /// Mean r over the voxels where it is defined; `None` if the run was stopped.
        mean_r: Option<f64>,
        /// Where that mean lies in 95 of 100 draws of test time: lower and upper end; `None` if nothing was drawn.
        mean_r_interval: Option<[f64; 2]>,
        /// Voxels that are predicted better than by chance; `None` if that was not asked for.
        n_significant: Option<usize>,
    },
    /// Scores of another recipe lay where these go.
    SetAside {
        /// The folder where they are now.
        folder: String,
    },
    /// Something that the user should know.
    Warning {
        /// What, with numbers and a way out.
        message: String,
    },
    /// The work ended.
    Finished {
        /// Stories done now.
        n_done: usize,
        /// Stories done before.
        n_skipped: usize,
        /// Stories that failed.
        n_failed: usize,
        /// Whether a stop was asked for before all was done.
        stopped: bool,
    },
}

/// A stage of an encoding model's fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// α is chosen on held-out training scans.
    ChooseAlpha,
    /// The model is fitted on all training scans and predicts the test scans.
    FitAndScore,
    /// Controls look at a sample of the voxels.
    Control,
    /// Weights that are there predict the test scans.
    Predict,
}

impl Stage {
    /// What it is called before people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ChooseAlpha => "choosing α",
            Self::FitAndScore => "fitting and scoring",
            Self::Control => "running the controls",
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
    /// All stages together.
    #[must_use]
    pub fn total_secs(&self) -> f64 {
        self.audio_secs + self.front_end_secs + self.encoder_secs + self.store_secs
    }

    /// The sum, stage by stage.
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

/// Adds up where the time goes.
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
