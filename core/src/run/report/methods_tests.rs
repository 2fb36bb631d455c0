//! Tests that the methods paragraph mentions every setting that affects results.

use toml::{Table, Value};

use crate::run::encoding::{ScoreTable, VoxelScores};
use crate::run::recipe::{EncodeFile, EncodeInfo, FeatureSource, SetInfo};
use crate::run::report::EncodeReport;
use crate::speech::window::Coverage;

/// A recipe with every setting; each must appear in the paragraph if it affects results.
const RECIPE: &str = r#"
    [encode]
    features = [
        { name = "speech", kind = "features", folder = "speech", layer = "encoder.3" },
        { name = "drift", kind = "position", folder = "" },
        { name = "words", kind = "word_rate", folder = "words", empty_labels = "pauses" },
    ]
    responses = { path = "responses", mask = "mask.nii", repeats = { test = ["test-1", "test-2"] } }
    stories = { train = ["one", "two"], test = ["test"] }
    scans = { source = "simulated", repetition_secs = 2.0, sound_start_secs = 10.0 }
    downsampling = { method = "lanczos", window = 3.0, cutoff_mult = 1.0, rectify = false }
    [encode.design]
    trim_train = [10, 5]
    trim_test = [50, 5]
    trim_responses_train = [1, 2]
    trim_responses_test = [40, 3]
    normalisation = "per_story"
    delays = [1, 2, 3, 4]
    delay_borders = "across_stories"
    [encode.ridge]
    alphas = [10.0, 100.0]
    alpha_unit = "plain"
    sharing = "per_voxel"
    groups = "groups.npy"
    cross_validation = { method = "chunk_bootstrap", n_rounds = 3, chunk_scans = 20, chunks = "quarter" }
    round_score = "correlation"
    precision = "f32"
    seed = 1
    [encode.scores]
    n_permutations = 1000
    block_scans = 10
    n_draws = 500
    fdr_level = 0.05
    controls = true
    total_power = "one"
    [encode.output]
    folder = "out"
    weights = true
    predictions = true
    memory_gib = 6.0
"#;

/// Settings that are not mentioned, and why.
const UNTOLD: [(&str, &str); 14] = [
    ("features.0.name", "a name"),
    ("features.1.name", "a name"),
    ("features.2.name", "a name"),
    ("features.0.folder", "a place"),
    ("features.1.folder", "a place"),
    ("features.2.folder", "a place"),
    ("features.0.layer", "told from the record of the features"),
    ("responses.path", "a place"),
    ("responses.mask", "a place; that there is one is told"),
    (
        "responses.repeats",
        "names; how many there are is told from the facts",
    ),
    (
        "stories",
        "names; how many there are is told from the facts",
    ),
    ("ridge.groups", "a place; that groups share α is told"),
    ("scores.controls", "decides no score"),
    ("output", "decides no score"),
];

/// Alternative values of settings that are enumerations.
const OTHER: [(&str, &str); 14] = [
    ("features", "mel_spectrogram"),
    ("position", "word_rate"),
    ("word_rate", "phoneme_rate"),
    ("pauses", "entries"),
    ("lanczos", "sinc"),
    ("per_story", "training_statistics"),
    ("across_stories", "within_stories"),
    ("plain", "largest_singular_value"),
    ("per_voxel", "one"),
    ("quarter", "fifth"),
    ("correlation", "r2"),
    ("f32", "f64"),
    ("one", "measured"),
    ("simulated", "reports"),
];

fn info() -> EncodeInfo {
    let source = FeatureSource {
        model: "whisper-tiny".into(),
        layer: Some("encoder.3".into()),
        window_secs: 16.1,
        step_secs: 0.1,
        coverage: Coverage::RampIn,
        use_featext: false,
    };
    let set = |name: &str, source, at_scan_times| SetInfo {
        name: name.into(),
        n_features: 384,
        at_scan_times,
        source,
    };
    EncodeInfo {
        heschl: "0.0.0".into(),
        numerics: 1,
        started: String::new(),
        finished: String::new(),
        n_voxels: 7,
        n_columns: 1544,
        n_training_scans: 600,
        n_test_scans: 90,
        n_rounds: 3,
        n_held_scans: 140,
        n_presentations: 2,
        look_ahead_secs: 0.0,
        training_stories: vec!["one".into(), "two".into()],
        test_stories: vec!["test".into()],
        warnings: Vec::new(),
        sets: vec![
            set("speech", Some(source), false),
            set("drift", None, true),
            set("words", None, false),
        ],
        checks: Vec::new(),
        inputs: Vec::new(),
    }
}

fn methods(recipe: &Table, info: &EncodeInfo) -> String {
    let file = EncodeFile::parse(&toml::to_string(recipe).unwrap()).unwrap();
    let table = ScoreTable {
        first_voxel: 0,
        voxels: vec![VoxelScores::default(); 7],
        alphas: file.encode.ridge.alphas.values(),
        round_scores: ndarray::Array2::zeros((2, 7)),
        draws: Vec::new(),
        fdr_level: file.encode.scores.fdr_level,
    };
    let report = EncodeReport {
        recipe: &file.encode,
        info,
        table: &table,
        series: None,
    };
    report.methods()
}

/// The settings of a recipe, as paths to single values.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |key: &str| format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
    match value {
        Value::Table(table) => table
            .iter()
            .for_each(|(key, value)| leaves(value, &below(key), found)),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &below(&index.to_string()), found)),
        _ => found.push(path.to_string()),
    }
}

fn at<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(value, |value, key| match value {
        Value::Table(table) => table.get_mut(key).unwrap(),
        Value::Array(values) => &mut values[key.parse::<usize>().unwrap()],
        _ => unreachable!("{path}"),
    })
}

fn change(value: &mut Value) {
    match value {
        Value::Boolean(value) => *value = !*value,
        Value::Integer(value) => *value += 1,
        Value::Float(value) => *value *= 1.5,
        Value::String(text) => {
            let other = OTHER.iter().find(|(word, _)| word == text);
            *text = other
                .unwrap_or_else(|| panic!("no other word for {text}"))
                .1
                .into();
        }
        other => panic!("{other:?}"),
    }
}

/// Adjusts dependent settings after a change of source or method.
fn fit_together(recipe: &mut Table) {
    let encode = recipe["encode"].as_table_mut().unwrap();
    let is = |value: &Value, word: &str| value.as_str() == Some(word);
    let scans = encode["scans"].as_table_mut().unwrap();
    if is(&scans["source"], "reports") {
        scans.retain(|key, _| key == "source");
        scans.insert("folder".into(), "reports".into());
    }
    let downsampling = encode["downsampling"].as_table_mut().unwrap();
    if is(&downsampling["method"], "sinc") {
        downsampling.remove("rectify");
    }
    let folds = encode["ridge"]["cross_validation"].as_table_mut().unwrap();
    if is(&folds["method"], "k_fold") {
        folds.retain(|key, _| key == "method");
        folds.insert("n_folds".into(), 5.into());
    }
}

#[test]
fn every_setting_that_decides_numbers_is_told() {
    let recipe: Table = RECIPE.parse().unwrap();
    let info = info();
    let before = methods(&recipe, &info);
    let mut paths = Vec::new();
    leaves(&recipe["encode"], "", &mut paths);
    assert!(paths.len() > 50, "{paths:?}");
    for path in paths {
        let is_unreported = UNTOLD.iter().any(|(unreported, _)| {
            path == *unreported || path.starts_with(&format!("{unreported}."))
        });
        let mut other = recipe.clone();
        let value = at(other.get_mut("encode").unwrap(), &path);
        if is_unreported {
            continue;
        }
        if value.as_str() == Some("chunk_bootstrap") {
            *value = "k_fold".into();
        } else {
            change(value);
        }
        fit_together(&mut other);
        assert_ne!(methods(&other, &info), before, "{path} is not told");
    }
}

#[test]
fn the_mixtures_of_a_penalty_per_set_are_told() {
    let with = |n: i64| {
        let mut recipe: Table = RECIPE.parse().unwrap();
        let mut banded = Table::new();
        banded.insert("n_mixtures".into(), n.into());
        recipe["encode"]["ridge"]
            .as_table_mut()
            .unwrap()
            .insert("banded".into(), banded.into());
        methods(&recipe, &info())
    };
    assert_ne!(with(12), with(13));
    assert!(with(12).contains("12 random mixtures"), "{}", with(12));
}

#[test]
fn steps_that_did_not_run_are_not_told() {
    let recipe: Table = RECIPE.parse().unwrap();
    let all = methods(&recipe, &info());
    assert!(all.contains("resampled") && all.contains("Duchon"), "{all}");
    let mut given = info();
    given
        .sets
        .iter_mut()
        .for_each(|set| set.at_scan_times = true);
    let none = methods(&recipe, &given);
    assert!(
        !none.contains("resampled") && !none.contains("Lanczos"),
        "{none}"
    );
    assert!(!none.contains("TR ="), "{none}");

    let mut bare = recipe;
    for trim in [
        "trim_train",
        "trim_test",
        "trim_responses_train",
        "trim_responses_test",
    ] {
        bare["encode"]["design"][trim] = Value::Array(vec![0.into(), 0.into()]);
    }
    for number in ["n_permutations", "n_draws"] {
        bare["encode"]["scores"][number] = 0.into();
    }
    let mut once = info();
    once.n_presentations = 1;
    let bare = methods(&bare, &once);
    for word in [
        "discarded",
        "permutations",
        "intervals",
        "ceiling",
        "averaged",
    ] {
        assert!(!bare.contains(word), "{word}: {bare}");
    }
}

#[test]
fn names_cannot_write_markdown_or_another_line() {
    let recipe: Table = RECIPE.parse().unwrap();
    let mut info = info();
    if let Some(source) = &mut info.sets[0].source {
        source.model = "my_model*\n## [x](http://y)".into();
    }
    let text = methods(&recipe, &info);
    assert!(
        text.contains(r"my\_model\* \#\# \[x\]\(http\://y\)"),
        "{text}"
    );
}
