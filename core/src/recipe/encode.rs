//! Everything that decides voxel scores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ceiling::TotalPower;
use crate::delay::DelayBorders;
use crate::downsample::Downsampling;
use crate::names::composed;
use crate::ridge::{AlphaSharing, AlphaUnit, RidgeSettings, RoundScore};
use crate::scans::TriggerRepair;
use crate::split::{CrossValidation, HeldChunks};
use crate::textgrid::EmptyLabels;

/// One encoding model: features, responses, and how the ones are fitted to the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeRecipe {
    /// Sets of features, side by side in one model.
    pub features: Vec<FeatureSet>,
    /// What was measured.
    pub responses: ResponsesRecipe,
    /// Who trains and who tests.
    pub stories: StoriesRecipe,
    /// When the volumes were taken.
    pub scans: ScansRecipe,
    /// How features come to the scanner's clock.
    #[serde(default)]
    pub downsampling: Downsampling,
    /// How the design matrix is made.
    pub design: DesignRecipe,
    /// How the model is fitted.
    pub ridge: RidgeRecipe,
    /// How it is judged.
    #[serde(default)]
    pub scores: ScoresRecipe,
    /// What the controls may compare it with.
    #[serde(default, skip_serializing_if = "ControlsRecipe::is_empty")]
    pub controls: ControlsRecipe,
    /// Where the results go.
    pub output: EncodeOutput,
}

impl EncodeRecipe {
    /// The same with all paths from the root; those that are not count from `folder`.
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
}

/// One set of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSet {
    /// What it is called in results.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub kind: FeatureKind,
    /// The folder that it is read from: a model's features (`features_cnk0.1_ctx16.0/whisper-tiny`), `TextGrid`s or recordings.
    /// For features also a file from story to `(n_scans, n_features)` at scan times, in any form that responses have, such as
    /// the study's `downsampled_featureseqs`.
    #[serde(default, skip_serializing_if = "is_nowhere")]
    pub folder: PathBuf,
    /// For features: a layer's folder in it, such as `encoder.3`; the final output if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// For rates of words and phonemes: what entries of a `TextGrid` without a label are.
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

/// What a set of features is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Features of a speech encoder, or any others that lie as `<story>.npz` with `<story>_times.npz`. Without times the rows
    /// are taken for scans.
    #[default]
    Features,
    /// Words per scan, from `<story>.TextGrid`.
    WordRate,
    /// Phonemes per scan, from `<story>.TextGrid`.
    PhonemeRate,
    /// Log-mel spectrogram of the recording, 80 bands, every 10 ms.
    MelSpectrogram,
    /// Root mean square of the recording, every 10 ms.
    Rms,
    /// How far a story has come, and its square, scan by scan: what drifts look like. No folder.
    Position,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsesRecipe {
    /// A file that holds all stories, or a folder with one file per story.
    pub path: PathBuf,
    /// For volumes: the image whose voxels other than 0 are the columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
    /// For a test story that was heard several times: the names of its presentations, from which the noise ceiling is
    /// estimated, and whose mean is the response.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeats: BTreeMap<String, Vec<String>>,
}

impl ResponsesRecipe {
    /// Names of the presentations of a story that was heard several times; empty for any other. Letters may be composed in
    /// another way than in the recipe.
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

/// Who trains and who tests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoriesRecipe {
    /// Training stories; if empty, all that have responses and are not tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train: Vec<String>,
    /// Test stories.
    pub test: Vec<String>,
}

/// Where scan times come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScansRecipe {
    /// Volumes at even intervals.
    Simulated {
        /// Repetition time (TR), seconds.
        repetition_secs: f64,
        /// How long after the first volume's start the sound began, seconds.
        sound_start_secs: f64,
    },
    /// TR reports, `<story>.report`.
    Reports {
        /// Their folder.
        folder: PathBuf,
        /// How lost triggers are put back.
        #[serde(default)]
        repair: TriggerRepair,
    },
    /// Volumes at even intervals, the sound's onset from BIDS event files, `<story>_events.tsv` or `<story>.tsv`.
    Events {
        /// Their folder.
        folder: PathBuf,
        /// Repetition time (TR), seconds; as the header of the responses has it if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repetition_secs: Option<f64>,
    },
    /// Plain lists of the volumes' centres, `<story>.txt`, `.csv` or `.json`, in seconds from the sound's onset.
    Lists {
        /// Their folder.
        folder: PathBuf,
    },
}

impl Default for ScansRecipe {
    /// The deep-fMRI dataset's convention.
    fn default() -> Self {
        Self::Simulated {
            repetition_secs: 2.0,
            sound_start_secs: 10.0,
        }
    }
}

/// Scans left out at the start and the end of a story. In files: `[10, 5]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[usize; 2]", into = "[usize; 2]")]
pub struct Trim {
    /// At the start.
    pub start_scans: usize,
    /// At the end.
    pub end_scans: usize,
}

impl Trim {
    /// Both together.
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

/// What features are z-scored with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Each story with its own mean and deviation, as published.
    #[default]
    PerStory,
    /// All stories with the mean and deviation of the training stories.
    TrainingStatistics,
}

/// How the design matrix is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesignRecipe {
    /// Scans of the features left out in training stories.
    pub trim_train: Trim,
    /// Scans of the features left out in test stories.
    pub trim_test: Trim,
    /// Scans of the responses left out in training stories. Those of the published data are trimmed already.
    #[serde(default)]
    pub trim_responses_train: Trim,
    /// Scans of the responses left out in test stories.
    #[serde(default)]
    pub trim_responses_test: Trim,
    /// What features are z-scored with.
    #[serde(default)]
    pub normalisation: Normalisation,
    /// Delays, in scans.
    pub delays: Vec<i32>,
    /// Whether delayed copies cross the border between stories.
    #[serde(default)]
    pub delay_borders: DelayBorders,
}

/// The α that are tried. In files: a list, or `{ logspace = [1.0, 4.0, 15] }` as NumPy has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Alphas {
    /// From ten to the first power to ten to the second, so many of them.
    LogSpace {
        /// First power, last power, number.
        logspace: (f64, f64, usize),
    },
    /// These.
    List(Vec<f64>),
}

impl Alphas {
    /// The values.
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
    /// Single precision for what concerns voxels, double for the features' products. A sample of voxels is fitted in double
    /// precision beside it, and a difference is told.
    #[default]
    F32,
    /// Double precision.
    F64,
}

/// How the model is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidgeRecipe {
    /// The α to try. α is squared: the penalty on the squared weights is α².
    pub alphas: Alphas,
    /// What they are multiples of.
    #[serde(default)]
    pub alpha_unit: AlphaUnit,
    /// Which voxels share one.
    #[serde(default)]
    pub sharing: AlphaSharing,
    /// For [`AlphaSharing::PerGroup`]: an array of one whole number per voxel, as `.npy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<PathBuf>,
    /// How training scans are held out.
    pub cross_validation: CrossValidation,
    /// What chooses among the α.
    #[serde(default)]
    pub round_score: RoundScore,
    /// Number format.
    #[serde(default)]
    pub precision: FitPrecision,
    /// Seed of all random choices, as for Python's `random.seed`.
    #[serde(default)]
    pub seed: u64,
    /// A penalty for each set of features, in place of one for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banded: Option<BandedRecipe>,
}

/// How mixtures of the sets are searched. A mixture is chosen per voxel by the mean R² over the rounds, in double precision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandedRecipe {
    /// Random mixtures to try, besides the equal one and each set alone.
    #[serde(default = "usual_mixtures")]
    pub n_mixtures: usize,
}

fn usual_mixtures() -> usize {
    100
}

impl RidgeRecipe {
    /// What the fit itself wants to know.
    #[must_use]
    pub fn settings(&self) -> RidgeSettings {
        RidgeSettings {
            alphas: self.alphas.values(),
            alpha_unit: self.alpha_unit,
            round_score: self.round_score,
        }
    }
}

/// How the model is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoresRecipe {
    /// Permutations of blocks of test time for each voxel's p; 0 for none.
    pub n_permutations: usize,
    /// Scans per block of test time.
    pub block_scans: usize,
    /// Draws of blocks of test time for each voxel's interval of r; 0 for none.
    pub n_draws: usize,
    /// The share of false discoveries that is accepted.
    pub fdr_level: f64,
    /// Whether the controls look at a sample of the voxels.
    pub controls: bool,
    /// What total power the noise ceiling starts from. The study: 1.
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

/// What else could predict the voxels. Whatever is left out here is looked for beside the features, and a control that finds
/// nothing to compare with says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlsRecipe {
    /// Folder of the recordings; that of the recipe beside the features if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<PathBuf>,
    /// Folder of the `TextGrid`s; that of the recordings if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub textgrids: Option<PathBuf>,
    /// Features of an untrained network of the same shape; the folder of the features' name with `-untrained` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrained: Option<PathBuf>,
}

impl ControlsRecipe {
    /// Whether everything is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the results go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeOutput {
    /// Folder that gets `scores.npz` and what else there is.
    pub folder: PathBuf,
    /// Whether the weights are written.
    #[serde(default)]
    pub weights: bool,
    /// Whether the predictions of the test scans are written.
    #[serde(default)]
    pub predictions: bool,
    /// Memory to plan for, GiB. It decides how many voxels are read at once, and no number.
    #[serde(default = "usual_memory")]
    pub memory_gib: f64,
}

fn usual_memory() -> f64 {
    6.0
}

/// Settings of published work.
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
    /// The tutorial on speech models of the same laboratory.
    SpeechTutorial,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ScalingLaws2023,
        Self::DeepFmri,
        Self::SemanticDecoding2023,
        Self::SpeechTutorial,
    ];

    /// Its design.
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

    /// How it is scored: the laboratory's code assumes responses of variance 1.
    #[must_use]
    pub fn scores(self) -> ScoresRecipe {
        ScoresRecipe {
            total_power: TotalPower::One,
            ..ScoresRecipe::default()
        }
    }

    /// Its fit.
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
