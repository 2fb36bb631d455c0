//! `heschl pick`: the system's dialog in a process of its own, since it can hang or end the program.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};

/// Ask for a file or folder with the system's dialog and print its path
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ask for a file instead of a folder
    #[arg(long)]
    file: bool,
    /// Ask for a folder
    #[arg(long, conflicts_with = "file")]
    folder: bool,
    /// The dialog's title
    #[arg(long, default_value = "Heschl")]
    title: String,
    /// Where it begins
    #[arg(long, value_name = "FOLDER")]
    start: Option<PathBuf>,
}

/// Nobody answers a dialog so quickly: there was none.
const QUICKEST_ANSWER: Duration = Duration::from_millis(300);

/// Shows the dialog.
///
/// # Errors
/// A sentence if the system shows none.
pub(crate) fn run(args: Args) -> CommandResult {
    let mut dialog = rfd::FileDialog::new().set_title(args.title);
    if let Some(start) = args.start.filter(|start| start.is_dir()) {
        dialog = dialog.set_directory(start);
    }
    let begun = Instant::now();
    let picked = if args.file {
        dialog.pick_file()
    } else {
        dialog.pick_folder()
    };
    match picked {
        Some(path) => {
            say(path.display());
            Ok(Outcome::Done)
        }
        None if begun.elapsed() < QUICKEST_ANSWER => Err(Failure::new(
            "This system shows no dialog for files (it has no desktop portal). Type the path instead, or drop the \
             folder on the window."
                .into(),
        )),
        None => Ok(Outcome::Stopped),
    }
}
