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

/// From above, a slice shows the head where the cortex above it is cut away; the ventricles are darker than white matter.
#[test]
fn slices_are_seen_where_the_cortex_is_cut_away() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let out = folder.path().join("picture.png");
    let greys = |options: &[&str]| -> Vec<u8> {
        render(&data, "dorsal", &out, |command| {
            command.args(options);
        });
        let (_, pixels) = pixels(&out);
        let grey = pixels
            .iter()
            .filter(|[r, g, b, a]| *a == 255 && r == g && g == b);
        grey.map(|pixel| pixel[0]).collect()
    };
    assert!(greys(&[]).is_empty());
    // Below the cortex, the slice is seen around and between the hemispheres alone.
    let below = greys(&["--slice", "axial=10"]).len();
    assert!(below < 4_000, "{below}");
    let cut = greys(&["--slice", "axial=10", "--cut", "axial=10"]);
    assert!(cut.len() > 15_000, "{}", cut.len());
    let share = |is_it: &dyn Fn(&u8) -> bool| {
        cut.iter().filter(|grey| is_it(grey)).count() as f64 / cut.len() as f64
    };
    assert!(share(&|grey| *grey > 150) > 0.5 && share(&|grey| *grey < 110) > 0.005);
    // Half transparent, every colour is mixed.
    let mixed = greys(&["--slice", "axial=10", "--cortex-opacity", "0.5"]);
    assert_eq!(mixed.len(), below);
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
    let cases: [(&Path, &[&str], &str); 7] = [
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
        (
            &data,
            &["--map", "map", "--view", "flat", "--slice", "axial=6"],
            "are shown in the folded brain",
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

/// A map of both hemispheres of fsaverage5 in an archive of its own.
fn map_of(folder: &Path, name: &str, value: impl Fn(usize) -> f32) -> PathBuf {
    let path = folder.join(format!("{name}.npz"));
    let mut writer = RowsWriter::new(File::create(&path).unwrap(), "map", 1, 20_484).unwrap();
    let values: Vec<f32> = (0..20_484).map(value).collect();
    writer.write(&values).unwrap();
    writer.finish().unwrap();
    path
}

/// Draws a flat map with further options, and returns the file as text.
fn flat_svg(data: &Path, options: &[&str]) -> String {
    let out = data.with_extension("svg");
    render(data, "flat", &out, |command| {
        command.args(options);
    });
    std::fs::read_to_string(out).unwrap()
}

/// A map and a name in its file.
fn named(path: &Path) -> String {
    format!("{}:map", path.display())
}

#[test]
fn legends_say_what_colours_mean() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = map_of(folder, "first", |vertex| match vertex % 4 {
        0 => f32::NAN,
        other => other as f32 / 4.0,
    });
    let even = map_of(folder, "even", |_| 0.5);
    let has = |svg: &str, words: &[&str]| {
        for words in words {
            assert!(svg.contains(&format!(">{words}<")), "{words}");
        }
    };
    let even = named(&even);
    let svg = flat_svg(&data, &["--threshold", "0.4"]);
    has(&svg, &["map", "below 0.4", "not a number"]);
    assert!(!svg.contains(">no data<"));
    let svg = flat_svg(&data, &["--map2", &even, "--vmax2", "1"]);
    has(&svg, &["map", "↑ map"]);
    let svg = flat_svg(&data, &["--opacity", &even]);
    has(&svg, &["map", "opacity: map"]);
    let whole = map_of(folder, "whole", |vertex| (vertex % 3) as f32);
    let svg = flat_svg(
        &whole,
        &["--categories", "--category-names", "a,b,c &amp d"],
    );
    has(&svg, &["map", "a", "b", "c &amp;amp d"]);
    let svg = flat_svg(&data, &["--rois", "aparc", "--scale-bar"]);
    has(&svg, &["superiortemporal", "transversetemporal"]);
    assert!(svg.contains("mm of the flat map") && svg.contains("mm of cortex"));
    let svg = flat_svg(&data, &["--rois", "aparc", "--no-labels"]);
    assert!(!svg.contains(">superiortemporal<"));
}

#[test]
fn three_maps_are_mixed_as_red_green_and_blue() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let maps = [0.2, 0.4, 0.6]
        .map(|value| named(&map_of(folder, &format!("even{value}"), move |_| value)));
    let data = map_of(folder, "unused", |_| 0.0);
    let out = folder.join("rgb.png");
    let mut command = heschl();
    command
        .arg("render")
        .arg(&data)
        .args(["--rgb", &maps.join(",")]);
    command.args(["--vmin", "0", "--vmax", "1", "--view", "flat"]);
    command.args(["--size", "300x200", "--out"]).arg(&out);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Red from 0.000 to 1.000, green"), "{said}");
    let drawn = pixels(&out).1.into_iter().filter(|pixel| pixel[3] == 255);
    let colours: std::collections::BTreeSet<[u8; 4]> = drawn.collect();
    assert_eq!(
        colours.into_iter().collect::<Vec<_>>(),
        [[51, 102, 153, 255]]
    );
}

/// The small store with a drawing: a rectangle over the whole left hemisphere, and one that is empty.
fn store_with_drawing(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/brain/S1mini");
    let store = folder.join("S1mini");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(source)
        .arg(&store)
        .status();
    assert!(copied.unwrap().success());
    let drawing = "<svg width=\"511\" height=\"256\"><g inkscape:label=\"rois\"><g inkscape:label=\"shapes\">\
        <g inkscape:label=\"AC\"><path d=\"m 40,60 h 180 v 130 h -180 z\"/></g><g inkscape:label=\"V4\"/></g></g></svg>";
    std::fs::write(store.join("overlays.svg"), drawing).unwrap();
    store
}

#[test]
fn regions_that_were_drawn_are_outlined_and_named_unless_that_is_declined() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_drawing(folder.path());
    let data = folder.path().join("volume.npz");
    let n_voxels = 31 * 100 * 100;
    let mut writer = RowsWriter::new(File::create(&data).unwrap(), "map", 1, n_voxels).unwrap();
    writer.write(&vec![0.5; n_voxels]).unwrap();
    writer.finish().unwrap();
    let picture = |options: &[&str]| {
        let out = folder.path().join("picture.png");
        let output = render(&data, "flat", &out, |command| {
            command.arg("--subject").arg(&store).args(options);
        });
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (std::fs::read(out).unwrap(), said)
    };
    let (drawn, said) = picture(&[]);
    assert!(said.contains("V4"), "the empty shape is not told: {said}");
    let (named, _) = picture(&["--rois", "overlays"]);
    let (unnamed, _) = picture(&["--no-labels"]);
    let (without, _) = picture(&["--no-rois"]);
    let size_without_command = |png: &[u8]| png.len();
    assert_ne!(drawn, without);
    assert_ne!(drawn, unnamed);
    assert_ne!(unnamed, without);
    // The files differ in the command that they hold.
    assert!(size_without_command(&named).abs_diff(drawn.len()) < 40);
    let (hatched, _) = picture(&["--no-rois", "--dropout"]);
    assert_ne!(hatched, without);
}

#[test]
fn further_maps_and_regions_that_do_not_fit_are_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = map_of(folder.path(), "half", |vertex| vertex as f32 / 2.0);
    let areas = folder.path().join("areas.annot");
    std::fs::write(&areas, b"x").unwrap();
    let areas = areas.to_string_lossy().into_owned();
    let out = folder.path().join("picture.png");
    let cases: [(&[&str], &str); 9] = [
        (&["--map2", "other"], "other"),
        (
            &["--map2", "map", "--cmap2d", "viridis"],
            "There is no colour map of two values \"viridis\"",
        ),
        (&["--rgb", "map,map"], "--rgb takes three maps"),
        (&["--categories"], "is no category"),
        (&["--rois", "overlays"], "has no overlays.svg"),
        (&["--rois", "mine"], "has no regions \"mine\""),
        (&["--rois", &areas], "does not tell its hemisphere"),
        (&["--dropout"], "has no transform"),
        (&["--scale-bar"], "holds on a flat map alone"),
    ];
    for (arguments, sentence) in cases {
        let mut command = heschl();
        command.arg("render").arg(&data);
        if !arguments.contains(&"--rgb") {
            command.args(["--map", "map"]);
        }
        let output = command
            .args(arguments)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr.contains(sentence), "{arguments:?}: {stderr}");
        assert!(!out.exists());
    }
}

/// Draws a figure of several views, and returns its pixels and their width.
fn panels(data: &[&Path], options: &[&str], out: &Path) -> (usize, Vec<[u8; 4]>) {
    let mut command = heschl();
    command.arg("render").args(data).args(["--map", "map"]);
    command.args([
        "--no-light",
        "--cmap",
        "viridis",
        "--vmin",
        "0",
        "--vmax",
        "1",
    ]);
    let output = command
        .args(options)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {stderr}");
    pixels(out)
}

#[test]
fn panels_are_the_single_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let out = folder.path().join("panels.png");
    let mut names = vec![];
    for (name, azimuth) in [("a", 90), ("b", 230)] {
        let view = folder.path().join(format!("{name}.json"));
        let text = format!(
            "{{\"camera.azimuth\": {azimuth}, \"camera.altitude\": 70, \"camera.radius\": 350, \
             \"surface.{{subject}}.unfold\": 0.5}}"
        );
        std::fs::write(&view, text).unwrap();
        names.push(view.to_str().unwrap().to_owned());
    }
    let views = names.join(",");
    let (width, all) = panels(&[&data], &["--views", &views, "--size", "600x200"], &out);
    assert_eq!(width, 600);
    for (at, name) in names.iter().enumerate() {
        render(&data, name, &out, |_| {});
        let (_, single) = pixels(&out);
        let mut n_other = 0;
        for row in 0..200 {
            for column in 0..300 {
                let own = all[row * 600 + 300 * at + column];
                let expected = single[row * 300 + column];
                // Colours of rims are rounded once more on their way through the figure.
                let is_rim = expected[3] < 255 && own[3] == expected[3];
                if own != expected && !is_rim {
                    n_other += 1;
                    // L and R are written at the top.
                    assert!(row < 40, "{name}: {column}, {row}: {own:?} {expected:?}");
                }
            }
        }
        assert!(n_other < 400, "{n_other}");
    }
}

#[test]
fn panels_show_both_hemispheres_and_name_rows() {
    let folder = tempfile::tempdir().unwrap();
    let data = left_alone(folder.path());
    let out = folder.path().join("panels.png");
    for layout in ["lateral-medial", "flat-inflated"] {
        let (width, all) = panels(&[&data], &["--panels", layout, "--size", "400x300"], &out);
        let mut counts = [[0; 2]; 2];
        for (at, pixel) in all[..300 * width].iter().enumerate() {
            for (index, colour) in [ZERO, ONE].iter().enumerate() {
                if pixel[..3] == *colour && pixel[3] == 255 {
                    counts[index][usize::from(at % width >= 200)] += 1;
                }
            }
        }
        // The left hemisphere is at the left alone.
        let [[right_at_left, right], [left, left_at_right]] = counts;
        assert!(left > 5000 && right > 5000, "{layout}: {counts:?}");
        // The flat maps meet a few pixels beside the middle.
        let most = if layout == "flat-inflated" { 100 } else { 0 };
        assert!(
            right_at_left <= most && left_at_right <= most,
            "{layout}: {counts:?}"
        );
    }
    let other = map_of(folder.path(), "other", |vertex| (vertex % 7) as f32 / 7.0);
    let svg = folder.path().join("rows.svg");
    let mut command = heschl();
    command.arg("render").args([&data, &other]);
    command.args([
        "--map",
        "map",
        "--panels",
        "lateral-medial",
        "--size",
        "400x200",
    ]);
    assert!(
        command
            .arg("--out")
            .arg(&svg)
            .output()
            .unwrap()
            .status
            .success()
    );
    let text = std::fs::read_to_string(svg).unwrap();
    for words in [">left<", ">other<", ">L<", ">R<", ">map<"] {
        assert!(text.contains(words), "{words}");
    }
}
