//! From a figure to shapes of a given size.

use super::shapes::{PlotArea, Shape, TextAnchor};
use super::{ColourBar, Figure, Ink, Mark, Panel};

/// Size of tick labels, legends and axis titles: in a figure as wide as a page, and in one as wide as a column.
const SMALL: [f64; 2] = [12.0, 9.5];
/// Narrower figures, in points, are as wide as a column.
const COLUMN: f64 = 420.0;
/// Size of the figure's title.
const LARGE: f64 = 17.0;
/// Width of a letter relative to its size, about.
const LETTER: f64 = 0.56;
/// Space between things.
const GAP: f64 = 6.0;
/// Height of a line of text relative to its size.
const LINE: f64 = 1.5;
/// Room of a colour bar with its labels and title.
const BAR_ROOM: f64 = 84.0;
const BAR_WIDTH: f64 = 12.0;
/// Shortest distance between tick labels upwards.
const ROOM_UP: f64 = 26.0;
/// The opacity of bars and of everything else.
const BAR_OPACITY: f64 = 0.55;

/// A figure's shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Size of small text in points.
    small: f64,
    /// Width and height in points.
    pub size: [f64; 2],
    /// The title, for readers of the file.
    pub title: String,
    /// The shapes, the last on top.
    pub shapes: Vec<Shape>,
    /// Where each panel's data lie.
    pub plots: Vec<PlotArea>,
}

impl Layout {
    /// Lays a figure out with its title.
    #[must_use]
    pub fn of(figure: &Figure, size: [f64; 2]) -> Self {
        let mut layout = Self::empty(figure, size);
        let mut top = GAP;
        let width = size[0] - 5.0 * GAP;
        let small = layout.small;
        for (words, size, ink) in [
            (&figure.title, LARGE, Ink::Text),
            (&figure.subtitle, small, Ink::Weak),
        ] {
            for line in wrapped(words, size, width) {
                layout.text([2.0 * GAP, top + size], TextAnchor::Start, size, ink, &line);
                top += size * LINE;
            }
        }
        layout.panels(figure, [2.0 * GAP, top, width, size[1] - top - GAP]);
        layout
    }

    /// Lays a figure out without its title, to the edges.
    #[must_use]
    pub fn untitled(figure: &Figure, size: [f64; 2]) -> Self {
        let mut layout = Self::empty(figure, size);
        layout.panels(figure, [0.0, GAP, size[0] - 3.0 * GAP, size[1] - GAP]);
        layout
    }

    fn empty(figure: &Figure, size: [f64; 2]) -> Self {
        Self {
            small: SMALL[usize::from(size[0] < COLUMN)],
            size,
            title: figure.title.clone(),
            shapes: Vec::new(),
            plots: Vec::new(),
        }
    }

    fn panels(&mut self, figure: &Figure, [left, top, width, height]: [f64; 4]) {
        // The panels' edges stand below each other, so that one time is at one place in all of them.
        let room = |panel: &Panel| upward_room(panel, height, self.small);
        let before = figure.panels.iter().map(room).fold(0.0, f64::max);
        let has_bar = figure.panels.iter().any(|panel| panel.colour_bar.is_some());
        let behind = if has_bar { BAR_ROOM } else { 0.0 };
        let total: f64 = figure.panels.iter().map(|panel| panel.height).sum();
        let mut at = top;
        for panel in &figure.panels {
            let share = height * panel.height / total.max(f64::MIN_POSITIVE);
            self.panel(panel, [left, at, width, share], [before, behind]);
            at += share;
        }
    }

    fn panel(
        &mut self,
        panel: &Panel,
        [left, top, width, height]: [f64; 4],
        [before, behind]: [f64; 2],
    ) {
        let line = self.small * LINE;
        let legend = self.legend_lines(panel, width - before);
        let above = GAP.max(legend.len() as f64 * line);
        let below = line + if panel.x.title.is_empty() { 0.0 } else { line };
        let mut place = [
            left + before,
            top + above,
            (width - before - behind).max(10.0),
            (height - above - below).max(10.0),
        ];
        if panel.is_square {
            let side = place[2].min(place[3]);
            (place[2], place[3]) = (side, side);
        }
        let area = PlotArea {
            place,
            x: panel.x.range,
            y: panel.y.range,
        };
        self.legend(&legend, [place[0], top + self.small]);
        self.axes(panel, &area, left);
        for mark in &panel.marks {
            self.mark(mark, &area);
        }
        if let Some(bar) = &panel.colour_bar {
            self.colour_bar(bar, &area);
        }
        self.plots.push(area);
    }

    /// The entries of a legend, line by line.
    fn legend_lines(&self, panel: &Panel, width: f64) -> Vec<Vec<(String, Ink)>> {
        let mut lines: Vec<Vec<(String, Ink)>> = Vec::new();
        let mut used = f64::INFINITY;
        for entry in &panel.legend {
            let needed = self.entry_width(&entry.0);
            if used + needed > width {
                lines.push(Vec::new());
                used = 0.0;
            }
            used += needed;
            if let Some(line) = lines.last_mut() {
                line.push(entry.clone());
            }
        }
        lines
    }

    fn entry_width(&self, words: &str) -> f64 {
        14.0 + text_width(words, self.small) + 2.0 * GAP
    }

    fn legend(&mut self, lines: &[Vec<(String, Ink)>], [first, mut baseline]: [f64; 2]) {
        for line in lines {
            let mut left = first;
            for (words, ink) in line {
                self.rect([left, baseline - 9.0, 9.0, 9.0], *ink, 1.0);
                let at = [left + 14.0, baseline];
                self.text(at, TextAnchor::Start, self.small, Ink::Weak, words);
                left += self.entry_width(words);
            }
            baseline += self.small * LINE;
        }
    }

    fn axes(&mut self, panel: &Panel, area: &PlotArea, left_edge: f64) {
        let [left, top, width, height] = area.place;
        let bottom = top + height;
        let small = self.small;
        let (is_grid, names) = (!has_image(panel), across_ticks(panel, width, small));
        for (value, label) in names {
            let x = area.point([value, panel.y.range[0]])[0];
            if is_grid && panel.x.names.is_none() {
                self.line(vec![[x, top], [x, bottom]], Ink::Grid, 1.0);
            }
            let at = [x, bottom + small + 3.0];
            self.text(at, TextAnchor::Middle, small, Ink::Text, &label);
        }
        for (value, label) in panel.y.ticks(height, ROOM_UP) {
            let y = area.point([panel.x.range[0], value])[1];
            if is_grid {
                self.line(vec![[left, y], [left + width, y]], Ink::Grid, 1.0);
            }
            let at = [left - GAP, y + small * 0.35];
            self.text(at, TextAnchor::End, small, Ink::Text, &label);
        }
        let frame = [
            [left, top],
            [left, bottom],
            [left + width, bottom],
            [left + width, top],
            [left, top],
        ];
        self.line(frame.to_vec(), Ink::Grid, 1.0);
        // A title that is longer than its axis stays within the figure.
        let half = text_width(&panel.x.title, small) / 2.0;
        let most = (self.size[0] - half).max(half);
        let middle = (left + width / 2.0).clamp(half, most);
        let below = [middle, bottom + small * (LINE + 1.0) + 2.0];
        self.text(below, TextAnchor::Middle, small, Ink::Text, &panel.x.title);
        if !panel.y.title.is_empty() {
            self.shapes.push(Shape::Text {
                at: [left_edge + small, top + height / 2.0],
                anchor: TextAnchor::Middle,
                size: small,
                ink: Ink::Text,
                is_upright: true,
                words: panel.y.title.clone(),
            });
        }
    }

    fn mark(&mut self, mark: &Mark, area: &PlotArea) {
        match mark {
            Mark::Bars { bars, ink } => {
                for bar in bars {
                    let (low, high) = (area.point([bar[0], bar[2]]), area.point([bar[1], bar[3]]));
                    let width = (high[0] - low[0]).abs();
                    let place = [
                        low[0].min(high[0]) + 0.4,
                        high[1],
                        (width - 0.8).max(0.4),
                        low[1] - high[1],
                    ];
                    if place[3] > 0.0 {
                        self.rect(place, *ink, BAR_OPACITY);
                    }
                }
            }
            Mark::Line { points, ink, width } => {
                for piece in points.split(|point| !point[0].is_finite() || !point[1].is_finite()) {
                    if piece.len() > 1 {
                        let points = piece.iter().map(|point| area.point(*point)).collect();
                        self.line(points, *ink, *width);
                    }
                }
            }
            Mark::Points {
                points,
                radius,
                inks,
            } => self.shapes.push(Shape::Dots {
                points: points.iter().map(|point| area.point(*point)).collect(),
                radius: *radius,
                inks: inks.clone(),
            }),
            Mark::Intervals { intervals, ink } => {
                for [x, low, high] in intervals {
                    let ends = vec![area.point([*x, *low]), area.point([*x, *high])];
                    self.line(ends, *ink, 3.0);
                }
            }
            Mark::Rule { .. } => self.rule(mark, area),
            Mark::Image {
                size,
                pixels,
                extent,
            } => {
                let [left, right, bottom, top] = *extent;
                let (from, to) = (area.point([left, top]), area.point([right, bottom]));
                self.shapes.push(Shape::Image {
                    place: [from[0], from[1], to[0] - from[0], to[1] - from[1]],
                    size: *size,
                    pixels: pixels.clone(),
                });
            }
            Mark::Words {
                at,
                words,
                ink,
                room,
            } => {
                let [x, y] = area.point(*at);
                let room = room.map(|room| area.point([at[0] + room, at[1]])[0] - x);
                if room.is_none_or(|room| text_width(words, self.small) <= room) {
                    let at = [x, y + self.small * 0.35];
                    self.text(at, TextAnchor::Middle, self.small, *ink, words);
                }
            }
        }
    }

    fn rule(&mut self, mark: &Mark, area: &PlotArea) {
        let Mark::Rule {
            at,
            is_upright,
            name,
            ink,
        } = mark
        else {
            return;
        };
        let [left, top, width, height] = area.place;
        let [x, y] = area.point([*at, *at]);
        let ends = if *is_upright {
            vec![[x, top], [x, top + height]]
        } else {
            vec![[left, y], [left + width, y]]
        };
        self.line(ends, *ink, 1.0);
        let Some((words, share, is_left)) = name else {
            return;
        };
        // A name that would leave the figure stands on the other side.
        let width = text_width(words, self.small) + 4.0 + 0.5 * self.small;
        let is_left = (*is_left || x + width > self.size[0]) && x > width;
        let (anchor, beside) = if is_left {
            (TextAnchor::End, -4.0)
        } else {
            (TextAnchor::Start, 4.0)
        };
        let place = [x + beside, top + height * (1.0 - share) + self.small * 0.35];
        self.text(place, anchor, self.small, *ink, words);
    }

    fn colour_bar(&mut self, bar: &ColourBar, area: &PlotArea) {
        let [left, top, width, height] = area.place;
        let left = left + width + 2.0 * GAP;
        self.shapes.push(Shape::Image {
            place: [left, top, BAR_WIDTH, height],
            size: [1, bar.colours.len()],
            pixels: bar.colours.iter().rev().copied().collect(),
        });
        let axis = super::Axis::over("", bar.range);
        let [low, high] = bar.range;
        for (value, label) in axis.ticks(height, ROOM_UP) {
            let y = top + height * (1.0 - (value - low) / (high - low));
            let at = [left + BAR_WIDTH + 4.0, y + self.small * 0.35];
            self.text(at, TextAnchor::Start, self.small, Ink::Text, &label);
        }
        self.shapes.push(Shape::Text {
            at: [left + BAR_ROOM - 3.0 * GAP, top + height / 2.0],
            anchor: TextAnchor::Middle,
            size: self.small,
            ink: Ink::Text,
            is_upright: true,
            words: bar.title.clone(),
        });
    }

    fn rect(&mut self, place: [f64; 4], ink: Ink, opacity: f64) {
        self.shapes.push(Shape::Rect {
            place,
            ink,
            opacity,
        });
    }

    fn line(&mut self, points: Vec<[f64; 2]>, ink: Ink, width: f64) {
        self.shapes.push(Shape::Line { points, ink, width });
    }

    fn text(&mut self, at: [f64; 2], anchor: TextAnchor, size: f64, ink: Ink, words: &str) {
        if !words.is_empty() {
            self.shapes.push(Shape::Text {
                at,
                anchor,
                size,
                ink,
                is_upright: false,
                words: words.into(),
            });
        }
    }
}

fn has_image(panel: &Panel) -> bool {
    let is_image = |mark: &Mark| matches!(mark, Mark::Image { .. });
    panel.marks.iter().any(is_image)
}

/// Ticks across, as many as have room for the longest label.
fn across_ticks(panel: &Panel, width: f64, small: f64) -> super::Names {
    let all = panel.x.ticks(width, 28.0);
    let widths = all.iter().map(|(_, label)| text_width(label, small));
    let room = widths.fold(0.0, f64::max) + GAP;
    let [from, to] = panel.x.range;
    let apart = match all.as_slice() {
        [first, second, ..] => (second.0 - first.0).abs() / (to - from).abs() * width,
        _ => f64::INFINITY,
    };
    if apart >= room {
        return all;
    }
    if panel.x.names.is_some() {
        let every = (room / apart.max(1e-9)).ceil().max(1.0) as usize;
        return all.into_iter().step_by(every).collect();
    }
    panel.x.ticks(width, room)
}

/// Room left of a panel for its tick labels and title.
fn upward_room(panel: &Panel, height: f64, small: f64) -> f64 {
    let labels = panel.y.ticks(height, ROOM_UP);
    let widths = labels.iter().map(|(_, label)| text_width(label, small));
    let title = if panel.y.title.is_empty() {
        0.0
    } else {
        small * LINE + 2.0
    };
    widths.fold(0.0, f64::max) + GAP + title
}

/// Words in lines of a width.
fn wrapped(words: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

fn text_width(words: &str, size: f64) -> f64 {
    words.chars().count() as f64 * size * LETTER
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    fn layout(panel: Panel) -> Layout {
        Layout::of(&Figure::of("f", "A figure", panel), [600.0, 400.0])
    }

    fn unit_panel() -> Panel {
        Panel::new(Axis::over("x", [0.0, 1.0]), Axis::over("y", [0.0, 2.0]))
    }

    #[test]
    fn values_and_points_are_each_others_inverse() {
        let area = layout(unit_panel()).plots[0];
        for value in [[0.0, 0.0], [0.25, 1.5], [1.0, 2.0]] {
            let back = area.value(area.point(value)).unwrap();
            assert!((back[0] - value[0]).abs() < 1e-9 && (back[1] - value[1]).abs() < 1e-9);
        }
        assert_eq!(area.value([0.0, 0.0]), None);
    }

    #[test]
    fn all_shapes_lie_within_the_figure() {
        let mut panel = unit_panel();
        panel.legend = vec![
            ("measured".into(), Ink::Weak),
            ("predicted".into(), Ink::Accent),
        ];
        panel.marks = vec![
            Mark::Bars {
                bars: vec![[0.0, 0.5, 0.0, 2.0]],
                ink: Ink::Accent,
            },
            Mark::line(vec![[0.0, 0.0], [0.5, f64::NAN], [1.0, 2.0]], Ink::Weak),
        ];
        panel.colour_bar = Some(ColourBar {
            title: "r".into(),
            range: [0.0, 1.0],
            colours: vec![[0, 0, 0], [255, 255, 255]],
        });
        let laid = layout(panel);
        let inside = |[x, y]: [f64; 2]| {
            (0.0..=laid.size[0]).contains(&x) && (0.0..=laid.size[1]).contains(&y)
        };
        for shape in &laid.shapes {
            let is_inside = match shape {
                Shape::Rect { place: p, .. } | Shape::Image { place: p, .. } => {
                    inside([p[0], p[1]]) && inside([p[0] + p[2], p[1] + p[3]])
                }
                Shape::Line { points, .. } | Shape::Dots { points, .. } => {
                    points.iter().all(|point| inside(*point))
                }
                Shape::Text { at, .. } => inside(*at),
            };
            assert!(is_inside, "{shape:?}");
        }
    }

    #[test]
    fn a_square_panel_is_square_and_a_gap_in_a_line_is_no_line() {
        let mut panel = unit_panel();
        panel.is_square = true;
        panel.marks = vec![Mark::line(
            vec![
                [0.0, 0.0],
                [0.2, 0.1],
                [0.5, f64::NAN],
                [0.8, 0.1],
                [1.0, 0.2],
            ],
            Ink::Accent,
        )];
        let laid = layout(panel);
        let [_, _, width, height] = laid.plots[0].place;
        assert!((width - height).abs() < 1e-9);
        let is_data = |shape: &&Shape| {
            matches!(
                shape,
                Shape::Line {
                    ink: Ink::Accent,
                    ..
                }
            )
        };
        assert_eq!(laid.shapes.iter().filter(is_data).count(), 2);
    }

    #[test]
    fn panels_stand_below_each_other_with_the_same_edges() {
        let mut figure = Figure::of("f", "", unit_panel());
        let wide = Panel::new(Axis::over("x", [0.0, 1.0]), Axis::over("y", [0.0, 1e6]));
        figure.panels.push(wide);
        // Also beside a colour bar.
        figure.panels[0].colour_bar = Some(ColourBar {
            colours: vec![[0; 3]; 4],
            range: [0.0, 1.0],
            title: "z".into(),
        });
        let laid = Layout::untitled(&figure, [500.0, 400.0]);
        let [first, second] = [laid.plots[0].place, laid.plots[1].place];
        assert!((first[0] - second[0]).abs() < 1e-9 && (first[2] - second[2]).abs() < 1e-9);
        assert!(first[1] + first[3] < second[1]);
    }
}
