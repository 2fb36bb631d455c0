//! CIFTI files that lie, and maps in other files that do.

use heschl_core::brain::{MapValues, map_names, read_map};
use heschl_core::files::formats::cifti;
use heschl_core::files::formats::gifti;
use heschl_core::files::formats::npz::RowsWriter;

use super::data;

/// The bytes of a file of two maps: three vertices of five on the left, two of two on the right.
fn file() -> Vec<u8> {
    let nan = f32::NAN;
    let (left, right) = ([1.0, nan, 2.0, nan, 3.0], [4.0, 5.0]);
    let maps: [(&str, [&[f32]; 2]); 2] = [("r", [&left, &right]), ("q", [&left, &right])];
    cifti::write::encode(&maps).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.dscalar.nii");
    std::fs::write(&path, bytes).unwrap();
    match read_map(&path, Some("r")) {
        Ok(map) => format!("read: {map:?}"),
        Err(error) => error.to_string(),
    }
}

/// The file with a text in its XML replaced by another of the same length.
fn with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = file();
    let from = from.as_bytes();
    let mut n = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            n += 1;
        }
    }
    assert!(n > 0);
    bytes
}

#[test]
fn cifti_that_contradicts_itself_is_refused() {
    for (from, to, sentence) in [
        (
            "IndexCount=\"3\"",
            "IndexCount=\"4\"",
            "a hemisphere of 4 values names 3 vertices",
        ),
        (
            "IndexCount=\"3\"",
            "IndexCount=\"2\"",
            "a hemisphere of 2 values names more vertices",
        ),
        (
            "IndexCount=\"3\"",
            "IndexCount=\"9\"",
            "ends at place 9, but there are 5",
        ),
        (
            "IndexCount=\"3\"",
            "IndexCount=\"x\"",
            "the IndexCount of a brain model is no number",
        ),
        (
            ">0 2 4<",
            ">0 2 7<",
            "\"7\" is no vertex of a hemisphere of 5 vertices",
        ),
        (">0 2 4<", ">0 2 2<", "vertex 2 twice"),
        (">0 2 4<", ">0 2 -<", "\"-\" is no vertex"),
        ("CORTEX_RIGHT\"", "CORTEX_LEFT\" ", "a hemisphere twice"),
        (
            "Vertices=\"5\"",
            "Vertices=\"1\"",
            "a hemisphere of 1 vertices has 3 values",
        ),
        (
            "TYPE_SCALARS",
            "TYPE_SERIESS",
            "its rows are seriess, its columns brain models",
        ),
        (
            "Dimension=\"1\"",
            "Dimension=\"2\"",
            "does not say what rows and columns are",
        ),
        (
            "<MapName>q</MapName>",
            "<NamedMap/>         ",
            "it names 3 maps, but there are 2",
        ),
        ("ModelType=", "ModelKind=", "has no values of the cortex"),
        (
            "</Matrix>",
            "</Matrox>",
            "XML of the CIFTI image is damaged",
        ),
    ] {
        let error = refused(&with(from, to));
        assert!(error.contains(sentence), "{from} → {to}: {error}");
        assert!(error.contains("File: "), "{error}");
    }
}

#[test]
fn cifti_cut_off_anywhere_is_refused() {
    let whole = file();
    for length in 0..whole.len() {
        let error = refused(&whole[..length]);
        assert!(!error.starts_with("read"), "{length}: {error}");
    }
    assert!(refused(&whole).starts_with("read"));
}

#[test]
fn cifti_of_any_changed_byte_is_read_or_refused() {
    let whole = file();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xFF][at % 3];
        let _ = refused(&bytes);
    }
}

#[test]
fn huge_counts_and_entities_take_no_memory() {
    let grow = |from: &str, to: &str| {
        // The padding behind the XML makes room.
        let bytes = file();
        let begin = 552;
        let end = bytes.len() - 2 * 5 * 4;
        let xml = String::from_utf8(bytes[begin..end].to_vec()).unwrap();
        let xml = xml.trim_end_matches('\0').replace(from, to);
        let n_bytes = (8 + xml.len()).next_multiple_of(16);
        let mut out = bytes[..544].to_vec();
        out[168..176].copy_from_slice(&((544 + n_bytes) as i64).to_le_bytes());
        out.extend((n_bytes as i32).to_le_bytes());
        out.extend(32_i32.to_le_bytes());
        out.extend(xml.as_bytes());
        out.resize(544 + n_bytes, 0);
        out.extend(&bytes[end..]);
        out
    };
    let error = refused(&grow("Vertices=\"5\"", "Vertices=\"999999999999\""));
    assert!(
        error.contains("a hemisphere of 999999999999 vertices has 3 values"),
        "{error}"
    );
    let error = refused(&grow(
        "IndexOffset=\"0\"",
        "IndexOffset=\"18446744073709551615\"",
    ));
    assert!(error.contains("but there are 5"), "{error}");
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><CIFTI";
    let read = refused(&grow("<CIFTI", bomb));
    assert!(read.starts_with("read"), "{read}");
    let read = refused(&grow("<MapName>q<", "<MapName>&b;<"));
    assert!(read.starts_with("read"), "{read}");
    // A matrix of more values than the file has bytes.
    let mut bytes = file();
    bytes[16 + 8 * 6..16 + 8 * 7].copy_from_slice(&(1_i64 << 40).to_le_bytes());
    assert!(refused(&bytes).contains("cut off"));
}

#[test]
fn one_of_several_maps_is_chosen_by_name_or_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.dscalar.nii");
    std::fs::write(&path, file()).unwrap();
    assert_eq!(map_names(&path).unwrap(), ["r", "q"]);
    for name in ["q", "2"] {
        assert_eq!(read_map(&path, Some(name)).unwrap().name, "q");
    }
    for (name, sentence) in [
        (
            None,
            "The file has 2 maps; name the one to be read, or give its number: 1 (r), 2 (q)",
        ),
        (Some("p"), "The file has no map \"p\". It has 1 (r), 2 (q)"),
        (Some("3"), "The file has no map \"3\""),
    ] {
        let error = read_map(&path, name).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
    let twice = gifti::write::encode("CortexLeft", &[("r", &[1.0]), ("r", &[2.0])]).unwrap();
    let path = folder.path().join("lh.r.func.gii");
    std::fs::write(&path, twice).unwrap();
    let error = read_map(&path, Some("r")).unwrap_err().to_string();
    assert!(
        error.contains("2 maps of the file are named \"r\"; give a number"),
        "{error}"
    );
    let second = read_map(&path, Some("2")).unwrap().values;
    assert_eq!(second, MapValues::Sides([Some(vec![2.0]), None]));
}

#[test]
fn arrays_of_numpy_are_read_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let npy = |descr: &str, is_fortran: &str, shape: &str, values: &[u8]| {
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': {is_fortran}, 'shape': {shape}, }}");
        let n_header = (10 + text.len() + 1).next_multiple_of(64) - 10;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((n_header as u16).to_le_bytes());
        bytes.extend(format!("{text:<width$}\n", width = n_header - 1).as_bytes());
        bytes.extend(values);
        let path = folder.path().join("map.npy");
        std::fs::write(&path, bytes).unwrap();
        read_map(&path, None)
    };
    let array = |values: &[f32], shape: &[usize]| MapValues::Array {
        values: values.to_vec(),
        shape: shape.to_vec(),
    };
    let c = npy("|u1", "False", "(1, 2, 3)", &[0, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(c.values, array(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[1, 2, 3]));
    let fortran = npy("|u1", "True", "(1, 2, 3)", &[0, 3, 1, 4, 2, 5]).unwrap();
    assert_eq!(fortran.values, c.values);
    let line = npy("<f8", "False", "(2,)", &[0; 16]).unwrap();
    assert_eq!(line.values, array(&[0.0, 0.0], &[2]));
    for (shape, sentence) in [
        ("()", "a map has one axis, or three"),
        ("(1, 1, 1, 6)", "a map has one axis, or three"),
        ("(7,)", "damaged"),
        ("(1099511627776, 1099511627776)", ""),
        ("(0,)", ""),
    ] {
        let error = npy("|u1", "False", shape, &[0; 6]).unwrap_err().to_string();
        assert!(error.contains(sentence), "{shape}: {error}");
    }
}

#[test]
fn files_of_unknown_formats_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "map.txt",
        "map.hf5",
        "lh.map",
        "lh.map.gii",
        "map.mgz",
        "map.nii",
        "map.npy",
        "map.dscalar.nii",
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, "nothing").unwrap();
        assert!(
            read_map(&path, None)
                .unwrap_err()
                .to_string()
                .contains("File: "),
            "{name}"
        );
    }
    // An archive is opened by its own reader.
    let path = folder.path().join("map.npz");
    let writer = RowsWriter::new(std::fs::File::create(&path).unwrap(), "map", 0, 1).unwrap();
    writer.finish().unwrap();
    assert!(read_map(&path, None).is_err());
}

#[test]
fn cifti_of_nibabel_is_read() {
    let text = |name: &str, map: &str| {
        let map = read_map(&data("cifti").join(name), Some(map)).unwrap();
        let MapValues::Sides([Some(left), Some(right)]) = map.values else {
            panic!("{:?}", map.values);
        };
        format!("{left:?} {right:?} {:?}", map.notes)
    };
    let note = "[\"2 grayordinates of the file do not lie in the cortex; they are left out.\"]";
    assert_eq!(
        text("scalars.dscalar.nii", "q"),
        format!("[7.0, NaN, 8.0, 9.0] [10.0, 11.0] {note}")
    );
    assert_eq!(
        text("labels.dlabel.nii", "areas"),
        format!("[0.0, NaN, 1.0, 1.0] [0.0, 1.0] {note}")
    );
}
