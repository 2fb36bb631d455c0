//! The values that a point of the surface shows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ndarray::ArrayView3;
use rayon::prelude::*;

use super::raster::{Hit, Visibility};
use crate::brain::{
    DepthSpacing, Hemisphere, Missing, NO_DATA, Subject, SurfaceKind, equal_volume_depth,
    is_no_data, smooth_areas,
};

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
    /// A value for each vertex, left and right; NaN where it is not a number, [`NO_DATA`] where there is none.
    Vertices([&'a [f32]; 2]),
    /// A volume. Each pixel shows the value at its own point in the volume, whatever the unfolding.
    Volume(VolumeMap<'a>),
}

/// A volume in a subject's space.
#[derive(Debug, Clone, Copy)]
pub struct VolumeMap<'a> {
    /// `(z, y, x)`; NaN where a value is not a number, [`NO_DATA`] where there is none.
    pub values: ArrayView3<'a, f32>,
    /// From the coordinates of surfaces, mm, to voxels x, y, z, whose centres are whole numbers.
    pub to_voxels: [[f64; 4]; 3],
    /// How a point between voxels gets its value.
    pub interpolation: Interpolation,
    /// Depths whose mean is shown: 0 is pial, 1 white.
    pub depths: &'a [f32],
    /// Where the depths lie.
    pub spacing: DepthSpacing,
    /// What voxels that are not a number do to the mean over depths. Voxels without data never count.
    pub missing: Missing,
}

impl VolumeMap<'_> {
    /// The value at a point, mm; [`NO_DATA`] outside of the volume.
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
            return NO_DATA;
        }
        let value = self.values.get((z as usize, y as usize, x as usize));
        value.copied().unwrap_or(NO_DATA)
    }

    /// Not a number where one of the eight voxels is none, as in pycortex; no data where all have none.
    fn trilinear(&self, voxel: [f64; 3]) -> f32 {
        let below = voxel.map(f64::floor);
        let (mut sum, mut has_data) = (0.0, false);
        for corner in 0..8_u32 {
            let is_above = [corner & 1, corner >> 1 & 1, corner >> 2 & 1];
            let place: [f64; 3] =
                std::array::from_fn(|axis| below[axis] + f64::from(is_above[axis]));
            let weights: [f64; 3] =
                std::array::from_fn(|axis| 1.0 - (voxel[axis] - place[axis]).abs());
            let weight = weights[0] * weights[1] * weights[2];
            if weight > 0.0 {
                let value = self.voxel(place);
                has_data |= !is_no_data(value);
                sum += weight * f64::from(value);
            }
        }
        if has_data { sum as f32 } else { NO_DATA }
    }
}

/// Reads the values of points of a subject's surface.
pub(super) struct DataReader<'a> {
    map: DataMap<'a>,
    /// The walls of each hemisphere.
    walls: [Option<Walls<'a>>; 2],
}

/// The pial and white surfaces of a hemisphere.
struct Walls<'a> {
    pial: &'a [[f32; 3]],
    white: &'a [[f32; 3]],
    /// Smoothed areas of their vertices, mm²; empty where they are not needed.
    areas: [Vec<f32>; 2],
}

impl<'a> Walls<'a> {
    fn of(hemisphere: &'a Hemisphere, map: &DataMap) -> Option<Self> {
        let DataMap::Volume(volume) = map else {
            return None;
        };
        let middle = hemisphere.surface(SurfaceKind::Middle);
        let pial = hemisphere.surface(SurfaceKind::Pial).or(middle)?;
        let white = hemisphere.surface(SurfaceKind::White).or(middle);
        let white = white.unwrap_or(pial);
        let areas = match volume.spacing {
            DepthSpacing::EqualDistance => [Vec::new(), Vec::new()],
            DepthSpacing::EqualVolume => [pial, white].map(smooth_areas),
        };
        Some(Self {
            pial: pial.points(),
            white: white.points(),
            areas,
        })
    }

    /// The values at the depths of a point.
    fn values(&self, volume: &VolumeMap, hit: &Hit) -> impl Iterator<Item = f32> {
        let (outer, inner) = (hit.point(self.pial), hit.point(self.white));
        volume.depths.iter().map(move |depth| {
            let way = self.way(*depth, hit, volume.spacing);
            let point = std::array::from_fn(|axis| outer[axis] + way * (inner[axis] - outer[axis]));
            volume.at(point)
        })
    }

    /// The share of the way at which a depth lies at a point.
    fn way(&self, depth: f32, hit: &Hit, spacing: DepthSpacing) -> f32 {
        match spacing {
            DepthSpacing::EqualDistance => depth,
            DepthSpacing::EqualVolume => {
                let [pial, white] = self.areas.each_ref().map(|areas| hit.mean(areas));
                equal_volume_depth(depth, pial, white)
            }
        }
    }
}

impl<'a> DataReader<'a> {
    pub(super) fn new(map: DataMap<'a>, subject: &'a Subject) -> Self {
        let [left, right] = &subject.hemispheres;
        Self {
            walls: [Walls::of(left, &map), Walls::of(right, &map)],
            map,
        }
    }

    /// The value of a point; NaN where it is not a number, [`NO_DATA`] where there is none.
    pub(super) fn value(&self, hit: &Hit) -> f32 {
        match &self.map {
            // Values are not mixed with those of neighbours: what is seen is what was measured.
            DataMap::Vertices(values) => {
                let values = values[hit.side.index()];
                values.get(hit.nearest_vertex()).copied().unwrap_or(NO_DATA)
            }
            DataMap::Volume(volume) => self.mean_over_depths(volume, hit),
        }
    }

    /// The most frequent whole number among the depths, the smallest of several; NaN where none is a number, [`NO_DATA`] where there
    /// is none.
    pub(super) fn most_frequent(&self, hit: &Hit) -> f32 {
        let (DataMap::Volume(volume), Some(walls)) = (&self.map, &self.walls[hit.side.index()])
        else {
            return self.value(hit);
        };
        let mut counts = BTreeMap::new();
        let mut without = NO_DATA;
        for value in walls.values(volume, hit) {
            if !value.is_nan() {
                *counts.entry(value.round() as i64).or_insert(0_u32) += 1;
            } else if !is_no_data(value) {
                without = f32::NAN;
            }
        }
        let most = counts
            .iter()
            .max_by_key(|(value, n)| (**n, Reverse(**value)));
        most.map_or(without, |(value, _)| *value as f32)
    }

    fn mean_over_depths(&self, volume: &VolumeMap, hit: &Hit) -> f32 {
        let Some(walls) = &self.walls[hit.side.index()] else {
            return NO_DATA;
        };
        let (mut sum, mut n, mut has_nan) = (0.0, 0.0, false);
        for value in walls.values(volume, hit) {
            if !value.is_nan() {
                sum += value;
                n += 1.0;
            } else if !is_no_data(value) {
                has_nan = true;
            }
        }
        match (n > 0.0, has_nan) {
            (_, true) if volume.missing == Missing::Propagates => f32::NAN,
            (true, _) => sum / n,
            (false, true) => f32::NAN,
            (false, false) => NO_DATA,
        }
    }
}

/// The value at a point of a subject's surface; NaN where it is not a number, [`NO_DATA`] where there is none.
#[must_use]
pub fn value_at<'a>(map: DataMap<'a>, subject: &'a Subject, hit: &Hit) -> f32 {
    DataReader::new(map, subject).value(hit)
}

/// The value at each sample of a picture, row by row; NaN where it is not a number, [`NO_DATA`] where there is none.
#[must_use]
pub fn values<'a>(map: DataMap<'a>, subject: &'a Subject, seen: &Visibility) -> Vec<f32> {
    let reader = DataReader::new(map, subject);
    let [width, height] = seen.size();
    let value = |at: usize| {
        let hit = seen.hit(at % width, at / width);
        hit.map_or(NO_DATA, |hit| reader.value(&hit))
    };
    (0..width * height).into_par_iter().map(value).collect()
}
