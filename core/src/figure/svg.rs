//! Shapes as SVG on white, text as text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Ink, Layout, Shape, TextAnchor};

/// Fonts of the text, the first one that is there.
const FAMILY: &str = "Inter, Liberation Sans, DejaVu Sans, Helvetica, Arial, sans-serif";

/// What a figure stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// White paper, in a file of its own.
    Paper,
    /// A page whose style sheet sets `--ink`, `--soft`, `--line`, `--accent` and `--warn`.
    Page,
}

/// Writes a figure as an SVG file on white; `metadata` stands inside.
#[must_use]
pub fn svg(layout: &Layout, metadata: &str) -> String {
    written(layout, metadata, Ground::Paper)
}

/// Writes a figure as SVG for a page whose style sheet sets `--ink`, `--soft`, `--line`, `--accent` and `--warn`.
#[must_use]
pub fn svg_in_page(layout: &Layout) -> String {
    written(layout, "", Ground::Page)
}

fn written(layout: &Layout, metadata: &str, ground: Ground) -> String {
    let [width, height] = layout.size;
    // A page needs no name spaces, and its reader looks for no address in it.
    let spaces = match ground {
        Ground::Paper => {
            " xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\""
        }
        Ground::Page => "",
    };
    let mut text = format!(
        "<svg{spaces} width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\" \
         role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n",
        title = escaped(&layout.title),
    );
    if !metadata.is_empty() {
        let _ = writeln!(text, "<metadata>{}</metadata>", escaped(metadata));
    }
    if ground == Ground::Paper {
        text.push_str("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    }
    for shape in &layout.shapes {
        write(&mut text, shape, ground);
    }
    text.push_str("</svg>\n");
    text
}

fn write(text: &mut String, shape: &Shape, ground: Ground) {
    let colour = |ink: Ink| colour(ink, ground);
    // Writing to a string cannot fail.
    let _ = match shape {
        Shape::Rect {
            place: [x, y, width, height],
            ink,
            opacity,
        } => writeln!(
            text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>",
            colour(*ink)
        ),
        Shape::Line { points, ink, width } => writeln!(
            text,
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            path(points),
            colour(*ink)
        ),
        Shape::Dots {
            points,
            radius,
            inks,
        } => {
            for (at, [x, y]) in points.iter().enumerate() {
                let ink = inks.get(at).or(inks.last()).copied().unwrap_or(Ink::Accent);
                let _ = writeln!(
                    text,
                    "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" fill=\"{}\"/>",
                    colour(ink)
                );
            }
            Ok(())
        }
        Shape::Text {
            at: [x, y],
            anchor,
            size,
            ink,
            is_upright,
            words,
        } => {
            let place = if *is_upright {
                format!("transform=\"translate({x:.1} {y:.1}) rotate(-90)\"")
            } else {
                format!("x=\"{x:.1}\" y=\"{y:.1}\"")
            };
            let anchor = match anchor {
                TextAnchor::Start => "start",
                TextAnchor::Middle => "middle",
                TextAnchor::End => "end",
            };
            writeln!(
                text,
                "<text {place} text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{}\">{}</text>",
                colour(*ink),
                escaped(words)
            )
        }
        Shape::Image {
            place: [x, y, width, height],
            size,
            pixels,
        } => writeln!(
            text,
            "<image x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{}\"/>",
            BASE64_STANDARD.encode(png(*size, pixels))
        ),
    };
}

fn path(points: &[[f64; 2]]) -> String {
    let mut path = String::new();
    for (at, [x, y]) in points.iter().enumerate() {
        let pen = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{pen}{x:.2} {y:.2}");
    }
    path
}

fn colour(ink: Ink, ground: Ground) -> String {
    let variable = match ink {
        Ink::Text => "ink",
        Ink::Weak => "soft",
        Ink::Grid => "line",
        Ink::Accent => "accent",
        Ink::Amber => "warn",
        Ink::Rgb(_) => "",
    };
    if ground == Ground::Page && !variable.is_empty() {
        return format!("var(--{variable})");
    }
    let [red, green, blue] = match ink {
        Ink::Text => [0x1a, 0x20, 0x24],
        Ink::Weak => [0x5a, 0x65, 0x6c],
        Ink::Grid => [0xdd, 0xe1, 0xe4],
        Ink::Accent => [0x0b, 0x76, 0x6d],
        Ink::Amber => [0x9a, 0x67, 0x00],
        Ink::Rgb(colour) => colour,
    };
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text that an XML document can hold: control characters have no place in it.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(letter),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// Pixels as a PNG file with 8 bits per channel; empty where there are no pixels.
fn png([width, height]: [usize; 2], pixels: &[[u8; 3]]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels.as_flattened()));
    // Writing to memory fails only for an image whose pixels do not fill it.
    debug_assert!(written.is_ok(), "{width} × {height} pixels");
    file
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Figure, Mark, Panel};
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(
            escaped("<b a=\"1\">&'\u{1}"),
            "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{fffd}"
        );
    }

    #[test]
    fn the_file_is_well_formed_and_holds_its_metadata() {
        let mut panel = Panel::new(
            Axis::over("a < b", [0.0, 1.0]),
            Axis::over("voxels", [0.0, 3.0]),
        );
        panel.marks.push(Mark::Image {
            size: [2, 1],
            pixels: vec![[255, 0, 0], [0, 0, 255]],
            extent: [0.0, 1.0, 0.0, 3.0],
        });
        let layout = Layout::of(&Figure::of("f", "r & p", panel), [300.0, 200.0]);
        let text = svg(&layout, "[encode]\nx = \"<1>\"");
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut n_texts = 0;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(tag) if tag.name().as_ref() == "text" => {
                    n_texts += 1;
                }
                _ => {}
            }
        }
        assert!(n_texts > 6, "{n_texts}");
        assert!(text.contains("&lt;1&gt;") && text.contains("a &lt; b"));
    }
}
