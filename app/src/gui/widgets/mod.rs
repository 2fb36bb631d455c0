//! The controls that pages are made of: each has a label that a screen reader reads and a test clicks.

mod field;
mod figure_view;
mod path_field;

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, WidgetInfo, vec2};

use super::actions::{Action, Actions, ExportFormat};
use super::figure::ExportSize;
use super::icons;
use super::manual::Topic;
use super::theme::{BETWEEN, CORNER, INSIDE, Palette, TYPE_SCALE, semibold};

pub(crate) use field::{NumberField, NumbersField, TextField, field_label, plain};
pub(crate) use figure_view::figure_view;
pub(crate) use path_field::PathField;

/// Gives a response the name that is read aloud and looked for.
pub(crate) fn name(response: &egui::Response, role: Role, label: &str) {
    let (is_enabled, label) = (response.enabled(), label.to_owned());
    response.widget_info(move || WidgetInfo::labeled(role, is_enabled, &label));
}

/// A button that shows an icon alone; `label` names it and is its tooltip.
pub(crate) fn icon_button(ui: &mut egui::Ui, icon: char, label: &str) -> egui::Response {
    let button = egui::Button::new(RichText::new(icon).size(16.0))
        .frame_when_inactive(false)
        .min_size(vec2(28.0, 28.0));
    let response = ui.add(button);
    name(&response, Role::Button, label);
    response.on_hover_text(label)
}

/// A button beside a field that shows an icon alone, and that the keyboard passes by.
pub(crate) fn side_button(ui: &mut egui::Ui, icon: char, label: &str) -> egui::Response {
    let button = egui::Button::new(RichText::new(icon).size(16.0))
        .frame_when_inactive(false)
        .sense(egui::Sense::CLICK)
        .min_size(vec2(28.0, 28.0));
    let response = ui.add(button);
    name(&response, Role::Button, label);
    response.on_hover_text(label)
}

/// A button with an icon and words.
pub(crate) fn button(ui: &mut egui::Ui, icon: char, label: &str) -> egui::Response {
    let response = ui
        .add(egui::Button::new((RichText::new(icon).size(15.0), label)).min_size(vec2(0.0, 32.0)));
    name(&response, Role::Button, label);
    response
}

/// The page's one primary button; greyed, it says why when hovered.
pub(crate) fn primary_button(
    ui: &mut egui::Ui,
    icon: char,
    label: &str,
    why_not: Option<&str>,
) -> egui::Response {
    let palette = Palette::of(ui);
    let text = |text: RichText| text.color(palette.on_accent).family(semibold());
    let button = egui::Button::new((
        text(RichText::new(icon).size(15.0)),
        text(RichText::new(label)),
    ))
    .fill(palette.accent)
    .stroke(egui::Stroke::NONE)
    .min_size(vec2(0.0, 32.0));
    let response = ui.add_enabled(why_not.is_none(), button);
    name(&response, Role::Button, label);
    response.on_disabled_hover_text(why_not.unwrap_or_default())
}

/// A button that opens the manual at a place.
pub(crate) fn help_button(ui: &mut egui::Ui, topic: Topic) -> bool {
    icon_button(
        ui,
        icons::CIRCLE_HELP,
        &format!("Manual: {}", topic.title()),
    )
    .clicked()
}

/// A page's title with its one-line purpose.
pub(crate) fn page_title(ui: &mut egui::Ui, title: &str, purpose: &str) {
    let response = ui.label(RichText::new(title).size(TYPE_SCALE[3]).family(semibold()));
    name(&response, Role::Heading, title);
    ui.label(RichText::new(purpose).color(Palette::of(ui).weak));
    ui.add_space(INSIDE);
}

/// A heading within a page.
pub(crate) fn heading(ui: &mut egui::Ui, title: &str) {
    let response = ui.label(RichText::new(title).size(TYPE_SCALE[2]).family(semibold()));
    name(&response, Role::Heading, title);
}

/// A card: things that belong together, with a hairline around.
pub(crate) fn card<R>(
    ui: &mut egui::Ui,
    content: impl FnOnce(&mut egui::Ui) -> R,
) -> egui::InnerResponse<R> {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .stroke((1.0, palette.hairline))
        .corner_radius(CORNER)
        .inner_margin(BETWEEN);
    frame.show(ui, content)
}

/// Text that may be overlooked: units, captions.
pub(crate) fn weak(ui: &mut egui::Ui, text: impl Into<String>) -> egui::Response {
    ui.label(RichText::new(text).color(Palette::of(ui).weak))
}

/// What is wrong, in words, where it is wrong.
pub(crate) fn problem(ui: &mut egui::Ui, sentence: &str) {
    notice(ui, icons::CIRCLE_ALERT, Palette::of(ui).red, sentence);
}

/// What should be known, where it matters.
pub(crate) fn warning(ui: &mut egui::Ui, sentence: &str) {
    notice(ui, icons::TRIANGLE_ALERT, Palette::of(ui).amber, sentence);
}

fn notice(ui: &mut egui::Ui, icon: char, color: egui::Color32, sentence: &str) {
    ui.horizontal_top(|ui| {
        ui.label(RichText::new(icon).color(color));
        ui.add(egui::Label::new(RichText::new(sentence).color(color)).wrap());
    });
}

/// What colours mean, in a line above a plot.
pub(crate) fn legend(ui: &mut egui::Ui, entries: &[(&str, egui::Color32)]) {
    ui.horizontal_wrapped(|ui| {
        for (words, color) in entries {
            let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 2.0, *color);
            weak(ui, *words);
            ui.add_space(8.0);
        }
    });
}

/// Saves the figure that is shown: format, width and resolution.
pub(crate) fn export_menu(ui: &mut egui::Ui, size: ExportSize, actions: &mut Actions) {
    export_menu_with(ui, size, actions, |_, _| {});
}

/// The same with further entries.
pub(crate) fn export_menu_with(
    ui: &mut egui::Ui,
    size: ExportSize,
    actions: &mut Actions,
    further: impl FnOnce(&mut egui::Ui, &mut Actions),
) {
    let menu = ui.menu_button((RichText::new(icons::SAVE), "Export"), |ui| {
        for (format, words) in ExportFormat::ALL {
            let response = ui.button(words);
            name(&response, Role::Button, &format!("Export {words}"));
            if response.clicked() {
                actions.push(Action::Export(format));
                ui.close();
            }
        }
        further(ui, actions);
        ui.separator();
        let mut chosen = size;
        let widths = ExportSize::WIDTHS_MM.map(|width| (width, format!("{width} mm wide")));
        let dpi = ExportSize::DPI.map(|dpi| (dpi, format!("{dpi} dpi")));
        for (width, words) in &widths {
            ui.radio_value(&mut chosen.width_mm, *width, words);
        }
        ui.separator();
        for (dpi, words) in &dpi {
            ui.radio_value(&mut chosen.dpi, *dpi, words);
        }
        if chosen != size {
            actions.push(Action::ExportSize(chosen));
        }
    });
    name(&menu.response, Role::Button, "Export");
    menu.response
        .on_hover_text("Save the figure or its numbers, with the recipe embedded");
}

/// A page without content: one sentence and one button. Returns whether the button was clicked.
pub(crate) fn empty_state(
    ui: &mut egui::Ui,
    icon: char,
    sentence: &str,
    action: (char, &str),
) -> bool {
    let palette = Palette::of(ui);
    let mut is_clicked = false;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.22).clamp(BETWEEN, 160.0));
        ui.label(RichText::new(icon).size(40.0).color(palette.weak));
        ui.add_space(INSIDE);
        ui.scope(|ui| {
            ui.set_max_width(420.0);
            ui.label(RichText::new(sentence).color(palette.weak));
        });
        ui.add_space(INSIDE);
        is_clicked = primary_button(ui, action.0, action.1, None).clicked();
    });
    is_clicked
}

/// A box to tick, outlined so that it is seen while it is empty.
pub(crate) fn tick(ui: &mut egui::Ui, is_ticked: &mut bool, label: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let ticked = ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        widgets.inactive.bg_fill = palette.page;
        widgets.inactive.bg_stroke = (1.0, palette.weak).into();
        ui.checkbox(is_ticked, label)
    });
    ticked.inner
}

/// A row of choices of which one is taken.
pub(crate) fn choices<T: PartialEq + Copy>(
    ui: &mut egui::Ui,
    current: &mut T,
    options: &[(T, &str)],
) -> bool {
    let mut is_changed = false;
    ui.horizontal_wrapped(|ui| {
        for (value, label) in options {
            let response = ui.add(egui::Button::selectable(*current == *value, *label));
            let is_selected = *current == *value;
            response
                .widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_selected, *label));
            if response.clicked() && !is_selected {
                *current = *value;
                is_changed = true;
            }
        }
    });
    is_changed
}
