//! Recipe files of encoding models.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::FileChecksum;
use super::{EncodeRecipe, Preset, RecipeError};
use crate::run::sanity::{Check, Verdict};
use crate::speech::window::Coverage;

/// Provenance information that a run writes into its recipe file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeInfo {
    /// Version of Heschl.
    pub heschl: String,
    /// Version of the numbers, [`crate::run::NUMERICS`].
    #[serde(default)]
    pub numerics: u32,
    /// Start of the run, UTC.
    pub started: String,
    /// End of the run, UTC.
    pub finished: String,
    /// Number of fitted voxels.
    pub n_voxels: usize,
    /// Columns of the design matrix: features times delays.
    pub n_columns: usize,
    /// Number of training scans.
    pub n_training_scans: usize,
    /// Number of test scans.
    pub n_test_scans: usize,
    /// Number of validation rounds that selected α.
    pub n_rounds: usize,
    /// Scans held out in the largest round.
    pub n_held_scans: usize,
    /// Number of presentations of the test stories.
    pub n_presentations: usize,
    /// Furthest that a row of features looked ahead of its scan, seconds.
    pub look_ahead_secs: f64,
    /// Training stories, in the order of the rows.
    pub training_stories: Vec<String>,
    /// Test stories, in the order of the rows.
    pub test_stories: Vec<String>,
    /// Warnings reported to the user.
    pub warnings: Vec<String>,
    /// The feature sets, in the recipe's order.
    pub sets: Vec<SetInfo>,
    /// Results of the sanity checks.
    pub checks: Vec<Check>,
    /// Checksums of all input files.
    pub inputs: Vec<FileChecksum>,
}

impl EncodeInfo {
    /// Merges the information of another share of the voxels; identical warnings are kept once.
    pub(crate) fn add(&mut self, share: Self) {
        self.n_voxels += share.n_voxels;
        self.started = std::mem::take(&mut self.started).min(share.started);
        self.finished = std::mem::take(&mut self.finished).max(share.finished);
        for warning in share.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        for check in share.checks {
            let known = self
                .checks
                .iter_mut()
                .find(|known| known.name == check.name);
            match known {
                // A check that failed in one share failed.
                Some(known)
                    if known.verdict != Verdict::Failed && check.verdict == Verdict::Failed =>
                {
                    *known = check;
                }
                Some(_) => {}
                None => self.checks.push(check),
            }
        }
    }
}

/// Provenance of a feature set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetInfo {
    /// Its name.
    pub name: String,
    /// Number of features, before delays.
    pub n_features: usize,
    /// Whether its rows were sampled at the scans, so that nothing was resampled.
    #[serde(default)]
    pub at_scan_times: bool,
    /// For features of a speech encoder: their origin, according to the recipe in their folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<FeatureSource>,
}

/// Origin of a speech encoder's features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSource {
    /// The encoder.
    pub model: String,
    /// The layer; `None` for the final output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// Window length, seconds.
    pub window_secs: f64,
    /// Distance between the ends of successive windows, seconds.
    pub step_secs: f64,
    /// Which windows became rows.
    #[serde(default)]
    pub coverage: Coverage,
    /// Whether the model's feature extractor normalised the windows.
    #[serde(default)]
    pub use_featext: bool,
}

/// Contents of an encoding model's recipe file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeFile {
    /// The recipe.
    pub encode: EncodeRecipe,
    /// Provenance information, in files written by a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<EncodeInfo>,
}

impl EncodeFile {
    /// Whether the file is a recipe of an encoding model, not of an extraction.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        toml::from_str::<Table>(&text).is_ok_and(|file| file.contains_key("encode"))
    }

    /// Reads a recipe file. `preset = "…"` in `[encode]` supplies defaults for `[encode.design]`, `[encode.ridge]` and
    /// `[encode.scores]`.
    ///
    /// # Errors
    /// Returns a [`RecipeError`] if the file cannot be read or has invalid entries.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Unreadable {
            source,
            path: path.to_path_buf(),
        })?;
        let path = path.to_path_buf();
        Self::parse(&text).map_err(|reason| match toml::from_str::<Table>(&text) {
            Ok(file) if !file.contains_key("encode") => RecipeError::NotOfFit { path },
            _ => RecipeError::Damaged { reason, path },
        })
    }

    /// Parses a recipe.
    ///
    /// # Errors
    /// Returns a message about the invalid entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let said = |error: toml::de::Error| error.to_string().trim_end().to_string();
        let mut file: Table = toml::from_str(text).map_err(said)?;
        if let Some(encode) = file
            .get_mut("encode")
            .and_then(|encode| encode.as_table_mut())
        {
            fill_in_preset(encode)?;
            let file = Self::deserialize(file).map_err(said)?;
            file.encode.check()?;
            return Ok(file);
        }
        Err("it has no [encode] section. The recipe of a fit has one; that of an extraction has [extract]".into())
    }

    /// Serialises the recipe as TOML.
    ///
    /// # Errors
    /// Returns a message if a path in it is not valid Unicode.
    pub fn to_toml(&self) -> Result<String, String> {
        let text = toml::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Scores made by Heschl. Repeat them with: heschl encode recipe.toml\n\n{text}"
        ))
    }
}

fn fill_in_preset(encode: &mut Table) -> Result<(), String> {
    let Some(preset) = encode.remove("preset") else {
        return Ok(());
    };
    let preset = Preset::deserialize(preset).map_err(|error| error.message().to_string())?;
    let table = |value: Result<Table, toml::ser::Error>| value.map_err(|error| error.to_string());
    for (name, usual) in [
        ("scores", table(Table::try_from(preset.scores()))?),
        ("design", table(Table::try_from(preset.design()))?),
        ("ridge", table(Table::try_from(preset.ridge()))?),
    ] {
        match encode.entry(name).or_insert_with(|| Table::new().into()) {
            toml::Value::Table(given) => {
                for (key, value) in usual {
                    given.entry(key).or_insert(value);
                }
            }
            _ => return Err(format!("[encode.{name}] must be a section")),
        }
    }
    fill_in_empty_labels(encode);
    Ok(())
}

/// The study counts `TextGrid` entries without a label.
fn fill_in_empty_labels(encode: &mut Table) {
    let sets = encode
        .get_mut("features")
        .and_then(toml::Value::as_array_mut);
    for set in sets
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table_mut)
    {
        let kind = set.get("kind").and_then(toml::Value::as_str);
        if matches!(kind, Some("word_rate" | "phoneme_rate")) {
            set.entry("empty_labels").or_insert("as_in_study".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fmri::textgrid::EmptyLabels;
    use crate::linear::split::CrossValidation;
    use crate::run::recipe::{Alphas, Trim};
    use crate::stats::ceiling::TotalPower;

    const SHORT: &str = r#"
        [encode]
        preset = "scaling-laws-2023"

        [[encode.features]]
        name = "whisper"
        folder = "features_cnk0.1_ctx16.0/whisper-tiny"
        layer = "encoder.3"

        [encode.responses]
        path = "UTS03_responses.jbl"

        [encode.stories]
        test = ["wheretheressmoke"]

        [encode.scans]
        source = "simulated"
        repetition_secs = 2.0
        sound_start_secs = 10.0

        [encode.ridge]
        alphas = [1.0, 10.0]

        [encode.output]
        folder = "scores"
    "#;

    #[test]
    fn a_preset_fills_in_what_is_left_out() {
        let recipe = EncodeFile::parse(SHORT).unwrap().encode;
        assert_eq!(recipe.ridge.alphas, Alphas::List(vec![1.0, 10.0]));
        assert!(matches!(
            recipe.ridge.cross_validation,
            CrossValidation::ChunkBootstrap {
                n_rounds: 3,
                chunk_scans: 20,
                ..
            }
        ));
        assert_eq!(recipe.design.trim_test, Trim::from([50, 5]));
        assert_eq!(recipe.scores.total_power, TotalPower::One);
    }

    #[test]
    fn a_preset_counts_entries_without_a_label_as_the_study_does() {
        let rate = SHORT.replacen("layer = \"encoder.3\"", "kind = \"word_rate\"", 1);
        let empty_labels =
            |text: &str| EncodeFile::parse(text).unwrap().encode.features[0].empty_labels;
        assert_eq!(empty_labels(&rate), EmptyLabels::AsInStudy);
        assert_eq!(empty_labels(SHORT), EmptyLabels::Pauses);
        let said = rate.replacen("kind =", "empty_labels = \"pauses\"\nkind =", 1);
        assert_eq!(empty_labels(&said), EmptyLabels::Pauses);
    }

    #[test]
    fn paths_count_from_the_file() {
        let recipe = EncodeFile::parse(SHORT)
            .unwrap()
            .encode
            .rooted(Path::new("/study"));
        assert_eq!(recipe.output.folder, Path::new("/study/scores"));
        assert_eq!(
            recipe.responses.path,
            Path::new("/study/UTS03_responses.jbl")
        );
        assert_eq!(recipe.clone().rooted(Path::new("/other")), recipe);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = EncodeFile::parse(SHORT).unwrap();
        assert_eq!(EncodeFile::parse(&file.to_toml().unwrap()).unwrap(), file);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        for (text, sentence) in [
            ("[extract]\n", "no [encode] section"),
            (
                &SHORT.replace("scaling-laws-2023", "best"),
                "unknown variant `best`",
            ),
            (
                &SHORT.replace("name = \"whisper\"", "nam = \"whisper\""),
                "nam",
            ),
        ] {
            let error = EncodeFile::parse(text).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }
}
