//! Saving figures and films of the cortex.

use eframe::egui;
use egui::accesskit::Role;

use crate::brain_panels::PanelLayout;
use crate::gui::actions::{Action, Actions, ExportFormat};
use crate::gui::brain::{BrainInfo, BrainLayout, BrainSettings, has_view};
use crate::gui::figure::{ExportSize, FilmKind};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::widgets::{button, export_menu_with, name, weak};
use heschl_core::scene::NamedView;

/// Figures with several views.
const PANELS: [(PanelLayout, &str); 2] = [
    (PanelLayout::LateralMedial, "lateral and medial"),
    (PanelLayout::FlatInflated, "flat and inflated"),
];
const FORMATS: [(ExportFormat, &str); 3] = [
    (ExportFormat::Png, "PNG"),
    (ExportFormat::Svg, "SVG"),
    (ExportFormat::Pdf, "PDF"),
];

/// The menu with figures of what is shown, figures of several views, and films.
pub(super) fn menu(
    ui: &mut egui::Ui,
    size: ExportSize,
    (settings, info): (&BrainSettings, &Info),
    actions: &mut Actions,
) {
    export_menu_with(ui, size, actions, |ui, actions| {
        let open = info.brain.subject.as_ref();
        let is_flattened = open.is_none_or(|open| has_view(&open.subject, NamedView::Flat));
        let mut entry =
            |ui: &mut egui::Ui, (can_be, why): (bool, &str), [words, told]: [&str; 2], action| {
                let response = ui
                    .add_enabled(can_be, egui::Button::new(words))
                    .on_disabled_hover_text(why);
                name(&response, Role::Button, &format!("Export {told}"));
                if response.clicked() {
                    actions.push(action);
                    ui.close();
                }
            };
        ui.separator();
        for (layout, title) in PANELS {
            let can_be = layout != PanelLayout::FlatInflated || is_flattened;
            let state = (can_be, "The subject has no flat surface.");
            // A line for each, so that the menu fits into a small window.
            ui.horizontal(|ui| {
                weak(ui, title);
                for (format, ending) in FORMATS {
                    let told = format!("{title} as {ending}");
                    let action = Action::ExportPanels(layout.clone(), format);
                    entry(ui, state, [ending, &told], action);
                }
            });
        }
        ui.separator();
        for (kind, words) in FilmKind::ALL {
            let state = can_film(kind, is_flattened, (settings, info));
            entry(ui, state, [words, words], Action::SaveFilm(kind));
        }
    });
}

/// Whether a film can be made, and else why not.
fn can_film(
    kind: FilmKind,
    is_flattened: bool,
    (settings, info): (&BrainSettings, &Info),
) -> (bool, &'static str) {
    if settings.layout == BrainLayout::Slices {
        return (
            false,
            "Films show the cortex. Choose Cortex instead of Slices.",
        );
    }
    if info.brain.saving.is_some() {
        return (false, "A film is being saved.");
    }
    match kind {
        FilmKind::Turntable => (
            !settings.is_flat(),
            "A flat map cannot be turned. Choose a folded or inflated view.",
        ),
        FilmKind::Unfolding => (is_flattened, "The subject has no flat surface."),
        FilmKind::Story => (
            settings.film.is_some() && info.brain.film.ready().is_some(),
            "Choose what is shown under \"Test stories over time\" first.",
        ),
    }
}

/// How far the film is that is being saved.
pub(super) fn progress(ui: &mut egui::Ui, info: &BrainInfo, actions: &mut Actions) {
    let Some([n_done, n_all]) = info.saving else {
        return;
    };
    ui.spinner();
    weak(ui, format!("Film: {n_done} of {n_all} frames"));
    if button(ui, icons::X, "Stop film").clicked() {
        actions.push(Action::StopFilm);
    }
}
