//! What keeps something from being run: a sentence, and the buttons that do what it says.

use eframe::egui;

use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction};
use crate::gui::icons;
use crate::gui::state::{Page, Study};
use crate::gui::widgets::{button, warning};

/// Why something cannot run now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blocker {
    /// What is wrong and what to do.
    pub(crate) sentence: String,
    /// What does it; none where there is nothing to do but wait.
    pub(crate) remedies: Vec<Remedy>,
}

/// A button that does what a sentence says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remedy {
    icon: char,
    label: String,
    actions: Actions,
}

impl Blocker {
    /// Something that the user can remove.
    #[must_use]
    pub(crate) fn new(sentence: impl Into<String>, remedies: Vec<Remedy>) -> Self {
        Self {
            sentence: sentence.into(),
            remedies,
        }
    }

    /// Something that passes by itself.
    #[must_use]
    pub(crate) fn passing(sentence: &str) -> Self {
        Self::new(sentence, vec![])
    }

    /// Says it, with its buttons.
    pub(crate) fn ui(&self, ui: &mut egui::Ui, actions: &mut Actions) {
        warning(ui, &self.sentence);
        if self.remedies.is_empty() {
            return;
        }
        Remedy::row(&self.remedies, ui, actions);
    }
}

impl Remedy {
    /// A button that asks for something.
    #[must_use]
    pub(crate) fn new(icon: char, label: impl Into<String>, action: Action) -> Self {
        Self {
            icon,
            label: label.into(),
            actions: vec![action],
        }
    }

    /// The same button, which then leads to a page.
    #[must_use]
    pub(crate) fn then_go(mut self, page: Page) -> Self {
        self.actions.push(Action::Go(page));
        self
    }

    /// Draws buttons side by side.
    pub(crate) fn row(remedies: &[Self], ui: &mut egui::Ui, actions: &mut Actions) {
        ui.horizontal_wrapped(|ui| {
            for remedy in remedies {
                if button(ui, remedy.icon, &remedy.label).clicked() {
                    actions.extend(remedy.actions.iter().cloned());
                }
            }
        });
    }

    /// A button that leads to a page.
    #[must_use]
    pub(crate) fn go(page: Page) -> Self {
        Self::new(
            icons::ARROW_RIGHT,
            format!("Go to {}", page.title()),
            Action::Go(page),
        )
    }

    /// A button that opens a dialog.
    #[must_use]
    pub(crate) fn pick(label: &str, purpose: PathPurpose) -> Self {
        Self::new(icons::FOLDER_OPEN, label, Action::Pick(purpose))
    }

    /// A button that changes the study.
    #[must_use]
    pub(crate) fn edit(
        label: impl Into<String>,
        study: &Study,
        change: impl FnOnce(&mut Study),
    ) -> Self {
        let mut edited = study.clone();
        change(&mut edited);
        Self::new(
            icons::CHECK,
            label,
            Action::Study(StudyAction::Edit(Box::new(edited))),
        )
    }
}
