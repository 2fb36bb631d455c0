//! A simulated language system: which vertices of fsaverage5 respond to speech, to which layer, and how much.

use super::regions::Parcellation;
use super::side::Side;
use super::subject::{Subject, SurfaceKind};
use super::surface::Surface;
use crate::fmri::simulate::VoxelPlan;

/// Regions of the parcellation "aparc" that respond, with the relative depth of their layers, from the first of all layers
/// (0) to the last (1).
pub const LANGUAGE_REGIONS: [(&str, [f64; 2]); 6] = [
    ("transversetemporal", [0.0, 1.0 / 3.0]),
    ("superiortemporal", [1.0 / 3.0, 2.0 / 3.0]),
    ("bankssts", [1.0 / 3.0, 2.0 / 3.0]),
    ("middletemporal", [2.0 / 3.0, 1.0]),
    ("parsopercularis", [2.0 / 3.0, 1.0]),
    ("parstriangularis", [2.0 / 3.0, 1.0]),
];
/// Depth is counted from the heart of this region.
const FIRST_REGION: &str = LANGUAGE_REGIONS[0].0;
/// Radius of FreeSurfer's sphere, mm.
const SPHERE_MM: f64 = 100.0;
/// Width of the Gaussian that smooths a region's edge, as a share of the largest distance of its vertices from the edge: the
/// signal has one maximum per region, and still falls to about half at the edge.
const WIDTH_SHARE: f64 = 0.6;
/// The smoothed region ends where it has fallen to this share of its maximum.
const END_SHARE: f64 = 0.1;

/// What each vertex of fsaverage5 measures in a simulated study; the left hemisphere comes first.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageSystem {
    /// `(n_vertices,)`: the name of each vertex's region in the parcellation "aparc".
    pub regions: Vec<&'static str>,
    /// `(n_vertices,)`: what each vertex measures. The medial wall is outside.
    pub plan: Vec<VoxelPlan>,
}

impl LanguageSystem {
    /// Lays out the responses to `n_layers` layers in both hemispheres.
    ///
    /// The signal share is `largest_signal_share` at the heart of each of the [`LANGUAGE_REGIONS`] and falls off smoothly over
    /// the surface, a few millimetres beyond the region's edge. Where regions meet, the stronger one drives the vertex. Within
    /// a region, layers get deeper with the distance from the transverse temporal (Heschl's) gyrus.
    #[must_use]
    pub fn fsaverage5(n_layers: usize, largest_signal_share: f64) -> Self {
        let subject = Subject::fsaverage5();
        let mut system = Self {
            regions: Vec::new(),
            plan: Vec::new(),
        };
        let (Some(aparc), Some(medial_wall)) = (
            subject.parcellation("aparc"),
            subject.parcellation("Medial_wall"),
        ) else {
            return system;
        };
        for side in Side::BOTH {
            let Some(sphere) = subject.hemisphere(side).surface(SurfaceKind::Sphere) else {
                continue;
            };
            let drives = drives(&Sphere::new(sphere), aparc, side);
            let is_outside = &medial_wall.of_vertex[side.index()];
            for (drive, outside) in drives.into_iter().zip(is_outside) {
                system.plan.push(match drive {
                    _ if outside.is_some() => VoxelPlan::Outside,
                    Some(drive) => drive.plan(n_layers, largest_signal_share),
                    None => VoxelPlan::Noise,
                });
            }
            let of_vertex = aparc.of_vertex[side.index()].iter();
            let name = |region: &Option<u16>| {
                region.map_or("", |index| aparc.regions[usize::from(index)].name.as_str())
            };
            system.regions.extend(of_vertex.map(name));
        }
        system
    }
}

/// What drives a vertex.
#[derive(Debug, Clone, Copy)]
struct Drive {
    /// Share of the largest signal, above 0 to 1.
    strength: f64,
    /// Relative depth of the layer, 0 to 1.
    depth: f64,
}

impl Drive {
    fn plan(self, n_layers: usize, largest_signal_share: f64) -> VoxelPlan {
        let layer = (self.depth * n_layers as f64) as usize;
        VoxelPlan::Signal {
            layer: layer.min(n_layers.saturating_sub(1)),
            share: self.strength * largest_signal_share,
        }
    }
}

/// What drives each vertex of a hemisphere, if anything.
fn drives(sphere: &Sphere, aparc: &Parcellation, side: Side) -> Vec<Option<Drive>> {
    let vertices = |name| {
        let region = aparc.region(name);
        region.map_or_else(Vec::new, |region| aparc.vertices(region, side))
    };
    let first = sphere.smoothed(&vertices(FIRST_REGION));
    let heart = first.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let heart = heart.map_or(0, |(vertex, _)| vertex as u32);
    let mut drives: Vec<Option<Drive>> = vec![None; sphere.directions.len()];
    for (name, depths) in LANGUAGE_REGIONS {
        let inside = vertices(name);
        let from_heart = |vertex: u32| sphere.distance(heart, vertex);
        let distances = inside.iter().map(|vertex| from_heart(*vertex));
        let (near, far) = distances.fold((f64::INFINITY, 0.0_f64), |(near, far), distance| {
            (near.min(distance), far.max(distance))
        });
        let strengths = sphere.smoothed(&inside);
        for ((drive, strength), vertex) in drives.iter_mut().zip(strengths).zip(0..) {
            if strength <= drive.map_or(0.0, |drive| drive.strength) {
                continue;
            }
            // Just below 1, so that the farthest vertex still has a layer of its region.
            let along = ((from_heart(vertex) - near) / (far - near)).clamp(0.0, 1.0 - 1e-9);
            let depth = depths[0] + along * (depths[1] - depths[0]);
            *drive = Some(Drive { strength, depth });
        }
    }
    drives
}

/// Distances between vertices along FreeSurfer's sphere.
struct Sphere {
    /// Unit vectors.
    directions: Vec<[f64; 3]>,
}

impl Sphere {
    fn new(surface: &Surface) -> Self {
        let unit = |point: &[f32; 3]| {
            let point = point.map(f64::from);
            let length = point.iter().map(|value| value * value).sum::<f64>().sqrt();
            point.map(|value| value / length)
        };
        Self {
            directions: surface.points().iter().map(unit).collect(),
        }
    }

    /// The cosine of the angle between two vertices.
    fn cosine(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (self.directions[a as usize], self.directions[b as usize]);
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    }

    /// Great-circle distance, mm.
    fn distance(&self, a: u32, b: u32) -> f64 {
        SPHERE_MM * self.cosine(a, b).clamp(-1.0, 1.0).acos()
    }

    /// A region with a smooth edge, `(n_vertices,)`: 1 at its heart, 0 far away.
    fn smoothed(&self, inside: &[u32]) -> Vec<f64> {
        let n_vertices = self.directions.len();
        let width = WIDTH_SHARE * self.inner_radius(inside);
        // Beyond four widths, a Gaussian is negligible, and most vertices lie beyond.
        let nearest_cosine = (4.0 * width / SPHERE_MM).cos();
        let mut values = vec![0.0; n_vertices];
        for (value, vertex) in values.iter_mut().zip(0..) {
            for other in inside {
                if self.cosine(vertex, *other) > nearest_cosine {
                    let widths = self.distance(vertex, *other) / width;
                    *value += (-0.5 * widths * widths).exp();
                }
            }
        }
        let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let ended = |value: f64| ((value / largest - END_SHARE) / (1.0 - END_SHARE)).max(0.0);
        values.into_iter().map(ended).collect()
    }

    /// The largest distance of a region's vertices from the nearest vertex outside, mm.
    fn inner_radius(&self, inside: &[u32]) -> f64 {
        let mut is_inside = vec![false; self.directions.len()];
        for vertex in inside {
            is_inside[*vertex as usize] = true;
        }
        let outside: Vec<u32> = (0..)
            .zip(&is_inside)
            .filter_map(|(vertex, inside)| (!inside).then_some(vertex))
            .collect();
        let cosine_to_edge = |vertex: &u32| {
            let cosines = outside.iter().map(|other| self.cosine(*vertex, *other));
            cosines.fold(-1.0, f64::max)
        };
        let smallest = inside.iter().map(cosine_to_edge).fold(1.0, f64::min);
        SPHERE_MM * smallest.clamp(-1.0, 1.0).acos()
    }
}
