//! The pages: each draws state and info, and returns actions.

mod align;
mod blocker;
mod brain;
mod colour_bar;
mod extract;
mod features;
mod fit;
mod help;
mod home;
mod jobs;
mod models;
mod remedies;
mod scan_times;
mod scores;
mod settings;
mod sound_view;
mod stimuli;
mod time_axis;

use eframe::egui;

pub(crate) use extract::why_not_run;
pub(crate) use fit::why_not_fit;
pub(crate) use jobs::speed_words;

use super::actions::{Action, Actions, PathPurpose, StudyAction};
use super::icons;
use super::info::{Info, SaveStatus};
use super::shortcuts::page_start;
use super::state::{Page, State};
use super::theme::{BETWEEN, INSIDE};
use super::widgets::{PathField, empty_state};

/// What is wider is hard to take in.
const MOST_WIDTH: f32 = 1400.0;

/// All pages, with what is half-typed in them.
#[derive(Default)]
pub(crate) struct Pages {
    home: home::HomePage,
    stimuli: stimuli::StimuliPage,
    models: models::ModelsPage,
    extract: extract::ExtractPage,
    features: features::FeaturesPage,
    pub(super) scores: scores::ScoresPage,
    brain: brain::BrainPage,
    jobs: jobs::JobsPage,
    pub(super) help: help::HelpPage,
}

impl Pages {
    /// Draws the page that is shown.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        let frame = egui::Frame::new()
            .inner_margin(BETWEEN + 8.0)
            .fill(ui.visuals().panel_fill);
        egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
            walk_begins(ui, state.page());
            elsewhere(ui, info, actions);
            match state.page() {
                Page::Home => scrolled(ui, |ui| self.home.ui(ui, state, info, actions)),
                Page::Stimuli => self.stimuli.ui(ui, state, info, actions),
                Page::Models => scrolled(ui, |ui| self.models.ui(ui, state, info, actions)),
                Page::Extract => self.extract.ui(ui, state, info, actions),
                Page::Features => self.features.ui(ui, state, info, actions),
                Page::Align => align::ui(ui, state, info, actions),
                Page::Fit => fit::ui(ui, state, info, actions),
                Page::Scores => self.scores.ui(ui, state, info, actions),
                Page::Brain => self.brain.ui(ui, state, info, actions),
                Page::Jobs => scrolled(ui, |ui| self.jobs.ui(ui, state, info, actions)),
                Page::Settings => scrolled(ui, |ui| settings::ui(ui, state, info, actions)),
                Page::Help => self.help.ui(ui, actions),
            }
        });
    }
}

/// Puts the keyboard before the first control of a page that was not shown before: the walk through the controls with Tab begins
/// there, and not at the edge of the window.
fn walk_begins(ui: &mut egui::Ui, page: Page) {
    let id = page_start();
    let at = egui::Rect::from_min_size(ui.cursor().min, egui::Vec2::ZERO);
    let response = ui.interact(at, id, egui::Sense::focusable_noninteractive());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, page.title())
    });
    let shown = ui.data_mut(|data| {
        let before = data.get_temp::<Page>(id);
        data.insert_temp(id, page);
        before
    });
    if shown != Some(page) {
        response.request_focus();
    }
    if response.has_focus() {
        // Arrows move the cursor in time, not the keyboard to a neighbour.
        let filter = egui::EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            ..egui::EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    }
}

/// Says in front of every page that another window has the study.
fn elsewhere(ui: &mut egui::Ui, info: &Info, actions: &mut Actions) {
    let SaveStatus::Elsewhere(sentence) = &info.save_status else {
        return;
    };
    let again = blocker::Remedy::new(
        icons::REFRESH_CW,
        "Try again",
        Action::Study(StudyAction::TakeLock),
    );
    blocker::Blocker::new(sentence.as_str(), vec![again]).ui(ui, actions);
    ui.add_space(INSIDE);
}

/// The field of the folder of scores that is looked at.
fn scores_field(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    PathField {
        label: "Folder of scores",
        purpose: PathPurpose::Scores,
        recent: &state.preferences.recent_scores,
        own: info.own_scores(),
        home: info.home.as_deref(),
        picking: info.picking,
    }
    .show(ui, state.scores.as_deref(), actions);
    ui.add_space(INSIDE);
}

/// A page that scrolls as a whole.
fn scrolled(ui: &mut egui::Ui, content: impl FnOnce(&mut egui::Ui)) {
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(MOST_WIDTH));
            content(ui);
        });
}

/// Says what to do where no study is open.
fn no_study(ui: &mut egui::Ui, icon: char, actions: &mut Actions) {
    let sentence = "There is no study open. Open or make one at Home, or try the sample.";
    if empty_state(ui, icon, sentence, (icons::HOUSE, "Go to Home")) {
        actions.push(Action::Go(Page::Home));
    }
}

/// Pixels that a length in points has on this screen, as far as a texture may have them.
fn pixels(ui: &egui::Ui, points: f32) -> usize {
    let n_most = ui.input(|input| input.max_texture_side);
    let n = (points * ui.ctx().pixels_per_point()).round().max(1.0) as usize;
    n.min(n_most.max(1))
}
