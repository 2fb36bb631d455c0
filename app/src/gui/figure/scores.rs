//! Figures of scores: histogram of r, choice of α, profile over layers, scatter of two fits, time courses.

use heschl_core::figure::{Axis, Cell, Figure, Ink, Mark, Names, Panel, Table, range, step};
use heschl_core::run::encoding::{Column, ExampleSeries, ScoreTable};
use heschl_core::stats::intervals::Interval;

use crate::gui::fitting::{ProfileEntry, ScoresInfo};
use crate::gui::text::{count, thousands};
use crate::story_film::TestStory;

/// Bins of the histogram of r, about.
const N_BINS: f64 = 48.0;
/// Points of a scatter plot at the most: more cannot be told apart.
const MOST_POINTS: usize = 20_000;
/// A profile of fewer fits keeps this many places.
const PROFILE_PLACES: usize = 4;

/// Voxels by r in bins of round width.
pub(crate) struct Histogram {
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

    fn left(&self, bin: usize) -> f64 {
        self.from + bin as f64 * self.width
    }

    fn bars(&self, counts: &[usize]) -> Vec<[f64; 4]> {
        let bar = |(bin, n): (usize, &usize)| {
            (*n > 0).then(|| [self.left(bin), self.left(bin + 1), 0.0, *n as f64])
        };
        counts.iter().enumerate().filter_map(bar).collect()
    }

    /// `r 0.08 to 0.10: 165 voxels, none significant`.
    pub(crate) fn words(&self, r: f64, has_q: bool) -> Option<String> {
        let bin = self.bin(r).filter(|_| r < self.left(self.all.len()))?;
        let significant = match (has_q, self.significant[bin]) {
            (false, _) => String::new(),
            (true, 0) => ", none significant".into(),
            (true, n) => format!(", {} significant", thousands(n)),
        };
        Some(format!(
            "r {:.2} to {:.2}: {}{significant}",
            self.left(bin),
            self.left(bin + 1),
            count(self.all[bin], "voxel", "voxels")
        ))
    }

    /// How many voxels would lie in each bin under the null distribution.
    fn by_chance(&self, null: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; self.all.len()];
        for bin in null.iter().filter_map(|r| self.bin(*r)) {
            counts[bin] += 1.0;
        }
        let n_voxels: usize = self.all.iter().sum();
        let scale = n_voxels as f64 / null.len().max(1) as f64;
        counts.iter().map(|count| count * scale).collect()
    }
}

/// The smallest r of a significant voxel.
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

fn named_rule(at: f64, words: String, share: f64, is_left: bool, ink: Ink) -> Mark {
    Mark::Rule {
        at,
        is_upright: true,
        name: Some((words, share, is_left)),
        ink,
    }
}

fn title(scores: &ScoresInfo) -> String {
    let name = scores.folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `812 significant voxels (FDR < 0.05) · mean r 0.041`.
fn summary(table: &ScoreTable) -> String {
    let mean = format!("mean r {:.4}", table.mean(Column::R));
    match table.n_significant() {
        None => format!("{} · {mean}", count(table.voxels.len(), "voxel", "voxels")),
        Some(n) => format!(
            "{} (FDR < {}) · {mean}",
            count(n, "significant voxel", "significant voxels"),
            table.fdr_level
        ),
    }
}

/// Voxels by r over the null distribution, with the mean and the threshold of significance.
pub(crate) fn histogram(scores: &ScoresInfo) -> (Figure, Histogram) {
    let table = &scores.table;
    let r = table.column(Column::R).filter(|r| r.is_finite());
    let x = range(r.chain(scores.null.r.iter().copied()), [0.0, 0.1]);
    let histogram = Histogram::of(table, x);
    let chance = if scores.null.r.is_empty() {
        vec![]
    } else {
        histogram.by_chance(&scores.null.r)
    };
    let counts = histogram.all.iter().map(|n| *n as f64);
    let y = range(counts.chain(chance.iter().copied()), [0.0, 1.0]);
    let mut panel = Panel::new(
        Axis::over("Pearson's r between predicted and measured responses", x),
        Axis::over("voxels", y),
    );
    panel.legend = vec![
        ("all voxels".into(), Ink::Weak),
        ("significant".into(), Ink::Accent),
    ];
    panel.marks = vec![
        Mark::Bars {
            bars: histogram.bars(&histogram.all),
            ink: Ink::Weak,
        },
        Mark::Bars {
            bars: histogram.bars(&histogram.significant),
            ink: Ink::Accent,
        },
    ];
    if !chance.is_empty() {
        let n = count(scores.null.n_voxels, "voxel", "voxels");
        let words = format!("null distribution (permutations of {n})");
        panel.legend.push((words, Ink::Amber));
        let middle = |(bin, n): (usize, &f64)| [histogram.left(bin) + histogram.width / 2.0, *n];
        let points = chance.iter().enumerate().map(middle).collect();
        panel.marks.push(Mark::line(points, Ink::Amber));
    }
    panel.marks.push(Mark::at_x(0.0, Ink::Weak));
    let (mean, threshold) = (table.mean(Column::R), threshold(table));
    // Each name stands on the side where the other line is not.
    let is_left = threshold.is_some_and(|r| r > mean);
    panel.marks.push(named_rule(
        mean,
        format!("mean {mean:.3}"),
        0.95,
        is_left,
        Ink::Text,
    ));
    if let Some(r) = threshold {
        let words = format!("FDR {}: r {r:.3}", table.fdr_level);
        panel
            .marks
            .push(named_rule(r, words, 0.78, !is_left, Ink::Accent));
    }
    let mut figure = Figure::of("voxels-by-r", &title(scores), panel);
    figure.subtitle = summary(table);
    figure.table = Table::of(&[
        "r_from",
        "r_to",
        "voxels",
        "significant",
        "expected_by_chance",
    ]);
    for (bin, (all, significant)) in histogram.all.iter().zip(&histogram.significant).enumerate() {
        figure.table.push(vec![
            histogram.left(bin).into(),
            histogram.left(bin + 1).into(),
            (*all).into(),
            (*significant).into(),
            chance.get(bin).copied().unwrap_or(f64::NAN).into(),
        ]);
    }
    (figure, histogram)
}

/// Voxels by the α that was chosen for them, and what is said of each α.
pub(crate) fn alphas(scores: &ScoresInfo) -> (Figure, Vec<(f64, String)>) {
    let table = &scores.table;
    let log = |alpha: &f64| alpha.max(1e-300).log10();
    let logs: Vec<f64> = table.alphas.iter().map(log).collect();
    let n_of = |alpha: &f64| {
        let is_it = |chosen: &f64| (chosen - alpha).abs() <= alpha.abs() * 1e-9;
        table.column(Column::Alpha).filter(is_it).count()
    };
    let counts: Vec<usize> = table.alphas.iter().map(n_of).collect();
    let first = logs.first().copied().unwrap_or(0.0);
    let span = logs.last().copied().unwrap_or(1.0) - first;
    let half = (span / (2 * logs.len().max(2) - 2) as f64).max(0.01);
    let x = [first - half, first + span + half];
    let y = range(counts.iter().map(|n| *n as f64), [0.0, 1.0]);
    let mut panel = Panel::new(Axis::over("log₁₀ α", x), Axis::over("voxels", y));
    let bar = |(log, n): (&f64, &usize)| [log - half, log + half, 0.0, *n as f64];
    panel.marks = vec![Mark::Bars {
        bars: logs.iter().zip(&counts).map(bar).collect(),
        ink: Ink::Accent,
    }];
    let mut figure = Figure::of("voxels-by-alpha", &title(scores), panel);
    figure.subtitle = "Voxels by the α that was chosen for them".into();
    figure.table = Table::of(&["alpha", "voxels"]);
    let mut words = Vec::new();
    for ((alpha, n), log) in table.alphas.iter().zip(&counts).zip(&logs) {
        figure.table.push(vec![(*alpha).into(), (*n).into()]);
        words.push((
            *log,
            format!("α {alpha:.4}: {}", count(*n, "voxel", "voxels")),
        ));
    }
    (figure, words)
}

fn places(entries: &[ProfileEntry]) -> (Names, [f64; 2]) {
    let words: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let names = short_names(&words).into_iter().enumerate();
    // Few places are as narrow as many.
    let sides = (PROFILE_PLACES.saturating_sub(entries.len()) as f64 / 2.0).max(0.5);
    (
        names.map(|(at, name)| (at as f64, name)).collect(),
        [-0.5 - sides, entries.len() as f64 - 0.5 + sides],
    )
}

/// The fits of one folder next to each other: mean r over voxels with its interval.
pub(crate) fn profile(scores: &ScoresInfo) -> Figure {
    let entries = &scores.profile;
    let (names, x) = places(entries);
    let means: Vec<[f64; 2]> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| [at as f64, entry.mean_r])
        .collect();
    let intervals: Vec<[f64; 3]> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| {
            let [low, high] = entry.mean_interval?.ends();
            Some([at as f64, low, high])
        })
        .collect();
    let values = means.iter().map(|point| point[1]);
    let ends = intervals.iter().flat_map(|ends| [ends[1], ends[2]]);
    let values: Vec<f64> = values.chain(ends).filter(|r| r.is_finite()).collect();
    let first = values.first().copied().unwrap_or(0.0);
    let y = range(values.into_iter(), [first, first]);
    let mut panel = Panel::new(
        Axis::named("", x, names),
        Axis::over("mean r over voxels", y),
    );
    panel.marks = vec![
        Mark::line(means.clone(), Ink::Accent),
        Mark::Intervals {
            intervals,
            ink: Ink::Accent,
        },
        Mark::Points {
            points: means,
            radius: 4.0,
            inks: vec![Ink::Accent],
        },
    ];
    let folder = scores.folder.parent().and_then(std::path::Path::file_name);
    let folder = folder.unwrap_or_default().to_string_lossy();
    let mut figure = Figure::of("profile", &folder, panel);
    figure.subtitle = "Mean r over voxels with 95 % bootstrap intervals".into();
    figure.table = Table::of(&[
        "fit",
        "mean_r",
        "lower",
        "upper",
        "quartile_1",
        "median",
        "quartile_3",
    ]);
    for entry in entries {
        let ends = entry.mean_interval.map_or([f64::NAN; 2], Interval::ends);
        let mut row = vec![Cell::from(entry.name.as_str()), entry.mean_r.into()];
        row.extend(ends.into_iter().chain(entry.quartiles).map(Cell::from));
        figure.table.push(row);
    }
    figure
}

/// What is said of a fit of the profile.
pub(crate) fn entry_words(entry: &ProfileEntry) -> String {
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
pub(crate) fn short_names(names: &[String]) -> Vec<String> {
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

/// Each voxel as a point, these scores across and the others up; the line that says which are better; the range of both axes.
pub(crate) fn scatter(scores: &ScoresInfo, others: &ScoresInfo) -> Figure {
    let pairs = pairs(scores, others);
    let known = || pairs.iter().filter(|[a, b]| a.is_finite() && b.is_finite());
    let n_known = known().count();
    let n_better = known().filter(|[a, b]| b > a).count();
    let every = n_known.div_ceil(MOST_POINTS).max(1);
    let share = 100.0 * n_better as f64 / n_known.max(1) as f64;
    let shown = if every > 1 {
        format!(" One in {every} voxels is shown.")
    } else {
        String::new()
    };
    let both = range(known().flatten().copied(), [0.0, 0.1]);
    let axis = |scores: &ScoresInfo| Axis::over(&format!("r of {}", title(scores)), both);
    let mut panel = Panel::new(axis(scores), axis(others));
    panel.is_square = true;
    panel.marks = vec![
        Mark::Line {
            points: vec![[both[0], both[0]], [both[1], both[1]]],
            ink: Ink::Weak,
            width: 1.0,
        },
        Mark::Points {
            points: known().step_by(every).copied().collect(),
            radius: 1.5,
            inks: vec![Ink::Accent],
        },
    ];
    let mut figure = Figure::of("compared", &title(others), panel);
    figure.subtitle = format!(
        "{share:.1} % of voxels are predicted better by the other model (above the diagonal).{shown}"
    );
    figure
}

/// [`scatter`] with its numbers, for a file: the window draws it in every frame, without them.
pub(crate) fn scatter_with_numbers(scores: &ScoresInfo, others: &ScoresInfo) -> Figure {
    let mut figure = scatter(scores, others);
    figure.table = Table::of(&["voxel", "r", "r_of_other"]);
    for (at, [a, b]) in pairs(scores, others).into_iter().enumerate() {
        let voxel = scores.table.first_voxel + at;
        figure.table.push(vec![voxel.into(), a.into(), b.into()]);
    }
    figure
}

/// r of each voxel, here and there.
fn pairs(scores: &ScoresInfo, others: &ScoresInfo) -> Vec<[f64; 2]> {
    let here = scores.table.column(Column::R);
    let both = here.zip(others.table.column(Column::R));
    both.map(|(a, b)| [a, b]).collect()
}

/// Measured responses of a voxel, and predicted ones with the same mean and standard deviation.
pub(crate) fn values(series: &ExampleSeries, at: usize) -> (Vec<f64>, Vec<f64>) {
    let measured = series.measured.column(at).to_vec();
    let predicted = on_the_scale_of(&series.predicted.column(at).to_vec(), &measured);
    (measured, predicted)
}

/// Values with the mean and standard deviation of others.
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

/// One voxel's test responses over the seconds of a story, or scan by scan where the times are not known.
pub(crate) fn time_course(
    scores: &ScoresInfo,
    (series, at): (&ExampleSeries, usize),
    story: Option<&TestStory>,
) -> Figure {
    let (all, scaled) = values(series, at);
    let rows = story.map_or(0..all.len(), |story| story.rows.clone());
    let (measured, predicted) = (
        all.get(rows.clone()).unwrap_or_default(),
        scaled.get(rows).unwrap_or_default(),
    );
    let (time, title_x) = match story {
        Some(story) => (story.centre_secs.clone(), "time in the story (s)"),
        None => (
            (1..=measured.len()).map(|scan| scan as f64).collect(),
            "test scan (after trimming)",
        ),
    };
    let points = |values: &[f64]| -> Vec<[f64; 2]> {
        time.iter()
            .zip(values)
            .map(|(at, value)| [*at, *value])
            .collect()
    };
    let first = time.first().copied().unwrap_or(0.0);
    let last = time.last().copied().unwrap_or(1.0).max(first + 1.0);
    let finite = || {
        measured
            .iter()
            .chain(predicted)
            .copied()
            .filter(|value| value.is_finite())
    };
    let low = finite().fold(f64::INFINITY, f64::min);
    let y = range(
        finite(),
        if low.is_finite() {
            [low, low]
        } else {
            [0.0, 1.0]
        },
    );
    let mut panel = Panel::new(
        Axis::over(title_x, [first, last]),
        Axis::over("response (units of the file)", y),
    );
    panel.marks = vec![
        Mark::line(points(measured), Ink::Weak),
        Mark::line(points(predicted), Ink::Accent),
    ];
    panel.legend = vec![
        ("measured".into(), Ink::Weak),
        ("predicted (rescaled)".into(), Ink::Accent),
    ];
    let voxel = series.voxels.get(at).copied().unwrap_or_default();
    let heading = format!("Voxel {} · {}", thousands(voxel), title(scores));
    let mut figure = Figure::of(&format!("voxel-{voxel}-time-course"), &heading, panel);
    figure.subtitle =
        story.map_or_else(String::new, |story| format!("Test story: {}", story.story));
    let column = if story.is_some() { "seconds" } else { "scan" };
    figure.table = Table::of(&[column, "measured", "predicted_scaled"]);
    for ((at, measured), predicted) in time.iter().zip(measured).zip(predicted) {
        figure
            .table
            .push(vec![(*at).into(), (*measured).into(), (*predicted).into()]);
    }
    figure
}

/// One voxel's r in each of the fits of a folder.
pub(crate) fn voxel_profile(entries: &[ProfileEntry], voxel: usize) -> Figure {
    let (names, x) = places(entries);
    let r: Vec<[f64; 2]> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| [at as f64, entry.r_of(voxel)])
        .collect();
    let known = || r.iter().map(|point| point[1]).filter(|r| r.is_finite());
    let first = known().next().unwrap_or(0.0);
    let y = range(known(), [first, first]);
    let mut panel = Panel::new(Axis::named("", x, names), Axis::over("r", y));
    panel.marks = vec![
        Mark::at_y(0.0, Ink::Grid),
        Mark::line(r.clone(), Ink::Accent),
        Mark::Points {
            points: r,
            radius: 4.0,
            inks: vec![Ink::Accent],
        },
    ];
    if y[0] > 0.0 || y[1] < 0.0 {
        panel.marks.remove(0);
    }
    let heading = format!("Voxel {} over layers", thousands(voxel));
    Figure::of(&format!("voxel-{voxel}-over-layers"), &heading, panel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_an_axis_stands_what_tells_fits_apart() {
        let short = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            short_names(&names)
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

    #[test]
    fn predictions_get_the_mean_and_deviation_of_the_measured_responses() {
        let found = on_the_scale_of(&[1.0, 2.0, 3.0], &[10.0, 30.0, 20.0]);
        for (found, expected) in found.iter().zip([10.0, 20.0, 30.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
