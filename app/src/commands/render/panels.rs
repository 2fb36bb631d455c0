//! Several views in one figure, with one colour bar.

use std::path::Path;

use heschl_core::scene::View;

use super::colouring::Kinds;
use super::shown::{Projection, Shown};
use super::{Args, PanelChoice};
use crate::brain_figure::{BrainFigure, DPI, Format, PictureWords};
use crate::brain_map::OpenSubject;
use crate::brain_panels::{PANEL_UNFOLD, PanelLayout, PanelView, empty, lay, letters, views};
use crate::failure::Failure;

/// Where the baseline of a row's title stands in its band, as a share of the band's height.
const BASELINE: f64 = 0.72;

/// Panels at most: more could not be seen.
const MOST_PANELS: usize = 64;

/// The panels that are asked for; none for one picture.
pub(super) fn layout(args: &Args, n_rows: usize) -> Result<Option<PanelLayout>, Failure> {
    let layout = match args.panels {
        Some(PanelChoice::LateralMedial) => PanelLayout::LateralMedial,
        Some(PanelChoice::FlatInflated) => PanelLayout::FlatInflated,
        None if !args.views.is_empty() => {
            let views = args.views.iter().map(|name| panel_view(name));
            PanelLayout::Views(views.collect::<Result<_, _>>()?)
        }
        None if n_rows > 1 => PanelLayout::Views(vec![panel_view(&args.view)?]),
        None => return Ok(None),
    };
    let n_panels = layout.panels(args.size, n_rows).len();
    if n_panels > MOST_PANELS {
        return Err(Failure::new(format!(
            "The figure would have {n_panels} panels; the limit is {MOST_PANELS}. Choose fewer views or maps."
        )));
    }
    Ok(Some(layout))
}

fn panel_view(name: &str) -> Result<PanelView, Failure> {
    Ok(match saved_view(name)? {
        Some(view) => PanelView::Saved(view),
        None => PanelView::Named(name.parse()?),
    })
}

/// The view of a file, if the name is that of one.
///
/// # Errors
/// A sentence if it cannot be read.
pub(crate) fn saved_view(name: &str) -> Result<Option<View>, Failure> {
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| ending != "json") {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!(
            "The view cannot be read ({error}).\nFile: {}",
            path.display()
        ))
    })?;
    let view = View::of_pycortex(&text)
        .map_err(|error| Failure::new(format!("{error}\nFile: {}", path.display())))?;
    Ok(Some(view))
}

/// The figure in a format.
pub(super) fn figure(
    args: &Args,
    layout: &PanelLayout,
    (shown, open): (&Shown, &OpenSubject),
    (format, command): (Format, &str),
) -> Result<Vec<u8>, Failure> {
    let n_rows = shown.rows().len();
    let panels = layout.panels(args.size, n_rows);
    let has_flat = panels.iter().any(crate::brain_panels::Panel::is_flat);
    if args.shown.regions.scale_bar && !has_flat {
        return Err(Failure::new(
            "A scale in mm holds on a flat map alone. Add a flat view, or leave out --scale-bar."
                .into(),
        ));
    }
    let unfold = args.unfold.unwrap_or(PANEL_UNFOLD);
    let mut views = views(&panels, &open.subject, unfold)?;
    let mut all = empty(args.size);
    let mut words = PictureWords::default();
    let mut kinds = Kinds::default();
    for (panel, view) in panels.iter().zip(&mut views) {
        if let Some(depth) = args.shown.depth {
            view.pose.depth = depth;
        }
        let projection = if panel.is_flat() {
            Projection::Flat
        } else {
            Projection::Camera
        };
        let drawn = shown.draw(panel.row, (view, projection), panel.size)?;
        lay(&drawn.picture, panel.at, &mut all);
        words.letters.extend(letters(panel, &drawn.seen, args.size));
        words.marks.push((panel.at, drawn.marks));
        kinds.add(&drawn.kinds);
    }
    if n_rows > 1 {
        words.titles = titles(args.size, shown.titles());
    }
    let (title, recipe) = shown.captions(command);
    let figure = BrainFigure {
        picture: &all,
        scale: shown.scale(),
        title: &title,
        width_points: args.size[0] as f64,
        legend: shown.legend(&kinds),
        words,
    };
    figure.in_format(format, &recipe, DPI)
}

/// The titles of rows, above their panels, as shares of the figure's width and height.
fn titles([width, height]: [usize; 2], titles: Vec<String>) -> Vec<([f64; 2], String)> {
    let n_rows = titles.len();
    let band = PanelLayout::title_height(width, n_rows) as f64;
    let row_height = (height / n_rows.max(1)) as f64;
    let place = |(row, title): (usize, String)| {
        let y = row as f64 * row_height + BASELINE * band;
        ([0.02, y / height as f64], title)
    };
    titles.into_iter().enumerate().map(place).collect()
}
