//! Maps of a surface: `lh.curv`, `lh.sulc`, `lh.thickness`.

use crate::files::formats::mesh::BigEndian;

/// The number that begins a file of single precision; older files begin with the number of vertices.
const NEW: u32 = 0xFF_FF_FF;

/// Reads a value per vertex, `(n_vertices,)`, mm or 1/mm.
///
/// # Errors
/// Returns a clause if it is no map, is cut off, or has several values per vertex.
pub fn parse(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut numbers = BigEndian::new(bytes);
    let first = numbers.u24().map_err(|_| "it is empty")?;
    let values = if first == NEW {
        let n_vertices = numbers.count("vertices")?;
        let _n_triangles = numbers.count("triangles")?;
        let n_each = numbers.count("values per vertex")?;
        if n_each != 1 {
            return Err(format!(
                "it has {n_each} values per vertex; one is expected"
            ));
        }
        numbers.f32s(n_vertices)?
    } else {
        let _n_triangles = numbers.u24()?;
        numbers.hundredths(first as usize)?.collect()
    };
    match (values.len(), numbers.rest().len()) {
        (0, _) => Err("it has no vertices".into()),
        (_, 0) => Ok(values),
        (_, n_more) => Err(format!(
            "{n_more} bytes follow its last value, so that it is no map, or another format"
        )),
    }
}

/// A value per vertex as a file of single precision.
///
/// * `n_triangles`: of the surface, which the file repeats.
///
/// # Errors
/// Returns a clause if there are more than the format can count.
pub fn bytes(values: &[f32], n_triangles: usize) -> Result<Vec<u8>, String> {
    let count = |n: usize| i32::try_from(n).map_err(|_| "it has too many vertices or triangles");
    let mut bytes = Vec::with_capacity(15 + 4 * values.len());
    bytes.extend(&NEW.to_be_bytes()[1..]);
    bytes.extend(count(values.len())?.to_be_bytes());
    bytes.extend(count(n_triangles)?.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    Ok(bytes)
}
