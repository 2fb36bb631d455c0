//! Feature files: a journal while a story is computed, complete `.npz` files afterwards.
//!
//! ```text
//! features_cnk0.1_ctx16.0/whisper-tiny/
//! ├── <story>.npz                 features (time, dim): the final output
//! ├── <story>_times.npz           times (time, 2), seconds: written last, marks the story as done
//! ├── encoder.0 … /<story>.npz    features (time, dim), one folder per layer
//! └── .heschl/                    version, journals, and a record of each story: recipe and checksums
//! ```

pub mod atomic;
mod check;
mod held;
mod journal;
mod last_layer;
mod leftovers;
mod record;

use std::fmt::Write as _;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use check::{CheckReport, check};
pub use held::OutputFolderGuard;
pub use journal::{Found, Journal, JournalHeader, JournalValue};
pub use leftovers::{Leftovers, STALE_AFTER, find_litter, remove_litter};
pub use record::{Provenance, StoryRecord};

use crate::files::formats::npz::RowsWriter;
use crate::remedy::Remedy;
use crate::run::recipe::FileChecksum;
use crate::speech::window::Windows;
use atomic::AtomicFile;

/// Version of the layout of `.heschl`.
const VERSION: &str = "1";
/// Name of the array in feature files.
pub const FEATURES: &str = "features";
/// Name of the array in times files.
pub const TIMES: &str = "times";

/// Errors of reading or writing feature files.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum StoreError {
    #[error("{}\nFile: {}", write_problem(source), path.display())]
    Write { source: io::Error, path: PathBuf },
    #[error(
        "A link, or something else that is no plain file of this place, stands where Heschl keeps a file of its own. Nothing is \
         written through it. Take it away, and run the same command again.\nFile: {}", .0.display()
    )]
    Link(PathBuf),
    #[error("This is no regular file, so it is not read.\nFile: {}", .0.display())]
    NoRegularFile(PathBuf),
    #[error(
        "The output folder is not the one any more that this run began with: it was removed, renamed or unmounted meanwhile. What \
         was written since may be lost. Bring it back, and run the same command again.\nFolder: {}", .0.display()
    )]
    Vanished(PathBuf),
    #[error("The file cannot be read: {source}\nFile: {}", path.display())]
    Read { source: io::Error, path: PathBuf },
    #[error(
        "Another run is writing this story's features. Wait for it to end, or choose another output folder.\nFile: {}",
        .0.display()
    )]
    InUse(PathBuf),
    #[error(
        "This features folder was made by another version of Heschl (layout {found}, this one writes {VERSION}). Choose \
         another output folder.\nFolder: {}", folder.display()
    )]
    Version { found: String, folder: PathBuf },
    #[error("The record of this story is invalid: {reason}. Extract the story again.\nFile: {}", path.display())]
    Record { reason: String, path: PathBuf },
    #[error("There is no features folder here.\nFolder: {}", .0.display())]
    NoFolder(PathBuf),
    #[error(
        "The story \"{story}\" would write over {other}. Rename its recording, or extract the two into different folders."
    )]
    NameClash { story: String, other: String },
}

impl StoreError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists => vec![Remedy::OtherOutputFolder],
                _ => Vec::new(),
            },
            Self::Record { .. } => vec![Remedy::ExtractAgain],
            Self::InUse(_) | Self::Version { .. } | Self::NameClash { .. } => {
                vec![Remedy::OtherOutputFolder]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn write(source: io::Error, path: &Path) -> Self {
        Self::Write {
            source,
            path: path.to_path_buf(),
        }
    }

    pub(crate) fn read(source: io::Error, path: &Path) -> Self {
        Self::Read {
            source,
            path: path.to_path_buf(),
        }
    }
}

/// Describes an error while writing.
fn write_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "The disk is full. Free some space and run the same command again; what is done \
                                       so far is kept."
            .into(),
        io::ErrorKind::QuotaExceeded => "Your disk quota is used up. Free some space and run the same command again; \
                                         what is done so far is kept."
            .into(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "The output folder cannot be written to. Choose another one, or ask for the right to write here."
                .into()
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "A file stands where a folder is needed. Choose another output folder.".into()
        }
        _ => format!(
            "A file could not be written: {error}. Check the disk, and run the same command again; what is done so far \
             is kept."
        ),
    }
}

/// The folder of one model's features.
#[derive(Debug, Clone)]
pub struct FeaturesFolder {
    root: PathBuf,
    /// Guard of the folder, if opened for writing.
    held: Option<OutputFolderGuard>,
}

/// Checks that no two stories share a file: `a_times` and the times of `a`, or `encoder.0/a` and a layer of `a`.
///
/// # Errors
/// Returns [`StoreError::NameClash`] for the first conflict.
pub fn check_story_names(stories: &[&str]) -> Result<(), StoreError> {
    for story in stories {
        let times_of = story
            .strip_suffix("_times")
            .filter(|name| stories.contains(name));
        let layer = story
            .split_once('/')
            .map(|(folder, _)| folder)
            .filter(|folder| {
                is_layer_name(folder)
                    || folder.starts_with("stride_")
                    || *folder == "custom_stimuli"
            });
        let other = times_of.map(|name| format!("the times of \"{name}\""));
        let other = other.or_else(|| layer.map(|layer| format!("files of the folder \"{layer}\"")));
        if let Some(other) = other {
            return Err(StoreError::NameClash {
                story: (*story).to_string(),
                other,
            });
        }
    }
    Ok(())
}

/// Whether a folder name is that of a layer, such as `encoder.0`.
fn is_layer_name(name: &str) -> bool {
    let number = name
        .strip_prefix("encoder.")
        .or_else(|| name.strip_prefix("layer."));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Layout of a story's rows, and the layers to be written. The last vector is the model's final output, which is always
/// written, under the story's own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowLayout {
    /// Layers to be written.
    pub layers: Vec<LayerVector>,
    /// Vectors per row: the computed layers, and the final output if it is not a layer.
    pub n_vectors: usize,
    /// Features per vector.
    pub dim: usize,
}

/// A layer to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerVector {
    /// Index among a row's vectors.
    pub index: usize,
    /// Folder name of the layer, such as `encoder.0`.
    pub name: String,
}

impl RowLayout {
    /// Returns the number of values per row.
    #[must_use]
    pub fn n_values(&self) -> usize {
        self.n_vectors * self.dim
    }

    /// Returns the number of values written per row, over all files.
    #[must_use]
    pub fn n_written(&self) -> usize {
        (self.layers.len() + 1) * self.dim
    }
}

impl FeaturesFolder {
    /// Opens the folder for writing, creating it if necessary.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if it cannot be created, or was written by an incompatible version of Heschl.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let mut folder = Self {
            root: root.to_path_buf(),
            held: None,
        };
        journal::refuse_linked_folder(&folder.inner())?;
        let version_file = folder.inner().join("version");
        match std::fs::read_to_string(&version_file) {
            Ok(text) if text.trim() == VERSION => {}
            Ok(text) => {
                return Err(StoreError::Version {
                    found: text.trim().chars().take(20).collect(),
                    folder: root.to_path_buf(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                atomic::write(&version_file, format!("{VERSION}\n").as_bytes())?;
            }
            Err(source) => return Err(StoreError::write(source, &version_file)),
        }
        folder.held = Some(OutputFolderGuard::open(root)?);
        Ok(folder)
    }

    /// Checks that the folder is still the one that was opened.
    ///
    /// # Errors
    /// Returns [`StoreError::Vanished`] if it is not.
    pub fn verify(&self) -> Result<(), StoreError> {
        self.held.as_ref().map_or(Ok(()), OutputFolderGuard::verify)
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn inner(&self) -> PathBuf {
        self.root.join(".heschl")
    }

    /// Returns the path of a story's final output.
    #[must_use]
    pub fn features_path(&self, story: &str) -> PathBuf {
        self.root.join(format!("{story}.npz"))
    }

    /// Returns the path of a story's times, the file written last.
    #[must_use]
    pub fn times_path(&self, story: &str) -> PathBuf {
        self.root.join(format!("{story}_times.npz"))
    }

    /// Returns the path of one layer of a story.
    #[must_use]
    pub fn layer_path(&self, layer_name: &str, story: &str) -> PathBuf {
        self.root.join(layer_name).join(format!("{story}.npz"))
    }

    /// Returns the path of a story's provenance record.
    #[must_use]
    pub fn record_path(&self, story: &str) -> PathBuf {
        self.inner().join(format!("{story}.toml"))
    }

    /// Returns the path of a story's journal.
    #[must_use]
    pub fn journal_path(&self, story: &str) -> PathBuf {
        self.inner().join(format!("{story}.journal"))
    }

    /// Whether a story is complete, with all requested layers.
    #[must_use]
    pub fn is_complete(&self, story: &str, layout: &RowLayout) -> bool {
        let layers = layout
            .layers
            .iter()
            .map(|layer| self.layer_path(&layer.name, story));
        let features = [self.features_path(story)];
        let record = StoryRecord::read(&self.record_path(story)).ok();
        // A file not named in the record comes from another run. Folders of the study's Python code have no records.
        let is_recorded = |path: &Path| {
            let outputs = record.as_ref().map(|record| &record.outputs);
            outputs.is_none_or(|outputs| {
                outputs
                    .iter()
                    .any(|output| output.file == self.relative(path))
            })
        };
        let is_there = |path: PathBuf| path.is_file() && is_recorded(&path);
        self.times_path(story).is_file() && layers.chain(features).all(is_there)
    }

    /// Removes the journal of a completed story, unless another process is using it.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the file cannot be removed.
    pub fn clear_journal(&self, story: &str) -> Result<(), StoreError> {
        journal::clear_journal(&self.journal_path(story))
    }

    /// Handles files of an earlier extraction of the story besides the new `outputs`: kept in the record if extracted with
    /// the same settings, removed otherwise.
    fn settle_older_files(
        &self,
        provenance: &Provenance,
        outputs: &mut Vec<FileChecksum>,
    ) -> Result<(), StoreError> {
        let Ok(older) = StoryRecord::read(&self.record_path(&provenance.recording.story)) else {
            return Ok(());
        };
        let is_same_make = older.provenance.is_same_make(provenance);
        for file in older.outputs {
            if outputs.iter().any(|output| output.file == file.file) {
                continue;
            }
            if is_same_make {
                outputs.push(file);
            } else if is_plain_relative(&file.file) {
                atomic::remove(&self.root.join(&file.file))?;
            }
        }
        Ok(())
    }

    /// Converts a complete journal into the story's files, and removes it.
    ///
    /// Every file is first written completely under a temporary name. Then the times file of any older version is removed,
    /// the files are renamed, and the new times file comes last: a story never counts as complete unless all its files are
    /// there and from the same run.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if a file cannot be written. The journal is kept, and the next run completes the work.
    pub fn finish(
        &self,
        mut journal: Journal,
        windows: &Windows,
        layout: &RowLayout,
        provenance: Provenance,
    ) -> Result<(), StoreError> {
        journal.sync()?;
        self.verify()?;
        let story = provenance.recording.story.clone();
        let files = self.write_layers(&mut journal, &story, layout)?;
        let times = self.write_times(&story, windows)?;
        let mut outputs = Vec::with_capacity(files.len() + 1);
        for file in files.iter().chain([&times]) {
            let sha256 = sha256_of_file(file.temporary())?;
            outputs.push(FileChecksum::new(self.relative(file.path()), sha256));
        }
        atomic::remove(times.path())?;
        self.settle_older_files(&provenance, &mut outputs)?;
        for file in files {
            file.commit()?;
        }
        StoryRecord {
            provenance,
            outputs,
        }
        .write(&self.record_path(&story))?;
        times.commit()?;
        self.verify()?;
        journal.remove()
    }

    fn write_layers(
        &self,
        journal: &mut Journal,
        story: &str,
        layout: &RowLayout,
    ) -> Result<Vec<AtomicFile>, StoreError> {
        let n_rows = journal.n_rows_done();
        let layer = |layer: &LayerVector| (layer.index, self.layer_path(&layer.name, story));
        let mut outputs: Vec<(usize, PathBuf)> = layout.layers.iter().map(layer).collect();
        outputs.push((layout.n_vectors - 1, self.features_path(story)));
        let mut writers = Vec::with_capacity(outputs.len());
        for (layer, path) in outputs {
            let file = BufWriter::new(AtomicFile::create(&path)?);
            let writer = RowsWriter::new(file, FEATURES, n_rows, layout.dim)
                .map_err(|source| StoreError::write(source, &path))?;
            writers.push((layer, path, writer));
        }
        journal.for_each_batch(|values, _| {
            for row in values.chunks_exact(layout.n_values()) {
                for (layer, path, writer) in &mut writers {
                    writer
                        .write(&row[*layer * layout.dim..(*layer + 1) * layout.dim])
                        .map_err(|source| StoreError::write(source, path))?;
                }
            }
            Ok(())
        })?;
        writers
            .into_iter()
            .map(|(_, path, writer)| finished(writer, &path))
            .collect()
    }

    fn write_times(&self, story: &str, windows: &Windows) -> Result<AtomicFile, StoreError> {
        let path = self.times_path(story);
        let failed = |source| StoreError::write(source, &path);
        let file = BufWriter::new(AtomicFile::create(&path)?);
        let mut writer = RowsWriter::new(file, TIMES, windows.len(), 2).map_err(failed)?;
        for row in 0..windows.len() {
            writer.write(&windows.times(row)).map_err(failed)?;
        }
        finished(writer, &path)
    }

    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        relative.to_string_lossy().replace('\\', "/")
    }
}

/// Whether a path in a record stays below the features folder.
fn is_plain_relative(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Finishes an archive and syncs it to disk, under its temporary name.
fn finished(
    writer: RowsWriter<BufWriter<AtomicFile>>,
    path: &Path,
) -> Result<AtomicFile, StoreError> {
    let failed = |source| StoreError::write(source, path);
    let file = writer
        .finish()
        .map_err(failed)?
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync()?;
    Ok(file)
}

/// Returns the SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// Returns [`StoreError::Read`] if the file cannot be read, or [`StoreError::NoRegularFile`] if it is not a regular file.
pub fn sha256_of_file(path: &Path) -> Result<String, StoreError> {
    let failed = |source| StoreError::read(source, path);
    // Reading a device or pipe might never end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(StoreError::NoRegularFile(path.to_path_buf()));
    }
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed(source)),
        }
    }
}

/// Returns the SHA-256 of a text, in hexadecimal.
#[must_use]
pub fn sha256_of_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_that_would_share_a_file_are_told() {
        let clashing = [["a", "a_times"], ["a", "encoder.0/a"], ["a", "layer.12/b"]];
        for stories in clashing {
            assert!(check_story_names(&stories).is_err(), "{stories:?}");
        }
        let fine = [
            ["a", "b_times"],
            ["a", "encoder/a"],
            ["encoder.0", "layer.x/b"],
        ];
        for stories in fine {
            assert!(check_story_names(&stories).is_ok(), "{stories:?}");
        }
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // Example from FIPS 180-4.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of_text("abc"), expected);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(sha256_of_file(&path).unwrap(), expected);
    }

    #[test]
    fn what_a_disk_says_becomes_a_sentence_with_the_file() {
        for (kind, words) in [
            (io::ErrorKind::StorageFull, "The disk is full"),
            (io::ErrorKind::QuotaExceeded, "quota"),
            (io::ErrorKind::ReadOnlyFilesystem, "cannot be written to"),
            (io::ErrorKind::Other, "Check the disk"),
        ] {
            let told = StoreError::write(kind.into(), Path::new("/out/a.npz")).to_string();
            assert!(
                told.contains(words) && told.ends_with("File: /out/a.npz"),
                "{told}"
            );
        }
    }
}
