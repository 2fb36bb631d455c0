//! Praat `TextGrid` files: the words and phones of a story.

mod read;
mod tiers;

pub use tiers::{ChosenTier, EmptyLabels, SpeechUnit, TierChoice};

/// Errors of reading a `TextGrid`.
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
         them. Save it again in Praat."
    )]
    Unexpected {
        expected: &'static str,
        found: String,
        item: usize,
    },
    #[error(
        "The TextGrid continues after the last interval that its header announces (item {item} of the file). Save it again in Praat."
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
        "The TextGrid has {n_tiers} tiers, but an interval of tier {number}. Save it again in Praat."
    )]
    NoTierOfThatNumber { number: f64, n_tiers: usize },
    #[error(
        "None of the TextGrid's tiers ({names}) is named as {unit}. Rename the tier that holds them to \"{unit}\"."
    )]
    NoSuchTier { unit: SpeechUnit, names: String },
}

/// A labelled interval of speech.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Start, seconds from sound onset.
    pub start_secs: f64,
    /// End, seconds from sound onset; equal to the start for a point.
    pub end_secs: f64,
    /// The label as in the file.
    pub text: String,
}

impl Interval {
    /// Returns the midpoint, seconds.
    #[must_use]
    pub fn midpoint_secs(&self) -> f64 {
        f64::midpoint(self.start_secs, self.end_secs)
    }
}

/// A tier of annotations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Intervals in the order of the file.
    pub intervals: Vec<Interval>,
}

/// The annotations of one story.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextGrid {
    /// Tiers in the order of the file: words, phones, and others.
    pub tiers: Vec<Tier>,
}

impl TextGrid {
    /// Parses the long, short or chronological text format, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// Returns a [`TextGridError`] if the file has another format, is truncated, or is inconsistent.
    pub fn parse(bytes: &[u8]) -> Result<Self, TextGridError> {
        read::parse(bytes)
    }

    /// Returns the words in lower case with their times, without noises and pauses. Empty labels are pauses.
    ///
    /// # Errors
    /// Returns a [`TextGridError`] if no tier contains words.
    pub fn words(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(SpeechUnit::Words, EmptyLabels::Pauses)
            .map(|chosen| chosen.intervals)
    }

    /// Returns the phones in lower case with their times, without noises and pauses. Empty labels are pauses.
    ///
    /// # Errors
    /// Returns a [`TextGridError`] if no tier contains phones.
    pub fn phones(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(SpeechUnit::Phones, EmptyLabels::Pauses)
            .map(|chosen| chosen.intervals)
    }

    /// Returns words or phones, and how their tier was chosen: by its name if names are informative, else by its position
    /// (phones before words).
    ///
    /// # Errors
    /// Returns a [`TextGridError`] if no tier contains them.
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
