//! The cortex as a figure that can be saved.

use std::fmt::Write as _;
use std::path::PathBuf;

use heschl_core::scene::ColourScale;

use super::ExportSize;
use super::csv::with_recipe;
use crate::brain_figure::BrainFigure;
use crate::brain_legend::Legend;
use crate::brain_marks::BrainMarks;
use crate::csv::cell;
use crate::gui::brain::{BrainPicture, N_SAMPLES, REGIONS, draw};
use crate::render::POINTS_PER_INCH;

/// Pixels of a picture at most, so that a wrong size does not take all memory.
const MOST_PIXELS: f64 = 12_000.0;

/// The cortex over its colour bar.
///
/// # Errors
/// A sentence if it cannot be drawn.
pub(super) fn svg(shown: &BrainPicture, size: ExportSize, recipe: &str) -> Result<String, String> {
    let inches = size.width_mm / 25.4;
    let width = (inches * f64::from(size.dpi)).min(MOST_PIXELS);
    let [columns, rows] = shown.request.size.map(|side| side as f64);
    let pixels = [width, width * rows / columns].map(|side| side.round().max(1.0) as usize);
    let settings = &shown.request.settings;
    let values = (shown.values.as_ref(), shown.limits);
    let (picture, _) = draw(settings, shown.subject, values, pixels, N_SAMPLES)?;
    let figure = BrainFigure {
        picture: &picture,
        scale: ColourScale {
            map: settings.colours,
            limits: shown.limits,
        },
        title: settings.column.name(),
        width_points: inches * POINTS_PER_INCH,
        legend: Legend::default(),
        marks: BrainMarks::default(),
    };
    figure.svg(recipe).map_err(|failure| failure.message)
}

/// Name and places of the file: beside the scores.
pub(super) fn places(shown: &BrainPicture) -> (String, PathBuf, PathBuf) {
    let folder = shown.request.scores.clone();
    let name = format!("cortex-{}", shown.request.settings.column.name());
    let recipe = folder.join("recipe.toml");
    (name, folder, recipe)
}

/// A row for each vertex, the recipe in front as comments.
pub(super) fn table(shown: &BrainPicture, recipe: &str) -> String {
    let mut text = with_recipe(recipe);
    let _ = writeln!(
        text,
        "voxel,hemisphere,vertex,region,{}",
        shown.request.settings.column.name()
    );
    let regions = shown.subject.parcellation(REGIONS);
    let mut voxel = 0;
    for (side, values) in ["left", "right"]
        .into_iter()
        .zip(shown.values.iter())
        .enumerate()
    {
        let (side_name, values) = values;
        for (vertex, value) in values.iter().enumerate() {
            let region = regions.and_then(|regions| {
                let of_vertex = (*regions.of_vertex[side].get(vertex)?)?;
                Some(regions.regions.get(usize::from(of_vertex))?.name.as_str())
            });
            let region = cell(region.unwrap_or_default());
            let _ = writeln!(text, "{voxel},{side_name},{vertex},{region},{value}");
            voxel += 1;
        }
    }
    text
}
