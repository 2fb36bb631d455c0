//! Figures of several panels: where each stands, from where it is seen, and the letters beside it.

use heschl_core::brain::{Side, Subject};
use heschl_core::scene::{NamedView, Picture, PoseError, PosedBrain, View, Visibility};

/// Unfolding of folded panels if none is given: inflated.
pub(crate) const PANEL_UNFOLD: f32 = 0.5;
/// Share of the height that the flat map has above four folded views.
const FLAT_SHARE: f64 = 0.66;
/// Width of a panel for its height that shows most of a hemisphere.
const BEST_ASPECT: f64 = 1.4;
/// Height of a row's title, as a share of the figure's width.
const TITLE_SHARE: f64 = 0.034;
/// How far both hemispheres must be apart in a picture to be named one by one, as a share of its width.
const APART: f64 = 0.12;
/// Where letters stand, as shares of a panel.
const LETTER_X: [f64; 2] = [0.06, 0.94];
const LETTER_Y: f64 = 0.09;

/// The four sides of both hemispheres, the left one first.
const FOUR: [NamedView; 4] = [
    NamedView::Lateral(Side::Left),
    NamedView::Medial(Side::Left),
    NamedView::Medial(Side::Right),
    NamedView::Lateral(Side::Right),
];

/// Which panels a figure has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PanelLayout {
    /// The outer and the inner sides of both hemispheres.
    LateralMedial,
    /// The flat map over the four sides.
    FlatInflated,
    /// Views in a grid.
    Views(Vec<PanelView>),
}

/// What a panel shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PanelView {
    /// A view that is fitted to the panel.
    Named(NamedView),
    /// A view from a file, as it is.
    Saved(View),
}

/// Where a panel stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Panel {
    pub(crate) shows: PanelView,
    /// Its map, by row.
    pub(crate) row: usize,
    /// Column and row of its upper left corner, pixels.
    pub(crate) at: [usize; 2],
    /// Width and height, pixels.
    pub(crate) size: [usize; 2],
}

impl Panel {
    /// A panel that is the whole picture.
    pub(crate) fn whole(view: View, size: [usize; 2]) -> Self {
        Self {
            shows: PanelView::Saved(view),
            row: 0,
            at: [0, 0],
            size,
        }
    }

    /// Whether it shows the flat map.
    pub(crate) fn is_flat(&self) -> bool {
        self.shows == PanelView::Named(NamedView::Flat)
    }
}

impl PanelLayout {
    /// The panels of a figure of `size`, (width, height) in pixels, with a row for each of several maps.
    pub(crate) fn panels(&self, size: [usize; 2], n_rows: usize) -> Vec<Panel> {
        let n_rows = n_rows.max(1);
        let band = Self::title_height(size[0], n_rows);
        let height = size[1] / n_rows;
        let block = [size[0], height.saturating_sub(band).max(1)];
        let rows = (0..n_rows).flat_map(|row| {
            let top = row * height + band;
            let panels = self.block(block, n_rows > 1);
            panels.into_iter().map(move |panel| Panel {
                row,
                at: [panel.at[0], panel.at[1] + top],
                ..panel
            })
        });
        rows.collect()
    }

    /// Height that the title of a row takes, pixels; nothing if there is one row.
    pub(crate) fn title_height(width: usize, n_rows: usize) -> usize {
        if n_rows > 1 {
            (TITLE_SHARE * width as f64).round() as usize
        } else {
            0
        }
    }

    /// The panels of one map.
    fn block(&self, size: [usize; 2], is_row: bool) -> Vec<Panel> {
        match self {
            Self::LateralMedial if is_row => grid(&FOUR.map(PanelView::Named), 4, [0, 0], size),
            Self::LateralMedial => {
                let [lateral_left, medial_left, medial_right, lateral_right] = FOUR;
                let four = [lateral_left, lateral_right, medial_left, medial_right];
                grid(&four.map(PanelView::Named), 2, [0, 0], size)
            }
            Self::FlatInflated => {
                let above = (FLAT_SHARE * size[1] as f64).round() as usize;
                let below = size[1].saturating_sub(above).max(1);
                let flat = [PanelView::Named(NamedView::Flat)];
                let mut panels = grid(&flat, 1, [0, 0], [size[0], above]);
                let four = FOUR.map(PanelView::Named);
                panels.extend(grid(&four, 4, [0, above], [size[0], below]));
                panels
            }
            Self::Views(views) if is_row => grid(views, views.len(), [0, 0], size),
            Self::Views(views) => grid(views, n_columns(views.len(), size), [0, 0], size),
        }
    }
}

/// Views row by row, in panels of one size.
fn grid(
    views: &[PanelView],
    n_columns: usize,
    [left, top]: [usize; 2],
    [width, height]: [usize; 2],
) -> Vec<Panel> {
    let n_columns = n_columns.max(1);
    let n_rows = views.len().div_ceil(n_columns).max(1);
    let size = [(width / n_columns).max(1), (height / n_rows).max(1)];
    // What is left over stands at both sides.
    let left = left + (width - (size[0] * n_columns).min(width)) / 2;
    let place = |(index, shows): (usize, &PanelView)| Panel {
        shows: *shows,
        row: 0,
        at: [
            left + index % n_columns * size[0],
            top + index / n_columns * size[1],
        ],
        size,
    };
    views.iter().enumerate().map(place).collect()
}

/// The number of columns whose panels have the shape of a hemisphere, best.
fn n_columns(n_views: usize, [width, height]: [usize; 2]) -> usize {
    let waste = |n_columns: usize| {
        let n_rows = n_views.div_ceil(n_columns);
        let aspect = width as f64 / n_columns as f64 / (height as f64 / n_rows as f64);
        let n_empty = n_rows * n_columns - n_views;
        (aspect / BEST_ASPECT).ln().abs() + n_empty as f64 / n_views as f64
    };
    let all = 1..=n_views.max(1);
    all.min_by(|a, b| waste(*a).total_cmp(&waste(*b)))
        .unwrap_or(1)
}

/// The view of each panel. Named views are fitted to their panels, and folded ones moved away until all have the same scale: as many
/// pixels for a millimetre of the brain's outline.
///
/// * `unfold`: of folded views, from 0 to 1.
///
/// # Errors
/// Returns a [`PoseError`] if the subject lacks a surface of a view.
pub(crate) fn views(
    panels: &[Panel],
    subject: &Subject,
    unfold: f32,
) -> Result<Vec<View>, PoseError> {
    let mut views = Vec::with_capacity(panels.len());
    let mut brains = Vec::with_capacity(panels.len());
    for panel in panels {
        let (view, brain) = match panel.shows {
            PanelView::Saved(view) => (view, None),
            PanelView::Named(named) => {
                let mut view = named.unfitted(subject, unfold)?;
                let brain = view.pose.apply(subject)?;
                view.fit_to(subject, &brain, panel.size);
                (view, (!panel.is_flat()).then_some(brain))
            }
        };
        views.push(view);
        brains.push(brain);
    }
    let scales = |views: &[View]| -> Vec<Option<f64>> {
        let all = panels.iter().zip(views).zip(&brains);
        all.map(|((panel, view), brain)| Some(scale(view, brain.as_ref()?, subject, panel.size)))
            .collect()
    };
    let fitted = scales(&views);
    let least = fitted
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    // The scale is nearly inverse to the distance.
    for _ in 0..N_STEPS {
        let now = scales(&views);
        for (view, scale) in views.iter_mut().zip(now) {
            view.camera.radius *= scale.map_or(1.0, |scale| scale / least);
        }
    }
    Ok(views)
}

/// Steps until scales are equal.
const N_STEPS: usize = 8;

/// Pixels of a picture for each mm of what it shows, by the larger of its width and height.
fn scale(view: &View, brain: &PosedBrain, subject: &Subject, size: [usize; 2]) -> f64 {
    let projection = view.camera(subject).projection(size);
    let mut of_picture = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    let mut of_brain = of_picture;
    for point in brain.hemispheres.iter().flat_map(|own| &own.points) {
        let place = projection.project(*point);
        for axis in 0..2 {
            let along = projection.axes[axis].iter().zip(point);
            let along: f64 = along.map(|(a, b)| a * f64::from(*b)).sum();
            for (bounds, value) in [(&mut of_picture, place[axis]), (&mut of_brain, along)] {
                let [least, most] = bounds[axis];
                bounds[axis] = [least.min(value), most.max(value)];
            }
        }
    }
    let length = |bounds: [[f64; 2]; 2], axis: usize| bounds[axis][1] - bounds[axis][0];
    let axis = usize::from(length(of_brain, 1) > length(of_brain, 0));
    length(of_picture, axis) / length(of_brain, axis).max(f64::MIN_POSITIVE)
}

/// Lays a panel's picture into that of the figure.
pub(crate) fn lay(picture: &Picture, at: [usize; 2], into: &mut Picture) {
    let [width, height] = picture.size;
    let n_columns = width.min(into.size[0].saturating_sub(at[0]));
    for row in 0..height.min(into.size[1].saturating_sub(at[1])) {
        let from = 4 * row * width;
        let to = 4 * ((at[1] + row) * into.size[0] + at[0]);
        into.rgba[to..to + 4 * n_columns]
            .copy_from_slice(&picture.rgba[from..from + 4 * n_columns]);
    }
}

/// An empty picture.
pub(crate) fn empty(size: [usize; 2]) -> Picture {
    Picture {
        size,
        rgba: vec![0; 4 * size[0] * size[1]],
    }
}

/// Which hemisphere is seen where in a panel: its letter, and where that stands, as shares of the whole figure.
pub(crate) fn letters(
    panel: &Panel,
    seen: &Visibility,
    figure: [usize; 2],
) -> Vec<([f64; 2], &'static str)> {
    let [width, height] = seen.size();
    let (mut sums, mut counts) = ([0.0; 2], [0_usize; 2]);
    // Every few samples tell enough.
    for y in (0..height).step_by(4) {
        for x in (0..width).step_by(4) {
            if let Some(hit) = seen.hit(x, y) {
                sums[hit.side.index()] += x as f64 / width as f64;
                counts[hit.side.index()] += 1;
            }
        }
    }
    let means = [0, 1].map(|side| sums[side] / counts[side].max(1) as f64);
    let place = |share_x: f64, letter: &'static str| {
        let share = [share_x, LETTER_Y];
        let at = std::array::from_fn(|axis| {
            let pixel = panel.at[axis] as f64 + share[axis] * panel.size[axis] as f64;
            pixel / figure[axis] as f64
        });
        (at, letter)
    };
    let [n_left, n_right] = counts;
    let is_apart = (means[0] - means[1]).abs() > APART;
    if n_left > 0 && n_right > 0 && is_apart {
        let left_first = means[0] < means[1];
        let [left, right] = if left_first {
            LETTER_X
        } else {
            [LETTER_X[1], LETTER_X[0]]
        };
        vec![place(left, "L"), place(right, "R")]
    } else if n_left.max(n_right) > 0 {
        let letter = if n_left >= n_right { "L" } else { "R" };
        vec![place(LETTER_X[0], letter)]
    } else {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fill_the_figure_and_do_not_overlap() {
        let views = |n: usize| PanelLayout::Views(vec![PanelView::Named(NamedView::Left); n]);
        let layouts = [
            (PanelLayout::LateralMedial, 4),
            (PanelLayout::FlatInflated, 5),
            (views(1), 1),
            (views(3), 3),
            (views(7), 7),
        ];
        for (layout, n) in layouts {
            for n_rows in [1, 2, 3] {
                for size in [[1600, 1200], [801, 603], [300, 1000]] {
                    let panels = layout.panels(size, n_rows);
                    assert_eq!(panels.len(), n * n_rows);
                    let mut taken = vec![false; size[0] * size[1]];
                    for panel in &panels {
                        for y in panel.at[1]..panel.at[1] + panel.size[1] {
                            for x in panel.at[0]..panel.at[0] + panel.size[0] {
                                let place = &mut taken[y * size[0] + x];
                                assert!(!*place, "{layout:?} {size:?}");
                                *place = true;
                            }
                        }
                    }
                    let n_taken = taken.iter().filter(|taken| **taken).count();
                    assert!(n_taken * 2 > taken.len(), "{layout:?} {size:?}: {n_taken}");
                }
            }
        }
    }

    #[test]
    fn folded_panels_have_one_scale_and_the_largest_is_fitted() {
        let subject = Subject::fsaverage5();
        let mut layouts = vec![PanelLayout::FlatInflated, PanelLayout::LateralMedial];
        layouts.push(PanelLayout::Views(vec![
            PanelView::Named(NamedView::Dorsal),
            PanelView::Named(NamedView::Anterior),
        ]));
        for layout in layouts {
            let panels = layout.panels([800, 600], 1);
            let views = views(&panels, subject, 0.5).unwrap();
            let mut found = vec![];
            let mut n_fitted = 0;
            for (panel, view) in panels.iter().zip(&views).filter(|(own, _)| !own.is_flat()) {
                let brain = view.pose.apply(subject).unwrap();
                found.push(scale(view, &brain, subject, panel.size));
                let PanelView::Named(named) = panel.shows else {
                    panic!("no name");
                };
                let alone = named.of(subject, 0.5, panel.size).unwrap();
                assert!(alone.camera.radius <= view.camera.radius + 1e-6);
                n_fitted += usize::from((alone.camera.radius - view.camera.radius).abs() < 1e-6);
            }
            for scale in &found {
                assert!(
                    (scale / found[0] - 1.0).abs() < 1e-4,
                    "{layout:?}: {found:?}"
                );
            }
            assert!(n_fitted >= 1, "{layout:?}");
        }
    }

    #[test]
    fn a_grid_suits_its_figure() {
        for (n, size, expected) in [
            (4, [1600, 1200], 2),
            (2, [1600, 600], 2),
            (2, [700, 1000], 1),
            (6, [1800, 900], 3),
            (1, [100, 100], 1),
        ] {
            assert_eq!(n_columns(n, size), expected, "{n} {size:?}");
        }
    }
}
