//! The medial wall and the cuts of fsaverage, carried over to a subject by its registered sphere.
//!
//! Source: autoflatten 1.0.7 (`assets/cuts`, with the licence).

use rayon::prelude::*;

use super::paths::Paths;
use crate::brain::patch::Lists;
use crate::brain::side::Side;

const BYTES: &[u8] = include_bytes!("../../../assets/cuts/cuts.bin");
const N_CUTS: usize = 5;

/// Places on the unit sphere of fsaverage.
type Places = Vec<[f32; 3]>;

/// Where one hemisphere of fsaverage is cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// Vertices of the medial wall that touch others, then the others that touch them.
    rim: [Places; 2],
    cuts: [Places; N_CUTS],
}

impl Template {
    /// Reads the bundled template; none if the program is damaged.
    pub(super) fn of_side(side: Side) -> Option<Self> {
        let mut bytes = BYTES;
        let mut hemispheres = Vec::new();
        for _ in Side::BOTH {
            let rim = [places(&mut bytes)?, places(&mut bytes)?];
            let mut cuts: [Places; N_CUTS] = Default::default();
            for cut in &mut cuts {
                *cut = places(&mut bytes)?;
            }
            hemispheres.push(Self { rim, cuts });
        }
        hemispheres.into_iter().nth(side.index())
    }

    /// Which vertices of a subject lie on the medial wall: the largest connected part of those nearest to it.
    ///
    /// * `sphere`: the subject's vertices on the sphere of registration.
    /// * `neighbours`: the vertices that share an edge with each.
    pub(super) fn wall(&self, sphere: &[[f32; 3]], neighbours: &Lists<u32>) -> Vec<bool> {
        let is_wall = |point: &[f32; 3]| {
            let place = unit(*point);
            let [inside, outside] = [0, 1].map(|side| nearest(place, &self.rim[side]).1);
            inside < outside
        };
        let is_wall: Vec<bool> = sphere.par_iter().map(is_wall).collect();
        largest_part(&is_wall, neighbours)
    }

    /// Adds the cuts, joined to the medial wall along shortest paths, to the vertices that are removed.
    ///
    /// * `wall`: see [`Template::wall`].
    /// * `length`: length of an edge, mm.
    pub(super) fn cut(
        &self,
        wall: Vec<bool>,
        sphere: &[[f32; 3]],
        neighbours: &Lists<u32>,
        length: &dyn Fn(u32, u32) -> f64,
    ) -> Vec<bool> {
        let sphere: Places = sphere.par_iter().map(|point| unit(*point)).collect();
        let mut is_removed = wall;
        let mut paths = Paths::new(neighbours, length);
        for cut in &self.cuts {
            let of_place = |place: &[f32; 3]| nearest(*place, &sphere).0 as u32;
            let vertices: Vec<u32> = cut.par_iter().map(of_place).collect();
            for vertex in paths.joined(&vertices, &is_removed) {
                is_removed[vertex as usize] = true;
            }
        }
        is_removed
    }
}

/// The next list of places, on the unit sphere.
fn places(bytes: &mut &[u8]) -> Option<Places> {
    let (n_places, rest) = bytes.split_first_chunk::<4>()?;
    let n_places = u32::from_le_bytes(*n_places) as usize;
    let (values, rest) = rest.split_at_checked(n_places.checked_mul(12)?)?;
    *bytes = rest;
    let points = values.as_chunks::<4>().0.as_chunks::<3>().0.iter();
    Some(
        points
            .map(|point| unit(point.map(f32::from_le_bytes)))
            .collect(),
    )
}

fn unit(point: [f32; 3]) -> [f32; 3] {
    let point = point.map(f64::from);
    let length = point.iter().map(|value| value * value).sum::<f64>().sqrt();
    point.map(|value| (value / length.max(f64::MIN_POSITIVE)) as f32)
}

/// Index of the nearest of several places, the first of equals, and its squared distance.
fn nearest(place: [f32; 3], among: &[[f32; 3]]) -> (usize, f32) {
    let squares = among.iter().map(|other| {
        let apart: [f32; 3] = std::array::from_fn(|axis| place[axis] - other[axis]);
        apart[0] * apart[0] + apart[1] * apart[1] + apart[2] * apart[2]
    });
    squares
        .enumerate()
        .fold((0, f32::INFINITY), |best, (index, square)| {
            if square < best.1 {
                (index, square)
            } else {
                best
            }
        })
}

/// The largest connected part of some vertices: registration may tear single vertices off the wall.
fn largest_part(is_member: &[bool], neighbours: &Lists<u32>) -> Vec<bool> {
    let mut part = vec![0_u32; is_member.len()];
    let mut sizes = vec![0_usize];
    let mut open = Vec::new();
    for first in 0..is_member.len() {
        if !is_member[first] || part[first] != 0 {
            continue;
        }
        let number = sizes.len() as u32;
        sizes.push(0);
        part[first] = number;
        open.push(first as u32);
        while let Some(vertex) = open.pop() {
            sizes[number as usize] += 1;
            for other in neighbours.of(vertex as usize) {
                if is_member[*other as usize] && part[*other as usize] == 0 {
                    part[*other as usize] = number;
                    open.push(*other);
                }
            }
        }
    }
    let largest = (1..sizes.len()).fold(0, |best, part| {
        if sizes[part] > sizes[best] {
            part
        } else {
            best
        }
    });
    part.iter()
        .map(|part| largest != 0 && *part as usize == largest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_template_has_as_many_places_as_its_source() {
        let lengths = Side::BOTH.map(|side| {
            let template = Template::of_side(side).unwrap();
            template.cuts.map(|cut| cut.len())
        });
        // Lengths of the lists of autoflatten's fsaverage_cuts_template.json.
        assert_eq!(lengths, [[124, 90, 52, 48, 70], [109, 91, 57, 72, 75]]);
    }
}
