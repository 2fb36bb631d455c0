//! How performance grows with a model's parameters or with hours of data.

/// A straight line through performance against the logarithm of size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogLinearFit {
    /// Gain for ten times the size.
    pub slope_per_decade: f64,
    /// Standard error of the slope; NaN for two points.
    pub slope_error: f64,
    /// Performance at size 1.
    pub intercept: f64,
    /// Share of the variance that the line explains.
    pub r_squared: f64,
}

impl LogLinearFit {
    /// Fits `performance = intercept + slope · log10(size)` by least squares; `None` for fewer than two sizes.
    ///
    /// `points`: size, above 0, and performance. Others are left out.
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
        // Not so for no points either, whose sums are 0.
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
        })
    }

    /// Performance at a size.
    #[must_use]
    pub fn at(&self, size: f64) -> f64 {
        self.intercept + self.slope_per_decade * size.log10()
    }
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
    fn a_line_needs_two_sizes() {
        assert_eq!(LogLinearFit::of(&[]), None);
        assert_eq!(LogLinearFit::of(&[(1e6, 0.1), (1e6, 0.2)]), None);
        assert_eq!(
            LogLinearFit::of(&[(1e6, 0.1), (0.0, 0.2), (f64::NAN, 1.0)]),
            None
        );
    }
}
