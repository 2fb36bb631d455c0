//! Finds ONNX Runtime's library on this machine, or downloads it, without loading it.

mod fetching;
mod python;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::folders::{NoDataFolder, Surroundings};
use crate::package::PackageError;
use heschl_core::remedy::Remedy;

pub use fetching::{RuntimeSource, fetch_runtime};
pub(crate) use python::{package_folders, site_folders};

/// The version that Heschl downloads.
pub const RUNTIME_VERSION: &str = "1.32.0";
/// The oldest supported version: (major, minor).
pub const OLDEST_RUNTIME: (u32, u32) = (1, 24);

/// Where the library was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundIn {
    /// The user's setting.
    Setting,
    /// The environment variable `ORT_DYLIB_PATH`.
    OrtDylibPath,
    /// The program's folder or its `lib` folder.
    BesideProgram,
    /// Heschl's data folder.
    DataFolder,
    /// The package `onnxruntime` or `onnxruntime-gpu` of a Python environment.
    PythonEnvironment,
}

/// The library of ONNX Runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeLibrary {
    /// Absolute path of the library.
    pub path: PathBuf,
    /// Where it was found.
    pub found_in: FoundIn,
}

/// Errors of finding or downloading ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Cancelled by the caller.
    #[error("The download of ONNX Runtime was stopped.")]
    Cancelled,
    /// A location given by the user has no library.
    #[error(
        "{named_by} names a place without ONNX Runtime's library. Correct it, or leave it empty \
         to let Heschl search.\nPath: {}", path.display()
    )]
    NotThere {
        /// The setting or variable.
        named_by: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// There is no build for this machine.
    #[error(
        "ONNX Runtime {RUNTIME_VERSION} is not offered for this system ({system}). Build or get \
         its library and set ORT_DYLIB_PATH to it."
    )]
    NoSuchSystem {
        /// Operating system and processor.
        system: String,
    },
    /// Another process is downloading it.
    #[error(
        "Another Heschl is just getting ONNX Runtime. Wait until it has finished.\nFolder: {}",
        folder.display()
    )]
    Busy {
        /// The folder in use.
        folder: PathBuf,
    },
    /// No client could download the package.
    #[error(
        "ONNX Runtime {RUNTIME_VERSION} could not be got.\n{0}\nOr get its library from its makers' releases, and choose it \
         here."
    )]
    NoPackage(Box<PackageError>),
    /// The package was downloaded but cannot be used.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// There is no folder for it.
    #[error(transparent)]
    NoDataFolder(#[from] NoDataFolder),
    /// A file could not be written.
    #[error("A file could not be written ({source}). Check the folder's permissions and the \
             disk's free space.\nFile: {}", path.display())]
    File {
        /// The error of the operating system.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl RuntimeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NoPackage(_) => vec![Remedy::OtherRuntime],
            _ => Vec::new(),
        }
    }
}

/// Searches for the library: setting, `ORT_DYLIB_PATH`, program folder, data folder, Python environments.
///
/// * `setting`: library or folder chosen by the user; if it has no library, that is an error rather than a reason to search
///   elsewhere.
///
/// Returns `None` if it is not found; [`fetch_runtime`] downloads it then. Querying Python starts a child process for at
/// most a few seconds.
///
/// # Errors
/// Returns [`RuntimeError::NotThere`] if `setting` or `ORT_DYLIB_PATH` has no library.
pub fn find_runtime(
    around: &Surroundings,
    setting: Option<&Path>,
) -> Result<Option<RuntimeLibrary>, RuntimeError> {
    let found = |path, found_in| Ok(Some(RuntimeLibrary { path, found_in }));
    if let Some(path) = setting.filter(|path| !path.as_os_str().is_empty()) {
        return found(
            named(path, "The setting for ONNX Runtime")?,
            FoundIn::Setting,
        );
    }
    if let Some(path) = around.path("ORT_DYLIB_PATH") {
        return found(named(&path, "ORT_DYLIB_PATH")?, FoundIn::OrtDylibPath);
    }
    if let Some(folder) = &around.program_folder {
        let beside = [folder.clone(), folder.join("lib")];
        if let Some(path) = beside.iter().find_map(|folder| library_in(folder)) {
            return found(path, FoundIn::BesideProgram);
        }
    }
    if let Some(path) = in_data_folder(around) {
        return found(path, FoundIn::DataFolder);
    }
    match python::library(around) {
        Some(path) => found(path, FoundIn::PythonEnvironment),
        None => Ok(None),
    }
}

fn named(path: &Path, named_by: &'static str) -> Result<PathBuf, RuntimeError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let library = if path.is_file() {
        Some(path.clone())
    } else {
        library_in(&path)
    };
    library.ok_or(RuntimeError::NotThere { named_by, path })
}

fn in_data_folder(around: &Surroundings) -> Option<PathBuf> {
    let folders = around.folders().ok()?;
    let current = library_in(&folders.runtime(RUNTIME_VERSION));
    current.or_else(|| {
        let versions = std::fs::read_dir(folders.root().join("runtime")).ok()?;
        let mut versions: Vec<(Vec<u32>, PathBuf)> = versions
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter_map(|path| Some((numbers(path.file_name()?.to_str()?)?, path)))
            .filter(|(version, _)| is_new_enough(version))
            .collect();
        versions.sort();
        versions
            .iter()
            .rev()
            .find_map(|(_, folder)| library_in(folder))
    })
}

/// The library in a folder, the newest if there are several.
pub(crate) fn library_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut libraries: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter_map(|path| Some((library_version(path.file_name()?.to_str()?)?, path)))
        .collect();
    libraries.sort();
    std::path::absolute(libraries.pop()?.1).ok()
}

/// The version in a library's file name, empty if it has none; `None` for other files.
fn library_version(file_name: &str) -> Option<Vec<u32>> {
    let inner = if cfg!(windows) {
        return (file_name.eq_ignore_ascii_case("onnxruntime.dll")).then(Vec::new);
    } else if cfg!(target_os = "macos") {
        file_name
            .strip_prefix("libonnxruntime")?
            .strip_suffix(".dylib")?
    } else {
        file_name.strip_prefix("libonnxruntime.so")?
    };
    if inner.is_empty() {
        Some(Vec::new())
    } else {
        numbers(inner.strip_prefix('.')?)
    }
}

/// The numbers of a version such as `1.32.0`; `None` if there is anything else in it.
fn numbers(version: &str) -> Option<Vec<u32>> {
    version
        .split('.')
        .map(|number| number.parse().ok())
        .collect()
}

fn is_new_enough(version: &[u32]) -> bool {
    let (major, minor) = OLDEST_RUNTIME;
    version >= [major, minor].as_slice()
}
