//! Help: the manual.

use eframe::egui;
use egui::WidgetInfo;
use egui::accesskit::Role;
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use crate::gui::actions::{Action, Actions};
use crate::gui::icons;
use crate::gui::manual::Topic;
use crate::gui::theme::BETWEEN;
use crate::gui::widgets::{TextField, button, weak};

/// The page "Help".
#[derive(Default)]
pub(crate) struct HelpPage {
    topic: Topic,
    search: String,
    cache: CommonMarkCache,
}

/// Longer lines are hard to read.
const MAX_TEXT_WIDTH: f32 = 680.0;

impl HelpPage {
    /// Turns to a page of the manual.
    pub(crate) fn show(&mut self, topic: Topic) {
        self.topic = topic;
    }

    /// Draws the page.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui, actions: &mut Actions) {
        let contents = egui::Panel::left("contents")
            .exact_size(236.0)
            .resizable(false)
            .frame(egui::Frame::NONE);
        contents.show(ui, |ui| self.contents(ui, actions));
        let frame = egui::Frame::new().inner_margin(egui::Margin {
            left: BETWEEN as i8 * 2,
            ..egui::Margin::ZERO
        });
        egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
            let area = egui::ScrollArea::vertical()
                .id_salt(self.topic)
                .auto_shrink(false);
            area.show(ui, |ui| {
                let width = ui.available_width().min(MAX_TEXT_WIDTH);
                ui.set_max_width(width);
                CommonMarkViewer::new()
                    .default_width(Some(width as usize))
                    .show(ui, &mut self.cache, self.topic.text());
                ui.add_space(BETWEEN);
                if button(ui, icons::COPY, "Copy this page").clicked() {
                    actions.push(Action::Copy {
                        text: self.topic.text().into(),
                        what: "Page",
                    });
                }
            });
        });
    }

    fn contents(&mut self, ui: &mut egui::Ui, actions: &mut Actions) {
        let field = TextField {
            label: "Search the manual",
            hint: "Search the manual",
            width: 200.0,
        };
        field.show(ui, &mut self.search);
        ui.add_space(BETWEEN / 2.0);
        let mut n_found = 0;
        for topic in Topic::ALL {
            if !mentions(topic, &self.search) {
                continue;
            }
            n_found += 1;
            let is_here = topic == self.topic;
            let entry =
                egui::Button::selectable(is_here, topic.title()).min_size(egui::vec2(212.0, 30.0));
            let response = ui.add(entry);
            response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_here, topic.title()));
            if response.clicked() {
                self.topic = topic;
            }
        }
        if n_found == 0 {
            weak(ui, "No matches.");
        }
        ui.add_space(BETWEEN);
        let response = button(ui, icons::FILE_TEXT, "Save a report for support").on_hover_text(
            "Versions, devices, and the recipe and log of the last job, as text to attach to a question. It holds none of your data; look through it before you send it.",
        );
        if response.clicked() {
            actions.push(Action::SupportReport);
        }
    }
}

/// Whether a page has all the words.
fn mentions(topic: Topic, words: &str) -> bool {
    let text = format!("{} {}", topic.title(), topic.text()).to_lowercase();
    words
        .to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word))
}
