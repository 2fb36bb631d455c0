//! Several sets of features: a penalty each, and a stack.

use super::*;

#[test]
fn with_a_penalty_per_set_voxels_choose_the_set_that_they_follow() {
    let folder = tempfile::tempdir().unwrap();
    let mut responses = study(folder.path());
    let mut random = PythonRandom::new(9);
    for (story, measured) in &mut responses.0 {
        let features = Array2::from_shape_simple_fn((N_SCANS + 15, 40), || random.normal());
        for voxel in N_PLANTED..2 * N_PLANTED {
            for scan in 0..N_SCANS {
                measured[(scan, voxel)] += features[(scan + 10 - 1, voxel)];
            }
        }
        let rows = features.mapv(|value| value as f32);
        write_features(&folder.path().join("second"), story, &rows);
    }
    let mut both = recipe(folder.path(), "both");
    both.features.push(FeatureSet {
        name: "second".into(),
        folder: folder.path().join("second"),
        ..both.features[0].clone()
    });
    let mut banded = both.clone();
    banded.ridge.banded = Some(BandedRecipe { n_mixtures: 12 });
    banded.output.folder = folder.path().join("banded");
    (banded.output.weights, banded.output.predictions) = (true, true);
    banded.scores.controls = true;
    let ordinary = table(run(&both, &responses, VoxelShare::WHOLE).0);
    let found = table(run(&banded, &responses, VoxelShare::WHOLE).0);
    let mean = |table: &ScoreTable, voxels: std::ops::Range<usize>| {
        let n = voxels.len() as f64;
        let r = table
            .column(Column::R)
            .skip(voxels.start)
            .take(voxels.len());
        r.sum::<f64>() / n
    };
    // The 160 columns of the second set are noise for those that follow the first one.
    let (before, after) = (mean(&ordinary, 0..N_PLANTED), mean(&found, 0..N_PLANTED));
    assert!(after > before + 0.02, "{before} {after}");
    let second = mean(&found, N_PLANTED..2 * N_PLANTED);
    assert!(
        second > mean(&ordinary, N_PLANTED..2 * N_PLANTED) - 0.01,
        "{second}"
    );
    // Each voxel is drawn with the mixture that it chose, and with no other.
    let [_, n_drawn] = found.draws[0].parts();
    assert!(
        n_drawn
            .iter()
            .all(|n| (n - 2.0 * N_PLANTED as f64).abs() < 1e-12)
    );
    assert!(found.mean_interval().unwrap().holds(found.mean(Column::R)));
    let of = |name: &str| {
        npz::read_as::<f64, Ix2>(&folder.path().join("banded/banded.npz"), name).unwrap()
    };
    let (mixtures, shares) = (of("mixture"), of("r2_of_sets"));
    let mut n_right = 0;
    for voxel in 0..2 * N_PLANTED {
        let follows = usize::from(voxel >= N_PLANTED);
        assert!((mixtures.row(voxel).sum() - 1.0).abs() < 1e-12);
        n_right += usize::from(mixtures[(voxel, follows)] > 0.5);
        assert!(
            shares[(voxel, follows)] > shares[(voxel, 1 - follows)],
            "{voxel}"
        );
    }
    assert!(n_right >= 36, "{n_right} of 40");
    check_files(&banded, &responses, &found);
    let text = std::fs::read_to_string(folder.path().join("banded/methods.md")).unwrap();
    assert!(
        text.contains("12 random mixtures") && text.contains("Dupré la Tour"),
        "{text}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path().join("banded/.heschl"))
        .unwrap()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Weights times test features are the predictions, which have the scores of the table; the sanity checks ran.
fn check_files(recipe: &EncodeRecipe, responses: &ResponsesInMemory, found: &ScoreTable) {
    let folder = &recipe.output.folder;
    let read = |name: &str| -> Array2<f64> {
        let stored = StoredMatrix::open(&folder.join(name)).unwrap();
        let (n_rows, n_voxels) = stored.dim();
        stored.read(0..n_rows, 0..n_voxels).unwrap()
    };
    let (weights, predictions) = (read("weights.npy"), read("predictions.npy"));
    let design = Design::build(recipe, responses).unwrap();
    let again = design.test.0.dot(&weights);
    let largest = (&again - &predictions).fold(0.0_f64, |largest, apart| largest.max(apart.abs()));
    assert!(largest < 1e-4, "{largest}");
    refit::compare_all(recipe, responses, found);
    let series = ExampleSeries::read(&folder.join("series.npz")).unwrap();
    let file = EncodeFile::read(&folder.join("recipe.toml")).unwrap();
    for (index, voxel) in series.voxels.iter().enumerate() {
        let apart = &series.predicted.column(index) - &predictions.column(*voxel);
        assert!(apart.iter().all(|apart| apart.abs() < 1e-4), "{voxel}");
        let r = correlation(
            predictions.slice(s![.., *voxel..=*voxel]),
            series.measured.slice(s![.., index..=index]),
        );
        let expected = found.voxels[*voxel].get(Column::R);
        assert!((r[0] - expected).abs() < 1e-4, "{} {expected}", r[0]);
    }
    let checks = file.run.unwrap().checks;
    // The four of the recordings, and those of the model: shuffled, moved, injected, and three rivals.
    assert_eq!(checks.len(), 10, "{checks:?}");
    // The simulated noise is white, unlike that of blood flow.
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["Scans are in temporal order"]);
}

#[test]
fn a_banded_fit_that_was_stopped_goes_on_to_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let mut whole = recipe(folder.path(), "whole");
    whole.features.push(FeatureSet {
        name: "the same again".into(),
        ..whole.features[0].clone()
    });
    whole.ridge.banded = Some(BandedRecipe { n_mixtures: 3 });
    (whole.output.weights, whole.output.predictions) = (true, true);
    // One mixture at a time.
    whole.output.memory_gib = 1e-6;
    let expected = table(run(&whole, &responses, VoxelShare::WHOLE).0);
    let mut stopped = whole.clone();
    stopped.output.folder = folder.path().join("stopped");
    let mut n_runs = 0;
    let found = loop {
        n_runs += 1;
        let cancel = CancelToken::default();
        let work = work(&stopped, &responses, &cancel);
        // Stopped after each block of voxels.
        let summary = encode(&work, &mut |event| {
            if matches!(event, Event::VoxelProgress { .. }) {
                cancel.cancel();
            }
        });
        match summary.unwrap() {
            EncodeSummary::Finished(table) => break *table,
            EncodeSummary::Stopped => assert!(n_runs < 100),
            EncodeSummary::DoneBefore => unreachable!("it was never finished"),
        }
    };
    assert!(n_runs > 5, "{n_runs}");
    let bits = |table: &ScoreTable| {
        table
            .column(Column::R)
            .map(f64::to_bits)
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&found), bits(&expected));
    for name in ["weights.npy", "predictions.npy"] {
        let bytes = |recipe: &EncodeRecipe| std::fs::read(recipe.output.folder.join(name)).unwrap();
        assert!(bytes(&whole) == bytes(&stopped), "{name}");
    }
    let alone = recipe(folder.path(), "alone");
    let mut wrong = alone.clone();
    wrong.ridge.banded = Some(BandedRecipe { n_mixtures: 3 });
    let error = run(&wrong, &responses, VoxelShare::WHOLE).0.unwrap_err();
    assert!(
        error.to_string().contains("needs at least two sets"),
        "{error}"
    );
}

/// Two models of which each suits half of the voxels: the mixture is as good as the better one everywhere.
#[test]
fn a_stack_takes_for_each_voxel_the_model_that_suits_it() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let mut members = Vec::new();
    for (name, columns) in [("first", s![.., ..3]), ("second", s![.., 3..])] {
        for story in responses.0.keys() {
            let file = folder.path().join("features").join(format!("{story}.npz"));
            let all = npz::read_as::<f32, Ix2>(&file, "features").unwrap();
            let rows = all.slice(columns).as_standard_layout().to_owned();
            write_features(&folder.path().join(name), story, &rows);
        }
        let mut recipe = recipe(folder.path(), &format!("scores of {name}"));
        recipe.features[0].folder = folder.path().join(name);
        members.push(StackMember {
            name: name.into(),
            table: table(run(&recipe, &responses, VoxelShare::WHOLE).0),
            recipe,
        });
    }
    let mixed = |memory_bytes| {
        let cancel = CancelToken::default();
        let stacked = stack(
            &members,
            &responses,
            memory_bytes,
            (&cancel, &mut |_, _| ()),
        );
        stacked.unwrap().unwrap()
    };
    let found = mixed(1 << 30);
    for voxel in 0..N_PLANTED {
        let suits = usize::from(voxel % N_FEATURES >= 3);
        assert!(
            found.weights[(suits, voxel)] > 0.8,
            "{voxel}: {}",
            found.weights.column(voxel)
        );
        let better = found.model_r[(suits, voxel)];
        assert!(
            found.r[voxel] > better - 0.05,
            "{} {better}",
            found.r[voxel]
        );
        // A model in the stack scores as it does alone.
        let alone = members[suits].table.voxels[voxel].get(Column::R);
        assert!((better - alone).abs() < 1e-9, "{better} {alone}");
    }
    let bits =
        |values: &ndarray::Array1<f64>| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&mixed(1).r), bits(&found.r));
    let mut other = members.clone();
    other[1].recipe.design.delays = vec![1];
    other[1].recipe.stories.test = vec!["alpha".into()];
    let cancel = CancelToken::default();
    let error = stack(&other, &responses, 1 << 30, (&cancel, &mut |_, _| ())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"second\" was fitted to other stories"),
        "{error}"
    );
    let alone = stack(
        &members[..1],
        &responses,
        1 << 30,
        (&cancel, &mut |_, _| ()),
    );
    assert!(matches!(alone, Err(StackError::TooFew)));
}
