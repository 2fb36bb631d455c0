//! A story's sound for display at any zoom level: extremes and a spectrogram, at several resolutions.

use std::sync::Arc;

use crate::speech::ENCODER_RATE_HZ;
use crate::speech::mel::{FFT_SAMPLES, HOP_SAMPLES, MelFrames};

/// Mel bands of the spectrogram, 0 to 8 kHz.
pub const N_BANDS: usize = 64;
/// Samples per bin of the finest level of extremes; finer views are computed from the samples.
const FINEST_BIN: usize = 64;
/// Bins of one level that are merged into one of the next.
const LEVEL_FACTOR: usize = 4;
/// Quantisation steps per factor of ten in power: 0.5 dB.
const STEPS_PER_DECADE: f32 = 20.0;
/// log10 of the power that is quantised to 0.
const LOWEST_LOG10: f32 = -10.0;
/// Displayed dynamic range below the loudest value, in quantisation steps: 60 dB.
const DRAWN_STEPS: u8 = 120;

/// Minimum and maximum of a bin.
type Extremes = [i16; 2];

/// A story's sound at 16 kHz mono.
#[derive(Debug, Clone)]
pub struct Sound {
    samples: Arc<Vec<i16>>,
    /// Finest level first.
    extremes: Vec<Vec<Extremes>>,
    /// Finest level first: `(n_frames, N_BANDS)` in C order, the lowest band first.
    spectrogram: Vec<Vec<u8>>,
    loudest: u8,
}

impl Sound {
    /// Returns the samples, `(n_samples,)`, with full scale ±32768.
    #[must_use]
    pub fn samples(&self) -> &Arc<Vec<i16>> {
        &self.samples
    }

    /// Returns the length in seconds.
    #[must_use]
    pub fn secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(ENCODER_RATE_HZ)
    }

    /// Returns minimum and maximum, with full scale 1, in each of `n_columns` equal parts of a time range, in seconds.
    ///
    /// They are 0 outside the story. Takes time proportional to `n_columns`, whatever the length.
    #[must_use]
    pub fn columns(&self, from_secs: f64, to_secs: f64, n_columns: usize) -> Vec<[f32; 2]> {
        let rate = f64::from(ENCODER_RATE_HZ);
        let per_column = (to_secs - from_secs) * rate / n_columns.max(1) as f64;
        let edge = |column: usize| from_secs * rate + per_column * column as f64;
        let column = |column: usize| self.extremes_of(edge(column), edge(column + 1));
        let full_scale = |value: i16| f32::from(value) / 32_768.0;
        (0..n_columns)
            .map(|at| column(at).map(full_scale))
            .collect()
    }

    fn extremes_of(&self, from: f64, to: f64) -> Extremes {
        let end = self.samples.len();
        let from = (from.floor().max(0.0) as usize).min(end);
        let to = (to.ceil().max(0.0) as usize).clamp(from, end);
        // The coarsest level whose bins fit into a column.
        let mut bin = FINEST_BIN;
        let mut level = None;
        for (at, _) in self.extremes.iter().enumerate() {
            if bin * 2 > to - from {
                break;
            }
            level = Some((at, bin));
            bin *= LEVEL_FACTOR;
        }
        let found = match level {
            None => bounds(self.samples[from..to].iter().map(|sample| [*sample; 2])),
            Some((at, bin)) => {
                let bins = &self.extremes[at];
                bounds(
                    bins[from / bin..to.div_ceil(bin).min(bins.len())]
                        .iter()
                        .copied(),
                )
            }
        };
        found.unwrap_or([0, 0])
    }

    /// Returns the spectrogram of a time range, in seconds: `(N_BANDS, n_columns)` in C order, the highest band first, from
    /// 0 at 60 dB below the story's loudest value to 255 there; 0 outside the story.
    #[must_use]
    pub fn spectrogram(&self, from_secs: f64, to_secs: f64, n_columns: usize) -> Vec<u8> {
        let rate = f64::from(ENCODER_RATE_HZ) / HOP_SAMPLES as f64;
        let per_column = (to_secs - from_secs) * rate / n_columns.max(1) as f64;
        let (mut level, mut factor) = (0, 1.0);
        while level + 1 < self.spectrogram.len() && per_column >= factor * LEVEL_FACTOR as f64 {
            level += 1;
            factor *= LEVEL_FACTOR as f64;
        }
        let Some(frames) = self.spectrogram.get(level) else {
            return vec![0; N_BANDS * n_columns];
        };
        let mut picture = vec![0; N_BANDS * n_columns];
        for column in 0..n_columns {
            let frame = ((from_secs * rate + per_column * (column as f64 + 0.5)) / factor).floor();
            if frame < 0.0 || frame as usize >= frames.len() / N_BANDS {
                continue;
            }
            let bands = &frames[frame as usize * N_BANDS..][..N_BANDS];
            for (band, value) in bands.iter().enumerate() {
                picture[(N_BANDS - 1 - band) * n_columns + column] = self.shade(*value);
            }
        }
        picture
    }

    fn shade(&self, value: u8) -> u8 {
        let below = self.loudest.saturating_sub(value).min(DRAWN_STEPS);
        (u16::from(DRAWN_STEPS - below) * 255 / u16::from(DRAWN_STEPS)) as u8
    }
}

fn bounds(bins: impl Iterator<Item = Extremes>) -> Option<Extremes> {
    bins.reduce(|[low, high], [lower, higher]| [low.min(lower), high.max(higher)])
}

/// Builds a [`Sound`] from decoded blocks.
pub struct SoundBuilder {
    samples: Vec<i16>,
    frames: MelFrames,
    /// Samples carried over to the next frame: initially half a frame of silence, then samples of the story.
    carried: Vec<f32>,
    spectrogram: Vec<u8>,
}

impl Default for SoundBuilder {
    fn default() -> Self {
        Self {
            samples: vec![],
            frames: MelFrames::new(N_BANDS),
            carried: vec![0.0; FFT_SAMPLES / 2],
            spectrogram: vec![],
        }
    }
}

impl SoundBuilder {
    /// Appends samples, with full scale ±1.
    pub fn push(&mut self, samples: &[f32]) {
        let stored = |sample: &f32| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
        self.samples.extend(samples.iter().map(stored));
        self.carried.extend_from_slice(samples);
        let mut at = 0;
        let mut frame = [0.0; N_BANDS];
        while self.carried.len() >= at + FFT_SAMPLES {
            let heard = &self.carried[at..at + FFT_SAMPLES];
            self.frames.compute(|i| heard[i], &mut frame);
            let level =
                |value: &f32| ((value - LOWEST_LOG10) * STEPS_PER_DECADE).clamp(0.0, 255.0) as u8;
            self.spectrogram.extend(frame.iter().map(level));
            at += HOP_SAMPLES;
        }
        self.carried.drain(..at);
    }

    /// Returns the sound, with all resolutions.
    #[must_use]
    pub fn finish(self) -> Sound {
        let finest = self
            .samples
            .chunks(FINEST_BIN)
            .map(|bin| bin.iter().map(|sample| [*sample; 2]));
        let mut extremes: Vec<Vec<Extremes>> = vec![finest.filter_map(bounds).collect()];
        while let Some(last) = extremes.last().filter(|level| level.len() > LEVEL_FACTOR) {
            let next = last
                .chunks(LEVEL_FACTOR)
                .filter_map(|bins| bounds(bins.iter().copied()));
            extremes.push(next.collect());
        }
        let loudest = self.spectrogram.iter().copied().max().unwrap_or(0);
        let mut spectrogram = vec![self.spectrogram];
        while let Some(last) = spectrogram
            .last()
            .filter(|level| level.len() > LEVEL_FACTOR * N_BANDS)
        {
            let next = last
                .chunks(LEVEL_FACTOR * N_BANDS)
                .flat_map(mean_frame)
                .collect();
            spectrogram.push(next);
        }
        Sound {
            samples: Arc::new(self.samples),
            extremes,
            spectrogram,
            loudest,
        }
    }
}

/// Mean of a few frames, per band.
fn mean_frame(frames: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let n_frames = (frames.len() / N_BANDS).max(1) as u32;
    (0..N_BANDS).map(move |band| {
        let sum: u32 = frames
            .iter()
            .skip(band)
            .step_by(N_BANDS)
            .map(|value| u32::from(*value))
            .sum();
        (sum / n_frames) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(samples: &[f32]) -> Sound {
        let mut builder = SoundBuilder::default();
        // In blocks, as from a decoder.
        samples.chunks(777).for_each(|block| builder.push(block));
        builder.finish()
    }

    fn noise(n: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn columns_hold_the_extremes_of_what_they_cover() {
        let samples = noise(100_000);
        let sound = sound(&samples);
        for n_columns in [1, 7, 400, 3000] {
            let columns = sound.columns(0.0, sound.secs(), n_columns);
            for (at, [low, high]) in columns.iter().enumerate() {
                let edge = |at: usize| at as f64 * 100_000.0 / n_columns as f64;
                let (from, to) = (
                    edge(at).floor() as usize,
                    (edge(at + 1).ceil() as usize).min(100_000),
                );
                let least = samples[from..to]
                    .iter()
                    .copied()
                    .fold(f32::INFINITY, f32::min);
                let most = samples[from..to]
                    .iter()
                    .copied()
                    .fold(f32::NEG_INFINITY, f32::max);
                // At least the extremes within the column, and at most half a column more on either side, since bins are
                // not split.
                assert!(
                    *low <= least + 1e-4 && *high >= most - 1e-4,
                    "column {at} of {n_columns}"
                );
                let more = (to - from) / 2 + 1;
                let around = &samples[from.saturating_sub(more)..(to + more).min(100_000)];
                let least = around.iter().copied().fold(f32::INFINITY, f32::min);
                let most = around.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert!(
                    *low >= least - 1e-4 && *high <= most + 1e-4,
                    "column {at} of {n_columns}"
                );
            }
        }
    }

    #[test]
    fn outside_the_story_there_is_nothing() {
        let sound = sound(&noise(16_000));
        assert_eq!(sound.columns(-2.0, -1.0, 2), [[0.0; 2]; 2]);
        assert_eq!(sound.columns(5.0, 6.0, 1), [[0.0; 2]]);
        assert!(
            sound
                .spectrogram(5.0, 6.0, 3)
                .iter()
                .all(|value| *value == 0)
        );
        let nothing = SoundBuilder::default().finish();
        assert_eq!(
            (
                nothing.columns(0.0, 1.0, 1),
                nothing.spectrogram(0.0, 1.0, 1).len()
            ),
            (vec![[0.0; 2]], N_BANDS)
        );
    }

    #[test]
    fn a_tone_is_bright_in_its_band_and_while_it_lasts() {
        let tone = |i: usize| {
            let secs = i as f64 / 16_000.0;
            let is_on = (1.0..2.0).contains(&secs);
            if is_on {
                (secs * 1000.0 * std::f64::consts::TAU).sin() as f32 * 0.5
            } else {
                0.0
            }
        };
        let samples: Vec<f32> = (0..48_000).map(tone).collect();
        let sound = sound(&samples);
        for n_columns in [30, 300] {
            let picture = sound.spectrogram(0.0, 3.0, n_columns);
            let brightest = |column: usize| {
                let band = |row: usize| picture[row * n_columns + column];
                let row = (0..N_BANDS).max_by_key(|row| band(*row));
                row.map(|row| (row, band(row)))
            };
            assert_eq!(brightest(n_columns / 6).map(|(_, value)| value), Some(0));
            let (row, value) = brightest(n_columns / 2).unwrap_or_default();
            // Slaney's scale is linear below 1 kHz, which is mel 15 of 45.2: band 21 of 64.
            let band = N_BANDS - 1 - row;
            assert!(
                (20..=22).contains(&band) && value > 245,
                "band {band}, {value}"
            );
        }
    }
}
