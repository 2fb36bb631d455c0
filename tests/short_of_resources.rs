//! Where the system gives no more memory or no larger files, a sentence says so, and nothing is lost.

use std::process::{Command, Output};

use crate::common::heschl;
use heschl_core::files::formats::npz::RowsWriter;
use heschl_core::maths::random::PythonRandom;
use ndarray::Array2;

/// Runs the program under a limit of the shell.
fn limited(limit: &str, folder: &std::path::Path, words: &[&str]) -> Output {
    let program = heschl().get_program().to_owned();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{limit}; exec \"$@\""))
        .arg("sh")
        .arg(program)
        .args(words)
        .current_dir(folder);
    command.output().unwrap()
}

/// Two stories of features at four frames a second.
fn features(folder: &std::path::Path) {
    std::fs::create_dir(folder).unwrap();
    let mut random = PythonRandom::new(3);
    for story in ["one", "two"] {
        let rows = Array2::from_shape_simple_fn((600, 5), || random.normal() as f32);
        let times = Array2::from_shape_fn((600, 2), |(frame, end)| (frame + end) as f32 * 0.25);
        for (name, key, rows) in [
            (format!("{story}.npz"), "features", &rows),
            (format!("{story}_times.npz"), "times", &times),
        ] {
            let file = std::fs::File::create(folder.join(name)).unwrap();
            let mut writer = RowsWriter::new(file, key, rows.nrows(), rows.ncols()).unwrap();
            writer.write(rows.as_slice().unwrap()).unwrap();
            writer.finish().unwrap();
        }
    }
}

#[test]
fn without_memory_a_sentence_is_said_and_the_exit_code_is_that_of_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    features(&scratch.path().join("features"));
    let words = ["simulate", "features", "--voxels", "1000000"];
    // 400 MB of address space: enough to begin, not for a million voxels.
    let output = limited("ulimit -v 400000", scratch.path(), &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{:?} {said}", output.status);
    assert!(
        said.contains("emory") && !said.contains("error in Heschl"),
        "{said}"
    );
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_of_the_write() {
    let scratch = tempfile::tempdir().unwrap();
    features(&scratch.path().join("features"));
    let words = ["simulate", "features", "--voxels", "5000"];
    let output = limited("ulimit -f 1000", scratch.path(), &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{:?} {said}", output.status);
    assert!(
        said.contains("File:") && !said.contains("error in Heschl"),
        "{said}"
    );
}
