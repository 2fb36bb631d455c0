//! `heschl demo`: a real recording through a real encoder, from nothing.

use std::path::{Path, PathBuf};

use heschl_core::files::disk;
use heschl_core::files::formats::npz;
use heschl_core::run::recipe::{
    EncodeFile, ExtractRecipe, LayerChoice, ModelRecipe, OutputRecipe, RecipeFile, StimuliRecipe,
};
use heschl_core::run::store::{FEATURES, FeaturesFolder, atomic};
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Precision};
use heschl_core::speech::window::WindowSettings;
use heschl_models::folders::Surroundings;
use heschl_models::{catalogue, untrained};
use ndarray::{Array2, Ix2};

use super::encode;
use super::extract::{MachineArgs, Repetition, absolute, run_recipe};
use super::render;
use super::simulate;
use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::fetching::fetch_model_if_missing;
use crate::gui;
use crate::gui::sample;
use crate::own_program;
use crate::picture;
use crate::report::{self, EventFormat};
use crate::setup;

const STORY: &str = "austen";

/// Extract features of the bundled recording and plot them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run a whole study instead: four stories, features, simulated responses, and scores
    #[arg(long)]
    study: bool,

    /// Do not open a window
    #[arg(long)]
    headless: bool,

    /// Output folder for the recording, features, and figure
    #[arg(long, value_name = "FOLDER", default_value = "heschl-demo")]
    out: PathBuf,

    /// auto, cpu, cuda or cuda:<N>
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,

    /// ONNX Runtime library to use instead of the one found automatically
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,

    /// How to report progress
    #[arg(long, value_enum, default_value_t, requires = "study")]
    events: EventFormat,
}

/// Runs the demonstration.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    if args.study {
        return whole_study(args);
    }
    let out = absolute(&args.out)?;
    let recordings = out.join("stories");
    atomic::write(&recordings.join(format!("{STORY}.wav")), crate::RECORDING)?;
    fetch_model_if_missing(catalogue::STARTER)?;
    let recipe = recipe(&recordings, &out, args.device);
    let machine = MachineArgs {
        device: args.device,
        precision: Precision::F32,
        runtime: args.runtime,
        events: EventFormat::Text,
        dry_run: false,
        slurm: false,
    };
    let outcome = run_recipe(&recipe, &machine, &Repetition::default())?;
    if outcome != Outcome::Done {
        return Ok(outcome);
    }
    let features = draw(&recipe, &out)?;
    if args.headless {
        return Ok(outcome);
    }
    gui::open(Some(features))
}

/// Stories, features, responses and scores; what is done already stays.
fn whole_study(args: Args) -> CommandResult {
    report::report_in(args.events);
    let out = absolute(&args.out)?;
    disk::create_folders(&out)?;
    let study = sample::write_whole(&out).map_err(Failure::new)?;
    fetch_model_if_missing(&study.model)?;
    let recipe = study.recipe(&out, &[]);
    let machine = MachineArgs {
        device: args.device,
        precision: Precision::F32,
        runtime: args.runtime,
        events: args.events,
        dry_run: false,
        slurm: false,
    };
    let outcome = run_recipe(&recipe, &machine, &Repetition::default())?;
    if outcome != Outcome::Done {
        return Ok(outcome);
    }
    let path = out.join("untrained.toml");
    let outcome = extract_apart(untrained(&recipe)?, &path, &machine)?;
    if outcome != Outcome::Done {
        return Ok(outcome);
    }
    let features = recipe.features_folder(&study.model);
    simulate::plant(&simulate::Args::of_sample(features.clone(), &out))?;
    let fit = EncodeFile {
        encode: study
            .fit
            .recipe(
                Some(&features),
                study.stimuli.as_deref(),
                &out.join("scores"),
            )
            .map_err(Failure::new)?,
        run: None,
    };
    let scores = fit.encode.output.folder.clone();
    let path = out.join("fit.toml");
    atomic::write(&path, fit.to_toml().map_err(Failure::new)?.as_bytes())?;
    let mut fit = encode::Args::of_recipe(path, None, args.events);
    fit.set_aside = true;
    let outcome = encode::run(&fit)?;
    if args.events == EventFormat::Text && outcome == Outcome::Done {
        let picture = render::first_picture(&scores)?;
        say(format_args!("scores    {}", scores.display()));
        say(format_args!("cortex    {}", picture.display()));
        say(format_args!(
            "report    {}",
            scores.join("report.html").display()
        ));
    }
    if args.headless || outcome != Outcome::Done {
        return Ok(outcome);
    }
    gui::open(Some(out))
}

/// The same extraction with a network of the same shape that has learned nothing, for the controls.
fn untrained(recipe: &ExtractRecipe) -> Result<ExtractRecipe, Failure> {
    let trained = setup::open_model(&recipe.model.model)?;
    let untrained = untrained::add(&Surroundings::of_this_process(), &trained, 0)?;
    let mut recipe = recipe.clone();
    recipe.model.model = untrained.name;
    Ok(recipe)
}

/// Extracts in a process of its own: one process loads ONNX Runtime once.
fn extract_apart(recipe: ExtractRecipe, path: &Path, machine: &MachineArgs) -> CommandResult {
    let file = RecipeFile {
        extract: recipe,
        run: None,
    };
    atomic::write(path, file.to_toml().map_err(Failure::new)?.as_bytes())?;
    let mut command = own_program::command()?;
    command.arg("run").arg(path);
    if machine.events == EventFormat::Json {
        command.args(["--events", "json"]);
    }
    if let Some(runtime) = &machine.runtime {
        command.arg("--runtime").arg(runtime);
    }
    match command.status()?.code() {
        Some(0) => Ok(Outcome::Done),
        Some(3) => Ok(Outcome::Stopped),
        _ => Err(Failure::new(
            "The features of the untrained network could not be extracted: see above. Repeat the command to resume.".into(),
        )),
    }
}

fn recipe(recordings: &Path, out: &Path, device: DeviceChoice) -> ExtractRecipe {
    ExtractRecipe {
        stimuli: StimuliRecipe {
            folder: recordings.to_path_buf(),
            recursive: false,
            resampling: Resampling::Refuse,
            stories: vec![STORY.into()],
            custom_stimuli: None,
        },
        model: ModelRecipe {
            model: catalogue::STARTER.into(),
            layers: LayerChoice::All,
            last_layer: LastLayer::default(),
            use_featext: true,
            precision: Precision::F32,
            device,
            batch: None,
        },
        window: WindowSettings::default(),
        output: OutputRecipe {
            folder: out.to_path_buf(),
            overwrite: false,
        },
    }
}

/// Draws the features, says where they are, and returns their folder.
fn draw(recipe: &ExtractRecipe, out: &Path) -> Result<PathBuf, Failure> {
    let opened = setup::open_model(&recipe.model.model)?;
    let card = opened.card();
    let folder = FeaturesFolder::create(&recipe.features_folder(&card.name))?;
    let layer = |index: usize| {
        let features =
            npz::read::<Ix2>(&folder.layer_path(&card.layer_name(index), STORY), FEATURES);
        features.map(|features| (format!("layer {index}"), features))
    };
    let layers: Vec<(String, Array2<f32>)> =
        (0..card.n_layers).map(layer).collect::<Result<_, _>>()?;
    let n_rows = layers.first().map_or(0, |(_, layer)| layer.nrows());
    let picture = out.join(format!("{STORY}.png"));
    let step_secs = recipe.window.chunk_ms / 1000.0;
    let title = format!("{STORY} · {}", card.name);
    let figure = picture::of_layers(&title, &layers, n_rows as f64 * step_secs);
    let recipe_text =
        std::fs::read_to_string(folder.root().join("recipe.toml")).unwrap_or_default();
    picture::save(&figure, &recipe_text, &picture).map_err(Failure::new)?;
    say(format_args!("features  {}", folder.root().display()));
    say(format_args!(
        "          {n_rows} rows (one every 0.1 s) × {} features × {} layers",
        card.dim, card.n_layers
    ));
    say(format_args!("picture   {}", picture.display()));
    say("          one panel per layer over time; blue below, orange above each dimension's mean");
    Ok(folder.root().to_path_buf())
}
