//! Small stories whose design matrix can be computed by hand.

use std::collections::BTreeMap;
use std::path::Path;

use super::lengths::advice;
use super::*;
use crate::files::formats::npz::RowsWriter;
use crate::files::responses::ResponsesInMemory;
use crate::run::recipe::{
    EncodeOutput, FeatureKind, FeatureSet, Preset, ResponsesRecipe, ScansRecipe, StoriesRecipe,
};

fn write_npz(path: &Path, name: &str, rows: &Array2<f32>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = RowsWriter::new(file, name, rows.nrows(), rows.ncols()).unwrap();
    writer.write(rows.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
}

/// 3 features, every 0.1 s for a minute.
fn extracted(folder: &Path, story: &str) {
    let times = Array2::from_shape_fn((600, 2), |(row, end)| (row + end) as f32 * 0.1);
    let wave = |row: usize, k: usize| ((row * (k + 1)) as f32 * 0.013 + story.len() as f32).sin();
    let features = Array2::from_shape_fn((600, 3), |(row, k)| wave(row, k));
    write_npz(&folder.join(format!("{story}_times.npz")), TIMES, &times);
    write_npz(
        &folder.join(format!("layer.1/{story}.npz")),
        FEATURES,
        &features,
    );
}

use crate::run::store::{FEATURES, TIMES};

fn recipe(folder: &Path) -> EncodeRecipe {
    EncodeRecipe {
        features: vec![FeatureSet {
            name: "model".into(),
            kind: FeatureKind::Features,
            folder: folder.to_path_buf(),
            layer: Some("layer.1".into()),
            empty_labels: crate::fmri::textgrid::EmptyLabels::default(),
        }],
        responses: ResponsesRecipe {
            path: folder.join("responses"),
            mask: None,
            repeats: BTreeMap::new(),
        },
        stories: StoriesRecipe {
            train: Vec::new(),
            test: vec!["c".into()],
        },
        scans: ScansRecipe::default(),
        downsampling: crate::fmri::downsample::Downsampling::default(),
        design: DesignRecipe {
            trim_train: [3, 2].into(),
            trim_test: [5, 2].into(),
            trim_responses_test: [2, 0].into(),
            ..Preset::DeepFmri.design()
        },
        ridge: Preset::DeepFmri.ridge(),
        scores: crate::run::recipe::ScoresRecipe::default(),
        controls: crate::run::recipe::ControlsRecipe::default(),
        output: EncodeOutput {
            folder: folder.join("out"),
            weights: false,
            predictions: false,
            memory_gib: 1.0,
        },
    }
}

use crate::run::recipe::DesignRecipe;

/// Three stories whose responses are already trimmed by [3, 2].
fn study(folder: &Path) -> ResponsesInMemory {
    let mut responses = ResponsesInMemory::default();
    for (story, n_scans) in [("a", 25), ("bb", 20), ("c", 25)] {
        extracted(folder, story);
        let measured = Array2::from_shape_fn((n_scans, 2), |(scan, voxel)| (scan + voxel) as f64);
        responses.0.insert(story.into(), measured);
    }
    responses
}

#[test]
fn stories_are_trimmed_z_scored_stacked_and_delayed() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let design = Design::build(&recipe(folder.path()), &responses).unwrap();
    assert_eq!(design.training.0.dim(), (45, 12));
    assert_eq!(design.test.0.dim(), (23, 12));
    let model = SetColumns {
        name: "model".into(),
        n_features: 3,
        at_scan_times: false,
    };
    assert_eq!(design.sets, [model]);
    assert_eq!(design.test_stories[0].response_rows, 2..25);
    // The same by hand, for story bb: 25 scans, of which 3 and 2 are trimmed.
    let frames = FrameReader::new(&recipe(folder.path()).features[0])
        .unwrap()
        .read("bb", 0)
        .unwrap();
    let scans = ScanTimes::simulated(25, 2.0, 10.0).unwrap();
    let by_hand = downsample(
        frames.features.view(),
        frames.frame_secs.as_ref().unwrap(),
        &scans,
        crate::fmri::downsample::Downsampling::default(),
    );
    let mut by_hand = by_hand.unwrap().features.slice(s![3..23, ..]).to_owned();
    zscore(by_hand.view_mut());
    // At a delay of 2 scans, story bb begins with the end of story a: the published behaviour, and a flaw.
    let copy = design.training.0.slice(s![25.., 3..6]).to_owned();
    let apart = &copy.slice(s![2.., ..]) - &by_hand.slice(s![..18, ..]);
    assert!(apart.iter().all(|apart| apart.abs() < 1e-12));
    assert!(copy.row(0).iter().all(|value| value.abs() > 1e-6));
    let mut corrected = recipe(folder.path());
    corrected.design.delay_borders = crate::fmri::delay::DelayBorders::WithinStories;
    let design = Design::build(&corrected, &responses).unwrap();
    assert!(
        design
            .training
            .0
            .slice(s![25..27, 3..6])
            .iter()
            .all(|value| *value == 0.0)
    );
    assert!((design.look_ahead_secs - 6.0).abs() < 0.2);
}

#[test]
fn test_stories_never_reach_the_training_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    for normalisation in [Normalisation::PerStory, Normalisation::TrainingStatistics] {
        let mut recipe = recipe(folder.path());
        recipe.design.normalisation = normalisation;
        let before = Design::build(&recipe, &responses).unwrap();
        let vast = Array2::from_shape_fn((600, 3), |(row, k)| (row * k) as f32 * 1e6);
        let path = folder.path().join("layer.1/c.npz");
        write_npz(&path, FEATURES, &vast);
        let after = Design::build(&recipe, &responses).unwrap();
        assert_eq!(before.training, after.training);
        assert_ne!(before.test, after.test);
        extracted(folder.path(), "c");
    }
}

#[test]
fn lengths_that_differ_are_explained_with_the_trim_that_would_fit() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let mut recipe = recipe(folder.path());
    let lists = folder.path().join("scans");
    std::fs::create_dir_all(&lists).unwrap();
    for story in ["a", "bb", "c"] {
        // 30 scans, whatever the number of responses.
        let centres: Vec<String> = (0..30).map(|scan| (scan * 2).to_string()).collect();
        std::fs::write(lists.join(format!("{story}.txt")), centres.join("\n")).unwrap();
    }
    recipe.scans = ScansRecipe::Lists { folder: lists };
    let error = Design::build(&recipe, &responses).unwrap_err().to_string();
    assert!(
        error.contains("\"bb\" has 25 scans of features after the trim of [3, 2] and 20"),
        "{error}"
    );
    assert!(error.contains("A trim of [3, 7] would fit"), "{error}");
    assert!(advice(10, 12, [3, 2].into()).contains("[3, 0] would fit"));
    assert!(advice(10, 13, [3, 2].into()).contains("[0, 2] would fit"));
    assert!(advice(10, 30, [3, 2].into()).contains("another story"));
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut responses = study(folder.path());
    let refused = |recipe: &EncodeRecipe, responses: &ResponsesInMemory| {
        Design::build(recipe, responses).unwrap_err().to_string()
    };
    let mut both = recipe(folder.path());
    both.stories.train = vec!["a".into(), "c".into()];
    assert!(refused(&both, &responses).contains("\"c\" is both for training and for the test"));
    let mut unknown = recipe(folder.path());
    unknown.stories.train = vec!["d".into()];
    assert!(refused(&unknown, &responses).contains("no responses to the story \"d\""));
    responses.0.insert("e".into(), Array2::zeros((20, 2)));
    assert!(
        refused(&recipe(folder.path()), &responses).contains("no features for the story \"e\"")
    );
    let mut short = recipe(folder.path());
    short.stories.train = vec!["a".into()];
    short.design.trim_responses_train = [20, 5].into();
    assert!(refused(&short, &responses).contains("leaves none"));
    // Simulated scan times involve no file, so none is named.
    let mut still = recipe(folder.path());
    still.stories.train = vec!["a".into()];
    still.scans = ScansRecipe::Simulated {
        repetition_secs: 0.0,
        sound_start_secs: 10.0,
    };
    assert_eq!(
        refused(&still, &responses),
        "A repetition time of 0 s is invalid. Give seconds, such as 2.0."
    );
}

#[test]
fn features_at_scans_are_taken_as_they_are_and_sets_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let scans = folder.path().join("downsampled");
    for (story, n_scans) in [("a", 30), ("bb", 25), ("c", 30)] {
        let rows = Array2::from_shape_fn((n_scans, 1), |(scan, _)| (scan * scan) as f32);
        write_npz(&scans.join(format!("{story}.npz")), FEATURES, &rows);
    }
    let mut recipe = recipe(folder.path());
    recipe.features.push(FeatureSet {
        name: "own".into(),
        kind: FeatureKind::Features,
        folder: scans,
        layer: None,
        empty_labels: crate::fmri::textgrid::EmptyLabels::default(),
    });
    let design = Design::build(&recipe, &responses).unwrap();
    assert_eq!(design.training.0.ncols(), 4 * 4);
    assert_eq!(
        (design.sets[1].name.as_str(), design.sets[1].n_features),
        ("own", 1)
    );
    // A parabola, trimmed, z-scored, and delayed by 1: increases from scan to scan.
    let column = design.training.0.column(3);
    assert!(
        column
            .slice(s![1..25])
            .windows(2)
            .into_iter()
            .all(|pair| pair[1] > pair[0])
    );
}

/// Features of story "a" with a non-finite value in some columns of row 7.
fn spoilt(folder: &Path, columns: &[usize], value: f32) {
    let features = Array2::from_shape_fn((600, 3), |(row, k)| {
        if row == 7 && columns.contains(&k) {
            value
        } else {
            ((row * (k + 1)) as f32 * 0.013).sin()
        }
    });
    write_npz(&folder.join("layer.1/a.npz"), FEATURES, &features);
}

#[test]
fn a_story_does_not_vanish_for_what_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let recipe = recipe(folder.path());
    for value in [f32::NAN, f32::INFINITY] {
        spoilt(folder.path(), &[1], value);
        let design = Design::build(&recipe, &responses).unwrap();
        let told = design
            .warnings
            .iter()
            .find(|warning| warning.contains("\"a\""));
        let told = told.unwrap();
        assert!(
            told.contains("row 7") && told.contains("1 of 3 features"),
            "{told}"
        );
        // As published, the whole column of the story is 0.
        assert!(
            design
                .training
                .0
                .slice(s![..25, 1])
                .iter()
                .all(|value| *value == 0.0)
        );
        assert!(
            design
                .training
                .0
                .slice(s![1..25, 2])
                .iter()
                .any(|value| *value != 0.0)
        );
        spoilt(folder.path(), &[0, 1, 2], value);
        let error = Design::build(&recipe, &responses).unwrap_err();
        assert!(
            matches!(error, DesignError::NotFinite { row: 7, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("\"a\""), "{error}");
    }
}

#[test]
fn times_that_are_no_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let times = Array2::from_shape_fn((600, 2), |(row, end)| {
        if row == 5 {
            f32::NAN
        } else {
            (row + end) as f32 * 0.1
        }
    });
    write_npz(&folder.path().join("bb_times.npz"), TIMES, &times);
    let error = Design::build(&recipe(folder.path()), &responses).unwrap_err();
    assert!(
        matches!(error, DesignError::TimeNotFinite { row: 5, .. }),
        "{error}"
    );
}

#[test]
fn repetition_times_and_onsets_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let events = |onset: &str| {
        let text = format!("onset\tduration\tstim_file\n0\t1\tn/a\n{onset}\t60\ta_audio.wav\n");
        std::fs::write(folder.path().join("a_events.tsv"), text).unwrap();
    };
    let scans = |given: Option<f64>, header: Option<f64>| {
        let recipe = ScansRecipe::Events {
            folder: folder.path().to_path_buf(),
            repetition_secs: given,
        };
        scan_times(&recipe, "a", 30, header).map_err(|error| error.to_string())
    };
    events("14.5");
    let found = scans(None, Some(2.0)).unwrap();
    assert!((found.times.centre_secs[0] - (1.0 - 14.5)).abs() < 1e-12);
    assert_eq!((found.onset.unwrap().line, found.warnings.len()), (3, 0));
    // In milliseconds, without a unit, or the default of programs that do not know it.
    assert!(scans(None, Some(1500.0)).unwrap_err().contains("1500 s"));
    assert!(scans(None, Some(0.002)).unwrap_err().contains("0.002 s"));
    assert_eq!(scans(None, Some(1.0)).unwrap().warnings.len(), 1);
    assert_eq!(scans(Some(1.0), Some(1500.0)).unwrap().warnings.len(), 0);
    events("14500");
    assert!(scans(Some(2.0), None).unwrap_err().contains("milliseconds"));
}

/// The study's released features: one file, story → (scans, features), not resampled.
#[test]
fn one_file_of_all_stories_holds_features_at_scan_times() {
    let folder = tempfile::tempdir().unwrap();
    let responses = study(folder.path());
    let path = folder.path().join("downsampled_featureseqs.npz");
    let mut archive = crate::files::formats::npz_arrays::ArraysWriter::default();
    for (story, n_scans) in [("a", 30), ("bb", 25), ("c", 30)] {
        let values = (0..n_scans * 2).map(|value| f64::from(value * value % 17));
        archive
            .numbers(story, &[n_scans as usize, 2], values)
            .unwrap();
    }
    std::fs::write(&path, archive.finish().unwrap()).unwrap();
    let mut recipe = recipe(folder.path());
    recipe.features[0].folder.clone_from(&path);
    recipe.features[0].layer = None;
    let design = Design::build(&recipe, &responses).unwrap();
    assert!(design.sets[0].at_scan_times);
    assert_eq!(design.sets[0].n_features, 2);
    assert!(design.files.contains(&path));

    recipe.features[0].layer = Some("encoder.1".into());
    let error = Design::build(&recipe, &responses).unwrap_err();
    assert!(
        error.to_string().contains("no layer \"encoder.1\""),
        "{error}"
    );
}
