//! What a picture says lies under a pixel, against a search through all triangles.

use heschl_core::brain::{Side, Subject};
use heschl_core::maths::random::PythonRandom;
use heschl_core::scene::{NamedView, PosedBrain, Visibility};
use rayon::prelude::*;

const SIZE: [usize; 2] = [800, 500];
/// Pixels of each unfolding.
const N_PIXELS: usize = 1_700;

type Point = [f64; 3];

fn minus(a: Point, b: Point) -> Point {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

fn cross([a, b, c]: Point, [x, y, z]: Point) -> Point {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Distance along a ray to a triangle that is seen from outside; the classical test of Möller and Trumbore (1997).
fn meets(eye: Point, ray: Point, [a, b, c]: [Point; 3]) -> Option<f64> {
    let (ab, ac) = (minus(b, a), minus(c, a));
    let p = cross(ray, ac);
    let determinant = dot(ab, p);
    // Negative from behind.
    if determinant <= 0.0 {
        return None;
    }
    let from = minus(eye, a);
    let u = dot(from, p) / determinant;
    let q = cross(from, ab);
    let v = dot(ray, q) / determinant;
    let along = dot(ac, q) / determinant;
    (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && along > 0.0).then_some(along)
}

/// The triangle that a ray meets first.
fn first(brain: &PosedBrain, eye: Point, ray: Point) -> Option<(Side, [u32; 3])> {
    let mut nearest: Option<(f64, (Side, [u32; 3]))> = None;
    for hemisphere in &brain.hemispheres {
        assert!(!hemisphere.is_inside_out);
        for triangle in &brain.triangles[hemisphere.triangles.clone()] {
            let corners = triangle
                .1
                .map(|vertex| hemisphere.points[vertex as usize].map(f64::from));
            if let Some(along) = meets(eye, ray, corners)
                && nearest.is_none_or(|(known, _)| along < known)
            {
                nearest = Some((along, *triangle));
            }
        }
    }
    nearest.map(|(_, triangle)| triangle)
}

#[test]
fn a_pixel_is_of_the_triangle_that_its_ray_meets_first() {
    let subject = Subject::fsaverage5();
    let (mut n_all, mut n_hits) = (0, 0);
    for (round, unfold) in [0.0, 0.2, 0.5, 0.7, 0.95, 1.0].into_iter().enumerate() {
        let mut view = NamedView::BothLateral.of(subject, unfold, SIZE).unwrap();
        // Not from exactly behind, where many triangles are seen from their edge.
        view.camera.azimuth += 13.0;
        view.camera.altitude -= 7.0;
        view.camera.radius *= 0.6;
        let brain = view.pose.apply(subject).unwrap();
        let projection = view.camera(subject).projection(SIZE);
        let seen = Visibility::of(&brain, &projection, SIZE);
        let mut random = PythonRandom::new(round as u64);
        let pixels: Vec<[usize; 2]> = (0..N_PIXELS)
            .map(|_| SIZE.map(|n| random.below(n)))
            .collect();
        let differ: Vec<_> = pixels
            .par_iter()
            .filter(|[column, row]| {
                let ray = projection.ray([*column as f64 + 0.5, *row as f64 + 0.5]);
                let shown = seen.hit(*column, *row);
                let shown = shown.map(|hit| (hit.side, hit.vertices));
                shown != first(&brain, projection.eye, ray)
            })
            .collect();
        assert!(differ.is_empty(), "unfolded {unfold}: {differ:?}");
        n_all += pixels.len();
        n_hits += pixels
            .iter()
            .filter(|[column, row]| seen.hit(*column, *row).is_some())
            .count();
    }
    eprintln!("{n_all} pixels equal, {n_hits} of them on the cortex");
    assert!(n_all >= 10_000 && n_hits > 3_000, "{n_hits}");
}
