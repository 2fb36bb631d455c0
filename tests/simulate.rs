//! Simulated studies from the command line.

use std::fs;
use std::path::Path;
use std::process::Output;

use heschl_core::brain::LanguageSystem;
use heschl_core::files::formats::npz::{self, RowsWriter};
use heschl_core::fmri::simulate::VoxelPlan;
use heschl_core::maths::random::PythonRandom;
use ndarray::{Array2, Ix1};

use crate::common::heschl;

const LAYERS: [&str; 4] = ["", "encoder.0", "encoder.1", "encoder.2"];

fn write_array(path: &Path, name: &str, rows: &Array2<f32>) {
    let file = fs::File::create(path).unwrap();
    let mut writer = RowsWriter::new(file, name, rows.nrows(), rows.ncols()).unwrap();
    writer.write(rows.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
}

/// The final output and three layers of two stories, at two frames a second.
fn write_features(folder: &Path) {
    let mut random = PythonRandom::new(3);
    for layer in LAYERS {
        fs::create_dir_all(folder.join(layer)).unwrap();
        for story in ["one", "two"] {
            let features = Array2::from_shape_simple_fn((150, 3), || random.normal() as f32);
            let path = folder.join(layer).join(format!("{story}.npz"));
            write_array(&path, "features", &features);
            let times = Array2::from_shape_fn((150, 2), |(frame, end)| (frame + end) as f32 * 0.5);
            write_array(&folder.join(format!("{story}_times.npz")), "times", &times);
        }
    }
}

fn simulate(scratch: &Path, arguments: &[&str]) -> Output {
    let words = ["simulate", "features", "--presentations", "1"];
    let mut command = heschl();
    let command = command.current_dir(scratch).args(words).args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_anatomy_is_simulated_with_its_truth_and_the_same_seed_gives_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    write_features(&path("features"));
    for (out, seed) in [("first", "0"), ("second", "0"), ("other", "1")] {
        let output = simulate(scratch.path(), &["--anatomy", "--out", out, "--seed", seed]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let told = text(&output.stdout);
        assert!(
            told.contains("20484 voxels") && told.contains("heschl sweep"),
            "{told}"
        );
    }
    for name in ["truth.npz", "responses/one.npy", "responses/two.npy"] {
        let read = |out: &str| fs::read(path(out).join(name)).unwrap();
        assert!(read("first") == read("second"), "{name}");
        let is_truth = name == "truth.npz";
        assert!((read("first") == read("other")) == is_truth, "{name}");
    }
    let system = LanguageSystem::fsaverage5(LAYERS.len() - 1, 0.5);
    let shares = npz::read_as::<f64, Ix1>(&path("first/truth.npz"), "signal_share").unwrap();
    let responses = fs::read(path("first/responses/one.npy")).unwrap();
    for (voxel, (plan, found)) in system.plan.iter().zip(&shares).enumerate() {
        let share = match plan {
            VoxelPlan::Signal { share, .. } => *share,
            VoxelPlan::Outside | VoxelPlan::Noise => 0.0,
        };
        assert!((share - found).abs() < 1e-15);
        // The last scan: the medial wall is empty, nothing else is.
        let place = responses.len() - 4 * (system.plan.len() - voxel);
        let is_empty = responses[place..place + 4] == [0; 4];
        assert_eq!(is_empty, *plan == VoxelPlan::Outside, "voxel {voxel}");
    }
}

#[test]
fn an_anatomy_that_cannot_be_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    write_features(&scratch.path().join("features"));
    for (flag, value) in [
        ("--voxels", "100"),
        ("--layer", "encoder.1"),
        ("--empty-share", "0.2"),
    ] {
        let output = simulate(scratch.path(), &["--anatomy", flag, value]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(
            told.contains("'--anatomy' cannot be used with") && told.contains(flag),
            "{told}"
        );
    }
    for layer in &LAYERS[1..] {
        fs::remove_dir_all(scratch.path().join("features").join(layer)).unwrap();
    }
    let output = simulate(scratch.path(), &["--anatomy"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("Extract the layers too"), "{told}");
    assert!(!scratch.path().join("simulated").exists());
}
