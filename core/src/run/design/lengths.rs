//! Checks that features and responses cover the same scans, and suggests trims if they do not.

use std::ops::Range;

use super::DesignError;
use crate::fmri::scans::ScanTimes;
use crate::run::recipe::Trim;

/// Tolerated difference between the end of the features and the last scan before a warning, seconds.
const USUAL_SLACK_SECS: f64 = 30.0;

/// The range of scans that remains after a trim.
pub(super) fn trimmed(
    story: &str,
    n_scans: usize,
    trim: Trim,
) -> Result<Range<usize>, DesignError> {
    if n_scans <= trim.total() {
        return Err(DesignError::NothingLeft {
            story: story.to_string(),
            n_scans,
            trim,
        });
    }
    Ok(trim.start_scans..n_scans - trim.end_scans)
}

/// Error message for features and responses of different lengths; `n_scans`: of both after their trims, given in the same
/// order.
pub(super) fn mismatch(
    story: &str,
    [n_features, n_responses]: [usize; 2],
    [trim, trim_responses]: [Trim; 2],
) -> DesignError {
    DesignError::Lengths {
        story: story.to_string(),
        n_features,
        n_responses,
        trim,
        trim_responses,
        advice: advice(n_features, n_responses, trim),
    }
}

/// Returns trims of the features that would match the number of responses: at the end first, at the start second.
///
/// `n_features` and `n_responses`: numbers of scans with the present trims.
#[must_use]
pub fn fitting_trims(n_features: usize, n_responses: usize, trim: Trim) -> Vec<Trim> {
    let [start, end] = trim.into();
    let with = |side: usize| (side + n_features).checked_sub(n_responses);
    let at_end = with(end).map(|end| Trim::from([start, end]));
    let at_start = with(start).map(|start| Trim::from([start, end]));
    at_end.into_iter().chain(at_start).collect()
}

/// Advice for making the lengths equal.
pub(super) fn advice(n_features: usize, n_responses: usize, trim: Trim) -> String {
    let apart = n_features.abs_diff(n_responses);
    let (end_is, start_is) = if n_features > n_responses {
        ("end earlier", "begin later")
    } else {
        ("end later", "begin earlier")
    };
    let ways: Vec<String> = fitting_trims(n_features, n_responses, trim)
        .into_iter()
        .map(|fitting| {
            let reason = if fitting.end_scans == trim.end_scans {
                start_is
            } else {
                end_is
            };
            let [start, end] = fitting.into();
            format!(
                "A trim of [{start}, {end}] would fit, if the responses {reason} by {apart} scans."
            )
        })
        .collect();
    if ways.is_empty() {
        return format!(
            "The responses are {apart} scans longer than any trim explains: are they of another story?"
        );
    }
    ways.join(" ")
}

/// Returns a warning if features and scans cover different time spans.
pub(super) fn far_apart(
    story: &str,
    set: &str,
    frame_secs: &[f64],
    scans: &ScanTimes,
) -> Option<String> {
    let last_frame = frame_secs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let last_scan = scans
        .centre_secs
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    if (last_frame - last_scan).abs() <= USUAL_SLACK_SECS {
        return None;
    }
    Some(format!(
        "{story}: the features \"{set}\" end at {last_frame:.1} s and the scans at {last_scan:.1} s. Are they of the same story, \
         and are the scans' start and their repetition time of {:.4} s right?",
        scans.repetition_secs
    ))
}
