//! Drawn regions in the formats of other programs.

use std::path::{Path, PathBuf};

use heschl_core::brain::Side;
use heschl_core::run::store::atomic;

use super::surfaces::paths;
use super::{Args, Written};
use crate::brain_map::OpenSubject;
use crate::console::note;
use crate::drawn_regions::{self, RegionsFormat};
use crate::failure::Failure;

/// Whether the data are regions that were drawn and saved as JSON.
pub(crate) fn are_regions(args: &Args) -> bool {
    args.data.extension().is_some_and(|ending| ending == "json")
}

/// Writes drawn regions in the format that the name of the file says; returns the files.
///
/// # Errors
/// A sentence if the file holds no regions of the subject, they cannot be written in the format, or the disk refuses.
pub(crate) fn write_regions(args: &Args, open: &OpenSubject) -> Result<Vec<PathBuf>, Failure> {
    let format = RegionsFormat::of(&args.out)?;
    let (regions, mut notes) = drawn_regions::read(&args.data, &open.subject)?;
    let (files, more) = drawn_regions::encode(format, (open, &regions))?;
    notes.extend(more);
    for sentence in notes {
        note(format_args!("{sentence}"));
    }
    let is_one = regions.regions.len() == 1;
    let named = files.into_iter().map(|file| -> Written {
        let path = match (file.side, &file.region) {
            (None, _) => args.out.clone(),
            (Some(side), Some(region)) if !is_one => with_region(&args.out, side, region),
            (Some(side), _) => paths(&args.out)[side.index()].clone(),
        };
        (path, file.bytes)
    });
    let files: Vec<Written> = named.collect();
    for (path, bytes) in &files {
        atomic::write(path, bytes)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The name of a hemisphere's file with that of a region before its ending.
fn with_region(out: &Path, side: Side, region: &str) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let ending = out.extension().unwrap_or_default().to_string_lossy();
    let mut sides = ["lh.", "rh."].into_iter();
    let plain = sides.find_map(|side| stem.strip_prefix(side));
    let short = match side {
        Side::Left => "lh",
        Side::Right => "rh",
    };
    let plain = plain.unwrap_or(&stem);
    out.with_file_name(format!("{short}.{plain}.{region}.{ending}"))
}
