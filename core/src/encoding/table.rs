//! Scores of voxels, with names, as files.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Ix0, Ix1, Ix2};

use crate::formats::npz::{self, NpzError};
use crate::formats::npz_arrays::ArraysWriter;
use crate::significance::q_values;

/// What is known of each voxel after a fit. The order is that of the journal and of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Pearson's r of prediction and measurement over the test scans.
    R,
    /// |r|·r.
    SignedSquare,
    /// R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
    R2,
    /// The chosen α, before it is squared, as a multiple of its unit.
    Alpha,
    /// Mean score in the rounds at the chosen α.
    RoundScore,
    /// Chance of an r as large without a relation, by permutation of blocks of test time.
    P,
    /// The same, corrected for the number of voxels (Benjamini–Hochberg).
    Q,
    /// Largest r that any model can reach, given the noise (Schoppe 2016).
    NoiseCeiling,
    /// r divided by the noise ceiling.
    NormalisedR,
    /// Share of the variance that repeats from presentation to presentation.
    ExplainableVariance,
    /// Lower end of the interval that holds r in 95 of 100 draws of blocks of test time.
    RLow,
    /// Its upper end.
    RHigh,
    /// Values of the training responses that are no numbers.
    NMissing,
}

impl Column {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::R,
        Self::SignedSquare,
        Self::R2,
        Self::Alpha,
        Self::RoundScore,
        Self::P,
        Self::Q,
        Self::NoiseCeiling,
        Self::NormalisedR,
        Self::ExplainableVariance,
        Self::RLow,
        Self::RHigh,
        Self::NMissing,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::R => "r",
            Self::SignedSquare => "signed_square",
            Self::R2 => "r2",
            Self::Alpha => "alpha",
            Self::RoundScore => "round_score",
            Self::P => "p",
            Self::Q => "q",
            Self::NoiseCeiling => "noise_ceiling",
            Self::NormalisedR => "r_normalised",
            Self::ExplainableVariance => "explainable_variance",
            Self::RLow => "r_low",
            Self::RHigh => "r_high",
            Self::NMissing => "n_missing",
        }
    }
}

/// The scores of one voxel; NaN where something is not defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelScores([f64; Column::ALL.len()]);

impl Default for VoxelScores {
    fn default() -> Self {
        Self([f64::NAN; Column::ALL.len()])
    }
}

impl VoxelScores {
    /// One of them.
    #[must_use]
    pub fn get(&self, column: Column) -> f64 {
        self.0[column as usize]
    }

    /// Sets one of them.
    pub fn set(&mut self, column: Column, value: f64) {
        self.0[column as usize] = value;
    }

    /// All of them, in the order of [`Column::ALL`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Reads what [`VoxelScores::values`] gave.
    #[must_use]
    pub fn of_values(values: &[f64]) -> Self {
        let mut scores = Self::default();
        for (slot, value) in scores.0.iter_mut().zip(values) {
            *slot = *value;
        }
        scores
    }
}

/// The scores of many voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreTable {
    /// Number of the first voxel: above 0 in a share.
    pub first_voxel: usize,
    /// In the order of the voxels.
    pub voxels: Vec<VoxelScores>,
    /// The α that were tried.
    pub alphas: Vec<f64>,
    /// Mean score in the rounds, `(n_alphas, n_voxels)`.
    pub round_scores: Array2<f64>,
    /// Share of false discoveries up to which a voxel counts as predicted.
    pub fdr_level: f64,
}

impl ScoreTable {
    /// One column.
    pub fn column(&self, column: Column) -> impl Iterator<Item = f64> + Clone {
        self.voxels.iter().map(move |voxel| voxel.get(column))
    }

    /// For some voxels the number of their α among those that were tried; 0 where none is known.
    ///
    /// # Panics
    /// If there are no such voxels: a fault of the caller.
    #[must_use]
    pub fn chosen_alphas(&self, voxels: Range<usize>) -> Vec<usize> {
        let number = |voxel: &VoxelScores| {
            let alpha = voxel.get(Column::Alpha);
            let apart = |tried: &f64| (tried - alpha).abs();
            let tried = self.alphas.iter().enumerate();
            tried
                .min_by(|(_, a), (_, b)| apart(a).total_cmp(&apart(b)))
                .map_or(0, |(number, _)| number)
        };
        self.voxels[voxels].iter().map(number).collect()
    }

    /// Mean of a column over the voxels where it is defined; NaN if there are none.
    #[must_use]
    pub fn mean(&self, column: Column) -> f64 {
        let defined = self.column(column).filter(|value| value.is_finite());
        let (sum, n) = defined.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
        sum / n as f64
    }

    /// Voxels whose q is at most the level; `None` if no p was computed.
    #[must_use]
    pub fn n_significant(&self) -> Option<usize> {
        let mut q = self.column(Column::Q);
        q.clone()
            .any(f64::is_finite)
            .then(|| q.by_ref().filter(|q| *q <= self.fdr_level).count())
    }

    /// The archive `scores.npz`: a column each, `significant`, `alphas` and `round_scores`.
    ///
    /// # Errors
    /// If it grows over what an archive can hold.
    pub fn to_npz(&self) -> io::Result<Vec<u8>> {
        let mut archive = ArraysWriter::default();
        for column in Column::ALL {
            archive.numbers(column.name(), &[self.voxels.len()], self.column(column))?;
        }
        let significant = self.column(Column::Q).map(|q| q <= self.fdr_level);
        archive.flags("significant", significant)?;
        archive.numbers("first_voxel", &[], [self.first_voxel as f64])?;
        archive.numbers("fdr_level", &[], [self.fdr_level])?;
        archive.numbers("alphas", &[self.alphas.len()], self.alphas.iter().copied())?;
        let shape = self.round_scores.shape();
        archive.numbers("round_scores", shape, self.round_scores.iter().copied())?;
        archive.finish()
    }

    /// Reads `scores.npz`.
    ///
    /// # Errors
    /// [`NpzError`] if it cannot be read or lacks a column.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let column = |name: &str| npz::read_as::<f64, Ix1>(path, name);
        let first_voxel = npz::read_as::<f64, Ix0>(path, "first_voxel")?.into_scalar();
        let mut voxels = Vec::new();
        for kind in Column::ALL {
            let values = column(kind.name())?;
            voxels.resize(values.len(), VoxelScores::default());
            for (voxel, value) in voxels.iter_mut().zip(values) {
                voxel.set(kind, value);
            }
        }
        Ok(Self {
            first_voxel: first_voxel as usize,
            voxels,
            alphas: column("alphas")?.to_vec(),
            round_scores: npz::read_as::<f64, Ix2>(path, "round_scores")?,
            fdr_level: npz::read_as::<f64, Ix0>(path, "fdr_level")?.into_scalar(),
        })
    }

    /// Corrects p for the number of voxels.
    pub fn correct_for_number(&mut self) {
        let p: Vec<f64> = self.column(Column::P).collect();
        for (voxel, q) in self.voxels.iter_mut().zip(q_values(&p)) {
            voxel.set(Column::Q, q);
        }
    }

    /// The table `scores.csv`: a row per voxel, empty where something is not defined.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let names: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        let mut text = format!("voxel,{},significant\n", names.join(","));
        for (voxel, scores) in (self.first_voxel..).zip(&self.voxels) {
            let _ = write!(text, "{voxel}");
            for value in scores.values() {
                text.push(',');
                if value.is_finite() {
                    let _ = write!(text, "{value}");
                }
            }
            let significant = scores.get(Column::Q) <= self.fdr_level;
            let _ = writeln!(text, ",{}", u8::from(significant));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ScoreTable {
        let mut voxels = vec![VoxelScores::default(); 3];
        for (index, (r, q)) in [(0.5, 0.01), (f64::NAN, f64::NAN), (-0.1, 0.8)]
            .into_iter()
            .enumerate()
        {
            voxels[index].set(Column::R, r);
            voxels[index].set(Column::Q, q);
        }
        ScoreTable {
            first_voxel: 7,
            voxels,
            alphas: vec![1.0, 10.0],
            round_scores: Array2::zeros((2, 3)),
            fdr_level: 0.05,
        }
    }

    #[test]
    fn columns_are_where_their_names_say() {
        for (index, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, index);
        }
        assert!((table().mean(Column::R) - 0.2).abs() < 1e-15);
        assert!(table().mean(Column::P).is_nan());
        assert_eq!(table().n_significant(), Some(1));
    }

    #[test]
    fn the_table_is_text_that_a_spreadsheet_reads() {
        let csv = table().to_csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].starts_with("voxel,r,signed_square,r2,alpha"));
        assert_eq!(lines[1], "7,0.5,,,,,,0.01,,,,,,,1");
        assert_eq!(lines[2], "8,,,,,,,,,,,,,,0");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn the_archive_holds_every_column() {
        let bytes = table().to_npz().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.npz");
        std::fs::write(&path, &bytes).unwrap();
        let read = ScoreTable::read(&path).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", table()));
        let archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        let names: Vec<_> = archive.file_names().flatten().map(String::from).collect();
        let columns = Column::ALL.iter().map(|column| column.name());
        for name in columns.chain(["round_scores", "significant"]) {
            assert!(names.contains(&format!("{name}.npy")), "{name}");
        }
    }
}
