//! Disk tasks, one after the other: opening and saving studies, reading and writing recipes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::Subject;
use heschl_core::brain::drawing::DrawnRegions;
use heschl_core::run::maps::VALUES;
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe, ExtractRecipe, RecipeFile};
use heschl_core::run::store::atomic;
use heschl_core::scene::View;

use super::regions::{self, RegionsExport};
use super::{Replies, Waker, Worker, models};
use crate::failure::Failure;
use crate::gui::brain::{BrainPicture, RegionsPlace, ShownMap};
use crate::gui::figure::{Export, ExportFormat};
use crate::gui::info::{SaveStatus, StudyContents};
use crate::gui::preferences;
use crate::gui::sample;
use crate::gui::state::{Preferences, Study};
use crate::gui::study::{self, StudyLock};
use crate::map_export;
use crate::share::Shared;
use crate::support;

/// One task.
pub(crate) enum DiskTask {
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
    SaveStudy(PathBuf, Box<Study>),
    /// Keep what outlasts the window, in a folder.
    SavePreferences(PathBuf, Box<Preferences>),
    /// Take hold of a study that another window had, and read what that one left.
    TakeStudyLock(PathBuf),
    /// See which of these studies are not where they were.
    LookFor(Vec<PathBuf>),
    /// Show a folder in the system's file manager.
    ShowFolder(PathBuf),
    /// Open a link of the manual in the system's browser.
    OpenLink(String),
    /// Save what is shown of features.
    Export(Box<Export>, ExportFormat),
    /// Write a view of the cortex into a folder, under a name that is free.
    SaveView(PathBuf, String),
    /// Read a view of the cortex.
    ReadView(PathBuf),
    /// Write the map that a picture shows in the format of an ending, into the folder `maps` of its scores.
    ExportMap(Box<BrainPicture>, &'static str),
    /// Read the regions that a study keeps of a subject.
    ReadRegions(RegionsPlace, Arc<Subject>),
    /// Keep the regions that were drawn on a subject.
    SaveRegions(RegionsPlace, Arc<Subject>, Arc<DrawnRegions>),
    /// Read regions from a file.
    OpenRegions(PathBuf, Arc<Subject>),
    /// Write regions for other programs.
    ExportRegions(Box<RegionsExport>),
    /// Write a table of regions beside the scores.
    ExportRegionTable(Box<BrainPicture>),
    /// Write scores on the cortex to an HTML file beside them.
    Share(Box<BrainPicture>),
    /// Write a report for support into a folder: on the jobs of the data folder, without the user's home folder.
    SupportReport {
        jobs: PathBuf,
        home: Option<PathBuf>,
        into: PathBuf,
    },
    /// Delete a model that was fetched, or forget one that was added.
    DeleteModel(String),
}

/// The result of a task.
pub(crate) enum Done {
    /// A figure was saved.
    Exported(PathBuf),
    /// A model is gone.
    ModelDeleted(String),
    /// A study is open.
    OpenedStudy(Box<OpenedStudy>),
    /// A recipe was read.
    Recipe(Box<ExtractRecipe>),
    /// The recipe of a fit was read.
    Fit(Box<EncodeRecipe>),
    /// A view was read.
    View(Box<View>),
    /// The regions of a place were read, if there are any.
    RegionsRead(RegionsPlace, Result<DrawnRegions, String>),
    /// A file of regions was read, with notes.
    RegionsOpened(Box<DrawnRegions>, Vec<String>),
    /// Regions were written, the first of them to this file; with notes.
    RegionsSaved(PathBuf, Vec<String>),
    /// A recipe was written.
    RecipeWritten(PathBuf),
    /// How the study of a folder is saved.
    Saved(PathBuf, SaveStatus),
    /// The study of a folder is this window's now, or still another's.
    StudyLocked(PathBuf, Option<(StudyLock, Box<Study>)>),
    /// These studies are not where they were.
    Missing(Vec<PathBuf>),
    /// It could not be done: a sentence.
    Refused(String),
}

/// A study that was opened.
pub(crate) struct OpenedStudy {
    pub(crate) folder: PathBuf,
    pub(crate) study: Study,
    pub(crate) found: StudyContents,
    pub(crate) study_lock: StudyLock,
    pub(crate) origin: Origin,
}

/// Where a study comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there.
    OpenedStudy,
    /// It was made just now.
    Made,
    /// It is the sample, which runs by itself.
    Sample,
    /// It is the whole sample, which runs by itself up to its scores.
    WholeSample,
}

pub(super) fn open(waker: &Waker) -> Worker<DiskTask, Done> {
    Worker::open(
        "chores",
        waker,
        |disk_task: DiskTask, _: &CancelToken, out: &Replies<Done>| {
            if let Some(done) = run(disk_task) {
                out.give(done);
            }
        },
    )
}

fn run(disk_task: DiskTask) -> Option<Done> {
    let done = match disk_task {
        DiskTask::Open(folder) => open_study(&folder),
        DiskTask::Create { parent, name, of } => create(&parent, &name, of),
        DiskTask::Sample { parent } => short_sample(&parent),
        DiskTask::WholeSample { parent } => whole_sample(&parent),
        DiskTask::ReadRecipe(file) => RecipeFile::read(&file)
            .map(|file| Done::Recipe(Box::new(file.extract)))
            .map_err(|error| error.to_string()),
        DiskTask::ReadFit(path) => {
            let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
            EncodeFile::read(&path)
                .map(|file| Done::Fit(Box::new(file.encode.rooted(&folder))))
                .map_err(|error| error.to_string())
        }
        DiskTask::WriteRecipe(path, recipe) => write_recipe(path, *recipe),
        DiskTask::WriteText(path, text) => atomic::write(&path, text.as_bytes())
            .map(|()| Done::RecipeWritten(path))
            .map_err(|error| error.to_string()),
        DiskTask::SaveStudy(folder, study) => {
            let save_status = study::write(&folder, &study).map_or_else(
                |problem| SaveStatus::Unsaved(problem.0),
                |()| SaveStatus::Saved,
            );
            Ok(Done::Saved(folder, save_status))
        }
        DiskTask::SavePreferences(folder, remembered) => {
            return preferences::write(&folder, &remembered)
                .err()
                .map(Done::Refused);
        }
        DiskTask::TakeStudyLock(folder) => {
            let held = match StudyLock::take(&folder) {
                study_lock @ StudyLock::Ours(_) => study::read(&folder)
                    .ok()
                    .map(|study| (study_lock, Box::new(study))),
                StudyLock::Others | StudyLock::Nobody => None,
            };
            Ok(Done::StudyLocked(folder, held))
        }
        DiskTask::LookFor(studies) => {
            let is_missing = |folder: &PathBuf| !folder.join(study::FILE).is_file();
            Ok(Done::Missing(
                studies.into_iter().filter(is_missing).collect(),
            ))
        }
        DiskTask::Export(export, format) => export.save(format).map(Done::Exported),
        DiskTask::Share(shown) => share(&shown),
        DiskTask::ExportMap(shown, ending) => export_map(&shown, ending),
        DiskTask::ReadRegions(place, subject) => {
            let read = regions::read(&place, &subject);
            Ok(Done::RegionsRead(place, read))
        }
        DiskTask::SaveRegions(place, subject, drawn) => {
            let saved = regions::save(&place, &subject, &drawn);
            return saved.err().map(Done::Refused);
        }
        DiskTask::OpenRegions(path, subject) => regions::open(&path, &subject),
        DiskTask::ExportRegions(export) => regions::export(&export),
        DiskTask::ExportRegionTable(shown) => regions::export_table(&shown),
        DiskTask::SaveView(folder, text) => save_view(&folder, &text),
        DiskTask::ReadView(path) => read_view(&path),
        DiskTask::SupportReport { jobs, home, into } => {
            let path = into.join("heschl-report.txt");
            let text = support::report(&jobs, home.as_deref());
            let written = atomic::write(&path, text.as_bytes());
            written
                .map(|()| Done::Exported(path))
                .map_err(|error| error.to_string())
        }
        DiskTask::DeleteModel(name) => models::delete(&name).map(|()| Done::ModelDeleted(name)),
        DiskTask::ShowFolder(folder) => return show(&folder).err().map(Done::Refused),
        DiskTask::OpenLink(link) => return open_link(&link).err().map(Done::Refused),
    };
    Some(done.unwrap_or_else(Done::Refused))
}

fn export_map(shown: &BrainPicture, ending: &str) -> Result<Done, String> {
    let (data, names) = exported(shown).map_err(|failure| failure.message)?;
    let folder = match data.parent() {
        // The maps of scores have a folder of their own.
        Some(scores) if shown.derived_map().is_none() => scores.join("maps"),
        folder => folder.unwrap_or(&shown.request.scores).to_path_buf(),
    };
    atomic::create_folder(&folder).map_err(|error| error.to_string())?;
    let out = folder.join(format!("{}{ending}", shown.name()));
    let subject = (&*shown.open, shown.request.subject.transform.as_deref());
    let written = map_export::write_maps(&data, &names, subject, out);
    let files = written.map_err(|failure| failure.message)?;
    let first = files.into_iter().next().ok_or("Nothing was written.")?;
    Ok(Done::Exported(first))
}

/// The file that holds the map of a picture, and the names of its maps. Maps that were made from fits are written into the folder
/// `maps` of the scores first, with their record.
fn exported(shown: &BrainPicture) -> Result<(PathBuf, Vec<String>), Failure> {
    let scores = &shown.request.scores;
    let Some((set, map)) = shown.derived_map() else {
        let column = shown.request.settings.column.name();
        return Ok((scores.join("scores.npz"), vec![column.into()]));
    };
    let folder = match shown.request.settings.derived {
        Some(kind) => {
            let folder = scores.join("maps").join(kind.folder());
            set.write(&folder)?;
            folder
        }
        None => scores.clone(),
    };
    let names = match map {
        ShownMap::One(entry) => vec![entry.name.clone()],
        ShownMap::Rgb(names) => names.to_vec(),
    };
    Ok((folder.join(VALUES), names))
}

fn save_view(folder: &Path, text: &str) -> Result<Done, String> {
    let names = (1..).map(|number| folder.join(format!("view-{number}.json")));
    let mut free = names.filter(|path| !path.exists());
    let path = free.next().ok_or("There are too many views.")?;
    let written =
        atomic::create_folder(folder).and_then(|()| atomic::write(&path, text.as_bytes()));
    written
        .map(|()| Done::Exported(path))
        .map_err(|error| error.to_string())
}

fn read_view(path: &Path) -> Result<Done, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "The view cannot be read ({error}).\nFile: {}",
            path.display()
        )
    })?;
    let view = View::of_pycortex(&text);
    view.map(|view| Done::View(Box::new(view)))
        .map_err(|error| format!("{error}\nFile: {}", path.display()))
}

/// Writes the page of the scores that a picture shows.
fn share(shown: &BrainPicture) -> Result<Done, String> {
    let scores = &shown.request.scores;
    let title = scores.file_name().unwrap_or_default().to_string_lossy();
    let shared = Shared {
        scores,
        open: &shown.open,
        transform: shown.request.subject.transform.as_deref(),
        colours: shown.request.settings.colours,
        title: &title,
    };
    let page = shared.page().map_err(|failure| failure.message)?;
    let path = scores.join("cortex.html");
    let written = atomic::write(&path, page.html.as_bytes());
    written
        .map(|()| Done::Exported(path))
        .map_err(|error| error.to_string())
}

fn open_study(folder: &Path) -> Result<Done, String> {
    let study = study::read(folder).map_err(|problem| problem.0)?;
    Ok(opened(folder.into(), study, Origin::OpenedStudy))
}

fn opened(folder: PathBuf, study: Study, origin: Origin) -> Done {
    Done::OpenedStudy(Box::new(OpenedStudy {
        study_lock: StudyLock::take(&folder),
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
        return Err(format!("Only web links are opened.\nLink: {link}"));
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
            assert!(refused.contains("Only web links"), "{refused}");
        }
    }
}
