//! Story names from BIDS file names.

use std::collections::{BTreeMap, BTreeSet};

/// Suffixes of images that are not time series.
const NO_RECORDINGS: [&str; 12] = [
    "mask",
    "boldref",
    "sbref",
    "T1w",
    "T2w",
    "dseg",
    "probseg",
    "epi",
    "phase",
    "magnitude1",
    "magnitude2",
    "phasediff",
];
/// Entities that distinguish presentations or parts of one story.
const RUNS: [&str; 2] = ["ses", "run"];

/// A parsed name: `sub-01_task-alpha_run-1_bold`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BidsName<'a> {
    entities: Vec<(&'a str, &'a str)>,
    suffix: Option<&'a str>,
}

impl<'a> BidsName<'a> {
    /// Returns `None` if the name has no task.
    fn parse(stem: &'a str) -> Option<Self> {
        let mut name = Self {
            entities: Vec::new(),
            suffix: None,
        };
        for part in stem.split('_') {
            match part.split_once('-') {
                Some((key, value))
                    if !key.is_empty()
                        && key.chars().all(|c| c.is_ascii_alphabetic())
                        && !value.is_empty() =>
                {
                    name.entities.push((key, value));
                }
                _ => name.suffix = Some(part),
            }
        }
        name.entity("task").is_some().then_some(name)
    }

    fn entity(&self, key: &str) -> Option<&'a str> {
        let found = self.entities.iter().find(|(own, _)| *own == key);
        found.map(|(_, value)| *value)
    }
}

/// Story names of a folder's files, in order: `None` for files that are not time series.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BidsStories {
    pub(super) names: Vec<Option<String>>,
    /// Notes for the user.
    pub(super) notes: Vec<String>,
}

/// Returns story names for file names without extensions. For BIDS names, the story is the task, plus the run if it has
/// several; other names are story names themselves.
///
/// # Errors
/// Returns a message without final punctuation if there are files of several subjects, hemispheres or the like, of which
/// one must be chosen.
pub(super) fn stories(stems: &[&str]) -> Result<BidsStories, String> {
    let mut found = BidsStories::default();
    let mut by_task: BTreeMap<&str, Vec<(usize, BidsName)>> = BTreeMap::new();
    for (index, stem) in stems.iter().enumerate() {
        match BidsName::parse(stem) {
            None => found.names.push(Some((*stem).to_string())),
            Some(name)
                if name
                    .suffix
                    .is_some_and(|suffix| NO_RECORDINGS.contains(&suffix)) =>
            {
                found.names.push(None);
                found.notes.push(format!(
                    "\"{stem}\" is no recording by its name; it is left out."
                ));
            }
            Some(name) => {
                found.names.push(None);
                by_task
                    .entry(name.entity("task").unwrap_or_default())
                    .or_default()
                    .push((index, name));
            }
        }
    }
    refuse_several_subjects(by_task.values().flatten().map(|(_, name)| name))?;
    for (task, files) in by_task {
        let of_task = of_task(task, &files)?;
        if files.len() > 1 {
            let names: Vec<&str> = of_task.iter().map(|(_, name)| name.as_str()).collect();
            found.notes.push(format!(
                "Of the task \"{task}\" there are {} runs, read as the stories {}. If they are presentations of one story, name them \
                 in the recipe: [encode.responses.repeats].",
                files.len(),
                names.join(", ")
            ));
        }
        for (index, name) in of_task {
            found.names[index] = Some(name);
        }
    }
    Ok(found)
}

fn refuse_several_subjects<'a>(
    names: impl Iterator<Item = &'a BidsName<'a>>,
) -> Result<(), String> {
    let subjects: BTreeSet<&str> = names.filter_map(|name| name.entity("sub")).collect();
    if subjects.len() < 2 {
        return Ok(());
    }
    let shown: Vec<&str> = subjects.iter().take(5).copied().collect();
    Err(format!(
        "The files are of {} subjects ({}, …). Responses are those of one: give a folder with the files of one subject",
        subjects.len(),
        shown.join(", ")
    ))
}

/// Story names of a task's files.
fn of_task(task: &str, files: &[(usize, BidsName)]) -> Result<Vec<(usize, String)>, String> {
    let keys: BTreeSet<&str> = files
        .iter()
        .flat_map(|(_, name)| name.entities.iter().map(|(key, _)| *key))
        .collect();
    let values = |key: &str| -> BTreeSet<Option<&str>> {
        files.iter().map(|(_, name)| name.entity(key)).collect()
    };
    let differing: Vec<&str> = keys
        .into_iter()
        .filter(|key| values(key).len() > 1)
        .collect();
    if let Some(key) = differing.iter().find(|key| !RUNS.contains(key)) {
        let shown: Vec<String> = values(key)
            .into_iter()
            .map(|value| value.unwrap_or("none").to_string())
            .collect();
        return Err(format!(
            "Several files of the task \"{task}\" differ in \"{key}\" ({}). Keep one of them in the folder",
            shown.join(", ")
        ));
    }
    let name = |name: &BidsName| {
        let runs = RUNS.iter().filter(|key| differing.contains(key));
        let runs = runs.filter_map(|key| name.entity(key).map(|value| format!("_{key}-{value}")));
        format!("{task}{}", runs.collect::<String>())
    };
    Ok(files
        .iter()
        .map(|(index, file)| (*index, name(file)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stems: &[&str]) -> Vec<Option<String>> {
        stories(stems).unwrap().names
    }

    #[test]
    fn stories_are_tasks_and_runs() {
        let some = |name: &str| Some(name.to_string());
        assert_eq!(names(&["alpha", "beta_1"]), [some("alpha"), some("beta_1")]);
        assert_eq!(
            names(&[
                "sub-001_task-tunnel_space-fsaverage6_hemi-L",
                "sub-001_task-pieman_space-fsaverage6_hemi-L_desc-clean"
            ]),
            [some("tunnel"), some("pieman")]
        );
        assert_eq!(
            names(&[
                "sub-01_task-x_run-1_bold",
                "sub-01_task-x_run-2_bold",
                "sub-01_task-y_run-1_bold"
            ]),
            [some("x_run-1"), some("x_run-2"), some("y")]
        );
        assert_eq!(
            names(&[
                "sub-1_task-x_desc-preproc_bold",
                "sub-1_task-x_desc-brain_mask"
            ]),
            [some("x"), None]
        );
    }

    #[test]
    fn what_must_be_chosen_is_refused() {
        let error = stories(&["sub-1_task-x_bold", "sub-2_task-y_bold"]).unwrap_err();
        assert!(error.contains("2 subjects (1, 2"), "{error}");
        let error = stories(&["sub-1_task-x_hemi-L", "sub-1_task-x_hemi-R"]).unwrap_err();
        assert!(error.contains("\"hemi\" (L, R)"), "{error}");
    }
}
