//! `heschl inspect`: what a laboratory's file holds, and what a fit would stumble over.

use std::path::PathBuf;

use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::files::responses::ResponseSource;

use super::extract::absolute;
use crate::console::{count, note, say};
use crate::failure::{CommandResult, Outcome};

/// List the stories in a file or folder of responses, with scans and voxels
///
/// Reads .npy, .npz, HDF5 (.hf5, .h5, MATLAB 7.3), joblib and pickle (.jbl, .pkl), NIfTI (.nii, .nii.gz, .hdr with .img), CIFTI
/// (.dtseries.nii), FreeSurfer (.mgh, .mgz) and GIFTI (.gii, .gii.gz). Reports anything that is skipped or suspicious. Values are only read where they are compressed or have checksums.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// File or folder of responses
    path: PathBuf,

    /// Mask image for volumes; non-zero voxels are used
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
            "{n_scans:>7} scans × {n_voxels} voxels  {}{}",
            story.escape_debug(),
            more(source.as_ref(), story)
        ));
    }
    say(format_args!(
        "{n_all:>7} scans of {}",
        count(stories.len(), "story", "stories")
    ));
    for message in source.notes(&stories) {
        note(format_args!("! {message}"));
    }
    // What cannot be unpacked, or is not as it was written, a fit would only find later.
    source.verify(&stories)?;
    for story in &stories {
        source.read(story, 0..1, 0..1)?;
    }
    Ok(Outcome::Done)
}

/// What else is known of a story: presentations, and the repetition time of its header.
fn more(source: &dyn ResponseSource, story: &str) -> String {
    let presentations = match source.presentations(story).len() {
        0 => String::new(),
        n => format!(", the mean of {n} presentations"),
    };
    let secs = source.repetition_secs(story);
    let secs = secs.map_or(String::new(), |secs| {
        format!(", {secs} s apart by its header")
    });
    format!("{presentations}{secs}")
}
