//! What the page "Brain" shows.

mod controls;
mod draw;
mod drawn;
mod export;
mod film;
mod flight;
mod interior;
mod map;
mod navigation;
mod regions;
mod slices;
mod subject;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Rect, Sense, TextureHandle, pos2, vec2};
use heschl_core::brain::Side;
use heschl_core::brain::folders::FolderKind;
use heschl_core::run::encoding::Column;
use heschl_core::scene::{BelowThreshold, Hit, MissingLook, NamedView};

use super::scores_field;
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{
    BrainLayout, BrainPicture, BrainSettings, DrawingTool, FilmOf, Look, ShownMap,
};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::{Page, State};
use crate::gui::text::thousands;
use crate::gui::theme::{BETWEEN, INSIDE, Palette};
use crate::gui::widgets::{button, empty_state, name, page_title, plain, problem, weak};

/// Width of the settings beside the picture.
const SIDE: f32 = 290.0;
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
    /// What is being drawn on it.
    draw: draw::Draw,
    /// What is being typed.
    typed: drawn::Typed,
    /// The camera's way to another view.
    way: flight::Way,
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
                        map::ui(ui, &mut settings, (state, info), actions);
                        ui.add_space(INSIDE);
                        controls::ui(ui, &mut settings, &info.brain, actions);
                        film::ui(ui, &mut settings, (state, info), actions);
                        if let Some(picture) = info.brain.picture.ready() {
                            let drawing = &state.drawing;
                            self.typed.ui(ui, (drawing, &settings), picture, actions);
                            regions::ui(ui, &mut settings, picture, actions);
                        }
                        subject::ui(ui, state.subject(), &info.brain, actions);
                    });
            });
            ui.add_space(BETWEEN);
            ui.vertical(|ui| self.picture(ui, &mut settings, (state, info), actions));
        });
        self.way.go(ui, &settings, (state, info), actions);
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
        let is_seen = !matches!(info.brain.picture, Loading::Failed(_));
        if settings.layout == BrainLayout::Cortex && is_seen {
            drawn::tools(ui, state.drawing.settings, actions);
        }
        let below = 116.0;
        let size = ui.available_size() - vec2(0.0, below);
        let size = size.max(vec2(120.0, 120.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        name(&response, Role::Image, "Cortex");
        // As large as the screen shows it, and as a texture may be.
        let n_most = ui.input(|input| input.max_texture_side).max(1) as f32;
        let pixels = size * ui.ctx().pixels_per_point();
        let pixels = pixels * (n_most / pixels.max_elem()).min(1.0);
        let tool = state.drawing.settings.tool;
        let tool = tool.filter(|_| settings.layout == BrainLayout::Cortex);
        let draws = tool.is_some() && response.dragged_by(egui::PointerButton::Primary);
        let is_moving = response.dragged() && !draws;
        let shown = ([pixels.x as usize, pixels.y as usize], is_moving);
        if state.brain_size != Some(shown) {
            actions.push(Action::View(ViewAction::BrainSize(shown.0, shown.1)));
        }
        if settings.layout == BrainLayout::Cortex {
            let pinch = f64::from(ui.input(egui::InputState::zoom_delta));
            let how = match tool {
                None => (navigation::LeftButton::Turns, pinch),
                // There it sets the radius.
                Some(DrawingTool::Brush) => (navigation::LeftButton::Draws, 1.0),
                Some(DrawingTool::Lasso) => (navigation::LeftButton::Draws, pinch),
            };
            navigation::ui(ui, &response, settings, how);
        }
        match &info.brain.picture {
            Loading::Ready(picture) => {
                self.show(ui, rect, picture);
                if let Some([x, y]) = picture.mark {
                    let at = rect.min + vec2(x * rect.width(), y * rect.height());
                    let painter = ui.painter_at(rect);
                    painter.circle_stroke(at, 6.0, (3.0, Color32::BLACK));
                    painter.circle_stroke(at, 6.0, (1.5, Color32::WHITE));
                }
                names(ui, rect, picture);
                if tool.is_some() {
                    self.draw
                        .ui(ui, &response, (&state.drawing, picture), actions);
                }
                if let Some(layout) = &picture.slices {
                    slices::ui(ui, &response, layout, settings);
                }
                let under = response
                    .hover_pos()
                    .filter(|_| !is_moving && tool.is_none())
                    .map(|at| (at - rect.min) / rect.size());
                if let Some(share) = under {
                    let share = [share.x, share.y];
                    point(ui, &response, (picture, share), settings, actions);
                }
                below_picture(ui, picture, settings, (state, info), actions);
                meaning(ui, picture);
                ui.horizontal_wrapped(|ui| match settings.layout {
                    _ if info.brain.saving.is_some() => export::progress(ui, &info.brain, actions),
                    BrainLayout::Cortex => chosen(ui, picture, settings, actions),
                    BrainLayout::Slices => slices::readout(ui, picture, settings, actions),
                });
            }
            Loading::Failed(sentence) => {
                let inside = egui::UiBuilder::new().max_rect(rect.shrink(BETWEEN));
                ui.scope_builder(inside, |ui| problem(ui, sentence));
            }
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

/// Saves the map for another program.
fn maps_menu(ui: &mut egui::Ui, picture: &BrainPicture, actions: &mut Actions) {
    let is_pycortex = picture.open.kind == Some(FolderKind::Pycortex);
    let is_volume = picture.placement.is_volume();
    let menu = ui.menu_button((egui::RichText::new(icons::SAVE), "Map"), |ui| {
        for (ending, words, can_be) in [
            (".nii.gz", "NIfTI volume", is_volume),
            (".func.gii", "GIFTI, a file per hemisphere", true),
            (".dscalar.nii", "CIFTI-2 for Workbench", true),
            (".mgz", "FreeSurfer (.mgz), a file per hemisphere", true),
            (".hf5", "pycortex dataset", is_pycortex),
        ] {
            let response = ui.add_enabled(can_be, egui::Button::new(words));
            if response.clicked() {
                actions.push(Action::ExportMap(ending));
                ui.close();
            }
        }
    });
    name(&menu.response, Role::Button, "Save the map");
    menu.response
        .on_hover_text("Save the map for another program, into the folder maps of the scores");
}

/// Writes the names of regions over the picture.
fn names(ui: &egui::Ui, rect: Rect, picture: &BrainPicture) {
    let (labels, height) = picture.marks.names();
    let size = picture.request.size.map(|side| side.max(1) as f32);
    let scale = rect.height() / size[1];
    let place = |at: [f64; 2]| {
        let [x, y] = at.map(|value| value as f32);
        rect.min + vec2(x / size[0] * rect.width(), y * scale)
    };
    let painter = ui.painter_at(rect);
    let font = egui::FontId::proportional(height as f32 * scale);
    for label in labels {
        if let Some(to) = label.leads_to {
            for (width, colour) in [(2.5, Color32::BLACK), (1.0, Color32::WHITE)] {
                painter.line_segment([place(label.at), place(to)], (width, colour));
            }
        }
    }
    for label in labels {
        let at = place(label.at);
        let around = [
            (-1.0, -1.0),
            (-1.0, 1.0),
            (1.0, -1.0),
            (1.0, 1.0),
            (0.0, 0.0),
        ];
        for (index, (x, y)) in around.into_iter().enumerate() {
            let is_last = index + 1 == around.len();
            let colour = if is_last {
                Color32::WHITE
            } else {
                Color32::from_black_alpha(170)
            };
            let at = at + vec2(x, y);
            let align = egui::Align2::CENTER_CENTER;
            painter.text(at, align, &label.name, font.clone(), colour);
        }
    }
}

/// The colour bar, and what becomes of the map.
fn below_picture(
    ui: &mut egui::Ui,
    picture: &BrainPicture,
    settings: &BrainSettings,
    (state, info): (&State, &Info),
    actions: &mut Actions,
) {
    ui.horizontal(|ui| {
        scale(ui, picture);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            export::menu(ui, state.preferences.export, (settings, info), actions);
            maps_menu(ui, picture, actions);
            let response = button(ui, icons::EXTERNAL_LINK, "Share");
            let words =
                "Save one HTML file in which anyone can turn and click the cortex, in any browser";
            if response.on_hover_text(words).clicked() {
                actions.push(Action::Share);
            }
        });
    });
}

/// Says what is under the pointer; a click selects its voxel.
fn point(
    ui: &egui::Ui,
    response: &egui::Response,
    (picture, share): (&BrainPicture, [f32; 2]),
    settings: &mut BrainSettings,
    actions: &mut Actions,
) {
    let Some(hit) = picture.hit(share) else {
        return;
    };
    let value = picture.words(&hit).unwrap_or("no value".into());
    let region = picture.region(&hit).unwrap_or("no region");
    let voxel = picture.voxel(&hit);
    let of_voxel = match voxel {
        Some(voxel) => format!("voxel {}", thousands(voxel)),
        None => "no voxel".into(),
    };
    let words = format!("{value}\n{region}, {} hemisphere\n{of_voxel}", hit.side);
    response.show_tooltip_text(words);
    ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
    if response.clicked() {
        settings.picked = Some((hit.side, hit.nearest_vertex()));
        if let Some(point) = picture.point(&hit) {
            settings.slices.cursor = point;
        }
        if let Some(voxel) = voxel {
            actions.push(Action::View(ViewAction::Voxel(voxel)));
        }
    }
}

/// What was chosen by a click, in a line, and the way to its scores.
fn chosen(
    ui: &mut egui::Ui,
    picture: &BrainPicture,
    settings: &BrainSettings,
    actions: &mut Actions,
) {
    let Some((side, vertex)) = settings.picked else {
        weak(ui, "Click the cortex to choose a voxel.");
        return;
    };
    let hit = Hit {
        side,
        vertices: [vertex as u32; 3],
        weights: [1.0, 0.0, 0.0],
    };
    ui.label(picture.words(&hit).unwrap_or("no value".into()));
    let region = picture.region(&hit).unwrap_or("no region");
    weak(ui, format!("{region}, {side} hemisphere"));
    if let Some([x, y, z]) = picture.point(&hit) {
        weak(ui, format!("({x:.0}, {y:.0}, {z:.0}) mm"));
    }
    if let Some(voxel) = picture.voxel(&hit) {
        let words = format!("Open voxel {}", thousands(voxel));
        if button(ui, icons::CHART_SCATTER, &words).clicked() {
            actions.push(Action::View(ViewAction::Voxel(voxel)));
            actions.push(Action::Go(Page::Scores));
        }
    }
}

/// The colour bar below the picture, or what stands for it.
fn scale(ui: &mut egui::Ui, picture: &BrainPicture) {
    let settings = &picture.request.settings;
    let words = title(picture);
    let size = vec2((ui.available_width() * 0.4).min(280.0), 12.0);
    match &*picture.look {
        Look::Scale => {
            let least = picture.limits[0];
            let is_whole = (least - least.round()).abs() < 1e-6;
            let least = if is_whole {
                plain(f64::from(least))
            } else {
                format!("{least:.3}")
            };
            weak(ui, least);
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            name(&response, Role::Image, &format!("Colours: {words}"));
            let table = settings.colours.table();
            ui.painter().add(ribbon(rect, &table));
            weak(ui, format!("{:.3}", picture.limits[1]));
        }
        Look::Categories(_) => {
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            name(&response, Role::Image, &format!("Colours: {words}"));
            let categories = picture.look.categories(settings.colours);
            let width = rect.width() / categories.len().max(1) as f32;
            for (at, category) in categories.iter().enumerate() {
                let [red, green, blue] = category.colour;
                let left = rect.left() + at as f32 * width;
                let place = Rect::from_min_size(pos2(left, rect.top()), vec2(width, 12.0));
                ui.painter()
                    .rect_filled(place, 0.0, Color32::from_rgb(red, green, blue));
            }
        }
        Look::Rgb(..) => {}
    }
}

/// What the colours mean, and what has none, in a line.
fn meaning(ui: &mut egui::Ui, picture: &BrainPicture) {
    let parts = [title(picture), hidden(&picture.request.settings)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let words = egui::RichText::new(parts.join(" · ")).color(Palette::of(ui).text);
    ui.add(egui::Label::new(words).truncate());
}

/// What has no colour, and why.
fn hidden(settings: &BrainSettings) -> String {
    let below = settings.threshold.is_some();
    let masked = [
        (settings.is_significant_only, "not significant"),
        (settings.least_ceiling.is_some(), "noise ceiling too low"),
    ];
    let masked = masked
        .into_iter()
        .filter_map(|(is_on, words)| is_on.then_some(words));
    let masked: Vec<&str> = masked.collect();
    if settings.layout == BrainLayout::Slices {
        let hidden: Vec<&str> = below
            .then_some("below the threshold")
            .into_iter()
            .chain(masked)
            .collect();
        return if hidden.is_empty() {
            String::new()
        } else {
            format!("hidden: {}", hidden.join(", "))
        };
    }
    let fades = settings.below == BelowThreshold::Faded;
    let mut parts: Vec<String> = vec![];
    if below && fades {
        parts.push("faded: below the threshold".into());
    }
    let grey = (below && !fades).then_some("below the threshold");
    if settings.missing == MissingLook::Marked {
        let dotted: Vec<&str> = masked.into_iter().chain(["not a number"]).collect();
        parts.extend(grey.map(|words| format!("grey: {words}")));
        parts.push(format!("dotted: {}", dotted.join(", ")));
        parts.push("dark: no voxel".into());
    } else {
        let all: Vec<&str> = grey.into_iter().chain(masked).chain(["no value"]).collect();
        parts.push(format!("grey: {}", all.join(", ")));
    }
    parts.join(" · ")
}

/// What is shown.
fn title(picture: &BrainPicture) -> String {
    let settings = &picture.request.settings;
    let column = COLUMNS
        .iter()
        .find(|(column, _)| *column == settings.column)
        .map_or("", |(_, words)| *words);
    let words = match settings.film.map(|film| film.of) {
        None => column,
        Some(FilmOf::Measured) => "measured response",
        Some(FilmOf::Predicted) => "predicted response",
        Some(FilmOf::Difference) => "measured − predicted",
    };
    match (picture.derived_map(), &*picture.look) {
        (Some((_, ShownMap::One(entry))), _) => entry.title.clone(),
        (Some(_), Look::Rgb(_, [red, green, blue])) => {
            format!("red: {red} · green: {green} · blue: {blue}")
        }
        _ => words.into(),
    }
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
