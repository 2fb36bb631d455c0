//! What the window does with jobs, models and features.

use std::path::PathBuf;

use eframe::egui;

use super::actions::Purpose;
use super::state::Page;
use super::toasts::Tone;
use super::window::Window;
use crate::command_text;

impl Window {
    /// Extracts as the study says.
    pub(super) fn run(&mut self) {
        self.go(Page::Jobs);
    }

    /// Adds a model from the disk.
    pub(super) fn add_model(&mut self, _path: PathBuf) {
        self.go(Page::Models);
    }

    /// Looks at a folder of features, or compares it with the one that is shown.
    pub(super) fn look_at_features(&mut self, _purpose: Purpose, _folder: PathBuf) {
        self.go(Page::Features);
    }

    pub(super) fn copy_command(&mut self, ctx: &egui::Context) {
        match self.recipe() {
            Ok(recipe) => {
                ctx.copy_text(command_text::of_recipe(&recipe));
                self.tell(Tone::Plain, "Command copied.".into());
            }
            Err(sentence) => self.tell(Tone::Red, sentence),
        }
    }

    pub(super) fn copy_slurm(&mut self, _ctx: &egui::Context) {}
}
