//! Drawing on the cortex with the lasso and the brush, by mouse and by keyboard.

use eframe::egui;
use egui::{Color32, Key, PointerButton, Pos2, Rect, Stroke, vec2};
use heschl_core::brain::{Side, SurfaceLine};

use crate::gui::actions::{Action, Actions, RegionAction};
use crate::gui::brain::{
    BrainPicture, DrawingMode, DrawingSettings, DrawingTool, RADII_MM, RegionDrawing,
};
use crate::gui::theme::Palette;

/// Distance between the places at which the brush is set down, points of the screen.
const STEP: f32 = 3.0;
/// By how much an arrow key moves the pointer, points.
const KEY_STEP: f32 = 8.0;
/// By how much a key changes the radius.
const RADIUS_PER_KEY: f64 = 1.15;
/// Pieces of an outline that are longer than this share of the picture's width run across a cut of the flat map.
const MOST_PIECE: f32 = 0.1;
/// Points of a lasso, and places of a brush, at most.
const MOST_POINTS: usize = 20_000;

/// What is being drawn.
#[derive(Default)]
pub(super) struct Draw {
    /// Corners of the lasso, as shares of the picture's width and height.
    line: Vec<[f32; 2]>,
    /// Vertices that the brush was set down on.
    centres: [Vec<u32>; 2],
    /// Where the brush was last, on the screen.
    last: Option<Pos2>,
    /// Whether the button is down.
    is_drawing: bool,
    /// The pointer that is moved by keys, as shares.
    keyboard: Option<[f32; 2]>,
}

/// What was drawn.
enum Drawn {
    Line(Vec<[f32; 2]>),
    Centres([Vec<u32>; 2]),
}

impl Drawn {
    fn action(self, mode: DrawingMode) -> RegionAction {
        match self {
            Self::Line(line) => RegionAction::Lasso(line, mode),
            Self::Centres(centres) => RegionAction::Brush(centres, mode),
        }
    }
}

impl Draw {
    /// Takes what the mouse and the keyboard draw, and shows it.
    pub(super) fn ui(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        (drawing, picture): (&RegionDrawing, &BrainPicture),
        actions: &mut Actions,
    ) {
        let mut settings = drawing.settings;
        if picture.posed.is_none() {
            return;
        }
        let pointer = self.pointer(ui, response, &settings);
        let drawn = match settings.tool {
            Some(DrawingTool::Lasso) => self.lasso(ui, response, pointer).map(Drawn::Line),
            Some(DrawingTool::Brush) => {
                resize(ui, response, &mut settings);
                let centres = self.brush(ui, response, (picture, pointer));
                self.ring(ui, response.rect, (picture, &settings), pointer);
                centres.map(Drawn::Centres)
            }
            None => None,
        };
        if let Some(drawn) = drawn {
            let is_turned = ui.input(|input| input.modifiers.shift);
            let mode = if is_turned {
                settings.mode.turned()
            } else {
                settings.mode
            };
            actions.push(Action::Region(drawn.action(mode)));
        }
        if response.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
            let is_empty = self.line.is_empty() && self.centres.iter().all(Vec::is_empty);
            if is_empty {
                settings.tool = None;
            }
            *self = Self::default();
        }
        if settings != drawing.settings {
            actions.push(Action::Region(RegionAction::Set(settings)));
        }
    }

    /// Where the mouse is, or the pointer that is moved by keys; as a point of the screen.
    fn pointer(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        settings: &DrawingSettings,
    ) -> Option<Pos2> {
        let rect = response.rect;
        let mouse = response.interact_pointer_pos().or(response.hover_pos());
        if ui.input(|input| input.pointer.is_moving()) && mouse.is_some() {
            self.keyboard = None;
        }
        if response.has_focus() && !ui.input(|input| input.modifiers.any()) {
            for (key, step) in [
                (Key::ArrowLeft, vec2(-KEY_STEP, 0.0)),
                (Key::ArrowRight, vec2(KEY_STEP, 0.0)),
                (Key::ArrowUp, vec2(0.0, -KEY_STEP)),
                (Key::ArrowDown, vec2(0.0, KEY_STEP)),
            ] {
                if ui.input(|input| input.key_pressed(key)) {
                    let before = match self.keyboard {
                        Some(share) => on_screen(rect, share),
                        None => mouse.unwrap_or(rect.center()),
                    };
                    self.keyboard = Some(share(rect, rect.clamp(before + step)));
                }
            }
        }
        let by_keys = self.keyboard.map(|share| on_screen(rect, share));
        let at = by_keys.or(mouse)?;
        if by_keys.is_some() && settings.tool == Some(DrawingTool::Lasso) {
            let painter = ui.painter_at(rect);
            painter.circle_stroke(at, 4.0, (2.0, Palette::of(ui).accent));
        }
        Some(at)
    }

    fn lasso(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        pointer: Option<Pos2>,
    ) -> Option<Vec<[f32; 2]>> {
        let rect = response.rect;
        if response.drag_started_by(PointerButton::Primary) {
            let begun = ui.input(|input| input.pointer.press_origin());
            self.line = begun.map(|at| share(rect, at)).into_iter().collect();
            self.is_drawing = true;
        }
        if self.is_drawing
            && let Some(at) = response.interact_pointer_pos()
        {
            let last = self.line.last().map(|last| on_screen(rect, *last));
            let is_far = last.is_none_or(|last| last.distance(at) >= 1.0);
            if is_far && self.line.len() < MOST_POINTS {
                self.line.push(share(rect, at));
            }
        }
        let is_released = response.drag_stopped_by(PointerButton::Primary);
        let mut is_closed = self.is_drawing && is_released;
        if response.has_focus()
            && let Some(at) = pointer.filter(|_| self.keyboard.is_some())
        {
            if ui.input(|input| input.key_pressed(Key::Space)) {
                self.line.push(share(rect, at));
            }
            if ui.input(|input| input.key_pressed(Key::Backspace)) {
                self.line.pop();
            }
            is_closed |= ui.input(|input| input.key_pressed(Key::Enter));
        }
        if is_closed {
            self.is_drawing = false;
            let line = std::mem::take(&mut self.line);
            return Some(line).filter(|line| line.len() > 2);
        }
        let mut shown: Vec<Pos2> = self.line.iter().map(|own| on_screen(rect, *own)).collect();
        shown.extend(pointer.filter(|_| self.keyboard.is_some() && !shown.is_empty()));
        paint(ui, rect, &shown);
        if let (Some(first), Some(last), true) = (shown.first(), shown.last(), shown.len() > 2) {
            let stroke = Stroke::new(1.0, Color32::WHITE.gamma_multiply(0.6));
            ui.painter_at(rect).line_segment([*first, *last], stroke);
        }
        None
    }

    fn brush(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        (picture, pointer): (&BrainPicture, Option<Pos2>),
    ) -> Option<[Vec<u32>; 2]> {
        let rect = response.rect;
        let is_down = response.is_pointer_button_down_on()
            && ui.input(|input| input.pointer.button_down(PointerButton::Primary));
        if let Some(at) = response.interact_pointer_pos().filter(|_| is_down) {
            let from = self.last.filter(|_| self.is_drawing).unwrap_or(at);
            let n = (from.distance(at) / STEP).ceil().max(1.0) as usize;
            for k in 1..=n {
                let place = from + (at - from) * (k as f32 / n as f32);
                self.set_down(picture, share(rect, place));
            }
            (self.last, self.is_drawing) = (Some(at), true);
        }
        let is_set = response.has_focus() && ui.input(|input| input.key_pressed(Key::Space));
        if let Some(at) = pointer.filter(|_| is_set && self.keyboard.is_some()) {
            self.set_down(picture, share(rect, at));
            self.is_drawing = true;
        }
        if self.is_drawing && !is_down {
            let centres = std::mem::take(&mut self.centres);
            (self.last, self.is_drawing) = (None, false);
            return Some(centres).filter(|all| all.iter().any(|own| !own.is_empty()));
        }
        None
    }

    fn set_down(&mut self, picture: &BrainPicture, share: [f32; 2]) {
        if !share.iter().all(|share| (0.0..=1.0).contains(share)) {
            return;
        }
        if let Some(hit) = picture.hit(share) {
            let own = &mut self.centres[hit.side.index()];
            let vertex = hit.nearest_vertex() as u32;
            if !own.contains(&vertex) && own.len() < MOST_POINTS {
                own.push(vertex);
            }
        }
    }

    /// Shows what the brush would add at the pointer, and what it has gone over.
    fn ring(
        &self,
        ui: &egui::Ui,
        rect: Rect,
        (picture, settings): (&BrainPicture, &DrawingSettings),
        pointer: Option<Pos2>,
    ) {
        let Some(meshes) = &picture.over.meshes else {
            return;
        };
        let mut centres = self.centres.clone();
        let hit = pointer
            .filter(|at| rect.contains(*at))
            .and_then(|at| picture.hit(share(rect, at)));
        if let Some(hit) = hit {
            ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
            centres[hit.side.index()].push(hit.nearest_vertex() as u32);
        }
        for side in Side::BOTH {
            let (mesh, own) = (&meshes[side.index()], &centres[side.index()]);
            if own.is_empty() {
                continue;
            }
            let region = mesh.brushed(own, settings.radius_mm);
            for line in mesh.outline(side, &region) {
                outline(ui, rect, picture, &line);
            }
        }
    }
}

/// Changes the radius: Ctrl with the wheel, or the keys of brackets.
fn resize(ui: &egui::Ui, response: &egui::Response, settings: &mut DrawingSettings) {
    let mut by = 1.0;
    if response.hovered() {
        by *= f64::from(ui.input(egui::InputState::zoom_delta));
    }
    if response.has_focus() {
        for (key, step) in [
            (Key::OpenBracket, 1.0 / RADIUS_PER_KEY),
            (Key::CloseBracket, RADIUS_PER_KEY),
        ] {
            if ui.input(|input| input.key_pressed(key)) {
                by *= step;
            }
        }
    }
    settings.radius_mm = (settings.radius_mm * by).clamp(RADII_MM[0], RADII_MM[1]);
}

/// Paints an outline where it is seen from the front.
fn outline(ui: &egui::Ui, rect: Rect, picture: &BrainPicture, line: &SurfaceLine) {
    let Some((posed, camera)) = &picture.posed else {
        return;
    };
    let mut hemispheres = posed.hemispheres.iter();
    let Some(own) = hemispheres.find(|own| own.side == line.side) else {
        return;
    };
    let size = picture.request.size;
    let projection = camera.projection(size);
    let mut piece: Vec<Pos2> = Vec::new();
    for point in &line.points {
        let [x, y, distance] = projection.project(point.on(&own.points));
        let shares = [x as f32 / size[0] as f32, y as f32 / size[1] as f32];
        let at = on_screen(rect, shares);
        let is_cut = piece
            .last()
            .is_some_and(|last| last.distance(at) > MOST_PIECE * rect.width());
        if is_cut || distance <= 0.0 {
            paint(ui, rect, &piece);
            piece.clear();
        }
        piece.push(at);
    }
    paint(ui, rect, &piece);
}

/// A light line with a dark rim.
fn paint(ui: &egui::Ui, rect: Rect, line: &[Pos2]) {
    let painter = ui.painter_at(rect);
    for stroke in [
        Stroke::new(3.0, Color32::from_black_alpha(150)),
        Stroke::new(1.5, Color32::WHITE),
    ] {
        painter.line(line.to_vec(), stroke);
    }
}

/// A point of the screen as shares of the picture's width and height.
fn share(rect: Rect, at: Pos2) -> [f32; 2] {
    let offset = (at - rect.min) / rect.size();
    [offset.x, offset.y]
}

fn on_screen(rect: Rect, [x, y]: [f32; 2]) -> Pos2 {
    rect.min + vec2(x * rect.width(), y * rect.height())
}
