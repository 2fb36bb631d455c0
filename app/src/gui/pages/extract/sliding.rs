//! The sliding window, drawn on the selected story.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, FontId, Rect, Sense, pos2, vec2};

use crate::gui::info::Info;
use crate::gui::state::{Motion, State, Study};
use crate::gui::theme::{CORNER, Palette};
use crate::gui::widgets::name;
use heschl_core::speech::window::Coverage;

/// The drawing, which stands where the pointer put it.
#[derive(Default)]
pub(super) struct SlidingWindow {
    /// The instant that is described, as a share of the story; it slides by itself until the pointer takes it.
    at: Option<f32>,
}

/// Seconds shown where no story is known.
const TYPICAL_SECS: f64 = 40.0;
/// Seconds that the window takes to slide once over the drawing.
const SLIDE_SECS: f64 = 12.0;

impl SlidingWindow {
    /// Draws the window on the waveform.
    pub(super) fn ui(&mut self, ui: &mut egui::Ui, study: &Study, state: &State, info: &Info) {
        let palette = Palette::of(ui);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), 104.0), Sense::click_and_drag());
        name(&response, Role::Image, "The sliding window on the story");
        ui.painter().rect(
            rect,
            CORNER,
            palette.side,
            (1.0, palette.hairline),
            egui::StrokeKind::Inside,
        );
        let Ok(lengths) = study.window.lengths() else {
            ui.painter().text(
                rect.center(),
                Align2::CENTER_CENTER,
                "These settings are not valid for a window.",
                FontId::proportional(14.0),
                palette.weak,
            );
            return;
        };
        let rate = f64::from(heschl_core::speech::ENCODER_RATE_HZ);
        let window_secs = lengths.window_samples as f64 / rate;
        let step_secs = lengths.step_samples as f64 / rate;
        let story_secs = self.story_secs(state, info);
        // The drawing shows two windows and a half, so that the window is seen to move.
        let shown_secs = story_secs.min(window_secs * 2.5).max(step_secs * 4.0);
        let plot = rect
            .shrink2(vec2(12.0, 8.0))
            .with_max_y(rect.bottom() - 24.0);
        let share = self.share(ui, &response, plot, state);
        let step = (f64::from(share) * shown_secs / step_secs).round().max(1.0);
        let end_secs = (step * step_secs).min(shown_secs);
        let start_secs = end_secs - window_secs;
        let x = |secs: f64| plot.left() + (secs / shown_secs) as f32 * plot.width();
        super::super::sound_view::outline(ui, plot, info, (0.0, shown_secs));
        let is_dropped = study.window.coverage == Coverage::FullContext && start_secs < -1e-9;
        let left = x(start_secs.max(0.0));
        let heard = Rect::from_min_max(pos2(left, plot.top()), pos2(x(end_secs), plot.bottom()));
        let color = if is_dropped {
            palette.amber
        } else {
            palette.accent
        };
        ui.painter().rect(
            heard,
            3.0,
            color.gamma_multiply(0.16),
            (1.5, color),
            egui::StrokeKind::Inside,
        );
        let newest = Rect::from_min_max(
            pos2(x((end_secs - step_secs).max(0.0)), plot.top()),
            pos2(x(end_secs), plot.bottom()),
        );
        ui.painter()
            .rect_filled(newest, 0.0, color.gamma_multiply(0.5));
        let words = words([start_secs, end_secs], study.window.coverage);
        let scale = format!("window {window_secs:.1} s, a row every {step_secs} s");
        captions(ui, plot, rect.bottom() - 13.0, &words, &scale);
        response.on_hover_text(
            "Drag to move the window. Each row describes the time at which its window ends.",
        );
    }

    #[expect(clippy::unused_self, reason = "kept beside what it draws")]
    fn story_secs(&self, state: &State, info: &Info) -> f64 {
        let story = info
            .stories()
            .iter()
            .find(|story| Some(&story.story) == state.story.as_ref());
        let header = story
            .and_then(|story| story.header.as_ref())
            .and_then(|header| header.as_ref().ok());
        header
            .and_then(|info| info.duration_secs)
            .unwrap_or(TYPICAL_SECS)
            .max(0.1)
    }

    /// The share of the drawing at which the window ends.
    fn share(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        plot: Rect,
        state: &State,
    ) -> f32 {
        if let Some(pointer) = response.interact_pointer_pos() {
            self.at = Some(((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0));
        }
        match (self.at, state.preferences.settings.motion) {
            (Some(at), _) => at,
            (None, Motion::Reduced) => 0.7,
            (None, Motion::Full) => {
                // Slides only while the pointer is near, so that an idle window costs nothing.
                if response.hovered() {
                    ui.ctx().request_repaint_after_secs(0.05);
                    let time = ui.input(|input| input.time);
                    ((time % SLIDE_SECS) / SLIDE_SECS) as f32
                } else {
                    0.7
                }
            }
        }
    }
}

/// What the row hears, in words.
fn words([start_secs, end_secs]: [f64; 2], coverage: Coverage) -> String {
    let is_short = start_secs < -1e-9;
    match coverage {
        Coverage::FullContext if is_short => {
            format!("no row at {end_secs:.1} s: the context is incomplete")
        }
        Coverage::RampIn if is_short => {
            format!("ramp-in: the row at {end_secs:.1} s sees {end_secs:.1} s of audio")
        }
        Coverage::PadSilence if is_short => {
            format!("the row at {end_secs:.1} s sees silence, then {end_secs:.1} s of audio")
        }
        _ => format!(
            "the row at {end_secs:.1} s sees {start_secs:.1} to {end_secs:.1} s, and nothing later"
        ),
    }
}

/// A caption at each side below the drawing.
fn captions(ui: &egui::Ui, plot: Rect, y: f32, left: &str, right: &str) {
    let (font, weak) = (FontId::proportional(12.0), Palette::of(ui).weak);
    ui.painter().text(
        pos2(plot.left(), y),
        Align2::LEFT_CENTER,
        left,
        font.clone(),
        weak,
    );
    ui.painter().text(
        pos2(plot.right(), y),
        Align2::RIGHT_CENTER,
        right,
        font,
        weak,
    );
}
