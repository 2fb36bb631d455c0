//! What the page "Brain" shows.

mod controls;
mod navigation;
mod subject;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Rect, Sense, TextureHandle, pos2, vec2};
use heschl_core::brain::Side;
use heschl_core::run::encoding::Column;
use heschl_core::scene::NamedView;

use super::scores_field;
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{BrainPicture, BrainSettings};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, Palette};
use crate::gui::widgets::{empty_state, export_menu, name, page_title, plain, problem, weak};

/// Width of the settings beside the picture.
const SIDE: f32 = 250.0;
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
        page_title(ui, "Brain", "Scores on the cortex.");
        scores_field(ui, state, info, actions);
        subject::field(ui, state, info, actions);
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
                    .show(ui, |ui| {
                        controls::ui(ui, &mut settings, &info.brain);
                        subject::ui(ui, state.subject(), &info.brain, actions);
                    });
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
        navigation::ui(ui, &response, settings);
        match &info.brain.picture {
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
    let value = match picture.value(&hit) {
        Some(value) => format!("{value:.3}"),
        None => "no value".into(),
    };
    let region = picture.region(&hit).unwrap_or("no region");
    let voxel = picture.voxel(&hit);
    let of_voxel = match voxel {
        Some(voxel) => format!("voxel {}", thousands(voxel)),
        None => "no voxel".into(),
    };
    let words = format!("{value}\n{region}, {} hemisphere\n{of_voxel}", hit.side);
    response.show_tooltip_text(words);
    let Some(voxel) = voxel else {
        return;
    };
    ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
    if response.clicked() {
        actions.push(Action::View(ViewAction::Voxel(voxel)));
        actions.push(Action::Go(Page::Scores));
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
