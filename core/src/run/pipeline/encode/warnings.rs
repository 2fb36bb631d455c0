//! Warnings before a fit and about its scores.

use super::EncodeError;
use super::run::Run;
use crate::files::responses::Readable;
use crate::linear::ridge::Problem;
use crate::run::encoding::{CHECKED_VOXELS, Column, ScoreTable, VoxelShare, precision_warning};
use crate::run::progress::Event;
use crate::run::recipe::FitPrecision;
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
    let few = (n_training_scans < 300).then(|| {
        format!(
            "There are {n_training_scans} training scans. Fewer than 300, about ten minutes, seldom carry a model of speech: \
             add stories."
        )
    });
    let method = run
        .work
        .recipe
        .ridge
        .cross_validation
        .warning(n_training_scans);
    let warnings = run.design.warnings.iter().cloned();
    let warnings = run.measured.notes().into_iter().chain(warnings);
    for message in warnings.chain(few).chain(method) {
        report(Event::Warning { message });
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
        report(Event::Warning {
            message: format!(
                "The noise ceiling assumes z-scored responses (total power 1, as in the study), but a presentation's variance \
                 over time is {mean:.3} on average. Z-score the responses, or write total_power = \"measured\" in \
                 [encode.scores]."
            ),
        });
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
    if let Some(message) = warning {
        report(Event::Warning { message });
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
pub(super) fn of_scores(table: &ScoreTable) -> Vec<String> {
    let mut warnings = Vec::new();
    let n_flat = table.column(Column::R).filter(|r| r.is_nan()).count();
    if n_flat > 0 {
        warnings.push(format!(
            "For {n_flat} of {} voxels r is not defined: their test responses do not vary, or hold values that are no numbers. \
             They have no score.",
            table.voxels.len()
        ));
    }
    let n_missing = table.column(Column::NMissing).filter(|n| *n > 0.0).count();
    if n_missing > 0 {
        warnings.push(format!(
            "{n_missing} voxels hold values that are no numbers in the training responses. They count as 0 there, as in the \
             published code; better leave these voxels out."
        ));
    }
    warnings.extend(edge_warnings(table));
    warnings
}

/// Warns of α at the edge of the candidate range, among voxels that are predicted at all.
fn edge_warnings(table: &ScoreTable) -> Vec<String> {
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
    let edges = [("smallest", *smallest), ("largest", *largest)];
    let at_edge = edges.into_iter().filter_map(|(name, edge)| {
        let n = predicted.iter().filter(|alpha| (**alpha - edge).abs() <= edge * 1e-12).count();
        (n * 20 > predicted.len()).then(|| {
            format!(
                "For {n} of the {} voxels with r above 0.1 the best α is the {name} one tried ({edge}). Widen the range and fit \
                 again.",
                predicted.len()
            )
        })
    });
    at_edge.collect()
}
