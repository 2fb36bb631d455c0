//! Stimuli: lists the recordings in a folder and names their stories.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::remedy::Remedy;
use serde::{Deserialize, Serialize};

/// Supported file-name extensions; among files with the same story name, the first in this list is used.
pub const EXTENSIONS: [&str; 9] = [
    "flac", "wav", "aiff", "aif", "aifc", "m4a", "ogg", "oga", "mp3",
];

/// Maximum number of folders searched for a hint when a folder has no recordings of its own.
const MAX_FOLDERS_FOR_HINT: usize = 1_000;
/// Maximum length of a story's name. File systems allow 255 bytes, of which temporary names of records need 23.
const MOST_NAME_BYTES: usize = 232;
/// Maximum number of similar names suggested for an unknown story.
const MAX_SUGGESTIONS: usize = 3;

/// A recording and the name of its story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stimulus {
    /// File name without extension; in sub-folders, the path relative to the folder, with `/`.
    pub story: String,
    /// The recording.
    pub path: PathBuf,
}

/// Whether sub-folders are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Only the folder itself.
    #[default]
    TopLevel,
    /// The folder and all folders below it.
    Recursive,
}

/// Errors of listing or choosing stories. A path, if there is one, comes last, on its own line.
#[derive(Debug, thiserror::Error)]
pub enum StimuliError {
    /// There is no such folder.
    #[error("There is no such folder. Check the path, or whether its disk is mounted.\nFolder: {}", folder.display())]
    NoSuchFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file was given.
    #[error("This is a file, not a folder. Choose the folder that holds the recordings.\nFile: {}", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused to list the folder.
    #[error("The folder cannot be read ({source}). Check its permissions and its disk.\nFolder: {}", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// No recordings at all.
    #[error("No recordings in this folder. Looked for files ending in {}.\nFolder: {}", endings(), folder.display())]
    NoAudio {
        /// The folder.
        folder: PathBuf,
    },
    /// No recordings in the folder, but some below it.
    #[error(
        "No recordings in this folder, but there are some in its subfolders. Include \
         subfolders to use them.\nFolder: {}",
        folder.display()
    )]
    OnlyInSubfolders {
        /// The folder.
        folder: PathBuf,
    },
    /// All recordings are Opus files.
    #[error(
        "The only recordings here are Opus files, which cannot be read. Convert them to FLAC or WAV, \
         for instance: ffmpeg -i recording.opus recording.flac\nFolder: {}",
        folder.display()
    )]
    OnlyOpus {
        /// The folder.
        folder: PathBuf,
    },
    /// A requested story does not exist.
    #[error("There is no story \"{wanted}\". {}", did_you_mean(nearest))]
    UnknownStory {
        /// The requested name.
        wanted: String,
        /// The most similar existing names, best first.
        nearest: Vec<String>,
    },
}

impl StimuliError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::OnlyInSubfolders { .. } => vec![Remedy::IncludeSubfolders],
            _ => Vec::new(),
        }
    }
}

fn endings() -> String {
    EXTENSIONS.map(|ending| format!(".{ending}")).join(", ")
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "There are no stories at all.".to_owned();
    }
    let quoted: Vec<_> = nearest.iter().map(|story| format!("\"{story}\"")).collect();
    format!("Did you mean {}?", quoted.join(" or "))
}

/// Lists the stories of a folder in alphabetical order.
///
/// Among files with the same story name, FLAC takes precedence, then WAV, then the others. Hidden files and the `._` files
/// of macOS are ignored. Placeholders of files that were not downloaded are included: reading one returns an error that
/// says so.
///
/// # Errors
/// Returns any [`StimuliError`] except [`StimuliError::UnknownStory`].
pub fn find_stimuli(folder: &Path, depth: Depth) -> Result<Vec<Stimulus>, StimuliError> {
    let listing = Listing::of(folder, depth, usize::MAX)?;
    if listing.best.is_empty() {
        return Err(nothing_found(folder, depth, &listing));
    }
    let stimulus = |(story, (_, path))| Stimulus { story, path };
    Ok(listing.best.into_iter().map(stimulus).collect())
}

/// Returns why a story's name cannot be used for output files; `None` if it can.
///
/// Output files and records are named after the recording, and must be able to hold its name.
#[must_use]
pub fn name_problem(stimulus: &Stimulus) -> Option<String> {
    let path = &stimulus.path;
    let shown = path.to_string_lossy();
    if path.to_str().is_none() {
        return Some(format!(
            "The name of this recording is not UTF-8, so no record can hold it. Rename it.\nFile: {shown}"
        ));
    }
    let name = stimulus.story.rsplit('/').next().unwrap_or_default();
    if name.chars().any(char::is_control) {
        return Some(format!(
            "The name of this recording holds a control character. Rename it.\nFile: {}",
            shown.escape_debug()
        ));
    }
    (name.len() > MOST_NAME_BYTES).then(|| {
        format!(
            "The name of this recording has {} bytes; with {MOST_NAME_BYTES} or fewer, its features can have it too. Rename \
             it.\nFile: {shown}",
            name.len()
        )
    })
}

/// Selects the requested stories, or all if none is named.
///
/// # Errors
/// Returns [`StimuliError::UnknownStory`] with the names most similar to the first one that does not exist.
pub fn choose(stimuli: Vec<Stimulus>, wanted: &[String]) -> Result<Vec<Stimulus>, StimuliError> {
    let exists = |name: &&String| stimuli.iter().any(|stimulus| stimulus.story == **name);
    if let Some(unknown) = wanted.iter().find(|name| !exists(name)) {
        return Err(StimuliError::UnknownStory {
            wanted: unknown.clone(),
            nearest: nearest(unknown, &stimuli),
        });
    }
    let is_wanted = |stimulus: &Stimulus| wanted.is_empty() || wanted.contains(&stimulus.story);
    Ok(stimuli.into_iter().filter(is_wanted).collect())
}

fn nothing_found(folder: &Path, depth: Depth, listing: &Listing) -> StimuliError {
    let folder = folder.to_owned();
    if listing.has_opus {
        return StimuliError::OnlyOpus { folder };
    }
    // The hint is optional: an unreadable sub-folder must not replace the error message.
    let below = || Listing::of(&folder, Depth::Recursive, MAX_FOLDERS_FOR_HINT);
    if depth == Depth::TopLevel && below().is_ok_and(|listing| !listing.best.is_empty()) {
        return StimuliError::OnlyInSubfolders { folder };
    }
    StimuliError::NoAudio { folder }
}

/// Result of a directory walk.
#[derive(Default)]
struct Listing {
    /// By story name: rank in [`EXTENSIONS`] and path of the best file found so far.
    best: BTreeMap<String, (usize, PathBuf)>,
    has_opus: bool,
}

impl Listing {
    fn of(folder: &Path, depth: Depth, max_folders: usize) -> Result<Self, StimuliError> {
        let mut listing = Self::default();
        // Canonical paths of the folders, so that a link to a parent folder does not cause a loop.
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = waiting.pop() {
            let is_new = seen.insert(true_path(&folder)?);
            if !is_new || seen.len() > max_folders {
                continue;
            }
            for (name, path) in sorted_entries(&folder)? {
                if path.is_dir() {
                    if depth == Depth::Recursive {
                        waiting.push((path, format!("{prefix}{name}/")));
                    }
                } else {
                    listing.add(&prefix, path);
                }
            }
        }
        Ok(listing)
    }

    fn add(&mut self, prefix: &str, path: PathBuf) {
        let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else {
            return;
        };
        let ending = ending.to_string_lossy().to_lowercase();
        self.has_opus |= ending == "opus";
        let Some(rank) = EXTENSIONS.iter().position(|known| *known == ending) else {
            return;
        };
        let story = format!("{prefix}{}", shown(stem));
        let is_better = self.best.get(&story).is_none_or(|(best, _)| rank < *best);
        if is_better {
            self.best.insert(story, (rank, path));
        }
    }
}

/// A file name as text; bytes that are not UTF-8 are escaped, so that distinct names stay distinct.
fn shown(name: &OsStr) -> String {
    name.to_str().map_or_else(
        || name.as_encoded_bytes().escape_ascii().to_string(),
        str::to_string,
    )
}

fn true_path(folder: &Path) -> Result<PathBuf, StimuliError> {
    folder
        .canonicalize()
        .map_err(|source| folder_error(folder, source))
}

/// Names and paths in a folder, without hidden ones, in an order independent of the file system.
fn sorted_entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, StimuliError> {
    let list = || -> io::Result<Vec<(String, PathBuf)>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|e| (shown(&e.file_name()), e.path())))
            .collect()
    };
    let mut entries = list().map_err(|source| folder_error(folder, source))?;
    entries.retain(|(name, _)| !name.starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn folder_error(folder: &Path, source: io::Error) -> StimuliError {
    let is_file = folder.is_file();
    let folder = folder.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => StimuliError::NoSuchFolder { folder },
        // Operating systems differ in the error code for listing a file.
        _ if is_file => StimuliError::NotAFolder { path: folder },
        _ => StimuliError::Unreadable { folder, source },
    }
}

fn nearest(wanted: &str, stimuli: &[Stimulus]) -> Vec<String> {
    let mut by_distance: Vec<_> = stimuli
        .iter()
        .map(|stimulus| (edit_distance(wanted, &stimulus.story), &stimulus.story))
        .collect();
    by_distance.sort();
    by_distance
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, story)| story.clone())
        .collect()
}

/// Levenshtein distance, ignoring case.
///
/// Source: Wagner & Fischer (1974), J. ACM 21, 168.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
