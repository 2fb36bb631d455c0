//! At which delay the weights of a fit are largest.

use ndarray::ArrayView2;

use super::set::CategoryName;
use super::{FittedModel, MapEntry, MapSet, MapsError, MapsRecord, Watch, refuse_other_voxels};
use crate::linear::weights::{centre_of_mass, longest, profile};
use crate::run::encoding::BLOCK_VOXELS;
use crate::run::recipe::ScansRecipe;

/// Which weights count, and for which voxels.
#[derive(Debug, Clone, Default)]
pub struct DelaySettings {
    /// The set of features whose weights count; all of them if `None`.
    pub set: Option<String>,
    /// Whether voxels that the fit does not predict also have values.
    pub all_voxels: bool,
}

/// Finds the delay of the largest weights of each voxel; `None` if cancelled.
///
/// A voxel's profile is the length (Euclidean norm) of its weights at each delay. The maps: `delay`, where that is longest, and
/// `centre`, the profile's centre of mass, both in scans, and in seconds as `delay_secs` and `centre_secs` if the recipe says
/// the repetition time; `weight_at_…`, the profile. Voxels that the fit does not predict have no values.
///
/// # Errors
/// Returns a [`MapsError`] if the fit kept no weights, has one delay, or no such set, or if it is not known which voxels it
/// predicts.
pub fn delays(
    model: &FittedModel,
    settings: &DelaySettings,
    (cancel, report): Watch,
) -> Result<Option<MapSet>, MapsError> {
    let n_voxels = refuse_other_voxels(&[model], 1)?;
    let delays = &model.recipe.design.delays;
    if delays.len() < 2 {
        return Err(MapsError::OneDelay(model.name.clone()));
    }
    let is_shown = if settings.all_voxels {
        vec![true; n_voxels]
    } else {
        model.must_know_significant(
            "Run the fit again with permutations (n_permutations), or map the delays of all voxels.",
        )?
    };
    let weights = model.weights()?;
    let n_rows = weights.dim().0;
    let features = model.features_of(settings.set.as_deref(), n_rows / delays.len())?;
    let in_scans: Vec<f64> = delays.iter().map(|delay| f64::from(*delay)).collect();
    let mut found = Profiles::new(delays.len());
    for from in (0..n_voxels).step_by(BLOCK_VOXELS) {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let voxels = from..n_voxels.min(from + BLOCK_VOXELS);
        let block = weights.read::<f64>(0..n_rows, voxels.clone())?;
        let profile = profile(block.view(), delays.len(), features.clone());
        found.add(profile.view(), &in_scans);
        report(voxels.end, n_voxels);
    }
    found.mask(&is_shown);
    found.set(model, settings).map(Some)
}

struct Profiles {
    delay: Vec<f64>,
    centre: Vec<f64>,
    /// Of each delay.
    lengths: Vec<Vec<f64>>,
}

impl Profiles {
    fn new(n_delays: usize) -> Self {
        Self {
            delay: vec![],
            centre: vec![],
            lengths: vec![vec![]; n_delays],
        }
    }

    fn add(&mut self, profile: ArrayView2<f64>, delays: &[f64]) {
        self.delay.extend(longest(profile, delays));
        self.centre.extend(centre_of_mass(profile, delays));
        for (all, row) in self.lengths.iter_mut().zip(profile.rows()) {
            all.extend(row);
        }
    }

    fn mask(&mut self, is_shown: &[bool]) {
        let maps = [&mut self.delay, &mut self.centre];
        for map in maps.into_iter().chain(&mut self.lengths) {
            for (value, is_shown) in map.iter_mut().zip(is_shown) {
                if !is_shown {
                    *value = f64::NAN;
                }
            }
        }
    }

    fn set(self, model: &FittedModel, settings: &DelaySettings) -> Result<MapSet, MapsError> {
        let delays = &model.recipe.design.delays;
        let mut record = MapsRecord::new("delay of the largest weights", &[model])?;
        let of = settings.set.as_deref().unwrap_or("all");
        record.settings.insert("features".into(), of.into());
        record
            .settings
            .insert("all_voxels".into(), settings.all_voxels.into());
        record.notes.push(
            "The length (Euclidean norm) of a voxel's weights at each delay is its profile; the delay is that of the longest, the \
             centre is the profile's centre of mass."
                .into(),
        );
        if !settings.all_voxels {
            record.notes.push(format!(
                "Only voxels that the fit predicts have values (q ≤ {}).",
                model.table.fdr_level
            ));
        }
        let secs = repetition_secs(&model.recipe.scans);
        let mut set = MapSet {
            record,
            values: vec![],
            files: vec![],
        };
        let mut ascending = delays.clone();
        ascending.sort_unstable();
        let categories = ascending.into_iter().map(|delay| CategoryName {
            value: delay,
            name: words(delay, secs),
        });
        let entry = MapEntry::of_categories(
            "delay",
            "delay of the largest weights",
            categories.collect(),
        );
        let in_secs = |values: &[f64], secs: f64| values.iter().map(|value| value * secs).collect();
        let more = secs.map(|secs| [in_secs(&self.delay, secs), in_secs(&self.centre, secs)]);
        set.add(entry, self.delay);
        let title = "centre of the weights over delays (scans)";
        set.add(MapEntry::new("centre", title), self.centre);
        if let Some([delay_secs, centre_secs]) = more {
            let title = "delay of the largest weights (s)";
            set.add(MapEntry::new("delay_secs", title), delay_secs);
            let title = "centre of the weights over delays (s)";
            set.add(MapEntry::new("centre_secs", title), centre_secs);
        }
        for (delay, lengths) in delays.iter().zip(self.lengths) {
            let title = format!("length of the weights at {}", words(*delay, secs));
            set.add(
                MapEntry::new(&format!("weight_at_{delay}"), &title),
                lengths,
            );
        }
        Ok(set)
    }
}

/// `2 scans (4 s)`.
fn words(delay: i32, repetition_secs: Option<f64>) -> String {
    let unit = if delay == 1 { "scan" } else { "scans" };
    match repetition_secs {
        None => format!("{delay} {unit}"),
        Some(secs) => {
            let secs = (f64::from(delay) * secs * 100.0).round() / 100.0;
            format!("{delay} {unit} ({secs} s)")
        }
    }
}

/// The repetition time, if the recipe says it, seconds.
fn repetition_secs(scans: &ScansRecipe) -> Option<f64> {
    match scans {
        ScansRecipe::Simulated {
            repetition_secs, ..
        } => Some(*repetition_secs),
        ScansRecipe::Events {
            repetition_secs, ..
        } => *repetition_secs,
        ScansRecipe::Reports { .. } | ScansRecipe::Lists { .. } => None,
    }
}
