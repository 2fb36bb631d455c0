//! Borders of regions, as lines of constant width over any view.

use rayon::prelude::*;

use super::raster::{Hit, Visibility};
use crate::brain::Parcellation;

/// Points of neighbouring samples that are farther apart than this are not neighbours on the surface, mm.
const MOST_STEP_MM: f32 = 2.5;
/// How far the dark rim of a line reaches beyond it, as a share of its width.
const HALO_SHARE: f32 = 0.6;
/// Opacity of the rim.
const HALO_OPACITY: f32 = 0.45;
/// Colour of the line and of its rim.
const LINE: f32 = 1.0;
const HALO: f32 = 0.0;

/// The borders of the regions of a parcellation.
#[derive(Debug, Clone, Copy)]
pub struct Outlines<'a> {
    /// The regions.
    pub regions: &'a Parcellation,
    /// Width of the lines, pixels.
    pub width: f32,
}

/// What lies at a sample: nothing, or a region, or cortex outside of regions; and how far away it is.
#[derive(Debug, Clone, Copy)]
struct Sample {
    label: u32,
    distance: f32,
}

const NOTHING: u32 = u32::MAX;

impl Outlines<'_> {
    /// Draws the lines over a picture whose pixels have `n_samples` samples along each side.
    pub(super) fn draw(&self, seen: &Visibility, n_samples: usize, rgba: &mut [u8]) {
        let [width, height] = seen.size();
        let samples: Vec<Sample> = (0..width * height)
            .into_par_iter()
            .map(|at| self.sample(seen, at % width, at / width))
            .collect();
        let borders: Vec<[usize; 2]> = (0..width * height)
            .into_par_iter()
            .filter(|at| is_border(&samples, *at, width))
            .map(|at| [at % width, at / width])
            .collect();
        let radius = self.width * n_samples as f32 / 2.0;
        let distances = distances(&borders, [width, height], radius * (1.0 + 2.0 * HALO_SHARE));
        let n_columns = width / n_samples;
        rgba.par_chunks_mut(4).enumerate().for_each(|(at, pixel)| {
            let (column, row) = (at % n_columns, at / n_columns);
            let (mut line, mut halo) = (0.0, 0.0);
            for y in 0..n_samples {
                for x in 0..n_samples {
                    let place = (row * n_samples + y) * width + column * n_samples + x;
                    if samples[place].label == NOTHING {
                        continue;
                    }
                    let distance = distances[place];
                    line += f32::from(u8::from(distance <= radius));
                    halo += f32::from(u8::from(distance <= radius * (1.0 + 2.0 * HALO_SHARE)));
                }
            }
            let n = (n_samples * n_samples) as f32;
            let (line, halo) = (line / n, halo / n * HALO_OPACITY);
            for channel in &mut pixel[..3] {
                let below = f32::from(*channel) / 255.0;
                let dark = below + halo * (HALO - below);
                let light = dark + line * (LINE - dark);
                *channel = (light * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        });
    }

    fn sample(&self, seen: &Visibility, column: usize, row: usize) -> Sample {
        match seen.hit(column, row) {
            None => Sample {
                label: NOTHING,
                distance: 0.0,
            },
            Some(hit) => Sample {
                label: self.label(&hit),
                distance: seen.distance(column, row).unwrap_or(0.0),
            },
        }
    }

    /// The region that most of the point belongs to, so that borders run straight through triangles.
    fn label(&self, hit: &Hit) -> u32 {
        let of_vertex = &self.regions.of_vertex[hit.side.index()];
        let side = (hit.side.index() as u32) << 20;
        let labels = hit.vertices.map(|vertex| {
            let region = of_vertex.get(vertex as usize).copied().flatten();
            side + region.map_or(0, |region| u32::from(region) + 1)
        });
        let share = |label: u32| -> f32 {
            let own = labels.iter().zip(hit.weights);
            own.filter(|(known, _)| **known == label)
                .map(|(_, weight)| weight)
                .sum()
        };
        let [a, b, c] = labels;
        let better = |x: u32, y: u32| if share(y) > share(x) { y } else { x };
        better(better(a, b), c)
    }
}

/// Whether the region to the right or below is another one, on the same piece of surface.
fn is_border(samples: &[Sample], at: usize, width: usize) -> bool {
    let here = samples[at];
    let differs = |other: Option<&Sample>| {
        other.is_some_and(|other| {
            other.label != here.label
                && other.label != NOTHING
                && other.label >> 20 == here.label >> 20
                && (other.distance - here.distance).abs() < MOST_STEP_MM
        })
    };
    let has_right = at % width + 1 < width;
    here.label != NOTHING
        && (has_right && differs(samples.get(at + 1)) || differs(samples.get(at + width)))
}

/// The distance of each sample to the nearest border in samples, infinite beyond `most`.
fn distances(borders: &[[usize; 2]], [width, height]: [usize; 2], most: f32) -> Vec<f32> {
    let mut distances = vec![f32::INFINITY; width * height];
    let reach = most.ceil().max(0.0) as usize;
    for [x, y] in borders {
        for row in y.saturating_sub(reach)..(y + reach + 1).min(height) {
            for column in x.saturating_sub(reach)..(x + reach + 1).min(width) {
                let (dx, dy) = (column as f32 - *x as f32, row as f32 - *y as f32);
                let distance = dx.hypot(dy);
                let known = &mut distances[row * width + column];
                if distance <= most && distance < *known {
                    *known = distance;
                }
            }
        }
    }
    distances
}
