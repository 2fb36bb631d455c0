//! Three slices through a point, side by side in one picture.

use heschl_core::brain::{Subject, Surface, SurfaceKind};
use heschl_core::scene::{
    ColourScale, Interpolation, Layer, Picture, SliceConvention, SlicePlane, SliceScene, SliceView,
    draw_slice,
};

use super::Look;
use crate::brain_map::{Anatomy, PlacedMap};

/// Pixels between two slices.
const GAP: usize = 6;
/// Share of a slice that the brain fills.
const FILLED: f64 = 0.94;

/// How slices are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SliceSettings {
    /// The point that they cross: right, anterior, superior in the coordinates of the surfaces, mm.
    pub(crate) cursor: [f64; 3],
    /// At which side the left hemisphere is.
    pub(crate) convention: SliceConvention,
    /// By how much they are enlarged around the point.
    pub(crate) zoom: f64,
    /// Whether pial and white surface are outlined.
    pub(crate) has_lines: bool,
}

impl Default for SliceSettings {
    fn default() -> Self {
        Self {
            // Near the left auditory cortex.
            cursor: [-48.0, -20.0, 6.0],
            convention: SliceConvention::Neurological,
            zoom: 1.0,
            has_lines: true,
        }
    }
}

/// Where the slices of a picture lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SliceLayout {
    /// Axial, coronal and sagittal.
    pub(crate) views: [SliceView; 3],
    /// Width and height of each, pixels.
    panel: [usize; 2],
    /// Width and height of the picture, pixels.
    size: [usize; 2],
}

impl SliceLayout {
    /// The slices of a subject in a picture of this size.
    #[must_use]
    pub(crate) fn of(settings: &SliceSettings, subject: &Subject, size: [usize; 2]) -> Self {
        let panel = [(size[0].saturating_sub(2 * GAP) / 3).max(1), size[1].max(1)];
        let bounds = bounds(subject);
        let view = |plane| {
            let mut centre = settings.cursor;
            for (axis, at) in centre.iter_mut().enumerate() {
                if axis != SlicePlane::across(plane) {
                    let middle = f64::midpoint(bounds[0][axis], bounds[1][axis]);
                    // The whole is centred; what is enlarged is centred on the point.
                    *at = middle + (*at - middle) * (1.0 - 1.0 / settings.zoom);
                }
            }
            SliceView {
                plane,
                convention: settings.convention,
                centre,
                mm_per_pixel: 1.0,
            }
        };
        let mut views = SlicePlane::ALL.map(view);
        // All slices have one scale.
        let needed = views.iter().map(|view| {
            let [a, b] = bounds.map(|corner| view.place(corner, panel));
            let share = |axis: usize| (a[axis] - b[axis]).abs() / panel[axis] as f64;
            share(0).max(share(1))
        });
        let mm_per_pixel = needed.fold(0.05, f64::max) / FILLED / settings.zoom;
        for view in &mut views {
            view.mm_per_pixel = mm_per_pixel;
        }
        Self { views, panel, size }
    }

    /// Left, top, width and height of a slice, as shares of the picture.
    #[must_use]
    pub(crate) fn place(&self, index: usize) -> [f64; 4] {
        let [width, height] = self.size.map(|side| side.max(1) as f64);
        let left = (index * (self.panel[0] + GAP)) as f64 / width;
        [
            left,
            0.0,
            self.panel[0] as f64 / width,
            self.panel[1] as f64 / height,
        ]
    }

    /// The point at a place of a slice, given as shares of its width and height.
    #[must_use]
    pub(crate) fn point(&self, index: usize, share: [f64; 2]) -> Option<[f64; 3]> {
        let place = [0, 1].map(|axis| share[axis] * self.panel[axis] as f64);
        Some(self.views.get(index)?.point(place, self.panel))
    }

    /// Where a point is seen in a slice, as shares of its width and height.
    #[must_use]
    pub(crate) fn share(&self, index: usize, point: [f64; 3]) -> Option<[f64; 2]> {
        let place = self.views.get(index)?.place(point, self.panel);
        Some([0, 1].map(|axis| place[axis] / self.panel[axis] as f64))
    }

    /// Letters at the sides of the slices: where they stand, as shares of the picture.
    #[must_use]
    pub(crate) fn letters(&self) -> Vec<([f64; 2], &'static str)> {
        let of = |(index, view): (usize, &SliceView)| {
            let [left, top, width, height] = self.place(index);
            let [at_left, at_right] = view.letters();
            let row = top + height / 2.0;
            [
                ([left + 0.04 * width, row], at_left),
                ([left + 0.96 * width, row], at_right),
            ]
        };
        self.views.iter().enumerate().flat_map(of).collect()
    }
}

/// The smallest box around the cortex, mm.
fn bounds(subject: &Subject) -> [[f64; 3]; 2] {
    let mut bounds = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
    let kinds = [SurfaceKind::Pial, SurfaceKind::Middle, SurfaceKind::White];
    for hemisphere in &subject.hemispheres {
        let outer = kinds.into_iter().find_map(|kind| hemisphere.surface(kind));
        let [least, most] = outer.map_or([[0.0; 3]; 2], Surface::bounds);
        for axis in 0..3 {
            bounds[0][axis] = bounds[0][axis].min(f64::from(least[axis]));
            bounds[1][axis] = bounds[1][axis].max(f64::from(most[axis]));
        }
    }
    bounds
}

/// Draws the slices side by side.
#[must_use]
pub(crate) fn draw(
    settings: &SliceSettings,
    layout: &SliceLayout,
    (subject, anatomy): (&Subject, Option<&Anatomy>),
    (map, look): (&PlacedMap, &Look),
    (scale, threshold): (ColourScale, Option<f32>),
) -> Picture {
    let categories = look.categories(scale.map);
    let scene = SliceScene {
        subject,
        under: anatomy.map(Anatomy::under),
        layer: Some(Layer {
            data: map.data(Interpolation::Nearest, &[]),
            scale,
            threshold,
            style: look.style(&categories, &[]),
        }),
        has_lines: settings.has_lines,
    };
    let mut whole = Picture {
        size: layout.size,
        rgba: vec![0; layout.size[0] * layout.size[1] * 4],
    };
    let [width, height] = layout.panel;
    for (index, view) in layout.views.iter().enumerate() {
        let slice = draw_slice(&scene, view, layout.panel);
        let left = index * (width + GAP);
        for row in 0..height.min(layout.size[1]) {
            let to = 4 * (row * layout.size[0] + left);
            let from = 4 * row * width;
            if let Some(pixels) = whole.rgba.get_mut(to..to + 4 * width) {
                pixels.copy_from_slice(&slice.rgba[from..from + 4 * width]);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_found_where_it_is_shown() {
        let subject = Subject::fsaverage5();
        for zoom in [1.0, 3.0] {
            let settings = SliceSettings {
                zoom,
                ..SliceSettings::default()
            };
            let layout = SliceLayout::of(&settings, subject, [1200, 420]);
            for index in 0..3 {
                let share = layout.share(index, settings.cursor).unwrap();
                assert!(share.iter().all(|share| (0.0..1.0).contains(share)));
                let point = layout.point(index, share).unwrap();
                for (found, expected) in point.iter().zip(settings.cursor) {
                    assert!((found - expected).abs() < 1e-9);
                }
            }
            assert_eq!(layout.letters().len(), 6);
        }
    }
}
