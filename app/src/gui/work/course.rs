//! What one voxel did in the test, beside what was predicted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::encoding::ExampleSeries;
use heschl_core::formats::npy::StoredMatrix;
use heschl_core::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::progress::CancelToken;
use heschl_core::recipe::{EncodeFile, EncodeRecipe};
use heschl_core::responses::ResponseSource;
use ndarray::{Array1, Array2, Axis, concatenate};

use super::{Answers, Desk, Waker};
use crate::gui::loading::Loading;

/// Scores, and the voxel whose course is wanted.
pub(super) type Question = (PathBuf, usize);

pub(super) type Answer = Loading<Arc<ExampleSeries>>;

pub(super) fn open(waker: &Waker) -> Desk<Question, Answer> {
    Desk::open(
        "course",
        waker,
        |(folder, voxel): Question, _: &CancelToken, out: &Answers<Answer>| {
            out.give(
                read(&folder, voxel)
                    .map_or_else(Loading::Failed, |series| Loading::Ready(Arc::new(series))),
            );
        },
    )
}

fn read(folder: &Path, voxel: usize) -> Result<ExampleSeries, String> {
    let file = folder.join("predictions.npy");
    if !file.is_file() {
        return Err(
            "The predictions of this fit were not kept, so only the voxels below can be looked at. Tick \"Keep predictions\" under Fit, \
             and fit again."
                .into(),
        );
    }
    let say = |error: heschl_core::formats::npy::NpyError| error.to_string();
    let predictions = StoredMatrix::open(&file).map_err(say)?;
    let (n_scans, n_voxels) = predictions.dim();
    if voxel >= n_voxels {
        return Err(format!("There are {n_voxels} voxels, numbered from 0."));
    }
    let predicted: Array2<f64> = predictions
        .read(0..n_scans, voxel..voxel + 1)
        .map_err(say)?;
    let recipe =
        EncodeFile::read(&folder.join("recipe.toml")).map_err(|error| error.to_string())?;
    let measured = measured(&recipe.encode.rooted(folder), voxel)?;
    if measured.len() != n_scans {
        return Err(format!(
            "The responses have {} test scans by now, and {n_scans} were predicted: they have changed since the fit.",
            measured.len()
        ));
    }
    Ok(ExampleSeries {
        voxels: vec![voxel],
        predicted,
        measured: measured.insert_axis(Axis(1)),
    })
}

/// The test responses of a voxel, story after story, as the fit saw them.
fn measured(recipe: &EncodeRecipe, voxel: usize) -> Result<Array1<f64>, String> {
    let options = ResponseOptions {
        mask: recipe.responses.mask.clone(),
        ..ResponseOptions::default()
    };
    let source =
        open_responses(&recipe.responses.path, &options).map_err(|error| error.to_string())?;
    let stories = recipe.stories.test.iter();
    let courses: Result<Vec<Array1<f64>>, String> = stories
        .map(|story| course(recipe, source.as_ref(), (story, voxel)))
        .collect();
    let courses = courses?;
    let views: Vec<_> = courses.iter().map(|course| course.view()).collect();
    concatenate(Axis(0), &views).map_err(|error| error.to_string())
}

/// One story's responses after their trim: the mean, where it was heard several times.
fn course(
    recipe: &EncodeRecipe,
    source: &dyn ResponseSource,
    (story, voxel): (&String, usize),
) -> Result<Array1<f64>, String> {
    let once = [story.clone()];
    let names = recipe.responses.repeats.get(story);
    let names = names.map_or(&once[..], Vec::as_slice);
    let trim = recipe.design.trim_responses_test;
    let mut sum: Option<Array1<f64>> = None;
    for name in names {
        let (n_scans, _) = source
            .shape(name)
            .ok_or_else(|| format!("There are no responses to \"{name}\" any more."))?;
        let rows = trim.start_scans..n_scans.saturating_sub(trim.end_scans);
        let read = source
            .read_f64(name, rows, voxel..voxel + 1)
            .map_err(|error| error.to_string())?;
        let read = read.column(0).to_owned();
        sum = Some(match sum {
            Some(sum) if sum.len() == read.len() => sum + read,
            Some(_) => {
                return Err(format!(
                    "The presentations of \"{story}\" differ in length."
                ));
            }
            None => read,
        });
    }
    let sum = sum.ok_or_else(|| format!("There are no responses to \"{story}\" any more."))?;
    Ok(sum / names.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heschl_core::formats::npz_arrays::{Order, header};

    #[test]
    fn any_voxel_is_read_as_it_was_measured_and_predicted() {
        use crate::gui::fitting::FitStudy;
        let folder = tempfile::tempdir().unwrap();
        let responses = folder.path().join("responses");
        std::fs::create_dir(&responses).unwrap();
        let write = |path: &Path, n_rows: usize, value: &dyn Fn(usize, usize) -> f32| {
            let mut bytes = header("<f4", Order::C, &[n_rows, 3]);
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
        let series = read(folder.path(), 2).unwrap();
        assert_eq!(
            series.measured.column(0).to_vec(),
            [22.0, 23.0, 24.0, 25.0, 26.0]
        );
        assert_eq!(
            series.predicted.column(0).to_vec(),
            [200.0, 201.0, 202.0, 203.0, 204.0]
        );
        assert!(read(folder.path(), 3).unwrap_err().contains("3 voxels"));
        std::fs::remove_file(folder.path().join("predictions.npy")).unwrap();
        assert!(
            read(folder.path(), 0)
                .unwrap_err()
                .contains("Keep predictions")
        );
    }
}
