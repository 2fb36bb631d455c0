//! `heschl completions`: what a shell needs to complete commands and flags.

use std::io::{self, Write as _};

use clap_complete::Shell;

use crate::failure::{CommandResult, Outcome};

/// Print a script that completes commands and flags in a shell
///
/// Packages install these scripts already. Otherwise, for bash:
/// heschl completions bash > ~/.local/share/bash-completion/completions/heschl
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// A sentence if it cannot be printed.
pub(crate) fn run(args: &Args, command: &mut clap::Command) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "heschl", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Outcome::Done)
}
