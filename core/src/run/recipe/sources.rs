//! The files that a result was computed from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A file and its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChecksum {
    /// Path of the file; relative to the features folder for outputs.
    pub file: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl FileChecksum {
    /// Creates a checksum entry.
    #[must_use]
    pub fn new(file: String, sha256: String) -> Self {
        Self { file, sha256 }
    }
}

/// The recording that a story's features were extracted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecording {
    /// The story's name.
    pub story: String,
    /// The audio file.
    pub file: PathBuf,
    /// SHA-256 of the audio file.
    pub sha256: String,
    /// Length in samples at 16 kHz.
    pub n_samples: u64,
}
