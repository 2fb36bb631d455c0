//! The values that a point of the surface shows.

use ndarray::ArrayView3;

use super::raster::{Hit, Visibility};
use crate::brain::{Hemisphere, Subject, SurfaceKind};

/// How a point between voxels gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// The voxel in which it lies.
    #[default]
    Nearest,
    /// The weighted mean of the eight voxels around it.
    Trilinear,
}

/// A map of a subject.
#[derive(Debug, Clone, Copy)]
pub enum DataMap<'a> {
    /// A value for each vertex, left and right; NaN where there is none.
    Vertices([&'a [f32]; 2]),
    /// A volume. Each pixel shows the value at its own point in the volume, whatever the unfolding.
    Volume(VolumeMap<'a>),
}

/// A volume in a subject's space.
#[derive(Debug, Clone, Copy)]
pub struct VolumeMap<'a> {
    /// `(z, y, x)`; NaN where there is no value.
    pub values: ArrayView3<'a, f32>,
    /// From the coordinates of surfaces, mm, to voxels x, y, z, whose centres are whole numbers.
    pub to_voxels: [[f64; 4]; 3],
    /// How a point between voxels gets its value.
    pub interpolation: Interpolation,
    /// Depths whose mean is shown: 0 is pial, 1 white.
    pub depths: &'a [f32],
}

impl VolumeMap<'_> {
    /// The value at a point, mm; NaN outside of the volume.
    #[must_use]
    pub fn at(&self, point: [f32; 3]) -> f32 {
        let point = point.map(f64::from);
        let voxel: [f64; 3] = std::array::from_fn(|axis| {
            let [x, y, z, shift] = self.to_voxels[axis];
            x * point[0] + y * point[1] + z * point[2] + shift
        });
        match self.interpolation {
            Interpolation::Nearest => self.voxel(voxel.map(f64::round_ties_even)),
            Interpolation::Trilinear => self.trilinear(voxel),
        }
    }

    fn voxel(&self, [x, y, z]: [f64; 3]) -> f32 {
        if x < 0.0 || y < 0.0 || z < 0.0 {
            return f32::NAN;
        }
        let value = self.values.get((z as usize, y as usize, x as usize));
        value.copied().unwrap_or(f32::NAN)
    }

    /// Not a number where one of the eight voxels is none, as in pycortex.
    fn trilinear(&self, voxel: [f64; 3]) -> f32 {
        let below = voxel.map(f64::floor);
        let mut sum = 0.0;
        for corner in 0..8_u32 {
            let is_above = [corner & 1, corner >> 1 & 1, corner >> 2 & 1];
            let place: [f64; 3] =
                std::array::from_fn(|axis| below[axis] + f64::from(is_above[axis]));
            let weights: [f64; 3] =
                std::array::from_fn(|axis| 1.0 - (voxel[axis] - place[axis]).abs());
            let weight = weights[0] * weights[1] * weights[2];
            if weight > 0.0 {
                sum += weight * f64::from(self.voxel(place));
            }
        }
        sum as f32
    }
}

/// Reads the values of points of a subject's surface.
pub(super) struct DataReader<'a> {
    map: DataMap<'a>,
    /// The pial and white surfaces of each hemisphere.
    folded: [Option<[&'a [[f32; 3]]; 2]>; 2],
}

impl<'a> DataReader<'a> {
    pub(super) fn new(map: DataMap<'a>, subject: &'a Subject) -> Self {
        let of = |hemisphere: &'a Hemisphere| {
            let points = |kind| Some(hemisphere.surface(kind)?.points());
            let middle = points(SurfaceKind::Middle);
            let outer = points(SurfaceKind::Pial).or(middle)?;
            let inner = points(SurfaceKind::White).or(middle).unwrap_or(outer);
            Some([outer, inner])
        };
        Self {
            map,
            folded: [of(&subject.hemispheres[0]), of(&subject.hemispheres[1])],
        }
    }

    /// The value of a point; NaN where there is none.
    pub(super) fn value(&self, hit: &Hit) -> f32 {
        match &self.map {
            // Values are not mixed with those of neighbours: what is seen is what was measured.
            DataMap::Vertices(values) => {
                let values = values[hit.side.index()];
                values
                    .get(hit.nearest_vertex())
                    .copied()
                    .unwrap_or(f32::NAN)
            }
            DataMap::Volume(volume) => self.mean_over_depths(volume, hit),
        }
    }

    fn mean_over_depths(&self, volume: &VolumeMap, hit: &Hit) -> f32 {
        let Some([pial, white]) = self.folded[hit.side.index()] else {
            return f32::NAN;
        };
        let (mut sum, mut n) = (0.0, 0.0);
        let (outer, inner) = (hit.point(pial), hit.point(white));
        for depth in volume.depths {
            let point =
                std::array::from_fn(|axis| outer[axis] + depth * (inner[axis] - outer[axis]));
            let value = volume.at(point);
            if !value.is_nan() {
                sum += value;
                n += 1.0;
            }
        }
        sum / n
    }
}

/// The value at a point of a subject's surface; NaN where there is none.
#[must_use]
pub fn value_at<'a>(map: DataMap<'a>, subject: &'a Subject, hit: &Hit) -> f32 {
    DataReader::new(map, subject).value(hit)
}

/// The value at each sample of a picture, row by row; NaN where there is none.
#[must_use]
pub fn values<'a>(map: DataMap<'a>, subject: &'a Subject, seen: &Visibility) -> Vec<f32> {
    let reader = DataReader::new(map, subject);
    let [width, height] = seen.size();
    let value = |at: usize| {
        let hit = seen.hit(at % width, at / width);
        hit.map_or(f32::NAN, |hit| reader.value(&hit))
    };
    (0..width * height).map(value).collect()
}
