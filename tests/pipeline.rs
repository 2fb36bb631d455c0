//! Whole extractions, without the command line: causality, resumption, what is computed and what is left alone.

use std::path::Path;

use crate::common::{
    array, compare, data, extract, feature_files, noise, recipe, run_info, write_wav,
};
use heschl_core::run::pipeline::{self, Extraction, Summary};
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{ExtractRecipe, LayerChoice};
use heschl_core::run::store::{self, FeaturesFolder};
use heschl_core::run::warning::{Difference, Warning};
use heschl_core::speech::encoder::{Encoder, FakeEncoder, Precision};
use heschl_core::speech::stimuli::Stimulus;
use heschl_core::speech::window::{Coverage, WindowSettings};

fn short_windows() -> WindowSettings {
    WindowSettings {
        chunk_ms: 100.0,
        context_ms: 400.0,
        ..WindowSettings::default()
    }
}

/// Runs the pipeline with an encoder; the run is cancelled after `n_batches`.
fn run(
    recipe: &ExtractRecipe,
    stories: &[Stimulus],
    encoder: &mut dyn Encoder,
    n_batches: usize,
) -> (FeaturesFolder, Summary, Vec<Event>) {
    let folder = FeaturesFolder::create(&recipe.features_folder("fake")).unwrap();
    let cancel = CancelToken::default();
    let work = Extraction {
        recipe,
        stories,
        folder: &folder,
        run: &run_info(),
        cancel: &cancel,
    };
    let mut events = Vec::new();
    let mut n_left = n_batches;
    let summary = pipeline::extract(&work, encoder, &mut |event| {
        if matches!(event, Event::Progress { .. }) {
            n_left -= 1;
            if n_left == 0 {
                cancel.cancel();
            }
        }
        events.push(event);
    });
    (folder.clone(), summary.unwrap(), events)
}

fn story(name: &str, path: &Path) -> Stimulus {
    Stimulus {
        story: name.into(),
        path: path.to_path_buf(),
    }
}

#[test]
fn noise_after_a_windows_end_leaves_its_row_unchanged_to_the_last_bit() {
    let scratch = tempfile::tempdir().unwrap();
    let model = data("whisper-like");
    let original = noise(16_000, 1);
    let recipe_for = |name: &str| {
        recipe(
            short_windows(),
            1,
            LayerChoice::All,
            &scratch.path().join(name),
        )
    };
    let path = scratch.path().join("a.wav");
    write_wav(&path, &original);
    let (whole, _) = extract(&recipe_for("whole"), &model, &path);
    let n_rows = array(&whole.times_path("story"), "times").nrows();
    assert_eq!(n_rows, 10);
    for row in [0, 4, 8] {
        let end = (row + 1) * 1600;
        let mut changed = original.clone();
        changed[end..].copy_from_slice(&noise(16_000 - end, 2));
        write_wav(&path, &changed);
        let (other, _) = extract(&recipe_for(&format!("changed{row}")), &model, &path);
        for layer in ["encoder.0", "encoder.1", "encoder.2", "encoder.3"] {
            let [before, after] = [&whole, &other]
                .map(|folder| array(&folder.layer_path(layer, "story"), "features"));
            assert_eq!(before.row(row), after.row(row), "row {row} of {layer}");
            assert_ne!(
                before.row(row + 1),
                after.row(row + 1),
                "row {} of {layer}",
                row + 1
            );
        }
    }
}

#[test]
fn rows_do_not_depend_on_the_batch_size() {
    let scratch = tempfile::tempdir().unwrap();
    let rows = |batch: usize| {
        let recipe = recipe(
            short_windows(),
            batch,
            LayerChoice::All,
            &scratch.path().join(batch.to_string()),
        );
        let (folder, _) = extract(&recipe, &data("whisper-like"), &data("clip.wav"));
        array(&folder.features_path("story"), "features")
    };
    let one = rows(1);
    for batch in [2, 7, 64] {
        let (largest, _) = compare(&rows(batch), &one);
        assert!(largest <= 1e-5, "batch of {batch}: {largest}");
    }
}

#[test]
fn stopped_after_any_batch_and_run_again_it_gives_the_same_files() {
    let scratch = tempfile::tempdir().unwrap();
    let stories = [story("clip", &data("clip.wav"))];
    let recipe_for = |name: &str| {
        recipe(
            short_windows(),
            4,
            LayerChoice::All,
            &scratch.path().join(name),
        )
    };
    let (whole, _, _) = run(
        &recipe_for("whole"),
        &stories,
        &mut FakeEncoder::new(3, 5),
        usize::MAX,
    );
    let n_batches = 11;
    for n_done in 1..n_batches {
        let recipe = recipe_for(&format!("stopped{n_done}"));
        let mut encoder = FakeEncoder::new(3, 5);
        let (folder, summary, _) = run(&recipe, &stories, &mut encoder, n_done);
        if n_done < 10 {
            assert!(summary.stopped, "after {n_done} batches");
            assert!(
                feature_files(folder.root()).is_empty(),
                "after {n_done} batches"
            );
        }
        let (folder, summary, _) = run(&recipe, &stories, &mut encoder, usize::MAX);
        assert!(!summary.stopped);
        assert_eq!(encoder.n_batches, 10, "no batch is computed twice");
        assert_eq!(
            feature_files(folder.root()),
            feature_files(whole.root()),
            "after {n_done} batches"
        );
    }
}

#[test]
fn a_story_that_is_done_is_left_alone_unless_overwritten() {
    let scratch = tempfile::tempdir().unwrap();
    let stories = [story("clip", &data("clip.wav"))];
    let mut recipe = recipe(short_windows(), 4, LayerChoice::All, scratch.path());
    let mut encoder = FakeEncoder::new(2, 3);
    run(&recipe, &stories, &mut encoder, usize::MAX);
    let n_batches = encoder.n_batches;
    let (_, summary, _) = run(&recipe, &stories, &mut encoder, usize::MAX);
    assert_eq!((summary.skipped.len(), encoder.n_batches), (1, n_batches));
    recipe.output.overwrite = true;
    let (_, summary, _) = run(&recipe, &stories, &mut encoder, usize::MAX);
    assert_eq!((summary.done.len(), encoder.n_batches), (1, 2 * n_batches));
}

#[test]
fn a_story_that_was_done_with_other_settings_is_left_alone_and_it_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let stories = [story("clip", &data("clip.wav"))];
    let ramp = recipe(short_windows(), 4, LayerChoice::All, scratch.path());
    let full_windows = WindowSettings {
        coverage: Coverage::FullContext,
        ..short_windows()
    };
    let full = recipe(full_windows, 4, LayerChoice::All, scratch.path());
    let mut encoder = FakeEncoder::new(2, 3);
    run(&ramp, &stories, &mut encoder, usize::MAX);
    let warned = |events: &[Event]| {
        events.iter().any(|event| {
            matches!(
                event,
                Event::Warning(Warning::MadeOtherwise {
                    difference: Difference::Window,
                    ..
                })
            )
        })
    };
    let (_, summary, events) = run(&full, &stories, &mut encoder, usize::MAX);
    assert!(summary.skipped.len() == 1 && warned(&events), "{events:?}");
    let (_, _, events) = run(&ramp, &stories, &mut encoder, usize::MAX);
    assert!(!warned(&events), "{events:?}");
}

#[test]
fn layers_of_one_make_stand_beside_each_other_and_of_another_make_they_go() {
    let scratch = tempfile::tempdir().unwrap();
    let model = data("whisper-like");
    let clip = data("clip.wav");
    let only = |layer: usize, coverage: Coverage| {
        let settings = WindowSettings {
            coverage,
            ..short_windows()
        };
        let recipe = recipe(settings, 4, LayerChoice::Some(vec![layer]), scratch.path());
        extract(&recipe, &model, &clip).0
    };
    only(0, Coverage::RampIn);
    let folder = only(1, Coverage::RampIn);
    let names = || feature_files(folder.root()).into_keys().collect::<Vec<_>>();
    assert_eq!(
        names(),
        [
            "encoder.0/story.npz",
            "encoder.1/story.npz",
            "story.npz",
            "story_times.npz"
        ]
    );
    let report = store::check(folder.root()).unwrap();
    assert!(
        report.faults.is_empty() && report.sound == ["story"],
        "{report:?}"
    );
    only(2, Coverage::PadSilence);
    assert_eq!(
        names(),
        ["encoder.2/story.npz", "story.npz", "story_times.npz"]
    );
}

#[test]
fn a_story_that_fails_does_not_keep_the_others_from_being_done() {
    let scratch = tempfile::tempdir().unwrap();
    let broken = scratch.path().join("broken.wav");
    std::fs::write(&broken, b"this is no recording").unwrap();
    let stories = [story("broken", &broken), story("clip", &data("clip.wav"))];
    let recipe = recipe(short_windows(), 4, LayerChoice::All, scratch.path());
    let (folder, summary, _) = run(&recipe, &stories, &mut FakeEncoder::new(2, 3), usize::MAX);
    assert_eq!(summary.done, ["clip"]);
    assert_eq!(summary.failed[0].0, "broken");
    assert!(!folder.times_path("broken").exists());
    assert!(folder.times_path("clip").exists());
}

#[test]
fn unfinished_rows_of_other_settings_begin_anew_and_say_so() {
    let scratch = tempfile::tempdir().unwrap();
    let stories = [story("clip", &data("clip.wav"))];
    let four = recipe(short_windows(), 4, LayerChoice::All, scratch.path());
    run(&four, &stories, &mut FakeEncoder::new(2, 3), 2);
    let (folder, _, events) = run(&four, &stories, &mut FakeEncoder::new(2, 4), usize::MAX);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Warning(Warning::UnfinishedRows { .. })))
    );
    assert!(store::check(folder.root()).unwrap().faults.is_empty());
}

#[test]
fn only_the_layers_asked_for_are_there_and_they_are_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let model = data("whisper-like");
    let clip = data("clip.wav");
    let all = recipe(
        short_windows(),
        4,
        LayerChoice::All,
        &scratch.path().join("all"),
    );
    let (all, _) = extract(&all, &model, &clip);
    for (n, layers) in [vec![0], vec![1], vec![2, 0], vec![3], vec![1, 3]]
        .into_iter()
        .enumerate()
    {
        let choice = LayerChoice::Some(layers.clone());
        let some = recipe(
            short_windows(),
            4,
            choice,
            &scratch.path().join(n.to_string()),
        );
        let (some, _) = extract(&some, &model, &clip);
        for layer in 0..4 {
            let name = format!("encoder.{layer}");
            let path = some.layer_path(&name, "story");
            assert_eq!(path.exists(), layers.contains(&layer), "{layers:?}: {name}");
            if path.exists() {
                let (largest, _) = compare(
                    &array(&path, "features"),
                    &array(&all.layer_path(&name, "story"), "features"),
                );
                assert!(largest <= 1e-5, "{layers:?}, {name}: {largest}");
            }
        }
        let (largest, _) = compare(
            &array(&some.features_path("story"), "features"),
            &array(&all.features_path("story"), "features"),
        );
        assert!(largest <= 1e-5, "{layers:?}, final output: {largest}");
    }
}

#[test]
fn half_precision_gives_nearly_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let features = |precision: Precision| {
        let mut recipe = recipe(
            short_windows(),
            1,
            LayerChoice::All,
            &scratch.path().join(format!("{precision:?}")),
        );
        recipe.model.precision = precision;
        let (folder, _) = extract(&recipe, &data("whisper-like"), &data("clip.wav"));
        array(&folder.features_path("story"), "features")
    };
    let (largest, correlation) = compare(&features(Precision::F16), &features(Precision::F32));
    // Half precision has 11 bits: relative steps of 5e-4.
    assert!(largest > 0.0, "half precision is not what was computed in");
    assert!(
        largest < 0.05 && correlation > 0.9999,
        "{largest}, {correlation}"
    );
}

#[test]
fn padded_silence_gives_full_windows_for_every_instant() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.wav");
    let sound = noise(16_000, 3);
    write_wav(&path, &sound);
    let padded_settings = WindowSettings {
        coverage: Coverage::PadSilence,
        ..short_windows()
    };
    let padded = recipe(
        padded_settings,
        4,
        LayerChoice::All,
        &scratch.path().join("padded"),
    );
    let (padded, _) = extract(&padded, &data("whisper-like"), &path);
    // The same by hand: silence in front of the file, full windows only.
    let mut by_hand = vec![0.0; 6400];
    by_hand.extend(&sound);
    write_wav(&path, &by_hand);
    let full_settings = WindowSettings {
        coverage: Coverage::FullContext,
        ..short_windows()
    };
    let full = recipe(
        full_settings,
        4,
        LayerChoice::All,
        &scratch.path().join("full"),
    );
    let (full, _) = extract(&full, &data("whisper-like"), &path);
    let [a, b] = [&padded, &full].map(|folder| array(&folder.features_path("story"), "features"));
    assert_eq!(a, b);
    let times = array(&padded.times_path("story"), "times");
    assert_eq!(times.row(0).to_vec(), [0.0, 0.1]);
    assert_eq!(times.row(9).to_vec(), [0.5, 1.0]);
}

#[test]
fn a_window_almost_as_long_as_whisper_hears_needs_no_repeated_silence() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("long.wav");
    write_wav(&path, &noise(31 * 16_000, 4));
    for (context_ms, coverage) in [
        (29_000.0, Coverage::FullContext),
        (29_900.0, Coverage::FullContext),
    ] {
        let settings = WindowSettings {
            chunk_ms: 100.0,
            context_ms,
            stride_secs: Some(1.0),
            coverage,
        };
        let recipe = recipe(
            settings,
            1,
            LayerChoice::All,
            &scratch.path().join(context_ms.to_string()),
        );
        let (folder, summary) = extract(&recipe, &data("whisper-like"), &path);
        assert!(
            summary.n_rows >= 1 && summary.failed.is_empty(),
            "{summary:?}"
        );
        assert!(
            array(&folder.features_path("story"), "features")
                .iter()
                .all(|value| value.is_finite())
        );
    }
}
