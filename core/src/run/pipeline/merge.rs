//! Merges the shares of a fit that was split across a cluster.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use super::{OutputError, write_results};
use crate::files::disk::DiskFile;
use crate::files::formats::npy::{NpyError, StoredMatrix};
use crate::files::formats::npz::NpzError;
use crate::maths::matrix::hstack;
use crate::remedy::Remedy;
use crate::run::encoding::{Column, ColumnsFile, ScoreTable, VoxelScores};
use crate::run::recipe::{EncodeFile, RecipeError};
use crate::run::store::{StoreError, atomic};

/// Voxels copied at a time.
const COPIED_VOXELS: usize = 1024;

/// Errors of [`merge`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum MergeError {
    #[error("There are no shares here. Give the folder of the scores, which holds \"shares\".\nFolder: {}", .0.display())]
    NoShares(PathBuf),
    #[error(
        "The scores of share {missing} of {count} are missing. Fit this share, and merge again.\nFolder: {}",
        folder.display()
    )]
    Missing {
        missing: usize,
        count: usize,
        folder: PathBuf,
    },
    #[error("Another merge is at work in this folder. Wait for it to end.\nFolder: {}", .0.display())]
    InUse(PathBuf),
    #[error("There are shares of several divisions ({counts}). Remove those that are not meant.\nFolder: {}", folder.display())]
    Divisions { counts: String, folder: PathBuf },
    #[error(
        "This share was fitted with another recipe or other files than the first one. Fit it again.\nFolder: {}", .0.display()
    )]
    OtherRecipe(PathBuf),
    #[error("The shares do not join: voxel {expected} is expected next and {found} found.\nFolder: {}", folder.display())]
    Gap {
        expected: usize,
        found: usize,
        folder: PathBuf,
    },
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl MergeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Missing { missing, count, .. } => vec![Remedy::FitShare {
                index: *missing,
                count: *count,
            }],
            Self::Recipe(error) => error.remedies(),
            Self::Store(error) => error.remedies(),
            Self::Output(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// Merges the shares below `folder`: scores, and weights and predictions if there are any. The FDR-corrected q values are
/// recomputed, since they depend on all voxels. The shares are kept.
///
/// # Errors
/// Returns a [`MergeError`] if a share is missing, or if the shares do not belong to the same fit.
pub fn merge(folder: &Path) -> Result<ScoreTable, MergeError> {
    let shares = shares_in(folder)?;
    // Held until the results are written.
    let _lock = lock(folder)?;
    let file = common_recipe(&shares)?;
    let mut tables = Vec::new();
    let mut next = 0;
    for share in &shares {
        let table = ScoreTable::read(&share.join("scores.npz"))?;
        if table.first_voxel != next {
            return Err(MergeError::Gap {
                expected: next,
                found: table.first_voxel,
                folder: share.clone(),
            });
        }
        next += table.voxels.len();
        tables.push(table);
    }
    let merged = joined(tables);
    for name in ["weights.npy", "predictions.npy"] {
        merge_columns(folder, &shares, name, next)?;
    }
    atomic::remove(&folder.join("scores.npz"))?;
    write_results(folder, &file, &merged, None)?;
    Ok(merged)
}

/// Locks the folder: concurrent merges would write the same temporary files.
fn lock(folder: &Path) -> Result<DiskFile, MergeError> {
    let inner = folder.join(".heschl");
    atomic::create_folder(&inner)?;
    let file = atomic::open_own(&inner.join("merge.lock"))?;
    match file.as_file().try_lock() {
        Err(TryLockError::WouldBlock) => Err(MergeError::InUse(folder.to_path_buf())),
        // Some network file systems do not support locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// The folders of the shares in order, all of them finished.
fn shares_in(folder: &Path) -> Result<Vec<PathBuf>, MergeError> {
    let all = folder.join("shares");
    let entries = std::fs::read_dir(&all).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut counts: Vec<usize> = names
        .filter_map(|name| {
            name.split_once("-of-")
                .and_then(|(_, count)| count.parse().ok())
        })
        .collect();
    counts.sort_unstable();
    counts.dedup();
    let [count] = counts[..] else {
        if counts.is_empty() {
            return Err(MergeError::NoShares(folder.to_path_buf()));
        }
        let named: Vec<String> = counts.iter().map(|count| format!("of {count}")).collect();
        return Err(MergeError::Divisions {
            counts: named.join(", "),
            folder: all,
        });
    };
    let shares = (1..=count).map(|index| {
        let share = all.join(format!("{index:04}-of-{count:04}"));
        if share.join("scores.npz").is_file() {
            return Ok(share);
        }
        Err(MergeError::Missing {
            missing: index,
            count,
            folder: all.clone(),
        })
    });
    shares.collect()
}

/// The recipe common to all shares, which must have been fitted from the same files.
fn common_recipe(shares: &[PathBuf]) -> Result<EncodeFile, MergeError> {
    let mut common: Option<EncodeFile> = None;
    for share in shares {
        let file = EncodeFile::read(&share.join("recipe.toml"))?;
        let inputs = |file: &EncodeFile| file.run.as_ref().map(|run| run.inputs.clone());
        let Some(first) = &mut common else {
            common = Some(file);
            continue;
        };
        if first.encode != file.encode || inputs(first) != inputs(&file) {
            return Err(MergeError::OtherRecipe(share.clone()));
        }
        if let (Some(all), Some(run)) = (&mut first.run, file.run) {
            all.add(run);
        }
    }
    common.ok_or_else(|| MergeError::NoShares(PathBuf::new()))
}

fn joined(tables: Vec<ScoreTable>) -> ScoreTable {
    let rounds: Vec<_> = tables
        .iter()
        .map(|table| table.round_scores.view())
        .collect();
    // All have the same number of α: their recipes are equal.
    let round_scores = hstack(&rounds);
    let voxels: Vec<VoxelScores> = tables
        .iter()
        .flat_map(|table| table.voxels.clone())
        .collect();
    // A share from a version that did not store bootstrap draws would be missing from the mean.
    let draws = if tables.iter().all(|table| !table.draws.is_empty()) {
        tables
            .iter()
            .flat_map(|table| table.draws.clone())
            .collect()
    } else {
        Vec::new()
    };
    let mut merged = ScoreTable {
        first_voxel: 0,
        voxels,
        alphas: tables
            .first()
            .map_or_else(Vec::new, |table| table.alphas.clone()),
        round_scores,
        draws,
        fdr_level: tables.first().map_or(f64::NAN, |table| table.fdr_level),
    };
    if merged.column(Column::P).any(f64::is_finite) {
        merged.correct_for_number();
    }
    merged
}

fn merge_columns(
    folder: &Path,
    shares: &[PathBuf],
    name: &str,
    n_voxels: usize,
) -> Result<(), MergeError> {
    let parts = shares.iter().map(|share| share.join(name));
    let parts: Vec<PathBuf> = parts.filter(|part| part.is_file()).collect();
    if parts.is_empty() {
        return Ok(());
    }
    let mut file: Option<ColumnsFile> = None;
    let mut next = 0;
    for part in parts {
        let part = StoredMatrix::open(&part)?;
        let (n_rows, n_columns) = part.dim();
        let file = match &mut file {
            Some(file) => file,
            slot => slot.insert(ColumnsFile::open(&folder.join(name), n_rows, n_voxels)?),
        };
        for first in (0..n_columns).step_by(COPIED_VOXELS) {
            let end = n_columns.min(first + COPIED_VOXELS);
            let columns = part.read::<f32>(0..n_rows, first..end)?;
            file.write(next + first, columns.view())?;
        }
        next += n_columns;
    }
    file.map_or(Ok(()), |file| Ok(file.commit()?))
}
