//! Scans that are left out of each story, and how lengths come to be equal.

use heschl_core::run::recipe::{DesignRecipe, Trim};

/// Scans left out of each story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trims {
    /// Of the features of training stories.
    pub(crate) train: Trim,
    /// Of the features of test stories.
    pub(crate) test: Trim,
    /// Of the responses to training stories.
    pub(crate) responses_train: Trim,
    /// Of the responses to test stories.
    pub(crate) responses_test: Trim,
}

impl Trims {
    /// Those of a design.
    #[must_use]
    pub(crate) fn of(design: &DesignRecipe) -> Self {
        Self {
            train: design.trim_train,
            test: design.trim_test,
            responses_train: design.trim_responses_train,
            responses_test: design.trim_responses_test,
        }
    }

    /// Makes them those of a design.
    pub(crate) fn put_into(self, design: &mut DesignRecipe) {
        design.trim_train = self.train;
        design.trim_test = self.test;
        design.trim_responses_train = self.responses_train;
        design.trim_responses_test = self.responses_test;
    }

    /// Those of a story: of its features, and of its responses.
    #[must_use]
    pub(crate) fn of_story(self, is_test: bool) -> [Trim; 2] {
        if is_test {
            [self.test, self.responses_test]
        } else {
            [self.train, self.responses_train]
        }
    }

    /// Changes those of a story's kind.
    pub(crate) fn set(&mut self, is_test: bool, [features, responses]: [Trim; 2]) {
        if is_test {
            (self.test, self.responses_test) = (features, responses);
        } else {
            (self.train, self.responses_train) = (features, responses);
        }
    }
}

/// Trims that would make a story's features and responses of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrimRemedy {
    /// The responses lose what the features lose.
    ResponsesAsFeatures,
    /// Test stories lose what training stories lose.
    AsInTraining,
    /// Nothing is left out.
    None,
    /// Another trim of the features.
    Features(Trim),
}

impl TrimRemedy {
    /// What its button says.
    #[must_use]
    pub(crate) fn label(self) -> String {
        match self {
            Self::ResponsesAsFeatures => "Trim the responses like the features".into(),
            Self::AsInTraining => "Trim as in training stories".into(),
            Self::None => "No trim".into(),
            Self::Features(trim) => {
                let [start, end] = trim.into();
                format!("Trim [{start}, {end}]")
            }
        }
    }

    /// The trims with it.
    #[must_use]
    pub(crate) fn applied(self, mut trims: Trims, is_test: bool) -> Trims {
        if self == Self::ResponsesAsFeatures {
            // Who did not trim the responses to some stories did not trim those to the others.
            trims.responses_train = trims.train;
            trims.responses_test = trims.test;
            return trims;
        }
        let [_, responses] = trims.of_story(is_test);
        let mended = match self {
            Self::AsInTraining => trims.of_story(false),
            Self::ResponsesAsFeatures | Self::None => [Trim::default(); 2],
            Self::Features(trim) => [trim, responses],
        };
        trims.set(is_test, mended);
        trims
    }
}

/// One story's lengths, in scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoryLengths {
    /// The story.
    pub(crate) story: String,
    /// Responses, before their trim.
    pub(crate) n_responses: usize,
    /// Scan times; `None` if they cannot be read.
    pub(crate) n_times: Option<usize>,
    /// Features and responses after their trims.
    pub(crate) kept: Option<[usize; 2]>,
    /// Scans until the sound ends, where they come at regular intervals.
    pub(crate) sound_scans: Option<usize>,
    /// Whether the responses seem not to be trimmed though the features are.
    pub(crate) looks_untrimmed: bool,
    /// Why the story cannot be fitted so: a sentence.
    pub(crate) problem: Option<String>,
    /// Trims that would mend it.
    pub(crate) remedies: Vec<TrimRemedy>,
}
