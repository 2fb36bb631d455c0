//! Scores: how well each voxel is predicted, in pictures that can be asked.

mod plots;
mod tiles;

use eframe::egui;
use heschl_core::encoding::Column;
use heschl_core::sanity::Verdict;

use crate::gui::actions::{Action, Asked, Purpose};
use crate::gui::facts::Facts;
use crate::gui::fitting::ScoresFacts;
use crate::gui::icons;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    NumberField, PathField, button, card, choices, empty_state, heading, help_button, name,
    page_title, problem, warning, weak,
};

/// What is shown of the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum View {
    #[default]
    Histogram,
    Alphas,
    Profile,
    Courses,
    Compare,
    Controls,
}

const VIEWS: [(View, &str); 6] = [
    (View::Histogram, "Scores"),
    (View::Alphas, "Choice of α"),
    (View::Profile, "Profile"),
    (View::Courses, "Voxels"),
    (View::Compare, "Compare"),
    (View::Controls, "Controls"),
];

/// The page "Scores".
#[derive(Default)]
pub(crate) struct ScoresPage {
    view: View,
}

impl ScoresPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        facts: &Facts,
        asked: &mut Asked,
    ) {
        page_title(
            ui,
            "Scores",
            "How well each voxel is predicted on stories that the model has not heard.",
        );
        PathField {
            label: "Folder of scores",
            purpose: Purpose::Scores,
            recent: &state.lasting.recent_scores,
            home: facts.home.as_deref(),
            picking: facts.picking,
        }
        .show(ui, state.scores.as_deref(), asked);
        ui.add_space(INSIDE);
        match &facts.fit.scores {
            Loading::Nothing => {
                if empty_state(
                    ui,
                    icons::CHART_SPLINE,
                    "Choose a folder of scores, or fit a model first: its scores come here by themselves.",
                    (icons::ARROW_RIGHT, "Go to Fit"),
                ) {
                    asked.push(Action::Go(Page::Fit));
                }
            }
            Loading::Waiting => {
                ui.spinner();
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(scores) => self.scores(ui, scores, facts, (state, asked)),
        }
    }

    fn scores(
        &mut self,
        ui: &mut egui::Ui,
        scores: &ScoresFacts,
        facts: &Facts,
        (state, asked): (&State, &mut Asked),
    ) {
        ui.horizontal_wrapped(|ui| {
            choices(ui, &mut self.view, &VIEWS);
            if button(ui, icons::FILE_TEXT, "Open the report").clicked() {
                asked.push(Action::ShowFolder(scores.folder.join("report.html")));
            }
            if button(ui, icons::FOLDER_OPEN, "Show the folder").clicked() {
                asked.push(Action::ShowFolder(scores.folder.clone()));
            }
            if help_button(ui, Topic::Scores) {
                asked.push(Action::Manual(Topic::Scores));
            }
        });
        if summary(ui, scores) {
            self.view = View::Controls;
        }
        ui.add_space(INSIDE);
        match self.view {
            View::Histogram => self.histogram(ui, scores, asked),
            View::Alphas => plots::alphas(ui, &scores.table),
            View::Profile => plots::profile(ui, &scores.profile),
            View::Courses => courses(ui, scores, facts, (state, asked)),
            View::Compare => compare(ui, scores, facts, (state, asked)),
            View::Controls => controls(ui, scores),
        }
    }

    /// Voxels by r; a click on a bar leads to a voxel of it.
    fn histogram(&mut self, ui: &mut egui::Ui, scores: &ScoresFacts, asked: &mut Asked) {
        if let Some(voxel) = plots::histogram(ui, scores) {
            self.view = View::Courses;
            asked.push(Action::Voxel(voxel));
        }
    }
}

/// Any voxel by its number, with its scores and its course in the test; a few are offered.
fn courses(
    ui: &mut egui::Ui,
    scores: &ScoresFacts,
    facts: &Facts,
    (state, asked): (&State, &mut Asked),
) {
    voxel_field(ui, scores, state, asked);
    examples(ui, scores, state, asked);
    weak(ui, voxel_words(scores, state.voxel));
    let kept = scores.series.as_ref().and_then(|series| {
        let at = series
            .voxels
            .iter()
            .position(|voxel| *voxel == state.voxel)?;
        Some((series, at))
    });
    match (&facts.fit.course, kept) {
        (Loading::Ready(series), _) => plots::course(ui, series, 0),
        (_, Some((series, at))) => plots::course(ui, series, at),
        (Loading::Failed(sentence), None) => {
            warning(ui, sentence);
            if button(ui, icons::ARROW_RIGHT, "Go to Fit").clicked() {
                asked.push(Action::Go(Page::Fit));
            }
        }
        _ => {
            ui.spinner();
        }
    }
}

fn voxel_field(ui: &mut egui::Ui, scores: &ScoresFacts, state: &State, asked: &mut Asked) {
    let table = &scores.table;
    let (first, n) = (table.first_voxel, table.voxels.len());
    let mut value = state.voxel as f64;
    let field = NumberField {
        label: "Voxel",
        unit: "",
        tooltip: "The voxel whose course is drawn: its column in the responses, from 0.",
        default: first as f64,
        topic: Topic::Scores,
    };
    let last = (first + n).saturating_sub(1);
    field.show(ui, &mut value, asked, |value| {
        let is_there = value >= first as f64 && value <= last as f64 && value.fract() == 0.0;
        is_there.then_some(()).ok_or_else(|| {
            format!(
                "The voxels are numbered from {} to {}.",
                thousands(first),
                thousands(last)
            )
        })
    });
    let voxel = value.round().max(0.0) as usize;
    if voxel != state.voxel {
        asked.push(Action::Voxel(voxel));
    }
}

/// The best, middle and worst voxels, one click each.
fn examples(ui: &mut egui::Ui, scores: &ScoresFacts, state: &State, asked: &mut Asked) {
    let Some(series) = &scores.series else {
        return;
    };
    weak(
        ui,
        "The best three voxels, the middle one, and the worst three:",
    );
    let labels: Vec<String> = series
        .voxels
        .iter()
        .map(|voxel| format!("voxel {}: r {:.3}", thousands(*voxel), r_of(scores, *voxel)))
        .collect();
    let options: Vec<(usize, &str)> = series
        .voxels
        .iter()
        .copied()
        .zip(labels.iter().map(String::as_str))
        .collect();
    let mut voxel = state.voxel;
    if choices(ui, &mut voxel, &options) {
        asked.push(Action::Voxel(voxel));
    }
}

fn scores_of(scores: &ScoresFacts, voxel: usize) -> Option<&heschl_core::encoding::VoxelScores> {
    let at = voxel.checked_sub(scores.table.first_voxel)?;
    scores.table.voxels.get(at)
}

fn r_of(scores: &ScoresFacts, voxel: usize) -> f64 {
    scores_of(scores, voxel).map_or(f64::NAN, |scores| scores.get(Column::R))
}

/// `Voxel 1,204: r 0.132 (q 0.004), α 63.1, ceiling 0.41`.
fn voxel_words(scores: &ScoresFacts, voxel: usize) -> String {
    let Some(of_voxel) = scores_of(scores, voxel) else {
        return format!("Voxel {} has no score here.", thousands(voxel));
    };
    let mut words = vec![format!("r {:.3}", of_voxel.get(Column::R))];
    for (column, what) in [
        (Column::Q, "q"),
        (Column::Alpha, "α"),
        (Column::NoiseCeiling, "noise ceiling"),
        (Column::NormalisedR, "r by the noise ceiling"),
    ] {
        let value = of_voxel.get(column);
        if value.is_finite() {
            words.push(format!("{what} {value:.3}"));
        }
    }
    format!("Voxel {}: {}", thousands(voxel), words.join(" · "))
}

/// The tiles, and whether the controls are to be looked at, which is offered where one failed.
fn summary(ui: &mut egui::Ui, scores: &ScoresFacts) -> bool {
    tiles::tiles(ui, scores);
    let failed = scores
        .facts
        .iter()
        .flat_map(|facts| &facts.checks)
        .filter(|check| check.verdict == Verdict::Failed);
    let n_failed = failed.count();
    if n_failed == 0 {
        return false;
    }
    let sentence = format!(
        "{n_failed} of the controls failed. Look at them under Controls before you trust these scores."
    );
    warning(ui, &sentence);
    button(ui, icons::LIST_CHECKS, "Look at the controls").clicked()
}

fn compare(
    ui: &mut egui::Ui,
    scores: &ScoresFacts,
    facts: &Facts,
    (state, asked): (&State, &mut Asked),
) {
    PathField {
        label: "Scores to compare with",
        purpose: Purpose::OtherScores,
        recent: &state.lasting.recent_scores,
        home: facts.home.as_deref(),
        picking: facts.picking,
    }
    .show(ui, state.other_scores.as_deref(), asked);
    neighbours(ui, scores, state, asked);
    match &facts.fit.others {
        Loading::Nothing => {
            weak(
                ui,
                "Choose the scores of another model or layer: each voxel becomes a point.",
            );
        }
        Loading::Waiting => {
            ui.spinner();
        }
        Loading::Failed(sentence) => problem(ui, sentence),
        Loading::Ready(others) if others.table.voxels.len() != scores.table.voxels.len() => {
            let (n, n_others) = (scores.table.voxels.len(), others.table.voxels.len());
            let sentence = format!(
                "These are {} voxels and those {}: scores of other voxels cannot be compared point by point.",
                thousands(n),
                thousands(n_others)
            );
            problem(ui, &sentence);
        }
        Loading::Ready(others) => plots::scatter(ui, scores, others),
    }
}

/// Most fits of the same folder that are offered one beside the other.
const MOST_NEIGHBOURS: usize = 40;

/// Offers the other fits of the same folder.
fn neighbours(ui: &mut egui::Ui, scores: &ScoresFacts, state: &State, asked: &mut Asked) {
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
                asked.push(Action::Use(Purpose::OtherScores, other));
            }
        }
    });
}

fn controls(ui: &mut egui::Ui, scores: &ScoresFacts) {
    let Some(facts) = &scores.facts else {
        weak(
            ui,
            "The recipe beside these scores cannot be read, so nothing is known of the controls.",
        );
        return;
    };
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            for sentence in &facts.warnings {
                warning(ui, sentence);
            }
            if facts.checks.is_empty() {
                weak(ui, "No controls were run.");
            }
            for check in &facts.checks {
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
