//! What all charts share: ticks at round numbers, ranges from the data, units, words in place of cross hairs.

use eframe::egui;
use egui_plot::{
    AxisHints, GridInput, GridMark, HoverPosition, Plot, PlotBounds, PlotPoint, Text, VLine,
};

use crate::gui::theme::Palette;
use crate::gui::widgets::plain;

/// One axis: its title with the unit, and the range that is shown.
pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    pub(super) range: [f64; 2],
}

/// Points that the numbers and the title of the axis that goes up take.
const NUMBERS: f32 = 52.0;
/// Ticks that an axis has, about.
const N_TICKS: f64 = 6.0;

/// A chart without anything in it yet; `says`: what is said of the place under the pointer.
pub(super) fn chart<'a>(
    id: &str,
    x: &Axis,
    y: &Axis,
    palette: &Palette,
    says: impl Fn(PlotPoint) -> Option<String> + 'a,
) -> Plot<'a> {
    let [x_step, y_step] = [step(x.range), step(y.range)];
    // Numbers are seen where they have room, and no further apart.
    let x_axis = AxisHints::new_x()
        .label(x.title.to_owned())
        .label_spacing(egui::Rangef::new(28.0, 40.0));
    Plot::new(id.to_owned())
        .custom_x_axes(vec![x_axis])
        .y_axis_label(y.title.to_owned())
        .y_axis_min_width(NUMBERS)
        .grid_color(palette.hairline)
        .show_crosshair(false)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .set_margin_fraction(egui::Vec2::ZERO)
        .auto_bounds(false)
        .default_x_bounds(x.range[0], x.range[1])
        .default_y_bounds(y.range[0], y.range[1])
        .x_grid_spacer(move |input| marks(&input, x_step))
        .y_grid_spacer(move |input| marks(&input, y_step))
        .x_axis_formatter(|mark, _| plain(mark.value))
        .y_axis_formatter(|mark, _| plain(mark.value))
        .label_formatter(move |hovered| match hovered {
            HoverPosition::NearDataPoint { position, .. }
            | HoverPosition::Elsewhere { position } => says(*position),
        })
}

fn marks(input: &GridInput, step_size: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    ticks([low, high], step_size)
        .into_iter()
        .map(|value| GridMark { value, step_size })
        .collect()
}

/// Multiples of a step within a range.
pub(super) fn ticks([low, high]: [f64; 2], step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    // What is no number, or has no end, has no ticks.
    if !(last - first).is_finite() || last - first > 1000.0 {
        return vec![];
    }
    let n_steps = (last - first).max(-1.0) as i64;
    (0..=n_steps)
        .map(|at| (first + at as f64) * step)
        // Nought has no sign.
        .map(|tick| tick + 0.0)
        .collect()
}

/// A step of 1, 2 or 5 times a power of ten that gives a range about six ticks.
pub(super) fn step(range: [f64; 2]) -> f64 {
    step_of(range, N_TICKS)
}

/// A step of 1, 2 or 5 times a power of ten that gives a range so many ticks at the most.
pub(super) fn step_of([low, high]: [f64; 2], n_ticks: f64) -> f64 {
    let rough = ((high - low) / n_ticks.max(1.0)).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= rough * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The range of some values, widened to whole steps; `least`: what it holds at least.
pub(super) fn range(values: impl Iterator<Item = f64>, [low, high]: [f64; 2]) -> [f64; 2] {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((low, high), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let high = if high > low { high } else { low + 1.0 };
    let step = step([low, high]);
    [
        (low / step + 1e-9).floor() * step,
        (high / step - 1e-9).ceil() * step,
    ]
}

/// Keeps a chart at its ranges, whatever it showed before.
pub(super) fn fix(plot: &mut egui_plot::PlotUi, x: &Axis, y: &Axis) {
    let bounds = [[x.range[0], y.range[0]], [x.range[1], y.range[1]]];
    plot.set_plot_bounds(PlotBounds::from_min_max(bounds[0], bounds[1]));
}

/// On which side of its line a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A line across the chart with its name beside it, at a share of the height.
pub(super) fn marked_line(
    plot: &mut egui_plot::PlotUi,
    (at, words): (f64, String),
    y: &Axis,
    (height, side, color): (f64, Side, egui::Color32),
) {
    plot.vline(
        VLine::new(words.clone(), at)
            .color(color)
            .allow_hover(false),
    );
    let [low, high] = y.range;
    let place = PlotPoint::new(at, low + (high - low) * height);
    let anchor = match side {
        Side::Left => egui::Align2::RIGHT_CENTER,
        Side::Right => egui::Align2::LEFT_CENTER,
    };
    let text = egui::RichText::new(format!(" {words} "))
        .color(color)
        .size(12.0);
    plot.text(
        Text::new(words, place, text)
            .anchor(anchor)
            .allow_hover(false),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_round_numbers_within_the_range() {
        for (range, expected) in [
            ([0.0, 0.3], &[0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3][..]),
            ([-0.1, 0.5], &[-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
            (
                [0.0, 1_200.0],
                &[0.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0],
            ),
        ] {
            let found = ticks(range, step(range));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(
                found
                    .iter()
                    .all(|tick| *tick != 0.0 || tick.is_sign_positive())
            );
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9);
            }
        }
        for endless in [[0.0, f64::INFINITY], [f64::NAN, 1.0]] {
            assert!(ticks(endless, step(endless)).is_empty());
        }
    }

    #[test]
    fn a_range_is_that_of_the_data_in_whole_steps() {
        let found = range([0.013, 0.171, f64::NAN].into_iter(), [0.0, 0.0]);
        assert!(
            (found[0]).abs() < 1e-12 && (found[1] - 0.2).abs() < 1e-9,
            "{found:?}"
        );
        let found = range([-0.21, 0.4].into_iter(), [0.0, 0.0]);
        assert!(found[0] <= -0.21 && found[1] >= 0.4, "{found:?}");
        // Nothing is no reason to divide by it.
        let found = range(std::iter::empty(), [0.0, 0.0]);
        assert!(found[1] > found[0]);
    }
}
