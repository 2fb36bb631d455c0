//! Causal analysis windows: the samples each feature row is computed from, and the time it is assigned.
//!
//! Causality is decided only here: a row depends on the samples of its [`Window`] and no others, and its time is the
//! window's end.

mod error;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::speech::ENCODER_RATE_HZ;

pub use error::WindowError;

/// Upper bound of chunk, context and stride: one day.
const MOST_MS: f64 = 24.0 * 3600.0 * 1000.0;

/// Which windows of a story become feature rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// All windows, from the first chunk on: the first ones grow until the context is full ("ramp-in").
    #[default]
    RampIn,
    /// Only windows whose whole context lies inside the recording.
    FullContext,
    /// The recording is preceded by silence of one window minus one step, and only full windows are used: the same rows as
    /// ramp-in, each from a full window.
    PadSilence,
}

/// Settings of the sliding causal window. The defaults are those of the published study.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Chunk length in milliseconds: the step between windows unless [`Self::stride_secs`] is set.
    pub chunk_ms: f64,
    /// Audio context before the chunk, in milliseconds; a multiple of [`Self::chunk_ms`].
    pub context_ms: f64,
    /// Step between windows in seconds, if it is not one chunk.
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

/// The validated settings in samples at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLengths {
    /// Distance between the ends of successive windows: the stride, or one chunk if none is set.
    pub step_samples: u64,
    /// Length of a full window: chunk and context.
    pub window_samples: u64,
}

impl WindowSettings {
    /// Converts milliseconds and seconds to samples at 16 kHz, truncating fractions of a sample.
    ///
    /// A stride replaces the chunk, and the context becomes `chunk + context − stride`, so that the window keeps its
    /// length, as in the study's code. Step and context are truncated separately, as there.
    ///
    /// # Errors
    /// Returns a [`WindowError`] if the chunk or stride is shorter than a sample, or the context is not a multiple of the
    /// chunk.
    pub fn lengths(&self) -> Result<WindowLengths, WindowError> {
        let lengths_ms = [
            self.chunk_ms,
            self.context_ms,
            self.stride_secs.unwrap_or(0.0) * 1000.0,
        ];
        if let Some(absurd) = lengths_ms.into_iter().find(|ms| *ms > MOST_MS) {
            return Err(WindowError::Absurd(absurd));
        }
        let (chunk_secs, context_secs) = (self.chunk_ms / 1000.0, self.context_ms / 1000.0);
        let chunk_samples = whole_samples(chunk_secs);
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
        let Some(stride_secs) = self.stride_secs else {
            return Ok(WindowLengths {
                step_samples: chunk_samples,
                window_samples: chunk_samples + whole_samples(context_secs),
            });
        };
        let step_samples = whole_samples(stride_secs);
        if step_samples == 0 {
            return Err(WindowError::StrideTooShort(stride_secs));
        }
        let rest_secs = chunk_secs + context_secs - stride_secs;
        Ok(WindowLengths {
            step_samples,
            window_samples: if rest_secs < 0.0 {
                step_samples
                    .saturating_sub(whole_samples(-rest_secs))
                    .max(1)
            } else {
                step_samples + whole_samples(rest_secs)
            },
        })
    }
}

impl WindowSettings {
    /// Returns the lengths in samples, checked against the limits of the encoder.
    ///
    /// # Errors
    /// Returns the errors of [`WindowSettings::lengths`], [`WindowError::ShorterThanEncoder`] and
    /// [`WindowError::LongerThanEncoder`].
    pub fn lengths_for(&self, reach: EncoderReach) -> Result<WindowLengths, WindowError> {
        let lengths = self.lengths()?;
        if lengths.window_samples < reach.shortest_samples {
            return Err(WindowError::ShorterThanEncoder {
                window_secs: secs(lengths.window_samples),
                shortest_secs: secs(reach.shortest_samples),
            });
        }
        let longest = reach.longest_samples.unwrap_or(u64::MAX);
        if lengths.window_samples <= longest {
            return Ok(lengths);
        }
        let longest_secs = secs(longest);
        let n_chunks = (longest_secs * 1000.0 / self.chunk_ms - 1.0).floor();
        Err(WindowError::LongerThanEncoder {
            window_secs: secs(lengths.window_samples),
            longest_secs,
            most_context_ms: n_chunks.max(0.0) * self.chunk_ms,
        })
    }
}

/// Samples in a duration, truncated; 0 for non-positive durations and NaN.
fn whole_samples(secs: f64) -> u64 {
    // A float-to-integer cast saturates: NaN and negative lengths become 0.
    (secs * f64::from(ENCODER_RATE_HZ)) as u64
}

/// Range of window lengths that an encoder accepts, in samples at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderReach {
    /// Shorter windows are dropped.
    pub shortest_samples: u64,
    /// Longer windows are an error; `None` if there is no limit.
    pub longest_samples: Option<u64>,
}

/// The samples of one row: `start..end`, counted from the start of the (possibly padded) audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First sample.
    pub start: u64,
    /// One past the last sample, the time assigned to the row.
    pub end: u64,
}

impl Window {
    /// Returns the number of samples.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// All windows of one story in temporal order, in closed form.
///
/// First the windows of the ramp, which begin at 0 and end at multiples of the step, then the full ones, which begin at
/// multiples of the step. If the window is not a multiple of the step, the first full window ends less than a step after
/// the ramp, as in the study's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    lengths: WindowLengths,
    silence_samples: u64,
    /// Steps to the end of the first window of the ramp; windows too short for the encoder are skipped.
    first_ramp_step: u64,
    n_ramp: u64,
    n_full: u64,
}

impl Windows {
    /// Computes the windows of a recording of `n_samples` at 16 kHz.
    ///
    /// Windows end at `step`, `2·step` … while they are not full, then at `window`, `window + step` …; a window starts at
    /// `max(0, end − window)`. An incomplete last step is dropped, as are windows too short for the encoder.
    ///
    /// # Errors
    /// Returns a [`WindowError`] if the settings are inconsistent or incompatible with the encoder, or if no window fits
    /// the recording.
    pub fn new(
        settings: &WindowSettings,
        reach: EncoderReach,
        n_samples: u64,
    ) -> Result<Self, WindowError> {
        let lengths = settings.lengths_for(reach)?;
        let WindowLengths {
            step_samples: step,
            window_samples: window,
        } = lengths;
        let silence_samples = match settings.coverage {
            Coverage::PadSilence => {
                window
                    .checked_sub(step)
                    .ok_or_else(|| WindowError::NoRoomForSilence {
                        stride_secs: secs(step),
                        window_secs: secs(window),
                    })?
            }
            Coverage::RampIn | Coverage::FullContext => 0,
        };
        let heard = silence_samples + n_samples;
        let first_ramp_step = reach.shortest_samples.div_ceil(step).max(1);
        let n_ramp = match settings.coverage {
            // The last multiple of the step that is shorter than a window and lies within the recording.
            Coverage::RampIn => (heard.min(window - 1) / step + 1).saturating_sub(first_ramp_step),
            Coverage::FullContext | Coverage::PadSilence => 0,
        };
        let n_full = heard
            .checked_sub(window)
            .map_or(0, |after| after / step + 1);
        if n_ramp + n_full == 0 {
            let least = match settings.coverage {
                Coverage::RampIn => window.min(first_ramp_step * step),
                Coverage::FullContext => window,
                Coverage::PadSilence => step,
            };
            return Err(nothing_fits(settings, n_samples, least));
        }
        Ok(Self {
            lengths,
            silence_samples,
            first_ramp_step,
            n_ramp,
            n_full,
        })
    }

    /// Returns the number of windows, which is the number of feature rows.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.n_ramp + self.n_full) as usize
    }

    /// Always returns false: a story without windows is an error in [`Windows::new`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of samples of silence that precede the recording.
    #[must_use]
    pub fn silence_samples(&self) -> u64 {
        self.silence_samples
    }

    /// Returns the length of a full window in samples.
    #[must_use]
    pub fn window_samples(&self) -> u64 {
        self.lengths.window_samples
    }

    /// Returns the window of row `row`, which must be less than [`Windows::len`].
    #[must_use]
    pub fn get(&self, row: usize) -> Window {
        let (row, step) = (row as u64, self.lengths.step_samples);
        if row < self.n_ramp {
            return Window {
                start: 0,
                end: (self.first_ramp_step + row) * step,
            };
        }
        let start = (row - self.n_ramp) * step;
        Window {
            start,
            end: start + self.window_samples(),
        }
    }

    /// Returns the windows of a range of rows.
    pub fn range(&self, rows: Range<usize>) -> impl Iterator<Item = Window> + '_ {
        rows.map(|row| self.get(row))
    }

    /// Returns start and end of row `row`'s window in seconds from the start of the recording, clipped at 0.
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
        coverage: settings.coverage,
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

    /// Compares all windows with the expected `(start, end)`.
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

    /// The times are those of the study's code (transformers 4.30.2) for a recording of 37,777 samples.
    #[test]
    fn a_stride_takes_the_place_of_the_chunk_and_leaves_the_window_its_length() {
        let strided = |stride_secs, coverage| WindowSettings {
            stride_secs: Some(stride_secs),
            ..settings(100.0, 1000.0, coverage)
        };
        let ends = [
            (0, 8000),
            (0, 16_000),
            (0, 17_600),
            (8000, 25_600),
            (16_000, 33_600),
        ];
        check(strided(0.5, Coverage::RampIn), 37_777, &ends);
        check(strided(0.5, Coverage::FullContext), 37_777, &ends[2..]);

        let padded = Windows::new(&strided(0.3, Coverage::PadSilence), WHISPER, 37_777).unwrap();
        assert_eq!(padded.silence_samples(), 12_800);
        let times: Vec<[f32; 2]> = (0..padded.len()).map(|row| padded.times(row)).collect();
        let expected = [0.0, 0.0, 0.0, 0.1, 0.4, 0.7, 1.0];
        assert_eq!(times.len(), expected.len());
        for (row, (found, start)) in times.iter().zip(expected).enumerate() {
            let end = 0.3 * (row + 1) as f32;
            assert!(
                (found[0] - start).abs() < 1e-5 && (found[1] - end).abs() < 1e-5,
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_stride_longer_than_the_window_leaves_gaps_and_no_room_for_silence() {
        let sparse = |coverage| WindowSettings {
            stride_secs: Some(0.5),
            ..settings(100.0, 100.0, coverage)
        };
        check(
            sparse(Coverage::RampIn),
            20_000,
            &[(0, 3200), (8000, 11_200), (16_000, 19_200)],
        );
        check_refused(
            sparse(Coverage::PadSilence),
            20_000,
            "longer than the window",
        );
    }

    #[test]
    fn where_a_chunk_is_no_whole_number_of_samples_full_windows_begin_on_steps() {
        // 1.9 ms are 30.4 samples, truncated to 30; 57 ms are 912: a window of 942.
        let odd = settings(1.9, 57.0, Coverage::RampIn);
        let windows = Windows::new(&odd, WHISPER, 1100).unwrap();
        let found: Vec<_> = windows
            .range(0..windows.len())
            .map(|w| (w.start, w.end))
            .collect();
        assert_eq!(found[0], (0, 420));
        let at = found.iter().position(|window| window.1 == 942).unwrap();
        assert_eq!(found[at - 1..at + 2], [(0, 930), (0, 942), (30, 972)]);
    }

    #[test]
    fn fractions_of_a_sample_are_cut_off() {
        let lengths = settings(0.7, 0.7, Coverage::RampIn).lengths().unwrap();
        assert_eq!((lengths.step_samples, lengths.window_samples), (11, 22));
    }

    #[test]
    fn the_papers_windows_are_16_1_seconds_long() {
        let lengths = WindowSettings::default().lengths().unwrap();
        assert_eq!(lengths.window_samples, 257_600);
    }

    /// Compares the error message with the expected one.
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
                "Let the first windows grow",
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
