//! Any voxel of a fit: its scores, its time course in the test stories, its profile over layers.

use eframe::egui;
use heschl_core::figure::Figure;
use heschl_core::run::encoding::{Column, ExampleSeries};
use heschl_core::stats::passages::best_and_worst_passage;

use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::USUAL_DELAY_SECS;
use crate::gui::figure::scores as figures;
use crate::gui::fitting::ScoresInfo;
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::manual::Topic;
use crate::gui::pages::sound_view::controls;
use crate::gui::pages::time_axis::tick_words;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{NumberField, button, choices, warning, weak};
use crate::story_film::TestStory;

/// Points that legend, controls and headings take.
const ROOM: f32 = 110.0;

/// Any voxel by its number, with its scores, its time course in the test stories, and its profile over layers; a few are suggested.
pub(super) fn ui(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    (state, info): (&State, &Info),
    (story, actions): (&mut usize, &mut Actions),
) {
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            voxel_field(ui, scores, state, actions);
            examples(ui, scores, state, actions);
            weak(ui, voxel_words(scores, state.voxel));
            let has_layers = scores.profile.len() > 1;
            let share = if has_layers { 0.56 } else { 1.0 };
            let height = ((ui.available_height() - ROOM) * share).clamp(200.0, 560.0);
            time_course(ui, scores, (state, info), (story, actions), height);
            if has_layers {
                ui.add_space(INSIDE);
                let height = (height * 0.7).max(150.0);
                super::time_course::over_layers(ui, &scores.profile, state.voxel, height);
            }
        });
}

/// Where the voxel's responses are among those that are known: those of its file, or one of the examples.
fn series_of<'a>(
    scores: &'a ScoresInfo,
    state: &State,
    info: &'a Info,
) -> Option<(&'a ExampleSeries, usize)> {
    let of_file = info.fit.time_course.ready();
    let of_file = of_file.and_then(|found| Some((found.series.as_ref().ok()?, 0)));
    let example = || {
        let series = scores.series.as_ref()?;
        let at = series
            .voxels
            .iter()
            .position(|voxel| *voxel == state.voxel)?;
        Some((series, at))
    };
    of_file.or_else(example)
}

/// The test stories on the time axis; none where their scan times are not known.
fn stories_of<'a>(info: &'a Info, series: &ExampleSeries) -> &'a [TestStory] {
    let found = info.fit.time_course.ready();
    let stories = found.map_or(&[][..], |found| &found.stories);
    let n_rows = stories.last().map_or(0, |story| story.rows.end);
    if n_rows == series.measured.nrows() {
        stories
    } else {
        &[]
    }
}

/// The voxel's time course as a figure.
pub(super) fn figure(
    scores: &ScoresInfo,
    state: &State,
    info: &Info,
    story: usize,
) -> Option<Figure> {
    let (series, at) = series_of(scores, state, info)?;
    let story = stories_of(info, series).get(story);
    Some(figures::time_course(scores, (series, at), story))
}

/// The course over the seconds of a test story, or scan by scan where they are not known.
fn time_course(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    (state, info): (&State, &Info),
    (story, actions): (&mut usize, &mut Actions),
    height: f32,
) {
    let Some((series, at)) = series_of(scores, state, info) else {
        let found = info.fit.time_course.ready();
        match found.and_then(|found| found.series.as_ref().err()) {
            Some(sentence) => {
                warning(ui, sentence);
                if button(ui, icons::ARROW_RIGHT, "Go to Fit").clicked() {
                    actions.push(Action::Go(Page::Fit));
                }
            }
            None => {
                ui.spinner();
            }
        }
        return;
    };
    let stories = stories_of(info, series);
    if stories.is_empty() {
        return super::time_course::by_scan(ui, scores, (series, at), height);
    }
    let story = chosen(ui, stories, (state, info), (story, actions));
    passages(ui, (series, at), story, (state, info), actions);
    super::time_course::in_time(ui, (series, at), story, (state, actions), height);
}

/// The test story whose time is shown: chosen where there are several, with its sound where it is that of the study.
fn chosen<'a>(
    ui: &mut egui::Ui,
    stories: &'a [TestStory],
    (state, info): (&State, &Info),
    (story, actions): (&mut usize, &mut Actions),
) -> &'a TestStory {
    *story = (*story).min(stories.len() - 1);
    ui.horizontal_wrapped(|ui| {
        let names = stories.iter().map(|story| story.story.as_str());
        let options: Vec<(usize, &str)> = names.enumerate().collect();
        if stories.len() > 1 && choices(ui, story, &options) {
            actions.push(Action::View(ViewAction::Story(
                stories[*story].story.clone(),
            )));
        }
        let shown = &stories[*story];
        if state.story.as_ref() == Some(&shown.story) {
            controls(ui, super::time_course::span(shown), state, info, actions);
        } else {
            weak(ui, format!("Test story: {}", shown.story));
            let has_sound = info
                .stories()
                .iter()
                .any(|known| known.story == shown.story);
            if has_sound && ui.link("Listen to it").clicked() {
                actions.push(Action::View(ViewAction::Story(shown.story.clone())));
            }
        }
    });
    &stories[*story]
}

/// Length of a passage, seconds.
const PASSAGE_SECS: f64 = 20.0;

/// Leads to the passages that are predicted best and worst, and plays them.
fn passages(
    ui: &mut egui::Ui,
    (series, at): (&ExampleSeries, usize),
    story: &TestStory,
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    let secs = &story.centre_secs;
    let [Some(first), Some(second)] = [secs.first(), secs.get(1)] else {
        return;
    };
    let n_scans = (PASSAGE_SECS / (second - first)).round().max(1.0) as usize;
    let of_story = |values: Vec<f64>| values.get(story.rows.clone()).map(<[f64]>::to_vec);
    let column = |values: &ndarray::Array2<f64>| of_story(values.column(at).to_vec());
    let both = [column(&series.measured), column(&series.predicted)];
    let [Some(measured), Some(predicted)] = both else {
        return;
    };
    let Some(found) = best_and_worst_passage(&measured, &predicted, n_scans) else {
        return;
    };
    let can_play = state.story.as_ref() == Some(&story.story) && info.sound.ready().is_some();
    ui.horizontal(|ui| {
        let names = ["Best passage", "Worst passage"];
        for (passage, words) in found.iter().zip(names) {
            let Some(centre) = secs.get(passage.scans.start) else {
                continue;
            };
            let heard = (centre - USUAL_DELAY_SECS).max(0.0);
            let hint = format!(
                "{} s from {}, heard {USUAL_DELAY_SECS} s before: they contribute {:.3} to r",
                PASSAGE_SECS,
                tick_words(*centre, 0.1),
                passage.part_of_r
            );
            if button(ui, icons::PLAY, words).on_hover_text(hint).clicked() {
                actions.push(Action::View(ViewAction::Cursor(heard)));
                if can_play && !info.is_playing {
                    actions.push(Action::View(ViewAction::TogglePlay));
                }
            }
        }
    });
}

fn voxel_field(ui: &mut egui::Ui, scores: &ScoresInfo, state: &State, actions: &mut Actions) {
    let table = &scores.table;
    let (first, n) = (table.first_voxel, table.voxels.len());
    let mut value = state.voxel as f64;
    let field = NumberField {
        label: "Voxel",
        unit: "",
        tooltip: "Voxel to plot: its column in the responses, from 0.",
        default: first as f64,
        topic: Topic::Scores,
    };
    let last = (first + n).saturating_sub(1);
    field.show(ui, &mut value, actions, |value| {
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
        actions.push(Action::View(ViewAction::Voxel(voxel)));
    }
}

/// The best, middle and worst voxels, one click each.
fn examples(ui: &mut egui::Ui, scores: &ScoresInfo, state: &State, actions: &mut Actions) {
    let Some(series) = &scores.series else {
        return;
    };
    weak(ui, "Best three, median, and worst three voxels:");
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
        actions.push(Action::View(ViewAction::Voxel(voxel)));
    }
}

fn scores_of(
    scores: &ScoresInfo,
    voxel: usize,
) -> Option<&heschl_core::run::encoding::VoxelScores> {
    let at = voxel.checked_sub(scores.table.first_voxel)?;
    scores.table.voxels.get(at)
}

fn r_of(scores: &ScoresInfo, voxel: usize) -> f64 {
    scores_of(scores, voxel).map_or(f64::NAN, |scores| scores.get(Column::R))
}

/// `Voxel 1,204: r 0.132 (q 0.004), α 63.1, ceiling 0.41`.
fn voxel_words(scores: &ScoresInfo, voxel: usize) -> String {
    let Some(of_voxel) = scores_of(scores, voxel) else {
        return format!("Voxel {} has no score here.", thousands(voxel));
    };
    let mut words = vec![format!("r {:.3}", of_voxel.get(Column::R))];
    for (column, what) in [
        (Column::Q, "q"),
        (Column::Alpha, "α"),
        (Column::NoiseCeiling, "noise ceiling"),
        (Column::NormalisedR, "ceiling-normalised r"),
    ] {
        let value = of_voxel.get(column);
        if value.is_finite() {
            words.push(format!("{what} {value:.3}"));
        }
    }
    format!("Voxel {}: {}", thousands(voxel), words.join(" · "))
}
