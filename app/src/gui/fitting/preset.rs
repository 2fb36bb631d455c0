//! A preset, and the settings that differ from it.

use heschl_core::fmri::downsample::Downsampling;
use heschl_core::run::recipe::{DesignRecipe, Preset, RidgeRecipe, ScoresRecipe};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::FitStudy;

/// The settings that a preset decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    downsampling: Downsampling,
    design: DesignRecipe,
    ridge: RidgeRecipe,
    scores: ScoresRecipe,
}

impl Settings {
    fn of_preset(preset: Preset) -> Self {
        Self {
            downsampling: Downsampling::default(),
            design: preset.design(),
            ridge: preset.ridge(),
            scores: preset.scores(),
        }
    }

    fn of(fit: &FitStudy) -> Self {
        Self {
            downsampling: fit.downsampling,
            design: fit.design.clone(),
            ridge: fit.ridge.clone(),
            scores: fit.scores.clone(),
        }
    }

    fn put_into(self, fit: &mut FitStudy) {
        fit.downsampling = self.downsampling;
        fit.design = self.design;
        fit.ridge = self.ridge;
        fit.scores = self.scores;
    }

    /// Group, then name, then value, as in a recipe's file.
    fn table(&self) -> Table {
        // Plain settings are always written.
        Table::try_from(self).unwrap_or_default()
    }

    /// Names of the settings that differ from others, as in a recipe's file.
    fn differences(&self, others: &Self) -> Vec<String> {
        let (ours, theirs) = (self.table(), others.table());
        let mut names = Vec::new();
        for (group, values) in &ours {
            let values = values.as_table().cloned().unwrap_or_default();
            let none = Table::new();
            let others = theirs.get(group).and_then(toml::Value::as_table);
            let others = others.unwrap_or(&none);
            let keys: std::collections::BTreeSet<&String> =
                values.keys().chain(others.keys()).collect();
            let differs = |key: &&String| values.get(*key) != others.get(*key);
            names.extend(
                keys.into_iter()
                    .filter(differs)
                    .map(|key| format!("{group}.{key}")),
            );
        }
        names
    }
}

impl FitStudy {
    /// Begins with another preset. What was set otherwise than in the preset before stays.
    pub(crate) fn set_preset(&mut self, preset: Preset) {
        let (before, after) = (
            Settings::of_preset(self.preset),
            Settings::of_preset(preset),
        );
        let mine = Settings::of(self);
        let mut merged = after.table();
        for name in mine.differences(&before) {
            let Some((group, key)) = name.split_once('.') else {
                continue;
            };
            let value = mine
                .table()
                .get(group)
                .and_then(|values| values.get(key))
                .cloned();
            if let Some(values) = merged.get_mut(group).and_then(toml::Value::as_table_mut) {
                match value {
                    Some(value) => drop(values.insert(key.to_owned(), value)),
                    None => drop(values.remove(key)),
                }
            }
        }
        self.preset = preset;
        merged.try_into().unwrap_or(after).put_into(self);
    }

    /// Sets everything as the preset has it.
    pub(crate) fn reset_to_preset(&mut self) {
        Settings::of_preset(self.preset).put_into(self);
    }

    /// Names of the settings that differ from the preset's, as in a recipe's file: `design.trim_test`.
    #[must_use]
    pub(crate) fn changed_settings(&self) -> Vec<String> {
        Settings::of(self).differences(&Settings::of_preset(self.preset))
    }

    /// The preset from which these settings differ least.
    #[must_use]
    pub(super) fn nearest_preset(&self) -> Preset {
        let n_different = |preset: &Preset| {
            Settings::of(self)
                .differences(&Settings::of_preset(*preset))
                .len()
        };
        let nearest = Preset::ALL.into_iter().min_by_key(n_different);
        nearest.unwrap_or(Preset::ScalingLaws2023)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_preset_changes_all_but_what_was_set_by_hand() {
        let mut fit = FitStudy::default();
        assert_eq!(fit.changed_settings(), [""; 0]);
        fit.design.trim_train = [3, 4].into();
        fit.ridge.seed = 7;
        fit.ridge.groups = Some("groups.npy".into());
        let changed = ["design.trim_train", "ridge.groups", "ridge.seed"];
        assert_eq!(fit.changed_settings(), changed);
        fit.set_preset(Preset::SpeechTutorial);
        assert_eq!(fit.changed_settings(), changed);
        assert_eq!(fit.design.trim_train, [3, 4].into());
        assert_eq!(
            fit.design.trim_test,
            Preset::SpeechTutorial.design().trim_test
        );
        assert_eq!(fit.ridge.sharing, Preset::SpeechTutorial.ridge().sharing);
        assert_eq!(fit.nearest_preset(), Preset::SpeechTutorial);
        fit.reset_to_preset();
        assert_eq!(fit.changed_settings(), [""; 0]);
        assert_eq!(fit.ridge, Preset::SpeechTutorial.ridge());
    }
}
