//! Noise ceiling from repeated presentations of a story.

use ndarray::{Array1, ArrayView3, Axis, Zip};
use serde::{Deserialize, Serialize};

/// Total power of a voxel: the variance of one presentation over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalPower {
    /// 1, as in the study, whose responses were z-scored.
    One,
    /// The mean variance of the presentations, as measured. Source: Schoppe et al. (2016).
    #[default]
    Measured,
}

/// Signal power and noise ceiling of each voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseCeiling {
    /// `(n_voxels,)`: the largest correlation of a perfect model of the signal with the mean over presentations. NaN where
    /// the estimated signal power is not positive.
    pub largest_r: Array1<f64>,
    /// `(n_voxels,)`: the variance that is reproducible across presentations, in squared units of the responses. Unbiased,
    /// so it can be negative.
    pub signal_power: Array1<f64>,
    /// `(n_voxels,)`: signal power over total power, the reproducible fraction of a single presentation's variance.
    /// Unbiased, so it can be negative for a voxel without signal.
    pub explainable_variance: Array1<f64>,
}

/// Normalised correlations are displayed where the ceiling exceeds this. Source: Antonello et al. (2023).
pub const SHOWN_ABOVE: f64 = 0.35;

impl NoiseCeiling {
    /// Estimates the noise ceiling from `presentations`, `(n_presentations, n_scans, n_voxels)`; returns `None` for fewer
    /// than two.
    ///
    /// With N presentations, TP the [`TotalPower`] and SP = (N·var(mean) − TP) / (N − 1), the ceiling is
    /// 1 / sqrt(1 + (TP/SP − 1) / N).
    ///
    /// Source: Schoppe et al. (2016), Front. Comput. Neurosci. 10, 10, after Sahani and Linden (2003).
    #[must_use]
    pub fn of(presentations: ArrayView3<f64>, power: TotalPower) -> Option<Self> {
        let n = presentations.len_of(Axis(0));
        if n < 2 || presentations.len_of(Axis(1)) == 0 {
            return None;
        }
        let mean = presentations.mean_axis(Axis(0))?;
        let total_power = match power {
            TotalPower::One => Array1::ones(mean.len_of(Axis(1))),
            TotalPower::Measured => total_power_measured(presentations)?,
        };
        let n = n as f64;
        let signal_power = (mean.var_axis(Axis(0), 1.0) * n - &total_power) / (n - 1.0);
        let largest_r = Zip::from(&signal_power)
            .and(&total_power)
            .map_collect(|signal, total| {
                if *signal > 0.0 {
                    1.0 / (1.0 + (total / signal - 1.0) / n).sqrt()
                } else {
                    f64::NAN
                }
            });
        Some(Self {
            explainable_variance: &signal_power / total_power,
            signal_power,
            largest_r,
        })
    }

    /// Returns the fraction of the signal power that predictions explain, `(n_voxels,)`: (var(y) − var(y − ŷ)) / SP, with y
    /// the mean over presentations. NaN where the estimated signal power is not positive.
    ///
    /// * `measured`: `(n_voxels,)`, variance of y with divisor n − 1.
    /// * `residual`: `(n_voxels,)`, variance of y − ŷ with divisor n − 1.
    ///
    /// Source: Schoppe et al. (2016), "signal power explained" (SPE).
    #[must_use]
    pub fn power_explained(&self, measured: &Array1<f64>, residual: &Array1<f64>) -> Array1<f64> {
        Zip::from(&self.signal_power)
            .and(measured)
            .and(residual)
            .map_collect(|signal, measured, residual| {
                if *signal > 0.0 {
                    (measured - residual) / signal
                } else {
                    f64::NAN
                }
            })
    }
}

/// Returns the variance of a presentation over scans (divisor n − 1), averaged over `presentations`
/// `(n_presentations, n_scans, n_voxels)`, as `(n_voxels,)`; `None` without presentations.
#[must_use]
pub fn total_power_measured(presentations: ArrayView3<f64>) -> Option<Array1<f64>> {
    presentations.var_axis(Axis(1), 1.0).mean_axis(Axis(0))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;
    use crate::maths::random::PythonRandom;

    #[test]
    fn it_is_unbiased_for_a_known_signal_power() {
        let mut random = PythonRandom::new(1);
        let (n_presentations, n_scans, n_voxels) = (5, 300, 200);
        // Signal of variance 1, noise of variance 3: a quarter of the variance is explainable.
        let signal: Vec<f64> = (0..n_scans * n_voxels).map(|_| random.normal()).collect();
        let presentations =
            Array3::from_shape_fn((n_presentations, n_scans, n_voxels), |(_, scan, voxel)| {
                signal[scan * n_voxels + voxel] + 3_f64.sqrt() * random.normal()
            });
        let ceiling = NoiseCeiling::of(presentations.view(), TotalPower::Measured).unwrap();
        let mean = ceiling.explainable_variance.mean().unwrap();
        let deviation = ceiling.explainable_variance.std(1.0);
        assert!(
            (mean - 0.25).abs() < 4.0 * deviation / (n_voxels as f64).sqrt(),
            "{mean}"
        );
        // The true signal's correlation with the mean over presentations equals the ceiling.
        let expected = (1.0 / (1.0 + 3.0 / 5.0_f64)).sqrt();
        let mean = ceiling.largest_r.mean().unwrap();
        assert!((mean - expected).abs() < 0.01, "{mean} beside {expected}");
        let averaged = presentations.mean_axis(Axis(0)).unwrap();
        let signal = ndarray::Array2::from_shape_vec((n_scans, n_voxels), signal).unwrap();
        let reached = crate::stats::score::correlation(signal.view(), averaged.view())
            .mean()
            .unwrap();
        assert!((reached - mean).abs() < 0.01, "{reached} beside {mean}");
    }

    #[test]
    fn voxels_without_noise_or_signal_are_at_the_ends() {
        // (2 presentations, 4 scans, 2 voxels): the first voxel repeats exactly, the second is inverted.
        let presentations = array![
            [[1.0, 1.0], [2.0, -1.0], [4.0, 1.0], [3.0, -1.0]],
            [[1.0, -1.0], [2.0, 1.0], [4.0, -1.0], [3.0, 1.0]],
        ];
        let ceiling = NoiseCeiling::of(presentations.view(), TotalPower::Measured).unwrap();
        assert!((ceiling.largest_r[0] - 1.0).abs() < 1e-12);
        assert!((ceiling.explainable_variance[0] - 1.0).abs() < 1e-12);
        assert!(ceiling.largest_r[1].is_nan());
        let one = presentations.slice(ndarray::s![..1, .., ..]);
        assert!(NoiseCeiling::of(one, TotalPower::Measured).is_none());
    }

    #[test]
    fn a_total_power_of_one_is_that_of_z_scored_presentations() {
        let mut random = PythonRandom::new(2);
        let signal: Vec<f64> = (0..60).map(|_| random.normal()).collect();
        let mut presentations =
            Array3::from_shape_fn((3, 60, 1), |(_, scan, _)| signal[scan] + random.normal());
        let raw = NoiseCeiling::of(presentations.view(), TotalPower::One).unwrap();
        // By hand: (N·var(mean) − 1) / (N − 1).
        let mean = presentations.mean_axis(Axis(0)).unwrap().var(1.0);
        assert!((raw.signal_power[0] - (3.0 * mean - 1.0) / 2.0).abs() < 1e-12);
        for mut presentation in presentations.outer_iter_mut() {
            let (mean, deviation) = (presentation.mean().unwrap(), presentation.std(1.0));
            presentation.mapv_inplace(|value| (value - mean) / deviation);
        }
        let one = NoiseCeiling::of(presentations.view(), TotalPower::One).unwrap();
        let measured = NoiseCeiling::of(presentations.view(), TotalPower::Measured).unwrap();
        assert!((one.largest_r[0] - measured.largest_r[0]).abs() < 1e-12);
        assert!((raw.largest_r[0] - one.largest_r[0]).abs() > 0.01);
    }

    #[test]
    fn a_perfect_prediction_explains_all_signal_power_and_the_mean_none() {
        let presentations = array![[[1.0], [2.0], [4.0], [3.0]], [[1.0], [2.0], [4.0], [3.0]]];
        let ceiling = NoiseCeiling::of(presentations.view(), TotalPower::Measured).unwrap();
        let measured = array![5.0 / 3.0];
        assert!((ceiling.power_explained(&measured, &array![0.0])[0] - 1.0).abs() < 1e-12);
        assert!(ceiling.power_explained(&measured, &measured)[0].abs() < 1e-12);
    }
}
