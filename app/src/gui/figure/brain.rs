//! The cortex as a figure that can be saved.

use std::fmt::Write as _;
use std::path::PathBuf;

use heschl_core::brain::Side;
use heschl_core::scene::ColourScale;

use super::ExportSize;
use super::csv::with_recipe;
use crate::brain_figure::BrainFigure;
use crate::brain_legend::{Key, Legend};
use crate::brain_marks::BrainMarks;
use crate::csv::cell;
use crate::gui::brain::{
    BrainLayout, BrainPicture, Drawer, DrawnMap, Look, N_SAMPLES, ShownMap, SliceLayout,
    draw_slices,
};
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
    let scale = ColourScale {
        map: settings.colours,
        limits: shown.limits,
    };
    let (picture, letters, marks) = match settings.layout {
        BrainLayout::Cortex => {
            let map = DrawnMap {
                map: &shown.map,
                limits: shown.limits,
                look: &shown.look,
                anatomy: shown.anatomy.as_deref(),
            };
            let of = (shown.subject(), &*shown.over);
            let drawn = Drawer::default().draw(settings, of, map, (pixels, N_SAMPLES))?;
            let marks = shown.over.marks(&drawn.seen, pixels, N_SAMPLES);
            (drawn.picture, vec![], marks)
        }
        BrainLayout::Slices => {
            let layout = SliceLayout::of(&settings.slices, shown.subject(), pixels);
            let of = (shown.subject(), shown.anatomy.as_deref());
            let picture = draw_slices(
                &settings.slices,
                &layout,
                of,
                (&shown.map, &shown.look),
                (scale, settings.threshold),
            );
            let picture = std::sync::Arc::new(picture);
            (picture, layout.letters(), BrainMarks::default())
        }
    };
    let categories = shown.look.categories(settings.colours);
    let key = match &*shown.look {
        Look::Scale => Key::Bar,
        Look::Categories(_) => Key::Categories(&categories),
        Look::Rgb(_, titles) => Key::Rgb {
            titles: titles.each_ref().map(String::as_str),
            limits: [[0.0, 1.0]; 3],
        },
    };
    let title = match shown.derived_map() {
        Some((_, ShownMap::One(entry))) => entry.title.clone(),
        _ => shown.name().to_owned(),
    };
    let figure = BrainFigure {
        picture: &picture,
        letters: &letters,
        scale,
        title: &title,
        width_points: inches * POINTS_PER_INCH,
        legend: Legend {
            key,
            ..Legend::default()
        },
        marks,
    };
    figure.svg(recipe).map_err(|failure| failure.message)
}

/// Name and places of the file: beside the scores.
pub(super) fn places(shown: &BrainPicture) -> (String, PathBuf, PathBuf) {
    let folder = shown.request.scores.clone();
    let what = match shown.request.settings.layout {
        BrainLayout::Cortex => "cortex",
        BrainLayout::Slices => "slices",
    };
    let name = format!("{what}-{}", shown.name());
    let recipe = folder.join("recipe.toml");
    (name, folder, recipe)
}

/// A row for each vertex, the recipe in front as comments.
pub(super) fn table(shown: &BrainPicture, recipe: &str) -> String {
    let mut text = with_recipe(recipe);
    let _ = writeln!(text, "voxel,hemisphere,vertex,region,{}", shown.name());
    let subject = shown.subject();
    let regions = shown.request.settings.parcellation(subject);
    for side in Side::BOTH {
        let voxels = shown.placement.indices(subject, side);
        let values = &shown.values[side.index()];
        for (vertex, (value, voxel)) in values.iter().zip(voxels).enumerate() {
            let region = regions.and_then(|regions| {
                let of_vertex = (*regions.of_vertex[side.index()].get(vertex)?)?;
                Some(regions.regions.get(usize::from(of_vertex))?.name.as_str())
            });
            let region = cell(region.unwrap_or_default());
            let voxel = voxel.map(|voxel| voxel.to_string()).unwrap_or_default();
            let _ = writeln!(text, "{voxel},{side},{vertex},{region},{value}");
        }
    }
    text
}
