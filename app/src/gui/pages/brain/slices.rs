//! Slices on the page: the cross through the chosen point, letters, and choosing another point.

use eframe::egui;
use egui::{Align2, Color32, FontId, Rect, Stroke, vec2};
use heschl_core::scene::{SliceConvention, SlicePlane};

use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{BrainPicture, BrainSettings, SliceLayout};
use crate::gui::icons;
use crate::gui::state::Page;
use crate::gui::text::thousands;
use crate::gui::theme::Palette;
use crate::gui::widgets::{button, name, tick, weak};

/// Enlargement at most.
const MOST_ZOOM: f64 = 12.0;
/// Millimetres of a notch of the wheel.
const MM_PER_NOTCH: f64 = 1.0;

/// The rectangle of a slice.
fn panel(layout: &SliceLayout, index: usize, rect: Rect) -> Rect {
    let [left, top, width, height] = layout.place(index).map(|share| share as f32);
    Rect::from_min_size(
        rect.min + vec2(left * rect.width(), top * rect.height()),
        vec2(width * rect.width(), height * rect.height()),
    )
}

/// Draws the cross and the letters, and moves the cross as the user asks.
pub(super) fn ui(
    ui: &egui::Ui,
    response: &egui::Response,
    layout: &SliceLayout,
    settings: &mut BrainSettings,
) {
    let rect = response.rect;
    let palette = Palette::of(ui);
    let painter = ui.painter_at(rect);
    for index in 0..3 {
        let panel = panel(layout, index, rect);
        if let Some([x, y]) = layout.share(index, settings.slices.cursor) {
            let at = panel.min + vec2(x as f32 * panel.width(), y as f32 * panel.height());
            let stroke = Stroke::new(1.0, palette.accent.gamma_multiply(0.8));
            if panel.contains(at) {
                painter.hline(panel.x_range(), at.y, stroke);
                painter.vline(at.x, panel.y_range(), stroke);
            }
        }
    }
    for ([x, y], letter) in layout.letters() {
        let at = rect.min + vec2(x as f32 * rect.width(), y as f32 * rect.height());
        let font = FontId::proportional(14.0);
        painter.text(
            at + vec2(1.0, 1.0),
            Align2::CENTER_CENTER,
            letter,
            font.clone(),
            Color32::BLACK,
        );
        painter.text(at, Align2::CENTER_CENTER, letter, font, Color32::WHITE);
    }
    choose(ui, response, layout, settings);
}

fn choose(
    ui: &egui::Ui,
    response: &egui::Response,
    layout: &SliceLayout,
    settings: &mut BrainSettings,
) {
    let Some(pointer) = response.interact_pointer_pos().or(response.hover_pos()) else {
        return;
    };
    let Some((index, panel)) = (0..3)
        .map(|index| (index, panel(layout, index, response.rect)))
        .find(|(_, panel)| panel.contains(pointer))
    else {
        return;
    };
    let is_chosen = response.clicked() || response.dragged();
    let offset = (pointer - panel.min) / panel.size();
    let point = layout.point(index, [f64::from(offset.x), f64::from(offset.y)]);
    if let Some(point) = point.filter(|_| is_chosen) {
        settings.slices.cursor = point;
    }
    if response.hovered() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let across = SlicePlane::ALL[index].across();
        settings.slices.cursor[across] += f64::from(scroll) / 40.0 * MM_PER_NOTCH;
        let zoom = settings.slices.zoom * f64::from(pinch);
        settings.slices.zoom = zoom.clamp(1.0, MOST_ZOOM);
    }
}

/// What is at the cross, in a line.
pub(super) fn readout(
    ui: &mut egui::Ui,
    picture: &BrainPicture,
    settings: &BrainSettings,
    actions: &mut Actions,
) {
    let [x, y, z] = settings.slices.cursor;
    let value = picture.map.at(settings.slices.cursor);
    let value = value.map_or("no value".into(), |value| format!("{value:.3}"));
    weak(
        ui,
        format!("right {x:.0}, anterior {y:.0}, superior {z:.0} mm"),
    );
    if !picture.placement.is_volume() {
        return;
    }
    ui.label(value);
    if let Some(voxel) = picture.placement.index_at(settings.slices.cursor) {
        let words = format!("Open voxel {}", thousands(voxel));
        if button(ui, icons::CHART_SCATTER, &words).clicked() {
            actions.push(Action::View(ViewAction::Voxel(voxel)));
            actions.push(Action::Go(Page::Scores));
        }
    }
}

/// The settings of slices.
pub(super) fn controls(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    let slices = &mut settings.slices;
    ui.horizontal_wrapped(|ui| {
        for (convention, words) in [
            (SliceConvention::Neurological, "Left at the left"),
            (SliceConvention::Radiological, "Left at the right"),
        ] {
            let is_it = slices.convention == convention;
            let response = ui.add(egui::Button::selectable(is_it, words));
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::accesskit::Role::RadioButton, true, is_it, words)
            });
            if response.clicked() {
                slices.convention = convention;
            }
        }
    });
    tick(ui, &mut slices.has_lines, "Pial and white surface");
    ui.horizontal(|ui| {
        for (axis, words) in ["Right", "Anterior", "Superior"].into_iter().enumerate() {
            let field = egui::DragValue::new(&mut slices.cursor[axis])
                .speed(0.5)
                .max_decimals(1);
            let response = ui.add(field).on_hover_text(format!("{words}, mm"));
            name(&response, egui::accesskit::Role::SpinButton, words);
        }
        weak(ui, "mm");
    });
    let slider = egui::Slider::new(&mut slices.zoom, 1.0..=MOST_ZOOM).show_value(false);
    ui.horizontal(|ui| {
        weak(ui, "Enlarge");
        let response = ui.add(slider.logarithmic(true));
        name(&response, egui::accesskit::Role::Slider, "Enlarge");
    });
    weak(
        ui,
        "Click or drag in a slice to choose a point; scroll to step through the slices.",
    );
}
