//! The application, frame by frame: collect replies, draw the page, apply its actions.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use heschl_core::brain::Subject;
use heschl_core::run::recipe::ScansRecipe;
use heschl_core::speech::ENCODER_RATE_HZ;

use super::actions::{Actions, AtClose};
use super::close_request::CloseRequest;
use super::fitting::FitStudy;
use super::history::History;
use super::info::Info;
use super::jobs::Jobs;
use super::jobs::data::{JobInfo, JobState};
use super::loading::Loading;
use super::log;
use super::pages::Pages;
use super::palette::CommandPalette;
use super::state::{Motion, Page, Preferences, Settings, Speed, State, Study};
use super::study::StudyLock;
use super::toasts::{Toasts, Tone};
use super::workers::{DiskTask, Requests, StudyContentsRequest, TrialRequest, Waker, Workers};
use super::{close_request, rail, shortcuts, status_bar, theme};

/// What the window begins with.
pub(crate) struct StartOptions {
    /// Heschl's data folder.
    pub(crate) folder: PathBuf,
    /// What the last window left.
    pub(crate) preferences: Preferences,
    /// A sentence about what could not be read of it.
    pub(crate) error_message: Option<String>,
    /// What is to be opened.
    pub(crate) path: Option<PathBuf>,
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// This program, which runs the jobs.
    pub(crate) program: PathBuf,
}

/// The window.
pub(crate) struct App {
    pub(super) state: State,
    pub(super) info: Info,
    pub(super) pages: Pages,
    pub(super) workers: Workers,
    pub(super) jobs: Jobs,
    /// What runs the jobs: this program.
    pub(super) program: PathBuf,
    /// Whether it was to be closed while jobs run.
    pub(super) close_request: CloseRequest,
    /// The sample runs; when it is done, its features are shown.
    pub(super) is_sample_running: bool,
    pub(super) palette: CommandPalette,
    pub(super) toasts: Toasts,
    pub(super) history: History,
    pub(super) folder: PathBuf,
    /// Who may write the study that is open.
    pub(super) study_lock: Option<StudyLock>,
    /// The study as it was when it was opened.
    pub(super) as_opened: Option<Study>,
    /// The subject that the drawn regions belong to.
    pub(super) subject_of_regions: Option<Arc<Subject>>,
    /// What is on the disk.
    pub(super) saved: State,
    /// What was on the disk, or on its way there, when it was last looked.
    pub(super) now_secs: f64,
    pub(super) changed_secs: f64,
    /// When it was last tried to take hold of the study.
    pub(super) lock_tried_secs: f64,
    /// The sample runs by itself once its stories are known.
    pub(super) runs_sample: bool,
}

/// The window looks so often whether what it shows has changed.
const LOOK_EVERY_SECS: f32 = 2.0;

impl App {
    /// Puts the window together.
    #[must_use]
    pub(crate) fn new(ctx: &egui::Context, options: StartOptions) -> Self {
        theme::install(ctx);
        let repaint = ctx.clone();
        let waker: Waker = Arc::new(move || repaint.request_repaint());
        let mut workers = Workers::open(&waker);
        let state = State {
            preferences: options.preferences,
            ..State::default()
        };
        workers.want_machine(state.preferences.settings.runtime.clone());
        workers.disk_task(DiskTask::LookFor(state.preferences.recent_studies.clone()));
        match (&options.path, &state.preferences.last_study) {
            (Some(path), _) => workers.classify(vec![path.clone()]),
            (None, Some(study)) => workers.disk_task(DiskTask::Open(study.clone())),
            (None, None) => {}
        }
        let jobs = Jobs::open(&options.folder, options.program.clone(), &waker);
        let info = Info {
            home: options.home,
            ..Info::default()
        };
        let mut window = Self {
            saved: state.clone(),
            state,
            info,
            pages: Pages::default(),
            workers,
            jobs,
            program: options.program,
            close_request: CloseRequest::default(),
            is_sample_running: false,
            palette: CommandPalette::default(),
            toasts: Toasts::default(),
            history: History::default(),
            folder: options.folder,
            study_lock: None,
            as_opened: None,
            subject_of_regions: None,
            lock_tried_secs: 0.0,
            now_secs: 0.0,
            changed_secs: 0.0,
            runs_sample: false,
        };
        if let Some(error_message) = options.error_message {
            window.notify(Tone::Amber, error_message);
        }
        window.apply_settings(ctx);
        window
    }

    /// Shows a note and logs it.
    pub(super) fn notify(&mut self, tone: Tone, text: String) {
        self.info.log.push(super::info::LogLine {
            secs: self.now_secs,
            text: text.clone(),
        });
        self.toasts.add(tone, text, self.now_secs);
    }

    /// Changes study or settings so that it can be undone.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut State)) {
        self.history.note(&self.state, self.now_secs);
        change(&mut self.state);
        self.info.undo = self.history.info();
    }

    pub(super) fn undo(&mut self) {
        self.history.undo(&mut self.state);
        self.info.undo = self.history.info();
    }

    pub(super) fn redo(&mut self) {
        self.history.redo(&mut self.state);
        self.info.undo = self.history.info();
    }

    /// Where new studies go.
    pub(super) fn studies_folder(&self) -> PathBuf {
        let settings = &self.state.preferences.settings;
        pages_folder(settings, self.info.home.as_deref(), &self.folder)
    }

    /// What the state asks for.
    fn requests(&self) -> Requests {
        let study = self.state.study();
        let fit = study.map(|study| &study.fit);
        let scans = fit.and_then(|fit| scan_folder(&fit.scans));
        let words = study.and_then(|study| study.fit.words.as_ref().or(study.stimuli.as_ref()));
        Requests {
            stimuli: study.and_then(Study::recordings_folder),
            selection: self.state.selection.as_ref().map(|it| it.folder.clone()),
            fit_features: self.state.fit_features(),
            responses: fit.and_then(|fit| Some((fit.responses.clone()?, fit.mask.clone()))),
            fit: self.fit_text().ok(),
            alignment: [scans, words].into_iter().flatten().cloned().collect(),
            scores: self.state.scores.clone(),
            other_scores: self.state.other_scores.clone(),
        }
    }

    /// Asks for what every page needs of the study, and forgets whatever answers another question than the state's.
    pub(super) fn ask(&mut self) {
        let requests = self.requests();
        self.workers.discard_others(&requests, &mut self.info);
        let open = self.state.open.as_ref();
        let study = open.map(|open| &open.study);
        let is_recursive = study.is_some_and(|study| study.recursive);
        self.workers
            .want_stories(requests.stimuli.as_ref(), is_recursive, &mut self.info);
        let model = study.map(|study| study.model.as_str());
        self.workers.want_model(model, &mut self.info);
        let found =
            open.map(|open| StudyContentsRequest::of(open.folder.clone(), open.study.clone()));
        self.workers.want_study_contents(found, &mut self.info);
        self.workers
            .want_sound(self.selected_recording(), &mut self.info);
    }

    /// Collects replies and requests what is missing.
    fn collect(&mut self) {
        self.ask();
        for event in self.workers.collect(&mut self.info) {
            self.handle(event);
        }
        if let Some(queue) = self.jobs.news() {
            self.take_queue(queue);
        }
        self.ask();
        if matches!(self.study_lock, Some(StudyLock::Others))
            && self.now_secs - self.lock_tried_secs > f64::from(LOOK_EVERY_SECS)
        {
            self.try_to_lock_study();
        }
        self.show_found();
        self.follow_subject();
        if self.state.page() == Page::Models {
            self.workers.want_models(&mut self.info);
        }
        self.info.recipe_of_now = self.recipe_of_now();
        self.info.fit_of_now = self.fit_text().ok();
        self.want_trial();
        self.choose_story();
        let is_shown = self.state.page() == Page::Features;
        if let Some(selection) = self.state.selection.as_ref().filter(|_| is_shown) {
            self.workers.want_features(Some(selection), &mut self.info);
        }
        self.choose_features();
        let requests = self.requests();
        self.want_fit(&requests);
        self.choose_layer();
        self.workers.watch(&requests, &mut self.info);
        if self.runs_sample && self.info.stories.ready().is_some() {
            self.runs_sample = false;
            self.is_sample_running = true;
            self.run();
        }
    }

    /// Has the encoder tried, but not beside a job that computes: it would be slow, and slow the job down. What was tried before
    /// still holds.
    fn want_trial(&mut self) {
        let running = self.info.queue.running();
        let is_busy = running.is_some_and(|job| job.task.computes());
        let trial = self
            .trial()
            .filter(|trial| !is_busy || self.workers.tried() == Some(trial));
        self.workers.want_trial(trial, &mut self.info);
        self.note_speed();
    }

    /// Remembers how fast a model ran when it was tried.
    fn note_speed(&mut self) {
        let (Some(tried), Some(trial)) = (self.workers.tried(), self.info.trial.ready()) else {
            return;
        };
        let Ok(lengths) = tried.recipe.window.lengths() else {
            return;
        };
        let speed = Speed {
            windows_per_sec: trial.windows_per_sec,
            window_secs: lengths.window_samples as f64 / f64::from(ENCODER_RATE_HZ),
        };
        let model = tried.recipe.model.model.clone();
        self.state.preferences.speeds.insert(model, speed);
    }

    /// Selects the first story where the selected one is not there.
    fn choose_story(&mut self) {
        let stories = self.info.stories();
        let first = stories.iter().find(|story| story.is_readable());
        let first = first.or(stories.first()).map(|story| story.story.clone());
        let is_there = |story: &String| stories.iter().any(|known| known.story == *story);
        let is_measured = |story: &String| {
            let measured = self.info.fit.responses.ready();
            let fit = self.state.study().map(|study| &study.fit);
            let of = |fit: &FitStudy| measured.map(|stories| fit.stories(stories));
            let stories = fit.and_then(of).unwrap_or_default();
            stories.iter().any(|known| known.story == *story)
        };
        let is_known = |story: &String| is_there(story) || is_measured(story);
        if !self.state.story.as_ref().is_some_and(is_known) && first.is_some() {
            self.state.story = first;
        }
    }

    /// What must be tried to forecast the study's job: nothing but on its page, and only what can run.
    fn trial(&self) -> Option<TrialRequest> {
        let is_asked = self.state.page() == Page::Extract;
        let model = self.info.model.ready().filter(|_| is_asked)?;
        let mut recipe = self.recipe().ok()?;
        recipe.window.lengths_for(model.card.reach()).ok()?;
        recipe.stimuli.stories.truncate(1);
        if recipe.stimuli.stories.is_empty() {
            let mut readable = self.info.stories().iter();
            let first = readable.find(|story| story.is_readable());
            recipe
                .stimuli
                .stories
                .extend(first.map(|story| story.story.clone()));
        }
        recipe.output.overwrite = false;
        Some(TrialRequest {
            recipe,
            runtime: self.state.preferences.settings.runtime.clone(),
        })
    }

    fn apply_settings(&mut self, ctx: &egui::Context) {
        let settings = &self.state.preferences.settings;
        theme::choose(ctx, settings.theme);
        if (ctx.zoom_factor() - settings.scale).abs() > 1e-3 {
            ctx.set_zoom_factor(settings.scale);
        }
        let secs = match settings.motion {
            Motion::Full => 0.12,
            Motion::Reduced => 0.0,
        };
        ctx.all_styles_mut(|style| style.animation_time = secs);
    }

    /// Opens the links that were clicked.
    pub(super) fn open_links(&mut self, ctx: &egui::Context) {
        let is_link =
            |command: &mut egui::OutputCommand| matches!(command, egui::OutputCommand::OpenUrl(_));
        let links: Vec<_> =
            ctx.output_mut(|output| output.commands.extract_if(.., is_link).collect());
        for link in links {
            if let egui::OutputCommand::OpenUrl(link) = link {
                self.workers.disk_task(DiskTask::OpenLink(link.url));
            }
        }
    }

    /// Draws everything and returns what was asked for.
    fn draw(&mut self, ui: &mut egui::Ui) -> Actions {
        // Esc leaves what is open: a field first, which takes the key for itself, then the notes.
        let is_leaving = ui.input(|input| input.key_pressed(egui::Key::Escape));
        if is_leaving && !self.palette.is_open() && self.close_request != CloseRequest::Actions {
            self.toasts.clear();
        }
        self.palette.keep_early(ui.ctx());
        let mut actions = shortcuts::read(ui.ctx(), &self.state, self.palette.is_open());
        status_bar::ui(ui, &self.state, &self.info, &mut actions);
        rail::ui(ui, &self.state, &self.info, &mut actions);
        if self.state.preferences.layout.has_log {
            log::ui(ui, &self.info, &mut actions);
        }
        self.pages.ui(ui, &self.state, &self.info, &mut actions);
        self.toasts.ui(ui);
        self.palette.ui(ui, &self.state, &mut actions);
        if self.close_request == CloseRequest::Actions {
            close_request::ui(ui, &self.info, &mut actions);
        }
        shortcuts::drops(ui, &mut actions);
        actions
    }
}

/// Where new studies go: as set, else in the user's documents, else beside Heschl's data.
#[must_use]
pub(super) fn pages_folder(
    settings: &Settings,
    home: Option<&std::path::Path>,
    data: &std::path::Path,
) -> PathBuf {
    let in_home = || home.map(|home| home.join("Heschl"));
    settings
        .studies_folder
        .clone()
        .or_else(in_home)
        .unwrap_or_else(|| data.join("studies"))
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.now_secs = ctx.input(|input| input.time);
        let is_closing = ctx.input(|input| input.viewport().close_requested());
        let queue = &self.info.queue;
        if is_closing
            && self.close_request != CloseRequest::Settled
            && queue.n_alive() > 0
            && !queue.is_run_elsewhere
        {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.close_request = CloseRequest::Actions;
        }
        self.collect();
        // The last job has ended while the question stood: nothing is left to ask.
        if self.close_request == CloseRequest::Actions && self.info.queue.n_alive() == 0 {
            self.close(AtClose::Leave, ctx);
        }
        self.follow_player(ctx);
        self.save(ctx);
        // Files change on the disk, and memory is taken and freed, while nobody touches the window.
        ctx.request_repaint_after_secs(LOOK_EVERY_SECS);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        for action in self.draw(ui) {
            self.carry_out(action, ui.ctx());
        }
        self.open_links(ui.ctx());
        let settings = &self.state.preferences.settings;
        if *settings != self.saved.preferences.settings {
            if settings.runtime != self.saved.preferences.settings.runtime {
                self.workers.want_machine(settings.runtime.clone());
            }
            let ctx = ui.ctx().clone();
            self.apply_settings(&ctx);
        }
        let size = ui
            .ctx()
            .input(|input| input.viewport().inner_rect)
            .map(|rect| rect.size());
        if let Some(size) = size {
            self.state.preferences.layout.window_size = [size.x.round(), size.y.round()];
        }
        if matches!(self.info.stories, Loading::Waiting) {
            ui.ctx().request_repaint_after_secs(0.1);
        }
    }

    fn on_exit(&mut self) {
        self.save_now();
        let queue = &self.info.queue;
        let is_waiting = |job: &JobInfo| job.state == JobState::Waiting;
        let waits = !queue.is_run_elsewhere && queue.jobs.iter().any(is_waiting);
        self.jobs.close(waits.then_some(self.program.as_path()));
        self.workers.finish_chores();
    }
}

#[cfg(test)]
impl App {
    /// Whether what is asked at the start is answered.
    pub(super) fn work_is_quiet(&self) -> bool {
        self.info.machine.is_some() && self.info.queue.is_known
    }

    /// Does what a page would ask for.
    pub(super) fn do_as_asked(&mut self, action: super::actions::Action, ctx: &egui::Context) {
        self.carry_out(action, ctx);
    }
}

/// The folder that scan times come from.
fn scan_folder(scans: &ScansRecipe) -> Option<&PathBuf> {
    match scans {
        ScansRecipe::Simulated { .. } => None,
        ScansRecipe::Reports { folder, .. }
        | ScansRecipe::Events { folder, .. }
        | ScansRecipe::Lists { folder } => Some(folder),
    }
}
