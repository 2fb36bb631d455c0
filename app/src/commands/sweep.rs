//! `heschl sweep`: the same fit with many layers and models, and what grows with what.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heschl_core::encoding::{Column, ScoreTable, VoxelShare};
use heschl_core::formats::responses::{ResponseOptions, open};
use heschl_core::look::library::{FeatureLibrary, Layer};
use heschl_core::pipeline::{self, EncodeSummary, Encoding, Existing};
use heschl_core::recipe::{EncodeFile, EncodeRecipe, FeatureSet};
use heschl_core::responses::KeptResponses;
use heschl_core::scaling::LogLinearFit;
use heschl_core::store::atomic;

use super::encode::groups;
use super::extract::absolute;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::report::{self, EventFormat, Reporter};
use crate::workshop;

/// Fit the same responses with many layers and models
///
/// Each fit goes to a folder of its own, the table to sweep.csv beside them. What a sweep was stopped in goes on when the same
/// command is given again; fits that are done are left alone. Responses are read once, if they fit into memory.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The recipe of one fit; its features are replaced
    recipe: PathBuf,

    /// Models' folders of features; the recipe's own if left out
    #[arg(long, value_name = "FOLDER", num_args = 1..)]
    features: Vec<PathBuf>,

    /// Layers, such as encoder.3 or final; all of them if left out
    #[arg(long, value_name = "LAYER", num_args = 1..)]
    layers: Vec<String>,

    /// Folder for all fits; the recipe's folder of scores if left out
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Sizes of the models, such as whisper-tiny=39e6: performance is then fitted against the logarithm of size
    #[arg(long, value_name = "MODEL=SIZE", num_args = 1.., value_parser = size)]
    sizes: Vec<(String, f64)>,

    /// Print events for people or as JSON lines
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
struct Entry {
    model: String,
    layer: String,
    table: ScoreTable,
}

/// Fits all of them.
///
/// # Errors
/// A sentence for whatever keeps one from being done.
pub(crate) fn run(args: &Args) -> CommandResult {
    report::tell_in(args.events);
    let path = absolute(&args.recipe)?;
    let base = EncodeFile::read(&path)?
        .encode
        .rooted(path.parent().unwrap_or(Path::new(".")));
    let out = args
        .out
        .as_deref()
        .map_or(Ok(base.output.folder.clone()), absolute)?;
    let sets = feature_sets(args, &base)?;
    let options = ResponseOptions {
        mask: base.responses.mask.clone(),
        scratch: out.join(".heschl"),
    };
    let source = open(&base.responses.path, &options)?;
    let memory_bytes = (base.output.memory_gib / 2.0 * f64::from(1 << 30)) as u64;
    let responses = KeptResponses::new(source.as_ref(), memory_bytes)?;
    let cancel = workshop::cancel_on_signals()?;
    let mut entries = Vec::new();
    for (model, layer, set) in sets {
        note(format_args!("{model}, {layer}"));
        let mut recipe = base.clone();
        recipe.features = vec![set];
        recipe.output.folder = out.join(format!("{model}-{layer}"));
        let folder = recipe.output.folder.clone();
        let work = Encoding {
            groups: groups(&recipe)?,
            recipe: &recipe,
            responses: &responses,
            share: VoxelShare::WHOLE,
            existing: Existing::Kept,
            heschl: env!("CARGO_PKG_VERSION"),
            cancel: &cancel,
        };
        let mut reporter = Reporter::new(args.events);
        let table = match pipeline::encode(&work, &mut |event| reporter.tell(&event))? {
            EncodeSummary::Finished(table) => *table,
            EncodeSummary::DoneBefore => ScoreTable::read(&folder.join("scores.npz"))?,
            EncodeSummary::Stopped => {
                note("Stopped. What is done is kept; the same command goes on from there.");
                return Ok(Outcome::Stopped);
            }
        };
        entries.push(Entry {
            model,
            layer,
            table,
        });
    }
    atomic::write(&out.join("sweep.csv"), table(&entries).as_bytes())?;
    tell(&entries);
    tell_scaling(&entries, &args.sizes);
    Ok(Outcome::Done)
}

/// Model, layer and set of each fit.
fn feature_sets(
    args: &Args,
    base: &EncodeRecipe,
) -> Result<Vec<(String, String, FeatureSet)>, Failure> {
    let own = base.features.first().cloned();
    let own = own.ok_or_else(|| Failure("The recipe has no set of features to replace.".into()))?;
    let folders = if args.features.is_empty() {
        vec![own.folder.clone()]
    } else {
        args.features
            .iter()
            .map(|folder| absolute(folder))
            .collect::<Result<_, _>>()?
    };
    let mut sets = Vec::new();
    for folder in folders {
        let library = FeatureLibrary::open(&folder)?;
        let model = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut n_chosen = 0;
        for layer in &library.layers {
            let (name, layer) = match layer {
                Layer::Hidden(_, name) => (name.clone(), Some(name.clone())),
                Layer::Final => ("final".to_string(), None),
            };
            if args.layers.is_empty() || args.layers.contains(&name) {
                n_chosen += 1;
                let set = FeatureSet {
                    name: format!("{model} {name}"),
                    folder: folder.clone(),
                    layer,
                    ..own.clone()
                };
                sets.push((model.clone(), name, set));
            }
        }
        if n_chosen == 0 {
            return Err(Failure(format!(
                "None of the layers {} is here.\nFolder: {}",
                args.layers.join(", "),
                folder.display()
            )));
        }
    }
    Ok(sets)
}

fn table(entries: &[Entry]) -> String {
    let mut text = String::from("model,layer,n_voxels,mean_r,mean_signed_square,n_significant\n");
    for entry in entries {
        let table = &entry.table;
        let _ = writeln!(
            text,
            "{},{},{},{},{},{}",
            entry.model,
            entry.layer,
            table.voxels.len(),
            table.mean(Column::R),
            table.mean(Column::SignedSquare),
            table
                .n_significant()
                .map_or(String::new(), |n| n.to_string())
        );
    }
    text
}

fn tell(entries: &[Entry]) {
    for entry in entries {
        say(format_args!(
            "{:<24} {:<12} mean r {:.4}",
            entry.model,
            entry.layer,
            entry.table.mean(Column::R)
        ));
    }
}

/// The best layer of each model against its size.
fn tell_scaling(entries: &[Entry], sizes: &[(String, f64)]) {
    let mut best = BTreeMap::new();
    for entry in entries {
        let mean_r = entry.table.mean(Column::R);
        let known: &mut f64 = best.entry(&entry.model).or_insert(mean_r);
        *known = known.max(mean_r);
    }
    let points: Vec<(f64, f64)> = sizes
        .iter()
        .filter_map(|(model, size)| best.get(model).map(|mean_r| (*size, *mean_r)))
        .collect();
    if let Some(fit) = LogLinearFit::of(&points) {
        let interval = fit.slope_interval(0.95);
        say(format_args!(
            "Best layers: mean r grows by {:.4} for ten times the size (95 % interval {:.4} to {:.4}); R² {:.3}",
            fit.slope_per_decade, interval.lower, interval.upper, fit.r_squared
        ));
    }
}
