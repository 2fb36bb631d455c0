//! Simulated responses with a known signal, as ground truth for testing every statistic.

use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use crate::fmri::delay::{DelayBorders, delayed};
use crate::fmri::zscore::zscore;
use crate::maths::matrix::product;
use crate::maths::random::PythonRandom;

/// Number of weight patterns of which voxels are mixtures: voxels of one brain are correlated.
const N_PATTERNS: usize = 40;
/// Length of the canonical haemodynamic response, seconds.
const HRF_SECS: f64 = 32.0;

/// Haemodynamic response of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Haemodynamics {
    /// Each pattern has random weights at delays of 1 to 4 scans, which the study's FIR model can express exactly.
    #[default]
    Delays,
    /// Canonical haemodynamic response (difference of two gamma densities), which the model can only approximate.
    Canonical,
}

/// Settings of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationSettings {
    /// Number of voxels.
    pub n_voxels: usize,
    /// Fraction of voxels without signal, 0 to 1.
    pub empty_share: f64,
    /// Largest signal fraction of a voxel's variance; voxels with signal have fractions spaced evenly from 0 to it.
    pub largest_signal_share: f64,
    /// Haemodynamic response.
    pub haemodynamics: Haemodynamics,
    /// Lag-1 autocorrelation of the noise: 0 for white noise.
    pub noise_correlation: f64,
    /// Seed of all random choices.
    pub seed: u64,
}

impl Default for SimulationSettings {
    fn default() -> Self {
        Self {
            n_voxels: 20_484,
            empty_share: 0.5,
            largest_signal_share: 0.5,
            haemodynamics: Haemodynamics::Delays,
            noise_correlation: 0.3,
            seed: 0,
        }
    }
}

/// Errors of [`SimulatedBrain::new`].
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SimulationError {
    #[error("The {name} is {value}; it must lie between 0 and {below}, {below} excluded.")]
    Share {
        name: &'static str,
        value: f64,
        below: f64,
    },
    #[error("The number of voxels is 0. Give at least 1.")]
    NoVoxels,
    #[error("There are no features to plant responses on.")]
    NoFeatures,
    #[error(
        "A voxel is to respond to layer {layer}, counted from 0, but there are {n_layers} layers."
    )]
    NoSuchLayer { layer: usize, n_layers: usize },
}

/// What a voxel of a simulated brain measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VoxelPlan {
    /// Nothing: it lies outside the cortex, and holds 0 at all times.
    Outside,
    /// Noise.
    Noise,
    /// A signal that one layer drives, and noise.
    Signal {
        /// Index of the layer.
        layer: usize,
        /// Signal fraction of the variance, 0 to 1.
        share: f64,
    },
}

/// A simulated brain: the weights of each voxel.
#[derive(Debug, Clone)]
pub struct SimulatedBrain {
    settings: SimulationSettings,
    /// One per layer.
    sources: Vec<Source>,
    /// `(n_voxels,)`: signal fraction of the variance.
    signal_shares: Array1<f64>,
    /// Voxels outside the cortex.
    outside: Vec<usize>,
    repetition_secs: f64,
}

/// How voxels respond to one layer.
#[derive(Debug, Clone)]
struct Source {
    /// The voxels that it drives.
    voxels: Vec<usize>,
    /// `(n_columns, n_patterns)`: weights on delayed features.
    patterns: Array2<f64>,
    /// `(n_patterns, voxels.len())`: mixture coefficients of each voxel; 0 for voxels without signal.
    mixtures: Array2<f64>,
}

impl SimulatedBrain {
    /// Simulates a brain that responds to `n_features` features, scanned every `repetition_secs`.
    ///
    /// # Errors
    /// Returns a [`SimulationError`] if a setting is invalid.
    pub fn new(
        settings: SimulationSettings,
        n_features: usize,
        repetition_secs: f64,
    ) -> Result<Self, SimulationError> {
        check(&settings, n_features)?;
        let mut random = PythonRandom::new(settings.seed);
        let patterns = patterns(&settings, n_features, &mut random);
        let n_empty = (settings.n_voxels as f64 * settings.empty_share).round() as usize;
        let n_injected = settings.n_voxels - n_empty;
        let mut mixtures = Array2::zeros((N_PATTERNS, settings.n_voxels));
        let mut signal_shares = Array1::zeros(settings.n_voxels);
        let mut voxels: Vec<usize> = (0..settings.n_voxels).collect();
        random.shuffle(&mut voxels);
        for (rank, voxel) in voxels[..n_injected].iter().enumerate() {
            let step = (rank + 1) as f64 / n_injected as f64;
            signal_shares[*voxel] = settings.largest_signal_share * step;
            mixtures
                .column_mut(*voxel)
                .mapv_inplace(|_: f64| random.normal());
        }
        Ok(Self {
            settings,
            sources: vec![Source {
                voxels: (0..settings.n_voxels).collect(),
                patterns,
                mixtures,
            }],
            signal_shares,
            outside: Vec::new(),
            repetition_secs,
        })
    }

    /// Simulates a brain each of whose voxels does what `plan` says, scanned every `repetition_secs`. The plan replaces the
    /// settings' number of voxels, share of empty voxels and largest signal share.
    ///
    /// * `plan`: `(n_voxels,)`.
    /// * `n_features`: number of features of each layer, `(n_layers,)`.
    ///
    /// # Errors
    /// Returns a [`SimulationError`] if a setting is invalid, or the plan names a layer that does not exist.
    pub fn planned(
        settings: SimulationSettings,
        plan: &[VoxelPlan],
        n_features: &[usize],
        repetition_secs: f64,
    ) -> Result<Self, SimulationError> {
        let settings = SimulationSettings {
            n_voxels: plan.len(),
            ..settings
        };
        check(&settings, n_features.iter().copied().min().unwrap_or(0))?;
        let mut signal_shares = Array1::zeros(plan.len());
        let mut driven = vec![Vec::new(); n_features.len()];
        let mut outside = Vec::new();
        for (voxel, plan) in plan.iter().enumerate() {
            match *plan {
                VoxelPlan::Outside => outside.push(voxel),
                VoxelPlan::Noise => {}
                VoxelPlan::Signal { layer, share } => {
                    check_share("voxel's share of signal", share, 1.0 + f64::EPSILON)?;
                    let n_layers = n_features.len();
                    let voxels = driven.get_mut(layer);
                    voxels
                        .ok_or(SimulationError::NoSuchLayer { layer, n_layers })?
                        .push(voxel);
                    signal_shares[voxel] = share;
                }
            }
        }
        let mut random = PythonRandom::new(settings.seed);
        let sources = driven.into_iter().zip(n_features);
        let sources = sources.map(|(voxels, n_features)| Source {
            patterns: patterns(&settings, *n_features, &mut random),
            mixtures: Array2::from_shape_simple_fn((N_PATTERNS, voxels.len()), || random.normal()),
            voxels,
        });
        Ok(Self {
            sources: sources.collect(),
            settings,
            signal_shares,
            outside,
            repetition_secs,
        })
    }

    /// Returns the signal fraction of each voxel's variance, `(n_voxels,)`; 0 for voxels without signal. Its square root is
    /// the largest r that any model can reach.
    #[must_use]
    pub fn signal_shares(&self) -> &Array1<f64> {
        &self.signal_shares
    }

    /// Returns the signal of one story, `(n_scans, n_voxels)`, with variance 1 per voxel, or 0 without signal.
    ///
    /// `features`: `(n_scans, n_features)`, sampled at the scans.
    #[must_use]
    pub fn signal(&self, features: &Array2<f64>) -> Array2<f64> {
        self.signal_of_layers(std::slice::from_ref(features))
    }

    /// Returns the signal of one story in a brain that responds to several layers, as [`SimulatedBrain::signal`] does.
    ///
    /// `layers`: the features of each layer, `(n_scans, n_features)`, sampled at the scans.
    #[must_use]
    pub fn signal_of_layers(&self, layers: &[Array2<f64>]) -> Array2<f64> {
        let n_scans = layers.first().map_or(0, Array2::nrows);
        let mut signal = Array2::zeros((n_scans, self.settings.n_voxels));
        for (source, features) in self.sources.iter().zip(layers) {
            if source.voxels.is_empty() {
                continue;
            }
            let part = self.signal_of(source, features);
            for (column, voxel) in part.columns().into_iter().zip(&source.voxels) {
                signal.column_mut(*voxel).assign(&column);
            }
        }
        signal
    }

    /// The signal of the voxels that one layer drives.
    fn signal_of(&self, source: &Source, features: &Array2<f64>) -> Array2<f64> {
        let mut features = features.clone();
        zscore(features.view_mut());
        let n_scans = features.nrows();
        let columns = match self.settings.haemodynamics {
            Haemodynamics::Delays => {
                let delays = [1, 2, 3, 4];
                delayed(
                    features.view(),
                    &delays,
                    &[n_scans],
                    DelayBorders::WithinStories,
                )
            }
            Haemodynamics::Canonical => convolved(&features, self.repetition_secs),
        };
        let time_courses = product(columns.view(), source.patterns.view());
        let mut signal = product(time_courses.view(), source.mixtures.view());
        zscore(signal.view_mut());
        signal
    }

    /// Returns the responses to one presentation of a story, signal plus independent noise, `(n_scans, n_voxels)`, with
    /// variance about 1 per voxel, and 0 outside the cortex.
    ///
    /// `presentation`: number of the presentation; together with the story, it seeds the noise.
    #[must_use]
    pub fn present(&self, signal: &Array2<f64>, presentation: u64) -> Array2<f64> {
        let mut measured = signal.clone();
        let correlation = self.settings.noise_correlation;
        let fresh = (1.0 - correlation * correlation).sqrt();
        for (voxel, mut column) in measured.columns_mut().into_iter().enumerate() {
            let seed = (self.settings.seed << 48) ^ (presentation << 24) ^ voxel as u64;
            let mut random = PythonRandom::new(seed ^ 0x5eed);
            let share = self.signal_shares[voxel];
            let (signal_scale, noise_scale) = (share.sqrt(), (1.0 - share).sqrt());
            let mut noise = random.normal();
            for value in &mut column {
                *value = *value * signal_scale + noise * noise_scale;
                noise = correlation * noise + fresh * random.normal();
            }
        }
        for voxel in &self.outside {
            measured.column_mut(*voxel).fill(0.0);
        }
        measured
    }
}

/// Random weight patterns on one layer, `(n_columns, n_patterns)`.
fn patterns(
    settings: &SimulationSettings,
    n_features: usize,
    random: &mut PythonRandom,
) -> Array2<f64> {
    let n_columns = match settings.haemodynamics {
        Haemodynamics::Delays => 4 * n_features,
        Haemodynamics::Canonical => n_features,
    };
    Array2::from_shape_simple_fn((n_columns, N_PATTERNS), || random.normal())
}

/// Simulated responses with a known injected signal.
#[derive(Debug, Clone, PartialEq)]
pub struct InjectedSignal {
    /// `(n_training_scans, n_voxels)`.
    pub training: Array2<f64>,
    /// `(n_test_scans, n_voxels)`.
    pub test: Array2<f64>,
}

/// Injects into each voxel a random linear combination of the given regressors, which a linear model can express exactly,
/// and noise with a lag-1 autocorrelation of 0.3.
///
/// * `training` and `test`: regressors, `(n_scans, n_columns)`.
/// * `signal_share`: signal fraction of each voxel's variance.
#[must_use]
pub fn plant(
    (training, test): (ArrayView2<f64>, ArrayView2<f64>),
    n_voxels: usize,
    signal_share: f64,
    random: &mut PythonRandom,
) -> InjectedSignal {
    const CORRELATION: f64 = 0.3;
    let weights = Array2::from_shape_simple_fn((training.ncols(), n_voxels), || random.normal());
    let mut injected = InjectedSignal {
        training: product(training, weights.view()),
        test: product(test, weights.view()),
    };
    let noise_scale = (1.0 - signal_share).sqrt();
    for voxel in 0..n_voxels {
        let signal = injected.training.column(voxel);
        let deviation = signal.std(0.0).max(f64::MIN_POSITIVE);
        let scale = signal_share.sqrt() / deviation;
        for part in [&mut injected.training, &mut injected.test] {
            let mut noise = random.normal();
            for value in part.column_mut(voxel) {
                *value = *value * scale + noise * noise_scale;
                noise = CORRELATION * noise
                    + (1.0 - CORRELATION * CORRELATION).sqrt() * random.normal();
            }
        }
    }
    injected
}

fn check(settings: &SimulationSettings, n_features: usize) -> Result<(), SimulationError> {
    if settings.n_voxels == 0 {
        return Err(SimulationError::NoVoxels);
    }
    if n_features == 0 {
        return Err(SimulationError::NoFeatures);
    }
    for (name, value, below) in [
        (
            "share of empty voxels",
            settings.empty_share,
            1.0 + f64::EPSILON,
        ),
        (
            "largest share of signal",
            settings.largest_signal_share,
            1.0 + f64::EPSILON,
        ),
        ("noise's correlation", settings.noise_correlation, 1.0),
    ] {
        check_share(name, value, below)?;
    }
    Ok(())
}

fn check_share(name: &'static str, value: f64, below: f64) -> Result<(), SimulationError> {
    if (0.0..below).contains(&value) {
        return Ok(());
    }
    let below = 1.0;
    Err(SimulationError::Share { name, value, below })
}

/// Features convolved with the canonical haemodynamic response.
fn convolved(features: &Array2<f64>, repetition_secs: f64) -> Array2<f64> {
    let response = canonical_response(repetition_secs);
    let mut result = Array2::zeros(features.dim());
    for (lag, weight) in response.iter().enumerate().take(features.nrows()) {
        let early = features.slice(s![..features.nrows() - lag, ..]);
        let mut late = result.slice_mut(s![lag.., ..]);
        late.scaled_add(*weight, &early);
    }
    result
}

/// Returns the canonical haemodynamic response, one value per scan: a gamma density that peaks at 5 s, minus a sixth of one
/// that peaks at 15 s, normalised to sum 1.
///
/// Source: Friston et al. (1998), `NeuroImage` 7, 30; default parameters of SPM.
#[must_use]
pub fn canonical_response(repetition_secs: f64) -> Array1<f64> {
    let n = (HRF_SECS / repetition_secs).ceil().max(1.0) as usize;
    // Densities of the gamma distribution with shape 6 and 16: t⁵e⁻ᵗ/5! and t¹⁵e⁻ᵗ/15!.
    let density = |t: f64, shape: i32| {
        let factorial: f64 = (1..shape).map(f64::from).product();
        t.powi(shape - 1) * (-t).exp() / factorial
    };
    let values: Array1<f64> = (0..n)
        .map(|scan| scan as f64 * repetition_secs)
        .map(|t| density(t, 6) - density(t, 16) / 6.0)
        .collect();
    let sum = values.sum();
    values / sum
}

/// Returns the mean r of a perfect model over the voxels with signal.
#[must_use]
pub fn reachable_r(signal_shares: &Array1<f64>) -> f64 {
    let injected = signal_shares.iter().filter(|share| **share > 0.0);
    let roots: Vec<f64> = injected.map(|share| share.sqrt()).collect();
    roots.iter().sum::<f64>() / roots.len() as f64
}

/// Mean square of a column: 1 for a voxel of unit variance.
#[cfg(test)]
fn power(columns: &Array2<f64>) -> Array1<f64> {
    columns
        .mapv(|value| value * value)
        .mean_axis(ndarray::Axis(0))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Array2<f64> {
        let mut random = PythonRandom::new(5);
        Array2::from_shape_simple_fn((400, 12), || random.normal())
    }

    fn settings() -> SimulationSettings {
        SimulationSettings {
            n_voxels: 300,
            ..SimulationSettings::default()
        }
    }

    #[test]
    fn signal_and_noise_have_the_shares_that_were_asked_for() {
        for haemodynamics in [Haemodynamics::Delays, Haemodynamics::Canonical] {
            let settings = SimulationSettings {
                haemodynamics,
                ..settings()
            };
            let brain = SimulatedBrain::new(settings, 12, 2.0).unwrap();
            let shares = brain.signal_shares();
            assert_eq!(shares.iter().filter(|share| **share == 0.0).count(), 150);
            assert!(shares.iter().all(|share| *share <= 0.5));
            let signal = brain.signal(&features());
            for (power, share) in power(&signal).iter().zip(shares) {
                let expected = if *share > 0.0 { 1.0 } else { 0.0 };
                assert!((power - expected).abs() < 1e-9);
            }
            let (one, two) = (brain.present(&signal, 1), brain.present(&signal, 2));
            assert_eq!(one, brain.present(&signal, 1));
            let r = crate::stats::score::correlation(one.view(), two.view());
            // Two presentations share only the signal: their correlation is its fraction of the variance.
            let apart: Vec<f64> = r.iter().zip(shares).map(|(r, share)| r - share).collect();
            let mean = apart.iter().sum::<f64>() / 300.0;
            assert!(mean.abs() < 0.015, "{mean}");
            assert!((power(&one).mean().unwrap() - 1.0).abs() < 0.03);
        }
    }

    #[test]
    fn the_canonical_response_is_the_difference_of_two_gamma_densities() {
        // scipy.stats.gamma.pdf with the parameters that spm_hrf has as defaults, every 2 s, divided by the sum.
        let response = canonical_response(2.0);
        assert!((response.sum() - 1.0).abs() < 1e-12);
        let expected = [0.0, 0.086_5, 0.374_9, 0.384_9, 0.216_1, 0.076_8];
        for (ours, spm) in response.iter().zip(expected) {
            assert!((ours - spm).abs() < 2e-4, "{response}");
        }
        assert!(response[8] < 0.0);
    }

    #[test]
    fn a_brain_of_one_layer_is_that_of_earlier_versions() {
        // Printed by the version before brains of several layers; matrix products may differ in the last bits elsewhere.
        let expected = [
            -0.550_972_091_750_368_1,
            -1.310_467_808_140_377_3,
            -0.185_126_484_939_844_33,
            0.229_305_927_778_865_33,
        ];
        let brain = SimulatedBrain::new(settings(), 12, 2.0).unwrap();
        let measured = brain.present(&brain.signal(&features()), 7);
        let places = [(0, 0), (17, 3), (200, 150), (399, 299)];
        for (place, expected) in places.into_iter().zip(expected) {
            let apart: f64 = measured[place] - expected;
            assert!(apart.abs() < 1e-12, "{place:?}: {:?}", measured[place]);
        }
    }

    #[test]
    fn a_plan_says_what_each_voxel_measures() {
        let plan = [
            VoxelPlan::Outside,
            VoxelPlan::Noise,
            VoxelPlan::Signal {
                layer: 1,
                share: 1.0,
            },
            VoxelPlan::Signal {
                layer: 0,
                share: 0.25,
            },
        ];
        let brain = SimulatedBrain::planned(settings(), &plan, &[12, 5], 2.0).unwrap();
        assert_eq!(brain.signal_shares().to_vec(), [0.0, 0.0, 1.0, 0.25]);
        let other = Array2::from_shape_fn((400, 5), |(scan, _)| (scan as f64).sin());
        let signal = brain.signal_of_layers(&[features(), other.clone()]);
        let measured = brain.present(&signal, 1);
        assert!(measured.column(0).iter().all(|value| *value == 0.0));
        assert!((power(&measured)[1] - 1.0).abs() < 0.2);
        // Without noise, the signal itself; each layer drives only its own voxels.
        assert_eq!(measured.column(2), signal.column(2));
        let without = brain.signal_of_layers(&[0.0 * features(), other]);
        assert_eq!(without.column(2), signal.column(2));
        assert!(power(&without)[3] < 1e-12 && (power(&signal)[3] - 1.0).abs() < 1e-9);
        let refused = |plan: VoxelPlan| {
            SimulatedBrain::planned(settings(), &[plan], &[12, 5], 2.0).unwrap_err()
        };
        let signal = |layer, share| VoxelPlan::Signal { layer, share };
        assert!(
            refused(signal(2, 0.5))
                .to_string()
                .contains("layer 2, counted from 0, but there are 2")
        );
        assert!(
            refused(signal(0, 1.5))
                .to_string()
                .contains("share of signal is 1.5")
        );
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |settings| {
            SimulatedBrain::new(settings, 3, 2.0)
                .unwrap_err()
                .to_string()
        };
        assert!(
            refused(SimulationSettings {
                n_voxels: 0,
                ..settings()
            })
            .contains("voxels is 0")
        );
        let share = SimulationSettings {
            empty_share: 1.5,
            ..settings()
        };
        assert!(refused(share).contains("share of empty voxels is 1.5"));
        let noise = SimulationSettings {
            noise_correlation: 1.0,
            ..settings()
        };
        assert!(refused(noise).contains("noise's correlation is 1"));
    }
}
