//! Scan times of a story, from any of the supported sources.

use std::path::{Path, PathBuf};

use super::DesignError;
use crate::files::names;
use crate::fmri::scans::{ScanTimes, ScansError, SoundOnset, TrReport, sound_onset};
use crate::run::recipe::ScansRecipe;

/// Plausible repetition times, seconds. A header value outside this range is in another unit.
const REPETITIONS_SECS: std::ops::RangeInclusive<f64> = 0.05..=30.0;
/// Repetition time in headers where it was never set, as in older output of fMRIPrep.
const UNSET_SECS: f64 = 1.0;

/// The scan times of a story, and their source.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundScans {
    /// The scan times.
    pub times: ScanTimes,
    /// The file they were read from.
    pub file: Option<PathBuf>,
    /// Sound onset, if read from an event file.
    pub onset: Option<SoundOnset>,
    /// Choices and assumptions made, as message endings that follow the story's name.
    pub warnings: Vec<String>,
}

impl FoundScans {
    fn plain(times: ScanTimes, file: Option<PathBuf>) -> Self {
        Self {
            times,
            file,
            onset: None,
            warnings: Vec::new(),
        }
    }
}

/// Returns the scan times of a story.
///
/// * `n_scans`: number of scans, if no other source gives it.
/// * `header_secs`: repetition time in the header of the responses, seconds.
///
/// # Errors
/// Returns a [`DesignError`] if the file is missing or invalid.
pub fn scan_times(
    recipe: &ScansRecipe,
    story: &str,
    n_scans: usize,
    header_secs: Option<f64>,
) -> Result<FoundScans, DesignError> {
    match recipe {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => ScanTimes::simulated(n_scans, *repetition_secs, *sound_start_secs)
            .map(|times| FoundScans::plain(times, None))
            .map_err(DesignError::EvenScans),
        ScansRecipe::Reports { folder, repair } => {
            let path = file_of(folder, story, &[".report"]);
            let report = TrReport::parse(&read(&path)?, *repair);
            let times = report.map(|report| report.scan_times());
            let times = times.map_err(|source| at(&path, source))?;
            Ok(FoundScans::plain(times, Some(path)))
        }
        ScansRecipe::Events {
            folder,
            repetition_secs,
        } => of_events(folder, story, n_scans, (*repetition_secs, header_secs)),
        ScansRecipe::Lists { folder } => {
            let path = file_of(folder, story, &[".txt", ".csv", ".json"]);
            let times = ScanTimes::parse_list(&read(&path)?);
            let times = times.map_err(|source| at(&path, source))?;
            Ok(FoundScans::plain(times, Some(path)))
        }
    }
}

/// Evenly spaced scans, with the sound onset from an event file.
fn of_events(
    folder: &Path,
    story: &str,
    n_scans: usize,
    (given_secs, header_secs): (Option<f64>, Option<f64>),
) -> Result<FoundScans, DesignError> {
    let path = file_of(folder, story, &["_events.tsv", ".tsv"]);
    let repetition_secs = given_secs
        .or(header_secs)
        .ok_or_else(|| DesignError::NoRepetition(story.to_string()))?;
    if given_secs.is_none() && !REPETITIONS_SECS.contains(&repetition_secs) {
        return Err(DesignError::EvenScans(ScansError::HeaderRepetition(
            repetition_secs,
        )));
    }
    let onset = sound_onset(&read(&path)?, story).map_err(|source| at(&path, source))?;
    let scanned_secs = n_scans as f64 * repetition_secs;
    if n_scans > 0 && onset.secs > scanned_secs {
        let error = ScansError::OnsetAfterScans {
            onset_secs: onset.secs,
            n_scans,
            scanned_secs,
        };
        return Err(at(&path, error));
    }
    let times = ScanTimes::simulated(n_scans, repetition_secs, onset.secs);
    let times = times.map_err(|source| at(&path, source))?;
    let believed = given_secs.is_none() && (repetition_secs - UNSET_SECS).abs() < 1e-6;
    let believed = believed.then(|| {
        "the header of its responses says that a volume was taken every 1 s, which is also what programs write that do not know the \
         repetition time. If it is another one, write it into [encode.scans] as repetition_secs"
            .to_string()
    });
    Ok(FoundScans {
        times,
        file: Some(path),
        warnings: onset.warning().into_iter().chain(believed).collect(),
        onset: Some(onset),
    })
}

/// The story's file, or the path it would have.
fn file_of(folder: &Path, story: &str, endings: &[&str]) -> PathBuf {
    let usual = || folder.join(format!("{story}{}", endings[0]));
    names::file_of(folder, story, endings).unwrap_or_else(usual)
}

fn read(path: &Path) -> Result<String, DesignError> {
    std::fs::read_to_string(path).map_err(|source| DesignError::Unreadable {
        source,
        path: path.to_path_buf(),
    })
}

fn at(path: &Path, source: ScansError) -> DesignError {
    let path = path.to_path_buf();
    DesignError::Scans { source, path }
}
