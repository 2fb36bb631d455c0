//! The settings beside the picture.

use eframe::egui;
use egui::accesskit::Role;
use heschl_core::scene::{ColourMap, NamedView};

use super::{COLUMNS, SIDE, VIEWS, navigation, slices};
use crate::gui::brain::{BrainInfo, BrainLayout, BrainSettings, has_view};
use crate::gui::icons;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{button, heading, name, tick, weak};

/// The map, its colours and the view.
pub(super) fn ui(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &BrainInfo) {
    heading(ui, "Map");
    let shown = COLUMNS
        .iter()
        .find(|(column, _)| *column == settings.column);
    let combo = egui::ComboBox::from_id_salt("map of the brain")
        .width(SIDE - 20.0)
        .selected_text(shown.map_or("", |(_, words)| *words))
        .show_ui(ui, |ui| {
            for (column, words) in COLUMNS {
                ui.selectable_value(&mut settings.column, column, words);
            }
        });
    name(&combo.response, Role::ComboBox, "Map");
    tick(
        ui,
        &mut settings.is_significant_only,
        "Significant voxels only",
    );
    ui.add_space(INSIDE);
    heading(ui, "Colours");
    let combo = egui::ComboBox::from_id_salt("colours of the brain")
        .width(SIDE - 20.0)
        .selected_text(settings.colours.to_string())
        .show_ui(ui, |ui| {
            for colours in ColourMap::all() {
                let words = colours.to_string();
                ui.selectable_value(&mut settings.colours, colours, words);
            }
        });
    name(&combo.response, Role::ComboBox, "Colour map");
    limits(ui, settings, info);
    ui.add_space(INSIDE);
    heading(ui, "View");
    ui.horizontal(|ui| {
        for (layout, words) in [
            (BrainLayout::Cortex, "Cortex"),
            (BrainLayout::Slices, "Slices"),
        ] {
            let is_it = settings.layout == layout;
            let response = ui.add(egui::Button::selectable(is_it, words));
            response
                .widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, true, is_it, words));
            if response.clicked() {
                settings.layout = layout;
            }
        }
    });
    match settings.layout {
        BrainLayout::Cortex => cortex(ui, settings, info),
        BrainLayout::Slices => slices::controls(ui, settings),
    }
    let picture = info.picture.ready();
    if picture.is_some_and(|picture| picture.placement.is_volume()) {
        depths(ui, settings);
    }
}

/// From where the cortex is seen.
fn cortex(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &BrainInfo) {
    ui.horizontal_wrapped(|ui| {
        for (view, words) in VIEWS {
            let is_it = settings.named == view;
            let can_be = info
                .subject
                .as_ref()
                .is_none_or(|open| has_view(&open.subject, view));
            let response = ui.add_enabled(can_be, egui::Button::selectable(is_it, words));
            let response = response.on_disabled_hover_text("The subject has no flat surface.");
            response.widget_info(|| {
                egui::WidgetInfo::selected(Role::RadioButton, can_be, is_it, words)
            });
            if response.clicked() {
                settings.take_view(view);
            }
        }
    });
    ui.add_space(INSIDE);
    let is_flat = settings.named == NamedView::Flat;
    ui.add_enabled_ui(!is_flat, |ui| {
        let slider = egui::Slider::new(&mut settings.unfold, 0.0..=1.0).show_value(false);
        ui.horizontal(|ui| {
            weak(ui, "Folded");
            let response = ui.add(slider);
            name(&response, Role::Slider, "Unfold");
            weak(ui, "flat");
        });
    });
    tick(ui, &mut settings.has_outlines, "Region outlines");
    tick(ui, &mut settings.is_lit, "Light");
    if button(ui, icons::ROTATE_CCW, "Reset view").clicked() {
        settings.reset_view();
    }
    weak(ui, navigation::HINT);
}

/// How many depths an image is averaged over.
fn depths(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    ui.horizontal(|ui| {
        weak(ui, "Depths averaged");
        let response = ui.add(egui::DragValue::new(&mut settings.n_depths).range(1..=32));
        name(&response, Role::SpinButton, "Depths averaged");
    });
}

/// The values of the first and the last colour.
fn limits(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &BrainInfo) {
    let Some(shown) = info.picture.ready().map(|picture| picture.limits) else {
        return;
    };
    let mut limits = settings.limits.unwrap_or(shown);
    let mut is_changed = false;
    ui.horizontal(|ui| {
        weak(ui, "From");
        let speed = f64::from((shown[1] - shown[0]).abs()) / 200.0;
        for (limit, words) in limits.iter_mut().zip(["Lower limit", "Upper limit"]) {
            let response = ui.add(egui::DragValue::new(limit).speed(speed).max_decimals(3));
            name(&response, Role::SpinButton, words);
            is_changed |= response.changed();
            if words == "Lower limit" {
                weak(ui, "to");
            }
        }
    });
    if is_changed {
        settings.limits = Some(limits);
    }
    if settings.limits.is_some() && button(ui, icons::ROTATE_CCW, "By the data").clicked() {
        settings.limits = None;
    }
}
