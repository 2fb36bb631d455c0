//! Actions on jobs, models and features.

use std::path::PathBuf;

use eframe::egui;
use heschl_core::display::library::Layer;
use heschl_core::run::recipe::{ExtractRecipe, RecipeFile};
use heschl_models::catalogue;

use super::actions::{AtClose, ExportFormat, ModelAction, PathPurpose, ViewAction};
use super::app::App;
use super::close_request::CloseRequest;
use super::features::FeatureSelection;
use super::figure::{Content, Export, FeatureFigure, aligned};
use super::jobs::data::{JobCommand, JobInfo, JobState, NewJob, QueueInfo, Task};
use super::pages::why_not_run;
use super::state::{Page, remember};
use super::text::count;
use super::toasts::Tone;
use super::workers::DiskTask;
use crate::{command_text, slurm};

impl App {
    /// Applies an action on what the pages show.
    pub(super) fn apply_view_action(&mut self, action: ViewAction) {
        match action {
            ViewAction::Story(story) => self.select_story(story),
            ViewAction::StoryOn(page, story) => {
                self.state.story = Some(story);
                self.go(page);
            }
            ViewAction::Features(selection) => self.state.selection = Some(*selection),
            ViewAction::StepLayer(step) => self.step_layer(step),
            ViewAction::Cursor(secs) => self.look_at(secs),
            ViewAction::MoveCursor(secs) => self.look_at(self.state.cursor_secs + secs),
            ViewAction::Time(shown) => self.state.shown_secs = shown,
            ViewAction::TogglePlay => self.toggle_play(),
            ViewAction::Voxel(voxel) => self.state.voxel = voxel,
            ViewAction::Brain(settings) => self.state.brain = *settings,
            ViewAction::Subject(choice) => self.choose_subject(choice),
            ViewAction::BrainFlight(flight) => self.state.brain_flight = flight,
            ViewAction::BrainSize(size, is_moving) => {
                self.state.brain_size = Some((size, is_moving));
            }
        }
    }

    /// Applies an action on models and on ONNX Runtime.
    pub(super) fn apply_model_action(&mut self, action: ModelAction) {
        match action {
            ModelAction::Fetch(name) => self.fetch_model(name),
            ModelAction::FetchRuntime => self.fetch_runtime(),
            ModelAction::Check(name) => self.check_model(name),
            ModelAction::Delete(name) => self.workers.disk_task(DiskTask::DeleteModel(name)),
            ModelAction::Use(name) => self.use_model(name),
        }
    }

    /// Extracts as the study says.
    pub(super) fn run(&mut self) {
        if let Some(sentence) = self.why_not_run() {
            return self.notify(Tone::Amber, sentence);
        }
        match self.extraction() {
            Ok(job) => {
                self.jobs.add(job);
                self.go(Page::Jobs);
            }
            Err(sentence) => self.notify(Tone::Red, sentence),
        }
    }

    fn why_not_run(&self) -> Option<String> {
        let study = self.state.study();
        study.map_or_else(
            || Some("Open a study first.".into()),
            |study| Some(why_not_run(study, &self.info)?.sentence),
        )
    }

    fn extraction(&self) -> Result<NewJob, String> {
        let recipe = self.recipe()?;
        let n_stories = match recipe.stimuli.stories.len() {
            0 => self.info.listed().count(),
            n => n,
        };
        let study = self.state.open.as_ref();
        Ok(NewJob {
            title: format!(
                "{} with {}",
                count(n_stories, "story", "stories"),
                recipe.model.model
            ),
            subtitle: subtitle(&recipe, study.map(|open| open.study.name.as_str())),
            task: Task::Extract {
                study: study.map(|open| open.folder.clone()),
                features: recipe.features_folder(&self.model_name(&recipe)),
            },
            recipe: Some(recipe_text(recipe)?),
            runtime: self.state.preferences.settings.runtime.clone(),
        })
    }

    /// The name that the recipe's model gives its features' folder.
    fn model_name(&self, recipe: &ExtractRecipe) -> String {
        let known = self.info.model.ready();
        known.map_or_else(
            || recipe.model.model.clone(),
            |model| model.card.name.clone(),
        )
    }

    /// The study's recipe as its job would have it, if it can run.
    pub(super) fn recipe_of_now(&self) -> Option<String> {
        recipe_text(self.recipe().ok()?).ok()
    }

    pub(super) fn fetch_model(&mut self, name: String) {
        if self.info.queue.fetching(&name).is_some() {
            return;
        }
        let megabytes = catalogue::find(&name).map(|entry| {
            format!(
                "{} MB from {}",
                entry.download_megabytes(),
                entry.repository
            )
        });
        self.add_job(
            format!("Get {name}"),
            megabytes.unwrap_or_default(),
            Task::Fetch { model: name },
        );
    }

    /// Gets ONNX Runtime, unless it is on its way.
    pub(super) fn fetch_runtime(&mut self) {
        match self.info.queue.fetching_runtime() {
            Some(job) if job.state.is_alive() => {}
            Some(job) => self.jobs.order(&job.id, JobCommand::GoOn),
            None => self.add_job(
                "Get ONNX Runtime".into(),
                "the inference library".into(),
                Task::Runtime,
            ),
        }
    }

    pub(super) fn check_model(&mut self, name: String) {
        self.add_job(
            format!("Check {name}"),
            "runs it on a short recording".into(),
            Task::Check { model: name },
        );
        self.go(Page::Jobs);
    }

    /// Adds a model from the disk.
    pub(super) fn add_model(&mut self, path: PathBuf) {
        let name = path
            .file_stem()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        self.add_job(
            format!("Add {name}"),
            path.display().to_string(),
            Task::Add { path },
        );
        self.go(Page::Models);
    }

    fn add_job(&mut self, title: String, subtitle: String, task: Task) {
        let runtime = self.state.preferences.settings.runtime.clone();
        self.jobs.add(NewJob {
            title,
            subtitle,
            task,
            recipe: None,
            runtime,
        });
    }

    pub(super) fn use_model(&mut self, name: String) {
        if self.state.open.is_none() {
            return self.notify(
                Tone::Amber,
                "Open a study first: a model is chosen per study.".into(),
            );
        }
        self.notify(Tone::Plain, format!("This study uses {name}."));
        self.edit_study(|study| study.model = name);
    }

    /// Takes what is new of the jobs, and tells what has ended.
    pub(super) fn take_queue(&mut self, queue: QueueInfo) {
        let before = std::mem::replace(&mut self.info.queue, queue);
        if let Some(sentence) = self
            .info
            .queue
            .problem
            .clone()
            .filter(|_| before.problem.is_none())
        {
            self.notify(Tone::Red, sentence);
        }
        let was = |job: &JobInfo| {
            before
                .jobs
                .iter()
                .find(|old| old.id == job.id)
                .map(|old| old.state.clone())
        };
        let changed = |job: &&JobInfo| was(job).is_some_and(|old| old != job.state);
        let changed: Vec<JobInfo> = self
            .info
            .queue
            .jobs
            .iter()
            .filter(changed)
            .cloned()
            .collect();
        for job in &changed {
            self.report_change(job);
        }
    }

    /// Shows what the open study has where nothing else is looked at.
    pub(super) fn show_found(&mut self) {
        let Some(found) = self.info.study_contents.ready() else {
            return;
        };
        if self.state.selection.is_none() {
            self.state.selection = found.features.clone().map(FeatureSelection::at);
        }
        if self.state.scores.is_none() {
            self.state.scores.clone_from(&found.scores);
        }
    }

    fn report_change(&mut self, job: &JobInfo) {
        if !job.state.is_alive() {
            // A job may have brought ONNX Runtime, a model, features or scores, whatever it was for.
            self.workers.look_into_study_again();
            self.workers.look_at_models_again();
            self.workers
                .want_machine(self.state.preferences.settings.runtime.clone());
        }
        match (&job.state, &job.task) {
            (JobState::Done, Task::Extract { features, .. }) => {
                self.notify(
                    Tone::Good,
                    format!("{}: features extracted. See Jobs or Features.", job.title),
                );
                if std::mem::take(&mut self.is_sample_running) && self.state.page() == Page::Jobs {
                    self.look_at_features(PathPurpose::Features, features.clone());
                }
            }
            (JobState::Done, Task::Encode { scores, .. } | Task::Sample { scores, .. }) => {
                self.take_scores(job, scores.clone());
            }
            (JobState::Done, Task::Fetch { model }) => {
                self.notify(Tone::Good, format!("{model} is installed."));
            }
            (JobState::Done, Task::Runtime) => {
                self.notify(Tone::Good, "ONNX Runtime is installed.".into());
            }
            (JobState::Done, Task::Add { .. }) => {
                self.notify(Tone::Good, format!("{}: done.", job.title));
            }
            (JobState::Done, Task::Check { .. }) => {
                self.notify(Tone::Good, format!("{}: it works.", job.title));
            }
            (JobState::Failed { message }, _) => {
                self.notify(Tone::Red, format!("{}: {message}", job.title));
            }
            // It can go on, so the note need not stand until it is closed.
            (JobState::Broken { message } | JobState::Partly { message }, _) => {
                self.notify(Tone::Amber, format!("{}: {message}", job.title));
            }
            _ => {}
        }
    }

    /// Opens a folder of features, or compares it with the one that is shown.
    pub(super) fn look_at_features(&mut self, purpose: PathPurpose, folder: PathBuf) {
        if purpose == PathPurpose::OtherFeatures {
            if let Some(selection) = &mut self.state.selection {
                selection.other = Some(folder);
            }
            return;
        }
        remember(&mut self.state.preferences.recent_features, &folder);
        self.state.selection = Some(FeatureSelection::at(folder));
        self.go(Page::Features);
    }

    /// Begins with the middle layer, where the brain is predicted best, and with the story that is looked at.
    pub(super) fn choose_features(&mut self) {
        let (Some(selection), Some(library)) = (
            &mut self.state.selection,
            self.info.features.library.ready(),
        ) else {
            return;
        };
        if selection.layer.is_none() {
            let hidden = library
                .layers
                .iter()
                .filter(|layer| **layer != Layer::Final)
                .count();
            selection.layer = library.layers.get(hidden / 2).cloned();
        }
        if selection.story.is_none() {
            let known = self.state.story.as_ref();
            let known = known.filter(|story| library.stories.contains(story));
            let story = known.or(library.stories.first()).cloned();
            if let Some(story) = story {
                self.select_story(story);
            }
        }
    }

    pub(super) fn step_layer(&mut self, step: isize) {
        let (Some(selection), Some(library)) = (
            &mut self.state.selection,
            self.info.features.library.ready(),
        ) else {
            return;
        };
        let at = library
            .layers
            .iter()
            .position(|layer| Some(layer) == selection.layer.as_ref())
            .unwrap_or(0);
        let at = at
            .saturating_add_signed(step)
            .min(library.layers.len().saturating_sub(1));
        selection.layer = library.layers.get(at).cloned();
    }

    /// Saves the figure of the page.
    pub(super) fn export(&mut self, format: ExportFormat) {
        let content = match self.state.page() {
            Page::Features => self.feature_figure(),
            Page::Scores => self.score_figure(),
            Page::Align => self.alignment_figure(),
            Page::Brain => {
                let shown = self.info.brain.picture.ready().cloned();
                shown.map(|shown| Content::Brain(Box::new(shown)))
            }
            _ => None,
        };
        let Some(content) = content else {
            let sentence =
                "There is no figure on this page. Open Features, Align, Scores or Brain.";
            self.notify(Tone::Plain, sentence.into());
            return;
        };
        let size = self.state.preferences.export;
        let export = Box::new(Export { content, size });
        self.workers.disk_task(DiskTask::Export(export, format));
    }

    fn feature_figure(&self) -> Option<Content> {
        let (selection, library) = (
            self.state.selection.as_ref()?,
            self.info.features.library.ready()?,
        );
        Some(Content::Features(Box::new(FeatureFigure {
            selection: selection.clone(),
            shown: self.state.shown_secs,
            library: library.clone(),
            layer: self.info.features.layer.ready().cloned(),
            analysis: self.info.features.analysis.ready().cloned(),
        })))
    }

    fn score_figure(&self) -> Option<Content> {
        let folder = &self.info.fit.scores.ready()?.folder;
        let figure = self.pages.scores.figure(&self.state, &self.info)?;
        Some(Content::Ready {
            figure: Box::new(figure),
            folder: folder.clone(),
            recipe: folder.join("recipe.toml"),
        })
    }

    fn alignment_figure(&self) -> Option<Content> {
        let study = &self.state.open.as_ref()?.folder;
        let alignment = self.info.fit.alignment.ready()?;
        let shown = self.state.shown_secs.unwrap_or(alignment.span_secs());
        Some(Content::Ready {
            figure: Box::new(aligned(alignment, shown)),
            folder: study.clone(),
            recipe: study.join("study.toml"),
        })
    }

    pub(super) fn copy_command(&mut self, ctx: &egui::Context) {
        match self.recipe() {
            Ok(recipe) => {
                ctx.copy_text(command_text::of_recipe(&recipe));
                self.notify(Tone::Plain, "Command copied.".into());
            }
            Err(sentence) => self.notify(Tone::Red, sentence),
        }
    }

    pub(super) fn copy_slurm(&mut self, ctx: &egui::Context) {
        let script = self.recipe().and_then(|recipe| {
            let stories = match &recipe.stimuli.stories[..] {
                [] => self
                    .info
                    .listed()
                    .map(|story| story.story.clone())
                    .collect(),
                chosen => chosen.to_vec(),
            };
            let recipe = recipe_text(recipe)?;
            Ok(slurm::array_script(&self.program, &recipe, &stories))
        });
        match script {
            Ok(script) => {
                ctx.copy_text(script);
                self.notify(
                    Tone::Plain,
                    "Slurm script copied. Save it on the cluster and give it to sbatch.".into(),
                );
            }
            Err(sentence) => self.notify(Tone::Red, sentence),
        }
    }

    /// Shows a story from its beginning: its recording, if the study has it, and its features, if they are open.
    pub(super) fn select_story(&mut self, story: String) {
        let mut is_new = false;
        if let (Some(selection), Some(library)) = (
            &mut self.state.selection,
            self.info.features.library.ready(),
        ) && library.stories.contains(&story)
        {
            is_new |= selection.story.as_ref() != Some(&story);
            selection.story = Some(story.clone());
        }
        let is_recorded = self.info.stories().iter().any(|known| known.story == story);
        if is_recorded && self.state.story.as_ref() != Some(&story) {
            is_new = true;
            self.state.story = Some(story);
        }
        if is_new {
            self.state.cursor_secs = 0.0;
            self.state.shown_secs = None;
        }
    }

    /// Moves the cursor, and the playback with it.
    pub(super) fn look_at(&mut self, secs: f64) {
        let mut ends = [0.0, f64::INFINITY];
        if let Some(sound) = self.info.sound.ready() {
            ends[1] = sound.secs();
        }
        // Scans begin before the sound, and last longer.
        let aligned = self.info.fit.alignment.ready();
        if let Some(alignment) = aligned.filter(|_| self.state.page() == Page::Align) {
            let [first, last] = alignment.span_secs();
            let sound_secs = if ends[1].is_finite() { ends[1] } else { 0.0 };
            ends = [first.min(0.0), last.max(sound_secs)];
        }
        self.state.cursor_secs = secs.clamp(ends[0], ends[1]);
        self.workers.player.seek(self.state.cursor_secs.max(0.0));
    }

    pub(super) fn toggle_play(&mut self) {
        if self.info.is_playing {
            return self.workers.player.stop();
        }
        if let Some(sound) = self.info.sound.ready() {
            let is_at_end = self.state.cursor_secs >= sound.secs() - 0.05;
            let from_secs = if is_at_end {
                0.0
            } else {
                self.state.cursor_secs
            };
            self.workers.player.play(sound.samples(), from_secs);
        }
    }

    /// Follows the playback.
    pub(super) fn follow_player(&mut self, ctx: &egui::Context) {
        let heard = self.workers.player.heard_secs();
        self.info.is_playing = heard.is_some();
        if let Some(secs) = heard {
            self.state.cursor_secs = secs;
            if let Some([from, to]) = self
                .state
                .shown_secs
                .filter(|[from, to]| !(*from..=*to).contains(&secs))
            {
                self.state.shown_secs = Some([secs, secs + to - from]);
            }
            ctx.request_repaint_after_secs(1.0 / 30.0);
        }
        if let Some(sentence) = self.workers.player.take_problem() {
            self.notify(Tone::Plain, sentence);
        }
    }

    /// The recording of the selected story, where its audio is shown.
    pub(super) fn selected_recording(&self) -> Option<PathBuf> {
        let story = self.state.story.as_ref()?;
        let found = self
            .info
            .stories()
            .iter()
            .find(|known| known.story == *story)?;
        matches!(found.header, Some(Ok(_))).then(|| found.path.clone())
    }

    /// Closes the window, whatever runs.
    pub(super) fn close(&mut self, jobs: AtClose, ctx: &egui::Context) {
        if jobs == AtClose::Pause {
            self.jobs.pause_all();
        }
        self.close_request = CloseRequest::Settled;
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }
}

/// A recipe as its file has it.
fn recipe_text(recipe: ExtractRecipe) -> Result<String, String> {
    RecipeFile {
        extract: recipe,
        run: None,
    }
    .to_toml()
}

/// The recipe in a line.
fn subtitle(recipe: &ExtractRecipe, study: Option<&str>) -> String {
    let window = &recipe.window;
    let step_secs = window.stride_secs.unwrap_or(window.chunk_ms / 1000.0);
    let window_secs = (window.chunk_ms + window.context_ms) / 1000.0;
    let settings = format!("window {window_secs} s, a row every {step_secs} s");
    study.map_or_else(|| settings.clone(), |study| format!("{study} · {settings}"))
}
