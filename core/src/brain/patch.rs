//! A patch of a surface with numbers of its own: its edges, and the triangles around each vertex.

/// A triangulated patch in space: a disc that is flattened, or a whole hemisphere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PatchMesh {
    /// Coordinates on the folded surface, mm.
    pub(super) points: Vec<[f64; 3]>,
    /// Vertices of each triangle, counter-clockwise from outside.
    pub(super) triangles: Vec<[u32; 3]>,
    /// The triangles of each vertex.
    corners: Lists<Corner>,
}

/// A corner of a triangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Corner {
    pub(super) triangle: u32,
    /// 0, 1 or 2.
    pub(super) place: u32,
}

impl PatchMesh {
    pub(super) fn new(points: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Self {
        let corners = triangles.iter().enumerate().flat_map(|(index, corners)| {
            corners.iter().enumerate().map(move |(place, vertex)| {
                let corner = Corner {
                    triangle: index as u32,
                    place: place as u32,
                };
                (*vertex, corner)
            })
        });
        let corners = Lists::new(points.len(), corners);
        Self {
            points,
            triangles,
            corners,
        }
    }

    pub(super) fn n_vertices(&self) -> usize {
        self.points.len()
    }

    /// The corners of triangles at a vertex.
    pub(super) fn corners(&self, vertex: usize) -> &[Corner] {
        self.corners.of(vertex)
    }

    /// The two other vertices of a triangle, in its order.
    pub(super) fn others(&self, corner: Corner) -> [u32; 2] {
        let [a, b, c] = self.triangles[corner.triangle as usize];
        match corner.place {
            0 => [b, c],
            1 => [c, a],
            _ => [a, b],
        }
    }

    /// Distance of two vertices through space, mm.
    pub(super) fn chord(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (self.points[a as usize], self.points[b as usize]);
        (0..3)
            .map(|axis| (a[axis] - b[axis]).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    /// Area on the folded surface, mm².
    pub(super) fn area(&self) -> f64 {
        let of_triangle = |corners: &[u32; 3]| {
            let [a, b, c] = corners.map(|vertex| self.points[vertex as usize]);
            let minus = |a: [f64; 3], b: [f64; 3]| -> [f64; 3] {
                std::array::from_fn(|axis| a[axis] - b[axis])
            };
            let (p, q) = (minus(b, a), minus(c, a));
            let cross = [
                p[1] * q[2] - p[2] * q[1],
                p[2] * q[0] - p[0] * q[2],
                p[0] * q[1] - p[1] * q[0],
            ];
            0.5 * cross.iter().map(|value| value * value).sum::<f64>().sqrt()
        };
        self.triangles.iter().map(of_triangle).sum()
    }

    /// The edges, each once, with the smaller vertex first, in ascending order.
    pub(super) fn edges(&self) -> Vec<[u32; 2]> {
        let of_triangle = |[a, b, c]: &[u32; 3]| {
            [[*a, *b], [*b, *c], [*c, *a]].map(|[a, b]| [a.min(b), a.max(b)])
        };
        let mut edges: Vec<[u32; 2]> = self.triangles.iter().flat_map(of_triangle).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

/// A list for each vertex, one after another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lists<T> {
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    /// Sorts items by vertex; those of one vertex keep their order.
    pub(super) fn new(n_vertices: usize, items: impl Iterator<Item = (u32, T)> + Clone) -> Self {
        let mut starts = vec![0; n_vertices + 1];
        for (vertex, _) in items.clone() {
            starts[vertex as usize + 1] += 1;
        }
        for vertex in 0..n_vertices {
            starts[vertex + 1] += starts[vertex];
        }
        let mut next = starts.clone();
        let mut sorted = vec![T::default(); starts[n_vertices]];
        for (vertex, item) in items {
            let place = &mut next[vertex as usize];
            sorted[*place] = item;
            *place += 1;
        }
        Self {
            starts,
            items: sorted,
        }
    }

    pub(super) fn of(&self, vertex: usize) -> &[T] {
        &self.items[self.starts[vertex]..self.starts[vertex + 1]]
    }

    pub(super) fn n_vertices(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of items of all vertices.
    pub(super) fn n_items(&self) -> usize {
        self.items.len()
    }
}

/// The vertices that share an edge with each vertex.
pub(super) fn neighbours(n_vertices: usize, edges: &[[u32; 2]]) -> Lists<u32> {
    let both = edges.iter().flat_map(|[a, b]| [(*a, *b), (*b, *a)]);
    Lists::new(n_vertices, both)
}
