//! The dialog when the window is closed while jobs run.

use eframe::egui;

use super::actions::{Action, Actions, AtClose};
use super::icons;
use super::info::Info;
use super::jobs::data::JobState;
use super::text::count;
use super::theme::INSIDE;
use super::widgets::{button, heading, primary_button, weak};

/// Whether the window is to be closed while jobs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CloseRequest {
    /// It is not.
    #[default]
    Staying,
    /// The user is asked what becomes of the jobs.
    Actions,
    /// The user has answered.
    Settled,
}

/// Draws the question.
pub(crate) fn ui(ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
    let in_state = |state: &JobState| {
        info.queue
            .jobs
            .iter()
            .filter(|job| job.state == *state)
            .count()
    };
    let (n_running, n_waiting) = (in_state(&JobState::Running), in_state(&JobState::Waiting));
    let modal = egui::Modal::new(egui::Id::unique("leaving")).show(ui.ctx(), |ui| {
        ui.set_width(440.0);
        heading(ui, "Close the window?");
        if n_running > 0 {
            ui.label(format!(
                "{} running and can continue in the background; you will find it here when you come back.",
                count(n_running, "job is", "jobs are")
            ));
        }
        if n_waiting > 0 {
            weak(
                ui,
                format!(
                    "{} in the queue and will run in the background.",
                    count(n_waiting, "job waits", "jobs wait")
                ),
            );
        }
        ui.add_space(INSIDE);
        ui.horizontal_wrapped(|ui| {
            if primary_button(ui, icons::PLAY, "Continue in the background", None).clicked() {
                actions.push(Action::Close {
                    jobs: AtClose::Leave,
                });
            }
            if button(ui, icons::PAUSE, "Pause it").clicked() {
                actions.push(Action::Close {
                    jobs: AtClose::Pause,
                });
            }
            if button(ui, icons::X, "Stay").clicked() {
                actions.push(Action::StayOpen);
            }
        });
    });
    if modal.should_close() {
        actions.push(Action::StayOpen);
    }
}
