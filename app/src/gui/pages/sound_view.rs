//! The selected story: its waveform and spectrogram on a shared time axis, and playback.

use std::sync::Arc;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Color32, Rect, Sense, pos2, vec2};
use heschl_core::display::sound::{N_BANDS, Sound};
use heschl_core::fmri::textgrid::Interval;

use super::time_axis::{TimeAxis, tick_words};
use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::colours;
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::state::State;
use crate::gui::theme::{INSIDE, Palette};
use crate::gui::widgets::{icon_button, name, problem, weak};

/// The view of a story's sound.
#[derive(Default)]
pub(crate) struct SoundView {
    picture: Option<SoundPicture>,
}

/// A spectrogram as it was drawn last.
struct SoundPicture {
    of: Arc<Sound>,
    shown: [f64; 2],
    n_columns: usize,
    texture: egui::TextureHandle,
}

/// Room for the ticks below.
const TICKS_HEIGHT: f32 = 20.0;

impl SoundView {
    /// Draws the view into the room that is left.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        match &info.sound {
            Loading::Nothing => {}
            Loading::Waiting => {
                ui.horizontal(|ui| {
                    ui.spinner();
                    weak(ui, "Reading the recording …");
                });
            }
            Loading::Failed(sentence) => problem(ui, sentence),
            Loading::Ready(sound) => self.sound(ui, sound, (state, info), actions),
        }
    }

    fn sound(
        &mut self,
        ui: &mut egui::Ui,
        sound: &Arc<Sound>,
        (state, info): (&State, &Info),
        actions: &mut Actions,
    ) {
        ui.horizontal(|ui| {
            controls(ui, [0.0, sound.secs()], state, info, actions);
            if let Some(story) = &state.story {
                ui.add(egui::Label::new(story).truncate());
            }
        });
        let size = vec2(
            ui.available_width(),
            (ui.available_height() - 2.0).max(96.0),
        );
        let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        name(&response, Role::Canvas, "Sound of the story");
        let rect = rect.with_max_y(rect.bottom() - TICKS_HEIGHT);
        let axis = TimeAxis::new(state, sound.secs(), rect);
        axis.listen(ui, &response, actions);
        let (above, below) = rect.split_top_bottom_at_fraction(0.45);
        ui.painter().rect_filled(rect, 4.0, Palette::of(ui).side);
        waveform(ui, above.shrink2(vec2(0.0, 3.0)), sound, axis.shown);
        self.spectrogram(ui, below, sound, axis.shown);
        axis.ticks(ui);
        axis.cursor(ui, state);
        if let Some(pointer) = response.hover_pos() {
            let words = tick_words(axis.at(pointer.x), 0.01);
            response.on_hover_text_at_pointer(words);
        }
    }

    fn spectrogram(&mut self, ui: &egui::Ui, rect: Rect, sound: &Arc<Sound>, shown: [f64; 2]) {
        let n_columns = super::pixels(ui, rect.width());
        let is_drawn = |picture: &SoundPicture| {
            Arc::ptr_eq(&picture.of, sound)
                && picture.shown.map(f64::to_bits) == shown.map(f64::to_bits)
                && picture.n_columns == n_columns
        };
        if !self.picture.as_ref().is_some_and(is_drawn) {
            let shades = sound.spectrogram(shown[0], shown[1], n_columns);
            let pixels = shades
                .iter()
                .map(|shade| colours::sequential(f32::from(*shade) / 255.0))
                .collect();
            let image = egui::ColorImage::new([n_columns, N_BANDS], pixels);
            let texture = ui
                .ctx()
                .load_texture("spectrogram", image, egui::TextureOptions::LINEAR);
            self.picture = Some(SoundPicture {
                of: sound.clone(),
                shown,
                n_columns,
                texture,
            });
        }
        if let Some(picture) = &self.picture {
            let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter()
                .image(picture.texture.id(), rect, all, Color32::WHITE);
        }
    }
}

/// Plays, zooms, and tells where the cursor is; `span`: first and last instant that is drawn, seconds.
pub(super) fn controls(
    ui: &mut egui::Ui,
    span: [f64; 2],
    state: &State,
    info: &Info,
    actions: &mut Actions,
) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = INSIDE / 2.0;
        let (icon, words) = if info.is_playing {
            (icons::PAUSE, "Pause the story")
        } else {
            (icons::PLAY, "Play the story")
        };
        if icon_button(ui, icon, words).clicked() {
            actions.push(Action::View(ViewAction::TogglePlay));
        }
        if icon_button(ui, icons::SKIP_BACK, "To the beginning").clicked() {
            actions.push(Action::View(ViewAction::Cursor(0.0)));
        }
        let whole = Rect::from_min_size(pos2(0.0, 0.0), vec2(1.0, 1.0));
        let axis = TimeAxis::spanning(state, span, whole);
        if icon_button(ui, icons::ZOOM_IN, "Zoom in").clicked() {
            actions.push(Action::View(ViewAction::Time(
                axis.zoomed(2.0, state.cursor_secs.clamp(axis.shown[0], axis.shown[1])),
            )));
        }
        if icon_button(ui, icons::ZOOM_OUT, "Zoom out").clicked() {
            actions.push(Action::View(ViewAction::Time(
                axis.zoomed(0.5, f64::midpoint(axis.shown[0], axis.shown[1])),
            )));
        }
        if icon_button(ui, icons::MAXIMIZE, "Show all of it").clicked() {
            actions.push(Action::View(ViewAction::Time(None)));
        }
        ui.add_space(INSIDE);
        weak(
            ui,
            format!(
                "{} of {}",
                tick_words(state.cursor_secs, 0.1),
                tick_words(span[1], 0.1)
            ),
        )
        .on_hover_text("The cursor. Space plays from here, the arrow keys move it.");
    });
}

/// Draws the extremes of a sound across a rectangle.
pub(super) fn waveform(ui: &egui::Ui, rect: Rect, sound: &Sound, shown: [f64; 2]) {
    let color = Palette::of(ui).weak;
    let n_columns = rect.width().max(1.0) as usize;
    let columns = sound.columns(shown[0], shown[1], n_columns);
    let loudest = columns
        .iter()
        .flatten()
        .fold(0.05_f32, |most, value| most.max(value.abs()));
    let (middle, half) = (rect.center().y, rect.height() / 2.0 / loudest);
    for (at, [low, high]) in columns.iter().enumerate() {
        let x = rect.left() + at as f32 + 0.5;
        let (top, bottom) = (middle - high * half, middle - low * half);
        // Silence is a line, too.
        ui.painter().vline(
            x,
            top.min(middle - 0.5)..=bottom.max(middle + 0.5),
            (1.0, color),
        );
    }
}

/// Draws the outline of the story's sound between two instants, in seconds, where it is known.
pub(super) fn outline(ui: &egui::Ui, plot: Rect, info: &Info, (from, to): (f64, f64)) {
    if let Some(sound) = info.sound.ready() {
        waveform(ui, plot, sound, [from, to]);
    }
}

/// Each word in its place, as far as there is room for it.
pub(super) fn words_row(ui: &egui::Ui, axis: &TimeAxis, rect: Rect, words: &[Interval]) {
    let (painter, palette) = (ui.painter_at(rect), Palette::of(ui));
    let is_shown =
        |word: &&Interval| word.end_secs >= axis.shown[0] && word.start_secs <= axis.shown[1];
    for word in words.iter().filter(is_shown) {
        let across = axis.x(word.start_secs)..=axis.x(word.end_secs);
        let place = Rect::from_x_y_ranges(across, rect.y_range());
        painter.vline(place.left(), rect.y_range(), (1.0, palette.hairline));
        let font = egui::FontId::proportional(12.0);
        let text = painter.layout_no_wrap(word.text.clone(), font, palette.text);
        if text.size().x + 2.0 <= place.width() {
            let at = place.center() - text.size() / 2.0;
            painter.galley(at, text, palette.text);
        }
    }
}
