//! Reads fMRI responses of any supported format, a block of voxels at a time.
//!
//! `cargo run --release --example read_responses -- FOLDER_OR_FILE`

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::path::PathBuf;

use heschl_core::files::formats::responses::{ResponseOptions, open};

/// Voxels read at a time. Memory grows with the block, not with the file.
const BLOCK_VOXELS: usize = 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("Give the path of a folder with one file per story, or of a single file.")?
        .into();
    let responses = open(&path, &ResponseOptions::default())?;
    let stories = responses.stories();
    for story in &stories {
        let Some((n_scans, n_voxels)) = responses.shape(story) else {
            continue;
        };
        let mut sum = 0.0;
        for first in (0..n_voxels).step_by(BLOCK_VOXELS) {
            let voxels = first..n_voxels.min(first + BLOCK_VOXELS);
            // (scans, voxels) as measured: NaN stays NaN.
            sum += responses.read_f64(story, 0..n_scans, voxels)?.sum();
        }
        let mean = sum / (n_scans * n_voxels) as f64;
        println!("{story}: {n_scans} scans × {n_voxels} voxels, mean {mean:.4}");
    }
    for note in responses.notes(&stories) {
        println!("Note: {note}");
    }
    Ok(())
}
