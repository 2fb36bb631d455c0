//! Predicted and measured time courses of a few example voxels.

use std::io;
use std::path::Path;

use ndarray::{Array2, Ix1};

use super::{Column, ScoreTable};
use crate::files::formats::npz::{self, NpzError};
use crate::files::formats::npz_arrays::ArraysWriter;

/// Voxels at either end of the ranking.
const N_EACH: usize = 3;

/// Predicted and measured test time courses of the best, median and worst voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleSeries {
    /// Indices of the voxels, from the best r to the worst.
    pub voxels: Vec<usize>,
    /// Predicted time courses, `(n_test_scans, n_voxels)`.
    pub predicted: Array2<f64>,
    /// Measured time courses, `(n_test_scans, n_voxels)`.
    pub measured: Array2<f64>,
}

impl ExampleSeries {
    /// Returns the archive `series.npz` with the arrays `voxels`, `predicted` and `measured`.
    ///
    /// # Errors
    /// Returns an error if it exceeds the maximum size of an archive.
    pub fn to_npz(&self) -> io::Result<Vec<u8>> {
        let mut archive = ArraysWriter::default();
        let voxels = self.voxels.iter().map(|voxel| *voxel as f64);
        archive.numbers("voxels", &[self.voxels.len()], voxels)?;
        for (name, series) in [("predicted", &self.predicted), ("measured", &self.measured)] {
            archive.numbers(name, series.shape(), series.iter().copied())?;
        }
        archive.finish()
    }

    /// Reads `series.npz`.
    ///
    /// # Errors
    /// Returns an [`NpzError`] if the file cannot be read, or if its arrays do not match in shape.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let voxels = npz::read_as::<f64, Ix1>(path, "voxels")?;
        let series = Self {
            voxels: voxels.iter().map(|voxel| *voxel as usize).collect(),
            predicted: npz::read_as(path, "predicted")?,
            measured: npz::read_as(path, "measured")?,
        };
        let n_voxels = series.voxels.len();
        if series.predicted.dim() != series.measured.dim() || series.measured.ncols() != n_voxels {
            return Err(NpzError::Damaged {
                reason: "its arrays do not fit each other".into(),
                path: path.to_path_buf(),
            });
        }
        Ok(series)
    }
}

/// Selects the example voxels: the best three, the median and the worst three by r, without duplicates.
#[must_use]
pub fn example_voxels(table: &ScoreTable) -> Vec<usize> {
    let r: Vec<f64> = table.column(Column::R).collect();
    let mut order: Vec<usize> = (0..r.len()).filter(|voxel| r[*voxel].is_finite()).collect();
    order.sort_by(|a, b| r[*b].total_cmp(&r[*a]).then(a.cmp(b)));
    let n = order.len();
    let mut chosen: Vec<usize> = (0..N_EACH.min(n))
        .chain((n > 0).then_some(n / 2))
        .chain(n.saturating_sub(N_EACH)..n)
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
        .into_iter()
        .map(|rank| table.first_voxel + order[rank])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::encoding::VoxelScores;

    fn table(r: &[f64]) -> ScoreTable {
        let voxel = |r: &f64| {
            let mut voxel = VoxelScores::default();
            voxel.set(Column::R, *r);
            voxel
        };
        ScoreTable {
            first_voxel: 100,
            voxels: r.iter().map(voxel).collect(),
            alphas: vec![1.0],
            round_scores: Array2::zeros((1, r.len())),
            draws: Vec::new(),
            fdr_level: 0.05,
        }
    }

    #[test]
    fn examples_are_the_best_the_middle_and_the_worst() {
        let r = [0.1, f64::NAN, 0.9, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        let chosen = example_voxels(&table(&r));
        assert_eq!(chosen, [102, 109, 108, 106, 104, 103, 100]);
        assert_eq!(example_voxels(&table(&[0.1, 0.2])), [101, 100]);
        assert_eq!(example_voxels(&table(&[f64::NAN])), [0; 0]);
    }
}
