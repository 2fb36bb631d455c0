//! `heschl clean`: takes away what killed runs left.

use std::path::PathBuf;
use std::time::Duration;

use heschl_core::run::store::{find_litter, remove_litter};

use crate::console::{self, count, say};
use crate::failure::{CommandResult, Outcome};

/// Remove temporary files that interrupted runs left behind
///
/// Recently written files are kept, and so is everything that an interrupted run needs to resume.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of features or scores, or one above several
    folder: PathBuf,

    /// Only files that have not been written to for this many hours
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    hours: u16,

    /// List what would be removed without removing it
    #[arg(long = "dry-run", alias = "dry_run")]
    dry_run: bool,
}

/// Removes them, and prints which.
///
/// # Errors
/// A sentence if the folder cannot be read or a file not removed.
pub(crate) fn run(args: &Args) -> CommandResult {
    let stale_after = Duration::from_hours(u64::from(args.hours));
    let leftovers = find_litter(&args.folder, stale_after)?;
    if !args.dry_run {
        remove_litter(&leftovers)?;
    }
    for file in &leftovers {
        say(format_args!(
            "{}",
            file.path.display().to_string().escape_debug()
        ));
    }
    console::note(format_args!(
        "{}, {} {}",
        count(leftovers.len(), "file", "files"),
        console::bytes(leftovers.iter().map(|file| file.bytes).sum()),
        if args.dry_run {
            "would be removed"
        } else {
            "removed"
        }
    ));
    Ok(Outcome::Done)
}
