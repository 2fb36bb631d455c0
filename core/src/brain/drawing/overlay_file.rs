//! Drawn regions in pycortex's `overlays.svg`.

use crate::brain::drawing::DrawnRegion;
use crate::brain::drawing::contour::Contour;
use crate::brain::flat_map::FlatMap;
use crate::brain::side::Side;
use crate::brain::subject::{Subject, SurfaceKind};
use crate::files::formats::drawing::Drawing;
use crate::files::formats::drawing::write::{ShapeToWrite, empty_drawing, with_shapes};

/// Height of a new drawing, units: as in pycortex.
const HEIGHT: f64 = 1024.0;
/// The layer of regions.
const LAYER: &str = "rois";

/// A drawing with regions, and what the user should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenOverlay {
    /// The text of the file.
    pub text: String,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// Why regions cannot be written into a drawing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverlayFileError {
    /// The subject has no flat map.
    #[error(
        "The regions cannot be drawn on the flat map, since the {0} hemisphere is not flattened."
    )]
    NotFlat(Side),
    /// None of the regions lies on the flat map.
    #[error("None of the regions has a vertex on the flat map.")]
    Nothing,
    /// The drawing to be extended is damaged.
    #[error("The drawing cannot be extended: {0}.")]
    Damaged(String),
}

/// Writes regions as paths into a drawing of a subject's flat map: into the text of its `overlays.svg`, or a new one. Shapes of the
/// same names are replaced.
///
/// The paths cross edges of the mesh halfway, so that the vertices inside of them are those of the region, as far as they lie on the
/// flat map. A hole is a second line of its path; pycortex 1.4 fills it.
///
/// # Errors
/// Returns an [`OverlayFileError`] if the subject is not flattened, no region lies on the flat map, or the drawing is damaged.
pub fn write_overlays(
    subject: &Subject,
    regions: &[DrawnRegion],
    drawing: Option<&str>,
) -> Result<WrittenOverlay, OverlayFileError> {
    let map = FlatMap::of(subject).map_err(OverlayFileError::NotFlat)?;
    let [left, right, below, above] = map.extents;
    let text = if let Some(text) = drawing {
        text.to_owned()
    } else {
        let size = [HEIGHT * (right - left) / (above - below), HEIGHT];
        empty_drawing(size, &edge(subject, &map, size))
    };
    let parsed = Drawing::parse(text.as_bytes()).map_err(OverlayFileError::Damaged)?;
    let mut notes = Vec::new();
    let mut shapes = Vec::new();
    for region in regions {
        let shape = shape(subject, &map, parsed.size, region);
        let n_lost = region.n_vertices() - n_on_map(subject, region);
        if shape.paths.is_empty() {
            notes.push(format!(
                "\"{}\" is not in the drawing: none of its vertices lies on the flat map.",
                region.name
            ));
            continue;
        }
        if n_lost > 0 {
            notes.push(format!(
                "{n_lost} of {} vertices of \"{}\" were cut out of the flat map. When the drawing is read, those beside the region \
                 are added again.",
                region.n_vertices(),
                region.name
            ));
        }
        shapes.push(shape);
    }
    if shapes.is_empty() {
        return Err(OverlayFileError::Nothing);
    }
    let extended = with_shapes(&text, LAYER, &shapes).map_err(OverlayFileError::Damaged)?;
    for name in extended.replaced {
        notes.push(format!("\"{name}\" of the drawing was replaced."));
    }
    Ok(WrittenOverlay {
        text: extended.text,
        notes,
    })
}

/// The ends of both flattened hemispheres.
fn edge(subject: &Subject, map: &FlatMap, size: [f64; 2]) -> Vec<Vec<[f64; 2]>> {
    let all = |side: Side| (0..subject.hemisphere(side).n_vertices() as u32).collect();
    let whole = DrawnRegion {
        name: String::new(),
        colour: [0; 3],
        vertices: Side::BOTH.map(all),
    };
    let shape = shape(subject, map, size, &whole);
    shape.paths.into_iter().flatten().collect()
}

/// A path for each hemisphere.
fn shape(subject: &Subject, map: &FlatMap, size: [f64; 2], region: &DrawnRegion) -> ShapeToWrite {
    let [left, right, below, above] = map.extents;
    let mut paths = Vec::new();
    for side in Side::BOTH {
        let Some(flat) = subject.hemisphere(side).surface(SurfaceKind::Flat) else {
            continue;
        };
        let mut is_inside = vec![false; flat.n_vertices()];
        for vertex in &region.vertices[side.index()] {
            if let Some(own) = is_inside.get_mut(*vertex as usize) {
                *own = true;
            }
        }
        let place = |point: &[f64; 2]| {
            let [x, y] = map.place(side, *point);
            [
                (x - left) / (right - left) * size[0],
                (above - y) / (above - below) * size[1],
            ]
        };
        let lines: Vec<Vec<[f64; 2]>> = Contour::on_flat(flat, &is_inside)
            .iter()
            .map(|line| line.iter().map(place).collect())
            .collect();
        if !lines.is_empty() {
            paths.push(lines);
        }
    }
    ShapeToWrite {
        name: region.name.clone(),
        paths,
    }
}

/// How many vertices of a region lie on the flat map.
fn n_on_map(subject: &Subject, region: &DrawnRegion) -> usize {
    let of_side = |side: Side| {
        let flat = subject.hemisphere(side).surface(SurfaceKind::Flat);
        let used = flat.map_or_else(Vec::new, crate::brain::Surface::used);
        let own = region.vertices[side.index()].iter();
        own.filter(|vertex| used.get(**vertex as usize) == Some(&true))
            .count()
    };
    Side::BOTH.into_iter().map(of_side).sum()
}
