//! Fit: features and responses, the preset, the forecast, and Run.

use eframe::egui;
use heschl_core::fmri::delay::DelayBorders;
use heschl_core::run::recipe::Preset;

mod advanced;
mod penalty;
mod stories;
mod why_not;

use super::blocker::Blocker;
use super::scan_times;
use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction};
use crate::gui::fitting::{FINAL, FitAs, FitStudy, StoryResponses, presentations};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State, Study};
use crate::gui::text::{bytes, count, duration, thousands};
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    PathField, button, card, choices, field_label, heading, help_button, page_title, plain,
    primary_button, problem, tick, warning, weak,
};
pub(super) use stories::{table as story_table, untrimmed};
pub(crate) use why_not::why_not_fit;

/// Warnings that are shown in full; the others are counted.
const MOST_WARNINGS: usize = 3;

/// Draws the page.
pub(super) fn ui(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    page_title(
        ui,
        "Fit",
        "Fit voxelwise encoding models on training stories and test them on held-out stories.",
    );
    let Some(study) = state.study() else {
        return super::no_study(ui, icons::CHART_SPLINE, actions);
    };
    let mut fit = study.fit.clone();
    let why_not = why_not_fit(state, info);
    egui::Panel::bottom("fit forecast and run")
        .resizable(false)
        .frame(egui::Frame::new())
        .show(ui, |ui| {
            ui.add_space(INSIDE);
            // In a room of its own, so that the buttons below keep their identity whatever is said here.
            ui.vertical(|ui| {
                forecast(ui, info);
                // One thing at a time: what keeps it from being run comes first.
                match &why_not {
                    Some(blocker) => blocker.ui(ui, actions),
                    None => warn_of_untrimmed(ui, study, info, actions),
                }
            });
            let n_layers = info.fit.layers.ready().map_or(0, |it| it.layers.len());
            let why_not = why_not.as_ref().map(|blocker| blocker.sentence.as_str());
            run(ui, n_layers, why_not, actions);
        });
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(super::MOST_WIDTH));
            preset(ui, &mut fit, actions);
            ui.add_space(INSIDE);
            features(ui, state, info, (&mut fit, actions));
            ui.add_space(BETWEEN);
            responses(ui, (state, info), (&mut fit, actions));
            ui.add_space(BETWEEN);
            penalty::ui(ui, &mut fit, actions);
            ui.add_space(BETWEEN);
            scans(ui, &fit, actions);
            ui.add_space(BETWEEN);
            choices_of_output(ui, &mut fit);
            ui.add_space(INSIDE);
            egui::CollapsingHeader::new("All settings").show(ui, |ui| {
                advanced::ui(ui, (study, info), (&mut fit, actions));
            });
            ui.add_space(INSIDE);
        });
    if fit != study.fit {
        let mut edited = study.clone();
        edited.fit = fit;
        actions.push(Action::Study(StudyAction::Edit(Box::new(edited))));
    }
}

fn preset(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        weak(ui, "Preset");
        let mut preset = fit.preset;
        let is_changed = choices(
            ui,
            &mut preset,
            &[
                (Preset::ScalingLaws2023, "Antonello et al. 2023"),
                (Preset::DeepFmri, "LeBel et al. 2023"),
                (Preset::SemanticDecoding2023, "Tang et al. 2023"),
                (Preset::SpeechTutorial, "Speech tutorial"),
            ],
        );
        if is_changed {
            fit.set_preset(preset);
        }
        if help_button(ui, Topic::Fit) {
            actions.push(Action::Manual(Topic::Fit));
        }
    });
    weak(ui, in_words(fit));
    let changed = fit.changed_settings();
    if !changed.is_empty() {
        ui.horizontal_wrapped(|ui| {
            let words = count(changed.len(), "setting differs", "settings differ");
            weak(ui, format!("{words} from the preset.")).on_hover_text(changed.join("\n"));
            if ui.link("Use the preset's settings").clicked() {
                fit.reset_to_preset();
            }
        });
    }
}

/// The main settings in a line.
fn in_words(fit: &FitStudy) -> String {
    let (design, trims) = (&fit.design, fit.trims());
    let delays: Vec<String> = design.delays.iter().map(i32::to_string).collect();
    let alphas = match fit.alphas() {
        Some(range) => format!(
            "{} α from {} to {}",
            range.count,
            plain(range.smallest),
            plain(range.largest)
        ),
        None => format!("{} α", fit.ridge.alphas.values().len()),
    };
    format!(
        "Trim {}:{} (training) and {}:{} (test) · delays of {} scans · {alphas}",
        trims.train.start_scans,
        trims.train.end_scans,
        trims.test.start_scans,
        trims.test.end_scans,
        delays.join(", "),
    )
}

fn features(
    ui: &mut egui::Ui,
    state: &State,
    info: &Info,
    (fit, actions): (&mut FitStudy, &mut Actions),
) {
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Features");
        let folder = state.fit_features();
        PathField {
            label: "Features",
            purpose: PathPurpose::FitFeatures,
            recent: &state.preferences.recent_features,
            own: info.own_features(),
            home: info.home.as_deref(),
            picking: info.picking,
        }
        .show(ui, folder.as_deref(), actions);
        match &info.fit.layers {
            Loading::Nothing => {
                weak(
                    ui,
                    "A model's folder, such as features_cnk0.1_ctx16.0/whisper-tiny.",
                );
            }
            Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(features) => {
                ui.horizontal_wrapped(|ui| {
                    field_label(ui, "Layer");
                    for layer in &features.layers {
                        let chosen = fit.layer.as_deref().unwrap_or(FINAL);
                        let label = layer.trim_start_matches("encoder.");
                        let spoken = format!("Fit layer {label}");
                        let response = ui.add(egui::Button::selectable(chosen == layer, label));
                        crate::gui::widgets::name(
                            &response,
                            egui::accesskit::Role::RadioButton,
                            &spoken,
                        );
                        if response.clicked() {
                            fit.layer = Some(layer.clone());
                        }
                    }
                });
            }
        }
    });
}

fn responses(
    ui: &mut egui::Ui,
    (state, info): (&State, &Info),
    (fit, actions): (&mut FitStudy, &mut Actions),
) {
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Responses");
        PathField {
            label: "Responses",
            purpose: PathPurpose::Responses,
            recent: &[],
            own: &[],
            home: info.home.as_deref(),
            picking: info.picking,
        }
        .show(ui, fit.responses.as_deref(), actions);
        ui.horizontal_wrapped(|ui| {
            if button(ui, icons::FILE, "Choose a file of all stories").clicked() {
                actions.push(Action::Pick(PathPurpose::ResponsesFile));
            }
            if button(ui, icons::BRAIN, "Choose a mask").clicked() {
                actions.push(Action::Pick(PathPurpose::Mask));
            }
            if let Some(mask) = fit.mask.clone() {
                weak(ui, format!("Mask: {}", mask.display()));
                if ui.link("Remove the mask").clicked() {
                    fit.mask = None;
                }
            }
        });
        match &info.fit.responses {
            Loading::Nothing => {
                weak(
                    ui,
                    "A folder with one file per story (.npy, .npz, .hf5, .nii.gz, .mgz, .gii), or one file with all stories (.jbl, .npz, .h5).",
                );
            }
            Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(stories) => {
                presentations_found(ui, stories, fit);
                story_table(ui, (state, info), stories, (fit, actions));
            }
        }
    });
}

/// Offers to take `story_1`, `story_2` … for one story that was presented several times.
fn presentations_found(ui: &mut egui::Ui, responses: &[StoryResponses], fit: &mut FitStudy) {
    let found = presentations(responses);
    for (story, names) in &fit.repeats {
        let n = names.len();
        weak(
            ui,
            format!(
                "{story} has {n} presentations: they are averaged and used to estimate the noise ceiling."
            ),
        );
    }
    if fit.repeats.is_empty() && !found.is_empty() {
        let stories: Vec<&str> = found.keys().map(String::as_str).collect();
        let label = format!("Average the presentations of {}", stories.join(", "));
        if button(ui, icons::LAYERS, &label).clicked() {
            fit.test.clear();
            fit.repeats = found;
        }
    } else if !fit.repeats.is_empty() && ui.link("Treat each presentation as a story").clicked() {
        fit.test.clear();
        fit.repeats.clear();
    }
}

/// When the volumes were taken, in words: they are set where they can be seen.
fn scans(ui: &mut egui::Ui, fit: &FitStudy, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        weak(ui, format!("Scans: {}.", scan_times::words(&fit.scans)));
        if button(ui, icons::RULER, "Show on Align").clicked() {
            actions.push(Action::Go(Page::Align));
        }
    });
}

fn choices_of_output(ui: &mut egui::Ui, fit: &mut FitStudy) {
    ui.horizontal_wrapped(|ui| {
        let mut is_within = fit.design.delay_borders == DelayBorders::WithinStories;
        let response = tick(ui, &mut is_within, "Delays within stories").on_hover_text(
            "In the published analysis, delays cross story boundaries. If on, each story is delayed separately, which is more correct.",
        );
        if response.changed() {
            fit.design.delay_borders = if is_within {
                DelayBorders::WithinStories
            } else {
                DelayBorders::AcrossStories
            };
        }
        tick(ui, &mut fit.predictions, "Save predictions").on_hover_text(
            "Save test scans × voxels in single precision (110 MB for 300 scans and 95,000 voxels), so that you can plot measured and predicted time courses of any voxel.",
        );
        tick(ui, &mut fit.weights, "Save weights")
            .on_hover_text("Save regressors × voxels in single precision (2 GB for 5,120 regressors and 95,000 voxels).");
    });
}

fn forecast(ui: &mut egui::Ui, info: &Info) {
    match &info.fit.forecast {
        // A failure is said as the reason why it cannot run.
        Loading::Nothing | Loading::Failed(_) => {}
        Loading::Waiting => {
            weak(ui, "Estimating time and memory …");
        }
        Loading::Ready(forecast) => {
            weak(
                ui,
                format!(
                    "{} voxels · {} × {} training · {} test scans · about {} · at most {} · {} disk",
                    thousands(forecast.n_voxels),
                    thousands(forecast.n_training_scans),
                    thousands(forecast.n_columns),
                    thousands(forecast.n_test_scans),
                    duration(forecast.secs),
                    bytes(forecast.memory_bytes),
                    bytes(forecast.disk_bytes)
                ),
            );
            let (shown, hidden) = forecast
                .warnings
                .split_at(forecast.warnings.len().min(MOST_WARNINGS));
            for sentence in shown {
                warning(ui, sentence);
            }
            if !hidden.is_empty() {
                let words = format!(
                    "… and {}.",
                    count(hidden.len(), "more warning", "more warnings")
                );
                weak(ui, words).on_hover_text(hidden.join("\n\n"));
            }
        }
    }
}

/// Warns where responses seem not to be trimmed though the features are, with what mends it.
fn warn_of_untrimmed(ui: &mut egui::Ui, study: &Study, info: &Info, actions: &mut Actions) {
    let lengths = info.fit.lengths.ready().into_iter().flatten();
    let Some(first) = lengths.clone().find(|lengths| lengths.looks_untrimmed) else {
        return;
    };
    Blocker::new(untrimmed(first), why_not::remedies(study, first)).ui(ui, actions);
}

fn run(ui: &mut egui::Ui, n_layers: usize, why_not: Option<&str>, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        if primary_button(ui, icons::PLAY, "Fit", why_not).clicked() {
            actions.push(Action::Fit(FitAs::Job));
        }
        ui.add_enabled_ui(why_not.is_none(), |ui| {
            if n_layers > 1 {
                let response = button(ui, icons::LAYERS, "Fit every layer").on_hover_text(format!(
                    "{n_layers} jobs, one after the other. The layer profile under Scores then shows which layer predicts best."
                ));
                if response.clicked() {
                    actions.push(Action::Fit(FitAs::JobsOfLayers));
                }
            }
            for (icon, label, form) in [
                (icons::TERMINAL, "Copy as command", FitAs::Command),
                (icons::SAVE, "Save recipe", FitAs::Recipe),
                (icons::SERVER, "Copy as Slurm array", FitAs::Slurm),
            ] {
                if button(ui, icon, label).clicked() {
                    actions.push(Action::Fit(form));
                }
            }
        });
        if button(ui, icons::CHART_SCATTER, "Show scores").clicked() {
            actions.push(Action::Go(Page::Scores));
        }
    });
}
