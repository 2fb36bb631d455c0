//! One story of a folder of recordings.

use std::path::PathBuf;

use heschl_core::speech::audio::RecordingInfo;

/// One story of the folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoryInfo {
    /// Its name.
    pub(crate) story: String,
    /// The recording.
    pub(crate) path: PathBuf,
    /// What its header says, or the sentence that says what is wrong; `None` while it is read.
    pub(crate) header: Option<Result<RecordingInfo, String>>,
    /// Whether a run would find it: a file of a kind that is never read is shown and is no story.
    pub(crate) is_listed: bool,
}

impl StoryInfo {
    /// Whether nothing is known to keep it from being read.
    #[must_use]
    pub(crate) fn is_readable(&self) -> bool {
        self.is_listed && !matches!(self.header, Some(Err(_)))
    }
}
