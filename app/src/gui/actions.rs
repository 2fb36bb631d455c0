//! The actions that pages return.

use std::path::PathBuf;

use super::brain::{BrainSettings, DrawingMode, DrawingSettings, Flight, SubjectChoice};
use super::features::FeatureSelection;
use super::figure::{ExportSize, FilmKind};
use super::fitting::FitAs;
use super::jobs::data::JobCommand;
use super::manual::Topic;
use super::state::{Page, PanelLayout as WindowLayout, Settings, Study};
use crate::brain_panels::PanelLayout;

pub(crate) use super::figure::ExportFormat;
pub(crate) use super::path_purpose::PathPurpose;
pub(crate) use crate::drawn_regions::RegionsFormat;

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
    /// Draw, change or save regions of the cortex.
    Region(RegionAction),
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
    Arrange(WindowLayout),
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Read the folder of recordings again.
    RefreshStories,
    /// Read all files of the study again.
    Refresh,
    /// Write a report for support.
    SupportReport,
    /// Save the figure of the page.
    Export(ExportFormat),
    /// Save a figure of several views of the cortex.
    ExportPanels(PanelLayout, ExportFormat),
    /// Save the cortex as a film.
    SaveFilm(FilmKind),
    /// Stop saving the film; what is done is kept.
    StopFilm,
    /// Save scores on the cortex as an HTML file.
    Share,
    /// Save the map of the cortex for another program: in the format of this ending.
    ExportMap(&'static str),
    /// Save the view of the cortex.
    SaveView,
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
    /// Show the cortex so.
    Brain(Box<BrainSettings>),
    /// Show scores on this subject.
    Subject(SubjectChoice),
    /// The camera of the cortex is on its way to another view, or has arrived.
    BrainFlight(Option<Flight>),
    /// The cortex is shown in so many pixels; whether it is being turned.
    BrainSize([usize; 2], bool),
}

/// Actions on regions that the user draws; see [`super::region_actions`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RegionAction {
    /// Set the tools.
    Set(DrawingSettings),
    /// Choose the region that is changed, or none: what is drawn next begins a new one.
    Choose(Option<usize>),
    /// A line was drawn around something; its corners are shares of the picture's width and height.
    Lasso(Vec<[f32; 2]>, DrawingMode),
    /// The brush went over these vertices of the left and the right hemisphere.
    Brush([Vec<u32>; 2], DrawingMode),
    /// Change the chosen region.
    Change(RegionChange),
    /// Rename the chosen region.
    Rename(String),
    /// Delete the chosen region.
    Delete,
    /// Begin a region with the vertices above the threshold that are connected with the chosen one.
    Cluster,
    /// Begin a region with the one that is chosen in the table of the atlas.
    Copy,
    /// Save all regions for other programs.
    Save(RegionsFormat),
    /// Save a table of all regions, of the atlas and drawn.
    SaveTable,
}

/// A change of a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RegionChange {
    /// Add what lies around it.
    Grow,
    /// Take away what lies along its border.
    Shrink,
    /// Make its border smoother.
    Smooth,
    /// Add what it encloses.
    Fill,
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
