//! Candidate mixtures of feature sets.

use super::BandedError;
use crate::maths::random::PythonRandom;

/// Returns candidate mixtures: equal weights, each set alone, then `n_random` draws from symmetric Dirichlet distributions,
/// alternating between concentration 1 (uniform over the simplex) and 0.1 (sparse).
#[must_use]
pub fn candidates(n_sets: usize, n_random: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = PythonRandom::new(seed);
    let mut all = vec![vec![1.0 / n_sets as f64; n_sets]];
    for set in 0..n_sets {
        let mut alone = vec![0.0; n_sets];
        alone[set] = 1.0;
        all.push(alone);
    }
    for index in 0..n_random {
        let concentration = if index % 2 == 0 { 1.0 } else { 0.1 };
        let drawn: Vec<f64> = (0..n_sets)
            .map(|_| gamma(concentration, &mut random))
            .collect();
        let sum: f64 = drawn.iter().sum();
        all.push(drawn.iter().map(|value| value / sum).collect());
    }
    all
}

/// Draws from the gamma distribution with scale 1. Source: Marsaglia and Tsang (2000), with their boost for shapes below 1.
fn gamma(shape: f64, random: &mut PythonRandom) -> f64 {
    if shape < 1.0 {
        // The power may underflow to 0; `MIN_POSITIVE` keeps the sum of a draw above 0.
        let boost = (1.0 - random.unit()).powf(1.0 / shape);
        return (gamma(shape + 1.0, random) * boost).max(f64::MIN_POSITIVE);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = random.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - random.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

pub(super) fn check_weights(weights: &[f64], n_sets: usize) -> Result<(), BandedError> {
    if weights.len() != n_sets {
        return Err(BandedError::Weights {
            n_weights: weights.len(),
            n_sets,
        });
    }
    let bad = weights
        .iter()
        .find(|weight| !(weight.is_finite() && **weight >= 0.0));
    bad.map_or(Ok(()), |weight| Err(BandedError::BadWeight(*weight)))
}

pub(super) fn check_penalties(penalties: &[f64]) -> Result<(), BandedError> {
    if penalties.is_empty() {
        return Err(BandedError::NoPenalties);
    }
    let bad = penalties
        .iter()
        .find(|penalty| !(penalty.is_finite() && **penalty > 0.0));
    bad.map_or(Ok(()), |penalty| Err(BandedError::BadPenalty(*penalty)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_mixtures() {
        let all = candidates(3, 200, 1);
        assert_eq!(all.len(), 204);
        assert_eq!(all[2], [0.0, 1.0, 0.0]);
        for mixture in &all {
            assert!((mixture.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(mixture.iter().all(|weight| *weight >= 0.0));
        }
        // The mean of a symmetric Dirichlet distribution is the equal mixture.
        let mean: f64 = all[4..].iter().map(|mixture| mixture[0]).sum::<f64>() / 200.0;
        assert!((mean - 1.0 / 3.0).abs() < 0.07, "{mean}");
    }
}
