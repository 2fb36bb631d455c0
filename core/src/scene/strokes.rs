//! Lines of constant width with a dark rim, over the samples of a picture.

use rayon::prelude::*;

use super::canvas::Canvas;

/// How far the rim of a line reaches beyond it on either side, as a share of its width.
const HALO_SHARE: f32 = 0.6;
/// Opacity of the rim of a border.
const HALO_OPACITY: f32 = 0.45;
/// Colour of the line and of its rim.
const LINE: f32 = 1.0;
const HALO: f32 = 0.0;
/// How far the end of a piece may lie outside of the picture, in widths of the picture.
const MOST_OUTSIDE: f64 = 1.0;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pen {
    /// Width, pixels.
    pub(super) width: f32,
    /// Opacity of the line and of its rim.
    pub(super) opacities: [f32; 2],
}

impl Pen {
    /// The pen of borders of regions.
    pub(super) fn of_regions(width: f32) -> Self {
        Self {
            width,
            opacities: [1.0, HALO_OPACITY],
        }
    }
}

/// Lines to be drawn with one pen.
pub(super) struct Strokes {
    size: [usize; 2],
    pen: Pen,
    /// Half of the width, and of the width with its rim, in samples.
    reaches: [f32; 2],
    /// Distance of each sample to the nearest line, in samples; infinite beyond the rim.
    distances: Vec<f32>,
}

impl Strokes {
    pub(super) fn new(canvas: &Canvas, pen: Pen) -> Self {
        let size = canvas.seen.size();
        let radius = pen.width * canvas.n_samples as f32 / 2.0;
        Self {
            size,
            pen,
            reaches: [radius, radius * (1.0 + 2.0 * HALO_SHARE)],
            distances: vec![f32::INFINITY; size[0] * size[1]],
        }
    }

    /// Adds a dot at a sample.
    pub(super) fn add_dot(&mut self, at: [f64; 2]) {
        self.add(at, at, |_, _| true);
    }

    /// Adds a straight piece between places in samples.
    ///
    /// * `is_there`: whether a sample, by its index, lies on the surface of the piece at a share of its way.
    pub(super) fn add(
        &mut self,
        from: [f64; 2],
        to: [f64; 2],
        is_there: impl Fn(usize, f64) -> bool,
    ) {
        let [width, height] = self.size;
        let reach = f64::from(self.reaches[1]);
        let range = |axis: usize, n: usize| {
            let first = (from[axis].min(to[axis]) - reach).ceil().max(0.0);
            let last = (from[axis].max(to[axis]) + reach).floor();
            first as usize..(last.max(-1.0) + 1.0).min(n as f64) as usize
        };
        let most = MOST_OUTSIDE * width.max(height) as f64;
        let is_near = |at: [f64; 2]| {
            let sides = [width as f64, height as f64];
            (0..2).all(|axis| at[axis] > -most && at[axis] < sides[axis] + most)
        };
        if !is_near(from) || !is_near(to) {
            return;
        }
        let along = [to[0] - from[0], to[1] - from[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        for row in range(1, height) {
            for column in range(0, width) {
                let behind = [column as f64 - from[0], row as f64 - from[1]];
                let share = if squared > 0.0 {
                    ((behind[0] * along[0] + behind[1] * along[1]) / squared).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let (dx, dy) = (behind[0] - share * along[0], behind[1] - share * along[1]);
                let distance = dx.hypot(dy) as f32;
                let place = row * width + column;
                let known = self.distances[place];
                if distance <= self.reaches[1] && distance < known && is_there(place, share) {
                    self.distances[place] = distance;
                }
            }
        }
    }

    /// Draws the lines over a picture, where there is cortex.
    pub(super) fn draw(&self, canvas: &Canvas, rgba: &mut [u8]) {
        let n_samples = canvas.n_samples;
        let width = self.size[0];
        let n_columns = width / n_samples;
        let n = (n_samples * n_samples) as f32;
        let [line_opacity, halo_opacity] = self.pen.opacities;
        rgba.par_chunks_mut(4).enumerate().for_each(|(at, pixel)| {
            let (column, row) = (at % n_columns * n_samples, at / n_columns * n_samples);
            let (mut line, mut halo) = (0.0, 0.0);
            for y in row..row + n_samples {
                for x in column..column + n_samples {
                    let distance = self.distances[y * width + x];
                    if distance.is_finite() && canvas.seen.hit(x, y).is_some() {
                        line += f32::from(u8::from(distance <= self.reaches[0]));
                        halo += f32::from(u8::from(distance <= self.reaches[1]));
                    }
                }
            }
            let (line, halo) = (line / n * line_opacity, halo / n * halo_opacity);
            for channel in &mut pixel[..3] {
                let below = f32::from(*channel) / 255.0;
                let dark = below + halo * (HALO - below);
                let light = dark + line * (LINE - dark);
                *channel = (light * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        });
    }
}
