//! Principal components of the weights of many voxels.
//!
//! Weights are averaged over delays; a voxel's weights are then a point in the space of the features, and the components are
//! the directions in which the points of well-predicted voxels differ most.
//!
//! Source: Huth et al. (2016), Nature 532, 453.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::maths::matrix::{EigenError, eigen, product};

/// Components that are kept.
pub const N_COMPONENTS: usize = 3;

/// Sums over voxels, from which components are found without holding all weights in memory.
#[derive(Debug, Clone)]
pub struct WeightSums {
    n_voxels: usize,
    sum: Array1<f64>,
    products: Array2<f64>,
}

/// The first three principal components of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightComponents {
    /// `(n_features,)`: the mean over the voxels that decided.
    pub mean: Array1<f64>,
    /// `(3, n_features)`, of length 1. The largest entry of each is positive.
    pub directions: Array2<f64>,
    /// Share of the variance over those voxels along each.
    pub shares: [f64; N_COMPONENTS],
}

/// Returns weights averaged over delays, `(n_features, n_voxels)`.
///
/// * `weights`: `(n_delays · n_features, n_voxels)`, one delay after the other.
#[must_use]
pub fn over_delays(weights: ArrayView2<f64>, n_delays: usize) -> Array2<f64> {
    let n_features = weights.nrows() / n_delays.max(1);
    let mut mean = Array2::zeros((n_features, weights.ncols()));
    for delay in 0..n_delays {
        let first = delay * n_features;
        mean += &weights.slice(s![first..first + n_features, ..]);
    }
    mean / n_delays.max(1) as f64
}

impl WeightSums {
    /// Sums of no voxel.
    #[must_use]
    pub fn new(n_features: usize) -> Self {
        Self {
            n_voxels: 0,
            sum: Array1::zeros(n_features),
            products: Array2::zeros((n_features, n_features)),
        }
    }

    /// Adds voxels, `(n_features, n_voxels)`; those with a weight that is not finite do not count.
    pub fn add(&mut self, weights: ArrayView2<f64>) {
        let is_finite = |voxel: &usize| weights.column(*voxel).iter().all(|it| it.is_finite());
        let finite: Vec<usize> = (0..weights.ncols()).filter(is_finite).collect();
        let weights = weights.select(Axis(1), &finite);
        self.n_voxels += finite.len();
        self.sum += &weights.sum_axis(Axis(1));
        self.products += &product(weights.view(), weights.t());
    }

    /// Number of voxels that were added.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.n_voxels
    }

    /// Finds the components; `None` if there are fewer than three features, or the voxels do not differ in three directions.
    ///
    /// # Errors
    /// Returns an [`EigenError`] if the decomposition fails.
    pub fn components(&self) -> Result<Option<WeightComponents>, EigenError> {
        let n_features = self.sum.len();
        if self.n_voxels <= N_COMPONENTS || n_features < N_COMPONENTS {
            return Ok(None);
        }
        let mean = &self.sum / self.n_voxels as f64;
        let mut covariance = &self.products / self.n_voxels as f64;
        for ((row, column), value) in covariance.indexed_iter_mut() {
            *value -= mean[row] * mean[column];
        }
        let found = eigen(covariance.view())?;
        let total: f64 = found.values.iter().map(|value| value.max(0.0)).sum();
        let mut directions = Array2::zeros((N_COMPONENTS, n_features));
        let mut shares = [0.0; N_COMPONENTS];
        for (component, share) in shares.iter_mut().enumerate() {
            let at = n_features - 1 - component;
            *share = found.values[at].max(0.0) / total;
            let direction = found.vectors.column(at);
            let largest = direction.iter().copied();
            let largest = largest.fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            directions
                .row_mut(component)
                .assign(&direction.mapv(|value| sign * value));
        }
        // What rounding leaves is no direction.
        let is_spread = shares.iter().all(|share| *share > 1e-12);
        Ok(is_spread.then_some(WeightComponents {
            mean,
            directions,
            shares,
        }))
    }
}

impl WeightComponents {
    /// Projects voxels onto the components, `(3, n_voxels)`.
    ///
    /// * `weights`: `(n_features, n_voxels)`.
    #[must_use]
    pub fn project(&self, weights: ArrayView2<f64>) -> Array2<f64> {
        let centred = &weights - &self.mean.view().insert_axis(Axis(1));
        product(self.directions.view(), centred.view())
    }

    /// Projects features over time onto the components, `(n_scans, 3)`: how much each scan's features drive them.
    ///
    /// * `features`: `(n_scans, n_features)`.
    #[must_use]
    pub fn drive(&self, features: ArrayView2<f64>) -> Array2<f64> {
        product(features, self.directions.t())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// From `numpy.linalg.svd` of the weights below, the mean over voxels subtracted, with the signs turned as documented.
    const SHARES: [f64; 3] = [
        0.599_110_889_019_6,
        0.354_322_136_852_0,
        0.045_680_384_451_8,
    ];
    const DIRECTIONS: [[f64; 4]; 3] = [
        [
            0.336_955_817_617_1,
            -0.407_667_865_088_0,
            0.845_693_318_923_7,
            -0.071_207_436_945_3,
        ],
        [
            -0.592_490_797_375_6,
            0.596_347_994_307_9,
            0.507_651_010_056_9,
            -0.188_717_187_077_4,
        ],
        [
            0.240_361_950_321_8,
            0.379_634_130_315_7,
            0.161_220_598_965_4,
            0.878_699_026_064_2,
        ],
    ];
    const PROJECTED: [[f64; 6]; 3] = [
        [
            3.076_651_550_343_8,
            0.431_381_213_659_4,
            -3.394_779_832_557_6,
            -2.483_158_331_686_2,
            1.939_227_335_285_9,
            0.430_678_064_954_8,
        ],
        [
            1.922_066_802_161_0,
            -1.316_247_748_457_9,
            -1.009_140_223_765_2,
            1.676_943_530_489_6,
            -2.690_595_993_143_8,
            1.416_973_632_716_3,
        ],
        [
            0.856_255_036_189_9,
            0.159_970_362_940_8,
            0.614_196_393_374_9,
            -0.224_543_350_776_3,
            -0.378_138_627_035_8,
            -1.027_739_814_693_4,
        ],
    ];

    #[test]
    fn components_are_those_of_numpy() {
        let weights = array![
            [1.0, 2.0, 0.5, -1.0, 3.0, 0.0],
            [0.3, -0.7, 1.1, 2.0, -2.5, 0.4],
            [5.0, 1.0, -2.0, 0.0, 1.5, 2.2],
            [0.1, 0.2, 0.9, -0.4, 0.0, -1.3],
        ];
        let mut sums = WeightSums::new(4);
        sums.add(weights.slice(s![.., ..2]));
        sums.add(weights.slice(s![.., 2..]));
        sums.add(array![[f64::NAN], [0.0], [0.0], [0.0]].view());
        assert_eq!(sums.n_voxels(), 6);
        let found = sums.components().unwrap().unwrap();
        for (ours, theirs) in found.shares.iter().zip(SHARES) {
            assert!((ours - theirs).abs() < 1e-12, "{:?}", found.shares);
        }
        for (ours, theirs) in found.directions.iter().zip(DIRECTIONS.as_flattened()) {
            assert!((ours - theirs).abs() < 1e-12, "{}", found.directions);
        }
        let projected = found.project(weights.view());
        for (ours, theirs) in projected.iter().zip(PROJECTED.as_flattened()) {
            assert!((ours - theirs).abs() < 1e-12, "{projected}");
        }
    }

    #[test]
    fn voxels_that_do_not_differ_have_no_components() {
        let mut sums = WeightSums::new(4);
        sums.add(Array2::ones((4, 10)).view());
        assert_eq!(sums.components().unwrap(), None);
        assert_eq!(WeightSums::new(4).components().unwrap(), None);
        let weights = array![[1.0, 3.0], [2.0, 4.0], [3.0, 5.0], [5.0, 7.0]];
        assert_eq!(
            over_delays(weights.view(), 2),
            array![[2.0, 4.0], [3.5, 5.5]]
        );
    }
}
