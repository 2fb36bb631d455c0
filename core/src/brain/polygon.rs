//! Polygons in a plane.

/// Whether a place lies inside of closed lines: whether a ray from there crosses them an odd number of times.
pub(crate) fn is_inside(at: [f64; 2], edges: impl Iterator<Item = [[f64; 2]; 2]>) -> bool {
    let mut is_inside = false;
    for [from, to] in edges {
        if (from[1] > at[1]) != (to[1] > at[1]) {
            let share = (at[1] - from[1]) / (to[1] - from[1]);
            is_inside ^= at[0] < from[0] + share * (to[0] - from[0]);
        }
    }
    is_inside
}

/// The straight pieces around a polygon; the last one leads back to the first corner.
pub(crate) fn around(corners: &[[f64; 2]]) -> impl Iterator<Item = [[f64; 2]; 2]> {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(from, to)| [*from, *to])
}
