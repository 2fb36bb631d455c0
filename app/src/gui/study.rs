//! A study's file: read, saved, and locked by one window at a time.

use std::collections::BTreeSet;
use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};

use heschl_core::display::library::FeatureLibrary;
use heschl_core::files::disk::{self, DiskFile};
use heschl_core::run::store::atomic;

use super::fitting::upgrade;
use super::state::{STUDY_VERSION, Study};

/// The file that makes a folder a study.
pub(crate) const FILE: &str = "study.toml";
/// The file that one window at a time holds.
const LOCK: &str = ".heschl-window.lock";

/// Why a study cannot be opened or kept.
#[derive(Debug)]
pub(crate) struct StudyProblem(pub(crate) String);

/// Who may write a study.
#[derive(Debug)]
pub(crate) enum StudyLock {
    /// This window: the lock is held as long as this lives.
    Ours(#[expect(dead_code, reason = "held, never read")] DiskFile),
    /// Another window.
    Others,
    /// Nobody can lock it: the disk is read-only, or knows no locks.
    Nobody,
}

impl StudyLock {
    /// Takes hold of a study's folder.
    #[must_use]
    pub(crate) fn take(folder: &Path) -> Self {
        let Ok(file) = atomic::open_own(&folder.join(LOCK)) else {
            return Self::Nobody;
        };
        match file.as_file().try_lock() {
            Ok(()) => Self::Ours(file),
            Err(TryLockError::WouldBlock) => Self::Others,
            Err(TryLockError::Error(_)) => Self::Nobody,
        }
    }
}

/// What a study had when it was last looked into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StudyContents {
    /// Its own folder of features, and the stories in it.
    pub(crate) extracted: Option<(PathBuf, BTreeSet<String>)>,
    /// The features that its fit is made with.
    pub(crate) features: Option<PathBuf>,
    /// The scores of its fit.
    pub(crate) scores: Option<PathBuf>,
    /// All folders of features in it.
    pub(crate) all_features: Vec<PathBuf>,
    /// All folders of scores in it.
    pub(crate) all_scores: Vec<PathBuf>,
}

/// Sees what a study has from before.
#[must_use]
pub(crate) fn look_into(folder: &Path, study: &Study) -> StudyContents {
    let library = |features: &PathBuf| FeatureLibrary::open(features).ok();
    let own = study.own_features(folder);
    let extracted = own.and_then(|own| {
        let stories = library(&own)?.stories.into_iter().collect();
        Some((own, stories))
    });
    // Usually those that are fitted are those that were extracted, and need no second look.
    let is_there = |features: &PathBuf| {
        extracted.as_ref().is_some_and(|(own, _)| own == features) || library(features).is_some()
    };
    let features = study.fit_features(folder).filter(is_there);
    let scores = study.fit_recipe(folder).map(|recipe| recipe.output.folder);
    StudyContents {
        extracted,
        features,
        scores: scores
            .ok()
            .filter(|scores| scores.join("scores.npz").is_file()),
        all_features: folders_with(folder, "features_", is_feature_file),
        all_scores: folders_with(folder, "scores", |entry| entry == "scores.npz"),
    }
}

/// Whether a file beside features says that they are.
fn is_feature_file(name: &str) -> bool {
    name.ends_with("_times.npz")
}

/// The folders two levels below a study's that hold a file of some name, sorted; the upper one's name begins with `upper`.
fn folders_with(study: &Path, upper: &str, is_it: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let begins = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(upper))
    };
    let holds = |folder: &PathBuf| {
        let mut files = entries(folder.clone());
        files.any(|entry| entry.file_name().to_str().is_some_and(&is_it))
    };
    let mut found: Vec<PathBuf> = entries(study.to_path_buf())
        .filter(begins)
        .flat_map(|upper| entries(upper.path()))
        .map(|entry| entry.path())
        .filter(holds)
        .collect();
    found.sort();
    found
}

/// Reads a study.
///
/// # Errors
/// A sentence if the folder is gone, is no study, or its file is invalid.
pub(crate) fn read(folder: &Path) -> Result<Study, StudyProblem> {
    let path = folder.join(FILE);
    if !folder.is_dir() {
        return Err(StudyProblem(format!(
            "The study was not found. If it was moved, open it from its new location; check that its disk is mounted.\nFolder: {}",
            folder.display()
        )));
    }
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StudyProblem(format!(
                "This folder is not a study: it has no {FILE}. Choose another folder, or create a new study.\nFolder: {}",
                folder.display()
            )));
        }
        Err(error) => {
            return Err(StudyProblem(format!(
                "The study cannot be read ({error}).\nFile: {}",
                path.display()
            )));
        }
    };
    let study = parse(&text).map_err(|error| {
        StudyProblem(format!(
            "The study's file is invalid: {}\nCorrect the file, or restore a backup.\nFile: {}",
            error.to_string().trim_end(),
            path.display()
        ))
    })?;
    if study.version > STUDY_VERSION {
        return Err(StudyProblem(format!(
            "The study was created by a newer version of Heschl (format {}; this version reads up to {STUDY_VERSION}). Update Heschl to open it.\nFile: {}",
            study.version,
            path.display()
        )));
    }
    Ok(study)
}

/// Reads a study's file of this version or an earlier one.
fn parse(text: &str) -> Result<Study, toml::de::Error> {
    let mut table: toml::Table = toml::from_str(text)?;
    let is_of = |version| table.get("version") == Some(&toml::Value::Integer(version));
    if is_of(1) {
        if let Some(toml::Value::Table(fit)) = table.get_mut("fit") {
            upgrade(fit)?;
        }
        table.insert("version".into(), i64::from(STUDY_VERSION).into());
        return table.try_into();
    }
    // From the text, so that a problem is told with its line.
    toml::from_str(text)
}

/// Writes a study.
///
/// # Errors
/// A sentence if the disk refuses.
pub(crate) fn write(folder: &Path, study: &Study) -> Result<(), StudyProblem> {
    let text = toml::to_string_pretty(study).map_err(|error| StudyProblem(error.to_string()))?;
    let text = format!("# A study of Heschl. Open its folder with: heschl open <folder>\n\n{text}");
    // A folder that is gone is not made anew: the study lies elsewhere now.
    if !folder.is_dir() {
        return Err(StudyProblem(format!(
            "The study's folder has disappeared, so changes are kept in this window only. Restore the folder, or open the study from its new location.\nFolder: {}",
            folder.display()
        )));
    }
    atomic::write(&folder.join(FILE), text.as_bytes()).map_err(|error| {
        StudyProblem(format!(
            "The study cannot be saved, so changes are kept in this window only. {error}"
        ))
    })
}

/// Makes a new study's folder.
///
/// # Errors
/// A sentence if the name is no name, the folder is a study already, or the disk refuses.
pub(crate) fn create(parent: &Path, name: &str) -> Result<PathBuf, StudyProblem> {
    let name = name.trim();
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', ':']) {
        return Err(StudyProblem(
            "A study's name must not contain slashes or colons or start with a dot.".into(),
        ));
    }
    let folder = parent.join(name);
    if folder.join(FILE).exists() {
        return Err(StudyProblem(format!(
            "A study of this name already exists. Choose another name, or open that study.\nFolder: {}",
            folder.display()
        )));
    }
    disk::create_folders(&folder).map_err(|error| {
        StudyProblem(format!(
            "The study's folder cannot be created ({error}). Choose another location.\nFolder: {}",
            folder.display()
        ))
    })?;
    let study = Study {
        name: name.into(),
        ..Study::default()
    };
    write(&folder, &study)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use heschl_core::fmri::delay::DelayBorders;
    use heschl_core::linear::split::{CrossValidation, HeldChunks};
    use heschl_core::run::recipe::Preset;

    use super::*;

    #[test]
    fn a_study_comes_back_as_it_was_written() {
        let parent = tempfile::tempdir().unwrap();
        let folder = create(parent.path(), " Night 1 ").unwrap();
        let mut study = read(&folder).unwrap();
        assert_eq!(study.name, "Night 1");
        study.left_out.insert("a".into());
        study.window.context_ms = 4000.0;
        write(&folder, &study).unwrap();
        assert_eq!(read(&folder).unwrap(), study);
    }

    #[test]
    fn what_is_wrong_with_a_study_is_said() {
        let parent = tempfile::tempdir().unwrap();
        let folder = create(parent.path(), "s").unwrap();
        let refusal = |folder: &Path| read(folder).unwrap_err().0;
        assert!(refusal(parent.path()).contains("is not a study"));
        assert!(refusal(&parent.path().join("gone")).contains("was not found"));
        fs::write(folder.join(FILE), "version = 99").unwrap();
        assert!(refusal(&folder).contains("newer version of Heschl"));
        fs::write(folder.join(FILE), "name = 3").unwrap();
        assert!(refusal(&folder).contains("is invalid"));
        for name in ["", "  ", "../up", ".hidden", "a/b"] {
            assert!(
                create(parent.path(), name)
                    .unwrap_err()
                    .0
                    .contains("name must not contain")
            );
        }
        assert!(
            create(parent.path(), "s")
                .unwrap_err()
                .0
                .contains("already")
        );
    }

    #[test]
    fn one_window_at_a_time_holds_a_study() {
        let parent = tempfile::tempdir().unwrap();
        let first = StudyLock::take(parent.path());
        assert!(matches!(first, StudyLock::Ours(_)));
        assert!(matches!(StudyLock::take(parent.path()), StudyLock::Others));
        drop(first);
        assert!(matches!(StudyLock::take(parent.path()), StudyLock::Ours(_)));
        assert!(matches!(
            StudyLock::take(&parent.path().join("gone")),
            StudyLock::Nobody
        ));
    }

    #[test]
    fn a_study_of_version_1_keeps_its_settings() {
        let text = r#"
            version = 1
            name = "old"
            stimuli = "/stories"

            [fit]
            responses = "/responses"
            test = ["a"]
            preset = "deep-fmri"
            keeps_borders = true
            weights = true

            [fit.trims]
            train = [1, 2]
            test = [3, 4]
            responses_train = [0, 0]
            responses_test = [5, 6]

            [fit.alphas]
            smallest = 10.0
            largest = 1000.0
            count = 7

            [fit.held_out]
            n_rounds = 4
            chunk_scans = 15
            chunks = "quarter"
        "#;
        let study = parse(text).unwrap();
        assert_eq!(study.version, STUDY_VERSION);
        let recipe = study
            .fit
            .recipe(Some("/f".as_ref()), None, "/s".as_ref())
            .unwrap();
        assert_eq!(recipe.design.trim_train, [1, 2].into());
        assert_eq!(recipe.design.trim_responses_test, [5, 6].into());
        assert_eq!(recipe.design.delay_borders, DelayBorders::WithinStories);
        assert_eq!(recipe.ridge.alphas.values().len(), 7);
        let chunks = CrossValidation::ChunkBootstrap {
            n_rounds: 4,
            chunk_scans: 15,
            chunks: HeldChunks::Quarter,
        };
        assert_eq!(recipe.ridge.cross_validation, chunks);
        assert_eq!(recipe.scores, Preset::DeepFmri.scores());
        assert!(recipe.output.weights);
        // What is wrong is told.
        assert!(parse(&text.replace("count = 7", "count = \"many\"")).is_err());
    }
}
