//! `heschl encode` and `heschl merge`: voxel scores from a recipe.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::files::formats::responses::{self, ResponseOptions};
use heschl_core::linear::ridge::AlphaSharing;
use heschl_core::run::encoding::{Column, FitForecast, MachineSpeed, ScoreTable, VoxelShare};
use heschl_core::run::pipeline::{self, EncodeError, EncodeSummary, Encoding, Existing};
use heschl_core::run::progress::{EncodingForecast, Event};
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe};

use super::extract::absolute;
use crate::console::{self, note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::forecast::free_bytes;
use crate::own_program;
use crate::report::{self, EventFormat, Reporter, say_event};
use crate::setup;
use crate::slurm;

/// Fit a voxelwise encoding model and score it on held-out stories
///
/// The recipe holds every setting that affects the scores; "heschl simulate" and the window write such files. An interrupted run resumes when you repeat the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recipe with an [encode] section
    recipe: PathBuf,

    /// Output folder, in place of the recipe's
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Fit only one part of the voxels, such as 2/8; combine the parts with "heschl merge"
    #[arg(long, value_name = "I/N", default_value_t = VoxelShare::WHOLE, hide_default_value = true)]
    blocks: VoxelShare,

    /// Overwrite scores that are already in the folder
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Rename the folder first (to <folder>-before-1) if it holds scores of a different recipe
    #[arg(long = "set-aside", alias = "set_aside", conflicts_with = "overwrite")]
    pub(super) set_aside: bool,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,

    /// Print the sizes, time, memory, and disk space, then stop
    #[arg(long = "dry-run", alias = "dry_run")]
    pub(super) dry_run: bool,

    /// Print a Slurm script that fits the voxels in N parts, then stop
    #[arg(long, value_name = "N", conflicts_with = "dry_run")]
    slurm: Option<NonZeroUsize>,
}

impl Args {
    /// A plain run of a recipe.
    pub(crate) fn of_recipe(recipe: PathBuf, out: Option<PathBuf>, events: EventFormat) -> Self {
        Self {
            recipe,
            out,
            blocks: VoxelShare::WHOLE,
            overwrite: false,
            set_aside: false,
            events,
            dry_run: false,
            slurm: None,
        }
    }
}

/// Fits and scores.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: &Args) -> CommandResult {
    report::report_in(args.events);
    let path = absolute(&args.recipe)?;
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut recipe = EncodeFile::read(&path)?.encode.rooted(&folder);
    if let Some(out) = &args.out {
        recipe.output.folder = absolute(out)?;
    }
    if let Some(n_shares) = args.slurm {
        return print_slurm(recipe, n_shares);
    }
    let options = ResponseOptions {
        mask: recipe.responses.mask.clone(),
        scratch: recipe.output.folder.join(".heschl"),
    };
    let responses = responses::open(&recipe.responses.path, &options)?;
    let cancel = setup::cancel_on_signals()?;
    let work = Encoding {
        groups: groups(&recipe)?,
        recipe: &recipe,
        responses: responses.as_ref(),
        share: args.blocks,
        existing: match (args.overwrite, args.set_aside) {
            (true, _) => Existing::Overwrite,
            (false, true) => Existing::SetAside,
            (false, false) => Existing::Keep,
        },
        heschl: env!("CARGO_PKG_VERSION"),
        cancel: &cancel,
    };
    if args.dry_run {
        return report_forecast(&work, args.events);
    }
    let mut reporter = Reporter::new(args.events);
    match pipeline::encode(&work, &mut |event| reporter.notify(&event))? {
        EncodeSummary::Finished(_) => Ok(Outcome::Done),
        EncodeSummary::DoneBefore => {
            note(
                "The scores of this recipe lie in the folder already. To compute them anew, add --overwrite.",
            );
            Ok(Outcome::Done)
        }
        EncodeSummary::Stopped => {
            note("Stopped. Finished work is kept; repeat the command to resume.");
            Ok(Outcome::Stopped)
        }
    }
}

/// Reads what the fit would read, and says what it would take.
fn report_forecast(work: &Encoding, events: EventFormat) -> CommandResult {
    let (sizes, warnings) = pipeline::encode_sizes(work)?;
    let speed = MachineSpeed::measure(work.recipe.ridge.precision, &sizes);
    let forecast = FitForecast::new(&sizes, work.recipe, &speed);
    let folder = &work.recipe.output.folder;
    let free = free_bytes(folder);
    if events == EventFormat::Json {
        say_event(&Event::EncodeForecast(EncodingForecast {
            n_voxels: sizes.n_voxels,
            n_columns: sizes.n_columns,
            n_training_scans: sizes.n_training_scans,
            n_test_scans: sizes.n_test_scans,
            secs: forecast.secs,
            memory_bytes: forecast.memory_bytes,
            disk_bytes: forecast.disk_bytes,
            free_bytes: free,
            warnings,
            folder: folder.display().to_string(),
        }));
        return Ok(Outcome::Done);
    }
    for warning in warnings {
        note(format_args!("! {warning}"));
    }
    say(format_args!("voxels    {}", sizes.n_voxels));
    say(format_args!(
        "training  {} scans × {} columns",
        sizes.n_training_scans, sizes.n_columns
    ));
    say(format_args!("test      {} scans", sizes.n_test_scans));
    say(format_args!(
        "time      about {}",
        console::duration(forecast.secs)
    ));
    say(format_args!(
        "memory    at most about {}",
        console::bytes(forecast.memory_bytes)
    ));
    let free = free.map_or(String::new(), |n| {
        format!(", {} are free", console::bytes(n))
    });
    say(format_args!(
        "disk      about {}{free}",
        console::bytes(forecast.disk_bytes)
    ));
    say(format_args!("folder    {}", folder.display()));
    Ok(Outcome::Done)
}

/// Prints the recipe as a script for a cluster.
fn print_slurm(recipe: EncodeRecipe, n_shares: NonZeroUsize) -> CommandResult {
    if recipe.ridge.sharing != AlphaSharing::PerVoxel {
        return Err(EncodeError::SharedAlpha.into());
    }
    let folder = recipe.output.folder.clone();
    let file = EncodeFile {
        encode: recipe,
        run: None,
    };
    let text = file.to_toml().map_err(Failure::new)?;
    say(slurm::shares_script(
        &own_program::path()?,
        &text,
        &folder,
        n_shares,
    ));
    Ok(Outcome::Done)
}

/// The group of each voxel, if the recipe has groups.
pub(super) fn groups(recipe: &EncodeRecipe) -> Result<Option<Vec<usize>>, Failure> {
    if recipe.ridge.sharing != AlphaSharing::PerGroup {
        return Ok(None);
    }
    let path = recipe.ridge.groups.as_ref().ok_or_else(|| {
        Failure::new(
            "An α per group needs the groups: add groups = \"groups.npy\" to [encode.ridge]."
                .into(),
        )
    })?;
    let file = StoredMatrix::open_row(path)?;
    let numbers = file.read::<f64>(0..1, 0..file.dim().1)?;
    let is_group = |number: &f64| *number >= 0.0 && number.fract() == 0.0 && *number < 1e9;
    if let Some(odd) = numbers.iter().find(|number| !is_group(number)) {
        return Err(Failure::new(format!(
            "The groups must be whole numbers from 0 on, one per voxel, but one is {odd}.\nFile: {}",
            path.display()
        )));
    }
    Ok(Some(
        numbers.iter().map(|number| *number as usize).collect(),
    ))
}

/// Merge the parts of a fit that were run with --blocks
#[derive(clap::Args)]
pub(crate) struct MergeArgs {
    /// Folder of scores, with its subfolder "shares"
    folder: PathBuf,
}

/// Merges and prints what the whole amounts to.
///
/// # Errors
/// A sentence if a share is missing or does not belong to the others.
pub(crate) fn merge(args: &MergeArgs) -> CommandResult {
    let table = pipeline::merge(&args.folder)?;
    say(summary(&table));
    Ok(Outcome::Done)
}

fn summary(table: &ScoreTable) -> String {
    let significant = table
        .n_significant()
        .map_or(String::new(), |n| format!(", {n} predicted significant"));
    let interval = table.mean_interval().map_or(String::new(), |interval| {
        format!(" (95 %: {:.4} to {:.4})", interval.lower, interval.upper)
    });
    format!(
        "{} voxels, mean r {:.4}{interval}{significant}",
        table.voxels.len(),
        table.mean(Column::R)
    )
}
