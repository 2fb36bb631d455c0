//! Where in time a voxel is predicted best and worst.

use std::ops::Range;

/// The scans of a passage, and what it contributes to r.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Its scans.
    pub scans: Range<usize>,
    /// Its part of r: the sum over its scans of z(measured) · z(predicted), divided by the number of all scans.
    pub part_of_r: f64,
}

/// Finds the passages of `n_scans` scans that contribute most and least to the correlation of two time courses. Of equal ones
/// the first is taken. r is the mean over all scans of the product of both z-scores; a passage's contribution is its share of
/// that sum.
///
/// Scans without a finite value in both contribute nothing. Returns `None` if a time course is constant, or if there are fewer
/// scans than a passage has.
#[must_use]
pub fn best_and_worst_passage(
    measured: &[f64],
    predicted: &[f64],
    n_scans: usize,
) -> Option<[Passage; 2]> {
    let products = products(measured, predicted)?;
    if n_scans == 0 || products.len() < n_scans {
        return None;
    }
    let n_all = products.len() as f64;
    let passage = |(first, scans): (usize, &[f64])| Passage {
        scans: first..first + n_scans,
        part_of_r: scans.iter().sum::<f64>() / n_all,
    };
    let mut passages = products.windows(n_scans).enumerate().map(passage);
    let first = passages.next()?;
    let mut found = [first.clone(), first];
    for passage in passages {
        if passage.part_of_r > found[0].part_of_r {
            found[0] = passage;
        } else if passage.part_of_r < found[1].part_of_r {
            found[1] = passage;
        }
    }
    Some(found)
}

/// z(measured) · z(predicted) of each scan.
fn products(measured: &[f64], predicted: &[f64]) -> Option<Vec<f64>> {
    let pairs = || measured.iter().zip(predicted);
    let known = || pairs().filter(|(a, b)| a.is_finite() && b.is_finite());
    let n = known().count() as f64;
    let means = known().fold([0.0; 2], |sums, (a, b)| [sums[0] + a, sums[1] + b]);
    let means = means.map(|sum| sum / n);
    let squares = known().fold([0.0; 2], |sums, (a, b)| {
        [
            sums[0] + (a - means[0]).powi(2),
            sums[1] + (b - means[1]).powi(2),
        ]
    });
    let [of_measured, of_predicted] = squares.map(|sum| (sum / n).sqrt());
    if !(of_measured > 0.0 && of_predicted > 0.0) {
        return None;
    }
    let product = |(a, b): (&f64, &f64)| {
        if a.is_finite() && b.is_finite() {
            (a - means[0]) / of_measured * (b - means[1]) / of_predicted
        } else {
            0.0
        }
    };
    Some(pairs().map(product).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::maths::random::PythonRandom;
    use crate::stats::score::correlation;

    #[test]
    fn passages_add_up_to_r() {
        let mut random = PythonRandom::new(3);
        let measured: Vec<f64> = (0..60).map(|_| random.normal()).collect();
        let predicted: Vec<f64> = measured.iter().map(|x| x + random.normal()).collect();
        let column = |values: &[f64]| Array2::from_shape_vec((60, 1), values.to_vec()).unwrap();
        let r = correlation(column(&predicted).view(), column(&measured).view())[0];
        let [whole, _] = best_and_worst_passage(&measured, &predicted, 60).unwrap();
        assert!((whole.part_of_r - r).abs() < 1e-12);
        let [best, worst] = best_and_worst_passage(&measured, &predicted, 6).unwrap();
        let parts: f64 = products(&measured, &predicted).unwrap().iter().sum::<f64>() / 60.0;
        assert!((parts - r).abs() < 1e-12);
        assert!(best.part_of_r > r / 10.0 && worst.part_of_r < r / 10.0);
    }

    #[test]
    fn a_passage_that_is_turned_around_is_the_worst() {
        let measured: Vec<f64> = (0..50).map(|at| f64::from(at % 7) - 3.0).collect();
        let mut predicted = measured.clone();
        for value in &mut predicted[20..30] {
            *value = -*value;
        }
        predicted[0..10].iter_mut().for_each(|value| *value *= 2.0);
        let [best, worst] = best_and_worst_passage(&measured, &predicted, 10).unwrap();
        assert_eq!((best.scans, worst.scans), (0..10, 20..30));
    }

    #[test]
    fn without_variation_there_is_no_passage() {
        assert_eq!(best_and_worst_passage(&[1.0; 9], &[0.0; 9], 3), None);
        assert_eq!(best_and_worst_passage(&[1.0, 2.0], &[1.0, 2.0], 3), None);
        // A missing scan contributes nothing.
        let measured = [f64::NAN, 1.0, 2.0, 3.0];
        let [best, _] = best_and_worst_passage(&measured, &[9.0, 1.0, 2.0, 3.0], 1).unwrap();
        assert_eq!(best.scans, 1..2);
    }
}
