//! What a path is picked for.

use super::icons;

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
    /// Features to show.
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
    /// The subject that scores are shown on.
    Subject,
    /// A saved view of the cortex.
    View,
    /// Regions of the cortex.
    Regions,
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
                | Self::View
                | Self::Regions
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
            Self::Responses | Self::ResponsesFile | Self::Mask | Self::Subject | Self::Regions => {
                icons::BRAIN
            }
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
            Self::Subject => "Folder of a subject",
            Self::View => "View of the cortex",
            Self::Regions => "Regions of the cortex",
        }
    }
}
