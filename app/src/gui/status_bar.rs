//! The status bar: the device, whether the study is saved, and what runs.

use eframe::egui;
use egui::RichText;

use super::actions::{Action, Actions, ModelAction};
use super::icons;
use super::info::{Info, SaveStatus};
use super::jobs::data::{Progress, QueueInfo};
use super::manual::Topic;
use super::pages::speed_words;
use super::state::{Page, State};
use super::text::{bytes, duration};
use super::theme::{BETWEEN, Palette};
use super::widgets::{icon_button, weak};

/// Draws the bar.
pub(crate) fn ui(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.side)
        .inner_margin(egui::Margin::symmetric(12, 2));
    egui::Panel::bottom("status bar")
        .exact_size(32.0)
        .resizable(false)
        .frame(frame)
        .show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                // A row of its own, so that what stands right of it keeps its identity when the machine is known.
                ui.horizontal(|ui| {
                    device(ui, info, actions);
                    ui.add_space(BETWEEN);
                    save_status(ui, state, info);
                });
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let layout = &state.preferences.layout;
                    let label = if layout.has_log {
                        "Hide the log"
                    } else {
                        "Show the log"
                    };
                    if icon_button(ui, icons::SCROLL_TEXT, label).clicked() {
                        let mut layout = layout.clone();
                        layout.has_log = !layout.has_log;
                        actions.push(Action::Arrange(layout));
                    }
                    if let Some(machine) = &info.machine
                        && machine.memory_bytes > 0
                    {
                        let free = format!(
                            "{} of {} free",
                            bytes(machine.free_memory_bytes),
                            bytes(machine.memory_bytes)
                        );
                        weak(ui, free).on_hover_text("Available memory");
                    }
                    jobs(ui, info, actions);
                });
            });
        });
}

fn device(ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
    let Some(machine) = &info.machine else {
        weak(ui, "Checking this machine …");
        return;
    };
    let threads = if machine.n_threads == 1 {
        "1 thread".into()
    } else {
        format!("{} threads", machine.n_threads)
    };
    ui.label(RichText::new(icons::CPU).color(Palette::of(ui).weak));
    match (&machine.runtime, &machine.gpu_blocker) {
        (Some(Ok(_)), None) => {
            ui.label("NVIDIA GPU");
        }
        (Some(Ok(_)), Some(blocker)) => {
            ui.label(format!("CPU · {threads}"));
            let why = ui.link("Why no GPU?");
            if why.on_hover_text(blocker).clicked() {
                actions.push(Action::Manual(Topic::Devices));
            }
        }
        (Some(Err(sentence)), _) => {
            ui.label(format!("CPU · {threads}"));
            runtime_missing(ui, &info.queue, sentence, actions);
        }
        (None, _) => {}
    }
}

/// Without ONNX Runtime nothing is computed: how it is got, or how far that is.
fn runtime_missing(ui: &mut egui::Ui, queue: &QueueInfo, sentence: &str, actions: &mut Actions) {
    if queue
        .fetching_runtime()
        .is_some_and(|job| job.state.is_alive())
    {
        weak(ui, "downloading ONNX Runtime …");
        return;
    }
    ui.label(RichText::new(icons::TRIANGLE_ALERT).color(Palette::of(ui).amber));
    if ui
        .link("Get ONNX Runtime")
        .on_hover_text(sentence)
        .clicked()
    {
        actions.push(Action::Model(ModelAction::FetchRuntime));
    }
}

fn save_status(ui: &mut egui::Ui, state: &State, info: &Info) {
    if state.open.is_none() {
        return;
    }
    let palette = Palette::of(ui);
    let (icon, words, sentence, color) = match &info.save_status {
        SaveStatus::Saved => return,
        SaveStatus::Unsaved(sentence) => {
            (icons::TRIANGLE_ALERT, "Not saved", sentence, palette.amber)
        }
        SaveStatus::Elsewhere(sentence) => (
            icons::EYE,
            "Open in another window",
            sentence,
            palette.amber,
        ),
    };
    let text = RichText::new(format!("{icon} {words}")).color(color);
    let response = ui.label(text);
    super::widgets::name(&response, egui::accesskit::Role::Status, words);
    response.on_hover_text(sentence);
}

/// The job that runs, in short; a click leads to it.
fn jobs(ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
    let Some(job) = info.queue.running() else {
        return;
    };
    let share = job
        .progress
        .share()
        .map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
    let speed = speed_words(&job.progress).map_or_else(String::new, |speed| format!("  {speed}"));
    let whole = Some(&job.progress).filter(|progress| progress.part.is_none());
    let left = whole
        .and_then(Progress::secs_left)
        .map_or_else(String::new, |secs| format!("  {} left", duration(secs)));
    let what = job.progress.story.as_ref().unwrap_or(&job.title);
    let words = format!("{what}{share}{speed}{left}");
    let response = ui.link(&words);
    if response
        .on_hover_text("The running job. Click to see all jobs.")
        .clicked()
    {
        actions.push(Action::Go(Page::Jobs));
    }
}
