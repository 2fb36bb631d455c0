//! Provenance records of a story's features: recipe, input checksums, versions, device and time.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic};
use crate::run::recipe::{ExtractRecipe, FileChecksum, SourceRecording};
use crate::speech::card::LastLayer;

/// Everything that determined a story's features, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Heschl.
    pub heschl: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Compute device.
    pub device: String,
    /// Start of the story's extraction, UTC.
    pub started: String,
    /// End of the story's extraction, UTC.
    pub finished: String,
    /// Kind of last layer, for models with a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_layer: Option<LastLayer>,
    /// The recipe.
    pub recipe: ExtractRecipe,
    /// Checksums of the model's files.
    pub model_files: Vec<FileChecksum>,
    /// The recording.
    pub recording: SourceRecording,
}

impl Provenance {
    /// Whether two stories' files may coexist: same windows over the same recording with the same model. The layers written
    /// may differ.
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

    /// Whether both have the same kind of last layer, given the same model. Records of older versions, which had no choice,
    /// do not state it: theirs is before the norm.
    #[must_use]
    pub fn is_same_last_layer(&self, other: &Self) -> bool {
        let [one, another] = [self, other].map(|made| match made.last_layer {
            Some(LastLayer::AsPublished) => LastLayer::AsPublished,
            Some(LastLayer::BeforeNorm) | None => LastLayer::BeforeNorm,
        });
        one == another
    }
}

/// A story's provenance and outputs: the contents of `.heschl/<story>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryRecord {
    /// Provenance of the features.
    pub provenance: Provenance,
    /// Checksums of the story's files.
    pub outputs: Vec<FileChecksum>,
}

impl StoryRecord {
    /// Returns the kind of last layer, for models with a choice.
    ///
    /// Records of older versions do not state it: their last layer was before the norm, and so differs in checksum from the
    /// final output. In models without such a norm both files are identical.
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
    /// Returns a [`StoreError`] if the file cannot be written.
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
    /// Returns a [`StoreError`] if the file cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| StoreError::read(source, path))?;
        toml::from_str(&text).map_err(|error| StoreError::Record {
            reason: error.message().to_string(),
            path: path.to_path_buf(),
        })
    }
}
