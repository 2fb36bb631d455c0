//! The story that is looked at: its waveform and spectrogram.

use eframe::egui;

use crate::gui::actions::Asked;
use crate::gui::facts::Facts;
use crate::gui::state::State;

/// The view of a story's sound.
#[derive(Default)]
pub(crate) struct SoundView {}

impl SoundView {
    /// Draws the view.
    pub(crate) fn ui(
        &mut self,
        _ui: &mut egui::Ui,
        _state: &State,
        _facts: &Facts,
        _asked: &mut Asked,
    ) {
    }
}

/// Draws the outline of the story's sound between two instants, in seconds, where it is known.
pub(super) fn outline(_ui: &egui::Ui, _plot: egui::Rect, _facts: &Facts, _secs: (f64, f64)) {}
