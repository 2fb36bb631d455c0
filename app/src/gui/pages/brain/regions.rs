//! The table of regions: sorted by any column; a row chooses its region.

use eframe::egui;
use egui::accesskit::Role;
use heschl_core::brain::{RegionRow, Side};

use super::{SIDE, drawn};
use crate::gui::actions::{Action, Actions, RegionAction};
use crate::gui::brain::{BrainPicture, BrainSettings, RegionOrder};
use crate::gui::icons;
use crate::gui::text::thousands;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{button, heading, name, weak};

/// The atlas, and its regions.
pub(super) fn ui(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    picture: &BrainPicture,
    actions: &mut Actions,
) {
    let subject = picture.subject();
    let Some(shown) = settings.parcellation(subject) else {
        return;
    };
    ui.add_space(INSIDE);
    heading(ui, "Regions");
    let shown = shown.name.clone();
    if subject.parcellations.len() > 1 {
        let combo = egui::ComboBox::from_id_salt("regions of the subject")
            .width(SIDE - 20.0)
            .selected_text(atlas(&shown))
            .show_ui(ui, |ui| {
                for known in &subject.parcellations {
                    let is_it = known.name == shown;
                    if ui.selectable_label(is_it, atlas(&known.name)).clicked() {
                        (settings.regions, settings.region) = (Some(known.name.clone()), None);
                    }
                }
            });
        name(&combo.response, Role::ComboBox, "Atlas");
    } else {
        weak(ui, atlas(&shown));
    }
    if settings.region.is_some() && button(ui, icons::X, "Show no single region").clicked() {
        settings.region = None;
    }
    if let Some(facts) = picture
        .over
        .of_table
        .as_ref()
        .filter(|_| settings.region.is_some())
    {
        drawn::known(ui, facts);
    }
    let mut rows: Vec<&RegionRow> = picture.regions.iter().collect();
    settings.region_order.sort(&mut rows);
    egui::Grid::new("regions of the brain")
        .num_columns(4)
        .striped(true)
        .show(ui, |ui| {
            for (order, words) in [
                (RegionOrder::Name, "region"),
                (RegionOrder::Mean, "mean"),
                (RegionOrder::Significant, "sig."),
                (RegionOrder::Vertices, "size"),
            ] {
                header(ui, settings, order, words);
            }
            ui.end_row();
            for row in rows {
                region(ui, settings, row);
                ui.end_row();
            }
        });
    let response = button(ui, icons::SAVE, "Save table");
    let words = "Save all regions with their area, voxels, mean scores and noise ceiling as CSV, into the folder regions of the scores";
    if response.on_hover_text(words).clicked() {
        actions.push(Action::Region(RegionAction::SaveTable));
    }
    weak(
        ui,
        "Click a column heading to sort the table, or a region to outline it. \"sig.\" is the share of significant vertices, \"size\" the number of vertices.",
    );
}

fn header(ui: &mut egui::Ui, settings: &mut BrainSettings, order: RegionOrder, words: &str) {
    let is_it = settings.region_order == order;
    let response = ui.add(egui::Button::selectable(is_it, words));
    let label = format!("Sort by {words}");
    response.widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, true, is_it, &label));
    if response.clicked() {
        settings.region_order = order;
    }
}

fn region(ui: &mut egui::Ui, settings: &mut BrainSettings, row: &RegionRow) {
    let side = match row.side {
        Some(Side::Left) => "L ",
        Some(Side::Right) => "R ",
        None => "",
    };
    let own = row.side.map(|side| (side, row.region.clone()));
    let is_chosen = own.is_some() && settings.region == own;
    let words = format!("{side}{}", row.region);
    let response = ui
        .scope(|ui| {
            ui.set_max_width(SIDE - 150.0);
            ui.add(egui::Button::selectable(is_chosen, words.as_str()).truncate())
        })
        .inner;
    response.widget_info(|| egui::WidgetInfo::selected(Role::Row, true, is_chosen, &words));
    if response.on_hover_text(&row.region).clicked() {
        settings.region = if is_chosen { None } else { own };
    }
    ui.label(format!("{:.3}", row.mean));
    let share = row.significant_share.filter(|share| share.is_finite());
    ui.label(share.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share)));
    ui.label(thousands(row.n_vertices));
}

/// The name by which an atlas is known.
fn atlas(name: &str) -> &str {
    match name {
        "aparc" => "Desikan–Killiany (aparc)",
        "aparc.a2009s" => "Destrieux (aparc.a2009s)",
        other => other,
    }
}
