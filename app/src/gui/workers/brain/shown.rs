//! The values that a picture of the cortex shows: a column of scores, or maps that were made from fits.

use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::maps::{MapEntry, MapSet};

use crate::failure::Failure;
use crate::gui::brain::{ShownMap, shown_map};

/// The share of the voxels below the last colour.
const BRIGHTEST_SHARE: f64 = 0.99;

/// Values of voxels, before they are placed.
pub(super) struct Shown {
    pub(super) values: Vec<f32>,
    /// q, and the level below which a voxel is significant.
    pub(super) q: Option<(Vec<f32>, f64)>,
    pub(super) look: ShownLook,
}

/// How they become colours.
pub(super) enum ShownLook {
    Scale,
    Categories(MapEntry),
    /// Green and blue, and what each of the three is.
    Rgb([Vec<f32>; 2], [String; 3]),
}

impl Shown {
    pub(super) fn of_column(table: &ScoreTable, of: Column) -> Result<Self, Failure> {
        if table.first_voxel != 0 {
            return Err(Failure::new(
                "These are the scores of a part of the voxels. Join the parts first.".into(),
            ));
        }
        Ok(Self {
            values: column(table, of),
            q: Some((column(table, Column::Q), table.fdr_level)),
            look: ShownLook::Scale,
        })
    }

    pub(super) fn of_maps(set: &MapSet, name: Option<&str>) -> Result<Self, Failure> {
        let single = |name: &str| -> Result<(&MapEntry, Vec<f32>), Failure> {
            let (entry, values) = set.map(name)?;
            Ok((entry, values.iter().map(|value| *value as f32).collect()))
        };
        let level = set.record.settings.get("fdr_level");
        let level = level.and_then(serde_json::Value::as_f64);
        let q = single("q").ok().zip(level);
        let q = q.map(|((_, q), level)| (q, level));
        let (values, look) = match shown_map(&set.record, name) {
            None => return Err(Failure::new("The folder holds no such map.".into())),
            Some(ShownMap::One(entry)) => {
                let look = if entry.categories.is_empty() {
                    ShownLook::Scale
                } else {
                    ShownLook::Categories(entry.clone())
                };
                (single(&entry.name)?.1, look)
            }
            Some(ShownMap::Rgb([red, green, blue])) => {
                let [red, green, blue] = [single(red)?, single(green)?, single(blue)?];
                let titles = [&red, &green, &blue].map(|(entry, _)| entry.title.clone());
                (red.1, ShownLook::Rgb([green.1, blue.1], titles))
            }
        };
        Ok(Self { values, q, look })
    }
}

/// A column of the scores.
pub(super) fn column(table: &ScoreTable, column: Column) -> Vec<f32> {
    table.column(column).map(|value| value as f32).collect()
}

/// Keeps the values of voxels that hold in another column; NaN never does.
pub(super) fn keep(values: &mut [f32], others: &[f32], holds: impl Fn(f64) -> bool) {
    for (value, other) in values.iter_mut().zip(others) {
        if !holds(f64::from(*other)) {
            *value = f32::NAN;
        }
    }
}

/// From 0 to nearly the largest value, or as far to either side of 0 for maps with a middle.
pub(super) fn limits(values: &[f32], has_middle: bool) -> [f32; 2] {
    let mut sorted: Vec<f32> = values.to_vec();
    sorted.retain(|value| value.is_finite());
    if has_middle {
        for value in &mut sorted {
            *value = value.abs();
        }
    }
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * BRIGHTEST_SHARE).round() as usize;
    let most = sorted.get(at).copied().filter(|most| *most > 0.0);
    let most = most.unwrap_or(1.0);
    [if has_middle { -most } else { 0.0 }, most]
}
