//! Figures as plain data: axes, marks, legends and colour bars, laid out by one engine for the window, SVG, PDF and PNG.
//!
//! A [`Figure`] says what is shown; [`Layout::of`] turns it into shapes of a given size; [`svg()`] writes the shapes, and the
//! window paints them.
//!
//! ```
//! use heschl_core::figure::{Axis, Figure, Ink, Layout, Mark, Panel, svg};
//!
//! let mut panel = Panel::new(Axis::over("time (s)", [0.0, 2.0]), Axis::over("response", [-1.0, 1.0]));
//! panel.marks.push(Mark::line(vec![[0.0, -0.5], [1.0, 0.7], [2.0, 0.1]], Ink::Accent));
//! let figure = Figure::of("voxel-7", "Voxel 7", panel);
//! let text = svg(&Layout::of(&figure, [640.0, 400.0]), "recipe = \"…\"");
//! assert!(text.contains("time (s)"));
//! ```

mod axis;
mod layout;
mod shapes;
mod svg;

pub use axis::{Axis, Names, range, step, step_of, tick_label, ticks};
pub use layout::Layout;
pub use shapes::{PlotArea, Shape, TextAnchor};
pub use svg::{escaped, svg, svg_in_page};

/// A colour, by its role where the theme decides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ink {
    /// Text and axes.
    Text,
    /// Secondary text and reference data.
    Weak,
    /// Grid lines.
    Grid,
    /// The data that the figure is about.
    Accent,
    /// What it is compared with.
    Amber,
    /// A data colour.
    Rgb([u8; 3]),
}

/// A figure: panels from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its file, without a suffix.
    pub name: String,
    /// Title above the panels.
    pub title: String,
    /// What is shown, in a line below the title.
    pub subtitle: String,
    /// The panels.
    pub panels: Vec<Panel>,
    /// The numbers behind it, for a table.
    pub table: Table,
}

impl Figure {
    /// A figure of one panel, without a table.
    #[must_use]
    pub fn of(name: &str, title: &str, panel: Panel) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            subtitle: String::new(),
            panels: vec![panel],
            table: Table::default(),
        }
    }
}

/// Axes and what is drawn between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the last on top.
    pub marks: Vec<Mark>,
    /// What colours mean.
    pub legend: Vec<(String, Ink)>,
    /// What the colours of an image mean.
    pub colour_bar: Option<ColourBar>,
    /// Whether both axes have the same length.
    pub is_square: bool,
    /// Height relative to the other panels.
    pub height: f64,
}

impl Panel {
    /// An empty panel.
    #[must_use]
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            marks: Vec::new(),
            legend: Vec::new(),
            colour_bar: None,
            is_square: false,
            height: 1.0,
        }
    }
}

/// Something drawn in a panel, in the units of its axes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Bars: `[left, right, bottom, top]` each.
    Bars {
        /// Edges of each bar.
        bars: Vec<[f64; 4]>,
        /// Their colour.
        ink: Ink,
    },
    /// A line through points; a point that is not finite interrupts it.
    Line {
        /// `[x, y]` each.
        points: Vec<[f64; 2]>,
        /// Its colour.
        ink: Ink,
        /// Its width in points.
        width: f64,
    },
    /// Dots.
    Points {
        /// `[x, y]` each.
        points: Vec<[f64; 2]>,
        /// Radius in points.
        radius: f64,
        /// Colour of all, or of each.
        inks: Vec<Ink>,
    },
    /// Vertical intervals: `[x, low, high]` each.
    Intervals {
        /// Position and ends of each.
        intervals: Vec<[f64; 3]>,
        /// Their colour.
        ink: Ink,
    },
    /// A line across the panel at one value of an axis.
    Rule {
        /// The value.
        at: f64,
        /// Whether it stands at a value of x.
        is_upright: bool,
        /// Its name, the share of the panel's height at which it stands, and whether it stands to the left.
        name: Option<(String, f64, bool)>,
        /// Its colour.
        ink: Ink,
    },
    /// Pixels, row by row from the top.
    Image {
        /// `(width, height)`.
        size: [usize; 2],
        /// `width × height` colours.
        pixels: Vec<[u8; 3]>,
        /// `[left, right, bottom, top]` in the units of the axes.
        extent: [f64; 4],
    },
    /// Words centred at a point.
    Words {
        /// `[x, y]`.
        at: [f64; 2],
        /// The words.
        words: String,
        /// Their colour.
        ink: Ink,
        /// Their width at the most, in units of x; wider words are left out.
        room: Option<f64>,
    },
}

impl Mark {
    /// A line of the usual width.
    #[must_use]
    pub fn line(points: Vec<[f64; 2]>, ink: Ink) -> Self {
        Self::Line {
            points,
            ink,
            width: 1.5,
        }
    }

    /// A thin line at a value of x.
    #[must_use]
    pub fn at_x(at: f64, ink: Ink) -> Self {
        Self::Rule {
            at,
            is_upright: true,
            name: None,
            ink,
        }
    }

    /// A thin line at a value of y.
    #[must_use]
    pub fn at_y(at: f64, ink: Ink) -> Self {
        Self::Rule {
            at,
            is_upright: false,
            name: None,
            ink,
        }
    }
}

/// What the colours of an image mean.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourBar {
    /// Title with the unit.
    pub title: String,
    /// Values of the first and the last colour.
    pub range: [f64; 2],
    /// Colours from low to high.
    pub colours: Vec<[u8; 3]>,
}

/// Columns of numbers under names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Name of each column, with its unit.
    pub names: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number; NaN is left empty.
    Number(f64),
    /// Words.
    Words(String),
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Self::Number(value as f64)
    }
}

impl From<&str> for Cell {
    fn from(words: &str) -> Self {
        Self::Words(words.into())
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).into()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }
}
