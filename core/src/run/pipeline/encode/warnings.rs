//! Warnings before a fit and about its scores.

use super::EncodeError;
use super::run::Run;
use crate::files::responses::Readable;
use crate::linear::ridge::Problem;
use crate::run::encoding::{CHECKED_VOXELS, Column, ScoreTable, VoxelShare, precision_warning};
use crate::run::progress::Event;
use crate::run::recipe::FitPrecision;
use crate::run::warning::Warning;
use crate::stats::ceiling::{TotalPower, total_power_measured};

/// Reports the sizes of the fit and its warnings.
pub(super) fn announce(run: &Run, report: &mut dyn FnMut(Event)) {
    let (n_training_scans, n_columns) = run.design.training.0.dim();
    report(Event::EncodeStarted {
        n_voxels: run.voxels.len(),
        n_columns,
        n_training_scans,
        n_test_scans: run.design.test.0.nrows(),
        folder: run.folder.display().to_string(),
    });
    let few = (n_training_scans < 300).then_some(Warning::FewTrainingScans { n_training_scans });
    let method = run
        .work
        .recipe
        .ridge
        .cross_validation
        .warning(n_training_scans)
        .map(Warning::of_split);
    let notes = run.measured.notes().into_iter();
    let notes = notes.map(|text| Warning::Responses { text });
    let stories = run.design.warnings.iter().cloned();
    let stories = stories.map(|text| Warning::Stories { text });
    for warning in notes.chain(stories).chain(few).chain(method) {
        report(Event::Warning(warning));
    }
}

/// Accepted range of the mean variance of z-scored presentations: trimming after z-scoring moves it away from 1.
const POWER_OF_ONE: std::ops::Range<f64> = 0.7..1.4;

/// Warns if the noise ceiling assumes a total power of 1 but the responses are not z-scored.
pub(super) fn check_power(run: &Run, report: &mut dyn FnMut(Event)) -> Result<(), EncodeError> {
    let assumes_one = run.work.recipe.scores.total_power == TotalPower::One;
    if !assumes_one || run.measured.n_presentations() < 2 {
        return Ok(());
    }
    let first = run.voxels.start;
    let end = run.voxels.end.min(first + CHECKED_VOXELS);
    let presentations = run.measured.test_presentations::<f64>(first..end)?;
    let power = total_power_measured(presentations.view());
    let powers = power
        .iter()
        .flatten()
        .filter(|power| power.is_finite() && **power > 0.0);
    let (sum, n) = powers.fold((0.0, 0.0), |(sum, n), power| (sum + power, n + 1.0));
    let mean: f64 = sum / n;
    if mean.is_finite() && !POWER_OF_ONE.contains(&mean) {
        report(Event::Warning(Warning::TotalPower {
            mean_variance: mean,
        }));
    }
    Ok(())
}

/// Warns if single precision is not accurate enough for these features.
pub(super) fn check_precision<T: Readable>(
    run: &Run,
    problem: &Problem<T>,
    report: &mut dyn FnMut(Event),
) -> Result<(), EncodeError> {
    if run.work.recipe.ridge.precision == FitPrecision::F64 {
        return Ok(());
    }
    let first = run.voxels.start;
    let end = run.voxels.end.min(first + CHECKED_VOXELS);
    let responses = run.measured.training::<f64>(first..end)?;
    let settings = run.work.recipe.ridge.settings();
    let warning = precision_warning(problem, &run.rounds, &settings, responses.view())?;
    if let Some(warning) = warning {
        report(Event::Warning(warning));
    }
    Ok(())
}

/// Returns an error if no voxel has a defined r. A share of the voxels is exempt: it may lie outside the brain.
pub(super) fn refuse_no_scores(run: &Run, table: &ScoreTable) -> Result<(), EncodeError> {
    if run.work.share != VoxelShare::WHOLE
        || table.voxels.is_empty()
        || table.column(Column::R).any(|r| !r.is_nan())
    {
        return Ok(());
    }
    let features = &run.design.test.0;
    let is_constant = features.columns().into_iter().all(|column| {
        let first = column.first().copied();
        column.iter().all(|value| Some(*value) == first)
    });
    Err(EncodeError::NoScores(if is_constant {
        "the features of the test stories do not vary, so that every prediction is the same at all scans"
    } else {
        "the test responses do not vary or hold values that are no numbers, or the predictions do not vary"
    }))
}

/// Returns warnings about the scores.
pub(super) fn of_scores(table: &ScoreTable) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let n_flat = table.column(Column::R).filter(|r| r.is_nan()).count();
    if n_flat > 0 {
        warnings.push(Warning::UndefinedScores {
            n_undefined: n_flat,
            n_voxels: table.voxels.len(),
        });
    }
    let n_missing = table.column(Column::NMissing).filter(|n| *n > 0.0).count();
    if n_missing > 0 {
        warnings.push(Warning::MissingResponses {
            n_voxels: n_missing,
        });
    }
    warnings.extend(edge_warnings(table));
    warnings
}

/// Warns of α at the edge of the candidate range, among voxels that are predicted at all.
fn edge_warnings(table: &ScoreTable) -> Vec<Warning> {
    let sorted = {
        let mut sorted = table.alphas.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (Some(smallest), Some(largest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    if smallest >= largest {
        return Vec::new();
    }
    let predicted: Vec<f64> = table
        .voxels
        .iter()
        .filter(|voxel| voxel.get(Column::R) > 0.1)
        .map(|voxel| voxel.get(Column::Alpha))
        .collect();
    let edges = [(false, *smallest), (true, *largest)];
    let at_edge = edges.into_iter().filter_map(|(is_largest, edge)| {
        let n = predicted
            .iter()
            .filter(|alpha| (**alpha - edge).abs() <= edge * 1e-12)
            .count();
        (n * 20 > predicted.len()).then_some(Warning::AlphaAtEdge {
            n_at_edge: n,
            n_predicted: predicted.len(),
            is_largest,
            alpha: edge,
        })
    });
    at_edge.collect()
}
