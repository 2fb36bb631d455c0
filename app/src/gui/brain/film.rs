//! Which scan of the test stories is shown.

pub(crate) use crate::story_film::{Film, FilmOf, USUAL_DELAY_SECS};

/// Which scan of a film is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FilmSettings {
    /// What is shown.
    pub(crate) of: FilmOf,
    /// The scan among those of all test stories.
    pub(crate) scan: usize,
    /// By how much the scans are shown earlier than they were taken, so that they meet the sound that they answer, seconds.
    pub(crate) delay_secs: f64,
}
