//! The stories of a fit in a table: who trains and who tests, what there is of each, and whether it goes together.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, WidgetInfo};
use egui_extras::{Column, TableBuilder, TableRow};

use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::fitting::{FitStudy, StoryLengths, StoryResponses, StoryRole};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::state::State;
use crate::gui::text::{count, thousands};
use crate::gui::theme::Palette;
use crate::gui::widgets::{name, weak};

const ROW_HEIGHT: f32 = 28.0;
/// Rows that are seen at once.
const MOST_ROWS: usize = 9;

/// One row.
struct StoryRow<'a> {
    story: StoryResponses,
    has_features: bool,
    lengths: Option<&'a StoryLengths>,
}

/// Draws the table of the stories that were measured.
pub(in crate::gui::pages) fn table(
    ui: &mut egui::Ui,
    (state, info): (&State, &Info),
    measured: &[StoryResponses],
    (fit, actions): (&mut FitStudy, &mut Actions),
) {
    let rows = rows(info, measured, fit);
    progress_reader(ui, &rows, fit);
    let n_shown = rows.len().clamp(1, MOST_ROWS);
    let height = ROW_HEIGHT * (n_shown as f32 + 1.0) + 12.0;
    ui.push_id("stories of the fit", |ui| {
        ui.allocate_ui(egui::vec2(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            let table = TableBuilder::new(ui)
                .striped(false)
                .min_scrolled_height(0.0)
                .max_scroll_height(height)
                .auto_shrink([false, true])
                .sense(egui::Sense::click())
                .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
                .column(Column::initial(150.0).at_least(80.0).clip(true))
                .column(Column::exact(214.0))
                .column(Column::exact(74.0))
                .column(Column::exact(74.0))
                .column(Column::exact(74.0))
                .column(Column::exact(84.0))
                .column(Column::remainder().at_least(60.0).clip(true));
            let table = table.header(ROW_HEIGHT, |mut row| head(&mut row));
            table.body(|body| {
                body.rows(ROW_HEIGHT, rows.len(), |mut row| {
                    let shown = &rows[row.index()];
                    row.set_selected(state.story.as_ref() == Some(&shown.story.story));
                    cells(&mut row, shown, fit);
                    let response = row.response();
                    name(
                        &response,
                        Role::Row,
                        &format!("Story {}", shown.story.story),
                    );
                    if response.clicked() {
                        actions.push(Action::View(ViewAction::Story(shown.story.story.clone())));
                    }
                });
            });
        });
    });
}

fn rows<'a>(info: &'a Info, measured: &[StoryResponses], fit: &FitStudy) -> Vec<StoryRow<'a>> {
    let features = info.fit.layers.ready();
    let lengths = info.fit.lengths.ready();
    let of = |story: StoryResponses| StoryRow {
        // Until the features are known, nothing is said to be missing.
        has_features: features.is_none_or(|known| known.stories.contains(&story.story)),
        lengths: lengths.and_then(|all| all.iter().find(|known| known.story == story.story)),
        story,
    };
    fit.stories(measured).into_iter().map(of).collect()
}

/// How many train and test, and who is left out.
fn progress_reader(ui: &mut egui::Ui, rows: &[StoryRow], fit: &FitStudy) {
    let n = |part: StoryRole| {
        rows.iter()
            .filter(|row| fit.part(&row.story.story, row.has_features) == part)
            .count()
    };
    let n_scans: usize = rows.iter().map(|row| row.story.n_scans).sum();
    let n_voxels = rows.first().map_or(0, |row| row.story.n_voxels);
    weak(
        ui,
        format!(
            "{} · {} scans · {} voxels. Training {}, test {}, excluded {}.",
            count(rows.len(), "story", "stories"),
            thousands(n_scans),
            thousands(n_voxels),
            thousands(n(StoryRole::Train)),
            thousands(n(StoryRole::Test)),
            thousands(n(StoryRole::LeftOut)),
        ),
    );
    let without: Vec<&str> = rows
        .iter()
        .filter(|row| !row.has_features)
        .map(|row| row.story.story.as_str())
        .collect();
    if !without.is_empty() {
        let more = without.len().saturating_sub(3);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        weak(
            ui,
            format!(
                "Excluded because they have no features: {}{more}.",
                without[..without.len().min(3)].join(", ")
            ),
        );
    }
}

fn head(row: &mut TableRow) {
    for (words, tip) in [
        ("Story", ""),
        ("", ""),
        ("Features", "Whether the story has features"),
        ("Responses", "Scans of the responses before trimming"),
        ("Scan times", "Scans with known acquisition times"),
        (
            "After trims",
            "Remaining scans of features and responses; they must match",
        ),
        ("", ""),
    ] {
        row.col(|ui| {
            let text = RichText::new(words).color(Palette::of(ui).weak);
            let label = ui.add(egui::Label::new(text).selectable(false));
            if !tip.is_empty() {
                label.on_hover_text(tip);
            }
        });
    }
}

fn cells(row: &mut TableRow, shown: &StoryRow, fit: &mut FitStudy) {
    let story = &shown.story;
    row.col(|ui| {
        ui.add(egui::Label::new(&story.story).truncate().selectable(false))
            .on_hover_text(&story.story);
    });
    row.col(|ui| part(ui, shown, fit));
    row.col(|ui| {
        let words = if shown.has_features {
            icons::CHECK.to_string()
        } else {
            "none".into()
        };
        weak(ui, words);
    });
    row.col(|ui| number(ui, Some(story.n_scans)));
    row.col(|ui| number(ui, shown.lengths.and_then(|lengths| lengths.n_times)));
    row.col(|ui| {
        if let Some([features, responses]) = shown.lengths.and_then(|lengths| lengths.kept) {
            let is_equal = features == responses;
            let words = if is_equal {
                thousands(features)
            } else {
                format!("{} ≠ {}", thousands(features), thousands(responses))
            };
            let palette = Palette::of(ui);
            let color = if is_equal { palette.text } else { palette.red };
            right(ui, RichText::new(words).color(color));
        }
    });
    row.col(|ui| remark(ui, shown));
}

fn number(ui: &mut egui::Ui, n: Option<usize>) {
    if let Some(n) = n {
        right(ui, RichText::new(thousands(n)));
    }
}

fn right(ui: &mut egui::Ui, text: RichText) {
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    ui.with_layout(layout, |ui| {
        ui.add_space(12.0);
        ui.add(egui::Label::new(text).selectable(false));
    });
}

/// Train, test or leave out.
fn part(ui: &mut egui::Ui, shown: &StoryRow, fit: &mut FitStudy) {
    let story = &shown.story.story;
    let now = fit.part(story, shown.has_features);
    ui.spacing_mut().item_spacing.x = 2.0;
    ui.spacing_mut().button_padding.x = 8.0;
    for (part, words, spoken) in [
        (StoryRole::Train, "Train", "Train with"),
        (StoryRole::Test, "Test", "Test on"),
        (StoryRole::LeftOut, "Leave out", "Leave out"),
    ] {
        let is_chosen = now == part;
        let button = egui::Button::selectable(is_chosen, words);
        let response = ui.add_enabled(shown.has_features, button);
        let label = format!("{spoken} {story}");
        response.widget_info(|| {
            WidgetInfo::selected(Role::RadioButton, shown.has_features, is_chosen, &label)
        });
        if response.clicked() && !is_chosen {
            fit.set_part(story, part);
        }
        if !shown.has_features {
            response.on_disabled_hover_text("This story has no features.");
        }
    }
}

fn remark(ui: &mut egui::Ui, shown: &StoryRow) {
    let palette = Palette::of(ui);
    let (words, color) = match shown.lengths {
        Some(StoryLengths {
            problem: Some(sentence),
            ..
        }) => (sentence.clone(), palette.red),
        Some(lengths) if lengths.looks_untrimmed => (untrimmed(lengths), palette.amber),
        _ => return,
    };
    let label = egui::Label::new(RichText::new(&words).color(color))
        .truncate()
        .selectable(false);
    ui.add(label).on_hover_text(&words);
}

/// What is said of responses that last as long as the sound though features are trimmed.
pub(in crate::gui::pages) fn untrimmed(lengths: &StoryLengths) -> String {
    format!(
        "The responses of \"{}\" have {} scans and the sound ends at scan {}, so they do not seem to be trimmed, but the features are. \
         Trim the responses like the features, or do not trim.",
        lengths.story,
        thousands(lengths.n_responses),
        thousands(lengths.sound_scans.unwrap_or_default()),
    )
}
