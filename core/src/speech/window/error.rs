//! Errors in window settings, with advice for the user.

use super::Coverage;
use crate::remedy::Remedy;

/// Errors in window settings.
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum WindowError {
    #[error(
        "The chunk size is {0} ms, which is less than one sample. Give a chunk of at least 1 ms (the study: 100)."
    )]
    ChunkTooShort(f64),
    #[error(
        "A length of {0} ms is longer than a day. Give chunk and context in milliseconds, the stride in seconds."
    )]
    Absurd(f64),
    #[error(
        "The window is {window_secs} s long (chunk + context), but this encoder hears nothing shorter than \
         {shortest_secs} s. Give a longer chunk or context."
    )]
    ShorterThanEncoder {
        window_secs: f64,
        shortest_secs: f64,
    },
    #[error("The context size is {0} ms. It must be 0 or more (the study: 16000).")]
    NegativeContext(f64),
    #[error(
        "The context ({context_ms} ms) is no multiple of the chunk ({chunk_ms} ms), so windows would not end on chunk \
         borders. The nearest that fits is {nearest_ms} ms."
    )]
    ContextNotMultiple {
        context_ms: f64,
        chunk_ms: f64,
        nearest_ms: f64,
    },
    #[error(
        "The stride is {0} s, which is less than one sample. Give a stride of at least 0.001 s."
    )]
    StrideTooShort(f64),
    #[error(
        "The stride of {stride_secs} s is longer than the window of {window_secs} s (chunk + context), so there is no \
         silence to put before the recording. Give a shorter stride, or put no silence \
         there."
    )]
    NoRoomForSilence { stride_secs: f64, window_secs: f64 },
    #[error(
        "The window is {window_secs} s long (chunk + context), but this encoder hears at most {longest_secs} s at a \
         time, and would leave out the newest audio. Give a context of at most {most_context_ms} ms."
    )]
    LongerThanEncoder {
        window_secs: f64,
        longest_secs: f64,
        most_context_ms: f64,
    },
    #[error(
        "No window fits: the recording lasts {recording_secs:.3} s, and the shortest window that can be used here is \
         {shortest_secs:.3} s long. {}",
        advice(*coverage)
    )]
    NothingFits {
        recording_secs: f64,
        shortest_secs: f64,
        coverage: Coverage,
    },
}

impl WindowError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NoRoomForSilence { .. } => vec![Remedy::NoSilence],
            Self::NothingFits {
                coverage: Coverage::FullContext,
                ..
            } => vec![Remedy::GrowingWindows],
            _ => Vec::new(),
        }
    }
}

fn advice(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::FullContext => "Let the first windows grow, or give a shorter context.",
        Coverage::RampIn | Coverage::PadSilence => {
            "Give a shorter chunk, or leave this recording out."
        }
    }
}
