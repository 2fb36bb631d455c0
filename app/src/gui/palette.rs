//! The command palette: everything that can be asked for, by its name.

use eframe::egui;
use egui::{Key, Modifiers, accesskit::Role};

use super::actions::{Action, Asked, Format, Purpose};
use super::manual::Topic;
use super::shortcuts;
use super::state::{State, ThemeChoice};
use super::widgets::{TextField, name, weak};

/// The command palette.
#[derive(Default)]
pub(crate) struct Palette {
    is_open: bool,
    text: String,
    chosen: usize,
}

struct Command {
    words: String,
    keys: Option<egui::KeyboardShortcut>,
    action: Action,
}

const MAX_SHOWN: usize = 12;

impl Palette {
    /// Whether it is shown.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Shows or hides it.
    pub(crate) fn toggle(&mut self) {
        *self = Self {
            is_open: !self.is_open,
            ..Self::default()
        };
    }

    /// Draws the palette, if it is open.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui, state: &State, asked: &mut Asked) {
        if !self.is_open {
            return;
        }
        let commands: Vec<Command> = commands(state)
            .into_iter()
            .filter(|command| fits(&command.words, &self.text))
            .take(MAX_SHOWN)
            .collect();
        self.step(ui, commands.len());
        let is_entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let mut picked = is_entered.then_some(self.chosen);
        let modal = egui::Modal::new(egui::Id::unique("palette")).show(ui.ctx(), |ui| {
            ui.set_width(440.0);
            let field = TextField {
                label: "Command",
                hint: "What do you want to do?",
                width: 424.0,
            };
            let response = field.show(ui, &mut self.text);
            if response.changed() {
                self.chosen = 0;
            }
            response.request_focus();
            for (at, command) in commands.iter().enumerate() {
                if row(ui, command, at == self.chosen).clicked() {
                    picked = Some(at);
                }
            }
            if commands.is_empty() {
                weak(ui, "No command of this name.");
            }
        });
        if let Some(command) = picked.and_then(|at| commands.into_iter().nth(at)) {
            asked.push(command.action);
            self.toggle();
        } else if modal.should_close() {
            self.toggle();
        }
    }

    fn step(&mut self, ui: &egui::Ui, n_commands: usize) {
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::ArrowDown) {
            self.chosen += 1;
        }
        if pressed(Key::ArrowUp) {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(n_commands.saturating_sub(1));
    }
}

fn row(ui: &mut egui::Ui, command: &Command, is_chosen: bool) -> egui::Response {
    let keys = command
        .keys
        .map(|keys| ui.ctx().format_shortcut(&keys))
        .unwrap_or_default();
    let button = egui::Button::selectable(is_chosen, command.words.as_str())
        .right_text(egui::RichText::new(keys).weak())
        .min_size(egui::vec2(ui.available_width(), 28.0));
    let response = ui.add(button);
    name(&response, Role::MenuItem, &command.words);
    response
}

/// Whether all words that were typed are in a command's name, in any order.
fn fits(command: &str, typed: &str) -> bool {
    let command = command.to_lowercase();
    typed
        .to_lowercase()
        .split_whitespace()
        .all(|word| command.contains(word))
}

fn commands(state: &State) -> Vec<Command> {
    let from_shortcuts = shortcuts::all(state)
        .into_iter()
        .map(|(shortcut, action)| Command {
            words: match &action {
                Action::Go(page) => format!("Go to {}", page.title()),
                _ => shortcut.words.to_owned(),
            },
            keys: Some(shortcut.keys),
            action,
        });
    let plain = |words: &str, action| Command {
        words: words.into(),
        keys: None,
        action,
    };
    let theme = |theme| {
        let mut settings = state.lasting.settings.clone();
        settings.theme = theme;
        Action::EditSettings(settings)
    };
    let log = {
        let mut layout = state.lasting.layout.clone();
        layout.has_log = !layout.has_log;
        Action::Arrange(layout)
    };
    let others = vec![
        plain("Try the sample", Action::TrySample),
        plain("Try a whole study", Action::TryWholeSample),
        plain(
            "Choose a folder of recordings …",
            Action::Pick(Purpose::Stimuli),
        ),
        plain("Look at features …", Action::Pick(Purpose::Features)),
        plain("Take over a recipe …", Action::Pick(Purpose::Recipe)),
        plain("Close study", Action::CloseStudy),
        plain("Light theme", theme(ThemeChoice::Light)),
        plain("Dark theme", theme(ThemeChoice::Dark)),
        plain("Theme as the system has it", theme(ThemeChoice::System)),
        plain("Show or hide the log", log),
        plain(
            "What do these numbers mean?",
            Action::Manual(Topic::Numbers),
        ),
    ];
    let exports = Format::ALL
        .map(|(format, words)| plain(&format!("Export {words}"), Action::Export(format)));
    from_shortcuts
        .filter(|command| command.action != Action::TogglePalette)
        .chain(others)
        .chain(exports)
        .collect()
}
