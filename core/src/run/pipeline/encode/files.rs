//! Large output files that are written block by block during a fit.

use super::EncodeError;
use super::run::Run;
use crate::files::responses::Readable;
use crate::linear::ridge::{Fitted, Weights};
use crate::run::encoding::ColumnsFile;
use crate::run::store::{Found, Journal, StoreError};

/// Large output files that are written block by block during the fit.
pub(super) struct Files {
    weights: Option<ColumnsFile>,
    predictions: Option<ColumnsFile>,
}

impl Files {
    /// Opens the requested files. If they hold less than the journal records, the journal is restarted.
    pub(super) fn open(
        run: &Run,
        journal: &mut Journal<f64>,
        found: Found,
    ) -> Result<(Self, Found), EncodeError> {
        let files = Self::open_all(run)?;
        let done = journal.n_rows_done();
        let all = [&files.weights, &files.predictions];
        if all.into_iter().flatten().all(|file| file.holds(done)) {
            return Ok((files, found));
        }
        journal.restart()?;
        Ok((files, Found::Nothing))
    }

    /// Opens the requested files with room for all voxels in any order; also returns whether an earlier run left them so.
    pub(super) fn open_with_room(run: &Run) -> Result<(Self, bool), EncodeError> {
        let mut files = Self::open_all(run)?;
        let mut had_room = true;
        for file in [&mut files.weights, &mut files.predictions]
            .into_iter()
            .flatten()
        {
            had_room &= file.make_room()?;
        }
        Ok((files, had_room))
    }

    fn open_all(run: &Run) -> Result<Self, EncodeError> {
        let open = |is_wanted: bool, name: &str, n_rows: usize| {
            let path = run.folder.join(name);
            is_wanted
                .then(|| ColumnsFile::open(&path, n_rows, run.voxels.len()))
                .transpose()
        };
        let output = &run.work.recipe.output;
        Ok(Self {
            weights: open(output.weights, "weights.npy", run.design.training.0.ncols())?,
            predictions: open(
                output.predictions,
                "predictions.npy",
                run.design.test.0.nrows(),
            )?,
        })
    }

    pub(super) fn weights(&self) -> Weights {
        if self.weights.is_some() {
            Weights::Formed
        } else {
            Weights::Left
        }
    }

    pub(super) fn write<T: Readable>(
        &mut self,
        first: usize,
        fitted: &Fitted<T>,
    ) -> Result<(), StoreError> {
        if let (Some(file), Some(weights)) = (&mut self.weights, &fitted.weights) {
            file.write(first, weights.view())?;
        }
        match &mut self.predictions {
            Some(file) => file.write(first, fitted.predictions.view()),
            None => Ok(()),
        }
    }

    /// As [`Self::write`], of some voxels in ascending order.
    pub(super) fn write_some<T: Readable>(
        &mut self,
        voxels: &[usize],
        fitted: &Fitted<T>,
    ) -> Result<(), StoreError> {
        if let (Some(file), Some(weights)) = (&mut self.weights, &fitted.weights) {
            file.write_some(voxels, weights.view())?;
        }
        match &mut self.predictions {
            Some(file) => file.write_some(voxels, fitted.predictions.view()),
            None => Ok(()),
        }
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        let files = [self.weights, self.predictions].into_iter();
        files.flatten().try_for_each(ColumnsFile::commit)
    }
}
