//! Exported speech encoders, added as ONNX files: every hidden state as PyTorch gives it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{data, heschl, onnx_runtime};
use heschl_core::files::formats::npz;
use heschl_core::remedy::Remedy;
use heschl_core::speech::card::FrontEnd;
use heschl_core::speech::encoder::{
    Batch, DeviceChoice, Encoder, OnnxEncoder, OnnxOptions, Precision,
};
use heschl_models::OpenModel;
use heschl_models::folders::Surroundings;
use heschl_models::own_onnx::{self, AddOptions, AddedOnnx, Evidence, Normalise, OwnOnnxError};
use heschl_models::{added, resolve};
use ndarray::{Array3, ArrayD, Axis, IxDyn};
use tempfile::TempDir;

/// Samples of the windows that the exports were made with; of Whisper's too.
const WINDOW_SAMPLES: usize = 4000;
/// Largest difference from PyTorch's numbers, which are of the order of 1.
const TOLERANCE: f32 = 1e-4;
/// The same for exports in half precision.
const HALF_TOLERANCE: f32 = 3e-2;

struct Home {
    root: TempDir,
    around: Surroundings,
}

impl Home {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let around = Surroundings {
            data_folder: Some(root.path().join("data")),
            ..Surroundings::default()
        };
        Self { root, around }
    }

    fn add(&self, file: &Path, options: &AddOptions) -> Result<AddedOnnx, OwnOnnxError> {
        own_onnx::add(&self.around, file, options)
    }

    /// A file of its own with some bytes.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn export(name: &str) -> PathBuf {
    data("onnx").join(format!("{name}.onnx"))
}

/// What an added model gives for the window of an export, `(batch, layers, dim)`.
fn run(folder: &Path, layers: &[usize], input: ArrayD<f32>) -> Array3<f32> {
    let opened = OpenModel::open(folder, "own").unwrap();
    let model = opened.build(layers, Precision::F32).unwrap();
    let options = OnnxOptions {
        device: DeviceChoice::Cpu,
        n_threads: 1,
    };
    let mut encoder = OnnxEncoder::load(onnx_runtime(), &model, options).unwrap();
    let wanted = opened.card().frame_rule.wanted_frame(WINDOW_SAMPLES) as i64;
    encoder.encode(&batch(input, wanted)).unwrap()
}

fn batch(inputs: ArrayD<f32>, wanted_frame: i64) -> Batch {
    Batch {
        wanted_frames: vec![wanted_frame; inputs.len_of(Axis(0))],
        inputs: inputs.outer_iter().map(|input| input.to_owned()).collect(),
    }
}

fn numbers(path: &Path, name: &str) -> ArrayD<f32> {
    npz::read::<IxDyn>(&path.with_extension("npz"), name).unwrap()
}

fn largest_difference(found: &Array3<f32>, expected: &ArrayD<f32>) -> f32 {
    assert_eq!(found.shape(), expected.shape());
    let pairs = found.iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn all_exports() -> Vec<PathBuf> {
    let files = fs::read_dir(data("onnx")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut exports: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "onnx"))
        .collect();
    exports.sort();
    assert!(exports.len() > 30, "{} exports", exports.len());
    exports
}

/// Adds an export and compares every hidden state, and some of them alone; gives what is wrong.
fn problem(home: &Home, path: &Path) -> Result<f32, String> {
    let added = home
        .add(path, &AddOptions::default())
        .map_err(|error| error.to_string())?;
    let expected = numbers(path, "hidden");
    let all: Vec<usize> = (0..added.card.n_layers).collect();
    if all.len() != expected.len_of(Axis(1)) {
        return Err(format!("{} layers: {:?}", all.len(), added.hidden_states));
    }
    let found = run(&added.added.folder, &all, numbers(path, "input"));
    let difference = largest_difference(&found, &expected);
    let some = [0, all.len() - 2];
    let found = run(&added.added.folder, &some, numbers(path, "input"));
    let of_some = largest_difference(&found, &expected.select(Axis(1), &some));
    let is_half = path.to_string_lossy().contains(".half");
    let most = if is_half { HALF_TOLERANCE } else { TOLERANCE };
    if difference.max(of_some) <= most {
        return Ok(difference);
    }
    Err(format!("differences {difference} and {of_some}"))
}

#[test]
fn every_export_gives_the_hidden_states_of_pytorch() {
    let home = Home::new();
    let mut problems = Vec::new();
    for path in all_exports() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        match problem(&home, &path) {
            Ok(difference) => eprintln!("{name:<28} {difference:.1e}"),
            Err(reason) => problems.push(format!("{name}: {reason}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn a_name_is_taken_until_the_model_is_removed_with_its_copy() {
    let home = Home::new();
    let file = home.file(
        "mine.onnx",
        &fs::read(export("hubert-base.torchscript")).unwrap(),
    );
    let first = home.add(&file, &AddOptions::default()).unwrap();
    assert_eq!(first.added.name, "mine");
    assert_eq!(first.evidence, Evidence::StructureAndNames);
    let found = resolve::resolve(&home.around, "mine").unwrap();
    assert_eq!(found.path, first.added.folder);
    let again = home.add(&file, &AddOptions::default()).unwrap_err();
    assert!(again.to_string().contains("is taken"), "{again}");
    assert!(added::remove(&home.around, "mine").unwrap());
    assert!(!first.added.folder.exists() && file.exists());
    home.add(&file, &AddOptions::default()).unwrap();
    let left = fs::read_dir(home.root.path().join("data/models")).unwrap();
    let partial = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().contains("adding");
    assert_eq!(
        left.filter(|entry| partial(entry.as_ref().unwrap()))
            .count(),
        0
    );
}

/// What an `add` leaves that is killed before it writes the list: the copy under its name, or half of it under another.
#[test]
fn an_attempt_that_was_killed_leaves_the_name_free_and_its_litter_goes() {
    let home = Home::new();
    let file = home.file(
        "mine.onnx",
        &fs::read(export("hubert-base.torchscript")).unwrap(),
    );
    let first = home.add(&file, &AddOptions::default()).unwrap();
    let models = home.root.path().join("data/models");
    fs::remove_file(models.join("added.json")).unwrap();
    let half = models.join(".adding-xyz");
    fs::create_dir(&half).unwrap();
    fs::write(half.join(".lock"), "").unwrap();
    fs::write(half.join("model.onnx_data"), "half").unwrap();
    let again = home.add(&file, &AddOptions::default()).unwrap();
    assert_eq!(again.added, first.added);
    assert!(again.added.folder.join("model.onnx").is_file());
    assert!(!half.exists());
}

/// A graph with a loop that never ends, as anybody may export one.
#[cfg(unix)]
#[test]
fn one_ctrl_c_ends_a_graph_that_never_ends() {
    use std::time::{Duration, Instant};
    let home = tempfile::tempdir().unwrap();
    let command = || {
        let mut command = heschl();
        command.env("HESCHL_HOME", home.path());
        command
    };
    let file = data("endless_loop.onnx");
    let added = command()
        .args(["models", "add"])
        .arg(file)
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    let stories = home.path().join("stories");
    fs::create_dir(&stories).unwrap();
    fs::copy(data("clip.wav"), stories.join("clip.wav")).unwrap();
    let mut child = command()
        .args(["extract", "--model", "endless_loop", "--device", "cpu"])
        .arg("--stimulus-dir")
        .arg(&stories)
        .arg("--out")
        .arg(home.path().join("out"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Long enough for the first window to be in the loop.
    std::thread::sleep(Duration::from_secs(8));
    assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    let signal = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if asked.elapsed() > Duration::from_secs(40) {
            child.kill().unwrap();
            panic!("one Ctrl+C was not enough");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn windows_are_normalised_as_the_preprocessor_or_the_user_says() {
    let home = Home::new();
    let file = home.file(
        "mine.onnx",
        &fs::read(export("hubert-large.torchscript")).unwrap(),
    );
    let normalises = |name: &str, normalise| {
        let options = AddOptions {
            name: Some(name.into()),
            normalise,
            ..AddOptions::default()
        };
        let added = home.add(&file, &options).unwrap();
        let is_on = matches!(added.card.front_end, FrontEnd::Waveform { normalise: true });
        (is_on, added.notes.len())
    };
    assert_eq!(
        normalises("a", Normalise::AsThePreprocessorSays),
        (false, 1)
    );
    assert_eq!(normalises("b", Normalise::Yes), (true, 0));
    home.file("preprocessor_config.json", br#"{"do_normalize": true}"#);
    assert_eq!(normalises("c", Normalise::AsThePreprocessorSays), (true, 0));
    assert_eq!(normalises("d", Normalise::No), (false, 0));
}

#[test]
fn hidden_states_can_be_named() {
    let home = Home::new();
    let path = export("hubert-base.torchscript");
    let found = home.add(&path, &AddOptions::default()).unwrap();
    let options = AddOptions {
        name: Some("named".into()),
        outputs: found.hidden_states[1..3].to_vec(),
        ..AddOptions::default()
    };
    let named = home.add(&path, &options).unwrap();
    assert_eq!(named.evidence, Evidence::Named);
    let expected = numbers(&path, "hidden").select(Axis(1), &[1, 2]);
    let given = run(&named.added.folder, &[0, 1], numbers(&path, "input"));
    assert!(largest_difference(&given, &expected) <= TOLERANCE);
}

fn check_refused(file: &Path, options: &AddOptions, words: &[&str]) {
    let home = Home::new();
    let sentence = home.add(file, options).unwrap_err().to_string();
    for word in words {
        assert!(sentence.contains(word), "{word} is not in: {sentence}");
    }
    let models = home.root.path().join("data/models");
    let n_left = fs::read_dir(models).map_or(0, Iterator::count);
    assert_eq!(n_left, 0, "something was left behind");
}

#[test]
fn what_is_no_whole_onnx_file_is_refused() {
    let home = Home::new();
    let whole = fs::read(export("hubert-large.torchscript")).unwrap();
    let none = AddOptions::default();
    let text = home.file("text.onnx", b"This is a letter, not a graph.");
    check_refused(&text, &none, &["no ONNX file", "Export or copy it again"]);
    let empty = home.file("empty.onnx", b"");
    check_refused(&empty, &none, &["it has no graph"]);
    for n_bytes in [100, 5000, whole.len() / 2, whole.len() - 1] {
        let cut = home.file("cut.onnx", &whole[..n_bytes]);
        check_refused(&cut, &none, &["damaged one"]);
    }
}

#[test]
fn a_mistyped_output_is_answered_with_names_like_it() {
    let options = AddOptions {
        outputs: vec!["last_hiden_state".into()],
        ..AddOptions::default()
    };
    let words = ["no value called \"last_hiden_state\"", "last_hidden_state?"];
    check_refused(&export("hubert-base.torchscript"), &options, &words);
    let options = AddOptions {
        outputs: vec!["input_values".into()],
        ..AddOptions::default()
    };
    let words = ["cannot be a hidden state"];
    check_refused(&export("hubert-base.torchscript"), &options, &words);
}

#[test]
fn half_precision_cannot_be_asked_of_an_added_file() {
    let home = Home::new();
    let path = export("whisper.torchscript");
    let added = home.add(&path, &AddOptions::default()).unwrap();
    let opened = OpenModel::open(&added.added.folder, "own").unwrap();
    let error = opened.build(&[0], Precision::F16).unwrap_err();
    assert!(error.to_string().contains("Choose single precision"));
    assert_eq!(error.remedies(), [Remedy::FilePrecision]);
    assert!(opened.build(&[99], Precision::F32).is_err());
}

#[test]
fn refused_graphs_say_what_is_wrong() {
    for (name, words) in [
        (
            "refused-outside",
            &["outside of the model's folder", "../weights"][..],
        ),
        ("refused-missing", &["is missing"]),
        ("refused-past-end", &["past the end of"]),
        ("refused-tokens", &["the input \"tokens\""]),
        ("refused-fixed", &["exactly 4000", "dynamic_axes"]),
        (
            "refused-no-layers",
            &["layers were not found", "Name the hidden states"],
        ),
        ("refused-old", &["edition 11"]),
    ] {
        let path = data("onnx").join(format!("{name}.pb"));
        check_refused(&path, &AddOptions::default(), words);
    }
}

#[test]
fn external_data_is_found_beside_the_file() {
    let home = Home::new();
    let path = data("onnx").join("external.pb");
    let added = home.add(&path, &AddOptions::default()).unwrap();
    let expected = numbers(&export("hubert-large.torchscript"), "hidden");
    let input = numbers(&export("hubert-large.torchscript"), "input");
    let found = run(&added.added.folder, &[0, 1, 2], input);
    assert!(largest_difference(&found, &expected) <= TOLERANCE);
}

#[test]
fn the_command_line_says_which_layers_it_found() {
    let home = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| {
        let mut command = heschl();
        let output = command
            .args(arguments)
            .env("HESCHL_HOME", home.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let path = export("whisper.torchscript");
    let path = path.to_str().unwrap();
    let (is_done, text) = told(&["models", "add", path, "--name", "mine"]);
    assert!(
        is_done && text.contains("mine (onnx, 4 layers × 16"),
        "{text}"
    );
    assert!(text.contains("encoder.3    last_hidden_state"), "{text}");
    let (is_done, text) = told(&["models", "check", "mine"]);
    assert!(
        is_done && text.contains("All numbers are finite."),
        "{text}"
    );
    let folder = data("onnx");
    let folder = folder.to_str().unwrap();
    let (is_done, text) = told(&["models", "add", folder, "--normalise", "yes"]);
    assert!(!is_done && text.contains("are for .onnx files"), "{text}");
}
