//! The pictures of scores.

use eframe::egui;
use egui::accesskit::Role;
use egui_plot::{Bar, BarChart, Line, PlotPoints, Points, VLine};
use heschl_core::encoding::{Column, ScoreTable};

use crate::gui::fitting::{ProfileEntry, ScoresInfo};
use crate::gui::pages::chart::{Axis, Side, chart, fix, marked_line, range, step};
use crate::gui::text::{count, thousands};
use crate::gui::theme::Palette;
use crate::gui::widgets::{name, weak};

/// Bins of the histogram of r, about.
const N_BINS: f64 = 48.0;
/// Points of a scatter: more cannot be told apart.
const MOST_POINTS: usize = 20_000;
/// Places of a profile that have room at least.
const PROFILE_PLACES: usize = 6;

fn bars(heights: impl Iterator<Item = (f64, f64, f64)>) -> Vec<Bar> {
    heights
        .filter(|(_, height, _)| *height > 0.0)
        .map(|(at, height, width)| Bar::new(at, height).width(width))
        .collect()
}

/// Voxels by r in bins of round width.
struct Histogram {
    from: f64,
    width: f64,
    all: Vec<usize>,
    significant: Vec<usize>,
}

impl Histogram {
    fn of(table: &ScoreTable, range: [f64; 2]) -> Self {
        let width = step([0.0, (range[1] - range[0]) / N_BINS * 6.0]);
        let n_bins = ((range[1] - range[0]) / width).round().max(1.0) as usize;
        let mut histogram = Self {
            from: range[0],
            width,
            all: vec![0; n_bins],
            significant: vec![0; n_bins],
        };
        for voxel in &table.voxels {
            if let Some(bin) = histogram.bin(voxel.get(Column::R)) {
                histogram.all[bin] += 1;
                let is_significant = voxel.get(Column::Q) <= table.fdr_level;
                histogram.significant[bin] += usize::from(is_significant);
            }
        }
        histogram
    }

    fn bin(&self, r: f64) -> Option<usize> {
        let at = (r - self.from) / self.width;
        (r.is_finite() && at >= 0.0).then(|| (at as usize).min(self.all.len() - 1))
    }

    fn bars(&self, counts: &[usize]) -> Vec<Bar> {
        let at = |bin: usize| self.from + (bin as f64 + 0.5) * self.width;
        bars(
            counts
                .iter()
                .enumerate()
                .map(|(bin, count)| (at(bin), *count as f64, self.width * 0.94)),
        )
    }

    /// `r 0.08 to 0.1: 165 voxels, none significant`.
    fn words(&self, r: f64, has_q: bool) -> Option<String> {
        let bin = self
            .bin(r)
            .filter(|_| r < self.from + self.width * self.all.len() as f64)?;
        let from = self.from + bin as f64 * self.width;
        let significant = match (has_q, self.significant[bin]) {
            (false, _) => String::new(),
            (true, 0) => ", none significant".into(),
            (true, n) => format!(", {} significant", thousands(n)),
        };
        Some(format!(
            "r {from:.2} to {:.2}: {}{significant}",
            from + self.width,
            count(self.all[bin], "voxel", "voxels")
        ))
    }
}

/// Voxels by r, those significant in the accent colour, over what chance alone gives; returns the voxel whose r is
/// nearest to where it was clicked.
pub(super) fn histogram(ui: &mut egui::Ui, scores: &ScoresInfo) -> Option<usize> {
    let (palette, table) = (Palette::of(ui), &scores.table);
    let r = || table.column(Column::R).filter(|r| r.is_finite());
    let x = Axis {
        title: "Pearson's r between predicted and measured responses",
        range: range(r().chain(scores.null.r.iter().copied()), [0.0, 0.1]),
    };
    let histogram = Histogram::of(table, x.range);
    let n_voxels: usize = histogram.all.iter().sum();
    let by_chance = by_chance(&scores.null.r, &histogram, n_voxels);
    let highest = histogram.all.iter().map(|n| *n as f64);
    let highest = highest.chain(by_chance.iter().map(|point| point[1]));
    let y = Axis {
        title: "voxels",
        range: range(highest, [0.0, 1.0]),
    };
    let threshold = threshold(table);
    let mean = table.mean(Column::R);
    let has_q = table.n_significant().is_some();
    let [all, significant] = [&histogram.all, &histogram.significant].map(|n| histogram.bars(n));
    let chance = format!(
        "null distribution (permutations of {})",
        count(scores.null.n_voxels, "voxel", "voxels")
    );
    legend(
        ui,
        &[
            ("all voxels", palette.weak),
            ("significant", palette.accent),
            (&chance, palette.amber),
        ][..if by_chance.is_empty() { 2 } else { 3 }],
    );
    let shown = chart("scores by r", &x, &y, palette, |at| {
        histogram.words(at.x, has_q)
    })
    .show(ui, |plot| {
        fix(plot, &x, &y);
        plot.bar_chart(
            BarChart::new("", all)
                .color(palette.weak)
                .allow_hover(false),
        );
        plot.bar_chart(
            BarChart::new("", significant)
                .color(palette.accent)
                .allow_hover(false),
        );
        if !by_chance.is_empty() {
            let line = Line::new("", PlotPoints::from(by_chance.clone()));
            plot.line(line.color(palette.amber).width(1.5).allow_hover(false));
        }
        plot.vline(VLine::new("", 0.0).color(palette.weak).allow_hover(false));
        // Each name stands where the other line is not.
        let (of_mean, of_threshold) = match threshold {
            Some(r) if r > mean => (Side::Left, Side::Right),
            _ => (Side::Right, Side::Left),
        };
        let words = format!("mean {mean:.3}");
        marked_line(plot, (mean, words), &y, (0.95, of_mean, palette.text));
        if let Some(r) = threshold {
            let words = format!("FDR {}: r {r:.3}", table.fdr_level);
            marked_line(plot, (r, words), &y, (0.88, of_threshold, palette.accent));
        }
    });
    let response = shown.response;
    name(&response, Role::Canvas, "Voxels by r");
    let clicked = response
        .interact_pointer_pos()
        .filter(|_| response.clicked())?;
    nearest(table, shown.transform.value_from_position(clicked).x)
}

/// The voxel whose r is nearest to a value.
fn nearest(table: &ScoreTable, r: f64) -> Option<usize> {
    let known = table.column(Column::R).enumerate();
    let known = known.filter(|(_, known)| known.is_finite());
    let apart = |known: f64| (known - r).abs();
    let found = known.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    Some(table.first_voxel + found.0)
}

/// The smallest r of a voxel that is significant.
fn threshold(table: &ScoreTable) -> Option<f64> {
    let significant = table
        .voxels
        .iter()
        .filter(|voxel| voxel.get(Column::Q) <= table.fdr_level);
    significant
        .map(|voxel| voxel.get(Column::R))
        .filter(|r| r.is_finite())
        .min_by(f64::total_cmp)
}

/// How many voxels would lie in each bin if all were predicted by chance alone.
fn by_chance(null: &[f64], histogram: &Histogram, n_voxels: usize) -> Vec<[f64; 2]> {
    let mut counts = vec![0_usize; histogram.all.len()];
    for bin in null.iter().filter_map(|r| histogram.bin(*r)) {
        counts[bin] += 1;
    }
    if null.is_empty() {
        return vec![];
    }
    let scale = n_voxels as f64 / null.len() as f64;
    let at = |bin: usize| histogram.from + (bin as f64 + 0.5) * histogram.width;
    counts
        .into_iter()
        .enumerate()
        .map(|(bin, count)| [at(bin), count as f64 * scale])
        .collect()
}

/// What colours mean, in a line above a chart.
pub(super) fn legend(ui: &mut egui::Ui, entries: &[(&str, egui::Color32)]) {
    ui.horizontal_wrapped(|ui| {
        for (words, color) in entries {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 2.0, *color);
            weak(ui, *words);
            ui.add_space(8.0);
        }
    });
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
    let n_of = |alpha: &f64| {
        let is_it = |chosen: &f64| (chosen - alpha).abs() <= alpha.abs() * 1e-9;
        table.column(Column::Alpha).filter(is_it).count()
    };
    let counted: Vec<usize> = table.alphas.iter().map(n_of).collect();
    weak(ui, "If many voxels lie at an edge, widen the range of α.");
    let ends = logs.iter().flat_map(|log| [log - width, log + width]);
    let first = logs.first().copied().unwrap_or(0.0);
    let x = Axis {
        title: "log₁₀ α",
        range: range(ends, [first, first]),
    };
    let y = Axis {
        title: "voxels",
        range: range(counted.iter().map(|n| *n as f64), [0.0, 1.0]),
    };
    let known: Vec<(f64, f64, usize)> = logs
        .iter()
        .zip(&table.alphas)
        .zip(&counted)
        .map(|((log, alpha), n)| (*log, *alpha, *n))
        .collect();
    let says = {
        let known = known.clone();
        move |at: egui_plot::PlotPoint| {
            let near = known
                .iter()
                .find(|(log, ..)| (log - at.x).abs() <= width / 2.0);
            near.map(|(_, alpha, n)| format!("α {alpha:.4}: {}", count(*n, "voxel", "voxels")))
        }
    };
    let response = chart("scores by alpha", &x, &y, palette, says)
        .show(ui, |plot| {
            fix(plot, &x, &y);
            let drawn = bars(
                known
                    .iter()
                    .map(|(log, _, n)| (*log, *n as f64, width * 0.94)),
            );
            plot.bar_chart(
                BarChart::new("", drawn)
                    .color(palette.accent)
                    .allow_hover(false),
            );
        })
        .response;
    name(&response, Role::Canvas, "Voxels by α");
}

/// The fits of one folder beside each other: mean r over voxels, with its interval, in a range of its own.
pub(super) fn profile(ui: &mut egui::Ui, entries: &[ProfileEntry]) {
    let palette = Palette::of(ui);
    weak(
        ui,
        "All fits in this folder. Dots: mean r over voxels; bars: 95 % bootstrap interval.",
    );
    if entries.len() == 1 {
        weak(
            ui,
            "Only one fit so far. Use \"Fit every layer\" on Fit, or \"heschl sweep\" for several models, to see which layer predicts best.",
        );
    }
    // A few places are as narrow as many.
    let sides = (PROFILE_PLACES.saturating_sub(entries.len()) as f64 / 2.0).max(0.5);
    let words: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let names = short_names(&words);
    let interval = |(index, entry): (usize, &ProfileEntry)| {
        let [low, high] = entry.mean_interval?.ends();
        Some([[index as f64, low], [index as f64, high]])
    };
    let intervals: Vec<_> = entries.iter().enumerate().filter_map(interval).collect();
    let means: Vec<[f64; 2]> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| [index as f64, entry.mean_r])
        .collect();
    let values = means.iter().chain(intervals.iter().flatten());
    let values: Vec<f64> = values.map(|point| point[1]).collect();
    let first = values
        .iter()
        .copied()
        .find(|r| r.is_finite())
        .unwrap_or(0.0);
    let x = Axis {
        title: "",
        range: [-0.5 - sides, entries.len() as f64 - 0.5 + sides],
    };
    let y = Axis {
        title: "mean r over voxels",
        range: range(values.into_iter(), [first, first]),
    };
    let told: Vec<String> = entries.iter().map(entry_words).collect();
    let says = move |at: egui_plot::PlotPoint| {
        let index = at.x.round();
        (index >= 0.0)
            .then(|| told.get(index as usize).cloned())
            .flatten()
    };
    let response = chart("profile", &x, &y, palette, says)
        .x_grid_spacer(move |_| {
            let mark = |index: usize| egui_plot::GridMark {
                value: index as f64,
                step_size: 1.0,
            };
            (0..names.len()).map(mark).collect()
        })
        .x_axis_formatter({
            let names = short_names(&words);
            move |mark, _| {
                let index = mark.value.round().max(0.0) as usize;
                names.get(index).cloned().unwrap_or_default()
            }
        })
        .show(ui, |plot| {
            fix(plot, &x, &y);
            let line = Line::new("", PlotPoints::from(means.clone()));
            plot.line(line.color(palette.accent).allow_hover(false));
            for ends in intervals {
                let line = Line::new("", PlotPoints::from(ends.to_vec())).width(3.0);
                plot.line(line.color(palette.accent).allow_hover(false));
            }
            let points = Points::new("", PlotPoints::from(means)).radius(4.0);
            plot.points(points.color(palette.accent).allow_hover(false));
        })
        .response;
    name(&response, Role::Canvas, "Profile over layers");
}

/// `encoder.3: mean r 0.0412 (95 %: 0.0385 to 0.0440)`, and the middle half of the voxels.
fn entry_words(entry: &ProfileEntry) -> String {
    let interval = entry.mean_interval.map_or_else(String::new, |interval| {
        let [low, high] = interval.ends();
        format!(" (95 %: {low:.4} to {high:.4})")
    });
    let [low, middle, high] = entry.quartiles;
    format!(
        "{}: mean r {:.4}{interval}\ninterquartile range over voxels: r {low:.3} to {high:.3}, median {middle:.3}",
        entry.name, entry.mean_r
    )
}

/// Names without the words that all of them begin with, such as the model of its layers: there is little room under an axis.
pub(super) fn short_names(names: &[String]) -> Vec<String> {
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

/// Each voxel as a point: these scores across, the others up; returns the voxel that is nearest to where it was clicked.
pub(super) fn scatter(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    others: &ScoresInfo,
) -> Option<usize> {
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
        format!(" One in {step} voxels is shown.")
    } else {
        String::new()
    };
    weak(
        ui,
        format!(
            "{share:.1} % of voxels are predicted better by the other model (above the diagonal).{shown}"
        ),
    );
    let label = |info: &ScoresInfo| {
        let name = info.folder.file_name().unwrap_or_default();
        format!("r of {}", name.to_string_lossy())
    };
    // The same range on both axes, in a square: the diagonal is what it seems.
    let both = range(pairs.iter().flatten().copied(), [0.0, 0.1]);
    let (across, up) = (label(scores), label(others));
    let x = Axis {
        title: &across,
        range: both,
    };
    let y = Axis {
        title: &up,
        range: both,
    };
    let says = |at: egui_plot::PlotPoint| {
        let (voxel, [a, b]) = nearest_pair(scores, others, [at.x, at.y])?;
        let is_near = (a - at.x).hypot(b - at.y) < (both[1] - both[0]) / 30.0;
        let voxel = thousands(voxel);
        is_near.then(|| format!("Voxel {voxel}: r = {a:.3} here, {b:.3} in the other"))
    };
    let side = ui.available_width().min(ui.available_height()).max(200.0);
    // The axis that goes up takes more room than the one across: what was measured makes the next frame square.
    let measured = egui::Id::unique("scatter beside its axes");
    let wider: f32 = ui.data(|data| data.get_temp(measured)).unwrap_or(0.0);
    let shown = chart("scatter", &x, &y, palette, says)
        .width(side + wider)
        .height(side)
        .show(ui, |plot| {
            fix(plot, &x, &y);
            let diagonal = PlotPoints::from(vec![[both[0], both[0]], [both[1], both[1]]]);
            plot.line(
                Line::new("", diagonal)
                    .color(palette.weak)
                    .allow_hover(false),
            );
            let points: PlotPoints = pairs.into_iter().step_by(step).collect();
            let points = Points::new("", points).radius(1.5);
            plot.points(points.color(palette.accent).allow_hover(false));
        });
    let frame = shown.transform.frame();
    let lacking = frame.height() - frame.width();
    if lacking.abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(measured, wider + lacking));
        ui.ctx().request_repaint();
    }
    let response = shown.response;
    name(&response, Role::Canvas, "Voxels of two models");
    let clicked = response
        .interact_pointer_pos()
        .filter(|_| response.clicked())?;
    let at = shown.transform.value_from_position(clicked);
    Some(nearest_pair(scores, others, [at.x, at.y])?.0)
}

/// The voxel whose r here and in the other scores are nearest to a place, and both.
fn nearest_pair(
    scores: &ScoresInfo,
    others: &ScoresInfo,
    [x, y]: [f64; 2],
) -> Option<(usize, [f64; 2])> {
    let here = scores.table.column(Column::R);
    let pairs = here.zip(others.table.column(Column::R)).enumerate();
    let apart = |(a, b): (f64, f64)| (a - x).hypot(b - y);
    let known = pairs.filter(|(_, pair)| apart(*pair).is_finite());
    let (at, (a, b)) = known.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    Some((scores.table.first_voxel + at, [a, b]))
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
