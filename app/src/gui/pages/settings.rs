//! Settings: how the window looks, and where things are.

use eframe::egui;

use crate::gui::actions::{Action, Actions, ModelAction, PathPurpose};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::manual::Topic;
use crate::gui::state::{Motion, SCALES, Settings, State, ThemeChoice};
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    PathField, button, choices, field_label, heading, help_button, page_title, warning, weak,
};

/// Draws the page.
pub(crate) fn ui(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    ui.set_max_width(760.0);
    page_title(
        ui,
        "Settings",
        "Changes are saved immediately and can be undone (Ctrl+Z).",
    );
    let mut settings = state.preferences.settings.clone();
    appearance(ui, &mut settings);
    ui.add_space(BETWEEN);
    places(ui, state, info, actions);
    ui.add_space(BETWEEN);
    ui.horizontal(|ui| {
        let is_changed = settings != Settings::default();
        ui.add_enabled_ui(is_changed, |ui| {
            if button(ui, icons::ROTATE_CCW, "Reset all settings").clicked() {
                settings = Settings::default();
            }
        });
        let undo = info.undo;
        ui.add_enabled_ui(undo.n_back > 0, |ui| {
            if button(ui, icons::UNDO_2, "Undo").clicked() {
                actions.push(Action::Undo);
            }
        });
        ui.add_enabled_ui(undo.n_forward > 0, |ui| {
            if button(ui, icons::REDO_2, "Redo").clicked() {
                actions.push(Action::Redo);
            }
        });
    });
    if settings != state.preferences.settings {
        actions.push(Action::EditSettings(settings));
    }
}

fn appearance(ui: &mut egui::Ui, settings: &mut Settings) {
    heading(ui, "Look");
    row(ui, "Theme", |ui| {
        let themes = [
            (ThemeChoice::System, "System"),
            (ThemeChoice::Light, "Light"),
            (ThemeChoice::Dark, "Dark"),
        ];
        choices(ui, &mut settings.theme, &themes);
    });
    row(ui, "Size", |ui| {
        let words = SCALES.map(|scale| format!("{:.0} %", scale * 100.0));
        let options: Vec<(f32, &str)> = SCALES
            .into_iter()
            .zip(words.iter().map(String::as_str))
            .collect();
        choices(ui, &mut settings.scale, &options);
    });
    row(ui, "Motion", |ui| {
        choices(
            ui,
            &mut settings.motion,
            &[(Motion::Full, "Full"), (Motion::Reduced, "None")],
        );
    });
}

fn places(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    heading(ui, "Places");
    let settings = &state.preferences.settings;
    let field = |label, purpose| PathField {
        label,
        purpose,
        recent: &[],
        own: &[],
        home: info.home.as_deref(),
        picking: info.picking,
    };
    weak(ui, "New studies are created in this folder");
    let in_home = info.home.as_ref().map(|home| home.join("Heschl"));
    let studies = settings.studies_folder.as_ref().or(in_home.as_ref());
    field("Folder for studies", PathPurpose::StudiesFolder).show(
        ui,
        studies.map(std::path::PathBuf::as_path),
        actions,
    );
    ui.add_space(INSIDE);
    ui.horizontal(|ui| {
        weak(
            ui,
            "ONNX Runtime library; found or downloaded automatically if empty",
        );
        if help_button(ui, Topic::Devices) {
            actions.push(Action::Manual(Topic::Devices));
        }
    });
    field("Library file", PathPurpose::Runtime).show(ui, settings.runtime.as_deref(), actions);
    match info
        .machine
        .as_ref()
        .and_then(|machine| machine.runtime.as_ref())
    {
        Some(Ok(path)) => {
            weak(ui, format!("In use: {}", path.display()));
        }
        Some(Err(sentence)) => {
            warning(ui, sentence);
            let is_coming = info.queue.fetching_runtime().is_some();
            if settings.runtime.is_none()
                && !is_coming
                && button(ui, icons::DOWNLOAD, "Get ONNX Runtime").clicked()
            {
                actions.push(Action::Model(ModelAction::FetchRuntime));
            }
        }
        None => {}
    }
    if settings.runtime.is_some()
        && button(ui, icons::ROTATE_CCW, "Find the library automatically").clicked()
    {
        let mut settings = settings.clone();
        settings.runtime = None;
        actions.push(Action::EditSettings(settings));
    }
}

fn row(ui: &mut egui::Ui, label: &str, content: impl FnOnce(&mut egui::Ui)) {
    ui.horizontal(|ui| {
        field_label(ui, label);
        content(ui);
    });
}
