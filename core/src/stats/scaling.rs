//! Scaling of encoding performance with model size or hours of data.

use crate::stats::intervals::Interval;

/// A log-linear fit of performance against size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogLinearFit {
    /// Gain in performance per tenfold increase in size.
    pub slope_per_decade: f64,
    /// Standard error of the slope; NaN for two points.
    pub slope_error: f64,
    /// Performance at size 1.
    pub intercept: f64,
    /// Coefficient of determination of the fit.
    pub r_squared: f64,
    n_points: usize,
    /// Mean of log10(size).
    centre: f64,
    /// Residual variance of the points around the line.
    spread: f64,
}

impl LogLinearFit {
    /// Fits `performance = intercept + slope · log10(size)` by least squares; returns `None` for fewer than two distinct
    /// sizes.
    ///
    /// `points`: size, above 0, and performance; invalid points are skipped.
    ///
    /// Source: the figures of Antonello et al. (2023).
    #[must_use]
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let usable = points.iter().filter(|(size, performance)| {
            *size > 0.0 && size.is_finite() && performance.is_finite()
        });
        let points: Vec<(f64, f64)> = usable
            .map(|(size, performance)| (size.log10(), *performance))
            .collect();
        let n = points.len() as f64;
        let mean_x = points.iter().map(|point| point.0).sum::<f64>() / n;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / n;
        let sum = |of: fn(f64, f64) -> f64| {
            points
                .iter()
                .map(|(x, y)| of(x - mean_x, y - mean_y))
                .sum::<f64>()
        };
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        // Written so that it also holds for no points, whose sums are 0.
        if !(points.len() >= 2 && xx > 0.0) {
            return None;
        }
        let slope = xy / xx;
        let r_squared = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
        let residual = (yy - slope * xy).max(0.0);
        Some(Self {
            slope_per_decade: slope,
            slope_error: (residual / (n - 2.0) / xx).sqrt(),
            intercept: mean_y - slope * mean_x,
            r_squared,
            n_points: points.len(),
            centre: mean_x,
            spread: residual / (n - 2.0),
        })
    }

    /// Returns the performance at a size according to the fit.
    #[must_use]
    pub fn at(&self, size: f64) -> f64 {
        self.intercept + self.slope_per_decade * size.log10()
    }

    /// Returns the confidence interval of the slope, for a `confidence` such as 0.95; NaN for two points.
    ///
    /// Assumes independent points with equal variance. Models of one family, or scores of one subject, are correlated: the
    /// interval is then too narrow.
    #[must_use]
    pub fn slope_interval(&self, confidence: f64) -> Interval {
        around(
            self.slope_per_decade,
            self.reach(confidence) * self.slope_error,
        )
    }

    /// Returns the confidence band of the line at a size.
    #[must_use]
    pub fn band_at(&self, size: f64, confidence: f64) -> Interval {
        let away = size.log10() - self.centre;
        let error = (self.spread / self.n_points as f64 + (self.slope_error * away).powi(2)).sqrt();
        around(self.at(size), self.reach(confidence) * error)
    }

    /// Returns the two-sided p value of the slope under the null hypothesis of no effect of size; NaN for two points.
    #[must_use]
    pub fn p(&self) -> f64 {
        if self.n_points <= 2 {
            return f64::NAN;
        }
        // Performance is constant.
        if self.slope_per_decade == 0.0 {
            return 1.0;
        }
        1.0 - within(
            self.slope_per_decade.abs() / self.slope_error,
            self.n_points - 2,
        )
    }

    fn reach(&self, confidence: f64) -> f64 {
        if self.n_points > 2 {
            standard_errors(confidence, self.n_points - 2)
        } else {
            f64::NAN
        }
    }
}

fn around(value: f64, reach: f64) -> Interval {
    Interval {
        lower: value - reach,
        upper: value + reach,
    }
}

/// Probability that Student's t with `n_free` degrees of freedom lies within ±`t`.
///
/// Source: Abramowitz and Stegun (1964), 26.7.3 and 26.7.4.
fn within(t: f64, n_free: usize) -> f64 {
    let angle = (t / (n_free as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = n_free % 2 == 1;
    // Odd: cos + 2/3 cos³ + 2·4/(3·5) cos⁵ + …; even: 1 + 1/2 cos² + 1·3/(2·4) cos⁴ + …; both up to cos^(n_free − 2).
    let mut power = usize::from(is_odd);
    let mut term = if is_odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    while power + 2 <= n_free {
        sum += term;
        power += 2;
        term *= cosine * cosine * (power - 1) as f64 / power as f64;
    }
    if is_odd {
        (angle + sine * sum) * std::f64::consts::FRAC_2_PI
    } else {
        sine * sum
    }
}

/// Quantile of |t|: standard errors to either side that cover the probability `confidence`.
fn standard_errors(confidence: f64, n_free: usize) -> f64 {
    let (mut below, mut above) = (0.0, 1.0);
    while within(above, n_free) < confidence && above < 1e12 {
        above *= 2.0;
    }
    // Bisection: 200 halvings exceed double precision.
    for _ in 0..200 {
        let middle = f64::midpoint(below, above);
        if within(middle, n_free) < confidence {
            below = middle;
        } else {
            above = middle;
        }
    }
    f64::midpoint(below, above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_scipy() {
        // scipy 1.17.1: linregress(log10([39e6, 74e6, 244e6, 769e6, 1550e6]), [0.05, 0.055, 0.062, 0.066, 0.069])
        let points = [
            (39e6, 0.05),
            (74e6, 0.055),
            (244e6, 0.062),
            (769e6, 0.066),
            (1550e6, 0.069),
        ];
        let fit = LogLinearFit::of(&points).unwrap();
        for (found, scipy) in [
            (fit.slope_per_decade, 0.011_569_469_256_199_456),
            (fit.intercept, -0.036_607_556_683_436_404),
            (fit.slope_error, 0.000_946_043_214_743_428_6),
            (fit.r_squared, 0.980_335_138_062_264_2),
        ] {
            assert!((found - scipy).abs() < 1e-12, "{found} {scipy}");
        }
        assert!((fit.at(1e8) - (fit.intercept + 8.0 * fit.slope_per_decade)).abs() < 1e-15);
    }

    #[test]
    fn students_t_is_that_of_scipy() {
        // scipy.stats.t.ppf(share, n_free), share = (1 + confidence) / 2
        for (share, n_free, t) in [
            (0.975, 1, 12.706_204_736_174_694),
            (0.975, 3, 3.182_446_305_283_707_8),
            (0.9, 2, 1.885_618_083_164_127_2),
            (0.995, 30, 2.749_995_653_567_225_4),
            (0.95, 1000, 1.646_378_817_285_464_3),
            (0.6, 5, 0.267_180_865_704_145_1),
        ] {
            let ours = standard_errors(2.0 * share - 1.0, n_free);
            assert!((ours / t - 1.0).abs() < 1e-10, "{share} {n_free}: {ours}");
        }
        // 2 * scipy.stats.t.sf(t, n_free)
        for (t, n_free, p) in [
            (2.5, 3, 0.087_706_647_008_065_56),
            (0.1, 10, 0.922_320_718_564_408_2),
            (12.0, 4, 0.000_276_428_548_502_973),
            (1.96, 100, 0.052_778_901_366_229_66),
        ] {
            let ours = 1.0 - within(t, n_free);
            assert!((ours - p).abs() < 1e-13, "{t} {n_free}: {ours}");
        }
    }

    #[test]
    fn p_and_interval_are_those_of_scipy() {
        // linregress(log10(sizes), scores), and slope ± t.ppf(0.95, 5) · stderr
        let points = [
            (1.0, 0.2),
            (3.0, 0.1),
            (3.0, 0.35),
            (10.0, 0.3),
            (30.0, 0.2),
            (100.0, 0.4),
            (5.0, 0.15),
        ];
        let fit = LogLinearFit::of(&points).unwrap();
        let interval = fit.slope_interval(0.9);
        let band = fit.band_at(1.0, 0.9);
        for (ours, scipys) in [
            (fit.slope_per_decade, 0.082_037_405_591_177_61),
            (fit.p(), 0.245_343_843_718_196_98),
            (interval.lower, -0.043_598_265_379_658_72),
            (interval.upper, 0.207_673_076_562_013_95),
            // At size 1 the band equals the interval of the intercept, whose standard error is 0.0671753.
            (
                (band.upper - band.lower) / (interval.upper - interval.lower),
                0.067_175_330_530_151_78 / 0.062_348_712_136_883_65,
            ),
        ] {
            assert!((ours - scipys).abs() < 1e-11, "{ours} beside {scipys}");
        }
        let two = LogLinearFit::of(&[(1.0, 0.1), (10.0, 0.2)]).unwrap();
        assert!(two.p().is_nan() && two.slope_interval(0.95).lower.is_nan());
        let flat = LogLinearFit::of(&[(1.0, 0.25), (10.0, 0.25), (100.0, 0.25)]).unwrap();
        assert!((flat.p() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_line_needs_two_sizes() {
        assert_eq!(LogLinearFit::of(&[]), None);
        assert_eq!(LogLinearFit::of(&[(1e6, 0.1), (1e6, 0.2)]), None);
        assert_eq!(
            LogLinearFit::of(&[(1e6, 0.1), (0.0, 0.2), (f64::NAN, 1.0)]),
            None
        );
    }
}
