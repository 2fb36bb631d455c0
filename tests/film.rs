//! Films of the cortex from the command line.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Output;

use heschl_core::files::formats::npz::RowsWriter;

use crate::common::heschl;

/// A map of fsaverage5: 1 in the left hemisphere and 0 in the right.
fn maps(folder: &Path) -> PathBuf {
    let path = folder.join("maps.npz");
    let mut writer = RowsWriter::new(File::create(&path).unwrap(), "left", 1, 20_484).unwrap();
    let values: Vec<f32> = (0..20_484)
        .map(|vertex| f32::from(u8::from(vertex < 10_242)))
        .collect();
    writer.write(&values).unwrap();
    writer.finish().unwrap();
    path
}

fn film(data: &Path, options: &[&str], out: &Path) -> Output {
    let mut command = heschl();
    command.arg("film").arg(data).args(["--map", "left"]);
    command.args([
        "--no-light",
        "--cmap",
        "viridis",
        "--vmin",
        "0",
        "--vmax",
        "1",
    ]);
    if !options.contains(&"--size") {
        command.args(["--size", "160x120"]);
    }
    command.args(options);
    command.arg("--out").arg(out).output().unwrap()
}

fn written(data: &Path, options: &[&str], out: &Path) -> String {
    let output = film(data, options, out);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The frames of a PNG file, three bytes a pixel.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let n_frames = reader
        .info()
        .animation_control
        .map_or(1, |all| all.num_frames);
    let frame = |_| {
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        rgb
    };
    (0..n_frames).map(frame).collect()
}

/// The mean columns of the first and the last colour of viridis in the upper part of a frame.
fn columns(rgb: &[u8]) -> [f64; 2] {
    let mean = |colour: [u8; 3]| {
        let all = rgb.chunks_exact(3).take(160 * 80).enumerate();
        let own = all.filter(|(_, pixel)| **pixel == colour);
        let places: Vec<usize> = own.map(|(at, _)| at % 160).collect();
        assert!(places.len() > 100, "{} of {colour:?}", places.len());
        places.iter().sum::<usize>() as f64 / places.len() as f64
    };
    [mean([68, 1, 84]), mean([253, 231, 36])]
}

#[test]
fn a_brain_turns_once_and_left_stays_left() {
    let folder = tempfile::tempdir().unwrap();
    let data = maps(folder.path());
    let turn = ["--turntable", "2", "--fps", "4", "--view", "posterior"];
    let out = folder.path().join("frames");
    let said = written(&data, &turn, &out);
    assert!(said.contains("8 frames, 2.0 s"), "{said}");
    let read = |at: usize| {
        let path = out.join(format!("frame-{at:06}.png"));
        frames(&path).remove(0)
    };
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 9);
    // Seen from behind the left hemisphere is at the left, seen from the front at the right.
    let [right, left] = columns(&read(1));
    assert!(left < right, "{left} {right}");
    let [right, left] = columns(&read(5));
    assert!(left > right, "{left} {right}");
    // The same bytes whatever the number of threads.
    let other = folder.path().join("one-thread");
    let mut command = heschl();
    command.env("RAYON_NUM_THREADS", "1").arg("film").arg(&data);
    command.args(["--map", "left", "--no-light", "--cmap", "viridis"]);
    command.args(["--vmin", "0", "--vmax", "1", "--size", "160x120"]);
    command.args(turn).arg("--out").arg(&other);
    assert!(command.output().unwrap().status.success());
    for at in 1..=8 {
        let name = format!("frame-{at:06}.png");
        let [one, two] = [&out, &other].map(|own| std::fs::read(own.join(&name)).unwrap());
        assert!(one == two, "{name}");
    }
    // An animated PNG has the same frames.
    let animated = folder.path().join("turn.apng");
    written(&data, &turn, &animated);
    let animated = frames(&animated);
    assert_eq!(animated.len(), 8);
    for (at, frame) in (1..).zip(&animated) {
        assert!(*frame == read(at), "{at}");
    }
}

#[test]
fn films_move_between_keyframes_and_unfold() {
    let folder = tempfile::tempdir().unwrap();
    let data = maps(folder.path());
    let keyframes = folder.path().join("keyframes.json");
    let text = r#"[{"time": 0, "view": "left"}, {"time": 1, "view": "flat", "map": "left"}]"#;
    std::fs::write(&keyframes, text).unwrap();
    let of_file = ["--keyframes", keyframes.to_str().unwrap(), "--ease"];
    for (name, options, begin) in [
        ("film.gif", &of_file[..], &b"GIF89a"[..]),
        (
            "film.mp4",
            &["--unfolding", "1"],
            &b"\0\0\0\x20ftypisom"[..],
        ),
    ] {
        let out = folder.path().join(name);
        let options = [options, &["--fps", "5"]].concat();
        let said = written(&data, &options, &out);
        assert!(said.contains("6 frames"), "{said}");
        assert!(std::fs::read(&out).unwrap().starts_with(begin), "{name}");
        let rest = folder.path().join(format!("{name}.frames"));
        assert!(!rest.exists(), "{name}");
    }
}

#[test]
fn what_cannot_be_filmed_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = maps(folder.path());
    let damaged = folder.path().join("damaged.json");
    std::fs::write(&damaged, "[{\"time\": 0}]").unwrap();
    let damaged = damaged.to_str().unwrap();
    let turn = "--turntable";
    let cases: [(&[&str], &str, &str); 6] = [
        (&[], "film.mp4", "Say what the film shows"),
        (&[turn, "1"], "film.avi", "Films are written as .mp4"),
        (
            &[turn, "1", "--size", "161x120"],
            "film.mp4",
            "must be even",
        ),
        (
            &[turn, "1", "--size", "400x40"],
            "film.mp4",
            "no room for the brain",
        ),
        (
            &["--keyframes", damaged],
            "film.mp4",
            "fewer than two keyframes",
        ),
        (&["--stories", "predicted"], "film.mp4", "Leave out --map"),
    ];
    for (options, name, sentence) in cases {
        let out = folder.path().join(name);
        let output = film(&data, options, &out);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{options:?}");
        assert!(stderr.contains(sentence), "{options:?}: {stderr}");
        assert!(!out.exists());
    }
}
