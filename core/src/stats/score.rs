//! Scores of predictions against measured responses.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::maths::matrix::Real;

/// The score of held-out scans in the validation rounds that choose α.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundScore {
    /// Pearson's r.
    Correlation,
    /// √|R²| with the sign of R², where R² = 1 − var(residual) / ((1 + var(y)) / 2).
    #[default]
    SignedRootR2,
    /// R² = 1 − var(residual) / var(y), clipped to [0, 1].
    ClippedR2,
    /// R² = 1 − mean squared error / var(y), as in scikit-learn and himalaya.
    R2,
}

/// Centred measured responses with their variances, for comparison with many predictions.
pub struct Centred<T> {
    /// `(n_scans, n_voxels)`, mean 0.
    responses: Array2<T>,
    /// `(n_voxels,)`: the means that were subtracted.
    mean: Array1<f64>,
    /// `(n_voxels,)`, with divisor `n`.
    variance: Array1<f64>,
}

/// Mean and variance of each prediction and its covariance with the responses, with divisor `n`.
pub(crate) struct Moments {
    pub(crate) mean: Array1<f64>,
    pub(crate) variance: Array1<f64>,
    pub(crate) covariance: Array1<f64>,
}

/// Moments of several predictions of the same voxels, accumulated scan by scan.
pub(crate) struct RunningMoments<'a, T> {
    measured: &'a Centred<T>,
    /// Each `(n_predictions, n_voxels)`.
    sums: Array2<f64>,
    squares: Array2<f64>,
    products: Array2<f64>,
}

impl<'a, T: Real> RunningMoments<'a, T> {
    pub(crate) fn new(measured: &'a Centred<T>, n_predictions: usize) -> Self {
        let zeros = || Array2::zeros((n_predictions, measured.responses.ncols()));
        Self {
            measured,
            sums: zeros(),
            squares: zeros(),
            products: zeros(),
        }
    }

    /// Adds a scan of predictions, `(n_predictions, n_voxels)`.
    pub(crate) fn add(&mut self, scan: usize, predicted: ArrayView2<T>) {
        let measured = self.measured.responses.row(scan);
        for (index, predicted) in predicted.outer_iter().enumerate() {
            Zip::from(self.sums.row_mut(index))
                .and(self.squares.row_mut(index))
                .and(self.products.row_mut(index))
                .and(predicted)
                .and(measured)
                .for_each(add);
        }
    }

    /// Returns the moments of each prediction.
    pub(crate) fn finish(&self) -> Vec<Moments> {
        let n_scans = self.measured.responses.nrows();
        let sums = [&self.sums, &self.squares, &self.products];
        let of = |index| Moments::of(n_scans, sums.map(|sums| sums.row(index)));
        (0..self.sums.nrows()).map(of).collect()
    }
}

/// Adds a predicted value to its voxel's sum, sum of squares, and sum of products with the response.
fn add<T: Real>(sum: &mut f64, squares: &mut f64, products: &mut f64, predicted: &T, measured: &T) {
    let predicted = predicted.double();
    *sum += predicted;
    *squares += predicted * predicted;
    *products += predicted * measured.double();
}

impl Moments {
    /// From the sums over `n_scans` scans of predictions, of their squares, and of their products with the responses.
    fn of(n_scans: usize, [sums, squares, products]: [ArrayView1<f64>; 3]) -> Self {
        let n_scans = n_scans as f64;
        let mean = &sums / n_scans;
        Self {
            variance: &squares / n_scans - &mean * &mean,
            covariance: &products / n_scans,
            mean,
        }
    }
}

impl<T: Real> Centred<T> {
    /// Centres `responses` `(n_scans, n_voxels)`.
    #[must_use]
    pub fn new(responses: ArrayView2<T>) -> Self {
        let n_scans = responses.nrows() as f64;
        let sum = column_sums(responses, |value| value);
        // Rounded to the precision in which it is subtracted.
        let mean = (sum / n_scans).mapv(T::nearest);
        let responses = &responses - &mean;
        let variance = column_sums(responses.view(), |value| value * value) / n_scans;
        Self {
            responses,
            mean: mean.mapv(T::double),
            variance,
        }
    }

    fn moments(&self, predictions: ArrayView2<T>) -> Moments {
        let n_voxels = predictions.ncols();
        let [mut sums, mut squares, mut products] =
            [(); 3].map(|()| Array1::<f64>::zeros(n_voxels));
        for (predicted, measured) in predictions.rows().into_iter().zip(self.responses.rows()) {
            Zip::from(&mut sums)
                .and(&mut squares)
                .and(&mut products)
                .and(predicted)
                .and(measured)
                .for_each(add);
        }
        Moments::of(
            predictions.nrows(),
            [&sums, &squares, &products].map(|sums| sums.view()),
        )
    }

    /// Returns the score of each voxel's prediction; 0 where undefined (constant responses, constant prediction, non-finite
    /// values), as in the published code.
    #[must_use]
    pub fn score(&self, predictions: ArrayView2<T>, score: RoundScore) -> Array1<f64> {
        self.score_of(&self.moments(predictions), score)
    }

    /// Returns the mean that was subtracted from each voxel.
    pub(crate) fn means(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// As [`Self::score`], for predictions of which only the moments are known.
    pub(crate) fn score_of(&self, moments: &Moments, score: RoundScore) -> Array1<f64> {
        // Starts as the squared error of the mean, which only one of the scores uses.
        let mut scores = (&moments.mean - &self.mean).mapv(|apart| apart * apart);
        Zip::from(&mut scores)
            .and(&self.variance)
            .and(&moments.variance)
            .and(&moments.covariance)
            .for_each(|result, measured, predicted, covariance| {
                let residual = measured - 2.0 * covariance + predicted;
                let score = match score {
                    RoundScore::Correlation => covariance / (measured * predicted).sqrt(),
                    RoundScore::SignedRootR2 => {
                        let r2 = 1.0 - residual / f64::midpoint(1.0, *measured);
                        r2.abs().sqrt().copysign(r2)
                    }
                    RoundScore::R2 => 1.0 - (residual + *result) / measured,
                    RoundScore::ClippedR2 => (1.0 - residual / measured).clamp(0.0, 1.0),
                };
                *result = if score.is_finite() { score } else { 0.0 };
            });
        scores
    }
}

fn column_sums<T: Real>(columns: ArrayView2<T>, of: impl Fn(f64) -> f64) -> Array1<f64> {
    let mut sums = Array1::zeros(columns.ncols());
    for row in columns.rows() {
        Zip::from(&mut sums)
            .and(row)
            .for_each(|sum, value| *sum += of(value.double()));
    }
    sums
}

/// Returns Pearson's r of each column of two arrays `(n_scans, n_voxels)`; NaN where either is constant or not finite.
#[must_use]
pub fn correlation<T: Real>(predictions: ArrayView2<T>, responses: ArrayView2<T>) -> Array1<f64> {
    let measured = Centred::new(responses);
    let moments = measured.moments(predictions);
    let spread = (&measured.variance * &moments.variance).mapv(f64::sqrt);
    let mut r = &moments.covariance / &spread;
    r.mapv_inplace(|r| {
        if r.is_finite() {
            r.clamp(-1.0, 1.0)
        } else {
            f64::NAN
        }
    });
    r
}

/// Returns the residual of each column of `columns` after regressing out a constant and the same column of `explained_by`.
/// Both are `(n_scans, n_voxels)`. Where `explained_by` is constant, only the mean is removed.
///
/// The correlation of two such residuals is their partial correlation.
#[must_use]
pub fn residual(columns: ArrayView2<f64>, explained_by: ArrayView2<f64>) -> Array2<f64> {
    let mut left = columns.to_owned();
    for (mut column, regressor) in left.columns_mut().into_iter().zip(explained_by.columns()) {
        let mean = column.mean().unwrap_or(0.0);
        column -= mean;
        let centred = &regressor - regressor.mean().unwrap_or(0.0);
        let square = centred.dot(&centred);
        if square > 0.0 {
            let slope = centred.dot(&column) / square;
            column.scaled_add(-slope, &centred);
        }
    }
    left
}

/// Returns R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)² of each column of two arrays `(n_scans, n_voxels)`; NaN where the responses are
/// constant.
#[must_use]
pub fn r_squared<T: Real>(predictions: ArrayView2<T>, responses: ArrayView2<T>) -> Array1<f64> {
    let measured = Centred::new(responses);
    let apart = &predictions - &responses;
    let residual = column_sums(apart.view(), |value| value * value) / responses.nrows() as f64;
    let mut r2 = 1.0 - &residual / &measured.variance;
    r2.mapv_inplace(|r2| if r2.is_finite() { r2 } else { f64::NAN });
    r2
}

/// Variances of the responses and of the residuals.
pub struct Variances {
    /// `(n_voxels,)`, with divisor n − 1.
    pub measured: Array1<f64>,
    /// `(n_voxels,)`, with divisor n − 1, about the residuals' own mean.
    pub residual: Array1<f64>,
}

impl Variances {
    /// Computes the variances for `predictions` and `responses`, both `(n_scans, n_voxels)`.
    #[must_use]
    pub fn of<T: Real>(predictions: ArrayView2<T>, responses: ArrayView2<T>) -> Self {
        let n_free = responses.nrows().saturating_sub(1).max(1) as f64;
        let variance = |columns: ArrayView2<T>| {
            Centred::new(columns).variance * (columns.nrows() as f64 / n_free)
        };
        let apart = &responses - &predictions;
        Self {
            measured: variance(responses),
            residual: variance(apart.view()),
        }
    }

    /// Returns sign(R) · √|R| with R = 1 − residual / measured, the value of the study's `bootstrap_ridge` with
    /// `use_corr = false`; NaN where the responses are constant.
    #[must_use]
    pub fn signed_root(&self) -> Array1<f64> {
        let mut scores = 1.0 - &self.residual / &self.measured;
        scores.mapv_inplace(|share| {
            if share.is_finite() {
                share.abs().sqrt().copysign(share)
            } else {
                f64::NAN
            }
        });
        scores
    }
}

/// Returns |r|·r, the explained variance with the sign of r, whose mean over voxels is the study's "average r²".
#[must_use]
pub fn signed_square(r: f64) -> f64 {
    r.abs() * r
}

/// Returns for each column whether its values are finite and not all equal.
#[must_use]
pub fn is_usable<T: Real>(responses: ArrayView2<T>) -> Vec<bool> {
    let usable = |column: ndarray::ArrayView1<T>| {
        column.iter().all(|value| value.is_finite())
            && column.iter().any(|value| *value != column[0])
    };
    responses.axis_iter(Axis(1)).map(usable).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn remainders_correlate_as_the_formula_of_partial_correlation_says() {
        let x = array![[1.0], [3.0], [2.0], [5.0], [4.0], [0.0]];
        let y = array![[2.0], [2.5], [1.0], [4.0], [5.5], [1.0]];
        let z = array![[0.0], [2.0], [1.0], [1.0], [3.0], [-1.0]];
        let r = |a: &Array2<f64>, b: &Array2<f64>| correlation(a.view(), b.view())[0];
        let (xy, xz, yz) = (r(&x, &y), r(&x, &z), r(&y, &z));
        let expected = (xy - xz * yz) / ((1.0 - xz * xz) * (1.0 - yz * yz)).sqrt();
        let left = |a: &Array2<f64>| residual(a.view(), z.view());
        assert!((r(&left(&x), &left(&y)) - expected).abs() < 1e-12);
        // A constant regressor explains nothing.
        let flat = Array2::from_elem((6, 1), 3.0);
        assert!((r(&residual(x.view(), flat.view()), &y) - xy).abs() < 1e-12);
    }

    /// `numpy.corrcoef` and `sklearn.metrics.r2_score` of these columns.
    #[test]
    fn correlation_and_r2_are_those_of_numpy_and_scikit_learn() {
        let y = array![
            [1.0, 2.0, 1.0],
            [2.0, -1.0, 1.0],
            [4.0, 0.5, 1.0],
            [3.0, 0.0, 1.0]
        ];
        let p = array![
            [1.5, 1.0, 0.3],
            [1.0, 0.0, 0.2],
            [3.0, 1.0, 0.7],
            [3.5, 2.0, 0.1]
        ];
        let r = correlation(p.view(), y.view());
        let r2 = r_squared(p.view(), y.view());
        assert!((r[0] - 0.759_256_602_365_296_6).abs() < 1e-14, "{r}");
        assert!((r[1] - 0.326_598_632_371_090_4).abs() < 1e-14, "{r}");
        assert!((r2[0] - 0.5).abs() < 1e-14, "{r2}");
        assert!((r2[1] - -0.333_333_333_333_333_26).abs() < 1e-14, "{r2}");
        assert!(r[2].is_nan() && r2[2].is_nan());
        assert_eq!(is_usable(y.view()), [true, true, false]);
    }

    #[test]
    fn scores_of_flat_or_broken_voxels_are_0_in_the_rounds() {
        let y = array![[1.0, f64::NAN, 5.0], [2.0, 1.0, 5.0]];
        let p = array![[1.0, 0.0, 1.0], [3.0, 1.0, 2.0]];
        let scores = Centred::new(y.view()).score(p.view(), RoundScore::Correlation);
        assert_eq!(scores, array![1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_signed_square_keeps_the_sign() {
        assert_eq!(array![0.5, -0.5].mapv(signed_square), array![0.25, -0.25]);
    }
}
