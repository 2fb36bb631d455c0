//! The actions that pages return.

use std::path::PathBuf;

use super::features::FeatureSelection;
use super::figure::ExportSize;
use super::fitting::FitAs;
use super::icons;
use super::jobs::data::JobCommand;
use super::manual::Topic;
use super::state::{Page, PanelLayout, Settings, Study};

/// What a dialog of the system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PathPurpose {
    /// No dialog.
    Nothing,
    /// A study to open.
    OpenStudy,
    /// The folder that a new study goes into.
    StudiesFolder,
    /// The folder of recordings.
    Stimuli,
    /// Where features go.
    Output,
    /// Features to look at.
    Features,
    /// Features to compare with.
    OtherFeatures,
    /// A folder of a model.
    ModelFolder,
    /// An ONNX file.
    ModelFile,
    /// ONNX Runtime's library.
    Runtime,
    /// A recipe to take over.
    Recipe,
    /// Features.
    FitFeatures,
    /// A folder of responses.
    Responses,
    /// A file of responses.
    ResponsesFile,
    /// The image whose voxels count.
    Mask,
    /// A folder of TR reports.
    Reports,
    /// A folder of `TextGrid`s.
    Words,
    /// Features for a further set of a fit.
    NewSet,
    /// The folder of one of a fit's sets.
    SetFolder(usize),
    /// The file of groups of voxels that share an α.
    Groups,
    /// Recordings for a fit's sanity checks.
    CheckRecordings,
    /// Features of an untrained network for a fit's sanity checks.
    Untrained,
    /// Scores to look at.
    Scores,
    /// Scores to compare with.
    OtherScores,
}

impl PathPurpose {
    /// Whether a file is picked, not a folder.
    #[must_use]
    pub(crate) fn is_file(self) -> bool {
        matches!(
            self,
            Self::ModelFile
                | Self::Runtime
                | Self::Recipe
                | Self::ResponsesFile
                | Self::Mask
                | Self::Groups
        )
    }

    /// What stands before the name of what is chosen.
    #[must_use]
    pub(crate) fn icon(self) -> char {
        match self {
            Self::Stimuli | Self::CheckRecordings => icons::MUSIC,
            Self::Features
            | Self::OtherFeatures
            | Self::FitFeatures
            | Self::NewSet
            | Self::Untrained => icons::GRID_3X3,
            Self::Responses | Self::ResponsesFile | Self::Mask => icons::BRAIN,
            Self::Scores | Self::OtherScores => icons::CHART_SCATTER,
            Self::Words | Self::Recipe => icons::FILE_TEXT,
            _ => icons::FOLDER,
        }
    }

    /// The dialog's title.
    #[must_use]
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::OpenStudy => "Open a study",
            Self::StudiesFolder => "Folder for studies",
            Self::Stimuli => "Folder of recordings",
            Self::Output => "Folder for the features",
            Self::Features => "Folder of features",
            Self::OtherFeatures => "Folder of features to compare with",
            Self::ModelFolder => "Folder of a model",
            Self::ModelFile => "ONNX file",
            Self::Runtime => "ONNX Runtime's library",
            Self::Recipe => "Recipe",
            Self::FitFeatures => "Folder of features to fit with",
            Self::Responses => "Folder of responses",
            Self::ResponsesFile => "File of responses",
            Self::Mask => "Mask",
            Self::Reports => "Folder of TR reports",
            Self::Words => "Folder of TextGrids",
            Self::NewSet | Self::SetFolder(_) => "Folder of a feature set",
            Self::Groups => "File of voxel groups",
            Self::CheckRecordings => "Folder of recordings for the sanity checks",
            Self::Untrained => "Folder of features of an untrained network",
            Self::Scores => "Folder of scores",
            Self::OtherScores => "Folder of scores to compare with",
        }
    }
}

/// How what is shown is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// A picture in pixels.
    Png,
    /// A picture in shapes.
    Svg,
    /// A page.
    Pdf,
    /// The numbers.
    Csv,
}

impl ExportFormat {
    /// The suffix of its files.
    #[must_use]
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
        }
    }

    /// All of them, with what they are called.
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Png, "figure as PNG"),
        (Self::Svg, "figure as SVG"),
        (Self::Pdf, "figure as PDF"),
        (Self::Csv, "numbers as CSV"),
    ];
}

/// What becomes of jobs when the window is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtClose {
    /// They go on.
    Leave,
    /// They are paused.
    Pause,
}

/// What a page asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Go to a page.
    Go(Page),
    /// Make, open, edit or close a study.
    Study(StudyAction),
    /// Choose what the pages show.
    View(ViewAction),
    /// Download, use or remove a model.
    Model(ModelAction),
    /// Pause, resume, cancel or remove a job.
    Job(String, JobCommand),
    /// Fit as the study says, or produce the command, recipe or script.
    Fit(FitAs),
    /// Extract as the study says.
    Run,
    /// Copy the command that does the same.
    CopyCommand,
    /// Copy a Slurm script that does the same.
    CopySlurm,
    /// Save the study's recipe.
    SaveRecipe,
    /// Change the settings; can be undone.
    EditSettings(Settings),
    /// Open or close panels of the window.
    Arrange(PanelLayout),
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Read the folder of recordings again.
    RefreshStories,
    /// Read all files of the study again.
    Refresh,
    /// Save the figure of the page.
    Export(ExportFormat),
    /// Set the size and resolution of saved figures.
    ExportSize(ExportSize),
    /// Open a file dialog.
    Pick(PathPurpose),
    /// Stop waiting for the file dialog.
    StopPicking,
    /// Use a path that was picked or typed.
    Use(PathPurpose, PathBuf),
    /// Open paths that were dropped.
    Drop(Vec<PathBuf>),
    /// Close the window, with a question if jobs run.
    Quit,
    /// Close the window: leave jobs running, or pause them first.
    Close {
        /// What becomes of the jobs.
        jobs: AtClose,
    },
    /// Do not close the window.
    StayOpen,
    /// Copy text; `what` names it.
    Copy { text: String, what: &'static str },
    /// Show a notice.
    Tell(String),
    /// Open the manual at a topic.
    Manual(Topic),
    /// Show a folder in the file manager.
    ShowFolder(PathBuf),
    /// Show or hide the command palette.
    TogglePalette,
    /// Clear the log.
    ClearLog,
}

/// Actions on studies; see [`super::saving`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StudyAction {
    /// Create a study of a name in a folder.
    New {
        /// The folder that the study's own goes into.
        parent: PathBuf,
        /// Its name.
        name: String,
    },
    /// Open a study.
    Open(PathBuf),
    /// Take the lock of the open study, if it is free.
    TakeLock,
    /// Close the open study.
    Close,
    /// Create the sample study and run it.
    TrySample,
    /// Create the whole sample and run it up to its scores.
    TryWholeSample,
    /// Remove a study from the recent ones.
    Forget(PathBuf),
    /// Change the study; can be undone.
    Edit(Box<Study>),
}

/// What the pages show; see [`super::job_actions`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ViewAction {
    /// Select a story.
    Story(String),
    /// Select a story and go to a page.
    StoryOn(Page, String),
    /// Select features.
    Features(Box<FeatureSelection>),
    /// Go so many layers on.
    StepLayer(isize),
    /// Move the cursor to a time, in seconds.
    Cursor(f64),
    /// Move the cursor by so many seconds.
    MoveCursor(f64),
    /// Show a range of time, in seconds, or all of it.
    Time(Option<[f64; 2]>),
    /// Play or pause the story.
    TogglePlay,
    /// Select a voxel.
    Voxel(usize),
}

/// Actions on models and on ONNX Runtime; see [`super::job_actions`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ModelAction {
    /// Download a model.
    Fetch(String),
    /// Download ONNX Runtime.
    FetchRuntime,
    /// Run a model on a recording.
    Check(String),
    /// Delete a downloaded model, or unregister an added one.
    Delete(String),
    /// Use a model in the study.
    Use(String),
}

/// What a page asks for in a frame.
pub(crate) type Actions = Vec<Action>;
