//! The demo's figure: every layer of a recording over time.

use std::path::Path;

use heschl_core::figure::{Axis, ColourBar, Figure, Layout, Mark, Names, Panel, Table, svg};
use ndarray::{Array2, ArrayView1, Axis as Along};

use crate::render;

/// Width in points of 1/96 inch, and height of each layer's panel.
const WIDTH: f64 = 860.0;
const PANEL_HEIGHT: f64 = 92.0;
/// Room for the title and the time axis.
const BESIDES: f64 = 96.0;
/// Pixels per inch.
const DPI: u32 = 144;
/// Columns and rows of an image at the most.
const MOST_PIXELS: [usize; 2] = [1200, 96];
/// Values beyond so many standard deviations of their feature get the last colour.
const MOST_DEVIATIONS: f32 = 2.5;
/// Colours of the colour bar.
const BAR_COLOURS: usize = 64;

/// Colours from low to high: blue, grey, orange, which colour-blind people can tell apart.
const LOW: [f32; 3] = [33.0, 102.0, 172.0];
const MIDDLE: [f32; 3] = [235.0, 235.0, 235.0];
const HIGH: [f32; 3] = [230.0, 97.0, 1.0];

/// A panel for each layer: time to the right, dimensions downwards, each dimension z-scored over the recording.
///
/// * `layers`: name and `(time, dim)` of each; `end_secs`: when the last window ends.
#[must_use]
pub(crate) fn of_layers(title: &str, layers: &[(String, Array2<f32>)], end_secs: f64) -> Figure {
    let panels = layers.iter().enumerate().map(|(at, (name, layer))| {
        let is_last = at + 1 == layers.len();
        panel(name, layer, end_secs, is_last)
    });
    Figure {
        name: "features".into(),
        title: title.into(),
        subtitle: "Hidden states over time; each dimension is z-scored over the recording.".into(),
        panels: panels.collect(),
        table: Table::default(),
    }
}

fn panel(name: &str, layer: &Array2<f32>, end_secs: f64, is_last: bool) -> Panel {
    let scored = z_scored(layer);
    let size = [
        scored.nrows().clamp(1, MOST_PIXELS[0]),
        scored.ncols().clamp(1, MOST_PIXELS[1]),
    ];
    let mut pixels = Vec::with_capacity(size[0] * size[1]);
    for y in 0..size[1] {
        for x in 0..size[0] {
            let feature = bin(y, size[1], scored.ncols());
            let rows = bin(x, size[0], scored.nrows());
            let cell = scored.slice(ndarray::s![rows, feature]);
            pixels.push(colour(cell.mean().unwrap_or(0.0)));
        }
    }
    let time = [0.0, end_secs.max(1e-3)];
    let x = if is_last {
        Axis::over("time in the recording (s)", time)
    } else {
        Axis::named("", time, Names::new())
    };
    let mut panel = Panel::new(x, Axis::named(name, [1.0, 0.0], Names::new()));
    panel.marks.push(Mark::Image {
        size,
        pixels,
        extent: [time[0], time[1], 1.0, 0.0],
    });
    let most = f64::from(MOST_DEVIATIONS);
    let shade = |step: usize| {
        let share = step as f32 / (BAR_COLOURS - 1) as f32;
        colour((2.0 * share - 1.0) * MOST_DEVIATIONS)
    };
    panel.colour_bar = Some(ColourBar {
        title: "z".into(),
        range: [-most, most],
        colours: (0..BAR_COLOURS).map(shade).collect(),
    });
    panel
}

/// The figure as PNG, with the recipe embedded.
///
/// # Errors
/// A sentence if it cannot be drawn.
pub(crate) fn png(figure: &Figure, recipe: &str) -> Result<Vec<u8>, String> {
    let height = figure.panels.len() as f64 * PANEL_HEIGHT + BESIDES;
    let layout = Layout::of(figure, [WIDTH, height]);
    render::png(&svg(&layout, recipe), recipe, DPI)
}

/// Saves a figure as PNG, whole or not at all.
///
/// # Errors
/// A sentence if it cannot be drawn or written.
pub(crate) fn save(figure: &Figure, recipe: &str, path: &Path) -> Result<(), String> {
    let png = png(figure, recipe)?;
    heschl_core::run::store::atomic::write(path, &png).map_err(|error| error.to_string())
}

/// The range of `n` items that pixel `at` of `size` shows; never empty.
fn bin(at: usize, size: usize, n: usize) -> std::ops::Range<usize> {
    let edge = |at: usize| at * n / size;
    let first = edge(at).min(n.saturating_sub(1));
    first..edge(at + 1).clamp(first + 1, n.max(first + 1))
}

fn z_scored(layer: &Array2<f32>) -> Array2<f32> {
    let mut scored = layer.clone();
    for mut column in scored.axis_iter_mut(Along(1)) {
        let (mean, deviation) = mean_and_deviation(column.view());
        column.mapv_inplace(|value| (value - mean) / deviation);
    }
    scored
}

fn mean_and_deviation(column: ArrayView1<f32>) -> (f32, f32) {
    let mean = column.mean().unwrap_or(0.0);
    let deviation = column.std(0.0);
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

fn colour(deviations: f32) -> [u8; 3] {
    let t = (deviations / MOST_DEVIATIONS).clamp(-1.0, 1.0);
    let end = if t < 0.0 { LOW } else { HIGH };
    std::array::from_fn(|i| (MIDDLE[i] + (end[i] - MIDDLE[i]) * t.abs()) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_cover_everything_once_or_repeat_what_is_few() {
        for n in [1, 7, 96, 1200, 5000] {
            let size = 1200;
            assert_eq!(bin(0, size, n).start, 0);
            assert_eq!(bin(size - 1, size, n).end, n);
            assert!((1..size).all(|x| bin(x, size, n).start <= bin(x - 1, size, n).end));
        }
    }

    #[test]
    fn colours_tell_low_from_high_and_constant_features_are_grey() {
        let rising = Array2::from_shape_fn(
            (100, 2),
            |(t, feature)| if feature == 0 { t as f32 } else { 3.0 },
        );
        let figure = of_layers("a", &[("layer 0".into(), rising)], 10.0);
        let Mark::Image { size, pixels, .. } = &figure.panels[0].marks[0] else {
            panic!("no image");
        };
        assert_eq!(*size, [100, 2]);
        let (left, right) = (pixels[0], pixels[99]);
        assert!(
            left[2] > left[0] && right[0] > right[2],
            "{left:?} {right:?}"
        );
        assert_eq!(pixels[150], [235, 235, 235]);
        let png = png(&figure, "model = \"a\"").unwrap();
        assert!(image::load_from_memory(&png).unwrap().width() > 1200);
    }
}
