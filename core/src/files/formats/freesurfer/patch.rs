//! Cut patches: `lh.cortex.patch.flat`, some vertices of a surface with new coordinates.

use crate::files::formats::mesh::{BigEndian, Mesh};

/// The number that begins a file; older ones begin with the number of vertices.
const MARK: i32 = -1;

/// Vertices of a patch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch {
    /// Vertex numbers of the surface, from 0.
    pub vertices: Vec<u32>,
    /// Coordinates in the patch, mm; the third is 0 in flat ones.
    pub points: Vec<[f32; 3]>,
    /// Whether a vertex lies on the patch's border.
    pub is_border: Vec<bool>,
}

/// Reads a patch. The file numbers vertices from 1, with a minus for those of the border.
///
/// # Errors
/// Returns a clause if it is no patch, is of the old format, or is cut off.
pub fn parse(bytes: &[u8]) -> Result<Patch, String> {
    let mut numbers = BigEndian::new(bytes);
    if numbers.i32()? != MARK {
        return Err(
            "it is no patch, or one of an old format. Write it again with FreeSurfer".into(),
        );
    }
    let n_vertices = numbers.count("vertices")?;
    let n_bytes = n_vertices
        .checked_mul(16)
        .ok_or("it has too many vertices")?;
    let entries = numbers.take(n_bytes)?.as_chunks::<4>().0.as_chunks::<4>().0;
    let mut patch = Patch {
        vertices: Vec::with_capacity(n_vertices),
        points: Vec::with_capacity(n_vertices),
        is_border: Vec::with_capacity(n_vertices),
    };
    for [number, x, y, z] in entries {
        let number = i32::from_be_bytes(*number);
        let vertex = number.unsigned_abs().checked_sub(1);
        patch
            .vertices
            .push(vertex.ok_or("it has the vertex 0, but vertices are numbered from 1")?);
        patch.points.push([*x, *y, *z].map(f32::from_be_bytes));
        patch.is_border.push(number < 0);
    }
    Ok(patch)
}

impl Patch {
    /// The patch as a mesh with the vertices of its surface: those of the patch moved, the others where they are in the
    /// surface; triangles whose three vertices are in the patch.
    ///
    /// # Errors
    /// Returns a clause if the surface has no such vertex, or no triangle lies in the patch.
    pub fn mesh(
        &self,
        surface_points: &[[f32; 3]],
        triangles: &[[u32; 3]],
    ) -> Result<Mesh, String> {
        let n_vertices = surface_points.len();
        let mut points = surface_points.to_vec();
        let mut is_inside = vec![false; n_vertices];
        for (vertex, place) in self.vertices.iter().zip(&self.points) {
            let index = *vertex as usize;
            let point = points.get_mut(index).ok_or_else(|| {
                format!(
                    "it has vertex {vertex}, but its surface has {n_vertices} vertices: it belongs to another surface"
                )
            })?;
            *point = *place;
            is_inside[index] = true;
        }
        let is_inside = |vertex: &u32| is_inside.get(*vertex as usize).copied().unwrap_or(false);
        let inside = triangles.iter().copied();
        let triangles: Vec<[u32; 3]> = inside
            .filter(|corners| corners.iter().all(is_inside))
            .collect();
        if triangles.is_empty() {
            return Err("no triangle of its surface lies in it".into());
        }
        Ok(Mesh {
            points,
            triangles,
            ..Mesh::default()
        })
    }
}

/// A patch as a file: vertices numbered from 1, with a minus for those of the border.
///
/// # Errors
/// Returns a clause if it has more vertices than the format can number.
pub fn bytes(patch: &Patch) -> Result<Vec<u8>, String> {
    let n_vertices = i32::try_from(patch.vertices.len()).map_err(|_| "it has too many vertices")?;
    let mut bytes = Vec::with_capacity(8 + 16 * patch.vertices.len());
    bytes.extend(MARK.to_be_bytes());
    bytes.extend(n_vertices.to_be_bytes());
    let entries = patch
        .vertices
        .iter()
        .zip(&patch.points)
        .zip(&patch.is_border);
    for ((vertex, point), is_border) in entries {
        let number = i32::try_from(*vertex)
            .ok()
            .and_then(|vertex| vertex.checked_add(1));
        let number = number.ok_or("it has a vertex with too large a number")?;
        let signed = if *is_border { -number } else { number };
        bytes.extend(signed.to_be_bytes());
        bytes.extend(point.iter().flat_map(|value| value.to_be_bytes()));
    }
    Ok(bytes)
}
