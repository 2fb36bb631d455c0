//! Praat's `TextGrid`: the words and phones of a story.

mod read;
mod tiers;

pub use tiers::{ChosenTier, EmptyLabels, SpeechUnit, TierChoice};

/// Why a file is no usable `TextGrid`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum TextGridError {
    #[error(
        "This is no Praat TextGrid: it does not begin with \"ooTextFile\" and \"TextGrid\", nor with \"Praat chronological \
         TextGrid text file\". Save it in Praat as a text file or a short text file."
    )]
    NoTextGrid,
    #[error("This is a binary TextGrid. Save it in Praat as a text file (\"Save as text file…\").")]
    Binary,
    #[error(
        "The text is neither UTF-8 nor UTF-16. Save it in Praat anew: it writes UTF-8 or UTF-16."
    )]
    Encoding,
    #[error(
        "The TextGrid ends where {expected} should stand (item {item} of the file). It may be cut off: get it again."
    )]
    CutOff { expected: &'static str, item: usize },
    #[error(
        "The TextGrid has \"{found}\" where {expected} should stand (item {item} of the file): its counts do not fit what follows \
         them. Save it in Praat anew."
    )]
    Unexpected {
        expected: &'static str,
        found: String,
        item: usize,
    },
    #[error(
        "The TextGrid goes on after the last interval that its counts announce (item {item} of the file). Save it in Praat anew."
    )]
    Longer { item: usize },
    #[error(
        "The TextGrid writes numbers with a comma (\"{text}\"). Praat writes and reads a point: replace the commas within numbers by \
         points, or export the file again with another language setting."
    )]
    DecimalComma { text: String },
    #[error("The TextGrid has no tiers.")]
    NoTiers,
    #[error(
        "The TextGrid has {n_tiers} tiers, but an interval of tier {number}. Save it in Praat anew."
    )]
    NoTierOfThatNumber { number: f64, n_tiers: usize },
    #[error(
        "None of the TextGrid's tiers ({names}) is named as {unit}. Rename the tier that holds them to \"{unit}\"."
    )]
    NoSuchTier { unit: SpeechUnit, names: String },
}

/// A stretch of speech and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Start, seconds from the sound's onset.
    pub start_secs: f64,
    /// End, in the same way. For a point the same as the start.
    pub end_secs: f64,
    /// Its label, as it stands in the file.
    pub text: String,
}

impl Interval {
    /// The middle, seconds.
    #[must_use]
    pub fn midpoint_secs(&self) -> f64 {
        f64::midpoint(self.start_secs, self.end_secs)
    }
}

/// One row of annotations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// In the order of the file.
    pub intervals: Vec<Interval>,
}

/// The annotations of one story.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextGrid {
    /// In the order of the file: words, phones, and what else there is.
    pub tiers: Vec<Tier>,
}

impl TextGrid {
    /// Reads the long, the short or the chronological form, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// [`TextGridError`] if it is something else, cut off, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, TextGridError> {
        read::parse(bytes)
    }

    /// The words: lower case, without noises and pauses, with their time span. An entry without a label is a pause.
    ///
    /// # Errors
    /// [`TextGridError`] if no tier holds words.
    pub fn words(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(SpeechUnit::Words, EmptyLabels::Pauses)
            .map(|chosen| chosen.intervals)
    }

    /// The phones: lower case, without noises and pauses, with their time span. An entry without a label is a pause.
    ///
    /// # Errors
    /// [`TextGridError`] if no tier holds phones.
    pub fn phones(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(SpeechUnit::Phones, EmptyLabels::Pauses)
            .map(|chosen| chosen.intervals)
    }

    /// Words or phones, and how their tier was chosen: by its name where names tell, by its place (phones before words) where
    /// they say nothing.
    ///
    /// # Errors
    /// [`TextGridError`] if no tier holds them.
    pub fn speech(
        &self,
        unit: SpeechUnit,
        empty_labels: EmptyLabels,
    ) -> Result<ChosenTier, TextGridError> {
        tiers::speech(&self.tiers, unit, empty_labels)
    }
}

#[cfg(test)]
mod tests;
