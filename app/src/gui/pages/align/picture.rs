//! A story on one clock, drawn: sound, words, frames, the filter at the cursor, scans, and one voxel's responses.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, Rect, Sense, Shape, Stroke, pos2, vec2};
use heschl_core::fmri::downsample::Downsampling;
use heschl_core::run::design::Alignment;

use crate::gui::actions::Actions;
use crate::gui::info::Info;
use crate::gui::pages::sound_view::{waveform, words_row};
use crate::gui::pages::time_axis::{TimeAxis, tick_words};
use crate::gui::state::State;
use crate::gui::theme::Palette;
use crate::gui::widgets::name;

/// Room for the names of the rows.
const NAMES_WIDTH: f32 = 72.0;
/// Room for the ticks below.
const TICKS_HEIGHT: f32 = 20.0;
/// Heights of the rows that have one line.
const LINE_HEIGHT: f32 = 20.0;
/// Between rows.
const GAP: f32 = 6.0;
/// Fewer points between frames than this, and they are drawn as one bar.
const CLOSEST_FRAMES: f32 = 2.0;

/// First and last instant at which there is something, seconds.
pub(super) fn span(alignment: &Alignment, info: &Info) -> [f64; 2] {
    let [first, last] = alignment.span_secs();
    let sound_secs = info.sound.ready().map_or(0.0, |sound| sound.secs());
    [first, last.max(sound_secs)]
}

/// The rows, from above.
struct Rows {
    sound: Rect,
    words: Rect,
    frames: Rect,
    filter: Rect,
    scans: Rect,
    responses: Rect,
}

impl Rows {
    fn within(rect: Rect) -> Self {
        let free = rect.height() - 3.0 * LINE_HEIGHT - 5.0 * GAP;
        let mut top = rect.top();
        let mut row = |height: f32| {
            let row = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height));
            top += height + GAP;
            row
        };
        Self {
            sound: row(free * 0.32),
            words: row(LINE_HEIGHT),
            frames: row(LINE_HEIGHT),
            filter: row(free * 0.28),
            scans: row(LINE_HEIGHT),
            responses: row(free * 0.4),
        }
    }
}

/// Draws the picture, so high, and listens to the pointer.
pub(super) fn show(
    ui: &mut egui::Ui,
    alignment: &Alignment,
    (state, info): (&State, &Info),
    actions: &mut Actions,
    height: f32,
) {
    let size = vec2(ui.available_width(), height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    name(&response, Role::Canvas, "The story on one clock");
    let plot = rect
        .with_min_x(rect.left() + NAMES_WIDTH)
        .with_max_y(rect.bottom() - TICKS_HEIGHT);
    ui.painter().rect_filled(plot, 4.0, Palette::of(ui).side);
    let axis = TimeAxis::spanning(state, span(alignment, info), plot);
    axis.listen(ui, &response, actions);
    let rows = Rows::within(plot);
    let picture = AlignmentPicture {
        ui,
        alignment,
        axis,
        scan: alignment.nearest_scan(state.cursor_secs),
    };
    picture.sound(rows.sound, info);
    picture.words(rows.words);
    picture.frames(rows.frames);
    picture.filter(rows.filter);
    picture.scans(rows.scans);
    picture.responses(rows.responses);
    axis.ticks(ui);
    axis.cursor(ui, state);
    if let Some(pointer) = response.hover_pos() {
        let words = tick_words(axis.at(pointer.x), 0.01);
        response.on_hover_text_at_pointer(words);
    }
}

struct AlignmentPicture<'a> {
    ui: &'a egui::Ui,
    alignment: &'a Alignment,
    axis: TimeAxis,
    /// The scan at the cursor.
    scan: Option<usize>,
}

impl AlignmentPicture<'_> {
    fn palette(&self) -> &'static Palette {
        Palette::of(self.ui)
    }

    fn painter(&self, rect: Rect) -> egui::Painter {
        self.ui.painter_at(rect)
    }

    fn row_name(&self, rect: Rect, words: &str) {
        let at = pos2(self.axis.rect.left() - 8.0, rect.center().y);
        self.ui.painter().text(
            at,
            Align2::RIGHT_CENTER,
            words,
            FontId::proportional(12.0),
            self.palette().weak,
        );
    }

    fn is_shown(&self, from: f64, to: f64) -> bool {
        to >= self.axis.shown[0] && from <= self.axis.shown[1]
    }

    fn sound(&self, rect: Rect, info: &Info) {
        self.row_name(rect, "Sound");
        let Some(sound) = info.sound.ready() else {
            return;
        };
        // The sound begins at 0 and may end before the last scan.
        let shown = [
            self.axis.shown[0].max(0.0),
            self.axis.shown[1].min(sound.secs()),
        ];
        if shown[1] > shown[0] {
            let part = Rect::from_x_y_ranges(
                self.axis.x(shown[0])..=self.axis.x(shown[1]),
                rect.y_range(),
            );
            waveform(self.ui, part, sound, shown);
        }
    }

    /// Each word in its place, as far as there is room for it.
    fn words(&self, rect: Rect) {
        self.row_name(rect, "Words");
        words_row(self.ui, &self.axis, rect, &self.alignment.words);
    }

    /// A tick for each frame; those that make up the scan at the cursor stand out.
    fn frames(&self, rect: Rect) {
        self.row_name(rect, "Frames");
        let (painter, palette) = (self.painter(rect), self.palette());
        let frames = &self.alignment.frame_secs;
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
            return;
        };
        let apart = (self.axis.x(*last) - self.axis.x(*first)) / frames.len().max(2) as f32;
        if apart < CLOSEST_FRAMES {
            let bar = Rect::from_x_y_ranges(
                self.axis.x(*first)..=self.axis.x(*last),
                rect.shrink2(vec2(0.0, 6.0)).y_range(),
            );
            painter.rect_filled(bar, 2.0, palette.hairline);
        } else {
            for secs in frames.iter().filter(|secs| self.is_shown(**secs, **secs)) {
                painter.vline(
                    self.axis.x(*secs),
                    rect.shrink2(vec2(0.0, 5.0)).y_range(),
                    (1.0, palette.weak),
                );
            }
        }
        for (secs, _) in self.taps() {
            painter.vline(self.axis.x(secs), rect.y_range(), (1.0, palette.accent));
        }
    }

    fn taps(&self) -> Vec<(f64, f64)> {
        self.scan.map_or_else(Vec::new, |scan| {
            self.alignment.frames_of(scan, Downsampling::default())
        })
    }

    /// The filter around the scan at the cursor: its curve, and each frame's weight.
    fn filter(&self, rect: Rect) {
        self.row_name(rect, "Filter");
        let (painter, palette) = (self.painter(rect), self.palette());
        // The highest lobe is 1, the lowest -0.14.
        let y = |weight: f64| rect.bottom() - (weight as f32 + 0.2) / 1.25 * rect.height();
        painter.hline(rect.x_range(), y(0.0), (1.0, palette.hairline));
        let Some(scan) = self.scan else {
            return;
        };
        for (secs, weight) in self.taps() {
            let x = self.axis.x(secs);
            let (low, high) = (y(weight.min(0.0)), y(weight.max(0.0)));
            painter.vline(x, high..=low, (1.0, palette.accent.gamma_multiply(0.45)));
        }
        let n_points = rect.width().max(2.0) as usize;
        let curve: Vec<_> = (0..n_points)
            .map(|point| rect.left() + point as f32)
            .filter_map(|x| {
                let weight =
                    self.alignment
                        .filter_at(scan, self.axis.at(x), Downsampling::default())?;
                Some(pos2(x, y(weight)))
            })
            .collect();
        painter.add(Shape::line(curve, Stroke::new(1.5, palette.accent)));
    }

    /// A box for each scan; the trimmed ones are empty.
    fn scans(&self, rect: Rect) {
        self.row_name(rect, "Scans");
        let (painter, palette) = (self.painter(rect), self.palette());
        let Some(scans) = &self.alignment.scans else {
            return;
        };
        let half = scans.repetition_secs / 2.0;
        for (scan, centre) in scans.centre_secs.iter().enumerate() {
            if !self.is_shown(centre - half, centre + half) {
                continue;
            }
            let place = Rect::from_x_y_ranges(
                self.axis.x(centre - half)..=self.axis.x(centre + half),
                rect.y_range(),
            );
            let place = place.shrink2(vec2((place.width() * 0.1).min(1.0), 2.0));
            let is_retained = self.alignment.kept.contains(&scan);
            let is_here = self.scan == Some(scan);
            let fill = match (is_retained, is_here) {
                (_, true) => palette.accent,
                (true, false) => palette.weak.gamma_multiply(0.45),
                (false, false) => Color32::TRANSPARENT,
            };
            painter.rect_filled(place, 2.0, fill);
            if !is_retained {
                let stroke = Stroke::new(1.0, palette.hairline);
                painter.rect_stroke(place, 2.0, stroke, egui::StrokeKind::Inside);
            }
            if place.width() > 30.0 {
                let color = if is_here {
                    palette.on_accent
                } else {
                    palette.text
                };
                let words = (scan + 1).to_string();
                painter.text(
                    place.center(),
                    Align2::CENTER_CENTER,
                    words,
                    FontId::proportional(12.0),
                    color,
                );
            }
        }
    }

    /// One voxel's responses, each at its scan's centre.
    fn responses(&self, rect: Rect) {
        let (Some(scans), Some(time_course)) = (&self.alignment.scans, &self.alignment.time_course)
        else {
            return self.row_name(rect, "Response");
        };
        self.row_name(rect, &format!("Voxel {}", time_course.voxel));
        let finite = time_course
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite());
        let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let inner = rect.shrink2(vec2(0.0, 5.0));
        let range = (high - low).max(f32::MIN_POSITIVE);
        let y = |value: f32| inner.bottom() - (value - low) / range * inner.height();
        let (painter, palette) = (self.painter(rect), self.palette());
        let mut line = Vec::new();
        for (value, scan) in time_course.values.iter().zip(self.alignment.kept.start..) {
            let Some(centre) = scans.centre_secs.get(scan) else {
                break;
            };
            if !value.is_finite() {
                // A gap where nothing was measured.
                painter.add(Shape::line(std::mem::take(&mut line), (1.5, palette.text)));
                continue;
            }
            let point = pos2(self.axis.x(*centre), y(*value));
            line.push(point);
            if self.scan == Some(scan) {
                painter.circle_filled(point, 4.0, palette.accent);
            }
        }
        painter.add(Shape::line(line, (1.5, palette.text)));
    }
}
