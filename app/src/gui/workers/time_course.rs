//! One voxel's measured and predicted time course in the test stories: as saved by the fit, or fitted again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::run::encoding::{ExampleSeries, ScoreTable};
use heschl_core::run::pipeline::Refit;
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::EncodeFile;
use ndarray::Array2;

use super::responses::source;
use super::{Replies, Waker, Worker};
use crate::gui::fitting::VoxelTimeCourse;
use crate::gui::loading::Loading;
use crate::story_film::{StorySource, test_stories};
use crate::test_responses::measured;

/// The voxel whose course is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeCourseRequest {
    /// The scores.
    pub(crate) folder: PathBuf,
    /// The first voxel that they have.
    pub(crate) first_voxel: usize,
    /// The voxel.
    pub(crate) voxel: usize,
    /// A folder of `TextGrid`s.
    pub(crate) words: Option<PathBuf>,
}

impl TimeCourseRequest {
    fn source(&self) -> StorySource {
        let usual = StorySource::of(&self.folder);
        StorySource {
            words: self.words.clone().or(usual.words.clone()),
            ..usual
        }
    }
}

pub(super) type Reply = Loading<Arc<VoxelTimeCourse>>;

pub(super) fn open(waker: &Waker) -> Worker<TimeCourseRequest, Reply> {
    let mut again = None;
    Worker::open(
        "course",
        waker,
        move |request: TimeCourseRequest, cancel: &CancelToken, out: &Replies<Reply>| {
            let time_course = VoxelTimeCourse {
                series: read_or_fit(&request, &mut again, cancel),
                stories: test_stories(&request.source(), request.voxel, cancel).unwrap_or_default(),
            };
            if !cancel.is_cancelled() {
                out.give(Loading::Ready(Arc::new(time_course)));
            }
        },
    )
}

/// A fit whose voxels are fitted again, because it saved no predictions.
struct FittedAgain {
    folder: PathBuf,
    modified: Option<SystemTime>,
    table: ScoreTable,
    responses: (PathBuf, Option<PathBuf>),
    refit: Refit,
}

impl FittedAgain {
    fn open(folder: &Path) -> Result<Self, String> {
        let recipe =
            EncodeFile::read(&folder.join("recipe.toml")).map_err(|error| error.to_string())?;
        let recipe = recipe.encode.rooted(folder);
        let responses = (recipe.responses.path.clone(), recipe.responses.mask.clone());
        let refit = Refit::open(folder, recipe, source(&responses)?.as_ref());
        Ok(Self {
            folder: folder.to_path_buf(),
            modified: modified(folder),
            table: ScoreTable::read(&folder.join("scores.npz"))
                .map_err(|error| error.to_string())?,
            refit: refit.map_err(|error| error.to_string())?,
            responses,
        })
    }

    fn series(&mut self, voxel: usize) -> Result<ExampleSeries, String> {
        let responses = source(&self.responses)?;
        let series = self.refit.series(responses.as_ref(), &self.table, voxel);
        series.map_err(|error| error.to_string())
    }
}

/// When the scores were written.
fn modified(folder: &Path) -> Option<SystemTime> {
    let info = std::fs::metadata(folder.join("scores.npz"));
    info.and_then(|info| info.modified()).ok()
}

/// The voxel as saved by the fit; fitted again if nothing was saved.
fn read_or_fit(
    request: &TimeCourseRequest,
    again: &mut Option<FittedAgain>,
    cancel: &CancelToken,
) -> Result<ExampleSeries, String> {
    if request.folder.join("predictions.npy").is_file() {
        return read(request, cancel);
    }
    let fit = match again.take() {
        Some(known)
            if known.folder == request.folder && known.modified == modified(&request.folder) =>
        {
            Ok(known)
        }
        _ => FittedAgain::open(&request.folder),
    };
    let series = fit.and_then(|mut fit| {
        let series = fit.series(request.voxel);
        *again = Some(fit);
        series
    });
    series.map_err(|reason| {
        format!(
            "The predictions of this fit were not saved, and the voxel cannot be fitted again. {reason} Turn on \"Save predictions\" under Fit, then fit again."
        )
    })
}

fn read(request: &TimeCourseRequest, cancel: &CancelToken) -> Result<ExampleSeries, String> {
    let (folder, voxel) = (&request.folder, request.voxel);
    let file = folder.join("predictions.npy");
    let say = |error: heschl_core::files::formats::npy::NpyError| error.to_string();
    let predictions = StoredMatrix::open(&file).map_err(say)?;
    let (n_scans, n_voxels) = predictions.dim();
    let column = voxel.checked_sub(request.first_voxel);
    let Some(column) = column.filter(|column| *column < n_voxels) else {
        return Err(format!(
            "The predictions are of {n_voxels} voxels, numbered from {}.",
            request.first_voxel
        ));
    };
    let predicted: Array2<f64> = predictions
        .read(0..n_scans, column..column + 1)
        .map_err(say)?;
    let recipe =
        EncodeFile::read(&folder.join("recipe.toml")).map_err(|error| error.to_string())?;
    let block = voxel..voxel + 1;
    let measured = measured(
        &recipe.encode.rooted(folder),
        std::slice::from_ref(&block),
        cancel,
    )?;
    if measured.nrows() != n_scans {
        return Err(format!(
            "The responses now have {} test scans, but {n_scans} were predicted: they have changed since the fit.",
            measured.nrows()
        ));
    }
    Ok(ExampleSeries {
        voxels: vec![voxel],
        predicted,
        measured,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};

    #[test]
    fn any_voxel_is_read_as_it_was_measured_and_predicted() {
        use crate::gui::fitting::FitStudy;
        let folder = tempfile::tempdir().unwrap();
        let responses = folder.path().join("responses");
        std::fs::create_dir(&responses).unwrap();
        let write = |path: &Path, n_rows: usize, value: &dyn Fn(usize, usize) -> f32| {
            let mut bytes = header("<f4", MemoryOrder::C, &[n_rows, 3]);
            let all = (0..n_rows * 3).map(|at| value(at / 3, at % 3));
            bytes.extend(all.flat_map(f32::to_le_bytes));
            std::fs::write(path, bytes).unwrap();
        };
        // Two presentations whose mean is the number of the scan, ten times the voxel's added.
        for (name, shift) in [("a_1", 1.0), ("a_2", -1.0)] {
            write(&responses.join(format!("{name}.npy")), 8, &|scan, voxel| {
                (scan + 10 * voxel) as f32 + shift
            });
        }
        write(&folder.path().join("predictions.npy"), 5, &|scan, voxel| {
            (100 * voxel + scan) as f32
        });
        let fit = FitStudy {
            responses: Some(responses),
            features: Some("/f".into()),
            test: vec!["a".into()],
            repeats: [("a".to_owned(), vec!["a_1".into(), "a_2".into()])].into(),
            ..FitStudy::default()
        };
        let mut encode = fit.recipe(None, None, folder.path()).unwrap();
        encode.design.trim_responses_test = [2, 1].into();
        let text = EncodeFile { encode, run: None }.to_toml().unwrap();
        std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
        let request = |voxel| TimeCourseRequest {
            folder: folder.path().to_path_buf(),
            first_voxel: 0,
            voxel,
            words: None,
        };
        let series = read(&request(2), &CancelToken::default()).unwrap();
        assert_eq!(
            series.measured.column(0).to_vec(),
            [22.0, 23.0, 24.0, 25.0, 26.0]
        );
        assert_eq!(
            series.predicted.column(0).to_vec(),
            [200.0, 201.0, 202.0, 203.0, 204.0]
        );
        let source = StorySource::of(folder.path());
        let film = crate::story_film::read(&source, 3, &CancelToken::default()).unwrap();
        let shown = film.values(crate::story_film::FilmOf::Difference, 4);
        // Measured 6, 16 and 26; predicted 4, 104 and 204.
        assert_eq!(shown, [2.0, -88.0, -178.0]);
        assert!(
            crate::story_film::read(&source, 4, &CancelToken::default())
                .unwrap_err()
                .contains("of another fit")
        );
        assert!(
            read(&request(3), &CancelToken::default())
                .unwrap_err()
                .contains("3 voxels")
        );
        std::fs::remove_file(folder.path().join("predictions.npy")).unwrap();
        let refused = read_or_fit(&request(0), &mut None, &CancelToken::default());
        assert!(refused.unwrap_err().contains("Save predictions"));
    }
}
