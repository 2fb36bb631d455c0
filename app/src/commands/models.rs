//! `heschl models`: which encoders there are, and how they get here.

mod add;
mod check;

use std::path::PathBuf;

use clap::Subcommand;
use heschl_core::speech::card::LastLayer;
use heschl_models::catalogue::Shelf;
use heschl_models::folders::Surroundings;
use heschl_models::{added, catalogue, fetch, untrained};

use crate::commands::extract::last_layer;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::fetching;
use crate::report::{self, EventFormat};
use crate::setup;

/// Download, add, list, and check speech encoders
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Subcommand)]
enum ModelsCommand {
    /// List known encoders and where they are installed
    List,
    /// Register a checkpoint or ONNX file on this machine (it is not modified)
    Add(add::Args),
    /// Remove a model: deletes a downloaded one; unregisters an added one (your files are kept)
    Remove {
        /// Name of the model
        name: String,
    },
    /// Download an encoder from the Hugging Face Hub
    Fetch {
        /// Name from the list, or a repository such as facebook/hubert-large-ls960-ft
        name: String,
        /// How to report progress
        #[arg(long, value_enum, default_value_t)]
        events: EventFormat,
    },
    /// Create an untrained network of the same architecture, as a control
    Untrained {
        /// Name from the list, or a model folder
        model: String,
        /// Seed of its weights
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
    },
    /// Run an encoder on a recording and summarise its output
    Check {
        /// Name from the list, or a model folder
        model: String,
        /// Last layer of the large models of HuBERT, wav2vec 2.0 and WavLM: as-published or before-norm
        #[arg(
            long = "last-layer",
            alias = "last_layer",
            value_name = "WHICH",
            default_value = "as-published",
            value_parser = last_layer
        )]
        last_layer: LastLayer,
        /// ONNX Runtime library to use instead of the one found automatically
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
}

/// Does what was asked.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    match args.command {
        ModelsCommand::List => list(),
        ModelsCommand::Add(args) => add::run(args),
        ModelsCommand::Remove { name } => remove(&name),
        ModelsCommand::Fetch { name, events } => {
            report::report_in(events);
            fetching::fetch_model(&name).map(|()| Outcome::Done)
        }
        ModelsCommand::Untrained { model, seed } => make_untrained(&model, seed),
        ModelsCommand::Check {
            model,
            last_layer,
            runtime,
        } => check::check(&model, last_layer, runtime.as_deref()),
    }
}

fn list() -> CommandResult {
    let around = Surroundings::of_this_process();
    let shelves = [
        (
            Shelf::Study,
            "The study's encoders, and whisper-tiny.en to begin with",
        ),
        (Shelf::More, "Others"),
    ];
    for (shelf, title) in shelves {
        say(title);
        for entry in catalogue::ENTRIES
            .iter()
            .filter(|entry| entry.shelf == shelf)
        {
            let is_here = fetch::installed(&around, entry.name).is_some();
            say(format_args!(
                "  {:<29} {:>2} layers × {:<4} {:>5} MB  {:<12} {:<4}  {}",
                entry.name,
                entry.layers + 1,
                entry.dimension,
                entry.download_megabytes(),
                entry.licence.unwrap_or("licence?"),
                if is_here { "here" } else { "" },
                entry.repository
            ));
        }
    }
    note(
        "Any other repository of the Hub that holds such a model: heschl models fetch <owner>/<name>",
    );
    for besides in fetch::fetched_besides(&around) {
        say(format_args!(
            "{:<31} fetched: {}",
            besides.name, besides.origin
        ));
    }
    for own in added::added(&around)? {
        say(format_args!(
            "{:<31} added: {}",
            own.name,
            own.folder.display()
        ));
    }
    Ok(Outcome::Done)
}

fn make_untrained(model: &str, seed: u64) -> CommandResult {
    let own = untrained::add(
        &Surroundings::of_this_process(),
        &setup::open_model(model)?,
        seed,
    )?;
    say(&own.name);
    note(format_args!(
        "Extract its features with the same settings and into the same folder as those of {model}: heschl extract --model {} …",
        own.name
    ));
    Ok(Outcome::Done)
}

fn remove(name: &str) -> CommandResult {
    let around = Surroundings::of_this_process();
    if added::remove(&around, name)? || fetch::uninstall(&around, name)? {
        return Ok(Outcome::Done);
    }
    if fetch::installed(&around, name).is_some() {
        return Err(Failure::new(format!(
            "{name} was installed together with Heschl and is removed with it."
        )));
    }
    Err(Failure::new(format!(
        "No model was added or fetched under the name \"{name}\". See: heschl models list"
    )))
}
