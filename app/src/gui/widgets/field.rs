//! Fields for numbers, words and paths, with unit, tooltip, reset and the sentence that says what is wrong.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Id, RichText, WidgetInfo, vec2};

use super::{side_button, weak};
use crate::gui::actions::{Action, Actions};
use crate::gui::icons;
use crate::gui::manual::Topic;
use crate::gui::text::thousands;
use crate::gui::theme::Palette;

/// A number with its unit.
pub(crate) struct NumberField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// Its unit, in short.
    pub(crate) unit: &'a str,
    /// What it is and what it does, in a sentence or two.
    pub(crate) tooltip: &'a str,
    /// What the reset button sets.
    pub(crate) default: f64,
    /// Where the manual explains it.
    pub(crate) topic: Topic,
}

/// Space for labels, so that fields stand in a column.
const LABEL_WIDTH: f32 = 116.0;
const FIELD_WIDTH: f32 = 84.0;
const UNIT_WIDTH: f32 = 24.0;

/// What was typed into a number field, and the value that it gave.
#[derive(Clone)]
struct Typed {
    text: String,
    value: f64,
}

/// What stood in a field when the keyboard came to it.
#[derive(Clone)]
struct ValueBefore<T>(T);

/// Keeps what stands in a field when the keyboard comes to it, and gives it back when Esc leaves the field.
fn restored<T: Clone + Send + Sync + 'static>(
    ui: &egui::Ui,
    response: &egui::Response,
    now: &T,
) -> Option<T> {
    let id = response.id.with("before");
    if response.gained_focus() {
        ui.data_mut(|data| data.insert_temp(id, ValueBefore(now.clone())));
    }
    if !response.lost_focus() {
        return None;
    }
    let before = ui.data_mut(|data| {
        let before = data.get_temp::<ValueBefore<T>>(id);
        data.remove::<ValueBefore<T>>(id);
        before
    });
    let is_left = ui.input(|input| input.key_pressed(egui::Key::Escape));
    before.filter(|_| is_left).map(|ValueBefore(before)| before)
}

/// A field's label, as wide as all of them, so that fields stand in a column.
pub(crate) fn field_label(ui: &mut egui::Ui, label: &str) -> egui::Response {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let inner = ui.allocate_ui_with_layout(vec2(LABEL_WIDTH, 28.0), layout, |ui| {
        ui.set_min_width(LABEL_WIDTH);
        ui.add(egui::Label::new(label).selectable(false))
    });
    inner.inner
}

impl NumberField<'_> {
    /// Shows the field; `check` gives the sentence for a value that is invalid.
    ///
    /// Returns the sentence that is shown, so that nothing is started while the field is wrong.
    pub(crate) fn show(
        &self,
        ui: &mut egui::Ui,
        value: &mut f64,
        actions: &mut Actions,
        check: impl Fn(f64) -> Result<(), String>,
    ) -> Option<String> {
        let id = Id::unique(("number field", self.label));
        // What is typed and not taken over yet is dropped when the value changes elsewhere.
        let typed = ui.data(|data| data.get_temp::<Typed>(id));
        let mut text = typed
            .filter(|typed| typed.value.to_bits() == value.to_bits())
            .map_or_else(|| plain(*value), |typed| typed.text);
        ui.horizontal(|ui| {
            field_label(ui, self.label).on_hover_text(self.tooltip);
            let edit = egui::TextEdit::singleline(&mut text)
                .id(id.with("edit"))
                .desired_width(FIELD_WIDTH)
                .align(egui::Align2::RIGHT_CENTER);
            let before = *value;
            let response = ui.add(edit);
            let said = text.clone();
            response.widget_info(|| {
                let mut info = WidgetInfo::labeled(Role::TextInput, true, self.label);
                info.current_text_value = Some(said.clone());
                info
            });
            if let Some(before) = restored(ui, &response, &before) {
                *value = before;
                text = plain(before);
                ui.data_mut(|data| data.remove::<Typed>(id));
            } else if response.changed() {
                if let Some(number) = parse(&text) {
                    *value = number;
                }
                let (text, value) = (text.clone(), *value);
                ui.data_mut(|data| data.insert_temp(id, Typed { text, value }));
            } else if response.lost_focus() && parse(&text).is_some() {
                ui.data_mut(|data| data.remove::<Typed>(id));
            }
            response.on_hover_text(self.tooltip);
            let unit_size = vec2(UNIT_WIDTH, 28.0);
            let unit_layout = egui::Layout::left_to_right(egui::Align::Center);
            ui.allocate_ui_with_layout(unit_size, unit_layout, |ui| {
                ui.set_min_width(UNIT_WIDTH);
                weak(ui, self.unit);
            });
            self.side(ui, value, &text, actions);
            let sentence = self.error_message(&text, *value, check);
            match &sentence {
                // Beside the field: what is below stays where it is.
                Some(sentence) => aside(ui, sentence),
                None => understood(ui, &text, *value, self.unit),
            }
            sentence
        })
        .inner
    }

    /// What is wrong with what was typed: a sentence.
    fn error_message(
        &self,
        text: &str,
        value: f64,
        check: impl Fn(f64) -> Result<(), String>,
    ) -> Option<String> {
        match parse(text) {
            Some(_) => check(value).err(),
            None => Some(format!(
                "\"{text}\" is not a number. Enter digits, such as {}.",
                plain(self.default)
            )),
        }
    }

    /// Reset and help, which the keyboard passes by: they are no part of what is filled in.
    fn side(&self, ui: &mut egui::Ui, value: &mut f64, text: &str, actions: &mut Actions) {
        let is_default = (*value - self.default).abs() < 1e-12 && parse(text).is_some();
        let reset = format!(
            "Reset {} to {} {}",
            self.label.to_lowercase(),
            plain(self.default),
            self.unit
        );
        let reset = ui.add_enabled_ui(!is_default, |ui| {
            side_button(ui, icons::ROTATE_CCW, reset.trim_end())
        });
        if reset.inner.clicked() {
            *value = self.default;
            let id = Id::unique(("number field", self.label));
            ui.data_mut(|data| data.remove::<Typed>(id));
        }
        let manual = format!("Manual: {}", self.topic.title());
        if side_button(ui, icons::CIRCLE_HELP, &manual).clicked() {
            actions.push(Action::Manual(self.topic));
        }
    }
}

/// Says in the room that is left of a row what is wrong; all of it when hovered.
fn aside(ui: &mut egui::Ui, sentence: &str) {
    let red = Palette::of(ui).red;
    ui.label(RichText::new(icons::CIRCLE_ALERT).color(red))
        .on_hover_text(sentence);
    let text = RichText::new(sentence).color(red);
    ui.add(egui::Label::new(text).truncate())
        .on_hover_text(sentence);
}

/// Says what number was understood where it can be written in several ways.
fn understood(ui: &mut egui::Ui, text: &str, value: f64, unit: &str) {
    let is_plain = text
        .trim()
        .chars()
        .all(|letter| letter.is_ascii_digit() || letter == '.' || letter == '-');
    if !is_plain && text.trim() != plain(value) {
        let words = format!("= {} {unit}", plain(value));
        ui.add(egui::Label::new(RichText::new(words.trim_end()).weak()).truncate());
    }
}

/// Reads a number as people write it: `16000`, `16,000`, `16 000`, `0.1`, `0,1`, `1.234,5`.
///
/// Separators between groups of three digits are those of thousands, any other last separator that of decimals. `1,000` is a
/// thousand: so the window writes it itself.
fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let written = if digits.contains(['e', 'E']) {
        digits.to_owned()
    } else {
        without_thousands(digits)?
    };
    let number: f64 = format!("{sign}{written}").parse().ok()?;
    number.is_finite().then_some(number)
}

/// A number's digits with a point for decimals and nothing between thousands.
fn without_thousands(digits: &str) -> Option<String> {
    const GROUPS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}', '_'];
    let is_grouped = |digits: &str, between: char| {
        let mut groups = digits.split(between);
        let first = groups.next().unwrap_or_default();
        let is_first = (1..=3).contains(&first.len()) && first != "0";
        is_first
            && digits.contains(between)
            && groups.all(|group| group.len() == 3 && is_digits(group))
            && is_digits(first)
    };
    let joined = |digits: &str, between: char| digits.replace(between, "");
    if let Some(between) = GROUPS.into_iter().find(|between| digits.contains(*between)) {
        let (whole, rest) = digits.split_at(digits.find(['.', ',']).unwrap_or(digits.len()));
        let is_good = is_grouped(whole, between);
        return is_good.then(|| joined(whole, between) + &rest.replace(',', "."));
    }
    match (digits.rfind(','), digits.rfind('.')) {
        // The last of the two is that of decimals.
        (Some(comma), Some(point)) => {
            let (at, between) = if comma < point {
                (point, ',')
            } else {
                (comma, '.')
            };
            let (whole, rest) = digits.split_at(at);
            is_grouped(whole, between).then(|| format!("{}.{}", joined(whole, between), &rest[1..]))
        }
        (Some(_), None) if is_grouped(digits, ',') => Some(joined(digits, ',')),
        (None, Some(_)) if digits.matches('.').count() > 1 => {
            is_grouped(digits, '.').then(|| joined(digits, '.'))
        }
        _ => Some(digits.replace(',', ".")),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number without needless zeros, thousands set off: `16,000`, `0.1`.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, decimals) = text
        .split_once('.')
        .map_or((text, None), |(a, b)| (a, Some(b)));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let whole = digits.parse().map_or_else(|_| digits.to_owned(), thousands);
    match decimals {
        Some(decimals) => format!("{sign}{whole}.{decimals}"),
        None => format!("{sign}{whole}"),
    }
}

/// A list of numbers, separated by commas.
pub(crate) struct NumbersField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// What it is and what it does, in a sentence or two.
    pub(crate) tooltip: &'a str,
    /// What can be typed.
    pub(crate) example: &'a str,
}

/// What was typed into a field of numbers, and the values that it gave.
#[derive(Clone)]
struct TypedNumbers {
    text: String,
    values: Vec<f64>,
}

impl NumbersField<'_> {
    /// Shows the field, and beside it the sentence of `check` for a value that is invalid; returns whether the values have
    /// changed. Values that are invalid are not taken over.
    pub(crate) fn show(
        &self,
        ui: &mut egui::Ui,
        values: &mut Vec<f64>,
        check: impl Fn(f64) -> Result<(), String>,
    ) -> bool {
        let id = Id::unique(("numbers field", self.label));
        let typed = ui.data(|data| data.get_temp::<TypedNumbers>(id));
        let mut text = typed
            .filter(|typed| typed.values == *values)
            .map_or_else(|| listed(values), |typed| typed.text);
        let mut is_changed = false;
        ui.horizontal(|ui| {
            field_label(ui, self.label).on_hover_text(self.tooltip);
            let field = TextField {
                label: self.label,
                hint: self.example,
                width: 220.0,
            };
            let response = field.show(ui, &mut text).on_hover_text(self.tooltip);
            let read = self.read(&text, check);
            if response.changed() {
                if let Ok(new) = &read {
                    is_changed = new != values;
                    values.clone_from(new);
                }
                let typed = TypedNumbers {
                    text,
                    values: values.clone(),
                };
                ui.data_mut(|data| data.insert_temp(id, typed));
            }
            if let Err(sentence) = &read {
                aside(ui, sentence);
            }
        });
        is_changed
    }

    fn read(
        &self,
        text: &str,
        check: impl Fn(f64) -> Result<(), String>,
    ) -> Result<Vec<f64>, String> {
        let words = text
            .split([',', ';', ' '])
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let mut values = Vec::new();
        for word in words {
            let value: f64 = word.parse().map_err(|_| {
                format!(
                    "\"{word}\" is not a number. Enter numbers, such as {}.",
                    self.example
                )
            })?;
            check(value)?;
            values.push(value);
        }
        if values.is_empty() {
            return Err(format!(
                "Enter at least one number, such as {}.",
                self.example
            ));
        }
        Ok(values)
    }
}

fn listed(values: &[f64]) -> String {
    let words: Vec<String> = values.iter().map(f64::to_string).collect();
    words.join(", ")
}

/// A field for words.
pub(crate) struct TextField<'a> {
    /// What it is called.
    pub(crate) label: &'a str,
    /// What stands in it while it is empty.
    pub(crate) hint: &'a str,
    /// How wide it is.
    pub(crate) width: f32,
}

impl TextField<'_> {
    /// Shows the field alone; its label is read aloud.
    pub(crate) fn show(&self, ui: &mut egui::Ui, text: &mut String) -> egui::Response {
        let now = text.clone();
        let mut response = ui.add(
            egui::TextEdit::singleline(text)
                .hint_text(self.hint)
                .desired_width(self.width)
                .margin(vec2(8.0, 6.0)),
        );
        if let Some(before) = restored(ui, &response, &now) {
            *text = before;
            response.mark_changed();
        }
        let said = text.clone();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, self.label);
            info.current_text_value = Some(said.clone());
            info
        });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, number) in [
            ("16000", Some(16_000.0)),
            (" 0,1 ", Some(0.1)),
            ("0.1", Some(0.1)),
            ("1,5", Some(1.5)),
            // A thousand, as the window writes it.
            ("1,000", Some(1000.0)),
            ("16,000", Some(16_000.0)),
            ("1,234,567", Some(1_234_567.0)),
            ("1,250.5", Some(1250.5)),
            ("1.250,5", Some(1250.5)),
            ("1.234.567", Some(1_234_567.0)),
            ("16 000", Some(16_000.0)),
            ("16\u{202f}000,5", Some(16_000.5)),
            ("16'000", Some(16_000.0)),
            ("16_000", Some(16_000.0)),
            ("0,100", Some(0.1)),
            ("1.000", Some(1.0)),
            ("-1,000", Some(-1000.0)),
            ("1e3", Some(1000.0)),
            ("1,00,000", None),
            ("16 00", None),
            ("x", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(parse(text), number, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same_number() {
        for (value, text) in [
            (16_000.0, "16,000"),
            (0.1, "0.1"),
            (0.0, "0"),
            (-10.5, "-10.5"),
            (1_234_567.25, "1,234,567.25"),
            (999.0, "999"),
        ] {
            assert_eq!(plain(value), text);
            assert_eq!(parse(text), Some(value));
        }
    }
}
