//! Figures that are saved: as PNG, SVG or PDF, or their numbers as CSV, with the recipe inside.

mod align;
mod brain;
mod csv;
mod features;
mod film;
pub(crate) mod scores;

use std::path::PathBuf;

use heschl_core::figure::{Figure, Layout, svg};
use heschl_core::run::store::atomic;
use serde::{Deserialize, Serialize};

use crate::brain_panels::PanelLayout;
use crate::gui::brain::BrainPicture;
use crate::render;
pub(crate) use align::aligned;
pub(crate) use features::{FeatureFigure, components};
pub(crate) use film::{FilmExport, FilmKind};

/// How what is shown is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// A picture in pixels.
    Png,
    /// A picture in shapes.
    Svg,
    /// A page.
    Pdf,
    /// The numbers.
    Csv,
}

impl ExportFormat {
    /// The suffix of its files.
    #[must_use]
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
        }
    }

    /// All of them, with what they are called.
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Png, "figure as PNG"),
        (Self::Svg, "figure as SVG"),
        (Self::Pdf, "figure as PDF"),
        (Self::Csv, "numbers as CSV"),
    ];
}

/// Size and resolution of saved figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ExportSize {
    /// Width in millimetres.
    pub(crate) width_mm: f64,
    /// Pixels per inch of a PNG.
    pub(crate) dpi: u32,
}

impl Default for ExportSize {
    fn default() -> Self {
        Self {
            width_mm: 174.0,
            dpi: 300,
        }
    }
}

impl ExportSize {
    /// Widths that journals ask for: one column, one and a half, two.
    pub(crate) const WIDTHS_MM: [f64; 3] = [85.0, 114.0, 174.0];
    /// Resolutions for screens, drafts and print.
    pub(crate) const DPI: [u32; 3] = [150, 300, 600];

    /// Width and height in points of 1/96 inch.
    fn points(self, figure: &Figure) -> [f64; 2] {
        let width = self.width_mm / 25.4 * render::POINTS_PER_INCH;
        let is_square = figure.panels.iter().any(|panel| panel.is_square);
        let share = match (is_square, figure.panels.len()) {
            (true, _) => 0.86,
            (false, 1) => 0.6,
            (false, n) => 0.36 + 0.2 * n as f64,
        };
        [width.round(), (width * share).round()]
    }
}

/// What is to be saved.
pub(crate) struct Export {
    /// The figure, or what it is made of.
    pub(crate) content: Content,
    /// Size and resolution.
    pub(crate) size: ExportSize,
}

/// The figure, or what it is made of.
pub(crate) enum Content {
    /// A figure with its table; it is saved below `folder` with the recipe of `recipe` inside.
    Ready {
        figure: Box<Figure>,
        folder: PathBuf,
        recipe: PathBuf,
    },
    /// Features, drawn and written when they are saved.
    Features(Box<FeatureFigure>),
    /// The cortex, drawn in the size in which it is saved.
    Brain(Box<BrainPicture>),
    /// Several views of it.
    BrainPanels(Box<BrainPicture>, PanelLayout),
}

impl Export {
    /// Saves it as `figures/<name>.<suffix>`, whole or not at all; returns where.
    ///
    /// # Errors
    /// A sentence if it cannot be drawn or written.
    pub(crate) fn save(&self, format: ExportFormat) -> Result<PathBuf, String> {
        let (name, folder, recipe) = match &self.content {
            Content::Ready {
                figure,
                folder,
                recipe,
            } => (figure.name.clone(), folder.clone(), recipe.clone()),
            Content::Features(features) => {
                let (folder, recipe) = features.places();
                (features.file_name(), folder, recipe)
            }
            Content::Brain(shown) => brain::places(shown),
            Content::BrainPanels(shown, layout) => {
                let (name, folder, recipe) = brain::places(shown);
                (
                    format!("{name}-{}", brain::panels_name(layout)),
                    folder,
                    recipe,
                )
            }
        };
        let recipe = std::fs::read_to_string(recipe)
            .unwrap_or_else(|_| "There was no recipe.toml.\n".into());
        let bytes = match format {
            ExportFormat::Csv => self.csv(&recipe)?.into_bytes(),
            ExportFormat::Svg => self.svg(&recipe)?.into_bytes(),
            ExportFormat::Png => render::png(&self.svg(&recipe)?, &recipe, self.size.dpi)?,
            ExportFormat::Pdf => render::pdf(&self.svg(&recipe)?, &recipe)?,
        };
        let path = folder
            .join("figures")
            .join(format!("{name}.{}", format.suffix()));
        atomic::write(&path, &bytes).map_err(|error| error.to_string())?;
        Ok(path)
    }

    fn svg(&self, recipe: &str) -> Result<String, String> {
        let figure = match &self.content {
            Content::Brain(shown) => return brain::svg(shown, self.size, recipe),
            Content::BrainPanels(shown, layout) => {
                return brain::panels_svg(shown, layout, self.size, recipe);
            }
            Content::Ready { figure, .. } => figure.as_ref().clone(),
            Content::Features(features) => features.figure()?,
        };
        let layout = Layout::of(&figure, self.size.points(&figure));
        Ok(svg(&layout, recipe))
    }

    fn csv(&self, recipe: &str) -> Result<String, String> {
        match &self.content {
            Content::Ready { figure, .. } => Ok(csv::table(&figure.table, recipe)),
            Content::Features(features) => csv::features(features, recipe),
            Content::Brain(shown) | Content::BrainPanels(shown, _) => {
                Ok(brain::table(shown, recipe))
            }
        }
    }
}
