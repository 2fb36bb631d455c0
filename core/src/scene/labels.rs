//! Names of regions in a picture: where each has most room, and where none covers another.

use super::raster::Visibility;
use crate::brain::{Parcellation, Side};

/// Distance between two labels at least, as a share of the height of the letters.
const GAP_SHARE: f64 = 0.15;
/// Rings around a region's middle on which a label may stand instead, and directions on each.
const N_RINGS: u32 = 14;
const N_DIRECTIONS: u32 = 16;
/// Distance of the rings, as a share of the height of the letters.
const RING_SHARE: f64 = 0.5;

/// Vertices with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedVertices {
    /// The name.
    pub name: String,
    /// Vertices of the left and the right hemisphere.
    pub vertices: [Vec<u32>; 2],
}

impl NamedVertices {
    /// The regions of a parcellation.
    #[must_use]
    pub fn of_regions(regions: &Parcellation) -> Vec<Self> {
        let mut all: Vec<Self> = regions
            .regions
            .iter()
            .map(|region| Self {
                name: region.name.clone(),
                vertices: [Vec::new(), Vec::new()],
            })
            .collect();
        for side in Side::BOTH {
            let of_vertex = &regions.of_vertex[side.index()];
            for (vertex, region) in (0_u32..).zip(of_vertex) {
                let own = region.and_then(|region| all.get_mut(usize::from(region)));
                if let Some(own) = own {
                    own.vertices[side.index()].push(vertex);
                }
            }
        }
        all
    }
}

/// Where a region has most room in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Column and row, pixels.
    pub at: [f64; 2],
    /// Distance from there to the border of what is seen of the region, pixels.
    pub room: f64,
}

/// A label in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedLabel {
    /// The name.
    pub name: String,
    /// Column and row of the middle of the text, pixels.
    pub at: [f64; 2],
    /// The point of the region that a line should lead to; none if the text stands in the region.
    pub leads_to: Option<[f64; 2]>,
}

/// Where each region that is seen has most room, one label for each hemisphere.
///
/// * `n_samples`: samples of a pixel along each side of `seen`.
#[must_use]
pub fn labels(regions: &[NamedVertices], seen: &Visibility, n_samples: usize) -> Vec<Label> {
    let of_vertex = of_vertices(regions);
    let size = seen.size().map(|samples| samples / n_samples.max(1));
    let mut pixels: Vec<Vec<[usize; 2]>> = vec![Vec::new(); 2 * regions.len()];
    for row in 0..size[1] {
        for column in 0..size[0] {
            let [x, y] = [column, row].map(|place| place * n_samples + n_samples / 2);
            let Some(hit) = seen.hit(x, y) else {
                continue;
            };
            let own = of_vertex[hit.side.index()].get(hit.nearest_vertex());
            for region in own.into_iter().flatten() {
                pixels[2 * *region as usize + hit.side.index()].push([column, row]);
            }
        }
    }
    let all = pixels.iter().enumerate();
    all.filter_map(|(index, pixels)| {
        let (at, room) = widest(pixels)?;
        let name = regions[index / 2].name.clone();
        Some(Label { name, at, room })
    })
    .collect()
}

/// The regions of each vertex, which may lie in several.
fn of_vertices(regions: &[NamedVertices]) -> [Vec<Vec<u32>>; 2] {
    let mut of_vertex = [Vec::new(), Vec::new()];
    for side in Side::BOTH {
        let of_side: &mut Vec<Vec<u32>> = &mut of_vertex[side.index()];
        for (index, region) in (0_u32..).zip(regions) {
            for vertex in &region.vertices[side.index()] {
                let vertex = *vertex as usize;
                if of_side.len() <= vertex {
                    of_side.resize_with(vertex + 1, Vec::new);
                }
                of_side[vertex].push(index);
            }
        }
    }
    of_vertex
}

/// The pixel farthest from the border, and how far that is.
fn widest(pixels: &[[usize; 2]]) -> Option<([f64; 2], f64)> {
    let bound = |axis: usize| {
        let values = pixels.iter().map(move |pixel| pixel[axis]);
        Some([values.clone().min()?, values.max()?])
    };
    let [columns, rows] = [bound(0)?, bound(1)?];
    // A rim of one pixel is outside.
    let width = columns[1] - columns[0] + 3;
    let height = rows[1] - rows[0] + 3;
    let mut far = vec![0.0_f64; width * height];
    for [column, row] in pixels {
        far[(row - rows[0] + 1) * width + column - columns[0] + 1] = f64::INFINITY;
    }
    // Distances by steps to the eight neighbours, forwards and backwards.
    let slant = std::f64::consts::SQRT_2;
    let forwards = [
        (1, 1.0),
        (width, 1.0),
        (width + 1, slant),
        (width - 1, slant),
    ];
    for at in width + 1..width * height {
        let least = forwards.iter().map(|(back, step)| far[at - back] + step);
        far[at] = least.fold(far[at], f64::min);
    }
    for at in (0..width * height - width - 1).rev() {
        let least = forwards.iter().map(|(ahead, step)| far[at + ahead] + step);
        far[at] = least.fold(far[at], f64::min);
    }
    let (at, room) = far
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let place = [
        (at % width + columns[0]) as f64 - 0.5,
        (at / width + rows[0]) as f64 - 0.5,
    ];
    Some((place, room))
}

/// Places labels so that none covers another, and returns how many found no place.
///
/// * `height`: height of the letters, pixels.
/// * `width_of`: width of a name in letters of that height, pixels.
/// * `size`: width and height of the picture, pixels.
#[must_use]
pub fn arrange(
    labels: &[Label],
    height: f64,
    width_of: impl Fn(&str) -> f64,
    size: [usize; 2],
) -> (Vec<PlacedLabel>, usize) {
    let mut order: Vec<&Label> = labels.iter().collect();
    // Where there is least room, a label has least choice.
    order.sort_by(|a, b| a.room.total_cmp(&b.room));
    let mut boxes: Vec<[f64; 4]> = Vec::new();
    let mut placed = Vec::new();
    for label in order {
        let gap = GAP_SHARE * height;
        let half = [width_of(&label.name) / 2.0 + gap, height / 2.0 + gap];
        let is_free = |at: &[f64; 2]| {
            let own = around(*at, half);
            let is_inside = own[0] >= 0.0
                && own[1] >= 0.0
                && own[2] <= size[0] as f64
                && own[3] <= size[1] as f64;
            is_inside && !boxes.iter().any(|other| overlap(own, *other))
        };
        if let Some(at) = candidates(label.at, RING_SHARE * height).find(is_free) {
            boxes.push(around(at, half));
            let moved = (at[0] - label.at[0]).hypot(at[1] - label.at[1]);
            let is_outside = moved > label.room.max(height);
            placed.push(PlacedLabel {
                name: label.name.clone(),
                at,
                leads_to: is_outside.then_some(label.at),
            });
        }
    }
    let n_left_out = labels.len() - placed.len();
    (placed, n_left_out)
}

/// The place itself, then places on rings around it.
fn candidates([x, y]: [f64; 2], step: f64) -> impl Iterator<Item = [f64; 2]> {
    let rings = (1..=N_RINGS).flat_map(move |ring| {
        (0..N_DIRECTIONS).map(move |direction| {
            let turn = std::f64::consts::TAU * f64::from(direction) / f64::from(N_DIRECTIONS);
            let (sin, cos) = turn.sin_cos();
            let radius = step * f64::from(ring);
            // Above and below first, since text is wider than high.
            [x + radius * sin, y - radius * cos]
        })
    });
    std::iter::once([x, y]).chain(rings)
}

fn around([x, y]: [f64; 2], [half_width, half_height]: [f64; 2]) -> [f64; 4] {
    [
        x - half_width,
        y - half_height,
        x + half_width,
        y + half_height,
    ]
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the values are exact in binary")]
mod tests {
    use super::*;

    #[test]
    fn the_widest_place_of_a_shape_is_its_middle() {
        let square: Vec<[usize; 2]> = (10..21)
            .flat_map(|column| (30..41).map(move |row| [column, row]))
            .collect();
        let (at, room) = widest(&square).unwrap();
        assert_eq!((at, room), ([15.5, 35.5], 6.0));
        // A long tail does not pull the place along.
        let tail = (21..300).map(|column| [column, 35]);
        let (at, _) = widest(&square.iter().copied().chain(tail).collect::<Vec<_>>()).unwrap();
        assert_eq!(at, [15.5, 35.5]);
        assert_eq!(widest(&[]), None);
    }

    #[test]
    fn labels_do_not_cover_one_another_and_stay_in_the_picture() {
        let label = |k: u32| Label {
            name: format!("region {k}"),
            at: [50.0 + f64::from(k % 5), 5.0 + f64::from(k / 5)],
            room: f64::from(k),
        };
        let labels: Vec<Label> = (0..20).map(label).collect();
        let width_of = |name: &str| 5.0 * name.len() as f64;
        let (placed, n_left_out) = arrange(&labels, 10.0, width_of, [200, 120]);
        assert_eq!(placed.len() + n_left_out, 20);
        assert!(placed.len() > 7, "{}", placed.len());
        let boxes: Vec<[f64; 4]> = placed
            .iter()
            .map(|own| around(own.at, [width_of(&own.name) / 2.0, 5.0]))
            .collect();
        for (index, own) in boxes.iter().enumerate() {
            assert!(own[0] >= 0.0 && own[1] >= 0.0 && own[2] <= 200.0 && own[3] <= 120.0);
            assert!(boxes[..index].iter().all(|other| !overlap(*own, *other)));
        }
        assert!(placed.iter().any(|own| own.leads_to.is_some()));
    }
}
