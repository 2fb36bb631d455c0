//! `heschl run`: repeats a recipe.

use std::path::{Path, PathBuf};

use heschl_core::recipe::{RecipeFile, RunFacts};
use heschl_core::stimuli::Stimulus;
use heschl_core::store::sha256_of_file;

use super::extract::{MachineArgs, Repetition, absolute, run_recipe};
use crate::failure::{CommandResult, Failure};
use crate::report::{self, EventFormat};
use crate::supply;

/// Repeat an extraction from its recipe file
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

    /// Another folder for the features
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Compute stories again that are done already
    #[arg(long)]
    overwrite: bool,

    /// Go on even if the recordings or the model are not those of the recipe
    #[arg(long)]
    changed: bool,

    /// ONNX Runtime library to use instead of the one that is found
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,

    /// Print events for people or as JSON lines
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,

    /// Only these stories of the recipe
    #[arg(long, value_name = "STORY", num_args = 1..)]
    stories: Vec<String>,

    /// All but these stories of the recipe: a job that computes anew what is there goes on after them
    #[arg(long, value_name = "STORY", num_args = 1.., hide = true)]
    except: Vec<String>,

    /// Get the model first if it is not here
    #[arg(long)]
    fetch: bool,

    /// Print windows, time, memory and disk, and compute nothing
    #[arg(long = "dry-run", alias = "dry_run")]
    dry_run: bool,

    /// Print a script for a Slurm cluster, one task per story, and compute nothing
    #[arg(long, conflicts_with = "dry_run")]
    slurm: bool,
}

/// Runs the recipe.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    let file = RecipeFile::read(&args.recipe)?;
    report::tell_in(args.events);
    let mut recipe = file.extract;
    recipe.output.overwrite |= args.overwrite;
    if args.fetch {
        supply::fetch_model_if_missing(&recipe.model.model)?;
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

/// Fails if the model or a recording is not the one that the recipe was made with.
///
/// # Errors
/// A sentence that names the first file that differs.
pub(crate) fn compare_inputs(
    expected: &RunFacts,
    found: &RunFacts,
    stories: &[Stimulus],
) -> Result<(), Failure> {
    let pairs = expected.model_files.iter().zip(&found.model_files);
    let differing = pairs
        .clone()
        .find(|(expected, found)| expected.sha256 != found.sha256);
    let another = found
        .model_files
        .first()
        .filter(|_| expected.model_files.len() != found.model_files.len());
    if let Some(file) = differing.map(|(_, found)| found).or(another) {
        return Err(changed(
            "The model is not the one that this recipe was made with",
            Path::new(&file.file),
        ));
    }
    for recording in &expected.recordings {
        let Some(stimulus) = stories
            .iter()
            .find(|stimulus| stimulus.story == recording.story)
        else {
            return Err(changed(
                "A recording of this recipe is missing",
                &recording.file,
            ));
        };
        if sha256_of_file(&stimulus.path)? != recording.sha256 {
            return Err(changed(
                "A recording is not the one that this recipe was made with",
                &stimulus.path,
            ));
        }
    }
    Ok(())
}

fn changed(what: &str, path: &Path) -> Failure {
    Failure(format!(
        "{what}, so the result would differ. Put the old file back, or add --changed to go on with what is there.\n\
         File: {}",
        path.display()
    ))
}
