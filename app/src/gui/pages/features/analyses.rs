//! What takes longer to find out: layers, instants, the plane, and another folder.

use std::sync::Arc;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, Rect, Sense, pos2, vec2};
use egui_extras::{Column, TableBuilder};
use heschl_core::display::library::Layer;
use heschl_core::display::similarity::Plane;
use heschl_core::figure::{Figure, Ink, Mark};

use super::side::number;
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::colours;
use crate::gui::features::{Analysis, Beside, FeatureSelection, LayerInfo};
use crate::gui::figure::components;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::pages::colour_bar::{
    BELOW, ColourBar, LEFT, every, instants_down, tick_across, tick_number, tick_up, title_across,
    title_up,
};
use crate::gui::pages::time_axis::{TimeAxis, tick_words};
use crate::gui::state::State;
use crate::gui::theme::{Palette, semibold};
use crate::gui::widgets::{figure_view, name, problem, weak};

/// Points that the name of a layer takes at an axis.
const WIDEST_TITLE: f32 = 26.0;

/// What was drawn last.
#[derive(Default)]
pub(super) struct Analyses {
    square: Option<(Arc<Analysis>, egui::TextureHandle)>,
}

impl Analyses {
    /// Draws what was asked for.
    pub(super) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        (state, info): (&State, &Info),
        selection: &FeatureSelection,
        actions: &mut Actions,
    ) {
        let analysis = match &info.features.analysis {
            Loading::Nothing | Loading::Waiting => {
                ui.horizontal(|ui| {
                    ui.spinner();
                    weak(ui, "Computing …");
                });
                return;
            }
            Loading::Failed(sentence) => return problem(ui, sentence),
            Loading::Ready(analysis) => analysis,
        };
        let layer = info.features.layer.ready();
        match (&**analysis, layer) {
            (
                Analysis::Layers {
                    layers,
                    cka,
                    n_instants,
                },
                _,
            ) => cka_matrix(ui, layers, cka, *n_instants, selection, actions),
            (Analysis::OverTime { rows, .. }, Some(layer)) => {
                self.over_time(ui, (analysis, rows), layer, state, actions);
            }
            (Analysis::Plane { rows, plane }, Some(layer)) => {
                scatter(ui, rows, plane, layer, state);
            }
            _ => {}
        }
    }

    /// A square of instants against instants; a click moves the cursor.
    fn over_time(
        &mut self,
        ui: &mut egui::Ui,
        (analysis, rows): (&Arc<Analysis>, &[usize]),
        layer: &LayerInfo,
        state: &State,
        actions: &mut Actions,
    ) {
        let Analysis::OverTime { correlation, .. } = &**analysis else {
            return;
        };
        weak(
            ui,
            format!(
                "Correlation between {} evenly spaced time points. Red squares are segments that the model treats as a unit.",
                rows.len()
            ),
        );
        if !self
            .square
            .as_ref()
            .is_some_and(|(drawn, _)| Arc::ptr_eq(drawn, analysis))
        {
            let pixels = correlation
                .iter()
                .map(|value| colours::diverging(f32::midpoint(*value as f32, 1.0)))
                .collect();
            let image = egui::ColorImage::new([rows.len(); 2], pixels);
            let texture = ui
                .ctx()
                .load_texture("over time", image, egui::TextureOptions::NEAREST);
            self.square = Some((analysis.clone(), texture));
        }
        let bar = ColourBar {
            title: "Pearson's r between hidden states at two time points",
            range: [-1.0, 1.0],
            color: colours::diverging,
            words: &tick_number,
        };
        bar.ui(ui, 0.5);
        let (rect, response) = square(ui, Sense::click_and_drag());
        name(&response, Role::Canvas, "Similarity over time");
        if let Some((_, texture)) = &self.square {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter()
                .image(texture.id(), rect, whole, Color32::WHITE);
        }
        let end_secs = layer.end_secs().max(1e-6);
        let at = |x: f32| f64::from((x - rect.left()) / rect.width()) * end_secs;
        if let Some(pointer) = response.interact_pointer_pos() {
            actions.push(Action::View(ViewAction::Cursor(
                at(pointer.x).clamp(0.0, end_secs),
            )));
        }
        let axis = TimeAxis {
            shown: [0.0, end_secs],
            whole: [0.0, end_secs],
            rect,
        };
        axis.ticks(ui);
        instants_down(ui, rect, end_secs);
        title_across(ui, rect, "time in the story (min:s)");
        title_up(ui, rect, "time in the story (min:s)");
        let share = (state.cursor_secs / end_secs) as f32;
        let cursor = rect.left_top() + rect.size() * share.clamp(0.0, 1.0);
        let stroke = (1.0, Palette::of(ui).amber);
        ui.painter().vline(cursor.x, rect.y_range(), stroke);
        ui.painter().hline(rect.x_range(), cursor.y, stroke);
        let hovered = response.hover_pos();
        if let Some(pointer) = hovered.filter(|pointer| rect.contains(*pointer)) {
            let instant = |secs: f64| tick_words(secs.clamp(0.0, end_secs), 0.1);
            let index = |secs: f64| {
                ((secs / end_secs * rows.len() as f64) as usize).min(rows.len().saturating_sub(1))
            };
            let (a, b) = (
                at(pointer.x),
                f64::from((pointer.y - rect.top()) / rect.height()) * end_secs,
            );
            let value = correlation
                .get(index(b) * rows.len() + index(a))
                .copied()
                .unwrap_or(f64::NAN);
            response.on_hover_text_at_pointer(format!(
                "Hidden states at {} and {}: r = {value:.2}",
                instant(a),
                instant(b)
            ));
        }
    }
}

/// A square of layers against layers; a click chooses the layer.
fn cka_matrix(
    ui: &mut egui::Ui,
    layers: &[Layer],
    cka: &[f64],
    n_instants: usize,
    selection: &FeatureSelection,
    actions: &mut Actions,
) {
    weak(
        ui,
        format!(
            "Linear CKA between layers, from {n_instants} evenly spaced time points; 1 means identical up to rotation and scale."
        ),
    );
    let bar = ColourBar {
        title: "linear CKA",
        range: [0.0, 1.0],
        color: colours::sequential,
        words: &tick_number,
    };
    bar.ui(ui, 0.25);
    let n = layers.len();
    let (rect, response) = square(ui, Sense::click());
    let side = rect.width();
    name(&response, Role::Canvas, "Similarity between layers");
    cka_cells(ui, rect, layers, cka, selection);
    let Some(pointer) = response
        .hover_pos()
        .filter(|pointer| rect.contains(*pointer))
    else {
        return;
    };
    let index = |share: f32| ((share * n as f32) as usize).min(n.saturating_sub(1));
    let (across, down) = (
        index((pointer.x - rect.left()) / side),
        index((pointer.y - rect.top()) / side),
    );
    if response.clicked() {
        actions.push(Action::View(ViewAction::Features(Box::new(
            FeatureSelection {
                layer: Some(layers[down].clone()),
                ..selection.clone()
            },
        ))));
    }
    let words = format!(
        "Layers {} and {}: linear CKA {:.3}",
        layers[down].title(),
        layers[across].title(),
        cka[down * n + across]
    );
    response.on_hover_text_at_pointer(words);
}

fn cka_cells(
    ui: &egui::Ui,
    rect: Rect,
    layers: &[Layer],
    cka: &[f64],
    selection: &FeatureSelection,
) {
    let n = layers.len();
    let cell = rect.width() / n.max(1) as f32;
    let palette = Palette::of(ui);
    let font = FontId::proportional(12.0);
    let every = every(cell, WIDEST_TITLE);
    for (down, layer) in layers.iter().enumerate() {
        for across in 0..n {
            let value = cka[down * n + across];
            let corner = rect.left_top() + vec2(across as f32, down as f32) * cell;
            let place = Rect::from_min_size(corner, vec2(cell, cell));
            ui.painter()
                .rect_filled(place, 0.0, colours::sequential(value as f32));
            if cell >= 36.0 {
                let ink = if value > 0.6 {
                    Color32::BLACK
                } else {
                    Color32::WHITE
                };
                ui.painter().text(
                    place.center(),
                    Align2::CENTER_CENTER,
                    format!("{value:.2}"),
                    font.clone(),
                    ink,
                );
            }
        }
        let is_here = selection.layer.as_ref() == Some(layer);
        let color = if is_here {
            palette.accent
        } else {
            palette.weak
        };
        if down % every == 0 {
            let middle = (down as f32 + 0.5) * cell;
            tick_up(ui, rect, rect.top() + middle, (layer.title(), color));
            tick_across(ui, rect, rect.left() + middle, (layer.title(), color));
        }
    }
    title_up(ui, rect, "layer");
    title_across(ui, rect, "layer");
}

/// A square as large as the room, with what its axes need left of it and below; all of it reacts to clicks.
fn square(ui: &mut egui::Ui, sense: Sense) -> (Rect, egui::Response) {
    let room = ui.available_size();
    let side = (room.x - LEFT - 8.0).min(room.y - BELOW - 8.0).max(80.0);
    let size = vec2(side + LEFT + 8.0, side + BELOW);
    let (all, response) = ui.allocate_exact_size(size, sense);
    let rect = Rect::from_min_size(all.left_top() + vec2(LEFT, 0.0), vec2(side, side));
    (rect, response)
}

/// The instants in the plane, coloured by time; the cursor's is marked.
fn scatter(ui: &mut egui::Ui, rows: &[usize], plane: &Plane, layer: &LayerInfo, state: &State) {
    weak(
        ui,
        format!(
            "First two principal components of {} evenly spaced time points, with the variance they explain.",
            rows.len()
        ),
    );
    let mut panel = components(plane, layer.end_secs());
    let row = layer.row_at(state.cursor_secs).max(0.0) as usize;
    let at_cursor = rows
        .partition_point(|known| *known <= row)
        .checked_sub(1)
        .and_then(|at| plane.points.get(at));
    panel.marks.extend(at_cursor.map(|point| Mark::Points {
        points: vec![*point],
        radius: 6.0,
        inks: vec![Ink::Amber],
    }));
    let range = panel.x.range;
    let figure = Figure::of("components", "", panel);
    let size = ui.available_size();
    figure_view(ui, "Principal components", &figure, size, |at| {
        let found = nearest(&plane.points, at, range)?;
        let [first, second] = plane.points[found];
        let instant = tick_words(layer.secs_of(*rows.get(found)?), 0.1);
        Some(format!(
            "At {instant}: PC 1 = {}, PC 2 = {}",
            number(first),
            number(second)
        ))
    });
}

/// The point that is nearest to a value; none where nothing is near.
fn nearest(points: &[[f64; 2]], [x, y]: [f64; 2], range: [f64; 2]) -> Option<usize> {
    const NEAR: f64 = 0.03;
    let apart = |point: &[f64; 2]| (point[0] - x).hypot(point[1] - y) / (range[1] - range[0]);
    let all = points.iter().map(apart).enumerate();
    let found = all.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (found.1 <= NEAR).then_some(found.0)
}

/// Layer by layer: the largest difference and the correlation.
pub(super) fn comparison(ui: &mut egui::Ui, analysis: &Loading<Arc<Analysis>>) {
    let beside = match analysis {
        Loading::Nothing => return,
        Loading::Waiting => {
            ui.horizontal(|ui| {
                ui.spinner();
                weak(ui, "Comparing layer by layer …");
            });
            return;
        }
        Loading::Failed(sentence) => return problem(ui, sentence),
        Loading::Ready(analysis) => match &**analysis {
            Analysis::Compare { beside } => beside,
            _ => return,
        },
    };
    let table = TableBuilder::new(ui)
        .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
        .column(Column::exact(64.0))
        .columns(Column::initial(140.0), 3)
        .column(Column::remainder().clip(true))
        .auto_shrink([false, false]);
    let heads = [
        "Layer",
        "Largest difference",
        "of the largest value",
        "Correlation",
        "",
    ];
    let table = table.header(28.0, |mut row| {
        for head in heads {
            row.col(|ui| {
                weak(ui, head);
            });
        }
    });
    table.body(|body| {
        body.rows(28.0, beside.len(), |mut row| {
            let index = row.index();
            compared(&mut row, &beside[index]);
        });
    });
}

fn compared(row: &mut egui_extras::TableRow, beside: &Beside) {
    row.col(|ui| {
        ui.label(egui::RichText::new(beside.layer.title()).family(semibold()));
    });
    match &beside.difference {
        Ok(found) => {
            row.col(|ui| {
                ui.label(format!("{:.3e}", found.largest));
            });
            row.col(|ui| {
                ui.label(format!(
                    "{:.1e}",
                    found.largest / found.largest_value.max(f64::MIN_POSITIVE)
                ));
            });
            row.col(|ui| {
                ui.label(format!("{:.9}", found.correlation));
            });
            row.col(|ui| {
                let [at_row, dim] = found.at;
                let mut words = format!("at row {at_row}, dimension {dim}");
                if found.n_not_finite > 0 {
                    words = format!("{words}; {} not finite", number(found.n_not_finite as f64));
                }
                weak(ui, words);
            });
        }
        Err(sentence) => {
            (0..3).for_each(|_| {
                row.col(|_| {});
            });
            row.col(|ui| {
                let color = Palette::of(ui).amber;
                ui.add(egui::Label::new(egui::RichText::new(sentence).color(color)).truncate())
                    .on_hover_text(sentence);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_plane_has_the_instant_that_is_nearest() {
        let points = [[0.0, 0.0], [10.0, 1.0], [10.0, -1.0]];
        let found = |x, y| nearest(&points, [x, y], [0.0, 10.0]);
        assert_eq!(found(9.9, 0.9), Some(1));
        assert_eq!(found(0.1, -0.1), Some(0));
        // Between them there is nothing to say.
        assert_eq!(found(5.0, 0.0), None);
    }
}
