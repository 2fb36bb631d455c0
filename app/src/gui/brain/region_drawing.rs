//! Regions that the user draws: the regions, the tools, and what is known of each region.

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::brain::drawing::{DrawnRegions, Extent};

/// Radii of the brush, mm.
pub(crate) const RADII_MM: [f64; 2] = [0.5, 30.0];

/// A tool that draws on the cortex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrawingTool {
    /// A line around what becomes the region.
    Lasso,
    /// A disc along the surface.
    Brush,
}

/// What becomes of what is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DrawingMode {
    /// It is added to the chosen region.
    #[default]
    Add,
    /// It is taken away from it.
    Subtract,
}

impl DrawingMode {
    /// The other one.
    #[must_use]
    pub(crate) fn turned(self) -> Self {
        match self {
            Self::Add => Self::Subtract,
            Self::Subtract => Self::Add,
        }
    }
}

/// How the tools are set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DrawingSettings {
    /// The tool that the mouse draws with; none turns the cortex.
    pub(crate) tool: Option<DrawingTool>,
    /// What becomes of what is drawn; Shift turns it round.
    pub(crate) mode: DrawingMode,
    /// Radius of the brush along the surface, mm.
    pub(crate) radius_mm: f64,
    /// By how much regions grow and shrink.
    pub(crate) step: Extent,
    /// Whether drawn regions are outlined.
    pub(crate) is_shown: bool,
}

impl Default for DrawingSettings {
    fn default() -> Self {
        Self {
            tool: None,
            mode: DrawingMode::Add,
            radius_mm: 5.0,
            step: Extent::Rings(1),
            is_shown: true,
        }
    }
}

impl DrawingSettings {
    /// As far as a picture depends on them.
    #[must_use]
    pub(crate) fn of_picture(self) -> Self {
        Self {
            tool: self.tool,
            is_shown: self.is_shown,
            ..Self::default()
        }
    }
}

/// Where drawn regions belong: they are kept with a study, for one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionsPlace {
    /// Folder of the study, if one is open.
    pub(crate) study: Option<PathBuf>,
    /// Folder of the subject; none for the bundled one.
    pub(crate) subject: Option<PathBuf>,
    /// Its name.
    pub(crate) name: String,
    /// Vertices of its hemispheres.
    pub(crate) n_vertices: [usize; 2],
}

impl RegionsPlace {
    /// The file of the regions, if a study keeps them.
    #[must_use]
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let safe = |c: char| {
            if c.is_alphanumeric() || "-_.+".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = self.name.chars().map(safe).collect();
        let name = name.trim_start_matches('.');
        let name = if name.is_empty() { "subject" } else { name };
        Some(
            self.study
                .as_ref()?
                .join("regions")
                .join(format!("{name}.json")),
        )
    }
}

/// Whether the regions of a place are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum RegionsRead {
    /// They are being read.
    #[default]
    Waiting,
    /// They are there.
    Done,
    /// They cannot be read: a sentence. They are not saved then, so that nothing is lost.
    Failed(String),
}

/// The regions of the subject that is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RegionDrawing {
    /// Where they belong.
    pub(crate) place: Option<RegionsPlace>,
    /// Whether those of the place are known.
    pub(crate) read: RegionsRead,
    /// The regions.
    pub(crate) regions: Arc<DrawnRegions>,
    /// The one that is changed.
    pub(crate) chosen: Option<usize>,
    /// The tools.
    pub(crate) settings: DrawingSettings,
}
