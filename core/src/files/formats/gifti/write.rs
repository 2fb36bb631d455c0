//! GIFTI files of maps: one array for each.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::files::formats::encode_error::{EncodeError, check_lengths};
use crate::files::formats::xml::escaped;

/// The bytes of a file with maps of one hemisphere, in single precision, compressed (`GZipBase64Binary`), with their names.
///
/// * `structure`: where the vertices lie, in GIFTI's words: "`CortexLeft`" or "`CortexRight`".
/// * `maps`: name and values of each map, `(n_vertices,)`, any unit.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no maps, or they have different numbers of vertices.
///
/// Source: Geometry Data Format specification 1.0 of the NIfTI Data Format Working Group.
pub fn encode(structure: &str, maps: &[(&str, &[f32])]) -> Result<Vec<u8>, EncodeError> {
    let n_vertices = maps.first().map_or(0, |(_, values)| values.len());
    check_lengths(maps.iter().copied(), n_vertices)?;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n\
         <GIFTI Version=\"1.0\" NumberOfDataArrays=\"{}\">\n<MetaData>{}</MetaData>\n<LabelTable/>\n",
        maps.len(),
        entry("AnatomicalStructurePrimary", structure)
    );
    for (name, values) in maps {
        let failed = |error: std::io::Error| EncodeError::Failed(error.to_string());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        for value in *values {
            zlib.write_all(&value.to_le_bytes()).map_err(failed)?;
        }
        let packed = STANDARD.encode(zlib.finish().map_err(failed)?);
        let _ = writeln!(
            text,
            "<DataArray Intent=\"NIFTI_INTENT_NONE\" DataType=\"NIFTI_TYPE_FLOAT32\" ArrayIndexingOrder=\"RowMajorOrder\" \
             Dimensionality=\"1\" Dim0=\"{n_vertices}\" Encoding=\"GZipBase64Binary\" Endian=\"LittleEndian\" ExternalFileName=\"\" \
             ExternalFileOffset=\"0\">\n<MetaData>{}</MetaData>\n<Data>{packed}</Data>\n</DataArray>",
            entry("Name", name)
        );
    }
    text.push_str("</GIFTI>\n");
    Ok(text.into_bytes())
}

fn entry(name: &str, value: &str) -> String {
    format!(
        "<MD><Name>{}</Name><Value>{}</Value></MD>",
        escaped(name),
        escaped(value)
    )
}
