//! `heschl inspect`: what a laboratory's file holds.

use std::path::PathBuf;

use heschl_core::formats::responses::{ResponseOptions, open};

use super::extract::absolute;
use crate::console::{count, say};
use crate::failure::{CommandResult, Outcome};

/// Show which stories a file or folder of responses holds, how many scans and voxels each
///
/// Reads .npy, .npz, HDF5 (.hf5, .h5), joblib and pickle (.jbl, .pkl), NIfTI (.nii, .nii.gz), FreeSurfer (.mgh, .mgz) and GIFTI
/// (.gii). Values are not read, so that a file of any size takes no time, unless it is compressed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file or folder
    path: PathBuf,

    /// For volumes: the image whose voxels other than 0 count
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
}

/// Prints a line per story.
///
/// # Errors
/// A sentence if nothing there can be read.
pub(crate) fn run(args: &Args) -> CommandResult {
    let options = ResponseOptions {
        mask: args.mask.as_deref().map(absolute).transpose()?,
        ..ResponseOptions::default()
    };
    let source = open(&absolute(&args.path)?, &options)?;
    let stories = source.stories();
    let mut n_all = 0;
    for story in &stories {
        let (n_scans, n_voxels) = source.shape(story).unwrap_or_default();
        n_all += n_scans;
        say(format_args!(
            "{n_scans:>7} scans × {n_voxels} voxels  {story}"
        ));
    }
    say(format_args!(
        "{n_all:>7} scans of {}",
        count(stories.len(), "story", "stories")
    ));
    Ok(Outcome::Done)
}
