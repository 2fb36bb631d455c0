//! The outline of a region: lines that cross the edges between its vertices and others halfway.

use std::collections::BTreeMap;

use crate::brain::surface::Surface;

/// How far outlines run outside of the flattened surface where a region ends with it, as a share of the edges there.
const OUTSIDE_SHARE: f64 = 0.2;

/// A place of an outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The middle of an edge, the smaller vertex first.
    Middle(u32, u32),
    /// A vertex at which the surface ends.
    Vertex(u32),
}

/// An outline, and where the surface ends along it.
pub(super) struct Contour {
    /// Closed lines. The region lies at the left of each, seen from where triangles run counter-clockwise.
    pub(super) lines: Vec<Vec<Place>>,
    /// Edges of one triangle alone, which lies at their left.
    ends: Vec<[u32; 2]>,
}

impl Contour {
    /// The outline of a region.
    ///
    /// * `triangles`: those of the surface; at least all that have a vertex of the region.
    pub(super) fn new(
        triangles: impl Iterator<Item = [u32; 3]>,
        belongs: impl Fn(u32) -> bool,
    ) -> Self {
        let mut segments: Vec<[Place; 2]> = Vec::new();
        let mut edges: Vec<[u32; 2]> = Vec::new();
        for corners in triangles {
            for at in 0..3 {
                let [a, b, c] = [0, 1, 2].map(|next| corners[(at + next) % 3]);
                let is_inside = [a, b, c].map(&belongs);
                if is_inside[0] || is_inside[1] {
                    edges.push([a, b]);
                }
                match is_inside {
                    // Past the one corner that belongs to it, or past the one that does not.
                    [true, false, false] => segments.push([middle(a, b), middle(c, a)]),
                    [false, true, true] => segments.push([middle(c, a), middle(a, b)]),
                    _ => {}
                }
            }
        }
        edges.sort_unstable();
        // An edge within the surface is met once in either direction.
        let is_end = |[a, b]: &&[u32; 2]| edges.binary_search(&[*b, *a]).is_err();
        let ends: Vec<[u32; 2]> = edges.iter().filter(is_end).copied().collect();
        for [a, b] in &ends {
            segments.push(match (belongs(*a), belongs(*b)) {
                (true, true) => [Place::Vertex(*a), Place::Vertex(*b)],
                (true, false) => [Place::Vertex(*a), middle(*a, *b)],
                _ => [middle(*a, *b), Place::Vertex(*b)],
            });
        }
        Self {
            lines: chained(segments),
            ends,
        }
    }

    /// The lines around a region of a flattened hemisphere, mm. They enclose exactly its vertices: where it ends with the surface,
    /// they run a little outside.
    pub(super) fn on_flat(flat: &Surface, is_inside: &[bool]) -> Vec<Vec<[f64; 2]>> {
        let belongs = |vertex: u32| is_inside.get(vertex as usize).copied().unwrap_or(false);
        let is_clockwise = is_clockwise(flat);
        let turned = |[a, b, c]: &[u32; 3]| {
            if is_clockwise {
                [*a, *c, *b]
            } else {
                [*a, *b, *c]
            }
        };
        let contour = Self::new(flat.triangles().iter().map(turned), belongs);
        let outside = outside(flat, &contour.ends);
        let at = |place: &Place| match place {
            Place::Middle(a, b) => {
                let (a, b) = (point(flat, *a), point(flat, *b));
                [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])]
            }
            Place::Vertex(vertex) => {
                let pushed = outside.get(vertex).copied();
                pushed.unwrap_or_else(|| point(flat, *vertex))
            }
        };
        let lines = contour.lines.iter().filter(|places| places.len() > 2);
        lines
            .map(|places| places.iter().map(at).collect())
            .collect()
    }
}

fn middle(a: u32, b: u32) -> Place {
    Place::Middle(a.min(b), a.max(b))
}

fn point(flat: &Surface, vertex: u32) -> [f64; 2] {
    let [x, y, _] = flat.points()[vertex as usize];
    [f64::from(x), f64::from(y)]
}

/// Whether the triangles run clockwise. A few may be flipped, but neighbours run alike.
fn is_clockwise(flat: &Surface) -> bool {
    let doubled_area = |corners: &[u32; 3]| {
        let [p, q, r] = corners.map(|vertex| point(flat, vertex));
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    flat.triangles().iter().map(doubled_area).sum::<f64>() < 0.0
}

/// Places a little outside of the vertices at which the surface ends.
fn outside(flat: &Surface, ends: &[[u32; 2]]) -> BTreeMap<u32, [f64; 2]> {
    let mut pushes: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
    for [a, b] in ends {
        let (from, to) = (point(flat, *a), point(flat, *b));
        for vertex in [a, b] {
            let push = pushes.entry(*vertex).or_default();
            push[0] += OUTSIDE_SHARE * 0.5 * (to[1] - from[1]);
            push[1] -= OUTSIDE_SHARE * 0.5 * (to[0] - from[0]);
        }
    }
    for (vertex, push) in &mut pushes {
        let at = point(flat, *vertex);
        *push = [at[0] + push[0], at[1] + push[1]];
    }
    pushes
}

/// Joins segments to closed lines, in the order of their first places.
fn chained(segments: Vec<[Place; 2]>) -> Vec<Vec<Place>> {
    let mut next: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
    for [from, to] in segments {
        next.entry(from).or_default().push(to);
    }
    let mut lines = Vec::new();
    while let Some((start, _)) = next.first_key_value() {
        let start = *start;
        let mut line = Vec::new();
        let mut at = start;
        while let Some(ways) = next.get_mut(&at) {
            line.push(at);
            let way = ways.pop();
            if ways.is_empty() {
                next.remove(&at);
            }
            match way {
                Some(to) => at = to,
                None => break,
            }
            if at == start {
                break;
            }
        }
        lines.push(line);
    }
    lines
}
