//! Single voxels, fitted again after the fit of all.

use heschl_core::run::pipeline::{Refit, RefitError};

use super::*;

/// Largest difference between a voxel fitted again and the predictions of the fit, in units of the responses' standard
/// deviation, which is about 1.
const MOST: f64 = 1e-4;

/// Compares every voxel with the predictions of the fit; returns how many were compared.
pub(super) fn compare_all(
    recipe: &EncodeRecipe,
    responses: &ResponsesInMemory,
    found: &ScoreTable,
) -> usize {
    let folder = &recipe.output.folder;
    let stored = StoredMatrix::open(&folder.join("predictions.npy")).unwrap();
    let (n_scans, n_voxels) = stored.dim();
    let predictions: Array2<f64> = stored.read(0..n_scans, 0..n_voxels).unwrap();
    let mut refit = Refit::open(folder, recipe.clone(), responses).unwrap();
    for voxel in 0..n_voxels {
        let series = refit.series(responses, found, voxel).unwrap();
        assert_eq!(series.voxels, [voxel]);
        let apart = &series.predicted.column(0) - &predictions.column(voxel);
        let largest = apart.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        assert!(largest < MOST, "voxel {voxel}: {largest}");
        // A scan without a value stays one.
        let expected = responses.0["delta"].column(voxel);
        let measured = series.measured.column(0);
        assert!(
            measured
                .iter()
                .zip(expected)
                .all(|(a, b)| a.total_cmp(b).is_eq())
        );
    }
    n_voxels
}

#[test]
fn a_voxel_fitted_again_is_predicted_as_before() {
    for precision in [FitPrecision::F64, FitPrecision::F32] {
        let folder = tempfile::tempdir().unwrap();
        let responses = study(folder.path());
        let mut recipe = recipe(folder.path(), "scores");
        recipe.output.predictions = true;
        recipe.ridge.precision = precision;
        let found = table(run(&recipe, &responses, VoxelShare::WHOLE).0);
        // Among them one with a missing scan, and one that never changes.
        assert_eq!(compare_all(&recipe, &responses, &found), N_VOXELS);
        let mut refit = Refit::open(&recipe.output.folder, recipe.clone(), &responses).unwrap();
        let none = refit.series(&responses, &found, N_VOXELS);
        assert!(matches!(none, Err(RefitError::NoVoxel { .. })), "{none:?}");
    }
}

/// With more features than scans the fit takes its kernel form.
#[test]
fn a_voxel_with_more_features_than_scans_is_predicted_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let mut random = PythonRandom::new(5);
    for story in responses.0.keys() {
        let rows = Array2::from_shape_simple_fn((N_SCANS + 15, 200), || random.normal() as f32);
        write_features(&folder.path().join("features"), story, &rows);
    }
    let mut recipe = recipe(folder.path(), "scores");
    recipe.output.predictions = true;
    let design = Design::build(&recipe, &responses).unwrap();
    assert!(design.training.0.ncols() > design.training.0.nrows());
    let found = table(run(&recipe, &responses, VoxelShare::WHOLE).0);
    assert_eq!(compare_all(&recipe, &responses, &found), N_VOXELS);
}

#[test]
fn features_that_changed_since_the_fit_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path(), "scores");
    let found = table(run(&recipe, &responses, VoxelShare::WHOLE).0);
    let mut random = PythonRandom::new(6);
    let rows = Array2::from_shape_simple_fn((N_SCANS + 15, N_FEATURES), || random.normal() as f32);
    write_features(&folder.path().join("features"), "delta", &rows);
    let mut refit = Refit::open(&recipe.output.folder, recipe.clone(), &responses).unwrap();
    let changed = refit.series(&responses, &found, 0);
    assert!(
        matches!(changed, Err(RefitError::Changed { voxel: 0, .. })),
        "{changed:?}"
    );
}
