//! Recipes of encoding models: all settings that affect voxel scores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RecipeFile;
use crate::files::names::composed;
use crate::fmri::delay::DelayBorders;
use crate::fmri::downsample::Downsampling;
use crate::fmri::scans::TriggerRepair;
use crate::fmri::textgrid::EmptyLabels;
use crate::linear::ridge::{AlphaSharing, AlphaUnit, RidgeSettings};
use crate::linear::split::{CrossValidation, HeldChunks};
use crate::stats::ceiling::TotalPower;
use crate::stats::score::RoundScore;

/// Recipe of an encoding model: features, responses, and how to fit and score it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeRecipe {
    /// Feature sets, concatenated in one model.
    pub features: Vec<FeatureSet>,
    /// Measured responses.
    pub responses: ResponsesRecipe,
    /// Training and test stories.
    pub stories: StoriesRecipe,
    /// Source of the scan times.
    pub scans: ScansRecipe,
    /// Resampling of features to scan times.
    #[serde(default)]
    pub downsampling: Downsampling,
    /// Design matrix.
    pub design: DesignRecipe,
    /// Ridge regression.
    pub ridge: RidgeRecipe,
    /// Scores and statistics.
    #[serde(default)]
    pub scores: ScoresRecipe,
    /// Data for sanity checks against competing models.
    #[serde(default, skip_serializing_if = "ControlsRecipe::is_empty")]
    pub controls: ControlsRecipe,
    /// Output folder and files.
    pub output: EncodeOutput,
}

impl EncodeRecipe {
    /// Returns the recipe with absolute paths; relative ones are resolved against `folder`.
    #[must_use]
    pub fn rooted(mut self, folder: &Path) -> Self {
        let root = |path: &mut PathBuf| *path = folder.join(&*path);
        self.features
            .iter_mut()
            .for_each(|set| root(&mut set.folder));
        root(&mut self.responses.path);
        self.responses.mask.iter_mut().for_each(root);
        match &mut self.scans {
            ScansRecipe::Simulated { .. } => {}
            ScansRecipe::Reports { folder, .. }
            | ScansRecipe::Events { folder, .. }
            | ScansRecipe::Lists { folder } => root(folder),
        }
        self.ridge.groups.iter_mut().for_each(root);
        let ControlsRecipe {
            recordings,
            textgrids,
            untrained,
        } = &mut self.controls;
        let controls = [recordings, textgrids, untrained];
        controls.into_iter().flatten().for_each(root);
        root(&mut self.output.folder);
        self
    }

    /// Returns the folder of the recordings: the one named for the sanity checks, that of an acoustic feature set, or the one
    /// that features were extracted from, if it is still there.
    #[must_use]
    pub fn recordings(&self) -> Option<PathBuf> {
        if let Some(folder) = &self.controls.recordings {
            return Some(folder.clone());
        }
        let made_from = |set: &FeatureSet| {
            if matches!(set.kind, FeatureKind::MelSpectrogram | FeatureKind::Rms) {
                return Some(set.folder.clone());
            }
            let file = RecipeFile::read(&set.folder.join("recipe.toml")).ok()?;
            Some(set.folder.join(file.extract.stimuli.folder))
        };
        let mut folders = self.features.iter().filter_map(made_from);
        folders.find(|folder| folder.is_dir())
    }
}

/// A feature set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSet {
    /// Name in the results.
    pub name: String,
    /// Kind of features.
    #[serde(default)]
    pub kind: FeatureKind,
    /// Source folder: a model's features (`features_cnk0.1_ctx16.0/whisper-tiny`), `TextGrid` files or recordings. For
    /// features, alternatively a file that maps stories to `(n_scans, n_features)` at scan times, in any format supported
    /// for responses, such as the study's `downsampled_featureseqs`.
    #[serde(default, skip_serializing_if = "is_nowhere")]
    pub folder: PathBuf,
    /// For features: subfolder of a layer, such as `encoder.3`; the final output if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// For word and phoneme rates: meaning of `TextGrid` entries without a label.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub empty_labels: EmptyLabels,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
fn is_usual(empty_labels: &EmptyLabels) -> bool {
    *empty_labels == EmptyLabels::default()
}

fn is_nowhere(folder: &Path) -> bool {
    folder.as_os_str().is_empty()
}

/// Kinds of feature sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Hidden states of a speech encoder, or any features stored as `<story>.npz` with `<story>_times.npz`. Without times,
    /// rows are taken to be scans.
    #[default]
    Features,
    /// Word rate, from `<story>.TextGrid`.
    WordRate,
    /// Phoneme rate, from `<story>.TextGrid`.
    PhonemeRate,
    /// Log-mel spectrogram of the recording, 80 bands, every 10 ms.
    MelSpectrogram,
    /// Root-mean-square level of the recording, every 10 ms.
    Rms,
    /// Position within the story and its square, per scan, as a model of slow drifts. No folder.
    Position,
}

/// Source of the responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsesRecipe {
    /// A file with all stories, or a folder with one file per story.
    pub path: PathBuf,
    /// For volumes: mask image whose non-zero voxels are the columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
    /// For a test story with repeated presentations: their names. The noise ceiling is estimated from them, and their mean
    /// is the response.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeats: BTreeMap<String, Vec<String>>,
}

impl ResponsesRecipe {
    /// Returns the names of a story's repeated presentations; empty if there are none. Unicode normalisation may differ
    /// from the recipe.
    #[must_use]
    pub fn presentations(&self, story: &str) -> &[String] {
        let wanted = composed(story);
        let mut repeats = self.repeats.iter();
        let found = repeats.find(|(name, _)| composed(name) == wanted);
        found.map_or(&[], |(_, names)| names)
    }

    /// Whether a name is that of a presentation.
    #[must_use]
    pub fn is_presentation(&self, name: &str) -> bool {
        let wanted = composed(name);
        let mut names = self.repeats.values().flatten();
        names.any(|name| composed(name) == wanted)
    }
}

/// Training and test stories.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoriesRecipe {
    /// Training stories; if empty, all stories with responses that are not test stories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train: Vec<String>,
    /// Test stories.
    pub test: Vec<String>,
}

/// Source of scan times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScansRecipe {
    /// Evenly spaced volumes.
    Simulated {
        /// Repetition time (TR), seconds.
        repetition_secs: f64,
        /// Sound onset after the start of the first volume, seconds.
        sound_start_secs: f64,
    },
    /// TR reports, `<story>.report`.
    Reports {
        /// Their folder.
        folder: PathBuf,
        /// How missing triggers are inserted.
        #[serde(default)]
        repair: TriggerRepair,
    },
    /// Evenly spaced volumes, with the sound onset from BIDS event files, `<story>_events.tsv` or `<story>.tsv`.
    Events {
        /// Their folder.
        folder: PathBuf,
        /// Repetition time (TR), seconds; that in the header of the responses if omitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repetition_secs: Option<f64>,
    },
    /// Plain lists of scan centres, `<story>.txt`, `.csv` or `.json`, in seconds from sound onset.
    Lists {
        /// Their folder.
        folder: PathBuf,
    },
}

impl Default for ScansRecipe {
    /// The convention of the deep-fMRI dataset.
    fn default() -> Self {
        Self::Simulated {
            repetition_secs: 2.0,
            sound_start_secs: 10.0,
        }
    }
}

/// Scans trimmed at the start and end of a story. In files: `[10, 5]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[usize; 2]", into = "[usize; 2]")]
pub struct Trim {
    /// At the start.
    pub start_scans: usize,
    /// At the end.
    pub end_scans: usize,
}

impl Trim {
    /// Returns the total number of trimmed scans.
    #[must_use]
    pub fn total(self) -> usize {
        self.start_scans + self.end_scans
    }
}

impl From<[usize; 2]> for Trim {
    fn from([start_scans, end_scans]: [usize; 2]) -> Self {
        Self {
            start_scans,
            end_scans,
        }
    }
}

impl From<Trim> for [usize; 2] {
    fn from(trim: Trim) -> Self {
        [trim.start_scans, trim.end_scans]
    }
}

/// Statistics with which features are z-scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Mean and standard deviation of each story, as published.
    #[default]
    PerStory,
    /// Mean and standard deviation of the training stories, for all stories.
    TrainingStatistics,
}

/// Settings of the design matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesignRecipe {
    /// Scans trimmed from the features of training stories.
    pub trim_train: Trim,
    /// Scans trimmed from the features of test stories.
    pub trim_test: Trim,
    /// Scans trimmed from the responses of training stories. The published responses are already trimmed.
    #[serde(default)]
    pub trim_responses_train: Trim,
    /// Scans trimmed from the responses of test stories.
    #[serde(default)]
    pub trim_responses_test: Trim,
    /// Statistics with which features are z-scored.
    #[serde(default)]
    pub normalisation: Normalisation,
    /// Delays, in scans.
    pub delays: Vec<i32>,
    /// Whether delayed copies extend across story boundaries.
    #[serde(default)]
    pub delay_borders: DelayBorders,
}

/// Candidate α. In files: a list, or `{ logspace = [1.0, 4.0, 15] }` as in NumPy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Alphas {
    /// Logarithmically spaced, between two powers of ten.
    LogSpace {
        /// First exponent, last exponent, number of values.
        logspace: (f64, f64, usize),
    },
    /// An explicit list.
    List(Vec<f64>),
}

impl Alphas {
    /// Returns the candidate values.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::List(values) => values.clone(),
            Self::LogSpace {
                logspace: (first, last, n),
            } => {
                let step = (last - first) / n.saturating_sub(1).max(1) as f64;
                (0..*n)
                    .map(|i| 10_f64.powf(first + step * i as f64))
                    .collect()
            }
        }
    }
}

/// Number format of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FitPrecision {
    /// Single precision for products with voxels, double precision for the features' Gram matrix. A sample of voxels is
    /// also fitted in double precision, with a warning if the results differ.
    #[default]
    F32,
    /// Double precision.
    F64,
}

/// Settings of the ridge regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidgeRecipe {
    /// Candidate α, which are squared: the penalty on the squared weights is α².
    pub alphas: Alphas,
    /// Unit of the candidates.
    #[serde(default)]
    pub alpha_unit: AlphaUnit,
    /// Which voxels share an α.
    #[serde(default)]
    pub sharing: AlphaSharing,
    /// For [`AlphaSharing::PerGroup`]: a `.npy` array with an integer per voxel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<PathBuf>,
    /// Cross-validation scheme.
    pub cross_validation: CrossValidation,
    /// Score by which α is selected.
    #[serde(default)]
    pub round_score: RoundScore,
    /// Number format.
    #[serde(default)]
    pub precision: FitPrecision,
    /// Seed of all random choices, as in Python's `random.seed`.
    #[serde(default)]
    pub seed: u64,
    /// Banded ridge: one penalty per feature set instead of one for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banded: Option<BandedRecipe>,
}

/// Random search of banded ridge. Mixtures are selected per voxel by mean R² over the rounds, in double precision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandedRecipe {
    /// Number of random mixtures, besides equal weights and each set alone.
    #[serde(default = "usual_mixtures")]
    pub n_mixtures: usize,
}

fn usual_mixtures() -> usize {
    100
}

impl RidgeRecipe {
    /// Returns the settings of the ridge fit.
    #[must_use]
    pub fn settings(&self) -> RidgeSettings {
        RidgeSettings {
            alphas: self.alphas.values(),
            alpha_unit: self.alpha_unit,
            round_score: self.round_score,
        }
    }
}

/// Settings of scores and statistics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoresRecipe {
    /// Number of block permutations for each voxel's p; 0 for none.
    pub n_permutations: usize,
    /// Scans per block of test time.
    pub block_scans: usize,
    /// Number of block bootstrap draws for each voxel's confidence interval of r; 0 for none.
    pub n_draws: usize,
    /// Accepted false discovery rate.
    pub fdr_level: f64,
    /// Whether sanity checks are run on a sample of the voxels.
    pub controls: bool,
    /// Total power assumed by the noise ceiling. The study: 1.
    pub total_power: TotalPower,
}

impl Default for ScoresRecipe {
    fn default() -> Self {
        Self {
            n_permutations: 1000,
            block_scans: 10,
            n_draws: 500,
            fdr_level: 0.05,
            controls: true,
            total_power: TotalPower::default(),
        }
    }
}

/// Data for sanity checks against competing models. Omitted entries are looked for next to the features; checks without
/// data are skipped, with a note.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlsRecipe {
    /// Folder of the recordings; that in the features' own recipe if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<PathBuf>,
    /// Folder of the `TextGrid` files; that of the recordings if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub textgrids: Option<PathBuf>,
    /// Features of an untrained network of the same architecture; the folder of the features' name with `-untrained` if
    /// omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrained: Option<PathBuf>,
}

impl ControlsRecipe {
    /// Whether all entries are omitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Output folder and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeOutput {
    /// Folder for `scores.npz` and all other results.
    pub folder: PathBuf,
    /// Whether the weights are written.
    #[serde(default)]
    pub weights: bool,
    /// Whether the predictions of the test scans are written.
    #[serde(default)]
    pub predictions: bool,
    /// Memory budget, GiB. Affects how many voxels are processed at a time, but no result.
    #[serde(default = "usual_memory")]
    pub memory_gib: f64,
}

fn usual_memory() -> f64 {
    6.0
}

/// Presets with the settings of published work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Antonello, Vaidya and Huth, `NeurIPS` 2023.
    #[serde(rename = "scaling-laws-2023")]
    ScalingLaws2023,
    /// `LeBel` et al., Scientific Data 2023: the deep-fMRI dataset's own code.
    DeepFmri,
    /// Tang, `LeBel`, Jain and Huth, Nature Neuroscience 2023.
    #[serde(rename = "semantic-decoding-2023")]
    SemanticDecoding2023,
    /// The same laboratory's tutorial on speech models.
    SpeechTutorial,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [
        Self::ScalingLaws2023,
        Self::DeepFmri,
        Self::SemanticDecoding2023,
        Self::SpeechTutorial,
    ];

    /// Returns the preset's design settings.
    #[must_use]
    pub fn design(self) -> DesignRecipe {
        let (trim_test, trim_responses_test) = match self {
            Self::ScalingLaws2023 => ([50, 5], [40, 0]),
            _ => ([10, 5], [0, 0]),
        };
        DesignRecipe {
            trim_train: [10, 5].into(),
            trim_test: trim_test.into(),
            trim_responses_train: Trim::default(),
            trim_responses_test: trim_responses_test.into(),
            normalisation: Normalisation::PerStory,
            delays: vec![1, 2, 3, 4],
            delay_borders: DelayBorders::AcrossStories,
        }
    }

    /// Returns the preset's score settings: the laboratory's code assumes responses of variance 1.
    #[must_use]
    pub fn scores(self) -> ScoresRecipe {
        ScoresRecipe {
            total_power: TotalPower::One,
            ..ScoresRecipe::default()
        }
    }

    /// Returns the preset's ridge settings.
    #[must_use]
    pub fn ridge(self) -> RidgeRecipe {
        let (logspace, n_rounds, chunk_scans, chunks) = match self {
            Self::ScalingLaws2023 => ((1.0, 4.0, 15), 3, 20, HeldChunks::Quarter),
            Self::DeepFmri => ((1.0, 3.0, 10), 50, 40, HeldChunks::Count(125)),
            Self::SemanticDecoding2023 => ((1.0, 3.0, 10), 50, 40, HeldChunks::Fifth),
            Self::SpeechTutorial => ((1.0, 3.0, 10), 1, 40, HeldChunks::Count(20)),
        };
        let (round_score, sharing) = match self {
            Self::ScalingLaws2023 | Self::DeepFmri => {
                (RoundScore::SignedRootR2, AlphaSharing::PerVoxel)
            }
            Self::SemanticDecoding2023 => (RoundScore::ClippedR2, AlphaSharing::PerVoxel),
            Self::SpeechTutorial => (RoundScore::Correlation, AlphaSharing::One),
        };
        RidgeRecipe {
            alphas: Alphas::LogSpace { logspace },
            alpha_unit: AlphaUnit::Plain,
            sharing,
            groups: None,
            cross_validation: CrossValidation::ChunkBootstrap {
                n_rounds,
                chunk_scans,
                chunks,
            },
            round_score,
            precision: FitPrecision::F32,
            seed: 0,
            banded: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_are_those_of_numpy() {
        // numpy.logspace(1, 4, 15)[[0, 1, 7, 14]]
        let values = Alphas::LogSpace {
            logspace: (1.0, 4.0, 15),
        }
        .values();
        for (index, expected) in [
            (0, 10.0),
            (1, 16.378_937_069_540_64),
            (7, 316.227_766_016_837_94),
            (14, 10_000.0),
        ] {
            assert!((values[index] / expected - 1.0).abs() < 1e-14);
        }
        assert_eq!(values.len(), 15);
    }

    #[test]
    fn trims_are_pairs_in_files() {
        let design = Preset::ScalingLaws2023.design();
        let text = toml::to_string(&design).unwrap();
        assert!(text.contains("trim_test = [50, 5]"), "{text}");
        assert_eq!(toml::from_str::<DesignRecipe>(&text).unwrap(), design);
    }
}
