//! The command palette: everything that can be asked for, by its name.

use eframe::egui;
use egui::{Event, Key, Modifiers, accesskit::Role};

use super::actions::{Action, Actions, ExportFormat, PathPurpose, StudyAction};
use super::manual::Topic;
use super::shortcuts;
use super::state::{State, ThemeChoice};
use super::widgets::{TextField, name, weak};

/// The command palette.
#[derive(Default)]
pub(crate) struct CommandPalette {
    is_open: bool,
    /// Whether its field takes what is typed: not before it was drawn once.
    has_keyboard: bool,
    text: String,
    chosen: usize,
    /// What was typed after the keys that open it and before its field took anything.
    early: Vec<Event>,
}

struct PaletteCommand {
    words: String,
    keys: Option<egui::KeyboardShortcut>,
    action: Action,
}

const MAX_SHOWN: usize = 12;

impl CommandPalette {
    /// Whether it is shown.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Shows or hides it.
    pub(crate) fn toggle(&mut self) {
        let is_open = !self.is_open;
        *self = Self {
            is_open,
            early: std::mem::take(&mut self.early),
            ..Self::default()
        };
        if !is_open {
            self.early.clear();
        }
    }

    /// Keeps for its field what is typed before the field is there, and gives it back then: on a busy machine one frame
    /// brings the keys that open the palette, the words, and Enter.
    pub(crate) fn keep_early(&mut self, ctx: &egui::Context) {
        ctx.input_mut(|input| {
            let events = &mut input.events;
            if self.has_keyboard {
                events.splice(0..0, self.early.drain(..));
                return;
            }
            let first = match events.iter().position(opens) {
                _ if self.is_open => 0,
                Some(at) => at + 1,
                None => return,
            };
            let is_typed = |event: &mut Event| matches!(event, Event::Text(_) | Event::Key { .. });
            self.early.extend(events.extract_if(first.., is_typed));
        });
        if !self.early.is_empty() {
            ctx.request_repaint();
        }
    }

    /// Draws the palette, if it is open.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui, state: &State, actions: &mut Actions) {
        if !self.is_open {
            return;
        }
        self.step(ui);
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
            self.has_keyboard = true;
            // Enter means what the words of this frame have found.
            let commands = found(state, &self.text);
            self.chosen = self.chosen.min(commands.len().saturating_sub(1));
            let is_entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
            let mut picked = is_entered.then_some(self.chosen);
            for (at, command) in commands.iter().enumerate() {
                if row(ui, command, at == self.chosen).clicked() {
                    picked = Some(at);
                }
            }
            if commands.is_empty() {
                weak(ui, "No matching command.");
            }
            picked.and_then(|at| commands.into_iter().nth(at))
        });
        if let Some(command) = modal.inner {
            actions.push(command.action);
            self.toggle();
        } else if modal.should_close() {
            self.toggle();
        }
    }

    fn step(&mut self, ui: &egui::Ui) {
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::ArrowDown) {
            self.chosen += 1;
        }
        if pressed(Key::ArrowUp) {
            self.chosen = self.chosen.saturating_sub(1);
        }
    }
}

/// Whether this opens the palette.
fn opens(event: &Event) -> bool {
    let Event::Key {
        key,
        pressed: true,
        modifiers,
        ..
    } = event
    else {
        return false;
    };
    *key == shortcuts::PALETTE.logical_key
        && modifiers.matches_logically(shortcuts::PALETTE.modifiers)
}

/// The commands whose names have these words.
fn found(state: &State, words: &str) -> Vec<PaletteCommand> {
    commands(state)
        .into_iter()
        .filter(|command| fits(&command.words, words))
        .take(MAX_SHOWN)
        .collect()
}

fn row(ui: &mut egui::Ui, command: &PaletteCommand, is_chosen: bool) -> egui::Response {
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

fn commands(state: &State) -> Vec<PaletteCommand> {
    let from_shortcuts =
        shortcuts::all(state)
            .into_iter()
            .map(|(shortcut, action)| PaletteCommand {
                words: match &action {
                    Action::Go(page) => format!("Go to {}", page.title()),
                    _ => shortcut.words.to_owned(),
                },
                keys: Some(shortcut.keys),
                action,
            });
    let plain = |words: &str, action| PaletteCommand {
        words: words.into(),
        keys: None,
        action,
    };
    let theme = |theme| {
        let mut settings = state.preferences.settings.clone();
        settings.theme = theme;
        Action::EditSettings(settings)
    };
    let log = {
        let mut layout = state.preferences.layout.clone();
        layout.has_log = !layout.has_log;
        Action::Arrange(layout)
    };
    let others = vec![
        plain("Try the sample", Action::Study(StudyAction::TrySample)),
        plain(
            "Try a whole study",
            Action::Study(StudyAction::TryWholeSample),
        ),
        plain(
            "Choose a folder of recordings …",
            Action::Pick(PathPurpose::Stimuli),
        ),
        plain("Open features …", Action::Pick(PathPurpose::Features)),
        plain(
            "Load settings from a recipe …",
            Action::Pick(PathPurpose::Recipe),
        ),
        plain("Close study", Action::Study(StudyAction::Close)),
        plain("Light theme", theme(ThemeChoice::Light)),
        plain("Dark theme", theme(ThemeChoice::Dark)),
        plain("Theme: system", theme(ThemeChoice::System)),
        plain("Show or hide the log", log),
        plain(
            "What do these numbers mean?",
            Action::Manual(Topic::Numbers),
        ),
    ];
    let exports = ExportFormat::ALL
        .map(|(format, words)| plain(&format!("Export {words}"), Action::Export(format)));
    from_shortcuts
        .filter(|command| command.action != Action::TogglePalette)
        .chain(others)
        .chain(exports)
        .collect()
}
