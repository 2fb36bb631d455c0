//! Surfaces: `lh.pial`, `lh.white`, `lh.inflated`, `lh.sphere.reg`.

use crate::files::formats::mesh::{BigEndian, Mesh};

/// Numbers that begin a file: triangles, quadrangles with coordinates in hundredths, and quadrangles in single precision.
const TRIANGLES: u32 = 0xFF_FF_FE;
const QUADS_IN_HUNDREDTHS: u32 = 0xFF_FF_FF;
const QUADS: u32 = 0xFF_FF_FD;

/// Vertices and quadrangles of a surface of the old formats; they take more memory than in the file.
const MOST_OLD: usize = 1 << 21;

/// Tags of what follows the triangles.
const TAG_SCANNER_SPACE: i32 = 2;
const TAG_VOLUME: i32 = 20;

/// The volume that a surface was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeGeometry {
    /// Whether the file says that the other entries are valid.
    pub is_valid: bool,
    /// Name of the volume's file.
    pub file: String,
    /// Voxels along each axis.
    pub size: [usize; 3],
    /// Voxel sizes, mm.
    pub voxel_mm: [f64; 3],
    /// Directions of the three axes in the scanner's space.
    pub axes: [[f64; 3]; 3],
    /// Centre of the volume in the scanner's space, mm (`c_ras`).
    pub centre_ras: [f64; 3],
}

/// A surface and what its file says of its space.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeSurferSurface {
    /// Points in FreeSurfer's surface space (`tkRAS`), and triangles. `mesh.centre_ras` is what must be added for the
    /// scanner's space; none if the file has no valid volume.
    pub mesh: Mesh,
    /// The volume, if the file has one.
    pub volume: Option<VolumeGeometry>,
    /// Whether the coordinates already are in the scanner's space.
    pub is_in_scanner_space: bool,
}

/// Reads a surface.
///
/// # Errors
/// Returns a clause if it is no surface, is cut off, or has no valid number of vertices.
pub fn parse(bytes: &[u8]) -> Result<FreeSurferSurface, String> {
    let mut numbers = BigEndian::new(bytes);
    let mut mesh = match numbers.u24().map_err(|_| "it is empty")? {
        TRIANGLES => triangles(&mut numbers)?,
        mark @ (QUADS | QUADS_IN_HUNDREDTHS) => quads(&mut numbers, mark)?,
        _ => return Err("it does not begin like a surface".into()),
    };
    let (volume, is_in_scanner_space) = footer(numbers);
    let valid = volume.as_ref().filter(|volume| volume.is_valid);
    mesh.centre_ras = valid
        .map(|volume| volume.centre_ras)
        .filter(|_| !is_in_scanner_space);
    Ok(FreeSurferSurface {
        mesh,
        volume,
        is_in_scanner_space,
    })
}

/// The mark is followed by two lines on who made the file.
fn triangles(numbers: &mut BigEndian) -> Result<Mesh, String> {
    for _ in 0..2 {
        let line = numbers.rest().iter().position(|byte| *byte == b'\n');
        numbers.take(line.ok_or("it ends within its first lines")? + 1)?;
    }
    let n_vertices = numbers.count("vertices")?;
    let n_triangles = numbers.count("triangles")?;
    let points = numbers.points(n_vertices)?;
    let n_corners = n_triangles
        .checked_mul(12)
        .ok_or("it has too many triangles")?;
    let (corners, _) = numbers.take(n_corners)?.as_chunks::<4>();
    let corners = corners.as_chunks::<3>().0.iter();
    let corner = |bytes: [u8; 4]| u32::from_be_bytes(bytes);
    Ok(Mesh {
        points,
        triangles: corners.map(|triangle| triangle.map(corner)).collect(),
        ..Mesh::default()
    })
}

/// Quadrangles, each cut into two triangles; along which diagonal depends on its first vertex, as in FreeSurfer.
fn quads(numbers: &mut BigEndian, mark: u32) -> Result<Mesh, String> {
    let n_vertices = numbers.u24()? as usize;
    let n_quads = numbers.u24()? as usize;
    if n_vertices.max(n_quads) > MOST_OLD {
        return Err(format!(
            "it has {n_vertices} vertices and {n_quads} quadrangles, more than any surface of this format"
        ));
    }
    let points = if mark == QUADS {
        numbers.points(n_vertices)?
    } else {
        let mut values = numbers.hundredths(3 * n_vertices)?;
        let mut point = || Some([values.next()?, values.next()?, values.next()?]);
        (0..n_vertices).map_while(|_| point()).collect()
    };
    let (corners, _) = numbers.take(12 * n_quads)?.as_chunks::<3>();
    let mut triangles = Vec::with_capacity(2 * n_quads);
    for quad in corners.as_chunks::<4>().0 {
        let [a, b, c, d] =
            quad.map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]));
        if a % 2 == 0 {
            triangles.extend([[a, b, d], [c, d, b]]);
        } else {
            triangles.extend([[a, b, c], [a, c, d]]);
        }
    }
    Ok(Mesh {
        points,
        triangles,
        ..Mesh::default()
    })
}

/// What follows the triangles: the volume, and whether coordinates are in the scanner's space. Other entries, and what is cut
/// off, say nothing about the surface.
fn footer(mut numbers: BigEndian) -> (Option<VolumeGeometry>, bool) {
    let mut volume = None;
    let mut is_in_scanner_space = false;
    while let Ok(tag) = numbers.i32() {
        match tag {
            TAG_SCANNER_SPACE => is_in_scanner_space = numbers.i32().is_ok_and(|value| value != 0),
            TAG_VOLUME => {
                volume = volume_of(&mut numbers);
                if volume.is_none() {
                    break;
                }
            }
            _ => {
                let length = numbers.i64().ok().and_then(|n| usize::try_from(n).ok());
                if length.is_none_or(|length| numbers.take(length).is_err()) {
                    break;
                }
            }
        }
    }
    (volume, is_in_scanner_space)
}

/// Eight lines of text, `name = values`.
fn volume_of(numbers: &mut BigEndian) -> Option<VolumeGeometry> {
    let mut lines = Vec::new();
    for _ in 0..8 {
        let rest = numbers.rest();
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let (name, value) = line.split_once('=')?;
        let value = value.split('#').next().unwrap_or_default();
        lines.push((name.trim(), value.trim().to_string()));
        numbers.take(end + 1).ok()?;
    }
    let entry = |name: &str| {
        let found = lines.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str())
    };
    let three = |name: &str| -> Option<[f64; 3]> {
        let values = entry(name)?.split_ascii_whitespace();
        let values: Result<Vec<f64>, _> = values.map(str::parse).collect();
        let values: [f64; 3] = values.ok()?.try_into().ok()?;
        values
            .iter()
            .all(|value| value.is_finite())
            .then_some(values)
    };
    Some(VolumeGeometry {
        is_valid: entry("valid")?.starts_with('1'),
        file: entry("filename")?.to_string(),
        size: three("volume")?.map(|size| size as usize),
        voxel_mm: three("voxelsize")?,
        axes: [three("xras")?, three("yras")?, three("zras")?],
        centre_ras: three("cras")?,
    })
}
