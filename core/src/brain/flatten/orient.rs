//! How a flat map lies: as flat maps of pycortex do.

use super::vectors::Plane;
use crate::brain::side::Side;

/// Turns a map so that the back of the brain lies at the middle of both hemispheres' maps and up is dorsal (left: frontal at −x;
/// right: frontal at +x), and moves the middle of its bounding box to 0.
///
/// * `points`: the folded surface, mm: right, anterior, superior.
pub(super) fn orient(map: &mut Plane, points: &[[f64; 3]], side: Side) {
    let outwards = match side {
        Side::Left => -1.0,
        Side::Right => 1.0,
    };
    let wanted: Plane = points.iter().map(|[_, y, z]| [outwards * y, *z]).collect();
    let (from, to) = (mean(map), mean(&wanted));
    // The rotation with the least squared deviation.
    let (mut along, mut across) = (0.0, 0.0);
    for (place, goal) in map.iter().zip(&wanted) {
        let [x, y] = [place[0] - from[0], place[1] - from[1]];
        let [u, v] = [goal[0] - to[0], goal[1] - to[1]];
        along += x * u + y * v;
        across += x * v - y * u;
    }
    let (sine, cosine) = across.atan2(along).sin_cos();
    for place in map.iter_mut() {
        let [x, y] = *place;
        *place = [cosine * x - sine * y, sine * x + cosine * y];
    }
    centre(map);
}

fn mean(places: &[[f64; 2]]) -> [f64; 2] {
    let axis = |axis: usize| {
        let sum: f64 = places.iter().map(|place| place[axis]).sum();
        sum / places.len() as f64
    };
    [axis(0), axis(1)]
}

fn centre(map: &mut Plane) {
    for axis in 0..2 {
        let values = map.iter().map(|place| place[axis]);
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| {
            (a.min(value), b.max(value))
        });
        for place in map.iter_mut() {
            place[axis] -= 0.5 * (least + most);
        }
    }
}
