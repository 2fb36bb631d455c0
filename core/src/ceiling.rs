//! How well any model could do: the noise ceiling, from repeated presentations of one story.

use ndarray::{Array1, ArrayView3, Axis};

/// The signal and the noise of each voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseCeiling {
    /// `(n_voxels,)`: the largest correlation that a perfect model of the signal can have with the mean over presentations.
    /// NaN where no signal power is found.
    pub largest_r: Array1<f64>,
    /// `(n_voxels,)`: signal power over total power: the share of a single presentation's variance that repeats. Unbiased, so
    /// it can fall below 0 for a voxel without signal.
    pub explainable_variance: Array1<f64>,
}

/// Normalised correlations are shown where the ceiling is above this. Source: Antonello et al. (2023).
pub const SHOWN_ABOVE: f64 = 0.35;

impl NoiseCeiling {
    /// Estimates the ceiling from `presentations`, `(n_presentations, n_scans, n_voxels)`; `None` for fewer than two.
    ///
    /// With N presentations, TP the mean variance of one of them over time and SP = (N·var(mean) − TP) / (N − 1), the ceiling is
    /// 1 / sqrt(1 + (TP/SP − 1) / N).
    ///
    /// Source: Schoppe et al. (2016), Front. Comput. Neurosci. 10, 10, after Sahani and Linden (2003).
    #[must_use]
    pub fn of(presentations: ArrayView3<f64>) -> Option<Self> {
        let n = presentations.len_of(Axis(0));
        if n < 2 || presentations.len_of(Axis(1)) == 0 {
            return None;
        }
        let mean = presentations.mean_axis(Axis(0))?;
        // Over n − 1 scans, as the estimate of a variance; the ratio would be the same over n.
        let total_power = presentations.var_axis(Axis(1), 1.0).mean_axis(Axis(0))?;
        let n = n as f64;
        let signal_power = (mean.var_axis(Axis(0), 1.0) * n - &total_power) / (n - 1.0);
        let largest_r = ndarray::Zip::from(&signal_power)
            .and(&total_power)
            .map_collect(|signal, total| {
                if *signal > 0.0 {
                    1.0 / (1.0 + (total / signal - 1.0) / n).sqrt()
                } else {
                    f64::NAN
                }
            });
        Some(Self {
            explainable_variance: signal_power / total_power,
            largest_r,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;
    use crate::random::PythonRandom;

    #[test]
    fn it_is_unbiased_for_a_known_signal_power() {
        let mut random = PythonRandom::new(1);
        let (n_presentations, n_scans, n_voxels) = (5, 300, 200);
        // Signal of variance 1, noise of variance 3: a quarter of the variance can be explained.
        let signal: Vec<f64> = (0..n_scans * n_voxels).map(|_| random.normal()).collect();
        let presentations =
            Array3::from_shape_fn((n_presentations, n_scans, n_voxels), |(_, scan, voxel)| {
                signal[scan * n_voxels + voxel] + 3_f64.sqrt() * random.normal()
            });
        let ceiling = NoiseCeiling::of(presentations.view()).unwrap();
        let mean = ceiling.explainable_variance.mean().unwrap();
        let deviation = ceiling.explainable_variance.std(1.0);
        assert!(
            (mean - 0.25).abs() < 4.0 * deviation / (n_voxels as f64).sqrt(),
            "{mean}"
        );
        // The signal's own correlation with the mean over presentations reaches the ceiling, and not more.
        let expected = (1.0 / (1.0 + 3.0 / 5.0_f64)).sqrt();
        let mean = ceiling.largest_r.mean().unwrap();
        assert!((mean - expected).abs() < 0.01, "{mean} beside {expected}");
        let averaged = presentations.mean_axis(Axis(0)).unwrap();
        let signal = ndarray::Array2::from_shape_vec((n_scans, n_voxels), signal).unwrap();
        let reached = crate::score::correlation(signal.view(), averaged.view())
            .mean()
            .unwrap();
        assert!((reached - mean).abs() < 0.01, "{reached} beside {mean}");
    }

    #[test]
    fn voxels_without_noise_or_signal_are_at_the_ends() {
        // (2 presentations, 4 scans, 2 voxels): the first repeats exactly, the second turns around.
        let presentations = array![
            [[1.0, 1.0], [2.0, -1.0], [4.0, 1.0], [3.0, -1.0]],
            [[1.0, -1.0], [2.0, 1.0], [4.0, -1.0], [3.0, 1.0]],
        ];
        let ceiling = NoiseCeiling::of(presentations.view()).unwrap();
        assert!((ceiling.largest_r[0] - 1.0).abs() < 1e-12);
        assert!((ceiling.explainable_variance[0] - 1.0).abs() < 1e-12);
        assert!(ceiling.largest_r[1].is_nan());
        assert!(NoiseCeiling::of(presentations.slice(ndarray::s![..1, .., ..])).is_none());
    }
}
