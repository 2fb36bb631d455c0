//! Fits and scores: their settings in a study, and what is known of them.

mod adopt;
mod info;
mod penalty;
mod preset;
mod trims;
mod version1;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heschl_core::fmri::downsample::Downsampling;
use heschl_core::fmri::scans::TriggerRepair;
use heschl_core::fmri::textgrid::EmptyLabels;
use heschl_core::run::recipe::{
    ControlsRecipe, DesignRecipe, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet, Preset,
    ResponsesRecipe, RidgeRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe,
};
use serde::{Deserialize, Serialize};

pub(crate) use info::{
    Chance, FINAL, FitAs, FitFeatures, FitInfo, ProfileEntry, ScoresInfo, StoryResponses,
    VoxelTimeCourse,
};
pub(crate) use penalty::{AlphaRange, HeldOut, check_alpha, check_count};
pub(crate) use trims::{StoryLengths, TrimRemedy, Trims};
pub(crate) use version1::upgrade;

/// What a study says of its fit: a recipe whose folders may still be missing, and what the window adds to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FitStudy {
    /// Features, if not the study's own.
    pub(crate) features: Option<PathBuf>,
    /// The layer, [`FINAL`] for the final output; the middle one once the layers are known if left out.
    pub(crate) layer: Option<String>,
    /// All sets of features. That of [`Self::features`] is the one without a folder of its own, see [`is_of_model`].
    pub(crate) sets: Vec<FeatureSet>,
    /// What was measured: a file or a folder.
    pub(crate) responses: Option<PathBuf>,
    /// For volumes: the image whose voxels other than 0 are the columns.
    pub(crate) mask: Option<PathBuf>,
    /// Stories that were heard several times: the names of their presentations, whose mean is the response.
    pub(crate) repeats: BTreeMap<String, Vec<String>>,
    /// Stories to train with, if only some are; otherwise all that are not tested on.
    pub(crate) train: BTreeSet<String>,
    /// Stories to test on.
    pub(crate) test: Vec<String>,
    /// Stories that are neither trained with nor tested on.
    pub(crate) left_out: BTreeSet<String>,
    /// Recordings for the sanity checks, if not the study's own.
    pub(crate) recordings: Option<PathBuf>,
    /// `TextGrid`s with the stories' words, if not beside the recordings.
    pub(crate) words: Option<PathBuf>,
    /// Features of an untrained network for the sanity checks, if not beside the features.
    pub(crate) untrained: Option<PathBuf>,
    /// The preset that the settings below began with.
    pub(crate) preset: Preset,
    /// When the volumes were taken.
    pub(crate) scans: ScansRecipe,
    /// How features come to the scanner's clock.
    pub(crate) downsampling: Downsampling,
    /// The design matrix.
    pub(crate) design: DesignRecipe,
    /// The ridge regression.
    pub(crate) ridge: RidgeRecipe,
    /// Scores and statistics.
    pub(crate) scores: ScoresRecipe,
    /// Whether weights are written.
    pub(crate) weights: bool,
    /// Whether predictions are written.
    pub(crate) predictions: bool,
    /// Memory that a fit may take, GiB.
    pub(crate) memory_gib: f64,
}

impl Default for FitStudy {
    fn default() -> Self {
        let preset = Preset::ScalingLaws2023;
        Self {
            features: None,
            layer: None,
            sets: vec![model_set()],
            responses: None,
            mask: None,
            repeats: BTreeMap::new(),
            train: BTreeSet::new(),
            test: Vec::new(),
            left_out: BTreeSet::new(),
            recordings: None,
            words: None,
            untrained: None,
            preset,
            scans: ScansRecipe::default(),
            downsampling: Downsampling::default(),
            design: preset.design(),
            ridge: preset.ridge(),
            scores: preset.scores(),
            weights: false,
            predictions: true,
            memory_gib: 6.0,
        }
    }
}

/// The set that stands for the model's features, whose folder and layer are chosen apart.
#[must_use]
pub(crate) fn model_set() -> FeatureSet {
    FeatureSet {
        name: String::new(),
        kind: FeatureKind::Features,
        folder: PathBuf::new(),
        layer: None,
        empty_labels: EmptyLabels::default(),
    }
}

/// Whether a set stands for the model's features.
#[must_use]
pub(crate) fn is_of_model(set: &FeatureSet) -> bool {
    set.kind == FeatureKind::Features && set.folder.as_os_str().is_empty()
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

    /// Adds a set of features of another folder.
    pub(crate) fn add_features(&mut self, folder: PathBuf) {
        self.sets.push(FeatureSet {
            name: folder_name(&folder),
            folder,
            ..model_set()
        });
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
        Trims::of(&self.design)
    }

    /// Leaves out other scans.
    pub(crate) fn set_trims(&mut self, trims: Trims) {
        trims.put_into(&mut self.design);
    }

    /// The α that are tried, if they are evenly spaced.
    #[must_use]
    pub(crate) fn alphas(&self) -> Option<AlphaRange> {
        AlphaRange::of(&self.ridge.alphas)
    }

    /// How scans are held out to choose an α, if in chunks.
    #[must_use]
    pub(crate) fn held_out(&self) -> Option<HeldOut> {
        HeldOut::of(self.ridge.cross_validation)
    }

    /// What becomes of a story; `has_features`: whether there are features of it.
    #[must_use]
    pub(crate) fn part(&self, story: &str, has_features: bool) -> StoryRole {
        if self.left_out.contains(story) || !has_features {
            StoryRole::LeftOut
        } else if self.test.iter().any(|test| test == story) {
            StoryRole::Test
        } else if self.train.is_empty() || self.train.contains(story) {
            StoryRole::Train
        } else {
            StoryRole::LeftOut
        }
    }

    /// Gives a story its part.
    pub(crate) fn set_part(&mut self, story: &str, part: StoryRole) {
        self.test.retain(|test| test != story);
        self.left_out.remove(story);
        match part {
            StoryRole::Train if self.train.is_empty() => {}
            StoryRole::Train => {
                self.train.insert(story.to_owned());
            }
            StoryRole::Test => self.test.push(story.to_owned()),
            StoryRole::LeftOut => {
                self.left_out.insert(story.to_owned());
            }
        }
    }

    /// Names the stories of a recipe: of those that were measured, the ones that have features and are not left out. Where these
    /// are all, the training stories stay unnamed, so that the recipe takes those that come later, too.
    pub(crate) fn name_stories(
        &self,
        recipe: &mut EncodeRecipe,
        measured: &[StoryResponses],
        features: &BTreeSet<String>,
    ) {
        let all = self.stories(measured);
        let of = |part: StoryRole| {
            let is_of = move |story: &&StoryResponses| {
                self.part(&story.story, features.contains(&story.story)) == part
            };
            all.iter().filter(is_of).map(|story| story.story.clone())
        };
        let train: Vec<String> = of(StoryRole::Train).collect();
        let is_tested = |story: &String| !self.left_out.contains(story) && features.contains(story);
        recipe.stories.test.retain(is_tested);
        if train.len() + recipe.stories.test.len() < all.len() {
            recipe.stories.train = train;
        }
    }

    /// The recipe; `features` and `recordings`: their folders, `scores`: the folder of all the study's scores.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn recipe(
        &self,
        features: Option<&Path>,
        recordings: Option<&Path>,
        scores: &Path,
    ) -> Result<EncodeRecipe, String> {
        let features = self.features.as_deref().or(features);
        let sets = self.recipe_sets(features)?;
        let responses = self
            .responses
            .as_ref()
            .ok_or("Choose the fMRI responses: a file or a folder.")?;
        if self.test.is_empty() {
            return Err("Choose a test story. The others are used for training.".into());
        }
        if let Some(range) = self.alphas() {
            range.check()?;
        }
        let recipe = EncodeRecipe {
            output: EncodeOutput {
                folder: scores.join(self.scores_name(features)),
                weights: self.weights,
                predictions: self.predictions,
                memory_gib: self.memory_gib,
            },
            features: sets,
            responses: ResponsesRecipe {
                path: responses.clone(),
                mask: self.mask.clone(),
                repeats: self.repeats.clone(),
            },
            stories: StoriesRecipe {
                train: self.train.iter().cloned().collect(),
                test: self.test.clone(),
            },
            scans: self.scans.clone(),
            downsampling: self.downsampling,
            design: self.design.clone(),
            ridge: self.ridge.clone(),
            scores: self.scores.clone(),
            controls: ControlsRecipe {
                recordings: self
                    .recordings
                    .clone()
                    .or(recordings.map(Path::to_path_buf)),
                textgrids: self.words.clone(),
                untrained: self.untrained.clone(),
            },
        };
        recipe.check().map_err(|sentence| sentence_of(&sentence))?;
        Ok(recipe)
    }

    /// The sets of features as a recipe has them.
    fn recipe_sets(&self, features: Option<&Path>) -> Result<Vec<FeatureSet>, String> {
        if self.sets.is_empty() {
            return Err("Add a set of features.".into());
        }
        let sets = self.sets.iter().map(|set| {
            if !is_of_model(set) {
                return Ok(set.clone());
            }
            let folder = features.ok_or("Choose a folder of features, or extract some first.")?;
            let (model, layer) = (folder_name(folder), self.layer.as_deref().unwrap_or(FINAL));
            let name = if set.name.is_empty() {
                format!("{model} {layer}")
            } else {
                set.name.clone()
            };
            Ok(FeatureSet {
                name,
                folder: folder.to_path_buf(),
                layer: self.layer.clone().filter(|layer| layer != FINAL),
                ..set.clone()
            })
        });
        sets.collect()
    }

    /// The name of the folder of scores: the model and its layer, and the further sets.
    fn scores_name(&self, features: Option<&Path>) -> String {
        let names = self.sets.iter().map(|set| {
            if is_of_model(set) {
                let layer = self.layer.as_deref().unwrap_or(FINAL);
                let model = features.map(folder_name).unwrap_or_default();
                format!("{model}-{layer}")
            } else {
                set.name.replace(['/', '\\', ':'], "_")
            }
        });
        names.collect::<Vec<_>>().join("+")
    }
}

fn folder_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A clause as a sentence.
pub(crate) fn sentence_of(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

/// What becomes of a story in a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoryRole {
    /// It is trained with.
    Train,
    /// It is tested on.
    Test,
    /// Neither.
    LeftOut,
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

    #[test]
    fn stories_have_a_part_and_those_without_features_are_left_out() {
        let measured = responses(&["alpha", "beta", "delta", "gamma"]);
        let features: BTreeSet<String> = ["alpha", "beta", "gamma"].map(String::from).into();
        let mut fit = FitStudy {
            responses: Some("responses".into()),
            ..FitStudy::default()
        };
        fit.set_part("gamma", StoryRole::Test);
        fit.set_part("delta", StoryRole::Test);
        let recipe = |fit: &FitStudy, features: &BTreeSet<String>| {
            let mut recipe = fit
                .recipe(Some(Path::new("f")), None, Path::new("s"))
                .unwrap();
            fit.name_stories(&mut recipe, &measured, features);
            recipe.stories
        };
        let stories = recipe(&fit, &features);
        assert_eq!(
            (stories.train, stories.test),
            (vec!["alpha".into(), "beta".into()], vec!["gamma".into()])
        );
        fit.set_part("alpha", StoryRole::LeftOut);
        let stories = recipe(&fit, &features);
        assert_eq!(
            (stories.train, stories.test),
            (vec!["beta".into()], vec!["gamma".into()])
        );
        // All take part: those that come later do, too.
        fit.set_part("alpha", StoryRole::Train);
        let all: BTreeSet<String> = ["alpha", "beta", "delta", "gamma"].map(String::from).into();
        let stories = recipe(&fit, &all);
        assert_eq!((stories.train.len(), stories.test.len()), (0, 2));
    }
}
