//! Pictures of the cortex from the command line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heschl_core::files::formats::npz::RowsWriter;

use crate::common::heschl;

/// One value for each vertex of fsaverage5, 1 in the left hemisphere and 0 in the right.
fn left_alone(folder: &Path) -> PathBuf {
    let path = folder.join("left.npz");
    let mut writer = RowsWriter::new(File::create(&path).unwrap(), "map", 1, 20_484).unwrap();
    let values: Vec<f32> = (0..20_484)
        .map(|vertex| f32::from(u8::from(vertex < 10_242)))
        .collect();
    writer.write(&values).unwrap();
    writer.finish().unwrap();
    path
}

fn render(data: &Path, view: &str, out: &Path, prepare: impl FnOnce(&mut Command)) -> Output {
    let mut command = heschl();
    command
        .arg("render")
        .arg(data)
        .args(["--map", "map", "--no-light", "--cmap", "viridis"]);
    command.args([
        "--vmin", "0", "--vmax", "1", "--size", "300x200", "--view", view, "--out",
    ]);
    command.arg(out);
    prepare(&mut command);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{view}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Width and pixels of a PNG with four bytes a pixel.
fn pixels(path: &Path) -> (usize, Vec<[u8; 4]>) {
    let file = std::io::BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgba).unwrap();
    let pixels = rgba.chunks_exact(4).map(|pixel| pixel.try_into().unwrap());
    (info.width as usize, pixels.collect())
}

/// The first and the last colour of viridis.
const ZERO: [u8; 3] = [68, 1, 84];
const ONE: [u8; 3] = [253, 231, 36];

#[test]
fn left_is_left_in_every_view() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let out = folder.path().join("picture.png");
    // Where the left hemisphere is in the picture: left, right, alone, or not there.
    let views = [
        ("dorsal", Some(true)),
        ("posterior", Some(true)),
        ("flat", Some(true)),
        ("lateral", Some(true)),
        ("ventral", Some(false)),
        ("anterior", Some(false)),
        ("medial", Some(false)),
    ];
    for (view, is_at_left) in views {
        render(&data, view, &out, |_| {});
        let (width, pixels) = pixels(&out);
        let places = |colour: [u8; 3]| -> Vec<usize> {
            let all = pixels.iter().enumerate();
            let drawn = all.filter(|(_, pixel)| pixel[3] == 255 && pixel[..3] == colour);
            drawn.map(|(at, _)| at % width).collect()
        };
        let mean = |places: &[usize]| places.iter().sum::<usize>() as f64 / places.len() as f64;
        let (left, right) = (places(ONE), places(ZERO));
        assert!(left.len() > 1000 && right.len() > 1000, "{view}");
        assert_eq!(Some(mean(&left) < mean(&right)), is_at_left, "{view}");
    }
    for (view, only) in [
        ("lateral-left", ONE),
        ("medial-left", ONE),
        ("lateral-right", ZERO),
        ("medial-right", ZERO),
    ] {
        render(&data, view, &out, |_| {});
        let drawn = pixels(&out).1.into_iter().filter(|pixel| pixel[3] == 255);
        let colours: std::collections::BTreeSet<[u8; 3]> =
            drawn.map(|[r, g, b, _]| [r, g, b]).collect();
        assert_eq!(colours.into_iter().collect::<Vec<_>>(), [only], "{view}");
    }
}

#[test]
fn a_picture_needs_no_environment_and_no_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let picture = |name: &str, prepare: &dyn Fn(&mut Command)| {
        let out = folder.path().join(name);
        render(&data, "lateral-left", &out, prepare);
        std::fs::read(out).unwrap()
    };
    let usual = picture("usual.png", &|_| {});
    let bare = picture("bare.png", &|command| {
        command.env_clear();
    });
    let one = picture("one.png", &|command| {
        command.env("RAYON_NUM_THREADS", "1");
    });
    let two = picture("two.png", &|command| {
        command.env("RAYON_NUM_THREADS", "2");
    });
    assert!(usual == bare && usual == one && usual == two);
}

#[test]
fn what_cannot_be_drawn_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let few = folder.path().join("few.npz");
    let mut writer = RowsWriter::new(File::create(&few).unwrap(), "map", 1, 40).unwrap();
    writer.write(&[0.5; 40]).unwrap();
    writer.finish().unwrap();
    let out = folder.path().join("picture.png");
    let cases: [(&Path, &[&str], &str); 6] = [
        (
            &few,
            &["--map", "map"],
            "There are 40 values, but fsaverage5 has 20484 vertices",
        ),
        (&data, &[], "The archive holds no scores"),
        (
            &data,
            &["--map", "map", "--view", "sideways"],
            "There is no view \"sideways\"",
        ),
        (
            &data,
            &["--map", "map", "--view", "gone.json"],
            "The view cannot be read",
        ),
        (
            &data,
            &["--map", "map", "--subject", "nobody"],
            "There is no subject \"nobody\"",
        ),
        (
            &data,
            &["--map", "map", "--cmap", "jet2000"],
            "There is no colour map \"jet2000\"",
        ),
    ];
    for (data, arguments, sentence) in cases {
        let mut command = heschl();
        command
            .arg("render")
            .arg(data)
            .args(arguments)
            .arg("--out")
            .arg(&out);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
        assert!(!out.exists());
    }
}
