//! Regions that a user draws: what changes them, what is known of them, and their files.

mod contour;
mod files;
mod mesh;
mod overlay_file;

use std::collections::BTreeSet;

use super::regions::{Parcellation, Region};
use super::side::Side;
use super::subject::Subject;

pub use files::{DrawnRegionsError, annots, gifti_labels, label_files};
pub use mesh::{Extent, RegionMesh};
pub use overlay_file::{OverlayFileError, WrittenOverlay, write_overlays};

/// Name of the set of regions that were drawn in this program.
pub const DRAWN: &str = "drawn";
/// Characters of a name at most.
pub const MOST_NAME_CHARS: usize = 80;
/// Regions of a subject at most.
pub const MOST_DRAWN_REGIONS: usize = 500;
/// Colours of new regions, one after another: the qualitative palette of Okabe and Ito, without black and the yellow that hardly
/// differs from white.
const COLOURS: [[u8; 3]; 6] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
];

/// A region that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnRegion {
    /// Its name, different from those of the subject's other drawn regions.
    pub name: String,
    /// Red, green and blue.
    pub colour: [u8; 3],
    /// Its vertices of the left and the right hemisphere, ascending.
    pub vertices: [Vec<u32>; 2],
}

impl DrawnRegion {
    /// Number of vertices of both hemispheres.
    #[must_use]
    pub fn n_vertices(&self) -> usize {
        self.vertices.iter().map(Vec::len).sum()
    }

    /// Adds vertices of a hemisphere.
    pub fn add(&mut self, side: Side, vertices: &[u32]) {
        let own = &mut self.vertices[side.index()];
        own.extend(vertices);
        own.sort_unstable();
        own.dedup();
    }

    /// Takes away vertices of a hemisphere.
    pub fn subtract(&mut self, side: Side, vertices: &[u32]) {
        let gone: BTreeSet<u32> = vertices.iter().copied().collect();
        self.vertices[side.index()].retain(|vertex| !gone.contains(vertex));
    }
}

/// The regions drawn on a subject. They may overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrawnRegions {
    /// The regions, in the order in which they were begun.
    pub regions: Vec<DrawnRegion>,
}

impl DrawnRegions {
    /// Adds a region and returns its index. Its name is made free of line breaks and different from the others' by a number.
    pub fn push(&mut self, name: &str, vertices: [Vec<u32>; 2]) -> usize {
        let colour = COLOURS[self.regions.len() % COLOURS.len()];
        let name = self.free_name(name, None);
        self.regions.push(DrawnRegion {
            name,
            colour,
            vertices,
        });
        self.regions.len() - 1
    }

    /// Renames a region; the name is made different from the others' by a number.
    pub fn rename(&mut self, index: usize, name: &str) {
        let name = self.free_name(name, Some(index));
        if let Some(region) = self.regions.get_mut(index) {
            region.name = name;
        }
    }

    /// A name that no other region has. Files are named after regions, and some disks know no capitals.
    fn free_name(&self, wanted: &str, own: Option<usize>) -> String {
        let plain = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain: String = plain
            .chars()
            .filter(|c| !c.is_control())
            .take(MOST_NAME_CHARS)
            .collect();
        let plain = match plain.trim() {
            "" => "region",
            some => some,
        };
        let others = self.regions.iter().enumerate();
        let others = others.filter(|(index, _)| Some(*index) != own);
        let taken: BTreeSet<String> = others
            .map(|(_, region)| region.name.to_lowercase())
            .collect();
        let numbered = (2..).map(|number| format!("{plain} {number}"));
        let mut names = std::iter::once(plain.to_owned()).chain(numbered);
        let free = names.find(|name| !taken.contains(&name.to_lowercase()));
        free.unwrap_or_default()
    }

    /// The regions as a set without overlap: a vertex in several regions belongs to the smallest of them.
    #[must_use]
    pub fn parcellation(&self, n_vertices: [usize; 2]) -> Parcellation {
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.regions[*index].n_vertices()));
        let mut of_vertex = n_vertices.map(|n| vec![None; n]);
        for index in order {
            for side in Side::BOTH {
                for vertex in &self.regions[index].vertices[side.index()] {
                    if let Some(own) = of_vertex[side.index()].get_mut(*vertex as usize) {
                        *own = u16::try_from(index).ok();
                    }
                }
            }
        }
        let region = |drawn: &DrawnRegion| {
            let [red, green, blue] = drawn.colour;
            Region {
                name: drawn.name.clone(),
                colour: Some([red, green, blue, 255]),
            }
        };
        Parcellation {
            name: DRAWN.into(),
            regions: self.regions.iter().map(region).collect(),
            of_vertex,
        }
    }

    /// How many vertices lie in several regions, which a set without overlap cannot hold.
    #[must_use]
    pub fn n_shared(&self) -> usize {
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        let mut shared = [BTreeSet::new(), BTreeSet::new()];
        for region in &self.regions {
            for side in Side::BOTH {
                let at = side.index();
                for vertex in &region.vertices[at] {
                    if !seen[at].insert(*vertex) {
                        shared[at].insert(*vertex);
                    }
                }
            }
        }
        shared.iter().map(BTreeSet::len).sum()
    }
}

/// The meshes of both hemispheres on which regions are drawn: halfway between white and pial surface, or the folded surface that
/// there is.
///
/// # Errors
/// Returns the side of a hemisphere without a folded surface.
pub fn region_meshes(subject: &Subject) -> Result<[RegionMesh; 2], Side> {
    let mesh = |side: Side| RegionMesh::of(subject.hemisphere(side)).ok_or(side);
    Ok([mesh(Side::Left)?, mesh(Side::Right)?])
}
