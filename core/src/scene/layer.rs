//! The data of a scene: what decides the colour and the opacity of a point.

use rayon::prelude::*;

use super::colour::ColourScale;
use super::colour2d::{ColourScale2d, share_of};
use super::data::{DataMap, DataReader};
use super::raster::{Hit, Visibility};
use crate::brain::{NO_DATA, Subject, is_no_data};

/// Opacity of values below the threshold that are faded.
pub const FADED_OPACITY: f32 = 0.25;

/// Data, and how their values are shown.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The values.
    pub data: DataMap<'a>,
    /// Their colours.
    pub scale: ColourScale,
    /// Values below this are not drawn, or fade.
    pub threshold: Option<f32>,
    /// What else decides the colours; nothing by default.
    pub style: LayerStyle<'a>,
}

impl Layer<'_> {
    /// The colour of a place whose values are known: that of its own map, and of the second one or of green and blue. `None` if
    /// one of them is not a number, if its own is below the threshold, or is no category.
    ///
    /// * `value`: returns the value of a map at the place.
    #[must_use]
    pub fn colour(&self, value: impl Fn(&DataMap) -> f32) -> Option<[u8; 3]> {
        let first = value(&self.data);
        let others = self.style.colouring.others();
        let others = [0, 1].map(|at| others.get(at).map_or(0.0, &value));
        let is_below = self.threshold.is_some_and(|threshold| first < threshold);
        let values = [first, others[0], others[1]];
        if is_below || values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let [red, green, blue, _] = self.rgba(values)?;
        Some([red, green, blue])
    }

    /// The colour of values that are numbers; `None` if it is no category.
    fn rgba(&self, [first, second, third]: [f32; 3]) -> Option<[u8; 4]> {
        let opaque = |[red, green, blue]: [u8; 3]| [red, green, blue, u8::MAX];
        match self.style.colouring {
            Colouring::Scale => self.scale.colour(first).map(opaque),
            Colouring::Two { scale, .. } => scale.colour([first, second]),
            Colouring::Rgb { limits, .. } => {
                let channel = |(value, limits): (f32, [f32; 2])| {
                    // Towards zero, as in pycortex.
                    (share_of(value, limits).clamp(0.0, 1.0) * 255.0) as u8
                };
                let [a, b, c] = limits;
                Some(opaque([(first, a), (second, b), (third, c)].map(channel)))
            }
            Colouring::Categories(categories) => {
                let own = categories
                    .iter()
                    .find(|category| (category.value as f32 - first).abs() < 0.5);
                own.map(|category| opaque(category.colour))
            }
        }
    }
}

/// What decides the colours of a layer besides its colour scale.
#[derive(Debug, Clone, Copy, Default)]
pub struct LayerStyle<'a> {
    /// Which maps decide the colour.
    pub colouring: Colouring<'a>,
    /// What becomes of values below the threshold.
    pub below: BelowThreshold,
    /// A map that decides how opaque the layer is.
    pub opacity: Option<Opacity<'a>>,
    /// How places without a value look.
    pub missing: MissingLook,
}

/// Which maps decide the colour of a point.
#[derive(Debug, Clone, Copy, Default)]
pub enum Colouring<'a> {
    /// The layer's own map, by its scale.
    #[default]
    Scale,
    /// The layer's own map and a second one, by a scale of two values.
    Two {
        /// The second map.
        second: DataMap<'a>,
        /// Its scale.
        scale: &'a ColourScale2d<'a>,
    },
    /// Three maps as red, green and blue. The layer's own map is red.
    Rgb {
        /// Green and blue.
        others: [DataMap<'a>; 2],
        /// The values of no and of full red, green and blue.
        limits: [[f32; 2]; 3],
    },
    /// The layer's own map as whole numbers with a colour each. At several depths, the most frequent one is shown, and of two
    /// equally frequent ones the smaller.
    Categories(&'a [Category]),
}

impl<'a> Colouring<'a> {
    /// The maps besides the layer's own.
    fn others(self) -> Vec<DataMap<'a>> {
        match self {
            Self::Scale | Self::Categories(_) => vec![],
            Self::Two { second, .. } => vec![second],
            Self::Rgb { others, .. } => others.into(),
        }
    }
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its value in the map.
    pub value: i32,
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub colour: [u8; 3],
}

/// What becomes of values below the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BelowThreshold {
    /// They are not drawn.
    #[default]
    Hidden,
    /// They are nearly transparent.
    Faded,
}

/// A map that decides how opaque another one is.
#[derive(Debug, Clone, Copy)]
pub struct Opacity<'a> {
    /// The map.
    pub data: DataMap<'a>,
    /// The values that are transparent and opaque.
    pub limits: [f32; 2],
}

/// How places without a value look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingLook {
    /// As the cortex, as in pycortex.
    #[default]
    Plain,
    /// Dotted where values are not a number, and darker where there are no data.
    Marked,
}

/// What a layer has at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointKind {
    /// A value.
    Value,
    /// A value below the threshold.
    BelowThreshold,
    /// One of its maps is not a number, or is a number that is no category.
    NotANumber,
    /// One of its maps has nothing: outside of the mask or of the image.
    NoData,
}

/// What a layer shows at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointColour {
    /// What it has there.
    pub kind: PointKind,
    /// Red, green, blue and opacity of the data alone; transparent where nothing is drawn.
    pub rgba: [u8; 4],
}

impl PointColour {
    fn nothing(kind: PointKind) -> Self {
        Self { kind, rgba: [0; 4] }
    }
}

/// Reads the colours of points of a subject's surface.
pub(super) struct LayerReader<'a> {
    layer: Layer<'a>,
    data: DataReader<'a>,
    /// The second map, or green and blue.
    others: Vec<DataReader<'a>>,
    opacity: Option<DataReader<'a>>,
}

impl<'a> LayerReader<'a> {
    pub(super) fn new(layer: &Layer<'a>, subject: &'a Subject) -> Self {
        let reader = |map: DataMap<'a>| DataReader::new(map, subject);
        let others = layer.style.colouring.others();
        Self {
            data: reader(layer.data),
            others: others.into_iter().map(reader).collect(),
            opacity: layer.style.opacity.map(|opacity| reader(opacity.data)),
            layer: *layer,
        }
    }

    /// How places without a value look.
    pub(super) fn missing(&self) -> MissingLook {
        self.layer.style.missing
    }

    /// What a point shows.
    pub(super) fn colour(&self, hit: &Hit) -> PointColour {
        let style = &self.layer.style;
        let first = match style.colouring {
            Colouring::Categories(_) => self.data.most_frequent(hit),
            _ => self.data.value(hit),
        };
        let mut values = [first, NO_DATA, NO_DATA];
        for (value, reader) in values[1..].iter_mut().zip(&self.others) {
            *value = reader.value(hit);
        }
        let share = self.opacity.as_ref().map(|reader| reader.value(hit));
        let own = &values[..=self.others.len()];
        if let Some(kind) = missing_kind(own.iter().chain(&share)) {
            return PointColour::nothing(kind);
        }
        let Some([red, green, blue, alpha]) = self.layer.rgba(values) else {
            return PointColour::nothing(PointKind::NotANumber);
        };
        let mut opacity = f32::from(alpha);
        if let (Some(share), Some(scale)) = (share, style.opacity) {
            opacity *= share_of(share, scale.limits).clamp(0.0, 1.0);
        }
        let is_below = (self.layer.threshold).is_some_and(|threshold| first < threshold);
        let kind = match (is_below, style.below) {
            (false, _) => PointKind::Value,
            (true, BelowThreshold::Hidden) => {
                return PointColour::nothing(PointKind::BelowThreshold);
            }
            (true, BelowThreshold::Faded) => {
                opacity *= FADED_OPACITY;
                PointKind::BelowThreshold
            }
        };
        let opacity = opacity.round_ties_even() as u8;
        PointColour {
            kind,
            rgba: [red, green, blue, opacity],
        }
    }
}

/// What is missing, if any of the values is.
fn missing_kind<'v>(values: impl Iterator<Item = &'v f32>) -> Option<PointKind> {
    let missing = values.filter(|value| value.is_nan());
    let kinds = missing.map(|value| {
        if is_no_data(*value) {
            PointKind::NoData
        } else {
            PointKind::NotANumber
        }
    });
    kinds.max()
}

/// What a layer shows at the middle of each pixel of a picture, row by row; `None` where there is no cortex.
///
/// * `n_samples`: samples of a pixel along each side of `seen`.
#[must_use]
pub fn colours<'a>(
    layer: &Layer<'a>,
    subject: &'a Subject,
    seen: &Visibility,
    n_samples: usize,
) -> Vec<Option<PointColour>> {
    let reader = LayerReader::new(layer, subject);
    let n_samples = n_samples.max(1);
    let [width, height] = seen.size().map(|samples| samples / n_samples);
    let colour = |at: usize| {
        let place = [at % width, at / width];
        let [x, y] = place.map(|pixel| pixel * n_samples + n_samples / 2);
        Some(reader.colour(&seen.hit(x, y)?))
    };
    (0..width * height).into_par_iter().map(colour).collect()
}
