//! A figure, painted in the window: the same layout as in a saved file, in the theme's colours.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, Mesh, Pos2, Rect, Sense, Stroke, WidgetInfo, pos2, vec2};
use heschl_core::figure::{Figure, Ink, Layout, Shape, TextAnchor};

use crate::gui::theme::Palette;

/// What the pointer did in a figure.
pub(crate) struct Shown {
    /// The value that was clicked, in the units of the axes.
    pub(crate) clicked: Option<[f64; 2]>,
}

/// Paints a figure without its title; `says`: what is said of the value under the pointer.
pub(crate) fn figure_view(
    ui: &mut egui::Ui,
    label: &str,
    figure: &Figure,
    size: egui::Vec2,
    says: impl Fn([f64; 2]) -> Option<String>,
) -> Shown {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Canvas, true, label);
        info.current_text_value = Some(described(figure));
        info
    });
    let layout = Layout::untitled(figure, [f64::from(size.x), f64::from(size.y)]);
    let palette = Palette::of(ui);
    for shape in &layout.shapes {
        paint(ui, rect.min, shape, palette);
    }
    let value = |at: Pos2| {
        let point = [f64::from(at.x - rect.left()), f64::from(at.y - rect.top())];
        layout.plots.iter().find_map(|plot| plot.value(point))
    };
    let clicked = response
        .interact_pointer_pos()
        .filter(|_| response.clicked())
        .and_then(value);
    let words = response.hover_pos().and_then(value).and_then(says);
    if let Some(words) = words {
        response.on_hover_text_at_pointer(words);
    }
    Shown { clicked }
}

/// Axes and legends in words, for a screen reader.
fn described(figure: &Figure) -> String {
    let mut words = Vec::new();
    for panel in &figure.panels {
        words.extend([panel.x.title.clone(), panel.y.title.clone()]);
        words.extend(panel.legend.iter().map(|(words, _)| words.clone()));
        words.extend(panel.colour_bar.iter().map(|bar| bar.title.clone()));
    }
    words.retain(|word| !word.is_empty());
    words.join("; ")
}

fn colour(ink: Ink, palette: &Palette) -> Color32 {
    match ink {
        Ink::Text => palette.text,
        Ink::Weak => palette.weak,
        Ink::Grid => palette.hairline,
        Ink::Accent => palette.accent,
        Ink::Amber => palette.amber,
        Ink::Rgb([red, green, blue]) => Color32::from_rgb(red, green, blue),
    }
}

fn place([left, top, width, height]: [f64; 4], origin: Pos2) -> Rect {
    let corner = origin + vec2(left as f32, top as f32);
    Rect::from_min_size(corner, vec2(width as f32, height as f32))
}

fn paint(ui: &egui::Ui, origin: Pos2, shape: &Shape, palette: &Palette) {
    let painter = ui.painter();
    let at = |[x, y]: [f64; 2]| pos2(origin.x + x as f32, origin.y + y as f32);
    match shape {
        Shape::Rect {
            place: edges,
            ink,
            opacity,
        } => {
            let colour = colour(*ink, palette).gamma_multiply(*opacity as f32);
            painter.rect_filled(place(*edges, origin), 0.0, colour);
        }
        Shape::Line { points, ink, width } => {
            let stroke = Stroke::new(*width as f32, colour(*ink, palette));
            painter.line(points.iter().map(|point| at(*point)).collect(), stroke);
        }
        Shape::Dots {
            points,
            radius,
            inks,
        } => {
            // Squares of a mesh: tens of thousands of circles would cost milliseconds.
            let mut mesh = Mesh::default();
            let side = 2.0 * *radius as f32;
            for (index, point) in points.iter().enumerate() {
                let ink = inks.get(index).or(inks.last()).copied();
                let colour = colour(ink.unwrap_or(Ink::Accent), palette);
                if points.len() > MOST_CIRCLES {
                    mesh.add_colored_rect(
                        Rect::from_center_size(at(*point), vec2(side, side)),
                        colour,
                    );
                } else {
                    painter.circle_filled(at(*point), *radius as f32, colour);
                }
            }
            painter.add(mesh);
        }
        Shape::Text { .. } => text(ui, origin, shape, palette),
        Shape::Image {
            place: edges,
            size: [width, height],
            pixels,
        } => {
            let whole = place(*edges, origin);
            let cell = vec2(
                whole.width() / *width as f32,
                whole.height() / *height as f32,
            );
            let mut mesh = Mesh::default();
            for (index, pixel) in pixels.iter().enumerate() {
                let (column, row) = (index % width, index / width);
                let corner = whole.min + vec2(column as f32 * cell.x, row as f32 * cell.y);
                let [red, green, blue] = *pixel;
                mesh.add_colored_rect(
                    Rect::from_min_size(corner, cell),
                    Color32::from_rgb(red, green, blue),
                );
            }
            painter.add(mesh);
        }
    }
}

/// Fewer dots are drawn as circles.
const MOST_CIRCLES: usize = 500;

fn text(ui: &egui::Ui, origin: Pos2, shape: &Shape, palette: &Palette) {
    let Shape::Text {
        at: [x, y],
        anchor,
        size,
        ink,
        is_upright,
        words,
    } = shape
    else {
        return;
    };
    let painter = ui.painter();
    let colour = colour(*ink, palette);
    let font = FontId::proportional(*size as f32);
    let at = pos2(origin.x + *x as f32, origin.y + *y as f32);
    if *is_upright {
        let galley = painter.layout_no_wrap(words.clone(), font, colour);
        // The middle of the line stands at the point; it reads upwards.
        let (along, across) = (galley.size().x, galley.size().y);
        let corner = pos2(at.x - across * 0.8, at.y + along / 2.0);
        let turned = egui::epaint::TextShape::new(corner, galley, colour)
            .with_angle(-std::f32::consts::FRAC_PI_2);
        painter.add(turned);
        return;
    }
    let align = match anchor {
        TextAnchor::Start => Align2::LEFT_BOTTOM,
        TextAnchor::Middle => Align2::CENTER_BOTTOM,
        TextAnchor::End => Align2::RIGHT_BOTTOM,
    };
    // Letters stand on the baseline, which lies above the lower edge of their line.
    let below = *size as f32 * 0.3;
    painter.text(at + vec2(0.0, below), align, words, font, colour);
}
