//! Whole fits of a small simulated study.
#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]

use std::collections::BTreeMap;
use std::path::Path;

use heschl_core::encoding::{BLOCK_VOXELS, Column, ScoreTable, VoxelShare, merge};
use heschl_core::formats::npy::StoredMatrix;
use heschl_core::formats::npz::{self, RowsWriter};
use heschl_core::intervals::{BlockBootstrap, Interval};
use heschl_core::pipeline::{
    EncodeError, EncodeSummary, Encoding, Existing, StackError, StackMember, encode, encode_sizes,
    stack,
};
use heschl_core::progress::{CancelToken, Event};
use heschl_core::random::PythonRandom;
use heschl_core::recipe::{
    Alphas, BandedRecipe, ControlsRecipe, EncodeFile, EncodeOutput, EncodeRecipe, FeatureKind,
    FeatureSet, FitPrecision, Preset, ResponsesRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe,
};
use heschl_core::responses::ResponsesInMemory;
use heschl_core::ridge::AlphaSharing;
use heschl_core::split::{CrossValidation, HeldChunks};
use heschl_core::store::{StoreError, sha256_of_file};
use ndarray::{Array2, Axis, Ix2, s};

/// Scans of each story that are fitted.
const N_SCANS: usize = 150;
const N_FEATURES: usize = 6;
/// Voxels that follow a feature; as many again hold nothing but noise.
const N_PLANTED: usize = 20;
const N_VOXELS: usize = 2 * N_PLANTED + 2;
/// Voxels of a study of several blocks.
const WIDE_VOXELS: usize = 5000;

fn write_features(folder: &Path, story: &str, rows: &Array2<f32>) {
    std::fs::create_dir_all(folder).unwrap();
    let file = std::fs::File::create(folder.join(format!("{story}.npz"))).unwrap();
    let mut writer = RowsWriter::new(file, "features", rows.nrows(), rows.ncols()).unwrap();
    writer.write(rows.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
}

/// Features at scans, and responses: voxel v follows feature v, two scans late, with noise.
fn study(folder: &Path) -> ResponsesInMemory {
    let mut random = PythonRandom::new(1);
    let mut responses = ResponsesInMemory::default();
    for story in ["alpha", "beta", "gamma", "delta"] {
        let mut noise =
            |n: usize, m: usize| Array2::from_shape_simple_fn((n, m), || random.normal());
        let features = noise(N_SCANS + 15, N_FEATURES);
        let mut measured = noise(N_SCANS, N_VOXELS);
        for voxel in 0..N_PLANTED {
            for scan in 0..N_SCANS {
                measured[(scan, voxel)] += features[(scan + 10 - 2, voxel % N_FEATURES)];
            }
        }
        measured.column_mut(N_VOXELS - 1).fill(3.0);
        measured[(7, N_VOXELS - 2)] = f64::NAN;
        write_features(
            &folder.join("features"),
            story,
            &features.mapv(|value| value as f32),
        );
        responses.0.insert(story.into(), measured);
    }
    responses
}

fn recipe(folder: &Path, name: &str) -> EncodeRecipe {
    let mut ridge = Preset::ScalingLaws2023.ridge();
    ridge.alphas = Alphas::LogSpace {
        logspace: (0.0, 4.0, 9),
    };
    ridge.precision = FitPrecision::F64;
    EncodeRecipe {
        features: vec![FeatureSet {
            name: "model".into(),
            kind: FeatureKind::Features,
            folder: folder.join("features"),
            layer: None,
            empty_labels: heschl_core::textgrid::EmptyLabels::default(),
        }],
        responses: ResponsesRecipe {
            path: folder.join("responses"),
            mask: None,
            repeats: BTreeMap::new(),
        },
        stories: StoriesRecipe {
            train: Vec::new(),
            test: vec!["delta".into()],
        },
        scans: ScansRecipe::default(),
        downsampling: heschl_core::downsample::Downsampling::default(),
        design: Preset::DeepFmri.design(),
        ridge,
        scores: ScoresRecipe {
            n_permutations: 199,
            ..ScoresRecipe::default()
        },
        controls: ControlsRecipe::default(),
        output: EncodeOutput {
            folder: folder.join(name),
            weights: false,
            predictions: false,
            memory_gib: 1.0,
        },
    }
}

fn work<'a>(
    recipe: &'a EncodeRecipe,
    responses: &'a ResponsesInMemory,
    cancel: &'a CancelToken,
) -> Encoding<'a> {
    Encoding {
        recipe,
        responses,
        groups: None,
        share: VoxelShare::WHOLE,
        existing: Existing::Kept,
        heschl: "test",
        cancel,
    }
}

fn run(
    recipe: &EncodeRecipe,
    responses: &ResponsesInMemory,
    share: VoxelShare,
) -> (Result<EncodeSummary, EncodeError>, Vec<Event>) {
    let mut events = Vec::new();
    let cancel = CancelToken::default();
    let work = Encoding {
        share,
        ..work(recipe, responses, &cancel)
    };
    let summary = encode(&work, &mut |event| events.push(event));
    (summary, events)
}

fn table(summary: Result<EncodeSummary, EncodeError>) -> ScoreTable {
    match summary.unwrap() {
        EncodeSummary::Finished(table) => *table,
        other => unreachable!("nobody asked for a stop: {other:?}"),
    }
}

fn warnings(events: &[Event]) -> String {
    let said = events.iter().filter_map(|event| match event {
        Event::Warning { message } => Some(message.as_str()),
        _ => None,
    });
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn planted_voxels_are_found_and_empty_ones_score_about_0() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path(), "out");
    let (summary, events) = run(&recipe, &responses, VoxelShare::WHOLE);
    let table = table(summary);
    let r: Vec<f64> = table.column(Column::R).collect();
    // Signal and noise have the same variance: no model can reach more than the root of a half.
    let planted = r[..N_PLANTED].iter().sum::<f64>() / N_PLANTED as f64;
    assert!((0.6..0.75).contains(&planted), "{planted}");
    let empty = r[N_PLANTED..2 * N_PLANTED].iter().sum::<f64>() / N_PLANTED as f64;
    // Three standard errors of a mean over 20 voxels and 150 scans.
    assert!(empty.abs() < 3.0 / (150.0_f64 * 20.0).sqrt(), "{empty}");
    assert!(r[N_VOXELS - 1].is_nan());
    // All planted voxels are significant, and of the empty ones about as many as the level allows.
    let q: Vec<f64> = table.column(Column::Q).collect();
    assert!(q[..N_PLANTED].iter().all(|q| *q <= 0.05));
    assert!(
        q[N_PLANTED..2 * N_PLANTED]
            .iter()
            .filter(|q| **q <= 0.05)
            .count()
            <= 4
    );
    assert_eq!(
        table.n_significant(),
        Some(q.iter().filter(|q| **q <= 0.05).count())
    );
    assert!((table.voxels[N_VOXELS - 2].get(Column::NMissing) - 3.0).abs() < 1e-9);
    let said = warnings(&events);
    assert!(
        said.contains("For 2 of 42 voxels r is not defined"),
        "{said}"
    );
    assert!(
        said.contains("1 voxels hold values that are no numbers"),
        "{said}"
    );
    for file in ["scores.npz", "scores.csv", "recipe.toml"] {
        assert!(recipe.output.folder.join(file).is_file(), "{file}");
    }
    let unfinished = std::fs::read_dir(recipe.output.folder.join(".heschl"));
    assert_eq!(unfinished.unwrap().count(), 0);
    let written = EncodeFile::read(&recipe.output.folder.join("recipe.toml")).unwrap();
    assert_eq!(written.encode, recipe);
    // Once more: done before. With another seed: refused.
    let again = run(&recipe, &responses, VoxelShare::WHOLE).0.unwrap();
    assert_eq!(again, EncodeSummary::DoneBefore);
    let mut other = recipe.clone();
    other.ridge.seed = 7;
    let refused = run(&other, &responses, VoxelShare::WHOLE).0.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("Scores of another recipe"), "{refused}");
    // Or what is there gets another name, as often as it is asked for.
    for (seed, aside) in [(7, "out-before-1"), (8, "out-before-2")] {
        other.ridge.seed = seed;
        let there = std::fs::read(recipe.output.folder.join("scores.npz")).unwrap();
        let cancel = CancelToken::default();
        let work = Encoding {
            existing: Existing::SetAside,
            ..work(&other, &responses, &cancel)
        };
        let fitted = encode(&work, &mut |_| {}).unwrap();
        assert!(matches!(fitted, EncodeSummary::Finished(_)));
        let kept = folder.path().join(aside).join("scores.npz");
        assert!(std::fs::read(kept).unwrap() == there);
        let again = encode(&work, &mut |_| {});
        assert_eq!(again.unwrap(), EncodeSummary::DoneBefore);
    }
    assert_eq!(written.run.unwrap().inputs.len(), 4);
}

#[test]
fn single_precision_and_less_memory_give_nearly_and_exactly_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let double = recipe(folder.path(), "double");
    let whole = table(run(&double, &responses, VoxelShare::WHOLE).0);
    let mut single = recipe(folder.path(), "single");
    single.ridge.precision = FitPrecision::F32;
    let single = table(run(&single, &responses, VoxelShare::WHOLE).0);
    for (a, b) in whole.column(Column::R).zip(single.column(Column::R)) {
        assert!((a - b).abs() < 1e-3 || (a.is_nan() && b.is_nan()));
    }
    // A round at a time.
    let mut little = recipe(folder.path(), "little");
    little.output.memory_gib = 0.0;
    let little = table(run(&little, &responses, VoxelShare::WHOLE).0);
    assert!(format!("{whole:?}") == format!("{little:?}"));
}

/// A study of [`WIDE_VOXELS`]: at least three blocks.
fn wide_study(folder: &Path) -> ResponsesInMemory {
    let mut responses = study(folder);
    for story in responses.0.values_mut() {
        let wide = Array2::from_shape_fn((N_SCANS, WIDE_VOXELS), |(scan, voxel)| {
            story[(scan, voxel % 40)] * (1.0 + (voxel / 40) as f64)
        });
        *story = wide;
    }
    responses
}

#[test]
fn a_stopped_run_goes_on_where_it_was_and_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let responses = wide_study(folder.path());
    let recipe = |folder: &Path, name: &str| {
        let mut recipe = recipe(folder, name);
        recipe.scores.n_permutations = 9;
        recipe
    };
    let whole = recipe(folder.path(), "whole");
    table(run(&whole, &responses, VoxelShare::WHOLE).0);
    let expected = std::fs::read(whole.output.folder.join("scores.npz")).unwrap();
    // The voxels pass twice: through the rounds, and through the fit.
    let all_blocks = 2 * WIDE_VOXELS.div_ceil(BLOCK_VOXELS);
    assert!(all_blocks >= 6);
    for n_blocks in 0..all_blocks {
        let broken = recipe(folder.path(), &format!("broken-{n_blocks}"));
        let cancel = CancelToken::default();
        let mut n_done = 0;
        let work = work(&broken, &responses, &cancel);
        let summary = encode(&work, &mut |event| {
            n_done += usize::from(matches!(event, Event::VoxelProgress { .. }));
            if n_done == n_blocks {
                cancel.cancel();
            }
        });
        assert_eq!(summary.unwrap(), EncodeSummary::Stopped);
        assert!(!broken.output.folder.join("scores.npz").exists());
        let (summary, events) = run(&broken, &responses, VoxelShare::WHOLE);
        table(summary);
        let n_repeated = events
            .iter()
            .filter(|event| matches!(event, Event::VoxelProgress { .. }));
        assert_eq!(n_repeated.count(), all_blocks - n_blocks);
        let scores = std::fs::read(broken.output.folder.join("scores.npz")).unwrap();
        assert!(scores == expected, "stopped after {n_blocks} blocks");
    }
}

#[test]
fn shares_give_the_bits_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let responses = wide_study(folder.path());
    let recipe = |folder: &Path, name: &str| {
        let mut recipe = recipe(folder, name);
        recipe.scores.n_permutations = 9;
        (recipe.output.weights, recipe.output.predictions) = (true, true);
        recipe
    };
    let whole = recipe(folder.path(), "again");
    let all = table(run(&whole, &responses, VoxelShare::WHOLE).0);
    let (again, seed) = (whole.output.folder, whole.ridge.seed);
    let shares = recipe(folder.path(), "shares").output.folder;
    assert!(
        merge(&shares)
            .unwrap_err()
            .to_string()
            .contains("no shares here")
    );
    let mut next = 0;
    for index in 1..=2 {
        let share = VoxelShare { index, count: 2 };
        let part = table(run(&recipe(folder.path(), "shares"), &responses, share).0);
        assert_eq!(part.first_voxel, next);
        next += part.voxels.len();
        let (first, end) = (part.first_voxel, next);
        for (mut ours, mut whole) in part
            .voxels
            .into_iter()
            .zip(all.voxels[first..].iter().copied())
        {
            // Which voxels are discoveries depends on all of them.
            ours.set(Column::Q, 0.0);
            whole.set(Column::Q, 0.0);
            assert_eq!(format!("{ours:?}"), format!("{whole:?}"));
        }
        let rounds = all.round_scores.slice(s![.., first..end]);
        assert!(part.round_scores == rounds);
    }
    assert_eq!(next, WIDE_VOXELS);
    merge(&shares).unwrap();
    for file in ["scores.npz", "scores.csv", "weights.npy", "predictions.npy"] {
        let of = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(of(&shares) == of(&again), "{file}");
    }
    let predicted = StoredMatrix::open(&again.join("predictions.npy")).unwrap();
    assert_eq!(predicted.dim(), (N_SCANS, WIDE_VOXELS));
    // The interval of the mean, once more, from what was written, and all voxels at once.
    let predicted = predicted.read(0..N_SCANS, 0..WIDE_VOXELS).unwrap();
    let draws = BlockBootstrap::new(N_SCANS, 10, 500, seed);
    let r = draws.correlations::<f64>(predicted.view(), responses.0["delta"].view());
    let expected = Interval::of(r.mean_axis(Axis(1)).unwrap().view(), 0.95);
    let interval = all.mean_interval().unwrap();
    assert!(interval.holds(all.mean(Column::R)), "{interval:?}");
    for (end, expected) in interval.ends().into_iter().zip(expected.ends()) {
        assert!((end - expected).abs() < 1e-6, "{end} {expected}");
    }
    std::fs::remove_file(shares.join("shares/0002-of-0002/scores.npz")).unwrap();
    let error = merge(&shares).unwrap_err().to_string();
    assert!(
        error.contains("share 2 of 2 are missing. Run with --blocks 2/2"),
        "{error}"
    );
}

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

#[test]
fn features_that_are_not_those_of_their_record_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path(), "scores");
    let features = folder.path().join("features");
    let checksum = sha256_of_file(&features.join("beta.npz")).unwrap();
    std::fs::create_dir_all(features.join(".heschl")).unwrap();
    let record = include_str!("../src/store/record_of_a_story.toml");
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
