//! Fits and scores: their settings in a study, and what is known of them.

mod adopt;
mod info;
mod penalty;
mod trims;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heschl_core::fmri::delay::DelayBorders;
use heschl_core::fmri::downsample::Downsampling;
use heschl_core::fmri::scans::TriggerRepair;
use heschl_core::run::recipe::{
    ControlsRecipe, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet, Preset, ResponsesRecipe,
    ScansRecipe, StoriesRecipe,
};
use serde::{Deserialize, Serialize};

pub(crate) use info::{
    Chance, FINAL, FitAs, FitFeatures, FitInfo, ProfileEntry, ScoresInfo, StoryResponses,
    TestStory, VoxelTimeCourse,
};
pub(crate) use penalty::{AlphaRange, HeldOut, check_alpha, check_count};
pub(crate) use trims::{StoryLengths, TrimRemedy, Trims};

/// What a study says of its fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FitStudy {
    /// Features, if not the study's own.
    pub(crate) features: Option<PathBuf>,
    /// The layer, [`FINAL`] for the final output; the middle one once the layers are known if left out.
    pub(crate) layer: Option<String>,
    /// What was measured: a file or a folder.
    pub(crate) responses: Option<PathBuf>,
    /// For volumes: the image whose voxels other than 0 are the columns.
    pub(crate) mask: Option<PathBuf>,
    /// Stories that were heard several times: the names of their presentations, whose mean is the response.
    pub(crate) repeats: BTreeMap<String, Vec<String>>,
    /// Stories to test on.
    pub(crate) test: Vec<String>,
    /// Stories that are neither trained with nor tested on.
    pub(crate) left_out: BTreeSet<String>,
    /// `TextGrid`s with the stories' words, if not beside the recordings.
    pub(crate) words: Option<PathBuf>,
    /// Scans left out, if not as the preset has it.
    pub(crate) trims: Option<Trims>,
    /// Whose settings.
    pub(crate) preset: Preset,
    /// The α that are tried, if not as the preset has them.
    pub(crate) alphas: Option<AlphaRange>,
    /// How scans are held out to choose among them, if not as the preset does.
    pub(crate) held_out: Option<HeldOut>,
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
            left_out: BTreeSet::new(),
            words: None,
            trims: None,
            preset: Preset::ScalingLaws2023,
            alphas: None,
            held_out: None,
            keeps_borders: false,
            scans: ScansRecipe::default(),
            weights: false,
            predictions: true,
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

    /// How scans are held out to choose an α.
    #[must_use]
    pub(crate) fn held_out(&self) -> HeldOut {
        self.held_out
            .unwrap_or_else(|| HeldOut::of_preset(self.preset))
    }

    /// What becomes of a story; `has_features`: whether there are features of it.
    #[must_use]
    pub(crate) fn part(&self, story: &str, has_features: bool) -> StoryRole {
        if self.left_out.contains(story) || !has_features {
            StoryRole::LeftOut
        } else if self.test.iter().any(|test| test == story) {
            StoryRole::Test
        } else {
            StoryRole::Train
        }
    }

    /// Gives a story its part.
    pub(crate) fn set_part(&mut self, story: &str, part: StoryRole) {
        self.test.retain(|test| test != story);
        self.left_out.remove(story);
        match part {
            StoryRole::Train => {}
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
        let features = features.ok_or("Choose a folder of features, or extract some first.")?;
        let responses = self
            .responses
            .as_ref()
            .ok_or("Choose the fMRI responses: a file or a folder.")?;
        if self.test.is_empty() {
            return Err("Choose a test story. The others are used for training.".into());
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
        if let Some(held_out) = self.held_out {
            ridge.cross_validation = held_out.method();
        }
        let model = features.file_name().unwrap_or_default().to_string_lossy();
        let layer = self.layer.as_deref().unwrap_or(FINAL);
        let recipe = EncodeRecipe {
            features: vec![FeatureSet {
                name: format!("{model} {layer}"),
                kind: FeatureKind::Features,
                folder: features.to_path_buf(),
                layer: self.layer.clone().filter(|layer| layer != FINAL),
                empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
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
            scores: self.preset.scores(),
            controls: ControlsRecipe {
                recordings: recordings.map(Path::to_path_buf),
                textgrids: self.words.clone(),
                untrained: None,
            },
            output: EncodeOutput {
                folder: scores.join(format!("{model}-{layer}")),
                weights: self.weights,
                predictions: self.predictions,
                memory_gib: 6.0,
            },
        };
        recipe.check().map_err(|sentence| sentence_of(&sentence))?;
        Ok(recipe)
    }
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
