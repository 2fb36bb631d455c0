//! `heschl map`: maps made from one or several fits.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};
use heschl_core::files::formats::responses::{ResponseOptions, open};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::maps::{
    self, BestOf, BestSettings, ChosenBy, ComponentSettings, DelaySettings, DifferenceSettings,
    FittedModel, MapSet, MapsError, Moment, distinct_names, folders_of_fits,
};
use heschl_core::run::recipe::bounds;

use super::extract::absolute;
use super::numbers::{number, whole};
use crate::command_text::quoted;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::setup;

/// Progress is told this often.
const TELL_EVERY: Duration = Duration::from_secs(5);
const WORDS_HELP: &str =
    "Folder of TextGrid files [default: that of the recipe, or of the recordings]";

/// Make maps from one or several fits: best layer, difference, delay, variance, components
///
/// Writes a folder with maps.npz (an array per map), maps.csv (a row per voxel) and maps.json (the fits and settings they were
/// made from, names of categories, and what a caption must say). "heschl render", "heschl export" and the window open it.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: MapCommand,
}

#[derive(Subcommand)]
enum MapCommand {
    Best(BestArgs),
    Difference(DifferenceArgs),
    Delay(DelayArgs),
    Variance(VarianceArgs),
    Components(ComponentsArgs),
}

/// Find the best layer, window or fit of each voxel
///
/// The best one is chosen by the scores on held-out training scans, so that its r on the test stories is unbiased. Voxels
/// that no fit predicts significantly (FDR over voxels and fits together) are "none".
#[derive(clap::Args)]
struct BestArgs {
    /// Folders of scores, or folders of such folders, as a sweep writes them
    #[arg(required = true, num_args = 1..)]
    scores: Vec<PathBuf>,

    /// What the categories are
    #[arg(long, value_enum, default_value_t)]
    of: Of,

    /// Score by which the best is chosen
    #[arg(long = "choose-by", value_enum, default_value_t)]
    choose_by: ChooseBy,

    /// Names of the fits in the legend, in their order [default: what tells their folders apart]
    #[arg(
        long,
        value_name = "NAME,NAME…",
        value_delimiter = ',',
        conflicts_with = "of"
    )]
    names: Vec<String>,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "map-best")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Of {
    /// The fits themselves
    #[default]
    Fit,
    /// The layers of their features
    Layer,
    /// The windows of their features
    Window,
    /// The models of their features
    Model,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ChooseBy {
    /// The score on held-out training scans
    #[default]
    Validation,
    /// r on the test stories, which makes the reported r of the best optimistic
    Test,
}

/// Test where one fit predicts better than another
///
/// r of the first minus r of the second, with p of a paired permutation test that swaps the two models' predictions in blocks
/// of test time, and q over all voxels. Both fits need saved predictions.
#[derive(clap::Args)]
struct DifferenceArgs {
    /// Scores of the first fit
    first: PathBuf,

    /// Scores of the second fit
    second: PathBuf,

    /// Number of permutations [default: that of the recipe]
    #[arg(long, value_name = "N", value_parser = permutations)]
    permutations: Option<usize>,

    /// Scans per block [default: that of the recipe]
    #[arg(long = "block-scans", value_name = "N", value_parser = whole(bounds::BLOCK_SCANS))]
    block_scans: Option<usize>,

    /// Accepted false discovery rate [default: that of the recipe]
    #[arg(long, value_name = "LEVEL", value_parser = number(bounds::FDR_LEVEL))]
    fdr: Option<f64>,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "map-difference")]
    out: PathBuf,
}

/// Find the delay of the largest weights of each voxel
///
/// The length of a voxel's weights at each delay, where it is largest, and its centre of mass. The fit needs saved weights.
#[derive(clap::Args)]
struct DelayArgs {
    /// Folder of scores
    scores: PathBuf,

    /// Count the weights of this set of features only
    #[arg(long, value_name = "NAME")]
    set: Option<String>,

    /// Also give values to voxels that the fit does not predict
    #[arg(long = "all-voxels")]
    all_voxels: bool,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "map-delay")]
    out: PathBuf,
}

/// Map the unique and shared variance of two feature sets
///
/// Needs three fits, like "heschl partition": the first feature set, the second, and both together. Red is unique to the
/// first, green unique to the second, blue is shared.
#[derive(clap::Args)]
struct VarianceArgs {
    /// Scores of the first feature set
    first: PathBuf,

    /// Scores of the second feature set
    second: PathBuf,

    /// Scores of the joint model
    both: PathBuf,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "map-variance")]
    out: PathBuf,
}

/// Show the first three principal components of the weights as red, green and blue
///
/// Voxels that the fit predicts decide the components. Lists the moments of the test stories that drive each component most
/// and least, with their words where these are known. The fit needs saved weights.
#[derive(clap::Args)]
struct ComponentsArgs {
    /// Folder of scores
    scores: PathBuf,

    /// Let this many voxels with the largest r decide, in place of the significant ones
    #[arg(long, value_name = "N", value_parser = whole(bounds::N_VOXELS))]
    best: Option<usize>,

    /// Use the weights of this set of features only
    #[arg(long, value_name = "NAME")]
    set: Option<String>,

    /// Also colour voxels that did not decide
    #[arg(long = "all-voxels")]
    all_voxels: bool,

    #[arg(long, value_name = "FOLDER", help = WORDS_HELP)]
    words: Option<PathBuf>,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "map-components")]
    out: PathBuf,
}

/// As many permutations as a recipe may ask for, but some.
fn permutations(text: &str) -> Result<usize, String> {
    match whole(bounds::N_PERMUTATIONS)(text)? {
        0 => Err("give at least 1".into()),
        n => Ok(n),
    }
}

/// Makes the maps.
///
/// # Errors
/// A sentence if the fits do not belong together, lack what is needed, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> CommandResult {
    match &args.command {
        MapCommand::Best(args) => best(args),
        MapCommand::Difference(args) => difference(args),
        MapCommand::Delay(args) => delay(args),
        MapCommand::Variance(args) => variance(args),
        MapCommand::Components(args) => components(args),
    }
}

fn best(args: &BestArgs) -> CommandResult {
    let mut folders = Vec::new();
    for folder in &args.scores {
        folders.extend(folders_of_fits(&absolute(folder)?)?);
    }
    let models = named(&folders)?;
    let settings = BestSettings {
        by: match args.choose_by {
            ChooseBy::Validation => ChosenBy::Validation,
            ChooseBy::Test => ChosenBy::Test,
        },
        of: match args.of {
            Of::Fit => BestOf::Fit,
            Of::Layer => BestOf::Layer,
            Of::Window => BestOf::Window,
            Of::Model => BestOf::Model,
        },
        names: args.names.clone(),
    };
    let set = maps::best(&models, &settings).map_err(with_choice)?;
    let (entry, values) = set.map("best")?;
    for category in &entry.categories {
        let is_it = |value: &&f64| (**value - f64::from(category.value)).abs() < 0.5;
        say(format_args!(
            "{:<24} {} voxels",
            category.name,
            values.iter().filter(is_it).count()
        ));
    }
    finish(&set, &args.out)
}

/// The error, with the flag that helps.
fn with_choice(error: MapsError) -> Failure {
    match error {
        MapsError::OtherValidation { .. } | MapsError::NoValidation(_) => {
            Failure::new(format!("{error} That is --choose-by test."))
        }
        error => error.into(),
    }
}

fn difference(args: &DifferenceArgs) -> CommandResult {
    let folders = [absolute(&args.first)?, absolute(&args.second)?];
    let models = named(&folders)?;
    let responses = responses(&models[0])?;
    let settings = DifferenceSettings {
        n_permutations: args.permutations,
        block_scans: args.block_scans,
        fdr_level: args.fdr,
    };
    let cancel = setup::cancel_on_signals()?;
    let set = maps::difference(
        [&models[0], &models[1]],
        responses.as_ref(),
        settings,
        (&cancel, &mut progress()),
    )?;
    finish_or_stopped(set, &args.out)
}

fn delay(args: &DelayArgs) -> CommandResult {
    let model = FittedModel::read(&absolute(&args.scores)?)?;
    let settings = DelaySettings {
        set: args.set.clone(),
        all_voxels: args.all_voxels,
    };
    let cancel = setup::cancel_on_signals()?;
    let set = maps::delays(&model, &settings, (&cancel, &mut progress()))?;
    finish_or_stopped(set, &args.out)
}

fn variance(args: &VarianceArgs) -> CommandResult {
    let folders = [&args.first, &args.second, &args.both].map(|folder| absolute(folder));
    let folders: Vec<PathBuf> = folders.into_iter().collect::<Result<_, _>>()?;
    let models = named(&folders)?;
    let set = maps::variance([&models[0], &models[1], &models[2]])?;
    finish(&set, &args.out)
}

fn components(args: &ComponentsArgs) -> CommandResult {
    let model = FittedModel::read(&absolute(&args.scores)?)?;
    let responses = responses(&model)?;
    let settings = ComponentSettings {
        n_best: args.best,
        set: args.set.clone(),
        all_voxels: args.all_voxels,
        words: args.words.as_deref().map(absolute).transpose()?,
    };
    let cancel = setup::cancel_on_signals()?;
    let set = maps::components(
        &model,
        responses.as_ref(),
        &settings,
        (&cancel, &mut progress()),
    )?;
    for moment in set.iter().flat_map(|set| &set.record.moments) {
        say(sentence(moment));
    }
    finish_or_stopped(set, &args.out)
}

/// `component 1  +2.31  tale 34.0 s  the words`
fn sentence(moment: &Moment) -> String {
    let time = match moment.secs {
        Some(secs) => format!("{secs:.1} s"),
        None => format!("scan {}", moment.scan),
    };
    let words = &moment.words;
    format!(
        "component {} {:>+8.2}  {} {time}  {words}",
        moment.component, moment.value, moment.story
    )
    .trim_end()
    .to_owned()
}

/// Fits, called by what tells their folders apart.
fn named(folders: &[PathBuf]) -> Result<Vec<FittedModel>, Failure> {
    let names = distinct_names(folders);
    let models = folders.iter().zip(names).map(|(folder, name)| {
        let model = FittedModel::read(folder)?;
        Ok(FittedModel { name, ..model })
    });
    models.collect()
}

fn responses(model: &FittedModel) -> Result<Box<dyn ResponseSource>, Failure> {
    let options = ResponseOptions {
        mask: model.recipe.responses.mask.clone(),
        scratch: model.folder.join(".heschl"),
    };
    Ok(open(&model.recipe.responses.path, &options)?)
}

/// Tells how far work is, every few seconds.
fn progress() -> impl FnMut(usize, usize) {
    let mut told = Instant::now();
    move |n_done, n_all| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            note(format_args!("{n_done} of {n_all} voxels"));
        }
    }
}

fn finish_or_stopped(set: Option<MapSet>, out: &Path) -> CommandResult {
    if let Some(set) = set {
        return finish(&set, out);
    }
    note("Stopped. Nothing was written.");
    Ok(Outcome::Stopped)
}

/// Writes the folder, and says what it holds.
fn finish(set: &MapSet, out: &Path) -> CommandResult {
    let folder = absolute(out)?;
    set.write(&folder)?;
    for sentence in &set.record.notes {
        note(sentence);
    }
    for (entry, values) in set.record.maps.iter().zip(&set.values) {
        let n_values = values.iter().filter(|value| value.is_finite()).count();
        say(format_args!(
            "{:<24} {} ({n_values} voxels)",
            entry.name, entry.title
        ));
    }
    say(format_args!("maps {}", folder.display()));
    note(format_args!(
        "Draw them: heschl render {} --view lateral --unfold 0.5 --colour-bar --out map.png",
        quoted(&out.to_string_lossy())
    ));
    Ok(Outcome::Done)
}
