//! `heschl extract`: features of a folder of stories.

use std::path::{Path, PathBuf};

use clap::ArgAction;
use heschl_core::run::pipeline::{self, Extraction, Summary};
use heschl_core::run::progress::Event;
use heschl_core::run::recipe::SourceRecording;
use heschl_core::run::recipe::{
    CustomStimuli, ExtractRecipe, LayerChoice, ModelRecipe, OutputRecipe, RecipeFile, RunInfo,
    StimuliRecipe,
};
use heschl_core::run::store::{FeaturesFolder, StoryRecord, atomic};
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Encoder as _, Precision};
use heschl_core::speech::stimuli::{self, Stimulus};
use heschl_core::speech::window::{Coverage, WindowSettings};
use heschl_models::folders::Surroundings;
use heschl_models::resolve::{FoundAs, resolve};

use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::forecast::Forecast;
use crate::inputs;
use crate::own_program;
use crate::report::{self, EventFormat, Reporter};
use crate::setup::{self, ExtractionSetup};
use crate::slurm;

/// Extract the hidden states of a speech encoder with a causal sliding window
///
/// The defaults are those of the published study (a 16.1 s window every 0.1 s). Every flag can be written with hyphens
/// or underscores.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is there or not, as the study's code has them"
)]
#[expect(clippy::doc_markdown, reason = "these comments are the help text")]
pub(crate) struct Args {
    /// Folder of recordings (wav, aiff, flac, mp3, ogg, m4a). Each file is a story, named after the file
    #[arg(long = "stimulus-dir", alias = "stimulus_dir", value_name = "FOLDER")]
    stimulus_dir: PathBuf,

    /// Speech encoder: a name from "heschl models list", or a model folder
    #[arg(long, value_name = "NAME|FOLDER")]
    model: String,

    /// Output folder; features go to features_cnk…_ctx…/<MODEL>/ below it
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,

    /// Step between windows, in milliseconds (the "chunk")
    #[arg(long, value_name = "MS", default_value_t = 100.0)]
    chunksz: f64,

    /// Context before the chunk, in milliseconds; a multiple of --chunksz
    #[arg(long, value_name = "MS", default_value_t = 16_000.0)]
    contextsz: f64,

    /// Seconds from one window's end to the next, if not one chunk; the window keeps its length, and results go to
    /// stride_<S>/
    #[arg(long, value_name = "S")]
    stride: Option<f64>,

    /// Skip windows whose context would start before the recording
    #[arg(long = "full-context", alias = "full_context")]
    full_context: bool,

    /// Put silence before the recording and use full windows only; --full-context changes nothing then
    #[arg(long = "pad-silence", alias = "pad_silence")]
    pad_silence: bool,

    /// Apply the model's feature extractor to the samples (always on for Whisper)
    #[arg(long = "use-featext", alias = "use_featext")]
    use_featext: bool,

    /// Resample audio that is not 16 kHz mono
    #[arg(long)]
    resample: bool,

    /// Include subfolders of the folder of recordings
    #[arg(long)]
    recursive: bool,

    /// Only these stories
    #[arg(long, alias = "stimuli", value_name = "STORY", num_args = 1.., value_delimiter = ',')]
    stories: Vec<String>,

    /// Take the recordings of the folder <NAME> below --stimulus-dir; features go to custom_stimuli/<NAME>/
    #[arg(long = "custom-stimuli", alias = "custom_stimuli", value_name = "NAME")]
    custom_stimuli: Option<CustomStimuli>,

    /// Layers to write besides the final output (0 is the input to the first block) [default: all]
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',')]
    layers: Vec<usize>,

    /// Last layer of the large models of HuBERT, wav2vec 2.0 and WavLM: after their final norm, as published, or before it
    #[arg(
        long = "last-layer",
        alias = "last_layer",
        value_name = "WHICH",
        default_value = "as-published",
        value_parser = last_layer
    )]
    last_layer: LastLayer,

    /// Batch size [default: chosen for the device]
    #[arg(long, value_name = "N", value_parser = batch_size)]
    batchsz: Option<usize>,

    /// Recompute stories that are already done
    #[arg(long, action = ArgAction::SetTrue)]
    overwrite: bool,

    #[command(flatten)]
    machine: MachineArgs,
}

/// Where and how to compute, and how to tell about it.
#[derive(clap::Args, Clone)]
pub(crate) struct MachineArgs {
    /// auto, cpu, cuda or cuda:<N>
    #[arg(long, default_value = "auto")]
    pub(crate) device: DeviceChoice,

    /// Precision of matrix products; f32 reproduces the published numbers
    #[arg(long, default_value = "f32", value_parser = precision)]
    pub(crate) precision: Precision,

    /// ONNX Runtime library to use instead of the one found automatically
    #[arg(long, value_name = "FILE")]
    pub(crate) runtime: Option<PathBuf>,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    pub(crate) events: EventFormat,

    /// Print the expected windows, time, memory, and disk space, then stop
    #[arg(long = "dry-run", alias = "dry_run")]
    pub(crate) dry_run: bool,

    /// Print a Slurm array script with one task per story, then stop
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) slurm: bool,
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "f16" => Ok(Precision::F16),
        _ => Err("use f32 or f16".into()),
    }
}

pub(crate) fn last_layer(text: &str) -> Result<LastLayer, String> {
    match text.replace('_', "-").as_str() {
        "as-published" => Ok(LastLayer::AsPublished),
        "before-norm" => Ok(LastLayer::BeforeNorm),
        _ => Err("use as-published or before-norm".into()),
    }
}

const BATCHES: std::ops::RangeInclusive<usize> = 1..=4096;

pub(super) fn batch_size(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| BATCHES.contains(n));
    n.ok_or_else(|| "use a whole number from 1 to 4096".into())
}

/// A recipe file is not checked by the command line's rules.
fn check_batch(batch: Option<usize>) -> Result<(), Failure> {
    match batch {
        Some(n) if !BATCHES.contains(&n) => Err(Failure::new(format!(
            "The recipe asks for {n} windows at once. Write a whole number from 1 to 4096 at \"batch\", or leave it out."
        ))),
        _ => Ok(()),
    }
}

/// Runs an extraction as the arguments say.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run(args: Args) -> CommandResult {
    let machine = args.machine.clone();
    report::report_in(machine.events);
    let recipe = recipe(args)?;
    run_recipe(&recipe, &machine, &Repetition::default())
}

fn recipe(args: Args) -> Result<ExtractRecipe, Failure> {
    let coverage = match (args.full_context, args.pad_silence) {
        // Behind the silence all windows are full ones.
        (_, true) => Coverage::PadSilence,
        (true, false) => Coverage::FullContext,
        (false, false) => Coverage::RampIn,
    };
    Ok(ExtractRecipe {
        stimuli: StimuliRecipe {
            folder: absolute(&args.stimulus_dir)?,
            recursive: args.recursive,
            resampling: if args.resample {
                Resampling::ToEncoderRate
            } else {
                Resampling::Refuse
            },
            stories: args.stories,
            custom_stimuli: args.custom_stimuli,
        },
        model: ModelRecipe {
            model: model_name(args.model),
            layers: if args.layers.is_empty() {
                LayerChoice::All
            } else {
                LayerChoice::Some(args.layers)
            },
            last_layer: args.last_layer,
            use_featext: args.use_featext,
            precision: args.machine.precision,
            device: args.machine.device,
            batch: args.batchsz,
        },
        window: WindowSettings {
            chunk_ms: args.chunksz,
            context_ms: args.contextsz,
            stride_secs: args.stride,
            coverage,
        },
        output: OutputRecipe {
            folder: absolute(&args.out)?,
            overwrite: args.overwrite,
        },
    })
}

/// The recipe that a command line asks for, its words beginning with the program's name.
#[cfg(test)]
pub(crate) fn recipe_of_words(words: &[String]) -> Result<ExtractRecipe, String> {
    use clap::{Args as _, FromArgMatches as _};
    let command = Args::augment_args(clap::Command::new("extract").no_binary_name(true));
    let matches = command.try_get_matches_from(&words[2..]);
    let args = Args::from_arg_matches(&matches.map_err(|error| error.to_string())?);
    recipe(args.map_err(|error| error.to_string())?).map_err(|failure| failure.to_string())
}

/// A name as it is; a folder by its path from the root, so that a recipe means the same from everywhere.
fn model_name(model: String) -> String {
    match resolve(&Surroundings::of_this_process(), &model) {
        Ok(found) if found.found_as == FoundAs::Path => {
            let path = found.path.canonicalize().unwrap_or(found.path);
            path.display().to_string()
        }
        _ => model,
    }
}

/// The path from the root, so that a recipe means the same from everywhere.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?)
}

/// What a repetition of a recipe adds to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repetition {
    /// What an earlier run of the recipe was made of, if its inputs must be the same.
    pub(crate) expected: Option<RunInfo>,
    /// The recipe's stories that are done now; all of them if empty. The others are left to other runs.
    pub(crate) only: Vec<String>,
    /// Stories that are left alone.
    pub(crate) except: Vec<String>,
}

/// Runs a recipe: finds the stories, loads the model, extracts, and writes the recipe beside the features.
///
/// # Errors
/// A sentence for whatever keeps it from being done.
pub(crate) fn run_recipe(
    recipe: &ExtractRecipe,
    machine: &MachineArgs,
    repetition: &Repetition,
) -> CommandResult {
    recipe.window.lengths()?;
    check_batch(recipe.model.batch)?;
    let all_stories = setup::find_stories(recipe)?;
    let mut stories = stimuli::choose(all_stories.clone(), &repetition.only)?;
    stories.retain(|story| !repetition.except.contains(&story.story));
    if machine.slurm {
        return print_slurm(recipe, &stories);
    }
    let mut setup = ExtractionSetup::open(recipe, machine.runtime.as_deref())?;
    recipe.window.lengths_for(setup.encoder.card().reach())?;
    let run = setup.run_info()?;
    if let Some(expected) = &repetition.expected {
        inputs::compare_inputs(expected, &run, &all_stories)?;
    }
    let root = recipe.features_folder(&setup.encoder.card().name);
    if machine.dry_run {
        let forecast = Forecast::make(recipe, &stories, &mut setup.encoder, &root)?;
        setup
            .notices(recipe)
            .iter()
            .for_each(|notice| Reporter::new(machine.events).notify(notice));
        forecast.notify(&root, machine.events);
        return Ok(
            if forecast.stories.iter().all(|story| story.n_windows.is_ok()) {
                Outcome::Done
            } else {
                Outcome::SomeFailed
            },
        );
    }
    let cancel = setup::cancel_on_signals()?;
    setup::give_up_when_stopped(&cancel, setup.encoder.interrupter());
    let mut reporter = Reporter::new(machine.events);
    setup
        .notices(recipe)
        .iter()
        .for_each(|notice| reporter.notify(notice));
    let folder = FeaturesFolder::create(&root)?;
    announce(recipe, &stories, &setup, &folder, &mut reporter)?;
    let work = Extraction {
        recipe,
        stories: &stories,
        folder: &folder,
        run: &run,
        cancel: &cancel,
    };
    let summary = pipeline::extract(&work, &mut setup.encoder, &mut |event| {
        reporter.notify(&event);
    })?;
    // A run that found everything done has made nothing that its recipe could tell of.
    if !summary.done.is_empty() {
        write_recipe(recipe, &run, &folder, &all_stories)?;
    }
    Ok(outcome(&summary))
}

/// Prints the recipe as a script for a cluster.
fn print_slurm(recipe: &ExtractRecipe, stories: &[Stimulus]) -> CommandResult {
    let names: Vec<String> = stories.iter().map(|story| story.story.clone()).collect();
    let file = RecipeFile {
        extract: recipe.clone(),
        run: None,
    };
    let recipe = file.to_toml().map_err(Failure::new)?;
    say(slurm::array_script(&own_program::path()?, &recipe, &names));
    Ok(Outcome::Done)
}

/// Tells what is about to be done, and refuses what the disk cannot hold.
fn announce(
    recipe: &ExtractRecipe,
    stories: &[Stimulus],
    setup: &ExtractionSetup,
    folder: &FeaturesFolder,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    let layout = pipeline::row_layout(&setup.encoder, &recipe.model.layers);
    let is_done =
        |story: &Stimulus| !recipe.output.overwrite && folder.is_complete(&story.story, &layout);
    let left: Vec<Stimulus> = stories
        .iter()
        .filter(|story| !is_done(story))
        .cloned()
        .collect();
    let forecast = Forecast::of_headers(recipe, &left, &setup.encoder, folder.root());
    if let Some(shortage) = forecast.disk_shortage(folder.root()) {
        return Err(Failure::new(shortage));
    }
    reporter.notify(&Event::Started {
        n_stories: left.len(),
        n_windows: forecast.n_windows(),
        device: setup.encoder.device().to_string(),
        folder: folder.root().display().to_string(),
    });
    Ok(())
}

fn outcome(summary: &Summary) -> Outcome {
    if summary.stopped {
        Outcome::Stopped
    } else if summary.failed.is_empty() {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    }
}

/// Writes `recipe.toml` beside the features, with the checksums of all recordings that are done.
fn write_recipe(
    recipe: &ExtractRecipe,
    run: &RunInfo,
    folder: &FeaturesFolder,
    stories: &[Stimulus],
) -> Result<(), Failure> {
    let recorded = |story: &Stimulus| -> Option<SourceRecording> {
        StoryRecord::read(&folder.record_path(&story.story))
            .ok()
            .map(|record| record.provenance.recording)
    };
    let file = RecipeFile {
        extract: recipe.clone(),
        run: Some(RunInfo {
            recordings: stories.iter().filter_map(recorded).collect(),
            ..run.clone()
        }),
    };
    let text = file.to_toml().map_err(Failure::new)?;
    Ok(atomic::write(
        &folder.root().join("recipe.toml"),
        text.as_bytes(),
    )?)
}
