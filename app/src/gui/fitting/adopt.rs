//! Settings that are taken over from a recipe.

use std::collections::BTreeSet;
use std::path::PathBuf;

use heschl_core::run::recipe::{EncodeRecipe, FeatureKind};

use super::{FINAL, FitStudy};

impl FitStudy {
    /// The settings of a recipe, all of them but the folder of the scores.
    #[must_use]
    pub(crate) fn of_recipe(recipe: &EncodeRecipe) -> Self {
        let mut sets = recipe.features.clone();
        let of_model = sets
            .iter_mut()
            .find(|set| set.kind == FeatureKind::Features);
        let (features, layer) = of_model.map_or((None, None), |set| {
            let layer = set.layer.take().unwrap_or_else(|| FINAL.into());
            let folder = std::mem::replace(&mut set.folder, PathBuf::new());
            (Some(folder), Some(layer))
        });
        let mut fit = Self {
            features,
            layer,
            sets,
            responses: Some(recipe.responses.path.clone()),
            mask: recipe.responses.mask.clone(),
            repeats: recipe.responses.repeats.clone(),
            train: recipe.stories.train.iter().cloned().collect(),
            test: recipe.stories.test.clone(),
            left_out: BTreeSet::new(),
            recordings: recipe.controls.recordings.clone(),
            words: recipe.controls.textgrids.clone(),
            untrained: recipe.controls.untrained.clone(),
            preset: Self::default().preset,
            scans: recipe.scans.clone(),
            downsampling: recipe.downsampling,
            design: recipe.design.clone(),
            ridge: recipe.ridge.clone(),
            scores: recipe.scores.clone(),
            weights: recipe.output.weights,
            predictions: recipe.output.predictions,
            memory_gib: recipe.output.memory_gib,
        };
        fit.preset = fit.nearest_preset();
        fit
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use heschl_core::fmri::downsample::Downsampling;
    use heschl_core::run::recipe::{Alphas, BandedRecipe, EncodeFile, Preset};

    use super::*;

    /// A recipe in which no setting is as usual.
    fn recipe() -> EncodeRecipe {
        let text = r#"
            [encode]
            features = [
                { name = "words", kind = "word_rate", folder = "/grids" },
                { name = "own name", folder = "/f/model", layer = "encoder.2" },
                { name = "other", folder = "/f/other" },
                { name = "position", kind = "position" },
            ]
            responses = { path = "/r", mask = "/m.nii", repeats = { d = ["d_1", "d_2"] } }
            stories = { train = ["a", "c"], test = ["d"] }
            scans = { source = "lists", folder = "/lists" }
            downsampling = { method = "sinc", window = 2.0 }
            scores = { n_permutations = 7, block_scans = 9, n_draws = 8, fdr_level = 0.1, controls = false, total_power = "measured" }
            controls = { recordings = "/wav", textgrids = "/grids", untrained = "/f/model-untrained" }
            output = { folder = "/scores/x", weights = true, memory_gib = 3.0 }

            [encode.design]
            trim_train = [1, 2]
            trim_test = [3, 4]
            trim_responses_train = [5, 6]
            trim_responses_test = [7, 8]
            normalisation = "training_statistics"
            delays = [0, 2]
            delay_borders = "within_stories"

            [encode.ridge]
            alphas = [1.0, 5.0, 7.5]
            alpha_unit = "largest_singular_value"
            sharing = "per_group"
            groups = "/groups.npy"
            cross_validation = { method = "k_fold", n_folds = 6 }
            round_score = "r2"
            precision = "f64"
            seed = 11
            banded = { n_mixtures = 12 }
        "#;
        EncodeFile::parse(text).unwrap().encode
    }

    #[test]
    fn every_setting_of_a_recipe_is_taken_over() {
        let recipe = recipe();
        let fit = FitStudy::of_recipe(&recipe);
        let again = fit.recipe(None, None, Path::new("/scores")).unwrap();
        let with_its_folder = EncodeRecipe {
            output: recipe.output.clone(),
            ..again
        };
        assert_eq!(with_its_folder, recipe);
        // A study's file holds it all.
        let text = toml::to_string(&fit).unwrap();
        assert_eq!(toml::from_str::<FitStudy>(&text).unwrap(), fit);
    }

    #[test]
    fn the_recipe_of_a_study_makes_the_same_study() {
        for preset in Preset::ALL {
            let mut fit = FitStudy {
                features: Some("/f/m".into()),
                layer: Some("encoder.2".into()),
                responses: Some("/r".into()),
                test: vec!["a".into()],
                downsampling: Downsampling::Mean,
                ..FitStudy::default()
            };
            fit.set_preset(preset);
            fit.ridge.alphas = Alphas::List(vec![2.0]);
            fit.ridge.banded = Some(BandedRecipe { n_mixtures: 3 });
            let recipe = fit.recipe(None, None, Path::new("/s")).unwrap();
            let mut again = FitStudy::of_recipe(&recipe);
            assert_eq!(again.sets[0].name, "m encoder.2");
            again.sets[0].name.clear();
            assert_eq!(again, fit);
        }
    }
}
