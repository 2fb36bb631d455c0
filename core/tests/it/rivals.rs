//! Controls that ask what else predicts the voxels: voxels that follow the sound, and voxels that follow something else.

use std::collections::BTreeMap;
use std::path::Path;

use heschl_core::files::formats::npz::RowsWriter;
use heschl_core::files::responses::ResponsesInMemory;
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::encoding::VoxelShare;
use heschl_core::run::pipeline::{Encoding, Existing, encode};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{
    ControlsRecipe, EncodeFile, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet, Preset,
    ResponsesRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe,
};
use heschl_core::run::sanity::{Check, Verdict};
use ndarray::Array2;

/// Scans of each story, and those that are fitted: the preset takes 10 away at the start and 5 at the end.
const N_SCANS: usize = 135;
const N_FITTED: usize = 120;
/// The sound begins with this scan, of 2 s each.
const ONSET: usize = 5;
const SCAN_SAMPLES: usize = 32_000;
const N_VOXELS: usize = 48;
const STORIES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

/// What the voxels follow, and the features tell.
#[derive(Clone, Copy, PartialEq)]
enum Follows {
    Sound,
    SomethingElse,
}

/// Recordings of noise whose level changes from scan to scan, features, those of an "untrained network", and responses.
fn study(folder: &Path, follows: Follows) -> ResponsesInMemory {
    let mut random = PythonRandom::new(5);
    let mut responses = ResponsesInMemory::default();
    for story in STORIES {
        let levels: Vec<f64> = (0..N_SCANS).map(|_| random.unit()).collect();
        write_recording(
            &folder.join("stories").join(format!("{story}.wav")),
            &levels[ONSET..],
            &mut random,
        );
        let mut noise =
            |n: usize, m: usize| Array2::from_shape_simple_fn((n, m), || random.normal());
        let mut features = noise(N_SCANS, 5);
        if follows == Follows::Sound {
            for (scan, level) in levels.iter().enumerate() {
                features[(scan, 0)] = 4.0 * (level - 0.5) + 0.5 * features[(scan, 0)];
            }
        }
        let mut measured = noise(N_FITTED, N_VOXELS);
        // A third holds nothing but noise.
        for voxel in 0..N_VOXELS * 2 / 3 {
            for scan in 0..N_FITTED {
                let heard = scan + 10 - 2;
                measured[(scan, voxel)] += match follows {
                    Follows::Sound => 4.0 * (levels[heard] - 0.5),
                    Follows::SomethingElse => features[(heard, voxel % 5)],
                };
            }
        }
        write_features(&folder.join("model"), story, &features);
        write_features(&folder.join("model-untrained"), story, &noise(N_SCANS, 5));
        responses.0.insert(story.into(), measured);
    }
    responses
}

fn write_recording(path: &Path, levels: &[f64], random: &mut PythonRandom) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for level in levels {
        for _ in 0..SCAN_SAMPLES {
            let sample = (0.05 + level) * (random.unit() - 0.5) * 30_000.0;
            file.write_sample(sample as i16).unwrap();
        }
    }
    file.finalize().unwrap();
}

fn write_features(folder: &Path, story: &str, rows: &Array2<f64>) {
    std::fs::create_dir_all(folder).unwrap();
    let file = std::fs::File::create(folder.join(format!("{story}.npz"))).unwrap();
    let mut writer = RowsWriter::new(file, "features", rows.nrows(), rows.ncols()).unwrap();
    let rows = rows.mapv(|value| value as f32);
    writer.write(rows.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
}

/// What the controls of a fit find.
fn checks(folder: &Path, responses: &ResponsesInMemory, controls: ControlsRecipe) -> Vec<Check> {
    let recipe = EncodeRecipe {
        features: vec![FeatureSet {
            name: "model".into(),
            kind: FeatureKind::Features,
            folder: folder.join("model"),
            layer: None,
            empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
        }],
        responses: ResponsesRecipe {
            path: "in memory".into(),
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
        ridge: Preset::ScalingLaws2023.ridge(),
        scores: ScoresRecipe {
            n_permutations: 99,
            n_draws: 0,
            ..ScoresRecipe::default()
        },
        controls,
        output: EncodeOutput {
            folder: folder.join("scores"),
            weights: false,
            predictions: false,
            memory_gib: 1.0,
        },
    };
    let work = Encoding {
        recipe: &recipe,
        responses,
        groups: None,
        share: VoxelShare::WHOLE,
        existing: Existing::Overwrite,
        heschl: "test",
        cancel: &CancelToken::default(),
    };
    encode(&work, &mut |_| {}).unwrap();
    let file = EncodeFile::read(&folder.join("scores/recipe.toml")).unwrap();
    file.run.unwrap().checks
}

fn check<'a>(checks: &'a [Check], words: &str) -> &'a Check {
    let mut named = checks.iter().filter(|check| check.name.contains(words));
    named.next().unwrap()
}

fn with_recordings(folder: &Path) -> ControlsRecipe {
    ControlsRecipe {
        recordings: Some(folder.join("stories")),
        ..ControlsRecipe::default()
    }
}

/// The study has no `TextGrid`s: the title claims nothing of words.
const NUISANCE: &str = "predict what sound and position do not";
const SPECTROGRAM: &str = "spectrogram predicts";
const UNTRAINED: &str = "training matters";

#[test]
fn voxels_that_follow_the_sound_are_told_from_those_that_follow_more() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let responses = study(folder, Follows::Sound);
    let found = checks(folder, &responses, with_recordings(folder));
    let nuisance = check(&found, NUISANCE);
    assert_eq!(nuisance.verdict, Verdict::Failed, "{nuisance:?}");
    let spectrogram = check(&found, SPECTROGRAM);
    assert_eq!(spectrogram.verdict, Verdict::Passed, "{spectrogram:?}");
    let untrained = check(&found, UNTRAINED);
    assert_eq!(untrained.verdict, Verdict::Passed, "{untrained:?}");
}

#[test]
fn voxels_that_do_not_follow_the_sound_are_predicted_beyond_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let responses = study(folder, Follows::SomethingElse);
    let found = checks(folder, &responses, with_recordings(folder));
    let nuisance = check(&found, NUISANCE);
    assert_eq!(nuisance.verdict, Verdict::Passed, "{nuisance:?}");
    assert!(
        nuisance
            .finding
            .contains("spectrogram, sound level and position alone"),
        "{nuisance:?}"
    );
    assert!(
        nuisance
            .finding
            .ends_with("Words: not tested. There is no TextGrid of \"alpha\" in their folder."),
        "{nuisance:?}"
    );
    let spectrogram = check(&found, SPECTROGRAM);
    assert_eq!(spectrogram.verdict, Verdict::Failed, "{spectrogram:?}");
    // A network whose features are the very same has learned nothing.
    let controls = ControlsRecipe {
        untrained: Some(folder.join("model")),
        ..ControlsRecipe::default()
    };
    let found = checks(folder, &responses, controls);
    let untrained = check(&found, UNTRAINED);
    assert_eq!(untrained.verdict, Verdict::Failed, "{untrained:?}");
}

#[test]
fn what_is_not_at_hand_is_said_and_not_judged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let responses = study(folder, Follows::SomethingElse);
    std::fs::remove_dir_all(folder.join("model-untrained")).unwrap();
    let found = checks(folder, &responses, ControlsRecipe::default());
    for (words, sentence) in [
        (SPECTROGRAM, "recordings = "),
        (UNTRAINED, "an untrained copy"),
    ] {
        let check = check(&found, words);
        assert_eq!(check.verdict, Verdict::Skipped, "{check:?}");
        assert!(check.finding.contains(sentence), "{check:?}");
    }
    std::fs::remove_file(folder.join("stories/gamma.wav")).unwrap();
    let found = checks(folder, &responses, with_recordings(folder));
    let check = check(&found, SPECTROGRAM);
    assert_eq!(check.verdict, Verdict::Skipped, "{check:?}");
    assert!(check.finding.contains("\"gamma\""), "{check:?}");
}
