//! What the page "Brain" shows.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Rect, Sense, TextureHandle, pos2, vec2};
use heschl_core::brain::Side;
use heschl_core::run::encoding::Column;
use heschl_core::scene::{ColourMap, NamedView};

use super::scores_field;
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{BrainPicture, BrainSettings};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, INSIDE, Palette};
use crate::gui::widgets::{
    button, empty_state, export_menu, heading, name, page_title, plain, problem, tick, weak,
};

/// Width of the settings beside the picture.
const SIDE: f32 = 250.0;
/// Degrees that the brain turns by a point of a drag.
const DEGREES_PER_POINT: f64 = 0.4;
/// Degrees that an arrow key turns it by.
const DEGREES_PER_KEY: f64 = 10.0;
/// Enlargement at most, and at least.
const ZOOMS: [f64; 2] = [0.5, 12.0];
/// Regions that are listed.
const N_REGIONS: usize = 12;
/// What of the scores can be shown.
const COLUMNS: [(Column, &str); 8] = [
    (Column::R, "r"),
    (Column::NormalisedR, "ceiling-normalised r"),
    (Column::R2, "R²"),
    (Column::NoiseCeiling, "noise ceiling"),
    (Column::ExplainableVariance, "explainable variance"),
    (Column::RLow, "r, lower bound"),
    (Column::RHigh, "r, upper bound"),
    (Column::Alpha, "α"),
];
const VIEWS: [(NamedView, &str); 11] = [
    (NamedView::BothLateral, "Lateral"),
    (NamedView::BothMedial, "Medial"),
    (NamedView::Flat, "Flat"),
    (NamedView::Lateral(Side::Left), "Left lateral"),
    (NamedView::Medial(Side::Left), "Left medial"),
    (NamedView::Lateral(Side::Right), "Right lateral"),
    (NamedView::Medial(Side::Right), "Right medial"),
    (NamedView::Dorsal, "Dorsal"),
    (NamedView::Ventral, "Ventral"),
    (NamedView::Anterior, "Anterior"),
    (NamedView::Posterior, "Posterior"),
];

/// The page "Brain".
#[derive(Default)]
pub(crate) struct BrainPage {
    /// The picture on the graphics card, and what it shows.
    drawn: Option<(std::sync::Arc<heschl_core::scene::Picture>, TextureHandle)>,
}

impl BrainPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(ui, "Brain", "Scores on the cortex of fsaverage5.");
        scores_field(ui, state, info, actions);
        if state.scores.is_none() {
            if empty_state(
                ui,
                icons::BRAIN,
                "Choose a folder of scores, or fit a model first: its scores appear here.",
                (icons::ARROW_RIGHT, "Go to Fit"),
            ) {
                actions.push(Action::Go(Page::Fit));
            }
            return;
        }
        let mut settings = state.brain.clone();
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width(SIDE);
                egui::ScrollArea::vertical()
                    .id_salt("settings of the brain")
                    .show(ui, |ui| controls(ui, &mut settings, info));
            });
            ui.add_space(BETWEEN);
            ui.vertical(|ui| self.picture(ui, &mut settings, (state, info), actions));
        });
        if settings != state.brain {
            actions.push(Action::View(ViewAction::Brain(Box::new(settings))));
        }
    }

    fn picture(
        &mut self,
        ui: &mut egui::Ui,
        settings: &mut BrainSettings,
        (state, info): (&State, &Info),
        actions: &mut Actions,
    ) {
        let below = 58.0;
        let size = ui.available_size() - vec2(0.0, below);
        let size = size.max(vec2(120.0, 120.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        name(&response, Role::Image, "Cortex");
        let pixels = size * ui.ctx().pixels_per_point();
        let is_moving = response.dragged();
        let shown = ([pixels.x as usize, pixels.y as usize], is_moving);
        if state.brain_size != Some(shown) {
            actions.push(Action::View(ViewAction::BrainSize(shown.0, shown.1)));
        }
        turn(ui, &response, settings);
        match &info.brain {
            Loading::Ready(picture) => {
                self.show(ui, rect, picture);
                let under = response
                    .hover_pos()
                    .filter(|_| !is_moving)
                    .map(|at| (at - rect.min) / rect.size());
                if let Some(share) = under {
                    point(ui, &response, picture, [share.x, share.y], actions);
                }
                ui.horizontal(|ui| {
                    scale(ui, picture);
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        export_menu(ui, state.preferences.export, actions);
                    });
                });
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Waiting | Loading::Nothing => {
                ui.put(rect, egui::Spinner::new());
            }
        }
    }

    /// Paints the picture, also one of another size while the next is being drawn.
    fn show(&mut self, ui: &egui::Ui, rect: Rect, picture: &BrainPicture) {
        let is_new = self
            .drawn
            .as_ref()
            .is_none_or(|(drawn, _)| !std::sync::Arc::ptr_eq(drawn, &picture.picture));
        if is_new {
            let image = egui::ColorImage::from_rgba_unmultiplied(
                picture.picture.size,
                &picture.picture.rgba,
            );
            let texture = ui
                .ctx()
                .load_texture("cortex", image, egui::TextureOptions::LINEAR);
            self.drawn = Some((picture.picture.clone(), texture));
        }
        if let Some((_, texture)) = &self.drawn {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter_at(rect)
                .image(texture.id(), rect, whole, Color32::WHITE);
        }
    }
}

/// Says what is under the pointer; a click selects its voxel.
fn point(
    ui: &egui::Ui,
    response: &egui::Response,
    picture: &BrainPicture,
    share: [f32; 2],
    actions: &mut Actions,
) {
    let Some(hit) = picture.hit(share) else {
        return;
    };
    let values = &picture.values[hit.side.index()];
    let value = values.get(hit.nearest_vertex()).copied();
    let value = match value.filter(|value| !value.is_nan()) {
        Some(value) => format!("{value:.3}"),
        None => "no value".into(),
    };
    let region = picture.region(&hit).unwrap_or("no region");
    let voxel = picture.voxel(&hit);
    let words = format!(
        "{value}\n{region}, {} hemisphere\nvoxel {}",
        hit.side,
        thousands(voxel)
    );
    response.show_tooltip_text(words);
    ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
    if response.clicked() {
        actions.push(Action::View(ViewAction::Voxel(voxel)));
        actions.push(Action::Go(Page::Scores));
    }
}

/// Turns the brain with the mouse, the wheel and the arrow keys; a double click goes back to the view.
fn turn(ui: &egui::Ui, response: &egui::Response, settings: &mut BrainSettings) {
    if response.dragged() {
        let drag = response.drag_delta();
        settings.turn[0] -= f64::from(drag.x) * DEGREES_PER_POINT;
        settings.turn[1] -= f64::from(drag.y) * DEGREES_PER_POINT;
    }
    if response.double_clicked() {
        (settings.turn, settings.zoom) = ([0.0; 2], 1.0);
    }
    if response.hovered() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
        let larger = f64::from(scroll / 200.0).exp() * f64::from(pinch);
        settings.zoom = (settings.zoom * larger).clamp(ZOOMS[0], ZOOMS[1]);
    }
    if response.has_focus() {
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        for (key, [azimuth, altitude]) in [
            (egui::Key::ArrowLeft, [1.0, 0.0]),
            (egui::Key::ArrowRight, [-1.0, 0.0]),
            (egui::Key::ArrowUp, [0.0, 1.0]),
            (egui::Key::ArrowDown, [0.0, -1.0]),
        ] {
            if pressed(key) {
                settings.turn[0] += azimuth * DEGREES_PER_KEY;
                settings.turn[1] += altitude * DEGREES_PER_KEY;
            }
        }
    }
}

fn controls(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &Info) {
    heading(ui, "Map");
    let shown = COLUMNS
        .iter()
        .find(|(column, _)| *column == settings.column);
    let combo = egui::ComboBox::from_id_salt("map of the brain")
        .width(SIDE - 20.0)
        .selected_text(shown.map_or("", |(_, words)| *words))
        .show_ui(ui, |ui| {
            for (column, words) in COLUMNS {
                ui.selectable_value(&mut settings.column, column, words);
            }
        });
    name(&combo.response, Role::ComboBox, "Map");
    tick(
        ui,
        &mut settings.is_significant_only,
        "Significant voxels only",
    );
    ui.add_space(INSIDE);
    heading(ui, "Colours");
    let combo = egui::ComboBox::from_id_salt("colours of the brain")
        .width(SIDE - 20.0)
        .selected_text(settings.colours.to_string())
        .show_ui(ui, |ui| {
            for colours in ColourMap::all() {
                let words = colours.to_string();
                ui.selectable_value(&mut settings.colours, colours, words);
            }
        });
    name(&combo.response, Role::ComboBox, "Colour map");
    limits(ui, settings, info);
    ui.add_space(INSIDE);
    heading(ui, "View");
    ui.horizontal_wrapped(|ui| {
        for (view, words) in VIEWS {
            let is_it = settings.named == view;
            let response = ui.add(egui::Button::selectable(is_it, words));
            response
                .widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, true, is_it, words));
            if response.clicked() {
                settings.named = view;
                (settings.turn, settings.zoom) = ([0.0; 2], 1.0);
            }
        }
    });
    ui.add_space(INSIDE);
    let is_flat = settings.named == NamedView::Flat;
    ui.add_enabled_ui(!is_flat, |ui| {
        let slider = egui::Slider::new(&mut settings.unfold, 0.0..=1.0).show_value(false);
        ui.horizontal(|ui| {
            weak(ui, "Folded");
            let response = ui.add(slider);
            name(&response, Role::Slider, "Unfold");
            weak(ui, "flat");
        });
    });
    tick(ui, &mut settings.has_outlines, "Region outlines");
    tick(ui, &mut settings.is_lit, "Light");
    weak(
        ui,
        "Drag to rotate, scroll to zoom, double-click to reset the view. Click a voxel to open it under Scores.",
    );
    if let Some(picture) = info.brain.ready() {
        regions(ui, picture);
    }
}

/// The regions with the largest means.
fn regions(ui: &mut egui::Ui, picture: &BrainPicture) {
    ui.add_space(INSIDE);
    heading(ui, "Regions");
    egui::Grid::new("regions of the brain")
        .num_columns(3)
        .striped(true)
        .show(ui, |ui| {
            for words in ["region", "mean", "significant"] {
                weak(ui, words);
            }
            ui.end_row();
            for row in picture.regions.iter().take(N_REGIONS) {
                let side = match row.side {
                    Some(Side::Left) => "L ",
                    Some(Side::Right) => "R ",
                    None => "",
                };
                ui.add(egui::Label::new(format!("{side}{}", row.region)).truncate());
                ui.label(format!("{:.3}", row.mean));
                let share = row.significant_share.filter(|share| share.is_finite());
                ui.label(share.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share)));
                ui.end_row();
            }
        });
    weak(
        ui,
        "Desikan–Killiany regions; all of them are in the exported numbers.",
    );
}

/// The values of the first and the last colour.
fn limits(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &Info) {
    let Some(shown) = info.brain.ready().map(|picture| picture.limits) else {
        return;
    };
    let mut limits = settings.limits.unwrap_or(shown);
    let mut is_changed = false;
    ui.horizontal(|ui| {
        weak(ui, "From");
        let speed = f64::from((shown[1] - shown[0]).abs()) / 200.0;
        for (limit, words) in limits.iter_mut().zip(["Lower limit", "Upper limit"]) {
            let response = ui.add(egui::DragValue::new(limit).speed(speed).max_decimals(3));
            name(&response, Role::SpinButton, words);
            is_changed |= response.changed();
            if words == "Lower limit" {
                weak(ui, "to");
            }
        }
    });
    if is_changed {
        settings.limits = Some(limits);
    }
    if settings.limits.is_some() && button(ui, icons::ROTATE_CCW, "By the data").clicked() {
        settings.limits = None;
    }
}

/// The colour bar below the picture.
fn scale(ui: &mut egui::Ui, picture: &BrainPicture) {
    let settings = &picture.request.settings;
    let words = COLUMNS
        .iter()
        .find(|(column, _)| *column == settings.column)
        .map_or("", |(_, words)| *words);
    weak(ui, plain(f64::from(picture.limits[0])));
    let size = vec2((ui.available_width() * 0.4).min(280.0), 12.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    name(&response, Role::Image, &format!("Colours: {words}"));
    let table = settings.colours.table();
    ui.painter().add(ribbon(rect, &table));
    weak(ui, format!("{:.3}", picture.limits[1]));
    ui.colored_label(Palette::of(ui).text, words);
    let without = if settings.is_significant_only {
        "grey: not significant or no value"
    } else {
        "grey: no value"
    };
    weak(ui, without);
}

/// Colours side by side, without seams.
fn ribbon(rect: Rect, colours: &[[u8; 3]]) -> egui::Shape {
    let mut mesh = egui::Mesh::default();
    let last = colours.len().saturating_sub(1).max(1) as f32;
    for (at, [red, green, blue]) in (0_u32..).zip(colours) {
        let x = rect.left() + rect.width() * at as f32 / last;
        for y in [rect.top(), rect.bottom()] {
            mesh.colored_vertex(pos2(x, y), Color32::from_rgb(*red, *green, *blue));
        }
        if at > 0 {
            let first = 2 * (at - 1);
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
    }
    egui::Shape::mesh(mesh)
}
