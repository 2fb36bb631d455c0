//! Colour maps of data, and what becomes of values that have no colour.

use std::fmt;
use std::str::FromStr;

/// Number of colours of a map.
const N_COLOURS: usize = 256;
/// The colours of all maps, from matplotlib (`assets/colour_maps`).
const TABLES: &[u8] = include_bytes!("../../assets/colour_maps/maps.bin");
/// Their names, in the order of the tables.
const NAMES: [&str; 14] = [
    "viridis", "magma", "inferno", "plasma", "cividis", "RdBu", "coolwarm", "PuOr", "hot", "Reds",
    "Blues", "twilight", "turbo", "gray",
];

/// A colour map of matplotlib: 256 colours, the same to the last bit. A name that ends in `_r` is reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourMap {
    index: usize,
    is_reversed: bool,
}

/// There is no colour map of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchColourMap(pub String);

impl fmt::Display for NoSuchColourMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "There is no colour map \"{}\". Choose one of {}, or one of these with \"_r\" for the reverse.",
            self.0.escape_debug(),
            NAMES.join(", ")
        )
    }
}

impl std::error::Error for NoSuchColourMap {}

impl Default for ColourMap {
    /// inferno: evenly perceived, and dark where there is little.
    fn default() -> Self {
        Self {
            index: 2,
            is_reversed: false,
        }
    }
}

impl ColourMap {
    /// All maps, each once.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..NAMES.len()).map(|index| Self {
            index,
            is_reversed: false,
        })
    }

    /// The colour of a share of the range; shares outside of 0 to 1 get the colour of the nearest end.
    #[must_use]
    pub fn colour(self, share: f32) -> [u8; 3] {
        // As in matplotlib: 1 belongs to the last colour.
        let at = (share * N_COLOURS as f32).clamp(0.0, (N_COLOURS - 1) as f32) as usize;
        let at = if self.is_reversed {
            N_COLOURS - 1 - at
        } else {
            at
        };
        let begin = (self.index * N_COLOURS + at) * 3;
        std::array::from_fn(|channel| TABLES.get(begin + channel).copied().unwrap_or_default())
    }

    /// All 256 colours.
    #[must_use]
    pub fn table(self) -> Vec<[u8; 3]> {
        let centre = |at: usize| (at as f32 + 0.5) / N_COLOURS as f32;
        (0..N_COLOURS).map(|at| self.colour(centre(at))).collect()
    }

    /// Whether the map has a middle, for values around zero.
    #[must_use]
    pub fn is_diverging(self) -> bool {
        matches!(NAMES[self.index], "RdBu" | "coolwarm" | "PuOr")
    }
}

impl FromStr for ColourMap {
    type Err = NoSuchColourMap;

    fn from_str(name: &str) -> Result<Self, NoSuchColourMap> {
        let (plain, is_reversed) = match name.strip_suffix("_r") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let index = NAMES
            .iter()
            .position(|known| known.eq_ignore_ascii_case(plain));
        index
            .map(|index| Self { index, is_reversed })
            .ok_or_else(|| NoSuchColourMap(name.to_owned()))
    }
}

impl fmt::Display for ColourMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[self.index])?;
        f.write_str(if self.is_reversed { "_r" } else { "" })
    }
}

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourScale {
    /// The colour map.
    pub map: ColourMap,
    /// The values of its first and its last colour.
    pub limits: [f32; 2],
}

impl ColourScale {
    /// The colour of a value; `None` if it is not a number.
    #[must_use]
    pub fn colour(&self, value: f32) -> Option<[u8; 3]> {
        let [least, most] = self.limits;
        let share = if most > least {
            (value - least) / (most - least)
        } else {
            0.5
        };
        (!value.is_nan()).then(|| self.map.colour(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str) -> ColourMap {
        name.parse().unwrap()
    }

    #[test]
    fn colours_are_those_of_matplotlib() {
        // matplotlib 3.11.2, `colormaps[name](i, bytes=True)` for i = 0, 128, 255.
        let expected = [
            ("viridis", [[68, 1, 84], [32, 144, 140], [253, 231, 36]]),
            ("RdBu_r", [[5, 48, 97], [247, 246, 246], [103, 0, 31]]),
            ("coolwarm", [[58, 76, 192], [221, 220, 219], [179, 3, 38]]),
            ("gray", [[0, 0, 0], [128, 128, 128], [255, 255, 255]]),
        ];
        for (name, [first, middle, last]) in expected {
            let map = map(name);
            assert_eq!(map.to_string(), name);
            assert_eq!(map.colour(0.0), first, "{name}");
            assert_eq!(map.colour(-3.0), first, "{name}");
            assert_eq!(map.colour(0.5), middle, "{name}");
            assert_eq!(map.colour(1.0), last, "{name}");
            assert_eq!(map.colour(f32::INFINITY), last, "{name}");
        }
        assert_eq!(TABLES.len(), NAMES.len() * N_COLOURS * 3);
        assert_eq!(ColourMap::default().to_string(), "inferno");
    }

    #[test]
    fn not_a_number_has_no_colour() {
        let scale = ColourScale {
            map: map("magma"),
            limits: [-1.0, 1.0],
        };
        assert_eq!(scale.colour(f32::NAN), None);
        assert_eq!(scale.colour(0.0), Some(map("magma").colour(0.5)));
        assert!("jet2000".parse::<ColourMap>().is_err());
    }
}
