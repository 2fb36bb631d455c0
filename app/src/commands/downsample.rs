//! `heschl downsample`: features on the scanner's clock.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::files::formats::npz_arrays::ArraysWriter;
use heschl_core::fmri::downsample::{Downsampling, downsample};
use heschl_core::fmri::scans::{ScanTimes, TriggerRepair};
use heschl_core::run::design::{FrameReader, scan_times};
use heschl_core::run::recipe::{FeatureKind, FeatureSet, ScansRecipe, bounds};
use heschl_core::run::store::atomic;

use super::extract::absolute;
use super::numbers::{number, whole};
use super::simulate::stories_in;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};

/// Resample features to the fMRI acquisition times
///
/// Writes one archive per story: features (scans, features), the centre of each scan in seconds from stimulus onset, and how far past the centre the latest window of each row reaches. "heschl encode" does this automatically.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Features, such as features_cnk0.1_ctx16.0/whisper-tiny
    features: PathBuf,

    /// Layer, such as encoder.3 [default: final output]
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "downsampled")]
    out: PathBuf,

    /// Folder of TR reports, <story>.report
    #[arg(long, value_name = "FOLDER", conflicts_with = "lists")]
    reports: Option<PathBuf>,

    /// Folder of plain lists of scan times, <story>.txt, .csv or .json
    #[arg(long, value_name = "FOLDER")]
    lists: Option<PathBuf>,

    /// Repetition time in seconds, if there are no reports or lists
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = number(bounds::REPETITION_SECS))]
    tr: f64,

    /// Stimulus onset in seconds after the first scan, if there are no reports or lists
    #[arg(long = "sound-start", allow_negative_numbers = true, value_name = "SECONDS", default_value_t = 10.0, value_parser = number(bounds::SOUND_START_SECS))]
    sound_start: f64,

    /// Number of scans per story, if there are no reports or lists [default: enough to cover the sound plus 10 s]
    #[arg(long, value_name = "N", conflicts_with = "respdict", value_parser = whole(bounds::N_SCANS))]
    scans: Option<usize>,

    /// JSON file that maps each story to its number of scans (respdict.json of the deep-fMRI dataset)
    #[arg(long, value_name = "FILE")]
    respdict: Option<PathBuf>,

    /// Resampling method
    #[arg(long, value_enum, default_value_t = Method::Lanczos)]
    method: Method,

    /// Lobes of the filter on each side
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = number(bounds::FILTER_WINDOW))]
    window: f64,

    /// Cutoff frequency as a multiple of the acquisition rate
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = number(bounds::CUTOFF_MULT))]
    cutoff: f64,

    /// Resample the negative and positive parts separately and keep both
    #[arg(long)]
    rectify: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Lanczos,
    Sinc,
    Mean,
    Nearest,
}

/// Downsamples each story.
///
/// # Errors
/// A sentence if features or times are missing, or a setting is invalid.
pub(crate) fn run(args: &Args) -> CommandResult {
    let set = FeatureSet {
        name: args.layer.clone().unwrap_or_else(|| "final".into()),
        kind: FeatureKind::Features,
        folder: absolute(&args.features)?,
        layer: args.layer.clone(),
        empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
    };
    let out = absolute(&args.out)?;
    let counts = args.respdict.as_deref().map(scan_counts).transpose()?;
    let reader = FrameReader::new(&set)?;
    for story in stories_in(&set)? {
        let frames = reader.read(&story, 0)?;
        let Some(frame_secs) = &frames.frame_secs else {
            return Err(Failure::new(format!(
                "The story \"{story}\" has no times: its rows are scans already."
            )));
        };
        let listed = counts.as_ref().map(|counts| counts.get(&story).copied());
        let n_scans = match (args.scans, listed) {
            (Some(n), _) | (None, Some(Some(n))) => n,
            (None, Some(None)) => {
                return Err(Failure::new(format!(
                    "The list of scans does not have the story \"{story}\"."
                )));
            }
            (None, None) => covering(args, frame_secs),
        };
        let scans = scan_times(&scans_recipe(args)?, &story, n_scans, None)?.times;
        let result = downsample(frames.features.view(), frame_secs, &scans, method(args));
        let result = result.map_err(|error| Failure::new(format!("Story \"{story}\": {error}")))?;
        let archive = archive(&result.features, &scans, &result.look_ahead_secs)?;
        atomic::write(&out.join(format!("{story}.npz")), &archive)?;
        note(format_args!(
            "✓ {story}: {} frames to {} scans, which look at most {:.1} s ahead",
            frame_secs.len(),
            result.features.nrows(),
            result.longest_look_ahead_secs()
        ));
    }
    say(out.display());
    Ok(Outcome::Done)
}

fn scans_recipe(args: &Args) -> Result<ScansRecipe, Failure> {
    Ok(match (&args.reports, &args.lists) {
        (Some(folder), _) => ScansRecipe::Reports {
            folder: absolute(folder)?,
            repair: TriggerRepair::default(),
        },
        (None, Some(folder)) => ScansRecipe::Lists {
            folder: absolute(folder)?,
        },
        (None, None) => ScansRecipe::Simulated {
            repetition_secs: args.tr,
            sound_start_secs: args.sound_start,
        },
    })
}

fn method(args: &Args) -> Downsampling {
    match args.method {
        Method::Lanczos => Downsampling::Lanczos {
            window: args.window,
            cutoff_mult: args.cutoff,
            rectify: args.rectify,
        },
        Method::Sinc => Downsampling::Sinc {
            window: args.window,
            cutoff_mult: args.cutoff,
        },
        Method::Mean => Downsampling::Mean,
        Method::Nearest => Downsampling::Nearest,
    }
}

/// Scans that cover the sound and 10 s more.
fn covering(args: &Args, frame_secs: &[f64]) -> usize {
    let sound_secs = frame_secs.iter().copied().fold(0.0, f64::max);
    ((args.sound_start + sound_secs + 10.0) / args.tr)
        .ceil()
        .max(0.0) as usize
}

fn scan_counts(path: &Path) -> Result<std::collections::BTreeMap<String, usize>, Failure> {
    let failed = |reason: String| {
        Failure::new(format!(
            "The list of scans cannot be read: {reason}.\nFile: {}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

fn archive(
    features: &ndarray::Array2<f64>,
    scans: &ScanTimes,
    look_ahead_secs: &[f64],
) -> std::io::Result<Vec<u8>> {
    let mut archive = ArraysWriter::default();
    archive.numbers("features", features.shape(), features.iter().copied())?;
    let n = scans.centre_secs.len();
    archive.numbers("scan_secs", &[n], scans.centre_secs.iter().copied())?;
    archive.numbers("look_ahead_secs", &[n], look_ahead_secs.iter().copied())?;
    archive.finish()
}
