//! Responses in every form that laboratories keep, as Python wrote them (`data/formats/make.py`).

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use heschl_core::files::formats::joblib::PickledFile;
use heschl_core::files::formats::npz;
use heschl_core::files::formats::pickle::Value;
use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::files::responses::ResponseSource;
use ndarray::{Array2, Ix2, s};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/formats")
        .join(name)
}

fn expected(story: &str) -> Array2<f64> {
    match story {
        "alpha" => npz::read::<Ix2>(&data("expected.npz"), story)
            .unwrap()
            .mapv(f64::from),
        _ => npz::read_as::<f64, Ix2>(&data("expected.npz"), story).unwrap(),
    }
}

fn options(mask: Option<&str>) -> ResponseOptions {
    ResponseOptions {
        mask: mask.map(data),
        ..ResponseOptions::default()
    }
}

/// Fails unless a story is what it should be, whole and in blocks.
fn check_story(source: &dyn ResponseSource, story: &str, expected: &Array2<f64>, tolerance: f64) {
    let (n_scans, n_voxels) = source.shape(story).unwrap();
    assert_eq!((n_scans, n_voxels), expected.dim(), "{story}");
    for (scans, voxels) in [
        (0..n_scans, 0..n_voxels),
        (2..5, 3..n_voxels - 1),
        (n_scans - 1..n_scans, 0..1),
        (1..1, 0..2),
    ] {
        let block = source
            .read_f64(story, scans.clone(), voxels.clone())
            .unwrap();
        let expected = expected.slice(s![scans, voxels]);
        assert_eq!(block.dim(), expected.dim());
        for (a, b) in block.iter().zip(&expected) {
            assert!((a - b).abs() <= tolerance, "{story}: {a} {b}");
        }
    }
    let more = source.read(story, 0..n_scans + 1, 0..n_voxels);
    assert!(more.unwrap_err().to_string().contains("more are wanted"));
}

#[test]
fn files_with_all_stories_are_read_whatever_wrote_them() {
    for file in [
        "expected.npz",
        "stories_compressed.npz",
        "stories.h5",
        "stories.jbl",
        "stories_zlib.jbl",
        "stories_gzip.jbl",
        "stories_bz2.jbl",
        "stories_xz.jbl",
        "stories_lzma.jbl",
        "stories_lz4.jbl",
        "orders.jbl",
        "ordered.pkl",
        "protocol_0.pkl",
        "protocol_1.pkl",
        "protocol_2.pkl",
        "protocol_3.pkl",
        "protocol_4.pkl",
        "protocol_5.pkl",
    ] {
        let source =
            open(&data(file), &options(None)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(source.stories(), ["alpha", "beta"], "{file}");
        for story in ["alpha", "beta"] {
            check_story(source.as_ref(), story, &expected(story), 0.0);
        }
        assert_eq!(source.files(&source.stories()), [data(file)]);
    }
}

#[test]
fn files_of_one_story_are_read_whatever_wrote_them() {
    for (file, mask, tolerance) in [
        ("fortran_big_endian.npy", None, 0.0),
        ("half.npy", None, 2e-3),
        ("alpha.hf5", None, 0.0),
        ("blosc.hf5", None, 0.0),
        ("contiguous.h5", None, 0.0),
        ("alpha.mgz", None, 0.0),
        ("ascii.func.gii", None, 1e-6),
        ("base64.func.gii", None, 0.0),
        ("gzip.func.gii", None, 0.0),
        ("volumes.nii", Some("mask_thick.nii.gz"), 0.0),
        ("volumes.nii.gz", Some("mask_thick.nii.gz"), 0.0),
        ("scaled.nii", Some("mask_thick.nii.gz"), 1e-6),
    ] {
        let source =
            open(&data(file), &options(mask)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let stories = source.stories();
        assert_eq!(stories.len(), 1, "{file}");
        check_story(source.as_ref(), &stories[0], &expected("alpha"), tolerance);
    }
}

#[test]
fn a_folder_has_a_story_per_file() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("alpha.hf5", "alpha.hf5"),
        ("fortran_big_endian.npy", "beta.npy"),
        ("make.py", "readme.py"),
    ] {
        std::fs::copy(data(from), folder.path().join(to)).unwrap();
    }
    let source = open(folder.path(), &options(None)).unwrap();
    assert_eq!(source.stories(), ["alpha", "beta"]);
    check_story(source.as_ref(), "beta", &expected("alpha"), 0.0);
    std::fs::copy(data("half.npy"), folder.path().join("alpha.npy")).unwrap();
    let error = open(folder.path(), &options(None))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("two files for the story \"alpha\""),
        "{error}"
    );
}

#[test]
fn headers_tell_the_repetition_time_in_their_unit() {
    let scratch = tempfile::tempdir().unwrap();
    for (file, secs) in [("volumes.nii.gz", 2.0045), ("scaled.nii", 1.5)] {
        let volumes = Volumes::open(&data(file), scratch.path()).unwrap();
        assert!(
            (volumes.repetition_secs.unwrap() - secs).abs() < 1e-6,
            "{file}"
        );
    }
}

#[test]
fn objects_of_unknown_classes_are_records() {
    for protocol in [2, 4] {
        let path = data(&format!("trfile_{protocol}.pkl"));
        let file = PickledFile::open(&path, &std::env::temp_dir()).unwrap();
        let values = &file.pickle().values;
        let stories = values.entries(file.pickle().root).unwrap();
        let Value::Object { class, state } = values.get(stories[0].1) else {
            panic!("no object");
        };
        assert_eq!(values.text(*class), Some("TRFile"));
        let fields = values.entries(state.unwrap()).unwrap();
        let field = |name: &str| {
            let found = fields
                .iter()
                .find(|(key, _)| values.text(*key) == Some(name));
            found.unwrap().1
        };
        assert!(
            matches!(values.get(field("soundstarttime")), Value::Float(secs) if (secs - 1.25).abs() < 1e-12)
        );
        assert!(matches!(values.get(field("trtimes")), Value::Array(_)));
    }
}

fn refused(path: &Path, mask: Option<&str>) -> String {
    open(path, &options(mask)).err().unwrap().to_string()
}

#[test]
fn what_cannot_be_read_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let call = refused(&data("hostile.pkl"), None);
    assert!(
        call.contains("asks to call \"posix.system\"") && call.contains("runs nothing"),
        "{call}"
    );
    assert!(
        refused(&data("trfile_4.pkl"), None).contains("it holds \"alpha\" (a TRFile: scan times)")
    );
    assert!(refused(&folder.path().join("absent.npy"), None).contains("cannot be read"));
    assert!(refused(&folder.path().join("absent"), None).contains("no responses here"));
    assert!(refused(folder.path(), None).contains("Expected is a folder"));
    let lfs = written(
        "a.hf5",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    );
    assert!(refused(&lfs, None).contains("a pointer of Git LFS"));
    assert!(refused(folder.path(), None).contains("git lfs pull"));
    let page = written("b.jbl", b"<!DOCTYPE html><html>404");
    assert!(refused(&page, None).contains("a web page"));
    let other = written("c.nii", &std::fs::read(data("volumes.nii")).unwrap()[..500]);
    assert!(
        refused(&other, None).contains("cut off"),
        "{}",
        refused(&other, None)
    );
    // Every reader, at every cut of its file: a sentence or the whole.
    for name in [
        "alpha.hf5",
        "stories.h5",
        "stories.jbl",
        "stories_zlib.jbl",
        "protocol_2.pkl",
        "alpha.mgz",
        "volumes.nii.gz",
        "gzip.func.gii",
        "expected.npz",
    ] {
        let whole = std::fs::read(data(name)).unwrap();
        for n in (0..whole.len()).step_by(37) {
            let path = written(&format!("cut-{name}"), &whole[..n]);
            let Ok(source) = open(&path, &options(None)) else {
                continue;
            };
            for story in source.stories() {
                let (n_scans, n_voxels) = source.shape(&story).unwrap();
                let _ = source.read(&story, 0..n_scans, 0..n_voxels);
            }
        }
    }
}

/// A dump of joblib with one array of `n_scans` × 95,556 in single precision, whose values are a hole in the file.
fn vast_dump(path: &Path, n_scans: u32, is_there: bool) {
    let text = |text: &str| {
        let mut bytes = vec![b'X'];
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    let int = |number: u32| {
        let mut bytes = vec![b'J'];
        bytes.extend(number.to_le_bytes());
        bytes
    };
    let mut bytes = b"\x80\x02}".to_vec();
    bytes.extend(text("story"));
    bytes.extend(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(");
    bytes.extend([text("shape"), int(n_scans), int(95_556), b"\x86".to_vec()].concat());
    bytes.extend([text("order"), text("C"), text("dtype")].concat());
    bytes.extend(
        [
            b"cnumpy\ndtype\n".to_vec(),
            text("f4"),
            b"\x89\x88\x87R".to_vec(),
        ]
        .concat(),
    );
    bytes.extend(b"ub");
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&bytes).unwrap();
    let n_bytes = u64::from(n_scans) * 95_556 * 4;
    if is_there {
        file.seek(SeekFrom::Current(n_bytes as i64)).unwrap();
    }
    file.write_all(b"s.").unwrap();
}

#[test]
fn a_dump_of_26_gigabytes_opens_at_once_and_one_that_only_claims_them_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("UTS03_responses.jbl");
    vast_dump(&path, 68_000, true);
    assert!(std::fs::metadata(&path).unwrap().len() > 25_900_000_000);
    let begun = Instant::now();
    let source = open(&path, &options(None)).unwrap();
    assert_eq!(source.shape("story"), Some((68_000, 95_556)));
    let block = source
        .read("story", 67_990..68_000, 95_000..95_556)
        .unwrap();
    assert!(block.iter().all(|value| *value == 0.0));
    assert!(begun.elapsed().as_secs() < 10);
    // A terabyte that is not there.
    vast_dump(&path, 2_700_000, false);
    assert!(
        refused(&path, None).contains("asks for"),
        "{}",
        refused(&path, None)
    );
}
