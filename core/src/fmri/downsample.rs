//! Resampling of features to scan times.

use std::f64::consts::PI;

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::fmri::scans::ScanTimes;
use crate::maths::matrix::Real;

/// Resampling method from frames to scans.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Downsampling {
    /// Lanczos low-pass filter, as in the study.
    Lanczos {
        /// Number of lobes on either side. The study: 3.
        #[serde(default = "three")]
        window: f64,
        /// Cut-off frequency as a multiple of the scan rate. The study: 1.
        #[serde(default = "one")]
        cutoff_mult: f64,
        /// Whether the negative and positive parts are filtered separately and concatenated.
        #[serde(default)]
        rectify: bool,
    },
    /// Truncated sinc filter of `window` lobes without taper, with each scan's weights normalised to sum 1, as in the
    /// study's code. For comparison.
    Sinc {
        /// Number of lobes on either side.
        #[serde(default = "three")]
        window: f64,
        /// Cut-off frequency as a multiple of the scan rate.
        #[serde(default = "one")]
        cutoff_mult: f64,
    },
    /// Mean of the frames within half a repetition time of the scan's centre; 0 if there is none. For comparison.
    Mean,
    /// The frame nearest to the scan's centre. For comparison.
    Nearest,
}

fn one() -> f64 {
    1.0
}

fn three() -> f64 {
    3.0
}

impl Default for Downsampling {
    fn default() -> Self {
        Self::Lanczos {
            window: 3.0,
            cutoff_mult: 1.0,
            rectify: false,
        }
    }
}

/// Errors of [`downsample`].
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum DownsampleError {
    #[error("There are {0} scan times; at least two are needed to know the scanner's rate.")]
    TooFewScans(usize),
    #[error(
        "The features have {n_rows} rows but {n_times} times. One of the two files belongs to another extraction: extract the \
         story again."
    )]
    RowsAndTimes { n_rows: usize, n_times: usize },
    #[error("The filter's {name} is {value}. It must be above 0 (the study: window 3, cut-off 1).")]
    BadSetting { name: &'static str, value: f64 },
    #[error(
        "The time of frame {index} is {value}, which is not a valid time in seconds. Extract the story again."
    )]
    BadTime { index: usize, value: f64 },
}

/// Features resampled to scan times.
#[derive(Debug, Clone, PartialEq)]
pub struct Downsampled {
    /// `(n_scans, n_features)`, or `(n_scans, 2 · n_features)` if rectified: negative parts, then positive ones.
    pub features: Array2<f64>,
    /// `(n_scans,)`: how long after its centre a scan's latest frame ends, in seconds. Above 0, the row contains
    /// information from after the scan, although each feature is causal. NaN if no frame is near.
    pub look_ahead_secs: Vec<f64>,
}

impl Downsampled {
    /// Returns the furthest that any row looks ahead, seconds; 0 if none does.
    #[must_use]
    pub fn longest_look_ahead_secs(&self) -> f64 {
        self.look_ahead_secs.iter().copied().fold(0.0, f64::max)
    }
}

/// Resamples features to scan times.
///
/// The weights of the Lanczos filter are not normalised: a constant feature is multiplied by the number of frames per scan,
/// and by less near either end. Z-score afterwards.
///
/// * `features`: `(n_frames, n_features)`, any unit.
/// * `frame_secs`: `(n_frames,)`, the end of each window (for words, their midpoint), seconds from sound onset.
/// * `scans`: scan times relative to the same onset.
///
/// # Errors
/// Returns a [`DownsampleError`] if the shapes do not match or a setting is invalid.
///
/// Source: Duchon (1979), J. Appl. Meteorol. 18, 1016; same values as the study's `lanczosinterp2D`.
pub fn downsample<T: Real>(
    features: ArrayView2<T>,
    frame_secs: &[f64],
    scans: &ScanTimes,
    method: Downsampling,
) -> Result<Downsampled, DownsampleError> {
    check(features.nrows(), frame_secs, scans, method)?;
    let taps = Taps::new(frame_secs, scans, method);
    let features = match method {
        Downsampling::Lanczos { rectify: true, .. } => {
            let negative = taps.apply(features, |value| value.min(0.0));
            let positive = taps.apply(features, |value| value.max(0.0));
            concatenate![Axis(1), negative, positive]
        }
        _ => taps.apply(features, |value| value),
    };
    Ok(Downsampled {
        features,
        look_ahead_secs: taps.look_ahead_secs(frame_secs, &scans.centre_secs),
    })
}

fn check(
    n_rows: usize,
    frame_secs: &[f64],
    scans: &ScanTimes,
    method: Downsampling,
) -> Result<(), DownsampleError> {
    if scans.centre_secs.len() < 2 {
        return Err(DownsampleError::TooFewScans(scans.centre_secs.len()));
    }
    if n_rows != frame_secs.len() {
        return Err(DownsampleError::RowsAndTimes {
            n_rows,
            n_times: frame_secs.len(),
        });
    }
    if let Some(index) = frame_secs.iter().position(|time| !time.is_finite()) {
        return Err(DownsampleError::BadTime {
            index,
            value: frame_secs[index],
        });
    }
    let (window, cutoff_mult) = match method {
        Downsampling::Lanczos {
            window,
            cutoff_mult,
            ..
        }
        | Downsampling::Sinc {
            window,
            cutoff_mult,
        } => (window, cutoff_mult),
        Downsampling::Mean | Downsampling::Nearest => (1.0, 1.0),
    };
    for (name, value) in [("window", window), ("cut-off", cutoff_mult)] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(DownsampleError::BadSetting { name, value });
        }
    }
    Ok(())
}

/// Returns the weight of a frame `t` lobes from a scan's centre, not normalised, as in the study's code.
#[must_use]
pub fn lanczos_weight(t: f64, window: f64) -> f64 {
    if t == 0.0 {
        1.0
    } else if t.abs() > window {
        0.0
    } else {
        window * (PI * t).sin() * (PI * t / window).sin() / (PI * PI * t * t)
    }
}

/// Returns the frames that contribute to one scan, with their weights; empty if there is no such scan.
///
/// * `frame_secs`: `(n_frames,)`, as for [`downsample`].
/// * `scan`: index among `scans`.
#[must_use]
pub fn frames_of_scan(
    frame_secs: &[f64],
    scans: &ScanTimes,
    scan: usize,
    method: Downsampling,
) -> Vec<(usize, f64)> {
    let centre = scans.centre_secs.get(scan);
    let frames = SortedFrames::new(frame_secs);
    let filter = Filter::new(method, scans);
    centre.map_or_else(Vec::new, |centre| frames.of_scan(*centre, &filter))
}

/// Returns the weight of a frame that lies `secs` before a scan's centre (after it, if negative), for methods with a
/// continuous filter.
///
/// `rate_hz`: scans per second, see [`ScanTimes::rate_hz`].
#[must_use]
pub fn weight_at(secs: f64, rate_hz: f64, method: Downsampling) -> Option<f64> {
    match method {
        Downsampling::Lanczos {
            window,
            cutoff_mult,
            ..
        } => Some(lanczos_weight(secs * cutoff_mult * rate_hz, window)),
        Downsampling::Sinc {
            window,
            cutoff_mult,
        } => Some(sinc_weight(secs * 2.0 * cutoff_mult * rate_hz, window)),
        Downsampling::Mean | Downsampling::Nearest => None,
    }
}

/// Weight of a frame `t` lobes away, before normalisation: the lobes of a low-pass filter with cut-off B are 1 / 2B long.
fn sinc_weight(t: f64, window: f64) -> f64 {
    if t == 0.0 {
        1.0
    } else if t.abs() > window {
        0.0
    } else {
        (PI * t).sin() / (PI * t)
    }
}

/// For each scan the frames that contribute to it, with their weights.
struct Taps {
    of_scan: Vec<Vec<(usize, f64)>>,
}

impl Taps {
    fn new(frame_secs: &[f64], scans: &ScanTimes, method: Downsampling) -> Self {
        let frames = SortedFrames::new(frame_secs);
        let filter = Filter::new(method, scans);
        let centres = scans.centre_secs.iter();
        Self {
            of_scan: centres
                .map(|centre| frames.of_scan(*centre, &filter))
                .collect(),
        }
    }

    /// Weighted sums, in double precision and in the order of the frames.
    fn apply<T: Real>(
        &self,
        features: ArrayView2<T>,
        part: impl Fn(f64) -> f64 + Sync,
    ) -> Array2<f64> {
        let mut scans = Array2::<f64>::zeros((self.of_scan.len(), features.ncols()));
        scans
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(&self.of_scan)
            .for_each(|(mut scan, taps)| {
                for (frame, weight) in taps {
                    scan.zip_mut_with(&features.row(*frame), |sum, value| {
                        *sum += weight * part(value.double());
                    });
                }
            });
        scans
    }

    fn look_ahead_secs(&self, frame_secs: &[f64], centre_secs: &[f64]) -> Vec<f64> {
        let latest = |taps: &Vec<(usize, f64)>| {
            taps.iter()
                .filter(|(_, weight)| *weight != 0.0)
                .map(|(frame, _)| frame_secs[*frame])
                .fold(f64::NAN, f64::max)
        };
        let scans = self.of_scan.iter().zip(centre_secs);
        scans.map(|(taps, centre)| latest(taps) - centre).collect()
    }
}

/// Weights normalised to sum 1; unchanged if their sum is 0.
fn normalised(mut taps: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
    if sum != 0.0 {
        for (_, weight) in &mut taps {
            *weight /= sum;
        }
    }
    taps
}

/// Frames sorted by time, for finding those near a scan by binary search.
struct SortedFrames<'a> {
    frame_secs: &'a [f64],
    order: Vec<usize>,
}

impl<'a> SortedFrames<'a> {
    fn new(frame_secs: &'a [f64]) -> Self {
        let mut order: Vec<usize> = (0..frame_secs.len()).collect();
        order.sort_by(|a, b| frame_secs[*a].total_cmp(&frame_secs[*b]));
        Self { frame_secs, order }
    }

    /// Frames with times in `[from, to]`, in the order of the array.
    fn between(&self, from: f64, to: f64) -> Vec<usize> {
        let time = |frame: &usize| self.frame_secs[*frame];
        let first = self.order.partition_point(|frame| time(frame) < from);
        let end = self.order.partition_point(|frame| time(frame) <= to);
        let mut frames = self.order[first..end.max(first)].to_vec();
        frames.sort_unstable();
        frames
    }

    fn of_scan(&self, centre: f64, filter: &Filter) -> Vec<(usize, f64)> {
        match *filter {
            Filter::Lanczos { cutoff_hz, window } => {
                self.within(centre, cutoff_hz, window, lanczos_weight)
            }
            Filter::Sinc { cutoff_hz, window } => {
                normalised(self.within(centre, cutoff_hz, window, sinc_weight))
            }
            Filter::Mean { reach_secs } => self.mean(centre, reach_secs),
            Filter::Nearest => self.nearest(centre),
        }
    }

    fn within(
        &self,
        centre: f64,
        cutoff_hz: f64,
        window: f64,
        weight: fn(f64, f64) -> f64,
    ) -> Vec<(usize, f64)> {
        // Slightly beyond the filter's support, so that rounding loses no frame; the weight function decides.
        let reach = window / cutoff_hz.abs() * (1.0 + 1e-9);
        self.between(centre - reach, centre + reach)
            .into_iter()
            .map(|frame| {
                (
                    frame,
                    weight((centre - self.frame_secs[frame]) * cutoff_hz, window),
                )
            })
            .filter(|(_, weight)| *weight != 0.0)
            .collect()
    }

    fn mean(&self, centre: f64, reach: f64) -> Vec<(usize, f64)> {
        let mut frames = self.between(centre - reach, centre + reach);
        // A frame on the boundary belongs to the later scan.
        frames.retain(|frame| self.frame_secs[*frame] < centre + reach);
        let weight = 1.0 / frames.len() as f64;
        frames.into_iter().map(|frame| (frame, weight)).collect()
    }

    /// The frame nearest in time; of two equally near ones the earlier, of several at one time the first in the array.
    fn nearest(&self, centre: f64) -> Vec<(usize, f64)> {
        let time = |place: usize| self.order.get(place).map(|frame| self.frame_secs[*frame]);
        let first_from = |secs: f64| {
            self.order
                .partition_point(|frame| self.frame_secs[*frame] < secs)
        };
        let after = first_from(centre);
        let before = after.checked_sub(1).and_then(time).map(first_from);
        let candidates = before
            .into_iter()
            .chain((after < self.order.len()).then_some(after));
        let apart = |place: &usize| time(*place).map_or(f64::NAN, |secs| (secs - centre).abs());
        let nearest = candidates.min_by(|a, b| apart(a).total_cmp(&apart(b)));
        nearest
            .map(|place| (self.order[place], 1.0))
            .into_iter()
            .collect()
    }
}

/// A resampling method at the rate of one story's scans.
enum Filter {
    Lanczos { cutoff_hz: f64, window: f64 },
    Sinc { cutoff_hz: f64, window: f64 },
    Mean { reach_secs: f64 },
    Nearest,
}

impl Filter {
    fn new(method: Downsampling, scans: &ScanTimes) -> Self {
        match method {
            Downsampling::Lanczos {
                window,
                cutoff_mult,
                ..
            } => Self::Lanczos {
                cutoff_hz: cutoff_mult * scans.rate_hz(),
                window,
            },
            Downsampling::Sinc {
                window,
                cutoff_mult,
            } => Self::Sinc {
                cutoff_hz: 2.0 * cutoff_mult * scans.rate_hz(),
                window,
            },
            Downsampling::Mean => Self::Mean {
                reach_secs: scans.repetition_secs / 2.0,
            },
            Downsampling::Nearest => Self::Nearest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maths::random::PythonRandom;

    fn scans() -> ScanTimes {
        ScanTimes::simulated(20, 2.0, 0.0).unwrap()
    }

    /// Frames of 0.1 s over a minute: a constant and a slow ramp.
    fn frames() -> (Array2<f64>, Vec<f64>) {
        let times: Vec<f64> = (1..=600).map(|frame| f64::from(frame) * 0.1).collect();
        let features = Array2::from_shape_fn((600, 2), |(frame, k)| [1.0, times[frame]][k]);
        (features, times)
    }

    #[test]
    fn a_constant_comes_out_times_frames_per_scan() {
        let (features, times) = frames();
        let result =
            downsample(features.view(), &times, &scans(), Downsampling::default()).unwrap();
        // 20 frames of 0.1 s per scan of 2 s; the filter's own sum is 1 within 0.5 %.
        assert!((result.features[(10, 0)] / 20.0 - 1.0).abs() < 0.005);
        // It extends three lobes of 2 s to either side.
        assert!((result.longest_look_ahead_secs() - 6.0).abs() < 0.11);
    }

    #[test]
    fn what_lies_outside_the_window_changes_nothing() {
        let (mut features, times) = frames();
        let before =
            downsample(features.view(), &times, &scans(), Downsampling::default()).unwrap();
        let centre = scans().centre_secs[5];
        for (frame, time) in times.iter().enumerate() {
            if (time - centre).abs() > 6.01 {
                features[(frame, 1)] = 1e9;
            }
        }
        let after = downsample(features.view(), &times, &scans(), Downsampling::default()).unwrap();
        assert_eq!(
            before.features[(5, 1)].to_bits(),
            after.features[(5, 1)].to_bits()
        );
        assert!((before.features[(12, 1)] - after.features[(12, 1)]).abs() > 1.0);
    }

    #[test]
    fn mean_and_nearest_are_what_they_say() {
        let (features, times) = frames();
        let of = |method| downsample(features.view(), &times, &scans(), method).unwrap();
        // Frames at 20.0, 20.1 … 21.9 around the centre of scan 10, which is 21.
        let mean = of(Downsampling::Mean).features;
        assert!((mean[(10, 0)] - 1.0).abs() < 1e-12);
        assert!((mean[(10, 1)] - 20.95).abs() < 0.051);
        let nearest = of(Downsampling::Nearest);
        assert!((nearest.features[(10, 1)] - 21.0).abs() < 1e-9);
        let sinc = of(Downsampling::Sinc {
            window: 3.0,
            cutoff_mult: 1.0,
        })
        .features;
        // 2B·sinc(2BΔt) with B = 0.5 Hz, the scan rate, truncated at 3 / 2B and divided by its sum.
        let (b, mut sum, mut weighted) = (0.5, 0.0, 0.0);
        for time in times
            .iter()
            .filter(|time| (**time - 21.0).abs() <= 3.0 / (2.0 * b))
        {
            let angle = 2.0 * PI * b * (time - 21.0);
            let weight = 2.0
                * b
                * if angle.abs() < 1e-9 {
                    1.0
                } else {
                    angle.sin() / angle
                };
            sum += weight;
            weighted += weight * time;
        }
        assert!((sinc[(10, 0)] - 1.0).abs() < 1e-12);
        assert!((sinc[(10, 1)] - weighted / sum).abs() < 1e-9);
    }

    #[test]
    fn the_nearest_frame_is_that_of_a_search_through_all() {
        let mut random = PythonRandom::new(5);
        for _ in 0..200 {
            // Few values, so that frames share times and scans lie midway between two.
            let times: Vec<f64> = (0..7).map(|_| random.below(12) as f64 / 2.0).collect();
            let frames = SortedFrames::new(&times);
            let centre = random.below(24) as f64 / 4.0;
            let by_search = frames.order.iter().copied().min_by(|a, b| {
                let apart = |frame: &usize| (times[*frame] - centre).abs();
                apart(a).total_cmp(&apart(b))
            });
            let found = frames.nearest(centre);
            assert_eq!(found, vec![(by_search.unwrap(), 1.0)], "{times:?} {centre}");
        }
        assert!(SortedFrames::new(&[]).nearest(0.0).is_empty());
    }

    /// Work that grows with the square of the scans would take minutes here.
    #[test]
    fn a_very_long_recording_takes_time_that_grows_with_its_scans() {
        let n_scans = 200_000;
        let scans = ScanTimes::simulated(n_scans, 2.0, 0.0).unwrap();
        let times: Vec<f64> = (0..n_scans).map(|frame| 2.0 * frame as f64).collect();
        let features = Array2::<f32>::ones((n_scans, 1));
        let methods = [
            Downsampling::default(),
            Downsampling::Sinc {
                window: 3.0,
                cutoff_mult: 1.0,
            },
            Downsampling::Mean,
            Downsampling::Nearest,
        ];
        for method in methods {
            let resampled = downsample(features.view(), &times, &scans, method).unwrap();
            assert_eq!(resampled.features.nrows(), n_scans);
            assert!(resampled.features[(n_scans / 2, 0)] > 0.5, "{method:?}");
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let (features, times) = frames();
        let short = downsample(features.view(), &times[1..], &scans(), Downsampling::Mean);
        assert!(
            short
                .unwrap_err()
                .to_string()
                .contains("600 rows but 599 times")
        );
        let method = Downsampling::Sinc {
            window: 0.0,
            cutoff_mult: 1.0,
        };
        assert!(downsample(features.view(), &times, &scans(), method).is_err());
        let mut broken = times.clone();
        broken[3] = f64::NAN;
        assert!(downsample(features.view(), &broken, &scans(), Downsampling::Mean).is_err());
    }
}
