//! The figures of the report.

use crate::figure::{Axis, Figure, Ink, Layout, Mark, Panel, range, svg_in_page};

/// Width and height in points.
const SIZE: [f64; 2] = [640.0, 280.0];
/// Bins of the histogram of r, about.
const N_BINS: f64 = 60.0;

fn drawn(title: &str, panel: Panel) -> String {
    let figure = Figure::of("figure", title, panel);
    svg_in_page(&Layout::untitled(&figure, SIZE))
}

fn count_axis(most: f64) -> Axis {
    Axis::over("voxels", range(std::iter::once(most), [0.0, 1.0]))
}

/// Voxels by r, significant ones in the accent colour; NaN are left out.
pub(super) fn histogram_of_r(r: &[f64], is_significant: &[bool]) -> String {
    let finite = r.iter().copied().filter(|r| r.is_finite());
    let [from, to] = range(finite, [0.0, 0.1]);
    let width = crate::figure::step([0.0, (to - from) / N_BINS * 6.0]);
    let n_bins = ((to - from) / width).round().max(1.0) as usize;
    let mut counts = vec![[0_usize; 2]; n_bins];
    for (r, is_significant) in r.iter().zip(is_significant) {
        if r.is_finite() {
            let bin = (((r - from) / width) as usize).min(n_bins - 1);
            counts[bin][usize::from(*is_significant)] += 1;
        }
    }
    let most = counts.iter().map(|[other, own]| other + own).max();
    let x = Axis::over(
        "Pearson's r between predicted and measured responses",
        [from, to],
    );
    let mut panel = Panel::new(x, count_axis(most.unwrap_or(0) as f64));
    let bars = |bar: fn([f64; 2]) -> [f64; 2]| {
        let of_bin = |(bin, [other, own]): (usize, &[usize; 2])| {
            let [bottom, top] = bar([*other as f64, *own as f64]);
            let left = from + bin as f64 * width;
            (top > bottom).then_some([left, left + width, bottom, top])
        };
        counts.iter().enumerate().filter_map(of_bin).collect()
    };
    panel.marks = vec![
        Mark::Bars {
            bars: bars(|[_, own]| [0.0, own]),
            ink: Ink::Accent,
        },
        Mark::Bars {
            bars: bars(|[other, own]| [own, own + other]),
            ink: Ink::Weak,
        },
        Mark::at_x(0.0, Ink::Weak),
    ];
    panel.legend = vec![
        ("significant".into(), Ink::Accent),
        ("not significant".into(), Ink::Weak),
    ];
    drawn("Voxels by r", panel)
}

fn logarithms(alphas: &[f64]) -> Vec<f64> {
    let log = |alpha: &f64| alpha.max(1e-300).log10();
    alphas.iter().map(log).collect()
}

/// Voxels by the α that was chosen for them.
pub(super) fn histogram_of_alpha(alphas: &[f64], chosen: &[f64]) -> String {
    let count = |alpha: &f64| {
        let is_it = |one: &&f64| (**one - alpha).abs() <= alpha.abs() * 1e-9;
        chosen.iter().filter(is_it).count() as f64
    };
    let counts: Vec<f64> = alphas.iter().map(count).collect();
    let logs = logarithms(alphas);
    let first = logs.first().copied().unwrap_or(0.0);
    let span = logs.last().copied().unwrap_or(0.0) - first;
    let half = (span / (2 * logs.len().max(2) - 2) as f64).max(0.05);
    let x = Axis::over("log₁₀ α", [first - half, first + span + half]);
    let most = counts.iter().copied().fold(0.0, f64::max);
    let mut panel = Panel::new(x, count_axis(most));
    let bar = |(log, count): (&f64, &f64)| [log - half * 0.9, log + half * 0.9, 0.0, *count];
    panel.marks = vec![Mark::Bars {
        bars: logs.iter().zip(&counts).map(bar).collect(),
        ink: Ink::Accent,
    }];
    drawn("Voxels by α", panel)
}

/// Mean cross-validation score by α: of all voxels, and of the best tenth.
pub(super) fn rounds_curve(alphas: &[f64], all: &[f64], best: &[f64]) -> String {
    let logs = logarithms(alphas);
    let points = |scores: &[f64]| {
        logs.iter()
            .zip(scores)
            .map(|(log, score)| [*log, *score])
            .collect()
    };
    let ends = [logs.first(), logs.last()].map(|end| end.copied().unwrap_or(0.0));
    let x = Axis::over("log₁₀ α", [ends[0], ends[1].max(ends[0] + 0.1)]);
    let y = range(all.iter().chain(best).copied(), [0.0, 0.01]);
    let mut panel = Panel::new(x, Axis::over("mean score over folds", y));
    panel.marks = vec![
        Mark::line(points(best), Ink::Accent),
        Mark::line(points(all), Ink::Weak),
    ];
    panel.legend = vec![
        ("best tenth of the voxels".into(), Ink::Accent),
        ("all voxels".into(), Ink::Weak),
    ];
    drawn("Cross-validation score by α", panel)
}

/// A voxel's test scans: measured, and predicted with the same mean and standard deviation.
pub(super) fn time_course(title: &str, measured: &[f64], predicted: &[f64]) -> String {
    let scaled = matched(predicted, measured);
    let points = |series: &[f64]| {
        let point = |(scan, value): (usize, &f64)| [(scan + 1) as f64, *value];
        series.iter().enumerate().map(point).collect()
    };
    let x = Axis::over("test scan", [1.0, measured.len().max(2) as f64]);
    let values = || {
        measured
            .iter()
            .chain(&scaled)
            .copied()
            .filter(|value| value.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let y = range(
        values(),
        if low.is_finite() {
            [low, low]
        } else {
            [-1.0, 1.0]
        },
    );
    let mut panel = Panel::new(x, Axis::over("response", y));
    panel.marks = vec![
        Mark::line(points(measured), Ink::Weak),
        Mark::line(points(&scaled), Ink::Accent),
    ];
    panel.legend = vec![
        ("measured".into(), Ink::Weak),
        (
            "predicted, scaled to the measured mean and SD".into(),
            Ink::Accent,
        ),
    ];
    drawn(title, panel)
}

/// `series` with the mean and standard deviation of `like`.
fn matched(series: &[f64], like: &[f64]) -> Vec<f64> {
    let moments = |series: &[f64]| {
        let n = series.len().max(1) as f64;
        let mean = series.iter().sum::<f64>() / n;
        let variance = series
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / n;
        (mean, variance.sqrt())
    };
    let ((mean, deviation), (target_mean, target)) = (moments(series), moments(like));
    let factor = if deviation > 0.0 {
        target / deviation
    } else {
        0.0
    };
    series
        .iter()
        .map(|value| (value - mean) * factor + target_mean)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_there_are_voxels() {
        let r = [0.11, 0.12, 0.4, f64::NAN];
        let svg = histogram_of_r(&r, &[false, true, true, false]);
        let n_bars = |svg: &str| svg.matches("fill-opacity=\"0.55\"").count();
        // One significant voxel in each of two bins, another one in one of them.
        assert_eq!(n_bars(&svg), 3);
        let svg = histogram_of_alpha(&[1.0, 10.0, 100.0], &[10.0, 10.0, 100.0]);
        assert_eq!(n_bars(&svg), 2);
    }

    #[test]
    fn a_prediction_is_drawn_on_the_scale_of_what_was_measured() {
        let scaled = matched(&[0.0, 1.0, 2.0], &[10.0, 30.0, 50.0]);
        for (a, b) in scaled.iter().zip([10.0, 30.0, 50.0]) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}
