//! The recipe file of an encoding model.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{EncodeRecipe, Preset, RecipeError};
use crate::sanity::{Check, Verdict};
use crate::store::FileChecksum;
use crate::window::Coverage;

/// What a recipe file records of the run that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeInfo {
    /// Version of Heschl.
    pub heschl: String,
    /// When the run began, UTC.
    pub started: String,
    /// When it ended, UTC.
    pub finished: String,
    /// Voxels that were fitted.
    pub n_voxels: usize,
    /// Columns of the design matrix: features times delays.
    pub n_columns: usize,
    /// Scans that were learned from.
    pub n_training_scans: usize,
    /// Scans that were predicted.
    pub n_test_scans: usize,
    /// Rounds that chose α.
    pub n_rounds: usize,
    /// Scans held out in the largest round.
    pub n_held_scans: usize,
    /// How often the test was heard.
    pub n_presentations: usize,
    /// The furthest that any row of features looked ahead of its scan, seconds.
    pub look_ahead_secs: f64,
    /// Training stories, in the order of the rows.
    pub training_stories: Vec<String>,
    /// Test stories, in the order of the rows.
    pub test_stories: Vec<String>,
    /// What the user was told.
    pub warnings: Vec<String>,
    /// The sets of features, in the recipe's order.
    pub sets: Vec<SetInfo>,
    /// What the controls found.
    pub checks: Vec<Check>,
    /// Every file that was read.
    pub inputs: Vec<FileChecksum>,
}

impl EncodeInfo {
    /// Takes in those of another share of the voxels: what was told and found there is kept, each sentence once.
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
                // One failure is the finding of all.
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

/// What is known of a set of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetInfo {
    /// Its name.
    pub name: String,
    /// Features, before delays.
    pub n_features: usize,
    /// Whether its rows were scans already, so that nothing was resampled.
    #[serde(default)]
    pub at_scan_times: bool,
    /// For features of a speech encoder: where they come from, as the recipe beside them says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<FeatureSource>,
}

/// Where features of a speech encoder come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSource {
    /// The encoder.
    pub model: String,
    /// The layer; `None` for the final output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// Length of the window, seconds.
    pub window_secs: f64,
    /// From one window's end to the next, seconds.
    pub step_secs: f64,
    /// Which windows became rows.
    #[serde(default)]
    pub coverage: Coverage,
    /// Whether the model's own feature extractor normalised the windows.
    #[serde(default)]
    pub use_featext: bool,
}

/// The content of a recipe file for an encoding model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeFile {
    /// What to do.
    pub encode: EncodeRecipe,
    /// What the run that wrote the file was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<EncodeInfo>,
}

impl EncodeFile {
    /// Whether the file is a recipe of this kind, not of an extraction.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        toml::from_str::<Table>(&text).is_ok_and(|file| file.contains_key("encode"))
    }

    /// Reads a recipe file. `preset = "…"` in `[encode]` fills in whatever `[encode.design]`, `[encode.ridge]` and `[encode.scores]` leave out.
    ///
    /// # Errors
    /// [`RecipeError`] if it cannot be read or has entries that make no sense.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Unreadable {
            source,
            path: path.to_path_buf(),
        })?;
        Self::parse(&text).map_err(|reason| RecipeError::Damaged {
            reason,
            path: path.to_path_buf(),
        })
    }

    /// Reads a recipe from its text.
    ///
    /// # Errors
    /// What makes no sense, in a sentence.
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
        Err("it has no [encode] section. A recipe for \"heschl encode\" has one; one for \"heschl run\" has [extract]".into())
    }

    /// The file's text.
    ///
    /// # Errors
    /// A sentence, if a path in it cannot be written as text.
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

/// The study counts entries of its `TextGrid`s that have no label.
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
    use crate::ceiling::TotalPower;
    use crate::recipe::{Alphas, Trim};
    use crate::split::CrossValidation;
    use crate::textgrid::EmptyLabels;

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
