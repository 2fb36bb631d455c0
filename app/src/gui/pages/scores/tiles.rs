//! The scores of a fit in a few tiles.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, vec2};
use heschl_core::run::encoding::{Column, ScoreTable};

use crate::gui::fitting::ScoresInfo;
use crate::gui::text::thousands;
use crate::gui::theme::{CORNER, INSIDE, Palette, TYPE_SCALE, semibold};
use crate::gui::widgets::{name, weak};

/// A figure, what it is, and what more there is to say of it.
struct ScoreTile {
    figure: String,
    what: &'static str,
    more: String,
}

/// Draws the tiles.
pub(super) fn tiles(ui: &mut egui::Ui, scores: &ScoresInfo) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(INSIDE, INSIDE);
        for tile in all(scores) {
            draw(ui, &tile);
        }
    });
}

fn all(scores: &ScoresInfo) -> Vec<ScoreTile> {
    let table = &scores.table;
    let mut tiles = vec![mean(table)];
    tiles.extend(significant(table));
    tiles.extend(normalised(table));
    tiles.extend(best_layer(scores));
    let best = table.column(Column::R).filter(|r| r.is_finite());
    tiles.push(ScoreTile {
        figure: format!("{:.3}", best.fold(f64::NAN, f64::max)),
        what: "largest r",
        more: format!("of {} voxels", thousands(table.voxels.len())),
    });
    tiles
}

fn mean(table: &ScoreTable) -> ScoreTile {
    let interval = table.mean_interval();
    ScoreTile {
        figure: format!("{:.4}", table.mean(Column::R)),
        what: "mean r",
        more: interval.map_or_else(
            || "over all voxels".into(),
            |interval| format!("95 %: {:.4} to {:.4}", interval.lower, interval.upper),
        ),
    }
}

fn significant(table: &ScoreTable) -> Option<ScoreTile> {
    let n = table.n_significant()?;
    let share = 100.0 * n as f64 / table.voxels.len().max(1) as f64;
    Some(ScoreTile {
        figure: format!("{share:.1} %"),
        what: "significant",
        more: format!("{} voxels, FDR {}", thousands(n), table.fdr_level),
    })
}

fn normalised(table: &ScoreTable) -> Option<ScoreTile> {
    let normalised = table.mean(Column::NormalisedR);
    normalised.is_finite().then(|| ScoreTile {
        figure: format!("{normalised:.3}"),
        what: "ceiling-normalised r",
        more: "mean over voxels with a noise ceiling".into(),
    })
}

fn best_layer(scores: &ScoresInfo) -> Option<ScoreTile> {
    let fits = scores
        .profile
        .iter()
        .filter(|entry| entry.mean_r.is_finite());
    let best = fits.clone().max_by(|a, b| a.mean_r.total_cmp(&b.mean_r))?;
    (fits.count() > 1).then(|| ScoreTile {
        figure: best.name.clone(),
        what: "best fit in this folder",
        more: format!("mean r {:.4}", best.mean_r),
    })
}

fn draw(ui: &mut egui::Ui, tile: &ScoreTile) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.side)
        .corner_radius(CORNER)
        .inner_margin(egui::Margin::symmetric(14, 8));
    let shown = frame.show(ui, |ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            weak(ui, tile.what);
            let figure = RichText::new(&tile.figure)
                .size(TYPE_SCALE[2])
                .family(semibold());
            ui.label(figure);
            ui.label(
                RichText::new(&tile.more)
                    .size(TYPE_SCALE[0])
                    .color(palette.weak),
            );
        });
    });
    let words = format!("{} {}, {}", tile.what, tile.figure, tile.more);
    name(&shown.response, Role::Label, &words);
}
