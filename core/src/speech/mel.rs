//! Whisper's log-mel spectrogram, with frames computed once per story and shared by all windows.
//!
//! Whisper's input is a 30 s recording: the window's samples, padded with zeros. Its spectrogram has one frame every 160
//! samples, each from 400 samples around the frame's centre. A frame in the interior of a window is the same in every
//! window that contains it, so [`MelCache`] keeps it; only frames that overlap a window's edges, and the maximum that sets
//! the floor of the dynamic range, are specific to a window.
//!
//! Source: Radford et al. (2022), arXiv 2212.04356, section 2.2; mel scale and area normalisation after Slaney (1998).

use std::collections::BTreeMap;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::speech::ENCODER_RATE_HZ;

/// Hop length, in samples.
pub const HOP_SAMPLES: usize = 160;
/// FFT length, in samples.
pub const FFT_SAMPLES: usize = 400;
const HALF_FFT: usize = FFT_SAMPLES / 2;
/// Frequency bins of a frame's spectrum, 0 to 8 kHz.
pub const N_FREQUENCIES: usize = FFT_SAMPLES / 2 + 1;
/// Frames of the 30 s input.
pub const N_FRAMES: usize = exact_div(PADDED_SAMPLES, HOP_SAMPLES);
/// Samples of Whisper's input: 30 s.
pub const PADDED_SAMPLES: usize = 30 * ENCODER_RATE_HZ as usize;
/// Reach of the two stem convolutions to either side, in frames.
const STEM_REACH_FRAMES: usize = 6;
/// log10 of the power floor.
const FLOOR_LOG10: f32 = -10.0;
/// Dynamic range below a window's loudest bin, in powers of ten.
const RANGE_LOG10: f32 = 8.0;

const fn exact_div(a: usize, b: usize) -> usize {
    assert!(a.is_multiple_of(b), "not divisible");
    a / b
}

/// Returns the number of frames an encoder needs for windows of up to `window_samples`: the real ones, those within reach
/// of them through the stem convolutions, and some of pure silence, which stand for all the silence up to 30 s.
///
/// Even, at most [`N_FRAMES`]. For 257,600 samples (16.1 s): 1,618.
#[must_use]
pub fn frames_for(window_samples: usize) -> usize {
    let touched = (window_samples + HALF_FFT).div_ceil(HOP_SAMPLES);
    (touched + STEM_REACH_FRAMES)
        .next_multiple_of(2)
        .min(N_FRAMES)
}

/// Computes single frames: log10 of the mel-filtered power spectrum, before the floor of the dynamic range.
pub struct MelFrames {
    fft: Arc<dyn RealToComplex<f64>>,
    hann: Vec<f64>,
    filters: Vec<Filter>,
    input: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

/// The non-zero part of a triangular mel filter.
struct Filter {
    first: usize,
    weights: Vec<f64>,
}

impl MelFrames {
    /// Prepares filters for `n_mels` mel bands between 0 and 8 kHz.
    #[must_use]
    pub fn new(n_mels: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FFT_SAMPLES);
        Self {
            hann: hann_periodic(),
            filters: mel_filters(n_mels),
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; N_FREQUENCIES],
            fft,
        }
    }

    /// Returns the number of mel bands.
    #[must_use]
    pub fn n_mels(&self) -> usize {
        self.filters.len()
    }

    /// Writes the log10 mel power of 400 samples into `frame`, `(n_mels,)`, at least −10.
    pub(crate) fn compute(&mut self, sample: impl Fn(usize) -> f32, frame: &mut [f32]) {
        for (i, (slot, weight)) in self.input.iter_mut().zip(&self.hann).enumerate() {
            *slot = f64::from(sample(i)) * weight;
        }
        // The buffers were allocated by the plan, so their lengths match and this cannot fail.
        let done =
            self.fft
                .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok());
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
        for (slot, filter) in frame.iter_mut().zip(&self.filters) {
            let bins = &self.power[filter.first..filter.first + filter.weights.len()];
            let energy: f64 = bins.iter().zip(&filter.weights).map(|(p, w)| p * w).sum();
            *slot = energy.max(1e-10).log10() as f32;
        }
    }
}

/// Cached mel frames, keyed by the sample at their centre.
pub struct MelCache {
    frames: MelFrames,
    by_centre: BTreeMap<u64, Box<[f32]>>,
    edge: Vec<f32>,
}

impl MelCache {
    /// Creates an empty cache for `n_mels` mel bands.
    #[must_use]
    pub fn new(n_mels: usize) -> Self {
        Self {
            frames: MelFrames::new(n_mels),
            by_centre: BTreeMap::new(),
            edge: vec![0.0; n_mels],
        }
    }

    /// Writes the log-mel spectrogram of one window in Whisper's format.
    ///
    /// * `samples`: the window's samples at 16 kHz, at most 30 s.
    /// * `start`: position of the first sample in the story; must not decrease between calls.
    /// * `mel`: `(n_mels, n_frames)` in C order, `n_frames` from [`frames_for`] or more: scaled to (log10 + 4)/4, clipped
    ///   at 8 powers of ten below the window's maximum.
    pub fn window(&mut self, samples: &[f32], start: u64, mel: &mut [f32]) {
        let n_mels = self.frames.n_mels();
        let n_frames = mel.len() / n_mels;
        let touched = (samples.len() + HALF_FFT)
            .div_ceil(HOP_SAMPLES)
            .min(N_FRAMES);
        self.by_centre = self.by_centre.split_off(&start);
        let mut loudest = FLOOR_LOG10;
        for k in 0..touched {
            let frame = self.frame(samples, start, k);
            for (m, &value) in frame.iter().enumerate() {
                loudest = loudest.max(value);
                mel[m * n_frames + k] = value;
            }
        }
        let floor = FLOOR_LOG10.max(loudest - RANGE_LOG10);
        for row in mel.chunks_exact_mut(n_frames) {
            for value in &mut row[..touched] {
                *value = (value.max(floor) + 4.0) / 4.0;
            }
            row[touched..].fill((floor + 4.0) / 4.0);
        }
    }

    /// Frame `k` of the window that begins at `start`: cached unless it overlaps an edge of the window.
    fn frame(&mut self, samples: &[f32], start: u64, k: usize) -> &[f32] {
        let centre = k * HOP_SAMPLES;
        let inside = centre >= HALF_FFT && centre + HALF_FFT <= samples.len();
        if !inside {
            let at =
                |i: usize| padded_sample(samples, centre as isize + i as isize - HALF_FFT as isize);
            self.frames.compute(at, &mut self.edge);
            return &self.edge;
        }
        let frames = &mut self.frames;
        self.by_centre
            .entry(start + centre as u64)
            .or_insert_with(|| {
                let stretch = &samples[centre - HALF_FFT..centre + HALF_FFT];
                let mut frame = vec![0.0; frames.n_mels()].into_boxed_slice();
                frames.compute(|i| stretch[i], &mut frame);
                frame
            })
    }
}

/// Sample `i` of the window, zero-padded to 30 s, with reflection at both ends of the 30 s.
fn padded_sample(samples: &[f32], i: isize) -> f32 {
    let last = PADDED_SAMPLES as isize - 1;
    let mirrored = if i < 0 {
        -i
    } else if i > last {
        2 * last - i
    } else {
        i
    };
    samples.get(mirrored as usize).copied().unwrap_or(0.0)
}

fn hann_periodic() -> Vec<f64> {
    let turn = std::f64::consts::TAU / FFT_SAMPLES as f64;
    (0..FFT_SAMPLES)
        .map(|i| 0.5 - 0.5 * (turn * i as f64).cos())
        .collect()
}

/// Triangular filters, evenly spaced on Slaney's mel scale from 0 to 8 kHz, with unit area in Hz.
fn mel_filters(n_mels: usize) -> Vec<Filter> {
    let nyquist_hz = f64::from(ENCODER_RATE_HZ) / 2.0;
    let top_mel = mel_from_hz(nyquist_hz);
    let corner_hz: Vec<f64> = (0..n_mels + 2)
        .map(|i| hz_from_mel(top_mel * i as f64 / (n_mels + 1) as f64))
        .collect();
    corner_hz
        .windows(3)
        .map(|corners| triangle(corners, nyquist_hz / (N_FREQUENCIES - 1) as f64))
        .collect()
}

fn triangle(corners: &[f64], bin_hz: f64) -> Filter {
    let (low, peak, high) = (corners[0], corners[1], corners[2]);
    let weight = |bin: usize| {
        let hz = bin as f64 * bin_hz;
        let rising = (hz - low) / (peak - low);
        let falling = (high - hz) / (high - peak);
        rising.min(falling).max(0.0) * 2.0 / (high - low)
    };
    let nonzero: Vec<usize> = (0..N_FREQUENCIES)
        .filter(|&bin| weight(bin) > 0.0)
        .collect();
    let first = nonzero.first().copied().unwrap_or(0);
    Filter {
        first,
        weights: nonzero.iter().map(|&bin| weight(bin)).collect(),
    }
}

/// Slaney's mel scale: linear below 1 kHz, logarithmic above, with 27 steps per factor of 6.4.
const LINEAR_HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_START_HZ: f64 = 1000.0;
const LOG_START_MEL: f64 = LOG_START_HZ / LINEAR_HZ_PER_MEL;
const LOG_STEPS: f64 = 27.0;
const LOG_FACTOR: f64 = 6.4;

fn mel_from_hz(hz: f64) -> f64 {
    if hz < LOG_START_HZ {
        hz / LINEAR_HZ_PER_MEL
    } else {
        LOG_START_MEL + (hz / LOG_START_HZ).ln() * LOG_STEPS / LOG_FACTOR.ln()
    }
}

fn hz_from_mel(mel: f64) -> f64 {
    if mel < LOG_START_MEL {
        mel * LINEAR_HZ_PER_MEL
    } else {
        LOG_START_HZ * ((mel - LOG_START_MEL) * LOG_FACTOR.ln() / LOG_STEPS).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<f32> {
        let mut state = 12345_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next() * 0.1).collect()
    }

    fn alone(samples: &[f32], n_frames: usize) -> Vec<f32> {
        let mut mel = vec![0.0; 80 * n_frames];
        MelCache::new(80).window(samples, 0, &mut mel);
        mel
    }

    #[test]
    fn sliding_windows_share_frames_and_equal_windows_computed_alone() {
        let story = noise(16_000);
        for (step, window) in [(1600, 4800), (400, 4800), (37, 1000)] {
            let mut shared = MelCache::new(80);
            let n_frames = frames_for(window);
            for start in (0..16_000 - window).step_by(step) {
                let samples = &story[start..start + window];
                let mut mel = vec![0.0; 80 * n_frames];
                shared.window(samples, start as u64, &mut mel);
                assert_eq!(mel, alone(samples, n_frames), "step {step}, start {start}");
            }
        }
    }

    #[test]
    fn the_tail_given_to_the_encoder_is_pure_silence() {
        for window in [400, 1600, 16_000, 257_600] {
            let n_frames = frames_for(window);
            let mel = alone(&noise(window), n_frames);
            for row in mel.chunks_exact(n_frames) {
                let tail = &row[n_frames - STEM_REACH_FRAMES..];
                assert!(
                    tail.iter()
                        .all(|value| value.to_bits() == tail[0].to_bits()),
                    "window {window}"
                );
            }
        }
    }

    #[test]
    fn the_number_of_frames_is_that_of_the_real_ones_and_their_reach() {
        for (samples, frames) in [
            (257_600, 1618),
            (480_000, 3000),
            (479_000, 3000),
            (1600, 18),
        ] {
            assert_eq!(frames_for(samples), frames, "{samples} samples");
        }
    }

    #[test]
    fn silence_is_one_flat_floor() {
        // log10(1e-10) = −10, and (−10 + 4)/4 = −1.5; the maximum is −10 as well, so nothing is clipped.
        assert!(
            alone(&[0.0; 1600], 18)
                .iter()
                .all(|value| value.to_bits() == (-1.5_f32).to_bits())
        );
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_around_it() {
        let tone: Vec<f32> = (0..16_000)
            .map(|i| (std::f32::consts::TAU * 1000.0 * i as f32 / 16_000.0).sin())
            .collect();
        let n_frames = frames_for(tone.len());
        let mel = alone(&tone, n_frames);
        let at_half_second = |band: usize| mel[band * n_frames + 50];
        let loudest = (0..80)
            .max_by(|a, b| at_half_second(*a).total_cmp(&at_half_second(*b)))
            .unwrap();
        // 1000 Hz is mel 15 of 45.245 at 8 kHz; band b peaks at mel (b + 1)·45.245/81.
        let expected = (15.0 * 81.0 / mel_from_hz(8000.0) - 1.0_f64).round() as usize;
        assert_eq!(loudest, expected);
    }

    #[test]
    fn filters_have_unit_area_where_bins_are_narrow() {
        let filters = mel_filters(80);
        let area = |filter: &Filter| filter.weights.iter().sum::<f64>() * 40.0;
        assert!(
            (area(&filters[79]) - 1.0).abs() < 0.01,
            "{}",
            area(&filters[79])
        );
        assert!(
            (area(&filters[60]) - 1.0).abs() < 0.05,
            "{}",
            area(&filters[60])
        );
    }
}
