//! Features: what came out, as pictures and as numbers.

mod analyses;
mod heat;
mod side;

use eframe::egui;

use crate::gui::actions::{Action, Asked, Format, Purpose};
use crate::gui::facts::Facts;
use crate::gui::features::{FeatureFacts, Looking, View};
use crate::gui::icons;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::State;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    PathField, choices, empty_state, help_button, icon_button, name, page_title, problem, weak,
};
use heschl_core::look::heat_map::Shading;
use heschl_core::look::library::FeatureLibrary;

/// The page "Features".
#[derive(Default)]
pub(crate) struct FeaturesPage {
    heat: heat::HeatView,
    analyses: analyses::Analyses,
}

impl FeaturesPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        facts: &Facts,
        asked: &mut Asked,
    ) {
        page_title(ui, "Features", "What the layers make of each instant.");
        let field = PathField {
            label: "Folder of features",
            purpose: Purpose::Features,
            recent: &state.lasting.recent_features,
            own: facts.own_features(),
            home: facts.home.as_deref(),
            picking: facts.picking,
        };
        let looking = state.looking.as_ref();
        ui.horizontal(|ui| {
            field.show(ui, looking.map(|looking| looking.folder.as_path()), asked);
            if help_button(ui, Topic::Features) {
                asked.push(Action::Manual(Topic::Features));
            }
        });
        let Some(looking) = looking else {
            let sentence = "Choose a folder of features, ours or those of the Python code of Antonello et al. 2023, or extract some first.";
            if empty_state(
                ui,
                icons::GRID_3X3,
                sentence,
                (icons::FOLDER_OPEN, "Choose features"),
            ) {
                asked.push(Action::Pick(Purpose::Features));
            }
            return;
        };
        match &facts.features.library {
            Loading::Nothing | Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(library) => self.library(ui, library, looking, (state, facts), asked),
        }
    }

    fn library(
        &mut self,
        ui: &mut egui::Ui,
        library: &FeatureLibrary,
        looking: &Looking,
        (state, facts): (&State, &Facts),
        asked: &mut Asked,
    ) {
        let mut edited = looking.clone();
        choosing(ui, library, &mut edited, &facts.features, asked);
        ui.add_space(INSIDE);
        let has_side = ui.available_width() > 760.0;
        if has_side && let Some(layer) = facts.features.layer.ready() {
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
            View::HeatMap => match &facts.features.layer {
                Loading::Nothing | Loading::Waiting => reading(ui),
                Loading::Failed(sentence) => problem(ui, sentence),
                Loading::Ready(layer) => {
                    self.heat.ui(ui, layer, &mut edited, (state, facts), asked);
                }
            },
            View::Compare => compare(ui, &edited, facts, asked),
            _ => self.analyses.ui(ui, (state, facts), &edited, asked),
        });
        if edited != *looking {
            asked.push(Action::Look(Box::new(edited)));
        }
    }
}

fn compare(ui: &mut egui::Ui, looking: &Looking, facts: &Facts, asked: &mut Asked) {
    weak(
        ui,
        "Another folder with the same story, for instance the Python code's.",
    );
    let field = PathField {
        label: "Folder to compare with",
        purpose: Purpose::OtherFeatures,
        recent: &[],
        own: facts.own_features(),
        home: facts.home.as_deref(),
        picking: facts.picking,
    };
    field.show(ui, looking.other.as_deref(), asked);
    ui.add_space(INSIDE);
    if looking.other.is_some() {
        analyses::comparison(ui, &facts.features.analysis);
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
    looking: &mut Looking,
    facts: &FeatureFacts,
    asked: &mut Asked,
) {
    ui.horizontal_wrapped(|ui| {
        story(ui, library, looking, asked);
        ui.add_space(INSIDE);
        weak(ui, "Layer").on_hover_text("[ and ] step through the layers");
        if icon_button(ui, icons::CHEVRON_LEFT, "The layer before").clicked() {
            asked.push(Action::StepLayer(-1));
        }
        layers(ui, library, looking);
        if icon_button(ui, icons::CHEVRON_RIGHT, "The layer after").clicked() {
            asked.push(Action::StepLayer(1));
        }
    });
    ui.horizontal_wrapped(|ui| {
        choices(ui, &mut looking.view, &View::ALL);
        if looking.view == View::HeatMap {
            ui.separator();
            choices(
                ui,
                &mut looking.shading,
                &[
                    (Shading::Values, "Values"),
                    (Shading::PerDimension, "z-scores"),
                ],
            );
        }
        let is_there = match looking.view {
            View::HeatMap => facts.layer.ready().is_some(),
            _ => facts.analysis.ready().is_some(),
        };
        ui.add_enabled_ui(is_there, |ui| {
            let button = ui.menu_button((egui::RichText::new(icons::SAVE), "Export"), |ui| {
                for (format, words) in Format::ALL {
                    let response = ui.button(words);
                    name(
                        &response,
                        egui::accesskit::Role::Button,
                        &format!("Export {words}"),
                    );
                    if response.clicked() {
                        asked.push(Action::Export(format));
                        ui.close();
                    }
                }
            });
            name(&button.response, egui::accesskit::Role::Button, "Export");
            button
                .response
                .on_hover_text("Saves what is shown beside the features, with the recipe inside");
        });
    });
}

fn story(ui: &mut egui::Ui, library: &FeatureLibrary, looking: &mut Looking, asked: &mut Asked) {
    let current = looking.story.clone().unwrap_or_default();
    let combo = egui::ComboBox::from_id_salt("story")
        .selected_text(&current)
        .width(180.0);
    let response = combo.show_ui(ui, |ui| {
        for story in &library.stories {
            if ui.selectable_label(*story == current, story).clicked() {
                looking.story = Some(story.clone());
                asked.push(Action::SelectStory(story.clone()));
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
fn layers(ui: &mut egui::Ui, library: &FeatureLibrary, looking: &mut Looking) {
    let n_most = if ui.available_width() > 640.0 { 14 } else { 8 };
    let current = looking.layer.as_ref();
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
            .map(heschl_core::look::library::Layer::title)
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
        looking.layer = chosen;
    }
}
