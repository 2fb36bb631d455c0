//! Integrity check of a features folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::last_layer::{self, Said};
use super::{
    FEATURES, FeaturesFolder, StoreError, StoryRecord, TIMES, is_layer_name, is_plain_relative,
    sha256_of_file,
};
use crate::files::formats::npz;
use crate::files::formats::npz_arrays::MemoryOrder;
use crate::remedy::{Finding, Remedy};
use crate::run::recipe::FileChecksum;

/// Result of an integrity check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Stories whose files are complete and unchanged.
    pub sound: Vec<String>,
    /// Complete stories without a provenance record, such as those of the study's Python code.
    pub unrecorded: Vec<String>,
    /// Stories that were started but not finished.
    pub unfinished: Vec<String>,
    /// Errors found, one sentence each.
    pub faults: Vec<Finding>,
    /// Observations that are not errors, one sentence each.
    pub notes: Vec<String>,
}

/// Checks every feature file below `folder` against its record: checksums where there is a record, shapes and finite values
/// everywhere.
///
/// # Errors
/// Returns a [`StoreError`] if the folder cannot be listed. Errors of single files are in the report.
pub fn check(folder: &Path) -> Result<CheckReport, StoreError> {
    if !folder.is_dir() {
        return Err(StoreError::NoFolder(folder.to_path_buf()));
    }
    let mut report = CheckReport::default();
    let roots = features_roots(folder)?;
    for root in &roots {
        let folder = FeaturesFolder {
            root: root.clone(),
            held: None,
        };
        check_root(&folder, &roots, &mut report)?;
    }
    Ok(report)
}

/// Every folder at or below `folder` with a `.heschl` folder, and outside of those, every folder with times files.
fn features_roots(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let files = files_below(folder)?;
    let recorded: BTreeSet<PathBuf> = files.iter().filter_map(|path| noted_root(path)).collect();
    let is_recorded = |path: &Path| path.ancestors().any(|above| recorded.contains(above));
    let unrecorded = files
        .iter()
        .filter(|path| is_times(path) && !is_recorded(path));
    let unrecorded: BTreeSet<PathBuf> = unrecorded
        .filter_map(|path| path.parent().map(Path::to_path_buf))
        .collect();
    Ok(recorded.into_iter().chain(unrecorded).collect())
}

/// The features folder that a file below `.heschl` belongs to.
fn noted_root(path: &Path) -> Option<PathBuf> {
    let is_inner = |above: &&Path| above.file_name().is_some_and(|name| name == ".heschl");
    path.ancestors()
        .find(is_inner)?
        .parent()
        .map(Path::to_path_buf)
}

fn is_times(path: &Path) -> bool {
    path.to_string_lossy().ends_with("_times.npz")
}

/// Checks one features folder, without nested ones (such as `stride_0.5`).
fn check_root(
    folder: &FeaturesFolder,
    others: &[PathBuf],
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    let mut layers_of: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut stories = Vec::new();
    let below = |other: &&PathBuf| **other != folder.root && other.starts_with(&folder.root);
    let others: Vec<&PathBuf> = others.iter().filter(below).collect();
    let files = files_below(&folder.root)?;
    let all: BTreeSet<String> = files.iter().map(|path| folder.relative(path)).collect();
    for path in &files {
        if others.iter().any(|other| path.starts_with(other)) {
            continue;
        }
        let relative = folder.relative(path);
        if let Some(rest) = relative.strip_prefix(".heschl/") {
            report
                .unfinished
                .extend(rest.strip_suffix(".journal").map(str::to_string));
        } else if let Some(story) = story_of_times(&relative, &all) {
            stories.push(story.to_string());
        } else if let Some((layer, story)) = relative
            .strip_suffix(".npz")
            .and_then(|rest| rest.split_once('/'))
            && is_layer_name(layer)
        {
            layers_of
                .entry(story.to_string())
                .or_default()
                .push(path.clone());
        }
    }
    for story in stories {
        let layers = layers_of.remove(&story).unwrap_or_default();
        check_story(folder, &story, layers, report);
    }
    match last_layer::of_folder(folder) {
        None => {}
        Some(Said::Note(note)) => report.notes.push(note),
        Some(Said::Fault(fault)) => {
            report
                .faults
                .push(Finding::new(fault, &[Remedy::ExtractAgain]));
        }
    }
    Ok(())
}

/// The story of a times file. `hard_times.npz` holds features of the story `hard_times` if there is a times file for it.
fn story_of_times<'a>(file: &'a str, all: &BTreeSet<String>) -> Option<&'a str> {
    let named = file.strip_suffix(".npz")?;
    if all.contains(&format!("{named}_times.npz")) {
        return None;
    }
    named.strip_suffix("_times")
}

fn check_story(
    folder: &FeaturesFolder,
    story: &str,
    layers: Vec<PathBuf>,
    report: &mut CheckReport,
) {
    let record = folder.record_path(story);
    let faults_before = report.faults.len();
    let recorded = record.is_file();
    if recorded {
        match StoryRecord::read(&record) {
            Ok(record) => report.faults.extend(changed_files(folder, story, &record)),
            Err(error) => report
                .faults
                .push(Finding::new(error.to_string(), &error.remedies())),
        }
    }
    let features = folder.features_path(story);
    let files = layers
        .into_iter()
        .chain(features.is_file().then_some(features));
    match npz::each_value(&folder.times_path(story), TIMES, &mut |_, _| {}) {
        Ok(times) => {
            let n_rows = times.shape.first().copied().unwrap_or(0);
            report
                .faults
                .extend(files.filter_map(|file| odd_array(&file, n_rows)));
        }
        Err(error) => report.faults.push(Finding::new(error.to_string(), &[])),
    }
    if report.faults.len() > faults_before {
        return;
    }
    let list = if recorded {
        &mut report.sound
    } else {
        &mut report.unrecorded
    };
    list.push(story.to_string());
}

fn changed_files(folder: &FeaturesFolder, story: &str, record: &StoryRecord) -> Vec<Finding> {
    let again = |message: String| Some(Finding::new(message, &[Remedy::ExtractAgain]));
    let fault = |output: &FileChecksum| {
        if !is_plain_relative(&output.file) {
            return again(format!(
                "The record of {story} names a file outside of its folder, \"{}\", which is not read. Extract the story again.\nFile: {}",
                output.file.escape_debug(),
                folder.record_path(story).display()
            ));
        }
        let path = folder.root.join(&output.file);
        match sha256_of_file(&path) {
            Ok(sha256) if sha256 == output.sha256 => None,
            Ok(_) => again(format!(
                "A file of {story} is not as it was written. Extract the story again.\nFile: {}",
                path.display()
            )),
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                again(format!(
                    "A file of {story} is missing. Extract the story again.\nFile: {}",
                    path.display()
                ))
            }
            Err(error) => Some(Finding::new(error.to_string(), &error.remedies())),
        }
    };
    record.outputs.iter().filter_map(fault).collect()
}

/// The first problem of a features file, if any. Values are streamed, not kept in memory.
fn odd_array(path: &Path, n_rows: usize) -> Option<Finding> {
    let mut first_odd = None;
    let header = npz::each_value(path, FEATURES, &mut |index, value| {
        if !value.is_finite() {
            first_odd.get_or_insert(index);
        }
    });
    let header = match header {
        Ok(header) => header,
        Err(error) => return Some(Finding::new(error.to_string(), &[])),
    };
    let &[n_found, n_columns] = &header.shape[..] else {
        let message = format!(
            "The features have {} dimensions where 2 are expected.\nFile: {}",
            header.shape.len(),
            path.display()
        );
        return Some(Finding::new(message, &[]));
    };
    if n_found != n_rows {
        let message = format!(
            "The features have {n_found} rows, the times {n_rows}. Extract the story again.\nFile: {}",
            path.display()
        );
        return Some(Finding::new(message, &[Remedy::ExtractAgain]));
    }
    first_odd.map(|index| {
        let row = match header.order {
            MemoryOrder::C => index / n_columns.max(1),
            MemoryOrder::Fortran => index % n_found.max(1),
        };
        let message = format!(
            "Row {row} holds a number that is not finite. Check the model, and extract the story again.\nFile: {}",
            path.display()
        );
        Finding::new(message, &[Remedy::CheckModel, Remedy::ExtractAgain])
    })
}

/// All files at or below a folder, sorted. Links to folders are not followed.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |source| StoreError::read(source, &folder);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() || kind.is_symlink() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::formats::npz::RowsWriter;

    fn write(path: &Path, name: &str, n_columns: usize) {
        let file = std::fs::File::create(path).unwrap();
        let mut writer = RowsWriter::new(file, name, 3, n_columns).unwrap();
        writer.write(&vec![0.5; 3 * n_columns]).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_story_may_be_called_times() {
        let folder = tempfile::tempdir().unwrap();
        for story in ["hard_times", "soft"] {
            write(&folder.path().join(format!("{story}.npz")), FEATURES, 4);
            write(&folder.path().join(format!("{story}_times.npz")), TIMES, 2);
        }
        let report = check(folder.path()).unwrap();
        assert_eq!(report.unrecorded, ["hard_times", "soft"]);
        assert_eq!(report.faults, []);
    }

    #[cfg(unix)]
    #[test]
    fn records_that_name_other_files_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let features = FeaturesFolder {
            root: folder.path().to_path_buf(),
            held: None,
        };
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("endless.npz")).unwrap();
        let record: StoryRecord = toml::from_str(include_str!("record_of_a_story.toml")).unwrap();
        let with = |file: &str| StoryRecord {
            outputs: vec![FileChecksum::new(file.into(), "00".into())],
            ..record.clone()
        };
        for file in [
            "/dev/zero",
            "../elsewhere.npz",
            "endless.npz",
            "missing.npz",
        ] {
            let faults = changed_files(&features, "alpha", &with(file));
            assert_eq!(faults.len(), 1, "{file}");
        }
    }
}
