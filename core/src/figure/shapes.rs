//! The shapes of a laid-out figure, and where its data lie.

use super::Ink;

/// Where text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextAnchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// Something to draw, in points from the upper left corner.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle: left, top, width, height.
    Rect {
        /// Left, top, width, height.
        place: [f64; 4],
        /// Its colour.
        ink: Ink,
        /// 1 where nothing shines through.
        opacity: f64,
    },
    /// A line.
    Line {
        /// Its points.
        points: Vec<[f64; 2]>,
        /// Its colour.
        ink: Ink,
        /// Its width.
        width: f64,
    },
    /// Dots of one size.
    Dots {
        /// Their middles.
        points: Vec<[f64; 2]>,
        /// Their radius.
        radius: f64,
        /// Colour of all, or of each.
        inks: Vec<Ink>,
    },
    /// Text whose baseline runs through a point.
    Text {
        /// The point.
        at: [f64; 2],
        /// Where it stands.
        anchor: TextAnchor,
        /// Size of the letters.
        size: f64,
        /// Its colour.
        ink: Ink,
        /// Whether it reads upwards.
        is_upright: bool,
        /// The words.
        words: String,
    },
    /// Pixels stretched over a rectangle.
    Image {
        /// Left, top, width, height.
        place: [f64; 4],
        /// `(width, height)` in pixels.
        size: [usize; 2],
        /// Row by row from the top.
        pixels: Vec<[u8; 3]>,
    },
}

/// Where a panel's data are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlotArea {
    /// Left, top, width, height in points.
    pub place: [f64; 4],
    pub(super) x: [f64; 2],
    pub(super) y: [f64; 2],
}

impl PlotArea {
    /// The point of a value.
    #[must_use]
    pub fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, top, width, height] = self.place;
        [
            left + (x - self.x[0]) / (self.x[1] - self.x[0]) * width,
            top + height - (y - self.y[0]) / (self.y[1] - self.y[0]) * height,
        ]
    }

    /// The value at a point; `None` outside.
    #[must_use]
    pub fn value(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let [left, top, width, height] = self.place;
        let (across, up) = ((x - left) / width, (top + height - y) / height);
        let is_inside = (0.0..=1.0).contains(&across) && (0.0..=1.0).contains(&up);
        is_inside.then(|| {
            [
                self.x[0] + across * (self.x[1] - self.x[0]),
                self.y[0] + up * (self.y[1] - self.y[0]),
            ]
        })
    }
}
