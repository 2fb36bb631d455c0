//! Models: what there is, what is here, and how to get the rest.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, vec2};

use super::jobs::progress_words;
use crate::gui::actions::{Action, Actions, ModelAction, PathPurpose};
use crate::gui::icons;
use crate::gui::info::{Info, ModelEntry, ModelSource};
use crate::gui::jobs::data::{JobCommand, JobInfo, JobState};
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Speed, State};
use crate::gui::text::bytes;
use crate::gui::theme::{BETWEEN, INSIDE, Palette, semibold};
use crate::gui::widgets::{
    PathField, TextField, button, card, heading, help_button, icon_button, name, page_title,
    problem, weak,
};
use heschl_models::catalogue::STARTER;

/// The page "Models".
#[derive(Default)]
pub(crate) struct ModelsPage {
    search: String,
    /// The model whose deletion is asked about.
    doomed: Option<String>,
    is_adding: bool,
    /// A repository of the Hub, as far as it is typed.
    repository: String,
}

/// A part of the page: its heading, and which models stand there.
type Section = (&'static str, fn(&ModelEntry) -> bool);
const SECTIONS: [Section; 4] = [
    ("On this machine", |model| model.folder.is_some()),
    ("To start with", |model| {
        model.folder.is_none() && model.name == STARTER
    }),
    ("The encoders of Antonello et al. 2023", |model| {
        model.folder.is_none() && model.source == ModelSource::Study && model.name != STARTER
    }),
    ("Others that laboratories use", |model| {
        model.folder.is_none() && model.source != ModelSource::Study
    }),
];
const CARD_WIDTH: f32 = 300.0;
const CARD_HEIGHT: f32 = 128.0;
/// Height of a row that holds text alone.
const TEXT_ROW: f32 = 18.0;

impl ModelsPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(ui, "Models", "Speech encoders for feature extraction.");
        ui.horizontal_wrapped(|ui| {
            let field = TextField {
                label: "Search models",
                hint: "Search",
                width: 180.0,
            };
            field.show(ui, &mut self.search);
            if button(ui, icons::PLUS, "Add a model").clicked() {
                self.is_adding = !self.is_adding;
            }
            if help_button(ui, Topic::Models) {
                actions.push(Action::Manual(Topic::Models));
            }
        });
        if self.is_adding {
            ui.add_space(INSIDE);
            self.adding(ui, info, actions);
        }
        match &info.models {
            Loading::Nothing | Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(models) => self.shelves(ui, models, state, info, actions),
        }
    }

    fn adding(&mut self, ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
        card(ui, |ui| {
            ui.set_min_width(ui.available_width());
            heading(ui, "Add a model");
            weak(
                ui,
                "Folder of a checkpoint (Hugging Face or CTranslate2). Your files are not moved.",
            );
            let field = |label, purpose| PathField {
                label,
                purpose,
                recent: &[],
                own: &[],
                home: info.home.as_deref(),
                picking: info.picking,
            };
            field("Folder of a checkpoint", PathPurpose::ModelFolder).show(ui, None, actions);
            weak(ui, "An encoder exported to ONNX.");
            field("ONNX file", PathPurpose::ModelFile).show(ui, None, actions);
            weak(ui, "A repository of the Hugging Face Hub.");
            ui.horizontal(|ui| {
                let field = TextField {
                    label: "Repository",
                    hint: "facebook/hubert-large-ls960-ft",
                    width: 320.0,
                };
                field.show(ui, &mut self.repository);
                let is_one = self
                    .repository
                    .trim()
                    .split('/')
                    .filter(|part| !part.is_empty())
                    .count()
                    == 2;
                let response = ui
                    .add_enabled_ui(is_one, |ui| {
                        button(ui, icons::DOWNLOAD, "Download the repository")
                    })
                    .inner;
                if response
                    .on_disabled_hover_text("Enter owner/name.")
                    .clicked()
                {
                    actions.push(Action::Model(ModelAction::Fetch(
                        self.repository.trim().to_owned(),
                    )));
                    self.repository.clear();
                    self.is_adding = false;
                }
            });
        });
    }

    fn shelves(
        &mut self,
        ui: &mut egui::Ui,
        models: &[ModelEntry],
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        let words = self.search.to_lowercase();
        let fits = |model: &&ModelEntry| {
            let text = format!("{} {}", model.name, model.origin).to_lowercase();
            words.split_whitespace().all(|word| text.contains(word))
        };
        let mut n_shown = 0;
        let in_use = state.study().map(|study| study.model.as_str());
        for (title, stands_here) in SECTIONS {
            let mut shelf: Vec<&ModelEntry> = models
                .iter()
                .filter(|model| stands_here(model))
                .filter(fits)
                .collect();
            shelf.sort_by_key(|model| Some(model.name.as_str()) != in_use);
            if shelf.is_empty() {
                continue;
            }
            n_shown += shelf.len();
            ui.add_space(BETWEEN);
            heading(ui, title);
            ui.add_space(4.0);
            let n_columns = ((ui.available_width() + BETWEEN) / (CARD_WIDTH + BETWEEN))
                .floor()
                .max(1.0) as usize;
            for row in shelf.chunks(n_columns) {
                ui.columns(n_columns, |columns| {
                    for (model, ui) in row.iter().zip(columns) {
                        card(ui, |ui| {
                            ui.set_min_size(vec2(ui.available_width(), CARD_HEIGHT));
                            self.model(ui, model, state, info, actions);
                        });
                    }
                });
                ui.add_space(INSIDE);
            }
        }
        if n_shown == 0 {
            ui.add_space(BETWEEN);
            weak(ui, "No matching models.");
        }
    }

    fn model(
        &mut self,
        ui: &mut egui::Ui,
        model: &ModelEntry,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        let palette = Palette::of(ui);
        let is_used = state.study().is_some_and(|study| study.model == model.name);
        ui.horizontal(|ui| {
            let title = egui::Label::new(RichText::new(&model.name).family(semibold())).truncate();
            ui.add(title).on_hover_text(&model.origin);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if is_used {
                    ui.label(RichText::new("in use").color(palette.accent));
                } else if model.folder.is_some() {
                    weak(ui, "here");
                }
            });
        });
        let about = model.about.unwrap_or(&model.origin);
        let about = egui::Label::new(RichText::new(about).color(palette.weak)).wrap();
        // A card's text would be stretched to both of its edges.
        ui.with_layout(egui::Layout::top_down(egui::Align::LEFT), |ui| {
            ui.add(about).on_hover_text(&model.origin);
        });
        ui.horizontal(|ui| {
            ui.set_height(TEXT_ROW);
            weak(ui, format!("{} layers × {}", model.n_layers, model.dim))
                .on_hover_text("Hidden layers × hidden size");
            if let Some(size) = model.download_bytes {
                weak(ui, bytes(size)).on_hover_text(format!("Weights of {}", model.origin));
            }
            if let Some(licence) = &model.licence {
                weak(ui, licence).on_hover_text("Licence of the weights");
            }
        });
        fit(ui, model, state.preferences.speeds.get(&model.name));
        if let Some(sentence) = &model.problem {
            problem(ui, sentence);
        }
        let fetching = info.queue.fetching(&model.name);
        match (
            fetching,
            &model.folder,
            self.doomed.as_ref() == Some(&model.name),
        ) {
            (Some(job), ..) => fetch_state(ui, job, actions),
            (None, Some(_), true) => self.request(ui, model, actions),
            (None, Some(_), false) => self.here(ui, model, is_used, actions),
            (None, None, _) => {
                ui.horizontal(|ui| {
                    if labelled(ui, icons::DOWNLOAD, "Fetch", &model.name) {
                        actions.push(Action::Model(ModelAction::Fetch(model.name.clone())));
                    }
                    if !is_used && labelled(ui, icons::CHECK, "Use", &model.name) {
                        actions.push(Action::Model(ModelAction::Use(model.name.clone())));
                    }
                });
            }
        }
    }

    fn here(
        &mut self,
        ui: &mut egui::Ui,
        model: &ModelEntry,
        is_used: bool,
        actions: &mut Actions,
    ) {
        ui.horizontal(|ui| {
            if !is_used && labelled(ui, icons::CHECK, "Use", &model.name) {
                actions.push(Action::Model(ModelAction::Use(model.name.clone())));
            }
            if labelled(ui, icons::ACTIVITY, "Check", &model.name) {
                actions.push(Action::Model(ModelAction::Check(model.name.clone())));
            }
            if model.is_shipped {
                weak(ui, "installed with Heschl");
                return;
            }
            let (words, icon) = if model.source == ModelSource::Added {
                ("Forget", icons::X)
            } else {
                ("Delete", icons::TRASH_2)
            };
            if icon_button(ui, icon, &format!("{words} {}", model.name)).clicked() {
                self.doomed = Some(model.name.clone());
            }
        });
    }

    fn request(&mut self, ui: &mut egui::Ui, model: &ModelEntry, actions: &mut Actions) {
        let words = if model.source == ModelSource::Added {
            "Unregister it? Your files are kept."
        } else {
            "Delete it? You would have to download it again."
        };
        ui.label(words);
        ui.horizontal(|ui| {
            let word = if model.source == ModelSource::Added {
                "Forget it"
            } else {
                "Delete it"
            };
            if labelled(ui, icons::TRASH_2, word, &model.name) {
                actions.push(Action::Model(ModelAction::Delete(model.name.clone())));
                self.doomed = None;
            }
            if labelled(ui, icons::X, "Keep it", &model.name) {
                self.doomed = None;
            }
        });
    }
}

fn labelled(ui: &mut egui::Ui, icon: char, words: &str, model: &str) -> bool {
    let response = button(ui, icon, words);
    name(&response, Role::Button, &format!("{words} {model}"));
    response.clicked()
}

/// Whether the model fits this machine, and how fast it ran here.
fn fit(ui: &mut egui::Ui, model: &ModelEntry, speed: Option<&Speed>) {
    let needed = bytes(model.needed_bytes);
    let tip = "Weights in single precision plus about 400 MB for the program. The forecast under Extract measures the actual use.";
    ui.horizontal(|ui| {
        ui.set_height(TEXT_ROW);
        if model.fits {
            weak(ui, format!("needs about {needed} of memory")).on_hover_text(tip);
        } else {
            let words = RichText::new(format!(
                "too large for this machine: needs about {needed} of memory"
            ))
            .color(Palette::of(ui).amber);
            ui.label(words).on_hover_text(tip);
        }
        if let Some(speed) = speed {
            let words = format!("{:.1} windows/s", speed.windows_per_sec);
            weak(ui, words).on_hover_text(format!(
                "Measured on this machine with windows of {:.1} s",
                speed.window_secs
            ));
        }
    });
}

/// A fetch that runs, waits or has stopped.
fn fetch_state(ui: &mut egui::Ui, job: &JobInfo, actions: &mut Actions) {
    let palette = Palette::of(ui);
    if let JobState::Failed { message } | JobState::Broken { message } = &job.state {
        let first = message.lines().next().unwrap_or_default();
        ui.add(egui::Label::new(RichText::new(first).color(palette.red)).truncate())
            .on_hover_text(message);
    } else {
        let share = job.progress.share().unwrap_or(0.0);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), 4.0), egui::Sense::hover());
        name(
            &response,
            Role::ProgressIndicator,
            &format!("Progress of {}", job.title),
        );
        ui.painter().rect_filled(rect, 2.0, palette.control);
        let done = egui::Rect::from_min_size(rect.min, vec2(rect.width() * share, rect.height()));
        ui.painter().rect_filled(done, 2.0, palette.accent);
        let words = match job.state {
            JobState::Waiting => "waits".into(),
            JobState::Paused => "paused".into(),
            _ => progress_words(&job.progress, true),
        };
        ui.add(egui::Label::new(RichText::new(words).color(palette.weak)).truncate());
    }
    let model = job.task.fetched_model().unwrap_or_default();
    ui.horizontal(|ui| {
        let mut order = |ui: &mut egui::Ui, icon, words: &str, order| {
            if labelled(ui, icon, words, model) {
                actions.push(Action::Job(job.id.clone(), order));
            }
        };
        match job.state {
            JobState::Running | JobState::Waiting => {
                order(ui, icons::PAUSE, "Pause", JobCommand::Pause);
            }
            _ => order(ui, icons::PLAY, "Resume", JobCommand::GoOn),
        }
        order(ui, icons::X, "Cancel", JobCommand::Cancel);
    });
}
