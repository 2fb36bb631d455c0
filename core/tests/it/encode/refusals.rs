//! What a fit refuses, and how it says so.

use super::*;

#[test]
fn what_cannot_be_fitted_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut responses = study(folder.path());
    let refused = |recipe: &EncodeRecipe, responses: &ResponsesInMemory, share| {
        run(recipe, responses, share).0.unwrap_err().to_string()
    };
    let part = VoxelShare { index: 2, count: 2 };
    let mut shared = recipe(folder.path(), "out");
    shared.ridge.sharing = AlphaSharing::One;
    assert!(refused(&shared, &responses, part).contains("cannot know the α"));
    let error = refused(
        &recipe(folder.path(), "out"),
        &responses,
        VoxelShare { index: 1, count: 2 },
    );
    assert!(error.contains("there are 1 blocks"), "{error}");
    let mut greedy = recipe(folder.path(), "out");
    greedy.ridge.cross_validation = CrossValidation::ChunkBootstrap {
        n_rounds: 3,
        chunk_scans: 100_000,
        chunks: HeldChunks::Count(125),
    };
    assert!(refused(&greedy, &responses, VoxelShare::WHOLE).contains("of which 125"));
    let from = folder.path().join("features/alpha.npz");
    std::fs::copy(from, folder.path().join("features/delta.npz")).unwrap();
    let error = refused(&recipe(folder.path(), "out"), &responses, VoxelShare::WHOLE);
    assert!(
        error.contains("\"alpha\" and the test story \"delta\" have the very same"),
        "{error}"
    );
    let fewer = responses.0["beta"].slice(s![.., 1..]).to_owned();
    responses.0.insert("beta".into(), fewer);
    let error = refused(&recipe(folder.path(), "out"), &responses, VoxelShare::WHOLE);
    assert!(
        error.contains("\"beta\" has 41 voxels and \"alpha\" has 42"),
        "{error}"
    );
}

/// A second set that voxels follow as well, and what a fit with a penalty per set says of them.
#[test]
fn features_that_are_not_those_of_their_record_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path(), "scores");
    let features = folder.path().join("features");
    let checksum = sha256_of_file(&features.join("beta.npz")).unwrap();
    std::fs::create_dir_all(features.join(".heschl")).unwrap();
    let record = include_str!("../../../src/run/store/record_of_a_story.toml");
    let record = record.split("[[outputs]]").next().unwrap();
    let with =
        |sha256: &str| format!("{record}[[outputs]]\nfile = \"beta.npz\"\nsha256 = \"{sha256}\"\n");
    let path = features.join(".heschl/beta.toml");
    let cancel = CancelToken::default();
    std::fs::write(&path, with(&checksum)).unwrap();
    encode_sizes(&work(&recipe, &responses, &cancel)).unwrap();
    std::fs::write(&path, with(&"0".repeat(64))).unwrap();
    // Before a fit and without one.
    let sizes = encode_sizes(&work(&recipe, &responses, &cancel)).map(|_| ());
    let fit = run(&recipe, &responses, VoxelShare::WHOLE).0.map(|_| ());
    for outcome in [sizes, fit] {
        let error = outcome.unwrap_err();
        let is_it = matches!(&error, EncodeError::FeaturesChanged { story, .. } if story == "beta");
        assert!(is_it, "{error}");
    }
}

#[test]
fn a_fit_without_any_score_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut responses = study(folder.path());
    responses.0.get_mut("delta").unwrap().fill(1.0);
    let recipe = recipe(folder.path(), "scores");
    let error = run(&recipe, &responses, VoxelShare::WHOLE).0.unwrap_err();
    assert!(matches!(error, EncodeError::NoScores(_)), "{error}");
    assert!(!folder.path().join("scores/scores.npz").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_of_scores_that_is_taken_away_ends_the_fit_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path(), "scores");
    let cancel = CancelToken::default();
    let mut is_away = false;
    let outcome = encode(&work(&recipe, &responses, &cancel), &mut |event| {
        if matches!(event, Event::VoxelProgress { .. }) && !is_away {
            is_away = true;
            std::fs::remove_dir_all(&recipe.output.folder).unwrap();
        }
    });
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, EncodeError::Store(StoreError::Vanished(_))),
        "{error}"
    );
    assert!(is_away && !recipe.output.folder.join("scores.npz").exists());
}
