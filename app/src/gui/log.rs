//! The log: what happened since the window opened.

use eframe::egui;
use egui::RichText;

use super::actions::{Action, Actions};
use super::icons;
use super::info::Info;
use super::text::clock;
use super::theme::{INSIDE, Palette, semibold};
use super::widgets::{icon_button, weak};

/// Draws the log above the status bar.
pub(crate) fn ui(ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.side)
        .inner_margin(egui::Margin::symmetric(12, 6));
    let panel = egui::Panel::bottom("log")
        .resizable(true)
        .default_size(160.0)
        .size_range(90.0..=480.0)
        .frame(frame);
    panel.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Log").family(semibold()));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button(ui, icons::TRASH_2, "Clear the log").clicked() {
                    actions.push(Action::ClearLog);
                }
                if icon_button(ui, icons::COPY, "Copy the log").clicked() {
                    actions.push(Action::Copy {
                        text: as_text(info),
                        what: "Log",
                    });
                }
            });
        });
        ui.add_space(INSIDE / 2.0);
        egui::ScrollArea::vertical()
            .auto_shrink(false)
            .stick_to_bottom(true)
            .show(ui, |ui| {
                if info.log.is_empty() {
                    weak(ui, "Nothing yet.");
                }
                for line in &info.log {
                    ui.horizontal_top(|ui| {
                        weak(ui, clock(line.secs));
                        ui.add(egui::Label::new(&line.text).wrap());
                    });
                }
            });
    });
}

fn as_text(info: &Info) -> String {
    let lines = info
        .log
        .iter()
        .map(|line| format!("{}  {}\n", clock(line.secs), line.text));
    lines.collect()
}
