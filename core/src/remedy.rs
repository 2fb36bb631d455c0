//! What a user can do about an error or a warning, as a value. Command line and window name it in their own words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a user can do about an error or a warning.
///
/// [`Display`](fmt::Display) gives a sentence that names neither flags nor commands nor pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remedy {
    /// Resample recordings to 16 kHz mono.
    Resample,
    /// Look for recordings in subfolders, too.
    IncludeSubfolders,
    /// Compute fewer windows at a time.
    SmallerBatch,
    /// Compute in single rather than half precision.
    SinglePrecision,
    /// Compute in the number format of the added ONNX file.
    FilePrecision,
    /// Choose the device automatically, or the CPU.
    OtherDevice,
    /// Run the model on a known recording and look at its layers.
    CheckModel,
    /// Download a model.
    FetchModel {
        /// Its name in the catalogue, or its repository on the Hugging Face Hub.
        name: String,
    },
    /// See the names of all models.
    ListModels,
    /// Add an encoder as an ONNX file.
    AddOnnxFile,
    /// Name the hidden states of an ONNX file.
    NameHiddenStates,
    /// Choose another name for an added model.
    OtherModelName,
    /// Add an ONNX file again, with windows normalised to mean 0 and variance 1.
    NormaliseWindows,
    /// Download ONNX Runtime.
    FetchRuntime,
    /// Use another library of ONNX Runtime.
    OtherRuntime,
    /// Extract the features again, over the existing ones.
    ExtractAgain,
    /// Write over the existing scores.
    Overwrite,
    /// Rename the folder of the existing scores.
    SetAside,
    /// Write into another folder.
    OtherOutputFolder,
    /// Choose the same kind of last layer as before.
    SameLastLayer,
    /// Take the last layer as published.
    PublishedLastLayer,
    /// Use the feature extractor as before.
    SameFeatureExtractor,
    /// Put no silence before the recording.
    NoSilence,
    /// Let the first windows of a recording be shorter than the others.
    GrowingWindows,
    /// Look for features that are not finite or far too large.
    LookAtFeatures,
    /// Run the recipe as an extraction, not as a fit.
    RunExtraction,
    /// Fit all voxels in one run.
    WholeFit,
    /// Fit a missing share of the voxels, and merge again.
    FitShare {
        /// The share, from 1.
        index: usize,
        /// Number of shares.
        count: usize,
    },
}

impl Remedy {
    /// Returns one remedy of each kind, with examples of names and numbers.
    #[must_use]
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Resample,
            Self::IncludeSubfolders,
            Self::SmallerBatch,
            Self::SinglePrecision,
            Self::FilePrecision,
            Self::OtherDevice,
            Self::CheckModel,
            Self::FetchModel {
                name: "whisper-tiny".into(),
            },
            Self::ListModels,
            Self::AddOnnxFile,
            Self::NameHiddenStates,
            Self::OtherModelName,
            Self::NormaliseWindows,
            Self::FetchRuntime,
            Self::OtherRuntime,
            Self::ExtractAgain,
            Self::Overwrite,
            Self::SetAside,
            Self::OtherOutputFolder,
            Self::SameLastLayer,
            Self::PublishedLastLayer,
            Self::SameFeatureExtractor,
            Self::NoSilence,
            Self::GrowingWindows,
            Self::LookAtFeatures,
            Self::RunExtraction,
            Self::WholeFit,
            Self::FitShare { index: 2, count: 8 },
        ]
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resample => "Allow resampling to 16 kHz mono.",
            Self::IncludeSubfolders => "Include subfolders.",
            Self::SmallerBatch => "Compute fewer windows at a time.",
            Self::SinglePrecision => "Compute in single precision.",
            Self::FilePrecision => "Do not ask for half precision.",
            Self::OtherDevice => "Compute on the CPU, or let the device be chosen automatically.",
            Self::CheckModel => "Check the model.",
            Self::FetchModel { name } => return write!(f, "Download {name}."),
            Self::ListModels => "Look at the list of models.",
            Self::AddOnnxFile => "Add the encoder as an ONNX file.",
            Self::NameHiddenStates => "Name the hidden states, in order, layer 0 first.",
            Self::OtherModelName => "Choose another name for the model.",
            Self::NormaliseWindows => "Add the model again, with normalised windows.",
            Self::FetchRuntime => "Download ONNX Runtime.",
            Self::OtherRuntime => "Choose another library of ONNX Runtime.",
            Self::ExtractAgain => "Extract the features again.",
            Self::Overwrite => "Write over the existing scores.",
            Self::SetAside => "Rename the folder of the existing scores.",
            Self::OtherOutputFolder => "Choose another output folder.",
            Self::SameLastLayer => "Choose the same kind of last layer.",
            Self::PublishedLastLayer => "Take the last layer as published.",
            Self::SameFeatureExtractor => "Use the feature extractor as before.",
            Self::NoSilence => "Put no silence before the recording.",
            Self::GrowingWindows => "Let the first windows grow.",
            Self::LookAtFeatures => "Look for features that are not finite or far too large.",
            Self::RunExtraction => "Run the recipe as an extraction.",
            Self::WholeFit => "Fit all voxels in one run.",
            Self::FitShare { index, count } => {
                return write!(f, "Fit share {index} of {count}, and merge again.");
            }
        })
    }
}

/// A sentence about something found, with what the user can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The sentence.
    pub message: String,
    /// What the user can do, best first.
    pub remedies: Vec<Remedy>,
}

impl Finding {
    /// A finding with the remedies given.
    pub fn new(message: impl Into<String>, remedies: &[Remedy]) -> Self {
        Self {
            message: message.into(),
            remedies: remedies.to_vec(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_is_a_sentence_that_survives_json() {
        let mut kinds = BTreeSet::new();
        for remedy in Remedy::examples() {
            let sentence = remedy.to_string();
            assert!(sentence.starts_with(char::is_uppercase), "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
            let value = serde_json::to_value(&remedy).unwrap();
            kinds.insert(value["kind"].as_str().unwrap().to_string());
            assert_eq!(serde_json::from_value::<Remedy>(value).unwrap(), remedy);
        }
        // Every variant has an example.
        let n_kinds = include_str!("remedy.rs")
            .lines()
            .take_while(|line| *line != "impl Remedy {")
            .filter(|line| {
                line.strip_prefix("    ")
                    .is_some_and(|rest| rest.starts_with(char::is_uppercase))
            })
            .count();
        assert_eq!(kinds.len(), n_kinds);
    }
}
