//! The part of a surface that can be unfolded: one piece without holes.

use super::FlattenError;

/// Checks that a surface is one closed piece without handles, as FreeSurfer's are.
///
/// # Errors
/// Returns a [`FlattenError`] that says what it is instead.
pub(super) fn check_closed(triangles: &[[u32; 3]]) -> Result<(), FlattenError> {
    let topology = Topology::of(triangles);
    if topology.n_crowded > 0 {
        return Err(FlattenError::Crowded {
            n_edges: topology.n_crowded,
        });
    }
    if topology.n_border > 0 {
        return Err(FlattenError::Hole {
            n_edges: topology.n_border,
        });
    }
    let n_pieces = pieces(triangles).1;
    if n_pieces != 1 {
        return Err(FlattenError::Pieces { n_pieces });
    }
    if topology.euler != 2 {
        return Err(FlattenError::Handles {
            n_handles: (2 - topology.euler) / 2,
        });
    }
    Ok(())
}

/// A disc.
pub(super) struct Disc {
    pub(super) triangles: Vec<[u32; 3]>,
    /// The vertices of its border, once around, counter-clockwise from outside.
    pub(super) border: Vec<u32>,
    /// Vertices that were neither removed before nor are part of the disc: bits between cuts.
    pub(super) n_left_out: usize,
}

/// What remains of a closed surface without some of its vertices: the largest piece, without vertices that hold it together alone.
///
/// # Errors
/// Returns [`FlattenError::NoDisc`] if that is not a disc.
pub(super) fn disc(triangles: &[[u32; 3]], is_removed: &[bool]) -> Result<Disc, FlattenError> {
    let mut is_kept: Vec<bool> = vec![false; is_removed.len()];
    for vertex in triangles.iter().flatten() {
        is_kept[*vertex as usize] = !is_removed[*vertex as usize];
    }
    let n_before = is_kept.iter().filter(|is_kept| **is_kept).count();
    loop {
        let inside = triangles
            .iter()
            .filter(|corners| corners.iter().all(|vertex| is_kept[*vertex as usize]));
        let inside: Vec<[u32; 3]> = inside.copied().collect();
        let (piece_of, n_pieces) = pieces(&inside);
        if n_pieces == 0 {
            return Err(FlattenError::NothingLeft);
        }
        let mut sizes = vec![0_usize; n_pieces];
        for piece in &piece_of {
            sizes[*piece] += 1;
        }
        let largest = (0..n_pieces).fold(0, |best, piece| {
            if sizes[piece] > sizes[best] {
                piece
            } else {
                best
            }
        });
        let of_largest = inside
            .iter()
            .zip(&piece_of)
            .filter(|(_, piece)| **piece == largest);
        let of_largest: Vec<[u32; 3]> = of_largest.map(|(corners, _)| *corners).collect();
        let mut is_used = vec![false; is_kept.len()];
        for vertex in of_largest.iter().flatten() {
            is_used[*vertex as usize] = true;
        }
        for vertex in joints(&of_largest, is_kept.len()) {
            is_used[vertex as usize] = false;
        }
        if is_used == is_kept {
            let n_after = is_kept.iter().filter(|is_kept| **is_kept).count();
            return checked(of_largest, n_before - n_after);
        }
        is_kept = is_used;
    }
}

fn checked(triangles: Vec<[u32; 3]>, n_left_out: usize) -> Result<Disc, FlattenError> {
    let euler = Topology::of(&triangles).euler;
    let borders = borders(&triangles);
    match <[Vec<u32>; 1]>::try_from(borders) {
        Ok([border]) if euler == 1 => Ok(Disc {
            triangles,
            border,
            n_left_out,
        }),
        Ok(_) => Err(FlattenError::NoDisc {
            euler,
            n_borders: 1,
        }),
        Err(borders) => Err(FlattenError::NoDisc {
            euler,
            n_borders: borders.len(),
        }),
    }
}

struct Topology {
    /// Vertices − edges + triangles.
    euler: i64,
    /// Edges of one triangle.
    n_border: usize,
    /// Edges of more than two triangles, or of two that disagree about what is outside.
    n_crowded: usize,
}

impl Topology {
    fn of(triangles: &[[u32; 3]]) -> Self {
        let sides = sides(triangles);
        let (mut n_edges, mut n_border, mut n_crowded) = (0, 0, 0);
        for edge in sides.chunk_by(|a, b| (a.low, a.high) == (b.low, b.high)) {
            n_edges += 1;
            match edge {
                [_] => n_border += 1,
                [a, b] if a.is_ascending != b.is_ascending => {}
                _ => n_crowded += 1,
            }
        }
        let mut vertices: Vec<u32> = triangles.iter().flatten().copied().collect();
        vertices.sort_unstable();
        vertices.dedup();
        Self {
            euler: vertices.len() as i64 - n_edges + triangles.len() as i64,
            n_border,
            n_crowded,
        }
    }
}

/// A side of a triangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    low: u32,
    high: u32,
    is_ascending: bool,
    triangle: u32,
}

/// All sides, those of one edge together.
fn sides(triangles: &[[u32; 3]]) -> Vec<Side> {
    let of_triangle = |(index, [a, b, c]): (usize, &[u32; 3])| {
        [[*a, *b], [*b, *c], [*c, *a]].map(|[from, to]| Side {
            low: from.min(to),
            high: from.max(to),
            is_ascending: from < to,
            triangle: index as u32,
        })
    };
    let mut sides: Vec<Side> = triangles.iter().enumerate().flat_map(of_triangle).collect();
    sides.sort_unstable();
    sides
}

/// The piece of each triangle, and the number of pieces; triangles of one piece are connected by edges.
fn pieces(triangles: &[[u32; 3]]) -> (Vec<usize>, usize) {
    let mut roots: Vec<u32> = (0..triangles.len() as u32).collect();
    for pair in sides(triangles).windows(2) {
        if (pair[0].low, pair[0].high) == (pair[1].low, pair[1].high) {
            let (a, b) = (
                root(&mut roots, pair[0].triangle),
                root(&mut roots, pair[1].triangle),
            );
            roots[a.max(b) as usize] = a.min(b);
        }
    }
    let mut numbers = vec![usize::MAX; triangles.len()];
    let mut n_pieces = 0;
    let piece_of = (0..triangles.len() as u32).map(|triangle| {
        let number = &mut numbers[root(&mut roots, triangle) as usize];
        if *number == usize::MAX {
            *number = n_pieces;
            n_pieces += 1;
        }
        *number
    });
    let piece_of = piece_of.collect();
    (piece_of, n_pieces)
}

fn root(roots: &mut [u32], mut at: u32) -> u32 {
    while roots[at as usize] != at {
        roots[at as usize] = roots[roots[at as usize] as usize];
        at = roots[at as usize];
    }
    at
}

/// Border sides as steps from a vertex to the next.
fn border_steps(triangles: &[[u32; 3]]) -> Vec<[u32; 2]> {
    let sides = sides(triangles);
    let alone = sides
        .chunk_by(|a, b| (a.low, a.high) == (b.low, b.high))
        .filter(|edge| edge.len() == 1);
    let mut steps: Vec<[u32; 2]> = alone
        .map(|edge| {
            if edge[0].is_ascending {
                [edge[0].low, edge[0].high]
            } else {
                [edge[0].high, edge[0].low]
            }
        })
        .collect();
    steps.sort_unstable();
    steps
}

/// Vertices where the border passes twice.
fn joints(triangles: &[[u32; 3]], n_vertices: usize) -> Vec<u32> {
    let mut n_passes = vec![0_u32; n_vertices];
    for [from, _] in border_steps(triangles) {
        n_passes[from as usize] += 1;
    }
    (0..n_vertices as u32)
        .filter(|vertex| n_passes[*vertex as usize] > 1)
        .collect()
}

/// The closed borders of triangles without joints.
fn borders(triangles: &[[u32; 3]]) -> Vec<Vec<u32>> {
    let steps = border_steps(triangles);
    let mut is_gone = vec![false; steps.len()];
    let mut borders = Vec::new();
    for first in 0..steps.len() {
        let mut border = Vec::new();
        let mut at = first;
        while !is_gone[at] {
            is_gone[at] = true;
            border.push(steps[at][0]);
            let next = steps.binary_search_by_key(&steps[at][1], |step| step[0]);
            at = next.unwrap_or(at);
        }
        if !border.is_empty() {
            borders.push(border);
        }
    }
    borders
}
