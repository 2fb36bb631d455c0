//! `heschl simulate`: a study whose truth is known, on real features.

mod anatomy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::files::formats::npz_arrays::{ArraysWriter, MemoryOrder, header};
use heschl_core::fmri::downsample::{Downsampling, downsample};
use heschl_core::fmri::scans::ScanTimes;
use heschl_core::fmri::simulate::{Haemodynamics, SimulatedBrain, SimulationSettings, reachable_r};
use heschl_core::run::design::FrameReader;
use heschl_core::run::recipe::{
    ControlsRecipe, EncodeFile, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet, Preset,
    ResponsesRecipe, ScansRecipe, ScoresRecipe, StoriesRecipe, Trim, bounds,
};
use heschl_core::run::store::atomic;
use ndarray::{Array2, s};

use anatomy::Anatomy;

use super::extract::absolute;
use super::numbers::{number, whole};
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::gui::sample;

/// The sound begins this long after the first scan, and the scanner goes on as long after the sound, seconds.
const REST_SECS: f64 = 10.0;

/// Simulate responses with a known ground truth from real features
///
/// Writes the responses, a recipe that fits them, and the ground truth: truth.npz holds the signal share of each voxel and, with --anatomy, its region and layer.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Features of at least two stories, such as features_cnk0.1_ctx16.0/whisper-tiny
    features: PathBuf,

    /// Simulate the cortex of fsaverage5: a voxel per vertex, left hemisphere first, with signal in the language areas and nothing on the medial wall. The transverse temporal (Heschl's) gyrus follows the first layers, the superior temporal gyrus and the banks of the superior temporal sulcus the middle ones, the middle temporal and inferior frontal gyri the last ones
    #[arg(long, conflicts_with_all = ["voxels", "layer", "empty_share"])]
    anatomy: bool,

    /// Layer that drives the voxels, such as encoder.3 [default: final output]
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "simulated")]
    out: PathBuf,

    /// Test story [default: the last one]
    #[arg(long, value_name = "STORY")]
    test: Option<String>,

    /// Number of voxels
    #[arg(long, value_name = "N", default_value_t = 20_484, value_parser = whole(bounds::N_VOXELS))]
    voxels: usize,

    /// Fraction of voxels that are pure noise
    #[arg(long = "empty-share", value_name = "SHARE", default_value_t = 0.5, value_parser = number(bounds::SHARE))]
    empty_share: f64,

    /// Largest fraction of a voxel's variance that is signal
    #[arg(long = "signal-share", value_name = "SHARE", default_value_t = 0.5, value_parser = number(bounds::SHARE))]
    signal_share: f64,

    /// Autocorrelation of the noise at a lag of one scan
    #[arg(long = "noise-correlation", value_name = "R", default_value_t = 0.3, value_parser = number(bounds::SHARE))]
    noise_correlation: f64,

    /// Haemodynamic response: random weights at delays of 1 to 4 scans, or the canonical HRF
    #[arg(long, value_enum, default_value_t = Response::Delays)]
    response: Response,

    /// Presentations of the test story, for the noise ceiling
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole(bounds::N_PRESENTATIONS))]
    presentations: usize,

    /// Repetition time in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = number(bounds::REPETITION_SECS))]
    tr: f64,

    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl Args {
    /// The brain of the sample study in a folder.
    pub(crate) fn of_sample(features: PathBuf, study: &Path) -> Self {
        Self {
            features,
            anatomy: true,
            layer: None,
            out: study.join("simulated"),
            test: Some(sample::TEST_STORY.into()),
            voxels: SimulationSettings::default().n_voxels,
            empty_share: 0.5,
            signal_share: 0.5,
            noise_correlation: 0.3,
            response: Response::Delays,
            presentations: sample::N_PRESENTATIONS,
            tr: sample::REPETITION_SECS,
            seed: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Response {
    Delays,
    Canonical,
}

/// Makes the study, and says what it holds.
///
/// # Errors
/// A sentence if there are too few stories or a setting is invalid.
pub(crate) fn run(args: &Args) -> CommandResult {
    let brain = plant(args)?;
    let shares = brain.signal_shares();
    say(format_args!(
        "{} voxels, {} of them with signal; a perfect model would reach a mean r of {:.3} on those in a single presentation.",
        shares.len(),
        shares.iter().filter(|share| **share > 0.0).count(),
        reachable_r(shares)
    ));
    let recipe = args.out.join("recipe.toml");
    say(format_args!("Now: heschl encode {}", recipe.display()));
    if args.anatomy {
        say(format_args!(
            "Or, to find the layer of each region: heschl sweep {}",
            recipe.display()
        ));
    }
    Ok(Outcome::Done)
}

/// Makes the study.
///
/// # Errors
/// As for [`run`].
pub(crate) fn plant(args: &Args) -> Result<SimulatedBrain, Failure> {
    let folder = absolute(&args.features)?;
    let out = absolute(&args.out)?;
    let set = FeatureSet {
        name: args.layer.clone().unwrap_or_else(|| "final".into()),
        kind: FeatureKind::Features,
        folder: folder.clone(),
        layer: args.layer.clone(),
        empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
    };
    let stories = stories_in(&set)?;
    if stories.len() < 2 {
        return Err(Failure::new(format!(
            "A study needs features of at least two stories, one to learn from and one to test on; here are {}.\nFolder: {}",
            stories.len(),
            folder.display()
        )));
    }
    let test = test_story(args, &stories)?;
    let design = Preset::DeepFmri.design();
    let anatomy = args
        .anatomy
        .then(|| Anatomy::of(&folder, args.signal_share));
    let anatomy = anatomy.transpose()?;
    let sources = anatomy
        .as_ref()
        .map_or_else(|| vec![set.clone()], |anatomy| anatomy.sets(&set));
    let readers: Vec<FrameReader> = sources
        .iter()
        .map(FrameReader::new)
        .collect::<Result<_, _>>()?;
    let mut brain = None;
    for (number, story) in stories.iter().enumerate() {
        let layers: Vec<Array2<f64>> = readers
            .iter()
            .map(|reader| at_scans(reader, story, args.tr))
            .collect::<Result<_, _>>()?;
        refuse_short(story, layers[0].nrows(), design.trim_train)?;
        let brain = match &mut brain {
            Some(brain) => brain,
            slot => slot.insert(brain_of(args, anatomy.as_ref(), &layers)?),
        };
        let signal = brain.signal_of_layers(&layers);
        let names = presentations(story, *story == test, args.presentations);
        for (presentation, name) in names.iter().enumerate() {
            let seed = (number * 1000 + presentation) as u64;
            let measured = trimmed(&brain.present(&signal, seed), design.trim_train);
            let path = out.join("responses").join(format!("{name}.npy"));
            atomic::write(&path, &npy(&measured))?;
        }
        note(format_args!(
            "✓ {story}: {} scans",
            signal.nrows() - design.trim_train.total()
        ));
    }
    let Some(brain) = brain else {
        return Err(Failure::new("There are no stories.".into()));
    };
    write_truth(&out, &brain, anatomy.as_ref())?;
    write_recipe(&out, recipe(args, set, &stories, &test))?;
    Ok(brain)
}

/// A brain that responds to features like those of one story.
fn brain_of(
    args: &Args,
    anatomy: Option<&Anatomy>,
    layers: &[Array2<f64>],
) -> Result<SimulatedBrain, Failure> {
    let n_features: Vec<usize> = layers.iter().map(Array2::ncols).collect();
    let settings = settings(args);
    Ok(match anatomy {
        Some(anatomy) => SimulatedBrain::planned(settings, anatomy.plan(), &n_features, args.tr)?,
        None => SimulatedBrain::new(settings, n_features[0], args.tr)?,
    })
}

/// A story must outlast what is trimmed at its edges.
fn refuse_short(story: &str, n_scans: usize, trim: Trim) -> Result<(), Failure> {
    let n_trimmed = trim.total();
    if n_scans > n_trimmed + 1 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "The story \"{story}\" covers {n_scans} scans, and the study trims {n_trimmed} at its edges: too few are left. Take longer \
         stories, move this one out of the features' folder, or give a shorter --tr."
    )))
}

fn settings(args: &Args) -> SimulationSettings {
    SimulationSettings {
        n_voxels: args.voxels,
        empty_share: args.empty_share,
        largest_signal_share: args.signal_share,
        haemodynamics: match args.response {
            Response::Delays => Haemodynamics::Delays,
            Response::Canonical => Haemodynamics::Canonical,
        },
        noise_correlation: args.noise_correlation,
        seed: args.seed,
    }
}

/// Stories of which there are features and times, sorted.
pub(crate) fn stories_in(set: &FeatureSet) -> Result<Vec<String>, Failure> {
    let layer = set
        .layer
        .as_ref()
        .map_or_else(|| set.folder.clone(), |layer| set.folder.join(layer));
    let entries = std::fs::read_dir(&layer).map_err(|error| {
        let folder = layer.display();
        Failure::new(format!(
            "There are no features here: {error}. Look at the folder and --layer.\nFolder: {folder}"
        ))
    })?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let stories = names.filter_map(|name| name.strip_suffix(".npz").map(String::from));
    let has_times = |story: &String| set.folder.join(format!("{story}_times.npz")).is_file();
    let mut stories: Vec<String> = stories.filter(has_times).collect();
    stories.sort();
    if stories.is_empty() {
        let folder = layer.display();
        return Err(Failure::new(format!(
            "There are no features with times here. Extract them first.\nFolder: {folder}"
        )));
    }
    Ok(stories)
}

fn test_story(args: &Args, stories: &[String]) -> Result<String, Failure> {
    let last = stories.last().cloned().unwrap_or_default();
    let test = args.test.clone().unwrap_or(last);
    if stories.contains(&test) {
        return Ok(test);
    }
    Err(Failure::new(format!(
        "There is no story \"{test}\" to test on. There are {}.",
        stories.join(", ")
    )))
}

/// A story's features at all its scans, `(n_scans, n_features)`.
fn at_scans(reader: &FrameReader, story: &str, tr: f64) -> Result<Array2<f64>, Failure> {
    let frames = reader.read(story, 0)?;
    let frame_secs = frames.frame_secs.unwrap_or_default();
    let sound_secs = frame_secs.iter().copied().fold(0.0, f64::max);
    let n_scans = ((sound_secs + 2.0 * REST_SECS) / tr).ceil() as usize;
    let scans = ScanTimes::simulated(n_scans, tr, REST_SECS)?;
    let method = Downsampling::default();
    Ok(downsample(frames.features.view(), &frame_secs, &scans, method)?.features)
}

/// The names of a story's presentations.
fn presentations(story: &str, is_test: bool, n: usize) -> Vec<String> {
    if is_test && n > 1 {
        return (1..=n).map(|index| format!("{story}_{index}")).collect();
    }
    vec![story.to_string()]
}

fn trimmed(measured: &Array2<f64>, trim: Trim) -> Array2<f32> {
    let end = measured.nrows().saturating_sub(trim.end_scans);
    let rows = trim.start_scans.min(end)..end;
    measured.slice(s![rows, ..]).mapv(|value| value as f32)
}

fn npy(rows: &Array2<f32>) -> Vec<u8> {
    let mut bytes = header("<f4", MemoryOrder::C, &[rows.nrows(), rows.ncols()]);
    bytes.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn write_truth(
    out: &Path,
    brain: &SimulatedBrain,
    anatomy: Option<&Anatomy>,
) -> Result<(), Failure> {
    let mut truth = ArraysWriter::default();
    let shares = brain.signal_shares();
    truth.numbers("signal_share", &[shares.len()], shares.iter().copied())?;
    truth.flags("has_signal", shares.iter().map(|share| *share > 0.0))?;
    if let Some(anatomy) = anatomy {
        anatomy.write(&mut truth)?;
    }
    atomic::write(&out.join("truth.npz"), &truth.finish()?)?;
    Ok(())
}

fn write_recipe(out: &Path, recipe: EncodeRecipe) -> Result<(), Failure> {
    let file = EncodeFile {
        encode: recipe,
        run: None,
    };
    let text = file.to_toml().map_err(Failure::new)?;
    atomic::write(&out.join("recipe.toml"), text.as_bytes())?;
    Ok(())
}

fn recipe(args: &Args, set: FeatureSet, stories: &[String], test: &str) -> EncodeRecipe {
    let mut repeats = BTreeMap::new();
    if args.presentations > 1 {
        repeats.insert(
            test.to_string(),
            presentations(test, true, args.presentations),
        );
    }
    EncodeRecipe {
        features: vec![set],
        responses: ResponsesRecipe {
            path: "responses".into(),
            mask: None,
            repeats,
        },
        stories: StoriesRecipe {
            train: stories
                .iter()
                .filter(|story| *story != test)
                .cloned()
                .collect(),
            test: vec![test.to_string()],
        },
        scans: ScansRecipe::Simulated {
            repetition_secs: args.tr,
            sound_start_secs: REST_SECS,
        },
        downsampling: Downsampling::default(),
        design: Preset::DeepFmri.design(),
        ridge: Preset::ScalingLaws2023.ridge(),
        scores: ScoresRecipe::default(),
        controls: ControlsRecipe::default(),
        output: EncodeOutput {
            folder: "scores".into(),
            weights: false,
            predictions: true,
            memory_gib: 6.0,
        },
    }
}
