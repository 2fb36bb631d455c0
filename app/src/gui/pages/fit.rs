//! Fit: features and responses, the preset, the forecast, and Run.

use eframe::egui;
use heschl_core::linear::split::HeldChunks;
use heschl_core::run::recipe::Preset;

mod stories;
mod why_not;

use super::blocker::Blocker;
use super::scan_times;
use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction};
use crate::gui::fitting::{
    AlphaRange, FINAL, FitAs, FitStudy, HeldOut, StoryResponses, check_alpha, check_count,
    presentations,
};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State, Study};
use crate::gui::text::{bytes, count, duration, thousands};
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    NumberField, PathField, button, card, choices, field_label, heading, help_button, page_title,
    plain, primary_button, problem, tick, warning, weak,
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
            penalty(ui, &mut fit, actions);
            ui.add_space(BETWEEN);
            scans(ui, &fit, actions);
            ui.add_space(BETWEEN);
            choices_of_output(ui, &mut fit);
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
        choices(
            ui,
            &mut fit.preset,
            &[
                (Preset::ScalingLaws2023, "Antonello et al. 2023"),
                (Preset::DeepFmri, "LeBel et al. 2023"),
                (Preset::SemanticDecoding2023, "Tang et al. 2023"),
                (Preset::SpeechTutorial, "Speech tutorial"),
            ],
        );
        if help_button(ui, Topic::Fit) {
            actions.push(Action::Manual(Topic::Fit));
        }
    });
    let (design, trims, alphas) = (fit.preset.design(), fit.trims(), fit.alphas());
    weak(
        ui,
        format!(
            "Trim {}:{} (training) and {}:{} (test) · delays of {} scans · {} α from {} to {}",
            trims.train.start_scans,
            trims.train.end_scans,
            trims.test.start_scans,
            trims.test.end_scans,
            design
                .delays
                .iter()
                .map(i32::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            alphas.count,
            plain(alphas.smallest),
            plain(alphas.largest),
        ),
    );
}

/// The penalties that are tried, and what they are chosen on.
fn penalty(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Penalty");
        alphas(ui, fit, actions);
        held_out(ui, fit, actions);
    });
}

/// The α that are tried: a fit that says its range is too narrow is made again with a wider one.
fn alphas(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    let of_preset = AlphaRange::of_preset(fit.preset);
    let mut range = fit.alphas();
    let field = |label, tooltip, default| NumberField {
        label,
        unit: "",
        tooltip,
        default,
        topic: Topic::Fit,
    };
    let smallest = field(
        "Smallest α",
        "Smallest penalty to try for each voxel. Note that scikit-learn's and himalaya's alpha is α².",
        of_preset.smallest,
    );
    smallest.show(ui, &mut range.smallest, actions, check_alpha);
    let largest = field(
        "Largest α",
        "Largest penalty to try. If many well-predicted voxels choose it, increase it.",
        of_preset.largest,
    );
    largest.show(ui, &mut range.largest, actions, check_alpha);
    let number = field(
        "Number of α",
        "Number of values, spaced evenly on a log scale.",
        of_preset.count as f64,
    );
    let mut count = range.count as f64;
    number.show(ui, &mut count, actions, check_count);
    range.count = count.clamp(0.0, 1e6).round() as usize;
    fit.alphas = (range != of_preset).then_some(range);
}

/// Which training scans are held out to choose a penalty.
fn held_out(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    let of_preset = HeldOut::of_preset(fit.preset);
    let mut held_out = fit.held_out();
    let mut whole = |ui: &mut egui::Ui, (label, unit, tooltip), value: &mut usize, default| {
        let field = NumberField {
            label,
            unit,
            tooltip,
            default: default as f64,
            topic: Topic::Fit,
        };
        let mut number = *value as f64;
        field.show(ui, &mut number, actions, |number| {
            let is_good = (1.0..=10_000.0).contains(&number) && number.fract() == 0.0;
            is_good
                .then_some(())
                .ok_or_else(|| "Write a whole number from 1 to 10,000.".to_string())
        });
        *value = number.clamp(1.0, 10_000.0).round() as usize;
    };
    let chunk = (
        "Chunks of",
        "scans",
        "Length of the chunks of consecutive training scans that are held out to choose α.",
    );
    whole(ui, chunk, &mut held_out.chunk_scans, of_preset.chunk_scans);
    let rounds = (
        "Rounds",
        "",
        "Number of bootstrap rounds; the α with the best mean score over rounds is chosen.",
    );
    whole(ui, rounds, &mut held_out.n_rounds, of_preset.n_rounds);
    ui.horizontal(|ui| {
        field_label(ui, "Held out")
            .on_hover_text("Fraction of the training scans held out in each round.");
        let mut options = vec![
            (HeldChunks::Quarter, "A quarter"),
            (HeldChunks::Fifth, "A fifth"),
        ];
        let number = match (of_preset.chunks, held_out.chunks) {
            (_, HeldChunks::Count(n)) | (HeldChunks::Count(n), _) => Some(n),
            _ => None,
        };
        let words = number.map(|n| count(n, "chunk", "chunks"));
        if let (Some(n), Some(words)) = (number, &words) {
            options.push((HeldChunks::Count(n), words));
        }
        choices(ui, &mut held_out.chunks, &options);
    });
    fit.held_out = (held_out != of_preset).then_some(held_out);
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

/// Offers to take `story_1`, `story_2` … for one story that was heard several times.
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
        tick(ui, &mut fit.keeps_borders, "Delays within stories").on_hover_text(
            "In the published analysis, delays cross story boundaries. If on, each story is delayed separately, which is more correct.",
        );
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
