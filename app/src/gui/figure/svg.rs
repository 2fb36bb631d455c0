//! A figure in shapes, light as paper.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use eframe::egui::Color32;
use heschl_core::display::heat_map::{Shading, Stretch};
use heschl_core::display::library::Layer;

use super::Figure;
use crate::gui::colours;
use crate::gui::features::{Analysis, Beside, LayerInfo, View};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
/// Left, top, right and lower edge of what is plotted.
const PLOT: [f64; 4] = [76.0, 64.0, 870.0, 510.0];
const INK: &str = "#1a2024";
const WEAK: &str = "#5a656c";

/// The figure, the recipe in its metadata.
pub(super) fn of(figure: &Figure) -> Result<String, String> {
    let mut svg = Svg::new(figure);
    match figure.selection.view {
        View::HeatMap => heat_map(&mut svg, figure)?,
        _ => match figure.analysis()? {
            Analysis::Layers { layers, cka, .. } => layers_square(&mut svg, layers, cka),
            Analysis::OverTime { rows, correlation } => {
                over_time(&mut svg, figure.layer()?, rows.len(), correlation)?;
            }
            Analysis::Plane { plane, .. } => points(&mut svg, plane),
            Analysis::Compare { beside } => table(&mut svg, beside),
        },
    }
    Ok(svg.finish())
}

struct Svg {
    text: String,
}

impl Svg {
    fn new(figure: &Figure) -> Self {
        let selection = &figure.selection;
        let story = selection.story.as_deref().unwrap_or_default();
        let layer = selection
            .layer
            .as_ref()
            .map(Layer::title)
            .unwrap_or_default();
        let model = figure
            .library
            .folder()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let title = match selection.view {
            View::HeatMap | View::OverTime | View::Plane => {
                format!("{story} · {model}, layer {layer}")
            }
            View::Layers | View::Compare => format!("{story} · {model}"),
        };
        let words = match selection.view {
            View::HeatMap => "activity: time to the right, dimensions downwards",
            View::Layers => "linear CKA between layers",
            View::OverTime => "correlation between instants",
            View::Plane => "two largest principal components, coloured by time",
            View::Compare => "beside another folder",
        };
        let mut svg = Self {
            text: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{WIDTH}\" \
                 height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"Inter, {}, sans-serif\">\n<title>{}</title>\n\
                 <metadata>{}</metadata>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                super::save::FAMILY,
                escaped(&title),
                escaped(&figure.recipe()),
            ),
        };
        svg.words([PLOT[0], 30.0], "start", 18.0, INK, &title);
        svg.words([PLOT[0], 50.0], "start", 12.0, WEAK, words);
        svg
    }

    fn words(&mut self, [x, y]: [f64; 2], anchor: &str, size: f64, color: &str, words: &str) {
        let words = escaped(words);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{color}\">{words}</text>"
        );
    }

    fn line(&mut self, from: [f64; 2], to: [f64; 2], color: &str) {
        let ([x1, y1], [x2, y2]) = (from, to);
        let _ = writeln!(
            self.text,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"/>"
        );
    }

    fn cell(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], color: Color32) {
        let color = hex(color);
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{color}\"/>"
        );
    }

    /// Pixels, stretched over a rectangle of left, top, right and lower edge.
    fn image(
        &mut self,
        [left, top, right, bottom]: [f64; 4],
        [width, height]: [usize; 2],
        pixels: &[Color32],
    ) -> Result<(), String> {
        let bytes = pixels
            .iter()
            .flat_map(|color| [color.r(), color.g(), color.b()])
            .collect();
        let image = image::RgbImage::from_raw(width as u32, height as u32, bytes)
            .ok_or("The picture has no pixels.")?;
        let mut png = std::io::Cursor::new(vec![]);
        image
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|error| error.to_string())?;
        let data = BASE64_STANDARD.encode(png.get_ref());
        let (w, h) = (right - left, bottom - top);
        let _ = writeln!(
            self.text,
            "<image x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{data}\"/>"
        );
        Ok(())
    }

    /// Ticks of time below a plot.
    fn time_axis(&mut self, [left, _, right, bottom]: [f64; 4], [from, to]: [f64; 2]) {
        let n_ticks = 6;
        for tick in 0..=n_ticks {
            let share = f64::from(tick) / f64::from(n_ticks);
            let x = left + share * (right - left);
            self.line([x, bottom], [x, bottom + 4.0], WEAK);
            self.words(
                [x, bottom + 18.0],
                "middle",
                12.0,
                WEAK,
                &format!("{:.1}", from + share * (to - from)),
            );
        }
        self.words(
            [f64::midpoint(left, right), bottom + 36.0],
            "middle",
            12.0,
            WEAK,
            "time in the story, s",
        );
    }

    /// What colours mean, at the upper right.
    fn legend(&mut self, [low, high]: [f64; 2], color: impl Fn(f32) -> Color32) {
        let (left, top, width) = (PLOT[2] - 220.0, 40.0, 120.0);
        for step in 0..60 {
            let share = f64::from(step) / 60.0;
            self.cell(
                [left + share * width, top],
                [width / 60.0 + 0.3, 10.0],
                color(share as f32),
            );
        }
        self.words(
            [left - 6.0, top + 9.0],
            "end",
            12.0,
            WEAK,
            &format!("{low:.3}"),
        );
        self.words(
            [left + width + 6.0, top + 9.0],
            "start",
            12.0,
            WEAK,
            &format!("{high:.3}"),
        );
    }

    fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn hex(color: Color32) -> String {
    format!("#{:02x}{:02x}{:02x}", color.r(), color.g(), color.b())
}

fn heat_map(svg: &mut Svg, figure: &Figure) -> Result<(), String> {
    let layer = figure.layer()?;
    let shading = figure.selection.shading;
    let color = match shading {
        Shading::Values => colours::sequential,
        Shading::PerDimension => colours::diverging,
    };
    let shown = figure.shown_secs(layer);
    let rows = shown.map(|secs| layer.row_at(secs));
    let n_dims = layer.statistics.n_dims;
    let size = [
        1588.min((rows[1] - rows[0]).ceil().max(1.0) as usize),
        n_dims.clamp(1, 800),
    ];
    let stretch = Stretch {
        rows,
        dims: [0.0, n_dims as f64],
    };
    let pixels: Vec<Color32> = layer
        .map
        .cells(stretch, size, shading)
        .into_iter()
        .map(color)
        .collect();
    let [left, top, right, bottom] = PLOT;
    let map = [left, top, right, bottom - 120.0];
    svg.image(map, size, &pixels)?;
    svg.legend(layer.map.range(shading).map(f64::from), color);
    svg.words([left - 8.0, top + 10.0], "end", 12.0, WEAK, "0");
    svg.words(
        [left - 8.0, map[3]],
        "end",
        12.0,
        WEAK,
        &n_dims.saturating_sub(1).to_string(),
    );
    dimension(
        svg,
        layer,
        figure.selection.dim,
        rows,
        [left, map[3] + 16.0, right, bottom],
    );
    svg.time_axis(PLOT, shown);
    Ok(())
}

/// One dimension as a line.
fn dimension(
    svg: &mut Svg,
    layer: &LayerInfo,
    dim: usize,
    rows: [f64; 2],
    [left, top, right, bottom]: [f64; 4],
) {
    let n_columns = 794;
    let values = layer.map.line(dim, rows, n_columns);
    let finite = values.iter().flatten().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(*value), high.max(*value))
    });
    if low > high {
        return;
    }
    let spread = f64::from((high - low).max(f32::MIN_POSITIVE));
    let y = |value: f32| bottom - f64::from(value - low) / spread * (bottom - top);
    let mut path = String::new();
    for (at, [least, most]) in values.iter().enumerate() {
        if least.is_finite() && most.is_finite() {
            let x = left + (at as f64 + 0.5) / n_columns as f64 * (right - left);
            let start = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(
                path,
                "{start}{x:.1} {:.1}L{x:.1} {:.1}",
                y(*most),
                y(*least)
            );
        }
    }
    let _ = writeln!(
        svg.text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#0b766d\" stroke-width=\"0.8\"/>"
    );
    svg.words(
        [left - 8.0, top + 8.0],
        "end",
        12.0,
        WEAK,
        &format!("{high:.3}"),
    );
    svg.words(
        [left - 8.0, bottom],
        "end",
        12.0,
        WEAK,
        &format!("{low:.3}"),
    );
    svg.words(
        [left - 8.0, f64::midpoint(top, bottom) + 4.0],
        "end",
        12.0,
        INK,
        &format!("dim {dim}"),
    );
}

fn layers_square(svg: &mut Svg, layers: &[Layer], cka: &[f64]) {
    let side = PLOT[3] - PLOT[1];
    let n = layers.len().max(1);
    let cell = side / n as f64;
    for (down, layer) in layers.iter().enumerate() {
        for across in 0..n {
            let value = cka[down * n + across];
            let at = [PLOT[0] + across as f64 * cell, PLOT[1] + down as f64 * cell];
            svg.cell(
                at,
                [cell + 0.2, cell + 0.2],
                colours::sequential(value as f32),
            );
            if cell > 32.0 {
                let ink = if value > 0.6 { "black" } else { "white" };
                svg.words(
                    [at[0] + cell / 2.0, at[1] + cell / 2.0 + 4.0],
                    "middle",
                    12.0,
                    ink,
                    &format!("{value:.2}"),
                );
            }
        }
        let middle = (down as f64 + 0.5) * cell;
        svg.words(
            [PLOT[0] - 8.0, PLOT[1] + middle + 4.0],
            "end",
            12.0,
            WEAK,
            &layer.title(),
        );
        svg.words(
            [PLOT[0] + middle, PLOT[3] + 18.0],
            "middle",
            12.0,
            WEAK,
            &layer.title(),
        );
    }
    svg.legend([0.0, 1.0], colours::sequential);
}

fn over_time(
    svg: &mut Svg,
    layer: &LayerInfo,
    n: usize,
    correlation: &[f64],
) -> Result<(), String> {
    let pixels: Vec<Color32> = correlation
        .iter()
        .map(|value| colours::diverging(f32::midpoint(*value as f32, 1.0)))
        .collect();
    let place = [PLOT[0], PLOT[1], PLOT[0] + PLOT[3] - PLOT[1], PLOT[3]];
    svg.image(place, [n, n], &pixels)?;
    svg.legend([-1.0, 1.0], colours::diverging);
    svg.time_axis(place, [0.0, layer.end_secs()]);
    Ok(())
}

fn points(svg: &mut Svg, plane: &heschl_core::display::similarity::Plane) {
    let all = || plane.points.iter();
    let reach = |axis: usize| all().map(|point| point[axis].abs()).fold(1e-12, f64::max);
    // One scale for both axes, so that the shape is true.
    let [left, top, right, bottom] = PLOT;
    let scale = ((right - left) / 2.0 / reach(0)).min((bottom - top) / 2.0 / reach(1)) * 0.95;
    let (middle_x, middle_y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    svg.line([left, middle_y], [right, middle_y], "#e2e5e6");
    svg.line([middle_x, top], [middle_x, bottom], "#e2e5e6");
    let n = plane.points.len().max(2);
    for (at, [x, y]) in all().enumerate() {
        let color = hex(colours::sequential(at as f32 / (n - 1) as f32));
        let (x, y) = (middle_x + x * scale, middle_y - y * scale);
        let _ = writeln!(
            svg.text,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{color}\"/>"
        );
    }
    let [first, second] = plane.shares.map(|share| share * 100.0);
    svg.words(
        [middle_x, bottom + 30.0],
        "middle",
        12.0,
        WEAK,
        &format!(
            "first component, {first:.1} % of the variance; upwards the second, {second:.1} %"
        ),
    );
}

fn table(svg: &mut Svg, beside: &[Beside]) {
    let columns = [PLOT[0], PLOT[0] + 90.0, PLOT[0] + 280.0, PLOT[0] + 470.0];
    let heads = [
        "layer",
        "largest difference",
        "of the largest value",
        "correlation",
    ];
    for (x, head) in columns.iter().zip(heads) {
        svg.words([*x, PLOT[1] + 12.0], "start", 12.0, WEAK, head);
    }
    let step = ((PLOT[3] - PLOT[1] - 24.0) / beside.len().max(1) as f64).min(22.0);
    for (at, Beside { layer, difference }) in beside.iter().enumerate() {
        let y = PLOT[1] + 36.0 + at as f64 * step;
        let size = step.min(14.0) * 0.9;
        let mut words =
            |column: usize, words: &str| svg.words([columns[column], y], "start", size, INK, words);
        words(0, &layer.title());
        match difference {
            Ok(found) => {
                words(1, &format!("{:.3e}", found.largest));
                words(
                    2,
                    &format!(
                        "{:.1e}",
                        found.largest / found.largest_value.max(f64::MIN_POSITIVE)
                    ),
                );
                words(3, &format!("{:.9}", found.correlation));
            }
            Err(sentence) => words(1, sentence.lines().next().unwrap_or_default()),
        }
    }
}
