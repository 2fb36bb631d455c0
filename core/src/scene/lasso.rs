//! The vertices inside of a line that was drawn around a part of a picture.

use rayon::prelude::*;

use super::camera::Projection;
use super::pose::{PosedBrain, PosedHemisphere};
use super::raster::{Hit, Visibility};
use crate::brain::Side;
use crate::brain::polygon::{around, is_inside};

/// How far a vertex may lie behind or in front of the surface that is seen in its pixel, mm. What is cut away lies farther in front.
const MOST_APART_MM: f64 = 0.5;

/// The vertices that are seen inside of a closed line, of the left and the right hemisphere, ascending.
///
/// A vertex is seen if one of its triangles faces the camera and nothing is in front of it.
///
/// * `projection`, `seen`: of the same picture.
/// * `line`: column and row of its corners in pixels of `seen`, from the upper left corner of the picture.
#[must_use]
pub fn lassoed(
    brain: &PosedBrain,
    projection: &Projection,
    seen: &Visibility,
    line: &[[f64; 2]],
) -> [Vec<u32>; 2] {
    let mut inside = [Vec::new(), Vec::new()];
    for hemisphere in &brain.hemispheres {
        let places: Vec<[f64; 3]> = hemisphere
            .points
            .par_iter()
            .map(|point| projection.project(*point))
            .collect();
        let faces = facing(brain, hemisphere, &places);
        let is_lassoed = |vertex: &u32| {
            let [x, y, distance] = places[*vertex as usize];
            faces[*vertex as usize]
                && is_inside([x, y], around(line))
                && is_seen(seen, (hemisphere.side, *vertex), [x, y, distance])
        };
        let all = (0..places.len() as u32).into_par_iter();
        inside[hemisphere.side.index()] = all.filter(is_lassoed).collect();
    }
    inside
}

/// Whether a triangle of each vertex faces the camera.
fn facing(brain: &PosedBrain, hemisphere: &PosedHemisphere, places: &[[f64; 3]]) -> Vec<bool> {
    let mut faces = vec![false; places.len()];
    for (_, corners) in &brain.triangles[hemisphere.triangles.clone()] {
        let [a, b, c] = corners.map(|corner| places[corner as usize]);
        if a[2] <= 0.0 || b[2] <= 0.0 || c[2] <= 0.0 {
            continue;
        }
        let doubled_area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        // Rows run down, so what is counter-clockwise in space has a negative area here.
        if (doubled_area < 0.0) != hemisphere.is_inside_out {
            for corner in corners {
                faces[*corner as usize] = true;
            }
        }
    }
    faces
}

/// Whether a vertex is seen at its place: nothing is clearly in front of it, or one of its triangles is seen in a pixel there.
fn is_seen(seen: &Visibility, (side, vertex): (Side, u32), [x, y, distance]: [f64; 3]) -> bool {
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    let [width, height] = seen.size().map(|pixels| pixels as i64);
    let near = (-1..=1).flat_map(|down| (-1..=1).map(move |right| (column + right, row + down)));
    let mut near =
        near.filter(|(column, row)| (0..width).contains(column) && (0..height).contains(row));
    near.any(|at| {
        let (x, y) = (at.0 as usize, at.1 as usize);
        let is_front = || {
            let front = seen.distance(x, y);
            front.is_some_and(|front| (distance - f64::from(front)).abs() <= MOST_APART_MM)
        };
        let is_own = |hit: Hit| hit.side == side && hit.vertices.contains(&vertex);
        at == (column, row) && is_front() || seen.hit(x, y).is_some_and(is_own)
    })
}
