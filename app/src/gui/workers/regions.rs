//! Files of drawn regions: those that a study keeps, those that are opened, and those for other programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::Subject;
use heschl_core::brain::drawing::DrawnRegions;
use heschl_core::run::store::atomic;

use super::Done;
use crate::brain_map::OpenSubject;
use crate::drawn_regions::{self, RegionsFormat};
use crate::gui::brain::RegionsPlace;

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
