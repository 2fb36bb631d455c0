//! What a path is that was dropped on the window or handed to it.

use std::path::{Path, PathBuf};

use heschl_core::brain::folders;
use heschl_core::run::maps;
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{EncodeFile, RecipeFile};
use heschl_core::speech::stimuli::{self, Depth};

use super::{Replies, Waker, Worker};
use crate::gui::study;

/// What a path means to Heschl.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// A study.
    Study(PathBuf),
    /// A folder of recordings, and the story that was meant if it was a file.
    Stimuli(PathBuf, Option<String>),
    /// A folder of features.
    Features(PathBuf),
    /// A checkpoint or an ONNX file.
    Model(PathBuf),
    /// A recipe.
    Recipe(PathBuf),
    /// The recipe of a fit.
    Fit(PathBuf),
    /// A folder of scores.
    Scores(PathBuf),
    /// Responses: a file or a folder.
    Responses(PathBuf),
    /// A folder of words.
    Words(PathBuf),
    /// The folder of a subject's surfaces.
    Subject(PathBuf),
    /// Regions of the cortex.
    Regions(PathBuf),
    /// None of these: a sentence.
    Nothing(String),
}

impl Meaning {
    /// What will be done with it.
    #[must_use]
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Study(path) => format!("Open the study {}", name(path)),
            Self::Stimuli(path, _) => format!("Use the recordings of {}", name(path)),
            Self::Features(path) => format!("Show the features of {}", name(path)),
            Self::Model(path) => format!("Add the model {}", name(path)),
            Self::Recipe(path) => format!("Load the settings of {}", name(path)),
            Self::Fit(path) => format!("Load the fit settings of {}", name(path)),
            Self::Scores(path) => format!("Show the scores of {}", name(path)),
            Self::Responses(path) => format!("Use {} as the responses", name(path)),
            Self::Words(path) => format!("Use the words of {}", name(path)),
            Self::Subject(path) => format!("Show scores on the cortex of {}", name(path)),
            Self::Regions(path) => format!("Open the regions of {}", name(path)),
            Self::Nothing(sentence) => sentence.clone(),
        }
    }
}

impl Meaning {
    /// What a path seems to be while it hovers over the window, by its name alone.
    #[must_use]
    pub(crate) fn guess(path: &Path) -> String {
        let what = name(path);
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        match ending.as_str() {
            "onnx" | "safetensors" => format!("the model {what} will be added"),
            "toml" => format!("the settings of {what} will be loaded"),
            "npz" => format!("the features or scores next to {what} will be shown"),
            "textgrid" => format!("the words next to {what} will be used"),
            "label" | "annot" | "json" => format!("the regions of {what} will be opened"),
            ending if RESPONSES.contains(&ending) => {
                format!("{what} will be used as the responses")
            }
            ending if stimuli::EXTENSIONS.contains(&ending) => {
                format!("the recordings next to {what} will be used")
            }
            "" => format!(
                "{what} will be opened as a study, recordings, features, scores, responses, a model, or a subject, depending on its \
                 contents"
            ),
            _ => format!("Heschl cannot open {what}"),
        }
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

pub(super) fn open(waker: &Waker) -> Worker<Vec<PathBuf>, Vec<Meaning>> {
    Worker::open(
        "drops",
        waker,
        |paths: Vec<PathBuf>, _: &CancelToken, out: &Replies<Vec<Meaning>>| {
            out.give(paths.iter().map(|path| meaning(path)).collect());
        },
    )
}

/// Checks a path.
pub(super) fn meaning(path: &Path) -> Meaning {
    if path.is_dir() {
        meaning_of_folder(path)
    } else if path.is_file() {
        meaning_of_file(path)
    } else {
        Meaning::Nothing(format!(
            "This path no longer exists.\nPath: {}",
            path.display()
        ))
    }
}

fn meaning_of_folder(folder: &Path) -> Meaning {
    if folder.join(study::FILE).is_file() {
        return Meaning::Study(folder.into());
    }
    if folder.join("config.json").is_file() || folder.join("model.bin").is_file() {
        return Meaning::Model(folder.into());
    }
    if folders::recognise(folder).is_some() {
        return Meaning::Subject(folder.into());
    }
    if let Some(scores) = scores_in(folder) {
        return Meaning::Scores(scores);
    }
    if stimuli::find_stimuli(folder, Depth::TopLevel).is_ok() {
        return Meaning::Stimuli(folder.into(), None);
    }
    if holds_features(folder) {
        return Meaning::Features(folder.into());
    }
    let endings = endings_in(folder);
    if endings.iter().any(|ending| ending == "textgrid") {
        return Meaning::Words(folder.into());
    }
    if endings
        .iter()
        .any(|ending| RESPONSES.contains(&ending.as_str()))
    {
        return Meaning::Responses(folder.into());
    }
    match stimuli::find_stimuli(folder, Depth::Recursive) {
        Ok(_) => Meaning::Stimuli(folder.into(), None),
        Err(_) => Meaning::Nothing(format!(
            "This folder contains no study, recordings, model, or features.\nFolder: {}",
            folder.display()
        )),
    }
}

/// Endings of files that hold responses and nothing else that Heschl knows.
const RESPONSES: [&str; 10] = [
    "npy", "hf5", "h5", "hdf5", "jbl", "pkl", "nii", "gii", "mgz", "mgh",
];

/// The folder of scores that a folder is, or the first of those that lie in it.
fn scores_in(folder: &Path) -> Option<PathBuf> {
    let has_scores =
        |folder: &PathBuf| folder.join("scores.npz").is_file() || maps::is_folder(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut below: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    below.sort();
    std::iter::once(folder.to_path_buf())
        .chain(below)
        .find(has_scores)
}

/// The endings of the files in a folder, in small letters.
fn endings_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| ending(&entry.path())).collect()
}

fn ending(path: &Path) -> String {
    let name = name(path).to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let ending = Path::new(name).extension().unwrap_or_default();
    ending.to_string_lossy().into_owned()
}

/// Whether a folder holds features, or folders named as those of features are.
fn holds_features(folder: &Path) -> bool {
    let has = |entry: &Path| {
        let name = name(entry);
        name.ends_with("_times.npz") || name.starts_with("features_cnk")
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    name(folder).starts_with("features_cnk") || below.iter().any(|entry| has(entry))
}

fn meaning_of_file(file: &Path) -> Meaning {
    let ending = ending(file);
    let folder = file.parent().unwrap_or(file).to_path_buf();
    match ending.as_str() {
        "onnx" => Meaning::Model(file.into()),
        "safetensors" => Meaning::Model(folder),
        "toml" if file.file_name() == Some(study::FILE.as_ref()) => Meaning::Study(folder),
        "toml" => meaning_of_recipe(file),
        "npz" if scores_in(&folder).as_ref() == Some(&folder) => Meaning::Scores(folder),
        "npz" => Meaning::Features(folder),
        "textgrid" => Meaning::Words(folder),
        // A label that GIFTI calls so has the ending of responses.
        "label" | "annot" | "json" => Meaning::Regions(file.into()),
        "gii" if name(file).to_lowercase().contains(".label.gii") => Meaning::Regions(file.into()),
        ending if RESPONSES.contains(&ending) => Meaning::Responses(file.into()),
        // What else a fit leaves.
        "html" | "md" | "csv" if scores_in(&folder).as_ref() == Some(&folder) => {
            Meaning::Scores(folder)
        }
        ending if stimuli::EXTENSIONS.contains(&ending) => {
            let story = file
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            Meaning::Stimuli(folder, story)
        }
        _ => Meaning::Nothing(format!(
            "This is not a recording, model, recipe, or feature file that Heschl can read.\nFile: {}",
            file.display()
        )),
    }
}

/// A recipe of features, or of a fit: the one that its sections make it.
fn meaning_of_recipe(file: &Path) -> Meaning {
    let is_fit = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| toml::from_str::<toml::Table>(&text).ok())
        .is_some_and(|table| table.contains_key("encode"));
    let read = if is_fit {
        EncodeFile::read(file)
            .map(|_| Meaning::Fit(file.into()))
            .map_err(|error| error.to_string())
    } else {
        RecipeFile::read(file)
            .map(|_| Meaning::Recipe(file.into()))
            .map_err(|error| error.to_string())
    };
    read.unwrap_or_else(Meaning::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts empty files into a folder and asks what the folder, or one of them, is.
    fn check(files: &[&str], dropped: &str, expected: impl Fn(&Path) -> Meaning) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(
            meaning(&folder.path().join(dropped)),
            expected(folder.path())
        );
    }

    #[test]
    fn what_is_dropped_is_known_by_what_it_holds() {
        check(&["study.toml", "a.wav"], "", |at| {
            Meaning::Study(at.join(""))
        });
        check(&["a.wav", "b.flac"], "", |at| {
            Meaning::Stimuli(at.join(""), None)
        });
        check(&["day 1/a.mp3"], "", |at| {
            Meaning::Stimuli(at.join(""), None)
        });
        check(&["a.wav"], "a.wav", |at| {
            Meaning::Stimuli(at.into(), Some("a".into()))
        });
        check(&["a.npz", "a_times.npz"], "", |at| {
            Meaning::Features(at.join(""))
        });
        check(&["features_cnk0.1_ctx16.0/m/a.npz"], "", |at| {
            Meaning::Features(at.join(""))
        });
        check(&["scores.npz", "recipe.toml", "report.html"], "", |at| {
            Meaning::Scores(at.join(""))
        });
        for file in ["scores.npz", "report.html"] {
            check(&["scores.npz", "report.html"], file, |at| {
                Meaning::Scores(at.into())
            });
        }
        check(&["m-1/scores.npz", "m-2/scores.npz"], "", |at| {
            Meaning::Scores(at.join("m-1"))
        });
        check(&["a.npy", "b.npy"], "", |at| {
            Meaning::Responses(at.join(""))
        });
        check(&["a.nii.gz"], "a.nii.gz", |at| {
            Meaning::Responses(at.join("a.nii.gz"))
        });
        check(&["a.TextGrid"], "", |at| Meaning::Words(at.join("")));
        check(&["config.json", "model.safetensors"], "", |at| {
            Meaning::Model(at.join(""))
        });
        for file in [
            "surf/lh.pial",
            "surfaces/pia_lh.gii",
            "anat/sub-1_hemi-L_pial.surf.gii",
        ] {
            check(&[file], "", |at| Meaning::Subject(at.join("")));
        }
        check(&["m.onnx"], "m.onnx", |at| {
            Meaning::Model(at.join("m.onnx"))
        });
    }

    #[test]
    fn the_recipe_of_a_fit_is_told_from_one_of_features() {
        use crate::gui::fitting::FitStudy;
        let folder = tempfile::tempdir().unwrap();
        let fit = FitStudy {
            features: Some("/f/m".into()),
            responses: Some("/r".into()),
            test: vec!["a".into()],
            ..FitStudy::default()
        };
        let encode = fit.recipe(None, None, Path::new("/s")).unwrap();
        let text = EncodeFile { encode, run: None }.to_toml().unwrap();
        let path = folder.path().join("fit.toml");
        std::fs::write(&path, text).unwrap();
        assert_eq!(meaning(&path), Meaning::Fit(path.clone()));
    }

    #[test]
    fn what_is_of_no_use_gets_a_sentence() {
        for (files, dropped) in [
            (&["a.txt"], "a.txt"),
            (&["a.txt"], ""),
            (&["a.toml"], "a.toml"),
            (&["a"], "gone"),
        ] {
            check(files, dropped, |at| {
                let found = meaning(&at.join(dropped));
                assert!(
                    matches!(&found, Meaning::Nothing(sentence) if sentence.ends_with(&at.join(dropped).display().to_string())),
                    "{found:?}"
                );
                found
            });
        }
    }
}
