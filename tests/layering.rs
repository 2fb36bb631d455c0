//! What each folder may know: the arrows between packages, and the one folder that may say `ort`.

use std::path::{Path, PathBuf};

use crate::common::files_below;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Packages that a manifest names in its dependencies.
fn dependencies(folder: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// Every Rust file of a package, with its content.
fn sources(folder: &str) -> Vec<(String, String)> {
    sources_below(&root().join(folder).join("src"))
}

/// Every Rust file below a folder, with its content.
fn sources_below(folder: &Path) -> Vec<(String, String)> {
    let files = files_below(folder);
    let rust = files
        .into_iter()
        .filter(|(name, _)| Path::new(name).extension() == Some("rs".as_ref()));
    let sources: Vec<_> = rust
        .map(|(name, text)| (name, String::from_utf8(text).unwrap()))
        .collect();
    assert!(!sources.is_empty(), "{} has no sources", folder.display());
    sources
}

/// Whether a line of code, not of comment, has `path` at the start of a word.
fn names(line: &str, path: &str) -> bool {
    let is_inside_word =
        |at: usize| line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let starts = line.match_indices(path).any(|(at, _)| !is_inside_word(at));
    starts && !line.trim_start().starts_with("//")
}

/// Fails if the folder depends on, or names, what it must not know.
fn check_does_not_know(folder: &str, forbidden: &[&str]) {
    for dependency in dependencies(folder) {
        assert!(
            !forbidden.contains(&dependency.as_str()),
            "{folder} depends on {dependency}"
        );
    }
    for (file, text) in sources(folder) {
        for name in forbidden {
            let path = format!("{}::", name.replace('-', "_"));
            let used = text.lines().any(|line| names(line, &path));
            assert!(!used, "{folder}/src/{file} names {path}");
        }
    }
}

#[test]
fn core_knows_neither_models_nor_network_nor_windows() {
    check_does_not_know(
        "core",
        &[
            "heschl-models",
            "heschl",
            "ureq",
            "egui",
            "eframe",
            "wgpu",
            "rfd",
            "clap",
        ],
    );
}

#[test]
fn models_knows_neither_audio_nor_windows() {
    check_does_not_know(
        "models",
        &[
            "heschl",
            "symphonia",
            "egui",
            "eframe",
            "wgpu",
            "rfd",
            "clap",
            "ort",
        ],
    );
    for (file, text) in sources("models") {
        assert!(
            !text.contains("heschl_core::speech::audio"),
            "models/src/{file} names heschl_core::speech::audio"
        );
    }
}

#[test]
fn app_computes_nothing_with_the_runtime_or_the_decoders_itself() {
    check_does_not_know("app", &["ort", "symphonia", "realfft", "ureq"]);
}

#[test]
fn one_folder_says_ort() {
    let says_ort = |text: &str| text.lines().any(|line| names(line, "ort::"));
    let files: Vec<String> = sources("core")
        .into_iter()
        .filter(|(_, text)| says_ort(text))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(
        files,
        [
            "speech/encoder/onnx/mod.rs",
            "speech/encoder/onnx/weights.rs"
        ]
    );
}

#[test]
fn no_file_is_longer_than_600_lines() {
    for folder in ["app/src", "core/src", "models/src", "core/tests", "tests"] {
        for (file, text) in sources_below(&root().join(folder)) {
            let n_lines = text.lines().count();
            assert!(n_lines <= 600, "{folder}/{file} has {n_lines} lines");
        }
    }
}
