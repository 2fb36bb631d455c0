//! Maps that are made from fits, in place of a column of scores, and how their values become colours.

use std::sync::Arc;

use heschl_core::run::maps::{MapEntry, MapSet, MapsRecord};
use heschl_core::scene::{Category, ColourMap, Colouring, Interpolation, LayerStyle};

use crate::brain_map::PlacedMap;
use crate::derived_maps::categories;

/// Maps that are made from fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DerivedKind {
    /// The best of the fits in the folder of the scores.
    Best,
    /// Where these scores are better than others.
    Difference,
    /// The delay of the largest weights.
    Delay,
    /// What two sets of features explain apart and together.
    Variance,
    /// The first three principal components of the weights.
    Components,
}

impl DerivedKind {
    /// All of them, with their names.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Best, "best fit of the folder"),
        (Self::Difference, "difference from other scores"),
        (Self::Delay, "delay of the largest weights"),
        (Self::Variance, "unique and shared variance"),
        (Self::Components, "components of the weights"),
    ];

    /// What it is called.
    #[must_use]
    pub(crate) fn words(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, words)| words)
    }

    /// The name of its folder.
    #[must_use]
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Difference => "difference",
            Self::Delay => "delay",
            Self::Variance => "variance",
            Self::Components => "components",
        }
    }

    /// Whether it needs other scores beside those that are open.
    #[must_use]
    pub(crate) fn needs_others(self) -> bool {
        matches!(self, Self::Difference | Self::Variance)
    }
}

/// Maps that were made; the same only if they are the same in memory.
#[derive(Debug, Clone)]
pub(crate) struct DerivedMaps(pub(crate) Arc<MapSet>);

impl PartialEq for DerivedMaps {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Which of several maps is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShownMap<'a> {
    /// Three of them as red, green and blue.
    Rgb(&'a [String; 3]),
    /// One of them.
    One(&'a MapEntry),
}

/// The map of this name, or what the record shows first; `None` if there is no such map.
#[must_use]
pub(crate) fn shown_map<'a>(record: &'a MapsRecord, name: Option<&str>) -> Option<ShownMap<'a>> {
    match (name, &record.rgb) {
        (None, Some(rgb)) => Some(ShownMap::Rgb(rgb)),
        (None, None) => record.maps.first().map(ShownMap::One),
        (Some(name), _) => record.entry(name).ok().map(ShownMap::One),
    }
}

/// How the values of a map become colours.
#[derive(Debug, Clone, Default)]
pub(crate) enum Look {
    /// By a colour map.
    #[default]
    Scale,
    /// As whole numbers with a name each.
    Categories(MapEntry),
    /// The map is red; green and blue, and what each of the three is.
    Rgb(Box<[PlacedMap; 2]>, [String; 3]),
}

impl Look {
    /// The categories in colours of a map; none if it has none.
    #[must_use]
    pub(crate) fn categories(&self, colours: ColourMap) -> Vec<Category> {
        match self {
            Self::Categories(entry) => categories(entry, colours),
            Self::Scale | Self::Rgb(..) => vec![],
        }
    }

    /// The style of a layer.
    ///
    /// * `categories`: those of [`Look::categories`].
    /// * `depths`: at which images are sampled.
    #[must_use]
    pub(crate) fn style<'a>(
        &'a self,
        categories: &'a [Category],
        depths: &'a [f32],
    ) -> LayerStyle<'a> {
        let colouring = match self {
            Self::Scale => Colouring::Scale,
            Self::Categories(_) => Colouring::Categories(categories),
            Self::Rgb(others, _) => {
                let [green, blue] = &**others;
                Colouring::Rgb {
                    others: [green, blue].map(|map| map.data(Interpolation::Nearest, depths)),
                    limits: [[0.0, 1.0]; 3],
                }
            }
        };
        LayerStyle {
            colouring,
            ..LayerStyle::default()
        }
    }
}
