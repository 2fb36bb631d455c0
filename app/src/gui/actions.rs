//! The actions that pages return.

use std::path::PathBuf;

use super::features::FeatureSelection;
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
            Self::ModelFile | Self::Runtime | Self::Recipe | Self::ResponsesFile | Self::Mask
        )
    }

    /// What stands before the name of what is chosen.
    #[must_use]
    pub(crate) fn icon(self) -> char {
        match self {
            Self::Stimuli => icons::MUSIC,
            Self::Features | Self::OtherFeatures | Self::FitFeatures => icons::GRID_3X3,
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
    /// Show a page.
    Go(Page),
    /// Make a study of this name in this folder, and open it.
    NewStudy { parent: PathBuf, name: String },
    /// Open a study.
    OpenStudy(PathBuf),
    /// Take hold of the study, if no other window has it any more.
    TakeStudyLock,
    /// Close the study that is open.
    CloseStudy,
    /// Make the sample study and run it.
    TrySample,
    /// Make the whole sample and run it up to its scores.
    TryWholeSample,
    /// Forget a recent study.
    ForgetRecent(PathBuf),
    /// Change the study; can be undone.
    EditStudy(Box<Study>),
    /// Change the settings; can be undone.
    EditSettings(Settings),
    /// Open and close areas of the window.
    Arrange(PanelLayout),
    /// One step back.
    Undo,
    /// One step forward.
    Redo,
    /// Look at the folder of recordings again.
    RefreshStories,
    /// Look at the files of the study again.
    Refresh,
    /// Look at a story.
    SelectStory(String),
    /// Look at a story on a page.
    LookAt(Page, String),
    /// Look at features so.
    Look(Box<FeatureSelection>),
    /// So many layers on.
    StepLayer(isize),
    /// Save what is shown of the features.
    Export(ExportFormat),
    /// Look at an instant, in seconds.
    Cursor(f64),
    /// Move the cursor by so many seconds.
    MoveCursor(f64),
    /// Show a stretch of time, in seconds, or all of it.
    Show(Option<[f64; 2]>),
    /// Play the story, or stop.
    TogglePlay,
    /// Open a dialog of the system.
    Pick(PathPurpose),
    /// Wait no longer for the dialog.
    StopPicking,
    /// A path was picked or typed for a purpose.
    Use(PathPurpose, PathBuf),
    /// Paths were dropped.
    Drop(Vec<PathBuf>),
    /// Extract as the study says.
    Run,
    /// Look at another voxel's responses.
    Voxel(usize),
    /// Fit as the study says, or give what does so.
    Fit(FitAs),
    /// Do something with a job.
    Job(String, JobCommand),
    /// Fetch a model.
    FetchModel(String),
    /// Get ONNX Runtime.
    FetchRuntime,
    /// Try a model on a recording.
    CheckModel(String),
    /// Delete a model, or forget it.
    DeleteModel(String),
    /// Take a model for the study.
    UseModel(String),
    /// Close the window, with a question if jobs run.
    Quit,
    /// Close the window: leave jobs to finish, or pause them first.
    Close {
        /// What becomes of the jobs.
        jobs: AtClose,
    },
    /// Do not close the window.
    StayOpen,
    /// Put the command that does the same into the clipboard.
    CopyCommand,
    /// Put a Slurm script that does the same into the clipboard.
    CopySlurm,
    /// Save the study's recipe beside it.
    SaveRecipe,
    /// Put text into the clipboard; what it was.
    Copy { text: String, what: &'static str },
    /// Tell something.
    Tell(String),
    /// Show the manual at a place.
    Manual(Topic),
    /// Show a folder in the system's file manager.
    ShowFolder(PathBuf),
    /// Show or hide the command palette.
    TogglePalette,
    /// Forget what was logged.
    ClearLog,
}

/// What can be asked from anywhere with the keyboard.
pub(crate) type Actions = Vec<Action>;
