//! Model folders added by the user: registered under a name, never copied or changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::adapters;
use crate::catalogue::{self, CONFIG_FILE};
use crate::fetch::is_folder_name;
use crate::files;
use crate::folders::{NoDataFolder, Surroundings};
use crate::written::{is_own_onnx, is_untrained};
use heschl_core::files::disk::{self, DiskFile};
use heschl_core::remedy::Remedy;

const LIST_FILE: &str = "added.json";
const LIST_VERSION: u32 = 1;

/// A model folder outside Heschl's data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Name of the model.
    pub name: String,
    /// Absolute path of the folder.
    pub folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct List {
    version: u32,
    models: Vec<Added>,
}

/// Errors of reading or changing the list of added models.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The folder is not a model.
    #[error(
        "The folder has no config.json, so it is not a model. Choose the folder that holds \
         config.json and the weights.\nFolder: {}", folder.display()
    )]
    NotAModel {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds an adapter without its model.
    #[error(transparent)]
    Adapter(Box<ModelError>),
    /// The name is not valid.
    #[error(
        "The name \"{name}\" cannot be used for a model. Choose one of letters, digits, dots and \
         dashes, that does not begin with a dot."
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// The name is already in use.
    #[error(
        "The name \"{name}\" is taken. Choose another one, or remove the other model first.\nFolder: {}", folder.display()
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The folder to be added.
        folder: PathBuf,
    },
    /// The list is damaged or of an unknown version.
    #[error(
        "The list of added models cannot be read ({reason}). Update Heschl, or move the file \
         away and add the models again.\nFile: {}", path.display()
    )]
    UnknownList {
        /// The reason.
        reason: String,
        /// The list.
        path: PathBuf,
    },
    /// There is no folder for the list.
    #[error(transparent)]
    NoDataFolder(#[from] NoDataFolder),
    /// A file could not be read or written.
    #[error("A file could not be read or written ({source}). Check the folder's permissions.\nFile: {}", path.display())]
    File {
        /// The error of the operating system.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl AddError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NameTaken { .. } => vec![Remedy::OtherModelName],
            Self::Adapter(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AddError + '_ {
    move |source| AddError::File {
        source,
        path: path.to_owned(),
    }
}

/// Registers a model folder under `name`, or under the folder's own name.
///
/// Adding the same folder under the same name again has no effect.
///
/// # Errors
/// Returns an [`AddError`].
pub fn add(around: &Surroundings, folder: &Path, name: Option<&str>) -> Result<Added, AddError> {
    let folder = folder.canonicalize().map_err(at(folder))?;
    if !is_model_folder(&folder) {
        adapters::refuse_alone(&folder).map_err(|error| AddError::Adapter(Box::new(error)))?;
        return Err(AddError::NotAModel { folder });
    }
    let own_name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.map(str::to_owned).or(own_name).unwrap_or_default();
    if !is_folder_name(&name) {
        return Err(AddError::BadName { name });
    }
    let (list_path, _lock) = locked(around)?;
    let mut models = read(&list_path)?;
    let wanted = Added { name, folder };
    if models.contains(&wanted) {
        return Ok(wanted);
    }
    if is_taken(&models, &wanted.name) {
        return Err(AddError::NameTaken {
            name: wanted.name,
            folder: wanted.folder,
        });
    }
    models.push(wanted.clone());
    write(&list_path, models)?;
    Ok(wanted)
}

/// Whether a folder holds a checkpoint or an added ONNX file.
pub(crate) fn is_model_folder(folder: &Path) -> bool {
    folder.join(CONFIG_FILE).is_file() || is_own_onnx(folder)
}

fn is_taken(models: &[Added], name: &str) -> bool {
    catalogue::find(name).is_some() || models.iter().any(|other| other.name == name)
}

/// Checks that a model can be named `name`, before its folder is written to Heschl's data folder.
pub(crate) fn check_name_is_free(
    around: &Surroundings,
    name: &str,
    file: &Path,
) -> Result<(), AddError> {
    let name = name.to_owned();
    if !is_folder_name(&name) {
        return Err(AddError::BadName { name });
    }
    let folder = around.folders()?.model(&name);
    let is_in_the_way = folder.exists() && !is_written_here(&folder);
    if is_taken(&added(around)?, &name) || is_in_the_way {
        return Err(AddError::NameTaken {
            name,
            folder: file.parent().unwrap_or(file).to_owned(),
        });
    }
    Ok(())
}

/// Whether a folder was written by Heschl for an added model. If it is not in the list, it was left by an interrupted
/// attempt and can be replaced.
fn is_written_here(folder: &Path) -> bool {
    is_own_onnx(folder) || is_untrained(folder)
}

/// Returns all added models, in the order they were added.
///
/// # Errors
/// Returns [`AddError::UnknownList`] if the list is damaged or of an unknown version.
pub fn added(around: &Surroundings) -> Result<Vec<Added>, AddError> {
    read(&list_path(around)?)
}

/// Removes a model from the list; returns whether it was on it. Its folder is kept, unless Heschl wrote it to its own data
/// folder (the edited copy of an ONNX file, or an untrained network).
///
/// # Errors
/// Returns an [`AddError`].
pub fn remove(around: &Surroundings, name: &str) -> Result<bool, AddError> {
    let (list_path, _lock) = locked(around)?;
    let mut models = read(&list_path)?;
    let Some(index) = models.iter().position(|model| model.name == name) else {
        return Ok(false);
    };
    let removed = models.remove(index);
    write(&list_path, models)?;
    remove_copy(&removed.folder, &around.folders()?.model(name))?;
    Ok(true)
}

/// Removes a model's folder if Heschl wrote it: the edited copy of an ONNX file, or an untrained network.
fn remove_copy(folder: &Path, own_folder: &Path) -> Result<(), AddError> {
    let is_same = own_folder
        .canonicalize()
        .is_ok_and(|own_folder| own_folder == folder);
    if is_same && is_written_here(folder) {
        disk::remove_folder(folder).map_err(at(folder))?;
    }
    Ok(())
}

fn list_path(around: &Surroundings) -> Result<PathBuf, NoDataFolder> {
    Ok(around.folders()?.models().join(LIST_FILE))
}

/// The list's path, with the lock that permits changing it.
fn locked(around: &Surroundings) -> Result<(PathBuf, Option<DiskFile>), AddError> {
    let path = list_path(around)?;
    let lock_path = path.with_file_name(".added.lock");
    for _ in 0..100 {
        if let Some(lock) = files::lock(&lock_path).map_err(at(&lock_path))? {
            return Ok((path, Some(lock)));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let waited = io::Error::new(
        io::ErrorKind::TimedOut,
        "another Heschl is changing the list",
    );
    Err(at(&path)(waited))
}

fn read(path: &Path) -> Result<Vec<Added>, AddError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(path)(error)),
    };
    let unknown = |reason| AddError::UnknownList {
        reason,
        path: path.to_owned(),
    };
    let list: List = serde_json::from_slice(&text).map_err(|error| unknown(error.to_string()))?;
    if list.version != LIST_VERSION {
        return Err(unknown(format!("it has version {}", list.version)));
    }
    Ok(list.models)
}

fn write(path: &Path, models: Vec<Added>) -> Result<(), AddError> {
    let list = List {
        version: LIST_VERSION,
        models,
    };
    let text = serde_json::to_vec_pretty(&list).map_err(io::Error::other);
    text.and_then(|text| disk::write_atomically(path, &text))
        .map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> (tempfile::TempDir, Surroundings) {
        let root = tempfile::tempdir().unwrap();
        let around = Surroundings {
            data_folder: Some(root.path().join("data")),
            ..Surroundings::default()
        };
        for name in ["mine", "whisper-tiny"] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join(CONFIG_FILE), "{}").unwrap();
        }
        fs::create_dir(root.path().join("empty")).unwrap();
        (root, around)
    }

    #[test]
    fn a_folder_is_added_once_listed_and_removed_without_being_touched() {
        let (root, around) = fixture();
        let folder = root.path().join("mine");
        let first = add(&around, &folder, None).unwrap();
        assert_eq!(first.name, "mine");
        assert_eq!(add(&around, &folder, None).unwrap(), first);
        let second = add(&around, &folder, Some("other")).unwrap();
        assert_eq!(added(&around).unwrap(), [first, second]);
        assert!(remove(&around, "mine").unwrap());
        assert!(!remove(&around, "mine").unwrap());
        assert_eq!(added(&around).unwrap().len(), 1);
        assert!(folder.join(CONFIG_FILE).is_file());
    }

    #[test]
    fn what_is_no_model_or_has_no_free_name_is_refused() {
        let (root, around) = fixture();
        let refused =
            |folder: &str, name| add(&around, &root.path().join(folder), name).unwrap_err();
        assert!(matches!(refused("empty", None), AddError::NotAModel { .. }));
        assert!(matches!(refused("absent", None), AddError::File { .. }));
        assert!(matches!(
            refused("mine", Some("../x")),
            AddError::BadName { .. }
        ));
        assert!(matches!(
            refused("whisper-tiny", None),
            AddError::NameTaken { .. }
        ));
    }

    #[test]
    fn a_list_of_another_version_is_refused_and_kept() {
        let (root, around) = fixture();
        let path = list_path(&around).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for content in [r#"{"version":2,"models":[]}"#, "damaged"] {
            fs::write(&path, content).unwrap();
            let error = add(&around, &root.path().join("mine"), None).unwrap_err();
            assert!(matches!(error, AddError::UnknownList { .. }));
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }
}
