//! What two sets of features explain apart and together.

use ndarray::Array1;

use super::set::quantile;
use super::{FittedModel, MapEntry, MapSet, MapsError, MapsRecord, refuse_other_data};
use crate::linear::partition::partition;
use crate::run::encoding::Column;

/// Share of the well-predicted voxels below the brightest colour.
const BRIGHTEST_SHARE: f64 = 0.99;

/// Partitions the variance explained by two sets of features, given fits of each and of both together.
///
/// The maps: `only_first`, `only_second`, `shared` and `both`, as R², for every voxel and not clipped; `red`, `green` and
/// `blue`: the first three, from 0 to the same largest value, where the joint fit is significant.
///
/// # Errors
/// Returns a [`MapsError`] if the fits are not of the same voxels, responses and test stories, or if it is not known which
/// voxels the joint fit predicts.
pub fn variance(models: [&FittedModel; 3]) -> Result<MapSet, MapsError> {
    refuse_other_data(&models, 3)?;
    let [first, second, both] = models;
    let is_shown =
        both.must_know_significant("Run the fit again with permutations (n_permutations).")?;
    let r2 = |model: &FittedModel| -> Array1<f64> { model.table.column(Column::R2).collect() };
    let (of_first, of_second, of_both) = (r2(first), r2(second), r2(both));
    let parts = partition(of_first.view(), of_second.view(), of_both.view());
    let mut record = MapsRecord::new("unique and shared variance", &models)?;
    if let Some(what) = not_joint(models) {
        record.notes.push(what);
    }
    record.notes.push(format!(
        "Parts of R² on the test stories. Red: only {}; green: only {}; blue: shared. Colours from 0 to the same value, where \
         the joint fit is significant (q ≤ {}).",
        first.name, second.name, both.table.fdr_level
    ));
    record.notes.extend(parts.warning());
    let colours = [&parts.unique_first, &parts.unique_second, &parts.shared];
    let shown = |part: &Array1<f64>| -> Vec<f64> {
        let shown = part.iter().zip(&is_shown);
        shown
            .map(|(value, is_shown)| if *is_shown { *value } else { f64::NAN })
            .collect()
    };
    let colours = colours.map(shown);
    let brightest = quantile(colours.iter().flatten().copied(), BRIGHTEST_SHARE);
    record
        .settings
        .insert("brightest_r2".into(), brightest.into());
    record.rgb = Some(["red", "green", "blue"].map(String::from));
    let mut set = MapSet {
        record,
        values: vec![],
        files: vec![],
    };
    let entries = [
        (
            "only_first",
            format!("R² only of {}", first.name),
            parts.unique_first,
        ),
        (
            "only_second",
            format!("R² only of {}", second.name),
            parts.unique_second,
        ),
        ("shared", "shared R²".into(), parts.shared),
        ("both", "R² of both".into(), of_both),
    ];
    for (name, title, values) in entries {
        set.add(MapEntry::signed(name, &title), values.to_vec());
    }
    let titles = [
        format!("only {}", first.name),
        format!("only {}", second.name),
        "shared".into(),
    ];
    let channels = ["red", "green", "blue"].into_iter().zip(titles);
    for ((name, title), values) in channels.zip(colours) {
        let scaled = values.iter().map(|value| scale(*value, brightest));
        set.add(MapEntry::new(name, &title), scaled.collect());
    }
    Ok(set)
}

/// From 0 to 1; NaN stays NaN.
fn scale(value: f64, brightest: f64) -> f64 {
    if value.is_nan() {
        return f64::NAN;
    }
    if brightest > 0.0 {
        (value / brightest).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// A note if the third fit does not hold the features of the first two.
fn not_joint([first, second, both]: [&FittedModel; 3]) -> Option<String> {
    let joint: Vec<_> = both.sets().collect();
    let sets = first.recipe.features.iter().zip(first.sets());
    let mut sets = sets.chain(second.recipe.features.iter().zip(second.sets()));
    let (missing, _) = sets.find(|(_, key)| !joint.contains(key))?;
    Some(format!(
        "The features \"{}\" are not among those of {}, which should hold the features of both other fits.",
        missing.name, both.name
    ))
}
