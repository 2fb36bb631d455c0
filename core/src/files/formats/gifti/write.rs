//! GIFTI files of maps, one array for each, and of regions.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::files::formats::encode_error::{EncodeError, check_lengths};
use crate::files::formats::mesh::LabelledVertices;
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
    let mut text = head(structure, maps.len(), "<LabelTable/>");
    for (name, values) in maps {
        let words = values.iter().map(|value| value.to_le_bytes());
        let kind = ("NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32");
        push_array(&mut text, kind, name, words)?;
    }
    text.push_str("</GIFTI>\n");
    Ok(text.into_bytes())
}

/// The bytes of a file with regions of one hemisphere (`.label.gii`). Vertices without a region have the key 0, "???".
///
/// * `structure`: as in [`encode`].
/// * `regions`: the regions; those without a colour are grey.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no vertices, or the file cannot be made.
///
/// Source: as [`encode`].
pub fn encode_labels(structure: &str, regions: &LabelledVertices) -> Result<Vec<u8>, EncodeError> {
    if regions.of_vertex.is_empty() {
        return Err(EncodeError::NoMaps);
    }
    let mut table = String::from(
        "<LabelTable>\n<Label Key=\"0\" Red=\"0\" Green=\"0\" Blue=\"0\" Alpha=\"0\">???</Label>\n",
    );
    for (key, region) in (1..).zip(&regions.table) {
        let colour = region.colour.unwrap_or([128, 128, 128, 255]);
        let [red, green, blue, alpha] = colour.map(|value| f32::from(value) / 255.0);
        let _ = writeln!(
            table,
            "<Label Key=\"{key}\" Red=\"{red}\" Green=\"{green}\" Blue=\"{blue}\" Alpha=\"{alpha}\">{}</Label>",
            escaped(&region.name)
        );
    }
    table.push_str("</LabelTable>");
    let mut text = head(structure, 1, &table);
    let key = |region: &Option<u16>| region.map_or(0, |index| i32::from(index) + 1);
    let words = regions.of_vertex.iter().map(|own| key(own).to_le_bytes());
    let kind = ("NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32");
    push_array(&mut text, kind, "regions", words)?;
    text.push_str("</GIFTI>\n");
    Ok(text.into_bytes())
}

fn head(structure: &str, n_arrays: usize, table: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n\
         <GIFTI Version=\"1.0\" NumberOfDataArrays=\"{n_arrays}\">\n<MetaData>{}</MetaData>\n{table}\n",
        entry("AnatomicalStructurePrimary", structure)
    )
}

/// Adds an array of words, little-endian; intent and data type in GIFTI's words.
fn push_array(
    text: &mut String,
    (intent, data_type): (&str, &str),
    name: &str,
    words: impl ExactSizeIterator<Item = [u8; 4]>,
) -> Result<(), EncodeError> {
    let failed = |error: std::io::Error| EncodeError::Failed(error.to_string());
    let n_vertices = words.len();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    for word in words {
        zlib.write_all(&word).map_err(failed)?;
    }
    let packed = STANDARD.encode(zlib.finish().map_err(failed)?);
    let _ = writeln!(
        text,
        "<DataArray Intent=\"{intent}\" DataType=\"{data_type}\" ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"1\" \
         Dim0=\"{n_vertices}\" Encoding=\"GZipBase64Binary\" Endian=\"LittleEndian\" ExternalFileName=\"\" \
         ExternalFileOffset=\"0\">\n<MetaData>{}</MetaData>\n<Data>{packed}</Data>\n</DataArray>",
        entry("Name", name)
    );
    Ok(())
}

fn entry(name: &str, value: &str) -> String {
    format!(
        "<MD><Name>{}</Name><Value>{}</Value></MD>",
        escaped(name),
        escaped(value)
    )
}
