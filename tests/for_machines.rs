//! What a program that reads along is told: the window reads the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{data, heschl, noise, write_wav};
use serde_json::Value;

/// The program in a folder of its own, without a network.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = heschl();
    command.current_dir(folder).args(arguments);
    command.env("HESCHL_HOME", folder.join("home"));
    command.env("HF_HUB_CACHE", folder.join("cache"));
    command.env("HF_HUB_OFFLINE", "1");
    command.env("HESCHL_ENDED_FILE", folder.join("ended.txt"));
    command
}

/// What it tells, a JSON object each, and the exit code that it leaves.
fn told(command: &mut Command, folder: &Path) -> (Vec<Value>, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let events = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let left = fs::read_to_string(folder.join("ended.txt")).unwrap();
    let code = left.lines().next().unwrap().to_owned();
    assert_eq!(Some(code.parse().unwrap()), output.status.code());
    (events, code)
}

#[test]
fn a_fetch_tells_how_many_bytes_have_come() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("cache/models--lab--tiny");
    let snapshot = repository.join("snapshots/0123");
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123").unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    for file in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        fs::copy(data("whisper-like").join(file), snapshot.join(file)).unwrap();
    }
    let arguments = ["models", "fetch", "lab/tiny", "--events", "json"];
    let (events, code) = told(&mut program(folder.path(), &arguments), folder.path());
    assert_eq!(code, "0");
    let n_bytes = fs::metadata(data("whisper-like/model.safetensors"))
        .unwrap()
        .len();
    let last = events.last().unwrap();
    assert_eq!(
        (
            &last["event"],
            &last["what"],
            &last["n_bytes"],
            &last["n_bytes_total"]
        ),
        (
            &"downloading".into(),
            &"tiny".into(),
            &n_bytes.into(),
            &n_bytes.into()
        )
    );
    assert!(
        folder
            .path()
            .join("home/models/tiny/model.safetensors")
            .is_file()
    );
}

#[test]
fn a_failure_is_an_event_too() {
    let folder = tempfile::tempdir().unwrap();
    let extract = [
        "extract",
        "--stimulus-dir",
        "nowhere",
        "--model",
        "whisper-tiny",
    ];
    for (arguments, words) in [
        (vec!["models", "fetch", "whisper-tiny"], "network"),
        (vec!["models", "fetch", "no-such-model"], "no-such-model"),
        (extract.to_vec(), "nowhere"),
    ] {
        let arguments = [&arguments[..], &["--events", "json"]].concat();
        let (events, code) = told(&mut program(folder.path(), &arguments), folder.path());
        assert_eq!(code, "1");
        let last = events.last().unwrap();
        let message = last["message"].as_str().unwrap();
        assert!(
            last["event"] == "failed" && message.contains(words),
            "{last}"
        );
    }
}

#[test]
fn a_run_that_overwrites_leaves_the_stories_alone_that_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::create_dir(at("stories")).unwrap();
    for story in ["one", "two"] {
        write_wav(&at(&format!("stories/{story}.wav")), &noise(8000, 1));
    }
    let model = data("whisper-like").display().to_string();
    let extract = [
        "extract",
        "--stimulus-dir",
        "stories",
        "--contextsz",
        "400",
        "--device",
        "cpu",
    ];
    let extract = [&extract[..], &["--model", &model, "--events", "json"]].concat();
    let finished = |events: &[Value]| -> Vec<String> {
        let is_finished = |event: &&Value| event["event"] == "story_finished";
        let stories = events.iter().filter(is_finished);
        stories
            .map(|event| event["story"].as_str().unwrap().into())
            .collect()
    };
    let (events, _) = told(&mut program(folder.path(), &extract), folder.path());
    assert_eq!(finished(&events), ["one", "two"]);
    let recipe = at("features_cnk0.1_ctx0.4/whisper-like/recipe.toml");
    let before = fs::read_to_string(&recipe).unwrap();
    let recipe = recipe.display().to_string();
    let again = [
        "run",
        &recipe,
        "--overwrite",
        "--events",
        "json",
        "--except=one",
    ];
    let (events, code) = told(&mut program(folder.path(), &again), folder.path());
    assert_eq!(
        (finished(&events), code.as_str()),
        (vec!["two".into()], "0")
    );
    // The recipe is still that of both, with both recordings.
    let after = fs::read_to_string(&recipe).unwrap();
    assert_eq!(
        after.matches("[[run.recordings]]").count(),
        before.matches("[[run.recordings]]").count()
    );
}
