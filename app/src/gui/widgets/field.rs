//! Fields for numbers, words and paths, with unit, tooltip, reset and the sentence that says what is wrong.

use std::path::{Path, PathBuf};

use eframe::egui;
use egui::accesskit::Role;
use egui::{Id, WidgetInfo, vec2};

use super::{help_button, icon_button, problem, weak};
use crate::gui::actions::{Action, Asked, Purpose};
use crate::gui::icons;
use crate::gui::manual::Topic;
use crate::gui::text::short_path;

/// A number with its unit.
pub(crate) struct NumberField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// Its unit, in short.
    pub(crate) unit: &'a str,
    /// What it is and what it does, in a sentence or two.
    pub(crate) tooltip: &'a str,
    /// What the reset button sets.
    pub(crate) default: f64,
    /// Where the manual explains it.
    pub(crate) topic: Topic,
}

/// Space for labels, so that fields stand in a column.
const LABEL_WIDTH: f32 = 116.0;
const FIELD_WIDTH: f32 = 84.0;
const UNIT_WIDTH: f32 = 24.0;

/// What was typed into a number field, and the value that it gave.
#[derive(Clone)]
struct Typed {
    text: String,
    value: f64,
}

/// A field's label, as wide as all of them, so that fields stand in a column.
pub(crate) fn field_label(ui: &mut egui::Ui, label: &str) -> egui::Response {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let inner = ui.allocate_ui_with_layout(vec2(LABEL_WIDTH, 28.0), layout, |ui| {
        ui.set_min_width(LABEL_WIDTH);
        ui.add(egui::Label::new(label).selectable(false))
    });
    inner.inner
}

impl NumberField<'_> {
    /// Shows the field; `check` gives the sentence for a value that makes no sense.
    ///
    /// Returns the sentence that is shown, so that nothing is started while the field is wrong.
    pub(crate) fn show(
        &self,
        ui: &mut egui::Ui,
        value: &mut f64,
        asked: &mut Asked,
        check: impl Fn(f64) -> Result<(), String>,
    ) -> Option<String> {
        let id = Id::unique(("number field", self.label));
        // What is typed and not taken over yet is dropped when the value changes elsewhere.
        let typed = ui.data(|data| data.get_temp::<Typed>(id));
        let mut text = typed
            .filter(|typed| typed.value.to_bits() == value.to_bits())
            .map_or_else(|| plain(*value), |typed| typed.text);
        ui.horizontal(|ui| {
            field_label(ui, self.label).on_hover_text(self.tooltip);
            let edit = egui::TextEdit::singleline(&mut text)
                .id(id.with("edit"))
                .desired_width(FIELD_WIDTH)
                .align(egui::Align2::RIGHT_CENTER);
            let response = ui.add(edit);
            let said = text.clone();
            response.widget_info(|| {
                let mut info = WidgetInfo::labeled(Role::TextInput, true, self.label);
                info.current_text_value = Some(said.clone());
                info
            });
            if response.changed() {
                if let Some(number) = parse(&text) {
                    *value = number;
                }
                let (text, value) = (text.clone(), *value);
                ui.data_mut(|data| data.insert_temp(id, Typed { text, value }));
            } else if response.lost_focus() && parse(&text).is_some() {
                ui.data_mut(|data| data.remove::<Typed>(id));
            }
            response.on_hover_text(self.tooltip);
            let unit_size = vec2(UNIT_WIDTH, 28.0);
            let unit_layout = egui::Layout::left_to_right(egui::Align::Center);
            ui.allocate_ui_with_layout(unit_size, unit_layout, |ui| {
                ui.set_min_width(UNIT_WIDTH);
                weak(ui, self.unit);
            });
            let is_default = (*value - self.default).abs() < 1e-12 && parse(&text).is_some();
            let reset = format!(
                "Reset {} to {} {}",
                self.label.to_lowercase(),
                plain(self.default),
                self.unit
            );
            let reset = ui.add_enabled_ui(!is_default, |ui| {
                icon_button(ui, icons::ROTATE_CCW, reset.trim_end())
            });
            if reset.inner.clicked() {
                *value = self.default;
                ui.data_mut(|data| data.remove::<Typed>(id));
            }
            if help_button(ui, self.topic) {
                asked.push(Action::Manual(self.topic));
            }
        });
        let sentence = match parse(&text) {
            Some(_) => check(*value).err(),
            None => Some(format!(
                "\"{text}\" is no number. Write it with digits, such as {}.",
                plain(self.default)
            )),
        };
        if let Some(sentence) = &sentence {
            problem(ui, sentence);
        }
        sentence
    }
}

/// The path that is typed into a field and not taken over yet.
fn typed(ui: &egui::Ui, id: Id) -> Option<String> {
    ui.data(|data| data.get_temp::<String>(id))
}

fn parse(text: &str) -> Option<f64> {
    let number: f64 = text.trim().replace(',', ".").parse().ok()?;
    number.is_finite().then_some(number)
}

/// A number without needless zeros.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A field for words.
pub(crate) struct TextField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// What stands in it while it is empty.
    pub(crate) hint: &'a str,
    /// How wide it is.
    pub(crate) width: f32,
}

impl TextField<'_> {
    /// Shows the field alone; its label is read aloud.
    pub(crate) fn show(&self, ui: &mut egui::Ui, text: &mut String) -> egui::Response {
        let edit = egui::TextEdit::singleline(text)
            .hint_text(self.hint)
            .desired_width(self.width)
            .margin(vec2(8.0, 6.0));
        let response = ui.add(edit);
        let said = text.clone();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, self.label);
            info.current_text_value = Some(said.clone());
            info
        });
        response
    }
}

/// A path that can be typed, picked with the system's dialog, or chosen from recent ones.
pub(crate) struct PathField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Paths used before.
    pub(crate) recent: &'a [PathBuf],
    /// The user's home folder.
    pub(crate) home: Option<&'a Path>,
    /// The dialog that is open.
    pub(crate) picking: Option<Purpose>,
}

impl PathField<'_> {
    /// Shows the field and asks for what is picked or typed.
    pub(crate) fn show(&self, ui: &mut egui::Ui, current: Option<&Path>, asked: &mut Asked) {
        let id = Id::unique(("path field", self.label));
        let shown = current
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let mut text = typed(ui, id).unwrap_or_else(|| shown.clone());
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 232.0).clamp(120.0, 640.0);
            let field = TextField {
                label: self.label,
                hint: "Type a path, or drop a folder here",
                width,
            };
            let response = field.show(ui, &mut text);
            if response.changed() {
                ui.data_mut(|data| data.insert_temp(id, text.clone()));
            }
            if response.lost_focus() {
                ui.data_mut(|data| data.remove::<String>(id));
                if text != shown && !text.trim().is_empty() {
                    asked.push(Action::Use(self.purpose, from_home(text.trim(), self.home)));
                }
            }
            self.browse(ui, asked);
        });
    }

    fn browse(&self, ui: &mut egui::Ui, asked: &mut Asked) {
        if self.picking == Some(self.purpose) {
            ui.spinner();
            if super::button(ui, icons::X, "Stop waiting").clicked() {
                asked.push(Action::StopPicking);
            }
            return;
        }
        let browse = format!("Browse: {}", self.label);
        let response = ui.add_enabled(
            self.picking.is_none(),
            egui::Button::new((egui::RichText::new(icons::FOLDER_OPEN), "Browse…"))
                .min_size(vec2(0.0, 30.0)),
        );
        super::name(&response, Role::Button, &browse);
        if response.clicked() {
            asked.push(Action::Pick(self.purpose));
        }
        if !self.recent.is_empty() {
            self.recent(ui, asked);
        }
    }

    fn recent(&self, ui: &mut egui::Ui, asked: &mut Asked) {
        let response = icon_button(ui, icons::HISTORY, &format!("Recent: {}", self.label));
        egui::Popup::menu(&response).show(|ui| {
            ui.set_min_width(260.0);
            for path in self.recent {
                let words = short_path(path, self.home);
                if ui.button(&words).clicked() {
                    asked.push(Action::Use(self.purpose, path.clone()));
                }
            }
        });
    }
}

/// A typed path, with `~` as the home folder.
fn from_home(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_as_people_write_them() {
        assert_eq!(
            [
                parse("16000"),
                parse(" 0,1 "),
                parse("x"),
                parse("inf"),
                parse("")
            ],
            [Some(16_000.0), Some(0.1), None, None, None]
        );
        assert_eq!(
            [plain(16_000.0), plain(0.1), plain(0.0)],
            ["16000", "0.1", "0"]
        );
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = Some(Path::new("/home/x"));
        assert_eq!(from_home("~/a", home), Path::new("/home/x/a"));
        assert_eq!(from_home("/a", home), Path::new("/a"));
    }
}
