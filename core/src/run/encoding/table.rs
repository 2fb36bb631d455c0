//! Table of voxel scores, and its files.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Ix0, Ix1, Ix2};

use crate::files::formats::npz::{self, NpzError};
use crate::files::formats::npz_arrays::ArraysWriter;
use crate::stats::intervals::{CONFIDENCE, Interval, MeanOfDraws};
use crate::stats::significance::q_values;

/// A score of each voxel. The order is that of the journal and of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Pearson's r between predicted and measured test responses.
    R,
    /// |r|·r.
    SignedSquare,
    /// R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
    R2,
    /// sign(R) · √|R| with R = 1 − var(y − ŷ) / var(y): what the study's `bootstrap_ridge` returns with `use_corr = false`.
    SignedRootR2,
    /// The chosen α, before squaring, in its unit.
    Alpha,
    /// Mean validation score at the chosen α.
    RoundScore,
    /// p value of r: one-sided block permutation test over test time.
    P,
    /// False discovery rate of p over all voxels (Benjamini–Hochberg).
    Q,
    /// Noise ceiling: the largest r that any model can reach, given the noise (Schoppe 2016).
    NoiseCeiling,
    /// r divided by the noise ceiling.
    NormalisedR,
    /// Explainable variance: fraction of the variance that is reproducible across presentations.
    ExplainableVariance,
    /// Fraction of the signal power that the predictions explain (SPE, Schoppe 2016).
    SignalPowerExplained,
    /// Lower bound of the 95 % confidence interval of r (block bootstrap over test time).
    RLow,
    /// Upper bound of the 95 % confidence interval of r.
    RHigh,
    /// Number of non-finite values in the training responses.
    NMissing,
}

impl Column {
    /// All columns, in order.
    pub const ALL: [Self; 15] = [
        Self::R,
        Self::SignedSquare,
        Self::R2,
        Self::SignedRootR2,
        Self::Alpha,
        Self::RoundScore,
        Self::P,
        Self::Q,
        Self::NoiseCeiling,
        Self::NormalisedR,
        Self::ExplainableVariance,
        Self::SignalPowerExplained,
        Self::RLow,
        Self::RHigh,
        Self::NMissing,
    ];

    /// Whether files of older versions lack the column.
    fn is_later(self) -> bool {
        matches!(self, Self::SignedRootR2 | Self::SignalPowerExplained)
    }

    /// Returns the column's name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::R => "r",
            Self::SignedSquare => "signed_square",
            Self::R2 => "r2",
            Self::SignedRootR2 => "signed_root_r2",
            Self::Alpha => "alpha",
            Self::RoundScore => "round_score",
            Self::P => "p",
            Self::Q => "q",
            Self::NoiseCeiling => "noise_ceiling",
            Self::NormalisedR => "r_normalised",
            Self::ExplainableVariance => "explainable_variance",
            Self::SignalPowerExplained => "signal_power_explained",
            Self::RLow => "r_low",
            Self::RHigh => "r_high",
            Self::NMissing => "n_missing",
        }
    }
}

/// The scores of one voxel; NaN where undefined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelScores([f64; Column::ALL.len()]);

impl Default for VoxelScores {
    fn default() -> Self {
        Self([f64::NAN; Column::ALL.len()])
    }
}

impl VoxelScores {
    /// Returns one score.
    #[must_use]
    pub fn get(&self, column: Column) -> f64 {
        self.0[column as usize]
    }

    /// Sets one score.
    pub fn set(&mut self, column: Column, value: f64) {
        self.0[column as usize] = value;
    }

    /// Returns all scores, in the order of [`Column::ALL`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Rebuilds the scores from what [`VoxelScores::values`] returned.
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
    /// Index of the first voxel; above 0 in a share.
    pub first_voxel: usize,
    /// Scores in the order of the voxels.
    pub voxels: Vec<VoxelScores>,
    /// Candidate α.
    pub alphas: Vec<f64>,
    /// Mean validation score, `(n_alphas, n_voxels)`.
    pub round_scores: Array2<f64>,
    /// Bootstrap draws of the mean r, one entry per block of voxels; empty without a bootstrap.
    pub draws: Vec<MeanOfDraws>,
    /// Level of the false discovery rate below which a voxel counts as significant.
    pub fdr_level: f64,
}

impl ScoreTable {
    /// Returns one column as an iterator over the voxels.
    pub fn column(&self, column: Column) -> impl Iterator<Item = f64> + Clone {
        self.voxels.iter().map(move |voxel| voxel.get(column))
    }

    /// Returns for some voxels the index of their α among the candidates; 0 where unknown.
    ///
    /// # Panics
    /// Panics if `voxels` is out of range, which is a bug in the caller.
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

    /// Returns the mean of a column over the voxels where it is defined; NaN if there are none.
    #[must_use]
    pub fn mean(&self, column: Column) -> f64 {
        let defined = self.column(column).filter(|value| value.is_finite());
        let (sum, n) = defined.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
        sum / n as f64
    }

    /// Returns the 95 % confidence interval of the mean r over all voxels, from a block bootstrap over test time; `None` if
    /// there are no draws. All voxels share each draw, so the interval reflects their correlated noise.
    #[must_use]
    pub fn mean_interval(&self) -> Option<Interval> {
        let (first, others) = self.draws.split_first()?;
        let mut all = first.clone();
        for block in others {
            // Shares with different numbers of draws cannot be combined.
            if block.n_draws() != all.n_draws() {
                return None;
            }
            all.join(block);
        }
        Some(all.interval(CONFIDENCE)).filter(|interval| interval.lower.is_finite())
    }

    /// Returns the number of voxels whose q is at most the level; `None` if no p was computed.
    #[must_use]
    pub fn n_significant(&self) -> Option<usize> {
        let mut q = self.column(Column::Q);
        q.clone()
            .any(f64::is_finite)
            .then(|| q.by_ref().filter(|q| *q <= self.fdr_level).count())
    }

    /// Returns the archive `scores.npz`: one array per column, `significant`, `alphas` and `round_scores`;
    /// `mean_r_interval` and the draws behind it, `draw_sums` and `draw_voxels` `(n_blocks, n_draws)`.
    ///
    /// # Errors
    /// Returns an error if it exceeds the maximum size of an archive.
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
        let interval = self.mean_interval().map(Interval::ends);
        archive.numbers("mean_r_interval", &[2], interval.unwrap_or([f64::NAN; 2]))?;
        let n_draws = self.draws.first().map_or(0, MeanOfDraws::n_draws);
        for (part, name) in DRAWS.into_iter().enumerate() {
            let blocks = self.draws.iter();
            let values = blocks.flat_map(|block| block.parts()[part].to_vec());
            archive.numbers(name, &[self.draws.len(), n_draws], values)?;
        }
        archive.finish()
    }

    /// Reads `scores.npz`.
    ///
    /// # Errors
    /// Returns an [`NpzError`] if the file cannot be read or lacks a column.
    pub fn read(path: &Path) -> Result<Self, NpzError> {
        let column = |name: &str| npz::read_as::<f64, Ix1>(path, name);
        let first_voxel = npz::read_as::<f64, Ix0>(path, "first_voxel")?.into_scalar();
        let mut voxels = Vec::new();
        for kind in Column::ALL {
            let values = match column(kind.name()) {
                Err(NpzError::Missing { .. }) if kind.is_later() => continue,
                values => values?,
            };
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
            draws: read_draws(path)?,
            fdr_level: npz::read_as::<f64, Ix0>(path, "fdr_level")?.into_scalar(),
        })
    }

    /// Computes q from p (Benjamini–Hochberg).
    pub fn correct_for_number(&mut self) {
        let p: Vec<f64> = self.column(Column::P).collect();
        for (voxel, q) in self.voxels.iter_mut().zip(q_values(&p)) {
            voxel.set(Column::Q, q);
        }
    }

    /// Returns the table `scores.csv`: a row per voxel, empty cells where a score is undefined.
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

/// Names of the draws' arrays in `scores.npz`.
const DRAWS: [&str; 2] = ["draw_sums", "draw_voxels"];

/// Reads the draws; files of versions without a bootstrap have none.
fn read_draws(path: &Path) -> Result<Vec<MeanOfDraws>, NpzError> {
    let [sums, n_voxels] = DRAWS.map(|name| match npz::read_as::<f64, Ix2>(path, name) {
        Err(NpzError::Missing { .. }) => Ok(Array2::zeros((0, 0))),
        read => read,
    });
    let (sums, n_voxels) = (sums?, n_voxels?);
    if sums.dim() != n_voxels.dim() {
        let [sums, n_voxels] = DRAWS;
        return Err(NpzError::Damaged {
            reason: format!("{sums} and {n_voxels} differ in shape"),
            path: path.to_path_buf(),
        });
    }
    let blocks = sums.rows().into_iter().zip(n_voxels.rows());
    Ok(blocks
        .map(|(sums, n_voxels)| MeanOfDraws::of_parts([sums, n_voxels]))
        .collect())
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
            draws: [[1.0, 2.0], [3.0, 6.0]]
                .map(|sums| {
                    let sums = ndarray::aview1(&sums).to_owned();
                    MeanOfDraws::of_parts([sums.view(), ndarray::aview1(&[2.0, 2.0])])
                })
                .to_vec(),
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
        // Draws of 4 / 4 and 8 / 4: the 95 % interval is 1.025 to 1.975, according to numpy.percentile.
        let interval = table().mean_interval().unwrap();
        assert!((interval.lower - 1.025).abs() < 1e-12, "{interval:?}");
        assert!((interval.upper - 1.975).abs() < 1e-12, "{interval:?}");
    }

    #[test]
    fn the_table_is_text_that_a_spreadsheet_reads() {
        let csv = table().to_csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].starts_with("voxel,r,signed_square,r2,signed_root_r2,alpha"));
        assert_eq!(lines[1], "7,0.5,,,,,,,0.01,,,,,,,,1");
        assert_eq!(lines[2], "8,,,,,,,,,,,,,,,,0");
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
        let more = ["round_scores", "significant", "mean_r_interval"];
        for name in columns.chain(more).chain(DRAWS) {
            assert!(names.contains(&format!("{name}.npy")), "{name}");
        }
    }

    #[test]
    fn scores_without_draws_are_read_also_those_of_older_versions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.npz");
        for draws in [Vec::new(), vec![MeanOfDraws::new(0); 2]] {
            let table = ScoreTable { draws, ..table() };
            assert_eq!(table.mean_interval(), None);
            std::fs::write(&path, table.to_npz().unwrap()).unwrap();
            let read = ScoreTable::read(&path).unwrap();
            assert_eq!(read.draws, table.draws);
        }
        let table = table();
        let mut archive = ArraysWriter::default();
        for column in Column::ALL.into_iter().filter(|column| !column.is_later()) {
            let values = table.column(column);
            archive.numbers(column.name(), &[3], values).unwrap();
        }
        archive.numbers("first_voxel", &[], [7.0]).unwrap();
        archive.numbers("fdr_level", &[], [0.05]).unwrap();
        archive.numbers("alphas", &[2], [1.0, 10.0]).unwrap();
        archive.numbers("round_scores", &[2, 3], [0.0; 6]).unwrap();
        std::fs::write(&path, archive.finish().unwrap()).unwrap();
        let older = ScoreTable::read(&path).unwrap();
        assert_eq!((older.voxels.len(), older.mean_interval()), (3, None));
    }
}
