//! Stimuli: the folder of recordings, its stories, and the selected one.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, WidgetInfo};
use egui_extras::{Column, TableBuilder};

use super::sound_view::SoundView;
use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction, ViewAction};
use crate::gui::icons;
use crate::gui::info::{Info, StoryInfo};
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{State, Study};
use crate::gui::text::{channels, clock, count, kilohertz, thousands};
use crate::gui::theme::{INSIDE, Palette};
use crate::gui::widgets::{
    PathField, TextField, button, empty_state, help_button, icon_button, name, page_title, problem,
    tick, weak,
};
use heschl_core::speech::audio::{RecordingInfo, Resampling};

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum SortKey {
    #[default]
    Story,
    Length,
    Rate,
    Problem,
}

/// The page "Stimuli".
#[derive(Default)]
pub(crate) struct StimuliPage {
    search: String,
    order: SortKey,
    is_reversed: bool,
    sound: SoundView,
}

impl StimuliPage {
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
            "Stimuli",
            "Recordings that participants listened to: one file per story.",
        );
        let Some(study) = state.study() else {
            if empty_state(
                ui,
                icons::MUSIC,
                "Open a study first, or drop a folder of recordings on this window to create one.",
                (icons::PLUS, "Choose recordings"),
            ) {
                actions.push(Action::Pick(PathPurpose::Stimuli));
            }
            path_field(ui, state, info, actions);
            return;
        };
        path_field(ui, state, info, actions);
        let mut edited = study.clone();
        match &info.stories {
            Loading::Nothing => {
                if empty_state(
                    ui,
                    icons::FOLDER_OPEN,
                    "Choose a folder of recordings (wav, aiff, flac, mp3, ogg, m4a).",
                    (icons::FOLDER_OPEN, "Choose recordings"),
                ) {
                    actions.push(Action::Pick(PathPurpose::Stimuli));
                }
            }
            Loading::Waiting => {
                ui.horizontal(|ui| {
                    ui.spinner();
                    weak(ui, "Looking for recordings …");
                });
            }
            Loading::Failed(sentence) => failed(ui, (sentence, info), &mut edited, actions),
            Loading::Ready(stories) => {
                self.story_list(ui, (state, info), stories, &mut edited, actions);
            }
        }
        if edited != *study {
            actions.push(Action::Study(StudyAction::Edit(Box::new(edited))));
        }
    }

    fn story_list(
        &mut self,
        ui: &mut egui::Ui,
        (state, info): (&State, &Info),
        stories: &[StoryInfo],
        study: &mut Study,
        actions: &mut Actions,
    ) {
        self.tools(ui, stories, study, actions);
        let shown = self.shown(stories, study);
        // The table takes what the sound leaves.
        let sound_height = (ui.available_height() * 0.42).clamp(150.0, 340.0);
        let table_height = (ui.available_height() - sound_height - INSIDE).max(96.0);
        ui.allocate_ui(egui::vec2(ui.available_width(), table_height), |ui| {
            ui.set_min_height(table_height);
            self.table(ui, &shown, state.story.as_deref(), study, actions);
        });
        ui.add_space(INSIDE);
        self.sound.ui(ui, state, info, actions);
    }

    fn tools(
        &mut self,
        ui: &mut egui::Ui,
        stories: &[StoryInfo],
        study: &mut Study,
        actions: &mut Actions,
    ) {
        ui.horizontal_wrapped(|ui| {
            let field = TextField {
                label: "Search stories",
                hint: "Search",
                width: 180.0,
            };
            field.show(ui, &mut self.search);
            // Those that the search hides keep their ticks.
            let shown: Vec<String> = self
                .searched(stories)
                .map(|story| story.story.clone())
                .collect();
            if button(ui, icons::CHECK, "All").clicked() {
                for story in &shown {
                    study.want(story, true);
                }
            }
            if button(ui, icons::X, "None").clicked() {
                for story in &shown {
                    study.want(story, false);
                }
            }
            let is_resampled = study.resampling == Resampling::ToEncoderRate;
            let mut resample = is_resampled;
            tick(ui, &mut resample, "Resample").on_hover_text(
                "Resample recordings that are not 16 kHz mono, as the encoders require.",
            );
            if resample != is_resampled {
                study.resampling = if resample {
                    Resampling::ToEncoderRate
                } else {
                    Resampling::Refuse
                };
            }
            tick(ui, &mut study.recursive, "Include subfolders");
            if icon_button(ui, icons::REFRESH_CW, "Look again").clicked() {
                actions.push(Action::RefreshStories);
            }
            if help_button(ui, Topic::Stimuli) {
                actions.push(Action::Manual(Topic::Stimuli));
            }
            weak(ui, progress_reader(stories, study));
        });
    }

    fn searched<'a>(&self, stories: &'a [StoryInfo]) -> impl Iterator<Item = &'a StoryInfo> {
        let words = self.search.to_lowercase();
        let fits = move |story: &&StoryInfo| {
            let name = story.story.to_lowercase();
            words.split_whitespace().all(|word| name.contains(word))
        };
        stories.iter().filter(fits)
    }

    /// The stories that the search leaves, in the order that was asked for.
    fn shown<'a>(&self, stories: &'a [StoryInfo], study: &Study) -> Vec<&'a StoryInfo> {
        let mut shown: Vec<&StoryInfo> = self.searched(stories).collect();
        match self.order {
            SortKey::Story => {}
            SortKey::Length => shown.sort_by(|a, b| {
                length_secs(a)
                    .unwrap_or(-1.0)
                    .total_cmp(&length_secs(b).unwrap_or(-1.0))
            }),
            SortKey::Rate => {
                shown.sort_by_key(|story| header(story).map(|info| (info.rate_hz, info.channels)));
            }
            SortKey::Problem => shown.sort_by_key(|story| {
                std::cmp::Reverse(remark(story, study.resampling).map(|(severity, _)| severity))
            }),
        }
        if self.is_reversed {
            shown.reverse();
        }
        shown
    }

    fn table(
        &mut self,
        ui: &mut egui::Ui,
        shown: &[&StoryInfo],
        selected: Option<&str>,
        study: &mut Study,
        actions: &mut Actions,
    ) {
        let table = TableBuilder::new(ui)
            .striped(false)
            .min_scrolled_height(0.0)
            .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
            .sense(egui::Sense::click())
            .column(Column::exact(28.0))
            .column(Column::initial(230.0).at_least(120.0).clip(true))
            .column(Column::initial(72.0).at_least(60.0))
            .column(Column::initial(150.0).at_least(110.0))
            .column(Column::remainder().at_least(120.0).clip(true))
            .auto_shrink([false, false]);
        let table = table.header(28.0, |mut row| {
            row.col(|_| {});
            for (order, label) in [
                (SortKey::Story, "Story"),
                (SortKey::Length, "Length"),
                (SortKey::Rate, "Sound"),
                (SortKey::Problem, "Remarks"),
            ] {
                row.col(|ui| self.column_head(ui, order, label));
            }
        });
        let row_height = 30.0;
        table.body(|body| {
            body.rows(row_height, shown.len(), |mut row| {
                let story = shown[row.index()];
                row.set_selected(selected == Some(story.story.as_str()));
                cells(&mut row, story, study);
                let response = row.response();
                let label = format!("Story {}", story.story);
                name(&response, Role::Row, &label);
                if response.clicked() {
                    actions.push(Action::View(ViewAction::Story(story.story.clone())));
                }
            });
        });
    }

    fn column_head(&mut self, ui: &mut egui::Ui, order: SortKey, label: &str) {
        let arrow = match (self.order == order, self.is_reversed) {
            (false, _) => String::new(),
            (true, false) => format!(" {}", icons::CHEVRON_UP),
            (true, true) => format!(" {}", icons::CHEVRON_DOWN),
        };
        let text = RichText::new(format!("{label}{arrow}")).color(Palette::of(ui).weak);
        let response = ui.add(egui::Button::new(text).frame(false));
        name(
            &response,
            Role::ColumnHeader,
            &format!("Sort by {}", label.to_lowercase()),
        );
        if response.clicked() {
            self.is_reversed = self.order == order && !self.is_reversed;
            self.order = order;
        }
    }
}

/// `4 of 5 stories: 1 not readable · 2:10`.
pub(super) fn progress_reader(stories: &[StoryInfo], study: &Study) -> String {
    let wanted = stories.iter().filter(|story| story.is_wanted(study));
    let secs: f64 = wanted.clone().filter_map(length_secs).sum();
    let n_unreadable = stories.iter().filter(|story| !story.is_readable()).count();
    let unreadable = match n_unreadable {
        0 => String::new(),
        n => format!(": {} not readable", thousands(n)),
    };
    format!(
        "{} of {}{unreadable} · {}",
        thousands(wanted.count()),
        count(stories.len(), "story", "stories"),
        clock(secs)
    )
}

fn cells(row: &mut egui_extras::TableRow, story: &StoryInfo, study: &mut Study) {
    row.col(|ui| {
        let mut is_wanted = story.is_wanted(study);
        let can_be_read = story.is_readable();
        let response = ui
            .add_enabled_ui(can_be_read, |ui| tick(ui, &mut is_wanted, ""))
            .inner;
        let label = format!("Use {}", story.story);
        response
            .widget_info(|| WidgetInfo::selected(Role::CheckBox, can_be_read, is_wanted, &label));
        if response.changed() {
            study.want(&story.story, is_wanted);
        }
    });
    row.col(|ui| {
        ui.add(egui::Label::new(&story.story).truncate().selectable(false));
    });
    row.col(|ui| {
        let words = length_secs(story).map(clock).unwrap_or_default();
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add(egui::Label::new(words).selectable(false))
        });
    });
    row.col(|ui| {
        if let Some(info) = header(story) {
            let words = format!("{} {}", kilohertz(info.rate_hz), channels(info.channels));
            ui.add(egui::Label::new(words).selectable(false))
                .on_hover_text(&info.codec);
        }
    });
    row.col(|ui| match remark(story, study.resampling) {
        None if story.header.is_none() => {
            ui.spinner();
        }
        None => {}
        Some((severity, words)) => {
            let palette = Palette::of(ui);
            let color = [palette.weak, palette.amber, palette.red][severity as usize];
            let first = words.lines().next().unwrap_or_default();
            let label = egui::Label::new(RichText::new(first).color(color))
                .truncate()
                .selectable(false);
            ui.add(label).on_hover_text(&words);
        }
    });
}

fn header(story: &StoryInfo) -> Option<&RecordingInfo> {
    story.header.as_ref()?.as_ref().ok()
}

fn length_secs(story: &StoryInfo) -> Option<f64> {
    header(story)?.duration_secs
}

/// How grave a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Note,
    Warning,
    Failure,
}

/// What is to be said of a recording, and how grave it is.
fn remark(story: &StoryInfo, resampling: Resampling) -> Option<(Severity, String)> {
    match story.header.as_ref()? {
        Err(sentence) => Some((Severity::Failure, sentence.clone())),
        Ok(info) if !info.notes.is_empty() => {
            Some((Severity::Warning, format!("{}.", info.notes.join(". "))))
        }
        Ok(info) if info.is_encoder_ready() => None,
        Ok(info) => {
            let sound = format!("{} {}", kilohertz(info.rate_hz), channels(info.channels));
            Some(match resampling {
                Resampling::ToEncoderRate => (
                    Severity::Note,
                    format!("{sound}: will be resampled to 16 kHz mono"),
                ),
                Resampling::Refuse => (
                    Severity::Warning,
                    format!("{sound}: turn on \"Resample\" above; the encoders need 16 kHz mono"),
                ),
            })
        }
    }
}

fn path_field(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let field = PathField {
        label: "Folder of recordings",
        purpose: PathPurpose::Stimuli,
        recent: &state.preferences.recent_stimuli,
        own: &[],
        home: info.home.as_deref(),
        picking: info.picking,
    };
    let current = state.study().and_then(|study| study.stimuli.as_deref());
    field.show(ui, current, actions);
}

/// What is wrong with the folder, with the remedy as a button.
fn failed(
    ui: &mut egui::Ui,
    (sentence, info): (&str, &Info),
    study: &mut Study,
    actions: &mut Actions,
) {
    ui.add_space(INSIDE);
    problem(ui, sentence);
    ui.horizontal(|ui| {
        if info.is_only_in_subfolders && button(ui, icons::FOLDER, "Include subfolders").clicked() {
            study.recursive = true;
        }
        if button(ui, icons::FOLDER_OPEN, "Choose another folder").clicked() {
            actions.push(Action::Pick(PathPurpose::Stimuli));
        }
        if button(ui, icons::REFRESH_CW, "Look again").clicked() {
            actions.push(Action::RefreshStories);
        }
    });
}
