//! `heschl partition`: what two sets of features explain apart and together.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heschl_core::linear::partition::partition;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::store::atomic;
use ndarray::Array1;

use super::extract::absolute;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};

/// Partition the variance explained by two feature sets
///
/// Needs three fits: the first feature set, the second, and both together. Writes partition.csv: the unique variance of each set and the shared variance of every voxel, as R².
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scores of the first feature set
    first: PathBuf,

    /// Scores of the second feature set
    second: PathBuf,

    /// Scores of the joint model
    both: PathBuf,

    /// Output file
    #[arg(long, value_name = "FILE", default_value = "partition.csv")]
    out: PathBuf,
}

/// Divides it.
///
/// # Errors
/// A sentence if scores are missing or do not belong together.
pub(crate) fn run(args: &Args) -> CommandResult {
    let [first, second, both] =
        [&args.first, &args.second, &args.both].map(|folder| r_squared(folder));
    let (first, second, both) = (first?, second?, both?);
    if first.len() != second.len() || first.len() != both.len() {
        return Err(Failure::new(format!(
            "The fits have {}, {} and {} voxels. Divide the scores of the same voxels.",
            first.len(),
            second.len(),
            both.len()
        )));
    }
    let parts = partition(first.view(), second.view(), both.view());
    let mut table = String::from("voxel,only_first,only_second,shared,both\n");
    for (voxel, together) in both.iter().enumerate() {
        let _ = writeln!(
            table,
            "{voxel},{},{},{},{together}",
            parts.unique_first[voxel], parts.unique_second[voxel], parts.shared[voxel]
        );
    }
    let out = absolute(&args.out)?;
    atomic::write(&out, table.as_bytes())?;
    for (what, part) in [
        ("only the first set", &parts.unique_first),
        ("only the second set", &parts.unique_second),
        ("either of them", &parts.shared),
        ("both together", &both),
    ] {
        say(format_args!("{what:<20} mean R² {:.5}", mean(part)));
    }
    if let Some(sentence) = parts.warning() {
        note(format_args!("! {sentence}"));
    }
    say(format_args!("table {}", out.display()));
    Ok(Outcome::Done)
}

fn r_squared(folder: &Path) -> Result<Array1<f64>, Failure> {
    let table = scores(folder)?;
    Ok(table.column(Column::R2).collect())
}

/// The scores that lie in a folder.
pub(super) fn scores(folder: &Path) -> Result<ScoreTable, Failure> {
    let file = absolute(folder)?.join("scores.npz");
    if !file.is_file() {
        return Err(Failure::new(format!(
            "There are no scores here. Give a folder that \"heschl encode\" has written.\nFile: {}",
            file.display()
        )));
    }
    Ok(ScoreTable::read(&file)?)
}

fn mean(values: &Array1<f64>) -> f64 {
    let finite = values.iter().filter(|value| value.is_finite());
    let (sum, n) = finite.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}
