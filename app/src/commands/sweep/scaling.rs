//! What grows with what: performance against parameters, and against hours of training data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use heschl_core::stats::scaling::LogLinearFit;
use heschl_models::catalogue;

use super::{Fit, SweepEntry};
use crate::console::say;
use crate::csv::cell;

/// One line of a scaling figure.
pub(super) struct Curve {
    /// What the size is.
    unit: &'static str,
    /// What is held: the model and layer where hours grow.
    of: String,
    points: Vec<Point>,
    /// Of mean r, and of the mean of |r|·r.
    fits: [LogLinearFit; 2],
}

struct Point {
    label: String,
    size: f64,
    means: [f64; 2],
}

/// Curves of at least two sizes: the best layer of each model against its parameters, and each layer against its hours.
pub(super) fn curves(entries: &[SweepEntry], sizes: &[(String, f64)]) -> Vec<Curve> {
    let mut curves = vec![by_parameters(entries, sizes)];
    let mut by_layer: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for entry in entries {
        let of = format!("{} {}", entry.fit.model, entry.fit.layer);
        by_layer.entry(of).or_default().push(Point {
            label: format!("{} stories", entry.fit.n_stories),
            size: entry.training_hours,
            means: entry.means(),
        });
    }
    curves.extend(
        by_layer
            .into_iter()
            .map(|(of, points)| Curve::of("hours", of, points)),
    );
    curves.into_iter().flatten().collect()
}

fn by_parameters(entries: &[SweepEntry], sizes: &[(String, f64)]) -> Option<Curve> {
    let mut best: BTreeMap<&str, &SweepEntry> = BTreeMap::new();
    let most = entries.iter().map(|entry| entry.fit.n_stories).max();
    for entry in entries
        .iter()
        .filter(|entry| Some(entry.fit.n_stories) == most)
    {
        let known = best.entry(&entry.fit.model).or_insert(entry);
        if entry.means()[0] > known.means()[0] {
            *known = entry;
        }
    }
    let points = best.into_iter().filter_map(|(model, entry)| {
        Some(Point {
            label: format!("{model} {}", entry.fit.layer),
            size: parameters(&entry.fit, sizes)?,
            means: entry.means(),
        })
    });
    Curve::of("parameters", "best layers".into(), points.collect())
}

/// As given for the model's name in the sweep, or as the catalogue has it for the name of its folder.
fn parameters(fit: &Fit, sizes: &[(String, f64)]) -> Option<f64> {
    let given = sizes.iter().find(|(name, _)| *name == fit.model);
    let known = || {
        let entry = catalogue::find(fit.set.folder.file_name()?.to_str()?)?;
        Some(f64::from(entry.parameters_millions) * 1e6)
    };
    given.map(|(_, size)| *size).or_else(known)
}

impl Curve {
    fn of(unit: &'static str, of: String, points: Vec<Point>) -> Option<Self> {
        let fit = |which: usize| {
            let points: Vec<(f64, f64)> = points
                .iter()
                .map(|point| (point.size, point.means[which]))
                .collect();
            LogLinearFit::of(&points)
        };
        Some(Self {
            unit,
            of,
            fits: [fit(0)?, fit(1)?],
            points,
        })
    }

    /// Says how steep it is.
    pub(super) fn notify(&self) {
        for (name, fit) in ["mean r", "mean |r|·r"].iter().zip(&self.fits) {
            let interval = fit.slope_interval(0.95);
            let bounds = if interval.lower.is_finite() {
                format!(
                    " (95 % interval {:.4} to {:.4})",
                    interval.lower, interval.upper
                )
            } else {
                String::new()
            };
            say(format_args!(
                "{}: {name} grows by {:.4} for ten times the {}{bounds}; R² {:.3}, {} sizes",
                self.of,
                fit.slope_per_decade,
                self.unit,
                fit.r_squared,
                self.points.len()
            ));
        }
    }
}

/// The points of all curves with the lines through them.
pub(super) fn table(curves: &[Curve]) -> String {
    let mut text = String::from(
        "unit,of,label,size,mean_r,mean_signed_square,slope_of_mean_r,slope_of_mean_signed_square\n",
    );
    for curve in curves {
        let [r, square] = curve.fits.map(|fit| fit.slope_per_decade);
        for point in &curve.points {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{r},{square}",
                curve.unit,
                cell(&curve.of),
                cell(&point.label),
                point.size,
                point.means[0],
                point.means[1]
            );
        }
    }
    text
}
