//! Files of drawn regions: those that a study keeps, those that are opened, and those for other programs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::drawing::{DrawnRegions, region_meshes};
use heschl_core::brain::{Side, Subject};
use heschl_core::run::encoding::ScoreTable;
use heschl_core::run::store::atomic;

use super::Done;
use crate::brain_map::OpenSubject;
use crate::csv::cell;
use crate::drawn_regions::{self, RegionsFormat};
use crate::gui::brain::{BrainPicture, FactsOf, RegionFacts, RegionsPlace};

/// Regions that are written for other programs.
pub(crate) struct RegionsExport {
    /// The folder that the files go into.
    pub(crate) folder: PathBuf,
    /// The subject.
    pub(crate) open: Arc<OpenSubject>,
    /// The regions.
    pub(crate) regions: Arc<DrawnRegions>,
    /// The format.
    pub(crate) format: RegionsFormat,
}

/// The regions that a study keeps; none if there is no such file.
pub(super) fn read(place: &RegionsPlace, subject: &Subject) -> Result<DrawnRegions, String> {
    let file = place.file().filter(|path| path.exists());
    let Some(path) = file else {
        return Ok(DrawnRegions::default());
    };
    let read = DrawnRegions::read(&path, subject);
    read.map(|(regions, _)| regions).map_err(|error| {
        format!(
            "The drawn regions of this study cannot be read, so new ones are not saved. {error} Move the file away to begin \
             again.\nFile: {}",
            path.display()
        )
    })
}

/// Keeps regions with their study.
pub(super) fn save(
    place: &RegionsPlace,
    subject: &Subject,
    regions: &DrawnRegions,
) -> Result<(), String> {
    let (Some(path), Some(study)) = (place.file(), &place.study) else {
        return Ok(());
    };
    // A folder that is gone is not made anew: the study lies elsewhere now.
    if !study.is_dir() || regions.regions.is_empty() && !path.exists() {
        return Ok(());
    }
    let written = atomic::write(&path, regions.to_json(subject).as_bytes());
    written.map_err(|error| {
        format!("The drawn regions cannot be saved, so they are kept in this window only. {error}")
    })
}

/// Reads a file of regions.
pub(super) fn open(path: &Path, subject: &Subject) -> Result<Done, String> {
    let read = drawn_regions::read(path, subject).map_err(|failure| failure.message)?;
    let (regions, notes) = read;
    Ok(Done::RegionsOpened(Box::new(regions), notes))
}

/// Writes regions for other programs.
pub(super) fn export(export: &RegionsExport) -> Result<Done, String> {
    let of = (&*export.open, &*export.regions);
    let written = drawn_regions::write(export.format, of, &export.folder);
    let (files, notes) = written.map_err(|failure| failure.message)?;
    let first = files.into_iter().next().ok_or("Nothing was written.")?;
    Ok(Done::RegionsSaved(first, notes))
}

/// Writes a table of the regions of the atlas, of each hemisphere, and of the drawn regions, with what is known of them.
pub(super) fn export_table(shown: &BrainPicture) -> Result<Done, String> {
    let subject = shown.subject();
    let scores = &shown.request.scores;
    // Maps that were made from fits may be elsewhere than their scores.
    let table = ScoreTable::read(&scores.join("scores.npz")).ok();
    let meshes = match &shown.over.meshes {
        Some(meshes) => meshes.clone(),
        None => Arc::new(region_meshes(subject).map_err(|side| {
            format!("Areas are those of a folded surface, which the {side} hemisphere lacks.")
        })?),
    };
    let voxels = Side::BOTH.map(|side| shown.placement.indices(subject, side));
    let of = FactsOf {
        meshes: &meshes,
        voxels: &voxels,
        values: &shown.values,
        table: table.as_ref(),
        fdr_level: shown.fdr_level,
    };
    let map = cell(shown.name());
    let mut text = format!(
        "region,set,hemisphere,vertices,area mm2,voxels,{map} mean,r mean,r lower bounds mean,r upper bounds mean,share significant,\
         noise ceiling mean\n"
    );
    if let Some(atlas) = shown.request.settings.parcellation(subject) {
        for (index, region) in (0_u16..).zip(&atlas.regions) {
            for side in Side::BOTH {
                let mut vertices = [Vec::new(), Vec::new()];
                vertices[side.index()] = atlas.vertices(index, side);
                if !vertices[side.index()].is_empty() {
                    let side = side.to_string();
                    let names = [region.name.as_str(), &atlas.name, &side];
                    push_row(&mut text, names, &RegionFacts::of(&vertices, &of));
                }
            }
        }
    }
    for region in &shown.request.drawn.0.regions {
        let side = match region.vertices.each_ref().map(Vec::is_empty) {
            [false, true] => "left",
            [true, false] => "right",
            _ => "both",
        };
        let names = [region.name.as_str(), "drawn", side];
        push_row(&mut text, names, &RegionFacts::of(&region.vertices, &of));
    }
    let folder = scores.join("regions");
    let safe = |c: char| {
        if c.is_alphanumeric() || "-_.+".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = shown.name().chars().map(safe).collect();
    let path = folder.join(format!("regions-{name}.csv"));
    let written =
        atomic::create_folder(&folder).and_then(|()| atomic::write(&path, text.as_bytes()));
    written.map_err(|error| error.to_string())?;
    Ok(Done::RegionsSaved(path, Vec::new()))
}

fn push_row(text: &mut String, names: [&str; 3], facts: &RegionFacts) {
    let [name, set, side] = names.map(cell);
    let [r, low, high] = facts.r;
    let _ = writeln!(
        text,
        "{name},{set},{side},{},{},{},{},{r},{low},{high},{},{}",
        facts.n_vertices,
        facts.area_mm2,
        facts.n_voxels,
        facts.mean,
        facts.significant_share,
        facts.noise_ceiling
    );
}
