//! Applies the actions of pages and the events of workers.

use super::actions::{Action, PathPurpose};
use super::app::App;
use super::close_request::CloseRequest;
use super::fitting::FitStudy;
use super::info::StoryInfo;
use super::state::{OpenStudy, Page, Study, remember};
use super::text;
use super::toasts::Tone;
use super::workers::{DiskTask, Done, Event, Meaning};
use eframe::egui;
use heschl_core::run::recipe::EncodeRecipe;
use std::path::PathBuf;

impl App {
    /// Carries out what was asked for; what is known then belongs to what is asked now.
    pub(super) fn carry_out(&mut self, action: Action, ctx: &egui::Context) {
        self.do_it(action, ctx);
        self.ask();
    }

    fn do_it(&mut self, action: Action, ctx: &egui::Context) {
        match action {
            Action::Go(page) => self.go(page),
            Action::Study(action) => self.apply_study_action(action),
            Action::View(action) => self.apply_view_action(action),
            Action::Region(action) => self.apply_region_action(action),
            Action::Model(action) => self.apply_model_action(action),
            Action::EditSettings(settings) => {
                self.edit(|state| state.preferences.settings = settings);
            }
            Action::Arrange(layout) => self.state.preferences.layout = layout,
            Action::Undo => self.undo(),
            Action::Redo => self.redo(),
            Action::RefreshStories => self.workers.forget_stories(),
            Action::Refresh => self.workers.refresh(),
            Action::SupportReport => self.workers.disk_task(DiskTask::SupportReport {
                jobs: self.folder.join("jobs"),
                home: self.info.home.clone(),
                into: self.studies_folder(),
            }),
            Action::Export(format) => self.export(format),
            Action::ExportPanels(layout, format) => self.export_panels(layout, format),
            Action::SaveFilm(kind) => self.save_film(kind),
            Action::StopFilm => self.workers.stop_film(),
            Action::Share => self.share(),
            Action::SaveView => self.save_view(),
            Action::ExportMap(ending) => self.export_map(ending),
            Action::ExportSize(size) => self.state.preferences.export = size,
            Action::Pick(purpose) => {
                let start = self.start_of(purpose);
                self.workers.pick(purpose, start, &mut self.info);
            }
            Action::StopPicking => self.workers.stop_picking(&mut self.info),
            Action::Use(purpose, path) => self.use_path(purpose, path),
            Action::Drop(paths) => self.workers.classify(paths),
            Action::Run => self.run(),
            Action::Fit(form) => self.fit(form, ctx),
            Action::Job(id, order) => self.jobs.order(&id, order),
            Action::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Action::Close { jobs } => self.close(jobs, ctx),
            Action::StayOpen => self.close_request = CloseRequest::Staying,
            Action::CopyCommand => self.copy_command(ctx),
            Action::CopySlurm => self.copy_slurm(ctx),
            Action::SaveRecipe => self.save_recipe(),
            Action::Copy { text, what } => {
                ctx.copy_text(text);
                self.notify(Tone::Plain, format!("{what} copied."));
            }
            Action::Tell(sentence) => self.notify(Tone::Amber, sentence),
            Action::Manual(topic) => {
                self.pages.help.show(topic);
                self.go(Page::Help);
            }
            Action::ShowFolder(folder) => self.workers.disk_task(DiskTask::ShowFolder(folder)),
            Action::TogglePalette => self.palette.toggle(),
            Action::ClearLog => self.info.log.clear(),
        }
    }

    /// Handles what a worker reports.
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Picked(purpose, path) => self.use_path(purpose, path),
            Event::Dropped(meanings) => meanings
                .into_iter()
                .for_each(|meaning| self.take_in(meaning)),
            Event::Tell(sentence) => self.notify(Tone::Amber, sentence),
            Event::Done(done) => self.take_done(done),
        }
    }

    fn take_done(&mut self, done: Done) {
        match done {
            Done::OpenedStudy(opened) => self.show_study(*opened),
            Done::Recipe(recipe) if self.state.open.is_some() => {
                self.edit_study(|study| study.adopt(&recipe));
                self.go(Page::Extract);
                self.notify(
                    Tone::Plain,
                    "Settings loaded from the recipe. Features go to the study's folder.".into(),
                );
            }
            // Without a study, one is made of it.
            Done::Recipe(recipe) => {
                let mut study = Study::default();
                study.adopt(&recipe);
                self.make_study(&recipe.stimuli.folder.clone(), study);
            }
            Done::Fit(recipe) => self.adopt_fit(&recipe),
            Done::View(view) => self.state.brain.open_view(*view),
            Done::RegionsRead(place, read) => self.take_regions(&place, read),
            Done::RegionsOpened(regions, notes) => self.add_regions(&regions, notes),
            Done::RegionsSaved(first, notes) => self.tell_saved(&first, notes),
            Done::StudyLocked(folder, held) => self.take_study_lock(&folder, held),
            Done::ModelDeleted(name) => {
                self.workers.look_at_models_again();
                self.notify(Tone::Plain, format!("{name} removed."));
            }
            Done::Exported(path) => {
                let path = text::short_path(&path, self.info.home.as_deref());
                self.notify(Tone::Good, format!("Saved: {path}"));
            }
            Done::RecipeWritten(path) => {
                let path = text::short_path(&path, self.info.home.as_deref());
                self.notify(Tone::Good, format!("Recipe saved: {path}"));
            }
            Done::Saved(folder, save_status) => self.take_save_status(&folder, save_status),
            Done::Missing(missing) => self.info.missing_studies = missing,
            Done::Refused(sentence) => self.notify(Tone::Red, sentence),
        }
    }

    fn take_in(&mut self, meaning: Meaning) {
        if !matches!(meaning, Meaning::Nothing(_)) {
            self.notify(Tone::Plain, format!("{}.", meaning.sentence()));
        }
        match meaning {
            Meaning::Study(folder) => self.workers.disk_task(DiskTask::Open(folder)),
            Meaning::Stimuli(folder, story) => {
                self.use_path(PathPurpose::Stimuli, folder);
                self.state.story = story.or(self.state.story.take());
            }
            Meaning::Features(folder) => self.use_path(PathPurpose::Features, folder),
            Meaning::Model(path) if path.is_file() => self.use_path(PathPurpose::ModelFile, path),
            Meaning::Model(folder) => self.use_path(PathPurpose::ModelFolder, folder),
            Meaning::Recipe(file) => self.use_path(PathPurpose::Recipe, file),
            Meaning::Fit(file) => self.workers.disk_task(DiskTask::ReadFit(file)),
            Meaning::Scores(folder) => self.use_path(PathPurpose::Scores, folder),
            Meaning::Responses(path) => self.use_path(PathPurpose::Responses, path),
            Meaning::Words(folder) => self.use_path(PathPurpose::Words, folder),
            Meaning::Subject(folder) => self.use_path(PathPurpose::Subject, folder),
            Meaning::Regions(path) => self.use_path(PathPurpose::Regions, path),
            Meaning::Nothing(sentence) => self.notify(Tone::Amber, sentence),
        }
    }

    pub(super) fn go(&mut self, page: Page) {
        self.state.preferences.page = page;
    }

    /// Where a dialog begins.
    fn start_of(&self, purpose: PathPurpose) -> Option<PathBuf> {
        let open = self.state.open.as_ref();
        match purpose {
            PathPurpose::Stimuli => open
                .and_then(|open| open.study.stimuli.clone())
                .or_else(|| self.state.preferences.recent_stimuli.first().cloned()),
            PathPurpose::OpenStudy | PathPurpose::StudiesFolder => Some(self.studies_folder()),
            _ => open.map(|open| open.folder.clone()),
        }
    }

    /// Does with a path what it was picked for.
    fn use_path(&mut self, purpose: PathPurpose, path: PathBuf) {
        match purpose {
            PathPurpose::Nothing => {}
            PathPurpose::OpenStudy => self.workers.disk_task(DiskTask::Open(path)),
            PathPurpose::StudiesFolder => self.edit(|state| {
                state.preferences.settings.studies_folder = Some(path);
            }),
            PathPurpose::Stimuli => self.use_stimuli(path),
            PathPurpose::Output => self.edit_study(|study| study.output = Some(path)),
            PathPurpose::Runtime => {
                self.edit(|state| state.preferences.settings.runtime = Some(path));
            }
            PathPurpose::Recipe => self.workers.disk_task(DiskTask::ReadRecipe(path)),
            PathPurpose::ModelFolder | PathPurpose::ModelFile => self.add_model(path),
            PathPurpose::Features | PathPurpose::OtherFeatures => {
                self.look_at_features(purpose, path);
            }
            PathPurpose::FitFeatures => self.edit_fit(Page::Fit, |fit| {
                fit.features = Some(path);
                fit.layer = None;
            }),
            PathPurpose::Responses | PathPurpose::ResponsesFile => {
                self.edit_fit(Page::Fit, |fit| {
                    fit.responses = Some(path);
                    fit.test.clear();
                });
            }
            PathPurpose::Mask => self.edit_fit(Page::Fit, |fit| fit.mask = Some(path)),
            PathPurpose::Reports => self.edit_fit(Page::Align, |fit| fit.set_scans_folder(path)),
            PathPurpose::Words => self.edit_fit(Page::Align, |fit| fit.words = Some(path)),
            PathPurpose::NewSet => self.edit_fit(Page::Fit, |fit| fit.add_features(path)),
            PathPurpose::SetFolder(index) => self.edit_fit(Page::Fit, |fit| {
                if let Some(set) = fit.sets.get_mut(index) {
                    set.folder = path;
                }
            }),
            PathPurpose::Groups => self.edit_fit(Page::Fit, |fit| fit.ridge.groups = Some(path)),
            PathPurpose::CheckRecordings => {
                self.edit_fit(Page::Fit, |fit| fit.recordings = Some(path));
            }
            PathPurpose::Untrained => self.edit_fit(Page::Fit, |fit| fit.untrained = Some(path)),
            PathPurpose::Scores => self.look_at_scores(path),
            PathPurpose::OtherScores => self.state.other_scores = Some(path),
            PathPurpose::Subject => self.show_subject(path),
            PathPurpose::View => self.workers.disk_task(DiskTask::ReadView(path)),
            PathPurpose::Regions => self.open_regions(path),
        }
    }

    fn use_stimuli(&mut self, folder: PathBuf) {
        remember(&mut self.state.preferences.recent_stimuli, &folder);
        if self.state.open.is_none() {
            let name = folder
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let parent = self.studies_folder();
            return self.workers.disk_task(DiskTask::Create {
                parent,
                name: name.unwrap_or_else(|| "Study".into()),
                of: Some(Box::new(Study {
                    stimuli: Some(folder),
                    ..Study::default()
                })),
            });
        }
        self.edit_study(|study| {
            study.stimuli = Some(folder);
            study.want_all();
        });
        self.workers.forget_stories();
        self.go(Page::Stimuli);
    }

    /// Makes a study of a recipe's settings, named after a folder.
    pub(super) fn make_study(&mut self, named_after: &std::path::Path, study: Study) {
        let name = named_after.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let name = if name.is_empty() {
            "Study".into()
        } else {
            name
        };
        self.workers.disk_task(DiskTask::Create {
            parent: self.studies_folder(),
            name,
            of: Some(Box::new(study)),
        });
    }

    /// Takes over the settings of a fit's recipe.
    fn adopt_fit(&mut self, recipe: &EncodeRecipe) {
        let fit = FitStudy::of_recipe(recipe);
        if self.state.open.is_some() {
            self.edit_study(|study| study.fit = fit);
            self.go(Page::Fit);
        } else {
            let named_after = recipe.responses.path.with_extension("");
            let study = Study {
                stimuli: recipe.controls.recordings.clone(),
                fit,
                ..Study::default()
            };
            self.make_study(&named_after, study);
        }
        let scores = recipe.output.folder.display();
        let sentence = format!(
            "Fit settings loaded from the recipe. New scores go to the study's folder; those in {scores} stay."
        );
        self.notify(Tone::Plain, sentence);
    }

    /// Changes the study, so that it can be undone.
    pub(super) fn edit_study(&mut self, change: impl FnOnce(&mut Study)) {
        self.edit(|state| {
            if let Some(OpenStudy { study, .. }) = &mut state.open {
                change(study);
            }
        });
    }

    fn save_recipe(&mut self) {
        let Some(open) = &self.state.open else {
            return;
        };
        let path = open.folder.join("recipe.toml");
        match self.recipe() {
            Ok(recipe) => self
                .workers
                .disk_task(DiskTask::WriteRecipe(path, Box::new(recipe))),
            Err(sentence) => self.notify(Tone::Red, sentence),
        }
    }

    /// The recipe that the study makes of the stories that were found.
    pub(super) fn recipe(&self) -> Result<heschl_core::run::recipe::ExtractRecipe, String> {
        let open = self.state.open.as_ref().ok_or("Open a study first.")?;
        if open.study.stimuli.is_none() || self.info.stories.ready().is_none() {
            return Err("Choose a folder of recordings first.".into());
        }
        let stories: Vec<&StoryInfo> = self.info.listed().collect();
        Ok(open.study.recipe(&open.folder, &stories))
    }
}
