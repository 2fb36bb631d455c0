//! Colour maps of two values: the first across, the second up.

use std::borrow::Cow;
use std::io::Cursor;

use super::colour::ColourMap;

/// Colours along either axis of a map that is made here.
const N_COLOURS: usize = 256;
/// The longest side of a map from a file.
const MOST_COLOURS: u32 = 1024;
/// Maps of pycortex (`assets/colour_maps`).
const BUNDLED: [(&str, &[u8]); 2] = [
    (
        "RdBu_covar",
        include_bytes!("../../assets/colour_maps/RdBu_covar.png"),
    ),
    (
        "BuBkRd_alpha_2D",
        include_bytes!("../../assets/colour_maps/BuBkRd_alpha_2D.png"),
    ),
];
/// Ending of the names of maps whose second value is opacity.
const ALPHA: &str = "_alpha";

/// A colour map of two values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColourMap2d {
    /// Its name.
    pub name: String,
    /// Colours across and up.
    size: [usize; 2],
    /// Red, green, blue and opacity, row by row from the top, which is the end of the second axis.
    rgba: Vec<[u8; 4]>,
}

/// Why there is no such colour map of two values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColourMap2dError {
    /// No map has this name.
    #[error(
        "There is no colour map of two values \"{}\". Choose RdBu_covar, BuBkRd_alpha_2D, the name of an ordinary colour map with \
         \"_alpha\" behind it, whose second value is then the opacity, or a PNG.",
        .0.escape_debug()
    )]
    NoSuchMap(String),
    /// The file is no PNG.
    #[error("The colour map is not a PNG that can be read: {0}")]
    NotPng(String),
    /// The picture cannot be a colour map.
    #[error(
        "The colour map has {0} × {1} pixels. It needs 2 to {MOST_COLOURS} on each side, of 8 bits and in colour"
    )]
    Unusable(u32, u32),
}

impl ColourMap2d {
    /// The names of the bundled maps.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUNDLED.into_iter().map(|(name, _)| name)
    }

    /// The map of this name: one of pycortex's, or an ordinary [`ColourMap`] with `_alpha` behind it, whose second value is the
    /// opacity.
    ///
    /// # Errors
    /// Returns [`ColourMap2dError::NoSuchMap`] if there is none.
    pub fn named(name: &str) -> Result<Self, ColourMap2dError> {
        if let Some((name, png)) = BUNDLED.iter().find(|(known, _)| *known == name) {
            return Self::of_png(name, png);
        }
        let plain = name.strip_suffix(ALPHA).map(str::parse::<ColourMap>);
        match plain {
            Some(Ok(map)) => Ok(Self::with_alpha(name, map)),
            _ => Err(ColourMap2dError::NoSuchMap(name.to_owned())),
        }
    }

    /// The second value is the opacity.
    fn with_alpha(name: &str, map: ColourMap) -> Self {
        let table = map.table();
        let row = |opacity: u8| {
            table
                .iter()
                .map(move |[red, green, blue]| [*red, *green, *blue, opacity])
        };
        Self {
            name: name.to_owned(),
            size: [N_COLOURS; 2],
            rgba: (0..=u8::MAX).rev().flat_map(row).collect(),
        }
    }

    /// A map from a PNG: the first value runs from left to right, the second from below to above, as in pycortex.
    ///
    /// # Errors
    /// Returns an error if the PNG is damaged, too large, or not in colour.
    pub fn of_png(name: &str, png: &[u8]) -> Result<Self, ColourMap2dError> {
        let damaged = |error: png::DecodingError| ColourMap2dError::NotPng(error.to_string());
        let limits = png::Limits { bytes: 16 << 20 };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(png), limits);
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().map_err(damaged)?;
        let (width, height) = reader.info().size();
        let (colour, depth) = reader.output_color_type();
        let n_channels = colour.samples();
        let is_usable = [width, height]
            .iter()
            .all(|side| (2..=MOST_COLOURS).contains(side))
            && depth == png::BitDepth::Eight
            && n_channels >= 3;
        if !is_usable {
            return Err(ColourMap2dError::Unusable(width, height));
        }
        let mut bytes = vec![0; width as usize * height as usize * n_channels];
        reader.next_frame(&mut bytes).map_err(damaged)?;
        let colour = |pixel: &[u8]| {
            let channel = |at: usize| pixel.get(at).copied().unwrap_or(u8::MAX);
            std::array::from_fn(channel)
        };
        Ok(Self {
            name: name.to_owned(),
            size: [width as usize, height as usize],
            rgba: bytes.chunks_exact(n_channels).map(colour).collect(),
        })
    }

    /// The colour and the opacity of two shares of the ranges; shares outside of 0 to 1 get those of the nearest end.
    #[must_use]
    pub fn colour(&self, [first, second]: [f32; 2]) -> [u8; 4] {
        let at = |share: f32, n: usize| {
            (share.clamp(0.0, 1.0) * (n - 1) as f32).round_ties_even() as usize
        };
        let [width, height] = self.size;
        let row = at(1.0 - second, height);
        let colour = self.rgba.get(row * width + at(first, width));
        colour.copied().unwrap_or_default()
    }

    /// Colours across and up, and red, green, blue and opacity of each, row by row from the top.
    #[must_use]
    pub fn pixels(&self) -> ([usize; 2], &[[u8; 4]]) {
        (self.size, &self.rgba)
    }
}

/// How two values become a colour.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourScale2d<'a> {
    /// The colour map.
    pub map: Cow<'a, ColourMap2d>,
    /// The values of the first and the last colour, of the first and of the second map.
    pub limits: [[f32; 2]; 2],
}

impl ColourScale2d<'_> {
    /// The colour and the opacity of two values; `None` if either is not a number.
    #[must_use]
    pub fn colour(&self, values: [f32; 2]) -> Option<[u8; 4]> {
        let share = |axis: usize| share_of(values[axis], self.limits[axis]);
        let is_known = values.iter().all(|value| !value.is_nan());
        is_known.then(|| self.map.colour([share(0), share(1)]))
    }
}

/// How far a value is from the first to the last limit; the middle where they are equal.
pub(super) fn share_of(value: f32, [least, most]: [f32; 2]) -> f32 {
    if most > least {
        (value - least) / (most - least)
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_runs_to_the_right_and_the_second_up() {
        // The corners of pycortex's PNG, and its middle.
        let map = ColourMap2d::named("RdBu_covar").unwrap();
        assert_eq!(map.colour([0.0, 1.0]), [255, 0, 0, 255]);
        assert_eq!(map.colour([1.0, 1.0]), [255, 255, 255, 255]);
        assert_eq!(map.colour([-3.0, 0.0]), [0, 0, 0, 255]);
        assert_eq!(map.colour([7.0, 0.0]), [0, 0, 255, 255]);
        let alpha = ColourMap2d::named("viridis_r_alpha").unwrap();
        assert_eq!(alpha.colour([0.0, 1.0]), [253, 231, 36, 255]);
        assert_eq!(alpha.colour([1.0, 0.0]), [68, 1, 84, 0]);
        assert!(matches!(
            ColourMap2d::named("viridis"),
            Err(ColourMap2dError::NoSuchMap(_))
        ));
    }

    #[test]
    fn every_bundled_map_is_read_and_what_is_no_picture_is_refused() {
        for name in ColourMap2d::names() {
            assert_eq!(ColourMap2d::named(name).unwrap().size, [256; 2]);
        }
        let (_, png) = BUNDLED[1];
        assert!(ColourMap2d::of_png("cut", &png[..png.len() / 2]).is_err());
        assert!(ColourMap2d::of_png("empty", &[]).is_err());
    }
}
