//! `heschl man`: manual pages for `man`, which packages install.

use std::path::PathBuf;

use clap_mangen::Man;
use heschl_core::run::store::atomic;

use super::extract::absolute;
use crate::failure::{CommandResult, Outcome};

/// Write a manual page for the program and one for each command
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of the pages
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Writes `heschl.1`, `heschl-extract.1` and so on.
///
/// # Errors
/// A sentence if a page cannot be written.
pub(crate) fn run(args: &Args, command: &clap::Command) -> CommandResult {
    let folder = absolute(&args.folder)?;
    let mut command = command.clone().disable_help_subcommand(true);
    // Gives each command its full name and the flags that all have.
    command.build();
    let mut pages = vec![("heschl".to_owned(), command.clone())];
    let shown = |command: &&clap::Command| !command.is_hide_set();
    pages.extend(command.get_subcommands().filter(shown).map(|subcommand| {
        let name = format!("heschl-{}", subcommand.get_name());
        (name, subcommand.clone())
    }));
    for (name, command) in pages {
        let mut page = Vec::new();
        Man::new(command)
            .title(name.to_uppercase())
            .manual("Heschl")
            // Days of writing would make two builds differ.
            .date("")
            .render(&mut page)?;
        atomic::write(&folder.join(format!("{name}.1")), &page)?;
    }
    Ok(Outcome::Done)
}
