//! Writing a flat surface as GIFTI, as pycortex keeps it in its store.
//!
//! Source: the GIFTI format, version 1.0 (Harwell et al., 2011).

use std::fmt::Write as _;
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A surface as the text of a GIFTI file: coordinates in single precision and triangles as 32-bit integers, compressed.
///
/// * `points`: coordinates of all vertices, mm.
/// * `triangles`: vertices of each triangle, from 0.
/// * `structure`: the part of the brain in the words of the format, such as "`CortexLeft`".
///
/// # Errors
/// Returns an error if the compression fails.
pub fn flat_surface(
    points: &[[f32; 3]],
    triangles: &[[u32; 3]],
    structure: &str,
) -> io::Result<String> {
    let coordinates = points
        .iter()
        .flatten()
        .flat_map(|value| value.to_le_bytes());
    let corners = triangles
        .iter()
        .flatten()
        .flat_map(|corner| corner.to_le_bytes());
    let about = format!(
        "<MetaData><MD><Name><![CDATA[AnatomicalStructurePrimary]]></Name><Value><![CDATA[{structure}]]></Value></MD>\
         <MD><Name><![CDATA[GeometricType]]></Name><Value><![CDATA[Flat]]></Value></MD></MetaData>\n{SPACE}"
    );
    let points_array = Array {
        intent: "NIFTI_INTENT_POINTSET",
        kind: "NIFTI_TYPE_FLOAT32",
        n_rows: points.len(),
        about: &about,
        packed: packed(&coordinates.collect::<Vec<u8>>())?,
    };
    let triangles_array = Array {
        intent: "NIFTI_INTENT_TRIANGLE",
        kind: "NIFTI_TYPE_INT32",
        n_rows: triangles.len(),
        about: "",
        packed: packed(&corners.collect::<Vec<u8>>())?,
    };
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n\
         <GIFTI Version=\"1.0\" NumberOfDataArrays=\"2\">\n{}{}</GIFTI>\n",
        points_array.text(),
        triangles_array.text()
    ))
}

/// Coordinates are in no named space.
const SPACE: &str = "<CoordinateSystemTransformMatrix><DataSpace><![CDATA[NIFTI_XFORM_UNKNOWN]]></DataSpace>\
    <TransformedSpace><![CDATA[NIFTI_XFORM_UNKNOWN]]></TransformedSpace>\
    <MatrixData>1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1</MatrixData></CoordinateSystemTransformMatrix>\n";

/// An array of three columns.
struct Array<'a> {
    intent: &'a str,
    kind: &'a str,
    n_rows: usize,
    about: &'a str,
    packed: String,
}

impl Array<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "<DataArray Intent=\"{}\" DataType=\"{}\" ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"2\" Dim0=\"{}\" \
             Dim1=\"3\" Encoding=\"GZipBase64Binary\" Endian=\"LittleEndian\" ExternalFileName=\"\" ExternalFileOffset=\"0\">\n\
             {}<Data>{}</Data>\n</DataArray>\n",
            self.intent, self.kind, self.n_rows, self.about, self.packed
        );
        text
    }
}

fn packed(bytes: &[u8]) -> io::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(STANDARD.encode(encoder.finish()?))
}
