//! Settings that are taken over from a recipe.

use std::path::Path;

use heschl_core::fmri::delay::DelayBorders;
use heschl_core::linear::split::CrossValidation;
use heschl_core::run::recipe::{
    Alphas, EncodeRecipe, FeatureKind, FeatureSet, Preset, RidgeRecipe,
};

use super::{AlphaRange, FINAL, FitStudy, HeldOut, Trims};

impl FitStudy {
    /// Takes over what a recipe says; returns what of it a study cannot say.
    pub(crate) fn adopt(&mut self, recipe: &EncodeRecipe) -> Vec<&'static str> {
        let design = &recipe.design;
        let is_of = |preset: &Preset| {
            let (usual, ridge) = (preset.design(), preset.ridge());
            usual.delays == design.delays
                && ridge.round_score == recipe.ridge.round_score
                && ridge.sharing == recipe.ridge.sharing
        };
        let is_exactly = |preset: &Preset| {
            is_of(preset) && preset.ridge().cross_validation == recipe.ridge.cross_validation
        };
        let mut presets = Preset::ALL.into_iter();
        self.preset = presets
            .clone()
            .find(is_exactly)
            .or_else(|| presets.find(is_of))
            .unwrap_or(Preset::ScalingLaws2023);
        if let Some(set) = recipe.features.first() {
            self.features = Some(set.folder.clone());
            self.layer = Some(set.layer.clone().unwrap_or_else(|| FINAL.into()));
        }
        self.responses = Some(recipe.responses.path.clone());
        self.mask.clone_from(&recipe.responses.mask);
        self.repeats.clone_from(&recipe.responses.repeats);
        self.test.clone_from(&recipe.stories.test);
        self.words.clone_from(&recipe.controls.textgrids);
        self.scans = recipe.scans.clone();
        self.keeps_borders = design.delay_borders == DelayBorders::WithinStories;
        let trims = Trims {
            train: design.trim_train,
            test: design.trim_test,
            responses_train: design.trim_responses_train,
            responses_test: design.trim_responses_test,
        };
        self.trims = Some(trims).filter(|trims| *trims != Trims::of_preset(self.preset));
        if let Alphas::LogSpace {
            logspace: (first, last, count),
        } = recipe.ridge.alphas
        {
            let range = AlphaRange {
                smallest: 10_f64.powf(first),
                largest: 10_f64.powf(last),
                count,
            };
            let is_usual = recipe.ridge.alphas == self.preset.ridge().alphas;
            self.alphas = (!is_usual).then_some(range);
        }
        if let CrossValidation::ChunkBootstrap {
            n_rounds,
            chunk_scans,
            chunks,
        } = recipe.ridge.cross_validation
        {
            let held_out = HeldOut {
                n_rounds,
                chunk_scans,
                chunks,
            };
            self.held_out = Some(held_out).filter(|held| *held != HeldOut::of_preset(self.preset));
        }
        (self.weights, self.predictions) = (recipe.output.weights, recipe.output.predictions);
        self.cannot_say(recipe)
    }

    /// What of a recipe these settings do not repeat.
    fn cannot_say(&self, recipe: &EncodeRecipe) -> Vec<&'static str> {
        let Ok(again) = self.recipe(None, None, Path::new("")) else {
            return vec!["its stories"];
        };
        // Powers of ten that were taken apart and put together again differ in the last digits.
        let is_same_alphas = {
            let (ours, theirs) = (again.ridge.alphas.values(), recipe.ridge.alphas.values());
            let is_close = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-9;
            ours.len() == theirs.len() && ours.iter().zip(&theirs).all(is_close)
        };
        let same_alphas = RidgeRecipe {
            alphas: recipe.ridge.alphas.clone(),
            ..again.ridge.clone()
        };
        let kinds =
            |sets: &[FeatureSet]| -> Vec<FeatureKind> { sets.iter().map(|set| set.kind).collect() };
        let differences = [
            (
                "its sets of features",
                kinds(&again.features) != kinds(&recipe.features),
            ),
            ("its training stories", !recipe.stories.train.is_empty()),
            (
                "its downsampling",
                again.downsampling != recipe.downsampling,
            ),
            ("its design", again.design != recipe.design),
            (
                "its penalties",
                !is_same_alphas || same_alphas != recipe.ridge,
            ),
            ("its scores", again.scores != recipe.scores),
        ];
        let different = differences.into_iter().filter(|(_, differs)| *differs);
        different.map(|(words, _)| words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_that_a_study_made_is_taken_over_whole() {
        for preset in Preset::ALL {
            let fit = FitStudy {
                features: Some("/f/m".into()),
                layer: Some("encoder.2".into()),
                responses: Some("/r".into()),
                test: vec!["a".into()],
                words: Some("/w".into()),
                trims: Some(Trims {
                    train: [3, 4].into(),
                    ..Trims::of_preset(preset)
                }),
                preset,
                alphas: Some(AlphaRange {
                    smallest: 5.0,
                    largest: 700.0,
                    count: 9,
                }),
                held_out: Some(HeldOut {
                    chunk_scans: 7,
                    ..HeldOut::of_preset(preset)
                }),
                keeps_borders: true,
                weights: true,
                ..FitStudy::default()
            };
            let recipe = fit.recipe(None, None, Path::new("/s")).unwrap();
            let mut again = FitStudy::default();
            assert_eq!(again.adopt(&recipe), [""; 0], "{preset:?}");
            let made = again.recipe(None, None, Path::new("/s")).unwrap();
            assert_eq!(made.design, recipe.design);
            assert_eq!(made.ridge.cross_validation, recipe.ridge.cross_validation);
            assert_eq!(made.features, recipe.features);
            // What the window does not have is said.
            let mut other = recipe;
            other.ridge.seed = 7;
            other.scores.n_permutations = 1;
            assert_eq!(again.adopt(&other), ["its penalties", "its scores"]);
        }
    }
}
