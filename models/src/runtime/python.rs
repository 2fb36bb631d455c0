//! Python environments, as places to search for ONNX Runtime and CUDA libraries.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{is_new_enough, library_in, library_version, numbers};
use crate::folders::Surroundings;

/// Timeout of querying Python for its package folders.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints the location of an installed package, without importing it.
const QUESTION: &str = "import os, site, sys
for site_packages in [*site.getsitepackages(), site.getusersitepackages()]:
    folder = os.path.join(site_packages, sys.argv[1])
    if os.path.isdir(folder):
        print(folder)";

/// The first sufficiently recent library in the active environments, else in those of the Python on the search path.
pub(super) fn library(around: &Surroundings) -> Option<PathBuf> {
    let of_environments = site_folders(around)
        .into_iter()
        .find_map(|site| usable_library(&site.join("onnxruntime")));
    of_environments.or_else(|| {
        package_folders(around, "onnxruntime")
            .iter()
            .find_map(|folder| usable_library(folder))
    })
}

/// Returns the absolute `site-packages` folders of the environments in `VIRTUAL_ENV` and `CONDA_PREFIX`.
pub(crate) fn site_folders(around: &Surroundings) -> Vec<PathBuf> {
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"];
    let mut sites = Vec::new();
    let named = environments.iter().filter_map(|name| around.path(name));
    for environment in named.filter(|environment| environment.is_absolute()) {
        sites.push(environment.join("Lib").join("site-packages"));
        let Ok(entries) = fs::read_dir(environment.join("lib")) else {
            continue;
        };
        let mut versions: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with("python"))
            })
            .collect();
        versions.sort();
        sites.extend(
            versions
                .into_iter()
                .rev()
                .map(|folder| folder.join("site-packages")),
        );
    }
    sites.retain(|site| site.is_dir());
    sites
}

/// Returns the folders of a package according to the Python on the search path; nothing is imported.
pub(crate) fn package_folders(around: &Surroundings, package: &str) -> Vec<PathBuf> {
    let Some(python) = ["python3", "python"]
        .iter()
        .find_map(|name| around.program(name))
    else {
        return Vec::new();
    };
    let Ok(neutral) = tempfile::tempdir() else {
        return Vec::new();
    };
    // Isolated mode ignores the working folder and PYTHONPATH, where a data set may have files that shadow Python's
    // modules.
    let answer = answer_of(
        Command::new(python)
            .args(["-I", "-c", QUESTION, package])
            .envs(&around.variables)
            .current_dir(neutral.path()),
    );
    let lines = answer.as_deref().unwrap_or_default().lines();
    lines
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder.is_dir())
        .collect()
}

/// The output of a child process; `None` if it fails or times out.
fn answer_of(command: &mut Command) -> Option<String> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut text = String::new();
    child
        .stdout
        .take()?
        .take(64 * 1024)
        .read_to_string(&mut text)
        .ok()?;
    status.success().then_some(text)
}

/// The library of an `onnxruntime` package, unless it is known to be too old.
fn usable_library(package: &Path) -> Option<PathBuf> {
    let library = library_in(&package.join("capi"))?;
    let named = library_version(library.file_name()?.to_str()?).filter(|v| !v.is_empty());
    let version = named.or_else(|| recorded_version(package.parent()?));
    version
        .is_none_or(|version| is_new_enough(&version))
        .then_some(library)
}

/// The version in the name of the package's metadata folder, e.g. `onnxruntime_gpu-1.31.1.dist-info`.
fn recorded_version(site: &Path) -> Option<Vec<u32>> {
    let names = fs::read_dir(site)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with("onnxruntime"))
        .filter_map(|name| numbers(name.strip_suffix(".dist-info")?.rsplit_once('-')?.1))
        .max()
}
