//! Warnings of extractions and fits, as values.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::linear::split::SplitWarning;
use crate::remedy::Remedy;
use crate::speech::card::LastLayer;

/// Something that does not stop a run, but that the user should know.
///
/// [`Display`](fmt::Display) gives a sentence that names neither flags nor commands nor pages. In JSON, a warning has the keys
/// `kind`, `values` (the fields), `message` (the sentence) and `remedies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    remote = "Self",
    tag = "kind",
    content = "values",
    rename_all = "snake_case"
)]
pub enum Warning {
    /// The folder has stories with another kind of last layer than this run makes.
    OtherLastLayers {
        /// Number of such stories.
        n_stories: usize,
        /// One of them.
        example: String,
        /// The kind of last layer that this run makes.
        made: LastLayer,
    },
    /// A story is kept that was extracted otherwise than this run would.
    MadeOtherwise {
        /// The story.
        story: String,
        /// What was different.
        difference: Difference,
    },
    /// The header of a recording is odd.
    RecordingHeader {
        /// The story.
        story: String,
        /// What is odd, and how it is read.
        note: String,
    },
    /// Unfinished rows of a story cannot be continued.
    UnfinishedRows {
        /// The story.
        story: String,
    },
    /// Unfinished voxels of a fit cannot be continued.
    UnfinishedVoxels {},
    /// There are few training scans.
    FewTrainingScans {
        /// Their number.
        n_training_scans: usize,
    },
    /// The cross-validation of α holds out all chunks of the training scans.
    AllChunksHeld {
        /// Chunks to hold out.
        n_held: usize,
        /// Scans of a chunk.
        chunk_scans: usize,
        /// Training scans.
        n_training_scans: usize,
    },
    /// The chunks that the cross-validation of α holds out are short.
    ShortChunks {
        /// Scans of a chunk.
        chunk_scans: usize,
    },
    /// Something about features, scan times or stimuli of some stories, in the words of what read them.
    Stories {
        /// The sentence.
        text: String,
    },
    /// Something about the responses, in the words of the reader of their format.
    Responses {
        /// The sentence.
        text: String,
    },
    /// The test scans allow only few permutations.
    FewPermutations {
        /// Blocks of test scans.
        n_blocks: usize,
        /// Orders of the blocks.
        n_orders: usize,
    },
    /// The noise ceiling assumes z-scored responses, which these are not.
    TotalPower {
        /// Mean variance of a presentation over time.
        mean_variance: f64,
    },
    /// Single precision changes the scores.
    SinglePrecision {
        /// Largest change of a score.
        largest_change: f64,
        /// Number of voxels that were also fitted in double precision.
        n_voxels: usize,
    },
    /// Some voxels have no r.
    UndefinedScores {
        /// Their number.
        n_undefined: usize,
        /// Number of all voxels.
        n_voxels: usize,
    },
    /// Some voxels have missing values in the training responses.
    MissingResponses {
        /// Their number.
        n_voxels: usize,
    },
    /// For many voxels the best α is the smallest or the largest candidate.
    AlphaAtEdge {
        /// Their number.
        n_at_edge: usize,
        /// Number of voxels with r above 0.1.
        n_predicted: usize,
        /// Whether it is the largest candidate, not the smallest.
        is_largest: bool,
        /// The candidate.
        alpha: f64,
    },
    /// A sanity check failed.
    FailedCheck {
        /// What should hold.
        check: String,
        /// What was found.
        finding: String,
    },
    /// A warning of the program, or of another version.
    Other {
        /// The sentence.
        text: String,
    },
}

/// What was different when a story was extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The recording.
    Recording,
    /// Settings of the window.
    Window,
    /// The number format.
    Precision,
    /// The kind of last layer.
    LastLayer,
    /// Whether the feature extractor was applied.
    FeatureExtractor,
    /// The model, or resampling.
    ModelOrResampling,
}

impl Difference {
    /// Completes "the story was extracted before, …".
    fn phrase(self) -> &'static str {
        match self {
            Self::Recording => "from another recording",
            Self::Window => "with other window settings",
            Self::Precision => "at another precision",
            Self::LastLayer => "with another kind of last layer",
            Self::FeatureExtractor => {
                "with another choice of whether to apply the feature extractor"
            }
            Self::ModelOrResampling => "by another model or resampling",
        }
    }
}

impl Warning {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::OtherLastLayers { .. } => {
                vec![Remedy::SameLastLayer, Remedy::OtherOutputFolder]
            }
            Self::MadeOtherwise { difference, .. } => {
                let same = match difference {
                    Difference::LastLayer => Some(Remedy::SameLastLayer),
                    Difference::FeatureExtractor => Some(Remedy::SameFeatureExtractor),
                    _ => None,
                };
                let others = [Remedy::ExtractAgain, Remedy::OtherOutputFolder];
                same.into_iter().chain(others).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns one warning of each kind, with examples of names and numbers.
    #[must_use]
    pub fn examples() -> Vec<Self> {
        let text = || "Something is odd.".to_string();
        let story = || "alpha".to_string();
        vec![
            Self::OtherLastLayers {
                n_stories: 2,
                example: story(),
                made: LastLayer::AsPublished,
            },
            Self::MadeOtherwise {
                story: story(),
                difference: Difference::Window,
            },
            Self::RecordingHeader {
                story: story(),
                note: "its header does not know its length".into(),
            },
            Self::UnfinishedRows { story: story() },
            Self::UnfinishedVoxels {},
            Self::FewTrainingScans {
                n_training_scans: 200,
            },
            Self::AllChunksHeld {
                n_held: 20,
                chunk_scans: 40,
                n_training_scans: 700,
            },
            Self::ShortChunks { chunk_scans: 5 },
            Self::Stories { text: text() },
            Self::Responses { text: text() },
            Self::FewPermutations {
                n_blocks: 4,
                n_orders: 24,
            },
            Self::TotalPower { mean_variance: 2.0 },
            Self::SinglePrecision {
                largest_change: 0.01,
                n_voxels: 64,
            },
            Self::UndefinedScores {
                n_undefined: 3,
                n_voxels: 100,
            },
            Self::MissingResponses { n_voxels: 3 },
            Self::AlphaAtEdge {
                n_at_edge: 20,
                n_predicted: 100,
                is_largest: true,
                alpha: 1000.0,
            },
            Self::FailedCheck {
                check: "Nothing is predicted from nothing".into(),
                finding: text(),
            },
            Self::Other { text: text() },
        ]
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLastLayers {
                n_stories,
                example,
                made,
            } => {
                let others = made.other().description();
                let stories = match n_stories {
                    1 => "a story".into(),
                    n => format!("{n} stories"),
                };
                write!(
                    f,
                    "The folder has {stories} whose last layer is {others}, such as {example}; this run makes it {}. To have one \
                     kind in one folder, choose the same kind, or another output folder.",
                    made.description()
                )
            }
            Self::MadeOtherwise { story, difference } => write!(
                f,
                "Story \"{story}\" was extracted before, {}, and is kept. Extract it again, or choose another output folder to \
                 keep both.",
                difference.phrase()
            ),
            Self::RecordingHeader { story, note } => write!(f, "Story \"{story}\": {note}."),
            Self::UnfinishedRows { story } => write!(
                f,
                "The unfinished rows of {story} were made with other settings, another version or another recording. They \
                 cannot be continued, so the story begins anew."
            ),
            Self::Stories { text } | Self::Responses { text } | Self::Other { text } => {
                f.write_str(text)
            }
            _ => self.of_start(f),
        }
    }
}

impl Warning {
    /// The sentence of a warning about what a fit starts from.
    fn of_start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnfinishedVoxels {} => f.write_str(
                "The unfinished voxels in this folder were fitted with another recipe, other files or another version. They \
                 cannot be continued, so the fit begins anew.",
            ),
            Self::FewTrainingScans { n_training_scans } => write!(
                f,
                "There are {n_training_scans} training scans. Fewer than 300, about ten minutes, seldom carry a model of speech: \
                 add stories."
            ),
            Self::AllChunksHeld {
                n_held,
                chunk_scans,
                n_training_scans,
            } => {
                let size = (*chunk_scans).max(1);
                write!(
                    f,
                    "Each round should hold out {n_held} chunks of {chunk_scans} scans, but the {n_training_scans} training scans \
                     make only {}. As in the published code, it then holds out all of them, and α is chosen by models trained \
                     on the last {} scans alone. Better hold out a quarter (chunks = \"quarter\" in \
                     [encode.ridge.cross_validation]).",
                    n_training_scans / size,
                    n_training_scans % size
                )
            }
            Self::ShortChunks { chunk_scans } => write!(
                f,
                "Chunks of {chunk_scans} scans are held out. Responses and features are smooth over about 10 scans, so held-out \
                 scans are partly known from their neighbours and α comes out too small. Use chunks of 20 or more."
            ),
            Self::FewPermutations { n_blocks, n_orders } => write!(
                f,
                "The test scans make {n_blocks} blocks, which have only {n_orders} orders: no p can be smaller than about {:.2}. \
                 Test on more scans, or use shorter blocks.",
                1.0 / *n_orders as f64
            ),
            _ => self.of_scores(f),
        }
    }

    /// The sentence of a warning about a fit's scores.
    fn of_scores(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TotalPower { mean_variance } => write!(
                f,
                "The noise ceiling assumes z-scored responses (total power 1, as in the study), but a presentation's variance \
                 over time is {mean_variance:.3} on average. Z-score the responses, or write total_power = \"measured\" in \
                 [encode.scores]."
            ),
            Self::SinglePrecision {
                largest_change,
                n_voxels,
            } => write!(
                f,
                "Single precision moves scores by up to {largest_change:.1e} on {n_voxels} voxels that were also fitted in \
                 double precision. Choose double precision (precision = \"f64\")."
            ),
            Self::UndefinedScores {
                n_undefined,
                n_voxels,
            } => write!(
                f,
                "For {n_undefined} of {n_voxels} voxels r is not defined: their test responses do not vary, or hold values that \
                 are no numbers. They have no score."
            ),
            Self::MissingResponses { n_voxels } => write!(
                f,
                "For {n_voxels} {} the training responses hold values that are no numbers. These count as 0, as in the \
                 published code; better leave such voxels out.",
                if *n_voxels == 1 { "voxel" } else { "voxels" }
            ),
            Self::AlphaAtEdge {
                n_at_edge,
                n_predicted,
                is_largest,
                alpha,
            } => {
                let edge = if *is_largest { "largest" } else { "smallest" };
                write!(
                    f,
                    "For {n_at_edge} of the {n_predicted} voxels with r above 0.1 the best α is the {edge} one tried ({alpha}). \
                     Widen the range and fit again."
                )
            }
            Self::FailedCheck { check, finding } => {
                write!(f, "The control \"{check}\" failed. {finding}")
            }
            _ => Ok(()),
        }
    }
}

impl Warning {
    /// The warning about a cross-validation.
    #[must_use]
    pub(crate) fn of_split(warning: SplitWarning) -> Self {
        match warning {
            SplitWarning::AllChunksHeld {
                n_held,
                chunk_scans,
                n_scans,
            } => Self::AllChunksHeld {
                n_held,
                chunk_scans,
                n_training_scans: n_scans,
            },
            SplitWarning::ShortChunks { chunk_scans } => Self::ShortChunks { chunk_scans },
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten, with = "Warning")]
            warning: &'a Warning,
            message: String,
            remedies: Vec<Remedy>,
        }
        let line = Line {
            warning: self,
            message: self.to_string(),
            remedies: self.remedies(),
        };
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Warning {
    /// A kind of another version becomes [`Warning::Other`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = serde_json::Value::deserialize(deserializer)?;
        if let Ok(known) = Self::deserialize(&line) {
            return Ok(known);
        }
        let text = line.get("message").and_then(serde_json::Value::as_str);
        let text = text.ok_or_else(|| D::Error::missing_field("message"))?;
        Ok(Self::Other { text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_is_a_sentence_that_survives_json() {
        let mut kinds = BTreeSet::new();
        for warning in Warning::examples() {
            let sentence = warning.to_string();
            assert!(sentence.starts_with(char::is_uppercase), "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
            let value = serde_json::to_value(&warning).unwrap();
            assert_eq!(value["message"], sentence);
            assert!(value["values"].is_object() && value["remedies"].is_array());
            kinds.insert(value["kind"].as_str().unwrap().to_string());
            assert_eq!(serde_json::from_value::<Warning>(value).unwrap(), warning);
        }
        // Every variant has an example.
        let variants = include_str!("warning.rs").split("pub enum ").nth(1);
        let variants = variants.unwrap().split("\n}\n").next().unwrap();
        let is_variant = |line: &&str| {
            line.strip_prefix("    ")
                .is_some_and(|rest| rest.starts_with(char::is_uppercase))
        };
        assert_eq!(kinds.len(), variants.lines().filter(is_variant).count());
    }

    #[test]
    fn chunks_that_are_all_held_out_leave_the_rest_to_train_on() {
        let warning = Warning::of_split(SplitWarning::AllChunksHeld {
            n_held: 125,
            chunk_scans: 40,
            n_scans: 303,
        });
        let sentence = warning.to_string();
        assert!(
            sentence.contains("make only 7") && sentence.contains("last 23 scans"),
            "{sentence}"
        );
    }

    #[test]
    fn warnings_of_other_versions_keep_their_sentence() {
        for line in [
            r#"{"message":"It clips."}"#,
            r#"{"kind":"of_tomorrow","values":{},"message":"It clips.","remedies":[]}"#,
        ] {
            let read: Warning = serde_json::from_str(line).unwrap();
            assert_eq!(
                read,
                Warning::Other {
                    text: "It clips.".into()
                }
            );
        }
        assert!(serde_json::from_str::<Warning>("{}").is_err());
    }
}
