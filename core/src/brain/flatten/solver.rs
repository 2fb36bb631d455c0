//! Sparse systems of equations on a mesh: an order of elimination, and Cholesky's factor.
//!
//! Sources: George (1973), SIAM Journal on Numerical Analysis 10, 345 (nested dissection); Davis (2006), Direct Methods for Sparse Linear
//! Systems, chapter 4 (the elimination tree, rows of the factor from the top).

use crate::brain::patch::{Lists, neighbours};

/// Parts of at most this many vertices are not divided further.
const LEAST_PART: usize = 48;

/// An order of the vertices in which few numbers of the factor differ from zero: both halves of the mesh, then the vertices
/// between them.
///
/// * `places`: any coordinates in which neighbours of the mesh are close to one another.
pub(super) fn elimination_order(places: &[[f64; 3]], edges: &[[u32; 2]]) -> Vec<u32> {
    let n_vertices = places.len();
    let mut dissection = Dissection {
        places,
        neighbours: neighbours(n_vertices, edges),
        part: vec![0; n_vertices],
        n_parts: 1,
        order: Vec::with_capacity(n_vertices),
    };
    dissection.divide((0..n_vertices as u32).collect());
    dissection.order
}

struct Dissection<'a> {
    places: &'a [[f64; 3]],
    neighbours: Lists<u32>,
    /// The part that each vertex belongs to at present.
    part: Vec<u32>,
    n_parts: u32,
    order: Vec<u32>,
}

impl Dissection<'_> {
    fn divide(&mut self, mut vertices: Vec<u32>) {
        if vertices.len() <= LEAST_PART {
            self.order.append(&mut vertices);
            return;
        }
        let axis = self.longest_axis(&vertices);
        let key = |vertex: &u32| self.places[*vertex as usize][axis];
        let middle = vertices.len() / 2;
        vertices.select_nth_unstable_by(middle, |a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
        let mut upper = vertices.split_off(middle);
        // The order within a half must not depend on how the selection works.
        vertices.sort_unstable();
        upper.sort_unstable();
        let upper_part = self.n_parts;
        self.n_parts += 1;
        for vertex in &upper {
            self.part[*vertex as usize] = upper_part;
        }
        let touches_upper = |vertex: &u32| {
            let mut others = self.neighbours.of(*vertex as usize).iter();
            others.any(|other| self.part[*other as usize] == upper_part)
        };
        let (mut between, lower): (Vec<u32>, Vec<u32>) =
            vertices.into_iter().partition(touches_upper);
        let separator_part = self.n_parts;
        self.n_parts += 1;
        for vertex in &between {
            self.part[*vertex as usize] = separator_part;
        }
        self.divide(lower);
        self.divide(upper);
        self.order.append(&mut between);
    }

    fn longest_axis(&self, vertices: &[u32]) -> usize {
        let extent = |axis: usize| {
            let values = vertices
                .iter()
                .map(|vertex| self.places[*vertex as usize][axis]);
            let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| {
                (a.min(value), b.max(value))
            });
            most - least
        };
        let extents = [0, 1, 2].map(extent);
        (1..3).fold(0, |best, axis| {
            if extents[axis] > extents[best] {
                axis
            } else {
                best
            }
        })
    }
}

/// Cholesky's factor of a symmetric matrix with one row per vertex.
pub(super) struct Factor {
    /// Where the numbers of each column begin; the first is on the diagonal.
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
}

/// A matrix with negative numbers at edges, and rows whose sums are positive: a Laplacian with something on its diagonal.
pub(super) struct EdgeMatrix<'a> {
    /// The edges, the smaller vertex first, ascending.
    pub(super) edges: &'a [[u32; 2]],
    /// Weight of each edge, positive.
    pub(super) weights: &'a [f64],
    /// What is added to the diagonal, positive.
    pub(super) diagonal: &'a [f64],
}

impl Factor {
    /// Factors the matrix in the order of its rows, which should be one of [`elimination_order`].
    pub(super) fn new(matrix: &EdgeMatrix<'_>) -> Self {
        let n = matrix.diagonal.len();
        let mut diagonal = matrix.diagonal.to_vec();
        for ([a, b], weight) in matrix.edges.iter().zip(matrix.weights) {
            diagonal[*a as usize] += weight;
            diagonal[*b as usize] += weight;
        }
        // Row by row what is left of the diagonal.
        let entries = matrix.edges.iter().zip(matrix.weights);
        let entries = entries.map(|([a, b], weight)| (*b, (*a, -weight)));
        let below = Lists::new(n, entries);
        let parents = elimination_tree(&below, n);
        let mut rows = RowPatterns::new(&parents);
        let mut counts = vec![1_usize; n];
        for row in 0..n {
            for column in rows.of(row, &below) {
                counts[*column as usize] += 1;
            }
        }
        let mut starts = vec![0; n + 1];
        for column in 0..n {
            starts[column + 1] = starts[column] + counts[column];
        }
        let mut factor = Self {
            rows: vec![0; starts[n]],
            values: vec![0.0; starts[n]],
            starts,
        };
        factor.compute(&below, &diagonal, &mut RowPatterns::new(&parents));
        factor
    }

    fn compute(
        &mut self,
        below: &Lists<(u32, f64)>,
        diagonal: &[f64],
        patterns: &mut RowPatterns<'_>,
    ) {
        let n = diagonal.len();
        let mut ends = self.starts[..n].to_vec();
        let mut sums = vec![0.0; n];
        for row in 0..n {
            for (column, value) in below.of(row) {
                sums[*column as usize] = *value;
            }
            let mut pivot = diagonal[row];
            for column in patterns.of(row, below) {
                let column = *column as usize;
                let (start, end) = (self.starts[column], ends[column]);
                let value = sums[column] / self.values[start];
                sums[column] = 0.0;
                let known = start + 1..end;
                for (at, number) in self.rows[known.clone()].iter().zip(&self.values[known]) {
                    sums[*at as usize] -= number * value;
                }
                pivot -= value * value;
                self.rows[end] = row as u32;
                self.values[end] = value;
                ends[column] += 1;
            }
            self.rows[ends[row]] = row as u32;
            // Positive but for rounding, since the diagonal outweighs its row.
            self.values[ends[row]] = pivot.max(f64::MIN_POSITIVE).sqrt();
            ends[row] += 1;
        }
    }

    /// Solves for two right-hand sides at once, in place.
    pub(super) fn solve(&self, sides: &mut [[f64; 2]]) {
        let n = sides.len();
        for column in 0..n {
            let (start, end) = (self.starts[column], self.starts[column + 1]);
            let solved = sides[column].map(|value| value / self.values[start]);
            sides[column] = solved;
            let entries = self.rows[start + 1..end]
                .iter()
                .zip(&self.values[start + 1..end]);
            for (row, value) in entries {
                let side = &mut sides[*row as usize];
                side[0] -= value * solved[0];
                side[1] -= value * solved[1];
            }
        }
        for column in (0..n).rev() {
            let (start, end) = (self.starts[column], self.starts[column + 1]);
            let mut sum = sides[column];
            let entries = self.rows[start + 1..end]
                .iter()
                .zip(&self.values[start + 1..end]);
            for (row, value) in entries {
                let side = sides[*row as usize];
                sum[0] -= value * side[0];
                sum[1] -= value * side[1];
            }
            sides[column] = sum.map(|value| value / self.values[start]);
        }
    }
}

const NONE: u32 = u32::MAX;

/// The column whose elimination each column waits for.
fn elimination_tree(below: &Lists<(u32, f64)>, n: usize) -> Vec<u32> {
    let mut parents = vec![NONE; n];
    let mut ancestors = vec![NONE; n];
    for row in 0..n {
        for (column, _) in below.of(row) {
            let mut at = *column;
            while at != NONE && (at as usize) < row {
                let next = ancestors[at as usize];
                ancestors[at as usize] = row as u32;
                if next == NONE {
                    parents[at as usize] = row as u32;
                }
                at = next;
            }
        }
    }
    parents
}

/// Finds the columns of each row of the factor, in an order in which they can be computed.
struct RowPatterns<'a> {
    parents: &'a [u32],
    marks: Vec<u32>,
    pattern: Vec<u32>,
    path: Vec<u32>,
}

impl<'a> RowPatterns<'a> {
    fn new(parents: &'a [u32]) -> Self {
        Self {
            parents,
            marks: vec![NONE; parents.len()],
            pattern: Vec::new(),
            path: Vec::new(),
        }
    }

    fn of(&mut self, row: usize, below: &Lists<(u32, f64)>) -> &[u32] {
        let row_mark = row as u32;
        self.pattern.clear();
        self.marks[row] = row_mark;
        for (column, _) in below.of(row) {
            let mut at = *column;
            while at != NONE && self.marks[at as usize] != row_mark {
                self.marks[at as usize] = row_mark;
                self.path.push(at);
                at = self.parents[at as usize];
            }
            // The path of each column goes before those found earlier; kept reversed until the end.
            while let Some(vertex) = self.path.pop() {
                self.pattern.push(vertex);
            }
        }
        self.pattern.reverse();
        &self.pattern
    }
}
