//! Kind of last layer (before or after the final norm) of the stories in a features folder.

use std::fs;

use super::{FeaturesFolder, StoryRecord};
use crate::speech::card::LastLayer;

impl FeaturesFolder {
    /// Returns the stories whose last layer is of kind `which` according to their records, sorted by name.
    #[must_use]
    pub fn stories_with_last_layer(&self, which: LastLayer) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.inner()) else {
            return vec![];
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let records = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
        let records = records.filter_map(|path| StoryRecord::read(&path).ok());
        let mut stories: Vec<String> = records
            .filter(|record| record.last_layer() == Some(which))
            .map(|record| record.provenance.recording.story)
            .collect();
        stories.sort();
        stories
    }
}

impl LastLayer {
    /// Returns the other kind.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::AsPublished => Self::BeforeNorm,
            Self::BeforeNorm => Self::AsPublished,
        }
    }

    /// Returns a description of the kind.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::AsPublished => "after the model's final norm, as in transformers 4 and the study",
            Self::BeforeNorm => "before the model's final norm, as in transformers 5",
        }
    }
}

/// Result of `heschl check` for the last layers in a folder.
pub(super) enum Said {
    /// All stories with such a layer have the same kind.
    Note(String),
    /// Stories have different kinds.
    Fault(String),
}

/// Examines the records of a folder; `None` if the model has only one kind.
pub(super) fn of_folder(folder: &FeaturesFolder) -> Option<Said> {
    let [published, before] = [LastLayer::AsPublished, LastLayer::BeforeNorm]
        .map(|which| (which, folder.stories_with_last_layer(which)));
    let of_all = |which: LastLayer| {
        Some(Said::Note(format!(
            "The last layer is {}.",
            which.description()
        )))
    };
    match (published.1.as_slice(), before.1.as_slice()) {
        ([], []) => None,
        (_, []) => of_all(published.0),
        ([], _) => of_all(before.0),
        (after, other) => Some(Said::Fault(format!(
            "The last layer of {} is {}, that of {} {}. Stories of both kinds cannot be fitted together: extract one kind \
             again.\nFolder: {}",
            listed(after),
            published.0.description(),
            listed(other),
            before.0.description(),
            folder.root().display()
        ))),
    }
}

/// Lists a few names, and the number of others.
fn listed(stories: &[String]) -> String {
    const MOST: usize = 3;
    let named = stories
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match stories.len().saturating_sub(MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
