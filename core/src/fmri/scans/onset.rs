//! Sound onset of a story, from a BIDS event file.

use std::fmt;

use super::ScansError;
use crate::files::names;

/// Suffixes of recordings' names after the story's name: Narratives has `pieman_audio.wav`.
const SOUND_MARKS: [&str; 6] = ["_audio", "-audio", "_stim", "_stimulus", "_sound", "_story"];
/// Trial types of a story itself.
const STORY_TRIALS: [&str; 10] = [
    "story",
    "stories",
    "audio",
    "sound",
    "stimulus",
    "stim",
    "listen",
    "listening",
    "narrative",
    "speech",
];
/// Words in names of columns that refer to other rows.
const OF_OTHER_ROWS: [&str; 4] = ["next", "prev", "last", "following"];
/// Numeric columns, which hold no names.
const NUMBERS: [&str; 5] = ["onset", "duration", "sample", "response_time", "value"];

/// The sound onset of a story, and the row it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundOnset {
    /// Onset, seconds after the start of the first volume.
    pub secs: f64,
    /// Line of the file; the header is line 1.
    pub line: usize,
    /// How the row was identified.
    pub found_by: OnsetFoundBy,
}

/// How the row of a story in an event file was identified.
#[derive(Debug, Clone, PartialEq)]
pub enum OnsetFoundBy {
    /// A column contains the story's name.
    Column {
        /// The column, for instance `stim_file`.
        name: String,
        /// Number of rows with the name, of which the earliest is used.
        n_rows: usize,
        /// Trial types of the earliest and the next later row, if they differ.
        kinds: Option<[String; 2]>,
    },
    /// It is the only row with a story's trial type.
    TrialType(String),
    /// It is the only row.
    OnlyRow,
}

impl SoundOnset {
    /// Returns a warning unless a single row names the story.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self { secs, line, .. } = self;
        match &self.found_by {
            OnsetFoundBy::Column { name, .. } if name != "stim_file" => Some(format!(
                "the onset of the sound, {secs} s, is that of line {line} of its event file, where the column \"{name}\" names the \
                 story; no \"stim_file\" does"
            )),
            OnsetFoundBy::Column {
                n_rows,
                kinds: Some([first, second]),
                ..
            } => Some(format!(
                "{n_rows} rows of its event file name the story, first as \"{first}\", later as \"{second}\". The earliest onset, \
                 {secs} s (line {line}), is taken for the start of the recording"
            )),
            OnsetFoundBy::Column { .. } => None,
            OnsetFoundBy::TrialType(kind) => Some(format!(
                "no row of its event file names the story; the onset of the sound, {secs} s, is that of the only row of the kind \
                 \"{kind}\" (line {line})"
            )),
            OnsetFoundBy::OnlyRow => Some(format!(
                "no row of its event file names the story; the onset of the sound, {secs} s, is that of the only row (line {line})"
            )),
        }
    }
}

impl fmt::Display for SoundOnset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secs, line, .. } = self;
        write!(
            f,
            "the sound begins {secs} s after the first volume (line {line} of its event file)"
        )
    }
}

/// Finds the sound onset of a story relative to the first volume. The row must name the story in `stim_file`, or else in
/// another column; of several rows, the earliest is used. Case, folders, quotes, the file extension and suffixes such as
/// `_audio` are ignored. If no row names the story, the only row is used, or the only one with a story's trial type.
///
/// # Errors
/// Returns a [`ScansError`] if the file is not an event file, or the row cannot be identified.
///
/// Source: Brain Imaging Data Structure 1.10, "Task events".
pub fn sound_onset(text: &str, story: &str) -> Result<SoundOnset, ScansError> {
    let table = Table::parse(text)?;
    for column in table.columns_that_may_name() {
        let naming: Vec<&EventRow> = table
            .rows
            .iter()
            .filter(|row| row.get(column).is_some_and(|field| is_named(field, story)))
            .collect();
        if !naming.is_empty() {
            return table.earliest(&naming, column);
        }
    }
    table.unnamed(story)
}

/// A row: its line in the file and its fields.
struct EventRow<'a> {
    line: usize,
    fields: Vec<&'a str>,
}

impl EventRow<'_> {
    fn get(&self, column: usize) -> Option<&str> {
        self.fields
            .get(column)
            .copied()
            .filter(|field| !field.is_empty() && !field.eq_ignore_ascii_case("n/a"))
    }
}

struct Table<'a> {
    header: Vec<String>,
    onset: usize,
    rows: Vec<EventRow<'a>>,
}

impl<'a> Table<'a> {
    fn parse(text: &'a str) -> Result<Self, ScansError> {
        let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let heading = lines.next().map_or("", |(_, line)| line);
        let header: Vec<String> = fields(heading).map(str::to_lowercase).collect();
        let onset = header.iter().position(|name| name == "onset");
        let onset = onset.ok_or_else(|| not_by_tabs(heading))?;
        let rows = lines.map(|(line, text)| EventRow {
            line,
            fields: fields(text).collect(),
        });
        Ok(Self {
            onset,
            rows: rows.collect(),
            header,
        })
    }

    /// Columns that may hold stimulus names, starting with BIDS's own.
    fn columns_that_may_name(&self) -> impl Iterator<Item = usize> {
        let is_stim_file = |column: &usize| self.header[*column] == "stim_file";
        let may = |column: &usize| {
            let name = self.header[*column].as_str();
            let is_of_other_row = OF_OTHER_ROWS.iter().any(|mark| name.starts_with(mark));
            name != "stim_file" && !NUMBERS.contains(&name) && !is_of_other_row
        };
        let all = 0..self.header.len();
        all.clone().filter(is_stim_file).chain(all.filter(may))
    }

    fn earliest(&self, naming: &[&EventRow], column: usize) -> Result<SoundOnset, ScansError> {
        let mut known = Vec::with_capacity(naming.len());
        for row in naming {
            if let Some(secs) = self.onset_of(row)? {
                known.push((secs, *row));
            }
        }
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (secs, first) = *known.first().ok_or(ScansError::NoOnset)?;
        let kind = |row: &EventRow| self.kind(row).map(str::to_string);
        let later = known
            .iter()
            .skip(1)
            .find(|(later, row)| *later > secs && kind(row) != kind(first));
        // In per-word event files every row has a different kind, which carries no information.
        let kinds = later
            .filter(|_| known.len() < 5)
            .and_then(|(_, later)| Some([kind(first)?, kind(later)?]));
        Ok(SoundOnset {
            secs,
            line: first.line,
            found_by: OnsetFoundBy::Column {
                name: self.header[column].clone(),
                n_rows: known.len(),
                kinds,
            },
        })
    }

    fn unnamed(&self, story: &str) -> Result<SoundOnset, ScansError> {
        let is_story = |row: &&EventRow| {
            let kind = self.kind(row).map(str::to_lowercase);
            kind.is_some_and(|kind| STORY_TRIALS.contains(&kind.as_str()))
        };
        let of_story: Vec<&EventRow> = self.rows.iter().filter(is_story).collect();
        let (row, found_by) = match (&self.rows[..], &of_story[..]) {
            ([], _) => return Err(ScansError::NoOnset),
            ([only], _) => (only, OnsetFoundBy::OnlyRow),
            (_, [only]) => {
                let kind = self.kind(only).unwrap_or_default();
                (*only, OnsetFoundBy::TrialType(kind.to_string()))
            }
            (rows, _) => {
                return Err(ScansError::NoRowNamesStory {
                    story: story.to_string(),
                    n_rows: rows.len(),
                });
            }
        };
        let secs = self.onset_of(row)?.ok_or(ScansError::NoOnset)?;
        Ok(SoundOnset {
            secs,
            line: row.line,
            found_by,
        })
    }

    fn kind<'r>(&self, row: &'r EventRow) -> Option<&'r str> {
        row.get(self.header.iter().position(|name| name == "trial_type")?)
    }

    /// The onset of a row; `None` if not available.
    fn onset_of(&self, row: &EventRow) -> Result<Option<f64>, ScansError> {
        let Some(text) = row.get(self.onset) else {
            return Ok(None);
        };
        let secs: Option<f64> = text.parse().ok();
        match secs.filter(|secs| secs.is_finite()) {
            Some(secs) => Ok(Some(secs)),
            None if text.eq_ignore_ascii_case("nan") => Ok(None),
            None => Err(ScansError::OddOnset {
                line: row.line,
                text: text.chars().take(40).collect(),
                advice: if text.contains(',') {
                    " Replace the comma in numbers by a point."
                } else {
                    ""
                },
            }),
        }
    }
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split('\t').map(|field| {
        let field = field.trim();
        let inner = field
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        inner.unwrap_or(field).trim()
    })
}

/// Error for a header without a column of onsets.
fn not_by_tabs(heading: &str) -> ScansError {
    let has_onset = |separator: fn(char) -> bool| {
        let mut names = heading.split(separator);
        names.any(|name| name.trim_matches(['"', ' ']).eq_ignore_ascii_case("onset"))
    };
    if has_onset(|c| c == ',') {
        ScansError::NotByTabs("commas")
    } else if has_onset(|c| c == ';') {
        ScansError::NotByTabs("semicolons")
    } else if has_onset(char::is_whitespace) {
        ScansError::NotByTabs("spaces")
    } else {
        ScansError::NoOnsetColumn
    }
}

/// Whether a field names a story or a recording of it.
fn is_named(field: &str, story: &str) -> bool {
    let story = story.rsplit('/').next().unwrap_or(story);
    let stories: Vec<String> = names::candidates(story)
        .iter()
        .map(|name| names::folded(name))
        .collect();
    let file = field.rsplit(['/', '\\']).next().unwrap_or(field);
    let file = names::folded(file.trim());
    let stem = file
        .rsplit_once('.')
        .map_or(file.as_str(), |(stem, _)| stem);
    let is_story = |name: &str| stories.iter().any(|story| story == name);
    let without_mark = |name: &str| {
        let marks = SOUND_MARKS.iter();
        marks
            .filter_map(|mark| name.strip_suffix(mark))
            .any(is_story)
    };
    [file.as_str(), stem]
        .into_iter()
        .any(|name| is_story(name) || without_mark(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&str]) -> String {
        let heading = "onset\tduration\ttrial_type\tstim_file";
        let all: Vec<&str> = std::iter::once(heading)
            .chain(rows.iter().copied())
            .collect();
        all.join("\n")
    }

    /// Onset in seconds, and line.
    fn found(text: &str, story: &str) -> (f64, usize) {
        let onset = sound_onset(text, story).unwrap();
        (onset.secs, onset.line)
    }

    #[test]
    fn the_row_of_the_recording_counts_however_its_name_is_written() {
        for name in [
            "alpha.wav",
            "Alpha.WAV",
            "alpha_audio.wav",
            "stimuli/alpha.wav",
            "stimuli\\alpha.flac",
            "\"alpha.wav\"",
            "alpha",
        ] {
            let row = format!("14.5\t600\tstory\t{name}");
            let text = table(&["0.0\t12\tfixation\tn/a", &row]);
            let onset = sound_onset(&text, "alpha").unwrap();
            assert_eq!((onset.secs, onset.line), (14.5, 3), "{name}");
            assert_eq!(onset.warning(), None, "{name}");
        }
    }

    #[test]
    fn the_stimulus_of_a_bids_run_counts() {
        let text = table(&["0\t9\tmusic\tn/a", "3\t9\tstory\ttale_audio.wav"]);
        let run = "sub-001_task-tale_run-1_bold";
        assert_eq!(found(&text, run), (3.0, 3));
    }

    #[test]
    fn dots_within_a_name_belong_to_it() {
        let text = table(&[
            "3\t9\tstory\tsub-01_run.1.wav",
            "7\t9\tstory\tsub-01_run.2.wav",
        ]);
        assert_eq!(found(&text, "sub-01_run.2"), (7.0, 3));
        assert!(sound_onset(&text, "sub-01_run").is_err());
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        let text = table(&["0\t9\tfixation\tn/a", "3\t9\tstory\tcafe\u{301}.wav"]);
        assert_eq!(found(&text, "caf\u{e9}"), (3.0, 3));
    }

    #[test]
    fn what_is_chosen_among_several_rows_is_said() {
        let columns = "onset\tduration\ttrial_type\tstim_file\tnext_story\n0.0\t12\tinstruction\tn/a\talpha\n14.5\t6\tstory\tx\tn/a";
        let by_kind = sound_onset(columns, "alpha").unwrap();
        assert_eq!((by_kind.secs, by_kind.line), (14.5, 3));
        assert!(by_kind.warning().unwrap().contains("onset"));
        let text = table(&["0.0\t13\tmusic\talpha.wav", "15.0\t422\tstory\talpha.wav"]);
        let earliest = sound_onset(&text, "alpha").unwrap();
        assert_eq!((earliest.secs, earliest.line), (0.0, 2));
        let warning = earliest.warning().unwrap();
        assert!(
            warning.contains("\"music\"") && warning.contains("\"story\""),
            "{warning}"
        );
        let words = table(&[
            "14.9\t0.3\tw1\talpha",
            "15.4\t0.2\tw2\talpha",
            "n/a\t1\tw3\talpha",
        ]);
        assert_eq!(found(&words, "alpha"), (14.9, 2));
        let only = sound_onset("duration\tOnset\r\n600\t8.25\r\n", "alpha").unwrap();
        assert_eq!(
            (only.secs, only.found_by.clone()),
            (8.25, OnsetFoundBy::OnlyRow)
        );
        assert!(only.warning().is_some());
    }

    #[test]
    fn the_first_row_is_never_taken_because_it_is_first() {
        let text = table(&[
            "0.0\t12\tfixation\tn/a",
            "14.5\t600\tstory\tbeta.wav",
            "700\t9\tstory\tgamma.wav",
        ]);
        let error = sound_onset(&text, "alpha").unwrap_err();
        assert!(
            matches!(error, ScansError::NoRowNamesStory { n_rows: 3, .. }),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_event_file_is_refused_with_its_reason() {
        for (text, words) in [
            ("", "column \"onset\""),
            ("time\n1\n", "column \"onset\""),
            ("onset\n", "no row that says"),
            ("onset\nn/a\n", "no row that says"),
            ("onset\nNaN\n", "no row that says"),
            ("onset,duration\n0.0,12\n", "commas"),
            ("onset    duration\n0.0    12\n", "spaces"),
            ("onset\tduration\n14,5\t600\n", "\"14,5\""),
        ] {
            let error = sound_onset(text, "alpha").unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
