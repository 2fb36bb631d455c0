//! Features are those of the study's own code: its options, and checkpoints of every wiring.
//!
//! `data/study/options.npz` and `published.npz` hold what that code wrote with transformers 4.30.2, the version of its year: an
//! array for each file, called `case|path`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{array, compare, data, feature_files, heschl};
use heschl_core::files::formats::responses::{self, ResponseOptions};

/// Extracts the study's recordings with one of its models.
fn extract(model: &str, flags: &[&str], out: &Path) {
    let mut command = heschl();
    command
        .args(["extract", "--use_featext", "--device", "cpu"])
        .arg("--stimulus_dir")
        .arg(data("study/stimuli"))
        .arg("--model")
        .arg(data("study/models").join(model))
        .arg("--out")
        .arg(out)
        .args(flags);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{model} {flags:?}: {said}");
}

/// Compares every file of `out`, which must be those `wanted`, with what the study's code wrote: `<prefix><path>` in the archive.
fn compare_all(out: &Path, archive: &str, prefix: &str, wanted: &BTreeSet<String>) {
    let expected = data("study").join(archive);
    assert!(wanted.len() >= 4, "{wanted:?}");
    let written = feature_files(out);
    let written: BTreeSet<String> = written.into_keys().collect();
    assert_eq!(written, *wanted, "{prefix}: files");
    for file in wanted {
        // The study subtracts the silence from the times in single precision.
        let (key, bound) = if file.ends_with("_times.npz") {
            ("times", 1e-5)
        } else {
            ("features", 1e-4)
        };
        let found = array(&out.join(file), key);
        let (largest, _) = compare(&found, &array(&expected, &format!("{prefix}{file}")));
        assert!(largest <= bound, "{prefix}{file}: {largest}");
    }
}

/// One of the cases of options.
fn check(case: &str, flags: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    extract("hubert-base-odd", flags, out.path());
    let prefix = format!("{case}|");
    let names = responses::open(&data("study/options.npz"), &ResponseOptions::default());
    let names = names.unwrap().stories();
    let wanted = names.iter().filter_map(|name| name.strip_prefix(&prefix));
    let wanted = wanted.map(String::from).collect();
    compare_all(out.path(), "options.npz", &prefix, &wanted);
}

/// The last layer of the large ones is after the final norm, as published; adapters lie behind the encoder of one.
#[test]
fn every_layer_of_every_wiring_is_the_studys() {
    for model in [
        "hubert-base-odd",
        "hubert-large-legal",
        "wav2vec2-adapters",
        "wavlm-large-odd",
    ] {
        let out = tempfile::tempdir().unwrap();
        extract(
            model,
            &["--chunksz", "200", "--contextsz", "1000"],
            out.path(),
        );
        let files = [0, 1, 2, 3].map(|layer| format!("layer.{layer}/story.npz"));
        let others = ["story.npz", "story_times.npz"].map(String::from);
        let wanted = files.into_iter().chain(others);
        let wanted = wanted.map(|file| format!("features_cnk0.2_ctx1.0/{model}/{file}"));
        compare_all(out.path(), "published.npz", "pub|", &wanted.collect());
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
