//! `heschl encode` and `heschl merge`: voxel scores from a recipe.

use std::path::{Path, PathBuf};

use heschl_core::encoding::{self, Column, ScoreTable, VoxelShare};
use heschl_core::formats::npy::StoredMatrix;
use heschl_core::formats::responses::{self, ResponseOptions};
use heschl_core::pipeline::{self, EncodeSummary, Encoding, Existing};
use heschl_core::recipe::{EncodeFile, EncodeRecipe};
use heschl_core::ridge::AlphaSharing;

use super::extract::absolute;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::report::{self, EventFormat, Reporter};
use crate::workshop;

/// Fit an encoding model to each voxel and score it on stories that it has not seen
///
/// The recipe says everything that decides the scores; "heschl simulate" and the window write such files. What a run was
/// stopped in goes on when the same command is given again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The recipe, with a section [encode]
    recipe: PathBuf,

    /// Another folder for the scores
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Only one share of the voxels, such as 2/8; "heschl merge" puts the shares together
    #[arg(long, value_name = "I/N", default_value_t = VoxelShare::WHOLE, hide_default_value = true)]
    blocks: VoxelShare,

    /// Write over scores that lie in the folder
    #[arg(long)]
    overwrite: bool,

    /// Print events for people or as JSON lines
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,
}

/// Fits and scores.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: &Args) -> CommandResult {
    report::tell_in(args.events);
    let path = absolute(&args.recipe)?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut recipe = EncodeFile::read(&path)?.encode.rooted(&folder);
    if let Some(out) = &args.out {
        recipe.output.folder = absolute(out)?;
    }
    let options = ResponseOptions {
        mask: recipe.responses.mask.clone(),
        scratch: recipe.output.folder.join(".heschl"),
    };
    let responses = responses::open(&recipe.responses.path, &options)?;
    let cancel = workshop::cancel_on_signals()?;
    let work = Encoding {
        groups: groups(&recipe)?,
        recipe: &recipe,
        responses: responses.as_ref(),
        share: args.blocks,
        existing: if args.overwrite {
            Existing::Overwritten
        } else {
            Existing::Kept
        },
        heschl: env!("CARGO_PKG_VERSION"),
        cancel: &cancel,
    };
    let mut reporter = Reporter::new(args.events);
    match pipeline::encode(&work, &mut |event| reporter.tell(&event))? {
        EncodeSummary::Finished(_) => Ok(Outcome::Done),
        EncodeSummary::DoneBefore => {
            note(
                "The scores of this recipe lie in the folder already. To compute them anew, add --overwrite.",
            );
            Ok(Outcome::Done)
        }
        EncodeSummary::Stopped => {
            note("Stopped. What is done is kept; the same command goes on from there.");
            Ok(Outcome::Stopped)
        }
    }
}

/// The group of each voxel, if the recipe has groups.
fn groups(recipe: &EncodeRecipe) -> Result<Option<Vec<usize>>, Failure> {
    if recipe.ridge.sharing != AlphaSharing::PerGroup {
        return Ok(None);
    }
    let path = recipe.ridge.groups.as_ref().ok_or_else(|| {
        Failure(
            "An α per group needs the groups: add groups = \"groups.npy\" to [encode.ridge]."
                .into(),
        )
    })?;
    let file = StoredMatrix::open_row(path)?;
    let numbers = file.read::<f64>(0..1, 0..file.dim().1)?;
    let is_group = |number: &f64| *number >= 0.0 && number.fract() == 0.0 && *number < 1e9;
    if let Some(odd) = numbers.iter().find(|number| !is_group(number)) {
        return Err(Failure(format!(
            "The groups must be whole numbers from 0 on, one per voxel, but one is {odd}.\nFile: {}",
            path.display()
        )));
    }
    Ok(Some(
        numbers.iter().map(|number| *number as usize).collect(),
    ))
}

/// Put the shares of a fit together that were computed apart with --blocks
#[derive(clap::Args)]
pub(crate) struct MergeArgs {
    /// Folder of the scores, which holds "shares"
    folder: PathBuf,
}

/// Merges and prints what the whole amounts to.
///
/// # Errors
/// A sentence if a share is missing or does not belong to the others.
pub(crate) fn merge(args: &MergeArgs) -> CommandResult {
    let table = encoding::merge(&args.folder)?;
    say(summary(&table));
    Ok(Outcome::Done)
}

fn summary(table: &ScoreTable) -> String {
    let significant = table.n_significant().map_or(String::new(), |n| {
        format!(", {n} predicted better than by chance")
    });
    format!(
        "{} voxels, mean r {:.4}{significant}",
        table.voxels.len(),
        table.mean(Column::R)
    )
}
