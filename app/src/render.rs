//! SVG figures as PNG and PDF, with the recipe embedded.

use std::sync::Arc;

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, TextStr};
use resvg::{tiny_skia, usvg};

/// Points of a figure to an inch. Source: CSS Values and Units, level 4, "px".
pub(crate) const POINTS_PER_INCH: f64 = 96.0;
/// Points of a page to an inch. Source: ISO 32000-1, 8.3.2.3.
const PAGE_POINTS_PER_INCH: f64 = 72.0;
/// The family of the embedded font, whose figures are all of one width.
const FAMILY: &str = "Inter Heschl";
/// The embedded font.
const FONT: &[u8] = include_bytes!("../assets/fonts/Inter-Regular.otf");
/// The families that an SVG asks for, the best first.
pub(crate) const FAMILIES: &str =
    "Inter Heschl, Inter, Liberation Sans, DejaVu Sans, Helvetica, Arial, sans-serif";
/// Under this key a program finds the recipe.
const KEY: &str = "Heschl recipe";

fn fonts() -> usvg::fontdb::Database {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    fonts
}

fn options() -> usvg::Options<'static> {
    usvg::Options {
        fontdb: Arc::new(fonts()),
        font_family: FAMILY.into(),
        ..usvg::Options::default()
    }
}

/// A PNG with the recipe as a text chunk.
pub(crate) fn png(svg: &str, recipe: &str, dpi: u32) -> Result<Vec<u8>, String> {
    let picture = pixmap(svg, f64::from(dpi) / POINTS_PER_INCH)?;
    let png = picture.encode_png().map_err(|error| error.to_string())?;
    Ok(with_chunks(&png, recipe, dpi))
}

/// The pixels of a figure with one pixel for each point: red, green, blue and opacity, premultiplied.
pub(crate) fn pixels(svg: &str) -> Result<Vec<u8>, String> {
    Ok(pixmap(svg, 1.0)?.take())
}

fn pixmap(svg: &str, scale: f64) -> Result<tiny_skia::Pixmap, String> {
    let tree = usvg::Tree::from_str(svg, &options()).map_err(|error| error.to_string())?;
    let size = tree.size();
    let pixels = |points: f32| (f64::from(points) * scale).round().max(1.0) as u32;
    let mut picture = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or("The figure is empty.")?;
    let larger = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, larger, &mut picture.as_mut());
    Ok(picture)
}

/// Width of a word in letters of a height, both in points.
pub(crate) fn word_width(word: &str, height: f64) -> f64 {
    // A letter that the font lacks is about as wide as it is high.
    let Ok(face) = ttf_parser::Face::parse(FONT, 0) else {
        return height * word.chars().count() as f64;
    };
    let units = f64::from(face.units_per_em());
    let width = |letter: char| {
        let glyph = face.glyph_index(letter);
        let advance = glyph.and_then(|glyph| face.glyph_hor_advance(glyph));
        advance.map_or(1.0, |advance| f64::from(advance) / units)
    };
    height * word.chars().map(width).sum::<f64>()
}

/// Adds the resolution and the recipe behind the header: `pHYs` in pixels per metre, and `iTXt` with keyword, no compression and
/// no language. Source: PNG specification, 11.3.4.5 and 11.3.5.3.
pub(crate) fn with_chunks(png: &[u8], recipe: &str, dpi: u32) -> Vec<u8> {
    // 8 bytes of signature; the header's length, name, 13 bytes and checksum.
    const AFTER_HEADER: usize = 8 + 4 + 4 + 13 + 4;
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let mut resolution = b"pHYs".to_vec();
    resolution.extend(per_metre.to_be_bytes());
    resolution.extend(per_metre.to_be_bytes());
    resolution.push(1);
    let mut text = b"iTXt".to_vec();
    text.extend(KEY.as_bytes());
    text.extend([0; 5]);
    text.extend(recipe.as_bytes());
    let (head, rest) = png.split_at(AFTER_HEADER.min(png.len()));
    let mut with = head.to_vec();
    for chunk in [resolution, text] {
        with.extend((chunk.len() as u32 - 4).to_be_bytes());
        with.extend(&chunk);
        with.extend(crc32fast::hash(&chunk).to_be_bytes());
    }
    with.extend(rest);
    with
}

/// A page of the figure's size, with the recipe in the document's metadata.
pub(crate) fn pdf(svg: &str, recipe: &str) -> Result<Vec<u8>, String> {
    let tree = svg2pdf::usvg::Tree::from_str(svg, &options()).map_err(|error| error.to_string())?;
    let (figure, figure_ref) = svg2pdf::to_chunk(&tree, svg2pdf::ConversionOptions::default())
        .map_err(|error| error.to_string())?;
    let mut next = Ref::new(1);
    let [catalog, pages, page_ref, content_ref, info] = std::array::from_fn(|_| next.bump());
    let mut figure_at = figure_ref;
    let figure = figure.renumber(|old| {
        let new = next.bump();
        if old == figure_ref {
            figure_at = new;
        }
        new
    });
    let page = |points: f32| (f64::from(points) * PAGE_POINTS_PER_INCH / POINTS_PER_INCH) as f32;
    let (width, height) = (page(tree.size().width()), page(tree.size().height()));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page_ref]).count(1);
    let mut page = pdf.page(page_ref);
    page.media_box(Rect::new(0.0, 0.0, width, height))
        .parent(pages)
        .contents(content_ref);
    page.resources()
        .x_objects()
        .pair(Name(b"Figure"), figure_at);
    page.finish();
    let mut content = Content::new();
    content
        .transform([width, 0.0, 0.0, height, 0.0, 0.0])
        .x_object(Name(b"Figure"));
    pdf.stream(content_ref, &content.finish());
    pdf.extend(&figure);
    let mut info = pdf.document_info(info);
    info.creator(TextStr("Heschl")).subject(TextStr(KEY));
    info.insert(Name(b"HeschlRecipe"))
        .primitive(TextStr(recipe));
    info.finish();
    Ok(pdf.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\"><rect width=\"40\" height=\"20\" fill=\"white\"/><text font-family=\"Inter Heschl\" x=\"4\" y=\"14\" font-size=\"12\">a</text></svg>";

    #[test]
    fn a_png_holds_the_recipe_and_the_words_in_our_font() {
        let recipe = "model = \"größe\"\n";
        let png = png(FIGURE, recipe, 192).unwrap();
        let read = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (80, 40));
        assert!(
            read.pixels().any(|pixel| pixel.0[0] < 100),
            "the letter was not drawn"
        );
        let found = png
            .windows(recipe.len())
            .any(|part| part == recipe.as_bytes());
        assert!(found && png.windows(4).any(|part| part == b"iTXt"));
        // 192 pixels per inch are 7,559 per metre.
        let at = png.windows(4).position(|name| name == b"pHYs").unwrap();
        assert_eq!(&png[at + 4..at + 8], 7559_u32.to_be_bytes());
    }

    #[test]
    fn a_pdf_holds_the_recipe_and_one_page() {
        let pdf = pdf(FIGURE, "model = \"whisper\"").unwrap();
        let text = String::from_utf8_lossy(&pdf);
        assert!(
            text.starts_with("%PDF-") && text.contains("/HeschlRecipe (model = \"whisper\")"),
            "{text}"
        );
        assert!(text.contains("/Count 1"));
    }
}
