//! Words over a picture of the cortex: names of regions, and a scale in mm.

use std::fmt::Write as _;

use heschl_core::brain::{Subject, flat_stretch};
use heschl_core::figure::escaped;
use heschl_core::scene::{FlatLayout, Label, Picture, PlacedLabel, arrange};

use crate::render::{self, word_width};

/// Height of the letters of names, as a share of the picture's height, and at least, pixels.
const NAME_SHARE: f64 = 0.019;
const LEAST_PIXELS: f64 = 9.0;
/// Length of the scale at most, as a share of the picture's width.
const SCALE_SHARE: f64 = 0.12;

/// Words over a picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrainMarks {
    labels: Vec<PlacedLabel>,
    scale: Option<ScaleBar>,
    /// Height of the letters, pixels.
    height: f64,
    /// Height of the picture, pixels.
    picture_height: f64,
}

/// A length on the flat map.
#[derive(Debug, Clone)]
struct ScaleBar {
    length_mm: f64,
    length_pixels: f64,
    /// How long the cortex is that it covers: 10th and 90th percentile, mm.
    cortex_mm: Option<[f64; 2]>,
}

impl BrainMarks {
    /// Places names in a picture of this size; returns how many found no place as well.
    pub(crate) fn of_labels(labels: &[Label], size: [usize; 2]) -> (Self, usize) {
        let height = letter_height(size);
        let width_of = |name: &str| word_width(name, height);
        let (labels, n_left_out) = arrange(labels, height, width_of, size);
        let marks = Self {
            labels,
            scale: None,
            height,
            picture_height: size[1] as f64,
        };
        (marks, n_left_out)
    }

    /// Adds a scale of the flat map.
    pub(crate) fn with_scale(
        mut self,
        subject: &Subject,
        layout: &FlatLayout,
        size: [usize; 2],
    ) -> Self {
        let most = SCALE_SHARE * size[0] as f64 / layout.scale[0];
        let length_mm = round_below(most);
        let stretch = flat_stretch(subject);
        self.scale = Some(ScaleBar {
            length_mm,
            length_pixels: length_mm * layout.scale[0],
            cortex_mm: stretch.map(|[low, _, high]| [low * length_mm, high * length_mm]),
        });
        self.height = letter_height(size);
        self.picture_height = size[1] as f64;
        self
    }

    /// The names in their places, and the height of their letters in pixels.
    pub(crate) fn names(&self) -> (&[PlacedLabel], f64) {
        (&self.labels, self.height)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.scale.is_none()
    }

    /// As SVG, with so many points for each pixel.
    pub(crate) fn svg(&self, text: &mut String, unit: f64) {
        let stroke = 0.22 * self.height * unit;
        for label in &self.labels {
            if let Some([x, y]) = label.leads_to {
                let [x0, y0, x1, y1] = [label.at[0], label.at[1], x, y].map(|at| at * unit);
                for (colour, width) in [("#000", 2.0 * unit), ("#fff", unit)] {
                    let _ = writeln!(
                        text,
                        "<path d=\"M{x0:.2} {y0:.2}L{x1:.2} {y1:.2}\" stroke=\"{colour}\" stroke-width=\"{width:.2}\"/>"
                    );
                }
            }
        }
        for label in &self.labels {
            let [x, y] = label.at.map(|at| at * unit);
            // The middle of capitals is at 0.36 of the height of the letters.
            let _ = writeln!(
                text,
                "<text x=\"{x:.2}\" y=\"{:.2}\" text-anchor=\"middle\" font-size=\"{:.2}\" fill=\"#fff\" stroke=\"#000\" \
                 stroke-opacity=\"0.7\" stroke-width=\"{stroke:.2}\" stroke-linejoin=\"round\" paint-order=\"stroke\">{}</text>",
                y + 0.36 * self.height * unit,
                self.height * unit,
                escaped(&label.name)
            );
        }
        if let Some(scale) = &self.scale {
            self.scale_svg(scale, text, unit);
        }
    }

    fn scale_svg(&self, scale: &ScaleBar, text: &mut String, unit: f64) {
        let left = self.height;
        let bottom = self.picture_height - 1.2 * self.height;
        let cortex = scale
            .cortex_mm
            .map(|[low, high]| format!("{low:.0} to {high:.0} mm of cortex"));
        let own = format!("{} mm of the flat map", scale.length_mm);
        let lines = [Some(own), cortex];
        let [x, y, width] = [left, bottom, scale.length_pixels].map(|at| at * unit);
        let _ = writeln!(
            text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{:.2}\" fill=\"#222\" stroke=\"#fff\" \
             stroke-width=\"{:.2}\" paint-order=\"stroke\"/>",
            0.25 * self.height * unit,
            0.15 * self.height * unit,
        );
        for (at, words) in (1..).zip(lines.into_iter().flatten().rev()) {
            let _ = writeln!(
                text,
                "<text x=\"{x:.2}\" y=\"{:.2}\" font-size=\"{:.2}\" fill=\"#222\" stroke=\"#fff\" stroke-width=\"{:.2}\" \
                 stroke-linejoin=\"round\" paint-order=\"stroke\">{}</text>",
                y - (f64::from(at) * 1.25 - 0.85) * self.height * unit,
                self.height * unit,
                0.25 * self.height * unit,
                escaped(&words)
            );
        }
    }

    /// The picture with the words in its pixels.
    ///
    /// # Errors
    /// A sentence if the words cannot be drawn.
    pub(crate) fn over(&self, picture: &Picture) -> Result<Picture, String> {
        let [width, height] = picture.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"{}\">\n",
            render::FAMILIES
        );
        self.svg(&mut svg, 1.0);
        svg.push_str("</svg>\n");
        let words = render::pixels(&svg)?;
        let mut both = picture.clone();
        for (below, above) in both.rgba.chunks_exact_mut(4).zip(words.chunks_exact(4)) {
            over(below, above);
        }
        Ok(both)
    }
}

/// Lays a premultiplied colour over one that is not.
fn over(below: &mut [u8], above: &[u8]) {
    let share = |value: u8| f32::from(value) / 255.0;
    let (a, b) = (share(above[3]), share(below[3]));
    if a <= 0.0 {
        return;
    }
    let opacity = a + b * (1.0 - a);
    for channel in 0..3 {
        let sum = share(above[channel]) + share(below[channel]) * b * (1.0 - a);
        below[channel] = (sum / opacity * 255.0).round().clamp(0.0, 255.0) as u8;
    }
    below[3] = (opacity * 255.0).round() as u8;
}

fn letter_height(size: [usize; 2]) -> f64 {
    (NAME_SHARE * size[1] as f64).max(LEAST_PIXELS)
}

/// The largest of 1, 2, 5, 10, 20 … that is not larger.
fn round_below(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step <= most)
        .unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_a_round_length() {
        for (most, expected) in [
            (1.0, 1.0),
            (1.9, 1.0),
            (4.99, 2.0),
            (94.0, 50.0),
            (0.06, 0.05),
        ] {
            let found = round_below(most);
            assert!((found - expected).abs() < 1e-9, "{most}: {found}");
        }
    }

    #[test]
    fn words_lie_over_the_picture_and_elsewhere_it_is_unchanged() {
        let mut below = [10, 20, 30, 255];
        over(&mut below, &[0, 0, 0, 0]);
        assert_eq!(below, [10, 20, 30, 255]);
        over(&mut below, &[128, 128, 128, 128]);
        assert_eq!(below, [133, 138, 143, 255]);
        let mut nothing = [0; 4];
        over(&mut nothing, &[255, 0, 0, 255]);
        assert_eq!(nothing, [255, 0, 0, 255]);
    }
}
