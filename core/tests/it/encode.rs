//! Whole fits of a small simulated study.

use std::collections::BTreeMap;
use std::path::Path;

use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::formats::npz::{self, RowsWriter};
use heschl_core::files::responses::ResponsesInMemory;
use heschl_core::linear::ridge::AlphaSharing;
use heschl_core::linear::split::{CrossValidation, HeldChunks};
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::design::Design;
use heschl_core::run::encoding::{BLOCK_VOXELS, Column, ExampleSeries, ScoreTable, VoxelShare};
use heschl_core::run::pipeline::merge;
use heschl_core::run::pipeline::{
    EncodeError, EncodeSummary, Encoding, Existing, StackError, StackMember, encode, encode_sizes,
    stack,
};
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{
    Alphas, BandedRecipe, ControlsRecipe, EncodeFile, EncodeOutput, EncodeRecipe, FeatureKind,
    FeatureSet, FitPrecision, Preset, ResponsesRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe,
};
use heschl_core::run::sanity::Verdict;
use heschl_core::run::store::{StoreError, sha256_of_file};
use heschl_core::stats::intervals::{BlockBootstrap, Interval};
use heschl_core::stats::score::correlation;
use ndarray::{Array2, Axis, Ix2, s};

mod disk_faults;
mod maps;
mod refit;
mod refusals;
mod sets;

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
            empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
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
        downsampling: heschl_core::fmri::downsample::Downsampling::default(),
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
        existing: Existing::Keep,
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
        Event::Warning(warning) => Some(warning.to_string()),
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
    let injected = r[..N_PLANTED].iter().sum::<f64>() / N_PLANTED as f64;
    assert!((0.6..0.75).contains(&injected), "{injected}");
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
        said.contains("For 1 voxel the training responses hold values that are no numbers"),
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
        error.contains("share 2 of 2 are missing. Fit this share"),
        "{error}"
    );
}
