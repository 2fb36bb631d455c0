//! A picture of the cortex as a file: alone, or with its colour bar.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use heschl_core::figure::escaped;
use heschl_core::scene::{ColourScale, Picture};

use crate::brain_legend::{Legend, Place};
use crate::brain_marks::BrainMarks;
use crate::failure::Failure;
use crate::render;

const WIDTH_POINTS: f64 = 800.0;
/// Resolution of a picture with one pixel for each point.
pub(crate) const DPI: u32 = 96;

/// A picture, and what its colours mean.
pub(crate) struct BrainFigure<'a> {
    pub(crate) picture: &'a Picture,
    pub(crate) scale: ColourScale,
    /// What is shown.
    pub(crate) title: &'a str,
    /// Width of the figure in points of 1/96 inch.
    pub(crate) width_points: f64,
    /// What is below the picture besides the colour bar, or in its place.
    pub(crate) legend: Legend<'a>,
    /// Words over the picture.
    pub(crate) marks: BrainMarks,
    /// Words over the picture, such as L and R, and where their middle is, as shares of its width and height.
    pub(crate) letters: &'a [([f64; 2], &'static str)],
}

/// A file format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
    Pdf,
}

impl Format {
    /// The format by the name of the file.
    ///
    /// # Errors
    /// A sentence if the name ends otherwise.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            Some("pdf") => Ok(Self::Pdf),
            _ => Err(Failure::new(format!(
                "Pictures are written as .png, .svg or .pdf. Choose a name that ends so.\nFile: {}",
                path.display()
            ))),
        }
    }
}

impl BrainFigure<'_> {
    /// The picture alone as a PNG, with the words in its pixels and the recipe inside.
    ///
    /// # Errors
    /// A sentence if the picture cannot be written.
    pub(crate) fn plain_png(&self, recipe: &str) -> Result<Vec<u8>, Failure> {
        if self.marks.is_empty() {
            return png_of(self.picture, recipe);
        }
        let picture = self.marks.over(self.picture).map_err(Failure::new)?;
        png_of(&picture, recipe)
    }

    /// The picture over its colour bar.
    ///
    /// * `dpi`: pixels per inch of a PNG.
    ///
    /// # Errors
    /// A sentence if the figure cannot be made.
    pub(crate) fn in_format(
        &self,
        format: Format,
        recipe: &str,
        dpi: u32,
    ) -> Result<Vec<u8>, Failure> {
        let svg = self.svg(recipe)?;
        match format {
            Format::Svg => Ok(svg.into_bytes()),
            Format::Png => render::png(&svg, recipe, dpi).map_err(Failure::new),
            Format::Pdf => render::pdf(&svg, recipe).map_err(Failure::new),
        }
    }

    /// The same as SVG, text as text.
    ///
    /// # Errors
    /// As [`BrainFigure::in_format`].
    pub(crate) fn svg(&self, recipe: &str) -> Result<String, Failure> {
        let sides = self.picture.size.map(|side| side as f64);
        let (width, height) = (self.width_points, self.width_points * sides[1] / sides[0]);
        let unit = width / WIDTH_POINTS;
        let all = height + self.legend.height() * unit;
        let png = BASE64_STANDARD.encode(png_of(self.picture, recipe)?);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{width}\" \
             height=\"{all}\" viewBox=\"0 0 {width} {all}\" font-family=\"{}\" font-size=\"{}\">\n<metadata>{}</metadata>\n\
             <image width=\"{width}\" height=\"{height}\" xlink:href=\"data:image/png;base64,{png}\"/>\n",
            render::FAMILIES,
            12.0 * unit,
            escaped(recipe)
        );
        self.marks.svg(&mut text, width / sides[0]);
        for ([x, y], letter) in self.letters {
            let _ = writeln!(
                text,
                "<text x=\"{:.3}\" y=\"{:.3}\" text-anchor=\"middle\" font-size=\"{}\" fill=\"#fff\" stroke=\"#000\" \
                 stroke-width=\"{:.3}\" paint-order=\"stroke\">{letter}</text>",
                x * width,
                y * height + 5.0 * unit,
                14.0 * unit,
                2.5 * unit
            );
        }
        let place = Place {
            width,
            top: height,
            unit,
        };
        self.legend.svg(&mut text, self.title, &self.scale, &place);
        text.push_str("</svg>\n");
        Ok(text)
    }
}

/// Pixels as a PNG, with the recipe inside.
fn png_of(picture: &Picture, recipe: &str) -> Result<Vec<u8>, Failure> {
    let [width, height] = picture.size.map(|side| side as u32);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&picture.rgba));
    written.map_err(|error| Failure::new(format!("The picture cannot be written: {error}")))?;
    Ok(render::with_chunks(&bytes, recipe, DPI))
}
