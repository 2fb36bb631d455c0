//! The study's options do what they did in the study's own code.
//!
//! `data/study/options.npz` holds what that code wrote with transformers 4.30.2, the version of its year: an array for
//! each file, called `case|path`.
#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]

use std::collections::BTreeSet;

use heschl_core::formats::responses::{self, ResponseOptions};
use heschl_tests::{array, compare, data, feature_files, heschl};

/// Runs one of the cases with its flags, and compares every file.
fn check(case: &str, flags: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let mut command = heschl();
    command
        .args(["extract", "--use_featext", "--device", "cpu"])
        .arg("--stimulus_dir")
        .arg(data("study/stimuli"))
        .arg("--model")
        .arg(data("study/models/hubert-base-odd"))
        .arg("--out")
        .arg(out.path())
        .args(flags);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {said}");

    let expected = data("study/options.npz");
    let prefix = format!("{case}|");
    let scratch = tempfile::tempdir().unwrap();
    let options = ResponseOptions {
        mask: None,
        scratch: scratch.path().into(),
    };
    let names = responses::open(&expected, &options).unwrap().stories();
    let wanted: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix))
        .collect();
    let written = feature_files(out.path());
    assert_eq!(
        written.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        wanted,
        "{case}: files"
    );
    for file in wanted {
        // The study subtracts the silence from the times in single precision.
        let (key, bound) = if file.ends_with("_times.npz") {
            ("times", 1e-5)
        } else {
            ("features", 1e-4)
        };
        let found = array(&out.path().join(file), key);
        let (largest, _) = compare(&found, &array(&expected, &format!("{prefix}{file}")));
        assert!(largest <= bound, "{case}, {file}: {largest}");
    }
}

#[test]
fn a_stride_takes_the_chunks_place() {
    check(
        "stride",
        &["--chunksz", "100", "--contextsz", "1000", "--stride", "0.5"],
    );
}

#[test]
fn silence_is_as_long_as_the_context_that_a_stride_leaves() {
    check(
        "stridepad",
        &[
            "--chunksz",
            "100",
            "--contextsz",
            "1000",
            "--stride",
            "0.3",
            "--pad_silence",
        ],
    );
}

#[test]
fn custom_stimuli_are_the_recordings_of_their_folder() {
    check(
        "custom",
        &[
            "--chunksz",
            "200",
            "--contextsz",
            "600",
            "--custom_stimuli",
            "tones",
        ],
    );
}

#[test]
fn the_final_output_is_written_whatever_layers_are_chosen() {
    check(
        "layers",
        &[
            "--chunksz",
            "200",
            "--contextsz",
            "600",
            "--layers",
            "0",
            "2",
        ],
    );
}

#[test]
fn full_context_changes_nothing_behind_silence() {
    check(
        "both",
        &[
            "--chunksz",
            "200",
            "--contextsz",
            "600",
            "--full_context",
            "--pad_silence",
        ],
    );
}
