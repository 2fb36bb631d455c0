//! The cortex as a figure that can be saved.

use std::fmt::Write as _;
use std::path::PathBuf;

use heschl_core::brain::Side;
use heschl_core::scene::{ColourScale, Picture};

use super::ExportSize;
use super::csv::with_recipe;
use crate::brain_figure::{BrainFigure, Ground, PictureWords};
use crate::brain_legend::{Key, Legend};
use crate::brain_marks::BrainMarks;
use crate::brain_panels::{PANEL_UNFOLD, PanelLayout, empty, lay, letters, views};
use crate::csv::cell;
use crate::gui::brain::{
    BrainLayout, BrainPicture, Drawer, DrawnMap, InteriorSettings, Look, N_SAMPLES, ShownMap,
    SliceLayout, draw_slices,
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
    let words = PictureWords {
        marks: vec![([0, 0], marks)],
        letters,
        ground: Ground::Dark,
        titles: vec![],
    };
    figure(shown, &picture, words, inches, recipe)
}

/// A picture over what its colours mean.
fn figure(
    shown: &BrainPicture,
    picture: &Picture,
    words: PictureWords,
    inches: f64,
    recipe: &str,
) -> Result<String, String> {
    let settings = &shown.request.settings;
    let scale = ColourScale {
        map: settings.colours,
        limits: shown.limits,
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
        picture,
        words,
        scale,
        title: &title,
        width_points: inches * POINTS_PER_INCH,
        legend: Legend {
            key,
            ..Legend::default()
        },
    };
    figure.svg(recipe).map_err(|failure| failure.message)
}

/// Shape of figures of several views: width for their height.
const PANELS_ASPECT: f64 = 4.0 / 3.0;

/// What a layout adds to the name of the file.
pub(super) fn panels_name(layout: &PanelLayout) -> &'static str {
    match layout {
        PanelLayout::LateralMedial => "lateral-medial",
        PanelLayout::FlatInflated => "flat-inflated",
        PanelLayout::Views(_) => "views",
    }
}

/// Several views of the cortex over its colour bar, inflated or flat, with L and R.
///
/// # Errors
/// A sentence if a view cannot be drawn.
pub(super) fn panels_svg(
    shown: &BrainPicture,
    layout: &PanelLayout,
    size: ExportSize,
    recipe: &str,
) -> Result<String, String> {
    let inches = size.width_mm / 25.4;
    let width = (inches * f64::from(size.dpi)).min(MOST_PIXELS);
    let pixels = [width, width / PANELS_ASPECT].map(|side| side.round().max(1.0) as usize);
    let settings = &shown.request.settings;
    let panels = layout.panels(pixels, 1);
    let views = views(&panels, shown.subject(), PANEL_UNFOLD).map_err(|error| error.to_string())?;
    let mut all = empty(pixels);
    let mut words = PictureWords::default();
    for (panel, view) in panels.iter().zip(views) {
        let mut own = settings.seen_from(view);
        own.interior = InteriorSettings::default();
        let map = DrawnMap {
            map: &shown.map,
            limits: shown.limits,
            look: &shown.look,
            anatomy: None,
        };
        let of = (shown.subject(), &*shown.over);
        let drawn = Drawer::default().draw(&own, of, map, (panel.size, N_SAMPLES))?;
        lay(&drawn.picture, panel.at, &mut all);
        words.letters.extend(letters(panel, &drawn.seen, pixels));
    }
    figure(shown, &all, words, inches, recipe)
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
