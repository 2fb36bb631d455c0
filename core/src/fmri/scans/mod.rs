//! Scan acquisition times relative to sound onset.

mod onset;

use serde::{Deserialize, Serialize};

pub use onset::{OnsetFoundBy, SoundOnset, sound_onset};

/// Interval after which a missing trigger is inserted: the TR of the study's scanner, seconds. Source: the study's Python
/// code, via the fixtures.
const REPAIR_SECS: f64 = 2.0045;
/// A gap longer than this many mean intervals indicates a missing trigger.
const LOST_INTERVALS: f64 = 1.5;

/// Upper bound of the number of scans: a day of volumes at four per second is 345,600.
const MOST_SCANS: usize = 400_000;

/// Errors of reading or computing scan times.
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ScansError {
    #[error(
        "Line {line} of the TR report is \"{text}\"; expected is a time in seconds, a space and a label, such as \
         \"5.776923 trigger\". Is this the right file?"
    )]
    NoTime { line: usize, text: String },
    #[error(
        "The TR report holds {0} scans (lines with \"trigger\", \"init-trigger\" or \"first…\"); at least two are needed to \
         know the interval between them. Is this the right file?"
    )]
    TooFewTriggers(usize),
    #[error(
        "The TR report does not say when the sound began (\"sound-start\", \"start…\" or \"START…\"). Add such a line, or give \
         the scan times as a plain list."
    )]
    NoSoundStart,
    #[error("A repetition time of {0} s is invalid. Give seconds, such as 2.0.")]
    BadRepetition(f64),
    #[error(
        "Scan times must be finite and ascending, but number {index} is {value} s. Give one time per volume: its centre, in \
         seconds from the sound's onset."
    )]
    NotAscending { index: usize, value: f64 },
    #[error("There are {0} scan times; at least two are needed.")]
    TooFewScans(usize),
    #[error("There are {0} scans; at most {MOST_SCANS} can be. Is this the right file?")]
    TooManyScans(usize),
    #[error(
        "The event file has no row that says when the sound began. Expected is a table with tabs whose column \"onset\" gives seconds \
         from the first volume."
    )]
    NoOnset,
    #[error(
        "The event file has no column \"onset\". Expected is a table with tabs whose column \"onset\" gives seconds from the first \
         volume."
    )]
    NoOnsetColumn,
    #[error(
        "The columns of the event file are separated by {0}; BIDS event files have tabs. Save it as a table with tabs."
    )]
    NotByTabs(&'static str),
    #[error(
        "Line {line} of the event file has the onset \"{text}\", which is not a number of seconds.{advice}"
    )]
    OddOnset {
        line: usize,
        text: String,
        advice: &'static str,
    },
    #[error(
        "None of the {n_rows} rows of the event file names the story \"{story}\", so it does not say when its sound began. Add a \
         column \"stim_file\" with the recording's name, or give the scan times as plain lists."
    )]
    NoRowNamesStory { story: String, n_rows: usize },
    #[error(
        "The event file says that the sound began {onset_secs} s after the first volume, but the {n_scans} volumes last \
         {scanned_secs:.1} s. Onsets are seconds: are these milliseconds, or is it another run's file?"
    )]
    OnsetAfterScans {
        onset_secs: f64,
        n_scans: usize,
        scanned_secs: f64,
    },
    #[error(
        "The header of the responses gives a repetition time of {0} s, which is none of a scanner: its unit is wrong or missing. \
         Write the true one into the recipe's [encode.scans]: repetition_secs = 2.0, for instance."
    )]
    HeaderRepetition(f64),
}

/// How missing triggers are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRepair {
    /// As in the study's code: one scan per gap; from the second gap on, it is inserted some positions too early in the
    /// list.
    #[default]
    Published,
    /// As many evenly spaced scans as fit into the gap, in temporal order.
    InOrder,
}

/// Contents of a scanner's TR report. Times in seconds on the report's own clock.
#[derive(Debug, Clone, PartialEq)]
pub struct TrReport {
    /// Trigger time of each scan, including inserted ones.
    pub trigger_secs: Vec<f64>,
    /// Number of inserted triggers.
    pub n_repaired: usize,
    /// Start of the sound.
    pub sound_start_secs: f64,
    /// End of the sound, if recorded.
    pub sound_stop_secs: Option<f64>,
    /// All other lines: time and text.
    pub notes: Vec<(f64, String)>,
}

impl TrReport {
    /// Parses a report, with a time in seconds and a label per line.
    ///
    /// # Errors
    /// Returns a [`ScansError`] if a line has no time, or scans or the sound's start are missing.
    pub fn parse(text: &str, repair: TriggerRepair) -> Result<Self, ScansError> {
        let (mut triggers, mut notes) = (Vec::new(), Vec::new());
        let (mut start, mut stop) = (None, None);
        let text = text.trim_start_matches('\u{feff}');
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let (time, label) = time_and_label(text).ok_or_else(|| ScansError::NoTime {
                line,
                text: text.chars().take(60).collect(),
            })?;
            match label {
                "init-trigger" | "trigger" => triggers.push(time),
                label if label.starts_with("first") => triggers.push(time),
                "sound-start" => start = Some(time),
                label if label.starts_with("start") || label.starts_with("START") => {
                    start = Some(time);
                }
                "sound-stop" => stop = Some(time),
                label if label.starts_with("END") => stop = Some(time),
                label => notes.push((time, label.to_string())),
            }
        }
        if triggers.len() < 2 {
            return Err(ScansError::TooFewTriggers(triggers.len()));
        }
        refuse_too_many(triggers.len())?;
        let trigger_secs = repaired(&triggers, repair);
        refuse_too_many(trigger_secs.len())?;
        Ok(Self {
            n_repaired: trigger_secs.len() - triggers.len(),
            trigger_secs,
            sound_start_secs: start.ok_or(ScansError::NoSoundStart)?,
            sound_stop_secs: stop,
            notes,
        })
    }

    /// Returns the mean interval between scans, seconds.
    #[must_use]
    pub fn repetition_secs(&self) -> f64 {
        mean_interval(&self.trigger_secs)
    }

    /// Returns trigger times relative to sound onset, seconds.
    #[must_use]
    pub fn relative_trigger_secs(&self) -> Vec<f64> {
        self.trigger_secs
            .iter()
            .map(|time| time - self.sound_start_secs)
            .collect()
    }

    /// Returns the scan centres relative to sound onset.
    #[must_use]
    pub fn scan_times(&self) -> ScanTimes {
        ScanTimes::of_triggers(&self.relative_trigger_secs(), self.repetition_secs())
    }
}

fn refuse_too_many(n_scans: usize) -> Result<(), ScansError> {
    if n_scans > MOST_SCANS {
        return Err(ScansError::TooManyScans(n_scans));
    }
    Ok(())
}

fn time_and_label(line: &str) -> Option<(f64, &str)> {
    let (time, label) = line.split_once(char::is_whitespace)?;
    let time: f64 = time.parse().ok()?;
    time.is_finite().then_some((time, label.trim()))
}

/// Mean difference of successive values. NumPy computes the differences first; the telescoping sum is equal up to rounding.
fn mean_interval(times: &[f64]) -> f64 {
    let sum: f64 = times.windows(2).map(|pair| pair[1] - pair[0]).sum();
    sum / (times.len() - 1) as f64
}

fn repaired(triggers: &[f64], repair: TriggerRepair) -> Vec<f64> {
    let mean = mean_interval(triggers);
    let mut all = triggers.to_vec();
    match repair {
        TriggerRepair::Published => {
            let gaps = triggers.windows(2).enumerate();
            let lost = gaps.filter(|(_, pair)| pair[1] - pair[0] > LOST_INTERVALS * mean);
            // Indices refer to the list before any insertion, which is the flaw of the original.
            let put_in = lost.map(|(index, pair)| (index + 1, pair[0] + REPAIR_SECS));
            all = with_put_in(triggers, put_in.collect());
        }
        TriggerRepair::InOrder => {
            let usual = median_interval(triggers);
            for pair in triggers.windows(2) {
                let gap = pair[1] - pair[0];
                // A clock that jumps by hours is not filled with thousands of scans.
                let n_steps = if usual > 0.0 {
                    (gap / usual).round()
                } else {
                    1.0
                };
                if gap > LOST_INTERVALS * usual && n_steps < 1000.0 && all.len() <= MOST_SCANS {
                    all.extend((1..n_steps as usize).map(|k| pair[0] + gap * k as f64 / n_steps));
                }
            }
            all.sort_by(f64::total_cmp);
        }
    }
    all
}

/// The triggers with others inserted, at ascending indices of the resulting list.
fn with_put_in(triggers: &[f64], put_in: Vec<(usize, f64)>) -> Vec<f64> {
    let mut all = Vec::with_capacity(triggers.len() + put_in.len());
    let mut rest = triggers.iter().copied();
    for (place, time) in put_in {
        all.extend(rest.by_ref().take(place - all.len()));
        all.push(time);
    }
    all.extend(rest);
    all
}

fn median_interval(times: &[f64]) -> f64 {
    let mut intervals: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    intervals.sort_by(f64::total_cmp);
    intervals[intervals.len() / 2]
}

/// Acquisition times of the volumes of one story.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanTimes {
    /// Centre of each volume, seconds from sound onset; negative before it.
    pub centre_secs: Vec<f64>,
    /// Repetition time (TR), seconds.
    pub repetition_secs: f64,
}

impl ScanTimes {
    fn of_triggers(relative_secs: &[f64], repetition_secs: f64) -> Self {
        Self {
            centre_secs: relative_secs
                .iter()
                .map(|time| time + repetition_secs / 2.0)
                .collect(),
            repetition_secs,
        }
    }

    /// Returns `n_scans` evenly spaced volumes, the first of which began `sound_start_secs` before the sound. The deep-fMRI
    /// dataset uses 2 s and 10 s.
    ///
    /// # Errors
    /// Returns a [`ScansError`] if the interval is not positive or there are fewer than two scans.
    pub fn simulated(
        n_scans: usize,
        repetition_secs: f64,
        sound_start_secs: f64,
    ) -> Result<Self, ScansError> {
        if !(repetition_secs > 0.0 && repetition_secs.is_finite()) {
            return Err(ScansError::BadRepetition(repetition_secs));
        }
        if n_scans < 2 {
            return Err(ScansError::TooFewScans(n_scans));
        }
        refuse_too_many(n_scans)?;
        let triggers: Vec<f64> = (0..n_scans)
            .map(|scan| scan as f64 * repetition_secs - sound_start_secs)
            .collect();
        Ok(Self::of_triggers(&triggers, repetition_secs))
    }

    /// Returns the scan rate from the mean interval, as in NumPy: `1 / mean(diff(centres))`.
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        let steps: f64 = self
            .centre_secs
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .sum();
        self.centre_secs.len().saturating_sub(1) as f64 / steps
    }

    /// Creates scan times from known centres, seconds from sound onset.
    ///
    /// # Errors
    /// Returns a [`ScansError`] if there are fewer than two, or they are not ascending.
    pub fn of_centres(centre_secs: Vec<f64>) -> Result<Self, ScansError> {
        if centre_secs.len() < 2 {
            return Err(ScansError::TooFewScans(centre_secs.len()));
        }
        refuse_too_many(centre_secs.len())?;
        let follows = |index: usize| index == 0 || centre_secs[index] > centre_secs[index - 1];
        let fault = (0..centre_secs.len())
            .find(|index| !centre_secs[*index].is_finite() || !follows(*index));
        if let Some(index) = fault {
            return Err(ScansError::NotAscending {
                index: index + 1,
                value: centre_secs[index],
            });
        }
        Ok(Self {
            repetition_secs: mean_interval(&centre_secs),
            centre_secs,
        })
    }

    /// Parses a plain list: one number per line (or separated by commas or spaces), or a JSON array.
    ///
    /// # Errors
    /// Returns a [`ScansError`] if an entry is not a number, or the times are not ascending.
    pub fn parse_list(text: &str) -> Result<Self, ScansError> {
        let mut centres = Vec::new();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let words = text.split(|c: char| c.is_whitespace() || ",;[]".contains(c));
            for word in words.filter(|word| !word.is_empty()) {
                if word.starts_with('#') {
                    break;
                }
                centres.push(word.parse().map_err(|_| ScansError::NoTime {
                    line,
                    text: text.chars().take(60).collect(),
                })?);
            }
        }
        Self::of_centres(centres)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(triggers: &[f64]) -> String {
        let lines = triggers.iter().map(|time| format!("{time} trigger"));
        let mut text = lines.collect::<Vec<_>>().join("\n");
        text += "\n3.5 sound-start\n";
        text
    }

    #[test]
    fn in_order_puts_back_as_many_scans_as_were_lost_where_they_belong() {
        let kept = [0.0, 2.0, 4.0, 10.0, 12.0, 14.0, 18.0, 20.0, 22.0, 24.0];
        let whole: Vec<f64> = (0..13).map(|scan| f64::from(scan) * 2.0).collect();
        let repaired = TrReport::parse(&report(&kept), TriggerRepair::InOrder).unwrap();
        assert_eq!(repaired.n_repaired, 3);
        let apart = repaired.trigger_secs.iter().zip(&whole);
        assert!(apart.into_iter().all(|(a, b)| (a - b).abs() < 1e-12));
        assert!((repaired.scan_times().centre_secs[0] - (0.0 - 3.5 + 1.0)).abs() < 1e-12);
    }

    #[test]
    fn lost_scans_are_put_back_in_time_that_grows_with_the_report() {
        // As in the study's code: `insert` at the gap's index before any insertion.
        let by_insert = |triggers: &[f64]| {
            let mean = mean_interval(triggers);
            let mut all = triggers.to_vec();
            for (index, pair) in triggers.windows(2).enumerate() {
                if pair[1] - pair[0] > LOST_INTERVALS * mean {
                    all.insert(index + 1, pair[0] + REPAIR_SECS);
                }
            }
            all
        };
        for n in [2_u32, 3, 7, 40, 301] {
            let triggers: Vec<f64> = (0..n)
                .map(|scan| f64::from(2 * scan + 4 * (scan * scan % 7 / 3) + scan / 5 * 3))
                .collect();
            let found = repaired(&triggers, TriggerRepair::Published);
            assert_eq!(found, by_insert(&triggers), "{n}");
        }
        // Insertion one by one would take minutes.
        let many: Vec<f64> = (0..300_000)
            .map(|scan| f64::from(scan / 2 * 5 + scan % 2 * 4))
            .collect();
        let text = report(&many);
        let refused = TrReport::parse(&text, TriggerRepair::Published).unwrap_err();
        assert_eq!(refused, ScansError::TooManyScans(450_000));
    }

    #[test]
    fn simulated_scans_are_centred_and_start_before_the_sound() {
        let scans = ScanTimes::simulated(4, 2.0, 10.0).unwrap();
        assert_eq!(scans.centre_secs, [-9.0, -7.0, -5.0, -3.0]);
        assert!(ScanTimes::simulated(4, 0.0, 10.0).is_err());
        assert!(ScanTimes::simulated(1, 2.0, 10.0).is_err());
    }

    #[test]
    fn plain_lists_are_read_in_any_common_form() {
        let expected = [0.5, 2.5, 4.5];
        for text in [
            "0.5\n2.5\n4.5\n",
            "[0.5, 2.5,\n 4.5]",
            "# centres\n0.5 2.5 4.5 # s",
        ] {
            let scans = ScanTimes::parse_list(text).unwrap();
            assert_eq!(scans.centre_secs, expected);
            assert!((scans.repetition_secs - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_report_is_refused_with_a_sentence() {
        let refused = |text: &str| {
            TrReport::parse(text, TriggerRepair::Published)
                .unwrap_err()
                .to_string()
        };
        assert!(refused("<html>").contains("Line 1 of the TR report is \"<html>\""));
        assert!(refused("1 trigger\n").contains("holds 1 scans"));
        assert!(refused("1 trigger\n3 trigger\n").contains("when the sound began"));
        assert!(refused("nan trigger\n").contains("Line 1"));
        let list = ScanTimes::parse_list("1\n3\n2\n").unwrap_err().to_string();
        assert!(list.contains("number 3 is 2 s"), "{list}");
        assert!(ScanTimes::parse_list("1\ntwo\n").is_err());
    }
}
