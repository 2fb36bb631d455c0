//! Audio preprocessing of a checkpoint's feature extractor: `preprocessor_config.json`, or an entry of the
//! `processor_config.json` written by transformers 5.

use std::path::{Path, PathBuf};

use heschl_core::speech::mel;
use serde_json::{Map, Value};

use crate::catalogue::{PREPROCESSOR_FILE, PROCESSOR_FILE};
use crate::{ModelError, parse_json, read_config};

/// Sampling rate of every supported encoder, Hz.
const RATE_HZ: f64 = 16_000.0;
/// The entry of `processor_config.json` with the contents of `preprocessor_config.json`.
const NESTED: &str = "feature_extractor";

/// The entries that affect the encoder's input.
const COUNTING: [&str; 10] = [
    "chunk_length",
    "dither",
    "do_normalize",
    "feature_extractor_type",
    "feature_size",
    "hop_length",
    "n_fft",
    "n_samples",
    "nb_max_frames",
    "padding_value",
];
/// The entry with the sampling rate.
const RATE: &str = "sampling_rate";

/// Merged entries of the files.
pub(crate) struct Preprocessor {
    /// The files that were read, the more specific one first.
    pub(crate) files: Vec<PathBuf>,
    entries: Map<String, Value>,
}

impl Preprocessor {
    /// Reads both files, if they exist.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if a file cannot be read, or the two contradict each other.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut found = Self {
            files: vec![],
            entries: Map::new(),
        };
        for name in [PREPROCESSOR_FILE, PROCESSOR_FILE] {
            let path = folder.join(name);
            if path.is_file() {
                found.add(&path, name == PROCESSOR_FILE)?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, path: &Path, is_nested: bool) -> Result<(), ModelError> {
        let mut entries: Map<String, Value> = parse_json(&read_config(path)?, path)?;
        if is_nested {
            match entries.remove(NESTED) {
                Some(Value::Object(nested)) => entries = nested,
                // In older versions this file holds what tokenizer and feature extractor have in common, which is nothing.
                _ => return Ok(()),
            }
        }
        for (name, value) in entries {
            if name != RATE && !COUNTING.contains(&name.as_str()) {
                continue;
            }
            match self.entries.get(&name) {
                Some(other) if *other != value => {
                    return Err(ModelError::Config {
                        reason: format!(
                            "{name} is {value} here and {other} in {PREPROCESSOR_FILE}. Remove the file that is not this model's"
                        ),
                        path: path.to_path_buf(),
                    });
                }
                _ => self.entries.insert(name, value),
            };
        }
        self.files.push(path.to_path_buf());
        Ok(())
    }

    /// Whether the feature extractor of a waveform encoder normalises each window, which is the default.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if the preprocessing is not supported.
    pub(crate) fn normalises(&self) -> Result<bool, ModelError> {
        self.check_kind("Wav2Vec2FeatureExtractor")?;
        self.check_number(RATE, RATE_HZ)?;
        self.check_number("feature_size", 1.0)?;
        match self.entries.get("do_normalize") {
            None | Some(Value::Null) => Ok(true),
            Some(Value::Bool(normalises)) => Ok(*normalises),
            Some(other) => Err(self.invalid(format!("do_normalize is {other}"))),
        }
    }

    /// Whether normalisation is specified.
    pub(crate) fn says_normalisation(&self) -> bool {
        self.entries
            .get("do_normalize")
            .is_some_and(Value::is_boolean)
    }

    /// Checks that the log-mel settings are those of all published Whisper models.
    ///
    /// * `n_mels`: number of mel bands of the encoder's input.
    ///
    /// # Errors
    /// Returns a [`ModelError`] with the differing entry.
    pub(crate) fn check_log_mel(&self, n_mels: usize) -> Result<(), ModelError> {
        self.check_kind("WhisperFeatureExtractor")?;
        for (name, expected) in [
            (RATE, RATE_HZ),
            ("n_fft", mel::FFT_SAMPLES as f64),
            ("hop_length", mel::HOP_SAMPLES as f64),
            ("chunk_length", mel::PADDED_SAMPLES as f64 / RATE_HZ),
            ("n_samples", mel::PADDED_SAMPLES as f64),
            ("nb_max_frames", mel::N_FRAMES as f64),
            ("feature_size", n_mels as f64),
            ("padding_value", 0.0),
            ("dither", 0.0),
        ] {
            self.check_number(name, expected)?;
        }
        match self.entries.get("do_normalize") {
            Some(Value::Bool(true)) => Err(self.not_computed(
                "do_normalize is true, and no published Whisper normalises its samples".into(),
            )),
            _ => Ok(()),
        }
    }

    fn check_kind(&self, expected: &str) -> Result<(), ModelError> {
        match self.entries.get("feature_extractor_type") {
            Some(Value::String(kind)) if kind != expected => Err(self.not_computed(format!(
                "its feature extractor is a {kind}, and models of this kind have a {expected}"
            ))),
            _ => Ok(()),
        }
    }

    fn check_number(&self, name: &str, expected: f64) -> Result<(), ModelError> {
        let value = match self.entries.get(name) {
            None | Some(Value::Null) => return Ok(()),
            Some(value) => value,
        };
        let Some(number) = value.as_f64() else {
            return Err(self.invalid(format!("{name} is {value}")));
        };
        if (number - expected).abs() < 1e-9 {
            return Ok(());
        }
        Err(self.not_computed(if name == RATE {
            format!(
                "it was made for sound of {number} Hz, and Heschl gives every model sound of {expected} Hz"
            )
        } else {
            format!("{name} is {number}, not {expected}")
        }))
    }

    fn path(&self) -> PathBuf {
        self.files.first().cloned().unwrap_or_default()
    }

    fn invalid(&self, reason: String) -> ModelError {
        ModelError::Config {
            reason,
            path: self.path(),
        }
    }

    fn not_computed(&self, reason: String) -> ModelError {
        ModelError::NotComputed {
            reason,
            path: self.path(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn normalises(files: &[(&str, &str)]) -> Result<bool, String> {
        let folder = folder(files);
        let read = Preprocessor::read(folder.path());
        read.and_then(|read| read.normalises())
            .map_err(|error| error.to_string())
    }

    /// A processor as saved by `save_pretrained` of transformers 5.24.
    fn nested(entry: &str) -> String {
        format!(
            r#"{{"feature_extractor": {{"feature_extractor_type": "Wav2Vec2FeatureExtractor", {entry}}},
                "processor_class": "Wav2Vec2Processor"}}"#
        )
    }

    #[test]
    fn normalisation_is_read_from_either_file() {
        let old = (PREPROCESSOR_FILE, r#"{"do_normalize": false}"#);
        let new = nested(r#""do_normalize": false"#);
        let new = (PROCESSOR_FILE, new.as_str());
        assert_eq!(normalises(&[]), Ok(true));
        assert_eq!(normalises(&[old]), Ok(false));
        assert_eq!(normalises(&[new]), Ok(false));
        assert_eq!(normalises(&[old, new]), Ok(false));
        // In older versions the second file says nothing about samples.
        let processor = (
            PROCESSOR_FILE,
            r#"{"processor_class": "Wav2Vec2Processor"}"#,
        );
        assert_eq!(normalises(&[processor]), Ok(true));
    }

    #[test]
    fn files_that_contradict_each_other_are_refused() {
        let old = (PREPROCESSOR_FILE, r#"{"do_normalize": true}"#);
        let new = nested(r#""do_normalize": false"#);
        let refusal = normalises(&[old, (PROCESSOR_FILE, &new)]).unwrap_err();
        assert!(
            refusal.contains("do_normalize is false here and true"),
            "{refusal}"
        );
    }

    #[test]
    fn another_sampling_rate_is_refused_with_both_rates() {
        let new = nested(r#""sampling_rate": 8000"#);
        for file in [
            (PREPROCESSOR_FILE, r#"{"sampling_rate": 8000}"#),
            (PROCESSOR_FILE, new.as_str()),
        ] {
            let refusal = normalises(&[file]).unwrap_err();
            assert!(
                refusal.contains("8000 Hz") && refusal.contains("16000 Hz"),
                "{refusal}"
            );
            assert!(!refusal.contains("etch"), "{refusal}");
        }
    }

    #[test]
    fn whispers_mel_frames_must_be_the_published_ones() {
        let checked = |text: &str| {
            let folder = folder(&[(PREPROCESSOR_FILE, text)]);
            let read = Preprocessor::read(folder.path());
            read.and_then(|read| read.check_log_mel(80))
                .map_err(|error| error.to_string())
        };
        // As published in openai/whisper-tiny.
        let published = r#"{"chunk_length": 30, "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80,
            "hop_length": 160, "n_fft": 400, "n_samples": 480000, "nb_max_frames": 3000, "padding_value": 0.0,
            "sampling_rate": 16000, "dither": 0.0}"#;
        assert_eq!(checked(published), Ok(()));
        for (from, to) in [
            ("\"n_fft\": 400", "\"n_fft\": 512"),
            ("\"hop_length\": 160", "\"hop_length\": 320"),
            ("\"chunk_length\": 30", "\"chunk_length\": 15"),
            ("\"feature_size\": 80", "\"feature_size\": 128"),
            ("\"sampling_rate\": 16000", "\"sampling_rate\": 8000"),
            ("\"dither\": 0.0", "\"dither\": 0.1"),
            ("WhisperFeatureExtractor", "Wav2Vec2FeatureExtractor"),
        ] {
            let refusal = checked(&published.replace(from, to)).unwrap_err();
            let value = to.rsplit(' ').next().unwrap();
            assert!(refusal.contains(value), "{refusal}");
        }
    }
}
