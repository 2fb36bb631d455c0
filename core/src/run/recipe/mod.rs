//! Recipes: all settings that affect a result. The form, the TOML file and the command line are three views of them.

pub mod bounds;
mod encode;
mod encode_file;
mod sources;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::remedy::Remedy;
use crate::speech::audio::Resampling;
use crate::speech::card::LastLayer;
use crate::speech::encoder::{DeviceChoice, Precision};
use crate::speech::window::WindowSettings;

pub use encode::{
    Alphas, BandedRecipe, ControlsRecipe, DesignRecipe, EncodeOutput, EncodeRecipe, FeatureKind,
    FeatureSet, FitPrecision, Normalisation, Preset, ResponsesRecipe, RidgeRecipe, ScansRecipe,
    ScoresRecipe, StoriesRecipe, Trim,
};
pub use encode_file::{EncodeFile, EncodeInfo, FeatureSource, SetInfo};
pub use sources::{FileChecksum, SourceRecording};

/// Recipe of a feature extraction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractRecipe {
    /// The recordings.
    pub stimuli: StimuliRecipe,
    /// The speech encoder.
    pub model: ModelRecipe,
    /// Sliding window.
    pub window: WindowSettings,
    /// Output folder.
    pub output: OutputRecipe,
}

/// The recordings to process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StimuliRecipe {
    /// Folder of recordings.
    pub folder: PathBuf,
    /// Whether sub-folders are included.
    #[serde(default)]
    pub recursive: bool,
    /// How to treat audio that is not 16 kHz mono.
    #[serde(default)]
    pub resampling: Resampling,
    /// Stories to process; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stories: Vec<String>,
    /// Name of a set of custom stimuli: a folder below [`Self::folder`], at any depth, with `/` as separator. Its features
    /// are written to `custom_stimuli/<name>/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_stimuli: Option<CustomStimuli>,
}

impl StimuliRecipe {
    /// Returns the folder that contains the recordings.
    #[must_use]
    pub fn recordings_folder(&self) -> PathBuf {
        match &self.custom_stimuli {
            None => self.folder.clone(),
            Some(name) => self.folder.join(name.as_str()),
        }
    }
}

/// Name of a set of custom stimuli: plain folder names separated by `/`, so that the joined path stays below its base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CustomStimuli(String);

impl CustomStimuli {
    /// Returns the name as given.
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

/// The speech encoder and how to run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Name in the catalogue, or a folder.
    pub model: String,
    /// Layers to write.
    #[serde(default)]
    pub layers: LayerChoice,
    /// Whether the last layer is taken before or after the final norm, in models that have one.
    #[serde(default)]
    pub last_layer: LastLayer,
    /// Whether the model's own feature extractor prepares the samples, as in the study's published command. Off by default,
    /// as in the study's script. Whisper always uses it.
    #[serde(default)]
    pub use_featext: bool,
    /// Number format of matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Compute device.
    #[serde(default)]
    pub device: DeviceChoice,
    /// Batch size in windows; chosen for the device if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
}

/// Output folder of an extraction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRecipe {
    /// Parent folder of `features_cnk…_ctx…`.
    pub folder: PathBuf,
    /// Whether completed stories are recomputed.
    #[serde(default)]
    pub overwrite: bool,
}

/// Layers to write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "LayerList", try_from = "LayerList")]
pub enum LayerChoice {
    /// Every layer.
    #[default]
    All,
    /// The given ones, in any order. The final output is written in addition.
    Some(Vec<usize>),
}

/// Serialised form of a choice of layers: `"all"` or `[0, 4]`.
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
    /// Returns the chosen layers of a model with `n_layers` layers, ascending and without duplicates. Non-existent layers
    /// are kept.
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
    /// Returns the layers to compute: the chosen ones, and the last, from which the final output follows.
    #[must_use]
    pub fn computed(&self, n_layers: usize) -> Vec<usize> {
        let mut layers = self.of(n_layers);
        let last = n_layers.saturating_sub(1);
        // A non-existent layer stays at the end, and is rejected later by name.
        if layers.last().is_none_or(|layer| *layer < last) {
            layers.push(last);
        }
        layers
    }
}

impl ExtractRecipe {
    /// Returns the output folder for features of `model_name`, named as in the study's Python code:
    /// `features_cnk0.1_ctx16.0/whisper-tiny`, followed by `stride_<s>` and `custom_stimuli/<name>` if applicable.
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

/// Provenance information that a run writes into its recipe file, so that a repetition can verify its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of Heschl.
    pub heschl: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Compute device.
    pub device: String,
    /// Start of the run, UTC.
    pub started: String,
    /// Checksums of the model's files.
    pub model_files: Vec<FileChecksum>,
    /// The recordings.
    pub recordings: Vec<SourceRecording>,
}

/// Contents of an extraction's recipe file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeFile {
    /// The recipe.
    pub extract: ExtractRecipe,
    /// Provenance information, in files written by a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunInfo>,
}

/// Errors of reading a recipe file.
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
    #[error(
        "The recipe is invalid: it has no [encode] section. The recipe of a fit has one; that of an extraction has [extract].\n\
         File: {}", path.display()
    )]
    NotOfFit { path: PathBuf },
}

impl RecipeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NotOfFit { .. } => vec![Remedy::RunExtraction],
            Self::Unreadable { .. } | Self::Damaged { .. } => Vec::new(),
        }
    }
}

impl RecipeFile {
    /// Reads a recipe file.
    ///
    /// # Errors
    /// Returns a [`RecipeError`] if the file cannot be read or has invalid entries.
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

    /// Serialises the recipe as TOML.
    ///
    /// # Errors
    /// Returns a message if a path in it is not valid Unicode.
    pub fn to_toml(&self) -> Result<String, String> {
        let text = toml::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Features made by Heschl. Repeat them with: heschl run recipe.toml\n\n{text}"
        ))
    }
}
