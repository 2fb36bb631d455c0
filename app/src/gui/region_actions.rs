//! Draws, changes, keeps and saves regions of the cortex.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::Side;
use heschl_core::brain::drawing::{
    DrawnRegions, Extent, MOST_DRAWN_REGIONS, RegionMesh, region_meshes,
};

use super::actions::{RegionAction, RegionChange, RegionsFormat};
use super::app::App;
use super::brain::{BrainPicture, DrawingMode, RegionsPlace, RegionsRead};
use super::study::StudyLock;
use super::text::{short_path, thousands};
use super::toasts::Tone;
use super::workers::{DiskTask, RegionsExport};

/// How far a smoothed border moves, mm.
const SMOOTH_MM: f64 = 2.0;
/// What regions are called until they are named.
const NAME: &str = "region";

/// What is missing while no cortex is drawn.
const NO_CORTEX: &str = "Open scores on the page Brain first.";

impl App {
    /// Applies an action on regions.
    pub(super) fn apply_region_action(&mut self, action: RegionAction) {
        let done = match action {
            RegionAction::Set(settings) => {
                self.state.drawing.settings = settings;
                Ok(())
            }
            RegionAction::Choose(index) => {
                self.state.drawing.chosen = index;
                Ok(())
            }
            RegionAction::Lasso(line, mode) => self.draw_lasso(&line, mode),
            RegionAction::Brush(centres, mode) => self.draw_brush(&centres, mode),
            RegionAction::Change(change) => self.change_region(change),
            RegionAction::Rename(name) => {
                self.edit_regions(|regions, chosen| {
                    if let Some(index) = *chosen {
                        regions.rename(index, &name);
                    }
                });
                Ok(())
            }
            RegionAction::Delete => {
                self.edit_regions(|regions, chosen| {
                    if let Some(index) = chosen.take().filter(|at| *at < regions.regions.len()) {
                        regions.regions.remove(index);
                    }
                });
                Ok(())
            }
            RegionAction::Cluster => self.begin_cluster(),
            RegionAction::Copy => self.copy_region(),
            RegionAction::Save(format) => self.export_regions(format),
            RegionAction::SaveTable => self.shown_cortex().cloned().map(|shown| {
                let task = DiskTask::ExportRegionTable(Box::new(shown));
                self.workers.disk_task(task);
            }),
        };
        if let Err(sentence) = done {
            self.notify(Tone::Amber, sentence);
        }
    }

    /// The cortex that is shown.
    fn shown_cortex(&self) -> Result<&BrainPicture, String> {
        let picture = self.info.brain.picture.ready();
        picture.ok_or_else(|| NO_CORTEX.to_owned())
    }

    fn draw_lasso(&mut self, line: &[[f32; 2]], mode: DrawingMode) -> Result<(), String> {
        let inside = self.shown_cortex()?.lassoed(line);
        let inside = inside.ok_or("Show the cortex to draw on it, not slices.")?;
        self.draw_region(inside, mode)
    }

    fn draw_brush(&mut self, centres: &[Vec<u32>; 2], mode: DrawingMode) -> Result<(), String> {
        let radius_mm = self.state.drawing.settings.radius_mm;
        let brushed =
            self.on_meshes(|side, mesh| mesh.brushed(&centres[side.index()], radius_mm))?;
        self.draw_region(brushed, mode)
    }

    /// Something of each hemisphere's mesh.
    fn on_meshes<T>(&self, of: impl Fn(Side, &RegionMesh) -> T) -> Result<[T; 2], String> {
        let shown = self.shown_cortex()?;
        if let Some(meshes) = &shown.over.meshes {
            return Ok(Side::BOTH.map(|side| of(side, &meshes[side.index()])));
        }
        let meshes = region_meshes(shown.subject());
        let meshes = meshes.map_err(|side| {
            format!("Regions are drawn on a folded surface, which the {side} hemisphere lacks.")
        })?;
        Ok(Side::BOTH.map(|side| of(side, &meshes[side.index()])))
    }

    /// Adds vertices to the chosen region or takes them away; without a chosen one, a region begins with them.
    fn draw_region(&mut self, vertices: [Vec<u32>; 2], mode: DrawingMode) -> Result<(), String> {
        if vertices.iter().all(Vec::is_empty) {
            return Err("Nothing of the cortex lies there.".into());
        }
        match self.state.drawing.chosen {
            None if mode == DrawingMode::Subtract => {
                Err("Choose a region to subtract from it, or choose \"Add\".".into())
            }
            None => self.begin_region(NAME, vertices),
            Some(index) => {
                self.edit_regions(|regions, _| {
                    let Some(region) = regions.regions.get_mut(index) else {
                        return;
                    };
                    for side in Side::BOTH {
                        let own = &vertices[side.index()];
                        match mode {
                            DrawingMode::Add => region.add(side, own),
                            DrawingMode::Subtract => region.subtract(side, own),
                        }
                    }
                });
                Ok(())
            }
        }
    }

    fn begin_region(&mut self, name: &str, vertices: [Vec<u32>; 2]) -> Result<(), String> {
        if self.state.drawing.regions.regions.len() >= MOST_DRAWN_REGIONS {
            return Err(format!(
                "There are {MOST_DRAWN_REGIONS} drawn regions, which is the most."
            ));
        }
        self.edit_regions(|regions, chosen| *chosen = Some(regions.push(name, vertices)));
        Ok(())
    }

    fn change_region(&mut self, change: RegionChange) -> Result<(), String> {
        let drawing = &self.state.drawing;
        let index = drawing.chosen.ok_or("Choose a region first.")?;
        let region = drawing.regions.regions.get(index);
        let before = region
            .map(|region| region.vertices.clone())
            .unwrap_or_default();
        let step: Extent = drawing.settings.step;
        let after = self.on_meshes(|side, mesh| {
            let own = &before[side.index()];
            match change {
                RegionChange::Grow => mesh.grown(own, step),
                RegionChange::Shrink => mesh.shrunk(own, step),
                RegionChange::Smooth => mesh.smoothed(own, SMOOTH_MM),
                RegionChange::Fill => mesh.filled(own),
            }
        })?;
        if after == before {
            return Err("The region stays as it is.".into());
        }
        if after.iter().all(Vec::is_empty) {
            return Err("That would remove the whole region. Delete it instead.".into());
        }
        self.edit_regions(|regions, _| {
            if let Some(region) = regions.regions.get_mut(index) {
                region.vertices = after;
            }
        });
        Ok(())
    }

    fn begin_cluster(&mut self) -> Result<(), String> {
        let settings = &self.state.brain;
        let picked = settings
            .picked
            .ok_or("Click a vertex of the cortex first.")?;
        let threshold = match settings.threshold {
            Some(threshold) => threshold,
            None if settings.is_significant_only || settings.least_ceiling.is_some() => {
                f32::NEG_INFINITY
            }
            None => {
                return Err(
                    "Turn on \"Hide values below\" or \"Significant only\" first: a cluster is what is connected above it."
                        .into(),
                );
            }
        };
        let shown = self.shown_cortex()?;
        let (side, vertex) = picked;
        let values = shown.values.clone();
        let clusters = self.on_meshes(|of, mesh| {
            if of == side {
                mesh.cluster(vertex as u32, &values[of.index()], threshold)
            } else {
                Vec::new()
            }
        })?;
        if clusters.iter().all(Vec::is_empty) {
            return Err(
                "The chosen vertex is below the threshold. Click one that is shown.".into(),
            );
        }
        self.begin_region("cluster", clusters)
    }

    fn copy_region(&mut self) -> Result<(), String> {
        let chosen = self.state.brain.region.clone();
        let (side, name) = chosen.ok_or("Choose a region of the atlas first.")?;
        let shown = self.shown_cortex()?;
        let atlas = self.state.brain.parcellation(shown.subject());
        let found = atlas.and_then(|atlas| Some((atlas, atlas.region(&name)?)));
        let (atlas, index) = found.ok_or("The atlas has no such region.")?;
        let mut vertices = [Vec::new(), Vec::new()];
        vertices[side.index()] = atlas.vertices(index, side);
        self.state.brain.region = None;
        self.begin_region(&name, vertices)
    }

    /// Changes regions so that it can be undone. What a region loses, it may lose entirely.
    fn edit_regions(&mut self, change: impl FnOnce(&mut DrawnRegions, &mut Option<usize>)) {
        self.history.begin_step();
        self.edit(|state| {
            let drawing = &mut state.drawing;
            change(Arc::make_mut(&mut drawing.regions), &mut drawing.chosen);
        });
    }

    /// Writes the regions for other programs, into the folder `regions` of the scores.
    fn export_regions(&mut self, format: RegionsFormat) -> Result<(), String> {
        let shown = self.shown_cortex()?;
        let export = RegionsExport {
            folder: shown.request.scores.join("regions"),
            open: shown.open.clone(),
            regions: self.state.drawing.regions.clone(),
            format,
        };
        self.workers
            .disk_task(DiskTask::ExportRegions(Box::new(export)));
        Ok(())
    }

    /// Tells where regions were saved, and what should be known of it.
    pub(super) fn tell_saved(&mut self, first: &Path, notes: Vec<String>) {
        let path = short_path(first, self.info.home.as_deref());
        self.notify(Tone::Good, format!("Saved: {path}"));
        for sentence in notes {
            self.notify(Tone::Amber, sentence);
        }
    }

    /// Reads regions from a file onto the subject that is shown.
    pub(super) fn open_regions(&mut self, path: PathBuf) {
        match &self.info.brain.subject {
            Some(open) => {
                let subject = open.subject.clone();
                self.workers.disk_task(DiskTask::OpenRegions(path, subject));
            }
            None => self.notify(Tone::Plain, NO_CORTEX.into()),
        }
    }

    /// Adds regions that were read from a file.
    pub(super) fn add_regions(&mut self, read: &DrawnRegions, notes: Vec<String>) {
        let n_all = self.state.drawing.regions.regions.len() + read.regions.len();
        if n_all > MOST_DRAWN_REGIONS {
            let sentence = format!(
                "There would be {} drawn regions; {MOST_DRAWN_REGIONS} is the most. Delete some first.",
                thousands(n_all)
            );
            return self.notify(Tone::Amber, sentence);
        }
        self.edit_regions(|regions, chosen| {
            for region in &read.regions {
                let index = regions.push(&region.name, region.vertices.clone());
                regions.regions[index].colour = region.colour;
                *chosen = Some(index);
            }
        });
        for sentence in notes {
            self.notify(Tone::Amber, sentence);
        }
    }

    /// Keeps to the regions of the subject that is shown: those of another one are on the disk.
    pub(super) fn follow_subject(&mut self) {
        let Some(place) = self.place_of_regions() else {
            return;
        };
        if self.state.drawing.place.as_ref() == Some(&place) {
            return;
        }
        self.save_now();
        let open = self.info.brain.subject.as_ref();
        self.subject_of_regions = open.map(|open| open.subject.clone());
        let is_kept = place.study.is_some();
        let drawing = &mut self.state.drawing;
        drawing.regions = Arc::default();
        drawing.chosen = None;
        drawing.place = Some(place.clone());
        drawing.read = if is_kept {
            RegionsRead::Waiting
        } else {
            RegionsRead::Done
        };
        self.saved.drawing = drawing.clone();
        if let Some(subject) = self.subject_of_regions.clone().filter(|_| is_kept) {
            self.workers
                .disk_task(DiskTask::ReadRegions(place, subject));
        }
    }

    fn place_of_regions(&self) -> Option<RegionsPlace> {
        let open = self.info.brain.subject.as_ref()?;
        // While another subject is being opened, there is none.
        if open.folder != self.state.subject().folder {
            return None;
        }
        Some(RegionsPlace {
            study: self.state.open.as_ref().map(|open| open.folder.clone()),
            subject: open.folder.clone(),
            name: open.subject.name.clone(),
            n_vertices: [0, 1].map(|side| open.subject.hemispheres[side].n_vertices()),
        })
    }

    /// Takes the regions that a study keeps.
    pub(super) fn take_regions(
        &mut self,
        place: &RegionsPlace,
        read: Result<DrawnRegions, String>,
    ) {
        let drawing = &mut self.state.drawing;
        if drawing.place.as_ref() != Some(place) || drawing.read != RegionsRead::Waiting {
            return;
        }
        match read {
            Ok(kept) => {
                let mut regions = kept.clone();
                // What was drawn while they were being read stays.
                for region in &drawing.regions.regions {
                    regions.push(&region.name, region.vertices.clone());
                }
                drawing.regions = Arc::new(regions);
                drawing.read = RegionsRead::Done;
                self.saved.drawing = drawing.clone();
                self.saved.drawing.regions = Arc::new(kept);
            }
            Err(sentence) => {
                drawing.read = RegionsRead::Failed(sentence.clone());
                self.notify(Tone::Red, sentence);
            }
        }
    }

    /// Has the regions read again: another window may have changed them.
    pub(super) fn read_regions_again(&mut self) {
        if self.state.drawing.regions == self.saved.drawing.regions {
            self.state.drawing.place = None;
        }
    }

    /// Keeps regions that have changed with the study that they belong to.
    pub(super) fn save_regions(&mut self) {
        let drawing = &self.state.drawing;
        let is_ours = matches!(self.study_lock, Some(StudyLock::Ours(_)));
        let (Some(place), Some(subject)) = (&drawing.place, &self.subject_of_regions) else {
            return;
        };
        let is_known = drawing.read == RegionsRead::Done && place.study.is_some();
        if is_ours && is_known && drawing.regions != self.saved.drawing.regions {
            self.workers.disk_task(DiskTask::SaveRegions(
                place.clone(),
                subject.clone(),
                drawing.regions.clone(),
            ));
        }
    }
}
