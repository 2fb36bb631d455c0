//! GIFTI files of surfaces, maps and labels.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heschl_core::files::formats::freesurfer::{self, morph, surface};
use heschl_core::files::formats::gifti::geometry::{GiftiFile, GiftiValues};

use super::{asset, data};

/// A square of two triangles, or anything else put in its place.
struct Square {
    points: Vec<u8>,
    triangles: Vec<u8>,
    triangle_type: &'static str,
    encoding: &'static str,
    endian: &'static str,
    order: &'static str,
    matrix: &'static str,
    n_points: u64,
}

impl Square {
    fn new(points: Vec<u8>, triangles: Vec<u8>, triangle_type: &'static str) -> Self {
        Self {
            points,
            triangles,
            triangle_type,
            encoding: "Base64Binary",
            endian: "LittleEndian",
            order: "RowMajorOrder",
            matrix: "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
            n_points: 4,
        }
    }

    fn text(&self) -> String {
        let (points, triangles) = (
            encoded(&self.points, self.encoding),
            encoded(&self.triangles, self.encoding),
        );
        format!(
            "<?xml version=\"1.0\"?><GIFTI><DataArray Intent=\"NIFTI_INTENT_POINTSET\" DataType=\"NIFTI_TYPE_FLOAT32\" \
             ArrayIndexingOrder=\"{order}\" Dimensionality=\"2\" Dim0=\"{n}\" Dim1=\"3\" Encoding=\"{encoding}\" \
             Endian=\"{endian}\"><MetaData><MD><Name>VolGeomC_R</Name><Value><![CDATA[1.5]]></Value></MD><MD><Name>VolGeomC_A</Name>\
             <Value>-2</Value></MD><MD><Name>VolGeomC_S</Name><Value>3</Value></MD></MetaData><CoordinateSystemTransformMatrix>\
             <MatrixData>{matrix}</MatrixData></CoordinateSystemTransformMatrix><Data>{points}</Data></DataArray>\
             <DataArray Intent=\"NIFTI_INTENT_TRIANGLE\" DataType=\"NIFTI_TYPE_{triangle_type}\" ArrayIndexingOrder=\"{order}\" \
             Dimensionality=\"2\" Dim0=\"2\" Dim1=\"3\" Encoding=\"{encoding}\" Endian=\"{endian}\"><Data>{triangles}</Data>\
             </DataArray></GIFTI>",
            order = self.order,
            n = self.n_points,
            encoding = self.encoding,
            endian = self.endian,
            matrix = self.matrix,
            triangle_type = self.triangle_type,
        )
    }
}

fn encoded(bytes: &[u8], encoding: &str) -> String {
    match encoding {
        "ASCII" => String::from_utf8(bytes.to_vec()).unwrap(),
        "GZipBase64Binary" => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            zlib.write_all(bytes).unwrap();
            let text = STANDARD.encode(zlib.finish().unwrap());
            let (a, b) = text.split_at(5);
            format!("{a}\n  {b}\n")
        }
        _ => STANDARD.encode(bytes),
    }
}

const POINTS: [[f32; 3]; 4] = [
    [0.0, 0.5, -1.25],
    [1.0, 0.0, 0.0],
    [1.0, 1.0, 0.0],
    [0.0, 1.0, 3e-9],
];
const TRIANGLES: [[u32; 3]; 2] = [[0, 1, 2], [0, 2, 3]];

fn bytes_of<const N: usize, T: Copy>(rows: &[[T; 3]], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    rows.as_flattened()
        .iter()
        .flat_map(|value| bytes(*value))
        .collect()
}

fn columns<T: Copy>(rows: &[[T; 3]]) -> Vec<[T; 3]> {
    let values: Vec<T> = (0..3)
        .flat_map(|column| rows.iter().map(move |row| row[column]))
        .collect();
    values.as_chunks().0.to_vec()
}

fn little(triangle_type: &'static str) -> Square {
    let triangles = match triangle_type {
        "INT64" => bytes_of(&TRIANGLES, |corner| i64::from(corner).to_le_bytes()),
        _ => bytes_of(&TRIANGLES, u32::to_le_bytes),
    };
    Square::new(
        bytes_of(&POINTS, f32::to_le_bytes),
        triangles,
        triangle_type,
    )
}

fn big(endian: &'static str) -> Square {
    let points = bytes_of(&POINTS, f32::to_be_bytes);
    let mut square = Square::new(points, bytes_of(&TRIANGLES, u32::to_be_bytes), "INT32");
    square.endian = endian;
    square
}

#[test]
fn surfaces_are_read_in_every_encoding_type_and_order() {
    let mut squares = vec![
        little("INT32"),
        little("UINT32"),
        little("INT64"),
        big("BigEndian"),
        big("GIFTI_ENDIAN_BIG"),
    ];
    let mut old = little("UINT32");
    old.endian = "GIFTI_ENDIAN_LITTLE";
    let mut zlib = little("INT32");
    zlib.encoding = "GZipBase64Binary";
    let text = |text: String| text.replace([',', '[', ']'], " ").into_bytes();
    let mut ascii = Square::new(
        text(format!("{POINTS:?}")),
        text(format!("{TRIANGLES:?}")),
        "INT32",
    );
    ascii.encoding = "ASCII";
    ascii.endian = "Whatever";
    let mut turned = little("INT32");
    turned.order = "ColumnMajorOrder";
    turned.points = bytes_of(&columns(&POINTS), f32::to_le_bytes);
    turned.triangles = bytes_of(&columns(&TRIANGLES), u32::to_le_bytes);
    squares.extend([old, zlib, ascii, turned]);
    for square in squares {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(square.text().as_bytes()).unwrap();
        for bytes in [square.text().into_bytes(), gzip.finish().unwrap()] {
            let mesh = GiftiFile::parse(&bytes).unwrap().mesh().unwrap();
            assert_eq!(mesh.points, POINTS, "{}", square.text());
            assert_eq!(mesh.triangles, TRIANGLES);
            assert_eq!(mesh.centre_ras, Some([1.5, -2.0, 3.0]));
            assert!(mesh.notes.is_empty());
        }
    }
}

#[test]
fn a_transform_is_told_and_not_applied() {
    let mut square = little("INT32");
    square.matrix = "1 0 0 -20 0 1 0 0 0 0 1 0 0 0 0 1";
    let mesh = GiftiFile::parse(square.text().as_bytes())
        .unwrap()
        .mesh()
        .unwrap();
    assert_eq!(mesh.points, POINTS);
    assert!(mesh.notes[0].contains("(1 0 0 -20 0"), "{:?}", mesh.notes);
}

#[test]
fn what_is_unknown_or_contradictory_is_refused() {
    let check = |change: &dyn Fn(&mut Square), expected: &str| {
        let mut square = little("INT32");
        change(&mut square);
        let outcome = GiftiFile::parse(square.text().as_bytes()).and_then(|file| file.mesh());
        let sentence = outcome.unwrap_err();
        assert!(sentence.contains(expected), "{sentence}");
    };
    check(
        &|square| square.endian = "Middle",
        "byte order (entry Endian) is \"Middle\"",
    );
    check(
        &|square| square.order = "Random",
        "(entry ArrayIndexingOrder) is \"Random\"",
    );
    check(&|square| square.encoding = "Base32", "encoded as Base32");
    check(&|square| square.matrix = "1 2 3", "16 numbers");
    check(
        &|square| square.triangle_type = "RGB24",
        "values of type NIFTI_TYPE_RGB24",
    );
    check(
        &|square| square.n_points = 5,
        "holds fewer (48 bytes where 60 belong)",
    );
    check(&|square| square.n_points = 3, "holds more");
    check(
        &|square| square.n_points = u64::MAX,
        "more values than a surface has",
    );
    check(
        &|square| square.n_points = 1 << 40,
        "far more memory than its length",
    );
    let minus = |square: &mut Square| square.triangles[..4].copy_from_slice(&[0xFF; 4]);
    check(&minus, "A triangle has vertex -1");
    let large = |square: &mut Square| {
        minus(square);
        square.triangle_type = "UINT32";
    };
    check(&large, "4294967295 is larger than any vertex");
    check(
        &|square| square.triangle_type = "FLOAT32",
        "whole number belongs",
    );
}

#[test]
fn a_file_of_many_entries_is_refused() {
    let text = format!(
        "<GIFTI><MetaData>{}</MetaData></GIFTI>",
        "<Value/>".repeat(70_000)
    );
    assert!(
        GiftiFile::parse(text.as_bytes())
            .unwrap_err()
            .contains("more than 65536")
    );
}

#[test]
fn maps_have_the_names_of_their_metadata() {
    let mut text = String::from("<GIFTI>");
    for (name, values) in [("r &amp; r&#178;", [1, 2]), ("n", [3, 4])] {
        let _ = write!(
            text,
            "<DataArray Intent=\"NIFTI_INTENT_NONE\" DataType=\"NIFTI_TYPE_UINT8\" Dimensionality=\"1\" Dim0=\"2\" \
             Encoding=\"Base64Binary\" Endian=\"LittleEndian\"><MetaData><MD><Name>Name</Name><Value>{name}</Value></MD></MetaData>\
             <Data>{}</Data></DataArray>",
            STANDARD.encode(values.map(|value: u8| value))
        );
    }
    let file = GiftiFile::parse((text + "</GIFTI>").as_bytes()).unwrap();
    assert_eq!(file.arrays[0].values, GiftiValues::I32(vec![1, 2]));
    let maps = file.maps().unwrap();
    assert_eq!(
        (maps[0].name.as_str(), &maps[0].values[..]),
        ("r & r²", &[1.0, 2.0][..])
    );
    assert_eq!(
        (maps[1].name.as_str(), &maps[1].values[..]),
        ("n", &[3.0, 4.0][..])
    );
    assert!(file.mesh().unwrap_err().contains("0 arrays of points"));
}

#[test]
fn labels_are_regions_with_names_and_colours() {
    let text = |keys: &str| {
        format!(
            "<GIFTI><LabelTable><Label Key=\"0\" Red=\"0\" Green=\"0\" Blue=\"0\" Alpha=\"0\">???</Label><Label Key=\"7\" \
             Red=\"1\" Green=\"0.5\" Blue=\"0\" Alpha=\"1\"><![CDATA[V1 & V2]]></Label></LabelTable><DataArray \
             Intent=\"NIFTI_INTENT_LABEL\" DataType=\"NIFTI_TYPE_INT32\" Dimensionality=\"1\" Dim0=\"3\" Encoding=\"ASCII\">\
             <Data>{keys}</Data></DataArray></GIFTI>"
        )
    };
    let found = GiftiFile::parse(text("7 0 7").as_bytes())
        .unwrap()
        .labelled()
        .unwrap();
    assert_eq!(found.of_vertex, [Some(1), None, Some(1)]);
    assert_eq!(found.table[1].name, "V1 & V2");
    assert_eq!(found.table[1].colour, Some([255, 128, 0, 255]));
    let unknown = GiftiFile::parse(text("7 8 7").as_bytes())
        .unwrap()
        .labelled();
    assert!(unknown.unwrap_err().contains("the label 8"));
}

#[test]
fn fsaverage5_is_freesurfers_bit_for_bit() {
    for (side, short) in [("left", "lh"), ("right", "rh")] {
        for (own, theirs) in [
            ("pial", "pial"),
            ("white", "white"),
            ("infl", "inflated"),
            ("sphere", "sphere.reg"),
        ] {
            let gifti = GiftiFile::read(&asset(&format!("{own}_{side}.gii.gz")))
                .unwrap()
                .mesh()
                .unwrap();
            let path = data("freesurfer/surf").join(format!("{short}.{theirs}"));
            let native = freesurfer::read(&path, surface::parse).unwrap().mesh;
            assert!(
                gifti.points == native.points && gifti.triangles == native.triangles,
                "{own} {side}"
            );
        }
        for map in ["curv", "sulc"] {
            let gifti = GiftiFile::read(&asset(&format!("{map}_{side}.gii.gz")))
                .unwrap()
                .maps()
                .unwrap();
            let native = freesurfer::read(
                &data("freesurfer/surf").join(format!("{short}.{map}")),
                morph::parse,
            )
            .unwrap();
            assert!(gifti[0].values == native, "{map} {side}");
        }
        let flat = GiftiFile::read(&asset(&format!("flat_{side}.gii.gz")))
            .unwrap()
            .mesh()
            .unwrap();
        let n_triangles = if side == "left" { 18_654 } else { 18_790 };
        assert_eq!(
            (flat.points.len(), flat.triangles.len()),
            (10_242, n_triangles)
        );
    }
}

#[test]
fn real_stores_are_read_in_the_encodings_they_use() {
    for (side, n_vertices) in [("lh", 5582), ("rh", 5194)] {
        let read = |kind: &str| {
            GiftiFile::read(&data(&format!("S1mini/surfaces/{kind}_{side}.gii")))
                .unwrap()
                .mesh()
                .unwrap()
        };
        let pia = read("pia");
        for kind in ["wm", "inflated", "flat"] {
            let mesh = read(kind);
            assert_eq!(mesh.points.len(), n_vertices, "{kind}");
            assert!(kind == "flat" || mesh.triangles == pia.triangles, "{kind}");
        }
    }
}
