//! Slices inside of the cortex, on the page.

use eframe::egui;
use egui::accesskit::Role;

use crate::gui::brain::{BrainSettings, ScenePlane};
use crate::gui::icons;
use crate::gui::widgets::{button, name, tick, weak};

/// The settings of what is shown inside.
pub(super) fn controls(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    if !settings.is_as_scanned() {
        weak(
            ui,
            "Slices lie in the brain as it was scanned: folded and closed.",
        );
        if button(ui, icons::BRAIN, "Fold and close it").clicked() {
            settings.take_scanned_view();
        }
        return;
    }
    weak(ui, "Slices through the chosen point");
    let inside = &mut settings.interior;
    let planes = ScenePlane::ALL.chunks(2).zip(inside.slices.chunks_mut(2));
    for (planes, shown) in planes {
        ui.horizontal(|ui| {
            for ((_, words), is_shown) in planes.iter().zip(shown) {
                tick(ui, is_shown, words);
            }
        });
    }
    let shown = ScenePlane::ALL
        .iter()
        .find(|(plane, _)| Some(*plane) == inside.cut);
    ui.horizontal(|ui| {
        weak(ui, "Cut away");
        let combo = egui::ComboBox::from_id_salt("cut of the brain")
            .selected_text(shown.map_or("Nothing", |(_, words)| *words))
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut inside.cut, None, "Nothing");
                for (plane, words) in ScenePlane::ALL {
                    ui.selectable_value(&mut inside.cut, Some(plane), words);
                }
            });
        name(&combo.response, Role::ComboBox, "Cut away");
    });
    ui.horizontal(|ui| {
        weak(ui, "Cortex");
        let slider = egui::Slider::new(&mut inside.opacity, 0.0..=1.0).max_decimals(2);
        let response = ui.add(slider);
        name(&response, Role::Slider, "Opacity of the cortex");
    });
}
