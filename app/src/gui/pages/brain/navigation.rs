//! Turning, moving and enlarging the brain with the mouse and the keyboard.

use eframe::egui;
use egui::{Key, PointerButton};
use heschl_core::brain::Side;
use heschl_core::scene::NamedView;

use crate::gui::brain::BrainSettings;

/// Degrees that the brain turns by a point of a drag.
const DEGREES_PER_POINT: f64 = 0.4;
/// Degrees that an arrow key turns it by.
const DEGREES_PER_KEY: f64 = 10.0;
/// By how much an arrow key moves a flat map, in heights of the picture.
const STEP_PER_KEY: f64 = 0.05;
/// By how much a key enlarges.
const ZOOM_PER_KEY: f64 = 1.25;
/// Enlargement at most, and at least.
const ZOOMS: [f64; 2] = [0.5, 24.0];

/// Keys of views, as long as the picture has the keyboard.
const VIEW_KEYS: [(Key, NamedView); 10] = [
    (Key::L, NamedView::BothLateral),
    (Key::M, NamedView::BothMedial),
    (Key::D, NamedView::Dorsal),
    (Key::V, NamedView::Ventral),
    (Key::A, NamedView::Anterior),
    (Key::P, NamedView::Posterior),
    (Key::Num1, NamedView::Lateral(Side::Left)),
    (Key::Num2, NamedView::Lateral(Side::Right)),
    (Key::Num3, NamedView::Medial(Side::Left)),
    (Key::Num4, NamedView::Medial(Side::Right)),
];

/// What the keys and the mouse do, in a line.
pub(super) const HINT: &str = "Drag to rotate; drag with the right button to move, as on a flat map. Scroll to zoom, click \
    to choose a voxel, double-click to centre it. Keys: L lateral, M medial, D dorsal, V ventral, A anterior, P posterior, \
    1–4 one hemisphere, I inflated, F flat, arrows, + and −, 0 to reset.";

/// What the left button of the mouse does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftButton {
    /// It turns the brain.
    Turns,
    /// It draws, and the right button turns. Arrow keys without Shift move the pointer.
    Draws,
}

/// Turns, moves and enlarges as the user asks.
///
/// * `pinch`: by how much pinching and Ctrl with the wheel enlarge.
pub(super) fn ui(
    ui: &egui::Ui,
    response: &egui::Response,
    settings: &mut BrainSettings,
    (button, pinch): (LeftButton, f64),
) {
    let height = f64::from(response.rect.height().max(1.0));
    // Where the pointer is, in heights of the picture from its middle: to the right, and up.
    let place = |at: egui::Pos2| {
        let offset = at - response.rect.center();
        [f64::from(offset.x) / height, -f64::from(offset.y) / height]
    };
    if response.drag_started() {
        response.request_focus();
    }
    let (turning, moving) = match button {
        LeftButton::Turns => (PointerButton::Primary, PointerButton::Secondary),
        LeftButton::Draws => (PointerButton::Secondary, PointerButton::Middle),
    };
    if response.dragged_by(turning) || response.dragged_by(moving) {
        let drag = response.drag_delta();
        let moves = settings.is_flat() || response.dragged_by(moving);
        if moves {
            settings.pan[0] -= f64::from(drag.x) / height / settings.zoom;
            settings.pan[1] += f64::from(drag.y) / height / settings.zoom;
        } else {
            settings.turn[0] -= f64::from(drag.x) * DEGREES_PER_POINT;
            settings.turn[1] -= f64::from(drag.y) * DEGREES_PER_POINT;
        }
    }
    if let Some(at) = response.hover_pos() {
        if response.double_clicked() && button == LeftButton::Turns {
            for (pan, place) in settings.pan.iter_mut().zip(place(at)) {
                *pan += place / settings.zoom;
            }
        }
        let scroll = ui.input(|input| input.smooth_scroll_delta.y);
        zoom(settings, f64::from(scroll / 200.0).exp() * pinch, place(at));
    }
    if response.has_focus() {
        // The arrows turn the brain, and do not lead to the next control.
        let arrows = egui::EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            // A line that is being drawn is given up first.
            escape: button == LeftButton::Draws,
            ..egui::EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        keys(ui, settings, button);
    }
}

/// Enlarges around a place of the picture, which stays where it is.
fn zoom(settings: &mut BrainSettings, by: f64, place: [f64; 2]) {
    let before = settings.zoom;
    settings.zoom = (before * by).clamp(ZOOMS[0], ZOOMS[1]);
    for (pan, place) in settings.pan.iter_mut().zip(place) {
        *pan += place / before - place / settings.zoom;
    }
}

fn keys(ui: &egui::Ui, settings: &mut BrainSettings, button: LeftButton) {
    let pressed = |key| ui.input(|input| input.key_pressed(key) && !input.modifiers.command);
    let turns = button == LeftButton::Turns || ui.input(|input| input.modifiers.shift);
    for (key, [right, up]) in [
        (Key::ArrowLeft, [-1.0, 0.0]),
        (Key::ArrowRight, [1.0, 0.0]),
        (Key::ArrowUp, [0.0, 1.0]),
        (Key::ArrowDown, [0.0, -1.0]),
    ] {
        if !turns || !pressed(key) {
            continue;
        }
        if settings.is_flat() {
            settings.pan[0] += right * STEP_PER_KEY / settings.zoom;
            settings.pan[1] += up * STEP_PER_KEY / settings.zoom;
        } else {
            settings.turn[0] -= right * DEGREES_PER_KEY;
            settings.turn[1] += up * DEGREES_PER_KEY;
        }
    }
    for (key, view) in VIEW_KEYS {
        if pressed(key) {
            settings.take_view(view);
        }
    }
    if pressed(Key::F) {
        settings.take_view(NamedView::Flat);
    }
    if pressed(Key::I) {
        // Folded and inflated take turns.
        let is_inflated = (settings.unfold - 0.5).abs() < 1e-3;
        settings.unfold = if is_inflated { 0.0 } else { 0.5 };
        if settings.named == NamedView::Flat {
            settings.take_view(NamedView::BothLateral);
        }
    }
    if pressed(Key::Num0) {
        settings.reset_view();
    }
    for (keys, by) in [
        ([Key::Plus, Key::Equals], ZOOM_PER_KEY),
        ([Key::Minus, Key::Minus], 1.0 / ZOOM_PER_KEY),
    ] {
        if keys.into_iter().any(pressed) {
            zoom(settings, by, [0.0; 2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_the_pointer_stays_there_when_it_is_enlarged() {
        let mut settings = BrainSettings::default();
        let place = [0.3, -0.2];
        // Where the place lies on the brain, in heights of the whole picture.
        let under = |settings: &BrainSettings| {
            [0, 1].map(|axis| settings.pan[axis] + place[axis] / settings.zoom)
        };
        let before = under(&settings);
        for by in [2.0, 1.5, 0.3, 100.0, 0.001] {
            zoom(&mut settings, by, place);
            for (now, before) in under(&settings).iter().zip(before) {
                assert!((now - before).abs() < 1e-12);
            }
            assert!((ZOOMS[0]..=ZOOMS[1]).contains(&settings.zoom));
        }
    }
}
