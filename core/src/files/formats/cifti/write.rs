//! Dense scalars of the cortex (`.dscalar.nii`).

use std::fmt::Write as _;

use crate::files::formats::encode_error::{EncodeError, check_lengths};
use crate::files::formats::nifti::write::extension;
use crate::files::formats::xml::escaped;

/// Size of a header of NIfTI-2, and where its extensions begin.
const HEADER_BYTES: usize = 540;
const EXTENSIONS_AT: usize = 544;
/// Type of the values: single precision.
const FLOAT32: i16 = 16;
/// Intent of dense scalars.
const DENSE_SCALARS: i32 = 3006;
/// Names of the hemispheres.
const STRUCTURES: [&str; 2] = ["CORTEX_LEFT", "CORTEX_RIGHT"];

/// The bytes of a file with maps of both hemispheres, in single precision. Vertices at which no map has a value are left out,
/// as the medial wall is in other files.
///
/// * `maps`: name of each map, and its values for the left and the right hemisphere, `(n_vertices,)`; NaN where there is none.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no maps, they have different numbers of vertices, or no values.
///
/// Source: the CIFTI-2 specification of the Human Connectome Project; nifti2.h.
pub fn encode(maps: &[(&str, [&[f32]; 2])]) -> Result<Vec<u8>, EncodeError> {
    let mut vertices = [Vec::new(), Vec::new()];
    let mut n_vertices = [0; 2];
    for side in [0, 1] {
        n_vertices[side] = maps.first().map_or(0, |(_, sides)| sides[side].len());
        let of_side = maps.iter().map(|(name, sides)| (*name, sides[side]));
        check_lengths(of_side.clone(), n_vertices[side])?;
        let has_value = |vertex: &usize| of_side.clone().any(|(_, map)| !map[*vertex].is_nan());
        vertices[side] = (0..n_vertices[side]).filter(has_value).collect();
    }
    let n_places = vertices.iter().map(Vec::len).sum();
    if n_places == 0 {
        return Err(EncodeError::NoValues);
    }
    let names = maps.iter().map(|(name, _)| *name);
    let xml = extension(super::CODE, xml(names, &vertices, n_vertices).as_bytes());
    let mut bytes = header([maps.len(), n_places], EXTENSIONS_AT + xml.len());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(xml);
    for (side, vertices) in vertices.iter().enumerate() {
        for vertex in vertices {
            let values = maps.iter().map(|(_, sides)| sides[side][*vertex]);
            bytes.extend(values.flat_map(f32::to_le_bytes));
        }
    }
    Ok(bytes)
}

fn header([n_maps, n_places]: [usize; 2], begin: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(0, &(HEADER_BYTES as i32).to_le_bytes());
    put(4, b"n+2\0\r\n\x1a\n");
    put(12, &FLOAT32.to_le_bytes());
    put(14, &32_i16.to_le_bytes());
    let dims = [6, 1, 1, 1, 1, n_maps as i64, n_places as i64, 1];
    for (index, size) in dims.into_iter().enumerate() {
        put(16 + 8 * index, &size.to_le_bytes());
        put(104 + 8 * index, &1_f64.to_le_bytes());
    }
    put(168, &(begin as i64).to_le_bytes());
    put(176, &1_f64.to_le_bytes());
    put(240, b"Heschl");
    put(504, &DENSE_SCALARS.to_le_bytes());
    put(508, b"ConnDenseScalar");
    bytes
}

/// The meaning of rows and columns.
fn xml<'a>(
    names: impl Iterator<Item = &'a str>,
    vertices: &[Vec<usize>; 2],
    n_vertices: [usize; 2],
) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CIFTI Version=\"2\"><Matrix><MatrixIndicesMap \
         AppliesToMatrixDimension=\"0\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_SCALARS\">",
    );
    for name in names {
        let _ = write!(
            text,
            "<NamedMap><MapName>{}</MapName></NamedMap>",
            escaped(name)
        );
    }
    text.push_str(
        "</MatrixIndicesMap><MatrixIndicesMap AppliesToMatrixDimension=\"1\" \
         IndicesMapToDataType=\"CIFTI_INDEX_TYPE_BRAIN_MODELS\">",
    );
    let mut offset = 0;
    for ((structure, vertices), n_vertices) in STRUCTURES.iter().zip(vertices).zip(n_vertices) {
        if vertices.is_empty() {
            continue;
        }
        let numbers: Vec<String> = vertices.iter().map(ToString::to_string).collect();
        let _ = write!(
            text,
            "<BrainModel IndexOffset=\"{offset}\" IndexCount=\"{}\" ModelType=\"CIFTI_MODEL_TYPE_SURFACE\" \
             BrainStructure=\"CIFTI_STRUCTURE_{structure}\" SurfaceNumberOfVertices=\"{n_vertices}\"><VertexIndices>{}\
             </VertexIndices></BrainModel>",
            vertices.len(),
            numbers.join(" ")
        );
        offset += vertices.len();
    }
    text.push_str("</MatrixIndicesMap></Matrix></CIFTI>\n");
    text
}
