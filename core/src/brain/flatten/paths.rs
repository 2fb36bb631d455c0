//! Shortest paths along the edges of a surface.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::brain::patch::Lists;

/// Finds paths again and again with the same memory.
pub(super) struct Paths<'a> {
    neighbours: &'a Lists<u32>,
    length: &'a dyn Fn(u32, u32) -> f64,
    distances: Vec<f64>,
    came_from: Vec<u32>,
    touched: Vec<u32>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(neighbours: &'a Lists<u32>, length: &'a dyn Fn(u32, u32) -> f64) -> Self {
        let n_vertices = neighbours.n_vertices();
        Self {
            neighbours,
            length,
            distances: vec![f64::INFINITY; n_vertices],
            came_from: vec![0; n_vertices],
            touched: Vec::new(),
        }
    }

    /// The given vertices, and those of paths that join them to one another and to the vertices of `base`.
    pub(super) fn joined(&mut self, vertices: &[u32], base: &[bool]) -> Vec<u32> {
        let Some(first) = vertices.first() else {
            return Vec::new();
        };
        let mut is_open = vec![false; base.len()];
        for vertex in vertices {
            is_open[*vertex as usize] = true;
        }
        is_open[*first as usize] = false;
        let mut joined = vec![*first];
        while let Some(path) = self.shortest(&joined, |vertex| is_open[vertex as usize]) {
            for vertex in path {
                is_open[vertex as usize] = false;
                joined.push(vertex);
            }
        }
        let touches = joined.iter().any(|vertex| base[*vertex as usize]);
        if !touches && let Some(path) = self.shortest(&joined, |vertex| base[vertex as usize]) {
            joined.extend(path);
        }
        joined
    }

    /// The vertices of the shortest path from any of `sources` to one that is a target, without the source.
    fn shortest(&mut self, sources: &[u32], is_target: impl Fn(u32) -> bool) -> Option<Vec<u32>> {
        let mut queue = BinaryHeap::new();
        for source in sources {
            self.reach(*source, 0.0, *source);
            // Distances are not negative, so that their bits sort as they do.
            queue.push(Reverse((0_u64, *source)));
        }
        let mut path = None;
        while let Some(Reverse((distance, vertex))) = queue.pop() {
            if is_target(vertex) {
                path = Some(self.back(vertex));
                break;
            }
            let distance = f64::from_bits(distance);
            if distance > self.distances[vertex as usize] {
                continue;
            }
            for other in self.neighbours.of(vertex as usize) {
                let through = distance + (self.length)(vertex, *other);
                if self.reach(*other, through, vertex) {
                    queue.push(Reverse((through.to_bits(), *other)));
                }
            }
        }
        for vertex in self.touched.drain(..) {
            self.distances[vertex as usize] = f64::INFINITY;
        }
        path
    }

    fn reach(&mut self, vertex: u32, distance: f64, from: u32) -> bool {
        let known = &mut self.distances[vertex as usize];
        let is_nearer = distance < *known;
        if is_nearer {
            if known.is_infinite() {
                self.touched.push(vertex);
            }
            *known = distance;
            self.came_from[vertex as usize] = from;
        }
        is_nearer
    }

    fn back(&self, mut vertex: u32) -> Vec<u32> {
        let mut path = Vec::new();
        while self.came_from[vertex as usize] != vertex {
            path.push(vertex);
            vertex = self.came_from[vertex as usize];
        }
        path
    }
}
