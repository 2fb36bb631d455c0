//! Fits whose disk fails, or that are killed, at every single change of a file.

use heschl_core::files::disk::faults::{DiskError, Fault};

use super::*;
use crate::common::{arrays_below, sweep};

/// A fit that takes milliseconds, with every file that there can be.
fn quick(folder: &Path) -> EncodeRecipe {
    let mut recipe = recipe(folder, "out");
    recipe.ridge.alphas = Alphas::LogSpace {
        logspace: (1.0, 3.0, 2),
    };
    recipe.scores.n_permutations = 19;
    recipe.output.weights = true;
    recipe.output.predictions = true;
    recipe
}

/// Sweeps over all changes of a fit.
fn sweep_fit(recipe: &EncodeRecipe, responses: &ResponsesInMemory, fault: Fault) {
    let out = &recipe.output.folder;
    let expected = ["scores.npz", "weights.npy", "predictions.npy"];
    let mut fit = || match run(recipe, responses, VoxelShare::WHOLE).0 {
        Ok(_) => (true, String::new()),
        Err(error) => (false, error.to_string()),
    };
    let n_changes = sweep(fault, out, &mut fit, &|place, _| {
        // A folder with scores is complete.
        if out.join("scores.npz").exists() {
            let found = arrays_below(out);
            let is_there = |name: &&str| found.contains_key(&out.join(name));
            assert!(expected.iter().all(is_there), "{place}");
        }
    });
    eprintln!("{fault:?}: {n_changes} changes");
    assert!(n_changes > 50, "{fault:?}: only {n_changes} changes");
}

#[test]
fn whatever_the_disk_does_a_second_run_completes_the_fit() {
    let scratch = tempfile::tempdir().unwrap();
    let responses = study(scratch.path());
    let recipe = quick(scratch.path());
    for fault in Fault::ALL {
        sweep_fit(&recipe, &responses, fault);
    }
}

#[test]
fn a_fit_of_several_blocks_killed_at_any_change_is_completed() {
    let scratch = tempfile::tempdir().unwrap();
    let mut responses = study(scratch.path());
    for story in responses.0.values_mut() {
        let n_voxels = BLOCK_VOXELS + 2;
        *story = Array2::from_shape_fn((N_SCANS, n_voxels), |(scan, voxel)| {
            story[(scan, voxel % N_VOXELS)]
        });
    }
    let mut recipe = quick(scratch.path());
    recipe.scores.n_permutations = 3;
    sweep_fit(&recipe, &responses, Fault::Killed);
}

#[test]
fn a_banded_fit_is_completed_by_a_second_run() {
    let scratch = tempfile::tempdir().unwrap();
    let responses = study(scratch.path());
    let mut recipe = quick(scratch.path());
    let mut second = recipe.features[0].clone();
    second.name = "second".into();
    recipe.features.push(second);
    recipe.ridge.banded = Some(BandedRecipe { n_mixtures: 3 });
    for fault in [
        Fault::Killed,
        Fault::PowerLost,
        Fault::Once(DiskError::Full),
    ] {
        sweep_fit(&recipe, &responses, fault);
    }
}
