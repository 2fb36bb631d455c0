//! Align: a story's sound, words, scans and responses on the one clock, and what decides how they lie.

mod picture;

use std::fmt::Write as _;

use eframe::egui;
use heschl_core::fmri::downsample::Downsampling;
use heschl_core::run::design::Alignment;
use heschl_core::run::recipe::Trim;

use super::fit::{story_table, untrimmed};
use super::scan_times;
use super::sound_view::controls;
use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction, ViewAction};
use crate::gui::fitting::{FitStudy, StoryLengths, TrimRemedy, Trims};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    NumberField, PathField, button, card, empty_state, export_menu, heading, help_button,
    page_title, problem, warning, weak,
};

/// Room for the picture: it must be readable, and leave the form in sight.
const PICTURE_HEIGHT: std::ops::RangeInclusive<f32> = 220.0..=560.0;

/// Draws the page.
pub(super) fn ui(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    page_title(
        ui,
        "Align",
        "Sound, words, scans, and responses on a common time axis, in seconds from stimulus onset.",
    );
    let Some(study) = state.study() else {
        return super::no_study(ui, icons::RULER, actions);
    };
    let mut fit = study.fit.clone();
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(super::MOST_WIDTH));
            story(ui, state, info, actions);
            let height = ui.available_height() * 0.62;
            let height = height.clamp(*PICTURE_HEIGHT.start(), *PICTURE_HEIGHT.end());
            // In a room of its own: whatever comes and goes in it, the controls below keep their identity, and with it the focus and
            // a click that has begun.
            ui.vertical(|ui| match &info.fit.alignment {
                Loading::Nothing => nothing(ui, actions),
                Loading::Waiting => {
                    ui.spinner();
                }
                Loading::Failed(sentence) => problem(ui, sentence),
                Loading::Ready(alignment) => {
                    picture_and_lengths(ui, alignment, (state, info), (&mut fit, actions), height);
                }
            });
            ui.add_space(BETWEEN);
            settings(ui, state, info, (&mut fit, actions));
            ui.add_space(INSIDE);
        });
    if fit != study.fit {
        let mut edited = study.clone();
        edited.fit = fit;
        actions.push(Action::Study(StudyAction::Edit(Box::new(edited))));
    }
}

fn nothing(ui: &mut egui::Ui, actions: &mut Actions) {
    if empty_state(
        ui,
        icons::RULER,
        "There is no story yet. Choose recordings, or responses on Fit.",
        (icons::MUSIC, "Choose recordings"),
    ) {
        actions.push(Action::Pick(PathPurpose::Stimuli));
    }
}

/// Which story, and where in it.
fn story(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        let current = state.story.clone().unwrap_or_default();
        let of_sound = info.stories().iter().map(|story| story.story.as_str());
        let measured = info.fit.responses.ready().zip(state.study());
        let measured =
            measured.map_or_else(Vec::new, |(stories, study)| study.fit.stories(stories));
        let all: std::collections::BTreeSet<&str> = of_sound
            .chain(measured.iter().map(|story| story.story.as_str()))
            .collect();
        let combo = egui::ComboBox::from_id_salt("story on one clock")
            .selected_text(&current)
            .width(180.0);
        let response = combo.show_ui(ui, |ui| {
            for story in all {
                if ui.selectable_label(story == current, story).clicked() {
                    actions.push(Action::View(ViewAction::Story(story.to_owned())));
                }
            }
        });
        response.response.widget_info(|| {
            let mut info =
                egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Story");
            info.current_text_value = Some(current.clone());
            info
        });
        let span = info
            .fit
            .alignment
            .ready()
            .map_or([0.0, 0.0], |alignment| picture::span(alignment, info));
        controls(ui, span, state, info, actions);
        ui.add_enabled_ui(info.fit.alignment.ready().is_some(), |ui| {
            export_menu(ui, state.preferences.export, actions);
        });
        if help_button(ui, Topic::Align) {
            actions.push(Action::Manual(Topic::Align));
        }
    });
}

/// The picture, and what it says in words.
fn picture_and_lengths(
    ui: &mut egui::Ui,
    alignment: &Alignment,
    (state, info): (&State, &Info),
    (fit, actions): (&mut FitStudy, &mut Actions),
    height: f32,
) {
    picture::show(ui, alignment, (state, info), actions, height);
    if let Some(words) = at_cursor(alignment, state) {
        weak(ui, words);
    }
    if let Some(sentence) = &alignment.mismatch {
        problem(ui, sentence);
        trim_buttons(ui, &alignment.story, &alignment.remedies, info, fit);
    } else if let Some(lengths) = lengths_of(info, &alignment.story)
        && lengths.looks_untrimmed
    {
        warning(ui, &untrimmed(lengths));
        trim_buttons(ui, &alignment.story, &[], info, fit);
    }
    for sentence in &alignment.warnings {
        warning(ui, sentence);
    }
    if alignment.time_course.is_none() {
        let sentence = "No responses to this story. Choose responses on Fit to see a voxel's time course here.";
        ui.horizontal_wrapped(|ui| {
            weak(ui, sentence);
            if ui.link("Go to Fit").clicked() {
                actions.push(Action::Go(Page::Fit));
            }
        });
    }
}

fn lengths_of<'a>(info: &'a Info, story: &str) -> Option<&'a StoryLengths> {
    let all = info.fit.lengths.ready()?;
    all.iter().find(|lengths| lengths.story == story)
}

/// Buttons for the trims that make a story's features and responses of equal length, for it and all others of its part.
fn trim_buttons(ui: &mut egui::Ui, story: &str, fitting: &[Trim], info: &Info, fit: &mut FitStudy) {
    let known = lengths_of(info, story);
    let mut remedies = known.map_or_else(Vec::new, |lengths| lengths.remedies.clone());
    for trim in fitting.iter().map(|trim| TrimRemedy::Features(*trim)) {
        if !remedies.contains(&trim) {
            remedies.push(trim);
        }
    }
    ui.horizontal_wrapped(|ui| {
        for remedy in remedies {
            if button(ui, icons::CHECK, &remedy.label()).clicked() {
                let is_test = fit.test.iter().any(|test| test == story);
                fit.set_trims(remedy.applied(fit.trims(), is_test));
            }
        }
    });
}

/// What the scan at the cursor is made of.
fn at_cursor(alignment: &Alignment, state: &State) -> Option<String> {
    let scan = alignment.nearest_scan(state.cursor_secs)?;
    let centre = alignment.scans.as_ref()?.centre_secs.get(scan)?;
    let mut words = format!("Scan {}: centre at {centre:.2} s", scan + 1);
    let frames = alignment.frames_of(scan, Downsampling::default());
    if let (Some(first), Some(last)) = (frames.first(), frames.last()) {
        let _ = write!(
            words,
            ", made of {} frames from {:.2} to {:.2} s; the last one ends {:.2} s after the centre",
            frames.len(),
            first.0,
            last.0,
            last.0 - centre
        );
    }
    if !alignment.kept.contains(&scan) {
        words += "; trimmed";
    } else if let (Some(response), Some(time_course)) =
        (alignment.response_of(scan), &alignment.time_course)
    {
        let _ = write!(
            words,
            "; voxel {} measured {response:.3}",
            time_course.voxel
        );
    }
    Some(words + ".")
}

fn settings(
    ui: &mut egui::Ui,
    state: &State,
    info: &Info,
    (fit, actions): (&mut FitStudy, &mut Actions),
) {
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Scan times");
        scan_times::form(ui, info, &mut fit.scans, actions);
    });
    ui.add_space(BETWEEN);
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        let is_test = state
            .story
            .as_ref()
            .is_some_and(|story| fit.test.contains(story));
        heading(
            ui,
            if is_test {
                "Trims of test stories"
            } else {
                "Trims of training stories"
            },
        );
        trims(ui, fit, is_test, actions);
    });
    ui.add_space(BETWEEN);
    if let Some(measured) = info.fit.responses.ready() {
        card(ui, |ui| {
            ui.set_min_width(ui.available_width());
            heading(ui, "Stories");
            story_table(ui, (state, info), measured, (fit, actions));
        });
        ui.add_space(BETWEEN);
    }
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Words and voxel");
        ui.horizontal_wrapped(|ui| {
            weak(
                ui,
                "Folder with one TextGrid per story (<story>.TextGrid). By default, TextGrids next to the recordings are used.",
            );
            if fit.words.is_some() && ui.link("Use those next to the recordings").clicked() {
                fit.words = None;
            }
        });
        PathField {
            label: "Folder of TextGrids",
            purpose: PathPurpose::Words,
            recent: &[],
            own: &[],
            home: info.home.as_deref(),
            picking: info.picking,
        }
        .show(ui, fit.words.as_deref(), actions);
        voxel(ui, state, info, actions);
    });
}

fn voxel(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let time_course = info
        .fit
        .alignment
        .ready()
        .and_then(|alignment| alignment.time_course.as_ref());
    let Some(time_course) = time_course else {
        return;
    };
    let mut value = state.voxel as f64;
    let field = NumberField {
        label: "Voxel",
        unit: "",
        tooltip: "Voxel to plot: its column in the responses, from 0.",
        default: 0.0,
        topic: Topic::Align,
    };
    let last = time_course.n_voxels.saturating_sub(1);
    let check = |value: f64| {
        let is_there = value >= 0.0 && value.fract() == 0.0 && value <= last as f64;
        is_there
            .then_some(())
            .ok_or_else(|| format!("The voxels are numbered from 0 to {}.", thousands(last)))
    };
    field.show(ui, &mut value, actions, check);
    let voxel = value.round().max(0.0) as usize;
    if voxel != state.voxel {
        actions.push(Action::View(ViewAction::Voxel(voxel)));
    }
}

/// How many scans are left out at either end, of the features and of the responses.
fn trims(ui: &mut egui::Ui, fit: &mut FitStudy, is_test: bool, actions: &mut Actions) {
    let preset = Trims::of(&fit.preset.design()).of_story(is_test);
    let mut edited = fit.trims().of_story(is_test);
    let names = [
        ["Features, start", "Features, end"],
        ["Responses, start", "Responses, end"],
    ];
    for ((trim, preset), [start, end]) in edited.iter_mut().zip(preset).zip(names) {
        let mut sides: [usize; 2] = (*trim).into();
        let defaults: [usize; 2] = preset.into();
        for ((side, default), label) in sides.iter_mut().zip(defaults).zip([start, end]) {
            n_scans(ui, (label, default), side, actions);
        }
        *trim = Trim::from(sides);
    }
    if edited != fit.trims().of_story(is_test) {
        let mut trims = fit.trims();
        trims.set(is_test, edited);
        fit.set_trims(trims);
    }
    weak(
        ui,
        "The published responses are already trimmed: leave their trim at 0.",
    );
}

fn n_scans(
    ui: &mut egui::Ui,
    (label, default): (&str, usize),
    side: &mut usize,
    actions: &mut Actions,
) {
    let field = NumberField {
        label,
        unit: "scans",
        tooltip: "Scans to discard at this end of the story.",
        default: default as f64,
        topic: Topic::Align,
    };
    let check = |value: f64| {
        let is_sensible = (0.0..=10_000.0).contains(&value);
        is_sensible
            .then_some(())
            .ok_or_else(|| "Enter a number of scans between 0 and 10,000.".to_string())
    };
    let mut value = *side as f64;
    field.show(ui, &mut value, actions, check);
    *side = value.round().max(0.0) as usize;
}
