//! One voxel's measured and predicted time course in the test stories: as saved by the fit, or fitted again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::design::{Alignment, AlignmentQuestion};
use heschl_core::run::encoding::{ExampleSeries, ScoreTable};
use heschl_core::run::pipeline::Refit;
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe, FeatureKind};
use ndarray::Array2;

use super::responses::source;
use super::{Replies, Waker, Worker};
use crate::gui::brain::Film;
use crate::gui::fitting::{TestStory, VoxelTimeCourse};
use crate::gui::loading::Loading;
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

pub(super) type Reply = Loading<Arc<VoxelTimeCourse>>;

pub(super) fn open(waker: &Waker) -> Worker<TimeCourseRequest, Reply> {
    let mut again = None;
    Worker::open(
        "course",
        waker,
        move |request: TimeCourseRequest, cancel: &CancelToken, out: &Replies<Reply>| {
            let time_course = VoxelTimeCourse {
                series: read_or_fit(&request, &mut again, cancel),
                stories: stories(&request, cancel).unwrap_or_default(),
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

/// Bytes of a film at most.
const MOST_FILM_BYTES: u64 = 4_000_000_000;

/// Reads what all voxels did in the test stories and were predicted to do.
///
/// # Errors
/// A sentence if the fit kept no predictions, or they do not fit the responses.
pub(super) fn read_film(folder: &Path, n_voxels: usize) -> Result<Film, String> {
    let cancel = CancelToken::default();
    let file = folder.join("predictions.npy");
    if !file.is_file() {
        return Err(
            "The predictions of this fit were not saved. Turn on \"Save predictions\" under Fit, then fit again."
                .into(),
        );
    }
    let say = |error: heschl_core::files::formats::npy::NpyError| error.to_string();
    let predictions = StoredMatrix::open(&file).map_err(say)?;
    let (n_scans, n_predicted) = predictions.dim();
    if n_predicted != n_voxels {
        return Err(format!(
            "The predictions are of {n_predicted} voxels, but there are scores of {n_voxels}: one of the files is of another fit."
        ));
    }
    let n_bytes = 2 * 4 * n_scans as u64 * n_voxels as u64;
    if n_bytes > MOST_FILM_BYTES {
        return Err(format!(
            "{n_scans} scans of {n_voxels} voxels are too many to be shown as a film."
        ));
    }
    let request = TimeCourseRequest {
        folder: folder.to_path_buf(),
        first_voxel: 0,
        voxel: 0,
        words: None,
    };
    let recipe =
        EncodeFile::read(&folder.join("recipe.toml")).map_err(|error| error.to_string())?;
    let recipe = recipe.encode.rooted(folder);
    let measured = measured(&recipe, std::slice::from_ref(&(0..n_voxels)), &cancel)?;
    if measured.nrows() != n_scans {
        return Err(format!(
            "The responses now have {} test scans, but {n_scans} were predicted: they have changed since the fit.",
            measured.nrows()
        ));
    }
    let measured = measured.mapv(|value| value as f32);
    let predicted: Array2<f32> = predictions.read(0..n_scans, 0..n_voxels).map_err(say)?;
    let stories = stories(&request, &cancel).unwrap_or_default();
    Film::new(measured, predicted, stories).ok_or_else(|| "There are no test scans.".into())
}

/// When the scans of each test story were taken; `None` where that is not known: features may lie at scan times.
fn stories(request: &TimeCourseRequest, cancel: &CancelToken) -> Option<Vec<TestStory>> {
    let folder = &request.folder;
    let recipe = EncodeFile::read(&folder.join("recipe.toml")).ok()?.encode;
    let recipe = recipe.rooted(folder);
    let source = source(&(recipe.responses.path.clone(), recipe.responses.mask.clone())).ok()?;
    let mut stories: Vec<TestStory> = vec![];
    for story in &recipe.stories.test {
        if cancel.is_cancelled() {
            return None;
        }
        let first_row = stories.last().map_or(0, |story| story.rows.end);
        stories.push(on_clock(
            &recipe,
            request,
            (story, first_row),
            source.as_ref(),
        )?);
    }
    Some(stories)
}

fn on_clock(
    recipe: &EncodeRecipe,
    request: &TimeCourseRequest,
    (story, first_row): (&String, usize),
    source: &dyn ResponseSource,
) -> Option<TestStory> {
    let sets = &recipe.features;
    let model = sets.iter().find(|set| set.kind == FeatureKind::Features);
    let names = recipe.responses.presentations(story);
    let last_request = AlignmentQuestion {
        story: story.clone(),
        features: model.map(|set| set.folder.clone()),
        words: request.words.clone(),
        scans: recipe.scans.clone(),
        trim: recipe.design.trim_test,
        trim_responses: recipe.design.trim_responses_test,
        presentation: names.first().cloned(),
        voxel: request.voxel,
    };
    let found = Alignment::of(&last_request, Some(source)).ok()?;
    let is_timed = model.is_none() || !found.frame_secs.is_empty();
    let centres = found.scans.filter(|_| is_timed)?.centre_secs;
    let kept = centres.get(found.kept)?;
    Some(TestStory {
        story: story.clone(),
        rows: first_row..first_row + kept.len(),
        centre_secs: kept.to_vec(),
        words: found.words,
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
        let film = read_film(folder.path(), 3).unwrap();
        let shown = crate::gui::brain::FilmSettings {
            of: crate::gui::brain::FilmOf::Difference,
            scan: 4,
            delay_secs: 0.0,
        };
        // Measured 6, 16 and 26; predicted 4, 104 and 204.
        assert_eq!(film.values(&shown), [2.0, -88.0, -178.0]);
        assert!(
            read_film(folder.path(), 4)
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
