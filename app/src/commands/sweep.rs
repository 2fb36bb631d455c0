//! `heschl sweep`: the same fit with many layers and models, and what grows with what.

mod fits;
mod scaling;

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::files::responses::KeptResponses;
use heschl_core::run::encoding::{Column, ScoreTable, VoxelShare};
use heschl_core::run::pipeline::{self, EncodeSummary, Encoding, Existing};
use heschl_core::run::recipe::EncodeFile;
use heschl_core::run::store::atomic;
use heschl_core::stats::intervals::Interval;

use fits::Fit;

use super::encode::groups;
use super::extract::absolute;
use crate::console::{note, say};
use crate::csv::cell;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::report::{self, EventFormat, Reporter};
use crate::setup;

/// Fit the same responses with several layers and models
///
/// Writes each fit to its own folder and a summary to sweep.csv. An interrupted sweep resumes when you repeat the command; finished fits are kept. Responses are read only once if they fit in memory.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recipe of one fit, whose features are replaced
    recipe: PathBuf,

    /// Folders of features, one per model [default: the recipe's]
    #[arg(long, value_name = "FOLDER", num_args = 1..)]
    features: Vec<PathBuf>,

    /// Layers, such as encoder.3 or final [default: all]
    #[arg(long, value_name = "LAYER", num_args = 1..)]
    layers: Vec<String>,

    /// Output folder for all fits [default: the recipe's folder of scores]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Also fit with only the first N training stories, such as 5 10 20, and fit performance against log hours of data
    #[arg(long, value_name = "N", num_args = 1..)]
    stories: Vec<NonZeroUsize>,

    /// Number of parameters, such as mine=39e6, of models that are not in "heschl models list"; performance is fitted against its logarithm
    #[arg(long, value_name = "MODEL=SIZE", num_args = 1.., value_parser = size)]
    sizes: Vec<(String, f64)>,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,
}

fn size(text: &str) -> Result<(String, f64), String> {
    let named = text
        .split_once('=')
        .and_then(|(name, size)| Some((name.to_string(), size.parse().ok()?)));
    let named = named.filter(|(_, size): &(String, f64)| *size > 0.0 && size.is_finite());
    named.ok_or_else(|| {
        format!("\"{text}\" is no size of a model. Write for instance whisper-tiny=39e6")
    })
}

/// One fit of a sweep.
struct SweepEntry {
    fit: Fit,
    training_hours: f64,
    table: ScoreTable,
}

impl SweepEntry {
    /// Mean r, and the mean of |r|·r, over all voxels.
    fn means(&self) -> [f64; 2] {
        [Column::R, Column::SignedSquare].map(|column| self.table.mean(column))
    }
}

/// Fits all of them.
///
/// # Errors
/// A sentence for whatever keeps one from being done.
pub(crate) fn run(args: &Args) -> CommandResult {
    report::report_in(args.events);
    let path = absolute(&args.recipe)?;
    let base = EncodeFile::read(&path)?
        .encode
        .rooted(path.parent().unwrap_or(Path::new(".")));
    let out = args
        .out
        .as_deref()
        .map_or(Ok(base.output.folder.clone()), absolute)?;
    let options = ResponseOptions {
        mask: base.responses.mask.clone(),
        scratch: out.join(".heschl"),
    };
    let source = open(&base.responses.path, &options)?;
    let fits = fits::all(args, &base, source.as_ref())?;
    let memory_bytes = (base.output.memory_gib / 2.0 * f64::from(1 << 30)) as u64;
    let responses = KeptResponses::new(source.as_ref(), memory_bytes)?;
    let cancel = setup::cancel_on_signals()?;
    let mut entries = Vec::new();
    for fit in fits {
        note(&fit);
        let mut recipe = base.clone();
        recipe.features = vec![fit.set.clone()];
        recipe.stories.train.clone_from(&fit.stories);
        recipe.output.folder = out.join(fit.name());
        let work = Encoding {
            groups: groups(&recipe)?,
            recipe: &recipe,
            responses: &responses,
            share: VoxelShare::WHOLE,
            existing: Existing::Keep,
            heschl: env!("CARGO_PKG_VERSION"),
            cancel: &cancel,
        };
        let Some(table) = scores(&work, args.events)? else {
            note("Stopped. Finished work is kept; repeat the command to resume.");
            return Ok(Outcome::Stopped);
        };
        entries.push(SweepEntry {
            training_hours: fits::hours(&recipe, &responses)?,
            fit,
            table,
        });
    }
    atomic::write(&out.join("sweep.csv"), table(&entries).as_bytes())?;
    notify(&entries);
    let curves = scaling::curves(&entries, &args.sizes);
    if !curves.is_empty() {
        atomic::write(&out.join("scaling.csv"), scaling::table(&curves).as_bytes())?;
        curves.iter().for_each(scaling::Curve::notify);
    }
    Ok(Outcome::Done)
}

/// The scores of one fit; `None` if a stop was asked for.
fn scores(work: &Encoding, events: EventFormat) -> Result<Option<ScoreTable>, Failure> {
    let mut reporter = Reporter::new(events);
    Ok(
        match pipeline::encode(work, &mut |event| reporter.notify(&event))? {
            EncodeSummary::Finished(table) => Some(*table),
            EncodeSummary::DoneBefore => {
                let folder = &work.recipe.output.folder;
                Some(ScoreTable::read(&folder.join("scores.npz"))?)
            }
            EncodeSummary::Stopped => None,
        },
    )
}

fn table(entries: &[SweepEntry]) -> String {
    let mut text = String::from(
        "model,layer,n_training_stories,training_hours,n_voxels,mean_r,mean_r_low,mean_r_high,mean_signed_square,n_significant\n",
    );
    for entry in entries {
        let SweepEntry {
            fit,
            training_hours,
            table,
        } = entry;
        let [mean_r, mean_square] = entry.means();
        let n_significant = table
            .n_significant()
            .map_or(String::new(), |n| n.to_string());
        let interval = table.mean_interval().map(Interval::ends);
        let [low, high] = interval.map_or([String::new(), String::new()], |ends| {
            ends.map(|end| end.to_string())
        });
        let _ = writeln!(
            text,
            "{},{},{},{training_hours},{},{mean_r},{low},{high},{mean_square},{n_significant}",
            cell(&fit.model),
            cell(&fit.layer),
            fit.n_stories,
            table.voxels.len(),
        );
    }
    text
}

fn notify(entries: &[SweepEntry]) {
    for entry in entries {
        say(format_args!(
            "{:<24} {:<12} {:>6.2} h  mean r {:.4}",
            entry.fit.model,
            entry.fit.layer,
            entry.training_hours,
            entry.table.mean(Column::R)
        ));
    }
}
