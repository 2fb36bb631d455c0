//! Resolves a model name to its folder.

use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::adapters;
use crate::added::{AddError, added, is_model_folder};
use crate::catalogue::{self, Entry};
use crate::fetch::{installed, provenance_of};
use crate::folders::Surroundings;
use crate::hub::Hub;
use heschl_core::remedy::Remedy;

/// How a model's folder was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundAs {
    /// Installed in Heschl's data folder.
    Installed,
    /// In the Hugging Face cache, which must not be written to and may contain links; [`crate::fetch::fetch_model`]
    /// installs it from there without network access.
    HubCache,
    /// A folder that the user added.
    Added,
    /// Given as a path.
    Path,
}

/// A model's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder {
    /// Name of the model, or of the folder.
    pub name: String,
    /// The folder, absolute.
    pub path: PathBuf,
    /// Catalogue entry; `None` for the user's own folders.
    pub entry: Option<&'static Entry<'static>>,
    /// How it was found.
    pub found_as: FoundAs,
}

/// Errors of [`resolve`].
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The model is in the catalogue but not installed.
    #[error("The model {name} is not installed. Download it (about {download_megabytes} MB).")]
    NotInstalled {
        /// Its name.
        name: &'static str,
        /// Approximate download size, megabytes.
        download_megabytes: u64,
    },
    /// There is neither a model nor a folder of this name.
    #[error(
        "There is no model and no folder called \"{name}\".{}{} To use a folder of your own, give its path.",
        did_you_mean(nearest),
        or_of_hub(name)
    )]
    Unknown {
        /// The requested name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
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
    /// The list of added models cannot be read.
    #[error(transparent)]
    Added(#[from] AddError),
}

impl ResolveError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NotInstalled { name, .. } => vec![Remedy::FetchModel {
                name: (*name).to_string(),
            }],
            Self::Unknown { name, .. } => {
                let of_hub =
                    catalogue::of_hub(name).map(|_| Remedy::FetchModel { name: name.clone() });
                of_hub.into_iter().chain([Remedy::ListModels]).collect()
            }
            Self::NotAModel { .. } => Vec::new(),
            Self::Adapter(error) => error.remedies(),
            Self::Added(error) => error.remedies(),
        }
    }
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    format!(" Did you mean {}?", nearest.join(", "))
}

fn or_of_hub(name: &str) -> String {
    if catalogue::of_hub(name).is_none() {
        return String::new();
    }
    " If it is a repository of the Hugging Face Hub, download it.".into()
}

/// Finds the folder of a model.
///
/// * `model`: a name in the catalogue or its Hub repository, the name of an added folder, or a path. Names take precedence
///   over folders of the same name; write `./name` for the folder.
///
/// # Errors
/// Returns a [`ResolveError`].
pub fn resolve(around: &Surroundings, model: &str) -> Result<ModelFolder, ResolveError> {
    if let Some(entry) = catalogue::find(model) {
        return known(around, entry);
    }
    if let Some(path) = fetched_besides(around, model) {
        return folder(&path, None, FoundAs::Installed);
    }
    // Without a data folder nothing can have been added; a path still works.
    let own = if around.folders().is_ok() {
        added(around)?
    } else {
        Vec::new()
    };
    if let Some(own) = own.iter().find(|own| own.name == model) {
        return folder(&own.folder, Some(&own.name), FoundAs::Added);
    }
    if Path::new(model).is_dir() {
        return folder(Path::new(model), None, FoundAs::Path);
    }
    let mut nearest: Vec<String> = catalogue::nearest(model)
        .into_iter()
        .map(Into::into)
        .collect();
    nearest.extend(
        own.into_iter()
            .map(|own| own.name)
            .filter(|name| is_like(name, model)),
    );
    Err(ResolveError::Unknown {
        name: model.to_owned(),
        nearest,
    })
}

/// The folder of an installed model that is not in the catalogue, by name or repository.
fn fetched_besides(around: &Surroundings, model: &str) -> Option<PathBuf> {
    let name = model.rsplit('/').next()?;
    let path = installed(around, name)?;
    let is_meant = name == model || provenance_of(&path)?.origin.eq_ignore_ascii_case(model);
    is_meant.then_some(path)
}

fn known(
    around: &Surroundings,
    entry: &'static Entry<'static>,
) -> Result<ModelFolder, ResolveError> {
    let found = |path, found_as| ModelFolder {
        name: entry.name.to_owned(),
        path,
        entry: Some(entry),
        found_as,
    };
    if let Some(path) = installed(around, entry.name) {
        return Ok(found(path, FoundAs::Installed));
    }
    if let Some(path) = Hub::new(around).cached_models(entry).into_iter().next() {
        return Ok(found(path, FoundAs::HubCache));
    }
    Err(ResolveError::NotInstalled {
        name: entry.name,
        download_megabytes: entry.download_megabytes(),
    })
}

fn folder(path: &Path, name: Option<&str>, found_as: FoundAs) -> Result<ModelFolder, ResolveError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if !is_model_folder(&path) {
        adapters::refuse_alone(&path).map_err(|error| ResolveError::Adapter(Box::new(error)))?;
        return Err(ResolveError::NotAModel { folder: path });
    }
    let own_name = || {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let name = name
        .map(str::to_owned)
        .or_else(own_name)
        .unwrap_or_default();
    Ok(ModelFolder {
        name,
        path,
        entry: None,
        found_as,
    })
}

fn is_like(name: &str, wanted: &str) -> bool {
    let (name, wanted) = (name.to_lowercase(), wanted.to_lowercase());
    !wanted.is_empty() && (name.contains(&wanted) || wanted.contains(&name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::added::add;

    #[test]
    fn names_added_folders_and_paths_are_found_and_the_rest_gets_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let around = Surroundings {
            data_folder: Some(root.join("data")),
            home: Some(root.join("home")),
            ..Surroundings::default()
        };
        let make = |folder: &str, files: &[&str]| {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).unwrap();
            for name in files {
                fs::write(folder.join(name), "{}").unwrap();
            }
            folder
        };
        let installed = make(
            "data/models/whisper-base",
            &["config.json", "model.safetensors"],
        );
        make("data/models/whisper-small", &["config.json"]);
        let mine = make("mine", &["config.json"]);
        let empty = make("empty", &[]);
        add(&around, &mine, Some("tuned")).unwrap();

        let found = |model: &str| resolve(&around, model).map(|m| (m.name, m.path, m.found_as));
        let base = Ok(("whisper-base".to_owned(), installed, FoundAs::Installed));
        assert_eq!(
            found("openai/whisper-base").map_err(|e| e.to_string()),
            base
        );
        assert_eq!(found("tuned").unwrap().2, FoundAs::Added);
        let by_path = found(mine.to_str().unwrap()).unwrap();
        assert_eq!((by_path.0.as_str(), by_path.2), ("mine", FoundAs::Path));

        let sentence = |model: &str| resolve(&around, model).unwrap_err().to_string();
        assert!(sentence("whisper-small").contains("whisper-small is not installed"));
        assert!(sentence("wisper-base").contains("Did you mean whisper-base"));
        assert!(sentence("tuned2").contains("tuned"));
        assert!(sentence("some/one").contains("Hugging Face Hub, download it"));
        let fetch = |name: &str| Remedy::FetchModel { name: name.into() };
        let remedies = |model: &str| resolve(&around, model).unwrap_err().remedies();
        assert_eq!(remedies("whisper-small"), [fetch("whisper-small")]);
        assert_eq!(
            remedies("some/one"),
            [fetch("some/one"), Remedy::ListModels]
        );
        assert_eq!(remedies("wisper-base"), [Remedy::ListModels]);
        assert!(sentence(empty.to_str().unwrap()).contains("no config.json"));
    }
}
