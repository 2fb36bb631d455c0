//! Everything that decides a result. The form, the TOML file and the command line are three faces of it.

pub mod bounds;
mod encode;
mod encode_file;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audio::Resampling;
use crate::card::LastLayer;
use crate::encoder::{DeviceChoice, Precision};
use crate::store::{FileChecksum, SourceRecording};
use crate::window::WindowSettings;

pub use encode::{
    Alphas, BandedRecipe, ControlsRecipe, DesignRecipe, EncodeOutput, EncodeRecipe, FeatureKind,
    FeatureSet, FitPrecision, Normalisation, Preset, ResponsesRecipe, RidgeRecipe, ScansRecipe,
    ScoresRecipe, StoriesRecipe, Trim,
};
pub use encode_file::{EncodeFile, EncodeInfo, FeatureSource, SetInfo};

/// One extraction of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractRecipe {
    /// What is listened to.
    pub stimuli: StimuliRecipe,
    /// What listens.
    pub model: ModelRecipe,
    /// How the window slides.
    pub window: WindowSettings,
    /// Where the features go.
    pub output: OutputRecipe,
}

/// What is listened to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StimuliRecipe {
    /// Folder of recordings.
    pub folder: PathBuf,
    /// Whether folders below it count.
    #[serde(default)]
    pub recursive: bool,
    /// What happens to audio that is not 16 kHz mono.
    #[serde(default)]
    pub resampling: Resampling,
    /// Stories to choose; all of them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stories: Vec<String>,
    /// Name of a set of custom stimuli: a folder below [`Self::folder`], at any depth, with `/` between the names. Its
    /// features go to `custom_stimuli/<name>/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_stimuli: Option<CustomStimuli>,
}

impl StimuliRecipe {
    /// The folder that holds the recordings.
    #[must_use]
    pub fn recordings_folder(&self) -> PathBuf {
        match &self.custom_stimuli {
            None => self.folder.clone(),
            Some(name) => self.folder.join(name.as_str()),
        }
    }
}

/// The name of a set of custom stimuli: plain folder names with `/` between them, so that it stays below the folder
/// that it is joined to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CustomStimuli(String);

impl CustomStimuli {
    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<CustomStimuli> for String {
    fn from(name: CustomStimuli) -> Self {
        name.0
    }
}

impl std::str::FromStr for CustomStimuli {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.contains(['\\', ':'])
                && !part.contains(char::is_control)
        };
        if name.split('/').all(is_plain) {
            return Ok(Self(name.into()));
        }
        Err(format!(
            "the custom stimuli are called {name:?}; give the name of a folder below the folder of recordings, such as \
             \"tones\" or \"pilot/tones\""
        ))
    }
}

impl TryFrom<String> for CustomStimuli {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// What listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// A name of the catalogue, or a folder.
    pub model: String,
    /// Layers to keep.
    #[serde(default)]
    pub layers: LayerChoice,
    /// What the last layer is in models that pass it through a norm of its own.
    #[serde(default)]
    pub last_layer: LastLayer,
    /// Whether the model's own feature extractor prepares the samples, as in the study's published command. Left out, it
    /// does not, as in the study's script. Whisper always uses it.
    #[serde(default)]
    pub use_featext: bool,
    /// Number format of the matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// What to compute on.
    #[serde(default)]
    pub device: DeviceChoice,
    /// Windows computed at once; what suits the device if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
}

/// Where the features go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRecipe {
    /// Folder that gets `features_cnk…_ctx…`.
    pub folder: PathBuf,
    /// Whether stories that are done are computed again.
    #[serde(default)]
    pub overwrite: bool,
}

/// Which layers are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "LayerList", try_from = "LayerList")]
pub enum LayerChoice {
    /// Every layer.
    #[default]
    All,
    /// These, whatever their order. The final output is written besides.
    Some(Vec<usize>),
}

/// How a recipe file writes a choice of layers: `"all"` or `[0, 4]`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LayerList {
    Word(String),
    Numbers(Vec<usize>),
}

impl From<LayerChoice> for LayerList {
    fn from(choice: LayerChoice) -> Self {
        match choice {
            LayerChoice::All => Self::Word("all".into()),
            LayerChoice::Some(layers) => Self::Numbers(layers),
        }
    }
}

impl TryFrom<LayerList> for LayerChoice {
    type Error = String;

    fn try_from(list: LayerList) -> Result<Self, String> {
        match list {
            LayerList::Word(word) if word == "all" => Ok(Self::All),
            LayerList::Word(word) => Err(format!(
                "layers is \"{word}\"; write \"all\" or a list such as [0, 4]"
            )),
            LayerList::Numbers(layers) if layers.is_empty() => {
                Err("layers is an empty list; write \"all\" or a list such as [0, 4]".into())
            }
            LayerList::Numbers(layers) => Ok(Self::Some(layers)),
        }
    }
}

impl LayerChoice {
    /// The chosen layers of a model that has `n_layers`, ascending, each once. Layers that it has not stay in the list.
    #[must_use]
    pub fn of(&self, n_layers: usize) -> Vec<usize> {
        match self {
            Self::All => (0..n_layers).collect(),
            Self::Some(layers) => {
                let mut layers = layers.clone();
                layers.sort_unstable();
                layers.dedup();
                layers
            }
        }
    }
}

impl LayerChoice {
    /// The layers that have to be computed: the chosen ones, and the last, which gives the final output.
    #[must_use]
    pub fn computed(&self, n_layers: usize) -> Vec<usize> {
        let mut layers = self.of(n_layers);
        let last = n_layers.saturating_sub(1);
        // A layer that the model has not is left at the end, where it is refused by name.
        if layers.last().is_none_or(|layer| *layer < last) {
            layers.push(last);
        }
        layers
    }
}

impl ExtractRecipe {
    /// The folder that the features of `model_name` go to, as the study's Python code names it:
    /// `features_cnk0.1_ctx16.0/whisper-tiny`, below that `stride_<s>` and `custom_stimuli/<name>` where they apply.
    #[must_use]
    pub fn features_folder(&self, model_name: &str) -> PathBuf {
        let (chunk_secs, context_secs) = (
            self.window.chunk_ms / 1000.0,
            self.window.context_ms / 1000.0,
        );
        let settings = format!("features_cnk{chunk_secs:.1}_ctx{context_secs:.1}");
        let mut folder = self.output.folder.join(settings).join(model_name);
        if let Some(secs) = self.window.stride_secs {
            folder.push(format!("stride_{secs:?}"));
        }
        if let Some(name) = &self.stimuli.custom_stimuli {
            folder.push("custom_stimuli");
            folder.push(name.as_str());
        }
        folder
    }
}

/// What a recipe file records of the run that wrote it, so that a repetition can tell whether its inputs are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of Heschl.
    pub heschl: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// What was computed on.
    pub device: String,
    /// When the run began, UTC.
    pub started: String,
    /// Files of the model.
    pub model_files: Vec<FileChecksum>,
    /// The recordings.
    pub recordings: Vec<SourceRecording>,
}

/// The content of a recipe file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeFile {
    /// What to do.
    pub extract: ExtractRecipe,
    /// What the run that wrote the file was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunInfo>,
}

/// Why a recipe file cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum RecipeError {
    #[error("The recipe cannot be read: {source}\nFile: {}", path.display())]
    Unreadable {
        source: std::io::Error,
        path: PathBuf,
    },
    #[error("The recipe is invalid: {reason}\nFile: {}", path.display())]
    Damaged { reason: String, path: PathBuf },
}

impl RecipeFile {
    /// Reads a recipe file.
    ///
    /// # Errors
    /// [`RecipeError`] if it cannot be read or has entries that make no sense.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Unreadable {
            source,
            path: path.to_path_buf(),
        })?;
        toml::from_str(&text).map_err(|error| RecipeError::Damaged {
            reason: error.to_string().trim_end().to_string(),
            path: path.to_path_buf(),
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// A sentence, if a path in it cannot be written as text.
    pub fn to_toml(&self) -> Result<String, String> {
        let text = toml::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Features made by Heschl. Repeat them with: heschl run recipe.toml\n\n{text}"
        ))
    }
}
