//! The features on display: what is selected, and what is known of it.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::ColorImage;
use heschl_core::display::compare::Difference;
use heschl_core::display::heat_map::{HeatMap, Shading, Stretch};
use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::display::similarity::Plane;
use heschl_core::display::statistics::LayerStatistics;

use super::loading::Loading;

/// What is shown of a folder of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    /// Time × dimension.
    #[default]
    HeatMap,
    /// How alike the layers are.
    Layers,
    /// How alike the instants are.
    OverTime,
    /// The two largest principal components.
    Plane,
    /// Beside another folder.
    Compare,
}

impl View {
    /// All of them, with what they are called.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::HeatMap, "Heat map"),
        (Self::Layers, "Layers"),
        (Self::OverTime, "Over time"),
        (Self::Plane, "PCA"),
        (Self::Compare, "Compare"),
    ];
}

/// The stretch of a heat map that is drawn, and how fine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeatView {
    /// Rows and dimensions.
    pub(crate) stretch: Stretch,
    /// Pixels across and down.
    pub(crate) size: [usize; 2],
}

/// What the user looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeatureSelection {
    /// The folder that was chosen.
    pub(crate) folder: PathBuf,
    /// The layer; the middle one to begin with.
    pub(crate) layer: Option<Layer>,
    /// The story; the first one to begin with.
    pub(crate) story: Option<String>,
    /// The dimension that is drawn as a line.
    pub(crate) dim: usize,
    /// What colours mean.
    pub(crate) shading: Shading,
    /// What is shown.
    pub(crate) view: View,
    /// What is drawn of the heat map.
    pub(crate) heat: Option<HeatView>,
    /// The folder that it is compared with.
    pub(crate) other: Option<PathBuf>,
}

impl FeatureSelection {
    /// A quick summary of a folder.
    #[must_use]
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            layer: None,
            story: None,
            dim: 0,
            shading: Shading::default(),
            view: View::default(),
            heat: None,
            other: None,
        }
    }
}

/// A layer of a story, read.
#[derive(Debug)]
pub(crate) struct LayerInfo {
    /// The layer.
    pub(crate) layer: Layer,
    /// The features, ready to be drawn.
    pub(crate) map: HeatMap,
    /// In numbers.
    pub(crate) statistics: LayerStatistics,
    /// End of the first row's window, in seconds.
    pub(crate) first_end_secs: f64,
    /// Seconds from row to row.
    pub(crate) step_secs: f64,
    /// Whether the times were read; otherwise they are guessed from the folder's name.
    pub(crate) has_times: bool,
}

impl LayerInfo {
    /// The row, in parts, whose chunk an instant falls into.
    #[must_use]
    pub(crate) fn row_at(&self, secs: f64) -> f64 {
        (secs - self.first_end_secs) / self.step_secs + 1.0
    }

    /// The instant that a row describes: its window's end.
    #[must_use]
    pub(crate) fn secs_of(&self, row: usize) -> f64 {
        self.first_end_secs + row as f64 * self.step_secs
    }

    /// The last instant that is described.
    #[must_use]
    pub(crate) fn end_secs(&self) -> f64 {
        self.secs_of(self.statistics.n_rows.saturating_sub(1))
    }
}

/// A piece of a heat map, drawn.
pub(crate) struct HeatPicture {
    /// The layer that it is of.
    pub(crate) of: Arc<LayerInfo>,
    /// Which piece.
    pub(crate) view: HeatView,
    /// The picture.
    pub(crate) image: ColorImage,
}

/// One layer beside the same layer of another folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beside {
    /// The layer.
    pub(crate) layer: Layer,
    /// How they differ, or the sentence that says why they cannot be compared.
    pub(crate) difference: Result<Difference, String>,
}

/// What takes longer to find out.
#[derive(Debug, PartialEq)]
pub(crate) enum Analysis {
    /// Linear CKA between the layers, `(n_layers, n_layers)` in C order; so many instants were used.
    Layers {
        layers: Vec<Layer>,
        cka: Vec<f64>,
        n_instants: usize,
    },
    /// Correlation between instants, `(n, n)` in C order, and the rows that they are.
    OverTime {
        rows: Vec<usize>,
        correlation: Vec<f64>,
    },
    /// Where the instants lie in the plane, and the rows that they are.
    Plane { rows: Vec<usize>, plane: Plane },
    /// Layer by layer beside another folder.
    Compare { beside: Vec<Beside> },
}

/// Everything that is known about the selected features.
#[derive(Default)]
pub(crate) struct FeatureInfo {
    /// What the folder holds.
    pub(crate) library: Loading<Arc<FeatureLibrary>>,
    /// The layer.
    pub(crate) layer: Loading<Arc<LayerInfo>>,
    /// What was drawn of it last.
    pub(crate) picture: Option<Arc<HeatPicture>>,
    /// What was asked besides.
    pub(crate) analysis: Loading<Arc<Analysis>>,
}
