//! What one voxel did in the test, drawn, and how well it is predicted from each layer.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Rect, Sense, pos2, vec2};
use egui_plot::{HLine, Line, PlotPoints, Points};
use heschl_core::encoding::ExampleSeries;

use super::plots::{legend, short_names};
use crate::gui::actions::Actions;
use crate::gui::fitting::{ProfileEntry, TestStory};
use crate::gui::pages::chart::{Axis, chart, fix, range};
use crate::gui::pages::colour_bar::{BELOW, LEFT, numbers_down, title_across, title_up};
use crate::gui::pages::sound_view::words_row;
use crate::gui::pages::time_axis::{TimeAxis, tick_words};
use crate::gui::state::State;
use crate::gui::text::thousands;
use crate::gui::theme::Palette;
use crate::gui::widgets::{heading, name};

/// Height of the row of words.
const WORDS_HEIGHT: f32 = 20.0;

/// One voxel over the seconds of a test story: measured, and predicted with the same mean and deviation, below the words.
pub(super) fn in_time(
    ui: &mut egui::Ui,
    (series, at): (&ExampleSeries, usize),
    story: &TestStory,
    (state, actions): (&State, &mut Actions),
    height: f32,
) {
    let palette = Palette::of(ui);
    let (measured, predicted) = values(series, at);
    let [measured, predicted] =
        [&measured, &predicted].map(|all| all.get(story.rows.clone()).unwrap_or_default());
    meanings(ui, palette);
    let size = vec2(ui.available_width(), height);
    let (all, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    name(
        &response,
        Role::Canvas,
        "Measured and predicted time course",
    );
    let plot = Rect::from_min_max(
        pos2(all.left() + LEFT, all.top()),
        pos2(all.right() - 4.0, all.bottom() - BELOW),
    );
    let axis = TimeAxis::spanning(state, span(story), plot);
    axis.listen(ui, &response, actions);
    let (words, lines) = plot.split_top_bottom_at_y(plot.top() + WORDS_HEIGHT);
    words_row(ui, &axis, words, &story.words);
    let of_both = measured.iter().chain(predicted).copied();
    let [low, high] = range(of_both, [0.0, 0.0]);
    let y = |value: f64| lines.bottom() - ((value - low) / (high - low)) as f32 * lines.height();
    let painter = ui.painter_at(plot);
    painter.hline(lines.x_range(), y(0.0), (1.0, palette.hairline));
    for (values, color) in [(measured, palette.weak), (predicted, palette.accent)] {
        let known = story.centre_secs.iter().zip(values);
        let known = known.filter(|(_, value)| value.is_finite());
        let points = known.map(|(secs, value)| pos2(axis.x(*secs), y(*value)));
        painter.line(points.collect(), (1.5, color));
    }
    numbers_down(ui, lines, [high, low]);
    title_up(ui, lines, "response (units of the file)");
    axis.ticks(ui);
    title_across(ui, plot, "time in the story (min:s)");
    axis.cursor(ui, state);
    let Some(pointer) = response.hover_pos().filter(|at| plot.contains(*at)) else {
        return;
    };
    if let Some(words) = scan_words(story, axis.at(pointer.x), [measured, predicted]) {
        response.on_hover_text_at_pointer(words);
    }
}

/// First and last instant of a story.
pub(super) fn span(story: &TestStory) -> [f64; 2] {
    let ends = [story.centre_secs.first(), story.centre_secs.last()];
    let words = story.words.last().map_or(0.0, |word| word.end_secs);
    let [first, last] = ends.map(|secs| secs.copied().unwrap_or(0.0));
    [first.min(0.0), last.max(words)]
}

/// The scan that is nearest to an instant, in words.
fn scan_words(story: &TestStory, secs: f64, [measured, predicted]: [&[f64]; 2]) -> Option<String> {
    let apart = |centre: &f64| (centre - secs).abs();
    let all = story.centre_secs.iter().enumerate();
    let (at, centre) = all.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    let (measured, predicted) = (measured.get(at)?, predicted.get(at)?);
    let spoken = story
        .words
        .iter()
        .find(|word| word.start_secs <= secs && secs < word.end_secs && !word.text.is_empty());
    let spoken = spoken.map_or_else(String::new, |word| format!("\n\"{}\"", word.text));
    Some(format!(
        "Scan at {}: measured {measured:.3}, predicted {predicted:.3}{spoken}",
        tick_words(*centre, 0.1)
    ))
}

fn meanings(ui: &mut egui::Ui, palette: &Palette) {
    legend(
        ui,
        &[
            ("measured", palette.weak),
            (
                "predicted (scaled to the mean and SD of the measured time course)",
                palette.accent,
            ),
        ],
    );
}

/// What was measured, and what was predicted on its scale.
fn values(series: &ExampleSeries, at: usize) -> (Vec<f64>, Vec<f64>) {
    let measured = series.measured.column(at).to_vec();
    let predicted = on_the_scale_of(&series.predicted.column(at).to_vec(), &measured);
    (measured, predicted)
}

/// One voxel's r in each of the fits of a folder.
pub(super) fn over_layers(ui: &mut egui::Ui, entries: &[ProfileEntry], voxel: usize, height: f32) {
    let palette = Palette::of(ui);
    heading(ui, &format!("Voxel {} over layers", thousands(voxel)));
    let words: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let names = short_names(&words);
    let r: Vec<[f64; 2]> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| [at as f64, entry.r_of(voxel)])
        .filter(|point| point[1].is_finite())
        .collect();
    let first = r.first().map_or(0.0, |point| point[1]);
    let x = Axis {
        title: "",
        range: [-0.75, entries.len() as f64 - 0.25],
    };
    let y = Axis {
        title: "r",
        range: range(r.iter().map(|point| point[1]), [first, first]),
    };
    let told = |at: egui_plot::PlotPoint| {
        let entry = entries.get(at.x.round().max(0.0) as usize)?;
        Some(format!("{}: r {:.3}", entry.name, entry.r_of(voxel)))
    };
    let n_names = names.len();
    let response = chart("voxel over layers", &x, &y, palette, told)
        .height(height)
        .x_grid_spacer(move |_| {
            let mark = |at: usize| egui_plot::GridMark {
                value: at as f64,
                step_size: 1.0,
            };
            (0..n_names).map(mark).collect()
        })
        .x_axis_formatter(move |mark, _| {
            let at = mark.value.round().max(0.0) as usize;
            names.get(at).cloned().unwrap_or_default()
        })
        .show(ui, |plot| {
            fix(plot, &x, &y);
            let line = Line::new("", PlotPoints::from(r.clone()));
            plot.line(line.color(palette.accent).allow_hover(false));
            let points = Points::new("", PlotPoints::from(r)).radius(4.0);
            plot.points(points.color(palette.accent).allow_hover(false));
        })
        .response;
    name(&response, Role::Canvas, "The voxel over layers");
}

/// One voxel's test scans: measured, and predicted with the same mean and deviation.
pub(super) fn by_scan(ui: &mut egui::Ui, (series, at): (&ExampleSeries, usize), height: f32) {
    let palette = Palette::of(ui);
    let (measured, scaled) = values(series, at);
    let n_scans = measured.len();
    let points = |values: &[f64]| -> PlotPoints<'static> {
        let at = |(scan, value): (usize, &f64)| [(scan + 1) as f64, *value];
        values.iter().enumerate().map(at).collect()
    };
    let [drawn, predicted] = [&measured, &scaled].map(|values| points(values));
    let x = Axis {
        title: "test scan (after trimming)",
        range: range(std::iter::once(n_scans as f64), [0.0, 1.0]),
    };
    let y = Axis {
        title: "response (units of the file)",
        range: range(measured.iter().chain(&scaled).copied(), [0.0, 0.0]),
    };
    meanings(ui, palette);
    let says = move |at: egui_plot::PlotPoint| {
        let scan = at.x.round();
        let index = (scan >= 1.0).then_some(scan as usize - 1)?;
        let (measured, predicted) = (measured.get(index)?, scaled.get(index)?);
        Some(format!(
            "scan {}: measured {measured:.3}, predicted {predicted:.3}",
            thousands(index + 1)
        ))
    };
    let response = chart("course", &x, &y, palette, says)
        .height(height)
        .show(ui, |plot| {
            fix(plot, &x, &y);
            plot.hline(
                HLine::new("", 0.0)
                    .color(palette.hairline)
                    .allow_hover(false),
            );
            plot.line(Line::new("", drawn).color(palette.weak).allow_hover(false));
            plot.line(
                Line::new("", predicted)
                    .color(palette.accent)
                    .allow_hover(false),
            );
        })
        .response;
    name(
        &response,
        Role::Canvas,
        "Measured and predicted time course",
    );
}

/// Values brought to the mean and deviation of others.
fn on_the_scale_of(values: &[f64], target: &[f64]) -> Vec<f64> {
    let moments = |values: &[f64]| {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (mean, (squares.sum::<f64>() / n).sqrt())
    };
    let ((mean, deviation), (target_mean, target)) = (moments(values), moments(target));
    let factor = if deviation > 0.0 {
        target / deviation
    } else {
        0.0
    };
    let scaled = values
        .iter()
        .map(|value| (value - mean) * factor + target_mean);
    scaled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use heschl_core::textgrid::Interval;

    #[test]
    fn what_lies_under_the_pointer_is_the_scan_that_is_nearest_and_its_word() {
        let word = |start_secs, end_secs, text: &str| Interval {
            start_secs,
            end_secs,
            text: text.into(),
        };
        let story = TestStory {
            story: "a".into(),
            rows: 3..6,
            centre_secs: vec![1.0, 3.0, 5.0],
            words: vec![word(0.0, 2.0, "once"), word(2.0, 7.5, "upon")],
        };
        let [first, last] = span(&story);
        assert!(first.abs() < 1e-12 && (last - 7.5).abs() < 1e-12);
        let said = |secs| scan_words(&story, secs, [&[1.0, 2.0, 3.0], &[0.5, 0.25, 0.125]]);
        assert_eq!(
            said(3.9).unwrap(),
            "Scan at 3.0 s: measured 2.000, predicted 0.250\n\"upon\""
        );
        assert!(
            said(-4.0)
                .unwrap()
                .starts_with("Scan at 1.0 s: measured 1.000, predicted 0.500")
        );
    }

    #[test]
    fn predictions_are_brought_to_the_mean_and_deviation_of_what_was_measured() {
        let found = on_the_scale_of(&[1.0, 2.0, 3.0], &[10.0, 30.0, 20.0]);
        for (found, expected) in found.iter().zip([10.0, 20.0, 30.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
