//! Drawing without a graphics driver: the same bytes on every machine.

use rayon::prelude::*;

use super::camera::Camera;
use super::canvas::{Canvas, Picture};
use super::dropout::Dropout;
use super::interior::{Interior, InteriorReader, is_as_scanned};
use super::layer::{Layer, LayerReader, MissingLook, PointKind};
use super::lines::Lines;
use super::outlines::Outlines;
use super::plane::Plane;
use super::pose::{Pose, PoseError, PosedBrain};
use super::raster::{Hit, Visibility};
use crate::brain::{Side, Subject, SurfacePoint};

/// Grey of sulci and of gyri, from 0 to 1: as in pycortex, brightness 0.5 and contrast 0.25.
pub const CURVATURE_GREYS: [f32; 2] = [0.375, 0.625];
/// Grey of a cortex without curvature.
const PLAIN_GREY: f32 = 0.5;

/// Distance between the dots that mark what is not a number, pixels.
pub const DOT_STEP: usize = 8;
/// Size of the dots, pixels.
pub const DOT_SIZE: usize = 2;
/// By how much the dots are lighter than the cortex, as a share of the way to white.
pub const DOT_SHARE: f32 = 0.6;
/// How bright the cortex is where there are no data, as a share.
pub const NO_DATA_SHADE: f32 = 0.6;

/// What is under the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underlay {
    /// Sulci dark, gyri light.
    #[default]
    Curvature,
    /// One grey.
    Plain,
}

/// What is shown, from where.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// How it stands.
    pub pose: Pose,
    /// From where it is seen.
    pub camera: Camera,
    /// What is under the data.
    pub underlay: Underlay,
    /// The data; `None` shows the cortex alone.
    pub layer: Option<Layer<'a>>,
    /// Borders of regions.
    pub outlines: Option<Outlines<'a>>,
    /// What is drawn over the data besides; nothing by default.
    pub marks: Marks<'a>,
    /// What is seen inside of the cortex; nothing by default.
    pub interior: Interior<'a>,
    /// Whether the cortex is lit; else every colour is exactly that of the colour map.
    pub is_lit: bool,
}

impl Scene<'_> {
    /// The plane beyond which the cortex is cut away, if it is.
    #[must_use]
    pub fn cut(&self) -> Option<&Plane> {
        let cut = self.interior.cut.as_ref();
        cut.filter(|_| is_as_scanned(&self.pose))
    }
}

/// What is drawn over the data.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks<'a> {
    /// Hatching where the scanner had no signal.
    pub dropout: Option<Dropout<'a>>,
    /// Lines on the cortex, the last on top.
    pub lines: &'a [Lines<'a>],
}

/// Draws a scene into a picture of `size`, (width, height) in pixels, on a transparent ground.
///
/// * `n_samples`: samples of a pixel along each side; an odd number. 1 is fast, 3 smooths the silhouette. The colour of a pixel is
///   that of its centre, never a mixture, so that colours of data are those of the colour map.
///
/// # Errors
/// Returns a [`PoseError`] if the subject lacks a surface that the pose needs.
pub fn draw(scene: &Scene, size: [usize; 2], n_samples: usize) -> Result<Picture, PoseError> {
    draw_with_visibility(scene, size, n_samples).map(|(picture, _)| picture)
}

/// Draws a scene as [`draw`] does, and returns what is seen in each sample as well, to find what lies under the pointer.
///
/// # Errors
/// As [`draw`].
pub fn draw_with_visibility(
    scene: &Scene,
    size: [usize; 2],
    n_samples: usize,
) -> Result<(Picture, Visibility), PoseError> {
    let brain = scene.pose.apply(scene.subject)?;
    let n_samples = n_samples.max(1);
    let fine = size.map(|pixels| pixels * n_samples);
    let projection = scene.camera.projection(fine);
    let seen = Visibility::of_cut(&brain, &projection, fine, scene.cut());
    let picture = paint(scene, Some(&brain), &seen, size, n_samples);
    Ok((picture, seen))
}

/// Colours what is seen in a picture of `size` whose pixels have `n_samples` samples along each side. Without a brain that stands
/// somewhere there is no light, and there are no lines.
#[must_use]
pub fn paint(
    scene: &Scene,
    brain: Option<&PosedBrain>,
    seen: &Visibility,
    size: [usize; 2],
    n_samples: usize,
) -> Picture {
    let fine = size.map(|pixels| pixels * n_samples);
    let projection = scene.camera.projection(fine);
    let place = |side: Side, point: &SurfacePoint| {
        let own = brain?.hemispheres.iter().find(|own| own.side == side)?;
        Some(projection.project(point.on(&own.points)))
    };
    let canvas = Canvas {
        seen,
        size,
        n_samples,
        place: &place,
    };
    paint_on(scene, brain, &canvas)
}

/// The same with the places of lines.
pub(super) fn paint_on(scene: &Scene, brain: Option<&PosedBrain>, canvas: &Canvas) -> Picture {
    let Canvas {
        seen,
        size,
        n_samples,
        ..
    } = *canvas;
    let shader = Shader::new(scene, brain);
    let fine = size.map(|pixels| pixels * n_samples);
    let projection = scene.camera.projection(fine);
    let inside = brain
        .filter(|_| is_as_scanned(&scene.pose))
        .and_then(|brain| {
            let data = (scene.subject, scene.layer);
            InteriorReader::new(&scene.interior, data, brain, &projection)
        });
    let mut rgba = vec![0; size[0] * size[1] * 4];
    let rows = rgba.par_chunks_mut(4 * size[0].max(1)).enumerate();
    rows.for_each(|(row, pixels)| {
        for (column, pixel) in pixels.chunks_exact_mut(4).enumerate() {
            let cortex = sample(seen, [column, row], n_samples).map(|sample| {
                let colour = shader.colour(&sample.hit, [column, row]);
                (colour, sample.share * shader.opacity, sample.distance)
            });
            let slice = inside.as_ref().and_then(|inside| {
                inside.at([column, row].map(|at| (at as f64 + 0.5) * n_samples as f64))
            });
            pixel.copy_from_slice(&mixed(cortex, slice));
        }
    });
    if let Some(dropout) = &scene.marks.dropout {
        dropout.draw(scene.subject, canvas, &mut rgba);
    }
    for lines in scene.marks.lines {
        lines.draw(canvas, &mut rgba);
    }
    if let Some(outlines) = &scene.outlines {
        outlines.draw(canvas, &mut rgba);
    }
    Picture { size, rgba }
}

/// What a pixel shows of the cortex.
struct Sample {
    hit: Hit,
    /// The share of the pixel that the cortex covers.
    share: f32,
    /// Along the view, mm.
    distance: f64,
}

/// The sample at the centre of a pixel, or else the first that shows something.
fn sample(seen: &Visibility, [column, row]: [usize; 2], n_samples: usize) -> Option<Sample> {
    let n_all = n_samples * n_samples;
    let place = |at: usize| {
        [
            column * n_samples + at % n_samples,
            row * n_samples + at / n_samples,
        ]
    };
    let hit = |at: usize| {
        let [x, y] = place(at);
        seen.hit(x, y).map(|hit| (at, hit))
    };
    let n_hits = (0..n_all).filter_map(hit).count();
    let (at, hit) = hit(n_all / 2).or_else(|| (0..n_all).find_map(hit))?;
    let [x, y] = place(at);
    Some(Sample {
        hit,
        share: n_hits as f32 / n_all as f32,
        distance: f64::from(seen.distance(x, y)?),
    })
}

/// The cortex, which covers a pixel by a share, before or behind a slice, which covers it wholly.
fn mixed(cortex: Option<([f32; 3], f32, f64)>, slice: Option<([f32; 3], f64)>) -> [u8; 4] {
    let bytes = |value: f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
    let pixel = |[red, green, blue]: [f32; 3], opacity: f32| [red, green, blue, opacity].map(bytes);
    match (cortex, slice) {
        (None, None) => [0; 4],
        (Some((colour, share, _)), None) => pixel(colour, share),
        (Some((colour, share, distance)), Some((below, of_slice))) if distance < of_slice => {
            let over = [0, 1, 2].map(|at| below[at] + share * (colour[at] - below[at]));
            pixel(over, 1.0)
        }
        (_, Some((colour, _))) => pixel(colour, 1.0),
    }
}

/// A vector of each vertex, left and right.
type BothSides<'s> = [&'s [[f32; 3]]; 2];

/// Colours of points of the surface.
struct Shader<'s, 'a> {
    scene: &'s Scene<'a>,
    layer: Option<LayerReader<'a>>,
    normals: BothSides<'s>,
    to_camera: [f32; 3],
    /// From 0, none, to 1.
    light: f32,
    /// How opaque the cortex is, from 0 to 1.
    opacity: f32,
    /// Where hemispheres are seen from inside, too: the points of their vertices, and where the camera stands.
    cut: Option<(BothSides<'s>, [f64; 3])>,
}

impl<'s, 'a> Shader<'s, 'a> {
    fn new(scene: &'s Scene<'a>, brain: Option<&'s PosedBrain>) -> Self {
        let (mut normals, mut points): (BothSides, BothSides) = ([&[]; 2], [&[]; 2]);
        for hemisphere in brain.iter().flat_map(|brain| &brain.hemispheres) {
            normals[hemisphere.side.index()] = &hemisphere.normals;
            points[hemisphere.side.index()] = &hemisphere.points;
        }
        let projection = scene.camera.projection([1, 1]);
        let back = projection.axes[2];
        let is_as_scanned = brain.is_some() && is_as_scanned(&scene.pose);
        let reader = |layer: &Layer<'a>| LayerReader::new(layer, scene.subject);
        Self {
            scene,
            layer: scene.layer.as_ref().map(reader),
            normals,
            to_camera: back.map(|value| value as f32),
            light: match brain {
                Some(brain) if scene.is_lit => 1.0 - brain.flatness,
                _ => 0.0,
            },
            opacity: if is_as_scanned {
                scene.interior.opacity.clamp(0.0, 1.0)
            } else {
                1.0
            },
            cut: scene
                .cut()
                .filter(|_| is_as_scanned)
                .map(|_| (points, projection.eye)),
        }
    }

    /// Red, green and blue from 0 to 1 of a point in a pixel, given by column and row.
    fn colour(&self, hit: &Hit, pixel: [usize; 2]) -> [f32; 3] {
        let shade = self.shade(hit);
        if self.is_inner(hit) {
            return [INNER_GREY * shade; 3];
        }
        self.unlit(hit, pixel).map(|channel| channel * shade)
    }

    fn unlit(&self, hit: &Hit, pixel: [usize; 2]) -> [f32; 3] {
        let Some(reader) = &self.layer else {
            return [self.grey(hit); 3];
        };
        let shown = reader.colour(hit);
        let [red, green, blue, opacity] = shown.rgba.map(|channel| f32::from(channel) / 255.0);
        if opacity >= 1.0 {
            return [red, green, blue];
        }
        let below = match (reader.missing(), shown.kind) {
            (MissingLook::Marked, PointKind::NotANumber) if is_dot(pixel) => {
                let grey = self.grey(hit);
                grey + DOT_SHARE * (1.0 - grey)
            }
            (MissingLook::Marked, PointKind::NoData) => NO_DATA_SHADE * self.grey(hit),
            _ => self.grey(hit),
        };
        [red, green, blue].map(|channel| below + opacity * (channel - below))
    }

    /// Whether a point is seen from inside.
    fn is_inner(&self, hit: &Hit) -> bool {
        let Some((points, eye)) = &self.cut else {
            return false;
        };
        let side = hit.side.index();
        let [point, normal] = [hit.point(points[side]), hit.point(self.normals[side])];
        let facing: f64 = (0..3)
            .map(|axis| f64::from(normal[axis]) * (eye[axis] - f64::from(point[axis])))
            .sum();
        facing < 0.0
    }

    fn grey(&self, hit: &Hit) -> f32 {
        let hemisphere = self.scene.subject.hemisphere(hit.side);
        let curvature = match (self.scene.underlay, &hemisphere.curvature) {
            (Underlay::Curvature, Some(curvature)) => hit.mean(curvature),
            _ => return PLAIN_GREY,
        };
        CURVATURE_GREYS[usize::from(curvature > 0.0)]
    }

    /// How bright the light makes a point: light comes with the camera.
    fn shade(&self, hit: &Hit) -> f32 {
        if self.light == 0.0 {
            return 1.0;
        }
        let normal = hit.point(self.normals[hit.side.index()]);
        let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let length = dot(normal, normal).sqrt().max(f32::MIN_POSITIVE);
        let facing = dot(normal, self.to_camera).abs() / length;
        1.0 + self.light * (AMBIENT + (1.0 - AMBIENT) * facing - 1.0)
    }
}

/// Whether a pixel belongs to the dots that mark what is not a number.
fn is_dot(pixel: [usize; 2]) -> bool {
    let [column, row] = pixel;
    let is_odd = row / DOT_STEP % 2 == 1;
    let column = column + usize::from(is_odd) * DOT_STEP / 2;
    column % DOT_STEP < DOT_SIZE && row % DOT_STEP < DOT_SIZE
}

/// Grey of a surface that is seen from inside.
const INNER_GREY: f32 = 0.3;
/// Light that a surface seen from its edge gets.
const AMBIENT: f32 = 0.25;
