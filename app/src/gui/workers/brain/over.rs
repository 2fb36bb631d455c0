//! Prepares what lies over the map, and keeps it as long as it stays the same.

use std::sync::Arc;

use heschl_core::brain::drawing::{DrawnRegions, RegionMesh, region_meshes};
use heschl_core::brain::{OverlayShape, Parcellation, Side, Subject, SurfaceLine};
use heschl_core::run::encoding::ScoreTable;
use heschl_core::scene::NamedVertices;

use crate::brain_map::{BrainMap, OpenSubject, Placement};
use crate::gui::brain::{BrainOver, BrainRequest, FactsOf, OverSettings, RegionFacts};

/// Names that say that vertices belong to no region, as FreeSurfer's "unknown" does.
const NAMELESS: [&str; 5] = ["unknown", "???", "medial_wall", "medialwall", "medial wall"];

/// Values of the left and the right hemisphere's vertices.
type Sides = [Vec<f32>; 2];

/// What everything depends on.
#[derive(Clone, PartialEq)]
struct Key {
    over: OverSettings,
    atlas: Option<String>,
    /// The chosen region of the atlas, and whether the atlas is outlined.
    chosen: (Option<(Side, String)>, bool),
    drawn: (Arc<DrawnRegions>, Option<usize>, bool),
    needs_mesh: bool,
}

/// The voxels of vertices, for the facts of regions.
struct VertexVoxels {
    placement: Arc<Placement>,
    /// Index of the voxel at each vertex.
    voxels: [Vec<Option<usize>>; 2],
}

/// Prepares and keeps.
#[derive(Default)]
pub(super) struct OverMaker {
    open: Option<Arc<OpenSubject>>,
    meshes: Option<Arc<[RegionMesh; 2]>>,
    dropout: Option<Result<Arc<BrainMap>, String>>,
    voxels: Option<VertexVoxels>,
    made: Option<(Key, Arc<Sides>, Arc<BrainOver>)>,
}

/// What the facts of regions come from.
pub(super) struct OverOf<'a> {
    pub(super) open: &'a Arc<OpenSubject>,
    pub(super) placement: &'a Arc<Placement>,
    /// The map that is shown, at the vertices.
    pub(super) values: &'a Arc<Sides>,
    /// The scores, if there are some of the voxels.
    pub(super) table: Option<&'a ScoreTable>,
    /// A voxel is significant if its q is at most this.
    pub(super) fdr_level: f64,
}

impl OverMaker {
    /// What lies over the map of a request.
    pub(super) fn over(&mut self, request: &BrainRequest, shown: &OverOf) -> Arc<BrainOver> {
        let is_same = |open: &Arc<OpenSubject>| Arc::ptr_eq(open, shown.open);
        if !self.open.as_ref().is_some_and(is_same) {
            *self = Self {
                open: Some(shown.open.clone()),
                ..Self::default()
            };
        }
        let settings = &request.settings;
        let (drawn, chosen) = &request.drawn;
        let key = Key {
            over: settings.over,
            atlas: settings.regions.clone(),
            chosen: (settings.region.clone(), settings.has_outlines),
            drawn: (drawn.clone(), *chosen, request.drawing.is_shown),
            needs_mesh: request.drawing.tool.is_some()
                || !drawn.regions.is_empty()
                || settings.region.is_some(),
        };
        if let Some((known, values, over)) = &self.made
            && *known == key
            && Arc::ptr_eq(values, shown.values)
        {
            return over.clone();
        }
        let over = Arc::new(self.made(&key, request, shown));
        self.made = Some((key, shown.values.clone(), over.clone()));
        over
    }

    fn made(&mut self, key: &Key, request: &BrainRequest, shown: &OverOf) -> BrainOver {
        let subject = &*shown.open.subject;
        let mut over = BrainOver::default();
        if key.needs_mesh && self.meshes.is_none() {
            self.meshes = region_meshes(subject).ok().map(Arc::new);
        }
        over.meshes.clone_from(&self.meshes);
        let atlas = request.settings.parcellation(subject);
        if let Some(overlays) = &shown.open.drawn {
            if key.over.has_overlays {
                over.regions = lines(&overlays.regions);
                over.named.extend(overlays.regions.iter().map(named));
            }
            if key.over.has_sulci {
                over.sulci = lines(&overlays.sulci);
            }
        }
        if key.chosen.1
            && let Some(atlas) = atlas
        {
            over.named.extend(NamedVertices::of_regions(atlas));
        }
        self.draw(&mut over, key);
        if !key.over.has_names {
            over.named.clear();
        }
        over.named
            .retain(|own| !NAMELESS.contains(&own.name.to_lowercase().as_str()));
        if key.over.has_dropout {
            let transform = request.subject.transform.as_deref();
            let read = self.dropout.get_or_insert_with(|| {
                let map = BrainMap::dropout(None, shown.open, transform);
                map.map(Arc::new).map_err(|failure| failure.message)
            });
            match read {
                Ok(map) => over.dropout = Some(map.clone()),
                Err(sentence) => over.notes.push(sentence.clone()),
            }
        }
        self.facts(&mut over, key, (atlas, shown));
        over
    }

    /// Outlines and names of the regions that were drawn here.
    fn draw(&self, over: &mut BrainOver, key: &Key) {
        let (drawn, chosen, is_shown) = &key.drawn;
        let Some(meshes) = self.meshes.as_ref().filter(|_| *is_shown) else {
            return;
        };
        for (index, region) in drawn.regions.iter().enumerate() {
            let outlines = Side::BOTH.into_iter().flat_map(|side| {
                meshes[side.index()].outline(side, &region.vertices[side.index()])
            });
            if *chosen == Some(index) {
                over.chosen.extend(outlines);
            } else {
                over.regions.extend(outlines);
            }
            over.named.push(NamedVertices {
                name: region.name.clone(),
                vertices: region.vertices.clone(),
            });
        }
    }

    fn facts(
        &mut self,
        over: &mut BrainOver,
        key: &Key,
        (atlas, shown): (Option<&Parcellation>, &OverOf),
    ) {
        let Some(meshes) = &self.meshes else {
            return;
        };
        let is_known = |known: &VertexVoxels| Arc::ptr_eq(&known.placement, shown.placement);
        if !self.voxels.as_ref().is_some_and(is_known) {
            let subject: &Subject = &shown.open.subject;
            self.voxels = Some(VertexVoxels {
                placement: shown.placement.clone(),
                voxels: Side::BOTH.map(|side| shown.placement.indices(subject, side)),
            });
        }
        let Some(known) = &self.voxels else {
            return;
        };
        let of = FactsOf {
            meshes,
            voxels: &known.voxels,
            values: shown.values,
            table: shown.table,
            fdr_level: shown.fdr_level,
        };
        let facts = |vertices: &[Vec<u32>; 2]| RegionFacts::of(vertices, &of);
        let drawn = key.drawn.0.regions.iter();
        over.drawn = drawn.map(|region| facts(&region.vertices)).collect();
        let chosen = key.chosen.0.as_ref();
        over.of_table = chosen.and_then(|(side, name)| {
            let atlas = atlas?;
            let index = atlas.region(name)?;
            let mut vertices = [Vec::new(), Vec::new()];
            vertices[side.index()] = atlas.vertices(index, *side);
            Some(facts(&vertices))
        });
    }
}

fn lines(shapes: &[OverlayShape]) -> Vec<SurfaceLine> {
    shapes
        .iter()
        .flat_map(|shape| shape.lines.clone())
        .collect()
}

fn named(shape: &OverlayShape) -> NamedVertices {
    NamedVertices {
        name: shape.name.clone(),
        vertices: shape.vertices.clone(),
    }
}
