//! The heat map over the waveform and the line of one dimension, all on the one axis of time.

use std::sync::Arc;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Rect, Sense, pos2, vec2};
use heschl_core::display::heat_map::{Shading, Stretch};

use super::side::number;
use crate::gui::actions::Actions;
use crate::gui::colours;
use crate::gui::features::{self, FeatureSelection, HeatPicture, LayerInfo};
use crate::gui::info::Info;
use crate::gui::pages::colour_bar::{
    BELOW, ColourBar, LEFT, numbers_down, tick_number, title_across, title_up,
};
use crate::gui::pages::pixels;
use crate::gui::pages::sound_view::waveform;
use crate::gui::pages::time_axis::{TimeAxis, tick_words};
use crate::gui::state::State;
use crate::gui::theme::Palette;
use crate::gui::widgets::name;

/// The heat map as it was drawn last.
#[derive(Default)]
pub(super) struct HeatMapView {
    drawn: Option<(Arc<HeatPicture>, egui::TextureHandle)>,
}

impl HeatMapView {
    /// Draws it into the room that is left.
    pub(super) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        layer: &Arc<LayerInfo>,
        selection: &mut FeatureSelection,
        (state, info): (&State, &Info),
        actions: &mut Actions,
    ) {
        legend(ui, layer, selection.shading);
        let size = vec2(
            ui.available_width(),
            (ui.available_height() - 2.0).max(160.0),
        );
        let (all, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        name(
            &response,
            Role::Canvas,
            "Heat map, time to the right, dimensions downwards",
        );
        let plot = all
            .with_max_y(all.bottom() - BELOW)
            .with_min_x(all.left() + LEFT);
        let sound = info
            .sound
            .ready()
            .filter(|_| state.story == selection.story);
        let [map_share, sound_share] = if sound.is_some() {
            [0.6, 0.15]
        } else {
            [0.72, 0.0]
        };
        let (map, below) = plot.split_top_bottom_at_fraction(map_share);
        let (wave, line) = below.split_top_bottom_at_fraction(sound_share / (1.0 - map_share));
        let end_secs = sound
            .map_or(0.0, |sound| sound.secs())
            .max(layer.end_secs());
        let axis = TimeAxis::new(state, end_secs, plot);
        axis.listen(ui, &response, actions);
        let rows = axis.shown.map(|secs| layer.row_at(secs));
        selection.heat = Some(view(ui, map, layer, rows));
        self.map(ui, map, (layer, selection.dim), rows, info);
        if let Some(sound) = sound {
            waveform(ui, wave.shrink2(vec2(0.0, 4.0)), sound, axis.shown);
        }
        draw_line(
            ui,
            line.shrink2(vec2(0.0, 4.0)),
            layer,
            selection.dim,
            &axis,
        );
        axis.ticks(ui);
        title_across(ui, plot, "time in the story (min:s)");
        axis.cursor(ui, state);
        pick(ui, &response, map, layer, selection, &axis);
    }

    fn map(
        &mut self,
        ui: &egui::Ui,
        rect: Rect,
        (layer, dim): (&Arc<LayerInfo>, usize),
        rows: [f64; 2],
        info: &Info,
    ) {
        let n_dims = layer.statistics.n_dims;
        if let Some(picture) = &info.features.picture
            && !self
                .drawn
                .as_ref()
                .is_some_and(|(drawn, _)| Arc::ptr_eq(drawn, picture))
        {
            let texture = ui.ctx().load_texture(
                "heat map",
                picture.image.clone(),
                egui::TextureOptions::NEAREST,
            );
            self.drawn = Some((picture.clone(), texture));
        }
        ui.painter().rect_filled(rect, 0.0, Palette::of(ui).side);
        let Some((picture, texture)) = self
            .drawn
            .as_ref()
            .filter(|(picture, _)| Arc::ptr_eq(&picture.of, layer))
        else {
            return;
        };
        // A picture of a moment ago is put where it belongs now.
        let [from, to] = picture.view.stretch.rows;
        let x =
            |row: f64| rect.left() + ((row - rows[0]) / (rows[1] - rows[0])) as f32 * rect.width();
        let place = Rect::from_min_max(pos2(x(from), rect.top()), pos2(x(to), rect.bottom()));
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter_at(rect)
            .image(texture.id(), place, whole, Color32::WHITE);
        let y = rect.top() + (dim as f32 + 0.5) / n_dims.max(1) as f32 * rect.height();
        let palette = Palette::of(ui);
        let mark = [
            pos2(rect.left() - 8.0, y - 4.0),
            pos2(rect.left() - 1.0, y),
            pos2(rect.left() - 8.0, y + 4.0),
        ];
        ui.painter().add(egui::Shape::convex_polygon(
            mark.to_vec(),
            palette.amber,
            egui::Stroke::NONE,
        ));
        title_up(ui, rect, "dimension");
        // Each dimension is a stripe; its number stands in the middle.
        let last = n_dims.max(1) as f64 - 0.5;
        numbers_down(ui, rect, [-0.5, last]);
    }
}

/// What is to be drawn: a pixel for each point of the screen, but no more down than there are dimensions.
fn view(ui: &egui::Ui, rect: Rect, layer: &LayerInfo, rows: [f64; 2]) -> features::HeatView {
    let n_dims = layer.statistics.n_dims;
    features::HeatView {
        stretch: Stretch {
            rows,
            dims: [0.0, n_dims as f64],
        },
        size: [
            pixels(ui, rect.width()),
            pixels(ui, rect.height()).min(n_dims.max(1)),
        ],
    }
}

/// A click chooses the dimension, and the pointer says time, dimension and value.
fn pick(
    ui: &egui::Ui,
    response: &egui::Response,
    map: Rect,
    layer: &LayerInfo,
    selection: &mut FeatureSelection,
    axis: &TimeAxis,
) {
    let n_dims = layer.statistics.n_dims;
    let dim_at = |y: f32| {
        (((y - map.top()) / map.height() * n_dims as f32).max(0.0) as usize)
            .min(n_dims.saturating_sub(1))
    };
    if let Some(pointer) = response
        .interact_pointer_pos()
        .filter(|pointer| map.contains(*pointer))
    {
        selection.dim = dim_at(pointer.y);
    }
    let Some(pointer) = response
        .hover_pos()
        .filter(|pointer| map.contains(*pointer))
    else {
        return;
    };
    let (secs, dim) = (axis.at(pointer.x), dim_at(pointer.y));
    let row = layer.row_at(secs);
    let value = layer
        .map
        .features()
        .get([row.max(0.0) as usize, dim])
        .filter(|_| row >= 0.0);
    let at = tick_words(secs, 0.1);
    let words = value.map_or_else(
        || format!("no row at {at}"),
        |value| format!("dimension {dim} at {at}: {}", number(f64::from(*value))),
    );
    ui.painter().hline(
        map.x_range(),
        pointer.y,
        (1.0, Palette::of(ui).text.gamma_multiply(0.4)),
    );
    response.clone().on_hover_text_at_pointer(words);
}

/// What colours mean.
fn legend(ui: &mut egui::Ui, layer: &LayerInfo, shading: Shading) {
    let (title, color): (_, fn(f32) -> Color32) = match shading {
        Shading::Values => (
            "value of the hidden state, from the layer's 2nd to its 98th percentile",
            colours::sequential,
        ),
        Shading::PerDimension => (
            "standard deviations from each dimension's mean",
            colours::diverging,
        ),
    };
    let bar = ColourBar {
        title,
        range: layer.map.range(shading).map(f64::from),
        color,
        words: &tick_number,
    };
    bar.ui(ui, bar.plain_step());
}

/// One dimension over time: from the smallest to the largest value of what falls on each point.
fn draw_line(ui: &egui::Ui, rect: Rect, layer: &LayerInfo, dim: usize, axis: &TimeAxis) {
    let rows = axis.shown.map(|secs| layer.row_at(secs));
    let n_columns = rect.width().max(1.0) as usize;
    let values = layer.map.line(dim, rows, n_columns);
    let finite = values.iter().flatten().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(*value), high.max(*value))
    });
    if low > high {
        return;
    }
    let spread = (high - low).max(f32::MIN_POSITIVE);
    let y = |value: f32| rect.bottom() - (value - low) / spread * rect.height();
    if rows[1] - rows[0] < n_columns as f64 / 2.0 {
        instants(ui, rect, layer, dim, rows, y);
    } else {
        extremes(ui, rect, &values, y);
    }
    numbers_down(ui, rect, [high, low].map(f64::from));
    title_up(ui, rect, &format!("dimension {dim}"));
}

/// A line from instant to instant, each where its window ends.
fn instants(
    ui: &egui::Ui,
    rect: Rect,
    layer: &LayerInfo,
    dim: usize,
    rows: [f64; 2],
    y: impl Fn(f32) -> f32,
) {
    let features = layer.map.features();
    let from = (rows[0].floor().max(1.0) as usize - 1).min(features.nrows());
    let to = (rows[1].ceil().max(0.0) as usize + 1).min(features.nrows());
    let x = |row: usize| {
        rect.left() + ((row as f64 + 1.0 - rows[0]) / (rows[1] - rows[0])) as f32 * rect.width()
    };
    let points =
        (from..to.max(from)).filter_map(|row| features.get([row, dim]).map(|value| (row, *value)));
    let points = points
        .filter(|(_, value)| value.is_finite())
        .map(|(row, value)| pos2(x(row), y(value)));
    ui.painter_at(rect)
        .line(points.collect(), (1.0, Palette::of(ui).accent));
}

/// From the smallest to the largest value of each column, joined so that a rise between them is seen.
fn extremes(ui: &egui::Ui, rect: Rect, values: &[[f32; 2]], y: impl Fn(f32) -> f32) {
    let accent = Palette::of(ui).accent;
    let mut before: Option<f32> = None;
    let are_finite = |values: &[f32; 2]| values.iter().all(|value| value.is_finite());
    for (at, [least, most]) in values
        .iter()
        .enumerate()
        .filter(|(_, values)| are_finite(values))
    {
        let x = rect.left() + at as f32 + 0.5;
        let (mut top, mut bottom) = (y(*most), y(*least));
        if let Some(before) = before {
            (top, bottom) = (top.min(before), bottom.max(before));
        }
        ui.painter()
            .vline(x, top..=bottom.max(top + 1.0), (1.0, accent));
        before = Some(f32::midpoint(y(*most), y(*least)));
    }
}
