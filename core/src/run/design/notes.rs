//! Collects warnings about stories, merging those that are the same for several stories.

use crate::fmri::scans::SoundOnset;

/// Maximum number of stories named in a warning; beyond it, only their number is given.
const NAMED_STORIES: usize = 5;

/// Warnings about the stories.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Message endings, each with the stories to which it applies.
    of_stories: Vec<(String, Vec<String>)>,
    /// Complete messages that name their story themselves.
    whole: Vec<String>,
    /// Stories whose sound onset was read from an event file.
    onsets: Vec<String>,
}

impl Notes {
    /// Adds a message ending for a story; equal endings are merged.
    pub(super) fn of(&mut self, story: &str, what: String) {
        let known = self.of_stories.iter_mut().find(|(known, _)| *known == what);
        match known {
            Some((_, stories)) if stories.iter().any(|known| known == story) => {}
            Some((_, stories)) => stories.push(story.to_string()),
            None => self.of_stories.push((what, vec![story.to_string()])),
        }
    }

    /// Adds a complete message, if there is one.
    pub(super) fn whole(&mut self, sentence: Option<String>) {
        self.whole.extend(sentence);
    }

    /// Adds the notes on how a story's scan times were found.
    pub(super) fn found_scans(
        &mut self,
        story: &str,
        onset: Option<&SoundOnset>,
        warnings: Vec<String>,
    ) {
        for warning in warnings {
            self.of(story, warning);
        }
        if let Some(onset) = onset {
            self.onsets
                .push(format!("{story} {} s (line {})", onset.secs, onset.line));
        }
    }

    /// Returns all warnings as sentences.
    pub(super) fn sentences(self) -> Vec<String> {
        let onsets = (!self.onsets.is_empty()).then(|| {
            format!(
                "Onset of the sound after the first volume, as the event files say: {}.",
                self.onsets.join(", ")
            )
        });
        let of_stories = self.of_stories.into_iter();
        let told = of_stories.map(|(what, stories)| format!("{}: {what}.", named(&stories)));
        told.chain(self.whole).chain(onsets).collect()
    }
}

fn named(stories: &[String]) -> String {
    let quoted = |stories: &[String]| {
        let quoted: Vec<String> = stories.iter().map(|story| format!("\"{story}\"")).collect();
        quoted.join(", ")
    };
    match stories {
        [story] => format!("Story \"{story}\""),
        stories if stories.len() <= NAMED_STORIES => format!("Stories {}", quoted(stories)),
        stories => format!(
            "Stories {} and {} others",
            quoted(&stories[..NAMED_STORIES - 1]),
            stories.len() + 1 - NAMED_STORIES
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_of_many_stories_is_said_once() {
        let mut notes = Notes::default();
        for story in ["a", "b", "a", "c", "d", "e", "f", "g"] {
            notes.of(story, "the same".into());
        }
        notes.of("b", "another thing".into());
        notes.whole(Some("As it is.".into()));
        let expected = [
            "Stories \"a\", \"b\", \"c\", \"d\" and 3 others: the same.",
            "Story \"b\": another thing.",
            "As it is.",
        ];
        assert_eq!(notes.sentences(), expected);
    }
}
