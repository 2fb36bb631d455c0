//! The flat map as a raster: each pixel has its own place on the flattened cortex, without perspective.

use super::canvas::{Canvas, Picture};
use super::picture::{Scene, paint_on};
use super::pose::PoseError;
use super::raster::{Faces, Piece, Visibility};
use crate::brain::{FlatMap, Side, Subject, Surface, SurfaceKind, SurfacePoint};

/// Distance of the map from the camera, mm: any, since there is no perspective.
const FLAT_DISTANCE: f64 = 1000.0;

/// Where a flat map lies in a picture, as pycortex lays it: hemispheres meet at x = 0, the left one at the left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlatLayout {
    /// The flat map.
    pub map: FlatMap,
    /// Pixels per mm in x and y.
    pub scale: [f64; 2],
    /// Column and row of the upper left corner of the extents, pixels.
    corner: [f64; 2],
}

impl FlatLayout {
    /// The layout of a subject in a picture of `size`, (width, height) in pixels. The map fills the picture if it has the map's
    /// shape, and else stands in its middle.
    ///
    /// # Errors
    /// Returns [`PoseError::NoFlatSurface`] if a hemisphere is not flattened.
    pub fn of(subject: &Subject, size: [usize; 2]) -> Result<Self, PoseError> {
        let map = FlatMap::of(subject).map_err(PoseError::NoFlatSurface)?;
        let extents = map.extents;
        let spans = [extents[1] - extents[0], extents[3] - extents[2]];
        // The outermost places are the centres of the outermost pixels.
        let steps = size.map(|pixels| pixels.saturating_sub(1) as f64);
        let fills = [steps[0] / spans[0], steps[1] / spans[1]];
        let has_shape = (size[1] as f64 * spans[0] / spans[1] - size[0] as f64).abs() < 1.0;
        let smaller = fills[0].min(fills[1]);
        let scale = if has_shape { fills } else { [smaller; 2] };
        Ok(Self {
            map,
            scale,
            corner: std::array::from_fn(|axis| {
                0.5 + (steps[axis] - scale[axis] * spans[axis]) / 2.0
            }),
        })
    }

    /// Column and row in pixels of a place on a flattened hemisphere, mm.
    #[must_use]
    pub fn place(&self, side: Side, point: [f64; 2]) -> [f64; 2] {
        let [left, _, _, above] = self.map.extents;
        let [x, y] = self.map.place(side, point);
        [
            self.corner[0] + (x - left) * self.scale[0],
            self.corner[1] + (above - y) * self.scale[1],
        ]
    }
}

fn flat(subject: &Subject, side: Side) -> Result<&Surface, PoseError> {
    let surface = subject.hemisphere(side).surface(SurfaceKind::Flat);
    surface.ok_or(PoseError::NoFlatSurface(side))
}

/// Draws the flat map of a scene into a picture of `size`, (width, height) in pixels, whatever its camera and pose. It is not
/// lit.
///
/// * `n_samples`: as for [`draw`](super::draw).
///
/// # Errors
/// Returns [`PoseError::NoFlatSurface`] if a hemisphere is not flattened.
pub fn draw_flat(
    scene: &Scene,
    size: [usize; 2],
    n_samples: usize,
) -> Result<(Picture, Visibility), PoseError> {
    let n_samples = n_samples.max(1);
    let layout = FlatLayout::of(scene.subject, size)?;
    let (mut pieces, mut triangles) = (Vec::new(), Vec::new());
    for side in Side::BOTH
        .into_iter()
        .filter(|side| scene.pose.shown[side.index()])
    {
        let surface = flat(scene.subject, side)?;
        let place = |point: &[f32; 3]| {
            let [x, y] = layout.place(side, [f64::from(point[0]), f64::from(point[1])]);
            [x * n_samples as f64, y * n_samples as f64, FLAT_DISTANCE]
        };
        let first = triangles.len();
        triangles.extend(surface.triangles().iter().map(|own| (side, *own)));
        pieces.push(Piece {
            places: surface.points().iter().map(place).collect(),
            triangles: first..triangles.len(),
            faces: Faces::Both,
            beyond: Vec::new(),
        });
    }
    let fine = size.map(|pixels| pixels * n_samples);
    let seen = Visibility::of_pieces(&pieces, triangles.into(), fine);
    let place = |side: Side, point: &SurfacePoint| {
        let [x, y, _] = point.on(flat(scene.subject, side).ok()?.points());
        let [x, y] = layout.place(side, [f64::from(x), f64::from(y)]);
        Some([x * n_samples as f64, y * n_samples as f64, FLAT_DISTANCE])
    };
    let canvas = Canvas {
        seen: &seen,
        size,
        n_samples,
        place: &place,
    };
    let picture = paint_on(scene, None, &canvas);
    Ok((picture, seen))
}
