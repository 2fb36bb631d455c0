//! `heschl check`: re-reads a features folder.

use std::path::PathBuf;

use heschl_core::run::store;

use crate::console::{self, count, say};
use crate::failure::{CommandResult, Outcome};
use crate::remedies::with_words;

/// Verify a folder of features: checksums, array shapes, and window times
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of features, or one above several
    folder: PathBuf,
}

/// Prints what is sound, unfinished and wrong.
///
/// # Errors
/// A sentence if the folder cannot be read.
pub(crate) fn run(args: Args) -> CommandResult {
    let report = store::check(&args.folder)?;
    for story in &report.sound {
        say(format_args!("✓ {story}"));
    }
    for story in &report.unrecorded {
        say(format_args!(
            "✓ {story} (whole; not made by Heschl, so without checksums)"
        ));
    }
    for story in &report.unfinished {
        say(format_args!(
            "… {story}: incomplete; repeat the extraction to resume"
        ));
    }
    for fault in &report.faults {
        let fault = with_words(&fault.message, &fault.remedies);
        say(format_args!("✗ {}", fault.replace('\n', "\n  ")));
    }
    for note in &report.notes {
        console::note(note);
    }
    let n_whole = report.sound.len() + report.unrecorded.len();
    console::note(format_args!(
        "{} whole, {} unfinished, {}",
        count(n_whole, "story", "stories"),
        report.unfinished.len(),
        count(report.faults.len(), "fault", "faults")
    ));
    if n_whole + report.unfinished.len() + report.faults.len() == 0 {
        console::note("There are no features in this folder.");
        return Ok(Outcome::SomeFailed);
    }
    Ok(if report.faults.is_empty() {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    })
}
