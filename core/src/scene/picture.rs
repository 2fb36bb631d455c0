//! Drawing without a graphics driver: the same bytes on every machine.

use rayon::prelude::*;

use super::camera::Camera;
use super::colour::ColourScale;
use super::data::{DataMap, DataReader};
use super::outlines::Outlines;
use super::pose::{Pose, PoseError, PosedBrain};
use super::raster::{Hit, Visibility};
use crate::brain::Subject;

/// Grey of sulci and of gyri, from 0 to 1: as in pycortex, brightness 0.5 and contrast 0.25.
pub const CURVATURE_GREYS: [f32; 2] = [0.375, 0.625];
/// Grey of a cortex without curvature.
const PLAIN_GREY: f32 = 0.5;

/// What is under the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underlay {
    /// Sulci dark, gyri light.
    #[default]
    Curvature,
    /// One grey.
    Plain,
}

/// Data, and how their values are shown.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The values.
    pub data: DataMap<'a>,
    /// Their colours.
    pub scale: ColourScale,
    /// Values below this are not drawn.
    pub threshold: Option<f32>,
}

impl Layer<'_> {
    /// The colour of a value; `None` if it is not a number, or below the threshold.
    #[must_use]
    pub fn colour(&self, value: f32) -> Option<[u8; 3]> {
        let is_below = self.threshold.is_some_and(|threshold| value < threshold);
        self.scale.colour(value).filter(|_| !is_below)
    }
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
    /// Whether the cortex is lit; else every colour is exactly that of the colour map.
    pub is_lit: bool,
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
/// somewhere there is no light.
#[must_use]
pub fn paint(
    scene: &Scene,
    brain: Option<&PosedBrain>,
    seen: &Visibility,
    size: [usize; 2],
    n_samples: usize,
) -> Picture {
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
                let [red, green, blue] = shader.colour(&hit).map(bytes);
                let opacity = bytes(n_hits as f32 / (n_samples * n_samples) as f32);
                pixel.copy_from_slice(&[red, green, blue, opacity]);
            }
        }
    });
    if let Some(outlines) = &scene.outlines {
        outlines.draw(seen, n_samples, &mut rgba);
    }
    Picture { size, rgba }
}

/// Colours of points of the surface.
struct Shader<'s, 'a> {
    scene: &'s Scene<'a>,
    layer: Option<(Layer<'a>, DataReader<'a>)>,
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
        let reader = |layer: Layer<'a>| (layer, DataReader::new(layer.data, scene.subject));
        Self {
            scene,
            layer: scene.layer.map(reader),
            normals,
            to_camera: back.map(|value| value as f32),
            light: match brain {
                Some(brain) if scene.is_lit => 1.0 - brain.flatness,
                _ => 0.0,
            },
        }
    }

    /// Red, green and blue from 0 to 1.
    fn colour(&self, hit: &Hit) -> [f32; 3] {
        let colour = self.data_colour(hit);
        let colour = colour.unwrap_or_else(|| [self.grey(hit); 3]);
        let shade = self.shade(hit);
        colour.map(|channel| channel * shade)
    }

    /// The colour of the data; `None` where there are none.
    fn data_colour(&self, hit: &Hit) -> Option<[f32; 3]> {
        let (layer, reader) = self.layer.as_ref()?;
        let colour = layer.colour(reader.value(hit))?;
        Some(colour.map(|channel| f32::from(channel) / 255.0))
    }

    fn grey(&self, hit: &Hit) -> f32 {
        let hemisphere = self.scene.subject.hemisphere(hit.side);
        let curvature = match (self.scene.underlay, &hemisphere.curvature) {
            (Underlay::Curvature, Some(curvature)) => interpolated(curvature, hit),
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

/// Light that a surface seen from its edge gets.
const AMBIENT: f32 = 0.25;

fn interpolated(values: &[f32], hit: &Hit) -> f32 {
    let value = |vertex: u32| values.get(vertex as usize).copied().unwrap_or(f32::NAN);
    hit.vertices
        .into_iter()
        .zip(hit.weights)
        .map(|(vertex, weight)| weight * value(vertex))
        .sum()
}
