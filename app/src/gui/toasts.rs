//! Short notes at the lower edge that go by themselves; what they said stays in the log.

use eframe::egui;
use egui::{Align2, Color32, accesskit::Role, vec2};

use super::icons;
use super::theme::{BETWEEN, CORNER, INSIDE, Palette};

/// How a note is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// For information.
    Plain,
    /// Something is done.
    Good,
    /// Something should be known.
    Amber,
    /// Something failed.
    Red,
}

impl Tone {
    fn icon(self) -> char {
        match self {
            Self::Plain => icons::INFO,
            Self::Good => icons::CIRCLE_CHECK,
            Self::Amber => icons::TRIANGLE_ALERT,
            Self::Red => icons::CIRCLE_ALERT,
        }
    }

    fn color(self, palette: &Palette) -> Color32 {
        match self {
            Self::Plain => palette.weak,
            Self::Good => palette.accent,
            Self::Amber => palette.amber,
            Self::Red => palette.red,
        }
    }

    /// For how long it is shown: failures until they are closed.
    fn secs(self) -> f64 {
        match self {
            Self::Plain | Self::Good => 4.0,
            Self::Amber => 10.0,
            Self::Red => f64::INFINITY,
        }
    }
}

struct Toast {
    tone: Tone,
    text: String,
    since_secs: f64,
}

/// The notes that are shown.
#[derive(Default)]
pub(crate) struct Toasts {
    shown: Vec<Toast>,
}

/// More at a time would hide the page; all are in the log.
const MAX_SHOWN: usize = 4;

impl Toasts {
    /// Shows a note from now on.
    pub(crate) fn add(&mut self, tone: Tone, text: String, now_secs: f64) {
        self.shown.retain(|toast| toast.text != text);
        self.shown.push(Toast {
            tone,
            text,
            since_secs: now_secs,
        });
        if self.shown.len() > MAX_SHOWN {
            self.shown.remove(0);
        }
    }

    /// Closes all notes.
    pub(crate) fn clear(&mut self) {
        self.shown.clear();
    }

    /// Draws the notes above the status bar.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui) {
        let now_secs = ui.input(|input| input.time);
        self.shown
            .retain(|toast| now_secs - toast.since_secs < toast.tone.secs());
        let next = self
            .shown
            .iter()
            .map(|toast| toast.since_secs + toast.tone.secs() - now_secs);
        if let Some(secs) = next.filter(|secs| secs.is_finite()).min_by(f64::total_cmp) {
            ui.ctx().request_repaint_after_secs(secs as f32);
        }
        if self.shown.is_empty() {
            return;
        }
        let corner = ui.max_rect().right_bottom() - vec2(BETWEEN, BETWEEN + 32.0);
        let area = egui::Area::new(egui::Id::unique("toasts"))
            .pivot(Align2::RIGHT_BOTTOM)
            .fixed_pos(corner);
        let mut closed = None;
        area.order(egui::Order::Foreground).show(ui.ctx(), |ui| {
            for (at, toast) in self.shown.iter().enumerate() {
                if draw(ui, toast) {
                    closed = Some(at);
                }
            }
        });
        if let Some(at) = closed {
            self.shown.remove(at);
        }
    }
}

/// Draws one note; returns whether it was closed.
fn draw(ui: &mut egui::Ui, toast: &Toast) -> bool {
    let palette = Palette::of(ui);
    let color = toast.tone.color(palette);
    let frame = egui::Frame::new()
        .fill(palette.side)
        .stroke((1.0, color.gamma_multiply(0.6)))
        .corner_radius(CORNER)
        .inner_margin(12.0)
        .shadow(ui.visuals().popup_shadow);
    let inner = frame.show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.label(egui::RichText::new(toast.tone.icon()).color(color));
            ui.scope(|ui| {
                ui.set_max_width(380.0);
                let label = ui.add(egui::Label::new(&toast.text).wrap());
                label.widget_info(|| egui::WidgetInfo::labeled(Role::Alert, true, &toast.text));
            });
            super::widgets::icon_button(ui, icons::X, "Close note").clicked()
        })
        .inner
    });
    ui.add_space(INSIDE);
    inner.inner
}
