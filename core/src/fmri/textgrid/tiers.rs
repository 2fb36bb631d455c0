//! Identifies the tiers of words and phones in a `TextGrid`, and the speech in them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Interval, TextGridError, Tier};

/// Labels of noises and pauses in place of words. Source: conventions of the deep-fMRI dataset.
const NO_WORDS: [&str; 7] = [
    "sentence_start",
    "sentence_end",
    "br",
    "lg",
    "ls",
    "ns",
    "sp",
];
/// Labels of pauses and noises written by forced aligners: HTK, P2FA, Kaldi, MFA, SPPAS.
const ALIGNER_PAUSES: [&str; 3] = ["sil", "spn", "#"];
/// Non-speech labels in brackets, and words that mean the same without brackets: MFA, `WebMAUS`, Kaldi.
const BRACKETED_PAUSES: [&str; 10] = [
    "eps", "silence", "pause", "p", "p:", "s", "/s", "noise", "nib", "usb",
];
/// Labels of silence used only for phones: TIMIT, `WebMAUS`, SPPAS.
const PHONE_PAUSES: [&str; 6] = ["h#", "pau", "epi", "silence", "#", "##"];
const BRACKETS: [(char, char); 4] = [('<', '>'), ('[', ']'), ('(', ')'), ('{', '}')];

/// Names, or parts of names, of word tiers.
const WORD_NAMES: [&str; 12] = [
    "word", "words", "wrd", "wort", "worte", "wörter", "mot", "mots", "palabra", "palabras",
    "parole", "woorden",
];
/// Names, or parts of names, of phone tiers.
const PHONE_NAMES: [&str; 10] = [
    "phone", "phones", "phoneme", "phonemes", "phon", "phn", "phns", "phons", "fonemas", "phonème",
];
/// Full names of the tiers written by `WebMAUS`.
const WEBMAUS: [(&str, SpeechUnit); 3] = [
    ("ort-mau", SpeechUnit::Words),
    ("ort", SpeechUnit::Words),
    ("mau", SpeechUnit::Phones),
];
/// Names of tiers with other contents.
const OTHER_NAMES: [&str; 29] = [
    "utterance",
    "utterances",
    "sentence",
    "sentences",
    "phrase",
    "phrases",
    "syllable",
    "syllables",
    "speaker",
    "speakers",
    "note",
    "notes",
    "comment",
    "comments",
    "tone",
    "tones",
    "break",
    "breaks",
    "pos",
    "lemma",
    "lemmas",
    "pitch",
    "stress",
    "translation",
    "gloss",
    "glosses",
    "paragraph",
    "paragraphs",
    "misc",
];

/// The contents of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechUnit {
    /// Words.
    Words,
    /// Phones, phonemes or segments.
    Phones,
}

impl SpeechUnit {
    /// Index of its tier in the deep-fMRI dataset, whose names are "phone" and "word".
    fn usual_place(self) -> usize {
        match self {
            Self::Phones => 0,
            Self::Words => 1,
        }
    }
}

impl fmt::Display for SpeechUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Words => "words",
            Self::Phones => "phones",
        })
    }
}

/// The meaning of entries without a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyLabels {
    /// Pauses, as written by forced aligners.
    #[default]
    Pauses,
    /// Ordinary entries, as counted by the study's code.
    Entries,
    /// Ordinary entries where the tier's pauses have the study's labels (`sp`, `br` …), else pauses.
    AsInStudy,
}

/// How a tier was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TierChoice {
    /// It is the only one whose name matches.
    Named,
    /// It is the first of several whose names match.
    FirstNamed,
    /// By its position, since no name is informative.
    Place,
}

/// Words or phones of a story, with the tier they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenTier {
    /// Intervals in the order of the file, with lower-case labels, without noises and pauses.
    pub intervals: Vec<Interval>,
    /// Name of the tier.
    pub name: String,
    /// How the tier was chosen.
    pub choice: TierChoice,
    /// Number of intervals without a label.
    pub n_empty: usize,
    unit: SpeechUnit,
    others: String,
}

impl ChosenTier {
    /// Returns a warning if the choice of the tier was ambiguous.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let (name, unit, others) = (&self.name, self.unit, &self.others);
        let chosen = match self.choice {
            TierChoice::Named => None,
            TierChoice::FirstNamed => Some(format!(
                "several tiers of the TextGrid are named as {unit}; the first of them, \"{name}\", is taken (there are {others}). \
                 Rename or remove the others if another one is meant."
            )),
            TierChoice::Place => Some(format!(
                "no tier of the TextGrid is named as {unit}; \"{name}\" is taken by its place (there are {others}). Rename the right \
                 tier to \"{unit}\"."
            )),
        };
        let empty = (self.n_empty > 0).then(|| {
            format!(
                "{} entries of \"{name}\" without a label are counted as {unit}, as the study's code does. Set empty_labels = \
                 \"pauses\" if they are pauses.",
                self.n_empty
            )
        });
        let all: Vec<String> = chosen.into_iter().chain(empty).collect();
        (!all.is_empty()).then(|| all.join(" Besides, "))
    }
}

/// Returns words or phones from the tier that contains them.
pub(super) fn speech(
    tiers: &[Tier],
    unit: SpeechUnit,
    empty_labels: EmptyLabels,
) -> Result<ChosenTier, TextGridError> {
    let (index, choice) = chosen(tiers, unit)?;
    let tier = &tiers[index];
    let lower = tier.intervals.iter().map(|interval| Interval {
        text: interval.text.trim().to_lowercase(),
        ..interval.clone()
    });
    let empty_is_speech = match empty_labels {
        EmptyLabels::Pauses => false,
        EmptyLabels::Entries => true,
        EmptyLabels::AsInStudy => labels_pauses_as_the_study(tier),
    };
    let counts = |interval: &Interval| match bare(&interval.text) {
        "" => empty_is_speech,
        _ => is_speech(&interval.text, unit),
    };
    let intervals: Vec<Interval> = lower.filter(counts).collect();
    Ok(ChosenTier {
        n_empty: intervals
            .iter()
            .filter(|interval| bare(&interval.text).is_empty())
            .count(),
        intervals,
        name: tier.name.clone(),
        choice,
        unit,
        others: names(tiers),
    })
}

/// The index of the tier, and how it was chosen.
fn chosen(tiers: &[Tier], unit: SpeechUnit) -> Result<(usize, TierChoice), TextGridError> {
    if tiers.is_empty() {
        return Err(TextGridError::NoTiers);
    }
    let named: Vec<(u8, usize)> = (0..tiers.len())
        .filter_map(|index| Some((rank(&tiers[index].name, unit)?, index)))
        .collect();
    let best = named.iter().map(|(rank, _)| *rank).min();
    let mut best: Vec<usize> = named
        .iter()
        .filter(|(rank, _)| Some(*rank) == best)
        .map(|(_, index)| *index)
        .collect();
    // Tiers without speech are no candidates.
    if best.iter().any(|index| holds_speech(&tiers[*index], unit)) {
        best.retain(|index| holds_speech(&tiers[*index], unit));
    }
    match best[..] {
        [only] => return Ok((only, TierChoice::Named)),
        [first, ..] => return Ok((first, TierChoice::FirstNamed)),
        [] => {}
    }
    let by_place = unit.usual_place();
    let says_nothing = |tier: &Tier| !says_something(&tier.name);
    if tiers.get(by_place).is_some_and(says_nothing) {
        return Ok((by_place, TierChoice::Place));
    }
    Err(TextGridError::NoSuchTier {
        unit,
        names: names(tiers),
    })
}

fn holds_speech(tier: &Tier, unit: SpeechUnit) -> bool {
    let is_any = |interval: &Interval| {
        let text = interval.text.trim().to_lowercase();
        !bare(&text).is_empty() && is_speech(&text, unit)
    };
    tier.intervals.iter().any(is_any)
}

fn names(tiers: &[Tier]) -> String {
    let quoted: Vec<String> = tiers
        .iter()
        .map(|tier| format!("\"{}\"", tier.name))
        .collect();
    quoted.join(", ")
}

/// How clearly a name indicates `unit`: 0 is clearest; `None` if it does not.
fn rank(name: &str, unit: SpeechUnit) -> Option<u8> {
    let lower = name.trim().to_lowercase();
    if let Some((_, named)) = WEBMAUS.iter().find(|(whole, _)| *whole == lower) {
        return (*named == unit).then_some(0);
    }
    let parts = parts(name);
    let wanted: &[&str] = match unit {
        SpeechUnit::Words => &WORD_NAMES,
        SpeechUnit::Phones => &PHONE_NAMES,
    };
    let is_wanted = |part: &String| wanted.contains(&part.as_str());
    let is_plain = || !parts.iter().any(|part| is_other(part));
    match &parts[..] {
        [only] if is_wanted(only) => Some(0),
        [.., last] if is_wanted(last) => Some(1),
        [..] if parts.iter().any(is_wanted) && is_plain() => Some(2),
        [..] => None,
    }
}

fn is_other(part: &str) -> bool {
    OTHER_NAMES.contains(&part)
}

/// Whether a name indicates any content.
fn says_something(name: &str) -> bool {
    rank(name, SpeechUnit::Words).is_some()
        || rank(name, SpeechUnit::Phones).is_some()
        || parts(name).iter().any(|part| is_other(part))
}

/// Lower-case words of a name such as "Anna - words", "`phone_tier`" or "`WordTier1`", without "tier".
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && was_lower;
        if !letter.is_alphabetic() || begins {
            parts.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(part) = parts.last_mut()
        {
            part.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    parts.retain(|part| !part.is_empty() && part != "tier");
    parts
}

/// A label without the braces around noises in the study's files.
fn bare(label: &str) -> &str {
    label.trim_matches(['{', '}']).trim()
}

/// Whether a non-empty, lower-case label is speech, not a noise or pause.
fn is_speech(label: &str, unit: SpeechUnit) -> bool {
    let plain = bare(label);
    let inner = BRACKETS.iter().find_map(|(open, close)| {
        label
            .strip_prefix(*open)
            .and_then(|rest| rest.strip_suffix(*close))
    });
    let is_pause = |label: &str| NO_WORDS.contains(&label) || ALIGNER_PAUSES.contains(&label);
    let in_brackets = inner.is_some_and(|inner| {
        let inner = inner.trim();
        inner.is_empty() || is_pause(inner) || BRACKETED_PAUSES.contains(&inner)
    });
    let of_phones = unit == SpeechUnit::Phones && PHONE_PAUSES.contains(&plain);
    !is_pause(plain) && !in_brackets && !of_phones
}

/// Whether pauses have the study's labels, and none has an aligner's.
fn labels_pauses_as_the_study(tier: &Tier) -> bool {
    let label = |interval: &Interval| interval.text.trim().to_lowercase();
    let labels = || tier.intervals.iter().map(label);
    let is_aligners = |label: &String| {
        !label.is_empty()
            && !NO_WORDS.contains(&bare(label))
            && !is_speech(label, SpeechUnit::Words)
    };
    labels().any(|label| NO_WORDS.contains(&bare(&label))) && !labels().any(|l| is_aligners(&l))
}
