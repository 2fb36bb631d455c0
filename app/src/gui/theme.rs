//! How the window looks: two designed palettes, one accent, a type scale, a 4-point grid.

use std::sync::Arc;

use eframe::egui;
use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme, vec2};

use super::state::ThemeChoice;
use super::system_fonts::SystemFonts;

/// Sizes of text: a caption, the body, a heading, a page's title.
pub(crate) const TYPE_SCALE: [f32; 4] = [12.0, 14.0, 18.0, 24.0];
/// Space inside things that belong together.
pub(crate) const INSIDE: f32 = 8.0;
/// Space between things.
pub(crate) const BETWEEN: f32 = 16.0;
/// Corners of buttons, fields and cards.
pub(crate) const CORNER: CornerRadius = CornerRadius::same(6);

const SEMIBOLD: &str = "semibold";

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// Behind a page.
    pub(crate) page: Color32,
    /// Behind the rail, the details and the bars.
    pub(crate) side: Color32,
    /// Hairlines between areas.
    pub(crate) hairline: Color32,
    /// Text.
    pub(crate) text: Color32,
    /// Units, captions, what may be overlooked.
    pub(crate) weak: Color32,
    /// A control at rest.
    pub(crate) control: Color32,
    /// A control under the pointer.
    pub(crate) hovered: Color32,
    /// A control pressed.
    pub(crate) pressed: Color32,
    /// The one primary action, and what is selected.
    pub(crate) accent: Color32,
    /// Text upon the accent.
    pub(crate) on_accent: Color32,
    /// Behind what is selected.
    pub(crate) tint: Color32,
    /// Warnings.
    pub(crate) amber: Color32,
    /// Failures.
    pub(crate) red: Color32,
}

/// By day.
pub(crate) const LIGHT: Palette = Palette {
    page: Color32::from_rgb(0xff, 0xff, 0xff),
    side: Color32::from_rgb(0xf6, 0xf7, 0xf7),
    hairline: Color32::from_rgb(0xe2, 0xe5, 0xe6),
    text: Color32::from_rgb(0x1a, 0x20, 0x24),
    weak: Color32::from_rgb(0x5a, 0x65, 0x6c),
    control: Color32::from_rgb(0xee, 0xf0, 0xf1),
    hovered: Color32::from_rgb(0xe4, 0xe8, 0xe9),
    pressed: Color32::from_rgb(0xd8, 0xdd, 0xdf),
    accent: Color32::from_rgb(0x0b, 0x76, 0x6d),
    on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
    tint: Color32::from_rgb(0xdd, 0xf1, 0xee),
    amber: Color32::from_rgb(0x8a, 0x58, 0x00),
    red: Color32::from_rgb(0xb4, 0x23, 0x18),
};

/// By night.
pub(crate) const DARK: Palette = Palette {
    page: Color32::from_rgb(0x17, 0x1a, 0x1c),
    side: Color32::from_rgb(0x11, 0x13, 0x15),
    hairline: Color32::from_rgb(0x2b, 0x30, 0x33),
    text: Color32::from_rgb(0xe7, 0xea, 0xeb),
    weak: Color32::from_rgb(0x9c, 0xa6, 0xac),
    control: Color32::from_rgb(0x25, 0x2a, 0x2d),
    hovered: Color32::from_rgb(0x2f, 0x35, 0x39),
    pressed: Color32::from_rgb(0x3a, 0x41, 0x45),
    accent: Color32::from_rgb(0x37, 0xb8, 0xa9),
    on_accent: Color32::from_rgb(0x06, 0x1d, 0x1a),
    tint: Color32::from_rgb(0x15, 0x36, 0x33),
    amber: Color32::from_rgb(0xe3, 0xad, 0x45),
    red: Color32::from_rgb(0xf4, 0x7c, 0x72),
};

impl Palette {
    /// The palette in use.
    #[must_use]
    pub(crate) fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode {
            &DARK
        } else {
            &LIGHT
        }
    }
}

/// The family of headings and primary buttons.
#[must_use]
pub(crate) fn semibold() -> FontFamily {
    FontFamily::Name(SEMIBOLD.into())
}

/// Embeds the fonts and sets both themes.
pub(crate) fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.add_font_provider(Arc::new(SystemFonts::new()));
    for (theme, palette) in [(Theme::Light, &LIGHT), (Theme::Dark, &DARK)] {
        ctx.style_mut_of(theme, |style| shape(style, palette));
    }
}

/// Follows the user's choice of theme.
pub(crate) fn choose(ctx: &egui::Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::Light => egui::ThemePreference::Light,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::System => egui::ThemePreference::System,
    });
}

fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::default();
    let embedded: [(&str, &'static [u8]); 3] = [
        (
            "inter",
            include_bytes!("../../assets/fonts/Inter-Regular.otf"),
        ),
        (
            SEMIBOLD,
            include_bytes!("../../assets/fonts/Inter-SemiBold.otf"),
        ),
        ("lucide", include_bytes!("../../assets/fonts/lucide.ttf")),
    ];
    for (name, bytes) in embedded {
        let mut font = egui::FontData::from_static(bytes);
        if name == "lucide" {
            // Its characters stand on the baseline; text looks better with icons a little lower.
            font.tweak.y_offset_factor = 0.12;
            font.tweak.scale = 1.1;
        }
        fonts.font_data.insert(name.to_owned(), font.into());
    }
    let fallbacks = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    let family = |first: &str| {
        let mut family = vec![first.to_owned(), "lucide".to_owned()];
        family.extend(fallbacks.clone());
        family
    };
    fonts
        .families
        .insert(FontFamily::Proportional, family("inter"));
    fonts.families.insert(semibold(), family(SEMIBOLD));
    fonts
}

fn shape(style: &mut egui::Style, palette: &Palette) {
    let [caption, body, heading, _] = TYPE_SCALE;
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(caption)),
        (TextStyle::Body, FontId::proportional(body)),
        (TextStyle::Button, FontId::proportional(body)),
        (TextStyle::Heading, FontId::new(heading, semibold())),
        (TextStyle::Monospace, FontId::monospace(caption + 1.0)),
    ]
    .into();
    style.spacing.item_spacing = vec2(INSIDE, INSIDE);
    style.spacing.button_padding = vec2(12.0, 6.0);
    style.spacing.interact_size = vec2(40.0, 28.0);
    style.spacing.icon_width = 16.0;
    style.spacing.menu_margin = egui::Margin::same(INSIDE as i8);
    style.spacing.window_margin = egui::Margin::same(BETWEEN as i8);
    style.spacing.scroll = egui::style::ScrollStyle::thin();
    style.spacing.tooltip_width = 360.0;
    style.animation_time = 0.12;
    style.interaction.selectable_labels = true;
    style.visuals = visuals(palette);
}

fn visuals(palette: &Palette) -> egui::Visuals {
    let is_dark = palette.page.r() < 0x80;
    let mut visuals = if is_dark {
        egui::Visuals::dark()
    } else {
        egui::Visuals::light()
    };
    visuals.weak_text_color = Some(palette.weak);
    visuals.hyperlink_color = palette.accent;
    visuals.faint_bg_color = palette.side;
    visuals.extreme_bg_color = palette.page;
    visuals.text_edit_bg_color = Some(palette.page);
    visuals.code_bg_color = palette.control;
    visuals.warn_fg_color = palette.amber;
    visuals.error_fg_color = palette.red;
    visuals.panel_fill = palette.page;
    visuals.window_fill = palette.page;
    visuals.window_stroke = Stroke::new(1.0, palette.hairline);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CORNER;
    visuals.selection.bg_fill = palette.tint;
    visuals.selection.stroke = Stroke::new(1.0, palette.accent);
    visuals.slider_trailing_fill = true;
    visuals.striped = false;
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.hairline);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, palette.text);
    widgets.noninteractive.bg_fill = palette.page;
    let states = [
        (&mut widgets.inactive, palette.control),
        (&mut widgets.hovered, palette.hovered),
        (&mut widgets.active, palette.pressed),
        (&mut widgets.open, palette.hovered),
    ];
    for (state, fill) in states {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, palette.hairline);
        state.fg_stroke = Stroke::new(1.0, palette.text);
        state.expansion = 0.0;
        state.corner_radius = CORNER;
    }
    // What has the keyboard is outlined in the accent.
    widgets.hovered.bg_stroke = Stroke::new(1.0, palette.weak.gamma_multiply(0.6));
    widgets.active.bg_stroke = Stroke::new(1.5, palette.accent);
    widgets.noninteractive.corner_radius = CORNER;
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: WCAG 2.2, relative luminance and contrast ratio.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let luminance = |color: Color32| {
            let linear = |byte: u8| {
                let c = f64::from(byte) / 255.0;
                if c <= 0.04045 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_stands_out_from_what_is_behind_it() {
        for palette in [LIGHT, DARK] {
            let behind = [palette.page, palette.side, palette.control, palette.tint];
            let texts = [
                palette.text,
                palette.weak,
                palette.accent,
                palette.amber,
                palette.red,
            ];
            for text in texts {
                for behind in behind {
                    let ratio = contrast(text, behind);
                    assert!(ratio >= 4.5, "{text:?} on {behind:?}: {ratio:.2}");
                }
            }
            assert!(contrast(palette.on_accent, palette.accent) >= 4.5);
        }
    }
}
