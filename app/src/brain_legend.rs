//! What the colours of a picture of the cortex mean, as SVG.

use std::fmt::Write as _;

use heschl_core::figure::{Axis, escaped};
use heschl_core::scene::{
    CURVATURE_GREYS, Category, ColourScale, ColourScale2d, DOT_SHARE, DOT_SIZE, DOT_STEP,
    FADED_OPACITY, NO_DATA_SHADE,
};

/// Sizes for a picture of 800 points' width.
const BAR_LENGTH: f64 = 220.0;
const BAR_THICKNESS: f64 = 10.0;
const SQUARE: f64 = 110.0;
const LINE: f64 = 20.0;
const SWATCH: f64 = 14.0;
const ENTRY_GAP: f64 = 18.0;
/// Width of a letter as a share of its height, on average.
const LETTER: f64 = 0.56;
const LETTER_POINTS: f64 = 12.0;
/// Colours of at least this opacity count as opaque: some of pycortex's have 254.
const OPAQUE: u8 = 250;

/// The colours of a picture.
#[derive(Default)]
pub(crate) enum Key<'a> {
    /// A colour bar.
    #[default]
    Bar,
    /// The square of two maps; the second runs up.
    Two {
        scale: &'a ColourScale2d<'a>,
        title: &'a str,
    },
    /// Three maps as red, green and blue.
    Rgb {
        titles: [&'a str; 3],
        limits: [[f32; 2]; 3],
    },
    /// Whole numbers.
    Categories(&'a [Category]),
}

/// What a place without a colour of the data looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swatch {
    /// As the cortex.
    Hidden,
    Faded,
    NotANumber,
    NoData,
    NoSignal,
}

/// What is below a picture.
#[derive(Default)]
pub(crate) struct Legend<'a> {
    pub(crate) key: Key<'a>,
    /// Name and limits of the map that decides the opacity.
    pub(crate) opacity: Option<(&'a str, [f32; 2])>,
    /// What places without a colour mean.
    pub(crate) swatches: Vec<(Swatch, String)>,
}

/// Where a legend is drawn, and what it grows with.
pub(crate) struct Place {
    /// Width of the figure, points.
    pub(crate) width: f64,
    pub(crate) top: f64,
    /// Points for each point of a figure of 800.
    pub(crate) unit: f64,
}

impl Legend<'_> {
    /// Its height for a picture of 800 points' width.
    pub(crate) fn height(&self) -> f64 {
        let key = match &self.key {
            Key::Bar | Key::Rgb { .. } => 62.0,
            Key::Two { .. } => SQUARE + 62.0,
            Key::Categories(categories) => 24.0 + LINE * rows(&names(categories)).len() as f64,
        };
        let words: Vec<&str> = self
            .swatches
            .iter()
            .map(|(_, words)| words.as_str())
            .collect();
        key + if self.opacity.is_some() { 56.0 } else { 0.0 } + LINE * rows(&words).len() as f64
    }

    pub(crate) fn svg(&self, text: &mut String, title: &str, scale: &ColourScale, place: &Place) {
        let mut pen = Pen {
            text,
            place,
            y: 0.0,
        };
        match &self.key {
            Key::Bar => pen.bar(title, scale),
            Key::Two { scale, title: up } => pen.square([title, up], scale),
            Key::Rgb { titles, limits } => pen.rgb(*titles, *limits),
            Key::Categories(categories) => {
                pen.words([400.0, 14.0], "middle", title);
                pen.y = 24.0;
                pen.categories(categories);
            }
        }
        if let Some((title, limits)) = self.opacity {
            pen.opacity(title, limits);
        }
        pen.swatches(&self.swatches);
    }
}

fn names(categories: &[Category]) -> Vec<&str> {
    categories.iter().map(|own| own.name.as_str()).collect()
}

/// Width of an entry with its swatch.
fn entry_width(words: &str) -> f64 {
    SWATCH + 6.0 + words.chars().count() as f64 * LETTER * LETTER_POINTS + ENTRY_GAP
}

/// Entries divided into rows that fit, as indices.
fn rows(entries: &[&str]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut used = f64::INFINITY;
    for (index, words) in entries.iter().enumerate() {
        let width = entry_width(words);
        if used + width > 780.0 {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += width;
        if let Some(row) = rows.last_mut() {
            row.push(index);
        }
    }
    rows
}

/// Draws in a legend of 800 points' width.
struct Pen<'t> {
    text: &'t mut String,
    place: &'t Place,
    /// What is used from the top.
    y: f64,
}

impl Pen<'_> {
    fn rect(&mut self, [x, y, width, height]: [f64; 4], fill: &str) {
        let unit = self.place.unit;
        let left = (self.place.width - 800.0 * unit) / 2.0;
        let _ = writeln!(
            self.text,
            "<rect x=\"{:.3}\" y=\"{:.3}\" width=\"{:.3}\" height=\"{:.3}\" {fill} shape-rendering=\"crispEdges\"/>",
            left + x * unit,
            self.place.top + (self.y + y) * unit,
            width * unit,
            height * unit,
        );
    }

    fn words(&mut self, [x, y]: [f64; 2], anchor: &str, words: &str) {
        let unit = self.place.unit;
        let left = (self.place.width - 800.0 * unit) / 2.0;
        let _ = writeln!(
            self.text,
            "<text x=\"{:.3}\" y=\"{:.3}\" text-anchor=\"{anchor}\" fill=\"#222\">{}</text>",
            left + x * unit,
            self.place.top + (self.y + y) * unit,
            escaped(words)
        );
    }

    /// A bar of colours with its numbers and the title above.
    fn strip(
        &mut self,
        [left, length]: [f64; 2],
        title: &str,
        colours: &[String],
        limits: [f32; 2],
    ) {
        let step = length / colours.len() as f64;
        for (at, fill) in colours.iter().enumerate() {
            let x = left + at as f64 * step;
            // Opaque colours are wider than the step, so that no line is left between.
            let is_opaque = !fill.contains("opacity");
            let wide = if is_opaque { 2.0 * step } else { step };
            self.rect([x, 20.0, wide.min(left + length - x), BAR_THICKNESS], fill);
        }
        self.words([left + length / 2.0, 14.0], "middle", title);
        let limits = limits.map(f64::from);
        let span = (limits[1] - limits[0]).abs().max(f64::MIN_POSITIVE);
        for (tick, label) in Axis::over(title, limits).ticks(length, 50.0) {
            let x = left + (tick - limits[0]) / span * length;
            self.words([x, 20.0 + BAR_THICKNESS + 14.0], "middle", &label);
        }
    }

    fn bar(&mut self, title: &str, scale: &ColourScale) {
        let colours: Vec<String> = scale.map.table().into_iter().map(fill).collect();
        self.strip(
            [(800.0 - BAR_LENGTH) / 2.0, BAR_LENGTH],
            title,
            &colours,
            scale.limits,
        );
        self.y += 62.0;
    }

    /// Three bars from black.
    fn rgb(&mut self, titles: [&str; 3], limits: [[f32; 2]; 3]) {
        for channel in 0..3 {
            let colour = |share: u8| {
                let mut rgb = [0; 3];
                rgb[channel] = share;
                fill(rgb)
            };
            let colours: Vec<String> = (0..=u8::MAX).step_by(5).map(colour).collect();
            let left = 40.0 + 250.0 * channel as f64;
            self.strip(
                [left, BAR_LENGTH],
                titles[channel],
                &colours,
                limits[channel],
            );
        }
        self.y += 62.0;
    }

    fn square(&mut self, [across, up]: [&str; 2], scale: &ColourScale2d) {
        let (left, top) = ((800.0 - SQUARE) / 2.0, 14.0);
        let (_, colours) = scale.map.pixels();
        if colours.iter().any(|colour| colour[3] < OPAQUE) {
            self.checks([left, top, SQUARE, SQUARE]);
        }
        // Half of the colours along each side are enough for the eye.
        let n = 64;
        let step = SQUARE / f64::from(n);
        for row in 0..n {
            for column in 0..n {
                let share = |at: i32| (at as f32 + 0.5) / n as f32;
                let [red, green, blue, alpha] = scale.map.colour([share(column), 1.0 - share(row)]);
                let opacity = if alpha < OPAQUE { alpha } else { u8::MAX };
                let fill = with_opacity([red, green, blue], f64::from(opacity) / 255.0);
                let [x, y] = [column, row].map(|at| f64::from(at) * step);
                self.rect([left + x, top + y, step, step], &fill);
            }
        }
        let [of_first, of_second] = scale.limits.map(|limits| limits.map(f64::from));
        let share = |value: f64, limits: [f64; 2]| {
            (value - limits[0]) / (limits[1] - limits[0]).abs().max(f64::MIN_POSITIVE)
        };
        for (tick, label) in Axis::over(across, of_first).ticks(SQUARE, 40.0) {
            let x = left + share(tick, of_first) * SQUARE;
            self.words([x, top + SQUARE + 14.0], "middle", &label);
        }
        for (tick, label) in Axis::over(up, of_second).ticks(SQUARE, 30.0) {
            let y = top + (1.0 - share(tick, of_second)) * SQUARE;
            self.words([left - 6.0, y + 4.0], "end", &label);
        }
        self.words([400.0, top + SQUARE + 32.0], "middle", across);
        self.words(
            [left + SQUARE + 10.0, top + 10.0],
            "start",
            &format!("↑ {up}"),
        );
        self.y += SQUARE + 62.0;
    }

    fn opacity(&mut self, title: &str, limits: [f32; 2]) {
        let left = (800.0 - BAR_LENGTH) / 2.0;
        self.checks([left, 20.0, BAR_LENGTH, BAR_THICKNESS]);
        let share = |at: u32| (f64::from(at) + 0.5) / 40.0;
        let colours: Vec<String> = (0..40).map(|at| with_opacity([0; 3], share(at))).collect();
        let title = format!("opacity: {title}");
        self.strip([left, BAR_LENGTH], &title, &colours, limits);
        self.y += 56.0;
    }

    /// A ground of the two greys of the cortex, which shows opacity.
    fn checks(&mut self, [left, top, width, height]: [f64; 4]) {
        let size = 5.0;
        self.rect([left, top, width, height], &grey(CURVATURE_GREYS[1]));
        let (columns, rows) = (
            (width / size).round() as u32,
            (height / size).round() as u32,
        );
        for row in 0..rows {
            for column in (row % 2..columns).step_by(2) {
                let [x, y] = [column, row].map(|at| f64::from(at) * size);
                self.rect([left + x, top + y, size, size], &grey(CURVATURE_GREYS[0]));
            }
        }
    }

    fn categories(&mut self, categories: &[Category]) {
        self.entries(&names(categories), |pen, index, place| {
            pen.rect(place, &fill(categories[index].colour));
        });
    }

    fn swatches(&mut self, swatches: &[(Swatch, String)]) {
        let words: Vec<&str> = swatches.iter().map(|(_, words)| words.as_str()).collect();
        self.entries(&words, |pen, index, place| {
            pen.swatch(swatches[index].0, place);
        });
    }

    fn entries(&mut self, words: &[&str], draw: impl Fn(&mut Self, usize, [f64; 4])) {
        for row in rows(words) {
            let width: f64 = row.iter().map(|index| entry_width(words[*index])).sum();
            let mut left = 400.0 - (width - ENTRY_GAP) / 2.0;
            for index in row {
                draw(self, index, [left, 0.0, SWATCH, SWATCH]);
                self.words([left + SWATCH + 6.0, SWATCH - 3.0], "start", words[index]);
                left += entry_width(words[index]);
            }
            self.y += LINE;
        }
    }

    fn swatch(&mut self, swatch: Swatch, [left, top, width, height]: [f64; 4]) {
        let shade = if swatch == Swatch::NoData {
            NO_DATA_SHADE
        } else {
            1.0
        };
        let halves = CURVATURE_GREYS.map(|own| grey(shade * own));
        self.rect([left, top, width / 2.0, height], &halves[0]);
        self.rect([left + width / 2.0, top, width / 2.0, height], &halves[1]);
        match swatch {
            Swatch::Hidden | Swatch::NoData => {}
            Swatch::Faded => {
                let faded = with_opacity([180, 60, 40], f64::from(FADED_OPACITY));
                self.rect([left, top, width, height], &faded);
            }
            Swatch::NotANumber => {
                let size = DOT_SIZE as f64 / DOT_STEP as f64 * width;
                let light = with_opacity([255; 3], f64::from(DOT_SHARE));
                for [x, y] in [[0.1, 0.1], [0.6, 0.1], [0.35, 0.6], [0.8, 0.6]] {
                    self.rect([left + x * width, top + y * height, size, size], &light);
                }
            }
            Swatch::NoSignal => {
                for at in 0..4 {
                    let at = f64::from(at) * width / 4.0;
                    let size = width / 8.0;
                    self.rect([left + at, top + at, size, size], "fill=\"#000\"");
                    self.rect(
                        [left + width - at - size, top + at, size, size],
                        "fill=\"#000\"",
                    );
                }
            }
        }
    }
}

fn fill([red, green, blue]: [u8; 3]) -> String {
    format!("fill=\"#{red:02x}{green:02x}{blue:02x}\"")
}

fn with_opacity(rgb: [u8; 3], opacity: f64) -> String {
    let fill = fill(rgb);
    if opacity >= 1.0 {
        fill
    } else {
        format!("{fill} fill-opacity=\"{opacity:.3}\"")
    }
}

fn grey(share: f32) -> String {
    fill([(share * 255.0).round() as u8; 3])
}
