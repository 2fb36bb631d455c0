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
    pub(crate) words: PictureWords,
}

/// Words over a picture.
#[derive(Default)]
pub(crate) struct PictureWords {
    /// Names of regions and scales of its panels, and the upper left corner of each panel, pixels.
    pub(crate) marks: Vec<([usize; 2], BrainMarks)>,
    /// Letters such as L and R, and where their middle is, as shares of its width and height.
    pub(crate) letters: Vec<([f64; 2], &'static str)>,
    /// What the letters stand upon.
    pub(crate) ground: Ground,
    /// Titles of rows, and where they begin, as shares of its width and height.
    pub(crate) titles: Vec<([f64; 2], String)>,
}

/// What letters stand upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ground {
    #[default]
    Paper,
    /// Slices of a head.
    Dark,
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
    /// The picture alone, of one panel, as a PNG, with the words in its pixels and the recipe inside.
    ///
    /// # Errors
    /// A sentence if the picture cannot be written.
    pub(crate) fn plain_png(&self, recipe: &str) -> Result<Vec<u8>, Failure> {
        let mut with_words: Option<Picture> = None;
        for (_, marks) in self.words.marks.iter().filter(|(_, own)| !own.is_empty()) {
            let below = with_words.as_ref().unwrap_or(self.picture);
            with_words = Some(marks.over(below).map_err(Failure::new)?);
        }
        png_of(with_words.as_ref().unwrap_or(self.picture), recipe)
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
        self.words
            .svg(&mut text, [width, height], width / sides[0], unit);
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

impl PictureWords {
    /// As SVG.
    ///
    /// * `size`: width and height of the picture, points.
    /// * `pixel`: points of a pixel.
    /// * `unit`: points for each point of a figure of 800.
    fn svg(&self, text: &mut String, [width, height]: [f64; 2], pixel: f64, unit: f64) {
        for ([x, y], marks) in &self.marks {
            let [x, y] = [x, y].map(|at| *at as f64 * pixel);
            let _ = writeln!(text, "<g transform=\"translate({x:.3} {y:.3})\">");
            marks.svg(text, pixel);
            text.push_str("</g>\n");
        }
        let [ink, rim] = match self.ground {
            Ground::Paper => ["#222", "#fff"],
            Ground::Dark => ["#fff", "#000"],
        };
        for ([x, y], letter) in &self.letters {
            let _ = writeln!(
                text,
                "<text x=\"{:.3}\" y=\"{:.3}\" text-anchor=\"middle\" font-size=\"{}\" fill=\"{ink}\" stroke=\"{rim}\" \
                 stroke-width=\"{:.3}\" paint-order=\"stroke\">{letter}</text>",
                x * width,
                y * height + 5.0 * unit,
                14.0 * unit,
                2.5 * unit
            );
        }
        for ([x, y], title) in &self.titles {
            let _ = writeln!(
                text,
                "<text x=\"{:.3}\" y=\"{:.3}\" font-size=\"{}\" fill=\"#222\">{}</text>",
                x * width,
                y * height,
                14.0 * unit,
                escaped(title)
            );
        }
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
