//! A frame of a film: the cortex, the colour bar below it, and what is heard.

use std::fmt::Write as _;

use heschl_core::figure::escaped;
use heschl_core::scene::{ColourScale, Picture};

use crate::brain_legend::{Legend, Place};
use crate::console::clock;
use crate::failure::Failure;
use crate::render::{self, word_width};

/// Height of what is heard, for a film of 800 pixels' width.
const STORY_HEIGHT: f64 = 58.0;
/// Height of its words.
const WORD_HEIGHT: f64 = 16.0;
/// Room at either side of the line that shows the time.
const MARGIN: f64 = 40.0;
/// The picture has at least this share of the frame's height.
const LEAST_PICTURE: f64 = 0.3;

/// What lies behind the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Background {
    #[default]
    White,
    Black,
}

impl Background {
    fn grey(self) -> u8 {
        match self {
            Self::White => 255,
            Self::Black => 0,
        }
    }

    /// The colour of words.
    fn ink(self) -> &'static str {
        match self {
            Self::White => INK,
            Self::Black => "#ddd",
        }
    }
}

/// The ink of legends.
const INK: &str = "#222";

/// What is heard at a moment of a story.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    /// The story, and what of it is shown.
    pub(crate) title: String,
    /// Seconds from the onset of its sound.
    pub(crate) secs: f64,
    /// The first and the last second of the film.
    pub(crate) span: [f64; 2],
    /// The words around.
    pub(crate) said: String,
}

/// How frames are laid out.
pub(crate) struct FrameLayout {
    size: [usize; 2],
    background: Background,
    /// Pixels for each pixel of a film of 800.
    unit: f64,
    /// Where what is heard begins, and the colour bar, rows.
    story_top: f64,
    /// What is below the picture in every frame: premultiplied, as large as the frame.
    legend: Vec<u8>,
    picture_height: usize,
}

impl FrameLayout {
    /// The layout of frames of `size`, (width, height) in pixels.
    ///
    /// * `title`: of the colour bar.
    ///
    /// # Errors
    /// A sentence if the frame is too small for its legend.
    pub(crate) fn new(
        size: [usize; 2],
        background: Background,
        (legend, title, scale): (&Legend, &str, &ColourScale),
        has_story: bool,
    ) -> Result<Self, Failure> {
        let [width, height] = size.map(|side| side as f64);
        let unit = width / 800.0;
        let legend_top = height - (legend.height() + 6.0) * unit;
        let story = if has_story { STORY_HEIGHT * unit } else { 0.0 };
        let story_top = legend_top - story;
        if story_top < LEAST_PICTURE * height {
            return Err(Failure::new(format!(
                "A film of {} × {} pixels leaves no room for the brain above its legend. Choose a larger --size.",
                size[0], size[1]
            )));
        }
        let mut svg = begin(size, unit);
        let place = Place {
            width,
            top: legend_top,
            unit,
        };
        legend.svg(&mut svg, title, scale, &place);
        svg.push_str("</svg>\n");
        let svg = svg.replace(INK, background.ink());
        Ok(Self {
            size,
            background,
            unit,
            story_top,
            legend: render::pixels(&svg).map_err(Failure::new)?,
            picture_height: story_top.floor() as usize,
        })
    }

    /// Width and height of the picture of the cortex.
    pub(crate) fn picture_size(&self) -> [usize; 2] {
        [self.size[0], self.picture_height.max(1)]
    }

    /// A frame.
    ///
    /// * `letters`: words over the picture and where their middle is, as shares of its width and height.
    ///
    /// # Errors
    /// A sentence if the words cannot be drawn.
    pub(crate) fn frame(
        &self,
        picture: &Picture,
        letters: &[([f64; 2], &'static str)],
        moment: Option<&Moment>,
    ) -> Result<Picture, Failure> {
        let mut frame = Picture {
            size: self.size,
            rgba: vec![self.background.grey(); 4 * self.size[0] * self.size[1]],
        };
        frame
            .rgba
            .chunks_exact_mut(4)
            .for_each(|pixel| pixel[3] = 255);
        for (below, own) in frame
            .rgba
            .chunks_exact_mut(4)
            .zip(picture.rgba.chunks_exact(4))
        {
            let opacity = u32::from(own[3]);
            for channel in 0..3 {
                let sum =
                    u32::from(own[channel]) * opacity + u32::from(below[channel]) * (255 - opacity);
                below[channel] = ((sum + 127) / 255) as u8;
            }
        }
        lay(&self.legend, &mut frame);
        if let Some(words) = self.words(letters, moment) {
            lay(&render::pixels(&words).map_err(Failure::new)?, &mut frame);
        }
        Ok(frame)
    }

    /// The words of a frame as SVG.
    fn words(
        &self,
        letters: &[([f64; 2], &'static str)],
        moment: Option<&Moment>,
    ) -> Option<String> {
        if letters.is_empty() && moment.is_none() {
            return None;
        }
        let mut svg = begin(self.size, self.unit);
        let [width, height] = self.picture_size().map(|side| side as f64);
        for ([x, y], letter) in letters {
            let _ = writeln!(
                svg,
                "<text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"middle\" font-size=\"{:.2}\" fill=\"{}\">{letter}</text>",
                x * width,
                y * height + 5.0 * self.unit,
                14.0 * self.unit,
                self.background.ink()
            );
        }
        if let Some(moment) = moment {
            self.moment(&mut svg, moment);
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    /// The words that are heard, and a line with the time.
    fn moment(&self, svg: &mut String, moment: &Moment) {
        let [unit, ink] = [self.unit.to_string(), self.background.ink().to_owned()];
        let width = 800.0;
        let [from, to] = moment.span;
        let share = ((moment.secs - from) / (to - from).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let length = width - 2.0 * MARGIN;
        let said = shortened(&moment.said, WORD_HEIGHT, length);
        let _ = writeln!(
            svg,
            "<g transform=\"translate(0 {:.2}) scale({unit})\" font-size=\"12\" fill=\"{ink}\">\n\
             <text x=\"400\" y=\"20\" text-anchor=\"middle\" font-size=\"{WORD_HEIGHT}\">{}</text>\n\
             <rect x=\"{MARGIN}\" y=\"32\" width=\"{length}\" height=\"3\" fill-opacity=\"0.25\"/>\n\
             <rect x=\"{MARGIN}\" y=\"32\" width=\"{:.2}\" height=\"3\"/>\n\
             <text x=\"{MARGIN}\" y=\"50\">{}</text>\n\
             <text x=\"{}\" y=\"50\" text-anchor=\"end\">{} / {}</text>\n</g>",
            self.story_top,
            escaped(&said),
            share * length,
            escaped(&moment.title),
            width - MARGIN,
            clock(moment.secs.floor().max(0.0)),
            clock(to.floor()),
        );
    }
}

fn begin([width, height]: [usize; 2], unit: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"{}\" font-size=\"{}\">\n",
        render::FAMILIES,
        12.0 * unit
    )
}

/// Words that fit into a length; the middle ones of too many.
fn shortened(words: &str, height: f64, length: f64) -> String {
    let mut all: Vec<&str> = words.split_whitespace().collect();
    while word_width(&all.join(" "), height) > length && all.len() > 1 {
        if all.len().is_multiple_of(2) {
            all.pop();
        } else {
            all.remove(0);
        }
    }
    all.join(" ")
}

/// Lays premultiplied colours over an opaque picture.
fn lay(above: &[u8], picture: &mut Picture) {
    for (below, above) in picture.rgba.chunks_exact_mut(4).zip(above.chunks_exact(4)) {
        let rest = 255 - u32::from(above[3]);
        if rest < 255 {
            for channel in 0..3 {
                let sum = 255 * u32::from(above[channel]) + rest * u32::from(below[channel]);
                below[channel] = ((sum + 127) / 255).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_lose_their_ends() {
        let words = "a b c d e f g";
        assert_eq!(shortened(words, 10.0, 1000.0), words);
        let few = shortened(words, 10.0, 30.0);
        assert!(few.contains('d') && word_width(&few, 10.0) <= 30.0, "{few}");
    }

    #[test]
    fn a_frame_is_opaque_and_has_its_picture_above_the_legend() {
        let scale = ColourScale {
            map: heschl_core::scene::ColourMap::default(),
            limits: [0.0, 1.0],
        };
        let legend = Legend::default();
        let of = (&legend, "r", &scale);
        let layout = FrameLayout::new([400, 300], Background::Black, of, true).unwrap();
        let size = layout.picture_size();
        assert_eq!(size[0], 400);
        let picture = Picture {
            size,
            rgba: [200, 100, 50, 128].repeat(size[0] * size[1]),
        };
        let moment = Moment {
            title: "a".into(),
            secs: 5.0,
            span: [0.0, 10.0],
            said: "oh".into(),
        };
        let frame = layout.frame(&picture, &[], Some(&moment)).unwrap();
        assert!(frame.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
        // Half opaque over black.
        assert_eq!(frame.rgba[..3], [100, 50, 25]);
        let below = frame.rgba.chunks_exact(4).skip(size[0] * size[1]);
        let light = below.filter(|pixel| pixel[0] > 150 && pixel[0] == pixel[2]);
        assert!(light.count() > 50);
        let failure = FrameLayout::new([400, 60], Background::White, of, true);
        assert!(failure.err().unwrap().message.contains("--size"));
    }
}
