//! Which of several fits predicts each voxel best: the best layer, the best window.

use std::path::Path;

use super::names::natural_order;
use super::set::CategoryName;
use super::{FittedModel, MapEntry, MapSet, MapsError, MapsRecord, refuse_other_data};
use crate::run::encoding::Column;
use crate::run::recipe::FeatureKind;
use crate::stats::significance::q_values;

/// The value of voxels that no fit predicts.
const NONE: i32 = 0;

/// By which score the best fit of a voxel is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChosenBy {
    /// The mean score on held-out training scans, of the rounds that also chose α: the test stories have no part in it, so
    /// that r of the chosen fit is unbiased.
    #[default]
    Validation,
    /// r on the test stories: that of the chosen fit is too high on average, since it is the largest of several.
    Test,
}

/// What fits are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BestOf {
    /// Each fit is its own category.
    #[default]
    Fit,
    /// The layer of the features.
    Layer,
    /// The window of the features: chunk and context.
    Window,
    /// The model of the features.
    Model,
}

impl BestOf {
    /// Its name within a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Layer => "layer",
            Self::Window => "window",
            Self::Model => "model",
        }
    }
}

/// How the best fit is chosen.
#[derive(Debug, Clone, Default)]
pub struct BestSettings {
    /// By which score.
    pub by: ChosenBy,
    /// What fits are told apart by.
    pub of: BestOf,
    /// Names of the fits, in their order, for [`BestOf::Fit`]; their own names if empty.
    pub names: Vec<String>,
}

/// Finds the best of several fits for each voxel.
///
/// The maps: `best`, categories from 1 in the order of the legend and 0 where no fit is significant; `r`, that of the best fit
/// on the test stories; `margin`, its r minus that of the best fit of another category; `q` of the best fit. Chosen by
/// validation, there is also `validation_margin`, which decided. Significance is corrected for voxels and fits together.
///
/// # Errors
/// Returns a [`MapsError`] if the fits are not of the same voxels, responses and test stories, if they cannot be compared, or
/// if it is not known which voxels they predict.
pub fn best(models: &[FittedModel], settings: &BestSettings) -> Result<MapSet, MapsError> {
    let all: Vec<&FittedModel> = models.iter().collect();
    let n_voxels = refuse_other_data(&all, 2)?;
    if settings.by == ChosenBy::Validation {
        refuse_other_validation(models)?;
    }
    let (labels, of_model) = labels(models, settings)?;
    let q = pooled_q(models)?;
    let level = models[0].table.fdr_level;
    let columns = |column: Column| -> Vec<Vec<f64>> {
        models
            .iter()
            .map(|model| model.table.column(column).collect())
            .collect()
    };
    let r = columns(Column::R);
    let scores = match settings.by {
        ChosenBy::Validation => columns(Column::RoundScore),
        ChosenBy::Test => r.clone(),
    };
    let mut maps = Maps::default();
    for voxel in 0..n_voxels {
        let of_voxel = |values: &[Vec<f64>]| -> Vec<f64> {
            values.iter().map(|values| values[voxel]).collect()
        };
        let (scores, r, q) = (of_voxel(&scores), of_voxel(&r), of_voxel(&q));
        let is_predicted = q.iter().any(|q| *q <= level);
        maps.push(
            choose(&scores, &of_model),
            is_predicted,
            (&of_model, &scores, &r, &q),
        );
    }
    maps.set(models, settings, &labels)
}

/// The best fit of a voxel, and the best one of another category; `None` without any score.
fn choose(scores: &[f64], of_model: &[usize]) -> Option<(usize, Option<usize>)> {
    let largest = |is_wanted: &dyn Fn(usize) -> bool| {
        let wanted = (0..scores.len()).filter(|at| scores[*at].is_finite() && is_wanted(*at));
        // Of equal scores the first.
        wanted.reduce(|best, at| if scores[at] > scores[best] { at } else { best })
    };
    let best = largest(&|_| true)?;
    let second = largest(&|at| of_model[at] != of_model[best]);
    Some((best, second))
}

/// The values of the maps, voxel by voxel.
#[derive(Default)]
struct Maps {
    best: Vec<f64>,
    r: Vec<f64>,
    margin: Vec<f64>,
    q: Vec<f64>,
    score_margin: Vec<f64>,
}

/// Category of each fit, and a voxel's scores, r and q of each fit.
type OfVoxel<'a> = (&'a [usize], &'a [f64], &'a [f64], &'a [f64]);

impl Maps {
    fn push(
        &mut self,
        chosen: Option<(usize, Option<usize>)>,
        is_predicted: bool,
        (of_model, scores, r, q): OfVoxel,
    ) {
        let Some((best, second)) = chosen else {
            for map in [
                &mut self.best,
                &mut self.r,
                &mut self.margin,
                &mut self.q,
                &mut self.score_margin,
            ] {
                map.push(f64::NAN);
            }
            return;
        };
        let margin =
            |values: &[f64]| second.map_or(f64::NAN, |second| values[best] - values[second]);
        self.best.push(if is_predicted {
            of_model[best] as f64 + 1.0
        } else {
            f64::from(NONE)
        });
        self.r.push(r[best]);
        self.margin.push(margin(r));
        self.q.push(q[best]);
        self.score_margin.push(margin(scores));
    }

    fn set(
        self,
        models: &[FittedModel],
        settings: &BestSettings,
        labels: &[String],
    ) -> Result<MapSet, MapsError> {
        let all: Vec<&FittedModel> = models.iter().collect();
        let what = settings.of.name();
        let mut record = MapsRecord::new(&format!("best {what}"), &all)?;
        for (used, model) in record.fits.iter_mut().zip(models) {
            used.name.clone_from(&model.name);
        }
        let by = match settings.by {
            ChosenBy::Validation => "validation",
            ChosenBy::Test => "test",
        };
        record.settings.insert("chosen_by".into(), by.into());
        record.settings.insert("best_of".into(), what.into());
        let level = models[0].table.fdr_level;
        record.settings.insert("fdr_level".into(), level.into());
        record.notes.push(match settings.by {
            ChosenBy::Validation => format!(
                "The best {what} was chosen by the scores on held-out training scans; r is that on the test stories, which had no \
                 part in the choice."
            ),
            ChosenBy::Test => format!(
                "The best {what} was chosen by r on the test stories, and r is reported on the same stories: it is optimistic, \
                 since it is the largest of {}.",
                models.len()
            ),
        });
        record.notes.push(format!(
            "None: no fit is significant at a false discovery rate of {level} over all voxels and fits."
        ));
        let mut categories = vec![CategoryName {
            value: NONE,
            name: "none".into(),
        }];
        categories.extend((1..).zip(labels).map(|(value, name)| CategoryName {
            value,
            name: name.clone(),
        }));
        let mut set = MapSet {
            record,
            values: vec![],
            files: vec![],
        };
        let title = format!("best {what}");
        set.add(
            MapEntry::of_categories("best", &title, categories),
            self.best,
        );
        set.add(MapEntry::new("r", &format!("r of the best {what}")), self.r);
        let title = format!("r of the best {what} minus that of the second");
        set.add(MapEntry::signed("margin", &title), self.margin);
        set.add(MapEntry::new("q", &format!("q of the best {what}")), self.q);
        if settings.by == ChosenBy::Validation {
            let title = format!("validation score of the best {what} minus that of the second");
            set.add(
                MapEntry::new("validation_margin", &title),
                self.score_margin,
            );
        }
        Ok(set)
    }
}

/// The names of the categories, and the category of each fit.
fn labels(
    models: &[FittedModel],
    settings: &BestSettings,
) -> Result<(Vec<String>, Vec<usize>), MapsError> {
    let (n_names, n_fits) = (settings.names.len(), models.len());
    if n_names > 0 && (n_names != n_fits || settings.of != BestOf::Fit) {
        return Err(MapsError::Names { n_names, n_fits });
    }
    if settings.of == BestOf::Fit {
        let own = models.iter().map(|model| model.name.clone());
        let names = if n_names > 0 {
            settings.names.clone()
        } else {
            own.collect()
        };
        return Ok((names, (0..n_fits).collect()));
    }
    let of_models: Vec<String> = models
        .iter()
        .map(|model| label(model, settings.of))
        .collect::<Result<_, _>>()?;
    let mut labels = of_models.clone();
    labels.sort_by(|a, b| natural_order(a, b));
    labels.dedup();
    let place = |label: &String| labels.iter().position(|it| it == label).unwrap_or(0);
    let of_model = of_models.iter().map(place).collect();
    Ok((labels, of_model))
}

/// Layer, window or model of the only set of extracted features of a fit.
fn label(model: &FittedModel, of: BestOf) -> Result<String, MapsError> {
    let is_extracted = |kind: FeatureKind| kind == FeatureKind::Features;
    let mut sets = model.recipe.features.iter();
    let mut sets = sets.by_ref().filter(|set| is_extracted(set.kind));
    let unknown = || MapsError::NoLabel(model.name.clone(), of.name());
    let (Some(set), None) = (sets.next(), sets.next()) else {
        return Err(unknown());
    };
    let name = |path: Option<&Path>| {
        let name = path?.file_name()?.to_string_lossy().into_owned();
        Some(name).filter(|name| !name.is_empty())
    };
    let found = match of {
        BestOf::Layer | BestOf::Fit => Some(set.layer.clone().unwrap_or_else(|| "final".into())),
        BestOf::Model => name(Some(&set.folder)),
        // features_cnk0.1_ctx16.0/whisper-tiny
        BestOf::Window => set
            .folder
            .ancestors()
            .find_map(|folder| Some(name(Some(folder))?.strip_prefix("features_")?.to_owned())),
    };
    found.ok_or_else(unknown)
}

fn refuse_other_validation(models: &[FittedModel]) -> Result<(), MapsError> {
    let first = &models[0];
    for model in models {
        if !model.table.column(Column::RoundScore).any(f64::is_finite) {
            return Err(MapsError::NoValidation(model.name.clone()));
        }
        if let Some(what) = model.other_validation(first) {
            return Err(MapsError::OtherValidation {
                name: model.name.clone(),
                first: first.name.clone(),
                what,
            });
        }
    }
    Ok(())
}

/// q of each fit and voxel, over all of them together.
fn pooled_q(models: &[FittedModel]) -> Result<Vec<Vec<f64>>, MapsError> {
    let p: Vec<f64> = models
        .iter()
        .flat_map(|model| model.table.column(Column::P))
        .collect();
    if !p.iter().any(|p| p.is_finite()) {
        return Err(MapsError::NoP);
    }
    if let Some(without) = models
        .iter()
        .find(|model| !model.table.column(Column::P).any(f64::is_finite))
    {
        return Err(MapsError::NoQ(
            without.name.clone(),
            "Run its fit again with permutations (n_permutations), as for the others.",
        ));
    }
    let q = q_values(&p);
    let n_voxels = models[0].table.voxels.len();
    Ok(q.chunks(n_voxels.max(1)).map(<[f64]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_the_best_of_another_category() {
        // Fits 0 and 1 are of one category.
        let of_model = [0, 0, 1];
        assert_eq!(choose(&[0.5, 0.4, 0.1], &of_model), Some((0, Some(2))));
        assert_eq!(choose(&[0.1, f64::NAN, 0.3], &of_model), Some((2, Some(0))));
        assert_eq!(
            choose(&[f64::NAN, 0.2, f64::NAN], &of_model),
            Some((1, None))
        );
        assert_eq!(choose(&[f64::NAN; 3], &of_model), None);
        // Of equal scores the first.
        assert_eq!(choose(&[0.2, 0.2, 0.2], &of_model), Some((0, Some(2))));
    }
}
