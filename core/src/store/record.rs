//! What made a story's features: the recipe, its inputs' checksums, versions, device and time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic};
use crate::card::LastLayer;
use crate::recipe::ExtractRecipe;

/// One file and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChecksum {
    /// Its path; below the features folder for outputs.
    pub file: String,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

impl FileChecksum {
    /// Puts a path and its checksum together.
    #[must_use]
    pub fn new(file: String, sha256: String) -> Self {
        Self { file, sha256 }
    }
}

/// The recording that a story's features were made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecording {
    /// The story's name.
    pub story: String,
    /// The audio file.
    pub file: PathBuf,
    /// SHA-256 of the audio file.
    pub sha256: String,
    /// Length in samples at 16 kHz.
    pub n_samples: u64,
}

/// Everything that decided a story's numbers, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Heschl.
    pub heschl: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// What was computed on.
    pub device: String,
    /// When the story was begun, UTC.
    pub started: String,
    /// When it was finished, UTC.
    pub finished: String,
    /// What the last layer is, in models where there is a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_layer: Option<LastLayer>,
    /// The recipe that was run.
    pub recipe: ExtractRecipe,
    /// Files of the model.
    pub model_files: Vec<FileChecksum>,
    /// The recording.
    pub recording: SourceRecording,
}

impl Provenance {
    /// Whether files of both can stand beside each other: the same windows over the same recording through the same
    /// model. Which layers were kept may differ.
    #[must_use]
    pub fn is_same_make(&self, other: &Self) -> bool {
        let model = |provenance: &Self| -> Vec<String> {
            provenance
                .model_files
                .iter()
                .map(|file| file.sha256.clone())
                .collect()
        };
        self.recipe.window == other.recipe.window
            && self.recipe.stimuli.resampling == other.recipe.stimuli.resampling
            && self.recipe.model.precision == other.recipe.model.precision
            && self.recipe.model.use_featext == other.recipe.model.use_featext
            && self.is_same_last_layer(other)
            && self.recording.sha256 == other.recording.sha256
            && model(self) == model(other)
    }

    /// Whether the last layers of both are the same vector, if both are of one model. Records of versions before there
    /// was a choice do not name it: theirs is before the norm.
    #[must_use]
    pub fn is_same_last_layer(&self, other: &Self) -> bool {
        let [one, another] = [self, other].map(|made| match made.last_layer {
            Some(LastLayer::AsPublished) => LastLayer::AsPublished,
            Some(LastLayer::BeforeNorm) | None => LastLayer::BeforeNorm,
        });
        one == another
    }
}

/// A story's provenance and what came of it: the content of `.heschl/<story>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryRecord {
    /// What decided the numbers.
    pub provenance: Provenance,
    /// The story's files.
    pub outputs: Vec<FileChecksum>,
}

impl StoryRecord {
    /// What the last layer is, in models where there is a choice.
    ///
    /// Records of versions before there was one do not name it: their last layer was before the norm, so it has another
    /// checksum than the final output. In models without such a norm both are the same file.
    #[must_use]
    pub fn last_layer(&self) -> Option<LastLayer> {
        if self.provenance.last_layer.is_some() {
            return self.provenance.last_layer;
        }
        let layers = self.outputs.iter().filter_map(|output| {
            let (layer, _) = output.file.split_once('/')?;
            let index: usize = layer.rsplit_once('.')?.1.parse().ok()?;
            Some((index, &output.sha256))
        });
        let (_, last) = layers.max_by_key(|(index, _)| *index)?;
        let story = format!("{}.npz", self.provenance.recording.story);
        let final_output = self.outputs.iter().find(|output| output.file == story)?;
        (*last != final_output.sha256).then_some(LastLayer::BeforeNorm)
    }

    /// Writes the record.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let text = toml::to_string_pretty(self).map_err(|error| StoreError::Record {
            reason: error.to_string(),
            path: path.to_path_buf(),
        })?;
        atomic::write(path, text.as_bytes())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or makes no sense.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| StoreError::read(source, path))?;
        toml::from_str(&text).map_err(|error| StoreError::Record {
            reason: error.message().to_string(),
            path: path.to_path_buf(),
        })
    }
}
