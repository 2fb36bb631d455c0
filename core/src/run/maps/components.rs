//! Principal components of the weights, as colours, and what drives them in the test stories.

use std::path::PathBuf;

use ndarray::Axis;

use super::moments::{moments, table};
use super::set::quantile;
use super::{FittedModel, MapEntry, MapSet, MapsError, MapsRecord, Watch, refuse_other_voxels};
use crate::files::formats::npz_arrays::ArraysWriter;
use crate::files::responses::ResponseSource;
use crate::linear::components::{N_COMPONENTS, WeightComponents, WeightSums, over_delays};
use crate::run::encoding::{BLOCK_VOXELS, Column};
use crate::run::store::StoreError;

/// Share of the deciding voxels within the colours.
const WITHIN: f64 = 0.99;
/// The channels, in the order of the components.
const CHANNELS: [&str; N_COMPONENTS] = ["red", "green", "blue"];

/// Which voxels decide the components, and where words are.
#[derive(Debug, Clone, Default)]
pub struct ComponentSettings {
    /// So many voxels with the largest r decide; those that the fit predicts if `None`.
    pub n_best: Option<usize>,
    /// The set of features whose weights count; all of them if `None`.
    pub set: Option<String>,
    /// Whether voxels that did not decide also have a colour.
    pub all_voxels: bool,
    /// Folder of `TextGrid` files; that of the recipe or of the recordings if `None`.
    pub words: Option<PathBuf>,
}

/// Finds the first three principal components of the weights; `None` if cancelled.
///
/// Weights are averaged over delays. The maps: `pc1`, `pc2` and `pc3`, each voxel's projections; `red`, `green` and `blue`, the
/// same from 0 to 1 (0.5 is the mean of the voxels that decided) where voxels decided. The record lists the moments of the test
/// stories whose features project furthest to either side; `components.npz` holds the components.
///
/// * `responses`: what the fit was fitted to, for the scans of the test stories.
///
/// # Errors
/// Returns a [`MapsError`] if the fit kept no weights, too few voxels decide, or the features of the test stories cannot be
/// read.
pub fn components(
    model: &FittedModel,
    responses: &dyn ResponseSource,
    settings: &ComponentSettings,
    (cancel, report): Watch,
) -> Result<Option<MapSet>, MapsError> {
    let n_voxels = refuse_other_voxels(&[model], 1)?;
    let decides = deciding(model, settings)?;
    let weights = model.weights()?;
    let n_delays = model.recipe.design.delays.len().max(1);
    let n_rows = weights.dim().0;
    let features = model.features_of(settings.set.as_deref(), n_rows / n_delays)?;
    let mut sums = WeightSums::new(features.len());
    let block = |from: usize| {
        let voxels = from..n_voxels.min(from + BLOCK_VOXELS);
        let weights = weights.read::<f64>(0..n_rows, voxels)?;
        let mean = over_delays(weights.view(), n_delays);
        Ok::<_, MapsError>(mean.slice(ndarray::s![features.clone(), ..]).to_owned())
    };
    for from in (0..n_voxels).step_by(BLOCK_VOXELS) {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let weights = block(from)?;
        let chosen: Vec<usize> = (0..weights.ncols())
            .filter(|at| decides[from + at])
            .collect();
        sums.add(weights.select(Axis(1), &chosen).view());
        report(from.min(n_voxels) / 2, n_voxels);
    }
    let too_few = || MapsError::NoComponents(sums.n_voxels());
    let found = sums.components()?.ok_or_else(too_few)?;
    let mut scores: [Vec<f64>; N_COMPONENTS] = Default::default();
    for from in (0..n_voxels).step_by(BLOCK_VOXELS) {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let projected = found.project(block(from)?.view());
        for (scores, row) in scores.iter_mut().zip(projected.rows()) {
            scores.extend(row);
        }
        report(scores[0].len(), n_voxels);
    }
    let words = settings.words.clone().or_else(|| words_folder(model));
    let (moments, drive) = moments(model, responses, (&found, features), words)?;
    let mut set = maps(model, settings, (&found, &sums), (scores, &decides))?;
    set.files
        .push(("moments.csv".into(), table(&moments).into_bytes()));
    let archive = archive(&found, drive).map_err(|source| StoreError::Write {
        source,
        path: "components.npz".into(),
    })?;
    set.files.push(("components.npz".into(), archive));
    set.record.moments = moments;
    Ok(Some(set))
}

/// Which voxels decide.
fn deciding(model: &FittedModel, settings: &ComponentSettings) -> Result<Vec<bool>, MapsError> {
    let Some(n_best) = settings.n_best else {
        return model.must_know_significant(
            "Run the fit again with permutations (n_permutations), or set how many of the best voxels to use.",
        );
    };
    let r: Vec<f64> = model.table.column(Column::R).collect();
    let mut order: Vec<usize> = (0..r.len()).filter(|voxel| r[*voxel].is_finite()).collect();
    order.sort_by(|a, b| r[*b].total_cmp(&r[*a]));
    let mut decides = vec![false; r.len()];
    for voxel in order.into_iter().take(n_best) {
        decides[voxel] = true;
    }
    Ok(decides)
}

fn words_folder(model: &FittedModel) -> Option<PathBuf> {
    let given = model.recipe.controls.textgrids.clone();
    given.or_else(|| model.recipe.recordings())
}

fn maps(
    model: &FittedModel,
    settings: &ComponentSettings,
    (found, sums): (&WeightComponents, &WeightSums),
    (scores, decides): ([Vec<f64>; N_COMPONENTS], &[bool]),
) -> Result<MapSet, MapsError> {
    let mut record = MapsRecord::new("principal components of the weights", &[model])?;
    let percent = found.shares.map(|share| 100.0 * share);
    let who = match settings.n_best {
        Some(_) => format!("the {} voxels with the largest r", sums.n_voxels()),
        None => format!(
            "the {} voxels that the fit predicts (q ≤ {})",
            sums.n_voxels(),
            model.table.fdr_level
        ),
    };
    record.notes.push(format!(
        "Components of the weights, averaged over delays, of {who}; they hold {:.1}, {:.1} and {:.1} % of the variance between \
         these voxels. The sign of a component is arbitrary.",
        percent[0], percent[1], percent[2]
    ));
    record.settings.insert(
        "features".into(),
        settings.set.as_deref().unwrap_or("all").into(),
    );
    record
        .settings
        .insert("n_deciding_voxels".into(), sums.n_voxels().into());
    record
        .settings
        .insert("shares".into(), found.shares.to_vec().into());
    record.rgb = Some(CHANNELS.map(String::from));
    let mut set = MapSet {
        record,
        values: vec![],
        files: vec![],
    };
    let mut colours = Vec::new();
    for (at, scores) in scores.into_iter().enumerate() {
        let number = at + 1;
        let deciding = scores.iter().zip(decides).filter(|(_, decides)| **decides);
        let most = quantile(deciding.map(|(score, _)| score.abs()), WITHIN);
        let shown = scores.iter().zip(decides).map(|(score, decides)| {
            if *decides || settings.all_voxels {
                0.5 + 0.5 * (score / most).clamp(-1.0, 1.0)
            } else {
                f64::NAN
            }
        });
        let title = format!("component {number}, from −{most:.3} to {most:.3}");
        colours.push((MapEntry::new(CHANNELS[at], &title), shown.collect()));
        let title = format!("component {number} ({:.1} % of the variance)", percent[at]);
        set.add(MapEntry::signed(&format!("pc{number}"), &title), scores);
    }
    for (entry, values) in colours {
        set.add(entry, values);
    }
    Ok(set)
}

/// `components` `(3, n_features)`, `mean` `(n_features,)`, `shares` `(3,)` and `drive` `(n_test_scans, 3)`.
fn archive(found: &WeightComponents, drive: ndarray::Array2<f64>) -> std::io::Result<Vec<u8>> {
    let mut archive = ArraysWriter::default();
    let directions = &found.directions;
    archive.numbers("components", directions.shape(), directions.iter().copied())?;
    archive.numbers("mean", found.mean.shape(), found.mean.iter().copied())?;
    archive.numbers("shares", &[N_COMPONENTS], found.shares)?;
    archive.numbers("drive", drive.shape(), drive.iter().copied())?;
    archive.finish()
}
