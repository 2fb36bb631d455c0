//! Variance partitioning: variance explained uniquely by one feature set, and variance that sets share.
//!
//! The parts are computed from scores of models fitted on each set and on their unions. A score is a fraction of variance:
//! R², or |r|·r ([`crate::stats::score::signed_square`]); not r itself. Parts can be negative, through noise or suppression (a set
//! helps only together with another); they are not clipped, so that they add up and their mean over voxels stays unbiased.
//!
//! Source: de Heer et al. (2017), J. Neurosci. 37, 6539.

use ndarray::{Array1, ArrayView1, Zip};

/// Variance partition of two feature sets, `(n_voxels,)` each. Estimates on test scans can be negative; clipping them at 0
/// would bias their means upwards.
#[derive(Debug, Clone, PartialEq)]
pub struct VariancePartition {
    /// Explained only by the first set: the joint model minus the second alone.
    pub unique_first: Array1<f64>,
    /// Explained only by the second set.
    pub unique_second: Array1<f64>,
    /// Explained by either set.
    pub shared: Array1<f64>,
}

/// Partitions variance, given the scores (R², or |r|·r) of the models of the first set, of the second, and of both
/// concatenated.
///
/// # Panics
/// Panics if the numbers of voxels differ, which is a bug in the caller.
#[must_use]
pub fn partition(
    first: ArrayView1<f64>,
    second: ArrayView1<f64>,
    both: ArrayView1<f64>,
) -> VariancePartition {
    VariancePartition {
        unique_first: &both - &second,
        unique_second: &both - &first,
        shared: Zip::from(&first)
            .and(&second)
            .and(&both)
            .map_collect(|first, second, both| first + second - both),
    }
}

impl VariancePartition {
    /// Returns a warning if parts are negative for some voxels.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        negative_warning(&[&self.unique_first, &self.unique_second, &self.shared])
    }
}

/// Scores of the models of three feature sets, `(n_voxels,)` each.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreeSets {
    /// Each set alone: a, b, c.
    pub alone: [Array1<f64>; 3],
    /// Pairs of sets: ab, ac, bc.
    pub pairs: [Array1<f64>; 3],
    /// All three sets.
    pub all: Array1<f64>,
}

/// Variance partition of three feature sets, `(n_voxels,)` each. The seven parts sum to the score of the joint model.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreeParts {
    /// Explained by one set only: a, b, c.
    pub alone: [Array1<f64>; 3],
    /// Explained by either of two sets, but not by the third: ab, ac, bc.
    pub pairs: [Array1<f64>; 3],
    /// Explained by any of the three.
    pub all: Array1<f64>,
}

impl ThreeSets {
    /// Partitions the variance.
    ///
    /// # Panics
    /// Panics if the numbers of voxels differ, which is a bug in the caller.
    #[must_use]
    pub fn parts(&self) -> ThreeParts {
        let ([a, b, c], [ab, ac, bc], all) = (&self.alone, &self.pairs, &self.all);
        ThreeParts {
            alone: [all - bc, all - ac, all - ab],
            pairs: [ac + bc - c - all, ab + bc - b - all, ab + ac - a - all],
            all: a + b + c + all - ab - ac - bc,
        }
    }
}

impl ThreeParts {
    /// Returns a warning if parts are negative for some voxels.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let parts: Vec<_> = self
            .alone
            .iter()
            .chain(&self.pairs)
            .chain([&self.all])
            .collect();
        negative_warning(&parts)
    }
}

fn negative_warning(parts: &[&Array1<f64>]) -> Option<String> {
    let n_voxels = parts.first().map_or(0, |part| part.len());
    let mut lowest = Array1::<f64>::zeros(n_voxels);
    for part in parts {
        Zip::from(&mut lowest)
            .and(*part)
            .for_each(|lowest, part| *lowest = lowest.min(*part));
    }
    // Tolerance for zeros that rounding made negative.
    let n_negative = lowest.iter().filter(|lowest| **lowest < -1e-9).count();
    (n_negative > 0).then(|| {
        let lowest = lowest.iter().copied().fold(0.0, f64::min);
        format!(
            "For {n_negative} of {n_voxels} voxels a part of the variance is negative (down to {lowest:.3}): noise, or a set that \
             helps only beside another. Read means over many voxels; single ones are kept as they are."
        )
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::maths::random::PythonRandom;

    fn noise(random: &mut PythonRandom) -> Array1<f64> {
        Array1::from_shape_simple_fn(500, || random.unit())
    }

    fn furthest(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
        (a - b).iter().fold(0.0, |most, d| most.max(d.abs()))
    }

    #[test]
    fn areas_of_a_drawn_diagram_are_found_again() {
        // Seven random areas of a Venn diagram; scores are the areas that the sets cover.
        let mut random = PythonRandom::new(1);
        let areas: Vec<_> = (0..7).map(|_| noise(&mut random)).collect();
        let of = |numbers: &[usize]| {
            numbers
                .iter()
                .fold(Array1::zeros(500), |sum, number| sum + &areas[*number])
        };
        // 0 a, 1 b, 2 c, 3 ab, 4 ac, 5 bc, 6 abc.
        let sets = ThreeSets {
            alone: [of(&[0, 3, 4, 6]), of(&[1, 3, 5, 6]), of(&[2, 4, 5, 6])],
            pairs: [
                of(&[0, 1, 3, 4, 5, 6]),
                of(&[0, 2, 3, 4, 5, 6]),
                of(&[1, 2, 3, 4, 5, 6]),
            ],
            all: of(&[0, 1, 2, 3, 4, 5, 6]),
        };
        let parts = sets.parts();
        for number in 0..3 {
            assert!(furthest(&parts.alone[number], &areas[number]) < 1e-12);
            assert!(furthest(&parts.pairs[number], &areas[number + 3]) < 1e-12);
        }
        assert!(furthest(&parts.all, &areas[6]) < 1e-12);
        assert_eq!(parts.warning(), None);
        let [a, b, _] = sets.alone;
        let [ab, ..] = sets.pairs;
        let parts = partition(a.view(), b.view(), ab.view());
        assert!(furthest(&parts.unique_first, &of(&[0, 4])) < 1e-12);
        assert!(furthest(&parts.unique_second, &of(&[1, 5])) < 1e-12);
        assert!(furthest(&parts.shared, &of(&[3, 6])) < 1e-12);
    }

    #[test]
    fn parts_add_up_whatever_the_scores() {
        let mut random = PythonRandom::new(2);
        let mut score = || noise(&mut random) - 0.3;
        let sets = ThreeSets {
            alone: [score(), score(), score()],
            pairs: [score(), score(), score()],
            all: score(),
        };
        let parts = sets.parts();
        let sum = parts
            .alone
            .iter()
            .chain(&parts.pairs)
            .fold(parts.all.clone(), |sum, p| sum + p);
        assert!(furthest(&sum, &sets.all) < 1e-12);
        let [a, b, _] = sets.alone;
        let [ab, ..] = sets.pairs;
        let parts = partition(a.view(), b.view(), ab.view());
        assert!(
            furthest(
                &(&parts.unique_first + &parts.unique_second + &parts.shared),
                &ab
            ) < 1e-12
        );
        assert!(furthest(&(&parts.unique_first + &parts.shared), &a) < 1e-12);
    }

    #[test]
    fn negative_parts_are_kept_and_said() {
        let (first, second) = (array![0.2, 0.1, f64::NAN], array![0.1, 0.1, 0.1]);
        let both = array![0.15, 0.15, 0.1];
        let parts = partition(first.view(), second.view(), both.view());
        assert!((parts.unique_second[0] - -0.05).abs() < 1e-12);
        assert!(parts.shared[2].is_nan());
        let warning = parts.warning().unwrap();
        assert!(warning.starts_with("For 1 of 3 voxels"), "{warning}");
        assert!(warning.contains("down to -0.050"), "{warning}");
    }
}
