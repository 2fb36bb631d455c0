//! Borders of regions, as lines of constant width over any view.

use rayon::prelude::*;

use super::canvas::Canvas;
use super::raster::{Hit, Visibility};
use super::strokes::{Pen, Strokes};
use crate::brain::Parcellation;

/// Points of neighbouring samples that are farther apart than this are not neighbours on the surface, mm.
const MOST_STEP_MM: f32 = 2.5;
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
    /// Draws the lines over a picture.
    pub(super) fn draw(&self, canvas: &Canvas, rgba: &mut [u8]) {
        let [width, height] = canvas.seen.size();
        let samples: Vec<Sample> = (0..width * height)
            .into_par_iter()
            .map(|at| self.sample(canvas.seen, at % width, at / width))
            .collect();
        let borders: Vec<[usize; 2]> = (0..width * height)
            .into_par_iter()
            .filter(|at| is_border(&samples, *at, width))
            .map(|at| [at % width, at / width])
            .collect();
        let mut strokes = Strokes::new(canvas, Pen::of_regions(self.width));
        for [column, row] in borders {
            strokes.add_dot([column as f64, row as f64]);
        }
        strokes.draw(canvas, rgba);
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
