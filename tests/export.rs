//! Maps from the command line in the formats of other programs, and pictures of maps in any of them.

use std::path::{Path, PathBuf};
use std::process::Output;

use heschl_core::brain::drawing::{DrawnRegions, region_meshes};
use heschl_core::brain::{MapValues, Overlays, Subject, read_label, read_map};
use heschl_core::files::formats::nifti::write::NiftiImage;
use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
use heschl_core::files::formats::{cifti, gifti, mgh};

use crate::common::heschl;

const N: usize = 10_242;

/// NumPy's file of an array in single precision.
fn npy(path: &Path, shape: &[usize], values: &[f32]) {
    let mut bytes = header("<f4", MemoryOrder::C, shape);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Values of fsaverage5 in the left hemisphere alone, all different.
fn left_alone() -> Vec<f32> {
    let left = (0..N).map(|vertex| 1.0 + vertex as f32 / 7.0);
    left.chain(std::iter::repeat_n(f32::NAN, N)).collect()
}

fn run(command: &str, data: &Path, out: &Path, more: &[&str]) -> Output {
    let mut program = heschl();
    program
        .arg(command)
        .arg(data)
        .args(more)
        .arg("--out")
        .arg(out);
    program.output().unwrap()
}

fn export(data: &Path, out: &Path, more: &[&str]) -> Output {
    let output = run("export", data, out, more);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", out.display());
    output
}

fn s1mini() -> String {
    let folder = "../core/tests/data/brain/S1mini";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    path.to_str().unwrap().to_string()
}

/// Values of both hemispheres, where a file has them.
fn sides(path: &Path) -> [Option<Vec<f32>>; 2] {
    match read_map(path, None).unwrap().values {
        MapValues::Sides(sides) => sides,
        other => panic!("{}: {other:?}", path.display()),
    }
}

#[test]
fn left_is_left_in_every_export() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, values) = (at("left.npy"), left_alone());
    npy(&data, &[2 * N], &values);
    for (out, written) in [
        ("r.func.gii", "lh.r.func.gii"),
        ("rh.named.func.gii", "lh.named.func.gii"),
        ("r.mgh", "lh.r.mgh"),
        ("sub-1_hemi-L_r.mgz", "sub-1_hemi-L_r.mgz"),
        ("r.dscalar.nii", "r.dscalar.nii"),
    ] {
        export(&data, &at(out), &[]);
        let [left, right] = sides(&at(written));
        assert_eq!(left.as_deref(), Some(&values[..N]), "{out}");
        let is_nowhere = right.is_none_or(|right| right.iter().all(|value| value.is_nan()));
        assert!(is_nowhere, "{out}");
    }
    export(&data, &at("r.label"), &["--threshold", "100"]);
    assert!(at("lh.r.label").is_file() && !at("rh.r.label").exists());
    export(&data, &at("r.csv"), &[]);
    let text = std::fs::read_to_string(at("r.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 2 * N);
    assert_eq!(
        rows[0],
        [
            "hemisphere",
            "vertex",
            "aparc",
            "aparc.a2009s",
            "Medial_wall",
            "left"
        ]
    );
    for (row, value) in rows[1..].iter().zip(&values) {
        let found: f32 = row[5].parse().unwrap();
        assert_eq!(found.is_nan(), row[0] == "right");
        assert!(found.to_bits() == value.to_bits() || value.is_nan());
    }
    export(&data, &at("regions.csv"), &["--by-region", "aparc"]);
    let text = std::fs::read_to_string(at("regions.csv")).unwrap();
    assert!(
        text.starts_with("region,hemisphere,vertices,left mean,left values\n"),
        "{text}"
    );
    for line in text.lines().skip(1) {
        let is_empty = line.ends_with(",NaN,0");
        assert_eq!(line.contains(",right,"), is_empty, "{line}");
    }
}

#[test]
fn volumes_keep_the_space_of_their_reference() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let subject = s1mini();
    let subject = ["--subject", subject.as_str(), "--xfm", "fullhead"];
    let reference = Path::new(subject[1]).join("transforms/fullhead/reference.nii.gz");
    let MapValues::Image { size, affine, .. } = read_map(&reference, None).unwrap().values else {
        panic!("no image");
    };
    let [x, y, z] = size;
    let values: Vec<f32> = (0..x * y * z).map(|voxel| voxel as f32 / 3.0).collect();
    let data = at("r.npy");
    npy(&data, &[z, y, x], &values);
    for name in ["out.nii", "out.nii.gz"] {
        export(&data, &at(name), &subject);
        let expected = MapValues::Image {
            values: values.clone(),
            size,
            affine,
        };
        assert!(
            read_map(&at(name), None).unwrap().values == expected,
            "{name}"
        );
    }
    // The exported image is drawn and exported as the array was, without a word of another place in space.
    let again = export(&at("out.nii"), &at("again.nii"), &subject);
    assert!(!String::from_utf8_lossy(&again.stderr).contains("lies elsewhere"));
    assert_eq!(
        std::fs::read(at("out.nii")).unwrap().len(),
        std::fs::read(at("again.nii")).unwrap().len()
    );
    // Sampled at the vertices, it is the same by every way.
    export(&data, &at("a.dscalar.nii"), &subject);
    export(&at("out.nii.gz"), &at("b.dscalar.nii"), &subject);
    assert_eq!(
        std::fs::read(at("a.dscalar.nii")).unwrap().len(),
        std::fs::read(at("b.dscalar.nii")).unwrap().len()
    );
    export(&data, &at("r.hf5"), &subject);
    let transposed = at("t.npy");
    npy(&transposed, &[x, y, z], &values);
    let flipped = NiftiImage {
        size,
        affine: affine.map(|rows| rows.map(|[a, b, c, d]| [-a, b, c, d])),
        volumes: vec![("", &values)],
    };
    std::fs::write(at("flipped.nii"), flipped.encode().unwrap()).unwrap();
    let output = export(&at("flipped.nii"), &at("f.csv"), &subject);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Check that left is left"));
    for (data, out, sentence) in [
        (&transposed, "x.nii", "It seems to be in the order x, y, z"),
        (&data, "x.txt", "Maps are written as .nii"),
        (&data, "x.annot", "has a region for each whole number"),
    ] {
        refused("export", data, &at(out), &subject, sentence);
    }
}

fn refused(command: &str, data: &Path, out: &Path, more: &[&str], sentence: &str) {
    let output = run(command, data, out, more);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{sentence}");
    assert!(stderr.contains(sentence), "{sentence}: {stderr}");
    assert!(!out.exists(), "{sentence}");
}

#[test]
fn masked_values_go_to_the_voxels_of_their_mask() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let subject = s1mini();
    let mask = Path::new(&subject).join("transforms/fullhead/mask_thick.nii.gz");
    let MapValues::Image { values: mask, .. } = read_map(&mask, None).unwrap().values else {
        panic!("no mask");
    };
    let n_inside = mask.iter().filter(|value| **value != 0.0).count();
    let values: Vec<f32> = (0..n_inside).map(|voxel| 0.5 + voxel as f32).collect();
    npy(&at("r.npy"), &[n_inside], &values);
    export(&at("r.npy"), &at("r.nii.gz"), &["--subject", &subject]);
    let MapValues::Image { values: found, .. } = read_map(&at("r.nii.gz"), None).unwrap().values
    else {
        panic!("no image");
    };
    let mut expected = values.iter();
    for (found, mask) in found.iter().zip(&mask) {
        if *mask == 0.0 {
            assert!(found.is_nan());
        } else {
            assert_eq!(Some(found), expected.next());
        }
    }
    assert_eq!(expected.next(), None);
    // The table has a row for each voxel of the mask, in its order.
    export(&at("r.npy"), &at("r.csv"), &["--subject", &subject]);
    let text = std::fs::read_to_string(at("r.csv")).unwrap();
    let column = text
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap());
    let column: Vec<f32> = column.map(|value| value.parse().unwrap()).collect();
    assert_eq!(column, values);
}

#[test]
fn what_cannot_be_exported_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    npy(&at("r.npy"), &[2 * N], &left_alone());
    npy(&at("half.npy"), &[N], &left_alone()[..N]);
    npy(&at("few.npy"), &[40], &[0.5; 40]);
    npy(&at("cube.npy"), &[2, 3, 4], &[0.5; 24]);
    npy(&at("none.npy"), &[2 * N], &vec![f32::NAN; 2 * N]);
    let short = mgh::encode(&[("r", &[1.0; 40])]).unwrap();
    std::fs::write(at("lh.short.mgh"), short).unwrap();
    let cases: [(&str, &str, &[&str], &str); 10] = [
        (
            "few.npy",
            "x.csv",
            &[],
            "There are 40 values, but fsaverage5 has 20484 vertices",
        ),
        (
            "half.npy",
            "x.csv",
            &[],
            "as many as one hemisphere of fsaverage5 has vertices",
        ),
        (
            "cube.npy",
            "x.nii",
            &[],
            "it is not known how it lies in the space of fsaverage5",
        ),
        (
            "r.npy",
            "x.nii",
            &[],
            "has a value for each vertex, and NIfTI holds voxels",
        ),
        ("none.npy", "x.dscalar.nii", &[], "all of them are NaN"),
        ("none.npy", "x.label", &[], "No vertex is in the label"),
        (
            "lh.short.mgh",
            "x.csv",
            &[],
            "The map has 40 values for the left hemisphere, which has 10242 vertices",
        ),
        (
            "r.npy",
            "x.csv",
            &["--by-region", "brodmann"],
            "fsaverage5 has no regions \"brodmann\"",
        ),
        ("r.npy", "x.mgh", &["--by-region", "aparc"], "Only tables"),
        (
            "r.npy",
            "x.csv",
            &["--map", "2"],
            "The file has no map \"2\"",
        ),
    ];
    for (data, out, more, sentence) in cases {
        refused("export", &at(data), &at(out), more, sentence);
    }
}

fn picture(data: &Path, out: PathBuf, more: &[&str]) -> (Vec<u8>, String) {
    let options = [
        "--view", "dorsal", "--size", "120x90", "--vmin", "0", "--vmax", "1500",
    ];
    let output = run("render", data, &out, &[&options[..], more].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    (std::fs::read(out).unwrap(), stderr)
}

/// The pixels of a PNG, without the recipe.
fn pixels(bytes: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rgba).unwrap();
    rgba
}

#[test]
fn a_map_looks_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let values = left_alone();
    let (left, right) = values.split_at(N);
    npy(&at("r.npy"), &[2 * N], &values);
    let (expected, _) = picture(&at("r.npy"), at("npy.png"), &[]);
    let expected = pixels(&expected);
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(at(name), bytes).unwrap();
    write(
        "lh.r.func.gii",
        gifti::write::encode("CortexLeft", &[("r", left)]).unwrap(),
    );
    write(
        "rh.r.func.gii",
        gifti::write::encode("CortexRight", &[("r", right)]).unwrap(),
    );
    write(
        "alone_hemi-L.shape.gii",
        gifti::write::encode("CortexLeft", &[("r", left)]).unwrap(),
    );
    write("lh.r.mgh", mgh::encode(&[("r", left)]).unwrap());
    write(
        "r.dscalar.nii",
        cifti::write::encode(&[("r", [left, right])]).unwrap(),
    );
    for (name, note) in [
        (
            "lh.r.func.gii",
            "The right hemisphere is read from rh.r.func.gii.",
        ),
        (
            "rh.r.func.gii",
            "The left hemisphere is read from lh.r.func.gii.",
        ),
        (
            "alone_hemi-L.shape.gii",
            "There is no alone_hemi-R.shape.gii beside",
        ),
        ("lh.r.mgh", "the right hemisphere has no values"),
        ("r.dscalar.nii", ""),
    ] {
        let (found, stderr) = picture(&at(name), at("picture.png"), &[]);
        assert!(pixels(&found) == expected, "{name}");
        assert!(stderr.contains(note), "{name}: {stderr}");
    }
}

#[test]
fn an_image_of_mni152_is_drawn_and_called_approximate() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let size = [91, 109, 91];
    // The left half of the head, in an image whose first axis runs to the left.
    let values: Vec<f32> = (0..size.iter().product::<usize>())
        .map(|voxel| if voxel % 91 > 45 { 1000.0 } else { 0.0 })
        .collect();
    let image = |shift: f64| NiftiImage {
        size,
        affine: Some([
            [-2.0, 0.0, 0.0, 90.0],
            [0.0, 2.0, 0.0, -126.0 + shift],
            [0.0, 0.0, 2.0, -72.0],
        ]),
        volumes: vec![("", &values)],
    };
    std::fs::write(at("mni.nii.gz"), image(0.0).encode_gzip().unwrap()).unwrap();
    let (bytes, stderr) = picture(&at("mni.nii.gz"), at("mni.png"), &["--colour-bar"]);
    assert!(stderr.contains("The image is of MNI152"), "{stderr}");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("# MNI152 by an affine: approximate"));
    let (svg, _) = picture(&at("mni.nii.gz"), at("mni.svg"), &[]);
    assert!(
        String::from_utf8(svg)
            .unwrap()
            .contains("mni (MNI152 by an affine: approximate)")
    );
    export(&at("mni.nii.gz"), &at("mni.dscalar.nii"), &[]);
    let share = |values: &Option<Vec<f32>>| {
        let known: Vec<f32> = values
            .iter()
            .flatten()
            .copied()
            .filter(|value| !value.is_nan())
            .collect();
        assert!(known.len() > 9000, "{}", known.len());
        known.iter().filter(|value| **value > 500.0).count() as f64 / known.len() as f64
    };
    let [left, right] = sides(&at("mni.dscalar.nii"));
    assert!(
        share(&left) > 0.99 && share(&right) < 0.01,
        "{} {}",
        share(&left),
        share(&right)
    );
    // It keeps its own space.
    export(&at("mni.nii.gz"), &at("again.nii.gz"), &[]);
    assert_eq!(
        read_map(&at("again.nii.gz"), None).unwrap().values,
        read_map(&at("mni.nii.gz"), None).unwrap().values
    );
    std::fs::write(at("odd.nii.gz"), image(10.0).encode_gzip().unwrap()).unwrap();
    refused(
        "render",
        &at("odd.nii.gz"),
        &at("odd.png"),
        &[],
        "an image of MNI152 with voxels of 1 or 2 mm",
    );
}

/// Regions that were drawn in the window, saved as JSON: in the formats of other programs, as a table, and outlined.
#[test]
fn drawn_regions_are_written_tabulated_and_outlined() {
    let subject = Subject::fsaverage5();
    let meshes = region_meshes(subject).unwrap();
    let mut regions = DrawnRegions::default();
    // At the top of the left hemisphere, so that it is seen from above.
    let disc = |radius_mm: f64| [meshes[0].brushed(&[3593], radius_mm), vec![]];
    regions.push("my area", disc(15.0));
    regions.push("core", disc(5.0));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let json = at("drawn.json");
    std::fs::write(&json, regions.to_json(subject)).unwrap();
    for (out, written) in [
        ("a.label", "lh.a.my_area.label"),
        ("a.annot", "rh.a.annot"),
        ("a.label.gii", "lh.a.label.gii"),
        ("a.svg", "a.svg"),
        ("again.json", "again.json"),
    ] {
        export(&json, &at(out), &[]);
        assert!(at(written).is_file(), "{written}");
    }
    let label = read_label(&at("lh.a.core.label")).unwrap();
    assert_eq!(label, regions.regions[1].vertices[0]);
    let again = DrawnRegions::read(&at("again.json"), subject).unwrap();
    assert_eq!(again, (regions.clone(), vec![]));
    let drawn = Overlays::read(&at("a.svg"), subject).unwrap();
    assert_eq!(drawn.regions[0].vertices, regions.regions[0].vertices);
    let map = at("map.npy");
    npy(&map, &[2 * N], &left_alone());
    let json_path = json.to_str().unwrap();
    export(&map, &at("t.csv"), &["--by-region", json_path]);
    let table = std::fs::read_to_string(at("t.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    // The regions overlap, and each has all of its vertices.
    let n_vertices = regions.regions[0].n_vertices();
    assert!(
        rows[1].starts_with(&format!("my area,left,{n_vertices},")),
        "{table}"
    );
    assert!(rows[2].starts_with("core,left,"), "{table}");
    let (with, _) = picture(&map, at("with.png"), &["--rois", json_path]);
    let (without, _) = picture(&map, at("without.png"), &[]);
    let (with, without) = (pixels(&with), pixels(&without));
    let n_changed = with
        .chunks(4)
        .zip(without.chunks(4))
        .filter(|(a, b)| a != b);
    let n_changed = n_changed.count();
    assert!((3..3000).contains(&n_changed), "{n_changed}");
    let endings = "Regions are written as .label";
    refused("export", &json, &at("a.nii.gz"), &[], endings);
    std::fs::write(&json, "[]").unwrap();
    refused("export", &json, &at("b.label"), &[], "holds no regions");
}
