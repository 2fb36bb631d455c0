//! Which samples each feature row hears, and the time it stands for.
//!
//! This is the only place that decides causality: a row hears the samples of its [`Window`] and nothing else, and a
//! window ends at the moment that its row describes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::audio::ENCODER_RATE_HZ;

/// Longest chunk, context and stride that make sense: a day.
const MOST_MS: f64 = 24.0 * 3600.0 * 1000.0;

/// Which windows of a story become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// From the first chunk on: the first windows grow until the context is full ("ramp-in").
    #[default]
    RampIn,
    /// Only windows whose whole context lies inside the recording.
    FullContext,
    /// Silence as long as the context is put before the recording, and only full windows are used: as many rows as
    /// with ramp-in, each from a full window.
    PadSilence,
}

/// How the causal window slides over a story. The defaults are the published study's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Length of one chunk in milliseconds: the step between windows unless [`Self::stride_secs`] is set.
    pub chunk_ms: f64,
    /// Audio heard before the chunk, in milliseconds; a multiple of [`Self::chunk_ms`].
    pub context_ms: f64,
    /// Step between windows in seconds, where it is not one chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride_secs: Option<f64>,
    /// Which windows become rows.
    #[serde(default)]
    pub coverage: Coverage,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self {
            chunk_ms: 100.0,
            context_ms: 16_000.0,
            stride_secs: None,
            coverage: Coverage::RampIn,
        }
    }
}

/// Why windows cannot be laid over a story.
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
         {shortest_secs:.3} s long. {remedy}"
    )]
    NothingFits {
        recording_secs: f64,
        shortest_secs: f64,
        remedy: &'static str,
    },
}

/// The same settings in samples at 16 kHz, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLengths {
    /// One chunk.
    pub chunk_samples: u64,
    /// The audio before the chunk.
    pub context_samples: u64,
    /// From one window's end to the next.
    pub step_samples: u64,
}

impl WindowLengths {
    /// Length of a full window: chunk and context.
    #[must_use]
    pub fn window_samples(&self) -> u64 {
        self.chunk_samples + self.context_samples
    }
}

impl WindowSettings {
    /// Turns milliseconds and seconds into samples at 16 kHz, fractions of a sample cut off.
    ///
    /// # Errors
    /// A [`WindowError`] if the chunk or stride is shorter than a sample, or the context no multiple of the chunk.
    pub fn lengths(&self) -> Result<WindowLengths, WindowError> {
        let lengths_ms = [
            self.chunk_ms,
            self.context_ms,
            self.stride_secs.unwrap_or(0.0) * 1000.0,
        ];
        if let Some(absurd) = lengths_ms.into_iter().find(|ms| *ms > MOST_MS) {
            return Err(WindowError::Absurd(absurd));
        }
        let chunk_samples = whole_samples(self.chunk_ms / 1000.0);
        if chunk_samples == 0 {
            return Err(WindowError::ChunkTooShort(self.chunk_ms));
        }
        if self.context_ms.is_nan() || self.context_ms < 0.0 {
            return Err(WindowError::NegativeContext(self.context_ms));
        }
        let n_chunks = self.context_ms / self.chunk_ms;
        if (n_chunks - n_chunks.round()).abs() > 1e-9 * n_chunks.max(1.0) {
            return Err(WindowError::ContextNotMultiple {
                context_ms: self.context_ms,
                chunk_ms: self.chunk_ms,
                nearest_ms: n_chunks.round() * self.chunk_ms,
            });
        }
        let step_samples = match self.stride_secs {
            None => chunk_samples,
            Some(secs) => match whole_samples(secs) {
                0 => return Err(WindowError::StrideTooShort(secs)),
                step => step,
            },
        };
        Ok(WindowLengths {
            chunk_samples,
            context_samples: whole_samples(self.context_ms / 1000.0),
            step_samples,
        })
    }
}

impl WindowSettings {
    /// The lengths in samples, checked against what the encoder can hear.
    ///
    /// # Errors
    /// Those of [`WindowSettings::lengths`], [`WindowError::ShorterThanEncoder`] and [`WindowError::LongerThanEncoder`].
    pub fn lengths_for(&self, reach: EncoderReach) -> Result<WindowLengths, WindowError> {
        let lengths = self.lengths()?;
        if lengths.window_samples() < reach.shortest_samples {
            return Err(WindowError::ShorterThanEncoder {
                window_secs: secs(lengths.window_samples()),
                shortest_secs: secs(reach.shortest_samples),
            });
        }
        let longest = reach.longest_samples.unwrap_or(u64::MAX);
        if lengths.window_samples() <= longest {
            return Ok(lengths);
        }
        let longest_secs = secs(longest);
        let n_chunks = (longest_secs * 1000.0 / self.chunk_ms - 1.0).floor();
        Err(WindowError::LongerThanEncoder {
            window_secs: secs(lengths.window_samples()),
            longest_secs,
            most_context_ms: n_chunks.max(0.0) * self.chunk_ms,
        })
    }
}

/// Samples in so many seconds, a fraction cut off; 0 for what is not a positive length.
fn whole_samples(secs: f64) -> u64 {
    // A float-to-integer cast saturates: NaN and negative lengths become 0.
    (secs * f64::from(ENCODER_RATE_HZ)) as u64
}

/// What an encoder can hear at once, in samples at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderReach {
    /// Shorter windows are dropped.
    pub shortest_samples: u64,
    /// Longer windows are refused; `None` if there is no limit.
    pub longest_samples: Option<u64>,
}

/// One row's view of the story: samples `start..end`, counted from the start of the (possibly padded) audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First sample heard.
    pub start: u64,
    /// One past the last sample heard; the row describes this moment.
    pub end: u64,
}

impl Window {
    /// Number of samples heard.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// All windows of one story, in order of time, in closed form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    lengths: WindowLengths,
    silence_samples: u64,
    first_end: u64,
    len: usize,
}

impl Windows {
    /// Lays the windows over a recording of `n_samples` at 16 kHz.
    ///
    /// Ends lie at `chunk`, `chunk + step`, … (at the first full window, then on by `step`, where only full windows are
    /// asked for); a window starts at `max(0, end − chunk − context)`. A last partial chunk is dropped, and so are
    /// windows that are too short for the encoder.
    ///
    /// # Errors
    /// A [`WindowError`] if the settings contradict themselves or the encoder, or no window fits the recording.
    pub fn new(
        settings: &WindowSettings,
        reach: EncoderReach,
        n_samples: u64,
    ) -> Result<Self, WindowError> {
        let lengths = settings.lengths_for(reach)?;
        let (silence_samples, least_end) = match settings.coverage {
            Coverage::RampIn => (0, lengths.chunk_samples),
            Coverage::FullContext => (0, lengths.window_samples()),
            Coverage::PadSilence => (lengths.context_samples, lengths.window_samples()),
        };
        let mut first_end = least_end;
        if first_end < reach.shortest_samples {
            let missing = reach.shortest_samples - first_end;
            first_end += missing.div_ceil(lengths.step_samples) * lengths.step_samples;
        }
        let heard = silence_samples + n_samples;
        if heard < first_end {
            return Err(nothing_fits(
                settings,
                n_samples,
                first_end - silence_samples,
            ));
        }
        Ok(Self {
            lengths,
            silence_samples,
            first_end,
            len: ((heard - first_end) / lengths.step_samples + 1) as usize,
        })
    }

    /// Number of windows, which is the number of feature rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: a story without windows is an error in [`Windows::new`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Samples of silence to put before the recording.
    #[must_use]
    pub fn silence_samples(&self) -> u64 {
        self.silence_samples
    }

    /// Length of a full window in samples.
    #[must_use]
    pub fn window_samples(&self) -> u64 {
        self.lengths.window_samples()
    }

    /// The window of row `row`, which must be less than [`Windows::len`].
    #[must_use]
    pub fn get(&self, row: usize) -> Window {
        let end = self.first_end + row as u64 * self.lengths.step_samples;
        Window {
            start: end.saturating_sub(self.window_samples()),
            end,
        }
    }

    /// The windows of some rows.
    pub fn range(&self, rows: Range<usize>) -> impl Iterator<Item = Window> + '_ {
        rows.map(|row| self.get(row))
    }

    /// Start and end of row `row`'s window in seconds from the start of the recording; never before it.
    #[must_use]
    pub fn times(&self, row: usize) -> [f32; 2] {
        let window = self.get(row);
        [window.start, window.end].map(|sample| {
            let sample = sample.saturating_sub(self.silence_samples);
            (sample as f64 / f64::from(ENCODER_RATE_HZ)) as f32
        })
    }
}

fn nothing_fits(settings: &WindowSettings, n_samples: u64, shortest: u64) -> WindowError {
    WindowError::NothingFits {
        recording_secs: secs(n_samples),
        shortest_secs: secs(shortest),
        remedy: match settings.coverage {
            Coverage::FullContext => {
                "Leave out --full_context to let the first windows grow, or give a shorter context."
            }
            Coverage::RampIn | Coverage::PadSilence => {
                "Give a shorter chunk, or leave this recording out."
            }
        },
    }
}

fn secs(samples: u64) -> f64 {
    samples as f64 / f64::from(ENCODER_RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHISPER: EncoderReach = EncoderReach {
        shortest_samples: 400,
        longest_samples: Some(480_000),
    };

    fn settings(chunk_ms: f64, context_ms: f64, coverage: Coverage) -> WindowSettings {
        WindowSettings {
            chunk_ms,
            context_ms,
            coverage,
            ..WindowSettings::default()
        }
    }

    /// Lays windows and compares them, all written out, with the expected `(start, end)`.
    fn check(settings: WindowSettings, n_samples: u64, expected: &[(u64, u64)]) {
        let windows = Windows::new(&settings, WHISPER, n_samples).unwrap();
        let found: Vec<_> = windows
            .range(0..windows.len())
            .map(|w| (w.start, w.end))
            .collect();
        assert_eq!(found, expected, "{settings:?} over {n_samples} samples");
    }

    #[test]
    fn first_windows_grow_then_slide() {
        let ramp = [(0, 1600), (0, 3200), (0, 4800), (1600, 6400), (3200, 8000)];
        check(settings(100.0, 200.0, Coverage::RampIn), 8000, &ramp);
    }

    #[test]
    fn a_last_partial_chunk_is_dropped() {
        check(
            settings(100.0, 100.0, Coverage::RampIn),
            4799,
            &[(0, 1600), (0, 3200)],
        );
    }

    #[test]
    fn full_context_keeps_full_windows_only() {
        check(
            settings(100.0, 100.0, Coverage::FullContext),
            4800,
            &[(0, 3200), (1600, 4800)],
        );
    }

    #[test]
    fn padding_gives_as_many_rows_as_ramp_in_and_clips_times() {
        let padded =
            Windows::new(&settings(100.0, 200.0, Coverage::PadSilence), WHISPER, 8000).unwrap();
        let ramp = Windows::new(&settings(100.0, 200.0, Coverage::RampIn), WHISPER, 8000).unwrap();
        assert_eq!(padded.len(), ramp.len());
        for row in 0..ramp.len() {
            assert_eq!(
                padded.times(row).map(f32::to_bits),
                ramp.times(row).map(f32::to_bits)
            );
            assert_eq!(padded.get(row).n_samples(), 4800);
        }
    }

    #[test]
    fn windows_under_400_samples_are_dropped() {
        check(
            settings(10.0, 30.0, Coverage::RampIn),
            640,
            &[(0, 480), (0, 640)],
        );
    }

    #[test]
    fn a_stride_replaces_the_step_and_not_the_length() {
        let half = WindowSettings {
            stride_secs: Some(0.2),
            ..settings(100.0, 100.0, Coverage::RampIn)
        };
        check(half, 8000, &[(0, 1600), (1600, 4800), (4800, 8000)]);
    }

    #[test]
    fn fractions_of_a_sample_are_cut_off() {
        let lengths = settings(0.7, 0.7, Coverage::RampIn).lengths().unwrap();
        assert_eq!((lengths.chunk_samples, lengths.context_samples), (11, 11));
    }

    #[test]
    fn the_papers_windows_are_16_1_seconds_long() {
        let lengths = WindowSettings::default().lengths().unwrap();
        assert_eq!(lengths.window_samples(), 257_600);
    }

    /// Lays windows and compares the sentence that comes out.
    fn check_refused(settings: WindowSettings, n_samples: u64, sentence: &str) {
        let error = Windows::new(&settings, WHISPER, n_samples)
            .unwrap_err()
            .to_string();
        assert!(error.contains(sentence), "{error}");
    }

    #[test]
    fn contradictions_are_refused_with_a_sentence() {
        let cases = [
            (
                settings(100.0, 150.0, Coverage::RampIn),
                "no multiple of the chunk (100 ms)",
            ),
            (
                settings(0.0, 100.0, Coverage::RampIn),
                "less than one sample",
            ),
            (
                settings(f64::NAN, 100.0, Coverage::RampIn),
                "less than one sample",
            ),
            (
                settings(100.0, -100.0, Coverage::RampIn),
                "must be 0 or more",
            ),
            (
                settings(100.0, 30_000.0, Coverage::RampIn),
                "at most 29900 ms",
            ),
            (
                settings(100.0, 16_000.0, Coverage::FullContext),
                "Leave out --full_context",
            ),
            (
                settings(10.0, 10.0, Coverage::RampIn),
                "hears nothing shorter than 0.025 s",
            ),
            (
                settings(100.0, f64::INFINITY, Coverage::PadSilence),
                "longer than a day",
            ),
        ];
        for (settings, sentence) in cases {
            check_refused(settings, 16_000, sentence);
        }
        check_refused(WindowSettings::default(), 1599, "lasts 0.100 s");
    }
}
