//! `heschl export`: maps of the cortex in the formats of other programs.

use crate::brain_map::OpenSubject;
use crate::console::{note, say};
use crate::failure::{CommandResult, Outcome};
pub(crate) use crate::map_export::Args;
use crate::map_export::{Format, are_regions, write, write_regions};

/// Writes the maps, or drawn regions.
///
/// # Errors
/// A sentence if the data do not fit the subject or the format, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> CommandResult {
    if are_regions(args) {
        let open = OpenSubject::open(&args.subject)?;
        for path in write_regions(args, &open)? {
            say(format_args!("{}", path.display()));
        }
        return Ok(Outcome::Done);
    }
    let format = Format::of(&args.out)?;
    let open = OpenSubject::open(&args.subject)?;
    for sentence in &open.notes {
        note(format_args!("{sentence}"));
    }
    for path in write(args, format, &open)? {
        say(format_args!("{}", path.display()));
    }
    if format == Format::Dataset {
        say(format_args!(
            "Open it with cortex.load; pycortex's store must have the subject \"{}\".",
            open.subject.name
        ));
    }
    Ok(Outcome::Done)
}
