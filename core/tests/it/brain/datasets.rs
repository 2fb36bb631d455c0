//! Datasets of pycortex. `pycortex_dataset.hf5` was written by pycortex 1.4 (`pycortex_dataset.py`).

use heschl_core::brain::{LoadedMap, MapValues, map_names, read_map};
use heschl_core::files::formats::pycortex_dataset::{self, DatasetView, ViewSpace};

use super::data;

fn array(map: LoadedMap) -> (Vec<f32>, Vec<usize>) {
    match map.values {
        MapValues::Array { values, shape } => (values, shape),
        other => panic!("{other:?}"),
    }
}

#[test]
fn maps_of_pycortex_are_read() {
    let path = data("pycortex_dataset.hf5");
    let mut names = map_names(&path).unwrap();
    names.sort();
    // "two" is a map of two values at each place.
    assert_eq!(names, ["masked", "vertices", "volume"]);

    let volume = read_map(&path, Some("volume")).unwrap();
    assert_eq!(volume.transform.as_deref(), Some("scan"));
    let notes = volume.notes.join(" ");
    assert!(
        notes.contains("\"two\" is left out: it is made of several arrays")
            && notes.contains("is of the subject tiny"),
        "{notes}"
    );
    let (values, shape) = array(volume);
    assert_eq!(shape, [3, 4, 5]);
    assert!(values[0].is_nan());
    let expected = (1..60_u8).map(|at| f32::from(at) / 8.0);
    assert!(values[1..].iter().copied().eq(expected));

    let masked = read_map(&path, Some("masked")).unwrap();
    assert_eq!(masked.transform.as_deref(), Some("scan"));
    let (values, shape) = array(masked);
    assert_eq!((shape, values.len()), (vec![9], 9));
    assert!(values.into_iter().eq((0..9_u8).map(|at| f32::from(2 * at))));

    let vertices = read_map(&path, Some("vertices")).unwrap();
    assert_eq!(vertices.transform, None);
    let (values, _) = array(vertices);
    assert!(values.into_iter().eq((0..8_i8).map(|at| f32::from(at - 3))));
    let several = read_map(&path, None).unwrap_err().to_string();
    assert!(several.contains("The file has 3 maps"), "{several}");
}

#[test]
fn maps_that_were_exported_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..60).map(|at| at as f32 / 7.0).collect();
    let view = DatasetView {
        name: "r",
        values: &values,
        space: ViewSpace::Volume {
            transform: "fullhead",
            shape_zyx: [3, 4, 5],
        },
    };
    let bytes = pycortex_dataset::encode("S1", &[view], folder.path()).unwrap();
    let path = folder.path().join("r.hf5");
    std::fs::write(&path, &bytes).unwrap();
    let map = read_map(&path, None).unwrap();
    assert_eq!(
        (&map.name[..], map.transform.as_deref()),
        ("r", Some("fullhead"))
    );
    let (read, shape) = array(map);
    assert_eq!(shape, [3, 4, 5]);
    assert!(
        read.iter()
            .zip(&values)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
    // Cut off anywhere, or changed anywhere: a sentence.
    for at in (0..bytes.len()).step_by(97) {
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert!(read_map(&path, None).is_err(), "cut at {at}");
        let mut changed = bytes.clone();
        changed[at] ^= 0x5a;
        std::fs::write(&path, &changed).unwrap();
        let _ = read_map(&path, None);
    }
}

#[test]
fn other_hdf5_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.h5");
    let file = rust_hdf5::H5File::create(&path).unwrap();
    let dataset = file
        .new_dataset::<f32>()
        .shape([4, 5])
        .create("data")
        .unwrap();
    dataset.write_raw(&[1.0_f32; 20]).unwrap();
    file.close().unwrap();
    let error = read_map(&path, None).unwrap_err().to_string();
    assert!(error.contains("is no dataset of pycortex"), "{error}");
}
