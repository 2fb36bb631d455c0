//! Small errands to the disk, one after the other: studies opened and kept, recipes read and written.

use std::path::{Path, PathBuf};

use heschl_core::progress::CancelToken;
use heschl_core::recipe::{EncodeFile, EncodeRecipe, ExtractRecipe, RecipeFile};
use heschl_core::store::atomic;

use super::{Answers, Desk, Waker, models};
use crate::gui::actions::Format;
use crate::gui::facts::{Found, Keeping};
use crate::gui::figure::Figure;
use crate::gui::lasting;
use crate::gui::sample;
use crate::gui::state::{Remembered, Study};
use crate::gui::study::{self, Hold};

/// One errand.
pub(crate) enum Chore {
    /// Open a study.
    Open(PathBuf),
    /// Make a study and open it; where it is made of something, a name that is free is found.
    Create {
        parent: PathBuf,
        name: String,
        of: Option<Box<Study>>,
    },
    /// Make the sample study, or open it if it is there.
    Sample { parent: PathBuf },
    /// Make the whole sample, or open it if it is there.
    WholeSample { parent: PathBuf },
    /// Read a recipe.
    ReadRecipe(PathBuf),
    /// Read the recipe of a fit.
    ReadFit(PathBuf),
    /// Write a recipe.
    WriteRecipe(PathBuf, Box<ExtractRecipe>),
    /// Write the recipe of a fit.
    WriteText(PathBuf, String),
    /// Keep a study.
    KeepStudy(PathBuf, Box<Study>),
    /// Keep what outlasts the window, in a folder.
    KeepLasting(PathBuf, Box<Remembered>),
    /// Take hold of a study that another window had, and read what that one left.
    TakeHold(PathBuf),
    /// See which of these studies are not where they were.
    LookFor(Vec<PathBuf>),
    /// Show a folder in the system's file manager.
    ShowFolder(PathBuf),
    /// Open a link of the manual in the system's browser.
    OpenLink(String),
    /// Save what is shown of features.
    Export(Box<Figure>, Format),
    /// Delete a model that was fetched, or forget one that was added.
    DeleteModel(String),
}

/// What came of an errand.
pub(crate) enum Done {
    /// A figure was saved.
    Exported(PathBuf),
    /// A model is gone.
    ModelDeleted(String),
    /// A study is open.
    Opened(Box<Opened>),
    /// A recipe was read.
    Recipe(Box<ExtractRecipe>),
    /// The recipe of a fit was read.
    Fit(PathBuf, Box<EncodeRecipe>),
    /// A recipe was written.
    RecipeWritten(PathBuf),
    /// How the study of a folder is kept.
    Kept(PathBuf, Keeping),
    /// The study of a folder is this window's now, or still another's.
    Held(PathBuf, Option<(Hold, Box<Study>)>),
    /// These studies are not where they were.
    Missing(Vec<PathBuf>),
    /// It could not be done: a sentence.
    Refused(String),
}

/// A study that was opened.
pub(crate) struct Opened {
    pub(crate) folder: PathBuf,
    pub(crate) study: Study,
    pub(crate) found: Found,
    pub(crate) hold: Hold,
    pub(crate) origin: Origin,
}

/// Where a study comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there.
    Opened,
    /// It was made just now.
    Made,
    /// It is the sample, which runs by itself.
    Sample,
    /// It is the whole sample, which runs by itself up to its scores.
    WholeSample,
}

pub(super) fn open(waker: &Waker) -> Desk<Chore, Done> {
    Desk::open(
        "chores",
        waker,
        |chore: Chore, _: &CancelToken, out: &Answers<Done>| {
            if let Some(done) = run(chore) {
                out.give(done);
            }
        },
    )
}

fn run(chore: Chore) -> Option<Done> {
    let done = match chore {
        Chore::Open(folder) => open_study(&folder),
        Chore::Create { parent, name, of } => create(&parent, &name, of),
        Chore::Sample { parent } => short_sample(&parent),
        Chore::WholeSample { parent } => whole_sample(&parent),
        Chore::ReadRecipe(file) => RecipeFile::read(&file)
            .map(|file| Done::Recipe(Box::new(file.extract)))
            .map_err(|error| error.to_string()),
        Chore::ReadFit(path) => {
            let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
            EncodeFile::read(&path)
                .map(|file| Done::Fit(path, Box::new(file.encode.rooted(&folder))))
                .map_err(|error| error.to_string())
        }
        Chore::WriteRecipe(path, recipe) => write_recipe(path, *recipe),
        Chore::WriteText(path, text) => atomic::write(&path, text.as_bytes())
            .map(|()| Done::RecipeWritten(path))
            .map_err(|error| error.to_string()),
        Chore::KeepStudy(folder, study) => {
            let keeping = study::write(&folder, &study)
                .map_or_else(|problem| Keeping::Unsaved(problem.0), |()| Keeping::Saved);
            Ok(Done::Kept(folder, keeping))
        }
        Chore::KeepLasting(folder, remembered) => {
            return lasting::write(&folder, &remembered)
                .err()
                .map(Done::Refused);
        }
        Chore::TakeHold(folder) => {
            let held = match Hold::take(&folder) {
                hold @ Hold::Ours(_) => study::read(&folder)
                    .ok()
                    .map(|study| (hold, Box::new(study))),
                Hold::Others | Hold::Nobody => None,
            };
            Ok(Done::Held(folder, held))
        }
        Chore::LookFor(studies) => {
            let is_missing = |folder: &PathBuf| !folder.join(study::FILE).is_file();
            Ok(Done::Missing(
                studies.into_iter().filter(is_missing).collect(),
            ))
        }
        Chore::Export(figure, format) => figure.save(format).map(Done::Exported),
        Chore::DeleteModel(name) => models::delete(&name).map(|()| Done::ModelDeleted(name)),
        Chore::ShowFolder(folder) => return show(&folder).err().map(Done::Refused),
        Chore::OpenLink(link) => return open_link(&link).err().map(Done::Refused),
    };
    Some(done.unwrap_or_else(Done::Refused))
}

fn open_study(folder: &Path) -> Result<Done, String> {
    let study = study::read(folder).map_err(|problem| problem.0)?;
    Ok(opened(folder.into(), study, Origin::Opened))
}

fn opened(folder: PathBuf, study: Study, origin: Origin) -> Done {
    Done::Opened(Box::new(Opened {
        hold: Hold::take(&folder),
        found: study::look_into(&folder, &study),
        folder,
        study,
        origin,
    }))
}

fn create(parent: &Path, name: &str, of: Option<Box<Study>>) -> Result<Done, String> {
    let name = match &of {
        Some(_) => free_name(parent, name),
        None => name.to_owned(),
    };
    let folder = study::create(parent, &name).map_err(|problem| problem.0)?;
    let made = study::read(&folder).map_err(|problem| problem.0)?;
    let study = match of {
        Some(of) => {
            let study = Study {
                name: made.name,
                ..*of
            };
            study::write(&folder, &study).map_err(|problem| problem.0)?;
            study
        }
        None => made,
    };
    Ok(opened(folder, study, Origin::Made))
}

fn free_name(parent: &Path, name: &str) -> String {
    let names = std::iter::once(name.to_owned()).chain((2..1000).map(|n| format!("{name} {n}")));
    let mut free = names.filter(|name| !parent.join(name).exists());
    free.next().unwrap_or_else(|| name.to_owned())
}

fn short_sample(parent: &Path) -> Result<Done, String> {
    let folder = parent.join(sample::SHORT);
    let study = sample::write_short(&folder)?;
    Ok(opened(folder, study, Origin::Sample))
}

fn whole_sample(parent: &Path) -> Result<Done, String> {
    let folder = parent.join(sample::WHOLE);
    let study = sample::write_whole(&folder)?;
    Ok(opened(folder, study, Origin::WholeSample))
}

fn write_recipe(path: PathBuf, recipe: ExtractRecipe) -> Result<Done, String> {
    let file = RecipeFile {
        extract: recipe,
        run: None,
    };
    let text = file.to_toml()?;
    atomic::write(&path, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(Done::RecipeWritten(path))
}

fn show(folder: &Path) -> Result<(), String> {
    open_with_system(folder.as_os_str()).map_err(|error| {
        format!(
            "The folder cannot be shown ({error}).\nFolder: {}",
            folder.display()
        )
    })
}

/// Opens a page of the web, and nothing else that a link could name.
fn open_link(link: &str) -> Result<(), String> {
    if !link.starts_with("https://") {
        return Err(format!("Only pages of the web are opened.\nLink: {link}"));
    }
    open_with_system(link.as_ref())
        .map_err(|error| format!("The link cannot be opened ({error}).\nLink: {link}"))
}

/// Has the system open something with the program that it is for.
fn open_with_system(what: &std::ffi::OsStr) -> Result<(), String> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let started = std::process::Command::new(program).arg(what).spawn();
    let mut child = started.map_err(|error| format!("{program}: {error}"))?;
    // Nobody waits for it, but it must not stay behind as a zombie.
    std::thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_web_and_nowhere_else() {
        for link in [
            "file:///etc/passwd",
            "http://insecure",
            "javascript:x",
            "/bin/sh",
        ] {
            let refused = open_link(link).unwrap_err();
            assert!(refused.contains("Only pages of the web"), "{refused}");
        }
    }
}
