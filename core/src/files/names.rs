//! Story names as spelled by different systems.

use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

/// Returns a name in Unicode normalisation form C: macOS decomposes `é` into two characters, other systems do not.
#[must_use]
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// Returns a name for case-insensitive comparison.
pub(crate) fn folded(name: &str) -> String {
    composed(&composed(name).to_lowercase())
}

/// BIDS entities that describe the processing of a run, not its identity.
const OF_PROCESSING: [&str; 9] = [
    "space", "res", "den", "desc", "hemi", "echo", "part", "rec", "label",
];

/// Returns the names under which a story's files may be stored, the most specific first.
///
/// The BIDS name of a run, `sub-01_task-tale_run-1_bold`, leads to its events (`sub-01_task-tale_run-1`) and its stimulus
/// (`task-tale_run-1`, `tale_run-1`, `task-tale`, `tale`). Any other name leads only to itself.
///
/// Source: Brain Imaging Data Structure 1.10, "File name structure".
pub(crate) fn candidates(story: &str) -> Vec<String> {
    let (folder, name) = match story.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), story),
    };
    let mut names = vec![story.to_string()];
    let parts: Vec<(&str, &str)> = name
        .split('_')
        .map(|part| part.split_once('-').unwrap_or((part, "")))
        .collect();
    let value = |key: &str| {
        let found = parts.iter().find(|(known, _)| *known == key);
        found
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
    };
    let Some(task) = value("task") else {
        return names;
    };
    let joined = |is_retained: &dyn Fn(&str) -> bool| {
        let kept = parts
            .iter()
            .filter(|(key, value)| !value.is_empty() && is_retained(key));
        let kept: Vec<String> = kept.map(|(key, value)| format!("{key}-{value}")).collect();
        kept.join("_")
    };
    let run = joined(&|key| !OF_PROCESSING.contains(&key));
    let of_any_subject =
        joined(&|key| !OF_PROCESSING.contains(&key) && !["sub", "ses", "acq"].contains(&key));
    let of_run = value("run").map(|run| format!("{task}_run-{run}"));
    let others = [joined(&|_| true), run, of_any_subject]
        .into_iter()
        .chain(of_run)
        .chain([
            format!("task-{task}"),
            task.to_string(),
            format!("{task}_audio"),
        ]);
    for other in others {
        if !names.contains(&other) {
            names.push(format!("{folder}{other}"));
            if !folder.is_empty() {
                names.push(other);
            }
        }
    }
    names
}

/// Finds the file of a story in a folder, `<story><ending>`, with the first ending that exists. If there is no exact match,
/// names that differ in Unicode normalisation are tried, then other [`candidates`].
pub(crate) fn file_of(folder: &Path, story: &str, endings: &[&str]) -> Option<PathBuf> {
    candidates(story)
        .iter()
        .find_map(|name| file_named(folder, name, endings))
}

fn file_named(folder: &Path, story: &str, endings: &[&str]) -> Option<PathBuf> {
    let exact = |ending: &&str| folder.join(format!("{story}{ending}"));
    let found = endings.iter().map(exact).find(|path| path.is_file());
    found.or_else(|| {
        endings
            .iter()
            .find_map(|ending| composed_alike(&exact(ending)))
    })
}

/// A file whose path differs from `path` only in the Unicode normalisation of its name.
fn composed_alike(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    if wanted.is_ascii() {
        return None;
    }
    let wanted = composed(wanted);
    let entries = std::fs::read_dir(path.parent()?).ok()?.flatten();
    let is_it = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| composed(name) == wanted)
    };
    let mut alike: Vec<PathBuf> = entries
        .filter(is_it)
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    alike.sort();
    alike.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_bids_run_are_found() {
        let names = candidates("sub-01_ses-2_task-tale_run-1_space-T1w_desc-preproc_bold");
        let expected = [
            "sub-01_ses-2_task-tale_run-1_space-T1w_desc-preproc_bold",
            "sub-01_ses-2_task-tale_run-1_space-T1w_desc-preproc",
            "sub-01_ses-2_task-tale_run-1",
            "task-tale_run-1",
            "tale_run-1",
            "task-tale",
            "tale",
            "tale_audio",
        ];
        assert_eq!(names, expected);
        for plain in ["wheretheressmoke", "sub-01_run-1", "a_task_b", "task-"] {
            assert_eq!(candidates(plain), [plain]);
        }
        let folder = tempfile::tempdir().unwrap();
        let run = "sub-01_task-tale_run-1_bold";
        let at = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").unwrap();
            Some(path)
        };
        let stimulus = at("tale.npz");
        assert_eq!(file_of(folder.path(), run, &[".npz"]), stimulus);
        let of_run = at("tale_run-1.npz");
        assert_eq!(file_of(folder.path(), run, &[".npz"]), of_run);
        let events = at("sub-01_task-tale_run-1_events.tsv");
        assert_eq!(
            file_of(folder.path(), run, &["_events.tsv", ".tsv"]),
            events
        );
    }

    #[test]
    fn a_file_is_found_however_its_letters_are_composed() {
        let folder = tempfile::tempdir().unwrap();
        let decomposed = folder.path().join("cafe\u{301}.npz");
        std::fs::write(&decomposed, "x").unwrap();
        let found = file_of(folder.path(), "caf\u{e9}", &[".npy", ".npz"]);
        assert_eq!(found, Some(decomposed.clone()));
        assert_eq!(file_of(folder.path(), "cafe", &[".npz"]), None);
        let exact = folder.path().join("caf\u{e9}.npz");
        std::fs::write(&exact, "y").unwrap();
        assert_eq!(file_of(folder.path(), "caf\u{e9}", &[".npz"]), Some(exact));
        assert_eq!(
            file_of(folder.path(), "cafe\u{301}", &[".npz"]),
            Some(decomposed)
        );
    }
}
