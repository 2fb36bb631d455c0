//! The output folder of a fit.

use std::path::Path;

use crate::remedy::Remedy;
use crate::run::encoding::{ExampleSeries, ScoreTable};
use crate::run::recipe::EncodeFile;
use crate::run::report::EncodeReport;
use crate::run::store::{StoreError, atomic};

/// Errors of [`write_results`].
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum OutputError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("The recipe cannot be written: {0}")]
    Recipe(String),
}

impl OutputError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Store(error) => error.remedies(),
            Self::Recipe(_) => Vec::new(),
        }
    }
}

/// Writes the recipe, the score table, the report and the other small files. `scores.npz` comes last: its presence marks a
/// finished folder.
///
/// # Errors
/// Returns an [`OutputError`] if a file cannot be written.
pub fn write_results(
    folder: &Path,
    file: &EncodeFile,
    table: &ScoreTable,
    series: Option<&ExampleSeries>,
) -> Result<(), OutputError> {
    let write = |name: &str, bytes: &[u8]| atomic::write(&folder.join(name), bytes);
    let failed = |name: &str| {
        let path = folder.join(name);
        move |source| StoreError::Write { source, path }
    };
    let archive = table.to_npz().map_err(failed("scores.npz"))?;
    write(
        "recipe.toml",
        file.to_toml().map_err(OutputError::Recipe)?.as_bytes(),
    )?;
    write("scores.csv", table.to_csv().as_bytes())?;
    if let Some(series) = series {
        write(
            "series.npz",
            &series.to_npz().map_err(failed("series.npz"))?,
        )?;
    }
    if let Some(info) = &file.run {
        let report = EncodeReport {
            recipe: &file.encode,
            info,
            table,
            series,
        };
        write("methods.md", report.methods().as_bytes())?;
        write("report.html", report.html().as_bytes())?;
        write(
            "dataset_description.json",
            dataset_description(&info.heschl).as_bytes(),
        )?;
    }
    write("scores.npz", &archive)?;
    Ok(())
}

/// The `dataset_description.json` that BIDS requires of a derivatives folder.
fn dataset_description(heschl: &str) -> String {
    let description = serde_json::json!({
        "Name": "Voxel scores of an encoding model",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{ "Name": "Heschl", "Version": heschl }],
    });
    format!("{description:#}\n")
}
