//! Work in the background: everything that touches a disk, a device or another process happens on threads of this
//! folder. Each kind of request has a worker; replies go into [`super::info::Info`].

mod brain;
mod chance;
mod derived;
mod disk_tasks;
mod drops;
mod features;
mod film;
mod fit;
mod lengths;
mod model;
mod models;
mod picker;
mod player;
mod regions;
mod responses;
mod sound;
mod stories;
mod study_contents;
mod time_course;
mod trial;
mod watch;
mod worker;

pub(crate) use super::waker::Waker;
pub(crate) use time_course::TimeCourseRequest;
pub(crate) use worker::{LatestRequest, Replies, Worker};

use brain::BrainWorker;
pub(crate) use derived::DerivedRequest;
use std::path::PathBuf;

use super::brain::BrainRequest;
use super::features::FeatureSelection;
use super::figure::FilmExport;
use super::info::{Info, StudyContents};
use super::loading::Loading;
use super::path_purpose::PathPurpose;

/// All workers.
pub(crate) struct Workers {
    stories: LatestRequest<stories::Request, stories::Reply>,
    sound: LatestRequest<sound::Request, sound::Reply>,
    pub(crate) player: Player,
    brain: BrainWorker,
    derived: LatestRequest<DerivedRequest, derived::Reply>,
    model: LatestRequest<model::Request, model::Reply>,
    models: LatestRequest<models::Request, models::Reply>,
    trial: LatestRequest<trial::Request, trial::Reply>,
    study_contents: LatestRequest<StudyContentsRequest, StudyContents>,
    features: features::FeatureWorkers,
    film: film::FilmWorker,
    fit: fit::FitWorkers,
    picker: Worker<picker::Request, picker::Reply>,
    disk_tasks: Worker<DiskTask, Done>,
    drops: Worker<Vec<PathBuf>, Vec<drops::Meaning>>,
    machine: Worker<model::AboutMachine, super::info::MachineInfo>,
    watch: watch::FileWatcher,
}

/// What workers report to the window.
pub(crate) enum Event {
    /// A path was picked.
    Picked(PathPurpose, PathBuf),
    /// This is what the dropped paths are.
    Dropped(Vec<drops::Meaning>),
    /// Something to tell.
    Tell(String),
    /// A disk task has finished.
    Done(Done),
}

pub(crate) use disk_tasks::{DiskTask, Done, OpenedStudy, Origin};
pub(crate) use drops::Meaning;
pub(crate) use fit::AlignmentAsk;
pub(crate) use lengths::LengthsRequest;
use player::Player;
pub(crate) use regions::RegionsExport;
pub(crate) use responses::ResponsesRequest;
pub(crate) use study_contents::StudyContentsRequest;
pub(crate) use trial::Request as TrialRequest;
use watch::Watched;

/// What the window's state asks for: whatever is known belongs to these questions.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Requests {
    /// The folder of recordings.
    pub(crate) stimuli: Option<PathBuf>,
    /// The features that are looked at.
    pub(crate) selection: Option<PathBuf>,
    /// The features of the fit.
    pub(crate) fit_features: Option<PathBuf>,
    /// The responses of the fit.
    pub(crate) responses: Option<ResponsesRequest>,
    /// The recipe of the fit, if it can be fitted.
    pub(crate) fit: Option<String>,
    /// Folders of scan times and words.
    pub(crate) alignment: Vec<PathBuf>,
    /// The scores that are looked at.
    pub(crate) scores: Option<PathBuf>,
    /// The scores that they are compared with.
    pub(crate) other_scores: Option<PathBuf>,
}

impl Requests {
    /// The paths that the answers come from.
    fn paths(&self) -> Vec<(Watched, PathBuf)> {
        let responses = self.responses.iter();
        let responses = responses.flat_map(|(path, mask)| [Some(path), mask.as_ref()]);
        let all = [
            (Watched::Stories, self.stimuli.as_ref()),
            (Watched::Features, self.selection.as_ref()),
            (Watched::FitFeatures, self.fit_features.as_ref()),
            (Watched::Scores, self.scores.as_ref()),
            (Watched::Scores, self.other_scores.as_ref()),
        ];
        let alignment = self
            .alignment
            .iter()
            .map(|folder| (Watched::Alignment, Some(folder)));
        all.into_iter()
            .chain(responses.map(|path| (Watched::Responses, path)))
            .chain(alignment)
            .filter_map(|(watched, path)| Some((watched, path?.clone())))
            .collect()
    }
}

impl Workers {
    /// Starts every worker.
    pub(crate) fn open(waker: &Waker) -> Self {
        Self {
            stories: LatestRequest::of(stories::open(waker)),
            sound: LatestRequest::of(sound::open(waker)),
            player: Player::open(waker),
            brain: BrainWorker::open(waker),
            derived: LatestRequest::of(derived::open(waker)),
            model: LatestRequest::of(model::open(waker)),
            models: LatestRequest::of(models::open(waker)),
            trial: LatestRequest::of(trial::open(waker)),
            features: features::FeatureWorkers::open(waker),
            film: film::FilmWorker::open(waker),
            fit: fit::FitWorkers::open(waker),
            picker: picker::open(waker),
            disk_tasks: disk_tasks::open(waker),
            drops: drops::open(waker),
            machine: model::open_machine(waker),
            study_contents: LatestRequest::of(study_contents::open(waker)),
            watch: watch::FileWatcher::open(waker),
        }
    }

    /// Asks for the stories of a folder, unless they are known or asked for.
    pub(crate) fn want_stories(
        &mut self,
        folder: Option<&PathBuf>,
        recursive: bool,
        info: &mut Info,
    ) {
        let request = folder.map(|folder| stories::Request {
            folder: folder.clone(),
            recursive,
        });
        self.stories.want(request, &mut info.stories);
    }

    /// Asks for the stories again, for the folder may have changed.
    pub(crate) fn forget_stories(&mut self) {
        self.stories.refresh();
    }

    /// Asks for a recording's sound, unless it is known or asked for.
    pub(crate) fn want_sound(&mut self, path: Option<PathBuf>, info: &mut Info) {
        let request = path.map(|path| sound::Request { path });
        if request.as_ref() != self.sound.last() {
            self.player.stop();
        }
        self.sound.want(request, &mut info.sound);
    }

    /// Asks for what is shown of features.
    pub(crate) fn want_features(&mut self, selection: Option<&FeatureSelection>, info: &mut Info) {
        self.features.want(selection, info);
    }

    /// Asks for what a fit needs to know.
    pub(crate) fn want_fit(
        &mut self,
        requests: &Requests,
        lengths: Option<LengthsRequest>,
        info: &mut Info,
    ) {
        self.fit.want(requests, lengths, &mut info.fit);
    }

    /// Asks for a story on one clock.
    pub(crate) fn want_alignment(&mut self, request: Option<AlignmentAsk>, info: &mut Info) {
        self.fit.want_alignment(request, &mut info.fit);
    }

    /// Asks what a fit would take.
    pub(crate) fn want_fit_forecast(&mut self, recipe: Option<String>, info: &mut Info) {
        self.fit.want_forecast(recipe, &mut info.fit);
    }

    /// Asks for the selected scores.
    pub(crate) fn want_scores(&mut self, requests: &Requests, info: &mut Info) {
        self.fit.want_scores(requests, &mut info.fit);
    }

    /// Asks for the time course of a voxel of the selected scores.
    pub(crate) fn want_time_course(&mut self, request: Option<TimeCourseRequest>, info: &mut Info) {
        self.fit.want_time_course(request, &mut info.fit);
    }

    /// Asks for a picture of the cortex.
    pub(crate) fn want_brain(&mut self, request: Option<BrainRequest>, info: &mut Info) {
        self.brain.want(request, &mut info.brain);
    }

    /// Saves a film.
    pub(crate) fn save_film(&mut self, film: FilmExport) {
        self.film.save(film);
    }

    /// Stops the film that is being saved.
    pub(crate) fn stop_film(&self) {
        self.film.stop();
    }

    /// Asks for maps made from fits, unless they are known or asked for.
    pub(crate) fn want_derived(&mut self, request: Option<DerivedRequest>, info: &mut Info) {
        self.derived.want(request, &mut info.brain.derived);
    }

    /// Asks for scores again, for a fit may have changed them.
    pub(crate) fn forget_scores(&mut self) {
        self.derived.refresh();
        self.brain.refresh();
        self.fit.forget_scores();
    }

    /// Asks what a model says of itself, unless it is known or asked for.
    pub(crate) fn want_model(&mut self, name: Option<&str>, info: &mut Info) {
        let request = name.map(|name| model::Request { name: name.into() });
        self.model.want(request, &mut info.model);
    }

    /// Asks for all models.
    pub(crate) fn want_models(&mut self, info: &mut Info) {
        self.models.want(Some(models::Request), &mut info.models);
    }

    /// Asks for the models again, for one may have come or gone.
    pub(crate) fn look_at_models_again(&mut self) {
        self.models.refresh();
        self.model.refresh();
    }

    /// Asks what a study has, unless it is known or asked for.
    pub(crate) fn want_study_contents(
        &mut self,
        request: Option<StudyContentsRequest>,
        info: &mut Info,
    ) {
        self.study_contents.want(request, &mut info.study_contents);
    }

    /// Asks again what the study has: a job may have changed it.
    pub(crate) fn look_into_study_again(&mut self) {
        self.study_contents.refresh();
    }

    /// What was tried last.
    #[must_use]
    pub(crate) fn tried(&self) -> Option<&TrialRequest> {
        self.trial.last()
    }

    /// Asks for a trial of the encoder, unless it is known or asked for.
    pub(crate) fn want_trial(&mut self, request: Option<TrialRequest>, info: &mut Info) {
        self.trial.want(request, &mut info.trial);
    }

    /// Forgets whatever is known of other features, scores and fits than these.
    pub(crate) fn discard_others(&mut self, requests: &Requests, info: &mut Info) {
        self.features
            .discard_others(requests.selection.as_ref(), info);
        self.fit.discard_others(requests, &mut info.fit);
    }

    /// Has all files of the study checked again.
    pub(crate) fn refresh(&mut self) {
        self.stories.refresh();
        self.features.refresh();
        self.study_contents.refresh();
        for watched in [Watched::Responses, Watched::FitFeatures] {
            self.fit.refresh(watched);
        }
        self.look_at_models_again();
    }

    /// Looks whether what is known has changed on the disk.
    pub(crate) fn watch(&mut self, requests: &Requests, info: &mut Info) {
        self.watch.poll(requests.paths());
        let Some((changed, memory)) = self.watch.changes() else {
            return;
        };
        if let Some(machine) = &mut info.machine {
            (machine.memory_bytes, machine.free_memory_bytes) = memory;
        }
        for watched in changed {
            match watched {
                Watched::Stories => self.stories.refresh(),
                Watched::Features => self.features.refresh(),
                Watched::FitFeatures | Watched::Responses | Watched::Alignment => {
                    self.fit.refresh(watched);
                    self.study_contents.refresh();
                }
                Watched::Scores => self.forget_scores(),
            }
        }
    }

    /// Asks what can be computed on.
    pub(crate) fn want_machine(&mut self, runtime: Option<PathBuf>) {
        self.machine.ask(model::AboutMachine { runtime });
    }

    /// Opens a dialog of the system in a process of its own.
    pub(crate) fn pick(&mut self, purpose: PathPurpose, start: Option<PathBuf>, info: &mut Info) {
        info.picking = Some(purpose);
        self.picker.ask(picker::Request { purpose, start });
    }

    /// Waits no longer for the dialog.
    pub(crate) fn stop_picking(&mut self, info: &mut Info) {
        info.picking = None;
        self.picker.ask(picker::Request {
            purpose: PathPurpose::Nothing,
            start: None,
        });
    }

    /// Queues a disk task.
    pub(crate) fn disk_task(&mut self, disk_task: DiskTask) {
        self.disk_tasks.ask_also(disk_task);
    }

    /// Waits until the last errands are done: the window is closing.
    pub(crate) fn finish_chores(&mut self) {
        self.film.stop();
        self.disk_tasks.finish();
    }

    /// Finds out what dropped paths are.
    pub(crate) fn classify(&mut self, paths: Vec<PathBuf>) {
        self.drops.ask(paths);
    }

    /// Takes replies into the info, and returns the events that remain to be handled.
    pub(crate) fn collect(&mut self, info: &mut Info) -> Vec<Event> {
        let mut events = vec![];
        self.brain.collect(&mut info.brain);
        for reply in self.derived.replies() {
            info.brain.derived = reply;
        }
        for reply in self.stories.replies() {
            stories::take(reply, info);
        }
        self.features.collect(info);
        self.fit.collect(&mut info.fit);
        for reply in self.sound.replies() {
            info.sound = reply;
        }
        for reply in self.model.replies() {
            info.model = reply;
        }
        for reply in self.models.replies() {
            info.models = reply;
        }
        for reply in self.trial.replies() {
            info.trial = reply;
        }
        for reply in self.study_contents.replies() {
            info.study_contents = Loading::Ready(reply);
        }
        for machine in self.machine.replies() {
            info.machine = Some(machine);
        }
        for reply in self.picker.replies() {
            if info.picking != Some(reply.purpose) {
                continue;
            }
            info.picking = None;
            match reply.picked {
                Ok(Some(path)) => events.push(Event::Picked(reply.purpose, path)),
                Ok(None) => {}
                Err(sentence) => events.push(Event::Tell(sentence)),
            }
        }
        for reply in self.film.replies() {
            info.brain.saving = match reply {
                film::Reply::Progress(done) => Some(done),
                film::Reply::Ended(path, notice) => {
                    events.extend(notice.map(Event::Tell));
                    events.push(match path {
                        Some(path) => Event::Done(Done::Exported(path)),
                        None => Event::Tell(
                            "The film was stopped. Save it again to go on with it.".into(),
                        ),
                    });
                    None
                }
                film::Reply::Failed(sentence) => {
                    events.push(Event::Done(Done::Refused(sentence)));
                    None
                }
            };
        }
        events.extend(self.disk_tasks.replies().map(Event::Done));
        events.extend(self.drops.replies().map(Event::Dropped));
        events
    }
}
