//! Heschl's data folders, and its environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Properties of user and machine that determine where files are searched.
///
/// Passed as a value, so that no search depends on global state.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub variables: BTreeMap<String, OsString>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The operating system's folder for Heschl's data.
    pub data_folder: Option<PathBuf>,
    /// The folder of the running program.
    pub program_folder: Option<PathBuf>,
    /// Root of the file system, below which drivers are searched.
    pub system_root: PathBuf,
}

impl Surroundings {
    /// Returns the surroundings of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let program = std::env::current_exe().and_then(|path| path.canonicalize());
        Self {
            variables,
            home: directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
            data_folder: directories::ProjectDirs::from("", "", "heschl")
                .map(|dirs| dirs.data_dir().to_owned()),
            program_folder: program.ok().and_then(|p| p.parent().map(Path::to_owned)),
            system_root: PathBuf::from(if cfg!(windows) { "C:\\" } else { "/" }),
        }
    }

    /// Returns an environment variable as a path; `None` if unset or empty.
    #[must_use]
    pub fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.variables.get(variable)?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// Returns an environment variable as trimmed text; `None` if unset or empty.
    #[must_use]
    pub fn text(&self, variable: &str) -> Option<&str> {
        let value = self.variables.get(variable)?.to_str()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Whether an environment variable is truthy: `1`, `true`, `yes` or `on`.
    #[must_use]
    pub fn says_yes(&self, variable: &str) -> bool {
        let value = self.text(variable).unwrap_or_default().to_ascii_lowercase();
        ["1", "true", "yes", "on"].contains(&value.as_str())
    }

    /// Finds a program on the search path (`PATH`).
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let search = self
            .variables
            .get("PATH")
            .or_else(|| self.variables.get("Path"))?;
        std::env::split_paths(search)
            .map(|folder| folder.join(&file_name))
            .find(|path| path.is_absolute() && path.is_file())
    }

    /// Returns the folder of a model that is installed together with the program; it may be missing, and is read only.
    #[must_use]
    pub fn shipped_model(&self, name: &str) -> Option<PathBuf> {
        Some(self.program_folder.as_ref()?.join("models").join(name))
    }

    /// Returns Heschl's own folders: under `HESCHL_HOME`, else in the user's data folder.
    ///
    /// # Errors
    /// Returns [`NoDataFolder`] if neither is defined, as for users without a home folder.
    pub fn folders(&self) -> Result<Folders, NoDataFolder> {
        let root = self
            .path("HESCHL_HOME")
            .or_else(|| self.data_folder.clone());
        let root = root.ok_or(NoDataFolder)?;
        // A relative path would change its meaning with the working folder.
        let root = std::path::absolute(&root).map_err(|_| NoDataFolder)?;
        Ok(Folders { root })
    }
}

/// No data folder is defined.
#[derive(Debug, thiserror::Error)]
#[error(
    "There is no folder for Heschl's data because this user has no home folder. \
     Set the environment variable HESCHL_HOME to a folder that you can write to."
)]
pub struct NoDataFolder;

/// Heschl's folders for models and libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Folders below a given root; nothing is created.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of all models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Returns the folder of one model, complete or absent.
    #[must_use]
    pub fn model(&self, name: &str) -> PathBuf {
        self.models().join(name)
    }

    /// Returns the folder of an incomplete model.
    #[must_use]
    pub fn partial_model(&self, name: &str) -> PathBuf {
        self.models().join(format!(".partial-{name}"))
    }

    /// Returns the folder of one version of ONNX Runtime.
    #[must_use]
    pub fn runtime(&self, version: &str) -> PathBuf {
        self.root.join("runtime").join(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heschl_home_wins_over_the_data_folder() {
        let mut around = Surroundings {
            data_folder: Some(PathBuf::from("/data")),
            ..Surroundings::default()
        };
        let root = |around: &Surroundings| around.folders().unwrap().root().to_owned();
        assert_eq!(root(&around), Path::new("/data"));
        around.variables.insert("HESCHL_HOME".into(), "".into());
        assert_eq!(root(&around), Path::new("/data"));
        around
            .variables
            .insert("HESCHL_HOME".into(), "/mine".into());
        assert_eq!(root(&around), Path::new("/mine"));
    }

    #[test]
    fn without_any_folder_there_is_a_sentence() {
        let error = Surroundings::default().folders().unwrap_err();
        assert!(error.to_string().contains("HESCHL_HOME"));
    }
}
