//! Fits and scores: what a study says of them, and what was found out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::delay::DelayBorders;
use heschl_core::design::Alignment;
use heschl_core::downsample::Downsampling;
use heschl_core::encoding::{ExampleSeries, ScoreTable};
use heschl_core::intervals::Interval;
use heschl_core::recipe::{
    Alphas, ControlsRecipe, EncodeFacts, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet,
    Preset, ResponsesRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe, Trim,
};
use heschl_core::scans::TriggerRepair;
use serde::{Deserialize, Serialize};

use super::loading::Loading;

/// What a study says of its fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FitStudy {
    /// Features to fit with, if not the study's own.
    pub(crate) features: Option<PathBuf>,
    /// The layer; the final output if left out.
    pub(crate) layer: Option<String>,
    /// What was measured: a file or a folder.
    pub(crate) responses: Option<PathBuf>,
    /// For volumes: the image whose voxels other than 0 are the columns.
    pub(crate) mask: Option<PathBuf>,
    /// Stories that were heard several times: the names of their presentations, whose mean is the response.
    pub(crate) repeats: BTreeMap<String, Vec<String>>,
    /// Stories to test on.
    pub(crate) test: Vec<String>,
    /// `TextGrid`s with the stories' words, if not beside the recordings.
    pub(crate) words: Option<PathBuf>,
    /// Scans left out, if not as the preset has it.
    pub(crate) trims: Option<Trims>,
    /// Whose settings.
    pub(crate) preset: Preset,
    /// The α that are tried, if not as the preset has them.
    pub(crate) alphas: Option<AlphaRange>,
    /// Whether delayed copies stay within their story.
    pub(crate) keeps_borders: bool,
    /// When the volumes were taken.
    pub(crate) scans: ScansRecipe,
    /// Whether weights are written.
    pub(crate) weights: bool,
    /// Whether predictions are written.
    pub(crate) predictions: bool,
}

impl Default for FitStudy {
    fn default() -> Self {
        Self {
            features: None,
            layer: None,
            responses: None,
            mask: None,
            repeats: BTreeMap::new(),
            test: Vec::new(),
            words: None,
            trims: None,
            preset: Preset::ScalingLaws2023,
            alphas: None,
            keeps_borders: false,
            scans: ScansRecipe::default(),
            weights: false,
            predictions: false,
        }
    }
}

impl FitStudy {
    /// Takes scan times from the files of a folder: of the kind that was chosen, or TR reports.
    pub(crate) fn set_scans_folder(&mut self, found: PathBuf) {
        match &mut self.scans {
            ScansRecipe::Reports { folder, .. }
            | ScansRecipe::Events { folder, .. }
            | ScansRecipe::Lists { folder } => *folder = found,
            ScansRecipe::Simulated { .. } => {
                self.scans = ScansRecipe::Reports {
                    folder: found,
                    repair: TriggerRepair::default(),
                };
            }
        }
    }

    /// The stories of responses, those that were heard several times once.
    #[must_use]
    pub(crate) fn stories(&self, responses: &[StoryResponses]) -> Vec<StoryResponses> {
        let of = |story: &StoryResponses| {
            let mut repeats = self.repeats.iter();
            match repeats.find(|(_, names)| names.contains(&story.story)) {
                None => Some(story.clone()),
                Some((together, names)) => {
                    (names.first() == Some(&story.story)).then(|| StoryResponses {
                        story: together.clone(),
                        ..story.clone()
                    })
                }
            }
        };
        responses.iter().filter_map(of).collect()
    }

    /// The scans that are left out.
    #[must_use]
    pub(crate) fn trims(&self) -> Trims {
        self.trims.unwrap_or_else(|| Trims::of_preset(self.preset))
    }

    /// The α that are tried.
    #[must_use]
    pub(crate) fn alphas(&self) -> AlphaRange {
        self.alphas
            .unwrap_or_else(|| AlphaRange::of_preset(self.preset))
    }

    /// The recipe; `features`: their folder, `scores`: the folder of all the study's scores.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn recipe(
        &self,
        features: Option<&Path>,
        scores: &Path,
    ) -> Result<EncodeRecipe, String> {
        let features = self.features.as_deref().or(features);
        let features = features.ok_or("Choose a folder of features, or extract some first.")?;
        let responses = self
            .responses
            .as_ref()
            .ok_or("Choose what was measured: a file or a folder of responses.")?;
        if self.test.is_empty() {
            return Err("Choose a story to test on. The others are trained with.".into());
        }
        let mut design = self.preset.design();
        let trims = self.trims();
        design.trim_train = trims.train;
        design.trim_test = trims.test;
        design.trim_responses_train = trims.responses_train;
        design.trim_responses_test = trims.responses_test;
        if self.keeps_borders {
            design.delay_borders = DelayBorders::WithinStories;
        }
        let mut ridge = self.preset.ridge();
        if let Some(range) = self.alphas {
            range.check()?;
            ridge.alphas = range.alphas();
        }
        let model = features.file_name().unwrap_or_default().to_string_lossy();
        let layer = self.layer.as_deref().unwrap_or("final");
        Ok(EncodeRecipe {
            features: vec![FeatureSet {
                name: format!("{model} {layer}"),
                kind: FeatureKind::Features,
                folder: features.to_path_buf(),
                layer: self.layer.clone(),
            }],
            responses: ResponsesRecipe {
                path: responses.clone(),
                mask: self.mask.clone(),
                repeats: self.repeats.clone(),
            },
            stories: StoriesRecipe {
                train: Vec::new(),
                test: self.test.clone(),
            },
            scans: self.scans.clone(),
            downsampling: Downsampling::default(),
            design,
            ridge,
            scores: ScoresRecipe::default(),
            controls: ControlsRecipe::default(),
            output: EncodeOutput {
                folder: scores.join(format!("{model}-{layer}")),
                weights: self.weights,
                predictions: self.predictions,
                memory_gib: 6.0,
            },
        })
    }
}

/// Scans left out of each story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trims {
    /// Of the features of training stories.
    pub(crate) train: Trim,
    /// Of the features of test stories.
    pub(crate) test: Trim,
    /// Of the responses to training stories.
    pub(crate) responses_train: Trim,
    /// Of the responses to test stories.
    pub(crate) responses_test: Trim,
}

impl Trims {
    /// Those of a preset.
    #[must_use]
    pub(crate) fn of_preset(preset: Preset) -> Self {
        let design = preset.design();
        Self {
            train: design.trim_train,
            test: design.trim_test,
            responses_train: design.trim_responses_train,
            responses_test: design.trim_responses_test,
        }
    }

    /// Those of a story: of its features, and of its responses.
    #[must_use]
    pub(crate) fn of(self, is_test: bool) -> [Trim; 2] {
        if is_test {
            [self.test, self.responses_test]
        } else {
            [self.train, self.responses_train]
        }
    }

    /// Changes those of a story's kind.
    pub(crate) fn set(&mut self, is_test: bool, [features, responses]: [Trim; 2]) {
        if is_test {
            (self.test, self.responses_test) = (features, responses);
        } else {
            (self.train, self.responses_train) = (features, responses);
        }
    }
}

/// The α that are tried: evenly on a logarithmic scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlphaRange {
    /// The smallest one.
    pub(crate) smallest: f64,
    /// The largest one.
    pub(crate) largest: f64,
    /// How many.
    pub(crate) count: usize,
}

impl AlphaRange {
    /// From the first to the last one of a preset.
    #[must_use]
    pub(crate) fn of_preset(preset: Preset) -> Self {
        let alphas = preset.ridge().alphas.values();
        Self {
            smallest: alphas.first().copied().unwrap_or(1.0),
            largest: alphas.last().copied().unwrap_or(1.0),
            count: alphas.len(),
        }
    }

    /// As a recipe has them.
    #[must_use]
    pub(crate) fn alphas(self) -> Alphas {
        Alphas::LogSpace {
            logspace: (self.smallest.log10(), self.largest.log10(), self.count),
        }
    }

    /// # Errors
    /// A sentence, if no fit can be made with them.
    pub(crate) fn check(self) -> Result<(), String> {
        check_alpha(self.smallest)?;
        check_alpha(self.largest)?;
        check_count(self.count as f64)?;
        if self.largest <= self.smallest {
            return Err("The largest α must be larger than the smallest one.".into());
        }
        Ok(())
    }
}

/// # Errors
/// A sentence, if that is no α.
pub(crate) fn check_alpha(alpha: f64) -> Result<(), String> {
    let is_good = (1e-6..=1e9).contains(&alpha);
    is_good
        .then_some(())
        .ok_or_else(|| "An α lies between 0.000001 and 1000000000.".to_string())
}

/// # Errors
/// A sentence, if that is no number of α.
pub(crate) fn check_count(count: f64) -> Result<(), String> {
    let is_good = (2.0..=100.0).contains(&count) && count.fract() == 0.0;
    is_good
        .then_some(())
        .ok_or_else(|| "A whole number of α is tried, from 2 to 100.".to_string())
}

/// One story's responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoryResponses {
    /// The story.
    pub(crate) story: String,
    /// Scans.
    pub(crate) n_scans: usize,
    /// Voxels.
    pub(crate) n_voxels: usize,
}

/// Responses that look like presentations of one story: `story_1`, `story_2` and so on, where there is no `story`.
#[must_use]
pub(crate) fn presentations(responses: &[StoryResponses]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for story in responses {
        if let Some((base, number)) = story.story.rsplit_once('_')
            && let Ok(number) = number.parse()
        {
            let names = found.entry(base.to_owned()).or_default();
            names.push((number, story.story.clone()));
        }
    }
    found.retain(|base, names| {
        names.sort();
        let is_counted = names
            .iter()
            .zip(1..)
            .all(|((number, _), expected)| *number == expected);
        is_counted && names.len() > 1 && responses.iter().all(|story| story.story != *base)
    });
    let names = |names: Vec<(usize, String)>| names.into_iter().map(|(_, name)| name).collect();
    found
        .into_iter()
        .map(|(base, all)| (base, names(all)))
        .collect()
}

/// What a fit would take.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct FitOutlook {
    /// Voxels.
    pub(crate) n_voxels: usize,
    /// Columns of the design matrix.
    pub(crate) n_columns: usize,
    /// Scans that are learned from.
    pub(crate) n_training_scans: usize,
    /// Scans that are predicted.
    pub(crate) n_test_scans: usize,
    /// Time, seconds.
    pub(crate) secs: f64,
    /// Memory at the most.
    pub(crate) memory_bytes: u64,
    /// Bytes of the results.
    pub(crate) disk_bytes: u64,
    /// What should be known.
    pub(crate) warnings: Vec<String>,
}

/// Scores that were read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoresFacts {
    /// Where they lie.
    pub(crate) folder: PathBuf,
    /// The scores.
    pub(crate) table: ScoreTable,
    /// What the run that made them met; `None` if its recipe cannot be read.
    pub(crate) facts: Option<EncodeFacts>,
    /// A few voxels' courses.
    pub(crate) series: Option<ExampleSeries>,
    /// Other fits in the same folder of fits, this one among them.
    pub(crate) profile: Vec<ProfileEntry>,
}

/// One fit of a profile over layers or models.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProfileEntry {
    /// Its folder's name.
    pub(crate) name: String,
    /// Mean r over the voxels.
    pub(crate) mean_r: f64,
    /// Where that mean lies in 95 of 100 draws of test time; `None` if nothing was drawn.
    pub(crate) mean_interval: Option<Interval>,
    /// The first, second and third quartile of r over the voxels.
    pub(crate) quartiles: [f64; 3],
}

/// What was found out about fits.
#[derive(Default)]
pub(crate) struct FitFacts {
    /// The stories of the responses.
    pub(crate) responses: Loading<Vec<StoryResponses>>,
    /// The layers of the features, by the names of their folders; `None` is the final output.
    pub(crate) layers: Loading<Vec<Option<String>>>,
    /// The story that is looked at, on one clock.
    pub(crate) alignment: Loading<Arc<Alignment>>,
    /// What the fit would take, or why it cannot be done.
    pub(crate) outlook: Loading<FitOutlook>,
    /// Scores that are looked at.
    pub(crate) scores: Loading<Arc<ScoresFacts>>,
    /// Scores to compare them with.
    pub(crate) others: Loading<Arc<ScoresFacts>>,
}

/// What can be made of a fit's recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FitAs {
    /// A job.
    Job,
    /// A job for each layer of the features.
    JobsOfLayers,
    /// The command that does the same.
    Command,
    /// A script for a cluster.
    Slurm,
    /// A file.
    Recipe,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(names: &[&str]) -> Vec<StoryResponses> {
        let of = |name: &&str| StoryResponses {
            story: (*name).into(),
            n_scans: 10,
            n_voxels: 2,
        };
        names.iter().map(of).collect()
    }

    #[test]
    fn presentations_are_counted_from_one() {
        let all = responses(&[
            "tale", "river_1", "river_2", "river_10", "night_2", "night_3", "tale_1", "tale_2",
        ]);
        assert_eq!(presentations(&all), BTreeMap::new());
        let all = responses(&["tale", "river_1", "river_2"]);
        let found = presentations(&all);
        assert_eq!(found["river"], ["river_1", "river_2"]);
        let fit = FitStudy {
            repeats: found,
            ..FitStudy::default()
        };
        let names: Vec<String> = fit
            .stories(&all)
            .into_iter()
            .map(|story| story.story)
            .collect();
        assert_eq!(names, ["tale", "river"]);
    }
}
