//! `heschl run`: repeats a recipe.

use std::path::PathBuf;

use heschl_core::run::recipe::{EncodeFile, RecipeFile};

use super::encode;
use super::extract::{MachineArgs, Repetition, absolute, run_recipe};
use crate::failure::CommandResult;
use crate::fetching;
use crate::report::{self, EventFormat};

/// Run an extraction or a fit from its recipe file
///
/// A recipe written by an earlier run holds the checksums of its recordings and its model; other files are refused
/// unless --changed is given.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is there or not"
)]
pub(crate) struct Args {
    /// The recipe, such as recipe.toml beside the features
    recipe: PathBuf,

    /// Output folder, in place of the recipe's
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Recompute stories that are already done
    #[arg(long)]
    overwrite: bool,

    /// Run even if the recordings or the model have changed since
    #[arg(long)]
    changed: bool,

    /// ONNX Runtime library to use instead of the one found automatically
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,

    /// Run only these stories
    #[arg(long, value_name = "STORY", num_args = 1..)]
    stories: Vec<String>,

    /// All but these stories of the recipe: a job that computes anew what is there goes on after them
    #[arg(long, value_name = "STORY", num_args = 1.., hide = true)]
    except: Vec<String>,

    /// Download the model first if it is not installed
    #[arg(long)]
    fetch: bool,

    /// Print the expected windows, time, memory, and disk space, then stop
    #[arg(long = "dry-run", alias = "dry_run")]
    dry_run: bool,

    /// Print a Slurm array script with one task per story, then stop
    #[arg(long, conflicts_with = "dry_run")]
    slurm: bool,
}

/// Runs the recipe.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    if EncodeFile::is_one(&args.recipe) {
        let mut fit = encode::Args::of_recipe(args.recipe, args.out, args.events);
        (fit.overwrite, fit.dry_run) = (args.overwrite, args.dry_run);
        return encode::run(&fit);
    }
    let file = RecipeFile::read(&args.recipe)?;
    report::report_in(args.events);
    let mut recipe = file.extract;
    recipe.output.overwrite |= args.overwrite;
    if args.fetch {
        fetching::fetch_model_if_missing(&recipe.model.model)?;
    }
    if let Some(out) = &args.out {
        recipe.output.folder = absolute(out)?;
    }
    let machine = MachineArgs {
        device: recipe.model.device,
        precision: recipe.model.precision,
        runtime: args.runtime,
        events: args.events,
        dry_run: args.dry_run,
        slurm: args.slurm,
    };
    let repetition = Repetition {
        expected: file.run.filter(|_| !args.changed),
        only: args.stories,
        except: args.except,
    };
    run_recipe(&recipe, &machine, &repetition)
}
