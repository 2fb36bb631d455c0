//! What pictures of colours have around them: a bar that says what colours mean, ticks and titles of the axes.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, Rect, Sense, pos2, vec2};

use super::time_axis::{tick_step, tick_words};
use crate::gui::theme::{INSIDE, Palette};
use crate::gui::widgets::{name, plain};
use heschl_core::figure::{step_of, ticks};

/// Size of what stands at axes.
const SIZE: f32 = 12.0;
/// Width and height of a bar.
const BAR: [f32; 2] = [200.0, 10.0];
/// Height of a bar with its numbers.
const HEIGHT: f32 = 34.0;
/// Colours of a bar.
const N_COLOURS: usize = 100;
/// Room left of a picture for the title of its axis, the numbers and the ticks.
pub(super) const LEFT: f32 = 68.0;
/// Room below a picture.
pub(super) const BELOW: f32 = 38.0;
/// Points from one tick to the next on an axis that goes up, at least.
const UP_POINTS: f64 = 28.0;

/// Colours with the values that they stand for.
pub(super) struct ColourBar<'a> {
    /// What is coloured, with its unit.
    pub(super) title: &'a str,
    /// The values at the ends.
    pub(super) range: [f64; 2],
    /// The colour at a share of the range.
    pub(super) color: fn(f32) -> Color32,
    /// How a value is written.
    pub(super) words: &'a dyn Fn(f64) -> String,
}

impl ColourBar<'_> {
    /// Draws it above a picture: the bar, numbers at round places below it, its title beside it.
    pub(super) fn ui(&self, ui: &mut egui::Ui, step: f64) {
        let size = vec2(ui.available_width(), HEIGHT);
        let (all, response) = ui.allocate_exact_size(size, Sense::hover());
        name(&response, Role::Image, &format!("Colours: {}", self.title));
        let size = vec2(BAR[0].min(all.width() * 0.4), BAR[1]);
        let bar = Rect::from_min_size(all.left_top() + vec2(LEFT, 2.0), size);
        let (painter, palette) = (ui.painter(), Palette::of(ui));
        let width = bar.width() / N_COLOURS as f32;
        for at in 0..N_COLOURS {
            let corner = bar.left_top() + vec2(at as f32 * width, 0.0);
            let part = Rect::from_min_size(corner, vec2(width + 0.5, bar.height()));
            let share = at as f32 / (N_COLOURS - 1) as f32;
            painter.rect_filled(part, 0.0, (self.color)(share));
        }
        let [low, high] = self.range;
        for tick in ticks(self.range, step) {
            let x = bar.left() + ((tick - low) / (high - low).max(1e-12)) as f32 * bar.width();
            let y = bar.bottom();
            painter.vline(x, y..=y + 3.0, (1.0, palette.weak));
            let words = (self.words)(tick);
            let font = FontId::proportional(SIZE);
            painter.text(
                pos2(x, y + 4.0),
                Align2::CENTER_TOP,
                words,
                font,
                palette.weak,
            );
        }
        let room = all.right() - bar.right() - 2.0 * INSIDE;
        let font = FontId::proportional(SIZE);
        let title = painter.layout(self.title.to_owned(), font, palette.weak, room);
        painter.galley(
            bar.right_top() + vec2(2.0 * INSIDE, -3.0),
            title,
            palette.weak,
        );
    }

    /// The step of a bar for values that are plain numbers.
    pub(super) fn plain_step(&self) -> f64 {
        step_of(self.range, 6.0)
    }
}

/// The title of an axis that goes up, turned, left of a picture.
pub(super) fn title_up(ui: &egui::Ui, rect: Rect, words: &str) {
    let color = Palette::of(ui).weak;
    let font = FontId::proportional(SIZE);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), font, color);
    let at = pos2(
        rect.left() - LEFT + 2.0,
        rect.center().y + galley.size().x / 2.0,
    );
    let text = egui::epaint::TextShape::new(at, galley, color);
    let angle = -std::f32::consts::FRAC_PI_2;
    ui.painter().add(text.with_angle(angle));
}

/// The title of an axis that goes across, below the ticks of a picture.
pub(super) fn title_across(ui: &egui::Ui, rect: Rect, words: &str) {
    let at = pos2(rect.center().x, rect.bottom() + BELOW);
    let font = FontId::proportional(SIZE);
    let color = Palette::of(ui).weak;
    ui.painter()
        .text(at, Align2::CENTER_BOTTOM, words, font, color);
}

/// A tick left of a picture, with what stands at it.
pub(super) fn tick_up(ui: &egui::Ui, rect: Rect, y: f32, (words, color): (String, Color32)) {
    let left = rect.left();
    ui.painter()
        .hline(left - 4.0..=left, y, (1.0, Palette::of(ui).weak));
    let at = pos2(left - 6.0, y);
    let font = FontId::proportional(SIZE);
    ui.painter()
        .text(at, Align2::RIGHT_CENTER, words, font, color);
}

/// A tick below a picture, with what stands at it.
pub(super) fn tick_across(ui: &egui::Ui, rect: Rect, x: f32, (words, color): (String, Color32)) {
    let y = rect.bottom();
    ui.painter()
        .vline(x, y..=y + 4.0, (1.0, Palette::of(ui).weak));
    let font = FontId::proportional(SIZE);
    ui.painter()
        .text(pos2(x, y + 5.0), Align2::CENTER_TOP, words, font, color);
}

/// Ticks at round numbers left of a picture, the first value of a range at its top and the last at its bottom.
pub(super) fn numbers_down(ui: &egui::Ui, rect: Rect, [top, bottom]: [f64; 2]) {
    let range = [top.min(bottom), top.max(bottom)];
    let n_ticks = f64::from(rect.height()) / UP_POINTS;
    let color = Palette::of(ui).weak;
    for tick in ticks(range, step_of(range, n_ticks)) {
        let share = (tick - range[0]) / (range[1] - range[0]).max(1e-12);
        let share = if top < bottom { share } else { 1.0 - share };
        let y = rect.top() + share as f32 * rect.height();
        tick_up(ui, rect, y, (tick_number(tick), color));
    }
}

/// Ticks at round instants left of a picture, the earliest at its top.
pub(super) fn instants_down(ui: &egui::Ui, rect: Rect, end_secs: f64) {
    let n_ticks = (f64::from(rect.height()) / (2.0 * UP_POINTS)).max(1.0);
    let step = tick_step(end_secs / n_ticks);
    let color = Palette::of(ui).weak;
    for tick in ticks([0.0, end_secs], step) {
        let y = rect.top() + (tick / end_secs) as f32 * rect.height();
        tick_up(ui, rect, y, (tick_words(tick, step), color));
    }
}

/// A round number at a tick; what is too small to be written out has a power of ten.
pub(super) fn tick_number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 {
        format!("{value:.0e}")
    } else {
        plain(value)
    }
}

/// From how many places one has a tick, so that names of a width do not touch.
pub(super) fn every(points_of_one: f32, width: f32) -> usize {
    let steps = [1, 2, 5, 10, 20, 50, 100];
    let has_room = |every: &usize| *every as f32 * points_of_one >= width;
    steps.into_iter().find(has_room).unwrap_or(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_an_axis_do_not_touch() {
        let found = [40.0, 20.0, 7.0, 1.0].map(|points| every(points, 24.0));
        assert_eq!(found, [1, 2, 5, 50]);
    }

    #[test]
    fn numbers_at_ticks_are_never_rounded_to_nought() {
        let found = [0.0, 0.25, -2e-6, 1_500.0].map(tick_number);
        assert_eq!(found, ["0", "0.25", "-2e-6", "1,500"]);
    }
}
