//! A path that is shown by its name: typed, picked with the system's dialog, or chosen among those that are known.

use std::path::{Path, PathBuf};

use eframe::egui;
use egui::accesskit::Role;
use egui::{Id, RichText, WidgetInfo, vec2};

use super::{TextField, icon_button};
use crate::gui::actions::{Action, Actions, PathPurpose};
use crate::gui::icons;
use crate::gui::text::{path_name, short_path};
use crate::gui::theme::{Palette, semibold};

/// A path that can be typed, picked with the system's dialog, or chosen from recent ones.
pub(crate) struct PathField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// What it is for.
    pub(crate) purpose: PathPurpose,
    /// Paths used before.
    pub(crate) recent: &'a [PathBuf],
    /// What the study has of this kind.
    pub(crate) own: &'a [PathBuf],
    /// The user's home folder.
    pub(crate) home: Option<&'a Path>,
    /// The dialog that is open.
    pub(crate) picking: Option<PathPurpose>,
}

impl PathField<'_> {
    /// Shows the field and asks for what is picked or typed. A path that is chosen is shown by its name, and typed over once
    /// its name is clicked.
    pub(crate) fn show(&self, ui: &mut egui::Ui, current: Option<&Path>, actions: &mut Actions) {
        let id = Id::unique(("path field", self.label));
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 232.0).clamp(120.0, 640.0);
            let is_typed = ui.data(|data| data.get_temp::<Typing>(id)).is_some();
            match current {
                Some(path) if !is_typed => self.chip(ui, path, width, id),
                _ => self.edit(ui, current, width, (id, actions)),
            }
            self.browse(ui, actions);
        });
    }

    /// The name of what is chosen, its path on hover.
    fn chip(&self, ui: &mut egui::Ui, path: &Path, width: f32, id: Id) {
        let palette = Palette::of(ui);
        let [own, parent] = path_name(path);
        let icon = self.purpose.icon();
        let content = (
            RichText::new(icon).color(palette.accent),
            RichText::new(own).family(semibold()),
            RichText::new(parent).color(palette.weak),
        );
        let button = egui::Button::new(content)
            .truncate()
            .min_size(vec2(0.0, 30.0));
        let response = ui.scope(|ui| {
            ui.set_max_width(width);
            ui.add(button)
        });
        let response = response.inner;
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Button, true, self.label);
            info.current_text_value = Some(path.display().to_string());
            info
        });
        let tip = format!("{}\nClick to edit.", path.display());
        if response.on_hover_text(tip).clicked() {
            let typing = Typing {
                text: path.display().to_string(),
                has_keyboard: false,
            };
            ui.data_mut(|data| data.insert_temp(id, typing));
        }
    }

    /// The field that a path is typed into.
    fn edit(
        &self,
        ui: &mut egui::Ui,
        current: Option<&Path>,
        width: f32,
        (id, actions): (Id, &mut Actions),
    ) {
        let shown = current
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let typing = ui.data(|data| data.get_temp::<Typing>(id));
        let mut typing = typing.unwrap_or_else(|| Typing {
            text: shown.clone(),
            has_keyboard: true,
        });
        let field = TextField {
            label: self.label,
            hint: "Type a path, or drop a folder here",
            width,
        };
        let response = field.show(ui, &mut typing.text);
        if response.lost_focus() {
            ui.data_mut(|data| data.remove::<Typing>(id));
            let is_given_up = ui.input(|input| input.key_pressed(egui::Key::Escape));
            if !is_given_up && typing.text != shown && !typing.text.trim().is_empty() {
                actions.push(self.take(&typing.text));
            }
        } else if response.changed() || !typing.has_keyboard {
            if !typing.has_keyboard {
                response.request_focus();
                typing.has_keyboard = true;
            }
            ui.data_mut(|data| data.insert_temp(id, typing));
        }
    }

    /// What is to be done with what was typed: a path is whole, or it is refused, for where it would lead from here nobody sees.
    fn take(&self, text: &str) -> Action {
        let path = from_home(unquoted(text), self.home);
        if path.is_absolute() {
            return Action::Use(self.purpose, path);
        }
        Action::Tell(format!(
            "Enter an absolute path, starting with / or ~, or choose it with Browse. \"{}\" is a relative path.",
            text.trim()
        ))
    }

    fn browse(&self, ui: &mut egui::Ui, actions: &mut Actions) {
        if self.picking == Some(self.purpose) {
            ui.spinner();
            if super::button(ui, icons::X, "Stop waiting").clicked() {
                actions.push(Action::StopPicking);
            }
            return;
        }
        let browse = format!("Browse: {}", self.label);
        // A dialog that is open elsewhere may be hidden behind the window: it is closed, and this one opened.
        let response = ui.add(
            egui::Button::new((egui::RichText::new(icons::FOLDER_OPEN), "Browse…"))
                .min_size(vec2(0.0, 30.0)),
        );
        super::name(&response, Role::Button, &browse);
        if response.clicked() {
            actions.push(Action::Pick(self.purpose));
        }
        if !self.recent.is_empty() || !self.own.is_empty() {
            self.known(ui, actions);
        }
    }

    /// What the study has, and what was used before.
    fn known(&self, ui: &mut egui::Ui, actions: &mut Actions) {
        let response = icon_button(ui, icons::HISTORY, &format!("Recent: {}", self.label));
        egui::Popup::menu(&response).show(|ui| {
            ui.set_min_width(260.0);
            let recent: Vec<&PathBuf> = self
                .recent
                .iter()
                .filter(|path| !self.own.contains(path))
                .collect();
            for path in self.own {
                let words = path_name(path).join("  ");
                let response = ui.button(words).on_hover_text(path.display().to_string());
                if response.clicked() {
                    actions.push(Action::Use(self.purpose, path.clone()));
                }
            }
            if !self.own.is_empty() && !recent.is_empty() {
                ui.separator();
            }
            for path in recent {
                let words = short_path(path, self.home);
                if ui.button(&words).clicked() {
                    actions.push(Action::Use(self.purpose, path.clone()));
                }
            }
        });
    }
}

/// A path that is being typed.
#[derive(Clone)]
struct Typing {
    text: String,
    /// Whether the keyboard was given to the field.
    has_keyboard: bool,
}

/// A path without the quotes and the `file://` that other programs put around it when it is copied.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("file://").unwrap_or(text);
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// A typed path, with `~` as the home folder.
fn from_home(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_path_buf(),
        _ => below_home(text, home),
    }
}

fn below_home(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_other_programs_put_around_them() {
        for text in ["/a b", " \"/a b\" ", "'/a b'", "file:///a b"] {
            assert_eq!(unquoted(text), "/a b");
        }
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = Some(Path::new("/home/x"));
        assert_eq!(from_home("~/a", home), Path::new("/home/x/a"));
        assert_eq!(from_home("/a", home), Path::new("/a"));
    }
}
