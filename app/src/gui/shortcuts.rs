//! What the keyboard asks for from anywhere, and what is dropped.

use std::path::PathBuf;

use eframe::egui;
use egui::{Align2, FontId, Key, KeyboardShortcut, Modifiers};

use super::actions::{Action, Actions, PathPurpose, ViewAction};
use super::manual::Topic;
use super::state::{Page, SCALES, State};
use super::theme::Palette;

/// One shortcut: what it does, in words, and its keys.
pub(crate) struct Shortcut {
    /// What it does.
    pub(crate) words: &'static str,
    /// Its keys.
    pub(crate) keys: KeyboardShortcut,
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

/// The keys of the command palette.
pub(crate) const PALETTE: KeyboardShortcut = ctrl_shift(Key::P);

/// The keys of the pages, in the order of the rail; Settings has Ctrl+comma, and Help F1.
pub(crate) const PAGE_KEYS: [Key; 10] = [
    Key::Num1,
    Key::Num2,
    Key::Num3,
    Key::Num4,
    Key::Num5,
    Key::Num6,
    Key::Num7,
    Key::Num8,
    Key::Num9,
    Key::Num0,
];

/// The shortcuts and what they ask for.
#[must_use]
pub(crate) fn all(state: &State) -> Vec<(Shortcut, Action)> {
    let shortcut = |words, keys, action| (Shortcut { words, keys }, action);
    let mut all = vec![
        shortcut("Command palette", PALETTE, Action::TogglePalette),
        shortcut(
            "Open study …",
            ctrl(Key::O),
            Action::Pick(PathPurpose::OpenStudy),
        ),
        shortcut("Save recipe", ctrl(Key::S), Action::SaveRecipe),
        shortcut("Close the window", ctrl(Key::Q), Action::Quit),
        shortcut("Undo", ctrl(Key::Z), Action::Undo),
        shortcut("Redo", ctrl_shift(Key::Z), Action::Redo),
        shortcut("Run", ctrl(Key::Enter), Action::Run),
        shortcut("Settings", ctrl(Key::Comma), Action::Go(Page::Settings)),
        shortcut(
            "Manual",
            KeyboardShortcut::new(Modifiers::NONE, Key::F1),
            Action::Manual(Topic::FirstSteps),
        ),
        shortcut("Larger", ctrl(Key::Plus), scale(state, 1)),
        shortcut("Smaller", ctrl(Key::Minus), scale(state, -1)),
    ];
    for (page, key) in Page::ALL.into_iter().zip(PAGE_KEYS) {
        all.push(shortcut(page.title(), ctrl(key), Action::Go(page)));
    }
    // Ctrl+Z is part of Ctrl+Shift+Z: those with more modifiers are looked for first.
    all.sort_by_key(|(shortcut, _)| std::cmp::Reverse(n_modifiers(shortcut.keys.modifiers)));
    all
}

fn n_modifiers(modifiers: Modifiers) -> usize {
    let pressed = [
        modifiers.alt,
        modifiers.shift,
        modifiers.ctrl || modifiers.command || modifiers.mac_cmd,
    ];
    pressed.into_iter().filter(|is_pressed| *is_pressed).count()
}

/// The keys of a page, as they are written.
#[must_use]
pub(crate) fn of_page(page: Page, ctx: &egui::Context) -> String {
    let at = Page::ALL.iter().position(|known| *known == page);
    let numbered = at.and_then(|at| PAGE_KEYS.get(at));
    let keys = match (page, numbered) {
        (_, Some(key)) => ctrl(*key),
        (Page::Settings, None) => ctrl(Key::Comma),
        (_, None) => KeyboardShortcut::new(Modifiers::NONE, Key::F1),
    };
    ctx.format_shortcut(&keys)
}

fn scale(state: &State, step: isize) -> Action {
    let mut settings = state.preferences.settings.clone();
    let at = SCALES
        .iter()
        .position(|scale| (*scale - settings.scale).abs() < 1e-3)
        .unwrap_or(2);
    let at = at.saturating_add_signed(step).min(SCALES.len() - 1);
    settings.scale = SCALES[at];
    Action::EditSettings(settings)
}

/// What the keyboard asks for.
#[must_use]
pub(crate) fn read(ctx: &egui::Context, state: &State, is_palette_open: bool) -> Actions {
    let mut actions = vec![];
    // Text fields undo what is typed in them by themselves.
    let is_typing = ctx.text_edit_focused();
    for (shortcut, action) in all(state) {
        let is_undo = matches!(action, Action::Undo | Action::Redo);
        if is_palette_open && action != Action::TogglePalette || is_typing && is_undo {
            continue;
        }
        if ctx.input_mut(|input| input.consume_shortcut(&shortcut.keys)) {
            actions.push(action);
        }
    }
    // Keys that fields and buttons want for themselves.
    let is_free = !is_typing
        && !is_palette_open
        && ctx.memory(|memory| memory.focused().is_none_or(|id| id == page_start()));
    if is_free {
        let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let keys = [
            (Key::Space, Action::View(ViewAction::TogglePlay)),
            (Key::ArrowLeft, Action::View(ViewAction::MoveCursor(-1.0))),
            (Key::ArrowRight, Action::View(ViewAction::MoveCursor(1.0))),
            (Key::OpenBracket, Action::View(ViewAction::StepLayer(-1))),
            (Key::CloseBracket, Action::View(ViewAction::StepLayer(1))),
            (
                Key::Home,
                Action::View(ViewAction::MoveCursor(f64::NEG_INFINITY)),
            ),
            (Key::End, Action::View(ViewAction::MoveCursor(1e9))),
        ];
        actions.extend(
            keys.into_iter()
                .filter(|(key, _)| pressed(*key))
                .map(|(_, action)| action),
        );
    }
    actions
}

/// Where the keyboard's walk through the controls begins: before the first control of the page.
#[must_use]
pub(crate) fn page_start() -> egui::Id {
    egui::Id::unique("page start")
}

/// Takes what is dropped, and says so while it hovers.
pub(crate) fn drops(ui: &egui::Ui, actions: &mut Actions) {
    let ctx = ui.ctx();
    let dropped: Vec<PathBuf> = ctx.input(|input| {
        input
            .raw
            .dropped_files
            .iter()
            .map(|file| file.path().to_path_buf())
            .collect()
    });
    if !dropped.is_empty() {
        actions.push(Action::Drop(dropped));
    }
    let hovering = ctx.input(|input| {
        input
            .raw
            .hovered_files
            .iter()
            .find_map(|file| file.path.clone())
    });
    if let Some(path) = hovering {
        let palette = Palette::of(ui);
        let painter = ctx.layer_painter(egui::LayerId::new(
            egui::Order::Foreground,
            egui::Id::unique("drop"),
        ));
        let rect = ctx.content_rect();
        painter.rect_filled(rect, 0.0, palette.page.gamma_multiply(0.85));
        painter.rect_stroke(
            rect.shrink(12.0),
            8.0,
            (2.0, palette.accent),
            egui::StrokeKind::Inside,
        );
        let words = format!("Drop it: {}", super::workers::Meaning::guess(&path));
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            words,
            FontId::proportional(18.0),
            palette.text,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_told_with_its_own_keys() {
        let ctx = egui::Context::default();
        let keys: Vec<String> = Page::ALL.map(|page| of_page(page, &ctx)).to_vec();
        assert_eq!(keys.last().map(String::as_str), Some("F1"));
        assert!(keys[0].ends_with('1') && keys[9].ends_with('0'), "{keys:?}");
        let different: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
    }

    #[test]
    fn shortcuts_with_more_modifiers_are_looked_for_first() {
        let order: Vec<usize> = all(&State::default())
            .iter()
            .map(|(shortcut, _)| n_modifiers(shortcut.keys.modifiers))
            .collect();
        assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    }
}
