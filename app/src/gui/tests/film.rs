//! The film of the test stories, with the sound.

use std::path::{Path, PathBuf};

use heschl_core::brain::Subject;
use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
use ndarray::Array2;

use super::Stage;
use crate::gui::actions::{Action, PathPurpose, ViewAction};
use crate::gui::brain::{FilmOf, FilmSettings};
use crate::gui::state::Page;

const DELAY_SECS: f64 = 5.0;
/// For how long the film is watched, seconds.
const WATCHED_SECS: f64 = 120.0;

fn write_wide(path: &Path, few: &Array2<f64>, n_voxels: usize) {
    let (n_scans, n_few) = few.dim();
    let mut bytes = header("<f4", MemoryOrder::C, &[n_scans, n_voxels]);
    for row in few.rows() {
        let values = (0..n_voxels).map(|at| row[at % n_few] as f32);
        bytes.extend(values.flat_map(f32::to_le_bytes));
    }
    std::fs::write(path, bytes).unwrap();
}

fn read_all(path: &Path) -> Array2<f64> {
    let stored = StoredMatrix::open(path).unwrap();
    let (n_scans, n_voxels) = stored.dim();
    stored.read(0..n_scans, 0..n_voxels).unwrap()
}

/// A fit of every vertex of fsaverage5 with predictions, whose test story "gamma" has 120 scans.
fn fit_of_the_cortex(folder: &Path) -> PathBuf {
    let fit = super::voxels::fit_with_predictions(folder, "encoder.0", 3);
    let n_vertices = Subject::fsaverage5().n_vertices();
    let wide = super::brain::scores_of(
        [folder, &fit],
        "wide",
        &|vertex| [vertex as f64 / n_vertices as f64, 0.01],
        n_vertices,
    );
    std::fs::copy(wide.join("scores.npz"), fit.join("scores.npz")).unwrap();
    for path in [
        fit.join("predictions.npy"),
        folder.join("measured/gamma.npy"),
    ] {
        let few = read_all(&path);
        write_wide(&path, &few, n_vertices);
    }
    fit
}

/// Each scan is seen when what it answers is heard: within 50 ms, over two minutes.
#[test]
#[ignore = "plays two minutes of sound"]
fn a_film_keeps_time_with_the_sound() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = super::recordings(folder.path());
    super::write_tone(&recordings.join("gamma.wav"), 200.0, 16_000, 1);
    let mut stage = Stage::with_recordings(&recordings);
    let fit = fit_of_the_cortex(folder.path());
    stage.ask(Action::Use(PathPurpose::Scores, fit));
    stage.go(Page::Brain);
    let mut settings = stage.state().brain.clone();
    settings.film = Some(FilmSettings {
        of: FilmOf::Measured,
        scan: 10,
        delay_secs: DELAY_SECS,
    });
    stage.ask(Action::View(ViewAction::Brain(Box::new(settings))));
    stage.until("the film is read, and the sound", |window| {
        window.info.brain.film.ready().is_some() && window.info.sound.ready().is_some()
    });
    super::brain::drawn(&mut stage);
    let film = stage.info().brain.film.ready().unwrap().clone();
    let centres = film.stories[0].centre_secs.clone();
    stage.ask(Action::View(ViewAction::TogglePlay));
    stage.until("it plays", |window| window.info.is_playing);
    let seen = |stage: &Stage| {
        let picture = stage.info().brain.picture.ready().unwrap();
        picture.request.settings.film.unwrap().scan
    };
    let begun = stage.state().cursor_secs;
    let (mut last, mut late, mut has_begun) = (seen(&stage), vec![], false);
    while stage.state().cursor_secs < begun + WATCHED_SECS {
        assert!(stage.info().is_playing, "the sound ended");
        std::thread::sleep(std::time::Duration::from_millis(4));
        stage.harness.run_steps(1);
        let scan = seen(&stage);
        if scan == last {
            continue;
        }
        // The first jump is to where the sound begins.
        if has_begun {
            let switch = f64::midpoint(centres[scan - 1], centres[scan]) - DELAY_SECS;
            late.push(stage.state().cursor_secs - switch);
            assert_eq!(scan, last + 1, "a scan was left out");
        }
        (last, has_begun) = (scan, true);
    }
    // The first scans may be late: how long a picture takes is not yet known.
    late.drain(..2);
    late.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let [median, most] = [late[late.len() / 2], late[late.len() - 1]].map(|secs| secs * 1e3);
    eprintln!(
        "{} scans: median {median:.0} ms, at most {most:.0} ms",
        late.len()
    );
    assert!(late.len() >= 50 && most.abs() <= 50.0);
}
