//! The pictures of scores.

use eframe::egui;
use egui::accesskit::Role;
use egui_plot::{
    Bar, BarChart, BoxElem, BoxPlot, BoxSpread, HoverPosition, Legend, Line, Plot, PlotPoints,
    Points,
};
use heschl_core::encoding::{Column, ExampleSeries, ScoreTable};

use crate::gui::fitting::{ProfileEntry, ScoresFacts};
use crate::gui::theme::Palette;
use crate::gui::widgets::{name, weak};

const N_BINS: usize = 60;
/// Points of a scatter: more cannot be told apart.
const MOST_POINTS: usize = 20_000;

/// Boxes of a profile that have room at least.
const PROFILE_BOXES: usize = 6;

fn plot(id: &str, x: &str, y: &str, palette: &Palette) -> Plot<'static> {
    Plot::new(id.to_owned())
        .x_axis_label(x.to_owned())
        .y_axis_label(y.to_owned())
        .grid_color(palette.hairline)
        .allow_scroll(false)
        // Room for the legend beside what is drawn.
        .set_margin_fraction(egui::vec2(0.02, 0.1))
        .legend(Legend::default())
}

fn bars(heights: impl Iterator<Item = (f64, f64, f64)>) -> Vec<Bar> {
    heights
        .filter(|(_, height, _)| *height > 0.0)
        .map(|(at, height, width)| Bar::new(at, height).width(width))
        .collect()
}

/// Voxels by r, those better than by chance in the accent colour.
pub(super) fn histogram(ui: &mut egui::Ui, table: &ScoreTable) {
    let palette = Palette::of(ui);
    let r = || table.column(Column::R).filter(|r| r.is_finite());
    let from = (r().fold(0.0, f64::min) * 20.0).floor() / 20.0;
    let to = (r().fold(0.1, f64::max) * 20.0).ceil() / 20.0;
    let width = (to - from) / N_BINS as f64;
    let bin = |r: f64| (((r - from) / width) as usize).min(N_BINS - 1);
    let mut all = [0.0; N_BINS];
    let mut significant = [0.0; N_BINS];
    for voxel in &table.voxels {
        let r = voxel.get(Column::R);
        if r.is_finite() {
            all[bin(r)] += 1.0;
            significant[bin(r)] += f64::from(u8::from(voxel.get(Column::Q) <= table.fdr_level));
        }
    }
    let at = |index: usize| from + (index as f64 + 0.5) * width;
    let drawn = |counts: [f64; N_BINS]| {
        bars(
            counts
                .into_iter()
                .enumerate()
                .map(move |(index, count)| (at(index), count, width * 0.95)),
        )
    };
    let response = plot(
        "scores by r",
        "Pearson's r of prediction and measurement",
        "voxels",
        palette,
    )
    .show(ui, |plot| {
        plot.bar_chart(BarChart::new("all voxels", drawn(all)).color(palette.weak));
        plot.bar_chart(
            BarChart::new("better than by chance", drawn(significant)).color(palette.accent),
        );
    })
    .response;
    name(&response, Role::Canvas, "Voxels by r");
}

/// Voxels by the α that was chosen for them.
pub(super) fn alphas(ui: &mut egui::Ui, table: &ScoreTable) {
    let palette = Palette::of(ui);
    let logs: Vec<f64> = table
        .alphas
        .iter()
        .map(|alpha| alpha.max(1e-300).log10())
        .collect();
    let span = logs.last().copied().unwrap_or(1.0) - logs.first().copied().unwrap_or(0.0);
    let width = (span / logs.len().max(2) as f64).max(0.02);
    let count = |alpha: &f64| {
        let is_it = |chosen: &f64| (chosen - alpha).abs() <= alpha.abs() * 1e-9;
        table.column(Column::Alpha).filter(is_it).count() as f64
    };
    let counted: Vec<f64> = table.alphas.iter().map(count).collect();
    weak(
        ui,
        "Many voxels at an edge mean that the range of α is too narrow.",
    );
    let response = plot("scores by alpha", "log₁₀ α", "voxels", palette)
        .show(ui, |plot| {
            let drawn = bars(
                logs.iter()
                    .copied()
                    .zip(counted)
                    .map(|(log, count)| (log, count, width)),
            );
            plot.bar_chart(BarChart::new("voxels", drawn).color(palette.accent));
        })
        .response;
    name(&response, Role::Canvas, "Voxels by α");
}

/// The fits of one folder beside each other: mean r, and the quartiles over voxels.
pub(super) fn profile(ui: &mut egui::Ui, entries: &[ProfileEntry]) {
    let palette = Palette::of(ui);
    weak(
        ui,
        "All fits in the folder of these scores, by layer. Dots: mean r over voxels, with its interval (95 of 100 draws of test time). Boxes: the middle half of the voxels, with the median.",
    );
    if entries.len() == 1 {
        weak(
            ui,
            "This is the only one. \"Fit every layer\" on the page Fit, or \"heschl sweep\" for several models, shows where along the model the brain is predicted best.",
        );
    }
    // A few boxes are as narrow as many.
    let empty_at_sides = (PROFILE_BOXES.saturating_sub(entries.len()) as f64 / 2.0).max(0.5);
    let words: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let names = short_names(&words);
    let boxes = entries.iter().enumerate().map(|(index, entry)| {
        let [low, middle, high] = entry.quartiles;
        BoxElem::new(index as f64, BoxSpread::new(low, low, middle, high, high))
            .name(&entry.name)
            .box_width(0.5)
    });
    let means: Vec<[f64; 2]> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| [index as f64, entry.mean_r])
        .collect();
    let interval = |(index, entry): (usize, &ProfileEntry)| {
        let [low, high] = entry.mean_interval?.ends();
        Some([[index as f64, low], [index as f64, high]])
    };
    let intervals: Vec<_> = entries.iter().enumerate().filter_map(interval).collect();
    let response = plot("profile", "", "r", palette)
        .include_x(-0.5 - empty_at_sides)
        .include_x(entries.len() as f64 - 0.5 + empty_at_sides)
        .x_axis_formatter(move |mark, _| {
            let index = mark.value.round();
            let is_whole = (mark.value - index).abs() < 1e-6 && index >= 0.0;
            is_whole
                .then(|| names.get(index as usize).cloned())
                .flatten()
                .unwrap_or_default()
        })
        .label_formatter(move |hovered| match hovered {
            HoverPosition::NearDataPoint { position, .. } => {
                let entry = words.get(position.x.round().max(0.0) as usize);
                Some(format!(
                    "{}\nr {:.4}",
                    entry.map_or("", String::as_str),
                    position.y
                ))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .show(ui, |plot| {
            plot.box_plot(BoxPlot::new("voxels", boxes.collect()).color(palette.weak));
            plot.line(Line::new("mean r", PlotPoints::from(means.clone())).color(palette.accent));
            for ends in intervals {
                let ends = PlotPoints::from(ends.to_vec());
                plot.line(Line::new("mean r", ends).width(3.0).color(palette.accent));
            }
            plot.points(
                Points::new("mean r", PlotPoints::from(means))
                    .radius(4.0)
                    .color(palette.accent),
            );
        })
        .response;
    name(&response, Role::Canvas, "Profile over layers");
}

/// Names without the words that all of them begin with, such as the model of its layers: there is little room under an axis.
fn short_names(names: &[String]) -> Vec<String> {
    let [first, others @ ..] = names else {
        return Vec::new();
    };
    let ends = first.match_indices('-').map(|(at, _)| at + 1);
    let is_shared = |end: &usize| {
        let mut others = others.iter();
        others.len() > 0 && others.all(|name| name.starts_with(&first[..*end]))
    };
    let shared = ends.rev().find(is_shared).unwrap_or(0);
    names.iter().map(|name| name[shared..].to_owned()).collect()
}

/// One voxel's test scans: measured, and predicted with the same mean and deviation.
pub(super) fn course(ui: &mut egui::Ui, series: &ExampleSeries, index: usize) {
    let palette = Palette::of(ui);
    let measured = series.measured.column(index).to_vec();
    let predicted = series.predicted.column(index).to_vec();
    let moments = |values: &[f64]| {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        (
            mean,
            (values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / n)
                .sqrt(),
        )
    };
    let ((mean, deviation), (target_mean, target)) = (moments(&predicted), moments(&measured));
    let factor = if deviation > 0.0 {
        target / deviation
    } else {
        0.0
    };
    let scaled = predicted
        .iter()
        .map(|value| (value - mean) * factor + target_mean)
        .collect::<Vec<_>>();
    let points = |values: Vec<f64>| -> PlotPoints<'static> {
        values
            .into_iter()
            .enumerate()
            .map(|(scan, value)| [scan as f64, value])
            .collect()
    };
    let response = plot("course", "test scan", "response", palette)
        .show(ui, |plot| {
            plot.line(Line::new("measured", points(measured)).color(palette.weak));
            plot.line(
                Line::new("predicted, on the same scale", points(scaled)).color(palette.accent),
            );
        })
        .response;
    name(&response, Role::Canvas, "Measured and predicted course");
}

/// Each voxel as a point: these scores across, the others up.
pub(super) fn scatter(ui: &mut egui::Ui, scores: &ScoresFacts, others: &ScoresFacts) {
    let palette = Palette::of(ui);
    let pairs: Vec<[f64; 2]> = scores
        .table
        .column(Column::R)
        .zip(others.table.column(Column::R))
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .map(|(a, b)| [a, b])
        .collect();
    let n_better = pairs.iter().filter(|[a, b]| b > a).count();
    let step = pairs.len().div_ceil(MOST_POINTS).max(1);
    let share = 100.0 * n_better as f64 / pairs.len().max(1) as f64;
    let shown = if step > 1 {
        format!(" Of {step} voxels one is shown.")
    } else {
        String::new()
    };
    weak(
        ui,
        format!(
            "The others are better in {share:.1} % of the voxels: those above the line.{shown}"
        ),
    );
    let ends = pairs
        .iter()
        .flatten()
        .fold((0.0_f64, 0.1_f64), |(low, high), r| {
            (low.min(*r), high.max(*r))
        });
    let label = |facts: &ScoresFacts| {
        facts
            .folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let response = plot("scatter", &label(scores), &label(others), palette)
        .data_aspect(1.0)
        .show(ui, |plot| {
            let diagonal = PlotPoints::from(vec![[ends.0, ends.0], [ends.1, ends.1]]);
            plot.line(Line::new("equal", diagonal).color(palette.weak));
            let points: PlotPoints = pairs.into_iter().step_by(step).collect();
            plot.points(
                Points::new("voxels", points)
                    .radius(1.5)
                    .color(palette.accent),
            );
        })
        .response;
    name(&response, Role::Canvas, "Voxels of two models");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_an_axis_stands_what_tells_fits_apart() {
        let short = |names: &[&str]| {
            short_names(
                &names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let layers = [
            "whisper-tiny.en-encoder.0",
            "whisper-tiny.en-encoder.1",
            "whisper-tiny.en-final",
        ];
        assert_eq!(short(&layers), ["encoder.0", "encoder.1", "final"]);
        let models = ["whisper-tiny-final", "hubert-base-final"];
        assert_eq!(short(&models), models);
        assert_eq!(short(&models[..1]), models[..1]);
        assert!(short(&[]).is_empty());
    }
}
