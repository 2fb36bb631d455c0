//! What lies over the map: outlines, sulci, names, hatching where there is no signal, and drawn regions.

use std::sync::Arc;

use heschl_core::brain::SurfaceLine;
use heschl_core::brain::drawing::RegionMesh;
use heschl_core::scene::{Dropout, Interpolation, Lines, NamedVertices, Visibility, labels};

use super::region_facts::RegionFacts;
use crate::brain_map::BrainMap;
use crate::brain_marks::BrainMarks;

/// Widths of lines as shares of the picture's height: as in pycortex, and more for the region that is changed.
const REGION_SHARE: f32 = 2.0 / 1024.0;
const SULCUS_SHARE: f32 = 1.3 / 1024.0;
const CHOSEN_SHARE: f32 = 3.5 / 1024.0;
const SULCUS_OPACITY: f32 = 0.6;
const HALO: f32 = 0.45;
/// The depth at which dropout is looked up: halfway between pial and white surface.
const MIDDLE: [f32; 1] = [0.5];

/// What is shown over the map besides the borders of an atlas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a box to tick")]
pub(crate) struct OverSettings {
    /// Whether regions drawn in pycortex are outlined.
    pub(crate) has_overlays: bool,
    /// Whether the sulci of pycortex's drawing are shown.
    pub(crate) has_sulci: bool,
    /// Whether regions that are outlined are named.
    pub(crate) has_names: bool,
    /// Whether places without signal are hatched.
    pub(crate) has_dropout: bool,
}

impl Default for OverSettings {
    fn default() -> Self {
        Self {
            has_overlays: true,
            has_sulci: true,
            has_names: false,
            has_dropout: false,
        }
    }
}

/// What is drawn over a map, ready for any view.
#[derive(Default, Clone)]
pub(crate) struct BrainOver {
    /// The meshes on which regions are drawn, if they are needed.
    pub(crate) meshes: Option<Arc<[RegionMesh; 2]>>,
    /// Sulci of pycortex's drawing.
    pub(crate) sulci: Vec<SurfaceLine>,
    /// Regions drawn in pycortex, and those drawn here.
    pub(crate) regions: Vec<SurfaceLine>,
    /// The region that is changed.
    pub(crate) chosen: Vec<SurfaceLine>,
    /// What may be named.
    pub(crate) named: Vec<NamedVertices>,
    /// How much of the signal is lost.
    pub(crate) dropout: Option<Arc<BrainMap>>,
    /// What is known of each drawn region, in their order.
    pub(crate) drawn: Vec<RegionFacts>,
    /// What is known of the region that was chosen in the table of the atlas.
    pub(crate) of_table: Option<RegionFacts>,
    /// What the user should know of it.
    pub(crate) notes: Vec<String>,
}

impl std::fmt::Debug for BrainOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrainOver").finish_non_exhaustive()
    }
}

impl BrainOver {
    /// The lines in a picture of so many pixels' height.
    #[must_use]
    pub(crate) fn lines(&self, height: usize) -> Vec<Lines<'_>> {
        let height = height as f32;
        let all = [
            (&self.sulci, SULCUS_SHARE, SULCUS_OPACITY, 0.0),
            (&self.regions, REGION_SHARE, 1.0, HALO),
            (&self.chosen, CHOSEN_SHARE, 1.0, HALO),
        ];
        let some = all.into_iter().filter(|(lines, ..)| !lines.is_empty());
        some.map(|(lines, share, opacity, halo)| Lines {
            lines,
            width: (share * height).max(1.0),
            opacity,
            halo,
        })
        .collect()
    }

    /// The hatching.
    #[must_use]
    pub(crate) fn hatching(&self) -> Option<Dropout<'_>> {
        let map = self.dropout.as_ref()?;
        Some(Dropout {
            data: map.values.data(Interpolation::Nearest, &MIDDLE),
        })
    }

    /// The names, in their places in a picture.
    ///
    /// * `n_samples`: samples of a pixel along each side of `seen`.
    #[must_use]
    pub(crate) fn marks(
        &self,
        seen: &Visibility,
        size: [usize; 2],
        n_samples: usize,
    ) -> BrainMarks {
        if self.named.is_empty() {
            return BrainMarks::default();
        }
        BrainMarks::of_labels(&labels(&self.named, seen, n_samples), size).0
    }
}
