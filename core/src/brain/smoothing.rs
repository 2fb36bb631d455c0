//! Smoothing of maps on a surface.

use super::surface::Surface;

/// Steps of the solver at most, and the residual at which it stops, as a share of the first.
const MOST_STEPS: usize = 2000;
const TOLERANCE: f64 = 1e-9;

/// Smooths a map by one implicit step of heat diffusion, which keeps its integral.
///
/// * `values`: `(n_vertices,)`, any unit. Vertices without triangles keep theirs.
/// * `step_mm2`: time of the diffusion, mm²; the larger, the smoother.
///
/// Returns `(n_vertices,)`.
///
/// Source: Desbrun and others (1999), SIGGRAPH 99, 317, with cotangent weights; the same as `Surface.smooth` of pycortex 1.4.
#[must_use]
pub fn smoothed(surface: &Surface, values: &[f32], step_mm2: f64) -> Vec<f32> {
    let areas: Vec<f64> = surface.areas().into_iter().map(f64::from).collect();
    let system = System {
        springs: springs(surface, step_mm2),
        areas,
    };
    let mut start: Vec<f64> = values.iter().copied().map(f64::from).collect();
    start.resize(surface.n_vertices(), 0.0);
    let solution = system.solve(&start);
    let both = solution.into_iter().zip(&system.areas).zip(start);
    both.map(|((value, area), old)| {
        if *area > 0.0 {
            value as f32
        } else {
            old as f32
        }
    })
    .collect()
}

/// The areas of the vertices of a surface as they are used for depths of equal volume, mm²: smoothed, since those of single
/// vertices say more about the mesh than about the cortex.
#[must_use]
pub fn smooth_areas(surface: &Surface) -> Vec<f32> {
    // As in pycortex.
    smoothed(surface, &surface.areas(), 1.0)
}

/// Each side of each triangle, and half the cotangent of the opposite angle times the step.
fn springs(surface: &Surface, step_mm2: f64) -> Vec<(u32, u32, f64)> {
    let mut springs = Vec::with_capacity(3 * surface.triangles().len());
    for corners in surface.triangles() {
        let points = corners.map(|corner| surface.points()[corner as usize].map(f64::from));
        for at in 0..3 {
            let [a, b, tip] = [(at + 1) % 3, (at + 2) % 3, at];
            let side = |to: usize| -> [f64; 3] {
                std::array::from_fn(|axis| points[to][axis] - points[tip][axis])
            };
            let (u, v) = (side(a), side(b));
            let dot: f64 = (0..3).map(|axis| u[axis] * v[axis]).sum();
            let crossed = [
                u[1] * v[2] - u[2] * v[1],
                u[2] * v[0] - u[0] * v[2],
                u[0] * v[1] - u[1] * v[0],
            ];
            let sin = crossed
                .iter()
                .map(|value| value * value)
                .sum::<f64>()
                .sqrt();
            let weight = step_mm2 * dot / sin / 2.0;
            // A triangle without area joins nothing.
            if weight.is_finite() {
                springs.push((corners[a], corners[b], weight));
            }
        }
    }
    springs
}

/// (areas + springs) x = areas · start.
struct System {
    springs: Vec<(u32, u32, f64)>,
    areas: Vec<f64>,
}

impl System {
    fn apply(&self, x: &[f64]) -> Vec<f64> {
        let mut sums: Vec<f64> = x
            .iter()
            .zip(&self.areas)
            .map(|(x, area)| x * area)
            .collect();
        for &(a, b, weight) in &self.springs {
            let (a, b) = (a as usize, b as usize);
            let pull = weight * (x[a] - x[b]);
            sums[a] += pull;
            sums[b] -= pull;
        }
        sums
    }

    /// Conjugate gradients, with the diagonal as preconditioner.
    fn solve(&self, start: &[f64]) -> Vec<f64> {
        let mut diagonal = self.areas.clone();
        for &(a, b, weight) in &self.springs {
            diagonal[a as usize] += weight;
            diagonal[b as usize] += weight;
        }
        let scaled = |r: &[f64]| -> Vec<f64> {
            let both = r.iter().zip(&diagonal);
            both.map(|(r, d)| if *d > 0.0 { r / d } else { 0.0 })
                .collect()
        };
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let mut x = start.to_vec();
        let wanted = start
            .iter()
            .zip(&self.areas)
            .map(|(value, area)| value * area);
        let mut rest: Vec<f64> = wanted.zip(self.apply(&x)).map(|(b, ax)| b - ax).collect();
        let mut z = scaled(&rest);
        let mut way = z.clone();
        let mut size = dot(&rest, &z);
        let enough = size * TOLERANCE * TOLERANCE;
        for _ in 0..MOST_STEPS {
            // Also where it is not a number.
            if size.partial_cmp(&enough) != Some(std::cmp::Ordering::Greater) {
                break;
            }
            let pushed = self.apply(&way);
            let step = size / dot(&way, &pushed);
            for (at, (way, pushed)) in way.iter().zip(&pushed).enumerate() {
                x[at] += step * way;
                rest[at] -= step * pushed;
            }
            z = scaled(&rest);
            let next = dot(&rest, &z);
            let share = next / size;
            size = next;
            for (way, z) in way.iter_mut().zip(&z) {
                *way = z + share * *way;
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::{Subject, SurfaceKind};

    #[test]
    fn smoothing_keeps_the_integral_and_what_is_even() {
        let surface = Subject::fsaverage5().hemispheres[0].surface(SurfaceKind::White);
        let surface = surface.unwrap();
        let n = surface.n_vertices();
        let even = smoothed(surface, &vec![2.5; n], 30.0);
        assert!(even.iter().all(|value| (value - 2.5).abs() < 1e-5));
        let mut spike = vec![0.0; n];
        spike[1234] = 100.0;
        let smooth = smoothed(surface, &spike, 10.0);
        let integral = |values: &[f32]| -> f64 {
            let terms = values.iter().zip(surface.areas());
            terms.map(|(value, area)| f64::from(value * area)).sum()
        };
        let (before, after) = (integral(&spike), integral(&smooth));
        assert!((after / before - 1.0).abs() < 1e-5, "{before} {after}");
        let most = smooth.iter().copied().fold(0.0, f32::max);
        assert!(most < 90.0 && (most - smooth[1234]).abs() < 1e-6, "{most}");
    }
}
