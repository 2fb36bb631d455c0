//! The program as a person or a cluster uses it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{array, data, feature_files, heschl, noise, write_wav};

struct Study {
    scratch: tempfile::TempDir,
}

impl Study {
    /// Two stories of 0.5 and 0.8 s.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let study = Self { scratch };
        std::fs::create_dir(study.path("stories")).unwrap();
        write_wav(&study.path("stories/one.wav"), &noise(8000, 1));
        write_wav(&study.path("stories/two.wav"), &noise(12_800, 2));
        study
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = heschl();
        command.current_dir(self.scratch.path());
        command.args([
            "extract",
            "--stimulus_dir",
            "stories",
            "--contextsz",
            "400",
            "--device",
            "cpu",
        ]);
        command.arg("--model").arg(data("whisper-like"));
        command.args(arguments);
        command
    }

    fn features(&self) -> PathBuf {
        self.path("features_cnk0.1_ctx0.4/whisper-like")
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_writes_the_studys_layout() {
    let study = Study::new();
    succeed(&mut study.command(&[]));
    let names: Vec<String> = feature_files(&study.features()).into_keys().collect();
    let mut expected: Vec<String> = ["one", "two"]
        .iter()
        .flat_map(|story| {
            let layers = (0..4).map(move |layer| format!("encoder.{layer}/{story}.npz"));
            layers.chain([format!("{story}.npz"), format!("{story}_times.npz")])
        })
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    let final_output = array(&study.features().join("two.npz"), "features");
    assert_eq!(final_output.dim(), (8, 32));
    assert_eq!(
        final_output,
        array(&study.features().join("encoder.3/two.npz"), "features")
    );
}

#[test]
fn both_spellings_of_flags_mean_the_same() {
    let study = Study::new();
    std::fs::create_dir(study.path("stories/a")).unwrap();
    write_wav(&study.path("stories/a/three.wav"), &noise(12_800, 3));
    succeed(&mut study.command(&[
        "--full_context",
        "--custom_stimuli",
        "a",
        "--use_featext",
        "--out",
        "underscores",
    ]));
    succeed(&mut study.command(&[
        "--full-context",
        "--custom-stimuli",
        "a",
        "--use-featext",
        "--out",
        "hyphens",
    ]));
    let files = feature_files(&study.path("underscores"));
    assert!(
        files
            .iter()
            .all(|(name, _)| name.contains("/custom_stimuli/a/")),
        "{files:?}"
    );
    assert_eq!(files, feature_files(&study.path("hyphens")));
}

#[test]
fn a_stride_has_a_folder_of_its_own() {
    let study = Study::new();
    succeed(&mut study.command(&["--stride", "0.2", "--stories", "two"]));
    let times = array(&study.features().join("stride_0.2/two_times.npz"), "times");
    let ends: Vec<f32> = times.column(1).to_vec();
    assert_eq!(ends, [0.2, 0.4, 0.5, 0.7]);
}

#[test]
fn folders_below_count_when_asked_for() {
    let study = Study::new();
    std::fs::create_dir(study.path("stories/below")).unwrap();
    write_wav(&study.path("stories/below/three.wav"), &noise(8000, 3));
    succeed(&mut study.command(&["--recursive", "--stories", "below/three"]));
    assert!(study.features().join("below/three_times.npz").is_file());
    assert!(study.features().join("encoder.0/below/three.npz").is_file());
    let check = succeed(heschl().arg("check").arg(study.features()));
    assert_eq!(stdout(&check), "✓ below/three\n");
}

#[test]
fn other_audio_is_converted_when_asked_for() {
    let study = Study::new();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(study.path("stories/three.wav"), spec).unwrap();
    for sample in noise(2 * 44_100, 3) {
        writer.write_sample((sample * 8_000_000.0) as i32).unwrap();
    }
    writer.finalize().unwrap();
    succeed(&mut study.command(&["--resample", "--stories", "three"]));
    assert_eq!(
        array(&study.features().join("three_times.npz"), "times").nrows(),
        10
    );
}

/// A WAV file that came through a pipe claims a length that it does not have.
#[test]
fn what_a_header_contradicts_is_told_by_the_dry_run_too() {
    let study = Study::new();
    let path = study.path("stories/one.wav");
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.windows(4).position(|word| word == b"data").unwrap() + 4;
    bytes[length..length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let output = succeed(&mut study.command(&["--dry-run", "--events", "json"]));
    let forecast: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let notes = |story: usize| {
        forecast["stories"][story]["notes"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!([notes(0), notes(1)], [1, 0], "{forecast}");
    assert_eq!(forecast["stories"][0]["n_windows"], 5);
    let told = stdout(&succeed(&mut study.command(&["--dry-run"])));
    let note = forecast["stories"][0]["notes"][0].as_str().unwrap();
    assert!(told.contains(note), "{told}");
}

#[test]
fn a_dry_run_forecasts_and_writes_nothing() {
    let study = Study::new();
    let output = succeed(&mut study.command(&["--dry-run"]));
    let told = stdout(&output);
    for word in [
        "one  0:01  5 windows",
        "two  0:01  8 windows",
        "windows  13",
        "time ",
        "memory ",
        "disk ",
    ] {
        assert!(told.contains(word), "no \"{word}\" in:\n{told}");
    }
    let output = succeed(&mut study.command(&["--dry-run", "--events", "json"]));
    let forecast: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (
            &forecast["event"],
            &forecast["n_windows"],
            &forecast["stories"][1]["n_windows"]
        ),
        (&"forecast".into(), &13.into(), &8.into())
    );
    for figure in [
        "windows_per_sec",
        "memory_bytes",
        "disk_bytes",
        "journal_bytes",
        "free_bytes",
    ] {
        assert!(
            forecast[figure].as_f64().unwrap() > 0.0,
            "{figure} of {forecast}"
        );
    }
    assert!(!study.features().exists());
}

#[test]
fn events_are_lines_of_json() {
    let study = Study::new();
    let output = succeed(&mut study.command(&["--events", "json", "--batchsz", "1"]));
    let events: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"started"));
    assert_eq!(kinds.last(), Some(&"finished"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "progress").count(), 13);
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "story_finished")
            .count(),
        2
    );
    assert_eq!(events[0]["n_windows"], 13);
}

#[test]
fn a_recipe_repeats_its_run_to_the_last_bit() {
    let study = Study::new();
    succeed(&mut study.command(&["--layers", "1", "3", "--batchsz", "3"]));
    let recipe = study.features().join("recipe.toml");
    succeed(
        heschl()
            .arg("run")
            .arg(&recipe)
            .arg("--out")
            .arg(study.path("again")),
    );
    let again = study.path("again/features_cnk0.1_ctx0.4/whisper-like");
    assert_eq!(feature_files(&study.features()), feature_files(&again));
    // Every story's own record repeats that story alone, too.
    let text = std::fs::read_to_string(study.features().join(".heschl/one.toml")).unwrap();
    let record: toml::Table = toml::from_str(&text).unwrap();
    let provenance = record["provenance"].as_table().unwrap();
    assert_eq!(
        provenance["recipe"]["stimuli"]["stories"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(provenance["model_files"].as_array().unwrap().len(), 2);
    assert_eq!(record["outputs"].as_array().unwrap().len(), 4);
}

#[test]
fn a_recipe_refuses_a_recording_that_has_changed() {
    let study = Study::new();
    succeed(&mut study.command(&[]));
    write_wav(&study.path("stories/one.wav"), &noise(8000, 9));
    let recipe = study.features().join("recipe.toml");
    let run = |extra: &[&str]| {
        heschl()
            .arg("run")
            .arg(&recipe)
            .arg("--out")
            .arg(study.path("again"))
            .args(extra)
            .output()
            .unwrap()
    };
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr)
            .contains("not the one that this recipe was made with")
    );
    assert!(run(&["--changed"]).status.success());
}

#[test]
fn check_finds_a_changed_byte_a_missing_layer_and_unfinished_work() {
    let study = Study::new();
    succeed(&mut study.command(&[]));
    let check = || heschl().arg("check").arg(study.path("")).output().unwrap();
    assert!(check().status.success());
    let layer = study.features().join("encoder.2/one.npz");
    let good = std::fs::read(&layer).unwrap();
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&layer, changed).unwrap();
    let output = check();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("not as it was written")
            && stdout(&output).contains("--overwrite"),
        "{}",
        stdout(&output)
    );
    std::fs::remove_file(&layer).unwrap();
    assert!(
        stdout(&check()).contains("is missing"),
        "{}",
        stdout(&check())
    );
    std::fs::write(&layer, good).unwrap();
    std::fs::write(study.features().join(".heschl/three.journal"), b"heschlj1").unwrap();
    assert!(
        stdout(&check()).contains("three: incomplete"),
        "{}",
        stdout(&check())
    );
}

#[test]
fn features_of_the_python_code_can_be_checked_too() {
    let study = Study::new();
    succeed(&mut study.command(&[]));
    std::fs::remove_dir_all(study.features().join(".heschl")).unwrap();
    let output = succeed(heschl().arg("check").arg(study.path("")));
    assert!(
        stdout(&output).contains("one (whole; not made by Heschl"),
        "{}",
        stdout(&output)
    );
}

#[cfg(unix)]
#[test]
fn interrupt_and_terminate_finish_the_batch_keep_the_journal_and_have_a_code_of_their_own() {
    let study = Study::new();
    write_wav(&study.path("stories/long.wav"), &noise(16_000 * 60, 3));
    for signal in ["INT", "TERM"] {
        let mut command =
            study.command(&["--stories", "long", "--events", "json", "--out", signal]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let journal = study
            .path(signal)
            .join("features_cnk0.1_ctx0.4/whisper-like/.heschl/long.journal");
        let begun = Instant::now();
        while std::fs::metadata(&journal).map_or(0, |file| file.len()) < 5000 {
            assert!(begun.elapsed() < Duration::from_mins(1), "no rows came");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(3),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(stdout(&output).contains("\"stopped\":true"));
        assert!(journal.is_file());
    }
}

#[test]
fn devices_says_what_there_is_and_why_the_rest_is_missing() {
    let told = stdout(&succeed(heschl().arg("devices")));
    assert!(told.contains("ONNX Runtime 1."), "{told}");
    assert!(told.contains("cpu"), "{told}");
    assert!(told.contains("cuda"), "{told}");
}

#[test]
fn models_lists_the_studys_encoders() {
    let told = stdout(&succeed(heschl().args(["models", "list"])));
    for name in [
        "whisper-tiny",
        "whisper-large",
        "hubert-base",
        "hubert-xlarge",
        "wavlm-large",
    ] {
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn a_folder_added_under_a_name_can_be_used_checked_and_taken_away() {
    let study = Study::new();
    let home = study.path("home");
    let in_home = |arguments: &[&str]| {
        let mut command = heschl();
        command
            .env("HESCHL_HOME", &home)
            .current_dir(study.scratch.path())
            .args(arguments);
        command
    };
    let model = data("whisper-like").display().to_string();
    succeed(&mut in_home(&["models", "add", &model, "--name", "mine"]));
    let told = stdout(&succeed(&mut in_home(&["models", "check", "mine"])));
    assert!(
        told.contains("finite") && told.contains("encoder.3"),
        "{told}"
    );
    let extract = [
        "extract",
        "--stimulus-dir",
        "stories",
        "--contextsz",
        "400",
        "--model",
        "mine",
    ];
    succeed(&mut in_home(&extract));
    assert!(
        study
            .path("features_cnk0.1_ctx0.4/mine/one_times.npz")
            .is_file()
    );
    succeed(&mut in_home(&["models", "remove", "mine"]));
    assert!(!in_home(&extract).output().unwrap().status.success());
}

#[test]
fn the_demo_needs_no_preparation_and_draws_a_picture() {
    let scratch = tempfile::tempdir().unwrap();
    let _ = crate::common::starter_model();
    let output = succeed(heschl().current_dir(scratch.path()).args([
        "demo",
        "--headless",
        "--device",
        "cpu",
    ]));
    let told = stdout(&output);
    assert!(told.contains("247 rows"), "{told}");
    let picture = std::fs::read(scratch.path().join("heschl-demo/austen.png")).unwrap();
    assert_eq!(&picture[1..4], b"PNG");
}
