//! A fit gives the numbers of the study's own code: triggers that were lost, a frame that is not a number, flat voxels, five
//! presentations of the test story.
//!
//! `data/study/encode/expected.npz` holds what the study's code made of the same files, with NumPy.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{data, heschl};
use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::formats::npz;
use ndarray::{Array, Array1, Array2, Dimension};

/// A copy of the case's files, as a fit writes beside them.
fn study() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let from = data("study/encode");
    let mut waiting = vec![from.clone()];
    while let Some(folder) = waiting.pop() {
        let to = scratch.path().join(folder.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    scratch
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn expected<D: Dimension>(name: &str) -> Array<f64, D> {
    npz::read_as(&data("study/encode/expected.npz"), name).unwrap()
}

/// The largest difference where `is_compared`.
fn furthest(found: &Array1<f64>, wanted: &Array1<f64>, is_compared: impl Fn(usize) -> bool) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let compared: Vec<usize> = (0..found.len())
        .filter(|voxel| is_compared(*voxel))
        .collect();
    assert!(compared.len() > 10, "{} voxels", compared.len());
    let apart = compared
        .iter()
        .map(|voxel| (found[*voxel] - wanted[*voxel]).abs());
    apart.fold(
        0.0,
        |furthest, apart| if apart <= furthest { furthest } else { apart },
    )
}

fn scores(folder: &Path, name: &str) -> Array1<f64> {
    npz::read_as(&folder.join("out/scores.npz"), name).unwrap()
}

/// A column of the scores: its name, what it should be, and in which voxels.
type Column<'a> = (&'a str, &'a Array1<f64>, &'a dyn Fn(usize) -> bool);

#[test]
fn scores_weights_and_the_noise_ceiling_are_the_studys() {
    let study = study();
    let folder = study.path();
    succeed(heschl().arg("encode").arg(folder.join("recipe.toml")));

    let everywhere = |_: usize| true;
    let alphas: Array1<f64> = expected("valphas");
    let furthest_alpha = furthest(
        &(scores(folder, "alpha") / &alphas),
        &Array1::ones(alphas.len()),
        everywhere,
    );
    assert!(furthest_alpha <= 1e-9, "α: {furthest_alpha}");
    // Where r is not defined the study writes 0.
    let r = scores(folder, "r").mapv(|r| if r.is_nan() { 0.0 } else { r });
    let apart = furthest(&r, &expected("r"), everywhere);
    assert!(apart <= 1e-8, "r: {apart}");
    let rounds: Array2<f64> = npz::read_as(&folder.join("out/scores.npz"), "round_scores").unwrap();
    let apart = (rounds - expected::<ndarray::Ix2>("rounds")).mapv(f64::abs);
    assert!(
        apart.iter().all(|apart| *apart <= 1e-8),
        "scores in the rounds"
    );
    let wanted: Array2<f64> = expected("weights");
    let weights: Array2<f64> = StoredMatrix::open(&folder.join("out/weights.npy"))
        .unwrap()
        .read(0..wanted.nrows(), 0..wanted.ncols())
        .unwrap();
    let apart = (&weights - &wanted).mapv(f64::abs);
    assert!(apart.iter().all(|apart| *apart <= 1e-6), "weights");

    let ceiling: Array1<f64> = expected("noise_ceiling");
    let normalised: Array1<f64> = expected("r_normalised");
    let root: Array1<f64> = expected("signed_root_r2");
    let is_shown = |voxel: usize| ceiling[voxel] > 0.35 && ceiling[voxel] < 10.0;
    let columns: [Column; 3] = [
        ("noise_ceiling", &ceiling, &is_shown),
        ("r_normalised", &normalised, &|voxel| {
            normalised[voxel].is_finite() && is_shown(voxel)
        }),
        ("signed_root_r2", &root, &|voxel| root[voxel].is_finite()),
    ];
    for (name, wanted, is_compared) in columns {
        let apart = furthest(&scores(folder, name), wanted, is_compared);
        assert!(apart <= 1e-8, "{name}: {apart}");
    }
    let methods = std::fs::read_to_string(folder.join("out/methods.md")).unwrap();
    assert!(
        methods.contains("total power of the z-scored responses as 1"),
        "{methods}"
    );
}

#[test]
fn lost_triggers_are_restored_as_in_the_study_when_features_are_downsampled() {
    let study = study();
    let path = |name: &str| -> PathBuf { study.path().join(name) };
    succeed(
        heschl()
            .arg("downsample")
            .arg(path("features"))
            .arg("--reports")
            .arg(path("reports"))
            .arg("--out")
            .arg(path("down")),
    );
    let found: Array2<f64> = npz::read_as(&path("down/gate.npz"), "features").unwrap();
    let wanted: Array2<f64> = expected("downsampled_gate");
    assert_eq!(found.dim(), wanted.dim());
    for (found, wanted) in found.iter().zip(&wanted) {
        let is_same = found.is_nan() && wanted.is_nan() || (found - wanted).abs() <= 1e-9;
        assert!(is_same, "{found} beside {wanted}");
    }
}

#[test]
fn weights_predict_what_the_fit_predicted_and_are_scored_alike() {
    let study = study();
    let folder = study.path();
    succeed(heschl().arg("encode").arg(folder.join("recipe.toml")));
    // The study's weights, in an archive, and the fit's own.
    for (weights, tolerance) in [
        (None, 1e-5),
        (Some(data("study/encode/expected.npz")), 1e-5),
    ] {
        let out = folder.join("again");
        let mut command = heschl();
        command
            .arg("predict")
            .arg(folder.join("out"))
            .arg("--out")
            .arg(&out);
        if let Some(weights) = weights {
            command.arg("--weights").arg(weights);
        }
        succeed(&mut command);
        let read = |folder: &Path| -> Array2<f64> {
            let file = StoredMatrix::open(&folder.join("predictions.npy")).unwrap();
            let (n_scans, n_voxels) = file.dim();
            file.read(0..n_scans, 0..n_voxels).unwrap()
        };
        let apart = (read(&out) - read(&folder.join("out"))).mapv(f64::abs);
        assert!(apart.iter().all(|apart| *apart <= tolerance), "predictions");
        let r: Array1<f64> = npz::read_as(&out.join("scores.npz"), "r").unwrap();
        let fitted = scores(folder, "r");
        let apart = furthest(&r, &fitted, |voxel| fitted[voxel].is_finite());
        assert!(apart <= tolerance, "r: {apart}");
    }
    let mut command = heschl();
    command
        .arg("predict")
        .arg(folder.join("out"))
        .arg("--out")
        .arg(folder.join("third"));
    command
        .arg("--weights")
        .arg(folder.join("out/predictions.npy"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("6 features × 4 delays"), "{said}");
}
