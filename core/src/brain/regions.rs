//! Named regions of the cortex.

use std::collections::BTreeMap;

use super::side::Side;
use crate::files::formats::mesh::{LabelledVertices, TableEntry};

/// A region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name in the file.
    pub name: String,
    /// Red, green, blue, and how opaque it is (255: opaque), if the file has a colour.
    pub colour: Option<[u8; 4]>,
}

/// Regions of a subject that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcellation {
    /// Its name, such as "aparc".
    pub name: String,
    /// The regions of both hemispheres. Regions of one name on the left and the right are one.
    pub regions: Vec<Region>,
    /// For the left and the right hemisphere, `(n_vertices,)`: the index in `regions` of each vertex's region.
    pub of_vertex: [Vec<Option<u16>>; 2],
}

/// Why regions are no parcellation of a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionsError {
    /// The regions are of another surface.
    #[error(
        "the regions of the {side} hemisphere have {found} vertices, but the hemisphere has {expected}"
    )]
    OtherSurface {
        /// The hemisphere.
        side: Side,
        /// Vertices of the regions.
        found: usize,
        /// Vertices of the hemisphere.
        expected: usize,
    },
    /// A label has a vertex that does not exist.
    #[error(
        "the label has vertex {vertex} of the {side} hemisphere, which has {n_vertices} vertices"
    )]
    NoSuchVertex {
        /// The hemisphere.
        side: Side,
        /// The vertex.
        vertex: u32,
        /// Vertices of the hemisphere.
        n_vertices: usize,
    },
    /// More regions than a number of 16 bits can count.
    #[error("there are more than 65536 regions")]
    TooMany,
}

impl Parcellation {
    /// Joins the regions of two hemispheres; a hemisphere without any has none at its `n_vertices`.
    ///
    /// # Errors
    /// Returns a [`RegionsError`] if the regions are of a surface with another number of vertices.
    pub fn new(
        name: &str,
        files: [Option<&LabelledVertices>; 2],
        n_vertices: [usize; 2],
    ) -> Result<Self, RegionsError> {
        let mut regions = Vec::new();
        let mut by_name: BTreeMap<String, u16> = BTreeMap::new();
        let mut of_vertex = n_vertices.map(|n| vec![None; n]);
        for side in Side::BOTH {
            let Some(file) = files[side.index()] else {
                continue;
            };
            let (found, expected) = (file.of_vertex.len(), n_vertices[side.index()]);
            if found != expected {
                return Err(RegionsError::OtherSurface {
                    side,
                    found,
                    expected,
                });
            }
            let mut own = Vec::with_capacity(file.table.len());
            for entry in &file.table {
                own.push(joined(entry, &mut regions, &mut by_name)?);
            }
            let region = |index: &Option<u16>| own.get(usize::from((*index)?)).copied();
            of_vertex[side.index()] = file.of_vertex.iter().map(region).collect();
        }
        Ok(Self {
            name: name.to_string(),
            regions,
            of_vertex,
        })
    }

    /// The vertices of one region, per hemisphere, as a parcellation.
    ///
    /// # Errors
    /// Returns a [`RegionsError`] if a vertex does not exist.
    pub fn of_label(
        name: &str,
        vertices: [&[u32]; 2],
        n_vertices: [usize; 2],
    ) -> Result<Self, RegionsError> {
        let mut of_vertex = n_vertices.map(|n| vec![None; n]);
        for side in Side::BOTH {
            for &vertex in vertices[side.index()] {
                let place = of_vertex[side.index()].get_mut(vertex as usize);
                *place.ok_or(RegionsError::NoSuchVertex {
                    side,
                    vertex,
                    n_vertices: n_vertices[side.index()],
                })? = Some(0);
            }
        }
        let region = Region {
            name: name.to_string(),
            colour: None,
        };
        Ok(Self {
            name: name.to_string(),
            regions: vec![region],
            of_vertex,
        })
    }

    /// The index of a region.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<u16> {
        let found = self.regions.iter().position(|region| region.name == name);
        found.and_then(|index| u16::try_from(index).ok())
    }

    /// The vertices of a region in a hemisphere, ascending.
    #[must_use]
    pub fn vertices(&self, region: u16, side: Side) -> Vec<u32> {
        let vertices = self.of_vertex[side.index()].iter().zip(0_u32..);
        let inside = vertices.filter(|(of_vertex, _)| **of_vertex == Some(region));
        inside.map(|(_, vertex)| vertex).collect()
    }
}

/// The index of a region, which may be the other hemisphere's. Two regions of one name in one table differ in colour.
fn joined(
    entry: &TableEntry,
    regions: &mut Vec<Region>,
    by_name: &mut BTreeMap<String, u16>,
) -> Result<u16, RegionsError> {
    if let Some(index) = by_name.get(&entry.name)
        && regions[usize::from(*index)].colour == entry.colour
    {
        return Ok(*index);
    }
    let index = u16::try_from(regions.len()).map_err(|_| RegionsError::TooMany)?;
    regions.push(Region {
        name: entry.name.clone(),
        colour: entry.colour,
    });
    by_name.entry(entry.name.clone()).or_insert(index);
    Ok(index)
}
