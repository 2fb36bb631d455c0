//! What takes longer to find out: layers, instants, the plane, and another folder.

use std::sync::Arc;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, Rect, Sense, pos2, vec2};
use egui_extras::{Column, TableBuilder};
use egui_plot::{Plot, PlotPoints, Points};
use heschl_core::look::library::Layer;
use heschl_core::look::similarity::Plane;

use super::side::number;
use crate::gui::actions::{Action, Asked};
use crate::gui::colours;
use crate::gui::facts::Facts;
use crate::gui::features::{Analysis, Beside, LayerFacts, Looking};
use crate::gui::loading::Loading;
use crate::gui::pages::time_axis::tick_words;
use crate::gui::state::State;
use crate::gui::theme::{Palette, semibold};
use crate::gui::widgets::{name, problem, weak};

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
        (state, facts): (&State, &Facts),
        looking: &Looking,
        asked: &mut Asked,
    ) {
        let analysis = match &facts.features.analysis {
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
        let layer = facts.features.layer.ready();
        match (&**analysis, layer) {
            (
                Analysis::Layers {
                    layers,
                    cka,
                    n_instants,
                },
                _,
            ) => cka_matrix(ui, layers, cka, *n_instants, looking, asked),
            (Analysis::OverTime { rows, .. }, Some(layer)) => {
                self.over_time(ui, (analysis, rows), layer, state, asked);
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
        layer: &LayerFacts,
        state: &State,
        asked: &mut Asked,
    ) {
        let Analysis::OverTime { correlation, .. } = &**analysis else {
            return;
        };
        weak(
            ui,
            format!(
                "Correlation between {} instants, from −1 (blue) to 1 (red). Bright squares are stretches heard as one thing.",
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
        let side = ui
            .available_width()
            .min(ui.available_height() - 24.0)
            .max(80.0);
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click_and_drag());
        name(&response, Role::Canvas, "Similarity over time");
        if let Some((_, texture)) = &self.square {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter()
                .image(texture.id(), rect, whole, Color32::WHITE);
        }
        let end_secs = layer.end_secs().max(1e-6);
        let at = |x: f32| f64::from((x - rect.left()) / rect.width()) * end_secs;
        if let Some(pointer) = response.interact_pointer_pos() {
            asked.push(Action::Cursor(at(pointer.x)));
        }
        let share = (state.cursor_secs / end_secs) as f32;
        let cursor = rect.left_top() + rect.size() * share.clamp(0.0, 1.0);
        let stroke = (1.0, Palette::of(ui).amber);
        ui.painter().vline(cursor.x, rect.y_range(), stroke);
        ui.painter().hline(rect.x_range(), cursor.y, stroke);
        if let Some(pointer) = response.hover_pos() {
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
                "{} and {}: {value:.2}",
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
    looking: &Looking,
    asked: &mut Asked,
) {
    weak(
        ui,
        format!(
            "Linear CKA between layers, from {n_instants} evenly spaced instants: 1 where two layers are alike but for \
             rotation and scale."
        ),
    );
    let n = layers.len();
    let side = (ui.available_width() - 40.0)
        .min(ui.available_height() - 40.0)
        .max(80.0);
    let (all, response) = ui.allocate_exact_size(vec2(side + 32.0, side + 24.0), Sense::click());
    name(&response, Role::Canvas, "Similarity between layers");
    let rect = Rect::from_min_size(all.left_top() + vec2(32.0, 0.0), vec2(side, side));
    cka_cells(ui, rect, layers, cka, looking);
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
        asked.push(Action::Look(Box::new(Looking {
            layer: Some(layers[down].clone()),
            ..looking.clone()
        })));
    }
    let words = format!(
        "layers {} and {}: {:.3}",
        layers[down].title(),
        layers[across].title(),
        cka[down * n + across]
    );
    response.on_hover_text_at_pointer(words);
}

fn cka_cells(ui: &egui::Ui, rect: Rect, layers: &[Layer], cka: &[f64], looking: &Looking) {
    let n = layers.len();
    let cell = rect.width() / n.max(1) as f32;
    let palette = Palette::of(ui);
    let font = FontId::proportional(12.0);
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
        let is_here = looking.layer.as_ref() == Some(layer);
        let color = if is_here {
            palette.accent
        } else {
            palette.weak
        };
        if cell >= 12.0 || down % 4 == 0 {
            let middle = (down as f32 + 0.5) * cell;
            let (left, below) = (
                rect.left_top() + vec2(-6.0, middle),
                rect.left_bottom() + vec2(middle, 4.0),
            );
            ui.painter().text(
                left,
                Align2::RIGHT_CENTER,
                layer.title(),
                font.clone(),
                color,
            );
            ui.painter().text(
                below,
                Align2::CENTER_TOP,
                layer.title(),
                font.clone(),
                color,
            );
        }
    }
}

/// The instants in the plane, coloured by time; the cursor's is marked.
fn scatter(ui: &mut egui::Ui, rows: &[usize], plane: &Plane, layer: &LayerFacts, state: &State) {
    weak(
        ui,
        format!(
            "The two largest principal components of {} evenly spaced instants. Colour is time, from dark to light.",
            rows.len()
        ),
    );
    let percent = plane.shares.map(|share| share * 100.0);
    let n = plane.points.len().max(1);
    let plot = Plot::new("plane")
        .x_axis_label(format!(
            "first component, {:.1} % of the variance",
            percent[0]
        ))
        .y_axis_label(format!("second component, {:.1} %", percent[1]))
        .data_aspect(1.0)
        .show_grid(false)
        .height(ui.available_height() - 4.0);
    let response = plot.show(ui, |ui| {
        // A few groups of one colour are drawn faster than as many as there are points.
        const N_COLOURS: usize = 32;
        for group in 0..N_COLOURS {
            let range =
                group * n / N_COLOURS..((group + 1) * n / N_COLOURS).min(plane.points.len());
            let color = colours::sequential(group as f32 / (N_COLOURS - 1) as f32);
            ui.points(
                Points::new("instants", PlotPoints::from(plane.points[range].to_vec()))
                    .radius(2.5)
                    .color(color),
            );
        }
        let row = layer.row_at(state.cursor_secs).max(0.0) as usize;
        if let Some(point) = rows
            .partition_point(|known| *known <= row)
            .checked_sub(1)
            .and_then(|at| plane.points.get(at))
        {
            let cursor = Points::new("cursor", PlotPoints::from(vec![*point])).radius(6.0);
            ui.points(
                cursor
                    .color(Color32::from_rgb(0xe3, 0xad, 0x45))
                    .filled(false),
            );
        }
    });
    name(&response.response, Role::Canvas, "Principal components");
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
