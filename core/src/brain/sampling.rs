//! Which voxels lie at which vertex: maps from volumes to surfaces.
//!
//! Source: the mappers of pycortex 1.4, whose numbers the tests compare with.

use super::depths::{DepthSpacing, equal_volume_depth};
use super::smoothing::smooth_areas;
use super::subject::{Hemisphere, SurfaceKind};
use super::surface::Surface;

/// Where a surface lies in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// From surface coordinates, mm, to voxel coordinates x, y, z in the order of the image file; a voxel's centre is a whole
    /// number.
    pub coord: [[f64; 4]; 4],
    /// Voxels along the axes z, y, x.
    pub shape_zyx: [usize; 3],
}

impl Transform {
    /// The transform into an image whose affine leads from voxels to the scanner's space. `centre_ras` is added to the
    /// surface's coordinates first ([`Hemisphere::centre_ras`]). None if the affine cannot be inverted.
    ///
    /// * `affine`: the first three rows of the matrix, mm.
    /// * `size`: voxels along the axes x, y, z of the file.
    #[must_use]
    pub fn of_image(affine: [[f64; 4]; 3], size: [usize; 3], centre_ras: [f64; 3]) -> Option<Self> {
        let turn = affine.map(|[x, y, z, _]| [x, y, z]);
        let inverse = inverse(turn)?;
        let row = |row: usize| {
            let [a, b, c] = inverse[row];
            let offset =
                (0..3).map(|axis| inverse[row][axis] * (centre_ras[axis] - affine[axis][3]));
            [a, b, c, offset.sum()]
        };
        let [x, y, z] = size;
        Some(Self {
            coord: [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]],
            shape_zyx: [z, y, x],
        })
    }

    /// Voxel coordinates x, y, z of a point in mm.
    #[must_use]
    pub fn place(&self, point: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = point;
        std::array::from_fn(|axis| {
            let [a, b, c, offset] = self.coord[axis];
            a * x + b * y + c * z + offset
        })
    }

    /// Number of voxels of the image.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.shape_zyx.iter().product()
    }

    /// The index of a voxel in a volume (z, y, x) in C order; coordinates outside are those of the border.
    fn index(&self, xyz: [f64; 3]) -> u32 {
        let [n_z, n_y, n_x] = self.shape_zyx;
        let clipped = |value: f64, n: usize| (value.max(0.0) as usize).min(n.saturating_sub(1));
        let [x, y, z] = [
            clipped(xyz[0], n_x),
            clipped(xyz[1], n_y),
            clipped(xyz[2], n_z),
        ];
        ((z * n_y + y) * n_x + x) as u32
    }

    /// Whether a point in voxel coordinates lies in the image. pycortex's upper limit is a voxel wider than its lower one.
    fn holds(&self, xyz: [f64; 3]) -> bool {
        let [n_z, n_y, n_x] = self.shape_zyx;
        let is_inside = |(value, n): (f64, usize)| value > -0.5 && value < n as f64 + 0.5;
        xyz.into_iter().zip([n_x, n_y, n_z]).all(is_inside)
    }

    /// The index of the voxel of a place in voxel coordinates, in a volume (z, y, x) in C order; `None` outside of the image.
    #[must_use]
    pub fn nearest(&self, xyz: [f64; 3]) -> Option<u32> {
        self.holds(xyz)
            .then(|| self.index(xyz.map(f64::round_ties_even)))
    }
}

fn inverse(m: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let minor = |row: usize, column: usize| {
        let at = |r: usize, c: usize| m[(row + r) % 3][(column + c) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    let is_regular = determinant.is_finite() && determinant.abs() > f64::MIN_POSITIVE;
    is_regular.then(|| {
        std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant))
    })
}

/// How voxels become a vertex's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampler {
    /// The voxel nearest to the vertex halfway between white and pial surface.
    Nearest,
    /// The eight voxels around that vertex, linearly.
    Trilinear,
    /// The mean of the voxels nearest to points between white and pial surface. With n depths they lie at k / (n + 1) of the
    /// way, k = 1 … n; 64 are pycortex's `line_nearest`.
    MeanOverDepths {
        /// Number of points, at least 1.
        n_depths: u16,
    },
    /// The same with points that lie at shares k / (n + 1) of the cortical volume.
    MeanOverVolume {
        /// Number of points, at least 1.
        n_depths: u16,
    },
}

/// What missing voxels (NaN) do to a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// A vertex with a missing voxel is missing.
    Propagates,
    /// The mean of the other voxels, weighted; missing if there are none.
    #[default]
    IsSkipped,
}

/// The value of a place where nothing was recorded, such as outside of a mask. It is one of the values that are not a number, and
/// differs from those of the data in its bits alone; only copies keep it.
pub const NO_DATA: f32 = f32::from_bits(0x7fc0_da7a);

/// Whether a value is [`NO_DATA`].
#[must_use]
pub fn is_no_data(value: f32) -> bool {
    value.to_bits() == NO_DATA.to_bits()
}

/// Why a hemisphere cannot be sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// The pial or the white surface is missing.
    #[error("without its {0} surface, it is not known which voxels lie in the cortex")]
    NoSurface(SurfaceKind),
    /// The surfaces have different numbers of vertices.
    #[error("its white and pial surfaces have {0} and {1} vertices")]
    Mismatch(usize, usize),
    /// The image has no voxels, or more than can be counted.
    #[error("an image of {0:?} voxels is invalid")]
    Shape([usize; 3]),
    /// There are no depths.
    #[error("a mean over 0 depths is none; take at least 1")]
    NoDepths,
}

/// The voxels of each vertex of a hemisphere, and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapper {
    /// Where the voxels of each vertex begin, and the end.
    begins: Vec<u32>,
    /// Indices in a volume (z, y, x) in C order.
    voxels: Vec<u32>,
    weights: Vec<f32>,
    n_voxels: usize,
}

impl Mapper {
    /// Finds the voxels of each vertex.
    ///
    /// A vertex outside of the image has none. Nor does, except in a mean over depths, a vertex that the flat surface leaves
    /// out (medial wall and cuts), as in pycortex; without a flat surface, all vertices are sampled.
    ///
    /// # Errors
    /// Returns a [`SamplingError`] if surfaces are missing or do not fit, or the image is invalid.
    pub fn new(
        hemisphere: &Hemisphere,
        transform: &Transform,
        sampler: Sampler,
    ) -> Result<Self, SamplingError> {
        let n_voxels = transform
            .shape_zyx
            .iter()
            .try_fold(1_usize, |n, size| n.checked_mul(*size));
        let is_valid = n_voxels.is_some_and(|n| n > 0 && u32::try_from(n).is_ok());
        if !is_valid {
            return Err(SamplingError::Shape(transform.shape_zyx));
        }
        let mut mapper = Self {
            begins: vec![0],
            voxels: Vec::new(),
            weights: Vec::new(),
            n_voxels: transform.n_voxels(),
        };
        match sampler {
            Sampler::Nearest | Sampler::Trilinear => {
                mapper.add_middle(hemisphere, transform, sampler)?;
            }
            Sampler::MeanOverDepths { n_depths } => {
                let depths = Depths::of(hemisphere, n_depths, DepthSpacing::EqualDistance)?;
                mapper.add_depths(&depths, transform);
            }
            Sampler::MeanOverVolume { n_depths } => {
                let depths = Depths::of(hemisphere, n_depths, DepthSpacing::EqualVolume)?;
                mapper.add_depths(&depths, transform);
            }
        }
        Ok(mapper)
    }

    fn add_middle(
        &mut self,
        hemisphere: &Hemisphere,
        transform: &Transform,
        sampler: Sampler,
    ) -> Result<(), SamplingError> {
        let points = if hemisphere.surface(SurfaceKind::Middle).is_some() {
            hemisphere.middle_points()
        } else {
            walls(hemisphere)?;
            hemisphere.middle_points()
        };
        let points = points.ok_or(SamplingError::NoSurface(SurfaceKind::Middle))?;
        let flat = hemisphere.surface(SurfaceKind::Flat);
        let in_flat = flat.map(Surface::used);
        for (vertex, point) in points.iter().enumerate() {
            let is_used = in_flat
                .as_ref()
                .is_none_or(|used| used.get(vertex).copied().unwrap_or(false));
            let xyz = transform.place(point.map(f64::from));
            if is_used && sampler == Sampler::Nearest {
                self.add(transform.nearest(xyz), 1.0);
            } else if is_used && transform.holds(xyz) {
                self.add_corners(transform, xyz);
            }
            self.end_vertex();
        }
        Ok(())
    }

    /// Eight voxels around a point. As in pycortex, fractions are towards zero, and not below it.
    fn add_corners(&mut self, transform: &Transform, xyz: [f64; 3]) {
        let floor = xyz.map(f64::trunc);
        let share: [f64; 3] = std::array::from_fn(|axis| (xyz[axis] - floor[axis]).max(0.0));
        for corner in 0..8_usize {
            let mut weight = 1.0;
            let at = std::array::from_fn(|axis| {
                let is_upper = corner >> axis & 1 == 1;
                weight *= if is_upper {
                    share[axis]
                } else {
                    1.0 - share[axis]
                };
                floor[axis] + f64::from(u8::from(is_upper))
            });
            if weight > 0.0 {
                self.add(Some(transform.index(at)), weight as f32);
            }
        }
    }

    fn add_depths(&mut self, depths: &Depths, transform: &Transform) {
        let n_depths = depths.count;
        let weight = 1.0 / f32::from(n_depths);
        for (vertex, (white, pial)) in depths.white.iter().zip(depths.pial).enumerate() {
            let ends = [white, pial].map(|point| transform.place(point.map(f64::from)));
            let mut own: Vec<(u32, u32)> = Vec::new();
            for depth in 1..=n_depths {
                let share = depths.share(depth, vertex);
                let xyz = std::array::from_fn(|axis| {
                    share * ends[1][axis] + (1.0 - share) * ends[0][axis]
                });
                let Some(voxel) = transform.nearest(xyz) else {
                    continue;
                };
                match own.iter_mut().find(|(other, _)| *other == voxel) {
                    Some((_, n)) => *n += 1,
                    None => own.push((voxel, 1)),
                }
            }
            for (voxel, n) in own {
                self.add(Some(voxel), weight * n as f32);
            }
            self.end_vertex();
        }
    }

    fn add(&mut self, voxel: Option<u32>, weight: f32) {
        if let Some(voxel) = voxel {
            self.voxels.push(voxel);
            self.weights.push(weight);
        }
    }

    fn end_vertex(&mut self) {
        self.begins.push(self.voxels.len() as u32);
    }

    /// Number of vertices.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.begins.len() - 1
    }

    /// Number of voxels of the image.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.n_voxels
    }

    /// The voxels of a vertex, as indices in a volume (z, y, x) in C order, and their weights.
    #[must_use]
    pub fn voxels(&self, vertex: usize) -> (&[u32], &[f32]) {
        let range = self.begins[vertex] as usize..self.begins[vertex + 1] as usize;
        (&self.voxels[range.clone()], &self.weights[range])
    }

    /// The value of each vertex, `(n_vertices,)`. Vertices without voxels are NaN, where pycortex has 0.
    ///
    /// * `volume`: `(n_voxels,)`, a volume (z, y, x) in C order. Voxels beyond its end are missing.
    #[must_use]
    pub fn map(&self, volume: &[f32], missing: Missing) -> Vec<f32> {
        let value = |vertex: usize| {
            let (voxels, weights) = self.voxels(vertex);
            let (mut sum, mut total) = (0.0_f64, 0.0_f64);
            for (voxel, weight) in voxels.iter().zip(weights) {
                let value = volume.get(*voxel as usize).copied().unwrap_or(f32::NAN);
                if value.is_nan() && missing == Missing::IsSkipped {
                    continue;
                }
                sum += f64::from(value) * f64::from(*weight);
                total += f64::from(*weight);
            }
            match (total > 0.0, missing) {
                (false, _) => f32::NAN,
                (true, Missing::Propagates) => sum as f32,
                (true, Missing::IsSkipped) => (sum / total) as f32,
            }
        };
        (0..self.n_vertices()).map(value).collect()
    }
}

/// Points between the white and the pial surface of a hemisphere.
struct Depths<'a> {
    white: &'a [[f32; 3]],
    pial: &'a [[f32; 3]],
    /// How many.
    count: u16,
    /// Smoothed areas of the vertices of the pial and the white surface, mm²; empty where they are not needed.
    areas: [Vec<f32>; 2],
}

impl<'a> Depths<'a> {
    fn of(
        hemisphere: &'a Hemisphere,
        n_depths: u16,
        spacing: DepthSpacing,
    ) -> Result<Self, SamplingError> {
        if n_depths == 0 {
            return Err(SamplingError::NoDepths);
        }
        let [white, pial] = walls(hemisphere)?;
        let areas = |kind| hemisphere.surface(kind).map(smooth_areas);
        let kinds = [SurfaceKind::Pial, SurfaceKind::White];
        let areas = match spacing {
            DepthSpacing::EqualDistance => [Vec::new(), Vec::new()],
            DepthSpacing::EqualVolume => kinds.map(|kind| areas(kind).unwrap_or_default()),
        };
        Ok(Self {
            white,
            pial,
            count: n_depths,
            areas,
        })
    }

    /// The share of the way from the white surface to the pial one, at the k-th depth from the white surface.
    fn share(&self, k: u16, vertex: usize) -> f64 {
        let share = f64::from(k) / (f64::from(self.count) + 1.0);
        match &self.areas {
            [pial, white] if !pial.is_empty() => {
                let depth = equal_volume_depth((1.0 - share) as f32, pial[vertex], white[vertex]);
                1.0 - f64::from(depth)
            }
            _ => share,
        }
    }
}

/// Points of the white and the pial surface.
fn walls(hemisphere: &Hemisphere) -> Result<[&[[f32; 3]]; 2], SamplingError> {
    let points = |kind: SurfaceKind| {
        let surface = hemisphere.surface(kind);
        surface
            .map(Surface::points)
            .ok_or(SamplingError::NoSurface(kind))
    };
    let (white, pial) = (points(SurfaceKind::White)?, points(SurfaceKind::Pial)?);
    if white.len() == pial.len() {
        Ok([white, pial])
    } else {
        Err(SamplingError::Mismatch(white.len(), pial.len()))
    }
}

/// The voxels of a mask, in the order of masked data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Its name, such as "thick".
    pub name: String,
    /// Voxels along the axes z, y, x.
    pub shape_zyx: [usize; 3],
    /// Indices in a volume (z, y, x) in C order, ascending: the order of NumPy's `data[mask]`.
    pub voxels: Vec<u32>,
}

impl Mask {
    /// The voxels of a volume (z, y, x), in C order, that are neither 0 nor NaN.
    #[must_use]
    pub fn of_volume(name: &str, shape_zyx: [usize; 3], volume: &[f32]) -> Self {
        let voxels = volume.iter().zip(0_u32..);
        let inside = voxels.filter(|(value, _)| **value != 0.0 && !value.is_nan());
        Self {
            name: name.to_string(),
            shape_zyx,
            voxels: inside.map(|(_, voxel)| voxel).collect(),
        }
    }

    /// The volume (z, y, x) of masked data in C order; [`NO_DATA`] outside of the mask. None if there are not as many values as
    /// voxels in the mask.
    #[must_use]
    pub fn volume(&self, values: &[f32]) -> Option<Vec<f32>> {
        if values.len() != self.voxels.len() {
            return None;
        }
        let mut volume = vec![NO_DATA; self.shape_zyx.iter().product()];
        for (value, voxel) in values.iter().zip(&self.voxels) {
            *volume.get_mut(*voxel as usize)? = *value;
        }
        Some(volume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_of_an_image_leads_back_to_its_voxels() {
        let affine = [
            [-2.0, 0.1, 0.0, 74.0],
            [0.0, 0.3, 2.0, -109.0],
            [0.2, -2.0, 0.0, 85.0],
        ];
        let centre = [1.5, -2.0, 7.0];
        let transform = Transform::of_image(affine, [76, 77, 93], centre).unwrap();
        assert_eq!(transform.shape_zyx, [93, 77, 76]);
        let voxel = [3.0, 40.5, -7.25];
        let scanner =
            affine.map(|[x, y, z, offset]| x * voxel[0] + y * voxel[1] + z * voxel[2] + offset);
        let surface = std::array::from_fn(|axis| scanner[axis] - centre[axis]);
        for (found, expected) in transform.place(surface).iter().zip(voxel) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(Transform::of_image([[1.0; 4]; 3], [2; 3], [0.0; 3]).is_none());
    }

    #[test]
    fn masked_data_are_in_c_order() {
        let mask = Mask::of_volume("m", [1, 2, 3], &[0.0, 1.0, f32::NAN, 2.0, 0.0, -1.0]);
        assert_eq!(mask.voxels, [1, 3, 5]);
        let volume = mask.volume(&[7.0, 8.0, 9.0]).unwrap();
        assert!(volume[0].is_nan() && volume[2].is_nan());
        assert_eq!(
            volume[1..4].iter().filter(|value| !value.is_nan()).count(),
            2
        );
        assert!(mask.volume(&[1.0]).is_none());
    }
}
