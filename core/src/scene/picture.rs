//! Drawing without a graphics driver: the same bytes on every machine.

use rayon::prelude::*;

use super::camera::Camera;
use super::canvas::Canvas;
use super::dropout::Dropout;
use super::layer::{Layer, LayerReader, MissingLook, PointKind};
use super::lines::Lines;
use super::outlines::Outlines;
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
    /// Whether the cortex is lit; else every colour is exactly that of the colour map.
    pub is_lit: bool,
}

/// What is drawn over the data.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks<'a> {
    /// Hatching where the scanner had no signal.
    pub dropout: Option<Dropout<'a>>,
    /// Lines on the cortex, the last on top.
    pub lines: &'a [Lines<'a>],
}

/// A picture: four bytes a pixel, red, green, blue and opacity, not premultiplied, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// The pixels.
    pub rgba: Vec<u8>,
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
    let seen = Visibility::of(&brain, &projection, fine);
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
    let mut rgba = vec![0; size[0] * size[1] * 4];
    let rows = rgba.par_chunks_mut(4 * size[0].max(1)).enumerate();
    rows.for_each(|(row, pixels)| {
        for (column, pixel) in pixels.chunks_exact_mut(4).enumerate() {
            let samples = (0..n_samples * n_samples).map(|at| {
                let (x, y) = (at % n_samples, at / n_samples);
                seen.hit(column * n_samples + x, row * n_samples + y)
            });
            let middle = samples.clone().nth(n_samples * n_samples / 2).flatten();
            let n_hits = samples.clone().flatten().count();
            if let Some(hit) = middle.or_else(|| samples.flatten().next()) {
                let bytes = |value: f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
                let [red, green, blue] = shader.colour(&hit, [column, row]).map(bytes);
                let opacity = bytes(n_hits as f32 / (n_samples * n_samples) as f32);
                pixel.copy_from_slice(&[red, green, blue, opacity]);
            }
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

/// Colours of points of the surface.
struct Shader<'s, 'a> {
    scene: &'s Scene<'a>,
    layer: Option<LayerReader<'a>>,
    normals: [&'s [[f32; 3]]; 2],
    to_camera: [f32; 3],
    /// From 0, none, to 1.
    light: f32,
}

impl<'s, 'a> Shader<'s, 'a> {
    fn new(scene: &'s Scene<'a>, brain: Option<&'s PosedBrain>) -> Self {
        let mut normals: [&[[f32; 3]]; 2] = [&[]; 2];
        for hemisphere in brain.iter().flat_map(|brain| &brain.hemispheres) {
            normals[hemisphere.side.index()] = &hemisphere.normals;
        }
        let back = scene.camera.projection([1, 1]).axes[2];
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
        }
    }

    /// Red, green and blue from 0 to 1 of a point in a pixel, given by column and row.
    fn colour(&self, hit: &Hit, pixel: [usize; 2]) -> [f32; 3] {
        let shade = self.shade(hit);
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

/// Light that a surface seen from its edge gets.
const AMBIENT: f32 = 0.25;
