//! The film of the test stories on the page: what is shown, the scan, playing, and the delay.

use std::fmt::Write as _;

use eframe::egui;
use egui::accesskit::Role;

use super::SIDE;
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{BrainSettings, Film, FilmOf, FilmSettings, USUAL_DELAY_SECS};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::State;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{button, heading, name, problem, weak};

/// By how much a picture is drawn ahead at most, seconds: the first one may have taken long.
const MOST_AHEAD_SECS: f64 = 0.5;

/// The choice between the scores and the film, and the film's controls.
pub(super) fn ui(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    ui.add_space(INSIDE);
    heading(ui, "Test stories over time");
    let shown = settings.film.map(|film| film.of);
    let words = FilmOf::ALL.iter().find(|(of, _)| Some(*of) == shown);
    let combo = egui::ComboBox::from_id_salt("film of the brain")
        .width(SIDE - 20.0)
        .selected_text(words.map_or("Off: scores are shown", |(_, words)| *words))
        .show_ui(ui, |ui| {
            if ui
                .selectable_label(shown.is_none(), "Off: scores are shown")
                .clicked()
            {
                settings.film = None;
            }
            for (of, words) in FilmOf::ALL {
                if ui.selectable_label(shown == Some(of), words).clicked() {
                    let before = settings.film.unwrap_or(FilmSettings {
                        of,
                        scan: 0,
                        delay_secs: USUAL_DELAY_SECS,
                    });
                    settings.film = Some(FilmSettings { of, ..before });
                }
            }
        });
    name(&combo.response, Role::ComboBox, "Film");
    let Some(film) = &mut settings.film else {
        return;
    };
    match &info.brain.film {
        Loading::Ready(shown) => controls(ui, film, shown, (state, info), actions),
        Loading::Failed(sentence) => problem(ui, sentence),
        Loading::Waiting | Loading::Nothing => {
            ui.spinner();
        }
    }
}

fn controls(
    ui: &mut egui::Ui,
    settings: &mut FilmSettings,
    film: &Film,
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    let last = film.n_scans().saturating_sub(1);
    if let Some(story) = film.story(settings.scan) {
        follow(ui, settings, (film, &story.story), (state, info), actions);
    }
    let before = settings.scan;
    ui.horizontal(|ui| {
        if button(ui, icons::CHEVRON_LEFT, "Scan before").clicked() {
            settings.scan = settings.scan.saturating_sub(1);
        }
        if button(ui, icons::CHEVRON_RIGHT, "Next scan").clicked() {
            settings.scan = (settings.scan + 1).min(last);
        }
    });
    let slider = egui::Slider::new(&mut settings.scan, 0..=last).show_value(false);
    let response = ui.add(slider);
    name(&response, Role::Slider, "Scan");
    ui.horizontal(|ui| {
        weak(ui, "Delay");
        let field = egui::DragValue::new(&mut settings.delay_secs)
            .speed(0.1)
            .range(0.0..=20.0)
            .suffix(" s");
        let response = ui.add(field).on_hover_text(
            "The haemodynamic response follows what is heard; each scan is shown so many seconds before it was taken.",
        );
        name(&response, Role::SpinButton, "Delay of the response");
        let story = film.story(settings.scan).map(|story| story.story.as_str());
        let can_play = story.is_some() && story == state.story.as_deref();
        let can_play = can_play && info.sound.ready().is_some();
        let words = if info.is_playing { "Stop" } else { "Play" };
        let icon = if info.is_playing { icons::X } else { icons::PLAY };
        ui.add_enabled_ui(can_play, |ui| {
            let response = button(ui, icon, words);
            if response
                .on_disabled_hover_text("The recording of this story is not among the study's stimuli.")
                .clicked()
            {
                actions.push(Action::View(ViewAction::TogglePlay));
            }
        });
    });
    if settings.scan != before
        && let Some(secs) = film.heard_secs(settings.scan, settings.delay_secs)
    {
        actions.push(Action::View(ViewAction::Cursor(secs.max(0.0))));
    }
    weak(ui, position(settings, film));
}

/// Keeps the scan with the sound that is heard, and the sound with the story of the scan.
fn follow(
    ui: &egui::Ui,
    settings: &mut FilmSettings,
    (film, story): (&Film, &str),
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    let is_recorded = info.stories().iter().any(|known| known.story == story);
    if is_recorded && state.story.as_deref() != Some(story) {
        actions.push(Action::View(ViewAction::Story(story.to_owned())));
    } else if is_recorded && info.is_playing {
        // Drawn ahead, so that a scan is seen when what it answers is heard.
        let ahead = info.brain.picture_secs.min(MOST_AHEAD_SECS);
        let seen_secs = state.cursor_secs + ahead;
        // One scan back is no step of the sound: the last picture was only faster than the one before.
        if let Some(scan) = film.scan_at(story, seen_secs, settings.delay_secs)
            && scan + 1 != settings.scan
        {
            settings.scan = scan;
        }
        if let Some(secs) = film.secs_until_next(story, seen_secs, settings.delay_secs) {
            ui.ctx().request_repaint_after_secs(secs as f32);
        }
    }
}

/// Which scan is shown, and what is heard with it.
fn position(settings: &FilmSettings, film: &Film) -> String {
    let Some(story) = film.story(settings.scan) else {
        return format!("Scan {} of {}.", settings.scan + 1, film.n_scans());
    };
    let own = settings.scan - story.rows.start;
    let mut text = format!("{}, scan {} of {}", story.story, own + 1, story.rows.len());
    if let Some(secs) = film.heard_secs(settings.scan, settings.delay_secs) {
        let _ = write!(text, ", heard at {secs:.1} s");
        let said = story.said(secs);
        if !said.is_empty() {
            let _ = write!(text, ": \u{201c}{said}\u{201d}");
        }
    }
    text
}
