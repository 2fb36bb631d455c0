//! Figures as inline SVG, without scripts or fonts; colours come from the page.

use std::fmt::Write as _;

use super::methods::short;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 240.0;
/// Margins for labels: left, right, top and bottom.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;
const N_BINS: usize = 60;

/// An SVG plot under construction.
struct Plot {
    svg: String,
    x: (f64, f64),
    y: (f64, f64),
}

impl Plot {
    /// Starts a plot. `x` and `y`: ranges of the axes; `labels`: of x and y.
    fn new(title: &str, x: (f64, f64), y: (f64, f64), labels: (&str, &str)) -> Self {
        let widened = |(from, to): (f64, f64)| {
            if to > from {
                (from, to)
            } else {
                (from - 0.5, from + 0.5)
            }
        };
        let mut plot = Self {
            svg: format!(
                "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
                escaped(title)
            ),
            x: widened(x),
            y: widened(y),
        };
        plot.axes(labels);
        plot
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + (value - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (value - self.y.0) / (self.y.1 - self.y.0) * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&mut self, (x_label, y_label): (&str, &str)) {
        let (left, bottom) = (LEFT, HEIGHT - BOTTOM);
        for tick in ticks(self.x) {
            let x = self.at_x(tick);
            let _ = write!(
                self.svg,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 15.0,
                short(tick)
            );
        }
        for tick in ticks(self.y) {
            let y = self.at_y(tick);
            let _ = write!(
                self.svg,
                "<path class=\"grid\" d=\"M{left} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                left - 6.0,
                y + 4.0,
                short(tick)
            );
        }
        let (middle_x, middle_y) = (
            self.at_x(f64::midpoint(self.x.0, self.x.1)),
            HEIGHT / 2.0 - 12.0,
        );
        let _ = write!(
            self.svg,
            "<text x=\"{middle_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text><text transform=\"translate(12 {middle_y:.1}) \
             rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 6.0,
            escaped(x_label),
            escaped(y_label)
        );
    }

    fn bar(&mut self, (from, to): (f64, f64), (bottom, top): (f64, f64), class: &str) {
        if top <= bottom {
            return;
        }
        let (x, end) = (self.at_x(from), self.at_x(to));
        let (y, base) = (self.at_y(top), self.at_y(bottom));
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>",
            x + 0.3,
            (end - x - 0.6).max(0.3),
            base - y
        );
    }

    fn line(&mut self, points: impl Iterator<Item = (f64, f64)>, class: &str) {
        let _ = write!(self.svg, "<path class=\"line {class}\" d=\"");
        let mut pen = 'M';
        for (x, y) in points {
            if !y.is_finite() {
                pen = 'M';
                continue;
            }
            let _ = write!(self.svg, "{pen}{:.1} {:.1}", self.at_x(x), self.at_y(y));
            pen = 'L';
        }
        self.svg.push_str("\"/>");
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// At most seven round numbers within a range.
fn ticks((from, to): (f64, f64)) -> Vec<f64> {
    let rough = (to - from) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Histogram of r, with significant voxels in the accent colour; NaN are skipped.
pub(super) fn histogram_of_r(r: &[f64], is_significant: &[bool]) -> String {
    let finite = || r.iter().copied().filter(|r| r.is_finite());
    let from = finite().fold(0.0_f64, f64::min);
    let to = finite().fold(0.1_f64, f64::max);
    let (from, to) = ((from * 20.0).floor() / 20.0, (to * 20.0).ceil() / 20.0);
    let bin = |r: f64| (((r - from) / (to - from) * N_BINS as f64) as usize).min(N_BINS - 1);
    let mut all = [0_usize; N_BINS];
    let mut significant = [0_usize; N_BINS];
    for (r, is_significant) in r.iter().zip(is_significant) {
        if r.is_finite() {
            all[bin(*r)] += 1;
            significant[bin(*r)] += usize::from(*is_significant);
        }
    }
    let most = all.iter().copied().max().unwrap_or(1).max(1) as f64;
    let mut plot = Plot::new("Voxels by r", (from, to), (0.0, most), ("r", "voxels"));
    let width = (to - from) / N_BINS as f64;
    for (index, (all, significant)) in all.iter().zip(&significant).enumerate() {
        let sides = (
            from + index as f64 * width,
            from + (index + 1) as f64 * width,
        );
        let (all, significant) = (*all as f64, *significant as f64);
        plot.bar(sides, (0.0, significant), "accent");
        plot.bar(sides, (significant, all), "quiet");
    }
    plot.finish()
}

/// Bar chart of the number of voxels per α.
pub(super) fn histogram_of_alpha(alphas: &[f64], chosen: &[f64]) -> String {
    let count = |alpha: &f64| {
        let is_it = |one: &&f64| (**one - alpha).abs() <= alpha.abs() * 1e-9;
        chosen.iter().filter(is_it).count() as f64
    };
    let counts: Vec<f64> = alphas.iter().map(count).collect();
    let most = counts.iter().copied().fold(1.0, f64::max);
    let logs: Vec<f64> = alphas
        .iter()
        .map(|alpha| alpha.max(1e-300).log10())
        .collect();
    let (first, last) = (
        logs.first().copied().unwrap_or(0.0),
        logs.last().copied().unwrap_or(0.0),
    );
    let half = ((last - first) / (2 * logs.len().max(2) - 2) as f64).max(0.05);
    let range = (first - half, last + half);
    let mut plot = Plot::new(
        "Voxels by their α",
        range,
        (0.0, most),
        ("log₁₀ α", "voxels"),
    );
    for (log, count) in logs.iter().zip(counts) {
        plot.bar((log - half * 0.9, log + half * 0.9), (0.0, count), "accent");
    }
    plot.finish()
}

/// Mean validation score against α: over all voxels, and over the best tenth.
pub(super) fn rounds_curve(alphas: &[f64], all: &[f64], best: &[f64]) -> String {
    let logs: Vec<f64> = alphas
        .iter()
        .map(|alpha| alpha.max(1e-300).log10())
        .collect();
    let values = || {
        all.iter()
            .chain(best)
            .copied()
            .filter(|value| value.is_finite())
    };
    let range = (
        values().fold(f64::INFINITY, f64::min).min(0.0),
        values().fold(f64::NEG_INFINITY, f64::max).max(0.01),
    );
    let x = (
        logs.first().copied().unwrap_or(0.0),
        logs.last().copied().unwrap_or(1.0),
    );
    let mut plot = Plot::new(
        "Mean score in the rounds by α",
        x,
        range,
        ("log₁₀ α", "mean score in the rounds"),
    );
    plot.line(logs.iter().copied().zip(best.iter().copied()), "accent");
    plot.line(logs.iter().copied().zip(all.iter().copied()), "quiet");
    plot.finish()
}

/// A voxel's test time course: measured, and predicted rescaled to the same mean and standard deviation.
pub(super) fn time_course(title: &str, measured: &[f64], predicted: &[f64]) -> String {
    let scaled = matched(predicted, measured);
    let values = || {
        measured
            .iter()
            .chain(&scaled)
            .copied()
            .filter(|value| value.is_finite())
    };
    let y = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let y = if y.0.is_finite() { y } else { (-1.0, 1.0) };
    let x = (0.0, measured.len().max(2) as f64 - 1.0);
    let mut plot = Plot::new(title, x, y, ("test scan", "response"));
    let points = |series: &[f64]| -> Vec<(f64, f64)> {
        series
            .iter()
            .enumerate()
            .map(|(scan, value)| (scan as f64, *value))
            .collect()
    };
    plot.line(points(measured).into_iter(), "quiet");
    plot.line(points(&scaled).into_iter(), "accent");
    plot.finish()
}

/// `series` rescaled to the mean and standard deviation of `like`.
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

/// Escapes text for HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-12, "{found:?}");
            }
        };
        close(ticks((0.0, 1.0)), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        close(ticks((-0.05, 0.3)), &[0.0, 0.1, 0.2, 0.3]);
        close(ticks((0.0, 1234.0)), &[0.0, 500.0, 1000.0]);
    }

    #[test]
    fn bars_are_as_high_as_there_are_voxels() {
        let r = [0.11, 0.12, 0.4, f64::NAN];
        let svg = histogram_of_r(&r, &[false, true, true, false]);
        // One voxel per bin: two significant ones and one that is not.
        assert_eq!(svg.matches("<rect class=\"accent\"").count(), 2);
        assert_eq!(svg.matches("<rect class=\"quiet\"").count(), 1);
        let svg = histogram_of_alpha(&[1.0, 10.0, 100.0], &[10.0, 10.0, 100.0]);
        assert_eq!(svg.matches("<rect").count(), 2);
    }

    #[test]
    fn a_prediction_is_drawn_on_the_scale_of_what_was_measured() {
        let scaled = matched(&[0.0, 1.0, 2.0], &[10.0, 30.0, 50.0]);
        for (a, b) in scaled.iter().zip([10.0, 30.0, 50.0]) {
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(
            escaped("<b a=\"1\">&'"),
            "&lt;b a=&quot;1&quot;&gt;&amp;&#39;"
        );
    }
}
