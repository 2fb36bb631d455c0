//! Features: what came out, as pictures and as numbers.

mod analyses;
mod heat;
mod side;

use eframe::egui;

use crate::gui::actions::{Action, Actions, PathPurpose, ViewAction};
use crate::gui::features::{FeatureInfo, FeatureSelection, View};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::State;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    PathField, choices, empty_state, export_menu, help_button, icon_button, page_title, problem,
    weak,
};
use heschl_core::display::heat_map::Shading;
use heschl_core::display::library::FeatureLibrary;

/// The page "Features".
#[derive(Default)]
pub(crate) struct FeaturesPage {
    heat: heat::HeatMapView,
    analyses: analyses::Analyses,
}

impl FeaturesPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(ui, "Features", "The hidden states of each layer over time.");
        let field = PathField {
            label: "Folder of features",
            purpose: PathPurpose::Features,
            recent: &state.preferences.recent_features,
            own: info.own_features(),
            home: info.home.as_deref(),
            picking: info.picking,
        };
        let selection = state.selection.as_ref();
        ui.horizontal(|ui| {
            field.show(
                ui,
                selection.map(|selection| selection.folder.as_path()),
                actions,
            );
            if help_button(ui, Topic::Features) {
                actions.push(Action::Manual(Topic::Features));
            }
        });
        let Some(selection) = selection else {
            let sentence = "Choose a folder of features from Heschl or from the Python code of Antonello et al. 2023, or extract some first.";
            if empty_state(
                ui,
                icons::GRID_3X3,
                sentence,
                (icons::FOLDER_OPEN, "Choose features"),
            ) {
                actions.push(Action::Pick(PathPurpose::Features));
            }
            return;
        };
        match &info.features.library {
            Loading::Nothing | Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(library) => self.library(ui, library, selection, (state, info), actions),
        }
    }

    fn library(
        &mut self,
        ui: &mut egui::Ui,
        library: &FeatureLibrary,
        selection: &FeatureSelection,
        (state, info): (&State, &Info),
        actions: &mut Actions,
    ) {
        let mut edited = selection.clone();
        choosing(ui, library, &mut edited, (state, &info.features), actions);
        ui.add_space(INSIDE);
        let has_side = ui.available_width() > 760.0;
        if has_side && let Some(layer) = info.features.layer.ready() {
            let frame = egui::Frame::new().inner_margin(egui::Margin {
                left: BETWEEN as i8,
                ..egui::Margin::ZERO
            });
            let panel = egui::Panel::right("statistics")
                .exact_size(216.0)
                .resizable(false)
                .frame(frame);
            panel.show(ui, |ui| side::ui(ui, layer, &edited, state));
        }
        egui::CentralPanel::no_frame().show(ui, |ui| match edited.view {
            View::HeatMap => match &info.features.layer {
                Loading::Nothing | Loading::Waiting => reading(ui),
                Loading::Failed(sentence) => problem(ui, sentence),
                Loading::Ready(layer) => {
                    self.heat.ui(ui, layer, &mut edited, (state, info), actions);
                }
            },
            View::Compare => compare(ui, &edited, info, actions),
            _ => self.analyses.ui(ui, (state, info), &edited, actions),
        });
        if edited != *selection {
            actions.push(Action::View(ViewAction::Features(Box::new(edited))));
        }
    }
}

fn compare(ui: &mut egui::Ui, selection: &FeatureSelection, info: &Info, actions: &mut Actions) {
    weak(
        ui,
        "Another folder with features of the same story, for example from the Python code.",
    );
    let field = PathField {
        label: "Folder to compare with",
        purpose: PathPurpose::OtherFeatures,
        recent: &[],
        own: info.own_features(),
        home: info.home.as_deref(),
        picking: info.picking,
    };
    field.show(ui, selection.other.as_deref(), actions);
    ui.add_space(INSIDE);
    if selection.other.is_some() {
        analyses::comparison(ui, &info.features.analysis);
    }
}
fn reading(ui: &mut egui::Ui) {
    ui.horizontal(|ui| {
        ui.spinner();
        weak(ui, "Reading the layer …");
    });
}

/// Story, layer, view, and what can be taken along.
fn choosing(
    ui: &mut egui::Ui,
    library: &FeatureLibrary,
    selection: &mut FeatureSelection,
    (state, info): (&State, &FeatureInfo),
    actions: &mut Actions,
) {
    ui.horizontal_wrapped(|ui| {
        story(ui, library, selection, actions);
        ui.add_space(INSIDE);
        weak(ui, "Layer").on_hover_text("[ and ] step through the layers");
        if icon_button(ui, icons::CHEVRON_LEFT, "The layer before").clicked() {
            actions.push(Action::View(ViewAction::StepLayer(-1)));
        }
        layers(ui, library, selection);
        if icon_button(ui, icons::CHEVRON_RIGHT, "The layer after").clicked() {
            actions.push(Action::View(ViewAction::StepLayer(1)));
        }
    });
    ui.horizontal_wrapped(|ui| {
        choices(ui, &mut selection.view, &View::ALL);
        if selection.view == View::HeatMap {
            ui.separator();
            choices(
                ui,
                &mut selection.shading,
                &[
                    (Shading::Values, "Values"),
                    (Shading::PerDimension, "z-scores"),
                ],
            );
        }
        let is_there = match selection.view {
            View::HeatMap => info.layer.ready().is_some(),
            _ => info.analysis.ready().is_some(),
        };
        ui.add_enabled_ui(is_there, |ui| {
            export_menu(ui, state.preferences.export, actions);
        });
    });
}

fn story(
    ui: &mut egui::Ui,
    library: &FeatureLibrary,
    selection: &mut FeatureSelection,
    actions: &mut Actions,
) {
    let current = selection.story.clone().unwrap_or_default();
    let combo = egui::ComboBox::from_id_salt("story")
        .selected_text(&current)
        .width(180.0);
    let response = combo.show_ui(ui, |ui| {
        for story in &library.stories {
            if ui.selectable_label(*story == current, story).clicked() {
                selection.story = Some(story.clone());
                actions.push(Action::View(ViewAction::Story(story.clone())));
            }
        }
    });
    response.response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Story");
        info.current_text_value = Some(current.clone());
        info
    });
}

/// Chips where they are few, a list where they are many.
fn layers(ui: &mut egui::Ui, library: &FeatureLibrary, selection: &mut FeatureSelection) {
    let n_most = if ui.available_width() > 640.0 { 14 } else { 8 };
    let current = selection.layer.as_ref();
    let mut chosen = None;
    if library.layers.len() <= n_most {
        for layer in &library.layers {
            let is_here = current == Some(layer);
            let response = ui.add(egui::Button::selectable(is_here, layer.title()));
            response.widget_info(|| {
                egui::WidgetInfo::selected(
                    egui::accesskit::Role::RadioButton,
                    true,
                    is_here,
                    format!("Layer {}", layer.title()),
                )
            });
            if response.clicked() {
                chosen = Some(layer.clone());
            }
        }
    } else {
        let title = current
            .map(heschl_core::display::library::Layer::title)
            .unwrap_or_default();
        let response = egui::ComboBox::from_id_salt("layer")
            .selected_text(&title)
            .show_ui(ui, |ui| {
                for layer in &library.layers {
                    if ui
                        .selectable_label(current == Some(layer), layer.title())
                        .clicked()
                    {
                        chosen = Some(layer.clone());
                    }
                }
            });
        response.response.widget_info(|| {
            let mut info =
                egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Layer");
            info.current_text_value = Some(title.clone());
            info
        });
    }
    if chosen.is_some() {
        selection.layer = chosen;
    }
}
