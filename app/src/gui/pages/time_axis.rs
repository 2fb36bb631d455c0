//! The one axis of time that all pages share: what is shown of it, its ticks, and the cursor upon it.

use eframe::egui;
use egui::{Align2, FontId, Rect, pos2};

use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::state::State;
use crate::gui::theme::Palette;

/// A stretch of time, drawn across a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeAxis {
    /// First and last instant that is shown, in seconds.
    pub(crate) shown: [f64; 2],
    /// First and last instant that there is, in seconds.
    pub(crate) whole: [f64; 2],
    /// Where it is drawn.
    pub(crate) rect: Rect,
}

/// Nobody looks closer.
const SHORTEST_SECS: f64 = 0.02;
/// Points from one tick to the next, at least.
const TICK_POINTS: f32 = 84.0;

impl TimeAxis {
    /// The axis of a story of a length, across a rectangle.
    #[must_use]
    pub(crate) fn new(state: &State, secs: f64, rect: Rect) -> Self {
        Self::spanning(state, [0.0, secs], rect)
    }

    /// The axis of what lies between two instants, across a rectangle.
    #[must_use]
    pub(crate) fn spanning(state: &State, [first, last]: [f64; 2], rect: Rect) -> Self {
        let last = last.max(first + SHORTEST_SECS);
        let shown = state.shown_secs.unwrap_or([first, last]);
        let from = shown[0].clamp(first, last - SHORTEST_SECS);
        let to = shown[1].clamp(from + SHORTEST_SECS, last);
        Self {
            shown: [from, to],
            whole: [first, last],
            rect,
        }
    }

    /// Where an instant is drawn.
    #[must_use]
    pub(crate) fn x(&self, secs: f64) -> f32 {
        let share = (secs - self.shown[0]) / (self.shown[1] - self.shown[0]);
        self.rect.left() + share as f32 * self.rect.width()
    }

    /// The instant that is drawn at a place.
    #[must_use]
    pub(crate) fn at(&self, x: f32) -> f64 {
        let share = f64::from((x - self.rect.left()) / self.rect.width().max(1.0));
        self.shown[0] + share * (self.shown[1] - self.shown[0])
    }

    /// Sets the cursor, zooms and moves along as the pointer asks.
    pub(crate) fn listen(&self, ui: &egui::Ui, response: &egui::Response, actions: &mut Actions) {
        if let Some(pointer) = response.interact_pointer_pos() {
            actions.push(Action::View(ViewAction::Cursor(
                self.at(pointer.x).clamp(self.whole[0], self.whole[1]),
            )));
        }
        let Some(pointer) = response.hover_pos() else {
            return;
        };
        let (zoom, scroll) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta()));
        if (zoom - 1.0).abs() > 1e-4 {
            actions.push(Action::View(ViewAction::Time(
                self.zoomed(f64::from(zoom), self.at(pointer.x)),
            )));
        } else if scroll.x.abs() > 0.1 {
            let per_point = (self.shown[1] - self.shown[0]) / f64::from(self.rect.width().max(1.0));
            actions.push(Action::View(ViewAction::Time(
                self.moved(-f64::from(scroll.x) * per_point),
            )));
        }
    }

    /// What is shown after zooming in by a factor about an instant.
    #[must_use]
    pub(crate) fn zoomed(&self, factor: f64, about: f64) -> Option<[f64; 2]> {
        let length = ((self.shown[1] - self.shown[0]) / factor)
            .clamp(SHORTEST_SECS, self.whole[1] - self.whole[0]);
        let share = (about - self.shown[0]) / (self.shown[1] - self.shown[0]);
        self.kept_inside(about - share * length, length)
    }

    /// What is shown after moving along.
    #[must_use]
    pub(crate) fn moved(&self, secs: f64) -> Option<[f64; 2]> {
        self.kept_inside(self.shown[0] + secs, self.shown[1] - self.shown[0])
    }

    fn kept_inside(&self, from: f64, length: f64) -> Option<[f64; 2]> {
        let [first, last] = self.whole;
        if length >= last - first - 1e-9 {
            return None;
        }
        let from = from.clamp(first, last - length);
        Some([from, from + length])
    }

    /// Draws ticks with their times below the rectangle.
    pub(crate) fn ticks(&self, ui: &egui::Ui) {
        let palette = Palette::of(ui);
        let n_most = (self.rect.width() / TICK_POINTS).max(1.0);
        let step = tick_step((self.shown[1] - self.shown[0]) / f64::from(n_most));
        let mut tick = (self.shown[0] / step).ceil();
        while tick * step <= self.shown[1] {
            let secs = tick * step;
            let x = self.x(secs);
            ui.painter().vline(
                x,
                self.rect.bottom()..=self.rect.bottom() + 4.0,
                (1.0, palette.weak),
            );
            let align = if x > self.rect.right() - 24.0 {
                Align2::RIGHT_TOP
            } else {
                Align2::CENTER_TOP
            };
            let at = pos2(x, self.rect.bottom() + 4.0);
            ui.painter().text(
                at,
                align,
                tick_words(secs, step),
                FontId::proportional(12.0),
                palette.weak,
            );
            tick += 1.0;
        }
    }

    /// Draws the cursor over the rectangle.
    pub(crate) fn cursor(&self, ui: &egui::Ui, state: &State) {
        let x = self.x(state.cursor_secs);
        if (self.rect.left()..=self.rect.right()).contains(&x) {
            ui.painter()
                .vline(x, self.rect.y_range(), (1.5, Palette::of(ui).amber));
        }
    }
}

/// The smallest round step that is not below `secs`.
#[must_use]
pub(crate) fn tick_step(secs: f64) -> f64 {
    const STEPS: [f64; 22] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0,
        60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
    ];
    STEPS
        .into_iter()
        .find(|step| *step >= secs)
        .unwrap_or(3600.0)
}

/// `1:05`, or `3.2 s` where ticks are closer than seconds.
#[must_use]
pub(crate) fn tick_words(secs: f64, step: f64) -> String {
    if step >= 1.0 {
        let sign = if secs <= -1.0 { "−" } else { "" };
        return format!("{sign}{}", crate::gui::text::clock(secs.abs()));
    }
    let n_digits = (-step.log10()).ceil() as usize;
    format!("{secs:.n_digits$} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(shown: Option<[f64; 2]>) -> TimeAxis {
        let state = State {
            shown_secs: shown,
            ..State::default()
        };
        TimeAxis::new(
            &state,
            100.0,
            Rect::from_min_max(pos2(10.0, 0.0), pos2(210.0, 50.0)),
        )
    }

    #[test]
    fn places_and_instants_go_back_and_forth() {
        let axis = axis(Some([20.0, 40.0]));
        assert!((axis.x(30.0) - 110.0).abs() < 1e-4 && (axis.at(110.0) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn zooming_keeps_the_instant_and_stays_inside() {
        let near = axis(None).zoomed(4.0, 50.0).unwrap();
        assert!((near[0] - 37.5).abs() < 1e-9 && (near[1] - 62.5).abs() < 1e-9);
        let zoomed = axis(Some(near));
        assert_eq!(zoomed.zoomed(0.01, 50.0), None);
        assert_eq!(zoomed.moved(-100.0), Some([0.0, 25.0]));
        assert_eq!(zoomed.moved(1000.0), Some([75.0, 100.0]));
    }

    #[test]
    fn what_lies_before_the_sound_has_a_sign() {
        assert_eq!(
            [tick_words(-10.0, 10.0), tick_words(0.0, 10.0)],
            ["−0:10", "0:00"]
        );
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 10.0));
        let axis = TimeAxis::spanning(&State::default(), [-10.0, 90.0], whole);
        assert!(axis.x(0.0) - 10.0 < 1e-4 && axis.zoomed(0.5, 0.0).is_none());
    }

    #[test]
    fn ticks_are_round() {
        let steps = [0.013, 7.0, 1e9].map(|secs| tick_step(secs).to_string());
        assert_eq!(steps, ["0.02", "10", "3600"]);
        assert_eq!(
            [
                tick_words(65.0, 5.0),
                tick_words(3.2, 0.1),
                tick_words(3.25, 0.05)
            ],
            ["1:05", "3.2 s", "3.25 s"]
        );
    }
}
