//! What is shown of features, as a figure for a paper or as numbers for a table, with the recipe inside.

mod csv;
mod save;
mod svg;

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::store::atomic;

use super::actions::ExportFormat;
use super::features::{Analysis, FeatureSelection, LayerInfo};

/// What is to be saved.
pub(crate) struct Figure {
    /// What the user looks at.
    pub(crate) selection: FeatureSelection,
    /// The stretch of time that is shown, in seconds.
    pub(crate) shown: Option<[f64; 2]>,
    /// The folder.
    pub(crate) library: Arc<FeatureLibrary>,
    /// The layer.
    pub(crate) layer: Option<Arc<LayerInfo>>,
    /// What was found out besides.
    pub(crate) analysis: Option<Arc<Analysis>>,
}

impl Figure {
    /// Saves it beside the features, whole or not at all; returns where.
    ///
    /// # Errors
    /// A sentence if it cannot be drawn or written.
    pub(crate) fn save(&self, format: ExportFormat) -> Result<PathBuf, String> {
        let recipe = self.recipe();
        let bytes = match format {
            ExportFormat::Csv => csv::of(self)?.into_bytes(),
            ExportFormat::Svg => svg::of(self)?.into_bytes(),
            ExportFormat::Png => save::png(&svg::of(self)?, &recipe)?,
            ExportFormat::Pdf => save::pdf(&svg::of(self)?, &recipe)?,
        };
        let path = self.path(format);
        atomic::write(&path, &bytes).map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// The recipe that made the features, as its file has it.
    fn recipe(&self) -> String {
        let known = self
            .library
            .recipe
            .as_ref()
            .and_then(|recipe| recipe.to_toml().ok());
        known.unwrap_or_else(|| "There was no recipe.toml beside these features.\n".into())
    }

    /// `figures/<story>-layer-2-heat-map.png` in the model's folder.
    fn path(&self, format: ExportFormat) -> PathBuf {
        use super::features::View;
        let layer = self
            .selection
            .layer
            .as_ref()
            .map(Layer::title)
            .unwrap_or_default();
        let story = self
            .selection
            .story
            .as_deref()
            .unwrap_or("story")
            .replace(['/', '\\'], "-");
        let what = match self.selection.view {
            View::HeatMap => format!("layer-{layer}-heat-map"),
            View::Layers => "layers".into(),
            View::OverTime => format!("layer-{layer}-over-time"),
            View::Plane => format!("layer-{layer}-components"),
            View::Compare => "compared".into(),
        };
        let suffix = match format {
            ExportFormat::Png => "png",
            ExportFormat::Svg => "svg",
            ExportFormat::Pdf => "pdf",
            ExportFormat::Csv => "csv",
        };
        self.library
            .folder()
            .join("figures")
            .join(format!("{story}-{what}.{suffix}"))
    }

    fn layer(&self) -> Result<&LayerInfo, String> {
        self.layer
            .as_deref()
            .ok_or_else(|| "The layer is still loading.".to_owned())
    }

    fn analysis(&self) -> Result<&Analysis, String> {
        self.analysis
            .as_deref()
            .ok_or_else(|| "Not computed yet.".to_owned())
    }

    /// The stretch of the layer that is shown, in seconds.
    fn shown_secs(&self, layer: &LayerInfo) -> [f64; 2] {
        self.shown.unwrap_or([0.0, layer.end_secs()])
    }
}
