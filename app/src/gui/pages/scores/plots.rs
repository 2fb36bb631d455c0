//! The plots of scores, with what is said under the pointer.

use eframe::egui;
use egui::vec2;
use heschl_core::run::encoding::{Column, ScoreTable};

use crate::gui::figure::scores;
use crate::gui::fitting::ScoresInfo;
use crate::gui::text::thousands;
use crate::gui::widgets::{figure_view, weak};

/// Share of an axis within which a point is the one that is meant.
const NEAR: f64 = 1.0 / 30.0;

/// Voxels by r over the null distribution; returns the voxel whose r is nearest to where it was clicked.
pub(super) fn histogram(ui: &mut egui::Ui, scores: &ScoresInfo) -> Option<usize> {
    let (figure, histogram) = scores::histogram(scores);
    let has_q = scores.table.n_significant().is_some();
    let size = ui.available_size();
    let shown = figure_view(ui, "Voxels by r", &figure, size, |at| {
        histogram.words(at[0], has_q)
    });
    nearest(&scores.table, shown.clicked?[0])
}

/// The voxel whose r is nearest to a value.
fn nearest(table: &ScoreTable, r: f64) -> Option<usize> {
    let known = table.column(Column::R).enumerate();
    let known = known.filter(|(_, known)| known.is_finite());
    let apart = |known: f64| (known - r).abs();
    let found = known.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    Some(table.first_voxel + found.0)
}

/// Voxels by the α that was chosen for them.
pub(super) fn alphas(ui: &mut egui::Ui, scores: &ScoresInfo) {
    let (figure, words) = scores::alphas(scores);
    weak(ui, "If many voxels lie at an edge, widen the range of α.");
    let size = ui.available_size();
    figure_view(ui, "Voxels by α", &figure, size, |at| {
        let apart = |log: f64| (log - at[0]).abs();
        let found = words
            .iter()
            .min_by(|a, b| apart(a.0).total_cmp(&apart(b.0)))?;
        Some(found.1.clone())
    });
}

/// The fits of one folder next to each other.
pub(super) fn profile(ui: &mut egui::Ui, scores: &ScoresInfo) {
    weak(
        ui,
        "All fits in this folder. Dots: mean r over voxels; bars: 95 % bootstrap interval.",
    );
    if scores.profile.len() == 1 {
        weak(
            ui,
            "Only one fit so far. Use \"Fit every layer\" on Fit, or \"heschl sweep\" for several models, to see which layer predicts best.",
        );
    }
    let figure = scores::profile(scores);
    let size = ui.available_size();
    figure_view(ui, "Profile over layers", &figure, size, |at| {
        let place = at[0].round();
        let entry = scores
            .profile
            .get((place >= 0.0).then_some(place as usize)?)?;
        Some(scores::entry_words(entry))
    });
}

/// Each voxel as a point: these scores across, the others up; returns the voxel that is nearest to where it was clicked.
pub(super) fn scatter(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    others: &ScoresInfo,
) -> Option<usize> {
    let figure = scores::scatter(scores, others);
    weak(ui, figure.subtitle.clone());
    let side = ui.available_width().min(ui.available_height()).max(200.0);
    let range = figure
        .panels
        .first()
        .map_or([0.0, 1.0], |panel| panel.x.range);
    let shown = figure_view(
        ui,
        "Voxels of two models",
        &figure,
        vec2(side, side),
        |at| {
            let (voxel, [a, b]) = nearest_pair(scores, others, at)?;
            let is_near = (a - at[0]).hypot(b - at[1]) < (range[1] - range[0]) * NEAR;
            let voxel = thousands(voxel);
            is_near.then(|| format!("Voxel {voxel}: r = {a:.3} here, {b:.3} in the other"))
        },
    );
    Some(nearest_pair(scores, others, shown.clicked?)?.0)
}

/// The voxel whose r here and in the other scores are nearest to a point, and both.
fn nearest_pair(
    scores: &ScoresInfo,
    others: &ScoresInfo,
    [x, y]: [f64; 2],
) -> Option<(usize, [f64; 2])> {
    let here = scores.table.column(Column::R);
    let pairs = here.zip(others.table.column(Column::R)).enumerate();
    let apart = |(a, b): (f64, f64)| (a - x).hypot(b - y);
    let known = pairs.filter(|(_, pair)| apart(*pair).is_finite());
    let (at, (a, b)) = known.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    Some((scores.table.first_voxel + at, [a, b]))
}
