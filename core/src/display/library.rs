//! Contents of a features folder, from Heschl or the study's Python code: its layers and stories.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix2};

use crate::files::formats::npz::{self, NpzError};
use crate::run::recipe::RecipeFile;

/// Maximum nesting depth of story folders.
const DEEPEST: usize = 6;
const TIMES: &str = "_times";

/// Errors of reading a features folder.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The folder does not exist.
    #[error(
        "The folder of features is not there. Check whether it was moved or its disk is mounted.\nFolder: {}", .0.display()
    )]
    Missing(PathBuf),
    /// The folder holds no features.
    #[error(
        "This folder holds no features. Choose the model's folder, such as features_cnk0.1_ctx16.0/whisper-tiny.en, which has \
         <story>.npz or folders encoder.0, layer.0 and so on.\nFolder: {}", .0.display()
    )]
    Empty(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] NpzError),
    /// Times and features have different numbers of rows.
    #[error("The features have {n_rows} rows but the times {n_times}: one of the files is from another run.\nFile: {}", .path.display())]
    Rows {
        /// Rows of the features.
        n_rows: usize,
        /// Rows of the times.
        n_times: usize,
        /// The features' file.
        path: PathBuf,
    },
}

/// A layer in a features folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// A hidden state: its index, and its folder's name, such as `encoder.3`.
    Hidden(usize, String),
    /// The final output, directly in the model's folder.
    Final,
}

impl Layer {
    /// Returns the layer's display name.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Hidden(number, _) => number.to_string(),
            Self::Final => "final".into(),
        }
    }
}

/// The features folder of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureLibrary {
    folder: PathBuf,
    /// The hidden states by index, then the final output.
    pub layers: Vec<Layer>,
    /// The stories, in alphabetical order.
    pub stories: Vec<String>,
    /// The recipe in the folder, if there is one.
    pub recipe: Option<RecipeFile>,
}

impl FeatureLibrary {
    /// Lists the layers and stories in a folder. If the folder contains a single model's folder, or a single settings
    /// folder with one, that is opened instead.
    ///
    /// # Errors
    /// Returns [`LibraryError::Missing`] or [`LibraryError::Empty`].
    pub fn open(folder: &Path) -> Result<Self, LibraryError> {
        if !folder.is_dir() {
            return Err(LibraryError::Missing(folder.into()));
        }
        let mut at = folder.to_path_buf();
        loop {
            let found = Self::at(&at);
            if !found.layers.is_empty() {
                return Ok(found);
            }
            match &folders_in(&at)[..] {
                [only] if at.components().count() < folder.components().count() + 2 => {
                    at.push(only);
                }
                _ => return Err(LibraryError::Empty(folder.into())),
            }
        }
    }

    fn at(folder: &Path) -> Self {
        let mut layers: Vec<Layer> = folders_in(folder)
            .into_iter()
            .filter_map(layer_named)
            .collect();
        layers.sort();
        let mut stories = BTreeSet::new();
        // Without layers it may be a parent of models' folders: deeper files are not its own.
        let depth = if layers.is_empty() { 0 } else { DEEPEST };
        let in_folder = stories_in(folder, &layers, depth);
        if !in_folder.is_empty() {
            layers.push(Layer::Final);
        }
        stories.extend(in_folder);
        // With a selection of layers there may be no final output; the stories are then those of any layer.
        if let Some(Layer::Hidden(_, name)) = layers.first() {
            stories.extend(stories_in(&folder.join(name), &[], DEEPEST));
        }
        if stories.is_empty() {
            layers.clear();
        }
        Self {
            folder: folder.into(),
            layers,
            stories: stories.into_iter().collect(),
            recipe: RecipeFile::read(&folder.join("recipe.toml")).ok(),
        }
    }

    /// Returns the model's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a layer's features.
    #[must_use]
    pub fn path(&self, layer: &Layer, story: &str) -> PathBuf {
        let folder = match layer {
            Layer::Hidden(_, name) => self.folder.join(name),
            Layer::Final => self.folder.clone(),
        };
        folder.join(format!("{story}.npz"))
    }

    /// Reads a layer's features of a story, `(n_rows, n_dims)`.
    ///
    /// # Errors
    /// Returns [`LibraryError::File`] if the file cannot be read.
    pub fn features(&self, layer: &Layer, story: &str) -> Result<Array2<f32>, LibraryError> {
        Ok(npz::read::<Ix2>(&self.path(layer, story), "features")?)
    }

    /// Reads start and end of each row's window in seconds, `(n_rows, 2)`; returns `None` if there is no such file.
    ///
    /// # Errors
    /// Returns [`LibraryError::File`] if the file cannot be read, [`LibraryError::Rows`] if there are not `n_rows` rows.
    pub fn times(&self, story: &str, n_rows: usize) -> Result<Option<Array2<f32>>, LibraryError> {
        let path = self.folder.join(format!("{story}{TIMES}.npz"));
        if !path.is_file() {
            return Ok(None);
        }
        let times = npz::read::<Ix2>(&path, "times")?;
        if times.nrows() != n_rows || times.ncols() != 2 {
            return Err(LibraryError::Rows {
                n_rows,
                n_times: times.nrows(),
                path,
            });
        }
        Ok(Some(times))
    }
}

fn layer_named(name: String) -> Option<Layer> {
    let (prefix, number) = name.split_once('.')?;
    let is_layer = !prefix.is_empty() && prefix.chars().all(char::is_alphabetic);
    is_layer.then_some(Layer::Hidden(number.parse().ok()?, name))
}

/// Names of a folder's immediate sub-folders, without hidden ones, sorted.
fn folders_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Stories with features in a folder or below it, excluding those of a layer or another feature set.
fn stories_in(folder: &Path, layers: &[Layer], deepest: usize) -> Vec<String> {
    let is_other = |name: &str| {
        let is_layer = layers
            .iter()
            .any(|layer| matches!(layer, Layer::Hidden(_, known) if known == name));
        is_layer || name.starts_with("stride_") || name == "custom_stimuli"
    };
    let mut stories = BTreeSet::new();
    let mut left = vec![(folder.to_path_buf(), String::new(), 0)];
    while let Some((at, before, depth)) = left.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = entry.path();
            if path.is_dir() {
                if depth < deepest && !name.starts_with('.') && !(depth == 0 && is_other(&name)) {
                    left.push((path, format!("{before}{name}/"), depth + 1));
                }
            } else if let Some(story) = name.strip_suffix(".npz") {
                stories.insert(format!("{before}{story}"));
            }
        }
    }
    // A story may be called `hard_times`: unlike times files, it has times of its own.
    let has_times = |story: &str| stories.contains(&format!("{story}{TIMES}"));
    let is_story = |story: &&String| has_times(story) || !story.ends_with(TIMES);
    stories.iter().filter(is_story).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::formats::npz::RowsWriter;

    fn write(path: &Path, name: &str, n_rows: usize, n_columns: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer =
            RowsWriter::new(fs::File::create(path).unwrap(), name, n_rows, n_columns).unwrap();
        let values: Vec<f32> = (0..n_rows * n_columns).map(|i| i as f32).collect();
        writer.write(&values).unwrap();
        writer.finish().unwrap();
    }

    /// Two layers of ten, in an order in which a disk may list them, with a story in a sub-folder.
    fn library(folder: &Path) {
        for story in ["b", "deep/a"] {
            for layer in ["encoder.10", "encoder.2", ""] {
                write(
                    &folder.join(layer).join(format!("{story}.npz")),
                    "features",
                    4,
                    3,
                );
            }
            write(&folder.join(format!("{story}_times.npz")), "times", 4, 2);
        }
        write(&folder.join("stride_0.5/c.npz"), "features", 1, 3);
        fs::create_dir_all(folder.join(".heschl")).unwrap();
    }

    #[test]
    fn a_story_may_be_called_like_times() {
        let folder = tempfile::tempdir().unwrap();
        for story in ["hard_times", "soft"] {
            write(
                &folder.path().join(format!("{story}.npz")),
                "features",
                4,
                3,
            );
            write(
                &folder.path().join(format!("{story}_times.npz")),
                "times",
                4,
                2,
            );
        }
        let library = FeatureLibrary::open(folder.path()).unwrap();
        assert_eq!(library.stories, ["hard_times", "soft"]);
    }

    #[test]
    fn layers_and_stories_are_found_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        library(folder.path());
        let found = FeatureLibrary::open(folder.path()).unwrap();
        let titles: Vec<String> = found.layers.iter().map(Layer::title).collect();
        assert_eq!(
            (titles, found.stories.clone()),
            (
                vec!["2".into(), "10".into(), "final".into()],
                vec!["b".to_string(), "deep/a".into()]
            )
        );
        let features = found.features(&found.layers[1], "deep/a").unwrap();
        assert_eq!((features.dim(), features[[3, 2]]), ((4, 3), 11.0));
        assert_eq!(found.times("b", 4).unwrap().unwrap().dim(), (4, 2));
        assert!(
            found
                .times("b", 5)
                .unwrap_err()
                .to_string()
                .contains("5 rows but the times 4")
        );
    }

    #[test]
    fn a_folder_around_the_models_folder_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("features_cnk0.1_ctx16.0/whisper-tiny");
        library(&inner);
        assert_eq!(FeatureLibrary::open(folder.path()).unwrap().folder(), inner);
        fs::create_dir_all(folder.path().join("features_cnk0.1_ctx16.0/another")).unwrap();
        assert!(matches!(
            FeatureLibrary::open(folder.path()),
            Err(LibraryError::Empty(_))
        ));
    }

    #[test]
    fn what_is_missing_or_damaged_gets_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            FeatureLibrary::open(&folder.path().join("gone"))
                .unwrap_err()
                .to_string()
                .contains("is not there")
        );
        assert!(
            FeatureLibrary::open(folder.path())
                .unwrap_err()
                .to_string()
                .contains("holds no features")
        );
        library(folder.path());
        fs::write(folder.path().join("encoder.2/b.npz"), "no archive").unwrap();
        let found = FeatureLibrary::open(folder.path()).unwrap();
        assert!(
            found
                .features(&found.layers[0], "b")
                .unwrap_err()
                .to_string()
                .contains("encoder.2")
        );
    }
}
