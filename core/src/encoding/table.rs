//! Scores of voxels, with names, as files.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Ix0, Ix1, Ix2};

use crate::formats::npz::{self, NpzError};
use crate::formats::npz_arrays::ArraysWriter;
use crate::intervals::{CONFIDENCE, Interval, MeanOfDraws};
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
    /// sign(R) · √|R| with R = 1 − var(y − ŷ) / var(y): what the study's `bootstrap_ridge` returns with `use_corr = false`.
    SignedRootR2,
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
    /// Share of the signal power that the predictions explain (SPE, Schoppe 2016).
    SignalPowerExplained,
    /// Lower end of the interval that holds r in 95 of 100 draws of blocks of test time.
    RLow,
    /// Its upper end.
    RHigh,
    /// Values of the training responses that are no numbers.
    NMissing,
}

impl Column {
    /// All of them, in order.
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

    /// Whether scores of older versions lack it.
    fn is_later(self) -> bool {
        matches!(self, Self::SignedRootR2 | Self::SignalPowerExplained)
    }

    /// Its name in files.
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
    /// r in each draw of test time, for each block of voxels; none if nothing was drawn.
    pub draws: Vec<MeanOfDraws>,
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

    /// Where the mean r over all voxels lies in 95 of 100 draws of blocks of test time; `None` if nothing was drawn. It knows that
    /// voxels share their noise.
    #[must_use]
    pub fn mean_interval(&self) -> Option<Interval> {
        let (first, others) = self.draws.split_first()?;
        let mut all = first.clone();
        for block in others {
            // Shares of a fit that was made in other ways are not put together.
            if block.n_draws() != all.n_draws() {
                return None;
            }
            all.join(block);
        }
        Some(all.interval(CONFIDENCE)).filter(|interval| interval.lower.is_finite())
    }

    /// Voxels whose q is at most the level; `None` if no p was computed.
    #[must_use]
    pub fn n_significant(&self) -> Option<usize> {
        let mut q = self.column(Column::Q);
        q.clone()
            .any(f64::is_finite)
            .then(|| q.by_ref().filter(|q| *q <= self.fdr_level).count())
    }

    /// The archive `scores.npz`: a column each, `significant`, `alphas` and `round_scores`; `mean_r_interval`, and what it comes
    /// from, `draw_sums` and `draw_voxels` `(n_blocks, n_draws)`.
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
    /// [`NpzError`] if it cannot be read or lacks a column.
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

/// What draws are called in `scores.npz`.
const DRAWS: [&str; 2] = ["draw_sums", "draw_voxels"];

/// Scores from before draws were kept have none.
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
        // Draws of 4 / 4 and 8 / 4: 95 of 100 lie between 1.025 and 1.975, as numpy.percentile says.
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
