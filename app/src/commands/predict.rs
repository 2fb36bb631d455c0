//! `heschl predict`: weights that are there, applied to features.

use std::path::{Path, PathBuf};

use heschl_core::files::formats::responses::{self, ResponseOptions};
use heschl_core::run::pipeline::{self, Prediction};
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe};
use heschl_core::run::store::{atomic, sha256_of_file};

use super::extract::absolute;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::report::{self, EventFormat, Reporter};
use crate::setup;

/// Predict responses from fitted weights and score the predictions
///
/// Features, test stories, scan times, and delays are taken from the recipe. Weights are (delays × features, voxels), as written by "heschl encode" (weights = true) and by the code of Antonello et al. 2023. Writes predictions.npy (scans, voxels) and scores.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recipe with an [encode] section, or a folder of scores
    recipe: PathBuf,

    /// Weights (.npy, .npz, HDF5, joblib, pickle) [default: weights.npy beside the scores]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Test stories, in place of the recipe's
    #[arg(long, value_name = "STORY", num_args = 1..)]
    test: Vec<String>,

    /// Responses to score against, in place of the recipe's
    #[arg(long, value_name = "PATH")]
    responses: Option<PathBuf>,

    /// Output folder for predictions and scores
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,
}

/// Predicts and scores.
///
/// # Errors
/// A sentence if weights, features and responses do not fit each other, or a file cannot be used.
pub(crate) fn run(args: &Args) -> CommandResult {
    report::report_in(args.events);
    let (mut recipe, fitted) = read_recipe(&absolute(&args.recipe)?)?;
    let weights_path = match &args.weights {
        Some(path) => absolute(path)?,
        None => fitted.join("weights.npy"),
    };
    if !weights_path.exists() {
        return Err(Failure::new(format!(
            "There are no weights. Fit again with weights = true in [encode.output], or give their file with --weights.\nFile: {}",
            weights_path.display()
        )));
    }
    if !args.test.is_empty() {
        recipe.stories.test.clone_from(&args.test);
        recipe
            .stories
            .train
            .retain(|story| !args.test.contains(story));
    }
    if let Some(path) = &args.responses {
        recipe.responses.path = absolute(path)?;
    }
    recipe.output.folder = absolute(&args.out)?;
    if recipe.output.folder == fitted {
        return Err(Failure::new(
            "The scores of the fit itself lie in this folder. Choose another one (--out).".into(),
        ));
    }
    let options = |mask: Option<PathBuf>| ResponseOptions {
        mask,
        scratch: recipe.output.folder.join(".heschl"),
    };
    let responses = responses::open(
        &recipe.responses.path,
        &options(recipe.responses.mask.clone()),
    )?;
    let weights = responses::open(&weights_path, &options(None))?;
    let cancel = setup::cancel_on_signals()?;
    let mut reporter = Reporter::new(args.events);
    let work = Prediction {
        recipe: &recipe,
        responses: responses.as_ref(),
        weights: weights.as_ref(),
        cancel: &cancel,
    };
    if pipeline::predict(&work, &mut |event| reporter.notify(&event))?.is_none() {
        note("Stopped. The same command begins again.");
        return Ok(Outcome::Stopped);
    }
    write_provenance(&recipe.output.folder, &weights_path)?;
    say(recipe.output.folder.display());
    Ok(Outcome::Done)
}

/// The recipe with its paths from the root, and the folder of its fit.
fn read_recipe(path: &Path) -> Result<(EncodeRecipe, PathBuf), Failure> {
    let file = if path.is_dir() {
        path.join("recipe.toml")
    } else {
        path.to_path_buf()
    };
    let folder = file.parent().unwrap_or(Path::new(".")).to_path_buf();
    let recipe = EncodeFile::read(&file)?.encode.rooted(&folder);
    let fitted = if path.is_dir() {
        path.to_path_buf()
    } else {
        recipe.output.folder.clone()
    };
    Ok((recipe, fitted))
}

/// Writes which weights were used beside the predictions.
fn write_provenance(folder: &Path, weights: &Path) -> Result<(), Failure> {
    let provenance = serde_json::json!({
        "heschl": env!("CARGO_PKG_VERSION"),
        "weights": weights.display().to_string(),
        "weights_sha256": sha256_of_file(weights)?,
    });
    Ok(atomic::write(
        &folder.join("provenance.json"),
        format!("{provenance:#}\n").as_bytes(),
    )?)
}
