//! The page "Features".

use eframe::egui;

use crate::gui::actions::Asked;
use crate::gui::facts::Facts;
use crate::gui::state::State;

/// The page "Features".
#[derive(Default)]
pub(crate) struct FeaturesPage {}

impl FeaturesPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        _ui: &mut egui::Ui,
        _state: &State,
        _facts: &Facts,
        _asked: &mut Asked,
    ) {
    }
}
