//! Which map is shown: a column of the scores, or a map that is made from fits.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Sense, vec2};
use heschl_core::run::maps::{MapEntry, MapsRecord, Moment};
use heschl_core::scene::ColourMap;

use super::controls::voxels;
use super::{COLUMNS, SIDE};
use crate::derived_maps::categories;
use crate::gui::actions::{Action, Actions, PathPurpose, ViewAction};
use crate::gui::brain::{BrainSettings, DerivedKind, Look, ShownMap, shown_map};
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::State;
use crate::gui::theme::{INSIDE, Palette};
use crate::gui::widgets::{PathField, heading, name, problem, weak};

/// What three maps are called together.
const COLOURS: &str = "as red, green and blue";
/// Height of the list of maps, points: no map is out of sight.
const LIST_HEIGHT: f32 = 540.0;
/// Side of a legend's squares, points.
const SWATCH: f32 = 12.0;

/// The map, what it was made from, and its legend.
pub(super) fn ui(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    heading(ui, "Map");
    let found = info.brain.derived.ready();
    let maps = found.and_then(Option::as_ref).map(|maps| &maps.0.record);
    // A folder of maps has no columns of scores.
    let is_folder_of_maps = settings.derived.is_none() && maps.is_some();
    if !is_folder_of_maps {
        choice(ui, settings);
    }
    if settings.derived.is_some_and(DerivedKind::needs_others) {
        others(ui, state, info, actions);
    }
    match &info.brain.derived {
        Loading::Failed(_) if lacks_others(settings, state) => {
            weak(ui, "Choose the scores to compare with.");
        }
        Loading::Failed(sentence) => problem(ui, sentence),
        Loading::Waiting if settings.derived.is_some() => {
            ui.horizontal(|ui| {
                ui.spinner();
                weak(ui, "Computing the map…");
            });
        }
        _ => {}
    }
    if let Some(record) = maps {
        of_record(ui, settings, record, info, actions);
    }
    let fdr_level = info.brain.picture.ready().map(|picture| picture.fdr_level);
    voxels(ui, settings, fdr_level);
}

/// Whether the map waits for the user to choose other scores.
fn lacks_others(settings: &BrainSettings, state: &State) -> bool {
    settings.derived.is_some_and(DerivedKind::needs_others) && state.other_scores.is_none()
}

/// Columns of the scores, and what can be made from fits.
fn choice(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    let column = COLUMNS
        .iter()
        .find(|(column, _)| *column == settings.column);
    let shown = match settings.derived {
        Some(kind) => kind.words(),
        None => column.map_or("", |(_, words)| *words),
    };
    let combo = egui::ComboBox::from_id_salt("map of the brain")
        .width(SIDE - 20.0)
        .height(LIST_HEIGHT)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            for (column, words) in COLUMNS {
                let is_it = settings.derived.is_none() && settings.column == column;
                if ui.selectable_label(is_it, words).clicked() {
                    settings.column = column;
                    settings.take_map(None, None, false);
                }
            }
            ui.separator();
            weak(ui, "from several fits or the weights");
            for (kind, words) in DerivedKind::ALL {
                let is_it = settings.derived == Some(kind);
                if ui.selectable_label(is_it, words).clicked() {
                    settings.take_map(Some(kind), None, kind == DerivedKind::Difference);
                }
            }
        });
    name(&combo.response, Role::ComboBox, "Map");
}

/// The scores that the open ones are compared with.
fn others(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    PathField {
        label: "Scores to compare with",
        purpose: PathPurpose::OtherScores,
        recent: &state.preferences.recent_scores,
        own: info.own_scores(),
        home: info.home.as_deref(),
        picking: info.picking,
    }
    .show(ui, state.other_scores.as_deref(), actions);
}

/// Which of several maps, what must be said of them, and the legend.
fn of_record(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    record: &MapsRecord,
    info: &Info,
    actions: &mut Actions,
) {
    let shown = shown_map(record, settings.derived_map.as_deref());
    let title = match &shown {
        Some(ShownMap::One(entry)) => entry.title.as_str(),
        Some(ShownMap::Rgb(_)) => COLOURS,
        None => "",
    };
    let kind = settings.derived;
    let combo = egui::ComboBox::from_id_salt("one of several maps")
        .width(SIDE - 20.0)
        .truncate()
        .selected_text(title)
        .show_ui(ui, |ui| {
            if record.rgb.is_some() {
                let is_it = matches!(shown, Some(ShownMap::Rgb(_)));
                if ui.selectable_label(is_it, COLOURS).clicked() {
                    settings.take_map(kind, None, false);
                }
            }
            for entry in &record.maps {
                let is_it = shown == Some(ShownMap::One(entry));
                if ui.selectable_label(is_it, &entry.title).clicked() {
                    settings.take_map(kind, Some(entry.name.clone()), entry.is_signed);
                }
            }
        });
    name(&combo.response, Role::ComboBox, "Which of the maps");
    let picture = info.brain.picture.ready();
    if let Some(ShownMap::One(entry)) = &shown {
        legend(ui, entry, settings.colours);
    } else if let Some(Look::Rgb(_, titles)) = picture.map(|picture| &*picture.look) {
        for (title, colour) in titles
            .iter()
            .zip([Color32::RED, Color32::GREEN, Color32::BLUE])
        {
            row(ui, colour, title);
        }
    }
    for sentence in &record.notes {
        weak(ui, sentence);
    }
    moments(ui, &record.moments, actions);
    ui.add_space(INSIDE);
}

/// The names of the categories beside their colours.
fn legend(ui: &mut egui::Ui, entry: &MapEntry, colours: ColourMap) {
    for category in categories(entry, colours) {
        let [red, green, blue] = category.colour;
        row(ui, Color32::from_rgb(red, green, blue), &category.name);
    }
}

fn row(ui: &mut egui::Ui, colour: Color32, words: &str) {
    ui.scope(|ui| {
        // Lines of text, not of buttons.
        ui.spacing_mut().interact_size.y = SWATCH;
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(SWATCH, SWATCH), Sense::hover());
            ui.painter().rect_filled(rect, 2.0, colour);
            ui.add(egui::Label::new(words).truncate());
        });
    });
}

/// The moments that drive the components; a click leads to the story and the time.
fn moments(ui: &mut egui::Ui, moments: &[Moment], actions: &mut Actions) {
    if moments.is_empty() {
        return;
    }
    egui::CollapsingHeader::new("Moments of the test stories")
        .id_salt("moments of the components")
        .show(ui, |ui| {
            weak(
                ui,
                "The five moments with the highest and the five with the lowest value of each component.",
            );
            let mut component = 0;
            for moment in moments {
                if moment.component != component {
                    component = moment.component;
                    ui.colored_label(Palette::of(ui).text, format!("Component {component}"));
                }
                let response = ui.link(words(moment));
                if response.clicked() {
                    let story = ViewAction::Story(moment.story.clone());
                    actions.push(Action::View(story));
                    if let Some(secs) = moment.secs {
                        actions.push(Action::View(ViewAction::Cursor(secs)));
                    }
                }
            }
        });
}

/// `+2.31 · tale, 34.0 s · the words`
fn words(moment: &Moment) -> String {
    let time = match moment.secs {
        Some(secs) => format!("{secs:.1} s"),
        None => format!("scan {}", moment.scan),
    };
    let mut words = format!("{:+.2} · {}, {time}", moment.value, moment.story);
    if !moment.words.is_empty() {
        words.push_str(" · ");
        words.push_str(&moment.words);
    }
    words
}
