//! Similarity of layers and of time points within a layer, and a layer's first two principal components.

use faer::Side;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Gram matrix of a layer's time points, for linear CKA, which is invariant to rotation and isotropic scaling of the
/// dimensions.
#[derive(Debug, Clone)]
pub struct Gram {
    /// `(n, n)`, of column-centred features.
    products: Array2<f64>,
    norm: f64,
}

impl Gram {
    /// Computes the Gram matrix of some rows of features `(n_rows, n_dims)`.
    #[must_use]
    pub fn of(features: ArrayView2<f32>, rows: &[usize]) -> Self {
        let centred = centred(features, rows);
        let products = centred.dot(&centred.t());
        let norm = products
            .iter()
            .map(|value| value * value)
            .sum::<f64>()
            .sqrt();
        Self { products, norm }
    }

    /// Returns linear centred kernel alignment, 0 to 1 (Kornblith et al. 2019, arXiv 1905.00414, eq. 4); NaN if either
    /// layer is constant, or if the numbers of rows differ.
    #[must_use]
    pub fn cka(&self, other: &Self) -> f64 {
        if self.products.dim() != other.products.dim() {
            return f64::NAN;
        }
        let shared: f64 = self
            .products
            .iter()
            .zip(&other.products)
            .map(|(a, b)| a * b)
            .sum();
        shared / (self.norm * other.norm)
    }
}

/// The rows in double precision, with each dimension centred; non-finite values count as 0.
fn centred(features: ArrayView2<f32>, rows: &[usize]) -> Array2<f64> {
    let mut chosen = features.select(Axis(0), rows).mapv(|value| {
        if value.is_finite() {
            f64::from(value)
        } else {
            0.0
        }
    });
    let means = chosen
        .mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(chosen.ncols()));
    chosen -= &means;
    chosen
}

/// Returns the Pearson correlation between time points, `(n, n)`, after centring each dimension over time, so that
/// dimensions with a large mean do not dominate.
#[must_use]
pub fn over_time(features: ArrayView2<f32>, rows: &[usize]) -> Array2<f64> {
    let mut rows = centred(features, rows);
    for mut row in rows.rows_mut() {
        let mean = row.mean().unwrap_or(0.0);
        row -= mean;
        let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        if norm > 0.0 {
            row /= norm;
        }
    }
    rows.dot(&rows.t())
}

/// Projection of time points onto a layer's first two principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// One point per row.
    pub points: Vec<[f64; 2]>,
    /// Fraction of the variance along each axis.
    pub shares: [f64; 2],
}

/// Computes the first two principal components of some rows of a layer; returns `None` if the layer is constant or the
/// decomposition fails.
#[must_use]
pub fn plane(features: ArrayView2<f32>, rows: &[usize]) -> Option<Plane> {
    let centred = centred(features, rows);
    let total: f64 = centred.iter().map(|value| value * value).sum();
    if total <= 0.0 || centred.ncols() < 2 {
        return None;
    }
    // The Gram matrix of the rows has the same non-zero eigenvalues as the covariance, and its eigenvectors give the
    // projections.
    let products = centred.dot(&centred.t());
    let n = products.nrows();
    let matrix = faer::Mat::from_fn(n, n, |i, j| products[[i, j]]);
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let axis = |at: usize| {
        let value = eigen.S().column_vector()[at].max(0.0);
        let vector: Vec<f64> = (0..n)
            .map(|row| eigen.U()[(row, at)] * value.sqrt())
            .collect();
        // The sign is arbitrary: the largest coordinate is made positive.
        let largest = vector
            .iter()
            .copied()
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(1.0);
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        (
            value / total,
            vector
                .into_iter()
                .map(move |value| value * sign)
                .collect::<Vec<f64>>(),
        )
    };
    let ((first_share, first), (second_share, second)) =
        (axis(n.checked_sub(1)?), axis(n.checked_sub(2)?));
    Some(Plane {
        points: first.into_iter().zip(second).map(|(x, y)| [x, y]).collect(),
        shares: [first_share, second_share],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n_rows: usize, n_dims: usize, seed: u32) -> Array2<f32> {
        let mut state = seed;
        Array2::from_shape_simple_fn((n_rows, n_dims), || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        })
    }

    fn all(n: usize) -> Vec<usize> {
        (0..n).collect()
    }

    /// The equivalent definition `‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖)`, with Frobenius norms.
    fn cka_of_dimensions(x: &Array2<f32>, y: &Array2<f32>) -> f64 {
        let (x, y) = (
            centred(x.view(), &all(x.nrows())),
            centred(y.view(), &all(y.nrows())),
        );
        let norm =
            |matrix: Array2<f64>| matrix.iter().map(|value| value * value).sum::<f64>().sqrt();
        norm(y.t().dot(&x)).powi(2) / (norm(x.t().dot(&x)) * norm(y.t().dot(&y)))
    }

    #[test]
    fn cka_is_that_of_both_forms_of_its_definition() {
        let (x, y) = (noise(40, 7, 1), noise(40, 11, 2));
        let gram = |features: &Array2<f32>| Gram::of(features.view(), &all(40));
        assert!((gram(&x).cka(&gram(&y)) - cka_of_dimensions(&x, &y)).abs() < 1e-12);
        assert!((gram(&x).cka(&gram(&x)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn cka_does_not_see_rotation_scale_or_shift() {
        let x = noise(50, 2, 3);
        let (sin, cos) = 0.7_f32.sin_cos();
        let rotation = ndarray::array![[cos, -sin], [sin, cos]];
        let y = x.dot(&rotation) * 12.0 + 5.0;
        let gram = |features: &Array2<f32>| Gram::of(features.view(), &all(50));
        assert!((gram(&x).cka(&gram(&y)) - 1.0).abs() < 1e-6);
        let still = Array2::<f32>::ones((50, 3));
        assert!(gram(&x).cka(&gram(&still)).is_nan());
    }

    #[test]
    fn an_instant_is_like_itself_and_unlike_its_opposite() {
        let mut features = noise(6, 30, 4);
        let opposite = features.row(0).mapv(|value| -value);
        features.row_mut(1).assign(&opposite);
        // With a negated copy of everything, so that the means are 0.
        let turned = features.mapv(|value| -value);
        let both = ndarray::concatenate![Axis(0), features, turned];
        let found = over_time(both.view(), &all(12));
        for i in 0..12 {
            assert!((found[[i, i]] - 1.0).abs() < 1e-12);
        }
        assert!((found[[0, 1]] + 1.0).abs() < 1e-6 && (found[[2, 8]] + 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_plane_is_that_of_the_widest_spread() {
        // Points on an ellipse with semi-axes 3 and 1 in two of five dimensions; the others are 0.
        let n = 360;
        let features = Array2::from_shape_fn((n, 5), |(row, dim)| {
            let angle = row as f32 / n as f32 * std::f32::consts::TAU;
            match dim {
                1 => angle.cos(),
                3 => 3.0 * angle.sin(),
                _ => 7.0,
            }
        });
        let Some(found) = plane(features.view(), &all(n)) else {
            panic!("an ellipse has axes");
        };
        // The variances have the ratio 9 to 1.
        assert!(
            (found.shares[0] - 0.9).abs() < 1e-6 && (found.shares[1] - 0.1).abs() < 1e-6,
            "{:?}",
            found.shares
        );
        for (row, [x, y]) in found.points.iter().enumerate() {
            let (along, across) = (features[[row, 3]], features[[row, 1]]);
            assert!(
                (x.abs() - f64::from(along.abs())).abs() < 1e-5
                    && (y.abs() - f64::from(across.abs())).abs() < 1e-5
            );
        }
        assert_eq!(plane(Array2::ones((9, 4)).view(), &all(9)), None);
    }
}
