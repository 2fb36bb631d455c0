//! Scores: how well each voxel is predicted, in pictures that can be asked.

mod plots;
mod tiles;
mod time_course;
mod voxel;

use eframe::egui;
use heschl_core::figure::Figure;
use heschl_core::run::sanity::Verdict;

use super::scores_field;
use crate::gui::actions::{Action, Actions, PathPurpose, ViewAction};
use crate::gui::brain::DerivedKind;
use crate::gui::figure;
use crate::gui::fitting::ScoresInfo;
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    PathField, button, card, choices, empty_state, export_menu, heading, help_button, name,
    page_title, problem, warning, weak,
};

/// What is shown of the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ScoresView {
    #[default]
    Histogram,
    Alphas,
    Profile,
    TimeCourses,
    Compare,
    Controls,
}

const VIEWS: [(ScoresView, &str); 6] = [
    (ScoresView::Histogram, "Scores"),
    (ScoresView::Alphas, "Choice of α"),
    (ScoresView::Profile, "Profile"),
    (ScoresView::TimeCourses, "Voxels"),
    (ScoresView::Compare, "Compare"),
    (ScoresView::Controls, "Sanity checks"),
];

/// The page "Scores".
#[derive(Default)]
pub(crate) struct ScoresPage {
    view: ScoresView,
    /// The test story whose time is shown, by its place among them.
    story: usize,
}

impl ScoresPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(
            ui,
            "Scores",
            "Prediction performance of each voxel on held-out stories.",
        );
        scores_field(ui, state, info, actions);
        match &info.fit.scores {
            Loading::Nothing => {
                if empty_state(
                    ui,
                    icons::CHART_SPLINE,
                    "Choose a folder of scores, or fit a model first: its scores appear here.",
                    (icons::ARROW_RIGHT, "Go to Fit"),
                ) {
                    actions.push(Action::Go(Page::Fit));
                }
            }
            Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(scores) => self.scores(ui, scores, info, (state, actions)),
        }
    }

    /// What is shown as a figure that can be saved; `None` if nothing is.
    pub(crate) fn figure(&self, state: &State, info: &Info) -> Option<Figure> {
        let scores = info.fit.scores.ready()?;
        Some(match self.view {
            ScoresView::Histogram => figure::scores::histogram(scores).0,
            ScoresView::Alphas => figure::scores::alphas(scores).0,
            ScoresView::Profile => figure::scores::profile(scores),
            ScoresView::TimeCourses => voxel::figure(scores, state, info, self.story)?,
            ScoresView::Compare => {
                figure::scores::scatter_with_numbers(scores, info.fit.others.ready()?)
            }
            ScoresView::Controls => return None,
        })
    }

    /// Whether the difference from other scores is shown.
    pub(crate) fn wants_difference(&self) -> bool {
        self.view == ScoresView::Compare
    }

    fn scores(
        &mut self,
        ui: &mut egui::Ui,
        scores: &ScoresInfo,
        info: &Info,
        (state, actions): (&State, &mut Actions),
    ) {
        ui.horizontal_wrapped(|ui| {
            choices(ui, &mut self.view, &VIEWS);
            if button(ui, icons::FILE_TEXT, "Open the report").clicked() {
                actions.push(Action::ShowFolder(scores.folder.join("report.html")));
            }
            if button(ui, icons::FOLDER_OPEN, "Show the folder").clicked() {
                actions.push(Action::ShowFolder(scores.folder.clone()));
            }
            if self.view != ScoresView::Controls {
                export_menu(ui, state.preferences.export, actions);
            }
            if help_button(ui, Topic::Scores) {
                actions.push(Action::Manual(Topic::Scores));
            }
        });
        if summary(ui, scores) {
            self.view = ScoresView::Controls;
        }
        ui.add_space(INSIDE);
        match self.view {
            ScoresView::Histogram => self.histogram(ui, scores, actions),
            ScoresView::Alphas => plots::alphas(ui, scores),
            ScoresView::Profile => plots::profile(ui, scores),
            ScoresView::TimeCourses => {
                voxel::ui(ui, scores, (state, info), (&mut self.story, actions));
            }
            ScoresView::Compare => {
                if let Some(voxel) = compare(ui, scores, info, (state, actions)) {
                    self.view = ScoresView::TimeCourses;
                    actions.push(Action::View(ViewAction::Voxel(voxel)));
                }
            }
            ScoresView::Controls => controls(ui, scores),
        }
    }

    /// Voxels by r; a click on a bar leads to a voxel of it.
    fn histogram(&mut self, ui: &mut egui::Ui, scores: &ScoresInfo, actions: &mut Actions) {
        if let Some(voxel) = plots::histogram(ui, scores) {
            self.view = ScoresView::TimeCourses;
            actions.push(Action::View(ViewAction::Voxel(voxel)));
        }
    }
}

/// The tiles, and whether the controls are to be looked at, which is offered where one failed.
fn summary(ui: &mut egui::Ui, scores: &ScoresInfo) -> bool {
    tiles::tiles(ui, scores);
    let failed = scores
        .info
        .iter()
        .flat_map(|info| &info.checks)
        .filter(|check| check.verdict == Verdict::Failed);
    let n_failed = failed.count();
    if n_failed == 0 {
        return false;
    }
    let sentence = format!(
        "{n_failed} sanity checks failed. See Sanity checks before you trust these scores."
    );
    warning(ui, &sentence);
    button(ui, icons::LIST_CHECKS, "Show the sanity checks").clicked()
}

/// The scores beside others; returns the voxel whose point was clicked.
fn compare(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    info: &Info,
    (state, actions): (&State, &mut Actions),
) -> Option<usize> {
    PathField {
        label: "Scores to compare with",
        purpose: PathPurpose::OtherScores,
        recent: &state.preferences.recent_scores,
        own: info.own_scores(),
        home: info.home.as_deref(),
        picking: info.picking,
    }
    .show(ui, state.other_scores.as_deref(), actions);
    neighbours(ui, scores, state, actions);
    match &info.fit.others {
        Loading::Nothing => {
            weak(
                ui,
                "Choose the scores of another model or layer to compare voxel by voxel.",
            );
        }
        Loading::Waiting => {
            ui.spinner();
        }
        Loading::Failed(sentence) => problem(ui, sentence),
        Loading::Ready(others) if others.table.voxels.len() != scores.table.voxels.len() => {
            let (n, n_others) = (scores.table.voxels.len(), others.table.voxels.len());
            let sentence = format!(
                "These scores have {} voxels and the others {}, so they cannot be compared voxel by voxel.",
                thousands(n),
                thousands(n_others)
            );
            problem(ui, &sentence);
        }
        Loading::Ready(others) => {
            difference(ui, info, (state, actions));
            return plots::scatter(ui, scores, others);
        }
    }
    None
}

/// In how many voxels one of two models is better, by a paired permutation test.
fn difference(ui: &mut egui::Ui, info: &Info, (state, actions): (&State, &mut Actions)) {
    match &info.brain.derived {
        Loading::Nothing => {}
        Loading::Waiting => {
            ui.horizontal(|ui| {
                ui.spinner();
                weak(ui, "Testing the difference…");
            });
        }
        Loading::Failed(sentence) => {
            weak(ui, format!("The difference is not tested. {sentence}"));
        }
        Loading::Ready(maps) => {
            let notes = maps.as_ref().map(|maps| &maps.0.record.notes[..]);
            let Some((result, method)) = notes.and_then(<[String]>::split_last) else {
                return;
            };
            // The plot needs the room: how it was tested is said under the pointer.
            ui.horizontal_wrapped(|ui| {
                ui.label(result).on_hover_text(method.join("\n"));
                if button(ui, icons::BRAIN, "Show on the cortex").clicked() {
                    let mut settings = state.brain.clone();
                    settings.take_map(Some(DerivedKind::Difference), None, true);
                    actions.push(Action::View(ViewAction::Brain(Box::new(settings))));
                    actions.push(Action::Go(Page::Brain));
                }
            });
        }
    }
}

/// Most fits of the same folder that are offered one beside the other.
const MOST_NEIGHBOURS: usize = 40;

/// Offers the other fits of the same folder.
fn neighbours(ui: &mut egui::Ui, scores: &ScoresInfo, state: &State, actions: &mut Actions) {
    let Some(folder) = scores.folder.parent() else {
        return;
    };
    let others = scores.profile.iter().map(|entry| folder.join(&entry.name));
    let others = others.filter(|other| *other != scores.folder);
    ui.horizontal_wrapped(|ui| {
        for other in others.take(MOST_NEIGHBOURS) {
            let label = other.file_name().unwrap_or_default().to_string_lossy();
            let is_here = state.other_scores.as_ref() == Some(&other);
            let spoken = format!("Compare with {label}");
            let response = ui.add(egui::Button::selectable(is_here, label));
            name(&response, egui::accesskit::Role::RadioButton, &spoken);
            if response.clicked() {
                actions.push(Action::Use(PathPurpose::OtherScores, other));
            }
        }
    });
}

fn controls(ui: &mut egui::Ui, scores: &ScoresInfo) {
    let Some(info) = &scores.info else {
        weak(
            ui,
            "The recipe next to these scores cannot be read, so its sanity checks are unknown.",
        );
        return;
    };
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            for sentence in &info.warnings {
                warning(ui, sentence);
            }
            if info.checks.is_empty() {
                weak(ui, "No sanity checks were run.");
            }
            for check in &info.checks {
                card(ui, |ui| {
                    ui.set_min_width(ui.available_width());
                    let word = match check.verdict {
                        Verdict::Passed => "passed",
                        Verdict::Failed => "failed",
                        Verdict::Skipped => "not judged",
                    };
                    heading(ui, &format!("{}: {word}", check.name));
                    if check.verdict == Verdict::Failed {
                        problem(ui, &check.finding);
                    } else {
                        weak(ui, check.finding.as_str());
                    }
                });
                ui.add_space(BETWEEN / 2.0);
            }
        });
}
