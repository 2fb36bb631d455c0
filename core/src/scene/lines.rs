//! Lines on the cortex in any view.

use super::canvas::Canvas;
use super::strokes::{Pen, Strokes};
use crate::brain::SurfaceLine;

/// How far a line may lie in front of or behind the surface that is seen, mm.
const MOST_APART_MM: f64 = 1.5;
/// Points of a line that are farther apart in the picture than this share of its width are not joined.
const MOST_PIECE: f64 = 0.1;

/// Lines that are drawn alike.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// The lines.
    pub lines: &'a [SurfaceLine],
    /// Their width, pixels.
    pub width: f32,
    /// Opacity of the line.
    pub opacity: f32,
    /// Opacity of its dark rim; 0 for none.
    pub halo: f32,
}

impl Lines<'_> {
    /// Draws the lines over a picture where nothing is in front of them.
    pub(super) fn draw(&self, canvas: &Canvas, rgba: &mut [u8]) {
        let pen = Pen {
            width: self.width,
            opacities: [self.opacity, self.halo],
        };
        let mut strokes = Strokes::new(canvas, pen);
        let [width, _] = canvas.seen.size();
        for line in self.lines {
            let mut before: Option<[f64; 3]> = None;
            for point in &line.points {
                // Centres of samples lie at halves.
                let place = (canvas.place)(line.side, point);
                let place = place.map(|[x, y, far]| [x - 0.5, y - 0.5, far]);
                if let (Some([x0, y0, far0]), Some([x, y, far])) = (before, place)
                    && (x - x0).hypot(y - y0) < MOST_PIECE * width as f64
                {
                    let is_there = |at: usize, share: f64| {
                        let seen = canvas.seen.distance(at % width, at / width);
                        let own = far0 + share * (far - far0);
                        seen.is_some_and(|seen| (f64::from(seen) - own).abs() < MOST_APART_MM)
                    };
                    strokes.add([x0, y0], [x, y], is_there);
                }
                before = place;
            }
        }
        strokes.draw(canvas, rgba);
    }
}
