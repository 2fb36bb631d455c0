//! A first map without flips: the border on a circle, every other vertex at the mean of its neighbours.
//!
//! Source: Tutte (1963), Proc. London Math. Soc. 13, 743.

use super::solver::{EdgeMatrix, Factor};
use super::vectors::Plane;
use crate::brain::patch::PatchMesh;

/// Maps the patch into a circle with the area of the patch.
///
/// * `border`: the vertices of the border in the order of the triangles, counter-clockwise.
pub(super) fn into_circle(
    mesh: &PatchMesh,
    edges: &[[u32; 2]],
    border: &[u32],
    area: f64,
) -> Plane {
    let n_vertices = mesh.n_vertices();
    let radius = (area / std::f64::consts::PI).sqrt();
    let mut map = vec![[0.0; 2]; n_vertices];
    let mut is_border = vec![false; n_vertices];
    for (place, turn) in border.iter().zip(turns(mesh, border)) {
        map[*place as usize] = [radius * turn.cos(), radius * turn.sin()];
        is_border[*place as usize] = true;
    }
    // Rows of the border become those of the identity; what it adds to its neighbours goes to the right-hand side.
    let mut diagonal: Vec<f64> = is_border
        .iter()
        .map(|is_border| f64::from(u8::from(*is_border)))
        .collect();
    let mut inner = Vec::with_capacity(edges.len());
    for [a, b] in edges {
        match [*a, *b].map(|vertex| is_border[vertex as usize]) {
            [false, false] => inner.push([*a, *b]),
            [true, true] => {}
            [is_first, _] => {
                let (fixed, free) = if is_first { (*a, *b) } else { (*b, *a) };
                diagonal[free as usize] += 1.0;
                let place = map[fixed as usize];
                let sum = &mut map[free as usize];
                sum[0] += place[0];
                sum[1] += place[1];
            }
        }
    }
    let factor = Factor::new(&EdgeMatrix {
        edges: &inner,
        weights: &vec![1.0; inner.len()],
        diagonal: &diagonal,
    });
    factor.solve(&mut map);
    map
}

/// The angle of each border vertex, in proportion to the way along the border.
fn turns(mesh: &PatchMesh, border: &[u32]) -> Vec<f64> {
    let next = border.iter().cycle().skip(1);
    let lengths: Vec<f64> = border
        .iter()
        .zip(next)
        .map(|(a, b)| mesh.chord(*a, *b).max(1e-3))
        .collect();
    let total: f64 = lengths.iter().sum();
    let mut way = 0.0;
    let turn = |length: &f64| {
        let turn = std::f64::consts::TAU * way / total;
        way += length;
        turn
    };
    lengths.iter().map(turn).collect()
}
