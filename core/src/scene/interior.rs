//! What is inside of the cortex: slices at any angle, seen through the cortex or where it is cut away.

use std::collections::VecDeque;

use ndarray::Array3;

use super::camera::{Projection, dot};
use super::data::VolumeMap;
use super::layer::Layer;
use super::plane::Plane;
use super::pose::{Pose, PosedBrain};
use super::slices::SliceScene;
use crate::brain::{NO_DATA, Subject};

/// Distance from the cortex up to which slices are shown, mm: neck and face are left out.
const AROUND_MM: f64 = 4.0;

/// What is shown inside of the cortex. It is drawn only while the brain stands as it was scanned: folded and closed.
#[derive(Debug, Clone, Copy)]
pub struct Interior<'a> {
    /// Slices through the image.
    pub slices: &'a [Plane],
    /// The image, and its values of black and white. Data of a volume are shown over it.
    pub image: Option<(VolumeMap<'a>, [f32; 2])>,
    /// The cortex at the side of this plane's normal is cut away.
    pub cut: Option<Plane>,
    /// How opaque the cortex is, from 0 to 1.
    pub opacity: f32,
}

impl Default for Interior<'_> {
    fn default() -> Self {
        Self {
            slices: &[],
            image: None,
            cut: None,
            opacity: 1.0,
        }
    }
}

/// Whether a brain stands as it was scanned, so that slices lie where they belong.
#[must_use]
pub fn is_as_scanned(pose: &Pose) -> bool {
    pose.unfold <= 0.0 && pose.gap == 0.0 && pose.pivot.unwrap_or(0.0) == 0.0
}

/// Finds the slices along the rays of a picture.
pub(super) struct InteriorReader<'s, 'a> {
    slices: &'a [Plane],
    scene: SliceScene<'a>,
    projection: &'s Projection,
    /// The box in which slices are shown, mm.
    bounds: [[f64; 3]; 2],
}

impl<'s, 'a> InteriorReader<'s, 'a> {
    /// `None` if there is nothing to be seen inside.
    pub(super) fn new(
        interior: &Interior<'a>,
        (subject, layer): (&'a Subject, Option<Layer<'a>>),
        brain: &PosedBrain,
        projection: &'s Projection,
    ) -> Option<Self> {
        if interior.slices.is_empty() {
            return None;
        }
        Some(Self {
            slices: interior.slices,
            scene: SliceScene {
                subject,
                under: interior.image,
                layer,
                has_lines: false,
            },
            projection,
            bounds: bounds(brain),
        })
    }

    /// The colour of the nearest slice at a place of the picture, and its distance along the view, mm.
    pub(super) fn at(&self, place: [f64; 2]) -> Option<([f32; 3], f64)> {
        let (eye, ray) = (self.projection.eye, self.projection.ray(place));
        let forwards = -dot(ray, self.projection.axes[2]);
        let mut met: Vec<f64> = self
            .slices
            .iter()
            .filter_map(|plane| plane.along(eye, ray))
            .collect();
        met.sort_by(f64::total_cmp);
        // Where the nearest slice shows nothing, the next one is seen.
        met.into_iter().find_map(|along| {
            let point: [f64; 3] = std::array::from_fn(|axis| eye[axis] + along * ray[axis]);
            let is_inside = (0..3)
                .all(|axis| (self.bounds[0][axis]..=self.bounds[1][axis]).contains(&point[axis]));
            let colour =
                is_inside.then(|| self.scene.colour(point.map(|value| value as f32)))??;
            let [red, green, blue, _] = colour.map(|channel| f32::from(channel) / 255.0);
            Some(([red, green, blue], along * forwards))
        })
    }
}

fn bounds(brain: &PosedBrain) -> [[f64; 3]; 2] {
    let mut bounds = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
    for point in brain.hemispheres.iter().flat_map(|own| &own.points) {
        for axis in 0..3 {
            let value = f64::from(point[axis]);
            bounds[0][axis] = bounds[0][axis].min(value - AROUND_MM);
            bounds[1][axis] = bounds[1][axis].max(value + AROUND_MM);
        }
    }
    bounds
}

/// Takes away what surrounds a head: voxels up to a level that are connected with the border of the image become
/// [`NO_DATA`]. Dark voxels inside stay.
pub fn clear_background(values: &mut Array3<f32>, level: f32) {
    let (n_z, n_y, n_x) = values.dim();
    let is_border = |(z, y, x): (usize, usize, usize)| {
        z == 0 || y == 0 || x == 0 || z + 1 == n_z || y + 1 == n_y || x + 1 == n_x
    };
    let is_dark = |value: f32| value <= level;
    let mut waiting: VecDeque<(usize, usize, usize)> = VecDeque::new();
    for (place, value) in values.indexed_iter_mut() {
        if is_border(place) && is_dark(*value) {
            *value = NO_DATA;
            waiting.push_back(place);
        }
    }
    while let Some((z, y, x)) = waiting.pop_front() {
        let neighbours = [
            (z.wrapping_sub(1), y, x),
            (z + 1, y, x),
            (z, y.wrapping_sub(1), x),
            (z, y + 1, x),
            (z, y, x.wrapping_sub(1)),
            (z, y, x + 1),
        ];
        for place in neighbours {
            if let Some(value) = values.get_mut(place)
                && is_dark(*value)
            {
                *value = NO_DATA;
                waiting.push_back(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surrounds_a_head_is_cleared() {
        // A hollow cube of brightness 1 in darkness.
        let mut values = Array3::from_shape_fn((9, 9, 9), |(z, y, x)| {
            let from_middle = [z, y, x].map(|at| at.abs_diff(4)).into_iter().max();
            f32::from(from_middle == Some(2))
        });
        clear_background(&mut values, 0.2);
        assert!(values[(4, 4, 4)] < 0.5 && values[(2, 4, 4)] > 0.5);
        assert!(values[(0, 0, 0)].is_nan() && values[(1, 4, 4)].is_nan());
        let n_left = values.iter().filter(|value| !value.is_nan()).count();
        assert_eq!(n_left, 5 * 5 * 5);
    }
}
