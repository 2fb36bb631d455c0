//! `heschl open`: the window, with a study.

use std::path::PathBuf;

use super::extract::absolute;
use crate::failure::{CommandResult, Failure};
use crate::gui;

/// Open a study, a folder of recordings, or a folder of features in the window
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A study's folder, a folder of recordings, or a folder of features; by default what was open last
    #[arg(value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// Opens the window.
///
/// # Errors
/// A sentence if there is nothing at the path, or no display.
pub(crate) fn run(args: Args) -> CommandResult {
    // Desktops start the program this way with a file, or without one.
    let Some(path) = args.path else {
        return gui::open(None);
    };
    let path = absolute(&path)?;
    if !path.exists() {
        return Err(Failure::new(format!(
            "There is nothing at this path. Check it, or whether its disk is mounted.\nPath: {}",
            path.display()
        )));
    }
    gui::open(Some(path))
}
