//! No number on the command line makes the program panic, run for ever or take all memory: it works, or a sentence says why not.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{data, heschl, noise, write_wav};

const EXTREMES: [&str; 10] = [
    "0",
    "-1",
    "1e-9",
    "1e12",
    "1e300",
    "-1e300",
    "nan",
    "inf",
    "18446744073709551615",
    "99999999999999999999",
];

/// Far more than any of these commands takes; a loop that never ends takes longer.
const MOST: Duration = Duration::from_mins(2);

/// Runs a command with a value for one flag and looks how it ends.
fn check(folder: &Path, words: &[&str], flag: &str, value: &str) {
    let mut command = heschl();
    command.current_dir(folder).args(words);
    command.arg(format!("{flag}={value}"));
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > MOST {
            child.kill().unwrap();
            panic!("{words:?} {flag}={value} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0..=2)),
        "{words:?} {flag}={value}: {:?} {said}",
        output.status
    );
    assert!(
        !said.contains("error in Heschl"),
        "{words:?} {flag}={value}: {said}"
    );
    assert!(
        output.status.success() || !said.trim().is_empty(),
        "{words:?} {flag}={value}"
    );
}

#[test]
fn extreme_numbers_are_refused_or_work() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir(folder.join("stories")).unwrap();
    for (story, seed) in [("one", 1), ("two", 2)] {
        write_wav(
            &folder.join(format!("stories/{story}.wav")),
            &noise(8000, seed),
        );
    }
    let model = data("whisper-like").display().to_string();
    let extract = [
        "extract",
        "--stimulus_dir",
        "stories",
        "--model",
        &model,
        "--contextsz",
        "0",
        "--device",
        "cpu",
        "--dry-run",
    ];
    let mut made = heschl();
    made.current_dir(folder).args(&extract[..extract.len() - 1]);
    assert!(made.status().unwrap().success());
    let features = "features_cnk0.1_ctx0.0/whisper-like";

    let flags: [(&[&str], &[&str]); 3] = [
        (
            &extract[..5],
            &[
                "--chunksz",
                "--contextsz",
                "--stride",
                "--batchsz",
                "--layers",
            ],
        ),
        (
            &["downsample", features],
            &["--tr", "--sound-start", "--scans", "--window", "--cutoff"],
        ),
        (
            &["simulate", features],
            &[
                "--voxels",
                "--empty-share",
                "--signal-share",
                "--noise-correlation",
                "--presentations",
                "--tr",
                "--seed",
            ],
        ),
    ];
    for (words, flags) in flags {
        for flag in flags {
            for value in EXTREMES {
                let mut words = words.to_vec();
                if words[0] == "extract" {
                    words.push("--dry-run");
                }
                check(folder, &words, flag, value);
            }
        }
    }
}
