//! Heat map of features: time on the x axis, dimensions downwards, each cell the mean of the values in it.

use ndarray::{Array2, ArrayView2, Axis};

/// Rows of one level that are averaged into one of the next.
const LEVEL_FACTOR: usize = 4;
/// Number of rows from which the colour scale is estimated.
const SCALE_ROWS: usize = 500;

/// A layer's features at several temporal resolutions.
#[derive(Debug, Clone)]
pub struct HeatMap {
    /// Finest level first: `(n_rows, n_dims)`, `(n_rows / 4, n_dims)`, …
    levels: Vec<Array2<f32>>,
    /// 2nd and 98th percentile of all values.
    range: [f32; 2],
    /// Mean and standard deviation of each dimension.
    moments: Vec<[f32; 2]>,
}

/// Colour mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shading {
    /// The value, between the layer's 2nd and 98th percentile.
    #[default]
    Values,
    /// z score of the value within its dimension, between −3 and 3.
    PerDimension,
}

/// A region of a layer, in fractional rows and dimensions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// First and last row.
    pub rows: [f64; 2],
    /// First and last dimension.
    pub dims: [f64; 2],
}

impl HeatMap {
    /// Prepares a layer's features, `(n_rows, n_dims)`. Needs a third more memory than they do.
    #[must_use]
    pub fn new(features: Array2<f32>) -> Self {
        let range = percentiles(&features);
        let moments = features
            .axis_iter(Axis(1))
            .map(|dim| moments(dim.iter()))
            .collect();
        let mut levels = vec![features];
        while let Some(last) = levels.last().filter(|level| level.nrows() > LEVEL_FACTOR) {
            let next = coarser(last.view());
            levels.push(next);
        }
        Self {
            levels,
            range,
            moments,
        }
    }

    /// Returns the features, `(n_rows, n_dims)`.
    #[must_use]
    pub fn features(&self) -> &Array2<f32> {
        &self.levels[0]
    }

    /// Returns the values at the ends of the colour scale.
    #[must_use]
    pub fn range(&self, shading: Shading) -> [f32; 2] {
        match shading {
            Shading::Values => self.range,
            Shading::PerDimension => [-3.0, 3.0],
        }
    }

    /// Returns the mean of the values in each cell, `(n_down, n_across)` in C order, as a fraction of the colour scale; NaN
    /// for cells with non-finite values or without data.
    ///
    /// Takes time proportional to the number of cells, whatever the length.
    #[must_use]
    pub fn cells(
        &self,
        stretch: Stretch,
        [n_across, n_down]: [usize; 2],
        shading: Shading,
    ) -> Vec<f32> {
        let per_column = (stretch.rows[1] - stretch.rows[0]) / n_across.max(1) as f64;
        let (mut level, mut factor) = (0, 1.0);
        while level + 1 < self.levels.len() && per_column >= factor * LEVEL_FACTOR as f64 {
            level += 1;
            factor *= LEVEL_FACTOR as f64;
        }
        let values = &self.levels[level];
        let rows = edges(
            [stretch.rows[0] / factor, stretch.rows[1] / factor],
            n_across,
            values.nrows(),
        );
        let dims = edges(stretch.dims, n_down, values.ncols());
        let [low, high] = self.range(shading);
        let width = (high - low).max(f32::MIN_POSITIVE);
        let mut cells = vec![f32::NAN; n_across * n_down];
        for (across, rows) in rows.iter().enumerate() {
            for (down, dims) in dims.iter().enumerate() {
                let (mut sum, mut n) = (0.0_f32, 0);
                for row in rows.clone() {
                    for dim in dims.clone() {
                        sum += self.shaded(values[[row, dim]], dim, shading);
                        n += 1;
                    }
                }
                if n > 0 {
                    cells[down * n_across + across] = (sum / n as f32 - low) / width;
                }
            }
        }
        cells
    }

    fn shaded(&self, value: f32, dim: usize, shading: Shading) -> f32 {
        match shading {
            Shading::Values => value,
            Shading::PerDimension => {
                let [mean, sd] = self.moments[dim];
                if sd > 0.0 { (value - mean) / sd } else { 0.0 }
            }
        }
    }

    /// Returns the minimum and maximum of one dimension in each of `n_columns` equal parts of a fractional range of rows.
    #[must_use]
    pub fn line(&self, dim: usize, rows: [f64; 2], n_columns: usize) -> Vec<[f32; 2]> {
        let values = &self.levels[0];
        if dim >= values.ncols() {
            return vec![];
        }
        let bounds = |rows: &std::ops::Range<usize>| {
            rows.clone()
                .map(|row| values[[row, dim]])
                .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], value| {
                    [low.min(value), high.max(value)]
                })
        };
        edges(rows, n_columns, values.nrows())
            .iter()
            .map(bounds)
            .collect()
    }
}

/// Index ranges covered by `n` equal parts of an interval: at least one index each within `end`.
fn edges([from, to]: [f64; 2], n: usize, end: usize) -> Vec<std::ops::Range<usize>> {
    let per_part = (to - from) / n.max(1) as f64;
    let part = |at: usize| {
        let first = from + per_part * at as f64;
        let last = first + per_part;
        if last <= 0.0 || first >= end as f64 {
            return 0..0;
        }
        let first = first.max(0.0).floor() as usize;
        let last = (last.floor() as usize).clamp(first + 1, end.max(first + 1));
        first.min(end)..last.min(end)
    };
    (0..n).map(part).collect()
}

fn coarser(rows: ArrayView2<f32>) -> Array2<f32> {
    let n_rows = rows.nrows().div_ceil(LEVEL_FACTOR);
    let mut coarse = Array2::zeros((n_rows, rows.ncols()));
    for (group, mut mean) in rows
        .axis_chunks_iter(Axis(0), LEVEL_FACTOR)
        .zip(coarse.axis_iter_mut(Axis(0)))
    {
        for row in group.axis_iter(Axis(0)) {
            mean += &row;
        }
        mean /= group.nrows() as f32;
    }
    coarse
}

fn percentiles(features: &Array2<f32>) -> [f32; 2] {
    let rows = super::evenly(features.nrows(), SCALE_ROWS);
    let values = rows.iter().flat_map(|row| features.row(*row).to_vec());
    let mut values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return [0.0, 1.0];
    }
    let last = values.len() - 1;
    let mut at = |share: f64| {
        *values
            .select_nth_unstable_by((last as f64 * share).round() as usize, f32::total_cmp)
            .1
    };
    let (low, high) = (at(0.02), at(0.98));
    if low < high {
        [low, high]
    } else {
        [low - 0.5, low + 0.5]
    }
}

fn moments<'a>(values: impl Iterator<Item = &'a f32> + Clone) -> [f32; 2] {
    let finite = values
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value));
    let n = finite.clone().count().max(1) as f64;
    let mean = finite.clone().sum::<f64>() / n;
    let variance = finite.map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    [mean as f32, variance.sqrt() as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Array2<f32> {
        Array2::from_shape_fn((1000, 6), |(row, dim)| {
            ((row * 7919 + dim * 104_729) % 1009) as f32 / 1009.0 + dim as f32
        })
    }

    #[test]
    fn cells_are_means_of_what_falls_on_them() {
        let features = features();
        let map = HeatMap::new(features.clone());
        let stretch = Stretch {
            rows: [0.0, 1000.0],
            dims: [0.0, 6.0],
        };
        let [low, high] = map.range(Shading::Values);
        // A thousand rows in ten columns: levels of 64 rows give columns of one or two of them.
        for (n_across, tolerance) in [(1000, 1e-5), (250, 1e-5), (10, 0.2)] {
            let cells = map.cells(stretch, [n_across, 3], Shading::Values);
            for across in 0..n_across {
                for down in 0..3 {
                    let rows = across * 1000 / n_across..(across + 1) * 1000 / n_across;
                    let part = features.slice(ndarray::s![rows, 2 * down..2 * down + 2]);
                    let expected = part.mean().unwrap_or(0.0);
                    let found = cells[down * n_across + across] * (high - low) + low;
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{across} {down}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_is_not_a_number() {
        let map = HeatMap::new(features());
        let stretch = Stretch {
            rows: [-10.0, 10.0],
            dims: [0.0, 6.0],
        };
        let cells = map.cells(stretch, [20, 6], Shading::PerDimension);
        assert!(cells[..10].iter().all(|cell| cell.is_nan()));
        assert!(cells[10..20].iter().all(|cell| cell.is_finite()));
    }

    #[test]
    fn shading_by_dimension_takes_mean_and_spread_away() {
        let map = HeatMap::new(features());
        let stretch = Stretch {
            rows: [0.0, 1000.0],
            dims: [0.0, 6.0],
        };
        let cells = map.cells(stretch, [1000, 6], Shading::PerDimension);
        for dim in 0..6 {
            let scores: Vec<f32> = cells[dim * 1000..][..1000]
                .iter()
                .map(|share| share * 6.0 - 3.0)
                .collect();
            let mean = scores.iter().sum::<f32>() / 1000.0;
            let spread = scores
                .iter()
                .map(|score| (score - mean).powi(2))
                .sum::<f32>()
                / 1000.0;
            assert!(
                mean.abs() < 1e-3 && (spread - 1.0).abs() < 1e-3,
                "{dim}: {mean} {spread}"
            );
        }
    }

    #[test]
    fn a_line_holds_the_extremes() {
        let features = features();
        let map = HeatMap::new(features.clone());
        let line = map.line(2, [0.0, 1000.0], 50);
        for (at, [low, high]) in line.iter().enumerate() {
            let part = features.slice(ndarray::s![at * 20..at * 20 + 20, 2]);
            let least = part.iter().copied().fold(f32::INFINITY, f32::min);
            let most = part.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(
                (low.to_bits(), high.to_bits()),
                (least.to_bits(), most.to_bits())
            );
        }
        assert!(map.line(6, [0.0, 1000.0], 50).is_empty());
    }

    #[test]
    fn values_that_are_not_finite_do_not_spoil_the_scale() {
        let mut features = features();
        features[[3, 3]] = f32::NAN;
        features[[4, 4]] = f32::INFINITY;
        let map = HeatMap::new(features);
        let [low, high] = map.range(Shading::Values);
        assert!(low.is_finite() && high < 7.0, "{low} {high}");
    }
}
