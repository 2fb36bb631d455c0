//! The scores that pictures of the cortex show.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use heschl_core::run::encoding::{Column, ScoreTable};

use super::shown::column;
use crate::failure::Failure;

/// The scores that were read last.
#[derive(Default)]
pub(super) struct Scores {
    folder: PathBuf,
    pub(super) modified: Option<SystemTime>,
    table: Option<ScoreTable>,
}

impl Scores {
    pub(super) fn of(&mut self, folder: &Path) -> Result<&ScoreTable, Failure> {
        let path = folder.join("scores.npz");
        let modified = std::fs::metadata(&path).and_then(|info| info.modified());
        let modified = modified.ok();
        if self.folder != folder || self.modified != modified || self.table.is_none() {
            let table = ScoreTable::read(&path);
            self.table = Some(table?);
            self.folder = folder.to_path_buf();
            self.modified = modified;
        }
        self.table
            .as_ref()
            .ok_or_else(|| Failure::new("There are no scores.".into()))
    }

    /// The scores, if they are of so many voxels.
    pub(super) fn whole(&mut self, folder: &Path, n_voxels: usize) -> Result<&ScoreTable, Failure> {
        let table = self.of(folder)?;
        if table.voxels.len() == n_voxels {
            return Ok(table);
        }
        Err(Failure::new(format!(
            "The scores have {} voxels, but the map has {n_voxels}.",
            table.voxels.len()
        )))
    }

    /// q of so many voxels and the level of the fit, if there are scores of them.
    pub(super) fn significance(
        &mut self,
        folder: &Path,
        n_voxels: usize,
    ) -> Option<(Vec<f32>, f64)> {
        let table = self.whole(folder, n_voxels).ok()?;
        Some((column(table, Column::Q), table.fdr_level))
    }
}
