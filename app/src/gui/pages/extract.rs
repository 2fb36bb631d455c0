//! Extract: every setting of the recipe, the window drawn as it slides, the forecast, and Run.

mod forecast;
mod form;
mod sliding;

use eframe::egui;

use super::blocker::{Blocker, Remedy};
use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State, Study};
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    button, card, choices, heading, help_button, page_title, primary_button, weak,
};
use heschl_core::run::recipe::LayerChoice;
use heschl_core::speech::window::{Coverage, WindowSettings};

use form::ExtractForm;

/// The page "Extract".
#[derive(Default)]
pub(crate) struct ExtractPage {
    form: ExtractForm,
    sliding: sliding::SlidingWindow,
    /// Sentences about what is wrong in the form.
    wrong: Vec<String>,
}

/// Settings that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowPreset {
    Paper,
    QuickLook,
    Own,
}

impl WindowPreset {
    fn window(self) -> Option<WindowSettings> {
        match self {
            Self::Paper => Some(WindowSettings::default()),
            Self::QuickLook => Some(WindowSettings {
                chunk_ms: 1000.0,
                context_ms: 4000.0,
                stride_secs: None,
                coverage: Coverage::RampIn,
            }),
            Self::Own => None,
        }
    }

    /// The preset that the study's settings are those of. Both prepare the samples as the study's published command does.
    fn of(study: &Study) -> Self {
        let is = |preset: &Self| study.use_featext && preset.window() == Some(study.window);
        [Self::Paper, Self::QuickLook]
            .into_iter()
            .find(is)
            .unwrap_or(Self::Own)
    }
}

impl ExtractPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(
            ui,
            "Extract",
            "Extract the hidden states of a speech encoder with a causal sliding window.",
        );
        let Some(study) = state.study() else {
            return super::no_study(ui, icons::AUDIO_WAVEFORM, actions);
        };
        let mut edited = study.clone();
        let forecast = forecast::ForecastPanel::of(study, info);
        // What the form found wrong when it was last drawn; the bar is laid out before the form.
        let why_not = wrong_form(&self.wrong, study).or(forecast.why_not.clone());
        egui::Panel::bottom("forecast and run")
            .resizable(false)
            .frame(egui::Frame::new())
            .show(ui, |ui| {
                ui.add_space(INSIDE);
                // In a room of its own, so that the buttons below keep their identity whatever is said here.
                ui.vertical(|ui| {
                    forecast.ui(ui, study, info, actions);
                    if let Some(blocker) = &why_not {
                        blocker.ui(ui, actions);
                    }
                });
                let why_not = why_not.as_ref().map(|blocker| blocker.sentence.as_str());
                run(ui, why_not, actions);
            });
        egui::ScrollArea::vertical()
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.set_max_width(ui.available_width().min(super::MOST_WIDTH));
                presets(ui, &mut edited, actions);
                ui.add_space(INSIDE);
                let mut wrong = self.cards(ui, state, info, (&mut edited, actions));
                ui.add_space(BETWEEN);
                stories(ui, study, info, actions);
                ui.add_space(BETWEEN);
                wrong.extend(form::output(ui, state, info, (&mut edited, actions)));
                if wrong != self.wrong {
                    ui.ctx().request_repaint();
                }
                self.wrong = wrong;
                ui.add_space(INSIDE);
            });
        if edited != *study {
            actions.push(Action::Study(StudyAction::Edit(Box::new(edited))));
        }
    }

    /// Model and window side by side where there is room; returns the sentences about what is wrong.
    fn cards(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        (edited, actions): (&mut Study, &mut Actions),
    ) -> Vec<String> {
        let mut wrong = vec![];
        let is_wide = ui.available_width() > 860.0;
        let window = |ui: &mut egui::Ui, edited: &mut Study, actions: &mut Actions| {
            card(ui, |ui| {
                ui.set_min_width(ui.available_width());
                form::window(ui, edited, info, actions)
            })
            .inner
        };
        let model = |ui: &mut egui::Ui,
                     form: &mut ExtractForm,
                     edited: &mut Study,
                     actions: &mut Actions| {
            card(ui, |ui| {
                ui.set_min_width(ui.available_width());
                form.model(ui, edited, info, actions)
            })
            .inner
        };
        if is_wide {
            ui.columns(2, |columns| {
                wrong.extend(model(&mut columns[0], &mut self.form, edited, actions));
                wrong.extend(window(&mut columns[1], edited, actions));
            });
        } else {
            wrong.extend(model(ui, &mut self.form, edited, actions));
            ui.add_space(BETWEEN);
            wrong.extend(window(ui, edited, actions));
        }
        ui.add_space(BETWEEN);
        self.sliding.ui(ui, edited, state, info);
        wrong
    }
}

/// Why a study cannot run now.
#[must_use]
pub(crate) fn why_not_run(study: &Study, info: &Info) -> Option<Blocker> {
    let wrong: Vec<String> = form::wrong_window(study, info).into_iter().collect();
    wrong_form(&wrong, study).or_else(|| forecast::ForecastPanel::of(study, info).why_not)
}

/// What is wrong in the form, with the way back to settings that are right.
fn wrong_form(wrong: &[String], study: &Study) -> Option<Blocker> {
    let usual = Remedy::edit("Reset to defaults", study, |study| {
        study.window = WindowSettings::default();
        study.layers = LayerChoice::All;
        study.batch = None;
        study.custom_stimuli = None;
    });
    let first = wrong.first()?;
    Some(Blocker::new(first.as_str(), vec![usual]))
}

fn presets(ui: &mut egui::Ui, study: &mut Study, actions: &mut Actions) {
    ui.horizontal(|ui| {
        weak(ui, "Preset");
        let mut preset = WindowPreset::of(study);
        let mut options = vec![
            (WindowPreset::Paper, "Antonello et al. 2023"),
            (WindowPreset::QuickLook, "Quick look"),
        ];
        if preset == WindowPreset::Own {
            options.push((WindowPreset::Own, "Own settings"));
        }
        if choices(ui, &mut preset, &options)
            && let Some(window) = preset.window()
        {
            study.window = window;
            // As the published command of Antonello et al. 2023 has it.
            study.use_featext = true;
        }
        if help_button(ui, Topic::Extract) {
            actions.push(Action::Manual(Topic::Extract));
        }
    });
}

fn stories(ui: &mut egui::Ui, study: &Study, info: &Info, actions: &mut Actions) {
    ui.horizontal(|ui| {
        heading(ui, "Stories");
        weak(ui, super::stimuli::progress_reader(info.stories(), study));
        let names: Vec<&str> = info
            .wanted(study)
            .map(|story| story.story.as_str())
            .take(6)
            .collect();
        ui.add(egui::Label::new(names.join(", ")).truncate());
        if ui.link("Choose stories").clicked() {
            actions.push(Action::Go(Page::Stimuli));
        }
    });
}

/// Run, and what else can be made of the recipe.
fn run(ui: &mut egui::Ui, why_not: Option<&str>, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        if primary_button(ui, icons::PLAY, "Run", why_not)
            .on_hover_text("Ctrl+Enter")
            .clicked()
        {
            actions.push(Action::Run);
        }
        ui.add_enabled_ui(why_not.is_none(), |ui| {
            if button(ui, icons::TERMINAL, "Copy as command").clicked() {
                actions.push(Action::CopyCommand);
            }
            if button(ui, icons::SAVE, "Save recipe").clicked() {
                actions.push(Action::SaveRecipe);
            }
            if button(ui, icons::SERVER, "Copy as Slurm array").clicked() {
                actions.push(Action::CopySlurm);
            }
        });
        if button(ui, icons::FILE_TEXT, "Load a recipe").clicked() {
            actions.push(Action::Pick(PathPurpose::Recipe));
        }
    });
}
