//! Files of drawn regions: JSON, which holds them as they are, and FreeSurfer's and GIFTI's formats.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DrawnRegion, DrawnRegions, MOST_DRAWN_REGIONS};
use crate::brain::regions::Parcellation;
use crate::brain::side::Side;
use crate::brain::subject::{Hemisphere, Subject, SurfaceKind};
use crate::brain::surface::Surface;
use crate::files::formats::encode_error::EncodeError;
use crate::files::formats::freesurfer::{annot, label::Label};
use crate::files::formats::gifti;
use crate::files::formats::mesh::{LabelledVertices, TableEntry, contents};

/// What a file says that it is.
const FORMAT: &str = "heschl-regions";
const VERSION: u32 = 1;

/// Why a file holds no regions of a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawnRegionsError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is no such file.
    #[error("The file holds no regions as Heschl writes them: {0}.")]
    Invalid(String),
    /// It was written by a newer program.
    #[error(
        "The regions were written by a newer version of Heschl (format {0}). Update Heschl to open them."
    )]
    Newer(u32),
    /// It is of another mesh.
    #[error(
        "The regions were drawn on \"{subject}\" with {} and {} vertices, but {shown} has {} and {}. Open them with the subject \
         that they were drawn on.",
        .found[0], .found[1], .expected[0], .expected[1]
    )]
    OtherMesh {
        /// The subject of the file.
        subject: String,
        /// The subject that is shown.
        shown: String,
        /// Vertices of the left and the right hemisphere in the file.
        found: [usize; 2],
        /// Vertices of the hemispheres that are shown.
        expected: [usize; 2],
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsFile {
    format: String,
    version: u32,
    subject: String,
    n_vertices: [usize; 2],
    regions: Vec<RegionInFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionInFile {
    name: String,
    colour: [u8; 3],
    left: Vec<u32>,
    right: Vec<u32>,
}

/// Enough to tell what a file is before all of it is understood.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl DrawnRegions {
    /// The regions as JSON, with the subject that they were drawn on.
    #[must_use]
    pub fn to_json(&self, subject: &Subject) -> String {
        let own = |text: &str| serde_json::Value::from(text).to_string();
        let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
        let region = |region: &DrawnRegion| {
            let [left, right] = &region.vertices;
            format!(
                "    {{\"name\": {}, \"colour\": {:?},\n     \"left\": {left:?},\n     \"right\": {right:?}}}",
                own(&region.name),
                region.colour
            )
        };
        let regions: Vec<String> = self.regions.iter().map(region).collect();
        format!(
            "{{\n  \"format\": \"{FORMAT}\",\n  \"version\": {VERSION},\n  \"subject\": {},\n  \"n_vertices\": {n_vertices:?},\n  \
             \"regions\": [\n{}\n  ]\n}}\n",
            own(&subject.name),
            regions.join(",\n")
        )
    }

    /// Reads a file of regions; returns them and notes for the user.
    ///
    /// # Errors
    /// Returns a [`DrawnRegionsError`] if the file cannot be read, holds no regions, or they are of a mesh with another number of
    /// vertices.
    pub fn read(path: &Path, subject: &Subject) -> Result<(Self, Vec<String>), DrawnRegionsError> {
        let (bytes, _) = contents(path).map_err(|error| DrawnRegionsError::Unreadable(error.0))?;
        Self::of_json(&bytes, subject)
    }

    /// Reads regions from JSON; returns them and notes for the user.
    ///
    /// # Errors
    /// As [`DrawnRegions::read`].
    pub fn of_json(
        bytes: &[u8],
        subject: &Subject,
    ) -> Result<(Self, Vec<String>), DrawnRegionsError> {
        let invalid = |error: serde_json::Error| DrawnRegionsError::Invalid(error.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(invalid)?;
        if head.format != FORMAT {
            let clause = format!("its \"format\" is \"{}\"", head.format.escape_debug());
            return Err(DrawnRegionsError::Invalid(clause));
        }
        if head.version > VERSION {
            return Err(DrawnRegionsError::Newer(head.version));
        }
        let file: RegionsFile = serde_json::from_slice(bytes).map_err(invalid)?;
        let expected = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
        if file.n_vertices != expected {
            return Err(DrawnRegionsError::OtherMesh {
                subject: file.subject,
                shown: subject.name.clone(),
                found: file.n_vertices,
                expected,
            });
        }
        if file.regions.len() > MOST_DRAWN_REGIONS {
            let clause = format!("it has more than {MOST_DRAWN_REGIONS} regions");
            return Err(DrawnRegionsError::Invalid(clause));
        }
        let mut notes = Vec::new();
        if file.subject != subject.name {
            notes.push(format!(
                "The regions were drawn on \"{}\", whose mesh has as many vertices as that of {}.",
                file.subject, subject.name
            ));
        }
        let mut drawn = Self::default();
        for region in file.regions {
            let name = region.name;
            let mut vertices = [region.left, region.right];
            for (own, n_vertices) in vertices.iter_mut().zip(expected) {
                own.sort_unstable();
                own.dedup();
                if let Some(last) = own.last().filter(|last| **last as usize >= n_vertices) {
                    return Err(DrawnRegionsError::Invalid(format!(
                        "\"{}\" has vertex {last}, and there are {n_vertices} vertices",
                        name.escape_debug()
                    )));
                }
            }
            let index = drawn.push(&name, vertices);
            drawn.regions[index].colour = region.colour;
        }
        Ok((drawn, notes))
    }
}

/// FreeSurfer's label of a region, for each hemisphere in which it has vertices. The coordinates are those of the white surface, or of
/// another folded surface without it.
///
/// # Errors
/// Returns an [`EncodeError`] if a hemisphere has no folded surface.
pub fn label_files(
    subject: &Subject,
    region: &DrawnRegion,
) -> Result<Vec<(Side, Vec<u8>)>, EncodeError> {
    let mut files = Vec::new();
    for side in Side::BOTH {
        let vertices = &region.vertices[side.index()];
        if vertices.is_empty() {
            continue;
        }
        let hemisphere = subject.hemisphere(side);
        let kinds = [SurfaceKind::White, SurfaceKind::Middle, SurfaceKind::Pial];
        let surface = kinds.iter().find_map(|kind| hemisphere.surface(*kind));
        let points = surface.map(Surface::points).ok_or_else(|| {
            EncodeError::Failed(format!("the {side} hemisphere has no folded surface"))
        })?;
        let point = |vertex: &u32| points.get(*vertex as usize).copied().unwrap_or_default();
        let label = Label {
            vertices: vertices.clone(),
            points: vertices.iter().map(point).collect(),
            values: vec![0.0; vertices.len()],
        };
        files.push((side, label.encode(&subject.name)?));
    }
    Ok(files)
}

/// FreeSurfer's parcellations of the left and the right hemisphere. A vertex in several regions belongs to the smallest.
///
/// # Errors
/// Returns an [`EncodeError`] if a file cannot be made.
pub fn annots(subject: &Subject, regions: &DrawnRegions) -> Result<[Vec<u8>; 2], EncodeError> {
    let [left, right] = labelled(subject, regions);
    Ok([annot::encode(&left)?, annot::encode(&right)?])
}

/// GIFTI labels of the left and the right hemisphere. A vertex in several regions belongs to the smallest.
///
/// # Errors
/// Returns an [`EncodeError`] if a file cannot be made.
pub fn gifti_labels(
    subject: &Subject,
    regions: &DrawnRegions,
) -> Result<[Vec<u8>; 2], EncodeError> {
    let [left, right] = labelled(subject, regions);
    Ok([
        gifti::write::encode_labels("CortexLeft", &left)?,
        gifti::write::encode_labels("CortexRight", &right)?,
    ])
}

/// The regions of each hemisphere. Files of both have the same table.
fn labelled(subject: &Subject, regions: &DrawnRegions) -> [LabelledVertices; 2] {
    let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
    let Parcellation {
        regions, of_vertex, ..
    } = regions.parcellation(n_vertices);
    let mut table: Vec<TableEntry> = Vec::new();
    for (region, key) in regions.into_iter().zip(1..) {
        // A format may tell regions apart by their colours.
        let is_taken = table.iter().any(|known| known.colour == region.colour);
        table.push(TableEntry {
            key,
            name: region.name,
            colour: region.colour.filter(|_| !is_taken),
        });
    }
    of_vertex.map(|of_vertex| LabelledVertices {
        table: table.clone(),
        of_vertex,
        notes: Vec::new(),
    })
}
