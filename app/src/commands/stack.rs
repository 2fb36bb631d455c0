//! `heschl stack`: fitted models mixed for each voxel.

use std::path::{Path, PathBuf};

use heschl_core::files::formats::npz_arrays::ArraysWriter;
use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::pipeline::{Stack, StackMember, stack};
use heschl_core::run::recipe::{EncodeFile, bounds};
use heschl_core::run::store::atomic;

use super::extract::absolute;
use super::numbers::number;
use super::partition::scores;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::setup;

/// Stack the predictions of several fitted models, voxel by voxel
///
/// The models, such as the layers of a sweep, must have been fitted to the same responses and stories. Stacking weights (non-negative, summing to 1) minimise the squared error of out-of-fold predictions of the training set. Writes stack.npz: weights, r of the stacked prediction, and r of each model.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folders of scores
    #[arg(required = true, num_args = 2..)]
    scores: Vec<PathBuf>,

    /// Output file
    #[arg(long, value_name = "FILE", default_value = "stack.npz")]
    out: PathBuf,

    /// Memory limit in GiB
    #[arg(long = "memory", value_name = "GIB", default_value_t = 4.0, value_parser = number(bounds::MEMORY_GIB))]
    memory_gib: f64,
}

/// Mixes them.
///
/// # Errors
/// A sentence if scores are missing, or the models were not fitted alike.
pub(crate) fn run(args: &Args) -> CommandResult {
    let out = absolute(&args.out)?;
    let members = args
        .scores
        .iter()
        .map(|folder| member(folder))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = members.first() else {
        return Err(Failure::new("Give at least two folders of scores.".into()));
    };
    let options = ResponseOptions {
        mask: first.recipe.responses.mask.clone(),
        scratch: first.recipe.output.folder.join(".heschl"),
    };
    let responses = open(&first.recipe.responses.path, &options)?;
    let cancel = setup::cancel_on_signals()?;
    let memory_bytes = (args.memory_gib.max(0.25) * f64::from(1 << 30)) as u64;
    let mut report = |n_done: usize, n_all: usize| note(format_args!("{n_done} of {n_all} voxels"));
    let mixed = stack(
        &members,
        responses.as_ref(),
        memory_bytes,
        (&cancel, &mut report),
    )?;
    let Some(mixed) = mixed else {
        note("Stopped. Nothing was written.");
        return Ok(Outcome::Stopped);
    };
    atomic::write(&out, &archive(&members, &mixed)?)?;
    notify(&members, &mixed);
    say(format_args!("archive {}", out.display()));
    Ok(Outcome::Done)
}

fn member(folder: &Path) -> Result<StackMember, Failure> {
    let table: ScoreTable = scores(folder)?;
    let folder = absolute(folder)?;
    let recipe = EncodeFile::read(&folder.join("recipe.toml"))?.encode;
    Ok(StackMember {
        name: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        recipe: recipe.rooted(&folder),
        table,
    })
}

fn archive(members: &[StackMember], mixed: &Stack) -> std::io::Result<Vec<u8>> {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let shape = [members.len(), mixed.r.len()];
    let mut archive = ArraysWriter::default();
    archive.texts("models", &names)?;
    archive.numbers("weights", &shape, mixed.weights.iter().copied())?;
    archive.numbers("r", &[mixed.r.len()], mixed.r.iter().copied())?;
    archive.numbers("model_r", &shape, mixed.model_r.iter().copied())?;
    archive.finish()
}

fn notify(members: &[StackMember], mixed: &Stack) {
    let mean = |values: ndarray::ArrayView1<f64>| {
        let finite = values.iter().filter(|value| value.is_finite());
        let (sum, n) = finite.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
        sum / n as f64
    };
    for (index, member) in members.iter().enumerate() {
        say(format_args!(
            "{:<32} mean r {:.4}, mean weight {:.3}",
            member.name,
            member.table.mean(Column::R),
            mean(mixed.weights.row(index))
        ));
    }
    say(format_args!(
        "{:<32} mean r {:.4}",
        "stacked",
        mean(mixed.r.view())
    ));
}
