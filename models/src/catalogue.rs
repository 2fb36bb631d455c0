//! Catalogue of speech encoders.

use serde::Serialize;

/// An encoder in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// The name in Heschl, e.g. `whisper-tiny`.
    pub name: &'a str,
    /// The repository on the Hugging Face Hub, e.g. `openai/whisper-tiny`.
    pub repository: &'a str,
    /// Commit of the repository, or a branch if no commit is pinned.
    pub revision: &'a str,
    /// Section of the catalogue.
    pub shelf: Shelf,
    /// Whether its `preprocessor_config.json` is required.
    pub needs_preprocessor: bool,
    /// Number of transformer blocks; features include the input of the first block as well.
    pub layers: u16,
    /// Hidden size.
    pub dimension: u16,
    /// SPDX identifier of the weights' licence, if known.
    pub licence: Option<&'a str>,
    /// Parameters in millions, as stated by the model's authors (for Whisper, including its decoder).
    pub parameters_millions: u32,
    /// The weight file.
    pub weights: Weights<'a>,
}

/// Section of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shelf {
    /// Encoders of the published study, and the starter model.
    Study,
    /// Other commonly used encoders.
    More,
    /// Repositories on the Hub that are not in the catalogue.
    Hub,
}

/// Known properties of a weight file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Weights<'a> {
    /// Name in the repository.
    pub file: &'a str,
    /// Size in bytes; approximate if no hash is known.
    pub bytes: u64,
    /// SHA-256, 64 lowercase hex digits, if known.
    pub sha256: Option<&'a str>,
}

/// Configuration file of every model folder.
pub const CONFIG_FILE: &str = "config.json";
/// Configuration file of the audio preprocessing.
pub const PREPROCESSOR_FILE: &str = "preprocessor_config.json";
/// The same in checkpoints of transformers 5.
pub const PROCESSOR_FILE: &str = "processor_config.json";
/// Names of weight files on the Hub, in order of preference.
pub const WEIGHT_FILES: [&str; 2] = [SAFETENSORS, PYTORCH];

const SAFETENSORS: &str = "model.safetensors";
const PYTORCH: &str = "pytorch_model.bin";

impl Entry<'_> {
    /// Returns the approximate download size in megabytes (10⁶ bytes): that of the weights.
    #[must_use]
    pub fn download_megabytes(&self) -> u64 {
        self.weights.bytes.div_ceil(1_000_000)
    }
}

const APACHE: Option<&str> = Some("Apache-2.0");
const MIT: Option<&str> = Some("MIT");
const CC_BY_SA: Option<&str> = Some("CC-BY-SA-3.0");

/// Returns a sentence on the training data of a model in the catalogue.
///
/// Sources: Radford et al. 2022 and the model cards of whisper-large-v3 and its turbo; Hsu et al. 2021 (`HuBERT`); Chen et
/// al. 2022 (`WavLM`); Baevski et al. 2020 (wav2vec 2.0) and 2022 (data2vec).
#[must_use]
pub fn about(name: &str) -> Option<&'static str> {
    Some(match name {
        "whisper-tiny.en" => {
            "Transcribes English; trained on 438,000 h of speech with transcripts."
        }
        "whisper-tiny" | "whisper-base" | "whisper-small" | "whisper-medium" | "whisper-large" => {
            "Transcribes 99 languages; trained on 680,000 h of speech with transcripts."
        }
        "whisper-large-v2" => "As whisper-large, trained two and a half times as long.",
        "whisper-large-v3" => "Transcribes 100 languages; trained on 5 million h of speech.",
        "whisper-large-v3-turbo" => "whisper-large-v3 with a smaller decoder, fine-tuned.",
        "hubert-base" | "wav2vec2-base" => {
            "Learned from 960 h of English audiobooks, without transcripts."
        }
        "hubert-large" | "hubert-xlarge" => {
            "Learned from 60,000 h of English audiobooks, without transcripts."
        }
        "wavlm-base" => {
            "Learned from 960 h of English audiobooks, mixed with noise and other speakers."
        }
        "wavlm-base-plus" | "wavlm-large" => {
            "Learned from 94,000 h of English speech, mixed with noise and other speakers."
        }
        "wav2vec2-base-960h" | "data2vec-audio-base-960h" => {
            "Learned from 960 h of English audiobooks, then fine-tuned to transcribe them."
        }
        "wav2vec2-large-960h-lv60-self" => {
            "Learned from 60,000 h of English audiobooks, then fine-tuned to transcribe 960 h of them."
        }
        _ => return None,
    })
}

/// The starter model: small, English, and available from two sources.
pub const STARTER: &str = "whisper-tiny.en";

/// All encoders, the study's first, grouped by family in order of size.
///
/// Commits, sizes and hashes are taken from public projects that pin the same files, and agree in at least two of them;
/// where no hash is given, none was stated, and that of the Hub is used.
pub static ENTRIES: [Entry<'static>; 19] = [
    Entry {
        name: "whisper-tiny.en",
        repository: "openai/whisper-tiny.en",
        revision: "87c7102498dcde7456f24cfd30239ca606ed9063",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 4,
        dimension: 384,
        licence: APACHE,
        parameters_millions: 39,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 151_060_136,
            sha256: Some("db59695928ded6043adaef491a53ef4e12da9611184d77c53baa691a60b958ad"),
        },
    },
    Entry {
        name: "whisper-tiny",
        repository: "openai/whisper-tiny",
        revision: "169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 4,
        dimension: 384,
        licence: APACHE,
        parameters_millions: 39,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 151_061_672,
            sha256: Some("7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395"),
        },
    },
    Entry {
        name: "whisper-base",
        repository: "openai/whisper-base",
        revision: "e37978b90ca9030d5170a5c07aadb050351a65bb",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 6,
        dimension: 512,
        licence: APACHE,
        parameters_millions: 74,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 290_403_936,
            sha256: Some("07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b"),
        },
    },
    Entry {
        name: "whisper-small",
        repository: "openai/whisper-small",
        revision: "973afd24965f72e36ca33b3055d56a652f456b4d",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 12,
        dimension: 768,
        licence: APACHE,
        parameters_millions: 244,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 966_995_080,
            sha256: Some("1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b"),
        },
    },
    Entry {
        name: "whisper-medium",
        repository: "openai/whisper-medium",
        revision: "abdf7c39ab9d0397620ccaea8974cc764cd0953e",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 24,
        dimension: 1024,
        licence: APACHE,
        parameters_millions: 769,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 3_055_544_304,
            sha256: Some("62f73550fa6db24b0c6f6c5962bd0dae80fa644e93cde9cd9c3792971b47fd28"),
        },
    },
    Entry {
        name: "whisper-large",
        repository: "openai/whisper-large",
        revision: "4ef9b41f0d4fe232daafdb5f76bb1dd8b23e01d7",
        shelf: Shelf::Study,
        needs_preprocessor: true,
        layers: 32,
        dimension: 1280,
        licence: APACHE,
        parameters_millions: 1550,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 6_173_370_152,
            sha256: Some("27d753181b54178da228555dbc57fe639f6624ca470d83d35e500b22df0ab7e6"),
        },
    },
    Entry {
        name: "hubert-base",
        repository: "facebook/hubert-base-ls960",
        revision: "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: APACHE,
        parameters_millions: 95,
        weights: Weights {
            file: PYTORCH,
            bytes: 377_569_754,
            sha256: Some("062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad"),
        },
    },
    Entry {
        name: "hubert-large",
        repository: "facebook/hubert-large-ll60k",
        revision: "ff022d095678a2995f3c49bab18a96a9e553f782",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 24,
        dimension: 1024,
        licence: APACHE,
        parameters_millions: 317,
        weights: Weights {
            file: PYTORCH,
            bytes: 1_262_000_000,
            sha256: None,
        },
    },
    Entry {
        name: "hubert-xlarge",
        repository: "facebook/hubert-xlarge-ll60k",
        revision: "main",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 48,
        dimension: 1280,
        licence: APACHE,
        parameters_millions: 964,
        weights: Weights {
            file: PYTORCH,
            bytes: 3_850_000_000,
            sha256: None,
        },
    },
    Entry {
        name: "wavlm-base",
        repository: "microsoft/wavlm-base",
        revision: "efa81aae7ff777e464159e0f877d54eac5b84f81",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: CC_BY_SA,
        parameters_millions: 95,
        weights: Weights {
            file: PYTORCH,
            bytes: 378_000_000,
            sha256: None,
        },
    },
    Entry {
        name: "wavlm-base-plus",
        repository: "microsoft/wavlm-base-plus",
        revision: "4c66d4806a428f2e922ccfa1a962776e232d487b",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: CC_BY_SA,
        parameters_millions: 95,
        weights: Weights {
            file: PYTORCH,
            bytes: 377_617_425,
            sha256: Some("3bb273a6ace99408b50cfc81afdbb7ef2de02da2eab0234e18db608ce692fe51"),
        },
    },
    Entry {
        name: "wavlm-large",
        repository: "microsoft/wavlm-large",
        revision: "c1423ed94bb01d80a3f5ce5bc39f6026a0f4828c",
        shelf: Shelf::Study,
        needs_preprocessor: false,
        layers: 24,
        dimension: 1024,
        licence: CC_BY_SA,
        parameters_millions: 317,
        weights: Weights {
            file: PYTORCH,
            bytes: 1_261_990_257,
            sha256: Some("fdee460e529396ddb2f8c8e8ce0ad74cfb747b726bc6f612e666c7c1e1963c9d"),
        },
    },
    Entry {
        name: "whisper-large-v2",
        repository: "openai/whisper-large-v2",
        revision: "ae4642769ce2ad8fc292556ccea8e901f1530655",
        shelf: Shelf::More,
        needs_preprocessor: true,
        layers: 32,
        dimension: 1280,
        licence: APACHE,
        parameters_millions: 1550,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 6_173_370_152,
            sha256: Some("57a1ba2a82c093cabff2541409ae778c97145378b9ddfa722763cb1cb8f9020b"),
        },
    },
    Entry {
        name: "whisper-large-v3",
        repository: "openai/whisper-large-v3",
        revision: "06f233fe06e710322aca913c1bc4249a0d71fce1",
        shelf: Shelf::More,
        needs_preprocessor: true,
        layers: 32,
        dimension: 1280,
        licence: APACHE,
        parameters_millions: 1550,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 3_087_130_976,
            sha256: Some("a8e94b85976e5864ba3e9525c7e6c83b2a1eca42d4b797a0c7c24d778e40fd95"),
        },
    },
    Entry {
        name: "whisper-large-v3-turbo",
        repository: "openai/whisper-large-v3-turbo",
        revision: "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
        shelf: Shelf::More,
        needs_preprocessor: true,
        layers: 32,
        dimension: 1280,
        licence: MIT,
        parameters_millions: 809,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 1_617_824_864,
            sha256: Some("542566a422ae4f3fd23f1ba11add198fca01bbf82e66e6a2857b3f608b1eb9d1"),
        },
    },
    Entry {
        name: "wav2vec2-base",
        repository: "facebook/wav2vec2-base",
        revision: "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
        shelf: Shelf::More,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: APACHE,
        parameters_millions: 95,
        weights: Weights {
            file: PYTORCH,
            bytes: 380_267_417,
            sha256: Some("3249fe98bfc62fcbc26067f724716a6ec49d12c4728a2af1df659013905dff21"),
        },
    },
    Entry {
        name: "wav2vec2-base-960h",
        repository: "facebook/wav2vec2-base-960h",
        revision: "22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
        shelf: Shelf::More,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: APACHE,
        parameters_millions: 95,
        weights: Weights {
            file: PYTORCH,
            bytes: 378_000_000,
            sha256: None,
        },
    },
    Entry {
        name: "wav2vec2-large-960h-lv60-self",
        repository: "facebook/wav2vec2-large-960h-lv60-self",
        revision: "54074b1c16f4de6a5ad59affb4caa8f2ea03a119",
        shelf: Shelf::More,
        needs_preprocessor: false,
        layers: 24,
        dimension: 1024,
        licence: APACHE,
        parameters_millions: 317,
        weights: Weights {
            file: PYTORCH,
            bytes: 1_262_000_000,
            sha256: None,
        },
    },
    Entry {
        name: "data2vec-audio-base-960h",
        repository: "facebook/data2vec-audio-base-960h",
        revision: "main",
        shelf: Shelf::More,
        needs_preprocessor: false,
        layers: 12,
        dimension: 768,
        licence: APACHE,
        parameters_millions: 93,
        weights: Weights {
            file: PYTORCH,
            bytes: 373_000_000,
            sha256: None,
        },
    },
];

/// Finds an encoder by its name in the catalogue or on the Hub, ignoring case.
///
/// ```
/// let entry = heschl_models::catalogue::find("openai/whisper-tiny").unwrap();
/// assert_eq!((entry.name, entry.layers, entry.dimension), ("whisper-tiny", 4, 384));
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry<'static>> {
    let wanted = name.trim();
    ENTRIES.iter().find(|entry| {
        entry.name.eq_ignore_ascii_case(wanted) || entry.repository.eq_ignore_ascii_case(wanted)
    })
}

/// Returns an entry for a repository on the Hub that is not in the catalogue, such as `facebook/hubert-large-ls960-ft`, of
/// which only the name is known. `None` if `repository` is not of the form owner/name.
#[must_use]
pub fn of_hub(repository: &str) -> Option<Entry<'_>> {
    let (owner, name) = repository.split_once('/')?;
    let is_word = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !word.is_empty() && !word.starts_with('.') && word.chars().all(fits)
    };
    (is_word(owner) && is_word(name)).then_some(Entry {
        name,
        repository,
        revision: "main",
        shelf: Shelf::Hub,
        needs_preprocessor: false,
        layers: 0,
        dimension: 0,
        licence: None,
        parameters_millions: 0,
        weights: Weights {
            file: SAFETENSORS,
            bytes: 0,
            sha256: None,
        },
    })
}

/// Returns up to three names similar to an unknown one, best first.
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

/// A prefix of a name counts as a match.
fn unlikeness(wanted: &str, name: &str) -> usize {
    if wanted.len() >= 3 && name.starts_with(wanted) {
        return 0;
    }
    edits_between(wanted, name)
}

/// Levenshtein distance between `a` and `b`.
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
    fn every_model_is_described() {
        for entry in &ENTRIES {
            assert!(about(entry.name).is_some(), "{}", entry.name);
        }
    }

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
    fn commits_and_hashes_are_whole_and_the_study_has_eleven_encoders() {
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        for entry in &ENTRIES {
            let revision = entry.revision;
            assert!(
                revision == "main" || revision.len() == 40 && is_hex(revision),
                "{revision}"
            );
            let sha256 = entry.weights.sha256;
            assert!(
                sha256.is_none_or(|hash| hash.len() == 64 && is_hex(hash)),
                "{sha256:?}"
            );
            assert!(WEIGHT_FILES.contains(&entry.weights.file));
        }
        let of_study = ENTRIES.iter().filter(|entry| entry.shelf == Shelf::Study);
        assert_eq!(of_study.filter(|entry| entry.name != STARTER).count(), 11);
    }

    #[test]
    fn a_repository_of_the_hub_is_an_owner_and_a_name() {
        let entry = of_hub("facebook/hubert-large-ls960-ft").unwrap();
        assert_eq!(entry.name, "hubert-large-ls960-ft");
        for other in [
            "hubert", "a/b/c", "/b", "a/", "../b", "a/..", "a/b c", "a\\b",
        ] {
            assert_eq!(of_hub(other), None, "{other}");
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
