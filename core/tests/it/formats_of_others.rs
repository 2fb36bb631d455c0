//! Responses as the programs of other laboratories write them, and files that are not as they say (`data/formats/others/make.py`).

use std::path::{Path, PathBuf};

use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::formats::npz;
use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::recipe::ResponsesRecipe;
use ndarray::{Array2, Ix2, s};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/formats/others")
        .join(name)
}

/// The story "alpha" or "beta" as NumPy has it.
fn expected(story: &str) -> Array2<f64> {
    npz::read_as::<f64, Ix2>(&data("../expected.npz"), story).unwrap()
}

/// What is packed in many ways.
fn large() -> Array2<f64> {
    let file = StoredMatrix::open(&data("large.npy")).unwrap();
    file.read(0..30, 0..150).unwrap()
}

fn source(name: &str, mask: Option<&str>) -> Box<dyn ResponseSource> {
    try_open(name, mask).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn try_open(name: &str, mask: Option<&str>) -> Result<Box<dyn ResponseSource>, String> {
    let options = ResponseOptions {
        mask: mask.map(data),
        ..ResponseOptions::default()
    };
    open(&data(name), &options).map_err(|error| error.to_string())
}

fn refused(name: &str, mask: Option<&str>) -> String {
    let error = try_open(name, mask).err();
    error.unwrap_or_else(|| panic!("{name} is read"))
}

fn notes(name: &str, mask: Option<&str>) -> String {
    let source = source(name, mask);
    source.notes(&source.stories()).join("\n")
}

/// Fails unless a story is what it should be, whole and in part.
fn check(source: &dyn ResponseSource, story: &str, expected: &Array2<f64>) {
    let (n_scans, n_voxels) = source.shape(story).unwrap();
    assert_eq!((n_scans, n_voxels), expected.dim(), "{story}");
    for (scans, voxels) in [
        (0..n_scans, 0..n_voxels),
        (1..4, 2..n_voxels - 1),
        (n_scans - 1..n_scans, 0..1),
    ] {
        let read = source
            .read_f64(story, scans.clone(), voxels.clone())
            .unwrap();
        let wanted = expected.slice(s![scans, voxels]);
        let furthest = (&read - &wanted)
            .mapv(f64::abs)
            .fold(0.0, |a: f64, b| a.max(*b));
        assert!(furthest < 1e-6, "{story}: {furthest}");
    }
}

fn check_file(name: &str, mask: Option<&str>, expected: &Array2<f64>) {
    let source = source(name, mask);
    let stories = source.stories();
    assert_eq!(stories.len(), 1, "{name}: {stories:?}");
    check(source.as_ref(), &stories[0], expected);
}

/// macOS writes `é` as two characters, other systems as one: a recipe and a folder from two of them go together.
#[test]
fn stories_are_found_however_their_letters_are_composed() {
    let folder = tempfile::tempdir().unwrap();
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    for (presentation, from) in [(1, "large.npy"), (2, "large.npy")] {
        let to = folder
            .path()
            .join(format!("{decomposed}_{presentation}.npy"));
        std::fs::copy(data(from), to).unwrap();
    }
    let source = open(folder.path(), &ResponseOptions::default()).unwrap();
    let first = format!("{composed}_1");
    assert!(source.shape(&first).is_some());
    assert_eq!(source.read(&first, 0..2, 0..3).unwrap().dim(), (2, 3));
    let recipe = ResponsesRecipe {
        path: folder.path().into(),
        mask: None,
        repeats: [(composed.into(), vec![first.clone()])].into(),
    };
    assert_eq!(recipe.presentations(decomposed), [first]);
    assert!(recipe.is_presentation(&format!("{decomposed}_1")));
    assert!(!recipe.is_presentation(&format!("{decomposed}_2")));
}

#[test]
fn images_are_read_whatever_wrote_their_headers() {
    for name in ["nifti2.nii.gz", "nifti2_big.nii", "xyz1t.nii", "pair.hdr"] {
        check_file(name, Some("../mask_thick.nii.gz"), &expected("alpha"));
    }
    for name in [
        "long_axis.nii",
        "few_bytes_more.nii",
        "bits.nii",
        "dense.dtseries.nii",
    ] {
        check_file(name, None, &expected("alpha"));
    }
    let series = source("dense.dtseries.nii", None);
    assert!((series.repetition_secs("dense").unwrap() - 0.72).abs() < 1e-6);
    assert_eq!(series.stories(), ["dense"]);
    let pair = source("pair.hdr", None);
    assert_eq!(
        pair.files(&pair.stories()),
        [data("pair.hdr"), data("pair.img")]
    );
}

#[test]
fn contradictions_within_a_header_are_told_or_refused() {
    for (name, expected) in [
        ("xyz1t.nii", "lie along axis 5"),
        ("few_bytes_more.nii", "3 bytes more than its header"),
        ("bits.nii", "16 bits for each value"),
    ] {
        assert!(
            notes(name, None).contains(expected),
            "{name}: {}",
            notes(name, None)
        );
    }
    for (name, expected) in [
        (
            "long_axis_without_length.nii",
            "not its length (entry glmin)",
        ),
        ("negative_axis.nii", "the size -25536"),
        ("offset_in_header.nii", "byte 340, within the header"),
        (
            "more_volumes.nii",
            "speaks of 5 volumes, but the file holds values for 2 more",
        ),
        ("complex.nii", "complex numbers"),
        ("analyze.nii", "Analyze 7.5"),
        ("maps.dscalar.nii", "its rows are scalars"),
    ] {
        let error = refused(name, None);
        assert!(error.contains(expected), "{name}: {error}");
        assert!(
            !error.contains("cut off") && !error.contains("again or"),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_mask_of_another_space_is_refused_with_both_affines() {
    for (mask, affine) in [
        ("mask_flipped.nii.gz", "[[-2, 0, 0, 6]"),
        ("mask_shifted.nii.gz", "[[2, 0, 0, 10]"),
    ] {
        let error = refused("../volumes.nii", Some(mask));
        assert!(
            error.contains(affine) && error.contains("[[2, 0, 0, 0]"),
            "{error}"
        );
    }
    assert!(refused("../volumes.nii", Some("mask_of_three.nii.gz")).contains("3 volumes"));
    check_file(
        "../volumes.nii",
        Some("mask_nan.nii.gz"),
        &expected("alpha"),
    );
    assert!(notes("../alpha.hf5", Some("mask_nan.nii.gz")).contains("mask is for volumes"));
}

#[test]
fn whole_numbers_in_hdf5_are_read() {
    let whole = expected("alpha").mapv(|value| (value * 1000.0).round());
    for (name, least, most) in [
        ("i1", -128.0, 127.0),
        ("u1", 0.0, 255.0),
        ("little_i2", -32768.0, 32767.0),
        ("big_i2", -32768.0, 32767.0),
        ("u2", 0.0, 65535.0),
        ("i4", -2e9, 2e9),
        ("u4", 0.0, 4e9),
        ("i8", -1e18, 1e18),
        ("u8", 0.0, 1e18),
    ] {
        check_file(
            &format!("whole_{name}.h5"),
            None,
            &whole.mapv(|value| value.clamp(least, most)),
        );
    }
}

#[test]
fn chunks_are_unpacked_whatever_packed_them() {
    for name in [
        "lz4.h5",
        "bitshuffle.h5",
        "fletcher.h5",
        "latest.h5",
        "blosc2_lz4.h5",
        "blosc2_zstd.h5",
        "blosc2_blosclz.h5",
        "blosc2_zlib.h5",
        "tables_blosc2.hf5",
        "tables_blosc2_lz4.hf5",
        "tables_blosc2_zstd.hf5",
    ] {
        check_file(name, None, &large());
    }
    let error = refused("zfp.h5", None);
    assert!(
        error.contains("ZFP (HDF5 filter 32013)") && error.contains("h5repack"),
        "{error}"
    );
}

#[test]
fn matrices_of_hdf5_are_found_where_they_lie() {
    check_file("user_block.h5", None, &expected("alpha"));
    check_file("matlab.mat", None, &expected("alpha"));
    assert!(notes("matlab.mat", None).contains("written by MATLAB"));
    let groups = source("groups.h5", None);
    assert_eq!(groups.stories(), ["alpha", "beta"]);
    check(groups.as_ref(), "beta", &expected("beta"));
    for (name, expected) in [
        (
            "virtual.h5",
            "is virtual: its values lie in other files (\"user_block.h5\")",
        ),
        ("external.h5", "lie in another file, \"values.raw\""),
    ] {
        let error = refused(name, None);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(source("link.h5", None).stories(), ["alpha"]);
    assert!(notes("link.h5", None).contains("a link into the file user_block.h5"));
}

#[test]
fn presentations_are_averaged_and_read_one_by_one() {
    for (name, story) in [
        ("repeats.hdf", "Y_test"),
        ("repeats.npy", "repeats"),
        ("repeats_fortran.npy", "repeats_fortran"),
        ("ten_sessions.jbl", "alpha"),
    ] {
        let source = source(name, None);
        check(source.as_ref(), story, &expected("alpha"));
        let presentations = source.presentations(story);
        assert_eq!(
            presentations,
            [1, 2, 3].map(|number| format!("{story}/{number}")),
            "{name}"
        );
        for (presentation, step) in presentations.iter().zip([-0.5, 0.0, 0.5]) {
            check(source.as_ref(), presentation, &(expected("alpha") + step));
        }
        assert!(source.shape(&format!("{story}/4")).is_none());
        assert!(
            source
                .notes(&[story.to_string()])
                .join(" ")
                .contains("3 presentations of 7 scans")
        );
    }
    assert!(notes("repeats.hdf", None).contains("\"run_onsets\" (the shape [2])"));
}

#[test]
fn dictionaries_are_read_as_people_nest_them() {
    for name in [
        "np_str_keys.jbl",
        "nested.jbl",
        "sets.jbl",
        "mixed.jbl",
        "stored.npz",
    ] {
        let source = source(name, None);
        assert_eq!(source.stories(), ["alpha", "beta"], "{name}");
        for story in ["alpha", "beta"] {
            check(source.as_ref(), story, &expected(story));
        }
    }
    assert!(notes("nested.jbl", None).contains("under UTS03"));
    let left_out = notes("mixed.jbl", None);
    for what in [
        "\"subject\" (text)",
        "\"names\" (text)",
        "\"tr\" (a number)",
        "\"of\" (",
    ] {
        assert!(left_out.contains(what), "{left_out}");
    }
    let runs = source("runs.jbl", None);
    assert_eq!(runs.stories(), ["alpha/1", "alpha/2", "beta"]);
    check(runs.as_ref(), "alpha/2", &(expected("alpha") + 1.0));
    let error = refused("subjects.jbl", None);
    assert!(error.contains("under UTS03, UTS04"), "{error}");
    let error = refused("rois.jbl", None);
    assert!(error.contains("it holds \"AC\" (the shape [5])"), "{error}");
    check_file("mixed.npz", None, &expected("alpha"));
    let left_out = notes("mixed.npz", None);
    for what in [
        "\"subject\" (text)",
        "\"names\" (Python objects)",
        "\"when\" (times)",
    ] {
        assert!(left_out.contains(what), "{left_out}");
    }
}

#[test]
fn surfaces_are_read_packed_and_in_other_letters() {
    for name in ["packed.func.gii.gz", "latin1.func.gii"] {
        check_file(name, None, &expected("alpha"));
    }
}

#[test]
fn what_follows_an_array_is_told_and_an_empty_one_refused() {
    assert!(notes("two_arrays.npy", None).contains("Only the first is read"));
    assert!(refused("empty_columns.npy", None).contains("no values in it"));
}

/// Bytes of a file that a checksum protects: chunks of HDF5, the whole of others.
fn protected(name: &str, n_bytes: usize) -> Vec<usize> {
    let places = std::fs::read_to_string(data("chunks.json")).unwrap();
    let places: std::collections::BTreeMap<String, Vec<[usize; 2]>> =
        serde_json::from_str(&places).unwrap();
    match places.get(name) {
        Some(chunks) => chunks
            .iter()
            .flat_map(|[at, size]| *at..at + size)
            .collect(),
        None => (0..n_bytes).collect(),
    }
}

#[test]
fn a_flipped_bit_is_found_where_a_format_has_a_checksum() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "stored.npz",
        "mixed.npz",
        "fletcher.h5",
        "tables_blosc2_lz4.hf5",
        "packed.func.gii.gz",
        "nifti2.nii.gz",
    ] {
        let whole = std::fs::read(data(name)).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &whole).unwrap();
        let sound = read_all(&path).unwrap();
        let (mut n_changed, mut n_refused) = (0, 0);
        let places = protected(name, whole.len());
        for at in places.iter().step_by(places.len() / 150 + 1) {
            let mut bytes = whole.clone();
            bytes[*at] ^= 8;
            std::fs::write(&path, &bytes).unwrap();
            let Ok(read) = read_all(&path) else {
                n_refused += 1;
                continue;
            };
            // What is read is what it was, or the bit was in a name or a note.
            let is_other = |(story, values): &(String, Array2<f64>)| {
                sound
                    .iter()
                    .any(|(other, own)| other == story && own != values)
            };
            n_changed += usize::from(read.iter().any(is_other));
        }
        assert_eq!(n_changed, 0, "{name}");
        assert!(n_refused > 50, "{name}: {n_refused}");
    }
}

fn read_all(path: &Path) -> Result<Vec<(String, Array2<f64>)>, String> {
    let clause = |error: heschl_core::files::responses::ResponsesError| error.to_string();
    let source = open(path, &ResponseOptions::default()).map_err(clause)?;
    let stories = source.stories();
    source.verify(&stories).map_err(clause)?;
    let read = stories.into_iter().map(|story| {
        let (n_scans, n_voxels) = source.shape(&story).unwrap();
        let values = source
            .read_f64(&story, 0..n_scans, 0..n_voxels)
            .map_err(clause)?;
        Ok((story, values))
    });
    read.collect()
}

#[test]
fn an_hdf5_file_that_is_cut_off_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "fletcher.h5",
        "latest.h5",
        "user_block.h5",
        "tables_blosc2.hf5",
        "whole_i4.h5",
    ] {
        let whole = std::fs::read(data(name)).unwrap();
        for n in [whole.len() - 1, whole.len() * 95 / 100, whole.len() / 2] {
            let path = folder.path().join(name);
            std::fs::write(&path, &whole[..n]).unwrap();
            let error = read_all(&path).unwrap_err();
            assert!(
                error.contains("cut off: it says that it has"),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn stories_of_bids_names_are_found_by_both_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "sub-01_task-alpha_run-1_bold.nii",
        "sub-01_task-beta_run-1_bold.nii",
    ] {
        std::fs::copy(data("long_axis.nii"), folder.path().join(name)).unwrap();
    }
    let source = open(folder.path(), &ResponseOptions::default()).unwrap();
    assert_eq!(source.stories(), ["alpha", "beta"]);
    check(
        source.as_ref(),
        "sub-01_task-alpha_run-1_bold",
        &expected("alpha"),
    );
}
