//! The speech encoders that Heschl knows by name.

use serde::Serialize;

/// How a model's graph is built from its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Whisper's encoder; hears a log-mel spectrogram of 30 s.
    Whisper,
    /// `HuBERT`; hears the waveform.
    Hubert,
    /// `WavLM`; hears the waveform.
    Wavlm,
}

/// One encoder of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name in Heschl, e.g. `whisper-tiny`.
    pub name: &'static str,
    /// The repository on the Hugging Face Hub, e.g. `openai/whisper-tiny`.
    pub repository: &'static str,
    /// Branch or commit of the repository.
    pub revision: &'static str,
    /// How its graph is built.
    pub architecture: Architecture,
    /// Transformer blocks of the encoder; the features also have the state before the first.
    pub layers: u16,
    /// Features per layer.
    pub dimension: u16,
    /// Licence of the weights as SPDX writes it, if known.
    pub licence: Option<&'static str>,
    /// Parameters, in millions, as the model's authors state them (Whisper's with its decoder).
    pub parameters_millions: u32,
    /// About how much is downloaded, megabytes (10⁶ bytes).
    pub download_megabytes: u32,
    /// SHA-256 of the weights, 64 lowercase hex digits, if known beforehand.
    pub weights_sha256: Option<&'static str>,
}

/// The configuration file that every model folder has.
pub const CONFIG_FILE: &str = "config.json";
/// The file that says how audio is prepared.
pub const PREPROCESSOR_FILE: &str = "preprocessor_config.json";
/// The names that weights have on the Hub, the best one first.
pub const WEIGHT_FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

impl Entry {
    /// Whether a repository without `preprocessor_config.json` can be used.
    ///
    /// What the file says of the waveform models also follows from their `config.json`.
    #[must_use]
    pub fn works_without_preprocessor(&self) -> bool {
        self.architecture != Architecture::Whisper
    }
}

const APACHE: Option<&str> = Some("Apache-2.0");
const CC_BY_SA: Option<&str> = Some("CC-BY-SA-3.0");

/// The starter model: small, English, and to be had from two sources.
pub const STARTER: &str = "whisper-tiny.en";

/// Every encoder, family by family, the smallest first.
pub static ENTRIES: [Entry; 12] = [
    whisper(
        "whisper-tiny.en",
        "openai/whisper-tiny.en",
        (4, 384),
        39,
        151,
    ),
    whisper("whisper-tiny", "openai/whisper-tiny", (4, 384), 39, 151),
    whisper("whisper-base", "openai/whisper-base", (6, 512), 74, 290),
    whisper("whisper-small", "openai/whisper-small", (12, 768), 244, 967),
    whisper(
        "whisper-medium",
        "openai/whisper-medium",
        (24, 1024),
        769,
        3060,
    ),
    whisper(
        "whisper-large",
        "openai/whisper-large",
        (32, 1280),
        1550,
        6170,
    ),
    hubert(
        "hubert-base",
        "facebook/hubert-base-ls960",
        (12, 768),
        95,
        378,
    ),
    hubert(
        "hubert-large",
        "facebook/hubert-large-ll60k",
        (24, 1024),
        317,
        1260,
    ),
    hubert(
        "hubert-xlarge",
        "facebook/hubert-xlarge-ll60k",
        (48, 1280),
        964,
        3850,
    ),
    wavlm("wavlm-base", "microsoft/wavlm-base", (12, 768), 95, 378),
    wavlm(
        "wavlm-base-plus",
        "microsoft/wavlm-base-plus",
        (12, 768),
        95,
        378,
    ),
    wavlm(
        "wavlm-large",
        "microsoft/wavlm-large",
        (24, 1024),
        317,
        1260,
    ),
];

const fn whisper(
    name: &'static str,
    repository: &'static str,
    (layers, dimension): (u16, u16),
    parameters_millions: u32,
    download_megabytes: u32,
) -> Entry {
    Entry {
        name,
        repository,
        revision: "main",
        architecture: Architecture::Whisper,
        layers,
        dimension,
        licence: APACHE,
        parameters_millions,
        download_megabytes,
        weights_sha256: None,
    }
}

const fn hubert(
    name: &'static str,
    repository: &'static str,
    shape: (u16, u16),
    parameters_millions: u32,
    download_megabytes: u32,
) -> Entry {
    Entry {
        architecture: Architecture::Hubert,
        ..whisper(
            name,
            repository,
            shape,
            parameters_millions,
            download_megabytes,
        )
    }
}

const fn wavlm(
    name: &'static str,
    repository: &'static str,
    shape: (u16, u16),
    parameters_millions: u32,
    download_megabytes: u32,
) -> Entry {
    Entry {
        architecture: Architecture::Wavlm,
        licence: CC_BY_SA,
        ..whisper(
            name,
            repository,
            shape,
            parameters_millions,
            download_megabytes,
        )
    }
}

/// Finds an encoder by its name in Heschl or on the Hub; upper and lower case are the same.
///
/// ```
/// let entry = heschl_models::catalogue::find("openai/whisper-tiny").unwrap();
/// assert_eq!((entry.name, entry.layers, entry.dimension), ("whisper-tiny", 4, 384));
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    let wanted = name.trim();
    ENTRIES.iter().find(|entry| {
        entry.name.eq_ignore_ascii_case(wanted) || entry.repository.eq_ignore_ascii_case(wanted)
    })
}

/// The names most like an unknown one, the nearest first, at most three.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    let wanted = name.trim().to_ascii_lowercase();
    let wanted = wanted.rsplit('/').next().unwrap_or_default();
    let mut ranked: Vec<(usize, &'static str)> = ENTRIES
        .iter()
        .map(|entry| (unlikeness(wanted, entry.name), entry.name))
        .collect();
    ranked.sort_by_key(|&(edits, _)| edits);
    let worst = wanted.chars().count().max(6) / 2;
    ranked.retain(|&(edits, _)| edits <= worst);
    ranked.into_iter().map(|(_, name)| name).take(3).collect()
}

/// Somebody who typed only the beginning of a name made no mistake.
fn unlikeness(wanted: &str, name: &str) -> usize {
    if wanted.len() >= 3 && name.starts_with(wanted) {
        return 0;
    }
    edits_between(wanted, name)
}

/// Levenshtein's distance: insertions, deletions and replacements that turn `a` into `b`.
fn edits_between(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hub_ids_lead_to_the_same_entry() {
        for entry in &ENTRIES {
            assert_eq!(find(entry.name), Some(entry));
            assert_eq!(find(&entry.repository.to_uppercase()), Some(entry));
        }
        assert_eq!(find("whisper"), None);
    }

    #[test]
    fn names_are_unique_and_fit_as_folder_names() {
        for (i, entry) in ENTRIES.iter().enumerate() {
            assert!(ENTRIES[..i].iter().all(|other| other.name != entry.name));
            assert!(!entry.name.contains(['/', '\\']) && !entry.name.starts_with('.'));
        }
    }

    #[test]
    fn misspelt_names_suggest_the_right_one_first() {
        let check = |typed, expected| assert_eq!(nearest(typed).first().copied(), expected);
        check("wisper-tiny", Some("whisper-tiny"));
        check("wavlm_large", Some("wavlm-large"));
        check("facebook/hubert-xl", Some("hubert-xlarge"));
        check("whisper-tiny-en", Some("whisper-tiny.en"));
        check("qqqqqqqqqqqqqqqqqqqq", None);
    }
}
