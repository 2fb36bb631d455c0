//! A job's folder: what it is, its recipe, and what its process says.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use heschl_core::files::disk::{self, DiskFile};
use heschl_core::run::store::atomic;
use serde::{Deserialize, Serialize};

use super::data::{JobState, Task, Times};

/// What is kept of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct JobFile {
    /// Version of the file.
    pub(super) version: u32,
    /// What its card is called.
    pub(super) title: String,
    /// What it does it with.
    pub(super) subtitle: String,
    /// Its place in the queue.
    pub(super) place: u64,
    /// ONNX Runtime's library, where the user set one.
    pub(super) runtime: Option<PathBuf>,
    /// How far it is.
    pub(super) state: JobState,
    /// What it does.
    pub(super) task: Task,
    /// Its process, while it runs.
    pub(super) process: Option<Process>,
    /// What it becomes once its process has stopped, where the user asked for that.
    #[serde(default)]
    pub(super) stop_as: Option<JobState>,
    /// When it ran.
    #[serde(default)]
    pub(super) times: Times,
}

/// A process that is told from a later one with the same number by when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: u32,
    /// When it began, as the system tells.
    pub(super) began: String,
}

pub(super) const VERSION: u32 = 1;
const FILE: &str = "job.toml";
pub(super) const RECIPE: &str = "recipe.toml";
pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const LOG: &str = "log.txt";
/// The exit code that the process left.
pub(super) const ENDED: &str = "ended.txt";
/// The event that a new process of the job begins; what was said before is the past.
const BEGUN: &str = r#"{"event":"begun"}"#;
/// Nobody reads more of a log in a window.
const TAIL_BYTES: u64 = 8192;
const TAIL_LINES: usize = 12;

/// Reads all jobs below a folder, in the order of their places. A folder that is no job is left alone.
pub(super) fn read_all(folder: &Path) -> Vec<(String, JobFile)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let job = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join(FILE)).ok()?;
        let file: JobFile = toml::from_str(&text).ok()?;
        (file.version <= VERSION).then_some((entry.file_name().to_str()?.to_owned(), file))
    };
    let mut jobs: Vec<_> = entries.filter_map(job).collect();
    jobs.sort_by(|a, b| (a.1.place, &a.0).cmp(&(b.1.place, &b.0)));
    jobs
}

/// Writes what is known of a job, so that it is whole at any moment.
///
/// # Errors
/// A sentence if it cannot be written.
pub(super) fn write(folder: &Path, file: &JobFile) -> Result<(), String> {
    let text = toml::to_string(file).map_err(|error| error.to_string())?;
    atomic::write(&folder.join(FILE), text.as_bytes()).map_err(|error| error.to_string())
}

/// Makes a job's folder ready for another process, whose events follow those of the ones before.
///
/// # Errors
/// If the folder cannot be written to.
pub(super) fn begin(folder: &Path) -> std::io::Result<()> {
    match disk::remove_file(&folder.join(ENDED)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    let mut events = DiskFile::open(&options, &folder.join(EVENTS))?;
    // A process that was killed may have left half a line.
    writeln!(events, "\n{BEGUN}")
}

/// The exit code that the last process left, if it did not end by force.
pub(super) fn exit_code(folder: &Path) -> Option<i32> {
    let text = fs::read_to_string(folder.join(ENDED)).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// The error message that the last process left, if it failed with one.
pub(super) fn error_message(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(ENDED)).ok()?;
    let (_, message) = text.split_once('\n')?;
    let message = message.trim();
    (!message.is_empty()).then(|| message.to_owned())
}

/// When the last process left its exit code, in seconds since 1970.
pub(super) fn ended_secs(folder: &Path) -> Option<u64> {
    let time = fs::metadata(folder.join(ENDED)).ok()?.modified().ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// The last lines that a process said, without those that are drawn over.
pub(super) fn last_lines(folder: &Path) -> Vec<String> {
    let Ok(mut file) = File::open(folder.join(LOG)) else {
        return vec![];
    };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let begin = length.saturating_sub(TAIL_BYTES);
    let mut bytes = vec![];
    if file.seek(SeekFrom::Start(begin)).is_err() || file.read_to_end(&mut bytes).is_err() {
        return vec![];
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    lines[first..].iter().map(ToString::to_string).collect()
}

/// A file that grows, read line by line from where the last reading ended.
#[derive(Debug, Default)]
pub(super) struct Growing {
    at: u64,
    begun: Vec<u8>,
}

impl Growing {
    /// The lines that have become whole since the last look.
    pub(super) fn lines(&mut self, path: &Path) -> Vec<String> {
        let Ok(mut file) = File::open(path) else {
            return vec![];
        };
        let mut bytes = vec![];
        if file.seek(SeekFrom::Start(self.at)).is_err() || file.read_to_end(&mut bytes).is_err() {
            return vec![];
        }
        self.at += bytes.len() as u64;
        self.begun.extend(bytes);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else {
            return vec![];
        };
        let rest = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, rest);
        String::from_utf8_lossy(&whole)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut growing = Growing::default();
        assert!(growing.lines(&path).is_empty());
        fs::write(&path, "one\ntw").unwrap();
        assert_eq!(growing.lines(&path), ["one"]);
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(growing.lines(&path), ["two", "three"]);
        assert!(growing.lines(&path).is_empty());
    }

    #[test]
    fn a_job_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let job = JobFile {
            version: VERSION,
            title: "Extract".into(),
            subtitle: "whisper-tiny.en".into(),
            place: 7,
            runtime: None,
            state: JobState::Failed {
                message: "The disk is full.".into(),
            },
            task: Task::Extract {
                study: None,
                features: "features".into(),
            },
            process: Some(Process {
                pid: 1,
                began: "2".into(),
            }),
            stop_as: Some(JobState::Paused),
            times: Times {
                began_secs: Some(1_795_000_000),
                ended_secs: None,
            },
        };
        write(&folder.path().join("b"), &job).unwrap();
        write(
            &folder.path().join("a"),
            &JobFile {
                place: 9,
                ..job.clone()
            },
        )
        .unwrap();
        fs::write(folder.path().join("stray"), "no job").unwrap();
        let names: Vec<_> = read_all(folder.path())
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(read_all(folder.path())[0].1, job);
    }
}
